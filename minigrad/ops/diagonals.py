"""Triangles and diagonals of matrices, and matrices of diagonals."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.indexing import scatter
from minigrad.ops.order import moveaxis
from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.ops.shape import ravel, reshape, unbroadcast
from minigrad.typing import Array


@primitive(
    np.tril,
    vjps=(lambda g, ans, m, k=0: unbroadcast(np.tril(g, k), np.shape(m)),),
    fresh=True,
    linear="jointly",
    complex=True,
)
def tril(m: Array, k: int = 0) -> Array:
    """Lower triangle, zeros above the ``k``-th diagonal, as `numpy.tril`.

    Derivative: ``dm = tril(dy, k)``.
    """
    return np.tril(m, k)


@primitive(
    np.triu,
    vjps=(lambda g, ans, m, k=0: unbroadcast(np.triu(g, k), np.shape(m)),),
    fresh=True,
    linear="jointly",
    complex=True,
)
def triu(m: Array, k: int = 0) -> Array:
    """Upper triangle, zeros below the ``k``-th diagonal, as `numpy.triu`.

    Derivative: ``dm = triu(dy, k)``.
    """
    return np.triu(m, k)


def stripe(rows: int, columns: int, k: int) -> slice:
    """Where the ``k``-th diagonal of a matrix lies among its elements in a row."""
    start = k if k >= 0 else -k * columns
    length = max(0, min(rows, columns - k) if k >= 0 else min(rows + k, columns))
    return slice(start, start + length * (columns + 1), columns + 1)


@composed(np.diagonal, complex=True)
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Diagonals of the matrices in the plane of two axes, as `numpy.diagonal`.

    Derivative: ``dy`` on the diagonals, 0 elsewhere.

    Raises
    ------
    ValueError
        For fewer than two axes, and where both are the same.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.diagonal(x, 1).sum())(np.ones((2, 3)))
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """
    n = np.ndim(a)
    if n < 2:
        raise ValueError(f"diagonal needs at least two axes, the shape is {np.shape(a)}")
    i, j = normalize_axis_index(axis1, n), normalize_axis_index(axis2, n)
    if i == j:
        raise ValueError(f"diagonal: axis1={axis1} and axis2={axis2} are the same axis")
    if (i, j) != (n - 2, n - 1):
        a = moveaxis(a, (i, j), (-2, -1))
    *stack_shape, rows, columns = np.shape(a)
    return reshape(a, (*stack_shape, rows * columns))[..., stripe(rows, columns, offset)]


@composed(np.diag, complex=True)
def diag(v: ArrayLike, k: int = 0) -> Array:
    """The ``k``-th diagonal of a matrix, or the matrix of a diagonal, as `numpy.diag`.

    Derivative: of a matrix, ``dy`` on the diagonal and 0 elsewhere; of a vector, the diagonal of
    ``dy``.

    Raises
    ------
    ValueError
        For more than two axes, and single numbers.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.diag(mg.Tensor([1.0, 2.0]))
    Tensor([[1., 0.],
            [0., 2.]])
    """
    if np.ndim(v) == 2:
        return diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError(f"diag takes a vector or a matrix, the shape is {np.shape(v)}")
    n = np.shape(v)[0] + abs(k)
    return reshape(scatter(v, shape=(n * n,), index=stripe(n, n, k)), (n, n))


@composed(np.diagflat, complex=True)
def diagflat(v: Array, k: int = 0) -> Array:
    """The matrix whose ``k``-th diagonal has all elements, as `numpy.diagflat`.

    Derivative: the ``k``-th diagonal of ``dy``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.diagflat(mg.Tensor([[1.0], [2.0]]))
    Tensor([[1., 0.],
            [0., 2.]])
    """
    return diag(ravel(v), k)
