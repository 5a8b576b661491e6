"""The closed forms of published derivations, written in plain NumPy, beside the engine.

Every derivative here was first derived on paper.  minigrad must agree with the closed
form to 1e-12, and finite differences must agree with both.  Figures of a publication are
asserted only where it prints them right.

Sources: C. McCormick, "Gradient Descent Derivation" (4 March 2014); "Backpropagation Step
by Step" (Datamapu, 31 March 2024); A. Rosebrock, "Gradient Descent with Python"
(PyImageSearch).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from finite_differences import numeric_gradient

SEEDS = range(5)
each_seed = pytest.mark.parametrize("seed", SEEDS)


def close(got: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Equal in shape, and in every entry to ``tolerance`` (relative above 1)."""
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def agree(f: Callable[..., Any], args: list[Any], closed: list[Any]) -> None:
    """Hold the gradient of ``f`` by every argument to its closed form, three ways."""
    leaves = [mg.Tensor(a, requires_grad=True) for a in args]
    f(*leaves).backward()
    functional = mg.grad(f, argnums=tuple(range(len(args))))(*args)
    for i, exact in enumerate(closed):
        close(leaves[i].grad, exact)
        close(functional[i], exact)
        close(numeric_gradient(f, args, i), exact, 1e-8)


def sigma(x: Any) -> Any:
    """The logistic function in plain NumPy."""
    return 1 / (1 + np.exp(-x))


# --- J(θ) = θ² (McCormick) -------------------------------------------------------------

DESCENT = [
    (3, 0.6), (2.4, 0.48), (1.92, 0.384), (1.536, 0.307), (1.229, 0.246),
    (0.983, 0.197), (0.786, 0.157), (0.629, 0.126), (0.503, 0.101), (0.403, 0.081),
]  # fmt: skip
"""θ and α dJ/dθ before each of ten steps, as printed (three decimals)."""


@pytest.mark.parametrize("theta", [3.0, -1.5, 0.0, 1e-3, 250.0])
def test_square(theta: float) -> None:
    agree(lambda t: t**2, [theta], [2 * theta])
    agree(lambda t: t * t, [theta], [2 * theta])
    agree(mg.square, [theta], [2 * theta])
    close(mg.grad(mg.grad(lambda t: t**2))(theta), 2.0)


def test_ten_published_steps() -> None:
    theta, alpha = 3.0, 0.1
    for printed_theta, printed_step in DESCENT:
        step = alpha * mg.grad(lambda t: t**2)(theta)
        assert (round(theta, 3), round(float(step), 3)) == (printed_theta, printed_step)
        theta = float(theta - step)
    close(theta, 3 * 0.8**10)  # each step multiplies by 1 − 2α


def test_a_learning_rate_of_two_moves_away_at_every_step() -> None:
    theta = 3.0
    for _ in range(10):
        moved = theta - 2 * mg.grad(lambda t: t**2)(theta)
        assert abs(moved) > abs(theta)
        theta = moved


@each_seed
def test_square_of_two_variables(seed: int) -> None:
    t1, t2 = np.random.default_rng(seed).normal(size=2)
    agree(lambda a, b: a**2 + b**2, [t1, t2], [2 * t1, 2 * t2])
    close(mg.hessian(lambda t: t[0] ** 2 + t[1] ** 2)(np.array([t1, t2])), 2 * np.eye(2))


# --- linear regression (McCormick) -----------------------------------------------------


def line(seed: int, m: int = 12) -> tuple[Any, Any, float, float]:
    """Data x, y and parameters θ₀, θ₁."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=m), rng.normal(size=m), float(rng.normal()), float(rng.normal())


@each_seed
def test_mean_squared_error(seed: int) -> None:
    x, y, t0, t1 = line(seed)
    e = t0 + t1 * x - y
    closed = [2 / len(x) * np.sum(e), 2 / len(x) * np.sum(e * x)]
    agree(lambda a, b: np.mean((a + b * x - y) ** 2), [t0, t1], closed)
    agree(lambda a, b: ((a + b * x - y) ** 2).sum() / len(x), [t0, t1], closed)


@each_seed
def test_half_mean_squared_error(seed: int) -> None:
    x, y, t0, t1 = line(seed)
    e = t0 + t1 * x - y
    closed = [np.sum(e) / len(x), np.sum(e * x) / len(x)]
    agree(lambda a, b: ((a + b * x - y) ** 2).sum() / (2 * len(x)), [t0, t1], closed)


@each_seed
def test_mean_squared_error_step_by_step(seed: int) -> None:
    """The sum rule, the power rule and the two inner derivatives, each by itself."""
    x, y, t0, t1 = line(seed)
    theta0, theta1 = mg.Tensor(t0, requires_grad=True), mg.Tensor(t1, requires_grad=True)
    e = theta0 + theta1 * x - y
    loss = np.mean(e**2)
    close(mg.gradients(loss, e), 2 / len(x) * e.data)
    ones = np.ones(len(x))
    for i in range(len(x)):
        close(mg.gradients(e[i], theta0), 1.0)
        close(mg.gradients(e[i], theta1), x[i])
    close(mg.gradients(e, theta1, ones), x.sum())


@each_seed
def test_the_update_averages_one_suggestion_per_example(seed: int) -> None:
    x, y, t0, t1 = line(seed)
    per_example = [
        mg.grad(lambda b, i=i: 0.5 * (t0 + b * x[i] - y[i]) ** 2)(t1) for i in range(len(x))
    ]
    whole = mg.grad(lambda b: 0.5 * np.mean((t0 + b * x - y) ** 2))(t1)
    close(whole, np.mean(per_example))


@each_seed
def test_half_mean_squared_error_of_many_features(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y, theta = rng.normal(size=(20, 4)), rng.normal(size=20), rng.normal(size=4)
    closed = X.T @ (X @ theta - y) / 20
    agree(lambda t: 0.5 * np.mean((X @ t - y) ** 2), [theta], [closed])
    close(mg.hessian(lambda t: 0.5 * np.mean((X @ t - y) ** 2))(theta), X.T @ X / 20)


# --- σ′ = σ(1 − σ) (Datamapu, appendix) ------------------------------------------------

POINTS = [0.25, 0.0, 1.0, -2.5, 6.0, -8.0]


@pytest.mark.parametrize("x", POINTS)
def test_sigmoid(x: float) -> None:
    closed = sigma(x) * (1 - sigma(x))
    agree(mg.sigmoid, [x], [closed])
    agree(lambda t: 1 / (1 + np.exp(-t)), [x], [closed])
    agree(lambda t: (1 + np.exp(-t)) ** -1, [x], [closed])
    close(mg.grad(mg.grad(mg.sigmoid))(x), closed * (1 - 2 * sigma(x)))


@pytest.mark.parametrize("x", POINTS)
def test_sigmoid_step_by_step(x: float) -> None:
    """The factors of the chain (1 + e^(−x))^(−1), and the forms it is rewritten to."""
    t = mg.Tensor(x, requires_grad=True)
    minus = -t
    e = np.exp(minus)
    u = 1 + e
    s = u**-1
    close(mg.gradients(s, u), -((1 + math.exp(-x)) ** -2))
    close(mg.gradients(u, e), 1.0)
    close(mg.gradients(e, minus), math.exp(-x))
    close(mg.gradients(minus, t), -1.0)
    slope = mg.gradients(s, t)
    close(slope, -((1 + math.exp(-x)) ** -2) * math.exp(-x) * -1)
    close(slope, math.exp(-x) / (1 + math.exp(-x)) ** 2)
    close(slope, sigma(x) * (1 - sigma(x)))


@each_seed
def test_sigmoid_of_arrays(seed: int) -> None:
    x = np.random.default_rng(seed).normal(scale=3, size=(3, 4))
    agree(lambda t: mg.sigmoid(t).sum(), [x], [sigma(x) * (1 - sigma(x))])


# --- the sum-of-squares sigmoid classifier (Rosebrock) ---------------------------------


@each_seed
def test_sigmoid_classifier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(30, 2)), np.ones(30)])  # the bias trick
    y, W = rng.integers(0, 2, (30, 1)).astype(float), rng.normal(size=(3, 1))
    p = sigma(X @ W)
    closed = 2 * X.T @ ((p - y) * p * (1 - p))
    agree(lambda w: ((mg.sigmoid(X @ w) - y) ** 2).sum(), [W], [closed])
    agree(lambda w: 0.5 * np.sum((mg.sigmoid(np.matmul(X, w)) - y) ** 2), [W], [closed / 2])


@each_seed
def test_the_bias_trick(seed: int) -> None:
    """A column of ones makes the last weight the bias: same loss, same gradient."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(30, 2)), rng.integers(0, 2, 30).astype(float)
    w, b = rng.normal(size=2), float(rng.normal())
    p = sigma(X @ w + b)
    e = (p - y) * p * (1 - p)
    agree(lambda w, b: ((mg.sigmoid(X @ w + b) - y) ** 2).sum(), [w, b], [2 * X.T @ e, 2 * e.sum()])
    ones = np.column_stack([X, np.ones(30)])
    joined = mg.grad(lambda v: ((mg.sigmoid(ones @ v) - y) ** 2).sum())(np.append(w, b))
    close(joined, np.append(2 * X.T @ e, 2 * e.sum()))


@each_seed
def test_without_the_sigmoid_slope_it_is_the_gradient_of_the_logistic_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y, W = rng.normal(size=(30, 3)), rng.integers(0, 2, 30).astype(float), rng.normal(size=3)
    loss = lambda w: -(y * mg.log_sigmoid(X @ w) + (1 - y) * mg.log_sigmoid(-(X @ w))).sum()
    agree(loss, [W], [X.T @ (sigma(X @ W) - y)])


# --- chains of neurons, factor by factor (Datamapu) ------------------------------------

PUBLISHED = {"x": 0.5, "y": 1.5, "w1": 0.3, "b1": 0.1, "w2": 0.2, "b2": 0.4}


def neurons(seed: int) -> dict[str, float]:
    """The published numbers, then random ones."""
    if seed == 0:
        return PUBLISHED
    rng = np.random.default_rng(seed)
    return {name: float(rng.normal()) for name in PUBLISHED}


@each_seed
def test_one_neuron(seed: int) -> None:
    n = neurons(seed)
    x, y = n["x"], n["y"]
    w, b = mg.Tensor(n["w1"], requires_grad=True), mg.Tensor(n["b1"], requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    loss = 0.5 * (y - a) ** 2

    a_ = sigma(n["w1"] * x + n["b1"])
    close(loss.item(), 0.5 * (y - a_) ** 2)
    close(mg.gradients(loss, a), -(y - a_))
    close(mg.gradients(a, z), a_ * (1 - a_))
    close(mg.gradients(z, w), x)
    close(mg.gradients(z, b), 1.0)
    close(mg.gradients(loss, z), -(y - a_) * a_ * (1 - a_))
    agree(
        lambda w, b: 0.5 * (y - mg.sigmoid(w * x + b)) ** 2,
        [n["w1"], n["b1"]],
        [-(y - a_) * a_ * (1 - a_) * x, -(y - a_) * a_ * (1 - a_)],
    )


def test_published_figures_of_one_neuron() -> None:
    n = PUBLISHED
    w = mg.Tensor(n["w1"], requires_grad=True)
    z = w * n["x"] + n["b1"]
    a = mg.sigmoid(z)
    loss = 0.5 * (n["y"] - a) ** 2
    for value, printed in [(z, 0.25), (a, 0.56), (loss, 0.44)]:
        assert round(value.item(), 2) == printed
    assert round(float(mg.gradients(loss, a)), 2) == -0.94
    assert round(float(mg.gradients(a, z)), 2) == 0.25
    assert mg.gradients(z, w) == 0.5
    loss.backward()
    assert round(n["w1"] - 0.1 * float(w.grad), 3) == 0.312


@each_seed
def test_two_neurons_in_a_row(seed: int) -> None:
    n = neurons(seed)
    x, y = n["x"], n["y"]
    w1, b1, w2, b2 = (mg.Tensor(n[k], requires_grad=True) for k in ("w1", "b1", "w2", "b2"))
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    a3 = mg.sigmoid(z3)
    loss = 0.5 * (y - a3) ** 2

    a2_ = sigma(n["w1"] * x + n["b1"])
    a3_ = sigma(n["w2"] * a2_ + n["b2"])
    close(mg.gradients(loss, a3), -(y - a3_))
    close(mg.gradients(a3, z3), a3_ * (1 - a3_))
    close(mg.gradients(z3, w2), a2_)
    close(mg.gradients(z3, b2), 1.0)
    close(mg.gradients(z3, a2), n["w2"])
    close(mg.gradients(a2, z2), a2_ * (1 - a2_))
    close(mg.gradients(z2, w1), x)
    close(mg.gradients(z2, b1), 1.0)
    end = -(y - a3_) * a3_ * (1 - a3_)
    middle = end * n["w2"] * a2_ * (1 - a2_)
    close(mg.gradients(loss, [z3, z2]), [end, middle])
    agree(
        lambda w1, b1, w2, b2: 0.5 * (y - mg.sigmoid(w2 * mg.sigmoid(w1 * x + b1) + b2)) ** 2,
        [n["w1"], n["b1"], n["w2"], n["b2"]],
        [middle * x, middle, end * a2_, end],
    )


def test_published_figures_of_two_neurons() -> None:
    n = PUBLISHED
    w1, b1, w2, b2 = (mg.Tensor(n[k], requires_grad=True) for k in ("w1", "b1", "w2", "b2"))
    z2 = w1 * n["x"] + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    a3 = mg.sigmoid(z3)
    loss = 0.5 * (n["y"] - a3) ** 2
    loss.backward()
    printed = [(z2, 2, 0.25), (a2, 2, 0.56), (z3, 3, 0.512), (a3, 3, 0.625), (loss, 2, 0.38)]
    for value, digits, figure in printed:
        assert round(value.item(), digits) == figure
    assert round(float(mg.gradients(loss, a3)), 3) == -0.875
    assert float(mg.gradients(z3, a2)) == 0.2
    assert round(float(b2.grad), 3) == -0.205
    assert round(float(w1.grad), 3) == -0.005
    assert round(float(b1.grad), 2) == -0.01
    assert round(n["w1"] - 0.1 * float(w1.grad), 4) == 0.3005
    assert round(n["b1"] - 0.1 * float(b1.grad), 3) == 0.101


@each_seed
def test_two_neurons_in_a_layer(seed: int) -> None:
    """The gradient of each of eight parameters is the product along its path."""
    rng = np.random.default_rng(seed)
    x, y = (0.5, 1.5) if seed == 0 else rng.normal(size=2)
    w11, b11, w21, b21, w12, b12, w22, b22 = p = [float(v) for v in rng.normal(size=8)]
    a1, a2 = sigma(w11 * x + b11), sigma(w21 * x + b21)
    a3 = sigma(w12 * a1 + b12 + w22 * a2 + b22)
    end = -(y - a3) * a3 * (1 - a3)
    through1, through2 = end * w12 * a1 * (1 - a1), end * w22 * a2 * (1 - a2)

    def loss(w11: Any, b11: Any, w21: Any, b21: Any, w12: Any, b12: Any, w22: Any, b22: Any) -> Any:
        a1, a2 = mg.sigmoid(w11 * x + b11), mg.sigmoid(w21 * x + b21)
        return 0.5 * (y - mg.sigmoid(w12 * a1 + b12 + w22 * a2 + b22)) ** 2

    closed = [through1 * x, through1, through2 * x, through2, end * a1, end, end * a2, end]
    agree(loss, p, closed)


# --- the sum over outputs --------------------------------------------------------------


@each_seed
def test_sum_over_outputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, y_hat = rng.normal(size=7), rng.normal(size=7)
    agree(lambda a: 0.5 * ((y - a) ** 2).sum(), [y_hat], [-(y - y_hat)])


@each_seed
def test_sum_over_outputs_of_neurons(seed: int) -> None:
    """One hidden neuron, n outputs: the derivative is the sum of the outputs' own."""
    rng = np.random.default_rng(seed)
    n, x = 5, float(rng.normal())
    y, v, c = rng.normal(size=(3, n))
    w, b = (float(t) for t in rng.normal(size=2))
    a = sigma(w * x + b)
    o = sigma(v * a + c)
    ends = -(y - o) * o * (1 - o)
    through = np.sum(ends * v) * a * (1 - a)

    def loss(w: Any, b: Any, v: Any, c: Any) -> Any:
        return 0.5 * ((y - mg.sigmoid(v * mg.sigmoid(w * x + b) + c)) ** 2).sum()

    agree(loss, [w, b, v, c], [through * x, through, ends * a, ends])
    each = [
        mg.grad(lambda w, p=p: 0.5 * (y[p] - mg.sigmoid(v[p] * mg.sigmoid(w * x + b) + c[p])) ** 2)(
            w
        )
        for p in range(n)
    ]
    close(mg.grad(loss)(w, b, v, c), sum(each))
