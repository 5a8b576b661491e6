"""Functions of single elements.

Arguments come in one dtype, that of the answer where it is floating-point.  ONNX has no
float64 of many functions in runtimes; they are composed of those that every runtime has, so
that nothing of 1e-12 is lost.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from minigrad import ops
from minigrad.onnx.graph import Graph, Value
from minigrad.onnx.operators.arithmetic import ELEMENTWISE
from minigrad.ops.elementwise import bounded, branch
from minigrad.ops.record import Op
from minigrad.ops.special import CUBIC, ROOT, bent, saturating, tanh_gelu
from minigrad.typing import Array

Formula = Callable[..., Value]


def node(kind: str) -> Formula:
    """The operator of that name."""
    return lambda g, *args: g.op(kind, *args)


def double(x: Value) -> bool:
    return bool(x.dtype == np.float64)


def sign_of(g: Graph, x: Value, like: Value) -> Value:
    """``x``, negative where ``like`` is (−0 included)."""
    return g.Where(negative(g, like), -x, x)


def negative(g: Graph, x: Value) -> Value:
    """Whether the sign of ``x`` is −, that of −0 too."""
    if x.dtype.kind != "f":
        return x < 0
    return g.Or(x < 0, g.And(x.equals(0), g.number(1, x.dtype) / x < 0))


# --- exponentials and logarithms -------------------------------------------------------


def expm1(g: Graph, x: Value) -> Value:
    """``tanh(x/2) (exp(x) + 1)``, which is exact near 0 as well."""
    return g.Where(x > 40, g.Exp(x), g.Tanh(x * 0.5) * (g.Exp(x) + 1))


def log1p(g: Graph, x: Value) -> Value:
    """``x log(u) / (u − 1)`` with ``u = 1 + x`` (W. Kahan): the rounding of u cancels."""
    u = x + 1
    d = u - 1
    level = g.Or(d.equals(0), x > 1e15)
    return g.Where(level, g.Where(x > 1, g.Log(u), x), x * g.Log(u) / g.Where(level, u, d))


def softplus(g: Graph, x: Value) -> Value:
    return maximum(g, x, g.number(0, x.dtype)) + log1p(g, g.Exp(-g.Abs(x)))


def logaddexp(g: Graph, x: Value, y: Value) -> Value:
    """``max + log(1 + exp(−|x − y|))``; two equal infinities have no difference."""
    gap = g.Where(x.equals(y), g.number(0, x.dtype), g.Abs(x - y))
    return g.Max(x, y) + log1p(g, g.Exp(-gap))


def logaddexp2(g: Graph, x: Value, y: Value) -> Value:
    return logaddexp(g, x * math.log(2), y * math.log(2)) * (1 / math.log(2))


# --- trigonometry ----------------------------------------------------------------------


def tan(g: Graph, x: Value) -> Value:
    return g.Sin(x) / g.Cos(x)


def arctan(g: Graph, x: Value) -> Value:
    """In float64 one step of Newton's method from the value in float32."""
    if not double(x):
        return g.Atan(x)
    x = g.Max(g.Min(x, g.number(1e300, x.dtype)), g.number(-1e300, x.dtype))
    y = g.cast(g.Atan(g.cast(x, np.float32)), np.float64)
    s, c = g.Sin(y), g.Cos(y)
    large = g.Abs(x) > 1e7
    wide = g.Where(large, g.number(1, x.dtype), x)
    step = (wide * c - s) / (c + wide * s)
    far = sign_of(g, g.number(math.pi / 2, x.dtype), x) - g.number(1, x.dtype) / g.Where(
        large, x, wide * 0 + 1
    )
    return g.Where(large, far, y + step)


def arcsin(g: Graph, x: Value) -> Value:
    return arctan(g, x / g.Sqrt((1 - x) * (1 + x))) if double(x) else g.Asin(x)


def arccos(g: Graph, x: Value) -> Value:
    return 2 * arctan(g, g.Sqrt((1 - x) / (1 + x))) if double(x) else g.Acos(x)


def arctan2(g: Graph, y: Value, x: Value) -> Value:
    """By quadrants; the signs of zeros count, as NumPy has it."""
    none = g.And(x.equals(0), y.equals(0))
    ratio = g.Abs(y) / g.Where(none, g.number(1, x.dtype), g.Abs(x))
    endless = g.And(g.Abs(x).equals(math.inf), g.Abs(y).equals(math.inf))
    angle = arctan(g, g.Where(endless, g.number(1, x.dtype), ratio))
    return sign_of(g, g.Where(negative(g, x), math.pi - angle, angle), y)


def sinh(g: Graph, x: Value) -> Value:
    """``(u + u / (u + 1)) / 2`` with ``u = exp|x| − 1``, and the sign of x."""
    if not double(x):
        return g.Sinh(x)
    u = expm1(g, g.Abs(x))
    ans = 0.5 * (u + g.Where(u > 1e300, g.number(1, x.dtype), u / (u + 1)))
    return sign_of(g, ans, x)


def cosh(g: Graph, x: Value) -> Value:
    return 0.5 * (g.Exp(x) + g.Exp(-x)) if double(x) else g.Cosh(x)


def arcsinh(g: Graph, x: Value) -> Value:
    """``log(1 + a + a² / (1 + √(1 + a²)))`` with ``a = |x|``, and the sign of x."""
    if not double(x):
        return g.Asinh(x)
    a = g.Abs(x)
    large = a > 1e8
    b = g.Where(large, g.number(1, x.dtype), a)
    near = log1p(g, b + b * b / (1 + g.Sqrt(b * b + 1)))
    return sign_of(g, g.Where(large, g.Log(a) + math.log(2), near), x)


def arccosh(g: Graph, x: Value) -> Value:
    """``log(1 + t + √(2t + t²))`` with ``t = x − 1``."""
    if not double(x):
        return g.Acosh(x)
    large = x > 1e8
    t = g.Where(large, g.number(1, x.dtype), x) - 1
    near = log1p(g, t + g.Sqrt(2 * t + t * t))
    return g.Where(large, g.Log(g.Max(x, g.number(1, x.dtype))) + math.log(2), near)


def arctanh(g: Graph, x: Value) -> Value:
    return 0.5 * log1p(g, 2 * x / (1 - x)) if double(x) else g.Atanh(x)


def sinc(g: Graph, x: Value) -> Value:
    z = g.Where(x.equals(0), g.number(1, x.dtype), x) * math.pi
    return g.Where(x.equals(0), g.number(1, x.dtype), g.Sin(z) / z)


def hypot(g: Graph, x: Value, y: Value) -> Value:
    """``m √((x/m)² + (y/m)²)`` with the larger of both, which does not overflow."""
    m = g.Max(g.Abs(x), g.Abs(y))
    endless = g.Or(g.Abs(x).equals(math.inf), g.Abs(y).equals(math.inf))
    by = g.Where(g.Or(m.equals(0), endless), g.number(1, m.dtype), m)
    a, b = x / by, y / by
    return g.Where(endless, g.number(math.inf, m.dtype), by * g.Sqrt(a * a + b * b))


# --- the error function ----------------------------------------------------------------


@functools.cache
def erfcx_coefficients() -> Array:
    """Chebyshev coefficients of ``exp(z²) erfc(z)`` for z from 0 to 6, in ``8 / (z + 2) − 2.5``."""
    interpolate = np.polynomial.chebyshev.chebinterpolate

    def scaled(s: Array) -> Array:
        z = 4 / (s * 0.75 + 1.25) - 2
        return np.array([math.exp(v * v) * math.erfc(v) for v in z])

    return interpolate(scaled, 26)


def erf(g: Graph, x: Value) -> Value:
    """In float64 ``1 − exp(−z²) p(z)`` with a polynomial p, summed as Clenshaw does."""
    if not double(x):
        return g.Erf(x)
    z = g.Min(g.Abs(x), g.number(6, x.dtype))
    s = (4 / (z + 2) - 1.25) * (1 / 0.75)
    c = erfcx_coefficients()
    b1, b2 = s * 0, s * 0
    for k in c[:0:-1]:
        b1, b2 = 2 * s * b1 - b2 + float(k), b1
    return sign_of(g, 1 - g.Exp(-(z * z)) * (s * b1 - b2 + float(c[0])), x)


# --- rounding and remainders -----------------------------------------------------------


def trunc(g: Graph, x: Value) -> Value:
    return sign_of(g, g.Floor(g.Abs(x)), x)


def remainder(g: Graph, x: Value, y: Value) -> Value:
    """With the sign of ``y``."""
    if x.dtype.kind != "f":
        return g.Mod(x, y)
    r = g.Mod(x, y, fmod=1)
    other = g.And(g.Not(r.equals(0)), g.Xor(r < 0, y < 0))
    return g.Where(other, r + y, r)


def floor_divide(g: Graph, x: Value, y: Value) -> Value:
    """``(x − x mod y) / y``, which is whole but for rounding."""
    q = (x - remainder(g, x, y)) / y
    return g.Where(y.equals(0), x / y, g.Round(q)) if x.dtype.kind == "f" else q


def rounded(g: Graph, a: Value, decimals: int = 0) -> Value:
    if a.dtype.kind != "f" and decimals >= 0:
        return a
    factor = 10.0 ** abs(decimals)
    if decimals >= 0:
        return g.Round(a * factor) / factor if decimals else g.Round(a)
    return g.Round(a / factor) * factor


def heaviside(g: Graph, x: Value, at: Value) -> Value:
    one, zero = g.number(1, x.dtype), g.number(0, x.dtype)
    return g.Where(x > 0, one, g.Where(x < 0, zero, g.Where(x.equals(0), at, x)))


# --- choosing --------------------------------------------------------------------------


def extreme(kind: str) -> Formula:
    """The larger or smaller of two, NaN where one is."""

    def formula(g: Graph, x: Value, y: Value) -> Value:
        if x.dtype.kind == "b":
            return g.Or(x, y) if kind == "Max" else g.And(x, y)
        ans = g.op(kind, x, y)
        if x.dtype.kind != "f":
            return ans
        return g.Where(g.IsNaN(x), x, g.Where(g.IsNaN(y), y, ans))

    return formula


def without_nan(kind: str) -> Formula:
    """The larger or smaller of two; one that is NaN does not count."""
    of = extreme(kind)
    return lambda g, x, y: g.Where(g.IsNaN(x), y, g.Where(g.IsNaN(y), x, of(g, x, y)))


maximum: Formula = extreme("Max")
minimum: Formula = extreme("Min")


def clip(g: Graph, x: Value, low: Value, high: Value) -> Value:
    return minimum(g, maximum(g, x, low), high)


def nan_to_num(
    g: Graph,
    x: Value,
    copy: bool = True,
    nan: Array = 0.0,
    posinf: Array = None,
    neginf: Array = None,
) -> Value:
    if x.dtype.kind != "f":
        return x
    top = np.finfo(x.dtype).max
    ends = (top if posinf is None else posinf, -top if neginf is None else neginf)
    x = g.Where(x.equals(math.inf), g.number(ends[0], x.dtype), x)
    x = g.Where(x.equals(-math.inf), g.number(ends[1], x.dtype), x)
    return g.Where(g.IsNaN(x), g.number(nan, x.dtype), x)


def either(whole: Formula, truth: Formula) -> Formula:
    """A formula of numbers, and that of truth values."""
    return lambda g, *xs: (truth if xs[0].dtype.kind == "b" else whole)(g, *xs)


def relu(g: Graph, x: Value) -> Value:
    return g.Relu(x) if x.dtype.kind == "f" else g.Max(x, g.number(0, x.dtype))


LOGICAL = ("And", "Or", "Xor", "Not")

FORMULAS: dict[Op, Formula] = {
    **{op: node(name) for name, op in ELEMENTWISE.items() if name not in LOGICAL},
    # arithmetic
    ops.add: either(node("Add"), node("Or")),
    ops.multiply: either(node("Mul"), node("And")),
    ops.divide: node("Div"),
    ops.floor_divide: floor_divide,
    ops.remainder: remainder,
    ops.fmod: lambda g, x, y: g.Mod(x, y, fmod=1),
    ops.positive: node("Identity"),
    ops.reciprocal: lambda g, x: 1 / x,
    ops.power: node("Pow"),
    ops.float_power: node("Pow"),
    ops.square: lambda g, x: x * x,
    ops.cbrt: lambda g, x: sign_of(g, g.Pow(g.Abs(x), g.number(1 / 3, x.dtype)), x),
    ops.hypot: hypot,
    # exponentials and logarithms
    ops.exp2: lambda g, x: g.Pow(g.number(2, x.dtype), x),
    ops.expm1: expm1,
    ops.log2: lambda g, x: g.Log(x) * (1 / math.log(2)),
    ops.log10: lambda g, x: g.Log(x) * (1 / math.log(10)),
    ops.log1p: log1p,
    ops.logaddexp: logaddexp,
    ops.logaddexp2: logaddexp2,
    # trigonometry
    ops.tan: tan,
    ops.arcsin: arcsin,
    ops.arccos: arccos,
    ops.arctan: arctan,
    ops.arctan2: arctan2,
    ops.sinh: sinh,
    ops.cosh: cosh,
    ops.arcsinh: arcsinh,
    ops.arccosh: arccosh,
    ops.arctanh: arctanh,
    ops.deg2rad: lambda g, x: x * (math.pi / 180),
    ops.radians: lambda g, x: x * (math.pi / 180),
    ops.rad2deg: lambda g, x: x * (180 / math.pi),
    ops.degrees: lambda g, x: x * (180 / math.pi),
    ops.sinc: sinc,
    # signs and steps
    ops.fabs: node("Abs"),
    ops.sign: lambda g, x: g.Where(g.IsNaN(x), x, g.Sign(x)) if x.dtype.kind == "f" else g.Sign(x),
    ops.trunc: trunc,
    ops.round: rounded,
    ops.copysign: lambda g, x, y: sign_of(g, g.Abs(x), y),
    ops.heaviside: heaviside,
    # choosing
    ops.maximum: maximum,
    ops.minimum: minimum,
    ops.fmax: without_nan("Max"),
    ops.fmin: without_nan("Min"),
    bounded: clip,
    ops.nan_to_num: nan_to_num,
    # complex numbers that are real
    ops.real: node("Identity"),
    ops.imag: lambda g, x: x * 0,
    ops.conjugate: node("Identity"),
    # networks
    ops.log_sigmoid: lambda g, x: -softplus(g, -x),
    ops.softplus: softplus,
    ops.relu: relu,
    ops.erf: erf,
    tanh_gelu: lambda g, x: 0.5 * x * (1 + g.Tanh(ROOT * (x + CUBIC * x * x * x))),
    bent: lambda g, x, slope: g.Where(x > 0, x, slope * x),
    saturating: lambda g, x, alpha: g.Where(
        x > 0, x, alpha * expm1(g, g.Min(x, g.number(0, x.dtype)))
    ),
    # truth values and bits
    **{
        ELEMENTWISE[f"Bitwise{name}"]: either(node(f"Bitwise{name}"), node(name))
        for name in LOGICAL
    },
    ops.not_equal: lambda g, x, y: g.Not(x.equals(y)),
    ops.isinf: lambda g, x: g.Abs(x).equals(math.inf),
    ops.isfinite: lambda g, x: (x - x).equals(0),
    ops.isposinf: lambda g, x: x.equals(math.inf),
    ops.isneginf: lambda g, x: x.equals(-math.inf),
    ops.signbit: negative,
    branch: lambda g, condition, x, y: g.Where(condition, x, y),
}
"""Op -> its formula, of arguments in one dtype."""

FLOATING = frozenset({ops.isnan, ops.isinf, ops.isfinite, ops.isposinf, ops.isneginf, ops.signbit})
"""Ops that whole numbers are made floating-point for."""

TRUTH: dict[Op, Formula] = {ELEMENTWISE[name]: node(name) for name in LOGICAL}
"""Op -> its formula, of arguments made truth values."""
