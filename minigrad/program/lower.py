"""Lowering: ops that NumPy computes in several passes, as the passes.

``softmax(x)`` becomes ``e = exp(x - max x)`` and ``e / Σ e``.  Between the passes memory can be
reused and loops fused, and what the forward and the backward pass share is computed once.

Each function below is a rewrite rule (`minigrad.program.rules`): it is given the builder and the
arguments of the op, and answers with what it has emitted instead, or with None to leave the op
as it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.elementwise import HALVES, SMALL, branch
from minigrad.ops.indexing import elements, renames_axes
from minigrad.ops.joining import joined
from minigrad.ops.norms import direction, power_norm
from minigrad.ops.record import Op
from minigrad.ops.softmax import shift_of, top_of
from minigrad.ops.special import CUBIC, ROOT, tanh_gelu
from minigrad.program import contractions as contractions
from minigrad.program.builder import (
    Builder,
    as_number,
    axes_of,
    is_safe_factor,
    same_shape_and_dtype,
    shape_of,
)
from minigrad.program.entries import merge_scatters
from minigrad.program.equations import Program, Var
from minigrad.program.rules import coefficient, is_float, is_plain_reduction, rule, rules, scaled
from minigrad.program.simplify import rebuilt
from minigrad.program.slices import batch_slices
from minigrad.typing import Axis, Operand

LARGE = 2**15
"""Reductions of products of more elements are fused into loops, not given to BLAS."""

PARTS = 64
"""Products and sums of a recurrence are taken together, so many at a time."""

largest: Op = Op("largest", top_of, None, fresh=True)
"""The largest element along an axis, which stays: what softmax subtracts."""
shift: Op = Op("shift", shift_of, None, fresh=True)
"""The same where it is finite, and 0 elsewhere: what logsumexp subtracts."""

# --- activations -----------------------------------------------------------------------


@rule(ops.sigmoid, when="lower")
def sigmoid(b: Builder, x: Operand) -> Operand:
    """``1 / (1 + exp(-x))``."""
    if not is_float(x):
        return None
    return b.emit(ops.divide, 1, b.emit(ops.add, 1, b.emit(ops.exp, b.emit(ops.negative, x))))


@rule(ops.relu, when="lower")
def relu(b: Builder, x: Operand) -> Operand:
    """``max(x, 0)``."""
    return b.emit(ops.maximum, x, 0)


@rule(ops.greater, when="lower")
def mask_of_relu(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x > 0`` is ``max(x, 0) > 0``: what was kept for the next layer does for both."""
    if as_number(y) != 0 or not b.knows(ops.maximum, x, 0):
        return None
    h = b.emit(ops.maximum, x, 0)
    return b.keep(ops.greater, (h, y), {}, Var("t", h.shape, np.dtype(bool)))


@rule(tanh_gelu, when="lower")
def gelu(b: Builder, x: Operand) -> Operand:
    """``x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``."""
    if not is_float(x):
        return None
    inner = b.emit(ops.multiply, ROOT * CUBIC, b.emit(ops.multiply, x, x))
    t = b.emit(ops.tanh, b.emit(ops.multiply, b.emit(ops.add, inner, ROOT), x))
    return b.emit(ops.multiply, b.emit(ops.multiply, b.emit(ops.add, 1, t), x), 0.5)


def softplus_of(b: Builder, x: Operand) -> Operand:
    """``log(1 + e^x)``: NumPy's logaddexp is one slow loop."""
    small = b.emit(ops.log1p, b.emit(ops.exp, b.emit(ops.negative, b.emit(ops.absolute, x))))
    return b.emit(ops.add, b.emit(ops.maximum, x, 0), small)


@rule(ops.softplus, when="lower")
def softplus(b: Builder, x: Operand) -> Operand:
    return softplus_of(b, x) if is_float(x) else None


@rule(ops.log_sigmoid, when="lower")
def log_sigmoid(b: Builder, x: Operand) -> Operand:
    """``-log(1 + e^-x)``."""
    if not is_float(x):
        return None
    return b.emit(ops.negative, softplus_of(b, b.emit(ops.negative, x)))


# --- powers, quotients and reductions --------------------------------------------------


@rule(ops.square, when="lower")
def square(b: Builder, x: Operand) -> Operand:
    """``x x``."""
    return b.emit(ops.multiply, x, x)


@rule(ops.power, when="lower")
def power(b: Builder, x: Operand, p: Operand) -> Operand:
    """Small powers as products and roots, with the steps of the op: C's pow is slow."""
    n = as_number(p)
    if n == 2:
        return b.emit(ops.multiply, x, x)
    if not is_float(x) or n is None:
        return None
    if n < 0 and (n in SMALL or n == -1):
        return whole(b, b.emit(ops.divide, 1.0, x), -int(n))
    if n in SMALL:
        return whole(b, x, int(n))
    if not (shape_of(x) and type(p) is float and (n in HALVES or n == 0.5)):
        return None  # of single numbers, NumPy takes pow
    root = b.emit(ops.sqrt, x)
    if abs(n) == 1.5:
        root = b.emit(ops.multiply, x, root)
    elif n < 0:
        root = b.emit(ops.absolute, root)  # -0.0 has itself for a root
    return root if n > 0 else b.emit(ops.divide, 1.0, root)


def whole(b: Builder, x: Operand, n: int) -> Operand:
    """``x ** n`` by repeated squaring."""
    if n <= 2:
        return x if n == 1 else b.emit(ops.multiply, x, x)
    if n == 3:
        return b.emit(ops.multiply, b.emit(ops.multiply, x, x), x)
    half = whole(b, b.emit(ops.multiply, x, x), n // 2)
    return b.emit(ops.multiply, half, x) if n % 2 else half


@rule(ops.divide, when="lower")
def division_by_number(b: Builder, x: Operand, y: Operand) -> Operand:
    """A product is faster; by a power of 2 it is the same."""
    c = as_number(y)
    exact = c and math.isfinite(c) and abs(math.frexp(c)[0]) == 0.5
    if exact and is_float(x) and shape_of(x) and is_safe_factor(c, x.dtype):
        return b.emit(ops.multiply, 1 / c, x)
    return None


@rule(ops.mean, when="lower")
def mean(
    b: Builder, x: Operand, axis: Axis = None, keepdims: bool = False, **others: Any
) -> Operand:
    """A sum, divided: half precision and whole numbers are summed in another dtype."""
    if not is_plain_reduction(others) or not is_float(x) or x.dtype.itemsize < 4 or not x.shape:
        return None
    n = math.prod(x.shape[a] for a in axes_of(x, axis))
    total = b.emit(ops.sum, x, axis=axis, keepdims=keepdims)
    if not n or not isinstance(total, Var):
        return None
    return b.keep(ops.divide, (total, n), {}, Var("t", total.shape, total.dtype))


@rule(ops.sum, when="lower")
def sum_of_multiples(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """``Σ c x`` is ``c Σ x``: it is cheaper to scale the sum, if that is no larger."""
    c, y = coefficient(b, x)
    if y is x or abs(c) < 1 or not is_plain_reduction(others) or (c < 0 and b.signed):
        return None
    return scaled(b, c, b.emit(ops.sum, y, axis=axis, **others))


@rule(ops.sum, when="lower")
def sum_of_matrix(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """Sums over all axes but the last, or over the last, as sums of a matrix."""
    shape = shape_of(x)
    if len(shape) < 3 or 0 in shape or axis is None or math.prod(shape) > 2 * LARGE:
        return None
    axes, last = axes_of(x, axis), len(shape) - 1
    keepdims = others.pop("keepdims", False)
    if not is_plain_reduction(others) or axes not in ({last}, {*range(last)}):
        return None
    matrix = b.emit(ops.reshape, x, shape=(math.prod(shape[:-1]), shape[-1]))
    ans = b.emit(ops.sum, matrix, axis=1 if axes == {last} else 0)
    kept = [1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes]
    return b.emit(ops.reshape, ans, shape=tuple(kept))


@rule(ops.sum, when="lower")
def sum_of_products(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """The sum of all products is a product of vectors."""
    inner = b.match(x, ops.multiply)
    every = len(axes_of(x, axis)) == len(shape_of(x))
    if inner is None or not every or not is_plain_reduction(others) or others.get("keepdims"):
        return None
    u, v = inner
    if not (is_float(u) and same_shape_and_dtype(u, v) and u.shape) or math.prod(u.shape) > LARGE:
        return None
    u, v = (b.emit(ops.reshape, z, shape=(-1,)) for z in (u, v))
    return b.emit(ops.matmul, u, v)


@rule(ops.sum, when="tile")
def sum_of_products_in_tile(b: Builder, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """The same of two vectors that lie in the cache: one pass in place of two."""
    inner = b.match(x, ops.multiply)
    if inner is None or not is_plain_reduction(others) or others.get("keepdims"):
        return None
    u, v = inner
    vectors = is_float(u) and same_shape_and_dtype(u, v) and len(u.shape) == 1
    return b.emit(ops.matmul, u, v) if vectors and u.dtype.itemsize > 2 else None


@rule(power_norm, when="lower")
def length(b: Builder, x: Operand, ord: Operand = 2, **how: Any) -> Operand:
    if not is_float(x) or ord != 2:
        return None
    return b.emit(ops.sqrt, b.emit(ops.sum, b.emit(ops.square, x), **how))


@rule(direction, when="formula")
def quotient_by_length(b: Builder, x: Operand, length: Operand, **_: object) -> Operand:
    """``x / ‖x‖`` where that is not 0."""
    return b.emit(ops.divide, x, b.emit(branch, b.emit(ops.equal, length, 0), 1.0, length))


# --- products of matrices --------------------------------------------------------------


@rule(ops.matmul, when="lower")
def product_of_multiples(b: Builder, x: Operand, y: Operand) -> Operand:
    """``A (c x)`` is ``c (A x)``, where that is smaller, in size and in value."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    size = math.prod(b.outcome(ops.matmul, (x, y), {})[0])
    if abs(c) < 1 or size >= math.prod(shape_of(x)):
        c, u = 1, x
    if abs(d) < 1 or size >= math.prod(shape_of(y)):
        d, v = 1, y
    if c * d < 0 and b.signed:
        return None
    if (u is x and v is y) or getattr(x, "dtype", None) != getattr(y, "dtype", None):
        return None
    return scaled(b, c * d, b.emit(ops.matmul, u, v)) if is_safe_factor(c * d, x.dtype) else None


@rule(ops.matmul, when="lower")
def one_product(b: Builder, x: Operand, y: Operand) -> Operand:
    """A batch of products with one matrix is one product."""
    shape = shape_of(x)
    if len(shape) < 3 or len(shape_of(y)) != 2 or 0 in shape or not isinstance(x, Var):
        return None
    rows = b.emit(ops.reshape, x, shape=(math.prod(shape[:-1]), shape[-1]))
    return b.emit(ops.reshape, b.emit(ops.matmul, rows, y), shape=(*shape[:-1], shape_of(y)[-1]))


# --- softmax and its logarithm ---------------------------------------------------------


@rule(ops.softmax, when="lower")
def softmax(b: Builder, x: Operand, axis: Axis = -1) -> Operand:
    """``e / Σ e`` with ``e = exp(x - max x)``."""
    if 0 in shape_of(x):
        return None
    e = b.emit(ops.exp, b.emit(ops.subtract, x, b.emit(largest, x, axis=axis)))
    return b.emit(ops.divide, e, b.emit(ops.sum, e, axis=axis, keepdims=True))


@rule(ops.log_softmax, when="lower")
def log_softmax(b: Builder, x: Operand, axis: Axis = -1) -> Operand:
    """``z - log Σ exp z`` with ``z = x - max x``."""
    if 0 in shape_of(x):
        return None
    z = b.emit(ops.subtract, x, b.emit(largest, x, axis=axis))
    total = b.emit(ops.sum, b.emit(ops.exp, z), axis=axis, keepdims=True)
    return b.emit(ops.subtract, z, b.emit(ops.log, total))


@rule(ops.logsumexp, when="lower")
def logsumexp(b: Builder, x: Operand, axis: Axis = None, keepdims: bool = False) -> Operand:
    if not shape_of(x) or not math.prod(shape_of(x)):
        return None
    top = b.emit(shift, x, axis=axis)
    e = b.emit(ops.exp, b.emit(ops.subtract, x, top))
    total = b.emit(ops.sum, e, axis=axis, keepdims=True)
    ans = b.emit(ops.add, b.emit(ops.log, total), top)
    if keepdims:
        return ans
    kept = tuple(n for i, n in enumerate(shape_of(x)) if i not in axes_of(x, axis))
    return b.emit(ops.reshape, ans, shape=kept)


# --- steps of a recurrence, taken together ---------------------------------------------


@rule(ops.add, when="lower")
def products_together(b: Builder, x: Operand, y: Operand) -> Operand:
    """``AᵀB + CᵀD`` is one product of longer matrices, for small ones: steps of a recurrence."""
    product = stacked_product(b, x, y)
    for rest, z in inner_sum(b, x) if product is None else ():
        if (inner := stacked_product(b, z, y)) is not None:
            return b.emit(ops.add, rest, inner)
    return product


def inner_sum(b: Builder, x: Operand) -> list[tuple[Operand, Operand]]:
    """Both orders of what ``x`` adds up, arrays of its shape."""
    inner = b.match(x, ops.add)
    return [inner, inner[::-1]] if inner and same_shape_and_dtype(*inner) else []


def stacked_product(b: Builder, x: Operand, y: Operand) -> Operand:
    """``AᵀB + CᵀD`` as one product."""
    left, right = (product_of_rows(b, z) for z in (x, y))
    if not left or not right:
        return None
    (a, p), (c, q) = left, right
    if not all(map(small_matrix, (a, c, p, q))) or not (can_stack(a, c) and can_stack(p, q)):
        return None
    return b.emit(ops.matmul, b.emit(ops.transpose, stacked_rows(b, a, c)), stacked_rows(b, p, q))


def product_of_rows(b: Builder, x: Operand) -> tuple[Operand, Operand] | None:
    """A and B where ``x`` is ``AᵀB``; of one row each, if it is an outer product of vectors."""
    product = b.match(x, ops.matmul)
    if product:
        tall = b.match(product[0], ops.transpose)
        return (tall[0], product[1]) if tall else None
    turned = b.match(x, ops.transpose)
    if turned and len(x.shape) == 2:
        found = product_of_rows(b, turned[0])
        return found and found[::-1]
    factors = b.match(x, ops.multiply) or ()
    for column, row in (factors, factors[::-1]) if factors else ():
        vectors = vector_along(b, column, -1), vector_along(b, row, 0)
        if vectors[0] is not None and vectors[1] is not None:
            first, second = (b.emit(ops.reshape, v, shape=(1, -1)) for v in vectors)
            return first, second
    return None


def vector_along(b: Builder, x: Operand, axis: int) -> Operand:
    """The vector of which ``x`` is a column (``axis`` -1) or a row (0), as `outer` makes them."""
    if axis == 0 and isinstance(x, Var) and len(x.shape) == 1:
        return x
    e = b.made(x, elements)
    if e is None or len(shape_of(e.args[0])) != 1 or not renames_axes(e.kwargs["index"]):
        return None
    return e.args[0] if len(x.shape) == 2 and x.shape[axis] == 1 else None


@rule(ops.add, when="lower")
def sums_together(b: Builder, x: Operand, y: Operand) -> Operand:
    """``Σ A + Σ B`` over rows is the sum of one longer matrix."""
    parts = []
    for z in (x, y):
        e = b.made(z, ops.sum)
        if e is None or e.kwargs.get("axis") not in (0, (0,)) or e.kwargs.get("keepdims"):
            return None
        if not is_plain_reduction(e.kwargs) or not small_matrix(e.args[0]):
            return None
        parts.append(e.args[0])
    if not can_stack(*parts) or not same_shape_and_dtype(x, y):
        return None
    return b.emit(ops.sum, stacked_rows(b, *parts), axis=0)


def can_stack(x: Operand, y: Operand) -> bool:
    """Whether the rows of two matrices can lie in one."""
    return bool(x.shape[1] == y.shape[1] and x.dtype == y.dtype)


def small_matrix(x: Operand) -> bool:
    """Whether calls cost more than the work on ``x``."""
    return is_float(x) and len(x.shape) == 2 and 0 < math.prod(x.shape) < LARGE // 4


def stacked_rows(b: Builder, *parts: Operand) -> Operand:
    """The rows of all parts in one matrix."""
    flat: list[Operand] = []
    for part in parts:
        e = b.made(part, joined)
        together = e is not None and e.kwargs == {"axis": 0} and len(e.args) < PARTS
        flat += e.args if e is not None and together else [part]
    return b.emit(joined, *flat, axis=0)


# --- exponentials that are known -------------------------------------------------------


@rule(ops.exp, when="lower")
def exp_of_log(b: Builder, x: Operand) -> Operand:
    """``exp(z - log s)`` is ``exp(z) / s``, where exp(z) is known and below 1."""
    inner = b.match(x, ops.subtract)
    log = b.match(inner[1], ops.log) if inner else None
    below = b.match(inner[0], ops.subtract) if inner else None
    if not inner or not log or not below or not b.knows(ops.exp, inner[0]):
        return None
    if b.made(below[1], largest) is None and b.made(below[1], shift) is None:
        return None
    return b.emit(ops.divide, b.emit(ops.exp, inner[0]), log[0])


@rule(ops.exp, when="lower")
def exp_of_log_sum(b: Builder, x: Operand) -> Operand:
    """``exp(x - log Σ exp x)`` is ``exp(x - top) / Σ exp(x - top)``, which is known.

    What `logsumexp` does where all of x is -inf, 0 instead of NaN, is done here as well: Σ is 0
    there, and at least 1 elsewhere, since exp(0) is in it.
    """
    inner = b.match(x, ops.subtract)
    safe = b.match(inner[1], branch) if inner else None
    found = log_of_sum(b, safe[2]) if safe else None
    if not inner or not safe or not found or as_number(safe[1]) != 0:
        return None
    if safe[0] is not b.emit(ops.equal, safe[2], -math.inf):
        return None
    total, top = found
    shifted = b.emit(ops.subtract, inner[0], top)
    if not b.knows(ops.exp, shifted):
        return None
    return b.emit(ops.divide, b.emit(ops.exp, shifted), b.emit(ops.maximum, total, 1.0))


def log_of_sum(b: Builder, x: Operand) -> tuple[Operand, Operand] | None:
    """Σ and top where ``x`` is ``log Σ + top``, as `logsumexp` is lowered."""
    whole = b.match(x, ops.reshape)  # of all elements, without axes
    total = b.match(whole[0] if whole else x, ops.add)
    log = b.match(total[0], ops.log) if total else None
    if not total or not log or b.made(total[1], shift) is None:
        return None
    return log[0], total[1]


@rule(branch, when="lower")
def nothing_to_share(b: Builder, condition: Operand, x: Operand, y: Operand) -> Operand:
    """Where Σ e is 0, so is each e = exp(z), and e / max(Σ e, 1)."""
    shared = b.match(y, ops.divide)
    safe = b.match(shared[1], ops.maximum) if shared else None
    whole = b.match(condition, ops.reshape)
    if not shared or not safe or b.made(shared[0], ops.exp) is None or as_number(x) != 0:
        return None
    none = whole[0] if whole and math.prod(shape_of(whole[0])) == 1 else condition
    sums = b.match(safe[0], ops.sum)
    if not sums or sums[0] is not shared[0] or as_number(safe[1]) != 1:
        return None
    return y if none is b.emit(ops.equal, safe[0], 0) else None


@rule(ops.equal, when="lower")
def nothing_to_sum(b: Builder, x: Operand, y: Operand) -> Operand:
    """``log Σ + top`` is -inf where the sum is 0: the top is finite."""
    found = log_of_sum(b, x) if as_number(y) == -math.inf else None
    if not found:
        return None
    none = b.emit(ops.equal, found[0], 0)
    return none if shape_of(none) == x.shape else b.emit(ops.reshape, none, shape=x.shape)


LOWER = rules("lower", "run")
TILE = rules("lower", "run", "tile")


def lower(program: Program) -> Program:
    """``program`` in terms of what NumPy does in one pass."""
    return rebuilt(batch_slices(merge_scatters(program)), LOWER, named=False)


def lower_part(program: Program) -> Program:
    """Part of a lowered program, its shapes changed; others see which signs its zeros have."""
    results = [v for v in program.outputs if isinstance(v, Var)]
    return rebuilt(program, TILE, named=False, outside=results)
