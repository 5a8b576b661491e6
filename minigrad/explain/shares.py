"""Identities of closed forms: σ and softmax spelt out, sums that are known, symmetric matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import Factors, unpadded
from minigrad.ops import matrices
from minigrad.ops.record import Op
from minigrad.program.builder import axes_of, is_, key_of, number, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import floating, rule, whole
from minigrad.writing.notation import inverse_transposed, onehot

# --- factors -------------------------------------------------------------------------------


def change(found: Factors, y: Any, p: float) -> None:
    """Multiply a product by ``y**p``."""
    found.setdefault(key_of(y), [y, 0])[1] += p


def made_as(b: Any, y: Any, op: Op) -> Any:
    """Arguments of ``op``, if ``y`` is its result, by name or not."""
    made = b.origin(y)
    return made.args if made is not None and made.op is op else None


def one_and(b: Any, z: Any) -> Any:
    """``u`` where ``z`` is ``1 + u``."""
    inner = made_as(b, z, ops.add) or ()
    return next((v for u, v in (inner, inner[::-1]) if is_(u, 1)), None) if inner else None


def sigmoids(b: Any, found: Factors) -> Factors:
    """``exp(u)/(1 + exp(u))`` is σ(u), and so is ``1/(1 + exp(-u))``; ``σ(u)·exp(-u)`` is σ(-u)."""
    for y, p in list(found.values()):
        u = b.match(y, ops.sigmoid) if p > 0 else None
        e = b.emit(ops.exp, b.emit(ops.negative, u[0])) if u is not None else None
        if u is not None and found.get(key_of(e), (e, 0))[1] > 0:
            change(found, y, -1)
            change(found, e, -1)
            change(found, b.emit(ops.sigmoid, b.emit(ops.negative, u[0])), 1)
    for z, q in list(found.values()):
        e = one_and(b, z) if q < 0 else None
        u = made_as(b, e, ops.exp) if isinstance(e, Var) else None
        if u is None:
            continue
        minus = b.match(u[0], ops.negative)
        above = found.get(key_of(e), (e, 0))
        if above[1] > 0:
            change(found, e, -1)
            change(found, z, 1)
            change(found, b.emit(ops.sigmoid, u[0]), 1)
        elif minus is not None:
            change(found, z, 1)
            change(found, b.emit(ops.sigmoid, minus[0]), 1)
    return found


def shares(b: Any, found: Factors) -> Factors:
    """``exp(u)/Σ exp(u)`` is softmax(u)."""
    for z, q in list(found.values()):
        total = b.origin(z) if q < 0 else None
        if total is None or total.op is not ops.sum:
            total = b.origin(unpadded(b, z)) if q < 0 and isinstance(z, Var) else None
        if total is None or total.op is not ops.sum or not whole(total.kwargs):
            continue
        e = total.args[0]
        u = made_as(b, e, ops.exp)
        axis, n = total.kwargs.get("axis"), len(shape_of(e))
        along = -1 if n == 1 else axis
        if u is None or not isinstance(along, int) or found.get(key_of(e), (e, 0))[1] <= 0:
            continue
        kept = tuple(1 if i == along % n else k for i, k in enumerate(shape_of(e)))
        if shape_of(z) == kept or n == 1:
            change(found, e, -1)
            change(found, z, 1)
            change(found, called(b, ops.softmax, u[0], axis=along), 1)
    return found


def called(b: Any, op: Op, x: Any, **kwargs: Any) -> Any:
    """``op`` of a name, by the name that the result has."""
    if isinstance(x, Var) and x in b.values:
        value = op.forward(b.values[x], **kwargs)
        for v, held in b.values.items():
            if v.shape == np.shape(value) and np.allclose(held, value, rtol=1e-12, atol=0.0):
                b.fixed.update((v, x))
                return v
    return b.emit(op, x, **kwargs)


def names_of_products(b: Any, found: Factors) -> Factors:
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
        if is_(u, 1):
            first = 0
        if sign * first < 0 or sign * second < 0:
            b.fixed.update(z for z in (a, u, v) if isinstance(z, Var))
            change(found, a, -sign)
            change(found, v, -sign if over else sign)
            if not is_(u, 1):
                change(found, u, sign)
    return found


def chosen(b: Any, found: Factors) -> Factors:
    """``onehot(t)·p/p[t]`` is onehot(t)."""
    for y, p in list(found.values()):
        hot = b.match(y, onehot) if p > 0 else None
        for z, q in list(found.values()) if hot is not None else ():
            made = b.made(z, ops.elements) if q < 0 else None
            if made is None or key_of(made.kwargs["index"]) != key_of(hot[0]):  # type: ignore[index]
                continue
            if found.get(key_of(made.args[0]), (0, 0))[1] > 0:
                change(found, made.args[0], -1)
                change(found, z, 1)
    return found


REDUCTIONS = (names_of_products, sigmoids, shares, chosen)


# --- sums ------------------------------------------------------------------------------


def known_total(b: Any, x: Any, axis: Any) -> float | None:
    """What ``x`` adds up to along its last axis or all, wherever; None where that is not known."""
    axes, shape = axes_of(x, axis), shape_of(x)
    if (c := number(x)) is not None:
        return float(c) * math.prod(shape[a] for a in axes)
    if not isinstance(x, Var) or not shape or axes != {len(shape) - 1}:
        return total_of_values(b, x, axis) if isinstance(x, Var) else None
    inner = b.match(x, ops.broadcast_to)
    if inner is not None and number(inner[0]) is not None:
        return float(number(inner[0])) * shape[-1]
    made = b.origin(x)
    if b.match(x, onehot):
        return 1.0
    if made is None or made.op is not ops.softmax:
        return total_of_values(b, x, axis)
    if made.kwargs.get("axis", -1) not in (-1, len(shape) - 1):
        return None
    if x.given:
        b.facts[x] = "each row of {} sums to 1" if len(shape) > 1 else "{} sums to 1"
    return 1.0


def total_of_values(b: Any, x: Var, axis: Any) -> float | None:
    """1, where the values of a name add up to that."""
    values = b.values.get(x) if x.given else None
    if not isinstance(values, np.ndarray) or values.ndim == 0 or values.dtype.kind != "f":
        return None
    if not np.allclose(np.sum(values, axis=axis), 1, rtol=1e-12, atol=0.0):
        return None
    b.facts[x] = "each row of {} sums to 1" if values.ndim > 1 else "{} sums to 1"
    return 1.0


@rule(ops.sum, when="closed")
def sum_of_terms(b: Any, x: Any, axis: Any = None, keepdims: Any = False, **others: Any) -> Any:
    """``Σ (p - onehot(y))`` is 0, ``Σ (1 + log p)·p`` is ``1 + Σ p log p``."""
    if not whole(others) or not floating(x) or x.given or b.summing:
        return None
    terms = b.terms(x)
    if terms is None or len(terms) < 2:
        return None
    totals = [known_total(b, y, axis) for _, y in terms]
    if any(shape_of(y) != x.shape and t is not None for (_, y), t in zip(terms, totals)):
        return None
    if all(t is None for t in totals):
        return None
    constant = sum(c * t for (c, _), t in zip(terms, totals) if t is not None)
    constant = 0.0 if abs(constant) < 1e-12 else constant
    b.summing = True
    try:
        answer: Any = None
        for (c, y), t in zip(terms, totals):
            if t is None:
                part = b.emit(ops.sum, y, axis=axis, **({"keepdims": True} if keepdims else {}))
                part = b.emit(ops.multiply, x.dtype.type(c), part) if c != 1 else part
                answer = part if answer is None else b.emit(ops.add, answer, part)
    finally:
        b.summing = False
    shape = np.sum(np.empty(x.shape, bool), axis=axis, keepdims=bool(keepdims)).shape
    if answer is None:
        return np.broadcast_to(x.dtype.type(constant), shape)[()]
    return b.emit(ops.add, answer, x.dtype.type(constant)) if constant else answer


@rule(ops.sum, when="closed")
def entry_of(b: Any, x: Any, axis: Any = None, keepdims: Any = False, **others: Any) -> Any:
    """``Σ onehot(t)·p`` is ``p[t]``."""
    if not whole(others) or not floating(x) or x.given or len(x.shape) != 1:
        return None
    c, found = b.factors(x)
    hot = [k for k, (y, p) in found.items() if p == 1 and b.match(y, onehot)]
    if len(hot) != 1:
        return None
    (t,) = b.match(found.pop(hot[0])[0], onehot)
    rest = b.product(c, found)
    if shape_of(rest) != x.shape:
        return None
    entry = b.emit(ops.elements, rest, index=t)
    return b.emit(ops.reshape, entry, shape=(1,)) if keepdims else entry


# --- symmetric matrices ----------------------------------------------------------------


def symmetric(b: Any, a: Any) -> bool:
    """Whether ``a`` is a constant that equals its transpose, which is then noted."""
    values = b.known.get(a) if isinstance(a, Var) else None
    if values is None or values.ndim != 2 or values.shape[0] != values.shape[1]:
        return False
    if not np.allclose(values, values.T, rtol=1e-12, atol=0.0):
        return False
    b.facts[a] = "{} is symmetric"
    return True


@rule(ops.transpose, when="closed")
def transposed_symmetric(b: Any, x: Any, axes: Any = None) -> Any:
    """``Aᵀ`` is ``A``."""
    return x if axes is None and symmetric(b, x) else None


@rule(ops.matmul, when="closed")
def row_times_symmetric(b: Any, x: Any, y: Any) -> Any:
    """``x A`` is ``A x``."""
    if len(shape_of(x)) != 1 or len(shape_of(y)) != 2 or not symmetric(b, y):
        return None
    return b.emit(ops.matmul, y, x)


@rule(inverse_transposed, when="closed")
def inverse_of_symmetric(b: Any, x: Any) -> Any:
    """``A⁻ᵀ`` is ``A⁻¹``."""
    return b.emit(matrices.inv, x) if symmetric(b, x) else None
