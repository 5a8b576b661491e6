# ruff: noqa: E501
"""Layers and losses as courses have them, in own words, and slips to plant in each.

A slip is (what stands there, what stands there instead, a part of the line that is wrong,
a regular expression for the cause).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Student:
    """A forward function, a right backward function, inputs and slips."""

    name: str
    source: str
    inputs: Any
    slips: list[tuple[str, str, str, str]] = field(default_factory=list)
    forward: str = "forward"
    backward: str | None = "backward"


def rng(k: int = 0) -> np.random.Generator:
    return np.random.default_rng(k)


STUDENTS: list[Student] = []


def student(name: str, source: str, inputs: Any, slips: Any, **options: Any) -> None:
    STUDENTS.append(Student(name, source, inputs, slips, **options))


student(
    "affine",
    """
def forward(x, w, b):
    rows = x.reshape(x.shape[0], -1)
    out = rows.dot(w) + b
    return out, (x, w, b)

def backward(dout, cache):
    x, w, b = cache
    rows = x.reshape(x.shape[0], -1)
    dx = dout.dot(w.T).reshape(x.shape)
    dw = rows.T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db
""",
    lambda: (rng().normal(size=(3, 2, 2)), rng(1).normal(size=(4, 5)), rng(2).normal(size=5)),
    [
        ("dw = rows.T.dot(dout)", "dw = -rows.T.dot(dout)", "dw =", "sign"),
        ("db = dout.sum(axis=0)", "db = dout.mean(axis=0)", "db =", "mean over 3"),
        ("db = dout.sum(axis=0)", "db = dout", "db =", "sum over axis 0 is missing"),
        ("dw = rows.T.dot(dout)", "dw = rows.T.dot(dout) / x.shape[0]", "dw =", "mean over 3"),
        ("dout.dot(w.T)", "2 * dout.dot(w.T)", "dx =", "2 times"),
        ("dw = rows.T.dot(dout)", "dw = dout.T.dot(rows)", "dw =", "transposed"),
    ],
)

student(
    "relu",
    """
def forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache

def backward(dout, cache):
    x = cache
    dx = dout.copy()
    dx[x <= 0] = 0
    return dx
""",
    lambda: (rng(3).normal(size=(3, 4)),),
    [
        ("dx[x <= 0] = 0", "pass", "dx = dout.copy()", "local factor"),
        ("dx[x <= 0] = 0", "dx[x >= 0] = 0", "dx[x >= 0]", "."),
        ("dx[x <= 0] = 0", "dx[x <= 0] *= -1", "dx[x <= 0]", "."),
        ("dx[x <= 0] = 0", "dx[x < 0.5] = 0", "dx[x < 0.5]", "."),
        ("dout.copy()", "-dout.copy()", "dx", "sign"),
        ("dout.copy()", "2 * dout", "dx", "2 times"),
    ],
)

BATCHNORM = """
def forward(x, gamma, beta, param):
    eps = param["eps"]
    N, D = x.shape
    mu = np.sum(x, axis=0) / N
    xmu = x - mu
    sq = xmu ** 2
    var = np.sum(sq, axis=0) / N
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    scaled = gamma * xhat
    out = scaled + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var, eps)
"""
BATCHNORM_INPUTS = lambda: (
    rng().normal(size=(5, 3)), rng(1).normal(size=3), rng(2).normal(size=3), {"eps": 1e-5},
)  # fmt: skip

student(
    "batch norm, step by step",
    BATCHNORM
    + """
def backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dscaled = dout
    dgamma = np.sum(dscaled * xhat, axis=0)
    dxhat = dscaled * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / sqrtvar ** 2 * divar
    dvar = 0.5 / np.sqrt(var + eps) * dsqrtvar
    dsq = np.ones((N, D)) * dvar / N
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = np.ones((N, D)) * dmu / N
    dx = dx1 + dx2
    return dx, dgamma, dbeta
""",
    BATCHNORM_INPUTS,
    [
        ("2 * xmu * dsq", "xmu * dsq", "dxmu2 =", "½"),
        ("0.5 / np.sqrt", "1.0 / np.sqrt", "dvar =", "2 times"),
        ("-1.0 / sqrtvar", "1.0 / sqrtvar", "dsqrtvar =", "sign"),
        ("dxmu1 = dxhat * ivar", "dxmu1 = dxhat", "dxmu1 =", "ivar is missing"),
        ("np.ones((N, D)) * dvar / N", "np.ones((N, D)) * dvar", "dsq =", "mean over 5|divided"),
        ("dx = dx1 + dx2", "dx = dx1", "dx =", "path.*mu.*missing|through mu"),
        ("np.sum(dscaled * xhat, axis=0)", "np.sum(dscaled * xmu, axis=0)", "dgamma =", "ivar|xmu"),
    ],
)

student(
    "batch norm, in one line",
    BATCHNORM
    + """
def backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dx = ivar / N * (N * dxhat - dxhat.sum(axis=0) - xhat * (dxhat * xhat).sum(axis=0))
    return dx, dgamma, dbeta
""",
    BATCHNORM_INPUTS,
    [
        ("dxhat = dout * gamma", "dxhat = dout", "dxhat =", "gamma is missing"),
        ("ivar / N", "ivar", "dx =", "5 times|mean over 5|sum"),
        (" - dxhat.sum(axis=0)", "", "dx =", "mu|missing|\\."),
        (" - xhat * (dxhat * xhat).sum(axis=0)", "", "dx =", "path|missing|ivar"),
        ("(dout * xhat).sum(axis=0)", "(dout * xhat).mean(axis=0)", "dgamma =", "mean over 5"),
        ("dgamma = (dout * xhat)", "dgamma = -(dout * xhat)", "dgamma =", "sign"),
    ],
)

student(
    "layer norm",
    """
def forward(x, gamma, beta, param):
    mean = x.mean(axis=1, keepdims=True)
    centred = x - mean
    var = (centred ** 2).mean(axis=1, keepdims=True)
    std = np.sqrt(var + param.get("eps", 1e-5))
    x_norm = centred / std
    out = gamma * x_norm + beta
    return out, {"x_norm": x_norm, "std": std, "gamma": gamma, "centred": centred}

def backward(dout, cache):
    x_norm, std, gamma, centred = (cache[k] for k in ("x_norm", "std", "gamma", "centred"))
    D = dout.shape[1]
    dgamma = np.sum(dout * x_norm, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx_norm = dout * gamma
    dstd = -np.sum(dx_norm * centred, axis=1, keepdims=True) / std ** 2
    dvar = dstd / (2 * std)
    dcentred = dx_norm / std
    dcentred += 2 * centred * dvar / D
    dmean = -dcentred.sum(axis=1, keepdims=True)
    dx = dcentred + dmean / D
    return dx, dgamma, dbeta
""",
    lambda: (rng().normal(size=(3, 4)), rng(1).normal(size=4), rng(2).normal(size=4), {}),
    [
        ("np.sum(dout, axis=0)", "np.sum(dout, axis=1)", "dbeta =", "sum|axis|shape"),
        ("dvar = dstd / (2 * std)", "dvar = dstd / std", "dvar =", "2 times"),
        ("2 * centred * dvar / D", "2 * centred * dvar", "dcentred +=", "mean over 4|4 times|sum"),
        ("2 * centred * dvar / D", "centred * dvar / D", "dcentred +=", "½"),
        ("dx = dcentred + dmean / D", "dx = dcentred", "dx =", "mean.*missing"),
        ("dstd = -np.sum", "dstd = np.sum", "dstd =", "sign"),
        ("/ std ** 2", "/ std", "dstd =", "std|1/"),
    ],
)

student(
    "softmax loss",
    '''
def loss_and_gradient(x, y):
    shifted = x - x.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    logp = shifted - np.log(total)
    p = np.exp(logp)
    N = x.shape[0]
    loss = -logp[np.arange(N), y].sum() / N
    dx = p.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx
''',
    lambda: (rng().normal(size=(4, 3)), np.array([0, 2, 1, 1])),
    [
        ("    dx /= N\n", "", "dx[", "mean over 4|4 times"),
        ("dx[np.arange(N), y] -= 1", "dx[np.arange(N), y] += 1", "dx[np", "adds has the wrong sign"),
        ("dx[np.arange(N), y] -= 1", "dx[np.arange(N), y] -= 2", "dx[np", "2 stands where 1 belongs"),
        ("dx = p.copy()", "dx = -p.copy()", "dx", "."),
        ("dx /= N", "dx /= -N", "dx /=", "sign"),
        ("dx /= N", "dx /= 2 * N", "dx /=", "½"),
    ],
    forward="loss_and_gradient",
    backward=None,
)  # fmt: skip

student(
    "svm loss",
    """
def loss_and_grads(W, X, y, reg):
    N = X.shape[0]
    scores = X.dot(W)
    right = scores[np.arange(N), y].reshape(-1, 1)
    margins = np.maximum(0, scores - right + 1)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N + reg * np.sum(W * W)
    dscores = (margins > 0).astype(float)
    dscores[np.arange(N), y] = -dscores.sum(axis=1)
    dscores /= N
    dW = X.T.dot(dscores)
    dW += 2 * reg * W
    return loss, dW
""",
    lambda: (rng().normal(size=(4, 3)), rng(1).normal(size=(5, 4)), np.array([0, 2, 1, 1, 0]), 0.1),
    [
        ("dW += 2 * reg * W", "dW += reg * W", "dW +=", "½|factor 2|1 of 2"),
        ("    dW += 2 * reg * W\n", "", "dW =", "missing"),
        ("dW += 2 * reg * W", "dW -= 2 * reg * W", "dW -=", "sign"),
        ("    dscores /= N\n", "", "dscores", "mean over 5|5 times"),
        ("= -dscores.sum(axis=1)", "= dscores.sum(axis=1)", "dscores[", "."),
        ("= -dscores.sum(axis=1)", "= -1", "dscores[", "."),
    ],
    forward="loss_and_grads",
    backward=None,
)

student(
    "dropout",
    """
def forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask = None
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    else:
        out = x
    cache = (dropout_param, mask)
    return out, cache

def backward(dout, cache):
    dropout_param, mask = cache
    if dropout_param["mode"] == "train":
        dx = dout * mask
    else:
        dx = dout
    return dx
""",
    lambda: (rng().normal(size=(3, 4)), {"p": 0.6, "mode": "train"}),
    [
        ("dx = dout * mask", "dx = dout", "dx =", "mask is missing"),
        (
            "dx = dout * mask",
            "dx = dout * mask * dropout_param['p']",
            "dx =",
            "0\\.6|⅗|3/5|factor p",
        ),
        ("dx = dout * mask", "dx = dout * (mask > 0)", "dx =", "0\\.6|⅗|3/5|mask|factor p"),
        ("dx = dout * mask", "dx = -dout * mask", "dx =", "sign"),
        ("dx = dout * mask", "dx = dout * mask ** 2", "dx =", "mask too many|mask"),
    ],
)

student(
    "convolution",
    '''
def forward(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    Ho, Wo = 1 + (H + 2 * p - HH) // s, 1 + (W + 2 * p - WW) // s
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = xp[n, :, i * s:i * s + HH, j * s:j * s + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)

def backward(dout, cache):
    x, w, b, conv_param = cache
    s, p = conv_param["stride"], conv_param["pad"]
    N, F, Ho, Wo = dout.shape
    HH, WW = w.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    db = dout.sum(axis=(0, 2, 3))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = xp[n, :, i * s:i * s + HH, j * s:j * s + WW]
                    dw[f] += window * dout[n, f, i, j]
                    dxp[n, :, i * s:i * s + HH, j * s:j * s + WW] += w[f] * dout[n, f, i, j]
    dx = dxp[:, :, p:-p, p:-p]
    return dx, dw, db
''',
    lambda: (rng().normal(size=(2, 2, 4, 4)), rng(1).normal(size=(2, 2, 3, 3)),
             rng(2).normal(size=2), {"stride": 1, "pad": 1}),
    [
        ("dout.sum(axis=(0, 2, 3))", "dout.sum(axis=(2, 3)).mean(axis=0)", "db =", "mean over 2|½"),
        ("dw[f] += window", "dw[f] = window", "dw[f] =", "assigned where"),
        ("dw[f] += window", "dw[f] -= window", "dw[f] -=", "sign"),
        ("+= w[f] * dout", "+= w[f, :, ::-1, ::-1] * dout", "dxp[", "."),
        ("+= w[f] * dout[n, f, i, j]", "+= 2 * w[f] * dout[n, f, i, j]", "dxp[", "2 times"),
    ],
)  # fmt: skip

student(
    "max pooling",
    '''
def forward(x, pool_param):
    size, s = pool_param["size"], pool_param["stride"]
    N, C, H, W = x.shape
    Ho, Wo = 1 + (H - size) // s, 1 + (W - size) // s
    out = np.zeros((N, C, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            window = x[:, :, i * s:i * s + size, j * s:j * s + size]
            out[:, :, i, j] = np.max(window, axis=(2, 3))
    return out, (x, pool_param)

def backward(dout, cache):
    x, pool_param = cache
    size, s = pool_param["size"], pool_param["stride"]
    N, C, Ho, Wo = dout.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(Ho):
                for j in range(Wo):
                    window = x[n, c, i * s:i * s + size, j * s:j * s + size]
                    mask = window == window.max()
                    dx[n, c, i * s:i * s + size, j * s:j * s + size] += mask * dout[n, c, i, j]
    return dx
''',
    lambda: (rng().normal(size=(2, 2, 4, 4)), {"size": 2, "stride": 2}),
    [
        ("+= mask * dout", "+= dout", "dx[n", "."),
        ("+= mask * dout", "-= mask * dout", "dx[n", "sign"),
        ("window.max()", "window.min()", "mask =", "min stands where max belongs|smallest"),
        ("mask * dout[n, c, i, j]", "mask * dout[n, c, i, j] / 4", "dx[n", "¼|mean over 4"),
        ("mask * dout[n, c, i, j]", "mask * dout[n, c, i, 0]", "dx[n", "."),
        ("mask * dout[n, c, i, j]", "mask * 2 * dout[n, c, i, j]", "dx[n", "2 times"),
    ],
)  # fmt: skip

student(
    "rnn step",
    '''
def forward(x, prev_h, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    next_h = np.tanh(a)
    cache = (x, prev_h, Wx, Wh, next_h)
    return next_h, cache

def backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h ** 2)
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db
''',
    lambda: (rng().normal(size=(3, 4)), rng(1).normal(size=(3, 5)), rng(2).normal(size=(4, 5)),
             rng(3).normal(size=(5, 5)), rng(4).normal(size=5)),
    [
        ("(1 - next_h ** 2)", "(1 - next_h)", "da =", "."),
        ("da = dnext_h * (1 - next_h ** 2)", "da = dnext_h", "da =", "tanh'.*missing"),
        ("da @ Wh.T", "da @ Wh", "dprev_h =", "Wh is transposed"),
        ("dWh = prev_h.T @ da", "dWh = next_h.T @ da", "dWh =", "next_h stands where prev_h"),
        ("dWx = x.T @ da", "dWx = x.T @ dnext_h", "dWx =", "tanh'.*missing"),
        ("db = da.sum(axis=0)", "db = dnext_h.sum(axis=0)", "db =", "tanh'.*missing"),
        ("(1 - next_h ** 2)", "(1 + next_h ** 2)", "da =", "."),
    ],
)  # fmt: skip

student(
    "rnn",
    '''
def step(x, prev_h, Wx, Wh, b):
    return np.tanh(x @ Wx + prev_h @ Wh + b)

def forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = step(x[:, t], prev, Wx, Wh, b)
        h[:, t] = prev
    return h, (x, h0, h, Wx, Wh)

def backward(dh, cache):
    x, h0, h, Wx, Wh = cache
    N, T, D = x.shape
    dx, dprev = np.zeros_like(x), np.zeros_like(h0)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(h0.shape[1])
    for t in reversed(range(T)):
        before = h[:, t - 1] if t else h0
        back = (dh[:, t] + dprev) * (1 - h[:, t] ** 2)
        dx[:, t] = back @ Wx.T
        dprev = back @ Wh.T
        dWx += x[:, t].T @ back
        dWh += before.T @ back
        db += back.sum(axis=0)
    dh0 = dprev
    return dx, dh0, dWx, dWh, db
''',
    lambda: (rng().normal(size=(2, 3, 4)), rng(1).normal(size=(2, 3)), rng(2).normal(size=(4, 3)),
             rng(3).normal(size=(3, 3)), rng(4).normal(size=3)),
    [
        ("dWx += x", "dWx = x", "dWx =", "."),
        ("dWh += before", "dWh -= before", "dWh -=", "sign"),
        ("dWh += before.T", "dWh += h[:, t].T", "dWh +=", "."),
        ("db += back.sum(axis=0)", "db += back.mean(axis=0)", "db +=", "mean over 2|½"),
        ("dx[:, t] = back @ Wx.T", "dx[:, t] = 2 * back @ Wx.T", "dx[:", "2 times"),
    ],
)  # fmt: skip

student(
    "lstm step",
    '''
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b
    ai, af, ao, ag = a[:, :H], a[:, H:2 * H], a[:, 2 * H:3 * H], a[:, 3 * H:]
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    next_h = o * tanh_c
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c)
    return next_h, next_c, cache

def backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    do = dnext_h * tanh_c
    dc = dnext_c + dnext_h * o * (1 - tanh_c ** 2)
    dprev_c = dc * f
    df = dc * prev_c
    di = dc * g
    dg = dc * i
    dai = di * i * (1 - i)
    daf = df * f * (1 - f)
    dao = do * o * (1 - o)
    dag = dg * (1 - g ** 2)
    da = np.hstack([dai, daf, dao, dag])
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db
''',
    lambda: (rng().normal(size=(2, 3)), rng(1).normal(size=(2, 2)), rng(5).normal(size=(2, 2)),
             rng(2).normal(size=(3, 8)), rng(3).normal(size=(2, 8)), rng(4).normal(size=8)),
    [
        ("df = dc * prev_c", "df = dc * f", "df =", "f stands where prev_c|f in place"),
        ("dai = di * i * (1 - i)", "dai = di * i", "dai =", "."),
        ("dag = dg * (1 - g ** 2)", "dag = dg", "dag =", "tanh'.*missing"),
        ("dao = do * o * (1 - o)", "dao = do * (1 - o)", "dao =", "."),
        ("dprev_c = dc * f", "dprev_c = dnext_c * f", "dprev_c =", "path|missing|next_h"),
        ("dWh = prev_h.T @ da", "dWh = -prev_h.T @ da", "dWh =", "sign"),
        ("db = da.sum(axis=0)", "db = da.mean(axis=0)", "db =", "mean over 2|½"),
    ],
)  # fmt: skip

student(
    "planar network",
    '''
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(X, parameters, Y):
    W1, b1, W2, b2 = (parameters[k] for k in ("W1", "b1", "W2", "b2"))
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigmoid(Z2)
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return cost, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

def backward(parameters, cache, X, Y):
    m = X.shape[1]
    W1, W2 = parameters["W1"], parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = (A2 - Y) / m
    dW2 = dZ2 @ A1.T
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = W2.T @ dZ2 * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
''',
    lambda: (rng().normal(size=(2, 4)),
             {"W1": rng(1).normal(size=(3, 2)), "b1": rng(3).normal(size=(3, 1)),
              "W2": rng(2).normal(size=(1, 3)), "b2": np.zeros((1, 1))},
             np.array([[0.0, 1.0, 1.0, 0.0]])),
    [
        ("dZ2 = (A2 - Y) / m", "dZ2 = (Y - A2) / m", "dZ2 =", "sign"),
        ("dZ1 = W2.T @ dZ2 * (1 - A1 ** 2)", "dZ1 = W2.T @ dZ2", "dZ1 =", "tanh'.*missing"),
        ("dZ2 = (A2 - Y) / m", "dZ2 = (A2 - Y) * A2 * (1 - A2) / m", "dZ2 =", "σ'|too many|factor"),
        ("dW1 = dZ1 @ X.T", "dW1 = dZ1 @ X.T / m", "dW1 =", "mean over 4|¼|once too often"),
        ("db1 = np.sum(dZ1, axis=1, keepdims=True)", "db1 = dZ1", "db1 =", "sum over axis 1"),
        ("dZ1 = W2.T @ dZ2 * (1 - A1 ** 2)", "dZ1 = W2.T @ dZ2 * (1 - Z1 ** 2)".replace("Z1 **", "np.arctanh(A1) **"), "dZ1 =", "."),
    ],
)  # fmt: skip

student(
    "makemore's exercise",
    '''
def forward(C, W1, b1, gain, shift, W2, b2, X, Y):
    n = X.shape[0]
    emb = C[X]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1 + b1
    bnmean = hprebn.sum(0, keepdims=True) / n
    bndiff = hprebn - bnmean
    bndiff2 = bndiff ** 2
    bnvar = bndiff2.sum(0, keepdims=True) / (n - 1)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = gain * bnraw + shift
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    norm_logits = logits - logits.max(1, keepdims=True)
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum ** -1.0
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -logprobs[range(n), Y].mean()
    saved = (emb, embcat, bndiff, bnvar, bnvar_inv, bnraw, h, norm_logits, counts, counts_sum_inv, probs)
    return loss, saved

def backward(saved, C, W1, gain, W2, X, Y):
    emb, embcat, bndiff, bnvar, bnvar_inv, bnraw, h, norm_logits, counts, counts_sum_inv, probs = saved
    n = X.shape[0]
    dlogprobs = np.zeros_like(probs)
    dlogprobs[range(n), Y] = -1.0 / n
    dprobs = dlogprobs / probs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = -counts_sum_inv ** 2 * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dnorm_logits = counts * dcounts
    dlogits = dnorm_logits.copy()
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1 - h ** 2) * dh
    dgain = (bnraw * dhpreact).sum(0, keepdims=True)
    dshift = dhpreact.sum(0, keepdims=True)
    dbnraw = gain * dhpreact
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = -0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv
    dbndiff2 = np.ones_like(bndiff) * dbnvar / (n - 1)
    dbndiff += 2 * bndiff * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmean = -dbndiff.sum(0, keepdims=True)
    dhprebn += np.ones_like(dbndiff) * dbnmean / n
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(X.shape[0]):
        for j in range(X.shape[1]):
            dC[X[k, j]] += demb[k, j]
    return {"C": dC, "W1": dW1, "b1": db1, "gain": dgain, "shift": dshift, "W2": dW2, "b2": db2}
''',
    lambda: (rng().normal(size=(5, 2)), rng(1).normal(size=(6, 4)), rng(2).normal(size=4),
             rng(3).normal(size=(1, 4)), rng(4).normal(size=(1, 4)), rng(5).normal(size=(4, 5)),
             rng(6).normal(size=5), rng(7).integers(0, 5, (6, 3)), rng(8).integers(0, 5, 6)),
    [
        ("dlogprobs[range(n), Y] = -1.0 / n", "dlogprobs[range(n), Y] = -1.0", "dlogprobs[", "mean over 6|6 times"),
        ("2 * bndiff * dbndiff2", "bndiff * dbndiff2", "dbndiff +=", "½"),
        ("-0.5 * (bnvar", "0.5 * (bnvar", "dbnvar =", "sign"),
        ("dbnvar / (n - 1)", "dbnvar / n", "dbndiff2 =", "n stands where n - 1 belongs"),
        ("dcounts_sum = -counts_sum_inv ** 2", "dcounts_sum = counts_sum_inv ** 2", "dcounts_sum =", "sign"),
        ("dC[X[k, j]] += demb", "dC[X[k, j]] = demb", "dC[X", "assigned where|rows"),
        ("dhpreact = (1 - h ** 2) * dh", "dhpreact = (1 - h) * dh", "dhpreact =", "."),
        ("    dbndiff += 2 * bndiff * dbndiff2\n", "", "dbndiff =", "path.*bndiff2.*missing"),
    ],
)  # fmt: skip
