"""Gradients that a backward function computes and does not hand out, or not where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.collector import Collector
from minigrad.derivation.backward.report import Line
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.report import Row, worst


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
    last = max((s.last for s in watch.source.statements.values()), default=watch.source.first)
    names = ", ".join(dict.fromkeys(c.path for c in found))
    words = f"its gradients end with its variables: write return {names}"
    cause = Diagnosis("unreturned", None, words, ("unreturned",))
    row = Row("return", np.nan, np.nan, None, worst(np.nan, np.nan), "wrong", cause)
    return Line(last, watch.source.text(last), "return", "return", "wrong", words, "", row)


def is_local(path: str, watch: Any) -> bool:
    """Whether it is a variable that ends with the call."""
    code = watch.code
    return path in code.co_varnames[code.co_argcount + code.co_kwonlyargcount :]


def notes(collector: Collector, claims: list[Claim]) -> Iterator[str]:
    """What is not graded, or stands in another order, for the reader to know."""
    if collector.ungraded:
        keys = ", ".join(map(repr, dict.fromkeys(collector.ungraded)))
        yield f"not graded: {keys}, as no variable of the forward function is called so"
    runs, flows = collector.runs, collector.flows
    final = runs.watch.final if runs.watch is not None else {}
    graded = {c.node for c in claims if c.returned}
    left = [(path, t.node) for path, t in runs.inputs if t.node not in graded]
    left = [(path, node) for path, node in left if np.any(flows.total.get(node, 0.0))]
    computed = {collector.first_of(c): c.path for c in claims if is_local(c.path, runs.watch)}
    lost = [computed[node] for _, node in left if node in computed]
    if lost and runs.answer is not None:
        yield f"computed and not returned: {', '.join(dict.fromkeys(lost))}"
    if collector.order:
        yield f"returned in another order than the inputs: {', '.join(collector.order)}"
    kept = [path for path, node in left if path.startswith("self.") and node not in computed]
    if "self" in final and kept:
        yield (
            f"not graded: the gradients of {', '.join(kept)}, as none is kept under a name such as "
            f"self.d{kept[0].removeprefix('self.')}"
        )
    none = [path for path, node in left if path in collector.nones]
    if none:
        yield f"not graded: the gradients of {', '.join(none)}, for which None is returned"
