"""Gradients of functions and of recorded Tensors."""

from minigrad.autodiff.checkpointing import checkpoint
from minigrad.autodiff.functions import grad, jvp, linearize, value_and_grad, vjp
from minigrad.autodiff.jacobians import hessian, hvp, jacobian
from minigrad.autodiff.mapping import vmap
from minigrad.autodiff.recorded import defop, gradients

__all__ = [
    "checkpoint", "defop", "grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "linearize",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
