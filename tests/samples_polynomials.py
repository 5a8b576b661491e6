"""Samples of polynomials, sets, windows, histograms, and of arrays built of parts."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from samples import sample, values

X = np.array([0.3, 1.1, 1.9, 2.4, 3.2, 4.1])

# --- polynomials -----------------------------------------------------------------------

for shapes in (((3,), (3,)), ((2,), (4,)), ((4,), (1,)), ((), (3,))):
    sample("polyadd", np.polyadd, *shapes)
    sample("polysub", np.polysub, *shapes)
for shapes in (((3,), (3,)), ((2,), (4,)), ((), (3,))):
    sample("polymul", np.polymul, *shapes)
sample("polydiv", lambda u, v: np.polydiv(u, v)[0], (4,), (2,))
sample("polydiv", lambda u, v: np.polydiv(u, v)[1], (5,), (3,))
sample("polydiv", lambda u: np.polydiv(u, [1.0, 2.0, 3.0])[1], (2,))
for m in (0, 1, 2):
    sample("polyder", lambda p, m=m: np.polyder(p, m), (4,))
    sample("polyint", lambda p, m=m: np.polyint(p, m), (4,))
sample("polyint", lambda p, k: np.polyint(p, 2, k), (3,), (2,))
sample("polyint", lambda p, k: np.polyint(p, 2, k), (3,), ())
for shape in ((3,), (1,), (4,)):
    sample("poly", np.poly, shape)
for deg in (0, 1, 2):
    sample("polyfit", lambda x, y, deg=deg: np.polyfit(x, y, deg), X, (6,))
sample("polyfit", lambda x, y: np.polyfit(x, y, 1), X, (6, 2))
sample("polyfit", lambda y, w: np.polyfit(X, y, 2, w=w), (6,), values(6, 9, 0.5, 2.0))
sample("polyfit", lambda y: np.polyfit(X, y, 1, cov=True)[1], (6,))
sample("polyfit", lambda x: np.polyfit(x, X**2, 1, cov="unscaled")[1], X)


def first(found: object) -> object:
    """The values, of what may be a named tuple."""
    return getattr(found, "values", found)


# --- sets ------------------------------------------------------------------------------

ODD = np.array([3.5, -1.0, 2.25, 0.5])
for name in "unique_all unique_counts unique_inverse unique_values".split():
    if hasattr(np, name):
        sample(name, lambda x, f=getattr(np, name): np.sort(first(f(x))) + 0.0, ODD)
sample("union1d", np.union1d, ODD, np.array([[0.75, -2.0]]))
sample("intersect1d", lambda x: np.intersect1d(x, x[1:]), ODD)
sample("setdiff1d", lambda x: np.setdiff1d(x, x[1:3]), ODD)
sample("setxor1d", np.setxor1d, ODD, np.array([0.75, -2.0]))
sample("trim_zeros", lambda x: np.trim_zeros(x * np.array([0.0, 1, 0, 1, 0])), (5,))
sample("trim_zeros", lambda x: np.trim_zeros(x * np.array([0.0, 1, 0, 1, 0]), "b"), (5,))
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":  # which trims along several axes
    sample("trim_zeros", lambda x: np.trim_zeros(np.pad(x, 1)), (2, 3))
    sample("trim_zeros", lambda x: np.trim_zeros(np.pad(x, 1), "f", 1), (2, 3))

# --- windows and histograms ------------------------------------------------------------

for shape in ((), (3,), (2, 3)):
    sample("i0", np.i0 if shape else lambda x: np.i0(x)[()], shape)
sample("i0", np.i0, (4,), low=-6.0, high=6.0)
sample("kaiser", lambda beta: mg.kaiser(6, beta), np.float64(2.5))
slide = np.lib.stride_tricks.sliding_window_view
sample("sliding_window_view", lambda x: slide(x, 3), (5,))
sample("sliding_window_view", lambda x: slide(x, (2, 2)), (3, 4))
sample("sliding_window_view", lambda x: slide(x, 2, axis=0), (3, 4))
sample("sliding_window_view", lambda x: slide(x, (2, 2), axis=(1, 1)), (2, 4))
for density in (False, True):
    weighed = lambda w, d=density: np.histogram(X, 3, (1, 4), density=d, weights=w)[0]
    sample("histogram", weighed, values(6, 1, 0.5, 2.0))
sample("histogram", lambda w: np.histogram(X, [0, 2, 2.4, 4.1], weights=w)[0], (6,))
sample("frexp", lambda x: np.frexp(x)[0], (2, 3), smooth=False)

# --- building --------------------------------------------------------------------------

sample("apply_over_axes", lambda x: np.apply_over_axes(np.sum, x, [0, 2]), (2, 3, 2))
sample("apply_over_axes", lambda x: np.apply_over_axes(np.cumsum, x, [-1]), (2, 3))

sample("roots", np.roots, np.array([2.0, -3.0, 1.0]))
