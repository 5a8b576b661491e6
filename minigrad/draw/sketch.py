"""The picture as SVG without Graphviz: layers of boxes, laid out and drawn here.

The layout is that of K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of
Hierarchical System Structures" (1981): every node one layer after its latest input, the order
within a layer by the mean place of the neighbours, and then places as near to them as the
sizes allow.  Kinds, colours and words are those of the DOT source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from minigrad.draw import dot
from minigrad.draw.boxes import Arrow, Box, Item, View
from minigrad.draw.picture import Vertex, summary

SWEEPS = 8
APART = 14.0
"""Between nodes of a layer, in points."""
LINE = 14.0
PAD = 8.0
MARGIN = 12.0
HALO = 'font-size="10" paint-order="stroke" stroke="white" stroke-width="3"'
LONGEST = 12
"""Layers that a line is led through; a longer one goes straight."""


@dataclass(eq=False)
class Spot:
    """A node in its layer, or the place where a line passes through one.

    ``across`` and ``along`` are its sizes within the layer and from layer to layer, ``place``
    and ``depth`` its centre in these directions.
    """

    across: float
    along: float
    rank: int = 0
    place: float = 0.0
    depth: float = 0.0
    ins: list[Spot] = field(default_factory=list)
    outs: list[Spot] = field(default_factory=list)


# --- layout ----------------------------------------------------------------------------


def arranged(spots: list[Spot], links: Sequence[tuple[int, int]], gap: float) -> list[list[Spot]]:
    """Sets place and depth of every spot, and returns the way of every link.

    ``spots`` stand in topological order; ``links`` are pairs of places in it.
    """
    sources = set(range(len(spots))) - {to for _, to in links}
    for start, to in sorted(links, key=lambda link: link[1]):
        spots[to].rank = max(spots[to].rank, spots[start].rank + 1)
    for i in sources:  # right before the first use
        spots[i].rank = min((spots[to].rank for s, to in links if s == i), default=1) - 1
    ways = [_way(spots[start], spots[to]) for start, to in links]
    every = dict.fromkeys([*spots, *(spot for way in ways for spot in way)])
    layers: list[list[Spot]] = [[] for _ in range(max(s.rank for s in every) + 1)]
    for spot in every:
        layers[spot.rank].append(spot)
    _order(layers)
    _place(layers)
    start_of = 0.0
    for layer in layers:
        thick = max((s.along for s in layer), default=0.0)
        for spot in layer:
            spot.depth = start_of + thick / 2
        start_of += thick + gap
    return ways


def _way(start: Spot, end: Spot) -> list[Spot]:
    if end.rank - start.rank > LONGEST:
        return [start, end]
    way = [start, *(Spot(6.0, 0.0, rank) for rank in range(start.rank + 1, end.rank)), end]
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
            wish = {s: _mean(s.ins if sweep % 2 == 0 else s.outs, s.place) for s in layer}
            layer.sort(key=lambda s: wish[s])
            for i, spot in enumerate(layer):
                spot.place = float(i)


def _place(layers: list[list[Spot]]) -> None:
    for layer in layers:
        for spot, offset in zip(layer, _offsets(layer)):
            spot.place = offset
    for sweep in range(2 * SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            offsets = _offsets(layer)
            near = [(s.ins if sweep % 2 == 0 else s.outs) or [*s.ins, *s.outs] for s in layer]
            wishes = [_mean(n, s.place) - o for n, s, o in zip(near, layer, offsets)]
            for spot, wish, offset in zip(layer, rising(wishes), offsets):
                spot.place = wish + offset


def _offsets(layer: list[Spot]) -> list[float]:
    """Centres when the layer is packed from 0."""
    found, edge = [], 0.0
    for spot in layer:
        found.append(edge + spot.across / 2)
        edge += spot.across + APART
    return found


def _mean(spots: list[Spot], otherwise: float) -> float:
    return sum(s.place for s in spots) / len(spots) if spots else otherwise


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


# --- drawing ---------------------------------------------------------------------------


def svg(
    view: View,
    *,
    values: bool = True,
    gradients: bool = True,
    local: bool = True,
    direction: str = "LR",
) -> str:
    """``view`` as SVG text."""
    upright = direction in ("TB", "BT")
    path = view.picture.downstream()
    faces = [_lines(item, values, gradients) for item in view.items]
    sizes = [_size(lines) for lines in faces]
    spots = [Spot(w, h) if upright else Spot(h, w) for w, h in sizes]
    place = {item: i for i, item in enumerate(view.items)}
    labels = [dot.label(arrow) if local and _flows(arrow) else "" for arrow in view.arrows]
    links = [(place[arrow.source], place[arrow.target]) for arrow in view.arrows]
    gap = 40.0 if upright else min(max([30.0, *(breadth(words) + 8 for words in labels)]), 120.0)
    ways = arranged(spots, links, gap)
    turn = _Turn(spots, ways, direction)
    parts = [_link(a, way, words, turn, path)
             for a, way, words in zip(view.arrows, ways, labels)]  # fmt: skip
    for item, lines, size, spot in zip(view.items, faces, sizes, spots):
        parts.append(_node(item, lines, size, turn(spot.depth, spot.place), path))
    caption = dot.caption(view) if view.picture.wrt else []
    wide = max([turn.width, *(breadth(line) + 4 for line in caption)])
    for i, line in enumerate(caption):
        parts.append(_text(line, 0, turn.height + LINE * (i + 1.5), 'text-anchor="start"'))
    tall = turn.height + LINE * (len(caption) + 1 if caption else 0)
    width, height = wide + 2 * MARGIN, tall + 2 * MARGIN
    box = f"{-MARGIN:g} {-MARGIN:g} {width:.1f} {height:.1f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}pt" height="{height:.0f}pt" '
        f'viewBox="{box}" font-family="{dot.FONT}" font-size="11" text-anchor="middle">\n'
        f'<rect x="{-MARGIN:g}" y="{-MARGIN:g}" width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


class _Turn:
    """From depth and place to x and y, in any direction."""

    def __init__(self, spots: list[Spot], ways: list[list[Spot]], direction: str) -> None:
        every = [*spots, *(s for way in ways for s in way)]
        self.low = min(s.place - s.across / 2 for s in every)
        breadth = max(s.place + s.across / 2 for s in every) - self.low
        self.length = max(s.depth + s.along / 2 for s in every)
        self.upright, self.back = direction in ("TB", "BT"), direction in ("RL", "BT")
        self.width, self.height = (breadth, self.length)[:: 1 if self.upright else -1]

    def __call__(self, depth: float, place: float) -> tuple[float, float]:
        depth = self.length - depth if self.back else depth
        return (place - self.low, depth) if self.upright else (depth, place - self.low)


def _flows(arrow: Arrow) -> bool:
    return any(edge.differentiable for edge in arrow.edges)


def _lines(item: Item, values: bool, gradients: bool) -> list[tuple[str, str]]:
    """The lines of a node, each with its style."""
    bold, quiet = 'font-weight="bold"', f'fill="{dot.QUIET}"'
    vertex = item if isinstance(item, Vertex) else item.exit
    lines = []
    if isinstance(item, Box):
        lines = [(dot.clean(item.title, 40), bold), (dot.clean(item.text, 48), quiet)]
    elif item.kind == "constant" and not item.named:
        return [(dot.clean(line), "") for line in summary(item.value)]
    else:
        name = dot.clean(item.name, 40) + (f" = {dot.clean(item.op)}" if item.op else "")
        lines = [(name, bold if item.named or item.kind == "output" else quiet)]
    if vertex is not None and values:
        lines += [(dot.clean(line), "") for line in summary(vertex.value)]
    if vertex is not None and gradients and vertex.gradient is not None:
        ink = f'fill="{dot.GRADIENT}"'
        lines += [(dot.clean(line), ink) for line in dot.gradient(vertex)]
    return lines


def breadth(words: str) -> float:
    """About how wide a line is, in points; there is no font to ask."""
    return sum(11.0 if east_asian_width(c) in "WF" else 6.2 for c in words)


def _size(lines: list[tuple[str, str]]) -> tuple[float, float]:
    return max(breadth(words) for words, _ in lines) + 2 * PAD, LINE * len(lines) + PAD


def _node(
    item: Item,
    lines: list[tuple[str, str]],
    size: tuple[float, float],
    centre: tuple[float, float],
    path: set[int],
) -> str:
    kind = item.kind if isinstance(item, Vertex) else "box"
    if isinstance(item, Box) and item.kind == "statement":
        kind = item.members[-1].kind
    style = dot.STYLES[kind]
    (width, height), (x, y) = size, centre
    on_path = any(v.id in path for v in ([item] if isinstance(item, Vertex) else item.exits))
    line = dot.PATH_COLOR if on_path else _colour("color", style)
    strength = 3 if on_path else 1.4
    look = f'fill="{_colour("fillcolor", style)}" stroke="{line}" stroke-width="{strength}"'
    if kind == "constant":
        look += ' stroke-dasharray="4 3"'
    left, top = x - width / 2, y - height / 2
    round_ = {"op": 6, "leaf": 0, "box": 3}.get(kind, 0)
    parts = [_rect(left, top, width, height, f'rx="{round_}" {look}')]
    if kind == "output":
        parts.append(
            _rect(left + 3, top + 3, width - 6, height - 6, f'fill="none" stroke="{line}"')
        )
    for i, (words, ink) in enumerate(lines):
        parts.append(_text(words, x, top + PAD / 2 + LINE * (i + 0.78), ink))
    return f'<g class="node">{"".join(parts)}</g>'


def _rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {look}/>'


def _text(words: str, x: float, y: float, look: str) -> str:
    shown = escape(words).replace("  ", "\u00a0\u00a0")
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{shown}</text>'


def _colour(key: str, style: str) -> str:
    found = re.search(rf'\b{key}="(#\w+)"', style)
    assert found is not None
    return found[1]


def _link(arrow: Arrow, way: list[Spot], words: str, turn: _Turn, path: set[int]) -> str:
    start, end = way[0], way[-1]
    depths = [
        start.depth + start.along / 2,
        *(s.depth for s in way[1:-1]),
        end.depth - end.along / 2,
    ]
    places = [s.place for s in way]
    edge = arrow.edges[0]
    if sum(e.source is edge.source for e in edge.target.inputs) > 1:  # x * x: two lines
        places[-1] += min(10.0 * edge.argnum, end.across / 2 - 2)
    d = "M{:.1f} {:.1f}".format(*turn(depths[0], places[0]))
    for (d0, p0), (d1, p1) in pairwise(zip(depths, places)):
        middle = (d0 + d1) / 2
        a, b, c = turn(middle, p0), turn(middle, p1), turn(d1, p1)
        d += f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {c[0]:.1f} {c[1]:.1f}"
    flows = _flows(arrow)
    on_path = flows and any(e.source.id in path for e in arrow.edges if e.differentiable)
    look = 'stroke-dasharray="4 3"' if not flows else ""
    colour, width = (dot.PATH_COLOR, 3) if on_path else ("#666666", 1)
    tip = _tip(turn, depths[-1], places[-1], colour)
    x, y = turn((depths[0] + depths[1]) / 2, (places[0] + places[1]) / 2)
    label = _text(words, x, y - 3, HALO) if words else ""
    line = f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width}" {look}/>'
    return f'<g class="edge">{line}{tip}{label}</g>'


def _tip(turn: _Turn, depth: float, place: float, colour: str) -> str:
    corners = (turn(depth, place), turn(depth - 7, place - 3), turn(depth - 7, place + 3))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'
