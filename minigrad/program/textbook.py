"""Further identities, that make formulas shorter: for reading, not for computing."""

from __future__ import annotations

from minigrad import ops
from minigrad.program.builder import Builder, as_number
from minigrad.program.equations import Var
from minigrad.program.rules import coefficient, rule, scaled
from minigrad.typing import Operand


def powers(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """``x`` as a power: ``y**3`` gives ``(y, 3)``."""
    if (inner := b.match(x, ops.power)) is not None and isinstance(
        as_number(inner[1]), int | float
    ):
        return inner[0], as_number(inner[1])
    if (inner := b.match(x, ops.square)) is not None:
        return inner[0], 2
    return x, 1


def raised(b: Builder, x: Operand, p: Operand) -> Operand:
    p = int(p) if p == int(p) else p
    return x if p == 1 else b.emit(ops.power, x, p)


@rule(ops.multiply, when="read")
def product_of_powers(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x²·x`` is ``x³``."""
    (u, p), (v, q) = powers(b, x), powers(b, y)
    if u is v and isinstance(u, Var) and p + q != 0:
        return raised(b, u, p + q)
    if (inner := b.match(x, ops.multiply)) is not None and isinstance(y, Var):
        u, p = powers(b, inner[1])
        if u is v and p + q:
            return b.emit(ops.multiply, inner[0], raised(b, u, p + q))
    return None


@rule(ops.multiply, when="read")
def product_of_fractions(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x·(y/z)`` is ``(x·y)/z``."""
    if (inner := b.match(y, ops.divide)) is not None and as_number(x) is None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[0]), inner[1])
    if (inner := b.match(x, ops.divide)) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, inner[0], y), inner[1])
    return None


@rule(ops.multiply, when="read")
def reciprocal_factor(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x·y**-2`` is ``x / y²``."""
    for u, v in ((x, y), (y, x)):
        w, p = powers(b, v)
        if p < 0 and as_number(u) is None:
            return b.emit(ops.divide, u, raised(b, w, -p))
    return None


@rule(ops.divide, when="read")
def quotient_of_powers(b: Builder, x: Operand, y: Operand) -> Operand:
    """``(x/y)/y`` is ``x/y²``, ``x³/x`` is ``x²``."""
    v, q = powers(b, y)
    if (inner := b.match(x, ops.divide)) is not None:
        u, p = powers(b, inner[1])
        if u is v:
            return b.emit(ops.divide, inner[0], raised(b, v, p + q))
        if as_number(y) is None:
            return b.emit(ops.divide, inner[0], b.emit(ops.multiply, inner[1], y))
    u, p = powers(b, x)
    if u is v and p > q > 0 and isinstance(u, Var):
        return raised(b, u, p - q)
    return None


@rule(ops.divide, when="read")
def fraction_in_fraction(b: Builder, x: Operand, y: Operand) -> Operand:
    """``x/(y/z)`` is ``x·z/y``."""
    if (inner := b.match(y, ops.divide)) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[1]), inner[0])
    return None


@rule(ops.power, when="read")
def power_of_power(b: Builder, x: Operand, p: Operand) -> Operand:
    """``(x²)³`` is ``x⁶``."""
    u, q = powers(b, x)
    if q != 1 and isinstance(as_number(p), int) and isinstance(q, int):
        return raised(b, u, q * as_number(p))
    return None


@rule(ops.add, when="read")
def sum_of_multiples(b: Builder, x: Operand, y: Operand) -> Operand:
    """``2·x + x`` is ``3·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var):
        return scaled(b, c + d, u)
    return None


@rule(ops.subtract, when="read")
def difference_of_multiples(b: Builder, x: Operand, y: Operand) -> Operand:
    """``3·x - x`` is ``2·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var) and c != d:
        return scaled(b, c - d, u)
    return None
