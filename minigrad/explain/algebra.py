"""Identities for formulas in which quantities have names, and NaN is nobody's business.

They come after those tagged ``read``, which programs share.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from minigrad import ops
from minigrad.explain import (  # noqa: F401 (their rules come first)
    arrays,
    choices,
    entries,
    factors,
    linear,
    moments,
    windowed,
)
from minigrad.explain.factors import Simplifier, named
from minigrad.ops.elementwise import branch
from minigrad.program.builder import Full, as_number, equals, key_of, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import SUMS, coefficient, each, is_float, rule, rules, scaled
from minigrad.typing import Operand


@rule(ops.divide, when="formula")
def quotient_with_a_name(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x·u/y`` is ``x·a`` if u/y is called a, and ``x·(1 - a)`` if y = 1 + u and 1/y is."""
    if x is y and is_float(x):
        return Full(1)
    u, v = b.match(x, ops.multiply) or (1, x)
    terms = b.match(y, ops.add) or ()
    for rest, factor in ((u, v), (v, u)):
        if not isinstance(factor, Var):
            continue
        if (a := named(b, factor, y)) is not None:
            return b.emit(ops.multiply, rest, a)
        if any(factor is t for t in terms) and any(equals(t, 1) for t in terms):
            for one in (1, 1.0):
                if (a := named(b, one, y)) is not None:
                    return b.emit(ops.multiply, rest, b.emit(ops.subtract, 1, a))
    return None


@rule(ops.multiply, when="formula")
def difference_of_squares(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(1 - u)·(1 + u)`` is ``1 - u²``."""
    less, more = b.match(x, ops.subtract), b.match(y, ops.add)
    if less is None or more is None or x.given or y.given or not equals(less[0], 1):
        return None
    if not any(equals(one, 1) and u is less[1] for one, u in (more, more[::-1])):
        return None
    return b.emit(ops.subtract, 1, b.emit(ops.power, less[1], 2))


@rule(ops.square, ops.power, when="formula")
def hypotenuse_squared(b: Simplifier, x: Operand, p: Operand = 2) -> Operand:
    """``hypot(u, v)²`` is ``u² + v²``."""
    sides = b.match(x, ops.hypot) if isinstance(x, Var) and not x.given else None
    if sides is None or as_number(p) != 2:
        return None
    return b.emit(ops.add, *(b.emit(ops.power, u, 2) for u in sides))


@rule(ops.subtract, when="formula")
def rest_of_one(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``a - a²`` is ``a·(1 - a)``, where it is called a."""
    of = (b.match(y, ops.power) or b.match(y, ops.square)) if isinstance(y, Var) else None
    squared = of is not None and of[0] is x and (len(of) == 1 or as_number(of[1]) == 2)
    if not squared or not isinstance(x, Var) or not x.given or y.given:
        return None
    return b.emit(ops.multiply, x, b.emit(ops.subtract, 1, x))


@rule(ops.power, when="formula")
def negative_power(b: Simplifier, x: Operand, p: Operand) -> Operand:
    """``x^-3`` is 1/x³, ``x^0`` is 1."""
    q = as_number(p)
    if q == 0 and is_float(x):
        return Full(1)
    if isinstance(q, bool) or not isinstance(q, int | float) or not q < 0:
        return None
    q = int(q) if q == int(q) else q
    return b.emit(ops.divide, 1, x if q == -1 else b.emit(ops.power, x, -q))


def terms_of(b: Simplifier, x: Operand, sign: float, found: dict[Hashable, list[Operand]]) -> int:
    """Add what ``x`` is a sum of to ``found``, by key; answer how many terms that were."""
    stack, n = [(x, sign)], 0
    while stack:
        y, c = stack.pop()
        inner = b.nameless(y)
        if inner is not None and inner.op in (ops.add, ops.subtract) and n < 16:
            left, right = inner.args
            stack += [(right, c if inner.op is ops.add else -c), (left, c)]
            continue
        n += 1
        d, y = (as_number(y), 1) if as_number(y) is not None else coefficient(b, y)
        entry = found.setdefault(key_of(y), [0, y])
        entry[0] += c * d
    return n


@each(SUMS, when="formula")
def like_terms(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x + 1 + (x - 1)`` is ``2·x``."""
    found: dict[Hashable, list[Operand]] = {}
    n = terms_of(b, x, 1, found) + terms_of(b, y, sign, found)
    if len(found) == n or n < 3:
        return None
    answer: Operand = None
    for c, z in sorted(found.values(), key=lambda part: part[0] < 0):
        size = c if answer is None else abs(c)
        term = size if isinstance(z, int) else scaled(b, size, z) if c else None
        if answer is None or term is None:
            answer = term if answer is None else answer
        else:
            answer = b.emit(ops.subtract if c < 0 else ops.add, answer, term)
    return answer


@rule(ops.subtract, when="formula")
def difference_of_equals(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x - x`` is 0."""
    return Full(0) if x is y and isinstance(x, Var) else None


@rule(ops.divide, when="formula")
def nothing_divided(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``0/y`` is 0."""
    return Full(0) if equals(x, 0) and isinstance(y, Var) else None


@rule(ops.exp, when="formula")
def exponential_of_logarithm(b: Simplifier, x: Operand) -> Operand:
    """The exponential of a logarithm is what that is of; of log-softmax, softmax."""
    if (inner := b.match(x, ops.log)) is not None:
        return inner[0]
    made = b.made_by.get(x) if isinstance(x, Var) else None
    if made is not None and made.op is ops.log_softmax:
        return b.emit(ops.softmax, *made.args, **made.kwargs)
    return None


@rule(ops.multiply, ops.matmul, when="formula")
def nothing(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x·0`` and ``X @ 0`` are 0."""
    return Full(0) if equals(x, 0) or equals(y, 0) else None


@rule(branch, when="formula")
def decided(b: Simplifier, condition: Operand, x: Operand, y: Operand) -> Operand:
    """``where(True, x, y)`` is ``x``."""
    c = condition if isinstance(condition, bool | np.bool_) else None
    if isinstance(condition, np.ndarray) and condition.size:
        c = condition.all() if condition.all() == condition.any() else None
    z = x if c else y
    return None if c is None else z if isinstance(z, Var) else Full(z)


@rule(ops.divide, when="formula")
def coefficient_of_quotient(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(2·x)/y`` is ``2·(x/y)``."""
    if as_number(x) is not None and as_number(x) < 0:
        return b.emit(ops.negative, b.emit(ops.divide, -as_number(x), y))
    c, u = coefficient(b, x)
    if c == 1 or as_number(y) is not None or shape_of(u) != shape_of(x):
        return None
    return scaled(b, c, b.emit(ops.divide, u, y))


@each(SUMS, when="formula")
def common_coefficient(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``2·x + 2·y`` is ``2·(x + y)``, ``2·x + (-3)·y`` is ``2·x - 3·y``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    d *= sign
    both = as_number(u) is None and as_number(v) is None
    if abs(c) == abs(d) != 1 and both:
        return scaled(b, c, b.emit(ops.add if c == d else ops.subtract, u, v))
    if abs(c) != 1 and as_number(v) is not None and abs(as_number(v)) == abs(c):
        return scaled(b, c, b.emit(ops.add if as_number(v) * sign == c else ops.subtract, u, 1))
    if d == -1 and ((c == -1 and both) or equals(x, -1)):
        return scaled(b, -1, b.emit(ops.add, u if both else 1, v))
    if d < 0 < sign:
        return b.emit(ops.subtract, x, scaled(b, -d, v))
    if c < 0 < d and sign > 0:
        return b.emit(ops.subtract, y, scaled(b, -c, u))
    return None


@rule(ops.not_equal, when="formula")
def other_than_itself(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x != x`` holds never."""
    return Full(False) if x is y and isinstance(x, Var) else None


@rule(ops.bitwise_or, when="formula")
def more_or_equal(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(x > y) | (x == y)`` is ``x >= y``."""
    same = b.match(y, ops.equal)
    for op, weaker in ((ops.greater, ops.greater_equal), (ops.less, ops.less_equal)):
        inner = b.match(x, op)
        if inner and same and {*map(key_of, inner)} == {*map(key_of, same)}:
            return b.emit(weaker, *inner)
    return None


@rule(ops.subtract, when="formula")
def more_by_a_number(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x - (-2)`` is ``x + 2``."""
    if as_number(y) is None or as_number(y) >= 0 or not is_float(x):
        return None
    return b.emit(ops.add, x, -as_number(y))


@rule(ops.add, when="formula")
def less_a_number(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x + (-2)`` is ``x - 2``."""
    for u, v in ((x, y), (y, x)):
        if as_number(v) is not None and as_number(v) < 0 and is_float(u):
            return b.emit(ops.subtract, u, -as_number(v))
    return None


FORMULAS = rules("read", "formula")
FREE = rules("free", "read", "formula")
"""With guards left out, which is right only where no value meets them."""
