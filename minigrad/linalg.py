"""`numpy.linalg`'s names: differentiable linear algebra as ``mg.linalg``.

NumPy's own functions, called on Tensors, are the same functions.
"""

from minigrad.ops.factorisations import cholesky, eigh, eigvalsh, qr, svd, svdvals
from minigrad.ops.matrices import (
    LinAlgError,
    cond,
    cross,
    det,
    diagonal,
    inv,
    lstsq,
    matrix_norm,
    matrix_power,
    matrix_rank,
    multi_dot,
    norm,
    outer,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
    trace,
    vector_norm,
)
from minigrad.ops.products import matmul, matrix_transpose, tensordot, vecdot

__all__ = sorted(name for name in globals() if not name.startswith("_"))  # noqa: PLE0605
