"""One normal form of products: a number times powers of what is no product itself.

What is above and below cancels, roots meet what they are of, signs and what is no array go
in front.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops import determinants
from minigrad.ops.record import Op
from minigrad.program.builder import Builder, Full, Rules, as_number, axes_of, key_of, shape_of
from minigrad.program.equations import Equation, Var
from minigrad.program.rules import (
    SUMS,
    common_size,
    constant_along,
    each,
    is_float,
    is_plain_reduction,
    rule,
    scaled,
)
from minigrad.program.textbook import raised
from minigrad.typing import Array, Axis, Function, Operand, Shape
from minigrad.writing.notation import identity, inverse_transposed, onehot, outer, repetition
from minigrad.writing.numbers import surd

Factors = dict[Operand, list[Operand]]
"""Key -> what is multiplied, and its exponent."""

MANY = 24
"""Products of more factors are left as they are."""

UNFOLDED = frozenset([ops.scatter, onehot, identity])
"""What has a name of its own, though it is made of constants."""


class Simplifier(Builder):
    """A builder of formulas: it knows what variables hold, and how those with names were made.

    Attributes
    ----------
    values : dict
        Variable -> what it holds, of those that have a name.
    sizes : dict
        Variable -> the length that it is.
    results : dict
        Variable that is a name -> the equation that it is the result of.
    facts : dict
        Variable -> what was used of it.
    known : dict
        Variable -> its value, of arrays that no Tensor enters.
    fixed : set
        Variables of which it was used how they depend on each other.
    freed : bool
        Whether a guard was left out, which is right only where no value meets it.
    kinked : bool
        Whether the sign of something enters, whose value at 0 is nobody's business then.
    rests : bool
        Whether both σ(u) and σ(-u) enter.
    """

    unfolded = UNFOLDED
    reductions: tuple[Function, ...] = ()
    freed = kinked = rests = busy = summing = False

    def __init__(self, rules: Rules, values: dict[Var, Array], sizes: dict[Var, int]) -> None:
        super().__init__(rules)
        self.values, self.sizes = values, sizes
        self.results: dict[Var, Equation] = {}
        self.facts: dict[Var, str] = {}
        self.known: dict[Var, Array] = {}
        self.fixed: set[Var] = set()

    def nameless(self, x: Operand) -> Equation | None:
        """The equation of ``x``, where that has no name."""
        return self.made_by.get(x) if isinstance(x, Var) and not x.given else None

    def origin(self, x: Operand) -> Equation | None:
        """The equation of ``x``, seen through its name where closed forms are looked for."""
        return self.nameless(x)

    def terms(self, x: Operand) -> list[tuple[float, Operand]] | None:
        """What ``x`` is the sum of when it is multiplied out, with coefficients."""
        raise NotImplementedError


def leaves(b: Simplifier, x: Operand) -> Iterator[Operand]:
    """The names and numbers that are written for ``x``, each as often as it is."""
    stack = [x]
    while stack:
        y = stack.pop()
        if (made := b.nameless(y)) is not None:
            stack += made.args
        else:
            yield y


def power_of(found: Factors, key: Operand) -> float:
    """The exponent of what has this key in a product, 0 if that is no factor."""
    return found[key][1] if key in found else 0


def change(found: Factors, y: Operand, p: float) -> None:
    """Multiply a product by ``y**p``."""
    found.setdefault(key_of(y), [y, 0])[1] += p


def factors(b: Simplifier, x: Operand, p: float = 1) -> tuple[float, Factors]:
    """``x**p`` as a number times powers of what is no product itself."""
    c, found, stack = 1.0, {}, [(x, p)]  # type: tuple[float, Factors, list[Any]]
    while stack:
        y, q = stack.pop()
        n = as_number(y)
        if n is not None and (n or q >= 0):
            c *= float(n) ** q
            continue
        inner = opened(b, y) if isinstance(y, Var) else None
        if inner is None or len(found) > MANY:
            change(found, y, q)
        else:
            stack += [(z, q * r) for z, r in reversed(inner)]
    return c, normal(b, found)


def opened(b: Simplifier, y: Var) -> list[tuple[Operand, Operand]] | None:
    """What ``y`` is the product of, with exponents; None for sums, names and the like."""
    made = b.nameless(y)
    if made is None or y.dtype.kind != "f":
        return None
    if made.op is ops.negative:
        return [(-1, 1), (made.args[0], 1)]
    if made.op is ops.power:
        p = as_number(made.args[1])
        return [(made.args[0], p)] if type(p) is int else None
    exponents = EXPONENTS.get(made.op)
    return list(zip(made.args, exponents, strict=True)) if exponents else None


EXPONENTS: dict[Op, Shape] = {ops.multiply: (1, 1), ops.divide: (1, -1), ops.square: (2,)}
"""Op -> to which powers its arguments are factors of the result."""


def product(*those: Factors) -> Factors:
    """The product of products, as it is."""
    together: Factors = {}
    for z, p in (part for found in those for part in found.values()):
        change(together, z, p)
    return {k: part for k, part in together.items() if part[1]}


def merged(b: Simplifier, *those: Factors) -> Factors:
    """The product of products."""
    return normal(b, product(*those))


def normal(b: Simplifier, found: Factors) -> Factors:
    """Roots, quotients that have a name, and cofactors over their determinant, as one factor."""
    first = (roots_squared, named_powers, signs, names_of_quotients, inverse_by_cofactors)
    for reduce in (*first, *b.reductions):
        found = {key: part for key, part in reduce(b, found).items() if part[1]}
    return found


def roots_squared(b: Simplifier, found: Factors) -> Factors:
    """``√u·√u`` is ``u``, ``u/√u`` is ``√u``."""
    for key, (y, p) in list(found.items()):
        inner = b.match(y, ops.sqrt)
        if inner is None or y.given:
            continue
        of = key_of(inner[0])
        total = power_of(found, of) + p / 2
        if abs(p) >= 2 or (of in found and total != int(total)):
            full = int(total)
            found[key][1] = int(2 * (total - full))
            found[of] = [inner[0], full]
    return found


def exponent(b: Simplifier, y: Operand) -> tuple[Operand, Operand, int] | None:
    """``x, n, k`` where ``y`` is ``x^(n + k)`` and n is no number; None for others."""
    x, p = (b.match(y, ops.power) if isinstance(y, Var) and not y.given else None) or (None, None)
    if x is None or as_number(p) is not None or shape_of(p):
        return None
    for op, sign in ((ops.add, 1), (ops.subtract, -1)):
        n, k = b.match(p, op) or (p, None)
        if type(as_number(k)) in (int, float) and as_number(k) == int(as_number(k)) and not p.given:
            return x, n, sign * int(as_number(k))
    return x, p, 0


def named_powers(b: Simplifier, found: Factors) -> Factors:
    """``x^(n - 1)·x`` is ``x^n``, and so is ``(t/x)^(n - 1)·t`` beside an x."""
    for key, (y, p) in list(found.items()):
        if p != 1 or (parts := exponent(b, y)) is None:
            continue
        x, n, k = parts
        c, base = factors(b, x)
        whole = power_of(found, key_of(x))
        if c != 1 or (len(base) != 1 and not k):
            continue
        if len(base) == 1:
            more, base = whole, {key_of(x): [x, 1]}
        else:
            met = any(power_of(found, z) * q * k < 0 for z, (_, q) in base.items())
            more = -k if met else 0
        if not more:
            continue
        found[key][1] = 0
        power = b.emit(ops.power, x, b.emit(ops.add, n, k + more) if k + more else n)
        change(found, power, 1)
        for u, q in base.values():
            change(found, u, -q * more)
    return found


def signs(b: Simplifier, found: Factors) -> Factors:
    """``sign(u)/|u|`` is 1/u, ``sign(u)·|u|`` is u, ``sign(u)·u`` is |u|."""
    for y, p in list(found.values()):
        of = b.match(y, ops.sign) if p > 0 else None
        if of is not None and power_of(found, key_of(of[0])) >= 1:
            change(found, y, -1)
            change(found, of[0], -1)
            change(found, b.emit(ops.absolute, *of), 1)
            continue
        for z, q in list(found.values()) if of is not None else ():
            inner = b.match(z, ops.absolute)
            if of is not None and inner is not None and inner[0] is of[0] and q:
                change(found, y, -1)
                change(found, z, -1 if q > 0 else 1)
                change(found, of[0], 1 if q > 0 else -1)
                break
    return found


def names_of_quotients(b: Simplifier, found: Factors) -> Factors:
    """``u/v`` by its name."""
    for below, (v, q) in list(found.items()):
        for u, p in list(found.values()) if q < 0 and len(found) <= MANY else ():
            if not p > 0 > found[below][1] or not isinstance(u, Var):
                continue
            root = b.keep(ops.sqrt, (v,), {}, None) if b.knows(ops.sqrt, v) else None
            for divisor in (v, root) if root is not None else (v,):
                if (name := named(b, u, divisor)) is not None:
                    for z, k in ((u, -1), (v, 1), (name, 1)):
                        change(found, z, k)
                    if divisor is root:  # 1/v = 1/(√v·√v)
                        change(found, root, -1)
                    break
    return found


def named(b: Simplifier, x: Operand, y: Operand) -> Var | None:
    """The variable with a name that is x/y, if there is one."""
    a = b.keep(ops.divide, (x, y), {}, None) if b.knows(ops.divide, x, y) else None
    return a if isinstance(a, Var) and a.given else None


def inverse_by_cofactors(b: Simplifier, found: Factors) -> Factors:
    """``cofactors(A)/det A`` is ``A⁻ᵀ``."""
    for y, p in list(found.values()):
        u = b.match(y, determinants.cofactors) if p > 0 else None
        for z, q in list(found.values()) if u is not None else ():
            v = b.match(unpadded(b, z), determinants.det) if q < 0 else None
            if v is not None and u is not None and v[0] is u[0]:
                change(found, y, -1)
                change(found, z, 1)
                change(found, b.keep(inverse_transposed, u, {}, Var("t", y.shape, y.dtype)), 1)
    return found


def reframed(b: Simplifier, z: Operand, op: Op) -> Operand:
    """What ``z`` shows with further axes of length 1, in the same order; None for others."""
    made = b.made(z, op)
    if made is None:
        return None
    parts = made.kwargs.get("index", ())
    parts = parts if isinstance(parts, tuple) else (parts,)
    plain = not any(isinstance(part, Var | np.ndarray | list | range) for part in parts)
    whole = plain and all(p is None or p is Ellipsis or p == slice(None) for p in parts)
    return made.args[0] if whole else None


def unpadded(b: Simplifier, z: Operand) -> Operand:
    """``z`` without the axes of length 1 at its end."""
    for op in (ops.elements, ops.reshape, ops.expand_dims):
        inner = reframed(b, z, op)
        if inner is not None and z.shape[: len(shape_of(inner))] == shape_of(inner):
            return inner if math.prod(z.shape) == math.prod(shape_of(inner)) else z
    return z


def product_of(b: Simplifier, found: Factors, sign: int = 1) -> Operand:
    """The product of the factors with positive exponents, or of the others for sign -1."""
    parts = [(y, abs(p)) for y, p in found.values() if p * sign > 0]
    if sign < 0:  # below, numbers and names come first
        sizes = {id(y) for y in b.sizes}
        parts.sort(key=lambda part: (id(part[0]) not in sizes, is_sum(b, part[0])))
    powers = (raised(b, y, p) for y, p in parts)
    return functools.reduce(functools.partial(b.emit, ops.multiply), powers) if parts else None


def is_sum(b: Simplifier, x: Operand) -> bool:
    return (made := b.nameless(x)) is not None and made.op in SUMS


def literal_roots(b: Simplifier, c: float, found: Factors) -> list[Operand]:
    """The roots of numbers in a product whose coefficient has a root as well: ``1/√π·x/√2``."""
    if not found or (surd(abs(c)) or ("",))[0] != "root":
        return []
    roots = [(k, b.match(y, ops.sqrt)) for k, (y, _) in found.items()]
    return [k for k, inner in roots if inner is not None and inner[0] in b.sizes]


def built(b: Simplifier, c: float, found: Factors) -> Operand:
    """A number times a product, over one."""
    for k in literal_roots(b, c, found):
        y, p = found[k]
        c *= math.sqrt(b.sizes[b.match(y, ops.sqrt)[0]]) ** p  # type: ignore[index]
        found = {key: part for key, part in found.items() if key != k}
    above, below = product_of(b, found), product_of(b, found, -1)
    if below is not None and 0 < abs(c) <= 0.5 and (1 / c) % 1 == 0 and (1 / c) % 5:
        below, c = b.emit(ops.multiply, int(abs(1 / c)), below), 1 if c > 0 else -1
    if above is None and below is not None:
        size, sign = abs(c), 1 if c > 0 else -1
        return scaled(b, sign, b.emit(ops.divide, size, below))
    if below is not None:
        above = b.emit(ops.divide, above, below)
    return c if above is None else scaled(b, c, above)


# --- rules ---------------------------------------------------------------------------------


@each({ops.multiply: 1, ops.divide: -1}, when="formula")
def cancelled(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x·(y/x)`` is ``y``, ``2·x/(2·y)`` is ``x/y``, ``x²·x`` is ``x³``."""
    if not (is_float(y) or is_float(x)) or (kinds(x) != kinds(y) and None not in kinds(x, y)):
        return None
    (c, above), (d, below) = factors(b, x), factors(b, y, sign)
    if not math.isfinite(size := c * d) or not size:
        return None
    together = merged(b, above, below)
    reduced = as_number(y) is None and abs(c) != 1 != abs(d)
    inverse = sign < 0 and as_number(y) is None and abs(d) != 1
    inverse &= not (abs(c) == 1 and (1 / d) % 1 == 0)
    inverse |= sign > 0 and any(
        f and as_number(z) is None and all(p < 0 for _, p in f.values())
        for f, z in ((above, x), (below, y))
    )
    if not (
        weight(b, together) < weight(b, above) + weight(b, below)
        or reduced
        or inverse
        or (as_number(x) is None and c != 1 and sign > 0)
        or (as_number(y) is None and d != 1 and (d < 0 or sign > 0))
        or literal_roots(b, size, together)
    ):
        return None
    return Full(built(b, size, together))


def weight(b: Simplifier, found: Factors) -> int:
    """How many factors there are, a power with a sum above as two."""
    return len(found) + sum(bool((exponent(b, y) or (0, 0, 0))[2]) for y, _ in found.values())


def kinds(*xs: Operand) -> set[np.dtype[np.generic] | None]:
    """The dtypes of variables; None for numbers and counts, which take that of the others."""
    return {x.dtype if isinstance(x, Var) and x.dtype.kind not in "iu" else None for x in xs}


def is_call(b: Simplifier, x: Operand) -> bool:
    """Whether ``x`` is written as a function of something, or as a sum over something."""
    made = b.made_by.get(x) if isinstance(x, Var) else None
    return made is not None and (made.op in CALLS or exponent(b, x) is not None)


CALLS = {ops.sum, ops.mean, ops.exp, ops.log, ops.log1p, ops.sin, ops.cos, ops.tan}


@rule(ops.multiply, when="formula")
def names_first(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``log(x)·n`` is ``n·log(x)``."""
    if not isinstance(x, Var) or not is_float(y) or not y.given or x.shape != y.shape:
        return None
    if is_call(b, x):
        return b.emit(ops.multiply, y, x)
    inner = b.match(x, ops.multiply) if not x.given else None
    if inner is None or not is_call(b, inner[1]) or shape_of(inner[0]) not in (y.shape, ()):
        return None
    return b.emit(ops.multiply, b.emit(ops.multiply, inner[0], y), inner[1])


@rule(ops.square, ops.power, when="formula")
def root_in_a_power(b: Simplifier, x: Operand, p: Operand = 2) -> Operand:
    """``(z/√2)²`` is ``z²/2``."""
    if type(as_number(p)) is not int or not is_float(x) or x.given:
        return None
    c, found = factors(b, x)
    roots = any(b.match(y, ops.sqrt) and not y.given for y, _ in found.values())
    size = c ** as_number(p)
    plain = Fraction(size).limit_denominator(64)
    near = abs(float(plain) - size) <= 4e-16 * abs(size) and size
    if not roots and (not near or c == float(Fraction(c).limit_denominator(64))):
        return None
    power = {k: [y, q * as_number(p)] for k, (y, q) in found.items()}
    answer = built(b, float(plain) if near else size, normal(b, power))
    return answer if shape_of(answer) == x.shape else None


def scalars_of(b: Simplifier, x: Operand) -> tuple[float, Factors, Operand]:
    """``x`` as a number, factors that are no arrays, and the rest."""
    if not shape_of(x) or not is_float(x) or x.given:
        return 1, {}, x
    c, found = factors(b, x)
    outside = {k: part for k, part in found.items() if not shape_of(part[0])}
    inside = {k: part for k, part in found.items() if k not in outside}
    if (c == 1 and not outside) or not inside:
        return 1, {}, x
    rest = built(b, 1, inside)
    return (c, outside, rest) if shape_of(rest) == shape_of(x) else (1, {}, x)


LINEAR = (
    ops.sum, ops.matmul, ops.transpose, ops.reshape, ops.swapaxes, ops.moveaxis, ops.elements,
    ops.flip, ops.cumsum, ops.convolve, outer, repetition,
)  # fmt: skip


@each(LINEAR, when="formula")
def linear(op: Op, b: Simplifier, *args: Operand, **kwargs: Any) -> Operand:
    """``Σ c·x`` is ``c·Σ x``, ``A @ (c·x)`` is ``c·(A @ x)``."""
    if op is ops.sum and not is_plain_reduction(kwargs):
        return None
    parts = [scalars_of(b, x) for x in args]
    if all(rest is x for (_, _, rest), x in zip(parts, args, strict=True)):
        return None
    c = math.prod(d for d, _, _ in parts)
    found = merged(b, *(scalars for _, scalars, _ in parts))
    inner = b.emit(op, *(rest for _, _, rest in parts), **kwargs)
    if (n := as_number(inner)) is None:
        return built(b, c, merged(b, found, {key_of(inner): [inner, 1]}))
    return Full(built(b, c * float(n), found))


@rule(ops.sum, when="formula")
def constant_in_a_sum(
    b: Simplifier, x: Operand, axis: Axis = None, keepdims: bool = False, **others: Any
) -> Operand:
    """``Σᵢ xᵢⱼ·vⱼ`` is ``vⱼ·Σᵢ xᵢⱼ``."""
    if not is_plain_reduction(others) or axis is None or not is_float(x) or x.given:
        return None
    axes = axes_of(x, axis)
    c, found = factors(b, x)
    still = {k: part for k, part in found.items() if constant_along(part[0], x, axes, keepdims)}
    rest = built(b, c, {k: part for k, part in found.items() if k not in still})
    if not still or shape_of(rest) != x.shape:
        return None
    kept = {"keepdims": True} if keepdims else {}
    d, more = factors(b, b.emit(ops.sum, rest, axis=axis, **kept))
    return built(b, d, merged(b, still, more))


@each(SUMS, when="formula")
def common_factors(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x/m - y/m`` is ``(x - y)/m``, ``g ⊙ u - g ⊙ v`` is ``g ⊙ (u - v)``."""
    if kinds(x) != kinds(y) or not is_float(x):
        return None
    (c, above), (d, below) = factors(b, x), factors(b, y)
    common = {k: part for k, part in above.items() if power_of(below, k) == part[1]}
    rests = [{k: v for k, v in f.items() if k not in common} for f in (above, below)]
    if not common or not any(rests) or all(p < 0 for r in rests for _, p in r.values()):
        return None
    if not all(rests) and any(shape_of(z) for z, _ in common.values()):
        return None  # x·y + x stays that
    e = common_size([c, d])
    if c < 0 and sign * d < 0:
        e = -e
    elif c < 0:  # a difference begins with what is added
        c, d, rests = sign * d, sign * c, rests[::-1]
    (u, v) = (built(b, k / e, rest) for k, rest in zip((c, d), rests, strict=True))
    if not all(is_float(z) or as_number(z) is not None for z in (u, v)):
        return None  # truth values are not added
    inner = b.emit(ops.add if sign > 0 else ops.subtract, u, v)
    shapes = [shape_of(z) for z in (inner, *(z for z, _ in common.values()))]
    whole = np.broadcast_shapes(x.shape, y.shape)
    if not isinstance(inner, Var) or np.broadcast_shapes(*shapes) != whole:
        return None
    d, more = factors(b, inner)
    return built(b, e * d, merged(b, common, more))
