"""Numbers as a person would write them: fractions, roots, multiples of π."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from minigrad.typing import Shape

VULGAR = {(1, 2): "½", (1, 4): "¼", (3, 4): "¾"}
"""Fractions that have a character of their own."""
WHOLE = 64
"""Largest number that is looked for under a root."""
DIGITS = 12
"""Numbers of fewer characters are what somebody wrote."""


class Surd(NamedTuple):
    """``top/bottom`` times a power of π: itself, its root, or a quotient of logarithms.

    Attributes
    ----------
    kind : {"ratio", "root", "log"}
    top, bottom : int
    pi : int
        Whether π is above (1), below (-1), or not there.
    """

    kind: str
    top: int
    bottom: int
    pi: int = 0


def fraction(x: float, sizes: Shape = ()) -> tuple[int, int] | None:
    """A number as the fraction that a person would write, if there is one.

    2/500 where the lengths of arrays say that 500 is what is divided by.

    Examples
    --------
    >>> fraction(0.5), fraction(1 / 3), fraction(0.1), fraction(2 / 500, (500,))
    ((1, 2), (1, 3), None, (2, 500))
    """
    if not math.isfinite(x) or x == int(x):
        return None
    known = next((f for f in VULGAR if f[0] / f[1] == x), None)
    if known is not None or len(repr(abs(x))) <= 4:
        return known
    over = [(abs(round(x * n)), round(x * n), n) for n in sizes]
    best = min((f for f in over if 0 < f[0] <= 4 and f[1] / f[2] == x), default=None)
    if best is not None:
        return best[1:]
    near = Fraction(x).limit_denominator(1000)
    exact = len(repr(x)) > DIGITS and near.numerator / near.denominator == x
    return (near.numerator, near.denominator) if exact else None


def tidy(x: object) -> Any:
    """A number without what rounding left in its last digit.

    Examples
    --------
    >>> tidy(0.1 + 0.2), tidy(2 / 3 + 8 / 3) == 10 / 3, tidy(0.123456789012345)
    (0.3, True, 0.123456789012345)
    """
    if not isinstance(x, float) or not math.isfinite(x) or len(repr(abs(x))) <= 16:
        return x
    short = float(f"{x:.12g}")
    near = Fraction(x).limit_denominator(1000)
    for y in (short, float(near)):
        if y and abs(x - y) <= 4e-15 * abs(y):
            return y
    return x


def surd(x: float) -> Surd | None:
    """A number that is a root, a multiple of π or a logarithm, to the last digits.

    Examples
    --------
    >>> surd(math.sqrt(3)), surd(1 / math.sqrt(2 * math.pi)), surd(0.123456789)
    (Surd(kind='root', top=3, bottom=1, pi=0), Surd(kind='root', top=1, bottom=2, pi=-1), None)
    >>> math.sqrt(3) * math.sqrt(3) == 3, surd(math.sqrt(3) * math.sqrt(3))
    (False, None)
    """
    if not isinstance(x, float) or not 1e-6 < x < 1e6 or len(repr(x)) <= DIGITS:
        return None
    for kind, value in (("ratio", x), ("root", x * x)):
        for pi in (0, -1, 1) if kind == "root" else (1, -1):
            near = Fraction(value / math.pi**pi).limit_denominator(WHOLE)
            found = Surd(kind, near.numerator, near.denominator, pi)
            if 0 < near.numerator <= WHOLE and close(worth(found), x):
                return None if rational(found) else found
    for base in (2, 10):
        for n in (2, 3, 5, 10):
            for found in (Surd("log", n, 1), Surd("log", n, base), Surd("log", 1, n)):
                if n != base and close(worth(found), x):
                    return found
    return None


def rational(x: Surd) -> bool:
    """Whether a root is none, as √9 is: a 3 with a rounding error."""
    squares = all(math.isqrt(n) ** 2 == n for n in x[1:3])
    return x.kind == "root" and not x.pi and squares


def worth(x: Surd) -> float:
    """The number that a surd stands for."""
    if x.kind == "log":
        top, bottom = (math.log(n) if n > 1 else 1 for n in x[1:3])
        return top / bottom
    value = x.top / x.bottom * math.pi**x.pi
    return math.sqrt(value) if x.kind == "root" else value


def close(x: float, y: float) -> bool:
    """Whether two numbers differ in their last digit at most."""
    return abs(x - y) <= 5e-16 * abs(y)


def python_number(x: object) -> Any:
    """A number as one of Python's own, whatever class it came in."""
    x = x.item() if isinstance(x, np.generic) else x
    for kind in (bool, int, float):
        if isinstance(x, kind):
            return kind(x)
    return x


def decimal(x: object) -> str:
    """A number with all its digits; an integer without a point."""
    x = python_number(x)
    if isinstance(x, float) and math.isfinite(x) and x == int(x) and abs(x) < 1e15:
        x = int(x)
    return repr(x)
