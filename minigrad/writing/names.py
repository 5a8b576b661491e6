"""Names in every style: whatever the user wrote becomes something that can do no harm."""

from __future__ import annotations

import html
import keyword
import re
import unicodedata

from minigrad.reading.wording import visible

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
).split()
_INDEXED = re.compile(r"((?:[^\W\d_]|[\u0300-\u036f])+?)_?(\d+)")
_SUBSCRIPT = re.compile(r"((?:[^\W\d_]|[\u0300-\u036f])+)_([^\W_]+)")
_RUN = re.compile(r"(?!in$)[ijklmn]{2}")
"""An index of two letters, which is no word."""
_ACCENTED = re.compile(r"([^\W\d_]|[a-z]{2,7})_(hat|bar|tilde|dot)")
_MARKS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"}
_ABOVE = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙"}
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
_PATH = re.compile(
    r"""[^\W\d][\w\u0300-\u036f]*(\.\w+|\[('[^'\\]*'|"[^"\\]*"|-?\w+)\]|\(\))*['′]?ᵀ?( via .+)?"""
)

_CALL = re.compile(r"\d+|[\w.]+\(([^()]|\([^()]*\))*\)′*")
"""A number that is a length, and a call: ``32``, ``range(n)``."""


def is_path(name: str) -> bool:
    """Whether a name reads as one thing: ``w``, ``self.w``, ``params['W'][0]``."""
    return bool(_PATH.fullmatch(name) or _CALL.fullmatch(name))


def is_expression(name: str) -> bool:
    """Whether a name is an expression of the user's, with operators in it."""
    return bool(re.search(r" (\*\*|//|[-+*/@%&|^<>]=?|[=!]=) ", name))


def greek_letter(word: str) -> str | None:
    """The letter that ``word`` names: θ for ``theta``."""
    if word not in GREEK:
        return None
    case = "CAPITAL" if word[0].isupper() else "SMALL"
    name = "LAMDA" if word.lower() == "lambda" else word.upper()
    return unicodedata.lookup(f"GREEK {case} LETTER {name}")


_WORDS = {greek_letter(word): word for word in GREEK}
"""The letters that have a command in LaTeX."""


def parts_of(name: str) -> tuple[str, str]:
    """A name and its index: ``w1`` is w with index 1, ``W_out`` is W with index out."""
    match = _INDEXED.fullmatch(name) or _SUBSCRIPT.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def accented(name: str) -> tuple[str, str]:
    """A letter and its accent: ``y_hat`` and ŷ are y with a hat."""
    match = _ACCENTED.fullmatch(name)
    if match:
        return match[1], match[2]
    letters = unicodedata.normalize("NFD", name)
    if len(letters) == 2 and letters[1] in _MARKS:
        return letters[0], _MARKS[letters[1]]
    return name, ""


def letter_with(name: str, accent: str) -> str:
    """A letter with its accent, as Python reads it: ŷ of ``y`` and ``hat``."""
    marks = {word: mark for mark, word in _MARKS.items()}
    return unicodedata.normalize("NFKC", (greek_letter(name) or name) + marks.get(accent, ""))


def latex_name(name: str) -> str:
    r"""A variable's name in LaTeX, whatever is in it.

    Examples
    --------
    >>> print(latex_name("w1"), latex_name("theta"), latex_name("loss"), latex_name("a&b"))
    w_{1} \theta \mathrm{loss} \mathrm{a\&b}
    >>> print(latex_name("w_ij"), latex_name("y_hat"), latex_name("x\u0302"), latex_name("W'"))
    w_{ij} \hat{y} \hat{x} W'
    """
    if name.startswith("δ") and len(name) > 1:
        return rf"\delta {latex_name(name[1:])}"
    bare = name.rstrip("'′")
    if bare != name and bare:
        return latex_name(bare) + "'" * (len(name) - len(bare))
    letter, accent = accented(name)
    if accent:
        return rf"\{accent}{{{_latex_letter(letter)}}}"
    base, index = parts_of(name)
    if not index:
        return _latex_letter(base)
    run = _RUN.fullmatch(index)
    return f"{latex_name(base)}_{{{index if run else _latex_letter(index)}}}"


def _latex_letter(word: str) -> str:
    known = word if word in GREEK else _WORDS.get(word)
    if known:
        return f"\\{known}"
    if word.isdigit() or (len(word) == 1 and word.isalpha()) or not word:
        return word
    return latex_word(word)


def latex_word(word: str) -> str:
    """Upright text in a LaTeX formula, escaped."""
    return f"\\mathrm{{{latex_escaped(visible(word))}}}"


def latex_escaped(text: str) -> str:
    """Text of which LaTeX obeys no letter."""
    return "".join(_LATEX.get(c, c) for c in text)


def mathml_name(name: str) -> str:
    """A variable's name in MathML, whatever is in it."""
    if name.startswith("δ") and len(name) > 1:
        return f"<mrow><mi>δ</mi>{mathml_name(name[1:])}</mrow>"
    letter, accent = accented(name)
    if accent:
        inner = mathml_name(letter)
        return f'<mover accent="true">{inner}<mo>{_ABOVE[accent]}</mo></mover>'
    base, index = parts_of(name)
    word = f"<mi>{html.escape(greek_letter(base) or visible(base))}</mi>"
    if not index:
        return word
    word = mathml_name(base)
    kind = "mn" if index.isdigit() else "mi"
    return f"<msub>{word}<{kind}>{html.escape(greek_letter(index) or index)}</{kind}></msub>"


def mathml_word(word: str) -> str:
    """Text in a MathML formula, escaped."""
    return f"<mtext>{html.escape(visible(word))}</mtext>"


def identifier(name: str) -> str:
    """``name``, or something like it that Python takes for a name.

    Examples
    --------
    >>> identifier("soft-sign"), identifier("lambda"), identifier("np"), identifier("1/x")
    ('soft_sign', 'lambda_', 'np_', 'v_1_x')
    """
    name = unicodedata.normalize("NFKC", name)  # as Python itself reads it
    if not name.isidentifier():
        name = re.sub(r"\W", "_", name)
        name = name if name.isidentifier() else f"v_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name == "np" else name


def quoted(text: str) -> str:
    """A string as Python source, in double quotes as long as it holds none.

    Examples
    --------
    >>> print(quoted("x"), quoted('a"b'), quoted(type("Name", (str,), {"__repr__": print})("y")))
    "x" 'a"b' "y"
    """
    code = str.__repr__(text)
    return f'"{code[1:-1]}"' if code[0] == "'" and '"' not in code and "\\'" not in code else code
