"""A picture as shapes on paper: laid out here, for SVG, LaTeX, bitmaps and films alike.

Kinds, colours and words are those of the DOT source.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap
from typing import Any

from minigrad.draw import dot
from minigrad.draw.arrange import LANE, Layer, Link, Plan, Spot, arranged
from minigrad.draw.boxes import Arrow, Item, View
from minigrad.draw.picture import Vertex
from minigrad.draw.theme import DARK, INK, PAPER

LINE = 14.0
PAD = 8.0
MARGIN = 12.0
SIZE = 11.0
"""Of letters, in points."""
GREY = "#666666"
INKS = {"quiet": dot.QUIET, "formula": dot.QUIET, "gradient": dot.GRADIENT}
"""Colours of lines of nodes that are not black."""
NARROWEST = 120.0
"""Least width that rows are wrapped to."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """A node, or the inner line of the output."""

    left: float
    top: float
    width: float
    height: float
    stroke: str
    fill: str | None = None
    strength: float = 1.4
    dashed: bool = False
    radius: float = 0.0


@dataclass(frozen=True)
class Stroke:
    """A line: its first point, then corners, or cubic curves of three points each."""

    start: Point
    steps: tuple[tuple[Point, ...], ...]
    colour: str
    strength: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Tip:
    """The triangle at the end of a line."""

    corners: tuple[Point, Point, Point]
    colour: str


@dataclass(frozen=True)
class Words:
    """A line of text, by its middle or its start; ``room`` is how wide it may be."""

    text: str
    x: float
    y: float
    colour: str
    bold: bool = False
    size: float = SIZE
    middle: bool = True
    room: float = 0.0
    role: str = ""


Shape = Rect | Stroke | Tip | Words


@dataclass(frozen=True)
class Scene:
    """What is on the paper, by what it shows: an arrow, a node, or None for the caption."""

    width: float
    height: float
    paper: str
    parts: list[tuple[Arrow | Item | None, list[Shape]]]


def scene(view: View, **how: Any) -> Scene:
    """``view`` laid out; ``width`` is that of the paper, where long chains go on in rows."""
    return _Drafter(view, **how).scene()


@dataclass
class _Drafter:
    view: View
    values: bool = True
    gradients: bool = True
    local: bool = True
    direction: str = "LR"
    width: float | None = None
    dark: bool = False

    def __post_init__(self) -> None:
        view, width = self.view, self.width
        self.upright, self.back = self.direction in ("TB", "BT"), self.direction in ("RL", "BT")
        self.path = view.picture.downstream()
        self.faces = [dot.face(item, self.values, self.gradients) for item in view.items]
        self.sizes = [_size(lines) for lines in self.faces]
        words = [dot.label(a) if self.local and a.differentiable else "" for a in view.arrows]
        self.labels = [dot.clean(text) if text else "" for text in words]
        self.spots = [Spot(w, h) if self.upright else Spot(h, w) for w, h in self.sizes]
        place = {item: i for i, item in enumerate(view.items)}
        self.links = [
            Link(place[a.source], place[a.target], self._label_spot(words))
            for a, words in zip(view.arrows, self.labels)
        ]
        room = None if width is None else width - 2 * MARGIN
        self.plan: Plan = arranged(self.spots, self.links, room)
        self.ports = self._ports()
        self.lanes = self._lanes()
        self.caption = _wrapped(dot.caption(view) if view.picture.wrt else [], room)
        every = [s for layer in self.plan.layers for s in layer.spots]
        self.low = min(s.place - s.across / 2 for s in every)
        self.breadth = max(s.place + s.across / 2 for s in every) - self.low
        turns = max((turn[0] for turn in self.lanes.values()), default=self.plan.length)
        self.length = max(self.plan.length, turns)

    def colour(self, code: str) -> str:
        return DARK.get(code, code) if self.dark else code

    @property
    def ink(self) -> str:
        return INK if self.dark else "#000000"

    def scene(self) -> Scene:
        across, down = (self.breadth, self.length)[:: 1 if self.upright else -1]
        links = [(arrow, self._link(arrow, i)) for i, arrow in enumerate(self.view.arrows)]
        nodes = [(item, self._node(item, i)) for i, item in enumerate(self.view.items)]
        note: list[Shape] = [
            Words(line, MARGIN, MARGIN + down + LINE * (i + 1.5), self.ink, middle=False)
            for i, line in enumerate(self.caption)
        ]
        wide = max([across, *(breadth(line) + 4 for line in self.caption)])
        tall = down + LINE * (len(note) + 1 if note else 0)
        paper = PAPER if self.dark else "#ffffff"
        return Scene(wide + 2 * MARGIN, tall + 2 * MARGIN, paper, [*links, *nodes, (None, note)])

    # --- places ----------------------------------------------------------------------

    def _label_spot(self, words: str) -> Spot | None:
        """Above its line, where that runs across; to the right of it, where it runs down."""
        if not words:
            return None
        wide = breadth(words, 10) + 6
        return Spot(wide + 6, LINE, 3 - wide / 2) if self.upright else Spot(LINE + 4, wide, 6)

    def _ports(self) -> dict[tuple[int, Spot], float]:
        """Where lines arrive at a node, side by side in the order in which they come."""
        arriving: dict[Spot, list[tuple[float, int]]] = {}
        for i, way in enumerate(self.plan.ways):
            arriving.setdefault(way[-1], []).append((way[-2].line, i))
        found = {}
        for spot, lines in arriving.items():
            apart = min(14.0, spot.across * 0.7 / len(lines))
            for k, (_, i) in enumerate(sorted(lines)):
                found[i, spot] = spot.place + (k - (len(lines) - 1) / 2) * apart
        return found

    def _lanes(self) -> dict[tuple[int, Spot], tuple[float, float, float]]:
        """Of a line that goes on in the next row: where it turns, goes back, and turns again."""
        crossing: dict[int, list[tuple[float, int, Spot, Spot]]] = {}
        for i, way in enumerate(self.plan.ways):
            for one, other in pairwise(way):
                if one.row != other.row:
                    crossing.setdefault(other.row, []).append((one.line, i, one, other))
        found = {}
        for row, lines in crossing.items():
            spots = [s for layer in self.plan.layers if layer.row == row for s in layer.spots]
            top = min(s.place - s.across / 2 for s in spots)
            left = min(layer.start for layer in self.plan.layers if layer.row == row)
            n = len(lines)
            for k, (_, i, one, _) in enumerate(sorted(lines, key=lambda line: line[:2])):
                end = max(layer.end for layer in self.plan.layers if layer.row == one.row)
                found[i, one] = (
                    end + LANE * (n - k),
                    top - LANE * (k + 1.5),
                    left - LANE * (k + 1.5),
                )
        return found

    def _turn(self, depth: float, place: float) -> Point:
        """From depth and place to x and y, in any direction."""
        depth = self.length - depth if self.back else depth
        x, y = (place - self.low, depth) if self.upright else (depth, place - self.low)
        return x + MARGIN, y + MARGIN

    # --- lines -----------------------------------------------------------------------

    def _link(self, arrow: Arrow, i: int) -> list[Shape]:
        way, layers = self.plan.ways[i], self.plan.layers
        start, end = way[0], way[-1]
        port = self.ports[i, end]
        first = (start.depth + start.along / 2, start.place)
        steps: list[tuple[Point, ...]] = [((layers[start.rank].end, start.place),)]
        for one, other in pairwise(way):
            a, b = layers[one.rank], layers[other.rank]
            leave = (a.end, one.line if one is not start else start.place)
            arrive = (b.start, port if other is end else other.line)
            steps += self._between(i, one, leave, arrive, a, b)
            last = end.depth - end.along / 2 if other is end else b.end
            steps.append(((last, arrive[1]),))
        flows = arrow.differentiable
        on_path = flows and any(e.source.id in self.path for e in arrow.edges if e.differentiable)
        colour = self.colour(dot.PATH_COLOR if on_path else GREY)
        turned = tuple(tuple(self._turn(*p) for p in step) for step in steps)
        line = Stroke(self._turn(*first), turned, colour, 3 if on_path else 1, not flows)
        depth = end.depth - end.along / 2
        tip = Tip(
            (
                self._turn(depth, port),
                self._turn(depth - 7, port - 3),
                self._turn(depth - 7, port + 3),
            ),
            colour,
        )
        return [line, tip, *self._label(i)]

    def _between(
        self, i: int, one: Spot, leave: Point, arrive: Point, a: Layer, b: Layer
    ) -> list[tuple[Point, ...]]:
        """From layer to layer; where a row ends, back between the rows to the next."""
        if a.row == b.row:
            middle = (leave[0] + arrive[0]) / 2
            return [((middle, leave[1]), (middle, arrive[1]), arrive)]
        right, between, left = self.lanes[i, one]
        corners = [(right, leave[1]), (right, between), (left, between), (left, arrive[1])]
        return [*((corner,) for corner in corners), (arrive,)]

    def _label(self, i: int) -> list[Shape]:
        spot, words = self.links[i].label, self.labels[i]
        if spot is None:
            return []
        x, y = self._turn(spot.depth, spot.line)
        if self.upright:
            return [Words(words, x + 5, y + 3.5, self.ink, size=10, middle=False, role="label")]
        return [Words(words, x, y - 4, self.ink, size=10, room=spot.along, role="label")]

    # --- nodes -----------------------------------------------------------------------

    def _node(self, item: Item, i: int) -> list[Shape]:
        kind = dot.kind_of(item)
        style = dot.STYLES[kind]
        (width, height), spot = self.sizes[i], self.spots[i]
        x, y = self._turn(spot.depth, spot.place)
        ends = [item] if isinstance(item, Vertex) else item.exits
        on_path = any(v.id in self.path for v in ends)
        stroke = self.colour(dot.PATH_COLOR if on_path else _colour("color", style))
        fill = self.colour(_colour("fillcolor", style))
        left, top = x - width / 2, y - height / 2
        radius = {"op": 6.0, "box": 3.0}.get(kind, 0.0)
        strength = 3.0 if on_path else 2.0 if kind == "leaf" else 1.4
        dashed = kind == "constant"
        shapes: list[Shape] = [
            Rect(left, top, width, height, stroke, fill, strength, dashed, radius)
        ]
        if kind == "output":
            shapes.append(Rect(left + 3, top + 3, width - 6, height - 6, stroke, strength=1.0))
        for k, line in enumerate(self.faces[i]):
            base = top + PAD / 2 + LINE * (k + 0.78)
            ink = self.colour(INKS[line.role]) if line.role in INKS else self.ink
            bold = line.role == "title"
            shapes.append(Words(_words(line), x, base, ink, bold, room=width - 6, role=line.role))
        return shapes


def breadth(words: str, size: float = SIZE) -> float:
    """About how wide a line is, in points; there is no font to ask."""
    return sum(map(_wide, words)) * size


def _wide(c: str) -> float:
    if unicodedata.combining(c) or unicodedata.category(c) == "Cf":
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.05
    if c in "iljtfrI.,:;|!'()[]/ ·":
        return 0.36
    if c in "mwMW—@%…":
        return 0.92
    return 0.7 if c.isupper() else 0.61


def _words(line: dot.Line) -> str:
    return f"{line.words} = {line.formula}" if line.formula else line.words


def _size(lines: list[dot.Line]) -> Point:
    wide = max(breadth(_words(line)) * (1.1 if line.role == "title" else 1.0) for line in lines)
    return wide + 2 * PAD, LINE * len(lines) + PAD


def _wrapped(lines: list[str], room: float | None) -> list[str]:
    """``lines`` in pieces no longer than ``room``, parted between the factors."""
    if room is None:
        return lines
    most = int(room / (0.61 * SIZE))
    return [
        piece
        for line in lines
        for piece in wrap(line, most, subsequent_indent=" " * 8, break_on_hyphens=False)
    ]


def _colour(key: str, style: str) -> str:
    found = re.search(rf'\b{key}="(#\w+)"', style)
    assert found is not None
    return found[1]
