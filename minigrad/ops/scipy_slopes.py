"""Derivatives of SciPy's special functions that take more than a line.

Where a formula is 0/0, or cancels, a series or another function stands in its place.  The
chapters are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special as sp

from minigrad.typing import Array, Function

ROOT_PI, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)


# --- where a formula is 0/0, or cancels --------------------------------------------------


def either(inside: Array, x: Array, near: Function, far: Function, safe: float) -> Array:
    """``near(x)`` inside, ``far(x)`` elsewhere; ``safe`` is a place that both bear."""
    return np.where(inside, near(np.where(inside, x, safe)), far(np.where(inside, safe, x)))


def series(x: Array, coefficients: list[float]) -> Array:
    """A sum of rising powers of ``x``, by Horner's rule."""
    total = 0.0 * x
    for c in coefficients[::-1]:
        total = total * x + c
    return total


def odd_factorial(n: int) -> int:
    """``1 · 3 · 5 ⋯ (2n - 1)``."""
    return math.prod(range(1, 2 * n, 2))


# --- exponentials and logarithms ---------------------------------------------------------


def ratio(x: Array, y: Array) -> Array:
    """``x / y``, and 0 where x is."""
    return np.where(x == 0, 0.0, x / np.where(x == 0, 1.0, y))


def exprel_slope(x: Array) -> Array:
    """The derivative of ``(exp(x) - 1)/x``."""
    return either(
        np.abs(x) < 1,
        x,
        lambda x: sp.hyp1f1(2.0, 3.0, x) / 2,
        lambda x: (np.exp(x) * (x - 1) + 1) / x**2,
        -1.0,
    )


def power_by_exponent(log: Array, p: Array) -> Array:
    """The derivative of ``(exp(p log) - 1)/p`` by p; ``1/p²`` at the power 0, or infinite."""
    end, rising = np.isneginf(log), np.greater(p, 0)
    log = np.where(end, 1.0, log)
    inside = log**2 * exprel_slope(np.where(end, 1.0, p) * log)
    return np.where(end, np.where(rising, 1 / np.where(rising, p, 1.0) ** 2, np.inf), inside)


def root_by_exponent(y: Array, p: Array) -> Array:
    """The derivative of ``log(1 + p y)/p`` by p, where that is finite."""
    v = p * y
    return y**2 * either(
        np.abs(v) < 0.5,
        v,
        lambda v: -sp.hyp2f1(2.0, 2.0, 3.0, -v) / 2,
        lambda v: (v / (1 + v) - np.log1p(v)) / v**2,
        0.5,
    )


def base_by_exponent(base: Array, y: Array, p: Array) -> Array:
    """The derivative of ``base = (1 + p y)^(1/p)`` by p; its right limit where base is 0."""
    end = np.equal(p * y, -1)
    away = np.where(end, p, 1.0)
    limit = y / away * np.where(end, base, 1.0) ** (1 - away)
    return np.where(end, limit, base * root_by_exponent(np.where(end, 0.0, y), p))


def huber_by_width(d: Array, r: Array) -> Array:
    """``∂/∂δ δ²(√(1 + (r/δ)²) - 1)``, as ``r⁴/(h (h + δ)²)`` with h = √(δ² + r²)."""
    h = np.hypot(d, r)
    none = np.equal(h, 0)
    safe = np.where(none, 1.0, h)
    return np.where(none, 0.0, r) ** 4 / (safe * (safe + d) ** 2)


# --- degrees -----------------------------------------------------------------------------

DEGREE = math.pi / 180


# --- gamma and beta functions (chapters 5 and 8) -----------------------------------------


def rgamma_slope(g: Array, ans: Array, x: Array) -> Array:
    """``-ψ(x)/Γ(x)``; on the left by reflection, ``1/Γ(x) = Γ(1 - x) sin(πx)/π``."""

    def reflected(x: Array) -> Array:
        turn = np.cos(math.pi * x) - np.sin(math.pi * x) / math.pi * sp.psi(1 - x)
        return sp.gamma(1 - x) * turn

    return g * either(x < 0.5, x, reflected, lambda x: -sp.psi(x) * sp.rgamma(x), 0.5)


def lower_density(a: Array, x: Array) -> Array:
    """``x^(a-1) exp(-x) / Γ(a)``."""
    return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def beta_density(a: Array, b: Array, x: Array) -> Array:
    """``x^(a-1) (1-x)^(b-1) / B(a, b)``."""
    return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


# --- distributions whose functions these are ---------------------------------------------


def student_density(n: Array, t: Array) -> Array:
    """The density of Student's distribution with n degrees of freedom."""
    log = -sp.betaln(n / 2, 0.5) - np.log(n) / 2
    return np.exp(log - (n + 1) / 2 * np.log1p(t**2 / n))


def fisher_density(n: Array, m: Array, x: Array) -> Array:
    """The density of Fisher's F distribution."""
    share = n * x / (n * x + m)
    return beta_density(n / 2, m / 2, share) * n * m / (n * x + m) ** 2


def gamma_by_rate(a: Array, b: Array, x: Array) -> Array:
    """``x`` times the density at ``a x``; 0 at 0, where that is infinite."""
    return x * lower_density(b, np.where(np.equal(x, 0) & np.less(b, 1), 1.0, a * x))


# --- exponential, logarithmic and trigonometric integrals (chapter 6) --------------------


def expn_slope(g: Array, ans: Array, n: Array, x: Array) -> Array:
    """``-E(n-1, x)``; ``E(0, x)`` is ``exp(-x)/x``."""
    lower = sp.expn(np.where(n < 1, 0, n - 1), x)
    return -g * np.where(n < 1, np.exp(-x) * (1 / x + 1 / x**2), lower)


# --- Bessel functions (chapter 10) -------------------------------------------------------


def struve_part(v: Array, x: Array) -> Array:
    """What the derivatives of Struve functions have beside their neighbours (11.4)."""
    return (x / 2) ** v / (ROOT_PI * sp.gamma(v + 1.5))


# --- elliptic integrals (chapter 19) -----------------------------------------------------


# --- orthogonal polynomials (chapter 18) -------------------------------------------------


def below(n: Array, value: Array) -> Array:
    """``value``, the polynomial of degree n - 1, and 0 where there is none."""
    return np.where(n == 0, 0.0, value)


def lower(n: Array) -> Array:
    """The degree below ``n``, 0 at least."""
    return np.where(n == 0, n, n - 1)


# --- more distributions, and their inverses ----------------------------------------------


def normal_slope(z: Array) -> Array:
    """``dz/dp`` at ``z = ndtri(p)``."""
    return ROOT_2PI * np.exp(z**2 / 2)


def poisson_mixture(x: Array, n: Array, c: Array) -> Array:
    """The density of the noncentral χ² distribution: by a series in ``c x``, far out by I's."""

    def near(z: Array) -> Array:
        return lower_density(n / 2, x / 2) * np.exp(-c / 2) * sp.hyp0f1(n / 2, z / 4)

    def far(z: Array) -> Array:
        root, share = np.sqrt(z), np.where(inside, 1.0, x) / np.where(inside, 1.0, c)
        log = root - (x + c) / 2 + (n / 4 - 0.5) * np.log(share)
        return np.exp(log) * sp.ive(n / 2 - 1, root)

    inside = c * x < 1
    return 0.5 * either(inside, c * x, near, far, 1.0)


def tukey_slope(g: Array, ans: Array, x: Array, lam: Array) -> Array:
    """One over the slope ``p^(λ-1) + (1-p)^(λ-1)`` of the quantiles; 0 beyond the last ones."""
    beyond = lam * np.abs(x) > 1
    p = np.where(beyond, 0.5, ans)
    return g * np.where(beyond, 0.0, 1 / (p ** (lam - 1) + (1 - p) ** (lam - 1)))


# --- Kelvin functions, integrals of Bessel and Struve functions (chapters 10 and 11) --------

BER = [(-1) ** k * k / math.factorial(2 * k) ** 2 for k in range(1, 7)]
BEI = [(-1) ** k * (k + 0.5) / math.factorial(2 * k + 1) ** 2 for k in range(6)]
H0 = [(-1) ** k * 2 / math.pi / odd_factorial(k + 1) ** 2 for k in range(12)]


def beside_zero(x: Array, near: Array, function: Function) -> Array:
    """``function(x)/x``; by the series ``near`` around 0."""
    return either(np.abs(x) < 1, x, near, lambda x: function(x) / x, 1.0)


def berp_ratio(x: Array) -> Array:
    return beside_zero(x, lambda x: (x / 2) ** 2 * series((x / 2) ** 4, BER), sp.berp)


def beip_ratio(x: Array) -> Array:
    return beside_zero(x, lambda x: series((x / 2) ** 4, BEI), sp.beip)


# --- polynomials of shifted and scaled arguments (chapter 18), angles, profiles -------------


def profile(x: Array, s: Array, c: Array) -> tuple[Array, Array]:
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


# --- binomials beside their zeros, noncentral distributions, Kolmogorov's -------------------


def binom_slope(ans: Array, n: Array, e: Array) -> Array:
    """``-binom(n, k) ψ(e)`` for e = k + 1 or n - k + 1; finite where binom is 0 and ψ is not."""
    inside = (e < 0.5) & (n > -1)
    top, low = np.where(inside, n, 0.0), np.where(inside, e, 0.0)
    beyond = np.exp(sp.gammaln(top + 1) - sp.gammaln(top + 2 - low)) * rgamma_slope(1.0, ans, low)
    return np.where(inside, beyond, -ans * sp.psi(np.where(inside, 1.0, e)))


def mixture_by_centre(ans: Array, x: Array, n: Array, c: Array) -> Array:
    """The derivative of the noncentral χ² distribution by its noncentrality."""
    return (sp.chndtr(x, n + 2, c) - ans) / 2


def student_mixture(n: Array, d: Array, t: Array) -> Array:
    """The density of the noncentral Student distribution."""
    log = -(d**2) / 2 + np.log(n) * n / 2 - (n + 1) / 2 * np.log(n + t**2)
    z = d * t / np.sqrt(2 * (n + t**2))
    even = sp.hyp1f1((n + 1) / 2, 0.5, z**2) * sp.poch(n / 2, 0.5) / ROOT_PI
    return np.exp(log) * (even + z * n * sp.hyp1f1(n / 2 + 1, 1.5, z**2) / ROOT_PI)


def student_by_centre(n: Array, d: Array, t: Array) -> Array:
    """``-∂F/∂δ`` of the noncentral Student distribution, ``E φ(t √(V/n) - δ)``, V being χ²."""
    z = d * t / np.sqrt(2 * (n + t**2))
    even = sp.hyp1f1(n / 2, 0.5, z**2)
    odd = 2 * z * sp.poch(n / 2, 0.5) * sp.hyp1f1((n + 1) / 2, 1.5, z**2)
    log = n / 2 * (np.log(n) - np.log(n + t**2)) - d**2 / 2
    return np.exp(log) / ROOT_2PI * (even + odd)


def centre_slope(x: Array, n: Array, c: Array, p: Array) -> Array:
    """`mixture_by_centre` at the noncentrality of p; NaN where no noncentrality has that p."""
    reached = np.abs(sp.chndtr(x, n, c) - p) < 1e-6
    slope = (sp.chndtr(x, n + 2, c) - p) / 2
    return np.where(reached, slope, np.nan)


def fisher_mixture(n: Array, m: Array, c: Array, x: Array) -> Array:
    """The density of the noncentral F distribution."""
    share = n * x / (n * x + m)
    series = sp.hyp1f1((n + m) / 2, n / 2, c * share / 2)
    return np.exp(-c / 2) * fisher_density(n, m, x) * series


def fisher_by_centre(ans: Array, n: Array, m: Array, c: Array, x: Array) -> Array:
    """The derivative of the noncentral F distribution by its noncentrality."""
    return (sp.ncfdtr(n + 2, m, c, x * n / (n + 2)) - ans) / 2


def kolmogorov_slope(y: Array) -> Array:
    """``-8y Σ (-1)^(k-1) k² exp(-2k²y²)``; below 1 by Jacobi's transformation of that sum."""

    def near(y: Array) -> Array:
        u = math.pi**2 / (8 * y**2)
        odd = [(2 * k - 1) ** 2 for k in range(1, 6)]
        return -ROOT_2PI / y**2 * sum((2 * u * n - 1) * np.exp(-n * u) for n in odd)

    def far(y: Array) -> Array:
        return -8 * y * sum((-1) ** (k - 1) * k**2 * np.exp(-2 * (k * y) ** 2) for k in range(1, 6))

    slope = either(y < 1, y, lambda y: near(np.maximum(y, 0.02)), far, 1.0)
    return np.where(y > 0.02, slope, 0.0)


def smirnov_slope(n: Array, d: Array) -> Array:
    """The slope of ``(1-d)ⁿ + d Σ_j C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j)`` by d."""
    n, wide = np.floor(n), np.expand_dims(d, -1)
    j, m = np.arange(1, max(int(np.max(n)), 1) + 1), np.expand_dims(n, -1)
    share = j / np.maximum(m, 1)
    inside = (1 - wide - share > 0) & (j <= m)
    left, right = np.where(inside, 1 - wide - share, 1.0), wide + share
    few = np.where(inside, m - j, 0.0)
    log = -np.log(m + 1) - sp.betaln(few + 1, j + 1.0)
    term = np.exp(log + (j - 1) * np.log(right) + few * np.log(left))
    parts = term * (1 + wide * ((j - 1) / right - few / left))
    return np.sum(np.where(inside, parts, 0.0), axis=-1) - n * (1 - d) ** (n - 1)
