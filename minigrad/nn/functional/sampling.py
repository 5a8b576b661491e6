"""Images read at places of one's own: grids, and the way back from a max-pooling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import counts
from minigrad.nn.functional.images import hat, keys
from minigrad.nn.windows import batched
from minigrad.ops.indexing import settled
from minigrad.ops.shape import arrayed, speaks_numpy
from minigrad.typing import Array, Sizes

# --- grids -------------------------------------------------------------------------------


def grid_sample(
    x: Array,
    grid: Array,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Array:
    """``x`` at the places of ``grid``, between its entries, as in a spatial transformer.

    Derivative: by x, ``dy`` shared out with the weights of the interpolation; by the grid, the
    slopes of x between the entries.

    M. Jaderberg, K. Simonyan, A. Zisserman and K. Kavukcuoglu, "Spatial Transformer
    Networks" (2015).

    Parameters
    ----------
    x : (batch, channels, height, width) or (batch, channels, depth, height, width)
    grid : (batch, ..., 2 or 3)
        For each entry of the answer its place in x: (x, y) or (x, y, z), the last axis of x first,
        from −1 at one edge to 1 at the other.
    mode : {"bilinear", "nearest", "bicubic"}
        "bilinear" is linear along all axes; "bicubic" is for images.
    padding_mode : {"zeros", "border", "reflection"}
        What there is outside of x.
    align_corners : bool
        Whether −1 and 1 are the middles of the outermost entries, or their outer edges.

    Returns
    -------
    (batch, channels, ...), of the places of the grid.

    Raises
    ------
    ValueError
        For shapes that do not belong together, and other modes.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> grid_sample(x, np.zeros((1, 1, 1, 2))), grid_sample(x, np.full((1, 1, 1, 2), 0.5))
    (array([[[[1.5]]]]), array([[[[3.]]]]))
    """
    who = "grid_sample"
    x, grid = arrayed(x), arrayed(grid)
    n, shape, places = np.ndim(x) - 2, np.shape(x), np.shape(grid)
    if n not in (2, 3) or len(places) != n + 2 or places[-1] != n or places[0] != shape[0]:
        raise ValueError(
            f"{who}: {label(x)} {shape} must be (batch, channels, height, width), or with a depth "
            f"before, and {label(grid)} {places} one place of 2, or 3, numbers for each entry"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"{who}: padding_mode must be zeros, border or reflection, not {padding_mode!r}"
        )
    if mode not in ("bilinear", "nearest") and not (mode == "bicubic" and n == 2):
        raise ValueError(
            f"{who}: mode must be bilinear, nearest or, for images, bicubic, not {mode!r}"
        )
    if not math.prod(shape[2:]):
        raise ValueError(f"{who}: {label(x)} {shape} has no entries to read")
    steps = []
    for axis, length in enumerate(shape[2:]):
        at = grid[..., n - 1 - axis] + 1
        at = at * ((length - 1) / 2) if align_corners else (at * length - 1) / 2
        if mode != "bicubic":
            at = brought_inside(at, length, padding_mode, align_corners)
        steps.append(neighbours(at, mode))
    total: Array = 0.0
    for corner in itertools.product(*steps):
        value = read(x, [place for place, _ in corner], padding_mode, align_corners)
        total = total + value * math.prod([w for _, w in corner])[:, None]
    return total


def neighbours(at: Array, mode: str) -> list[tuple[Array, Array]]:
    """The entries along one axis that count at a place, and how much each of them does."""
    if mode == "nearest":
        return [(np.rint(at), np.ones_like(at))]
    first = np.floor(at)
    t = at - first
    kernel = keys if mode == "bicubic" else hat
    return [(first + offset, w) for offset, w in kernel(t).items()]


def brought_inside(at: Array, length: int, padding_mode: str, align_corners: bool) -> Array:
    """Places along an axis, the ones outside moved to the border or mirrored at it."""
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        low = 0.0 if align_corners else -0.5
        span = length - 1 if align_corners else length
        if span == 0:
            return at * 0.0
        off = np.abs(at - low)
        turns = np.floor(off / span)
        rest = off - turns * span
        at = np.where(turns % 2 == 0, rest, span - rest) + low
    return np.clip(at, 0, length - 1)


def read(x: Array, places: list[Array], padding_mode: str, align_corners: bool) -> Array:
    """The entries of ``x`` at whole places along each axis; (batch, channels, ...)."""
    lengths, inside, flat = np.shape(x)[2:], True, 0
    for at, length in zip(places, lengths):
        at = brought_inside(at, length, padding_mode, align_corners)
        inside = inside & (at >= 0) & (at <= length - 1)
        flat = flat * length + np.clip(np.nan_to_num(at), 0, length - 1).astype(np.intp)
    batch, channels = np.shape(x)[:2]
    index = np.broadcast_to(
        ops.reshape(flat, (batch, 1, -1)), (batch, channels, np.size(flat) // batch)
    )
    line = ops.reshape(x, (batch, channels, -1))
    found = ops.reshape(np.take_along_axis(line, index, 2), (batch, channels, *np.shape(flat)[1:]))
    return np.where(np.expand_dims(inside, 1), found, 0.0)


def affine_grid(theta: Array, size: Sequence[int], align_corners: bool = False) -> Array:
    """The grid of an affine map for `grid_sample`: ``θ (x, y, 1)ᵀ`` of every place.

    Derivative: ``dθ = Σ dy (x, y, 1)`` over the places.

    Parameters
    ----------
    theta : (batch, 2, 3) or (batch, 3, 4)
    size : (batch, channels, height, width) or (batch, channels, depth, height, width)
        The shape of what `grid_sample` shall return.
    align_corners : bool

    Raises
    ------
    ValueError
        For a ``theta`` that does not fit ``size``.

    Examples
    --------
    >>> import numpy as np
    >>> affine_grid(np.array([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2)).tolist()
    [[[[0.0, 0.0], [1.0, 0.0]]]]
    """
    theta, lengths = arrayed(theta), tuple(size)[2:]
    n = len(lengths)
    if n not in (2, 3) or np.shape(theta)[1:] != (n, n + 1) or len(np.shape(theta)) != 3:
        raise ValueError(
            f"affine_grid: for size {tuple(size)} theta must be (batch, {n}, {n + 1}), "
            f"not {np.shape(theta)}"
        )
    ends = [1.0 if align_corners else (m - 1) / m for m in lengths]
    axes = [np.linspace(-e, e, m) if m > 1 else np.zeros(1) for e, m in zip(ends, lengths)]
    place = [*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(lengths)]
    base = np.stack(place, axis=-1).reshape(-1, n + 1).astype(np.result_type(theta))
    return ops.reshape(base @ ops.swapaxes(theta, 1, 2), (np.shape(theta)[0], *lengths, n))


# --- back from max-pooling ---------------------------------------------------------------


def _unpool(
    n: int, x: Array, indices: Array, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> Array:
    who = f"max_unpool{n}d"
    x, unbatched = batched(who, x, n)
    size = counts(who, "kernel_size", kernel, n)
    steps = size if stride is None else counts(who, "stride", stride, n)
    sides = counts(who, "padding", padding, n, least=0)
    lengths = tuple(
        (m - 1) * s + k - 2 * p for m, s, k, p in zip(np.shape(x)[2:], steps, size, sides)
    )
    if output_size is not None:
        lengths = counts(who, "output_size", tuple(output_size)[-n:], n)
    shape = (*np.shape(x)[:2], math.prod(lengths))
    at = ops.reshape(settled(indices), (*shape[:2], -1))
    index = (np.arange(shape[0])[:, None, None], np.arange(shape[1])[:, None], at)
    if speaks_numpy(at):  # of a program, which says so in numbers
        index = (*index[:2], np.clip(at, 0, shape[2] - 1))
    elif np.any((at < 0) | (at >= shape[2])):
        raise ValueError(f"{who}: an index is none of the {shape[2]} places of {lengths}")
    values = ops.reshape(x, np.shape(at))
    times = ops.scatter(np.ones(np.shape(at)), shape=shape, index=index)
    if speaks_numpy(at):
        values = values * np.where(at == index[2], 1.0, math.nan)
        times = np.where(times > 1, math.nan, 1.0)
    elif np.any(times > 1):
        raise ValueError(
            f"{who}: an index occurs twice in one image (its windows overlap): which element is "
            "kept there, and gets the gradient, is not defined"
        )
    filled = ops.scatter(values, shape=shape, index=index)
    filled = filled * times if speaks_numpy(at) else filled
    return unbatched(ops.reshape(filled, (*shape[:2], *lengths)))


def max_unpool1d(
    x: Array,
    indices: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    output_size: Sizes = None,
) -> Array:
    """Every largest element where it came from, zeros elsewhere; see `max_unpool2d`.

    Derivative: ``dy`` at the places that were filled.

    Examples
    --------
    >>> import numpy as np
    >>> max_unpool1d([[[3.0, 5.0]]], np.array([[[1, 3]]]), 2)
    array([[[0., 3., 0., 5.]]])
    """
    return _unpool(1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Array,
    indices: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    output_size: Sizes = None,
) -> Array:
    """Every largest element where ``max_pool2d(..., return_indices=True)`` found it, else zeros.

    Derivative: ``dy`` at the places that were filled.

    ``output_size`` tells lengths apart that pooling makes one.

    Raises
    ------
    ValueError
        For indices that are none of the places, or of which two are the same: windows that
        overlap have no way back.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn.functional import max_pool2d
    >>> x = np.array([[[1.0, 5.0], [2.0, 3.0]]])
    >>> max_unpool2d(*max_pool2d(x, 2, return_indices=True), 2)
    array([[[0., 5.],
            [0., 0.]]])
    """
    return _unpool(2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Array,
    indices: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    output_size: Sizes = None,
) -> Array:
    """Every largest element where it came from, zeros elsewhere; see `max_unpool2d`.

    Derivative: ``dy`` at the places that were filled.

    Examples
    --------
    >>> import numpy as np
    >>> max_unpool3d([[[[[7.0]]]]], np.array([[[[[7]]]]]), 2).shape
    (1, 1, 2, 2, 2)
    """
    return _unpool(3, x, indices, kernel_size, stride, padding, output_size)
