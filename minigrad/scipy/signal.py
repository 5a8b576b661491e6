"""`scipy.signal`: convolutions and linear filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as ss

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import absent, like
from minigrad.scipy.recursion import filtfilt as filtfilt
from minigrad.scipy.recursion import lfilter as lfilter
from minigrad.scipy.recursion import lfilter_zi as lfilter_zi
from minigrad.scipy.recursion import sosfilt as sosfilt
from minigrad.scipy.recursion import sosfiltfilt as sosfiltfilt
from minigrad.scipy.smoothing import detrend as detrend
from minigrad.scipy.smoothing import hilbert as hilbert
from minigrad.scipy.smoothing import resample as resample
from minigrad.scipy.smoothing import savgol_filter as savgol_filter
from minigrad.typing import Array, Axis, Function

__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "detrend", "fftconvolve", "filtfilt",
    "hilbert", "lfilter", "lfilter_zi", "oaconvolve", "resample", "savgol_filter", "sosfilt",
    "sosfiltfilt",
]  # fmt: skip
__getattr__, __dir__ = absent("signal", __all__)


@like(ss.convolve, "in1 in2", alone=True)
def convolve(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
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
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f'convolve: method must be "auto", "direct" or "fft", not {method!r}')
    if np.ndim(a) == 0:
        return a * b
    if not np.size(a) or not np.size(b):
        return np.zeros(0)
    floats = np.result_type(a, b).kind in "fc"
    if method == "fft" or (method == "auto" and floats and min(np.size(a), np.size(b)) > LONG):
        return fftconvolve(a, b, mode)
    first, second = (b, a) if np.size(b) > np.size(a) else (a, b)
    kernel = np.shape(second)
    full: Array = 0.0
    for place in np.ndindex(*kernel):
        around = [(p, k - 1 - p) for p, k in zip(place, kernel)]
        shifted = second[place] * np.pad(first, around)
        full = shifted if isinstance(full, float) else full + shifted
    return part(full, a, b, mode, range(np.ndim(a)), "convolve")


LONG = 64
"""Sizes of the smaller array beyond which transforms are faster than sums."""


def checked(name: str, in1: Array, in2: Array, mode: str) -> tuple[Array, Array]:
    """The two arrays, of as many axes."""
    a, b = arrayed(in1), arrayed(in2)
    if np.ndim(a) != np.ndim(b):
        raise ValueError(f"{name}: in1 {np.shape(a)} and in2 {np.shape(b)} must have as many axes")
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'{name}: mode must be "full", "valid" or "same", not {mode!r}')
    return a, b


def part(full: Array, a: Array, b: Array, mode: str, axes: Any, name: str) -> Array:
    """The part of the full convolution that ``mode`` selects."""
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


@like(ss.fftconvolve, "in1 in2", alone=True)
def fftconvolve(in1: Array, in2: Array, mode: str = "full", axes: Axis = None) -> Array:
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
    fft: Function = np.fft.fftn if whole else np.fft.rfftn
    back: Function = np.fft.ifftn if whole else np.fft.irfftn
    full = back(fft(a, sizes, along) * fft(b, sizes, along), sizes, along)
    return part(full, a, b, mode, along, "fftconvolve")


@like(ss.oaconvolve, "in1 in2", alone=True)
def oaconvolve(in1: Array, in2: Array, mode: str = "full", axes: Axis = None) -> Array:
    """`fftconvolve`, whose numbers it has.

    Derivative: that of `convolve`.

    Examples
    --------
    >>> oaconvolve([1.0, 2.0], [1.0, 1.0]).round(12)
    array([1., 3., 2.])
    """
    return fftconvolve(in1, in2, mode, axes)


@like(ss.correlate, "in1 in2", alone=True)
def correlate(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
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


@like(ss.convolve2d, "in1 in2", alone=True)
def convolve2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Array = 0
) -> Array:
    """`convolve` of two matrices.

    Derivative: that of `convolve`.

    Parameters
    ----------
    in1, in2 : matrices
    mode : {"full", "valid", "same"}
    boundary : {"fill", "wrap", "symm"}
        What lies beyond the edges of in1: ``fillvalue``, in1 again, or its mirror image.
    fillvalue : number

    Raises
    ------
    ValueError
        For other than matrices, and other modes and boundaries.

    Examples
    --------
    >>> convolve2d([[1.0, 2.0]], [[1.0], [3.0]])
    array([[1., 2.],
           [3., 6.]])
    """
    return plane("convolve2d", arrayed(in1), arrayed(in2), mode, boundary, fillvalue)


def plane(who: str, a: Array, b: Array, mode: str, boundary: str, fillvalue: Array) -> Array:
    """What `convolve2d` says, in the name of ``who``; of correlations "same" is as SciPy has it."""
    if np.ndim(a) != 2 or np.ndim(b) != 2:
        raise ValueError(f"{who}: in1 {np.shape(a)} and in2 {np.shape(b)} must be matrices")
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'{who}: mode must be "full", "valid" or "same", not {mode!r}')
    if boundary not in BOUNDARIES:
        raise ValueError(f'{who}: boundary must be "fill", "wrap" or "symm", not {boundary!r}')
    options = {"constant_values": fillvalue} if BOUNDARIES[boundary] == "constant" else {}
    full: Array = a.astype(np.result_type(a, b))
    if mode != "valid":
        around = [(k - 1, k - 1) for k in np.shape(b)]
        full = np.pad(full, around, BOUNDARIES[boundary], **options)  # type: ignore[call-overload]
    full = convolve(full, b, "valid")
    if mode != "same":
        return full
    starts = [k // 2 if who == "correlate2d" else (k - 1) // 2 for k in np.shape(b)]
    return full[tuple(slice(i, i + n) for i, n in zip(starts, np.shape(a)))]


BOUNDARIES = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}
"""SciPy's name of what is beyond the edges -> NumPy's."""


@like(ss.correlate2d, "in1 in2", alone=True)
def correlate2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Array = 0
) -> Array:
    """`correlate` of two matrices; the parameters are those of `convolve2d`.

    Derivative: as of `convolve`, with in2 turned around.

    Raises
    ------
    ValueError
        For other than matrices, and other modes and boundaries.

    Examples
    --------
    >>> correlate2d([[1.0, 2.0]], [[1.0], [3.0]])
    array([[3., 6.],
           [1., 2.]])
    """
    b = arrayed(in2)
    turned = b[(slice(None, None, -1),) * np.ndim(b)]
    turned = np.conj(turned) if np.iscomplexobj(b) else turned
    return plane("correlate2d", arrayed(in1), turned, mode, boundary, fillvalue)


_describe(vars(), OF_SCIPY)
