"""Linear algebra: the rules as matrix calculus has them.

``numpy.linalg``'s functions for matrices and batches of them.  Most rules are in Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation" (2008); the
others name their source.  A bar over a matrix is its gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minigrad.ops import products
from minigrad.ops.eigen import textbook
from minigrad.ops.factorisations import svdvals_rule
from minigrad.ops.kinds import conjugated
from minigrad.ops.products import mH, mT
from minigrad.ops.record import ArrayLike, composed, primitive
from minigrad.ops.shape import arrayed, unbroadcast
from minigrad.typing import Array, Axis, DType, Tangents

LinAlgError = np.linalg.LinAlgError


# --- inverses and systems of equations -------------------------------------------------


@primitive(
    np.linalg.inv,
    vjps=(lambda g, ans, a: -mT(ans) @ g @ mT(ans),),
    name="linalg.inv",
    fresh=True,
    jvp=lambda ts, ans, a: -ans @ ts[0] @ ans,
    complex=True,
)
def inv(a: Array) -> Array:
    """Inverse of square matrices, as `numpy.linalg.inv`.

    Derivative: ``da = -yᵀ @ dy @ yᵀ``.

    Parameters
    ----------
    a : array_like, shape (..., n, n)

    Returns
    -------
    Tensor or ndarray, shape (..., n, n)

    Raises
    ------
    LinAlgError
        When a matrix is singular or not square.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.inv(a).sum())(np.diag([2.0, 4.0]))
    array([[-0.25  , -0.125 ],
           [-0.125 , -0.0625]])
    """
    return np.linalg.inv(a)


def solve_left(g: Array, ans: Array, a: Array, b: Array) -> Array:
    """``Ā = -A⁻ᵀ g xᵀ``."""
    if np.ndim(b) == 1:
        g, ans = g[..., None], ans[..., None]
    return unbroadcast(-np.linalg.solve(mT(a), g) @ mT(ans), np.shape(a))


def solve_right(g: Array, ans: Array, a: Array, b: Array) -> Array:
    """``b̄ = A⁻ᵀ g``."""
    if np.ndim(b) == 1:
        return unbroadcast(np.linalg.solve(mT(a), g[..., None])[..., 0], np.shape(b))
    return unbroadcast(np.linalg.solve(mT(a), g), np.shape(b))


def lined_up(t: Array, own: int, ndim: int) -> Array:
    """A tangent of ``own`` axes that broadcasts as one of ``ndim``, also with one in front."""
    shape = np.shape(t)
    front = len(shape) - own
    return (
        t if own == ndim else np.reshape(t, (*shape[:front], *[1] * (ndim - own), *shape[front:]))
    )


def solve_jvp(ts: Tangents, ans: Array, a: Array, b: Array) -> Array:
    """``A⁻¹ (db - dA x)``."""
    vector = np.ndim(b) == 1
    da, db = ts
    x = ans[..., None] if vector else ans
    ndim = len(np.shape(x))
    right: Array = 0.0
    if db is not None:
        right = lined_up(db[..., None] if vector else db, np.ndim(b) + vector, ndim)
    if da is not None:
        right = right - lined_up(da, np.ndim(a), ndim) @ x
    along = np.linalg.solve(a, right)
    return along[..., 0] if vector else along


@primitive(
    np.linalg.solve,
    vjps=(solve_left, solve_right),
    name="linalg.solve",
    fresh=True,
    jvp=solve_jvp,
    complex=True,
)
def solve(a: Array, b: Array) -> Array:
    """``x`` with ``a x = b``, as `numpy.linalg.solve`.

    Derivative: ``db = a⁻ᵀ dy`` and ``da = -db yᵀ``.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (n,) or (..., n, k)
        One right-hand side, or the columns of a matrix; batches broadcast.

    Returns
    -------
    Tensor or ndarray, shape (..., n) or (..., n, k)

    Raises
    ------
    LinAlgError
        When a matrix is singular or not square.
    ValueError
        When the lengths do not fit.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda b: np.linalg.solve(np.diag([2.0, 4.0]), b).sum())(np.ones(2))
    array([0.5 , 0.25])
    """
    return np.linalg.solve(a, b)


def pinv_rule(g: Array, ans: Array, a: Array, rcond: Array | None = None) -> Array:
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973).

    Holds while the rank stays what it is.
    """
    p, pH, gH = ans, mH(ans), mH(g)
    n, m = np.shape(ans)[-2:]
    left, right = np.eye(m) - a @ p, np.eye(n) - p @ a
    da = left @ gH @ p @ pH + pH @ p @ gH @ right - pH @ g @ pH
    rounding = max(n, m) * np.finfo(np.result_type(a, np.float16)).eps
    if rcond is None or np.all(rcond <= rounding):
        return da
    return da + cut_off(gH, a, np.multiply(rcond, 1.0)[..., None], rounding)


def cut_off(gH: Array, a: Array, rcond: Array, rounding: float) -> Array:
    """What the rule adds where singular values were dropped that are not 0.

    With ``M = Uᴴ dA V``, ``σᵢ`` kept and ``σⱼ`` dropped, ``Uᴴ dPᴴ V`` has at i, j and at j, i
    ``(σᵢ Mᵢⱼ + σⱼ M̄ⱼᵢ) / (σᵢ (σᵢ² - σⱼ²))``, where that for σⱼ = 0 has ``Mᵢⱼ / σᵢ²``.
    """
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    kept = s > rcond * s[..., :1]
    dropped = ~kept & (s > rounding * s[..., :1])
    pairs = kept[..., :, None] & dropped[..., None, :]
    high = np.where(pairs, s[..., :, None], 1.0)
    low = np.where(pairs, s[..., None, :], 0.0)
    straight = (low / high) ** 2 / (high**2 - low**2)
    crossed = low / high / (high**2 - low**2)
    q = mH(u) @ gH @ mH(vh)
    return u @ ((straight + mT(straight)) * q + (crossed + mT(crossed)) * mH(q)) @ vh


@primitive(vjps=(textbook(pinv_rule),), name="linalg.pinv", fresh=True, complex=True)
def pseudo_inverse(a: Array, rcond: Array | None = None) -> Array:
    return np.linalg.pinv(a, rcond)


def as_read(a: Array) -> Array:
    """The Hermitian matrix of which ``a`` is the lower triangle, as LAPACK reads it."""
    n = np.shape(a)[-1]
    below = a * np.tri(n, k=-1, dtype=bool)
    return below + mH(below) + np.real(a) * np.eye(n, dtype=bool)


@composed(np.linalg.pinv, name="linalg.pinv", complex=True)
def pinv(
    a: Array, rcond: Array | None = None, hermitian: bool = False, *, rtol: Any = np._NoValue
) -> Array:
    """Moore-Penrose inverse, as `numpy.linalg.pinv`; differentiable at constant rank.

    Derivative: ``da = -yᵀ @ dy @ yᵀ`` for square regular ``a``; else two terms more for what is
    orthogonal to its rows and columns.

    With ``hermitian`` the lower triangle is read, for both, and has the gradient.

    Raises
    ------
    ValueError
        For ``rcond`` beside ``rtol``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.pinv(a).sum())(np.array([[2.0], [0.0]]))
    array([[-0.25],
           [ 0.25]])
    """
    if hermitian:
        a = as_read(arrayed(a))
    if rtol is not np._NoValue and rcond is not None:
        raise ValueError("linalg.pinv: rcond= and rtol= mean the same; give one")
    if rtol is None:  # NumPy's cutoff for it
        rtol = max(np.shape(a)[-2:]) * np.finfo(np.result_type(a, np.float16)).eps
    rcond = rcond if rtol is np._NoValue else rtol
    return pseudo_inverse(a) if rcond is None else pseudo_inverse(a, rcond=rcond)


def columns(b: Array) -> Array:
    """``b`` as a matrix: a vector is a column."""
    return b[:, None] if np.ndim(b) == 1 else b


def cut_pinv(a: Array, rcond: Array) -> Array:
    """The inverse that `lstsq` applies: its default cutoff is not that of `pinv`."""
    return pinv(a, rtol=None) if rcond is None else pinv(a, rcond)


def share(rcond: Array) -> Array:
    """The cutoff that LAPACK makes of ``rcond``: its default of what is no share."""
    return rcond if rcond is not None and 0 < rcond < 1 else None


@textbook
def lstsq_left(g: Array, ans: Array, a: Array, b: Array, rcond: float | None = None) -> Array:
    """What ``A⁺ b``, the residuals ``Σ |b - A x|²`` and the singular values pass back."""
    gx, gresiduals, _, gs = g
    x, b, gx, rcond = columns(ans[0]), columns(b), columns(gx), share(rcond)
    da = pinv_rule(gx @ mH(b), cut_pinv(a, rcond), a, rcond) + conjugated(
        svdvals_rule(gs, ans[3], a)
    )
    if np.size(gresiduals):
        da = da - 2 * ((b - a @ x) * gresiduals) @ mH(x)
    return da


@textbook
def lstsq_right(g: Array, ans: Array, a: Array, b: Array, rcond: float | None = None) -> Array:
    """``A⁺ᴴ x̄``, and ``2 (b - A x)`` times the gradient of the residuals."""
    gx, gresiduals, _, _ = g
    db = mH(cut_pinv(a, share(rcond))) @ columns(gx)
    if np.size(gresiduals):
        db = db + 2 * (columns(b) - a @ columns(ans[0])) * gresiduals
    return np.reshape(db, np.shape(b))


@primitive(
    np.linalg.lstsq, vjps=(lstsq_left, lstsq_right), name="linalg.lstsq", fresh=True, complex=True
)
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Array:
    """Least-squares solution, squared residuals, rank and singular values.

    Derivative: of the solution ``x = a⁺ b``: ``db = a⁺ᵀ dx``, and by ``a`` the rule of the
    pseudo-inverse.

    As `numpy.linalg.lstsq`; differentiable while the rank stays what it is.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> A = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> line = lambda b: np.linalg.lstsq(A, b)[0]
    >>> mg.jacobian(line)(np.array([1.0, 3.0, 5.0]))[0].round(3)  # of where it starts
    array([ 0.833,  0.333, -0.167])
    """
    return tuple(np.linalg.lstsq(a, b, rcond))


@composed(np.linalg.tensorinv, name="linalg.tensorinv", complex=True)
def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """Inverse with respect to `tensordot` over ``ind`` axes, as `numpy.linalg.tensorinv`.

    Derivative: ``-y · dy · y`` with the axes exchanged, as of the inverse of the matrix that it
    is.

    Raises
    ------
    ValueError
        For an ``ind`` that is not positive.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a = mg.Tensor(np.eye(6).reshape(6, 2, 3))
    >>> np.linalg.tensorinv(a, ind=1).shape
    (2, 3, 6)
    """
    if ind <= 0:
        raise ValueError(f"linalg.tensorinv: ind must be positive, got {ind}")
    shape = np.shape(a)
    matrix = np.reshape(a, (math.prod(shape[:ind]), math.prod(shape[ind:])))
    return np.reshape(np.linalg.inv(matrix), shape[ind:] + shape[:ind])


@composed(np.linalg.tensorsolve, name="linalg.tensorsolve", complex=True)
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Axis = None) -> Array:
    """``x`` with ``tensordot(a, x, x.ndim) = b``, as `numpy.linalg.tensorsolve`.

    Derivative: as of `solve`, for the matrix that ``a`` is.

    Raises
    ------
    numpy.linalg.LinAlgError
        For an ``a`` that is no square map.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a = np.eye(6).reshape(6, 2, 3)
    >>> np.linalg.tensorsolve(a, mg.Tensor(np.ones(6))).shape
    (2, 3)
    """
    if axes is not None:
        last = normalize_axis_tuple(axes, np.ndim(a), "axes")
        a = np.transpose(a, (*[i for i in range(np.ndim(a)) if i not in last], *last))
    shape = np.shape(a)[np.ndim(b) :]
    n = math.prod(shape)
    if np.size(a) != n * n:
        raise LinAlgError(
            f"linalg.tensorsolve: a {np.shape(a)} must have as many elements in its axes "
            f"{shape} as in those before"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.reshape(b, (-1,))), shape)


# --- products --------------------------------------------------------------------------


@composed(np.linalg.outer, name="linalg.outer", complex=True)
def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Outer product of two vectors, as `numpy.linalg.outer`.

    Derivative: ``dx1 = dy @ x2`` and ``dx2 = dyᵀ @ x1``.

    Raises
    ------
    ValueError
        For anything but two vectors.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: np.linalg.outer(x, [1.0, 2.0]).sum())(np.ones(2))
    array([3., 3.])
    """
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"linalg.outer takes two vectors, not shapes {np.shape(x1)} and {np.shape(x2)}"
        )
    return products.outer(x1, x2)


@composed(np.linalg.cross, name="linalg.cross", complex=True)
def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Vector product of 3-vectors along ``axis``, as `numpy.linalg.cross`.

    Derivative: ``dx1 = cross(x2, dy)`` and ``dx2 = cross(dy, x1)``.

    Raises
    ------
    ValueError
        For anything but 3-vectors along the axis.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: np.linalg.cross(x, [0.0, 0.0, 1.0])[0])(np.ones(3))
    array([0., 1., 0.])
    """
    if any(np.shape(x)[normalize_axis_index(axis, np.ndim(x))] != 3 for x in (x1, x2)):
        raise ValueError(
            f"linalg.cross takes 3-vectors along axis {axis}, "
            f"not shapes {np.shape(x1)} and {np.shape(x2)}"
        )
    return products.cross(x1, x2, axis=axis)


@composed(np.linalg.diagonal, name="linalg.diagonal", complex=True)
def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """Diagonals of matrices, as `numpy.linalg.diagonal`.

    Derivative: ``dy`` on the diagonals, 0 elsewhere.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: np.linalg.diagonal(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return np.diagonal(x, offset, -2, -1)


@composed(np.linalg.trace, name="linalg.trace", complex=True)
def trace(x: Array, /, *, offset: int = 0, dtype: DType = None) -> Array:
    """Sums of the diagonals of matrices, as `numpy.linalg.trace`.

    Derivative: ``dx = dy I``: ``dy`` on the diagonal.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: np.linalg.trace(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return np.trace(x, offset, -2, -1, dtype)
