"""The contestants: how each library gets from a loss function to a step.

A loss is called with the parameters, then the constants.  The first argument of a peer's
loss is the peer's module, so that nobody imports what he does not use, or does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from benchmarks import THREADS, tape
from benchmarks.contest import Step, Unavailable, Workload
from minigrad.tensor import door

HAND = "hand-written"
BACKWARD, FUNCTION = "minigrad backward", "minigrad value_and_grad"
COMPILED = "minigrad compiled"
EAGER = (BACKWARD, FUNCTION)
TORCH, JAX, AUTOGRAD, MYGRAD, MICROGRAD = "PyTorch", "jax.jit", "autograd", "MyGrad", "micrograd"

TAPE, UNKEPT = "a tape of one page", "minigrad backward, no copies of constants"

Loss = Callable[..., Any]
Enter = Callable[[Loss], Loss]


def entered(workload: Workload, name: str, way: Callable[..., Step], ops: int) -> Enter:
    """Decorator: ``name`` takes ``way`` with the loss below."""

    def enter(loss: Loss) -> Loss:
        workload.contestant(name, ops)(lambda *data: way(loss, workload.parameters, *data))
        return loss

    return enter


def by_hand(workload: Workload, ops: int = 1) -> Enter:
    """The function below returns the loss and its gradients."""
    return entered(workload, HAND, lambda f, n, *data: partial(f, *data), ops)


def by_minigrad(workload: Workload, ops: int = 1) -> Enter:
    """One loss, three ways: ``backward()``, ``value_and_grad``, and that compiled."""

    def enter(loss: Loss) -> Loss:
        entered(workload, BACKWARD, minigrad_backward, ops)(loss)
        entered(workload, FUNCTION, minigrad_function, ops)(loss)
        entered(workload, COMPILED, minigrad_compiled, ops)(loss)
        return loss

    return enter


def by_tape(workload: Workload, ops: int = 1) -> Enter:
    """The loss gets `benchmarks.tape`."""
    return entered(workload, TAPE, tape_backward, ops)


def by_torch(workload: Workload, ops: int = 1) -> Enter:
    """PyTorch, eager."""
    return entered(workload, TORCH, torch_backward, ops)


def by_jax(workload: Workload, ops: int = 1) -> Enter:
    """JAX, compiled."""
    return entered(workload, JAX, jax_function, ops)


def by_autograd(workload: Workload, ops: int = 1) -> Enter:
    """The loss gets ``autograd.numpy``."""
    return entered(workload, AUTOGRAD, autograd_function, ops)


def by_mygrad(workload: Workload, ops: int = 1) -> Enter:
    """MyGrad, as it is by default."""
    return entered(workload, MYGRAD, mygrad_backward, ops)


# --- minigrad --------------------------------------------------------------------------


def minigrad_backward(loss: Loss, n: int, *data: Any) -> Step:
    """The step of somebody who keeps parameters and calls ``backward()``."""
    parameters = [mg.Tensor(v, requires_grad=True) for v in data[:n]]
    constants = data[n:]

    def step() -> Any:
        for p in parameters:
            p.grad = None
        L = loss(*parameters, *constants)
        L.backward()
        return L, [p.grad for p in parameters]

    return step


def unkept_backward(loss: Loss, n: int, *data: Any) -> Step:
    """The same where nobody may write into a constant, for none is copied."""
    step = minigrad_backward(loss, n, *data)

    def careless() -> Any:
        keep, door.keep = door.keep, lambda x: None
        try:
            return step()
        finally:
            door.keep = keep

    return careless


def tape_backward(loss: Loss, n: int, *data: Any) -> Step:
    """The same with what little of it can be had for less."""
    parameters = [tape.Variable(np.float64(v) if np.ndim(v) == 0 else v) for v in data[:n]]
    constants = data[n:]

    def step() -> Any:
        for p in parameters:
            p.node.grad = None
        L = loss(tape, *parameters, *constants)
        L.backward()
        return L.value, [p.node.grad for p in parameters]

    return step


def minigrad_function(loss: Loss, n: int, *data: Any) -> Step:
    """The step of somebody who differentiates a function of plain arrays."""
    return partial(mg.value_and_grad(loss, argnums=tuple(range(n))), *data)


def minigrad_compiled(loss: Loss, n: int, *data: Any) -> Step:
    """The same function, compiled; constants are arguments like the parameters."""
    return partial(compiled(mg.value_and_grad(loss, argnums=tuple(range(n)))), *data)


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """``mg.compile(f)``.

    Raises
    ------
    Unavailable
        Where this minigrad has no ``compile``.
    """
    if not hasattr(mg, "compile"):
        raise Unavailable("minigrad.compile is not available")
    return mg.compile(f)


# --- peers -----------------------------------------------------------------------------


def torch_backward(loss: Loss, n: int, *data: Any) -> Step:
    """As `minigrad_backward`."""
    import torch

    torch.set_num_threads(THREADS)
    tensors = [torch.tensor(np.asarray(v)) for v in data]
    parameters, constants = [t.requires_grad_() for t in tensors[:n]], tensors[n:]

    def step() -> Any:
        for p in parameters:
            p.grad = None
        L = loss(torch, *parameters, *constants)
        L.backward()
        return L, [p.grad for p in parameters]

    return step


def jax_in_double() -> Any:
    """JAX, which would otherwise round everything to float32."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def jax_function(loss: Loss, n: int, *data: Any) -> Step:
    """As `minigrad_compiled`; all data live on the device, and answers stay there."""
    jax = jax_in_double()
    step = jax.jit(jax.value_and_grad(partial(loss, jax), argnums=tuple(range(n))))
    on_device = [jax.device_put(v) for v in data]
    return lambda: jax.block_until_ready(step(*on_device))


def autograd_function(loss: Loss, n: int, *data: Any) -> Step:
    """As `minigrad_function`; gradients of a tuple of parameters."""
    import autograd

    constants = data[n:]
    step = autograd.value_and_grad(lambda p: loss(autograd.numpy, *p, *constants))
    return partial(step, data[:n])


def mygrad_backward(loss: Loss, n: int, *data: Any) -> Step:
    """As `minigrad_backward`; MyGrad clears gradients by itself."""
    import mygrad

    parameters = [mygrad.tensor(v) for v in data[:n]]
    constants = data[n:]

    def step() -> Any:
        L = loss(mygrad, *parameters, *constants)
        L.backward()
        return L, [p.grad for p in parameters]

    return step
