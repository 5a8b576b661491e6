"""`numpy.linalg`'s names: differentiable linear algebra as ``mg.linalg``.

NumPy's own functions, called on Tensors, are the same functions.  For type
checkers, ``name as name`` makes a name public.
"""

from minigrad.ops.chains import matrix_power as matrix_power
from minigrad.ops.chains import multi_dot as multi_dot
from minigrad.ops.determinants import det as det
from minigrad.ops.determinants import slogdet as slogdet
from minigrad.ops.eigen import eig as eig
from minigrad.ops.eigen import eigh as eigh
from minigrad.ops.eigen import eigvals as eigvals
from minigrad.ops.eigen import eigvalsh as eigvalsh
from minigrad.ops.factorisations import cholesky as cholesky
from minigrad.ops.factorisations import qr as qr
from minigrad.ops.factorisations import svd as svd
from minigrad.ops.factorisations import svdvals as svdvals
from minigrad.ops.glossary import document as _document
from minigrad.ops.matrices import LinAlgError as LinAlgError
from minigrad.ops.matrices import cross as cross
from minigrad.ops.matrices import diagonal as diagonal
from minigrad.ops.matrices import inv as inv
from minigrad.ops.matrices import lstsq as lstsq
from minigrad.ops.matrices import outer as outer
from minigrad.ops.matrices import pinv as pinv
from minigrad.ops.matrices import solve as solve
from minigrad.ops.matrices import tensorinv as tensorinv
from minigrad.ops.matrices import tensorsolve as tensorsolve
from minigrad.ops.matrices import trace as trace
from minigrad.ops.norms import cond as cond
from minigrad.ops.norms import matrix_norm as matrix_norm
from minigrad.ops.norms import matrix_rank as matrix_rank
from minigrad.ops.norms import norm as norm
from minigrad.ops.norms import vector_norm as vector_norm
from minigrad.ops.products import matmul as matmul
from minigrad.ops.products import matrix_transpose as matrix_transpose
from minigrad.ops.products import tensordot as tensordot
from minigrad.ops.products import vecdot as vecdot

_document(vars())
