"""Noise: numbers that a function draws itself, and would draw only once in a program."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from minigrad.program.captures import Search
from minigrad.program.live import Draw
from minigrad.program.places import same_value
from minigrad.reading.names import is_a


class Noise:
    """The state of every generator within reach, and of those that everybody shares."""

    sources: list[tuple[Any, str]]
    states: list[Any]

    def __init__(self, found: Search) -> None:
        self.sources = [*found.generators, (np.random, "np.random"), (random, "random")]
        self.states = self.now()

    def now(self) -> list[Any]:
        return [state(source) for source, _ in self.sources]

    def rewind(self, states: list[object] | None = None) -> None:
        """Take all that was drawn back, or go to other states that it was in."""
        for (source, _), before in zip(self.sources, states or self.states, strict=True):
            set_state(source, before)

    def covers(self, draws: list[Draw]) -> bool:
        """Whether all generators that ``draws`` are from are known here."""
        return all(any(d.rng is source for source, _ in self.sources) for d in draws)

    def check(self, name: str, draws: list[Draw]) -> None:
        """Raise if the function ``name`` has drawn more than ``draws``."""
        for (source, place), before in zip(self.sources, self.states, strict=True):
            now = state(source)
            if unchanged(now, before):
                continue
            own = [d for d in draws if d.rng is source]
            if own:
                twin = np.random.Generator(type(source.bit_generator)())
                set_state(twin, before)
                for draw in own:
                    twin.random(draw.shape)
                if unchanged(state(twin), now):
                    continue
            self.rewind()
            raise TypeError(
                f"{name} draws from {place}, and what it drew would be fixed in the program for "
                "every later call: draw outside and pass the numbers as an argument"
            )


def unchanged(now: object, before: object) -> bool:
    """Whether two states are one: Python's are tuples of many whole numbers."""
    return bool(now == before) if type(now) is tuple else same_value(now, before)


def state(source: Any) -> Any:
    if source is random or is_a(source, random.Random):
        return source.getstate()
    if is_a(source, np.random.Generator):
        return source.bit_generator.state
    return source.get_state(legacy=False)


def set_state(source: Any, value: Any) -> None:
    if source is random or is_a(source, random.Random):
        source.setstate(value)
    elif is_a(source, np.random.Generator):
        source.bit_generator.state = value
    else:
        source.set_state(value)
