"""minigrad: reverse-mode automatic differentiation on NumPy that shows its work."""

from minigrad import linalg
from minigrad.autodiff import (
    defop,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from minigrad.debug import debug
from minigrad.gradcheck import gradcheck
from minigrad.graph import no_grad
from minigrad.ops import *
from minigrad.tensor import Tensor

__version__ = "0.1.0"
