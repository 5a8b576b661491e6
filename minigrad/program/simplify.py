"""Algebra: a program rebuilt by a builder that knows the identities of school algebra.

Rules look like the identities that they are; each is given the builder, to emit with and
to see how an argument was made.  A rule whose answer has another shape or dtype than the
original is ignored, so that rules need not think of broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.builder import (
    FOLDED,
    Builder,
    Rule,
    is_,
    key_of,
    number,
    outcome,
    shape_of,
    uniform,
)
from minigrad.program.chains import reassociated
from minigrad.program.equations import Program, Var, replaced, without_dead_code
from minigrad.tree import tree_map

__all__ = [
    "COMPUTING",
    "CORE",
    "FOLDED",
    "READING",
    "RUNNING",
    "TEXTBOOK",
    "Builder",
    "Rule",
    "absent",
    "coefficient",
    "floating",
    "is_",
    "key_of",
    "number",
    "outcome",
    "rebuilt",
    "rule",
    "scaled",
    "shape_of",
    "simplified",
    "textbook",
    "together",
    "uniform",
]

# --- the identities --------------------------------------------------------------------

CORE: dict[str, list[Rule]] = {}
"""What holds for arrays and changes no number by more than the rounding of a constant."""

TEXTBOOK: dict[str, list[Rule]] = {}
"""Further identities that make formulas shorter: for reading, not for computing."""


def rule(*names: str, table: dict[str, list[Rule]] = CORE) -> Callable[[Rule], Rule]:
    """Decorator: try the function below whenever one of these ops is emitted."""

    def enter(function: Rule) -> Rule:
        for name in names:
            table.setdefault(name, []).append(function)
        return function

    return enter


def scaled(b: Builder, c: Any, x: Any) -> Any:
    """``c x`` for a number ``c``."""
    if c == 1:
        return x
    if c == -1:
        return b.emit(ops.negative, x)
    return b.emit(ops.multiply, c, x)


def floating(x: Any) -> bool:
    """Whether ``x`` is a variable whose numbers have no last one: signs are not lost."""
    return isinstance(x, Var) and x.dtype.kind == "f"


def coefficient(b: Builder, x: Any) -> tuple[Any, Any]:
    """``x`` as a number times something: ``-3 y`` gives ``(-3, y)``.

    What has a name of its own is left alone: ``dz = da * a`` shall stay that.  So are
    whole numbers, which overflow.
    """
    if not floating(x) or x.given:
        return 1, x
    if (inner := b.match(x, "negative")) is not None:
        c, y = coefficient(b, inner[0])
        return -c, y
    if (inner := b.match(x, "multiply")) is not None and number(inner[0]) is not None:
        c, y = coefficient(b, inner[1])
        return number(inner[0]) * c, y
    return 1, x


def same_size(x: Any, y: Any) -> bool:
    return shape_of(x) == shape_of(y) or not shape_of(y)


@rule("multiply")
def product(b: Builder, x: Any, y: Any) -> Any:
    """Numbers to the front, as one: ``x·(2·(-y))`` is ``-2·(x·y)``."""
    behind = number(y) is not None and number(x) is None
    if behind:
        x, y = y, x
    if isinstance(y, Var) and y.dtype.kind == "b":
        return None  # NumPy has no negative of them
    if (c := number(x)) is not None:
        d, z = coefficient(b, y)
        if d == 1:
            return scaled(b, c, y) if behind or c in (1, -1) or x is not c else None
        return scaled(b, c * d, z)
    if getattr(x, "dtype", None) != getattr(y, "dtype", None):
        return None  # a factor would be rounded to another number of digits
    c, u = coefficient(b, x)
    d, v = coefficient(b, y)
    if u is not x and np.broadcast_shapes(shape_of(u), shape_of(v)) != shape_of(u):
        c, u = 1, x  # it is cheaper to scale the smaller array
    if v is not y and np.broadcast_shapes(shape_of(u), shape_of(v)) != shape_of(v):
        d, v = 1, y
    if u is x and v is y:
        return None
    return scaled(b, c * d, b.emit(ops.multiply, u, v))


@rule("negative")
def opposite(b: Builder, x: Any) -> Any:
    """``-(-x)`` is ``x``, ``-(2·x)`` is ``(-2)·x``."""
    c, y = coefficient(b, x)
    return None if c == 1 else scaled(b, -c, y)


@rule("divide")
def quotient(b: Builder, x: Any, y: Any) -> Any:
    """``x/1`` is ``x``; signs and numbers of the numerator to the front."""
    if is_(y, 1):
        return x
    c, u = coefficient(b, x)
    if (d := number(y)) is not None and d and c != 1:
        return scaled(b, c / d, u)
    if c == -1 and np.broadcast_shapes(shape_of(u), shape_of(y)) == shape_of(u):
        return b.emit(ops.negative, b.emit(ops.divide, u, y))
    return None


@rule("add")
def total(b: Builder, x: Any, y: Any) -> Any:
    """``x + 0`` is ``x``, ``x + (-y)`` is ``x - y``, ``x + x`` is ``2·x``."""
    if is_(x, 0):
        return y
    if is_(y, 0):
        return x
    if x is y:
        return b.emit(ops.multiply, 2, x)
    if (inner := b.match(y, "negative")) is not None and floating(y):
        return b.emit(ops.subtract, x, inner[0])
    if (inner := b.match(x, "negative")) is not None and floating(x):
        return b.emit(ops.subtract, y, inner[0])
    return None


@rule("subtract")
def difference(b: Builder, x: Any, y: Any) -> Any:
    """``x - 0`` is ``x``, ``0 - y`` is ``-y``, ``x - (-y)`` is ``x + y``."""
    if is_(y, 0):
        return x
    if is_(x, 0) and isinstance(y, Var) and y.dtype.kind != "b":
        return b.emit(ops.negative, y)
    c, z = coefficient(b, y)
    if c < 0:
        return b.emit(ops.add, x, scaled(b, -c, z))
    return None


@rule("power")
def power(b: Builder, x: Any, p: Any) -> Any:
    """``x**1`` is ``x``."""
    return x if is_(p, 1) else None


@rule("positive", "copy")
def itself(b: Builder, x: Any, **_: Any) -> Any:
    return x


@rule("astype")
def cast(b: Builder, x: Any, **_: Any) -> Any:
    """A cast to the dtype that ``x`` has already."""
    return x


@rule("sum", "mean", "max", "min", "prod")
def reduced(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """Over no axis, or of a number: nothing.  The mask ``where=True`` says nothing."""
    if axis == () or not (shape_of(x) or set(others) - {"keepdims"}):
        return x
    return None


def unmasked(op: Op) -> Rule:
    """``where=True`` masks nothing; one axis needs no tuple."""

    def applied(b: Builder, x: Any, **kwargs: Any) -> Any:
        plain = {k: v for k, v in kwargs.items() if k != "where" or v is not True}
        axis = plain.get("axis")
        if isinstance(axis, tuple) and len(axis) == 1:
            plain["axis"] = axis[0]
        same = len(plain) == len(kwargs) and plain.get("axis") is axis
        return None if same else b.emit(op, x, **plain)

    return applied


for _op in (ops.sum, ops.mean, ops.max, ops.min, ops.prod):
    CORE[_op.name].append(unmasked(_op))


@rule("reshape", "squeeze", "expand_dims", "broadcast_to")
def reshaped(b: Builder, x: Any, **kwargs: Any) -> Any:
    """Nothing, where the shape is that of ``x`` already."""
    return x


@rule("reshape")
def reshaped_twice(b: Builder, x: Any, shape: Any = None, **_: Any) -> Any:
    """Only the last shape counts."""
    if shape is None:
        return None
    for name in ("reshape", "squeeze", "expand_dims"):
        if (inner := b.match(x, name)) is not None:
            return b.emit(ops.reshape, inner[0], shape=shape)
    return None


@rule("getitem")
def everything(b: Builder, x: Any, index: Any = None) -> Any:
    """``x[...]`` and ``x[()]`` are ``x``."""
    whole = index is Ellipsis or (isinstance(index, tuple) and set(map(type, index)) <= {type(...)})
    return x if whole else None


@rule("swapaxes")
def swapped_twice(b: Builder, x: Any, axis1: int = 0, axis2: int = 0) -> Any:
    """The same two axes swapped back."""
    equation = b.made_by.get(x) if isinstance(x, Var) else None
    if equation is None or equation.op.name != "swapaxes":
        return None
    n = len(shape_of(x))
    before = {int(equation.kwargs[k]) % n for k in ("axis1", "axis2")}
    return equation.args[0] if before == {axis1 % n, axis2 % n} else None


@rule("swapaxes")
def transposed(b: Builder, x: Any, axis1: int = 0, axis2: int = 0) -> Any:
    """The transpose of a matrix."""
    matrix = len(shape_of(x)) == 2 and axis1 % 2 != axis2 % 2
    return b.emit(ops.transpose, x) if matrix else None


@rule("transpose")
def untransposed(b: Builder, x: Any, axes: Any = None) -> Any:
    """Axes in the order in which they are; those of a matrix need no naming."""
    n = len(shape_of(x))
    order = None if axes is None else [int(a) % max(n, 1) for a in np.ravel(axes)]
    if n < 2 or order == list(range(n)):
        return x
    return b.emit(ops.transpose, x) if order == [1, 0] else None


@rule("transpose")
def transposed_twice(b: Builder, x: Any, axes: Any = None) -> Any:
    """The transpose of a transpose."""
    equation = b.made_by.get(x) if isinstance(x, Var) else None
    if equation is None or equation.op.name != "transpose" or axes is not None:
        return None
    return equation.args[0] if equation.kwargs.get("axes") is None else None


def unstretched(name: str) -> Rule:
    """Elementwise ops broadcast by themselves."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        u, v = (b.match(z, "broadcast_to") for z in (x, y))
        if u is None and v is None:
            return None
        u, v = x if u is None else u[0], y if v is None else v[0]
        return b.emit(getattr(ops, name), u, v)

    return applied


for _name in ("add", "subtract", "multiply", "divide"):
    CORE[_name].append(unstretched(_name))


@rule("bitwise_and", "bitwise_or")
def either(b: Builder, x: Any, y: Any) -> Any:
    return x if x is y else None


@rule("bitwise_and")
def both(b: Builder, x: Any, y: Any) -> Any:
    """``x & True`` is ``x``, ``x & False`` is False."""
    for u, v in ((x, y), (y, x)):
        if isinstance(u, bool | np.bool_):
            return v if u else np.broadcast_to(np.False_, shape_of(v))[()]
    return None


@rule("bitwise_or")
def one_of(b: Builder, x: Any, y: Any) -> Any:
    """``x | False`` is ``x``."""
    for u, v in ((x, y), (y, x)):
        if isinstance(u, bool | np.bool_) and not u:
            return v
        if isinstance(u, np.ndarray) and u.dtype.kind == "b" and u.size and not any(u.strides):
            return v if not u.flat[0] else None
    return None


@rule("not_equal")
def truth(b: Builder, x: Any, y: Any) -> Any:
    """``x != 0`` is ``x``, if that is a boolean."""
    return x if is_(y, 0) and isinstance(x, Var) and x.dtype.kind == "b" else None


COMPUTING: dict[str, list[Rule]] = {}
"""Identities that save work, but not in the form in which derivations are written."""


@rule("negative", table=COMPUTING)
def opposite_of_difference(b: Builder, x: Any) -> Any:
    """``-(x - y)`` is ``y - x``."""
    if (inner := b.match(x, "subtract")) is not None:
        return b.emit(ops.subtract, inner[1], inner[0])
    return None


@rule("multiply", table=COMPUTING)
def multiple_of_difference(b: Builder, x: Any, y: Any) -> Any:
    """``-2·(x - y)`` is ``2·(y - x)``."""
    c, inner = number(x), b.match(y, "subtract")
    if c is None or c >= 0 or inner is None or y.given or not floating(y):
        return None
    return b.emit(ops.multiply, -c, b.emit(ops.subtract, inner[1], inner[0]))


def common_factor(sign: int) -> Rule:
    """``c·x + c·y`` is ``c·(x + y)``, and ``c·x - c·y`` is ``c·(x - y)`` for the sign -1."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
        d = sign * d
        if not (floating(u) and floating(v) and u.dtype == v.dtype):
            return None
        if abs(c) != abs(d) or abs(c) == 1 or shape_of(u) != shape_of(v):
            return None
        if c < 0 < d:
            (c, u), (d, v) = (d, v), (c, u)
        return scaled(b, c, b.emit(ops.add if c == d else ops.subtract, u, v))

    return applied


COMPUTING["add"] = [common_factor(1)]
COMPUTING["subtract"] = [common_factor(-1)]


def absent(option: Any) -> bool:
    """Whether a keyword of a reduction is at its default, or says nothing of values."""
    return any(option is v for v in (True, False, None, np._NoValue))


@rule("sum", table=COMPUTING)
def sum_of_opposites(b: Builder, x: Any, **kwargs: Any) -> Any:
    """``Σ -x`` is ``-Σ x``: the sum is smaller."""
    c, y = coefficient(b, x)
    if c != -1 or not all(absent(v) for k, v in kwargs.items() if k != "axis"):
        return None
    return b.emit(ops.negative, b.emit(ops.sum, y, **kwargs))


@rule("reshape", table=COMPUTING)
def reshaped_opposite(b: Builder, x: Any, shape: Any = None, **_: Any) -> Any:
    """Signs to the front."""
    c, y = coefficient(b, x)
    return b.emit(ops.negative, b.emit(ops.reshape, y, shape=shape)) if c == -1 else None


@rule("divide", table=COMPUTING)
def mean(b: Builder, x: Any, y: Any) -> Any:
    """``Σ x / n`` is the mean of n numbers."""
    equation = b.made_by.get(x) if isinstance(x, Var) and not x.given else None
    if equation is None or equation.op.name != "sum" or str(x.dtype) not in ("float32", "float64"):
        return None
    z = equation.args[0]
    if not isinstance(z, Var) or z.dtype != x.dtype:
        return None
    n = math.prod(z.shape) / max(math.prod(x.shape), 1)
    if (
        not n > 1
        or number(y) != n
        or not all(absent(v) for k, v in equation.kwargs.items() if k != "axis")
    ):
        return None
    return b.emit(ops.mean, z, **equation.kwargs)


@rule("sum", table=COMPUTING)
def sum_of_scattered(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """One value was put in each row: its sum is that value."""
    equation = b.made_by.get(x) if isinstance(x, Var) else None
    if equation is None or equation.op.name != "scatter" or others.get("dtype") is not None:
        return None
    index, (rows, *rest) = equation.kwargs["index"], equation.kwargs["shape"]
    if len(rest) != 1 or axis not in (1, -1) or not isinstance(index, tuple) or len(index) != 2:
        return None
    first = index[0]
    one_each = isinstance(first, np.ndarray) and first.shape == (rows,)
    if not one_each or not np.array_equal(first, np.arange(rows)):
        return None
    values = equation.args[0]
    shape = (rows, 1) if others.get("keepdims") else (rows,)
    if isinstance(values, np.ndarray) and not any(values.strides):
        return np.broadcast_to(values.flat[0], shape)
    return b.emit(ops.reshape, values, shape=shape)


@rule("transpose", "swapaxes", table=COMPUTING)
def transposed_product(b: Builder, x: Any, **axes: Any) -> Any:
    """``(A B)ᵀ`` is ``Bᵀ Aᵀ``: where A is a transpose itself, nothing needs transposing."""
    inner = b.match(x, "matmul")
    if inner is None or x.given or not all(len(shape_of(z)) == len(x.shape) for z in inner):
        return None
    n = len(x.shape)
    named = [int(a) % n for v in axes.values() if v is not None for a in np.ravel(v)]
    last_two = sorted(named) == [n - 2, n - 1] if named else n == 2
    flips = [b.match(z, "transpose" if n == 2 else "swapaxes") for z in inner]
    if not last_two or not any(flips):
        return None
    flip, axes = (ops.transpose, {}) if n == 2 else (ops.swapaxes, {"axis1": -2, "axis2": -1})
    u, v = (b.emit(flip, z, **axes) for z in inner)
    return b.emit(ops.matmul, v, u)


# --- for reading -----------------------------------------------------------------------


def textbook(*names: str) -> Callable[[Rule], Rule]:
    return rule(*names, table=TEXTBOOK)


def powers(b: Builder, x: Any) -> tuple[Any, Any]:
    """``x`` as a power: ``y**3`` gives ``(y, 3)``."""
    if (inner := b.match(x, "power")) is not None and isinstance(number(inner[1]), int | float):
        return inner[0], number(inner[1])
    if (inner := b.match(x, "square")) is not None:
        return inner[0], 2
    return x, 1


def raised(b: Builder, x: Any, p: Any) -> Any:
    p = int(p) if p == int(p) else p
    return x if p == 1 else b.emit(ops.power, x, p)


@textbook("multiply")
def product_of_powers(b: Builder, x: Any, y: Any) -> Any:
    """``x²·x`` is ``x³``."""
    (u, p), (v, q) = powers(b, x), powers(b, y)
    if u is v and isinstance(u, Var) and p + q != 0:
        return raised(b, u, p + q)
    if (inner := b.match(x, "multiply")) is not None and isinstance(y, Var):
        u, p = powers(b, inner[1])
        if u is v and p + q:
            return b.emit(ops.multiply, inner[0], raised(b, u, p + q))
    return None


@textbook("multiply")
def product_of_fractions(b: Builder, x: Any, y: Any) -> Any:
    """``x·(y/z)`` is ``(x·y)/z``."""
    if (inner := b.match(y, "divide")) is not None and number(x) is None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[0]), inner[1])
    if (inner := b.match(x, "divide")) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, inner[0], y), inner[1])
    return None


@textbook("multiply")
def reciprocal_factor(b: Builder, x: Any, y: Any) -> Any:
    """``x·y**-2`` is ``x / y²``."""
    for u, v in ((x, y), (y, x)):
        w, p = powers(b, v)
        if p < 0 and number(u) is None:
            return b.emit(ops.divide, u, raised(b, w, -p))
    return None


@textbook("divide")
def quotient_of_powers(b: Builder, x: Any, y: Any) -> Any:
    """``(x/y)/y`` is ``x/y²``, ``x³/x`` is ``x²``."""
    v, q = powers(b, y)
    if (inner := b.match(x, "divide")) is not None:
        u, p = powers(b, inner[1])
        if u is v:
            return b.emit(ops.divide, inner[0], raised(b, v, p + q))
        if number(y) is None:
            return b.emit(ops.divide, inner[0], b.emit(ops.multiply, inner[1], y))
    u, p = powers(b, x)
    if u is v and p > q > 0 and isinstance(u, Var):
        return raised(b, u, p - q)
    return None


@textbook("divide")
def fraction_in_fraction(b: Builder, x: Any, y: Any) -> Any:
    """``x/(y/z)`` is ``x·z/y``."""
    if (inner := b.match(y, "divide")) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[1]), inner[0])
    if (inner := b.match(x, "divide")) is not None and inner[0] is inner[1]:
        return None
    return None


@textbook("power")
def power_of_power(b: Builder, x: Any, p: Any) -> Any:
    """``(x²)³`` is ``x⁶``."""
    u, q = powers(b, x)
    if q != 1 and isinstance(number(p), int) and isinstance(q, int):
        return raised(b, u, q * number(p))
    return None


@textbook("add")
def sum_of_multiples(b: Builder, x: Any, y: Any) -> Any:
    """``2·x + x`` is ``3·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var):
        return scaled(b, c + d, u)
    return None


@textbook("subtract")
def difference_of_multiples(b: Builder, x: Any, y: Any) -> Any:
    """``3·x - x`` is ``2·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var) and c != d:
        return scaled(b, c - d, u)
    return None


def together(*tables: dict[str, list[Rule]]) -> dict[str, list[Rule]]:
    """The rules of several tables."""
    return {name: [r for t in tables for r in t.get(name, ())] for t in tables for name in t}


READING = together(CORE, TEXTBOOK)
RUNNING = together(CORE, COMPUTING)


# --- passes ----------------------------------------------------------------------------


def rebuilt(
    program: Program,
    rules: dict[str, list[Rule]],
    named: bool = True,
    folding: bool = True,
    sharing: bool = True,
) -> Program:
    """``program`` emitted anew through a `Builder` with ``rules``, with its names or without."""
    b = Builder(rules, folding, sharing)
    value: dict[Var, Any] = {}

    def now(v: Var) -> Any:
        return value.get(v, v)

    for equation in program.equations:
        args = [replaced(a, now) for a in equation.args]
        kwargs = {k: replaced(v, now) for k, v in equation.kwargs.items()}
        if isinstance(equation.out, tuple):
            out = b.keep(equation.op, args, kwargs, equation.out)
            value.update(zip(equation.out, out, strict=True))
            continue
        ans = b.emit_as(equation.out, equation.op, args, kwargs)
        value[equation.out] = ans
        fresh = isinstance(ans, Var) and not ans.given and ans in b.made_by
        if named and fresh and equation.out.given:
            ans.name, ans.given, ans.also = equation.out.name, True, equation.out.also
    result = tree_map(lambda x: now(x) if isinstance(x, Var) else x, program.result)
    return without_dead_code(program.replace(equations=b.equations, result=result))


def simplified(program: Program) -> Program:
    """``program`` after constant folding, algebra, sharing, dead code and matrix chains.

    The passes one by one are in `minigrad.program.passes`.
    """
    return reassociated(rebuilt(program, RUNNING))
