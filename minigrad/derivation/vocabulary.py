"""What slips are tried with: the factors, values and numbers that a person has at hand."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import BLIND
from minigrad.derivation.factors import is_simple
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import Edge, Graph, RuleCall, size_of
from minigrad.derivation.words import Words
from minigrad.graph import AnyNode
from minigrad.reading.names import named_values
from minigrad.typing import Array

if TYPE_CHECKING:
    pass


class Vocabulary(Words):
    """The named and nameless things of one graph.

    Attributes
    ----------
    q : Quantity
        What is looked for.
    edges : list of edges
        Those on the way to it.
    given : list of Quantity
        What was derived beside it, or before.
    numbers_only : bool
        Whether only single numbers are looked for among the local factors.
    """

    q: Quantity
    graph: Graph
    edges: list[Edge]
    given: list[Quantity]
    numbers_only: bool

    @cached_property
    def gradients(self) -> dict[AnyNode, Array]:
        """The derivatives of ``u`` by all nodes that it was computed from."""
        u = self.q.u
        if size_of(self.graph.values[u]) != 1:
            return {}
        return self.graph.gradients(u)

    @cached_property
    def roles(self) -> set[tuple[tuple[Hashable, ...], int]]:
        """Which values play which parts, by their identity."""
        return {(role(n, k), id(a)) for n in self.graph.nodes for k, a in enumerate(n.args)}

    def links(self) -> list[tuple[AnyNode, AnyNode]]:
        """Neighbouring named quantities that several elementwise ops lie between."""
        reached = {n for n, _ in self.edges}
        targets = [n.parents[i] for n, i in self.edges]
        found = []
        for t in dict.fromkeys(targets):
            made = t is not None and t.op is not None and not t.op.elementwise  # such as x @ W
            if t is None or not (made or self.marked(t)):
                continue
            above = self.named_above(t)
            if above in reached and above is not None:
                part = self.graph.between(above, t)
                if len(part.inside) > 1 and part.diagonal:
                    found.append((above, t))
        return found

    def marked(self, node: AnyNode) -> bool:
        """Whether a person has a name for ``node``, or grades it."""
        return self.names.known(node) or node in self.graph.marked

    def named_above(self, t: AnyNode) -> AnyNode | None:
        """The one named node that is computed from ``t`` next, if it is one."""
        seen, stack, named = {t}, [t], set()
        while stack and len(seen) < 50:
            for user, _ in self.graph.users[stack.pop()]:
                if user in seen:
                    continue
                seen.add(user)
                if self.marked(user):
                    named.add(user)
                else:
                    stack.append(user)
        return named.pop() if len(named) == 1 else None

    def above(self, node: AnyNode) -> str:
        above = self.named_above(node)
        return self.names.of(above) if above is not None and above is not self.q.u else ""

    def is_factor(self, edge: Edge) -> bool:
        """Whether leaving the rule of ``edge`` out leaves out what a person calls a factor."""
        node, i = edge
        if node.op is None or node.op in BLIND:
            return False
        if self.numbers_only and (len(node.args) < 2 or size_of(node.args[1 - i]) > 1):
            return False
        if node.op in (ops.multiply, ops.divide) and node.parents[1 - i] is None:
            other = node.args[1 - i]
            named = self.names.constant(node, 1 - i)
            return named is not None or np.size(other) > 1 or not is_simple(float(np.sum(other)))
        return True

    def factors(self) -> Iterator[tuple[str, Array]]:
        """Local derivatives of the graph, named; plain numbers left to ``factor``."""
        seen: list[Array] = []
        for node in reversed(self.graph.nodes):
            if node.op is None or not node.op.elementwise or node.op in BLIND:
                continue
            for i, parent in enumerate(node.parents):
                if parent is None or not self.is_factor((node, i)) or len(seen) > 120:
                    continue
                with np.errstate(all="ignore"):
                    d = np.asarray(
                        RuleCall(node, i, node.ans, node.args)(np.ones_like(node.ans)), float
                    )
                if d.size == 1 and is_simple(float(d.sum())):
                    continue  # that is a factor
                if any(np.array_equal(d, old) for old in seen):
                    continue
                seen.append(d)
                yield self.factor_name((node, i)), d

    def values(self) -> Iterator[tuple[str, Array]]:
        """Values that may have been taken for another: named ones, and all of small graphs."""
        every = len(self.graph.nodes) <= 60 and not np.any(self.q.unit)
        for node in self.graph.nodes:
            value = self.graph.values.get(node)
            known = self.names.known(node)
            usable = value is not None and type(value) is not tuple and node is not self.q.u
            if usable and (known or every):
                yield self.describe(node), value
        seen: set[float] = set()
        for node in self.graph.nodes:
            for i, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                same = arg if isinstance(arg, int | float) else id(arg)
                if parent is None and same not in seen and type(arg) is not tuple:
                    name = self.names.constant(node, i)
                    if name is not None or size_of(arg) > 1 or not is_simple(float(np.sum(arg))):
                        seen.add(same)
                        yield name or self.operand(node, i), arg

    def named_numbers(self) -> Iterator[tuple[str, float]]:
        """Numbers that the caller has a name for, in dicts as well."""
        seen: set[float] = {0.0, 1.0}
        for scope in self.names.scopes[:2]:
            for name, x in named_values(scope.variables, True):
                if isinstance(x, float | np.floating) and abs(x) not in seen and np.isfinite(x):
                    seen.add(abs(float(x)))
                    yield name, float(x)

    def arrays_beside(self) -> Iterator[tuple[str, Array]]:
        """Arrays of the caller that take no part in the computation, nor were handed in."""
        used = [a for n in self.graph.nodes for a in n.args if isinstance(a, np.ndarray)]
        used += [p.hand for p in [self.q, *self.given]]
        for scope in self.names.scopes[:2]:
            for name, x in named_values(scope.variables, True):
                plain = isinstance(x, np.ndarray) and x.size > 2 and x.dtype.kind in "fiub"
                if plain and not any(np.array_equal(x, u) for u in used):
                    yield name, np.asarray(x, float)

    def named_values(self) -> Iterator[tuple[str, Array]]:
        """Values that the user has a name for, constants left out."""
        for node in self.graph.nodes:
            value = self.graph.values.get(node)
            if self.names.known(node) and value is not None and type(value) is not tuple:
                yield self.names.of(node), value

    def others(self) -> Iterator[tuple[str, Array]]:
        """Gradients that may have been taken for values: derived before, or of named nodes.

        The one that is asked for is none of them: it does not explain itself.
        """
        for p in self.given:
            if p.usable and p is not self.q and p.u is not p.v:
                yield p.text, p.hand
        for node, g in self.gradients.items():
            if self.names.known(node) and node is not self.q.u and node is not self.q.v:
                yield f"d{self.names.of(self.q.u)}/d{self.names.of(node)}", g


def role(node: AnyNode, k: int) -> tuple[Hashable, ...]:
    """The part that an argument plays: in which operation, and whether it is a parameter."""
    leaf = [p is not None and p.op is None for p in node.parents]
    return (node.op, leaf[k], len(leaf) > 1 and any(leaf))
