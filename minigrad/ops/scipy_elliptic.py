"""SciPy's elliptic integrals and functions (chapter 19 and 22 of https://dlmf.nist.gov)."""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy.special as sp

from minigrad.ops.record import primitive
from minigrad.ops.scipy_rows import row
from minigrad.ops.shape import unbroadcast
from minigrad.typing import Array, Function


def half_turns(phi: Array) -> tuple[Array, Array]:
    """``φ = kπ + ψ`` with ψ between -π/2 and π/2: k, and ψ."""
    k = np.round(phi / math.pi)
    return k, phi - k * math.pi


def k_slope(p: Array) -> Array:
    """``dK/dm`` at ``m = 1 - p``; K is ``R_F(0, 1 - m, 1)`` (19.25)."""
    return sp.elliprd(0.0, 1.0, p) / 6


def e_slope(m: Array) -> Array:
    """``dE/dm``."""
    return -sp.elliprd(0.0, 1 - m, 1.0) / 6


def f_by_m(phi: Array, m: Array) -> Array:
    """The derivative of the incomplete integral F by its parameter."""
    k, psi = half_turns(phi)
    s, c = np.sin(psi), np.cos(psi)
    return s**3 / 6 * sp.elliprd(c**2, 1.0, 1 - m * s**2) + turned(k, k_slope, 1 - m)


def e_by_m(phi: Array, m: Array) -> Array:
    """The derivative of the incomplete integral E by its parameter."""
    k, psi = half_turns(phi)
    s, c = np.sin(psi), np.cos(psi)
    return turned(k, e_slope, m) - s**3 / 6 * sp.elliprd(c**2, 1 - m * s**2, 1.0)


def turned(k: Array, slope: Function, m: Array) -> Array:
    """The contribution of ``k`` half periods: ``2 k slope(m)``."""
    return np.where(k == 0, 0.0, 2 * k * slope(np.where(k == 0, 0.5, m)))


row(sp.ellipk, lambda g, ans, m: g * k_slope(1 - m))
row(sp.ellipkm1, lambda g, ans, p: -g * k_slope(p))
row(sp.ellipe, lambda g, ans, m: g * e_slope(m))
row(
    sp.ellipkinc,
    lambda g, ans, phi, m: g / np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda g, ans, phi, m: g * f_by_m(phi, m),
)
row(
    sp.ellipeinc,
    lambda g, ans, phi, m: g * np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda g, ans, phi, m: g * e_by_m(phi, m),
)


# --- Carlson's symmetric integrals (19.16, 19.18) ----------------------------------------

STEP = 0.5
SAMPLES = np.exp(np.arange(-90.0, 60.0, STEP))
"""Where integrands are sampled, relative to the largest argument."""


def symmetric(*factors: tuple[Array, float]) -> Array:
    """``∫ Π (t + x)^-power dt`` from 0 to ∞, over the factors ``(x, power)``.

    By the trapezoidal rule in log t, whose error is ``exp(-2π²/STEP)``: the integrand is
    analytic in a strip of width 2π.
    """
    shape = np.broadcast_shapes(*[np.shape(x) for x, _ in factors])
    each = [(np.broadcast_to(x, shape)[..., None], p) for x, p in factors]
    scale = functools.reduce(np.maximum, [x for x, _ in each])
    t = np.where(scale > 0, scale, 1.0) * SAMPLES
    total = STEP * np.sum(t * math.prod((t + x) ** -p for x, p in each), axis=-1)
    at_zero: Array = sum(p * (x[..., 0] == 0) for x, p in each)
    return np.where(at_zero < 1, total, np.inf)


def d_by_first(x: Array, y: Array, z: Array) -> Array:
    """``∂R_D/∂x``."""
    return -0.75 * symmetric((x, 1.5), (y, 0.5), (z, 1.5))


def d_by_last(x: Array, y: Array, z: Array) -> Array:
    """``∂R_D/∂z``."""
    return -2.25 * symmetric((x, 0.5), (y, 0.5), (z, 2.5))


def g_by_first(x: Array, y: Array, z: Array) -> Array:
    """``∂R_G/∂x``, ``(R_F - x R_D(y, z, x)/3)/4``; ``R_G`` is √x/2 where both others are 0."""
    alone = (y == 0) & (z == 0) & (x > 0)
    y = np.where(alone, 1.0, y)
    safe = np.where(x == 0, 1.0, x)
    return np.where(
        alone,
        0.25 / np.sqrt(np.where(alone, x, 1.0)),
        (sp.elliprf(x, y, z) - np.where(x == 0, 0.0, x * sp.elliprd(y, z, safe) / 3)) / 4,
    )


def j_by_first(ans: Array, x: Array, y: Array, z: Array, p: Array) -> Array:
    """``∂R_J/∂x``; the principal value by partial fractions where p < 0."""
    whole = np.where(p > 0, p, 1.0)
    far = (sp.elliprd(y, z, x) - ans) / (2 * np.where(p > 0, -1.0, x - p))
    return np.where(p > 0, -0.75 * symmetric((x, 1.5), (y, 0.5), (z, 0.5), (whole, 1.0)), far)


def j_by_last(ans: Array, x: Array, y: Array, z: Array, p: Array) -> Array:
    """``∂R_J/∂p``; where p < 0 by Euler's theorem, R_J being homogeneous of degree -3/2."""
    whole = np.where(p > 0, p, 1.0)
    shares = x * j_by_first(ans, x, y, z, p) + y * j_by_first(ans, y, x, z, p)
    far = -(1.5 * ans + shares + z * j_by_first(ans, z, x, y, p)) / np.where(p > 0, 1.0, p)
    return np.where(p > 0, -1.5 * symmetric((x, 0.5), (y, 0.5), (z, 0.5), (whole, 2.0)), far)


def c_by_first(ans: Array, x: Array, y: Array) -> Array:
    """``∂R_C/∂x``; the principal value where y < 0."""
    near, far = np.where(y > 0, y, 1.0), np.where(y > 0, -1.0, y)
    beyond = (ans - 1 / np.sqrt(np.where(y > 0, 1.0, x))) / (2 * (far - x))
    return np.where(y > 0, -sp.elliprd(near, near, x) / 6, beyond)


def c_by_last(ans: Array, x: Array, y: Array) -> Array:
    """``∂R_C/∂y``; the principal value where y < 0."""
    near, far = np.where(y > 0, y, 1.0), np.where(y > 0, -1.0, y)
    beyond = (np.sqrt(np.where(y > 0, 1.0, x)) / far - ans) / (2 * (far - x))
    return np.where(y > 0, -sp.elliprd(x, near, near) / 3, beyond)


TOLD = """{0} of every element, as `scipy.special.{1}`.

Derivative: {2}, one integral over t > 0
for each argument, summed in log t.

Parameters
----------
{3} : array_like

Raises
------
ValueError
    Where the shapes do not broadcast.
TypeError
    For complex numbers.

Examples
--------
>>> import minigrad as mg
>>> from minigrad.scipy import special
>>> print(f"{{mg.grad(special.{1})({4}):.6f}}")
{5}
"""
RD = TOLD.format(
    "Carlson's ``R_D(x, y, z)``",
    "elliprd",
    "``-3/4 ∫ (t + x)^-1.5 (t + y)^-0.5 (t + z)^-1.5 dt`` by x, and so on",
    "x1, x2, x3",
    "1.0, 2.0, 3.0",
    "-0.067163",
)
RJ = TOLD.format(
    "Carlson's ``R_J(x, y, z, p)``",
    "elliprj",
    "``-3/4 ∫ (t + x)^-1.5 (t + y)^-0.5 (t + z)^-0.5 (t + p)^-1 dt`` by x, and so on",
    "x1, x2, x3, x4",
    "1.0, 2.0, 3.0, 4.0",
    "-0.053211",
)
row(
    sp.elliprf,
    lambda g, ans, x, y, z: -g * sp.elliprd(y, z, x) / 6,
    lambda g, ans, x, y, z: -g * sp.elliprd(x, z, y) / 6,
    lambda g, ans, x, y, z: -g * sp.elliprd(x, y, z) / 6,
)
row(
    sp.elliprd,
    lambda g, ans, x, y, z: g * d_by_first(x, y, z),
    lambda g, ans, x, y, z: g * d_by_first(y, x, z),
    lambda g, ans, x, y, z: g * d_by_last(x, y, z),
    doc=RD,
)
row(
    sp.elliprg,
    lambda g, ans, x, y, z: g * g_by_first(x, y, z),
    lambda g, ans, x, y, z: g * g_by_first(y, x, z),
    lambda g, ans, x, y, z: g * g_by_first(z, x, y),
)
row(
    sp.elliprj,
    lambda g, ans, x, y, z, p: g * j_by_first(ans, x, y, z, p),
    lambda g, ans, x, y, z, p: g * j_by_first(ans, y, x, z, p),
    lambda g, ans, x, y, z, p: g * j_by_first(ans, z, x, y, p),
    lambda g, ans, x, y, z, p: g * j_by_last(ans, x, y, z, p),
    doc=RJ,
)
row(
    sp.elliprc,
    lambda g, ans, x, y: g * c_by_first(ans, x, y),
    lambda g, ans, x, y: g * c_by_last(ans, x, y),
)


def mean_slope(ans: Array, a: Array, b: Array) -> Array:
    """``∂/∂a`` of the mean of a and b; along both axes that is 0, and its slope infinite."""
    end = np.equal(a, 0) | np.equal(b, 0)
    a, b = np.where(end, 1.0, a), np.where(end & np.equal(b, 0), 0.0, np.where(end, np.inf, b))
    whole = np.where(end, 1.0, b)
    slope = ans**2 * 2 * np.abs(a) / (3 * math.pi) * sp.elliprd(0.0, whole**2, a**2)
    return np.where(end, b, slope)


row(
    sp.agm,
    lambda g, ans, a, b: g * mean_slope(ans, a, b),
    lambda g, ans, a, b: g * mean_slope(ans, b, a),
)


# --- Jacobi's elliptic functions (22.13) -------------------------------------------------


def jacobi_slope(g: Array, ans: Array, m: Array, turned: Array) -> Array:
    """What ``g`` says of m and φ, where φ moves by ``turned``; but for ``∂dn/∂m`` at a fixed φ."""
    sn, cn, dn, _ = ans
    return (g[0] * cn - g[1] * sn - g[2] * m * sn * cn / dn + g[3]) * turned


def jacobi_by_u(g: Array, ans: Array, u: Array, m: Array) -> Array:
    return unbroadcast(jacobi_slope(g, ans, m, ans[2]), np.shape(u))


def jacobi_by_m(g: Array, ans: Array, u: Array, m: Array) -> Array:
    """``u = F(φ, m)``, so that ``∂φ/∂m = -dn ∂F/∂m``."""
    turned = -ans[2] * f_by_m(ans[3], m)
    held = -g[2] * ans[0] ** 2 / (2 * ans[2])
    return unbroadcast(held + jacobi_slope(g, ans, m, turned), np.shape(m))


@primitive(sp.ellipj, vjps=(jacobi_by_u, jacobi_by_m), name="special.ellipj", fresh=True)
def ellipj(u: Array, m: Array) -> Array:
    """Jacobi's ``(sn, cn, dn, φ)``, as `scipy.special.ellipj`.

    Derivatives: by u ``cn dn``, ``-sn dn``, ``-m sn cn``, ``dn``; by m those of φ times
    ``∂φ/∂m = -dn ∂F(φ, m)/∂m``, and ``-sn²/(2 dn)`` more for dn.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.scipy import special
    >>> print(f"{mg.grad(lambda u: special.ellipj(u, 0.5)[0])(0.7):.6f}")
    0.700908
    """
    return sp.ellipj(u, m)
