"""Pieces of documents: style sheet, MathML, numbers in LaTeX, cells of Markdown tables."""

from __future__ import annotations

import re
from itertools import pairwise

from minigrad.explain.ledger import Link
from minigrad.graph import AnyNode
from minigrad.reading.wording import visible
from minigrad.writing.styles import LATEX, Style

CSS = (
    ".minigrad-explain{overflow:auto hidden;padding-bottom:.5em}"
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


def links(route: tuple[AnyNode, ...]) -> list[Link]:
    """The steps of a route."""
    return list(pairwise(route))


def math(inner: str) -> str:
    return f'<math displaystyle="true"><mrow>{inner}</mrow></math>' if inner else ""


def latex_value(value: str) -> str:
    """A number, or numbers in brackets, in LaTeX."""
    mantissa, e, exponent = value.partition("e")
    if e and exponent.lstrip("+-").isdigit():
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return value.replace("…", r"\ldots")


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
