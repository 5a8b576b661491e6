"""Axes and elements in another order: what undoes that, undoes it for the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.typing import Array, Axis, Shape

# --- axes in another order -------------------------------------------------------------


def inverse(axes: Any) -> Shape:
    """The permutation that undoes the permutation ``axes``, whose entries may be negative."""
    order = [i % len(axes) for i in axes]
    return tuple(sorted(range(len(axes)), key=order.__getitem__))


@primitive(
    np.transpose,
    np.permute_dims,
    vjps=(
        lambda g, ans, a, axes=None, **_: np.transpose(
            g, None if axes is None else inverse(np.atleast_1d(axes))
        ),
    ),
    name="transpose",
    view=True,
    linear="jointly",
    complex=True,
)
def transpose(a: Array, axes: Axis = None) -> Array:
    """Axes permuted (reversed by default), as `numpy.transpose`.

    Derivative: ``dy`` with its axes permuted back.

    Parameters
    ----------
    a : array_like of n axes
    axes : sequence of n int, optional
        Which axis of ``a`` comes in each place.

    Returns
    -------
    ``a`` with the shape permuted.

    Raises
    ------
    ValueError, numpy.exceptions.AxisError
        When ``axes`` is no permutation of the axes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.transpose(mg.Tensor(np.ones((2, 3, 4))), (1, 0, 2)).shape
    (3, 2, 4)
    """
    return np.transpose(a, axes)


@primitive(
    np.swapaxes,
    vjps=(lambda g, ans, a, axis1, axis2: np.swapaxes(g, axis1, axis2),),
    view=True,
    linear="jointly",
    complex=True,
)
def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """Two axes exchanged, as `numpy.swapaxes`.

    Derivative: ``da = swapaxes(dy, axis1, axis2)``.
    """
    return np.swapaxes(a, axis1, axis2)


@primitive(
    np.moveaxis,
    vjps=(lambda g, ans, a, source, destination: np.moveaxis(g, destination, source),),
    view=True,
    linear="jointly",
    complex=True,
)
def moveaxis(a: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to other places, as `numpy.moveaxis`.

    Derivative: ``da = moveaxis(dy, destination, source)``.
    """
    return np.moveaxis(a, source, destination)


@composed(np.rollaxis, complex=True)
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """``axis`` moved back until it stands before ``start``, as `numpy.rollaxis`.

    Derivative: ``dy`` with the axis moved back.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.rollaxis(mg.Tensor(np.ones((2, 3, 4))), 2).shape
    (4, 2, 3)
    """
    n = np.ndim(a)
    axis = normalize_axis_index(axis, n)
    start = normalize_axis_index(start, n + 1) if start >= 0 else normalize_axis_index(start, n)
    return moveaxis(a, axis, start - 1 if axis < start else start)


# --- the same elements in another order ------------------------------------------------


def negated(shift: Any) -> Array:
    """The shift, or shifts, back."""
    return -shift if np.ndim(shift) == 0 else tuple(-s for s in shift)


@primitive(
    np.flip,
    vjps=(lambda g, ans, m, axis=None: np.flip(g, axis),),
    view=True,
    linear="jointly",
    complex=True,
)
def flip(m: Array, axis: Any = None) -> Array:
    """Elements in reverse order along ``axis`` (all by default), as `numpy.flip`.

    Derivative: ``dm = flip(dy)``: reversed once more.
    """
    return np.flip(m, axis)


def rolled(a: Array, shift: int | Sequence[int], axis: Axis) -> Array:
    """`numpy.roll`, which spends most of its time on preparing for several shifts."""
    axis = 0 if axis is None and len(a.shape) == 1 else axis
    if type(shift) is not int or type(axis) is not int or not -len(a.shape) <= axis < len(a.shape):
        return np.roll(a, shift, axis)
    axis %= len(a.shape)
    before = (slice(None),) * axis
    first = -shift % (a.shape[axis] or 1)
    parts = a[(*before, slice(first, None))], a[(*before, slice(None, first))]
    return np.concatenate(parts, axis)


@primitive(
    np.roll,
    vjps=(lambda g, ans, a, shift, axis=None: rolled(g, negated(shift), axis),),
    fresh=True,
    linear="jointly",
    complex=True,
)
def roll(a: Array, shift: int | Sequence[int], axis: Axis = None) -> Array:
    """Elements shifted along ``axis``, re-entering at the front, as `numpy.roll`.

    Derivative: ``da = roll(dy, -shift)``.
    """
    return rolled(a, shift, axis)


@primitive(
    np.rot90,
    vjps=(lambda g, ans, m, k=1, axes=(0, 1): np.rot90(g, -k, axes),),
    view=True,
    linear="jointly",
    complex=True,
)
def rot90(m: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Turned by ``k`` right angles in the plane of ``axes``, as `numpy.rot90`.

    Derivative: ``dm = rot90(dy, -k)``.
    """
    return np.rot90(m, k, axes)


@composed(np.fliplr, complex=True)
def fliplr(m: ArrayLike) -> Array:
    """Columns in reverse order, as `numpy.fliplr`.

    Derivative: ``dm = fliplr(dy)``.

    Raises
    ------
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.fliplr(mg.Tensor([[1.0, 2.0, 3.0]]))
    Tensor([[3., 2., 1.]])
    """
    if np.ndim(m) < 2:
        raise ValueError(f"fliplr needs at least two axes, the shape is {np.shape(m)}; use np.flip")
    return flip(m, 1)


@composed(np.flipud, complex=True)
def flipud(m: Array) -> Array:
    """Rows in reverse order, as `numpy.flipud`.

    Derivative: ``dm = flipud(dy)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.flipud(mg.Tensor([1.0, 2.0, 3.0]))
    Tensor([3., 2., 1.])
    """
    return flip(m, 0)
