"""A cheap test that a slip cannot explain a large array, before the array is computed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from minigrad.derivation.judges import Base, signs
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import Edge, Edit, RuleCall, shape_of
from minigrad.graph import AnyNode
from minigrad.ops.shape import unbroadcast
from minigrad.typing import Array


class Sieve:
    """A cheap test that a slip cannot explain a large array, by one projection of it.

    Along a random direction d, what passes through one edge changes the answer by
    ⟨change, tangent⟩, where the tangent is how the parent moves when ``v`` moves along d.
    So a changed rule is tested by running that rule, not the whole walk.
    """

    q: Quantity
    base: Base

    def __init__(self, q: Quantity, base: Base) -> None:
        self.q, self.base = q, base
        self.d: Array = signs(base.value.shape)
        hands = [q.hand, *(transposes(q.hand, q.layout) if q.hand.ndim > 1 else [])]
        targets = [abs(self.along(h)) for h in hands if h.shape == self.d.shape]
        self.targets: Array = np.array(targets)[:, None]
        self.slack: float = 2e-3 * float(np.linalg.norm(q.hand)) + float(np.linalg.norm(q.unit))
        self.here: float = self.along(base.value)
        self._through: dict[Edge, float] = {}

    def along(self, value: Array) -> float:
        return float(np.vdot(self.d, value)) if value.shape == self.d.shape else np.nan

    def passes(self, p: float, factors: Array) -> bool:
        """Whether an array with this projection may be the hand value, up to a factor."""
        return not np.isfinite(p) or bool(
            np.any(np.abs(self.targets - abs(p) * factors) <= self.slack)
        )

    @cached_property
    def walk(self) -> tuple[dict[AnyNode, Array], dict[AnyNode, Array]] | None:
        """What arrives at each node, and how each moves; None where walks do not add up."""
        q, changes, graph = self.q, self.base.changes, self.q.graph
        if q.layout == "jacobian" or q.layout == "local" or changes.jumps or changes.values:
            return None
        arrived: dict[AnyNode, Array] = {}
        q.part.flow(np.ones(graph.shape(q.u))[()], changes, arrived=arrived)
        x = np.asarray(graph.values[q.v], float)
        h = 1e-6 * max(0.1, float(np.max(np.abs(x))))
        up, down = (q.part.along((x + s * h * self.d)[()], changes.inject) for s in (1.0, -1.0))
        return arrived, {n: (up[n] - down[n]) / (2 * h) for n in up if type(up[n]) is not tuple}

    def edited(self, edge: Edge, edit: Edit) -> float | None:
        """The projection of the answer when the rule of ``edge`` is changed."""
        node, i = edge
        if self.walk is None or type(node.ans) is tuple:
            return None
        arrived, tangents = self.walk
        parent = node.parents[i]
        if node not in arrived or parent not in tangents:
            return None
        call = RuleCall(node, i, node.ans, node.args)

        def moves(c: Array) -> float:
            whole = unbroadcast(np.asarray(c), shape_of(node.args[i]))
            known = not np.iscomplexobj(whole)
            return float(np.vdot(whole, tangents[parent])) if known else np.nan

        if edge not in self._through:
            self._through[edge] = self.here - moves(call(arrived[node]))
        new = edit(arrived[node], call)
        return self._through[edge] + (0.0 if new is None else moves(new))


def transposes(value: Array, layout: str) -> Iterator[Array]:
    """The ways to transpose an array or a Jacobian."""
    yield value.T
    if value.ndim > 2:
        yield np.swapaxes(value, -1, -2)
    half = value.ndim // 2
    if layout == "jacobian" and value.ndim == 2 * half and half > 1:
        yield value.transpose([*range(half, 2 * half), *range(half)])
