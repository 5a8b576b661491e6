"""Windows over data, and windows that data are weighed with."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view as numpy_view

from minigrad.ops.indexing import scatter, take
from minigrad.ops.order import moveaxis
from minigrad.ops.record import ArrayLike, Op, composed, elementwise, plain
from minigrad.ops.shape import speaks_numpy
from minigrad.typing import Array, Axis

# --- Bessel's function -------------------------------------------------------------------


def _bessel(x: Array, order: int) -> Array:
    """``(1/2π) ∫ exp(x cos θ) cos(n θ) dθ`` round the circle, as a sum over even steps.

    The integrand has the circle for a period, so that the sum is exact to rounding with
    some multiple of ``√x`` steps (L. N. Trefethen and J. A. C. Weideman, "The Exponentially
    Convergent Trapezoidal Rule", 2014).
    """
    largest = float(np.max(np.abs(x), initial=0.0))
    n = 40 + 2 * math.ceil(6 * math.sqrt(min(largest, 1e4)))
    angles = 2 * math.pi * np.arange(n) / n
    ans = np.exp(np.multiply.outer(x, np.cos(angles))) * np.cos(order * angles)
    return np.asarray(np.mean(ans, axis=-1)).astype(np.result_type(x), copy=False)[()]


bessel: Op = Op(
    "bessel",
    _bessel,
    (lambda g, ans, x, order: g * (bessel(x, order=order - 1) + bessel(x, order=order + 1)) / 2,),
    elementwise=True,
    fresh=True,
    cost=500,
)
"""The modified Bessel functions, whose whole orders are what the derivatives of i0 lead to."""


i0: Op = elementwise(
    np.i0,
    lambda g, ans, x: g * bessel(x, order=1),
    cost=50,
    doc="""i0(x): the modified Bessel function I₀, as `numpy.i0`; I₀′ = I₁.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(f"{float(mg.grad(mg.i0)(1.0)):.6f}")
    0.565159
    """,
)


@composed(np.kaiser)
def kaiser(M: int, beta: Array) -> Array:
    """Kaiser's window of ``M`` points, ``I₀(β √(1 − t²)) / I₀(β)``, as `numpy.kaiser`.

    Derivative: by ``beta``, the quotient rule with ``I₀' = I₁``.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(f"{float(mg.grad(lambda b: mg.kaiser(3, b)[0])(1.0)):.6f}")
    -0.352580
    """
    if M == 1:
        return np.ones(1)
    half = (M - 1) / 2
    t = (np.arange(M) - half) / half if M > 1 else np.arange(0.0)
    return i0(beta * np.sqrt(np.maximum(1 - t * t, 0.0))) / i0(beta * np.float64(1))


# --- sliding -----------------------------------------------------------------------------


@composed(numpy_view, complex=True)
def sliding_window_view(
    x: ArrayLike, window_shape: int | Sequence[int], axis: Axis = None
) -> Array:
    """What windows of ``window_shape`` see at every place, as `numpy.lib.stride_tricks` has it.

    Derivative: the sum of ``dy`` over the windows that see the element.

    Raises
    ------
    ValueError
        For a window that does not fit, and another number of lengths than of axes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = mg.Tensor([1.0, 2.0, 3.0])
    >>> np.lib.stride_tricks.sliding_window_view(x, 2)
    Tensor([[1., 2.],
            [2., 3.]])
    """
    sizes = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    n = np.ndim(x)
    axes = range(n) if axis is None else normalize_axis_tuple(axis, n, allow_duplicate=True)
    axes = tuple(axes)
    if len(sizes) != len(axes):
        raise ValueError(
            f"sliding_window_view: window_shape {sizes} must have one length for each axis {axes}"
        )
    for a, size in zip(axes, sizes):
        length = np.shape(x)[a]
        if size < 0 or length < size:
            raise ValueError(
                f"sliding_window_view: a window of {size} does not fit into axis {a} of length "
                f"{length}"
            )
        seen = np.arange(length - size + 1)[:, None] + np.arange(size)
        x = moveaxis(take(x, seen, axis=a), a + 1, -1)
    return x


# --- histograms --------------------------------------------------------------------------


histogram_bin_edges: Op = plain(np.histogram_bin_edges, fresh=False)  # those that are given


def _counted(a: Array, bins: Any, range: Any, density: bool | None) -> Array:
    return np.histogram(a, bins, range, density)


counted: Op = Op("histogram", _counted, None, arity=2)


@composed(np.histogram)
def histogram(
    a: ArrayLike,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: ArrayLike = None,
) -> Array:
    """Numbers of elements, or sums of their weights, between edges, as `numpy.histogram`.

    Derivative: by the weights, ``dy`` of the bin that an element is in.

    Differentiable by the weights; as functions of the data, the numbers only jump, and the edges
    count as constants.

    Raises
    ------
    ValueError
        For weights of another shape than ``a``.
    TypeError
        For weights where the number of bins is to be found.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a = np.array([0.1, 0.6, 0.9])
    >>> mg.grad(lambda w: mg.histogram(a, 2, (0, 1), weights=w)[0][1])(np.ones(3))
    array([0., 1., 1.])
    """
    if speaks_numpy(bins) and not np.ndim(bins):
        bins = operator.index(bins)  # which is refused in a program
    if weights is None:
        return counted(a, bins, range=range, density=density)
    if isinstance(bins, str):
        raise TypeError(f"histogram: with weights, give the number of bins and not {bins!r}")
    if np.shape(weights) != np.shape(a):
        raise ValueError(
            f"histogram: weights {np.shape(weights)} must have the shape of a {np.shape(a)}"
        )
    edges = histogram_bin_edges(a, bins, range)
    data, w = np.reshape(a, (-1,)), np.reshape(weights, (-1,))
    last = np.size(edges) - 2
    place = np.searchsorted(edges, data, side="right") - 1
    place = np.where(data == edges[-1], last, place)
    inside = np.logical_and(place >= 0, place <= last)
    sums = scatter(np.where(inside, w, 0), shape=(last + 1,), index=np.clip(place, 0, last))
    return (sums / np.diff(edges) / np.sum(sums) if density else sums), edges
