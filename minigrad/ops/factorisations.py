"""Factorisations of matrices, differentiable where they are unique.

Of complex ones the phases are those that LAPACK leaves, which the rules keep.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.ops.eigen import fixed_phase, gaps, over, symmetric_eig, textbook, twist
from minigrad.ops.kinds import conjugated
from minigrad.ops.products import mH
from minigrad.ops.record import ArrayLike, Op, composed, is_complex, primitive
from minigrad.typing import Array, Tangents


class QRResult(NamedTuple):
    """Orthonormal columns and upper triangle."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Left singular vectors, singular values, and right singular vectors in rows."""

    U: Array
    S: Array
    Vh: Array


# --- Cholesky --------------------------------------------------------------------------


def halved(m: Array) -> Array:
    """Φ: the lower triangle, its diagonal halved."""
    n = np.shape(m)[-1]
    return m * (np.tri(n) - 0.5 * np.eye(n))


@textbook
def cholesky_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = sym(L⁻ᴴ Φ(Lᴴ L̄) L⁻¹)``, with Φ the lower triangle, its diagonal halved.

    Murray, "Differentiation of the Cholesky decomposition" (2016), equation 9.
    """
    inverse = np.linalg.inv(ans)
    s = mH(inverse) @ halved(mH(ans) @ g) @ inverse
    return 0.5 * (s + mH(s))


def cholesky_jvp(ts: Tangents, ans: Array, a: Array) -> Array:
    """``L Φ(L⁻¹ sym(dA) L⁻ᴴ)``; Murray (2016), equation 8."""
    inverse = np.linalg.inv(ans)
    return ans @ halved(inverse @ (0.5 * (ts[0] + mH(ts[0]))) @ mH(inverse))


@primitive(
    vjps=(cholesky_rule,), name="linalg.cholesky", fresh=True, jvp=cholesky_jvp, complex=True
)
def lower_cholesky(a: Array) -> Array:
    factor = np.linalg.cholesky(a)
    if type(factor) is np.ndarray:
        return factor
    return np.tril(factor) + mH(np.triu(factor, 1))  # Dask's is the upper one


@composed(np.linalg.cholesky, name="linalg.cholesky", complex=True)
def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Array:
    """Lower triangle ``L`` with ``L Lᴴ = a``, as `numpy.linalg.cholesky`.

    Derivative: ``da = ½ y⁻ᵀ (Φ + Φᵀ) y⁻¹``, Φ the lower triangle of ``yᵀ dy``, its diagonal
    halved.

    ``a`` is taken to be Hermitian, and its gradient is the Hermitian one.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.cholesky(a).sum())(np.diag([4.0, 1.0]))
    array([[0.25, 0.25],
           [0.25, 0.5 ]])
    """
    return mH(lower_cholesky(mH(a))) if upper else lower_cholesky(a)


# --- QR --------------------------------------------------------------------------------


@textbook
def qr_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = (Q̄ + Q copyltu(R R̄ᴴ - Q̄ᴴ Q)) R⁻ᴴ``; copyltu mirrors the lower triangle.

    Seeger et al., "Auto-differentiating linear algebra" (2017), section 3.3.
    """
    (gq, gr), (q, r) = g, ans
    m = r @ mH(gr) - mH(gq) @ q
    lower = m * np.tri(np.shape(m)[-1], k=-1)
    symmetric = lower + mH(lower) + np.real(m) * np.eye(np.shape(m)[-1])
    return mH(np.linalg.solve(r, mH(gq + q @ symmetric)))


@primitive(vjps=(qr_rule,), name="linalg.qr", fresh=True, complex=True)
def tall_qr(a: Array) -> Array:
    return tuple(np.linalg.qr(a))


@composed(np.linalg.qr, name="linalg.qr", complex=True)
def qr(a: ArrayLike, mode: str = "reduced") -> Array:
    """Orthonormal ``Q`` and upper triangle ``R`` with ``Q R = a``, as `numpy.linalg.qr`.

    Derivative: with ``M = R dRᵀ - dQᵀ Q``: ``da = (dQ + Q copyltu(M)) R⁻ᵀ``, copyltu mirroring
    the lower triangle.

    Modes ``"reduced"``, ``"r"`` and, where ``a`` has no more rows than columns,
    ``"complete"``; the leading columns must be independent.

    Raises
    ------
    ValueError
        For modes whose columns have no derivative.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.qr(a, "r").sum())(np.array([[3.0], [4.0]]))
    array([[-0.6],
           [-0.8]])
    """
    m, n = np.shape(a)[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and m <= n):
        raise ValueError(
            f"linalg.qr: mode={mode!r} is not supported for shape {np.shape(a)}: "
            "no derivative of all its columns exists; use mode='reduced' or 'r'"
        )
    q, r = tall_qr(a[..., : min(m, n)])
    if n > m:  # the further columns of R are those of a in the basis Q
        r = np.concatenate([r, mH(q) @ a[..., m:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)


# --- singular values -------------------------------------------------------------------


@textbook
def svd_rule(g: Array, ans: Array, a: Array, full_matrices: bool = False) -> Array:
    """``Ā = U (Σ̄ + [F∘(UᴴŪ - ŪᴴU)]Σ + Σ[F∘(VᴴV̄ - V̄ᴴV)]) Vᴴ``, and what leaves the spaces.

    ``F_ik = 1 / (s_k² - s_i²)`` off the diagonal, where for complex matrices the phases add
    ``i Im(UᴴŪ - VᴴV̄) / 2Σ``.  Townsend, "Differentiating the singular value decomposition"
    (2016); Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019).
    """
    (gu, gs, gvh), (u, s, vh) = g, ans
    gv, v = mH(gvh), mH(vh)
    m, n = np.shape(a)[-2:]
    row, column = s[..., None, :], s[..., :, None]
    eye = np.eye(np.shape(s)[-1])
    phases: Array = 0.0
    if is_complex(u):  # LAPACK's reduction to two diagonals leaves one row real
        change = twist(u, gu) + twist(v, gv)
        gu, gv = (
            (gu, fixed_phase(gv, v, change, 0)) if m >= n else (fixed_phase(gu, u, change, 0), gv)
        )
        phases = 1j * over(twist(u, gu) - twist(v, gv), 2 * s)[..., None, :] * eye
    left, right = mH(u) @ gu, mH(v) @ gv
    difference = gaps(s**2)
    turned = over((left - mH(left)) * (1 - eye), difference) * row
    turned = turned + column * over((right - mH(right)) * (1 - eye), difference)
    inner = gs[..., None, :] * eye + phases + turned
    da = u @ inner @ vh
    if m > n:
        da = da + over(gu - u @ left, row) @ vh
    if n > m:
        da = da + u @ mH(over(gv - v @ right, row))
    return da


@primitive(vjps=(svd_rule,), name="linalg.svd", fresh=True, complex=True)
def thin_svd(a: Array, full_matrices: bool = False) -> Array:
    return tuple(np.linalg.svd(a, full_matrices=full_matrices))


def full_svd_rule(g: Array, ans: Array, a: Array) -> Array:
    """`svd_rule` of the leading singular vectors; the others are any basis of the rest."""
    (gu, gs, gvh), (u, s, vh), k = g, ans, np.shape(ans[1])[-1]
    if np.any(gu[..., k:] != 0) or np.any(gvh[..., k:, :] != 0):
        raise ValueError(
            f"linalg.svd: for shape {np.shape(a)}, full_matrices=True (the default) adds singular "
            "vectors that have no derivative; use full_matrices=False"
        )
    leading = (gu[..., :k], gs, gvh[..., :k, :]), (u[..., :k], s, vh[..., :k, :])
    return svd_rule(*leading, a)


full_svd: Op = Op(
    "linalg.svd", lambda a: tuple(np.linalg.svd(a)), (full_svd_rule,), fresh=True, complex=True
)


def svdvals_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = U diag(s̄) Vᴴ``."""
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return conjugated((u * g[..., None, :]) @ vh)


def svdvals_jvp(ts: Tangents, ans: Array, x: Array) -> Array:
    """``Re diag(Uᴴ dA V)``."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.real(np.sum(conjugated(u) * (ts[0] @ mH(vh)), axis=-2))


@primitive(
    np.linalg.svdvals,
    vjps=(svdvals_rule,),
    name="linalg.svdvals",
    fresh=True,
    jvp=svdvals_jvp,
    complex=True,
)
def svdvals(x: Array) -> Array:
    """Singular values, descending, as `numpy.linalg.svdvals`.

    Derivative: ``∂s_i/∂x = u_i v_iᵀ`` with the singular vectors; s_i must be simple and above 0.
    """
    return np.linalg.svd(x, compute_uv=False)


def hermitian_svd(a: Array, compute_uv: bool) -> Array:
    """Of a Hermitian matrix, of which the lower triangle is read: by its eigenvalues."""
    w, v = symmetric_eig(a)
    order = np.argsort(np.abs(w), axis=-1)[..., ::-1]
    s = np.take_along_axis(np.abs(w), order, -1)
    if not compute_uv:
        return s
    u = np.take_along_axis(v, order[..., None, :], -1)
    signs = np.take_along_axis(np.sign(np.where(w == 0, 1, w)), order, -1)
    return SVDResult(u, s, mH(u * signs[..., None, :]))


@composed(np.linalg.svd, name="linalg.svd", complex=True)
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Array:
    """Singular value decomposition ``U diag(S) Vh = a``, as `numpy.linalg.svd`.

    Singular vectors of a repeated singular value have no derivative: asking for it
    gives inf or NaN.

    Raises
    ------
    ValueError
        For the gradient of the singular vectors with ``full_matrices=True``, where that
        adds vectors, which have no derivative.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.svd(a).S[0])(np.diag([2.0, 1.0]))
    array([[1., 0.],
           [0., 0.]])
    """
    if hermitian:
        return hermitian_svd(a, compute_uv)
    if not compute_uv:
        return svdvals(a)
    m, n = np.shape(a)[-2:]
    if full_matrices and m != n:
        u, _, vh = full_svd(a)
        return SVDResult(u, svdvals(a), vh)
    return SVDResult(*thin_svd(a, full_matrices=False))
