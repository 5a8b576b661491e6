"""Joining arrays and splitting them: each undoes the other's gradient."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.record import ArrayLike, Op, composed, primitive
from minigrad.ops.shape import arrayed, atleast_1d, atleast_2d, atleast_3d, firm, reshape
from minigrad.typing import Array

MANY = 128
"""Arrays joined at once; more are joined in groups, as each looks for its place among them."""


# --- joining ---------------------------------------------------------------------------


def concatenate_rule(g: Array, ans: Array, *arrays: Array, argnum: int, axis: int = 0) -> Array:
    """Each array gets its own stretch of the gradient."""
    k = normalize_axis_index(axis, len(g.shape))
    start = sum([a.shape[k] for a in arrays[:argnum]])
    return g[(slice(None),) * k + (slice(start, start + arrays[argnum].shape[k]),)]


@primitive(vjps=concatenate_rule, name="concatenate", fresh=True, linear="jointly", complex=True)
def joined(*arrays: Array, axis: int = 0) -> Array:
    """concatenate(arrays, axis): arrays joined along an axis that they have."""
    return np.concatenate(arrays, axis=axis)


def in_groups(op: Op, arrays: list[Array], axis: int) -> Array:
    """``op`` of any number of arrays, in time linear in their number."""
    if len(arrays) <= MANY:
        return op(*arrays, axis=axis)
    starts = range(0, len(arrays), MANY)
    return concatenate([op(*arrays[i : i + MANY], axis=axis) for i in starts], axis)


@composed(np.concatenate, complex=True)
def concatenate(arrays: Array, axis: int | None = 0) -> Array:
    """Arrays joined along ``axis`` (all elements, if None), as `numpy.concatenate`.

    Derivative: each array gets the part of ``dy`` that it became.

    Parameters
    ----------
    arrays : sequence of array_like
        Of equal shapes, except along ``axis``.
    axis : int or None

    Returns
    -------
    The shape of the arrays, their lengths along ``axis`` added up.

    Raises
    ------
    ValueError
        When shapes differ along another axis.
    numpy.exceptions.AxisError
        For an axis that the arrays do not have.
    TypeError
        For ``out``, ``dtype`` and ``casting``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([1.0, 2.0])
    >>> mg.grad(lambda x: (mg.concatenate([x, np.ones(1), x]) * [1, 2, 3, 4, 5]).sum())(x)
    array([5., 7.])
    """
    arrays = list(arrays)
    if axis is None:  # only so NumPy lets Python's numbers take the others' precision
        arrays = [a if type(a) in (int, float, complex) else arrayed(a) for a in arrays]
        kinds = [(np.ndim(a), a.dtype) for a in arrays if hasattr(a, "dtype")]
        firm = [dtype for n, dtype in kinds if n or dtype != np.float64]  # a double may be Python's
        one = np.ones(1, np.result_type(*firm) if firm else bool)
        arrays = [reshape(a, -1) if np.ndim(a) else a * one for a in arrays]
        axis = 0
    return in_groups(joined, arrays, axis)


concat = concatenate


@primitive(
    vjps=lambda g, ans, *arrays, argnum, axis=0: g[(slice(None),) * (axis % g.ndim) + (argnum,)],
    name="stack",
    fresh=True,
    linear="jointly",
    complex=True,
)
def layered(*arrays: Array, axis: int = 0) -> Array:
    """stack(arrays, axis): arrays of one shape joined along a new axis."""
    kinds = {*map(type, arrays)}
    if axis in (0, -1) and kinds == {np.float64}:  # a fifth of the time
        return np.array(arrays)
    shapes = {a.shape for a in arrays} if kinds == {np.ndarray} else ()
    if len(shapes) == 1 and 0 <= axis <= arrays[0].ndim:  # half
        place = (*[slice(None)] * int(axis), None)
        return np.concatenate([a[place] for a in arrays], axis)
    return np.stack(arrays, axis=axis)


@composed(np.stack, complex=True)
def stack(arrays: Array, axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis, as `numpy.stack`.

    Derivative: each array gets the slice of ``dy`` that it became.

    Parameters
    ----------
    arrays : sequence of array_like, all of one shape
    axis : int
        Where the new axis stands in the result.

    Returns
    -------
    The shape of the arrays, with their number inserted at ``axis``.

    Raises
    ------
    ValueError
        When shapes differ.
    numpy.exceptions.AxisError
        For an axis beyond those of the result.
    TypeError
        For ``out``, ``dtype`` and ``casting``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.stack([x, x**2])[1].sum())(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return in_groups(layered, list(arrays), axis)


@composed(np.vstack, complex=True)
def vstack(tup: Array) -> Array:
    """Arrays below each other, vectors as rows, as `numpy.vstack`.

    Derivative: each array gets the rows of ``dy`` that it became.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.vstack([mg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 2.],
            [3., 4.]])
    """
    return concatenate([atleast_2d(a) for a in tup])


@composed(np.hstack, complex=True)
def hstack(tup: Array) -> Array:
    """Arrays beside each other, as `numpy.hstack`.

    Derivative: each array gets the part of ``dy`` that it became.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.hstack([mg.Tensor([1.0, 2.0]), 3.0])
    Tensor([1., 2., 3.])
    """
    arrays = [atleast_1d(a) for a in tup]
    return concatenate(arrays, 1 if arrays and np.ndim(arrays[0]) > 1 else 0)


@composed(np.dstack, complex=True)
def dstack(tup: Array) -> Array:
    """Arrays behind each other, as `numpy.dstack`.

    Derivative: each array gets the slices of ``dy`` that it became.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.dstack([mg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[[1., 3.],
             [2., 4.]]])
    """
    return concatenate([atleast_3d(a) for a in tup], 2)


@composed(np.column_stack, complex=True)
def column_stack(tup: Array) -> Array:
    """Arrays beside each other, vectors as columns, as `numpy.column_stack`.

    Derivative: each array gets the columns of ``dy`` that it became.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.column_stack([mg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 3.],
            [2., 4.]])
    """
    arrays = [arrayed(a) for a in tup]
    return concatenate([a if np.ndim(a) > 1 else reshape(a, (-1, 1)) for a in arrays], 1)


@composed(np.block, complex=True)
def block(arrays: Array) -> Array:
    """An array from nested lists of blocks, as `numpy.block`.

    Derivative: each block gets the part of ``dy`` where it stands.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> t = mg.Tensor([[2.0]])
    >>> mg.block([[t, np.zeros((1, 2))], [np.zeros((2, 1)), np.eye(2)]])
    Tensor([[2., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """
    ndims: list[int] = []
    depth = _depth(arrays, ndims)
    n = max(depth, *ndims)
    return _assembled(arrays, n - depth, n)


def _depth(x: Array, ndims: list[int]) -> int:
    """How deep ``x`` is nested; the ranks of its blocks are appended to ``ndims``."""
    if not isinstance(x, list):
        ndims.append(np.ndim(x))
        return 0
    depths = {_depth(v, ndims) for v in x}
    if len(depths) != 1:
        raise ValueError("block: the lists must be nested equally deep, and none may be empty")
    return 1 + depths.pop()


def _assembled(x: Array, axis: int, ndim: int) -> Array:
    if isinstance(x, list):
        return concatenate([_assembled(v, axis + 1, ndim) for v in x], axis)
    return reshape(x, (*[1] * (ndim - np.ndim(x)), *np.shape(x)))


@composed(np.append, complex=True)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """``values`` joined to the end of ``arr``, as `numpy.append`.

    Derivative: each part of ``dy`` goes back to the array it came from.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.append(mg.Tensor([1.0, 2.0]), 3.0)
    Tensor([1., 2., 3.])
    """
    return concatenate([firm(arr), firm(values)], axis)


# --- splitting -------------------------------------------------------------------------


@primitive(
    vjps=(lambda g, ans, ary, ends, axis: np.concatenate(g, axis),),
    name="array_split",
    view=True,
    linear="jointly",
    complex=True,
)
def pieces(ary: Array, ends: Sequence[int], axis: int) -> Array:
    """Consecutive stretches that end at ``ends``; the last is the rest."""
    front = (slice(None),) * axis
    return tuple(ary[(*front, slice(i, j))] for i, j in zip((0, *ends), (*ends, None), strict=True))


@composed(np.array_split, complex=True)
def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """A list of consecutive pieces, nearly equal or cut at indices, as `numpy.array_split`.

    Derivative: the gradients of the pieces, joined again.

    Raises
    ------
    ValueError
        For less than one piece.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.array_split(mg.Tensor([1.0, 2.0, 3.0]), 2)
    [Tensor([1., 2.]), Tensor([3.])]
    """
    axis = normalize_axis_index(axis, np.ndim(ary))
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"array_split: the number of pieces must be positive, not {sections}")
        size, longer = divmod(n, sections)
        ends = [size * i + min(i, longer) for i in range(1, sections)]
        return list(pieces(ary, ends=ends, axis=axis))
    cuts = [0, *[int(i) for i in indices_or_sections], None]
    ends = [slice(i).indices(n)[1] for i in cuts[1:-1]]
    if ends == sorted(ends):
        return list(pieces(ary, ends=ends, axis=axis))
    front = (slice(None),) * axis  # pieces overlap, where indices do not ascend
    return [ary[(*front, slice(i, j))] for i, j in pairwise(cuts)]


@composed(np.split, complex=True)
def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """A list of equal pieces, or pieces cut at indices, as `numpy.split`.

    Derivative: the gradients of the pieces, joined again.

    Raises
    ------
    ValueError
        Where the pieces would not be equal; `array_split` makes nearly equal ones.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.split(x, 2)[1].sum())(np.ones(4))
    array([0., 0., 1., 1.])
    """
    n = np.shape(ary)[normalize_axis_index(axis, np.ndim(ary))]
    if np.ndim(indices_or_sections) == 0 and indices_or_sections > 0 and n % indices_or_sections:
        raise ValueError(
            f"split: {n} elements along axis {axis} do not divide into {indices_or_sections} equal "
            "pieces; np.array_split makes nearly equal ones"
        )
    return array_split(ary, indices_or_sections, axis)


def split_along(
    name: str, ary: Array, indices_or_sections: int | Sequence[int], axis: int
) -> list[Array]:
    """`split` along a fixed axis, which must be there."""
    ary = arrayed(ary)
    if np.ndim(ary) <= axis:
        raise ValueError(f"{name} needs at least {axis + 1} axes, the shape is {np.shape(ary)}")
    return split(ary, indices_or_sections, axis)


@composed(np.vsplit, complex=True)
def vsplit(ary: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Pieces below each other, as `numpy.vsplit`.

    Derivative: the gradients of the pieces, joined again.

    Raises
    ------
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.vsplit(mg.Tensor([[1.0], [2.0]]), 2)
    [Tensor([[1.]]), Tensor([[2.]])]
    """
    if np.ndim(ary) < 2:
        raise ValueError(f"vsplit needs at least 2 axes, the shape is {np.shape(ary)}")
    return split_along("vsplit", ary, indices_or_sections, 0)


@composed(np.hsplit, complex=True)
def hsplit(ary: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Pieces beside each other, as `numpy.hsplit`.

    Derivative: the gradients of the pieces, joined again.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.hsplit(mg.Tensor([1.0, 2.0]), 2)
    [Tensor([1.]), Tensor([2.])]
    """
    return split_along("hsplit", ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


@composed(np.dsplit, complex=True)
def dsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Pieces behind each other, as `numpy.dsplit`.

    Derivative: the gradients of the pieces, joined again.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.dsplit(mg.Tensor([[[1.0, 2.0]]]), 2)
    [Tensor([[[1.]]]), Tensor([[[2.]]])]
    """
    return split_along("dsplit", ary, indices_or_sections, 2)


@primitive(
    *([np.unstack] if hasattr(np, "unstack") else []),
    vjps=(lambda g, ans, x, axis=0: np.stack(g, axis),),
    view=True,
    linear="jointly",
    complex=True,
)
def unstack(x: Array, *, axis: int = 0) -> Array:
    """A tuple of the slices along ``axis``, as `numpy.unstack`.

    Derivative: the gradients of the slices, stacked again.

    Raises
    ------
    ValueError
        For a single number.
    """
    if np.ndim(x) == 0:
        raise ValueError("a single number cannot be unstacked")
    return tuple(np.moveaxis(x, axis, 0) if axis else x)
