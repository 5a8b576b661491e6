"""The part of a graph between two quantities: walked back with changes, and forward again.

A grader asks "what would come out if ...?": if the gradient that arrives at a node were
the student's, if a local factor were left out, if a rule saw another value.  Rules are
plain functions, so every such question is one walk with one thing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from minigrad.graph import AnyNode, ancestors, fit, routes
from minigrad.typing import Array

SEED = 12
Edge = tuple[AnyNode, int]
"""A node and which of its arguments: one arrow of the graph."""


class Graph:
    """All nodes that the output was computed from, with the values they had.

    Attributes
    ----------
    nodes : list of nodes
        Oldest first.
    values : dict
        node -> its value, leaves included.
    users : dict
        node -> the edges through which it is used.
    marked : set of nodes
        Those that are graded.
    """

    def __init__(self, roots: Iterable[AnyNode], given: Mapping[AnyNode, Array]) -> None:
        found: set[AnyNode] = set()
        for root in roots:
            if root not in found:
                found |= ancestors(root)
        self.nodes: list[AnyNode] = sorted(found, key=lambda n: n.seq)
        self.values: dict[AnyNode, Array] = dict(given)
        self.users: dict[AnyNode, list[Edge]] = {n: [] for n in self.nodes}
        for node in self.nodes:
            if node.op is not None:
                self.values[node] = node.ans
            for i, parent in enumerate(node.parents):
                if parent is not None:
                    self.users[parent].append((node, i))
                    self.values.setdefault(parent, node.args[i])
        self.marked: set[AnyNode] = set()
        self.steps = 0
        self._parts: dict[tuple[AnyNode, AnyNode], Part] = {}
        self._below: dict[AnyNode, set[AnyNode]] = {}
        self._gradients: dict[AnyNode, dict[AnyNode, Array]] = {}
        self._rounded: dict[tuple[AnyNode, float], dict[AnyNode, Array]] = {}

    def shape(self, node: AnyNode) -> tuple[int, ...]:
        return shape_of(self.values[node])

    def between(self, u: AnyNode, v: AnyNode) -> Part:
        """The nodes and edges on the paths from ``v`` to ``u``."""
        if (u, v) not in self._parts:
            above = self._above(v, u)
            below: dict[AnyNode, list[int]] = {}
            if u in above:
                wanted = {u}
                for node in sorted(above, key=lambda n: -n.seq):
                    if node in wanted and node is not v:
                        inside = [i for i, p in enumerate(node.parents) if p in above]
                        below[node] = inside
                        wanted.update(node.parents[i] for i in inside)  # type: ignore[misc]
            self._parts[u, v] = Part(self, u, v, below)
        return self._parts[u, v]

    def below(self, u: AnyNode) -> set[AnyNode]:
        """``u`` and all that it was computed from."""
        if u not in self._below:
            self._below[u] = ancestors(u)
        return self._below[u]

    def until(self, u: AnyNode, v: AnyNode, stops: Container[AnyNode]) -> Part:
        """The nodes from ``v`` up to the first of ``stops`` on each way to ``u``.

        Where every step of a derivation is graded, what lies between neighbours is small.
        """
        wanted, met, region, stack = self.below(u), set(), {v}, [v]
        while stack:
            for user, _ in self.users.get(stack.pop(), ()):
                if user in wanted and user not in met:
                    met.add(user)
                    if user not in stops and user is not u:
                        region.add(user)
                        stack.append(user)
        order = sorted(met, key=lambda n: -n.seq)
        inside = {n: [i for i, p in enumerate(n.parents) if p in region] for n in order}
        return Part(self, u, v, inside)

    def forget(self) -> None:
        """Let go of the parts, which hold the graph in turn."""
        self._parts.clear()
        self._gradients.clear()
        self._rounded.clear()
        self._below.clear()

    def gradients(self, u: AnyNode) -> dict[AnyNode, Array]:
        """What arrives at each node that ``u`` was computed from, when 1 starts there."""
        if u not in self._gradients:
            self._gradients[u] = self._arrivals(u, NOTHING)
        return self._gradients[u]

    def rounded(self, u: AnyNode, spacing: float) -> dict[AnyNode, Array]:
        """The gradients where every number is as good as a type of that relative spacing.

        What cancels is only as good as the numbers that it is computed from.
        """
        if (u, spacing) not in self._rounded:
            self._rounded[u, spacing] = self._arrivals(u, self.coarsely(self.nodes, spacing))
        return self._rounded[u, spacing]

    def coarsely(self, nodes: Iterable[AnyNode], spacing: float) -> Changes:
        """The rules of ``nodes``, computed in a type of that relative spacing.

        Errors are drawn: rounding alone leaves no trace where equal numbers cancel.
        """
        rng = np.random.default_rng(SEED)

        def edit(g: Array, call: RuleCall) -> Array:
            return coarse(call(coarse(g, spacing, rng)), spacing, rng)

        values = {n: coarse(v, spacing, rng) for n, v in self.values.items()}
        edges = {(n, i): edit for n in nodes for i in range(len(n.parents))}
        return Changes(edges, values=values)

    def _arrivals(self, u: AnyNode, changes: Changes) -> dict[AnyNode, Array]:
        below, nodes = {u}, {}
        for node in reversed(self.nodes):
            if node in below and node.op is not None:
                nodes[node] = [
                    i for i, p in enumerate(node.parents)
                    if p is not None and node.op.rule(i) is not None
                ]  # fmt: skip
                below.update(node.parents[i] for i in nodes[node])  # type: ignore[misc]
        arrived: dict[AnyNode, Array] = {}
        seed = np.ones(self.shape(u))[()]
        Part(self, u, self.nodes[0], nodes).flow(seed, changes, arrived=arrived)
        return arrived

    def _above(self, v: AnyNode, u: AnyNode) -> set[AnyNode]:
        """``v`` and all that was computed from it, up to ``u``."""
        seen, stack = {v}, [v]
        while stack:
            for user, _ in self.users.get(stack.pop(), ()):
                if user not in seen and user.seq <= u.seq:
                    seen.add(user)
                    stack.append(user)
        return seen

    def position(self, v: AnyNode) -> float:
        """Where a walk from the output has collected the whole gradient of ``v``."""
        if v.op is not None:
            return float(v.seq)
        return min((user.seq for user, _ in self.users.get(v, ())), default=v.seq) - 0.5

    def replay(self, changed: Mapping[AnyNode, Array]) -> dict[AnyNode, Array]:
        """Values after ``changed``: what depends on them, computed again, oldest first."""
        new = dict(changed)
        for node in self.nodes:
            if node.op is None or node in changed or all(p not in new for p in node.parents):
                continue
            pairs = zip(node.args, node.parents, strict=True)
            args = [a if p is None else new.get(p, a) for a, p in pairs]
            new[node] = node.op.forward(*args, **node.kwargs)
        return new


def shape_of(x: Array) -> tuple[int, ...]:
    """The shape of a value; several results together have none."""
    return () if type(x) is tuple else tuple(np.shape(x))


def size_of(x: Array) -> int:
    """How many entries a value has, several results together."""
    return sum(map(size_of, x)) if type(x) is tuple else int(np.size(x))


@dataclass(frozen=True)
class RuleCall:
    """One rule on its way back through an edge, with the values that it sees."""

    node: AnyNode
    i: int
    ans: Array
    args: tuple[Array, ...]

    def __call__(self, g: Array, ans: Array = None, args: Sequence[Array] | None = None) -> Array:
        op: Any = self.node.op
        rule = op.rule(self.i)
        ans = self.ans if ans is None else ans
        c = rule(g, ans, *(self.args if args is None else args), **self.node.kwargs)
        return without_nothing(g, c)


def without_nothing(g: Array, c: Array) -> Array:
    """What a rule gives, with 0 where nothing arrives at an infinite slope."""
    real = isinstance(c, np.ndarray | np.floating) and c.dtype.kind == "f"
    if not real or not np.isnan(c).any() or np.shape(g) != np.shape(c):
        return c
    return np.where((np.asarray(g) == 0) & np.isnan(c), 0.0, c)[()]


Edit = Callable[[Array, RuleCall], Array]
"""What passes back through an edge instead: from the gradient that arrives and the rule."""


@dataclass
class Changes:
    """What is different in a walk.

    Attributes
    ----------
    edits : dict
        edge -> what happens there instead of its rule.
    inject : dict
        node -> from the seed, the gradient that arrives there instead.
    jumps : dict
        node -> pairs of a target and what is sent there besides, given what arrives.
    values : dict
        node -> the value that rules see instead.
    """

    edits: Mapping[Edge, Edit] = field(default_factory=dict)
    inject: Mapping[AnyNode, Callable[[Array], Array]] = field(default_factory=dict)
    jumps: Mapping[AnyNode, list[tuple[AnyNode, Callable[[Array], Array]]]] = field(
        default_factory=dict
    )
    values: Mapping[AnyNode, Array] = field(default_factory=dict)


NOTHING = Changes()


@dataclass
class Part:
    """The nodes on the paths from ``v`` to ``u``, ``v`` left out.

    Attributes
    ----------
    inside : dict
        node -> its arguments on these paths; newest node first.
    """

    graph: Graph
    u: AnyNode
    v: AnyNode
    inside: dict[AnyNode, list[int]]
    plan: list[tuple[Any, ...]] | None = None

    @property
    def forward(self) -> list[AnyNode]:
        return list(reversed(self.inside))

    def moved(self, x: Array) -> Array:
        """The value of ``u``, were ``x`` that of ``v``: the graph replayed from there."""
        if self.plan is None:
            self.plan = [
                (n, n.op.forward, list(n.args), [(i, n.parents[i]) for i in inside], n.kwargs)
                for n, inside in reversed(self.inside.items())
                if n.op
            ]
        new = {self.v: x}
        for node, forward, args, places, kwargs in self.plan:
            args = args.copy()
            for i, parent in places:
                args[i] = new[parent]
            new[node] = forward(*args, **kwargs)
        return new[self.u]

    @property
    def elementwise(self) -> bool:
        """Whether all ops on the way are elementwise, broadcasting allowed."""
        return all(node.op is not None and node.op.elementwise for node in self.inside)

    @property
    def diagonal(self) -> bool:
        """Whether each element of ``v`` acts on the same element of ``u`` alone."""
        shape = self.graph.shape(self.v)
        return self.elementwise and all(self.graph.shape(n) == shape for n in self.inside)

    def along(self, x: Array, held: Iterable[AnyNode] = ()) -> dict[AnyNode, Array]:
        """The values of all nodes, were ``x`` that of ``v`` and those in ``held`` kept."""
        new = {self.v: x}
        for node in self.forward:
            if node in held:
                new[node] = node.ans
            elif node.op is not None:
                pairs = zip(node.args, node.parents, strict=True)
                args = [a if p is None else new.get(p, a) for a, p in pairs]
                new[node] = node.op.forward(*args, **node.kwargs)
        return new

    def flow(
        self,
        seed: Array,
        changes: Changes = NOTHING,
        fitted: bool = True,
        arrived: dict[AnyNode, Array] | None = None,
    ) -> Array:
        """The gradient that reaches ``v`` when ``seed`` starts at ``u``.

        Parameters
        ----------
        fitted : bool
            Whether sums over broadcast axes are taken.
        arrived : dict, optional
            Is filled with what reaches each node.
        """
        pending: dict[AnyNode, Array] = {self.u: seed}
        values = changes.values
        needed = {n for n, _ in self.active(changes.inject)} if changes.inject else self.inside
        for node, inside in self.inside.items():
            g = pending.pop(node, None)
            if node in changes.inject:
                g = changes.inject[node](seed)
            if g is None or (node not in needed and node not in changes.jumps):
                continue
            if arrived is not None:
                arrived[node] = g
            op: Any = node.op
            first = node.args[0] if node.args else 0
            self.graph.steps += 1 + (size_of(first) >> 8)
            args, ans = node.args, node.ans
            if values:
                pairs = zip(args, node.parents, strict=True)
                args = tuple(values.get(p, a) if p else a for a, p in pairs)
                ans = values.get(node, ans)
            if type(ans) is tuple:
                g = g.filled(ans)
            for i in inside:
                call, parent = RuleCall(node, i, ans, args), node.parents[i]
                edit = changes.edits.get((node, i))
                c = call(g) if edit is None else edit(g, call)
                if c is None:
                    continue
                if fitted:
                    c = fit(c, node.args[i], op, i)
                pending[parent] = pending[parent] + c if parent in pending else c  # type: ignore[index]
            for target, sent in changes.jumps.get(node, ()):
                pending[target] = pending.get(target, 0) + sent(g)
        if arrived is not None:
            arrived.update(pending)
        found = pending.get(self.v)
        return np.zeros(self.graph.shape(self.v)) if found is None else found

    def active(self, stop: Iterable[AnyNode] = ()) -> list[Edge]:
        """Edges whose changes reach ``v``: those not hidden behind the nodes in ``stop``."""
        hidden, wanted, edges = set(stop), {self.v}, []
        for node in self.forward:
            hits = [i for i in self.inside[node] if node.parents[i] in wanted]
            edges += [(node, i) for i in hits]
            if hits and node not in hidden:
                wanted.add(node)
        return edges

    def paths(self, stop: Iterable[AnyNode] = (), limit: int = 17) -> list[list[Edge]]:
        """The routes from ``v`` up to ``u`` or to the first of ``stop``; at most ``limit``."""
        users: dict[AnyNode, list[Edge]] = {}
        for node, i in self.active(stop):
            users.setdefault(node.parents[i], []).append((node, i))  # type: ignore[arg-type]
        ends = {self.u, *stop}
        found = routes(
            self.v,
            lambda node: [(edge, edge[0]) for edge in reversed(users.get(node, []))],
            ends.__contains__,
        )
        return list(islice(found, limit))


def coarse(value: Array, spacing: float, rng: np.random.Generator) -> Array:
    """``value`` with errors such as a type of that spacing makes."""
    if isinstance(value, tuple | dict) or np.asarray(value).dtype.kind != "f":
        return value
    value = np.asarray(value, float)
    return (value * (1 + spacing * rng.uniform(-1, 1, value.shape)))[()]
