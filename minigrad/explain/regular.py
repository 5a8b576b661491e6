"""Rules as textbooks print them: right wherever nothing is singular, or 0.

The rules of an op hold everywhere, and take detours for it: products without an entry that is
0, a series near 0.  Where the values need none of that, the formula is the short one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode
from minigrad.ops import determinants
from minigrad.ops.record import Op
from minigrad.typing import Array

SMALL = 0.01
"""Closer to 0 a quotient that cancels there loses digits."""
Rule = Callable[..., Any]


def without_zeros(x: Array, **_: Any) -> bool:
    return bool(np.all(x != 0) and np.all(np.isfinite(x)))


def along(x: Array, axis: Any = None, **_: Any) -> bool:
    """Whether a running product goes along one axis, and meets no 0."""
    return without_zeros(x) and (np.ndim(x) == 1 or isinstance(axis, int))


def determinant(g: Array, ans: Array, a: Array) -> Array:
    """``det(A) A⁻ᵀ``."""
    return (g * ans)[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2)


def product(
    g: Array, ans: Array, x: Array, axis: Any = None, keepdims: bool = False, **_: Any
) -> Array:
    """``P/x``."""
    whole = g * ans
    return (whole if axis is None or keepdims else np.expand_dims(whole, axis)) / x


def running_product(g: Array, ans: Array, x: Array, axis: Any = None, **_: Any) -> Array:
    """Each entry is a factor of the products from its place on."""
    k = 0 if axis is None else axis
    return np.flip(np.cumsum(np.flip(g * ans, k), axis=k), k) / x


def sine_quotient(g: Array, ans: Array, x: Array) -> Array:
    """``(cos πx - sinc x)/x``."""
    return g * ((np.cos(math.pi * x) - ans) / x)


REGULAR: dict[Op, tuple[Callable[..., bool], Rule]] = {
    determinants.det: (lambda a: determinants.accurate_inverse(a) is not None, determinant),
    ops.prod: (without_zeros, product),
    ops.cumprod: (along, running_product),
    ops.sinc: (lambda x: bool(np.all(np.abs(x) > SMALL)), sine_quotient),
}
"""Op -> whether the short rule holds for its arguments, and that rule."""


def regular(node: AnyNode) -> Rule | None:
    """The short rule of an operation, where its values allow it."""
    holds, rule = REGULAR.get(node.op, (None, None))  # type: ignore[arg-type]
    plain = isinstance(node.args[0], np.ndarray | np.generic)
    return rule if holds is not None and plain and holds(*node.args, **node.kwargs) else None
