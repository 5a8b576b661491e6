"""Derivations as a teacher finds them: what is right, in whatever form, and what is not, and why.

Every problem yields what was written, its grade, and what the teacher says: ``"right"``, or
the first wrong step with its cause (``a|b`` where both are true).
"""

# Strings refer to variables that nothing else reads; a derivation is one line.
# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg

Graded = tuple[str, Any, str]
check = mg.check_derivation
PROBLEMS: list[Callable[[], Iterator[Graded]]] = []


def problem(f: Callable[[], Iterator[Graded]]) -> Callable[[], Iterator[Graded]]:
    PROBLEMS.append(f)
    return f


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


@problem
def sigmoid_neuron() -> Iterator[Graded]:
    x, t = 1.7, 0.25
    w, b = leaf(-0.62), leaf(0.35)
    z = w * x + b
    a = mg.sigmoid(z)
    L = (a - t) ** 2
    s, u = a.item(), z.item()
    dz = 2 * (s - t) * s * (1 - s)
    e = np.exp(-u)
    yield "other forms", check(L, {
        a: -2 * t + 2 * s, "da/dz": e / (1 + e) ** 2, z: 2 * (s - t) / (2 + e + 1 / e),
        w: dz * x, b: dz}), "right"  # fmt: skip
    yield "as Tensors", check(L, {a: 2 * (a - t), (a, z): a * (1 - a), w: 2 * (a - t) * a * (1 - a) * x}), "right"
    yield "digits", check(L, {"dL/da": f"{2 * (s - t):.3f}", "da/dz": f"{s * (1 - s):.3f}", "dL/dw": f"{dz * x:.3g}"}), "right"
    yield "y - a", check(L, {"dL/da": -2 * (s - t), "dL/dz": -dz, "dL/dw": -dz * x}), "dL/da: sign"
    yield "2 forgotten", check(L, {"dL/da": s - t, "dL/dw": dz * x / 2}), "dL/da: factor"
    yield "z(1 - z)", check(L, {"da/dz": u * (1 - u)}), "da/dz: wrong_node"
    yield "sigma without 1 -", check(L, {"da/dz": s}), "da/dz: wrong_derivative"
    yield "x where w", check(L, {"dL/dw": dz * w.item()}), "dL/dw: wrong_node"
    yield "x forgotten", check(L, {"dL/dz": dz, "dL/dw": dz}), "dL/dw: missing_local_factor"
    yield "sigma' forgotten", check(L, {"dL/dw": 2 * (s - t) * x}), "dL/dw: missing_local_factor"
    yield "sigma' twice", check(L, {"dL/dw": dz * s * (1 - s) * x}), "dL/dw: extra_local_factor"
    yield "bias times x", check(L, {"dL/dw": dz * x, "dL/db": dz * x}), "dL/db: extra_local_factor"
    yield "a constant", check(L, {"dL/dw": dz * x * 1.2837}), "dL/dw: other"
    yield "three digits of nothing", check(L, {"dL/dw": f"{dz * x * 1.283:.3g}"}), "dL/dw: other"
    yield "learning rate folded in", check(L, {"dL/dw": 0.1 * dz * x}), "dL/dw: factor"
    yield "an update upwards", check(L, {"dL/dw": dz * x, "w - 0.5*dL/dw": w.item() + 0.5 * dz * x}), "w - 0.5*dL/dw: sign"
    yield "two slips", check(L, {"dL/da": -2 * (s - t), "da/dz": u * (1 - u)}), "dL/da: sign"


@problem
def tanh_chain() -> Iterator[Graded]:
    x, y = 0.9, -0.4
    w1, b1, w2, b2 = leaf(0.8), leaf(-0.3), leaf(1.7), leaf(0.2)
    z1 = w1 * x + b1
    h = np.tanh(z1)
    z2 = w2 * h + b2
    p = np.tanh(z2)
    loss = 0.5 * (p - y) ** 2
    Z1, H, Z2, P = (q.item() for q in (z1, h, z2, p))
    d2 = (P - y) * (1 - P**2)
    d1 = d2 * w2.item() * (1 - H**2)
    yield "sech", check(loss, {"dp/dz2": 1 / np.cosh(Z2) ** 2, "dloss/dz2": (P - y) / np.cosh(Z2) ** 2,
        w2: d2 * H, b2: d2, z1: d1, w1: d1 * x, b1: d1}), "right"  # fmt: skip
    yield "1 - z^2", check(loss, {"dp/dz2": 1 - Z2**2, "dloss/dz2": (P - y) * (1 - Z2**2)}), "dp/dz2: wrong_node"
    yield "1 - z^2 in the total", check(loss, {"dloss/dz2": (P - y) * (1 - Z2**2)}), "dloss/dz2: wrong_node"
    yield "z1 where h", check(loss, {z2: d2, w2: d2 * Z1}), "dloss/dw2: wrong_node"
    yield "x where h", check(loss, {z2: d2, w2: d2 * x}), "dloss/dw2: wrong_node"
    yield "w2 forgotten", check(loss, {z2: d2, z1: d2 * (1 - H**2), w1: d2 * (1 - H**2) * x}), "dloss/dz1: missing_local_factor"
    yield "w1 for w2", check(loss, {z2: d2, z1: d2 * w1.item() * (1 - H**2)}), "dloss/dz1: wrong_node"
    yield "tanh' of the other layer", check(loss, {z1: d2 * w2.item() * (1 - P**2)}), "dloss/dz1: wrong_node"
    yield "1 + h^2", check(loss, {"dh/dz1": 1 + H**2}), "dh/dz1: wrong_derivative"
    yield "sigma' for tanh'", check(loss, {"dh/dz1": H * (1 - H)}), "dh/dz1: wrong_derivative"
    yield "a sign on the way", check(loss, {z2: d2, h: -d2 * w2.item(), z1: -d1, w1: -d1 * x}), "dloss/dh: sign"
    yield "half forgotten", check(loss, {p: 2 * (P - y), z2: 2 * d2, w1: 2 * d1 * x}), "dloss/dp: factor"
    yield "noise", check(loss, {w1: d1 * x + 0.0123}), "dloss/dw1: other"


@problem
def linear_regression() -> Iterator[Graded]:
    rng = np.random.default_rng(10)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    w, b = leaf(rng.normal(size=3)), leaf(0.3)
    h = X @ w + b
    J = ((h - y) ** 2).mean()
    H = h.data
    m, e = 7, H - y
    yield "one by one", check(J, {w: [sum(2 / m * e[i] * X[i, j] for i in range(m)) for j in range(3)],
        b: 2 * np.mean(e)}), "right"  # fmt: skip
    yield "normal equations", check(J, {"∂J/∂w": 2 / m * (X.T @ X @ w.data + X.T @ np.full(m, 0.3) - X.T @ y)}), "right"
    yield "1/m forgotten", check(J, {"dJ/dh": 2 * e, "dJ/dw": 2 * X.T @ e, "dJ/db": 2 * e.sum()}), "dJ/dh: sum_for_mean"
    yield "1/m twice", check(J, {"dJ/dh": 2 * e / m, "dJ/dw": 2 * X.T @ e / m**2}), "dJ/dw: mean_for_sum"
    yield "half-MSE's", check(J, {"dJ/dw": X.T @ e / m}), "dJ/dw: factor"
    yield "y - h", check(J, {"dJ/dw": 2 / m * X.T @ (y - H)}), "dJ/dw: sign"
    yield "y - h and no 2", check(J, {"dJ/dw": 1 / m * X.T @ (y - H)}), "dJ/dw: sign"
    yield "neither 2 nor 1/m", check(J, {"dJ/dw": X.T @ e}), "dJ/dw: sum_for_mean|factor"
    yield "no sum for b", check(J, {"dJ/dh": 2 * e / m, "dJ/db": 2 * e / m}), "dJ/db: missing_sum"
    yield "m for b", check(J, {"dJ/db": 2 * e.sum()}), "dJ/db: sum_for_mean"
    yield "without y", check(J, {"dJ/dw": 2 / m * X.T @ H}), "dJ/dw: dropped_path|missing_local_factor|other|wrong_node"
    yield "one entry is off", check(J, {"dJ/dw": 2 / m * X.T @ e + np.array([0, 0.2, 0])}), "dJ/dw: entries"
    yield "an unrelated array", check(J, {"dJ/dw": [0.31, -1.2, 0.77]}), "dJ/dw: other"
    yield "digits=3", check(J, {"dJ/dw": [float(f"{v:.3g}") for v in 2 / m * X.T @ e]}, digits=3), "right"
    yield "the rate in it", check(J, {"dJ/dw": 2 / m * X.T @ e * 0.01}), "dJ/dw: factor"


@problem
def ridge() -> Iterator[Graded]:
    rng = np.random.default_rng(11)
    X, y = rng.normal(size=(9, 4)), rng.normal(size=9)
    w = leaf(rng.normal(size=4))
    lam = 0.3
    fit = np.sum((X @ w - y) ** 2)
    penalty = lam * np.sum(w**2)
    L = fit + penalty
    W = w.data
    g = 2 * X.T @ (X @ W - y)
    yield "right", check(L, {w: g + 2 * lam * W, "dfit/dw": g, "dpenalty/dw": 2 * lam * W}), "right"
    yield "the penalty forgotten", check(L, {w: g}), "dL/dw: dropped_path"
    yield "only the penalty", check(L, {w: 2 * lam * W}), "dL/dw: dropped_path"
    yield "the penalty subtracted", check(L, {w: g - 2 * lam * W}), "dL/dw: sign"
    yield "2 of the penalty forgotten", check(L, {"dpenalty/dw": lam * W}), "dpenalty/dw: factor"
    yield "lambda forgotten", check(L, {"dpenalty/dw": 2 * W}), "dpenalty/dw: missing_local_factor"
    yield "lambda forgotten in the sum", check(L, {w: g + 2 * W}), "dL/dw: missing_local_factor"
    yield "w squared", check(L, {"dpenalty/dw": lam * W**2}), "dpenalty/dw: wrong_derivative"


@problem
def softmax_regression() -> Iterator[Graded]:
    rng = np.random.default_rng(12)
    n, k, c = 6, 4, 3
    X, labels = rng.normal(size=(n, k)), rng.integers(0, c, n)
    Y = np.eye(c)[labels]
    W, b = leaf(rng.normal(size=(k, c))), leaf(rng.normal(size=c))
    logits = X @ W + b
    p = mg.softmax(logits, axis=1)
    L = -np.sum(Y * np.log(p)) / n
    P = p.data
    d = (P - Y) / n
    minus = P.copy()
    minus[np.arange(n), labels] -= 1
    yield "in place", check(L, {"dL/dlogits": minus / n, W: X.T @ minus / n, b: (minus / n).sum(0)}), "right"
    yield "through p", check(L, {p: -Y / P / n, logits: d, W: np.einsum("ni,nj->ij", X, d)}), "right"
    yield "1/n forgotten", check(L, {logits: P - Y, W: X.T @ (P - Y), b: (P - Y).sum(0)}), "dL/dlogits: sum_for_mean"
    yield "1/n forgotten in W", check(L, {logits: d, W: X.T @ (P - Y)}), "dL/dW: sum_for_mean"
    yield "1/n twice", check(L, {logits: d, W: X.T @ d / n}), "dL/dW: mean_for_sum"
    yield "y - p", check(L, {logits: -d, W: -X.T @ d}), "dL/dlogits: sign"
    yield "transposed", check(L, {logits: d, W: d.T @ X}), "dL/dW: transposed"
    yield "no sum", check(L, {logits: d, b: d}), "dL/db: missing_sum"
    yield "a mean of means", check(L, {logits: d, b: d.mean(0)}), "dL/db: mean_for_sum"
    yield "-y/p without 1/n", check(L, {p: -Y / P}), "dL/dp: sum_for_mean"
    yield "-y without 1/p", check(L, {p: -Y / n}), "dL/dp: missing_local_factor"
    yield "sigma' for softmax'", check(L, {p: -Y / P / n, logits: -Y * (1 - P) / n}), "dL/dlogits: wrong_derivative"
    yield "softmax' left out", check(L, {logits: -Y / P / n}), "dL/dlogits: missing_local_factor"
    yield "p alone", check(L, {logits: P / n}), "dL/dlogits: wrong_derivative"
    noisy = d.copy()
    noisy[2, 1] += 0.05
    yield "one entry is off", check(L, {logits: noisy}), "dL/dlogits: entries"
    yield "over c instead of n", check(L, {logits: (P - Y) / c}), "dL/dlogits: factor|sum_for_mean"


@problem
def logistic_regression() -> Iterator[Graded]:
    rng = np.random.default_rng(13)
    n = 8
    X, y = rng.normal(size=(n, 2)), rng.integers(0, 2, n).astype(float)
    w, b = leaf(rng.normal(size=2)), leaf(0.1)
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    bce = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    P, Z = p.data, z.data
    yield "right", check(bce, {p: (P - y) / (P * (1 - P)) / n, z: (P - y) / n, w: X.T @ (P - y) / n, b: np.mean(P - y)}), "right"
    yield "sigma' too many", check(bce, {z: (P - y) / n * P * (1 - P), w: X.T @ ((P - y) * P * (1 - P)) / n}), "dbce/dz: extra_local_factor"
    yield "sum", check(bce, {z: P - y}), "dbce/dz: sum_for_mean"
    yield "only y log p", check(bce, {z: -y * (1 - P) / n}), "dbce/dz: dropped_path"
    yield "a sign in the second log", check(bce, {p: -(y / P + (1 - y) / (1 - P)) / n}), "dbce/dp: sign"
    yield "z for p", check(bce, {"dp/dz": Z * (1 - Z)}), "dp/dz: wrong_node"
    yield "mean of X", check(bce, {z: (P - y) / n, w: X.mean(0) * np.sum(P - y) / n}), "dbce/dw: other"
    yield "carried", check(bce, {p: (P - y) / (P * (1 - P)), z: P - y, w: X.T @ (P - y), b: np.sum(P - y)}), "dbce/dp: sum_for_mean"


@problem
def two_layers() -> Iterator[Graded]:
    rng = np.random.default_rng(14)
    n, k, h, c = 5, 3, 4, 2
    X, Y = rng.normal(size=(n, k)), rng.normal(size=(n, c))
    params = {"W1": leaf(rng.normal(size=(k, h))), "b1": leaf(rng.normal(size=h)),
              "W2": leaf(rng.normal(size=(h, c))), "b2": leaf(rng.normal(size=c))}  # fmt: skip
    Z1 = X @ params["W1"] + params["b1"]
    A1 = mg.relu(Z1)
    out = A1 @ params["W2"] + params["b2"]
    L = np.sum((out - Y) ** 2) / (2 * n)
    z1, a1, o, W2 = Z1.data, A1.data, out.data, params["W2"].data
    do = (o - Y) / n
    dA = do @ W2.T
    dZ = dA * (z1 > 0)
    yield "right", check(L, {out: do, params["W2"]: a1.T @ do, "dL/dparams['b2']": np.ones(n) @ do, A1: (W2 @ do.T).T,
        Z1: np.where(z1 > 0, dA, 0), params["W1"]: sum(np.outer(X[i], dZ[i]) for i in range(n)),
        params["b1"]: dZ.sum(axis=0)}), "right"  # fmt: skip
    yield "the mask forgotten", check(L, {A1: dA, Z1: dA, params["W1"]: X.T @ dA}), "dL/dZ1: missing_local_factor"
    yield "the mask forgotten below", check(L, {params["W1"]: X.T @ dA}), "dL/dparams['W1']: missing_local_factor"
    yield "z for a", check(L, {out: do, params["W2"]: z1.T @ do}), "dL/dparams['W2']: wrong_node"
    yield "X for A1", check(L, {out: do, params["W2"]: np.zeros((h, c)) + 0.5}), "dL/dparams['W2']: other"
    yield "dZ.T @ X", check(L, {Z1: dZ, params["W1"]: dZ.T @ X}), "dL/dparams['W1']: transposed"
    yield "a mean for b1", check(L, {Z1: dZ, params["b1"]: dZ.mean(0)}), "dL/dparams['b1']: mean_for_sum"
    yield "1/2n as 1/2", check(L, {out: o - Y}), "dL/dout: sum_for_mean"
    yield "2 on top", check(L, {out: 2 * do, A1: 2 * dA}), "dL/dout: factor"
    yield "sign and mask", check(L, {Z1: -dA}), "dL/dZ1: missing_local_factor"
    yield "mask of the wrong thing", check(L, {A1: dA, Z1: dA * (dA > 0)}), "dL/dZ1: other|wrong_node"
    yield "a gradient times values", check(L, {A1: dA, Z1: dA * a1}), "dL/dZ1: wrong_derivative"


@problem
def square_weights() -> Iterator[Graded]:
    rng = np.random.default_rng(15)
    x, t = rng.normal(size=3), rng.normal(size=3)
    W, V = leaf(rng.normal(size=(3, 3))), leaf(rng.normal(size=(3, 3)))
    z = W @ x
    a = mg.sigmoid(z)
    y = V @ a
    L = np.sum((y - t) ** 2)
    A, w, v = a.data, W.data, V.data
    dy = 2 * (y.data - t)
    da = v.T @ dy
    dz = da * A * (1 - A)
    yield "with diag", check(L, {y: dy, a: da, z: np.diag(A * (1 - A)) @ da, W: np.outer(dz, x), V: dy[:, None] * A,
        (y, a): v, (a, z): np.diag(A * (1 - A)), (z, W): np.einsum("ij,k->ijk", np.eye(3), x)}), "right"  # fmt: skip
    yield "V for V^T", check(L, {y: dy, a: v @ dy}), "dL/da: transposed"
    yield "W for V", check(L, {y: dy, a: w.T @ dy}), "dL/da: wrong_node"
    yield "V^T forgotten", check(L, {y: dy, a: dy}), "dL/da: missing_local_factor"
    yield "outer transposed", check(L, {z: dz, W: np.outer(x, dz)}), "dL/dW: transposed"
    yield "outer transposed and a sign", check(L, {z: dz, W: -np.outer(x, dz)}), "dL/dW: transposed|sign"
    yield "the Jacobian transposed", check(L, {(y, a): v.T}), "dy/da: transposed"
    yield "x twice", check(L, {z: dz, W: np.outer(dz, x**2)}), "dL/dW: other|extra_local_factor"
    yield "a for x", check(L, {z: dz, W: np.outer(dz, A)}), "dL/dW: wrong_node"


@problem
def normalisation() -> Iterator[Graded]:
    rng = np.random.default_rng(16)
    x = leaf(rng.normal(size=(5, 3)))
    gamma, beta = leaf(rng.normal(size=3)), leaf(rng.normal(size=3))
    T = rng.normal(size=(5, 3))
    mu = x.mean(axis=0)
    c = x - mu
    var = (c**2).mean(axis=0)
    s = np.sqrt(var + 1e-5)
    xhat = c / s
    y = gamma * xhat + beta
    L = np.sum(T * y)
    X, S, G = xhat.data, s.data, gamma.data
    dxhat = T * G
    dx = (dxhat - dxhat.mean(0) - X * (dxhat * X).mean(0)) / S
    yield "right", check(L, {xhat: dxhat, gamma: np.sum(T * X, 0), beta: T.sum(0), x: dx,
        s: -(dxhat * c.data).sum(0) / S**2}), "right"  # fmt: skip
    yield "mu and s held fixed", check(L, {xhat: dxhat, x: dxhat / S}), "dL/dx: dropped_path"
    yield "the variance forgotten", check(L, {xhat: dxhat, x: (dxhat - dxhat.mean(0)) / S}), "dL/dx: dropped_path"
    yield "no sum for gamma", check(L, {gamma: T * X}), "dL/dgamma: missing_sum"
    yield "x for xhat", check(L, {gamma: np.sum(T * x.data, 0)}), "dL/dgamma: wrong_node"
    yield "a mean for beta", check(L, {beta: T.mean(0)}), "dL/dbeta: mean_for_sum"
    yield "1/s forgotten", check(L, {xhat: dxhat, x: dx * S}), "dL/dx: missing_local_factor|other"
    yield "gamma forgotten", check(L, {y: T, xhat: T}), "dL/dxhat: missing_local_factor"


@problem
def attention() -> Iterator[Graded]:
    rng = np.random.default_rng(17)
    n, d = 4, 3
    Q, K, V = (leaf(rng.normal(size=(n, d))) for _ in range(3))
    T = rng.normal(size=(n, d))
    scores = Q @ K.T / np.sqrt(d)
    A = mg.softmax(scores, axis=-1)
    out = A @ V
    L = np.sum(T * out)
    a = A.data
    dA = T @ V.data.T
    dS = a * (dA - (dA * a).sum(1, keepdims=True))
    yield "right", check(L, {out: T, V: a.T @ T, A: dA, scores: dS, Q: dS @ K.data / np.sqrt(d), K: dS.T @ Q.data / np.sqrt(d)}), "right"
    yield "A for A^T", check(L, {V: a @ T}), "dL/dV: transposed"
    yield "1/sqrt d forgotten", check(L, {scores: dS, Q: dS @ K.data}), "dL/dQ: missing_local_factor|factor"
    yield "dS for dS^T", check(L, {scores: dS, K: dS @ Q.data / np.sqrt(d)}), "dL/dK: transposed"
    yield "K for Q", check(L, {scores: dS, K: dS.T @ K.data / np.sqrt(d)}), "dL/dK: wrong_node"
    yield "softmax' as a(1 - a)", check(L, {A: dA, scores: dA * a * (1 - a)}), "dL/dscores: wrong_derivative"
    yield "softmax' as a", check(L, {A: dA, scores: dA * a}), "dL/dscores: wrong_derivative"
    yield "softmax' along the wrong axis", check(L, {A: dA, scores: a * (dA - (dA * a).sum(0, keepdims=True))}), "dL/dscores: wrong_derivative"
    yield "the sign of Q", check(L, {Q: -dS @ K.data / np.sqrt(d)}), "dL/dQ: sign"


@problem
def recurrent() -> Iterator[Graded]:
    xs, h0, t = [0.5, -1.2, 0.8], 0.3, 0.6
    u, w = leaf(0.7), leaf(-0.9)
    h1 = np.tanh(u * xs[0] + w * h0)
    h2 = np.tanh(u * xs[1] + w * h1)
    h3 = np.tanh(u * xs[2] + w * h2)
    L = 0.5 * (h3 - t) ** 2
    H1, H2, H3, W = (q.item() for q in (h1, h2, h3, w))
    d3 = (H3 - t) * (1 - H3**2)
    d2 = d3 * W * (1 - H2**2)
    d1 = d2 * W * (1 - H1**2)
    full = d3 * H2 + d2 * H1 + d1 * h0
    yield "right", check(L, {h3: H3 - t, h2: d3 * W, h1: d2 * W, w: full, u: d3 * xs[2] + d2 * xs[1] + d1 * xs[0]}), "right"
    yield "the last step alone", check(L, {w: d3 * H2}), "dL/dw: dropped_path"
    yield "the first step forgotten", check(L, {w: d3 * H2 + d2 * H1}), "dL/dw: dropped_path"
    yield "u of the last step alone", check(L, {u: d3 * xs[2]}), "dL/du: dropped_path"
    yield "tanh' forgotten in time", check(L, {h3: H3 - t, h2: (H3 - t) * W}), "dL/dh2: missing_local_factor"
    yield "w forgotten in time", check(L, {h3: H3 - t, h2: d3}), "dL/dh2: missing_local_factor"
    yield "u for w", check(L, {h2: d3 * u.item()}), "dL/dh2: wrong_node"
    yield "the output's state for the hidden one", check(L, {h2: (H3 - t) * W * (1 - H2**2)}), "dL/dh2: wrong_node"
    yield "a sum of constants", check(L, {w: full + 0.37}), "dL/dw: other"


@problem
def calculus() -> Iterator[Graded]:
    x = leaf(1.3)
    v = x.item()
    a = np.sin(x)
    b = x**3
    f = a * b
    g = a / b
    q = np.log(b)
    r = np.exp(2 * x)
    k = np.sqrt(b)
    c, s, b_ = np.cos(v), np.sin(v), v**3
    yield "right", check(f, {x: c * v**3 + 3 * v**2 * s, (b, x): 3 * v * v}), "right"
    yield "a product of derivatives", check(f, {x: c * 3 * v**2}), "df/dx: other"
    yield "half of the product rule", check(f, {x: c * b_}), "df/dx: dropped_path"
    yield "a minus in the product rule", check(f, {x: c * b_ - 3 * v**2 * s}), "df/dx: sign"
    yield "quotient", check(g, {x: (c * b_ - s * 3 * v**2) / b_**2}), "right"
    yield "a plus in the quotient rule", check(g, {x: (c * b_ + s * 3 * v**2) / b_**2}), "dg/dx: sign"
    yield "the quotient rule turned round", check(g, {x: (s * 3 * v**2 - c * b_) / b_**2}), "dg/dx: sign"
    yield "without b squared", check(g, {x: c * b_ - s * 3 * v**2}), "dg/dx: wrong_derivative"
    yield "3 forgotten", check(f, {(b, x): v**2}), "db/dx: factor"
    yield "3 x^3", check(f, {(b, x): 3 * v**3}), "db/dx: wrong_derivative"
    yield "x^2 forgotten", check(f, {(b, x): 3}), "db/dx: wrong_derivative"
    yield "log' as log", check(q, {(q, b): np.log(b_)}), "dq/db: wrong_derivative"
    yield "log' as b", check(q, {(q, b): b_}), "dq/db: wrong_derivative"
    yield "the inner derivative forgotten", check(q, {x: 1 / b_}), "dq/dx: missing_local_factor"
    yield "exp' without the 2", check(r, {x: np.exp(2 * v)}), "dr/dx: factor"
    yield "exp' as 2x e^(2x - 1)", check(r, {x: 2 * v * np.exp(2 * v - 1)}), "dr/dx: wrong_derivative"
    yield "cos for -sin", check(f, {(a, x): -c}), "da/dx: sign"
    yield "sin' as sin", check(f, {(a, x): s}), "da/dx: wrong_derivative"
    yield "sqrt' without 1/2", check(k, {(k, b): 1 / np.sqrt(b_)}), "dk/db: factor"


def verdict(report: Any) -> str:
    row = report.first_error
    return "right" if report.ok else f"{row.quantity}: {row.diagnosis.kind}"


def agrees(found: str, expected: str) -> bool:
    place, _, kinds = expected.rpartition(": ")
    return found in [f"{place}: {kind}" if place else kind for kind in kinds.split("|")]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda f: f.__name__)
def test_a_teacher_agrees(problem: Any) -> None:
    wrong = [
        f"{title}: expected {expected}\n{report}"
        for title, report, expected in problem()
        if not agrees(verdict(report), expected)
    ]
    assert not wrong, "\n\n".join(wrong)
