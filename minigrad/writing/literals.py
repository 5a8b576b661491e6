"""Constants as source: the number that a person would have written.

``0.006666666666666667`` was ``1 / 150``, ``2.8284271247461903`` was ``np.sqrt(8)``.  What
is printed evaluates to the very same float; where it does not, the digits stay.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.reading.wording import visible
from minigrad.typing import Array, DType, Shape
from minigrad.writing.names import quoted
from minigrad.writing.numbers import python_number
from minigrad.writing.terms import Term

WIDTH = 92
DIGITS = 8
"""Numbers of more characters are looked at for what they may have been."""

KNOWN = {
    math.pi: "np.pi",
    2 * math.pi: "2 * np.pi",
    math.e: "np.e",
    math.log(2): "np.log(2)",
    0.5 * math.log(2 * math.pi): "0.5 * np.log(2 * np.pi)",
    math.log(2 * math.pi): "np.log(2 * np.pi)",
    math.sqrt(2 / math.pi): "np.sqrt(2 / np.pi)",
    2 / math.sqrt(math.pi): "2 / np.sqrt(np.pi)",
    1 / math.sqrt(2 * math.pi): "1 / np.sqrt(2 * np.pi)",
}


def number(x: object) -> Term:
    """A single number, its dtype included.

    Examples
    --------
    >>> number(2.0).code, number(-np.inf).code, number(np.float32(0.1)).code
    ('2.0', '-np.inf', 'np.float32(0.1)')
    """
    if isinstance(x, bool | np.bool_):
        return Term(str(bool(x)))
    if isinstance(x, np.generic) and x.dtype not in (np.float64, np.int64):
        return strong(x)
    return digits(x)


def strong(x: object) -> Term:
    """A number of NumPy's, whose dtype counts."""
    if not isinstance(x, np.generic):
        return digits(x)
    return Term(f"np.{kind_of(x.dtype)}({exact(x)})")


def kind_of(dtype: DType) -> str:
    """NumPy's name of a dtype, the same on every machine."""
    name: str = np.dtype(dtype).name
    return {"float128": "longdouble", "float96": "longdouble"}.get(name, name)


def exact(x: Array) -> str:
    """The digits of a number of NumPy's; a string where Python's floats have too few."""
    if x.dtype == np.longdouble and x.dtype != np.float64 and np.isfinite(x):
        return f'"{np.format_float_scientific(x, unique=True)}"'
    return digits(x).code


def digits(x: Array) -> Term:
    """The digits of a number, as many as it takes to tell it from all others of its dtype."""
    if not isinstance(x, int) and not np.isfinite(x):
        word = "np.nan" if np.isnan(x) else "np.inf"
        return Term(word) if not x < 0 else Term(f"-{word}", "unary")
    code = str(x.dtype.type(x)) if isinstance(x, np.generic) else repr(python_number(x))
    return Term(code, "unary" if code.startswith("-") else "atom")


def weak(x: object, others: list[np.dtype[np.generic]]) -> Term:
    """A number beside arrays with the dtypes ``others``, whose dtype it takes if that does.

    Examples
    --------
    >>> weak(2.0, [np.float64]).code, weak(2.0, [np.int64]).code
    ('2', '2.0')
    >>> weak(np.float64(0.5), [np.float32]).code  # NumPy would compute in float64
    'np.float64(0.5)'
    """
    if isinstance(x, bool | np.bool_) or not isinstance(x, int | float | np.number):
        return number(x)
    result = np.result_type(*others, x if isinstance(x, np.generic) else python_number(x))
    if result == np.longdouble and result != np.float64 and isinstance(x, np.generic):
        return strong(x)
    value = python_number(x)
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
    negative_zero = not value and math.copysign(1, value) < 0
    if whole and not negative_zero and np.result_type(*others, 1) == result:
        return digits(int(value))
    if np.result_type(*others, 1.0) != result:
        return strong(x)
    double = result == np.float64
    if not double and (not isinstance(x, np.generic) or x.dtype == result):
        value = result.type(value)
    found = recognised(value, double) if math.isfinite(value) else None
    return found or digits(value)


def recognised(c: Array, double: bool) -> Term | None:
    """What the float ``c`` may have been: a fraction, a root, a multiple of π.

    Examples
    --------
    >>> recognised(2 / 442, True).code, recognised(1 / np.sqrt(8), True).code
    ('1 / 221', '1 / np.sqrt(8)')
    """
    if len(str(c)) <= DIGITS:
        return None
    sign, c = ("-" if c < 0 else ""), abs(c)
    for k in (1, 2):
        n = round(k / float(c)) if c > 1e-7 else 0
        if n and type(c)(k / n) == c and (double or n < 1e4):
            return Term(f"{sign}{k} / {n}", "product")
    if not double:  # the constants below are NumPy's numbers, which would not be cast
        return None
    if c in KNOWN:
        return Term(f"{sign}{KNOWN[c]}", "product")
    n = round(c * c) if c < 1e6 else 0
    if n and math.sqrt(n) == c:
        return Term(f"{sign}np.sqrt({n})", "unary" if sign else "atom")
    n = round(1 / (c * c)) if c > 1e-6 else 0
    if n and 1 / math.sqrt(n) == c:
        return Term(f"{sign}1 / np.sqrt({n})", "product")
    return None


def code(x: Any, other: Callable[[Any], str | None] = lambda x: None) -> str:
    r"""A constant as source that can do nothing but be that constant.

    Whatever reaches generated text passes through here, or through `names.identifier`:
    strings are escaped, and subclasses of numbers and strings are written as what they are,
    so that none of their own methods has a say.

    Parameters
    ----------
    other : callable
        Asked first: what else is written, or None.

    Raises
    ------
    ValueError
        For what no source can write down.

    Examples
    --------
    >>> print(code((1, 0.5, "a\\b", None, slice(2, None))), code({"k": [True]}))
    (1, 0.5, "a\\b", None, np.s_[2:]) {"k": [True]}
    """
    known = other(x)
    if known is not None:
        return known

    def inner(part: object) -> str:
        return code(part, other)

    if x is None or x is Ellipsis:
        return "..." if x is Ellipsis else "None"
    if isinstance(x, bool | int | float | np.number | np.bool_):
        return number(x).code
    if isinstance(x, str):
        return quoted(x)
    if isinstance(x, bytes):
        return bytes.__repr__(x)
    if isinstance(x, slice):
        return f"np.s_[{section(x, inner)}]"
    if type(x) in (tuple, list, frozenset, set):
        words = ", ".join(map(inner, x))
        if type(x) in (frozenset, set):
            return f"{type(x).__name__}([{words}])"
        return f"({words}{',' * (len(x) == 1)})" if type(x) is tuple else f"[{words}]"
    if type(x) is dict:
        return "{" + ", ".join(f"{inner(k)}: {inner(v)}" for k, v in x.items()) + "}"
    if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
        return array(x)
    if isinstance(x, np.dtype | type) and np.dtype(x).kind in "biuf":
        return f"np.{kind_of(x)}"
    raise ValueError(f"{x!r} cannot be printed as source")


def section(x: slice, inner: Callable[[Any], str] = code) -> str:
    """A slice as it stands between brackets."""
    start = None if x.start == 0 and (x.step is None or x.step > 0) else x.start
    start, stop = ("" if part is None else inner(part) for part in (start, x.stop))
    step = "" if x.step is None or x.step == 1 else f":{inner(x.step)}"
    return f"{start}:{stop}{step}"


def docstring(text: str) -> str:
    """Text that is safe within three double quotes."""
    words = visible(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{words[:-1]}\\"' if words.endswith('"') else words


def multiple(c: float, n: int, dtype: np.dtype[np.generic]) -> int | None:
    """The small whole number k for which ``c`` is ``k / n``, if ``c`` looks like such."""
    if n < 3 or not math.isfinite(c * n) or len(repr(c)) <= DIGITS - 2:
        return None
    k = round(c * n)
    same = dtype.type(k / n) == dtype.type(c)
    return k if 0 < abs(k) <= 20 and same else None


def array(x: Array) -> str:
    """An array, over as many lines as it takes.

    Examples
    --------
    >>> array(np.eye(3)), array(np.arange(2, 9))
    ('np.eye(3)', 'np.arange(2, 9)')
    >>> array(np.zeros((2, 3), np.float32))
    'np.zeros((2, 3), np.float32)'
    >>> array(np.array([0.5, np.inf]))
    'np.array([0.5, np.inf])'
    """
    kind = "" if x.dtype == np.float64 else f", np.{kind_of(x.dtype)}"
    shape = str(x.shape[0]) if x.ndim == 1 else str(x.shape)
    if not x.size or (x.dtype.kind in "fiu" and not x.any() and not np.signbit(x).any()):
        return zeros(x.shape, x.dtype)
    first = x.flat[0]
    if x.size > 3 and (x == first).all():
        if first == 1 and x.dtype.kind != "b":
            return f"np.ones({shape}{kind})"
        kind = kind if x.dtype != bool else ""
        return f"np.full({shape}, {digits(first).code}{kind})"
    if x.dtype == np.int64 and x.ndim == 1 and x.size > 3 and (np.diff(x) == x[1] - first).all():
        step = int(x[1] - first)
        last = int(x[-1]) + (1 if step > 0 else -1)
        words = [str(first), str(last), str(step)][: 3 if step != 1 else 2]
        return f"np.arange({', '.join(words[1:] if words[0] == '0' and step == 1 else words)})"
    square = x.dtype.kind == "f" and x.ndim == 2 and x.shape[0] == x.shape[1]
    if square and np.array_equal(x, np.eye(len(x))):
        return f"np.eye({len(x)}{kind.replace(', ', ', dtype=')})"
    kind = "" if x.dtype in (np.float64, np.int64, np.bool_) else kind
    code = f"np.array({elements(x)}{kind})"
    if len(code) > WIDTH - 12:
        rows = [f"{elements(row)}," for row in x]
        text = "\n".join(map(filled, rows)) if x.ndim > 1 else filled(" ".join(rows))
        body = "    [\n" + textwrap.indent(text, "        ") + "\n    ]"
        code = f"np.array(\n{body}{kind}\n)"
    return code


def filled(text: str) -> str:
    """Words in lines as long as fit."""
    return textwrap.fill(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False)


def zeros(shape: Shape, dtype: DType) -> str:
    """An array of zeros."""
    kind = "" if dtype == np.float64 else f", np.{kind_of(dtype)}"
    return f"np.zeros({shape[0] if len(shape) == 1 else shape}{kind})"


def elements(x: Array) -> str:
    """The elements of an array as nested lists."""
    if x.ndim:
        return f"[{', '.join(map(elements, x))}]"
    return number(x[()]).code if x.dtype in (np.float64, np.int64, bool) else digits(x[()]).code
