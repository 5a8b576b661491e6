"""What was written down as a value: an array, and how many of its digits count.

People hand in arrays of every library, nested lists, fractions, decimals with a comma, and
what ``print`` shows of an array.  A number of few digits was rounded by whoever wrote it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.grammar import parsed, value_of
from minigrad.tensor import Tensor
from minigrad.typing import Array

NOTHING_WRITTEN = {"", "?", "-", "–", "—", "n/a", "na", "none", "nil", "todo", "tbd", "...", "…"}
COARSE = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "complex64": 1.2e-7}
"""Relative spacing of the types that are coarser than float64."""
LONG = 3
"""Whole numbers of so many digits, zeros at the end left out, may be rounded; others are exact."""
PRINTED = 12
"""A computed float64 has more significant digits than so many, but for one in 10,000."""

NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
ENTRY = re.compile(rf"[-+]?(?:{NUMBER}(?:\s*/\s*{NUMBER})?|inf|nan)", re.IGNORECASE)
TRANSPOSED = re.compile(r"([\])])\s*(?:ᵀ|\^\s*\{?\s*(?:T|\\top)\}?)\s*$")
SIGNED = rf"[-−+]?(?:\d+,\d+(?![\d.,])|{NUMBER}(?:\s*/\s*{NUMBER})?)"
LIST = re.compile(
    rf"\(\s*({SIGNED}(?:(?:\s*[,;]\s*|\s+){SIGNED})+)\s*\)$"
    rf"|(?!\d{{1,3}}(?: \d{{3}})+(?:[.,]\d*)?$)({SIGNED}(?:(?:\s*[,;]\s+|\s*;\s*|\s+){SIGNED})+)$"
)
"""Numbers without square brackets; ``1 000`` is one number, and so is ``0,5``."""
POWER = re.compile(r"\s*[*·×]\s*10\s*(?:\^|\*\*)\s*\{?\s*([-+]?\d+)\s*\}?")


class Unreadable(ValueError):
    """What was written is no value."""


class Missing(ValueError):
    """Nothing was written."""


@dataclass
class Hand:
    """A hand value.

    Attributes
    ----------
    array : array of float64
    unit : array
        One in the last place given, 0 where every digit counts.
    implied : array
        One in the last place of floats that are written with few digits, else 0.
    spacing : float
        Relative spacing of its type where that is coarser than float64, else 0.
    """

    array: Array
    unit: Array
    implied: Array
    spacing: float = 0.0


def read(value: object, digits: int | None = None) -> Hand:
    """A hand value, whatever it was written as.

    Raises
    ------
    Missing
        For None, ``"n/a"``, an empty string.
    Unreadable
        For what is not a number, an array of numbers, or nested lists of them.
    """
    try:
        return _read(value, digits)
    except (Missing, Unreadable):
        raise
    except Exception as error:  # objects of the caller's may raise anything when they are looked at
        raise Unreadable(f"it is not a number: {type(error).__name__}: {error}"[:200]) from None


def _read(value: object, digits: int | None) -> Hand:
    value, spacing = held_by(value)
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING_WRITTEN):
        raise Missing("nothing was written")
    value = upright(value) if isinstance(value, str) else value
    if isinstance(value, str) and (written := LIST.match(value.strip(" $"))):
        text = written[1] or written[2]
        text = re.sub(r"(?<=\d),(?=\d)", ".", text).replace(";", " ") if ";" in text else text
        value = f"[{text}]"
    if isinstance(value, str) and re.search(r"[\[\]]", value):
        hand = pasted(value)
    elif isinstance(value, Decimal):
        hand = cells(str(value))
    elif isinstance(value, dict | set):
        raise Unreadable(f"{value!r} is not a number or an array of numbers")
    else:
        hand = listed(value)
    hand.spacing = max(spacing, hand.spacing)
    if digits is not None and not np.any(hand.unit):
        hand.unit, hand.implied = declared(hand.array, digits), np.zeros(hand.array.shape)
    return hand


def upright(text: str) -> str:
    """A vector, or a matrix, in brackets, that is said to be transposed: without that."""
    return TRANSPOSED.sub(r"\1", text)


def held_by(value: Any) -> tuple[Any, float]:
    """What a Tensor, or a tensor of another library, holds; and the spacing of its type."""
    if isinstance(value, Tensor):
        value = value._value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        spacing = COARSE.get(str(value.dtype).rpartition(".")[2], 0.0)
        return (value.float() if spacing == COARSE["bfloat16"] else value).numpy(), spacing
    dtype = str(getattr(value, "dtype", ""))
    if dtype == "bfloat16":
        value = np.asarray(value).astype(np.float32)
    return value, COARSE.get(dtype, 0.0)


def listed(value: object) -> Hand:
    """Numbers, arrays, and nested lists of numbers and strings."""
    spacing = coarsest(value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        array = None
    if array is None or array.dtype.kind in "OSUTV":
        return cells(value)
    if array.dtype.kind not in "fiub":
        raise Unreadable(f"dtype {array.dtype} is not of real numbers")
    hand = array.astype(float)
    return Hand(hand, np.zeros(hand.shape), shortness(hand, spacing), spacing)


def coarsest(value: object) -> float:
    """The coarsest type among the entries of nested lists."""
    if isinstance(value, list | tuple):
        return max((coarsest(v) for v in value), default=0.0)
    return COARSE.get(str(getattr(value, "dtype", "")), 0.0)


def cells(value: object) -> Hand:
    """Entries one by one: strings, fractions, numbers of other libraries."""
    try:
        table = np.asarray(unwrapped(value), dtype=object)
    except ValueError:
        raise Unreadable("the nested lists are ragged") from None
    if any(isinstance(c, list | tuple) for c in table.ravel()):
        raise Unreadable("the nested lists are ragged")
    read = [cell(c) for c in table.ravel()]
    hand = np.array([x for x, _ in read], float).reshape(table.shape)
    unit = np.array([u for _, u in read], float).reshape(table.shape)
    text = np.array([isinstance(c, str | Decimal) for c in table.ravel()]).reshape(table.shape)
    implied = np.where(text, 0.0, shortness(hand, 0.0))
    return Hand(hand, whole(hand, unit), implied)


def unwrapped(value: object) -> Any:
    """Nested lists with Tensors replaced by what they hold."""
    if isinstance(value, list | tuple):
        return [unwrapped(v) for v in value]
    value, _ = held_by(value)
    return value.tolist() if isinstance(value, np.ndarray) else value


def cell(c: Any) -> tuple[float, float]:
    """One number and one in its last place, 0 where every digit counts."""
    if isinstance(c, Decimal):
        c = str(c)
    if isinstance(c, str):
        return number(c)
    if c is None:
        raise Missing("an entry is empty")
    try:
        return float(c), 0.0
    except (TypeError, ValueError):
        raise Unreadable(f"{c!r} is not a number") from None


def number(text: str) -> tuple[float, float]:
    """The number that a string spells, and one in its last place; a fraction is exact."""
    bare = text.strip().replace("−", "-").replace("–", "-").replace(" ", "").strip("$")
    bare = re.split("[=≈~]", bare)[-1].replace("\\cdot", "·").replace("\\times", "×")
    bare = re.sub(r"(\.\d+)\.$", r"\1", bare)  # the full stop of a sentence
    bare = re.sub(r"^(-?)\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}$", r"\1\2/\3", bare)
    bare = POWER.sub(lambda m: f"e{m[1]}", bare)
    if bare.lower() in NOTHING_WRITTEN:
        raise Missing("nothing was written")
    percent = bare.endswith("%")
    bare = bare[:-1] if percent else bare
    top, slash, bottom = bare.partition("/")
    try:
        if slash:
            return float(exact(top, text) / divisor(bottom, text)), 0.0
        found = decimal(bare, text)
    except Unreadable:
        if percent or re.search(r"\d,\d|/0*$", bare) or not re.search(r"\d\)?[-+*/^·×]", bare):
            raise
        return worked_out(bare, text)
    exponent = found.as_tuple().exponent
    unit = 10.0**exponent if isinstance(exponent, int) else 0.0
    scale = 0.01 if percent else 1.0
    return float(found) * scale, unit * scale


def worked_out(bare: str, text: str) -> tuple[float, float]:
    """What numbers and signs between them come to, and what the digits of long ones move."""

    def unknown(name: str) -> NoReturn:
        raise NoFormula(f"no number is called {name!r}")

    def computed(moved: float = math.nan, by: float = 0.0) -> float:
        return float(value_of(tree, unknown, lambda x: x + by if x == moved else x))

    try:
        with np.errstate(all="ignore"):
            tree = parsed(bare)
            value = computed()
        if not math.isfinite(value):
            raise ValueError
        written = {p.value for p in ast.walk(tree) if isinstance(p, ast.Constant)}
        unit = 0.0
        for k in sorted(x for x in written if isinstance(x, float)):
            digits = Decimal(repr(k)).as_tuple()
            if len(digits.digits) >= LONG and isinstance(digits.exponent, int):
                unit += abs(computed(k, 10.0**digits.exponent) - value)
    except (ValueError, TypeError, IndexError, ArithmeticError, RecursionError):
        raise Unreadable(f"{text!r} is not a number") from None
    return value, unit


def decimal(bare: str, text: str) -> Decimal:
    try:
        return Decimal(re.sub(r"^([-+]?\d*),(\d+)", r"\1.\2", bare))
    except InvalidOperation:
        raise Unreadable(f"{text!r} is not a number") from None


def exact(bare: str, text: str) -> Fraction:
    found = decimal(bare.strip("()"), text)
    if not found.is_finite():
        raise Unreadable(f"{text!r} is not a number")
    return Fraction(found)


def divisor(bare: str, text: str) -> Fraction:
    found = exact(bare, text)
    if not found:
        raise Unreadable(f"{text!r} divides by zero")
    return found


def pasted(text: str) -> Hand:
    """What ``print`` shows of an array, or its ``repr``."""
    inside = text[text.index("[") : text.rindex("]") + 1] if "]" in text else text
    inside = inside.replace("−", "-")
    if ";" in inside:  # as MATLAB writes rows
        inside = f"[{inside.replace(';', '],[')}]"
    if "..." in inside or "…" in inside:
        raise Unreadable("entries are left out of what was pasted ('...')")
    if re.search(r"\d,\d", inside) and "." not in inside and re.search(r"\d\s+[-+\d]", inside):
        inside = re.sub(r"(\d),(\d)", r"\1.\2", inside)  # blanks separate: the comma is decimal
    spelled: list[str] = []

    def kept(match: re.Match[str]) -> str:
        spelled.append(match[0])
        return f" {len(spelled) - 1}, "

    tree = re.sub(r"\]", "],", ENTRY.sub(kept, inside.replace(",", " "))).rstrip(",")
    try:
        places = np.asarray(ast.literal_eval(tree))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise Unreadable(f"{text!r} is not an array of numbers") from None
    if places.dtype.kind not in "iu" and places.size:
        raise Unreadable(f"{text!r} is not an array of numbers")
    if not places.size:
        return Hand(np.zeros(places.shape), np.zeros(places.shape), np.zeros(places.shape))
    read = [number(s) for s in spelled]
    hand = np.array([x for x, _ in read], float).reshape(places.shape)
    if any("e" in s.lower() for s in spelled):
        unit = np.array([u for _, u in read], float).reshape(places.shape)
    else:  # entries are printed to the same place, zeros at the end left out
        last = min((u for _, u in read if u), default=0.0)
        unit = np.full(hand.shape, last if last < 1 else 0.0)
    return Hand(hand, unit, np.zeros(hand.shape))


# --- digits ----------------------------------------------------------------------------


def shortness(hand: Array, spacing: float) -> Array:
    """One in the last place of floats that are written with few digits; else 0.

    All entries of an array are written to the same decimal place, or to the same number of
    significant digits; short whole numbers are exact.
    """
    nothing = np.zeros(hand.shape)
    finite = hand[np.isfinite(hand) & (hand != 0)]
    if not finite.size:
        return nothing
    kind, most = (np.float32, 5) if spacing else (np.float64, PRINTED)
    if finite.size > 20 and any(len(str(kind(x))) > most + 7 for x in finite[:20].tolist()):
        return nothing  # most arrays are computed, and are seen to be by their first entries
    spelled = [Decimal(str(x)).normalize().as_tuple() for x in finite.astype(kind)]
    if max(len(s.digits) for s in spelled) > most:
        return nothing
    place = min(int(s.exponent) for s in spelled)
    if np.all(finite == np.round(finite)):
        long = max(len(s.digits) for s in spelled) >= LONG
        return np.full(hand.shape, 10.0**place) if long else nothing
    fixed = np.full(hand.shape, 10.0 ** min(place, 0))
    if hand.size == 1:
        return fixed
    sizes = np.floor(np.log10(np.abs(np.where(np.isfinite(hand) & (hand != 0), hand, 1.0))))
    most = max(len(s.digits) for s in spelled)
    significant = np.where(hand == 0, 0.0, 10.0 ** (sizes - most + 1))
    # Either way some entries lost zeros at their end, one in ten each: fewer are likelier.
    lost = sum(most - len(s.digits) for s in spelled)
    return (
        fixed
        if lost > sum(int(s.exponent) - place for s in spelled)
        else np.maximum(significant, fixed)
    )


def declared(hand: Array, digits: int) -> Array:
    """One in the last place of numbers of which ``digits`` significant ones were kept."""
    capped = np.array([_unit(x, digits, 2) for x in hand.ravel()], float)
    if hand.size > 1:  # entries of one array are often written to the same decimal place
        written = np.array([_unit(x, digits, 1) for x in hand.ravel()], float)
        capped = np.maximum(capped, np.min(written[written > 0], initial=1.0))
    return capped.reshape(hand.shape)


def whole(hand: Array, unit: Array) -> Array:
    """Units where ``0``, and ``1`` among decimals, are not read as rounded to whole numbers."""
    decimals = (unit < 1) & (unit > 0) & (hand != 0)
    if not np.any(decimals):
        return np.where((hand == 0) & (unit == 1), 0.0, unit)
    sizes = 10.0 ** np.floor(np.log10(np.abs(np.where(hand == 0, 1.0, hand))))
    digits = np.min(unit[decimals] / sizes[decimals])
    filled = np.where(hand == 0, np.max(unit[decimals]), digits * sizes)
    return np.where(unit == 1, filled, unit)


def _unit(x: float, digits: int, least: int) -> float:
    """One in the last of at most ``digits`` significant digits that ``x`` is written with.

    -0.94 among values of three digits was written with two; ``least`` are supposed.
    """
    if not np.isfinite(x) or x == 0:
        return 0.0
    exponent = int(np.floor(np.log10(abs(x))))
    mantissa = f"{abs(x) / 10.0**exponent:.{digits - 1}f}".rstrip("0")
    written = sum(c.isdigit() for c in mantissa)
    return float(10.0 ** (exponent - min(digits, max(written, least)) + 1))


def significant(hand: Array, unit: Array) -> int:
    """The smallest number of significant digits that entries of ``hand`` have."""
    some = (unit > 0) & (hand != 0) & np.isfinite(hand)
    if not np.any(some):
        return 99
    return int(
        max(0, math.floor(np.log10(np.max(np.abs(hand[some]) / unit[some]) * (1 + 1e-9)))) + 1
    )


def flattenings(hand: Array, shape: tuple[int, ...]) -> Iterator[tuple[Array, str]]:
    """``hand`` in ``shape`` where only axes of length 1 differ, or where it was flattened."""
    lengths = [n for n in hand.shape if n != 1]
    if lengths == [n for n in shape if n != 1]:
        yield hand.reshape(shape), ""
    elif hand.size == math.prod(shape) and len(lengths) == 1:
        yield hand.reshape(shape), "row by row"
        yield hand.reshape(shape, order="F"), "column by column"
