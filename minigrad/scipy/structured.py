"""Matrices that are written with fewer numbers: blocks, constant diagonals, bands."""

from __future__ import annotations

import numpy as np
import scipy.linalg as sl

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import like
from minigrad.typing import Array


def block_diag(*arrs: Array) -> Array:
    """Matrices one after the other along the diagonal, zeros elsewhere.

    Derivative: each matrix gets the block of ``dy`` where it stands.

    Examples
    --------
    >>> block_diag([[1.0]], [[2.0, 3.0]])
    array([[1., 0., 0.],
           [0., 2., 3.]])
    """
    blocks = [np.atleast_2d(arrayed(a)) for a in arrs]
    if not blocks:
        return np.zeros((1, 0))
    width, at, lines = sum(np.shape(b)[1] for b in blocks), 0, []
    for b in blocks:
        n = np.shape(b)[1]
        lines.append(np.pad(b, [(0, 0), (at, width - at - n)]))
        at += n
    return np.concatenate(lines)


@like(sl.toeplitz, "c r", alone=True)
def toeplitz(c: Array, r: Array = None) -> Array:
    """The matrix with first column ``c`` and first row ``r`` that is constant on diagonals.

    Without a row it is Hermitian: the row is the column, conjugated.

    Derivative: ``dc`` and ``dr`` are the sums of ``dy`` along the diagonals.

    Examples
    --------
    >>> toeplitz([1.0, 2.0, 3.0])
    array([[1., 2., 3.],
           [2., 1., 2.],
           [3., 2., 1.]])
    """
    c = np.atleast_1d(arrayed(c))
    r = np.conj(c) if r is None else np.atleast_1d(arrayed(r))
    n, m = np.shape(c)[-1], np.shape(r)[-1]
    lead = np.broadcast_shapes(np.shape(c)[:-1], np.shape(r)[:-1])
    c, r = np.broadcast_to(c, (*lead, n)), np.broadcast_to(r, (*lead, m))
    values = np.concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    return values[..., np.arange(n)[::-1][:, None] + np.arange(m)]


@like(sl.solve_banded, "ab b")
def solve_banded(l_and_u: tuple[int, int], ab: Array, b: Array) -> Array:
    """The x with ``A x = b``, A given by its diagonals, the highest first, as SciPy has them.

    Derivative: ``db = A⁻ᵀ dx`` and ``dA = -db xᵀ``, of which the diagonals are kept.

    The matrix is built for it: n² numbers of memory.

    Raises
    ------
    ValueError
        For another number of rows than of diagonals.

    Examples
    --------
    >>> solve_banded((0, 1), [[0.0, 1.0], [2.0, 4.0]], [4.0, 4.0])
    array([1.5, 1. ])
    """
    low, up = l_and_u
    ab = arrayed(ab)
    n = np.shape(ab)[1]
    if np.ndim(ab) != 2 or np.shape(ab)[0] != low + up + 1:
        raise ValueError(
            f"solve_banded: {low} diagonals below and {up} above the main one are "
            f"{low + up + 1} rows; ab has shape {np.shape(ab)}"
        )
    i, j = np.indices((n, n))
    inside = (i - j <= low) & (j - i <= up)
    dense = np.where(inside, ab[np.where(inside, up + i - j, 0), j], 0.0)
    return np.linalg.solve(dense, arrayed(b))


_describe(vars(), OF_SCIPY)
