"""Which entries are wrong: rows that are used more than once, one side of a mask, one entry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from minigrad.derivation.edits import GETITEM
from minigrad.derivation.factors import is_simple, number
from minigrad.derivation.search import Search
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import Edge, RuleCall, shape_of
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.graph import AnyNode


MANY = 1_000
"""Entries of larger arrays are not looked for at other places."""
DISPLACED = "its numbers are right, and stand in other places than they should"
RARE = 0.6
"""A pattern is told by entries that are wrong, where not more than so many are."""


@slip(
    "assigned", 13, "what rows of {} receive is assigned, not added up: of rows used more than "
    "once only the {} part is kept (write np.add.at, or +=)",
)  # fmt: skip
def assigned(s: Search) -> Found:
    """``dC[ix] = g`` for ``dC[ix] += g``."""
    picks = [e for e in s.edges if e[0].op is GETITEM and e[1] == 0]
    groups: dict[AnyNode | None, list[Edge]] = {}
    for node, i in picks:
        groups.setdefault(node.parents[i], []).append((node, i))
    for group in [*([e] for e in picks), *(g for g in groups.values() if len(g) > 1)]:
        for way, which in ((assign, "last"), (assign_first, "first")):
            yield s.edited(dict.fromkeys(group, way)), s.operand(group[0][0], 0), which


def assign(g: Array, call: RuleCall) -> Array:
    total = np.zeros_like(call.args[0])
    total[call.node.kwargs.get("index", ())] = g
    return total


def assign_first(g: Array, call: RuleCall) -> Array:
    index = call.node.kwargs.get("index", ())
    keys = np.arange(np.size(call.args[0])).reshape(np.shape(call.args[0]))[index]
    total = np.zeros(np.size(call.args[0]))
    places, first = np.unique(np.ravel(keys), return_index=True)
    total[places] = np.ravel(g)[first]
    return total.reshape(np.shape(call.args[0]))


@slip("assigned", 44, "what the windows of {} receive is {}")
def windows(s: Search) -> Found:
    """Windows that overlap, set one after the other, or each with what another receives."""
    picks = [n for n, i in s.edges if n.parents[i] is s.q.v and n.op is GETITEM]
    if len(picks) < 2 or not picks_alone(s) or not s.q.fits:
        return
    picks.sort(key=lambda n: n.seq)
    arrived: list[Array] = [s.gradients.get(n) for n in picks]
    if any(g is None for g in arrived):
        return
    for order in (range(len(picks)), reversed(range(len(picks)))):
        total = np.zeros(s.base.value.shape)
        for k in order:
            total[picks[k].kwargs.get("index", ())] = arrived[k]
        words = "assigned, not added up: where they overlap, one part alone is kept (write +=)"
        yield total, s.names.of(s.q.v), words
    side = math.isqrt(len(picks))
    if side > 1 and side * side == len(picks) and len({np.shape(g) for g in arrived}) == 1:
        total = np.zeros(s.base.value.shape)
        for k, node in enumerate(picks):
            total[node.kwargs.get("index", ())] += arrived[k % side * side + k // side]
        words = "exchanged: rows of the kernel for its columns (the order of the two loops)"
        yield total, s.names.of(s.q.v), words


@slip("neighbour", 39, "it is the entry {} of it")
def another_entry(s: Search) -> Found:
    """One entry of a gradient that stands at another place: ``dW[0, 1]`` for ``dW[1, 0]``."""
    whole = np.asarray(s.gradients.get(s.q.v, 0.0))
    if s.q.index is not None and s.q.hand.shape == () and whole.size <= MANY:
        for k in np.ndindex(whole.shape):
            yield np.asarray(whole[k]), list(k)


def pattern(s: Search) -> str:
    """The entries that are wrong in words, where there is a pattern in them; else nothing."""
    q, value = s.q, s.base.value
    if q.hand.shape != value.shape or q.hand.ndim == 0 or q.hand.size < 3:
        return ""
    scale = float(np.max(np.abs(value), initial=0.0))
    wrong = np.abs(q.hand - value) > q.unit + 1e-6 * np.abs(value) + 1e-9 * scale
    if np.any(wrong) and (elsewhere := displaced(s)):
        return elsewhere
    usual = places(s, wrong) if np.mean(wrong) <= RARE else diagonal_places(wrong)
    where = next(usual, "") if np.any(wrong) else ""
    return f"only {where}: {what_is_there(s, wrong)}" if where else ""


def places(s: Search, wrong: Array) -> Iterator[str]:
    """The ways to say where ``wrong`` is true."""
    if np.sum(wrong) == 1:
        k = tuple(int(i) for i in np.argwhere(wrong)[0])
        yield (
            f"entry [{', '.join(map(str, k))}] is wrong" if len(k) > 1 else f"entry {k[0]} is wrong"
        )
    counts = np.zeros(wrong.shape)
    for node, i in s.edges:
        if node.op is GETITEM and node.parents[i] is s.q.v:
            np.add.at(counts, node.kwargs.get("index", ()), 1)
    if np.any(counts) and len(s.q.part.inside) and picks_alone(s):
        if np.array_equal(wrong, wrong & (counts > 1)) and np.any(counts > 1):
            yield "rows used more than once are wrong"
        if np.array_equal(wrong, wrong & (counts == 0)):
            yield "rows that are not used are wrong"
    for name, value in s.values():
        if shape_of(value) == wrong.shape:
            for mask, sign in ((np.asarray(value) < 0, "<"), (np.asarray(value) > 0, ">")):
                most = not np.all(mask) and np.sum(wrong) > 0.8 * np.sum(mask)
                if most and np.array_equal(wrong, mask & wrong):
                    yield f"entries where {name} {sign} 0 are wrong"
    yield from diagonal_places(wrong)
    yield from lines_of(wrong)


def diagonal_places(wrong: Array) -> Iterator[str]:
    """All entries on the diagonal, or all off it."""
    if wrong.ndim == 2 and wrong.shape[0] == wrong.shape[1]:
        diagonal = np.eye(len(wrong), dtype=bool)
        for mask, words in ((diagonal, "on"), (~diagonal, "off")):
            if np.array_equal(wrong, mask):
                yield f"entries {words} the diagonal are wrong"


def lines_of(wrong: Array) -> Iterator[str]:
    """A few rows or columns, or entries of a vector."""
    for axis in range(wrong.ndim):
        lines = np.any(wrong, axis=tuple(a for a in range(wrong.ndim) if a != axis))
        if np.sum(lines) <= max(1, len(lines) // 3):
            many = bool(np.sum(lines) > 1)
            kind = {0: "row", 1: "column"}.get(axis, f"index along axis {axis}") + "s" * many
            if wrong.ndim == 1:
                kind = "entries" if many else "entry"
            listed = ", ".join(map(str, np.flatnonzero(lines)[:3]))
            yield f"{kind} {listed} {'are' if many else 'is'} wrong"


def picks_alone(s: Search) -> bool:
    """Whether all uses of what is differentiated are entries picked from it."""
    return all(n.op is GETITEM for n, i in s.edges if n.parents[i] is s.q.v)


def displaced(s: Search) -> str:
    """``: the numbers are right, and stand in other places``, where they do; else nothing."""
    hand, value = (np.sort(np.ravel(x[x != 0])) for x in (s.q.hand, s.base.value))
    if len(hand) < 3 or hand.shape != value.shape or not np.allclose(hand, value, 1e-9, 0):
        return ""
    return DISPLACED


def what_is_there(s: Search, wrong: Array) -> str:
    """What the wrong entries are: nothing, or a number times what belongs there."""
    hand, value = s.q.hand[wrong], s.base.value[wrong]
    if not np.any(hand):
        return "they are 0" if np.sum(wrong) > 1 else "it is 0"
    some = value != 0
    if np.all(some):
        ratios = hand / value
        c = float(ratios[0])
        if np.allclose(ratios, -1, rtol=1e-5):
            return "there the sign is flipped"
        if np.allclose(ratios, c, rtol=1e-5) and (is_simple(c) or np.sum(wrong) > 2):
            return f"there it is {number(c)} times the truth"
    gap = hand - value
    if len(gap) > 1 and np.ptp(gap) <= 1e-6 * abs(gap[0]):
        return f"{abs(gap[0]):.6g} is {'added' if gap[0] > 0 else 'subtracted'} there"
    k = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"[{', '.join(map(str, k))}]"
    return f"yours {s.q.hand[k]:.6g} at {place}, where {s.base.value[k]:.6g} belongs"
