"""Filters of images: sums, means and extremes of what lies around every place.

What lies beyond the edges is laid around the array first; the sums over windows inside are
SciPy's loop, the adjoint of which is the same loop with the weights turned around.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import scipy.ndimage as sn

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import floating, like

PADDING = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "mirror": "reflect",
    "nearest": "edge",
    "wrap": "wrap",
    "grid-wrap": "wrap",
    "constant": "constant",
    "grid-constant": "constant",
}
"""SciPy's name of what is beyond the edges -> NumPy's."""


def per_axis(who: str, name: str, value: Any, n: int) -> list[Any]:
    """``value`` for each of ``n`` axes, of one or of as many."""
    values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value] * n
    if len(values) != n:
        raise ValueError(f"{who}: {name} must be one or {n} of them, not {value!r}")
    return values


def chosen(axes: Any, n: int) -> list[int]:
    """The ``axes`` as places, all by default."""
    listed = range(n) if axes is None else axes if isinstance(axes, list | tuple) else (axes,)
    return [operator.index(np.lib.array_utils.normalize_axis_index(i, n)) for i in listed]


def as_given(value: Any, like: Any) -> Any:
    """``value`` with the dtype of the input, as SciPy answers."""
    if like.dtype.kind == "b":
        value = value.astype(np.int8)
    return value.astype(like.dtype) if value.dtype != like.dtype else value


def framed(who: str, x: Any, before: list[int], after: list[int], mode: str, cval: Any) -> Any:
    """``x`` with what ``mode`` puts around it."""
    if mode not in PADDING:
        raise ValueError(f"{who}: mode must be one of {', '.join(PADDING)}, not {mode!r}")
    options = {"constant_values": cval} if PADDING[mode] == "constant" else {}
    around = list(zip(before, after, strict=True))
    return np.pad(x, around, PADDING[mode], **options) if np.any(around) else x  # type: ignore[call-overload]


# --- filters that are linear -------------------------------------------------------------


def _inside(x: Any, weights: Any) -> Any:
    """Sums over windows that lie inside; SciPy's loop, whose own frame is cut off."""
    whole = sn.correlate(x, weights, mode="constant", output=np.result_type(x, weights))
    ends = zip(np.shape(x), np.shape(weights), strict=True)
    return np.ascontiguousarray(whole[tuple(slice(k // 2, k // 2 + n - k + 1) for n, k in ends)])


def _spread(g: Any, ans: Any, x: Any, weights: Any) -> Any:
    """Every window gets ``g`` times the weights: the correlation with the turned weights."""
    around = [(k - 1, k - 1) for k in np.shape(weights)]
    return correlated(np.pad(g, around), weights[(slice(None, None, -1),) * np.ndim(weights)])


correlated: Op = Op(
    "ndimage.correlate",
    _inside,
    (_spread, lambda g, ans, x, weights: correlated(x, g)),
    fresh=True,
    linear="each",
)
"""``Σ_k w_k x_{i+k}`` wherever the weights lie inside of x."""


@like(sn.correlate, alone=True)
def correlate(
    input: Any,
    weights: Any,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    axes: Any = None,
) -> Any:
    """``Σ_k w_k x_{i+k}``, the weights centred on every place, as `scipy.ndimage.correlate`.

    Derivative: ``dx`` is the convolution of ``dy`` with the weights, what lies in the frame
    folded back; ``dw`` the correlation of x with ``dy``.

    Parameters
    ----------
    input : array_like
    weights : array_like
        Of as many axes as the input, or as ``axes``; differentiated, too.
    mode : {"reflect", "mirror", "nearest", "wrap", "constant", ...}
        What is beyond the edges.
    cval : float
        The constant of the mode "constant".
    origin : int or sequence of int
        By how much the weights are moved.
    axes : int or sequence of int, optional

    Raises
    ------
    ValueError
        For weights of another number of axes, a moved origin outside of them, other modes.

    Examples
    --------
    >>> correlate([1.0, 2.0, 3.0], [1.0, 0.0, -1.0])
    array([-1., -2., -1.])
    """
    return weighted("correlate", input, weights, mode, cval, origin, axes)


def weighted(
    who: str, input: Any, weights: Any, mode: str, cval: Any, origin: Any, axes: Any
) -> Any:
    """What `correlate` says, in the name of ``who``."""
    x, w = arrayed(input), floating(weights)
    n = np.ndim(x)
    along = chosen(axes, n)
    if np.ndim(w) != len(along) or not np.size(w):
        raise ValueError(
            f"{who}: weights {np.shape(w)} must have the {len(along)} axes that are filtered"
        )
    if np.iscomplexobj(w) or np.iscomplexobj(x):
        raise TypeError(f"{who} takes real numbers; filter .real and .imag apart")
    before, after, shape = [0] * n, [0] * n, [1] * n
    for i, k, o in zip(along, np.shape(w), per_axis(who, "origin", origin, len(along))):
        before[i], after[i], shape[i] = k // 2 + o, k - 1 - k // 2 - o, k
        if min(before[i], after[i]) < 0:
            raise ValueError(f"{who}: the origin {origin} lies outside of the weights")
    w = np.reshape(np.transpose(w, np.argsort(along)), shape)
    inner = framed(who, floating(x), before, after, mode, cval)
    return as_given(correlated(inner, w), x)


@like(sn.convolve, alone=True)
def convolve(
    input: Any,
    weights: Any,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    axes: Any = None,
) -> Any:
    """`correlate` with the weights turned around, ``Σ_k w_k x_{i−k}``.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> convolve([1.0, 2.0, 3.0], [1.0, 0.0, -1.0])
    array([1., 2., 1.])
    """
    return turned("convolve", input, weights, mode, cval, origin, axes)


def turned(who: str, input: Any, weights: Any, mode: str, cval: Any, origin: Any, axes: Any) -> Any:
    """What `convolve` says, in the name of ``who``."""
    w = arrayed(weights)
    moved = per_axis(who, "origin", origin, np.ndim(w))
    back = [-o - (k % 2 == 0) for o, k in zip(moved, np.shape(w))]
    return weighted(
        who, input, w[(slice(None, None, -1),) * np.ndim(w)], mode, cval, back, axes
    )  # fmt: skip


@like(sn.correlate1d, alone=True)
def correlate1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Any:
    """`correlate` along one axis.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> correlate1d([[1.0, 2.0, 4.0]], [0.5, 0.5])
    array([[1. , 1.5, 3. ]])
    """
    return weighted("correlate1d", input, weights, mode, cval, origin, axis)


@like(sn.convolve1d, alone=True)
def convolve1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Any:
    """`convolve` along one axis.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> convolve1d([[1.0, 2.0, 4.0]], [0.5, 0.5])
    array([[1.5, 3. , 4. ]])
    """
    return turned("convolve1d", input, weights, mode, cval, origin, axis)


@like(sn.uniform_filter1d, alone=True)
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    """The mean of ``size`` neighbours along one axis.

    Derivative: every neighbour gets ``dy / size``.

    Raises
    ------
    ValueError
        For a size below 1, and as `correlate`.

    Examples
    --------
    >>> uniform_filter1d([0.0, 3.0, 0.0, 0.0], 3)
    array([1., 1., 1., 0.])
    """
    if operator.index(size) < 1:
        raise ValueError(f"uniform_filter1d: size must be at least 1, not {size}")
    weights = np.full(size, 1 / size)
    return weighted("uniform_filter1d", input, weights, mode, cval, origin, axis)


@like(sn.uniform_filter, alone=True)
def uniform_filter(
    input: Any,
    size: Any = 3,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`uniform_filter1d` along every axis.

    Derivative: that of `uniform_filter1d`.

    Examples
    --------
    >>> import numpy as np
    >>> uniform_filter(9 * np.eye(3))
    array([[5., 3., 1.],
           [3., 3., 3.],
           [1., 3., 5.]])
    """
    who, x = "uniform_filter", arrayed(input)
    along = chosen(axes, np.ndim(x))
    given = {"size": size, "mode": mode, "origin": origin}
    parts = [per_axis(who, key, value, len(along)) for key, value in given.items()]
    for axis, k, m, o in zip(along, *parts):
        if k > 1:
            x = uniform_filter1d(x, k, axis, mode=m, cval=cval, origin=o)
    return x


def slope(x: Any, axis: int, mode: Any, cval: Any, across: list[float]) -> Any:
    """The difference of both neighbours along ``axis``, weighted ``across`` the other axes."""
    x = arrayed(x)
    modes = per_axis("sobel", "mode", mode, np.ndim(x))
    axis = operator.index(np.lib.array_utils.normalize_axis_index(axis, np.ndim(x)))
    y = correlate1d(x, [-1.0, 0.0, 1.0], axis, mode=modes[axis], cval=cval)
    for other in range(np.ndim(x)):
        if other != axis:
            y = correlate1d(y, across, other, mode=modes[other], cval=cval)
    return y


@like(sn.sobel, alone=True)
def sobel(input: Any, axis: int = -1, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    """Sobel's slope along an axis: ``[-1, 0, 1]``, by ``[1, 2, 1]`` across the others.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> sobel([[1.0, 2.0, 4.0]])
    array([[ 4., 12.,  8.]])
    """
    return slope(input, axis, mode, cval, [1.0, 2.0, 1.0])


@like(sn.prewitt, alone=True)
def prewitt(input: Any, axis: int = -1, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    """Prewitt's slope along an axis: ``[-1, 0, 1]``, by ``[1, 1, 1]`` across the others.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> prewitt([[1.0, 2.0, 4.0]])
    array([[3., 9., 6.]])
    """
    return slope(input, axis, mode, cval, [1.0, 1.0, 1.0])


@like(sn.laplace, alone=True)
def laplace(input: Any, mode: Any = "reflect", cval: Any = 0.0, *, axes: Any = None) -> Any:
    """The sum of second differences, ``[1, -2, 1]`` along every axis.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> laplace([0.0, 1.0, 0.0])
    array([ 1., -2.,  1.])
    """
    x = arrayed(input)
    along = chosen(axes, np.ndim(x))
    modes = per_axis("laplace", "mode", mode, len(along))
    parts = [correlate1d(x, [1.0, -2.0, 1.0], i, mode=m, cval=cval) for i, m in zip(along, modes)]
    return functools.reduce(operator.add, parts) if parts else x.copy()


# --- the largest and the smallest --------------------------------------------------------


def extreme(
    who: str, x: Any, size: Any, mode: Any, cval: Any, origin: Any, axes: Any, find: Any
) -> Any:
    """``find`` of the neighbours, along one axis after the other."""
    if size is None:
        raise ValueError(f"{who}: give size=")
    x = arrayed(x)
    along = chosen(axes, np.ndim(x))
    given = {"size": size, "mode": mode, "origin": origin}
    parts = [per_axis(who, key, value, len(along)) for key, value in given.items()]
    for axis, k, m, o in zip(along, *parts):
        before, after = [0] * np.ndim(x), [0] * np.ndim(x)
        before[axis], after[axis] = k // 2 + o, k - 1 - k // 2 - o
        if k < 1 or min(before[axis], after[axis]) < 0:
            raise ValueError(f"{who}: size {size} and origin {origin} leave no neighbours")
        seen = np.lib.stride_tricks.sliding_window_view(
            framed(who, x, before, after, m, cval), k, axis
        )
        x = find(seen, axis=-1)
    return x


@like(sn.maximum_filter, alone=True)
def maximum_filter(
    input: Any, size: Any = None, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *,
    axes: Any = None,
) -> Any:  # fmt: skip
    """The largest of ``size`` neighbours along every axis.

    Derivative: ``dy`` goes to the largest; equal ones share it evenly.

    Raises
    ------
    TypeError
        For a ``footprint``.
    ValueError
        Without a size.

    Examples
    --------
    >>> maximum_filter([0.0, 3.0, 1.0, 2.0, 0.0], 3)
    array([3., 3., 3., 2., 2.])
    """
    return extreme("maximum_filter", input, size, mode, cval, origin, axes, np.max)


@like(sn.minimum_filter, alone=True)
def minimum_filter(
    input: Any, size: Any = None, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *,
    axes: Any = None,
) -> Any:  # fmt: skip
    """The smallest of ``size`` neighbours along every axis.

    Derivative: ``dy`` goes to the smallest; equal ones share it evenly.

    Raises
    ------
    TypeError
        For a ``footprint``.
    ValueError
        Without a size.

    Examples
    --------
    >>> minimum_filter([0.0, 3.0, 1.0, 2.0, 0.0], 3)
    array([0., 0., 1., 0., 0.])
    """
    return extreme("minimum_filter", input, size, mode, cval, origin, axes, np.min)


_describe(vars(), OF_SCIPY)
