"""Distributions: the logarithm of the density, and the distribution function, as formulas.

Each distribution is an object with SciPy's methods ``logpdf`` (or ``logpmf``), ``pdf`` (or
``pmf``), ``cdf``, ``logcdf``, ``sf`` and ``logsf`` where the mirror has them, all of
``(x, *shapes, loc=0, scale=1)``, and differentiable by everything that has a derivative.
Outside of the support a density is 0, and so is its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp

from minigrad.ops.shape import arrayed

__all__ = [
    "bernoulli",
    "beta",
    "binom",
    "cauchy",
    "chi",
    "chi2",
    "dirichlet",
    "expon",
    "f",
    "fisk",
    "gamma",
    "gennorm",
    "geom",
    "gumbel_l",
    "gumbel_r",
    "halfcauchy",
    "halfnorm",
    "invgamma",
    "invgauss",
    "laplace",
    "logistic",
    "lognorm",
    "multivariate_normal",
    "multivariate_t",
    "nbinom",
    "norm",
    "pareto",
    "poisson",
    "rayleigh",
    "skewnorm",
    "t",
    "uniform",
    "vonmises",
    "weibull_min",
]


def __dir__() -> list[str]:
    return __all__


LOG_2PI = math.log(2 * math.pi)


def within(inside: Any, x: Any, safe: float) -> Any:
    """``x`` where it is in the support, ``safe`` elsewhere, so that no formula fails there."""
    return np.where(inside, x, safe)


class Continuous:
    """A distribution on the line, moved by ``loc`` and stretched by ``scale``.

    Parameters
    ----------
    name : str
    shapes : str
        Names of its shape parameters, in SciPy's order.
    logpdf : callable
        ``logpdf(x, *shapes)`` of the standard form, inside of the support.
    support : callable, optional
        ``support(x, *shapes)``: whether x is in the support; by default everywhere.
    safe : float
        A point of the support.
    cdf, sf, logcdf, logsf : callable, optional
        Of ``(x, *shapes)``, standard form, inside of the support.
    """

    name: str
    shapes: tuple[str, ...]

    def __init__(
        self,
        name: str,
        shapes: str,
        logpdf: Callable[..., Any],
        *,
        support: Callable[..., Any] | None = None,
        safe: float = 0.5,
        cdf: Callable[..., Any] | None = None,
        sf: Callable[..., Any] | None = None,
        logcdf: Callable[..., Any] | None = None,
        logsf: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.shapes = name, tuple(shapes.split())
        self._logpdf, self._support, self._safe = logpdf, support, safe
        self._cdf, self._sf, self._logcdf, self._logsf = cdf, sf, logcdf, logsf
        words = ", ".join(["x", *self.shapes, "loc=0", "scale=1"])
        self.__doc__ = f"The {name} distribution: functions of ({words}), as `scipy.stats.{name}`."

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _standard(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, list[Any], Any]:
        """X in standard form, the shapes, and the scale."""
        names = ("x", *self.shapes, "loc", "scale")
        if len(args) > len(names):
            raise TypeError(
                f"{self.name} takes {', '.join(names)}: {len(names)} arguments at most, "
                f"got {len(args)}"
            )
        given = dict(zip(names, args, strict=False))
        for key, value in kwargs.items():
            if key not in names or key in given:
                problem = "is given twice" if key in given else "is no parameter"
                raise TypeError(f"{self.name}: {key} {problem}; it has {', '.join(names)}")
            given[key] = value
        missing = [n for n in ("x", *self.shapes) if n not in given]
        if missing:
            raise TypeError(f"{self.name}: {', '.join(missing)} missing; it has {', '.join(names)}")
        loc, scale = arrayed(given.get("loc", 0.0)), arrayed(given.get("scale", 1.0))
        x = (arrayed(given["x"]) - loc) / scale
        return x, [arrayed(given[n]) for n in self.shapes], scale

    def _inside(self, x: Any, shapes: list[Any]) -> Any:
        return True if self._support is None else self._support(x, *shapes)

    def logpdf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        x, shapes, scale = self._standard(args, kwargs)
        if self._support is None:
            return self._logpdf(x, *shapes) - np.log(scale)
        inside = self._support(x, *shapes)
        value = self._logpdf(within(inside, x, self._safe), *shapes) - np.log(scale)
        return np.where(inside, value, -math.inf)

    def pdf(self, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        x, shapes, scale = self._standard(args, kwargs)
        if self._support is None:
            return np.exp(self._logpdf(x, *shapes)) / scale
        inside = self._support(x, *shapes)
        value = np.exp(self._logpdf(within(inside, x, self._safe), *shapes)) / scale
        return np.where(inside, value, 0.0)

    def _have(self, what: str, function: Callable[..., Any] | None) -> Callable[..., Any]:
        if function is None:
            raise TypeError(f"{self.name}.{what} is not in the mirror: there is no formula for it")
        return function

    def _below(
        self, function: Callable[..., Any], left: float, right: float, args: Any, kwargs: Any
    ) -> Any:
        """A function that is ``left`` in front of the support, and ``right`` behind it."""
        x, shapes, _ = self._standard(args, kwargs)
        if self._support is None:
            return function(x, *shapes)
        inside = self._support(x, *shapes)
        value = function(within(inside, x, self._safe), *shapes)
        return np.where(inside, value, np.where(x < self._safe, left, right))

    def cdf(self, *args: Any, **kwargs: Any) -> Any:
        """The probability of at most x."""
        return self._below(self._have("cdf", self._cdf), 0.0, 1.0, args, kwargs)

    def sf(self, *args: Any, **kwargs: Any) -> Any:
        """The probability of more than x."""
        cdf = self._have("sf", self._cdf)
        function = self._sf or (lambda *a: 1 - cdf(*a))
        return self._below(function, 1.0, 0.0, args, kwargs)

    def logcdf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `cdf`."""
        cdf = self._have("logcdf", self._cdf)
        function = self._logcdf or (lambda *a: np.log(cdf(*a)))
        return self._below(function, -math.inf, 0.0, args, kwargs)

    def logsf(self, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of `sf`."""
        cdf = self._have("logsf", self._cdf)
        survival = self._sf or (lambda *a: 1 - cdf(*a))
        function = self._logsf or (lambda *a: np.log(survival(*a)))
        return self._below(function, 0.0, -math.inf, args, kwargs)


class Discrete:
    """A distribution on whole numbers, moved by ``loc``.

    Parameters
    ----------
    name, shapes : str
    logpmf : callable
        ``logpmf(k, *shapes)`` inside of the support.
    support : callable
        ``support(k, *shapes)``.
    cdf : callable, optional
        ``cdf(k, *shapes)`` for k in the support.
    """

    name: str
    shapes: tuple[str, ...]

    def __init__(
        self,
        name: str,
        shapes: str,
        logpmf: Callable[..., Any],
        support: Callable[..., Any],
        cdf: Callable[..., Any] | None = None,
        safe: float = 1.0,
    ) -> None:
        self.name, self._logpmf, self._support, self._cdf = name, logpmf, support, cdf
        self._safe, self.shapes = safe, tuple(shapes.split())
        words = ", ".join(["k", *self.shapes, "loc=0"])
        self.__doc__ = f"The {name} distribution: functions of ({words}), as `scipy.stats.{name}`."

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def _standard(self, k: Any, shapes: tuple[Any, ...], loc: Any) -> tuple[Any, list[Any]]:
        if len(shapes) != len(self.shapes):
            raise TypeError(
                f"{self.name} takes k, {', '.join(self.shapes)}; got {len(shapes)} shapes"
            )
        return arrayed(k) - arrayed(loc), [arrayed(s) for s in shapes]

    def logpmf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of k."""
        k, found = self._standard(k, shapes, loc)
        inside = np.logical_and(np.equal(np.floor(k), k), self._support(k, *found))
        return np.where(inside, self._logpmf(within(inside, k, self._safe), *found), -math.inf)

    def pmf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The probability of k."""
        k, found = self._standard(k, shapes, loc)
        inside = np.logical_and(np.equal(np.floor(k), k), self._support(k, *found))
        return np.where(inside, np.exp(self._logpmf(within(inside, k, self._safe), *found)), 0.0)

    def cdf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The probability of at most k."""
        if self._cdf is None:
            raise TypeError(f"{self.name}.cdf is not in the mirror: there is no formula for it")
        k, found = self._standard(k, shapes, loc)
        k = np.floor(k)
        inside = self._support(k, *found)
        value = self._cdf(within(inside, k, self._safe), *found)
        return np.where(inside, value, np.where(k < self._safe, 0.0, 1.0))

    def logcdf(self, k: Any, *shapes: Any, loc: Any = 0) -> Any:
        """The logarithm of `cdf`."""
        return np.log(self.cdf(k, *shapes, loc=loc))


def positive(x: Any, *shapes: Any) -> Any:
    return x > 0


def unit(x: Any, *shapes: Any) -> Any:
    return np.logical_and(x > 0, x < 1)


def softplus(x: Any) -> Any:
    return np.logaddexp(x, 0.0)


# --- on the line -------------------------------------------------------------------------

norm: Continuous = Continuous(
    "norm",
    "",
    lambda x: -(x**2) / 2 - LOG_2PI / 2,
    cdf=lambda x: sp.ndtr(x),
    sf=lambda x: sp.ndtr(-x),
    logcdf=lambda x: sp.log_ndtr(x),
    logsf=lambda x: sp.log_ndtr(-x),
)
cauchy: Continuous = Continuous(
    "cauchy",
    "",
    lambda x: -math.log(math.pi) - np.log1p(x**2),
    cdf=lambda x: 0.5 + np.arctan(x) / math.pi,
    sf=lambda x: 0.5 - np.arctan(x) / math.pi,
)
laplace: Continuous = Continuous(
    "laplace",
    "",
    lambda x: -np.abs(x) - math.log(2),
    cdf=lambda x: np.where(x > 0, 1 - np.exp(-np.maximum(x, 0)) / 2, np.exp(np.minimum(x, 0)) / 2),
    sf=lambda x: np.where(x > 0, np.exp(-np.maximum(x, 0)) / 2, 1 - np.exp(np.minimum(x, 0)) / 2),
)
logistic: Continuous = Continuous(
    "logistic",
    "",
    lambda x: -np.abs(x) - 2 * softplus(-np.abs(x)),
    cdf=lambda x: sp.expit(x),
    sf=lambda x: sp.expit(-x),
    logcdf=lambda x: sp.log_expit(x),
    logsf=lambda x: sp.log_expit(-x),
)
gumbel_r: Continuous = Continuous(
    "gumbel_r",
    "",
    lambda x: -x - np.exp(-x),
    cdf=lambda x: np.exp(-np.exp(-x)),
    logcdf=lambda x: -np.exp(-x),
    sf=lambda x: -np.expm1(-np.exp(-x)),
)
gumbel_l: Continuous = Continuous(
    "gumbel_l",
    "",
    lambda x: x - np.exp(x),
    cdf=lambda x: -np.expm1(-np.exp(x)),
    sf=lambda x: np.exp(-np.exp(x)),
    logsf=lambda x: -np.exp(x),
)
t: Continuous = Continuous(
    "t",
    "df",
    lambda x, df: (
        sp.gammaln((df + 1) / 2)
        - sp.gammaln(df / 2)
        - np.log(df * math.pi) / 2
        - (df + 1) / 2 * np.log1p(x**2 / df)
    ),
    cdf=lambda x, df: sp.stdtr(df, x),
    sf=lambda x, df: sp.stdtr(df, -x),
)
gennorm: Continuous = Continuous(
    "gennorm",
    "beta",
    lambda x, beta: np.log(beta / 2) - sp.gammaln(1 / beta) - np.abs(x) ** beta,
)
skewnorm: Continuous = Continuous(
    "skewnorm",
    "a",
    lambda x, a: math.log(2) - x**2 / 2 - LOG_2PI / 2 + sp.log_ndtr(a * x),
    cdf=lambda x, a: sp.ndtr(x) - 2 * sp.owens_t(x, a),
)


# --- on the half-line --------------------------------------------------------------------

expon: Continuous = Continuous(
    "expon",
    "",
    lambda x: -x,
    support=lambda x: x >= 0,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    logsf=lambda x: -x,
)
gamma: Continuous = Continuous(
    "gamma",
    "a",
    lambda x, a: (a - 1) * np.log(x) - x - sp.gammaln(a),
    support=positive,
    cdf=lambda x, a: sp.gammainc(a, x),
    sf=lambda x, a: sp.gammaincc(a, x),
)
invgamma: Continuous = Continuous(
    "invgamma",
    "a",
    lambda x, a: -(a + 1) * np.log(x) - 1 / x - sp.gammaln(a),
    support=positive,
    cdf=lambda x, a: sp.gammaincc(a, 1 / x),
    sf=lambda x, a: sp.gammainc(a, 1 / x),
)
chi2: Continuous = Continuous(
    "chi2",
    "df",
    lambda x, df: (df / 2 - 1) * np.log(x) - x / 2 - df / 2 * math.log(2) - sp.gammaln(df / 2),
    support=positive,
    cdf=lambda x, df: sp.chdtr(df, x),
    sf=lambda x, df: sp.chdtrc(df, x),
)
chi: Continuous = Continuous(
    "chi",
    "df",
    lambda x, df: (1 - df / 2) * math.log(2) + (df - 1) * np.log(x) - x**2 / 2 - sp.gammaln(df / 2),
    support=positive,
    cdf=lambda x, df: sp.gammainc(df / 2, x**2 / 2),
    sf=lambda x, df: sp.gammaincc(df / 2, x**2 / 2),
)
f: Continuous = Continuous(
    "f",
    "dfn dfd",
    lambda x, n, m: (
        m / 2 * np.log(m)
        + n / 2 * np.log(n)
        + (n / 2 - 1) * np.log(x)
        - (n + m) / 2 * np.log(m + n * x)
        - sp.betaln(n / 2, m / 2)
    ),
    support=positive,
    cdf=lambda x, n, m: sp.fdtr(n, m, x),
    sf=lambda x, n, m: sp.fdtrc(n, m, x),
)
lognorm: Continuous = Continuous(
    "lognorm",
    "s",
    lambda x, s: -(np.log(x) ** 2) / (2 * s**2) - np.log(s * x) - LOG_2PI / 2,
    support=positive,
    cdf=lambda x, s: sp.ndtr(np.log(x) / s),
    sf=lambda x, s: sp.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: sp.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: sp.log_ndtr(-np.log(x) / s),
)
halfnorm: Continuous = Continuous(
    "halfnorm",
    "",
    lambda x: math.log(2 / math.pi) / 2 - x**2 / 2,
    support=lambda x: x >= 0,
    cdf=lambda x: sp.erf(x / math.sqrt(2)),
    sf=lambda x: sp.erfc(x / math.sqrt(2)),
)
halfcauchy: Continuous = Continuous(
    "halfcauchy",
    "",
    lambda x: math.log(2 / math.pi) - np.log1p(x**2),
    support=lambda x: x >= 0,
    cdf=lambda x: 2 / math.pi * np.arctan(x),
)
weibull_min: Continuous = Continuous(
    "weibull_min",
    "c",
    lambda x, c: np.log(c) + (c - 1) * np.log(x) - x**c,
    support=positive,
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c),
)
rayleigh: Continuous = Continuous(
    "rayleigh",
    "",
    lambda x: np.log(x) - x**2 / 2,
    support=positive,
    cdf=lambda x: -np.expm1(-(x**2) / 2),
    sf=lambda x: np.exp(-(x**2) / 2),
    logsf=lambda x: -(x**2) / 2,
)
pareto: Continuous = Continuous(
    "pareto",
    "b",
    lambda x, b: np.log(b) - (b + 1) * np.log(x),
    support=lambda x, b: x >= 1,
    safe=2.0,
    cdf=lambda x, b: 1 - x**-b,
    sf=lambda x, b: x**-b,
    logsf=lambda x, b: -b * np.log(x),
)
fisk: Continuous = Continuous(
    "fisk",
    "c",
    lambda x, c: np.log(c) + (c - 1) * np.log(x) - 2 * softplus(c * np.log(x)),
    support=positive,
    cdf=lambda x, c: sp.expit(c * np.log(x)),
    sf=lambda x, c: sp.expit(-c * np.log(x)),
)
invgauss: Continuous = Continuous(
    "invgauss",
    "mu",
    lambda x, mu: -LOG_2PI / 2 - 1.5 * np.log(x) - ((x - mu) / mu) ** 2 / (2 * x),
    support=positive,
)


# --- on an interval ----------------------------------------------------------------------

uniform: Continuous = Continuous(
    "uniform",
    "",
    lambda x: 0.0 * x,
    support=lambda x: np.logical_and(x >= 0, x <= 1),
    cdf=lambda x: x,
    sf=lambda x: 1 - x,
)
beta: Continuous = Continuous(
    "beta",
    "a b",
    lambda x, a, b: sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b),
    support=unit,
    cdf=lambda x, a, b: sp.betainc(a, b, x),
    sf=lambda x, a, b: sp.betaincc(a, b, x),
)
vonmises: Continuous = Continuous(
    "vonmises",
    "kappa",
    lambda x, kappa: kappa * (np.cos(x) - 1) - math.log(2 * math.pi) - np.log(sp.i0e(kappa)),
)


# --- on whole numbers --------------------------------------------------------------------

bernoulli: Discrete = Discrete(
    "bernoulli",
    "p",
    lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
    lambda k, p: np.logical_and(k >= 0, k <= 1),
    lambda k, p: np.where(k < 1, 1 - p, 1.0),
)
binom: Discrete = Discrete(
    "binom",
    "n p",
    lambda k, n, p: (
        sp.gammaln(n + 1.0)
        - sp.gammaln(k + 1.0)
        - sp.gammaln(n - k + 1.0)
        + sp.xlogy(k, p)
        + sp.xlog1py(n - k, -p)
    ),
    lambda k, n, p: np.logical_and(k >= 0, k <= n),
    lambda k, n, p: sp.betaincc(k + 1.0, np.maximum(n - k, 1e-300), p) * 1.0,
    safe=0.0,
)
poisson: Discrete = Discrete(
    "poisson",
    "mu",
    lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1.0) - mu,
    lambda k, mu: k >= 0,
    lambda k, mu: sp.gammaincc(k + 1.0, mu),
)
geom: Discrete = Discrete(
    "geom",
    "p",
    lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
    lambda k, p: k >= 1,
    lambda k, p: -np.expm1(k * np.log1p(-p)),
)
nbinom: Discrete = Discrete(
    "nbinom",
    "n p",
    lambda k, n, p: (
        sp.gammaln(n + k)
        - sp.gammaln(k + 1.0)
        - sp.gammaln(n * 1.0)
        + n * np.log(p)
        + sp.xlog1py(k, -p)
    ),
    lambda k, n, p: k >= 0,
    lambda k, n, p: sp.betainc(n * 1.0, k + 1.0, p),
)


# --- of several numbers ------------------------------------------------------------------


class multivariate_normal:
    """The normal distribution of vectors, as `scipy.stats.multivariate_normal`.

    Examples
    --------
    >>> import numpy as np
    >>> print(f"{float(multivariate_normal.logpdf([0.0, 0.0], [0.0, 0.0], np.eye(2))):.4f}")
    -1.8379
    """

    @staticmethod
    def logpdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """``−½ (δᵀ Σ⁻¹ δ + log det Σ + n log 2π)`` with ``δ = x − mean``.

        Parameters
        ----------
        x : (..., n)
        mean : (n,) or number
        cov : (n, n), (n,) for a diagonal, or number
        allow_singular : bool
            Of a singular covariance the density in the subspace that has one; −inf outside.
        """
        x, mean = arrayed(x), arrayed(mean)
        if allow_singular:
            n = np.shape(x)[-1] if np.ndim(x) else 1
            d = np.reshape(x - mean, (-1, n))
            scale, squares, outside = singular(covariance(cov, n), d)
            value = np.where(outside, -np.inf, -(squares + scale) / 2)
        else:
            squares, log_det, n = standardised(x, mean, cov)
            value = -(squares + log_det + n * LOG_2PI) / 2
        return np.reshape(value, np.shape(x)[:-1])

    @staticmethod
    def pdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The density."""
        return np.exp(multivariate_normal.logpdf(x, mean, cov, allow_singular))

    @staticmethod
    def entropy(mean: Any = None, cov: Any = 1.0) -> Any:
        """``½ log det(2πe Σ)``, wherever the mean is."""
        n = 1 if mean is None else np.size(mean)
        cov = covariance(cov, np.shape(cov)[-1] if np.ndim(cov) else n)
        log_det = np.linalg.slogdet(cov)[1]
        return 0.5 * (log_det + np.shape(cov)[-1] * (1 + LOG_2PI))


class multivariate_t:
    """Student's distribution of vectors, as `scipy.stats.multivariate_t`.

    Far from its centre it is denser than the normal distribution, the more so the fewer its
    degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> x, centre = [3.0, 0.0], [0.0, 0.0]
    >>> for df in (1, 10, 1000):
    ...     print(f"{float(multivariate_t.logpdf(x, centre, np.eye(2), df)):.3f}")
    -5.292
    -5.689
    -6.327
    >>> print(f"{float(multivariate_normal.logpdf(x, centre, np.eye(2))):.3f}")
    -6.338
    """

    @staticmethod
    def logpdf(x: Any, loc: Any = 0.0, shape: Any = 1.0, df: Any = 1.0) -> Any:
        """``log Γ(h)/(Γ(ν/2) √det(νπ Σ)) − h log(1 + δᵀ Σ⁻¹ δ/ν)``, h = (ν + n)/2, δ = x − μ.

        Parameters
        ----------
        x : (..., n)
        loc : (n,) or number
        shape : (n, n), (n,) for a diagonal, or number
        df : number
            ν, the degrees of freedom.

        Returns
        -------
        (...)
            A number for each vector; differentiable by all four arguments.

        Raises
        ------
        numpy.linalg.LinAlgError
            For a ``shape`` that is not positive definite.
        """
        x, df = arrayed(x), arrayed(df)
        squares, log_det, n = standardised(x, loc, shape)
        half = (df + n) / 2
        constant = sp.gammaln(half) - sp.gammaln(df / 2) - (n * np.log(df * math.pi) + log_det) / 2
        return np.reshape(constant - half * np.log1p(squares / df), np.shape(x)[:-1])

    @staticmethod
    def pdf(x: Any, loc: Any = 0.0, shape: Any = 1.0, df: Any = 1.0) -> Any:
        """The density, of the arguments of `logpdf`."""
        return np.exp(multivariate_t.logpdf(x, loc, shape, df))


def standardised(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, int]:
    """``δᵀ Σ⁻¹ δ`` of every δ = x − mean, ``log det Σ``, and the number of coordinates."""
    n = np.shape(x)[-1] if np.ndim(x) else 1
    root = np.linalg.cholesky(covariance(cov, n))
    z = np.linalg.solve(root, np.reshape(x - arrayed(mean), (-1, n)).T)
    return np.sum(z * z, axis=0), 2 * np.sum(np.log(np.diagonal(root))), n


def covariance(cov: Any, n: int) -> Any:
    """A covariance as a matrix, of which a number or a vector is the diagonal."""
    cov = arrayed(cov)
    return cov if np.ndim(cov) == 2 else np.eye(n) * cov


def singular(cov: Any, d: Any) -> tuple[Any, Any, Any]:
    """Log of the pseudo-determinant with 2π, squared distances, and what is outside the space."""
    w, v = np.linalg.eigh(cov)
    share = 1e6 * np.finfo(float).eps
    kept = w > share * np.max(np.abs(w))
    inverse = np.linalg.pinv(cov, rtol=share, hermitian=True)
    scale = np.sum(np.where(kept, np.log(np.where(kept, w, 1.0)) + LOG_2PI, 0.0))
    outside = np.sum(np.where(kept, 0.0, d @ v) ** 2, axis=-1) >= 1e-16
    return scale, np.sum((d @ inverse) * d, axis=-1), outside


class dirichlet:
    """The distribution of shares that sum to 1, as `scipy.stats.dirichlet`.

    Examples
    --------
    >>> print(f"{float(dirichlet.logpdf([0.5, 0.5], [2.0, 2.0])):.6f}")
    0.405465
    """

    @staticmethod
    def logpdf(x: Any, alpha: Any) -> Any:
        """``Σ (αᵢ − 1) log xᵢ − log B(α)``; x is (n,) or (n, m), its columns summing to 1."""
        x, alpha = arrayed(x), arrayed(alpha)
        log_beta = np.sum(sp.gammaln(alpha)) - sp.gammaln(np.sum(alpha))
        a = np.reshape(alpha, (-1,) + (1,) * (np.ndim(x) - 1))
        return np.sum(sp.xlogy(a - 1, x), axis=0) - log_beta

    @staticmethod
    def pdf(x: Any, alpha: Any) -> Any:
        """The density."""
        return np.exp(dirichlet.logpdf(x, alpha))
