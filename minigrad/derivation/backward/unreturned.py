"""Gradients that a backward function computes and does not hand out, or not where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.collector import Collector
from minigrad.derivation.backward.handed import (
    Handed,
    Steps,
    alike,
    is_same,
    last_key,
    numbers_of,
)
from minigrad.derivation.backward.naming import readings
from minigrad.derivation.backward.report import Line
from minigrad.derivation.backward.watch import Source, Watch
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.report import Row, worst

Place = tuple[Source | None, int]
"""A line of a function."""


def line_of_no_return(collector: Collector, claims: list[Claim]) -> Line | None:
    """The end of a function that returns nothing, where its gradients are lost with its variables.

    None where it has others, in what its caller holds, or none.
    """
    runs, watch = collector.runs, collector.runs.watch
    if collector.answer or runs.both or watch is None or "self" in watch.final:
        return None
    found = [c for c in claims if collector.first_of(c) in collector.inputs]
    if not found or not all(is_local(c.path, watch) for c in found):
        return None
    last = watch.source.last
    names = ", ".join(dict.fromkeys(c.path for c in found))
    words = f"its gradients end with its variables: write return {names}"
    cause = Diagnosis("unreturned", None, words, ("unreturned",))
    row = Row("return", np.nan, np.nan, None, worst(np.nan, np.nan), "wrong", cause)
    return Line(last, watch.source.text(last), "return", "return", "wrong", words, "", row)


def is_local(path: str, watch: Watch) -> bool:
    """Whether it is a variable that ends with the call."""
    code = watch.code
    return path in code.co_varnames[code.co_argcount + code.co_kwonlyargcount :]


class Left:
    """The inputs that have a gradient and none among what is handed out."""

    def __init__(self, collector: Collector, claims: list[Claim]) -> None:
        runs, layout = collector.runs, collector.layout
        final = runs.watch.final if runs.watch is not None else {}
        self.graded = {c.node for c in claims if c.returned}
        known = [(h, h.place) for h in collector.answer
                 if h.place is not None and layout.inputs[h.place] in self.graded]  # fmt: skip
        places = [p for _, p in known]
        self.known = [x for k, x in enumerate(known) if x[1] not in places[:k]]
        """What is returned and graded, and of which inputs."""
        self.again = [x[0] for k, x in enumerate(known) if x[1] in places[:k]]
        """What is a gradient that is returned before it."""
        free = layout.free(self.graded)
        self.inputs = [runs.inputs[i] for i in free]
        computed = {collector.first_of(c): c.path for c in claims if is_local(c.path, runs.watch)}
        computed |= {collector.inputs[h.place]: name for name, held in collector.held_lists()
                     for places in layout.arguments.values()
                     for h in layout.matched(held, places)
                     if h.place in free and is_same(h.value, layout.truth(h.place))}  # fmt: skip
        self.lost = {i: computed[node] for i, node in enumerate(collector.inputs)
                     if node in computed and i in free}  # fmt: skip
        """Gradients that are computed and not returned."""
        self.kept = [
            path for path, t in self.inputs
            if "self" in final and path.startswith("self.") and t.node not in computed and t.ndim
        ]  # fmt: skip
        """Parameters of a layer, which keeps no gradient of theirs."""
        sizes = {t.size for _, t in self.inputs}
        source = runs.watch.source if runs.watch is not None else None
        fits = {h.label: (source, collector.line_of(h)) for h in collector.ungraded
                if np.size(numbers_of(h.value)) in sizes}  # fmt: skip
        rows = [p for name, p in layout.arguments.items() if name != "self"]
        shared = {i for p in rows if any(layout.inputs[i] in self.graded for i in p) for i in p}
        self.due = {i for i in free if i in self.lost or i in shared or not self.graded}
        """The inputs that a gradient of cannot be left out: it is computed, or that of a part."""
        self.displacing: dict[str, str] = {}
        """What is handed out in the place of a gradient, and of which."""
        for h in (*collector.ungraded, *collector.others, *self.again):
            level, places = self.displaced(h, collector)
            if places:
                steps = h.steps[: level + 1]
                whole = replace(h, steps=steps, key=last_key(steps))
                what = "None" if h.value is None else whole.label
                self.displacing[what] = " or ".join(runs.inputs[i][0] for i in places)
                if h.value is not None or self.due.intersection(places):
                    fits[whole.label] = source, collector.line_of(whole)
        self.unknown: dict[str, Place] = {**fits, **self.set_beside(collector, claims)}
        """What is handed out and may be a gradient of theirs, and its line."""

    def displaced(self, h: Handed, collector: Collector) -> tuple[int, list[int]]:
        """How deep a value stands in the place of a gradient that is missing, and of which inputs.

        By its key, by its number, or between its neighbours.
        """
        layout, free = collector.layout, collector.layout.free(self.graded)
        level = max((common(h.steps, x.steps) for x, _ in self.known), default=0)
        if (h.place is not None and h not in self.again) or len(h.steps) <= level:
            return level, [i for i in free if h.place in (i, None)]
        step = h.steps[level]
        if isinstance(step, str):
            named = [i for i in free if any(alike(step, layout.paths[i][k]) for k in (0, -1))]
            return level, named or [i for i in free if i in self.lost and readings(step)]
        number = numbers_of(h.value)
        forward = h in collector.others and number is not None and number.dtype.kind == "f"
        if level == 0 and step in layout.slots and not forward:
            own = layout.arguments.get("self", [])
            return level, [i for i in free if i in layout.slots[step] and i not in own]
        k = collector.answer.index(h)
        row = [(p, collector.answer.index(x) < k) for x, p in self.known
               if common(h.steps, x.steps) == level]  # fmt: skip
        before, after = ([p for p, first in row if first is side] for side in (True, False))
        if before + after == sorted(before + after):
            first, last = max(before, default=-1), min(after, default=len(layout.inputs))
            inside = [i for i in free if first < i < last]
            if before and after:
                return level, inside
            free = free if layout.reordered else inside
        return level, [] if forward else [i for i in free if i in self.due]

    def set_beside(self, collector: Collector, claims: list[Claim]) -> dict[str, Place]:
        """The attributes that a backward function sets, of the size of a parameter in ``kept``."""
        runs, known = collector.runs, {c.path for c in claims}
        sizes = {t.size for path, t in self.inputs if path in self.kept}
        calls = [runs.watch, *runs.helpers] if self.kept else []
        return {e.path: (w.source, e.statement.first) for w in calls for e in w.events
                if e.path.startswith("self.") and e.path not in known
                and not collector.namer.denied(e.path)
                and np.size(e.after) in sizes}  # fmt: skip


def common(one: Steps, other: Steps) -> int:
    """How many steps lead to both."""
    same = [a == b for a, b in zip(one, other, strict=False)]
    return [*same, False].index(False)


def notes(collector: Collector, claims: list[Claim]) -> Iterator[str]:
    """What is not graded, or stands in another order, for the reader to know."""
    left = Left(collector, claims)
    if collector.ungraded:
        names = ", ".join(dict.fromkeys(h.label for h in collector.ungraded))
        sizes = {np.size(h.value) for h in collector.ungraded}
        free = " or ".join(path for path, t in left.inputs if t.size in sizes)
        words = "as no variable of the forward function is called so"
        if free:
            words += f"; it may be the gradient of {free}: return gradients by name, or say "
            words += f"names={{{collector.ungraded[0].said!r}: None}} of what is none"
        yield f"not graded: {names}, {words}"
    if left.lost and collector.answer:
        yield f"computed and not returned: {', '.join(dict.fromkeys(left.lost.values()))}"
    places = [p for h, p in left.known if len(h.steps) == 1 and isinstance(h.steps[0], int)]
    if collector.layout.reordered or places != sorted(places):
        order = ", ".join(map(collector.layout.named_or_of, collector.runs.answer))
        yield f"returned in another order than the inputs: {order}"
    if left.kept:
        yield (
            f"not graded: the gradients of {', '.join(left.kept)}, as none is kept under a name "
            f"such as self.d{left.kept[0].removeprefix('self.')}"
        )
    for label, paths in left.displacing.items():
        yield f"not graded: the gradient of {paths}, in whose place {label} is returned"
