"""Forward mode beside reverse mode: ``mg.explain(L, w, mode="forward")``."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from minigrad.explain.forward import Pass, Push
from minigrad.explain.ledger import Chart
from minigrad.explain.markup import CSS, Document, cell, code_span, math, route_steps
from minigrad.explain.remarks import conventions, legend
from minigrad.graph import AnyNode
from minigrad.reading.pages import piece
from minigrad.reading.wording import columns, padded, visible
from minigrad.typing import Array
from minigrad.writing.styles import MATHML, Style

MOST = 3
"""Most paths whose links are written as products."""


@dataclass(eq=False, repr=False)
class Forward(Document):
    """A gradient in forward mode: changes pushed from the inputs to the output.

    Attributes
    ----------
    chart : Chart
        The graph as it was read.
    """

    chart: Chart

    @cached_property
    def passes(self) -> dict[str, list[Push]]:
        """Name -> the rows of the pass that begins there, the first first."""
        return {self.chart.called(v): Pass(self.chart, v).rows() for v in self.chart.wrt}

    @property
    def rows(self) -> list[Push]:
        """All rows, pass after pass."""
        return [row for rows in self.passes.values() for row in rows]

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """Name -> the gradient of the output with respect to it."""
        found = {self.chart.called(v): self.chart.gradients[v] for v in self.chart.wrt}
        return {**found, **self.chart.unused}

    # --- in words -----------------------------------------------------------------------

    def products(self, v: AnyNode) -> list[str]:
        """The chain rule, multiplied from either end."""
        chart = self.chart
        routes = list(islice(chart.routes(v), MOST + 1)) if chart.chained else []
        if not routes or len(routes) > MOST or max(map(len, routes)) < 3:
            return []
        left = visible(chart.ratio(chart.output, v, True))
        pad = " " * columns(left)
        forward, reverse = [], []
        for route in routes:
            parts = [visible(chart.ratio(*link)) for link in route_steps(route)]
            one, other = parts[-1], parts[0]
            for k, part in enumerate(reversed(parts[:-1])):
                one = f"{part} · ({one})" if k else f"{part} · {one}"
            for k, part in enumerate(parts[1:]):
                other = f"({other}) · {part}" if k else f"{other} · {part}"
            forward.append(one)
            reverse.append(other)
        return [
            f"{left} = {' + '.join(forward)}    (forward)",
            f"{pad} = {' + '.join(reverse)}    (reverse)",
        ]

    def begin(self, v: AnyNode) -> str:
        """What the pass begins with, and what it leads to."""
        name, of = visible(self.chart.called(v)), visible(self.chart.called(self.chart.output))
        each = (
            f"each entry of {name} changes" if np.shape(self.chart.value(v)) else f"{name} changes"
        )
        return f"δ{of}: what {of} changes by when {each} by 1"

    def result(self, v: AnyNode) -> str:
        """The number that the pass leads to, in terms of the gradient."""
        chart = self.chart
        ratio = visible(chart.ratio(chart.output, v, True))
        end = self.passes[chart.called(v)][-1]
        one_each = chart.chained or not np.shape(chart.value(v))
        what = ratio if one_each else f"sum({ratio})"
        return f"{what} = δ{visible(end.name)} = {end.number}"

    def cost(self, v: AnyNode) -> str:
        """What either mode costs for the whole derivative."""
        chart = self.chart
        forward, reverse, n = Pass(chart, v).costs()
        name, of = visible(chart.called(v)), visible(chart.called(chart.output))
        if forward == reverse == 1:
            alone = len(chart.wrt) == 1
            more = "" if alone else f", one for each of {len(chart.wrt)} inputs; reverse: 1 for all"
            return f"forward: 1 pass over {count_text(n, 'link')}{more or '; reverse: the same'}"
        ends = (("forward", forward, name), ("reverse", reverse, of))
        return "; ".join(
            f"{mode}: {count_text(k, 'pass')} (one for each entry of {x}) × "
            f"{count_text(n, 'link')} = {k * n:,}"
            for mode, k, x in ends
        )

    def lines(self, v: AnyNode) -> list[str]:
        rows = self.passes[self.chart.called(v)]
        left = max(columns(visible(row.quantity)) for row in rows)
        cells = [(visible(r.quantity), r.formula if r.expression else r.number, r) for r in rows]
        mid = max(len(formula) for _, formula, _ in cells if len(formula) <= 46 or len(cells) == 1)
        return [
            f"  {padded(quantity, left)} = {padded(formula, mid)}"
            + (f"    = {row.number}" if row.expression is not None else "")
            for quantity, formula, row in cells
        ]

    def to_text(self) -> str:
        """Aligned text: each pass from the bottom up, and what either mode costs."""
        parts: list[str] = []
        for v in self.chart.wrt:
            parts += self.products(v)
            parts.append(f"({self.begin(v)})")
            parts += [line.rstrip() for line in self.lines(v)]
            parts += [self.result(v), self.cost(v)]
        return "\n".join([*parts, *self.remarks])

    @cached_property
    def remarks(self) -> list[str]:
        """What is said below the formulas."""
        formulas = [row.expression for row in self.rows if row.expression is not None]
        return [*legend(self.chart, formulas), *conventions(formulas), *self.chart.notes]

    # --- documents ----------------------------------------------------------------------

    def equations(self, style: Style) -> list[tuple[str, str, str]]:
        """Left side, right side and value, line by line."""
        found = []
        for row in self.rows:
            left = style.name(f"δ{row.name}")
            right = row.expression.write(style).code if row.expression is not None else ""
            found.append((left, right, row.number))
        return found

    def to_markdown(self) -> str:
        """A table for each pass; formulas as code, which every reader shows."""
        parts = []
        for v in self.chart.wrt:
            rows = self.passes[self.chart.called(v)]
            table = ["| change | formula | value |", "|---|---|--:|"]
            for row in rows:
                cells = (row.quantity, row.formula if row.expression else "", row.number)
                table.append(f"| {' | '.join(code_span(c) if c else '' for c in cells)} |")
            head = [code_span(line.strip()) for line in self.products(v)]
            parts += [*head, "\n".join(table), code_span(self.result(v)), cell(self.cost(v))]
        parts += map(cell, self.remarks)
        return "\n\n".join(parts) + "\n"

    def to_html(self) -> str:
        """A fragment of HTML that needs nothing else: formulas are MathML."""
        body = "".join(
            f"<tr><td>{math(left)}</td><td>{math(f'<mo>=</mo>{right}') if right else ''}</td>"
            f"<td>= {html.escape(value)}</td></tr>"
            for left, right, value in self.equations(MATHML)
        )
        words = "".join(
            f"<p>{html.escape(line)}</p>"
            for v in self.chart.wrt
            for line in (*self.products(v), self.result(v), self.cost(v))
        ) + "".join(f"<p>{html.escape(line)}</p>" for line in self.remarks)
        return piece("explain", f"<table><tbody>{body}</tbody></table>{words}", CSS)

    def _repr_html_(self) -> str:
        return self.to_html()


def count_text(n: int, what: str) -> str:
    """``1 link``, ``3 passes``."""
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{n:,} {what if n == 1 else plural}"
