"""What the closed interpreter computes with.

Numbers, in lists, tuples, dicts and objects of the student's; of all others nothing is asked.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.backward import tables
from minigrad.derivation.backward.room import broadcast_size, entries
from minigrad.derivation.backward.tables import (
    LARGEST,
    NUMBERS,
    NUMERIC,
    OPERATIONS,
    WIDEST,
    Unknown,
    exactly,
)
from minigrad.typing import Function, Keywords, Variables

if TYPE_CHECKING:
    from minigrad.derivation.backward.machine import Machine


SCALARS = frozenset(NUMBERS)
Definition = ast.FunctionDef | ast.Lambda
TYPES = tables.TYPES | {k: v for k, v in tables.CONSTANTS.items() if isinstance(v, np.dtype)}
LONG = 100_000
"""Lists of more parts are not made."""
NUMBERED = r"[<>=|]?[biufc]\d{1,2}|(u?int|float|complex)\d{1,3}"
"""Types of numbers by their sizes."""
INTO: dict[type, Function] = {
    ast.Add: operator.iadd, ast.Sub: operator.isub, ast.Mult: operator.imul,
    ast.Div: operator.itruediv, ast.FloorDiv: operator.ifloordiv, ast.Mod: operator.imod,
    ast.MatMult: operator.imatmul,
}  # fmt: skip


class Opaque:
    """What is no number."""


OPAQUE = Opaque()


BREAK, CONTINUE, RETURN = Opaque(), Opaque(), Opaque()
YIELDED, RETURNED = "(yield)", "(return)"
"""Where a function keeps what it yields, and what it returns."""


class Native:
    """A function of NumPy's or a builtin one."""

    def __init__(self, name: str, function: Function, wide: bool = False) -> None:
        self.name, self.function, self.wide = name, function, wide
        """``wide``: it takes lists of anything."""


class Space(dict[str, Any]):
    """``np``, ``np.linalg``: names and what they mean."""


class Own:
    """A function of the student's."""

    def __init__(
        self, function: Any, held: Held | Opaque | None = None, tree: Definition | None = None,
        around: Any = None, defaults: Keywords | None = None,
    ) -> None:  # fmt: skip
        self.function, self.held, self.tree = function, held, tree
        self.around: dict[str, Any] = around or {}
        self.defaults = defaults
        """Of a function that was made by a run; others keep theirs."""


class Kind:
    """A class of the student's."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind


class Held:
    """An object of the student's: its attributes, and the functions of its class."""

    def __init__(self, kind: Any, attrs: dict[str, Any]) -> None:
        self.kind, self.attrs = kind, attrs

    def method(self, name: str, machine: Machine) -> Any:
        """What the class has of that name; None of nothing."""
        for kind in type.mro(self.kind)[:-1]:
            found = vars(kind).get(name)
            if type(found) is FunctionType:
                return Own(found, self)
            if type(found) is staticmethod:
                return Own(found.__func__)
            if type(found) is property:
                return machine.call(Own(found.fget, self), [], {})
            if found is not None:
                return machine.copied(found)
        return None


class Frame:
    """The variables of one call."""

    __slots__ = ("machine", "own", "vars")

    def __init__(self, machine: Machine, own: Own) -> None:
        self.machine, self.own = machine, own
        self.vars: Variables = {}


# --- numbers ---------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A number or an array of them, which no method of the student's is behind."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind in NUMERIC and value.size < LARGEST:
            return value
    elif kind in SCALARS and (kind is not int or value.bit_length() <= WIDEST):
        return value
    raise Unknown(kind.__name__)


def allowed(value: Any) -> Any:
    """An argument of a function: numbers, and what is made of numbers alone."""
    kind = type(value)
    if kind is np.ndarray or kind in SCALARS:
        return plain(value)
    if value is None or value is ... or issubclass(kind, np.dtype):
        return value
    if kind is str:
        if re.search(r"\d", value) and not re.fullmatch(NUMBERED, value):  # "U99999999"
            raise Unknown(value)
        return value
    if kind is slice:
        return slice(allowed(value.start), allowed(value.stop), allowed(value.step))
    if kind is list or kind is tuple:
        return kind(map(allowed, value))
    if kind is range:
        return list(value[:LONG])
    if kind is Native and value.name in TYPES:
        return TYPES[value.name]
    raise Unknown(kind.__name__)


def truth(value: object) -> bool:
    """Whether a condition holds."""
    if value is None or exactly(value, str, list, tuple, dict):
        return bool(value)
    return bool(plain(value))


def wide(left: object, right: object, matrices: bool = False) -> None:
    """Refuse an operation whose answer has too many entries."""
    both = type(left) is type(right) is np.ndarray and left.size * right.size >= LARGEST
    if both and entries("matmul" if matrices else "", left, right) >= LARGEST:
        raise Unknown("an operation")


def operated(op: ast.operator, left: object, right: object, into: bool = False) -> Any:
    kind = type(op)
    if exactly(left, list, tuple, str) and kind in (ast.Add, ast.Mult, ast.Mod):
        return joined(kind, left, right, into)
    if exactly(left, int) and exactly(right, list, tuple, str) and kind is ast.Mult:
        return joined(kind, right, left)
    if kind not in OPERATIONS:
        raise Unknown(kind.__name__)
    if exactly(right, list) and type(left) is np.ndarray:
        right = np.asarray(allowed(right))
    left, right = plain(left), plain(right)
    wide(left, right, kind is ast.MatMult)
    if into and kind is ast.Pow and type(left) is np.ndarray:
        left **= right
        return left
    return (INTO if into and kind in INTO else OPERATIONS)[kind](left, right)


def joined(kind: type, left: Any, right: Any, into: bool = False) -> Any:
    """``a + b`` of lists and texts, ``[0] * n``, ``"W%d" % k``; ``into`` a list, as ``+=`` does."""
    if kind is ast.Add and type(left) is type(right) and len(left) + len(right) < LONG:
        return INTO[kind](left, right) if into else left + right
    if kind is ast.Mult and exactly(right, int) and len(left) * right < LONG:
        return INTO[kind](left, right) if into else left * right
    text = kind is ast.Mod and exactly(left, str) and exactly(right, int, str)
    if text and re.fullmatch(r"[^%]*%[dsi][^%]*", left):
        return left % right
    raise Unknown(kind.__name__)


def item(held: Any, index: Any) -> Any:
    kind = type(held)
    if kind is dict:
        if exactly(index, str, int, float, tuple) and index in held:
            return held[index]
        raise Unknown("a key")
    if kind is np.ndarray:
        index = allowed(index)
        parts = index if type(index) is tuple else (index,)
        if any(type(p) is np.ndarray or type(p) is list for p in parts):
            sizes = broadcast_size(*map(np.asarray, (p for p in parts if p is not None)))
            if sizes * max(1, held.size // max(1, len(held))) >= LARGEST:
                raise Unknown("an index")
        return held[index]
    if kind in (list, tuple, str, range):
        if type(index) is slice:
            return held[allowed(index)]
        if exactly(index, *NUMBERS) or (type(index) is np.ndarray and index.ndim == 0):
            return held[operator.index(index)]
    if kind is Held and fields_of(held.kind):
        return item(each(held), index)
    raise Unknown(kind.__name__)


def fields_of(kind: type) -> tuple[str, ...]:
    """The names of the parts of a named tuple; none of another class."""
    found = vars(kind).get("_fields", ())
    return found if issubclass(kind, tuple) and type(found) is tuple else ()


def each(value: Any) -> Any:
    """What a loop goes through."""
    kind = type(value)
    if kind is np.ndarray and value.ndim and len(value) < LONG:
        return list(plain(value))
    if kind in (list, tuple, range, str, set):
        if len(value) < LONG:
            return list(value)
    elif kind is dict:
        return list(value)
    elif kind is Held and fields_of(value.kind):
        return list(value.attrs.values())
    raise Unknown(kind.__name__)


def passed(value: object) -> Iterator[object]:
    """What the passes of a loop are for: a list may grow meanwhile."""
    yield from value if type(value) is list else each(value)


def member(x: object) -> Any:
    """What a set may hold: objects by what they are, and keys."""
    return x if exactly(x, Held, Own) else key_of(x)


def plain_or_text(x: object) -> Any:
    return x if exactly(x, str) else plain(x)


def compared(op: type, left: Any, right: Any) -> Any:
    if op in (ast.Is, ast.IsNot):
        return (left is right) is (op is ast.Is)
    if op in (ast.In, ast.NotIn):
        if exactly(right, dict, set):
            found = member(left) in right
        else:
            found = any(plain_or_text(left) == plain_or_text(x) for x in each(right))
        return found is (op is ast.In)
    if op not in OPERATIONS:
        raise Unknown(op.__name__)
    if exactly(left, str, tuple) and exactly(right, str, tuple):
        left, right = allowed(left), allowed(right)
    elif left is None or right is None:
        return (left is right) is (op is ast.Eq)
    else:
        left, right = plain(left), plain(right)
        wide(left, right)
    return OPERATIONS[op](left, right)


def key_of(value: Any) -> Any:
    if exactly(value, str, int, float):
        return value
    if exactly(value, tuple):
        return tuple(map(key_of, value))
    if exactly(value, *NUMBERS):
        return value.item() if hasattr(value, "item") else value
    raise Unknown("a key")


def mapping(value: Any) -> dict[Any, Any]:
    if exactly(value, dict):
        return value  # type: ignore[no-any-return]
    raise Unknown("a mapping")


def put(held: Any, index: Any, value: Any) -> None:
    """Set an entry of an array, a list or a dict."""
    kind = type(held)
    if kind is np.ndarray:
        held[allowed(index)] = allowed(value)
    elif kind is dict:
        held[key_of(index)] = value
    elif kind is list and exactly(index, *NUMBERS):
        held[operator.index(index)] = value
    else:
        raise Unknown(kind.__name__)
