"""The styles in which formulas are written: text, LaTeX and MathML.

Source has two more, Python and JavaScript, of which only the column in the table of
`minigrad.writing.notation` and the brackets matter.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from minigrad.reading.wording import visible
from minigrad.typing import Array, Shape
from minigrad.writing.names import (
    is_expression,
    is_path,
    latex_escaped,
    latex_name,
    latex_word,
    mathml_name,
    mathml_word,
)
from minigrad.writing.numbers import VULGAR, Surd, decimal, fraction, python_number, surd, tidy
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
    written : tuple of (column, code)
        What is written instead of the name in some styles, of an expression without a name.
    """

    name: str
    of: str | None = None
    prefix: str = "d"
    written: tuple[tuple[str, str], ...] = ()


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
    quotient, times, power, root, log : Pattern
        What numbers are written with.
    plain : bool
        Whether it is text, without markup.
    juxtaposed : bool
        Whether matrix products have no sign, as in a textbook: ``Xᵀ(p - y)``.
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
    root: Pattern
    log: Pattern
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
    plain: bool = False
    juxtaposed: bool = False

    def term(self, code: str, level: str = "atom") -> Term:
        return Term(code, level, self.brackets)

    def fill(self, pattern: Pattern, *args: Term) -> Term:
        return fill(pattern, *args, brackets=self.brackets)

    def symbol(self, s: Symbol) -> Term:
        """A name, or the gradient with respect to one."""
        whole = self.whole(s.name) and not (s.of is not None and s.name.endswith(")"))
        name = self.term(self.name(s.name), "atom" if whole else "open")
        if s.of is None:
            return name
        if self.column in (known := dict(s.written)):
            name = self.term(self.brackets.format(known[self.column]))
        if self.plain:
            return self.term(f"{s.prefix}{name:atom}")
        return self.term(self.derivative.format(self.name(s.of), name.code), "power")

    def whole(self, name: str) -> bool:
        """Whether a name can be read as nothing but a name."""
        return is_path(name) or not (self.plain or is_expression(name))

    def constant(self, x: Array, sizes: Shape = ()) -> Term:
        """A number."""
        x = tidy(python_number(x))
        if isinstance(x, bool):
            return self.term(self.word(str(x)))
        if isinstance(x, complex):
            return self.complex_number(x)
        if x < 0:
            return self.term(f"{self.minus}{self.constant(-x, sizes):product}", "minus")
        top_bottom = fraction(x, sizes)
        if top_bottom is not None:
            if self.plain and top_bottom in VULGAR:
                return self.term(VULGAR[top_bottom])
            return self.ratio(*map(self.whole_number, top_bottom))
        found = surd(x)
        if found is not None:
            return self.surd(found)
        code = decimal(x)
        if not math.isfinite(x):
            return self.term(self.infinity if math.isinf(x) else self.word("nan"))
        if not self.plain and "e" in code:
            digits, exponent = code.split("e")
            ten = self.fill(self.power, self.term(self.number("10")), self.constant(int(exponent)))
            if digits == "1":
                return ten
            return self.fill(self.times, self.term(self.number(digits)), ten)
        return self.term(self.number(code))

    def complex_number(self, x: complex) -> Term:
        """``2i``; one with a real part stands in brackets."""
        i = self.term(self.name("i"))
        if x.real:
            return self.term(f"({self.number(f'{x.real:g}{x.imag:+g}')}{i})")
        return i if x.imag == 1 else self.beside(self.constant(x.imag), i)

    def whole_number(self, n: int) -> Term:
        return self.term(self.number(str(n)))

    def ratio(self, a: Term, b: Term) -> Term:
        return self.fill(self.quotient, a, b)

    def surd(self, x: Surd) -> Term:
        """A root, a multiple of π or a logarithm."""
        parts = []
        for n, pi in ((x.top, x.pi > 0), (x.bottom, x.pi < 0)):
            one = self.whole_number(n)
            letter = self.term(self.name("π"))
            parts.append(letter if pi and n == 1 else self.beside(one, letter) if pi else one)
        top, bottom = parts
        if x.kind == "log":
            top, bottom = (
                self.fill(self.log, part) if n > 1 else part
                for n, part in ((x.top, top), (x.bottom, bottom))
            )
        simple = x.bottom == 1 and not x.pi < 0
        if x.kind == "root" and (simple or (x.top == 1 and not x.pi > 0)):
            top = top if x.top == 1 and not x.pi > 0 else self.fill(self.root, top)
            bottom = bottom if simple else self.fill(self.root, bottom)
        elif x.kind == "root":
            return self.fill(self.root, self.ratio(top, bottom))
        return top if simple else self.ratio(top, bottom)

    def beside(self, number: Term, letter: Term) -> Term:
        """``2π``."""
        glue = " " if self.name is latex_name else ""
        return self.term(f"{number:power}{glue}{letter:power}", "product")


TEXT = Style(
    column="text",
    brackets="({})",
    call="{}({})",
    comma=", ",
    quotient=("product", "{0:product}/{1:power}"),
    times=("product", "{0:product}·{1:product}"),
    power=("power", "{0:atom}^{1:atom}"),
    root=("power", "√{0:atom}"),
    log=("atom", "log({0:open})"),
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
    plain=True,
)
BOOK = replace(TEXT, column="book", juxtaposed=True)
"""Text as a textbook sets it: matrix products have no sign."""
LATEX = Style(
    column="latex",
    brackets=r"\left({}\right)",
    call=r"\operatorname{{{}}}\left({}\right)",
    comma=r",\, ",
    quotient=("product", r"\frac{{{0:open}}}{{{1:open}}}"),
    times=("product", r"{0:product} \cdot {1:product}"),
    power=("power", "{0:atom}^{{{1:open}}}"),
    root=("atom", r"\sqrt{{{0:open}}}"),
    log=("atom", r"\ln\left({0:open}\right)"),
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
    root=("atom", "<msqrt>{0:open}</msqrt>"),
    log=("atom", "<mrow><mi>ln</mi><mo>(</mo>{0:open}<mo>)</mo></mrow>"),
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
