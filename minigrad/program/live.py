"""Constants of a program that are read anew at each call: variables captured, numbers drawn.

To a program they are what a captured Tensor is, something with a ``_value``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.typing import Array, Shape


class Captured:
    """A variable of the user's, such as one of a closure, that holds an array or a number.

    Attributes
    ----------
    read : callable
        What it holds.
    name : str
        What the user calls it.
    """

    def __init__(self, read: Callable[[], Any], name: str) -> None:
        self.read = read
        self.name = name

    @property
    def _value(self) -> Any:
        x = self.read()
        return np.float64(x) if type(x) in (float, int) else x[()] if not x.shape else x


class Draw:
    """What ``rng.random(shape)`` gives: the numbers of the trace first, then others each time."""

    name = "drawn"

    def __init__(self, rng: np.random.Generator, shape: Shape) -> None:
        self.rng = rng
        self.shape = shape
        self.kept = False
        self.waiting: Any = self.draw()

    def draw(self) -> Array:
        x = self.rng.random(self.shape)
        return x if self.shape else np.float64(x)

    @property
    def _value(self) -> Array:
        if self.kept:
            return self.waiting
        drawn, self.waiting = self.waiting, None
        return self.draw() if drawn is None else drawn


@contextmanager
def frozen_draws(constants: Iterable[Array]) -> Iterator[None]:
    """Looks at constants in here draw nothing: all of them see the same numbers."""
    draws = [c for c in constants if isinstance(c, Draw)]
    fresh = [c for c in draws if c.waiting is None]
    for c in draws:
        c.kept = True
        if c.waiting is None:
            c.waiting = np.full(c.shape, 0.5)[()]
    try:
        yield
    finally:
        for c in draws:
            c.kept = False
        for c in fresh:
            c.waiting = None
