"""Slips in indices, masks and parts of arrays; and suggestions that help nothing."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.backward.judging import Judge
from minigrad.derivation.backward.telling import search_in
from test_backward_lines import module

GATE = """
import numpy as np
def forward(xs, h0, Wz, Wg):
    h, steps = h0, []
    for t in range(len(xs)):
        xh = np.concatenate([xs[t], h], axis=1)
        z = 1 / (1 + np.exp(-(xh @ Wz)))
        g = np.tanh(xh @ Wg)
        steps.append((xh, z, g, h))
        h = (1 - z) * h + z * g
    return h, (steps, xs, Wz, Wg)

def backward(dh, cache):
    steps, xs, Wz, Wg = cache
    D = xs.shape[2]
    dWz, dWg = np.zeros_like(Wz), np.zeros_like(Wg)
    for t in range(len(xs) - 1, -1, -1):
        xh, z, g, h = steps[t]
        dz = dh * (g - h) * z * (1 - z)
        dg = dh * z * (1 - g ** 2)
        dWz += xh.T @ dz
        dWg += xh.T @ dg
        dxh = dz @ Wz.T + dg @ Wg.T
        dh = dh * (1 - z) + dxh[:, D:]
    return dWz, dWg, dh
"""
NETWORK = """
import numpy as np
class Dense:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, grad):
        self.dW = self.x.T @ grad
        return grad @ self.W.T

class Leaky:
    def __init__(self):
        self.slope = 0.1
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)
    def backward(self, grad):
        grad = grad.copy()
        grad[~self.mask] *= self.slope
        return grad

class Network:
    def __init__(self, *layers):
        self.layers = layers
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

r = np.random.default_rng(0)
W1, W2 = r.normal(size=(3, 4)), r.normal(size=(4, 2))
forward, backward = Network(Dense(W1), Leaky(), Dense(W2)), None
"""
PATCH = """
import numpy as np
def forward(image, ys, xs):
    pad = 1
    padded = np.pad(image, pad)
    out = padded[ys, xs] * 2 + padded[ys, xs + 1] * 3 + padded[ys + 1, xs] * 5
    return out, (image, padded, ys, xs, pad)

def backward(dout, cache):
    image, padded, ys, xs, pad = cache
    dpadded = np.zeros_like(padded)
    np.add.at(dpadded, (ys, xs), dout * 2)
    np.add.at(dpadded, (ys, xs + 1), dout * 3)
    np.add.at(dpadded, (ys + 1, xs), dout * 5)
    dimage = dpadded[pad:-pad, pad:-pad]
    return dimage
"""
CLASSES = """
import numpy as np
def forward(X, W, labels):
    logits = X @ W
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(labels)), labels])), (X, W, labels, p)

def backward(cache):
    X, W, labels, p = cache
    dlogits = p.copy()
    dlogits[np.arange(len(labels)), labels] -= 1
    dlogits /= len(labels)
    return dlogits @ W.T, X.T @ dlogits
"""

EPIDEMIC = """
import numpy as np
def forward(beta, gamma, s0, i0, data):
    dt, S, I, loss = 0.25, [s0], [i0], 0.0
    for k in range(len(data)):
        inf = beta * S[-1] * I[-1] * dt
        rec = gamma * I[-1] * dt
        S.append(S[-1] - inf)
        I.append(I[-1] + inf - rec)
        loss = loss + 0.5 * (I[-1] - data[k]) ** 2
    return loss, (beta, gamma, S, I, data, dt)

def backward(cache):
    beta, gamma, S, I, data, dt = cache
    lamS = lamI = dbeta = dgamma = 0.0
    for k in reversed(range(len(data))):
        lamI += I[k + 1] - data[k]
        dinf = lamI - lamS
        dbeta += dinf * S[k] * I[k] * dt
        dgamma += -lamI * I[k] * dt
        lamS = lamS + dinf * beta * I[k] * dt
        lamI = lamI + dinf * beta * S[k] * dt - gamma * dt * lamI
    return dbeta, dgamma, lamS, lamI
"""
FILTER = """
import numpy as np
def forward(q, r0, ys):
    P, m, nll, tape = 1.0, 0.3, 0.0, []
    for y in ys:
        Pp = P + q
        s = Pp + r0
        k = Pp / s
        e = y - m
        tape.append((Pp, s, k, e))
        nll = nll + 0.5 * np.log(s) + 0.5 * e * e / s
        m = m + k * e
        P = (1 - k) * Pp
    return nll, tape

def backward(tape):
    dq = dr0 = dP = dm = 0.0
    for Pp, s, k, e in reversed(tape):
        dk = dm * e - dP * Pp
        de = dm * k + e / s
        dPp = dP * (1 - k) + dk / s
        ds = -dk * Pp / s ** 2 + 0.5 / s - 0.5 * e * e / s ** 2
        dm = dm - de
        dPp += ds
        dr0 += ds
        dq += dPp
        dP = dPp
    return dq, dr0
"""
MARGIN = """
import numpy as np
def forward(a, b, y):
    viol = np.maximum(a - b + 0.2, 0)
    return (np.where(y == 1, viol, -viol)).sum(), (a, b, y, viol)

def backward(cache):
    a, b, y, viol = cache
    side = np.where(y == 1, 1, -1)
    active = (viol > 0) * 1.0
    return active * side, -active * side
"""

OPTION = """
import numpy as np
from scipy.special import ndtr
def forward(S, K, T):
    d1 = (np.log(S / K) + 0.5 * T) / np.sqrt(T)
    d2 = d1 - np.sqrt(T)
    return S * ndtr(d1) - K * ndtr(d2), (S, K, T, d1, d2)

def backward(cache):
    S, K, T, d1, d2 = cache
    dS = ndtr(d1)
    dK = -ndtr(d2)
    dT = S * np.exp(-0.5 * d1 ** 2) / np.sqrt(2 * np.pi) / (2 * np.sqrt(T))
    return dS, dK, dT
"""

MIXTURE = """
import numpy as np
def forward(logits, x):
    top = logits - np.log(np.exp(logits).sum())
    lp = top - 0.5 * x[:, None] ** 2 * np.arange(1, 4)
    lse = np.log(np.exp(lp).sum(axis=1))
    return -lse.mean(), (x, top, lp, lse)

def backward(cache):
    x, top, lp, lse = cache
    dlp = -np.exp(lp - lse[:, None]) / len(x)
    dtop = dlp.sum(axis=0)
    dlogits = dtop - np.exp(top) * dtop.sum()
    return dlogits
"""


def mixture() -> Any:
    r = np.random.default_rng(0)
    return r.normal(size=3), r.normal(size=5)


POOLED = """
import numpy as np
def forward(x, w, mask):
    count = mask.sum(axis=1, keepdims=True)
    pooled = (x * mask[:, :, None]).sum(axis=1) / count
    return pooled * w, (x, w, mask, count, pooled)

def backward(dout, cache):
    x, w, mask, count, pooled = cache
    dw = (dout * pooled).sum(axis=0)
    dsum = dout * w / count
    dx = dsum[:, None, :] * mask[:, :, None]
    return dx, dw
"""


def padded() -> Any:
    r = np.random.default_rng(0)
    return r.normal(size=(3, 4, 2)), r.normal(size=2), np.tri(3, 4, 1)


def option() -> Any:
    return 1.1, 0.95, 0.75


def epidemic() -> Any:
    return 1.1, 0.43, 0.9, 0.1, np.random.default_rng(0).uniform(0.1, 0.3, size=5)


def recorded() -> Any:
    return 0.3, 0.5, np.random.default_rng(0).normal(size=5)


def margins() -> Any:
    return *np.random.default_rng(0).normal(size=(2, 6)), np.array([1, 0, 0, 1, 1, 0])


def gate() -> Any:
    r = np.random.default_rng(0)
    return r.normal(size=(4, 2, 3)), r.normal(size=(2, 2)), *r.normal(size=(2, 5, 2))


def batch() -> Any:
    return (np.random.default_rng(1).normal(size=(5, 3)),)


def picks() -> Any:
    r = np.random.default_rng(2)
    return r.normal(size=(4, 4)), np.array([1, 2, 2, 3, 2]), np.array([1, 2, 2, 3, 1])


def classes() -> Any:
    r = np.random.default_rng(3)
    return r.normal(size=(5, 3)), r.normal(size=(3, 4)), np.array([0, 2, 1, 1, 3])


CASES = [
    (GATE, gate, "[:, D:]", "[:, :xh.shape[1] - D]", "dh = dh", "slice 0:2"),
    (NETWORK, batch, "*= self.slope", "= 0", "grad[", "multiplied: write *= self.slope"),
    (NETWORK, batch, "*= self.slope", "= self.slope", "grad[", "write *= self.slope"),
    (NETWORK, batch, "[~self.mask]", "[self.mask]", "grad[", "the other side of self.mask"),
    (PATCH, picks, "(ys + 1, xs), dout", "(ys, xs + 1), dout", "dout * 5", "(ys + 1, xs) belongs"),
    (PATCH, picks, "np.add.at(dpadded, (ys, xs), dout * 2)", "dpadded[ys, xs] += dout * 2",
     "dout * 2", "met more than once"),
    (PATCH, picks, "[pad:-pad, pad", "[:-2 * pad, pad", "dimage =", "begins at"),
    (EPIDEMIC, epidemic, " - gamma * dt * lamI", "", "lamI = lamI", "gamma * dt * lamI is missing"),
    (FILTER, recorded, " - dP * Pp", "", "dk =", "the term - dP * Pp is missing"),
    (MARGIN, margins, "(viol > 0) * 1.0", "np.ones_like(viol) * 1.0", "active =", "(viol > 0) bel"),
    (MARGIN, margins, "1, -1)\n    active", "1, 0)\n    active", "side =", "where -1 belongs"),
    (OPTION, option, "dS = ndtr(d1)", "dS = ndtr(d2)", "dS =", "belongs"),
    (OPTION, option, "dK = -ndtr", "dK = ndtr", "dK =", "sign"),
    (MIXTURE, mixture, "dtop.sum()", "dtop", "dlogits =", "where dtop.sum() belongs"),
    (POOLED, padded, "w / count", "w / x.shape[1]", "dsum =", "x.shape[1] stands where count"),
    (CLASSES, classes, "[np.arange(len(labels)), labels] -=", "[:, labels] -=", "-= 1", "class"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "inputs"), dict.fromkeys(c[:2] for c in CASES))
def test_right_ones_are_right(source: str, inputs: Any) -> None:
    m = module(source)
    assert mg.check_backward(m.forward, m.backward, *inputs())


@pytest.mark.parametrize(("source", "inputs", "old", "new", "line", "words"), CASES)
def test_what_stood_there_is_what_should_stand_there(
    source: str, inputs: Any, old: str, new: str, line: str, words: str
) -> None:
    right = source.splitlines()[source[: source.index(old)].count("\n")].strip()
    m = module(source.replace(old, new))
    report = mg.check_backward(m.forward, m.backward, *inputs())
    first = report.first_error
    assert line in first.code and words in first.remark, first
    assert first.instead.replace(" ", "") == right.replace(" ", "")
    assert [x for x in report.marks().values() if x == "✗"] == ["✗"]


def test_what_is_of_what_lies_below_is_not_to_blame() -> None:
    """``dz``, called after what sigmoid gives, is of what it is given, as the first pass tells."""
    new = "dh = dh * z ** 3 + 1.7 * dxh[:, :2]"
    m = module(GATE.replace("dh = dh * (1 - z) + dxh[:, D:]", new))
    report = mg.check_backward(m.forward, m.backward, *gate())
    assert report.first_error.code.strip() == new and not report.first_error.instead
    assert [t.strip()[:4] for (_, t), x in report.marks().items() if x == "✗"] == ["dh ="]


UNIT = """
import numpy as np
def forward(x, W, v):
    z = 1 / (1 + np.exp(-(x @ W)))
    return z * v, (x, W, v, z)

def backward(dout, cache):
    x, W, v, z = cache
    dz = dout * v * z ** 3 * (1 - z) + 0.7 * z
    dW = x.T @ dz
    return dz @ W.T, dW
"""


@pytest.mark.parametrize(("text", "helps"), [("dout * v", False), ("dout * v * z * (1 - z)", True)])
def test_a_formula_is_no_suggestion_where_all_that_is_made_with_it_stays_wrong(
    text: str, helps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``dout * v`` is the gradient of z, but what the next line needs is that of what is below."""
    judges: list[Judge] = []
    verdicts = Judge.verdicts
    monkeypatch.setattr(Judge, "verdicts", lambda self: judges.append(self) or verdicts(self))
    m, r = module(UNIT), np.random.default_rng(0)
    x, W, v = r.normal(size=(4, 3)), r.normal(size=(3, 2)), r.normal(size=2)
    assert not mg.check_backward(m.forward, m.backward, x, W, v).first_error.instead
    dz = next(c for c in judges[0].claims if c.path == "dz")
    search = search_in(judges[0])
    assert search is not None and search.confirms(dz, text) is False
    statement = dz.events[-1].statement
    changed = ast.parse(f"dz = {text}").body[0]
    assert search.helps(statement, changed) is helps
