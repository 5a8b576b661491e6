"""Pooling over windows that lie at random, so that images shrink by any share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import ops
from minigrad.nn.checks import counts, generator
from minigrad.nn.windows import batched
from minigrad.ops.shape import arrayed
from minigrad.tensor import drawn
from minigrad.typing import Array, Random, Sizes


def fractional_max_pool2d(
    x: Array,
    kernel_size: Sizes,
    output_size: Sizes = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    *,
    rng: Random = None,
    samples: Array = None,
) -> Array:
    """The largest element of windows that lie at random, as far apart as the output wants.

    Window i of an axis of length n begins at ``⌊(i + u) α⌋ - ⌊u α⌋`` with ``α = (n - kernel) /
    (output - 1)`` and u drawn for every image; the last one ends at the end.  B. Graham,
    "Fractional Max-Pooling" (2014).

    Derivative: ``dy`` goes to the largest element of its window; equal ones share it evenly.

    Parameters
    ----------
    x : (batch, channels, height, width), or without batch
    kernel_size : int or pair of int
    output_size : int or pair of int, optional
    output_ratio : float or pair of float, optional
        The output's lengths as shares of the input's, between 0 and 1; one of the two is given.
    return_indices : bool
        Whether to give the place of each in its flattened image as well, for `max_unpool2d`.
    rng : numpy.random.Generator or int, optional
        What draws the numbers u; by default that of `mg.nn.seed`.
    samples : (batch, channels, 2), optional
        The numbers u themselves, in [0, 1): first those of the width, as PyTorch's
        ``_random_samples``.

    Returns
    -------
    (batch, channels, *output), and integers of that shape with ``return_indices``

    Raises
    ------
    ValueError
        Where the output does not fit, its size is not given once, or ``samples`` have another
        shape.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> fractional_max_pool2d(x, 2, output_size=2, samples=np.zeros((1, 1, 2)))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return _pool(2, x, kernel_size, output_size, output_ratio, return_indices, rng, samples)


def fractional_max_pool3d(
    x: Array,
    kernel_size: Sizes,
    output_size: Sizes = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    *,
    rng: Random = None,
    samples: Array = None,
) -> Array:
    """The largest element of boxes that lie at random; see `fractional_max_pool2d`.

    Derivative: ``dy`` goes to the largest element of its box; equal ones share it evenly.

    Parameters
    ----------
    x : (batch, channels, depth, height, width), or without batch
    kernel_size, output_size : int or triple of int
    output_ratio : float or triple of float, optional
    return_indices, rng
        As for `fractional_max_pool2d`.
    samples : (batch, channels, 3), optional
        The numbers u, from the depth to the width.

    Returns
    -------
    (batch, channels, *output), and integers of that shape with ``return_indices``

    Raises
    ------
    ValueError
        As `fractional_max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(64.0).reshape(1, 1, 4, 4, 4)
    >>> fractional_max_pool3d(x, 2, output_size=(1, 2, 2), samples=np.zeros((1, 1, 3)))
    array([[[[[53., 55.],
              [61., 63.]]]]])
    >>> fractional_max_pool3d(np.ones((2, 5, 5, 5)), 2, output_ratio=0.6, rng=0).shape
    (2, 3, 3, 3)
    """
    return _pool(3, x, kernel_size, output_size, output_ratio, return_indices, rng, samples)


def _pool(
    n: int, x: Array, kernel: Sizes, size: Sizes, ratio: float | Sequence[float] | None,
    return_indices: bool, rng: Random, samples: Array,
) -> Array:  # fmt: skip
    order = (1, 0) if n == 2 else (0, 1, 2)  # the order in which PyTorch draws samples
    who = f"fractional_max_pool{n}d"
    x, unbatched = batched(who, x, n)
    kernel, lengths = counts(who, "kernel_size", kernel, n), np.shape(x)[2:]
    if (size is None) == (ratio is None):
        raise ValueError(f"{who}: give output_size= or output_ratio=, and not both")
    if size is None:
        shares = np.broadcast_to(np.asarray(ratio, float), n)
        if np.any((shares <= 0) | (shares >= 1)):
            raise ValueError(f"{who}: output_ratio must lie between 0 and 1, not {ratio!r}")
        size = tuple(int(m * share) for m, share in zip(lengths, shares))
    size = counts(who, "output_size", size, n)
    if any(out + k - 1 > m for out, k, m in zip(size, kernel, lengths)):
        raise ValueError(f"{who}: {size} windows of {kernel} do not fit into {lengths}")
    head = np.shape(x)[:2]
    u = drawn(generator(who, rng), (*head, n)) if samples is None else arrayed(samples)
    if np.shape(u) != (*head, n):
        raise ValueError(f"{who}: samples must have the shape {(*head, n)}, not {np.shape(u)}")
    index, flat = [np.arange(m).reshape(-1, *[1] * (2 * n + 1 - i)) for i, m in enumerate(head)], 0
    for axis, (out, k, m) in enumerate(zip(size, kernel, lengths)):
        places = starts(u[..., order[axis]], out, k, m)[..., None] + np.arange(k)
        shape = [*head, *[1] * (2 * n)]
        shape[2 + axis], shape[2 + n + axis] = out, k
        index.append(ops.reshape(places, tuple(shape)))
        flat = flat * m + index[-1]
    seen = ops.reshape(ops.getitem(x, tuple(index)), (*head, *size, -1))
    largest = unbatched(ops.max(seen, axis=-1))
    if not return_indices:
        return largest
    first = ops.argmax(seen, axis=-1)[..., None]
    places = ops.reshape(np.broadcast_to(flat, (*head, *size, *kernel)), np.shape(seen))
    return largest, unbatched(ops.take_along_axis(places, first, -1)[..., 0])


def starts(u: Array, out: int, kernel: int, length: int) -> Array:
    """Where ``out`` windows begin: ``⌊(i + u) α⌋ - ⌊u α⌋``, and the last at the end."""
    u = u[..., None]
    i, last = np.arange(out), length - kernel
    apart = last / (out - 1) if out > 1 else 0.0
    return np.where(i == out - 1, last, np.floor((i + u) * apart) - np.floor(u * apart)).astype(int)
