"""Identities of closed forms alone: fractions below, differences turned round, common powers."""

from __future__ import annotations

from collections.abc import Hashable

from minigrad import ops
from minigrad.explain.factors import Factors, Simplifier, built, change, exponent, factors, is_sum
from minigrad.program.builder import as_number, key_of, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import SUMS, coefficient, each, is_float, rule, scaled
from minigrad.typing import Operand


def lowest(b: Simplifier, those: list[Factors]) -> list[Factors]:
    """Products with powers of one x^n, each as the lowest of them times powers of x."""
    least: dict[Hashable, int] = {}
    for parts in (exponent(b, y) for f in those for y, p in f.values() if p == 1):
        if parts is not None:
            of = key_of(parts[0]), key_of(parts[1])
            least[of] = min(parts[2], least.get(of, parts[2]))
    if not least:
        return those
    answer: list[Factors] = []
    for found in those:
        split: Factors = {}
        for y, p in found.values():
            parts = exponent(b, y) if p == 1 else None
            if parts is not None:
                x, n, k = parts
                less = least[key_of(x), key_of(n)]
                if k > less:
                    y = b.emit(ops.power, x, b.emit(ops.add, n, less) if less else n)
                    change(split, x, k - less)
            change(split, y, p)
        answer.append(split)
    return answer


@rule(ops.divide, when="closed")
def fraction_below(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x/(1 + u/c)`` is ``c·x/(c + u)``."""
    if not is_float(y) or y.given or not is_sum(b, y):
        return None
    op = b.made_by[y].op
    for k, (one, other) in enumerate((b.made_by[y].args, b.made_by[y].args[::-1])):
        if as_number(one) not in (1, 2):
            continue
        d, found = factors(b, other)
        below = {key: [z, -p] for key, (z, p) in found.items() if p < 0}
        if d != int(d) or not below or any(shape_of(z) for z, _ in below.values()):
            continue
        c, u = built(b, 1, below), built(b, d, {k: v for k, v in found.items() if k not in below})
        first = built(b, as_number(one), below)
        whole_sum = b.emit(op, *((first, u) if k == 0 else (u, first)))
        return b.emit(ops.divide, b.emit(ops.multiply, c, x), whole_sum)
    return None


def turned_difference(b: Simplifier, x: Operand, y: Operand = None) -> Operand:
    """``-c·(u - v)`` is ``c·(v - u)``."""
    c, z = (-1, x) if y is None else (as_number(x), y)
    inner = b.match(z, ops.subtract) if isinstance(z, Var) and not z.given else None
    if inner is None or c is None or c >= 0:
        return None
    return scaled(b, -c, b.emit(ops.subtract, *inner[::-1]))


for _op in (ops.negative, ops.multiply):
    rule(_op, when="closed")(turned_difference)


@rule(ops.exp, when="closed")
def exponential_of_a_name(b: Simplifier, x: Operand) -> Operand:
    """The exponential of what is called a log-softmax is the softmax."""
    made = b.origin(x)
    if made is None or made.op is not ops.log_softmax or made.args[0] not in b.values:
        return None
    b.fixed.update(z for z in (x, *made.args) if isinstance(z, Var))
    return b.emit(ops.softmax, *made.args, **made.kwargs)


@rule(ops.matmul, when="closed")
def row_times_product(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x (B Aᵀ)`` is ``A Bᵀ x``."""
    inner = b.match(y, ops.matmul) if len(shape_of(x)) == 1 and len(shape_of(y)) == 2 else None
    if inner is None or y.given or all(b.match(z, ops.transpose) is None for z in inner):
        return None
    return b.emit(ops.matmul, b.emit(ops.transpose, y), x)


def turned_inside(b: Simplifier, x: Operand) -> Operand:
    """``xᵀ``, with transposes of what has a name alone."""
    c, y = coefficient(b, x)
    if c != 1:
        return scaled(b, c, turned_inside(b, y))
    made = b.made_by.get(x) if isinstance(x, Var) and not x.given else None
    shapes = [shape_of(z) for z in made.args] if made is not None else []
    if made is not None and made.op is ops.transpose:
        return made.args[0]
    if made is not None and made.op is ops.matmul and all(len(s) == 2 for s in shapes):
        return b.emit(ops.matmul, *(turned_inside(b, z) for z in made.args[::-1]))
    if made is not None and made.op in SUMS and shapes == [made.out.shape] * 2:
        return b.emit(made.op, *(turned_inside(b, z) for z in made.args))
    return b.emit(ops.transpose, x)


@each(SUMS, when="closed")
def beside_its_transpose(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``X + Xᵀ`` is ``2·X`` where X is AᵀA or the like, and 0 where it is A - Aᵀ."""
    if len(shape_of(x)) != 2 or shape_of(x) != shape_of(y):
        return None
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    for own, k, other, n in ((u, c, v, sign * d), (v, sign * d, u, c)):
        inner = b.match(own, ops.transpose) if isinstance(own, Var) and not own.given else None
        if inner is None or not isinstance(inner[0], Var) or inner[0].given:
            continue
        turned = turned_inside(b, inner[0])
        if key_of(turned) == key_of(other):
            return scaled(b, n + k, other)
        parts = b.match(turned, ops.subtract) if isinstance(turned, Var) else None
        if parts is not None and key_of(b.emit(ops.subtract, *parts[::-1])) == key_of(other):
            return scaled(b, n - k, other)
    return None
