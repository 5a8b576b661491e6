"""How NumPy spells every op: as an operator, as a method, or by name.

A spelling is given the writer, to ask for the source of arguments and metadata, the
equation, and the source of its arguments.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.ops.record import Op, implementations
from minigrad.program.builder import shape_of
from minigrad.program.equations import Equation, Var
from minigrad.writing import literals
from minigrad.writing.literals import (
    AND,
    ATOM,
    COMPARISON,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
    Text,
)

SYMBOLS = {
    "add": (" + ", SUM),
    "subtract": (" - ", SUM),
    "multiply": (" * ", PRODUCT),
    "divide": (" / ", PRODUCT),
    "floor_divide": (" // ", PRODUCT),
    "remainder": (" % ", PRODUCT),
    "matmul": (" @ ", PRODUCT),
    "bitwise_and": (" & ", AND),
    "bitwise_or": (" | ", OR),
    "greater": (" > ", COMPARISON),
    "greater_equal": (" >= ", COMPARISON),
    "less": (" < ", COMPARISON),
    "less_equal": (" <= ", COMPARISON),
    "equal": (" == ", COMPARISON),
    "not_equal": (" != ", COMPARISON),
}
METHODS = frozenset("sum mean max min prod var std any all argmax argmin cumsum cumprod".split())
"""Functions that read well as methods of their array."""

RENAMED = {"absolute": "np.abs", "clip": "np.clip", "where": "np.where"}
"""Ops whose NumPy function is composed here."""

WARNS = {"sigmoid": "exp(-z) may reach inf, and 1 / inf is the right 0"}
"""Ops that are printed as something that may overflow, and why that is right."""


@functools.cache
def numpy_function(op: Op) -> tuple[str, Any] | None:
    """NumPy's function for ``op``, if one takes the same arguments, and what it is called."""
    if op.name in RENAMED:
        return RENAMED[op.name], None
    for function, stands in implementations.items():
        if stands is op and hasattr(function, "__name__"):
            module = getattr(function, "__module__", None) or "numpy"
            if isinstance(function, np.ufunc):
                return f"np.{function.__name__}", None
            place = {"numpy": "np", "numpy.linalg": "np.linalg"}.get(module)
            if place and set(op.metadata) <= set(parameters(function) or op.metadata):
                return f"{place}.{function.__name__}", function
    return None


@functools.cache
def parameters(function: Any) -> dict[str, Any]:
    """The parameters of a function with their defaults; none where Python does not know."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: p.default for name, p in found.items()}


def is_default(key: str, value: Any, function: Any) -> bool:
    """Whether ``function`` does the same without this keyword."""
    if isinstance(value, np.ndarray | Var | tuple):
        return False
    default = parameters(function).get(key, inspect.Parameter.empty)
    if default is np._NoValue:
        return value is default or value is {"keepdims": False, "where": True}.get(key, default)
    return bool(value is default or (type(value) is type(default) and value == default))


def joined(symbol: str, level: int, left: Text, right: Text) -> Text:
    """Two operands with an operator between them."""
    if level == COMPARISON:
        return Text(f"{left.at(SUM)}{symbol}{right.at(SUM)}", level)
    if symbol == " @ " and left.level == PRODUCT and " @ " not in left.code:
        return Text(f"({left.code}) @ {right.at(level + 1)}", level)
    return Text(f"{left.at(level)}{symbol}{right.at(level + 1)}", level)


# --- ops with a spelling of their own ----------------------------------------------------

Spelling = Callable[[Any, Equation, list[Text]], Text | None]
SPELLED: dict[str, Spelling] = {}


def spelled(*names: str) -> Callable[[Spelling], Spelling]:
    """Decorator: how these ops are written; None leaves it to the general way."""

    def enter(function: Spelling) -> Spelling:
        for name in names:
            SPELLED[name] = function
        return function

    return enter


def prefixed(sign: str, x: Text) -> Text:
    return Text(f"{sign}{x.code if x.level in (ATOM, UNARY) else f'({x.code})'}", UNARY)


@spelled("negative")
def _negative(w: Any, e: Equation, args: list[Text]) -> Text:
    return prefixed("-", args[0])


@spelled("invert")
def _invert(w: Any, e: Equation, args: list[Text]) -> Text:
    return prefixed("~", args[0])


@spelled("multiply")
def _multiple(w: Any, e: Equation, args: list[Text]) -> Text | None:
    """``x / 150`` for a multiple of one element's share; ``2 * x * y`` needs no parentheses."""
    c, x = e.args
    if not isinstance(c, int | float | np.floating) or not isinstance(x, Var):
        return None
    if x.dtype.kind != "f" or "np." in args[0].code:
        return None
    value = float(str(c)) if isinstance(c, np.generic) else float(c)
    lengths = {n for v in (*w.program.inputs, x) for n in (*v.shape, int(np.prod(v.shape)))}
    found = [(k, n) for n in lengths if (k := literals.multiple(value, n, x.dtype)) is not None]
    for k, n in sorted(found, key=lambda pair: abs(pair[0])):
        front = {1: "", -1: "-"}.get(k, f"{k} * ")
        level = UNARY if k == -1 else PRODUCT + (k != 1)
        return Text(f"{front}{args[1].at(level)} / {n}", PRODUCT)
    made = w.inlined.get(x)
    if made is not None and x not in w.name_of and made.op.name in ("multiply", "divide"):
        return Text(f"{args[0].at(PRODUCT)} * {args[1].at(PRODUCT)}", PRODUCT)
    return None


def power(x: Text, p: Text) -> Text:
    hugged = re.fullmatch(r"[\w.]+", x.code) and re.fullmatch(r"-?[\w.]+", p.code)
    return Text(f"{x.at(ATOM)}{'**' if hugged else ' ** '}{p.at(UNARY)}", POWER)


@spelled("power")
def _power(w: Any, e: Equation, args: list[Text]) -> Text:
    return power(*args)


@spelled("square")
def _square(w: Any, e: Equation, args: list[Text]) -> Text:
    return power(args[0], Text("2"))


@spelled("sigmoid")
def _sigmoid(w: Any, e: Equation, args: list[Text]) -> Text:
    w.overflows.add("sigmoid")
    return Text(f"1 / (1 + np.exp({prefixed('-', args[0]).code}))", PRODUCT)


@spelled("relu")
def _relu(w: Any, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.maximum({args[0].code}, 0)")


@spelled("softplus")
def _softplus(w: Any, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.logaddexp({args[0].code}, 0)")


@spelled("log_sigmoid")
def _log_sigmoid(w: Any, e: Equation, args: list[Text]) -> Text:
    return Text(f"-np.logaddexp({prefixed('-', args[0]).code}, 0)", UNARY)


@spelled("transpose", "swapaxes")
def _transpose(w: Any, e: Equation, args: list[Text]) -> Text:
    n = len(e.out.shape)
    axes = e.kwargs.get("axes")
    if e.op.name == "swapaxes":
        swapped = sorted(int(a) % n for a in e.kwargs.values())
        if swapped == [n - 2, n - 1]:
            return Text(f"{args[0].at(ATOM)}.{'T' if n == 2 else 'mT'}")
        return Text(f"{args[0].at(ATOM)}.swapaxes({', '.join(map(w.code, e.kwargs.values()))})")
    axes = None if axes is None else tuple(int(a) % n for a in np.ravel(axes))
    if axes is None or axes == tuple(range(n))[::-1]:
        return Text(f"{args[0].at(ATOM)}.T")
    return Text(f"{args[0].at(ATOM)}.transpose({', '.join(map(str, axes))})")


@spelled("reshape", "squeeze", "expand_dims")
def _reshape(w: Any, e: Equation, args: list[Text]) -> Text:
    x, shape = e.args[0], e.out.shape
    made = w.inlined.get(x) if isinstance(x, Var) and x not in w.name_of else None
    if made is not None and made.op.name in ("sum", "mean", "max", "min"):
        before, axis = shape_of(made.args[0]), made.kwargs.get("axis")
        gone = set() if axis is None else {int(a) % len(before) for a in np.ravel(axis)}
        if gone and shape == tuple(1 if i in gone else n for i, n in enumerate(before)):
            kwargs = {**made.kwargs, "keepdims": True}
            text: Text = w.expression(Equation(e.out, made.op, made.args, kwargs))
            return text
    if not shape_of(x):
        return Text(f"np.reshape({args[0].code}, {w.code(shape)})")
    if not shape:
        return Text(f"{args[0].at(ATOM)}.reshape(())[()]")
    return Text(f"{args[0].at(ATOM)}.reshape({', '.join(map(str, shape))})")


@spelled("broadcast_to")
def _broadcast_to(w: Any, e: Equation, args: list[Text]) -> Text:
    return Text(f"np.broadcast_to({args[0].code}, {w.code(e.out.shape)})")


@spelled("getitem")
def _getitem(w: Any, e: Equation, args: list[Text]) -> Text:
    array = args[0].at(ATOM) if shape_of(e.args[0]) else f"np.asarray({args[0].code})"
    return Text(f"{array}[{w.index(e.kwargs['index'])}]")


@spelled("astype")
def _astype(w: Any, e: Equation, args: list[Text]) -> Text:
    if not e.out.shape:
        return Text(f"np.{e.out.dtype}({args[0].code})")
    return Text(f"{args[0].at(ATOM)}.astype(np.{e.out.dtype})")


@spelled("concatenate", "stack")
def _concatenate(w: Any, e: Equation, args: list[Text]) -> Text:
    words = [f"[{', '.join(a.code for a in args)}]", *w.keywords(e.op, e.kwargs)]
    return Text(f"np.{e.op.name}({', '.join(words)})")


@spelled("array_split")
def _split(w: Any, e: Equation, args: list[Text]) -> Text:
    rest = {k: v for k, v in e.kwargs.items() if k != "ends"}
    words = [args[0].code, w.code(list(e.kwargs["ends"])), *w.keywords(e.op, rest)]
    return Text(f"np.split({', '.join(words)})")


@spelled("unstack")
def _unstack(w: Any, e: Equation, args: list[Text]) -> Text:
    axis = e.kwargs.get("axis", 0)
    return args[0] if axis == 0 else Text(f"np.moveaxis({args[0].code}, {axis}, 0)")
