"""What the backward function claims: each gradient that a line of it computes, and of what.

A variable's last value is all of a gradient, or, where its name says so or it is added to
others later, a part: what arrives through some of the uses of the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from minigrad.derivation.backward.flows import Edge, close
from minigrad.derivation.backward.room import broadcasts
from minigrad.derivation.backward.watch import Event
from minigrad.graph import AnyNode
from minigrad.typing import Array

VAGUEST = ("other", "entries")
"""Causes that say no more than that something is wrong."""


@dataclass(eq=False)
class Claim:
    """A gradient, as the backward function has it.

    Attributes
    ----------
    path : str
        What the student calls it; empty where it is only returned.
    events : list of Event
        The statements that made it, the last one last.
    value : array
    node : node
        Of what it is the gradient.
    through : list of edges or None
        The uses by which it arrives, where it is a part.
    returned : bool
    line : int
    order : int
        When it was complete.
    """

    path: str
    events: list[Event]
    value: Array
    node: AnyNode
    line: int
    order: int
    through: list[Edge] | None = None
    returned: bool = False
    whole: bool = True
    named_whole: bool = False
    key: str = ""
    row: Any = None
    note: str = ""
    written: str = ""
    """The line as it should be."""
    source: Any = None
    """Of the function that its line is in, where that is a helper."""
    node_value: Any = None

    @property
    def reads(self) -> set[str]:
        return {name for e in self.events for name in e.statement.read_for(e.path)}

    @property
    def explained(self) -> bool:
        """Whether it is wrong, and a cause was found."""
        return self.row.diagnosis is not None and (
            self.row.diagnosis.kind not in (*VAGUEST, "shape")
        )


def reshaped(value: Array, truth: Array) -> Array:
    """``value`` in the shape of ``truth``, where it was only divided into other axes."""
    shape = np.shape(truth)
    if np.ndim(value) == 0 and shape:  # it is the same for all entries
        return np.full(shape, value)
    if np.size(value) != np.size(truth) or np.shape(value) == shape:
        return value
    moved = np.reshape(value, shape)
    return moved if np.ndim(value) != len(shape) or close(moved, truth) else value


def widened(value: Array, truth: Array) -> Array:
    """``value`` as it is broadcast in its use, where it is right so."""
    if np.shape(value) == np.shape(truth) or not broadcasts(np.shape(value), np.shape(truth)):
        return value
    whole = np.broadcast_to(value, np.shape(truth))
    return whole if close(whole, truth) else value


def apart(claims: list[Claim]) -> list[Claim]:
    """The claims without those parts that others hold some of."""
    kept: list[Claim] = []
    for claim in claims:
        taken = {e for c in kept for e in c.through or ()}
        if taken.isdisjoint(claim.through or ()):
            kept.append(claim)
    return kept


def all_apart(sets: list[set[AnyNode]]) -> bool:
    """Whether each set that is not empty can have an element of its own."""
    sets = [x for x in sets if x]
    return all(
        len(set.union(*some)) >= size
        for size in range(2, min(len(sets), 4) + 1)
        for some in combinations(sets, size)
    )


def first_wrong(claims: list[Claim]) -> Claim | None:
    return next((c for c in claims if c.row.verdict == "wrong"), None)
