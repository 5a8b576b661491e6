"""Filters of images: sums, means and extremes of what lies around every place.

What lies beyond the edges is laid around the array first; the sums over windows inside are
SciPy's loop, the adjoint of which is the same loop with the weights turned around.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np
import scipy.ndimage as sn

from minigrad.ops.glossary import OF_IMAGES
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed, firm
from minigrad.scipy.calling import floating, like
from minigrad.typing import Array, Axis, Function, Sizes

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


def per_axis(who: str, name: str, value: Array, n: int) -> list[Array]:
    """``value`` for each of ``n`` axes, of one or of as many."""
    many = isinstance(value, list | tuple) or np.ndim(value)
    values = list(value) if many else [value] * n
    if len(values) != n:
        raise ValueError(f"{who}: {name} must be one or {n} of them, not {value!r}")
    return values


def chosen(axes: Axis, n: int) -> list[int]:
    """The ``axes`` as places, all by default."""
    listed = range(n) if axes is None else axes if isinstance(axes, list | tuple) else (axes,)
    return [operator.index(np.lib.array_utils.normalize_axis_index(i, n)) for i in listed]


def as_given(who: str, value: Array, like: Array) -> Array:
    """``value`` with the dtype of the input, as SciPy answers.

    Raises
    ------
    TypeError
        For whole numbers: of what SciPy rounds no gradient is left.
    """
    if like.dtype.kind in "iub":
        raise TypeError(
            f"{who}: of an input of {like.dtype} the answer is rounded, so that no gradient flows "
            "by the rest; pass input.astype(float)"
        )
    return value.astype(like.dtype) if value.dtype != like.dtype else value


def framed(
    who: str, x: Array, before: list[int], after: list[int], mode: str, cval: Array
) -> Array:
    """``x`` with what ``mode`` puts around it."""
    if mode not in PADDING:
        raise ValueError(f"{who}: mode must be one of {', '.join(PADDING)}, not {mode!r}")
    options = {"constant_values": cval} if PADDING[mode] == "constant" else {}
    around = list(zip(before, after, strict=True))
    return np.pad(x, around, PADDING[mode], **options) if np.any(around) else x  # type: ignore[call-overload]


# --- filters that are linear -------------------------------------------------------------


def _inside(x: Array, weights: Array) -> Array:
    """Sums over windows that lie inside; SciPy's loop, whose own frame is cut off."""
    whole = sn.correlate(x, weights, mode="constant", output=np.result_type(x, weights))
    ends = zip(np.shape(x), np.shape(weights), strict=True)
    return whole[tuple(slice(k // 2, k // 2 + n - k + 1) for n, k in ends)].copy()


def _spread(g: Array, ans: Array, x: Array, weights: Array) -> Array:
    """Every window gets ``g`` times the weights: the correlation with the turned weights."""
    around = [(k - 1, k - 1) for k in np.shape(weights)]
    return correlated(
        np.pad(g, around) if around else g, weights[(slice(None, None, -1),) * np.ndim(weights)]
    )


correlated: Op = Op(
    "ndimage.correlate",
    _inside,
    (_spread, lambda g, ans, x, weights: correlated(x, g)),
    fresh=True,
    linear="each",
)
"""``Σ_k w_k x_{i+k}`` wherever the weights lie inside of x."""


@like(sn.correlate, "input weights", alone=True)
def correlate(
    input: Array,
    weights: Array,
    mode: str = "reflect",
    cval: Array = 0.0,
    origin: Sizes = 0,
    axes: Axis = None,
) -> Array:
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
    who: str,
    input: Array,
    weights: Array,
    mode: str,
    cval: Array,
    origin: Sizes,
    axes: Axis,
    share: float = 1.0,
) -> Array:
    """What `correlate` says, in the name of ``who``; the sums are divided by ``share``."""
    x, w = firm(arrayed(input)), floating(weights)
    n = np.ndim(x)
    along = chosen(axes, n)
    along = sorted(along) if len(along) == n else along  # as SciPy takes the origins
    if np.ndim(w) != len(along) or not np.size(w):
        raise ValueError(
            f"{who}: weights {np.shape(w)} must have the {len(along)} axes that are filtered"
        )
    if np.iscomplexobj(w) or np.iscomplexobj(x):
        raise TypeError(f"{who} takes real numbers; filter .real and .imag apart")
    before, after, shape = [0] * n, [0] * n, [1] * n
    for i, k in zip(sorted(along), np.shape(w)):
        shape[i] = k
    for i, o in zip(along, per_axis(who, "origin", origin, len(along))):
        before[i], after[i] = shape[i] // 2 + o, shape[i] - 1 - shape[i] // 2 - o
        if min(before[i], after[i]) < 0:
            raise ValueError(f"{who}: the origin {origin} lies outside of the weights")
    inner = framed(who, floating(x), before, after, mode, cval)
    found = correlated(inner, np.reshape(w, shape))
    return as_given(who, found if share == 1 else found / share, x)


@like(sn.convolve, "input weights", alone=True)
def convolve(
    input: Array,
    weights: Array,
    mode: str = "reflect",
    cval: Array = 0.0,
    origin: int | Sequence[int] = 0,
    axes: Axis = None,
) -> Array:
    """`correlate` with the weights turned around, ``Σ_k w_k x_{i−k}``.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> convolve([1.0, 2.0, 3.0], [1.0, 0.0, -1.0])
    array([1., 2., 1.])
    """
    return turned("convolve", input, weights, mode, cval, origin, axes)


def turned(
    who: str, input: Array, weights: Array, mode: str, cval: Array, origin: Sizes, axes: Axis
) -> Array:
    """`convolve`; errors name the function ``who``."""
    w, n = arrayed(weights), np.ndim(input)
    along = chosen(axes, n)
    along = sorted(along) if len(along) == n else along
    moved = per_axis(who, "origin", origin, len(along))
    sizes = dict(zip(sorted(along), np.shape(w)))
    back = [-o - (sizes.get(i, 1) % 2 == 0) for i, o in zip(along, moved)]
    w = w[(slice(None, None, -1),) * np.ndim(w)]
    return weighted(who, input, w, mode, cval, back, axes)


def along_one(name: str, whole: str, found: str, filtered: Array) -> Array:
    """`correlate` or `convolve`, the ``whole``, along one axis."""

    def filter1d(
        input: Array, weights: Array, axis: int = -1, mode: str = "reflect", cval: Array = 0.0,
        origin: int = 0,
    ) -> Array:  # fmt: skip
        return filtered(name, input, weights, mode, cval, origin, axis)

    filter1d.__doc__ = f"""`{whole}` along one axis.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> {name}([[1.0, 2.0, 4.0]], [0.5, 0.5])
    {found}
    """
    filter1d.__name__ = filter1d.__qualname__ = name
    return like(getattr(sn, name), "input weights", alone=True)(filter1d)


correlate1d: Function = along_one("correlate1d", "correlate", "array([[1. , 1.5, 3. ]])", weighted)
convolve1d: Function = along_one("convolve1d", "convolve", "array([[1.5, 3. , 4. ]])", turned)


@like(sn.uniform_filter1d, "input", alone=True)
def uniform_filter1d(
    input: Array,
    size: int,
    axis: int = -1,
    mode: str = "reflect",
    cval: Array = 0.0,
    origin: int = 0,
) -> Array:
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
    return weighted("uniform_filter1d", input, np.ones(size), mode, cval, origin, axis, size)


@like(sn.uniform_filter, "input", alone=True)
def uniform_filter(
    input: Array,
    size: Sizes = 3,
    mode: str = "reflect",
    cval: Array = 0.0,
    origin: Sizes = 0,
    *,
    axes: Axis = None,
) -> Array:
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


def slope(x: Array, axis: int, mode: str, cval: Array, across: list[float]) -> Array:
    """The difference of both neighbours along ``axis``, weighted ``across`` the other axes."""
    x = arrayed(x)
    modes = per_axis("sobel", "mode", mode, np.ndim(x))
    axis = operator.index(np.lib.array_utils.normalize_axis_index(axis, np.ndim(x)))
    y = correlate1d(x, [-1.0, 0.0, 1.0], axis, mode=modes[axis], cval=cval)
    for other in range(np.ndim(x)):
        if other != axis:
            y = correlate1d(y, across, other, mode=modes[other], cval=cval)
    return y


@like(sn.sobel, "input", alone=True)
def sobel(input: Array, axis: int = -1, mode: str = "reflect", cval: Array = 0.0) -> Array:
    """Sobel's slope along an axis: ``[-1, 0, 1]``, by ``[1, 2, 1]`` across the others.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> sobel([[1.0, 2.0, 4.0]])
    array([[ 4., 12.,  8.]])
    """
    return slope(input, axis, mode, cval, [1.0, 2.0, 1.0])


@like(sn.prewitt, "input", alone=True)
def prewitt(input: Array, axis: int = -1, mode: str = "reflect", cval: Array = 0.0) -> Array:
    """Prewitt's slope along an axis: ``[-1, 0, 1]``, by ``[1, 1, 1]`` across the others.

    Derivative: that of `correlate`.

    Examples
    --------
    >>> prewitt([[1.0, 2.0, 4.0]])
    array([[3., 9., 6.]])
    """
    return slope(input, axis, mode, cval, [1.0, 1.0, 1.0])


@like(sn.laplace, "input", alone=True)
def laplace(input: Array, mode: str = "reflect", cval: Array = 0.0, *, axes: Axis = None) -> Array:
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


def extreme(name: str, which: str, found: str, find: Function) -> Array:
    """One of the filters that ``find`` something of the neighbours, one axis after the other."""

    def extreme_filter(
        input: Array, size: Sizes = None, mode: str = "reflect", cval: Array = 0.0,
        origin: Sizes = 0, *, axes: Axis = None,
    ) -> Array:  # fmt: skip
        x = arrayed(input)
        if size is None:
            raise ValueError(f"{name}: give size=")
        if np.iscomplexobj(x):
            raise TypeError(f"{name} takes real numbers, which are smaller and larger")
        along = chosen(axes, np.ndim(x))
        given = {"size": size, "mode": mode, "origin": origin}
        parts = [per_axis(name, key, value, len(along)) for key, value in given.items()]
        for axis, k, m, o in zip(along, *parts):
            if k <= 1:
                continue
            before, after = [0] * np.ndim(x), [0] * np.ndim(x)
            before[axis], after[axis] = k // 2 + o, k - 1 - k // 2 - o
            if min(before[axis], after[axis]) < 0:
                raise ValueError(f"{name}: size {size} and origin {origin} leave no neighbours")
            seen = framed(name, x, before, after, m, cval)
            x = find(np.lib.stride_tricks.sliding_window_view(seen, k, axis), axis=-1)
        return x

    extreme_filter.__doc__ = f"""The {which} of ``size`` neighbours along every axis.

    Derivative: ``dy`` goes to the {which}; equal ones share it evenly.

    Raises
    ------
    TypeError
        For a ``footprint``, and complex numbers.
    ValueError
        Without a size.

    Examples
    --------
    >>> {name}([0.0, 3.0, 1.0, 2.0, 0.0], 3)
    {found}
    """
    extreme_filter.__name__ = extreme_filter.__qualname__ = name
    return like(getattr(sn, name), "input", alone=True)(extreme_filter)


maximum_filter: Function = extreme(
    "maximum_filter", "largest", "array([3., 3., 3., 2., 2.])", np.max
)
minimum_filter: Function = extreme(
    "minimum_filter", "smallest", "array([0., 0., 1., 0., 0.])", np.min
)


_describe(vars(), OF_IMAGES)
