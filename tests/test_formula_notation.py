"""Formulas and keys as textbooks and homework threads write them, in plain text."""

# Strings refer to variables that nothing else reads.

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

check = mg.check_derivation


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


def normal(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def layers(hand: Any) -> Any:
    lr, x, y = 0.3, normal(0, 3, 1), np.array([[1.0], [0.0]])  # noqa: F841
    W1, W2, b1 = leaf(normal(1, 4, 3)), leaf(normal(2, 2, 4)), leaf(normal(3, 4, 1))
    z1 = W1 @ x + b1
    a1 = mg.sigmoid(z1)
    a2 = mg.sigmoid(W2 @ a1)
    C = 0.5 * np.sum((y - a2) ** 2)
    return check(C, hand)


def mixture(hand: Any) -> Any:
    x = normal(4, 6)
    π, μ, σ = leaf([0.4, 0.6]), leaf([-1.0, 1.5]), leaf([0.8, 1.3])
    p = π * np.exp(-0.5 * ((x[:, None] - μ) / σ) ** 2) / (np.sqrt(2 * np.pi) * σ)
    s = np.sum(p, axis=1)
    L = np.sum(np.log(s))
    γ = p / s[:, None]  # noqa: F841
    return check(L, hand)


def density(hand: Any) -> Any:
    x, μ, Σ = normal(5, 2), leaf(normal(6, 2)), leaf([[1.5, 0.3], [0.3, 0.8]])
    L = -0.5 * np.log(np.linalg.det(Σ)) - 0.5 * (x - μ) @ np.linalg.inv(Σ) @ (x - μ)
    return check(L, hand)


def rows(hand: Any) -> Any:
    X, T, k = normal(7, 5, 3), normal(8, 5, 2), 0.4
    W, b = leaf(normal(9, 3, 2)), leaf(normal(10, 2))
    Z = X @ W + b
    E = 0.5 * np.sum((Z - T) ** 2) + k * np.sum(b**2)
    return check(E, hand)


def words(hand: Any) -> Any:
    o = 2
    U, v = leaf(normal(11, 5, 3)), leaf(normal(12, 3))
    ŷ = mg.softmax(U @ v)
    J = -np.log(ŷ[o])
    return check(J, hand)


def columns(hand: Any) -> Any:
    X, Y, m = normal(13, 3, 5), np.array([[1.0, 0, 0, 1, 1]]), 5
    w, b = leaf(normal(14, 3, 1)), leaf(0.2)
    A = mg.sigmoid(w.T @ X + b)
    J = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return check(J, hand)


def norms(hand: Any) -> Any:
    D, g, x = 5, normal(15, 4, 5), leaf(normal(16, 4, 5))  # noqa: F841
    μ = np.mean(x, axis=0)
    v = np.mean((x - μ) ** 2, axis=0)
    h = (x - μ) / np.sqrt(v)
    L = np.sum(g * h)
    return check(L, hand)


def clipped(hand: Any) -> Any:
    π, σ, x, δ = leaf([0.4, 0.6]), leaf(0.8), leaf([[-1.0, 0.5], [2.0, 0.1]]), 1.0
    p = π * np.exp(-0.5 * (x / σ) ** 2) / (np.sqrt(2 * np.pi) * σ)
    h = np.where(np.abs(x) <= δ, 0.5 * x**2, δ * (np.abs(x) - 0.5 * δ))
    s = np.sum(p, axis=1)
    L = np.sum(s**2) + np.sum(h) + np.sum(np.clip(x, 0, 1)) + mg.sigmoid(σ)
    return check(L, hand)


def springs(hand: Any) -> Any:
    k, h, W = 3.0, 1.0, normal(17, 2, 2)
    r, q = leaf([1.2, 0.9]), leaf([0.0, 0.1])
    dvec = r - q
    dist = np.sqrt(np.sum(dvec**2))
    E = 0.5 * k * (dist - h) ** 2 + 0.5 * r @ (W + W.T) @ r
    S = W + W.T  # noqa: F841
    return check(E, hand)


def path(hand: Any) -> Any:
    s, d, θ, P = leaf(1.2), 4, leaf(0.3), 1.2
    y = s**2 / np.sqrt(d)
    z = np.sin(y) * np.cos(2 * θ) + P * y
    return check(z, hand)


def normals(hand: Any) -> Any:
    x, g, M, μ = normal(20, 7, 3), normal(21, 7), normal(22, 3, 3), leaf(normal(23, 3))
    c = x - μ
    q = np.sum((c @ M.T) * c * g[:, None])
    return check(q, hand)


def ratios(hand: Any) -> Any:
    S, G, μ, w = normal(24, 3, 3), normal(25, 2, 3), normal(26, 3), leaf(normal(27, 3))
    S = S @ S.T
    m, v = w @ μ, w @ S @ w
    R = m / np.sqrt(v) + np.sum((G @ w) ** 2)
    return check(R, hand)


def hidden(hand: Any) -> Any:
    X, W1, W2 = normal(28, 3, 5), leaf(normal(29, 4, 3)), leaf(normal(30, 2, 4))
    Z1 = W1 @ X
    A1 = mg.sigmoid(Z1)
    Z2 = W2 @ A1
    L = np.sum(np.tanh(Z2) ** 2)
    return check(L, hand)


def robust(hand: Any) -> Any:
    k, u = 0.8, leaf([1.3, -2.0, 0.4, 0.2])
    ŷ = np.where(np.abs(u) <= k, 0.5 * u**2, k * (np.abs(u) - 0.5 * k))
    yhat = u * 2.0
    L = np.sum(ŷ) + 0.5 * np.sum(yhat**2) + np.sqrt(np.sum(u**2)) + np.sum(np.abs(u))
    return check(L, hand)


def softmaxes(hand: Any) -> Any:
    X, W = normal(31, 4, 3), leaf(normal(32, 3, 4))
    S = X @ W
    P = mg.softmax(S, axis=1)
    L = -np.mean(np.diag(np.log(P)))
    return check(L, hand)


def ridge(hand: Any) -> Any:
    X, y, n, lam, w = normal(33, 5, 3), normal(34, 5), 5, 0.3, leaf(normal(35, 3))
    e = X @ w - y
    L = np.sum(e**2) / (2 * n) + lam / 2 * np.dot(w, w)
    return check(L, hand)


def scaled(hand: Any) -> Any:
    eps, Sigma, x = 0.3, normal(36, 2, 2), leaf(normal(37, 2))
    J = eps * np.sum(x**2) + np.sum(Sigma @ x)
    return check(J, hand)


HUBER = r"\begin{cases} u & |u| \le k \\ k\operatorname{sgn}(u) & %s \end{cases}"
REST = r" + 4u + \frac{u}{\|u\|_2} + \operatorname{sgn}(u)"
RIGHT = [
    *((ridge, {"dL/dw": half}) for half in (
        r"\frac1n X^T e + \lambda\frac22 w", r"\tfrac 1 n X^T e + \frac{\lambda}1 w",
        r"\frac\lambda2 \frac12 4 w + {1 \over n} X^T e", "1/n ∑_i e_i x_ij + lam w_j",
        "1/n Σᵢ eᵢ xᵢ + λ w", "(1/n)·Xᵀ·e + λ·w", r"\nabla_w L = \frac1n X^Te + \lambda w",
        "sum(e[i]*X[i] for i in range(n))/n + lam*w", "np.average(e[:, None]*X, axis=0) + lam*w",
        r"-\frac1n \sum_i -e_i X_{ij} + \lambda \sum_k \delta_{kj} w_k",
    )),
    (ridge, {r"\frac{\partial L}{\partial e}": "np.ones((5,)) * e / n"}),
    (softmaxes, {"dL/dS": r"\frac14 (P_{ij} - \delta_{ij})"}),
    (softmaxes, {"dL/dS": "(P_uf - δ_uf)/4", "dL/dW": "X.T @ (P - np.eye(4)[[0, 1, 2, 3]]) / 4"}),
    (scaled, {"dJ/dx": "2εx + Σᵀ 𝟏"}),
    (scaled, {"dJ/dx_j": r"2\varepsilon x_j + \sum_i \Sigma_{ij}"}),
    (normals, {"∂q/∂μ": "−Σ_i g_i (M + Mᵀ)(x_i − μ)", "∂q/∂c": "g[:, None] * (c (M + Mᵀ))"}),
    (normals, {"∂q/∂μ": r"-(M + M^T) \sum_{i=1}^7 g_i (x^{(i)} - \mu)"}),
    (normals, {"∂q/∂μ": "−Σ_i g_i (c_iᵀ M + c_iᵀ Mᵀ)", "∂²q/∂μ²": "Σ_i g_i (M + Mᵀ)"}),
    (ratios, {"∂R/∂w": r"\frac{\mu}{\sqrt{w^T S w}} - m \frac{S w}{(w^T S w)^{3/2}} + 2G'G·w"}),
    (ratios, {"∂R/∂w": r"\frac{\mu}{\sqrt{v}} - \frac{m (S w)}{v^{3/2}} + 2 G^T \cdot G \cdot w"}),
    (ratios, {"∂R/∂w": "μ/√v − m (S w)/(wᵀ (S w))^(3/2) + 2·Gᵀ·G·w"}),
    (hidden, {"dZ1": "W2ᵀ dZ2 ∘ A1(1 − A1)", "dW1": "dZ1·Xᵀ"}),
    (hidden, {"dZ1": "A1(1 − A1) ∘ W2ᵀ dZ2", "dW1": r"dZ1 \cdot X^T"}),
    (robust, {"dL/du": HUBER % r"\text{otherwise}" + REST}),
    (robust, {"dL/du": HUBER % r"\text{if } |u| > k" + REST, "dL/dŷ": "u/u"}),
    (robust, {"dL/du": "where(|u| <= k, u, k*sgn(u)) + 4u + u/||u|| + sgn(u)"}),
    (robust, {"dL/du": r"where(|u| <= k, u, k*sign(u)) + 2\mathbf{\hat{y}} + u/‖u‖ + sgn(u)"}),
    (robust, {"dL/dyhat": r"\hat{\mathbf{y}}", "L": "Sum(ŷ) + 2‖u‖² + ‖u‖ + ‖u‖_1"}),
    (layers, {"δ2": "(a2 − y) ⊙ a2 ⊙ (1 − a2)", "δ^{(1)}": "(W2ᵀ δ2) ⊙ σ′(z1)",
              "∂C/∂W2": "δ2 a1ᵀ", "W2_new": "W2 − lr δ2 a1ᵀ", r"\delta_1": "W2ᵀδ2 a1(1−a1)"}),
    (mixture, {"∂L/∂μ_k": "Σ_n γ_nk (x_n − μ_k)/σ_k²", "∂L/∂π_k": "Σ_n γ_nk π_k⁻¹"}),
    (density, {"∂L/∂μ": "Σ⁻¹(x − μ)", "∂L/∂Σ": "−½(Σ⁻¹ − Σ⁻¹(x−μ)(x−μ)ᵀΣ⁻ᵀ)"}),
    (rows, {"∂E/∂W": "Σ_n x_n (z_n − t_n)ᵀ", "∂E/∂b": "1ᵀ(Z−T) + 2kb", "∂E/∂Z": "Z − T"}),
    (rows, {"∂E/∂W": "Xᵀ(XW + 1bᵀ − T)".replace("1bᵀ", "𝟏 bᵀ"), "∂E/∂b": "(Z−T)ᵀ1 + 2kb"}),
    (rows, {"∂E/∂b": r"\mathbf{1}^\top (Z - T) + 2kb", "∂²E/∂b²": "(5 + 2k)I"}),
    (rows, {"∂E/∂W_ij": "Σ_n X_ni (Z_nj − T_nj)"}),
    (words, {"∂J/∂v": "−U_o + Σ_w ŷ_w U_w"}),
    (columns, {"∂J/∂w": "1/m Σ_i X_i (A_i − Y_i)", "∂J/∂b": "1/m Σ_i (A_i − Y_i)"}),
    (norms, {"∂L/∂v": "−½ Σ_i ∂L/∂h_i (x_i − μ) v^(−3/2)", "∂L/∂μ": "−Σ_i g_i/√v"}),
    (clipped, {"∂L/∂π": "sum(dp ⊙ exp(-½·(x/σ)²), axis=0)/(√(2π)·σ)", "∂L/∂p": "2·s[:, None]"}),
    (clipped, {"∂p/∂π": "p/π", "∂L/∂h": "x/x", "∂L/∂σ": "sum(dp (x²/σ³ − 1/σ) p) + σ(σ)(1−σ(σ))"}),
    (clipped, {"∂L/∂x": "−dp p x/σ² + 1[(x >= 0) & (x <= 1)] + where(abs(x) <= δ, x, δ·sign(x))"}),
    (springs, {"∂dist/∂q": "−dvec/dist", "∂E/∂r": "k (1 − h dist²/dist³) dvec + Sr"}),
    (path, {"∂z/∂s": "(cos y cos 2θ + P) 2s/√d", "∂z/∂θ": "−2 sin 2θ sin y"}),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "hand"), RIGHT, ids=[str(h) for _, h in RIGHT])
def test_right_ones_are_right(graph: Any, hand: Any) -> None:
    report = graph(hand)
    assert report.ok, report


WRONG = [
    (normals, {"∂q/∂μ": "Σ_i g_i (M + Mᵀ)(x_i − μ)"}, "write -sum_i(g_i * (M + M.T) @ (x_i - μ))"),
    (normals, {"∂q/∂μ": "−Σ_i g_i 2M (x_i − μ)"}, "M.T is transposed"),
    (ratios, {"∂R/∂w": r"\frac{\mu}{\sqrt{v}} - m \frac{S w}{v^{3/2}} + G'G·w"}, "2"),
    (hidden, {"dZ1": "W2ᵀ dZ2 ∘ A1(1 + A1)"}, "write W2.T @ dZ2 * A1 * (1 - A1)"),
    (robust, {"dL/du": HUBER % "|u| > 2k" + REST}, "2"),
    (robust, {"dL/dyhat": r"2\hat{y}"}, "without the 2: write yhat"),
    (layers, {"δ1": "(W2ᵀ δ2) ⊙ σ(z1)"}, "σ stands where σ' belongs"),
    (layers, {"δ2": "a2 − y"}, "the local factor σ'(W2 @ a1) is missing"),
    (layers, {"W2_new": "W2 + lr δ2 a1ᵀ"}, "+ lr * δ2 @ a1.T stands where - lr * δ2 @ a1.T"),
    (mixture, {"∂L/∂μ_k": "Σ_n γ_nk (μ_k − x_n)/σ_k²"}, "its sign is flipped"),
    (density, {"∂L/∂μ": "Σ(x − μ)"}, "linalg.inv(Σ) stands where"),
    (density, {"∂L/∂Σ": "−½(Σ⁻¹ + Σ⁻¹(x−μ)(x−μ)ᵀΣ⁻¹)"}, "stands where - outer(inv(Σ)"),
    (rows, {"∂E/∂W": "Σ_n (z_n − t_n) x_nᵀ"}, "transposed"),
    (rows, {"∂E/∂b": "1ᵀ(Z+T) + 2kb"}, "+ T stands where - T belongs"),
    (rows, {"∂E/∂W_ij": "Σ_n X_nj (Z_ni − T_ni)"}, "i and j are exchanged"),
    (ridge, {"dL/dw": r"\frac12 X^T e + \lambda w"}, "the part through e is 2.5 times"),
    (softmaxes, {"dL/dS": "(P_ij + δ_ij)/4"}, "write (P_ij - δ_ij) / 4"),
    (rows, {"∂E/∂W_ji": "Σ_n X_ni (Z_nj − T_nj)"}, "j and i are exchanged"),
    (words, {"∂J/∂v": "U_o + Σ_w ŷ_w U_w"}, "the sign of U[2, :]"),
    (springs, {"∂dist/∂r": "dvec/dist²"}, "without the power 2: write dvec / dist"),
    (springs, {"∂E/∂r": "Sr"}, "the path through dvec, dist is missing"),
    (path, {"∂z/∂θ": "−2 sin 2θ cos y"}, "cos stands where sin belongs"),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "hand", "said"), WRONG, ids=[str(h) for _, h, _ in WRONG])
def test_wrong_ones_are_wrong(graph: Any, hand: Any, said: str) -> None:
    report = graph(hand)
    assert not report.ok
    assert said in report.first_error.remark


def test_exponents_with_names_are_no_numbers() -> None:
    ρ, a, x1, x2 = 0.5, 0.4, leaf(2.0), leaf(3.0)
    u = (a * x1**ρ + (1 - a) * x2**ρ) ** (1 / ρ)
    for right in ("a x1^(ρ−1) u^(1−ρ)", "a x1^(-1/2) u^(1/2)", "a √u/√x1"):
        assert check(u, {"∂u/∂x1": right}).ok, right
    first = check(u, {"∂u/∂x1": "a x1^(ρ−1) u^ρ"}).first_error
    assert "for these numbers only, not for others; ρ stands where 1 - ρ belongs" in first.remark
    first = check(u, {"∂u/∂x2": "a x2^(ρ−1) u^(1−ρ)"}).first_error
    assert "a stands where 1 - a belongs" in first.remark


def test_the_smallest_change_is_named() -> None:
    k, n, p, r = 7, 10, leaf(0.6), leaf(-0.5)
    L = k * np.log(p) + (n - k) * np.log(1 - p) + np.log(1 + np.exp(r)) + r**13
    said = {
        "k/p − (n−k)/(1−p) = (k − p)/(p(1−p))": ("p", "the factor n of p is missing"),
        "k/(1 − p) − (n−k)/(1−p)": ("p", "1 - p stands where p belongs"),
        "1/(1 + exp(r)) + 13 r^12": ("r", "exp(r) stands where exp(-r) belongs"),
        "σ(r) + 13 r^11": ("r", "11 stands where 12 belongs"),
    }
    for formula, (by, words) in said.items():
        assert words in check(L, {f"dL/d{by}": formula}).first_error.remark


def test_a_step_needs_its_learning_rate() -> None:
    w, x = leaf(2.0), 3.0
    L = w**2 * x
    with pytest.raises(ValueError, match=r"'w_new': after which step\? write 'w - 0.1\*dL/dw'"):
        check(L, {"w_new": 0.8})
    eta = 0.1
    assert check(L, {"w_new": 2.0 - eta * 12}).ok
    assert not check(L, {"new w": 2.0 + eta * 12}).ok


@pytest.mark.parametrize("act", [mg.leaky_relu, mg.elu, mg.relu, np.tanh])
def test_delta_is_by_the_sum_that_an_activation_is_taken_of(act: Any) -> None:
    rng = np.random.default_rng(0)
    X, W1, W2 = (
        mg.Tensor(rng.normal(size=s), requires_grad=True) for s in [(4, 3), (3, 2), (2, 1)]
    )
    a1 = act(X @ W1)
    L = np.sum((a1 @ W2) ** 2)
    slope = mg.grad(lambda z: np.sum(act(z)))(X.data @ W1.data)
    assert mg.check_derivation(L, {"δ1": mg.gradients(L, a1) * slope}).ok


@pytest.mark.parametrize(("text", "why"), [
    ("X^T e / n + lam w ‡", "'‡' is not understood"),
    ("X.T @ e / n + ridge", "no variable is called 'ridge'"),
    ("X.T @ e / n + lam * np.load(w)", "the function load is not understood"),
])  # fmt: skip
def test_what_cannot_be_read_is_not_called_wrong(text: str, why: str) -> None:
    row = ridge({"dL/dw": text}).first_error
    assert row.verdict == "missing"
    assert "it could not be read: " in row.remark and why in row.remark


@pytest.mark.parametrize(
    "formula",
    ["-e^(-z)", "-e**(-z)", "−e^(−z)", "-e^{-z}", r"-\mathrm{e}^{-z}", "-1/e^z", "-e^(-z_i)"],
)
@pytest.mark.parametrize("E", [None, np.eye(5), np.ones(5)])
def test_e_is_eulers_number_unless_a_variable_is(formula: str, E: Any) -> None:
    z = normal(1, 5, 3) @ leaf(normal(2, 3))
    C = np.sum(np.exp(-z))
    if E is None:
        del E
    assert check(C, {"dC/dz": formula}).ok


def test_an_error_called_e_is_no_eulers_number() -> None:
    x, w = normal(1, 5), leaf(0.3)
    e = w * x - 1.0
    L = np.sum(e**2)
    assert check(L, {"dL/dw": "Σ_i 2 e_i x_i"}).ok
    assert check(L, {"dL/de": "2 e^1"}).ok


@pytest.mark.parametrize("formula", ["-2/T * g.T @ g", r"-\frac{2}{T} g^\top g", "-2/T gᵀ g"])
def test_a_transpose_beside_a_variable_called_T(formula: str) -> None:
    X, x, T = normal(1, 4, 3), normal(2, 4), leaf(1.7)
    g = X.T @ (x / T)
    assert check(np.sum(g**2), {"dL/dT": formula}).ok


def test_the_slope_of_the_sine_is_called_by_its_name() -> None:
    t, ω = normal(1, 5), leaf(0.7)
    x = np.cos(ω * t)
    remark = check(np.sum(x**2), {"dL/dx": "2 sin(ω t)"}).first_error.remark
    assert remark.startswith("sin stands where cos belongs"), remark


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("2*w + 0*sum(sum(1 for j in range(900)) for i in range(900))", "at most 1000 passes"),
        ("2*w + 0*sum(1 for i in range(900) for j in range(900))", "at most 1000 passes"),
        ("2*w*ones(10**9)[0]", "1,000,000,000 entries is too large"),
        ("2*w + 0*eye(5000)[0, 0]", "at most 400 rows"),
    ],
)
def test_what_would_take_too_long_is_missing_and_not_wrong(formula: str, why: str) -> None:
    w = leaf([1.0, 2.0])
    row = check(np.sum(w**2), {"dL/dw": formula}).rows[0]
    assert row.verdict == "missing" and why in row.remark, row
    few = "sum(2 * w for i in range(9) for j in range(9)) / 81"
    assert check(np.sum(w**2), {"dL/dw": few}).ok
