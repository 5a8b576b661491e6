"""Boxes: what repeats, belongs together, or is simply too much is drawn as one.

Operations stand in the order in which they ran.  Any stretch of that order can become a box
without closing a cycle, because whatever leads out of a stretch leads to what ran later; so
a loop is a stretch that repeats a pattern, a module the stretch that uses its parameters, and
what is left over when a graph is too large is the stretch in its middle.  Only a statement,
the unnamed steps behind one named quantity, is no stretch; nothing but its last step is used
elsewhere, which serves as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.draw.picture import Edge, Picture, Vertex
from minigrad.draw.values import shown
from minigrad.graph import pick
from minigrad.writing.metadata import python_text
from minigrad.writing.notation import CAPTIONS
from minigrad.writing.terms import Term, fill

LIMIT = 60
"""Most vertices of a picture that nobody chose a size for."""

ABRIDGED = 24
"""Most that are left when it has more: it could not be read at a glance anyway."""

LONGEST = 1000
"""Operations in the body of a loop that is still found."""

SWEEP = 200_000
"""Members of a box whose derivative is still worked out."""

STATEMENT, WORDS = 12, 48
"""Operations and letters of the longest loop whose passes are written as a statement."""

POWERS = {"2": "²", "3": "³", "0.5": "^½"}

PARTS = (ops.elements, pick)
"""Ops that take entries of an array, or one of several results."""


@dataclass(eq=False)
class Box:
    """Vertices that are drawn as one.

    Attributes
    ----------
    kind : {"repeat", "module", "statement", "rest", "inputs"}
    title : str
    text : str
        What is inside.
    members : list of Vertex
        In topological order.
    repeat : int
        How often the body of a loop runs; else 1.
    """

    kind: str
    title: str
    text: str
    members: list[Vertex]
    repeat: int = 1
    _exits: list[Vertex] | None = field(default=None, repr=False)

    @property
    def id(self) -> int:
        """Its place among the vertices: inputs come first, all else is done with its last step."""
        return self.members[0 if self.kind == "inputs" else -1].id

    @property
    def exits(self) -> list[Vertex]:
        """Members that something outside uses, and the output."""
        if self._exits is None:
            inside = {v.id for v in self.members}
            self._exits = [
                v
                for v in self.members
                if v.kind == "output" or any(e.target.id not in inside for e in v.uses)
            ]
        return self._exits

    @property
    def exit(self) -> Vertex | None:
        """The only member that is used outside, if there is just one."""
        return self.exits[0] if len(self.exits) == 1 else None

    def derivatives(self) -> dict[int, float]:
        """∂exit/∂source for every scalar from outside, through all that is scalar inside."""
        last = self.exit
        if last is None or not last.scalar or len(self.members) > SWEEP:
            return {}
        factors, unknown = {last.id: 1.0}, set[int]()
        for vertex in reversed(self.members):
            if vertex.id in unknown:
                unknown.update(e.source.id for e in vertex.inputs)
            if (factor := factors.pop(vertex.id, None)) is None:
                continue
            for edge in filter(lambda e: e.differentiable, vertex.inputs):
                if edge.source.scalar and vertex.scalar:
                    step = factor * np.asarray(edge.local).item()
                    factors[edge.source.id] = factors.get(edge.source.id, 0.0) + step
                else:
                    unknown.add(edge.source.id)
        return {i: factor for i, factor in factors.items() if i not in unknown}


Item = Vertex | Box


@dataclass(eq=False)
class Arrow:
    """All edges from one item to another."""

    source: Item
    target: Item
    edges: list[Edge]
    derivative: float | None = None
    """∂target/∂source across a box, where both are scalars."""

    @property
    def differentiable(self) -> bool:
        return any(edge.differentiable for edge in self.edges)


class View:
    """What is drawn of a picture: its vertices, some of them together in boxes.

    Attributes
    ----------
    items : list of (Vertex or Box)
        In topological order.
    arrows : list of Arrow
    frames : list of Box
        Modules that are drawn open, with a line around them.
    """

    def __init__(self, picture: Picture, boxes: Sequence[Box], frames: Sequence[Box] = ()) -> None:
        self.picture = picture
        self.frames: list[Box] = list(frames)
        self.home: dict[int, Item] = {v.id: v for v in picture.vertices}
        for box in boxes:
            self.home.update((v.id, box) for v in box.members)
        found = dict.fromkeys(self.home[v.id] for v in picture.vertices)
        self.items: list[Item] = sorted(found, key=lambda item: item.id)
        arrows: dict[tuple[Item, Item], Arrow] = {}
        for edge in picture.edges:
            source, target = self.home[edge.source.id], self.home[edge.target.id]
            if source is not target:
                # Vertices keep their double edges: x * x has two local derivatives.
                key: Any = (source, target) if isinstance(target, Box) else (source, target, edge)
                arrows.setdefault(key, Arrow(source, target, [])).edges.append(edge)
        self.arrows: list[Arrow] = list(arrows.values())
        across = {box: box.derivatives() for box in boxes if box.kind != "inputs"}
        for arrow in self.arrows:
            sources = {edge.source.id for edge in arrow.edges}
            if isinstance(arrow.target, Box) and len(sources) == 1:
                arrow.derivative = across.get(arrow.target, {}).get(*sources)


def view(picture: Picture, collapse: bool | int | str = "auto") -> View:
    """What to draw of ``picture``.

    Parameters
    ----------
    collapse : {"auto", True, False} or int
        ``False``: every operation.  ``"auto"``: loops, modules and what exceeds a readable
        size become boxes.  ``True``: so does every statement, the unnamed steps behind a
        quantity that the user named.  A number: as ``"auto"``, at that many vertices.

    Raises
    ------
    ValueError
        When ``collapse`` is none of these.
    """
    if collapse is False:
        return View(picture, [], _modules(picture))
    limit, most = LIMIT, ABRIDGED
    if type(collapse) is int:
        limit = most = collapse
    elif collapse != "auto" and collapse is not True:
        limit = 0
    if limit < 4:
        raise ValueError(
            f"draw: collapse={collapse!r}: give 'auto', True, False, or a number of vertices, "
            "4 or more"
        )
    if collapse is not True and len(picture.vertices) <= limit:
        return View(picture, [], _modules(picture))
    loops = _repeats(picture)
    found: list[Box] = []
    for depth in range(max((len(m.split(".")) for m in _members(picture)), default=0), -1, -1):
        found = [*loops, *_without(_modules(picture, depth), loops, picture.wrt)]
        if collapse is True:
            found += _statements(picture, {v.id for box in found for v in box.members})
        found = [_with_constants(box) for box in found]
        if len(picture.vertices) - sum(len(box.members) - 1 for box in found) <= limit:
            break
    return View(picture, _abridged(picture, found, limit, most))


# --- loops -----------------------------------------------------------------------------


def _operations(picture: Picture) -> list[Vertex]:
    return [v for v in picture.vertices if v.op]


def _repeats(picture: Picture) -> list[Box]:
    """Stretches in which a pattern of operations repeats three times or more."""
    ops = _operations(picture)
    kinds: dict[Hashable, int] = {}
    tokens = np.array(
        [kinds.setdefault((v.op, getattr(v.value, "shape", None)), len(kinds)) for v in ops]
    )
    found = []
    for period in range(1, min(len(ops) // 3, LONGEST) + 1):
        breaks = np.flatnonzero(tokens[:-period] != tokens[period:])
        edges = np.concatenate([[-1], breaks, [len(tokens) - period]])
        starts, lengths = edges[:-1] + 1, np.diff(edges) - 1 + period
        for i in np.flatnonzero(lengths >= max(3 * period, 6)):
            start, length = int(starts[i]), int(lengths[i])
            found.append((-(length - length % period), period, start, length))
    boxes, taken = [], np.zeros(len(ops), dtype=bool)
    for covered, period, start, length in sorted(found):
        end = start + length
        # The pattern may start anywhere in itself; a loop ends with what the user named.
        slack = range(end, end - (length + covered) - 1, -1)
        end = next((e for e in slack if ops[e - 1].named), end)
        start = end + covered
        if start < 0 or taken[start:end].any():
            continue
        if _runs_through_modules(ops[start:end]):
            continue
        if _written_out(ops[start:end], period):
            continue
        taken[start:end] = True
        boxes.append(_loop(ops[start:end], period))
    return boxes


def _written_out(stretch: list[Vertex], period: int) -> bool:
    """Whether what repeats are statements, each for a variable of its own: ``i = …``, ``f = …``."""
    named = [
        {v.name for v in stretch[i : i + period] if v.named and v.name.isidentifier()}
        for i in range(0, len(stretch), period)
    ]
    return all(named) and len(set.union(*named)) >= len(named)


def _loop(stretch: list[Vertex], period: int) -> Box:
    """A loop under the names of what it computes, with what each pass does."""
    repeat, last = len(stretch) // period, stretch[-period:]
    names = list(dict.fromkeys(v.name for v in stretch if v.named))
    made = f"{names[0]} … {names[-1]}" if len(names) > 3 else ", ".join(names)
    steps = [v.op for v in last]
    text = " → ".join(steps) if period <= 4 else f"{period} operations: {shown(steps)}"
    if last[-1].named and period <= STATEMENT:
        formula = _one_pass(stretch, period)
        text = formula if len(formula) <= WORDS else text
    return Box("repeat", f"{made}, loop × {repeat}".removeprefix(", "), text, stretch, repeat)


def _one_pass(stretch: list[Vertex], period: int) -> str:
    """The last pass as a statement: what the one before computed is called as it will be."""
    places = {v.id: i for i, v in enumerate(stretch)}
    last = stretch[-period:]
    called = {
        v.id: last[i % period].name
        for v, i in ((v, places[v.id]) for v in stretch[:-period])
        if last[i % period].named
    }
    return f"{last[-1].name} = {expression(last, called)}"


def _runs_through_modules(stretch: list[Vertex]) -> bool:
    """Whether what repeats are equal modules, each with parameters of its own, and no loop."""
    uses = Counter(e.source for v in stretch for e in v.inputs)
    return any(n == 1 and _module(v) for v, n in uses.items())


# --- modules ---------------------------------------------------------------------------


def _module(v: Vertex) -> str:
    """``net.hidden`` for the leaf ``net.hidden.weight``; empty for one of no module."""
    path = v.name.rpartition(".")[0] if v.kind == "leaf" and v.named else ""
    path = re.sub(r"\[(\d+)\]", r".\1", path)  # net[0] of a Sequential
    return path if all(part.isidentifier() or part.isdigit() for part in path.split(".")) else ""


def _members(picture: Picture) -> dict[str, list[Vertex]]:
    """The leaves of every module."""
    members: dict[str, list[Vertex]] = {}
    for v in picture.vertices:
        if v.kind == "leaf" and _module(v):
            members.setdefault(_module(v), []).append(v)
    return members


def _modules(picture: Picture, depth: int | None = None) -> list[Box]:
    """Stretches that use the parameters of one module, at most ``depth`` levels below the top."""
    if depth == 0:
        return []
    members: dict[str, list[Vertex]] = {}
    for module, leaves in _members(picture).items():
        members.setdefault(".".join(module.split(".")[:depth]), []).extend(leaves)
    ops = _operations(picture)
    places = {v.id: i for i, v in enumerate(ops)}
    found: list[Box] = []
    taken: set[int] = set()
    for module, leaves in members.items():
        users = [places[e.target.id] for leaf in leaves for e in leaf.uses]
        stretch = _closed(ops, min(users), max(users) + 1)
        inside = {v.id for v in stretch}
        if inside & taken or len(stretch) == len(ops):
            continue
        taken |= inside
        own = [v for v in leaves if all(e.target.id in inside for e in v.uses)]
        names = shown([v.name.removeprefix(f"{module}.") for v in leaves])
        steps = [v.op for v in stretch]
        text = " → ".join(steps) if len(steps) <= 4 else f"{len(steps)} operations"
        found.append(Box("module", module, f"{names}: {text}", _in_order([*own, *stretch])))
    return found


def _closed(ops: list[Vertex], start: int, stop: int) -> list[Vertex]:
    """``ops[start:stop]`` and what only joins its loose ends: the last sum of a neuron."""
    inside = {v.id for v in ops[start:stop]}
    ends = {v for v in ops[start:stop] if any(e.target.id not in inside for e in v.uses)}
    while len(ends) > 1 and stop < len(ops):
        joined = {e.source for e in ops[stop].inputs if e.source.kind != "constant"}
        if not joined <= ends:
            break
        inside.add(ops[stop].id)
        ends = {v for v in ends if any(e.target.id not in inside for e in v.uses)} | {ops[stop]}
        stop += 1
    return ops[start:stop]


def _without(modules: list[Box], others: list[Box], kept: list[Vertex]) -> list[Box]:
    """Those modules that share nothing with ``others``, the vertices ``kept`` left outside."""
    taken = {v.id for box in others for v in box.members}
    free = [box for box in modules if not any(v.id in taken for v in box.members)]
    for box in free:
        box.members = [v for v in box.members if v not in kept]
    return free


def _in_order(members: Iterable[Vertex]) -> list[Vertex]:
    return sorted(members, key=lambda v: v.id)


# --- statements ------------------------------------------------------------------------


def _statements(picture: Picture, taken: set[int]) -> list[Box]:
    """A named quantity with the unnamed operations that lead to it alone."""
    owner: dict[int, Vertex] = {}
    for v in reversed(picture.vertices):
        if not v.op or v.id in taken:
            continue
        owners = {owner.get(e.target.id) for e in v.uses}
        only = next(iter(owners)) if len(owners) == 1 and not v.named else None
        owner[v.id] = only if only is not None and v.kind != "output" else v
    groups: dict[Vertex, list[Vertex]] = {}
    for v in picture.vertices:
        if v.id in owner:
            groups.setdefault(owner[v.id], []).append(v)
    return [
        Box("statement", last.name, expression(group), group)
        for last, group in groups.items()
        if len(group) > 1
    ]


def expression(members: Sequence[Vertex], called: Mapping[int, str] | None = None) -> str:
    """The last member as a formula of what comes from outside, ``called`` by other names."""
    inside, called = {v.id for v in members}, called or {}
    terms: dict[int, Term] = {}
    for v in members:
        sources = [e.source for e in v.inputs]
        names = [called.get(source.id, source.name) for source in sources]
        args = [terms.get(u.id, Term(name)) for u, name in zip(sources, names, strict=True)]
        term = caption(v, args)
        if len(term.code) > 200:
            term = Term(f"{term.code[:199]}…", term.level)
        if v.id in inside:
            terms[v.id] = term
    return terms[members[-1].id].code


def caption(v: Vertex, args: Sequence[Term]) -> Term:
    """One operation of terms."""
    op = v.node.op if v.node is not None else None
    if op is ops.power and args[1].code in POWERS:
        return Term(f"{args[0]:atom}{POWERS[args[1].code]}", "power")
    if op in PARTS:
        return Term(f"{args[0]:atom}[{index(v)}]")
    if op in CAPTIONS:
        return fill(CAPTIONS[op], *args)
    return Term(f"{v.op}({', '.join(a.code for a in args)})")


def operation(v: Vertex) -> str:
    """What is shown of the operation: its name, of entries the slice that picks them."""
    if v.node is None or v.node.op not in PARTS or not v.inputs:
        return v.op
    return f"{v.inputs[0].source.name}[{index(v)}]"


def index(v: Vertex) -> str:
    """What stands between the brackets: as the user wrote it, else the index itself, ``:, 15:``."""
    written = v.picture.subscripts.get(v.id) if v.picture.subscripts else None
    if written is not None:
        return written
    given = v.node.kwargs["index"] if v.node is not None else ()
    words = python_text(given)
    return words[1:-1].rstrip(",") if isinstance(given, tuple) and given else words


# --- what is too much ------------------------------------------------------------------


def _with_constants(box: Box) -> Box:
    """``box`` with the unnamed constants that only it uses."""
    return _with_sources(box, lambda v: v.kind == "constant" and not v.named)


def _with_sources(box: Box, wanted: Callable[[Vertex], bool]) -> Box:
    """A box with those ``wanted`` of the leaves and constants that are used nowhere else."""
    inside = {v.id for v in box.members}
    own = [
        v
        for v in _sources(box.members)
        if wanted(v) and v.id not in inside and all(e.target.id in inside for e in v.uses)
    ]
    box.members = _in_order([*box.members, *own])
    return box


def _sources(members: Iterable[Vertex]) -> list[Vertex]:
    """Leaves and constants that ``members`` use."""
    return list(dict.fromkeys(e.source for v in members for e in v.inputs if not e.source.op))


def _abridged(picture: Picture, boxes: list[Box], limit: int, most: int) -> list[Box]:
    """``boxes``, and where there are more than ``limit`` items two more that leave ``most``."""
    home: dict[int, Item] = {v.id: box for box in boxes for v in box.members}
    items = dict.fromkeys(home.get(v.id, v) for v in picture.vertices)
    if len(items) <= limit:
        return boxes
    ops = sorted((i for i in items if isinstance(i, Box) or i.op), key=lambda item: item.id)
    kept = max(most * 2 // 3 - 1, 1)
    if len(ops) > kept + 1:
        head = (kept - 1) // 2
        middle = ops[head : len(ops) - (kept - head)]
        rest = _with_own_sources(_merged(middle), picture)
        boxes = [*(box for box in boxes if box not in set(middle)), rest]
    inside = {v.id for box in boxes for v in box.members}
    outside = [v for v in picture.vertices if v.id not in inside]
    sources = [v for v in outside if not v.op]
    room = max(most - len(boxes) - (len(outside) - len(sources)) - 1, 1)
    if len(sources) > room + 1:
        # Those asked for first, then leaves that have a name, then the others.
        sources.sort(key=lambda v: (v not in picture.wrt, v.kind != "leaf", not v.named, v.id))
        crowd = [v for v in sources[room:] if v not in picture.wrt]
        crowd.sort(key=lambda v: v.id)
        names = shown([v.name for v in crowd], 3)
        boxes.append(Box("inputs", f"{len(crowd):,} inputs", names, crowd))
    return boxes


def _merged(items: Iterable[Item]) -> Box:
    members = [v for item in items for v in (item.members if isinstance(item, Box) else [item])]
    members.sort(key=lambda v: v.id)
    counts = Counter(v.op for v in members if v.op)
    text = shown([f"{op} × {n:,}" for op, n in counts.most_common()], 3)
    return Box("rest", f"{sum(counts.values()):,} operations", text, members)


def _with_own_sources(box: Box, picture: Picture) -> Box:
    """``box`` with all leaves and constants that only it uses, but for those asked for."""
    return _with_sources(box, lambda v: v not in picture.wrt and v is not picture.output)
