"""Keys in plain letters: LaTeX, accents and Greek."""

from __future__ import annotations

import re
import unicodedata

DECORATED = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
LAYOUT = re.compile(r"\\(?:left|right|,|;|!|:|displaystyle|big|Big)(?![a-zA-Z])|\$")
FRACTION = re.compile(r"\\(?:[dtcsx]|nice)?frac(?![A-Za-z])")
QUOTED = re.compile(r"""(?<=\[)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=\])""")
FONTS = re.compile(r"\\(?:math\w+|boldsymbol|bm|text|operatorname)\s*\{([^{}]*)\}")
FONT = re.compile(r"\\(?:mathrm|mathbf|mathit|mathcal|boldsymbol|bm|text|operatorname)\s*")


def unlatex(text: str) -> str:
    """LaTeX as plain text: fractions, ∂ and ∇; symbols are left to `canonical`.

    What stands between quotes, ``params['$W$']``, is a key as it is.
    """
    quoted = iter(QUOTED.findall(text))
    text = LAYOUT.sub("", QUOTED.sub("\0", text.strip()))
    while (fraction := FRACTION.search(text)) is not None:
        top, rest = braced(text[fraction.end() :])
        bottom, rest = braced(rest)
        text = f"{text[: fraction.start()]}{top}/{bottom}{rest}"
    text = FONT.sub("", FONTS.sub(r"\1", text)).replace("{d}", "d")
    text = re.sub(r"\\partial\s*", "∂", text)
    text = re.sub(r"\\nabla\s*", "∇", text).strip()
    return re.sub("\0", lambda _: next(quoted, "\0"), text)


def braced(text: str) -> tuple[str, str]:
    r"""The first argument of a macro, and what follows it: a group, a command or a letter."""
    text = text.lstrip()
    if not text.startswith("{"):
        length = len(re.match(r"\\[A-Za-z]+|.?", text, re.DOTALL)[0])  # type: ignore[index]
        return text[:length], text[length:]
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "{") - (c == "}")
        if not depth:
            return text[1:i], text[i + 1 :]
    return text[1:], ""


def canonical(text: str) -> str:
    r"""A symbol without its typesetting: ``\hat y_1``, ``ŷ₁`` and ``y_hat1`` are alike."""
    for name, mark in DECORATED.items():
        text = re.sub(rf"\\{name}\s*\{{?(\\?\w+?)\}}?(?=[\W_\d]|$)", rf"\1{mark}", text)
    decomposed = unicodedata.normalize("NFKD", text)
    for name, mark in DECORATED.items():
        decomposed = decomposed.replace(mark, name)
    spelled = [greek(c) for c in decomposed]
    return re.sub(r"[\s_{}\\^()]|(?<=[\^_{])\[|\](?=\})", "", "".join(spelled)).replace("'", "")


def greek(c: str) -> str:
    if not "\u0370" <= c <= "\u03ff":
        return c
    words = unicodedata.name(c, "").split()
    name = words[-1].lower() if words else c
    return name.capitalize() if "CAPITAL" in words else name
