"""Gradients of functions and of recorded Tensors."""

from minigrad.autodiff.functions import grad, jvp, linearize, value_and_grad, vjp
from minigrad.autodiff.jacobians import hessian, hvp, jacobian
from minigrad.autodiff.recorded import defop, gradients

__all__ = [
    "defop",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "value_and_grad",
    "vjp",
]
