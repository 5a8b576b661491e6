"""`scipy.signal`: convolutions and linear filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as ss

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed

__all__ = ["convolve", "fftconvolve", "lfilter"]


def __dir__() -> list[str]:
    return __all__


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of as many axes, as `scipy.signal.convolve`.

    Derivative: ``din1`` is the correlation of ``dy`` with in2, ``din2`` that with in1.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "valid", "same"}
        "same" is centred, of the shape of ``in1``.
    method : str
        For SciPy's signature; products are always summed directly.

    Raises
    ------
    ValueError
        For another number of axes, other modes, and sizes that "valid" cannot take.

    Examples
    --------
    >>> convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5], mode="same")
    array([1. , 2.5, 4. ])
    """
    a, b = arrayed(in1), arrayed(in2)
    if np.ndim(a) != np.ndim(b):
        raise ValueError(
            f"convolve: in1 {np.shape(a)} and in2 {np.shape(b)} must have as many axes"
        )
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'convolve: mode must be "full", "valid" or "same", not {mode!r}')
    if np.ndim(a) == 0:
        return a * b
    wanted = np.shape(a)
    if np.size(b) > np.size(a):
        a, b = b, a
    size, kernel = np.shape(a), np.shape(b)
    full: Any = 0.0
    for place in np.ndindex(*kernel):
        around = [(p, k - 1 - p) for p, k in zip(place, kernel)]
        full = full + b[place] * np.pad(a, around)
    if mode == "full":
        return full
    if mode == "same":
        start = [(f - w) // 2 for f, w in zip(np.shape(full), wanted)]
        return full[tuple(slice(s, s + w) for s, w in zip(start, wanted))]
    if any(k > n for k, n in zip(kernel, size)):
        raise ValueError(
            f"convolve: for mode='valid' one of {size} and {kernel} must be at least as large as "
            "the other along every axis"
        )
    return full[tuple(slice(k - 1, n) for k, n in zip(kernel, size))]


def fftconvolve(in1: Any, in2: Any, mode: str = "full") -> Any:
    """`convolve`; the same numbers to rounding.

    Derivative: that of `convolve`.

    Examples
    --------
    >>> fftconvolve([1.0, 2.0], [1.0, 1.0])
    array([1., 3., 2.])
    """
    return convolve(in1, in2, mode)


# --- filters -----------------------------------------------------------------------------


def _all_pole(x: Any, a: Any) -> Any:
    return ss.lfilter(np.ones(1), a, x, axis=-1)


def _of_input(g: Any, ans: Any, x: Any, a: Any) -> Any:
    """The same filter, backward in time."""
    return all_pole(g[..., ::-1], a)[..., ::-1]


def _of_poles(g: Any, ans: Any, x: Any, a: Any) -> Any:
    """``−Σ_n x̄_n y_{n−k}``, and nothing for a₀, which is 1."""
    back = _of_input(g, ans, x, a)
    n = np.shape(x)[-1]
    delays = range(1, np.shape(a)[0])
    parts = [-np.sum(back[..., k:] * ans[..., : max(n - k, 0)]) for k in delays]
    return np.stack([np.zeros(()), *parts])


all_pole: Op = Op("signal.all_pole", _all_pole, (_of_input, _of_poles), fresh=True)
"""The y with ``Σ_k a_k y_{n−k} = x_n`` along the last axis, for ``a₀ = 1``."""


def lfilter(b: Any, a: Any, x: Any, axis: int = -1) -> Any:
    """``a₀ y_n = Σ_k b_k x_{n−k} − Σ_{k>0} a_k y_{n−k}`` along ``axis``, from rest.

    Derivative: ``dx`` is the same filter run over ``dy`` from the end; by b and a the
    correlations with x and y.

    Examples
    --------
    >>> lfilter([1.0], [1.0, -0.5], [1.0, 0.0, 0.0])
    array([1.  , 0.5 , 0.25])
    """
    b, a, x = (arrayed(v) for v in (b, a, x))
    b, a = np.reshape(b, (-1,)), np.reshape(a, (-1,))
    x = np.moveaxis(x, axis, -1) * np.float64(1)
    a0 = a[0]
    lead = np.ones(1)
    poles = np.concatenate([lead, a[1:] / a0])
    n = np.shape(x)[-1]
    ahead = [(0, 0)] * (np.ndim(x) - 1)
    moved: Any = 0.0
    for k in range(min(np.size(b), n)):
        moved = moved + b[k] / a0 * np.pad(x[..., : n - k], [*ahead, (k, 0)])
    y = all_pole(moved, poles) if np.size(poles) > 1 else moved
    return np.moveaxis(y, -1, axis)


_describe(vars(), OF_SCIPY)
