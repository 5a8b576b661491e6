"""`scipy.interpolate`: cubic splines and lines through points, differentiable by both."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import settled
from minigrad.ops.shape import arrayed, speaks_numpy

__all__ = ["CubicSpline", "interp1d"]


def __dir__() -> list[str]:
    return __all__


class CubicSpline:
    """The piecewise cubic through points, twice differentiable, as `scipy.interpolate.CubicSpline`.

    Parameters
    ----------
    x : (n,)
        Rising; differentiable.
    y : (n, ...)
        Differentiable.
    bc_type : {"not-a-knot", "natural", "clamped"}
        What holds at both ends: one cubic for two pieces, no curvature, no slope.

    Raises
    ------
    ValueError
        For points that do not rise, or have no value each; for other conditions at the ends.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.arange(4.0)
    >>> print(f"{float(CubicSpline(x, x**3)(1.5)):.4f}")
    3.3750
    >>> mg.grad(lambda y: CubicSpline(x, y)(1.5))(x**3).round(4)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    x: Any
    y: Any

    def __init__(self, x: Any, y: Any, bc_type: str = "not-a-knot") -> None:
        x, y = arrayed(x) * np.float64(1), arrayed(y) * np.float64(1)
        if bc_type not in ("not-a-knot", "natural", "clamped"):
            raise ValueError(
                'CubicSpline: bc_type must be "not-a-knot", "natural" or "clamped", '
                f"not {bc_type!r}"
            )
        check_rising("CubicSpline", x)
        if not np.ndim(y) or np.shape(y)[0] != len(x):
            raise ValueError(
                f"CubicSpline: there are {len(x)} points, and y has shape {np.shape(y)}"
            )
        self.x, self.y = x, y
        self._slopes = slopes(x, y, bc_type)

    def __call__(self, x: Any, nu: int = 0) -> Any:
        """The spline, or its ``nu``-th derivative, at ``x``; beyond the ends, the last piece."""
        if nu not in (0, 1, 2, 3):
            raise ValueError(f"CubicSpline: nu must be 0 to 3, not {nu!r}")
        x = arrayed(x)
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


def check_rising(who: str, x: Any) -> None:
    """Refuse points that do not rise; of a program, which are not known yet, their shape alone."""
    rising: Any = np.ndim(x) == 1 and len(x) > 1 and np.all(np.diff(x) > 0)
    if not speaks_numpy(rising) and not rising:
        raise ValueError(f"{who}: x must be a rising vector of two points at least")


def piece(x: Any, at: Any) -> Any:
    """Which of the pieces between the points ``x`` the places ``at`` lie in."""
    return np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)


def slopes(x: Any, y: Any, bc_type: str) -> Any:
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


def interp1d(x: Any, y: Any, kind: str = "linear", axis: int = -1, fill_value: Any = None) -> Any:
    """A function through points: lines (``"linear"``) or a spline (``"cubic"``).

    Derivative: by the values y linear in them; by the place, the slope of the curve.

    ``axis`` is the one of ``y`` that goes along ``x``; the axes of the places take its place.
    Outside of the points it is an error, unless ``fill_value="extrapolate"``.

    Raises
    ------
    ValueError
        For other kinds, and, when called, for places outside of the points.

    Examples
    --------
    >>> import numpy as np
    >>> interp1d([0.0, 1.0], [0.0, 10.0])(0.25)
    np.float64(2.5)
    """
    if kind not in ("linear", "cubic"):
        raise ValueError(f'interp1d: kind must be "linear" or "cubic", not {kind!r}')
    if fill_value not in (None, "extrapolate"):
        raise ValueError(f'interp1d: fill_value must be "extrapolate", not {fill_value!r}')
    known, values = arrayed(x) * np.float64(1), arrayed(y) * np.float64(1)
    check_rising("interp1d", known)
    if not np.ndim(values) or np.shape(values)[axis] != len(known):
        raise ValueError(
            f"interp1d: there are {len(known)} points, and y has shape {np.shape(values)}"
        )
    axis %= np.ndim(values)
    values = np.moveaxis(values, axis, 0)
    spline = CubicSpline(known, values) if kind == "cubic" else None

    def line(at: Any) -> Any:
        at = arrayed(at)
        inside = np.all((at >= known[0]) & (at <= known[-1]))
        if fill_value is None and not speaks_numpy(inside) and not inside:
            ends = ", ".join(f"{float(settled(known)[i]):g}" for i in (0, -1))
            raise ValueError(f"interp1d: a point is outside of [{ends}]")
        if spline is not None:
            found = spline(at)
        else:
            i = piece(known, at)
            t = (at - known[i]) / (known[i + 1] - known[i])
            t = np.reshape(t, (*np.shape(t), *[1] * (np.ndim(values) - 1)))
            found = values[i] * (1 - t) + values[i + 1] * t
        n = np.ndim(at)
        return np.moveaxis(found, [*range(n)], [axis + j for j in range(n)]) if n else found

    return line


_describe(vars(), OF_SCIPY)
