"""Places for nodes, lines and their labels, where no Graphviz is asked.

The layout is that of K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of
Hierarchical System Structures" (1981): every node one layer after its latest input, the order
within a layer by the mean place of the neighbours, and then places as near to them as the
sizes allow.  Between two layers of nodes lies one of labels: a label has a place of its own,
and every line goes straight through each layer, so that none can run across a label or a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 8
APART = 14.0
"""Between the places of a layer, in points."""
GAP = 16.0
"""Between two layers."""
LANE = 6.0
"""Between lines that go back to the start of a row side by side."""
SPAN = 4000
"""Layers that all lines together are led through, and 4 for each node; longer ones go straight."""


@dataclass(eq=False)
class Spot:
    """A node in its layer, a label, or the place where a line passes through.

    Attributes
    ----------
    across, along : float
        Its sizes within the layer, and from layer to layer.
    port : float
        Where the line passes, from its centre.
    rank, row : int
        Its layer, and the row of layers that this is in.
    place, depth : float
        Its centre in these directions.
    """

    across: float
    along: float
    port: float = 0.0
    rank: int = 0
    row: int = field(init=False)
    place: float = field(init=False)
    depth: float = field(init=False)
    ins: list[Spot] = field(default_factory=list)
    outs: list[Spot] = field(default_factory=list)

    @property
    def line(self) -> float:
        """Where the line passes."""
        return self.place + self.port


@dataclass
class Layer:
    """Spots of one rank, and from where to where it reaches in its row."""

    spots: list[Spot]
    start: float = 0.0
    end: float = 0.0
    row: int = 0


@dataclass(frozen=True)
class Link:
    """A line from one node to another, by their places in topological order, and its label."""

    start: int
    end: int
    label: Spot | None = None


@dataclass
class Plan:
    """What was arranged: the way of every link, the layers, and how long a row is."""

    ways: list[list[Spot]]
    layers: list[Layer]
    length: float
    rows: int


def arranged(spots: list[Spot], links: Sequence[Link], width: float | None = None) -> Plan:
    """Sets place, depth and row of every spot, and returns the ways of the links.

    Parameters
    ----------
    spots : list of Spot
        The nodes in topological order.
    links : sequence of Link
    width : float, optional
        The longest that a row may be: what does not fit goes on in the next one.
    """
    _rank(spots, links)
    far = sum(spots[link.end].rank - spots[link.start].rank for link in links)
    straight = far > SPAN + 4 * len(spots)
    ways = [_way(spots, link, straight) for link in links]
    every = dict.fromkeys([*spots, *(spot for way in ways for spot in way)])
    found: list[list[Spot]] = [[] for _ in range(max((s.rank for s in every), default=0) + 1)]
    for spot in every:
        found[spot.rank].append(spot)
    _order(found)
    layers = [Layer(spots) for spots in found]
    length, rows = _balanced(layers, ways, width)
    _place(found)
    _stack(layers, ways)
    return Plan(ways, layers, length, rows)


def _rank(spots: list[Spot], links: Sequence[Link]) -> None:
    """Even ranks are layers of nodes, odd ones of labels."""
    given = set(range(len(spots))) - {link.end for link in links}
    for link in sorted(links, key=lambda link: link.end):
        spots[link.end].rank = max(spots[link.end].rank, spots[link.start].rank + 2)
    first: dict[int, int] = {}
    for link in links:
        first[link.start] = min(first.get(link.start, 1 << 60), spots[link.end].rank)
    for i in given & set(first):  # right before the first use
        spots[i].rank = first[i] - 2


def _way(spots: list[Spot], link: Link, straight: bool) -> list[Spot]:
    """From node to node through a spot in every layer; in the last but one stands the label."""
    start, end = spots[link.start], spots[link.end]
    ranks = range(start.rank + 1, end.rank)
    if straight and len(ranks) > 12:
        ranks = ranks[-1:]
    way = [start, *(Spot(6.0, 0.0, rank=rank) for rank in ranks), end]
    if link.label is not None:
        link.label.rank = ranks[-1]
        way[-2] = link.label
    for one, other in pairwise(way):
        one.outs.append(other)
        other.ins.append(one)
    return way


def _order(layers: list[list[Spot]]) -> None:
    """The order in each layer by the mean place of the neighbours, forward and back."""
    for layer in layers:
        for i, spot in enumerate(layer):
            spot.place = float(i)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            near = [s.ins if sweep % 2 == 0 else s.outs for s in layer]
            wish = {
                s: sum(o.place for o in n) / len(n) if n else s.place for s, n in zip(layer, near)
            }
            layer.sort(key=wish.__getitem__)
            for i, spot in enumerate(layer):
                spot.place = float(i)


def _place(layers: list[list[Spot]]) -> None:
    offsets = [_offsets(layer) for layer in layers]
    for layer, centres in zip(layers, offsets):
        for spot, offset in zip(layer, centres):
            spot.place = offset
    both = list(zip(layers, offsets))
    near = {
        spot: (_in_row(spot.ins, spot.row), _in_row(spot.outs, spot.row))
        for layer in layers
        for spot in layer
    }
    for sweep in range(2 * SWEEPS):
        forward = sweep % 2 == 0
        for layer, centres in both if forward else reversed(both):
            wishes = [_wish(near[spot], forward) for spot in layer]
            drawn = [wish for wish in wishes if wish is not None]
            alone = sum(drawn) / len(drawn) if drawn else 0.0
            asked = [
                (alone if wish is None else wish) - spot.port - offset
                for spot, wish, offset in zip(layer, wishes, centres)
            ]
            for spot, wish, offset in zip(layer, rising(asked), centres):
                spot.place = wish + offset


def _in_row(spots: list[Spot], row: int) -> list[Spot]:
    return [s for s in spots if s.row == row]


def _wish(ends: tuple[list[Spot], list[Spot]], forward: bool) -> float | None:
    """The mean line of the neighbours; None of what has none in its row."""
    near = ends[not forward] or ends[forward]
    return sum(s.place + s.port for s in near) / len(near) if near else None


def _offsets(layer: list[Spot]) -> list[float]:
    """Centres when the layer is packed from 0."""
    found, edge = [], 0.0
    for spot in layer:
        found.append(edge + spot.across / 2)
        edge += spot.across + APART
    return found


def rising(wishes: Sequence[float]) -> list[float]:
    """The non-decreasing numbers nearest to ``wishes`` (pool adjacent violators).

    Examples
    --------
    >>> rising([1.0, 4.0, 2.0, 5.0])
    [1.0, 3.0, 3.0, 5.0]
    """
    pools: list[tuple[float, int]] = []
    for wish in wishes:
        total, count = wish, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


# --- rows ------------------------------------------------------------------------------


def _balanced(
    layers: list[Layer], ways: list[list[Spot]], width: float | None
) -> tuple[float, int]:
    """Rows no longer than ``width``, and no longer than that many rows must be."""
    length, rows = _rows(layers, ways, width)
    if rows > 1 and width is not None:
        for part in range(8, 17):
            length, count = _rows(layers, ways, width * part / 16)
            if count == rows:
                break
    return length, rows


def _rows(layers: list[Layer], ways: list[list[Spot]], width: float | None) -> tuple[float, int]:
    """Breaks the layers into rows no longer than ``width``, one below the other.

    A layer of nodes takes the labels that follow along.  Returns the length and the number.
    """
    turns = _turns(layers, ways) if width is not None else [0] * len(layers)
    row, at, edge = 0, 0.0, 0.0
    for i in range(0, len(layers), 2):
        pair = layers[i : i + 2]
        thick = [max((s.along for s in layer.spots), default=0.0) for layer in pair]
        margin = LANE * (turns[i] + 2)
        if width is not None and at and at + sum(thick) + GAP > width - margin:
            row, at = row + 1, 0.0
            edge = margin
        at = at or (edge if row else 0.0)
        for layer, size in zip(pair, thick):
            layer.start, layer.end, layer.row = at, at + size, row
            at += size + GAP
            for spot in layer.spots:
                spot.depth, spot.row = layer.start + size / 2, row
    return max(layer.end for layer in layers), row + 1


def _turns(layers: list[Layer], ways: list[list[Spot]]) -> list[int]:
    """How many lines lead from before each layer to it or beyond."""
    found = [0] * (len(layers) + 1)
    for way in ways:
        found[way[0].rank + 1] += 1
        found[way[-1].rank + 1] -= 1
    for i in range(1, len(found)):
        found[i] += found[i - 1]
    return found


def _stack(layers: list[Layer], ways: list[list[Spot]]) -> None:
    """Moves the rows below one another, with room for the lines that go back between them."""
    crossing: dict[int, int] = {}
    for way in ways:
        for one, other in pairwise(way):
            for row in range(one.row, other.row):
                crossing[row] = crossing.get(row, 0) + 1
    top = 0.0
    for row in range(layers[-1].row + 1):
        spots = [s for layer in layers if layer.row == row for s in layer.spots]
        low = min(s.place - s.across / 2 for s in spots)
        high = max(s.place + s.across / 2 for s in spots)
        for spot in spots:
            spot.place += top - low
        top += high - low + 2 * APART + LANE * (crossing.get(row, 0) + 1)
