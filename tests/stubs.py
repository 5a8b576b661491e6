"""Write the type stubs: what static checkers and editors know of the functions.

``python tests/stubs.py`` writes them anew from the functions' own signatures.  A Tensor
among the arrays makes the result one.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import minigrad as mg
from minigrad import ops
from minigrad.ops.record import Op
from minigrad.tensor import door, hung

ROOT = Path(mg.__file__).parent
P = inspect.Parameter
DATA = (
    "a a1 a2 a_min a_max anchor ar ar1 ar2 arr array ary b distance element f filt h key "
    "log_probability logit logits m mean negative p positive prediction probability prototype q "
    "query reference score scores seq_of_zeros source_values target test_elements u v val values "
    "variance x x1 x2 y z A M"
).split()
"""Parameters that are arrays, or Tensors."""
SEVERAL = ("arrays", "tup", "seq", "arys", "xi", "operands", "choicelist")
"""Parameters that are several of them."""
METADATA = {
    "axis": "Axis",
    "keepdims": "bool",
    "dtype": "DTypeLike | None",
    "k": "int",
    "ddof": "float",
    "offset": "int",
    "reduction": "str",
}

NUMPY = "2.4"
"""Whose signatures the stubs follow: other versions have other parameters."""
HEAD = '''\
"""Written by tests/stubs.py: what type checkers and editors know of this module."""

# mypy: disable-error-code="overload-overlap,overload-cannot-match"
# pyright: reportOverlappingOverload=false, reportInconsistentOverload=false
# ruff: noqa

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

'''
ALIASES = """
Array: TypeAlias = NDArray[Any]
Operand: TypeAlias = Tensor | ArrayLike
Plain: TypeAlias = Array | np.generic | complex | Sequence[Any]
Axis: TypeAlias = int | Sequence[int] | None
"""


# --- what comes out --------------------------------------------------------------------

SEVERAL_RESULTS = {
    "list[Tensor]": "split array_split hsplit vsplit dsplit",
    "tuple[Tensor, ...]": "unstack broadcast_arrays meshgrid",
    "tuple[Tensor, Tensor]": "divmod modf polydiv",
    "Any": "atleast_1d atleast_2d atleast_3d gradient linspace unique unique_all unique_counts "
    "unique_inverse average frexp histogram polyfit linalg.eig linalg.eigh linalg.svd linalg.qr "
    "linalg.slogdet linalg.lstsq linalg.matrix_rank",
}
"""Type -> the functions whose results it is; Any: keywords or the number of arrays decide."""
RESULTS = {name: kind for kind, names in SEVERAL_RESULTS.items() for name in names.split()}


def results(name: str, function: Any) -> tuple[str, str]:
    """The types of the result for Tensors, and for arrays."""
    if isinstance(function, Op) and function.vjps is None:
        return "Any", "Any"
    stated = getattr(inspect.unwrap(function), "__annotations__", {}).get("return", "")
    stated = stated.replace("Array", "Any")
    if stated.startswith("tuple") and name not in RESULTS:
        return stated.replace("Any", "Tensor"), stated
    ours = RESULTS.get(name, "Tensor")
    if ours != "Tensor":
        return ours, ours.replace("Tensor", "Any")
    elementwise = isinstance(function, Op) and function.elementwise
    return ours, "Array" if elementwise else "Any"


# --- what goes in ----------------------------------------------------------------------


def typed(p: P, kind: str, given: bool) -> str:
    """One parameter as the stub has it; without default if it is ``given``."""
    stars = {P.VAR_POSITIONAL: "*", P.VAR_KEYWORD: "**"}.get(p.kind, "")
    default = "" if p.default is P.empty or stars or given else f" = {shown(p.default)}"
    return f"{stars}{p.name}: {kind}{default}"


def shown(default: Any) -> str:
    """A default as a stub may have it."""
    return repr(default) if default is None or type(default) in (bool, int, str) else "..."


def stated(p: P) -> str:
    """The type of a parameter that is no array of a Tensor's."""
    if p.name in DATA:
        return "Operand" if p.default is P.empty else "Operand | None"
    if p.name in SEVERAL:
        return "Operand" if p.kind is P.VAR_POSITIONAL else "Sequence[Operand]"
    kind = METADATA.get(p.name, "Any")
    optional = p.default is None and kind in ("int", "float", "str")
    return f"{kind} | None" if optional else kind


def listing(parameters: list[P], kinds: dict[str, str]) -> str:
    """The parameters between the parentheses."""
    out, starred, by_place = [], False, False
    last = max((i for i, p in enumerate(parameters) if kinds.get(p.name) == "Tensor"), default=-1)
    for i, p in enumerate(parameters):
        if by_place and p.kind is not P.POSITIONAL_ONLY:
            out.append("/")
        by_place = p.kind is P.POSITIONAL_ONLY
        if p.kind is P.KEYWORD_ONLY and not starred:
            out.append("*")
            starred = True
        starred = starred or p.kind is P.VAR_POSITIONAL
        given = i <= last and (i == last or p.kind is not P.KEYWORD_ONLY)
        out.append(typed(p, kinds.get(p.name) or stated(p), given))
    if by_place:
        out.append("/")
    return ", ".join(out)


def forms(parameters: list[P], ours: str, theirs: str) -> Iterator[tuple[dict[str, str], str]]:
    """The overloads: a Tensor among the arrays makes the result one."""
    data = [p for p in parameters if p.name in DATA]
    several = [p for p in parameters if p.name in SEVERAL]
    if ours == theirs or not (data or several):
        yield {}, ours
        return
    for p in several[:1]:
        form = "{}" if p.kind is P.VAR_POSITIONAL else "Sequence[{}]"
        yield {p.name: form.format("Tensor")}, ours
        yield {p.name: form.format("ArrayLike")}, theirs
        yield {p.name: form.format("Operand")}, ours
        return
    for p in data:
        yield {p.name: "Tensor"}, ours
    needed = [p for p in data if p.default is P.empty]
    if theirs == "Array":
        yield {p.name: "Array" for p in needed}, theirs
    # Tensors are ArrayLike: what could be either, as `np.array([0, 1])` beside one, were Any.
    kind = "ArrayLike" if len(data) == 1 else "Plain"
    yield {p.name: kind for p in needed}, "Any" if theirs == "Array" else theirs


AHEAD = {
    "einsum": (
        "subscripts: str, first: Tensor, /, *operands: Operand, optimize: Any = False",
        "subscripts: str, first: Operand, second: Tensor, /, *operands: Operand, "
        "optimize: Any = False",
    )
}
"""Overloads that say more than signatures do; the result is a Tensor."""


def written(name: str, parameters: list[P], ours: str, theirs: str, method: bool = False) -> str:
    """The definition of one function, once or overloaded."""
    indent = "    " if method else ""
    found = list(forms(parameters, ours, theirs))
    ahead = () if method else AHEAD.get(name, ())
    out = [f"@overload\ndef {name}({listed}) -> Tensor: ..." for listed in ahead]
    for kinds, result in found:
        if len(found) > 1:
            out.append(f"{indent}@overload")
        given = ", ".join(filter(None, ["self" if method else "", listing(parameters, kinds)]))
        out.append(f"{indent}def {name}({given}) -> {result}: ...")
    return "\n".join(out) + "\n"


def parameters(function: Callable[..., Any]) -> list[P]:
    return [p for p in inspect.signature(function).parameters.values() if p.name != "out"]


# --- the files -------------------------------------------------------------------------


def of_module(module: str, prefix: str = "") -> str:
    """The stub of a module that offers ops: these typed, everything else as it is imported."""
    path = ROOT / f"{module.replace('.', '/')}.py" if module else ROOT / "__init__.py"
    path = path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"
    found = importlib.import_module(f"minigrad.{module}" if module else "minigrad")
    lines = re.findall(r"^ *(from [\w.]+ import (\w+) as (\w+))$", path.read_text(), re.M)
    offered = {n: f for n, f in vars(found).items() if n[0] != "_" and is_op(f)}
    imported = [line for line, _, name in lines if name[0] != "_" and name not in offered]
    if module:
        imported.append("from minigrad.tensor import Tensor")
    defined = [
        written(name, parameters(f), *results(prefix + name, f))
        for name, f in sorted(offered.items())
        if not keyword.iskeyword(name)
    ]
    rest = "" if module else "__version__: str\n"
    return HEAD + "\n".join(imported) + "\n" + ALIASES + rest + "\n" + "".join(defined)


def is_op(function: Any) -> bool:
    if isinstance(function, Op):
        return True
    home = str(getattr(function, "__module__", ""))
    return inspect.isfunction(function) and home.startswith(
        ("minigrad.ops", "minigrad.losses", "minigrad.nn.functional")
    )


PATHS = {
    "": "__init__.pyi",
    "linalg": "linalg.pyi",
    "fft": "fft.pyi",
    "losses": "losses/__init__.pyi",
    "nn.functional": "nn/functional/__init__.pyi",
}
METHODS = "tensor/methods.pyi"
PREFIX = {"linalg": "linalg.", "fft": "fft."}


METHODS_HEAD = (
    HEAD
    + """\
from minigrad.tensor.buffer import At
from minigrad.tensor.tensor import Tensor
"""
    + ALIASES
)


def of_methods() -> str:
    """The stub of what is hung into Tensor by name."""
    out = ["class Methods:", "    @property", "    def at(self) -> At: ..."]
    for name in door.INFIX:
        out.append(f"    def __{name}__(self, other: Operand, /) -> Tensor: ...")
        out.append(f"    def __r{name}__(self, other: Operand, /) -> Tensor: ...")
    out.append("    def __getitem__(self, key: Any, /) -> Tensor: ...")
    for name in hung.OPERATORS:
        other = "" if name in ("invert", "neg", "pos", "abs") else ", other: Operand, /"
        result = "tuple[Tensor, Tensor]" if name == "divmod" else "Tensor"
        out.append(f"    def __{name}__(self{other}) -> {result}: ...")
    for name in hung.COMPARISONS:
        kind = "object" if name in ("eq", "ne") else "Operand"
        remark = "  # type: ignore[override]" if kind == "object" else ""
        out.append(f"    def __{name}__(self, other: {kind}, /) -> Array: ...{remark}")
    out.append("    def __hash__(self) -> int: ...")
    for name in (*hung.METHODS, "flatten"):
        function = getattr(ops, {"flatten": "ravel"}.get(name, name))
        given = listing([P("self", P.POSITIONAL_ONLY), *parameters(function)[1:]], {})
        given = given.replace("self: Any, /", "self")
        out.append(f"    def {name}({given}) -> {results(name, function)[0]}: ...")
    return METHODS_HEAD + "\n" + "\n".join(out) + "\n"


def stubs() -> dict[Path, str]:
    """Every stub and its text."""
    modules = {ROOT / path: of_module(m, PREFIX.get(m, "")) for m, path in PATHS.items()}
    return modules | {ROOT / METHODS: of_methods()}


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text)
        print(path.relative_to(ROOT.parent), text.count("\n"), "lines")
