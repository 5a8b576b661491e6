# ruff: noqa: E741, RET504, C408, RUF059
"""Backward passes in the many ways in which people write them: right ones are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

R = np.random.default_rng
CASES: list[tuple[str, Any]] = []


def case(name: str, f: Any, b: Any, *inputs: Any, right: bool = True, want: str = "") -> None:
    CASES.append((name, (f, b, inputs, right, want)))


def sg(z):
    return 1 / (1 + np.exp(-z))


# Ng style
def fwd(X, params, Y):
    m = X.shape[1]
    Z1 = np.dot(params["W1"], X) + params["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(params["W2"], A1) + params["b2"]
    A2 = sg(Z2)
    cost = -(1 / m) * np.sum(np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y))
    cost = np.squeeze(cost)
    return cost, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def bwd(params, cache, X, Y):
    m = X.shape[1]
    W2 = params["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
    return grads


P = dict(
    W1=R(0).normal(size=(4, 2)),
    b1=np.zeros((4, 1)),
    W2=R(1).normal(size=(1, 4)),
    b2=np.zeros((1, 1)),
)
X = R(2).normal(size=(2, 5))
Y = np.array([[0, 1, 1, 0, 1.0]])
case("ng", fwd, bwd, X, P, Y)


def bwd2(params, cache, X, Y):
    m = X.shape[1]
    W2 = params["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 1))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


case("ng slip", fwd, bwd2, X, P, Y, right=False, want="dZ1")


# TwoLayerNet class with loss
class TwoLayer:
    def __init__(s):
        s.params = dict(
            W1=R(0).normal(size=(3, 4)), b1=np.zeros(4), W2=R(1).normal(size=(4, 2)), b2=np.zeros(2)
        )

    def loss(self, X, y, reg):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        h = np.maximum(0, X.dot(W1) + b1)
        scores = h.dot(W2) + b2
        e = np.exp(scores - scores.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        loss = -np.log(p[range(N), y]).mean() + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        dscores = p.copy()
        dscores[range(N), y] -= 1
        dscores /= N
        grads["W2"] = h.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = dscores.sum(0)
        dh = dscores.dot(W2.T)
        dh[h <= 0] = 0
        grads["W1"] = X.T.dot(dh) + 2 * reg * W1
        grads["b1"] = dh.sum(0)
        return loss, grads


case("twolayer", TwoLayer().loss, None, R(5).normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0]), 0.1)


# attention
def att_f(Q, K, V):
    d = Q.shape[-1]
    S = Q @ K.T / np.sqrt(d)
    E = np.exp(S - S.max(-1, keepdims=True))
    A = E / E.sum(-1, keepdims=True)
    O = A @ V
    return O, (Q, K, V, A)


def att_b(dO, cache):
    Q, K, V, A = cache
    d = Q.shape[-1]
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(-1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    return dQ, dK, dV


a = [R(i).normal(size=(3, 4)) for i in range(3)]
case("attention", att_f, att_b, *a)


def att_b2(dO, cache):
    Q, K, V, A = cache
    d = Q.shape[-1]
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * dA
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    return dQ, dK, dV


case("attention slip", att_f, att_b2, *a, right=False, want="dS")


# embedding add.at
def em_f(x, W):
    out = W[x]
    return out, (x, W)


def em_b(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    np.add.at(dW, x, dout)
    return dW


case("embed", em_f, em_b, np.array([[0, 1], [1, 1]]), R(0).normal(size=(3, 2)))


# batchnorm with running stats
def bn_f(x, gamma, beta, bn_param):
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    N, D = x.shape
    running_mean = bn_param.get("running_mean", np.zeros(D, dtype=x.dtype))
    running_var = bn_param.get("running_var", np.zeros(D, dtype=x.dtype))
    if mode == "train":
        m = np.mean(x, axis=0)
        v = np.var(x, axis=0)
        xn = (x - m) / np.sqrt(v + eps)
        out = gamma * xn + beta
        running_mean = momentum * running_mean + (1 - momentum) * m
        running_var = momentum * running_var + (1 - momentum) * v
        cache = (x, m, v, xn, gamma, eps)
    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def bn_b(dout, cache):
    x, m, v, xn, gamma, eps = cache
    N = x.shape[0]
    dbeta = np.sum(dout, 0)
    dgamma = np.sum(dout * xn, 0)
    dxn = dout * gamma
    dv = np.sum(dxn * (x - m) * -0.5 * (v + eps) ** -1.5, 0)
    dm = np.sum(-dxn / np.sqrt(v + eps), 0) + dv * np.mean(-2 * (x - m), 0)
    dx = dxn / np.sqrt(v + eps) + dv * 2 * (x - m) / N + dm / N
    return dx, dgamma, dbeta


bp = {"mode": "train"}
case("bn running", bn_f, bn_b, R(0).normal(size=(5, 3)), R(1).normal(size=3), np.zeros(3), bp)


# python-loop softmax naive
def naive(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        s = X[i].dot(W)
        s = s - np.max(s)
        e = np.exp(s)
        p = e / np.sum(e)
        loss += -np.log(p[y[i]])
        for j in range(W.shape[1]):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


case(
    "naive softmax",
    naive,
    None,
    R(0).normal(size=(3, 4)),
    R(1).normal(size=(5, 3)),
    np.array([0, 1, 2, 3, 0]),
    0.05,
)


# svm naive
def svmn(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    n = X.shape[0]
    for i in range(n):
        s = X[i].dot(W)
        c = s[y[i]]
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = s[j] - c + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= n
    dW /= n
    loss += reg * np.sum(W * W)
    dW += reg * 2 * W
    return loss, dW


case(
    "naive svm",
    svmn,
    None,
    R(0).normal(size=(3, 4)),
    R(1).normal(size=(5, 3)),
    np.array([0, 1, 2, 3, 0]),
    0.05,
)


# float32
def af(x, w, b):
    return x @ w + b, (x, w)


def ab(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(0)
    return dx, dw, db


case(
    "float32",
    af,
    ab,
    R(0).normal(size=(40, 30)).astype(np.float32),
    R(1).normal(size=(30, 20)).astype(np.float32),
    np.zeros(20, np.float32),
)


# rnn with lists
def rn_f(xs, h0, Wx, Wh):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(x @ Wx + hs[-1] @ Wh))
    return np.sum(hs[-1] ** 2), (xs, hs, Wx, Wh)


def rn_b(cache):
    xs, hs, Wx, Wh = cache
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    dh = 2 * hs[-1]
    for t in reversed(range(len(xs))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += np.outer(xs[t], dz)
        dWh += np.outer(hs[t], dz)
        dh = Wh @ dz
    return None, dh, dWx, dWh


case(
    "rnn lists",
    rn_f,
    rn_b,
    [R(i).normal(size=3) for i in range(3)],
    R(7).normal(size=2),
    R(8).normal(size=(3, 2)),
    R(9).normal(size=(2, 2)),
)


# min-char-rnn lossFun style
def lossFun(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((5, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]


case(
    "min-char-rnn",
    lossFun,
    None,
    [0, 1, 2],
    [1, 2, 3],
    np.zeros((4, 1)),
    R(0).normal(size=(4, 5)) * 0.3,
    R(1).normal(size=(4, 4)) * 0.3,
    R(2).normal(size=(5, 4)) * 0.3,
    np.zeros((4, 1)),
    np.zeros((5, 1)),
)


# policy scalar / logistic regression propagate
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = sg(np.dot(w.T, X) + b)
    cost = (-1 / m) * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dw = 1 / m * np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)
    cost = np.squeeze(np.array(cost))
    return {"dw": dw, "db": db}, cost


case("propagate", propagate, None, R(0).normal(size=(2, 1)), 1.5, X, Y)


# gelu etc: a student's own; cross layer
def gf(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    out = 0.5 * x * (1 + t)
    return out, (x, t)


def gb(dout, cache):
    x, t = cache
    c = np.sqrt(2 / np.pi)
    dt = dout * 0.5 * x
    dx = dout * 0.5 * (1 + t) + dt * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)
    return dx


case("gelu", gf, gb, R(0).normal(size=(3, 3)))
# generator dropout
G = np.random.default_rng(3)


def drf(x, p):
    mask = (G.random(x.shape) < p) / p
    return x * mask, mask


def drb(dout, mask):
    return dout * mask


case("gen dropout", drf, drb, R(0).normal(size=(3, 3)), 0.5)


# im2col style
def cf(x, w):
    N, C, H, W = x.shape
    F, _, k, _ = w.shape
    Ho = H - k + 1
    cols = np.stack(
        [x[:, :, i : i + k, j : j + k].reshape(N, -1) for i in range(Ho) for j in range(Ho)], axis=1
    )
    wr = w.reshape(F, -1)
    out = (cols @ wr.T).transpose(0, 2, 1).reshape(N, F, Ho, Ho)
    return out, (x, w, cols)


def cb(dout, cache):
    x, w, cols = cache
    N, C, H, W = x.shape
    F, _, k, _ = w.shape
    Ho = H - k + 1
    dflat = dout.reshape(N, F, -1).transpose(0, 2, 1)
    dw = np.einsum("npf,npc->fc", dflat, cols).reshape(w.shape)
    dcols = dflat @ w.reshape(F, -1)
    dx = np.zeros_like(x)
    p = 0
    for i in range(Ho):
        for j in range(Ho):
            dx[:, :, i : i + k, j : j + k] += dcols[:, p].reshape(N, C, k, k)
            p += 1
    return dx, dw


case("im2col", cf, cb, R(0).normal(size=(2, 2, 4, 4)), R(1).normal(size=(3, 2, 2, 2)))


@pytest.mark.parametrize(("name", "given"), CASES, ids=[name for name, _ in CASES])
def test_a_way_to_write_it(name: str, given: Any) -> None:
    f, b, inputs, right, want = given
    report = mg.check_backward(f, b, *inputs)
    assert report.recorded
    assert report.ok == right, report
    assert right or report.first_error.name == want
    assert "running_mean" not in bp  # what is given is left alone
