"""The styles in which formulas are written: text, LaTeX and MathML.

Source has two more, Python and JavaScript, of which only the column in the table of
`minigrad.writing.notation` and the brackets matter.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from minigrad.reading.wording import visible
from minigrad.writing.names import (
    is_path,
    latex_escaped,
    latex_name,
    latex_word,
    mathml_name,
    mathml_word,
)
from minigrad.writing.terms import Pattern, Term, fill


@dataclass(frozen=True)
class Symbol:
    """A name in a formula; of a quantity, or of the gradient with respect to it.

    Attributes
    ----------
    name : str
    of : str or None
        The output whose gradient it is.
    prefix : str
        What a gradient begins with in text: ``d``, as in ``dW``.
    """

    name: str
    of: str | None = None
    prefix: str = "d"


# --- numbers ---------------------------------------------------------------------------


def fraction(x: float, sizes: tuple[int, ...] = ()) -> tuple[int, int] | None:
    """A number as the fraction that a person would write, if there is one.

    2/500 where the lengths of arrays say that 500 is what is divided by.
    """
    if not math.isfinite(x) or x == int(x) or len(repr(abs(x))) <= 4:
        return None
    over = [(abs(round(x * n)), round(x * n), n) for n in sizes]
    best = min((f for f in over if 0 < f[0] <= 4 and f[1] / f[2] == x), default=None)
    if best is not None:
        return best[1:]
    near = Fraction(x).limit_denominator(1000)
    exact = len(repr(x)) > 12 and near.numerator / near.denominator == x
    return (near.numerator, near.denominator) if exact else None


def plainly(x: Any) -> Any:
    """A number as one of Python's own, whatever class it came in."""
    x = x.item() if isinstance(x, np.generic) else x
    for kind in (bool, int, float):
        if isinstance(x, kind):
            return kind(x)
    return x


def decimal(x: Any) -> str:
    """A number with all its digits; an integer without a point."""
    x = plainly(x)
    if isinstance(x, float) and math.isfinite(x) and x == int(x) and abs(x) < 1e15:
        x = int(x)
    return repr(x)


# --- styles ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """One way to write formulas.

    Attributes
    ----------
    column : str
        Which column of `NOTATION` is this style's.
    brackets, call, where, equals, derivative, indicator : str
        Patterns without a level.
    quotient, times, power : Pattern
        What numbers are written with.
    comma, minus, infinity : str
        Signs.
    """

    column: str
    brackets: str
    call: str
    comma: str
    quotient: Pattern
    times: Pattern
    power: Pattern
    where: str
    equals: str
    derivative: str
    indicator: str
    minus: str
    infinity: str
    name: Callable[[str], str]
    word: Callable[[str], str]
    function: Callable[[str], str]
    number: Callable[[str], str]

    def term(self, code: str, level: str = "atom") -> Term:
        return Term(code, level, self.brackets)

    def fill(self, pattern: Pattern, *args: Term) -> Term:
        return fill(pattern, *args, brackets=self.brackets)

    def symbol(self, s: Symbol) -> Term:
        """A name, or the gradient with respect to one."""
        name = self.term(self.name(s.name), "atom" if self.whole(s.name) else "open")
        if s.of is None:
            return name
        if self is TEXT:
            return self.term(f"{s.prefix}{name:atom}")
        return self.term(self.derivative.format(self.name(s.of), name.code), "power")

    def whole(self, name: str) -> bool:
        """Whether a name can be read as nothing but a name."""
        return self is not TEXT or is_path(name)

    def constant(self, x: Any, sizes: tuple[int, ...] = ()) -> Term:
        """A number."""
        x = plainly(x)
        if isinstance(x, bool):
            return self.term(self.word(str(x)))
        if x < 0:
            return self.term(f"{self.minus}{self.constant(-x, sizes):product}", "minus")
        top_bottom = fraction(x, sizes)
        if top_bottom is not None:
            a, b = (self.term(self.number(str(n))) for n in top_bottom)
            return self.fill(self.quotient, a, b)
        code = decimal(x)
        if not math.isfinite(x):
            return self.term(self.infinity if math.isinf(x) else self.word("nan"))
        if self is not TEXT and "e" in code:
            digits, exponent = code.split("e")
            ten = self.fill(self.power, self.term(self.number("10")), self.constant(int(exponent)))
            if digits == "1":
                return ten
            return self.fill(self.times, self.term(self.number(digits)), ten)
        return self.term(self.number(code))


TEXT = Style(
    column="text",
    brackets="({})",
    call="{}({})",
    comma=", ",
    quotient=("product", "{0:product}/{1:power}"),
    times=("product", "{0:product}·{1:product}"),
    power=("power", "{0:atom}^{1:atom}"),
    where="{} where {}",
    equals="{} = {}",
    derivative="d{}/d{}",
    indicator="1[{}]",
    minus="-",
    infinity="inf",
    name=visible,
    word=str,
    function=visible,
    number=str,
)
LATEX = Style(
    column="latex",
    brackets=r"\left({}\right)",
    call=r"\operatorname{{{}}}\left({}\right)",
    comma=r",\, ",
    quotient=("product", r"\frac{{{0:open}}}{{{1:open}}}"),
    times=("product", r"{0:product} \cdot {1:product}"),
    power=("power", "{0:atom}^{{{1:open}}}"),
    where=r"{} \quad \mathrm{{where}}\ {}",
    equals="{} = {}",
    derivative=r"\frac{{\partial {}}}{{\partial {}}}",
    indicator=r"\mathbf{{1}}\left[{}\right]",
    minus="-",
    infinity=r"\infty",
    name=latex_name,
    word=latex_word,
    function=lambda w: latex_escaped(visible(w)),
    number=str,
)
MATHML = Style(
    column="mathml",
    brackets="<mrow><mo>(</mo>{}<mo>)</mo></mrow>",
    call="<mrow><mi>{}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{}<mo>)</mo></mrow></mrow>",
    comma="<mo>,</mo>",
    quotient=("product", "<mfrac><mrow>{0:open}</mrow><mrow>{1:open}</mrow></mfrac>"),
    times=("product", "{0:product}<mo>·</mo>{1:product}"),
    power=("power", "<msup><mrow>{0:atom}</mrow><mrow>{1:open}</mrow></msup>"),
    where="{}<mspace width='1em'/><mtext>where&#xA0;</mtext>{}",
    equals="{}<mo>=</mo>{}",
    derivative="<mfrac><mrow><mo>∂</mo>{}</mrow><mrow><mo>∂</mo>{}</mrow></mfrac>",
    indicator="<mrow><mn>𝟏</mn><mo>[</mo>{}<mo>]</mo></mrow>",
    minus="<mo>−</mo>",
    infinity="<mi>∞</mi>",
    name=mathml_name,
    word=mathml_word,
    function=lambda w: html.escape(visible(w)),
    number=lambda n: f"<mn>{html.escape(n)}</mn>",
)
