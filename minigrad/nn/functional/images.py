"""Images made larger or smaller: every axis apart, as a product with weights or a choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import count, counts
from minigrad.nn.functional import pooling
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, Function, Shape, Sizes

# --- channels and places -----------------------------------------------------------------


def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    """From (..., channels · r², height, width) to (..., channels, height · r, width · r).

    Derivative: `pixel_unshuffle` of ``dy``.

    W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient
    Sub-Pixel Convolutional Neural Network" (2016).

    Raises
    ------
    ValueError
        For channels that are no multiple of the squared factor.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    who = "pixel_shuffle"
    r = count(who, "upscale_factor", upscale_factor)
    *lead, c, h, w = _images(who, x)
    if c % r**2:
        raise ValueError(f"{who}: {c} channels of {label(x)} are no multiple of {r}² = {r * r}")
    y = ops.reshape(x, (*lead, c // r**2, r, r, h, w))
    n = len(lead)
    y = ops.transpose(y, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return ops.reshape(y, (*lead, c // r**2, h * r, w * r))


def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    """The inverse of `pixel_shuffle`.

    Derivative: `pixel_shuffle` of ``dy``.

    Raises
    ------
    ValueError
        For a height or width that the factor does not divide.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).shape
    (4, 1, 1)
    """
    who = "pixel_unshuffle"
    r = count(who, "downscale_factor", downscale_factor)
    *lead, c, h, w = _images(who, x)
    if h % r or w % r:
        raise ValueError(f"{who}: {label(x)} is {h} × {w}, and {r} does not divide both")
    y = ops.reshape(x, (*lead, c, h // r, r, w // r, r))
    n = len(lead)
    y = ops.transpose(y, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return ops.reshape(y, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(x: Array, groups: int) -> Array:
    """The channels of ``groups`` in turn: the first of each, the second of each, ...

    Derivative: ``dy`` with its channels in the old order.

    X. Zhang et al., "ShuffleNet" (2018).

    Raises
    ------
    ValueError
        For channels that do not divide into the groups.

    Examples
    --------
    >>> import numpy as np
    >>> channel_shuffle(np.arange(4.0).reshape(1, 4, 1), 2).ravel()
    array([0., 2., 1., 3.])
    """
    g, x = count("channel_shuffle", "groups", groups), arrayed(x)
    n, c, *rest = np.shape(x)
    if c % g:
        raise ValueError(f"channel_shuffle: {c} channels do not divide into {g} groups")
    apart = ops.reshape(x, (n, g, c // g, *rest))
    return ops.reshape(ops.swapaxes(apart, 1, 2), (n, c, *rest))


AROUND = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's name of what is laid around -> NumPy's."""


def pad(x: Array, pad: int | Sequence[int], mode: str = "constant", value: float = 0.0) -> Array:
    """``x`` with more places around, as many as ``pad`` says, the last axis first.

    Derivative: ``dy`` where ``x`` is, and what lies around it added where it comes from.

    Parameters
    ----------
    x : array_like
    pad : sequence of int
        In front of and behind the last axis, then of the one before it, ...; places fall away
        where it is negative.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : float
        The constant.

    Raises
    ------
    ValueError
        For another mode, an odd number of widths or more than two for each axis, and more of a
        reflection or a circle than there is.

    Examples
    --------
    >>> pad([[1.0, 2.0, 3.0]], (1, 2), mode="reflect")
    array([[2., 1., 2., 3., 2., 1.]])
    """
    x = arrayed(x)
    widths = [count("pad", "a width", w, -np.iinfo(int).max) for w in np.atleast_1d(pad).tolist()]
    if mode not in AROUND:
        raise ValueError(f"pad: mode must be one of {', '.join(AROUND)}, not {mode!r}")
    if len(widths) % 2 or len(widths) > 2 * np.ndim(x):
        raise ValueError(f"pad: of {np.ndim(x)} axes the widths are two each, not {pad!r}")
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    pairs = [(0, 0)] * (np.ndim(x) - len(pairs)) + pairs[::-1]
    for (a, b), n in zip(pairs, np.shape(x), strict=True):
        kept = n + min(a, 0) + min(b, 0)
        most = {"reflect": n - 1, "circular": kept}.get(mode, max(a, b, 0))
        if max(a, b) > most or kept < 0:
            raise ValueError(f"pad: {(a, b)} does not go with a length of {n} by {mode!r}")
    more = [(max(a, 0), max(b, 0)) for a, b in pairs]
    options = {"constant_values": value} if mode == "constant" else {}
    if mode == "reflect":  # of what falls away there is a reflection, too
        return _cropped(ops.pad(x, more, mode="reflect"), pairs)
    return ops.pad(_cropped(x, pairs), more, mode=AROUND[mode], **options)


def _cropped(x: Array, pairs: list[tuple[int, int]]) -> Array:
    """``x`` without the places that negative widths take away."""
    if all(min(pair) >= 0 for pair in pairs):
        return x
    return x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, np.shape(x)))]


def _images(who: str, x: Array) -> Shape:
    shape = tuple(np.shape(arrayed(x)))
    if len(shape) < 3:
        raise ValueError(
            f"{who} wants input of shape (..., channels, height, width); "
            f"{label(x)} has shape {shape}"
        )
    return shape


# --- interpolation -----------------------------------------------------------------------

MODES: dict[str, Shape] = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
    "area": (1, 2, 3),
}
"""Mode -> for how many axes it is."""

POOLS = {
    1: pooling.adaptive_avg_pool1d,
    2: pooling.adaptive_avg_pool2d,
    3: pooling.adaptive_avg_pool3d,
}


def interpolate(
    x: Array,
    size: Sizes = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
    recompute_scale_factor: bool = False,
) -> Array:
    """x, (batch, channels, ...), with axes of other lengths.

    Derivative: ``dy`` shared out to the elements with the weights with which they entered.

    Parameters
    ----------
    x : (batch, channels, length), (..., height, width) or (..., depth, height, width)
    size : int, or one for each axis
        The new lengths; or
    scale_factor : float, or one for each axis
        how many times the old ones they are, rounded down.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"}
        "bicubic" is R. Keys' kernel with a = −0.75, as in PyTorch and OpenCV; "area" is
        adaptive average pooling.
    align_corners : bool
        Whether first and last elements stay where they are ("linear" to "bicubic").
    recompute_scale_factor : bool
        Whether the ratio of the lengths counts, which are rounded, and not ``scale_factor``.

    Raises
    ------
    ValueError
        For a mode that does not go with the number of axes, and for both or none of
        ``size`` and ``scale_factor``.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[0.0, 1.0]]])
    >>> interpolate(x, 4), interpolate(x, 4, mode="linear")
    (array([[[0., 0., 1., 1.]]]), array([[[0.  , 0.25, 0.75, 1.  ]]]))
    """
    who = "interpolate"
    x = arrayed(x)
    n = np.ndim(x) - 2
    if mode not in MODES:
        raise ValueError(f"{who}: mode must be one of {', '.join(MODES)}, not {mode!r}")
    if n not in MODES[mode]:
        raise ValueError(
            f"{who}: mode {mode!r} is for input of shape (batch, channels, ...) with "
            f"{' or '.join(map(str, MODES[mode]))} axes more; {label(x)} has shape {np.shape(x)}"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{who}: give size= or scale_factor=, one of them")
    if align_corners and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"{who}: align_corners= goes with linear and cubic modes")
    lengths = np.shape(x)[2:]
    if size is not None:
        sizes, factors = counts(who, "size", size, n), None
    else:
        factors = scale_factor if isinstance(scale_factor, list | tuple) else (scale_factor,) * n
        if len(factors) != n or not all(f > 0 for f in factors):
            raise ValueError(
                f"{who}: scale_factor must be one positive number or {n}, not {scale_factor!r}"
            )
        sizes = counts(who, "size", [math.floor(s * f) for s, f in zip(lengths, factors)], n)
    if factors is None or recompute_scale_factor:
        ratios = [length / new for length, new in zip(lengths, sizes)]
    else:
        ratios = [1 / f for f in factors]
    if mode == "area":
        return POOLS[n](x, sizes)
    for axis, (length, new, ratio) in enumerate(zip(lengths, sizes, ratios), 2):
        if length == new and "linear" in mode:  # PyTorch copies then, whatever the ratio
            continue
        if mode.startswith("nearest"):
            middle = 0.5 if mode == "nearest-exact" else 0.0
            places = np.floor((np.arange(new) + middle) * ratio).astype(int)
            x = ops.take(x, np.minimum(places, length - 1), axis=axis)
        else:
            at = corners(length, new) if align_corners else (np.arange(new) + 0.5) * ratio - 0.5
            x = mixed(x, axis, shares(at, length, keys if mode == "bicubic" else hat))
    return x


def mixed(x: Array, axis: int, share: Array) -> Array:
    """``x`` with an axis of other elements, each of which takes its share of the old ones."""
    y = ops.matmul(ops.moveaxis(x, axis, -1), share.astype(x.dtype))
    return ops.moveaxis(y, -1, axis)


def corners(length: int, new: int) -> Array:
    """Places of ``new`` elements, the first and last of which are where the old ones are."""
    return np.arange(new) * ((length - 1) / (new - 1) if new > 1 else 0.0)


def shares(at: Array, length: int, kernel: Function) -> Array:
    """What each new element, a column, takes of ``length`` old ones, of which it is at ``at``.

    Beyond the ends the first and the last count again.

    Examples
    --------
    >>> shares(np.array([-0.2, 0.5, 1.0]), 2, hat)
    array([[1. , 0.5, 0. ],
           [0. , 0.5, 1. ]])
    """
    first = np.floor(at).astype(int)
    found = np.zeros((length, len(at)))
    for offset, w in kernel(at - first).items():
        np.add.at(found, (np.clip(first + offset, 0, length - 1), np.arange(len(at))), w)
    return found


def hat(t: Array) -> dict[int, Array]:
    """The weights of both neighbours of a point ``t`` behind the first of them."""
    return {0: 1 - t, 1: t}


def keys(t: Array, a: float = -0.75) -> dict[int, Array]:
    """The weights of the four neighbours of a point ``t`` behind the second of them.

    R. Keys, "Cubic convolution interpolation for digital image processing" (1981).
    """

    def near(d: Array) -> Array:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Array) -> Array:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return {-1: far(t + 1), 0: near(t), 1: near(1 - t), 2: far(2 - t)}
