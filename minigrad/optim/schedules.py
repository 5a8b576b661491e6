"""A learning-rate schedule is a function of the step: ``schedule(t)`` is the rate of step t.

Wherever a rate is asked for, such a function may be given.  It has no state of its own:
an optimiser that knows its step knows its rate, also after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]
"""Step, counted from 0, to learning rate."""


def rate_at(lr: float | Schedule, t: int) -> float:
    """The learning rate of step ``t``.

    Raises
    ------
    ValueError
        When a schedule returns a rate that is negative or not finite.
    """
    if not callable(lr):
        return lr
    rate = float(lr(t))
    if not 0 <= rate < math.inf:
        raise ValueError(f"the schedule gave the learning rate {rate:g} for step {t}")
    return rate


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """``lr · factor^⌊t / every⌋``: the rate falls by ``factor`` every so many steps.

    Raises
    ------
    ValueError
        For a negative rate or factor, or ``every`` below 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> rate = mg.optim.step_decay(0.1, every=30, factor=0.5)
    >>> rate(0), rate(29), rate(30), rate(60)
    (0.1, 0.1, 0.05, 0.025)
    """
    _check("step_decay", lr=lr, factor=factor)
    _check_count("step_decay", every=every)
    return lambda t: lr * factor ** (t // every)


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """``final + ½ (lr − final) (1 + cos(π t / steps))``, and ``final`` ever after.

    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts"
    (2017), equation 5, without restarts.

    Raises
    ------
    ValueError
        For a negative rate, or ``steps`` below 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> rate = mg.optim.cosine(0.1, steps=100)
    >>> [round(rate(t), 6) for t in (0, 50, 100, 1000)]
    [0.1, 0.05, 0.0, 0.0]
    """
    _check("cosine", lr=lr, final=final)
    _check_count("cosine", steps=steps)
    return lambda t: final + 0.5 * (lr - final) * (1 + math.cos(math.pi * min(t / steps, 1.0)))


def linear(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From ``lr`` to ``final`` along a line of ``steps`` steps, and ``final`` ever after.

    After a `warm_up`, the rate of J. Devlin et al., "BERT" (2018).

    Raises
    ------
    ValueError
        For a negative rate, or ``steps`` below 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> rate = mg.optim.warm_up(mg.optim.linear(1.0, steps=100), steps=10, start=0.0)
    >>> [round(rate(t), 6) for t in (0, 5, 10, 60, 110, 1000)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    _check("linear", lr=lr, final=final)
    _check_count("linear", steps=steps)
    return lambda t: lr + (final - lr) * min(t / steps, 1.0)


def warm_up(after: float | Schedule, steps: int, start: float = 0.1) -> Schedule:
    """A rate that rises along a line for ``steps`` steps, and then follows ``after``.

    Parameters
    ----------
    after : float or schedule
        The rate from step ``steps`` on, a number where it then stays; a schedule starts
        there at its own step 0.
    steps : int
    start : float
        The first rate, as a share of the one that the line leads to.

    Raises
    ------
    ValueError
        For a negative rate or share, or ``steps`` below 1.

    Examples
    --------
    >>> import minigrad as mg
    >>> rate = mg.optim.warm_up(mg.optim.cosine(0.1, steps=100), steps=10)
    >>> [round(rate(t), 6) for t in (0, 5, 10, 60, 110)]
    [0.01, 0.055, 0.1, 0.05, 0.0]
    """
    if not callable(after):
        _check("warm_up", after=after)
    _check("warm_up", start=start)
    _check_count("warm_up", steps=steps)

    def rate(t: int) -> float:
        if t >= steps:
            return rate_at(after, t - steps)
        return rate_at(after, 0) * (start + (1 - start) * t / steps)

    return rate


def _check(who: str, **rates: float) -> None:
    for name, value in rates.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{who}: {name} must be a finite number of at least 0, not {value!r}")


def _check_count(who: str, **counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{who}: {name} must be a whole number of at least 1, not {value!r}")
