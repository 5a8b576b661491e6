"""SciPy's functions of several results: integrals, and solutions of differential equations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

from minigrad.ops.scipy_rows import several
from minigrad.ops.scipy_slopes import DEGREE, ROOT_PI
from minigrad.typing import Array, Function

several(
    sp.sici,
    lambda ans, x: np.sinc(x / math.pi),
    lambda ans, x: np.cos(x) / x,
    told="Sine and cosine integral ``(Si, Ci)`` | ``sin(x)/x`` and ``cos(x)/x`` | 0.920311",
)
several(
    sp.shichi,
    lambda ans, x: np.where(x == 0, 1.0, np.sinh(x) / np.where(x == 0, 1.0, x)),
    lambda ans, x: np.cosh(x) / x,
    told="Hyperbolic integrals ``(Shi, Chi)`` | ``sinh(x)/x`` and ``cosh(x)/x`` | 1.083691",
)
several(
    sp.fresnel,
    lambda ans, x: np.sin(math.pi / 2 * x**2),
    lambda ans, x: np.cos(math.pi / 2 * x**2),
    told="Fresnel's integrals ``(S, C)`` | ``sin(πx²/2)`` and ``cos(πx²/2)`` | 0.695913",
)
several(
    sp.airy,
    lambda ans, x: ans[1],
    lambda ans, x: x * ans[0],
    lambda ans, x: ans[3],
    lambda ans, x: x * ans[2],
    told="Airy's ``(Ai, Ai', Bi, Bi')`` | ``Ai'``, ``x·Ai``, ``Bi'`` and ``x·Bi`` | -0.199851",
)


# --- integrals of Bessel and Airy functions (chapters 9 and 10), Fresnel's beyond x (7) ------


def sine_of_zero(function: Function, x: Array) -> Array:
    """``(function(x) - 1)/x`` for an even function that is 1 at 0, its slope there being 0."""
    return np.where(x == 0, 0.0, (function(x) - 1) / np.where(x == 0, 1.0, x))


several(
    sp.iti0k0,
    lambda ans, x: sp.i0(x),
    lambda ans, x: sp.k0(x),
    told="``∫ I₀`` and ``∫ K₀`` from 0 to x | ``I₀(x)`` and ``K₀(x)`` | 1.126303",
)
several(
    sp.itj0y0,
    lambda ans, x: sp.j0(x),
    lambda ans, x: sp.y0(x),
    told="``∫ J₀`` and ``∫ Y₀`` from 0 to x | ``J₀(x)`` and ``Y₀(x)`` | 0.881201",
)
several(
    sp.it2i0k0,
    lambda ans, x: sine_of_zero(sp.i0, x),
    lambda ans, x: -sp.k0(x) / x,
    told="``∫ (I₀-1)/t`` up to x, ``∫ K₀/t`` beyond | ``(I₀(x) - 1)/x``, ``-K₀(x)/x`` | 0.180433",
)
several(
    sp.it2j0y0,
    lambda ans, x: -sine_of_zero(sp.j0, x),
    lambda ans, x: -sp.y0(x) / x,
    told="``∫ (1-J₀)/t`` up to x, ``∫ Y₀/t`` beyond | ``(1 - J₀(x))/x``, ``-Y₀(x)/x`` | 0.169713",
)
several(
    sp.itairy,
    lambda ans, x: sp.airy(x)[0],
    lambda ans, x: sp.airy(x)[2],
    lambda ans, x: sp.airy(-x)[0],
    lambda ans, x: sp.airy(-x)[2],
    told="``∫`` from 0 to x of ``Ai(±t), Bi(±t)`` | ``Ai(±x)`` and ``Bi(±x)`` | 0.189162",
)
several(
    sp.airye,
    lambda ans, x: ans[1] + np.sqrt(x) * ans[0],
    lambda ans, x: x * ans[0] + np.sqrt(x) * ans[1],
    lambda ans, x: ans[3] - np.sqrt(np.maximum(x, 0.0)) * ans[2],
    lambda ans, x: x * ans[2] - np.sqrt(np.maximum(x, 0.0)) * ans[3],
    told="Airy's functions, scaled by ``exp(±ζ)`` | as Airy's and ``±√x`` of each more | -0.061450",
)


def modified_fresnel(function: Function, sign: int, name: str) -> None:
    turn = sign * 1j
    several(
        function,
        lambda ans, x: -np.exp(turn * x**2),
        lambda ans, x: -2 * turn * x * ans[1] - np.exp(-turn * math.pi / 4) / ROOT_PI,
        told=f"Fresnel's ``(F, K)`` beyond x, of sign {name} | ``-exp({name}ix²)`` and "
        f"``-({name}2i)x K - exp(-({name}i)π/4)/√π`` | -0.882333",
        complex=True,
    )


modified_fresnel(sp.modfresnelp, 1, "+")
modified_fresnel(sp.modfresnelm, -1, "-")


# --- given with their slopes: the second derivative is the equation's ------------------------


def equation(function: Function, second: Function, told: str, at: tuple[float, ...]) -> None:
    """Record of a function that SciPy gives with its slope; ``second(y, slope, *arguments)``."""
    several(
        function,
        lambda ans, *args: ans[1],
        lambda ans, *args: second(ans[0], ans[1], *args),
        told=told,
        at=at,
    )


several(
    sp.kelvin,
    lambda ans, x: ans[2],
    lambda ans, x: ans[3],
    lambda ans, x: 1j * ans[0] - ans[2] / x,
    lambda ans, x: 1j * ans[1] - ans[3] / x,
    told="Kelvin's ``(Be, Ke, Be', Ke')`` | the slopes, and ``i Be - Be'/x`` of these | -0.021433",
    complex=True,
)
equation(
    sp.pbdv,
    lambda y, slope, v, x: (x**2 / 4 - v - 0.5) * y,
    "Whittaker's ``(D_v, D_v')`` | the slope, and ``(x²/4 - v - 1/2) D_v`` | 1.196975",
    (1.5, 0.7),
)
equation(
    sp.pbvv,
    lambda y, slope, v, x: (x**2 / 4 - v - 0.5) * y,
    "Whittaker's ``(V_v, V_v')`` | the slope, and ``(x²/4 - v - 1/2) V_v`` | 0.163434",
    (1.5, 0.7),
)
equation(
    sp.pbwa,
    lambda y, slope, a, x: (a - x**2 / 4) * y,
    "Whittaker's ``(W, W')`` | the slope, and ``(a - x²/4) W`` | -0.339933",
    (0.5, 0.7),
)


# --- Mathieu's functions, x in degrees (28.2, 28.20), spheroidal wave functions (30.2) -------


def mathieu(function: Function, characteristic: Function, told: str) -> None:
    """``y″ = -(a - 2q cos 2x) y``; SciPy's x is in degrees, its slope in radians."""
    several(
        function,
        lambda ans, m, q, x: ans[1] * DEGREE,
        lambda ans, m, q, x: -(characteristic(m, q) - 2 * q * sp.cosdg(2 * x)) * ans[0] * DEGREE,
        told=told,
        at=(2, 0.5, 30.0),
    )


def modified_mathieu(function: Function, characteristic: Function, told: str) -> None:
    """``y″ = (a - 2q cosh 2x) y``."""
    equation(
        function,
        lambda y, slope, m, q, x: (characteristic(m, q) - 2 * q * np.cosh(2 * x)) * y,
        told,
        (2, 0.5, 0.7),
    )


def sine_value(m: Array, q: Array) -> Array:
    """Mathieu's characteristic value b; any for m = 0, of which the sine is 0."""
    return np.where(np.equal(m, 0), 0.0, sp.mathieu_b(np.maximum(m, 1), q))


WAVE = "| the slope, and ``-(a - 2q cos 2x) y``, by degrees |"
mathieu(sp.mathieu_cem, sp.mathieu_a, f"Mathieu's ``(ce, ce')`` {WAVE} -0.027262")
mathieu(sp.mathieu_sem, sine_value, f"Mathieu's ``(se, se')`` {WAVE} 0.018822")
WAVE = "and its slope | the slope, and ``(a - 2q cosh 2x) y`` |"
modified_mathieu(sp.mathieu_modcem1, sp.mathieu_a, f"Mathieu's modified ``Mc¹`` {WAVE} 0.313327")
modified_mathieu(sp.mathieu_modcem2, sp.mathieu_a, f"Mathieu's modified ``Mc²`` {WAVE} 1.354731")
modified_mathieu(sp.mathieu_modsem1, sp.mathieu_b, f"Mathieu's modified ``Ms¹`` {WAVE} 0.382683")
modified_mathieu(sp.mathieu_modsem2, sp.mathieu_b, f"Mathieu's modified ``Ms²`` {WAVE} 1.295557")


def angular(x: Array, y: Array, slope: Array, m: Array, known: Array, share: Array) -> Array:
    """``((1 - x²) y′)′ + (λ - share - m²/(1 - x²)) y = 0``; the prolate radial one, too."""
    width = 1 - x**2
    return (2 * x * slope - (known - share - m**2 / width) * y) / width


def radial(x: Array, y: Array, slope: Array, m: Array, known: Array, share: Array) -> Array:
    """``((1 + x²) y′)′ - (λ + share - m²/(1 + x²)) y = 0``, of oblate coordinates."""
    width = 1 + x**2
    return ((known + share - m**2 / width) * y - 2 * x * slope) / width


def spheroidal(function: Any, value: Any, sign: int, form: Any, x: float, told: str) -> None:
    """Of ``m, n, c, x``, or ``m, n, c, λ, x``; ``share`` is ``c²x²``, negative if oblate.

    SciPy's functions of another λ are nearer to the equation of the true one than of theirs.
    SciPy's functions of the second kind are not held to the equation, and have no row.
    """

    def second(y: Array, slope: Array, m: Array, n: Array, c: Array, *rest: Array) -> Array:
        return form(rest[-1], y, slope, m, value(m, n, c), sign * (c * rest[-1]) ** 2)

    known = [float(value(1, 2, 0.7))] if function.nin == 5 else []
    equation(function, second, told, (1, 2, 0.7, *known, x))


for _end in ("", "_cv"):
    for _name, _value, _sign, _form, _x, _told in (
        ("pro_ang1", sp.pro_cv, 1, angular, 0.5, "The prolate angular function {} 1.672055"),
        ("pro_rad1", sp.pro_cv, 1, angular, 1.5, "The prolate radial function {} 0.090905"),
        ("obl_ang1", sp.obl_cv, -1, angular, 0.5, "The oblate angular function {} 1.793307"),
        ("obl_rad1", sp.obl_cv, -1, radial, 0.5, "The oblate radial function {} 0.041960"),
    ):
        _told = _told.format("and its slope | the slope, and the equation's second derivative |")
        spheroidal(getattr(sp, _name + _end), _value, _sign, _form, _x, _told)
