"""The search for the slip that made a wrong value out of the truth.

Every slip is applied to the truth and kept only where it reproduces the hand value.  One
criterion says whether that is evidence: so many candidates were tried, and one of so many
agrees with the digits given by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import axis_sets, axis_words, cut, join, silent_edges
from minigrad.derivation.factors import (
    SIMPLE,
    accident,
    multiple,
    quotients,
    ratio_of,
    sizes,
    times_truth,
)
from minigrad.derivation.judges import Base, evaluate
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.sieve import Sieve, transposes
from minigrad.derivation.vocabulary import Vocabulary
from minigrad.derivation.walk import Edge, Edit, Graph
from minigrad.graph import AnyNode
from minigrad.reading.names import Names
from minigrad.typing import Array

CHANCE = 0.012
"""How likely a wrong cause may be to agree with the digits given by accident."""
STEPS = 60_000
"""How much walking one search may cost: nodes passed, large ones counted more than once."""
SHARE = 5
"""One slip may cost that part of what is left, so that all are tried."""

UNITS = [(np.pi / 180, "degrees where radians belong"), (180 / np.pi, "degrees for radians"),
         (1 / np.log(10), "log10 where the natural logarithm belongs"), (np.log(10), "ln 10"),
         (1 / np.log(2), "log2 where the natural logarithm belongs"), (np.log(2), "ln 2"),
         (np.pi, "π"), (1 / np.pi, "1/π"), (2 * np.pi, "2π"), (1 / (2 * np.pi), "1/(2π)"),
         (np.sqrt(2), "√2"), (1 / np.sqrt(2), "1/√2")]  # fmt: skip
"""Factors of units and constants."""

together: ContextVar[list[float]] = ContextVar("together", default=[float("inf")])  # noqa: B039
"""How much walking all searches that are done for one report may still cost."""

Judge = Callable[[Array], bool]
Finding = tuple[tuple[str, ...], str]


@dataclass
class Candidate:
    """A slip applied to the truth."""

    kind: str
    value: Array
    words: str
    edits: Mapping[Edge, Edit] | None = None


@dataclass(frozen=True)
class Segment:
    """One of the parallel parts of a graph: a use of ``below``, and what is made of it.

    Attributes
    ----------
    edges : tuple of edges
        The arguments through which ``below`` enters.
    below : node
    chain : tuple of nodes
        From the one it enters up to where other parts join.
    """

    edges: tuple[Edge, ...]
    below: AnyNode
    chain: tuple[AnyNode, ...]


class Search(Vocabulary):
    """The search for the cause of one quantity, given one set of earlier values."""

    silent: dict[Edge, Edit]
    edges: list[Edge]
    means: set[int]
    sums: set[int]
    lengths: list[int]
    sieve: Sieve | None

    def __init__(self, q: Quantity, base: Base, names: Names, close: Judge, slack: Array) -> None:
        self.q = q
        self.base = base
        super().__init__(names)
        self.close = close
        self.slack = slack
        self.room: float = CHANCE / accident(q.hand, base.value, slack)
        """Of so many candidates, one is likely to agree by accident."""
        self.tried: int = 0
        self.after: list[str] = []
        """Earlier quantities that were wrong, and are taken as they are."""
        self.graph: Graph = q.graph
        self.silent = silent_edges(q, base)
        active = q.part.active(base.stop) if q.u is not q.v else []
        hidden = {n for n, _ in self.silent}
        self.edges = [
            e for e in active if e not in self.silent and e[0].parents[e[1]] not in hidden
        ]
        self.means, self.sums, lengths = sizes(q)
        self.lengths = sorted({*self.sums, *self.means, *lengths})
        self.sieve = Sieve(q, base) if q.fits and q.index is None else None
        self.left = int(min(STEPS, together.get()[0] / 2))
        self.numbers_only = False
        """Whether only single numbers are looked for among the local factors."""
        self.pairs: list[tuple[Candidate, Finding]] = []
        """Candidates that need a second slip to reproduce the hand value."""
        self.made: Mapping[Edge, Edit] | None = None
        """The changed rules of the answer computed last."""
        self.hit: Candidate | None = None
        self.given: list[Quantity] = []
        """What was derived beside it, or before."""

    # --- what is left between a candidate and the hand value -----------------------------

    def rest(self, value: Array, direct: bool = False) -> Finding | None:
        """The further slips, none at best, that turn ``value`` into the hand value."""
        hand = self.q.hand
        turned: list[tuple[tuple[str, ...], str, Array]] = [((), "", value)]
        if value.ndim >= 2:
            words = "it is transposed"
            turned += [(("transposed",), words, v) for v in transposes(value, self.q.layout)]
        turned = [t for t in turned if t[2].shape == hand.shape and self.hopeful(t[2])]
        for kinds, words, v in turned:
            if self.close(v) and (kinds or not direct):
                return kinds, words
        for kinds, words, v in turned:
            more = self.ratio(v)
            if more is not None and len(kinds) + len(more[0]) <= 2:
                return (*kinds, *more[0]), join(words, more[1])
        return None

    def hopeful(self, value: Array) -> bool:
        """Whether a large array may be the hand value times a number."""
        return self.sieve is None or self.sieve.passes(self.sieve.along(value), self.factors_known)

    def ratio(self, value: Array) -> Finding | None:
        """The number of a person's making that ``value`` is off by."""
        hand = self.q.hand
        r = multiple(hand, value) if np.any(hand) else None
        if r is None:
            return None
        s = np.copysign(1.0, r)
        near = 0.02 + float(np.max(self.slack)) / max(float(np.max(np.abs(hand))), 1e-300)
        for k, kinds, words in self.numbers:
            if abs(abs(r) / k - 1) < near and (s < 0 or k != 1) and self.close(s * k * value):
                signs, flipped = (("sign",), "its sign is flipped") if s < 0 else ((), "")
                if len(signs) + len(kinds) <= 2:
                    return (*signs, *kinds), join(flipped, words)
        return None

    @cached_property
    def factors_known(self) -> Array:
        return np.array([k for k, *_ in self.numbers])

    @cached_property
    def numbers(self) -> list[tuple[float, tuple[str, ...], str]]:
        """Factors that a value may be off by, with their causes, the likeliest first."""
        found: list[tuple[float, tuple[str, ...], str]] = [(1.0, (), "")]
        powers = {float(np.sum(n.args[1])) for n, i in self.edges if n.op is ops.power and i == 0}
        for n in self.sums & {2.0, *powers}:  # of two numbers, a half says both
            what = f"the factor {n:g} of a power" if n in powers else f"a factor {n:g}"
            words = f"{what} is missing, or it is a mean over {n:g}"
            found.append((1 / n, ("factor",), f"{times_truth(1 / n)}: {words}"))
        averaged = [(float(n), "sum_for_mean", f"it is a sum where the mean over {n} belongs")
                    for n in self.means]  # fmt: skip
        averaged += [(1 / n, "mean_for_sum", self.mean_words(n)) for n in self.sums | self.means]
        found += [(k, (kind,), words) for k, kind, words in averaged]
        sized = [*self.lengths, *(1 / n for n in self.lengths), *quotients(self.lengths)]
        often = max(2 if np.any(self.q.unit) else 8, int(min(self.room / 2, 100)))
        found += [(k, ("factor",), times_truth(k)) for k in [*SIMPLE, *sized][:often]]
        if len(found) < self.room and not np.any(self.q.unit):
            found += [(k, ("factor",), f"{times_truth(k)}: {words}") for k, words in UNITS]
        if len(found) < self.room:
            found += [(k * x, (kind, "factor"), join(words, times_truth(x)))
                      for k, kind, words in averaged for x in (2, 0.5)]  # fmt: skip
        return found

    def mean_words(self, n: int) -> str:
        often = f"divided by {n} once too often"
        if n not in self.sums:
            return f"it is {often}: 1/{n} of the truth"
        words = f"it is a mean over {n} where the sum belongs"
        return f"{words}: {often}" if n in self.means else words

    def first(self, candidates: Iterator[Candidate]) -> tuple[Candidate, Finding] | None:
        """The first candidate that is the hand value; those off by one more slip are kept.

        Of rounded numbers several may round to the same: then the nearest is taken.
        """
        hits: list[tuple[float, Candidate, Finding]] = []
        with np.errstate(all="ignore"):
            for candidate in candidates:
                self.tried += 1
                value = candidate.value
                if not (value.size and np.all(np.isfinite(value)) and np.any(value)):
                    continue
                found = self.rest(value)
                if found is None or self.same(value):
                    continue
                if not found[0] and self.convincing(value):
                    gap = self.q.hand - value if value.shape == self.q.hand.shape else 0.0
                    hits.append((float(np.max(np.abs(gap))), candidate, found))
                    if not np.any(self.q.unit):
                        break
                elif len(found[0]) == 1 and self.pairable(candidate):
                    self.pairs.append((candidate, found))
        if not hits:
            return None
        best = min(hits, key=lambda hit: hit[0])
        self.hit = best[1]
        return best[1:]

    def pairable(self, candidate: Candidate) -> bool:
        """Whether a second slip is worth a look: among few numbers many pairs agree by accident."""
        hand, value = self.q.hand, candidate.value
        if not self.ample or candidate.kind == "extra_local_factor":
            return False  # with a second slip, almost any product of slopes is another
        if hand.size > 3 and ratio_of(value, self.base.value) is None:
            return True  # what is off by one number alone is that number
        plain = [-1.0] if candidate.kind == "wrong_node" else [-1.0, 2.0, 0.5]
        if np.any(self.q.unit):
            return any(self.close(k * value) for k in plain)
        return any(np.allclose(hand, k * value, 1e-8, 0) for k in plain)

    @property
    def ample(self) -> bool:
        """Whether there is room for two slips at once."""
        return 50 * self.tried < self.room

    def convincing(self, value: Array) -> bool:
        """Whether so few were tried that agreement is no accident, or it is to the last digit."""
        alike = value.shape == self.q.hand.shape
        return self.tried <= self.room or (alike and np.allclose(self.q.hand, value, 1e-12, 0))

    def same(self, value: Array) -> bool:
        """Whether a slip changes nothing here."""
        base = self.base.value
        return value.shape == base.shape and np.allclose(value, base, rtol=1e-9, atol=0)

    def edited(self, edits: dict[Edge, Edit], sifted: bool = True) -> Array | None:
        """The answer with changed rules; None where it is not the hand value, or has no shape."""
        try:
            if sifted and self.sieve is not None and len(edits) == 1:
                ((edge, edit),) = edits.items()
                self.graph.steps += 1
                along = self.sieve.edited(edge, edit)
                if along is not None and not self.sieve.passes(along, self.factors_known):
                    return None
            self.made = edits
            return evaluate(self.q, replace(self.base.changes, edits={**self.silent, **edits}))
        except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError):
            return None

    def seen_values(
        self, values: dict[AnyNode, Array], edits: Mapping[Edge, Edit] = MappingProxyType({})
    ) -> Array:
        """The answer when rules see other values of some nodes; None where they do not fit."""
        try:
            edits = {**self.base.changes.edits, **edits}
            return evaluate(self.q, replace(self.base.changes, values=values, edits=edits))
        except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError):
            return None

    # --- parts ---------------------------------------------------------------------------

    @cached_property
    def segments(self) -> list[Segment]:
        """The parallel parts between ``v`` and ``u``, from ``v`` up."""
        users: dict[AnyNode, dict[AnyNode, list[int]]] = {}
        parents: dict[AnyNode, set[AnyNode]] = {}
        for node, i in self.edges:
            parent: Any = node.parents[i]
            users.setdefault(parent, {}).setdefault(node, []).append(i)
            parents.setdefault(node, set()).add(parent)
        found = []
        for below, above in users.items():
            single = below is not self.q.v and len(above) == 1 and len(parents.get(below, ())) == 1
            for user, places in () if single else above.items():
                chain, node = [], user
                while len(parents[node]) == 1 and node is not self.q.u:
                    chain.append(node)
                    if node not in users or len(users[node]) > 1 or node in self.base.stop:
                        break
                    node = next(iter(users[node]))
                found.append(Segment(tuple((user, i) for i in places), below, tuple(chain)))
        return found

    @cached_property
    def parts(self) -> list[tuple[Segment, Array]]:
        """What parallel parts contribute; those that all passes through are left out."""
        if self.base.changes.jumps or len(self.segments) < 2:
            return []
        found: list[tuple[Segment, Array]] = []
        start, base = self.graph.steps, self.base.value
        for segment in self.sifted_segments():
            if self.graph.steps - start > self.left / SHARE:
                break
            left = self.edited(dict.fromkeys(segment.edges, cut), sifted=False)
            if left is None:
                continue
            part = base - left
            if np.any(part) and np.any(left):
                found.append((segment, part))
        # Of parts that come to the same, the one that has a name is said.
        return sorted(found, key=lambda p: not any(map(self.names.known, p[0].chain)))

    def sifted_segments(self) -> list[Segment]:
        """Segments, those first whose part may be off by a number of a person's making."""
        if self.sieve is None or self.sieve.walk is None or len(self.segments) < 30:
            return self.segments
        gap = self.sieve.along(self.q.hand) - self.sieve.here
        likely = []
        for segment in self.segments:
            cuts = [self.sieve.edited(e, cut) for e in segment.edges]
            if None in cuts:
                return self.segments
            part = sum((self.sieve.here - float(c) for c in cuts if c is not None), 0.0)
            c = 1 + gap / part if part else np.nan
            if any(abs(c - k) < 2e-3 * max(1.0, abs(k)) for k, _ in self.amounts):
                likely.append(segment)
        return likely

    @cached_property
    def amounts(self) -> list[tuple[float, str]]:
        """By what a part may be off, with its kind, the likeliest first."""
        sized = [k for n in self.lengths for k in (1.0 / n, float(n))]
        numbers = [float(k) for k in [0.5, 2.0, *sized, *SIMPLE]]
        numbers += quotients(self.lengths)
        numbers += [-k for k in sized] if self.ample else []
        found = [(0.0, "dropped_path"), (-1.0, "sign"), *((k, "factor") for k in numbers)]
        return list(dict(found).items())

    # --- the slips -----------------------------------------------------------------------

    def unsummed(self) -> Iterator[tuple[Array, str]]:
        """The hand value of another shape, with the sums taken that it may lack."""
        hand = self.q.hand
        for axes in axis_sets(hand.ndim):
            for keep in (False, True):
                total = hand.sum(axis=axes, keepdims=keep)
                if total.shape == self.base.value.shape:
                    yield total, f"the sum over {axis_words(axes)} is missing"

    def oversummed(self) -> Iterator[tuple[Array, str]]:
        """The truth, summed or averaged where nothing is to be."""
        value = self.base.value
        for axes in axis_sets(value.ndim):
            for keep in (False, True):
                total = value.sum(axis=axes, keepdims=keep)
                if total.shape == self.q.hand.shape:
                    n = value.size // max(1, total.size)
                    over, what = f"over {axis_words(axes)}", ("no sum", "no mean")
                    if len(axes) == value.ndim:
                        over, what = "over everything", (f"shape {value.shape}",) * 2
                    yield total, f"it is summed {over}, where {what[0]} belongs"
                    yield total / n, f"it is averaged {over}, where {what[1]} belongs"

    def summed_elsewhere(self) -> Iterator[tuple[Array, str]]:
        """What arrives where the quantity was broadcast, summed over other axes."""
        for node, i in self.edges:
            op, g = node.op, self.gradients.get(node)
            back = op.rule(i) if op is not None and op.elementwise else None
            if back is None or node.parents[i] is not self.q.v or g is None:
                continue
            arriving = np.asarray(back(g, node.ans, *node.args, **node.kwargs))
            lead = arriving.ndim - self.base.value.ndim
            kept = zip(arriving.shape[lead:], self.base.value.shape, strict=False)
            right = (*range(lead), *(k for k, (n, m) in enumerate(kept, lead) if n != m))
            for axes in axis_sets(arriving.ndim) if right else []:
                total = arriving.sum(axis=axes)
                fits = total.ndim and total.shape == self.q.hand.shape
                if axes != right and fits:
                    words = f"it is summed over {axis_words(axes)}"
                    yield total, f"{words} where {axis_words(right)} belongs"

    def with_hand(self, hand: Array) -> Search:
        """The same search for another hand value."""
        q = self.q.changed(hand=hand, unit=np.zeros(hand.shape))
        peak = min(1.0, float(np.max(np.abs(self.base.value), initial=0.0)))

        def close(value: Array) -> bool:
            return bool(np.allclose(hand, value, rtol=1e-5, atol=1e-9 * peak))

        return Search(q, self.base, self.names, close, np.asarray(1e-5 * np.abs(hand)))

    def close_to(self, value: Array) -> bool:
        """Whether the hand value, of another shape than expected, is ``value``."""
        return bool(np.allclose(self.q.hand, value, rtol=1e-6, atol=float(np.max(self.slack))))

    def jumped(self, m: AnyNode, t: AnyNode, make: Callable[[Array, Array], Array]) -> Array:
        """The answer when something else passes from ``m`` to ``t``."""
        part = self.graph.between(m, t)

        def sent(g: Array) -> Array:
            through = part.flow(g)
            return make(g, through) - through

        jumps = {k: list(v) for k, v in self.base.changes.jumps.items()}
        jumps.setdefault(m, []).append((t, sent))
        return evaluate(self.q, replace(self.base.changes, jumps=jumps))
