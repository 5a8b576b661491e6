"""The picture as a tree of text: the output at the top, what it is made of below.

A tree repeats what is shared, so shared parts are drawn once and named from then on.  Heavy
lines lead along the highlighted paths.
"""

from __future__ import annotations

from minigrad.draw.boxes import Arrow, Item, View, operation
from minigrad.draw.dot import caption, clean, gradient, label
from minigrad.draw.picture import Vertex
from minigrad.draw.values import summary

LINES = 400
"""Most lines of a drawing."""

DEPTH = 40
"""Deepest indentation; what lies deeper is drawn at that."""

FORKS = (("├─ ", "└─ "), ("┣━ ", "┗━ "))
BARS = ("│  ", "┃  ")


def tree(view: View, *, values: bool = True, gradients: bool = True, local: bool = True) -> str:
    """``view`` as text."""
    picture = view.picture
    path = picture.downstream()
    inputs: dict[Item, list[Arrow]] = {}
    for arrow in view.arrows:
        inputs.setdefault(arrow.target, []).append(arrow)
    root = view.home[picture.output.id]
    lines: list[str] = []
    drawn: set[Item] = set()
    # (item, how the line begins, how its children's lines begin, the arrow down to it)
    stack: list[tuple[Item, str, str, Arrow | None]] = [(root, "", "", None)]
    while stack and len(lines) < LINES:
        item, start, below, down = stack.pop()
        edge = label(down) if down is not None and local and down.differentiable else ""
        start += f"[{clean(edge)}] " if edge else ""
        if item in drawn and item in inputs:
            lines.append(f"{start}{_name(item)} (see above)")
            continue
        drawn.add(item)
        lines.append(start + _line(item, values, gradients))
        children = inputs.get(item, [])
        heavy = [any(e.source.id in path and e.differentiable for e in c.edges) for c in children]
        for i in reversed(range(len(children))):
            last = i == len(children) - 1
            # Where a heavy line passes by on its way to a later child, it stays heavy.
            bar = "   " if last else BARS[any(heavy[i + 1 :])]
            if len(below) >= 3 * DEPTH:
                bar = ""
            stack.append(
                (children[i].source, below + FORKS[heavy[i]][last], below + bar, children[i])
            )
    if stack:
        lines.append(f"… and {len(stack):,} branches more")
    if picture.wrt:
        lines += ["", *(clean(line, 240) for line in caption(view))]
    return "\n".join(lines)


def _name(item: Item) -> str:
    return clean(item.name if isinstance(item, Vertex) else item.title)


def _line(item: Item, values: bool, gradients: bool) -> str:
    vertex = item if isinstance(item, Vertex) else item.exit
    if isinstance(item, Vertex):
        constant = item.kind == "constant" and not item.named
        parts = [_name(item) if not item.op else f"{_name(item)} = {clean(operation(item), 40)}"]
        if constant:
            return "  ".join(summary(item.value))
        if item.kind == "leaf":
            parts[0] += " (leaf)"
    elif item.kind == "statement":
        parts = [f"{_name(item)} = {clean(item.text)}"]
    else:
        parts = [f"{_name(item)} ({clean(item.text)})"]
        if vertex is not None:
            parts.append(f"  {vertex.label}")
    if vertex is not None and values:
        parts.append(": " + "  ".join(summary(vertex.value)))
    if vertex is not None and gradients and vertex.gradient is not None:
        parts.append("   " + " ".join(gradient(vertex)))
    return "".join(parts).rstrip()
