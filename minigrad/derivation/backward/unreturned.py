"""Gradients that a backward function computes and does not hand out, or not where they belong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.collector import Collector
from minigrad.derivation.backward.handed import numbers_of
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
    if runs.answer is not None or runs.both or watch is None or "self" in watch.final:
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
        graded = {c.node for c in claims if c.returned}
        self.inputs = [runs.inputs[i] for i in layout.free(graded)]
        computed = {collector.first_of(c): c.path for c in claims if is_local(c.path, runs.watch)}
        self.lost = [computed[t.node] for _, t in self.inputs if t.node in computed]
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
        self.unknown: dict[str, Place] = {**fits, **self.set_beside(collector, claims)}
        """What is handed out and may be a gradient of theirs, and its line."""

    def set_beside(self, collector: Collector, claims: list[Claim]) -> dict[str, Place]:
        """The attributes that a backward function sets, of the size of a parameter in ``kept``."""
        runs, known = collector.runs, {c.path for c in claims}
        sizes = {t.size for path, t in self.inputs if path in self.kept}
        calls = [runs.watch, *runs.helpers] if self.kept else []
        return {e.path: (w.source, e.statement.first) for w in calls for e in w.events
                if e.path.startswith("self.") and e.path not in known
                and not collector.namer.denied(e.path)
                and np.size(e.after) in sizes}  # fmt: skip


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
    if left.lost and collector.runs.answer is not None:
        yield f"computed and not returned: {', '.join(dict.fromkeys(left.lost))}"
    if collector.layout.order:
        order = ", ".join(collector.layout.order)
        yield f"returned in another order than the inputs: {order}"
    if left.kept:
        yield (
            f"not graded: the gradients of {', '.join(left.kept)}, as none is kept under a name "
            f"such as self.d{left.kept[0].removeprefix('self.')}"
        )
    none = [path for path, _ in left.inputs if path in collector.nones]
    if none:
        yield f"not graded: the gradients of {', '.join(none)}, for which None is returned"
