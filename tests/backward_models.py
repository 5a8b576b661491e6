# ruff: noqa: E501
"""Backward functions of models from many fields, in the manners of many people, and slips in each."""

from __future__ import annotations

from typing import Any

import numpy as np

from backward_students import Student, rng

MODELS: list[Student] = []


def model(name: str, source: str, inputs: Any, slips: Any, **options: Any) -> None:
    MODELS.append(Student(name, source, inputs, slips, **options))


model(
    "rms norm",
    """
def forward(x, g, eps=1e-6):
    ms = (x * x).mean(-1, keepdims=True)
    r = 1 / np.sqrt(ms + eps)
    return x * r * g, (x, g, r)

def backward(dy, cache):
    x, g, r = cache
    D = x.shape[-1]
    dg = (dy * x * r).sum(0)
    dn = dy * g
    dr = (dn * x).sum(-1, keepdims=True)
    dms = dr * (-0.5) * r ** 3
    dx = dn * r + dms * 2 * x / D
    return dx, dg
""",
    lambda: (rng(1).normal(size=(3, 6)), rng(2).normal(size=6)),
    [
        ("dms * 2 * x / D", "dms * 2 * x", "dx =", "6|mean"),
        ("r ** 3", "r ** 2", "dms =", "power|r|factor"),
        ("dx = dn * r + dms * 2 * x / D", "dx = dn * r", "dx =", "path"),
        ("dg = (dy * x * r)", "dg = (dy * x)", "dg =", "missing|r"),
    ],
)

model(
    "poisson regression in a class",
    """
class Poisson:
    def forward(self, X, w, b, y):
        self.X, self.y = X, y
        self.eta = X @ w + b
        self.mu = np.exp(self.eta)
        return np.mean(self.mu - y * self.eta)

    def backward(self, dout=1.0):
        N = len(self.y)
        d_eta = dout * (self.mu - self.y) / N
        d_w = self.X.T @ d_eta
        d_b = np.sum(d_eta)
        return {"w": d_w, "b": d_b}
""",
    lambda: (rng(3).normal(size=(6, 3)), rng(4).normal(size=3) * 0.4, 0.2, np.arange(6.0)),
    [
        ("(self.mu - self.y) / N", "(self.mu - self.y)", "d_eta =", "mean over 6|6"),
        ("(self.mu - self.y)", "(self.eta - self.y)", "d_eta =", "exp|eta"),
        ("(self.mu - self.y)", "(self.y - self.mu)", "d_eta =", "sign"),
        ("np.sum(d_eta)", "np.mean(d_eta)", "d_b =", "mean over 6"),
    ],
    forward="Poisson",
    backward=None,
)

model(
    "attention over several heads",
    """
def forward(X, Wq, Wk, Wv, Wo):
    T, D = X.shape
    H = 2
    d = D // H
    q = (X @ Wq).reshape(T, H, d).transpose(1, 0, 2)
    k = (X @ Wk).reshape(T, H, d).transpose(1, 0, 2)
    v = (X @ Wv).reshape(T, H, d).transpose(1, 0, 2)
    s = q @ k.transpose(0, 2, 1) / np.sqrt(d)
    e = np.exp(s - s.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    z = (p @ v).transpose(1, 0, 2).reshape(T, D)
    return z @ Wo, (X, Wq, Wk, Wv, Wo, q, k, v, p, z)

def backward(dout, cache):
    X, Wq, Wk, Wv, Wo, q, k, v, p, z = cache
    T, D = X.shape
    H, _, d = q.shape
    dWo = z.T @ dout
    dz = dout @ Wo.T
    dh = dz.reshape(T, H, d).transpose(1, 0, 2)
    dv = p.transpose(0, 2, 1) @ dh
    dp = dh @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dq = ds @ k / np.sqrt(d)
    dk = ds.transpose(0, 2, 1) @ q / np.sqrt(d)
    flat = lambda a: a.transpose(1, 0, 2).reshape(T, D)
    dWq = X.T @ flat(dq)
    dWk = X.T @ flat(dk)
    dWv = X.T @ flat(dv)
    dX = flat(dq) @ Wq.T + flat(dk) @ Wk.T + flat(dv) @ Wv.T
    return dX, dWq, dWk, dWv, dWo
""",
    lambda: (rng(5).normal(size=(3, 4)), *(rng(6 + k).normal(size=(4, 4)) for k in range(4))),
    [
        (
            "ds = p * (dp - (dp * p).sum(-1, keepdims=True))",
            "ds = p * dp",
            "ds =",
            "row sum|through sum",
        ),
        ("dq = ds @ k / np.sqrt(d)", "dq = ds @ k", "dq =", "2|√|sqrt|d"),
        ("dk = ds.transpose(0, 2, 1) @ q", "dk = ds @ q", "dk =", "transposed"),
        (" + flat(dv) @ Wv.T", "", "dX =", "path"),
    ],
)

model(
    "huber regression",
    """
def loss_and_grads(w, X, y, delta=0.8):
    e = X @ w - y
    small = np.abs(e) <= delta
    loss = np.sum(np.where(small, 0.5 * e ** 2, delta * (np.abs(e) - 0.5 * delta))) / len(y)
    de = np.where(small, e, delta * np.sign(e)) / len(y)
    dw = X.T @ de
    return loss, dw
""",
    lambda: (np.array([0.4, -0.7, 0.2]), rng(10).normal(size=(7, 3)), rng(11).normal(size=7) * 3),
    [
        ("delta * np.sign(e)) / len(y)", "np.sign(e)) / len(y)", "de =", "delta|0.8|1.25"),
        ("delta * np.sign(e)) / len(y)", "delta * np.sign(e))", "de =", "mean over 7|7"),
        ("np.where(small, e, delta", "np.where(small, 2 * e, delta", "de =", "2"),
        ("dw = X.T @ de", "dw = -X.T @ de", "dw =", "sign"),
    ],
    forward="loss_and_grads",
    backward=None,
)

model(
    "transposed convolution in loops",
    """
def forward(x, w):
    n, k = len(x), len(w)
    out = np.zeros(2 * (n - 1) + k)
    for i in range(n):
        for j in range(k):
            out[2 * i + j] += x[i] * w[j]
    return out, (x, w)

def backward(dout, cache):
    x, w = cache
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    for i in range(len(x)):
        for j in range(len(w)):
            dx[i] += dout[2 * i + j] * w[j]
            dw[j] += dout[2 * i + j] * x[i]
    return dx, dw
""",
    lambda: (rng(12).normal(size=4), rng(13).normal(size=3)),
    [
        ("dx[i] += dout[2 * i + j] * w[j]", "dx[i] += dout[2 * i + j]", "dx[i]", "w"),
        ("dw[j] += dout[2 * i + j] * x[i]", "dw[j] = dout[2 * i + j] * x[i]", "dw[j]", "."),
        (
            "dx[i] += dout[2 * i + j] * w[j]",
            "dx[i] += dout[2 * i + j] * w[-1 - j]",
            "dx[i]",
            "flipped|order|reversed",
        ),
        ("dw[j] += dout[2 * i + j] * x[i]", "dw[j] -= dout[2 * i + j] * x[i]", "dw[j]", "sign"),
    ],
)

model(
    "squeeze and excite",
    """
def forward(x, W1, W2):
    s = x.mean(axis=(2, 3))
    h = np.maximum(s @ W1, 0)
    g = 1 / (1 + np.exp(-(h @ W2)))
    return x * g[:, :, None, None], (x, W1, W2, s, h, g)

def backward(dout, cache):
    x, W1, W2, s, h, g = cache
    n = x.shape[2] * x.shape[3]
    dg = np.sum(dout * x, axis=(2, 3))
    da2 = dg * g * (1 - g)
    dW2 = h.T @ da2
    dh = da2 @ W2.T
    da1 = dh * (h > 0)
    dW1 = s.T @ da1
    ds = da1 @ W1.T
    dx = dout * g[:, :, None, None] + ds[:, :, None, None] / n
    return dx, dW1, dW2
""",
    lambda: (
        rng(14).normal(size=(3, 4, 2, 2)),
        rng(15).normal(size=(4, 3)),
        rng(16).normal(size=(3, 4)),
    ),
    [
        ("/ n", "", "dx =", "4|mean"),
        ("da2 = dg * g * (1 - g)", "da2 = dg * g", "da2 =", "1 - |σ|factor|g"),
        ("da1 = dh * (h > 0)", "da1 = dh", "da1 =", "maximum|relu|missing|0"),
        (" + ds[:, :, None, None] / n", "", "dx =", "path"),
    ],
)

model(
    "variational autoencoder, its loss alone",
    """
def forward(mu, logvar, eps, W, x):
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    out = z @ W
    rec = 0.5 * np.sum((out - x) ** 2)
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar))
    loss = rec + kl
    return loss, (std, z, out)

def backward(mu, logvar, eps, W, x, cache):
    std, z, out = cache
    dout = out - x
    dW = z.T @ dout
    dz = dout @ W.T
    dstd = dz * eps
    dmu = dz + mu
    dlogvar = 0.5 * dstd * std + 0.5 * (np.exp(logvar) - 1)
    return {"dmu": dmu, "dlogvar": dlogvar, "dW": dW}
""",
    lambda: (
        rng(17).normal(size=(3, 2)),
        rng(18).normal(size=(3, 2)) * 0.3,
        rng(19).normal(size=(3, 2)),
        rng(20).normal(size=(2, 4)),
        rng(21).normal(size=(3, 4)),
    ),
    [
        ("dmu = dz + mu", "dmu = dz", "dmu =", "path"),
        ("0.5 * dstd * std", "dstd * std", "dlogvar =", "2|½|half|0.5"),
        ("dstd = dz * eps", "dstd = dz", "dstd =", "eps"),
        ("(np.exp(logvar) - 1)", "(1 - np.exp(logvar))", "dlogvar =", "sign"),
    ],
)

model(
    "kalman filter, one step",
    """
def forward(m, P, q, r, y):
    a = 0.9
    mp = a * m
    Pp = a * a * P + q
    S = Pp + r
    e = y - mp
    nll = 0.5 * (np.log(S) + e * e / S)
    return nll, (a, S, e)

def backward(m, P, q, r, y, cache):
    a, S, e = cache
    dS = 0.5 * (1 / S - e * e / S ** 2)
    de = e / S
    dmp = -de
    dm = a * dmp
    dq = dS
    dr = dS
    dP = a * a * dS
    return {"m": dm, "P": dP, "q": dq, "r": dr}
""",
    lambda: (0.4, 0.8, 0.3, 0.5, 1.7),
    [
        ("1 / S - e * e / S ** 2", "1 / S - e * e / S", "dS =", "."),
        ("de = e / S", "de = 2 * e / S", "de =", "2"),
        ("dmp = -de", "dmp = de", "dmp =", "sign"),
        ("dP = a * a * dS", "dP = a * dS", "dP =", "a|0.9|factor"),
    ],
)

model(
    "sequence loss with a mask",
    """
def forward(logits, y, mask):
    N, T, V = logits.shape
    flat = logits.reshape(N * T, V)
    p = np.exp(flat - flat.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    m = mask.reshape(N * T)
    loss = -np.sum(m * np.log(p[np.arange(N * T), y.reshape(N * T)])) / N
    return loss, (p, y.reshape(N * T), m, N, T, V)

def backward(cache):
    p, y, m, N, T, V = cache
    dflat = p.copy()
    dflat[np.arange(N * T), y] -= 1
    dflat /= N
    dflat *= m[:, None]
    dlogits = dflat.reshape(N, T, V)
    return dlogits
""",
    lambda: (
        rng(22).normal(size=(2, 3, 4)),
        rng(23).integers(4, size=(2, 3)),
        np.array([[1.0, 1, 0], [1, 0, 0]]),
    ),
    [
        ("dflat /= N\n", "dflat /= N * T\n", "", "3|⅓|mean"),
        ("    dflat *= m[:, None]\n", "", "", "m|mask"),
        ("dflat[np.arange(N * T), y] -= 1", "dflat[np.arange(N * T), y] += 1", "", "."),
        ("    dflat /= N\n", "", "", "2|mean|N"),
    ],
)

model(
    "maxout",
    """
def forward(x, W1, b1, W2, b2):
    u = x @ W1 + b1
    v = x @ W2 + b2
    out = np.maximum(u, v)
    return out, (x, W1, W2, u, v)

def backward(d_out, cache):
    x, W1, W2, u, v = cache
    mask = u > v
    d_u = d_out * mask
    d_v = d_out * ~mask
    d_W1 = x.T @ d_u
    d_b1 = d_u.sum(axis=0)
    d_W2 = x.T @ d_v
    d_b2 = d_v.sum(axis=0)
    d_x = d_u @ W1.T + d_v @ W2.T
    return d_x, d_W1, d_b1, d_W2, d_b2
""",
    lambda: (
        rng(24).normal(size=(4, 3)),
        rng(25).normal(size=(3, 3)),
        rng(26).normal(size=3),
        rng(27).normal(size=(3, 3)),
        rng(28).normal(size=3),
    ),
    [
        ("d_v = d_out * ~mask", "d_v = d_out * mask", "d_v =", "."),
        ("d_x = d_u @ W1.T + d_v @ W2.T", "d_x = d_u @ W1.T", "d_x =", "path"),
        ("d_b2 = d_v.sum(axis=0)", "d_b2 = d_u.sum(axis=0)", "d_b2 =", "b1|d_u|neighbour|it is"),
        ("d_W1 = x.T @ d_u", "d_W1 = d_u.T @ x", "d_W1 =", "transposed"),
    ],
)

model(
    "contrastive loss of pairs",
    """
def forward(a, b, same, margin=1.0):
    diff = a - b
    d2 = np.sum(diff ** 2, axis=1)
    d = np.sqrt(d2)
    gap = np.maximum(0, margin - d)
    loss = np.mean(same * d2 + (1 - same) * gap ** 2)
    return loss, (diff, d, gap, same)

def backward(cache):
    diff, d, gap, same = cache
    n = len(d)
    dd2 = same / n
    dgap = 2 * (1 - same) * gap / n
    dd = -dgap * (gap > 0)
    dd2 = dd2 + dd / (2 * d)
    ddiff = 2 * diff * dd2[:, None]
    da = ddiff
    db = -ddiff
    return da, db
""",
    lambda: (
        rng(29).normal(size=(5, 3)) * 0.4,
        rng(30).normal(size=(5, 3)) * 0.4,
        np.array([1.0, 0, 1, 0, 0]),
    ),
    [
        ("db = -ddiff", "db = ddiff", "db =", "sign"),
        ("dd = -dgap", "dd = dgap", "dd =", "sign"),
        ("dd / (2 * d)", "dd / d", "dd2 =", "2"),
        ("2 * (1 - same) * gap / n", "(1 - same) * gap / n", "dgap =", "½|2"),
    ],
)

model(
    "softmax policy with an entropy bonus",
    """
def forward(theta, S, A, G, beta):
    logits = S @ theta
    z = logits - logits.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    p = np.exp(logp)
    chosen = logp[np.arange(len(A)), A]
    entropy = -np.sum(p * logp, axis=1)
    loss = -np.mean(G * chosen) - beta * np.mean(entropy)
    return loss, (S, A, G, beta, p, logp, entropy)

def backward(cache):
    S, A, G, beta, p, logp, entropy = cache
    N = len(A)
    onehot = np.eye(p.shape[1])[A]
    dlogits = (p - onehot) * G[:, None] / N
    dlogits = dlogits + beta * p * (logp + entropy[:, None]) / N
    dtheta = S.T @ dlogits
    return dtheta
""",
    lambda: (
        rng(31).normal(size=(3, 4)),
        rng(32).normal(size=(6, 3)),
        rng(33).integers(4, size=6),
        rng(34).normal(size=6),
        0.1,
    ),
    [
        ("dlogits + beta * p", "dlogits - beta * p", "dlogits = dlogits", "sign|path|- beta"),
        ("dtheta = S.T @ dlogits", "dtheta = 2 * S.T @ dlogits", "dtheta =", "2"),
    ],
)

model(
    "matrix of distances",
    """
def forward(X, Y):
    D = (X ** 2).sum(1)[:, None] + (Y ** 2).sum(1)[None, :] - 2 * X @ Y.T
    K = np.exp(-0.5 * D)
    return K, (X, Y, K)

def backward(dK, cache):
    X, Y, K = cache
    dD = -0.5 * dK * K
    dX = 2 * X * dD.sum(axis=1)[:, None] - 2 * dD @ Y
    dY = 2 * Y * dD.sum(axis=0)[:, None] - 2 * dD.T @ X
    return dX, dY
""",
    lambda: (rng(35).normal(size=(3, 2)), rng(36).normal(size=(4, 2))),
    [
        ("dD = -0.5 * dK * K", "dD = 0.5 * dK * K", "dD =", "sign"),
        ("dD = -0.5 * dK * K", "dD = -0.5 * dK", "dD =", "K|exp|missing"),
        (" - 2 * dD @ Y", "", "dX =", "path"),
        ("- 2 * dD.T @ X", "- dD.T @ X", "dY =", "½|2"),
    ],
)

model(
    "layer norm, its arrays changed in place",
    """
def forward(x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    var = (xc ** 2).mean(axis=1, keepdims=True)
    inv = 1.0 / np.sqrt(var + 1e-5)
    xhat = xc * inv
    return gamma * xhat + beta, (gamma, xc, inv, xhat)

def backward(dout, cache):
    gamma, xc, inv, xhat = cache
    D = xc.shape[1]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    dinv = (dxhat * xc).sum(axis=1, keepdims=True)
    dvar = -0.5 * dinv * inv ** 3
    dxc = dxhat * inv
    dxc += 2 * xc * dvar / D
    dmu = -dxc.sum(axis=1, keepdims=True)
    dx = dxc + dmu / D
    return dx, dgamma, dbeta
""",
    lambda: (rng(37).normal(size=(4, 5)), rng(38).normal(size=5), rng(39).normal(size=5)),
    [
        ("dxc += 2 * xc * dvar / D", "dxc += 2 * xc * dvar", "dxc +=", "5|mean"),
        ("dvar = -0.5", "dvar = 0.5", "dvar =", "sign"),
        ("dx = dxc + dmu / D", "dx = dxc", "dx =", "path"),
        ("inv ** 3", "inv ** 2", "dvar =", "inv|factor|power"),
    ],
)

model(
    "gated unit, step by step",
    """
def sigm(v):
    return 1 / (1 + np.exp(-v))

def forward(x, h, Wz, Uz, Wn, Un):
    z = sigm(x @ Wz + h @ Uz)
    n = np.tanh(x @ Wn + h @ Un)
    out = (1 - z) * n + z * h
    return out, (x, h, Wz, Uz, Wn, Un, z, n)

def backward(dout, cache):
    x, h, Wz, Uz, Wn, Un, z, n = cache
    dn = dout * (1 - z)
    dz = dout * (h - n)
    dan = dn * (1 - n * n)
    daz = dz * z * (1 - z)
    dWz, dUz = x.T @ daz, h.T @ daz
    dWn, dUn = x.T @ dan, h.T @ dan
    dh = dout * z + daz @ Uz.T + dan @ Un.T
    dx = daz @ Wz.T + dan @ Wn.T
    return dx, dh, dWz, dUz, dWn, dUn
""",
    lambda: (
        rng(40).normal(size=(2, 3)),
        rng(41).normal(size=(2, 3)),
        *(rng(42 + k).normal(size=(3, 3)) for k in range(4)),
    ),
    [
        ("dz = dout * (h - n)", "dz = dout * (n - h)", "dz =", "sign"),
        (
            "dan = dn * (1 - n * n)",
            "dan = dn * (1 + n * n)",
            "dan =",
            r"\+ n \* n stands where - n",
        ),
        ("dh = dout * z + daz", "dh = daz", "dh =", "path"),
        (
            "dWn, dUn = x.T @ dan, h.T @ dan",
            "dWn, dUn = x.T @ dan, h.T @ daz",
            "dWn, dUn",
            "dUz|daz|it is|stands",
        ),
    ],
)

model(
    "cross entropy on the log scale, example by example",
    """
def forward(W, X, y):
    total = 0.0
    for i in range(len(y)):
        s = X[i] @ W
        total += np.log(np.sum(np.exp(s))) - s[y[i]]
    return total / len(y)

def backward(W, X, y):
    dW = np.zeros_like(W)
    for i in range(len(y)):
        s = X[i] @ W
        p = np.exp(s) / np.sum(np.exp(s))
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    dW = dW / len(y)
    return dW
""",
    lambda: (rng(46).normal(size=(3, 4)), rng(47).normal(size=(5, 3)), rng(48).integers(4, size=5)),
    [
        ("    dW = dW / len(y)\n", "", "", "5|mean"),
        ("dW += np.outer(X[i], p)", "dW = np.outer(X[i], p)", "dW", "."),
        ("dW += np.outer(X[i], p)", "dW -= np.outer(X[i], p)", "dW", "sign"),
        ("        p[y[i]] -= 1\n", "", "p", "."),
    ],
)

model(
    "linear chain of states",
    """
def forward(A, B, h0, xs):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(A @ hs[-1] + B @ x))
    return hs[-1], (A, B, hs, xs)

def backward(dh, cache):
    A, B, hs, xs = cache
    dA = np.zeros_like(A)
    dB = np.zeros_like(B)
    for t in reversed(range(len(xs))):
        du = dh * (1 - hs[t + 1] ** 2)
        dA += np.outer(du, hs[t])
        dB += np.outer(du, xs[t])
        dh = A.T @ du
    dh0 = dh
    return dA, dB, dh0
""",
    lambda: (
        rng(49).normal(size=(3, 3)) * 0.6,
        rng(50).normal(size=(3, 2)),
        rng(51).normal(size=3),
        rng(52).normal(size=(4, 2)),
    ),
    [
        ("dA += np.outer(du, hs[t])", "dA += np.outer(du, hs[t + 1])", "dA +=", "."),
        ("dA += np.outer(du, hs[t])", "dA += np.outer(hs[t], du)", "dA +=", "transposed"),
        ("dh = A.T @ du", "dh = A @ du", "dh = A", "A is not transposed"),
        (
            "(1 - hs[t + 1] ** 2)",
            "(1 - hs[t] ** 2)",
            "du = dh",
            r"hs\[t\] stands where the one at t \+ 1",
        ),
    ],
)

model(
    "pixel shuffle and padding",
    """
def forward(x, w):
    p = np.pad(x, 1)
    out = np.zeros_like(x)
    n, m = x.shape
    for i in range(n):
        for j in range(m):
            out[i, j] = np.sum(p[i:i + 3, j:j + 3] * w)
    return out, (p, w)

def backward(dout, cache):
    p, w = cache
    dp = np.zeros_like(p)
    dw = np.zeros_like(w)
    n, m = dout.shape
    for i in range(n):
        for j in range(m):
            dp[i:i + 3, j:j + 3] += dout[i, j] * w
            dw += dout[i, j] * p[i:i + 3, j:j + 3]
    dx = dp[1:-1, 1:-1]
    return dx, dw
""",
    lambda: (rng(53).normal(size=(3, 4)), rng(54).normal(size=(3, 3))),
    [
        ("dx = dp[1:-1, 1:-1]", "dx = dp[2:, 2:]", "dx =", "."),
        (
            "dp[i:i + 3, j:j + 3] += dout[i, j] * w",
            "dp[i:i + 3, j:j + 3] += dout[i, j] * w[::-1, ::-1]",
            "dp[",
            "flipped|order|reversed|transposed",
        ),
        ("dp[i:i + 3, j:j + 3] += dout", "dp[i:i + 3, j:j + 3] = dout", "dp[", "."),
        (
            "dw += dout[i, j] * p[i:i + 3, j:j + 3]",
            "dw += p[i:i + 3, j:j + 3]",
            "dw +=",
            "dout|missing",
        ),
    ],
)

model(
    "negative sampling",
    """
def forward(v, u, U):
    pos = u @ v
    neg = U @ v
    loss = np.log1p(np.exp(-pos)) + np.sum(np.log1p(np.exp(neg)))
    return loss, (v, u, U, pos, neg)

def backward(cache):
    v, u, U, pos, neg = cache
    grad_pos = 1 / (1 + np.exp(-pos)) - 1
    grad_neg = 1 / (1 + np.exp(-neg))
    grad_v = grad_pos * u + U.T @ grad_neg
    grad_u = grad_pos * v
    grad_U = np.outer(grad_neg, v)
    return grad_v, grad_u, grad_U
""",
    lambda: (rng(55).normal(size=4), rng(56).normal(size=4), rng(57).normal(size=(3, 4))),
    [
        ("1 / (1 + np.exp(-pos)) - 1", "1 / (1 + np.exp(-pos))", "grad_pos =", "."),
        ("grad_v = grad_pos * u + U.T @ grad_neg", "grad_v = grad_pos * u", "grad_v =", "path"),
        ("grad_u = grad_pos * v", "grad_u = grad_pos * u", "grad_u =", "u|stands"),
        ("grad_U = np.outer(grad_neg, v)", "grad_U = np.outer(grad_neg, u)", "grad_U =", "u"),
    ],
)

model(
    "ridge with an intercept that is not penalised",
    """
def loss_grad(theta, X, y, lam):
    m = len(y)
    r = X @ theta - y
    J = r @ r / (2 * m) + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = X.T @ r / m
    grad[1:] += lam / m * theta[1:]
    return J, grad
""",
    lambda: (rng(58).normal(size=4), rng(59).normal(size=(6, 4)), rng(60).normal(size=6), 0.7),
    [
        ("    grad[1:] += lam / m * theta[1:]\n", "    grad += lam / m * theta\n", "grad +=", "0"),
        ("grad[1:] += lam / m", "grad[1:] += lam", "grad[1:]", "6|m"),
        ("grad = X.T @ r / m", "grad = X.T @ r", "grad =", "division by m"),
        ("grad[1:] += lam / m", "grad[1:] -= lam / m", "grad[1:]", "sign"),
    ],
    forward="loss_grad",
    backward=None,
)
