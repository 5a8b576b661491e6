"""Indexing and selection: the gradient goes back to where the elements came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.order import moveaxis
from minigrad.ops.record import ArrayLike, Op, composed, plain, primitive, refuse_keyword
from minigrad.ops.shape import arrayed, broadcast_to, expand_dims, ravel, reshape, speaks_numpy
from minigrad.typing import Array, Function, Index, Shape

# --- indices ---------------------------------------------------------------------------

_BASIC = (int, slice, np.integer, np.bool_, type(None), type(Ellipsis))


def is_basic(index: Index) -> bool:
    """Whether ``index`` has no arrays in it, and so selects every element at most once."""
    if type(index) is tuple:
        return all(isinstance(part, _BASIC) for part in index)
    return isinstance(index, _BASIC)


def one_entry(index: Index, shape: Shape) -> Shape | None:
    """The place of the only element that ``index`` selects of ``shape``; None for all others.

    Examples
    --------
    >>> one_entry((0, -1), (2, 3)), one_entry(0, (2, 3))
    ((0, 2), None)
    """
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) != len(shape) or not all(type(p) is int for p in parts):
        return None
    return tuple(p % n for p, n in zip(parts, shape, strict=True))


def selects_once(index: Index) -> bool:
    """Whether ``index`` selects no element twice: basic ones, boolean masks, and both."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        isinstance(p, _BASIC) or (hasattr(p, "dtype") and p.dtype.kind == "b") for p in parts
    )


def renames_axes(index: Index) -> bool:
    """Whether ``index`` selects everything, and at most puts axes of length 1 between."""
    for part in index if type(index) is tuple else (index,):
        if part is not None and part is not Ellipsis and (type(part) is not slice or part != WHOLE):
            return False
    return True


WHOLE = slice(None)


def takes_one_axis(part: Index) -> bool:
    """Whether a part of an index stands for one axis: a place, a range, or an array of places."""
    if isinstance(part, np.ndarray):
        return part.dtype.kind in "iu"
    return isinstance(part, slice | int | np.integer) and type(part) is not bool


def as_slice(part: Index) -> Array:
    """An integer index as a slice of length 1."""
    return slice(part, part + 1 or None) if isinstance(part, int | np.integer) else part


def settle_index(index: Index) -> Array:
    """``index`` with arrays of its own, which nobody else can alter."""
    if isinstance(index, tuple):
        return tuple([settle_index(part) for part in index])
    if isinstance(index, list) and not index:
        return np.zeros(0, np.intp)
    if isinstance(index, list | np.ndarray):
        index = np.array(index)
        index.setflags(write=False)
    return index


settled: Op = Op(
    "index", settle_index, None, complex=True
)  # an op, so that Tensors in an index become arrays


def getitem_rule(g: Array, ans: Array, a: Array, index: Index) -> Array:
    """The gradient goes back to where the elements came from."""
    if type(index) is not int and renames_axes(index):
        return g.reshape(a.shape)
    put = scatter.forward if type(g) is type(a) is np.ndarray else scatter
    return put(g, shape=a.shape, index=index)


@primitive(vjps=(getitem_rule,), name="getitem", view=True, linear="jointly", complex=True)
def elements(a: Array, index: Index) -> Array:
    """getitem(a, index): ``a[index]``, with an index of plain arrays."""
    return a[index]


@primitive(
    vjps=(lambda g, ans, values, shape, index: elements(g, index=index),),
    fresh=True,
    linear="jointly",
    complex=True,
)
def scatter(values: Array, shape: Shape, index: Index) -> Array:
    """Zeros of ``shape`` with ``values`` added at ``index``; repeated indices accumulate.

    Derivative: ``dvalues = dy[index]``.
    """
    if speaks_numpy(values):
        out = np.zeros_like(values, shape=shape)
        if is_basic(index):  # not every library can assign to all of them: slices will do
            index = tuple(as_slice(p) for p in np.index_exp[index] if p is not None)
            values = values.reshape(out[index].shape)
    else:
        out = np.zeros(shape, values.dtype)
    if selects_once(index):
        out[index] = values
    else:
        at(np.add, out, index, values)
    return out


MANY = 1000
"""Numbers from which on it pays to compute where each of them goes."""


def at(ufunc: np.ufunc, out: Array, index: Index, values: Array) -> Array:
    """``ufunc.at(out, index, values)``, of many rows by the places of their numbers.

    NumPy takes the numbers of a flat array, one by one, five times as fast as rows.
    """
    parts = index if type(index) is tuple else (index,)
    if type(out) is not np.ndarray or not out.flags.c_contiguous or np.size(values) < MANY:
        return ufunc.at(out, index, values)
    depth = len(parts) if all(map(takes_one_axis, parts)) else out.ndim
    outer, inner = out.shape[:depth], math.prod(out.shape[depth:])
    flat = out.ndim == depth == 1 == np.ndim(parts[0])
    if flat or math.prod(outer) > 2 * np.size(values):
        return ufunc.at(out, index, values)
    places = np.arange(math.prod(outer)).reshape(outer)[index]
    shape = places.shape + out.shape[depth:]
    if inner != 1:
        places = places[..., None] * inner + np.arange(inner)
    if np.shape(values) != shape:
        values = np.broadcast_to(values, shape)
    return ufunc.at(out.reshape(-1), places.reshape(-1), values.reshape(-1))


def selected(function: Function, *inputs: Array, where: Array, **options: Any) -> Array:
    """A ufunc computed ``where`` it shall be, 0 elsewhere: NumPy promises nothing there.

    Elsewhere it is not computed at all, so that what it would make there spoils no gradient.
    """
    for key, value in options.items():
        refuse_keyword("where", key, value)
    where = np.asarray(where)
    if where.dtype.kind != "b":
        raise TypeError(f"{function.__name__}: where= wants booleans, not {where.dtype}")
    arrays = [arrayed(x) for x in inputs]
    shape = np.broadcast_shapes(where.shape, *(np.shape(x) for x in arrays))
    mask = np.broadcast_to(where, shape)
    found = function(*(broadcast_to(x, shape)[mask] if np.ndim(x) else x for x in arrays))

    def placed(y: Array) -> Array:
        y = y if np.shape(y) == (np.sum(mask),) else broadcast_to(y, (int(np.sum(mask)),))
        return scatter(y, shape=shape, index=(mask,)) if shape else np.sum(y)

    return tuple(map(placed, found)) if isinstance(found, tuple) else placed(found)


@composed(shell=True, complex=True)
def getitem(a: Array, index: Index) -> Array:
    """``a[index]``: basic, boolean, integer-array and mixed indices, as NumPy's.

    Derivative: ``dy`` added up at the index, 0 elsewhere.

    Where indices repeat, the gradients add up.  Indices may be integer or boolean Tensors.

    Parameters
    ----------
    a : array_like
    index : index
        As between brackets.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: x[[0, 0, 2]].sum())(np.ones(3))
    array([2., 0., 1.])
    """
    if not is_basic(index):
        parts = index if type(index) is tuple else (index,)
        plain = all(type(p) is np.ndarray or isinstance(p, _BASIC) for p in parts)
        index = settle_index(index) if plain else settled(index)
    return elements(a, index=index)


# --- taking ----------------------------------------------------------------------------


def places_in(indices: Array) -> Array:
    """``indices`` as an array of integers (a Tensor of them stays one)."""
    index = arrayed(indices)
    if not speaks_numpy(index):
        index = np.asarray(index)
        return index.astype(np.intp, casting="same_kind" if index.size else "unsafe")
    if getattr(index, "requires_grad", False):
        raise TypeError("what requires a gradient is no index, as none flows through; use integers")
    if index.dtype.kind not in "iub":
        raise TypeError(f"indices must be integers, not {index.dtype}")
    return index.astype(np.intp) if index.dtype.kind == "b" else index


def in_range(index: Index, n: int, mode: str) -> Array:
    """``index`` into ``n`` elements, as ``mode`` asks: "raise", "wrap" or "clip"."""
    if mode == "wrap":
        return index % n
    if mode == "clip":
        return np.clip(index, 0, n - 1)
    if mode != "raise":
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    return index


def from_the_front(index: Array, n: int) -> Array:
    """Indices of which a program shall refuse negative ones: it knows them only as it runs."""
    if not speaks_numpy(index) or index.dtype.kind == "u":
        return index
    return np.where(index < 0, np.int64(n), index)  # n may be too large for their dtype


@composed(np.take, complex=True)
def take(a: ArrayLike, indices: Array, axis: int | None = None, *, mode: str = "raise") -> Array:
    """Elements of ``a`` (or its slices along ``axis``) at ``indices``, as `numpy.take`.

    Derivative: ``dy`` added up at ``indices``, 0 elsewhere.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.take(x, [1, 1, 0], axis=0).sum())(np.ones(3))
    array([1., 2., 0.])
    """
    if axis is None or (not np.ndim(a) and axis in (0, -1)):  # a number is an array of one
        a, axis = reshape(a, -1), 0
    axis = normalize_axis_index(axis, np.ndim(a))
    index = places_in(indices)
    n = np.shape(a)[axis]
    if mode != "raise":
        index = in_range(index, n, mode)
    if isinstance(index, np.ndarray) and not index.ndim:
        index = int(index)
    return getitem(a, (slice(None),) * axis + (index,))


@composed(np.take_along_axis, complex=True)
def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Array:
    """Elements that ``indices`` point to along ``axis``, as `numpy.take_along_axis`.

    Derivative: ``dy`` added up where ``indices`` point, 0 elsewhere.

    Raises
    ------
    ValueError
        For another number of axes.
    IndexError
        For indices that are no integers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([[3.0, 1.0], [2.0, 4.0]])
    >>> mg.grad(lambda x: mg.take_along_axis(x, np.array([[1], [0]]), 1).sum())(x)
    array([[0., 1.],
           [1., 0.]])
    """
    arr, index = arr, indices
    index = index if speaks_numpy(index) else np.asarray(index)
    if axis is None:
        arr, axis = reshape(arr, -1), 0
    if index.ndim != np.ndim(arr):
        raise ValueError(
            f"take_along_axis: the indices {index.shape} need as many axes as the array "
            f"{np.shape(arr)}"
        )
    if index.dtype.kind not in "iu":
        raise IndexError(f"take_along_axis: indices must be integers, not {index.dtype}")
    grid = list(np.ix_(*[np.arange(n) for n in np.shape(arr)]))
    grid[normalize_axis_index(axis, index.ndim)] = index
    return getitem(arr, tuple(grid))


@composed(np.compress, complex=True)
def compress(condition: Array, a: Array, axis: int | None = None) -> Array:
    """Slices along ``axis`` where ``condition`` holds, as `numpy.compress`.

    Derivative: ``dy`` at the slices that were taken, 0 elsewhere.

    Raises
    ------
    ValueError
        For a condition of several axes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.compress([False, True], x).sum())(np.ones(3))
    array([0., 1., 0.])
    """
    if np.ndim(condition) != 1:
        raise ValueError(f"compress: the condition must have one axis, not {np.ndim(condition)}")
    return take(a, np.flatnonzero(condition), axis)


@composed(np.extract, complex=True)
def extract(condition: Array, arr: Array) -> Array:
    """Elements where ``condition`` holds, in one axis, as `numpy.extract`.

    Derivative: ``dy`` at the elements that were taken, 0 elsewhere.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.extract(x > 1, x).sum())(np.array([1.0, 2.0, 3.0]))
    array([0., 1., 1.])
    """
    return take(arr, np.flatnonzero(condition))


def constant(name: str, x: Array, what: str) -> Array:
    """Indices or counts ``x`` that decide about a shape: in a program they are fixed."""
    x = settled(x)
    if speaks_numpy(x):
        raise TypeError(f"the shape of {name}() depends on values: take {what} that are constant")
    return x


@composed(np.delete, complex=True)
def delete(arr: ArrayLike, obj: Index, axis: int | None = None) -> Array:
    """All but the elements ``obj`` along ``axis``, as `numpy.delete`.

    Derivative: ``dy`` at the elements that stayed, 0 at those deleted.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.delete(x, 1).sum())(np.ones(3))
    array([1., 0., 1.])
    """
    arr = ravel(arr) if axis is None else arr
    axis = 0 if axis is None else axis
    n = np.shape(arr)[normalize_axis_index(axis, np.ndim(arr))]
    return take(arr, np.delete(np.arange(n), constant("delete", obj, "indices")), axis)


@composed(np.insert, complex=True)
def insert(arr: ArrayLike, obj: Index, values: ArrayLike, axis: int | None = None) -> Array:
    """``values`` put before the elements ``obj`` along ``axis``, as `numpy.insert`.

    Derivative: ``values`` gets the part of ``dy`` that it became, ``arr`` the rest.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.insert(np.ones(3), 1, mg.Tensor(5.0))
    Tensor([1., 5., 1., 1.])
    """
    obj = settled(obj)
    if not isinstance(obj, slice) and np.asarray(obj).dtype == np.bool_ and np.ndim(obj):
        obj = np.flatnonzero(obj)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis_index(axis, np.ndim(arr))
    shape = np.shape(arr)
    n, single = shape[axis], np.ndim(obj) == 0 and not isinstance(obj, slice)
    values = reshape(values, (*[1] * (len(shape) - np.ndim(values)), *np.shape(values)))
    if single:
        values = moveaxis(values, 0, axis)
        m = np.shape(values)[axis]
    else:
        m = np.arange(n)[obj].size if isinstance(obj, slice) else np.size(obj)
        m = np.shape(values)[axis] if m == 1 else m
    values = broadcast_to(values, (*shape[:axis], m, *shape[axis + 1 :]))
    places = np.insert(np.arange(n), obj, np.arange(n, n + m))
    return take(np.concatenate([arr, values.astype(np.result_type(arr))], axis), places, axis)


@composed(np.bincount, complex=True)
def bincount(x: Array, /, weights: ArrayLike = None, minlength: int = 0) -> Array:
    """Sums of the weights of equal integers, as `numpy.bincount`.

    Derivative: by the weights: ``dweights = dy[x]``; the integers are constants.

    Raises
    ------
    ValueError
        For weights of another shape than ``x``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda w: mg.bincount([0, 2, 2], w)[2])(np.ones(3))
    array([0., 1., 1.])
    """
    x = constant("bincount", x, "numbers")
    counts = np.bincount(x, minlength=minlength)
    if weights is None:
        return counts
    weights = np.multiply(weights, np.float64(1))
    if np.shape(weights) != np.shape(x):
        raise ValueError(
            f"bincount: weights {np.shape(weights)} must have the shape of x {np.shape(x)}"
        )
    return scatter(weights, shape=np.shape(counts), index=np.asarray(x, np.intp))


@composed(np.repeat, complex=True)
def repeat(a: ArrayLike, repeats: Array, axis: int | None = None) -> Array:
    """Each element (or slice along ``axis``) several times in a row, as `numpy.repeat`.

    Derivative: the sum of ``dy`` over the copies of each element.

    Raises
    ------
    ValueError
        For another number of counts than of elements.
    TypeError
        For counts that are differentiated.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.repeat(x, [1, 3]).sum())(np.ones(2))
    array([1., 3.])
    """
    times = constant("repeat", repeats, "counts")
    if axis is None or (not np.ndim(a) and axis in (0, -1)):
        a, axis = ravel(a), None
    axis = 0 if axis is None else normalize_axis_index(axis, np.ndim(a))
    shape = np.shape(a)
    if np.ndim(times):
        if np.size(times) not in (1, shape[axis]):
            raise ValueError(
                f"repeat: {np.size(times)} counts for the {shape[axis]} elements along axis {axis}"
            )
        return take(a, np.repeat(np.arange(shape[axis]), times), axis)
    head, tail = shape[: axis + 1], shape[axis + 1 :]
    wide = broadcast_to(expand_dims(a, axis + 1), (*head, times, *tail))
    return reshape(wide, (*head[:-1], head[-1] * times, *tail))


@composed(np.resize, complex=True)
def resize(a: Array, new_shape: int | Sequence[int]) -> Array:
    """A new shape filled with the elements, over and over if need be, as `numpy.resize`.

    Derivative: the sum of ``dy`` over the places that each element fills.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.resize(x, 5).sum())(np.ones(3))
    array([2., 2., 1.])
    """
    a = ravel(a)
    places = np.arange(np.empty(new_shape, bool).size).reshape(new_shape)
    if not np.size(a):
        return broadcast_to(0 * a.sum(), new_shape).astype(a.dtype)
    return take(a, places % np.size(a))


# --- plain answers ---------------------------------------------------------------------

diag_indices_from: Op = plain(np.diag_indices_from, 1)
tril_indices_from: Op = plain(np.tril_indices_from, 1)
triu_indices_from: Op = plain(np.triu_indices_from, 1)
ravel_multi_index: Op = plain(np.ravel_multi_index)
unravel_index: Op = plain(np.unravel_index)
