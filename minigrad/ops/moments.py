"""Variance and standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.kinds import conjugated
from minigrad.ops.norms import direction
from minigrad.ops.record import ArrayLike, composed, is_complex, primitive
from minigrad.ops.reduction import NoValue, mask, restore, shared_out, taking_part
from minigrad.typing import Array, Axis, DType


@composed(np.var, complex=True)
def var(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Array = True,
    mean: Array = NoValue,
    correction: Any = NoValue,
) -> Array:
    """Variance over ``axis``, as `numpy.var`; ``ddof`` may be fractional.

    Derivative: ``da = dy·2·(a - mean(a)) / n``, n being the number of elements less ``ddof``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.var(x, ddof=1))(np.array([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """
    off = deviations(a, axis, dtype, where, mean)
    squares = np.real(off * conjugated(off)) if is_complex(off) else np.square(off)
    ans = np.sum(squares, axis=axis, keepdims=keepdims, where=where)
    return shared_out(ans, freedom(off, axis, where, ddof, correction, keepdims))


def deviations(a: Array, axis: Axis, dtype: DType, where: Array, mean: Array) -> Array:
    """How far the elements are off their mean; 0 of those that take no part."""
    if dtype is not None:
        a = a.astype(dtype)
    elif np.result_type(a).kind in "iub":
        a = np.multiply(a, 1.0)
    centre = np.mean(a, axis=axis, keepdims=True, where=where) if mean is NoValue else mean
    return mask(a - centre, where)


def freedom(
    x: Array, axis: Axis, where: Array, ddof: Array, correction: Any, keepdims: Any
) -> Array:
    """By what sums of squares of ``x`` are divided: elements less ``ddof``, at least 0."""
    n = taking_part(x, axis, where) - (ddof if correction is NoValue else correction)
    n = n * (n > 0) + 0.0  # which is never -0
    if where is True:
        return n
    n = n.astype(np.real(x).dtype)
    return n if keepdims or not np.ndim(n) else np.squeeze(n, axis)


@composed(np.std, complex=True)
def std(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Array = True,
    mean: Array = NoValue,
    correction: Any = NoValue,
) -> Array:
    """Standard deviation over ``axis``, as `numpy.std`.

    Derivative: ``da = dy·(a - mean(a)) / (n·y)``, n being the number of elements less ``ddof``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.std)(np.array([1.0, 3.0]))
    array([-0.5,  0.5])
    """
    off = deviations(a, axis, dtype, where, mean)
    n = freedom(off, axis, where, ddof, correction, keepdims)
    return root_mean_square(off, n=n, axis=axis, keepdims=bool(keepdims))


def freedom_of(n: Array, x: Array, axis: Axis) -> Array:
    """``n``, for all or for each, as something to divide ``x`` by."""
    return restore(n, x, axis) if np.ndim(n) else n


def root_mean_square_rule(
    g: Array, ans: Array, x: Array, n: Array, axis: Axis = None, keepdims: bool = False
) -> Array:
    """``x / (n r)``; 0 where all of ``x`` is 0."""
    g, ans, root = restore(g, x, axis), restore(ans, x, axis), freedom_of(n, x, axis) ** 0.5
    return g * (conjugated(direction(x, ans * root, axis=axis)) / root)


def half_square_rule(
    g: Array, ans: Array, x: Array, n: Array, axis: Axis = None, **_: object
) -> Array:
    return shared_out(restore(g, x, axis) * conjugated(x), freedom_of(n, x, axis))


@primitive(
    vjps=(root_mean_square_rule,),
    name="linalg.root_mean_square",
    fresh=True,
    complex=True,
    half_square=(half_square_rule,),
)
def root_mean_square(x: Array, *, n: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """``√(Σ |x|² / n)``."""
    squares = np.real(x * np.conj(x)) if is_complex(x) else x * x
    return np.sqrt(shared_out(np.sum(squares, axis=axis, keepdims=keepdims), n))
