"""Indexing and selection: the gradient goes back to where the elements came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.record import primitive, register, Op


def _basic(index: Any) -> bool:
    """Whether ``index`` selects every element at most once."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or isinstance(p, int | slice | np.integer | np.bool_) for p in parts
    )


@primitive(vjps=(lambda g, ans, a, index: scatter(g, shape=np.shape(a), index=index),))
def getitem(a: Any, index: Any) -> Any:
    """``a[index]``: basic, boolean, integer-array and mixed indices, as NumPy's."""
    return a[index]


@primitive(vjps=(lambda g, ans, values, shape, index: getitem(g, index),))
def scatter(values: Any, shape: tuple[int, ...], index: Any) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``index``; repeated indices accumulate."""
    out = np.zeros(shape, values.dtype)
    if _basic(index):
        out[index] = values
    else:
        np.add.at(out, index, values)
    return out
