"""Functions of single elements, reductions and products."""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.onnx.operators.table import Ints, Operator, table, whole
from minigrad.ops.record import Op
from minigrad.typing import Array, Axis, Function


def floating(x: Array) -> bool:
    return np.result_type(x).kind == "f"


def div(a: Array, b: Array) -> Array:
    """Whole numbers are cut off towards 0."""
    if floating(a):
        return ops.divide(a, b)
    q = np.floor_divide(np.abs(a), np.abs(b)) * np.sign(a) * np.sign(b)
    return np.asarray(q, np.result_type(a))


def clip(
    x: Array, low: Array = None, high: Array = None, *, min: Array = None, max: Array = None
) -> Array:
    for f, end in (
        (ops.maximum, min if low is None else low),
        (ops.minimum, max if high is None else high),
    ):
        if end is not None:
            x = f(x, np.asarray(end, np.result_type(x)) if isinstance(end, float | int) else end)
    return x


def cast(x: Array, *, to: int, saturate: int = 1) -> Array:
    from onnx import helper

    try:
        dtype = helper.tensor_dtype_to_np_dtype(to)
    except KeyError:
        raise ValueError(f"onnx.load: Cast to={to}, which is no dtype of ONNX") from None
    return ops.astype(x, dtype=dtype)


def is_inf(x: Array, *, detect_negative: int = 1, detect_positive: int = 1) -> Array:
    up = ops.equal(x, math.inf) if detect_positive else ops.not_equal(x, x) & False
    return ops.logical_or(up, ops.equal(x, -math.inf)) if detect_negative else up


# --- reductions ------------------------------------------------------------------------


def reduction(
    f: Function, x: Array, over: Array = None, *, axes: Ints = None, keepdims: int = 1,
    noop_with_empty_axes: int = 0,
) -> Array:  # fmt: skip
    """Over axes that are an input since version 13 or 18, and an attribute before."""
    axes = whole(over) if over is not None else axes
    if not axes and noop_with_empty_axes:
        return f(x, axis=(), keepdims=True)
    return f(x, axis=tuple(axes) if axes else None, keepdims=bool(keepdims))


def total(x: Array, **over: Any) -> Array:
    return ops.sum(x, **over).astype(np.result_type(x))


def extreme(f: Function, of_nothing: float, x: Array, **over: Any) -> Array:
    """The largest or smallest; of no numbers an infinity, or the last whole number of its dtype."""
    if np.size(x):
        return f(x, **over)
    kind = np.result_type(x)
    whole = np.iinfo(kind) if kind.kind in "iu" else None
    last = of_nothing if whole is None else whole.min if of_nothing < 0 else whole.max
    return f(x, **over, initial=last)


def place(
    f: Function, x: Array, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Array:
    if select_last_index:
        n = np.shape(x)[axis]
        return n - 1 - f(ops.flip(x, axis), axis=axis, keepdims=bool(keepdims))
    return f(x, axis=axis, keepdims=bool(keepdims))


def cumsum(x: Array, axis: Axis, *, exclusive: int = 0, reverse: int = 0) -> Array:
    (along,) = whole(axis)
    x = ops.flip(x, along) if reverse else x
    ans = ops.cumsum(x, axis=along)
    ans = ans - x if exclusive else ans
    return ops.flip(ans, along) if reverse else ans


def top_k(
    x: Array,
    count: Array = None,
    *,
    k: Array = None,
    axis: int = -1,
    largest: int = 1,
    sorted: int = 1,
) -> Array:
    n = k if count is None else whole(count)[0]
    order = np.argsort(ops.negative(x) if largest else x, axis=axis, kind="stable")
    order = np.take(order, np.arange(n), axis)
    return np.take_along_axis(x, order, axis), order


def gemm(
    a: Array, b: Array, c: Array = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0,
) -> Array:  # fmt: skip
    y = (a.T if transA else a) @ (b.T if transB else b)
    y = y if alpha == 1 else y * alpha
    return y if c is None else y + (c if beta == 1 else c * beta)


ELEMENTWISE: dict[str, Op] = {
    "Abs": ops.absolute, "Acos": ops.arccos, "Acosh": ops.arccosh, "Add": ops.add,
    "And": ops.logical_and, "Asin": ops.arcsin, "Asinh": ops.arcsinh, "Atan": ops.arctan,
    "Atanh": ops.arctanh, "BitwiseAnd": ops.bitwise_and, "BitwiseNot": ops.invert,
    "BitwiseOr": ops.bitwise_or, "BitwiseXor": ops.bitwise_xor, "Ceil": ops.ceil, "Cos": ops.cos,
    "Cosh": ops.cosh, "Equal": ops.equal, "Erf": ops.erf, "Exp": ops.exp, "Floor": ops.floor,
    "Greater": ops.greater, "GreaterOrEqual": ops.greater_equal, "IsNaN": ops.isnan,
    "Less": ops.less, "LessOrEqual": ops.less_equal, "Log": ops.log, "Mul": ops.multiply,
    "Neg": ops.negative, "Not": ops.logical_not, "Or": ops.logical_or,
    "Reciprocal": ops.reciprocal, "Relu": ops.relu, "Round": ops.rint, "Sigmoid": ops.sigmoid,
    "Sign": ops.sign, "Sin": ops.sin, "Sinh": ops.sinh, "Softplus": ops.softplus,
    "Sqrt": ops.sqrt, "Sub": ops.subtract, "Tan": ops.tan, "Tanh": ops.tanh,
    "Xor": ops.logical_xor,
}  # fmt: skip
"""Name -> the op that it is; `minigrad.onnx.rules` writes those that are exact by this name."""

OPERATORS: dict[str, Operator] = table(**ELEMENTWISE)
OPERATORS |= table(
    Cast=cast, Clip=clip, CumSum=cumsum, Det=np.linalg.det, Div=div, Gemm=gemm, IsInf=is_inf,
    MatMul=ops.matmul, Softsign=F.softsign, TopK=top_k, Where=ops.where,
)  # fmt: skip
OPERATORS |= table(
    ArgMax=partial(place, ops.argmax),
    ArgMin=partial(place, ops.argmin),
    BitShift=lambda a, b, *, direction: (
        ops.left_shift if direction == "LEFT" else ops.right_shift
    )(a, b),
    CastLike=lambda x, like, *, saturate=1: ops.astype(x, dtype=np.result_type(like)),
    Einsum=lambda *operands, equation: ops.einsum(equation, *operands),
    Max=lambda *xs: reduce(ops.maximum, xs),
    Min=lambda *xs: reduce(ops.minimum, xs),
    Mod=lambda a, b, *, fmod=0: (ops.fmod if fmod else ops.remainder)(a, b),
    Mean=lambda *xs: reduce(ops.add, xs) / len(xs),
    Pow=lambda a, b: ops.power(a, b).astype(np.result_type(a)),
    ReduceL1=partial(reduction, lambda x, **over: total(ops.absolute(x), **over)),
    ReduceL2=partial(reduction, lambda x, **over: ops.sqrt(total(ops.square(x), **over))),
    ReduceLogSum=partial(reduction, lambda x, **over: ops.log(total(x, **over))),
    ReduceLogSumExp=partial(reduction, ops.logsumexp),
    ReduceMax=partial(reduction, partial(extreme, ops.max, -math.inf)),
    ReduceMean=partial(reduction, ops.mean),
    ReduceMin=partial(reduction, partial(extreme, ops.min, math.inf)),
    ReduceProd=partial(reduction, ops.prod),
    ReduceSum=partial(reduction, total),
    ReduceSumSquare=partial(reduction, lambda x, **over: total(ops.square(x), **over)),
    Sum=lambda *xs: reduce(ops.add, xs),
)
