"""SciPy's special functions: its ufuncs themselves, and what SciPy writes in Python.

The ufuncs take Tensors as they are; this page has them by the same names, and the
functions that SciPy builds of them, which take arrays only.
"""

from __future__ import annotations

import math
import operator
from functools import cache as _cache
from typing import Any

import numpy as np
import scipy.special as sp

from minigrad import ops
from minigrad.ops import scipy_special as scipy_special  # the rules of the ufuncs
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op, implementations
from minigrad.ops.shape import arrayed
from minigrad.tensor import concrete
from minigrad.typing import Array, Axis

__all__ = [
    "lambertw", "log_softmax", "logsumexp", "multigammaln", "polygamma", "sinc", "softmax",
    "softplus", "zeta",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*__all__, *sp.__all__})


class Mirrored:  # a ufunc of SciPy's as it is, but for its help: that has the derivatives
    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return self.op.__doc__

    @property
    def __signature__(self) -> Any:
        return self.op.__signature__

    def __init__(self, ufunc: np.ufunc, op: Op) -> None:
        self.__wrapped__, self.op = ufunc, op
        self.__name__ = self.__qualname__ = ufunc.__name__

    def __call__(self, *args: Array, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "__wrapped__"), name)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce__(self) -> str:
        return self.__name__


@_cache  # one object each, as everywhere
def __getattr__(name: str) -> Any:
    """SciPy's own function, where there is no rule."""
    found = getattr(sp, name)
    if isinstance(found, np.ufunc) and isinstance(op := implementations.get(found), Op):
        return Mirrored(found, op)
    return found


sinc: Op = ops.sinc
softplus: Op = ops.softplus


def zeta(x: Array, q: Array = None) -> Array:
    """Riemann's ζ, or Hurwitz's ``Σ (k + q)^−x``, differentiable by q.

    Derivative: ``-x ζ(x + 1, q)`` by q; by x none is known in closed form.

    Examples
    --------
    >>> print(f"{float(zeta(2.0, 1.0)):.6f}")
    1.644934
    """
    return sp.zeta(x) if q is None else scipy_special.hurwitz(x, q)


def polygamma(n: int, x: Array) -> Array:
    """The n-th derivative of ψ, ``(−1)^(n+1) n! ζ(n + 1, x)``.

    Derivative: by x, `polygamma` of order ``n + 1``.

    Raises
    ------
    ValueError
        For a negative order.
    TypeError
        For an order that is no integer.

    Examples
    --------
    >>> print(f"{float(polygamma(1, 1.0)):.6f}")
    1.644934
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"polygamma: the order must not be negative, as {n} is")
    x = arrayed(x)
    if n == 0:
        return sp.psi(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * zeta(n + 1.0, x)


def multigammaln(a: Array, d: int) -> Array:
    """The logarithm of Γ in d dimensions, ``¼ d (d − 1) log π + Σ log Γ(a − j/2)``.

    Derivative: ``Σ_j ψ(a - j/2)``.

    Raises
    ------
    ValueError
        For an ``a`` of at most ``(d - 1)/2``.

    Examples
    --------
    >>> print(f"{float(multigammaln(2.0, 1)):.6f}")
    0.000000
    """
    a = arrayed(a)
    known = concrete(a)
    if known is not None and not np.all(known > (d - 1) / 2):
        raise ValueError(f"multigammaln: a must be above (d - 1)/2 = {(d - 1) / 2:g}")
    parts = (
        sp.gammaln(a[..., None] - np.arange(d) / 2)
        if np.ndim(a)
        else sp.gammaln(a - np.arange(d) / 2)
    )
    return d * (d - 1) / 4 * math.log(math.pi) + np.sum(parts, axis=-1)


def logsumexp(
    a: Array, axis: Axis = None, b: Array = None, keepdims: bool = False, return_sign: bool = False
) -> Array:
    """``log Σ b exp(a)`` without overflow, as `scipy.special.logsumexp`.

    Derivative: ``b exp(a - y)`` by a, ``exp(a - y)`` by b.

    With ``return_sign`` the logarithm of the magnitude of the sum, and its sign.

    Examples
    --------
    >>> print(f"{float(logsumexp([1000.0, 1000.0])):.4f}")
    1000.6931
    """
    a = arrayed(a)
    if b is None and not return_sign:
        return ops.logsumexp(a, axis=axis, keepdims=keepdims)
    b = arrayed(1 if b is None else b)
    largest = np.max(np.where(b == 0, -math.inf, a), axis=axis, keepdims=True)
    shift = largest.detach() if hasattr(largest, "detach") else largest
    shift = np.where(np.isfinite(shift), shift, 0.0)
    most = math.log(np.finfo(np.result_type(a, np.float16)).max)  # of what weighs nothing
    total = np.sum(b * np.exp(np.minimum(a - shift, most)), axis=axis, keepdims=True)
    ans = np.log(np.abs(total) if return_sign else total) + shift
    parts = (ans, np.sign(total)) if return_sign else (ans,)
    parts = parts if keepdims else tuple(np.squeeze(part, axis=axis) for part in parts)
    return parts if return_sign else parts[0]


def softmax(x: Array, axis: Axis = None) -> Array:
    """``exp(x) / Σ exp(x)``, over all elements by default, as `scipy.special.softmax`.

    Derivative: ``dx = y·(dy - sum(dy·y))``.

    Examples
    --------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    x = arrayed(x)
    if axis is None:
        return np.reshape(ops.softmax(np.reshape(x, (-1,)), axis=-1), np.shape(x))
    return ops.softmax(x, axis=axis)


def log_softmax(x: Array, axis: Axis = None) -> Array:
    """The logarithm of `softmax`.

    Derivative: ``dx = dy - exp(y)·sum(dy)``.

    Examples
    --------
    >>> log_softmax([0.0, 0.0]).round(6)
    array([-0.693147, -0.693147])
    """
    x = arrayed(x)
    if axis is None:
        return np.reshape(ops.log_softmax(np.reshape(x, (-1,)), axis=-1), np.shape(x))
    return ops.log_softmax(x, axis=axis)


def _principal(x: Array) -> Array:
    found = sp.lambertw(x)
    return np.where(found.imag == 0, found.real, np.nan)[()]


def _lambertw_rule(g: Array, ans: Array, x: Array) -> Array:
    """``W′ = exp(−W) / (1 + W)``."""
    return g * np.exp(-ans) / (1 + ans)


_lambertw = Op("special.lambertw", _principal, (_lambertw_rule,), elementwise=True, fresh=True)


def lambertw(z: Array) -> Array:
    """The W with ``W exp(W) = z``: the principal branch for real ``z ≥ −1/e``, real too.

    For other numbers, for which W is complex, NaN.

    Derivative: ``W / (z (1 + W))``, and 1 at 0.

    Examples
    --------
    >>> print(f"{float(lambertw(1.0)):.6f}")
    0.567143
    """
    return _lambertw(z)


_describe(vars(), OF_SCIPY)
