"""`minigrad.scipy`: values are SciPy's, derivatives are what finite differences say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.special
import scipy.stats

import minigrad as mg
import minigrad.scipy as ms
from finite_differences import numeric_gradient

rng = np.random.default_rng(4)


def check(f: Callable[..., Any], *args: Any, order: int = 1) -> None:
    """The gradient of a weighted sum of ``f``, and of a weighted sum of that, by differences."""
    args = tuple(np.asarray(a, dtype=float)[()] for a in args)
    weight = np.random.default_rng(0).uniform(0.5, 1.5, np.shape(f(*args)))

    def total(*xs: Any) -> Any:
        return np.sum(f(*xs) * weight)

    everywhere = tuple(range(len(args)))
    slopes = mg.grad(total, everywhere)

    def slope_total(*xs: Any) -> Any:
        return sum(np.sum(np.sin(1.0 + i) * g) for i, g in enumerate(slopes(*xs)))

    for g in (total, slope_total)[:order]:
        for i, got in enumerate(mg.grad(g, everywhere)(*args)):
            expected = numeric_gradient(lambda *xs, g=g: float(g(*xs)), list(args), i)
            scale = max(1.0, float(np.max(np.abs(expected))))
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * scale)


# --- distributions -----------------------------------------------------------------------

LINE, HALF, UNIT = [-2.3, -0.4, 0.3, 1.7], [0.2, 0.9, 2.4], [0.15, 0.5, 0.8]
CONTINUOUS: dict[str, tuple[list[float], tuple[float, ...]]] = {
    **dict.fromkeys("norm cauchy laplace logistic gumbel_r gumbel_l".split(), (LINE, ())),
    **dict.fromkeys("expon halfnorm halfcauchy rayleigh".split(), (HALF, ())),
    "t": (LINE, (3.5,)),
    "gennorm": (LINE, (1.4,)),
    "skewnorm": (LINE, (0.8,)),
    **dict.fromkeys("gamma invgamma chi2 chi weibull_min fisk lognorm".split(), (HALF, (2.3,))),
    "invgauss": (HALF, (1.3,)),
    "f": (HALF, (3.2, 4.1)),
    "pareto": ([1.3, 2.0, 4.0], (2.3,)),
    "uniform": (UNIT, ()),
    "beta": (UNIT, (1.7, 2.6)),
    "vonmises": (LINE, (1.3,)),
}
NO_CDF = {"gennorm", "invgauss", "vonmises"}
BY_X_ALONE = {"t", "gamma", "invgamma", "chi2", "chi", "f", "beta"}
"""Whose distribution functions have no derivative in closed form by their shapes."""


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities(name: str) -> None:
    points, shapes = CONTINUOUS[name]
    x, loc, scale = np.array(points), 0.2, 1.6
    ours, theirs = getattr(ms.stats, name), getattr(scipy.stats, name)
    moved = x * scale + loc
    for method in ("logpdf", "pdf"):
        got = getattr(ours, method)(moved, *shapes, loc, scale)
        np.testing.assert_allclose(
            got, getattr(theirs, method)(moved, *shapes, loc, scale), rtol=1e-10
        )
    check(ours.logpdf, moved, *shapes, loc, scale)
    outside = np.array([-50.0, 90.0])
    got, slope = mg.value_and_grad(lambda v: ours.pdf(v, *shapes).sum())(outside)
    assert got == pytest.approx(theirs.pdf(outside, *shapes).sum(), rel=1e-9, abs=1e-30)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n not in NO_CDF])
def test_distribution_functions(name: str) -> None:
    points, shapes = CONTINUOUS[name]
    x = np.array(points)
    ours, theirs = getattr(ms.stats, name), getattr(scipy.stats, name)
    for method in ("cdf", "sf", "logcdf", "logsf"):
        f = getattr(ours, method)
        np.testing.assert_allclose(f(x, *shapes), getattr(theirs, method)(x, *shapes), rtol=1e-9)
        if method in ("sf", "logcdf"):
            continue  # made of the other two
        if name in BY_X_ALONE:
            check(lambda v, f=f: f(v, *shapes, 0.1, 1.2), x)
        else:
            check(f, x, *shapes)
    far = np.array([-60.0, 1e3])
    with np.errstate(over="ignore"):
        got = ours.cdf(far, *shapes)
        expected = theirs.cdf(far, *shapes)
    np.testing.assert_allclose(got, expected, atol=2e-2)


@pytest.mark.parametrize(
    ("name", "shapes", "by"),
    [
        ("bernoulli", (0.3,), (0,)),
        ("binom", (6, 0.3), (1,)),
        ("poisson", (2.3,), (0,)),
        ("geom", (0.3,), (0,)),
        ("nbinom", (3.5, 0.3), (0, 1)),
    ],
)
def test_whole_numbers(name: str, shapes: tuple[Any, ...], by: tuple[int, ...]) -> None:
    k = np.array([-1, 0, 1, 2, 5, 6, 7])
    ours, theirs = getattr(ms.stats, name), getattr(scipy.stats, name)
    with np.errstate(divide="ignore"):
        for method in ("logpmf", "pmf", "cdf"):
            got = getattr(ours, method)(k, *shapes)
            np.testing.assert_allclose(
                got, getattr(theirs, method)(k, *shapes), rtol=1e-9, atol=1e-14
            )
    inside = k[np.isfinite(theirs.logpmf(k, *shapes))]

    def by_shapes(*values: Any) -> Any:
        told = list(shapes)
        for i, v in zip(by, values):
            told[i] = v
        return ours.logpmf(inside, *told)

    check(by_shapes, *(shapes[i] for i in by))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        *((name, shapes) for name, (_, shapes) in CONTINUOUS.items()),
        *(("gamma", (a,)) for a in (0.5, 1.0)),
        *(("chi2", (2.0,)), ("chi", (1.0,)), ("f", (2.0, 3.0)), ("f", (1.0, 3.0))),
        *(("weibull_min", (1.0,)), ("fisk", (1.0,)), ("beta", (1.0, 0.5)), ("t", (1e12,))),
        *(("bernoulli", (0.3,)), ("binom", (3, 1.0)), ("binom", (3, 0.4)), ("poisson", (0.0,))),
        *(("geom", (1.0,)), ("nbinom", (2.5, 0.4))),
    ],
)
def test_at_the_ends_and_where_there_is_no_distribution(name: str, shapes: Any) -> None:
    """Scales and shapes that are not allowed, and NaN, give NaN: a number would be a wrong one."""
    ours, theirs = getattr(ms.stats, name), getattr(scipy.stats, name)
    x = np.array([0.0, 1.0, np.nan, -0.5, 3.0])
    plain = {"scale": 1.0} if hasattr(ours, "pdf") else {}
    calls = [(shapes, plain)]
    calls += [(shapes, {"scale": s}) for s in (0.0, -1.0, np.nan) if plain]
    bad = {"vonmises": -1.0, "skewnorm": np.nan, "bernoulli": 1.2, "geom": 0.0, "binom": -1}
    calls += [((bad.get(name, -1.0), *shapes[1:]), plain)] if shapes else []
    for method in "pdf logpdf pmf logpmf cdf sf".split():
        if not hasattr(ours, method) or (name in NO_CDF and method in ("cdf", "sf")):
            continue
        for told, kw in calls:
            with np.errstate(all="ignore"):
                want = getattr(theirs, method)(x, *told, **kw)
                got = getattr(ours, method)(x, *told, **kw)
                named = dict(zip(ours.shapes, told, strict=True))
                in_a_program = mg.compile(getattr(ours, method))(x, *told, **kw)
                for found in (got, getattr(ours, method)(x, **named, **kw), in_a_program):
                    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-15)


def test_vectors() -> None:
    root = rng.normal(size=(3, 3))
    cov, mean, x = root @ root.T + np.eye(3), rng.normal(size=3), rng.normal(size=(4, 3))
    got = ms.stats.multivariate_normal.logpdf(x, mean, cov)
    np.testing.assert_allclose(got, scipy.stats.multivariate_normal.logpdf(x, mean, cov))
    check(
        lambda x, m, r: ms.stats.multivariate_normal.logpdf(x, m, r @ r.T + np.eye(3)),
        x, mean, root,
    )  # fmt: skip
    for scale in (cov, np.array([0.5, 2.0, 1.0])):
        got = ms.stats.multivariate_t.pdf(x, mean, scale, 3.5)
        wide = scale if scale.ndim == 2 else np.diag(scale)
        np.testing.assert_allclose(got, scipy.stats.multivariate_t.pdf(x, mean, wide, 3.5))
    check(
        lambda x, m, r, df: ms.stats.multivariate_t.logpdf(x, m, r @ r.T + np.eye(3), df),
        x, mean, root, 3.5,
    )  # fmt: skip
    shares, alpha = rng.dirichlet([1.0, 2, 3], size=2).T, np.array([1.2, 0.7, 3.0])
    got = ms.stats.dirichlet.logpdf(shares, alpha)
    np.testing.assert_allclose(got, scipy.stats.dirichlet.logpdf(shares, alpha))
    check(lambda a: ms.stats.dirichlet.logpdf(shares, a), alpha)


def test_how_many_coordinates_a_vector_has() -> None:
    """Numbers for mean and covariance are of one coordinate, of which a vector has many."""
    points, root = rng.normal(size=3), rng.normal(size=(3, 3))
    for name, keys in (
        ("multivariate_normal", ("mean", "cov")),
        ("multivariate_t", ("loc", "shape")),
    ):
        ours, theirs = getattr(ms.stats, name), getattr(scipy.stats, name)
        for values in ((0.3, 1.7), ([0.3], [[1.7]]), (points, 1.7), (points, root @ root.T)):
            told = dict(zip(keys, values, strict=True))
            np.testing.assert_allclose(
                ours.logpdf(mg.Tensor(points), **told).data, theirs.logpdf(points, **told)
            )
        with pytest.raises(ValueError, match=rf"{name}: x \(3,\) and .* must have 2 coordinates"):
            ours.logpdf(points, **{keys[1]: np.eye(2)})
    for df in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="multivariate_t: df must be positive"):
            ms.stats.multivariate_t.logpdf(points, points, 1.0, df)
    for x, alpha, told in (
        ([0.5, 0.6], [1.0, 2.0], "sum to 1"),
        ([0.5, 0.5], [1.0, -2.0], "alpha must be positive"),
        ([0.5], [1.0, 2.0], r"dirichlet: x \(1,\) must have as many rows"),
    ):
        with pytest.raises(ValueError, match=told):
            ms.stats.dirichlet.logpdf(mg.Tensor(x), alpha)


def test_parameters_are_called_as_in_scipy() -> None:
    assert ms.stats.gamma.logpdf(1.0, a=2.0, scale=3.0) == pytest.approx(
        scipy.stats.gamma.logpdf(1.0, a=2.0, scale=3.0)
    )
    for call, words in [
        (lambda: ms.stats.gamma.logpdf(1.0), "gamma: a missing; it has x, a, loc, scale"),
        (lambda: ms.stats.norm.logpdf(1.0, 0.0, 1.0, 2.0), "norm takes x, loc, scale: 3 arg"),
        (lambda: ms.stats.norm.logpdf(1.0, sigma=1.0), "norm: sigma is no parameter"),
        (lambda: ms.stats.vonmises.cdf(1.0, 1.0), "vonmises.cdf is not in the mirror"),
        (lambda: ms.stats.poisson.pmf(1.0), "poisson: mu missing; it has k, mu, loc"),
    ]:
        with pytest.raises(TypeError, match=words):
            call()


# --- matrices ----------------------------------------------------------------------------

A = rng.normal(size=(3, 3)) + 2 * np.eye(3)
S = A @ A.T
b, B = rng.normal(size=3), rng.normal(size=(3, 2))
L, sl = ms.linalg, scipy.linalg
MATRICES: list[tuple[str, Callable[..., Any], Callable[..., Any], list[Any]]] = [
    *[(f"triangular {t}{low}{unit}",
       lambda a, v, t=t, low=low, unit=unit: L.solve_triangular(a, v, t, low, unit),
       lambda a, v, t=t, low=low, unit=unit: sl.solve_triangular(a, v, t, low, unit), [A, v])
      for t in (0, 1) for low in (False, True) for unit in (False, True) for v in (b, B)],
    ("cholesky", lambda a: L.cholesky(a @ a.T), lambda a: sl.cholesky(a @ a.T), [A]),
    ("cho_solve", lambda a, v: L.cho_solve(L.cho_factor(a @ a.T), v),
     lambda a, v: sl.cho_solve(sl.cho_factor(a @ a.T), v), [A, b]),
    ("cho_solve lower", lambda a, v: L.cho_solve(L.cho_factor(a @ a.T, True), v),
     lambda a, v: sl.cho_solve(sl.cho_factor(a @ a.T, True), v), [A, B]),
    *[(f"lu {k}", lambda a, k=k: L.lu(a)[k], lambda a, k=k: sl.lu(a)[k], [A[::-1]])
      for k in (1, 2)],
    *[(f"lu {m.shape} {k}", lambda a, k=k: L.lu(a, permute_l=True)[k],
       lambda a, k=k: sl.lu(a, permute_l=True)[k], [m])
      for m in (A[:, :2], A[:2], np.stack([A, A[::-1]])) for k in (0, 1)],
    ("packed wide lu", lambda a: L.lu_factor(a)[0], lambda a: sl.lu_factor(a)[0], [A[:2]]),
    *[(f"polar {side} {k}", lambda a, k=k, s=side: L.polar(a, s)[k],
       lambda a, k=k, s=side: sl.polar(a, s)[k], [m])
      for side, m in (("right", A[:, :2]), ("left", A[:2]), ("left", A)) for k in (0, 1)],
    ("lu", lambda a: L.lu_factor(a[::-1])[0], lambda a: sl.lu_factor(a[::-1])[0], [A]),
    *[(f"lu_solve {t}", lambda a, v, t=t: L.lu_solve(L.lu_factor(a[::-1]), v, t),
       lambda a, v, t=t: sl.lu_solve(sl.lu_factor(a[::-1]), v, t), [A, b]) for t in (0, 1)],
    ("expm", L.expm, sl.expm, [A / 3]),
    ("sqrtm", lambda a: L.sqrtm(a @ a.T), lambda a: sl.sqrtm(a @ a.T), [A]),
    ("sylvester", L.solve_sylvester, sl.solve_sylvester, [A, A[:2, :2], B]),
    ("block_diag", L.block_diag, sl.block_diag, [A, B, b]),
    ("toeplitz", L.toeplitz, sl.toeplitz, [b, np.array([0.5, 0.7, -1.0, 2.0])]),
    ("banded", lambda ab, v: L.solve_banded((1, 1), ab, v),
     lambda ab, v: sl.solve_banded((1, 1), ab, v),
     [np.array([[0.0, 1, 2], [7.0, 8, 9], [1.0, 2, 0]]), b]),
]  # fmt: skip


@pytest.mark.parametrize("row", MATRICES, ids=lambda row: row[0])
def test_matrices(row: Any) -> None:
    _, ours, theirs, args = row
    np.testing.assert_allclose(ours(*args), theirs(*args), rtol=1e-9, atol=1e-12)
    check(ours, *args, order=1 + ("triangular" not in row[0]))


def test_sparse_systems() -> None:
    matrix = scipy.sparse.csc_array(np.where(rng.random((3, 3)) > 0.6, 1.0, 0.0) + 3 * np.eye(3))
    solve = lambda v: ms.sparse.spsolve(matrix, v)
    np.testing.assert_allclose(solve(b), np.linalg.solve(matrix.toarray(), b))
    check(lambda v: solve(v) ** 2, b, order=2)
    columns = rng.normal(size=(3, 2))
    check(lambda v: solve(v) ** 2, columns)
    check(solve, columns[:, :1])
    mixed = scipy.sparse.csr_array(matrix + 1j * scipy.sparse.eye_array(3))
    check(lambda v: np.real(ms.sparse.spsolve(mixed, v)), b)
    for bad in (1.0, b[:2]):
        with pytest.raises(ValueError, match=r"A \(3, 3\) must be square, and b .* as many rows"):
            solve(bad)
    with pytest.raises(TypeError, match=r"b is sparse; pass b\.toarray\(\)"):
        solve(matrix)
    with pytest.raises(TypeError, match=r"A must be sparse; np\.linalg\.solve takes dense"):
        ms.sparse.spsolve(np.eye(3), b)


# --- signals, splines, images ------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
@pytest.mark.parametrize("shapes", [((7,), (3,)), ((3,), (7,)), ((5, 4), (2, 3)), ((4,), (4,))])
def test_convolutions(mode: str, shapes: Any) -> None:
    x, k = (rng.normal(size=s) for s in shapes)
    want = scipy.signal.convolve(x, k, mode)
    for f in (ms.signal.convolve, ms.signal.fftconvolve):
        np.testing.assert_allclose(f(mg.Tensor(x), k, mode).data, want, atol=1e-12)
    check(lambda x, k: ms.signal.convolve(x, k, mode), x, k)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["convolve", "fftconvolve", "correlate", "convolve2d"])
@pytest.mark.parametrize("shapes", [((7,), (3,)), ((80,), (100,)), ((5, 4), (2, 3)), ((), ())])
@pytest.mark.parametrize("dtype", [float, np.float32, int, complex])
def test_products_of_signals(name: str, shapes: Any, dtype: Any) -> None:
    a, b = ((9 * rng.normal(size=s) * (1 + 1j * (dtype is complex))) for s in shapes)
    a, b = (np.real(v).astype(dtype) if dtype is not complex else v for v in (a, b))
    ours, theirs = getattr(ms.signal, name), getattr(scipy.signal, name)
    if name == "convolve2d" and np.ndim(a) != 2:
        with pytest.raises(ValueError, match=r"convolve2d.* must (both )?be (matrices|2-D)"):
            ours(mg.Tensor(a), b)
        return
    for mode in ("full", "same", "valid"):
        expected = theirs(a, b, mode)
        got = np.asarray(ours(mg.Tensor(a), b, mode))
        scale = np.max(np.abs(expected), initial=1.0)
        tiny = 1e-5 if dtype is np.float32 else 1e-11
        np.testing.assert_allclose(got, expected, atol=tiny * scale)
        assert np.asarray(got).dtype == expected.dtype
    if dtype is float and np.size(a) < 30:
        check(lambda a, b: ours(a, b, "same"), a, b)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("kind", "linear cubic previous next nearest nearest-up".split())
def test_curves_along_an_axis(kind: str, axis: int) -> None:
    x, y = np.cumsum(rng.uniform(0.5, 1, 6)), rng.normal(size=(6, 6))
    at = rng.uniform(x[0] - 0.5, x[-1] + 0.5, (2, 3))
    for more in (
        {"fill_value": "extrapolate"},
        {"bounds_error": False},
        {"bounds_error": False, "fill_value": (1.0, 2.0)},
    ):
        ours, theirs = (
            f(x, y, kind, axis, **more)
            for f in (ms.interpolate.interp1d, scipy.interpolate.interp1d)
        )
        for places in (at, x[2], (x[1] + x[2]) / 2, x):
            np.testing.assert_allclose(ours(places), theirs(places), atol=1e-12)
    ours, theirs = (
        f(x, y, axis, "natural", False)(at)
        for f in (ms.interpolate.CubicSpline, scipy.interpolate.CubicSpline)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: ms.interpolate.interp1d([0, 1], [0, 1], "quadratic"), ValueError, "a step, not"),
        (lambda: ms.interpolate.interp1d([0, 1], [0, 1], fill_value="x"), ValueError, "or numbers"),
        (lambda: ms.interpolate.CubicSpline([0, 1], [0, 1], "natural"), TypeError, "whole number"),
        (lambda: ms.interpolate.interp1d([0, 1], [0, 1], fill_value=1.0)(2), ValueError, "outside"),
        (
            lambda: ms.interpolate.interp1d(
                [0, 1], [0, 1], bounds_error=True, fill_value="extrapolate"
            ),
            ValueError,
            "bounds_error=True does not go",
        ),
        (
            lambda: ms.integrate.solve_ivp(np.sin, (0, 1), [1], t_eval=[0.5, 2]),
            ValueError,
            "t_eval must be a vector of times from 0 to 1",
        ),
        (
            lambda: ms.integrate.solve_ivp(np.sin, (0, 1), [1], t_eval=[0.5, 0.2]),
            ValueError,
            "must go from the first to the last",
        ),
        (
            lambda: ms.integrate.solve_ivp(np.sin, (0, 1), [1], events=1),
            TypeError,
            "events= is not",
        ),
        (lambda: ms.integrate.solve_ivp(np.sin, (0, 1), [1], jac=1), TypeError, "jac= is not"),
        (lambda: ms.integrate.odeint(np.sin, [1], [0, 1], (), np.cos), TypeError, "Dfun= is not"),
        (lambda: ms.integrate.quad(np.sin, 0, 1, weight="cos"), TypeError, "weight= is not"),
    ],
)
def test_what_is_not_taken_is_refused(call: Any, error: Any, told: str) -> None:
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize("orders", [(1, 1), (3, 1), (1, 3), (3, 2), (2, 9)])
@pytest.mark.parametrize("axis", [0, -1])
def test_filters(orders: tuple[int, int], axis: int) -> None:
    x, f, a = rng.normal(size=(6, 5)), rng.normal(size=orders[0]), 0.3 * rng.normal(size=orders[1])
    a[0] = 1.7
    got = ms.signal.lfilter(f, a, mg.Tensor(x), axis).data
    np.testing.assert_allclose(got, scipy.signal.lfilter(f, a, x, axis), atol=1e-12)
    check(lambda f, a, x: ms.signal.lfilter(f, a, x, axis), f, a, x, order=2)


@pytest.mark.parametrize("ends", ["not-a-knot", "natural", "clamped"])
@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_splines(ends: str, n: int) -> None:
    x = np.sort(rng.uniform(0, 5, n))
    y, at = rng.normal(size=(n, 2)), np.array([-0.3, x[0], 0.7, 2.9, x[-1], 6.0])
    theirs = scipy.interpolate.CubicSpline(x, y, bc_type=ends)
    for nu in range(4):
        got = ms.interpolate.CubicSpline(x, y, bc_type=ends)(at, nu)
        np.testing.assert_allclose(got, theirs(at, nu), rtol=1e-7, atol=1e-7)
    inner = x[0] + np.array([0.3, 0.9]) * (x[-1] - x[0])
    check(lambda y, at: ms.interpolate.CubicSpline(x, y, bc_type=ends)(at), y, inner)
    x, inner = np.arange(n) + rng.uniform(0, 0.4, n), np.arange(n)[:-1] + 0.55
    spline = lambda x, y, at: ms.interpolate.CubicSpline(x, y, bc_type=ends)(at)
    check(spline, x, y, inner, order=2)
    slopes = mg.grad(lambda *args: np.sum(spline(*args) ** 2), (0, 1, 2))
    compiled = mg.compile(slopes)
    compiled(x, y, inner)
    for got, want in zip(compiled(x + 1, -y, inner + 1), slopes(x + 1, -y, inner + 1), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-9)


def test_points_that_do_not_rise() -> None:
    for f in (ms.interpolate.CubicSpline, ms.interpolate.interp1d):
        falling = [mg.Tensor([2.0, 1.0])] * (f is ms.interpolate.CubicSpline)
        for x in (np.array([1.0, 1.0]), np.ones((2, 2)), *falling):
            with pytest.raises(ValueError, match="x must be a rising vector of two points"):
                f(x, np.ones(2))
        with pytest.raises(ValueError, match=r"2 points, and y has shape \(3,\)"):
            f([0.0, 1.0], np.ones(3))


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_lines_through_points(kind: str) -> None:
    x, y = np.arange(5.0), rng.normal(size=5)
    at = np.array([0.2, 1.7, 3.9])
    theirs = scipy.interpolate.interp1d(x, y, kind)
    np.testing.assert_allclose(ms.interpolate.interp1d(x, y, kind)(at), theirs(at), rtol=1e-12)
    check(lambda x, y, at: ms.interpolate.interp1d(x, y, kind)(at), x, y, at, order=2)
    for axis, shape in ((-1, (2, 5)), (0, (5, 2)), (1, (2, 5, 3))):
        y = rng.normal(size=shape)
        for at in (1.5, np.array([0.5, 2.0]), rng.uniform(0, 4, (2, 3))):
            theirs = scipy.interpolate.interp1d(x, y, kind, axis=axis)(at)
            got = ms.interpolate.interp1d(x, y, kind, axis)(at)
            np.testing.assert_allclose(got, theirs, rtol=1e-10, atol=1e-12, strict=True)
    y = rng.normal(size=5)
    with pytest.raises(ValueError, match=r"a point is outside of \[0, 4\]"):
        ms.interpolate.interp1d(x, y)(4.5)


@pytest.mark.parametrize("mode", ["constant", "nearest"])
def test_between_places(mode: str) -> None:
    image, at = rng.normal(size=(4, 5)), rng.uniform(-1.5, 5.5, size=(2, 12))
    at[:, 0] = [3, 4]
    for order in (0, 1):
        got = ms.ndimage.map_coordinates(mg.Tensor(image), at, None, order, mode, cval=0.3).data
        expected = scipy.ndimage.map_coordinates(image, at, order=order, mode=mode, cval=0.3)
        np.testing.assert_allclose(got, expected, atol=1e-12)
    inner = rng.integers(0, 3, size=(2, 6)) + rng.uniform(0.1, 0.9, size=(2, 6))  # off the kinks
    read = lambda i, a: ms.ndimage.map_coordinates(i, a, order=1, mode=mode, cval=0.3)
    check(read, image, inner)
    slopes = mg.grad(lambda i, a: np.sum(read(i, a) ** 2), (0, 1))
    compiled = mg.compile(slopes)
    compiled(image, inner)
    for got, want in zip(compiled(image, at), slopes(image, at), strict=True):
        np.testing.assert_allclose(got, want)


# --- roots and minima --------------------------------------------------------------------


def test_roots_to_third_order() -> None:
    f = lambda x, c: np.exp(x) - c * (1 + x) - 1
    at = lambda c: ms.optimize.root(f, [2.0], (c,)).x[0]
    x = at(2.0)
    assert float(f(x, 2.0)) == pytest.approx(0, abs=1e-12)
    check(at, 2.0, order=2)
    third = mg.grad(mg.grad(mg.grad(at)))(2.0)
    steps = mg.grad(mg.grad(at))
    assert third == pytest.approx((steps(2.001) - steps(1.999)) / 0.002, rel=1e-4)
    with pytest.raises(RuntimeError, match="root: SciPy found none"):
        ms.optimize.root(lambda x: x**2 + 1, [0.5])


def test_several_unknowns_and_captured_tensors() -> None:
    k = mg.Tensor([2.0, 3.0], requires_grad=True)
    found = ms.optimize.root(lambda x: np.stack([x[0] ** 2 - k[0], x[0] * x[1] - k[1]]), [1.0, 1.0])
    found.x.sum().backward()
    r = np.sqrt(2.0)
    np.testing.assert_allclose(found.x.data, [r, 3 / r])
    np.testing.assert_allclose(k.grad, [1 / (2 * r) - 3 / (2 * r**3), 1 / r], rtol=1e-10)


def test_fixed_points() -> None:
    at = lambda c: ms.optimize.fixed_point(lambda x, c: np.cos(c * x), 0.7, (c,))
    check(at, 1.1, order=2)


def test_minima() -> None:
    def best(a: Any, l2: Any) -> Any:
        f = lambda x, a, l2: np.sum((x - a) ** 4 + (x - a) ** 2) + l2 * np.sum(x**2)
        return ms.optimize.minimize(f, np.zeros(2), (a, l2), tol=1e-10).x

    check(best, np.array([1.0, -0.5]), 0.3)


CUBE = lambda x, c: x**3 - c
NEAR = lambda x, c: np.sum((x - c) ** 4 + x**2 + x[0] * x[1])
ANSWERS = {
    **{
        name: lambda c, f=getattr(ms.optimize, name): f(CUBE, 0.0, 3.0, (c,))
        for name in "bisect brenth brentq ridder toms748".split()
    },
    "root_scalar": lambda c: ms.optimize.root_scalar(CUBE, (c,), bracket=(0, 3)).root,
    "root_scalar, newton": lambda c: ms.optimize.root_scalar(CUBE, (c,), x0=1.0).root,
    "root, lm": lambda c: ms.optimize.root(CUBE, [1.0, 2.0], (c,), "lm").x.sum(),
    "root, krylov": lambda c: ms.optimize.root(CUBE, [1.0, 2.0], (c,), "krylov").x.sum(),
    "root, jac=True": lambda c: ms.optimize.root(
        lambda x, c: (x**3 - c, np.diag([3 * x[0].item() ** 2])), [1.0], (c,), jac=True
    ).x[0],
    **{
        f"minimize, {m}": lambda c, m=m: ms.optimize.minimize(NEAR, [0.3, 0.2], (c,), m).x.sum()
        for m in "BFGS Nelder-Mead Newton-CG trust-exact L-BFGS-B COBYLA".split()
    },
    "minimize, a bound": lambda c: ms.optimize.minimize(
        NEAR, [0.3, 0.2], (c,), bounds=[(0, 0.3), (None, None)]
    ).x.sum(),
    "minimize, bounds": lambda c: (
        ms.optimize.minimize(NEAR, [0.3, 0.2], (c,), bounds=scipy.optimize.Bounds(0, 0.3)).fun
    ),
    "minimize, jac": lambda c: ms.optimize.minimize(NEAR, [0.3, 0.2], (c,), jac=mg.grad(NEAR)).x[0],
    "minimize_scalar": lambda c: (
        ms.optimize.minimize_scalar(lambda x, c: (x - c) ** 2 + x**4, args=(c,)).x
    ),
    "minimize_scalar, bounded": lambda c: (
        ms.optimize.minimize_scalar(
            lambda x: (x - c) ** 2 + x**4, bounds=(0, 0.3), method="bounded"
        ).fun
    ),
    "least_squares": lambda c: ms.optimize.least_squares(
        lambda x, c: np.stack([x[0] - c, x[0] ** 2 * x[1] - 1, x[1] - x[0]]), [1.0, 1.0], args=(c,)
    ).x.sum(),
    "least_squares, bounds": lambda c: (
        ms.optimize.least_squares(
            lambda x: np.stack([x[0] - c, x[1] - c * x[0]]), [0.5, 1.0], bounds=([0, 0], [0.8, 9])
        ).cost
    ),
    "curve_fit": lambda c: sum(
        part.sum()
        for part in ms.optimize.curve_fit(
            lambda x, a, b: a * np.exp(-b * x), np.arange(5.0), np.array([3, 2.2, 1, 1, 0.3]) * c
        )
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_to_second_order(name: str) -> None:
    f = ANSWERS[name]
    report = mg.gradcheck(f, 1.3, order=2, rtol=1e-4, atol=1e-6)
    assert report, report


def test_fits_are_as_in_scipy() -> None:
    x, y = np.linspace(0, 1, 6), np.array([3, 2.2, 1.5, 1, 1, 0.3])
    f = lambda x, a, b: a * np.exp(-b * x)
    for absolute in (False, True):
        given = {"sigma": 1 + x, "absolute_sigma": absolute}
        ours, theirs = (m.curve_fit(f, x, y, **given) for m in (ms.optimize, scipy.optimize))
        for got, want in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda o: o.root(np.sin, 1.0, jack=1), "root does not know jack=: it takes fun, x0"),
        (lambda o: o.newton(np.sin, 1.0, full_output=True), "newton: full_output= is not"),
        (lambda o: o.minimize(np.sum, [1.0], constraints=[3]), "constraints are dicts, LinearCons"),
        (lambda o: o.brentq(np.sin), "brentq: missing a required argument: 'a'"),
    ],
)
def test_parameters_that_are_not_taken(call: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        call(ms.optimize)


def test_no_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="different signs"):
        ms.optimize.brentq(lambda x: x**2 + 1, 0.0, 1.0)
    with pytest.raises(RuntimeError, match="least_squares: SciPy found no minimum"):
        ms.optimize.least_squares(lambda x: np.exp(x) + x**3 - 7, [9.0], max_nfev=1)
    with pytest.raises(RuntimeError, match="minimize_scalar: SciPy found no minimum"):
        ms.optimize.minimize_scalar(lambda x: x**4, options={"maxiter": 1})


# --- integrals and differential equations --------------------------------------------------


def test_integrals() -> None:
    f = lambda x, k, s: np.exp(-k * x) * np.sin(s[0] * x) + s[1]
    got = lambda a, b, k, s: ms.integrate.quad(f, a, b, (k, s))[0]
    args = (0.2, 1.7, 0.8, np.array([2.0, 0.3]))
    assert got(*args) == pytest.approx(scipy.integrate.quad(f, 0.2, 1.7, args[2:])[0])
    check(got, *args)
    gauss = lambda k: ms.integrate.quad(lambda x, k: np.exp(-k * x**2), -np.inf, np.inf, (k,))[0]
    assert mg.grad(gauss)(2.0) == pytest.approx(-np.sqrt(np.pi) / 2 * 2**-1.5, rel=1e-9)
    third = mg.grad(mg.grad(mg.grad(gauss)))(2.0)
    assert third == pytest.approx(-np.sqrt(np.pi) * 15 / 8 * 2**-3.5, rel=1e-9)
    check(lambda a, b, k: ms.integrate.quad(lambda x, k: np.sin(k * x), a, b, (k,))[0],
          0.2, 1.7, 0.8, order=2)  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_integrals_of_samples_that_are_apart_as_they_like(n: int) -> None:
    y, x = rng.normal(size=n), np.cumsum(rng.uniform(0.5, 1.0, n))
    for name in ("simpson", "trapezoid", "cumulative_trapezoid"):
        expected = getattr(scipy.integrate, name)(y, x)
        got = np.asarray(getattr(ms.integrate, name)(mg.Tensor(y), x))
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("spaced", [False, True])
def test_integrals_of_samples(n: int, spaced: bool) -> None:
    y, x = rng.normal(size=(n, 2)), np.cumsum(rng.uniform(0.5, 1.0, n)) if spaced else None
    for name in ("simpson", "trapezoid"):
        expected = getattr(scipy.integrate, name)(y, x=x, axis=0)
        ours = getattr(ms.integrate, name)
        got = np.asarray(ours(mg.Tensor(y), x, axis=0))
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
        if n > 2 and spaced:
            check(lambda y, x, f=ours: f(y, x, axis=0), y, x, order=2)
    if n > 1:
        for initial in (None, 0):
            expected = scipy.integrate.cumulative_trapezoid(y, x, axis=0, initial=initial)
            got = ms.integrate.cumulative_trapezoid(mg.Tensor(y), x, axis=0, initial=initial).data
            np.testing.assert_allclose(got, expected, atol=1e-14)
    with pytest.raises(ValueError, match="initial must be 0 or None, not 1"):
        ms.integrate.cumulative_trapezoid(mg.Tensor(y), initial=1)


def lotka_volterra(y: Any, t: Any, p: Any) -> Any:
    return np.stack([p["a"] * y[0] - p["b"] * y[0] * y[1], p["c"] * y[0] * y[1] - p["d"] * y[1]])


def runge_kutta(y: Any, times: Any, p: Any, n: int = 400) -> Any:
    """The same solution by small steps that are differentiated themselves."""
    found = [y]
    for t0, t1 in pairwise(times):
        h = (t1 - t0) / n
        for _ in range(n):
            k1 = lotka_volterra(y, t0, p)
            k2 = lotka_volterra(y + h / 2 * k1, t0, p)
            k3 = lotka_volterra(y + h / 2 * k2, t0, p)
            k4 = lotka_volterra(y + h * k3, t0, p)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        found.append(y)
    return np.stack(found)


def test_differential_equations_by_the_adjoint() -> None:
    times, start = np.array([0.0, 0.7, 1.5]), np.array([1.0, 0.5])
    p = {"a": 1.1, "b": 0.4, "c": 0.3, "d": 0.6}
    weight = rng.normal(size=(3, 2))
    by_steps = mg.value_and_grad(
        lambda y, p: np.sum(weight * runge_kutta(y, times, p, 60)), argnums=(0, 1)
    )(start, p)
    solvers = [
        lambda y, p: ms.integrate.odeint(lotka_volterra, y, times, (p,), rtol=1e-10, atol=1e-10),
        lambda y, p: ms.integrate.solve_ivp(
            lambda t, y, p: lotka_volterra(y, t, p), (0.0, 1.5), y, t_eval=times, args=(p,),
            rtol=1e-10, atol=1e-10,
        ).y.T,
    ]  # fmt: skip
    for solve in solvers:
        value, (by_start, by_p) = mg.value_and_grad(
            lambda y, p, solve=solve: np.sum(weight * solve(y, p)), argnums=(0, 1)
        )(start, p)
        assert value == pytest.approx(by_steps[0], rel=1e-7)
        np.testing.assert_allclose(by_start, by_steps[1][0], rtol=1e-6)
        for key in p:
            assert by_p[key] == pytest.approx(by_steps[1][1][key], rel=1e-6)


@pytest.mark.parametrize("t", [[0.0, 1.0, 1.0, 2.0], [2.0, 1.0, 1.0], [0.5, 0.5], [0.5]])
def test_times_that_are_asked_for_twice(t: list[float]) -> None:
    """The truth is ``y0 exp(-k (t - t0))``; each time has a derivative of its own."""
    point, weight = (np.array([1.0, 2.0]), np.array(t), 0.7), rng.normal(size=(len(t), 2))

    def exact(y0: Any, t: Any, k: Any) -> Any:
        return y0 * np.exp(-k * (t - t[0]))[:, None]

    def solved(y0: Any, t: Any, k: Any) -> Any:
        return ms.integrate.odeint(lambda y, t, k: -k * y, y0, t, (k,))

    slopes = [
        mg.grad(lambda *v, f=f: np.sum(f(*v) * weight), (0, 1, 2))(*point) for f in (exact, solved)
    ]
    for want, got in zip(*slopes, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_a_solution_by_the_time_at_which_it_starts() -> None:
    def end(start: Any) -> Any:
        options = {"t_eval": np.array([0.0, 1.0]), "rtol": 1e-9, "atol": 1e-9}
        return ms.integrate.solve_ivp(lambda t, y: -y, (start, 1.0), [1.0], **options).y[0, -1]

    assert mg.grad(end)(0.0) == pytest.approx(np.exp(-1))


def test_differential_equations_that_cannot_be() -> None:
    for times in ([0.0, 2.0, 1.0], [np.nan, 1.0], [0.0, np.inf]):
        with pytest.raises(ValueError, match="odeint: the times must be finite, and rise or fall"):
            ms.integrate.odeint(lambda y, t: -y, [1.0], times)
    with pytest.raises(TypeError, match="odeint: the function must return real numbers, not"):
        ms.integrate.odeint(lambda y, t: 1j * y, [1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="t must be a vector of times, not"):
        ms.integrate.odeint(lambda y, t: y, [1.0], [])


def test_differential_equations_to_second_order_and_by_their_times() -> None:
    def end(k: Any, t: Any) -> Any:
        times = np.stack([0.0, 0.5 * t, t])
        solve = ms.integrate.odeint
        rows = solve(lambda y, t, k: k * y, [1.0], times, (k,), rtol=1e-10, atol=1e-10)
        return rows[-1, 0] + 2 * rows[1, 0]

    def exact(k: float, t: float) -> float:
        return np.exp(k * t) + 2 * np.exp(0.5 * k * t)

    assert mg.grad(end, 1)(1.2, 0.7) == pytest.approx(1.2 * exact(1.2, 0.7) - 1.2 * np.exp(0.42))
    second = mg.grad(mg.grad(end))(1.2, 0.7)
    assert second == pytest.approx(0.49 * (np.exp(0.84) + 0.5 * np.exp(0.42)), rel=1e-6)
    stop = lambda t: ms.integrate.solve_ivp(
        lambda s, y: -y, (0.0, t), [1.0], rtol=1e-9, atol=1e-9
    ).y[0, -1]
    assert mg.grad(stop)(1.0) == pytest.approx(-np.exp(-1), rel=1e-7)


def test_normal_distributions_of_less_dimensions() -> None:
    S = np.diag([1.0, 2.0, 0.0])
    x = np.array([0.3, -0.4, 0.0])
    stats = pytest.importorskip("scipy.stats")
    for name in ("pdf", "logpdf"):
        ours, theirs = (
            getattr(m.multivariate_normal, name)(x, np.zeros(3), S, allow_singular=True)
            for m in (ms.stats, stats)
        )
        assert ours == pytest.approx(theirs)
    inside = lambda v: ms.stats.multivariate_normal.logpdf(
        np.concatenate([v, [0.0]]), np.zeros(3), S, allow_singular=True
    )
    np.testing.assert_allclose(mg.grad(inside)(x[:2]), -x[:2] / [1.0, 2.0])
    off = ms.stats.multivariate_normal.logpdf(x + 1, np.zeros(3), S, allow_singular=True)
    assert off == -np.inf
    density = lambda v, S: ms.stats.multivariate_normal.logpdf(v, np.zeros(3), S, True)
    compiled, slope = mg.compile(density), mg.compile(mg.grad(density))
    for R in (S, np.eye(3), np.array([[2.0, 1, 0], [1, 2, 0], [0, 0, 0]]), S):  # of several ranks
        for v in (x, x + 1):
            want = stats.multivariate_normal.logpdf(v, np.zeros(3), R, allow_singular=True)
            assert compiled(v, R) == pytest.approx(want)
        np.testing.assert_allclose(slope(x, R), -np.linalg.pinv(R) @ x, atol=1e-12)
    C = np.array([[2.0, 0.3], [0.3, 1.0]])
    assert ms.stats.multivariate_normal.entropy(np.zeros(2), C) == pytest.approx(
        stats.multivariate_normal.entropy(np.zeros(2), C)
    )


def test_roots_and_exponentials_of_more_matrices() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a = np.array([[1.0, 2.0, 0.0], [2.0, -3.0, 1.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(ms.linalg.sqrtm(a), linalg.sqrtm(a))
    w = np.arange(9.0).reshape(3, 3)
    f = lambda a: np.sum(np.abs(ms.linalg.sqrtm(a)) ** 2 * w)
    assert mg.gradcheck(f, a, order=2)
    b = np.stack([a, 0.3 * a.T]) / 3
    np.testing.assert_allclose(ms.linalg.expm(b), linalg.expm(b))
    assert mg.gradcheck(lambda b: np.sum(ms.linalg.expm(b) * w), b, order=2)


# --- special functions that SciPy writes in Python -----------------------------------------


def test_special_functions() -> None:
    sp, x = scipy.special, np.array([0.4, 1.3, 2.6])
    for n in range(4):
        np.testing.assert_allclose(ms.special.polygamma(n, x), sp.polygamma(n, x), rtol=1e-12)
    check(lambda x: ms.special.polygamma(1, x), x, order=2)
    np.testing.assert_allclose(ms.special.multigammaln(x + 2, 3), sp.multigammaln(x + 2, 3))
    np.testing.assert_allclose(ms.special.lambertw(x), sp.lambertw(x).real, rtol=1e-14)
    check(ms.special.lambertw, x, order=2)
    w = np.array([0.5, 2.0, 1.0])
    np.testing.assert_allclose(ms.special.logsumexp(x, b=w), sp.logsumexp(x, b=w))
    check(lambda x, w: ms.special.logsumexp(x, b=w), x, w)
    for far in ([-1000.0, -2.0], [2.0, 900.0], [0.0, np.inf]):  # the other one weighs nothing
        assert ms.special.logsumexp(far, b=[1.0, 0.0]) == far[0]
    for signed in (w, -w, None):
        expected = sp.logsumexp(x, b=signed, return_sign=True)
        np.testing.assert_allclose(ms.special.logsumexp(x, b=signed, return_sign=True), expected)
    check(lambda x, w: ms.special.logsumexp(x, b=-w, return_sign=True)[0], x, w)
    m = rng.normal(size=(2, 3))
    for axis in (None, 0, 1):
        for name in ("softmax", "log_softmax", "logsumexp"):
            np.testing.assert_allclose(
                getattr(ms.special, name)(m, axis=axis), getattr(sp, name)(m, axis=axis), rtol=1e-12
            )
    assert ms.special.gammaln(m.ravel()[0]) == sp.gammaln(m.ravel()[0])


def test_matrices_that_are_constant_along_diagonals():
    c, r = np.array([1.0, 2.0, 3.0]), np.array([9.0, -1.0])
    np.testing.assert_array_equal(ms.linalg.toeplitz(mg.Tensor(c)).data, sl.toeplitz(c))
    np.testing.assert_array_equal(ms.linalg.toeplitz(c, mg.Tensor(r)).data, sl.toeplitz(c, r))


def test_permutations_of_lu_and_what_polar_refuses():
    a = np.random.default_rng(4).normal(size=(2, 4, 3)) * (1 + 1j)
    for ours, theirs in zip(ms.linalg.lu(mg.Tensor(a)), sl.lu(a), strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs)
        assert np.asarray(ours).dtype == theirs.dtype
    none = ms.linalg.lu(np.ones((0, 4, 3)))
    assert [m.shape for m in none] == [(0, 4, 4), (0, 4, 3), (0, 3, 3)]
    assert [m.shape for m in ms.linalg.lu_factor(np.ones((0, 4, 3)))] == [(0, 4, 3), (0, 3)]
    order, lower, upper = ms.linalg.lu(a, p_indices=True)
    np.testing.assert_allclose(np.take_along_axis(lower, order[..., None], -2) @ upper, a)
    with pytest.raises(ValueError, match="P on the right is singular; side='left'"):
        ms.linalg.polar(np.ones((2, 3)))
    with pytest.raises(ValueError, match="'right' or 'left', not 'up'"):
        ms.linalg.polar(np.eye(2), "up")


def test_all_singular_vectors_where_the_leading_ones_count():
    a = np.random.default_rng(4).normal(size=(4, 3))

    def f(a, **options):
        u, s, vh = np.linalg.svd(a, **options)
        return (u[:, :3] ** 3).sum() + s.sum() + (vh**3).sum()

    np.testing.assert_allclose(mg.grad(f)(a), mg.grad(lambda a: f(a, full_matrices=False))(a))
    with pytest.raises(ValueError, match="no derivative; use full_matrices=False"):
        mg.grad(lambda a: (np.linalg.svd(a).U ** 3).sum())(a)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4)])
def test_orders_of_rows_are_found_anew_in_programs_and_for_each_example(shape):
    rng = np.random.default_rng(2)
    matrices = rng.normal(size=(3, *shape))
    w = rng.normal(size=shape)

    def f(a):
        _, lower, upper = ms.linalg.lu(a)
        p, packed = ms.linalg.lu(a, permute_l=True)[0], ms.linalg.lu_factor(a)[0]
        return (lower**3).sum() + (upper**2).sum() + (p**3).sum() + (packed * w).sum()

    gradient = mg.grad(f)
    compiled = mg.compile(gradient)
    together = mg.vmap(gradient)(matrices)
    for a, each in zip(matrices, together):  # each with other exchanges
        np.testing.assert_allclose(compiled(a), gradient(a), rtol=1e-10)
        np.testing.assert_allclose(each, gradient(a), rtol=1e-10)
    if shape == (3, 3):
        solved = mg.compile(lambda a, b: ms.linalg.lu_solve(ms.linalg.lu_factor(a), b))
        for a in matrices:
            np.testing.assert_allclose(solved(a, w), np.linalg.solve(a, w), rtol=1e-10)


def test_complex_triangles_and_diagonals() -> None:
    c = rng.normal(size=4) + 1j * rng.normal(size=4)
    np.testing.assert_array_equal(ms.linalg.toeplitz(c), scipy.linalg.toeplitz(c))
    A, c = np.tri(2) * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=2)) + 3 * np.eye(2), c[:2]
    for trans in (0, 1, 2, "C"):
        want = scipy.linalg.solve_triangular(A, c, trans, lower=True)
        got = ms.linalg.solve_triangular(A, c, trans, lower=True)
        np.testing.assert_allclose(got, want)
        f = lambda A, c, t=trans: np.abs(ms.linalg.solve_triangular(A, c, t, lower=True)).sum()
        assert mg.gradcheck(f, A, c)
    with pytest.raises(ValueError, match="'N', 'T' or 'C', not 3"):
        ms.linalg.solve_triangular(A, c, 3)


METHODS = "L-BFGS-B TNC SLSQP Powell Nelder-Mead trust-constr COBYLA COBYQA".split()


@pytest.mark.parametrize("method", METHODS)
def test_minima_stay_within_their_bounds_by_every_method(method: str) -> None:
    ends = [(0.0, 4.0), (0.5, 2.0), (-9.0, 9.0)]

    def f(x: Any, c: Any) -> Any:
        off = (x[0] + c) ** 2 + (x[1] + 5.0) ** 2 + (x[2] - c * x[1]) ** 2
        return off + 0.1 * (x[0] - 1.0) * (x[1] - 2.0)

    start = np.array([1.0, 1.0, 1.0])
    theirs = scipy.optimize.minimize(f, start, (3.0,), method=method, bounds=ends).x
    ours = lambda c: ms.optimize.minimize(f, start, (c,), method=method, bounds=ends).x
    assert np.abs(ours(3.0) - theirs).max() < 2e-3
    assert np.abs(mg.jacobian(ours)(3.0) - [0.0, 0.0, 0.5]).max() < 1e-3


@pytest.mark.parametrize("xatol", [1e-5, 1e-2, 1e-1])
def test_a_minimum_short_of_its_bound_stays_there(xatol: float) -> None:
    f = lambda x, c: (x + c) ** 2
    call = {"bounds": (0.0, 1.0), "options": {"xatol": xatol}}
    ours = lambda c: ms.optimize.minimize_scalar(f, args=(c,), **call).x
    assert ours(5.0) == scipy.optimize.minimize_scalar(f, args=(5.0,), **call).x
    assert mg.grad(ours)(5.0) == 0


def line(x: Any, a: Any, b: Any) -> Any:
    return a * x + b


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("kind", ["none", "one", "each", "diagonal", "covariance"])
def test_fits_by_deviations_and_by_covariances(kind: str, absolute: bool) -> None:
    x = np.linspace(0.0, 1.0, 6)
    y = 1 + 2 * x + 0.1 * np.cos(9 * x)
    each = 0.5 + x**2
    sigma = {
        "none": None,
        "one": 0.3,
        "each": each,
        "diagonal": np.diag(each),
        "covariance": np.diag(each) + 0.1,
    }[kind]
    fit = lambda y: ms.optimize.curve_fit(line, x, y, sigma=sigma, absolute_sigma=absolute)
    theirs = scipy.optimize.curve_fit(line, x, y, sigma=sigma, absolute_sigma=absolute)
    for a, b in zip(fit(y), theirs, strict=True):
        assert np.allclose(a, b, rtol=1e-6)
    if not absolute:
        check(lambda y: fit(y)[0], y)
    if kind == "covariance" and not absolute:
        spread = lambda c: np.diag(each) + 0.1 * c
        check(lambda c: ms.optimize.curve_fit(line, x, y, sigma=spread(c))[0], 1.0)


def test_fits_start_between_bounds_and_refuse_what_does_not_fit() -> None:
    x = np.linspace(0.0, 1.0, 6)
    y = 1 + 2 * x + 0.1 * np.cos(9 * x)
    inf = np.inf
    for ends in (([2.5, 0.2], [3.0, 0.6]), ([1.5, -inf], [inf, -0.5]), (-9.0, inf)):
        ours = ms.optimize.curve_fit(line, x, y, bounds=ends)
        for a, b in zip(ours, scipy.optimize.curve_fit(line, x, y, bounds=ends), strict=True):
            assert np.allclose(a, b, rtol=1e-5)
    assert np.all(np.isposinf(ms.optimize.curve_fit(line, x[:2], y[:2])[1]))
    with pytest.raises(ValueError, match="how many parameters it has; pass p0"):
        ms.optimize.curve_fit(lambda x, *p: p[0] * x, x, y)
    with pytest.raises(ValueError, match=r"sigma must have shape \(6,\), or \(6, 6\)"):
        ms.optimize.curve_fit(line, x, y, sigma=np.ones(5))


def test_newtons_root_is_scipys_where_secants_are_asked_for() -> None:
    f = lambda x, c: np.cos(x) - c
    theirs = scipy.optimize.newton(f, 0.3, args=(0.5,), x1=7.0)
    ours = lambda c: ms.optimize.newton(f, 0.3, args=(c,), x1=7.0)
    assert np.isclose(ours(0.5), theirs)
    assert np.isclose(mg.grad(ours)(0.5), -1 / np.sin(theirs))
    curved = {"fprime": lambda x, c: -np.sin(x), "fprime2": lambda x, c: -np.cos(x)}
    theirs = scipy.optimize.newton(f, 0.3, args=(0.5,), **curved)
    assert np.isclose(ms.optimize.newton(f, 0.3, args=(0.5,), **curved), theirs)


FORMATS = "csr csc coo bsr dia dok lil".split()


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("form", FORMATS)
def test_products_with_every_sparse_format(form: str, kind: str) -> None:
    dense = np.array([[1.0, 0.0, -2.0], [0.0, 3.0, 0.5]])
    for dtype in (float, np.float32, int, complex, bool):
        S = getattr(scipy.sparse, f"{form}_{kind}")(dense.astype(dtype))
        for shape in ((3,), (3, 2)):
            x = rng.normal(size=shape)
            for times, at in ((lambda x, S=S: S @ x, x), (lambda x, S=S: x @ S.T, x.T)):
                for given in (at, at.astype(np.float32), at + 1j * at):
                    ours, theirs = times(mg.Tensor(given)), times(given)
                    assert ours.dtype == theirs.dtype
                    assert np.allclose(ours.data, theirs, rtol=1e-6)
                check(lambda x, times=times: np.real(times(x)), at)


def test_correlations_of_truths_are_scipys() -> None:
    a, b = np.array([True, False, True]), np.array([True, True])
    ours = ms.signal.correlate(mg.Tensor(a), b).data
    theirs = scipy.signal.correlate(a, b)
    assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    y = np.ones(3, np.float32)
    assert ms.integrate.cumulative_trapezoid(mg.Tensor(y), initial=0).dtype == np.float32


@pytest.mark.parametrize(
    "answer",
    [
        lambda c: ms.integrate.quad(lambda x: x * c, 0, 1)[0],
        lambda c: ms.integrate.odeint(lambda y, t: -y * c, [1.0], [0, 1])[-1, 0],
        lambda c: ms.integrate.solve_ivp(lambda t, y: -y * c, (0, 1), [1.0]).y[0, -1],
    ],
)
def test_a_captured_tensor_is_refused_not_held_constant(answer: Any) -> None:
    with pytest.raises(TypeError, match="not among its arguments; pass it in args"):
        mg.grad(answer)(1.0)
    assert np.ndim(answer(1.0)) == 0


CONSTRAINTS: list[tuple[Any, dict[str, Any]]] = [
    ({"type": "eq", "fun": lambda x: np.sum(x) - 1}, {}),
    ([{"type": "ineq", "fun": lambda x: 1 - np.sum(x**2)}], {}),
    (
        [
            {"type": "ineq", "fun": lambda x: 1 - np.sum(x**2)},
            {"type": "eq", "fun": lambda x, a: x[0] - a * x[1], "args": (0.5,)},
        ],
        {},
    ),
    (scipy.optimize.LinearConstraint(np.ones((1, 3)), -np.inf, 1.0), {}),
    (
        scipy.optimize.NonlinearConstraint(lambda x: x[0] * x[1], 0, 0.3),
        {"bounds": [(0, 1)] * 3, "method": "SLSQP"},
    ),
    ({"type": "ineq", "fun": lambda x: 100 - np.sum(x)}, {}),
]


@pytest.mark.parametrize(("constraints", "more"), CONSTRAINTS)
def test_minima_under_constraints(constraints: Any, more: Any) -> None:
    fun, c = lambda x, c: np.sum((x - c) ** 4 + (x - c) ** 2), np.array([1.0, 2.0, 0.5])

    def least(c: Any) -> Any:
        more["tol"] = 1e-12
        return ms.optimize.minimize(fun, np.full(3, 0.3), (c,), constraints=constraints, **more).x

    plain = scipy.optimize.minimize(
        lambda x: fun(x, c), np.full(3, 0.3), constraints=constraints, **more
    )
    np.testing.assert_allclose(least(c), plain.x, atol=1e-3)
    steps = [(least(c + 1e-5 * e) - least(c - 1e-5 * e)) / 2e-5 for e in np.eye(3)]
    np.testing.assert_allclose(mg.jacobian(least)(c), np.stack(steps, 1), atol=1e-7)


def test_minima_by_what_a_constraint_asks_for() -> None:
    def first(total: Any) -> Any:
        limit = {"type": "eq", "fun": lambda x: np.sum(x) - total}
        return ms.optimize.minimize(lambda x: np.sum(x**2), np.ones(3), constraints=limit).x[0]

    assert mg.grad(first)(2.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize("nu", [0, 1, 2, 3])
@pytest.mark.parametrize("columns", [(), (2,)])
def test_derivatives_of_cubic_splines(nu: int, columns: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x, y, at = np.array([0.0, 0.7, 1.5, 2.1, 3.0]), rng.normal(size=(5, *columns)), [0.2, 1.1, 2.9]
    at = np.array(at)
    theirs = scipy.interpolate.CubicSpline(x, y)
    ours = ms.interpolate.CubicSpline(x, mg.Tensor(y, requires_grad=True))
    np.testing.assert_allclose(ours(at, nu).data, theirs(at, nu), rtol=1e-10, atol=1e-12)
    if nu < 3:
        slope = mg.grad(lambda at: ms.interpolate.CubicSpline(x, y)(at, nu).sum())(at)
        expected = theirs(at, nu + 1).reshape(3, -1).sum(axis=1)
        np.testing.assert_allclose(slope, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("by", [0.5, [0.5, -1.25], -2.0])
def test_images_are_shifted_as_by_scipy(by: Any) -> None:
    x = np.random.default_rng(4).normal(size=(4, 5))
    for order in (1, 3):
        found = ms.ndimage.shift(mg.Tensor(x, requires_grad=True), by, order=order)
        expected = scipy.ndimage.shift(x, by, order=order)
        np.testing.assert_allclose(found.data, expected, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="shift: one number or 2, not"):
        ms.ndimage.shift(mg.Tensor(x, requires_grad=True), [1.0, 2.0, 3.0])


def test_splines_of_few_and_more_points() -> None:
    x, y, at = np.array([0.0, 0.4, 1.5, 1.7, 3.1]), rng.normal(size=(5, 2)), np.linspace(-0.5, 4, 9)
    for n in range(2, 6):
        for ends in ("not-a-knot", "natural", "clamped"):
            theirs = scipy.interpolate.CubicSpline(x[:n], y[:n], bc_type=ends)
            ours = ms.interpolate.CubicSpline(x[:n], mg.Tensor(y[:n]), bc_type=ends)
            np.testing.assert_allclose(ours(at).data, theirs(at), atol=1e-10)


@pytest.mark.parametrize("side", ["left", "right"])
def test_polar_rule_of_both_parts(side: str) -> None:
    weights = rng.normal(size=(2, 3, 3))
    total = lambda a: sum(np.sum(w * part) for w, part in zip(weights, L.polar(a, side)))
    assert mg.gradcheck(total, A)
    if np.lib.NumpyVersion(scipy.__version__) >= "1.16.0":  # which takes matrices by the batch
        assert mg.gradcheck(total, np.stack([A, A + np.eye(3)]))
