"""Routes from a vertex to the output, as the chain rule in links between named quantities."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from minigrad.draw.picture import Vertex
from minigrad.draw.values import item, partial
from minigrad.graph import routes
from minigrad.typing import Array


@dataclass(frozen=True)
class Link:
    """A factor of the chain rule between two named quantities, unnamed steps in between.

    ``value`` is ∂target/∂source where both are scalars, else None.
    """

    source: Vertex
    target: Vertex
    value: Array

    @property
    def text(self) -> str:
        """``∂a/∂z``."""
        return partial(self.target.label, self.source.label)


def links(source: Vertex) -> list[Link]:
    """The chain rule from ``source`` to the output in links between named quantities.

    Each link is ∂target/∂source with all else that has a name held fixed, so that the
    products along the routes of links add up to the derivative.
    """
    picture = source.picture
    inside = picture.downstream([source])
    stops = {source.id, picture.output.id}
    stops |= {i for i in inside if picture.vertices[i].named}
    found = []
    for target in sorted(stops - {source.id}):
        found += _links_into(picture.vertices[target], inside, stops)
    return found


def _links_into(target: Vertex, inside: set[int], stops: set[int]) -> list[Link]:
    """Backward pass from ``target`` that ends at the nearest named vertices."""
    pending: dict[int, Any] = {target.id: 1.0}
    links = []
    while pending:
        place = max(pending)
        factor, vertex = pending.pop(place), target.picture.vertices[place]
        if place in stops and vertex is not target:
            links.append(Link(vertex, target, factor))
            continue
        for edge in vertex.inputs:
            if edge.source.id not in inside:
                continue
            scalar = factor is not None and edge.source.scalar and vertex.scalar
            step = float(factor * item(edge.local)) if scalar else None
            before = pending.get(edge.source.id, 0.0)
            pending[edge.source.id] = (
                before + step if before is not None and step is not None else None
            )
    return links[::-1]


def chains(source: Vertex, limit: int = 16) -> tuple[int, list[list[Link]]]:
    """The number of routes from ``source`` to the output in links, and the first of them.

    Each route is a list of links from the output back, as the chain rule is written.
    """
    after: dict[int, list[Link]] = {}
    ways = {source.id: 1}
    for link in links(source):
        after.setdefault(link.source.id, []).append(link)
    for place in sorted(after):
        for link in after[place]:
            ways[link.target.id] = ways.get(link.target.id, 0) + ways[place]
    output = source.picture.output
    found = routes(
        source,
        lambda v: [(link, link.target) for link in after.get(v.id, ())],
        lambda v: v is output,
    )
    return ways.get(output.id, 0), [route[::-1] for route in islice(found, limit)]
