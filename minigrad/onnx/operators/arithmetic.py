"""Functions of single elements, reductions and products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.onnx.operators.table import Operator, table, whole


def unary(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: f(x)


def binary(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: f(a, b)


def floating(x: Any) -> bool:
    return np.result_type(x).kind == "f"


def div(a: Any, b: Any) -> Any:
    """Whole numbers are cut off towards 0."""
    if floating(a):
        return ops.divide(a, b)
    q = np.floor_divide(np.abs(a), np.abs(b)) * np.sign(a) * np.sign(b)
    return np.asarray(q, np.result_type(a))


def mod(a: Any, b: Any, *, fmod: int = 0) -> Any:
    return ops.fmod(a, b) if fmod else ops.remainder(a, b)


def many(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*xs: Any) -> Any:
        ans = xs[0]
        for x in xs[1:]:
            ans = f(ans, x)
        return ans

    return call


def power(a: Any, b: Any) -> Any:
    return ops.power(a, b).astype(np.result_type(a))


def clip(x: Any, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Any:
    for f, end in (
        (ops.maximum, min if low is None else low),
        (ops.minimum, max if high is None else high),
    ):
        if end is not None:
            x = f(x, np.asarray(end, np.result_type(x)) if isinstance(end, float | int) else end)
    return x


def cast(x: Any, *, to: int, saturate: int = 1) -> Any:
    from onnx import helper

    try:
        dtype = helper.tensor_dtype_to_np_dtype(to)
    except KeyError:
        raise ValueError(f"onnx.load: Cast to={to}, which is no dtype of ONNX") from None
    return ops.astype(x, dtype=dtype)


def cast_like(x: Any, like: Any, *, saturate: int = 1) -> Any:
    return ops.astype(x, dtype=np.result_type(like))


def is_inf(x: Any, *, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    up = ops.equal(x, math.inf) if detect_positive else ops.not_equal(x, x) & False
    return ops.logical_or(up, ops.equal(x, -math.inf)) if detect_negative else up


def bit_shift(a: Any, b: Any, *, direction: str) -> Any:
    return (ops.left_shift if direction == "LEFT" else ops.right_shift)(a, b)


# --- reductions ------------------------------------------------------------------------


def reduction(f: Callable[..., Any]) -> Callable[..., Any]:
    """Over axes that are an input since version 13 or 18, and an attribute before."""

    def call(
        x: Any, over: Any = None, *, axes: Any = None, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Any:  # fmt: skip
        axes = whole(over) if over is not None else axes
        if not axes and noop_with_empty_axes:
            return f(x, axis=(), keepdims=True)
        return f(x, axis=tuple(axes) if axes else None, keepdims=bool(keepdims))

    return call


def total(x: Any, **over: Any) -> Any:
    return ops.sum(x, **over).astype(np.result_type(x))


def extreme(f: Callable[..., Any], of_nothing: float) -> Callable[..., Any]:
    """The largest or smallest; of no numbers an infinity, or the last whole number of its dtype."""

    def call(x: Any, **over: Any) -> Any:
        if np.size(x):
            return f(x, **over)
        kind = np.result_type(x)
        whole = np.iinfo(kind) if kind.kind in "iu" else None
        last = of_nothing if whole is None else whole.min if of_nothing < 0 else whole.max
        return f(x, **over, initial=last)

    return call


def norm1(x: Any, **over: Any) -> Any:
    return total(ops.absolute(x), **over)


def norm2(x: Any, **over: Any) -> Any:
    return ops.sqrt(total(ops.square(x), **over))


def place(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        if select_last_index:
            n = np.shape(x)[axis]
            return n - 1 - f(ops.flip(x, axis), axis=axis, keepdims=bool(keepdims))
        return f(x, axis=axis, keepdims=bool(keepdims))

    return call


def cumsum(x: Any, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Any:
    (along,) = whole(axis)
    x = ops.flip(x, along) if reverse else x
    ans = ops.cumsum(x, axis=along)
    ans = ans - x if exclusive else ans
    return ops.flip(ans, along) if reverse else ans


def top_k(
    x: Any, count: Any = None, *, k: Any = None, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Any:
    n = k if count is None else whole(count)[0]
    order = np.argsort(ops.negative(x) if largest else x, axis=axis, kind="stable")
    order = np.take(order, np.arange(n), axis)
    return np.take_along_axis(x, order, axis), order


def gemm(
    a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0,
) -> Any:  # fmt: skip
    y = (a.T if transA else a) @ (b.T if transB else b)
    y = y if alpha == 1 else y * alpha
    return y if c is None else y + (c if beta == 1 else c * beta)


def einsum(*operands: Any, equation: str) -> Any:
    return ops.einsum(equation, *operands)


def where(condition: Any, a: Any, b: Any) -> Any:
    return ops.where(condition, a, b)


OPERATORS: dict[str, Operator] = table(
    Abs=unary(ops.absolute), Acos=unary(ops.arccos), Acosh=unary(ops.arccosh), Add=binary(ops.add),
    And=binary(ops.logical_and), ArgMax=place(ops.argmax), ArgMin=place(ops.argmin),
    Asin=unary(ops.arcsin), Asinh=unary(ops.arcsinh), Atan=unary(ops.arctan),
    Atanh=unary(ops.arctanh), BitShift=bit_shift, BitwiseAnd=binary(ops.bitwise_and),
    BitwiseNot=unary(ops.invert), BitwiseOr=binary(ops.bitwise_or),
    BitwiseXor=binary(ops.bitwise_xor), Cast=cast, CastLike=cast_like, Ceil=unary(ops.ceil),
    Clip=clip, Cos=unary(ops.cos), Cosh=unary(ops.cosh), CumSum=cumsum,
    Det=unary(np.linalg.det), Div=div, Einsum=einsum, Equal=binary(ops.equal), Erf=unary(ops.erf),
    Exp=unary(ops.exp), Floor=unary(ops.floor), Gemm=gemm, Greater=binary(ops.greater),
    GreaterOrEqual=binary(ops.greater_equal), IsInf=is_inf, IsNaN=unary(ops.isnan),
    Less=binary(ops.less), LessOrEqual=binary(ops.less_equal), Log=unary(ops.log),
    MatMul=binary(ops.matmul), Max=many(ops.maximum), Min=many(ops.minimum), Mod=mod,
    Mean=lambda *xs: many(ops.add)(*xs) / len(xs), Mul=binary(ops.multiply),
    Neg=unary(ops.negative), Not=unary(ops.logical_not), Or=binary(ops.logical_or), Pow=power,
    Reciprocal=unary(ops.reciprocal), ReduceL1=reduction(norm1), ReduceL2=reduction(norm2),
    ReduceLogSum=reduction(lambda x, **over: ops.log(total(x, **over))),
    ReduceLogSumExp=reduction(ops.logsumexp), ReduceMax=reduction(extreme(ops.max, -math.inf)),
    ReduceMean=reduction(ops.mean), ReduceMin=reduction(extreme(ops.min, math.inf)),
    ReduceProd=reduction(ops.prod), ReduceSum=reduction(total),
    ReduceSumSquare=reduction(lambda x, **over: total(ops.square(x), **over)),
    Relu=unary(ops.relu), Round=unary(ops.rint), Sigmoid=unary(ops.sigmoid), Sign=unary(ops.sign),
    Sin=unary(ops.sin), Sinh=unary(ops.sinh), Softplus=unary(ops.softplus),
    Softsign=unary(F.softsign), Sqrt=unary(ops.sqrt), Sub=binary(ops.subtract),
    Sum=many(ops.add), Tan=unary(ops.tan), Tanh=unary(ops.tanh), TopK=top_k, Where=where,
    Xor=binary(ops.logical_xor),
)  # fmt: skip
