"""Algebra: the identities of school that hold for numbers in a computer.

None makes an infinity, a zero or NaN of a number that is none: a factor is taken out of a
sum or product only if what is left is no larger.  What a zero's sign decides is left
alone where an op of the program looks at it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.indexing import elements
from minigrad.ops.moments import root_mean_square
from minigrad.ops.record import Op
from minigrad.program.builder import (
    Builder,
    Full,
    as_number,
    equals,
    is_identity,
    is_safe_factor,
    same_shape_and_dtype,
    shape_of,
)
from minigrad.program.equations import Var
from minigrad.program.rules import (
    SUMS,
    coefficient,
    each,
    is_float,
    is_plain_reduction,
    rule,
    scaled,
)
from minigrad.typing import Axis, Index, Operand, Sizes

# --- sums and products -----------------------------------------------------------------


@rule(ops.multiply)
def product(b: Builder, x: Operand, y: Operand) -> Operand:
    """Numbers to the front, as one: ``x·(2·(-y))`` is ``-2·(x·y)``."""
    if as_number(x) is None and as_number(y) is None:
        return product_of_multiples(b, x, y)
    behind = as_number(x) is None
    if behind:
        x, y = y, x
    if isinstance(y, Var) and y.dtype.kind == "b":
        return None  # NumPy has no negative of them
    c = as_number(x)
    d, z = coefficient(b, y)
    if d == 1 or not is_safe_factor(c * d, z.dtype):
        return scaled(b, c, y) if behind or c in (1, -1) or x is not c else None
    return scaled(b, c * d, z) if is_safe_factor(c, z.dtype) else None


def product_of_multiples(b: Builder, x: Operand, y: Operand) -> Operand:
    """``(2·x)·(3·y)`` is ``6·(x·y)``; small factors stay at what they make small."""
    dtype = getattr(x, "dtype", None)  # True has none
    if dtype is None or dtype != getattr(y, "dtype", None):
        return None  # a factor would be rounded to another number of digits
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    shape = np.broadcast_shapes(shape_of(u), shape_of(v))
    if shape_of(u) != shape:
        c, u = 1, x  # it is cheaper to scale the smaller array
    if shape_of(v) != shape:
        d, v = 1, y
    if (u is x and v is y) or not is_safe_factor(c * d, dtype):
        return None
    if abs(c * d) >= 1:
        return scaled(b, c * d, b.emit(ops.multiply, u, v))
    if v is not y and shape_of(u) == shape:
        return b.emit(ops.multiply, scaled(b, c * d, u), v)
    return None


@rule(ops.negative)
def opposite(b: Builder, x: Operand) -> Operand:
    """``-(-x)`` is ``x``, ``-(2·x)`` is ``(-2)·x``."""
    c, y = coefficient(b, x)
    return None if c == 1 else scaled(b, -c, y)


@rule(ops.divide)
def quotient(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x/1`` is ``x``; signs and numbers of the numerator to the front."""
    if equals(y, 1):
        return x
    c, u = coefficient(b, x)
    if c == 1:
        return None
    if (
        (d := as_number(y)) is not None
        and is_safe_factor(d, u.dtype)
        and is_safe_factor(c / d, u.dtype)
    ):
        return scaled(b, c / d, u)
    if c == -1 and np.broadcast_shapes(shape_of(u), shape_of(y)) == shape_of(u):
        return b.emit(ops.negative, b.emit(ops.divide, u, y))
    return None


@rule(ops.add)
def total(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x + 0`` is ``x``, ``x + (-y)`` is ``x - y``, ``x + x`` is ``2·x``."""
    if not b.signed and (equals(x, 0) or equals(y, 0)):
        return y if equals(x, 0) else x
    if x is y:
        return b.emit(ops.multiply, 2, x)
    if (inner := b.match(y, ops.negative)) is not None and is_float(y):
        return b.emit(ops.subtract, x, inner[0])
    if (inner := b.match(x, ops.negative)) is not None and is_float(x):
        return b.emit(ops.subtract, y, inner[0])
    return None


@rule(ops.subtract)
def difference(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x - 0`` is ``x``, ``0 - y`` is ``-y``, ``x - (-y)`` is ``x + y``."""
    if not b.signed and equals(y, 0):
        return x
    if not b.signed and equals(x, 0) and isinstance(y, Var) and y.dtype.kind != "b":
        return b.emit(ops.negative, y)
    c, z = coefficient(b, y)
    if c < 0:
        return b.emit(ops.add, x, scaled(b, -c, z))
    return None


@rule(ops.power)
def power(b: Builder, x: Operand, p: Operand) -> Operand:
    """``x**1`` is ``x``."""
    return x if equals(p, 1) else None


# --- what changes nothing --------------------------------------------------------------


@rule(ops.positive, ops.copy)
def itself(b: Builder, x: Operand, **_: object) -> Operand:
    return x


@rule(ops.astype)
def cast(b: Builder, x: Operand, **_: object) -> Operand:
    """A cast to the dtype that ``x`` has already."""
    return x


@rule(ops.sum, ops.mean, ops.max, ops.min, ops.prod)
def reduced(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """Over no axis, or of a number: nothing.  Sums begin with 0, so that none is -0."""
    return (
        x
        if is_plain_reduction(others) and (axis == () or not shape_of(x)) and not b.signed
        else None
    )


@each((ops.sum, ops.mean, ops.max, ops.min, ops.prod))
def unmasked(op: Op, b: Builder, x: Operand, **kwargs: Any) -> Operand:
    """``where=True`` masks nothing; one axis needs no tuple, and its own dtype no mention."""
    plain = {k: v for k, v in kwargs.items() if k != "where" or v is not True}
    if is_float(x) and plain.get("dtype") is not None and np.dtype(plain["dtype"]) == x.dtype:
        del plain["dtype"]
    axis = plain.get("axis")
    if isinstance(axis, tuple) and len(axis) == 1:
        plain["axis"] = axis[0]
    same = len(plain) == len(kwargs) and plain.get("axis") is axis
    return None if same else b.emit(op, x, **plain)


@rule(ops.reshape, ops.squeeze, ops.expand_dims, ops.broadcast_to)
def reshaped(b: Builder, x: Operand, **kwargs: Any) -> Operand:
    """Nothing, where the shape is that of ``x`` already."""
    return x


@rule(ops.reshape)
def reshaped_twice(b: Builder, x: Operand, shape: Sizes = None, **_: object) -> Operand:
    """Only the last shape counts."""
    if shape is None:
        return None
    for op in (ops.reshape, ops.squeeze, ops.expand_dims):
        if (inner := b.match(x, op)) is not None:
            return b.emit(ops.reshape, inner[0], shape=shape)
    return None


@rule(elements)
def everything(b: Builder, x: Operand, index: Index = None) -> Operand:
    """``x[...]``, ``x[()]``, and ``x[0:n]`` of n rows, are ``x``."""
    parts = [p for p in (index if isinstance(index, tuple) else (index,)) if p is not Ellipsis]
    if not all(type(p) is slice for p in parts):
        return None
    bounds = [c for p in parts for c in (p.start, p.stop, p.step)]
    if not all(c is None or type(c) is int for c in bounds):
        return None
    sizes = shape_of(x)
    if isinstance(index, tuple) and any(p is Ellipsis for p in index[:-1]):
        return None  # what follows counts from the end
    return x if all(p.indices(n) == (0, n, 1) for p, n in zip(parts, sizes)) else None


@rule(ops.swapaxes)
def swapped_twice(b: Builder, x: Operand, axis1: int, axis2: int) -> Operand:
    """Swapping the same two axes twice changes nothing."""
    equation = b.made(x, ops.swapaxes)
    if equation is None:
        return None
    n = len(shape_of(x))
    before = {int(equation.kwargs[k]) % n for k in ("axis1", "axis2")}
    return equation.args[0] if before == {axis1 % n, axis2 % n} else None


@rule(ops.swapaxes)
def transposed(b: Builder, x: Operand, axis1: int, axis2: int) -> Operand:
    """The transpose of a matrix."""
    matrix = len(shape_of(x)) == 2 and axis1 % 2 != axis2 % 2
    return b.emit(ops.transpose, x) if matrix else None


@rule(ops.transpose)
def untransposed(b: Builder, x: Operand, axes: Axis = None) -> Operand:
    """Axes in the order in which they are; those of a matrix need no naming."""
    n = len(shape_of(x))
    order = None if axes is None else [int(a) % max(n, 1) for a in np.ravel(axes)]
    if n < 2 or order == list(range(n)):
        return x
    return b.emit(ops.transpose, x) if order == [1, 0] else None


@rule(ops.transpose)
def transposed_twice(b: Builder, x: Operand, axes: Axis = None) -> Operand:
    """The transpose of a transpose."""
    equation = b.made(x, ops.transpose)
    if equation is None or axes is not None or equation.kwargs.get("axes") is not None:
        return None
    return equation.args[0]


@each((ops.add, ops.subtract, ops.multiply, ops.divide))
def unstretched(op: Op, b: Builder, x: Operand, y: Operand) -> Operand:
    """Elementwise ops broadcast by themselves."""
    u, v = (b.match(z, ops.broadcast_to) for z in (x, y))
    if u is None and v is None:
        return None
    u, v = x if u is None else u[0], y if v is None else v[0]
    return b.emit(op, u, v)


# --- logic -----------------------------------------------------------------------------


def is_bool(x: Operand) -> bool:
    return isinstance(x, Var) and x.dtype.kind == "b"


@rule(ops.bitwise_and, ops.bitwise_or, ops.maximum, ops.minimum)
def either(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x & x``, ``max(x, x)`` and the like are ``x``."""
    return x if x is y else None


def truth_of(x: Operand) -> bool | None:
    """The truth value of all entries of a constant; None if they differ, or for others."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "b" and x.size and not any(x.strides):
        return bool(x.flat[0])
    return bool(x) if isinstance(x, bool | np.bool_) else None


@rule(ops.bitwise_and)
def both(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x & True`` is ``x``, ``x & False`` is False."""
    for u, v in ((x, y), (y, x)):
        c = truth_of(u)
        if c is not None and is_bool(v):
            return v if c else Full(False)
    return None


@rule(ops.bitwise_or)
def one_of(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x | False`` is ``x``."""
    return next((v for u, v in ((x, y), (y, x)) if truth_of(u) is False), None)


@rule(ops.not_equal)
def truth(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x != 0`` is ``x``, if that is a boolean."""
    return x if equals(y, 0) and is_bool(x) else None


# --- what saves work, but is not how derivations are written ---------------------------


@rule(ops.negative, when="run")
def opposite_of_difference(b: Builder, x: Operand) -> Operand:
    """``-(x - y)`` is ``y - x``."""
    if not b.signed and (inner := b.match(x, ops.subtract)) is not None:
        return b.emit(ops.subtract, inner[1], inner[0])
    return None


@rule(ops.multiply, when="run")
def multiple_of_difference(b: Builder, x: Operand, y: Operand) -> Operand:
    """``-2·(x - y)`` is ``2·(y - x)``."""
    c, inner = as_number(x), b.match(y, ops.subtract)
    if c is None or not c < 0 or inner is None or y.given or not is_float(y) or b.signed:
        return None
    return b.emit(ops.multiply, -c, b.emit(ops.subtract, inner[1], inner[0]))


@each(SUMS, when="run")
def common_factor(sign: int, b: Builder, x: Operand, y: Operand) -> Operand:
    """``c·x + c·y`` is ``c·(x + y)``, and ``c·x - c·y`` is ``c·(x - y)`` for the sign -1."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    d = sign * d
    if not (abs(c) == abs(d) > 1 and same_shape_and_dtype(u, v)):
        return None  # the sum of what a factor below 1 makes small may be too large
    if b.signed and c < 0 and d < 0:
        return None  # c·0 for what adds up to nothing
    if c < 0 < d:
        (c, u), (d, v) = (d, v), (c, u)
    return scaled(b, c, b.emit(ops.add if c == d else ops.subtract, u, v))


@rule(ops.sum, when="run")
def sum_of_opposites(b: Builder, x: Operand, **kwargs: Any) -> Operand:
    """``Σ -x`` is ``-Σ x``: the sum is smaller."""
    c, y = coefficient(b, x)
    if c != -1 or not is_plain_reduction(kwargs) or b.signed:
        return None
    return b.emit(ops.negative, b.emit(ops.sum, y, **kwargs))


@rule(ops.reshape, when="run")
def reshaped_opposite(b: Builder, x: Operand, shape: Sizes = None, **_: object) -> Operand:
    """Signs to the front."""
    c, y = coefficient(b, x)
    if c != -1 or shape is None:
        return None
    return b.emit(ops.negative, b.emit(ops.reshape, y, shape=shape))


@rule(ops.divide, when="run")
def mean(b: Builder, x: Operand, y: Operand) -> Operand:
    """``Σ x / n`` is the mean of n numbers."""
    equation = b.made(x, ops.sum)
    if equation is None or x.given or x.dtype not in (np.float32, np.float64):
        return None
    z = equation.args[0]
    if not isinstance(z, Var) or z.dtype != x.dtype or not is_plain_reduction(equation.kwargs):
        return None
    n = math.prod(z.shape) / max(math.prod(x.shape), 1)
    return b.emit(ops.mean, z, **equation.kwargs) if n > 1 and as_number(y) == n else None


@rule(root_mean_square)
def deviation(b: Builder, x: Operand, n: Operand, **how: Any) -> Operand:
    """``√(Σ x²/n)``, as it is computed of real numbers."""
    if not is_float(x) or x.dtype.itemsize < 4:
        return None  # half precision has no room for n
    total = b.emit(ops.sum, b.emit(ops.square, x), **how)
    return b.emit(ops.sqrt, b.emit(ops.divide, total, n))


@rule(ops.sum, when="run")
def sum_with_identity(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """``Σ_j x_j I_ij`` is ``x_i``: columns of a Jacobian begin with the identity."""
    inner = b.match(x, ops.multiply)
    if inner is None or not is_plain_reduction(others) or len(x.shape) != 2 or axis not in (1, -1):
        return None
    for u, v in (inner, inner[::-1]):
        if (
            isinstance(v, Var)
            and is_identity(b.constants.get(v))
            and shape_of(u) == x.shape[:1]
            and not b.signed
        ):
            kept = (*x.shape[:1], 1) if others.get("keepdims") else x.shape[:1]
            return b.emit(ops.reshape, u, shape=kept) if kept != shape_of(u) else u
    return None


@rule(ops.matmul, when="run")
def product_with_identity(b: Builder, x: Operand, y: Operand) -> Operand:
    """``I x`` and ``x I`` are ``x``."""
    for u, v in ((x, y), (y, x)):
        if isinstance(v, Var) and is_identity(b.constants.get(v)) and not b.signed:
            return u
    return None


@rule(ops.moveaxis)
def moved_axis(b: Builder, x: Operand, source: Axis, destination: Axis) -> Operand:
    """An axis stays where it is; moving one of a matrix transposes it."""
    n = len(shape_of(x))
    if type(source) is not int or type(destination) is not int or not n:
        return None
    if source % n == destination % n:
        return x
    return b.emit(ops.transpose, x) if n == 2 else None


@rule(ops.sum, when="run")
def sum_of_scattered(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """One value was put in each row: its sum is that value."""
    equation = b.made(x, ops.scatter)
    if equation is None or not is_plain_reduction(others) or b.signed:
        return None
    index, (rows, *rest) = equation.kwargs["index"], equation.kwargs["shape"]
    if len(rest) != 1 or axis not in (1, -1) or not isinstance(index, tuple) or len(index) != 2:
        return None
    first, values = index[0], equation.args[0]
    one_each = isinstance(first, np.ndarray) and first.shape == (rows,) == shape_of(values)
    if not one_each or not np.array_equal(first, np.arange(rows)):
        return None
    shape = (rows, 1) if others.get("keepdims") else (rows,)
    if isinstance(values, np.ndarray) and not any(values.strides):
        return np.broadcast_to(values.flat[0], shape)
    return b.emit(ops.reshape, values, shape=shape)


@rule(ops.transpose, ops.swapaxes, when="run formula")
def transposed_product(b: Builder, x: Operand, **axes: Any) -> Operand:
    """``(A B)ᵀ`` is ``Bᵀ Aᵀ``: where A is a transpose itself, nothing needs transposing."""
    inner = b.match(x, ops.matmul)
    if inner is None or x.given or not all(len(shape_of(z)) == len(x.shape) for z in inner):
        return None
    n = len(x.shape)
    named = [int(a) % n for v in axes.values() if v is not None for a in np.ravel(v)]
    last_two = sorted(named) == [n - 2, n - 1] if named else n == 2
    flip, how = (ops.transpose, {}) if n == 2 else (ops.swapaxes, {"axis1": -2, "axis2": -1})
    if not last_two or not any(b.match(z, flip) for z in inner):
        return None
    u, v = (b.emit(flip, z, **how) for z in inner)
    return b.emit(ops.matmul, v, u)
