"""Identities by which formulas become those of textbooks: one normal form of products.

A product is a number times powers of what is no product itself; what is above and below
cancels, what is no array goes in front of sums and matrix products.  The rest of the page
are the forms in which vectors, masks and choices are written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op, registry
from minigrad.program.builder import Builder, Rule, is_, key_of, number, outcome, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import floating, rule, scaled, whole
from minigrad.program.textbook import raised
from minigrad.writing.notation import above, below, inverse_transposed, onehot, outer

# --- products --------------------------------------------------------------------------

GETITEM = registry["getitem"]
Factors = dict[int, list[Any]]
"""Key -> what is multiplied, and its exponent."""

MANY = 24
"""Products of more factors are left as they are."""


def factors(b: Builder, x: Any, p: float = 1) -> tuple[float, Factors]:
    """``x**p`` as a number times powers of what is no product itself."""
    c, found, stack = 1.0, {}, [(x, p)]  # type: tuple[float, Factors, list[Any]]
    while stack:
        y, q = stack.pop()
        n = number(y)
        if n is not None and (n or q >= 0):
            c *= float(n) ** q
        elif not isinstance(y, Var):
            found.setdefault(key_of(y), [y, 0])[1] += q
        elif (inner := opened(b, y)) is None or len(found) > MANY:
            found.setdefault(id(y), [y, 0])[1] += q
        else:
            stack += [(z, q * r) for z, r in reversed(inner)]
    return c, roots_squared(b, found)


def opened(b: Builder, y: Var) -> list[tuple[Any, Any]] | None:
    """What ``y`` is the product of, with exponents; None for sums, names and the like."""
    if y.given or y.dtype.kind != "f":
        return None
    if (inner := b.match(y, ops.multiply)) is not None:
        return [(inner[0], 1), (inner[1], 1)]
    if (inner := b.match(y, ops.divide)) is not None:
        return [(inner[0], 1), (inner[1], -1)]
    if (inner := b.match(y, ops.negative)) is not None:
        return [(-1, 1), (inner[0], 1)]
    if (inner := b.match(y, ops.square)) is not None:
        return [(inner[0], 2)]
    if (inner := b.match(y, ops.power)) is not None and type(number(inner[1])) is int:
        return [(inner[0], number(inner[1]))]
    return None


def roots_squared(b: Builder, found: Factors) -> Factors:
    """``√u·√u`` is ``u``."""
    for key, (y, p) in list(found.items()):
        inner = b.match(y, ops.sqrt)
        if inner is not None and not y.given and abs(p) >= 2:
            whole = int(p / 2)
            found[key][1] = p - 2 * whole
            found.setdefault(key_of(inner[0]), [inner[0], 0])[1] += whole
    return {key: part for key, part in found.items() if part[1]}


def product_of(b: Builder, found: Factors, sign: int = 1) -> Any:
    """The product of the factors with positive exponents, or of the others for sign -1."""
    answer: Any = None
    for y, p in found.values():
        if p * sign > 0:
            power = raised(b, y, abs(p))
            answer = power if answer is None else b.emit(ops.multiply, answer, power)
    return answer


def built(b: Builder, c: float, found: Factors) -> Any:
    """A number times a product, over one."""
    c = int(c) if c == int(c) and abs(c) < 2**53 else c
    above, below = product_of(b, found), product_of(b, found, -1)
    if below is not None and (1 / c) % 1 == 0 and abs(c) <= 0.5:
        below, c = b.emit(ops.multiply, int(abs(1 / c)), below), 1 if c > 0 else -1
    if above is None and below is not None:
        size, sign = abs(c), 1 if c > 0 else -1
        return scaled(b, sign, b.emit(ops.divide, size, below))
    if below is not None:
        above = b.emit(ops.divide, above, below)
    return c if above is None else scaled(b, c, above)


def cancelled(sign: int) -> Rule:
    """``x·(y/x)`` is ``y``, ``2·x/(2·y)`` is ``x/y``, ``x²·x`` is ``x³``."""

    def combined(b: Builder, x: Any, y: Any) -> Any:
        if not (floating(y) or floating(x)) or (kinds(x) != kinds(y) and None not in kinds(x, y)):
            return None
        (c, above), (d, below) = factors(b, x), factors(b, y, sign)
        if number(x) is not None and number(y) is not None:
            return None
        shared = above.keys() & below.keys()
        reduced = number(y) is None and abs(c) != 1 != abs(d)
        inverse = sign < 0 and number(y) is None and abs(d) != 1
        inverse &= not (abs(c) == 1 and (1 / d) % 1 == 0)
        inverse |= sign > 0 and any(
            f and number(z) is None and all(p < 0 for _, p in f.values())
            for f, z in ((above, x), (below, y))
        )
        if not (shared or reduced or inverse) or not math.isfinite(c * d) or not c * d:
            return None
        together = {key: list(part) for key, part in above.items()}
        for key, (z, p) in below.items():
            together.setdefault(key, [z, 0])[1] += p
        together = {k: part for k, part in roots_squared(b, together).items() if part[1]}
        return stretched(
            b, built(b, c * d, together), ops.multiply if sign > 0 else ops.divide, x, y
        )

    return combined


def kinds(*xs: Any) -> set[Any]:
    """The dtypes of variables; None for numbers, which have none."""
    return {x.dtype if isinstance(x, Var) else None for x in xs}


def stretched(b: Builder, answer: Any, op: Any, x: Any, y: Any) -> Any:
    """``answer`` in the shape of ``op(x, y)``, from which a factor may have vanished."""
    shape, dtype = outcome(op, (x, y), {})
    if isinstance(answer, Var):
        same = answer.shape == shape
        return answer if same else b.emit(ops.broadcast_to, answer, shape=shape)
    return np.broadcast_to(dtype.type(answer), shape)[()]


for _op, _sign in ((ops.multiply, 1), (ops.divide, -1)):
    rule(_op, when="formula")(cancelled(_sign))


def scalars_of(b: Builder, x: Any) -> tuple[float, Factors, Any]:
    """``x`` as a number, factors that are no arrays, and the rest."""
    if not shape_of(x) or not floating(x) or x.given:
        return 1, {}, x
    c, found = factors(b, x)
    outside = {k: part for k, part in found.items() if not shape_of(part[0])}
    inside = {k: part for k, part in found.items() if k not in outside}
    if (c == 1 and not outside) or not inside:
        return 1, {}, x
    rest = built(b, 1, inside)
    return (c, outside, rest) if shape_of(rest) == shape_of(x) else (1, {}, x)


def linear(op: Any) -> Rule:
    """``Σ c·x`` is ``c·Σ x``, ``A @ (c·x)`` is ``c·(A @ x)``."""

    def outside(b: Builder, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= {"axis", "keepdims", "axes", "shape", "axis1", "axis2"} and not (
            op is ops.sum and whole(kwargs)
        ):
            return None
        parts = [scalars_of(b, x) for x in args]
        if all(rest is x for (_, _, rest), x in zip(parts, args, strict=True)):
            return None
        c, found = 1.0, {}  # type: tuple[float, Factors]
        for d, scalars, _ in parts:
            c *= d
            for key, (z, p) in scalars.items():
                found.setdefault(key, [z, 0])[1] += p
        inner = b.emit(op, *(rest for _, _, rest in parts), **kwargs)
        found = {k: part for k, part in found.items() if part[1]}
        if (n := number(inner)) is None:
            return built(b, c, {**found, key_of(inner): [inner, 1]})
        answer = built(b, c * float(n), found)
        return b.emit(ops.broadcast_to, answer, shape=inner.shape) if np.shape(inner) else answer

    return outside


for _op in (ops.sum, ops.matmul, ops.transpose, ops.reshape, ops.swapaxes):
    rule(_op, when="formula")(linear(_op))


def common_scalars(sign: int) -> Rule:
    """``x/m - y/m`` is ``(x - y)/m``."""

    def gathered(b: Builder, x: Any, y: Any) -> Any:
        if kinds(x) != kinds(y) or not floating(x):
            return None
        (c, above), (d, below) = factors(b, x), factors(b, y)
        common = {
            k: part
            for k, part in above.items()
            if below.get(k, (0, 0))[1] == part[1] and (not shape_of(part[0]) or len(above) > 1)
        }
        common = {k: part for k, part in common.items() if not shape_of(part[0])}
        rests = [{k: v for k, v in f.items() if k not in common} for f in (above, below)]
        if not common or not all(rests):
            return None
        e = abs(c) if abs(c) == abs(d) else 1
        (u, v) = (built(b, k / e, rest) for k, rest in zip((c, d), rests, strict=True))
        inner = b.emit(ops.add if sign > 0 else ops.subtract, u, v)
        if not isinstance(inner, Var):
            return None
        return built(b, e, {key_of(inner): [inner, 1], **common})

    return gathered


STEPS = {ops.greater: (ops.greater_equal, above), ops.less: (ops.less_equal, below)}
"""A comparison, the one that holds at a tie too, and the step half way between."""


def shared_tie(sign: int) -> Rule:
    """``g·(u > v) + g·(u >= v)`` is 2g where u > v, and g where they tie."""

    def counted(b: Builder, x: Any, y: Any) -> Any:
        if not floating(x) or not floating(y):
            return None
        (c, strict), (d, loose) = factors(b, x), factors(b, y)
        masks = [
            [k for k, (z, _) in f.items() if isinstance(z, Var) and z.dtype.kind == "b"]
            for f in (strict, loose)
        ]
        if c != sign * d or [len(m) for m in masks] != [1, 1]:
            return None
        first, second = (strict.pop(masks[0][0])[0], loose.pop(masks[1][0])[0])
        made, other = b.made_by.get(first), condition(b, second)
        if made is None or other is None or made.op not in STEPS:
            return None
        loosely, step = STEPS[made.op]
        if other.op is not loosely or not equal(strict, loose):
            return None
        if [*map(key_of, made.args)] != [*map(key_of, other.args)]:
            return None
        mask = b.emit(step, *made.args)
        return built(b, 2 * c, {**strict, key_of(mask): [mask, 1]})

    return counted


def condition(b: Builder, mask: Any) -> Any:
    """The comparison that a truth value is."""
    return b.made_by.get(mask)


def equal(f: Factors, g: Factors) -> bool:
    return {k: p for k, (_, p) in f.items()} == {k: p for k, (_, p) in g.items()}


for _op, _sign in ((ops.add, 1), (ops.subtract, -1)):
    rule(_op, when="formula")(shared_tie(_sign))
    rule(_op, when="formula")(common_scalars(_sign))

# --- shapes ----------------------------------------------------------------------------


@rule(ops.multiply, when="formula")
def outer_product(b: Builder, x: Any, y: Any) -> Any:
    """``x[:, None]·y`` of two vectors is ``x yᵀ``."""
    for u, v in ((x, y), (y, x)):
        column = as_column(b, u)
        row = as_row(b, v)
        if column is not None and row is not None:
            return b.emit(outer, column, row)
    return None


def as_column(b: Builder, x: Any) -> Any:
    """The vector that ``x`` is as a column; None for what is none."""
    if not isinstance(x, Var) or len(x.shape) != 2 or x.shape[1] != 1 or x.given:
        return None
    for op in (GETITEM, ops.reshape, ops.expand_dims):
        inner = b.match(x, op)
        if inner is not None and len(shape_of(inner[0])) == 1:
            return inner[0]
    return None


def as_row(b: Builder, x: Any) -> Any:
    if isinstance(x, Var) and len(x.shape) == 1:
        return x
    if not isinstance(x, Var) or len(x.shape) != 2 or x.shape[0] != 1 or x.given:
        return None
    for op in (GETITEM, ops.reshape, ops.expand_dims):
        inner = b.match(x, op)
        if inner is not None and len(shape_of(inner[0])) == 1:
            return inner[0]
    return None


@rule(ops.sum, when="formula")
def product_with_vector(b: Builder, x: Any, axis: Any = None, **others: Any) -> Any:
    """``Σⱼ Aᵢⱼ·vⱼ`` is ``A @ v``."""
    inner = b.match(x, ops.multiply)
    if inner is None or len(shape_of(x)) != 2 or not whole(others) or others.get("keepdims"):
        return None
    if not isinstance(axis, int):
        return None
    for a, v in (inner, inner[::-1]):
        if not isinstance(a, Var) or a.shape != x.shape:
            continue
        if axis % 2 == 1 and (row := as_row(b, v)) is not None and row.shape[0] == x.shape[1]:
            return b.emit(ops.matmul, a, row)
        column = as_column(b, v)
        if axis % 2 == 0 and column is not None and column.shape[0] == x.shape[0]:
            return b.emit(ops.matmul, b.emit(ops.transpose, a), column)
    return None


@rule(ops.reshape, when="formula")
def kept_dimensions(b: Builder, x: Any, shape: Any = None, **_: Any) -> Any:
    """A sum whose axes are put back kept them."""
    made = b.made_by.get(x) if isinstance(x, Var) and not x.given else None
    if made is None or made.op is not ops.sum or not made.kwargs.keys() <= {"axis", "keepdims"}:
        return None
    of, axis = shape_of(made.args[0]), made.kwargs.get("axis")
    if axis is None or made.kwargs.get("keepdims"):
        return None
    axes = {a % len(of) for a in (axis if isinstance(axis, tuple) else (axis,))}
    if tuple(shape) != tuple(1 if i in axes else n for i, n in enumerate(of)):
        return None
    return b.emit(ops.sum, made.args[0], axis=axis, keepdims=True)


def unpadded(op: Op) -> Rule:
    """Axes of length 1 in front are put there by broadcasting anyhow."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        u, v = shorter(b, x, len(shape_of(y))), shorter(b, y, len(shape_of(x)))
        return None if u is x and v is y else b.emit(op, u, v)

    return applied


def shorter(b: Builder, x: Any, most: int) -> Any:
    """What ``x`` is with axes in front, or behind a number, if other operands have as many."""
    if not isinstance(x, Var) or x.given or len(x.shape) > most:
        return x
    for op in (ops.reshape, GETITEM, ops.expand_dims):
        inner = b.match(x, op)
        if inner is not None:
            shape = shape_of(inner[0])
            if x.shape == (1,) * (len(x.shape) - len(shape)) + shape:
                return inner[0]
    return x


for _op in (ops.add, ops.subtract, ops.multiply, ops.divide):
    rule(_op, when="formula")(unpadded(_op))


@rule(ops.broadcast_to, when="formula")
def broadcast_padded(b: Builder, x: Any, shape: Any = None, **_: Any) -> Any:
    """Broadcasting puts axes in front by itself."""
    c, scalars, rest = scalars_of(b, x)
    u = shorter(b, rest, len(shape))
    if u is rest:
        return None
    return b.emit(ops.broadcast_to, built(b, c, {**scalars, key_of(u): [u, 1]}), shape=shape)


@rule(ops.add, when="formula")
def less_a_number(b: Builder, x: Any, y: Any) -> Any:
    """``x + (-2)`` is ``x - 2``."""
    for u, v in ((x, y), (y, x)):
        if number(v) is not None and number(v) < 0 and floating(u):
            return b.emit(ops.subtract, u, -number(v))
    return None


# --- masks and choices -----------------------------------------------------------------


def moved(other: Op) -> Rule:
    """``1 - u > 0`` is ``u < 1``."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        inner = b.match(x, ops.subtract)
        if inner is None or not is_(y, 0) or number(inner[0]) is None:
            return None
        return b.emit(other, inner[1], inner[0])

    return applied


for _op, _other in ((above, below), (below, above)):
    rule(_op, when="formula")(moved(_other))


@rule(ops.scatter, when="formula")
def scattered_number(b: Builder, x: Any, shape: Any = None, index: Any = None) -> Any:
    """The same number in each row, where ``y`` says, is that times onehot(y)."""
    if not isinstance(index, tuple) or len(index) != 2 or len(shape) != 2:
        return None
    rows, y = index
    one_each = isinstance(rows, np.ndarray | range) and np.array_equal(
        np.ravel(rows), np.arange(shape[0])
    )
    if not one_each or not isinstance(y, Var) or y.dtype.kind not in "iu" or y.shape != (shape[0],):
        return None
    c = same_everywhere(b, x)
    if c is None:
        return None
    hot = b.keep(onehot, (y,), {"classes": shape[1]}, Var("t", tuple(shape), np.dtype(float)))
    return b.emit(ops.multiply, c, hot)


def same_everywhere(b: Builder, x: Any) -> Any:
    """The number, or what is one, that all entries of ``x`` are; None if they may differ."""
    if number(x) is not None or not shape_of(x):
        return number(x) if number(x) is not None else x
    for op in (ops.broadcast_to, ops.reshape):
        if (inner := b.match(x, op)) is not None:
            return same_everywhere(b, inner[0])
    c, found = factors(b, x)
    if len(found) == 1 and c == 1:
        return None
    parts = {k: [same_everywhere(b, y), p] for k, (y, p) in found.items()}
    return None if any(y is None for y, _ in parts.values()) else built(b, c, parts)


@rule(ops.sum, when="formula")
def sum_of_one_hot(
    b: Builder, x: Any, axis: Any = None, keepdims: Any = False, **others: Any
) -> Any:
    """Each row of onehot(y) has one 1."""
    if not whole(others) or not (isinstance(x, Var) and b.match(x, onehot) and axis in (1, -1)):
        return None
    return np.broadcast_to(np.float64(1), (x.shape[0], 1) if keepdims else x.shape[:1])


@rule(ops.divide, when="formula")
def inverse_by_cofactors(b: Builder, x: Any, y: Any) -> Any:
    """``cofactors(A)/det A`` is ``A⁻ᵀ``."""
    u, v = b.match(x, COFACTORS), b.match(y, DETERMINANT)
    if u is None or v is None or u[0] is not v[0]:
        return None
    return b.keep(inverse_transposed, u, {}, Var("t", x.shape, x.dtype))


@rule(ops.swapaxes, ops.transpose, when="formula")
def transpose_of_inverse(b: Builder, x: Any, **axes: Any) -> Any:
    """``(A⁻¹)ᵀ`` is ``A⁻ᵀ``."""
    inner = b.match(x, INVERSE)
    n = len(shape_of(x))
    last = sorted(a % n for a in axes.values() if isinstance(a, int)) == [n - 2, n - 1]
    if inner is None or not (last or (n == 2 and not any(v is not None for v in axes.values()))):
        return None
    return b.keep(inverse_transposed, inner, {}, Var("t", x.shape, x.dtype))


INVERSE, DETERMINANT = registry["linalg.inv"], registry["linalg.det"]
COFACTORS = registry["linalg.cofactors"]


@rule(ops.multiply, when="formula")
def multiple_of_truth(b: Builder, x: Any, y: Any) -> Any:
    """``0.5·(2·(x > 0))`` is ``1·(x > 0)``, which is no truth value."""
    c, inner = number(x), b.match(y, ops.multiply)
    if c is None or inner is None or number(inner[0]) is None:
        return None
    truth = inner[1]
    if not isinstance(truth, Var) or truth.dtype.kind != "b":
        return None
    return b.keep(
        ops.multiply, (y.dtype.type(c * number(inner[0])), truth), {}, Var("t", y.shape, y.dtype)
    )
