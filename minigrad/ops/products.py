"""Products of vectors, matrices and tensors: matmul is the op, nearly all else is made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.ops.kinds import conjugated
from minigrad.ops.record import ArrayLike, Op, composed, primitive, register
from minigrad.ops.shape import firm, unbroadcast
from minigrad.typing import Array, DType

ndarray = np.ndarray

# --- matmul ----------------------------------------------------------------------------


def mT(a: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(a, -1, -2)


def mH(a: Array) -> Array:
    """The conjugate of the last two axes exchanged."""
    return conjugated(mT(a))


def multiplied(a: Array, b: Array) -> Array:
    """``a @ b``, a batch of matrices times one matrix as one product of all rows.

    Derivative: ``da = dy @ bᵀ`` and ``db = aᵀ @ dy``, summed over batches that were broadcast.

    NumPy would multiply one matrix of the batch after the other; and ``dot``, the same
    for vectors and matrices, costs half as much to call.
    """
    if type(a) is ndarray is type(b) and a.ndim and 0 < b.ndim <= 2:
        if a.ndim <= 2:
            return a.dot(b)
        if b.ndim == 2 and a.shape[-1] == b.shape[0]:
            rows = a.reshape((math.prod(a.shape[:-1]), a.shape[-1]))
            return rows.dot(b).reshape((*a.shape[:-1], b.shape[1]))
    return a @ b


def matmul_left(g: Array, ans: Array, a: Array, b: Array) -> Array:
    """``g bᵀ``; an outer product where ``b`` is a vector."""
    if b.ndim == 2:
        return multiplied(g, b.T)
    if b.ndim == 1:
        return g * b if a.ndim == 1 else g[..., None] * b
    if a.ndim == 1:
        return unbroadcast((g[..., None, :] @ mT(b))[..., 0, :], a.shape)
    return unbroadcast(g @ mT(b), a.shape)


def matmul_right(g: Array, ans: Array, a: Array, b: Array) -> Array:
    """``aᵀ g``; an outer product where ``a`` is a vector."""
    if a.ndim == 2 and b.ndim <= 2:
        return multiplied(a.T, g)
    if a.ndim == 1:
        return g * a if b.ndim == 1 else g[..., None, :] * a[:, None]
    if b.ndim <= 2:  # one matrix for the whole batch: one large product sums over it
        rows = math.prod(a.shape[:-1])
        return multiplied(a.reshape((rows, a.shape[-1])).T, g.reshape((rows, *b.shape[1:])))
    return unbroadcast(mT(a) @ g, b.shape)


MATMUL = """Matrix product, ``a @ b``, as `numpy.matmul`.

Derivative: ``da = dy @ bᵀ`` and ``db = aᵀ @ dy``, summed over batches that were broadcast.

Parameters
----------
a : array_like, shape (..., n, k) or (k,)
b : array_like, shape (..., k, m) or (k,)
    Batches broadcast; a vector is a row on the left and a column on the right.

Returns
-------
Tensor, ndarray or scalar, shape (..., n, m)
    Without ``n`` where ``a`` is a vector, without ``m`` where ``b`` is one.

Raises
------
ValueError
    When the shapes do not align, or for a scalar.

Examples
--------
>>> import numpy as np, minigrad as mg
>>> mg.grad(lambda a: np.matmul(a, [3.0, 4.0]).sum())(np.ones((2, 2)))
array([[3., 4.],
       [3., 4.]])
"""

matmul: Op = register(
    Op(
        "matmul",
        multiplied,
        (matmul_left, matmul_right),
        doc=MATMUL,
        symbol="@",
        linear="each",
        fresh=True,
        complex=True,
    ),
    np.matmul,
    np.linalg.matmul,
)


# --- products of vectors and matrices --------------------------------------------------


def multiple(a: Array, b: Array) -> Array:
    """``a * b``; NumPy's products make an array of a Python number first, in its own dtype."""
    return np.multiply(firm(a), firm(b))


@composed(np.dot, complex=True)
def dot(a: ArrayLike, b: ArrayLike) -> Array:
    """Sum over the last axis of ``a`` and the second-to-last of ``b``, as `numpy.dot`.

    Derivative: for matrices ``da = dy @ bᵀ`` and ``db = aᵀ @ dy``; for vectors ``dy`` times the
    other one.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.dot(a, [3.0, 4.0]))(np.ones(2))
    array([3., 4.])
    """
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return multiple(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


@composed(np.inner, complex=True)
def inner(a: ArrayLike, b: ArrayLike) -> Array:
    """Sum over the last axes of both, as `numpy.inner`.

    Derivative: for matrices ``da = dy @ b`` and ``db = dyᵀ @ a``; for vectors ``dy`` times the
    other one.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.inner(a, [3.0, 4.0]))(np.ones(2))
    array([3., 4.])
    """
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return multiple(a, b)
    return np.tensordot(a, b, (-1, -1))


@composed(np.outer, complex=True)
def outer(a: Array, b: Array) -> Array:
    """Every element of ``a`` times every element of ``b``, as `numpy.outer`.

    Derivative: ``da = dy @ b`` and ``db = dyᵀ @ a``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.outer(a, [3.0, 4.0]).sum())(np.ones(2))
    array([7., 7.])
    """
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composed(np.vdot, complex=True)
def vdot(a: Array, b: Array) -> Array:
    """Sum of products of all elements, in order, as `numpy.vdot`.

    Derivative: ``da = dy·b`` and ``db = dy·a`` of real numbers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.vdot(a, [[3.0, 4.0]]))(np.ones((2, 1)))
    array([[3.],
           [4.]])
    """
    return np.matmul(np.reshape(conjugated(a), (-1,)), np.reshape(b, (-1,)))


@composed(np.vecdot, np.linalg.vecdot, complex=True)
def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Sum of products along ``axis``, the other axes broadcast, as `numpy.vecdot`.

    Derivative: ``dx1 = dy·x2`` and ``dx2 = dy·x1`` of real numbers.

    Raises
    ------
    ValueError
        For lengths that differ.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.vecdot(a, [3.0, 4.0]).sum())(np.ones((1, 2)))
    array([[3., 4.]])
    """
    for x in (x1, x2):
        normalize_axis_index(axis, np.ndim(x), "vecdot")
    lengths = np.shape(x1)[axis], np.shape(x2)[axis]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"vecdot: shapes {np.shape(x1)} and {np.shape(x2)} do not align along "
            f"axis {axis}: {lengths[0]} != {lengths[1]}"
        )
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return np.einsum("...i,...i->...", conjugated(x1), x2)


@composed(*([np.matvec] if hasattr(np, "matvec") else []), complex=True)
def matvec(x1: Array, x2: ArrayLike, /) -> Array:
    """Matrices times vectors, both in batches, as `numpy.matvec` (of NumPy 2.2).

    Derivative: ``dA = dy vᵀ`` and ``dv = Aᵀ dy``.

    Raises
    ------
    ValueError
        Where the first is no matrix, or the lengths differ.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.matvec(np.eye(2), x).sum())(np.ones((1, 2)))
    array([[1., 1.]])
    """
    if np.ndim(x1) < 2:
        raise ValueError(f"matvec takes a matrix first, not shape {np.shape(x1)}")
    return np.matmul(x1, x2[..., None])[..., 0]


@composed(*([np.vecmat] if hasattr(np, "vecmat") else []), complex=True)
def vecmat(x1: ArrayLike, x2: Array, /) -> Array:
    """Vectors times matrices, both in batches, as `numpy.vecmat` (of NumPy 2.2).

    Derivative: ``dv = A dy`` and ``dA = v dyᵀ`` of real numbers.

    Raises
    ------
    ValueError
        Where the second is no matrix, or the lengths differ.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.vecmat(x, np.eye(2)).sum())(np.ones((1, 2)))
    array([[1., 1.]])
    """
    if np.ndim(x2) < 2:
        raise ValueError(f"vecmat takes a matrix second, not shape {np.shape(x2)}")
    return np.matmul(conjugated(x1)[..., None, :], x2)[..., 0, :]


@composed(np.matrix_transpose, np.linalg.matrix_transpose, complex=True)
def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged, as `numpy.matrix_transpose`.

    Derivative: ``dx = dyᵀ``.

    Raises
    ------
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.matrix_transpose(mg.Tensor([[1.0, 2.0]])).shape
    (2, 1)
    """
    if np.ndim(x) < 2:
        raise ValueError(f"matrix_transpose needs at least two axes, the shape is {np.shape(x)}")
    return mT(x)


@composed(np.trace, complex=True)
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DType = None) -> Array:
    """Sum along a diagonal, as `numpy.trace`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.trace)(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# --- products of tensors ---------------------------------------------------------------


@composed(np.tensordot, np.linalg.tensordot, complex=True)
def tensordot(a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Array:
    """Sum of products over given axes of ``a`` and ``b``, as `numpy.tensordot`.

    Derivative: each by contracting ``dy`` with the other over its axes that are left.

    Parameters
    ----------
    a, b : array_like
    axes : int or pair
        The last ``axes`` axes of ``a`` with the first of ``b``; or the axes of ``a``
        and those of ``b``, each an int or a sequence.

    Raises
    ------
    ValueError
        When the axes differ in number or length.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.tensordot(a, [1.0, 2.0], 1).sum())(np.ones((2, 2)))
    array([[1., 2.],
           [1., 2.]])
    """
    left, right = (range(-axes, 0), range(axes)) if np.ndim(axes) == 0 else axes
    left = normalize_axis_tuple(left, np.ndim(a), "axes")
    right = normalize_axis_tuple(right, np.ndim(b), "axes")
    shape_a, shape_b = np.shape(a), np.shape(b)
    summed = [shape_a[i] for i in left]
    if summed != [shape_b[i] for i in right]:
        raise ValueError(
            f"tensordot: shapes {shape_a} and {shape_b} do not align along the axes "
            f"{left} of the first and {right} of the second"
        )
    rows = [i for i in range(len(shape_a)) if i not in left]
    columns = [i for i in range(len(shape_b)) if i not in right]
    kept_a, kept_b = [shape_a[i] for i in rows], [shape_b[i] for i in columns]
    n = math.prod(summed)
    matrix_a = np.reshape(np.transpose(a, (*rows, *left)), (math.prod(kept_a), n))
    matrix_b = np.reshape(np.transpose(b, (*right, *columns)), (n, math.prod(kept_b)))
    return np.reshape(np.matmul(matrix_a, matrix_b), (*kept_a, *kept_b))


@composed(np.kron, complex=True)
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """Kronecker's product, a block of ``b`` for every element of ``a``, as `numpy.kron`.

    Derivative: ``da_ij = Σ dY_ij ⊙ b`` and ``db = Σ_ij a_ij dY_ij``, ``dY_ij`` the block of
    ``dy`` that ``a_ij`` made.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.kron(a, [3.0, 4.0]).sum())(np.ones(2))
    array([7., 7.])
    """
    rank = max(np.ndim(a), np.ndim(b))
    shape_a = (1,) * (rank - np.ndim(a)) + np.shape(a)
    shape_b = (1,) * (rank - np.ndim(b)) + np.shape(b)
    pairs = list(zip(shape_a, shape_b, strict=True))
    blocks_a = np.reshape(a, [n for p, q in pairs for n in (p, 1)])
    blocks_b = np.reshape(b, [n for p, q in pairs for n in (1, q)])
    return np.reshape(blocks_a * blocks_b, [p * q for p, q in pairs])


@composed(np.cross, complex=True)
def cross(
    a: ArrayLike,
    b: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """Vector product of 3-vectors, as `numpy.cross`; 2-vectors lie in the plane z = 0.

    Derivative: ``da = cross(b, dy)`` and ``db = cross(dy, a)``.

    Raises
    ------
    ValueError
        For vectors of other lengths than 2 and 3.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.cross(a, [0.0, 0.0, 1.0])[0])(np.ones(3))
    array([0., 1., 0.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    lengths = np.shape(a)[-1], np.shape(b)[-1]
    if not {*lengths} <= {2, 3}:
        raise ValueError(f"cross needs vectors of length 3 (or 2), got lengths {lengths}")
    a0, a1, a2 = a[..., 0], a[..., 1], a[..., 2] if lengths[0] == 3 else 0
    b0, b1, b2 = b[..., 0], b[..., 1], b[..., 2] if lengths[1] == 3 else 0
    z = a0 * b1 - a1 * b0
    if lengths == (2, 2):
        return z
    return np.moveaxis(np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, z], -1), -1, axisc)


# --- convolution -----------------------------------------------------------------------


def convolve_rule(g: Array, other: Array, x: Array, mode: str) -> Array:
    """``dx_k = Σ_m g_(k+m) other_m``, with ``g`` taken back to the full convolution."""
    n, m = np.size(x), np.size(other)
    shortest = min(n, m)
    before = {"full": 0, "same": (shortest - 1) // 2, "valid": shortest - 1}[mode]
    after = n + m - 1 - before - np.size(g)
    full = np.concatenate([np.zeros(before), g, np.zeros(after)])
    return np.reshape(np.convolve(full, np.reshape(other, (-1,))[::-1], "valid"), np.shape(x))


@primitive(
    np.convolve,
    vjps=(
        lambda g, ans, a, v, mode="full": convolve_rule(g, v, a, mode),
        lambda g, ans, a, v, mode="full": convolve_rule(g, a, v, mode),
    ),
    fresh=True,
    linear="each",
    complex=True,
)
def convolve(a: Array, v: Array, mode: Any = "full") -> Array:
    """``c_k = Σ_m a_m v_(k-m)``, as `numpy.convolve`; mode full, same or valid.

    Derivative: ``da_m = Σ_k dy_k v_(k-m)``: the correlation of ``dy`` with the other sequence.

    Raises
    ------
    ValueError
        For another mode, and for empty sequences.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> v = np.array([1.0, 2.0])
    >>> mg.grad(lambda a: mg.convolve(a, v)[1])(np.ones(3))
    array([2., 1., 0.])
    """
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be 'full', 'same' or 'valid', not {mode!r}")
    return np.convolve(a, v, mode)


@composed(np.correlate, complex=True)
def correlate(a: ArrayLike, v: ArrayLike, mode: Any = "valid") -> Array:
    """Cross-correlation of two sequences, as `numpy.correlate`.

    Derivative: ``dv`` is the correlation of ``a`` with ``dy``, ``da`` the convolution of ``dy``
    with ``v``.

    Raises
    ------
    ValueError
        For anything but two sequences.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.correlate(a, [1.0, 10.0]).sum())(np.ones(3))
    array([ 1., 11., 10.])
    """
    if np.ndim(a) != 1 or np.ndim(v) != 1:
        raise ValueError(f"correlate takes two sequences, not shapes {np.shape(a)}, {np.shape(v)}")
    v = conjugated(v)
    if np.size(v) > np.size(a):
        return np.convolve(v, a[::-1], mode)[::-1]
    return np.convolve(a, v[::-1], mode)
