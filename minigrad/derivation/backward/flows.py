"""The gradients of a recorded output: of each value, and through each use of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from minigrad.derivation.walk import without_nothing
from minigrad.graph import AnyNode, ancestors, fit
from minigrad.typing import Array, Function

Edge = tuple[AnyNode, int]
MOST = 6
"""Of so many uses of a value, all subsets are looked at."""


def close(a: Array, b: Array) -> bool:
    """Whether two gradients are the same number, but for rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype == b.dtype == bool:
        return np.array_equal(a, b)
    finite, size = np.isfinite(b), np.abs(b)
    peak = float(np.max(size, initial=0.0, where=finite))
    fine = 1e-3 if a.dtype == np.float32 else 1e-6
    with np.errstate(invalid="ignore"):  # of two that are infinite
        alike = np.abs(a - b) <= fine * size + (1e-3 * fine * min(1.0, peak) + 1e-15)
    if not finite.all():
        alike = np.where(finite, alike, (a == b) | (np.isnan(a) & np.isnan(b)))
    return bool(alike.all())


@dataclass
class Flows:
    """The gradients of a recorded output: of each node, and through each use of it."""

    output: AnyNode
    start: Array = 1.0
    """What arrives at the output."""
    total: dict[AnyNode, Array] = field(default_factory=dict)
    sent: dict[Edge, Array] = field(default_factory=dict)
    users: dict[AnyNode, list[Edge]] = field(default_factory=dict)
    within: Collection[AnyNode] | None = None
    """The operations that are passed; all of them by default."""

    def __post_init__(self) -> None:
        self.total[self.output] = np.asarray(self.start, float)[()]
        nodes = ancestors(self.output) if self.within is None else self.within
        for node in sorted(nodes, key=lambda n: -n.seq):
            if node.op is None or node not in self.total:
                continue
            g = self.total[node]
            if type(node.ans) is tuple:
                g = g.filled(node.ans)
            for i, parent in enumerate(node.parents):
                rule = node.op.rule(i) if parent is not None else None
                if parent is None or rule is None:
                    continue
                c = without_nothing(g, rule(g, node.ans, *node.args, **node.kwargs))
                c = fit(c, node.args[i], node.op, i)
                self.sent[node, i] = c
                self.users.setdefault(parent, []).append((node, i))
                self.total[parent] = self.total[parent] + c if parent in self.total else c
        # What has several outputs is no value that a gradient could be of.
        self.total = {n: g for n, g in self.total.items() if type(n.ans) is not tuple}

    def scale(self, m: int, nodes: Collection[AnyNode]) -> None:
        """Take the gradients of some values ``m`` times."""
        self.total = {n: m * g if n in nodes else g for n, g in self.total.items()}
        self.sent = {(n, i): m * g if n.parents[i] in nodes else g
                     for (n, i), g in self.sent.items()}  # fmt: skip

    def parts(self, node: AnyNode) -> Iterator[tuple[list[Edge], Array]]:
        """What arrives at ``node`` through some of its uses, the fewest first."""
        by_user: dict[AnyNode, list[Edge]] = {}
        for edge in self.users.get(node, []):
            by_user.setdefault(edge[0], []).append(edge)
        uses = list(by_user.values())
        for size in range(1, len(uses)) if len(uses) <= MOST else (1, len(uses) - 1):
            for some in combinations(uses, size):
                edges = [e for use in some for e in use]
                yield edges, sum(self.sent[e] for e in edges)

    def next_named(self, edge: Edge, named: set[AnyNode]) -> set[AnyNode]:
        """The first nodes with names on the way from a use to the output."""
        found, stack, seen = set(), [edge[0]], {edge[0]}
        while stack:
            node = stack.pop()
            if node in named:
                found.add(node)
                continue
            for user, _ in self.users.get(node, ()):
                if user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found


def slopes(
    f: Function,
    args: tuple[Array, ...],
    k: int,
    cache: dict[tuple[int, ...], tuple[Array, tuple[Array, ...]]],
) -> Array:
    """The gradient of ``f`` with respect to argument ``k``, by central differences."""
    key = (k, *map(id, args))
    if key in cache:
        return cache[key][0]
    x = np.array(args[k], float)
    found = np.zeros(x.shape)
    h = 1e-4 * max(0.1, float(np.max(np.abs(x), initial=0.0)))
    for i in np.ndindex(*x.shape):
        ys = []
        for step in (h, -h, 2 * h, -2 * h):
            moved = x.copy()
            moved[i] += step
            ys.append(float(f(*args[:k], moved[()], *args[k + 1 :])))
        found[i] = (8 * (ys[0] - ys[1]) - (ys[2] - ys[3])) / (12 * h)
    cache[key] = found[()], args
    return found[()]
