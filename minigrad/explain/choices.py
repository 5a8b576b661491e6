"""Identities of choices: masks and ties, np.where, guards."""

from __future__ import annotations

import math
from typing import Any

from minigrad import ops
from minigrad.explain.factors import Factors, Simplifier, built, factors, merged, power_of, unpadded
from minigrad.ops.record import Op
from minigrad.program.builder import Full, as_number, equals, key_of, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import SUMS, each, is_float, rule, scaled
from minigrad.typing import Operand
from minigrad.writing.notation import above, below

# --- masks ---------------------------------------------------------------------------------

STEPS = {ops.greater: (ops.greater_equal, above), ops.less: (ops.less_equal, below)}
"""A comparison, the one that holds at a tie too, and the step half way between."""


@each(SUMS, when="formula")
def shared_tie(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``g·(u > v) + g·(u >= v)`` is 2g where u > v, and g where they tie."""
    if not is_float(x) or not is_float(y):
        return None
    (c, strict), (d, loose) = factors(b, x), factors(b, y)
    masks = [
        [k for k, (z, _) in f.items() if isinstance(z, Var) and z.dtype.kind == "b"]
        for f in (strict, loose)
    ]
    if c != sign * d or [len(m) for m in masks] != [1, 1]:
        return None
    first, second = (strict.pop(masks[0][0])[0], loose.pop(masks[1][0])[0])
    made, other = b.made_by.get(first), b.made_by.get(second)
    if made is None or other is None or made.op not in STEPS:
        return None
    loosely, step = STEPS[made.op]
    if other.op is not loosely or not equal(strict, loose):
        return None
    if [*map(key_of, made.args)] != [*map(key_of, other.args)]:
        return None
    mask = b.emit(step, *made.args)
    return built(b, 2 * c, {**strict, key_of(mask): [mask, 1]})


def equal(f: Factors, g: Factors) -> bool:
    return {k: p for k, (_, p) in f.items()} == {k: p for k, (_, p) in g.items()}


@rule(ops.multiply, when="formula")
def multiple_of_truth(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``0.5·(2·(x > 0))`` is ``1·(x > 0)``, which is no truth value."""
    c, inner = as_number(x), b.match(y, ops.multiply)
    if c is None or inner is None or as_number(inner[0]) is None:
        return None
    truth = inner[1]
    if not isinstance(truth, Var) or truth.dtype.kind != "b":
        return None
    return b.keep(
        ops.multiply, (y.dtype.type(c * as_number(inner[0])), truth), {}, Var("t", y.shape, y.dtype)
    )


@each({above: below, below: above}, when="formula")
def moved(other: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1 - u > 0`` is ``u < 1``."""
    inner = b.match(x, ops.subtract)
    if inner is None or not equals(y, 0) or as_number(inner[0]) is None:
        return None
    return b.emit(other, inner[1], inner[0])


@each({above: below, below: above}, when="formula")
def from_zero(other: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1[u > 0]`` is the same whichever 0 that is, and whichever side it stands on."""
    if is_float(y) and equals(x, 0):
        return b.emit(other, y, y.dtype.type(0))
    minus = b.match(x, ops.negative)
    if minus is not None and is_float(x) and equals(y, 0):
        return b.emit(other, minus[0], x.dtype.type(0))
    if not is_float(x) or not equals(y, 0) or type(y) is x.dtype.type:
        return None
    return b.emit(above if other is below else below, x, x.dtype.type(0))


@rule(above, below, when="formula")
def tie_with_itself(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1[x > x]`` is ½ everywhere."""
    return Full(0.5) if x is y and is_float(x) else None


@each(SUMS, when="formula")
def one_and_sign(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x + x·sign(u)`` is twice ``x·1[u > 0]``."""
    if not is_float(x) and not is_float(y):
        return None
    (c, found), (d, more) = factors(b, x), factors(b, y)
    d *= sign
    if abs(c) != abs(d) or abs(len(found) - len(more)) != 1:
        return None
    least, most = (found, more) if len(found) < len(more) else (more, found)
    key = next((k for k in most if k not in least), None)
    u = b.match(most[key][0], ops.sign) if key is not None and most[key][1] == 1 else None
    rest = {k: part for k, part in most.items() if k != key}
    if u is None or not is_float(u[0]) or not equal(least, rest):
        return None
    front = c if least is found else d
    step = b.emit(above if c * d > 0 else below, u[0], u[0].dtype.type(0))
    return built(b, 2 * front, merged(b, least, {key_of(step): [step, 1]}))


@rule(ops.multiply, when="formula")
def larger_where_it_is(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``max(0, u)·1[u > 0]`` is ``max(0, u)``."""
    (c, found), (d, more) = factors(b, x), factors(b, y)
    found = merged(b, found, more)
    for key, (z, p) in found.items():
        for step, larger in ((above, ops.maximum), (below, ops.minimum)):
            u, zero = b.match(z, step) or (None, None)
            if u is None or not equals(zero, 0) or p < 1:
                continue
            kept = [ops.relu, larger] if step is above else [larger]
            if any(q > 0 and is_part(b, v, kept, u) for v, q in found.values()):
                return built(b, c * d, {k: part for k, part in found.items() if k != key})
    return None


def is_part(b: Simplifier, v: Operand, those: list[Op], u: Operand) -> bool:
    """Whether ``v`` is one of ``those`` of ``u`` and 0."""
    made = b.nameless(v)
    if made is None or made.op not in those:
        return False
    return any(z is u for z in made.args) and all(z is u or equals(z, 0) for z in made.args)


# --- choices -------------------------------------------------------------------------------


@each(SUMS, when="formula")
def either_choice(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``where(c, x, 0)·u + where(c, 0, y)·v`` is ``where(c, x·u, y·v)``."""
    parts = [choice_in(b, z) for z in (x, y)]
    if not all(parts):
        return None
    (c, u, first), (d, v, second) = parts  # type: ignore[misc]
    if key_of(u[0]) != key_of(v[0]):
        return None
    if equals(u[1], 0) and equals(v[2], 0):
        left, right = (sign * d, v[1], second), (c, u[2], first)
    elif equals(u[2], 0) and equals(v[1], 0):
        left, right = (c, u[1], first), (sign * d, v[2], second)
    else:
        return None
    made = [
        b.emit(ops.multiply, built(b, e, f), z) if f else times(b, e, z)
        for e, z, f in (left, right)
    ]
    return b.emit(ops.branch, u[0], *made)


def times(b: Simplifier, c: float, z: Operand) -> Operand:
    """``c·z`` of a variable or of a number."""
    return scaled(b, c, z) if isinstance(z, Var) else c * z


def choice_in(b: Simplifier, x: Operand) -> tuple[float, Operand, Factors] | None:
    """What ``x`` is a product of, a choice with a 0 in it apart."""
    c, found = factors(b, x) if is_float(x) else (0.0, {})
    for key, (z, p) in found.items():
        inner = b.match(z, ops.branch) if p == 1 else None
        if inner is not None and any(equals(part, 0) for part in inner[1:]):
            return c, inner, {k: part for k, part in found.items() if k != key}
    return None


@rule(ops.branch, when="formula")
def common_to_both(b: Simplifier, condition: Operand, x: Operand, y: Operand) -> Operand:
    """``where(c, x/n, y/n)`` is ``where(c, x, y)/n``."""
    if not isinstance(condition, Var) or not any(is_float(z) for z in (x, y)):
        return None
    if any(not is_float(z) and not equals(z, 0) for z in (x, y)):
        return None
    (c, first), (d, second) = (factors(b, z) if is_float(z) else (0.0, {}) for z in (x, y))
    if not c or not d:
        common: Factors = first if d == 0 else second
        common = {k: part for k, part in common.items() if not shape_of(part[0])}
        size = c or d
    else:
        common = {k: part for k, part in first.items() if power_of(second, k) == part[1]}
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
    inner = b.emit(
        ops.branch, condition, *(one(z) if as_number(z) is not None else z for z in rests)
    )
    if not isinstance(inner, Var):
        return None
    return built(b, size, merged(b, common, {key_of(inner): [inner, 1]}))


# --- guards: left out if no value meets them -----------------------------------------------


JOINED = (ops.bitwise_and, ops.bitwise_or, ops.logical_and, ops.logical_or, ops.multiply, ops.add)


def conditions(b: Simplifier, x: Operand) -> list[Operand]:
    """The comparisons that a condition is made of."""
    found, stack = [], [x]
    while stack:
        y = stack.pop()
        made = b.made_by.get(y) if isinstance(y, Var) else None
        if made is not None and made.op in JOINED:
            stack += made.args
        elif made is not None:
            found.append(made)
    return found


@rule(ops.branch, when="free")
def guarded_division(b: Simplifier, condition: Operand, x: Operand, y: Operand) -> Operand:
    """``where(y == 0, 1, y)`` is ``y`` unless that is 0, and so is ``where(u == 0, 0, 1)`` 1."""
    if as_number(x) is None:
        return None
    for made in conditions(b, condition):
        if made.op is not ops.equal or as_number(made.args[1]) is None:
            continue
        of = made.args[0]
        if of is y or equals(y, 1) or not (of.given if isinstance(of, Var) else True):
            b.freed = True
            return Full(y)
    return None


@rule(ops.sum, when="formula")
def counted(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """``Σ where(c, 1, 0)`` is ``Σ 1[c]``, and the other way round ``Σ 1[not c]``."""
    asked = b.match(x, ops.branch) if isinstance(x, Var) and not x.given else None
    mask, u, v = asked or (None, None, None)
    made = b.made_by.get(mask) if isinstance(mask, Var) else None
    if made is None or {as_number(u), as_number(v)} != {0, 1} or mask.shape != x.shape:
        return None
    if equals(u, 0):
        if made.op not in OPPOSITES:
            return None
        mask = b.emit(OPPOSITES[made.op], *made.args)
    one = b.keep(ops.multiply, (x.dtype.type(1), mask), {}, Var("t", x.shape, x.dtype))
    return b.emit(ops.sum, one, **kwargs)


OPPOSITES = {ops.equal: ops.not_equal, ops.not_equal: ops.equal}


@rule(ops.maximum, when="free")
def at_least_one(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """How many are equal is at least 1."""
    made = b.made(x, ops.sum)
    if made is None or not equals(y, 1) or made.args[0].dtype.kind != "b":
        return None
    b.freed = True
    return x


@rule(ops.divide, when="free")
def shared_by_one(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``g·(u == m)/Σ(u == m)`` is ``g·(u == m)`` where one alone is largest."""
    made = b.made(y, ops.sum) or b.made(unpadded(b, y), ops.sum)
    mask = made.args[0] if made is not None else None
    if not isinstance(mask, Var) or mask.dtype.kind != "b":
        return None
    if x is not mask and (not is_float(x) or id(mask) not in factors(b, x)[1]):
        return None
    b.freed = True
    return b.emit(ops.multiply, 1.0, x) if x is mask else x


@rule(ops.isnan, when="free")
def a_number(b: Simplifier, x: Operand) -> Operand:
    """``isnan(x)`` is False unless something is none."""
    b.freed = True
    return Full(False)


@rule(ops.real, when="formula")
def already_real(b: Simplifier, x: Operand) -> Operand:
    """The real part of what is real."""
    return x if is_float(x) else None


@rule(ops.less_equal, when="formula")
def at_most_infinity(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x <= inf`` holds always."""
    return Full(True) if equals(y, math.inf) else None


@rule(ops.greater_equal, when="formula")
def at_least_minus_infinity(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x >= -inf`` holds always."""
    return Full(True) if equals(y, -math.inf) else None


@rule(ops.bounded, when="formula")
def bounded_on_one_side(b: Simplifier, x: Operand, low: Operand, high: Operand) -> Operand:
    """``clip(x, 0, inf)`` is the larger of ``x`` and 0."""
    if equals(high, math.inf):
        return b.emit(ops.maximum, x, low)
    return b.emit(ops.minimum, x, high) if equals(low, -math.inf) else None


@rule(ops.multiply, when="formula")
def beyond(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(u - min(u, v))·1[u < v]`` is 0: there the smaller one is ``u``."""
    if not is_float(x) and not is_float(y):
        return None
    (_, f), (_, g) = factors(b, x), factors(b, y)
    found = {**f, **g}
    for smaller, step in ((ops.minimum, below), (ops.maximum, above)):
        for mask in filter(None, [b.match(z, step) for z, _ in found.values()]):
            for z, p in found.values():
                inner = b.match(z, ops.subtract) if p > 0 else None
                for u, v in () if inner is None else (inner, inner[::-1]):
                    least = b.match(v, smaller)
                    if least and u is mask[0] and {*map(key_of, least)} == {*map(key_of, mask)}:
                        return Full(0)
    return None
