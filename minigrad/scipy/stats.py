"""Distributions: the logarithm of the density, and the distribution function, as formulas.

Each distribution is an object with SciPy's methods ``logpdf`` (or ``logpmf``), ``pdf`` (or
``pmf``), ``cdf``, ``logcdf``, ``sf`` and ``logsf`` where the mirror has them, all of
``(x, *shapes, loc=0, scale=1)``, and differentiable by everything that has a derivative.
Outside of the support a density is 0, and so is its gradient.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special as sp

from minigrad.scipy.calling import absent
from minigrad.scipy.distributions import Continuous, Discrete
from minigrad.scipy.multivariate import LOG_2PI
from minigrad.scipy.multivariate import dirichlet as dirichlet
from minigrad.scipy.multivariate import multivariate_normal as multivariate_normal
from minigrad.scipy.multivariate import multivariate_t as multivariate_t
from minigrad.typing import Array

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi", "chi2", "dirichlet", "expon", "f", "fisk",
    "gamma", "gennorm", "geom", "gumbel_l", "gumbel_r", "halfcauchy", "halfnorm", "invgamma",
    "invgauss", "laplace", "logistic", "lognorm", "multivariate_normal", "multivariate_t", "nbinom",
    "norm", "pareto", "poisson", "rayleigh", "skewnorm", "t", "uniform", "vonmises", "weibull_min",
]  # fmt: skip
__getattr__, __dir__ = absent("stats", __all__)


def positive(x: Array, *shapes: Array) -> Array:
    return x > 0


def from_zero(x: Array, power: Array) -> Array:
    """In the support of a density that goes as ``x**power``, which has a value at 0 up to 0."""
    return np.logical_or(x > 0, np.logical_and(np.equal(x, 0), power <= 0))


def share(p: Array) -> Array:
    return np.logical_and(p >= 0, p <= 1)


def softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


# --- on the line -------------------------------------------------------------------------

norm: Continuous = Continuous(
    "norm",
    lambda x: -(x**2) / 2 - LOG_2PI / 2,
    cdf=lambda x: sp.ndtr(x),
    sf=lambda x: sp.ndtr(-x),
    logcdf=lambda x: sp.log_ndtr(x),
    logsf=lambda x: sp.log_ndtr(-x),
)
cauchy: Continuous = Continuous(
    "cauchy",
    lambda x: -math.log(math.pi) - np.log1p(x**2),
    cdf=lambda x: 0.5 + np.arctan(x) / math.pi,
    sf=lambda x: 0.5 - np.arctan(x) / math.pi,
)
laplace: Continuous = Continuous(
    "laplace",
    lambda x: -np.abs(x) - math.log(2),
    cdf=lambda x: np.where(x > 0, 1 - np.exp(-np.maximum(x, 0)) / 2, np.exp(np.minimum(x, 0)) / 2),
    sf=lambda x: np.where(x > 0, np.exp(-np.maximum(x, 0)) / 2, 1 - np.exp(np.minimum(x, 0)) / 2),
)
logistic: Continuous = Continuous(
    "logistic",
    lambda x: -np.abs(x) - 2 * softplus(-np.abs(x)),
    cdf=lambda x: sp.expit(x),
    sf=lambda x: sp.expit(-x),
    logcdf=lambda x: sp.log_expit(x),
    logsf=lambda x: sp.log_expit(-x),
)
gumbel_r: Continuous = Continuous(
    "gumbel_r",
    lambda x: -x - np.exp(-x),
    cdf=lambda x: np.exp(-np.exp(-x)),
    logcdf=lambda x: -np.exp(-x),
    sf=lambda x: -np.expm1(-np.exp(-x)),
)
gumbel_l: Continuous = Continuous(
    "gumbel_l",
    lambda x: x - np.exp(x),
    cdf=lambda x: -np.expm1(-np.exp(x)),
    sf=lambda x: np.exp(-np.exp(x)),
    logsf=lambda x: -np.exp(x),
)
t: Continuous = Continuous(
    "t",
    lambda x, df: -np.log(df) / 2 - sp.betaln(0.5, df / 2) - (df + 1) / 2 * np.log1p(x**2 / df),
    cdf=lambda x, df: sp.stdtr(df, x),
    sf=lambda x, df: sp.stdtr(df, -x),
)
gennorm: Continuous = Continuous(
    "gennorm", lambda x, beta: np.log(beta / 2) - sp.gammaln(1 / beta) - np.abs(x) ** beta
)
skewnorm: Continuous = Continuous(
    "skewnorm",
    lambda x, a: math.log(2) - x**2 / 2 - LOG_2PI / 2 + sp.log_ndtr(a * x),
    cdf=lambda x, a: sp.ndtr(x) - 2 * sp.owens_t(x, a),
    allowed=lambda a: np.isfinite(a),
)


# --- on the half-line --------------------------------------------------------------------

expon: Continuous = Continuous(
    "expon",
    lambda x: -x,
    support=lambda x: x >= 0,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    logsf=lambda x: -x,
)
gamma: Continuous = Continuous(
    "gamma",
    lambda x, a: sp.xlogy(a - 1, x) - x - sp.gammaln(a),
    support=lambda x, a: from_zero(x, a - 1),
    cdf=lambda x, a: sp.gammainc(a, x),
    sf=lambda x, a: sp.gammaincc(a, x),
)
invgamma: Continuous = Continuous(
    "invgamma",
    lambda x, a: -(a + 1) * np.log(x) - 1 / x - sp.gammaln(a),
    support=positive,
    cdf=lambda x, a: sp.gammaincc(a, 1 / x),
    sf=lambda x, a: sp.gammainc(a, 1 / x),
)
chi2: Continuous = Continuous(
    "chi2",
    lambda x, df: sp.xlogy(df / 2 - 1, x) - x / 2 - df / 2 * math.log(2) - sp.gammaln(df / 2),
    support=lambda x, df: from_zero(x, df / 2 - 1),
    cdf=lambda x, df: sp.chdtr(df, x),
    sf=lambda x, df: sp.chdtrc(df, x),
)
chi: Continuous = Continuous(
    "chi",
    lambda x, df: (1 - df / 2) * math.log(2) + sp.xlogy(df - 1, x) - x**2 / 2 - sp.gammaln(df / 2),
    support=lambda x, df: from_zero(x, df - 1),
    cdf=lambda x, df: sp.gammainc(df / 2, x**2 / 2),
    sf=lambda x, df: sp.gammaincc(df / 2, x**2 / 2),
)
f: Continuous = Continuous(
    "f",
    lambda x, dfn, dfd: (
        dfd / 2 * np.log(dfd)
        + dfn / 2 * np.log(dfn)
        + sp.xlogy(dfn / 2 - 1, x)
        - (dfn + dfd) / 2 * np.log(dfd + dfn * x)
        - sp.betaln(dfn / 2, dfd / 2)
    ),
    support=lambda x, n, m: from_zero(x, n / 2 - 1),
    cdf=lambda x, n, m: sp.fdtr(n, m, x),
    sf=lambda x, n, m: sp.fdtrc(n, m, x),
)
lognorm: Continuous = Continuous(
    "lognorm",
    lambda x, s: -(np.log(x) ** 2) / (2 * s**2) - np.log(s * x) - LOG_2PI / 2,
    support=positive,
    cdf=lambda x, s: sp.ndtr(np.log(x) / s),
    sf=lambda x, s: sp.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: sp.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: sp.log_ndtr(-np.log(x) / s),
)
halfnorm: Continuous = Continuous(
    "halfnorm",
    lambda x: math.log(2 / math.pi) / 2 - x**2 / 2,
    support=lambda x: x >= 0,
    cdf=lambda x: sp.erf(x / math.sqrt(2)),
    sf=lambda x: sp.erfc(x / math.sqrt(2)),
)
halfcauchy: Continuous = Continuous(
    "halfcauchy",
    lambda x: math.log(2 / math.pi) - np.log1p(x**2),
    support=lambda x: x >= 0,
    cdf=lambda x: 2 / math.pi * np.arctan(x),
)
weibull_min: Continuous = Continuous(
    "weibull_min",
    lambda x, c: np.log(c) + sp.xlogy(c - 1, x) - x**c,
    support=lambda x, c: from_zero(x, c - 1),
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c),
)
rayleigh: Continuous = Continuous(
    "rayleigh",
    lambda x: np.log(x) - x**2 / 2,
    support=positive,
    cdf=lambda x: -np.expm1(-(x**2) / 2),
    sf=lambda x: np.exp(-(x**2) / 2),
    logsf=lambda x: -(x**2) / 2,
)
pareto: Continuous = Continuous(
    "pareto",
    lambda x, b: np.log(b) - (b + 1) * np.log(x),
    support=lambda x, b: x >= 1,
    safe=2.0,
    cdf=lambda x, b: 1 - x**-b,
    sf=lambda x, b: x**-b,
    logsf=lambda x, b: -b * np.log(x),
)
fisk: Continuous = Continuous(
    "fisk",
    lambda x, c: np.log(c) + sp.xlogy(c - 1, x) - 2 * softplus(c * np.log(x)),
    support=lambda x, c: from_zero(x, c - 1),
    cdf=lambda x, c: sp.expit(c * np.log(x)),
    sf=lambda x, c: sp.expit(-c * np.log(x)),
)
invgauss: Continuous = Continuous(
    "invgauss",
    lambda x, mu: -LOG_2PI / 2 - 1.5 * np.log(x) - ((x - mu) / mu) ** 2 / (2 * x),
    support=positive,
)


# --- on an interval ----------------------------------------------------------------------

uniform: Continuous = Continuous(
    "uniform",
    lambda x: 0.0 * x,
    support=lambda x: np.logical_and(x >= 0, x <= 1),
    cdf=lambda x: x,
    sf=lambda x: 1 - x,
)
beta: Continuous = Continuous(
    "beta",
    lambda x, a, b: sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b),
    support=lambda x, a, b: np.logical_and(from_zero(x, a - 1), from_zero(1 - x, b - 1)),
    cdf=lambda x, a, b: sp.betainc(a, b, x),
    sf=lambda x, a, b: sp.betaincc(a, b, x),
)
vonmises: Continuous = Continuous(
    "vonmises",
    lambda x, kappa: kappa * (np.cos(x) - 1) - math.log(2 * math.pi) - np.log(sp.i0e(kappa)),
    allowed=lambda kappa: kappa >= 0,
)


# --- on whole numbers --------------------------------------------------------------------

bernoulli: Discrete = Discrete(
    "bernoulli",
    lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
    lambda k, p: np.logical_and(k >= 0, k <= 1),
    lambda k, p: np.where(k < 1, 1 - p, 1.0),
    allowed=share,
)
binom: Discrete = Discrete(
    "binom",
    lambda k, n, p: (
        sp.gammaln(n + 1.0)
        - sp.gammaln(k + 1.0)
        - sp.gammaln(n - k + 1.0)
        + sp.xlogy(k, p)
        + sp.xlog1py(n - k, -p)
    ),
    lambda k, n, p: np.logical_and(k >= 0, k <= n),
    lambda k, n, p: np.where(k < n, sp.betaincc(k + 1.0, np.maximum(n - k, 1), p), 1.0),
    safe=0.0,
    allowed=lambda n, p: np.logical_and(np.logical_and(n >= 0, np.equal(np.floor(n), n)), share(p)),
)
poisson: Discrete = Discrete(
    "poisson",
    lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1.0) - mu,
    lambda k, mu: k >= 0,
    lambda k, mu: sp.gammaincc(k + 1.0, mu),
    allowed=lambda mu: mu >= 0,
)
geom: Discrete = Discrete(
    "geom",
    lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
    lambda k, p: k >= 1,
    lambda k, p: -np.expm1(k * np.log1p(-p)),
    allowed=lambda p: np.logical_and(p > 0, p <= 1),
)
nbinom: Discrete = Discrete(
    "nbinom",
    lambda k, n, p: (
        sp.gammaln(n + k)
        - sp.gammaln(k + 1.0)
        - sp.gammaln(n * 1.0)
        + n * np.log(p)
        + sp.xlog1py(k, -p)
    ),
    lambda k, n, p: k >= 0,
    lambda k, n, p: sp.betainc(n * 1.0, k + 1.0, p),
    allowed=lambda n, p: np.logical_and(n > 0, np.logical_and(p > 0, p <= 1)),
)
