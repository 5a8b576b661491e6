"""A gallery: what teachers write on the board, final form as text and worth the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from formulas import check
from minigrad import losses

rng = np.random.default_rng(3)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


def finals(explanation: Any) -> dict[str, str]:
    """The last line of each closed form, after everything that is printed was evaluated."""
    check(explanation)
    found = {}
    for name, steps in explanation.closed.items():
        gradient = explanation.gradients[name]
        for step in steps:
            value = np.broadcast_to(step.formula.evaluate(), np.shape(gradient))
            scale = float(np.max(np.abs(gradient)))
            np.testing.assert_allclose(value, gradient, rtol=1e-8, atol=1e-10 * (1 + scale))
        found[name] = steps[-1].text
    return found


def rows(explanation: Any) -> dict[str, str]:
    check(explanation)
    return {row.quantity: row.formula for row in explanation.rows}


# --- the graphs of textbooks ---------------------------------------------------------------------


def test_batch_normalisation() -> None:
    x, gamma, beta, eps = param(16, 4), param(4), param(4), 1e-5
    T = rng.normal(size=(16, 4))
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    out = gamma * xhat + beta
    L = np.sum((out - T) ** 2)
    explanation = mg.explain(L, [x, gamma, beta], simplify=True)
    found = rows(explanation)
    assert found["dgamma"] == "sum(dout ⊙ xhat, axis=0)"
    assert found["dbeta"] == "sum(dout, axis=0)"
    assert found["dvar"] == "-sum(dxhat ⊙ xhat, axis=0)/(2·(var + eps))"
    assert found["dmu via xhat"] == "-sum(dxhat, axis=0)/√(var + eps)"
    assert finals(explanation)["x"] == (
        "2·gamma ⊙ (out - T - sum((out - T) ⊙ xhat, axis=0) ⊙ xhat/16 "
        "- sum(out - T, axis=0)/16)/√(var + eps)"
    )
    assert "deviations from a mean sum to 0" in str(explanation)


def test_layer_normalisation() -> None:
    x, g, b, eps = param(6, 8), param(8), param(8), 1e-5
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)
    y = g * xhat + b
    L = np.sum(y**2)
    assert finals(mg.explain(L, x, simplify=True))["x"] == (
        "2·(y ⊙ g - sum(y ⊙ g ⊙ xhat, axis=1, keepdims=True) ⊙ xhat/8 "
        "- sum(y ⊙ g, axis=1, keepdims=True)/8)/√(var + eps)"
    )


def test_attention() -> None:
    Q, K, V, d = param(5, 4), param(6, 4), param(6, 4), 4
    S = Q @ K.T / np.sqrt(d)
    A = mg.softmax(S)
    O = A @ V  # noqa: E741
    L = np.sum(O**2)
    explanation = mg.explain(L, [Q, K, V], simplify=True)
    assert rows(explanation) == {
        "dO": "2·O",
        "dV": "Aᵀ @ dO",
        "dA": "dO @ Vᵀ",
        "dS": "A ⊙ (dA - sum(dA ⊙ A, axis=-1, keepdims=True))",
        "dQ": "(dS @ K)/√d",
        "dK": "(dSᵀ @ Q)/√d",
    }
    assert finals(explanation)["V"] == "2·Aᵀ O"


def test_an_lstm_cell() -> None:
    xh, c0 = rng.normal(size=7), rng.normal(size=4)
    Wi, Wf, Wo, Wg = param(4, 7), param(4, 7), param(4, 7), param(4, 7)
    i, f, o = mg.sigmoid(Wi @ xh), mg.sigmoid(Wf @ xh), mg.sigmoid(Wo @ xh)
    g = np.tanh(Wg @ xh)
    c = f * c0 + i * g
    h = o * np.tanh(c)
    L = np.sum(h**2)
    explanation = mg.explain(L, [Wi, Wf, Wo, Wg], simplify=True)
    found = rows(explanation)
    assert found["dc"] == "dh ⊙ o ⊙ (1 - tanh(c)²)"
    assert found["dWi"] == "(di ⊙ i ⊙ (1 - i)) xhᵀ"
    assert found["dWg"] == "(dg ⊙ (1 - g²)) xhᵀ"
    assert finals(explanation)["Wo"] == "2·(h ⊙ tanh(c) ⊙ o ⊙ (1 - o)) xhᵀ"


def test_a_variational_autoencoder() -> None:
    mu, logvar, eps = param(8, 2), param(8, 2), rng.normal(size=(8, 2))
    Wd, x = rng.normal(size=(2, 5)), rng.normal(size=(8, 5))
    KL = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    assert finals(mg.explain(KL, [mu, logvar], simplify=True)) == {
        "mu": "mu",
        "logvar": "½·(exp(logvar) - 1)",
    }
    sig = np.exp(0.5 * logvar)
    z = mu + sig * eps
    loss = np.sum((z @ Wd - x) ** 2) + KL
    assert finals(mg.explain(loss, [mu, logvar], simplify=True)) == {
        "mu": "2·(z Wd - x)Wdᵀ + mu",
        "logvar": "(z Wd - x)Wdᵀ ⊙ eps ⊙ sig + ½·(exp(logvar) - 1)",
    }


def test_hinge_loss_and_penalties() -> None:
    X, y, reg = rng.normal(size=(8, 3)), np.sign(rng.normal(size=8)), 0.1
    w, W, lam = param(3), param(4, 3), 0.01
    s = X @ w
    L = np.maximum(0, 1 - y * s).mean() + reg * np.sum(w**2)
    assert finals(mg.explain(L, w, simplify=True))["w"] == "2·reg·w - Xᵀ(1[y ⊙ s < 1] ⊙ y)/8"
    R = lam / 2 * np.sum(W**2)
    assert finals(mg.explain(R, W, simplify=True))["W"] == "lam·W"
    one, label = X[0], y[0]
    H = np.maximum(0, 1 - label * (w @ one))
    assert rows(mg.explain(H, w))["dw"] == "-1[label·(w @ one) < 1]·label·one"


def test_a_network_of_two_layers() -> None:
    X, y = rng.normal(size=(16, 3)), rng.integers(0, 2, 16)
    W1, b1, W2, b2 = param(3, 5), param(5), param(5, 2), param(2)
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2 + b2
    L = losses.cross_entropy(z2, y)
    assert finals(mg.explain(L, [W1, b2, W2], simplify=True)) == {
        "W1": "Xᵀ((softmax(z2) - onehot(y))W2ᵀ ⊙ (1 - a1²))/16",
        "b2": "sum(softmax(z2) - onehot(y), axis=0)/16",
        "W2": "a1ᵀ(softmax(z2) - onehot(y))/16",
    }


def test_embeddings_and_convolutions() -> None:
    C, ix = param(9, 2), rng.integers(0, 9, (4, 3))
    emb = C[ix]
    L = np.sum(emb**2)
    explanation = mg.explain(L, C, simplify=True)
    assert rows(explanation)["dC"] == "0; np.add.at(dC, ix, demb)"
    finals(explanation)
    a, k = param(8), param(3)
    s = np.convolve(a, k, mode="valid")
    M = np.sum(s**2)
    finals(mg.explain(M, [a, k], simplify=True))
    x, w, b = param(2, 3, 6, 6), param(4, 3, 3, 3), param(4)
    y = mg.nn.functional.conv2d(x, w, b)
    N = np.sum(y**2)
    explanation = mg.explain(N, [x, w, b], simplify=True)
    assert rows(explanation)["db"] == "sum(dy, axis=(0, 2, 3))"
    assert finals(explanation)["b"] == "2·sum(y, axis=(0, 2, 3))"
    R = np.sum(mg.relu(mg.nn.functional.conv2d(x, w)))
    assert rows(mg.explain(R, w))["dw"] == "x ⋆ 1[x ⋆ w > 0]"


def test_what_is_added_to_a_slice_is_padded() -> None:
    x = param(6)
    L = np.sum(np.diff(x) ** 2)
    assert rows(mg.explain(L, x))["dx"] == (
        "pad(-2·(x[1:] - x[:-1]), (0, 1)) + pad(2·(x[1:] - x[:-1]), (1, 0))"
    )
    W = param(4, 5)
    M = np.sum(W[1:3, :2] ** 3)
    assert rows(mg.explain(M, W))["dW"] == "0; np.add.at(dW, np.s_[1:3, :2], 3·W[1:3, :2]²)"
    N = np.sum(W[1:3, :2] ** 2) + np.sum(W[:, 1:] ** 3)
    assert rows(mg.explain(N, W))["dW"] == (
        "pad(3·W[:, 1:]², ((0, 0), (1, 0))) + pad(2·W[1:3, :2], ((1, 1), (0, 3)))"
    )
    u, v = param(5, 3), rng.normal(size=(7, 3))
    D = np.sum((u[:, None, :] - v[None, :, :]) ** 2, axis=-1)
    K = np.sum(np.exp(-D))
    found = rows(mg.explain(K, u))
    assert found["du"] == "2·sum(dD[..., None] ⊙ (u[:, None, :] - v), axis=1)"


# --- and others ----------------------------------------------------------------------------------


def poisson() -> Any:
    X, y, w = rng.normal(size=(20, 3)), rng.poisson(2, 20).astype(float), param(3)
    lam = np.exp(X @ w)
    L = np.sum(lam - y * np.log(lam))
    return mg.explain(L, w, simplify=True)


def ridge() -> Any:
    X, y, w, lam = rng.normal(size=(20, 3)), rng.normal(size=20), param(3), 0.1
    J = np.linalg.norm(X @ w - y) ** 2 + lam * np.linalg.norm(w) ** 2
    return mg.explain(J, w, simplify=True)


def huber() -> Any:
    X, y, w, d = rng.normal(size=(20, 3)), rng.normal(size=20), param(3), 1.0
    e = y - X @ w
    L = np.mean(np.where(np.abs(e) < d, 0.5 * e**2, d * (np.abs(e) - 0.5 * d)))
    return mg.explain(L, w, simplify=True)


def quantile() -> Any:
    X, y, w, tau = rng.normal(size=(20, 3)), rng.normal(size=20), param(3), 0.9
    e = y - X @ w
    L = np.mean(np.where(e > 0, tau * e, (tau - 1) * e))
    return mg.explain(L, w, simplify=True)


def smoothed() -> Any:
    X, Y, W = rng.normal(size=(20, 3)), np.eye(4)[rng.integers(0, 4, 20)], param(3, 4)
    eps, K = 0.1, 4
    Q = mg.softmax(X @ W)
    T = (1 - eps) * Y + eps / K
    L = -np.mean(np.sum(T * np.log(Q), axis=1))
    assert T.shape == (20, 4)
    return mg.explain(L, W, simplify=True)


def cosine() -> Any:
    u, v = param(5), param(5)
    c = u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
    return mg.explain(c, u, simplify=True)


def kalman() -> Any:
    p, r, m, z = param(), param(), 0.3, 1.1
    k = p**2 / (p**2 + r**2)
    mean = m + k * (z - m)
    return mg.explain(mean, p, simplify=True)


def spring() -> Any:
    k, l0, r1, r2 = 3.0, 1.0, param(3), param(3)
    d = np.linalg.norm(r1 - r2)
    E = 0.5 * k * (d - l0) ** 2
    return mg.explain(E, r1, simplify=True)


def gaussians() -> Any:
    m1, m2 = param(), param()
    s1, s2 = mg.Tensor(1.2, requires_grad=True), mg.Tensor(0.8, requires_grad=True)
    KL = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    return mg.explain(KL, s1, simplify=True)


def enzyme() -> Any:
    Vmax, Km, S = (mg.Tensor(v, requires_grad=True) for v in (2.0, 0.5, 1.3))
    v = Vmax * S / (Km + S)
    return mg.explain(v, Km, simplify=True)


def inverse() -> Any:
    X = param(3, 3)
    L = np.trace(np.linalg.inv(X))
    return mg.explain(L, X, simplify=True)


def traced() -> Any:
    A, X = rng.normal(size=(3, 3)), param(3, 3)
    L = np.trace(X.T @ A @ X)
    return mg.explain(L, X, simplify=True)


def precision() -> Any:
    B, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    S = mg.Tensor(B @ B.T + np.eye(3), requires_grad=True)
    ll = -0.5 * np.log(np.linalg.det(S)) - 0.5 * x @ np.linalg.inv(S) @ x
    return mg.explain(ll, S, simplify=True)


def factorised() -> Any:
    U, V = param(5, 2), param(4, 2)
    R, mask = rng.normal(size=(5, 4)), rng.random((5, 4)) > 0.5
    L = np.sum(mask * (R - U @ V.T) ** 2)
    return mg.explain(L, U, simplify=True)


def normal_density() -> Any:
    t = param()
    s = 1 / np.sqrt(2 * np.pi) * np.exp(-(t**2) / 2)
    return mg.explain(s, t, simplify=True)


OTHERS = {
    poisson: "Xᵀ(lam - y)",
    ridge: "2·(lam·w + Xᵀ(X w - y))",
    huber: "-Xᵀ where(abs(e) < d, e, d·sign(e))/20",
    quantile: "-Xᵀ where(e > 0, tau, tau - 1)/20",
    smoothed: "Xᵀ(Q - T)/20",
    cosine: "v/(‖u‖·‖v‖) - c·u/‖u‖²",
    kalman: "2·(z - m)·p·(1 - k)/(p² + r²)",
    spring: "k·(d - l0)·(r1 - r2)/d",
    gaussians: "s1/s2² - 1/s1",
    enzyme: "-v/(Km + S)",
    inverse: "-X⁻ᵀ X⁻ᵀ",
    traced: "(Aᵀ + A)X",
    precision: "½·(S⁻ᵀ x xᵀ S⁻ᵀ - S⁻ᵀ)",
    factorised: "-2·(mask ⊙ (R - U Vᵀ))V",
    normal_density: "-s·t",
}


@pytest.mark.parametrize("graph", OTHERS, ids=lambda f: f.__name__)
def test_a_graph_on_the_board(graph: Any) -> None:
    (text,) = finals(graph()).values()
    assert text == OTHERS[graph]


def test_a_number_of_another_function_has_no_name_of_ours() -> None:
    """Both 0.5 are one object to Python."""

    def cumulative(x: Any) -> Any:
        return 0.5 * (1 + mg.erf(x / np.sqrt(2)))

    S, T = param(), 0.5
    C = S * cumulative(S) * T
    (row,) = mg.explain(C, S).rows
    assert "½·(1 + erf(S/√2))" in row.formula and "√(2π)" in row.formula


def test_guards_are_left_out_only_where_nothing_meets_them() -> None:
    v = param(3)
    n = np.linalg.norm(v)
    assert rows(mg.explain(n, v))["dv"] == "v/n"
    zero = mg.Tensor(np.zeros(3), requires_grad=True)
    m = np.linalg.norm(zero)
    assert "where(" in rows(mg.explain(m, zero))["dzero"]


def test_an_array_against_itself() -> None:
    y = param(4)
    t = np.maximum(y, y)
    L = np.sum(t**2)
    assert rows(mg.explain(L, y))["dy"] == "dt"
    s = np.sum(y[..., :1] * y)
    found = rows(mg.explain(s, y))["dy"]
    assert "pad(sum(y, axis=0, keepdims=True), (0, 3))" in found
