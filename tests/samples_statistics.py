"""Samples of statistics, and of functions given by samples."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from samples import SHAPES, sample, values

AXES = [(), (3,), (2, 3), (2, 1, 3)]
HOLES = values((3, 4), 5)
GAPS = np.isin(np.arange(12), [1, 4, 10]).reshape(3, 4)


def holed(x: object) -> object:
    """``x`` with NaN in three places."""
    return np.where(GAPS, np.nan, x)


# --- passing over NaN ------------------------------------------------------------------

for name in "nanmax nanmin nanprod nansum nanmean nanvar nanstd nanmedian".split():
    f = getattr(np, name)
    for axis in (None, 0, 1, -1, (0, 1)):
        for keepdims in (False, True):
            sample(name, lambda x, f=f, a=axis, k=keepdims: f(holed(x), axis=a, keepdims=k), HOLES)
    sample(name, f, (2, 3))
    sample(name, f, (3,))
for name in ("nancumsum", "nancumprod"):
    for axis in (None, 0, 1):
        sample(name, lambda x, f=getattr(np, name), a=axis: f(holed(x), axis=a), HOLES)
KEEP = np.array([[True], [False], [True]])
sample("nanmax", lambda x: np.nanmax(holed(x), axis=0, initial=-9.0, where=KEEP), HOLES)
sample("nanmin", lambda x: np.nanmin(holed(x), axis=0, initial=9.0, where=KEEP), HOLES)
sample("nanmax", lambda x: np.nanmax(holed(x), initial=0.5), HOLES)
sample("nanprod", lambda x: np.nanprod(holed(x), axis=0, initial=2.0, where=KEEP), HOLES)
sample("nanvar", lambda x: np.nanvar(holed(x), axis=0, where=KEEP), HOLES)
sample("nanvar", lambda x: np.nanvar(holed(x), axis=1, ddof=1), HOLES)
sample("nanstd", lambda x: np.nanstd(holed(x), axis=1, ddof=0.5), HOLES)

# --- order statistics ------------------------------------------------------------------

PLACES = [0.0, 0.3, 1.0, [0.25, 0.5], np.array([[0.1], [0.9]])]
for q in PLACES:
    for axis in (None, 0, -1, (0, 1)):
        for keepdims in (False, True):
            sample(
                "quantile",
                lambda x, q=q, a=axis, k=keepdims: np.quantile(x, q, a, keepdims=k),
                (3, 4),
            )
    sample("percentile", lambda x, q=q: np.percentile(x, 100 * np.asarray(q), axis=0), (3, 4))
    sample("nanquantile", lambda x, q=q: np.nanquantile(holed(x), q, axis=1), HOLES)
    sample("nanquantile", lambda x, q=q: np.nanquantile(holed(x), q), HOLES)
    sample(
        "nanpercentile", lambda x, q=q: np.nanpercentile(holed(x), 100 * np.asarray(q), 0), HOLES
    )
sample("quantile", lambda x: np.quantile(x, 0.3), (1,))
sample("quantile", lambda x: np.quantile(x, 0.3), ())
sample("quantile", lambda x, q: np.quantile(x, q), (5,), np.array([0.13, 0.67]))
sample("percentile", lambda x, q: np.percentile(x, q), (5,), np.array([13.0, 67.0]))

# --- covariance ------------------------------------------------------------------------

WEIGHTS = np.array([1, 2, 3, 1])
for name in ("cov", "corrcoef"):
    f = getattr(np, name)
    sample(name, f, (3, 4))
    sample(name, f, (4,))
    sample(name, f, (4,), (4,))
    sample(name, f, (2, 4), (4,))
    sample(name, lambda x, f=f: f(x, rowvar=False), (4, 3))
    sample(name, lambda x, y, f=f: f(x, y, rowvar=False), (4, 2), (4, 1))
sample("cov", lambda x: np.cov(x, bias=True), (3, 4))
sample("cov", lambda x: np.cov(x, ddof=2), (3, 4))
sample("cov", lambda x: np.cov(x, fweights=WEIGHTS), (3, 4))
sample("cov", lambda x, w: np.cov(x, aweights=w), (3, 4), values((4,), 0, 0.5, 2.0))
sample("cov", lambda x, w: np.cov(x, fweights=WEIGHTS, aweights=w), (3, 4), values((4,), 0, 0.5, 2))
sample("cov", lambda x, w: np.cov(x, ddof=0, aweights=w), (3, 4), values((4,), 0, 0.5, 2.0))

# --- interpolation, slopes, integrals --------------------------------------------------

KNOTS = np.array([-1.5, -0.4, 0.1, 1.2])
for shape in SHAPES:
    sample("interp", np.interp, values(shape), KNOTS, values((4,), 3))
sample("interp", lambda x, y: np.interp(x, KNOTS, y, left=3.0, right=-2.0), (6,), (4,))
sample("interp", lambda x, lo, hi: np.interp(x, KNOTS, KNOTS**2, lo, hi), (6,), (), ())
sample("interp", np.interp, (4,), np.array([0.3]), np.array([2.0]))
sample(
    "interp", lambda x, p, y: np.interp(x, p, y, period=1.7), (5,), np.array([0.2, 3.1, 1.0]), (3,)
)
for n, edge in [(2, 1), (3, 1), (5, 1), (3, 2), (5, 2)]:
    sample("gradient", lambda x, e=edge: np.gradient(x, edge_order=e), (n,))
    sample("gradient", lambda x, e=edge: np.gradient(x, 0.7, edge_order=e), (n,))
    sample(
        "gradient", lambda x, t, e=edge: np.gradient(x, t, edge_order=e), (n,), np.arange(n) ** 1.3
    )
sample("gradient", np.gradient, (3, 4))
sample("gradient", lambda x: np.gradient(x, axis=1), (3, 4))
sample("gradient", lambda x: np.gradient(x, 0.5, axis=(1, 0)), (3, 4))
sample("gradient", lambda x: np.gradient(x, 0.5, np.arange(4) ** 1.3), (3, 4))
sample("gradient", lambda x, h: np.gradient(x, h), (4,), 0.7)
sample("trapezoid", np.trapezoid, (4,))
sample("trapezoid", lambda y: np.trapezoid(y, dx=0.3, axis=0), (3, 4))
sample("trapezoid", lambda y, x: np.trapezoid(y, x), (3, 4), (4,))
sample("trapezoid", lambda y, x: np.trapezoid(y, x, axis=0), (3, 4), (3,))
sample("trapezoid", lambda y, x: np.trapezoid(y, x, axis=0), (3, 4), (3, 4))
sample("trapezoid", lambda y, x: np.trapezoid(y, x, axis=-2), (2, 3, 4), (3, 4))
sample("trapezoid", np.trapezoid, (1,))
for axis in (0, 1):
    sample("unwrap", lambda x, a=axis: np.unwrap(x, axis=a), values((3, 4), 0, -9.0, 9.0))
sample("unwrap", lambda x: np.unwrap(x, discont=4.0, period=3.0), values((8,), 0, -9.0, 9.0))
sample("unwrap", lambda x: np.unwrap(x, 2.0), values((1,)))
sample("ediff1d", np.ediff1d, (2, 3))
sample("ediff1d", np.ediff1d, (1,))
sample("ediff1d", lambda x, e, b: np.ediff1d(x, e, b), (4,), (2,), ())
for include in (False, True):
    for name in ("cumulative_sum", "cumulative_prod"):
        if hasattr(np, name):
            for shape in ((3,), ()):
                sample(
                    name, lambda x, f=getattr(np, name), i=include: f(x, include_initial=i), shape
                )
            sample(
                name,
                lambda x, f=getattr(np, name), i=include: f(x, axis=1, include_initial=i),
                (2, 3),
            )
        else:
            sample(
                name,
                lambda x, f=getattr(mg, name): f(mg.Tensor(x) if type(x) is np.ndarray else x),
                (3,),
            )

# --- polynomials and ranges ------------------------------------------------------------

sample("polyval", np.polyval, (4,), (2, 3))
sample("polyval", np.polyval, (4,), ())
sample("polyval", lambda x: np.polyval([2, 0, 1], x), (3,))
for n in (None, 0, 1, 3):
    sample("vander", lambda x, n=n: np.vander(x, n), (3,))
    sample("vander", lambda x, n=n: np.vander(x, n, increasing=True), (3,))
for num, endpoint in [(0, True), (1, True), (1, False), (2, True), (5, True), (5, False)]:
    sample("linspace", lambda a, b, n=num, e=endpoint: np.linspace(a, b, n, e), (), ())
    sample("linspace", lambda a, b, n=num, e=endpoint: np.linspace(a, b, n, e), (2, 1), (3,))
    sample("logspace", lambda a, b, n=num, e=endpoint: np.logspace(a, b, n, e), (), ())
    args = (values((2,), 0, 0.5, 2.0), 3.0)
    sample("geomspace", lambda a, b, n=num, e=endpoint: np.geomspace(a, b, n, e), *args)
sample("linspace", lambda a, b: np.linspace(a, b, 4, retstep=True), (), ())
sample("linspace", lambda a, b: np.linspace(a, b, 4, axis=-1), (2,), ())
sample("logspace", lambda a, base: np.logspace(a, 1.0, 4, base=base), (), 2.5)
if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
    args = ((2,), values((2,), 0, 0.5, 2.0))
    sample("logspace", lambda a, base: np.logspace(a, 1.0, 4, base=base, axis=-1), *args)
sample("geomspace", lambda a: np.geomspace(a, -8.0, 4), -1.0)

# --- piece by piece --------------------------------------------------------------------

sample("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [np.sin, np.exp]), (2, 3))
sample("piecewise", lambda x: np.piecewise(x, [x > 0, x > 1], [np.sqrt, lambda v: v**2]), (5,))
sample("piecewise", lambda x: np.piecewise(x, [x > 1], [np.log, lambda v: -v]), (5,))
sample("piecewise", lambda x: np.piecewise(x, x > 0, [np.sqrt, 7.0]), (5,))
sample("piecewise", lambda x: np.piecewise(x, [x > 0], [lambda v, k: k * v], 3.0), (5,))
sample("piecewise", lambda x: np.piecewise(x, [x > 0], [np.exp]), ())
for axis in (0, 1, -1):
    sample("apply_along_axis", lambda x, a=axis: np.apply_along_axis(np.prod, a, x), (2, 3, 2))
    sample("apply_along_axis", lambda x, a=axis: np.apply_along_axis(np.cumsum, a, x), (2, 3, 2))
    sample(
        "apply_along_axis",
        lambda x, a=axis: np.apply_along_axis(np.outer, a, x, x[0, 0]),
        (2, 3, 2),
    )

METHODS = """
    inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull
    linear median_unbiased normal_unbiased lower higher midpoint nearest
"""
for method in METHODS.split():
    for q in (0.0, 0.13, 0.5, 0.77, 1.0):
        sample("quantile", lambda x, m=method, q=q: np.quantile(x, q, method=m), (5,))
    sample("quantile", lambda x, m=method: np.quantile(x, [0.25, 0.6], 0, method=m), (4, 2))
    sample("nanquantile", lambda x, m=method: np.nanquantile(holed(x), 0.3, 1, method=m), HOLES)
    sample("percentile", lambda x, m=method: np.percentile(x, 31.0, method=m), (6,))
    sample("nanpercentile", lambda x, m=method: np.nanpercentile(x, 31.0, method=m), (6,))
for q in (0.0, 0.3, 0.5, 1.0):
    w = np.array([0.0, 1.0, 3.0, 0.5, 2.0])
    options = {"method": "inverted_cdf", "weights": w}
    sample("quantile", lambda x, q=q, o=options: np.quantile(x, q, **o), (5,))
    sample("quantile", lambda x, q=q, o=options: np.quantile(x, [q, 0.1], 1, **o), (2, 5))
    sample(
        "nanquantile",
        lambda x, q=q, o=options, w=w: np.nanquantile(np.where(w == 1, np.nan, x), q, **o),
        (5,),
    )
