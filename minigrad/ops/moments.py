"""Variance and standard deviation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.kinds import conjugated
from minigrad.ops.norms import known_any, power_norm
from minigrad.ops.record import ArrayLike, composed, is_complex
from minigrad.ops.reduction import NoValue, mask, shared_out, taking_part


@composed(np.var, complex=True)
def var(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = NoValue,
    correction: Any = NoValue,
) -> Any:
    """Variance over ``axis``, as `numpy.var`; ``ddof`` may be fractional.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.var(x, ddof=1))(np.array([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """
    off = deviations(a, axis, dtype, where, mean)
    squares = np.real(off * conjugated(off)) if is_complex(off) else np.square(off)
    ans = np.sum(squares, axis=axis, keepdims=keepdims, where=where)
    return shared_out(ans, freedom(a, axis, where, ddof, correction, ans))


def deviations(a: Any, axis: Any, dtype: Any, where: Any, mean: Any) -> Any:
    """How far the elements are off their mean; 0 of those that take no part."""
    if dtype is not None:
        a = a.astype(dtype)
    elif np.result_type(a).kind in "iub":
        a = np.multiply(a, 1.0)
    centre = np.mean(a, axis=axis, keepdims=True, where=where) if mean is NoValue else mean
    return mask(a - centre, where)


def freedom(a: Any, axis: Any, where: Any, ddof: Any, correction: Any, ans: Any) -> Any:
    """By what the sum of squares ``ans`` is divided: elements less ``ddof``, at least 0."""
    n = taking_part(a, axis, where) - (ddof if correction is NoValue else correction)
    n = n * (n > 0) + 0.0  # which is never -0
    return n if where is True else n.reshape(np.shape(ans)).astype(np.result_type(ans))


@composed(np.std, complex=True)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = NoValue,
    correction: Any = NoValue,
) -> Any:
    """Standard deviation over ``axis``, as `numpy.std`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.std)(np.array([1.0, 3.0]))
    array([-0.5,  0.5])
    """
    v = var(
        a, axis, dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean, correction=correction
    )
    beyond = (v == 0) | (v == math.inf)  # squares that are no numbers: see what norms do there
    length: Any = 0.0
    if known_any(beyond):
        off = deviations(a, axis, dtype, where, mean)
        n = freedom(a, axis, where, ddof, correction, v)
        length = power_norm(off, axis=axis, keepdims=bool(keepdims)) / np.sqrt(np.maximum(n, 1))
    return np.where(beyond, length, np.sqrt(np.where(beyond, 1.0, v)))[()]
