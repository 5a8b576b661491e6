"""Identities of matrices: transposes, inverses, the identity, sums of products spelt out."""

from __future__ import annotations

from typing import Any

from minigrad import ops
from minigrad.explain.factors import Simplifier, reframed
from minigrad.ops import matrices
from minigrad.program.builder import is_identity, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import SUMS, each, rule
from minigrad.typing import Axis, Operand
from minigrad.writing.notation import identity, inverse_transposed, outer


@rule(ops.swapaxes, ops.transpose, when="formula")
def transpose_of_inverse(b: Simplifier, x: Operand, **axes: Any) -> Operand:
    """``(A⁻¹)ᵀ`` is ``A⁻ᵀ``."""
    inner = b.match(x, matrices.inv)
    if inner is None and (back := b.match(x, inverse_transposed)) is not None:
        return inverse(b, back[0]) if len(shape_of(x)) == 2 else None
    n = len(shape_of(x))
    last = sorted(a % n for a in axes.values() if isinstance(a, int)) == [n - 2, n - 1]
    if inner is None or not (last or (n == 2 and not any(v is not None for v in axes.values()))):
        return None
    return b.keep(inverse_transposed, inner, {}, Var("t", x.shape, x.dtype))


@rule(ops.transpose, when="formula")
def transposed_outer(b: Simplifier, x: Operand, axes: Axis = None) -> Operand:
    """``(x yᵀ)ᵀ`` is ``y xᵀ``."""
    inner = b.match(x, outer)
    return None if inner is None or axes is not None else b.emit(outer, *inner[::-1])


@rule(ops.matmul, when="formula")
def scaled_columns(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``(A ⊙ v) @ u`` is ``A @ (v ⊙ u)``."""
    inner = b.match(x, ops.multiply) if len(shape_of(y)) == 1 else None
    for a, v in (inner, inner[::-1]) if inner is not None and not x.given else ():
        if shape_of(a) == x.shape and shape_of(v) == shape_of(y):
            return b.emit(ops.matmul, a, b.emit(ops.multiply, v, y))
    return None


@rule(matrices.inv, when="formula")
def inverse_of_transpose(b: Simplifier, x: Operand) -> Operand:
    """``(Aᵀ)⁻¹`` is ``A⁻ᵀ``."""
    return inverse(b, x) if len(shape_of(x)) == 2 and b.match(x, ops.transpose) else None


@rule(matrices.solve, when="formula")
def solution(b: Simplifier, a: Operand, y: Operand) -> Operand:
    """The solution of ``A x = y`` is ``A⁻¹ y``."""
    if len(shape_of(a)) != 2 or not isinstance(a, Var):
        return None
    return b.emit(ops.matmul, inverse(b, a), y)


def inverse(b: Simplifier, a: Var) -> Var:
    """``a⁻¹``, or ``A⁻ᵀ`` if ``a`` is ``Aᵀ``."""
    flipped = b.match(a, ops.transpose)
    op, args = (matrices.inv, (a,)) if flipped is None else (inverse_transposed, flipped)
    return b.keep(op, args, {}, Var("t", a.shape, a.dtype))  # type: ignore[no-any-return]


@rule(ops.matmul, when="formula")
def times_identity(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``A @ I`` is ``A``."""
    for u, v in ((x, y), (y, x)):
        if is_identity(v) or (isinstance(v, Var) and b.match(v, identity) is not None):
            return u
    return None


# --- columns -------------------------------------------------------------------------------


def vector(b: Simplifier, x: Operand, axis: int) -> Operand:
    """The vector that lies along ``axis`` of a matrix (a row may be the vector itself); or None."""
    if axis == 1 and isinstance(x, Var) and len(x.shape) == 1:
        return x
    if not isinstance(x, Var) or len(x.shape) != 2 or x.shape[1 - axis] != 1 or x.given:
        return None
    for op in (ops.elements, ops.reshape, ops.expand_dims):
        inner = reframed(b, x, op)
        if inner is not None and len(shape_of(inner)) == 1:
            return inner
    return None


@rule(ops.matmul, when="formula")
def product_with_column(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``A @ v[:, None]`` is ``(A @ v)[:, None]``, and a column with a row is an outer product."""
    v = vector(b, y, 0)
    if v is not None and len(shape_of(x)) == 2 and vector(b, x, 0) is None and shape_of(x)[1] > 1:
        return b.emit(ops.reshape, b.emit(ops.matmul, x, v), shape=(shape_of(x)[0], 1))
    u, flipped = vector(b, x, 0), b.match(y, ops.transpose)
    v = vector(b, flipped[0], 0) if flipped is not None else None
    return b.emit(outer, u, v) if u is not None and v is not None else None


@rule(ops.elements, ops.reshape, when="formula")
def column_as_vector(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """``v[:, None][:, 0]`` is ``v``."""
    v = vector(b, x, 0)
    if v is None:
        return None
    if "index" in kwargs:
        return v if repr(kwargs["index"]) in FIRST_COLUMN else None
    return v if tuple(kwargs["shape"]) == shape_of(v) else None


FIRST_COLUMN = [repr((Ellipsis, 0)), repr((slice(None), 0))]


@each(SUMS, when="formula")
def common_matrix(sign: int, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``X @ u - X @ v`` is ``X @ (u - v)``."""
    u, v = b.match(x, ops.matmul), b.match(y, ops.matmul)
    if u is None or v is None or x.given or y.given:
        return None
    op = ops.add if sign > 0 else ops.subtract
    if u[0] is v[0] and shape_of(u[1]) == shape_of(v[1]) and len(shape_of(u[0])) > 1:
        return b.emit(ops.matmul, u[0], b.emit(op, u[1], v[1]))
    if u[1] is v[1] and shape_of(u[0]) == shape_of(v[0]) and len(shape_of(u[1])) > 1:
        return b.emit(ops.matmul, b.emit(op, u[0], v[0]), u[1])
    return None


# --- sums of products, spelt out -----------------------------------------------------------


@rule(ops.contract, when="formula")
def spelt_out(b: Simplifier, *arrays: Operand, subscripts: str = "", **_: object) -> Operand:
    """``ij,jk->ik`` is a matrix product, ``i,j->ij`` an outer one, ``ij->ji`` a transpose."""
    into, out = subscripts.split("->")
    words = into.split(",")
    if "" in words and len(words) > 1:  # a number is no part of it
        kept = [k for k, word in enumerate(words) if word]
        if not kept:
            return None
        less = f"{','.join(words[k] for k in kept)}->{out}"
        answer = b.emit(ops.contract, *(arrays[k] for k in kept), subscripts=less)
        for k, word in enumerate(words):
            answer = answer if word else b.emit(ops.multiply, arrays[k], answer)
        return answer
    if len(words) == 3 and not {*words[0]} & {*words[2]}:
        return chain(b, arrays, words, out)
    if not all(w.isalpha() and len({*w}) == len(w) <= 2 for w in words):
        return None
    if len(words) == 1:
        return b.emit(ops.transpose, *arrays) if out == into[::-1] and len(out) == 2 else None
    if len(words) != 2 or len(out) > 2 or not out.isalpha():
        return None
    first, second = words
    x, y = arrays
    shared = {*first} & {*second}
    if not shared and len(first) == len(second) == 1:
        return b.emit(outer, *((x, y) if out == first + second else (y, x)))
    if len(shared) != 1 or shared & {*out} or {*out} != {*first} ^ {*second}:
        return None
    k = shared.pop()
    if out and out[-1] in first and len(first) == len(second) == 2:
        first, second, x, y = second, first, y, x
    one = x if first.endswith(k) else b.emit(ops.transpose, x)
    other = y if second.startswith(k) else b.emit(ops.transpose, y)
    return b.emit(ops.matmul, one, other)


def chain(b: Simplifier, arrays: Operand, words: list[str], out: str) -> Operand:
    """``ij,j,k->ik`` two at a time."""
    first, second, third = words
    shared = {*first} & {*second}
    inner = "".join(c for c in first + second if c not in shared or c in third + out)
    if not shared or len({*inner}) != len(inner) or len(inner) > 2:
        return None
    x = b.emit(ops.contract, *arrays[:2], subscripts=f"{first},{second}->{inner}")
    return b.emit(ops.contract, x, arrays[2], subscripts=f"{inner},{third}->{out}")
