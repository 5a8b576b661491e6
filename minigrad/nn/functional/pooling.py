"""Pooling: one number for each window.  Everywhere a batch is optional."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import counts
from minigrad.nn.windows import batched, frame, windows
from minigrad.typing import Array, Sizes

# --- windows of one size -----------------------------------------------------------------


def pooled(
    who: str,
    n: int,
    x: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    fill: float,
    ceil_mode: bool,
) -> Array:
    """What each window of a pooling layer sees, along axis 2; x has a batch."""
    size = counts(who, "kernel_size", kernel, n)
    stride = size if stride is None else counts(who, "stride", stride, n)
    dilation = counts(who, "dilation", dilation, n)
    padding = counts(who, "padding", padding, n, least=0)
    if any(2 * p > k for p, k in zip(padding, size)):
        raise ValueError(
            f"{who}: padding {padding} is more than half of the kernel {size}: "
            "some windows would see nothing else"
        )
    lengths = np.shape(x)[2:]
    x = frame(who, x, size, padding, stride, dilation, fill)
    if ceil_mode:
        x = reaching_over(x, lengths, size, padding, stride, dilation, fill)
    seen = windows(x, size=size, stride=stride, dilation=dilation)
    head, places = np.shape(x)[:2], np.shape(seen)[2 + n :]
    # One axis of its own, in memory, is much faster to reduce than n of a view.
    return ops.reshape(seen, (*head, math.prod(size), *places))


def reaching_over(
    x: Array,
    lengths: Sequence[int],
    size: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    fill: float,
) -> Array:
    """``x`` with what a last window that begins inside, but does not end there, sees."""
    more = []
    for length, k, p, s, d in zip(lengths, size, padding, stride, dilation):
        span = d * (k - 1) + 1
        places = -(-(length + 2 * p - span) // s) + 1
        if (places - 1) * s >= length + p:
            places -= 1
        more.append((0, max(0, (places - 1) * s + span - length - 2 * p)))
    if not any(end for _, end in more):
        return x
    return ops.pad(x, [(0, 0), (0, 0), *more], constant_values=fill)


def _max_pool(
    who: str,
    n: int,
    x: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil: bool,
    return_indices: bool = False,
) -> Array:
    x, unbatched = batched(who, x, n)
    seen = pooled(who, n, x, kernel, stride, padding, dilation, -math.inf, ceil)
    largest = unbatched(ops.max(seen, axis=2))
    if not return_indices:
        return largest
    size = counts(who, "kernel_size", kernel, n)
    steps = size if stride is None else counts(who, "stride", stride, n)
    apart, sides = counts(who, "dilation", dilation, n), counts(who, "padding", padding, n, least=0)
    first, flat = np.unravel_index(ops.argmax(seen, axis=2), size), 0
    starts = np.indices(np.shape(seen)[3:], sparse=True)
    for length, offset, d, start, s, p in zip(np.shape(x)[2:], first, apart, starts, steps, sides):
        flat = flat * length + start * s - p + offset * d
    return largest, unbatched(flat)


def max_pool1d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest element of every window; see `max_pool2d`.

    Derivative: ``dy`` goes to the largest element of its window; equal ones share it evenly.

    Examples
    --------
    >>> max_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2)
    array([[[3., 5.]]])
    """
    windows_of = (kernel_size, stride, padding, dilation)
    return _max_pool("max_pool1d", 1, x, *windows_of, ceil_mode, return_indices)


def max_pool2d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest element of every window, x being (batch, channels, height, width).

    Derivative: ``dy`` goes to the largest element of its window; equal ones share it evenly.

    The stride is the kernel's size by default.  Padding never wins.  Where several
    elements are largest they share the gradient equally, as in ``mg.max``.  With
    ``ceil_mode`` a last window may begin inside and reach over the edge; with
    ``return_indices`` the place of each in its flattened image is returned too, for
    `max_unpool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows_of = (kernel_size, stride, padding, dilation)
    return _max_pool("max_pool2d", 2, x, *windows_of, ceil_mode, return_indices)


def max_pool3d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest element of every window of three axes; see `max_pool2d`.

    Derivative: ``dy`` goes to the largest element of its window; equal ones share it evenly.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
    array([[[[[7.]]]]])
    """
    windows_of = (kernel_size, stride, padding, dilation)
    return _max_pool("max_pool3d", 3, x, *windows_of, ceil_mode, return_indices)


def _average(
    who: str,
    n: int,
    x: Array,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    include_pad: bool,
    ceil_mode: bool,
    divisor: int | None = None,
) -> Array:
    x, unbatched = batched(who, x, n)
    seen = pooled(who, n, x, kernel, stride, padding, 1, 0.0, ceil_mode)
    if divisor is not None:
        return unbatched(ops.sum(seen, axis=2) / counts(who, "divisor_override", divisor, 1)[0])
    if include_pad and not ceil_mode:
        return unbatched(ops.mean(seen, axis=2))
    inside = np.ones((1, 1, *np.shape(x)[2:]), seen.dtype)
    if include_pad:
        sides = counts(who, "padding", padding, n, least=0)
        whole = [(0, 0), (0, 0), *((p, p) for p in sides)]
        inside = np.pad(inside, whole, constant_values=1)
        size = counts(who, "kernel_size", kernel, n)
        steps = size if stride is None else counts(who, "stride", stride, n)
        lengths = np.shape(x)[2:]
        inside = reaching_over(inside, lengths, size, sides, steps, (1,) * n, 0.0)
        counted: Array = windows(inside, size=size, stride=steps, dilation=(1,) * n)
        counted = np.sum(counted, axis=tuple(range(2, 2 + n)))
    else:
        counted = pooled(who, n, inside, kernel, stride, padding, 1, 0.0, ceil_mode)
        counted = np.sum(counted, axis=2)
    return unbatched(ops.sum(seen, axis=2) / counted)


def avg_pool1d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of every window; see `avg_pool2d`.

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    Examples
    --------
    >>> avg_pool1d([[[1.0, 3.0, 2.0, 5.0]]], 2)
    array([[[2. , 3.5]]])
    """
    include = count_include_pad
    return _average("avg_pool1d", 1, x, kernel_size, stride, padding, include, ceil_mode)


def avg_pool2d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of every window, x being (batch, channels, height, width).

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    The stride is the kernel's size by default.  The zeros of the padding count, unless
    ``count_include_pad`` is False; what lies beyond it, where ``ceil_mode`` lets a last
    window reach, never does.  ``divisor_override`` divides the sums instead.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    include, d = count_include_pad, divisor_override
    return _average("avg_pool2d", 2, x, kernel_size, stride, padding, include, ceil_mode, d)


def avg_pool3d(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of every window of three axes; see `avg_pool2d`.

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
    array([[[[[3.5]]]]])
    """
    include, d = count_include_pad, divisor_override
    return _average("avg_pool3d", 3, x, kernel_size, stride, padding, include, ceil_mode, d)


# --- norms of windows --------------------------------------------------------------------


def _norms(
    who: str, n: int, x: Array, norm_type: float, kernel: Sizes, stride: Sizes, ceil_mode: bool
) -> Array:
    if not norm_type:
        raise ValueError(f"{who}: norm_type must not be 0")
    x, unbatched = batched(who, x, n)
    seen = pooled(who, n, x, kernel, stride, 0, 1, 0.0, ceil_mode)
    norm = np.linalg.norm(seen, ord=norm_type, axis=2)
    if ceil_mode:
        ones = np.ones((1, 1, *np.shape(x)[2:]), seen.dtype)
        inside = np.sum(pooled(who, n, ones, kernel, stride, 0, 1, 0.0, True), axis=2)
        norm = norm * (np.shape(seen)[2] / inside) ** (1 / norm_type)
    return unbatched(norm)


def lp_pool1d(
    x: Array, norm_type: float, kernel_size: Sizes, stride: Sizes = None, ceil_mode: bool = False
) -> Array:
    """The norm of every window, ``(Σ |x|^p)^(1/p)``; see `lp_pool2d`.

    Derivative: for p = 2 ``dy x/y``, for others ``dy sign(x) |x/y|^(p-1)``.

    Examples
    --------
    >>> lp_pool1d([[[3.0, 4.0, 0.0, 5.0]]], 2, 2)
    array([[[5., 5.]]])
    """
    return _norms("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    x: Array, norm_type: float, kernel_size: Sizes, stride: Sizes = None, ceil_mode: bool = False
) -> Array:
    """The norm of every window, ``(Σ |x|^p)^(1/p)``, x being (batch, channels, height, width).

    Derivative: for p = 2 ``dy x/y``, for others ``dy sign(x) |x/y|^(p-1)``.

    With ``ceil_mode`` a window that hangs over counts as if what it does not see were like the
    rest, as in PyTorch.

    Raises
    ------
    ValueError
        For a ``norm_type`` of 0.

    Examples
    --------
    >>> import numpy as np
    >>> lp_pool2d(np.ones((1, 1, 4, 4)), 2, 2)[0, 0]
    array([[2., 2.],
           [2., 2.]])
    """
    return _norms("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    x: Array, norm_type: float, kernel_size: Sizes, stride: Sizes = None, ceil_mode: bool = False
) -> Array:
    """The norm of every window of three axes; see `lp_pool2d`.

    Derivative: for p = 2 ``dy x/y``, for others ``dy sign(x) |x/y|^(p-1)``.

    Examples
    --------
    >>> import numpy as np
    >>> lp_pool3d(np.ones((1, 1, 2, 2, 2)), 3, 2).item()
    2.0
    """
    return _norms("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode)


# --- as many windows as are asked for ----------------------------------------------------


def spans(length: int, places: int) -> list[tuple[int, int]]:
    """Where the windows that cover ``length`` elements in ``places`` begin and end.

    Examples
    --------
    >>> spans(5, 3)
    [(0, 2), (1, 4), (3, 5)]
    """
    return [(i * length // places, -(-(i + 1) * length // places)) for i in range(places)]


def along_axes(who: str, n: int, x: Array, output_size: Sizes, one: Array) -> Array:
    """``one(x, axis, windows)`` for each of the last ``n`` axes."""
    x, unbatched = batched(who, x, n)
    sizes = output_size if isinstance(output_size, list | tuple) else (output_size,) * n
    kept = [m if m is not None else old for m, old in zip(sizes, np.shape(x)[2:], strict=False)]
    places = counts(who, "output_size", kept if len(sizes) == n else list(sizes), n)
    for axis, p in enumerate(places, 2):
        length = np.shape(x)[axis]
        if not length:
            raise ValueError(f"{who}: axis {axis} of {label(x)} {np.shape(x)} is empty")
        if p != length:
            x = one(x, axis, spans(length, p))
    return unbatched(x)


def _mean_of(x: Array, axis: int, found: list[tuple[int, int]]) -> Array:
    share = np.zeros((np.shape(x)[axis], len(found)), x.dtype)
    for i, (first, end) in enumerate(found):
        share[first:end, i] = 1 / (end - first)
    return ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), share), -1, axis)


def _max_of(x: Array, axis: int, found: list[tuple[int, int]]) -> Array:
    width = max(end - first for first, end in found)
    places = np.array([[first + j for j in range(width)] for first, _ in found])
    inside = places < np.array([[end] for _, end in found])
    seen = ops.take(ops.moveaxis(x, axis, -1), np.where(inside, places, 0), axis=-1)
    return ops.moveaxis(ops.max(ops.where(inside, seen, -math.inf), axis=-1), -1, axis)


def adaptive_avg_pool1d(x: Array, output_size: Sizes) -> Array:
    """Means of windows that cover the axis; see `adaptive_avg_pool2d`.

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    Examples
    --------
    >>> adaptive_avg_pool1d([[[1.0, 3.0, 5.0]]], 2)
    array([[[2., 4.]]])
    """
    return along_axes("adaptive_avg_pool1d", 1, x, output_size, _mean_of)


def adaptive_avg_pool2d(x: Array, output_size: Sizes) -> Array:
    """Means of as many windows as ``output_size`` says, x being (batch, channels, height, width).

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    Window i of n goes from ``⌊i L / n⌋`` to ``⌈(i + 1) L / n⌉`` of the L elements, so that
    they cover all and may overlap.  None in place of a size keeps the axis.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), (1, 2))[0, 0]
    array([[6.5, 8.5]])
    """
    return along_axes("adaptive_avg_pool2d", 2, x, output_size, _mean_of)


def adaptive_avg_pool3d(x: Array, output_size: Sizes) -> Array:
    """Means of windows that cover three axes; see `adaptive_avg_pool2d`.

    Derivative: every element of a window of n gets ``dy / n``; windows that overlap add up.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 1)
    array([[[[[3.5]]]]])
    """
    return along_axes("adaptive_avg_pool3d", 3, x, output_size, _mean_of)


def adaptive_max_pool1d(x: Array, output_size: Sizes) -> Array:
    """The largest of windows that cover the axis; see `adaptive_avg_pool2d`.

    Derivative: ``dy`` goes to the largest element of its window.

    Examples
    --------
    >>> adaptive_max_pool1d([[[1.0, 3.0, 5.0]]], 2)
    array([[[3., 5.]]])
    """
    return along_axes("adaptive_max_pool1d", 1, x, output_size, _max_of)


def adaptive_max_pool2d(x: Array, output_size: Sizes) -> Array:
    """The largest of windows that cover both axes; see `adaptive_avg_pool2d`.

    Derivative: ``dy`` goes to the largest element of its window.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), (1, 2))[0, 0]
    array([[13., 15.]])
    """
    return along_axes("adaptive_max_pool2d", 2, x, output_size, _max_of)


def adaptive_max_pool3d(x: Array, output_size: Sizes) -> Array:
    """The largest of windows that cover three axes; see `adaptive_avg_pool2d`.

    Derivative: ``dy`` goes to the largest element of its window.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 1)
    array([[[[[7.]]]]])
    """
    return along_axes("adaptive_max_pool3d", 3, x, output_size, _max_of)
