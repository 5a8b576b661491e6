"""Lowering: ops that NumPy computes in several passes, as the passes.

Between the passes memory can be reused and loops fused, and what the forward and the
backward pass share is computed once.  The rules emit ops like the rules of algebra do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.elementwise import branch
from minigrad.ops.record import Op, registry
from minigrad.ops.reduction import axes_of
from minigrad.ops.softmax import shift_of
from minigrad.program.equations import Program, Var
from minigrad.program.simplify import (
    RUNNING,
    Builder,
    Rule,
    absent,
    coefficient,
    number,
    outcome,
    rebuilt,
    rule,
    scaled,
    shape_of,
    together,
)

LOWERING: dict[str, list[Rule]] = {}
LARGE = 2**15
"""Reductions of products of more elements are fused into loops, not given to BLAS."""

join = registry["concatenate"]
shift = Op("shift", lambda x, axis: shift_of(x, axis), None, fresh=True)


def lowered(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: lower these ops by the function below."""
    return rule(*names, table=LOWERING)


@lowered("sigmoid")
def sigmoid(b: Builder, x: Any) -> Any:
    return b.emit(ops.divide, 1, b.emit(ops.add, 1, b.emit(ops.exp, b.emit(ops.negative, x))))


@lowered("relu")
def relu(b: Builder, x: Any) -> Any:
    return b.emit(ops.maximum, x, 0)


def softplus_of(b: Builder, x: Any) -> Any:
    """``log(1 + e^x)``: NumPy's logaddexp is one slow loop."""
    small = b.emit(ops.log1p, b.emit(ops.exp, b.emit(ops.negative, b.emit(ops.absolute, x))))
    return b.emit(ops.add, b.emit(ops.maximum, x, 0), small)


@lowered("softplus")
def softplus(b: Builder, x: Any) -> Any:
    return softplus_of(b, x)


@lowered("log_sigmoid")
def log_sigmoid(b: Builder, x: Any) -> Any:
    return b.emit(ops.negative, softplus_of(b, b.emit(ops.negative, x)))


@lowered("square")
def square(b: Builder, x: Any) -> Any:
    return b.emit(ops.multiply, x, x)


@lowered("power")
def power(b: Builder, x: Any, p: Any) -> Any:
    """Small whole powers as products."""
    n = number(p)
    if n == 2:
        return b.emit(ops.multiply, x, x)
    if n == 3:
        return b.emit(ops.multiply, b.emit(ops.multiply, x, x), x)
    if n == 4:
        return b.emit(ops.square, b.emit(ops.multiply, x, x))
    if n == -1:
        return b.emit(ops.divide, 1.0, x)
    if n == -2:
        return b.emit(ops.divide, 1.0, b.emit(ops.multiply, x, x))
    return None


@lowered("divide")
def division_by_number(b: Builder, x: Any, y: Any) -> Any:
    """A product is faster."""
    c = number(y)
    if c and isinstance(x, Var) and math.isfinite(1 / c) and shape_of(x) and 1 / c != 0:
        return b.emit(ops.multiply, 1 / c, x)
    return None


@lowered("mean")
def mean(b: Builder, x: Any, axis: Any = None, keepdims: bool = False, **others: Any) -> Any:
    if others.get("where", True) is not True or others.get("dtype") is not None:
        return None
    n = math.prod(shape_of(x)[a] for a in axes_of(_like(x), axis))
    if not n or not shape_of(x):
        return None
    total = b.emit(ops.sum, x, axis=axis, keepdims=keepdims)
    return b.emit(ops.multiply, 1 / n, total)


@lowered("sum")
def sum_of_multiples(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """``Σ c x`` is ``c Σ x``: it is cheaper to scale the sum."""
    c, y = coefficient(b, x)
    if y is x or not all(map(absent, others.values())):
        return None
    return scaled(b, c, b.emit(ops.sum, y, axis=axis, **others))


@lowered("matmul")
def product_of_multiples(b: Builder, x: Any, y: Any) -> Any:
    """``A (c x)`` is ``c (A x)``, where that is smaller."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    shape, _ = outcome(ops.matmul, (u, v), {})
    if u is not x and math.prod(shape) >= math.prod(shape_of(x)):
        c, u = 1, x
    if v is not y and math.prod(shape) >= math.prod(shape_of(y)):
        d, v = 1, y
    return None if u is x and v is y else scaled(b, c * d, b.emit(ops.matmul, u, v))


@lowered("matmul")
def one_product(b: Builder, x: Any, y: Any) -> Any:
    """A batch of products with one matrix is one product."""
    shape = shape_of(x)
    if len(shape) < 3 or len(shape_of(y)) != 2 or 0 in shape or not isinstance(x, Var):
        return None
    rows = b.emit(ops.reshape, x, shape=(math.prod(shape[:-1]), shape[-1]))
    return b.emit(ops.reshape, b.emit(ops.matmul, rows, y), shape=(*shape[:-1], shape_of(y)[-1]))


@lowered("sum")
def sum_of_matrix(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """Sums over all axes but the last, or over the last, as sums of a matrix."""
    shape = shape_of(x)
    if len(shape) < 3 or 0 in shape or axis is None or math.prod(shape) > 2 * LARGE:
        return None
    axes, last = tuple(sorted(axes_of(_like(x), axis))), len(shape) - 1
    keepdims = others.pop("keepdims", False)
    if not all(map(absent, others.values())) or axes not in ((last,), tuple(range(last))):
        return None
    matrix = b.emit(ops.reshape, x, shape=(math.prod(shape[:-1]), shape[-1]))
    ans = b.emit(ops.sum, matrix, axis=1 if axes == (last,) else 0)
    kept = [1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes]
    return b.emit(ops.reshape, ans, shape=tuple(kept))


def _like(x: Any) -> Any:
    return np.broadcast_to(np.float64(0), shape_of(x))


@lowered("greater")
def mask_of_relu(b: Builder, x: Any, y: Any) -> Any:
    """``x > 0`` is ``max(x, 0) > 0``: what was kept for the next layer does for both."""
    if number(y) != 0 or not b.knows(ops.maximum, x, 0):
        return None
    h = b.emit(ops.maximum, x, 0)
    return b.keep(ops.greater, (h, y), {}, Var("t", h.shape, np.dtype(bool)))


@lowered("sum")
def sum_of_products(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """The sum of all products is a product of vectors."""
    inner = b.match(x, "multiply")
    every = axis is None or axes_of(_like(x), axis) == tuple(range(len(shape_of(x))))
    if inner is None or not every or not all(map(absent, others.values())):
        return None
    u, v = inner
    if not (isinstance(u, Var) and isinstance(v, Var)) or others.get("keepdims"):
        return None
    if u.shape != v.shape or u.dtype != v.dtype or math.prod(u.shape) > LARGE or not u.shape:
        return None
    u, v = (b.emit(ops.reshape, z, shape=(-1,)) for z in (u, v))
    return b.emit(ops.matmul, u, v)


def top_of(b: Builder, x: Any, axis: Any) -> Any:
    """The largest element, to be subtracted before exponentials."""
    return b.emit(ops.max, x, axis=axis, keepdims=True) if shape_of(x) else x


@lowered("softmax")
def softmax(b: Builder, x: Any, axis: Any = -1) -> Any:
    e = b.emit(ops.exp, b.emit(ops.subtract, x, top_of(b, x, axis)))
    return b.emit(ops.divide, e, b.emit(ops.sum, e, axis=axis, keepdims=True))


@lowered("log_softmax")
def log_softmax(b: Builder, x: Any, axis: Any = -1) -> Any:
    z = b.emit(ops.subtract, x, top_of(b, x, axis))
    total = b.emit(ops.sum, b.emit(ops.exp, z), axis=axis, keepdims=True)
    return b.emit(ops.subtract, z, b.emit(ops.log, total))


@lowered("logsumexp")
def logsumexp(b: Builder, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if not shape_of(x) or not math.prod(shape_of(x)):
        return None
    top = b.emit(shift, x, axis=axis)
    e = b.emit(ops.exp, b.emit(ops.subtract, x, top))
    total = b.emit(ops.sum, e, axis=axis, keepdims=True)
    ans = b.emit(ops.add, b.emit(ops.log, total), top)
    if keepdims:
        return ans
    gone = {a % len(shape_of(x)) for a in axes_of(_like(x), axis)}
    kept = tuple(n for i, n in enumerate(shape_of(x)) if i not in gone)
    return b.emit(ops.reshape, ans, shape=kept)


@lowered("add")
def products_together(b: Builder, x: Any, y: Any) -> Any:
    """``AᵀB + CᵀD`` is one product of longer matrices, for small ones: steps of a recurrence."""
    left, right = (b.match(z, "matmul") for z in (x, y))
    if not left or not right:
        return None
    tall = [b.match(z, "transpose") for z in (left[0], right[0])]
    if not tall[0] or not tall[1]:
        return None
    (a, c), (p, q) = (tall[0][0], tall[1][0]), (left[1], right[1])
    if not all(map(small_matrix, (a, c, p, q))):
        return None
    return b.emit(ops.matmul, b.emit(ops.transpose, rows(b, a, c)), rows(b, p, q))


@lowered("add")
def sums_together(b: Builder, x: Any, y: Any) -> Any:
    """``Σ A + Σ B`` over rows is the sum of one longer matrix."""
    made = [b.made_by.get(z) if isinstance(z, Var) else None for z in (x, y)]
    parts = []
    for e in made:
        axis = e.kwargs.get("axis") if e is not None and e.op is ops.sum else None
        others = {k: v for k, v in e.kwargs.items() if k not in ("axis", "keepdims")} if e else {}
        if e is None or axis not in (0, (0,)) or e.kwargs.get("keepdims"):
            return None
        if not all(map(absent, others.values())) or not small_matrix(e.args[0]):
            return None
        parts.append(e.args[0])
    return b.emit(ops.sum, rows(b, *parts), axis=0)


def small_matrix(x: Any) -> bool:
    """Whether calls cost more than the work on ``x``."""
    return isinstance(x, Var) and len(x.shape) == 2 and 0 < math.prod(x.shape) < LARGE // 4


def rows(b: Builder, *parts: Any) -> Any:
    """The rows of all parts in one matrix."""
    flat: list[Any] = []
    for part in parts:
        equation = b.made_by.get(part)
        joined = equation is not None and equation.op is join and equation.kwargs == {"axis": 0}
        flat += equation.args if joined and equation is not None else [part]
    return b.emit(join, *flat, axis=0)


@lowered("exp")
def exp_of_log(b: Builder, x: Any) -> Any:
    """``exp(z - log s)`` is ``exp(z) / s``, where exp(z) is known."""
    inner = b.match(x, "subtract")
    log = b.match(inner[1], "log") if inner else None
    if not inner or not log or not b.knows(ops.exp, inner[0]):
        return None
    return b.emit(ops.divide, b.emit(ops.exp, inner[0]), log[0])


@lowered("exp")
def exp_of_log_sum(b: Builder, x: Any) -> Any:
    """``exp(x - log Σ exp x)`` is ``exp(x - top) / Σ exp(x - top)``, which is known.

    What `logsumexp` does where all of x is -inf, 0 instead of NaN, is done here as well.
    """
    inner = b.match(x, "subtract")
    safe = inner and b.match(inner[1], "where")
    if not inner or not safe or b.match(safe[0], "equal") is None:
        return None
    total = b.match(safe[2], "add")
    log = total and b.match(total[0], "log")
    if not total or not log:
        return None
    shifted = b.emit(ops.subtract, inner[0], total[1])
    if not b.knows(ops.exp, shifted):
        return None
    none = b.emit(ops.equal, log[0], 0)
    return b.emit(ops.divide, b.emit(ops.exp, shifted), b.emit(branch, none, 1.0, log[0]))


ALL = together(LOWERING, RUNNING)


def lower(program: Program) -> Program:
    """``program`` in terms of what NumPy does in one pass."""
    return rebuilt(program, ALL, named=False)
