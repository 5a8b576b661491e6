"""Reductions and scans: the rules put the reduced axes back and share the gradient out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.ops.record import ArrayLike, Op, composed, plain, primitive
from minigrad.ops.rows import summed, total
from minigrad.ops.shape import shape_of, some
from minigrad.typing import Array, Axis, DType, Shape, Tangents

NoValue: Any = np._NoValue
ndarray = np.ndarray
FLOATING = (np.floating, ndarray)


def axes_of(x: Array, axis: Axis) -> Shape:
    """The reduced axes, counted from the front.

    Raises
    ------
    numpy.exceptions.AxisError, ValueError
        For an axis that is not there, or given twice.
    """
    n = len(shape_of(x))
    if axis is None:
        return tuple(range(n))
    if n == 0 and axis in (0, -1):  # NumPy reduces a single number along either
        return ()
    if type(axis) is int:
        return (normalize_axis_index(axis, n),)
    return normalize_axis_tuple(axis, n)


def from_end(x: Array, axis: Axis) -> Shape:
    """The reduced axes, counted from the end."""
    return tuple([a - len(shape_of(x)) for a in axes_of(x, axis)])


def count(x: Array, axis: Axis) -> int:
    """How many elements each result was reduced from."""
    if axis is None:
        return x.size if hasattr(x, "size") else np.size(x)
    shape = shape_of(x)
    return math.prod([shape[a] for a in axes_of(x, axis)])


def kept(x: Array, axis: Axis) -> Shape:
    """The shape without the reduced axes."""
    if axis is None:
        return ()
    axes = axes_of(x, axis)
    return tuple([n for i, n in enumerate(shape_of(x)) if i not in axes])


def restore(g: Array, x: Array, axis: Axis) -> Array:
    """A reduced array with its reduced axes back, of length 1."""
    shape = shape_of(x)
    if len(shape_of(g)) == len(shape):
        return g
    if axis is None:
        return g if shape_of(g) == () else g.reshape((1,) * len(shape))
    axes = axes_of(x, axis)
    return g.reshape(tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def spread(g: Array, x: Array, axis: Axis) -> Array:
    """The gradient of a sum along ``axis``: ``g`` for every element of ``x``."""
    if type(x) is ndarray and x.size < 2**16 and isinstance(g, FLOATING):
        full = np.empty(x.shape, g.dtype)  # a view of stride 0 is slow to make and to read
        if type(g) is ndarray:
            full[...] = restore(g, x, axis)
        else:
            full.fill(g)
        return full
    return np.broadcast_to(restore(g, x, axis), shape_of(x))


def mask(g: Array, where: Array) -> Array:
    """``g`` where the elements took part, 0 elsewhere."""
    return g if where is True else np.where(where, g, 0)


def options(**given: Any) -> dict[str, Any]:
    """Keywords that were given, for NumPy functions that treat absence specially."""
    return {k: v for k, v in given.items() if v is not NoValue}


# --- sums and means --------------------------------------------------------------------


def sum_jvp(
    ts: Tangents,
    ans: Array,
    a: Array,
    axis: Axis = None,
    keepdims: Any = False,
    where: Array = True,
    **_: object,
) -> Array:
    """The sum of the tangents; ``initial`` is constant."""
    return np.sum(
        mask(ts[0], where), axis=from_end(a, axis), keepdims=bool(keepdims), dtype=ans.dtype
    )


def sum_rule(
    g: Array, ans: Array, a: Array, axis: Axis = None, where: Array = True, **_: object
) -> Array:
    return mask(spread(g, a, axis), where)


@primitive(np.sum, vjps=(sum_rule,), fresh=True, reduction=np.add, jvp=sum_jvp, complex=True)
def sum(
    a: Array,
    axis: Axis = None,
    dtype: DType = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Sum over ``axis``, as `numpy.sum`: every element gets the gradient of its sum.

    Derivative: ``da = dy`` at each element.

    Parameters
    ----------
    a : array_like, any shape
    axis : int or tuple of int, optional
        The axes summed over; all by default.
    dtype : dtype, optional
    keepdims : bool
        Keep the axes summed over, with length 1.
    initial : number, optional
    where : array_like of bool, broadcasting with ``a``
        The elements that take part.

    Returns
    -------
    The shape of ``a`` without the axes summed over.

    Raises
    ------
    numpy.exceptions.AxisError
        For an axis that ``a`` does not have.
    TypeError
        For ``out``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.sum(x, axis=0)[1])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 1.]])
    """
    if where is True and initial is NoValue:
        if type(a) is np.ndarray:
            if dtype is None:
                return summed(a, axis, bool(keepdims))
            return total(a, axis, dtype, None, bool(keepdims))
        return np.sum(a, axis=axis, dtype=dtype, keepdims=bool(keepdims))
    return np.sum(
        a, axis=axis, dtype=dtype, keepdims=bool(keepdims), **options(initial=initial), where=where
    )


def taking_part(a: Array, axis: Axis, where: Array) -> Array:
    """How many elements each mean is over, for every element."""
    if where is True:
        return count(a, axis)
    return np.sum(np.broadcast_to(where, np.shape(a)), axis=axis, keepdims=True)


def shared_out(x: Array, n: Array) -> Array:
    """``x / n``, also where float16 has no number as large as ``n``."""
    if isinstance(n, (int, float)) and n > 65504 and np.result_type(x) == np.float16:
        return x * (1 / n)
    return x / n


def mean_rule(
    g: Array, ans: Array, a: Array, axis: Axis = None, where: Array = True, **_: object
) -> Array:
    if where is True:
        return spread(shared_out(g, count(a, axis)), a, axis)
    share = restore(g, a, axis) / np.maximum(taking_part(a, axis, where), 1)
    return mask(np.broadcast_to(share, np.shape(a)), where)


@primitive(np.mean, vjps=(mean_rule,), fresh=True, linear="jointly", complex=True)
def mean(
    a: Array, axis: Axis = None, dtype: DType = None, *, keepdims: bool = False, where: Array = True
) -> Array:
    """Arithmetic mean over ``axis``, as `numpy.mean`.

    Derivative: ``da = dy / n`` at each of the n elements averaged over.

    Parameters
    ----------
    a : array_like, any shape
    axis : int or tuple of int, optional
        The axes averaged over; all by default.
    dtype : dtype, optional
    keepdims : bool
        Keep the axes averaged over, with length 1.
    where : array_like of bool, broadcasting with ``a``
        The elements that take part.

    Returns
    -------
    The shape of ``a`` without the axes averaged over.

    Raises
    ------
    numpy.exceptions.AxisError
        For an axis that ``a`` does not have.
    TypeError
        For ``out``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.mean)(np.array([1.0, 2.0, 3.0, 4.0]))
    array([0.25, 0.25, 0.25, 0.25])
    """
    if where is not True:
        return np.mean(a, axis=axis, dtype=dtype, keepdims=bool(keepdims), where=where)
    if type(a) is np.ndarray and dtype is None and a.dtype.char in "df" and a.size:
        return summed(a, axis, bool(keepdims)) / count(a, axis)
    return np.mean(a, axis=axis, dtype=dtype, keepdims=bool(keepdims))


def trusted(a: Array) -> Array:
    """1 where ``a`` is a number, 0 where it is NaN."""
    return ~np.isnan(a)


@composed(np.nansum, complex=True)
def nansum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Sum over ``axis`` of the elements that are not NaN, as `numpy.nansum`.

    Derivative: ``dy`` at each element that is not NaN, 0 at those that are.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nansum)(np.array([1.0, np.nan]))
    array([1., 0.])
    """
    return sum(
        np.where(trusted(a), a, 0), axis=axis, dtype=dtype, keepdims=keepdims,
        **options(initial=initial), where=where,
    )  # fmt: skip


@composed(np.nanmean, complex=True)
def nanmean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    *,
    keepdims: bool = False,
    where: Array = True,
) -> Array:
    """Mean over ``axis`` of the elements that are not NaN, as `numpy.nanmean`.

    Derivative: ``dy / n`` at each of the n elements that are not NaN, 0 at those that are.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanmean)(np.array([1.0, np.nan, 3.0]))
    array([0.5, 0. , 0.5])
    """
    keep = trusted(a)
    return mean(np.where(keep, a, 0), axis=axis, dtype=dtype, keepdims=keepdims, where=keep & where)


@composed(np.average, complex=True)
def average(
    a: ArrayLike,
    axis: Axis = None,
    weights: ArrayLike = None,
    returned: bool = False,
    *,
    keepdims: Any = False,
) -> Array:
    """Weighted mean, as `numpy.average`; the weights are differentiated too.

    Derivative: ``∂y/∂aᵢ = wᵢ / Σw`` and ``∂y/∂wᵢ = (aᵢ - y) / Σw``.

    Raises
    ------
    ValueError
        For weights of another shape than ``a``, or than the axes averaged over.
    ZeroDivisionError
        For weights that sum to zero.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.average)(np.array([1.0, 2.0]))
    array([0.5, 0.5])
    """
    if weights is None:
        ans = mean(a, axis=axis, keepdims=bool(keepdims))
        weight = np.full(np.shape(ans), float(count(a, axis)))[()]
        return (ans, weight) if returned else ans
    if np.shape(weights) != np.shape(a):
        axes = axes_of(a, axis)
        if axis is None or np.shape(weights) != tuple(np.shape(a)[i] for i in axes):
            raise ValueError(
                f"average: weights {np.shape(weights)} must have the shape of a {np.shape(a)}, "
                "or that of the axes averaged over"
            )
        order = np.argsort(axes)
        weights = np.transpose(weights, tuple(order)) if len(axes) > 1 else weights
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(np.shape(a))])
        weights = np.broadcast_to(weights, np.shape(a))
    kinds = np.result_type(a), np.result_type(weights)
    kind = np.result_type(*kinds, *[float] * (kinds[0].kind in "iub"))
    weights = weights if kinds[1] == kind else np.multiply(weights, 1).astype(kind)
    weight = sum(weights, axis=axis, keepdims=bool(keepdims))
    if some(weight == 0):
        raise ZeroDivisionError("average: the weights sum to zero")
    ans = sum(a * weights, axis=axis, keepdims=bool(keepdims)) / weight
    return (ans, np.broadcast_to(weight, np.shape(ans))) if returned else ans


# --- products --------------------------------------------------------------------------


def others(x: Array, axis: int) -> Array:
    """Product of all *other* elements along ``axis``: right with zeros among them."""
    if x.shape[axis] == 0:
        return x
    ones = np.ones_like(np.take(x, [0], axis=axis))
    head = np.take(x, range(x.shape[axis] - 1), axis=axis)
    tail = np.flip(np.take(x, range(1, x.shape[axis]), axis=axis), axis)
    before = np.concatenate([ones, np.cumprod(head, axis=axis)], axis=axis)
    after = np.flip(np.concatenate([ones, np.cumprod(tail, axis=axis)], axis=axis), axis)
    return before * after


def prod_rule(
    g: Array,
    ans: Array,
    a: Array,
    axis: Axis = None,
    where: Array = True,
    initial: Array = NoValue,
    **_: object,
) -> Array:
    shape = np.shape(a)
    x = a if where is True else np.where(where, a, 1.0)
    axes = axes_of(a, axis)
    kept = [i for i in range(len(shape)) if i not in axes]
    flat = np.reshape(np.transpose(x, (*kept, *axes)), (*[shape[i] for i in kept], count(a, axis)))
    rest = np.reshape(others(flat, -1), [shape[i] for i in (*kept, *axes)])
    rest = np.transpose(rest, np.argsort((*kept, *axes)))
    if initial is not NoValue:
        rest = rest * initial
    return mask(restore(g, a, axis) * rest, where)


def has_no_zeros(a: Array, **_: object) -> bool:
    """Whether a product can be divided by each of its factors."""
    return bool(np.all((a != 0) & np.isfinite(a)))


@primitive(
    np.prod,
    vjps=(prod_rule,),
    regular=(
        has_no_zeros,
        lambda g, ans, a, axis=None, where=True, **_: mask(restore(g * ans, a, axis) / a, where),
    ),
    fresh=True,
    reduction=np.multiply,
    complex=True,
)
def prod(
    a: Array,
    axis: Axis = None,
    dtype: DType = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Product over ``axis``, as `numpy.prod`; the gradient is right with zeros too.

    Derivative: the product of the other elements.

    Parameters
    ----------
    a : array_like, any shape
    axis : int or tuple of int, optional
        The axes multiplied over; all by default.
    dtype : dtype, optional
    keepdims : bool
        Keep the axes multiplied over, with length 1.
    initial : number, optional
    where : array_like of bool, broadcasting with ``a``
        The elements that take part.

    Returns
    -------
    The shape of ``a`` without the axes multiplied over.

    Raises
    ------
    numpy.exceptions.AxisError
        For an axis that ``a`` does not have.
    TypeError
        For ``out``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.prod)(np.array([0.0, 2.0, 3.0]))
    array([6., 0., 0.])
    """
    return np.prod(
        a, axis=axis, dtype=dtype, keepdims=bool(keepdims), **options(initial=initial), where=where
    )


# --- plain answers ---------------------------------------------------------------------

argmax: Op = plain(np.argmax, 1)
argmin: Op = plain(np.argmin, 1)
nanargmax: Op = plain(np.nanargmax, 1)
nanargmin: Op = plain(np.nanargmin, 1)
any: Op = plain(np.any, 1, reduction=np.logical_or, complex=True)
all: Op = plain(np.all, 1, reduction=np.logical_and, complex=True)
count_nonzero: Op = plain(np.count_nonzero, 1, complex=True)
argsort: Op = plain(np.argsort, 1)
argpartition: Op = plain(np.argpartition, 1)
nonzero: Op = plain(np.nonzero, dynamic=True, complex=True)
flatnonzero: Op = plain(np.flatnonzero, dynamic=True, complex=True)
argwhere: Op = plain(np.argwhere, dynamic=True, complex=True)
searchsorted: Op = plain(np.searchsorted)
digitize: Op = plain(np.digitize)
lexsort: Op = plain(np.lexsort)
isin: Op = plain(np.isin)
