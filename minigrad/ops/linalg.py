"""Linear algebra: the rules as matrix calculus has them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minigrad.ops.record import Op, register
from minigrad.ops.shape import unbroadcast


def matmul_left(g: Any, ans: Any, a: Any, b: Any) -> Any:
    """``g bᵀ``."""
    if len(np.shape(a)) == len(np.shape(b)) == 2:
        return g @ b.T
    if np.ndim(b) == 1:
        g, b = g[..., None], b[:, None]
    if np.ndim(a) == 1:
        g = np.expand_dims(g, -2)
    da = g @ np.swapaxes(b, -1, -2)
    if np.ndim(a) == 1:
        da = da[..., 0, :]
    return unbroadcast(da, np.shape(a))


def matmul_right(g: Any, ans: Any, a: Any, b: Any) -> Any:
    """``aᵀ g``."""
    if len(np.shape(a)) == len(np.shape(b)) == 2:
        return a.T @ g
    if np.ndim(a) == 1:
        g, a = np.expand_dims(g, -2) if np.ndim(b) > 1 else g, a[None, :]
    if np.ndim(b) == 1:
        g = g[..., None]
    db = np.swapaxes(a, -1, -2) @ g
    if np.ndim(b) == 1:
        db = db[..., 0]
    return unbroadcast(db, np.shape(b))


matmul = register(
    Op("matmul", operator.matmul, (matmul_left, matmul_right), symbol="@"), np.matmul
)
