# ruff: noqa: E501
"""More backward functions, of models and losses that papers and courses use, and slips in each."""

from __future__ import annotations

from typing import Any

import numpy as np

from backward_students import Student, rng

COURSES: list[Student] = []


def course(name: str, source: str, inputs: Any, slips: Any, **options: Any) -> None:
    COURSES.append(Student(name, source, inputs, slips, **options))


course(
    "attention",
    """
def forward(Q, K, V):
    d = Q.shape[-1]
    S = Q @ K.T / np.sqrt(d)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    P = E / E.sum(axis=-1, keepdims=True)
    O = P @ V
    return O, (Q, K, V, P)

def backward(dO, cache):
    Q, K, V, P = cache
    dV = P.T @ dO
    dP = dO @ V.T
    dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))
    dQ = dS @ K / np.sqrt(Q.shape[-1])
    dK = dS.T @ Q / np.sqrt(Q.shape[-1])
    return dQ, dK, dV
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(5, 3)), rng(3).normal(size=(5, 2))),
    [
        (
            "dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))",
            "dS = P * dP",
            "dS =",
            "row|sum|diagonal|softmax|path",
        ),
        ("dQ = dS @ K / np.sqrt(Q.shape[-1])", "dQ = dS @ K", "dQ =", r"sqrt|1\.73|√|factor|divi"),
    ],
)

course(
    "multi-head attention",
    """
def forward(x, Wq, Wk, Wv):
    B, T, C = x.shape
    H = 2
    q = (x @ Wq).reshape(B, T, H, C // H).transpose(0, 2, 1, 3)
    k = (x @ Wk).reshape(B, T, H, C // H).transpose(0, 2, 1, 3)
    v = (x @ Wv).reshape(B, T, H, C // H).transpose(0, 2, 1, 3)
    att = q @ k.transpose(0, 1, 3, 2) / np.sqrt(C // H)
    e = np.exp(att)
    probs = e / e.sum(-1, keepdims=True)
    y = (probs @ v).transpose(0, 2, 1, 3).reshape(B, T, C)
    return y, (x, Wq, Wk, Wv, q, k, v, probs)

def backward(dy, cache):
    x, Wq, Wk, Wv, q, k, v, probs = cache
    B, T, C = x.shape
    H = q.shape[1]
    dheads = dy.reshape(B, T, H, C // H).transpose(0, 2, 1, 3)
    dprobs = dheads @ v.transpose(0, 1, 3, 2)
    dv = probs.transpose(0, 1, 3, 2) @ dheads
    datt = probs * (dprobs - (dprobs * probs).sum(-1, keepdims=True))
    dq = datt @ k / np.sqrt(C // H)
    dk = datt.transpose(0, 1, 3, 2) @ q / np.sqrt(C // H)
    flat = lambda t: t.transpose(0, 2, 1, 3).reshape(B * T, C)
    rows = x.reshape(B * T, C)
    dWq = rows.T @ flat(dq)
    dWk = rows.T @ flat(dk)
    dWv = rows.T @ flat(dv)
    dx = (flat(dq) @ Wq.T + flat(dk) @ Wk.T + flat(dv) @ Wv.T).reshape(B, T, C)
    return dx, dWq, dWk, dWv
""",
    lambda: (rng(1).normal(size=(2, 3, 4)), *(rng(k).normal(size=(4, 4)) for k in (2, 3, 4))),
    [
        (
            "datt = probs * (dprobs - (dprobs * probs).sum(-1, keepdims=True))",
            "datt = probs * (dprobs - dprobs.sum(-1, keepdims=True))",
            "datt =",
            ".",
        ),
        (
            "dx = (flat(dq) @ Wq.T + flat(dk) @ Wk.T + flat(dv) @ Wv.T)",
            "dx = (flat(dq) @ Wq.T + flat(dk) @ Wk.T)",
            "dx =",
            "v|path",
        ),
    ],
)

course(
    "GRU step",
    """
def sigmoid(t):
    return 1 / (1 + np.exp(-t))

def forward(x, h, Wz, Uz, Wr, Ur, Wn, Un):
    z = sigmoid(x @ Wz + h @ Uz)
    r = sigmoid(x @ Wr + h @ Ur)
    rh = r * h
    n = np.tanh(x @ Wn + rh @ Un)
    hn = (1 - z) * h + z * n
    return hn, (x, h, z, r, rh, n, Wz, Uz, Wr, Ur, Wn, Un)

def backward(dhn, cache):
    x, h, z, r, rh, n, Wz, Uz, Wr, Ur, Wn, Un = cache
    dz = dhn * (n - h)
    dn = dhn * z
    dh = dhn * (1 - z)
    dan = dn * (1 - n**2)
    drh = dan @ Un.T
    dr = drh * h
    dh += drh * r
    daz = dz * z * (1 - z)
    dar = dr * r * (1 - r)
    dh += daz @ Uz.T + dar @ Ur.T
    dx = dan @ Wn.T + daz @ Wz.T + dar @ Wr.T
    return dx, dh, x.T @ daz, h.T @ daz, x.T @ dar, h.T @ dar, x.T @ dan, rh.T @ dan
""",
    lambda: (
        rng(1).normal(size=(2, 3)),
        rng(2).normal(size=(2, 4)),
        *(rng(k).normal(size=s) for k, s in enumerate([(3, 4), (4, 4)] * 3, 3)),
    ),
    [
        ("dz = dhn * (n - h)", "dz = dhn * (h - n)", "dz =", "sign"),
        ("dh += drh * r", "dh += drh", "dh += drh", r"\br\b|factor"),
        ("dan = dn * (1 - n**2)", "dan = dn * (1 - n)**2", "dan =", r"\(1 - n\) ?\*\* ?2"),
    ],
)

course(
    "group norm",
    """
def forward(x, gamma, beta):
    N, C, H, W = x.shape
    G = 2
    xg = x.reshape(N, G, -1)
    mu = xg.mean(axis=2, keepdims=True)
    var = xg.var(axis=2, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xn = (xg - mu) / std
    xhat = xn.reshape(N, C, H, W)
    out = gamma.reshape(1, C, 1, 1) * xhat + beta.reshape(1, C, 1, 1)
    return out, (xn, std, xhat, gamma)

def backward(dout, cache):
    xn, std, xhat, gamma = cache
    N, C, H, W = dout.shape
    dbeta = dout.sum(axis=(0, 2, 3))
    dgamma = (dout * xhat).sum(axis=(0, 2, 3))
    dxhat = dout * gamma.reshape(1, C, 1, 1)
    dxn = dxhat.reshape(xn.shape)
    m = xn.shape[2]
    dxg = (dxn - dxn.mean(axis=2, keepdims=True) - xn * (dxn * xn).mean(axis=2, keepdims=True)) / std
    dx = dxg.reshape(N, C, H, W)
    return dx, dgamma, dbeta
""",
    lambda: (rng(1).normal(size=(2, 4, 2, 2)), rng(2).normal(size=4), rng(3).normal(size=4)),
    [
        (
            "dbeta = dout.sum(axis=(0, 2, 3))",
            "dbeta = dout.mean(axis=(0, 2, 3))",
            "dbeta =",
            "mean over 8|1/8",
        ),
        ("- xn * (dxn * xn).mean(axis=2, keepdims=True)", "", "dxg =", "var|std|path"),
    ],
)

course(
    "max pool in loops",
    """
def forward(x):
    N, H, W = x.shape
    out = np.zeros((N, H // 2, W // 2))
    for n in range(N):
        for i in range(H // 2):
            for j in range(W // 2):
                out[n, i, j] = np.max(x[n, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
    return out, x

def backward(dout, cache):
    x = cache
    dx = np.zeros_like(x)
    N, H, W = dout.shape
    for n in range(N):
        for i in range(H):
            for j in range(W):
                window = x[n, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                mask = window == window.max()
                dx[n, 2 * i:2 * i + 2, 2 * j:2 * j + 2] += mask * dout[n, i, j]
    return dx
""",
    lambda: (rng(1).normal(size=(2, 4, 4)),),
    [
        (
            "mask = window == window.max()",
            "mask = np.ones((2, 2)) / 4",
            "dx[n",
            "largest|max|shared",
        ),
        ("mask * dout[n, i, j]", "mask * dout[n, j, i]", "dx[n", "."),
    ],
)

course(
    "convolution with im2col",
    """
def im2col(x, k):
    N, C, H, W = x.shape
    return np.stack([x[:, :, i:i + k, j:j + k].reshape(N, -1) for i in range(H - k + 1) for j in range(W - k + 1)], axis=1)

def forward(x, w, b):
    F, C, k, _ = w.shape
    cols = im2col(x, k)
    rows = w.reshape(F, -1)
    out = cols @ rows.T + b
    return out, (x, w, cols)

def backward(dout, cache):
    x, w, cols = cache
    F, C, k, _ = w.shape
    N, C, H, W = x.shape
    db = dout.sum(axis=(0, 1))
    drows = np.tensordot(dout, cols, axes=((0, 1), (0, 1)))
    dw = drows.reshape(w.shape)
    dcols = dout @ w.reshape(F, -1)
    dx = np.zeros_like(x)
    p = 0
    for i in range(H - k + 1):
        for j in range(W - k + 1):
            dx[:, :, i:i + k, j:j + k] += dcols[:, p].reshape(N, C, k, k)
            p += 1
    return dx, dw, db
""",
    lambda: (
        rng(1).normal(size=(2, 2, 4, 4)),
        rng(2).normal(size=(3, 2, 2, 2)),
        rng(3).normal(size=3),
    ),
    [
        (
            "dx[:, :, i:i + k, j:j + k] += dcols",
            "dx[:, :, i:i + k, j:j + k] = dcols",
            "dx[",
            r"\+=",
        ),
        (
            "db = dout.sum(axis=(0, 1))",
            "db = dout.sum(axis=1).mean(axis=0)",
            "db =",
            "mean over 2|1/2|½",
        ),
    ],
)

course(
    "embedding",
    """
def forward(W, ix):
    emb = W[ix]
    return emb, (W.shape, ix)

def backward(demb, cache):
    shape, ix = cache
    dW = np.zeros(shape)
    np.add.at(dW, ix, demb)
    return dW
""",
    lambda: (rng(1).normal(size=(5, 3)), np.array([[0, 2, 2], [4, 0, 2]])),
    [
        ("np.add.at(dW, ix, demb)", "dW[ix] = demb", "dW[ix]", r"assign|\+=|more than once"),
        ("np.add.at(dW, ix, demb)", "dW[ix] += demb", "dW[ix]", r"add\.at|more than once|once"),
    ],
)

course(
    "contrastive loss (InfoNCE)",
    """
def forward(a, b):
    na = np.sqrt((a**2).sum(axis=1, keepdims=True))
    nb = np.sqrt((b**2).sum(axis=1, keepdims=True))
    u = a / na
    v = b / nb
    logits = u @ v.T / 0.5
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    n = len(a)
    loss = -np.mean(np.log(p[np.arange(n), np.arange(n)]))
    return loss, (na, nb, u, v, p)

def backward(dloss, cache):
    na, nb, u, v, p = cache
    n = len(u)
    dlogits = dloss * (p - np.eye(n)) / n
    du = dlogits @ v / 0.5
    dv = dlogits.T @ u / 0.5
    da = (du - u * (du * u).sum(axis=1, keepdims=True)) / na
    db = (dv - v * (dv * v).sum(axis=1, keepdims=True)) / nb
    return da, db
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(4, 3))),
    [
        (
            "da = (du - u * (du * u).sum(axis=1, keepdims=True)) / na",
            "da = du / na",
            "da =",
            "na|path|norm",
        ),
        (
            "dlogits = dloss * (p - np.eye(n)) / n",
            "dlogits = dloss * (p - np.eye(n))",
            "dlogits =",
            "mean over 4",
        ),
    ],
)

course(
    "triplet loss",
    """
def forward(a, p, n):
    dp = ((a - p)**2).sum(axis=1)
    dn = ((a - n)**2).sum(axis=1)
    m = dp - dn + 1.0
    loss = np.maximum(0, m).mean()
    return loss, (a, p, n, m)

def backward(dloss, cache):
    a, p, n, m = cache
    g = (dloss * (m > 0) / len(m))[:, None]
    da = g * 2 * (n - p)
    dp = g * -2 * (a - p)
    dn = g * 2 * (a - n)
    return da, dp, dn
""",
    lambda: (rng(1).normal(size=(5, 3)), rng(2).normal(size=(5, 3)), rng(3).normal(size=(5, 3))),
    [
        ("da = g * 2 * (n - p)", "da = g * 2 * (a - p)", "da =", "path|dn"),
        ("dn = g * 2 * (a - n)", "dn = g * -2 * (a - n)", "dn =", "sign"),
    ],
)

course(
    "focal loss",
    """
def forward(z, y):
    p = 1 / (1 + np.exp(-z))
    pt = y * p + (1 - y) * (1 - p)
    w = (1 - pt)**2
    loss = -(w * np.log(pt)).mean()
    return loss, (p, pt, w, y)

def backward(dloss, cache):
    p, pt, w, y = cache
    n = len(p)
    dw = -dloss * np.log(pt) / n
    dpt = -dloss * w / pt / n + dw * -2 * (1 - pt)
    dp = dpt * (2 * y - 1)
    dz = dp * p * (1 - p)
    return dz, None
""",
    lambda: (rng(1).normal(size=6), (rng(2).random(6) > 0.5).astype(float)),
    [
        ("+ dw * -2 * (1 - pt)", "", "dpt =", r"\bw\b|path"),
        ("dw * -2 * (1 - pt)", "dw * 2 * (1 - pt)", "dpt =", r"sign|\bw\b"),
    ],
)

course(
    "label smoothing",
    """
def forward(z, y):
    n, c = z.shape
    eps = 0.1
    q = np.full((n, c), eps / c)
    q[np.arange(n), y] += 1 - eps
    m = z - z.max(axis=1, keepdims=True)
    logp = m - np.log(np.exp(m).sum(axis=1, keepdims=True))
    loss = -(q * logp).sum() / n
    return loss, (q, logp)

def backward(dloss, cache):
    q, logp = cache
    n = len(q)
    dlogp = -dloss * q / n
    dz = dlogp - np.exp(logp) * dlogp.sum(axis=1, keepdims=True)
    return dz, None
""",
    lambda: (rng(1).normal(size=(4, 3)), np.array([0, 2, 1, 1])),
    [
        (
            "dz = dlogp - np.exp(logp) * dlogp.sum(axis=1, keepdims=True)",
            "dz = dlogp - np.exp(logp)",
            "dz =",
            ".",
        ),
        ("dlogp = -dloss * q / n", "dlogp = dloss * q / n", "dlogp =", "sign"),
    ],
)

course(
    "KL divergence",
    """
def softmax(t):
    e = np.exp(t - t.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward(s, t):
    q = softmax(s)
    p = softmax(t)
    kl = np.sum(p * (np.log(p) - np.log(q))) / len(s)
    return kl, (q, p)

def backward(dkl, cache):
    q, p = cache
    n = len(q)
    ds = dkl * (q - p) / n
    r = np.log(p) - np.log(q)
    dt = dkl * p * (r - (p * r).sum(axis=1, keepdims=True)) / n
    return ds, dt
""",
    lambda: (rng(1).normal(size=(3, 4)), rng(2).normal(size=(3, 4))),
    [
        ("ds = dkl * (q - p) / n", "ds = dkl * (p - q) / n", "ds =", "sign"),
        (
            "dt = dkl * p * (r - (p * r).sum(axis=1, keepdims=True)) / n",
            "dt = dkl * p * r / n",
            "dt =",
            "sum|softmax|diagonal|path",
        ),
    ],
)

course(
    "VAE reparametrisation",
    """
def forward(mu, logvar, eps, x):
    std = np.exp(0.5 * logvar)
    z = mu + eps * std
    rec = 0.5 * np.sum((z - x)**2)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    loss = rec + kl
    return loss, (mu, logvar, eps, x, std, z)

def backward(dloss, cache):
    mu, logvar, eps, x, std, z = cache
    dz = dloss * (z - x)
    dmu = dz + dloss * mu
    dstd = dz * eps
    dlogvar = dstd * 0.5 * std + dloss * 0.5 * (np.exp(logvar) - 1)
    return dmu, dlogvar
""",
    lambda: (
        rng(1).normal(size=(3, 2)),
        rng(2).normal(size=(3, 2)),
        rng(3).normal(size=(3, 2)),
        rng(4).normal(size=(3, 2)),
    ),
    [
        ("dmu = dz + dloss * mu", "dmu = dz", "dmu =", "kl|path|mu"),
        ("dstd * 0.5 * std", "dstd * std", "dlogvar =", "2 times|twice|½|part"),
        ("dstd = dz * eps", "dstd = dz", "dstd =", "eps"),
    ],
)

course(
    "LSTM step, one matrix",
    """
def sigmoid(t):
    return 1 / (1 + np.exp(-t))

def forward(x, h0, c0, W, b):
    H = h0.shape[1]
    xh = np.concatenate([x, h0], axis=1)
    gates = xh @ W + b
    i = sigmoid(gates[:, :H])
    f = sigmoid(gates[:, H:2 * H])
    o = sigmoid(gates[:, 2 * H:3 * H])
    g = np.tanh(gates[:, 3 * H:])
    c = f * c0 + i * g
    tc = np.tanh(c)
    h = o * tc
    return h, c, (xh, W, i, f, o, g, c0, tc)

def backward(dh, dc, cache):
    xh, W, i, f, o, g, c0, tc = cache
    H = dh.shape[1]
    do = dh * tc
    dc = dc + dh * o * (1 - tc**2)
    df = dc * c0
    dc0 = dc * f
    di = dc * g
    dg = dc * i
    dgates = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dW = xh.T @ dgates
    db = dgates.sum(axis=0)
    dxh = dgates @ W.T
    dx = dxh[:, :-H]
    dh0 = dxh[:, -H:]
    return dx, dh0, dc0, dW, db
""",
    lambda: (
        rng(1).normal(size=(2, 3)),
        rng(2).normal(size=(2, 4)),
        rng(3).normal(size=(2, 4)),
        rng(4).normal(size=(7, 16)),
        rng(5).normal(size=16),
    ),
    [
        (
            "di * i * (1 - i), df * f * (1 - f)",
            "df * f * (1 - f), di * i * (1 - i)",
            "dgates =",
            ".",
        ),
        ("dc = dc + dh * o * (1 - tc**2)", "dc = dc + dh * o * (1 - tc)", "dc =", "tc|tanh"),
        ("dh0 = dxh[:, -H:]", "dh0 = dxh[:, :H]", "dh0 =", "slice|part|wrong"),
    ],
)

course(
    "residual block",
    """
def forward(x, W1, b1, W2, b2):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    s = z2 + x
    out = np.maximum(s, 0)
    return out, (x, z1, a1, s, W1, W2)

def backward(dout, cache):
    x, z1, a1, s, W1, W2 = cache
    ds = dout * (s > 0)
    dW2 = a1.T @ ds
    db2 = ds.sum(axis=0)
    da1 = ds @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1 = x.T @ dz1
    db1 = dz1.sum(axis=0)
    dx = dz1 @ W1.T + ds
    return dx, dW1, db1, dW2, db2
""",
    lambda: (
        rng(1).normal(size=(4, 3)),
        rng(2).normal(size=(3, 5)),
        rng(3).normal(size=5),
        rng(4).normal(size=(5, 3)),
        rng(5).normal(size=3),
    ),
    [
        ("dx = dz1 @ W1.T + ds", "dx = dz1 @ W1.T", "dx =", r"\bs\b|path"),
        ("dx = dz1 @ W1.T + ds", "dx = dz1 @ W1.T + dout", "dx =", r"\bs\b|relu|part|factor|path"),
        ("dW2 = a1.T @ ds", "dW2 = z1.T @ ds", "dW2 =", "z1|a1"),
    ],
)

course(
    "weight norm",
    """
def forward(x, v, g):
    norm = np.sqrt((v**2).sum(axis=0))
    w = g * v / norm
    out = x @ w
    return out, (x, v, g, norm, w)

def backward(dout, cache):
    x, v, g, norm, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    dg = (dw * v).sum(axis=0) / norm
    dv = g / norm * dw - g * dg / norm**2 * v
    return dx, dv, dg
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 2)), rng(3).normal(size=2)),
    [
        ("dv = g / norm * dw - g * dg / norm**2 * v", "dv = g / norm * dw", "dv =", "norm|path"),
        ("dg = (dw * v).sum(axis=0) / norm", "dg = (dw * v).sum(axis=0)", "dg =", "norm"),
    ],
)

course(
    "instance norm over time",
    """
def forward(x):
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    sd = np.sqrt((xc**2).mean(axis=1, keepdims=True))
    y = xc / sd
    return y, (xc, sd, y)

def backward(dy, cache):
    xc, sd, y = cache
    T = dy.shape[1]
    dxc = dy / sd
    dsd = -(dy * xc).sum(axis=1, keepdims=True) / sd**2
    dxc += dsd * xc / (sd * T)
    dx = dxc - dxc.mean(axis=1, keepdims=True)
    return dx
""",
    lambda: (rng(1).normal(size=(2, 5, 3)),),
    [
        (
            "dsd = -(dy * xc).sum(axis=1, keepdims=True) / sd**2",
            "dsd = -(dy * xc).sum(axis=1, keepdims=True) / sd",
            "dsd =",
            "sd",
        ),
        (
            "dxc += dsd * xc / (sd * T)",
            "dxc += 2 * dsd * xc / (sd * T)",
            "dxc +=",
            "2 times|twice|½",
        ),
        (
            "dx = dxc - dxc.mean(axis=1, keepdims=True)",
            "dx = dxc + dxc.mean(axis=1, keepdims=True)",
            "dx =",
            "sign|mu",
        ),
    ],
)

course(
    "GELU, tanh form",
    """
def forward(x):
    c = np.sqrt(2 / np.pi)
    u = c * (x + 0.044715 * x**3)
    t = np.tanh(u)
    out = 0.5 * x * (1 + t)
    return out, (x, t, c)

def backward(dout, cache):
    x, t, c = cache
    dt = dout * 0.5 * x
    du = dt * (1 - t**2)
    dx = dout * 0.5 * (1 + t) + du * c * (1 + 3 * 0.044715 * x**2)
    return dx
""",
    lambda: (rng(1).normal(size=(3, 4)),),
    [
        ("+ du * c * (1 + 3 * 0.044715 * x**2)", "", "dx =", r"\bu\b|path"),
        ("3 * 0.044715 * x**2", "0.044715 * x**2", "dx =", r"3|⅓|part"),
    ],
)

course(
    "RMSNorm",
    """
def forward(x, g):
    ms = (x**2).mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt(ms + 1e-6)
    xn = x * r
    out = xn * g
    return out, (x, g, r, xn)

def backward(dout, cache):
    x, g, r, xn = cache
    dg = (dout * xn).sum(axis=0)
    dxn = dout * g
    dr = (dxn * x).sum(axis=-1, keepdims=True)
    dms = -0.5 * r**3 * dr
    dx = dxn * r + dms * 2 * x / x.shape[-1]
    return dx, dg
""",
    lambda: (rng(1).normal(size=(3, 4)), rng(2).normal(size=4)),
    [
        ("dms = -0.5 * r**3 * dr", "dms = -0.5 * r**2 * dr", "dms =", r"\br\b|ms|power"),
        (
            "dx = dxn * r + dms * 2 * x / x.shape[-1]",
            "dx = dxn * r + dms * 2 * x",
            "dx =",
            "mean over 4|part|4 times|sum",
        ),
    ],
)

course(
    "dense with ELU",
    """
def forward(x, W, b):
    z = x @ W + b
    a = np.where(z > 0, z, np.exp(z) - 1)
    return a, (x, W, z, a)

def backward(da, cache):
    x, W, z, a = cache
    dz = da * np.where(z > 0, 1, a + 1)
    return dz @ W.T, x.T @ dz, dz.sum(0)
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 2)), rng(3).normal(size=2)),
    [
        ("np.where(z > 0, 1, a + 1)", "np.where(z > 0, 1, a)", "dz =", r"in place of exp\(z\)"),
        ("x.T @ dz", "x.T @ da", "return", "factor|where|slope|'"),
    ],
)

course(
    "bilinear form",
    """
def forward(x, A, y):
    s = np.sum((x @ A) * y)
    return s, (x, A, y)

def backward(ds, cache):
    x, A, y = cache
    dx = ds * y @ A.T
    dA = ds * x.T @ y
    dy = ds * x @ A
    return dx, dA, dy
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 3)), rng(3).normal(size=(4, 3))),
    [
        ("dx = ds * y @ A.T", "dx = ds * y @ A", "dx =", "transpose|A"),
        ("dA = ds * x.T @ y", "dA = ds * y.T @ x", "dA =", "transposed"),
    ],
)

course(
    "cosine similarity loss",
    """
def forward(a, b):
    dot = (a * b).sum(axis=1)
    na = np.sqrt((a * a).sum(axis=1))
    nb = np.sqrt((b * b).sum(axis=1))
    cos = dot / (na * nb)
    loss = (1 - cos).mean()
    return loss, (a, b, dot, na, nb, cos)

def backward(dloss, cache):
    a, b, dot, na, nb, cos = cache
    dcos = -dloss * np.ones(len(a)) / len(a)
    ddot = dcos / (na * nb)
    dna = -dcos * cos / na
    dnb = -dcos * cos / nb
    da = ddot[:, None] * b + (dna / na)[:, None] * a
    db = ddot[:, None] * a + (dnb / nb)[:, None] * b
    return da, db
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(4, 3))),
    [
        ("dna = -dcos * cos / na", "dna = dcos * cos / na", "dna =", "sign"),
        ("da = ddot[:, None] * b", "da = ddot[:, None] * a", "da =", "."),
    ],
)

course(
    "log-sum-exp pooling",
    """
def forward(x):
    m = x.max(axis=1, keepdims=True)
    e = np.exp(x - m)
    s = e.sum(axis=1, keepdims=True)
    y = np.log(s) + m
    return y, (e, s)

def backward(dy, cache):
    e, s = cache
    dx = dy * e / s
    return dx
""",
    lambda: (rng(1).normal(size=(3, 4)),),
    [
        ("dx = dy * e / s", "dx = dy * e", "dx =", r"\bs\b"),
        ("dx = dy * e / s", "dx = dy / s", "dx =", r"\be\b|exp"),
    ],
)

course(
    "average pooling",
    """
def forward(x):
    N, H, W = x.shape
    y = x.reshape(N, H // 2, 2, W // 2, 2).mean(axis=(2, 4))
    return y, x.shape

def backward(dy, cache):
    N, H, W = cache
    dx = np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2) / 4
    return dx
""",
    lambda: (rng(1).normal(size=(2, 4, 4)),),
    [
        ("/ 4", "/ 2", "dx =", "over 2"),
        ("/ 4", "", "dx =", "sum where the mean|4 times"),
    ],
)

course(
    "polynomial regression, a loss and its gradients",
    """
def loss_and_grads(w, b, x, y):
    f = w[0] * x + w[1] * x**2 + b
    e = f - y
    loss = np.mean(e**2)
    de = 2 * e / len(x)
    dw = np.array([np.sum(de * x), np.sum(de * x**2)])
    db = np.sum(de)
    return loss, {"w": dw, "b": db}
""",
    lambda: (rng(1).normal(size=2), 0.3, rng(2).normal(size=7), rng(3).normal(size=7)),
    [
        ("np.sum(de * x**2)", "np.sum(de * x)", "dw =", "1|x"),
        ("db = np.sum(de)", "db = np.mean(de)", "db =", "mean over 7"),
        ("de = 2 * e / len(x)", "de = 2 * e", "de =", "mean over 7"),
    ],
    forward="loss_and_grads",
    backward=None,
)

course(
    "RBF kernel",
    """
def forward(X, Z):
    diff = X[:, None, :] - Z[None, :, :]
    sq = (diff**2).sum(axis=-1)
    K = np.exp(-0.5 * sq)
    return K, (diff, K)

def backward(dK, cache):
    diff, K = cache
    dsq = dK * K * -0.5
    ddiff = dsq[:, :, None] * 2 * diff
    dX = ddiff.sum(axis=1)
    dZ = -ddiff.sum(axis=0)
    return dX, dZ
""",
    lambda: (rng(1).normal(size=(3, 2)), rng(2).normal(size=(4, 2))),
    [
        ("dZ = -ddiff.sum(axis=0)", "dZ = ddiff.sum(axis=0)", "dZ =", "sign"),
        ("dsq = dK * K * -0.5", "dsq = dK * -0.5", "dsq =", r"\bK\b|exp"),
    ],
)

course(
    "softplus network",
    """
def forward(x, w, v):
    z = x @ w
    h = np.log(1 + np.exp(z))
    o = h @ v
    return o, (x, w, v, z, h)

def backward(do, cache):
    x, w, v, z, h = cache
    dv = h.T @ do
    dh = do @ v.T
    dz = dh / (1 + np.exp(-z))
    dw = x.T @ dz
    dx = dz @ w.T
    return dx, dw, dv
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 5)), rng(3).normal(size=(5, 1))),
    [
        ("dz = dh / (1 + np.exp(-z))", "dz = dh / (1 + np.exp(z))", "dz =", "."),
        ("dv = h.T @ do", "dv = z.T @ do", "dv =", "z|h"),
    ],
)

course(
    "gated linear unit",
    """
def forward(x, W, V):
    a = x @ W
    b = x @ V
    s = 1 / (1 + np.exp(-b))
    y = a * s
    return y, (x, W, V, a, b, s)

def backward(dy, cache):
    x, W, V, a, b, s = cache
    da = dy * s
    ds = dy * a
    db = ds * s * (1 - s)
    dW = x.T @ da
    dV = x.T @ db
    dx = da @ W.T + db @ V.T
    return dx, dW, dV
""",
    lambda: (rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 2)), rng(3).normal(size=(3, 2))),
    [
        ("db = ds * s * (1 - s)", "db = ds * b * (1 - b)", "db =", "evaluated at b|b"),
        ("dV = x.T @ db", "dV = x.T @ ds", "dV =", "factor|'"),
        ("ds = dy * a", "ds = dy * b", "ds =", "a|b"),
    ],
)

course(
    "dice loss",
    """
def forward(p, t):
    num = 2 * np.sum(p * t)
    den = np.sum(p**2) + np.sum(t**2)
    loss = 1 - num / den
    return loss, (p, t, num, den)

def backward(dloss, cache):
    p, t, num, den = cache
    dnum = -dloss / den
    dden = dloss * num / den**2
    dp = dnum * 2 * t + dden * 2 * p
    return dp, None
""",
    lambda: (rng(1).random((3, 4)), (rng(2).random((3, 4)) > 0.5).astype(float)),
    [
        ("dden = dloss * num / den**2", "dden = -dloss * num / den**2", "dden =", "sign"),
        ("+ dden * 2 * p", "+ dden * p", "dp =", "½|half|den"),
    ],
)

course(
    "temporal difference, Huber",
    """
def forward(q, a, target):
    picked = q[np.arange(len(q)), a]
    e = picked - target
    huber = np.where(np.abs(e) < 1, 0.5 * e**2, np.abs(e) - 0.5)
    loss = huber.mean()
    return loss, (q, a, e)

def backward(dloss, cache):
    q, a, e = cache
    de = dloss * np.clip(e, -1, 1) / len(q)
    dq = np.zeros_like(q)
    dq[np.arange(len(q)), a] = de
    return dq, None, None
""",
    lambda: (2 * rng(1).normal(size=(6, 3)), np.array([0, 1, 2, 2, 0, 1]), rng(2).normal(size=6)),
    [
        ("de = dloss * np.clip(e, -1, 1) / len(q)", "de = dloss * e / len(q)", "de =", "."),
        ("dq[np.arange(len(q)), a] = de", "dq[:, 0] = de", "dq[:", "."),
    ],
)

course(
    "neural ODE, three Euler steps",
    """
def forward(x, W, b):
    h = x
    hs = [h]
    for _ in range(3):
        h = h + 0.1 * np.tanh(h @ W + b)
        hs.append(h)
    return h, (hs, W, b)

def backward(dh, cache):
    hs, W, b = cache
    dW = np.zeros_like(W)
    db = np.zeros_like(b)
    for h in reversed(hs[:-1]):
        t = np.tanh(h @ W + b)
        da = 0.1 * dh * (1 - t**2)
        dW += h.T @ da
        db += da.sum(axis=0)
        dh = dh + da @ W.T
    return dh, dW, db
""",
    lambda: (rng(1).normal(size=(2, 3)), rng(2).normal(size=(3, 3)), rng(3).normal(size=3)),
    [
        ("dh = dh + da @ W.T", "dh = da @ W.T", ".", "."),
        ("dW += h.T @ da", "dW = h.T @ da", "dW =", "path|part|last|\\+="),
        ("db += da.sum(axis=0)", "db += da.mean(axis=0)", "db +=", "mean|½"),
    ],
)

course(
    "matrix factorisation",
    """
def forward(U, V, R, M):
    P = U @ V.T
    E = M * (P - R)
    loss = 0.5 * np.sum(E**2) + 0.05 * (np.sum(U**2) + np.sum(V**2))
    return loss, (U, V, E, M)

def backward(dloss, cache):
    U, V, E, M = cache
    dU = dloss * (E @ V + 0.1 * U)
    dV = dloss * (E.T @ U + 0.1 * V)
    return dU, dV, None, None
""",
    lambda: (
        rng(1).normal(size=(4, 2)),
        rng(2).normal(size=(3, 2)),
        rng(3).normal(size=(4, 3)),
        (rng(4).random((4, 3)) > 0.3).astype(float),
    ),
    [
        (
            "dU = dloss * (E @ V + 0.1 * U)",
            "dU = dloss * (E @ V + 0.05 * U)",
            "dU =",
            "½|half|part",
        ),
        ("dV = dloss * (E.T @ U + 0.1 * V)", "dV = dloss * (E.T @ U)", "dV =", "path|part"),
    ],
)

course(
    "SwiGLU block as a dict of parameters",
    """
def forward(x, params):
    g = x @ params["W1"]
    u = x @ params["W2"]
    s = 1 / (1 + np.exp(-g))
    h = g * s * u
    y = h @ params["W3"]
    return y, (x, g, u, s, h)

def backward(dy, cache, params):
    x, g, u, s, h = cache
    grads = {}
    grads["W3"] = h.T @ dy
    dh = dy @ params["W3"].T
    du = dh * g * s
    dg = dh * u * (s + g * s * (1 - s))
    grads["W1"] = x.T @ dg
    grads["W2"] = x.T @ du
    dx = dg @ params["W1"].T + du @ params["W2"].T
    return dx, grads
""",
    lambda: (
        rng(1).normal(size=(4, 3)),
        {
            "W1": rng(2).normal(size=(3, 5)),
            "W2": rng(3).normal(size=(3, 5)),
            "W3": rng(4).normal(size=(5, 3)),
        },
    ),
    [
        ("dg = dh * u * (s + g * s * (1 - s))", "dg = dh * u * s", "dg =", r"\bs\b|path"),
        ('grads["W2"] = x.T @ du', 'grads["W2"] = x.T @ dg', 'grads["W2"]', "."),
    ],
)

course(
    "CTC-like: products of probabilities",
    """
def forward(p):
    c = np.cumprod(p, axis=1)
    s = c.sum(axis=1)
    loss = -np.log(s).mean()
    return loss, (p, c, s)

def backward(dloss, cache):
    p, c, s = cache
    ds = -dloss / s / len(s)
    dc = ds[:, None] * np.ones_like(c)
    dp = np.cumsum((dc * c)[:, ::-1], axis=1)[:, ::-1] / p
    return dp
""",
    lambda: (rng(1).random((3, 4)) + 0.2,),
    [
        (
            "dp = np.cumsum((dc * c)[:, ::-1], axis=1)[:, ::-1] / p",
            "dp = np.cumsum(dc * c, axis=1) / p",
            "dp =",
            ".",
        ),
        ("ds = -dloss / s / len(s)", "ds = dloss / s / len(s)", "ds =", "sign"),
    ],
)

course(
    "temperature and scale as numbers",
    """
def forward(x, a, k):
    u = a * x
    y = u**3 / k
    loss = np.sum(y)
    return loss, (x, a, k, u, y)

def backward(cache):
    x, a, k, u, y = cache
    du = 3 * u**2 / k
    dx = du * a
    da = np.sum(du * x)
    dk = -np.sum(y) / k
    return dx, da, dk
""",
    lambda: (rng(1).normal(size=5), 0.7, 1.9),
    [
        ("du = 3 * u**2 / k", "du = 3 * u / k", "du =", "u"),
        ("dk = -np.sum(y) / k", "dk = -np.sum(y) / k**2", "dk =", "k"),
        ("da = np.sum(du * x)", "da = np.sum(du * u)", "da =", "factor a too many"),
    ],
)

course(
    "hinge with a margin, vectorised",
    """
def forward(s, y):
    n = len(s)
    correct = s[np.arange(n), y][:, None]
    margin = np.maximum(0, s - correct + 1)
    margin[np.arange(n), y] = 0
    loss = margin.sum() / n
    return loss, (margin, y)

def backward(dloss, cache):
    margin, y = cache
    n = len(margin)
    ds = (margin > 0).astype(float)
    ds[np.arange(n), y] = -ds.sum(axis=1)
    ds *= dloss / n
    return ds, None
""",
    lambda: (rng(1).normal(size=(5, 4)), np.array([0, 3, 1, 2, 2])),
    [
        ("ds[np.arange(n), y] = -ds.sum(axis=1)", "ds[np.arange(n), y] = -1", "ds[", "."),
        ("ds *= dloss / n", "ds *= dloss", "ds", "mean over 5|5 times"),
    ],
)

course(
    "Gaussian log-likelihood of a network's head",
    """
def forward(x, W, V, y):
    mu = x @ W
    logs = x @ V
    r = (y - mu) * np.exp(-logs)
    nll = np.sum(0.5 * r**2 + logs) / len(x)
    return nll, (x, W, V, y, mu, logs, r)

def backward(dnll, cache):
    x, W, V, y, mu, logs, r = cache
    n = len(x)
    dr = dnll * r / n
    dmu = -dr * np.exp(-logs)
    dlogs = dnll / n - dr * r
    dW = x.T @ dmu
    dV = x.T @ dlogs
    dx = dmu @ W.T + dlogs @ V.T
    return dx, dW, dV, None
""",
    lambda: (
        rng(1).normal(size=(4, 3)),
        rng(2).normal(size=(3, 2)),
        0.3 * rng(3).normal(size=(3, 2)),
        rng(4).normal(size=(4, 2)),
    ),
    [
        ("dlogs = dnll / n - dr * r", "dlogs = -dr * r", "dlogs =", "path|part"),
        ("dmu = -dr * np.exp(-logs)", "dmu = -dr", "dmu =", "exp"),
    ],
)

course(
    "depthwise product and sum",
    """
def forward(x, k, b):
    y = np.zeros((len(x) - len(k) + 1,))
    for t in range(len(y)):
        y[t] = np.sum(x[t:t + len(k)] * k) + b
    return y, (x, k)

def backward(dy, cache):
    x, k = cache
    dx = np.zeros_like(x)
    dk = np.zeros_like(k)
    db = 0.0
    for t in range(len(dy)):
        dx[t:t + len(k)] += dy[t] * k
        dk += dy[t] * x[t:t + len(k)]
        db += dy[t]
    return dx, dk, db
""",
    lambda: (rng(1).normal(size=6), rng(2).normal(size=3), 0.2),
    [
        (
            "dx[t:t + len(k)] += dy[t] * k",
            "dx[t:t + len(k)] += dy[t] * k[::-1]",
            "dx[t",
            "flip|revers|order",
        ),
        ("db += dy[t]", "db = dy[t]", "db =", r"\+=|sum|last|part|path"),
        ("dk += dy[t] * x[t:t + len(k)]", "dk += dy[t] * x[:len(k)]", "dk +=", "."),
    ],
)

course(
    "batch of outer products",
    """
def forward(a, b):
    M = a[:, :, None] * b[:, None, :]
    s = np.tanh(M)
    y = s.sum(axis=0)
    return y, (a, b, s)

def backward(dy, cache):
    a, b, s = cache
    ds = np.broadcast_to(dy, s.shape)
    dM = ds * (1 - s**2)
    da = (dM * b[:, None, :]).sum(axis=2)
    db = (dM * a[:, :, None]).sum(axis=1)
    return da, db
""",
    lambda: (rng(1).normal(size=(3, 2)), rng(2).normal(size=(3, 2))),
    [
        (
            "da = (dM * b[:, None, :]).sum(axis=2)",
            "da = (dM * b[:, None, :]).sum(axis=1)",
            "da =",
            "axis",
        ),
        ("dM = ds * (1 - s**2)", "dM = ds * (1 + s**2)", "dM =", r"1 \+"),
    ],
)

course(
    "soft-margin logistic with class weights",
    """
def forward(w, X, y, c):
    m = y * (X @ w)
    l = np.log(1 + np.exp(-m))
    loss = np.sum(c * l) / np.sum(c) + 0.01 * w @ w
    return loss, (w, X, y, c, m)

def backward(dloss, cache):
    w, X, y, c, m = cache
    dl = dloss * c / np.sum(c)
    dm = -dl / (1 + np.exp(m))
    dw = X.T @ (dm * y) + dloss * 0.02 * w
    return dw, None, None, None
""",
    lambda: (
        rng(1).normal(size=3),
        rng(2).normal(size=(6, 3)),
        np.where(rng(3).random(6) > 0.5, 1.0, -1.0),
        rng(4).random(6) + 0.5,
    ),
    [
        (
            "dw = X.T @ (dm * y) + dloss * 0.02 * w",
            "dw = X.T @ dm + dloss * 0.02 * w",
            "dw =",
            r"\by\b",
        ),
        ("dm = -dl / (1 + np.exp(m))", "dm = dl / (1 + np.exp(m))", "dm =", "sign"),
        ("dl = dloss * c / np.sum(c)", "dl = dloss * c", "dl =", "."),
    ],
)
