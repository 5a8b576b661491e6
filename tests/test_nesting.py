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


@pytest.mark.sampled(11)
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


# What an inner derivative is taken at comes from outside of the function that is repeated.
KS = np.array([0.7, 1.3])
CLOSED: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda x, k: mg.grad(lambda y: smooth(y * k))(x).sum(),
    "value_and_grad": lambda x, k: mg.value_and_grad(lambda y: smooth(y * k))(x)[1].sum(),
    "gradient of a gradient": lambda x, k: mg.grad(lambda y: along(smooth, U)(y * k))(x).sum(),
    "hessian": lambda x, k: mg.hessian(lambda y: smooth(y * k))(x).sum(),
    "forward Jacobian": lambda x, k: mg.jacobian(lambda y: (y * k) ** 3, mode="forward")(x).sum(),
    "reverse Jacobian": lambda x, k: mg.jacobian(lambda y: (y * k) ** 3, mode="reverse")(x).sum(),
    "jvp": lambda x, k: mg.jvp(lambda y: smooth(y * k), (x,), (U,))[1],
    "linearize": lambda x, k: mg.linearize(lambda y: smooth(y * k), x)[1](U),
    "vjp": lambda x, k: mg.vjp(lambda y: smooth(y * k), x)[1](1.0)[0].sum(),
    "hvp": lambda x, k: mg.hvp(lambda y: smooth(y * k), x, U).sum(),
    "checkpoint": lambda x, k: mg.checkpoint(lambda y: smooth(y * k))(x),
}


@pytest.mark.parametrize("name", CLOSED)
def test_derivatives_at_what_the_mapped_function_closes_over(name: str) -> None:
    f = CLOSED[name]
    expected = sum(mg.grad(lambda x, k=k: f(x, k))(X) for k in KS)
    found = mg.grad(lambda x: mg.vmap(lambda k: f(x, k))(KS).sum())(X)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    p = mg.Tensor(X, requires_grad=True)
    mg.vmap(lambda k: f(p, k))(KS).sum().backward()
    np.testing.assert_allclose(p.grad, expected, rtol=1e-10)


@pytest.mark.parametrize("recorded", [False, True])
def test_programs_read_anew_what_an_inner_derivative_is_taken_at(recorded: bool) -> None:
    p = mg.Tensor(X, requires_grad=recorded)
    compiled = mg.compile(lambda k: mg.grad(lambda y: (y * k).sum() ** 3)(p))
    for scale in (1, 2):
        p.data = X * scale
        expected = mg.grad(lambda y: (y * 1.3).sum() ** 3)(X * scale)
        np.testing.assert_allclose(np.asarray(getattr(compiled(1.3), "data", 0)), expected)


def test_third_derivatives_of_a_determinant_for_many_examples() -> None:
    a = np.array([[1.0, 0.5, -0.3], [0.2, 0.8, 0.4], [0.6, -0.1, 1.2]])

    def f(a: Any, k: Any) -> Any:
        return mg.hessian(lambda y: np.linalg.det(y * k) ** 2)(a).sum()

    expected = sum(mg.grad(lambda a, k=k: f(a, k))(a) for k in KS)
    found = mg.jacobian(lambda a: mg.vmap(lambda k: f(a, k))(KS))(a).sum(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_indices_computed_from_what_is_the_same_for_all_examples() -> None:
    def f(x: Any) -> Any:
        return mg.vmap(lambda k: mg.jvp(lambda y: np.median(y * x) * k, (x,), (U,))[1])(KS).sum()

    xs = np.stack([X, -X, X[::-1]])
    one = np.array([0.5, 1.0])
    found = mg.vmap(lambda a: mg.vmap(lambda k: f(X) * k + a)(KS).sum())(one)
    np.testing.assert_allclose(found, f(X) * KS.sum() + 2 * one)
    np.testing.assert_allclose(mg.vmap(f)(xs), [f(x) for x in xs])
    ordered = mg.compile(mg.jacobian(lambda x: x[np.argsort(x)] * U))
    for x in (X, -X):
        np.testing.assert_allclose(ordered(x), np.diag(U)[:, np.argsort(np.argsort(x))])
