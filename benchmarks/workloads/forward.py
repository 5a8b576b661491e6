"""Forward mode: a differential equation with few parameters and many outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from benchmarks.contest import Step, Target, Workload
from benchmarks.contestants import JAX, jax_in_double
from benchmarks.duals import Dual

PLAIN, ALONG, ALL = "the function itself", "minigrad jvp", "minigrad jacobian"
DUAL = "dual numbers of one page"


def parameters(steps: int) -> tuple[Any, ...]:
    return np.array([1.1, 0.4, 0.4, 0.1]), steps


solution = Workload(
    "solution",
    "Runge-Kutta, 200 steps of two species: the solution",
    parameters,
    parameters=1,
    sizes={"steps": 200},
    small={"steps": 5},
    targets=(Target(ALONG, 6.0, (PLAIN,)),),
)
sensitivity = Workload(
    "sensitivity",
    "Its derivative by one of 4 parameters, and by all",
    parameters,
    parameters=1,
    sizes={"steps": 200},
    small={"steps": 5},
    targets=(Target(ALL, 2.5, (ALONG,)),),
)


def solved(m: Any, p: Any, steps: int) -> Any:
    """Lotka and Volterra's equations, by the classical method of order four."""

    def slope(s: Any) -> Any:
        x, y = s[0], s[1]
        return m.stack([p[0] * x - p[1] * x * y, p[3] * x * y - p[2] * y])

    s, h, path = m.array([10.0, 5.0]), 0.05, []
    for _ in range(steps):
        k1 = slope(s)
        k2 = slope(s + h / 2 * k1)
        k3 = slope(s + h / 2 * k2)
        k4 = slope(s + h * k3)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(s)
    return m.stack(path)


FIRST = np.array([1.0, 0.0, 0.0, 0.0])


@solution.contestant(PLAIN)
def _(p: Any, steps: int) -> Step:
    return lambda: (solved(np, p, steps), ())


@solution.contestant(ALONG)
def _(p: Any, steps: int) -> Step:
    return lambda: (mg.jvp(lambda p: solved(np, p, steps), (p,), (FIRST,))[0], ())


@sensitivity.contestant(ALONG)
def _(p: Any, steps: int) -> Step:
    return lambda: (mg.jvp(lambda p: solved(np, p, steps), (p,), (FIRST,))[1], ())


@sensitivity.contestant(ALL)
def _(p: Any, steps: int) -> Step:
    jacobian = mg.jacobian(lambda p: solved(np, p, steps))
    return lambda: (jacobian(p)[..., 0], ())


@sensitivity.contestant(JAX)
def _(p: Any, steps: int) -> Step:
    jax = jax_in_double()
    f = jax.jit(lambda p: jax.jvp(lambda p: solved(jax.numpy, p, steps), (p,), (FIRST,))[1])
    return lambda: (jax.block_until_ready(f(p)), ())


# --- arrays of a thousand, and of ten thousand -----------------------------------------


def diffused(u: Any, steps: int) -> Any:
    """Allen and Cahn's equation between walls that hold their values."""
    for _ in range(steps):
        inner = u[1:-1]
        bend = u[2:] - 2 * inner + u[:-2]
        u = np.concatenate([u[:1], inner + 0.2 * bend + 0.1 * np.tanh(inner), u[-1:]])
    return u


def reaction(name: str, points: int) -> Workload:
    """50 steps of reaction and diffusion, and their derivative in one direction."""
    workload = Workload(
        name,
        f"50 steps of reaction and diffusion on {points:,} points",
        lambda points, steps: (np.random.default_rng(0).normal(size=points), steps),
        parameters=1,
        sizes={"points": points, "steps": 50},
        small={"points": 7, "steps": 3},
        targets=(Target(ALONG, 2.5, (PLAIN,)),),
    )

    @workload.contestant(PLAIN)
    def _(u: Any, steps: int) -> Step:
        return lambda: (diffused(u, steps), ())

    @workload.contestant(ALONG)
    def _(u: Any, steps: int) -> Step:
        along = np.ones_like(u)
        return lambda: (mg.jvp(lambda u: diffused(u, steps), (u,), (along,))[0], ())

    @workload.contestant(DUAL)
    def _(u: Any, steps: int) -> Step:
        along = np.ones_like(u)
        return lambda: (diffused(Dual(u, along), steps).x, ())

    return workload


diffusion = reaction("diffusion", 1_000)
diffusion_wide = reaction("diffusion_wide", 10_000)
