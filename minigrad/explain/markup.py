"""Pieces of documents: style sheet, MathML, numbers in LaTeX, cells of Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigrad.explain.ledger import Link
from minigrad.graph import AnyNode
from minigrad.reading.wording import visible
from minigrad.typing import Array
from minigrad.writing.styles import LATEX, Style

SMALL = 16
"""Arrays of more entries are not shown as matrices."""
LONG = 160
"""Formulas of more characters are folded."""

CSS = (
    ".minigrad-explain{padding-bottom:.5em}"
    ".minigrad-explain table{border-collapse:collapse}"
    ".minigrad-explain td,.minigrad-explain th{padding:.25em .7em .25em 0;text-align:left;"
    "vertical-align:middle;border:0;white-space:nowrap;background:none}"
    ".minigrad-explain th{font-weight:normal;opacity:.65;font-size:85%}"
    ".minigrad-explain math{font-size:110%}"
    ".minigrad-explain code{font-size:85%;opacity:.75}"
    "@media(max-width:520px){.minigrad-explain thead{display:none}"
    ".minigrad-explain table,.minigrad-explain tbody{display:block}"
    ".minigrad-explain tr{display:block;padding:.3em 0;border-bottom:1px solid #8886}"
    ".minigrad-explain td{display:inline-block;max-width:100%;overflow:auto hidden;"
    "box-sizing:border-box;white-space:normal}}"
)


class Document:
    """What prints as text, and typeset in notebooks."""

    def to_text(self) -> str:
        raise NotImplementedError

    def equations(self, style: Style) -> Sequence[tuple[Any, ...]]:
        """Left side, right side and value, and what else belongs to them, line by line."""
        raise NotImplementedError

    def to_latex(self) -> str:
        """LaTeX, for ``amsmath``: an ``aligned`` block to be put into display math."""
        lines = []
        for left, right, value, *_ in self.equations(LATEX):
            sides = [part for part in (right, latex_value(value)) if part]
            lines.append(f"{left} &= {' = '.join(sides)}")
        return aligned(lines)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_latex_(self) -> str:
        return f"$$\n{self.to_latex()}\n$$"


def aligned(lines: list[str]) -> str:
    """Lines of LaTeX below one another, as their ``&`` say."""
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def route_steps(route: tuple[AnyNode, ...]) -> list[Link]:
    """The steps of a route."""
    return list(pairwise(route))


def math(inner: str) -> str:
    return f'<math displaystyle="true"><mrow>{inner}</mrow></math>' if inner else ""


def matrix(value: Array) -> str:
    """A small array as a matrix in MathML, a number as such; else empty.

    Examples
    --------
    >>> matrix(np.arange(20.0)), matrix(0.5)
    ('', '<mn>0.5</mn>')
    """
    x = np.asarray(value)
    if x.ndim > 2 or x.size > SMALL or not x.size:
        return ""
    if not x.ndim:
        return f"<mn>{float(x):.6g}</mn>"
    fence = '<mo stretchy="true" fence="true">{}</mo>'
    rows = "".join(
        f"<mtr>{''.join(f'<mtd><mn>{float(v):.4g}</mn></mtd>' for v in row)}</mtr>"
        for row in (x[:, None] if x.ndim == 1 else x)
    )
    return f"<mrow>{fence.format('[')}<mtable>{rows}</mtable>{fence.format(']')}</mrow>"


def folded(inner: str, length: int) -> str:
    """A long formula behind a line that opens it."""
    if length <= LONG:
        return inner
    return f"<details><summary>a formula of {length} characters</summary>{inner}</details>"


def latex_value(value: str) -> str:
    """A number, or numbers in brackets, in LaTeX."""
    mantissa, e, exponent = value.partition("e")
    if e and exponent.lstrip("+-").isdigit():
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return value.replace("…", r"\ldots")


GAP = '<mspace width="1em"/>'
"""Between a formula and its reason, where a line may be broken."""
SIGNS = {"σ": r"\sigma ", "′": "'", "√u": r"\sqrt{u}", "²": "^{2}"}


def in_words(reason: str, style: Style) -> str:
    """A reason beside a formula."""
    words = style.word(f"({reason})")
    for sign, code in SIGNS.items() if style is LATEX else ():
        words = words.replace(sign, code)
    return words


def cell(text: str) -> str:
    """Words in a Markdown table, in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", visible(text))


def code_span(text: str) -> str:
    """Inline code of a Markdown table, whatever is in it."""
    words = visible(text).replace("|", "\\|")
    ticks = "`"
    while ticks in words:
        ticks += "`"
    pad = " " if "`" in words else ""
    return f"{ticks}{pad}{words}{pad}{ticks}"
