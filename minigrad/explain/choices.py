"""Identities of choices: masks and ties, np.where, what is written to entries of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import Factors, built, factors, merged
from minigrad.ops.record import Op
from minigrad.program.builder import Builder, Rule, is_, key_of, number, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import floating, rule, whole
from minigrad.writing.notation import above, below, onehot

# --- masks ---------------------------------------------------------------------------------

STEPS = {ops.greater: (ops.greater_equal, above), ops.less: (ops.less_equal, below)}
"""A comparison, the one that holds at a tie too, and the step half way between."""


def shared_tie(sign: int) -> Rule:
    """``g·(u > v) + g·(u >= v)`` is 2g where u > v, and g where they tie."""

    def counted(b: Builder, x: Any, y: Any) -> Any:
        if not floating(x) or not floating(y):
            return None
        (c, strict), (d, loose) = factors(b, x), factors(b, y)
        masks = [
            [k for k, (z, _) in f.items() if isinstance(z, Var) and z.dtype.kind == "b"]
            for f in (strict, loose)
        ]
        if c != sign * d or [len(m) for m in masks] != [1, 1]:
            return None
        first, second = (strict.pop(masks[0][0])[0], loose.pop(masks[1][0])[0])
        made, other = b.made_by.get(first), condition(b, second)
        if made is None or other is None or made.op not in STEPS:
            return None
        loosely, step = STEPS[made.op]
        if other.op is not loosely or not equal(strict, loose):
            return None
        if [*map(key_of, made.args)] != [*map(key_of, other.args)]:
            return None
        mask = b.emit(step, *made.args)
        return built(b, 2 * c, {**strict, key_of(mask): [mask, 1]})

    return counted


def condition(b: Builder, mask: Any) -> Any:
    """The comparison that a truth value is."""
    return b.made_by.get(mask)


def equal(f: Factors, g: Factors) -> bool:
    return {k: p for k, (_, p) in f.items()} == {k: p for k, (_, p) in g.items()}


for _op, _sign in ((ops.add, 1), (ops.subtract, -1)):
    rule(_op, when="formula")(shared_tie(_sign))


@rule(ops.multiply, when="formula")
def multiple_of_truth(b: Builder, x: Any, y: Any) -> Any:
    """``0.5·(2·(x > 0))`` is ``1·(x > 0)``, which is no truth value."""
    c, inner = number(x), b.match(y, ops.multiply)
    if c is None or inner is None or number(inner[0]) is None:
        return None
    truth = inner[1]
    if not isinstance(truth, Var) or truth.dtype.kind != "b":
        return None
    return b.keep(
        ops.multiply, (y.dtype.type(c * number(inner[0])), truth), {}, Var("t", y.shape, y.dtype)
    )


def moved(other: Op) -> Rule:
    """``1 - u > 0`` is ``u < 1``."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        inner = b.match(x, ops.subtract)
        if inner is None or not is_(y, 0) or number(inner[0]) is None:
            return None
        return b.emit(other, inner[1], inner[0])

    return applied


for _op, _other in ((above, below), (below, above)):
    rule(_op, when="formula")(moved(_other))


@rule(ops.scatter, when="formula")
def scattered_number(b: Builder, x: Any, shape: Any = None, index: Any = None) -> Any:
    """The same number in each row, where ``y`` says, is that times onehot(y)."""
    if not isinstance(index, tuple) or len(index) != 2 or len(shape) != 2:
        return None
    rows, y = index
    one_each = isinstance(rows, np.ndarray | range) and np.array_equal(
        np.ravel(rows), np.arange(shape[0])
    )
    if not one_each or not isinstance(y, Var) or y.dtype.kind not in "iu" or y.shape != (shape[0],):
        return None
    c = same_everywhere(b, x)
    if c is None:
        return None
    hot = b.keep(onehot, (y,), {"classes": shape[1]}, Var("t", tuple(shape), np.dtype(float)))
    return b.emit(ops.multiply, c, hot)


def same_everywhere(b: Builder, x: Any) -> Any:
    """The number, or what is one, that all entries of ``x`` are; None if they may differ."""
    if number(x) is not None or not shape_of(x):
        return number(x) if number(x) is not None else x
    for op in (ops.broadcast_to, ops.reshape):
        if (inner := b.match(x, op)) is not None:
            return same_everywhere(b, inner[0])
    c, found = factors(b, x)
    if len(found) == 1 and c == 1:
        return None
    parts = {k: [same_everywhere(b, y), p] for k, (y, p) in found.items()}
    return None if any(y is None for y, _ in parts.values()) else built(b, c, parts)


@rule(ops.sum, when="formula")
def sum_of_one_hot(
    b: Builder, x: Any, axis: Any = None, keepdims: Any = False, **others: Any
) -> Any:
    """Each row of onehot(y) has one 1."""
    if not whole(others) or not (isinstance(x, Var) and b.match(x, onehot) and axis in (1, -1)):
        return None
    return np.broadcast_to(np.float64(1), (x.shape[0], 1) if keepdims else x.shape[:1])


@rule(above, below, when="formula")
def tie_with_itself(b: Builder, x: Any, y: Any) -> Any:
    """``1[x > x]`` is ½ everywhere."""
    if x is not y or not floating(x):
        return None
    return np.broadcast_to(x.dtype.type(0.5), x.shape)[()]


@rule(ops.maximum, ops.minimum, when="formula")
def larger_of_equals(b: Builder, x: Any, y: Any) -> Any:
    """The larger of ``x`` and ``x`` is ``x``."""
    return x if x is y else None


# --- choices -------------------------------------------------------------------------------


def either_choice(sign: int) -> Rule:
    """``where(c, x, 0)·u + where(c, 0, y)·v`` is ``where(c, x·u, y·v)``."""

    def chosen(b: Builder, x: Any, y: Any) -> Any:
        parts = [choice_in(b, z) for z in (x, y)]
        if not all(parts):
            return None
        (c, u, first), (d, v, second) = parts  # type: ignore[misc]
        if key_of(u[0]) != key_of(v[0]):
            return None
        if is_(u[1], 0) and is_(v[2], 0):
            left, right = (sign * d, v[1], second), (c, u[2], first)
        elif is_(u[2], 0) and is_(v[1], 0):
            left, right = (c, u[1], first), (sign * d, v[2], second)
        else:
            return None
        made = [
            b.emit(ops.multiply, built(b, e, f), z) if f else e * z for e, z, f in (left, right)
        ]
        return b.emit(ops.branch, u[0], *made)

    return chosen


def choice_in(b: Builder, x: Any) -> tuple[float, Any, Factors] | None:
    """What ``x`` is a product of, a choice with a 0 in it apart."""
    c, found = factors(b, x) if floating(x) else (0.0, {})
    for key, (z, p) in found.items():
        inner = b.match(z, ops.branch) if p == 1 else None
        if inner is not None and any(is_(part, 0) for part in inner[1:]):
            return c, inner, {k: part for k, part in found.items() if k != key}
    return None


for _op, _sign in ((ops.add, 1), (ops.subtract, -1)):
    rule(_op, when="formula")(either_choice(_sign))


@rule(ops.branch, when="formula")
def common_to_both(b: Builder, condition: Any, x: Any, y: Any) -> Any:
    """``where(c, x/n, y/n)`` is ``where(c, x, y)/n``."""
    if not isinstance(condition, Var) or not any(floating(z) for z in (x, y)):
        return None
    if any(not floating(z) and not is_(z, 0) for z in (x, y)):
        return None
    (c, first), (d, second) = (factors(b, z) if floating(z) else (0.0, {}) for z in (x, y))
    if not c or not d:
        common: Factors = first if d == 0 else second
        common = {k: part for k, part in common.items() if not shape_of(part[0])}
        size = c or d
    else:
        common = {k: part for k, part in first.items() if second.get(k, (0, 0))[1] == part[1]}
        size = c if c == d else 1.0
    if not common and size == 1:
        return None
    kinds = {z.dtype for z in (x, y) if isinstance(z, Var)}
    if len(kinds) != 1:
        return None
    one = kinds.pop().type
    rests = [
        built(b, e / size, {k: v for k, v in f.items() if k not in common}) if e else one(0)
        for e, f in ((c, first), (d, second))
    ]
    inner = b.emit(ops.branch, condition, *(one(z) if number(z) is not None else z for z in rests))
    if not isinstance(inner, Var):
        return None
    return built(b, size, merged(b, common, {key_of(inner): [inner, 1]}))


# --- guards: left out if no value meets them -----------------------------------------------


@rule(ops.branch, when="free")
def guarded_division(b: Any, condition: Any, x: Any, y: Any) -> Any:
    """``where(y == 0, 1, y)`` is ``y`` unless that is 0."""
    inner = b.match(condition, ops.equal)
    if inner is None or number(inner[1]) is None or number(x) is None:
        return None
    if isinstance(y, Var) and inner[0] is y:
        b.freed = True
        return y
    return None


@rule(ops.maximum, when="free")
def at_least_one(b: Any, x: Any, y: Any) -> Any:
    """How many are equal is at least 1."""
    made = b.made(x, ops.sum)
    if made is None or not is_(y, 1) or made.args[0].dtype.kind != "b":
        return None
    b.freed = True
    return x


# --- entries -------------------------------------------------------------------------------


def same_entries(sign: int) -> Rule:
    """What is added to the same entries is added up before."""

    def together(b: Builder, x: Any, y: Any) -> Any:
        u, v = b.made(x, ops.scatter), b.made(y, ops.scatter)
        if u is None or v is None or key_of(u.kwargs["index"]) != key_of(v.kwargs["index"]):
            return None
        if shape_of(u.args[0]) != shape_of(v.args[0]):
            return None
        inner = b.emit(ops.add if sign > 0 else ops.subtract, u.args[0], v.args[0])
        return b.emit(ops.scatter, inner, **u.kwargs)

    return together


for _op, _sign in ((ops.add, 1), (ops.subtract, -1)):
    rule(_op, when="formula")(same_entries(_sign))


def is_everything(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


@rule(ops.scatter, when="formula")
def all_entries(b: Builder, x: Any, shape: Any = None, index: Any = None) -> Any:
    """An index that only adds axes picks all entries, each once."""
    parts = index if isinstance(index, tuple) else (index,)
    if not all(part is None or part is Ellipsis or is_everything(part) for part in parts):
        return None
    return b.emit(ops.reshape, x, shape=tuple(shape))
