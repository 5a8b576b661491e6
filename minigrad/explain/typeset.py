"""The explanation as a picture: lines of formulas, aligned at the sign of equality.

Matplotlib's own typesetter knows a subset of LaTeX, which is why formulas keep to it.
"""

from __future__ import annotations

import re
from typing import Any

from minigrad.explain.markup import latex_value
from minigrad.writing.styles import LATEX

SIZE = 15
GAP = 1.5
"""Between lines, in heights of a letter."""
PAD = 12
"""Around the picture, in points."""

LOW = re.compile(r"\\left\(((?:(?!\\(?:left|right|frac|sum|prod)).)*)\\right\)")
"""Parentheses around what is no higher than a letter: stretched, they come out smaller than it."""


def figure(explanation: Any, make: Any) -> Any:
    """A figure as large as the formulas in it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    fig = make(figsize=(1, 1), dpi=72)
    FigureCanvasAgg(fig)
    renderer = fig.canvas.get_renderer()
    style = {"fontsize": SIZE, "math_fontfamily": "cm", "va": "baseline"}
    placed: list[tuple[list[Any], list[Any]]] = []
    for left, right, value, row in explanation.equations(LATEX):
        sides = " = ".join(part for part in (right, latex_value(value)) if part)
        plain = (row.quantity, f"= {row.formula}") if row is not None else (left, f"= {sides}")
        texts = [
            fig.text(0, 0, mathematical(code, words), ha=side, **style)
            for code, words, side in ((left, plain[0], "right"), (f"= {sides}", plain[1], "left"))
        ]
        boxes = [t.get_window_extent(renderer) if t.get_text() else None for t in texts]
        placed.append((texts, boxes))
    wide = [max((boxes[i].width for _, boxes in placed if boxes[i]), default=0) for i in (0, 1)]
    tops = [max((b.y1 for b in bs if b), default=0) for _, bs in placed]
    downs = [max((-b.y0 for b in bs if b), default=0) for _, bs in placed]
    gap = 0.4 * SIZE * GAP
    height = sum(tops) + sum(downs) + gap * (len(placed) - 1) + 2 * PAD
    width = sum(wide) + SIZE / 2 + 2 * PAD
    fig.set_size_inches(width / 72, height / 72)
    y = height - PAD
    for (texts, _), up, down in zip(placed, tops, downs, strict=True):
        y -= up
        texts[0].set_position(((PAD + wide[0]) / width, y / height))
        texts[1].set_position(((PAD + wide[0] + SIZE / 2) / width, y / height))
        y -= down + gap
    return fig


def mathematical(code: str, words: str) -> str:
    """``code`` as matplotlib wants it; ``words`` where it cannot read it."""
    from matplotlib.mathtext import MathTextParser

    if not code:
        return ""
    while (plain := LOW.sub(r"(\1)", code)) != code:
        code = plain
    formula = f"${code}$".replace(r"\top", r"\mathsf{T}").replace(r"\&", "&")
    try:
        MathTextParser("path").parse(formula)
    except ValueError:
        return words.replace("$", r"\$")
    return formula
