"""The picture as DOT source.

Kinds differ in shape, line and colour at once, so that print, colour-blind eyes and a
screen of any background keep them apart: leaves are rectangles, constants notes with a
folded corner, operations rounded, the output has a double line, and a box is a folder.
The paper is white and the text dark, whatever stands behind.  Colours are those of Okabe
and Ito, https://jfly.uni-koeln.de/color/, their tints as fillings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from minigrad.draw.boxes import Arrow, Box, Item, View, operation
from minigrad.draw.picture import Vertex
from minigrad.draw.routes import Link, chains
from minigrad.draw.values import extent, number, partial, shape_of, shown, summary
from minigrad.reading.wording import shortened as short
from minigrad.reading.wording import visible
from minigrad.typing import Array

STYLES = {
    "leaf": 'shape=box style=filled penwidth=2 color="#0072b2" fillcolor="#dbeaf5"',
    "constant": 'shape=note style=filled color="#666666" fillcolor="#f4f4f4"',
    "op": 'shape=box style="rounded,filled" color="#8a6d00" fillcolor="#fdf6dc"',
    "output": 'shape=box peripheries=2 style=filled color="#007a5a" fillcolor="#d9f0e8"',
    "box": 'shape=folder style=filled color="#8f4a75" fillcolor="#f7e6f0"',
}
FONT = "Helvetica,Arial,sans-serif"
PATH_COLOR = "#c24e00"
PATH = f'color="{PATH_COLOR}"'
GRADIENT = "#a33b00"
QUIET = "#555555"
TABLE = '<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">'
DIRECTIONS = ("LR", "RL", "TB", "BT")
CROWD = 1500
"""Most vertices that are laid out, which takes minutes for some thousands; and arrays of more
are written without their spread and formulas, which nobody could read."""
WORDS = 30
"""Longest formula on an arrow; all of it is in the tooltip."""
ROUTES = 4
"""Most routes that a caption writes out."""
CAPTION = 10
"""Most lines of a caption; Graphviz refuses strings of more than 16384 characters."""
FACTORS = 8
"""Most factors of a route that a caption writes out."""

_REPLACED = re.compile(r"\\([NGETHL])")
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def text(words: object, width: int = 60) -> str:
    """``words`` for a label that is HTML, not longer than ``width`` letters."""
    return _marked(clean(words, width))


def _marked(words: str) -> str:
    # Browsers draw several spaces as one.  Graphviz replaces \N, \G and so on within a run
    # of text: start another one.
    return _REPLACED.sub(r"\\<FONT>\1</FONT>", escape(words).replace("  ", "\u00a0\u00a0"))


def clean(words: object, width: int = 60) -> str:
    """``words`` on one line, without controls."""
    return visible(short(str(words), width))


def quoted(words: object) -> str:
    r"""``words`` as a DOT string.

    Examples
    --------
    >>> print(quoted('say "hi"'))
    "say \"hi\""
    """
    return '"' + escape(visible(words), quote=False).translate(_QUOTED) + '"'


def source(
    view: View,
    *,
    values: bool = True,
    gradients: bool = True,
    local: bool = True,
    direction: str = "LR",
) -> str:
    """DOT source of ``view``."""
    return "\n".join(_lines(view, values, gradients, local, direction))


def _lines(view: View, values: bool, gradients: bool, local: bool, direction: str) -> Iterator[str]:
    picture = view.picture
    path = picture.downstream()
    words = f"{picture.output.name}: computation graph"
    if picture.wrt:
        words += f", paths from {shown([v.name for v in picture.wrt])} highlighted"
    yield f"digraph {quoted(short(words, 400))} {{"
    yield f'  rankdir={direction} bgcolor=white pad=0.15 nodesep=0.18 ranksep="0.35" '
    yield f'  fontname="{FONT}" fontsize=12 labelloc=b'
    yield f'  node [fontname="{FONT}" fontsize=11 margin="0.1,0.05" height=0.3]'
    yield f'  edge [fontname="{FONT}" fontsize=10 arrowsize=0.6 color="#666666"]'
    lines = caption(view) if picture.wrt else []
    if lines:
        left = '<BR ALIGN="LEFT"/>'
        space = f'<FONT POINT-SIZE="6"> </FONT>{left}'
        yield f"  label=<{space}{left.join(text(line, 240) for line in lines)}{left}>"
    detail = len(view.items) <= CROWD
    for item in view.items:
        ends = [item] if isinstance(item, Vertex) else item.exits if path else []
        on_path = any(v.id in path for v in ends)
        yield f"  {_node(item, values, gradients, on_path, detail)}"
    for i, frame in enumerate(view.frames):
        ids = " ".join(f"n{view.home[v.id].id};" for v in frame.members)
        yield (
            f'  subgraph cluster_{i} {{ label=<{text(frame.title)}> style="rounded,dashed" '
            f'color="#8f4a75" fontcolor="#8f4a75" {ids} }}'
        )
    for arrow in view.arrows:
        yield f"  {_edge(arrow, local, path, detail)}"
    yield "}"


def _node(item: Item, values: bool, gradients: bool, on_path: bool, detail: bool) -> str:
    style = STYLES[kind_of(item)]
    if on_path:
        style += f" {PATH} penwidth=3"
    tip = short(item.name if isinstance(item, Vertex) else f"{item.title}: {item.text}", 400)
    rows = face(item, values, gradients, detail)
    cells = "".join(f"<TR><TD>{_row(line)}</TD></TR>" for line in rows)
    return f"n{item.id} [label=<{TABLE}{cells}</TABLE>> {style} tooltip={quoted(tip)}]"


def kind_of(item: Item) -> str:
    """Which of the `STYLES` a node has."""
    if isinstance(item, Vertex):
        return item.kind
    return item.members[-1].kind if item.kind == "statement" else "box"


class Line(NamedTuple):
    """A line of a node: ``formula`` is what it is, where that stands behind its name."""

    words: str
    role: str
    formula: str = ""


def face(item: Item, values: bool, gradients: bool, detail: bool = True) -> list[Line]:
    """What stands in a node; without ``detail`` of arrays the shape alone."""
    vertex = item if isinstance(item, Vertex) else item.exit
    if isinstance(item, Box):
        lines = [Line(clean(item.title, 40), "title"), Line(clean(item.text, 48), "formula")]
    elif item.kind == "constant" and not item.named:  # shown as its value alone
        return [Line(clean(line), "value") for line in summary(item.value)]
    else:
        role = "title" if item.named or item.kind == "output" else "quiet"
        formula = clean(operation(item), 40) if item.op else ""
        lines = [Line(clean(item.name, 40), role, formula)]
    if vertex is not None and values:
        value = summary(vertex.value) if detail or vertex.scalar else shape_of(vertex.value)
        lead = f"{clean(vertex.name, 24)} = " if kind_of(item) == "box" else ""
        lines += [Line(lead * (i == 0) + clean(line), "value") for i, line in enumerate(value)]
    if vertex is not None and gradients and vertex.gradient is not None:
        slope = gradient(vertex) if detail or vertex.scalar else []
        lines += [Line(clean(line), "gradient") for line in slope]
    return lines


LOOKS = {
    "title": "<B>{}</B>",
    "quiet": f'<FONT COLOR="{QUIET}">{{}}</FONT>',
    "formula": "<I>{}</I>",
    "value": "{}",
    "gradient": f'<FONT COLOR="{GRADIENT}">{{}}</FONT>',
}


def _row(line: Line) -> str:
    row = LOOKS[line.role].format(_marked(line.words))
    return f"{row}\u00a0= <I>{_marked(line.formula)}</I>" if line.formula else row


def gradient(vertex: Vertex) -> list[str]:
    """``∂L/∂w = −0.1154``, or of an array the symbol and its spread."""
    symbol = partial(visible(short(vertex.picture.subject)), vertex.label)
    g = vertex.gradient
    if vertex.scalar:
        return [f"{symbol} = {summary(g)[0]}"]
    return [symbol, *([extent(g)] if extent(g) else [])]


def _edge(arrow: Arrow, local: bool, path: set[int], detail: bool) -> str:
    ids = f"n{arrow.source.id} -> n{arrow.target.id}"
    flows = [edge for edge in arrow.edges if edge.differentiable]
    if not flows:
        return f"{ids} [style=dashed]"
    style = ""
    if any(edge.source.id in path for edge in flows):
        style = f"{PATH} penwidth=3"
    words = label(arrow) if local and (detail or arrow.edges[0].target.scalar) else ""
    if words:
        style += f" label=<{text(words)}>"
        if "…" in words:
            style += f" labeltooltip={quoted(flows[0].formula)}"
    return f"{ids} [{style.strip()}]"


def label(arrow: Arrow) -> str:
    """The local derivative along an arrow: a number, or a formula and a shape."""
    if isinstance(arrow.target, Box) and arrow.derivative is not None:
        return number(arrow.derivative)
    if isinstance(arrow.target, Box) or len(arrow.edges) > 1:
        return f"{len(arrow.edges):,} edges" if len(arrow.edges) > 1 else ""
    edge = arrow.edges[0]
    if edge.source.scalar and edge.target.scalar:
        return summary(edge.local)[0] if edge.local is not None else edge.formula
    found = edge.formula
    if not found and edge.local is not None and not edge.target.scalar:
        found = extremes(edge.local)
    shape = "×".join(map(str, getattr(edge.source.value, "shape", ())))
    if len(found) > WORDS:
        found = f"{found[: WORDS - 1]}…"
    return f"{found}  ({shape})" if found and shape else found


def extremes(value: Array, digits: int = 3) -> str:
    """``0.2 … 0.5``: where the entries of an array lie."""
    first, *others = extent(value, digits).split("  ")
    if not others:
        return first.removeprefix("all ")
    return f"{first.removeprefix('min ')} … {others[-1].removeprefix('max ')}"


# --- the chain rule below the picture --------------------------------------------------


def caption(view: View) -> list[str]:
    """The chain rule from each highlighted vertex to the output, with its numbers."""
    picture = view.picture
    lines = []
    for vertex in picture.wrt:
        whole = partial(visible(short(picture.subject)), vertex.label)
        if vertex is picture.output:
            lines.append(f"{whole} = 1")
            continue
        value = f"   {tuple(vertex.gradient.shape)}"
        if vertex.scalar:
            value = f" = {summary(vertex.gradient)[0]}"
        count, routes = chains(vertex, ROUTES)
        if count == 1:
            symbols, numbers = _product(routes[0])
            equal = f" = {numbers}" if numbers and len(routes[0]) > 1 else ""
            start = f"{whole} = {symbols}" if len(routes[0]) > 1 else whole
            lines.append(f"{start}{equal}{value}")
        else:
            lines.append(f"{whole} = sum over {_count(count)}{value}")
            for chain in routes[:ROUTES]:
                symbols, numbers = _product(chain)
                total = _total(chain)
                result = f" = {numbers} = {number(total)}" if total is not None else ""
                lines.append(f"    {symbols}{result}")
            if count > ROUTES:
                lines.append("    …")
    return lines if len(lines) <= CAPTION else [*lines[: CAPTION - 1], "…"]


def _count(n: int) -> str:
    return f"{n:,} paths" if n < 10**6 else "over a million paths"


def _product(chain: list[Link]) -> tuple[str, str]:
    cut = len(chain) > FACTORS
    kept = [*chain[: FACTORS - 2], *chain[-1:]] if cut else chain
    symbols = [link.text for link in kept]
    numbers = [number(link.value) for link in kept] if _total(chain) is not None else []
    if cut:
        symbols.insert(-1, "…")
        if numbers:
            numbers.insert(-1, "…")
    return " · ".join(symbols), " · ".join(numbers)


def _total(chain: list[Link]) -> float | None:
    values = [link.value for link in chain if link.value is not None]
    return math.prod(values) if len(values) == len(chain) else None
