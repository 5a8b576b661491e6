"""Samples of elementwise functions and activations."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from samples import PAIRS, SHAPES, sample, values

ANYWHERE = """
    negative positive square fabs absolute sign exp exp2 expm1 sin cos tan arctan sinh cosh
    tanh arcsinh cbrt sinc deg2rad rad2deg radians degrees floor ceil trunc rint nan_to_num
    angle real_if_close spacing
""".split()
POSITIVE = "sqrt log log2 log10 log1p reciprocal".split()
INSIDE = "arcsin arccos arctanh".split()
for name in ANYWHERE:
    for shape in SHAPES:
        sample(name, getattr(np, name), shape, low=-1.3, high=1.4)
for shape in SHAPES:
    sample("fix", mg.fix, shape, low=-1.3, high=1.4)  # NumPy's own warns that it will go
for name in POSITIVE:
    for shape in SHAPES:
        sample(name, getattr(np, name), shape, low=0.3, high=3.0)
for name in INSIDE:
    for shape in SHAPES:
        sample(name, getattr(np, name), shape, low=-0.8, high=0.8)
for shape in SHAPES:
    sample("arccosh", np.arccosh, shape, low=1.3, high=3.0)
    sample("round", lambda x: np.round(x, 1), shape)
    sample("clip", lambda x: np.clip(x, -1.0, 0.9), shape)

BINARY = """
    add subtract multiply divide arctan2 hypot maximum minimum fmax fmin logaddexp
    logaddexp2 copysign floor_divide remainder fmod
""".split()
for name in BINARY:
    for a, b in PAIRS:
        sample(name, getattr(np, name), values(a, 1, -3.2, 2.7), values(b, 2, 0.6, 2.4))
for a, b in PAIRS:
    sample("power", np.power, values(a, 1, 0.4, 2.0), values(b, 2, -1.5, 2.5))
    sample("float_power", np.float_power, values(a, 1, 0.4, 2.0), values(b, 2, -1.5, 2.5))
    sample("clip", lambda x, lo: np.clip(x, lo, 3.0), values(a, 1), values(b, 2, -1.0, 1.0))
    sample("clip", lambda x, hi: np.clip(x, None, hi), values(a, 1), values(b, 2, -1.0, 1.0))
    sample("where", lambda x, y: np.where(np.arange(3) > 1, x, y), a, b)
for exponent in (2, 3, 0, 1, -1, 0.5, 2.5, -2.0):
    sample("power", lambda x, p=exponent: x**p, values((2, 3), 0, 0.4, 2.0))
for exponent in (2, 3, 1, 0):
    sample("power", lambda x, p=exponent: x**p, values((2, 3), 0, -2.0, 2.0))
sample("power", lambda p: 2.0**p, (3,))
sample("sinc", np.sinc, np.array([0.0, 1e-8, 0.1, 0.2499, 0.2501, 1.0, 3.3]))
sample("heaviside", lambda y: np.heaviside(np.array([-1.0, 0.0, 2.0]), y), (3,))
sample("divmod", np.divmod, values((3,), 1, -3.2, 2.7), values((2, 3), 2, 0.6, 2.4))
sample("heaviside", lambda x: np.heaviside(x, 0.5), (2, 3))
sample("divide", lambda x: 1 / x, values((3,), 0, 0.5, 2.0))
sample("subtract", lambda x: np.ones((2, 3)) - x, (3,))

for name in "sigmoid log_sigmoid relu leaky_relu elu softplus silu gelu erf".split():
    for shape in SHAPES:
        sample(name, getattr(mg, name), shape)
sample("gelu", lambda x: mg.gelu(x, approximate="tanh"), (2, 3))
sample("elu", lambda x: mg.elu(x, alpha=0.7), (2, 3))
sample("leaky_relu", lambda x: mg.leaky_relu(x, negative_slope=0.2), (2, 3))
for name in ("leaky_relu", "elu"):
    f = getattr(mg, name)
    for a, b in PAIRS:
        sample(name, f, values(a, 1), values(b, 2, 0.2, 1.5))
    sample(name, lambda x, f=f: f(x, 0.25), (3,))
sample("modf", np.modf, (2, 3))
sample("angle", lambda x: np.angle(x, deg=True), (2, 3))
sample("ldexp", lambda x: np.ldexp(x, np.array([1, -2, 3])), (2, 3))

# --- methods of ufuncs -----------------------------------------------------------------

FOLDED = "subtract divide hypot logaddexp logaddexp2 fmax fmin maximum add multiply"
for name in FOLDED.split():
    ufunc = getattr(np, name)
    for shape, axis in [((3,), 0), ((2, 3), 0), ((2, 3), -1), ((1, 2), 0)]:
        x = values(shape, 1, 0.5, 2.0)
        sample(name, lambda x, u=ufunc, a=axis: u.reduce(x, axis=a), x)
        sample(name, lambda x, u=ufunc, a=axis: u.accumulate(x, axis=a), x)
    sample(name, lambda x, u=ufunc: u.reduce(x, axis=1, keepdims=True), values((2, 3), 1, 0.5, 2))
    sample(name, lambda x, u=ufunc: u.reduceat(x, [0, 3, 3, 1, 4]), values((5,), 1, 0.5, 2.0))
    sample(name, lambda x, u=ufunc: u.reduceat(x, [1, 0], axis=1), values((2, 3), 1, 0.5, 2.0))
# NumPy 2.4 itself is wrong in power.reduce and arctan2.reduce.
sample("power", lambda x: np.power.accumulate(x), values((4,), 1, 0.5, 2.0))
sample("arctan2", lambda x: np.arctan2.accumulate(x), values((4,), 1, 0.5, 2.0))
sample("hypot", lambda x: np.hypot.reduce(x, initial=2.0), (3,))
sample("hypot", np.hypot.reduce, (1, 3))
sample("hypot", lambda x: np.hypot.reduceat(x, [0, 1]), np.array([-3.0, -4.0]))
sample("hypot", lambda x: np.hypot.reduce(x, axis=1) + x[:, 0], (2, 1))
