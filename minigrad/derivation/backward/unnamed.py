"""Gradients of what the forward function gave no name: told by what is made of them.

``delta`` in a loop over layers, ``da2`` of ``h = tanh(x @ W2)``, ``dhnext`` that a pass hands
to the next: where a later line is wrong by just what follows from such a value, were it the
gradient of some value near it in the graph (or a part of that gradient), it is that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.collector import Collector
from minigrad.derivation.backward.flows import Edge, Flows, close
from minigrad.derivation.backward.naming import Meaning, readings
from minigrad.derivation.backward.watch import Event
from minigrad.graph import AnyNode
from minigrad.typing import Array

NEAR = 6
"""A line takes a gradient on by so many operations at most."""
Place = tuple[AnyNode, list[Edge] | None]
LOST = "what {0} was before is lost here, unread: write {0} = {0} + ..."
MOST = 20_000
"""So many operations are run to find out: more would cost seconds."""


@dataclass
class Reader:
    """A gradient, or what is added to one, and what was read to make it.

    Attributes
    ----------
    when : int
        The last event that made it.
    reads : set of str
    node : node
        Of what it is the gradient.
    value : array
    added : bool
        Whether it is what one statement adds to a gradient.
    """

    when: int
    reads: set[str]
    node: AnyNode
    value: Array
    added: bool = False


def unnamed(collector: Collector, claims: Iterable[Claim]) -> list[Claim]:
    """The claims, with those about what has no name, or another meaning than its name says.

    They are looked for where something returned is wrong.
    """
    watch = collector.runs.watch
    claims = list(claims)
    if watch is None or all(
        close(c.value, collector.flows.total[c.node]) for c in claims if c.returned
    ):
        return claims
    search = Search(collector, watch.events, [c for c in claims if c.source is None])
    found = list(search.found([c for c in claims if c.source is None]))
    return [c for c in claims if c not in search.misnamed] + found


def some_times(value: Array, truth: Array) -> bool:
    """Whether a value is a number above 0, and not 1, times the truth."""
    factor = float(np.vdot(truth, value)) / (float(np.vdot(truth, truth)) or 1.0)
    return factor > 0 and close(value, factor * np.asarray(truth))


class Search:
    """The events of one backward function, looked through from the last to the first."""

    def __init__(self, collector: Collector, events: list[Event], claims: list[Claim]) -> None:
        # What is returned by its place alone may have been something else pass by pass.
        self.claimed = {
            e for c in claims
            for e in (c.events if self.meaning(collector, c.path) else c.events[-1:])
        }  # fmt: skip
        self.values = [x for n in collector.flows.total for x in (n.ans, *n.args)]
        self.flows, self.events = collector.flows, events
        self.at = {e: k for k, e in enumerate(events)}
        self.left = MOST
        self.collector = collector
        self.cones: dict[AnyNode, list[AnyNode]] = {}
        self.misnamed: list[Claim] = []
        """Claims that are of something else than their names say, as their use tells."""

    @staticmethod
    def meaning(collector: Collector, path: str) -> Meaning | None:
        return collector.namer.meaning(path, collector.aliases)

    def found(self, claims: list[Claim]) -> Iterator[Claim]:
        readers = self.known(claims)
        until: dict[str, int] = {}
        paths: set[str] = set()
        placed: set[int] = set()
        taken = {e for c in claims for e in c.through or ()}
        named = {
            self.at[c.events[-1]]: c for c in claims
            if c.events and not c.returned and not c.through and c.events[-1].item is None
            and not close(c.value, self.flows.total[c.node])
        }  # fmt: skip
        free = [k for k, e in enumerate(self.events) if k in named or self.free(e)]
        exact = {k: n for k in free if k not in named and (n := self.right(self.events[k]))}
        readers += [
            Reader(k, set(self.events[k].statement.reads), n, self.flows.total[n])
            for k, n in exact.items()
        ]
        for k in reversed(free):
            event = self.events[k]
            last = until.get(event.path, len(self.events))
            if event.statement.fresh or event.path in event.statement.reads:
                until[event.path] = k
            using = [r for r in readers if k < r.when <= last and event.path in r.reads]
            lost = self.lost(k)
            place = self.place(event, using, named.get(k), lost)
            if place is not None and taken.isdisjoint(place[1] or ()):
                taken |= {*(place[1] or ())}
                claim = self.claim(k, *place)
                claim.note = LOST.format(event.path) if lost else ""
                if k in named:
                    self.misnamed.append(named[k])
                paths.add(event.path)
                placed.add(k)
                readers = [r for r in readers if r.when != k]
                readers.append(Reader(k, claim.reads, claim.node, claim.value))
                yield claim
        for k, node in exact.items():
            if self.events[k].path in paths and k not in placed:
                yield self.claim(k, node, None)

    def known(self, claims: list[Claim]) -> list[Reader]:
        """What later lines are known to be gradients of, in so far as they are wrong."""
        found = [
            Reader(self.at.get(c.events[-1], c.order), c.reads, c.node, c.value) for c in claims
            if c.events and not c.through and not close(c.value, self.flows.total[c.node])
        ]  # fmt: skip
        source = self.collector.runs.watch.source
        found += [
            Reader(len(self.events), source.returned, c.node, c.value) for c in claims
            if c.returned and not c.events and not close(c.value, self.flows.total[c.node])
        ]  # fmt: skip
        adding = {e: c.node for c in claims if len(c.events) > 1 for e in c.events}
        for k, e in enumerate(self.events):
            node = adding.get(e)
            if (
                node is not None
                and e.before is not None
                and np.shape(e.before) == np.shape(e.after)
            ):
                reads = set(e.statement.read_for(e.path))
                found.append(Reader(k, reads, node, e.after - e.before, True))
        return found

    def free(self, event: Event) -> bool:
        """Whether an event sets something that its name does not tell the meaning of."""
        return (
            event.item is None and event.after.dtype.kind == "f" and bool(np.any(event.after))
            and event not in self.claimed and (
                event.path in self.collector.runs.upstream
                or self.meaning(self.collector, event.path) is None
            )
            and (
                bool(readings(event.path))
                or not any(np.array_equal(event.after, x) for x in self.values)
            )
        )  # fmt: skip

    def right(self, event: Event) -> AnyNode | None:
        """The value whose gradient this is, if it is one."""
        nodes = [n for n, g in self.flows.total.items() if n.op is not None]
        return next((n for n in nodes if close(event.after, self.flows.total[n])), None)

    def claim(self, k: int, node: AnyNode, through: list[Edge] | None) -> Claim:
        event = self.events[k]
        made = [event]
        for e in reversed(self.events[:k]):
            if made[-1].statement.fresh:
                break
            if e.path == event.path:
                made.append(e)
        return Claim(event.path, made[::-1], event.after, node, event.statement.first, k, through,
                     whole=through is None)  # fmt: skip

    def lost(self, k: int) -> bool:
        """Whether event ``k`` sets anew what another statement has set, and nobody has read."""
        path, statement = self.events[k].path, self.events[k].statement
        if not statement.fresh:
            return False
        for event in reversed(self.events[:k]):
            if event.path == path:
                return event.statement is not statement and bool(np.any(event.after))
            if path in event.statement.reads:
                return False
        return False

    def place(
        self, event: Event, using: list[Reader], named: Claim | None, lost: bool = False
    ) -> Place | None:
        """What ``event`` is the gradient of: that from which most of its readers follow.

        None of what is right, or what its name says; what came before may be lost from it.
        """
        votes: dict[AnyNode, int] = {}
        parts: list[Place] = []
        value = event.after if named is None else named.value
        for reader in using:
            for m in self.places(value, reader):
                votes[m] = votes.get(m, 0) + 1
            if not votes and not reader.added and (named or self.right(event) is None):
                parts += self.part(value, reader, named is not None)
        total = self.flows.total
        if lost:
            votes = {m: n for m, n in votes.items() if not close(value, total[m])}
        if votes:
            plain = {m: some_times(value, total[m]) for m in votes}
            best = max(votes, key=lambda m: (votes[m], plain[m], m in self.collector.named, -m.seq))
            as_named = named is not None and named.node in votes
            right = any(close(value, total[m]) for m in votes)
            # Residuals and the like: the one line that uses it may have had to divide it.
            alone = len({reader.node for reader in using}) == 1
            free = named is None and alone and plain[best]
            return None if as_named or right or free else (best, None)
        return next(iter(parts), None)

    def places(self, p: Array, reader: Reader) -> Iterator[AnyNode]:
        """The values from which ``reader`` follows, were ``p`` the gradient of one."""
        total = self.flows.total
        for m in self.cone(reader.node) if self.left > 0 else ():
            if m in total and np.shape(total[m]) == np.shape(p) and self.follows(m, p, reader):
                yield m

    def part(self, p: Array, reader: Reader, right: bool) -> Iterator[Place]:
        """The uses through which ``p`` arrives, were it, or the rest of ``reader``, right."""
        total = self.flows.total[reader.node]
        if np.shape(p) == np.shape(total) == np.shape(reader.value):
            for edges, part in self.flows.parts(reader.node):
                if close(p, part):
                    if right:
                        yield reader.node, edges
                elif close(np.asarray(reader.value) - p, total - part):
                    yield reader.node, edges

    def follows(self, m: AnyNode, p: Array, reader: Reader) -> bool:
        """Whether a gradient is what follows, were ``p`` what arrives at ``m``."""
        node, cone = reader.node, self.cone(reader.node)
        self.left -= sum(1 + np.size(n.ans) // 1000 for n in cone if type(n.ans) is not tuple)
        gap = Flows(m, p - self.flows.total[m], within=cone)
        if node not in gap.total:
            return False
        if not reader.added and close(reader.value, self.flows.total[node] + gap.total[node]):
            return True
        here = Flows(m, p, within=cone)
        return any(close(reader.value, here.sent[e]) for e in here.users.get(node, ()))

    def cone(self, node: AnyNode) -> list[AnyNode]:
        """The values that are made of ``node`` in a few operations, the nearest first."""
        if node not in self.cones:
            found, layer = {node: None}, [node]
            for _ in range(NEAR):
                above = [u for n in layer for u, _ in self.flows.users.get(n, ())]
                layer = [u for u in dict.fromkeys(above) if u not in found]
                found.update(dict.fromkeys(layer))
            self.cones[node] = list(found)[1:]
        return self.cones[node]
