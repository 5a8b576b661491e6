"""What the closed interpreter computes with, and which functions it may call.

Numbers, in lists, tuples, dicts and objects of the student's; of all others nothing is asked.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from minigrad.derivation.backward import tables
from minigrad.derivation.backward.room import ROOM, broadcast_size, entries
from minigrad.derivation.backward.tables import (
    KEYWORDS,
    LARGEST,
    METHODS,
    NUMBERS,
    OPERATIONS,
    WIDEST,
    Unknown,
    exactly,
)

SCALARS = frozenset(NUMBERS)
TYPES = tables.TYPES | {k: v for k, v in tables.CONSTANTS.items() if isinstance(v, np.dtype)}
LONG = 100_000
"""Lists of more parts are not made."""
INTO: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.iadd, ast.Sub: operator.isub, ast.Mult: operator.imul,
    ast.Div: operator.itruediv, ast.FloorDiv: operator.ifloordiv, ast.Mod: operator.imod,
    ast.MatMult: operator.imatmul, ast.Pow: operator.ipow,
}  # fmt: skip


class Opaque:
    """What is no number."""


OPAQUE = Opaque()


BREAK, CONTINUE, RETURN = Opaque(), Opaque(), Opaque()
YIELDED, RETURNED = "(yield)", "(return)"
"""Where a function keeps what it yields, and what it returns."""


class Native:
    """A function of NumPy's or a builtin one."""

    def __init__(self, name: str, function: Callable[..., Any], wide: bool = False) -> None:
        self.name, self.function, self.wide = name, function, wide
        """``wide``: it takes lists of anything."""


class Space(dict[str, Any]):
    """``np``, ``np.linalg``: names and what they mean."""


class Own:
    """A function of the student's."""

    def __init__(
        self, function: Any, held: Any = None, tree: Any = None, around: Any = None,
        defaults: Any = (),
    ) -> None:  # fmt: skip
        self.function, self.held, self.tree = function, held, tree
        self.around: dict[str, Any] = around or {}
        self.defaults = list(defaults)


class Kind:
    """A class of the student's."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind


class Held:
    """An object of the student's: its attributes, and the functions of its class."""

    def __init__(self, kind: Any, attrs: dict[str, Any]) -> None:
        self.kind, self.attrs = kind, attrs

    def method(self, name: str, machine: Any) -> Any:
        """What the class has of that name; None of nothing."""
        for kind in type.mro(self.kind)[:-1]:
            found = vars(kind).get(name)
            if type(found) is FunctionType:
                return Own(found, self)
            if type(found) is staticmethod:
                return Own(found.__func__)
            if found is not None:
                return machine.copied(found)
        return None


class Frame:
    """The variables of one call."""

    __slots__ = ("machine", "own", "vars")

    def __init__(self, machine: Any, own: Own) -> None:
        self.machine, self.own = machine, own
        self.vars: dict[str, Any] = {}


# --- numbers ---------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A number or an array of them, which no method of the student's is behind."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind in "fiub" and value.size < LARGEST:
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
        if re.search(r"\d", value) and np.dtype(value).kind not in "fiub":  # "U99999999"
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


def truth(value: Any) -> bool:
    """Whether a condition holds."""
    if value is None or exactly(value, str, list, tuple, dict):
        return bool(value)
    return bool(plain(value))


def wide(left: Any, right: Any, matrices: bool = False) -> None:
    """Refuse an operation whose answer has too many entries."""
    both = type(left) is type(right) is np.ndarray and left.size * right.size >= LARGEST
    if both and entries("matmul" if matrices else "", left, right) >= LARGEST:
        raise Unknown("an operation")


def operated(op: ast.operator, left: Any, right: Any, into: bool = False) -> Any:
    kind = type(op)
    if exactly(left, list, tuple, str) and kind in (ast.Add, ast.Mult, ast.Mod):
        return joined(kind, left, right)
    if kind not in OPERATIONS:
        raise Unknown(kind.__name__)
    if exactly(right, list):
        right = np.asarray(allowed(right))
    left, right = plain(left), plain(right)
    wide(left, right, kind is ast.MatMult)
    if kind is ast.Pow:
        tables.power(0, right) if exactly(left, int) else None
    return (INTO if into and kind in INTO else OPERATIONS)[kind](left, right)


def joined(kind: type, left: Any, right: Any) -> Any:
    """``a + b`` of lists and texts, ``[0] * n``, ``"W%d" % k``."""
    if kind is ast.Add and type(left) is type(right) and len(left) + len(right) < LONG:
        return left + right
    if kind is ast.Mult and exactly(right, int) and len(left) * right < LONG:
        return left * right
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
    raise Unknown(kind.__name__)


def each(value: Any) -> Any:
    """What a loop goes through."""
    kind = type(value)
    if kind is np.ndarray and value.ndim and len(value) < LONG:
        return list(plain(value))
    if kind in (list, tuple, range, str):
        if len(value) < LONG:
            return list(value)
    elif kind is dict:
        return list(value)
    raise Unknown(kind.__name__)


# --- what may be called ----------------------------------------------------------------


def _range(*args: Any) -> Any:
    return range(*(operator.index(a) for a in map(plain, args)))


def _length(x: Any) -> int:
    if exactly(x, np.ndarray, list, tuple, dict, str, range):
        return len(x)
    raise Unknown("len")


def _sum(x: Any, start: Any = 0) -> Any:
    for v in each(x):
        start = operated(ast.Add(), start, v)
    return start


def _zip(*xs: Any, strict: bool = False) -> list[Any]:
    return list(zip(*map(each, xs), strict=False))


def text_of(x: Any = "") -> str:
    if exactly(x, int, str, float):
        return str(x)
    if exactly(x, *NUMBERS):
        return str(x.item())
    raise Unknown("str")


def _shown(form: str, *args: Any) -> str:
    if re.sub(r"\{\d?\}", "", form).count("{"):
        raise Unknown("format")
    return form.format(*map(text_of, args))


def plain_or_text(x: Any) -> Any:
    return x if exactly(x, str) else plain(x)


WIDE: dict[str, Callable[..., Any]] = {
    "len": _length, "range": _range, "reversed": lambda x: each(x)[::-1],
    "enumerate": lambda x, start=0: list(enumerate(each(x), start)), "zip": _zip,
    "list": lambda x=(): each(x), "tuple": lambda x=(): tuple(each(x)),
    "dict": lambda x=(), **more: {**(x if exactly(x, dict) else dict(map(each, each(x)))), **more},
    "sum": _sum, "str": text_of, "print": lambda *args, **options: None,
    "sorted": lambda x: sorted(map(plain_or_text, each(x))),
    "map": lambda x: x,  # calls functions of the student's, so it is done by the machine
    "any": lambda x: any(map(truth, each(x))), "all": lambda x: all(map(truth, each(x))),
}  # fmt: skip


BUILTINS: dict[str, Any] = {
    **{name: Native(name, f) for name, f in tables.BUILTINS.items()},
    "round": Native("round", round), "bool": Native("bool", bool), "pow": Native("pow", pow),
    **{name: Native(name, f, True) for name, f in WIDE.items()},
}  # fmt: skip
del BUILTINS["pow"]


def _at(function: Any) -> Native:
    def at(held: Any, index: Any, values: Any) -> None:
        wide(held, np.asarray(values))
        function.at(held, index, values)

    return Native("at", at)


MORE = ("any all argsort atleast_2d diff isnan logaddexp nan_to_num nonzero rint searchsorted "
        "sinc triu tril unique zeros ones full empty full copy pad moveaxis rollaxis ravel "
        "cross power flipud fliplr logical_and logical_or logical_not linspace count_nonzero "
        "empty_like asfarray ascontiguousarray take triu_indices vdot kron hypot arctan arctan2 "
        "arcsin arccos float_power mod remainder fmod fabs average median nansum cumprod "
        "amax amin take_along_axis put_along_axis array_equal isclose allclose block split "
        "array_split hsplit vsplit dsplit dstack greater less equal not_equal").split()  # fmt: skip
LINALG = "cholesky det inv norm pinv slogdet solve trace eigh".split()
SMALL = 250_000
"""Matrices with more entries are not inverted."""


def shape_size(shape: Any, *_: Any) -> float:
    return float(math.prod(np.ravel(shape).tolist()))


SIZES: dict[str, Callable[..., float]] = {
    "zeros": shape_size, "ones": shape_size, "empty": shape_size, "full": shape_size,
    "pad": lambda a, width, *_: math.prod(
        n + 2 * max(np.ravel(width).tolist(), default=0) for n in np.shape(a)),
    "kron": lambda a, b: np.size(a) * np.size(b), "vdot": lambda a, b: 1,
    "linspace": lambda a, b, n=50, *_: n, "triu_indices": lambda n, *_: n * n,
    "windows": lambda a, shape, *_: np.size(a) * math.prod(np.ravel(shape).tolist()),
    "diff": lambda a, *_: np.size(a), "block": lambda a: LARGEST, "dstack": lambda a: sum(
        map(np.size, a)),
    "take": lambda a, i, *_: np.size(a) * np.size(i),
    "take_along_axis": lambda a, i, *_: np.size(a) * np.size(i),
}  # fmt: skip


def named_in(space: Any, names: Any) -> dict[str, Native]:
    return {n: Native(n, getattr(space, n)) for n in names if hasattr(space, n)}


NUMPY = Space(named_in(np, (*tables.FUNCTIONS, *MORE)))
NUMPY.update({k: v for k, v in tables.CONSTANTS.items() if k not in TYPES})
NUMPY.update({"inf": np.inf, "nan": np.nan, "e": np.e})
NUMPY["linalg"] = Space(named_in(np.linalg, LINALG))
PARTS: dict[str, dict[str, Native]] = {
    "add": {"at": _at(np.add)}, "subtract": {"at": _at(np.subtract)},
    "maximum": {"at": _at(np.maximum)},
}  # fmt: skip
WINDOWS = np.lib.stride_tricks.sliding_window_view
NUMPY["lib"] = Space(stride_tricks=Space(sliding_window_view=Native("windows", WINDOWS)))
FOUND: dict[int, Native] = {
    id(n.function): n
    for s in (NUMPY, NUMPY["linalg"], NUMPY["lib"]["stride_tricks"])
    for n in s.values()
    if type(n) is Native
}
MORE_METHODS = METHODS | {"any", "all", "argmax", "argmin", "fill", "item", "nonzero", "tolist",
                          "diagonal", "trace", "argsort", "sort", "round", "cumprod",
                          "conj"}  # fmt: skip
ATTRIBUTES = ("T", "shape", "size", "ndim", "dtype")
HELD: dict[type, set[str]] = {
    list: {"append", "extend", "insert", "pop", "reverse", "copy", "clear"},
    dict: {"items", "keys", "values", "get", "copy", "update", "pop", "setdefault"},
    str: {"format", "startswith", "endswith"},
}


def _product(*xs: Any, repeat: int = 1) -> list[Any]:
    lists = [each(x) for x in xs] * operator.index(repeat)
    if math.prod(map(len, lists)) >= LONG:
        raise Unknown("product")
    return list(itertools.product(*lists))


def native_of(value: Any) -> Native | None:
    """The function of NumPy's that ``value`` is, from ``from numpy import exp``."""
    if value is itertools.product:
        return Native("product", _product, True)
    known = FOUND.get(id(value))
    return known if known is not None and known.function is value else None


def attribute(held: Any, name: str, machine: Any) -> Any:
    kind = type(held)
    if kind is Held:
        if name in held.attrs:
            return held.attrs[name]
        found = held.method(name, machine)
        if found is None:
            raise Unknown(name)
        return found
    if kind is Space:
        if name in held:
            return held[name]
    elif kind is Native:
        return PARTS[held.name][name]
    elif kind in HELD and name in HELD[kind]:
        return Native(name, method_of(held, name), True)
    elif kind is np.ndarray or kind in SCALARS:
        if name in ATTRIBUTES:
            return getattr(np.asarray(held) if name != "T" else held, name)
        if name in MORE_METHODS:
            return Native(name, getattr(np.asarray(held), name))
    raise Unknown(name)


def method_of(held: Any, name: str) -> Callable[..., Any]:
    """A method of a list, a dict or a text; of what lists would go through, lists."""
    if name in ("items", "keys", "values"):
        return lambda: list(getattr(held, name)())
    if name == "format":
        return lambda *args: _shown(held, *args)
    if name == "extend":
        return lambda more: held.__iadd__(joined(ast.Add, held, each(more))[len(held) :])
    return getattr(held, name)  # type: ignore[no-any-return]


def called(native: Native, args: list[Any], options: dict[str, Any]) -> Any:
    """What a function of the tables answers."""
    if native.wide:
        return native.function(*args, **options)
    args = [allowed(a) for a in args]
    options = {k: allowed(v) for k, v in options.items()}
    name = native.name
    sized = SIZES.get(name) or ROOM.get(name)
    if name in ROOM and not options.keys() <= KEYWORDS:
        raise Unknown(name)
    held = getattr(native.function, "__self__", None)
    first = [held] if type(held) is np.ndarray else []
    if sized is not None:
        size = sized(*first, *args)
    else:
        size = broadcast_size(*first, *args, *options.values())
    if size >= LARGEST or (name in LINALG and any(np.size(a) > SMALL for a in args)):
        raise Unknown(name)
    found = native.function(*args, **options)
    return tuple(found) if isinstance(found, tuple) else found


def compared(op: type, left: Any, right: Any) -> Any:
    if op in (ast.Is, ast.IsNot):
        return (left is right) is (op is ast.Is)
    if op in (ast.In, ast.NotIn):
        if exactly(right, dict):
            found = key_of(left) in right
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
