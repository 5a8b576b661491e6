"""Functions that move elements about: their rules move the gradient back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np

from minigrad.ops.record import ArrayLike, Documented, Op, composed, plain, primitive, register
from minigrad.ops.rows import summed
from minigrad.typing import Array, Axis, DType, Function, Shape, Sizes

# --- arrays from nested lists ----------------------------------------------------------


NUMPYS = (np.ndarray, np.generic)  # ready: a union would be made at every call


def speaks_numpy(x: Array) -> bool:
    """Whether ``x`` is a Tensor or another duck array, rather than NumPy's own."""
    return hasattr(type(x), "__array_function__") and not isinstance(x, NUMPYS)


def some(condition: Array) -> bool:
    """Whether it holds anywhere; False in a trace, where only a run will tell."""
    return not speaks_numpy(condition) and bool(np.any(condition))


def holds_tensor(x: Array) -> bool:
    """Whether a nested list contains a Tensor (or another duck array)."""
    return any(holds_tensor(v) if isinstance(v, list | tuple) else speaks_numpy(v) for v in x)


def shape_of(x: Array) -> Shape:
    """`numpy.shape`, which is slow to find its way to a Tensor."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


def arrayed(x: Array) -> Array:
    """``x``, or the array that a nested list stands for."""
    return array(x) if isinstance(x, list | tuple) else x


def firm(x: Array) -> Array:
    """``x`` for NumPy's functions that make arrays of Python's numbers, in a dtype of their own."""
    if isinstance(x, bool | int | float | complex):
        return np.asarray(x)[()]
    return x._firm() if hasattr(x, "_firm") else x


@composed(shell=True, complex=True)
def array(data: Array, dtype: DType = None) -> Array:
    """A Tensor from nested lists that contain Tensors; else an array, as `numpy.array`.

    Derivative: every Tensor in the lists gets the gradient of its own place.

    Parameters
    ----------
    data : array_like, or nested lists and tuples of Tensors
    dtype : dtype, optional

    Raises
    ------
    ValueError
        When the nested lists are ragged.

    Examples
    --------
    >>> import minigrad as mg
    >>> t = mg.Tensor(2.0, requires_grad=True)
    >>> mg.array([[t, 0], [0, t]]).sum().backward()
    >>> float(t.grad)
    2.0
    """
    if isinstance(data, list | tuple) and holds_tensor(data):
        parts = [arrayed(v) for v in data]
        shapes = sorted({np.shape(part) for part in parts})
        if len(shapes) > 1:
            words = " and ".join(map(str, shapes))
            raise ValueError(f"array: the nested lists are ragged: parts have shapes {words}")
        data = np.stack(parts)
    elif not speaks_numpy(data):
        return np.array(data, dtype)
    return data if dtype is None or data.dtype == dtype else data.astype(dtype)


# --- broadcasting ----------------------------------------------------------------------


def broadcasts(shape: Shape, to: Shape) -> bool:
    """Whether an array of ``shape`` broadcasts to shape ``to``."""
    extra = len(to) - len(shape)
    if extra >= 0 and to[extra:] == shape:
        return True
    return extra >= 0 and all(n in (1, m) for n, m in zip(shape, to[extra:], strict=True))


def unbroadcast(g: Array, shape: Shape) -> Array:
    """Sum ``g`` over the axes along which an array of ``shape`` was broadcast.

    Examples
    --------
    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> unbroadcast(np.ones((2, 3)), (2, 1)).shape
    (2, 1)
    """
    if shape == ():
        return summed(g)
    extra = len(g.shape) - len(shape)
    if g.shape[extra:] == shape:
        return summed(g, 0 if extra == 1 else tuple(range(extra)))
    pairs = enumerate(zip(shape, g.shape[extra:], strict=True), extra)
    g = summed(g, (*range(extra), *[i for i, (n, m) in pairs if n != m]))
    return g if g.shape == shape else g.reshape(shape)


@primitive(
    np.broadcast_to,
    vjps=(lambda g, ans, array, **_: unbroadcast(g, np.shape(array)),),
    view=True,
    linear="jointly",
    complex=True,
)
def broadcast_to(array: Array, shape: int | Sequence[int]) -> Array:
    """A read-only array of ``shape`` that repeats ``array``, as `numpy.broadcast_to`.

    Derivative: ``dy`` summed over the axes along which the array was repeated.
    """
    return np.broadcast_to(array, shape)


@composed(np.broadcast_arrays, complex=True)
def broadcast_arrays(*args: Array) -> tuple[Array, ...]:
    """All arrays broadcast against each other, as `numpy.broadcast_arrays`.

    Derivative: ``dy`` summed over the axes along which the array was repeated.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.broadcast_arrays(x, np.ones((4, 2)))[0].sum())(np.array([1.0, 2.0]))
    array([4., 4.])
    """
    arrays = [arrayed(a) for a in args]
    shape = np.broadcast_shapes(*[np.shape(a) for a in arrays])
    return tuple(a if np.shape(a) == shape != () else broadcast_to(a, shape) for a in arrays)


@composed(np.meshgrid, complex=True)
def meshgrid(*xi: Array, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Array:
    """Coordinates of a grid from those of its axes, as `numpy.meshgrid`.

    Derivative: ``dy`` summed over the axes along which the coordinates were repeated.

    Raises
    ------
    ValueError
        For another ``indexing``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.meshgrid(x, np.ones(5))[0].sum())(np.array([1.0, 2.0]))
    array([5., 5.])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    n = len(xi)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = [
        reshape(x, [-1 if i == axis else 1 for i in range(n)])
        for x, axis in zip(xi, order, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


def outer_of(op: Function, a: Array, b: Array) -> Array:
    """``op`` of every element of ``a`` with every element of ``b``: a ufunc's ``outer``."""
    a, b = arrayed(a), firm(arrayed(b))
    return op(reshape(a, (*np.shape(a), *[1] * np.ndim(b))), b)


# --- the same elements in another shape ------------------------------------------------


def reshape_back(g: Array, ans: Array, a: Array, *_: object, **__: Any) -> Array:
    """The rule of what changes the shape alone."""
    return np.reshape(g, np.shape(a))


def check_order(name: str, order: str) -> str:
    """Refuse what depends on how elements lie in memory, which is not part of a Tensor."""
    if order not in ("C", "F"):
        raise TypeError(
            f"{name}: order={order!r} is not supported (memory layout is not part of a Tensor; "
            "write 'C' or 'F')"
        )
    return order


class Reshape(Op):
    __doc__ = Documented("The record of `reshape`, which also takes the first index as fastest.")
    __signature__: Any = signature(lambda a, shape=None, order="C", *, newshape=None: a)

    def __call__(self, *args: Array, **kwargs: Any) -> Array:
        if len(args) > 2:
            args, kwargs = args[:2], {"order": args[2], **kwargs}
        order = kwargs.pop("order", "C")
        if check_order("reshape", order) == "C":
            return super().__call__(*args, **kwargs)
        a, *given = args
        shape = given[0] if given else kwargs.pop("shape", kwargs.pop("newshape", None))
        backwards = (shape,) if isinstance(shape, int) else tuple(shape)[::-1]
        return np.transpose(super().__call__(np.transpose(arrayed(a)), backwards, **kwargs))


def reshaped(a: Array, shape: Sizes = None, *, newshape: Sizes = None) -> Array:
    """The same elements in another shape, as `numpy.reshape`.

    Derivative: ``da = reshape(dy, shape(a))``.

    Parameters
    ----------
    a : array_like, any shape
    shape : int or tuple of int
        Of as many elements; one length may be -1, and follows from the others.
    order : {"C", "F"}
        Whether the last index is the fastest, or the first.
    newshape : int or tuple of int
        The old name of ``shape``.

    Returns
    -------
    The elements in ``shape``.

    Raises
    ------
    ValueError
        When the numbers of elements differ.
    TypeError
        For other orders, and for ``copy``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.reshape(mg.Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1))
    Tensor([[1., 2.],
            [3., 4.]])
    >>> mg.reshape(mg.Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1), order="F")
    Tensor([[1., 3.],
            [2., 4.]])
    """
    shape = newshape if shape is None else shape
    if shape is None:
        raise TypeError("the new shape is missing")
    return np.reshape(a, (shape,) if isinstance(shape, int) else shape)


reshape: Op = register(
    Reshape(
        "reshape",
        reshaped,
        (reshape_back,),
        doc=reshaped.__doc__,
        view=True,
        linear="jointly",
        complex=True,
    ),
    np.reshape,
)
reshape.places = ("a", "shape", "order")


@composed(np.ravel, complex=True)
def ravel(a: Array, order: str = "C") -> Array:
    """All elements in one axis, as `numpy.ravel`.

    Derivative: ``dy`` in the shape of the argument.

    Parameters
    ----------
    a : array_like
    order : {"C", "F"}
        Whether the last index is the fastest, or the first.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.ravel(x)[2])(np.ones((2, 2)))
    array([[0., 0.],
           [1., 0.]])
    """
    a = arrayed(a)
    return reshape(np.transpose(a) if check_order("ravel", order) == "F" else a, -1)


@primitive(np.squeeze, vjps=(reshape_back,), view=True, linear="jointly", complex=True)
def squeeze(a: Array, axis: Axis = None) -> Array:
    """Axes of length 1 removed, as `numpy.squeeze`.

    Derivative: ``da = reshape(dy, shape(a))``.
    """
    return np.squeeze(a, axis)


@primitive(np.expand_dims, vjps=(reshape_back,), view=True, linear="jointly", complex=True)
def expand_dims(a: Array, axis: int | Sequence[int]) -> Array:
    """Axes of length 1 inserted, as `numpy.expand_dims`.

    Derivative: ``dy`` without the new axes.
    """
    return np.expand_dims(a, axis)


def for_each(function: Callable[[Array], Array], arrays: tuple[Array, ...]) -> Array:
    """The result for one array, a tuple of results for several."""
    results = tuple(function(arrayed(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


@composed(np.atleast_1d, complex=True)
def atleast_1d(*arys: Array) -> Array:
    """Numbers as arrays of one axis, as `numpy.atleast_1d`; a tuple for several arguments.

    Derivative: ``dy`` in the shape of the argument.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.atleast_1d(mg.Tensor(2.0))
    Tensor([2.])
    """
    return for_each(lambda a: a if np.ndim(a) >= 1 else reshape(a, (1,)), arys)


@composed(np.atleast_2d, complex=True)
def atleast_2d(*arys: Array) -> Array:
    """Vectors as rows of a matrix, as `numpy.atleast_2d`; a tuple for several arguments.

    Derivative: ``dy`` in the shape of the argument.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.atleast_2d(mg.Tensor([2.0, 3.0])).shape
    (1, 2)
    """
    return for_each(lambda a: a if np.ndim(a) >= 2 else reshape(a, (1, -1)), arys)


@composed(np.atleast_3d, complex=True)
def atleast_3d(*arys: Array) -> Array:
    """Matrices with a third axis, as `numpy.atleast_3d`; a tuple for several arguments.

    Derivative: ``dy`` in the shape of the argument.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.atleast_3d(mg.Tensor([2.0, 3.0])).shape
    (1, 2, 1)
    """

    def three(a: Array) -> Array:
        if np.ndim(a) >= 3:
            return a
        return reshape(a, (*np.shape(a), 1) if np.ndim(a) == 2 else (1, -1, 1))

    return for_each(three, arys)


# --- copies of elements ----------------------------------------------------------------


@composed(np.tile, complex=True)
def tile(A: ArrayLike, reps: Any) -> Array:
    """``A`` repeated like tiles, ``reps`` times along each axis, as `numpy.tile`.

    Derivative: the sum of ``dy`` over the copies of each element.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: (mg.tile(x, 2) * [1, 2, 3, 4]).sum())(np.ones(2))
    array([4., 6.])
    """
    a = A
    reps = (int(reps),) if np.ndim(reps) == 0 else tuple(int(r) for r in reps)
    n = max(len(reps), np.ndim(a))
    shape = (*[1] * (n - np.ndim(a)), *np.shape(a))
    reps = (*[1] * (n - len(reps)), *reps)
    pairs = list(zip(reps, shape, strict=True))
    narrow = reshape(a, [m for _, length in pairs for m in (1, length)])
    wide = broadcast_to(narrow, [m for pair in pairs for m in pair])
    return reshape(wide, [r * length for r, length in pairs])


@primitive(np.copy, vjps=(lambda g, ans, a, **_: g,), fresh=True, linear="jointly", complex=True)
def copy(a: Array) -> Array:
    """A copy, as `numpy.copy`; gradients flow through.

    Derivative: ``da = dy``.
    """
    return a.copy() if speaks_numpy(a) else np.copy(a)


filled: Op = Op("full_like", np.full_like, None, fresh=True, complex=True)


@composed(np.full_like, complex=True)
def full_like(
    a: ArrayLike, fill_value: ArrayLike, dtype: DType = None, *, shape: Sizes = None
) -> Array:
    """``fill_value`` in the shape and dtype of ``a``, as `numpy.full_like`.

    Derivative: by the value, the sum of ``dy``; by ``a`` there is none, as its values are not
    used.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda v: mg.full_like(np.zeros(3), v).sum())(2.0)
    np.float64(3.0)
    """
    if not speaks_numpy(fill_value):
        return filled(a, fill_value, dtype=dtype, shape=shape)
    full = broadcast_to(fill_value, np.shape(a) if shape is None else shape)
    return full.astype(np.result_type(a) if dtype is None else dtype)


@composed(np.full, complex=True)
def full(shape: int | Sequence[int], fill_value: ArrayLike, dtype: DType = None) -> Array:
    """An array of ``shape`` that is ``fill_value`` throughout, as `numpy.full`.

    Derivative: by the value, the sum of ``dy``.

    NumPy's own function does not ask what it is given, and refuses Tensors.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda v: mg.full((2, 3), v).sum())(2.0)
    np.float64(6.0)
    """
    if not speaks_numpy(fill_value):
        return np.full(shape, fill_value, dtype)
    ans = broadcast_to(fill_value, shape)
    return ans if dtype is None else ans.astype(dtype)


# --- plain answers ---------------------------------------------------------------------

shape: Op = plain(np.shape, by_shape=True, complex=True)
ndim: Op = plain(np.ndim, by_shape=True, complex=True)
size: Op = plain(np.size, by_shape=True, complex=True)
zeros_like: Op = plain(np.zeros_like, by_shape=True, complex=True)
ones_like: Op = plain(np.ones_like, by_shape=True, complex=True)
empty_like: Op = plain(np.empty_like, by_shape=True, complex=True)
result_type: Op = plain(np.result_type, by_shape=True, complex=True)
can_cast: Op = plain(np.can_cast, by_shape=True, complex=True)
min_scalar_type: Op = plain(np.min_scalar_type, dynamic=True, complex=True)
may_share_memory: Op = plain(np.may_share_memory, by_shape=True, complex=True)
shares_memory: Op = plain(np.shares_memory, by_shape=True, complex=True)
array_repr: Op = plain(np.array_repr, dynamic=True, complex=True)
array_str: Op = plain(np.array_str, dynamic=True, complex=True)
array2string: Op = plain(np.array2string, dynamic=True, complex=True)
