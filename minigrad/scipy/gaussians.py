"""Filters by normal densities and their derivatives, differentiable by the deviation, too."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import scipy.ndimage as sn

from minigrad.ops.glossary import OF_IMAGES
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import like
from minigrad.scipy.filters import as_given, chosen, per_axis, turned
from minigrad.tensor import concrete
from minigrad.typing import Array, Axis, Keywords, Sizes


def bell(sigma: Array, order: int, radius: int) -> Array:
    """The normal density at −radius … radius, summing to 1, or its derivative."""
    z = np.arange(-radius, radius + 1.0) / sigma
    density = np.exp(-(z**2) / 2)
    low, factor = 0.0, 1.0  # Hermite's polynomials, (−σ)^−m He_m
    for m in range(order):
        low, factor = factor, -(z * factor + m * low / sigma) / sigma
    return factor * (density / np.sum(density))


@like(sn.gaussian_filter1d, "input sigma", alone=True)
def gaussian_filter1d(
    input: Array,
    sigma: Array,
    axis: int = -1,
    order: int = 0,
    mode: str = "reflect",
    cval: Array = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
) -> Array:
    """The convolution with a normal density along one axis, or with its derivative.

    Derivative: as of `correlate`; by ``sigma`` through the weights.

    Parameters
    ----------
    input : array_like
    sigma : number
        The standard deviation; differentiated, too.
    axis : int
    order : int
        Which derivative of the density.
    mode, cval
        As for `correlate`.
    truncate : float
        After how many standard deviations the weights end; or
    radius : int, optional
        after how many places.

    Raises
    ------
    ValueError
        For a negative order or radius.
    TypeError
        For a ``sigma`` that a program takes as its input, without a radius.

    Examples
    --------
    >>> gaussian_filter1d([0.0, 0.0, 1.0, 0.0, 0.0], 1.0).round(3)
    array([0.058, 0.242, 0.399, 0.242, 0.058])
    """
    who = "gaussian_filter1d"
    known = concrete(sigma)
    if radius is None and known is None:
        raise TypeError(
            f"{who}: how far the weights reach depends on sigma, an input; give radius="
        )
    reach = int(truncate * known + 0.5) if radius is None else radius
    if operator.index(order) < 0 or operator.index(reach) < 0:
        raise ValueError(f"{who}: order {order} and radius {reach} must not be negative")
    weights = bell(sigma, order, reach)
    return turned(who, input, weights, mode, cval, 0, axis)


@like(sn.gaussian_filter, "input sigma", alone=True)
def gaussian_filter(
    input: Array,
    sigma: Array,
    order: Sizes = 0,
    mode: str = "reflect",
    cval: Array = 0.0,
    truncate: float = 4.0,
    *,
    radius: Sizes = None,
    axes: Axis = None,
) -> Array:
    """`gaussian_filter1d` along every axis.

    Derivative: that of `gaussian_filter1d`, also by ``sigma``.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_filter(np.eye(3), 0.5).round(3)
    array([[0.809, 0.179, 0.012],
           [0.179, 0.641, 0.179],
           [0.012, 0.179, 0.809]])
    """
    who, x = "gaussian_filter", arrayed(input)
    along = chosen(axes, np.ndim(x))
    given = {"sigma": sigma, "order": order, "mode": mode, "radius": radius}
    parts = [per_axis(who, key, value, len(along)) for key, value in given.items()]
    for axis, s, o, m, r in zip(along, *parts):
        if (known := concrete(s)) is None or known > 1e-15:
            x = gaussian_filter1d(x, s, axis, o, mode=m, cval=cval, truncate=truncate, radius=r)
    return x


@like(sn.gaussian_laplace, "input sigma", alone=True)
def gaussian_laplace(
    input: Array,
    sigma: Array,
    mode: str = "reflect",
    cval: Array = 0.0,
    *,
    axes: Axis = None,
    **options: Any,
) -> Array:
    """The Laplacian of `gaussian_filter`, by second derivatives of the density.

    Derivative: that of `gaussian_filter1d`.

    Examples
    --------
    >>> gaussian_laplace([0.0, 0.0, 1.0, 0.0, 0.0], 1.0).round(3)
    array([ 0.197,  0.002, -0.399,  0.002,  0.197])
    """
    n = np.ndim(arrayed(input))
    along = chosen(axes, n)
    spread = dict(zip(along, per_axis("gaussian_laplace", "sigma", sigma, len(along))))
    spreads = [spread.get(i, 0) for i in range(n)]
    return functools.reduce(operator.add, by_order(input, spreads, mode, cval, along, 2, options))


def by_order(
    x: Array, sigma: Array, mode: str, cval: Array, axes: Axis, order: int, options: Keywords
) -> list[Array]:
    """`gaussian_filter` with the ``order``-th derivative along one of the ``axes`` after the other.

    As in SciPy all axes are smoothed, by the mode of the one of the derivative.
    """
    n = np.ndim(arrayed(x))
    if not n:
        return [arrayed(x)]
    along = chosen(axes, n)
    modes = per_axis("gaussian_filter", "mode", mode, len(along))
    return [
        gaussian_filter(
            x, sigma, [order * (i == j) for j in range(n)], mode=m, cval=cval, **options
        )
        for i, m in zip(along, modes)
    ]


@like(sn.gaussian_gradient_magnitude, "input sigma", alone=True)
def gaussian_gradient_magnitude(
    input: Array,
    sigma: Array,
    mode: str = "reflect",
    cval: Array = 0.0,
    *,
    axes: Axis = None,
    **options: Any,
) -> Array:
    """The length of the gradient of `gaussian_filter`.

    Derivative: through ``√Σ gᵢ²``, each part that of `gaussian_filter1d`; 0 where it is 0.

    Examples
    --------
    >>> gaussian_gradient_magnitude([0.0, 0.0, 1.0, 0.0, 0.0], 1.0).round(3)
    array([0.095, 0.241, 0.   , 0.241, 0.095])
    """
    parts = by_order(input, sigma, mode, cval, axes, 1, options)
    squares = functools.reduce(operator.add, [p * p for p in parts])
    flat = np.equal(squares, 0)
    return as_given(
        "gaussian_gradient_magnitude",
        np.where(flat, squares, np.sqrt(np.where(flat, 1, squares))),
        arrayed(input),
    )


_describe(vars(), OF_IMAGES)
