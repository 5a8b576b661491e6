"""Values of an array between its places, by splines; arrays moved, turned and stretched."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy.ndimage as sn
import scipy.special as sp

from minigrad.ops.glossary import OF_IMAGES
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import settled
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed, firm
from minigrad.scipy.calling import floating, like
from minigrad.scipy.filters import PADDING, as_given, chosen, framed, per_axis
from minigrad.typing import Array, DType, Shape, Sizes


def _mirrored(x: Array, order: int, mode: str) -> Array:
    return sn.spline_filter1d(x, order, -1, np.result_type(x, np.float64), mode)


def _filtered_back(g: Array, ans: Array, x: Array, order: int, mode: str) -> Array:
    """The filter is symmetric; with a mirror at the ends but for their weights, which are ½.

    Of few places SciPy's filter starts a little beside that: there it is taken as it is.
    """
    n = np.shape(x)[-1]
    if n < 100:
        return g @ _mirrored(np.eye(n), order, mode).T
    ends = np.ones(n)
    if mode not in ("reflect", "grid-mirror", "grid-wrap", "nearest"):
        ends[[0, -1]] = 0.5
    return ends * spline_coefficients(g / ends, order=order, mode=mode)


spline_coefficients: Op = Op(
    "ndimage.spline_filter1d", _mirrored, (_filtered_back,), fresh=True, linear="each", complex=True
)
"""The coefficients of B-splines through values along the last axis."""


def spline_order(who: str, order: int, least: int) -> int:
    """``order`` as an integer that SciPy has splines of."""
    found: int = operator.index(order)
    if not least <= found <= 5:
        raise ValueError(f"{who}: order must be {least} to 5, not {found}")
    return found


@like(sn.spline_filter1d, "input", alone=True)
def spline_filter1d(
    input: Array, order: int = 3, axis: int = -1, output: DType = np.float64, mode: str = "mirror"
) -> Array:
    """The coefficients of the B-splines of an ``order`` through values along one axis.

    Derivative: the same filter, which is symmetric, of ``dy``.

    Raises
    ------
    ValueError
        For orders below 0 and above 5.
    TypeError
        For another ``output`` than doubles.

    Examples
    --------
    >>> spline_filter1d([0.0, 1.0, 0.0]).round(6)
    array([-1.,  2., -1.])
    """
    if output not in (np.float64, float):
        raise TypeError("spline_filter1d: output= is not supported here; leave it out")
    order, x = spline_order("spline_filter1d", order, 0), arrayed(input) * np.float64(1)
    if order < 2 or not np.ndim(x):
        return x
    y = spline_coefficients(np.moveaxis(x, axis, -1), order=order, mode=mode)
    return np.moveaxis(y, -1, axis)


@like(sn.spline_filter, "input", alone=True)
def spline_filter(
    input: Array, order: int = 3, output: DType = np.float64, mode: str = "mirror"
) -> Array:
    """`spline_filter1d` along every axis.

    Derivative: that of `spline_filter1d`.

    Raises
    ------
    RuntimeError
        For orders below 2 and above 5, as SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> spline_filter(np.ones((2, 2))).round(6)
    array([[1., 1.],
           [1., 1.]])
    """
    if order not in range(2, 6):
        raise RuntimeError(f"spline_filter: order must be 2 to 5, not {order}")
    x = arrayed(input)
    for axis in range(np.ndim(x)):
        x = spline_filter1d(x, order, axis, output, mode)
    return x


def basis(t: Array, order: int) -> list[Array]:
    """The B-splines that are not 0 at a share ``t`` of the way between two knots, one apart.

    C. de Boor, "A Practical Guide to Splines" (1978), chapter X.
    """
    parts: list[Array] = [1.0]
    for d in range(1, order + 1):
        more: list[Array] = [0.0] * (d + 1)
        for r, part in enumerate(parts):
            more[r] = more[r] + (r + 1 - t) / d * part
            more[r + 1] = more[r + 1] + (t + d - 1 - r) / d * part
        parts = more
    return parts


def folded(i: Array, n: int, mode: str) -> Array:
    """Places beyond the edges as those that stand for them."""
    if n == 1 or mode == "nearest":
        return np.clip(i, 0, n - 1)
    if mode in ("reflect", "grid-mirror"):
        i = np.mod(i, 2 * n)
        return np.where(i >= n, 2 * n - 1 - i, i)
    if mode == "grid-wrap":
        return np.mod(i, n)
    i = np.mod(i, 2 * n - 2)
    return np.where(i >= n, 2 * n - 2 - i, i)


def mapped(p: Array, n: int, mode: str) -> Array:
    """Coordinates beyond the edges as those that stand for them, where `folded` does not do."""
    known = settled(p)
    if mode == "nearest":  # beyond half a spline there is but the edge
        return np.clip(p, -9, n + 9)
    if mode == "wrap" and n > 1:
        turns = known / (n - 1)  # what stands at both edges is read where it is first met
        whole = np.where(turns < 0, np.ceil(turns) - 1, np.floor(turns) * (turns != 1))
        return p - (n - 1) * whole
    if mode in ("mirror", "reflect", "grid-mirror") and n > 1:  # with order 0, halves are rounded
        edges = 2 * n - 2 if mode == "mirror" else 2 * n - 1
        turned = np.mod(known, 2 * n - 2 if mode == "mirror" else 2 * n)
        behind = (turned > n - 0.5) | (turned == n - 0.5) & (known < 0)
        return np.where(behind, edges - p, p)
    return p


@like(sn.map_coordinates, "input coordinates cval", alone=True)
def map_coordinates(
    input: Array,
    coordinates: Array,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Array:
    """The values of ``input`` at ``coordinates``, by splines between places.

    Derivative: ``input`` gets the weights of the interpolation, through the spline's filter;
    ``coordinates`` the slopes of the curve.

    Differentiable by both.

    Parameters
    ----------
    input : (...,) of n axes
    coordinates : (n, ...)
    order : int
        Of the splines, 0 to 5: 0 the nearest value, 1 linear.
    mode : {"constant", "nearest", "mirror", "reflect", "wrap", "grid-constant", "grid-wrap"}
        Beyond the edges: ``cval``, the value at the edge, the input again.
    cval : float
    prefilter : bool
        Whether ``input`` are values; else they are the coefficients of `spline_filter`.

    Raises
    ------
    ValueError
        For other orders and modes, and coordinates of another number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> map_coordinates(x, [[0.5], [0.5]], order=1), map_coordinates(x, [[0.5], [0.2]]).round(3)
    (array([1.5]), array([1.104]))
    """
    return at_places("map_coordinates", input, coordinates, order, mode, cval, prefilter)


def at_places(
    who: str, input: Array, coordinates: Array, order: int, mode: str, cval: Array, prefilter: bool
) -> Array:
    """What `map_coordinates` says, in the name of ``who``."""
    a = given = firm(arrayed(input))
    at = arrayed(coordinates) * np.float64(1)
    order, n = spline_order(who, order, 0), np.ndim(a)
    if mode not in PADDING:
        raise ValueError(f"{who}: mode must be one of {', '.join(PADDING)}, not {mode!r}")
    if not np.ndim(at) or np.shape(at)[0] != n:
        raise ValueError(f"{who}: the input has {n} axes, and coordinates the shape {np.shape(at)}")
    places, sizes, edge = [at[i] for i in range(n)], np.shape(a), 0
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            edge = 12
            a = framed(who, a, [edge] * n, [edge] * n, mode, cval)
        a = spline_filter(a, order, mode=mode)
    value = interpolated(floating(a), [p + edge for p in places], order, mode, cval)
    if mode == "constant":
        edges = [settled(p) for p in places]
        outside = [(p < 0) | (p > s - 1) for p, s in zip(edges, sizes)]
        value = np.where(functools.reduce(operator.or_, outside), cval, value)
    return as_given(who, value, given)


def interpolated(a: Array, places: list[Array], order: int, mode: str, cval: Array) -> Array:
    """The spline with coefficients ``a`` at ``places``."""
    half = order // 2
    choices = []
    for place, size in zip(places, np.shape(a), strict=True):
        p = mapped(place, size, mode)
        known = settled(p)
        first = np.floor(known + 0.5 * (order % 2 == 0))
        parts = basis(p - first + 0.5 * (order % 2 == 0), order)
        choices.append([(first - half + j, part) for j, part in enumerate(parts)])
    total: Array = 0.0
    for corner in product(*choices):
        index, share, inside = [], 1.0, True
        for (place, part), size in zip(corner, np.shape(a), strict=True):
            i = place.astype(int)
            inside = inside & (i >= 0) & (i < size)
            index.append(folded(i, size, mode))
            share = share * part
        value = a[tuple(index)]
        if mode == "grid-constant":
            value = np.where(inside, value, cval)
        total = total + share * value
    return total


def grid(shape: Shape) -> Array:
    """The coordinates of every place."""
    return np.indices(shape).astype(float)


@like(sn.affine_transform, "input matrix offset cval", alone=True)
def affine_transform(
    input: Array,
    matrix: Array,
    offset: Array = 0.0,
    output_shape: Sequence[int] | None = None,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Array:
    """The values at ``M o + offset`` for every place o, as `scipy.ndimage.affine_transform`.

    Derivative: that of `map_coordinates`, through the coordinates by ``matrix`` and ``offset``.

    Parameters
    ----------
    input : (...,) of n axes
    matrix : (n, n), (n,) for a diagonal, (n, n + 1) or (n + 1, n + 1) with the offset
    offset : number or (n,)
    output_shape : tuple of int, optional
        By default the input's.
    order, mode, cval, prefilter
        As for `map_coordinates`.

    Raises
    ------
    ValueError
        For a matrix of another shape, and as `map_coordinates`.

    Examples
    --------
    >>> affine_transform([1.0, 2.0, 4.0], [1.0], 0.5, order=1)
    array([1.5, 3. , 0. ])
    """
    x, m = arrayed(input), floating(matrix)
    n, shape = np.ndim(x), tuple(np.shape(x) if output_shape is None else output_shape)
    if np.shape(m) in ((n, n + 1), (n + 1, n + 1)):
        m, offset = m[:n, :n], m[:n, n]
    elif np.shape(m) == (n,):
        m = np.diag(m)
    if np.shape(m) != (n, n) or len(shape) != n:
        raise ValueError(
            f"affine_transform: of an input with {n} axes the matrix must have shape ({n}, {n}), "
            f"({n},), ({n}, {n + 1}) or ({n + 1}, {n + 1}), not {np.shape(m)}"
        )
    offset = arrayed(offset)
    moved = np.reshape(offset if np.ndim(offset) else np.full(n, 1.0) * offset, (n, 1))
    at = np.reshape(m @ np.reshape(grid(shape), (n, -1)) + moved, (n, *shape))
    return at_places("affine_transform", x, at, order, mode, cval, prefilter)


@like(sn.shift, "input shift cval", alone=True)
def shift(
    input: Array,
    shift: Array,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Array:
    """The input moved by ``shift`` places, one number for all axes or one each.

    Derivative: that of `map_coordinates`; by ``shift``, minus the slopes.

    Raises
    ------
    ValueError
        For shifts of another number than axes.

    Examples
    --------
    >>> shift([1.0, 2.0, 4.0], 0.5, order=1)
    array([0. , 1.5, 3. ])
    """
    x, shift = arrayed(input), arrayed(shift)
    by = shift if np.ndim(shift) else np.full(np.ndim(x), 1.0) * shift
    if np.shape(by) != (np.ndim(x),):
        raise ValueError(f"shift: one number or {np.ndim(x)}, not {np.shape(by)}")
    at = grid(np.shape(x)) - np.reshape(by, (-1,) + (1,) * np.ndim(x))
    return at_places("shift", x, at, order, mode, cval, prefilter)


@like(sn.zoom, "input cval", alone=True)
def zoom(
    input: Array,
    zoom: Sizes,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
    *,
    grid_mode: bool = False,
) -> Array:
    """The input with ``zoom`` times as many places along each axis, rounded.

    Derivative: that of `map_coordinates`.

    Raises
    ------
    ValueError
        For zooms of another number than axes.

    Examples
    --------
    >>> zoom([0.0, 2.0, 4.0], 5 / 3, order=1)
    array([0., 1., 2., 3., 4.])
    """
    x = arrayed(input)
    factors = per_axis("zoom", "zoom", zoom, np.ndim(x))
    shape = tuple(round(s * f) for s, f in zip(np.shape(x), factors))
    at = grid(shape)
    for i, (old, new) in enumerate(zip(np.shape(x), shape)):
        if grid_mode:
            at[i] = (at[i] + 0.5) * (old / new if new else 1.0) - 0.5
        else:
            at[i] *= (old - 1) / (new - 1) if new > 1 else 1.0
    return at_places("zoom", x, at, order, mode, cval, prefilter)


@like(sn.rotate, "input angle cval", alone=True)
def rotate(
    input: Array,
    angle: Array,
    axes: Sequence[int] = (1, 0),
    reshape: bool = True,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Array:
    """The input turned by ``angle`` degrees in the plane of two axes.

    Derivative: that of `map_coordinates`; by ``angle``, too.

    Parameters
    ----------
    input : array_like
    angle : number
        In degrees.
    axes : (int, int)
    reshape : bool
        Whether the whole of the turned input is to be seen.
    order, mode, cval, prefilter
        As for `map_coordinates`.

    Raises
    ------
    ValueError
        For other than two axes, and an input of fewer.

    Examples
    --------
    >>> rotate([[1.0, 2.0], [3.0, 4.0]], 90, order=1).round(9)
    array([[2., 4.],
           [1., 3.]])
    """
    x = arrayed(input)
    plane = sorted(chosen(list(axes), np.ndim(x)))
    if len(plane) != 2 or plane[0] == plane[1]:
        raise ValueError(f"rotate: axes must be two different ones, not {axes!r}")
    c, s = sp.cosdg(angle), sp.sindg(angle)  # which know 90 degrees and their multiples
    turn = np.stack([np.stack([c, s]), np.stack([-s, c])])
    seen = np.array([np.shape(x)[i] for i in plane])
    out = seen
    if reshape:
        ends = settled(turn) @ np.array([[0, 0, seen[0], seen[0]], [0, seen[1], 0, seen[1]]])
        out = (np.ptp(ends, axis=1) + 0.5).astype(int)
    shape = tuple(int(v) for v in out)
    middle = (seen - 1) / 2 - turn @ ((out - 1) / 2)
    flat = turn @ np.reshape(grid(shape), (2, -1)) + np.reshape(middle, (2, 1))
    at = np.reshape(flat, (2, *shape))
    x = np.moveaxis(x, plane, (-2, -1))
    lead = np.shape(x)[:-2]
    planes = np.reshape(x, (math.prod(lead), *seen))
    turned = [
        at_places("rotate", planes[i], at, order, mode, cval, prefilter) for i in range(len(planes))
    ]
    found = np.stack(turned) if turned else np.zeros((0, *shape), x.dtype)
    return np.moveaxis(np.reshape(found, (*lead, *shape)), (-2, -1), plane)


_describe(vars(), OF_IMAGES)
