"""Functions that NumPy lacks, number by number: their values and slopes by the textbook.

The table of samples runs both sides through the same forward function, and cannot say that
it is the wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

INF = math.inf
NUMBERS = [-30.0, -3.0, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 30.0]


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def Phi(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def bend(x: float) -> float:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_tanh_slope(x: float) -> float:
    t = math.tanh(bend(x))
    return (1 + t) / 2 + x / 2 * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 0.134145 * x * x)


FORMULAS: dict[str, tuple[Callable[..., Any], Callable[..., float], Callable[..., float]]] = {
    "sigmoid": (mg.sigmoid, sigma, lambda x: sigma(x) * sigma(-x)),
    "log_sigmoid": (mg.log_sigmoid, lambda x: -math.log1p(math.exp(-x)), lambda x: sigma(-x)),
    "softplus": (mg.softplus, lambda x: math.log1p(math.exp(x)), sigma),
    "relu": (mg.relu, lambda x: x if x > 0 else 0.0, lambda x: 1.0 if x > 0 else 0.0),
    "silu": (mg.silu, lambda x: x * sigma(x), lambda x: sigma(x) + x * sigma(x) * sigma(-x)),
    "gelu": (mg.gelu, lambda x: x * Phi(x), lambda x: Phi(x) + x * phi(x)),
    "gelu, tanh": (
        lambda x: mg.gelu(x, "tanh"),
        lambda x: x / 2 * (1 + math.tanh(bend(x))),
        gelu_tanh_slope,
    ),
    "leaky_relu": (
        lambda x: mg.leaky_relu(x, 0.1),
        lambda x: x if x > 0 else 0.1 * x,
        lambda x: 1.0 if x > 0 else 0.1,
    ),
    "elu": (
        lambda x: mg.elu(x, 0.5),
        lambda x: x if x > 0 else 0.5 * math.expm1(x),
        lambda x: 1.0 if x > 0 else 0.5 * math.exp(x),
    ),
    "erf": (mg.erf, math.erf, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x)),
    "to the -3": (
        lambda x: (x + 40) ** -3,
        lambda x: (x + 40) ** -3.0,
        lambda x: -3 / (x + 40) ** 4.0,
    ),
    "to the 5": (lambda x: x**5, lambda x: math.pow(x, 5), lambda x: 5 * math.pow(x, 4)),
    "to the -1.5": (
        lambda x: (x + 40) ** -1.5,
        lambda x: math.pow(x + 40, -1.5),
        lambda x: -1.5 * math.pow(x + 40, -2.5),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("kind", ["numbers", "an array", "single precision"])
def test_values_and_slopes(name: str, kind: str) -> None:
    f, value, slope = FORMULAS[name]
    values, slopes = [value(x) for x in NUMBERS], [slope(x) for x in NUMBERS]
    if kind == "numbers":
        found, gradients = zip(*map(mg.value_and_grad(f), NUMBERS), strict=True)
    else:
        x = np.array(NUMBERS, np.float32 if kind == "single precision" else float)
        found = f(mg.Tensor(x)).data
        gradients = mg.grad(lambda x: f(x).sum())(x)
        assert found.dtype == gradients.dtype == x.dtype
    close: dict[str, Any] = (
        {"rtol": 2e-5, "atol": 1e-6}
        if kind == "single precision"
        else {"rtol": 1e-12, "atol": 1e-15}
    )
    np.testing.assert_allclose(found, values, **close)
    np.testing.assert_allclose(gradients, slopes, **close)


def test_far_away_nothing_overflows() -> None:
    for x, low, high in ((-800.0, 0.0, -800.0), (800.0, 1.0, 0.0)):
        assert mg.sigmoid(mg.Tensor(x)).item() == mg.sigmoid(mg.Tensor([x])).data[0] == low
        assert mg.log_sigmoid(mg.Tensor(x)).item() == high
        assert mg.softplus(mg.Tensor(x)).item() == max(x, 0.0)


ROWS = np.array([[0.5, -1.0, 2.0], [3.0, 3.0, -INF], [-700.0, 700.0, 1.0]])


def shares(row: list[float]) -> list[float]:
    top = max(row)
    parts = [math.exp(x - top) for x in row]
    return [p / math.fsum(parts) for p in parts]


def log_sum(row: list[float]) -> float:
    return max(row) + math.log(math.fsum(math.exp(x - max(row)) for x in row))


@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 1)])
def test_log_sum_exp_by_rows(axis: Any) -> None:
    rows = {0: ROWS.T.tolist(), 1: ROWS.tolist(), -1: ROWS.tolist()}.get(
        axis, [ROWS.ravel().tolist()]
    )
    for keepdims in (False, True):
        got = mg.logsumexp(mg.Tensor(ROWS), axis=axis, keepdims=keepdims)
        assert got.shape == np.sum(ROWS, axis=axis, keepdims=keepdims).shape
        np.testing.assert_allclose(np.ravel(got.data), [log_sum(r) for r in rows], rtol=1e-14)
    slope = mg.grad(lambda x: mg.logsumexp(x, axis=axis).sum())(ROWS)
    expected = np.reshape([shares(r) for r in rows], ROWS.T.shape if axis == 0 else ROWS.shape)
    np.testing.assert_allclose(slope, expected.T if axis == 0 else expected, rtol=1e-13)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_by_rows(axis: int) -> None:
    v = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, 1.0], [2.0, 0.1, -1.0]])
    turn = (lambda a: a.T) if axis == 0 else (lambda a: a)
    p = np.array([shares(r) for r in turn(ROWS).tolist()])
    np.testing.assert_allclose(turn(mg.softmax(mg.Tensor(ROWS), axis=axis).data), p, rtol=1e-13)
    with np.errstate(divide="ignore"):
        logs = turn(ROWS) - np.array([[log_sum(r)] for r in turn(ROWS).tolist()])
    np.testing.assert_allclose(turn(mg.log_softmax(mg.Tensor(ROWS), axis).data), logs, rtol=1e-13)
    w = turn(v)  # Jᵀ w of every row: diag(p) - p pᵀ, and I - 1 pᵀ
    expected = p * w - p * (p * w).sum(1, keepdims=True)
    got = mg.grad(lambda x: (mg.softmax(x, axis) * v).sum())(ROWS)
    np.testing.assert_allclose(turn(got), expected, rtol=1e-12, atol=1e-15)
    finite = np.where(np.isfinite(ROWS), ROWS, -900.0)
    got = mg.grad(lambda x: (mg.log_softmax(x, axis) * v).sum())(finite)
    q = np.array([shares(r) for r in turn(finite).tolist()])
    np.testing.assert_allclose(turn(got), w - q * w.sum(1, keepdims=True), rtol=1e-12, atol=1e-15)
    for f, expected in ((mg.softmax, p * w - p * (p * w).sum(1, keepdims=True)),):
        tangent = mg.jvp(lambda x, f=f: f(x, axis), (ROWS,), (v,))[1]
        np.testing.assert_allclose(turn(tangent), expected, rtol=1e-12, atol=1e-15)


def test_rows_of_nothing() -> None:
    nothing = np.full((2, 3), -INF)
    assert (mg.logsumexp(mg.Tensor(nothing), axis=1).data == -INF).all()
    assert not mg.grad(lambda x: np.where(True, 0.0, mg.logsumexp(x, axis=1)).sum())(nothing).any()
    assert mg.logsumexp(mg.Tensor(np.ones((2, 0))), axis=1).data.tolist() == [-INF, -INF]
    assert mg.softmax(mg.Tensor(np.ones((2, 0)))).shape == (2, 0)
    assert mg.logsumexp(mg.Tensor([INF, 1.0])).item() == INF
    extremes = np.array([[INF, 1.0], [-INF, -INF], [1e308, 1e308]])
    with np.errstate(all="raise", under="ignore"):
        assert mg.logsumexp(extremes, axis=1).tolist() == [INF, -INF, 1e308]


def test_pushed_forward_by_rows() -> None:
    v = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, 1.0], [2.0, 0.1, -1.0]])
    p = np.array([shares(r) for r in ROWS.tolist()])
    along = (p * v).sum(1)
    tangent = mg.jvp(lambda x: mg.logsumexp(x, axis=1), (ROWS,), (v,))[1]
    np.testing.assert_allclose(tangent, along, rtol=1e-12)
    finite = np.where(np.isfinite(ROWS), ROWS, -900.0)
    tangent = mg.jvp(mg.log_softmax, (finite,), (v,))[1]
    np.testing.assert_allclose(tangent, v - along[:, None], rtol=1e-12)


def test_parameters_of_activations() -> None:
    for x, by_slope, by_alpha in ((-2.0, -2.0, math.expm1(-2.0)), (3.0, 0.0, 0.0)):
        assert mg.grad(mg.leaky_relu, argnums=1)(x, 0.1) == by_slope
        assert mg.grad(mg.elu, argnums=1)(x, 0.5) == pytest.approx(by_alpha, rel=1e-14)


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_what_wins_has_the_gradient(f: Any) -> None:
    nan = math.nan
    x = np.array([1.0, 2.0, 3.0, nan, 3.0, nan])
    y = np.array([2.0, 2.0, 1.0, 1.0, nan, nan])
    takes_nan = f in (np.maximum, np.minimum)  # the others pass over it, and a tie is the first's
    tie = 0.5 if takes_nan else 1.0
    first = np.array([0, tie, 1, takes_nan, not takes_nan, tie])
    if f in (np.minimum, np.fmin):
        first[[0, 2]] = 1, 0
    g = mg.grad(lambda x, y: np.sum(f(x, y)), argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(g[0], first)
    np.testing.assert_array_equal(g[1], 1 - first)
    for a, b, slope in zip(x, y, first):
        assert mg.grad(f)(a, b) == slope


def test_pairs_of_numbers_as_complex_ones() -> None:
    x = np.arange(1.0, 13.0).reshape(2, 6)
    t = mg.Tensor(x, requires_grad=True)
    z = t.view(complex)
    np.testing.assert_array_equal(z.data, x.view(complex))
    np.testing.assert_array_equal(z.view(float).data, x)
    w = np.array([[1.0, -2.0, 3.0], [5.0, 0.5, 2.0]])
    (np.real(z) * w - 2 * np.imag(z) * w).sum().backward()
    np.testing.assert_array_equal(t.grad[:, ::2], w)
    np.testing.assert_array_equal(t.grad[:, 1::2], -2 * w)
    with pytest.raises(ValueError, match="need an even last axis"):
        t[:, :5].view(complex)
    with pytest.raises(ValueError, match="a single number cannot be viewed as another dtype"):
        t[0, 0].view(complex)


def test_a_line_through_as_few_points_as_it_has_coefficients() -> None:
    t = mg.Tensor([1.0, 2.0, 5.0], requires_grad=True)
    with pytest.raises(ValueError, match="there must be more points than coefficients"):
        np.polyfit(np.arange(3.0), t, 2, cov=True)
    fit, cov = np.polyfit(np.arange(3.0), t, 1, cov=True)
    known, spread = np.polyfit(np.arange(3.0), t.data, 1, cov=True)
    np.testing.assert_allclose(fit.data, known, rtol=1e-12)
    np.testing.assert_allclose(cov.data, spread, rtol=1e-12)


def test_weighted_means_are_numpys() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4))
    t = mg.Tensor(x, requires_grad=True)
    for axis in (None, 0, -1, (0, 2), (2, 0), (1, 2, 0)):
        axes = range(3) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        w = rng.uniform(0.5, 2, size=tuple(x.shape[i] for i in axes))
        for weights in (w, (10 * w).astype(int), w.astype(np.float32)):
            ours, total = np.average(t, axis=axis, weights=weights, returned=True)
            theirs, whole = np.average(x, axis=axis, weights=weights, returned=True)
            np.testing.assert_allclose(ours.data, theirs, rtol=1e-12)
            np.testing.assert_allclose(mg.Tensor(total).data, whole, rtol=1e-6)
            t.grad = None
            ours.sum().backward()
            along = np.argsort([i % 3 for i in axes])
            shape = [x.shape[i] if i in [a % 3 for a in axes] else 1 for i in range(3)]
            share = np.transpose(weights, along).reshape(shape) / weights.sum()
            np.testing.assert_allclose(t.grad, np.broadcast_to(share, x.shape), rtol=1e-6)
    for axis, wrong in ((None, (4,)), (0, (3,)), ((0, 2), (4, 2)), (1, (3, 1))):
        with pytest.raises(ValueError, match=r"average: weights .* must have the shape of a"):
            np.average(t, axis=axis, weights=np.ones(wrong))
    single = mg.Tensor(x.astype(np.float32), requires_grad=True)
    for weights in (np.ones(4), np.ones(4, np.float32), np.ones(4, int)):
        kind = np.average(single.data, axis=2, weights=weights).dtype
        assert np.average(single, axis=2, weights=weights).dtype == kind
    assert np.average(mg.Tensor([1, 2, 4]), weights=[1, 1, 1]) == 7 / 3


def test_kaiser_windows_of_few_points() -> None:
    beta = mg.Tensor(2.5, requires_grad=True)
    for n in range(6):
        window = mg.kaiser(n, beta)
        np.testing.assert_allclose(window.data, np.kaiser(n, 2.5), rtol=1e-12)
        if n:
            slope = mg.jvp(lambda b, n=n: mg.kaiser(n, b), (2.5,), (1.0,))[1]
            numbers = (np.kaiser(n, 2.5 + 1e-5) - np.kaiser(n, 2.5 - 1e-5)) / 2e-5
            np.testing.assert_allclose(slope, numbers, rtol=1e-6, atol=1e-9)


def test_log_softmax_pushed_forward() -> None:
    x, t = np.array([[0.3, -1.0, 2.0], [0.0, 0.5, 0.5]]), np.array([[1.0, 2, -1], [0.5, 0, 3]])
    for axis in (0, 1, -1):
        p = np.exp(x) / np.exp(x).sum(axis, keepdims=True)
        _, pushed = mg.jvp(lambda x, axis=axis: mg.log_softmax(x, axis=axis), (x,), (t,))
        np.testing.assert_allclose(pushed, t - (p * t).sum(axis, keepdims=True), rtol=1e-12)
        _, pushed = mg.jvp(lambda x, axis=axis: mg.softmax(x, axis=axis), (x,), (t,))
        np.testing.assert_allclose(pushed, p * (t - (p * t).sum(axis, keepdims=True)), rtol=1e-12)
