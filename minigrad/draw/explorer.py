"""The backprop explorer: one HTML page that steps through the forward and the backward pass.

Python writes what it knows as JSON (values, gradients, and what passes along every edge), and
the page, plain JavaScript in ``page/``, lays it out and plays it.  A graph of single numbers
travels with its program, a list of equations, so that the page can compute it anew when a
person changes a leaf.  The page asks nothing of the network and evaluates no text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import ops
from minigrad.draw.boxes import Box, Item, View, expression, index, view
from minigrad.draw.dot import CROWD, extremes
from minigrad.draw.live import program
from minigrad.draw.overlay import overlay
from minigrad.draw.picture import Edge, Picture, Vertex
from minigrad.draw.values import is_scalar, summary
from minigrad.reading.wording import shortened as short
from minigrad.reading.wording import visible
from minigrad.tensor.door import wrap
from minigrad.typing import Array, Json
from minigrad.writing.names import mathml_name
from minigrad.writing.notation import NOTATION
from minigrad.writing.styles import MATHML
from minigrad.writing.terms import Term

if TYPE_CHECKING:
    from minigrad.derivation.report import Report


WHOLE = 300
"""Most members of a box that can be opened to all of them; of more, the first and last."""
ENDS = 20
CARRIED = 600
"""Most vertices inside boxes that the page carries."""
LIBRARY = ("ops", "arrays")
SCRIPTS = ("layout graph compute math drawing view panels formula lessons explorer").split(" ")
EXPLAINED = 300
"""Vertices of the largest graph of which every leaf is explained."""
CELLS = 13_000
"""Most cells of all heat maps together."""


def page(
    picture: Picture,
    collapse: bool | int | str = "auto",
    direction: str = "LR",
    *,
    report: Report | None = None,
) -> str:
    """The explorer of ``picture`` as the text of an HTML file.

    Parameters
    ----------
    picture : Picture
    collapse : {"auto", True, False} or int
        What starts as a box, as in ``draw``; a click opens it.
    direction : {"LR", "TB"}
        In which the forward pass runs; on narrow screens always from top to bottom.
    report : Report, optional
        A graded derivation to lay over the graph.

    Raises
    ------
    ValueError
        When ``collapse`` is none of these.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> text = page(Picture((w * 0.5 - 1) ** 2))
    >>> text.startswith("<!doctype html>"), "https:" in text
    (True, False)
    """
    carried = {**data(picture, collapse, report), "vertical": direction in ("TB", "BT")}
    written = carried.pop("written")
    source = files(__package__).joinpath("page")

    def read(name: str) -> str:
        return source.joinpath(name).read_text(encoding="utf-8")

    rows = ",\n".join(written)
    library, others = ([read(f"{name}.js") for name in names] for names in (LIBRARY, SCRIPTS))
    inner = "\n".join([*library, f"const OPS = [\n{rows}\n];\n", *others])
    script = f'"use strict";\n(() => {{\n{inner}}})();\n'
    parts = {
        "title": html.escape(f"Backpropagation of {short(visible(picture.subject), 60)}"),
        "policy": f"script-src {_hash(script)}; style-src {_hash(read('style.css'))}",
        "style": read("style.css"),
        "data": _embedded(carried),
        "script": script,
    }
    return re.sub(r"\{\{(.*?)\}\}", lambda hole: parts[hole[1]], read("page.html"))


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(carried: object) -> str:
    """JSON in which nothing can end the script element that holds it."""
    text = json.dumps(carried, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


# --- what the page carries -------------------------------------------------------------


def data(
    picture: Picture, collapse: bool | int | str = "auto", report: Report | None = None
) -> Json:
    """What the page shows and computes, as JSON knows it; ``written`` is JavaScript."""
    seen = view(picture, collapse)
    boxes: list[tuple[Box, list[Item]]] = []
    left = CARRIED
    for box in (item for item in seen.items if isinstance(item, Box)):
        parts = _opened(box, left)
        left -= len(parts)
        boxes.append((box, parts))
    closed = [part for _, parts in boxes for part in parts if isinstance(part, Box)]
    inside = View(picture, closed)
    atoms, home = inside.items, inside.home
    place = {atom: i for i, atom in enumerate(atoms)}
    arrays = [a for atom in atoms if (a := _exit(atom)) is not None and not a.scalar]
    cells = max(CELLS // max(2 * len(arrays), 1), 16)
    output = picture.output
    edges, entry = _edges(inside, place)
    graded = {}
    if report is not None:
        graded["report"] = overlay(
            report, picture, lambda v: place[home[v.id]], lambda e: entry.get(e)
        )
    return {
        **graded,
        "subject": visible(picture.subject),
        "output": place[home[output.id]],
        "wrt": [place[home[v.id]] for v in picture.wrt],
        "total": len(picture.vertices),
        "vertices": [_vertex(atom, cells) for atom in atoms],
        "edges": edges,
        "boxes": [
            {
                "kind": box.kind,
                "title": visible(box.title),
                "text": short(visible(box.text), 60),
                "members": [place[part] for part in parts],
            }
            for box, parts in boxes
            if len(parts) > 1
        ],
        **program(picture, place, len(atoms) == len(picture.vertices)),
    }


def _opened(box: Box, left: int) -> list[Item]:
    """What the page shows in place of ``box`` when a person opens it."""
    members = box.members
    if len(members) <= min(WHOLE, left):
        return list(members)
    if left < 2 * ENDS + 1 or len(members) < 4 * ENDS:
        return [box]
    middle = members[ENDS:-ENDS]
    inner = Box(box.kind, f"{len(middle):,} more", short(box.text, 40), middle)
    return [*members[:ENDS], inner, *members[-ENDS:]]


def _exit(atom: Item) -> Vertex | None:
    return atom.exit if isinstance(atom, Box) else atom


def _vertex(atom: Item, cells: int) -> Json:
    vertex = _exit(atom)
    found: Json = {
        "kind": "box" if isinstance(atom, Box) else atom.kind,
        "name": visible(atom.title if isinstance(atom, Box) else atom.name),
    }
    if isinstance(atom, Box):
        found["text"] = short(visible(atom.text), 60)
        members = {v.id for v in atom.members}
        found["inside"] = vertex is not None and any(e.target.id in members for e in vertex.uses)
    else:
        found["named"] = atom.named
        found["math"] = mathml_name(atom.name)
        if atom.kind == "leaf" and len(atom.picture.vertices) <= EXPLAINED:
            found.update({} if np.iscomplexobj(atom.gradient) else _chain(atom))
        if atom.op:
            found["op"] = visible(atom.op)
            found["text"] = short(visible(_call(atom)), 60)
            found["formula"] = _typeset(atom)
        site = atom.picture.names.site(atom.node) if atom.node is not None and atom.op else None
        if site is not None and len(atom.picture.vertices) <= CROWD:
            code = f": {site.code}" if site.code else ""
            found["line"] = short(visible(f"{site.place}{code}"), 90)
    if vertex is not None:
        found["scalar"] = vertex.scalar
        found["dtype"] = str(getattr(vertex.value, "dtype", ""))
        found["shape"] = list(getattr(vertex.value, "shape", ()))
        found["value"] = content(vertex.value, cells)
        found["gradient"] = content(vertex.gradient, cells)
    return found


def _chain(leaf: Vertex) -> Json:
    """What ``explain`` writes of the chain rule from the output to ``leaf``."""
    from minigrad.explain.ledger import Chart  # a reading of its own, only when asked
    from minigrad.explain.report import Explanation

    picture = leaf.picture
    output, wrt = (wrap(v.value, v.node) for v in (picture.output, leaf))
    explanation = Explanation(Chart(output, [wrt], picture.names), None)
    with np.errstate(all="ignore"):  # the forward pass has warned already
        text = "\n".join(visible(line) for line in str(explanation).splitlines())
        rows = [[left, right, value] for left, right, value, _ in explanation.equations(MATHML)]
    return {"chain": text, "chainMath": rows}


def _call(vertex: Vertex) -> str:
    """The operation as a formula of the names of its inputs."""
    if len(vertex.inputs) > 6:
        return f"{vertex.op}({vertex.inputs[0].source.name}, …)"
    return expression([vertex])


def _typeset(vertex: Vertex) -> str:
    """The operation as MathML, of the names of its inputs."""
    node = vertex.node
    if node is None or node.op is None or len(vertex.inputs) > 6:
        return ""
    terms = [_named(e.source) for e in vertex.inputs]
    pattern = NOTATION.get(node.op, {}).get("mathml")
    if pattern is not None:
        return MATHML.fill(pattern, *terms).code
    inside = MATHML.comma.join(t.code for t in terms)
    if node.op is ops.elements:
        return f"<mrow>{terms[0]:atom}<mtext>[{html.escape(visible(index(vertex)))}]</mtext></mrow>"
    return MATHML.call.format(MATHML.function(vertex.op), inside)


def _named(vertex: Vertex) -> Term:
    """An input in a formula: its name, or the number that it is."""
    if vertex.kind == "constant" and not vertex.named and is_scalar(vertex.value):
        return MATHML.constant(np.asarray(vertex.value).reshape(()).item())
    return MATHML.term(mathml_name(vertex.name))


def _edges(inside: View, place: dict[Item, int]) -> tuple[list[Json], dict[Edge, int]]:
    """What the page knows of each arrow, and in which entry each edge of the picture is."""
    found: list[Json] = []
    entries: dict[Edge, int] = {}
    for arrow in inside.arrows:
        entries.update(dict.fromkeys(arrow.edges, len(found)))
        first = arrow.edges[0]
        flowing = [e for e in arrow.edges if e.differentiable]
        entry: Json = {"from": place[arrow.source], "to": place[arrow.target]}
        if flowing:
            entry["flows"] = True
            if isinstance(arrow.target, Box):
                local: Array | None = arrow.derivative
            else:
                entry["argument"] = first.argnum
                local = first.local if first.source.scalar and first.target.scalar else None
                formula = first.expression if len(place) <= CROWD else None
                if formula is not None:
                    entry["formula"] = short(visible(formula.text), 90)
                    if len(formula.text) <= 90:
                        entry["math"] = formula.mathml
                entry["whole"] = not (first.target.scalar or first.target.elementwise)
            entry["local"] = None if local is None or np.iscomplexobj(local) else _number(local)
            if _exit(arrow.source) is not None:
                entry["share"] = _sum([e.contribution for e in flowing])
        found.append(entry)
    return found, entries


def _sum(shares: Sequence[Array]) -> Array:
    known = [share for share in shares if share is not None]
    if not known or any(type(share) is tuple for share in known):
        return None
    with np.errstate(all="ignore"):
        total = sum(known[1:], start=known[0])
    real = np.size(total) == 1 and not np.iscomplexobj(total)
    return _number(total) if real else {"lines": summary(total)}


# --- numbers ---------------------------------------------------------------------------


def _number(value: Array) -> Any:
    """A number as JSON knows it; NaN and the infinities by name."""
    value = float(np.asarray(value).reshape(()))
    return value if math.isfinite(value) else str(value)


def content(value: Array, cells: int) -> Any:
    """A value: a number, or an array in words and as the cells of a heat map."""
    if value is None:
        return None
    real = type(value) is not tuple and not np.iscomplexobj(value)
    if real and is_scalar(value) and not hasattr(value, "compute"):
        return _number(value)
    found: Json = {"lines": summary(value), "range": ""}
    if cells and isinstance(value, np.ndarray) and value.size and value.dtype.kind in "fiub":
        found.update(_heat(value, cells), range=extremes(value, 2))
    return found


def _heat(value: Array, cells: int) -> Json:
    """At most about ``cells`` of the entries of ``value`` in rows, every k-th where it is large.

    Further dimensions become rows, and a vector is folded like the lines of a text.
    """
    side = max(int(math.sqrt(cells)), 4)
    shape = value.shape
    if max(shape) == value.size:
        flat = value.reshape(-1)
        step = -(-flat.size // cells)
        flat = flat[::step]
        width = min(flat.size, side)
        rows = [flat[i : i + width] for i in range(0, flat.size, width)]
        parts = [f"1 entry in {step}"] if step > 1 else []
        note = ", ".join(parts + ["in reading order"] * (len(rows) > 1))
        grid = {"step": step, "width": width}
    else:
        table = value.reshape(-1, shape[-1])
        right = -(-table.shape[1] // side)
        down = -(-table.shape[0] // max(cells // -(-table.shape[1] // right), 1))
        rows = list(table[::down, ::right])
        parts = [f"1 {what} in {k}" for k, what in ((down, "row"), (right, "column")) if k > 1]
        note = " and ".join(parts)
        grid = {"down": down, "right": right}
    return {"rows": [[_rounded(v) for v in row] for row in rows], "note": note, "grid": grid}


def _rounded(value: Array) -> Any:
    value = float(value)
    return float(f"{value:.5g}") if math.isfinite(value) else str(value)
