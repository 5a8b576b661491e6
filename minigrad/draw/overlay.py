"""A graded derivation, laid over the graph: which node and which edges each row speaks of.

A row ``dL/da`` is about what passes from what follows ``a`` back to it, because its upstream
was judged by a row of its own; a row ``da/dz`` is about all that lies between ``z`` and ``a``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from minigrad.draw.picture import Edge, Picture, Vertex
from minigrad.reading.wording import shortened as short
from minigrad.reading.wording import visible
from minigrad.typing import Json

if TYPE_CHECKING:
    from minigrad.derivation.report import Report


def overlay(
    report: Report,
    picture: Picture,
    place: Callable[[Vertex], int],
    entry: Callable[[Edge], int | None],
) -> Json:
    """The rows of ``report`` as data for the page.

    Parameters
    ----------
    report : Report
    picture : Picture
    place, entry : callable
        Vertex -> its place on the page; edge -> its place, or None where it is out of sight.
    """
    named = {v.name: v for v in picture.vertices if v.named or v.kind in ("leaf", "output")}
    first = report.first_error
    rows = []
    for row in report.rows:
        about = subject(row.quantity, named, picture.output)
        edges: list[int] = []
        if about is not None and about[0] is not None:
            found = {entry(edge) for edge in between(picture, about[0], about[1])}
            edges = sorted(i for i in found if i is not None)
        quantity, yours, engine, numeric, _, verdict = row.cells
        rows.append(
            {
                "quantity": short(visible(quantity), 60),
                "yours": short(visible(yours), 40),
                "engine": engine,
                "numeric": numeric,
                "verdict": verdict,
                "remark": visible(row.remark) if row.remark else "",
                "vertex": None if about is None else place(about[1]),
                "edges": edges,
                "first": row is first,
            }
        )
    return {"ok": report.ok, "rows": rows}


def subject(
    quantity: str, named: dict[str, Vertex], output: Vertex
) -> tuple[Vertex | None, Vertex] | None:
    """What ``quantity`` is of: ``(u, v)`` of ``du/dv``, ``(None, v)`` of the value ``v``.

    Names may hold any text, so every place where the two could be parted is tried.
    """
    if quantity in named:
        return None, named[quantity]
    for upper, lower in _parted(quantity):
        v = named.get(lower)
        u = output if v is not None and upper.startswith(("Σ", "sum ")) else named.get(upper)
        if u is not None and v is not None:
            return u, v
    return None


def _parted(quantity: str) -> Iterator[tuple[str, str]]:
    d = quantity[:1]
    for over in re.finditer(f"/{d}", quantity) if d in {"d", "∂"} else ():
        yield _bare(quantity[1 : over.start()]), _bare(quantity[over.end() :])


def _bare(name: str) -> str:
    return name[1:-1] if name.startswith("(") and name.endswith(")") else name


def between(picture: Picture, u: Vertex, v: Vertex) -> list[Edge]:
    """The edges from ``v`` to ``u``; where ``u`` is the output, to the next named quantities."""
    whole = u is not picture.output
    reached, found = {v.id}, []
    for vertex in picture.vertices[v.id + 1 : u.id + 1]:
        edges = [e for e in vertex.inputs if e.differentiable and e.source.id in reached]
        if edges:
            found += edges
            if whole or not vertex.named:
                reached.add(vertex.id)
    useful, kept = {u.id}, []
    for edge in reversed(found):
        if edge.target.id in useful or not (whole or edge.target.id in reached):
            useful.add(edge.source.id)
            kept.append(edge)
    return kept[::-1]
