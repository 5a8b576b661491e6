"""Padding: elements added at the ends of axes, copied from inside or computed from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.ops.indexing import take
from minigrad.ops.record import ArrayLike, Op, composed, primitive, register
from minigrad.ops.shape import arrayed, broadcast_to, holds_tensor, speaks_numpy
from minigrad.typing import Array, Function, Keywords

_REPEATING = ("edge", "reflect", "symmetric", "wrap")
_MIRRORS = ("reflect", "symmetric")
_SUMMARIES: dict[str, Function] = {
    "maximum": np.max, "mean": np.mean, "median": np.median, "minimum": np.min,
}  # fmt: skip


@primitive(
    vjps=(
        lambda g, ans, array, pad_width, **_: g[
            tuple(
                slice(before, before + n)
                for (before, _), n in zip(pad_width, np.shape(array), strict=True)
            )
        ],
    ),
    jvp=lambda ts, ans, array, pad_width, **_: np.pad(
        ts[0], [(0, 0)] * (np.ndim(ts[0]) - np.ndim(array)) + list(pad_width)
    ),
    name="pad",
    fresh=True,
    complex=True,
)
def framed(array: Array, pad_width: Any, constant_values: Array = 0) -> Array:
    """pad(array, pad_width, constant_values=...): constants around an array."""
    return np.pad(array, pad_width, constant_values=constant_values)


def rounded(array: Array, pad_width: Any, mode: Any, values: Array) -> Array:
    """pad(array, pad_width, mode, ...): whole numbers or booleans, as NumPy rounds them."""
    key = "end_values" if mode == "linear_ramp" else "stat_length"
    given: Any = {} if (None, None) in values else {key: values}
    return np.pad(array, pad_width, mode, **given)


whole: Op = register(Op("pad.whole", rounded, None, fresh=True, arity=1))


def _framed(array: ArrayLike, pairs: list[tuple[int, int]], values: Array) -> Array:
    """``array`` in a frame of constants."""
    if has_tensors(values):
        return bordered(array, pairs, values_like(array, values))
    if pairs:
        return framed(array, pad_width=pairs, constant_values=values)
    if np.ndim(values) > 1 or np.size(values) not in (1, 2):
        raise ValueError(
            f"pad: constant_values of shape {np.shape(values)} do not go with a single number"
        )
    return array


def _extended(array: ArrayLike, pairs: list[tuple[int, int]], mode: str, values: Array) -> Array:
    """``array`` continued by ramps to ``values``, or by summaries of so many elements."""
    values = values_like(array, values) if has_tensors(values) else np.asarray(values)
    spread = broadcast_to if speaks_numpy(values) else np.broadcast_to
    given = spread(values, (np.ndim(array), 2))
    if pairs and np.result_type(array).kind not in "fc":  # no gradient, and rounded in some way
        return whole(array, pad_width=pairs, mode=mode, values=tuple(map(tuple, given.tolist())))
    for axis, pair in enumerate(pairs):
        if pair != (0, 0):
            ends = given[axis] if speaks_numpy(given) else given[axis].tolist()
            array = extended(array, axis, pair, mode, ends)
    return array


@composed(np.pad, complex=True)
def pad(array: ArrayLike, pad_width: Any, mode: str = "constant", **options: Any) -> Array:
    """``array`` with ``pad_width`` elements more at each end of its axes, as `numpy.pad`.

    Derivative: ``dy`` without the border; where the border repeats elements, its gradient is
    added to theirs.

    Parameters
    ----------
    array : array_like
    pad_width : int, (before, after), one such pair per axis, or {axis: int or pair}
    mode : {"constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum",
            "mean", "median", "minimum", "empty"}
        "empty" promises no values; they are 0.
    constant_values : number, (before, after), or one such pair per axis, optional
        For the mode "constant"; 0 by default.  Tensors are differentiated.
    reflect_type : {"even", "odd"}, optional
        For "reflect" and "symmetric"; "odd" goes on at the edge as ``2 edge - reflected``.
    end_values : the same, optional
        For the mode "linear_ramp"; 0 by default.  Tensors are differentiated.
    stat_length : int, (before, after), or one such pair per axis, optional
        For the last four modes: of how many elements at the end; all by default.

    Raises
    ------
    TypeError
        For modes and options that are not supported, and widths that are no integers.
    ValueError
        For an empty axis, where the mode repeats elements.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.pad(mg.Tensor([1.0, 2.0]), 1)
    Tensor([0., 1., 2., 0.])
    >>> mg.grad(lambda x: mg.pad(x, (0, 3), mode="edge").sum())(np.ones(2))
    array([1., 4.])
    """
    n = np.ndim(array)
    if isinstance(pad_width, dict):
        widths = {normalize_axis_index(axis, n): w for axis, w in pad_width.items()}
        pad_width = [np.broadcast_to(widths.get(axis, 0), 2) for axis in range(n)] or 0
    width = np.asarray(pad_width)
    if width.dtype.kind not in "iu":
        raise TypeError(f"pad: pad_width must be integers, not {width.dtype}")
    pairs = [(int(i), int(j)) for i, j in np.broadcast_to(width, (n, 2))]
    if mode in ("constant", "empty"):
        values = options.pop("constant_values", 0) if mode == "constant" else 0
        _refuse_options(mode, options)
        return _framed(array, pairs, values)
    if mode == "linear_ramp" or mode in _SUMMARIES:
        key = "end_values" if mode == "linear_ramp" else "stat_length"
        values = options.pop(key, 0 if mode == "linear_ramp" else None)
        _refuse_options(mode, options)
        return _extended(array, pairs, mode, values)
    if mode not in _REPEATING:
        known = ", ".join(["constant", *_REPEATING, "linear_ramp", *_SUMMARIES, "empty"])
        raise TypeError(f"pad: mode={mode!r} is not supported (it takes {known})")
    odd = mode in _MIRRORS and options.pop("reflect_type", "even") == "odd"
    kind = np.result_type(array)
    _refuse_options(mode, options)
    for axis, pair in enumerate(pairs):
        if pair != (0, 0):
            if not np.shape(array)[axis]:
                raise ValueError(
                    f"pad: axis {axis} is empty: mode={mode!r} finds nothing to repeat"
                )
            array = repeated(array, axis, pair, mode, odd)
            if odd and np.result_type(array) != kind:
                array = array.astype(kind)  # as NumPy has it: what is not 0 is True
    return array


def has_tensors(values: Array) -> bool:
    """Whether ``values`` is a Tensor, or nested lists with Tensors among."""
    return speaks_numpy(values) or (isinstance(values, list | tuple) and holds_tensor(values))


def values_like(array: Array, values: Array) -> Array:
    """The Tensor ``values`` in the dtype that they have within ``array``."""
    values, kind = arrayed(values), np.result_type(array)
    if kind.kind == "c" or np.result_type(values).kind != "c":
        values = np.multiply(values, 1).astype(kind)
    return values


def laid_along(values: Array, axis: int, ndim: int) -> Array:
    """A vector laid along ``axis`` of an array of ``ndim`` axes."""
    return np.reshape(values, [-1 if i == axis else 1 for i in range(ndim)])


def repeated(array: Array, axis: int, pair: tuple[int, int], mode: Any, odd: bool) -> Array:
    """``array`` with elements of its own at the ends of ``axis``, mirrored oddly or as they are.

    What is mirrored an odd number of times counts negatively, and the edges make up for it:
    so that a constant goes on as a constant, and a line as a line.
    """
    n = np.shape(array)[axis]
    places: Array = np.arange(n)
    found = take(array, np.pad(places, pair, mode), axis)
    if not odd or n == 1:
        return found
    at = np.arange(-pair[0], n + pair[1])
    sign = 1 - 2 * (at // (n if mode == "symmetric" else n - 1) % 2)
    sign[at == n - 1] = 1
    line = np.pad(places, pair, mode, reflect_type="odd")
    last = (line - sign * np.pad(places, pair, mode)) / (n - 1)
    edges = [take(array, [i], axis) for i in (0, n - 1)]
    s, first, last = (laid_along(v, axis, np.ndim(array)) for v in (sign, 1 - sign - last, last))
    return found * s + edges[0] * first + edges[1] * last


def bordered(array: Array, pairs: list[tuple[int, int]], values: Array) -> Array:
    """``array`` with ``values`` at the ends of its axes, of which there are Tensors among."""
    values = broadcast_to(values, (len(pairs), 2))
    for axis, pair in enumerate(pairs):
        shape = np.shape(array)
        sides = [
            broadcast_to(values[axis, side], (*shape[:axis], pair[side], *shape[axis + 1 :]))
            for side in range(2)
        ]
        array = np.concatenate([sides[0], array, sides[1]], axis=axis)
    return array


def extended(array: Array, axis: int, pair: tuple[int, int], mode: str, given: Array) -> Array:
    """``array`` with ramps to given values, or summaries of itself, at the ends of ``axis``."""
    front, n = (slice(None),) * axis, np.shape(array)[axis]
    if not n:
        raise ValueError(f"pad: axis {axis} is empty: mode={mode!r} finds nothing to go on from")

    def filling(side: int) -> Array:
        if mode == "linear_ramp":
            edge = array[(*front, slice(0, 1) if side == 0 else slice(n - 1, n))]
            kind = np.result_type(array).type(0).real.dtype
            share = (np.arange(pair[side]) / max(pair[side], 1)).astype(kind)
            share = laid_along(share if side == 0 else share[::-1], axis, np.ndim(array))
            return given[side] * (1 - share) + edge * share
        length = n if given[side] is None else min(given[side], n)
        if length < 1:
            raise ValueError(f"pad: stat_length must be positive, got {length}")
        part = array[(*front, slice(0, length) if side == 0 else slice(n - length, n))]
        one = _SUMMARIES[mode](part, axis=axis, keepdims=True)
        return broadcast_to(one, (*np.shape(one)[:axis], pair[side], *np.shape(one)[axis + 1 :]))

    return np.concatenate([filling(0), array, filling(1)], axis=axis)


def _refuse_options(mode: str, options: Keywords) -> None:
    for key in options:
        raise TypeError(f"pad: {key}= is not supported for mode={mode!r}")
