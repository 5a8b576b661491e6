"""Statistics: moments and order statistics, also of data with NaN in them.

All of it is composed.  What passes over NaN fills them with a number that changes
nothing and lets them take no part, so no gradient reaches them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.extremes import max, min
from minigrad.ops.kinds import conjugated
from minigrad.ops.moments import std, var
from minigrad.ops.record import ArrayLike, composed
from minigrad.ops.reduction import NoValue, average, options, prod, sum, trusted
from minigrad.ops.scan import cumprod, cumsum
from minigrad.ops.shape import arrayed, some
from minigrad.typing import Array, Axis, DType, Function

# --- passing over NaN ------------------------------------------------------------------


def without_nan(a: Array, value: float) -> Array:
    """``a`` with ``value`` in place of NaN."""
    return np.where(trusted(a), a, np.asarray(value, np.result_type(a, np.float16))[()])


def nan_extreme(
    extreme: Function,
    worst: float,
    a: Array,
    axis: Any,
    keepdims: Any,
    initial: Array,
    where: Array,
) -> Array:
    """The extreme of what is not NaN; NaN where nothing else is left."""
    a = arrayed(a)
    given = options(initial=initial)
    if np.result_type(a).kind != "f":
        return extreme(a, axis=axis, keepdims=keepdims, where=where, **given)
    if where is not True:
        given.setdefault("initial", worst)
    ans = extreme(without_nan(a, worst), axis=axis, keepdims=keepdims, where=where, **given)
    if initial is not NoValue:
        return ans
    some = np.any(trusted(a), axis=axis, keepdims=bool(keepdims), where=where)
    return np.where(some, ans, np.asarray(math.nan, np.result_type(a))[()])[()]


@composed(np.nanmax)
def nanmax(
    a: Array,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Largest element that is not NaN, as `numpy.nanmax`; ties share the gradient evenly.

    Derivative: 1 at the largest element, 0 at the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanmax)(np.array([1.0, np.nan, 3.0]))
    array([0., 0., 1.])
    """
    return nan_extreme(max, -math.inf, a, axis, keepdims, initial, where)


@composed(np.nanmin)
def nanmin(
    a: Array,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Smallest element that is not NaN, as `numpy.nanmin`; ties share the gradient evenly.

    Derivative: 1 at the smallest element, 0 at the others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanmin)(np.array([1.0, np.nan, 3.0]))
    array([1., 0., 0.])
    """
    return nan_extreme(min, math.inf, a, axis, keepdims, initial, where)


@composed(np.nanprod)
def nanprod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DType = None,
    *,
    keepdims: bool = False,
    initial: Array = NoValue,
    where: Array = True,
) -> Array:
    """Product of the elements that are not NaN, as `numpy.nanprod`.

    Derivative: the product of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanprod)(np.array([2.0, np.nan, 3.0]))
    array([3., 0., 2.])
    """
    return prod(
        np.where(trusted(a), a, 1), axis=axis, dtype=dtype, keepdims=keepdims,
        **options(initial=initial), where=where,
    )  # fmt: skip


@composed(np.nancumsum)
def nancumsum(a: ArrayLike, axis: Axis = None, dtype: DType = None) -> Array:
    """Running sum with NaN counted as 0, as `numpy.nancumsum`.

    Derivative: as `cumsum`; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.nancumsum(x).sum())(np.array([1.0, np.nan, 3.0]))
    array([3., 0., 1.])
    """
    return cumsum(np.where(trusted(a), a, 0), axis=axis, dtype=dtype)


@composed(np.nancumprod)
def nancumprod(a: ArrayLike, axis: Axis = None, dtype: DType = None) -> Array:
    """Running product with NaN counted as 1, as `numpy.nancumprod`.

    Derivative: as `cumprod`; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.nancumprod(x).sum())(np.array([1.0, np.nan, 3.0]))
    array([5., 0., 1.])
    """
    return cumprod(np.where(trusted(a), a, 1), axis=axis, dtype=dtype)


def over_known(
    measure: Function, a: Array, axis: Axis, dtype: DType, ddof: Array, keepdims: bool,
    where: Array, mean: Array, correction: Any,
) -> Array:  # fmt: skip
    """A variance or its root, of what is not NaN; NaN where no freedom is left."""
    part = trusted(a) & where
    ans = measure(
        np.where(part, a, 0), axis, dtype, ddof=ddof, keepdims=keepdims, where=part, mean=mean,
        correction=correction,
    )  # fmt: skip
    left = np.sum(part, axis=axis, keepdims=keepdims)
    return np.where(left > (ddof if correction is NoValue else correction), ans, math.nan)[()]


@composed(np.nanvar, complex=True)
def nanvar(
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
    """Variance of the elements that are not NaN, as `numpy.nanvar`.

    Derivative: as `var` of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanvar)(np.array([1.0, np.nan, 3.0]))
    array([-1.,  0.,  1.])
    """
    return over_known(var, a, axis, dtype, ddof, keepdims, where, mean, correction)


@composed(np.nanstd, complex=True)
def nanstd(
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
    """Standard deviation of the elements that are not NaN, as `numpy.nanstd`.

    Derivative: as `std` of the others; 0 by what is NaN.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(mg.nanstd)(np.array([1.0, np.nan, 3.0]))
    array([-0.5,  0. ,  0.5])
    """
    return over_known(std, a, axis, dtype, ddof, keepdims, where, mean, correction)


# --- covariance ------------------------------------------------------------------------


def weights_of(w: Array, name: str, n: int) -> Array:
    """Weights of ``n`` observations, refused where `numpy.cov` refuses them."""
    w = arrayed(w)
    if np.shape(w) != (n,):
        raise RuntimeError(f"cov: {name} {np.shape(w)} must have the shape ({n},)")
    broken = w != np.round(w) if name == "fweights" else False
    for wrong, what, error in (
        (broken, "whole numbers", TypeError), (w < 0, "positive or 0", ValueError),
    ):  # fmt: skip
        if some(wrong):
            raise error(f"cov: {name} must be {what}")
    return np.multiply(w, 1).astype(float) if np.result_type(w).kind == "f" else w


@composed(np.cov, complex=True)
def cov(
    m: Array,
    y: Array = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Array = None,
    aweights: ArrayLike = None,
    *,
    dtype: DType = None,
) -> Array:
    """Covariances of variables, one in each row, as `numpy.cov`.

    Derivative: ``dX = (dC + dCᵀ) (X - mean) / (N - ddof)`` for variables in rows.

    Raises
    ------
    ValueError
        For more than two axes, and weights below 0.
    RuntimeError
        For weights that are not one for each observation.
    TypeError
        For ``fweights`` that are not whole.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.cov(x, [0.0, 1.0, 5.0])[0, 1])(np.ones(3))
    array([-1. , -0.5,  1.5])
    """

    def rows(x: Array) -> Array:
        x = arrayed(x)
        if np.ndim(x) > 2:
            raise ValueError(f"cov takes at most two axes, the shape is {np.shape(x)}")
        kind = np.result_type(x, np.float64) if dtype is None else dtype
        matrix = np.atleast_2d(x if np.result_type(x) == kind else np.multiply(x, 1).astype(kind))
        return matrix if rowvar or np.ndim(x) < 2 else matrix.T

    x = rows(m) if y is None else np.concatenate([rows(m), rows(y)])
    ddof = (0 if bias else 1) if ddof is None else ddof
    n = np.shape(x)[1]
    weights: Array = None
    for w, name in ((fweights, "fweights"), (aweights, "aweights")):
        if w is not None:
            w = weights_of(w, name, n)
            weights = w if weights is None else weights * w
    if weights is None:
        off, freedom = x - np.mean(x, axis=1, keepdims=True), n - ddof
        scaled = off
    else:
        total = sum(weights)
        lost = ddof if aweights is None else ddof * sum(weights * aweights) / total
        off, freedom = x - average(x, axis=1, weights=weights)[:, None], total - lost
        scaled = off * weights
    ans = off @ conjugated(scaled).T / np.maximum(freedom, 0)
    return np.squeeze(ans if dtype is None else ans.astype(dtype))[()]


@composed(np.corrcoef)
def corrcoef(x: Array, y: Array = None, rowvar: bool = True, *, dtype: DType = None) -> Array:
    """Correlations of variables, one in each row, as `numpy.corrcoef`.

    Derivative: by the quotient rule from ``C = cov(x)``, as ``R_ij = C_ij / √(C_ii C_jj)``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([0.0, 1.0, 3.0])
    >>> mg.grad(lambda x: mg.corrcoef(x, [1.0, 0.0, 2.0])[0, 1])(x).round(3)
    array([ 0.187, -0.281,  0.094])
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    spread = np.sqrt(np.diag(c))
    return np.clip(c / spread[:, None] / spread, -1, 1)
