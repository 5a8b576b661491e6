"""Elementwise functions: one row each, the derivative as a textbook prints it.

In every rule ``g`` is the gradient of the output, ``ans`` the output, ``x`` and ``y``
the inputs.  Broadcasting is the engine's business.  Where a function has a kink, the
convention stands in ``docs/conventions.md``.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.ops.kinds import conjugated
from minigrad.ops.record import (
    ArrayLike,
    Kink,
    Op,
    composed,
    elementwise,
    is_complex,
    plain,
    primitive,
)
from minigrad.ops.shape import speaks_numpy
from minigrad.typing import Array

ndarray = np.ndarray
LN2, LN10 = math.log(2.0), math.log(10.0)
DEGREE = math.pi / 180


def zero(g: Array, ans: Array, *args: Array, **kwargs: Any) -> Array:
    """The rule of what is constant between its jumps."""
    return np.zeros_like(ans)


# --- arithmetic ------------------------------------------------------------------------

add: Op = elementwise(
    np.add,
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: g,
    forward=operator.add,
    symbol="+",
    linear="jointly",
    complex=True,
)
subtract: Op = elementwise(
    np.subtract,
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g,
    forward=operator.sub,
    symbol="-",
    linear="jointly",
    complex=True,
)
multiply: Op = elementwise(
    np.multiply,
    lambda g, ans, x, y: g * y,
    lambda g, ans, x, y: g * x,
    forward=operator.mul,
    symbol="*",
    complex=True,
)
divide: Op = elementwise(
    np.divide,
    lambda g, ans, x, y: g / y,
    lambda g, ans, x, y: -g * ans / y,
    forward=operator.truediv,
    symbol="/",
    cost=1,
    complex=True,
)
floor_divide: Op = elementwise(np.floor_divide, zero, zero, forward=operator.floordiv, symbol="//")
remainder: Op = elementwise(
    np.remainder,
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g * (x // y),
    forward=operator.mod,
    symbol="%",
)


@composed(np.divmod)
def divmod(x1: Array, x2: Array) -> tuple[Array, Array]:
    """Quotient and remainder, as `numpy.divmod`.

    Derivative: of the remainder ``∂r/∂x1 = 1`` and ``∂r/∂x2 = -q``; the quotient only jumps.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.divmod(7.5, x)[1])(2.0)
    np.float64(-3.0)
    """
    return floor_divide(x1, x2), remainder(x1, x2)


fmod: Op = elementwise(np.fmod, lambda g, ans, x, y: g, lambda g, ans, x, y: -g * np.trunc(x / y))
negative: Op = elementwise(np.negative, lambda g, ans, x: -g, forward=operator.neg, complex=True)
positive: Op = elementwise(np.positive, lambda g, ans, x: g, forward=operator.pos, complex=True)
reciprocal: Op = elementwise(np.reciprocal, lambda g, ans, x: -g * ans**2, complex=True)


# --- powers and roots ------------------------------------------------------------------


SMALL = {p: int(p) for p in (3, 4, 5, 6, -2, -3, -4)}
HALVES = (-0.5, 1.5, -1.5)


def raised(x: Array, p: Array) -> Array:
    """``x ** p``; a product or a root where the exponent is small.

    C's ``pow`` takes twenty times as long.  NumPy does the same for -1, 0, ½, 1 and 2.
    """
    if type(x) is not ndarray or type(p) not in (int, float) or x.dtype.kind != "f":
        return x**p
    if p == 2:
        return x * x
    if p in SMALL:
        return whole(x, SMALL[p])
    if p in HALVES:
        root = np.sqrt(x)
        # keeps the sign of -0.0
        root = np.abs(root, out=root if root.ndim else None) if p == -0.5 else x * root
        return root if p > 0 else np.reciprocal(root)
    return x**p


def whole(x: Array, n: int) -> Array:
    """``x ** n`` by repeated squaring, of ``1 / x`` where n is negative."""
    if n < 0:
        x, n = np.reciprocal(x), -n
    if n <= 3:
        return x * x if n == 2 else x * x * x
    return whole(x * x, n // 2) * x if n % 2 else whole(x * x, n // 2)


def power_base(g: Array, ans: Array, x: Array, p: Array) -> Array:
    """``g p x^(p-1)``, and 0 for p = 0 even at x = 0."""
    if isinstance(p, (int, float)):
        if p == 2:
            return g * (x + x if type(x) is ndarray else p * x)  # half the time of 2 * x
        return g * (p * raised(x, p - 1)) if p else zero(g, ans)
    kind = np.result_type(p)
    if kind.kind == "u":  # 0 - 1 would wrap around
        p = p.astype(np.result_type(kind, np.int8))
    return g * p * np.where((x == 0) & (p == 0), 1.0, x) ** (p - 1)


def power_exponent(g: Array, ans: Array, x: Array, p: Array) -> Array:
    """``g x^p log x``, and 0 at x = 0, where x^p stays 0 for every positive p."""
    x = np.where((x == 0) & (np.real(p) >= 0), 1.0, x)
    return g * ans * np.log(x if ans.dtype.kind == x.dtype.kind else x.astype(ans.dtype))


power: Op = elementwise(
    np.power, power_base, power_exponent, forward=raised, symbol="**", cost=15, complex=True
)
float_power: Op = elementwise(np.float_power, power_base, power_exponent, cost=15, complex=True)
square: Op = elementwise(np.square, lambda g, ans, x: 2 * g * x, complex=True)
sqrt: Op = elementwise(np.sqrt, lambda g, ans, x: g / (2 * ans), cost=1.5, complex=True)
cbrt: Op = elementwise(np.cbrt, lambda g, ans, x: g / (3 * ans**2), cost=15)
hypot: Op = elementwise(
    np.hypot,
    lambda g, ans, x, y: g * x / np.where(ans == 0, 1.0, ans),
    lambda g, ans, x, y: g * y / np.where(ans == 0, 1.0, ans),
    half_square=(lambda g, ans, x, y: g * x, lambda g, ans, x, y: g * y),
    cost=5,
)


# --- exponentials and logarithms -------------------------------------------------------

exp: Op = elementwise(np.exp, lambda g, ans, x: g * ans, cost=2.5, complex=True)
exp2: Op = elementwise(np.exp2, lambda g, ans, x: g * ans * LN2, cost=3, complex=True)
expm1: Op = elementwise(np.expm1, lambda g, ans, x: g * np.exp(x), cost=8, complex=True)
log: Op = elementwise(np.log, lambda g, ans, x: g / x, cost=3, complex=True)
log2: Op = elementwise(np.log2, lambda g, ans, x: g / (x * LN2), cost=3, complex=True)
log10: Op = elementwise(np.log10, lambda g, ans, x: g / (x * LN10), cost=3, complex=True)
log1p: Op = elementwise(np.log1p, lambda g, ans, x: g / (1 + x), cost=8, complex=True)


def weight(x: Array, y: Array) -> Array:
    """``σ(x - y)``, the part of ``eˣ`` in ``eˣ + eʸ``; all or nothing where both are infinite.

    Its own derivative is a product of two such parts, neither of which is a difference that
    would cancel.
    """
    both = (x == y) & np.isinf(x)
    gap = np.where(both, -x, y) - np.where(both, 0.0, x)
    return np.exp(-np.logaddexp(0.0, gap))


logaddexp: Op = elementwise(
    np.logaddexp,
    lambda g, ans, x, y: g * weight(x, y),
    lambda g, ans, x, y: g * weight(y, x),
    cost=20,
)
logaddexp2: Op = elementwise(
    np.logaddexp2,
    lambda g, ans, x, y: g * weight(LN2 * x, LN2 * y),
    lambda g, ans, x, y: g * weight(LN2 * y, LN2 * x),
    cost=20,
)


# --- trigonometry ----------------------------------------------------------------------

sin: Op = elementwise(np.sin, lambda g, ans, x: g * np.cos(x), cost=8, complex=True)
cos: Op = elementwise(np.cos, lambda g, ans, x: -g * np.sin(x), cost=8, complex=True)
tan: Op = elementwise(np.tan, lambda g, ans, x: g * (1 + ans**2), cost=12, complex=True)
arcsin: Op = elementwise(
    np.arcsin, lambda g, ans, x: g / np.sqrt((1 - x) * (1 + x)), cost=10, complex=True
)
arccos: Op = elementwise(
    np.arccos, lambda g, ans, x: -g / np.sqrt((1 - x) * (1 + x)), cost=10, complex=True
)
arctan: Op = elementwise(np.arctan, lambda g, ans, x: g / (1 + x**2), cost=10, complex=True)


def radius(y: Array, x: Array) -> Array:
    """``√(x² + y²)``, and 1 at the origin, where the angle has no derivative."""
    r = np.hypot(y, x)
    return np.where(r == 0, 1.0, r)


def arctan2_rule(g: Array, along: Array, y: Array, x: Array) -> Array:
    """``g along / r²``, without squares that would underflow."""
    r = radius(y, x)
    return g * (along / r) / r


arctan2: Op = elementwise(
    np.arctan2,
    lambda g, ans, y, x: arctan2_rule(g, x, y, x),
    lambda g, ans, y, x: -arctan2_rule(g, y, y, x),
    cost=20,
)
sinh: Op = elementwise(np.sinh, lambda g, ans, x: g * np.cosh(x), cost=12, complex=True)
cosh: Op = elementwise(np.cosh, lambda g, ans, x: g * np.sinh(x), cost=12, complex=True)
tanh: Op = elementwise(np.tanh, lambda g, ans, x: g * (1 - ans**2), cost=4, complex=True)
arcsinh: Op = elementwise(
    np.arcsinh, lambda g, ans, x: g / np.sqrt(x**2 + 1), cost=15, complex=True
)
arccosh: Op = elementwise(
    np.arccosh, lambda g, ans, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)), cost=15, complex=True
)
arctanh: Op = elementwise(
    np.arctanh, lambda g, ans, x: g / ((1 - x) * (1 + x)), cost=15, complex=True
)
deg2rad: Op = elementwise(np.deg2rad, lambda g, ans, x: g * DEGREE)
rad2deg: Op = elementwise(np.rad2deg, lambda g, ans, x: g / DEGREE)
radians: Op = elementwise(np.radians, lambda g, ans, x: g * DEGREE)
degrees: Op = elementwise(np.degrees, lambda g, ans, x: g / DEGREE)


def sinc_slope(x: Array) -> Array:
    """``(cos πx - sinc x) / x``; by its series near 0, where that cancels."""
    near = np.abs(x) < 0.25
    far = np.where(near, 1.0, x)
    t2 = (math.pi * np.where(near, x, 0.0)) ** 2
    series = 0.0
    for k in range(8, 0, -1):  # Σ (-1)^k 2k (πx)^(2k-1) π / (2k+1)!
        series = (-1) ** k * 2 * k / math.factorial(2 * k + 1) + t2 * series
    return np.where(near, series * math.pi**2 * x, (np.cos(math.pi * far) - np.sinc(far)) / far)


sinc: Op = elementwise(
    np.sinc,
    lambda g, ans, x: g * sinc_slope(x),
    regular=(
        lambda x: bool(np.all(np.abs(x) > 0.01)),  # closer to 0 the quotient loses digits
        lambda g, ans, x: g * ((np.cos(math.pi * x) - ans) / x),
    ),
    complex=True,
)


# --- kinks and steps -------------------------------------------------------------------

corner: Kink = Kink(lambda x: x == 0, lambda x: ((-1.0, 1.0),))
meeting: Kink = Kink(lambda x, y: x == y, lambda x, y: ((0.0, 1.0), (0.0, 1.0)))
absolute: Op = elementwise(
    np.absolute,
    lambda g, ans, x: g * conjugated(np.sign(x)),
    forward=operator.abs,
    half_square=(lambda g, ans, x: g * conjugated(x),),
    kink=corner,
    complex=True,
)
abs = absolute
fabs: Op = elementwise(
    np.fabs, lambda g, ans, x: g * np.sign(x), half_square=(lambda g, ans, x: g * x,), kink=corner
)


def turned(t: Array, ans: Array, x: Array) -> Array:
    """``(t - s Re(s̄ t)) / |x|``: the sign of a complex number moves on the circle only."""
    if x.dtype.kind != "c":
        return zero(t, ans)
    return (t - ans * np.real(conjugated(ans) * t)) / np.where(x == 0, 1.0, np.abs(x))


sign: Op = elementwise(
    np.sign,
    lambda g, ans, x: conjugated(turned(conjugated(g), ans, x)),
    jvp=lambda ts, ans, x: turned(ts[0], ans, x),
    complex=True,
)
floor: Op = elementwise(np.floor, zero)
ceil: Op = elementwise(np.ceil, zero)
trunc: Op = elementwise(np.trunc, zero)
rint: Op = elementwise(np.rint, zero, complex=True)
copysign: Op = elementwise(
    np.copysign, lambda g, ans, x, y: g * np.sign(x) * np.copysign(1.0, y), zero
)
heaviside: Op = elementwise(np.heaviside, zero, lambda g, ans, x, y: g * (x == 0))


def winner(g: Array, ans: Array, won: Array, x: Array, y: Array) -> Array:
    """The gradient of ``x`` where it ``won`` over ``y``, or is NaN; a tie shares it evenly."""
    tied = x == y
    unknown = ans != ans
    if speaks_numpy(unknown) or np.any(unknown):
        tied = tied | ((x != x) & (y != y))
        won = won | ((x != x) & (y == y))
    return 0.5 * (g * won + g * (won | tied))


maximum: Op = elementwise(
    np.maximum,
    lambda g, ans, x, y: winner(g, ans, x > y, x, y),
    lambda g, ans, x, y: winner(g, ans, y > x, y, x),
    kink=meeting,
)
minimum: Op = elementwise(
    np.minimum,
    lambda g, ans, x, y: winner(g, ans, x < y, x, y),
    lambda g, ans, x, y: winner(g, ans, y < x, y, x),
    kink=meeting,
)
fmax: Op = elementwise(
    np.fmax,
    lambda g, ans, x, y: g * ((x >= y) | np.isnan(y)),
    lambda g, ans, x, y: g * ~((x >= y) | np.isnan(y)),
    kink=meeting,
)
fmin: Op = elementwise(
    np.fmin,
    lambda g, ans, x, y: g * ((x <= y) | np.isnan(y)),
    lambda g, ans, x, y: g * ~((x <= y) | np.isnan(y)),
    kink=meeting,
)


def _clip(a: Array, a_min: Array, a_max: Array) -> Array:
    return np.clip(a, a_min, a_max)


bounded: Op = elementwise(
    None,
    lambda g, ans, a, lo, hi: g * ((a >= lo) & (a <= hi)),
    lambda g, ans, a, lo, hi: g * ((a < lo) & (lo < hi)),
    lambda g, ans, a, lo, hi: g * ((a > hi) | (lo >= hi) & (a < lo)),
    name="clip",
    forward=_clip,
    kink=Kink(
        lambda a, lo, hi: (a == lo) | (a == hi),
        lambda a, lo, hi: ((0.0, 1.0), (0.0, 1.0 * (a == lo)), (0.0, 1.0 * (a == hi))),
    ),
    doc="clip(a, a_min, a_max) with both bounds; at a bound the gradient is that of ``a``.",
)


@composed(np.clip, shell=True)
def clip(
    a: ArrayLike, a_min: Array = None, a_max: Array = None, *, min: Array = None, max: Array = None
) -> Array:
    """``a`` limited to ``[a_min, a_max]``, as `numpy.clip`; a bound of None is no bound.

    Derivative: by ``a`` 1 within the bounds, 0 beyond; by a bound 1 where it is taken.

    The bounds are differentiated too; at a bound the gradient goes to ``a``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.clip(x, 0, 1).sum())([-1.0, 0.5, 1.0])
    [np.float64(0.0), np.float64(1.0), np.float64(1.0)]
    """
    lo, hi = (a_min if min is None else min), (a_max if max is None else max)
    if lo is None and hi is None:
        return a
    kind = np.result_type(a, np.int8)
    least: float
    most: float
    if np.result_type(a, hi if lo is None else lo) == np.bool_:
        least, most = False, True
    elif kind.kind == "f":
        least, most = -math.inf, math.inf
    else:
        least, most = np.iinfo(kind).min, np.iinfo(kind).max
    return bounded(a, least if lo is None else lo, most if hi is None else hi)


def _where(condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, x, y)


branch: Op = elementwise(
    None,
    None,
    lambda g, ans, condition, x, y: np.where(condition, g, 0.0),
    lambda g, ans, condition, x, y: np.where(condition, 0.0, g),
    name="where",
    forward=_where,
    cost=3,
    doc="""where(condition, x, y): x where the condition holds, y elsewhere.

    Derivative: ``dy`` goes to the one that is taken, 0 to the other.
    """,
    complex=True,
)


@composed(np.where, shell=True, complex=True)
def where(condition: ArrayLike, x: Array = None, y: Array = None) -> Array:
    """``x`` where ``condition`` holds, ``y`` elsewhere, as `numpy.where`.

    The branch that is not selected gets a gradient of zero; if its own derivative is
    infinite there, the product is NaN, so make the *input* of such a branch safe.

    Raises
    ------
    TypeError
        With one of ``x`` and ``y`` alone.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.Tensor([0.0, 4.0], requires_grad=True)
    >>> root = mg.where(x > 0, mg.sqrt(mg.where(x > 0, x, 1.0)), 0.0)
    >>> root.sum().backward()
    >>> x.grad
    array([0.  , 0.25])
    """
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise TypeError("where takes the condition alone, or both x and y")
    # No gradient flows through a choice.
    return branch(np.not_equal(condition, 0), x, y)


@primitive(np.round, np.around, vjps=(zero,), name="round", complex=True)
def round(a: Array, decimals: int = 0) -> Array:
    """``a`` rounded to ``decimals``; the derivative is zero."""
    return np.round(a, decimals)


@primitive(
    np.nan_to_num,
    vjps=(lambda g, ans, x, **_: g * np.isfinite(x),),
    fresh=True,
    jvp=lambda ts, ans, x, **_: ts[0] * np.isfinite(x),
)
def nan_to_num(
    x: Array, copy: bool = True, nan: Array = 0.0, posinf: Array = None, neginf: Array = None
) -> Array:
    """``x`` with NaN and infinities replaced; the gradient is zero where it was.

    Derivative: ``dx = dy`` where x is finite, else 0.
    """
    return np.nan_to_num(x, copy=True, nan=nan, posinf=posinf, neginf=neginf)


nextafter: Op = elementwise(
    np.nextafter,
    None,
    None,
    doc="""nextafter(x1, x2): the next number after x1 towards x2, as `numpy.nextafter`.

    Derivative: there is none, as numbers are no continuum.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nextafter(1.0, 2.0) - 1.0 == np.finfo(float).eps
    np.True_
    """,
)
spacing: Op = elementwise(np.spacing, zero)
ldexp: Op = elementwise(
    np.ldexp,
    lambda g, ans, x, n: g * np.exp2(n),
    None,
    doc="""ldexp(x1, x2): ``x1·2^x2`` for whole numbers x2, as `numpy.ldexp`.

    Derivative: ``2^x2`` by x1; whole numbers have none.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.ldexp(x, 3))(1.5)
    np.float64(8.0)
    """,
)


@composed(*[f for name, f in vars(np).items() if name == "fix"])  # NumPy is about to drop it
def fix(x: Array) -> Array:
    """``x`` rounded towards zero, as `numpy.fix`.

    Derivative: 0, where it does not jump.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.fix(mg.Tensor([-1.5, 1.5]))
    Tensor([-1.,  1.])
    """
    return np.trunc(x)


exponent_of: Op = Op("frexp", lambda x: np.frexp(x)[1], None, arity=1, fresh=True)


@composed(np.frexp)
def frexp(x: Array) -> tuple[Array, Array]:
    """Mantissa in [½, 1) and exponent of 2, as `numpy.frexp`; the exponent only jumps.

    Derivative: of the mantissa ``2^-e``; the exponent is a whole number.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.frexp(x)[0])(6.0)
    np.float64(0.125)
    """
    exponent = exponent_of(x)
    return np.ldexp(x, -exponent), exponent


@composed(np.modf)
def modf(x: ArrayLike) -> tuple[Array, Array]:
    """Fractional and integral part, as `numpy.modf`.

    Derivative: of the fractional part 1, of the integral part 0.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(lambda x: mg.modf(x)[0])(2.5)
    np.float64(1.0)
    """
    kind = np.result_type(x, np.float16)
    x = x if np.result_type(x) == kind else np.multiply(x, kind.type(1))
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0.0, x - whole), x), whole


@composed(np.angle, complex=True)
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """The angle of numbers in the complex plane: of real ones 0, or a half turn below 0.

    Derivative: 0 on the real line, where it does not jump; by a complex z, with
    ``z = r exp(iφ)``, ``-i exp(-iφ)/r``.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.angle(mg.Tensor([-2.0, 2.0]), deg=True)
    Tensor([180.,   0.])
    """
    return np.arctan2(np.imag(z) if is_complex(z) else 0, np.real(z)) * (
        180 / math.pi if deg else 1
    )


@composed(np.real_if_close, complex=True)
def real_if_close(a: ArrayLike, tol: float = 100) -> Array:
    """The real parts, if all imaginary parts are within ``tol`` machine precisions of 0.

    Derivative: that of `real`, or ``dy`` itself where the numbers stay complex.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.real_if_close(mg.Tensor([1.0, 2.0 + 1e-15j]))
    Tensor([1., 2.])
    """
    if not is_complex(a):
        return a
    limit = tol * np.finfo(np.result_type(a)).eps if tol > 1 else tol
    return np.real(a) if np.all(np.absolute(np.imag(a)) < limit) else a


# --- plain answers ---------------------------------------------------------------------

equal: Op = plain(np.equal, symbol="==", complex=True)
not_equal: Op = plain(np.not_equal, symbol="!=", complex=True)
less: Op = plain(np.less, symbol="<")
less_equal: Op = plain(np.less_equal, symbol="<=")
greater: Op = plain(np.greater, symbol=">")
greater_equal: Op = plain(np.greater_equal, symbol=">=")
logical_and: Op = plain(np.logical_and, complex=True)
logical_or: Op = plain(np.logical_or, complex=True)
logical_not: Op = plain(np.logical_not, complex=True)
logical_xor: Op = plain(np.logical_xor, complex=True)
isnan: Op = plain(np.isnan, complex=True)
isinf: Op = plain(np.isinf, complex=True)
isfinite: Op = plain(np.isfinite, complex=True)
signbit: Op = plain(np.signbit)
isclose: Op = plain(np.isclose, complex=True)
allclose: Op = plain(np.allclose, complex=True)
array_equal: Op = plain(np.array_equal, complex=True)
array_equiv: Op = plain(np.array_equiv, complex=True)
iscomplexobj: Op = plain(np.iscomplexobj, by_shape=True, complex=True)
isrealobj: Op = plain(np.isrealobj, by_shape=True, complex=True)
isreal: Op = plain(np.isreal, complex=True)
iscomplex: Op = plain(np.iscomplex, complex=True)
isposinf: Op = plain(np.isposinf)
isneginf: Op = plain(np.isneginf)
bitwise_and: Op = plain(np.bitwise_and, symbol="&")
bitwise_or: Op = plain(np.bitwise_or, symbol="|")
bitwise_xor: Op = plain(np.bitwise_xor)
invert: Op = plain(np.invert)
bitwise_count: Op = plain(np.bitwise_count)
left_shift: Op = plain(np.left_shift)
right_shift: Op = plain(np.right_shift)
gcd: Op = plain(np.gcd)
lcm: Op = plain(np.lcm)
