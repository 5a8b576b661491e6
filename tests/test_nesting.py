"""Derivatives of derivatives, in every order of the transformations, against reverse mode alone."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as mg

Scalar = Callable[[Any], Any]
X, U, V = np.array([0.3, -0.8, 1.1]), np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, -0.7])


def smooth(x: Any) -> Any:
    return (np.tanh(x) * np.exp(0.3 * x[::-1])).sum() + np.prod(x + 2) * 0.1


def branched(x: Any) -> Any:
    a = np.cumsum(x) * mg.sigmoid(x)
    return mg.logsumexp(np.where(a > 0, a * a, 0.5 * a * x)) + np.sort(x)[0] ** 3 * (x @ x)


def value_and_slope(f: Scalar) -> Scalar:
    def g(x: Any) -> Any:
        value, slope = mg.value_and_grad(f)(x)
        return 0.3 * value + (slope * V).sum()

    return g


def along(f: Scalar, v: Any) -> Scalar:
    """The derivative in one direction, by reverse mode."""
    return lambda x: (mg.grad(f)(x) * v).sum()


# What is tried, the same by reverse mode, and how often each differentiates.
WAYS: dict[str, tuple[Callable[[Scalar], Scalar], Callable[[Scalar], Scalar], int]] = {
    "grad": (lambda f: along(f, U), lambda f: along(f, U), 1),
    "value_and_grad": (
        value_and_slope,
        lambda f: lambda x: 0.3 * f(x) + along(f, V)(x),
        1,
    ),
    "jvp": (lambda f: lambda x: mg.jvp(f, (x,), (U,))[1], lambda f: along(f, U), 1),
    "jvp along x": (
        lambda f: lambda x: mg.jvp(f, (x,), (x * V,))[1],
        lambda f: lambda x: (mg.grad(f)(x) * (x * V)).sum(),
        1,
    ),
    "linearize": (lambda f: lambda x: mg.linearize(f, x)[1](V), lambda f: along(f, V), 1),
    "vjp": (lambda f: lambda x: (mg.vjp(f, x)[1](1.0)[0] * U).sum(), lambda f: along(f, U), 1),
    "forward Jacobian": (
        lambda f: lambda x: (mg.jacobian(f, mode="forward")(x) * V).sum(),
        lambda f: along(f, V),
        1,
    ),
    "reverse Jacobian": (
        lambda f: lambda x: (mg.jacobian(f, mode="reverse")(x) * V).sum(),
        lambda f: along(f, V),
        1,
    ),
    "hvp": (
        lambda f: lambda x: (mg.hvp(f, x, U) * V).sum(),
        lambda f: along(along(f, U), V),
        2,
    ),
    "vmap": (
        lambda f: lambda x: mg.vmap(lambda a: f(x * a))(U).sum(),
        lambda f: lambda x: f(x * U[0]) + f(x * U[1]) + f(x * U[2]),
        0,
    ),
    "checkpoint": (mg.checkpoint, lambda f: f, 0),
}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("inner", WAYS)
def test_nested_to_third_order(inner: str) -> None:
    for f, middle, outer in product((smooth, branched), WAYS, WAYS):
        ways = [WAYS[name] for name in (inner, middle, outer)]
        if not 1 <= sum(order for _, _, order in ways) <= 3:
            continue
        tried = expected = f
        for way, same, _ in ways:
            tried, expected = way(tried), same(expected)
        np.testing.assert_allclose(
            tried(X), expected(X), rtol=1e-9, err_msg=f"{outer} of {middle} of {inner}"
        )


@pytest.mark.parametrize("name", ["jvp", "forward Jacobian", "hvp", "checkpoint"])
def test_gradient_of_a_gradient_pushed_forward(name: str) -> None:
    f = along(along(smooth, U), V) if name != "hvp" else along(smooth, V)
    way, same, _ = WAYS[name]
    np.testing.assert_allclose(way(f)(X), same(f)(X), rtol=1e-10)
