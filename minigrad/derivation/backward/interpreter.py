"""A statement of a backward function, computed again with another expression in it.

Only numbers are computed, by NumPy's functions without side effects that stand in the table
below; whatever else a statement calls is an error, and nothing is ever handed to ``eval``.
Objects of the student's are asked nothing (NumPy would call their methods), arrays are not
written into, and what would not end, or fill the memory, is not begun.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.derivation.backward.room import ROOM, broadcast_size, entries
from minigrad.derivation.backward.watch import path_of
from minigrad.reading.names import attributes, is_a

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in (
        "abs absolute add append arange argmax argmin array asarray broadcast_to ceil clip "
        "concatenate column_stack cos cosh cumsum diag divide dot einsum exp expand_dims expm1 "
        "eye flip floor full_like hstack identity inner insert log log1p matmul max maximum "
        "mean min minimum multiply negative newaxis ones_like outer power prod reciprocal "
        "repeat reshape roll sign sin sinh sort sqrt square squeeze stack std subtract sum "
        "swapaxes tan tanh tensordot tile trace transpose var vstack where zeros_like float64 "
        "float32"
    ).split()
}  # fmt: skip
BUILTINS: dict[str, Callable[..., Any]] = {
    "float": float, "int": int, "abs": abs, "min": min, "max": max,
}  # fmt: skip
METHODS = {"astype", "clip", "copy", "cumsum", "dot", "flatten", "max", "mean", "min", "prod",
           "ravel", "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "transpose",
           "var"}  # fmt: skip
TYPES = {"float": np.dtype(float), "int": np.dtype(int), "bool": np.dtype(bool)}
CONSTANTS = {"newaxis": None, "pi": np.pi, "e": np.e, "float64": np.dtype("f8"),
             "float32": np.dtype("f4")}  # fmt: skip
OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.MatMult: lambda a, b: a @ b, ast.Pow: lambda a, b: power(a, b),
    ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b,
    ast.BitAnd: lambda a, b: a & b, ast.BitOr: lambda a, b: a | b,
    ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b, ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b, ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
}  # fmt: skip
SIGNS: dict[type, Callable[[Any], Any]] = {
    ast.USub: lambda a: -a, ast.UAdd: lambda a: +a, ast.Invert: lambda a: ~a,
    ast.Not: lambda a: not a,
}  # fmt: skip
LARGEST = 10_000_000
"""Arrays with more entries are not made."""
REAL = (np.floating, np.integer, np.bool_)
NUMBERS: list[type] = [
    int,
    float,
    bool,
    *(k for k in np.sctypeDict.values() if issubclass(k, REAL)),
]
WIDEST = 64
"""Integers of more bits are not computed with."""
KEYWORDS = {"axis", "axes", "dtype", "optimize", "keepdims"}
"""Those of functions whose answers have other shapes than their arguments."""


CALLS = "()"
"""Where a scope holds how the user's own functions are computed, by their names."""


class Unknown(Exception):
    """A part of an expression that is not computed here."""


def value_of(part: ast.AST | None, scope: Mapping[str, Any]) -> Any:
    """What an expression is, its names being those of ``scope``.

    Raises
    ------
    Unknown
        For what is not in the tables of this module.
    """

    def go(x: ast.AST | None) -> Any:
        return value_of(x, scope)

    match part:
        case None:
            return None
        case ast.Constant():
            return part.value
        case ast.Name():
            return known(scope if part.id in scope else TYPES, part.id)
        case ast.BinOp():
            return combined(part.op, go(part.left), go(part.right))
        case ast.UnaryOp():
            return SIGNS[type(part.op)](number(go(part.operand)))
        case ast.Compare(ops=[op], comparators=[right]):
            return combined(op, go(part.left), go(right))
        case ast.BoolOp():
            sides = [number(go(v)) for v in part.values]
            return all(sides) if isinstance(part.op, ast.And) else any(sides)
        case ast.IfExp():
            return go(part.body) if number(go(part.test)) else go(part.orelse)
        case ast.Tuple() | ast.List():
            return (tuple if isinstance(part, ast.Tuple) else list)(map(go, part.elts))
        case ast.Slice():
            return slice(go(part.lower), go(part.upper), go(part.step))
        case ast.Attribute() | ast.Subscript():
            return looked_up(part, scope)
        case ast.Call():
            return called(part, scope)
    raise Unknown(ast.dump(part))


def looked_up(part: ast.Attribute | ast.Subscript, scope: Mapping[str, Any]) -> Any:
    """An attribute or an entry: as the scope holds it, or of what holds it."""
    if path_of(part) in scope and held_whole(part):
        return scope[path_of(part)]
    if isinstance(part, ast.Attribute):
        return attribute(part, scope)
    return item(value_of(part.value, scope), value_of(part.slice, scope))


def combined(op: ast.AST, left: Any, right: Any) -> Any:
    """An operation on two numbers, or a comparison."""
    left, right = number(left), number(right)
    f = known(OPERATIONS, type(op))
    room("matmul" if isinstance(op, ast.MatMult) else "", left, right)
    return f(left, right)


def known(scope: Mapping[Any, Any], name: Any) -> Any:
    if name not in scope:
        raise Unknown(name)
    return scope[name]


def held_whole(part: Any) -> bool:
    """Whether it is an attribute, or an entry by a key."""
    if isinstance(part, ast.Attribute):
        return True
    return isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str)


def exactly(value: Any, *kinds: type) -> bool:
    """Whether it is of one of these types, and of no class of the user's."""
    return any(type(value) is kind for kind in kinds)


def number(value: Any) -> Any:
    """``value``, which no method of the user's own can be asked by computing with it."""
    if exactly(value, np.ndarray) and value.dtype.kind in "fiub" and value.size < LARGEST:
        kept = value.view()
        kept.flags.writeable = False  # np.exp(a, out=a)
        return kept
    if exactly(value, *NUMBERS) and not (exactly(value, int) and value.bit_length() > WIDEST):
        return value
    raise Unknown(type(value).__name__)


def permitted(value: Any) -> Any:
    """An argument or an index: numbers, and what is made of numbers alone."""
    if value is None or value is ... or is_a(value, np.dtype):
        return value
    if exactly(value, str):
        if re.search(r"\d", value) and np.dtype(value).kind not in "fiub":  # "U99999999"
            raise Unknown(value)
        return value
    if exactly(value, slice):
        return slice(*map(permitted, (value.start, value.stop, value.step)))
    if exactly(value, list, tuple):
        return type(value)(map(permitted, value))
    return number(value)


def power(a: Any, b: Any) -> Any:
    if exactly(a, int) and exactly(b, int) and abs(b) > WIDEST:
        raise Unknown("9**9**9")
    return a**b


def room(name: str, *args: Any) -> None:
    """Refuse what would make an array of too many entries."""
    if entries(name, *args) >= LARGEST:
        raise Unknown(name)


def item(held: Any, index: Any) -> Any:
    index = permitted(index)
    if exactly(held, dict) and exactly(index, str, int):  # no user's key is asked whether it is
        return known({k: v for k, v in held.items() if type(k) is type(index)}, index)
    if exactly(held, np.ndarray):
        found = index if exactly(index, tuple) else (index,)
        if (
            broadcast_size(*map(np.asarray, found)) * max(1, held.size // max(1, len(held)))
            >= LARGEST
        ):
            raise Unknown("an index")
    if exactly(held, list, tuple, np.ndarray):
        return held[index]
    raise Unknown(type(held).__name__)


def is_numpy(part: ast.AST, scope: Mapping[str, Any]) -> bool:
    return isinstance(part, ast.Name) and part.id in ("np", "numpy") and part.id not in scope


def attribute(part: ast.Attribute, scope: Mapping[str, Any]) -> Any:
    if is_numpy(part.value, scope):
        return known(CONSTANTS, part.attr)
    held = value_of(part.value, scope)
    if type(held) is np.ndarray and part.attr in ("T", "shape", "size", "ndim", "dtype"):
        return getattr(held, part.attr)
    return known(attributes(held) or {}, part.attr)


def called(part: ast.Call, scope: Mapping[str, Any]) -> Any:
    f = part.func
    args = [value_of(a, scope) for a in part.args]
    options = {str(k.arg): permitted(value_of(k.value, scope)) for k in part.keywords}
    if isinstance(f, ast.Name) and f.id == "len" and "len" not in scope and len(args) == 1:
        if exactly(args[0], np.ndarray, list, tuple, dict):
            return len(args[0])
        raise Unknown(f.id)
    theirs = scope.get(CALLS, {})
    name = getattr(f, "id", getattr(f, "attr", ""))
    if name in theirs:
        return theirs[name](args, options)
    args = [permitted(a) for a in args]
    if isinstance(f, ast.Name) and f.id in BUILTINS and f.id not in scope:
        return BUILTINS[f.id](*args, **options)
    if isinstance(f, ast.Attribute) and is_numpy(f.value, scope):
        function: Callable[..., Any] = known(FUNCTIONS, f.attr)
    elif isinstance(f, ast.Attribute) and f.attr in METHODS:
        held = number(value_of(f.value, scope))
        if not is_a(held, np.ndarray, np.generic):
            raise Unknown(f.attr)
        function, args = getattr(np.ndarray, f.attr), [np.asarray(held), *args]
    else:
        raise Unknown(ast.unparse(f))
    if f.attr in ROOM and not options.keys() <= KEYWORDS:
        raise Unknown(f.attr)
    room(f.attr, *args, *(() if f.attr in ROOM else options.values()))
    return function(*args, **options)


def computed(part: ast.AST, scope: Mapping[str, Any]) -> Any:
    """The number that an expression is, as an array; None where it is none."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(number(value_of(part, scope)))
    except (Unknown, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError,
            RecursionError, MemoryError):  # fmt: skip
        return None
    return value if value.dtype.kind in "fiub" else None


# --- what a statement sets -------------------------------------------------------------


def outcome(part: Any, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What variables are after a statement, by their paths; arrays are not written into.

    Raises
    ------
    Unknown
        For a statement of another kind.
    """
    found: dict[str, Any] = {}
    if isinstance(part, ast.AugAssign):
        operation = OPERATIONS[type(part.op)]
        value = number(value_of(part.value, scope))
        bind(part.target, lambda old: operation(number(old), value), scope, found)
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        value = value_of(part.value, scope)
        for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
            bind_each(target, value, scope, found)
    elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
        written_at(part.value, scope, found)
    else:
        raise Unknown("a statement of another kind")
    return found


def bind_each(target: Any, value: Any, scope: Mapping[str, Any], found: dict[str, Any]) -> None:
    """``a, b = value``."""
    if not isinstance(target, ast.Tuple | ast.List):
        bind(target, lambda old: value, scope, found)
        return
    if not exactly(value, tuple, list, np.ndarray) or len(value) != len(target.elts):
        raise Unknown("values for several variables")
    for one, part in zip(target.elts, value, strict=True):
        bind_each(one, part, scope, found)


def bind(
    target: Any, make: Callable[[Any], Any], scope: Mapping[str, Any], found: dict[str, Any]
) -> None:
    """Set a variable, an attribute, an entry of a dict, or entries of an array."""
    path = path_of(target)
    if not isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
        raise Unknown("a target of another kind")
    if not isinstance(target, ast.Subscript) or path != path_of(target.value):
        found[path] = make(value_of(target, scope) if path in scope else None)
        return
    held = number(found.get(path, scope.get(path)))
    place = permitted(value_of(target.slice, scope))
    changed = np.array(held)
    changed[place] = make(changed[place])
    found[path] = changed


def written_at(call: ast.Call, scope: Mapping[str, Any], found: dict[str, Any]) -> None:
    """``np.add.at(a, index, values)``."""
    if ast.unparse(call.func) not in ("np.add.at", "numpy.add.at", "np.subtract.at"):
        raise Unknown(ast.unparse(call.func))
    held, index, values = (value_of(a, scope) for a in call.args)
    changed, place = np.array(number(held)), permitted(index)
    room("", held, values)
    at = np.subtract.at if "subtract" in ast.unparse(call.func) else np.add.at
    at(changed, place, number(values))
    found[path_of(call.args[0])] = changed
