"""Sets of numbers: which elements there are is found in plain NumPy, and gathered."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.ops.indexing import take
from minigrad.ops.record import ArrayLike, Op, composed
from minigrad.ops.reduction import axes_of
from minigrad.ops.shape import ravel
from minigrad.typing import Array, Axis


@composed(np.unique)
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Array:
    """The different elements (or slices along ``axis``), ascending, as `numpy.unique`.

    Derivative: ``dy`` goes to the first of the equal elements.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.unique(x).sum())(np.array([3.0, 1.0, 3.0]))
    array([1., 1., 0.])
    """
    a = ravel(ar) if axis is None else ar
    first, inverse, counts = distinct(ar, axis=axis, equal_nan=equal_nan)
    ans = (take(a, first, 0 if axis is None else axis),)
    asked = ((return_index, first), (return_inverse, inverse), (return_counts, counts))
    ans += tuple(part for wanted, part in asked if wanted)
    return ans if len(ans) > 1 else ans[0]


def _distinct(ar: Array, axis: Any, equal_nan: bool) -> Array:
    return np.unique(ar, True, True, True, axis, equal_nan=equal_nan)[1:]


distinct: Op = Op("unique", _distinct, None, arity=1, fresh=True, dynamic=True)


class UniqueAllResult(NamedTuple):
    """The different elements, where each is first, what each element is, and how many there are."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """The different elements, and how many there are of each."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """The different elements, and which of them each element is."""

    values: Array
    inverse_indices: Array


@composed(*([np.unique_all] if hasattr(np, "unique_all") else []))
def unique_all(x: ArrayLike) -> Array:
    """`unique` with all that it can tell, as `numpy.unique_all`.

    Derivative: of the values: ``dy`` goes to the first of the equal elements; the rest are whole
    numbers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.unique_all(np.array([3.0, 1.0, 3.0])).counts
    array([1, 2])
    """
    values, indices, inverse, counts = unique(x, True, True, True, equal_nan=False)
    return UniqueAllResult(values, indices, np.reshape(inverse, np.shape(x)), counts)


@composed(*([np.unique_counts] if hasattr(np, "unique_counts") else []))
def unique_counts(x: ArrayLike) -> Array:
    """The different elements and their numbers, as `numpy.unique_counts`.

    Derivative: of the values: ``dy`` goes to the first of the equal elements.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.unique_counts(np.array([3.0, 1.0, 3.0])).values
    array([1., 3.])
    """
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@composed(*([np.unique_inverse] if hasattr(np, "unique_inverse") else []))
def unique_inverse(x: ArrayLike) -> Array:
    """The different elements and which each element is, as `numpy.unique_inverse`.

    Derivative: of the values: ``dy`` goes to the first of the equal elements.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.unique_inverse(np.array([3.0, 1.0, 3.0])).inverse_indices
    array([1, 0, 1])
    """
    values, inverse = unique(x, return_inverse=True, equal_nan=False)
    return UniqueInverseResult(values, np.reshape(inverse, np.shape(x)))


@composed(*([np.unique_values] if hasattr(np, "unique_values") else []))
def unique_values(x: ArrayLike) -> Array:
    """The different elements, ascending, as `numpy.unique_values` (whose order may differ).

    Derivative: ``dy`` goes to the first of the equal elements.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.unique_values(np.array([3.0, 1.0, 3.0]))
    array([1., 3.])
    """
    return unique(x, equal_nan=False)


@composed(np.union1d)
def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Array:
    """The different elements of both, as `numpy.union1d`; equal ones are the first array's.

    Derivative: ``dy`` goes to the elements that are returned, 0 to the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.union1d(np.array([3.0, 1.0]), np.array([2.0, 3.0]))
    array([1., 2., 3.])
    """
    return unique(np.concatenate([ravel(ar1), ravel(ar2)]))


def _common(ar1: Array, ar2: Array, assume_unique: bool) -> Array:
    return np.intersect1d(ar1, ar2, assume_unique, return_indices=True)[1:]


common: Op = Op("intersect1d", _common, None, arity=2, fresh=True, dynamic=True)


@composed(np.intersect1d)
def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False
) -> Array:
    """The elements that are in both, as `numpy.intersect1d`; they are the first array's.

    Derivative: ``dy`` goes to the first array's elements that are returned, 0 to the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.intersect1d(x, [2.0, 3.0]).sum())(np.array([3.0, 1.0]))
    array([1., 0.])
    """
    first, second = ravel(ar1), ravel(ar2)
    i, j = common(first, second, assume_unique=assume_unique)
    first = first.astype(np.result_type(first, second))
    return (first[i], i, j) if return_indices else first[i]


@composed(np.setdiff1d)
def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """The different elements of the first that are not in the second, as `numpy.setdiff1d`.

    Derivative: ``dy`` goes to the elements that are returned, 0 to the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.setdiff1d(np.array([3.0, 1.0]), np.array([2.0, 3.0]))
    array([1.])
    """
    first = ravel(ar1)
    first = first if assume_unique else unique(first)
    return first[np.isin(first, ar2, invert=True)]


@composed(np.setxor1d)
def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """The elements that are in one of the two only, as `numpy.setxor1d`.

    Derivative: ``dy`` goes to the elements that are returned, 0 to the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.setxor1d(np.array([3.0, 1.0]), np.array([2.0, 3.0]))
    array([1., 2.])
    """
    first, second = ravel(ar1), ravel(ar2)
    if not assume_unique:
        first, second = unique(first), unique(second)
    alone = first[np.isin(first, second, invert=True)], second[np.isin(second, first, invert=True)]
    return np.sort(np.concatenate(alone))


@composed(np.trim_zeros, complex=True)
def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: Axis = None) -> Array:
    """An array without the zeros in front (``"f"``) and at its end (``"b"``), as NumPy's.

    Derivative: ``dy`` at the elements that stayed, 0 at those cut off.

    Raises
    ------
    ValueError
        For a ``trim`` of other letters.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.trim_zeros(np.array([0.0, 1.0, 2.0, 0.0]))
    array([1., 2.])
    """
    sides = trim.lower()
    if sides not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim_zeros: trim must be made of 'f' and 'b', not {trim!r}")
    places = np.nonzero(np.atleast_1d(filt))
    index = [slice(None)] * np.ndim(filt)
    for i in axes_of(filt, axis):
        n, taken = np.shape(filt)[i], places[i]
        first = np.min(taken, initial=n) if "f" in sides else 0
        end = np.max(taken + 1, initial=0) if "b" in sides else n
        index[i] = slice(first, end) if len(taken) else slice(0)
    return filt[tuple(index)]
