"""SciPy's special functions: one row each, the derivative as a table of integrals prints it.

Loaded when the first of them arrives at the door, so that SciPy stays optional.  ``None``
stands where an argument has no derivative in closed form (the order of a Bessel function)
or none at all (the degree of a polynomial).  Real arguments; the formulas are those of the
NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, by chapter.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
import scipy.special as sp

from minigrad import ops
from minigrad.ops import scipy_elliptic as scipy_elliptic
from minigrad.ops import scipy_equations as scipy_equations
from minigrad.ops.elementwise import zero
from minigrad.ops.record import registry
from minigrad.ops.scipy_rows import row, stands
from minigrad.ops.scipy_slopes import (
    DEGREE,
    H0,
    ROOT_2PI,
    ROOT_PI,
    base_by_exponent,
    beip_ratio,
    below,
    berp_ratio,
    beside_zero,
    beta_density,
    binom_slope,
    centre_slope,
    either,
    expn_slope,
    exprel_slope,
    fisher_by_centre,
    fisher_density,
    fisher_mixture,
    gamma_by_rate,
    huber_by_width,
    kolmogorov_slope,
    lower,
    lower_density,
    mixture_by_centre,
    normal_slope,
    poisson_mixture,
    power_by_exponent,
    profile,
    ratio,
    rgamma_slope,
    series,
    smirnov_slope,
    struve_part,
    student_by_centre,
    student_density,
    student_mixture,
    tukey_slope,
)
from minigrad.typing import Array, Function

# --- under other names already -----------------------------------------------------------

stands(sp.erf, ops.erf)
stands(sp.expit, ops.sigmoid)
stands(sp.log_expit, ops.log_sigmoid)
for _name in ("cbrt", "exp2", "expm1", "log1p"):
    stands(getattr(sp, _name), getattr(ops, _name))


# --- exponentials and logarithms ---------------------------------------------------------

row(sp.exp10, lambda g, ans, x: g * ans * math.log(10))
row(sp.exprel, lambda g, ans, x: g * exprel_slope(x))
row(sp.cosm1, lambda g, ans, x: -g * np.sin(x))
row(sp.logit, lambda g, ans, x: g / (x * (1 - x)))
row(sp.xlogy, lambda g, ans, x, y: g * np.log(y), lambda g, ans, x, y: g * ratio(x, y))
row(sp.xlog1py, lambda g, ans, x, y: g * np.log1p(y), lambda g, ans, x, y: g * ratio(x, 1 + y))
row(sp.entr, lambda g, ans, x: -g * (np.log(x) + 1))
row(sp.rel_entr, lambda g, ans, x, y: g * (np.log(x / y) + 1), lambda g, ans, x, y: -g * x / y)
row(sp.kl_div, lambda g, ans, x, y: g * np.log(x / y), lambda g, ans, x, y: g * (1 - x / y))
row(
    sp.powm1,
    lambda g, ans, x, y: g * np.where(y == 0, 0.0, y * x ** (y - 1)),
    lambda g, ans, x, y: g * sp.xlogy(ans + 1, x),
)
row(
    sp.boxcox,
    lambda g, ans, x, p: g * x ** (p - 1),
    lambda g, ans, x, p: g * power_by_exponent(np.log(x), p),
)
row(
    sp.boxcox1p,
    lambda g, ans, x, p: g * (1 + x) ** (p - 1),
    lambda g, ans, x, p: g * power_by_exponent(np.log1p(x), p),
)
row(
    sp.inv_boxcox,
    lambda g, ans, y, p: g * ans ** (1 - p),
    lambda g, ans, y, p: g * base_by_exponent(ans, y, p),
)
row(
    sp.inv_boxcox1p,
    lambda g, ans, y, p: g * (1 + ans) ** (1 - p),
    lambda g, ans, y, p: g * base_by_exponent(1 + ans, y, p),
)
row(
    sp.huber,
    lambda g, ans, d, r: g * np.maximum(np.abs(r) - d, 0.0),
    lambda g, ans, d, r: g * np.clip(r, -d, d),
)
row(
    sp.pseudo_huber,
    lambda g, ans, d, r: g * huber_by_width(d, r),
    lambda g, ans, d, r: g * d * ratio(r, np.hypot(d, r)),
)


# --- degrees -----------------------------------------------------------------------------

row(sp.sindg, lambda g, ans, x: g * sp.cosdg(x) * DEGREE)
row(sp.cosdg, lambda g, ans, x: -g * sp.sindg(x) * DEGREE)
row(sp.tandg, lambda g, ans, x: g * (1 + ans**2) * DEGREE)
row(sp.cotdg, lambda g, ans, x: -g * (1 + ans**2) * DEGREE)


# --- error functions, normal distribution (chapter 7) ------------------------------------

row(sp.erfc, lambda g, ans, x: -g * 2 / ROOT_PI * np.exp(-(x**2)))
row(sp.erfcx, lambda g, ans, x: g * (2 * x * ans - 2 / ROOT_PI))
row(sp.erfi, lambda g, ans, x: g * 2 / ROOT_PI * np.exp(x**2))
row(sp.dawsn, lambda g, ans, x: g * (1 - 2 * x * ans))
row(sp.erfinv, lambda g, ans, x: g * ROOT_PI / 2 * np.exp(ans**2))
row(sp.erfcinv, lambda g, ans, x: -g * ROOT_PI / 2 * np.exp(ans**2))
row(sp.ndtr, lambda g, ans, x: g * np.exp(-(x**2) / 2) / ROOT_2PI, letter="Φ")
row(sp.log_ndtr, lambda g, ans, x: g * np.exp(-(x**2) / 2 - ans) / ROOT_2PI)
row(sp.ndtri, lambda g, ans, x: g * np.exp(ans**2 / 2) * ROOT_2PI)
row(sp.ndtri_exp, lambda g, ans, x: g * np.exp(x + ans**2 / 2) * ROOT_2PI)
row(
    sp.owens_t,
    lambda g, ans, h, a: -g * np.exp(-(h**2) / 2) * ops.erf(a * h / math.sqrt(2)) / 2 / ROOT_2PI,
    lambda g, ans, h, a: g * np.exp(-(h**2) * (1 + a**2) / 2) / (2 * math.pi * (1 + a**2)),
)


# --- gamma and beta functions (chapters 5 and 8) -----------------------------------------


hurwitz: Any = getattr(import_module("scipy.special._ufuncs"), "_zeta", sp.zeta)  # zeta's own ufunc
row(sp.gamma, lambda g, ans, x: g * ans * sp.psi(x), letter="Γ")
row(sp.gammaln, lambda g, ans, x: g * sp.psi(x))
row(sp.loggamma, lambda g, ans, x: g * sp.psi(x))
row(sp.rgamma, rgamma_slope)
row(sp.psi, lambda g, ans, x: g * sp.zeta(2.0, x), letter="ψ")
row(hurwitz, None, lambda g, ans, s, q: -g * s * sp.zeta(s + 1, q), letter="ζ")
row(
    sp.poch,
    lambda g, ans, a, m: g * ans * (sp.psi(a + m) - sp.psi(a)),
    lambda g, ans, a, m: g * ans * sp.psi(a + m),
)
row(
    sp.binom,
    lambda g, ans, n, k: g * (ans * sp.psi(n + 1) + binom_slope(ans, n, n - k + 1)),
    lambda g, ans, n, k: g * (binom_slope(ans, n, k + 1) - binom_slope(ans, n, n - k + 1)),
)
row(
    sp.beta,
    lambda g, ans, a, b: g * ans * (sp.psi(a) - sp.psi(a + b)),
    lambda g, ans, a, b: g * ans * (sp.psi(b) - sp.psi(a + b)),
)
row(
    sp.betaln,
    lambda g, ans, a, b: g * (sp.psi(a) - sp.psi(a + b)),
    lambda g, ans, a, b: g * (sp.psi(b) - sp.psi(a + b)),
)
row(sp.gammainc, None, lambda g, ans, a, x: g * lower_density(a, x))
row(sp.gammaincc, None, lambda g, ans, a, x: -g * lower_density(a, x))
row(sp.gammaincinv, None, lambda g, ans, a, y: g / lower_density(a, ans))
row(sp.gammainccinv, None, lambda g, ans, a, y: -g / lower_density(a, ans))
row(sp.betainc, None, None, lambda g, ans, a, b, x: g * beta_density(a, b, x))
row(sp.betaincc, None, None, lambda g, ans, a, b, x: -g * beta_density(a, b, x))
row(sp.betaincinv, None, None, lambda g, ans, a, b, y: g / beta_density(a, b, ans))
row(sp.betainccinv, None, None, lambda g, ans, a, b, y: -g / beta_density(a, b, ans))
row(sp.gammasgn, zero)


# --- distributions whose functions these are ---------------------------------------------

row(sp.stdtr, None, lambda g, ans, n, t: g * student_density(n, t))
row(sp.stdtrit, None, lambda g, ans, n, p: g / student_density(n, ans))
row(sp.chdtr, None, lambda g, ans, v, x: g * lower_density(v / 2, x / 2) / 2)
row(sp.chdtrc, None, lambda g, ans, v, x: -g * lower_density(v / 2, x / 2) / 2)
row(sp.chdtri, None, lambda g, ans, v, p: -g * 2 / lower_density(v / 2, ans / 2))
row(sp.fdtr, None, None, lambda g, ans, n, m, x: g * fisher_density(n, m, x))
row(sp.fdtrc, None, None, lambda g, ans, n, m, x: -g * fisher_density(n, m, x))
row(sp.fdtri, None, None, lambda g, ans, n, m, p: g / fisher_density(n, m, ans))
row(
    sp.gdtr,
    lambda g, ans, a, b, x: g * gamma_by_rate(a, b, x),
    None,
    lambda g, ans, a, b, x: g * a * lower_density(b, a * x),
)
row(
    sp.gdtrc,
    lambda g, ans, a, b, x: -g * gamma_by_rate(a, b, x),
    None,
    lambda g, ans, a, b, x: -g * a * lower_density(b, a * x),
)
row(sp.pdtr, None, lambda g, ans, k, m: -g * lower_density(np.floor(k) + 1, m))
row(sp.pdtrc, None, lambda g, ans, k, m: g * lower_density(np.floor(k) + 1, m))
row(
    sp.bdtr,
    None,
    None,
    lambda g, ans, k, n, p: -g * beta_density(np.floor(k) + 1, np.trunc(n) - np.floor(k), p),
)
row(
    sp.bdtrc,
    None,
    None,
    lambda g, ans, k, n, p: g * beta_density(np.floor(k) + 1, np.trunc(n) - np.floor(k), p),
)


# --- exponential, logarithmic and trigonometric integrals (chapter 6) --------------------

row(sp.expi, lambda g, ans, x: g * np.exp(x) / x)
row(sp.exp1, lambda g, ans, x: -g * np.exp(-x) / x)
row(sp.expn, None, expn_slope)
row(
    sp.spence,
    lambda g, ans, x: (
        -g
        * either(
            np.abs(x - 1) < 0.5,
            x,
            lambda x: sp.hyp2f1(1.0, 1.0, 2.0, 1 - x),
            lambda x: np.log(x) / (x - 1),
            1.5,
        )
    ),
)


# --- Bessel functions (chapter 10) -------------------------------------------------------

row(sp.j0, lambda g, ans, x: -g * sp.j1(x))
row(sp.j1, lambda g, ans, x: g * (sp.j0(x) - sp.jv(2.0, x)) / 2)
row(sp.jv, None, lambda g, ans, v, x: g * (sp.jv(v - 1, x) - sp.jv(v + 1, x)) / 2)
row(sp.y0, lambda g, ans, x: -g * sp.y1(x))
row(sp.y1, lambda g, ans, x: g * (sp.y0(x) - sp.yv(2.0, x)) / 2)
row(sp.yv, None, lambda g, ans, v, x: g * (sp.yv(v - 1, x) - sp.yv(v + 1, x)) / 2)
row(
    sp.yn,
    None,
    lambda g, ans, n, x: g * (sp.yv(np.trunc(n) - 1.0, x) - sp.yv(np.trunc(n) + 1.0, x)) / 2,
)
row(sp.i0, lambda g, ans, x: g * sp.i1(x))
row(sp.i1, lambda g, ans, x: g * (sp.i0(x) + sp.iv(2.0, x)) / 2)
row(sp.iv, None, lambda g, ans, v, x: g * (sp.iv(v - 1, x) + sp.iv(v + 1, x)) / 2)
row(sp.i0e, lambda g, ans, x: g * (sp.i1e(x) - np.sign(x) * ans))
row(sp.i1e, lambda g, ans, x: g * ((sp.i0e(x) + sp.ive(2.0, x)) / 2 - np.sign(x) * ans))
row(
    sp.ive,
    None,
    lambda g, ans, v, x: g * ((sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.sign(x) * ans),
)
row(sp.k0, lambda g, ans, x: -g * sp.k1(x))
row(sp.k1, lambda g, ans, x: -g * (sp.k0(x) + sp.kv(2.0, x)) / 2)
row(sp.kv, None, lambda g, ans, v, x: -g * (sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2)
row(
    sp.kn,
    None,
    lambda g, ans, n, x: -g * (sp.kv(np.trunc(n) - 1.0, x) + sp.kv(np.trunc(n) + 1.0, x)) / 2,
)
row(sp.k0e, lambda g, ans, x: g * (ans - sp.k1e(x)))
row(sp.k1e, lambda g, ans, x: g * (ans - (sp.k0e(x) + sp.kve(2.0, x)) / 2))
row(sp.kve, None, lambda g, ans, v, x: g * (ans - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2))


def hankel(function: Function, scaled: complex) -> None:
    """One of the four Hankel functions; ``scaled`` is the exponent of its scale."""
    row(
        function,
        None,
        lambda g, ans, v, z: g * ((function(v - 1, z) - function(v + 1, z)) / 2 + scaled * ans),
    )


hankel(sp.hankel1, 0)
hankel(sp.hankel1e, -1j)
hankel(sp.hankel2, 0)
hankel(sp.hankel2e, 1j)
row(
    sp.besselpoly,
    lambda g, ans, a, p, v: g * (sp.besselpoly(a, p + 1, v - 1) - sp.besselpoly(a, p + 1, v + 1)),
    None,
    None,
)
row(
    sp.struve,
    None,
    lambda g, ans, v, x: g * (sp.struve(v - 1, x) - sp.struve(v + 1, x) + struve_part(v, x)) / 2,
)
row(
    sp.modstruve,
    None,
    lambda g, ans, v, x: (
        g * (sp.modstruve(v - 1, x) + sp.modstruve(v + 1, x) + struve_part(v, x)) / 2
    ),
)


# --- hypergeometric functions (chapters 13 and 15) ---------------------------------------

row(sp.hyp0f1, None, lambda g, ans, b, x: g * sp.hyp0f1(b + 1, x) / b)
row(sp.hyp1f1, None, None, lambda g, ans, a, b, x: g * a / b * sp.hyp1f1(a + 1, b + 1, x))
row(sp.hyperu, None, None, lambda g, ans, a, b, x: -g * a * sp.hyperu(a + 1, b + 1, x))
row(
    sp.hyp2f1,
    None,
    None,
    None,
    lambda g, ans, a, b, c, x: g * a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, x),
)


# --- orthogonal polynomials (chapter 18) -------------------------------------------------

row(sp.eval_legendre, None, lambda g, ans, n, x: g * below(n, sp.eval_gegenbauer(lower(n), 1.5, x)))
row(sp.eval_chebyt, None, lambda g, ans, n, x: g * below(n, n * sp.eval_chebyu(lower(n), x)))
row(
    sp.eval_chebyu,
    None,
    lambda g, ans, n, x: g * below(n, 2 * sp.eval_gegenbauer(lower(n), 2.0, x)),
)
row(
    sp.eval_hermite,
    None,
    lambda g, ans, n, x: g * below(n, 2 * n * sp.eval_hermite(lower(n), x)),
    doc="""Hermite's polynomial ``H_n(x)`` for whole n, as `scipy.special.eval_hermite`.

    Derivative: ``2 n H_(n-1)(x)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.scipy import special
    >>> print(f"{mg.grad(special.eval_hermite, 1)(2, 0.5):.6f}")  # of 4x² - 2
    4.000000
    """,
)
row(
    sp.eval_hermitenorm,
    None,
    lambda g, ans, n, x: g * below(n, n * sp.eval_hermitenorm(lower(n), x)),
    doc="""Hermite's polynomial ``He_n(x)`` of the probabilists, for whole n, as SciPy's.

    Derivative: ``n He_(n-1)(x)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.scipy import special
    >>> print(f"{mg.grad(special.eval_hermitenorm, 1)(2, 0.5):.6f}")  # of x² - 1
    1.000000
    """,
)
row(
    sp.eval_laguerre,
    None,
    lambda g, ans, n, x: -g * below(n, sp.eval_genlaguerre(lower(n), 1.0, x)),
)
row(
    sp.eval_genlaguerre,
    None,
    None,
    lambda g, ans, n, a, x: -g * below(n, sp.eval_genlaguerre(lower(n), a + 1, x)),
)
row(
    sp.eval_gegenbauer,
    None,
    None,
    lambda g, ans, n, a, x: g * below(n, 2 * a * sp.eval_gegenbauer(lower(n), a + 1, x)),
)
row(
    sp.eval_jacobi,
    None,
    None,
    None,
    lambda g, ans, n, a, b, x: (
        g * (n + a + b + 1) / 2 * below(n, sp.eval_jacobi(lower(n), a + 1, b + 1, x))
    ),
)


# --- the rest ----------------------------------------------------------------------------

row(sp.wrightomega, lambda g, ans, x: g * ans / (1 + ans))


# --- more distributions, and their inverses ----------------------------------------------

row(
    sp.bdtri,
    None,
    None,
    lambda g, ans, k, n, y: -g / beta_density(np.floor(k) + 1, np.trunc(n) - np.floor(k), ans),
)


def failures(k: Array, n: Array, p: Array) -> Array:
    """The slope of the negative binomial distribution by p; SciPy cuts k and n to whole numbers."""
    return beta_density(np.trunc(n), np.trunc(k) + 1, p)


row(sp.nbdtr, None, None, lambda g, ans, k, n, p: g * failures(k, n, p))
row(sp.nbdtrc, None, None, lambda g, ans, k, n, p: -g * failures(k, n, p))
row(sp.nbdtri, None, None, lambda g, ans, k, n, y: g / failures(k, n, ans))
row(sp.pdtri, None, lambda g, ans, k, y: -g / lower_density(np.trunc(k) + 1, ans))
row(
    sp.gdtrix,
    lambda g, ans, a, b, p: -g * ans / a,
    None,
    lambda g, ans, a, b, p: g / (a * lower_density(b, a * ans)),
)
row(
    sp.gdtria,
    lambda g, ans, p, b, x: g / (x * lower_density(b, ans * x)),
    None,
    lambda g, ans, p, b, x: -g * ans / x,
)
row(
    sp.chndtr,
    lambda g, ans, x, n, c: g * poisson_mixture(x, n, c),
    None,
    lambda g, ans, x, n, c: g * (sp.chndtr(x, n + 2, c) - ans) / 2,
)
row(
    sp.nrdtrimn,
    lambda g, ans, p, s, x: -g * s * normal_slope(sp.ndtri(p)),
    lambda g, ans, p, s, x: -g * sp.ndtri(p),
    lambda g, ans, p, s, x: g,
)
row(
    sp.nrdtrisd,
    lambda g, ans, m, p, x: -g / sp.ndtri(p),
    lambda g, ans, m, p, x: -g * ans / sp.ndtri(p) * normal_slope(sp.ndtri(p)),
    lambda g, ans, m, p, x: g / sp.ndtri(p),
)
row(
    sp.chndtrix,
    lambda g, ans, p, n, c: g / poisson_mixture(ans, n, c),
    None,
    lambda g, ans, p, n, c: -g * mixture_by_centre(p, ans, n, c) / poisson_mixture(ans, n, c),
)
row(
    sp.chndtrinc,
    lambda g, ans, x, n, p: -g * poisson_mixture(x, n, ans) / centre_slope(x, n, ans, p),
    None,
    lambda g, ans, x, n, p: g / centre_slope(x, n, ans, p),
    doc="""The noncentrality c with ``chndtr(x, n, c) = p``, as `scipy.special.chndtrinc`.

    Derivative: with F = chndtr: ``1/∂F/∂c`` by p, where ``∂F/∂c = (F(x, n + 2, c) - p)/2``, and
    ``-(∂F/∂x)/(∂F/∂c)`` by x; NaN where no c has that p.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.scipy import special
    >>> print(f"{mg.grad(special.chndtrinc, 2)(3.0, 2, 0.5):.2f}")
    -8.12
    """,
)
row(
    sp.nctdtr,
    None,
    lambda g, ans, n, d, t: -g * student_by_centre(n, d, t),
    lambda g, ans, n, d, t: g * student_mixture(n, d, t),
)
row(
    sp.nctdtrit,
    None,
    lambda g, ans, n, d, p: g * student_by_centre(n, d, ans) / student_mixture(n, d, ans),
    lambda g, ans, n, d, p: g / student_mixture(n, d, ans),
)
row(
    sp.nctdtrinc,
    None,
    lambda g, ans, n, p, t: -g / student_by_centre(n, ans, t),
    lambda g, ans, n, p, t: g * student_mixture(n, ans, t) / student_by_centre(n, ans, t),
)
row(
    sp.smirnov,
    None,
    lambda g, ans, n, d: g * smirnov_slope(n, d),
    doc="""The chance that n numbers stay ``d`` or more behind their distribution, as SciPy's.

    Derivative by ``d``: that of Smirnov's sum, term by term; none by n.
    """,
)
row(
    sp.smirnovi,
    None,
    lambda g, ans, n, p: g / smirnov_slope(n, ans),
    doc="""The d with ``smirnov(n, d) = p``, as `scipy.special.smirnovi`.

    Derivative by ``p``: ``1 / smirnov'(n, d)``; none by n.
    """,
)
row(
    sp.ncfdtr,
    None,
    None,
    lambda g, ans, n, m, c, x: g * fisher_by_centre(ans, n, m, c, x),
    lambda g, ans, n, m, c, x: g * fisher_mixture(n, m, c, x),
)
row(
    sp.ncfdtri,
    None,
    None,
    lambda g, ans, n, m, c, p: (
        -g * fisher_by_centre(p, n, m, c, ans) / fisher_mixture(n, m, c, ans)
    ),
    lambda g, ans, n, m, c, p: g / fisher_mixture(n, m, c, ans),
)
KOLMOGOROV = """The chance of a larger Kolmogorov distance, as `scipy.special.kolmogorov`.

Derivative: ``-8y Σ (-1)^(k-1) k² exp(-2k²y²)``, k from 1.

Parameters
----------
x : array_like

Raises
------
TypeError
    For complex numbers.

Examples
--------
>>> import minigrad as mg
>>> from minigrad.scipy import special
>>> print(f"{mg.grad(special.kolmogorov)(1.3):.6f}")
-0.354038
"""
row(sp.kolmogorov, lambda g, ans, y: g * kolmogorov_slope(y), doc=KOLMOGOROV)
row(sp.kolmogi, lambda g, ans, p: g / kolmogorov_slope(ans))
row(sp.wright_bessel, None, None, lambda g, ans, a, b, x: g * sp.wright_bessel(a, a + b, x))
row(
    sp.log_wright_bessel,
    None,
    None,
    lambda g, ans, a, b, x: g * np.exp(sp.log_wright_bessel(a, a + b, x) - ans),
)


TUKEY = """The share of Tukey's lambda distribution up to ``x``, as `scipy.special.tklmbda`.

Derivative: by x ``1/(p^(λ-1) + (1-p)^(λ-1))``, p the share; 0 where ``λ |x| > 1``, beyond which
there is nothing.  None by λ.

Parameters
----------
x, lmbda : array_like

Raises
------
ValueError
    Where the shapes do not broadcast.
TypeError
    For complex numbers.

Examples
--------
>>> import scipy.special as sp, minigrad as mg
>>> mg.grad(lambda x: sp.tklmbda(x, 1.0))(0.5)
np.float64(0.5)
"""
row(sp.tklmbda, tukey_slope, None, doc=TUKEY)


# --- Kelvin functions, integrals of Bessel and Struve functions (chapters 10 and 11) --------

row(sp.ber, lambda g, ans, x: g * sp.berp(x))
row(sp.bei, lambda g, ans, x: g * sp.beip(x))
row(sp.ker, lambda g, ans, x: g * sp.kerp(x))
row(sp.kei, lambda g, ans, x: g * sp.keip(x))
row(sp.berp, lambda g, ans, x: g * (-sp.bei(x) - berp_ratio(x)))
row(sp.beip, lambda g, ans, x: g * (sp.ber(x) - beip_ratio(x)))
row(sp.kerp, lambda g, ans, x: g * (-sp.kei(x) - ans / x))
row(sp.keip, lambda g, ans, x: g * (sp.ker(x) - ans / x))
row(sp.itstruve0, lambda g, ans, x: g * sp.struve(0.0, x))
row(
    sp.it2struve0,
    lambda g, ans, x: -g * beside_zero(x, lambda x: series(x**2, H0), lambda x: sp.struve(0.0, x)),
)
row(sp.itmodstruve0, lambda g, ans, x: g * sp.modstruve(0.0, x))
row(sp.jve, None, lambda g, ans, v, x: g * (sp.jve(v - 1, x) - sp.jve(v + 1, x)) / 2)
row(sp.yve, None, lambda g, ans, v, x: g * (sp.yve(v - 1, x) - sp.yve(v + 1, x)) / 2)


# --- polynomials of shifted and scaled arguments (chapter 18), angles, profiles -------------

row(sp.eval_chebyc, None, lambda g, ans, n, x: g * below(n, n * sp.eval_chebyu(lower(n), x / 2)))
row(
    sp.eval_chebys,
    None,
    lambda g, ans, n, x: g * below(n, sp.eval_gegenbauer(lower(n), 2.0, x / 2)),
)
row(
    sp.eval_sh_chebyt,
    None,
    lambda g, ans, n, x: g * below(n, 2 * n * sp.eval_chebyu(lower(n), 2 * x - 1)),
)
row(
    sp.eval_sh_chebyu,
    None,
    lambda g, ans, n, x: g * below(n, 4 * sp.eval_gegenbauer(lower(n), 2.0, 2 * x - 1)),
)
row(
    sp.eval_sh_legendre,
    None,
    lambda g, ans, n, x: g * below(n, 2 * sp.eval_gegenbauer(lower(n), 1.5, 2 * x - 1)),
)
row(
    sp.eval_sh_jacobi,
    None,
    None,
    None,
    lambda g, ans, n, p, q, x: (
        g
        * (n + p)
        * below(n, sp.eval_jacobi(lower(n), p - q + 1, q, 2 * x - 1))
        / sp.binom(2 * n + p - 1, n)
    ),
)
row(
    sp.lpmv,
    None,
    None,
    lambda g, ans, m, v, x: g * (v * x * ans - (v + m) * sp.lpmv(m, v - 1, x)) / (x**2 - 1),
)
row(
    sp.radian,
    lambda g, ans, d, m, s: g * DEGREE,
    lambda g, ans, d, m, s: g * DEGREE / 60,
    lambda g, ans, d, m, s: g * DEGREE / 3600,
)
row(sp.round, zero)
row(sp.wofz, lambda g, ans, z: g * (2j / ROOT_PI - 2 * z * ans))
row(
    sp.voigt_profile,
    lambda g, ans, x, s, c: g * np.real(profile(x, s, c)[0]),
    lambda g, ans, x, s, c: g * np.real(profile(x, s, c)[1]),
    lambda g, ans, x, s, c: -g * np.imag(profile(x, s, c)[0]),
)


# --- of complex numbers ------------------------------------------------------------------

HOLOMORPHIC = """
    wofz dawsn erfc erfcx erfi exp1 expi hyp0f1 hyp1f1 iv jv kv kve log_ndtr ndtr spence
    hankel1 hankel1e hankel2 hankel2e hyp2f1 wrightomega xlog1py xlogy yv eval_chebyt
    eval_chebyu eval_gegenbauer eval_genlaguerre
    eval_jacobi eval_laguerre eval_legendre
"""
"""Where the row holds in the complex plane too."""

for _name in HOLOMORPHIC.split():
    registry[f"special.{_name}"].complex = True
