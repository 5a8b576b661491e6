"""A stopping rule looks at how far a descent has come, and says why to stop, or nothing.

Any function will do: it is given a `Progress` and returns the reason as a string, or
None.  Rules hold no state, so that one may serve many descents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from minigrad.optim.clipping import norm_of
from minigrad.tree import flatten
from minigrad.typing import Tree


@dataclass
class Progress:
    """How far a descent has come: what stopping rules and callbacks are given.

    Attributes
    ----------
    x : Any
        The parameters, in the structure of ``x0``; read-only arrays.
    step : int
        Number of this step, from 1.
    epoch : int
        Number of this pass over the batches, from 1; without batches, the step.
    loss : float
        At ``x``; for a rule, with batches, the mean over the epoch.
    gradient : Any
        At ``x``, in its structure.
    lr : float
        Learning rate of this step.
    losses, lowest : list of float
        The loss of every epoch so far, and the lowest up to each.

    Examples
    --------
    >>> import minigrad as mg
    >>> seen = []
    >>> theta, _ = mg.optim.minimize(
    ...     lambda t: t**2, 1.0, lr=0.25, steps=3, callback=lambda p: seen.append((p.step, p.loss))
    ... )
    >>> seen
    [(1, 1.0), (2, 0.25), (3, 0.0625)]
    """

    x: Tree
    step: int = 0
    epoch: int = 0
    loss: float = math.inf
    gradient: Tree = None
    lr: float = 0.0
    losses: list[float] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)


Rule = Callable[[Progress], str | None]


@dataclass(frozen=True)
class Epochs:
    """So many passes over the batches; without batches, so many steps.

    Raises
    ------
    ValueError
        For less than one.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 1.0, lr=0.1, stop=mg.optim.Epochs(5))
    >>> history.reason
    '5 epochs are done'
    """

    number: int

    def __post_init__(self) -> None:
        _positive("Epochs", "number", self.number)

    def __call__(self, p: Progress) -> str | None:
        return f"{self.number} epochs are done" if p.epoch >= self.number else None


@dataclass(frozen=True)
class LossBelow:
    """The loss is good enough: below ``threshold``.

    Examples
    --------
    >>> import minigrad as mg
    >>> stop = mg.optim.LossBelow(0.01)
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 1.0, lr=0.25, stop=stop)
    >>> history.reason
    'the loss 0.00390625 is below 0.01 at step 5'
    """

    threshold: float

    def __call__(self, p: Progress) -> str | None:
        if p.loss < self.threshold:
            return f"the loss {p.loss:.6g} is below {self.threshold:g} at step {p.step}"
        return None


@dataclass(frozen=True)
class Patience:
    """The lowest loss has not fallen, by more than ``delta``, for so many epochs.

    Raises
    ------
    ValueError
        For less than one epoch, or a negative ``delta``.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta, history = mg.optim.minimize(abs, 0.95, lr=0.5, stop=mg.optim.Patience(2))
    >>> history.reason
    'no improvement over 2 epochs: the lowest loss is 0.05'
    """

    epochs: int
    delta: float = 0.0

    def __post_init__(self) -> None:
        _positive("Patience", "epochs", self.epochs)
        if not self.delta >= 0:
            raise ValueError(f"Patience: delta must not be negative, as {self.delta!r} is")

    def __call__(self, p: Progress) -> str | None:
        if len(p.lowest) <= self.epochs:
            return None
        if p.lowest[-1 - self.epochs] - p.lowest[-1] > self.delta:
            return None
        return f"no improvement over {self.epochs} epochs: the lowest loss is {p.lowest[-1]:.6g}"


@dataclass(frozen=True)
class GradientNorm:
    """The gradient is no longer than ``threshold``: the ground is level.

    Examples
    --------
    >>> import minigrad as mg
    >>> stop = mg.optim.GradientNorm(0.1)
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 1.0, lr=0.25, stop=stop)
    >>> history.reason
    "the gradient's norm 0.0625 is within 0.1 at step 6"
    """

    threshold: float

    def __call__(self, p: Progress) -> str | None:
        norm = norm_of(flatten(p.gradient)[0])
        if norm <= self.threshold:
            return f"the gradient's norm {norm:.3g} is within {self.threshold:g} at step {p.step}"
        return None


@dataclass(frozen=True)
class Divergence:
    """The loss has grown to ``factor`` times the first: the learning rate is too large.

    Raises
    ------
    ValueError
        For a factor that is not above 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> stop = mg.optim.Divergence(100.0)
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 1.0, lr=2.0, stop=stop)
    >>> history.reason
    'diverged: the loss grew from 1 to 729 by step 4; the learning rate 2 is too large'
    """

    factor: float = 10.0

    def __post_init__(self) -> None:
        if not self.factor > 1:
            raise ValueError(f"Divergence: factor must be above 1, not {self.factor!r}")

    def __call__(self, p: Progress) -> str | None:
        first = p.losses[0]
        if p.loss - first > (self.factor - 1) * abs(first):
            return (
                f"diverged: the loss grew from {first:.6g} to {p.loss:.6g} by step {p.step}; "
                f"the learning rate {p.lr:g} is too large"
            )
        return None


def _positive(rule: str, name: str, value: int) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{rule}: {name} must be a whole number of at least 1, not {value!r}")
