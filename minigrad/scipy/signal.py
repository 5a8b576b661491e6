"""`scipy.signal`: convolutions and linear filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as ss

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import like

__all__ = ["convolve", "convolve2d", "correlate", "fftconvolve", "lfilter"]


def __dir__() -> list[str]:
    return __all__


@like(ss.convolve)
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of as many axes, as `scipy.signal.convolve`.

    Derivative: ``din1`` is the correlation of ``dy`` with in2, ``din2`` that with in1.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "valid", "same"}
        "same" is centred, of the shape of ``in1``.
    method : {"auto", "direct", "fft"}
        "auto" transforms long arrays.

    Raises
    ------
    ValueError
        For another number of axes, other modes, and sizes that "valid" cannot take.

    Examples
    --------
    >>> convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5], mode="same")
    array([1. , 2.5, 4. ])
    """
    a, b = checked("convolve", in1, in2, mode)
    if np.ndim(a) == 0:
        return a * b
    if not np.size(a) or not np.size(b):
        return np.zeros(0)
    floats = np.result_type(a, b).kind in "fc"
    if method == "fft" or (method == "auto" and floats and min(np.size(a), np.size(b)) > LONG):
        return fftconvolve(a, b, mode)
    first, second = (b, a) if np.size(b) > np.size(a) else (a, b)
    kernel = np.shape(second)
    full: Any = 0.0
    for place in np.ndindex(*kernel):
        around = [(p, k - 1 - p) for p, k in zip(place, kernel)]
        shifted = second[place] * np.pad(first, around)
        full = shifted if isinstance(full, float) else full + shifted
    return part(full, a, b, mode, range(np.ndim(a)), "convolve")


LONG = 64
"""Sizes of the smaller array beyond which transforms are faster than sums."""


def checked(name: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    """The two arrays, of as many axes."""
    a, b = arrayed(in1), arrayed(in2)
    if np.ndim(a) != np.ndim(b):
        raise ValueError(f"{name}: in1 {np.shape(a)} and in2 {np.shape(b)} must have as many axes")
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'{name}: mode must be "full", "valid" or "same", not {mode!r}')
    return a, b


def part(full: Any, a: Any, b: Any, mode: str, axes: Any, name: str) -> Any:
    """What ``mode`` asks for of the whole convolution."""
    if mode == "full":
        return full
    cut = [slice(None)] * np.ndim(full)
    sizes, kernels = np.shape(a), np.shape(b)
    if mode == "valid" and any(kernels[i] > sizes[i] for i in axes):
        if any(kernels[i] < sizes[i] for i in axes):
            raise ValueError(
                f"{name}: for mode='valid' one of {sizes} and {kernels} must be at least as large "
                "as the other along every axis"
            )
        sizes, kernels = kernels, sizes
    for i in axes:
        start = kernels[i] - 1 if mode == "valid" else (kernels[i] - 1) // 2
        cut[i] = slice(start, start + sizes[i] - (kernels[i] - 1 if mode == "valid" else 0))
    return full[tuple(cut)]


@like(ss.fftconvolve)
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """`convolve` by Fourier transforms; the same numbers to rounding, fast for long arrays.

    Derivative: that of `convolve`.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "valid", "same"}
    axes : int or sequence of int, optional
        Along which; along the others they broadcast.

    Raises
    ------
    ValueError
        As `convolve`.

    Examples
    --------
    >>> fftconvolve([1.0, 2.0], [1.0, 1.0]).round(12)
    array([1., 3., 2.])
    """
    a, b = checked("fftconvolve", in1, in2, mode)
    if np.ndim(a) == 0:
        return a * b
    if not np.size(a) or not np.size(b):
        return np.zeros(0)
    every = range(np.ndim(a)) if axes is None else np.atleast_1d(axes)
    along = sorted({int(i) % np.ndim(a) for i in every})
    sizes = [np.shape(a)[i] + np.shape(b)[i] - 1 for i in along]
    whole = np.iscomplexobj(a) or np.iscomplexobj(b)
    fft: Any = np.fft.fftn if whole else np.fft.rfftn
    back: Any = np.fft.ifftn if whole else np.fft.irfftn
    full = back(fft(a, sizes, along) * fft(b, sizes, along), sizes, along)
    return part(full, a, b, mode, along, "fftconvolve")


@like(ss.correlate)
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The correlation ``Σ in1[n + k] in2[n]*``, as `scipy.signal.correlate`.

    Derivative: as of `convolve`, with in2 turned around.

    Examples
    --------
    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5], mode="same")
    array([2. , 3.5, 3. ])
    """
    a, b = arrayed(in1), arrayed(in2)
    turned = b[(slice(None, None, -1),) * np.ndim(b)]
    return convolve(a, np.conj(turned) if np.iscomplexobj(b) else turned, mode, method)


@like(ss.convolve2d)
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """`convolve` of two matrices.

    Derivative: that of `convolve`.

    Raises
    ------
    ValueError
        For other than matrices, and another ``boundary`` than zeros.

    Examples
    --------
    >>> convolve2d([[1.0, 2.0]], [[1.0], [3.0]])
    array([[1., 2.],
           [3., 6.]])
    """
    a, b = arrayed(in1), arrayed(in2)
    if np.ndim(a) != 2 or np.ndim(b) != 2:
        raise ValueError(f"convolve2d: in1 {np.shape(a)} and in2 {np.shape(b)} must be matrices")
    if boundary not in ("fill", "pad") or fillvalue != 0:
        raise ValueError("convolve2d: beyond the edges are zeros here; np.pad makes others")
    return convolve(a, b, mode)


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


@like(ss.lfilter)
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
