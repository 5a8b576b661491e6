"""Science in small: rows gathered by their numbers, and a simulation of single numbers."""

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
