"""Identities of closed forms: σ and softmax spelt out, sums that are known, symmetric matrices."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.entries import weighted
from minigrad.explain.factors import (
    Factors,
    Simplifier,
    built,
    change,
    factors,
    merged,
    power_of,
    reframed,
    unpadded,
)
from minigrad.explain.linear import inverse
from minigrad.ops import matrices
from minigrad.ops.elementwise import branch
from minigrad.ops.record import Op
from minigrad.program.builder import Full, as_number, axes_of, equals, is_identity, key_of, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import coefficient, is_float, is_plain_reduction, rule, scaled
from minigrad.typing import Axis, Operand
from minigrad.writing.notation import above, below, identity, inverse_transposed, onehot, outer

# --- factors -------------------------------------------------------------------------------


def made_as(b: Simplifier, y: Operand, op: Op) -> Operand:
    """Arguments of ``op``, if ``y`` is its result, by name or not."""
    made = b.origin(y)
    return made.args if made is not None and made.op is op else None


def one_and(b: Simplifier, z: Operand) -> Operand:
    """``u`` where ``z`` is ``1 + u``."""
    inner = made_as(b, z, ops.add) or ()
    return next((v for u, v in (inner, inner[::-1]) if equals(u, 1)), None) if inner else None


def spelt_out(b: Simplifier, y: Operand) -> tuple[Operand, int, int] | None:
    """``u, j, k`` where ``y`` is ``σ(u)^j·σ(-u)^k``; of ``exp(-u)`` that is -1, 1."""
    inner, sign, j, k = b.match(y, ops.sigmoid), 1, 1, 0
    if inner is None and (inner := made_as(b, y, ops.exp)) is not None:
        j, k = 1, -1
    elif inner is None and isinstance(e := one_and(b, y), Var):
        inner, j, k = made_as(b, e, ops.exp), 0, -1
    elif inner is None:
        one, rest = b.match(y, ops.subtract) or (None, None)
        inner, j, k = b.match(rest, ops.sigmoid) if equals(one, 1) else None, 0, 1
    if inner is None:
        return None
    if (minus := b.match(inner[0], ops.negative)) is not None:
        inner, sign = minus, -1
    return (inner[0], j, k) if sign > 0 else (inner[0], k, j)


def sigmoids(b: Simplifier, found: Factors) -> Factors:
    """``exp(u)/(1 + exp(u))`` is σ(u), and so is ``1/(1 + exp(-u))``; ``σ(u)·exp(-u)`` is σ(-u)."""
    families: dict[Hashable, list[Operand]] = {}
    for y, p in found.values():
        if (part := spelt_out(b, y)) is not None:
            families.setdefault(key_of(part[0]), []).append((y, p, *part))
    for parts in families.values():
        u, many = parts[0][2], sum(abs(p) for _, p, *_ in parts)
        above, rest = (sum(part[1] * part[n] for part in parts) for n in (3, 4))
        if all(made_as(b, y, ops.exp) is not None for y, *_ in parts):
            continue
        shorter = abs(above) + abs(rest) < many
        if not shorter and (
            rest or above != many or all(b.match(p[0], ops.sigmoid) for p in parts)
        ):
            continue
        for y, p, *_ in parts:
            change(found, y, -p)
        written = (y for y, *_ in parts if b.match(y, ops.subtract) is not None)
        if above:
            change(found, b.emit(ops.sigmoid, u), above)
        if rest:
            minus = b.emit(ops.sigmoid, b.emit(ops.negative, u))
            change(found, next(written, minus), rest)
    return found


def shares(b: Simplifier, found: Factors) -> Factors:
    """``exp(u)/Σ exp(u)`` is softmax(u)."""
    for z, q in list(found.values()):
        total = b.origin(z) if q < 0 else None
        if total is None or total.op is not ops.sum:
            total = b.origin(unpadded(b, z)) if q < 0 and isinstance(z, Var) else None
        if total is None or total.op is not ops.sum or not is_plain_reduction(total.kwargs):
            continue
        e = total.args[0]
        u = made_as(b, e, ops.exp)
        axis, n = total.kwargs.get("axis"), len(shape_of(e))
        along = -1 if n == 1 else axis
        if u is None or not isinstance(along, int) or power_of(found, key_of(e)) <= 0:
            continue
        kept = tuple(1 if i == along % n else k for i, k in enumerate(shape_of(e)))
        if shape_of(z) == kept or n == 1:
            change(found, e, -1)
            change(found, z, 1)
            change(found, op_by_name(b, ops.softmax, u[0], axis=along), 1)
    return found


def op_by_name(b: Simplifier, op: Op, x: Operand, **kwargs: Any) -> Operand:
    """``op`` of a name, by the name that the result has."""
    if isinstance(x, Var) and x in b.values:
        value = op.forward(b.values[x], **kwargs)
        for v, held in b.values.items():
            if v.shape == np.shape(value) and np.allclose(held, value, rtol=1e-12, atol=0.0):
                b.fixed.update((v, x))
                return v
    return b.emit(op, x, **kwargs)


def names_of_products(b: Simplifier, found: Factors) -> Factors:
    """``u/a`` is ``1/v`` where ``a = u·v``, and ``a·v`` is ``u`` where ``a = u/v``."""
    for a, p in list(found.values()):
        made = b.results.get(a) if isinstance(a, Var) and a.given else None
        if made is None or made.op not in (ops.multiply, ops.divide):
            continue
        u, v = made.args
        if not all(z in b.values if isinstance(z, Var) else True for z in (u, v)):
            continue
        over = made.op is ops.divide
        has = {key: part[1] for key, part in found.items()}
        first, second = has.get(key_of(u), 0), has.get(key_of(v), 0) * (-1 if over else 1)
        sign = 1 if p > 0 else -1
        if equals(u, 1):
            first = 0
        if sign * first < 0 or sign * second < 0:
            b.fixed.update(z for z in (a, u, v) if isinstance(z, Var))
            change(found, a, -sign)
            change(found, v, -sign if over else sign)
            if not equals(u, 1):
                change(found, u, sign)
    return found


def chosen(b: Simplifier, found: Factors) -> Factors:
    """``onehot(t)·p/p[t]`` is onehot(t)."""
    for y, p in list(found.values()):
        hot = b.match(y, onehot) if p > 0 else None
        for z, q in list(found.values()) if hot is not None else ():
            made = b.made(z, ops.elements) if q < 0 else None
            if made is None or key_of(made.kwargs["index"]) != key_of(hot[0]):  # type: ignore[index]
                continue
            if power_of(found, key_of(made.args[0])) > 0:
                change(found, made.args[0], -1)
                change(found, z, 1)
    return found


def entries(b: Simplifier, found: Factors) -> Factors:
    """One entry of an array, kept as an axis, is a number beside that array."""
    for y, p in list(found.values()):
        inner = b.match(y, ops.reshape)
        if inner is None or shape_of(inner[0]) or y.given:
            continue
        if any(len(shape_of(z)) >= len(y.shape) for z, _ in found.values() if z is not y):
            change(found, y, -p)
            change(found, inner[0], p)
    return found


REDUCTIONS = (names_of_products, sigmoids, shares, entries, chosen, weighted)


# --- σ, as it is computed ------------------------------------------------------------------


@rule(ops.subtract, when="formula")
def rest_of_sigmoid(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1 - σ(-u)`` is ``σ(u)``."""
    inner = b.match(y, ops.sigmoid)
    if inner is None or not equals(x, 1) or y.given:
        return None
    c, u = coefficient(b, inner[0])
    return b.emit(ops.sigmoid, scaled(b, -c, u)) if c < 0 else None


@rule(ops.subtract, when="closed")
def rest_within_a_sum(b: Any, x: Operand, y: Operand) -> Operand:
    """``1 - u - σ(-v)`` is ``σ(v) - u``."""
    minus = b.match((b.match(y, ops.sigmoid) or (None,))[0], ops.negative)
    terms = b.terms(x) if minus is not None and is_float(x) and not x.given else None
    if not any(equals(z, 1) and c == 1 for c, z in terms or ()):
        return None
    rest = b.emit(ops.subtract, x, x.dtype.type(1))
    return b.emit(ops.add, b.emit(ops.sigmoid, *minus), rest)


@rule(ops.bitwise_and, when="formula")
def infinite_and_zero(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(u == 0) & isinf(u)`` holds never."""
    for one, other in ((x, y), (y, x)):
        zero, large = b.match(one, ops.equal), b.match(other, ops.isinf)
        if zero and large and equals(zero[1], 0) and zero[0] is large[0]:
            return Full(False)
    return None


@rule(ops.exp, when="formula")
def share_of_a_sum(b: Simplifier, x: Operand) -> Operand:
    """``exp(-log(1 + eᵘ))`` is ``σ(-u)``; ``exp(u - log Σ eᵘ)`` is softmax(u).

    The negative of a difference is written as the difference the other way.
    """
    if (minus := b.match(x, ops.negative)) is not None:
        inner = b.match(minus[0], ops.logaddexp) or ()
        for zero, u in (inner, inner[::-1]) if inner else ():
            if equals(zero, 0):
                ends = b.match(u, ops.subtract)
                back = b.emit(ops.subtract, *ends[::-1]) if ends else b.emit(ops.negative, u)
                return b.emit(ops.sigmoid, back)
    u, total = b.match(x, ops.subtract) or (None, None)
    made = b.made(total, ops.logsumexp) or b.made(unpadded_sum(b, total), ops.logsumexp)
    if made is None or made.args[0] is not u or not is_plain_reduction(made.kwargs):
        return None
    axis = made.kwargs.get("axis")
    if not isinstance(axis, int):
        return b.emit(ops.softmax, u, axis=-1) if len(shape_of(u)) == 1 else None
    kept = tuple(1 if i == axis % len(u.shape) else n for i, n in enumerate(u.shape))
    wide = kept == shape_of(total) or len(u.shape) == 1
    return b.emit(ops.softmax, u, axis=axis) if wide else None


def unpadded_sum(b: Simplifier, x: Operand) -> Operand:
    """What ``x`` shows with an axis of length 1 somewhere; ``x`` itself, if with none."""
    for op in (ops.elements, ops.reshape, ops.expand_dims):
        if (inner := reframed(b, x, op) if isinstance(x, Var) else None) is not None:
            return inner
    return x


@rule(ops.sigmoid, when="closed")
def beside_its_rest(b: Simplifier, x: Operand) -> Operand:
    """``σ(-u)`` is ``1 - σ(u)`` where both are written."""
    minus = b.match(x, ops.negative) if b.rests else None
    if minus is None or not b.knows(ops.sigmoid, *minus):
        return None
    return b.emit(ops.subtract, x.dtype.type(1), b.emit(ops.sigmoid, *minus))


def positive(b: Simplifier, mask: Operand) -> Operand:
    """``u`` where a truth value is ``u > 0``, or at a tie as well; None for others."""
    made = b.made_by.get(mask) if isinstance(mask, Var) and mask.dtype.kind == "b" else None
    if made is None or made.op not in (ops.greater, ops.greater_equal):
        return None
    u, zero = made.args
    return u if is_float(u) and equals(zero, 0) else None


@rule(ops.multiply, when="closed")
def step_between(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1[u > 0]`` is half at 0, where there is a sign of ``u`` beside it, which is 0 there."""
    u = positive(b, y) if b.kinked and as_number(x) is not None else None
    return None if u is None else scaled(b, as_number(x), b.emit(above, u, u.dtype.type(0)))


@rule(branch, when="closed")
def step_of_choice(b: Simplifier, condition: Operand, x: Operand, y: Operand) -> Operand:
    """``where(u > 0, 1, 0)`` is half at 0 as well, as in `step_between`."""
    u = positive(b, condition) if b.kinked and equals(x, 1) and equals(y, 0) else None
    return None if u is None else b.emit(above, u, u.dtype.type(0))


@rule(below, when="closed")
def step_from_below(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``1[u < 0]`` is ``1 - 1[u > 0]``."""
    if not b.kinked or not is_float(x) or not equals(y, 0):
        return None
    return b.emit(ops.subtract, x.dtype.type(1), b.emit(above, x, x.dtype.type(0)))


@rule(ops.multiply, when="closed")
def sigmoid_of_distance(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``sign(u)·σ(-|u|)`` is ``1[u > 0] - σ(u)``, as stable code for log(1 + eᵘ) has it."""
    (c, found), (d, more) = factors(b, x), factors(b, y)
    found = merged(b, found, more)
    for z, p in list(found.values()):
        of = b.match(z, ops.sign) if p == 1 else None
        if of is None:
            continue
        far = b.emit(ops.sigmoid, b.emit(ops.negative, b.emit(ops.absolute, *of)))
        if power_of(found, key_of(far)) != 1:
            continue
        change(found, z, -1)
        change(found, far, -1)
        rest = b.emit(
            ops.subtract, b.emit(above, of[0], of[0].dtype.type(0)), b.emit(ops.sigmoid, *of)
        )
        found = {k: part for k, part in found.items() if part[1]}
        return built(b, c * d, merged(b, found, {key_of(rest): [rest, 1]}))
    return None


# --- sums ------------------------------------------------------------------------------


def known_total(b: Simplifier, x: Operand, axis: Axis) -> float | None:
    """What ``x`` adds up to along its last axis or all, wherever; None where that is not known."""
    axes, shape = axes_of(x, axis), shape_of(x)
    if (c := as_number(x)) is not None:
        return float(c) * math.prod(shape[a] for a in axes)
    if is_identity(x) or b.match(x, identity) is not None:
        return 1.0 if len(axes) == 1 else None
    if not isinstance(x, Var) or not shape or axes != {len(shape) - 1}:
        return total_of_values(b, x, axis) if isinstance(x, Var) else None
    inner = b.match(x, ops.broadcast_to)
    if inner is not None and as_number(inner[0]) is not None:
        return float(as_number(inner[0])) * shape[-1]
    made = b.origin(x)
    if b.match(x, onehot):
        return 1.0
    if (
        made is not None
        and made.op is ops.sum
        and len(shape) == 1
        and is_plain_reduction(made.kwargs)
    ):
        rows = shape_of(made.args[0])[:-1]  # each row adds up to the same
        along = axes_of(made.args[0], made.kwargs.get("axis"))
        total = known_total(b, made.args[0], -1) if along == {*range(len(rows))} else None
        if total is not None:
            return total * math.prod(rows)
    if made is None or made.op is not ops.softmax:
        return total_of_values(b, x, axis)
    if made.kwargs.get("axis", -1) not in (-1, len(shape) - 1):
        return None
    if x.given:
        b.facts[x] = "each row of {} sums to 1" if len(shape) > 1 else "{} sums to 1"
    return 1.0


def total_of_values(b: Simplifier, x: Var, axis: Axis) -> float | None:
    """1, where the values of a name add up to that."""
    values = b.values.get(x) if x.given else None
    if not isinstance(values, np.ndarray) or values.ndim == 0 or values.dtype.kind != "f":
        return None
    if not np.allclose(np.sum(values, axis=axis), 1, rtol=1e-12, atol=0.0):
        return None
    b.facts[x] = "each row of {} sums to 1" if values.ndim > 1 else "{} sums to 1"
    return 1.0


@rule(ops.sum, when="closed")
def sum_of_terms(
    b: Simplifier, x: Operand, axis: Axis = None, keepdims: bool = False, **others: Any
) -> Operand:
    """``Σ (p - onehot(y))`` is 0, ``Σ (1 + log p)·p`` is ``1 + Σ p log p``."""
    if not is_plain_reduction(others) or not is_float(x) or x.given or b.summing:
        return None
    terms = b.terms(x)
    if terms is None or len(terms) < 2 or any(shape_of(y) != x.shape for _, y in terms):
        return None
    totals = [known_total(b, y, axis) for _, y in terms]
    if all(t is None for t in totals):
        return None
    constant = sum(c * t for (c, _), t in zip(terms, totals) if t is not None)
    constant = 0.0 if abs(constant) < 1e-12 else constant
    b.summing = True
    try:
        answer: Operand = None
        for (c, y), t in zip(terms, totals):
            if t is None:
                part = b.emit(ops.sum, y, axis=axis, **({"keepdims": True} if keepdims else {}))
                part = b.emit(ops.multiply, x.dtype.type(c), part) if c != 1 else part
                answer = part if answer is None else b.emit(ops.add, answer, part)
    finally:
        b.summing = False
    if answer is None:
        return Full(constant)
    return b.emit(ops.add, answer, x.dtype.type(constant)) if constant else answer


@rule(ops.sum, when="closed")
def entry_of(
    b: Any, x: Operand, axis: Axis = None, keepdims: bool = False, **others: Any
) -> Operand:
    """``Σ onehot(t)·p`` is ``p[t]``."""
    if not is_plain_reduction(others) or not is_float(x) or x.given or len(x.shape) != 1:
        return None
    c, found = factors(b, x)
    hot = [k for k, (y, p) in found.items() if p == 1 and b.match(y, onehot)]
    if len(hot) != 1:
        return None
    (t,) = b.match(found.pop(hot[0])[0], onehot)
    rest = built(b, c, found)
    if shape_of(rest) != x.shape:
        return None
    entry = b.emit(ops.elements, rest, index=t)
    return b.emit(ops.reshape, entry, shape=(1,)) if keepdims else entry


# --- symmetric matrices ----------------------------------------------------------------


DEEP = 8
"""Matrices made by more steps are not asked for their symmetry."""


def symmetric(b: Any, a: Operand, steps: int = DEEP) -> bool:
    """Whether ``a`` equals its transpose, as `made_symmetric` tells; noted where it does."""
    noted = dict(b.facts)
    if made_symmetric(b, a, steps):
        return True
    b.facts = noted
    return False


def made_symmetric(b: Any, a: Operand, steps: int) -> bool:
    """The same: by how it is made, or a constant that does."""
    if isinstance(a, Var) and (values := b.known.get(a)) is not None:
        square = values.ndim == 2 and values.shape[0] == values.shape[1]
        if not square or not np.allclose(values, values.T, rtol=1e-12, atol=0.0):
            return False
        b.facts[a] = "{} is symmetric"
        return True
    made = b.origin(a) if steps else None
    if made is None or len(shape_of(a)) != 2:
        return False
    x, y = made.args[0], made.args[-1]
    if made.op is ops.matmul and (inner := b.origin(x)) is not None and inner.op is ops.matmul:
        x = inner.args[0] if symmetric(b, inner.args[1], steps - 1) else x  # M @ S @ Mᵀ
    if transposes(b, x, y) or transposes(b, y, x):
        said = {ops.matmul: "a matrix times", ops.add: "a matrix plus"}.get(made.op)
        if said is not None:
            b.facts[a] = f"{said} its transpose is symmetric"
            return True
    if made.op is ops.matmul or made.op is outer:  # S @ S, x xᵀ
        return x is y and (made.op is outer or symmetric(b, x, steps - 1))
    alike = made.op.elementwise or made.op in (matrices.inv, inverse_transposed)
    return alike and all(
        shape_of(z) == () or (shape_of(z) == shape_of(a) and symmetric(b, z, steps - 1))
        for z in made.args
    )


def transposes(b: Any, x: Operand, y: Operand) -> bool:
    """Whether ``y`` is made as the transpose of ``x``."""
    made = b.origin(y)
    return made is not None and made.op is ops.transpose and made.args == (x,)


@rule(ops.transpose, when="closed")
def transposed_symmetric(b: Simplifier, x: Operand, axes: Axis = None) -> Operand:
    """``Aᵀ`` is ``A``."""
    return x if axes is None and symmetric(b, x) else None


@rule(ops.matmul, when="closed")
def row_times_symmetric(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x A`` is ``A x``."""
    if len(shape_of(x)) != 1 or len(shape_of(y)) != 2 or not symmetric(b, y):
        return None
    return b.emit(ops.matmul, y, x)


@rule(ops.matmul, when="closed")
def projected_twice(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``H H x`` is ``H x``, where the constant H is a projection."""
    inner = b.match(y, ops.matmul) if isinstance(y, Var) and not y.given else None
    values = b.known.get(x) if isinstance(x, Var) else None
    if inner is None or inner[0] is not x or not isinstance(values, np.ndarray):
        return None
    slack = 1e-12 * np.max(np.abs(values), initial=0.0)
    if values.ndim != 2 or not np.allclose(values @ values, values, rtol=0.0, atol=slack):
        return None
    b.facts[x] = "{0} {0} = {0}"
    return y


@rule(inverse_transposed, when="closed")
def inverse_of_symmetric(b: Simplifier, x: Operand) -> Operand:
    """``A⁻ᵀ`` is ``A⁻¹``."""
    return inverse(b, x) if symmetric(b, x) else None
