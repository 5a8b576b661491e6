"""Shapes, indices, joining and splitting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.onnx.operators.table import Ints, Operator, table, whole
from minigrad.ops.indexing import getitem, scatter
from minigrad.typing import Array, Index, Sizes


def constant(
    *, value: Array = None, value_float: float | None = None,
    value_floats: Sequence[float] | None = None, value_int: int | None = None,
    value_ints: Ints = None,
) -> Array:  # fmt: skip
    if value is not None:
        return value
    if value_float is not None or value_floats is not None:
        return np.asarray(value_floats if value_float is None else value_float, np.float32)
    return np.asarray(value_ints if value_int is None else value_int, np.int64)


def constant_of_shape(shape: tuple[int, ...], *, value: Array = None) -> Array:
    value = np.zeros(1, np.float32) if value is None else value
    if min(whole(shape), default=0) < 0:
        raise ValueError(f"onnx.load: ConstantOfShape of the shape {tuple(whole(shape))}")
    return np.full(whole(shape), value.reshape(-1)[0], value.dtype)


def reshape(x: Array, to: Array = None, *, shape: Any = None, allowzero: int = 0) -> Array:
    sizes = whole(to) if to is not None else list(shape)
    if not allowzero:
        sizes = [np.shape(x)[i] if n == 0 else n for i, n in enumerate(sizes)]
    return ops.reshape(x, tuple(sizes))


def flatten(x: Array, *, axis: int = 1) -> Array:
    sizes = np.shape(x)
    axis = axis + len(sizes) if axis < 0 else axis
    return ops.reshape(x, (math.prod(sizes[:axis]), math.prod(sizes[axis:])))


def squeeze(x: Array, over: Array = None, *, axes: Ints = None) -> Array:
    axes = whole(over) if over is not None else axes
    return ops.squeeze(x, axis=tuple(axes) if axes else None)


def unsqueeze(x: Array, over: Array = None, *, axes: Any = None) -> Array:
    axes = whole(over) if over is not None else axes
    return ops.expand_dims(x, axis=tuple(axes))


def split(
    x: Array, lengths: Array = None, *, split: Array = None, axis: int = 0,
    num_outputs: Sizes = None, outputs: int,
) -> Array:  # fmt: skip
    sizes = whole(lengths) if lengths is not None else split
    if sizes is None:
        n = np.shape(x)[axis]
        size = -(-n // outputs)
        sizes = [size] * (outputs - 1) + [n - size * (outputs - 1)]
    return tuple(ops.array_split(x, list(np.cumsum(sizes)[:-1]), axis=axis))


def cut(
    x: Array, first: Array = None, last: Array = None, over: Array = None, by: Array = None, *,
    starts: Array = None, ends: Array = None, axes: Ints = None,
) -> Array:  # fmt: skip
    starts = whole(first) if first is not None else starts
    ends = whole(last) if last is not None else ends
    axes = whole(over) if over is not None else axes or range(len(starts))
    steps = whole(by) if by is not None else [1] * len(starts)
    index: list[Array] = [slice(None)] * np.ndim(x)
    for i, j, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = np.shape(x)[axis]
        below = step < 0 and j < -n  # before the first: there is no number for it
        index[axis] = slice(max(i, -n) if step > 0 else i, None if below else j, step)
    return getitem(x, tuple(index))


def along(indices: Array, axis: int) -> Index:
    """The index that takes an element at each of ``indices`` along ``axis``."""
    grid: list[Array] = list(np.ix_(*map(np.arange, np.shape(indices))))
    grid[axis] = indices
    return tuple(grid)


def gather_elements(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return getitem(x, along(indices, axis))


def parts(indices: Array) -> tuple[Array, ...]:
    """Arrays of places along each axis, of what the last axis holds together."""
    return tuple(indices[..., i] for i in range(np.shape(indices)[-1]))


def gather_nd(x: Array, indices: Array, *, batch_dims: int = 0) -> Array:
    if not batch_dims:
        return getitem(x, parts(indices))
    grid = np.ix_(*map(np.arange, np.shape(x)[:batch_dims]))
    more = np.ndim(indices) - 1 - batch_dims
    front = tuple(g.reshape(*g.shape, *[1] * more) for g in grid)
    return getitem(x, (*front, *parts(indices)))


def placed(x: Array, index: Index, values: Array, reduction: str) -> Array:
    if reduction == "add":
        return x + scatter(values, shape=np.shape(x), index=index)
    if reduction != "none":
        raise NotImplementedError(f"onnx.load: a scatter that takes the {reduction} is not known")
    taken = np.zeros(np.shape(x), bool)
    taken[index] = True
    return ops.where(taken, 0, x) + scatter(values, shape=np.shape(x), index=index)


def scatter_nd(x: Array, indices: Array, values: Array, *, reduction: str = "none") -> Array:
    return placed(x, parts(np.asarray(indices)), values, reduction)


def scatter_elements(
    x: Array, indices: Array, values: Array, *, axis: int = 0, reduction: str = "none"
) -> Array:
    return placed(x, along(np.asarray(indices), axis), values, reduction)


def pad(
    x: Array, widths: Array = None, fill: Array = None, over: Array = None, *,
    mode: str = "constant", pads: Any = None, value: float = 0.0,
) -> Array:  # fmt: skip
    widths = whole(widths) if widths is not None else list(pads)
    axes = whole(over) if over is not None else range(np.ndim(x))
    n = len(widths) // 2
    pairs = [(0, 0)] * np.ndim(x)
    for i, axis in enumerate(axes):
        pairs[axis] = (widths[i], widths[n + i])
    if any(w < 0 for pair in pairs for w in pair):
        index = tuple(
            slice(max(0, -a), m - max(0, -b)) for (a, b), m in zip(pairs, np.shape(x), strict=True)
        )
        x, pairs = getitem(x, index), [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        constant = value if fill is None else np.asarray(getattr(fill, "data", fill)).reshape(-1)[0]
        return ops.pad(x, pairs, constant_values=constant)
    if mode not in ("edge", "reflect", "wrap"):
        raise NotImplementedError(f"onnx.load: Pad with the mode {mode} is not known")
    return ops.pad(x, pairs, mode=mode)


def arange(start: Array, limit: Array, delta: Array) -> Array:
    ends: list[Array] = [
        np.asarray(getattr(v, "data", v)).reshape(-1)[0] for v in (start, limit, delta)
    ]
    if ends[2] == 0:
        raise ValueError(f"onnx.load: Range from {ends[0]} to {ends[1]} by 0 does not end")
    return np.arange(*ends)


def one_hot(indices: Array, depth: Array, values: Array, *, axis: int = -1) -> Array:
    (n,) = whole(depth)
    index = np.asarray(indices).astype(np.int64) % n
    hot = np.moveaxis(index[..., None] == np.arange(n), -1, axis)
    off, on = values[0], values[1]
    return ops.where(hot, on, off)


def trilu(x: Array, k: Array = None, *, upper: int = 1) -> Array:
    by = 0 if k is None else whole(k)[0]
    return ops.triu(x, by) if upper else ops.tril(x, by)


def depth_to_space(x: Array, *, blocksize: int, mode: str = "DCR") -> Array:
    n, c, h, w = np.shape(x)
    b = blocksize
    if mode == "DCR":
        y = ops.transpose(ops.reshape(x, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    else:
        y = ops.transpose(ops.reshape(x, (n, c // (b * b), b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(y, (n, c // (b * b), h * b, w * b))


def space_to_depth(x: Array, *, blocksize: int) -> Array:
    n, c, h, w = np.shape(x)
    b = blocksize
    y = ops.transpose(ops.reshape(x, (n, c, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return ops.reshape(y, (n, c * b * b, h // b, w // b))


def eye_like(x: Array, *, dtype: Any = None, k: int = 0) -> Array:
    from onnx import helper

    kind = np.result_type(x) if dtype is None else helper.tensor_dtype_to_np_dtype(dtype)
    rows, columns = np.shape(x)
    return np.eye(rows, columns, k, dtype=kind)


OPERATORS: dict[str, Operator] = table(
    Constant=constant, ConstantOfShape=constant_of_shape, DepthToSpace=depth_to_space,
    EyeLike=eye_like, Flatten=flatten, GatherElements=gather_elements, GatherND=gather_nd,
    OneHot=one_hot, Pad=pad, Range=arange, Reshape=reshape, ScatterElements=scatter_elements,
    ScatterND=scatter_nd, Slice=cut, SpaceToDepth=space_to_depth, Split=split, Squeeze=squeeze,
    Trilu=trilu, Unsqueeze=unsqueeze,
)  # fmt: skip
OPERATORS |= table(
    Concat=lambda *xs, axis: ops.concatenate(list(xs), axis=axis),
    Expand=lambda x, to: ops.broadcast_to(x, np.broadcast_shapes(np.shape(x), tuple(whole(to)))),
    Gather=lambda x, indices, *, axis=0: ops.take(x, indices, axis=axis),
    Identity=lambda x: x,
    NonZero=lambda x: np.stack(np.nonzero(np.asarray(getattr(x, "data", x)))),
    Shape=lambda x, *, start=0, end=None: np.asarray(np.shape(x)[start:end], np.int64),
    Size=lambda x: np.asarray(np.size(x), np.int64),
    Tile=lambda x, repeats: ops.tile(x, tuple(whole(repeats))),
    Transpose=lambda x, *, perm=None: ops.transpose(x, None if perm is None else tuple(perm)),
)
