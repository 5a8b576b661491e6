"""Filters of signals along one axis, for `minigrad.scipy.signal`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.signal as ss

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.scipy.calling import floating, like
from minigrad.tensor import concrete
from minigrad.typing import Array, Function

# --- recursive filters -------------------------------------------------------------------


def _recursive(b: Array, a: Array, x: Array) -> Array:
    return ss.lfilter(b, a, x, axis=-1)


def _by_lags(g: Array, y: Array, lags: int) -> Array:
    """``Σ_n g_n y_{n−k}`` for every lag k."""
    n = np.shape(y)[-1]
    return np.stack([np.sum(g[..., k:] * y[..., : max(n - k, 0)]) for k in range(lags)])


def _of_zeros(g: Array, ans: Array, b: Array, a: Array, x: Array) -> Array:
    return _by_lags(g, recursive(np.ones(1, b.dtype), a, x), np.shape(b)[0])


def _of_poles(g: Array, ans: Array, b: Array, a: Array, x: Array) -> Array:
    return -_by_lags(g, recursive(np.ones(1, b.dtype), a, ans), np.shape(a)[0])


def _of_signal(g: Array, ans: Array, b: Array, a: Array, x: Array) -> Array:
    """The filter applied backward in time."""
    return recursive(b, a, g[..., ::-1])[..., ::-1]


recursive: Op = Op(
    "signal.lfilter", _recursive, (_of_zeros, _of_poles, _of_signal), fresh=True, complex=True
)
"""The y with ``Σ_k a_k y_{n−k} = Σ_k b_k x_{n−k}`` along the last axis, from rest."""


def coefficients(who: str, b: Array, a: Array) -> tuple[Array, Array]:
    """Both vectors of a filter, as vectors."""
    b, a = np.atleast_1d(floating(b)), np.atleast_1d(floating(a))
    for name, v in (("b", b), ("a", a)):
        if np.ndim(v) != 1 or not np.size(v):
            raise ValueError(f"{who}: {name} must be a vector, not of shape {np.shape(v)}")
    if (first := concrete(a[0])) is not None and first == 0:
        raise ValueError(f"{who}: a[0] must not be 0")
    return b, a


@like(ss.lfilter, "b a x zi", alone=True)
def lfilter(b: Array, a: Array, x: Array, axis: int = -1, zi: Array = None) -> Array:
    """``a₀ y_n = Σ_k b_k x_{n−k} − Σ_{k>0} a_k y_{n−k}`` along ``axis``.

    Derivative: ``dx`` is the same filter run over ``dy`` from the end; by b and a the
    correlations with x and y.

    Parameters
    ----------
    b, a : vectors
    x : array_like
    axis : int
    zi : array_like, optional
        The state at the start, ``max(len(a), len(b)) - 1`` numbers along the axis; rest by
        default.

    Returns
    -------
    array, or (array, state)
        With ``zi`` the state at the end, too.

    Raises
    ------
    ValueError
        For b and a that are no vectors, an ``a[0]`` of 0, a state of another shape.

    Examples
    --------
    >>> lfilter([1.0], [1.0, -0.5], [1.0, 0.0, 0.0])
    array([1.  , 0.5 , 0.25])
    >>> lfilter([1.0], [1.0, -0.5], [1.0, 0.0, 0.0], zi=[1.0])
    (array([2. , 1. , 0.5]), array([0.25]))
    """
    b, a = coefficients("lfilter", b, a)
    x = np.moveaxis(floating(x), axis, -1)
    if zi is None:
        return np.moveaxis(recursive(b, a, x), -1, axis)
    state = floating(zi)
    order = max(np.size(a), np.size(b)) - 1
    if np.ndim(state) == np.ndim(x):
        state = np.moveaxis(state, axis, -1)
    wanted = (*np.shape(x)[:-1], order)
    pairs = zip(np.shape(state), wanted, strict=False)
    if np.ndim(state) != np.ndim(x) or any(s not in (1, w) or s > w == 0 for s, w in pairs):
        raise ValueError(f"lfilter: zi must have shape {wanted} along the axis last")
    y, end = continued(b / a[0], a / a[0], x, np.broadcast_to(state, wanted))
    return np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)


def continued(b: Array, a: Array, x: Array, state: Array) -> tuple[Array, Array]:
    """The filter from a ``state`` on, and the state at the end; a₀ is 1.

    The state is what ``Σ b_k x_{n−k} − Σ a_k y_{n−k}`` of the past adds to the next numbers.
    """
    order, n = np.shape(state)[-1], np.shape(x)[-1]
    ahead = [(0, 0)] * (np.ndim(x) - 1)
    still = np.pad(state, [*ahead, (0, max(n - order, 0))])
    one = np.ones(1, b.dtype)
    y = recursive(b, a, x) + recursive(one, a, still[..., :n])
    i, j = np.indices((order, order))
    lag = np.where(j >= i, order + i - j, 0)
    ends = []
    for v, taps in ((x, b), (y, a)):
        taps = np.pad(taps, (0, order + 1 - np.size(taps)))
        last = np.pad(v, [*ahead, (order, 0)])[..., n:]
        ends.append(last @ np.where(j >= i, taps[lag], 0).T)
    left = np.pad(state, [*ahead, (0, n)])[..., n : n + order]
    return y, ends[0] - ends[1] + left


@like(ss.lfilter_zi, "b a", alone=True)
def lfilter_zi(b: Array, a: Array) -> Array:
    """The state of `lfilter` in which a signal of ones has been for ever.

    Derivative: that of the linear system which the state solves.

    Raises
    ------
    ValueError
        As `lfilter`.

    Examples
    --------
    >>> lfilter_zi([1.0], [1.0, -0.5])
    array([1.])
    """
    b, a = coefficients("lfilter_zi", b, a)
    b, a = b / a[0], a / a[0]
    order = max(np.size(a), np.size(b)) - 1
    b, a = (np.pad(v, (0, order + 1 - np.size(v))) for v in (b, a))
    if not order:
        raise ValueError("lfilter_zi: of one coefficient each there is no state")
    companion = np.concatenate([a[1:, None], -np.eye(order)[:, : order - 1]], axis=1)
    return np.linalg.solve(np.eye(order) + companion, b[1:] - a[1:] * b[0])


def sections(who: str, sos: Array) -> Array:
    """Second-order sections, (n, 6) with ones in column 3."""
    sos = floating(sos)
    if np.ndim(sos) != 2 or np.shape(sos)[1] != 6:
        raise ValueError(f"{who}: sos must have shape (n, 6), not {np.shape(sos)}")
    if (known := concrete(sos)) is not None and np.any(known[:, 3] != 1):
        raise ValueError(f"{who}: sos[:, 3] must be all ones")
    return sos


@like(ss.sosfilt, "sos x zi", alone=True)
def sosfilt(sos: Array, x: Array, axis: int = -1, zi: Array = None) -> Array:
    """Filters of second order one after the other, each a row (b₀, b₁, b₂, 1, a₁, a₂).

    Derivative: that of `lfilter`, section by section.

    Parameters
    ----------
    sos : (n, 6)
    x : array_like
    axis : int
    zi : (n, ..., 2, ...), optional
        The states at the start; rest by default.

    Returns
    -------
    array, or (array, states)
        With ``zi`` the states at the end, too.

    Raises
    ------
    ValueError
        For sections and states of another shape, and an a₀ that is not 1.

    Examples
    --------
    >>> sosfilt([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]], [1.0, 0.0, 0.0])
    array([1.  , 0.5 , 0.25])
    """
    sos = sections("sosfilt", sos)
    y = floating(x)
    states, ends = zi if zi is None else floating(zi), []
    axis = operator.index(np.lib.array_utils.normalize_axis_index(axis, np.ndim(y)))
    if states is not None:
        wanted = (len(sos), *np.shape(y)[:axis], 2, *np.shape(y)[axis + 1 :])
        if np.shape(states) != wanted:
            raise ValueError(f"sosfilt: zi must have shape {wanted}, not {np.shape(states)}")
    for i in range(len(sos)):
        b, a = sos[i, :3], sos[i, 3:]
        if states is None:
            y = lfilter(b, a, y, axis)
        else:
            y, end = lfilter(b, a, y, axis, states[i])
            ends.append(end)
    return y if states is None else (y, np.stack(ends))


# --- forward and backward ----------------------------------------------------------------


def both_ways(
    who: str, filtered: Function, start: Function, x: Array, axis: int, padtype: Any, padlen: Any
) -> Array:
    """``filtered(x, state)`` forward and then backward, from what ``padtype`` adds at the ends."""
    x = np.moveaxis(floating(x), axis, -1)
    if padtype not in ("odd", "even", "constant", None):
        raise ValueError(
            f'{who}: padtype must be "odd", "even", "constant" or None, not {padtype!r}'
        )
    edge = 0 if padtype is None else operator.index(padlen)
    if np.shape(x)[-1] <= edge:
        raise ValueError(
            f"{who}: the length of the input, {np.shape(x)[-1]}, must be above padlen, {edge}"
        )
    if edge:
        options = {"reflect_type": padtype} if padtype != "constant" else {}
        around = [(0, 0)] * (np.ndim(x) - 1) + [(edge, edge)]
        x = np.pad(x, around, "edge" if padtype == "constant" else "reflect", **options)
    for _ in range(2):
        x = filtered(x, start(x[..., :1]))[..., ::-1]
    return np.moveaxis(x[..., edge : np.shape(x)[-1] - edge], -1, axis)


@like(ss.filtfilt, "b a x", alone=True)
def filtfilt(
    b: Array,
    a: Array,
    x: Array,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
) -> Array:
    """`lfilter` forward and then backward, without a shift in phase.

    Derivative: that of `lfilter`, twice.

    Parameters
    ----------
    b, a : vectors
    x : array_like
    axis : int
    padtype : {"odd", "even", "constant", None}
        How the signal goes on beyond its ends.
    padlen : int, optional
        By how much; three times the longer of b and a.

    Raises
    ------
    ValueError
        For a signal that is not longer than ``padlen``, other ``padtype``, and as `lfilter`.
    TypeError
        For Gustafsson's method.

    Examples
    --------
    >>> filtfilt([0.5, 0.5], [1.0], [0.0, 0.0, 4.0, 0.0, 0.0], padlen=2)
    array([0., 1., 2., 1., 0.])
    """
    b, a = coefficients("filtfilt", b, a)
    state = lfilter_zi(b, a)

    filtered = lambda x, start: lfilter(b, a, x, -1, start)[0]
    padlen = 3 * max(np.size(a), np.size(b)) if padlen is None else padlen
    return both_ways("filtfilt", filtered, lambda x: state * x, x, axis, padtype, padlen)


@like(ss.sosfiltfilt, "sos x", alone=True)
def sosfiltfilt(
    sos: Array, x: Array, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None
) -> Array:
    """`sosfilt` forward and then backward; the parameters are those of `filtfilt`.

    Derivative: that of `lfilter`, section by section, twice.

    Raises
    ------
    ValueError
        As `sosfilt` and `filtfilt`.
    TypeError
        For sections that a program takes as its input, without ``padlen``.

    Examples
    --------
    >>> sosfiltfilt([[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]], [0.0, 0.0, 4.0, 0.0, 0.0], padlen=2)
    array([0., 1., 2., 1., 0.])
    """
    sos, scale, states = sections("sosfiltfilt", sos), 1.0, []
    for i in range(len(sos)):
        states.append(scale * lfilter_zi(sos[i, :3], sos[i, 3:]))
        scale = scale * np.sum(sos[i, :3]) / np.sum(sos[i, 3:])

    def start(x: Array) -> Array:
        return np.stack([s * x for s in states])

    if padlen is None and padtype is not None:
        if (known := concrete(sos)) is None:
            raise TypeError("sosfiltfilt: padlen depends on sos, an input; give padlen=")
        spare = min((known[:, 2] == 0).sum(), (known[:, 5] == 0).sum())
        padlen = 3 * (2 * len(sos) + 1 - int(spare))
    filtered = lambda x, z: sosfilt(sos, x, -1, z)[0]
    return both_ways("sosfiltfilt", filtered, start, x, axis, padtype, padlen)


_describe(vars(), OF_SCIPY)
