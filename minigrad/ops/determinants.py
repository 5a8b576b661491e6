"""Determinants and cofactors, right where the matrix is singular too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.ops.kinds import conjugated
from minigrad.ops.products import mH, mT
from minigrad.ops.record import composed, is_complex, primitive
from minigrad.ops.reduction import others
from minigrad.typing import Array


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Array
    logabsdet: Array


def scaled(g: Array, matrix: Array) -> Array:
    """Every matrix of a batch times its number."""
    return g[..., None, None] * matrix


def orientation(u: Array, vh: Array) -> Array:
    """Determinant, 1 or -1, of a product of two orthogonal matrices; on the circle if unitary."""
    return np.sign(np.linalg.det(u @ vh))


def minors(a: Array) -> Array:
    """At ``i, j`` the matrix without row ``i`` and column ``j``, and the adjoint's factors."""
    n = np.shape(a)[-1]
    keep = np.stack([np.delete(np.eye(n), i, 0) for i in range(n)])
    rows, columns = keep[:, None], mT(keep)
    return rows @ a[..., None, None, :, :] @ columns, mT(rows), mT(columns)


def cofactors_along_rule(g: Array, ans: Array, h: Array, a: Array) -> Array:
    """Third derivatives: a cofactor is a determinant, of a minor, up to its sign.

    They are second derivatives of smaller determinants, so that this ends at any order.
    """
    n = np.shape(a)[-1]
    if n < 3:
        return np.zeros(np.shape(a))
    small, back, forth = minors(a)
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return np.sum(
        scaled(g * signs, back @ cofactors_along(minors(h)[0], small) @ forth), axis=(-4, -3)
    )


def symmetric_rule(g: Array, ans: Array, h: Array, a: Array) -> Array:
    """Second derivatives are symmetric."""
    return cofactors_along(g, a)


@primitive(
    vjps=(symmetric_rule, cofactors_along_rule),
    name="linalg.cofactors_along",
    fresh=True,
    complex=True,
)
def cofactors_along(h: Array, a: Array) -> Array:
    """Change of `cofactors` along ``h``: the second derivatives of the determinant times ``h``.

    With the singular vectors as bases a is diagonal.  There, with ``p_ik`` the product
    of all singular values but the i-th and k-th, the second derivatives are ``p_ik`` for
    the elements ``ii, kk`` and ``-p_ik`` for ``ik, ki``, and the others are 0.

    An op of its own because singular vectors, and so this formula, have no derivative
    where singular values coincide.
    """
    u, s, vh = np.linalg.svd(a)
    eye = np.eye(np.shape(s)[-1])
    p = others(np.where(eye == 1, 1.0, s[..., None, :]), -1) * (1 - eye)
    turned = mH(u) @ h @ mH(vh)
    along = (p @ np.einsum("...ii->...i", turned)[..., None]) * eye
    return scaled(orientation(u, vh), conjugated(u) @ (along - p * mT(turned)) @ conjugated(vh))


def accurate_inverse(a: Array) -> Array | None:
    """The inverse of real matrices of condition below 1,000; None, if one has another."""
    if a.dtype.kind != "f" or not a.size:
        return None
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    norms = [np.abs(x).sum(axis=-1).max(axis=-1) for x in (a, inverse)]
    return inverse if (norms[0] * norms[1] < 1000).all() else None


@primitive(
    vjps=(lambda g, ans, a: cofactors_along(g, a),),
    name="linalg.cofactors",
    fresh=True,
    complex=True,
)
def cofactors(a: Array) -> Array:
    """``det(a) a⁻ᵀ``, by the singular values where an inverse has too few digits, or none.

    So it exists for every rank; the inverse takes a tenth of the time.
    """
    inverse = accurate_inverse(a)
    if inverse is not None:
        return scaled(np.linalg.det(a), mT(inverse))
    u, s, vh = np.linalg.svd(a)
    return scaled(orientation(u, vh), conjugated(u * others(s, -1)[..., None, :]) @ conjugated(vh))


@primitive(
    np.linalg.det,
    vjps=(lambda g, ans, a: scaled(g, cofactors(a)),),
    regular=(
        lambda a: accurate_inverse(a) is not None,
        lambda g, ans, a: scaled(g * ans, mT(np.linalg.inv(a))),
    ),
    name="linalg.det",
    fresh=True,
    complex=True,
)
def det(a: Array) -> Array:
    """Determinant, as `numpy.linalg.det`; its derivatives are exact for singular matrices too.

    Third derivatives take O(n⁵) operations, and each further order O(n²) times as many.

    Parameters
    ----------
    a : array_like, shape (..., n, n)

    Returns
    -------
    Tensor, ndarray or scalar, shape (...)

    Raises
    ------
    LinAlgError
        When the matrices are not square.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.linalg.det)(np.diag([2.0, 0.0]))
    array([[0., 0.],
           [0., 2.]])
    """
    return np.linalg.det(a)


def slogdet_rule(g: Array, ans: Array, a: Array) -> Array:
    """``Ā = (ḡ + i Im(s̄ s)) A⁻ᵀ``: the logarithm of the determinant is ``log|d| + i arg d``."""
    gs, glog = g
    turned = glog + 1j * np.imag(gs * ans[0]) if is_complex(a) else glog
    return scaled(turned, mT(np.linalg.inv(a)))


@primitive(vjps=(slogdet_rule,), name="linalg.slogdet", fresh=True, complex=True)
def signed_logdet(a: Array) -> Array:
    return tuple(np.linalg.slogdet(a))


@composed(np.linalg.slogdet, name="linalg.slogdet", complex=True)
def slogdet(a: Array) -> SlogdetResult:
    """Sign and logarithm of the determinant, as `numpy.linalg.slogdet`.

    Derivative: of the logarithm ``a⁻ᵀ``; the sign only jumps.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.slogdet(a).logabsdet)(np.diag([2.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return SlogdetResult(*signed_logdet(a))
