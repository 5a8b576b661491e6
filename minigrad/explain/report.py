"""The explanation in every form: text, LaTeX, Markdown, HTML, a picture, data."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import needed
from minigrad.explain.closed import Step as Closed
from minigrad.explain.ledger import Chart, step_text
from minigrad.explain.markup import GAP, Document, cell, code_span, in_words, route_steps
from minigrad.explain.page import page
from minigrad.explain.remarks import conventions, legend
from minigrad.explain.rows import Row, middle, short
from minigrad.explain.workings import Line, workings
from minigrad.graph import AnyNode
from minigrad.reading.files import replace_file, writable
from minigrad.reading.wording import columns, padded, visible
from minigrad.reading.wording import shortened as crop
from minigrad.typing import Array
from minigrad.writing.formulas import Formula, sum_of_products
from minigrad.writing.styles import LATEX, MATHML, Style

WIDTH = 92
COLUMN = 46
"""Formulas are padded to the longest of those that are not longer than this."""
ROWS = 30
"""Most rows that are shown, the last ones of those that are too many left out."""
LAST = 6
ENDS = 6
"""So many parts are written of either end of a long sum or product."""
SHOWN = 6
"""Most paths that are written out."""


@dataclass(eq=False, repr=False)
class Explanation(Document):
    """A gradient, explained; ``mg.explain`` makes one.

    Attributes
    ----------
    chart : Chart
        The graph as it was read.
    steps : bool or None
        Whether links are derived operation by operation; by default only where there is
        but one.
    """

    chart: Chart
    steps: bool | None = None
    simplify: bool = False

    @cached_property
    def closed(self) -> dict[str, list[Closed]]:
        """Name -> the steps to one formula of the gradient, each with its reason; if asked for."""
        wrt = self.chart.wrt if self.simplify else []
        return {self.chart.called(v): self.chart.closed(v) for v in wrt}

    def _closed_rows(self) -> list[str]:
        """The closed forms as rows of a Markdown table."""
        rows: list[str] = []
        for v in self.chart.wrt:
            left = self.chart.ratio(self.chart.output, v, True)
            steps = self.closed[self.chart.called(v)]
            rows += [f"| {code_span(f'{left} = {s.text}')} | {cell(s.reason)} |" for s in steps]
            rows += [] if steps else [f"| {code_span(left)} | too long for one formula |"]
        return rows

    def _closed(self) -> list[str]:
        """The closed forms as text, step by step."""
        lines: list[str] = []
        for v in self.chart.wrt if self.simplify else ():
            steps = self.closed[self.chart.called(v)]
            left = visible(self.chart.ratio(self.chart.output, v, True))
            width = max((columns(step.text) for step in steps), default=0)
            for k, step in enumerate(steps):
                head = left if not k else " " * columns(left)
                lines.append(f"{head} = {padded(step.text, width)}    ({step.reason})")
            if not steps:
                lines.append(f"{left}: too long for one formula")
        return lines

    @property
    def rows(self) -> list[Row]:
        """The steps as data, from the output to the inputs.

        Each row has ``quantity``, ``formula``, ``value``, ``number``, ``shape``,
        ``shapes``, ``site`` (the line of your code) and ``expression`` (which has ``text``,
        ``latex``, ``mathml`` and ``evaluate()``).
        """
        return self.chart.rows

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """Name -> the gradient of the output with respect to it."""
        found = {self.chart.called(v): self.chart.gradients[v] for v in self.chart.wrt}
        return {**found, **self.chart.unused}

    # --- text ---------------------------------------------------------------------------

    def to_text(self, source: bool = False) -> str:
        """Aligned text.

        Parameters
        ----------
        source : bool
            Whether to add the lines of your code that the rows come from.
        """
        chart = self.chart
        first, left_out, last = self.shown
        lines: list[str] = []
        if chart.chained and len(self.rows) > 1:
            for v in self.finals:
                lines += self._head(v)
        elif not chart.chained:
            lines.append(f"{self._totals_head}")
        indent = "  " if lines else ""
        table = [indent + line for line in self._table([*first, *last], source)]
        if left_out:
            table.insert(len(table) - LAST, f"{indent}⋯ ({left_out:,} more, in .rows)")
        lines += table
        if chart.chained:
            lines += self._sums()
        lines += [self._total(v) for v in self.finals]
        if self.unwritten:
            lines.append(f"⋯ ({self.unwritten:,} more gradients, in .gradients)")
        lines += self._closed()
        definition = self.definition
        if definition is not None:
            lines.append(f"with {chart.called(chart.output)} = {definition.text}")
        if any(row.too_long for row in (*first, *last)):
            lines.append(
                "⋯ stands for what is too long: give results names to see the steps between"
            )
        return "\n".join([*lines, *self.remarks])

    @property
    def remarks(self) -> list[str]:
        """What is said below the formulas."""
        return [*legend(self.chart, self.written), *self.footnotes, *self.chart.notes]

    @property
    def footnotes(self) -> list[str]:
        """Conventions that the formulas shown keep to, each once."""
        return conventions(self.written)

    @property
    def written(self) -> list[Formula]:
        """All formulas that are shown."""
        first, _, last = self.shown
        formulas = [row.expression for row in (*first, *last) if row.expression is not None]
        formulas += [step.formula for v in self.closed.values() for step in v]
        for made, step in (line for lines in self.workings.values() for line in lines):
            formulas += [f for product in step for f in product]
            formulas += [made] if made is not None else []
        return formulas + ([self.definition] if self.definition is not None else [])

    @cached_property
    def _asked(self) -> list[AnyNode]:
        """The quantities asked for; in a chain those that no single link leads to."""
        chart = self.chart
        direct = [chart.output] if chart.chained else None
        return [v for v in chart.wrt if chart.users[v] != direct]

    @property
    def finals(self) -> list[AnyNode]:
        """The quantities whose gradients have lines of their own."""
        return self._asked[:ROWS]

    @property
    def unwritten(self) -> int:
        """How many more there are."""
        return len(self._asked) - len(self.finals)

    def _total(self, v: AnyNode) -> str:
        left = self.chart.ratio(self.chart.output, v, True)
        return f"{visible(left)} = {short(self.chart.gradients[v])}"

    @cached_property
    def definition(self) -> Formula | None:
        """What an output without a name is."""
        if self.chart.names.known(self.chart.output):
            return None
        return self.chart.definition(self.chart.output)

    @property
    def shown(self) -> tuple[list[Row], int, list[Row]]:
        """Rows to be shown, how many are left out, and rows to be shown after these."""
        rows = self.rows
        if len(rows) <= ROWS:
            return rows, 0, []
        return rows[: ROWS - LAST], len(rows) - ROWS, rows[-LAST:]

    @property
    def _totals_head(self) -> str:
        """What a ledger is about, and what its left sides mean."""
        chart = self.chart
        of = ", ".join(middle([visible(chart.ratio(chart.output, v, True)) for v in chart.wrt]))
        output, name = (visible(chart.called(n)) for n in (chart.output, self.rows[0].bottom))
        shape = np.shape(chart.value(chart.output))
        what = f"{output}.sum()" if shape else output
        return f"{of}  ({chart.prefix}{name}: the gradient of {what} by {name}, and so on)"

    def _head(self, v: AnyNode) -> list[str]:
        """The gradient as a product of links, or a sum of such over the paths."""
        chart = self.chart
        left = visible(chart.ratio(chart.output, v, True))
        routes = list(islice(chart.routes(v), SHOWN))
        products = [
            " · ".join(middle([visible(chart.ratio(*link)) for link in route_steps(r)]))
            for r in routes
        ]
        n = chart.count(v)
        more = [f"⋯ ({n:,} paths, {len(routes)} of them shown)"] if n > len(routes) else []
        line = f"{left} = {' + '.join([*products, *more])}"
        if len(line) <= WIDTH or len(products) == 1:
            return [line]
        pad = " " * columns(left)
        return [
            f"{left if not i else pad} {'=' if not i else '+'} {p}"
            for i, p in enumerate([*products, *more])
        ]

    def _sums(self) -> list[str]:
        """The products of numbers along the paths, where there are several."""
        found = []
        for v in self.finals:
            n = self.chart.count(v)
            for route in islice(self.chart.routes(v), SHOWN) if n > 1 else ():
                parts = [self.chart.steps[link] for link in route_steps(route)]
                if len(parts) > 6 or np.ndim(parts[0]):
                    continue
                words = " · ".join(
                    f"({short(p)})" if k and p < 0 else short(p) for k, p in enumerate(parts)
                )
                through = " ← ".join(visible(self.chart.called(x)) for x in route)
                product = f"{words} = {short(np.prod(parts))}" if len(parts) > 1 else words
                found.append((through, product))
        width = max((columns(t) for t, _ in found), default=0)
        return [f"  {padded(t, width)} : {p}" for t, p in found]

    def _table(self, rows: list[Row], source: bool) -> list[str]:
        cells: list[tuple[str, str, str, str]] = []
        for row in rows:
            *before, (quantity, _) = self._worked(row)
            cells += [(left, right, "", "") for left, right in before]
            site = self.site(row) if source else ""
            cells.append((quantity, row.formula, self._last(row), site))
        left = max((columns(c[0]) for c in cells), default=0)
        mid = max((n for c in cells if (n := columns(c[1])) <= COLUMN), default=0)
        sign = "    = " if self.chart.chained else "   "
        lines = [
            f"{padded(quantity, left)} = {padded(formula, mid)}{sign}{last}"
            if last
            else f"{padded(quantity, left)} = {formula}"
            for quantity, formula, last, _ in cells
        ]
        if source:
            right = max(map(columns, lines), default=0)
            lines = [
                f"{padded(line, right)}    # {c[3]}" if c[3] else line
                for line, c in zip(lines, cells, strict=True)
            ]
        return [line.rstrip() for line in lines]

    def _last(self, row: Row) -> str:
        """What stands behind a formula: the number of a link, the shapes of a product."""
        if self.chart.chained:
            return f"{float(row.value): .6g}" if not row.shape else short(row.value)
        return row.shapes if row.shape else f"{row.shapes}   = {row.number}"

    @cached_property
    def workings(self) -> dict[Row, list[Line]]:
        """How each row comes about, where that is to be shown."""
        return workings(self.chart, self.steps)

    def _worked(self, row: Row) -> list[tuple[str, str]]:
        """The same as text: a left side, empty where it is that of the line before, and a right."""
        lines: list[tuple[str, str]] = []
        named = False
        for made, step in self.workings.get(row, ()):
            own = "" if named else visible(row.quantity)
            left = own if made is None else f"{self.chart.prefix}({made.text})"
            named = named or made is None
            lines.append((left, step_text(step)))
        return [*lines, ("" if named else visible(row.quantity), "")]

    @staticmethod
    def site(row: Row) -> str:
        """The line of the user's code that a row comes from; empty if that is not known."""
        if row.site is None:
            return ""
        code = f": {crop(row.site.code, 60)}" if row.site.code else ""
        return visible(f"{row.site.place}{code}")

    # --- formulas in a style ------------------------------------------------------------

    def _ratio(self, u: AnyNode, v: AnyNode, style: Style) -> str:
        names = (style.name(self.chart.called(n)) for n in (u, v))
        return style.derivative.format(*names)

    def _gradient_by(self, made: Formula, style: Style) -> str:
        """The gradient by a result that has no name."""
        by = style.brackets.format(made.write(style).code)
        return style.derivative.format(style.name(self.chart.called(self.chart.output)), by)

    def _quantity(self, row: Row, style: Style) -> str:
        if self.chart.chained:
            return self._ratio(row.top, row.bottom, style)
        own = self._ratio(self.chart.output, row.bottom, style)
        if row.total or len(self.chart.users[row.bottom]) == 1:
            return own
        return self._via(row.top, own, style)

    def _via(self, node: AnyNode, gradient: str, style: Style) -> str:
        """The part of a gradient that comes through ``node``."""
        via = style.word(f"via {self.chart.called(node)}")
        if style is LATEX:
            return rf"\left[{gradient}\right]_{{{via}}}"
        bracketed = f"<mrow><mo>[</mo>{gradient}<mo>]</mo></mrow>"
        return f"<msub>{bracketed}{via}</msub>"

    def _formula(self, row: Row, style: Style) -> str:
        if row.expression is None:
            return style.word(row.abridged)
        if row.total:
            own = self._ratio(self.chart.output, row.bottom, style)
            plus = " + " if style is LATEX else "<mo>+</mo>"
            users = self.chart.users[row.bottom]
            return plus.join(self._middle(users, lambda u: self._via(u, own, style), style))
        return row.expression.write(style).code

    def _product(self, v: AnyNode, style: Style) -> str:
        """The right side of the chain rule."""
        chart = self.chart
        dot, plus = (r" \cdot ", " + ") if style is LATEX else ("<mo>·</mo>", "<mo>+</mo>")
        routes = list(islice(chart.routes(v), SHOWN))
        n = chart.count(v)
        words = [
            dot.join(
                self._middle(route_steps(route), lambda uv: self._ratio(uv[0], uv[1], style), style)
            )
            for route in routes
        ]
        if n > len(routes):
            words.append(style.word(f"⋯ ({n:,} paths)") if style is MATHML else r"\cdots")
        return plus.join(words)

    @staticmethod
    def _middle(parts: Sequence[object], write: Callable[[Any], str], style: Style) -> list[str]:
        """A long list without its middle, which is not written either."""
        if len(parts) <= 2 * ENDS:
            return [*map(write, parts)]
        dots = r"\cdots" if style is LATEX else "<mo>⋯</mo>"
        return [*map(write, parts[:ENDS]), dots, *map(write, parts[-ENDS:])]

    def equations(self, style: Style) -> list[tuple[str, str, str, Row | None]]:
        """Left side, right side, value, and the row that it belongs to, line by line."""
        chart = self.chart
        found: list[tuple[str, str, str, Row | None]] = []
        if chart.chained and len(self.rows) > 1:
            output = chart.output
            for v in self.finals:
                found += [(self._ratio(output, v, style), self._product(v, style), "", None)]
        first, left_out, last = self.shown
        for row in (*first, *last):
            if left_out and row is last[0]:
                found.append(("", style.word(f"⋯ ({left_out:,} more)"), "", None))
            left = self._quantity(row, style)
            for made, step in self.workings.get(row, ()):
                own = left if made is None else self._gradient_by(made, style)
                found.append((own, sum_of_products(step, style), "", None))
                left = "" if made is None else left
            value = row.number if chart.chained or not row.shape else ""
            value = "" if row.formula == value else value
            found.append((left, self._formula(row, style), value, row))
        for v in self.finals:
            left = self._ratio(chart.output, v, style)
            found.append((left, "", short(chart.gradients[v]), None))
        if self.unwritten:
            found.append(("", style.word(f"⋯ ({self.unwritten:,} more gradients)"), "", None))
        space = r" \quad " if style is LATEX else GAP
        for v in chart.wrt if self.simplify else ():
            left = self._ratio(chart.output, v, style)
            steps = self.closed[chart.called(v)]
            for k, done in enumerate(steps):
                right = f"{done.formula.write(style)}{space}{in_words(done.reason, style)}"
                found.append(("" if k else left, right, "", None))
            if not steps:
                found.append((left, style.word("too long for one formula"), "", None))
        if self.definition is not None:
            name = style.name(chart.called(chart.output))
            found.append((name, self.definition.write(style).code, "", None))
        return found

    # --- documents ----------------------------------------------------------------------

    def to_markdown(self) -> str:
        """A table with a row for each step; formulas as code, which every reader shows."""
        chart = self.chart
        head = (
            [code_span(line) for v in self.finals for line in self._head(v)]
            if chart.chained and len(self.rows) > 1
            else []
        )
        first, left_out, tail = self.shown
        last = "value" if chart.chained else "shapes"
        lines = [f"| quantity | formula | {last} | line |", "|---|---|--:|---|"]
        for row in (*first, *tail):
            if left_out and row is tail[0]:
                lines.append(f"| ⋯ | {left_out:,} more | | |")
            for left, right in self._worked(row)[:-1]:
                lines += [f"| {code_span(left or row.quantity)} | {code_span(right)} | | |"]
            cells = [row.quantity, row.formula, self._last(row).strip(), self.site(row)]
            lines.append(f"| {' | '.join(code_span(c) if c else '' for c in cells)} |")
        totals = [code_span(self._total(v)) for v in self.finals]
        if self.unwritten:
            totals.append(f"⋯ ({self.unwritten:,} more gradients)")
        if self.simplify:
            totals += ["\n".join(["| gradient | reason |", "|---|---|", *self._closed_rows()])]
        ends = "\n\n".join([*totals, *map(cell, self.remarks)])
        return "\n".join(["\n\n".join(head), "", *lines, "", ends]).strip() + "\n"

    def to_html(self) -> str:
        """A fragment of HTML that needs nothing else: formulas and small arrays are MathML."""
        return page(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def plot(self) -> Any:
        """The explanation as a matplotlib Figure, typeset by matplotlib itself.

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        from minigrad.explain.typeset import figure

        how = "explain draws with matplotlib, which is not installed: pip install 'minigrad[viz]'"
        return figure(self, needed("matplotlib.figure", how).Figure)

    def to_png(self, path: str | os.PathLike[str], dpi: int = 160) -> Path:
        """Write the picture to ``path``; the file is complete or untouched.

        Raises
        ------
        ValueError, FileNotFoundError
            For another suffix than ``.png``; when there is no such folder.
        ImportError
            When matplotlib is not installed.
        """
        path = writable(path, (".png",), "explain")
        content = io.BytesIO()
        self.plot().savefig(content, format="png", dpi=dpi)
        replace_file(path, content.getvalue())
        return path
