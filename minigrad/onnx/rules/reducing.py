"""Reductions, softmax, scans and products."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.onnx.graph import Graph, Value
from minigrad.onnx.sizes import Size
from minigrad.ops.determinants import det, signed_logdet
from minigrad.ops.einsum import contract
from minigrad.ops.moments import root_mean_square
from minigrad.ops.norms import direction, power_norm, reach
from minigrad.ops.record import Op
from minigrad.program.equations import Var
from minigrad.typing import Array, Axis, DType, Function


def axes_of(x: Value, axis: Axis) -> list[int]:
    """Axes that a reduction goes over."""
    if axis is None:
        return list(range(x.ndim))
    if not x.ndim:  # of which NumPy takes 0 and −1 for axes
        return []
    return [int(i) % x.ndim for i in (axis if isinstance(axis, tuple | list) else (axis,))]


def reduced(g: Graph, kind: str, x: Value, axes: list[int], keepdims: bool) -> Value:
    """Over some axes; ONNX Runtime adds and compares signed numbers of four and eight bytes."""
    if not axes:
        return x
    odd = x.dtype.kind in "iu" and x.dtype not in (np.dtype(np.int32), np.dtype(np.int64))
    y = g.op(kind, g.cast(x, np.int64) if odd else x, g.whole(axes), keepdims=int(bool(keepdims)))
    y.dtype = np.dtype(np.int64) if odd else x.dtype
    return g.cast(y, x.dtype)


def truth_as_numbers(g: Graph, x: Value, out: Var) -> Value:
    kind = g.kind(out.dtype)
    return g.cast(x, np.int64 if kind.kind == "b" else kind)


def asked(g: Graph, where: object) -> Value:
    """The elements that a reduction looks at, as truth values."""
    mask = where if isinstance(where, Value) else g.constant(np.asarray(where))
    return g.cast(mask, np.bool_)


def reduction(
    kind: str, neutral: float, g: Graph, out: Var, a: Value, *, axis: Axis = None,
    keepdims: bool = False, initial: Array = None, where: object = True, dtype: DType = None,
) -> Value:  # fmt: skip
    """``kind`` over the elements where ``where`` holds, and ``initial``."""
    x = truth_as_numbers(g, a, out)
    x.shape = a.shape
    if where is not True:
        start = neutral if math.isfinite(neutral) or initial is None else initial
        x = g.Where(asked(g, where), x, g.number(start, x.dtype))
        x.shape = tuple(a.shape)
    if 0 in a.shape:
        start = neutral if initial is None or initial is np._NoValue else initial
        return g.full(out.shape, start, x.dtype)
    y = reduced(g, kind, x, axes_of(a, axis), keepdims)
    if kind in ("ReduceMax", "ReduceMin") and x.dtype.kind == "f":
        wrong = reduced(g, "ReduceMax", g.cast(g.IsNaN(x), np.int64), axes_of(a, axis), keepdims)
        if axes_of(a, axis):
            y = g.Where(g.cast(wrong, np.bool_), g.number(math.nan, x.dtype), y)
    if initial is not None and not isinstance(initial, type(np._NoValue)):
        other = initial if isinstance(initial, Value) else g.number(initial, x.dtype)
        join = {"ReduceSum": "Add", "ReduceProd": "Mul", "ReduceMax": "Max", "ReduceMin": "Min"}
        y = g.op(join[kind], y, g.cast(other, x.dtype))
    return y


def mean(
    g: Graph, out: Var, a: Value, *, axis: Axis = None, keepdims: bool = False, dtype: DType = None,
    where: object = True,
) -> Value:  # fmt: skip
    x = g.cast(a, g.kind(out.dtype))
    if where is True:
        return reduced(g, "ReduceMean", x, axes_of(a, axis), keepdims)
    ones = g.cast(g.expand(asked(g, where), a.shape), x.dtype)
    axes = axes_of(a, axis)
    zero = g.number(0, x.dtype)
    total = reduced(g, "ReduceSum", g.Where(g.cast(ones, np.bool_), x, zero), axes, keepdims)
    return total / reduced(g, "ReduceSum", ones, axes, keepdims)


def place(
    kind: str, g: Graph, out: Any, a: Value, *, axis: Any = None, keepdims: Any = False
) -> Value:
    """The place of the largest or smallest element."""
    x = g.cast(a, np.int64) if a.dtype.kind == "b" else a
    if axis is None:
        flat = g.op("Reshape", x, g.whole([-1]))
        return g.reshape(g.op(kind, flat, axis=0, keepdims=0), out.shape)
    return g.op(kind, x, axis=int(axis), keepdims=int(keepdims is True))


def quantified(
    kind: str, g: Graph, out: Var, a: Value, *, axis: Axis = None, keepdims: bool = False,
    where: object = True,
) -> Value:  # fmt: skip
    """Whether any, or all, elements are true."""
    x = g.cast(g.cast(a, np.bool_), np.int64)
    if where is not True:
        x = g.Where(asked(g, where), x, g.number(int(kind == "ReduceMin"), np.int64))
    return g.cast(reduced(g, kind, x, axes_of(a, axis), keepdims is True), np.bool_)


def count_nonzero(
    g: Graph, out: Var, a: Value, *, axis: Axis = None, keepdims: bool = False
) -> Value:
    ones = g.cast(g.cast(a, np.bool_), np.int64)
    return reduced(g, "ReduceSum", ones, axes_of(a, axis), keepdims)


# --- softmax ---------------------------------------------------------------------------


def logsumexp(g: Graph, out: Var, x: Value, *, axis: Axis = None, keepdims: bool = False) -> Value:
    axes = axes_of(x, axis)
    x = g.cast(x, g.kind(out.dtype))
    if not axes:
        return x
    top = reduced(g, "ReduceMax", x, axes, True)
    shift = g.Where((top - top).equals(0), top, g.number(0, x.dtype))
    total = g.Log(reduced(g, "ReduceSum", g.Exp(x - shift), axes, True)) + shift
    return total if keepdims else g.op("Squeeze", total, g.whole(axes))


def normalised(kind: str, g: Graph, out: Var, x: Value, *, axis: Axis = -1) -> Value:
    axes = axes_of(x, axis)
    y = g.cast(x, g.kind(out.dtype))
    if len(axes) == 1:
        return g.op(kind, y, axis=axes[0])
    if not axes:
        return y * 0 + (1 if kind == "Softmax" else 0)
    z = y - reduced(g, "ReduceMax", y, axes, True)
    total = reduced(g, "ReduceSum", g.Exp(z), axes, True)
    return g.Exp(z) / total if kind == "Softmax" else z - g.Log(total)


def vector_norm(
    g: Graph, out: Var, x: Value, *, ord: float = 2, axis: Axis = None, keepdims: bool = False
) -> Value:
    axes = axes_of(x, axis)
    if ord == 2:
        return g.Sqrt(reduced(g, "ReduceSum", x * x, axes, keepdims))
    power = g.number(ord, x.dtype)
    total = reduced(g, "ReduceSum", g.Pow(g.Abs(x), power), axes, keepdims)
    return g.Pow(total, g.number(1 / ord, x.dtype))


def reach_of(g: Graph, out: Var, x: Value, length: Value, **_: object) -> Value:
    return g.Where(length.equals(g.number(0, length.dtype)), g.number(1, length.dtype), length)


def direction_of(g: Graph, out: Var, x: Value, length: Value, **_: object) -> Value:
    """``x`` by its length; where squares are no numbers, ONNX has none for it."""
    return x / reach_of(g, out, x, length)


def mean_of_squares_root(
    g: Graph, out: Var, x: Value, *, n: Array, axis: Axis = None, keepdims: bool = False
) -> Value:
    total = reduced(g, "ReduceSum", x * x, axes_of(x, axis), keepdims)
    n = n if isinstance(n, Value) else g.array(np.asarray(n, x.dtype))
    return g.Sqrt(total / n)


# --- scans, order and products ---------------------------------------------------------


def flattened(g: Graph, x: Value, axis: Any) -> tuple[Value, int]:
    """``x`` and the axis to go along; all elements in a row where there is none."""
    if axis is not None and x.ndim:
        return x, int(axis) % x.ndim
    y = g.op("Reshape", x, g.whole([-1]))
    sizes = x.shape
    if any(isinstance(n, Size) for n in sizes):
        raise ValueError("onnx.export: along all elements at once, no size may vary: give axis=")
    y.shape = (math.prod(sizes),)
    return y, 0


def cumsum(g: Graph, out: Var, a: Value, *, axis: Axis = None, dtype: DType = None) -> Value:
    x, along = flattened(g, a, axis)
    x = g.cast(x, g.kind(out.dtype))
    return g.CumSum(x, g.array(np.int64(along)))


def cumprod(g: Graph, out: Var, a: Value, *, axis: Axis = None, dtype: DType = None) -> Value:
    """Row by row of a triangle of ones: the products of what stands up to each place."""
    x, along = flattened(g, a, axis)
    shape = x.shape
    x = g.cast(x, g.kind(out.dtype))
    n = shape[along]
    last = [i for i in range(len(shape)) if i != along] + [along]
    x.shape = shape
    wide = g.op("Unsqueeze", g.transpose(x, last), g.whole([len(shape) - 1]))
    i = g.range(n)
    upto = g.op("Unsqueeze", i, g.whole([0])) <= g.op("Unsqueeze", i, g.whole([1]))
    kept = g.Where(upto, wide, g.number(1, x.dtype))
    y = reduced(g, "ReduceProd", kept, [len(shape)], False)
    y.shape = tuple(shape[j] for j in last)
    return g.transpose(y, np.argsort(last))


def in_order(
    output: int, g: Graph, out: Var, a: Value, *, axis: Axis = -1, kind: str | None = None,
    stable: bool | None = None, order: None = None,
) -> Value:  # fmt: skip
    """Sorted elements, or their places; the first of equal ones comes first."""
    x, along = flattened(g, a, axis)
    count = g.size(x.shape[along])
    y = g.several("TopK", x, count, outputs=2, axis=along, largest=0)[output]
    y.dtype = np.dtype(np.int64) if output else x.dtype
    return y if a.ndim else g.reshape(y, out.shape)


def matmul(g: Graph, out: Var, a: Value, b: Value) -> Value:
    """Vectors as matrices: runtimes fuse transposes into products, and forget vectors.

    Whole numbers of less than four bytes, which ONNX does not multiply, wrap at the end.
    """
    kind = g.kind(out.dtype)
    multiplied = np.dtype(np.int32) if kind.kind in "bui" and kind.itemsize < 4 else kind
    x, y = g.cast(a, multiplied), g.cast(b, multiplied)
    x = g.op("Unsqueeze", x, g.whole([0])) if a.ndim == 1 else x
    y = g.op("Unsqueeze", y, g.whole([1])) if b.ndim == 1 else y
    ans: Value = g.cast(g.MatMul(x, y), kind)
    gone = [-2] * (a.ndim == 1) + [-1] * (b.ndim == 1)
    return g.op("Squeeze", ans, g.whole(gone)) if gone else ans


def einsum(g: Graph, out: Var, *operands: Value, subscripts: str, optimize: Any = False) -> Value:
    """A letter has one size: axes of length 1 that are broadcast are spelled out."""
    kind = g.kind(out.dtype)
    equation = subscripts.replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    size: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            size[letter] = n if size.get(letter, 1) == 1 else size[letter]
    wide = [
        g.expand(x, [size[letter] for letter in term])
        for term, x in zip(terms, operands, strict=True)
    ]
    return g.Einsum(*[g.cast(x, kind) for x in wide], equation=equation)


def convolve(g: Graph, out: Var, a: Value, v: Value, *, mode: str = "full") -> Value:
    """All windows of the longer vector, with zeros around, times the other in reverse."""
    if any(isinstance(n, Size) for n in (*a.shape, *v.shape)):
        raise ValueError("onnx.export: convolve of vectors whose length varies is not written")
    kind = g.kind(out.dtype)
    a, v = (x if x.ndim else g.reshape(x, (1,)) for x in (a, v))
    a, v = (g.cast(x, kind) for x in ((a, v) if a.shape[0] >= v.shape[0] else (v, a)))
    n, m = a.shape[0], v.shape[0]
    around = {"full": (m - 1, m - 1), "same": (m // 2, (m - 1) // 2)}
    before, after = around.get(mode, (0, 0))
    wide = g.op("Pad", a, g.whole([before, after]))
    places = np.arange(n + before + after - m + 1)[:, None] + np.arange(m)[::-1]
    return g.MatMul(g.op("Gather", wide, g.array(places)), v)


def determinant(g: Graph, out: Var, a: Value) -> Value:
    return g.Det(g.cast(a, g.kind(out.dtype)))


def slogdet(g: Graph, out: tuple[Var, ...], a: Value) -> tuple[Value, ...]:
    d = g.Det(g.cast(a, g.kind(out[1].dtype)))
    return g.Sign(d), g.Log(g.Abs(d))


RULES: dict[Op, Function] = {
    ops.sum: partial(reduction, "ReduceSum", 0.0),
    ops.prod: partial(reduction, "ReduceProd", 1.0),
    ops.max: partial(reduction, "ReduceMax", -math.inf),
    ops.min: partial(reduction, "ReduceMin", math.inf),
    ops.mean: mean,
    ops.argmax: partial(place, "ArgMax"),
    ops.argmin: partial(place, "ArgMin"),
    ops.any: partial(quantified, "ReduceMax"),
    ops.all: partial(quantified, "ReduceMin"),
    ops.count_nonzero: count_nonzero,
    ops.logsumexp: logsumexp,
    ops.softmax: partial(normalised, "Softmax"),
    ops.log_softmax: partial(normalised, "LogSoftmax"),
    power_norm: vector_norm,
    direction: direction_of,
    reach: reach_of,
    root_mean_square: mean_of_squares_root,
    ops.cumsum: cumsum,
    ops.cumprod: cumprod,
    ops.sort: partial(in_order, 0),
    ops.argsort: partial(in_order, 1),
    ops.matmul: matmul,
    contract: einsum,
    ops.convolve: convolve,
    det: determinant,
    signed_logdet: slogdet,
}
