"""How a row comes about, operation by operation."""

from __future__ import annotations

from minigrad.explain.ledger import Chart, Step
from minigrad.explain.rows import Row
from minigrad.graph import AnyNode
from minigrad.writing.formulas import Formula

Line = tuple[Formula | None, Step]
"""An expression without a name and the gradient by it; None for that of the row itself."""


def workings(chart: Chart, steps: bool | None) -> dict[Row, list[Line]]:
    """Row -> the lines before what it says.

    A link is derived where it stands alone, the others if ``steps`` are asked for; rows of a
    ledger only then.  What several rows have in common stands at the first.
    """
    wanted = steps if steps is not None else chart.chained and len(chart.rows) == 1
    if not wanted:
        return {}
    if chart.chained:
        return {row: link_steps(chart, row, bool(steps)) for row in chart.rows}
    seen: set[tuple[AnyNode, str]] = set()
    found: dict[Row, list[Line]] = {}
    for row in chart.rows if len(chart.rows) <= MOST else ():
        lines = [] if row.total else chart.operations(row.top, row.bottom)
        if lines and row.expression is not None and lines[-1][1].text == row.expression.text:
            lines = lines[:-1]
        new = [
            (made, [[formula]])
            for made, formula in lines
            if made is None or (row.top, made.text) not in seen
        ]
        seen.update((row.top, made.text) for made, _ in new if made is not None)
        found[row] = list(new)
    return found


MOST = 60
"""Rows of longer ledgers are not derived."""


def link_steps(chart: Chart, row: Row, deeper: bool) -> list[Line]:
    """The steps to a link of the chain."""
    return [(None, step) for step in chart.derivation(row.top, row.bottom, deeper=deeper)[:-1]]
