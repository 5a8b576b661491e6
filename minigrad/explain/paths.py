"""The routes by which one quantity acts on another: ``mg.paths``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from minigrad.explain.ledger import Chart
from minigrad.explain.rows import middle

if TYPE_CHECKING:
    from minigrad.graph import AnyNode


class Paths(Sequence[tuple[str, ...]]):
    """The routes by which one quantity acts on another, in the user's names.

    Attributes
    ----------
    total : int
        How many there are; at most ``limit`` of them are listed.
    nodes : list of tuples of nodes
        The same routes as nodes of the graph.
    """

    def __init__(self, chart: Chart, limit: int) -> None:
        goal = chart.wrt[0]
        self.total: int = chart.count(goal)
        self.nodes: list[tuple[AnyNode, ...]] = list(islice(chart.routes(goal), limit))
        self._names = [tuple(chart.called(n) for n in route) for route in self.nodes]

    def __getitem__(self, i: Any) -> Any:
        return self._names[i]

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Iterable) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        lines = [" ← ".join(middle(list(route))) for route in self]
        if self.total > len(self):
            lines.append(f"⋯ ({len(self):,} of {self.total:,} paths)")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.total:,} path{'s' * (self.total != 1)}>\n{self}"
