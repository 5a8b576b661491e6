"""Identities of shapes: outer products, kept axes, and what broadcasting does by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import Simplifier, built, merged, reframed, scalars_of
from minigrad.explain.linear import vector
from minigrad.ops.record import Op
from minigrad.program.builder import Full, key_of, shape_of, uniform_value
from minigrad.program.equations import Var
from minigrad.program.rules import each, is_plain_reduction, rule
from minigrad.typing import Axis, Index, Operand
from minigrad.writing.notation import outer, repetition


@rule(ops.multiply, when="formula")
def outer_product(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``c·x[:, None]·y`` of two vectors is ``c·(x yᵀ)``."""
    for u, v in ((x, y), (y, x)):
        (c, front, column), (d, more, row) = scalars_of(b, u), scalars_of(b, v)
        column, row = vector(b, column, 0), vector(b, row, 1)
        if column is not None and row is not None:
            made = b.emit(outer, column, row)
            found = merged(b, front, more, {key_of(made): [made, 1]})
            return made if c == d == 1 and len(found) == 1 else built(b, c * d, found)
    return None


@rule(ops.sum, when="formula")
def product_with_vector(b: Simplifier, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """``Σⱼ Aᵢⱼ·vⱼ`` is ``A @ v``."""
    inner = b.match(x, ops.multiply)
    if (
        inner is None
        or len(shape_of(x)) != 2
        or not is_plain_reduction(others)
        or others.get("keepdims")
    ):
        return None
    if not isinstance(axis, int):
        return None
    for a, v in (inner, inner[::-1]):
        if not isinstance(a, Var) or a.shape != x.shape:
            continue
        if axis % 2 == 1 and (row := vector(b, v, 1)) is not None and row.shape[0] == x.shape[1]:
            return b.emit(ops.matmul, a, row)
        column = vector(b, v, 0)
        if axis % 2 == 0 and column is not None and column.shape[0] == x.shape[0]:
            return b.emit(ops.matmul, b.emit(ops.transpose, a), column)
    return None


@rule(ops.reshape, when="formula")
def kept_dimensions(b: Simplifier, x: Operand, shape: Any = None, **_: Any) -> Operand:
    """A sum whose axes are put back kept them."""
    made = b.nameless(x)
    if made is None or made.op is not ops.sum or not made.kwargs.keys() <= {"axis", "keepdims"}:
        return None
    of, axis = shape_of(made.args[0]), made.kwargs.get("axis")
    if axis is None or made.kwargs.get("keepdims"):
        return None
    axes = {a % len(of) for a in (axis if isinstance(axis, tuple) else (axis,))}
    if tuple(shape) != tuple(1 if i in axes else n for i, n in enumerate(of)):
        return None
    return b.emit(ops.sum, made.args[0], axis=axis, keepdims=True)


@rule(ops.reshape, when="formula")
def repeated(b: Simplifier, x: Operand, shape: Any = None, **_: Any) -> Operand:
    """What is stretched along an axis of its own, joined to the one before, is repeated."""
    made = b.nameless(x)
    if made is None or made.op is not ops.broadcast_to or not isinstance(made.args[0], Var):
        return None
    u, wide, k = made.args[0], x.shape, 0
    if len(u.shape) != len(wide):
        return None
    times: list[int] = []
    for n in shape:
        pair = k + 1 < len(wide) and u.shape[k] == wide[k] and u.shape[k + 1] == 1 < wide[k + 1]
        if pair and n == wide[k] * wide[k + 1]:
            times, k = [*times, wide[k + 1]], k + 2
        elif k < len(wide) and n == wide[k] == u.shape[k]:
            times, k = [*times, 1], k + 1
        else:
            return None
    if k != len(wide) or not any(r > 1 for r in times):
        return None
    narrow = tuple(n // r for n, r in zip(shape, times, strict=True))
    answer = b.emit(ops.reshape, u, shape=narrow)
    for axis, r in enumerate(times):
        if r > 1:
            whole_shape = (*shape[: axis + 1], *narrow[axis + 1 :])
            options = {"repeats": r, "axis": axis}
            answer = b.keep(repetition, (answer,), options, Var("t", whole_shape, x.dtype))
    return answer


def turned(b: Simplifier, x: Operand) -> Operand:
    """``u`` where ``x`` is a vector ``u[::-1]``; None for others."""
    made = b.nameless(x)
    if made is None or len(x.shape) != 1 or made.op not in (ops.flip, ops.elements):
        return None
    return made.args[0] if made.op is ops.flip or backwards(made.kwargs["index"]) else None


def backwards(index: Index) -> bool:
    return bool(key_of(index) == key_of(slice(None, None, -1)))


@rule(ops.flip, ops.elements, when="formula")
def turned_twice(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """``x[::-1][::-1]`` is ``x``."""
    return turned(b, x) if backwards(kwargs.get("index", slice(None, None, -1))) else None


@each((ops.add, ops.subtract, ops.multiply, ops.divide), when="formula")
def unframed(op: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """Axes of length 1 in front are put there by broadcasting anyhow."""
    u, v = shorter(b, x, len(shape_of(y))), shorter(b, y, len(shape_of(x)))
    return None if u is x and v is y else b.emit(op, u, v)


def shorter(b: Simplifier, x: Operand, most: int) -> Operand:
    """What ``x`` is with axes in front, or behind a number, if other operands have as many."""
    if not isinstance(x, Var) or x.given or len(x.shape) > most:
        return x
    for op in (ops.reshape, ops.elements, ops.expand_dims):
        inner = reframed(b, x, op)
        if inner is not None:
            shape = shape_of(inner)
            if x.shape == (1,) * (len(x.shape) - len(shape)) + shape:
                return inner
    return x


@rule(ops.broadcast_to, when="formula")
def broadcast_padded(b: Simplifier, x: Operand, shape: Any = None, **_: Any) -> Operand:
    """Broadcasting puts axes in front by itself."""
    c, scalars, rest = scalars_of(b, x)
    u = shorter(b, rest, len(np.atleast_1d(shape)))
    if u is rest:
        return None
    return Full(built(b, c, {**scalars, key_of(u): [u, 1]}))


# --- what broadcasting does by itself ------------------------------------------------------


@rule(ops.reshape, ops.expand_dims, ops.elements, when="formula")
def stretched_number(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """A number that was stretched, in another shape."""
    inner = b.match(x, ops.broadcast_to)
    return None if inner is None or shape_of(inner[0]) else Full(inner[0])


@rule(ops.branch, when="formula")
def unstretched_choice(b: Simplifier, condition: Operand, x: Operand, y: Operand) -> Operand:
    """A choice broadcasts by itself."""
    parts = [b.match(z, ops.broadcast_to) for z in (x, y)]
    u, v = (z if inner is None else inner[0] for z, inner in zip((x, y), parts, strict=True))
    if u is x and v is y:
        return None
    shapes = [shape_of(z) for z in (condition, u, v)]
    same = np.broadcast_shapes(*shapes) == np.broadcast_shapes(*map(shape_of, (condition, x, y)))
    return b.emit(ops.branch, condition, u, v) if same else None


@rule(ops.reshape, ops.squeeze, when="formula")
def dropped_axes(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """A sum whose axes are dropped did not keep them."""
    made = b.made(x, ops.sum)
    if (
        made is None
        or x.given
        or not made.kwargs.get("keepdims")
        or not is_plain_reduction(made.kwargs)
    ):
        return None
    inner = b.emit(ops.sum, made.args[0], axis=made.kwargs.get("axis"))
    shape, _ = b.outcome(ops.reshape if "shape" in kwargs else ops.squeeze, (x,), kwargs)
    return inner if shape_of(inner) == shape else None


@rule(ops.multiply, when="formula")
def stretched_factor(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(full(c)·u)·v`` is ``c·(u·v)``."""
    for z, v in ((x, y), (y, x)):
        inner = b.match(z, ops.multiply) if isinstance(z, Var) and not z.given else None
        for c, u in (inner, inner[::-1]) if inner is not None else ():
            of = b.match(c, ops.broadcast_to)
            if of is None or shape_of(of[0]) or c.given:
                continue
            whole = np.broadcast_shapes(shape_of(z), shape_of(v))
            if np.broadcast_shapes(shape_of(u), shape_of(v)) == whole:
                return b.emit(ops.multiply, of[0], b.emit(ops.multiply, u, v))
    return None


def number_of(b: Simplifier, x: Operand) -> Operand:
    """The one number, computed or not, that all entries of ``x`` are; None if they may differ."""
    if not shape_of(x):
        return x
    inner = b.match(x, ops.broadcast_to)
    if inner is not None and not x.given:
        return inner[0] if not shape_of(inner[0]) else None
    return uniform_value(x) if not isinstance(x, Var) else None


@rule(ops.negative, when="formula")
def negative_of_stretched(b: Simplifier, x: Operand) -> Operand:
    """The number is negated before it is stretched."""
    inner = b.match(x, ops.broadcast_to)
    if inner is None or x.given or shape_of(inner[0]):
        return None
    return Full(b.emit(ops.negative, inner[0]))


@rule(ops.broadcast_to, when="formula")
def stretched_twice(b: Simplifier, x: Operand, **_: object) -> Operand:
    """A number that is stretched twice is stretched once."""
    inner = b.match(x, ops.broadcast_to)
    return None if inner is None or x.given or shape_of(inner[0]) else Full(inner[0])


def stretched_from(b: Simplifier, x: Operand, other: Operand) -> Operand:
    """What ``x`` was stretched from, if ``other`` has the shape anyhow."""
    inner = b.match(x, ops.broadcast_to)
    if inner is None or x.given:
        return x
    shape = np.broadcast_shapes(shape_of(inner[0]), shape_of(other))
    return inner[0] if shape == np.broadcast_shapes(x.shape, shape_of(other)) else x


@each((ops.add, ops.subtract, ops.multiply, ops.divide, ops.power), when="formula")
def unstretched(op: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """A number that is stretched to what it meets is a number."""
    u, v = (stretched_from(b, z, w) for z, w in ((x, y), (y, x)))
    if u is not x or v is not y:
        return b.emit(op, u, v)
    s, t = number_of(b, x), number_of(b, y)
    if s is None or t is None or (s is x and t is y):
        return None
    return Full(b.emit(op, s, t))  # stretched last
