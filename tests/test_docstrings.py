"""What the docstring of every public callable holds: an example, parameters, derivative, errors."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from formulas import Functions, Indicator, Inverted, Root, python
from minigrad.ops.glossary import OF_LAYERS
from minigrad.ops.record import Op, public, registry

MODULES = (
    "nn", "nn.functional", "nn.init", "losses", "optim", "plots", "parallel", "onnx", "linalg",
    "fft", "scipy.special", "scipy.linalg", "scipy.optimize", "scipy.integrate",
    "scipy.interpolate", "scipy.signal", "scipy.ndimage", "scipy.sparse", "scipy.stats",
)  # fmt: skip
PACKAGE = Path(mg.__file__).parent


def ours(thing: Any) -> bool:
    """Not what a module passes on from SciPy."""
    home = str(getattr(thing, "__module__", "") or "")
    return callable(thing) and (isinstance(thing, Op) or home.startswith("minigrad"))


def every() -> dict[str, Any]:
    """Name -> every public callable, each once."""
    found: dict[int, tuple[str, Any]] = {}
    for name in ("minigrad", *(f"minigrad.{m}" for m in MODULES)):
        try:
            module = importlib.import_module(name)
        except ImportError:  # what needs an extra
            continue
        for n in dir(module):
            thing = getattr(module, n)
            thing = getattr(thing, "op", thing)  # the mirror's ufuncs have the record's help
            if n[0] != "_" and ours(thing):
                found.setdefault(id(thing), (f"{name}.{n}", thing))
    return dict(found.values())


PUBLIC = every()
LIBRARY = re.compile(r"minigrad\.(losses|nn\.functional|linalg|fft|scipy)\.")
DIFFERENTIABLE = [
    name
    for name, thing in PUBLIC.items()
    if (isinstance(thing, Op) and thing.vjps is not None)
    or (inspect.isfunction(thing) and (thing in public.values() or LIBRARY.match(name)))
]
"""Functions of arrays; not those of functions, and no readings."""


def section(doc: str, name: str) -> str:
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", doc, re.S | re.M)
    return found[1] if found else ""


DOCS = {name: inspect.getdoc(thing) or "" for name, thing in PUBLIC.items()}


def test_each_has_an_example() -> None:
    assert not [name for name, doc in DOCS.items() if ">>>" not in section(doc, "Examples")]


def test_each_lists_its_parameters() -> None:
    taking = [name for name, thing in PUBLIC.items() if inspect.signature(thing).parameters]
    assert not [name for name in taking if not section(DOCS[name], "Parameters")]


def test_what_a_parameter_means_for_one_function_is_told_by_it() -> None:
    """Rows of one function are for a parameter that it has: k of polyint is no diagonal."""
    helps: dict[str, list[str]] = {}
    for name, thing in PUBLIC.items():
        helps.setdefault(name.rpartition(".")[2], []).append(inspect.getdoc(thing) or "")
    rows = {key: row for key, row in OF_LAYERS.items() if "." in key}
    assert len(rows) > 30
    for key, (kind, meaning) in rows.items():
        function, _, parameter = key.partition(".")
        told = rf"^\**{parameter} : {re.escape(kind)}\n    {re.escape(meaning)}$"
        assert any(re.search(told, doc, re.MULTILINE) for doc in helps[function]), key


def test_each_tells_its_derivative() -> None:
    told = re.compile("∂/∂|erivative|No gradient flows")
    assert not [name for name in DIFFERENTIABLE if not told.search(DOCS[name])]


# --- errors ------------------------------------------------------------------------------


def raises(function: Any) -> set[str]:
    """The public errors that the body of a function raises by name."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or not any("Error" in name for name in code.co_names):
        return set()
    if PACKAGE not in Path(code.co_filename).parents:
        return set()
    body = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [
        ast.unparse(r.exc.func).rpartition(".")[2]
        for r in ast.walk(body)
        if isinstance(r, ast.Raise) and isinstance(r.exc, ast.Call)
    ]
    return {c for c in calls if c[0] != "_"}


def bodies_of(thing: Any) -> list[Any]:
    if isinstance(thing, Op):
        return [thing.forward]
    if not inspect.isclass(thing):
        return [thing]
    methods = ("__init__", "__post_init__", "forward", "__call__")
    return [f for name, f in vars(thing).items() if name in methods and inspect.isfunction(f)]


def test_the_errors_that_each_raises_itself_are_told() -> None:
    untold = {
        name: own
        for name, thing in PUBLIC.items()
        if (own := set().union(*map(raises, bodies_of(thing))))
        and any(error not in section(DOCS[name], "Raises") for error in own)
    }
    assert not untold


def of_kind(error: str) -> list[str]:
    return [name for name in DIFFERENTIABLE if error in section(DOCS[name], "Raises")]


def test_shapes_that_do_not_broadcast_are_told() -> None:
    found = [n for n in of_kind("do not broadcast") if "scipy" not in n]
    assert len(found) > 20
    for name in found:
        op = PUBLIC[name]
        kind = int if name in ("minigrad.gcd", "minigrad.lcm", "minigrad.ldexp") else float
        args = [np.ones(2 + i, kind) for i in range(op.arity)]
        with pytest.raises(ValueError, match=re.escape(str(args[1].shape))):
            op(mg.Tensor(args[0]), *args[1:])


def test_axes_that_are_not_there_are_told() -> None:
    x = np.arange(9.0).reshape(3, 3)
    given = {
        "arrays": [x, x], "tup": [x, x], "condition": [True] * 3, "indices": np.zeros((3, 3), int),
        "q": 0.5, "kth": 1, "shift": 1, "obj": 1, "repeats": 2, "indices_or_sections": 3,
        "func1d": np.sum, "window_shape": 2, "start": 1.0, "stop": 2.0,
    }  # fmt: skip
    found = of_kind("For an axis that is not there.")
    assert len(found) > 60
    for name in found:
        function = PUBLIC[name]
        wanted = [
            p for p in inspect.signature(function).parameters.values() if p.default is p.empty
        ]
        args = [
            99 if p.name == "axis" else given.get(p.name, mg.Tensor(x))
            for p in wanted
            if p.kind is not p.VAR_KEYWORD
        ]
        axis = {} if any(p.name == "axis" for p in wanted) else {"axis": 99}
        with pytest.raises(np.exceptions.AxisError):
            function(*args, **axis)


def test_complex_numbers_are_told() -> None:
    for name in of_kind("For complex numbers."):
        op = PUBLIC[name]
        if isinstance(op, Op) and op.elementwise and "scipy" not in name:
            with pytest.raises(TypeError, match="complex"):
                op(*[mg.Tensor(np.ones(2) * 1j, requires_grad=True)] * op.arity)


# --- derivatives are true ----------------------------------------------------------------

SHAPES: dict[str, Any] = {
    "matmul": [(2, 3), (3, 4)], "dot": [(2, 3), (3, 2)], "inner": [(2, 3), (4, 3)],
    "outer": [(3,), (4,)], "linear": [(5, 3), (2, 3), (2,)], "cross": [(3,), (3,)],
    "swapaxes": [(2, 3, 4)], "moveaxis": [(2, 3, 4)], "squeeze": [(1, 3)], "roll": [(4,)],
    "scatter": [(2,)], "matrix_power": [(3, 3)], "inv": [(3, 3)], "pinv": [(3, 3)],
    "tril": [(3, 3)], "triu": [(3, 3)], "fliplr": [(2, 3)], "matrix_transpose": [(2, 3)],
    "rot90": [(2, 3)], "bincount": [(3,)], "vecdot": [(3,), (3,)],
    "fft2": [(2, 3)], "ifft2": [(2, 3)],
}  # fmt: skip
"""Of the array arguments; one vector each of all others."""
FIXED: dict[str, Any] = {
    "swapaxes": {"axis1": 0, "axis2": 2}, "moveaxis": {"source": 0, "destination": 2},
    "roll": {"shift": 1}, "scatter": {"shape": (5,), "index": np.array([1, 3])},
    "matrix_power": {"n": 2}, "rot90": {"k": 1}, "bincount": {"x": np.array([0, 2, 2])},
    "tril": {"k": 0}, "triu": {"k": 0}, "scipy.softmax": {}, "astype": {"dtype": float},
}  # fmt: skip
UNREADABLE = frozenset(
    "affine_grid batch_norm bilinear cho_solve cholesky einsum expm fixed_point glu "
    "gru_cell interp kron lambertw layer_norm lstsq lu lu_solve newton normalize odeint qr "
    "reshape rfft rms_norm rnn_cell root scaled_dot_product_attention solve solve_banded "
    "solve_sylvester solve_triangular sort spsolve trace".split()
)
"""Their lines are for a reader alone; `tests` of their own hold their gradients."""
LINES = [
    (name, argument, formula)
    for name in DIFFERENTIABLE
    for paragraph in DOCS[name].split("\n\n")
    if paragraph.startswith("Derivative:") and name.rpartition(".")[2] not in UNREADABLE
    for argument, formula in re.findall(r"``d(\w+) = ([^`]*)``", " ".join(paragraph.split()))
    if argument in inspect.signature(PUBLIC[name]).parameters
]


def environment(**values: Any) -> Functions:
    transforms = ("fft", "fft2", "fftn", "ifft", "ifft2", "ifftn", "fftshift", "ifftshift")
    env = Functions()
    env |= {name: getattr(np.fft, name) for name in transforms}
    env |= {"root": Root(), "indicator": Indicator(), "π": np.pi, "sigmoid": mg.sigmoid}
    env |= {"flipped": Inverted(True), "inverted": Inverted(False)} | values
    return env


@pytest.mark.parametrize(("name", "argument", "formula"), LINES)
def test_lines_are_worth_the_gradient(name: str, argument: str, formula: str) -> None:
    function, short = PUBLIC[name], name.rpartition(".")[2]
    rng = np.random.default_rng(3)
    fixed = FIXED.get(short, {})
    needed = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if (p.default is p.empty and p.name not in fixed) or p.name == argument
    ]
    shapes = SHAPES.get(short) or [(4,)] * len(needed)
    given = dict(zip(needed, (rng.normal(size=s) for s in shapes), strict=False))
    if short == "linear":
        given["bias"] = rng.normal(size=2)

    def f(v: Any) -> Any:
        told = {**given, **fixed, argument: v}
        order = [p for p in inspect.signature(function).parameters if p in told]
        return function(*[told[p] for p in order])

    y, pull = mg.vjp(f, given[argument])
    dy = rng.normal(size=np.shape(y))
    (true,) = pull(dy)
    sized = {"n": np.size(given[needed[0]])} if "n" not in fixed else {}
    env = environment(**sized, **given, **fixed, y=np.asarray(y), dy=dy)
    value = eval(python(formula), {"__builtins__": {}}, env)
    np.testing.assert_allclose(np.real(value) + np.zeros_like(true), true, atol=1e-12)


POINTS = (
    (3, 2, 0.35, 0.2), (2, 3, 0.45, 0.3), (1, 4, 0.2, 0.3), (0.8, 0.35, 0.6, 0.2),
    (0.35, 0.45, 0.7, 0.8), (-0.7, 0.4, 0.3, 0.2),
)  # fmt: skip

PRINTED = [
    name for name, thing in PUBLIC.items()
    if isinstance(thing, Op) and thing.elementwise and "∂/∂" in DOCS[name]
    and not name.endswith(("wofz", "voigt_profile")) and "hankel" not in name  # complex formulas
]  # fmt: skip


class Named(Functions):
    """SciPy's functions, too."""

    def __missing__(self, name: str) -> Any:
        special = pytest.importorskip("scipy.special")
        if name == "special":
            return special
        return getattr(special, name) if hasattr(special, name) else super().__missing__(name)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", PRINTED)
def test_printed_derivatives_are_worth_the_gradient(name: str) -> None:
    """At other places than that at which the rules were read."""
    op, compared = PUBLIC[name], 0
    for argument, formula in re.findall(r"∂/∂(\w+) .*? = (.*)", DOCS[name]):
        i = op.parameters.index(argument)
        for point in POINTS:
            whole = [op.rule(k) is None for k in range(op.arity)]
            args = [math.ceil(v) if w else float(v) for v, w in zip(point, whole, strict=False)]
            try:
                with np.errstate(all="ignore"):
                    true = float(mg.grad(op, i)(*args))
            except (TypeError, ValueError, DeprecationWarning):
                continue
            env = Named(environment(**dict(zip(op.parameters, map(np.asarray, args)))))
            expression, _, where = formula.partition(" where ")
            with np.errstate(all="ignore"):
                for part in filter(None, where.split("; ")):
                    symbol, _, text = part.partition(" = ")
                    env[symbol] = eval(python(text), {"__builtins__": {}}, env)
                value = eval(python(expression), {"__builtins__": {}}, env)
            if np.isfinite(true) and np.isfinite(value):
                np.testing.assert_allclose(value, true, rtol=1e-7)
                compared += 1
    assert compared
