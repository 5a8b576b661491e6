"""What the closed interpreter may call: functions of NumPy, of ``math`` and of Python."""

from __future__ import annotations

import ast
import collections
import itertools
import math
import operator
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.backward import tables
from minigrad.derivation.backward.numbers import (
    LONG,
    SCALARS,
    TYPES,
    Held,
    Kind,
    Native,
    Space,
    allowed,
    each,
    joined,
    member,
    operated,
    plain,
    plain_or_text,
    truth,
    wide,
)
from minigrad.derivation.backward.room import ROOM, broadcast_size
from minigrad.derivation.backward.tables import (
    FFT,
    KEYWORDS,
    LARGEST,
    LINALG,
    METHODS,
    MORE,
    NUMBERS,
    Unknown,
    exactly,
)
from minigrad.typing import Function, Keywords

if TYPE_CHECKING:
    from minigrad.derivation.backward.machine import Machine


def _range(*args: Any) -> Any:
    return range(*(operator.index(a) for a in map(plain, args)))


def _length(x: Any) -> int:
    if exactly(x, np.ndarray, list, tuple, dict, str, range, set):
        return len(x)
    raise Unknown("len")


def _sum(x: Any, start: Any = 0) -> Any:
    for v in each(x):
        start = operated(ast.Add(), start, v)
    return start


def _zip(*xs: object, strict: bool = False) -> list[Any]:
    return list(zip(*map(each, xs), strict=strict is True))


def text_of(x: Any = "") -> str:
    if x is None or exactly(x, int, str, float):
        return str(x)
    if exactly(x, *NUMBERS):
        return str(x.item())
    raise Unknown("str")


def _shown(form: str, *args: Any) -> str:
    if re.sub(r"\{\d?\}", "", form).count("{"):
        raise Unknown("format")
    return form.format(*map(text_of, args))


def _isinstance(x: Any, kind: Any) -> bool:
    own = type.mro(x.kind) if type(x) is Held else type.mro(type(x))
    for k in kind if type(kind) is tuple else (kind,):
        known = k.kind if type(k) is Kind else TYPED.get(getattr(k, "name", ""))
        if known is None:
            raise Unknown("isinstance")
        if known in own:
            return True
    return False


TYPED = {"float": float, "int": int, "bool": bool, "str": str, "list": list, "tuple": tuple,
         "dict": dict, "ndarray": np.ndarray}  # fmt: skip


WIDE: dict[str, Function] = {
    "len": _length, "range": _range, "reversed": lambda x: each(x)[::-1],
    "enumerate": lambda x, start=0: list(enumerate(each(x), start)), "zip": _zip,
    "list": lambda x=(): each(x), "tuple": lambda x=(): tuple(each(x)),
    "dict": lambda x=(), **more: {**(x if exactly(x, dict) else dict(map(each, each(x)))), **more},
    "sum": _sum, "str": text_of, "print": lambda *args, **options: None,
    "sorted": lambda x: sorted(map(plain_or_text, each(x))),
    "map": lambda x: x,  # calls functions of the student's, so it is done by the machine
    "slice": lambda *xs: slice(*map(allowed, xs)), "id": id, "isinstance": _isinstance,
    "set": lambda x=(): set(map(member, each(x))),
    "any": lambda x: any(map(truth, each(x))), "all": lambda x: all(map(truth, each(x))),
}  # fmt: skip


BUILTINS: dict[str, Any] = {
    **{name: Native(name, f) for name, f in tables.BUILTINS.items()},
    "round": Native("round", round), "bool": Native("bool", bool),
    **{name: Native(name, f, True) for name, f in WIDE.items()},
}  # fmt: skip


def _at(function: Any) -> Native:
    def at(held: Any, index: Any, values: Any) -> None:
        wide(held, np.asarray(values))
        function.at(held, index, values)

    return Native("at", at)


SMALL = 250_000
"""Matrices with more entries are not inverted."""


def shape_size(shape: Any, *_: Any) -> float:
    return float(math.prod(np.ravel(shape).tolist()))


def transformed(a: Any, *how: Any) -> float:
    """Of a transform: the lengths that are asked for, and there."""
    asked = [x for n in how if type(n) is not str for x in np.ravel(1 if n is None else n).tolist()]
    return float(
        max(np.size(a), abs(a) if np.ndim(a) == 0 else 1) * math.prod(max(1, abs(x)) for x in asked)
    )


SIZES: dict[str, Callable[..., float]] = {
    "zeros": shape_size, "ones": shape_size, "empty": shape_size, "full": shape_size,
    "pad": lambda a, width, *_: math.prod(
        n + 2 * max(np.ravel(width).tolist(), default=0) for n in np.shape(a)),
    "kron": lambda a, b: np.size(a) * np.size(b), "vdot": lambda a, b: 1,
    "linspace": lambda a, b, n=50, *_: n * broadcast_size(a, b),
    "triu_indices": lambda n, *_: n * n,
    "windows": lambda a, shape, *_: np.size(a) * math.prod(np.ravel(shape).tolist()),
    "diff": lambda a, *_: np.size(a), "dstack": lambda a: sum(map(np.size, a)),
    "take": lambda a, i, *_: np.size(a) * np.size(i),
    "take_along_axis": lambda a, i, *_: np.size(a) * np.size(i),
    "argwhere": lambda a: np.size(a) * np.ndim(a),
    "diagflat": lambda a, k=0: (np.size(a) + abs(k)) ** 2,
    "ix_": lambda *xs: sum(map(np.size, xs)),
    **dict.fromkeys(("convolve", "correlate"), lambda a, b, *_: np.size(a) * np.size(b)),
    **dict.fromkeys(FFT, transformed),
}  # fmt: skip


def named_in(space: ModuleType, names: Any) -> dict[str, Native]:
    return {n: Native(n, getattr(space, n)) for n in names if hasattr(space, n)}


NUMPY = Space(named_in(np, (*tables.FUNCTIONS, *MORE)))
NUMPY.update({k: v for k, v in tables.CONSTANTS.items() if k not in TYPES})
NUMPY.update({"inf": np.inf, "nan": np.nan, "e": np.e})
NUMPY["ndarray"] = Native("ndarray", np.asarray)
NUMPY["linalg"] = Space(named_in(np.linalg, LINALG))
NUMPY["fft"] = Space(named_in(np.fft, FFT))
PARTS: dict[str, dict[str, Native]] = {
    "add": {"at": _at(np.add)}, "subtract": {"at": _at(np.subtract)},
    "maximum": {"at": _at(np.maximum)},
}  # fmt: skip
WINDOWS = np.lib.stride_tricks.sliding_window_view
NUMPY["lib"] = Space(stride_tricks=Space(sliding_window_view=Native("windows", WINDOWS)))
MATH = Space(named_in(math, "sqrt exp log tanh sin cos tan floor ceil log1p expm1 erf pow".split()))
MATH.update({"pi": math.pi, "e": math.e, "inf": math.inf})
FOUND: dict[int, Native] = {
    id(n.function): n
    for s in (NUMPY, NUMPY["linalg"], NUMPY["fft"], NUMPY["lib"]["stride_tricks"], MATH)
    for n in s.values()
    if type(n) is Native
}
MORE_METHODS = METHODS | {"any", "all", "argmax", "argmin", "fill", "item", "nonzero", "tolist",
                          "diagonal", "trace", "argsort", "sort", "round", "cumprod",
                          "conj", "conjugate"}  # fmt: skip
ATTRIBUTES = ("T", "shape", "size", "ndim", "dtype", "real", "imag")
HELD: dict[type, set[str]] = {
    list: {"append", "extend", "insert", "pop", "reverse", "copy", "clear"},
    dict: {"items", "keys", "values", "get", "copy", "update", "pop", "setdefault"},
    str: {"format", "startswith", "endswith"},
    set: {"add", "discard", "clear", "copy"},
}


def _product(*xs: object, repeat: int = 1) -> list[Any]:
    lists = [each(x) for x in xs] * operator.index(repeat)
    if math.prod(map(len, lists)) >= LONG:
        raise Unknown("product")
    return list(itertools.product(*lists))


def native_of(value: Any) -> Native | None:
    """The function of NumPy's or SciPy's that ``value`` is, from ``from numpy import exp``."""
    name: str = value.__name__ if type(value) is np.ufunc else ""
    special: Any = getattr(sys.modules.get("scipy.special"), name or " ", None)
    if name and special is value:
        return Native(f"special.{name}", special)
    if value is itertools.product:
        return Native("product", _product, True)
    if value is collections.OrderedDict:
        return BUILTINS["dict"]  # type: ignore[no-any-return]
    known = FOUND.get(id(value))
    return known if known is not None and known.function is value else None


def attribute(held: Any, name: str, machine: Machine) -> Any:
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


def method_of(held: Any, name: str) -> Function:
    """A method of a list, a dict or a text; of what lists would go through, lists."""
    if name in ("items", "keys", "values"):
        return lambda: list(getattr(held, name)())
    if name == "format":
        return lambda *args: _shown(held, *args)
    if name == "extend":
        return lambda more: held.__iadd__(joined(ast.Add, held, each(more))[len(held) :])
    return getattr(held, name)  # type: ignore[no-any-return]


def called(native: Native, args: list[Any], options: Keywords) -> Any:
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
        size = sized(*first, *args, *(options.values() if name in FFT else ()))
    else:
        size = broadcast_size(*first, *args, *options.values())
    if size >= LARGEST or (name in LINALG and any(np.size(a) > SMALL for a in args)):
        raise Unknown(name)
    found = native.function(*args, **options)
    return tuple(found) if isinstance(found, tuple) else found
