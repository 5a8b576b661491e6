"""What a native back end would bring: the steps of three workloads as loops, compiled by Numba.

    python -m benchmarks.native

An experiment, by hand: the elementwise work of a step in one loop over the points, with
the sums that are collected on the way, as machine code on all cores.  minigrad has no such
back end.  The table shows what one would gain, and what it would cost to start: importing
Numba, and compiling each step at its first call.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contestants import COMPILED, HAND
from benchmarks.worker import WARM
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.sequences import C, D

ROUNDS = 15
PARTS = 64
"""Pieces of the points, each with sums of its own."""


def curve(nb: Any) -> Callable[..., Any]:
    """Value and gradients of a logistic fit: one loop in place of ten."""

    @nb.njit(parallel=True, fastmath=True)
    def step(w: float, b: float, x: Any, y: Any) -> Any:
        loss = dw = db = 0.0
        for i in nb.prange(x.size):
            a = 1 / (1 + math.exp(-(w * x[i] + b)))
            e = a - y[i]
            d = e * a * (1 - a)
            loss += e * e
            dw += d * x[i]
            db += d
        return loss / x.size, (2 / x.size * dw, 2 / x.size * db)

    return step  # type: ignore[no-any-return]


def mixture(nb: Any) -> Callable[..., Any]:
    """Log-likelihood of a Gaussian mixture and its gradients, point by point."""

    @nb.njit(parallel=True, fastmath=True)
    def sums(peak: Any, scale: Any, means: Any, x: Any) -> Any:
        k, n = peak.size, x.size
        loss, totals = np.zeros(PARTS), np.zeros((PARTS, 3, k))
        for part in nb.prange(PARTS):
            z, r = np.empty(k), np.empty(k)
            for i in range(part * n // PARTS, (part + 1) * n // PARTS):
                top = -math.inf
                for j in range(k):
                    z[j] = (x[i] - means[j]) * scale[j]
                    r[j] = peak[j] - 0.5 * z[j] * z[j]
                    top = max(top, r[j])
                total = 0.0
                for j in range(k):
                    r[j] = math.exp(r[j] - top)
                    total += r[j]
                loss[part] -= top + math.log(total)
                for j in range(k):
                    weight = r[j] / total
                    totals[part, 0, j] += weight
                    totals[part, 1, j] += weight * z[j]
                    totals[part, 2, j] += weight * z[j] * z[j]
        return loss, totals

    def step(means: Any, log_sigmas: Any, logits: Any, x: Any) -> Any:
        log_p = logits - logits.max()
        log_p -= np.log(np.exp(log_p).sum())
        scale = np.exp(-log_sigmas)
        peak = log_p - log_sigmas - 0.5 * math.log(2 * math.pi)
        loss, totals = sums(peak, scale, means, x)
        mass, first, second = totals.sum(axis=0) / x.size
        return loss.sum() / x.size, (-first * scale, mass - second, np.exp(log_p) - mass)

    return step


def norm(nb: Any) -> Callable[..., Any]:
    """Mean square of GELU(layer norm) and its gradients, row by row."""

    @nb.njit(parallel=True, fastmath=True)
    def rows(x: Any, gain: Any, bias: Any) -> Any:
        n, d = x.shape
        c, k, scale = np.float32(C), np.float32(C * D), np.float32(1 / (n * d))
        one, three, half = np.float32(1), np.float32(3), np.float32(0.5)
        loss, sums, dx = np.zeros(PARTS), np.zeros((PARTS, 2, d), np.float32), np.empty_like(x)
        for part in nb.prange(PARTS):
            xhat, du = np.empty(d, np.float32), np.empty(d, np.float32)
            for i in range(part * n // PARTS, (part + 1) * n // PARTS):
                mean = np.float32(0)
                for j in range(d):
                    mean += x[i, j]
                mean /= np.float32(d)
                variance = np.float32(0)
                for j in range(d):
                    xhat[j] = x[i, j] - mean
                    variance += xhat[j] * xhat[j]
                r = one / np.float32(math.sqrt(variance / np.float32(d) + np.float32(1e-5)))
                total = along = middle = np.float32(0)
                for j in range(d):
                    xhat[j] *= r
                    u = xhat[j] * gain[j] + bias[j]
                    t = np.float32(math.tanh(u * (c + k * u * u)))
                    a = half * u * (one + t)
                    total += a * a
                    slope = half * (one + t + u * (one - t * t) * (c + three * k * u * u))
                    g = (a + a) * scale * slope
                    sums[part, 0, j] += g * xhat[j]
                    sums[part, 1, j] += g
                    du[j] = g * gain[j]
                    middle += du[j]
                    along += du[j] * xhat[j]
                loss[part] += total
                for j in range(d):
                    dx[i, j] = r * (du[j] - (middle + xhat[j] * along) / np.float32(d))
        return loss, sums, dx

    def step(x: Any, gain: Any, bias: Any) -> Any:
        loss, sums, dx = rows(x, gain, bias)
        return loss.sum() / x.size, (dx, *sums.sum(axis=0))

    return step


STEPS = {"curve": curve, "mixture": mixture, "norm": norm}


def seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def steady(step: Callable[[], Any]) -> float:
    """Seconds of a call among others of its kind."""
    start = time.perf_counter()
    while time.perf_counter() - start < WARM:
        step()
    return seconds(step)


def checked(
    name: str, native: Callable[[], Any], hand: Callable[[], Any], tolerance: float = 1e-6
) -> float:
    """Seconds of the first call, after its answer has been compared."""
    first = seconds(native)
    (loss, gradients), (true_loss, true_gradients) = native(), hand()
    for got, expected in zip((loss, *gradients), (true_loss, *true_gradients), strict=True):
        if not np.allclose(got, expected, tolerance, tolerance * np.max(np.abs(expected))):
            raise ValueError(f"{name}: {got} in place of {expected}")
    return first


def table(small: bool = False) -> str:
    """Times as Markdown: each step is run in turn with the others, medians of ratios."""
    start = time.perf_counter()
    try:
        import numba
    except ImportError:
        raise SystemExit("this experiment needs Numba: pip install numba") from None
    importing = time.perf_counter() - start
    lines = [
        f"Importing Numba {numba.__version__} takes {importing:.2f} s.",
        "",
        "| step | Numba / hand-written | compiled / hand-written | first call of Numba's, s |",
        "|---|--:|--:|--:|",
    ]
    for name, made in STEPS.items():
        w = WORKLOADS[name]
        data = w.data(**(w.small if small else w.sizes))
        hand, compiled = (w.contestants[who].build(*data) for who in (HAND, COMPILED))
        step = made(numba)
        native = lambda step=step, data=data: step(*data)
        first = checked(name, native, hand, max(w.tolerance, 1e-6))
        compiled()
        rounds = [[steady(f) for f in (hand, native, compiled)] for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(r[i] / r[0] for r in rounds) for i in (1, 2))
        lines.append(f"| {w.title} | {ours:.2f} | {theirs:.2f} | {first:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(small="--small" in sys.argv))
