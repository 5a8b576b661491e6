"""Indexing: what stands at an index, and zeros with something added at an index.

An index is brought into the form that ONNX has: basic parts are slices, one after the other,
and arrays of whole numbers are the last axis of one array, before a transposed array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.onnx.graph import Graph, Value
from minigrad.onnx.sizes import Full, Line, Size, Triangle
from minigrad.ops.indexing import elements, scatter
from minigrad.ops.record import Op
from minigrad.program.equations import Var
from minigrad.typing import Array, Function, Index, Shape

TOP, BOTTOM = np.iinfo(np.int64).max, np.iinfo(np.int64).min


def is_array(part: Array) -> bool:
    return isinstance(part, Value | np.ndarray | list | Line | Full | Triangle)


def spelled_out(index: Index, ndim: int) -> list[Any]:
    """One part for each axis, and None for new ones; masks are the places where they hold."""
    parts = list(index) if isinstance(index, tuple) else [index]
    found: list[Any] = []
    for p in parts:
        if isinstance(p, list):
            p = np.asarray(p, np.intp if not p else None)
        if isinstance(p, bool | np.bool_):
            p = np.asarray(p)
        if isinstance(p, np.ndarray) and p.dtype.kind == "b":
            if not p.ndim:
                raise ValueError("onnx.export: a single truth value as an index is not written")
            found += p.nonzero()
        else:
            found.append(p)
    used = sum(p is not None and p is not Ellipsis for p in found)
    if not any(p is Ellipsis for p in found):
        found.append(Ellipsis)
    i = next(i for i, p in enumerate(found) if p is Ellipsis)
    return [*found[:i], *[slice(None)] * (ndim - used), *found[i + 1 :]]


class Picked:
    """An index as steps: slices, new axes, and arrays that are the front of a transposed array.

    Attributes
    ----------
    slices : list of (axis, slice)
    new : list of int
        Axes put in, counted after those of numbers are gone.
    arrays : list of (axis, array)
        Axes counted with the new ones; numbers beside arrays are arrays of one.
    front : bool
        Whether the axes of the arrays come first in the answer.
    numbers : list of (axis, number)
        Axes that are gone, where there are no arrays.
    """

    def __init__(self, index: Index, ndim: int) -> None:
        parts = spelled_out(index, ndim)
        arrays = [p for p in parts if is_array(p)]
        whole = [i for i, p in enumerate(parts) if is_array(p) or (arrays and is_number(p))]
        self.front: bool = bool(whole) and whole[-1] - whole[0] + 1 != len(whole)
        self.slices: list[tuple[int, slice]] = []
        self.numbers: list[tuple[int, Any]] = []
        self.new: list[int] = []
        self.arrays: list[tuple[int, Any]] = []
        axis = place = 0
        for p in parts:
            if p is None:
                self.new.append(place)
                place += 1
                continue
            if isinstance(p, slice):
                if p != slice(None):
                    self.slices.append((axis, p))
                place += 1
            elif arrays:
                self.arrays.append((place, p))
                place += 1
            else:
                self.numbers.append((axis, p))
            axis += 1
        self.ndim = place


def is_number(p: Index) -> bool:
    return isinstance(p, int | np.integer | Size) and not isinstance(p, bool)


def sliced(g: Graph, x: Value, slices: list[tuple[int, slice]]) -> Value:
    if not slices:
        return x
    steps = [1 if s.step is None else int(s.step) for _, s in slices]
    starts = [
        (0 if k > 0 else TOP) if s.start is None else s.start
        for (_, s), k in zip(slices, steps, strict=True)
    ]
    stops = [
        (TOP if k > 0 else BOTTOM) if s.stop is None else s.stop
        for (_, s), k in zip(slices, steps, strict=True)
    ]
    axes = g.whole([a for a, _ in slices])
    return g.op("Slice", x, g.sizes(starts), g.sizes(stops), axes, g.whole(steps))


def as_value(g: Graph, p: Index) -> Value:
    """Part of an index as whole numbers of 64 bits."""
    if isinstance(p, Value):
        return g.cast(p, np.int64)
    if isinstance(p, np.ndarray):
        p = p.astype(np.int64)
    return g.cast(g.constant(p), np.int64)


def joint(g: Graph, arrays: list[tuple[int, Any]], shape: Shape) -> Value:
    """Several arrays of places, broadcast to ``shape``, as the last axis of one."""
    last = g.whole([len(shape)])
    parts = [g.op("Unsqueeze", g.expand(as_value(g, p), shape), last) for _, p in arrays]
    return parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=len(shape))


def orders(p: Picked, shape: Shape, block: int) -> tuple[list[int], list[int]]:
    """The axes of the arrays first; and those of the answer, as NumPy has them."""
    at = [i for i, _ in p.arrays]
    rest = [i for i in range(p.ndim) if i not in at]
    before = 0 if p.front else sum(i < at[0] for i in rest)
    order = [
        *range(block, block + before),
        *range(block),
        *range(block + before, block + len(rest)),
    ]
    return [*at, *rest], order


def block_shape(p: Picked, out: Shape) -> Shape:
    """The shape that the arrays of an index have together, read off that of the answer."""
    at = [i for i, _ in p.arrays]
    rest = p.ndim - len(at)
    block = len(out) - rest
    before = 0 if p.front else sum(i < at[0] for i in range(p.ndim) if i not in at)
    return tuple(out[before : before + block])


def getitem(g: Graph, out: Var, a: Value, *, index: Index) -> Value:
    p = Picked(index, a.ndim)
    x = sliced(g, a, p.slices)
    for axis, n in reversed(p.numbers):
        x = g.op("Gather", x, g.constant(n if isinstance(n, Size) else np.int64(n)), axis=axis)
    if not p.arrays:
        return g.op("Unsqueeze", x, g.whole(p.new)) if p.new else x
    if p.new:
        x = g.op("Unsqueeze", x, g.whole(p.new))
    shape = block_shape(p, out.shape)
    first, back = orders(p, out.shape, len(shape))
    if len(p.arrays) == 1:
        axis, part = p.arrays[0]
        return g.op("Gather", x, g.expand(as_value(g, part), shape), axis=axis)
    x = g.op("GatherND", g.transpose(x, first), joint(g, p.arrays, shape))
    x.shape = (None,) * len(back)
    return g.transpose(x, back)


def put(g: Graph, out: Var, values: Value, *, shape: Shape, index: Index) -> Value:
    """The adjoint: every part of the index is an array of places, in a grid."""
    p = Picked(index, len(shape))
    if not p.arrays:
        return put_slices(g, values, shape, p)
    gone = [i for i, _ in p.arrays]
    block = block_shape(p, values.shape)
    first, back = orders(p, values.shape, len(block))
    x = g.transpose(values, np.argsort(back))
    lengths = [x.shape[i] for i in range(len(block), len(first) - len(gone) + len(block))]
    # new axes have length 1: they are taken out of the values, and of the count
    rest = [i for i in range(p.ndim) if i not in gone]
    kept = [i for i in rest if i not in p.new]
    x = g.reshape(x, (*block, *[n for i, n in zip(rest, lengths, strict=True) if i not in p.new]))
    axis_of = [i for i in range(p.ndim) if i not in p.new]  # place -> axis of the target
    target = [axis_of.index(i) for i in [*gone, *kept]]
    slices = dict(p.slices)
    base = g.full([shape[i] for i in target], 0, values.dtype)
    cut = [j for j in range(len(gone), len(target)) if target[j] in slices]
    last = max(cut, default=len(gone) - 1)
    grid = tuple(x.shape[: len(block) + last + 1 - len(gone)])
    parts = []
    for j in range(last + 1):
        if j < len(gone):
            part = as_value(g, p.arrays[j][1])
            part = g.expand(part, block)
            extra = len(grid) - len(block)
            part = g.op("Unsqueeze", part, g.whole(range(len(block), len(grid)))) if extra else part
        else:
            k = len(block) + j - len(gone)
            s = slices.get(target[j], slice(None))
            part = stretch(g, s, grid[k], shape[target[j]])
            part = g.op("Reshape", part, g.whole([-1 if i == k else 1 for i in range(len(grid))]))
        parts.append((0, part))
    x = g.op("ScatterND", base, joint(g, parts, grid), x, reduction="add")
    x.shape = tuple(shape[i] for i in target)
    return g.transpose(x, np.argsort(target))


def stretch(g: Graph, s: slice, count: Array, length: Array) -> Value:
    """The places of a slice in an axis."""
    step = 1 if s.step is None else int(s.step)
    start = s.start
    if start is None:
        start = 0 if step > 0 else -1
    if not isinstance(start, Size) and not isinstance(length, Size):
        start = slice(start, None, step).indices(length)[0]
    places = g.range(count)
    return places * step + g.constant(start if isinstance(start, Size) else np.int64(start))


def put_slices(g: Graph, values: Value, shape: Shape, p: Picked) -> Value:
    """Zeros around ``values``, or between them."""
    gone = dict(p.numbers)
    kept = [i for i in range(len(shape)) if i not in gone]
    places = [i for i in range(p.ndim) if i not in p.new]
    lengths = {axis: values.shape[place] for axis, place in zip(kept, places, strict=True)}
    slices = dict(p.slices)
    # an axis at a time: numbers are slices of length 1
    x = g.reshape(values, tuple(lengths.get(i, 1) for i in range(len(shape))))
    for axis in [i for i in range(len(shape)) if i in gone or i in slices]:
        s = slice(gone[axis], None) if axis in gone else slices[axis]
        order = [axis, *[i for i in range(len(shape)) if i != axis]]
        count = lengths.get(axis, 1)
        now = [shape[i] if i < axis and (i in gone or i in slices) else x.shape[i] for i in order]
        base = g.full([shape[axis], *now[1:]], 0, x.dtype)
        at = g.op("Unsqueeze", stretch(g, s, count, shape[axis]), g.whole([1]))
        moved = g.op("ScatterND", base, at, g.transpose(x, order), reduction="add")
        moved.shape = (shape[axis], *now[1:])
        x = g.transpose(moved, np.argsort(order))
    return x


RULES: dict[Op, Function] = {elements: getitem, scatter: put}
