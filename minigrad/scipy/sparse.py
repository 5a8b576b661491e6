"""`scipy.sparse`: systems with a constant sparse matrix; products are written ``S @ t``."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as spl

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import absent, like
from minigrad.typing import Array

__all__ = ["spsolve"]
__getattr__, __dir__ = absent("sparse.linalg", __all__)


@like(spl.spsolve, "b")
def spsolve(A: Array, b: Array) -> Array:
    """The x with ``A x = b`` for a constant sparse A; differentiable by b.

    Derivative: ``db = A⁻ᵀ dx``.

    Parameters
    ----------
    A : sparse (n, n)
    b : (n,) or (n, m)
        One column gives a vector, as SciPy has it.

    Raises
    ------
    TypeError
        For an ``A`` that is not sparse, and a ``b`` that is.
    ValueError
        For an ``A`` that is not square, and a ``b`` of another length.

    Examples
    --------
    >>> import scipy.sparse
    >>> spsolve(scipy.sparse.csc_array([[2.0, 0.0], [0.0, 4.0]]), [2.0, 8.0])
    array([1., 2.])
    """
    if not sparse.issparse(A):
        raise TypeError("spsolve: A must be sparse; np.linalg.solve takes dense matrices")
    if sparse.issparse(b):
        raise TypeError("spsolve: b is sparse; pass b.toarray()")
    matrix, b = sparse.csc_array(A), arrayed(b)
    if matrix.shape[0] != matrix.shape[1] or np.shape(b)[:1] != matrix.shape[:1]:
        raise ValueError(
            f"spsolve: A {matrix.shape} must be square, and b {np.shape(b)} have as many rows"
        )
    solve = Op(
        "sparse.spsolve",
        lambda b: spl.spsolve(matrix, b),
        (lambda g, ans, b: np.reshape(spsolve(matrix.T, g), np.shape(b)),),
        fresh=True,
        linear="each",
        complex=True,
    )
    return solve(b)


_describe(vars(), OF_SCIPY)
