r"""Signs of formulas that neither Python nor LaTeX has: ``A⁻ᵀ``, ``½``, ``2λI``, ``1ᵀ(S − Y)``."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from minigrad.derivation.spelling import FRACTION, braced

RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ]+")
LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ", "0123456789+-T")
LETTERS = "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"
"""Those that stand below others."""
TRANSPOSE = r"\^\s*\{?\s*(?:T\b|\\top|⊤|\\intercal)|⊤|ᵀ"
UNITS = {
    "eye": r"(?<![^\W\d])(?<!\\)(?:\\mathbf\{I\}|I)(?![\w\[{(])",
    "ones": rf"(?<![\w.\\^{{])1(?=\s*(?:{TRANSPOSE}))"
    r"|(?<=[ᵀ⊤])\s*1(?![\w.\[{])|(?<=\^T)\s*1(?![\w.\[{])"
    r"|(?:𝟏|\\(?:math(?:bf|bb)|bm)\s*(?>\{1\}|1))(?!\s*_?\s*[\[{(])",
}
"""Identity matrices and vectors of ones, as they are written."""
CASES = re.compile(r"\\begin\{d?cases\}(.*?)\\end\{d?cases\}", re.DOTALL)
SAID = re.compile(
    r"\\(?:text|textrm|mathrm|mbox)\s*\{\s*(?:if|for|when|where|otherwise|else)?\s*[:,]?\s*\}"
    r"|\b(?:if|for|when|where|otherwise|else)\b"
)
"""Words before the condition of a case, or instead of it."""
SIZES, MOST = 12, 2
"""So many sizes are tried, of so many at a time."""


def fractions(text: str) -> str:
    """``½`` as ``(1/2)``."""

    def spelled(sign: re.Match[str]) -> str:
        return f"({Fraction(unicodedata.numeric(sign[0])).limit_denominator(10)})"

    return re.sub("[¼-¾⅐-⅞]", spelled, text)


def grouped(text: str) -> str:
    r"""``\frac12 x`` as ``\frac{1}{2} x``."""
    found, rest = "", text
    if text.count("{") != text.count("}"):
        return text
    while (fraction := FRACTION.search(rest)) is not None:
        top, after = braced(rest[fraction.end() :])
        bottom, after = braced(after)
        found += rf"{rest[: fraction.start()]}\frac{{{grouped(top)}}}{{{grouped(bottom)}}}"
        rest = after
    return found + rest


def lowered(text: str) -> str:
    """``pᵢ`` as ``p_i``, and ``Σᵢ₌₁ⁿ`` as ``Σ_i``."""
    text = text.replace("∑", "Σ")
    text = re.sub(rf"Σ([{LETTERS}])₌[₀₁][{''.join(map(chr, LOWERED))}ᵐᴹᴺᴷ]*", r"Σ\1", text)
    found = rf"(?<=[\w)])[{LETTERS}₀-₉]*[{LETTERS}][{LETTERS}₀-₉]*"
    return re.sub(found, lambda m: f"_{unicodedata.normalize('NFKC', m[0])} ", text)


def raised(text: str) -> str:
    """``A⁻ᵀ`` as ``A^{-T}``."""

    def spelled(signs: re.Match[str]) -> str:
        inside = signs[0].translate(LOWERED)
        return "^T " if inside == "T" else f"^{{{inside}}}"

    return RAISED.sub(spelled, text)


def parted(text: str, known: Callable[[str], bool]) -> str:
    """``λI`` as ``λ I``, and ``σ²I`` as ``σ² I``."""

    def spelled(word: re.Match[str]) -> str:
        apart = known(RAISED.sub("", word[1])) and not known(word[0])
        return f"{word[1]} I" if apart else word[0]

    return re.sub(r"(?<![^\W\d])([^\W\d]\w*)I(?![\w\[{(])", spelled, text)


def sized(text: str, units: Sequence[str], sizes: Sequence[int], latex: bool) -> Iterator[str]:
    """A formula with its identity matrices and vectors of ones of the sizes that there are."""
    pattern = "|".join(f"(?P<{name}>{UNITS[name]})" for name in units)
    places = list(re.finditer(pattern, text)) if units else []
    for lengths in itertools.product(sizes[:SIZES], repeat=min(len(places), MOST)):
        length = iter([*lengths, *lengths[-1:] * len(places)])

        def spelled(unit: re.Match[str], length: Iterator[int] = length) -> str:
            name = rf"\operatorname{{{unit.lastgroup}}}" if latex else unit.lastgroup
            return f" {name}({next(length)})"

        yield re.sub(pattern, spelled, text) if places else text


def piecewise(text: str) -> str:
    r"""``\begin{cases} a & x > 0 \\ b & \text{else} \end{cases}`` as ``where(x > 0, a, b)``."""

    def spelled(cases: re.Match[str]) -> str:
        found = r"\mathrm{nan}"
        for row in reversed(re.split(r"\\\\", cases[1].strip().removesuffix(r"\\"))):
            value, _, condition = row.partition("&")
            condition = SAID.sub(" ", condition).strip(" ,.")
            value = value.strip(" ,")
            found = rf"\mathrm{{where}}({condition}, {value}, {found})" if condition else value
        return f"({found})"

    return CASES.sub(spelled, text)


def sides(text: str) -> list[str]:
    """The parts of an equation: what stands between equality signs, those in brackets aside."""
    found, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        doubled = text[i - 1 : i] in ("<", ">", "=", "!") or text[i + 1 : i + 2] == "="
        if c == "=" and depth <= 0 and not (doubled and i):
            found.append(text[start:i])
            start = i + 1
    return [*found, text[start:]]
