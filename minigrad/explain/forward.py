"""The chain rule from the other end: forward mode, beside reverse mode.

A small change of what is differentiated by is pushed along, link by link, until it reaches
the output: the same links as in reverse mode, multiplied from the right.  Formulas come from
the rules of forward mode, run on stand-ins; ``δz`` is what ``z`` changes by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minigrad.autodiff.tangents import tangent
from minigrad.explain.ledger import Chart
from minigrad.explain.paper import readable
from minigrad.explain.pieces import Piece
from minigrad.explain.rows import LONGEST, short
from minigrad.graph import AnyNode, pick, variable
from minigrad.typing import Array, Function, Shape
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import Symbol


@dataclass(eq=False)
class Push:
    """What one quantity changes by, in terms of the changes before it.

    Attributes
    ----------
    node : node
    name : str
    value : array or number
        The change, for the change that the pass began with.
    expression : Formula or None
        None for what the pass begins with, and where it would be too long to read.
    """

    node: AnyNode
    name: str
    value: Array
    expression: Formula | None = None

    @property
    def quantity(self) -> str:
        return f"δ{self.name}"

    @property
    def formula(self) -> str:
        return self.expression.text if self.expression is not None else "⋯"

    @property
    def number(self) -> str:
        return short(self.value)

    @property
    def shape(self) -> Shape:
        return tuple(np.shape(self.value))

    def __repr__(self) -> str:
        return f"<{self.quantity} = {self.formula} = {self.number}>"


@dataclass(eq=False)
class Pass:
    """One pass of forward mode: the changes from ``bottom`` up to the output.

    Attributes
    ----------
    chart : Chart
    bottom : node
        What is changed, by 1 in each entry.
    """

    chart: Chart
    bottom: AnyNode

    def rows(self) -> list[Push]:
        """What each quantity on the way changes by, the first first."""
        chart = self.chart
        begin = np.ones_like(chart.value(self.bottom))[()]
        changes: dict[AnyNode, Array] = {self.bottom: begin}
        rows = [Push(self.bottom, chart.called(self.bottom), begin)]
        for u in reversed(chart.order):
            piece = chart.pieces[u]
            if u is self.bottom or not any(p in changes for p in piece.below):
                continue
            known = {p: changes[p] for p in piece.below if p in changes}
            changes[u] = pushed(piece, known, numeric_rule)
            rows.append(Push(u, chart.called(u), changes[u], self.expression(piece, known)))
        return rows

    def expression(self, piece: Piece, known: dict[AnyNode, Array]) -> Formula | None:
        """The change of the top of ``piece`` in the names of the changes below."""
        if piece.size > LONGEST:
            return None
        chart, u = self.chart, piece.top
        sheet = chart.sheet()
        with readable(sheet.tracer):
            sheet.stand_in_arguments(u)
            same = sheet.replay(u)
            sheet.named(u, u.ans)
            below = {p: sheet.symbol(t, Symbol(f"δ{chart.called(p)}")) for p, t in known.items()}
            change = pushed(piece, below, sheet.tangent)
            entrywise = chart.chained and piece.elementwise
            return sheet.formula(change, (same, u), entrywise=entrywise)
        return None

    def costs(self) -> tuple[int, int, int]:
        """Passes of forward mode, passes of reverse mode, and products of links in each."""
        chart, bottom = self.chart, self.bottom
        on = chart.counts(bottom)
        links = sum(
            sum(p in on for p in chart.pieces[u].below) for u in chart.order if u is not bottom
        )
        if chart.chained and np.shape(chart.value(bottom)):
            return 1, 1, links  # entry by entry, all at once
        sizes = (np.size(chart.value(n)) for n in (bottom, chart.output))
        forward, reverse = map(int, sizes)
        return forward, reverse, links


def numeric_rule(node: AnyNode, ts: list[Array]) -> Array:
    """The rule of forward mode on numbers."""
    with np.errstate(all="ignore"):
        return tangent(node.op, node.args, ts, node.kwargs, node.ans, None, live=False)  # type: ignore[arg-type]


def pushed(piece: Piece, known: dict[AnyNode, Array], rule: Function) -> Array:
    """What reaches the top of ``piece`` from the changes below it."""
    changes = dict(known)
    for node in reversed(list(piece.inside)):
        ts = [None if p is None else changes.get(p) for p in node.parents]
        if node.op in (pick, variable) and ts[0] is not None:
            changes[node] = ts[0][node.kwargs["index"]] if node.op is pick else ts[0]
        elif any(t is not None for t in ts):
            changes[node] = rule(node, ts)
    return changes[piece.top]
