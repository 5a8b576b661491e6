"""Identities of entries: what is written to some of them, one-hot rows, diagonals, pieces."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import (
    Simplifier,
    built,
    change,
    factors,
    merged,
    power_of,
    scalars_of,
)
from minigrad.ops.indexing import is_basic
from minigrad.ops.joining import joined
from minigrad.program.builder import Full, as_number, equals, is_identity, key_of, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import SUMS, each, is_float, is_plain_reduction, rule, scaled
from minigrad.typing import Axis, Index, Operand, Shape, Sizes
from minigrad.writing.notation import diagonal, diagonal_matrix, identity, onehot

# --- one-hot rows --------------------------------------------------------------------------


def value_of(b: Simplifier, x: Operand) -> Operand:
    """The array that an index is, by its name or without one."""
    return b.values.get(x) if isinstance(x, Var) else x


def row_choice(b: Simplifier, shape: Shape, index: Index) -> Operand:
    """``y`` where the index is ``range(n), y``, one entry of each row; or ``y`` of a vector."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(shape) == len(parts) == 1:
        y = parts[0]
        single = not shape_of(y) and not isinstance(y, slice) and y is not None
        return y if single and y is not Ellipsis else None
    if len(parts) != 2 or len(shape) != 2:
        return None
    rows, y = value_of(b, parts[0]), parts[1]
    if not isinstance(rows, np.ndarray | range) or shape_of(y) != (shape[0],):
        return None
    return y if np.array_equal(np.ravel(rows), np.arange(shape[0])) else None


def hot(b: Simplifier, y: Operand, shape: Shape) -> Operand:
    """onehot(y)."""
    y = np.asarray(y) if isinstance(y, list | range) else y
    return b.keep(onehot, (y,), {"classes": shape[-1]}, Var("t", tuple(shape), np.dtype(float)))


@rule(ops.scatter, when="formula")
def scattered_number(b: Simplifier, x: Operand, shape: Any = None, index: Index = None) -> Operand:
    """A number in each row, where ``y`` says, is that times onehot(y)."""
    y = row_choice(b, shape, index)
    c = same_everywhere(b, x) if y is not None else None
    if y is not None and c is None and len(shape) == 2 and is_float(x):
        if any(b.made(z, ops.elements) for z, _ in factors(b, x)[1].values()):
            return None  # which meets what it was taken from
        return b.emit(ops.multiply, hot(b, y, shape), b.emit(ops.reshape, x, shape=(shape[0], 1)))
    return None if c is None else b.emit(ops.multiply, c, hot(b, y, shape))


@rule(ops.scatter, when="formula")
def masked_number(b: Simplifier, x: Operand, shape: Any = None, index: Index = None) -> Operand:
    """A number wherever a mask holds is that times the mask."""
    if not isinstance(index, Var) or index.dtype.kind != "b" or index.shape != tuple(shape):
        return None
    c = same_everywhere(b, x)
    return None if c is None else b.emit(ops.multiply, c, index)


@rule(ops.scatter, when="closed")
def back_where_they_were(
    b: Simplifier, x: Operand, shape: Any = None, index: Index = None
) -> Operand:
    """``1/P[range(n), y]``, put back there, is ``onehot(y)/P``."""
    y = row_choice(b, shape, index)
    if y is None or not is_float(x):
        return None
    c, found = factors(b, x)
    parts: dict[Hashable, Any] = {}
    for z, p in found.values():
        made = b.made(z, ops.elements)
        if made is not None and key_of(made.kwargs["index"]) == key_of(index):
            whole_array = made.args[0]
        elif (one := same_everywhere(b, z)) is not None:
            whole_array = one
        elif len(shape) == 2:  # of each row another number
            whole_array = b.emit(ops.reshape, z, shape=(*shape_of(z), 1))
        else:
            return None
        if shape_of(whole_array) not in ((), tuple(shape), (*shape[:-1], 1)):
            return None
        parts[key_of(whole_array)] = [whole_array, p]
    one_hot = hot(b, y, shape)
    return built(b, c, {id(one_hot): [one_hot, 1], **parts})


@rule(ops.scatter, when="closed")
def spread_again(b: Simplifier, x: Operand, shape: Any = None, index: Index = None) -> Operand:
    """``v/p[t]``, put back there and added up, is ``onehot(t)ᵀ (v/p[t])``."""
    parts = index if isinstance(index, tuple) else (index,)
    if not is_float(x) or len(x.shape) != 1 or len(shape) != 1 or len(parts) != 1:
        return None
    t = parts[0]
    if not isinstance(t, Var | np.ndarray) or t.dtype.kind not in "iu" or shape_of(t) != x.shape:
        return None
    below = [b.made(z, ops.elements) for z, p in factors(b, x)[1].values() if p < 0]
    if not any(made is not None and key_of(made.kwargs["index"]) == key_of(t) for made in below):
        return None
    return b.emit(ops.matmul, b.emit(ops.transpose, hot(b, t, (*x.shape, *shape))), x)


def one_hot_of(b: Simplifier, x: Operand) -> tuple[Operand, Operand] | None:
    """``t`` and ``v``, where ``x`` is ``onehot(t)ᵀ v``."""
    flipped, v = b.match(x, ops.matmul) or (None, None)
    inner = b.match(flipped, ops.transpose)
    of = b.match(inner[0], onehot) if inner is not None else None
    return None if of is None else (of[0], v)


def weighted(b: Any, found: Operand) -> Operand:
    """``p·(onehot(t)ᵀ (v/p[t]))`` is ``onehot(t)ᵀ v``."""
    for y, q in list(found.values()):
        t, v = (one_hot_of(b, y) if q == 1 else None) or (None, None)
        c, inner = factors(b, v) if is_float(v) else (1.0, {})
        for key, (z, p) in list(inner.items()):
            made = b.made(z, ops.elements) if p < 0 else None
            if made is None or key_of(made.kwargs["index"]) != key_of(t):
                continue
            if power_of(found, key_of(made.args[0])) <= 0:
                continue
            inner[key][1] += 1
            rest = built(b, c, {k: part for k, part in inner.items() if part[1]})
            hots = b.match(y, ops.matmul)[0]
            done = None
            if not isinstance(rest, Var) and c == 1:  # how often each is chosen
                done = b.emit(ops.sum, b.match(hots, ops.transpose)[0], axis=0)
            elif shape_of(rest) == shape_of(t):
                done = b.emit(ops.matmul, hots, rest)
            if done is not None:
                change(found, made.args[0], -1)
                change(found, y, -1)
                change(found, done, 1)
            break
    return found


@rule(ops.sum, when="closed")
def sum_of_spread(
    b: Simplifier, x: Operand, axis: Axis = None, keepdims: bool = False, **others: Any
) -> Operand:
    """``Σ onehot(t)ᵀ v`` is ``Σ v``."""
    if not is_plain_reduction(others) or not is_float(x) or (found := one_hot_of(b, x)) is None:
        return None
    return b.emit(ops.sum, found[1], **({"axis": axis, "keepdims": True} if keepdims else {}))


def same_everywhere(b: Simplifier, x: Operand) -> Operand:
    """The number, or what is one, that all entries of ``x`` are; None if they may differ."""
    if as_number(x) is not None or not shape_of(x):
        return as_number(x) if as_number(x) is not None else x
    for op in (ops.broadcast_to, ops.reshape):
        if (inner := b.match(x, op)) is not None:
            return same_everywhere(b, inner[0])
    c, found = factors(b, x)
    if len(found) == 1 and c == 1:
        return None
    parts = {k: [same_everywhere(b, y), p] for k, (y, p) in found.items()}
    return None if any(y is None for y, _ in parts.values()) else built(b, c, parts)


@rule(ops.sum, when="formula")
def sum_of_one_hot(b: Simplifier, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """Each row of onehot(y) has one 1."""
    if not is_plain_reduction(others) or not is_float(x):
        return None
    if axis not in (-1, len(x.shape) - 1) and not (axis is None and len(x.shape) == 1):
        return None
    total = total_of_rows(b, x, x.shape[-1])
    return None if total is None else Full(total)


def total_of_rows(b: Simplifier, x: Operand, n: int) -> Operand:
    """What each row of a sum of one-hot rows and of numbers adds up to; None for others."""
    if (c := as_number(x)) is not None:
        return c * n
    if not isinstance(x, Var) or (x.given and x.shape):
        return None
    if b.match(x, onehot):
        return 1
    if (inner := b.match(x, ops.broadcast_to)) is not None or not x.shape:
        c = same_everywhere(b, inner[0] if inner is not None else x)
        return None if c is None else times(b, n, c)
    for op in (ops.add, ops.subtract):
        if (inner := b.match(x, op)) is not None:
            parts = [total_of_rows(b, y, n) for y in inner]
            if any(p is None for p in parts):
                return None
            both = all(not isinstance(p, Var) for p in parts)
            return op.forward(*parts) if both else b.emit(op, *parts)
    c, scalars, rest = scalars_of(b, x)
    total = total_of_rows(b, rest, n) if rest is not x else None
    if total is None:
        return None
    more = {key_of(total): [total, 1]} if isinstance(total, Var) else {}
    return built(b, c if more else c * total, merged(b, scalars, more))


def times(b: Simplifier, n: int, x: Operand) -> Operand:
    """``n·x``, where ``x`` may be divided by that n."""
    c, found = factors(b, x)
    size = next((k for k, (z, p) in found.items() if p < 0 and b.sizes.get(z) == n), None)
    if size is None:
        return b.emit(ops.multiply, n, x)
    found[size][1] += 1
    return built(b, c, {k: part for k, part in found.items() if part[1]})


# --- diagonals -----------------------------------------------------------------------------


def along_diagonal(index: Index, n: int) -> bool:
    """Whether an index of a flattened n × n matrix picks its diagonal."""
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(p for p in parts if p is not Ellipsis)
    if len(parts) != 1 or not isinstance(parts[0], slice):
        return False
    return [*range(*parts[0].indices(n * n))] == [*range(0, n * n, n + 1)]


@rule(ops.elements, when="formula")
def entries_of_diagonal(b: Simplifier, x: Operand, index: Index = None) -> Operand:
    """Every (n + 1)-th entry of a flattened matrix."""
    inner = b.match(x, ops.reshape)
    shape = shape_of(inner[0]) if inner is not None else ()
    if len(shape) != 2 or shape[0] != shape[1] or not along_diagonal(index, shape[0]):
        return None
    return b.keep(diagonal, inner, {}, Var("t", shape[:1], x.dtype))


@rule(ops.reshape, when="formula")
def matrix_of_diagonal(b: Simplifier, x: Operand, shape: Sizes = None, **_: object) -> Operand:
    """A vector put there, in a matrix of zeros."""
    made = b.made(x, ops.scatter)
    if made is None or not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != shape[1]:
        return None
    if not along_diagonal(made.kwargs["index"], shape[0]):
        return None
    c = same_everywhere(b, made.args[0])
    if c is not None:
        one = b.keep(identity, (), {"n": shape[0]}, Var("t", shape, x.dtype))
        return b.emit(ops.multiply, c, one)
    return b.keep(diagonal_matrix, made.args, {}, Var("t", shape, x.dtype))


@rule(ops.multiply, when="formula")
def vector_on_diagonal(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``v ⊙ I`` is diag(v)."""
    for u, v in ((x, y), (y, x)):
        if is_identity(v) and shape_of(u) == (len(v),):
            return b.keep(diagonal_matrix, (u,), {}, Var("t", v.shape, v.dtype))
    return None


@rule(ops.multiply, when="formula")
def triangle(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``X ⊙ M`` with ones below the diagonal and ½ on it is ``tril(X) - ½·X ⊙ I``."""
    for u, m in ((x, y), (y, x)):
        if not isinstance(m, np.ndarray) or m.ndim != 2 or not 1 < len(m) == m.shape[1]:
            continue
        low, on, high = m[1, 0], m[0, 0], m[0, 1]
        if shape_of(u) != m.shape or bool(low) == bool(high):
            continue
        one = b.keep(identity, (), {"n": len(m)}, Var("t", m.shape, m.dtype))
        op, size = (ops.tril, low) if low else (ops.triu, high)
        if not np.array_equal(op.forward(np.full(m.shape, size)) + (on - size) * np.eye(len(m)), m):
            continue
        half = scaled(b, float(size), b.emit(op, u))
        rest = float(on - size)
        if not rest:
            return half
        inside = scaled(b, abs(rest), b.emit(ops.multiply, u, one))
        return b.emit(ops.subtract if rest < 0 else ops.add, half, inside)
    return None


# --- pieces --------------------------------------------------------------------------------


def is_zero(x: Operand) -> bool:
    return not isinstance(x, Var) and np.size(x) > 0 and equals(x, 0)


@rule(joined, when="formula")
def nothing_beside(b: Simplifier, *arrays: Operand, axis: Axis = 0) -> Operand:
    """Empty arrays are left out of a concatenation."""
    kept = [x for x in arrays if 0 not in shape_of(x)]
    if len(kept) == len(arrays) or not kept:
        return None
    return kept[0] if len(kept) == 1 else b.emit(joined, *kept, axis=axis)


@each(SUMS, when="formula")
def beside_each_other(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``[x, 0] + [0, y]`` is ``[x, y]``."""
    u, v = b.made(x, joined), b.made(y, joined)
    if sign < 0 or u is None or v is None or len(u.args) != len(v.args):
        return None
    same = [*map(shape_of, u.args)] == [*map(shape_of, v.args)]
    if not same or u.kwargs != v.kwargs:
        return None
    pairs = [*zip(u.args, v.args, strict=True)]
    if not all(is_zero(p) or is_zero(q) for p, q in pairs):
        return None
    return b.emit(joined, *(q if is_zero(p) else p for p, q in pairs), **u.kwargs)


# --- the same entries ----------------------------------------------------------------------


@each(SUMS, when="formula")
def same_entries(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """What is added to the same entries is added up before."""
    u, v = b.made(x, ops.scatter), b.made(y, ops.scatter)
    if u is None or v is None or key_of(u.kwargs["index"]) != key_of(v.kwargs["index"]):
        return None
    if shape_of(u.args[0]) != shape_of(v.args[0]):
        return None
    inner = b.emit(ops.add if sign > 0 else ops.subtract, u.args[0], v.args[0])
    return b.emit(ops.scatter, inner, **u.kwargs)


@rule(ops.scatter, when="formula")
def all_entries(b: Simplifier, x: Operand, shape: Shape = (), index: Index = None) -> Operand:
    """``v`` put back at ``[:, 0]`` of one column is that column."""
    parts = index if isinstance(index, tuple) else (index,)
    back = any(isinstance(p, slice) and (p.step or 1) < 0 for p in parts)
    if back or not is_basic(index) or math.prod(shape_of(x)) != math.prod(shape):
        return None
    return b.emit(ops.reshape, x, shape=shape) if shape_of(x) and is_float(x) else None


@rule(ops.scatter, ops.elements, when="formula")
def turned(b: Simplifier, x: Operand, shape: Sizes = None, index: Index = None) -> Operand:
    """What is put back in reverse order is reversed, and twice reversed as it was."""
    parts = index if isinstance(index, tuple) else (index,)
    steps = [p.step for p in parts if isinstance(p, slice) and p.start is p.stop is None]
    if len(steps) < len(parts) or -1 not in steps or {*steps} - {None, 1, -1}:
        return None
    made = b.made(x, ops.elements)
    if made is not None and key_of(made.kwargs["index"]) == key_of(index):
        return made.args[0]
    made = b.made(x, ops.convolve)
    for u, v in () if made is None else ((*made.args,), made.args[::-1]):
        assert made is not None
        inner = b.made(u, ops.elements)
        if inner is not None and key_of(inner.kwargs["index"]) == key_of(index):
            other = b.emit(ops.elements, v, index=index)
            pair = (inner.args[0], other) if u is made.args[0] else (other, inner.args[0])
            return b.emit(ops.convolve, *pair, **made.kwargs)
    return b.emit(ops.elements, x, index=index) if shape is not None else None


# --- convolutions of sequences -------------------------------------------------------------


@rule(ops.convolve, when="formula")
def framed_in_zeros(b: Simplifier, x: Operand, y: Operand, mode: str = "full") -> Operand:
    """A valid convolution with zeros around is a full one."""
    made = b.made(x, joined)
    if mode != "valid" or made is None or len(made.args) != 3:
        return None
    before, inner, after = made.args
    n, m, (k,) = shape_of(inner)[0], shape_of(y)[0], shape_of(before)
    if not (is_zero(before) and is_zero(after) and shape_of(after) == (k,)):
        return None
    if k == m - 1:
        return b.emit(ops.convolve, inner, y, mode="full")
    return b.emit(ops.convolve, y, inner, mode="valid") if k == m - n else None
