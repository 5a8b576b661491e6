"""Eigenvalues and eigenvectors, differentiable where they are unique.

Of complex ones the phases are those that LAPACK leaves, which the rules keep.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple

import numpy as np

from minigrad.ops.kinds import conjugated
from minigrad.ops.products import mH, mT
from minigrad.ops.record import ArrayLike, Rule, composed, is_complex, primitive
from minigrad.typing import Array, Tangents

# --- what factorisations share ---------------------------------------------------------


def textbook(rule: Rule) -> Rule:
    """``rule`` for the gradient Ā with ``dL = Re tr(Āᴴ dA)``, as the literature has it.

    The library's is its conjugate, and the same for real matrices.
    """

    @functools.wraps(rule)
    def conjugating(g: Array, ans: Array, *args: Array, **kwargs: Any) -> Array:
        g = tuple(map(conjugated, g)) if isinstance(ans, tuple) else conjugated(g)
        return conjugated(rule(g, ans, *args, **kwargs))

    return conjugating


def over(x: Array, gap: Array) -> Array:
    """``x / gap``, with 0 for 0 / 0: nothing asks for what does not exist there."""
    quiet = (gap == 0) & (x == 0)
    return np.where(quiet, 0.0, x / np.where(quiet, 1.0, gap))


def gaps(w: Array) -> Array:
    """``w_k - w_i`` at ``i, k``."""
    return w[..., None, :] - w[..., :, None]


def twist(v: Array, gv: Array) -> Array:
    """By how much turning the phase of every column of ``v`` changes the result."""
    return np.imag(np.sum(conjugated(v) * gv, axis=-2))


def fixed_phase(gv: Array, v: Array, change: Array, row: int) -> Array:
    """``gv``, with what keeps one row of ``v`` real, where turning columns has ``change``."""
    here = np.arange(np.shape(v)[-2])[:, None] == row % max(1, np.shape(v)[-2])
    return gv - 1j * over(change[..., None, :] * here, np.where(here, np.real(v), 1.0))


# --- of Hermitian matrices -------------------------------------------------------------


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors in columns."""

    eigenvalues: Array
    eigenvectors: Array


def weights(n: int, UPLO: str) -> Array:
    """2 in the triangle that is read, which stands for the other one too, 1 on the diagonal."""
    lower = 2 * np.tri(n) - np.eye(n)
    return lower if UPLO in "Ll" else lower.T


@textbook
def eigh_rule(g: Array, ans: Array, a: Array, UPLO: str = "L") -> Array:
    """``Ā = V (diag(w̄) + F∘(VᴴV̄ - V̄ᴴV) / 2) Vᴴ``, with ``F_ik = 1 / (w_k - w_i)``.

    One triangle is read, for both: what belongs to the other is its too.
    """
    (gw, gv), (w, v) = g, ans
    if is_complex(v):  # LAPACK's first Householder vector leaves this row alone
        gv = fixed_phase(gv, v, twist(v, gv), 0 if UPLO in "Ll" else -1)
    n = np.shape(w)[-1]
    eye = np.eye(n)
    m = (mH(v) @ gv) * (1 - eye)
    turned = over(m - mH(m), 2 * gaps(w))
    return (v @ (turned + gw[..., None, :] * eye) @ mH(v)) * weights(n, UPLO)


def eigh_jvp(ts: Tangents, ans: Array, a: Array, UPLO: str = "L") -> Array:
    """``dw = diag(Vᴴ dA V)``, ``dV = V (F∘(Vᴴ dA V))``, of dA the triangle that is read."""
    w, v = ans
    n = np.shape(w)[-1]
    half = 0.5 * ts[0] * weights(n, UPLO)
    turned = mH(v) @ (half + mH(half)) @ v
    eye = np.eye(n)
    dv = v @ over(turned * (1 - eye), gaps(w))
    if is_complex(v):
        row = 0 if UPLO in "Ll" else -1
        dv = dv - 1j * v * over(np.imag(dv[..., row, :]), np.real(v[..., row, :]))[..., None, :]
    return np.real(np.sum(turned * eye, axis=-1)), dv


@primitive(vjps=(eigh_rule,), name="linalg.eigh", fresh=True, jvp=eigh_jvp, complex=True)
def symmetric_eig(a: Array, UPLO: Literal["L", "U", "l", "u"] = "L") -> Array:
    return tuple(np.linalg.eigh(a, UPLO))


@composed(np.linalg.eigh, name="linalg.eigh", complex=True)
def eigh(a: ArrayLike, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices, as `numpy.linalg.eigh`.

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


@composed(np.linalg.eigvalsh, name="linalg.eigvalsh", complex=True)
def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Array:
    """Eigenvalues of Hermitian matrices, ascending, as `numpy.linalg.eigvalsh`.

    Derivative: ``∂λ/∂A = v vᵀ`` with the eigenvector v; λ must be simple.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.eigvalsh(a)[1])(np.diag([1.0, 2.0]))
    array([[0., 0.],
           [0., 1.]])
    """
    return symmetric_eig(a, UPLO=UPLO)[0]


# --- of any matrix ----------------------------------------------------------------------


class EigResult(NamedTuple):
    """Eigenvalues, and eigenvectors in columns."""

    eigenvalues: Array
    eigenvectors: Array


def largest_of(v: Array) -> Array:
    """Where the largest element of every column is."""
    rows = np.arange(np.shape(v)[-2])[:, None]
    return rows == np.argmax(np.abs(v), axis=-2)[..., None, :]


def fixed(gv: Array, v: Array) -> Array:
    """What the scale of eigenvectors takes away: unit length, and the largest element real.

    That is how LAPACK's geev leaves them.
    """
    s = np.sum(gv * v, axis=-2, keepdims=True)
    gv = gv - np.real(s) * conjugated(v)
    if is_complex(v) and np.size(v):
        largest = largest_of(v)
        gv = gv - np.where(largest, 1j * np.imag(s) / np.where(largest, v, 1.0), 0.0)
    return gv


def eig_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = V⁻ᵀ (diag(w̄) + F∘(Vᵀ V̄)) Vᵀ``, with ``F_ik = 1 / (w_k - w_i)``.

    Giles (2008), section 3.1, and the scale of the eigenvectors.
    """
    (gw, gv), (w, v) = g, ans
    eye = np.eye(np.shape(w)[-1])
    turned = over((mT(v) @ fixed(gv, v)) * (1 - eye), gaps(w))
    return np.linalg.solve(mT(v), (turned + gw[..., None, :] * eye) @ mT(v))


@primitive(vjps=(eig_rule,), name="linalg.eig", fresh=True, complex=True)
def general_eig(a: Array) -> Array:
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
def eigvals(a: ArrayLike) -> Array:
    """Eigenvalues of square matrices, as `numpy.linalg.eigvals`.

    Derivative: ``∂λ/∂A = (u vᵀ / uᵀv)``, v a right and u a left eigenvector; λ must be simple.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> mg.grad(lambda a: np.imag(np.linalg.eigvals(a)[0]))(turn)
    array([[ 0. , -0.5],
           [ 0.5,  0. ]])
    """
    return general_eig(a)[0]
