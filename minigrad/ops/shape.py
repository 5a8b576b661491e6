"""Functions that move elements about: their rules move the gradient back."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.ops.record import composed, plain, primitive


def speaks_numpy(x: Any) -> bool:
    """Whether ``x`` is a Tensor or another duck array, rather than NumPy's own."""
    return hasattr(type(x), "__array_function__") and not isinstance(x, np.ndarray | np.generic)


def holds_tensor(x: Any) -> bool:
    """Whether a nested list contains a Tensor (or another duck array)."""
    return any(
        holds_tensor(v) if isinstance(v, list | tuple) else speaks_numpy(v) for v in x
    )


@composed()
def array(data: Any, dtype: Any = None) -> Any:
    """A Tensor from nested lists that may contain Tensors, as `numpy.array`.

    Examples
    --------
    >>> import minigrad as mg
    >>> t = mg.Tensor(2.0, requires_grad=True)
    >>> mg.array([[t, 0], [0, t]]).sum().backward()
    >>> float(t.grad)
    2.0
    """
    if isinstance(data, list | tuple):
        data = np.stack([array(v) for v in data]) if holds_tensor(data) else np.array(data)
    return data if dtype is None else data.astype(dtype)


# --- broadcasting ----------------------------------------------------------------------


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of ``shape`` broadcasts to shape ``to``."""
    aligned = to[len(to) - len(shape) :]
    return len(to) >= len(shape) and all(
        n in (1, m) for n, m in zip(shape, aligned, strict=True)
    )


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which an array of ``shape`` was broadcast.

    Examples
    --------
    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> unbroadcast(np.ones((2, 3)), (2, 1)).shape
    (2, 1)
    """
    if shape == ():
        return g.sum()
    extra = len(g.shape) - len(shape)
    stretched = tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1
    )
    g = g.sum(axis=(*range(extra), *stretched))
    return g if g.shape == shape else g.reshape(shape)


# --- views -----------------------------------------------------------------------------


@primitive(np.reshape, vjps=(lambda g, ans, a, **_: np.reshape(g, np.shape(a)),))
def reshape(a: Any, shape: Any) -> Any:
    """The same elements in another shape, as `numpy.reshape`."""
    return np.reshape(a, shape)


@primitive(
    np.transpose,
    np.permute_dims,
    vjps=(
        lambda g, ans, a, axes=None: np.transpose(
            g, None if axes is None else np.argsort([i % np.ndim(a) for i in axes])
        ),
    ),
)
def transpose(a: Any, axes: Any = None) -> Any:
    """Axes permuted (reversed by default), as `numpy.transpose`."""
    return np.transpose(a, axes)


@primitive(np.swapaxes, vjps=(lambda g, ans, a, axis1, axis2: np.swapaxes(g, axis1, axis2),))
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged, as `numpy.swapaxes`."""
    return np.swapaxes(a, axis1, axis2)


@primitive(np.broadcast_to, vjps=(lambda g, ans, array, **_: unbroadcast(g, np.shape(array)),))
def broadcast_to(array: Any, shape: Any) -> Any:
    """A read-only array of ``shape`` that repeats ``array``, as `numpy.broadcast_to`."""
    return np.broadcast_to(array, shape)


@primitive(np.stack, vjps=lambda g, ans, *arrays, argnum, axis=0: np.take(g, argnum, axis=axis))
def stack(*arrays: Any, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis, as `numpy.stack`."""
    return np.stack(arrays, axis=axis)


@primitive(*([np.astype] if hasattr(np, "astype") else []), vjps=(lambda g, ans, x, dtype: g.astype(x.dtype),))
def astype(x: Any, dtype: Any) -> Any:
    """``x`` in another dtype; through integers and booleans no gradient flows."""
    return x.astype(dtype)


shape = plain(np.shape)
ndim = plain(np.ndim)
size = plain(np.size)
zeros_like = plain(np.zeros_like)
ones_like = plain(np.ones_like)
empty_like = plain(np.empty_like)
full_like = plain(np.full_like)
result_type = plain(np.result_type)
can_cast = plain(np.can_cast)
iscomplexobj = plain(np.iscomplexobj)
may_share_memory = plain(np.may_share_memory)
shares_memory = plain(np.shares_memory)
