"""Text from users, fit to be shown: whatever is in a name, one line of it."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Container

ISOLATES = "\u2068\u2069"
"""Around text that runs from right to left."""


def visible(text: object) -> str:
    r"""``text`` with what would not show (newlines, controls, direction marks) spelt out.

    Text written from right to left is isolated, so that it does not turn its neighbours round.

    Examples
    --------
    >>> print(visible("two\nlines"), visible("\u202eabc"))
    two\nlines \u202eabc
    >>> ascii(visible("\u05e9\u05dc = 1"))
    "'\\u2068\\u05e9\\u05dc = 1\\u2069'"
    """
    words = str(text)
    if not words.strip():
        return repr(words)
    if words.isascii() and words.isprintable():
        return words
    words = "".join(
        c if c.isprintable() or c in ISOLATES else c.encode("unicode_escape").decode()
        for c in words
    )
    turns = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in words)
    return ISOLATES[0] + words + ISOLATES[1] if turns and ISOLATES[0] not in words else words


def printed(text: str) -> str:
    r"""Lines for a terminal, in which nothing can move its cursor or turn the others round.

    Examples
    --------
    >>> print(printed("a key\n\n\x1b[2J\u202eabc"))
    a key
    <BLANKLINE>
    \x1b[2J\u202eabc
    """
    lines = text.expandtabs().split("\n")
    return "\n".join(visible(line) if line.strip(" ") else line for line in lines)


def columns(text: str) -> int:
    """How many columns of a terminal a line takes: none for accents, two for wide letters.

    Examples
    --------
    >>> columns("loss"), columns("x\u0302"), columns("\u640d\u5931")
    (4, 1, 4)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in ("W", "F") for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def padded(text: str, width: int, right: bool = False) -> str:
    """``text`` with blanks up to a width, or on the right of so many columns."""
    gap = " " * (width - columns(text))
    return gap + text if right else text + gap


def shortened(text: str, width: int = 28) -> str:
    """``text`` in at most ``width`` characters, the middle left out.

    Examples
    --------
    >>> shortened("abcdefghij", 7)
    'abc…hij'
    """
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def unused(name: str, taken: Container[str]) -> str:
    """``name``, or with a number behind it if it is taken.

    Examples
    --------
    >>> unused("x", {}), unused("x", {"x", "x_2"})
    ('x', 'x_3')
    """
    numbered = (f"{name}_{i}" for i in itertools.count(2))
    return next(
        candidate for candidate in itertools.chain([name], numbered) if candidate not in taken
    )
