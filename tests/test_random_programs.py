"""Random programs against JAX: values, gradients and Hessian-vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from peers import jax, jnp

Step = Callable[[Any, Any], Any]

# A step takes the array module and a value; every step keeps values within a few units.
UNARY: list[Step] = [
    lambda m, x: m.sin(x),
    lambda m, x: m.tanh(x) * 1.5,
    lambda m, x: m.exp(-x * x),
    lambda m, x: m.log(1.2 + x * x),
    lambda m, x: m.sqrt(0.5 + x * x),
    lambda m, x: x / (1 + m.abs(x + 3.1)),
    lambda m, x: m.arctan(x),
    lambda m, x: m.logaddexp(x, 0.3),
    lambda m, x: m.where(x > 0.123, x * x, m.cos(x)),
    lambda m, x: m.maximum(x, 0.0717) - m.minimum(x, -0.0717),
    lambda m, x: m.square(x) - 0.5 * x,
    lambda m, x: (x + 2.5) ** 3 / 30,
    lambda m, x: m.hypot(x, 1.0),
    lambda m, x: m.arctan2(x, 1.5 + m.cos(x)),
    lambda m, x: m.expm1(0.3 * x),
    lambda m, x: m.clip(x, -1.017, 1.017),
    lambda m, x: 2.0 ** (0.4 * x),
]
BINARY: list[Callable[[Any, Any, Any], Any]] = [
    lambda m, x, y: x + y,
    lambda m, x, y: x * y,
    lambda m, x, y: x - 2 * y,
    lambda m, x, y: x / (1.5 + y * y),
    lambda m, x, y: m.maximum(x, y),
    lambda m, x, y: m.where(x > y, x, 2 * y),
    lambda m, x, y: m.arctan2(x, 2 + y * y),
    lambda m, x, y: (1.1 + x * x) ** (y / (1 + y * y)),
]
RESHAPING: list[Step] = [
    lambda m, x: m.transpose(x),
    lambda m, x: x.reshape(-1),
    lambda m, x: x[::-1],
    lambda m, x: m.concatenate([x, 2 * x]),
    lambda m, x: m.stack([x, m.sin(x)], axis=-1),
    lambda m, x: m.expand_dims(x, 0),
    lambda m, x: m.squeeze(m.expand_dims(x, -1), -1),
    lambda m, x: x[..., None] * np.array([1.0, -0.5]),
    lambda m, x: m.moveaxis(x, 0, -1),
    lambda m, x: m.roll(x, 1, axis=0),
    lambda m, x: m.cumsum(x, axis=0) / x.shape[0],
    lambda m, x: m.flip(x, 0),
    lambda m, x: x[np.array([0, -1, 0])],
    lambda m, x: m.tile(x, 2),
    lambda m, x: m.repeat(x, 2, axis=0),
]
REDUCING: list[Step] = [
    lambda m, x: m.sum(x, axis=0),
    lambda m, x: m.mean(x, axis=-1, keepdims=True),
    lambda m, x: m.max(x, axis=0),
    lambda m, x: m.min(x, axis=-1),
    lambda m, x: m.var(x, axis=0) + x[0],
    lambda m, x: m.prod(m.tanh(x), axis=0),
    lambda m, x: m.einsum("i...,i...->...", x, x) / 3,
    lambda m, x: m.sort(x, axis=0)[-1],
]
LARGEST = 200


def program(seed: int) -> tuple[Callable[[Any, Any, Any], Any], Any, Any]:
    """A scalar function of a matrix and a vector, for NumPy's or JAX's module; a point."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    kinds = ["unary", "binary", "shape", "reduce", "matmul"]
    plan = [(rng.choice(kinds), int(rng.integers(1 << 30))) for _ in range(rng.integers(4, 12))]

    def f(m: Any, x: Any, v: Any) -> Any:
        pool = [x, v, m.matmul(x, v)]
        for kind, pick in plan:
            y = pool[pick % len(pool)]
            if kind == "binary":
                z = pool[pick // 7 % len(pool)]
                try:
                    np.broadcast_shapes(y.shape, z.shape)
                except ValueError:
                    z = m.mean(z)
                y = BINARY[pick // 49 % len(BINARY)](m, y, z)
            elif kind == "matmul" and len(y.shape) == 2:
                y = m.matmul(y, m.swapaxes(m.tanh(y), 0, 1)) / y.shape[1]
            elif kind == "shape" and y.shape:
                y = RESHAPING[pick // 7 % len(RESHAPING)](m, y)
            elif kind == "reduce" and y.shape:
                y = REDUCING[pick // 7 % len(REDUCING)](m, y)
            else:
                y = UNARY[pick // 7 % len(UNARY)](m, y)
            pool.append(y if np.prod(y.shape) <= LARGEST else m.mean(y, axis=0))
        return sum(m.mean(m.sin(y)) * (k + 1) for k, y in enumerate(pool))

    return f, a, b


def theirs(f: Any, point: Any, direction: Any) -> Any:
    """Value and gradient, directional derivative, Hessian-vector product: compiled at once."""

    def everything(point: Any, direction: Any) -> Any:
        g = lambda p: f(jnp, *p)
        return (
            *jax.value_and_grad(g)(point),
            jax.jvp(g, (point,), (direction,))[1],
            jax.jvp(jax.grad(g), (point,), (direction,))[1],
        )

    return jax.jit(everything)(point, direction)


def agree(got: Any, expected: Any, rtol: float) -> None:
    for g, e in zip(got, expected, strict=True):
        scale = max(1.0, float(np.max(np.abs(e))))
        np.testing.assert_allclose(g / scale, np.asarray(e) / scale, rtol=rtol, atol=rtol / 10)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(16))
def test_random_program(seed: int) -> None:
    f, *point = program(seed)
    rng = np.random.default_rng(seed + 1)
    direction = [rng.normal(size=x.shape) for x in point]
    value, gradient, along, second = theirs(f, point, direction)

    ours = lambda p: f(np, *p)
    got_value, got_gradient = mg.value_and_grad(ours)(point)
    np.testing.assert_allclose(got_value, f(np, *point), rtol=1e-13)
    np.testing.assert_allclose(got_value, value, rtol=1e-11)
    agree(got_gradient, gradient, 1e-9)
    agree([mg.jvp(ours, (point,), (direction,))[1]], [along], 1e-9)
    agree(mg.hvp(ours, point, direction), second, 1e-8)
