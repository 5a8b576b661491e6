"""Order statistics between the elements: quantiles by all of NumPy's methods, also past NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.record import ArrayLike, composed
from minigrad.ops.reduction import axes_of, count, trusted
from minigrad.ops.shape import arrayed, some, speaks_numpy
from minigrad.typing import Array, Axis, Shape


def plotting(alpha: float, beta: float) -> Array:
    """Places by R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages" (1996)."""
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def closest(n: Array, q: Array) -> Array:
    """The nearest element, counted from 1; of two that are as near, the even one."""
    place = n * q - 1.5
    below = np.floor(place)
    return np.where((place == below) & (below % 2 == 1), below, below + 1)


def halfway(n: Array, q: Array) -> Array:
    return 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q))


def between(t: Array) -> Array:
    return t


METHODS: dict[str, tuple[Array, Array]] = {
    "inverted_cdf": (lambda n, q: np.ceil(n * q - 1), between),
    "averaged_inverted_cdf": (
        lambda n, q: n * q - 1,
        lambda t: np.where(t == 0, 0.5, 1.0).astype(np.result_type(t)),
    ),
    "closest_observation": (closest, between),
    "interpolated_inverted_cdf": (plotting(0, 1), between),
    "hazen": (plotting(0.5, 0.5), between),
    "weibull": (plotting(0, 0), between),
    "linear": (lambda n, q: q * (n - 1), between),
    "median_unbiased": (plotting(1 / 3, 1 / 3), between),
    "normal_unbiased": (plotting(3 / 8, 3 / 8), between),
    "lower": (lambda n, q: np.floor((n - 1) * q), between),
    "higher": (lambda n, q: np.ceil((n - 1) * q), between),
    "midpoint": (halfway, between),
    "nearest": (lambda n, q: np.round((n - 1) * q), between),
}
"""Method -> the place of a share q among n sorted elements, counted from 0; and how much of the
element above it there is, t of the way from the one below."""


DISCRETE = frozenset({"inverted_cdf", "closest_observation", "lower", "higher", "nearest"})
"""Methods that give elements, and nothing between: whole numbers stay whole."""


def weighted_quantiles(ordered: Array, weights: Array, q: Array) -> Array:
    """The first of the ordered elements with a share ``q`` of the weights up to there."""
    shares = np.cumsum(weights, axis=-1)
    shares = shares / shares[..., -1:]
    shares = np.where(shares == 0, -1.0, shares)  # what weighs nothing is not the smallest
    place = np.sum(shares[..., None, :] < np.reshape(q, (-1, 1)), axis=-1)
    ans = np.take_along_axis(ordered, np.minimum(place, np.shape(ordered)[-1] - 1), -1)
    negative = weights < 0
    if speaks_numpy(negative) and np.result_type(ans).kind == "f":  # known when it runs
        ans = np.where(np.any(negative, axis=-1, keepdims=True), math.nan, ans)
    return ans


def interpolated(ordered: Array, last: Array, q: Array, method: str, share: Array = None) -> Array:
    """Between the sorted elements around the place of ``q``; ``last`` is that of the last one.

    ``share`` is the dtype of how far between them the place is.
    """
    place_of, weight_of = METHODS[method]
    n = np.shape(ordered)[-1]
    shape = (*np.shape(ordered)[:-1], math.prod(np.shape(q)))
    place = np.broadcast_to(place_of(last + 1, np.reshape(q, (-1,))), shape)
    below = np.floor(place)
    # Where there is no element above, this is the same one, and not a NaN beside it.
    low, high = (np.clip(np.minimum(below + i, last).astype(np.intp), 0, n - 1) for i in range(2))
    y0 = np.take_along_axis(ordered, low, -1)
    if method in DISCRETE:
        return y0
    y1 = np.take_along_axis(ordered, high, -1)
    step, t = y1 - y0, weight_of(place - below)
    t = t if share is None else t.astype(share)
    none = ((t == 0) & np.isinf(step)) | ((y0 == y1) & np.isnan(step))
    return y0 + np.where(none, np.zeros((), step.dtype), step) * t  # no part of an infinite step


def quantiles(
    name: str,
    a: Array,
    q: Array,
    axis: Axis,
    method: str,
    keepdims: Any,
    weights: Array = None,
    whole: int = 1,
) -> Array:
    """Quantiles by any method, of ``q`` in parts of ``whole``.

    By the name, of what is not NaN, which sorting puts first.
    """
    nan = name.startswith("nan")
    if method not in METHODS:
        raise ValueError(f"{name}: method must be one of {', '.join(METHODS)}, not {method!r}")
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"{name}: weights= goes with method='inverted_cdf' only, as in NumPy")
    if nan and count(a, axis) == 0:
        a, weights = np.nanmean(a, axis, keepdims=True), None  # NaN stands for none at all
    kind = np.result_type(a)
    weak = not np.ndim(q) and np.result_type(a, q) == kind  # as one of Python's, say
    share = kind if weak and kind.kind == "f" else None
    q = np.float64(q) if type(q) in (int, float) else arrayed(q)
    q = np.divide(q, whole) if whole != 1 else q
    inside = (q >= 0) & (q <= 1)
    if some(np.logical_not(inside)):
        raise ValueError(f"{name}: every q must lie in the range from the lowest to the highest")
    shape, axes = np.shape(a), axes_of(a, axis)
    kept = [i for i in range(len(shape)) if i not in axes]
    n = count(a, axis)
    if n == 0:
        raise ValueError(f"{name} needs at least one element, the shape is {shape}")

    def laid_out(x: Array) -> Array:
        return np.reshape(np.transpose(x, (*kept, *axes)), (*[shape[i] for i in kept], n))

    flat = laid_out(a)
    numbers = trusted(flat)
    last: Array = n - 1
    if nan:
        last = (np.sum(numbers, axis=-1, keepdims=True) - 1).astype(np.result_type(q))
    if weights is None:
        ans = interpolated(np.sort(flat, axis=-1), last, q, method, share)
    else:
        order = np.argsort(flat, axis=-1, kind="stable")
        w = laid_out(weights_like(name, weights, a, axes)) * numbers
        ordered = np.take_along_axis(flat, order, -1)
        ans = weighted_quantiles(ordered, np.take_along_axis(w, order, -1), q)
    if kind.kind not in "biu":
        known = last >= 0 if nan else np.all(numbers, axis=-1, keepdims=True)
        ans = np.where(known, ans, math.nan)
    if speaks_numpy(inside) and np.result_type(ans).kind == "f":  # q is known when it runs
        ans = np.where(np.ravel(inside), ans, math.nan)
    ans = np.moveaxis(ans, -1, 0)
    rest = [1 if i in axes else m for i, m in enumerate(shape) if keepdims or i not in axes]
    return np.reshape(ans, (*np.shape(q), *rest))[()]


def weights_like(name: str, weights: Array, a: Array, axes: Shape) -> Array:
    """Weights of the shape of ``a``, given as such or along ``axes`` alone; none negative."""
    w = arrayed(weights)
    if some(w < 0):
        raise ValueError(f"{name}: weights must not be negative")
    shape = np.shape(a)
    if np.shape(w) == tuple(shape[i] for i in axes):
        w = np.reshape(w, [m if i in axes else 1 for i, m in enumerate(shape)])
    elif np.shape(w) != shape:
        raise ValueError(
            f"{name}: weights {np.shape(w)} must have the shape {shape} of the array, or that of "
            "the axes they go along"
        )
    w = np.broadcast_to(w, shape)
    total = np.sum(w, axis=axes)
    if some((total == 0) | ~np.isfinite(total)):
        raise ValueError(f"{name}: weights must be finite, and not all 0")
    return w


@composed(np.quantile)
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Array = None,
) -> Array:
    """What a share ``q`` of the elements lies below, as `numpy.quantile`, by all its methods.

    Derivative: the weights with which elements enter: ``1 - t`` and ``t`` for the two around a
    linear one.

    ``q`` is differentiated too, where the method interpolates; ``weights`` are constants.

    Raises
    ------
    ValueError
        For a ``q`` outside of 0 to 1, for no elements, and for other methods.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.quantile(x, 0.25))(np.array([1.0, 5.0, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return quantiles("quantile", a, q, axis, method, keepdims, weights)


@composed(np.percentile)
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Array = None,
) -> Array:
    """What ``q`` percent of the elements lie below, as `numpy.percentile`; see `quantile`.

    Derivative: as `quantile`; by ``q`` a hundredth of it.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.percentile(x, 25))(np.array([1.0, 5.0, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return quantiles("percentile", a, q, axis, method, keepdims, weights, 100)


@composed(np.nanquantile)
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Array = None,
) -> Array:
    """`quantile` of the elements that are not NaN, as `numpy.nanquantile`.

    Derivative: as `quantile` of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.nanquantile(x, 0.25))(np.array([1.0, np.nan, 2.0]))
    array([0.75, 0.  , 0.25])
    """
    return quantiles("nanquantile", a, q, axis, method, keepdims, weights)


@composed(np.nanpercentile)
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Array = None,
) -> Array:
    """`percentile` of the elements that are not NaN, as `numpy.nanpercentile`.

    Derivative: as `percentile` of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.nanpercentile(x, 25))(np.array([1.0, np.nan, 2.0]))
    array([0.75, 0.  , 0.25])
    """
    return quantiles("nanpercentile", a, q, axis, method, keepdims, weights, 100)


@composed(np.nanmedian)
def nanmedian(a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Middle of the elements that are not NaN, as `numpy.nanmedian`.

    Derivative: as `median` of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanmedian)(np.array([1.0, np.nan, 5.0]))
    array([0.5, 0. , 0.5])
    """
    if np.result_type(a) == np.bool_:
        a = np.multiply(a, 1.0)
    return quantiles("nanmedian", a, 0.5, axis, "linear", keepdims)
