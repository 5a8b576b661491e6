"""What a run of the closed interpreter left: its numbers, found and changed by their paths."""

from __future__ import annotations

import ast
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minigrad.derivation.backward.lines import is_inexact
from minigrad.derivation.backward.machine import Hook
from minigrad.derivation.backward.mistakes import shifted
from minigrad.derivation.backward.numbers import Frame, Held
from minigrad.derivation.backward.tables import NUMERIC
from minigrad.derivation.backward.watch import STEP, Statement
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import NUMBERS, places
from minigrad.typing import Array, Keywords


@dataclass
class Words:
    """What a function reads, as it is written: numbers, functions of one argument, slices; and
    the variables that it sets and does not read.
    """

    numbers: dict[str, ast.AST]
    functions: list[str]
    indices: list[ast.expr]
    slices: dict[str, ast.Slice]
    unread: set[str]

    @classmethod
    def of(cls, tree: ast.AST) -> Words:
        numbers: dict[str, ast.AST] = {}
        names = [x for x in ast.walk(tree) if isinstance(x, ast.Name)]
        read = {x.id for x in names if isinstance(x.ctx, ast.Load)}
        for x in ast.walk(tree):
            if is_constant(x) or is_function_of_one(x):
                numbers[written(x)] = x
            if not isinstance(x, ast.Subscript | ast.Attribute) or not isinstance(x.ctx, ast.Load):
                continue
            if len(places(x, ast.AST)) < 20:
                numbers[written(x)] = x
                if isinstance(x, ast.Subscript) and not isinstance(x.slice, ast.Slice | ast.Tuple):
                    for op in (ast.Add(), ast.Sub()):
                        near = ast.Subscript(x.value, shifted(x.slice, op), ast.Load())
                        numbers[written(near)] = near
        indices = [x.slice for x in ast.walk(tree) if isinstance(x, ast.Subscript)]
        indices = [x for x in indices if not isinstance(x, ast.Slice | ast.Tuple | ast.Constant)]
        called = [x for x in ast.walk(tree) if isinstance(x, ast.Call) and len(x.args) == 1]
        plain = [
            x for x in called if not x.keywords and isinstance(x.func, ast.Name | ast.Attribute)
        ]
        return cls(
            numbers,
            [written(x.func) for x in plain],
            list({written(x): x for x in indices}.values()),
            {written(x): x for x in ast.walk(tree) if isinstance(x, ast.Slice)},
            {x.id for x in names} - read,
        )


def is_constant(x: ast.AST) -> bool:
    """``0.8``, which is none of the numbers that are tried anyway."""
    return isinstance(x, ast.Constant) and type(x.value) is float and x.value not in NUMBERS


def is_function_of_one(x: ast.AST) -> bool:
    """``np.exp(s)``."""
    return (
        isinstance(x, ast.Call)
        and not x.keywords
        and written(x.func).startswith("np.")
        and [type(a) for a in x.args] == [ast.Name]
    )


def steps_of(path: str) -> tuple[Any, ...]:
    """``grads['W1']`` as the name and the keys that lead there."""
    name, *steps = STEP.findall(path) or [""]
    return name, *(ast.literal_eval(s[1:-1]) if s[0] == "[" else s[1:] for s in steps)


def value_at(at: Sequence[Any], held: Any) -> Any:
    """The numbers that are found by going through names and keys; None where there are none."""
    for step in at:
        inside = held.attrs if type(held) is Held else held
        try:
            held = inside[step]
        except (KeyError, IndexError, TypeError):
            return None
    return np.asarray(held) if is_number(held) else None


def set_in(paths: Sequence[str], variables: object) -> Any:
    """What a statement has set: the numbers of its target, or those of several in one row."""
    values = [value_at(steps_of(path), variables) for path in paths]
    if len(values) == 1:
        return values[0]
    return None if any(v is None for v in values) else np.concatenate([*map(np.ravel, values)])


def numbers_in(held: Mapping[Any, Any], path: str = "", depth: int = 3) -> Iterator[Any]:
    """The numbers in variables, attributes and dicts, by their paths."""
    for key, value in list(held.items())[:60]:
        if depth < 3 and not isinstance(key, str):
            continue
        name = path.format(key) if path else key
        if is_whole(value) or is_inexact(value):
            yield name, value
        elif depth and type(value) is Held:
            yield from numbers_in(value.attrs, f"{escaped(name)}.{{}}", depth - 1)
        elif depth and type(value) is dict:
            yield from numbers_in(value, f"{escaped(name)}[{{!r}}]", depth - 1)


def is_whole(value: object) -> bool:
    """Whether it is a whole number, of Python's or of NumPy's."""
    return type(value) is int or isinstance(value, np.integer)


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def is_number(value: object) -> bool:
    if type(value) is np.ndarray:
        return value.dtype.kind in NUMERIC
    return isinstance(value, float | int | complex | np.number)


def shape_of(local: object) -> Any:
    """The shape of what a statement would set, where it is an array."""
    value = local[3] if type(local) is tuple else None
    return value[0] if type(value) is tuple and value else None


def is_made(node: ast.stmt) -> bool:
    """``dW = np.zeros_like(W)``: it is only begun here."""
    value = getattr(node, "value", None)
    made = [written(x.func) for x in ast.walk(node) if isinstance(x, ast.Call)]
    return isinstance(node, ast.Assign) and (
        isinstance(value, ast.Constant) or any("zeros" in name or "empty" in name for name in made)
    )


def handed_over(node: ast.stmt) -> bool:
    """``return dx, dW``: whatever is wrong was so before."""
    value = getattr(node, "value", None)
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    plain = ast.Name | ast.Attribute | ast.Constant | ast.Subscript
    return isinstance(node, ast.Return) and all(isinstance(x, plain) for x in parts)


def leaves_of(held: object, depth: int = 6) -> Iterator[tuple[tuple[object, ...], object]]:
    """The numbers in what holds others, each with how it is found; the nearest ones."""
    inside: Any = held.attrs if type(held) is Held else held
    pairs: Any = ()
    if type(inside) is dict:
        pairs = list(inside.items())
    elif type(inside) in (list, tuple):
        pairs = list(enumerate(inside))
    for key, value in pairs:
        if type(value) is np.ndarray or isinstance(value, float | complex | np.inexact):
            yield (key,), np.asarray(value)
    for key, value in pairs if depth else ():
        if type(value) in (dict, list, tuple, Held):
            yield from (((key, *at), leaf) for at, leaf in leaves_of(value, depth - 1))


BRIEF = 64
"""Numbers of larger arrays are not kept to be compared."""


def bytes_of(value: Any) -> Any:
    """What is equal where numbers are."""
    if type(value) is np.ndarray:
        short = value.tobytes() if value.size < BRIEF else hashed(value)
        return value.shape, short
    if type(value) in (list, tuple):
        return tuple(map(bytes_of, value))
    if type(value) is dict:
        return tuple((k, bytes_of(v)) for k, v in value.items())
    if type(value) is range:
        return value
    number = isinstance(value, float | int | np.number)
    return ((), np.asarray(value).tobytes()) if number else object()


def is_brief(made: object) -> bool:
    """Whether `bytes_of` is of few numbers: of one small array."""
    return (
        type(made) is tuple
        and len(made) == 2
        and isinstance(made[1], bytes)
        and (math.prod(made[0]) < BRIEF)
    )


def hashed(value: object) -> bytes:
    """A digest of an array, in place of a copy."""
    return hashlib.blake2b(np.ascontiguousarray(value).data, digest_size=16).digest()


def adding(statement: Statement, shift: Sequence[Array]) -> Hook:
    """Add to what a statement sets, each time it is executed."""
    count = iter(shift)

    def add(node: ast.stmt, frame: Frame) -> None:
        if node is statement.node and (more := next(count, None)) is not None:
            left = np.ravel(more)
            for path in statement.targets:
                shape = np.shape(value_at(steps_of(path), frame.vars))
                part, left = np.split(left, [math.prod(shape)])
                change_at(path, frame.vars, partial(np.add, part.reshape(shape)))

    return add


def change_at(path: str, variables: Keywords, change: Callable[[Any], Any]) -> None:
    """Change the numbers that a statement has set."""
    changed_in(variables, steps_of(path), change)


def changed_in(held: object, steps: Sequence[object], change: Callable[[Any], Any]) -> Any:
    if not steps:
        return change(held)
    inside: Any = held.attrs if type(held) is Held else held
    if type(inside) is dict and steps[0] in inside:
        inside[steps[0]] = changed_in(inside[steps[0]], steps[1:], change)
    elif type(inside) is tuple and type(steps[0]) is int and steps[0] < len(inside):
        parts = list(inside)
        parts[steps[0]] = changed_in(parts[steps[0]], steps[1:], change)
        return tuple(parts)
    return held


def bent_value(value: Any) -> Any:
    """Other numbers, in what holds them."""
    if type(value) is np.ndarray and value.dtype.kind in "fc":
        bend = np.linspace(1.3, 1.7, value.size).reshape(value.shape)
        return np.where(np.isfinite(value), value, 1.0) * bend + 0.01
    if type(value) is np.ndarray and value.dtype.kind in "biu":
        return ~value if value.dtype.kind == "b" else value + 1
    if isinstance(value, float | np.floating):
        return (value if np.isfinite(value) else 1.0) * 1.5 + 0.01
    if type(value) is int:  # an axis, an index, a size
        return value + 1
    if type(value) in (list, tuple):
        return type(value)(map(bent_value, value))
    if type(value) is dict:
        return {k: bent_value(v) for k, v in value.items()}
    return value
