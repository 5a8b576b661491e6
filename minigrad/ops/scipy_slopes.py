"""Derivatives of SciPy's special functions that take more than a line.

Where a formula is 0/0, or cancels, a series or another function stands in its place.  The
chapters are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)


# --- where a formula is 0/0, or cancels --------------------------------------------------


def either(inside: Any, x: Any, near: Any, far: Any, safe: float) -> Any:
    """``near(x)`` inside, ``far(x)`` elsewhere; ``safe`` is a place that both bear."""
    return np.where(inside, near(np.where(inside, x, safe)), far(np.where(inside, safe, x)))


def series(x: Any, coefficients: list[float]) -> Any:
    """A sum of rising powers of ``x``, by Horner's rule."""
    total = 0.0 * x
    for c in coefficients[::-1]:
        total = total * x + c
    return total


def odd_factorial(n: int) -> int:
    """``1 · 3 · 5 ⋯ (2n - 1)``."""
    return math.prod(range(1, 2 * n, 2))


# --- exponentials and logarithms ---------------------------------------------------------


def ratio(x: Any, y: Any) -> Any:
    """``x / y``, and 0 where x is."""
    return np.where(x == 0, 0.0, x / np.where(x == 0, 1.0, y))


def exprel_slope(x: Any) -> Any:
    """The derivative of ``(exp(x) - 1)/x``."""
    return either(
        np.abs(x) < 1,
        x,
        lambda x: sp.hyp1f1(2.0, 3.0, x) / 2,
        lambda x: (np.exp(x) * (x - 1) + 1) / x**2,
        -1.0,
    )


def power_by_exponent(log: Any, p: Any) -> Any:
    """The derivative of ``(exp(p log) - 1)/p`` by p."""
    return log**2 * exprel_slope(p * log)


def root_by_exponent(y: Any, p: Any) -> Any:
    """The derivative of ``log(1 + p y)/p`` by p."""
    v = p * y
    return y**2 * either(
        np.abs(v) < 0.5,
        v,
        lambda v: -sp.hyp2f1(2.0, 2.0, 3.0, -v) / 2,
        lambda v: (v / (1 + v) - np.log1p(v)) / v**2,
        0.5,
    )


# --- degrees -----------------------------------------------------------------------------

DEGREE = math.pi / 180


# --- gamma and beta functions (chapters 5 and 8) -----------------------------------------


def rgamma_slope(g: Any, ans: Any, x: Any) -> Any:
    """``-ψ(x)/Γ(x)``; on the left by reflection, ``1/Γ(x) = Γ(1 - x) sin(πx)/π``."""

    def reflected(x: Any) -> Any:
        turn = np.cos(math.pi * x) - np.sin(math.pi * x) / math.pi * sp.psi(1 - x)
        return sp.gamma(1 - x) * turn

    return g * either(x < 0.5, x, reflected, lambda x: -sp.psi(x) * sp.rgamma(x), 0.5)


def lower_density(a: Any, x: Any) -> Any:
    """``x^(a-1) exp(-x) / Γ(a)``."""
    return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """``x^(a-1) (1-x)^(b-1) / B(a, b)``."""
    return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


# --- distributions whose functions these are ---------------------------------------------


def student_density(n: Any, t: Any) -> Any:
    """The density of Student's distribution with n degrees of freedom."""
    log = -sp.betaln(n / 2, 0.5) - np.log(n) / 2
    return np.exp(log - (n + 1) / 2 * np.log1p(t**2 / n))


def fisher_density(n: Any, m: Any, x: Any) -> Any:
    """The density of Fisher's F distribution."""
    share = n * x / (n * x + m)
    return beta_density(n / 2, m / 2, share) * n * m / (n * x + m) ** 2


# --- exponential, logarithmic and trigonometric integrals (chapter 6) --------------------


def expn_slope(g: Any, ans: Any, n: Any, x: Any) -> Any:
    """``-E(n-1, x)``; ``E(0, x)`` is ``exp(-x)/x``."""
    lower = sp.expn(np.where(n < 1, 0, n - 1), x)
    return -g * np.where(n < 1, np.exp(-x) * (1 / x + 1 / x**2), lower)


# --- Bessel functions (chapter 10) -------------------------------------------------------


def struve_part(v: Any, x: Any) -> Any:
    """What the derivatives of Struve functions have beside their neighbours (11.4)."""
    return (x / 2) ** v / (ROOT_PI * sp.gamma(v + 1.5))


# --- elliptic integrals (chapter 19) -----------------------------------------------------


def k_slope(m: Any) -> Any:
    """``dK/dm``."""
    return either(
        np.abs(m) < 0.5,
        m,
        lambda m: math.pi / 8 * sp.hyp2f1(1.5, 1.5, 2.0, m),
        lambda m: (sp.ellipe(m) - (1 - m) * sp.ellipk(m)) / (2 * m * (1 - m)),
        -0.5,
    )


def e_slope(m: Any) -> Any:
    """``dE/dm``."""
    return either(
        np.abs(m) < 0.5,
        m,
        lambda m: -math.pi / 8 * sp.hyp2f1(0.5, 1.5, 2.0, m),
        lambda m: (sp.ellipe(m) - sp.ellipk(m)) / (2 * m),
        -0.5,
    )


def sine_integral(phi: Any, m: Any, power: float) -> Any:
    """``½ ∫ sin²θ (1 - m sin²θ)^power dθ`` from 0 to φ, by powers of m, which is small."""
    total, share, integral = 0.0, 1.0, phi
    for k in range(18):
        n = 2 * k + 2
        integral = ((n - 1) * integral - np.cos(phi) * np.sin(phi) ** (n - 1)) / n
        total = total + share * integral
        share = share * m * (k - power) / (k + 1)
    return total / 2


def f_by_m(phi: Any, m: Any) -> Any:
    """The derivative of the incomplete integral F by its parameter."""

    def closed(m: Any) -> Any:
        delta = np.sqrt(1 - m * np.sin(phi) ** 2)
        first = sp.ellipeinc(phi, m) / (2 * m * (1 - m)) - sp.ellipkinc(phi, m) / (2 * m)
        return first - np.sin(2 * phi) / (4 * (1 - m) * delta)

    return either(np.abs(m) < 0.1, m, lambda m: sine_integral(phi, m, -1.5), closed, -0.1)


def e_by_m(phi: Any, m: Any) -> Any:
    """The derivative of the incomplete integral E by its parameter."""
    return either(
        np.abs(m) < 0.1,
        m,
        lambda m: -sine_integral(phi, m, -0.5),
        lambda m: (sp.ellipeinc(phi, m) - sp.ellipkinc(phi, m)) / (2 * m),
        -0.1,
    )


# --- orthogonal polynomials (chapter 18) -------------------------------------------------


def below(n: Any, value: Any) -> Any:
    """``value``, the polynomial of degree n - 1, and 0 where there is none."""
    return np.where(n == 0, 0.0, value)


def lower(n: Any) -> Any:
    """The degree below ``n``, 0 at least."""
    return np.where(n == 0, n, n - 1)


# --- more distributions, and their inverses ----------------------------------------------


def normal_slope(z: Any) -> Any:
    """``dz/dp`` at ``z = ndtri(p)``."""
    return ROOT_2PI * np.exp(z**2 / 2)


def poisson_mixture(x: Any, n: Any, c: Any) -> Any:
    """The density of the noncentral χ² distribution."""
    z = np.sqrt(c * x)
    log = z - (x + c) / 2 + (n / 4 - 0.5) * np.log(x / c)
    return 0.5 * np.exp(log) * sp.ive(n / 2 - 1, z)


def tukey_slope(g: Any, ans: Any, x: Any, lam: Any) -> Any:
    """One over the slope ``p^(λ-1) + (1-p)^(λ-1)`` of the quantiles; 0 beyond the last ones."""
    beyond = lam * np.abs(x) > 1
    p = np.where(beyond, 0.5, ans)
    return g * np.where(beyond, 0.0, 1 / (p ** (lam - 1) + (1 - p) ** (lam - 1)))


# --- Kelvin functions, integrals of Bessel and Struve functions (chapters 10 and 11) --------

BER = [(-1) ** k * k / math.factorial(2 * k) ** 2 for k in range(1, 7)]
BEI = [(-1) ** k * (k + 0.5) / math.factorial(2 * k + 1) ** 2 for k in range(6)]
H0 = [(-1) ** k * 2 / math.pi / odd_factorial(k + 1) ** 2 for k in range(12)]


def beside_zero(x: Any, near: Any, function: Any) -> Any:
    """``function(x)/x``; by the series ``near`` around 0."""
    return either(np.abs(x) < 1, x, near, lambda x: function(x) / x, 1.0)


def berp_ratio(x: Any) -> Any:
    return beside_zero(x, lambda x: (x / 2) ** 2 * series((x / 2) ** 4, BER), sp.berp)


def beip_ratio(x: Any) -> Any:
    return beside_zero(x, lambda x: series((x / 2) ** 4, BEI), sp.beip)


# --- polynomials of shifted and scaled arguments (chapter 18), angles, profiles -------------


def profile(x: Any, s: Any, c: Any) -> tuple[Any, Any]:
    """``d/dζ`` and ``d/dσ`` of the profile, the real part of ``w(ζ/(σ√2))/(σ√2π)``, ζ = x + iγ.

    With Faddeeva's w, and far out by its asymptotic series, ``i/π Σ (2n-1)!! σ²ⁿ/ζ²ⁿ⁺¹``.
    """
    zeta = x + 1j * c
    far = np.abs(zeta) > 12 * np.abs(s)
    width, place = np.where(far, 1.0, s), np.where(far, 1.0, zeta)
    z = place / (width * math.sqrt(2))
    w = sp.wofz(z)
    slope = 2j / ROOT_PI - 2 * z * w
    along, across = slope / (2 * ROOT_PI * width**2), -(w + slope * z) / (width**2 * ROOT_2PI)
    zeta = np.where(far, zeta, 1.0)
    q = np.where(far, s, 0.0) / zeta
    odd = [odd_factorial(n) for n in range(24)]
    out = -1j / math.pi * series(q**2, [(2 * n + 1) * b for n, b in enumerate(odd)]) / zeta**2
    wide = 1j / math.pi * q * series(q**2, [2.0 * n * odd[n] for n in range(1, 24)]) / zeta**2
    return np.where(far, out, along), np.where(far, wide, across)
