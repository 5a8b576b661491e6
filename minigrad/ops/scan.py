"""Running sums and products, differences, and what ufuncs call reduce and accumulate."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.extremes import max, min
from minigrad.ops.record import (
    ArrayLike,
    composed,
    implementations,
    primitive,
    refuse_keyword,
    refuse_keywords,
)
from minigrad.ops.reduction import NoValue, has_no_zeros, prod, sum
from minigrad.ops.shape import arrayed, holds_tensor
from minigrad.ops.softmax import logsumexp
from minigrad.typing import Array, Axis, DType, Function

# --- scans -----------------------------------------------------------------------------


def backwards(scan: Function, x: Array, axis: int) -> Array:
    """A scan from the end."""
    return np.flip(scan(np.flip(x, axis), axis=axis), axis)


def cumsum_rule(g: Array, ans: Array, a: Array, axis: Any = None, **_: Any) -> Array:
    if axis is None or np.ndim(a) == 0:
        return np.reshape(backwards(np.cumsum, g, 0), np.shape(a))
    return backwards(np.cumsum, g, axis)


@primitive(np.cumsum, vjps=(cumsum_rule,), fresh=True, linear="jointly", complex=True)
def cumsum(a: Array, axis: Any = None, dtype: DType = None) -> Array:
    """Running sum along ``axis`` (of all elements by default), as `numpy.cumsum`.

    Derivative: ``da = cumsum(dy[::-1])[::-1]``: every element acts on all sums from its place on.
    """
    return np.cumsum(a, axis=axis, dtype=dtype)


def cumprod_rule(g: Array, ans: Array, a: Array, axis: Any = None, **_: Any) -> Array:
    """``da_k = Σ_{i≥k} g_i Π_{j≤i, j≠k} a_j``, right with zeros in ``a``.

    The inner sum is an affine recurrence, s_k = g_k + a_(k+1) s_(k+1); it and the
    product before k never divide.
    """
    flat = axis is None or np.ndim(a) == 0
    x = np.reshape(a, (-1,)) if flat else a
    k = 0 if flat else normalize_axis_index(axis, np.ndim(a))
    x, g = np.moveaxis(x, k, 0), np.moveaxis(np.reshape(g, np.shape(x)), k, 0)
    if np.shape(x)[0] == 0:
        return np.reshape(g, np.shape(a))
    before = np.concatenate([np.ones_like(x[:1]), np.cumprod(x[:-1], axis=0)], axis=0)
    return np.reshape(np.moveaxis(before * affine(x[1:], g), 0, k), np.shape(a))


def affine(factors: Array, terms: Array) -> Array:
    """``s_k = terms_k + factors_k s_(k+1)``, from the end, in as many steps as n has digits.

    Each step doubles how many terms a sum reaches: d of them, and the product of the d
    factors that follow.  One that overflows is held finite, so that 0 times it stays 0.
    """
    n, d, s, p = np.shape(terms)[0], 1, terms, factors
    kind = np.result_type(p)
    top = np.finfo(kind).max if kind.kind == "f" else None
    while d < n:
        s = np.concatenate([s[:-d] + p * s[d:], s[-d:]], axis=0)
        p = p[:-d] * p[d:]
        p = p if top is None else np.clip(p, -top, top)
        d *= 2
    return s


@primitive(
    np.cumprod,
    vjps=(cumprod_rule,),
    regular=(
        lambda a, axis=None, **_: has_no_zeros(a) and (np.ndim(a) == 1 or axis is not None),
        lambda g, ans, a, axis=None, **_: backwards(np.cumsum, g * ans, axis or 0) / a,
    ),
    fresh=True,
    complex=True,
)
def cumprod(a: Array, axis: Any = None, dtype: DType = None) -> Array:
    """Running product along ``axis`` (of all elements by default), as `numpy.cumprod`.

    Derivative: ``∂y_k/∂a_i`` is the product of ``a_j`` over ``j ≤ k`` without i: 0 for ``k < i``,
    and right at zeros.
    """
    return np.cumprod(a, axis=axis, dtype=dtype)


@composed(np.diff, complex=True)
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike = NoValue,
    append: ArrayLike = NoValue,
) -> Array:
    """``n``-th differences of neighbours along ``axis``, as `numpy.diff`.

    Derivative: for n = 1, ``da_i = dy_(i-1) - dy_i``; for others so n times.

    Raises
    ------
    ValueError
        For a negative ``n``, and single numbers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: (mg.diff(x) ** 2).sum())(np.array([1.0, 3.0, 2.0]))
    array([-4.,  6., -2.])
    """
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    if n == 0:
        return a
    if np.ndim(a) == 0:
        raise ValueError("diff needs at least one axis, got a single number")
    axis = normalize_axis_index(axis, np.ndim(a))

    def edge(value: Array) -> Array:
        if np.ndim(value):
            return value
        return np.broadcast_to(value, [1 if i == axis else m for i, m in enumerate(np.shape(a))])

    parts: Sequence[Array] = [edge(prepend)] if prepend is not NoValue else []
    parts = [*parts, a, *([edge(append)] if append is not NoValue else [])]
    if len(parts) > 1 and n:
        a = np.concatenate(parts, axis=axis)
    front = (slice(None),) * axis
    minus = np.not_equal if np.result_type(a).kind == "b" else np.subtract
    for _ in range(n):
        a = minus(a[(*front, slice(1, None))], a[(*front, slice(None, -1))])
    return a


# --- methods of ufuncs -----------------------------------------------------------------


def _first_axis(name: str, reduction: Function) -> Array:
    """A reduction as ``ufunc.reduce`` has it: over the first axis by default."""

    def reduce(
        array: Array, axis: Axis = 0, dtype: DType = None, out: object = None,
        keepdims: bool = False, initial: Array = None, where: Array = True,
    ) -> Array:  # fmt: skip
        refuse_keyword(name, "out", out)
        given = {"dtype": dtype, "initial": initial}
        given = {key: value for key, value in given.items() if value is not None}
        if where is not True:
            given["where"] = where
        return reduction(array, axis=axis, keepdims=keepdims, **given)

    return reduce


def _first_scan(name: str, scan: Function) -> Array:
    """A scan as ``ufunc.accumulate`` has it: along the first axis by default."""

    def accumulate(array: Array, axis: int = 0, dtype: DType = None, out: object = None) -> Array:
        refuse_keyword(name, "out", out)
        if axis is None:
            raise ValueError(f"{name}: the axis must be an integer, not None")
        return scan(array, axis=axis, **({} if dtype is None else {"dtype": dtype}))

    return accumulate


def slices_of(array: Array, axis: Axis, name: str) -> tuple[list[Array], int]:
    """The slices along an axis, and that axis counted from the front."""
    array = arrayed(array)
    if not isinstance(axis, int):
        raise TypeError(f"{name}: axis={axis!r} is not supported (it takes one integer)")
    axis = normalize_axis_index(axis, np.ndim(array))
    front = (slice(None),) * axis
    return [array[(*front, i)] for i in range(np.shape(array)[axis])], axis


def promoted(ufunc: np.ufunc, x: Array) -> Array:
    """``x`` in the dtype that ``ufunc`` of two such arrays has."""
    none = np.empty(0, np.result_type(x))
    kind = ufunc(none, none).dtype
    return x if kind == none.dtype else np.multiply(x, 1).astype(kind)


def like(array: Array, initial: Array) -> Array:
    """What a reduction starts from, which does not change its dtype."""
    return initial if holds_tensor([initial]) else np.result_type(array).type(initial)


def _fold(ufunc: np.ufunc, start: Array) -> Array:
    """``ufunc.reduce``: of the first two slices, of that and the third, and so on."""
    name = f"{ufunc.__name__}.reduce"

    def reduction(
        array: Array, axis: Axis, keepdims: bool = False, initial: Array = None, **refused: Any
    ) -> Array:
        refuse_keywords(name, refused)
        single = not np.ndim(array) and axis in (0, -1)  # one slice, as NumPy has it
        slices, axis = ([array], 0) if single else slices_of(array, axis, name)
        if initial is None:
            initial = start
        if initial is not None:
            array = promoted(ufunc, array)
            initial = like(array, initial)
            slices = [initial, array] if single else [initial, *slices_of(array, axis, name)[0]]
            if len(slices) == 1:
                rest = np.shape(array)[:axis] + np.shape(array)[axis + 1 :]
                slices = [np.full(rest, initial)]
        if not slices:
            raise ValueError(f"{name} needs at least one element along axis {axis}")
        if len(slices) == 1:
            slices = [promoted(ufunc, slices[0])]
        ans = functools.reduce(implementations[ufunc], slices)
        return np.expand_dims(ans, axis) if keepdims and not single else ans

    return reduction


def _running(ufunc: np.ufunc) -> Array:
    """``ufunc.accumulate``, likewise."""
    name = f"{ufunc.__name__}.accumulate"

    def scan(array: Array, axis: int, dtype: DType = None) -> Array:
        refuse_keyword(name, "dtype", dtype)
        slices, axis = slices_of(array, axis, name)
        if len(slices) == 1:
            slices = [promoted(ufunc, slices[0])]
        steps = [*itertools.accumulate(slices, implementations[ufunc])]
        return np.stack(steps, axis=axis) if steps else promoted(ufunc, array)

    return scan


def _segments(ufunc: np.ufunc) -> Array:
    """``ufunc.reduceat``: each stretch reduced, from one index up to the next."""
    name = f"{ufunc.__name__}.reduceat"
    reduce = REDUCTIONS.get(ufunc) or _fold(ufunc, None)  # a stretch of one is what it holds

    def reduceat(
        array: Array, indices: Array, axis: int = 0, dtype: DType = None, out: object = None
    ) -> Array:
        refuse_keyword(name, "dtype", dtype)
        refuse_keyword(name, "out", out)
        array = arrayed(array)
        axis = normalize_axis_index(axis, np.ndim(array))
        front, n = (slice(None),) * axis, np.shape(array)[axis]
        starts = [int(i) for i in indices]
        if any(not 0 <= i < n for i in starts):
            raise IndexError(f"{name}: indices {starts} must lie in 0..{n - 1}")
        stretches = [
            array[(*front, slice(i, j if i < j else i + 1))]
            for i, j in itertools.pairwise([*starts, n])
        ]
        return np.stack([reduce(s, axis=axis) for s in stretches], axis=axis)

    return reduceat


def _log_total(x: Array, initial: Array = None, **options: Any) -> Array:
    x = promoted(np.logaddexp, x)
    ans = logsumexp(x, **options)
    return ans if initial is None else np.logaddexp(ans, like(x, initial))


REDUCTIONS: dict[np.ufunc, Function] = {
    np.add: sum, np.multiply: prod, np.maximum: max, np.minimum: min, np.logaddexp: _log_total,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
SCANS: dict[np.ufunc, Function] = {np.add: cumsum, np.multiply: cumprod}
DIFFERENTIABLE = [
    u for u, op in implementations.items()
    if isinstance(u, np.ufunc) and u.nin == 2 and getattr(op, "elementwise", False)
]  # fmt: skip
for _ufunc in {*REDUCTIONS, *DIFFERENTIABLE}:
    _reduction = REDUCTIONS.get(_ufunc) or _fold(_ufunc, _ufunc.identity)
    implementations[_ufunc, "reduce"] = _first_axis(f"{_ufunc.__name__}.reduce", _reduction)
for _ufunc in DIFFERENTIABLE:
    _scan = SCANS.get(_ufunc) or _running(_ufunc)
    implementations.setdefault(
        (_ufunc, "accumulate"), _first_scan(f"{_ufunc.__name__}.accumulate", _scan)
    )
    implementations[_ufunc, "reduceat"] = _segments(_ufunc)
