"""A statement of a backward function, computed again with another expression in it.

Only numbers are computed, by NumPy's functions without side effects that stand in the table
below; whatever else a statement calls is an error, and nothing is ever handed to ``eval``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in (
        "abs absolute add arange argmax argmin array asarray broadcast_to ceil clip concatenate "
        "cos cosh cumsum diag divide dot einsum exp expand_dims expm1 eye flip floor full_like "
        "hstack identity inner log log1p matmul max maximum mean min minimum multiply negative "
        "newaxis ones_like outer power prod reciprocal repeat reshape roll sign sin sinh sqrt "
        "square squeeze stack std subtract sum swapaxes tan tanh tensordot tile trace transpose "
        "var vstack where zeros_like float64 float32"
    ).split()
}  # fmt: skip
BUILTINS: dict[str, Callable[..., Any]] = {
    "len": len, "float": float, "int": int, "abs": abs, "min": min, "max": max,
}  # fmt: skip
METHODS = {"astype", "clip", "copy", "cumsum", "dot", "flatten", "max", "mean", "min", "prod",
           "ravel", "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "transpose",
           "var"}  # fmt: skip
CONSTANTS = {"newaxis": None, "pi": np.pi, "e": np.e}
OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.MatMult: lambda a, b: a @ b, ast.Pow: lambda a, b: a**b,
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
NUMBERS = (int, float, bool, np.number, np.bool_)


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
            return known(scope, part.id)
        case ast.BinOp() if type(part.op) in OPERATIONS:
            return OPERATIONS[type(part.op)](number(go(part.left)), number(go(part.right)))
        case ast.UnaryOp():
            return SIGNS[type(part.op)](number(go(part.operand)))
        case ast.Compare(ops=[op], comparators=[right]) if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](number(go(part.left)), number(go(right)))
        case ast.IfExp():
            return go(part.body) if number(go(part.test)) else go(part.orelse)
        case ast.Tuple():
            return tuple(go(e) for e in part.elts)
        case ast.List():
            return [go(e) for e in part.elts]
        case ast.Slice():
            return slice(go(part.lower), go(part.upper), go(part.step))
        case ast.Subscript():
            return item(go(part.value), go(part.slice))
        case ast.Attribute():
            return attribute(part, scope)
        case ast.Call():
            return called(part, scope)
    raise Unknown(ast.dump(part))


def known(scope: Mapping[str, Any], name: str) -> Any:
    if name not in scope:
        raise Unknown(name)
    return scope[name]


def number(value: Any) -> Any:
    """``value``, which no method of the user's own can be asked by computing with it."""
    if type(value) is np.ndarray and value.dtype.kind in "fiub" and value.size < LARGEST:
        return value
    if isinstance(value, NUMBERS) and type(value).__module__ in ("builtins", "numpy"):
        return value
    raise Unknown(type(value).__name__)


def item(held: Any, index: Any) -> Any:
    if type(held) in (list, tuple, dict, np.ndarray):
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
    own = vars(held) if type(held).__module__ != "builtins" and hasattr(held, "__dict__") else {}
    return known(own, part.attr)


def called(part: ast.Call, scope: Mapping[str, Any]) -> Any:
    f = part.func
    args = [value_of(a, scope) for a in part.args]
    options = {k.arg: value_of(k.value, scope) for k in part.keywords if k.arg}
    if isinstance(f, ast.Name) and f.id in BUILTINS and f.id not in scope:
        if not all(type(a) in (np.ndarray, list, tuple, dict) or number(a) is a for a in args):
            raise Unknown(f.id)
        return BUILTINS[f.id](*args, **options)
    if isinstance(f, ast.Attribute) and is_numpy(f.value, scope):
        return known(FUNCTIONS, f.attr)(*args, **options)
    if isinstance(f, ast.Attribute) and f.attr in METHODS:
        held = value_of(f.value, scope)
        if type(held) is np.ndarray or isinstance(held, np.number):
            return getattr(held, f.attr)(*args, **options)
    raise Unknown(ast.unparse(f))


def computed(part: ast.AST, scope: Mapping[str, Any]) -> Any:
    """The number that an expression is, as an array; None where it is none."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(number(value_of(part, scope)))
    except (Unknown, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError,
            RecursionError, MemoryError):  # fmt: skip
        return None
    return value if value.dtype.kind in "fiub" else None


def after(statement: ast.stmt, value: Any, before: Any, scope: Mapping[str, Any]) -> Any:
    """What a variable is after a statement that sets it to ``value``, or changes it by that."""
    aim: Any = statement.target if isinstance(statement, ast.AugAssign) else None
    if isinstance(statement, ast.Assign):
        aim = statement.targets[0] if len(statement.targets) == 1 else None
    whole = isinstance(aim, ast.Name | ast.Attribute)
    whole = whole or (isinstance(aim, ast.Subscript) and isinstance(aim.slice, ast.Constant)
                      and isinstance(aim.slice.value, str))  # fmt: skip
    place: Any = ...
    if not whole:
        if not isinstance(aim, ast.Subscript) or isinstance(aim.value, ast.Subscript):
            raise Unknown("a target of another kind")
        place = value_of(aim.slice, scope)
    if isinstance(statement, ast.Assign) and whole:
        return np.asarray(value, float)
    changed = np.array(before, float)
    if isinstance(statement, ast.AugAssign):
        value = OPERATIONS[type(statement.op)](changed[place], value)
    changed[place] = value
    return changed
