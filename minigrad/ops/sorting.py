"""Order: sorted elements, and the extremes so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.indexing import take_along_axis
from minigrad.ops.record import ArrayLike, Op, composed, primitive
from minigrad.ops.shape import ravel
from minigrad.typing import Array, Tangents


def sort_rule(g: Array, ans: Array, a: Array, axis: int | None = -1, **_: object) -> Array:
    """Each element gets the gradient of the place that it was sorted to."""
    if axis is None:
        return np.reshape(sort_rule(g, ans, np.reshape(a, -1)), np.shape(a))
    places = np.argsort(np.argsort(a, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(g, places, axis)


def sort_jvp(ts: Tangents, ans: Array, a: Array, axis: int | None = -1, **_: object) -> Array:
    """The tangents in the order of the elements."""
    t, n = ts[0], np.ndim(a)
    order = np.argsort(a, axis=axis, kind="stable")
    if axis is None:
        return np.reshape(t, (*np.shape(t)[: np.ndim(t) - n], -1))[..., order]
    order = np.broadcast_to(order, np.shape(t))
    return np.take_along_axis(t, order, axis if axis < 0 else axis - n)


@primitive(np.sort, vjps=(sort_rule,), fresh=True, jvp=sort_jvp)
def sort(a: Array, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Array:
    """Elements in ascending order along ``axis``, as `numpy.sort`.

    Derivative: ``dy`` goes back to where each element came from.
    """
    return np.sort(a, axis, kind, stable=stable)


@composed(np.partition)
def partition(a: ArrayLike, kth: Array, axis: int | None = -1, kind: str = "introselect") -> Array:
    """The ``kth`` smallest element in its place, smaller ones before, as `numpy.partition`.

    Derivative: ``dy`` goes back to where each element came from.

    Raises
    ------
    ValueError
        For another ``kind``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.partition(x, 1)[1])(np.array([3.0, 1.0, 2.0]))
    array([0., 0., 1.])
    """
    if kind != "introselect":
        raise ValueError(f"partition: kind must be 'introselect', not {kind!r}")
    a = ravel(a) if axis is None else a
    axis = 0 if axis is None else axis
    return take_along_axis(a, np.argpartition(a, kth, axis), axis)


def first_extreme(a: Array, axis: int, extreme: str) -> Array:
    """Where the running extreme along ``axis`` was first reached; a NaN is one for good."""
    running = np.moveaxis(getattr(np, extreme).accumulate(a, axis), axis, 0)
    moved = np.zeros(running.shape, bool)
    moved[1:] = (running[1:] != running[:-1]) & ~np.isnan(running[:-1])
    places = np.arange(len(running)).reshape((-1, *[1] * (running.ndim - 1)))
    return np.moveaxis(np.maximum.accumulate(np.where(moved, places, 0), 0), 0, axis)


running_extreme: Op = Op("running_extreme", first_extreme, None, fresh=True)


@composed((np.maximum, "accumulate"))
def cummax(a: ArrayLike, axis: int = 0) -> Array:
    """Running maximum along ``axis``, as ``numpy.maximum.accumulate``; ties go to the first.

    Derivative: ``dy`` of every place goes to the element that is the maximum there.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.cummax(x).sum())(np.array([1.0, 3.0, 2.0]))
    array([1., 2., 0.])
    """
    return running("cummax", "maximum", a, axis)


@composed((np.minimum, "accumulate"))
def cummin(a: ArrayLike, axis: int = 0) -> Array:
    """Running minimum along ``axis``, as ``numpy.minimum.accumulate``; ties go to the first.

    Derivative: ``dy`` of every place goes to the element that is the minimum there.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.cummin(x).sum())(np.array([1.0, 3.0, 0.0]))
    array([2., 0., 1.])
    """
    return running("cummin", "minimum", a, axis)


def running(name: str, extreme: str, a: Array, axis: int) -> Array:
    """Running extremes, taken from the places where they were first reached."""
    if axis is None:
        raise ValueError(f"{name}: the axis must be an integer, not None")
    return take_along_axis(a, running_extreme(a, axis=axis, extreme=extreme), axis)
