"""Graphs as teachers write them, each against the formula that their book prints."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from formulas import check
from minigrad import losses
from minigrad.reading.inline import inlined

rng = np.random.default_rng(5)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


def final(explanation: Any, name: str) -> str:
    """The last line of the closed form, which is worth the gradient."""
    check(explanation)
    step = explanation.closed[name][-1]
    gradient = explanation.gradients[name]
    found = np.broadcast_to(step.formula.evaluate(), np.shape(gradient))
    np.testing.assert_allclose(found, gradient, rtol=1e-9, atol=1e-12)
    return str(step.text)


def rows(explanation: Any) -> dict[str, str]:
    check(explanation)
    return {row.quantity: row.formula for row in explanation.rows}


# --- the loss of logistic regression, however it is computed ---------------------------------

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "maximum": lambda z, y: np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))),
    "maximum, turned": lambda z, y: np.maximum(0.0, z) - y * z + np.log(1 + np.exp(-np.abs(z))),
    "relu": lambda z, y: mg.relu(z) - y * z + np.log1p(np.exp(-np.abs(z))),
    "where": lambda z, y: np.where(z > 0, z, 0) - y * z + np.log1p(np.exp(-np.abs(z))),
    "mask": lambda z, y: (z > 0) * z - y * z + np.log1p(np.exp(-np.abs(z))),
    "clip": lambda z, y: np.clip(z, 0, None) - y * z + np.log1p(np.exp(-np.abs(z))),
    "from below": lambda z, y: (1 - y) * z + np.log(1 + np.exp(-np.abs(z))) + np.maximum(-z, 0),
    "minimum": lambda z, y: z - z * y - np.minimum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    "softplus": lambda z, y: mg.softplus(z) - y * z,
    "two softplus": lambda z, y: y * mg.softplus(-z) + (1 - y) * mg.softplus(z),
    "log σ": lambda z, y: -y * mg.log_sigmoid(z) - (1 - y) * mg.log_sigmoid(-z),
    "logaddexp": lambda z, y: np.logaddexp(0, z) - y * z,
    "logaddexp, turned": lambda z, y: np.logaddexp(z, 0) - y * z,
    "log1p": lambda z, y: np.log1p(np.exp(z)) - y * z,
    "σ": lambda z, y: -(y * np.log(mg.sigmoid(z)) + (1 - y) * np.log(1 - mg.sigmoid(z))),
    "σ spelt out": lambda z, y: (
        -(y * np.log(1 / (1 + np.exp(-z))) + (1 - y) * np.log(1 - 1 / (1 + np.exp(-z))))
    ),
    "mean of both": lambda z, y: (1 - y) * z + np.log1p(np.exp(-z)),
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("of", LOSSES)
def test_cross_entropy_of_two_classes_ends_in_one_formula(of: str) -> None:
    z, y = param(8), (rng.random(8) > 0.5).astype(float)
    loss = LOSSES[of]
    L = np.mean(loss(z, y))
    assert final(mg.explain(L, z, simplify=True), "z") == "(σ(z) - y)/8"
    for x in (0.7, -1.2):  # either side of the kink
        t, target = mg.Tensor(x, requires_grad=True), 0.3
        M = loss(t, target)
        assert final(mg.explain(M, t, simplify=True), "t") == "σ(t) - target"


def test_logistic_regression_in_a_class() -> None:
    class Classifier:
        def __init__(self) -> None:
            self.theta = param(3, 1)
            self.bias = mg.Tensor(0.1, requires_grad=True)

        def forward(self, X: Any) -> Any:
            return 1.0 / (1.0 + np.exp(-(X @ self.theta + self.bias)))

        def cost(self, X: Any, t: Any) -> Any:
            eps = 1e-12
            p = np.clip(self.forward(X), eps, 1 - eps)
            return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()

    X, t, model = rng.normal(size=(20, 3)), (rng.random((20, 1)) > 0.5).astype(float), Classifier()
    J = model.cost(X, t)
    explanation = mg.explain(J, [model.theta, model.bias], simplify=True)
    assert final(explanation, "model.theta") == "Xᵀ(σ(X model.theta + model.bias) - t)/20"
    assert final(explanation, "model.bias") == "sum(σ(X model.theta + model.bias) - t)/20"


# --- one class among several -----------------------------------------------------------------


def test_an_index_keeps_its_name() -> None:
    logits, a, r = param(4), 2, 1.5
    pi = mg.softmax(logits)
    L = -np.log(pi[a]) * r
    explanation = mg.explain(L, logits, simplify=True)
    assert rows(explanation)["dpi"] == "-r·onehot(a)/pi[a]"
    assert final(explanation, "logits") == "r·(pi - onehot(a))"
    lp = logits - mg.logsumexp(logits)
    M = -lp[a]
    assert final(mg.explain(M, logits, simplify=True), "logits") == "exp(lp) - onehot(a)"


def test_actions_drawn_from_one_distribution() -> None:
    theta, acts, R = param(3), np.array([0, 2, 1, 2]), rng.normal(size=4)
    pi = mg.softmax(theta)
    J = np.mean(R * np.log(pi[acts]))
    explanation = mg.explain(J, theta, simplify=True)
    assert final(explanation, "theta") == "(onehot(acts)ᵀ R - pi ⊙ sum(R))/4"


def test_each_row_with_a_weight_of_its_own() -> None:
    P, t, u = param(4, 3), np.array([0, 1, 1, 2]), rng.random(4)
    S = mg.softmax(P)
    L = -np.sum(u * np.log(S[np.arange(4), t]))
    assert final(mg.explain(L, P, simplify=True), "P") == "(S - onehot(t)) ⊙ u[:, None]"
    v, k = param(4), np.array([1, 1, 3])
    q = mg.softmax(v)
    M = np.sum(np.log(q[k]))
    assert final(mg.explain(M, v, simplify=True), "v") == "sum(onehot(k), axis=0) - 3·q"


def test_of_two_choices_one_cancels() -> None:
    u, a, b, v = param(4), np.array([0, 2, 2]), np.array([1, 3, 0]), rng.normal(size=3)
    p = np.exp(u)
    L = np.sum(v / p[b] * np.log(p[a]))
    assert final(mg.explain(L, u, simplify=True), "u") == (
        "onehot(a)ᵀ(v/p[b]) - onehot(b)ᵀ(v ⊙ log(p[a])/p[b])"
    )


def test_what_is_repeated_does_not_sum_to_one() -> None:
    w, P, v = param(3), param(4, 3), param(3)
    q, p = mg.softmax(v), mg.softmax(w)
    L = np.sum(w * (P**2 - q)) - np.log(p[1])
    explanation = mg.explain(L, w, simplify=True)
    assert final(explanation, "w") == "sum(P² - q, axis=0) + p - onehot(1)"
    assert explanation.closed["w"][-1].reason == "p[1] cancels"


def test_a_mask_keeps_its_name() -> None:
    v, kept, y = param(4), np.array([True, False, True, False]), rng.random(2)
    L = np.sum(np.log(v[kept] ** 2) * y)
    assert rows(mg.explain(L, v)) == {"dv": "0; np.add.at(dv, kept, 2·y/v[kept])"}


def test_mixtures_and_pairs() -> None:
    x, mus, logpi = rng.normal(size=6), param(3), param(3)
    comp = -0.5 * (x[:, None] - mus) ** 2 - 0.5 * np.log(2 * np.pi)
    ll = np.sum(mg.logsumexp(comp + mg.log_softmax(logpi), axis=1))
    explanation = mg.explain(ll, [mus, logpi], simplify=True)
    assert rows(explanation)["dcomp"] == "softmax(comp + log_softmax(logpi))"
    responsible = "sum(softmax(comp + log_softmax(logpi)), axis=0)"
    assert final(explanation, "logpi") == f"{responsible} - 6·softmax(logpi)"
    A, B, temp = param(4, 3), param(4, 3), 0.5
    S = A @ B.T / temp
    L = -np.mean(np.diag(mg.log_softmax(S, axis=1)))
    assert final(mg.explain(L, A, simplify=True), "A") == "(softmax(S) - I)B/(4·temp)"


def test_margins_between_classes() -> None:
    X, y, W, N = rng.normal(size=(6, 3)), rng.integers(0, 4, 6), param(3, 4), 6
    s = X @ W
    correct = s[np.arange(N), y][:, None]
    margin = np.maximum(0, s - correct + 1)
    L = margin.sum() / N - 1
    assert final(mg.explain(L, W, simplify=True), "W") == (
        "Xᵀ(s1 - onehot(y) ⊙ sum(s1, axis=1, keepdims=True))/N where s1 = 1[s - correct + 1 > 0]"
    )


def test_negative_samples() -> None:
    v, u, negatives = param(4), param(4), param(5, 4)
    J = -np.log(mg.sigmoid(u @ v)) - np.sum(np.log(mg.sigmoid(-negatives @ v)))
    explanation = mg.explain(J, [v, negatives], simplify=True)
    assert final(explanation, "v") == "negativesᵀ σ(negatives v) - (1 - σ(uᵀ v))·u"
    assert final(explanation, "negatives") == "σ(negatives v) vᵀ"


def test_what_must_not_be_drawn_again_is_called_by_its_call() -> None:
    Z = param(5, 3)
    L = losses.cross_entropy(Z, rng.integers(0, 3, 5))
    explanation = mg.explain(L, Z)
    assert rows(explanation) == {"dZ": "(softmax(Z) - onehot(rng.integers(0, 3, 5)))/5"}
    assert "rng.integers(0, 3, 5): as it was then, (5,)" in str(explanation)


# --- numbers and exponents --------------------------------------------------------------------


def test_exponents_keep_their_names() -> None:
    p, alpha, gamma = mg.Tensor(0.3, requires_grad=True), 0.25, 2.0
    L = -alpha * (1 - p) ** gamma * np.log(p)
    assert rows(mg.explain(L, p)) == {
        "dL/dp": "alpha·(gamma·log(p)·(1 - p)^(gamma - 1) - (1 - p)^gamma/p)"
    }
    x, n = param(4), 3
    s = np.sum(np.power(x, n))
    assert rows(mg.explain(s, x)) == {"dx": "n·x^(n - 1)"}


def test_polynomials_have_no_empty_terms() -> None:
    t, c = mg.Tensor(0.7, requires_grad=True), [1.0, 2.0, 3.0]
    y = sum(c[i] * t**i for i in range(3))
    text = str(mg.explain(y, t))
    assert text.splitlines() == ["dy/dt = 2 + 3 · 2·t", "      = 6·t + 2        =  6.2"]


def test_roots_of_numbers_meet() -> None:
    S = mg.Tensor(0.3, requires_grad=True)
    y = 0.5 * (1 + mg.erf(S / np.sqrt(2)))
    assert rows(mg.explain(y, S)) == {"dy/dS": "exp(-S²/2)/√(2π)"}


def test_lengths_within_a_deviation() -> None:
    h, up = param(4, 7), rng.normal(size=(4, 7))
    s = np.std(h, axis=-1, keepdims=True)
    y = (h - np.mean(h, axis=-1, keepdims=True)) / (s + 1e-6)
    L = np.sum(y * up)
    formulas = rows(mg.explain(L, h))
    assert "/(7·s)" in formulas["dh via s"] and "0." not in formulas["dh via s"]


def test_choices_of_one_number() -> None:
    z, alpha = param(5), 1.5
    a = np.where(z > 0, z, alpha * (np.exp(z) - 1))
    L = np.sum(a)
    assert final(mg.explain(L, z, simplify=True), "z") == "where(z > 0, 1, alpha·exp(z))"


def test_a_number_is_no_mean() -> None:
    """``1 - σ(u)`` is asked whether it is a deviation from a mean of 1."""
    x, weights = param(3), rng.random(3)
    L = np.sum(np.sin(mg.sigmoid(mg.log_softmax(x))) * weights)
    assert final(mg.explain(L, x, simplify=True), "x")


def test_a_swish_by_hand() -> None:
    x = mg.Tensor(0.6, requires_grad=True)
    y = x / (1 + np.exp(-x))
    assert final(mg.explain(y, x, simplify=True), "x") == "σ(x) + y·(1 - σ(x))"


# --- loops over functions of the user's -------------------------------------------------------


def test_a_loop_over_a_function_of_the_users() -> None:
    W, U, b = param(3, 3), rng.normal(size=(3, 2)), param(3)
    xs, h0 = rng.normal(size=(3, 2)), rng.normal(size=3)

    def step(h: Any, x: Any) -> Any:
        return np.tanh(W @ h + U @ x + b)

    h = h0
    for x in xs:
        h = step(h, x)
    L = np.sum(h**2)
    found = rows(mg.explain(L, [W, b]))
    assert found["dh_2"] == "Wᵀ @ (dh ⊙ (1 - h²))"
    assert found["dW via h"] == "(dh ⊙ (1 - h²)) h_2ᵀ"
    assert found["dW via h_1"] == "(dh_1 ⊙ (1 - h_1²)) h0ᵀ"


def test_a_loop_over_a_method_with_two_states() -> None:
    class Cell:
        def __init__(self) -> None:
            self.W = param(4, 2)

        def gate(self, u: Any) -> Any:
            return mg.sigmoid(u)

        def __call__(self, x: Any, h: Any, c: Any) -> Any:
            a = self.W @ h + x
            c = self.gate(a[:2]) * c
            h = np.tanh(a[2:]) * c
            return h, c

    cell, xs = Cell(), rng.normal(size=(3, 4))
    h, c = rng.normal(size=2), rng.normal(size=2)
    for x in xs:
        h, c = cell(x, h, c)
    L = np.sum(h)
    found = rows(mg.explain(L, cell.W))
    assert {"dc", "dc_2", "dc_1", "dh_1"} <= {*found}
    assert not any("s1" in formula and len(formula) > 200 for formula in found.values())


def test_a_loop_that_draws() -> None:
    w = param(3)

    def step(h: Any) -> Any:
        return np.tanh(w * h + rng.normal(size=3))

    h = np.ones(3)
    for _ in range(3):
        h = step(h)
    L = np.sum(h)
    explanation = mg.explain(L, w)
    assert rows(explanation)["dw via h_2"] == "dh_2 ⊙ (1 - h_2²) ⊙ h_1"
    assert "without a name" not in str(explanation)


def test_a_loop_over_a_method_of_what_is_passed_on() -> None:
    class Cell:
        def step(self, h: Any) -> Any:
            return np.tanh(h) * 2

    def run(cell: Any, h: Any) -> Any:
        return cell.step(h)

    net, w = Cell(), mg.Tensor(0.5, requires_grad=True)
    h: Any = w
    for _ in range(2):
        h = run(net, h)
    L = h**2
    assert rows(mg.explain(L, w))["dh/dh_1"] == "2·(1 - tanh(h_1)²)"


def test_steps_of_a_solver() -> None:
    k, h = mg.Tensor(0.7, requires_grad=True), 0.1

    def f(y: Any) -> Any:
        return -k * y

    def heun(y: Any) -> Any:
        k1 = f(y)
        k2 = f(y + h * k1)
        return y + h / 2 * (k1 + k2)

    y = 1.0
    for _ in range(3):
        y = heun(y)
    found = rows(mg.explain(y, k))
    assert found["∂y/∂y_2"] == found["∂y_2/∂y_1"].replace("y_1", "y_2")
    assert "h" in found["∂y/∂y_2"] and "y_2" in found["∂y/∂k"]


def test_writing_out_keeps_meanings_apart() -> None:
    scale = 2.0

    def twice(x: Any) -> Any:
        y = scale * x
        return y + 1

    def written(text: str, **variables: Any) -> str | None:
        found = inlined(ast.parse(text, mode="eval").body, {"twice": twice, **variables})
        return None if found is None else ast.unparse(found[0])

    assert written("twice(a * b)", a=1, b=2) == "scale * (a * b) + 1"
    assert written("twice(twice(a))", a=1) == "scale * (scale * a + 1) + 1"
    assert written("twice(a)", a=1, scale=3.0) is None  # which is something else there
    assert written("twice(*a)", a=[1]) is None
    assert written("a + 1", a=1) is None

    def shifted(x: Any, by: Any = scale + 1) -> Any:  # which is computed elsewhere
        return x + by

    def moved(x: Any, by: Any = 1) -> Any:
        return x + by

    def total(x: Any) -> Any:
        return sum(x * i for i in range(2))

    def doubled(rng: Any) -> Any:  # called like something of the module
        return 2 * rng

    class Maker:
        @classmethod
        def make(cls, x: Any) -> Any:
            return cls, x

    here = {"shifted": shifted, "moved": moved, "total": total, "doubled": doubled, "Maker": Maker}
    assert written("shifted(a)", a=1, **here) is None
    assert written("moved(a)", a=1, **here) == "a + 1"
    assert written("total(i)", i=1, **here) is None
    assert written("doubled(a)", a=1, **here) == "2 * a"
    assert written("Maker.make(a)", a=1, **here) is None

    def given(twice: Any, y: Any) -> Any:  # called otherwise where it comes from
        return twice(y)

    assert written("given(half, a)", a=1, half=lambda u: u / 2, given=given) == "a / 2"
    assert written("given(a, b)", a=1, b=2, given=given) == "a(b)"


def test_writing_out_does_not_grow_without_end() -> None:
    def powers(x: Any) -> Any:
        x = x * x
        x = x * x
        x = x * x
        x = x * x
        x = x * x
        return x * x

    tree = ast.parse("powers(powers(a))", mode="eval").body
    assert inlined(tree, {"powers": powers, "a": 1}) is None  # 4096 times a
    assert inlined(tree.args[0], {"powers": powers, "a": 1}) is not None  # type: ignore[attr-defined]


# --- forward mode of pooling ------------------------------------------------------------------


def test_forward_mode_of_pooling() -> None:
    x = param(1, 1, 4, 4)
    for layer, formula in (
        (mg.nn.AvgPool2d(2), "avgpool(δx)"),
        (mg.nn.MaxPool2d(2), "pool(δx ⊙ 1[x = max])"),
        (mg.nn.MaxPool2d(3, stride=1, padding=1), "pool(δx ⊙ 1[x = max])"),
    ):
        y = layer(x)
        L = np.sum(y**2)
        explained = mg.explain(L, x, mode="forward")
        _, pooled, last = explained.rows
        assert (pooled.formula, last.formula) == (formula, "2·sum(δy ⊙ y)")
        np.testing.assert_allclose(pooled.expression.evaluate(), pooled.value)
        said = "takes u where the entry of v is the largest" in str(explained)
        assert said == ("max" in formula)
        for text in (explained.to_latex(), explained.to_html(), explained.to_markdown()):
            assert "windows" not in text
