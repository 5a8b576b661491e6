"""The registry of slips: small functions that apply what people do wrong to the truth.

A slip has a kind, a sentence and a price.  The cheap ones are tried first: those that are
frequent, and that say more than a number would.  What a slip yields is a value and the
parts of its sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.derivation.search import SHARE, Candidate, Search, together

Found = Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Slip:
    """One thing that people do wrong.

    Attributes
    ----------
    kind : str
        What `Diagnosis.kind` will be.
    price : int
        Slips are tried in this order.
    sentence : str
        The cause in words, with places for what ``find`` tells.
    find : callable
        ``find(search)`` yields the value that the slip leads to, and what its sentence needs.
    """

    kind: str
    price: int
    sentence: str
    find: Callable[[Search], Found]

    def __call__(self, search: Search) -> Iterator[Candidate]:
        graph = search.graph
        start, allowed = graph.steps, search.left // SHARE
        if together.get()[0] < 0:
            return
        # Of the caller's numbers, 0 and 1e300 among them; of matrices that are not positive.
        with suppress(ArithmeticError, np.linalg.LinAlgError):
            for value, *parts in self.find(search):
                if value is not None and not (len(parts) == 2 and parts[0] == parts[1]):
                    yield Candidate(self.kind, value, self.sentence.format(*parts), search.made)
                search.made = None
                if graph.steps - start > allowed:
                    break
        search.left -= min(graph.steps - start, allowed)
        together.get()[0] -= graph.steps - start


SLIPS: list[Slip] = []


def slip(kind: str, price: int, sentence: str) -> Callable[[Callable[[Search], Found]], Slip]:
    """Register a function as a slip."""

    def register(find: Callable[[Search], Found]) -> Slip:
        found = Slip(kind, price, sentence, find)
        SLIPS.append(found)
        SLIPS.sort(key=lambda s: s.price)
        return found

    return register
