"""What ``help`` says of an op: its docstring is written from its record when it is asked for.

The derivatives are those that its rules give, in general position.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
import warnings
from collections.abc import Hashable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.autodiff import grad
from minigrad.explain.links import local_formula
from minigrad.ops.glossary import GLOSSARY, explained, raised, unnamed
from minigrad.ops.record import Op, registry
from minigrad.reading.names import Scope, names
from minigrad.tensor import Tensor
from minigrad.typing import Array, Keywords

POINTS = (
    (0.7, 1.9, 0.4, 0.3),
    (1.7, 2.9, 0.4, 0.3),
    (0.7, 2, 0.4, 0.3),
    (2.5, 0.6, 0.3, 0.3),
    (-1.3,) * 4,
)
"""Arguments to be tried, until value and derivatives are finite."""


def described(op: Op) -> str:
    """The docstring of ``op``: what it computes, its derivatives, parameters, an example.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(described(mg.tanh).splitlines()[6])
        ∂/∂x tanh(x) = 1 - tanh(x)²
    """
    parts = divided(op.doc or "\n\n".join([summary(op), *theirs(op)]))
    text, found = parts.pop(""), derivatives(op)
    if found and not any("∂/∂" in line or line.startswith("Derivative:") for line in text):
        text += ["", "Derivatives, from its rules::", ""]
        text += [f"    ∂/∂{x} {written(op)} = {formula}" for x, formula in found]
    if "erivative at" not in "".join(text):
        text += ["", *kinks(op)]
    listed = explained(op.__signature__, called=op.name.rpartition(".")[2])
    ours = {"Parameters": listed, **answers(op), "Examples": example(op)}
    if "Raises" in parts:
        parts["Raises"] = [*unnamed(ours["Raises"], parts["Raises"]), *parts["Raises"]]
    parts = {name: parts.get(name) or ours.get(name, []) for name in (*ours, *parts)}
    examples = parts.pop("Examples")  # the last of all, as everywhere
    for name, lines in {**parts, "Examples": examples}.items():
        text += ["", name, "-" * len(name), *lines] if lines else []
    return "\n".join(line for i, line in enumerate(text) if line or (i and text[i - 1]))


def divided(doc: str) -> dict[str, list[str]]:
    """Heading -> the lines of a docstring below it; what is above them all under ""."""
    lines = inspect.cleandoc(doc).splitlines()
    heads = [i for i, line in enumerate(lines[1:]) if line and not line.strip("-")]
    ends = [*heads, len(lines)]
    parts = {lines[i]: lines[i + 2 : end] for i, end in zip(heads, ends[1:], strict=True)}
    parts = {"": lines[: ends[0]], **parts}
    for part in parts.values():
        while part and not part[-1]:
            part.pop()
    return parts


def summary(op: Op) -> str:
    """The first line."""
    home = "scipy.special" if op.name.startswith("special.") else "numpy"
    name = op.name.removeprefix("special.")
    known = op.ufunc is not None or hasattr(np, name) or home != "numpy"
    which = f", as `{home}.{name}`" if known else ""
    each = " of every element" if op.elementwise else ""
    return f"``{written(op)}``{each}{which}."


def theirs(op: Op) -> list[str]:
    """NumPy's or SciPy's sentence for it, and their names of the arguments if they are others."""
    lines = inspect.cleandoc(getattr(op.ufunc, "__doc__", None) or "").splitlines()
    texts = [" ".join(part.split()) for part in "\n".join(lines).split("\n\n")]
    begins = f"{getattr(op.ufunc, '__name__', '')}("
    calls = [t for t in texts if t.startswith(begins) and "out=None" in t]
    rest = [t for t in texts if t not in calls]
    if not calls or not rest:
        return []
    sentence = rest[0].replace(":math:", "").rstrip(".") + "."
    call = re.split(r", (?:/|out|where|\*)", calls[-1])[0].removesuffix(")") + ")"
    home = "SciPy" if op.name.startswith("special.") else "NumPy"
    named = "" if call == f"{op.name.rpartition('.')[2]}({', '.join(op.parameters)})" else call
    return [f"{home}, of ``{named}``: {sentence}" if named else f"{home}: {sentence}"]


def written(op: Op) -> str:
    """The call, or the operands with the symbol between them."""
    if op.symbol and op.arity == 2:
        return f"{op.parameters[0]} {op.symbol} {op.parameters[1]}"
    return f"{op.name.rpartition('.')[2]}({', '.join(op.parameters)})"


def recorded(op: Op, whole: type = int) -> tuple[Array, list[Array]]:
    """A result of ``op`` at a point where it is finite, or None, and the arguments.

    Those without a derivative are whole numbers: SciPy wants many of them so.
    """
    for point in POINTS:
        given = [
            Tensor(v, requires_grad=True) if op.rule(i) is not None else Tensor(whole(math.ceil(v)))
            for i, v in enumerate(map(float, point[: op.arity]))
        ]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ans = op(*given)
        except (TypeError, ValueError):  # whole numbers only
            continue
        if isinstance(ans, Tensor) and ans.node is not None and np.isfinite(ans.item()):
            return ans, given
    return None, []


def derivatives(op: Op) -> list[tuple[str, str]]:
    """Parameter -> the derivative by it, for ops that work element by element."""
    if not op.elementwise or op.vjps is None or op.arity < 1:
        return []
    ans, given = recorded(op, float)  # which rules may round
    if not given:
        return []
    called = names([ans.node], scopes=[Scope(dict(zip(op.parameters, given, strict=False)))])
    called.node[ans.node] = written(op)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = [
            (op.parameters[i], local_formula(ans.node, i, called))
            for i in range(op.arity)
            if op.rule(i) is not None
        ]
    return [(x, formula) for x, formula in every if formula]


def kinks(op: Op) -> list[str]:
    """What the derivative is where it jumps."""
    if op.kink is None or op.arity not in (1, 2):
        return []
    point = (0.0,) if op.arity == 1 else (1.0, 1.0)
    if op.metadata or not np.all(op.kink.at(*point)):
        return []
    where = f"{op.parameters[0]} = " + ("0" if op.arity == 1 else op.parameters[1])
    slope = float(grad(op)(*point))
    return [f"At the kink, {where}, the derivative is {slope:g} by convention.", ""]


def answers(op: Op) -> dict[str, list[str]]:
    """The sections Returns and Raises."""
    differentiable = op.vjps is not None
    raises = raised(
        op.__signature__, differentiable and not op.complex, op.elementwise and op.arity > 1
    )
    if not differentiable:
        nothing = ["array, number or bool", "    No gradient flows through."]
        return {"Returns": nothing, "Raises": raises}
    returns = ["Tensor or array", "    A Tensor if an argument is one; of NumPy's shape and dtype."]
    return {"Returns": returns, "Raises": raises}


ARGUMENTS: dict[str, Any] = {
    "axis": 0, "axis1": 0, "axis2": 1, "source": 0, "destination": 1, "shape": (2, 2), "shift": 1,
    "dtype": "float32", "pad_width": 1, "kth": 0, "i": 0,
}  # fmt: skip
"""What an example passes for parameters that are no arrays."""
BY_HAND: dict[Hashable, str] = {
    ops.can_cast: "can_cast(np.float32, np.float64)\nTrue",
    ops.digitize: "digitize([0.2, 1.5], [0.0, 1.0])\narray([1, 2])",
    ops.empty_like: "empty_like([1.0, 2.0]).shape\n(2,)",
    ops.lexsort: "lexsort([[1, 0], [0, 0]])\narray([1, 0])",
    ops.may_share_memory: "may_share_memory(np.ones(1), np.ones(1))\nFalse",
    ops.min_scalar_type: "min_scalar_type(200)\ndtype('uint8')",
    ops.ravel_multi_index: "ravel_multi_index(([0, 1], [1, 2]), (2, 3))\narray([1, 5])",
    ops.result_type: "result_type(mg.Tensor(1.0), np.float32)\ndtype('float64')",
    ops.scatter: "scatter(np.ones(2), shape=(3,), index=np.array([0, 2]))\narray([1., 0., 1.])",
    ops.searchsorted: "searchsorted(mg.Tensor([1.0, 2.0, 3.0]), 2.5)\nnp.int64(2)",
    ops.shares_memory: "shares_memory(np.ones(1), np.ones(1))\nFalse",
    ops.unravel_index: "unravel_index(4, (2, 3))\n(np.int64(1), np.int64(1))",
    ops.unstack: "unstack(mg.Tensor([[1.0], [3.0]]))\n(Tensor([1.]), Tensor([3.]))",
}
"""A call and what comes out, of those that want arguments of their own kind."""
DATA = (np.array([[4.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [2.0, 0.0]]))


def example(op: Op) -> list[str]:
    """A gradient as it is computed now; of a function without, a value."""
    if not offered(op):
        return []
    if op in BY_HAND:
        return [">>> import numpy as np, minigrad as mg", *f">>> mg.{BY_HAND[op]}".splitlines()]
    ans, given = recorded(op) if op.elementwise and op.vjps is not None else (None, [])
    return of_numbers(op, ans, [x.item() for x in given]) if given else of_arrays(op)


def of_numbers(op: Op, ans: Array, given: list[Array]) -> list[str]:
    """The derivative by the first argument that has one."""
    by = next(i for i in range(op.arity) if op.rule(i) is not None)
    name, imports = home(op)
    if np.iscomplexobj(ans) and len(given) > 1:
        *known, x = given
        call = f"mg.grad(lambda x: {name}({', '.join(map(str, known))}, x).real)({x})"
        value = grad(lambda x: op(*known, x).real)(x)
        return [*imports, f'>>> print(f"{{{call}:.6g}}")', f"{float(value):.6g}"]
    if np.iscomplexobj(ans):
        value = repr(grad(op, holomorphic=True)(0j))
        return [*imports, f">>> mg.grad({name}, holomorphic=True)(0j)", value]
    call = f"mg.grad({name}{f', {by}' if by else ''})({', '.join(map(str, given))})"
    return [*imports, f'>>> print(f"{{{call}:.6g}}")', f"{float(grad(op, by)(*given)):.6g}"]


def offered(op: Op) -> bool:
    """Whether the op can be called as ``mg.<name>``: some are for rules alone."""
    if registry.get(op.name) is not op:
        return False
    module, _, name = f"minigrad.{op.name}".replace(".special.", ".scipy.special.").rpartition(".")
    if op.name.startswith("special."):
        with suppress(ImportError):  # the help is the same, whatever was imported before
            import_module(module)
    return hasattr(sys.modules.get(module), name)


def home(op: Op) -> tuple[str, list[str]]:
    """What an example calls the op, and what it imports for that."""
    if op.name.startswith("special."):
        return op.name, [">>> import minigrad as mg", ">>> from minigrad.scipy import special"]
    return f"mg.{op.name}", [">>> import minigrad as mg"]


def of_arrays(op: Op) -> list[str]:
    """An example on small matrices, if the op takes such."""
    needed = [p for p in op.__signature__.parameters.values() if p.default is p.empty]
    arrays = [p for p in needed if GLOSSARY.get(p.name, ("",))[0] == "array_like"]
    rest = [p for p in needed if p not in arrays]
    known = all(p.name in ARGUMENTS and p.kind is p.POSITIONAL_OR_KEYWORD for p in rest)
    if not known or not 0 < len(arrays) <= len(DATA) or needed[: len(arrays)] != arrays:
        return []
    more = [ARGUMENTS[p.name] for p in rest]
    name, imports = home(op)
    call = f"{name}({', '.join([p.name for p in arrays] + [repr(v) for v in more])})"
    for data in (DATA, tuple(x.astype(int) for x in DATA)):  # some take whole numbers only
        given = dict(zip([p.name for p in arrays], data, strict=False))
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("error")
                shown = tried(op, call, given, more)
        except (TypeError, ValueError, AttributeError, IndexError, np.linalg.LinAlgError, Warning):
            continue
        arrayed = [f">>> {name} = np.array({v.tolist()})" for name, v in given.items()]
        return [">>> import numpy as np", *imports, *arrayed, *shown]
    return []


def tried(op: Op, call: str, given: Keywords, more: list[object]) -> list[str]:
    """The call, or the gradient of its sum, and what comes out."""
    if op.vjps is not None and op.rule(0) is not None:
        first = next(iter(given))
        of = grad(lambda x, *others: op(x, *others, *more).sum())
        slopes = of(*given.values()).round(3)
        if not np.all(slopes == slopes.flat[0]):  # which would show nothing
            ans = repr(slopes).splitlines()
            return [f">>> mg.grad(lambda {first}: {call}.sum())({first}).round(3)", *ans]
    return [f">>> {call}", *repr(op(*given.values(), *more)).splitlines()]
