"""`scipy.linalg`: triangular and banded systems, factorisations, functions of matrices."""

from __future__ import annotations

import numpy as np
import scipy.linalg as sl

from minigrad.ops.eigen import textbook
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import take
from minigrad.ops.products import mH, mT
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import absent, like
from minigrad.scipy.structured import block_diag as block_diag
from minigrad.scipy.structured import solve_banded as solve_banded
from minigrad.scipy.structured import toeplitz as toeplitz
from minigrad.typing import Array

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "expm", "lu", "lu_factor", "lu_solve",
    "polar", "solve_banded", "solve_sylvester", "solve_triangular", "sqrtm", "toeplitz",
]  # fmt: skip
__getattr__, __dir__ = absent("linalg", __all__)


# --- triangular systems ------------------------------------------------------------------


def _solve_triangular(a: Array, b: Array, trans: int, lower: bool, unit_diagonal: bool) -> Array:
    return sl.solve_triangular(a, b, trans, lower, unit_diagonal)


def _triangle(m: Array, lower: bool, unit_diagonal: bool) -> Array:
    """The part of a gradient that belongs to what is read of a triangular matrix."""
    return np.tril(m, -unit_diagonal) if lower else np.triu(m, int(unit_diagonal))


def _of_matrix(
    g: Array, ans: Array, a: Array, b: Array, trans: int, lower: bool, unit_diagonal: bool
) -> Array:
    """``Ā = −A⁻ᵀ g xᵀ``, its triangle."""
    back = _triangular(a, g, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)
    left, right = (back, ans) if not trans else (ans, back)
    product = np.outer(left, right) if np.ndim(b) == 1 else left @ mT(right)
    return -_triangle(product, lower, unit_diagonal)


def _of_right_hand_side(
    g: Array, ans: Array, a: Array, b: Array, trans: int, lower: bool, unit_diagonal: bool
) -> Array:
    return _triangular(a, g, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)


_triangular: Op = Op(
    "linalg.solve_triangular",
    _solve_triangular,
    (_of_matrix, _of_right_hand_side),
    fresh=True,
    complex=True,
)


@like(sl.solve_triangular, "a b")
def solve_triangular(
    a: Array, b: Array, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Array:
    """The x with ``A x = b``, A triangular (``trans=1``: with ``Aᵀ x = b``, 2: ``Aᴴ x = b``).

    Derivative: ``db = A⁻ᵀ dx`` and ``dA = -db xᵀ``, of which the triangle is kept.

    Parameters
    ----------
    a : (n, n)
    b : (n,) or (n, m)
    trans : {0, 1, 2, "N", "T", "C"}
    lower, unit_diagonal : bool

    Raises
    ------
    ValueError
        For another ``trans``, and matrices that are not square.

    Examples
    --------
    >>> solve_triangular([[2.0, 0.0], [1.0, 1.0]], [2.0, 3.0], lower=True)
    array([1., 2.])
    """
    known = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
    if trans not in known:
        raise ValueError(f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', not {trans!r}")
    if known[trans] == 2:
        a, trans = np.conj(arrayed(a)), 1
    options = {"lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    return _triangular(arrayed(a), arrayed(b), trans=known[trans], **options)


# --- Cholesky and LU ---------------------------------------------------------------------


@like(sl.cholesky, "a")
def cholesky(a: Array, lower: bool = False) -> Array:
    """The triangular root of a positive definite matrix: ``A = Uᴴ U``, or ``L Lᴴ``.

    Derivative: ``dA = ½ L⁻ᵀ (Φ + Φᵀ) L⁻¹``, Φ the lower triangle of ``Lᵀ dL``, its diagonal
    halved.

    Examples
    --------
    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 1.],
           [0., 2.]])
    """
    root = np.linalg.cholesky(arrayed(a))
    return root if lower else mH(root)


@like(sl.cho_factor, "a")
def cho_factor(a: Array, lower: bool = False) -> tuple[Array, bool]:
    """`cholesky`, for `cho_solve`; the other triangle holds zeros.

    Derivative: that of `cholesky`.

    Examples
    --------
    >>> cho_factor([[4.0]])
    (array([[2.]]), False)
    """
    return cholesky(a, lower), bool(lower)


@like(sl.cho_solve, "c_and_lower b")
def cho_solve(c_and_lower: tuple[Array, bool], b: Array) -> Array:
    """The x with ``A x = b``, given `cho_factor` of A.

    Derivative: ``db = A⁻¹ dx``; by the factor through both triangular systems.

    Examples
    --------
    >>> cho_solve(cho_factor([[4.0, 2.0], [2.0, 5.0]]), [8.0, 12.0])
    array([1., 2.])
    """
    c, lower = c_and_lower
    y = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, y, trans=2 if lower else 0, lower=lower)


def _lu_cotangent(gl: Array, gu: Array, lower: Array, upper: Array) -> Array:
    """``L⁻ᵀ (tril(Lᵀ L̄, −1) + triu(Ū Uᵀ)) U⁻ᵀ`` of ``L U``, and what hangs over a square block.

    What is below it is ``L₂ = A₂ U⁻¹``, what is beside it ``U₂ = L⁻¹ A₂``.
    """
    k = np.shape(lower)[-1]
    below = mT(np.linalg.solve(upper[..., :k], mT(gl[..., k:, :])))
    beside = np.linalg.solve(mT(lower[..., :k, :]), gu[..., k:])
    gl = gl[..., :k, :] - beside @ mT(upper[..., k:])
    gu = gu[..., :k] - mT(lower[..., k:, :]) @ below
    lower, upper = lower[..., :k, :], upper[..., :k]
    inner = np.tril(mT(lower) @ gl, -1) + np.triu(gu @ mT(upper))
    corner = mT(np.linalg.solve(upper, mT(np.linalg.solve(mT(lower), inner))))
    top = np.concatenate([corner, beside], -1)
    return np.concatenate([top, below], -2) if np.shape(below)[-2] else top


def _in_order(m: Array, order: Array) -> Array:
    """The rows of ``m`` in an order, which each matrix of a stack has for itself."""
    return np.take_along_axis(m, order[..., None], -2)


def _packed_rule(g: Array, ans: Array, a: Array) -> Array:
    """`_lu_cotangent` of L and U in one matrix, each row where it came from."""
    packed, pivots = ans
    m, n = np.shape(packed)[-2:]
    lower = np.tril(packed[..., : min(m, n)], -1) + np.eye(m, min(m, n))
    upper = np.triu(packed[..., : min(m, n), :])
    gl, gu = np.tril(g[0][..., : min(m, n)], -1), np.triu(g[0][..., : min(m, n), :])
    whole = _lu_cotangent(gl, gu, lower, upper)
    return _in_order(whole, np.argsort(rows(pivots, m=m), axis=-1))


def exchanged(pivots: Array, m: int) -> Array:
    """The order of ``m`` rows that exchanges in turn lead to.

    Examples
    --------
    >>> exchanged(np.array([1, 1]), 2)
    array([1, 0])
    """
    lead, k = pivots.shape[:-1], pivots.shape[-1]
    order = np.broadcast_to(np.arange(m), (*lead, m)).copy()
    for i in range(k):
        p = pivots[..., i, None]
        here, there = order[..., i, None].copy(), np.take_along_axis(order, p, -1)
        order[..., i, None] = there
        np.put_along_axis(order, p, here, -1)
    return order


rows: Op = Op("linalg.rows", exchanged, None, arity=1, fresh=True)


def _packed_of(a: Array) -> Array:
    if a.size:
        return sl.lu_factor(a)
    return a.copy(), np.zeros((*a.shape[:-2], min(a.shape[-2:])), int)  # SciPy refuses no matrix


_factor = Op("linalg.lu_factor", _packed_of, (_packed_rule,), arity=1, fresh=True, complex=True)


@like(sl.lu_factor, "a")
def lu_factor(a: Array) -> tuple[Array, Array]:
    """``A = P L U``, L and U in one matrix, and the rows that were exchanged.

    Derivative: that of `lu`; the rows that were exchanged are constant.

    Examples
    --------
    >>> lu_factor([[0.0, 2.0], [1.0, 3.0]])[1]
    array([1, 1], dtype=int32)
    """
    packed, pivots = _factor(arrayed(a))
    return packed, pivots


def _lu_of(a: Array) -> Array:
    order, lower, upper = sl.lu(a, p_indices=True)
    return (order if a.size else np.zeros(lower.shape[:-1], int)), lower, upper


def _lu_rule(g: Array, ans: Array, a: Array) -> Array:
    order, lower, upper = ans
    k = np.shape(lower)[-1]
    whole = _lu_cotangent(np.tril(g[1], -1), np.triu(g[2][..., :k, :]), lower, upper)
    return _in_order(whole, order)


_lu = Op("linalg.lu", _lu_of, (_lu_rule,), arity=1, fresh=True, complex=True)


@like(sl.lu, "a")
def lu(a: Array, permute_l: bool = False, *, p_indices: bool = False) -> tuple[Array, ...]:
    """``A = P L U`` with a permutation P, L lower (its diagonal 1) and U upper triangular.

    Derivative: ``dA = P L⁻ᵀ (tril(Lᵀ dL, -1) + triu(dU Uᵀ)) U⁻ᵀ``; P is constant.

    Parameters
    ----------
    a : (..., m, n)
        Its leading columns are independent; the order of the rows is constant.
    permute_l : bool
        Whether ``P L`` and U are returned.
    p_indices : bool
        Whether the order of the rows is returned for P: ``A = L[p] U``.

    Examples
    --------
    >>> P, L, U = lu([[0.0, 2.0], [1.0, 3.0]])
    >>> (P @ L @ U).tolist()
    [[0.0, 2.0], [1.0, 3.0]]
    """
    order, lower, upper = _lu(arrayed(a))
    if permute_l:
        return _in_order(lower, order), upper
    if p_indices:
        return order, lower, upper
    eye = np.eye(np.shape(lower)[-2], dtype=np.result_type(lower).type(0).real.dtype)
    return take(eye, order, axis=0), lower, upper


def _polar_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = Ū P⁻¹ + 2 A Y`` where ``P Y + Y P = sym(P̄ − Uᴴ Ū P⁻¹)``, of ``U P``, ``P² = Aᴴ A``."""
    (gu, gp), (u, p) = g, ans
    left = mH(np.linalg.solve(p, mH(gu)))
    s = gp - mH(u) @ left
    return left + 2 * a @ _sylvester(p, p, 0.5 * (s + mH(s)))


_polar = Op(
    "linalg.polar",
    lambda a: sl.polar(a),
    (textbook(_polar_rule),),
    arity=1,
    fresh=True,
    complex=True,
)


@like(sl.polar, "a")
def polar(a: Array, side: str = "right") -> tuple[Array, Array]:
    """``A = U P``, or ``P U``: orthonormal U, positive semidefinite P, as stretches and turns.

    Parameters
    ----------
    a : (..., m, n)
        Of rank n and ``m >= n`` for ``side="right"``, of rank m and ``m <= n`` for "left".
    side : {"right", "left"}
        Where P stands.

    Raises
    ------
    ValueError
        For other shapes, where P is singular and has no derivative.

    Examples
    --------
    >>> U, P = polar([[0.0, -2.0], [3.0, 0.0]])
    >>> (U + 0.0).round(9).tolist(), P.round(9).tolist()
    ([[0.0, -1.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]])
    """
    a = arrayed(a)
    if side not in ("right", "left"):
        raise ValueError(f"polar: side must be 'right' or 'left', not {side!r}")
    m, n = np.shape(a)[-2:]
    if m < n if side == "right" else n < m:
        other = "left" if side == "right" else "right"
        raise ValueError(
            f"polar: of shape {(m, n)} the P on the {side} is singular; side={other!r}"
        )
    u, p = _polar(a if side == "right" else mH(a))
    return (u, p) if side == "right" else (mH(u), p)


@like(sl.lu_solve, "lu_and_piv b")
def lu_solve(lu_and_piv: tuple[Array, Array], b: Array, trans: int = 0) -> Array:
    """The x with ``A x = b``, given `lu_factor` of A (``trans=1``: ``Aᵀ x = b``, 2: ``Aᴴ x = b``).

    Derivative: ``db = A⁻ᵀ dx``; by the factors through both triangular systems.

    Examples
    --------
    >>> lu_solve(lu_factor([[0.0, 2.0], [1.0, 3.0]]), [4.0, 7.0])
    array([1., 2.])
    """
    packed, pivots = lu_and_piv
    order, b = rows(arrayed(pivots), m=np.shape(packed)[-1]), arrayed(b)
    if trans:
        y = solve_triangular(packed, b, trans=trans)
        y = solve_triangular(packed, y, trans=trans, lower=True, unit_diagonal=True)
        return take(y, np.argsort(order), axis=0)
    y = solve_triangular(packed, take(b, order, axis=0), lower=True, unit_diagonal=True)
    return solve_triangular(packed, y)


# --- functions of matrices ---------------------------------------------------------------


def _expm_rule(g: Array, ans: Array, a: Array) -> Array:
    """The upper right block of ``exp [[Aᵀ, g], [0, Aᵀ]]``; N. Higham (2008), theorem 3.6."""
    n, t = np.shape(a)[-1], mT(a)
    lower = np.concatenate([np.zeros_like(t), t], axis=-1)
    return _expm(np.concatenate([np.concatenate([t, g], axis=-1), lower], axis=-2))[..., :n, n:]


_expm: Op = Op("linalg.expm", sl.expm, (_expm_rule,), fresh=True, arity=1, complex=True)


@like(sl.expm, "A")
def expm(A: Array) -> Array:
    """The exponential of square matrices, ``Σ Aᵏ / k!``.

    Derivative: ``dA = ∫₀¹ exp(s Aᵀ) dy exp((1 - s) Aᵀ) ds``: the exponential along ``dy``, of
    ``Aᵀ``.

    Examples
    --------
    >>> expm([[0.0, 1.0], [0.0, 0.0]])
    array([[1., 1.],
           [0., 1.]])
    """
    return _expm(square("expm", A, batches=True))


def _sylvester_of_q(g: Array, ans: Array, a: Array, b: Array, q: Array) -> Array:
    return _sylvester(mT(a), mT(b), g)


_sylvester: Op = Op(
    "linalg.solve_sylvester",
    lambda a, b, q: sl.solve_sylvester(a, b, q),
    (
        lambda g, ans, a, b, q: -_sylvester_of_q(g, ans, a, b, q) @ mT(ans),
        lambda g, ans, a, b, q: -mT(ans) @ _sylvester_of_q(g, ans, a, b, q),
        _sylvester_of_q,
    ),
    fresh=True,
    complex=True,
)


@like(sl.solve_sylvester, "a b q")
def solve_sylvester(a: Array, b: Array, q: Array) -> Array:
    """The X with ``A X + X B = Q``.

    Derivative: with S from ``Aᵀ S + S Bᵀ = dX``: ``dQ = S``, ``dA = -S Xᵀ``, ``dB = -Xᵀ S``.

    Raises
    ------
    ValueError
        For A and B that are not square, and a Q that does not match both.

    Examples
    --------
    >>> solve_sylvester([[1.0]], [[2.0]], [[6.0]])
    array([[2.]])
    """
    a, b, q = square("solve_sylvester", a), square("solve_sylvester", b), arrayed(q)
    if np.shape(q) != (np.shape(a)[0], np.shape(b)[0]):
        raise ValueError(
            f"solve_sylvester: q must have shape {(np.shape(a)[0], np.shape(b)[0])}, "
            f"not {np.shape(q)}"
        )
    return _sylvester(a, b, q)


_sqrtm = Op(
    "linalg.sqrtm",
    lambda a: sl.sqrtm(a),
    (lambda g, ans, a: _sylvester(mT(ans), mT(ans), g),),
    fresh=True,
    complex=True,
)


@like(sl.sqrtm, "A")
def sqrtm(A: Array) -> Array:
    """The principal root of a square matrix; complex where it has none that is real.

    Derivative: S from ``yᵀ S + S yᵀ = dy``, y being the root.

    Examples
    --------
    >>> sqrtm([[4.0, 0.0], [0.0, 9.0]])
    array([[2., 0.],
           [0., 3.]])
    """
    return _sqrtm(square("sqrtm", A))


def square(name: str, a: Array, batches: bool = False) -> Array:
    """``a`` as a square matrix, or ``batches`` of them."""
    a = arrayed(a)
    shape = np.shape(a)
    if len(shape) < 2 or (len(shape) > 2 and not batches) or shape[-1] != shape[-2]:
        raise ValueError(f"{name} takes a square matrix, the shape is {shape}")
    return a


_describe(vars(), OF_SCIPY)
