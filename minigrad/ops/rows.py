"""Sums and extremes of short rows, which NumPy's reductions take one by one.

A reduction along the last axis begins anew for every row, and one along the first goes through
memory once for each: short of a hundred elements, rows cost several times what their elements do.
A product with ones adds all of them at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minigrad.typing import Array, Axis

ndarray = np.ndarray
total: Array = np.add.reduce

LONG = 1024
"""Rows of more elements are added in pairs, which rounds less."""

SHORT, MANY = 32, 16
"""Up to how long rows, and from how many on, one looks for extremes column by column."""


@lru_cache(maxsize=64)
def ones(n: int, kind: str) -> Array:
    """A vector of ones to multiply by, of the dtype with the letter ``kind``."""
    vector = np.ones(n, kind)
    vector.setflags(write=False)
    return vector


def integral(axis: Axis) -> bool:
    """Whether ``axis`` is an axis, or some: NumPy tells what is wrong with 1.0, which equals 1."""
    return type(axis) is int or (type(axis) is tuple and all(type(i) is int for i in axis))


def summed(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum of an array or Tensor along ``axis``, as `numpy.sum`."""
    if type(x) is not ndarray:
        return x.sum(axis=axis, keepdims=keepdims)
    n = x.ndim
    if n > 1 and x.dtype.char in "fd" and x.size and integral(axis):
        m = x.shape[-1]
        if type(axis) is tuple and len(axis) == 1:
            axis = axis[0]
        if axis == -1 or axis == n - 1:
            if m <= LONG:
                rows = x if n == 2 else x.reshape((-1, m))
                ans = rows.dot(ones(m, x.dtype.char))
                if keepdims:
                    return ans.reshape((*x.shape[:-1], 1))
                return ans if n == 2 else ans.reshape(x.shape[:-1])
        elif axis == 0 if n == 2 else axis == tuple(range(n - 1)):
            rows = x if n == 2 else x.reshape((-1, m))
            k = len(rows)
            ans = (ones(k, x.dtype.char) if k <= 4 * LONG else np.ones(k, x.dtype)).dot(rows)
            return ans.reshape((*[1] * (n - 1), m)) if keepdims else ans
    return total(x, axis, None, None, keepdims)


def extreme(ufunc: Array, x: Array, axis: Axis, keepdims: bool = False) -> Array:
    """``ufunc.reduce`` of an array: `numpy.maximum`, say."""
    n = x.ndim
    if n > 1 and integral(axis) and (axis == -1 or axis == n - 1):
        m = x.shape[-1]
        if 0 < m <= SHORT and x.size >= MANY * m:
            columns = x.reshape((-1, m)).T.copy()
            return ufunc.reduce(columns).reshape((*x.shape[:-1], *[1] * keepdims))
    return ufunc.reduce(x, axis, None, None, keepdims)
