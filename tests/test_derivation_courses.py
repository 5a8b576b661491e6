"""Derivations in the notations of many courses and books: half of them right, half with one slip.

Every case is in own words and numbers; ``first`` is the first wrong step, and ``words`` what a
helpful cause has to say (a regular expression).
"""

# Strings refer to variables that nothing else reads; a derivation is one line.
# ruff: noqa: E501, E741, RUF059
# fmt: off

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import minigrad as mg

check = mg.check_derivation


@dataclass
class Case:
    """A derivation, and what a teacher says of it."""

    name: str
    grade: Callable[[], Any]
    first: str = ""
    words: str = ""


CASES: list[Case] = []


def right(name: str) -> Callable[[Callable[[], Any]], None]:
    return lambda f: CASES.append(Case(name, f))


def wrong(name: str, first: str, words: str) -> Callable[[Callable[[], Any]], None]:
    return lambda f: CASES.append(Case(name, f, first, words))


def leaf(a: Any) -> Any:
    return mg.Tensor(np.asarray(a, float), requires_grad=True)


def rng(k: int = 0) -> np.random.Generator:
    return np.random.default_rng(k)


def sig(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# --- linear models: CS229, d2l, ISL ------------------------------------------------------


def normal_equations() -> Any:
    r = rng(1)
    X, y = r.normal(size=(6, 3)), r.normal(size=6)
    theta = leaf(r.normal(size=3))
    h = X @ theta
    J = 0.5 * np.sum((h - y) ** 2)
    return X, y, theta, h, J


@right("CS229: grad of J(theta) in LaTeX")
def _() -> Any:
    X, y, theta, h, J = normal_equations()
    return check(J, {r"\nabla_\theta J": r"X^T X \theta - X^T y"})


@wrong("CS229: the sign of the second term", r"\nabla_\theta J", r"h \+ y|sign|- X")
def _() -> Any:
    X, y, theta, h, J = normal_equations()
    return check(J, {r"\nabla_\theta J": r"X^T X \theta + X^T y"})


@right("CS229: one example, update rule with alpha")
def _() -> Any:
    r = rng(2)
    x, y, alpha = r.normal(size=3), 0.7, 0.01
    theta = leaf(r.normal(size=3))
    h = theta @ x
    J = 0.5 * (h - y) ** 2
    new = theta.data + alpha * (y - h.item()) * x
    return check(J, {r"theta - alpha*dJ/dtheta": new})


@wrong(
    "CS229: the update with the sign of gradient ascent",
    "theta - alpha*dJ/dtheta",
    r"wrong way|sign",
)
def _() -> Any:
    r = rng(2)
    x, y, alpha = r.normal(size=3), 0.7, 0.01
    theta = leaf(r.normal(size=3))
    h = theta @ x
    J = 0.5 * (h - y) ** 2
    new = theta.data - alpha * (y - h.item()) * x
    return check(J, {r"theta - alpha*dJ/dtheta": new})


@right("sums with subscripts: a mean of squares, entry by entry")
def _() -> Any:
    r = rng(3)
    m = 5
    x, y = r.normal(size=m), r.normal(size=m)
    w, b = leaf(0.4), leaf(-0.2)
    h = w * x + b
    L = np.sum((h - y) ** 2) / (2 * m)
    return check(L, {
        "dL/dw": r"\frac{1}{m}\sum_i (h_i - y_i) x_i",
        "dL/db": r"\frac{1}{m} \sum_{i=1}^{m} (h_i - y_i)",
        "dL/dh": r"\frac{1}{m} (h_i - y_i)",
    })  # fmt: skip


@wrong("sums with subscripts: x of the wrong power", "dL/dw", r"x|missing")
def _() -> Any:
    r = rng(3)
    m = 5
    x, y = r.normal(size=m), r.normal(size=m)
    w, b = leaf(0.4), leaf(-0.2)
    h = w * x + b
    L = np.sum((h - y) ** 2) / (2 * m)
    return check(L, {"dL/dw": r"\frac{1}{m}\sum_i (h_i - y_i)"})


@right("sums with two subscripts: the gradient of a matrix")
def _() -> Any:
    r = rng(4)
    X, T = r.normal(size=(5, 3)), r.normal(size=(5, 2))
    W = leaf(r.normal(size=(3, 2)))
    Y = X @ W
    E = 0.5 * np.sum((Y - T) ** 2)
    return check(
        E,
        {
            "dE/dW": r"\sum_n X_{ni} (Y_{nj} - T_{nj})",
            "dE/dW[1, 0]": r"\sum_n X_{n1} (Y_{n0} - T_{n0})",
        },
    )


@wrong("sums with two subscripts: T added", "dE/dW", r"T|sign")
def _() -> Any:
    r = rng(4)
    X, T = r.normal(size=(5, 3)), r.normal(size=(5, 2))
    W = leaf(r.normal(size=(3, 2)))
    Y = X @ W
    E = 0.5 * np.sum((Y - T) ** 2)
    return check(E, {"dE/dW": r"\sum_n X_{ni} (Y_{nj} + T_{nj})"})


@right("Σ in plain text, with subscripts")
def _() -> Any:
    r = rng(5)
    x, t = r.normal(size=4), r.normal(size=4)
    w = leaf(0.3)
    y = np.tanh(w * x)
    E = np.sum((y - t) ** 2)
    return check(E, {"dE/dw": "2 Σ_i (y_i - t_i)(1 - y_i²) x_i"})


@wrong("Σ in plain text: the square forgotten", "dE/dw", r"y|power|²|\*\* ?2")
def _() -> Any:
    r = rng(5)
    x, t = r.normal(size=4), r.normal(size=4)
    w = leaf(0.3)
    y = np.tanh(w * x)
    E = np.sum((y - t) ** 2)
    return check(E, {"dE/dw": "2 Σ_i (y_i - t_i)(1 - y_i) x_i"})


@right("d2l: concise linear regression, float32 arrays printed")
def _() -> Any:
    r = rng(6)
    X, y = r.normal(size=(8, 2)).astype(np.float32), r.normal(size=(8, 1)).astype(np.float32)
    w, b = (
        mg.Tensor(r.normal(size=(2, 1)).astype(np.float32), requires_grad=True),
        mg.Tensor(np.zeros(1, np.float32), requires_grad=True),
    )
    y_hat = X @ w + b
    l = ((y_hat - y) ** 2 / 2).mean()
    g = X.T @ (y_hat.data - y) / 8
    return check(l, {"w.grad": str(g), "b.grad": str((y_hat.data - y).mean(0))})


@wrong("d2l: lasso penalty differentiated as ridge", "dl/dw", r"penalty|path|sign|part")
def _() -> Any:
    r = rng(7)
    lambd = 0.3
    X, y = r.normal(size=(8, 3)), r.normal(size=8)
    w = leaf(r.normal(size=3))
    fit = np.mean((X @ w - y) ** 2)
    penalty = lambd * np.sum(np.abs(w))
    l = fit + penalty
    return check(l, {"dl/dw": 2 / 8 * X.T @ (X @ w.data - y) + 2 * lambd * w.data})


@right("elastic net in NumPy's words")
def _() -> Any:
    r = rng(7)
    lam1, lam2 = 0.3, 0.1
    X, y = r.normal(size=(8, 3)), r.normal(size=8)
    w = leaf(r.normal(size=3))
    l = np.mean((X @ w - y) ** 2) + lam1 * np.sum(np.abs(w)) + lam2 * np.sum(w**2)
    return check(l, {"grad_w": "2*X.T@(X@w - y)/8 + lam1*sign(w) + 2*lam2*w"})


@right("Huber: both branches by np.where")
def _() -> Any:
    r = rng(8)
    delta = 1.0
    x, t = r.normal(size=9) * 2, r.normal(size=9)
    w = leaf(0.9)
    e = w * x - t
    loss = np.mean(np.where(np.abs(e) <= delta, 0.5 * e**2, delta * (np.abs(e) - 0.5 * delta)))
    de = np.where(np.abs(e.data) <= delta, e.data, delta * np.sign(e.data)) / 9
    return check(loss, {"de": de, "dw": (de * x).sum()})


@wrong("Huber: the outer branch without its sign", "de", r"sign|where|only")
def _() -> Any:
    r = rng(8)
    delta = 1.0
    x, t = r.normal(size=9) * 2, r.normal(size=9)
    w = leaf(0.9)
    e = w * x - t
    loss = np.mean(np.where(np.abs(e) <= delta, 0.5 * e**2, delta * (np.abs(e) - 0.5 * delta)))
    de = np.where(np.abs(e.data) <= delta, e.data, delta) / 9
    return check(loss, {"de": de, "dw": (de * x).sum()})


# --- Bishop, Murphy ------------------------------------------------------------------------


@right("Bishop 4.91: the gradient of the cross-entropy, Phi and t")
def _() -> Any:
    r = rng(9)
    Phi, t = r.normal(size=(7, 3)), (r.random(7) > 0.5).astype(float)
    w = leaf(r.normal(size=3))
    a = Phi @ w
    y = mg.sigmoid(a)
    E = -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))
    Y = y.data
    return check(
        E,
        {
            r"\nabla E": Phi.T @ (Y - t),
            r"\partial E/\partial a": Y - t,
            "H": Phi.T @ np.diag(Y * (1 - Y)) @ Phi,
        },
    )


@wrong("Bishop 4.97: R without the (1 - y)", "H", r"factor|σ|1 -|missing|sigmoid")
def _() -> Any:
    r = rng(9)
    Phi, t = r.normal(size=(7, 3)), (r.random(7) > 0.5).astype(float)
    w = leaf(r.normal(size=3))
    a = Phi @ w
    y = mg.sigmoid(a)
    E = -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))
    Y = y.data
    return check(E, {r"\nabla E": Phi.T @ (Y - t), "H": Phi.T @ np.diag(Y) @ Phi})


@right("Bishop 5: deltas of a two-layer network")
def _() -> Any:
    r = rng(10)
    x, t = r.normal(size=3), r.normal(size=2)
    W1, W2 = leaf(r.normal(size=(4, 3))), leaf(r.normal(size=(2, 4)))
    a = W1 @ x
    z = np.tanh(a)
    y = W2 @ z
    E = 0.5 * np.sum((y - t) ** 2)
    delta_k = y.data - t
    delta_j = (1 - z.data**2) * (W2.data.T @ delta_k)
    return check(
        E,
        {
            "delta_y": delta_k,
            "delta_a": delta_j,
            "∂E/∂W1": np.outer(delta_j, x),
            "∂E/∂W2": np.outer(delta_k, z.data),
        },
    )


@wrong(
    "Bishop 5: delta_j with W2 not transposed back to z's units", "delta_a", r"tanh|factor|missing"
)
def _() -> Any:
    r = rng(10)
    x, t = r.normal(size=3), r.normal(size=2)
    W1, W2 = leaf(r.normal(size=(4, 3))), leaf(r.normal(size=(2, 4)))
    a = W1 @ x
    z = np.tanh(a)
    y = W2 @ z
    E = 0.5 * np.sum((y - t) ** 2)
    delta_k = y.data - t
    delta_j = W2.data.T @ delta_k
    return check(E, {"delta_y": delta_k, "delta_a": delta_j, "∂E/∂W1": np.outer(delta_j, x)})


@right("Murphy: Gaussian log-likelihood, mu and log sigma")
def _() -> Any:
    x = np.array([0.3, 1.9, -0.4, 1.1])
    mu, rho = leaf(0.5), leaf(0.2)
    sigma = np.exp(rho)
    ll = np.sum(-0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi))
    s = sigma.item()
    return check(
        ll,
        {
            "dll/dmu": np.sum(x - 0.5) / s**2,
            "dll/drho": np.sum((x - 0.5) ** 2) / s**2 - 4,
            "dll/dsigma": np.sum((x - 0.5) ** 2) / s**3 - 4 / s,
        },
    )


@wrong("Murphy: the log-sigma term forgotten", "dll/dsigma", r"path|missing|sigma")
def _() -> Any:
    x = np.array([0.3, 1.9, -0.4, 1.1])
    mu, rho = leaf(0.5), leaf(0.2)
    sigma = np.exp(rho)
    quad = np.sum(-0.5 * ((x - mu) / sigma) ** 2)
    logdet = -4 * np.log(sigma)
    ll = quad + logdet
    s = sigma.item()
    return check(
        ll, {"dll/dmu": np.sum(x - 0.5) / s**2, "dll/dsigma": np.sum((x - 0.5) ** 2) / s**3}
    )


@right("mixture responsibilities as the gradient of log-sum-exp")
def _() -> Any:
    a = leaf([0.2, -0.7, 1.3])
    lse = np.log(np.sum(np.exp(a)))
    p = np.exp(a.data) / np.exp(a.data).sum()
    return check(lse, {a: p, "d2lse/da2": np.diag(p) - np.outer(p, p)})


@wrong("Hessian of log-sum-exp with + p p'", "d2lse/da2", r"p|sign|path|part")
def _() -> Any:
    a = leaf([0.2, -0.7, 1.3])
    lse = np.log(np.sum(np.exp(a)))
    p = np.exp(a.data) / np.exp(a.data).sum()
    return check(lse, {a: p, "d2lse/da2": np.diag(p) + np.outer(p, p)})


# --- physics -------------------------------------------------------------------------------


@right("force of a Lennard-Jones pair, F = -dV/dr as its negative")
def _() -> Any:
    epsilon, sigma = 1.2, 0.9
    r = leaf(1.4)
    V = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    return check(V, {"dV/dr": "4*epsilon*(-12*sigma**12/r**13 + 6*sigma**6/r**7)"})


@wrong("Lennard-Jones: 6 and 12 exchanged", "dV/dr", r"12|6")
def _() -> Any:
    epsilon, sigma = 1.2, 0.9
    r = leaf(1.4)
    V = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    return check(V, {"dV/dr": "4*epsilon*(-12*sigma**12/r**13 + 12*sigma**6/r**7)"})


@right("kinetic and potential energy of a pendulum")
def _() -> Any:
    m, g, ell = 0.5, 9.81, 1.3
    theta, omega = leaf(0.4), leaf(-0.8)
    T = 0.5 * m * ell**2 * omega**2
    U = -m * g * ell * np.cos(theta)
    H = T + U
    return check(
        H,
        {
            r"\frac{\partial H}{\partial \theta}": r"m g \ell \sin\theta",
            "dH/domega": "m*ell**2*omega",
            (U, theta): m * g * ell * np.sin(0.4),
        },
    )


@wrong("pendulum: cos for sin", "dH/dtheta", r"cos|sin")
def _() -> Any:
    m, g, ell = 0.5, 9.81, 1.3
    theta, omega = leaf(0.4), leaf(-0.8)
    T = 0.5 * m * ell**2 * omega**2
    U = -m * g * ell * np.cos(theta)
    H = T + U
    return check(H, {"dH/dtheta": "m*g*ell*cos(theta)", "dH/domega": "m*ell**2*omega"})


@right("error propagation: a quotient of measured values, three digits")
def _() -> Any:
    V, I = leaf(12.3), leaf(0.456)
    R = V / I
    return check(R, {"dR/dV": "2.19", "dR/dI": "-59.2"})


@wrong("quotient rule without its sign, three digits", "dR/dI", r"sign")
def _() -> Any:
    V, I = leaf(12.3), leaf(0.456)
    R = V / I
    return check(R, {"dR/dV": "2.19", "dR/dI": "59.2"})


@right("Planck-like: a product of power and exponential, LaTeX")
def _() -> Any:
    nu, k = leaf(1.7), 0.6
    B = nu**3 * np.exp(-k * nu)
    return check(B, {r"\frac{dB}{d\nu}": r"(3\nu^2 - k\nu^3) e^{-k\nu}"})


@wrong("Planck-like: inner derivative forgotten", r"\frac{dB}{d\nu}", r"k|missing")
def _() -> Any:
    nu, k = leaf(1.7), 0.6
    B = nu**3 * np.exp(-k * nu)
    return check(B, {r"\frac{dB}{d\nu}": r"(3\nu^2 - \nu^3) e^{-k\nu}"})


# --- networks: MIT 6.036, EECS 498, fast.ai, CS231n-like -----------------------------------


def mit(columns: int = 4) -> Any:
    r = rng(12)
    X, Y = r.normal(size=(3, columns)), np.eye(2)[:, r.integers(0, 2, columns)]
    W1, W01, W2, W02 = (
        leaf(r.normal(size=(3, 5))),
        leaf(r.normal(size=(5, 1))),
        leaf(r.normal(size=(5, 2))),
        leaf(r.normal(size=(2, 1))),
    )
    Z1 = W1.T @ X + W01
    A1 = mg.relu(Z1)
    Z2 = W2.T @ A1 + W02
    A2 = mg.softmax(Z2, axis=0)
    loss = -np.sum(Y * np.log(A2))
    return X, Y, W1, W01, W2, W02, Z1, A1, Z2, A2, loss


@right("MIT 6.036: weights are (inputs, outputs), data in columns, keys dLdX")
def _() -> Any:
    X, Y, W1, W01, W2, W02, Z1, A1, Z2, A2, loss = mit()
    dZ2 = A2.data - Y
    dA1 = W2.data @ dZ2
    dZ1 = dA1 * (A1.data != 0)
    return check(
        loss,
        {
            "dLdZ2": dZ2,
            "dLdW2": A1.data @ dZ2.T,
            "dLdW02": dZ2.sum(1, keepdims=True),
            "dLdA1": dA1,
            "dLdZ1": dZ1,
            "dLdW1": X @ dZ1.T,
            "dLdW01": np.sum(dZ1, axis=1, keepdims=True),
        },
    )


@wrong("MIT 6.036: the mask of Z2 for Z1's", "dLdZ1", r"relu|mask|Z2|local factor|where")
def _() -> Any:
    X, Y, W1, W01, W2, W02, Z1, A1, Z2, A2, loss = mit()
    dZ2 = A2.data - Y
    dA1 = W2.data @ dZ2
    dZ1 = dA1 * (dA1 > 0)
    return check(
        loss,
        {"dLdZ2": dZ2, "dLdW2": A1.data @ dZ2.T, "dLdA1": dA1, "dLdZ1": dZ1, "dLdW1": X @ dZ1.T},
    )


@wrong("MIT 6.036: bias gradient kept per column", "dLdW02", r"sum over axis 1 is missing")
def _() -> Any:
    X, Y, W1, W01, W2, W02, Z1, A1, Z2, A2, loss = mit()
    dZ2 = A2.data - Y
    return check(loss, {"dLdZ2": dZ2, "dLdW02": dZ2})


@right("fast.ai: x.g attributes as keys, mse of a squeezed output")
def _() -> Any:
    r = rng(13)
    n = 6
    inp, targ = r.normal(size=(n, 3)), r.normal(size=n)
    w1, b1, w2, b2 = (
        leaf(r.normal(size=(3, 4))),
        leaf(np.zeros(4)),
        leaf(r.normal(size=(4, 1))),
        leaf(np.zeros(1)),
    )
    l1 = inp @ w1 + b1
    l2 = np.maximum(l1, 0.0)
    out = l2 @ w2 + b2
    diff = out[:, 0] - targ
    loss = (diff**2).mean()
    out_g = 2.0 * diff.data[:, None] / n
    l2_g = out_g @ w2.data.T
    l1_g = (l1.data > 0) * l2_g
    return check(
        loss,
        {
            "out.g": out_g,
            "w2.g": (l2.data[:, :, None] * out_g[:, None, :]).sum(0),
            "b2.g": out_g.sum(0),
            "l2.g": l2_g,
            "l1.g": l1_g,
            "w1.g": inp.T @ l1_g,
            "b1.g": l1_g.sum(0),
        },
    )


@wrong("fast.ai: the mean forgotten in mse_grad", "out_g", r"mean over 6|sum where")
def _() -> Any:
    r = rng(13)
    n = 6
    inp, targ = r.normal(size=(n, 3)), r.normal(size=n)
    w1, b1 = leaf(r.normal(size=(3, 1))), leaf(np.zeros(1))
    out = inp @ w1 + b1
    diff = out[:, 0] - targ
    loss = (diff**2).mean()
    out_g = 2.0 * diff.data[:, None]
    return check(loss, {"out_g": out_g, "w1_g": inp.T @ out_g, "b1_g": out_g.sum(0)})


@right("EECS 498: softmax loss with regularisation, float64 tensors of PyTorch")
def _() -> Any:
    torch = pytest.importorskip("torch")
    r = rng(14)
    X, y, reg = r.normal(size=(6, 4)), r.integers(0, 3, 6), 0.05
    W = leaf(r.normal(size=(4, 3)))
    scores = X @ W
    loss = mg.losses.cross_entropy(scores, y) + reg * np.sum(W * W)
    w = torch.tensor(W.data, requires_grad=True)
    out = (
        torch.nn.functional.cross_entropy(torch.tensor(X) @ w, torch.tensor(y))
        + reg * (w * w).sum()
    )
    out.backward()
    return check(loss, {"W.grad": w.grad})


@right("float16 gradients of mixed precision")
def _() -> Any:
    r = rng(15)
    X, y = r.normal(size=(16, 4)), r.normal(size=16)
    w = leaf(r.normal(size=4))
    L = np.mean((X @ w - y) ** 2)
    d = (2 / 16 * (X @ w.data - y)).astype(np.float16)
    return check(L, {"grad w": X.T.astype(np.float16) @ d})


@wrong("float16 gradients, the 2 forgotten", "dw", r"½|2")
def _() -> Any:
    r = rng(15)
    X, y = r.normal(size=(16, 4)), r.normal(size=16)
    w = leaf(r.normal(size=4))
    L = np.mean((X @ w - y) ** 2)
    d = (1 / 16 * (X @ w.data - y)).astype(np.float16)
    return check(L, {"dw": X.T.astype(np.float16) @ d})


@right("np.round'ed to 4 places, hidden layer included")
def _() -> Any:
    r = rng(16)
    x, t = r.normal(size=3), 0.4
    V, u = leaf(r.normal(size=(2, 3))), leaf(r.normal(size=2))
    h = mg.sigmoid(V @ x)
    o = u @ h
    E = (o - t) ** 2
    do = round(2 * (o.item() - t), 4)
    du = np.round(do * h.data, 4)
    dh = np.round(do * u.data, 4)
    dV = np.round(np.outer(dh * h.data * (1 - h.data), x), 4)
    return check(E, {"dE/do": do, "dE/du": du, "dE/dh": dh, "dE/dV": dV})


@wrong(
    "np.round'ed to 4 places, sigma' at the wrong place", "dE/dV", r"σ|sigmoid|V @ x|evaluated|h"
)
def _() -> Any:
    r = rng(16)
    x, t = r.normal(size=3), 0.4
    V, u = leaf(r.normal(size=(2, 3))), leaf(r.normal(size=2))
    z = V @ x
    h = mg.sigmoid(z)
    o = u @ h
    E = (o - t) ** 2
    do = round(2 * (o.item() - t), 4)
    dh = np.round(do * u.data, 4)
    dV = np.round(np.outer(dh * z.data * (1 - z.data), x), 4)
    return check(E, {"dE/do": do, "dE/dh": dh, "dE/dV": dV})


@right("LaTeX with \\hat y, \\odot and \\sigma'")
def _() -> Any:
    r = rng(17)
    x, y = r.normal(size=3), r.normal(size=3)
    w = leaf(r.normal(size=3))
    z = w * x
    y_hat = mg.sigmoid(z)
    L = 0.5 * np.sum((y_hat - y) ** 2)
    return check(
        L,
        {
            r"\frac{\partial L}{\partial \hat y}": r"\hat y - y",
            r"\frac{\partial L}{\partial z}": r"(\hat{y} - y) \odot \sigma'(z)",
            r"\frac{\partial L}{\partial w}": r"(\hat{y} - y) \odot \hat{y} \odot (1 - \hat y) \odot x",
        },
    )


@wrong("LaTeX: \\sigma'(\\hat y) for \\sigma'(z)", r"\frac{\partial L}{\partial z}", r"z|y_hat|ŷ")
def _() -> Any:
    r = rng(17)
    x, y = r.normal(size=3), r.normal(size=3)
    w = leaf(r.normal(size=3))
    z = w * x
    y_hat = mg.sigmoid(z)
    L = 0.5 * np.sum((y_hat - y) ** 2)
    return check(
        L,
        {
            r"\frac{\partial L}{\partial \hat y}": r"\hat y - y",
            r"\frac{\partial L}{\partial z}": r"(\hat{y} - y) \odot \sigma'(\hat y)",
        },
    )


@right("LaTeX with an indicator: \\mathbb{1}[z > 0]")
def _() -> Any:
    r = rng(18)
    x, t = r.normal(size=5), r.normal(size=5)
    w = leaf(r.normal(size=5))
    z = w * x
    a = mg.relu(z)
    L = np.sum((a - t) ** 2)
    return check(
        L,
        {
            r"\partial L/\partial z": r"2 (a - t) \odot \mathbb{1}[z > 0]",
            "dL/dw": r"2 (a - t) \mathbf{1}_{z > 0} x",
        },
    )


@wrong("the indicator of the activation's complement", r"\partial L/\partial z", r"z|<|>|relu|sign")
def _() -> Any:
    r = rng(18)
    x, t = r.normal(size=5), r.normal(size=5)
    w = leaf(r.normal(size=5))
    z = w * x
    a = mg.relu(z)
    L = np.sum((a - t) ** 2)
    return check(L, {r"\partial L/\partial z": r"2 (a - t) \odot \mathbb{1}[z < 0]"})


@right("numerator layout, declared, all through a network of row Jacobians")
def _() -> Any:
    r = rng(19)
    x, t = r.normal(size=3), r.normal(size=2)
    W, V = leaf(r.normal(size=(4, 3))), leaf(r.normal(size=(2, 4)))
    s = W @ x
    h = np.tanh(s)
    y = V @ h
    L = 0.5 * np.sum((y - t) ** 2)
    dy = (y.data - t)[None, :]
    dh = dy @ V.data
    ds = dh @ np.diag(1 - h.data**2)
    return check(
        L,
        {
            "dL/dy": dy,
            "dy/dh": V.data,
            "dL/dh": dh,
            "dh/ds": np.diag(1 - h.data**2),
            "dL/ds": ds,
            "dL/dW": x[:, None] @ ds,
            "dL/dV": h.data[:, None] @ dy,
        },
        layout="numerator",
    )


@wrong("a square weight transposed on the way back", "dL/dh", r"transpose|\.T|W")
def _() -> Any:
    r = rng(20)
    x, t = r.normal(size=3), r.normal(size=3)
    W, V = leaf(r.normal(size=(3, 3))), leaf(r.normal(size=(3, 3)))
    h = np.tanh(W @ x)
    y = V @ h
    L = 0.5 * np.sum((y - t) ** 2)
    dy = y.data - t
    return check(L, {"dL/dy": dy, "dL/dh": V.data @ dy})


@right("dict keys of all spellings")
def _() -> Any:
    r = rng(21)
    x = r.normal(size=(5, 2))
    params = {
        "W_1": leaf(r.normal(size=(2, 3))),
        "b_1": leaf(np.zeros(3)),
        "w_out": leaf(r.normal(size=3)),
    }
    z_1 = x @ params["W_1"] + params["b_1"]
    a_1 = np.tanh(z_1)
    out = a_1 @ params["w_out"]
    cost = np.mean(out**2)
    do = 2 * out.data / 5
    dz = np.outer(do, params["w_out"].data) * (1 - a_1.data**2)
    return check(
        cost,
        {
            "d_out": do,
            "dz1": dz,
            r"\frac{\partial cost}{\partial W_1}": x.T @ dz,
            "db_1": dz.sum(0),
            "grad(w_out)": a_1.data.T @ do,
        },
    )


@wrong("dict of parameters, the activation's input in dw_out", "dw_out", r"z_1|a_1")
def _() -> Any:
    r = rng(21)
    x = r.normal(size=(5, 2))
    params = {
        "W_1": leaf(r.normal(size=(2, 3))),
        "b_1": leaf(np.zeros(3)),
        "w_out": leaf(r.normal(size=3)),
    }
    z_1 = x @ params["W_1"] + params["b_1"]
    a_1 = np.tanh(z_1)
    out = a_1 @ params["w_out"]
    cost = np.mean(out**2)
    do = 2 * out.data / 5
    return check(cost, {"dout": do, "dw_out": z_1.data.T @ do})


@right("softmax with a temperature, per example rows")
def _() -> Any:
    r = rng(22)
    tau = 0.5
    logits = leaf(r.normal(size=(4, 3)))
    Y = np.eye(3)[[0, 1, 2, 1]]
    p = mg.softmax(logits / tau, axis=-1)
    ce = -np.mean(np.sum(Y * np.log(p), axis=-1))
    return check(ce, {"dlogits": (p.data - Y) / (4 * tau)})


@wrong("softmax with a temperature, 1/tau forgotten", "dlogits", r"tau|½|2|0\.5")
def _() -> Any:
    r = rng(22)
    tau = 0.7
    logits = leaf(r.normal(size=(4, 3)))
    Y = np.eye(3)[[0, 1, 2, 1]]
    p = mg.softmax(logits / tau, axis=-1)
    ce = -np.mean(np.sum(Y * np.log(p), axis=-1))
    return check(ce, {"dlogits": (p.data - Y) / 4})


@right("KL of a VAE: mu and logvar")
def _() -> Any:
    r = rng(23)
    mu, logvar = leaf(r.normal(size=(3, 2))), leaf(r.normal(size=(3, 2)) * 0.3)
    KL = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return check(KL, {"dKL/dmu": mu.data, "dKL/dlogvar": "0.5*(exp(logvar) - 1)"})


@wrong("KL of a VAE: the 1 of logvar forgotten", "dKL/dlogvar", r"path|logvar|1|missing")
def _() -> Any:
    r = rng(23)
    mu, logvar = leaf(r.normal(size=(3, 2))), leaf(r.normal(size=(3, 2)) * 0.3)
    KL = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return check(KL, {"dKL/dmu": mu.data, "dKL/dlogvar": 0.5 * np.exp(logvar.data)})


@right("layer norm, the three-term formula")
def _() -> Any:
    r = rng(24)
    N, D = 4, 5
    x, g, dout = leaf(r.normal(size=(N, D))), leaf(r.normal(size=D)), r.normal(size=(N, D))
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    out = g * xhat
    dxh = dout * g.data
    dx = (
        dxh - dxh.mean(1, keepdims=True) - xhat.data * (dxh * xhat.data).mean(1, keepdims=True)
    ) / np.sqrt(var.data + 1e-5)
    return check(
        out, {"dxhat": dxh, "dx": dx, "dg": (dout * xhat.data).sum(0)}, upstream={out: dout}
    )


@wrong("layer norm: the term through the variance forgotten", "dx", r"var|path")
def _() -> Any:
    r = rng(24)
    N, D = 4, 5
    x, g, dout = leaf(r.normal(size=(N, D))), leaf(r.normal(size=D)), r.normal(size=(N, D))
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    var = (xc**2).mean(axis=1, keepdims=True)
    xhat = xc / np.sqrt(var + 1e-5)
    out = g * xhat
    dxh = dout * g.data
    dx = (dxh - dxh.mean(1, keepdims=True)) / np.sqrt(var.data + 1e-5)
    return check(out, {"dxhat": dxh, "dx": dx, "dg": (dout * xhat.data).sum(0)}, upstream=dout)


@right("word2vec, CS224n: naive softmax by the centre word")
def _() -> Any:
    r = rng(25)
    U, o = r.normal(size=(6, 3)), 2
    v_c = leaf(r.normal(size=3))
    y_hat = mg.softmax(U @ v_c)
    y = np.eye(6)[o]
    J = -np.log(y_hat[o])
    return check(
        J, {r"\partial J / \partial v_c": r"U^T (\hat y - y)", "dv_c": U.T @ (y_hat.data - y)}
    )


@wrong("word2vec: y - y_hat", "dv_c", r"sign")
def _() -> Any:
    r = rng(25)
    U, o = r.normal(size=(6, 3)), 2
    v_c = leaf(r.normal(size=3))
    y_hat = mg.softmax(U @ v_c)
    y = np.eye(6)[o]
    J = -np.log(y_hat[o])
    return check(J, {"dv_c": U.T @ (y - y_hat.data)})


@right("hinge loss of a linear SVM, margin at some points only")
def _() -> Any:
    r = rng(26)
    X, t = 2 * r.normal(size=(7, 2)), np.where(r.random(7) > 0.5, 1.0, -1.0)
    w, b, C = leaf(r.normal(size=2)), leaf(0.1), 0.7
    s = X @ w + b
    xi = np.maximum(0.0, 1 - t * s)
    L = 0.5 * np.sum(w**2) + C * np.sum(xi)
    on = (t * s.data < 1).astype(float)
    return check(L, {"dL/dw": w.data - C * X.T @ (t * on), "dL/db": -C * np.sum(t * on)})


@wrong("hinge loss: all points counted", "dL/dw", r"xi|relu|max|step|factor|mask|local")
def _() -> Any:
    r = rng(26)
    X, t = 2 * r.normal(size=(7, 2)), np.where(r.random(7) > 0.5, 1.0, -1.0)
    w, b, C = leaf(r.normal(size=2)), leaf(0.1), 0.7
    s = X @ w + b
    xi = np.maximum(0.0, 1 - t * s)
    L = 0.5 * np.sum(w**2) + C * np.sum(xi)
    return check(L, {"dL/dw": w.data - C * X.T @ t, "dL/db": -C * np.sum(t)})


@right("GRU step: update gate, by hand")
def _() -> Any:
    r = rng(27)
    h0, zt, nt, g = (
        leaf(r.normal(size=3)),
        leaf(r.normal(size=3)),
        leaf(r.normal(size=3)),
        r.normal(size=3),
    )
    z = mg.sigmoid(zt)
    n = np.tanh(nt)
    h = (1 - z) * n + z * h0
    dz = g * (h0.data - n.data)
    dn = g * (1 - z.data)
    return check(
        h,
        {
            "dz": dz,
            "dn": dn,
            "dzt": dz * z.data * (1 - z.data),
            "dnt": dn * (1 - n.data**2),
            "dh0": g * z.data,
        },
        upstream=g,
    )


@wrong("GRU step: the part of dz through n forgotten", "dz", r"n\b|path|missing")
def _() -> Any:
    r = rng(27)
    h0, zt, nt, g = (
        leaf(r.normal(size=3)),
        leaf(r.normal(size=3)),
        leaf(r.normal(size=3)),
        r.normal(size=3),
    )
    z = mg.sigmoid(zt)
    n = np.tanh(nt)
    h = (1 - z) * n + z * h0
    dz = g * h0.data
    return check(h, {"dz": dz, "dzt": dz * z.data * (1 - z.data)}, upstream=g)


@right("cosine similarity")
def _() -> Any:
    r = rng(28)
    a, b = leaf(r.normal(size=4)), leaf(r.normal(size=4))
    c = a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b))
    na, nb = np.linalg.norm(a.data), np.linalg.norm(b.data)
    return check(
        c,
        {
            "dc/da": b.data / (na * nb) - c.item() * a.data / na**2,
            b: a.data / (na * nb) - c.item() * b.data / nb**2,
        },
    )


@wrong("cosine similarity: the norm taken as a constant", "dc/da", r"path|norm|missing|sqrt")
def _() -> Any:
    r = rng(28)
    a, b = leaf(r.normal(size=4)), leaf(r.normal(size=4))
    dot = a @ b
    norm = np.sqrt(a @ a)
    c = dot / (norm * np.sqrt(b @ b))
    na, nb = np.linalg.norm(a.data), np.linalg.norm(b.data)
    return check(c, {"dc/da": b.data / (na * nb)})


@right("trace and log det")
def _() -> Any:
    r = rng(29)
    M = r.normal(size=(3, 3))
    S = M @ M.T + np.eye(3)
    A = leaf(S)
    B = r.normal(size=(3, 3))
    f = np.trace(A @ B) + np.linalg.slogdet(A)[1]
    return check(f, {"df/dA": B.T + np.linalg.inv(S).T})


@wrong("trace: B instead of its transpose", "df/dA", r"transpose|B")
def _() -> Any:
    r = rng(29)
    A, B = leaf(r.normal(size=(3, 3))), r.normal(size=(3, 3))
    f = np.trace(A @ B)
    return check(f, {"df/dA": B})


@right("a Jacobian of polar coordinates")
def _() -> Any:
    q = leaf([2.0, 0.6])
    p = np.stack([q[0] * np.cos(q[1]), q[0] * np.sin(q[1])])
    c, s = np.cos(0.6), np.sin(0.6)
    return check(p, {"dp/dq": [[c, -2 * s], [s, 2 * c]]})


@wrong("a Jacobian of polar coordinates, a sign", "dp/dq", r"0, 1|sign|entry|entries")
def _() -> Any:
    q = leaf([2.0, 0.6])
    p = np.stack([q[0] * np.cos(q[1]), q[0] * np.sin(q[1])])
    c, s = np.cos(0.6), np.sin(0.6)
    return check(p, {"dp/dq": [[c, 2 * s], [s, 2 * c]]})


@right("focal loss of one probability")
def _() -> Any:
    gamma = 2.0
    z = leaf(0.4)
    p = mg.sigmoid(z)
    FL = -((1 - p) ** gamma) * np.log(p)
    return check(
        FL,
        {
            "dFL/dp": "gamma*(1-p)**(gamma-1)*log(p) - (1-p)**gamma/p",
            "dFL/dz": "(gamma*(1-p)*log(p) - (1-p)**2/p)*p*(1-p)",
        },
    )


@wrong("focal loss: the weight taken as a constant", "dFL/dp", r"path|term|missing|log")
def _() -> Any:
    gamma = 2.0
    z = leaf(0.4)
    p = mg.sigmoid(z)
    weight = (1 - p) ** gamma
    nll = -np.log(p)
    FL = weight * nll
    P = p.item()
    return check(FL, {"dFL/dp": -((1 - P) ** 2) / P})


@right("momentum of a derivation in lines")
def _() -> Any:
    x, y = 1.7, 0.6
    w = leaf(0.8)
    p = mg.sigmoid(w * x)
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return check(
        L,
        {"dL/dw": ["(-y/p + (1-y)/(1-p)) * p*(1-p) * x", "(-y*(1-p) + (1-y)*p) * x", "(p - y)*x"]},
    )


@wrong(
    "a derivation in lines: a sign lost when multiplying out",
    "dL/dw",
    r"line 2 does not follow from line 1",
)
def _() -> Any:
    x, y = 1.7, 0.6
    w = leaf(0.8)
    p = mg.sigmoid(w * x)
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return check(
        L,
        {"dL/dw": ["(-y/p + (1-y)/(1-p)) * p*(1-p) * x", "(-y*(1-p) - (1-y)*p) * x", "(p - y)*x"]},
    )


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_courses(case: Case) -> None:
    report = case.grade()
    first = report.first_error
    if not case.first:
        assert report.ok, report
        return
    assert first is not None, report
    assert first.quantity == case.first, report
    assert re.search(case.words, first.remark), report
