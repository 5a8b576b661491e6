"""Gradients by the parameters of a module, as a function that can be compiled."""

from __future__ import annotations

from typing import Any

from minigrad.autodiff.recorded import gradients
from minigrad.errors import label
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, concrete
from minigrad.tree import tree_map
from minigrad.typing import Array, Function, Tree


def value_and_grad(module: Module, f: Function, has_aux: bool = False) -> Function:
    """What gives the value of ``f`` and its gradients by the parameters of ``module``.

    ``f`` calls the module; no ``.grad`` changes.  The answer can be compiled, and
    ``module.take_gradients`` hands its gradients to an optimiser.

    Parameters
    ----------
    module : Module
    f : callable
        ``f(*args)`` returns a loss, one number; with ``has_aux`` a pair, of the loss and
        whatever else, which is handed out without its gradients.

    Returns
    -------
    callable
        ``(*args) -> (value, gradients)``, or ``((value, aux), gradients)``: the gradients a
        list, in the order of ``module.parameters()``.

    Raises
    ------
    TypeError
        When ``f`` is no function, or returns no recorded Tensor.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]])
    >>> line = mg.nn.Linear(1, 1, rng=0)
    >>> step = mg.compile(mg.nn.value_and_grad(line, lambda x, y: mg.losses.mse(line(x), y)))
    >>> sgd = mg.optim.SGD(line.parameters(), lr=0.5)
    >>> for _ in range(100):
    ...     loss, gradients = step(x, y)
    ...     line.take_gradients(gradients)
    ...     sgd.step()
    >>> line.weight.data.round(3), line.bias.data.round(3)
    (array([[2.]]), array([1.]))
    """
    if not isinstance(module, Module) or not callable(f) or isinstance(f, Module):
        raise TypeError(
            f"nn.value_and_grad takes a module and a function that calls it, not {label(module)} "
            f"and {label(f)}: nn.value_and_grad(model, lambda x, y: loss(model(x), y))"
        )
    parameters = module.parameters()

    def value_and_gradients(*args: Array, **kwargs: Any) -> Tree:
        value, aux = f(*args, **kwargs) if has_aux else (f(*args, **kwargs), None)
        if not isinstance(value, Tensor) or value.node is None:
            raise TypeError(
                f"nn.value_and_grad: {label(f)} returned {label(value)}, which no parameter was "
                "used for; it must return a loss, computed by calling the module"
            )
        found = gradients(value, parameters)
        loss = detached(value)
        return ((loss, tree_map(detached, aux)) if has_aux else loss), found

    return value_and_gradients


def detached(x: Array) -> Array:
    """``x`` without a way back to what it was computed from; in a trace still a Tensor."""
    if not isinstance(x, Tensor):
        return x
    known = concrete(x)
    return x.detach() if known is None else known
