"""Factorisations of matrices, differentiable where they are unique."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.ops.products import mT
from minigrad.ops.record import ArrayLike, Op, composed, is_complex, primitive
from minigrad.ops.shape import conjugated


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthonormal columns and upper triangle."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left singular vectors, singular values, and right singular vectors in rows."""

    U: Any
    S: Any
    Vh: Any


def refuse_hermitian(name: str, hermitian: bool) -> None:
    if hermitian:
        raise TypeError(
            f"{name}: hermitian=True is not supported; without it, the result is the same"
        )


def cholesky_rule(g: Any, ans: Any, a: Any) -> Any:
    """``Ā = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹)``, with Φ the lower triangle, its diagonal halved.

    Murray, "Differentiation of the Cholesky decomposition" (2016), equation 9.
    """
    n = np.shape(a)[-1]
    inverse = np.linalg.inv(ans)
    phi = (mT(ans) @ g) * (np.tri(n) - 0.5 * np.eye(n))
    s = mT(inverse) @ phi @ inverse
    return 0.5 * (s + mT(s))


def cholesky_jvp(ts: Any, ans: Any, a: Any) -> Any:
    """``L Φ(L⁻¹ sym(dA) L⁻ᵀ)``; Murray (2016), equation 8."""
    n = np.shape(a)[-1]
    inverse = np.linalg.inv(ans)
    inner = inverse @ (0.5 * (ts[0] + mT(ts[0]))) @ mT(inverse)
    return ans @ (inner * (np.tri(n) - 0.5 * np.eye(n)))


@primitive(vjps=(cholesky_rule,), name="linalg.cholesky", fresh=True, jvp=cholesky_jvp)
def lower_cholesky(a: Any) -> Any:
    return np.linalg.cholesky(a)


@composed(np.linalg.cholesky, name="linalg.cholesky")
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """Lower triangle ``L`` with ``L Lᵀ = a``, as `numpy.linalg.cholesky`.

    ``a`` is taken to be symmetric, and its gradient is the symmetric one.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.cholesky(a).sum())(np.diag([4.0, 1.0]))
    array([[0.25, 0.25],
           [0.25, 0.5 ]])
    """
    return mT(lower_cholesky(mT(a))) if upper else lower_cholesky(a)


def qr_rule(g: Any, ans: Any, a: Any) -> Any:
    """``Ā = (Q̄ + Q copyltu(R R̄ᵀ - Q̄ᵀ Q)) R⁻ᵀ``; copyltu mirrors the lower triangle.

    Seeger et al., "Auto-differentiating linear algebra" (2017), section 3.3.
    """
    (gq, gr), (q, r) = g, ans
    m = r @ mT(gr) - mT(gq) @ q
    lower = m * np.tri(np.shape(m)[-1], k=-1)
    symmetric = lower + mT(lower) + m * np.eye(np.shape(m)[-1])
    return mT(np.linalg.solve(r, mT(gq + q @ symmetric)))


@primitive(vjps=(qr_rule,), name="linalg.qr", fresh=True)
def tall_qr(a: Any) -> Any:
    return tuple(np.linalg.qr(a))


@composed(np.linalg.qr, name="linalg.qr")
def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """Orthonormal ``Q`` and upper triangle ``R`` with ``Q R = a``, as `numpy.linalg.qr`.

    Modes ``"reduced"``, ``"r"`` and, where ``a`` has no more rows than columns,
    ``"complete"``; the leading columns must be independent.

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
        r = np.concatenate([r, mT(q) @ a[..., m:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)


def over(x: Any, gap: Any) -> Any:
    """``x / gap``, with 0 for 0 / 0: nothing asks for what does not exist there."""
    quiet = (gap == 0) & (x == 0)
    return np.where(quiet, 0.0, x / np.where(quiet, 1.0, gap))


def gaps(w: Any) -> Any:
    """``w_k - w_i`` at ``i, k``."""
    return w[..., None, :] - w[..., :, None]


def doubled(s: Any, UPLO: str) -> Any:
    """The triangle that is read, of a symmetric ``s``, with the other one added."""
    n = np.shape(s)[-1]
    weights = 2 * np.tri(n) - np.eye(n)
    return s * (weights if UPLO in "Ll" else weights.T)


def eigh_rule(g: Any, ans: Any, a: Any, UPLO: str = "L") -> Any:
    """``Ā = V (diag(w̄) + F∘(VᵀV̄ - V̄ᵀV) / 2) Vᵀ``, with ``F_ik = 1 / (w_k - w_i)``.

    One triangle is read, for both: what belongs to the other is its too.
    """
    (gw, gv), (w, v) = g, ans
    m = mT(v) @ gv
    turned = over(m - mT(m), 2 * gaps(w))
    return doubled(v @ (turned + gw[..., None, :] * np.eye(np.shape(w)[-1])) @ mT(v), UPLO)


def eigh_jvp(ts: Any, ans: Any, a: Any, UPLO: str = "L") -> Any:
    """``dw = diag(Vᵀ dA V)``, ``dV = V (F∘(Vᵀ dA V))``, of dA the triangle that is read."""
    w, v = ans
    half = 0.5 * doubled(ts[0], UPLO)
    turned = mT(v) @ (half + mT(half)) @ v
    eye = np.eye(np.shape(w)[-1])
    return np.sum(turned * eye, axis=-1), v @ over(turned * (1 - eye), gaps(w))


@primitive(vjps=(eigh_rule,), name="linalg.eigh", fresh=True, jvp=eigh_jvp)
def symmetric_eig(a: Any, UPLO: Any = "L") -> Any:
    return tuple(np.linalg.eigh(a, UPLO))


@composed(np.linalg.eigh, name="linalg.eigh")
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices, as `numpy.linalg.eigh`.

    Of ``a`` one triangle is read, the lower one for ``UPLO="L"``, and has the gradient.
    Eigenvectors of a repeated eigenvalue have no derivative: asking for it gives inf or NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.eigh(a).eigenvalues[1])(np.diag([1.0, 2.0]))
    array([[0., 0.],
           [0., 1.]])
    """
    return EighResult(*symmetric_eig(a, UPLO=UPLO))


@composed(np.linalg.eigvalsh, name="linalg.eigvalsh")
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of symmetric matrices, ascending, as `numpy.linalg.eigvalsh`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.eigvalsh(a)[1])(np.diag([1.0, 2.0]))
    array([[0., 0.],
           [0., 1.]])
    """
    return symmetric_eig(a, UPLO=UPLO)[0]


def svd_rule(g: Any, ans: Any, a: Any, full_matrices: bool = False) -> Any:
    """``Ā = U (Σ̄ + [F∘(UᵀŪ - ŪᵀU)]Σ + Σ[F∘(VᵀV̄ - V̄ᵀV)]) Vᵀ``, and what leaves the spaces.

    ``F_ik = 1 / (s_k² - s_i²)`` off the diagonal.  Townsend, "Differentiating the
    singular value decomposition" (2016).
    """
    (gu, gs, gvh), (u, s, vh) = g, ans
    gv, v = mT(gvh), mT(vh)
    row, column = s[..., None, :], s[..., :, None]
    difference = gaps(s**2)
    eye = np.eye(np.shape(s)[-1])
    left, right = mT(u) @ gu, mT(v) @ gv
    inner = (
        gs[..., None, :] * eye
        + over(left - mT(left), difference) * row
        + column * over(right - mT(right), difference)
    )
    da = u @ inner @ vh
    m, n = np.shape(a)[-2:]
    if m > n:
        da = da + over(gu - u @ left, row) @ vh
    if n > m:
        da = da + u @ mT(over(gv - v @ right, row))
    return da


@primitive(vjps=(svd_rule,), name="linalg.svd", fresh=True)
def thin_svd(a: Any, full_matrices: bool = False) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=full_matrices))


def full_svd_rule(g: Any, ans: Any, a: Any) -> Any:
    raise ValueError(
        f"linalg.svd: for shape {np.shape(a)}, full_matrices=True (the default) adds singular "
        "vectors that have no derivative; use full_matrices=False"
    )


full_svd = Op("linalg.svd", lambda a: tuple(np.linalg.svd(a)), (full_svd_rule,), fresh=True)


def svdvals_rule(g: Any, ans: Any, a: Any) -> Any:
    """``Ā = U diag(s̄) Vᵀ``."""
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return (u * g[..., None, :]) @ vh


def svdvals_jvp(ts: Any, ans: Any, x: Any) -> Any:
    """``diag(Uᵀ dA V)``."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.sum(u * (ts[0] @ mT(vh)), axis=-2)


@primitive(
    np.linalg.svdvals, vjps=(svdvals_rule,), name="linalg.svdvals", fresh=True, jvp=svdvals_jvp
)
def svdvals(x: Any) -> Any:
    """Singular values, descending, as `numpy.linalg.svdvals`."""
    return np.linalg.svd(x, compute_uv=False)


@composed(np.linalg.svd, name="linalg.svd")
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
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
    refuse_hermitian("linalg.svd", hermitian)
    if not compute_uv:
        return svdvals(a)
    m, n = np.shape(a)[-2:]
    if full_matrices and m != n:
        u, _, vh = full_svd(a)
        return SVDResult(u, svdvals(a), vh)
    return SVDResult(*thin_svd(a, full_matrices=False))


# --- of matrices that are not symmetric --------------------------------------------------


class EigResult(NamedTuple):
    """Eigenvalues, and eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


def largest_of(v: Any) -> Any:
    """Where the largest element of every column is."""
    rows = np.arange(np.shape(v)[-2])[:, None]
    return rows == np.argmax(np.abs(v), axis=-2)[..., None, :]


def fixed(gv: Any, v: Any) -> Any:
    """What the scale of eigenvectors takes away: unit length, and the largest element real.

    That is how LAPACK's geev leaves them.
    """
    s = np.sum(gv * v, axis=-2, keepdims=True)
    gv = gv - np.real(s) * conjugated(v)
    if is_complex(v):
        largest = largest_of(v)
        gv = gv - np.where(largest, 1j * np.imag(s) / np.where(largest, v, 1.0), 0.0)
    return gv


def eig_rule(g: Any, ans: Any, a: Any) -> Any:
    """``Ā = V⁻ᵀ (diag(w̄) + F∘(Vᵀ V̄)) Vᵀ``, with ``F_ik = 1 / (w_k - w_i)``.

    Giles (2008), section 3.1, and the scale of the eigenvectors.
    """
    (gw, gv), (w, v) = g, ans
    eye = np.eye(np.shape(w)[-1])
    turned = over((mT(v) @ fixed(gv, v)) * (1 - eye), gaps(w))
    return np.linalg.solve(mT(v), (turned + gw[..., None, :] * eye) @ mT(v))


@primitive(vjps=(eig_rule,), name="linalg.eig", fresh=True, complex=True)
def general_eig(a: Any) -> Any:
    return tuple(np.linalg.eig(a))


@composed(np.linalg.eig, name="linalg.eig", complex=True)
def eig(a: ArrayLike) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, as `numpy.linalg.eig`.

    They are complex where an eigenvalue is.  Where an eigenvalue is repeated there is no
    derivative: asking for it gives inf or NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.eig(a).eigenvalues[0])(np.array([[1.0, 2.0], [0.0, 3.0]]))
    array([[ 1.,  0.],
           [-1.,  0.]])
    """
    return EigResult(*general_eig(a))


@composed(np.linalg.eigvals, name="linalg.eigvals", complex=True)
def eigvals(a: ArrayLike) -> Any:
    """Eigenvalues of square matrices, as `numpy.linalg.eigvals`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> mg.grad(lambda a: np.imag(np.linalg.eigvals(a)[0]))(turn)
    array([[ 0. , -0.5],
           [ 0.5,  0. ]])
    """
    return general_eig(a)[0]
