"""Large arrays: what counts is how often they travel between memory and processor.

Hand-written code allocates its work space once, outside the step, and overwrites it:
memory that is fresh in every step costs up to twice the time in page faults alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad as mg
from benchmarks.contest import Step, Target, Workload
from benchmarks.contestants import (
    COMPILED,
    HAND,
    JAX,
    TORCH,
    by_autograd,
    by_jax,
    by_minigrad,
    by_torch,
)
from benchmarks.workloads.sequences import C, D, layer_norm

# --- a logistic curve through many points ----------------------------------------------


def curve_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    return 1.5, 0.2, x, 1 / (1 + np.exp(-2 * x)) + rng.normal(scale=0.1, size=n)


curve = Workload(
    "curve",
    "Logistic fit, mean square, 2,000,000 points, float64",
    curve_data,
    parameters=2,
    sizes={"n": 2_000_000},
    small={"n": 50},
    targets=(Target(COMPILED, 0.6, (HAND,)), Target(COMPILED, 1.25, (JAX,))),
    settle=0.12,
    rounds=15,
)


@curve.contestant(HAND)
def _(w: float, b: float, x: Any, y: Any) -> Step:
    n = len(x)
    a, e = np.empty(n), np.empty(n)

    def step() -> Any:
        np.multiply(x, -w, a)
        np.subtract(a, b, a)
        np.exp(a, a)
        np.add(a, 1, a)
        np.divide(1, a, a)
        np.subtract(a, y, e)
        loss = e.dot(e) / n
        np.multiply(e, a, e)
        np.subtract(1, a, a)
        np.multiply(e, a, e)
        return loss, (2 / n * e.dot(x), 2 / n * np.add.reduce(e))

    return step


@by_minigrad(curve)
def _(w: Any, b: Any, x: Any, y: Any) -> Any:
    return ((mg.sigmoid(w * x + b) - y) ** 2).mean()


@by_torch(curve)
def _(torch: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return torch.nn.functional.mse_loss(torch.sigmoid(w * x + b), y)


@by_jax(curve)
def _(jax: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return ((jax.nn.sigmoid(w * x + b) - y) ** 2).mean()


@by_autograd(curve)
def _(np: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((1 / (1 + np.exp(-(w * x + b))) - y) ** 2)


# --- a Gaussian mixture ----------------------------------------------------------------


def mixture_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    means, log_sigmas = rng.normal(scale=3, size=8), rng.normal(scale=0.3, size=8)
    return means, log_sigmas, rng.normal(size=8), rng.normal(scale=3, size=n)


mixture = Workload(
    "mixture",
    "Gaussian mixture log-likelihood, 100,000 × 8 components, float64",
    mixture_data,
    parameters=3,
    sizes={"n": 100_000},
    small={"n": 40},
    targets=(Target(COMPILED, 0.6, (HAND,)),),
    settle=0.12,
    rounds=15,
)

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@mixture.contestant(HAND)
def _(means: Any, log_sigmas: Any, logits: Any, x: Any) -> Step:
    # Components come first, so that the eight are reduced row by row.  Responsibilities are
    # never normalised: their totals go into the weights of the three sums over the points.
    n = len(x)
    z, r, top, total = np.empty((8, n)), np.empty((8, n)), np.empty(n), np.empty(n)

    def step() -> Any:
        log_p = logits - logits.max()
        log_p -= np.log(np.exp(log_p).sum())
        scale = np.exp(-log_sigmas)
        scale *= math.sqrt(0.5)
        peak = log_p - log_sigmas
        peak -= HALF_LOG_2PI
        np.multiply(x, scale[:, None], z)
        np.subtract(z, (means * scale)[:, None], z)
        np.multiply(z, z, r)
        np.subtract(peak[:, None], r, r)
        np.maximum.reduce(r, out=top)
        np.subtract(r, top, r)
        np.exp(r, r)
        np.add.reduce(r, out=total)
        weight = np.divide(1, total, total)
        mass = r.dot(weight)
        np.multiply(r, z, r)
        first = r.dot(weight)
        np.multiply(r, z, r)
        second = r.dot(weight)
        np.log(weight, weight)
        np.subtract(weight, top, weight)
        loss = np.add.reduce(weight) / n
        first *= scale
        return loss, (first * (-2 / n), (mass - 2 * second) / n, np.exp(log_p) - mass / n)

    return step


@by_minigrad(mixture)
def _(means: Any, log_sigmas: Any, logits: Any, x: Any) -> Any:
    z = (x[:, None] - means) * mg.exp(-log_sigmas)
    log_p = mg.log_softmax(logits) - log_sigmas - HALF_LOG_2PI - 0.5 * z**2
    return -mg.logsumexp(log_p, axis=1).mean()


@by_torch(mixture)
def _(torch: Any, means: Any, log_sigmas: Any, logits: Any, x: Any) -> Any:
    z = (x[:, None] - means) * torch.exp(-log_sigmas)
    log_p = torch.log_softmax(logits, 0) - log_sigmas - HALF_LOG_2PI - 0.5 * z**2
    return -torch.logsumexp(log_p, 1).mean()


@by_jax(mixture)
def _(jax: Any, means: Any, log_sigmas: Any, logits: Any, x: Any) -> Any:
    z = (x[:, None] - means) * jax.numpy.exp(-log_sigmas)
    log_p = jax.nn.log_softmax(logits) - log_sigmas - HALF_LOG_2PI - 0.5 * z**2
    return -jax.nn.logsumexp(log_p, axis=1).mean()


@by_autograd(mixture)
def _(np: Any, means: Any, log_sigmas: Any, logits: Any, x: Any) -> Any:
    from autograd.scipy.special import logsumexp

    z = (x[:, None] - means) * np.exp(-log_sigmas)
    log_p = logits - logsumexp(logits) - log_sigmas - HALF_LOG_2PI - 0.5 * z**2
    return -np.mean(logsumexp(log_p, axis=1))


# --- layer norm and GELU ---------------------------------------------------------------


def norm_data(n: int, d: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, gain, bias = rng.normal(size=(n, d)), rng.normal(1, 0.1, d), rng.normal(0, 0.1, d)
    return tuple(v.astype(np.float32) for v in (x, gain, bias))


norm = Workload(
    "norm",
    "Layer norm and GELU, 4096×1024, float32",
    norm_data,
    parameters=3,
    sizes={"n": 4096, "d": 1024},
    small={"n": 6, "d": 10},
    targets=(Target(COMPILED, 0.6, (HAND,)), Target(COMPILED, 1.0, (TORCH,))),
    tolerance=3e-4,  # a sum of four million numbers in single precision
    settle=0.12,
    rounds=15,
)


@norm.contestant(HAND)
def _(x: Any, gain: Any, bias: Any) -> Step:
    n, d = x.shape
    xhat, u, q, t, h, twice = (np.empty((n, d), np.float32) for _ in range(6))
    ones, mean = np.ones(n, np.float32), np.full(d, 1 / d, np.float32)

    def step() -> Any:
        np.subtract(x, x.dot(mean)[:, None], xhat)
        r = np.einsum("ij,ij->i", xhat, xhat)
        r /= d
        r += 1e-5
        np.sqrt(r, r)
        np.divide(1, r, r)
        np.multiply(xhat, r[:, None], xhat)
        np.multiply(xhat, gain, u)
        np.add(u, bias, u)
        # With t = tanh(C u (1 + D u²)): 2 gelu = u (1 + t)
        # and 2 gelu' = (1 + t) (1 + C u (1 + 3 D u²) (1 - t)).
        np.multiply(u, u, q)
        np.multiply(q, C * D, t)
        np.add(t, C, t)
        np.multiply(t, u, t)
        np.tanh(t, t)
        np.add(t, 1, h)
        np.multiply(h, u, twice)
        loss = np.vdot(twice, twice) / (4 * n * d)
        np.multiply(q, 3 * C * D, q)
        np.add(q, C, q)
        np.multiply(q, u, q)
        np.subtract(1, t, t)
        np.multiply(t, q, t)
        np.add(t, 1, t)
        np.multiply(t, h, t)
        np.multiply(t, twice, t)  # 2 n d times the gradient of u
        dbias = ones.dot(t)
        np.multiply(t, xhat, q)
        dgain = ones.dot(q)
        dbias /= 2 * n * d
        dgain /= 2 * n * d
        np.multiply(t, gain / (2 * n * d), t)
        along = np.einsum("ij,ij->i", t, xhat)
        along /= d
        np.multiply(xhat, along[:, None], q)
        dx = t - t.dot(mean)[:, None]  # leaves the step, so it is no work space
        np.subtract(dx, q, dx)
        np.multiply(dx, r[:, None], dx)
        return loss, (dx, dgain, dbias)

    return step


@by_minigrad(norm)
def _(x: Any, gain: Any, bias: Any) -> Any:
    return (mg.gelu(layer_norm(mg, x, gain, bias), approximate="tanh") ** 2).mean()


@by_torch(norm)
def _(torch: Any, x: Any, gain: Any, bias: Any) -> Any:
    F = torch.nn.functional
    u = F.layer_norm(x, x.shape[-1:], gain, bias)
    return (F.gelu(u, approximate="tanh") ** 2).mean()


@by_jax(norm)
def _(jax: Any, x: Any, gain: Any, bias: Any) -> Any:
    return (jax.nn.gelu(layer_norm(jax.numpy, x, gain, bias), approximate=True) ** 2).mean()


@by_autograd(norm)
def _(np: Any, x: Any, gain: Any, bias: Any) -> Any:
    u = layer_norm(np, x, gain, bias)
    return np.mean((0.5 * u * (1 + np.tanh(C * (u + D * u * u * u)))) ** 2)
