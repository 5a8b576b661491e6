"""Science in small: rows gathered by their numbers, single numbers, and points of a grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.contest import Workload
from benchmarks.contestants import by_autograd, by_hand, by_jax, by_minigrad, by_torch

# --- a matrix as a product of two, from some of its entries ----------------------------


def factors_data(n: int, rows: int, columns: int, d: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(rows, d)),
        rng.normal(size=(columns, d)),
        rng.integers(rows, size=n),
        rng.integers(columns, size=n),
        rng.normal(size=n),
    )


factors = Workload(
    "factors",
    "4,000 entries of a matrix 500×300 of rank 16, float64",
    factors_data,
    parameters=2,
    sizes={"n": 4000, "rows": 500, "columns": 300, "d": 16},
    small={"n": 40, "rows": 5, "columns": 4, "d": 3},
)


def collected(rows: Any, values: Any, n: int) -> Any:
    """``values`` added up by the row of n that each is of."""
    d = values.shape[1]
    places = rows[:, None] * d + np.arange(d)
    return np.bincount(places.reshape(-1), values.reshape(-1), n * d).reshape(n, d)


@by_hand(factors)
def _(P: Any, Q: Any, i: Any, j: Any, v: Any) -> Any:
    p, q = P[i], Q[j]
    e = np.einsum("nd,nd->n", p, q)
    e -= v
    loss = e.dot(e) / len(v)
    e *= 2 / len(v)
    p *= e[:, None]
    q *= e[:, None]
    return loss, (collected(i, q, len(P)), collected(j, p, len(Q)))


@by_minigrad(factors)
def entries_apart(P: Any, Q: Any, i: Any, j: Any, v: Any) -> Any:
    return (((P[i] * Q[j]).sum(1) - v) ** 2).mean()


by_torch(factors)(lambda torch, *data: entries_apart(*data))
by_jax(factors)(lambda jax, *data: entries_apart(*data))
by_autograd(factors)(lambda np, *data: entries_apart(*data))


# --- a pendulum whose first angle and speed lie in one array ---------------------------

STEP = 0.05

pendulum = Workload(
    "pendulum",
    "A pendulum, 40 steps, by its first angle and speed, float64",
    lambda steps: (np.array([1.0, 0.1]), steps),
    parameters=1,
    sizes={"steps": 40},
    small={"steps": 3},
)


@by_hand(pendulum)
def _(start: Any, steps: int) -> Any:
    angle, speed = start.tolist()
    angles, cosines, loss = [], [], 0.0
    for _ in range(steps):
        cosines.append(math.cos(angle))
        speed -= STEP * math.sin(angle)
        angle += STEP * speed
        angles.append(angle)
        loss += (angle - 1) ** 2
    dangle = dspeed = 0.0
    for a, c in zip(angles[::-1], cosines[::-1], strict=True):
        dangle += 2 / steps * (a - 1)
        dspeed += STEP * dangle
        dangle -= STEP * c * dspeed
    return loss / steps, (np.array([dangle, dspeed]),)


def swung(sin: Any, start: Any, steps: int) -> Any:
    angle, speed, loss = start[0], start[1], 0.0
    for _ in range(steps):
        speed = speed - STEP * sin(angle)
        angle = angle + STEP * speed
        loss = loss + (angle - 1) ** 2
    return loss / steps


by_minigrad(pendulum)(lambda start, steps: swung(np.sin, start, steps))
by_autograd(pendulum)(lambda np, start, steps: swung(np.sin, start, steps))


# --- a bicubic surface through a grid, at points between -------------------------------


def surface_data(n: int, side: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    places = rng.uniform(1, side - 3, size=(n, 2))
    i = places.astype(int)
    return rng.normal(size=(side, side)), i, places - i, rng.normal(size=n)


surface = Workload(
    "surface",
    "A bicubic surface, 20×20, fitted to 400 points, float64",
    surface_data,
    parameters=1,
    sizes={"n": 400, "side": 20},
    small={"n": 5, "side": 6},
)


def cubic(t: Any) -> list[Any]:
    """Weights of four neighbours, of a point at t between the two in the middle."""
    return [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]


@by_hand(surface)
def _(G: Any, i: Any, t: Any, v: Any) -> Any:
    n, side, steps = len(v), len(G), np.arange(-1, 3)
    wx, wy = (np.stack(cubic(t[:, k]), axis=1) for k in (0, 1))
    w = (wx[:, :, None] * wy[:, None]).reshape(n, 16)
    rows, columns = (i[:, k, None] + steps for k in (0, 1))
    places = (rows[:, :, None] * side + columns[:, None]).reshape(n, 16)
    e = np.einsum("nk,nk->n", w, G.reshape(-1)[places])
    e -= v
    loss = e.dot(e) / n
    e *= 2 / n
    w *= e[:, None]
    gradient = np.bincount(places.reshape(-1), w.reshape(-1), G.size)
    return loss, (gradient.reshape(G.shape),)


@by_minigrad(surface)
def between(G: Any, i: Any, t: Any, v: Any) -> Any:
    wx, wy = cubic(t[:, 0]), cubic(t[:, 1])
    z = 0.0
    for a in range(4):
        for b in range(4):
            z = z + wx[a] * wy[b] * G[i[:, 0] + a - 1, i[:, 1] + b - 1]
    return ((z - v) ** 2).mean()


by_torch(surface)(lambda torch, *data: between(*data))
by_jax(surface)(lambda jax, *data: between(*data))
by_autograd(surface)(lambda np, *data: between(*data))
