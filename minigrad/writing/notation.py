"""How formulas are written: one table, three styles (text, LaTeX, MathML).

Every op has a row of three patterns.  ``{0:product}`` stands for its first argument, in
parentheses unless that binds at least as tightly as a product; so precedence is part of
the pattern, and a formula is written by filling in patterns, oldest equation first.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from minigrad.reading.wording import visible

LEVELS = {
    w: i for i, w in enumerate("open logic compare sum minus matmul product power atom".split())
}

Pattern = tuple[str, str]
"""How tightly the result binds, and the pattern."""


@dataclass(frozen=True)
class Term:
    """Part of a formula, and how tightly it binds."""

    code: str
    level: str = "atom"
    style: Style | None = None

    def __format__(self, least: str) -> str:
        if least and LEVELS[self.level] < LEVELS[least]:
            assert self.style is not None
            return self.style.brackets.format(self.code)
        return self.code


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


# --- names -----------------------------------------------------------------------------

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
).split()
_INDEXED = re.compile(r"([^\W\d_]+?)_?(\d+)")
_SUBSCRIPT = re.compile(r"([^\W\d_]+)_([^\W_]+)")
_LATEX = {
    "\\": r"\backslash ",
    "^": r"\wedge ",
    "~": r"\sim ",
    " ": r"\ ",
    "'": "",
    '"': "",
    "`": "",
}
_LATEX |= {c: "\\" + c for c in "{}$&%#_"}


def greek_letter(word: str) -> str | None:
    """The letter that ``word`` names: θ for ``theta``."""
    if word not in GREEK:
        return None
    case = "CAPITAL" if word[0].isupper() else "SMALL"
    name = "LAMDA" if word.lower() == "lambda" else word.upper()
    return unicodedata.lookup(f"GREEK {case} LETTER {name}")


def _greek_word(letter: str) -> str | None:
    return next((word for word in GREEK if greek_letter(word) == letter), None)


def parts_of(name: str) -> tuple[str, str]:
    """A name and its index: ``w1`` is w with index 1, ``W_out`` is W with index out."""
    match = _INDEXED.fullmatch(name) or _SUBSCRIPT.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def latex_name(name: str) -> str:
    r"""A variable's name in LaTeX, whatever is in it.

    Examples
    --------
    >>> print(latex_name("w1"), latex_name("theta"), latex_name("loss"), latex_name("a&b"))
    w_{1} \theta \mathrm{loss} \mathrm{a\&b}
    """
    base, index = (_latex_word(part) for part in parts_of(name))
    return f"{base}_{{{index}}}" if index else base


def _latex_word(word: str) -> str:
    known = word if word in GREEK else _greek_word(word)
    if known:
        return f"\\{known}"
    if word.isdigit() or (len(word) == 1 and word.isalpha()) or not word:
        return word
    return f"\\mathrm{{{''.join(_LATEX.get(c, c) for c in visible(word))}}}"


def mathml_name(name: str) -> str:
    """A variable's name in MathML, whatever is in it."""
    base, index = parts_of(name)
    word = f"<mi>{html.escape(greek_letter(base) or visible(base))}</mi>"
    if not index:
        return word
    kind = "mn" if index.isdigit() else "mi"
    return f"<msub>{word}<{kind}>{html.escape(greek_letter(index) or index)}</{kind}></msub>"


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


def decimal(x: Any) -> str:
    """A number with all its digits; an integer without a point."""
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, float) and math.isfinite(x) and x == int(x) and abs(x) < 1e15:
        x = int(x)
    return repr(x)


# --- styles ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """One way to write formulas.

    Attributes
    ----------
    place : int
        Which column of `NOTATION` is this style's.
    brackets, quotient, where, row : str
        Patterns.
    """

    place: int
    brackets: str
    call: str
    comma: str
    quotient: Pattern
    where: str
    equals: str
    derivative: str
    name: Callable[[str], str]
    word: Callable[[str], str]
    number: Callable[[str], str]

    def term(self, code: str, level: str = "atom") -> Term:
        return Term(code, level, self)

    def fill(self, pattern: Pattern, *args: Any, **words: Any) -> Term:
        return self.term(pattern[1].format(*args, **words), pattern[0])

    def symbol(self, s: Symbol) -> Term:
        """A name, or the gradient with respect to one."""
        if s.of is None:
            return self.term(self.name(s.name))
        if self is TEXT:
            return self.term(f"{s.prefix}{self.name(s.name)}")
        return self.term(self.derivative.format(self.name(s.of), self.name(s.name)), "power")

    def constant(self, x: Any, sizes: tuple[int, ...] = ()) -> Term:
        """A number."""
        if isinstance(x, np.generic):
            x = x.item()
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
            ten = self.fill(
                NOTATION["power"][self.place],
                self.term(self.number("10")),
                self.constant(int(exponent)),
            )
            if digits == "1":
                return ten
            return self.fill(NOTATION["multiply"][self.place], self.term(self.number(digits)), ten)
        return self.term(self.number(code))

    @property
    def minus(self) -> str:
        return ("-", "-", "<mo>−</mo>")[self.place]

    @property
    def infinity(self) -> str:
        return ("inf", r"\infty", "<mi>∞</mi>")[self.place]


TEXT = Style(
    place=0,
    brackets="({})",
    call="{}({})",
    comma=", ",
    quotient=("product", "{0:product}/{1:power}"),
    where="{} where {}",
    equals="{} = {}",
    derivative="d{}/d{}",
    name=visible,
    word=str,
    number=str,
)
LATEX = Style(
    place=1,
    brackets=r"\left({}\right)",
    call=r"\operatorname{{{}}}\left({}\right)",
    comma=r",\, ",
    quotient=("product", r"\frac{{{0:open}}}{{{1:open}}}"),
    where=r"{} \quad \mathrm{{where}}\ {}",
    equals="{} = {}",
    derivative=r"\frac{{\partial {}}}{{\partial {}}}",
    name=latex_name,
    word=lambda w: f"\\mathrm{{{''.join(_LATEX.get(c, c) for c in visible(w))}}}",
    number=str,
)
MATHML = Style(
    place=2,
    brackets="<mrow><mo>(</mo>{}<mo>)</mo></mrow>",
    call="<mrow><mi>{}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{}<mo>)</mo></mrow></mrow>",
    comma="<mo>,</mo>",
    quotient=("product", "<mfrac><mrow>{0:open}</mrow><mrow>{1:open}</mrow></mfrac>"),
    where="{}<mspace width='1em'/><mtext>where&#xA0;</mtext>{}",
    equals="{}<mo>=</mo>{}",
    derivative="<mfrac><mrow><mo>∂</mo>{}</mrow><mrow><mo>∂</mo>{}</mrow></mfrac>",
    name=mathml_name,
    word=lambda w: f"<mtext>{html.escape(visible(w))}</mtext>",
    number=lambda n: f"<mn>{html.escape(n)}</mn>",
)


# --- the table -------------------------------------------------------------------------


def _infix(level: str, left: str, right: str, text: str, latex: str, mathml: str) -> Any:
    return tuple(
        (level, f"{{0:{left}}}{symbol}{{1:{right}}}")
        for symbol in (f"{text}", f" {latex} ", f"<mo>{mathml}</mo>")
    )


def _relation(text: str, latex: str, mathml: str) -> Any:
    """A comparison; in formulas the number 1 where it holds, in Iverson's brackets."""
    left, right = "{0:sum}", "{1:sum}"
    return (
        ("compare", f"{left} {text} {right}"),
        ("atom", rf"\left[{left} {latex} {right}\right]"),
        ("atom", f"<mrow><mo>[</mo>{left}<mo>{mathml}</mo>{right}<mo>]</mo></mrow>"),
    )


def _function(latex: str, mathml: str, text: str) -> Any:
    inner = "<mrow><mo>(</mo>{0:open}<mo>)</mo></mrow>"
    return (
        ("atom", f"{text}({{0:open}})"),
        ("atom", rf"{latex}\left({{0:open}}\right)"),
        ("atom", f"<mrow><mi>{mathml}</mi><mo>&#x2061;</mo>{inner}</mrow>"),
    )


NOTATION: dict[str, tuple[Pattern, Pattern, Pattern]] = {
    "add": _infix("sum", "sum", "matmul", " + ", "+", "+"),
    "subtract": _infix("sum", "sum", "matmul", " - ", "-", "−"),
    "multiply": _infix("product", "product", "product", "·", r"\cdot", "·"),
    "hadamard": _infix("product", "product", "product", " ⊙ ", r"\odot", "⊙"),
    "matmul": _infix("matmul", "power", "power", " @ ", r"\,", "&#x2062;"),
    "divide": (TEXT.quotient, LATEX.quotient, MATHML.quotient),
    "negative": (
        ("minus", "-{0:product}"),
        ("minus", "-{0:product}"),
        ("minus", "<mo>−</mo>{0:product}"),
    ),
    "power": (
        ("power", "{0:atom}^{1:atom}"),
        ("power", "{0:atom}^{{{1:open}}}"),
        ("power", "<msup><mrow>{0:atom}</mrow><mrow>{1:open}</mrow></msup>"),
    ),
    "exp": (
        ("atom", "exp({0:open})"),
        ("power", "e^{{{0:open}}}"),
        ("power", "<msup><mi>e</mi><mrow>{0:open}</mrow></msup>"),
    ),
    "sqrt": (
        ("atom", "sqrt({0:open})"),
        ("atom", r"\sqrt{{{0:open}}}"),
        ("atom", "<msqrt>{0:open}</msqrt>"),
    ),
    "absolute": (
        ("atom", "abs({0:open})"),
        ("atom", r"\left|{0:open}\right|"),
        ("atom", "<mrow><mo>|</mo>{0:open}<mo>|</mo></mrow>"),
    ),
    "transposed": (
        ("atom", "{0:atom}ᵀ"),
        ("power", r"{0:atom}^{{\top}}"),
        ("power", "<msup><mrow>{0:atom}</mrow><mo>⊤</mo></msup>"),
    ),
    "invert": (
        ("atom", "~{0:atom}"),
        ("atom", r"\neg {0:atom}"),
        ("atom", "<mo>¬</mo>{0:atom}"),
    ),
    "log": _function(r"\ln", "ln", "log"),
    "sigmoid": _function(r"\sigma", "σ", "σ"),
    **{f: _function(f"\\{f}", f, f) for f in "sin cos tan sinh cosh tanh".split()},
    "greater": _relation(">", ">", "&gt;"),
    "greater_equal": _relation(">=", r"\geq", "≥"),
    "less": _relation("<", "<", "&lt;"),
    "less_equal": _relation("<=", r"\leq", "≤"),
    "equal": _relation("==", "=", "="),
    "not_equal": _relation("!=", r"\neq", "≠"),
    "bitwise_and": _infix("logic", "power", "power", " & ", r"\wedge", "∧"),
    "bitwise_or": _infix("logic", "power", "power", " | ", r"\vee", "∨"),
}
"""Op -> its patterns as text, LaTeX and MathML; what has none is written as a call."""
