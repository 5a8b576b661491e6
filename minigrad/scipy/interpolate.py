"""`scipy.interpolate`: cubic splines and lines through points, differentiable by their values."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed

__all__ = ["CubicSpline", "interp1d"]


def __dir__() -> list[str]:
    return __all__


class CubicSpline:
    """The piecewise cubic through points, twice differentiable, as `scipy.interpolate.CubicSpline`.

    Parameters
    ----------
    x : (n,)
        Rising.
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
        x = np.asarray(getattr(x, "data", x), dtype=float)
        if bc_type not in ("not-a-knot", "natural", "clamped"):
            raise ValueError(
                'CubicSpline: bc_type must be "not-a-knot", "natural" or "clamped", '
                f"not {bc_type!r}"
            )
        if x.ndim != 1 or len(x) < 2 or np.any(np.diff(x) <= 0):
            raise ValueError("CubicSpline: x must be a rising vector of two points at least")
        y = arrayed(y) * np.float64(1)
        if not np.ndim(y) or np.shape(y)[0] != len(x):
            raise ValueError(
                f"CubicSpline: there are {len(x)} points, and y has shape {np.shape(y)}"
            )
        self.x, self.y = x, y
        self._slopes = np.tensordot(slopes(x, bc_type), y, axes=1)

    def __call__(self, x: Any, nu: int = 0) -> Any:
        """The spline, or its ``nu``-th derivative, at ``x``; beyond the ends, the last piece."""
        if nu not in (0, 1, 2, 3):
            raise ValueError(f"CubicSpline: nu must be 0 to 3, not {nu!r}")
        x = arrayed(x)
        i = np.clip(np.searchsorted(self.x, x, side="right") - 1, 0, len(self.x) - 2)
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


def slopes(x: Any, bc_type: str) -> Any:
    """The matrix that makes slopes at the points of the values there.

    Continuity of the second derivative: ``s_{i−1}/h_{i−1} + 2 (1/h_{i−1} + 1/h_i) s_i +
    s_{i+1}/h_i = 3 (Δ_{i−1}/h_{i−1}² + Δ_i/h_i²)`` (C. de Boor, "A Practical Guide to
    Splines", 1978, chapter IV).
    """
    n, h = len(x), np.diff(x)
    rise = (np.eye(n)[1:] - np.eye(n)[:-1]) / h[:, None]
    if n == 2:
        return np.zeros((2, 2)) if bc_type == "clamped" else np.array([rise[0], rise[0]])
    left, right = np.zeros((n, n)), np.zeros((n, n))
    for i in range(1, n - 1):
        left[i, i - 1 : i + 2] = [h[i], 2 * (h[i - 1] + h[i]), h[i - 1]]
        right[i] = 3 * (h[i] * rise[i - 1] + h[i - 1] * rise[i])
    if bc_type == "clamped":
        left[0, 0] = left[-1, -1] = 1
    elif bc_type == "natural":
        left[0, :2], right[0] = [2, 1], 3 * rise[0]
        left[-1, -2:], right[-1] = [1, 2], 3 * rise[-1]
    elif n == 3:  # one parabola
        left[0, :2], right[0] = [1, 1], 2 * rise[0]
        left[-1, -2:], right[-1] = [1, 1], 2 * rise[-1]
    else:
        d = x[2] - x[0]
        left[0, :2] = [h[1], d]
        right[0] = ((h[0] + 2 * d) * h[1] * rise[0] + h[0] ** 2 * rise[1]) / d
        d = x[-1] - x[-3]
        left[-1, -2:] = [d, h[-2]]
        right[-1] = (h[-1] ** 2 * rise[-2] + (2 * d + h[-1]) * h[-2] * rise[-1]) / d
    return np.linalg.solve(left, right)


def interp1d(x: Any, y: Any, kind: str = "linear", fill_value: Any = None) -> Any:
    """A function through points: lines (``"linear"``) or a spline (``"cubic"``).

    Derivative: by the points y linear in them; by the place, the slope of the curve.

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
    known = np.asarray(getattr(x, "data", x), dtype=float)
    values = arrayed(y) * np.float64(1)
    spline = CubicSpline(known, values) if kind == "cubic" else None

    def line(at: Any) -> Any:
        at = arrayed(at)
        if fill_value is None and not np.all((at >= known[0]) & (at <= known[-1])):
            raise ValueError(f"interp1d: a point is outside of [{known[0]:g}, {known[-1]:g}]")
        if spline is not None:
            return spline(at)
        i = np.clip(np.searchsorted(known, at, side="right") - 1, 0, len(known) - 2)
        t = (at - known[i]) / (known[i + 1] - known[i])
        return values[i] * (1 - t) + values[i + 1] * t

    return line


_describe(vars(), OF_SCIPY)
