"""The formulas that textbooks print: as text, and worth what they say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import minigrad as mg
from formulas import check
from minigrad import losses

rng = np.random.default_rng(0)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


def formulas(explanation: Any) -> dict[str, str]:
    check(explanation)
    return {row.quantity: row.formula for row in explanation.rows}


def final(explanation: Any, name: str) -> str:
    """The last line of the closed form, which is worth the gradient."""
    step = explanation.closed[name][-1]
    gradient = explanation.gradients[name]
    found = np.broadcast_to(step.formula.evaluate(), np.shape(gradient))
    np.testing.assert_allclose(found, gradient, rtol=1e-9, atol=1e-12)
    return str(step.text)


# --- the two that must be perfect ------------------------------------------------------------


@pytest.mark.parametrize("y", [0.0, 1.0, 0.7])
def test_logistic_regression_of_one_example(y: float) -> None:
    x = 0.7
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = -(y * np.log(a) + (1 - y) * np.log(1 - a))
    explanation = mg.explain(L, w, simplify=True)
    assert formulas(explanation) == {
        "dL/da": "(1 - y)/(1 - a) - y/a",
        "da/dz": "a·(1 - a)",
        "dz/dw": "x",
    }
    assert final(explanation, "w") == "(a - y)·x"
    assert final(mg.explain(L, z, simplify=True), "z") == "a - y"
    np.testing.assert_allclose(explanation.gradients["w"], (a.item() - y) * x)


def test_logistic_regression() -> None:
    X, y = rng.normal(size=(32, 3)), (rng.random(32) > 0.5).astype(float)
    w, b = param(3), param()
    m = len(y)
    p = 1 / (1 + np.exp(-(X @ w + b)))
    L = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m
    explanation = mg.explain(L, [w, b], simplify=True)
    assert formulas(explanation)["dp"] == "((1 - y)/(1 - p) - y/p)/m"
    assert final(explanation, "w") == "Xᵀ(p - y)/m"
    assert final(explanation, "b") == "sum(p - y)/m"
    np.testing.assert_allclose(explanation.gradients["w"], X.T @ (p.data - y) / m)


def test_the_closed_form_in_every_format() -> None:
    x, y = 0.7, 1.0
    w = param()
    z = w * x
    a = mg.sigmoid(z)
    L = -(y * np.log(a) + (1 - y) * np.log(1 - a))
    explanation = mg.explain(L, w, simplify=True)
    reasons = [step.reason for step in explanation.closed["w"]]
    assert reasons == ["chain rule, log′u = 1/u, σ′ = σ(1 - σ)", "a and (1 - a) cancel"]
    latex = explanation.to_latex()
    for step in explanation.closed["w"]:
        assert step.formula.latex in latex
        assert step.formula.mathml in explanation.to_html()
        assert f"`dL/dw = {step.text}` | {step.reason} |" in explanation.to_markdown()
    assert latex.isascii() and r"\sigma (1\ -\ \sigma )" in latex
    assert "cancel" not in mg.explain(L, w).to_latex()
    explanation.to_html().encode()
    ET.fromstring(f"<p>{explanation.to_html()}</p>")
    MathTextParser("path").parse(f"${latex.splitlines()[-2].replace('&', '')}$")


def test_softmax_regression() -> None:
    X, Y = rng.normal(size=(32, 4)), rng.integers(0, 3, 32)
    W = param(4, 3)
    Z = X @ W
    L = losses.cross_entropy(Z, Y)
    explanation = mg.explain(L, W, simplify=True)
    assert formulas(explanation)["dZ"] == "(softmax(Z) - onehot(Y))/32"
    assert final(explanation, "W") == "Xᵀ(softmax(Z) - onehot(Y))/32"
    expected = X.T @ (mg.softmax(Z.data) - np.eye(3)[Y]) / 32
    np.testing.assert_allclose(explanation.gradients["W"], expected)


def test_softmax_regression_by_hand() -> None:
    X, Y = rng.normal(size=(32, 4)), np.eye(3)[rng.integers(0, 3, 32)]
    W = param(4, 3)
    m = 32
    P = mg.softmax(X @ W, axis=1)
    L = -np.sum(Y * np.log(P)) / m
    explanation = mg.explain(L, W, simplify=True)
    assert final(explanation, "W") == "Xᵀ(P - Y)/m"
    assert "each row of Y sums to 1" in str(explanation)


# --- names, not numbers ----------------------------------------------------------------------


def test_a_loss_of_the_library_is_written_as_on_paper() -> None:
    X, y = rng.normal(size=(32, 3)), (rng.random(32) > 0.5).astype(float)
    w = param(3)
    a = mg.sigmoid(X @ w)
    L = losses.binary_cross_entropy(a, y)
    explanation = mg.explain(L, w, simplify=True)
    assert formulas(explanation)["da"] == "((1 - y)/(1 - a) - y/a)/32"
    assert final(explanation, "w") == "Xᵀ(a - y)/32"
    assert "maximum keeps values from 3.72e-44, which none of them reaches" in str(explanation)


def test_mean_squares() -> None:
    N = 25
    x, y = rng.normal(size=(2, N))
    theta = param()
    h = theta * x
    J = np.sum((h - y) ** 2) / (2 * N)
    assert formulas(mg.explain(J, theta))["dh"] == "(h - y)/N"
    L = np.mean((h - y) ** 2)
    assert formulas(mg.explain(L, theta))["dh"] == "2·(h - y)/25"
    w, X = param(3), rng.normal(size=(25, 3))
    M = np.sum((X @ w - y) ** 2) / N
    assert final(mg.explain(M, w, simplify=True), "w") == "2·Xᵀ(X w - y)/N"


def test_a_variable_that_is_assigned_again() -> None:
    x = 0.7
    w, b = param(), param()
    z = w * x + b
    z = z * 2
    assert formulas(mg.explain(z, w)) == {"dz/dw": "2·x"}


def test_the_gaussian() -> None:
    xs = rng.normal(size=20)
    mu, sigma = param(), mg.Tensor(1.3, requires_grad=True)
    ll = np.sum(-((xs - mu) ** 2) / (2 * sigma**2))
    assert formulas(mg.explain(ll, [mu, sigma])) == {
        "dll/dmu": "sum(xs - mu)/sigma²",
        "dll/dsigma": "sum((xs - mu)²)/sigma³",
    }


def test_determinants() -> None:
    B = rng.normal(size=(3, 3))
    A = mg.Tensor(B @ B.T + np.eye(3), requires_grad=True)
    L = np.log(np.linalg.det(A))
    assert formulas(mg.explain(L, A)) == {"dA": "A⁻ᵀ"}
    M = np.linalg.slogdet(A)[1]
    assert formulas(mg.explain(M, A)) == {"dA": "A⁻ᵀ"}


def final_of(f: Any, *args: Any) -> list[str]:
    """The last lines of the gradients of what is called y, by what is called x, A or u and v."""
    y = f(*args)
    names = {1: ["x"], 2: ["u", "v"]}[len(args)]
    for x, name in zip(args, names, strict=True):
        x.name = name
    y.name = "y"
    return [final(mg.explain(y, x, simplify=True), name) for x, name in zip(args, names)]


REGULAR = [
    (np.linalg.det, [[2.0, 0.3], [0.2, 1.5]], "y·x⁻ᵀ"),
    (np.prod, [1.5, -2.0, 3.0], "y/x"),
    (lambda x: np.sum(np.prod(x, axis=1)), [[1.5, 2.0], [3.0, -1.0]], "prod(x, axis=1)[:, None]/x"),
    (lambda x: np.sum(np.cumprod(x)), [1.5, 2.0, 3.0], "cumsum(cumprod(x)[::-1])[::-1]/x"),
    (np.sinc, 0.7, "(cos(π·x) - y)/x"),
    (np.sinc, 0.1, "(cos(π·x) - y)/x"),
    (lambda x: np.exp(x) / (1 + np.exp(x)), 0.4, "y·(1 - y)"),
]


@pytest.mark.parametrize(("f", "at", "formula"), REGULAR, ids=[f for _, _, f in REGULAR])
def test_detours_that_no_value_takes(f: Any, at: Any, formula: str) -> None:
    assert final_of(f, mg.Tensor(at, requires_grad=True)) == [formula]


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (np.linalg.det, [[1.0, 2.0], [2.0, 4.0]]),
        (np.prod, [1.5, 0.0, 3.0]),
        (lambda x: np.sum(np.cumprod(x)), [1.5, 0.0, 3.0]),
        (np.sinc, 1e-9),
        (np.sinc, 0.0),
    ],
)
def test_detours_that_values_take_are_written(f: Any, at: Any) -> None:
    x = mg.Tensor(at, requires_grad=True)
    y = f(x)
    check(mg.explain(y, x))


def test_angles() -> None:
    u, v = mg.Tensor(1.7, requires_grad=True), mg.Tensor(0.4, requires_grad=True)
    assert final_of(np.arctan2, u, v) == ["v/(u² + v²)", "-u/(u² + v²)"]


def test_indices_keep_their_names() -> None:
    C, ix = param(27, 2), rng.integers(0, 27, (16, 3))
    emb = C[ix]
    L = (emb**2).sum()
    assert formulas(mg.explain(L, C))["dC"] == "0; np.add.at(dC, ix, demb)"
    M = (C[ix, 0] ** 3).sum() + C[1:3].sum()
    assert "scatter(" in formulas(mg.explain(M, C))["dC"]  # a block, and entries
    first = C[ix, 0]
    N = (first**3).sum()
    assert formulas(mg.explain(N, C))["dC"] == "0; np.add.at(dC, np.s_[ix, 0], dfirst)"
    probs, y, n = mg.softmax(param(8, 3)), rng.integers(0, 3, 8), 8
    nll = -np.log(probs[range(n), y]).mean()
    assert "probs[range(n), y]" in mg.explain(nll, probs).rows[0].formula


def test_masks_outer_products_and_roots() -> None:
    X, W, b = rng.normal(size=(8, 3)), param(3, 4), param(4)
    z = X @ W + b
    a = np.maximum(0, z)
    L = np.sum(a * a)
    assert formulas(mg.explain(L, W))["dz"] == "da ⊙ 1[z > 0]"
    x, V = rng.normal(size=3), param(4, 3)
    h = V @ x
    M = np.sum(h**3)
    assert formulas(mg.explain(M, V))["dV"] == "dh xᵀ"
    t = param()
    s = np.sqrt(3) * t + t**2 / np.sqrt(2 * np.pi)
    assert formulas(mg.explain(s, t)) == {"ds/dt": "2·t/√(2π) + √3"}


def test_hinge_and_penalty() -> None:
    X, y, reg = rng.normal(size=(8, 3)), np.sign(rng.normal(size=8)), 0.1
    w = param(3)
    s = X @ w
    L = np.maximum(0, 1 - y * s).mean() + reg * np.sum(w**2)
    assert formulas(mg.explain(L, w))["ds"] == "-1[y ⊙ s < 1] ⊙ y/8"
    assert formulas(mg.explain(L, w))["dw via L"] == "2·reg·w"


def test_quadratic_form() -> None:
    A, x = rng.normal(size=(3, 3)), param(3)
    q = x @ A @ x
    explanation = mg.explain(q, x, simplify=True)
    assert final(explanation, "x") == "(A + Aᵀ)x"


class Net:
    def __init__(self) -> None:
        self.W1, self.W2 = param(3, 4), param(4, 1)

    def explained(self, X: Any) -> Any:
        h = np.tanh(X @ self.W1)
        out = h @ self.W2
        L = np.sum(out**2)
        return mg.explain(L, [self.W1, self.W2])


def test_attributes_and_layers() -> None:
    found = Net().explained(rng.normal(size=(8, 3)))
    assert {row.quantity: row.formula for row in found.rows}["dself.W2"] == "hᵀ @ dout"
    net = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.ReLU(), mg.nn.Linear(4, 1))
    L = np.sum(net(rng.normal(size=(8, 3))) ** 2)
    assert "dnet[2].weight" in {row.quantity for row in mg.explain(L, net.parameters()).rows}


# --- what must not happen ---------------------------------------------------------------------


def test_nothing_of_the_users_is_called_twice_that_could_be_noticed() -> None:
    calls = []

    def noisy(x: Any) -> Any:
        calls.append(1)
        return x * 2

    w = param()
    y = noisy(w) * 3
    mg.explain(y, w)
    assert len(calls) == 1


def test_a_changed_variable_is_not_believed() -> None:
    w, k = param(), 3.0
    y = w * (1 + k)
    k = 5.0
    explanation = mg.explain(y, w)
    assert explanation.rows[0].formula == "4"
    assert k == 5.0


@pytest.mark.full
def test_every_closed_form_of_random_graphs_agrees_with_sympy() -> None:
    sympy = pytest.importorskip("sympy")
    draw = np.random.default_rng(1)
    for _ in range(200):
        values = draw.uniform(0.5, 1.5, size=3)
        leaves = [
            mg.Tensor(v, requires_grad=True, name=n) for v, n in zip(values, "abc", strict=True)
        ]
        letters = list(sympy.symbols("a b c"))
        pool: list[tuple[Any, Any]] = list(zip(leaves, letters, strict=True))
        for _ in range(int(draw.integers(2, 7))):
            (s, p), (t, q) = (pool[i] for i in draw.integers(0, len(pool), 2))
            made = [
                (s + t, p + q),
                (s * t, p * q),
                (s - 2 * t, p - 2 * q),
                (s / (1 + t * t), p / (1 + q * q)),
                (np.sin(s), sympy.sin(p)),
                (np.exp(-s * s), sympy.exp(-p * p)),
                (np.log(1 + s * s), sympy.log(1 + p * p)),
            ]
            pool.append(made[int(draw.integers(len(made)))])
        out, formula = pool[-1]
        wanted = [i for i, s in enumerate(letters) if formula.has(s)]
        if not wanted or out.node.op is None:
            continue
        x = leaves[wanted[0]]
        try:
            explanation = mg.explain(out, x, simplify=True)
        except ValueError:
            continue
        at = dict(zip(letters, values, strict=True))
        truth = float(sympy.diff(formula, letters[wanted[0]]).subs(at))
        for step in explanation.closed[x.name]:
            np.testing.assert_allclose(float(step.formula.evaluate()), truth, rtol=1e-8, atol=1e-10)


def test_a_standard_deviation_has_no_roots_of_squares() -> None:
    for n in (2, 3, 5, 6, 7, 10):  # √n · √n is n but for a last digit
        x = mg.Tensor(np.arange(1.0, n + 1), requires_grad=True)
        s = np.std(x)
        text = str(mg.explain(s, x))
        assert "√" not in text
        assert f"{n}" in text.splitlines()[1]


def test_a_step_that_cannot_be_found_leaves_those_before(monkeypatch: Any) -> None:
    from minigrad.explain import closed

    def broken(*args: Any) -> None:
        raise TypeError("what a rule was not made for")

    x, w = np.array([1.0, 2.0, 4.0]), mg.Tensor([0.1, 0.2, 0.3], requires_grad=True)
    L = np.sum((x * w - 1) ** 2)
    whole = str(mg.explain(L, w, simplify=True))
    monkeypatch.setattr(closed, "simplified", broken)
    short = str(mg.explain(L, w, simplify=True))
    assert "(chain rule)" in short
    assert whole.startswith(short)


def test_entries_that_numbers_tell() -> None:
    X, F = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]]), param(2, 2)
    a = X[0, 0] * F[0, 0] + X[1, 1] * F[1, 1]
    b = X[0, 1] * F[0, 0] - X[1, 2] * F[1, 1]
    L = a**2 + b
    explanation = mg.explain(L, F, simplify=True)
    assert formulas(explanation)["dF via a"] == "0; dF[0, 0] += da·X[0, 0]; dF[1, 1] += da·X[1, 1]"
    said = "0; dF[0, 0] += X[0, 1] + 2·a·X[0, 0]; dF[1, 1] += -X[1, 2] + 2·a·X[1, 1]"
    assert explanation.closed["F"][-1].text == said


@pytest.mark.parametrize(
    ("of", "formula"),
    [
        (np.arcsin, "1/√(1 - x²)"),
        (np.arccos, "-1/√(1 - x²)"),
        (np.arctanh, "1/(1 - x²)"),
        (np.arctan, "1/(1 + x²)"),
        (np.arcsinh, "1/√(x² + 1)"),
    ],
)
def test_inverse_functions(of: Any, formula: str) -> None:
    x = mg.Tensor(0.3, requires_grad=True)
    y = of(x)
    assert formulas(mg.explain(y, x)) == {"dy/dx": formula}


def test_a_number_stretched_to_a_length() -> None:
    w, x = mg.Tensor(2.0, requires_grad=True), mg.Tensor([1.0, 3.0], requires_grad=True)
    y = np.broadcast_to(w, 2) * x
    assert formulas(mg.explain(y.sum(), [w, x])) == {"dy": "1", "dw": "sum(dy ⊙ x)", "dx": "w·dy"}


def test_a_column_is_put_back_as_one() -> None:
    W, X, y = param(3, 1), rng.normal(size=(5, 3)), rng.normal(size=5)
    out = X @ W
    L = np.sum((out[:, 0] - y) ** 2)
    assert formulas(mg.explain(L, W)) == {"dout": "2·(out[:, 0] - y)[:, None]", "dW": "Xᵀ @ dout"}
    z = param(2, 1, 3)
    M = (z[:, 0] ** 3).sum()
    assert formulas(mg.explain(M, z)) == {"dz": "3·(z[:, 0]²)[:, None]"}
