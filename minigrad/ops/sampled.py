"""Functions given by samples: interpolation, slopes, integrals, ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.ops.indexing import getitem, scatter, settled
from minigrad.ops.order import moveaxis
from minigrad.ops.record import ArrayLike, composed
from minigrad.ops.scan import cumprod, cumsum, diff
from minigrad.ops.shape import arrayed, ravel, reshape, some
from minigrad.typing import Array, Axis, DType, Function

# --- slopes and integrals --------------------------------------------------------------


def along(axis: int, *part: Array) -> tuple[Array, ...]:
    """The index that is ``slice(*part)`` along ``axis``."""
    return (*[slice(None)] * axis, slice(*part))


@composed(np.interp)
def interp(
    x: Array, xp: Array, fp: Array, left: Array = None, right: Array = None, period: Array = None
) -> Array:
    """The line through the points ``(xp, fp)`` at ``x``, as `numpy.interp`.

    Derivative: by ``x`` the slope of the line, at an inner point that on its right; by ``fp`` the
    weights ``1 - t`` and ``t`` of both ends, by ``xp`` minus the slope times these.

    Raises
    ------
    ValueError
        For another number of values than of points; for ``left`` or ``right`` beside ``period``,
        and a period of 0.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.interp(x, [0.0, 1.0, 3.0], [0.0, 5.0, 1.0]))(2.0)
    np.float64(-2.0)
    """
    x, xp, fp = (np.multiply(arrayed(v), np.float64(1)) for v in (x, xp, fp))
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or not np.size(xp):
        raise ValueError(
            f"interp needs as many values as points: xp has shape {np.shape(xp)}, fp {np.shape(fp)}"
        )
    if period is not None:
        if left is not None or right is not None:
            raise ValueError("interp: with a period there is no left and no right")
        period = np.abs(period)
        if some(period == 0):
            raise ValueError("interp: the period must not be 0")
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = getitem(xp, order), getitem(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    n = np.size(xp)
    k = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(n - 2, 0))
    up = np.minimum(k + 1, n - 1)
    x0, y0, x1, y1 = getitem(xp, k), getitem(fp, k), getitem(xp, up), getitem(fp, up)
    width = x1 - x0
    level = width == 0
    slope = (y1 - y0) / np.where(level, 1.0, width)
    ans = y0 + slope * (x - x0)
    rough = ~np.isfinite(slope)  # seen from the other end, and at the points themselves
    ans = np.where(rough & np.isnan(ans), np.where(y0 == y1, y0, y1 + slope * (x - x1)), ans)
    ans = np.where(rough & (x == x0), y0, np.where(rough & (x == x1), y1, ans))
    ans = np.where(x < xp[0], fp[0] if left is None else left, ans)
    return np.where(x > xp[-1], fp[-1] if right is None else right, ans)[()]


def slopes(f: Array, h: Array, axis: int, edge_order: int) -> Array:
    """Second-order differences inside, of order ``edge_order`` at the ends.

    ``h`` is the distance of the samples, or all distances.
    """

    def at(*part: Array) -> Array:
        return f[along(axis, *part)]

    n = np.ndim(f)
    column = [-1 if i == axis else 1 for i in range(n)]
    uniform = np.ndim(h) == 0
    if uniform:
        inner = (at(2, None) - at(None, -2)) / (2 * h)
        first, last = h, h
    else:
        h1, h2 = reshape(h[:-1], column), reshape(h[1:], column)
        inner = (
            at(None, -2) * (-h2 / (h1 * (h1 + h2)))
            + at(1, -1) * ((h2 - h1) / (h1 * h2))
            + at(2, None) * (h1 / (h2 * (h1 + h2)))
        )
        first, last = h[0], h[-1]
    if edge_order == 1:
        start, end = (at(1, 2) - at(0, 1)) / first, (at(-1, None) - at(-2, -1)) / last
    else:
        g1, g2 = (first, first) if uniform else (h[0], h[1])
        start = (
            at(0, 1) * (-(2 * g1 + g2) / (g1 * (g1 + g2)))
            + at(1, 2) * ((g1 + g2) / (g1 * g2))
            - at(2, 3) * (g1 / (g2 * (g1 + g2)))
        )
        g1, g2 = (last, last) if uniform else (h[-2], h[-1])
        end = (
            at(-3, -2) * (g2 / (g1 * (g1 + g2)))
            - at(-2, -1) * ((g1 + g2) / (g1 * g2))
            + at(-1, None) * ((2 * g2 + g1) / (g2 * (g1 + g2)))
        )
    return np.concatenate([start, inner, end], axis=axis)


def _real(x: Array) -> Array:
    """``x`` in floating point, where whole numbers would wrap around."""
    return np.multiply(x, 1.0) if np.ndim(x) and np.result_type(x).kind in "iu" else x


@composed(np.gradient, complex=True)
def gradient(f: ArrayLike, *varargs: Array, axis: Axis = None, edge_order: int = 1) -> Array:
    """Slopes of a sampled function by central differences, as `numpy.gradient`.

    ``varargs`` are the distances or the coordinates of the samples, for all axes or for
    each; they are differentiated too.  The derivative of a function of yours is `grad`.

    Raises
    ------
    TypeError
        For a function (`grad` is its derivative), and another number of spacings than of axes.
    ValueError
        For too few elements, and coordinates that do not match them.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.gradient(x)[1])(np.ones(3))
    array([-0.5,  0. ,  0.5])
    """
    if callable(f):
        raise TypeError(
            "gradient is NumPy's, of samples: the derivative of a function is mg.grad(f)"
        )
    f = f if np.result_type(f).kind in "fc" else np.multiply(f, 1.0)
    n = np.ndim(f)
    axes = tuple(range(n)) if axis is None else normalize_axis_tuple(axis, n)
    spacing = [_real(arrayed(v)) for v in varargs] or [1.0]
    spacing = spacing * len(axes) if len(spacing) == 1 and np.ndim(spacing[0]) == 0 else spacing
    if len(spacing) != len(axes):
        raise TypeError(
            f"gradient: {len(spacing)} spacings for {len(axes)} axes; give one for each"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, not {edge_order}")
    answers = []
    for k, h in zip(axes, spacing, strict=True):
        length = np.shape(f)[k]
        if length < edge_order + 1:
            raise ValueError(
                f"gradient: {length} elements along axis {k} are too few, it takes {edge_order + 1}"
            )
        if np.ndim(h) > 1 or (np.ndim(h) == 1 and np.shape(h)[0] != length):
            raise ValueError(
                f"gradient: the coordinates {np.shape(h)} must be one for each of the {length} "
                f"elements along axis {k}"
            )
        slope = slopes(f, diff(h) if np.ndim(h) else h, k, edge_order)
        answers.append(slope.astype(np.result_type(f)))
    return answers[0] if len(axes) == 1 else tuple(answers)


@composed(np.trapezoid, complex=True)
def trapezoid(y: ArrayLike, x: ArrayLike = None, dx: Array = 1.0, axis: int = -1) -> Array:
    """Integral along ``axis`` by trapezoids, as `numpy.trapezoid`.

    Derivative: by ``y`` half the widths of the two neighbouring intervals; by ``x`` the mean
    heights' differences.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda y: mg.trapezoid(y, dx=2.0))(np.ones(3))
    array([1., 2., 1.])
    """
    n = np.ndim(y)
    given, axis = axis, normalize_axis_index(axis, n)
    if x is not None:  # which may have fewer axes than y
        dx = diff(x, axis=given if np.ndim(x) > 1 else -1)
        if np.ndim(x) == 1:
            dx = reshape(dx, [-1 if i == axis else 1 for i in range(n)])
    return np.sum(dx * (y[along(axis, 1, None)] + y[along(axis, None, -1)]) / 2, axis=axis)


@composed(np.unwrap, complex=True)
def unwrap(
    p: ArrayLike, discont: Array = None, axis: int = -1, *, period: Array = 2 * math.pi
) -> Array:
    """Angles without jumps of more than half a ``period``, as `numpy.unwrap`.

    Derivative: ``dp = dy``.

    What is added to the angles is constant between jumps: gradients pass unchanged.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.unwrap(x)[2])(np.array([3.0, -3.0, -2.0]))
    array([0., 0., 1.])
    """
    axis = normalize_axis_index(axis, np.ndim(p))
    step = diff(p, axis=axis)
    half = period // 2 if np.result_type(step, period).kind in "iu" else period / 2
    turned = (step + half) % period - half
    upper = (turned == -half) & (step > 0) & (2 * half == period)
    turned = np.where(upper, turned + period, turned)
    small = np.abs(step) < (half if discont is None else np.maximum(discont, half))
    jump = np.where(small, 0, turned - step)
    start = np.zeros_like(p[along(axis, 1)])
    return p + np.concatenate([start, cumsum(jump, axis=axis)], axis=axis)


@composed(np.ediff1d, complex=True)
def ediff1d(ary: Array, to_end: Array = None, to_begin: Array = None) -> Array:
    """Differences of all elements in a row, as `numpy.ediff1d`.

    Derivative: ``dary_i = dy_(i-1) - dy_i``; both ends get what stands at their own places.

    Raises
    ------
    TypeError
        For ends of another kind of numbers than ``ary``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: (mg.ediff1d(x) ** 2).sum())(np.array([1.0, 3.0, 2.0]))
    array([-4.,  6., -2.])
    """
    steps = diff(ravel(ary))
    parts = [ravel(part) for part in (to_begin, steps, to_end) if part is not None]
    kind = np.result_type(steps)
    for part in parts:
        if not np.can_cast(np.result_type(part), kind, "same_kind"):
            raise TypeError(f"ediff1d: {np.result_type(part)} at an end does not go with {kind}")
    return np.concatenate([part.astype(kind) for part in parts])


def _cumulative(
    name: str, scan: Function, first: float, x: Array, axis: Any, dtype: DType, with_first: bool
) -> Array:
    if np.ndim(x) == 0:
        x = np.reshape(x, 1)
    if axis is None and np.ndim(x) != 1:
        raise ValueError(f"{name}: for shape {np.shape(x)}, choose with axis=")
    axis = normalize_axis_index(0 if axis is None else axis, np.ndim(x))
    ans = scan(x, axis=axis, **({} if dtype is None else {"dtype": dtype}))
    if not with_first:
        return ans
    edge = [1 if i == axis else m for i, m in enumerate(np.shape(x))]
    return np.concatenate([np.full(edge, first, np.result_type(ans)), ans], axis=axis)


@composed(*([np.cumulative_sum] if hasattr(np, "cumulative_sum") else []), complex=True)
def cumulative_sum(
    x: ArrayLike, /, *, axis: Axis = None, dtype: DType = None, include_initial: bool = False
) -> Array:
    """Running sum along ``axis``, as `numpy.cumulative_sum` (of NumPy 2.1).

    Derivative: the sum of ``dy`` from the element's place to the end, as `cumsum`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.cumulative_sum(mg.Tensor([1.0, 2.0]), include_initial=True)
    Tensor([0., 1., 3.])
    """
    return _cumulative("cumulative_sum", cumsum, 0, x, axis, dtype, include_initial)


@composed(*([np.cumulative_prod] if hasattr(np, "cumulative_prod") else []), complex=True)
def cumulative_prod(
    x: ArrayLike, /, *, axis: Axis = None, dtype: DType = None, include_initial: bool = False
) -> Array:
    """Running product along ``axis``, as `numpy.cumulative_prod` (of NumPy 2.1).

    Derivative: as `cumprod`: the products without that element, from its place on.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.cumulative_prod(mg.Tensor([3.0, 2.0]), include_initial=True)
    Tensor([1., 3., 6.])
    """
    return _cumulative("cumulative_prod", cumprod, 1, x, axis, dtype, include_initial)


# --- ranges ----------------------------------------------------------------------------


def _shares(start: Array, stop: Array, num: int, endpoint: bool, name: str) -> Array:
    """How far from start to stop each place is, along a first axis."""
    if num < 0:
        raise ValueError(f"{name}: the number of samples must not be negative, got {num}")
    share = np.arange(num) / max(num - bool(endpoint), 1)
    return share.reshape(-1, *[1] * max(np.ndim(start), np.ndim(stop)))


@composed(np.linspace, complex=True)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DType = None,
    axis: int = 0,
) -> Array:
    """Evenly spaced numbers between ends that may be Tensors, as `numpy.linspace`.

    Derivative: ``∂y_i/∂start = 1 - t_i`` and ``∂y_i/∂stop = t_i``, t from 0 to 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda stop: mg.linspace(0.0, stop, 5).sum())(1.0)
    np.float64(2.5)
    """
    kind = np.result_type(start, stop, 1.0)
    start, stop = np.multiply(start, 1.0), np.multiply(stop, 1.0)
    step = (stop - start) / (num - bool(endpoint) if num > endpoint else math.nan)
    step = step if np.result_type(step) == kind else step.astype(kind)
    share = _shares(start, stop, num, endpoint, "linspace")
    ans = start * (1 - share) + stop * share
    kind = kind if dtype is None else np.dtype(dtype)
    if np.result_type(ans) != kind:
        ans = (np.floor(ans) if kind.kind in "iu" else ans).astype(kind)
    ans = moveaxis(ans, 0, axis)
    return (ans, step if num > endpoint else math.nan) if retstep else ans


@composed(np.logspace, complex=True)
def logspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DType = None,
    axis: int = 0,
) -> Array:
    """Powers of ``base`` with evenly spaced exponents, as `numpy.logspace`.

    Derivative: ``∂y_i/∂start = (1 - t_i) y_i log(base)`` and ``∂y_i/∂stop = t_i y_i log(base)``,
    t from 0 to 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.logspace(0.0, mg.Tensor(2.0), 3, base=2.0)
    Tensor([1., 2., 4.])
    """
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(start, stop, base)
        exponents = linspace(start, stop, num, endpoint, axis=axis)
        base = np.expand_dims(base, axis)
    ans = np.power(base, exponents)
    return ans if dtype is None else ans.astype(dtype)


@composed(np.geomspace, complex=True)
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DType = None,
    axis: int = 0,
) -> Array:
    """Numbers of constant ratio between two ends of one sign, as `numpy.geomspace`.

    Derivative: ``∂y_i/∂start = (1 - t_i) y_i / start`` and ``∂y_i/∂stop = t_i y_i / stop``, t
    from 0 to 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.geomspace(mg.Tensor(1.0), 4.0, 3)
    Tensor([1., 2., 4.])
    """
    start, stop = np.multiply(start, 1.0), np.multiply(stop, 1.0)
    share = _shares(start, stop, num, endpoint, "geomspace")
    ans = start * np.power(stop / start, share)
    ans = moveaxis(np.where(share == 1, stop, ans), 0, axis)
    kind = np.result_type(ans, np.float64) if dtype is None else dtype
    return ans if np.result_type(ans) == kind else ans.astype(kind)


# --- functions applied piece by piece --------------------------------------------------


@composed(np.piecewise, complex=True)
def piecewise(x: ArrayLike, condlist: Array, funclist: Any, *args: Array, **kw: Any) -> Array:
    """The function (or number) of the last condition that holds, as `numpy.piecewise`.

    Derivative: that of the function which was chosen, element by element.

    Each function gets the elements that it is for and no others.

    Raises
    ------
    ValueError
        For another number of functions than of conditions, or one more.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.piecewise(x, [x > 0], [np.sqrt, 0.0]).sum())(np.array([-1.0, 4.0]))
    array([0.  , 0.25])
    """
    shape = np.shape(x)
    if isinstance(condlist, list | tuple) and not any(np.ndim(c) for c in condlist) and shape:
        condlist = [condlist]
    many = isinstance(condlist, list | tuple) or np.ndim(condlist) > len(shape)
    masks = [np.not_equal(settled(c), 0) for c in (condlist if many else [condlist])]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(np.stack(np.broadcast_arrays(*masks)), axis=0))
    if len(funclist) != len(masks):
        raise ValueError(
            f"piecewise: {len(masks)} conditions need as many functions, or one more: "
            f"got {len(funclist)}"
        )
    flat: Array = reshape(x, -1)
    ans, free = np.zeros_like(flat), np.ones(np.size(x), bool)
    for mask, function in zip(masks[::-1], funclist[::-1], strict=True):
        mask = np.reshape(np.broadcast_to(mask, shape), -1) & free
        free = free & ~mask
        part = getitem(flat, mask)
        part = function(part, *args, **kw) if callable(function) else np.full_like(part, function)
        ans = ans + scatter(part, shape=np.shape(flat), index=mask)
    ans = ans if ans.dtype == flat.dtype else ans.astype(flat.dtype)
    return reshape(ans, shape)


@composed(np.apply_along_axis, complex=True)
def apply_along_axis(
    func1d: Function, axis: int, arr: ArrayLike, *args: Array, **kwargs: Any
) -> Array:
    """``func1d`` of every vector along ``axis``, as `numpy.apply_along_axis`.

    Derivative: that of ``func1d``, vector by vector.

    Raises
    ------
    ValueError
        Where there is no vector to apply the function to.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.apply_along_axis(np.prod, 1, x).sum())(np.array([[2.0, 3.0]]))
    array([[3., 2.]])
    """
    axis = normalize_axis_index(axis, np.ndim(arr))
    vectors = moveaxis(arr, axis, -1)
    *outer, n = np.shape(vectors)
    if not math.prod(outer):
        raise ValueError("apply_along_axis: there is no vector to apply the function to")
    answers = [func1d(v, *args, **kwargs) for v in reshape(vectors, (math.prod(outer), n))]
    inner = np.shape(answers[0])
    ans = reshape(np.stack(answers), (*outer, *inner))
    new = range(len(outer), len(outer) + len(inner))
    return moveaxis(ans, tuple(new), tuple(range(axis, axis + len(inner)))) if inner else ans
