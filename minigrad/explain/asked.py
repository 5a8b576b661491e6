"""What is asked for is checked here, and refused with what to do instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.errors import label
from minigrad.explain.ledger import Chart
from minigrad.graph import ancestors
from minigrad.ops.record import is_complex
from minigrad.reading.names import Names, callers, named_values, names
from minigrad.tensor import Tensor, wrap
from minigrad.tree import flatten
from minigrad.typing import Array


def refuse_complex(call: str, output: Tensor) -> None:
    """Refuse what was computed with complex numbers: its chain has conjugates and real parts."""
    for node in ancestors(output.node):
        if any(map(is_complex, (node.ans, *node.args))):
            raise TypeError(
                f"{call}: {name_of(output, None)} was computed with complex numbers, and the chain "
                "rule is written for real ones: see mg.trace for the steps, mg.gradcheck for a "
                "verdict"
            )


def chart(call: str, output: Any, wrt: Any) -> Chart:
    """The chart of ``output`` and ``wrt``, checked.

    Raises
    ------
    TypeError
        For what is no Tensor.
    ValueError
        For what was not recorded, and where no path leads from any of ``wrt`` to ``output``.
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{call}: the output {label(output)} ({type(output).__name__}) is not a Tensor: pass "
            "the result of a computation with Tensors"
        )
    wanted: list[Array] = inputs_of(output) if wrt is None else flatten(wrt)[0]
    if not wanted:
        raise ValueError(f"{call}: wrt is empty: pass the Tensor to differentiate by")
    for t in wanted:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{call}: wrt={label(t)} ({type(t).__name__}) is not a Tensor: pass "
                "mg.Tensor(..., requires_grad=True), a result computed from one, or a list of them"
            )
    for t in (output, *wanted):
        if t.node is None:
            raise ValueError(
                f"{call}: {name_of(t, None)} was not recorded, there is nothing to explain: make "
                "what it depends on with mg.Tensor(..., requires_grad=True) before you compute it"
            )
    refuse_complex(call, output)
    known = names([output.node])
    above = known.nodes
    of = label(output)
    unused = {name_of(t, known): t for t in wanted if t.node not in above}
    if len(unused) == len(wanted):
        by = next(iter(unused))
        raise ValueError(
            f"{call}: {of} does not depend on {by}, no path leads from {by} to {of}: "
            f"the derivative of {of} by {by} is zero"
        )
    read = Chart(output, [t for t in wanted if t.node in above], known)
    for by, t in unused.items():
        read.unused[by] = np.zeros(t.shape)[()]
        read.notes.setdefault(f"d{of}/d{by} = 0: no path leads from {by} to {of}")
    return read


def inputs_of(output: Tensor) -> list[Tensor]:
    """All leaves that ``output`` was computed from, in the order in which they were made."""
    if output.node is None or output.node.op is None:
        return [output]
    used = ((p, x) for n in ancestors(output.node) for p, x in zip(n.parents, n.args, strict=True))
    values = {p: x for p, x in used if p is not None and p.op is None}
    return [wrap(values[p], p) for p in sorted(values, key=lambda p: p.seq)]


def name_of(t: Tensor, known: Names | None) -> str:
    """What the user calls a Tensor, in the graph or not: ``w``, or ``params[3]``."""
    scopes = known.scopes if known is not None else callers()
    places = (named_values(s.variables, deep=True) for s in scopes)
    return next((name for place in places for name, x in place if x is t and not t.name), label(t))
