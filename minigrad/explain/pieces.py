"""The piece of a graph between two named quantities, and what flows through it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode, fit, routes
from minigrad.ops.record import Op
from minigrad.typing import Array, Function

Pullback = Callable[[AnyNode, int, Array], Array]
Arrival = Callable[[AnyNode, Array], Array]
ACTIVATIONS: frozenset[Op | None] = frozenset(
    {ops.sigmoid, ops.tanh, ops.relu, ops.softplus, ops.softmax, ops.bent, ops.saturating}
)
WRITTEN_OUT: dict[Op | None, Function] = {ops.sigmoid: lambda x: 1 / (1 + np.exp(-x))}
"""Op -> what it is, for derivations that begin at the definition."""
MONOMIALS = frozenset([ops.multiply, ops.divide, ops.negative, ops.power, ops.square])


@dataclass(eq=False)
class Piece:
    """The part of a graph between a quantity and the nearest named ones below it.

    Attributes
    ----------
    top : node
    inside : dict
        ``top`` and the unnamed nodes under it, newest first, each with the numbers of its
        arguments that lead on.
    below : list of nodes
        The named ones, oldest first.
    """

    top: AnyNode
    inside: dict[AnyNode, list[int]]
    below: list[AnyNode]

    def flow(self, seed: Array, call: Pullback, at: Arrival | None = None) -> dict[AnyNode, Array]:
        """What reaches each node below when ``seed`` starts at the top.

        ``at(node, g)`` is asked what goes on from each node that ``g`` reaches on the way.
        """
        pending = {self.top: seed}
        for node, inside in self.inside.items():
            g = pending.pop(node, None)
            if g is None:
                continue
            if type(node.ans) is tuple:
                g = g.filled(node.ans)
            g = g if at is None else at(node, g)
            for i in inside:
                parent, c = node.parents[i], call(node, i, g)
                pending[parent] = pending[parent] + c if parent in pending else c  # type: ignore[index]
        return pending

    @property
    def size(self) -> int:
        return len(self.inside)

    def monomial(self, v: AnyNode) -> bool:
        """Whether it is a power of ``v`` times something: its derivative is not called by it."""
        leads = {v}
        for node, inside in reversed(self.inside.items()):
            if any(node.parents[i] in leads for i in inside):
                if node.op not in MONOMIALS:
                    return False
                leads.add(node)
        return True

    def monomials(self, v: AnyNode) -> bool:
        """The same by ``v``, or by all below it where ``v`` is further down."""
        return all(map(self.monomial, [v] if v in self.below else self.below))

    @property
    def elementwise(self) -> bool:
        """Whether entries act on entries: the same shape everywhere, elementwise ops alone."""
        shape = np.shape(self.top.ans)
        return all(
            n.op is not None
            and n.op.elementwise
            and np.shape(n.args[i]) == np.shape(n.ans) == shape
            for n, inside in self.inside.items()
            for i in inside
        )


def descendants(every: Sequence[AnyNode], goals: Collection[AnyNode]) -> set[AnyNode]:
    """The nodes of ``every``, oldest first, that are computed from ``goals``, and these."""
    on = set(goals)
    for node in every:
        if any(p in on for p in node.parents):
            on.add(node)
    return on.intersection(every)


def unnamed(
    start: Iterable[AnyNode], named: Callable[[AnyNode], bool], most: int | None = None
) -> set[AnyNode]:
    """The nodes of ``start``, and what they were computed from, up to named ones, or so many."""
    seen: set[AnyNode] = set()
    stack = list(start)
    while stack and len(seen) != most:
        node = stack.pop()
        if node not in seen and not named(node):
            seen.add(node)
            stack += parents(node)
    return seen


def parents(node: AnyNode) -> list[AnyNode]:
    """What ``node`` was computed from that is in the graph."""
    return [p for p in node.parents if p is not None]


def pull_back(node: AnyNode, i: int, g: Array) -> Array:
    """What passes back to argument ``i`` of ``node``, in numbers."""
    op: Any = node.op
    with np.errstate(all="ignore"):
        return fit(op.rule(i)(g, node.ans, *node.args, **node.kwargs), node.args[i], op, i)


def edges_to(piece: Piece, v: AnyNode) -> Iterator[list[tuple[AnyNode, int]]]:
    """The routes from the top of ``piece`` to ``v``, edge by edge."""
    return routes(
        piece.top,
        lambda node: [((node, i), node.parents[i]) for i in piece.inside.get(node, ())],  # type: ignore[misc]
        lambda node: node is v,
    )
