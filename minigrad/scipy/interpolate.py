"""`scipy.interpolate`: cubic splines and lines through points, differentiable by both."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import scipy.interpolate

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import settled
from minigrad.ops.shape import arrayed, speaks_numpy
from minigrad.scipy.calling import absent, floating, like
from minigrad.typing import Array

__all__ = ["CubicSpline", "interp1d"]
__getattr__, __dir__ = absent("interpolate", __all__)


class CubicSpline:
    """The piecewise cubic through points, twice differentiable, as `scipy.interpolate.CubicSpline`.

    Parameters
    ----------
    x : (n,)
        Rising; differentiable.
    y : (n, ...)
        Differentiable.
    axis : int
        The one of ``y`` that goes along ``x``.
    bc_type : {"not-a-knot", "natural", "clamped"}
        What holds at both ends: one cubic for two pieces, no curvature, no slope.
    extrapolate : bool, optional
        Beyond the ends: the last piece (the default), or NaN.

    Raises
    ------
    ValueError
        For points that do not rise, or have no value each; for other conditions at the ends.
    TypeError
        For an axis that is no whole number, and ``extrapolate="periodic"``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.arange(4.0)
    >>> print(f"{float(CubicSpline(x, x**3)(1.5)):.4f}")
    3.3750
    >>> mg.grad(lambda y: CubicSpline(x, y)(1.5))(x**3).round(4)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    x: Array
    y: Array
    axis: int
    extrapolate: bool

    def __init__(
        self,
        x: Array,
        y: Array,
        axis: int = 0,
        bc_type: str = "not-a-knot",
        extrapolate: bool | str | None = None,
    ) -> None:
        x, y = arrayed(x) * np.float64(1), arrayed(y) * np.float64(1)
        if not isinstance(axis, int) or extrapolate == "periodic":
            raise TypeError(
                f"CubicSpline: axis={axis!r}, extrapolate={extrapolate!r}: the axis is a whole "
                "number, and extrapolate True or False"
            )
        self.axis = axis % max(np.ndim(y), 1)
        y = np.moveaxis(y, axis, 0) if np.ndim(y) else y
        self.extrapolate = extrapolate is None or bool(extrapolate)
        if bc_type not in ("not-a-knot", "natural", "clamped"):
            raise ValueError(
                'CubicSpline: bc_type must be "not-a-knot", "natural" or "clamped", '
                f"not {bc_type!r}"
            )
        check_rising("CubicSpline", x)
        check_as_many("CubicSpline", x, y)
        self.x, self.y = x, y
        self._slopes = slopes(x, y, bc_type)

    def __call__(self, x: Array, nu: int = 0, extrapolate: bool | None = None) -> Array:
        """The spline, or its ``nu``-th derivative, at ``x``; the axes of ``x`` take the axis."""
        x = arrayed(x)
        found, n = self._along(x, nu), np.ndim(x)
        if not (self.extrapolate if extrapolate is None else extrapolate):
            beyond = np.reshape(
                (x < self.x[0]) | (x > self.x[-1]), (*np.shape(x), *[1] * (np.ndim(self.y) - 1))
            )
            found = np.where(beyond, np.nan, found)
        places = [self.axis + j for j in range(n)]
        return np.moveaxis(found, [*range(n)], places) if n and self.axis else found

    def _along(self, x: Array, nu: int) -> Array:
        if nu not in (0, 1, 2, 3):
            raise ValueError(f"CubicSpline: nu must be 0 to 3, not {nu!r}")
        i = piece(self.x, x)
        h = self.x[i + 1] - self.x[i]
        t = x - self.x[i]
        wide = (...,) + (None,) * (np.ndim(self.y) - 1)
        h, t = (v[wide] if np.ndim(self.y) > 1 else v for v in (h, t))
        y0, y1, s0, s1 = self.y[i], self.y[i + 1], self._slopes[i], self._slopes[i + 1]
        chord = (y1 - y0) / h
        c = (3 * chord - 2 * s0 - s1) / h
        d = (s0 + s1 - 2 * chord) / h**2
        if nu == 0:
            return y0 + t * (s0 + t * (c + t * d))
        if nu == 1:
            return s0 + t * (2 * c + t * 3 * d)
        return 2 * c + 6 * d * t if nu == 2 else 6 * d + 0 * t


def check_rising(who: str, x: Array) -> None:
    """Refuse points that do not rise; of a program, which are not known yet, their shape alone."""
    rising: Array = np.ndim(x) == 1 and len(x) > 1 and np.all(np.diff(x) > 0)
    if not speaks_numpy(rising) and not rising:
        raise ValueError(f"{who}: x must be a rising vector of two points at least")


def check_as_many(who: str, x: Array, y: Array, axis: int = 0) -> None:
    """Refuse values that are more or fewer than the points."""
    if not np.ndim(y) or np.shape(y)[axis] != len(x):
        raise ValueError(f"{who}: there are {len(x)} points, and y has shape {np.shape(y)}")


def piece(x: Array, at: Array) -> Array:
    """Which of the pieces between the points ``x`` the places ``at`` lie in."""
    return np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)


def slopes(x: Array, y: Array, bc_type: str) -> Array:
    """The slopes at the points, so that the second derivative is continuous.

    ``s_{i−1}/h_{i−1} + 2 (1/h_{i−1} + 1/h_i) s_i + s_{i+1}/h_i = 3 (Δ_{i−1}/h_{i−1}² +
    Δ_i/h_i²)`` (C. de Boor, "A Practical Guide to Splines", 1978, chapter IV).
    """
    n, h = len(x), np.diff(x)
    wide = (-1,) + (1,) * (np.ndim(y) - 1)
    H = np.reshape(h, wide)
    rise = np.diff(y, axis=0) / H
    if n == 2:
        return rise[[0, 0]] * (0.0 if bc_type == "clamped" else 1.0)
    one, first, last = np.ones(1), rise[:1], rise[-1:]
    low, high = h[1:], h[:-1]  # of the rows between the ends
    if bc_type == "clamped":
        ends, low, high = (one, one), (low, 0 * one), (0 * one, high)
        given = 0 * first, 0 * last
    elif bc_type == "natural":
        ends, low, high = (2 * one, 2 * one), (low, one), (one, high)
        given = 3 * first, 3 * last
    elif n == 3:  # one parabola
        ends, low, high = (one, one), (low, one), (one, high)
        given = 2 * first, 2 * last
    else:
        d, D = np.stack([h[0] + h[1], h[-1] + h[-2]]), np.stack([H[0] + H[1], H[-1] + H[-2]])
        ends, low, high = (h[1:2], h[-2:-1]), (low, d[1:]), (d[:1], high)
        given = (
            ((H[:1] + 2 * D[:1]) * H[1:2] * first + H[:1] ** 2 * rise[1:2]) / D[:1],
            (H[-1:] ** 2 * rise[-2:-1] + (2 * D[1:] + H[-1:]) * H[-2:-1] * last) / D[1:],
        )
    inner = 3 * (H[1:] * rise[:-1] + H[:-1] * rise[1:])
    right = np.concatenate([given[0], inner, given[1]])
    left = (
        np.diag(np.concatenate([ends[0], 2 * (h[:-1] + h[1:]), ends[1]]))
        + np.diag(np.concatenate(low), -1)
        + np.diag(np.concatenate(high), 1)
    )
    return np.reshape(np.linalg.solve(left, np.reshape(right, (n, -1))), np.shape(y))


@like(scipy.interpolate.interp1d, "x y fill_value")
def interp1d(
    x: Array,
    y: Array,
    kind: Any = "linear",
    axis: int = -1,
    bounds_error: bool | None = None,
    fill_value: Array = np.nan,
) -> Array:
    """A function through points: lines (``"linear"``), steps, or a spline (``"cubic"``).

    Derivative: by the values y linear in them; by the place, the slope of the curve.

    ``axis`` is the one of ``y`` that goes along ``x``; the axes of the places take its place.
    Outside of the points it is an error, unless ``bounds_error=False`` is given, or
    ``fill_value="extrapolate"``.

    Parameters
    ----------
    x : (n,)
        All different, in any order; differentiable.
    y : array_like
    kind : {"linear", "cubic", "previous", "next", "nearest", "nearest-up"}
    axis : int
    bounds_error : bool, optional
    fill_value : "extrapolate", number or pair of numbers
        Outside of the points: the curve goes on, or these, below and above.

    Raises
    ------
    ValueError
        For other kinds, and, when called, for places outside of the points.

    Examples
    --------
    >>> import numpy as np
    >>> interp1d([0.0, 1.0], [0.0, 10.0])(0.25)
    array(2.5)
    """
    kind = ALIASES.get(kind, kind)
    if kind not in ("linear", "cubic", *STEPS):
        raise ValueError(f'interp1d: kind must be "linear", "cubic" or a step, not {kind!r}')
    known, values = floating(x), floating(y)
    if np.ndim(known) == 1:
        check_as_many("interp1d", known, values, axis)
        order = np.argsort(settled(known), kind="stable")
        known, values = known[order], np.take(values, order, axis)
    check_rising("interp1d", known)
    axis %= np.ndim(values)
    values = np.moveaxis(values, axis, 0)
    spline = CubicSpline(known, values) if kind == "cubic" else None
    onward = isinstance(fill_value, str)
    if onward and fill_value != "extrapolate":
        raise ValueError(
            f'interp1d: fill_value must be "extrapolate" or numbers, not {fill_value!r}'
        )
    if onward and bounds_error:
        raise ValueError("interp1d: bounds_error=True does not go with extrapolation")
    strict = not onward if bounds_error is None else bounds_error
    low, high = fill_value if isinstance(fill_value, tuple) else (fill_value,) * 2
    if not onward:
        low, high = (floating(v).astype(values.dtype) for v in (low, high))

    def line(at: Array) -> Array:
        at = floating(at)
        below, above = at < known[0], at > known[-1]
        outside = np.any(below | above)
        if strict and not speaks_numpy(outside) and outside:
            ends = ", ".join(f"{float(settled(known)[i]):g}" for i in (0, -1))
            raise ValueError(f"interp1d: a point is outside of [{ends}]")
        wide = (*np.shape(at), *[1] * (np.ndim(values) - 1))
        if spline is not None:
            found = spline(at)
        elif kind in STEPS:
            found = values[STEPS[kind](settled(known), settled(at))]
        else:
            i = piece(known, at)
            t = np.reshape((at - known[i]) / (known[i + 1] - known[i]), wide)
            found = values[i] * (1 - t) + values[i + 1] * t
        if onward and kind in ("previous", "next"):  # before the first, and beyond the last, none
            none = below if kind == "previous" else above
            found = np.where(np.reshape(none, wide), np.nan, found)
        if not onward:
            found = np.where(np.reshape(below, wide), low, found)
            found = np.where(np.reshape(above, wide), high, found)
        n = np.ndim(at)
        return np.moveaxis(found, [*range(n)], [axis + j for j in range(n)]) if n else found

    return line


def nearest(x: Array, at: Array, side: str) -> Array:
    """Which of the points ``x`` is nearest; halfway the lower one for ``side="left"``."""
    return np.searchsorted((x[1:] + x[:-1]) / 2, at, side=side)  # type: ignore[call-overload]


ALIASES: dict[Hashable, str] = {
    "slinear": "linear",
    "zero": "previous",
    0: "previous",
    1: "linear",
    3: "cubic",
}
"""What else SciPy calls them."""
STEPS: dict[str, Any] = {
    "previous": lambda x, at: np.clip(np.searchsorted(x, at, "right") - 1, 0, len(x) - 1),
    "next": lambda x, at: np.clip(np.searchsorted(x, at, "left"), 0, len(x) - 1),
    "nearest": lambda x, at: nearest(x, at, "left"),
    "nearest-up": lambda x, at: nearest(x, at, "right"),
}
"""Which point's value holds at a place."""


_describe(vars(), OF_SCIPY)
