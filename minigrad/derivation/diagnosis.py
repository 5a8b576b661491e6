"""The cause of a wrong value: the simplest and most telling slip that reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigrad.derivation.edits import join
from minigrad.derivation.factors import ratio_of
from minigrad.derivation.search import Finding, Search
from minigrad.derivation.slips import SLIPS
from minigrad.derivation.slips.entries import pattern


@dataclass(frozen=True)
class Diagnosis:
    """Why a hand value is not the truth.

    Attributes
    ----------
    kind : str
        The cause; of two, the more telling one.
    factor : float or None
        Hand value divided by truth, where that is one number.
    detail : str
        The cause in words.
    kinds : tuple of str
        The cause, or both causes of a combination.
    """

    kind: str
    factor: float | None
    detail: str
    kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.detail


NUMBER = 29
"""What is off by a number alone is that, where no slip up to this price says more."""


def diagnose(searches: Sequence[Search], plainly: bool = False) -> Diagnosis:
    """The simplest and most telling cause; ``other`` where none reproduces the hand value.

    Parameters
    ----------
    searches : list of Search
        One for each set of earlier values that the student may have used.
    plainly : bool
        Only causes that need no look at the way that the derivative was made.

    Returns
    -------
    Diagnosis
    """
    q = searches[0].q
    direct = [(s, s.rest(s.base.value, direct=True)) for s in searches]
    found = [(s, f) for s, f in direct if f is not None and f[0]]
    for search, finding in found:
        if len(finding[0]) == 1 and finding[0] != ("factor",):
            return verdict(search, finding)
    if q.hand.shape != q.expected:
        return reshaped(searches, found) or misfit(searches[0])
    if not np.any(q.hand):
        return try_out(searches, 0, NUMBER) or nothing(searches[0])
    for search in searches:
        # An array that is off by one number lacks a number, not an array.
        search.numbers_only = bool(found) and q.hand.size > 1
    hit = None if plainly else try_out(searches, 0, NUMBER)
    if hit is None and found:
        return verdict(*found[0])
    hit = hit or (None if plainly else try_out(searches, NUMBER, 1000))
    if hit is not None:
        return hit
    for search in searches:
        if search.pairs:
            candidate, more = search.pairs[0]
            kinds = (candidate.kind, *more[0])
            return verdict(search, (kinds, join(candidate.words, more[1])))
    return other(searches[0])


def try_out(searches: Sequence[Search], low: int, high: int) -> Diagnosis | None:
    """The first slip of a price in this range that reproduces the hand value by itself."""
    for slip in SLIPS:
        if not low <= slip.price < high:
            continue
        for search in searches:
            hit = search.first(slip(search))
            if hit is not None:
                return verdict(search, ((hit[0].kind,), hit[0].words))
    return None


def reshaped(
    searches: Sequence[Search], found: Sequence[tuple[Search, Finding]]
) -> Diagnosis | None:
    """The cause of a hand value of another shape."""
    for search in searches:
        for total, words in search.unsummed():
            more = search.with_hand(total).rest(search.base.value)
            if more is not None and len(more[0]) <= 1:
                return verdict(search, (("missing_sum", *more[0]), join(words, more[1])))
    if found:
        return verdict(*found[0])
    spread = broadcast(searches)
    if spread is not None:
        return spread
    for search in searches:
        for total, words in search.summed_elsewhere():
            more = search.rest(total)
            if more is not None and not more[0]:
                return verdict(search, (("wrong_sum",), words))
        for total, words in search.oversummed():
            more = search.rest(total)
            if more is not None and not more[0]:
                return Diagnosis("other", None, words, ("other",))
    return None


def broadcast(searches: Sequence[Search]) -> Diagnosis | None:
    """The cause of a smaller shape that a missing factor would have given the right one."""
    q = searches[0].q
    if q.hand.ndim != len(q.expected) or not q.hand.size:
        return None
    try:
        whole = np.broadcast_to(q.hand, q.expected)
    except ValueError:
        return None
    found = try_out([s.with_hand(whole) for s in searches], 0, 40)
    if found is None or found.kind != "missing_local_factor":
        return None
    return replace(found, detail=f"{found.detail}, and with it the shape {q.expected}")


def misfit(search: Search) -> Diagnosis:
    """No cause found for another shape: what belongs there."""
    q, value = search.q, search.base.value
    words = f"shape {q.hand.shape}, where {q.expected} belongs"
    square = value.ndim == 2 and value.shape[0] == value.shape[1]
    if square and q.hand.shape == (len(value),) and search.close_to(np.diagonal(value)):
        words += ": it is the diagonal of the outer product that belongs there"
    u, v = (q.graph.shape(n) for n in (q.u, q.v))
    if len(u) and q.layout == "jacobian" and q.hand.shape == v:
        name = search.names.of(q.u)
        words += (
            f": {name} is no single number, and nothing says what arrives at it from above; "
            f"give upstream={{{name}: ...}}, or the derivative of a loss"
        )
    return Diagnosis("shape", None, words, ("shape",))


def nothing(search: Search) -> Diagnosis:
    """Zero where something belongs: nothing passes."""
    q = search.q
    u, v = (search.names.of(n) for n in (q.u, q.v))
    words = f"it is 0, as though {u} did not depend on {v}"
    users = list(dict.fromkeys(n for n, _ in search.edges if q.v in n.parents))
    if users:
        words += f": the path {search.through(q.v, users[0], users[:1])} is missing"
    return Diagnosis("dropped_path", 0.0, words, ("dropped_path",))


def verdict(search: Search, found: Finding) -> Diagnosis:
    kinds, words = found
    hand = search.q.hand.T if "transposed" in kinds else search.q.hand
    factor = ratio_of(hand, search.base.value)
    return Diagnosis(kinds[0], factor, words, kinds)


def other(search: Search) -> Diagnosis:
    """No cause found: where it is worst."""
    q, value = search.q, search.base.value
    factor = ratio_of(q.hand, value)
    gap = np.where(np.isfinite(value), np.abs(q.hand - value), 0.0)
    k = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    if not np.isfinite(q.hand[k]) and np.isfinite(value[k]):
        there = f" at [{', '.join(map(str, k))}]" if k else ""
        words = f"it is {q.hand[k]}{there}, where {value[k]:.6g} belongs"
        return Diagnosis("other", None, words, ("other",))
    where = pattern(search)
    if where:
        return Diagnosis("entries", None, where, ("entries",))
    place = f" at [{', '.join(map(str, k))}]" if k else ""
    words = f"no known slip explains it: yours {q.hand[k]:.6g}{place}, where {value[k]:.6g} belongs"
    if search.after:
        words += f" after your {' and '.join(search.after)}"
    if factor is not None and q.hand.size > 1:
        words += f" (every entry is {factor:.6g} times that)"
    steps = [(n, i) for n, inside in q.part.inside.items() for i in inside]
    words += search.remedy(*steps[0]) if len(steps) == 1 else ""
    return Diagnosis("other", factor, words, ("other",))
