"""Shapes, joining, splitting, padding, and windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn.windows import overlay, windows
from minigrad.onnx.graph import Graph, Value
from minigrad.onnx.rules.reducing import axes_of
from minigrad.onnx.sizes import Size
from minigrad.ops.joining import joined, layered, pieces
from minigrad.ops.padding import framed
from minigrad.ops.record import Op
from minigrad.program.equations import Var
from minigrad.typing import Array, Axis, Function


def reshape(g: Graph, out: Var, a: Value, **_: Any) -> Value:
    if _.get("order", "C") not in ("C", None):
        raise ValueError("onnx.export: elements are taken in C order")
    return g.reshape(a, out.shape)


def permuted(op: Op, g: Graph, out: Var, a: Value, **metadata: Any) -> Value:
    """The order of the axes, read off what the op makes of axes of different lengths."""
    probe = np.broadcast_to(np.empty(()), tuple(range(2, 2 + a.ndim)))
    order = [n - 2 for n in np.shape(op.forward(probe, **metadata))]
    return g.transpose(a, order)


def expand(g: Graph, out: Var, array: Value, **_: Any) -> Value:
    return g.expand(array, out.shape)


def reversed_along(g: Graph, a: Value, axes: list[int]) -> Value:
    if not axes:
        return a
    least = np.iinfo(np.int64).min
    ends = [g.whole([n] * len(axes)) for n in (-1, least)]
    y = g.op("Slice", a, *ends, g.whole(axes), g.whole([-1] * len(axes)))
    y.shape = a.shape
    return y


def flip(g: Graph, out: Var, m: Value, *, axis: Axis = None) -> Value:
    return reversed_along(g, m, axes_of(m, axis))


def rot90(g: Graph, out: Var, m: Value, *, k: int = 1, axes: Sequence[int] = (0, 1)) -> Value:
    i, j = (int(axis) % m.ndim for axis in axes)
    order = list(range(m.ndim))
    order[i], order[j] = j, i
    if k % 4 == 0:
        return m
    if k % 4 == 2:
        return reversed_along(g, m, [i, j])
    if k % 4 == 1:
        return g.transpose(reversed_along(g, m, [j]), order)
    return reversed_along(g, g.transpose(m, order), [j])


def roll(g: Graph, out: Var, a: Value, *, shift: Any, axis: Axis = None) -> Value:
    x = a
    if axis is None:
        x = g.op("Reshape", a, g.whole([-1]))
        turns = [(shift if np.ndim(shift) == 0 else sum(shift), 0)]
    else:
        shifts, axes = np.broadcast_arrays(shift, axis)
        turns = list(zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True))
    top = np.iinfo(np.int64).max
    for by, along in turns:
        along = along % max(a.ndim, 1)
        n = math.prod(a.shape) if axis is None else a.shape[along]
        if isinstance(n, Size):
            raise ValueError("onnx.export: roll along an axis whose size varies is not written")
        by = by % n if n else 0
        if by:
            cut = g.whole([n - by])
            of = g.whole([along])
            tail = g.op("Slice", x, cut, g.whole([top]), of)
            x = g.op("Concat", tail, g.op("Slice", x, g.whole([0]), cut, of), axis=along)
    return g.reshape(x, a.shape)


def astype(g: Graph, out: Var, x: Value, **_: object) -> Value:
    y = g.op("Cast", x, to=g.element(g.kind(out.dtype)))
    y.dtype = g.kind(out.dtype)
    return y


# --- joining and splitting -------------------------------------------------------------


def concatenate(g: Graph, out: Var, *arrays: Value, axis: int = 0) -> Value:
    kind = g.kind(out.dtype)
    return g.op("Concat", *[g.cast(x, kind) for x in arrays], axis=int(axis))


def stack(g: Graph, out: Var, *arrays: Value, axis: int = 0) -> Value:
    kind, at = g.kind(out.dtype), g.whole([int(axis) % len(out.shape)])
    parts = [g.op("Unsqueeze", g.cast(x, kind), at) for x in arrays]
    return g.op("Concat", *parts, axis=int(axis))


def split(
    g: Graph, out: tuple[Var, ...], ary: Value, *, ends: Array, axis: int
) -> tuple[Value, ...]:
    axis = int(axis) % ary.ndim
    lengths = g.sizes([v.shape[axis] for v in out])
    return g.several("Split", ary, lengths, outputs=len(out), axis=axis)


def unstack(g: Graph, out: tuple[Var, ...], x: Value, *, axis: int = 0) -> tuple[Value, ...]:
    axis = int(axis) % x.ndim
    return tuple(g.op("Gather", x, g.array(np.int64(i)), axis=axis) for i in range(len(out)))


def pad(
    g: Graph,
    out: Var,
    array: Value,
    *,
    pad_width: Sequence[tuple[int, int]],
    constant_values: Array = 0,
) -> Value:
    n = array.ndim
    values = np.broadcast_to(np.asarray(constant_values), (n, 2))
    kind = g.kind(out.dtype)
    x = g.cast(array, kind)
    if len(np.unique(values)) <= 1:
        ends = g.sizes([a for a, _ in pad_width] + [b for _, b in pad_width])
        fill = g.number(values.flat[0] if n else 0, kind)
        return g.op("Pad", x, ends, fill) if n else x
    for axis, (pair, ends_) in enumerate(zip(pad_width, values, strict=True)):
        for side, (width, value) in enumerate(zip(pair, ends_, strict=True)):
            here = [0] * (2 * n)
            here[axis + side * n] = width
            x = g.op("Pad", x, g.sizes(here), g.number(value, kind))
    return x


# --- triangles -------------------------------------------------------------------------


def triangle(upper: int, g: Graph, out: Var, m: Value, *, k: int = 0) -> Value:
    x = g.expand(m, out.shape)
    kind = x.dtype
    wide = g.cast(x, np.int64) if kind.kind == "b" else x
    return g.cast(g.op("Trilu", wide, g.array(np.int64(k)), upper=upper), kind)


# --- windows ---------------------------------------------------------------------------


def places(g: Graph, n: Array, k: int, stride: int, dilation: int) -> Value:
    """Where in its axis each of ``k`` elements of each of ``n`` windows lies, (k, n)."""
    begin = g.range(n) * stride if isinstance(n, Size) else g.array(np.arange(n) * stride)
    return g.op("Unsqueeze", begin, g.whole([0])) + g.array(np.arange(k)[:, None] * dilation)


def seen(
    g: Graph, out: Var, x: Value, *, size: Array, stride: Sequence[int], dilation: Sequence[int]
) -> Value:
    """One axis after the other: each becomes two, the place in the window and the window."""
    n = len(size)
    lead = x.ndim - n
    y = x
    for i in range(n):
        index = places(g, out.shape[lead + n + i], size[i], stride[i], dilation[i])
        y = g.op("Gather", y, index, axis=lead + 2 * i)
    inside, outside = range(lead, lead + 2 * n, 2), range(lead + 1, lead + 2 * n, 2)
    return g.transpose(y, [*range(lead), *inside, *outside])


def laid_over(
    g: Graph,
    out: Var,
    y: Value,
    *,
    lengths: Sequence[int],
    size: Array,
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Value:
    """The adjoint: both axes of each pair become one, elements of one place added up."""
    n = len(size)
    lead = y.ndim - 2 * n
    x, sizes = y, list(y.shape)
    for i in reversed(range(n)):
        place, window = lead + i, lead + 2 * i + 1
        rest = [j for j in range(len(sizes)) if j not in (place, window)]
        x = g.transpose(x, [place, window, *rest])
        index = places(g, sizes[window], size[i], stride[i], dilation[i])
        left = [sizes[j] for j in rest]
        base = g.full((lengths[i], *left), 0, x.dtype)
        index = g.op("Unsqueeze", index, g.whole([2]))
        x = g.op("ScatterND", base, index, x, reduction="add")
        sizes = [lengths[i], *left]
        behind = lead + 2 * i  # the pairs that are left stand before it
        order = [*range(1, behind + 1), 0, *range(behind + 1, len(sizes))]
        x = g.transpose(x, order)
        sizes = [sizes[j] for j in order]
    return x


RULES: dict[Op, Function] = {
    ops.reshape: reshape,
    ops.squeeze: reshape,
    ops.expand_dims: reshape,
    ops.broadcast_to: expand,
    ops.transpose: partial(permuted, ops.transpose),
    ops.swapaxes: partial(permuted, ops.swapaxes),
    ops.moveaxis: partial(permuted, ops.moveaxis),
    ops.flip: flip,
    ops.rot90: rot90,
    ops.roll: roll,
    ops.copy: lambda g, out, a: g.Identity(a),
    ops.astype: astype,
    joined: concatenate,
    layered: stack,
    pieces: split,
    ops.unstack: unstack,
    framed: pad,
    ops.tril: partial(triangle, 0),
    ops.triu: partial(triangle, 1),
    windows: seen,
    overlay: laid_over,
}
