"""Gradients cut to size, between ``backward()`` and ``step()``; replaced, not written into."""

from __future__ import annotations

import math

import numpy as np

from minigrad.errors import label
from minigrad.optim.optimisers import parameters_of
from minigrad.typing import Array, Tree


def clip_grad_value(parameters: Tree, limit: float) -> None:
    """Every element of every gradient into ``[−limit, limit]``.

    Parameters
    ----------
    parameters : Tensors, as for an optimiser
        Those without a gradient are passed over.
    limit : float
        Positive.

    Raises
    ------
    ValueError
        For a limit that is not positive.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> w = mg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (w * np.array([3.0, -40.0])).sum().backward()
    >>> mg.optim.clip_grad_value([w], 5.0)
    >>> w.grad
    array([ 3., -5.])
    """
    _positive("clip_grad_value", limit)
    for p in parameters_of(parameters, "clip_grad_value"):
        if p.grad is not None:
            p.grad = np.clip(p.grad, -limit, limit)


def clip_grad_norm(parameters: Tree, limit: float) -> float:
    """All gradients together, as one vector, to a length of at most ``limit``.

    They are multiplied by ``limit / (norm + 1e-6)`` if that is below 1, as in PyTorch.

    Parameters
    ----------
    parameters : Tensors, as for an optimiser
        Those without a gradient are passed over.
    limit : float
        Positive.

    Returns
    -------
    float
        The length before.

    Raises
    ------
    ValueError
        For a limit that is not positive.
    FloatingPointError
        For gradients that are not finite, which have no direction to keep.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> w = mg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (w * np.array([3.0, -4.0])).sum().backward()
    >>> mg.optim.clip_grad_norm([w], 1.0)
    5.0
    >>> w.grad.round(6)
    array([ 0.6, -0.8])
    """
    _positive("clip_grad_norm", limit)
    found = [p for p in parameters_of(parameters, "clip_grad_norm") if p.grad is not None]
    norm = norm_of([p.grad for p in found])
    if not math.isfinite(norm):
        worst = next(p for p in found if not math.isfinite(norm_of([p.grad])))
        raise FloatingPointError(
            f"clip_grad_norm: the gradient of {label(worst)} {worst.shape} is not finite"
        )
    scale = limit / (norm + 1e-6)
    if scale < 1:
        for p in found:
            p.grad = p.grad * scale
    return norm


def norm_of(gradients: list[Array]) -> float:
    """Their length as one vector."""
    with np.errstate(over="ignore"):
        return math.hypot(*[float(np.linalg.norm(np.ravel(g))) for g in gradients])


def _positive(who: str, limit: float) -> None:
    if not 0 < limit < math.inf:
        raise ValueError(f"{who}: the limit must be a positive number, not {limit!r}")
