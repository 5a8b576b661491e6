"""`scipy.sparse`: systems with a constant sparse matrix; products are written ``S @ t``."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sparse
import scipy.sparse.linalg as spl

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed

__all__ = ["spsolve"]


def __dir__() -> list[str]:
    return __all__


def spsolve(A: Any, b: Any) -> Any:
    """The x with ``A x = b`` for a constant sparse A; differentiable by b.

    Derivative: ``db = A⁻ᵀ dx``.

    Parameters
    ----------
    A : sparse (n, n)
    b : (n,)

    Raises
    ------
    TypeError
        For an ``A`` that is not sparse.

    Examples
    --------
    >>> import scipy.sparse
    >>> spsolve(scipy.sparse.csc_array([[2.0, 0.0], [0.0, 4.0]]), [2.0, 8.0])
    array([1., 2.])
    """
    if not sparse.issparse(A):
        raise TypeError("spsolve: A must be sparse; np.linalg.solve takes dense matrices")
    matrix = sparse.csc_array(A)
    solve = Op(
        "sparse.spsolve",
        lambda b: spl.spsolve(matrix, b),
        (lambda g, ans, b: spsolve(matrix.T, g),),
        fresh=True,
        linear="each",
    )
    return solve(arrayed(b))


_describe(vars(), OF_SCIPY)
