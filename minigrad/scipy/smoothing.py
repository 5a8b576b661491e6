"""Signals smoothed, without their trend, at other rates, for `minigrad.scipy.signal`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.signal as ss

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import floating, like
from minigrad.scipy.filters import correlate1d
from minigrad.typing import Array, Function


@like(ss.savgol_filter, "x", alone=True)
def savgol_filter(
    x: Array,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Array:
    """The value, or a derivative, of the polynomial nearest to each window of a signal.

    Derivative: the filter is linear; ``dx`` gets ``dy`` by the same weights.

    A. Savitzky and M. Golay, "Smoothing and Differentiation of Data" (1964).

    Parameters
    ----------
    x : array_like
    window_length, polyorder, deriv : int
    delta : float
        The distance of the samples.
    axis : int
    mode : {"interp", "mirror", "constant", "nearest", "wrap"}
        At the ends the polynomial of the last window, or what is beyond them.
    cval : float
        The constant of the mode "constant".

    Raises
    ------
    ValueError
        For windows that are no longer than the order, or longer than the signal; other modes.

    Examples
    --------
    >>> savgol_filter([0.0, 1.0, 4.0, 9.0, 16.0], 3, 2).round(9)
    array([ 0.,  1.,  4.,  9., 16.])
    """
    if mode not in ("interp", "mirror", "constant", "nearest", "wrap"):
        raise ValueError(f"savgol_filter: mode must not be {mode!r}")
    y = np.moveaxis(floating(x), axis, -1)
    weights = ss.savgol_coeffs(window_length, polyorder, deriv, delta)
    single = y.dtype == np.float32
    y = y if single else y * np.float64(1)
    if mode != "interp":
        y = correlate1d(y, weights[::-1], -1, mode=mode, cval=cval, origin=-(len(weights) % 2 == 0))
        return np.moveaxis(y, -1, axis)
    n, w = np.shape(y)[-1], len(weights)
    if w > n:
        raise ValueError(f"savgol_filter: a window of {w} does not fit into {n} samples")
    half = w // 2
    ends = ss.savgol_filter(np.eye(w), w, polyorder, deriv, delta, axis=0).astype(y.dtype)
    inner = correlate1d(y, weights[::-1], -1, mode="constant", origin=-(w % 2 == 0))[
        ..., half : n - half
    ]
    parts = [y[..., :w] @ ends[:half].T, inner, y[..., n - w :] @ ends[w - half :].T]
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)


@like(ss.detrend, "data", alone=True)
def detrend(
    data: Array, axis: int = -1, type: str = "linear", bp: int | Sequence[int] = 0
) -> Array:
    """``data`` without its mean, or without the line through it, between the places ``bp``.

    Derivative: the same of ``dy``, as it is a projection.

    Parameters
    ----------
    data : array_like
    axis : int
    type : {"linear", "constant"}
    bp : int or sequence of int
        Where one line ends and the next begins.

    Raises
    ------
    ValueError
        For another type, and places beyond the data.

    Examples
    --------
    >>> detrend([1.0, 2.0, 3.0, 5.0]).round(9)
    array([ 0.2, -0.1, -0.4,  0.3])
    """
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError(f'detrend: type must be "linear" or "constant", not {type!r}')
    x = np.moveaxis(floating(data), axis, -1)
    n = np.shape(x)[-1]
    if type[0] == "c":
        return np.moveaxis(x - np.mean(x, axis=-1, keepdims=True), -1, axis)
    cuts = np.unique(np.concatenate([[0], np.atleast_1d(bp), [n]]))
    if np.any(cuts > n):
        raise ValueError(f"detrend: bp={bp!r} is beyond the {n} samples")
    pieces = []
    for low, high in pairwise(cuts):
        m = high - low
        line = np.stack([np.ones(m), np.arange(1, m + 1) / m], axis=1)
        q = np.linalg.svd(line, full_matrices=False)[0][:, : min(m, 2)].astype(x.dtype)
        pieces.append(x[..., low:high] - (x[..., low:high] @ q) @ q.T)
    return np.moveaxis(np.concatenate(pieces, axis=-1), -1, axis)


@like(ss.hilbert, "x", alone=True)
def hilbert(x: Array, N: int | None = None, axis: int = -1) -> Array:
    """The analytic signal ``x + i H(x)``: its transform without negative frequencies.

    Derivative: linear, through both transforms.

    Raises
    ------
    ValueError
        For complex signals, and an ``N`` that is not positive.

    Examples
    --------
    >>> hilbert([1.0, 0.0, -1.0, 0.0]).imag.round(9) + 0.0
    array([ 0.,  1.,  0., -1.])
    """
    x = floating(x)
    if np.iscomplexobj(x):
        raise ValueError("hilbert: x must be real")
    n = np.shape(x)[axis] if N is None else N
    if n <= 0:
        raise ValueError(f"hilbert: N must be positive, not {N!r}")
    weights = np.zeros(n)
    weights[0] = weights[n // 2] = 1  # one number in the middle of an even length
    weights[1 : (n + 1) // 2] = 2
    spectrum = np.fft.fft(np.moveaxis(x, axis, -1), n)
    return np.moveaxis(np.fft.ifft(spectrum * weights.astype(x.dtype)), -1, axis)


@like(ss.resample, "x t", alone=True)
def resample(x: Array, num: int, t: Array = None, axis: int = 0, window: object = None) -> Array:
    """``num`` samples of a periodic signal, by its Fourier transform.

    Derivative: linear, through both transforms.

    Parameters
    ----------
    x : array_like
    num : int
    t : (n,), optional
        Where the samples are; then the new places are returned, too.
    axis : int
    window
        Not supported.

    Raises
    ------
    ValueError
        For a ``num`` that is not positive.
    TypeError
        For a ``window``.

    Examples
    --------
    >>> resample([1.0, 0.0, -1.0, 0.0], 8).round(3)
    array([ 1.   ,  0.707,  0.   , -0.707, -1.   , -0.707,  0.   ,  0.707])
    """
    if window is not None:
        raise TypeError("resample: window= is not supported here; leave it out")
    if operator.index(num) <= 0:
        raise ValueError(f"resample: num must be positive, not {num}")
    x = np.moveaxis(floating(x), axis, -1)
    n = np.shape(x)[-1]
    least, real = min(n, num), not np.iscomplexobj(x)
    shared = least % 2 == 0 and n != num  # the frequency that stands for two
    low = (least + 1) // 2
    gap: Function = lambda m: np.zeros((*np.shape(x)[:-1], m), x.dtype)
    y: Array
    if real:
        spectrum: Array = np.fft.rfft(x)
        scale = np.ones(least // 2 + 1, x.dtype)
        scale[low:] = (2 if num < n else 0.5) if shared else 1
        kept = spectrum[..., : least // 2 + 1] * scale
        y = np.fft.irfft(np.concatenate([kept, gap(num // 2 - least // 2)], axis=-1), num)
    else:
        spectrum = np.fft.fft(x)
        first, last = spectrum[..., :low], spectrum[..., n - (least - 1) // 2 :]
        middle = spectrum[..., low : low + 1 - least % 2]  # of even lengths, the middle one
        if shared and num < n:
            middle = middle + spectrum[..., n - low : n - low + 1]
        wide = max(num - least, 0)
        if shared and wide:
            parts = [first, middle / 2, gap(wide - 1), middle / 2, last]
        else:
            parts = [first, middle, gap(wide), last]
        y = np.fft.ifft(np.concatenate(parts, axis=-1))
    y = np.moveaxis(y * (x.real.dtype.type(num) / n), -1, axis)
    if t is None:
        return y
    t = arrayed(t)
    return y, np.arange(num) * (t[1] - t[0]) * n / num + t[0]


_describe(vars(), OF_SCIPY)
