"""An explanation as HTML: a row for each link, with its formula, shapes and numbers."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from minigrad.explain.markup import CSS, GAP, folded, math, matrix
from minigrad.reading.pages import piece
from minigrad.writing.styles import MATHML

if TYPE_CHECKING:
    from minigrad.explain.report import Explanation


def page(explanation: Explanation) -> str:
    """A fragment of HTML that needs nothing else: formulas and small arrays are MathML."""
    chained, lines = explanation.chart.chained, explanation.equations(MATHML)
    sited = any(row is not None and row.site for *_, row in lines)
    heads = ["", "", "value", *([] if chained else ["shapes"]), *(["line"] if sited else [])]
    body = []
    for left, right, value, row in lines:
        length = len(row.formula) if row is not None else 0
        sides = folded(math(f"<mo>=</mo>{right}"), length) if right else ""
        shown = matrix(row.value) if row is not None and not chained else ""
        value = value or (row.number if row is not None else "")
        number = math(f"<mo>=</mo>{shown}" if shown else "")
        number = number or (f"= {html.escape(value)}" if value else "")
        if row is None and not number:  # a line of the closed form
            formula, gap, reason = right.rpartition(GAP)
            if gap:
                sides = f"{math(f'<mo>=</mo>{formula}')} {math(f'{GAP}{reason}')}"
            wide = f'<td colspan="{len(heads) - 1}">{sides}</td>'
            body.append(f"<tr><td>{math(left)}</td>{wide}</tr>")
            continue
        cells = [math(left), sides, number]
        if not chained:
            cells.append(html.escape(row.shapes) if row is not None else "")
        if sited:
            cells.append(f"<code>{html.escape(explanation.site(row))}</code>" if row else "")
        body.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    title = "".join(f"<th>{h}</th>" if h else "<td></td>" for h in heads)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in explanation.remarks)
    table = f"<table><thead><tr>{title}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return piece("explain", table + notes, CSS)
