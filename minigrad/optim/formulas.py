"""The update formulas, from gradient descent to Lion.

Every class here is one function, ``update(x, g, state, lr, ...)``: the step Δ that is
subtracted from a parameter x whose gradient is g, θ ← θ − Δ, as in the paper that it is
from.  ``state`` is a dict of the parameter's own, empty at first, in which the formula
keeps what it remembers.
"""

from __future__ import annotations

import numpy as np

from minigrad.optim.optimisers import Optimiser, State
from minigrad.typing import Array


class SGD(Optimiser):
    """Gradient descent, ``Δ = α g``, with momentum if wanted.

    ``v ← μ v + (1 − τ) g`` and ``Δ = α v``: the heavy ball of B. T. Polyak (1964), with
    v = g at the first step.  With ``nesterov``, ``Δ = α (g + μ v)``, in the form of
    I. Sutskever et al., "On the importance of initialization and momentum in deep
    learning" (2013), that PyTorch uses.  ``weight_decay`` λ adds λθ to g.

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor(3.0, requires_grad=True)
    >>> sgd = mg.optim.SGD([theta], lr=0.1)
    >>> for _ in range(2):
    ...     sgd.zero_grad()
    ...     (theta**2).backward()
    ...     sgd.step()
    >>> print(f"{theta.item():.2f}")
    1.92
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> Array:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        if momentum:  # a copy, as the gradient is the caller's to write into
            v = momentum * state["v"] + (1 - dampening) * g if "v" in state else g.copy()
            state["v"] = v
            g = g + momentum * v if nesterov else v
        return lr * g


class Adagrad(Optimiser):
    """``v ← v + g²``, ``Δ = α g / (√v + ε)``.

    ``lr_decay`` η makes ``α / (1 + η (t − 1))`` of α at step t.  J. Duchi, E. Hazan and
    Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011).

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor([1.0, 1.0], requires_grad=True)
    >>> adagrad = mg.optim.Adagrad([theta], lr=0.1)
    >>> (theta * [100.0, 0.01]).sum().backward()
    >>> adagrad.step()  # each number by its own measure
    >>> theta.data.round(6)
    array([0.9, 0.9])
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> Array:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        t = state["t"] = state.get("t", 0) + 1
        v = state["v"] = state.get("v", initial_accumulator_value) + g * g
        return lr / (1 + lr_decay * (t - 1)) * g / (np.sqrt(v) + eps)


class RMSprop(Optimiser):
    """``v ← ρ v + (1 − ρ) g²``, ``Δ = α g / (√v + ε)``, with ρ = ``alpha``.

    ``centered`` takes the variance, ``v − ḡ²`` with the running mean ḡ, for v;
    ``momentum`` μ makes ``b ← μ b + g / (√v + ε)``, ``Δ = α b``.  G. Hinton, lecture 6e
    of "Neural Networks for Machine Learning" (2012).

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor(1.0, requires_grad=True)
    >>> rmsprop = mg.optim.RMSprop([theta], lr=0.01, alpha=0.75)
    >>> (3 * theta).backward()
    >>> rmsprop.step()  # 0.01 · 3 / √(0.25 · 9)
    >>> print(f"{theta.item():.4f}")
    0.9800
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> Array:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        v = state["v"] = alpha * state.get("v", 0.0) + (1 - alpha) * g * g
        if centered:
            mean = state["mean"] = alpha * state.get("mean", 0.0) + (1 - alpha) * g
            v = np.maximum(v - mean * mean, 0)
        g = g / (np.sqrt(v) + eps)
        if momentum:
            g = state["b"] = momentum * state.get("b", 0.0) + g
        return lr * g


class Adam(Optimiser):
    """``m ← β₁ m + (1 − β₁) g``, ``v ← β₂ v + (1 − β₂) g²``, ``Δ = α m̂ / (√v̂ + ε)``.

    ``m̂ = m / (1 − β₁ᵗ)`` and ``v̂ = v / (1 − β₂ᵗ)`` undo the start from zero.  D. P.
    Kingma and J. Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    ``weight_decay`` λ adds λθ to g; ``amsgrad`` takes the largest v so far (S. J. Reddi,
    S. Kale and S. Kumar, "On the Convergence of Adam and Beyond", 2018).

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> w = mg.Tensor(np.zeros(2), requires_grad=True)
    >>> adam = mg.optim.Adam([w], lr=0.1)
    >>> ((w - np.array([1.0, 100.0])) ** 2).sum().backward()
    >>> adam.step()
    >>> w.data.round(6)
    array([0.1, 0.1])
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> Array:
        """The step of one parameter."""
        if weight_decay:
            g = g + weight_decay * x
        b1, b2 = betas
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
        v = state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g * g
        if amsgrad:
            v = state["largest"] = np.maximum(state.get("largest", 0.0), v)
        return lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + eps)


class AdamW(Optimiser):
    """Adam with weight decay beside the gradient, not in it: ``Δ = Δ_Adam + α λ θ``.

    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization" (2019),
    algorithm 2.

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor(1.0, requires_grad=True)
    >>> adamw = mg.optim.AdamW([theta], lr=0.1, weight_decay=0.5)
    >>> (0 * theta).backward()
    >>> adamw.step()  # no gradient: the decay alone
    >>> print(f"{theta.item():.2f}")
    0.95
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> Array:
        """The step of one parameter."""
        step = Adam.update(x, g, state, lr, betas, eps, amsgrad=amsgrad)
        return step + lr * weight_decay * x


class Lion(Optimiser):
    """``Δ = α (sign(β₁ m + (1 − β₁) g) + λ θ)``, then ``m ← β₂ m + (1 − β₂) g``.

    X. Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.

    Parameters and errors are those of `Optimiser`.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta = mg.Tensor([1.0, 1.0], requires_grad=True)
    >>> lion = mg.optim.Lion([theta], lr=0.01)
    >>> (theta * [-1e6, 1e-6]).sum().backward()
    >>> lion.step()  # the sign of the gradient is all that counts
    >>> theta.data
    array([1.01, 0.99])
    """

    @staticmethod
    def update(
        x: Array,
        g: Array,
        state: State,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> Array:
        """The step of one parameter."""
        b1, b2 = betas
        m = state.get("m", 0.0)
        state["m"] = b2 * m + (1 - b2) * g
        return lr * (np.sign(b1 * m + (1 - b1) * g) + weight_decay * x)
