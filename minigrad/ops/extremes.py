"""Extremes over axes: the gradient goes to the elements that are extreme, ties sharing it."""

from __future__ import annotations

import math

import numpy as np

from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.ops.reduction import NoValue, axes_of, count, from_end, options, restore
from minigrad.ops.shape import speaks_numpy
from minigrad.typing import Array, Axis, Tangents


def extreme_share(ans: Array, a: Array, axis: Axis, where: Array) -> Array:
    """The part of each element in the extreme, NaN being one; ties share evenly."""
    top = restore(ans, a, axis)
    hit = a == top
    unknown = top != top
    if speaks_numpy(unknown) or np.any(unknown):
        hit = hit | (unknown & (a != a))
    hit = hit & where
    ties = np.sum(hit, axis=axis, keepdims=True)
    return hit / np.maximum(ties, 1)


def extreme_rule(
    g: Array, ans: Array, a: Array, axis: Axis = None, where: Array = True, **_: object
) -> Array:
    """The gradient goes to the extreme elements; complex ones are ordered by their real parts."""
    return restore(g, a, axis) * extreme_share(ans, a, axis, where)


def extreme_jvp(
    ts: Tangents,
    ans: Array,
    a: Array,
    axis: Axis = None,
    keepdims: bool = False,
    where: Array = True,
    **_: object,
) -> Array:
    """The tangents of the extreme elements, ties averaged."""
    share = extreme_share(ans, a, axis, where)
    return np.sum(ts[0] * share, axis=from_end(a, axis), keepdims=bool(keepdims))


@primitive(
    np.max,
    np.amax,
    vjps=(extreme_rule,),
    name="max",
    fresh=True,
    reduction=np.maximum,
    jvp=extreme_jvp,
    complex=True,
)
def max(
    a: Array,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Largest element over ``axis``, as `numpy.max`; ties share the gradient evenly.

    Derivative: 1 at the largest element, 0 at the others.

    Parameters
    ----------
    a : array_like, any shape
    axis : int or tuple of int, optional
        The axes searched; all by default.
    keepdims : bool
        Keep the axes searched, with length 1.
    initial : number, optional
        The result is at least this.
    where : array_like of bool, broadcasting with ``a``
        The elements that take part; needs ``initial``.

    Returns
    -------
    The shape of ``a`` without the axes searched.  A NaN is the extreme of its axis.

    Raises
    ------
    ValueError
        For no elements and no ``initial``.
    numpy.exceptions.AxisError
        For an axis that ``a`` does not have.
    TypeError
        For ``out``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.max)(np.array([1.0, 3.0, 3.0]))
    array([0. , 0.5, 0.5])
    """
    given = options(initial=initial) | ({} if where is True else {"where": where})
    return np.max(a, axis=axis, keepdims=bool(keepdims), **given)


@primitive(
    np.min,
    np.amin,
    vjps=(extreme_rule,),
    name="min",
    fresh=True,
    reduction=np.minimum,
    jvp=extreme_jvp,
    complex=True,
)
def min(
    a: Array,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Smallest element over ``axis``, as `numpy.min`; ties share the gradient evenly.

    Derivative: 1 at the smallest element, 0 at the others.

    Parameters, shapes and errors are those of `max`; with ``initial``, at most that.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.min)(np.array([1.0, 3.0, 3.0]))
    array([1., 0., 0.])
    """
    given = options(initial=initial) | ({} if where is True else {"where": where})
    return np.min(a, axis=axis, keepdims=bool(keepdims), **given)


@composed(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Largest minus smallest element, as `numpy.ptp`.

    Derivative: 1 at the largest element, -1 at the smallest, shared evenly between equal ones.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.ptp)(np.array([1.0, 5.0, 2.0]))
    array([-1.,  1.,  0.])
    """
    return max(a, axis=axis, keepdims=keepdims) - min(a, axis=axis, keepdims=keepdims)


@composed(np.median)
def median(a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Middle element, or the mean of the two middle ones, as `numpy.median`.

    Derivative: 1 at the middle element, or ½ at the two middle ones; 0 elsewhere.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.median)(np.array([1.0, 5.0, 2.0, 8.0]))
    array([0. , 0.5, 0.5, 0. ])
    """
    shape, axes = np.shape(a), axes_of(a, axis)
    kept = [i for i in range(len(shape)) if i not in axes]
    n = count(a, axis)
    flat = np.reshape(np.transpose(a, (*kept, *axes)), (*[shape[i] for i in kept], n))
    middle = np.sort(flat, axis=-1)[..., (n - 1) // 2 : n // 2 + 1]
    ans = np.mean(middle, axis=-1)
    ans = np.where(np.any(np.isnan(flat), axis=-1), math.nan, ans)[()]
    return (
        np.reshape(ans, [1 if i in axes else n for i, n in enumerate(shape)]) if keepdims else ans
    )
