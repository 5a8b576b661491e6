"""Spectral normalisation: a layer whose weights stretch nothing by more than 1."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn.checks import count, generator
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array, Random


class SpectralNorm(Module):
    """``layer`` with ``W / σ(W)`` for its weights W, σ being the largest singular value.

    σ ≈ uᵀ W v, with W as a matrix of one row per output.  While training, every call
    first improves u and v by ``u ← W v / ‖W v‖``, ``v ← Wᵀ u / ‖Wᵀ u‖`` (the power method);
    gradients flow through W alone, u and v being held.  T. Miyato et al., "Spectral
    Normalization for Generative Adversarial Networks" (2018), algorithm 1.

    Parameters
    ----------
    layer : Module
        With ``weight``, its outputs along axis 0: `Linear`, a convolution.
    n_power_iterations : int
        Improvements per call.
    eps : float
        Below which a length is taken for 0.
    rng : Generator or seed, optional
        What the first v is drawn with; by default the generator that `mg.nn.seed` seeds.

    Attributes
    ----------
    u, v : buffers, (outputs,) and (weights per output,)

    Raises
    ------
    TypeError
        For what has no ``weight`` of rank 2 or more.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.SpectralNorm(mg.nn.Linear(2, 2, bias=False, rng=0), rng=0)
    >>> layer.layer.weight.data = np.diag([4.0, 1.0])
    >>> for _ in range(20):
    ...     y = layer(np.array([1.0, 1.0]))
    >>> y.data.round(6)
    array([1.  , 0.25])
    """

    n_power_iterations: int
    u: Tensor
    v: Tensor

    def __init__(
        self, layer: Module, n_power_iterations: int = 1, eps: float = 1e-12, *, rng: Random = None
    ) -> None:
        who = "SpectralNorm"
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim < 2:
            raise TypeError(
                f"{who} wraps a layer with weights of rank 2 or more, as Linear has, "
                f"not {type(layer).__name__}"
            )
        self.layer: Any = layer
        self.n_power_iterations = count(who, "n_power_iterations", n_power_iterations, 0)
        self.eps = eps
        W = weight.data.reshape(weight.shape[0], -1)
        v = generator(who, rng).standard_normal(W.shape[1]).astype(W.dtype)
        self.u, self.v = map(Tensor, self._improved(W, v, 15))

    def _improved(self, W: Array, v: Array, rounds: int) -> tuple[Array, Array]:
        """Both singular vectors after so many rounds of the power method."""
        u = W @ v
        for _ in range(rounds):
            u = self._unit(W @ v)
            v = self._unit(u @ W)
        return u, v

    def _unit(self, x: Array) -> Array:
        return x / np.maximum(np.sqrt((x * x).sum()), self.eps)

    def forward(self, x: Array) -> Array:
        """The layer's output, with its weights divided by σ."""
        weight: Array = self.layer.weight
        W = ops.reshape(weight, (np.shape(weight)[0], -1))
        u, v = self.u.data, self.v.data
        if self.training and self.n_power_iterations:
            held = ops.reshape(weight.data, np.shape(W))
            u, v = self._improved(held, v, self.n_power_iterations)
            self.u.data, self.v.data = u, v
        scaled: Array = copy.copy(self.layer)
        scaled.weight = weight / (u @ (W @ v))
        return scaled(x)
