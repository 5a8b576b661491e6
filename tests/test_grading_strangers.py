"""Backward functions and derivations in the habits of courses and blogs, right and with a slip.

Each function is right as it stands; each slip changes one line of it, and that line, or the
first gradient that is made of it, must be the first wrong one, with its cause.
"""

from __future__ import annotations

import itertools
import linecache
import re
import textwrap
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

numbers = itertools.count()
Call = Callable[[Any], Any]
Slip = tuple[str, str, str, str]
"""What is written, what is written instead, the line that is first wrong, the cause."""
FUNCTIONS: list[tuple[str, Call, list[Slip]]] = []


def r(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def module(text: str) -> Any:
    """The functions of a source, as a notebook cell has them."""
    name = f"<strangers {next(numbers)}>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    made = types.ModuleType("strangers")
    exec(compile(text, name, "exec"), vars(made))
    return made


def function(text: str, call: Call, slips: list[Slip]) -> None:
    FUNCTIONS.append(("import numpy as np\n" + textwrap.dedent(text), call, slips))


function(
    """
    def loss(params, X, y, reg):
        W1, b1, W2, b2 = params['W1'], params['b1'], params['W2'], params['b2']
        N = len(X)
        h = np.maximum(0, X @ W1 + b1)
        s = h @ W2 + b2
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(N), y]).sum() / N + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        ds = p.copy()
        ds[np.arange(N), y] -= 1
        ds /= N
        grads = {'W2': h.T.dot(ds) + 2 * reg * W2, 'b2': ds.sum(axis=0)}
        dh = ds.dot(W2.T)
        dh[h <= 0] = 0
        grads['W1'] = X.T.dot(dh) + 2 * reg * W1
        grads['b1'] = dh.sum(axis=0)
        return loss, grads
    """,
    lambda m: mg.check_backward(
        m.loss,
        None,
        {"W1": r(4, 5), "b1": r(5), "W2": r(5, 3), "b2": r(3)},
        r(6, 4, seed=3),
        np.array([0, 1, 2, 1, 0, 2]),
        0.1,
    ),
    [
        (
            "dh[h <= 0] = 0",
            "dh[dh <= 0] = 0",
            "dh[dh",
            "dh stands where h belongs",
        ),
        ("dh = ds.dot(W2.T)", "dh = -ds.dot(W2.T)", "dh = -ds", "sign is flipped"),
    ],
)
function(
    """
    def forward(x, W, n):
        att = x @ W / np.sqrt(n)
        att = np.where(np.tril(np.ones(att.shape)) == 0, -1e9, att)
        e = np.exp(att - att.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        return p, (x, W, p, n)
    def backward(dp, cache):
        x, W, p, n = cache
        datt = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        datt = datt / np.sqrt(n)
        return datt @ W.T, x.T @ datt
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(3, 4), r(4, 3), 2),
    [
        ("keepdims=True))\n    datt", "keepdims=True)) * 2\n    datt", "datt = p", "it is 2 times"),
        ("(dp * p).sum(axis=-1", "(dp * p).sum(axis=0", "datt = p", "over axis 0 where axis 1"),
    ],
)
function(
    """
    def forward(X, Ws, y):
        acts = [X]
        for W in Ws[:-1]:
            acts.append(np.tanh(acts[-1] @ W))
        out = acts[-1] @ Ws[-1]
        return 0.5 * np.mean((out - y) ** 2), (acts, out, Ws, y)
    def backward(cache):
        acts, out, Ws, y = cache
        delta = (out - y) / out.size
        grads = []
        for a, W in zip(reversed(acts), reversed(Ws)):
            grads.append(a.T @ delta)
            delta = (delta @ W.T) * (1 - a ** 2)
        return grads[::-1]
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(5, 3), [r(3, 4), r(4, 1)], r(5, 1)),
    [("a.T @ delta", "a.T @ delta * 3", "grads.append", "3")],
)
function(
    """
    def svm(W, X, y, reg):
        dW = np.zeros(W.shape)
        loss = 0.0
        for i in range(len(X)):
            scores = X[i].dot(W)
            for j in range(W.shape[1]):
                margin = scores[j] - scores[y[i]] + 1
                if j != y[i] and margin > 0:
                    loss += margin
                    dW[:, j] += X[i]
                    dW[:, y[i]] -= X[i]
        loss /= len(X)
        dW /= len(X)
        loss += reg * np.sum(W * W)
        dW += 2 * reg * W
        return loss, dW
    """,
    lambda m: mg.check_backward(m.svm, None, r(4, 3), r(5, 4), np.array([0, 1, 2, 1, 0]), 0.1),
    [("dW /= len(X)", "dW /= W.shape[1]", "dW /=", "5/3 times the truth")],
)
function(
    """
    def forward(x, w, b):
        rows = x.reshape(len(x), -1)
        return rows @ w + b, (x, w)
    def backward(dout, cache):
        x, w = cache
        dx = (dout @ w.T).reshape(x.shape)
        dw = x.reshape(len(x), -1).T @ dout
        db = np.zeros(dout.shape[1])
        for row in dout:
            db += row
        return dx, dw, db
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(4, 2, 3), r(6, 5), r(5)),
    [
        (
            "x.reshape(len(x), -1).T",
            "x.reshape(-1, len(x))",
            "dw",
            "reshaped where it should be transposed",
        ),
        ("db += row", "db[:] = row", "db[:]", "assigned where it should be added up"),
    ],
)
function(
    """
    def layernorm(x, g, D):
        mu = x.mean(axis=1, keepdims=True)
        var = x.var(axis=1, keepdims=True)
        xhat = (x - mu) / np.sqrt(var + 1e-5)
        return g * xhat, (x, g, mu, var, xhat, D)
    def backward(dout, cache):
        x, g, mu, var, xhat, D = cache
        dg = np.sum(dout * xhat, axis=0)
        dxhat = dout * g
        dvar = np.sum(dxhat * (x - mu) * -0.5 * (var + 1e-5) ** -1.5, axis=1, keepdims=True)
        dmu = np.sum(-dxhat / np.sqrt(var + 1e-5), axis=1, keepdims=True)
        dx = dxhat / np.sqrt(var + 1e-5) + dvar * 2 * (x - mu) / D + dmu / D
        return dx, dg
    """,
    lambda m: mg.check_backward(m.layernorm, m.backward, r(4, 5), r(5), 5),
    [
        ("** -1.5", "** 1.5", "dvar", r"the power of \(var \+ 1e-05\) is wrong: .*\*\*3"),
        ("(x - mu) / D + dmu / D", "(x - mu) / 4 + dmu / 4", "dx", r"through mu is 1\.25 times"),
    ],
)
function(
    """
    def rope(x, c, s):
        a, b = x[..., :2], x[..., 2:]
        return np.concatenate([a * c - b * s, a * s + b * c], axis=-1), (c, s)
    def backward(dout, cache):
        c, s = cache
        da, db = dout[..., :2], dout[..., 2:]
        dx = np.concatenate([da * c + db * s, -da * s + db * c], axis=-1)
        return dx
    """,
    lambda m: mg.check_backward(m.rope, m.backward, r(3, 4), np.cos(r(3, 2)), np.sin(r(3, 2))),
    [("db * s, -da * s", "-db * s, da * s", "dx", "s has the wrong sign, wherever it enters")],
)
function(
    """
    def forward(a, W, b):
        t = np.einsum('nd,dek->nek', a, W)
        return np.einsum('nek,ne->nk', t, b), (a, W, b, t)
    def backward(dout, cache):
        a, W, b, t = cache
        dt = np.einsum('nk,ne->nek', dout, b)
        da = np.einsum('nek,dek->nd', dt, W)
        dW, db = np.einsum('nd,nek->dek', a, dt), np.einsum('nek,nk->ne', t, dout)
        return da, dW, db
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(3, 4), r(4, 4, 2), r(3, 4, seed=2)),
    [
        ("'nek,dek->nd', dt", "'nek,edk->nd', dt", "da", "W is transposed"),
        ("dout, b)", "dout, a)", "dt", "a stands where b belongs"),
    ],
)
function(
    """
    def forward(x, W):
        h = np.pad(x, ((0, 0), (1, 1))) @ W
        r = np.maximum(h, 0.1 * h)
        return np.repeat(r, 2, axis=1), (x, W, h)
    def backward(du, cache):
        x, W, h = cache
        n, k = h.shape
        dr = du.reshape(n, k, 2).sum(axis=2)
        dh = dr.copy()
        dh[h < 0] *= 0.1
        return (dh @ W.T)[:, 1:-1], np.pad(x, ((0, 0), (1, 1))).T @ dh
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(3, 4), r(6, 5)),
    [
        ("dh[h < 0] *= 0.1", "dh[h < 0] = 0", "dh[h", r"multiplied: write \*= 0.1"),
        (".sum(axis=2)", "[:, :, 0]", "dr", "of what arrives at the copies in .*, the first alone"),
    ],
)
function(
    """
    def vae(mu, logvar, eps, x, W):
        z = mu + np.exp(0.5 * logvar) * eps
        recon = 1 / (1 + np.exp(-(z @ W)))
        kld = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar))
        loss = kld - np.sum(x * np.log(recon) + (1 - x) * np.log(1 - recon))
        dz = (recon - x) @ W.T
        dmu, dlogvar = dz + mu, dz * eps * 0.5 * np.exp(0.5 * logvar) + 0.5 * (np.exp(logvar) - 1)
        return loss, dmu, dlogvar
    """,
    lambda m: mg.check_backward(
        m.vae, None, r(3, 2), r(3, 2, seed=1), r(3, 2, seed=2), (r(3, 4) > 0) * 1.0, r(2, 4)
    ),
    [
        (
            "(recon - x) @",
            "((recon - x) * recon * (1 - recon)) @",
            "dz",
            r"a local factor σ'\(z @ W\) too many",
        ),
        ("dz + mu", "dz", "dmu", "the path through kld is missing"),
    ],
)
function(
    """
    def forward(x, W1, W3):
        a, g = x @ W1, x @ W3
        s = a / (1 + np.exp(-a))
        return s * g, (x, W1, W3, a, g, s)
    def backward(dh, cache):
        x, W1, W3, a, g, s = cache
        ds, dg = dh * g, dh * s
        q = 1 / (1 + np.exp(-a))
        da = ds * (q + a * q * (1 - q))
        dW1, dW3 = x.T @ da, x.T @ dg
        dx = da @ W1.T
        dx += dg @ W3.T
        return dx, dW1, dW3
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(3, 4), r(4, 5), r(4, 5, seed=1)),
    [
        ("a * q * (1 - q)", "q * (1 - q)", "da", "q stands where s belongs"),
        ("dx += dg @ W3.T", "dx += dg @ W1.T", "dx +=", "W1 stands where W3 belongs"),
    ],
)
function(
    """
    def loss_grad(w, X, y, c):
        p = 1.0 / (1.0 + np.exp(-(X @ w)))
        loss = -c * np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * np.dot(w[1:], w[1:])
        grad = c * X.T @ (p - y)
        grad[1:] += w[1:]
        return loss, grad
    """,
    lambda m: mg.check_backward(
        m.loss_grad, None, r(3), np.c_[np.ones(5), r(5, 2)], np.array([1, 0, 1, 0, 1.0]), 0.7
    ),
    [("grad[1:] += w[1:]", "grad += w", "grad += w", "only entry 0 is wrong")],
)
function(
    """
    class SkipGram:
        def __init__(self, V, U):
            self.params, self.grads = [V, U], [np.zeros_like(V), np.zeros_like(U)]
        def forward(self, h, t):
            V, U = self.params
            self.h, self.t, self.e = h, t, V[h]
            e = np.exp(self.e @ U.T)
            self.p = e / e.sum(axis=1, keepdims=True)
            return -np.mean(np.log(self.p[np.arange(len(t)), t]))
        def backward(self):
            V, U = self.params
            ds = self.p.copy()
            ds[np.arange(len(self.t)), self.t] -= 1
            ds /= len(self.t)
            dU = ds.T @ self.e
            de = ds @ U
            dV = np.zeros_like(V)
            np.add.at(dV, self.h, de)
            self.grads[0][...], self.grads[1][...] = dV, dU
    """,
    lambda m: mg.check_backward(
        m.SkipGram(r(5, 3), r(5, 3, seed=1)), None, np.array([0, 2, 2, 4]), np.array([1, 3, 0, 2])
    ),
    [
        ("np.add.at(dV, self.h, de)", "dV[self.h] = de", "dV[self.h]", "is assigned, not added up"),
        ("de = ds @ U", "de = -ds @ U", "de", "sign is flipped"),
    ],
)
function(
    """
    class BatchNorm:
        def forward(self, x, gamma):
            self.gamma, mu = gamma, x.mean(0)
            self.xc = x - mu
            self.std = np.sqrt(x.var(0) + 1e-5)
            self.xn = self.xc / self.std
            return gamma * self.xn
        def backward(self, dout):
            n = len(dout)
            dgamma = (dout * self.xn).sum(0)
            dxc = dout * self.gamma / self.std
            dstd = -(dout * self.gamma * self.xc).sum(0) / self.std ** 2
            dxc += self.xc * dstd / self.std / n
            dmu = dxc.sum(0)
            dx = dxc - dmu / n
            return dx, dgamma
    """,
    lambda m: mg.check_backward(m.BatchNorm(), None, r(5, 3), r(3)),
    [
        ("dxc - dmu / n", "dxc - dmu", "dmu =", "mean|5"),
        ("self.std ** 2", "self.std", "dstd", "self.std"),
    ],
)
function(
    """
    def relu(z):
        return np.where(z > 0, z, 0)
    def forward(X, p):
        c = {}
        c['Z1'] = p['W1'] @ X + p['b1']
        c['A1'] = relu(c['Z1'])
        c['Z2'] = p['W2'] @ c['A1']
        return np.sum(c['Z2'] ** 2) / (2 * X.shape[1]), c
    def backward(X, p, c):
        g = {}
        dZ2 = c['Z2'] / X.shape[1]
        g['dW2'] = dZ2 @ c['A1'].T
        dZ1 = (p['W2'].T @ dZ2) * (c['Z1'] > 0)
        g['dW1'] = dZ1 @ X.T
        g['db1'] = np.sum(dZ1, axis=1, keepdims=True)
        return g
    """,
    lambda m: mg.check_backward(
        m.forward, m.backward, r(3, 5), {"W1": r(4, 3), "b1": r(4, 1), "W2": r(2, 4)}
    ),
    [
        ("@ c['A1'].T", "@ c['Z1'].T", "g['dW2']", r"c\['Z1'\] stands where c\['A1'\] belongs"),
        (
            "np.sum(dZ1, axis=1, keepdims=True)",
            "np.full((4, 1), dZ1.sum())",
            "g['db1']",
            "over all axes where axis 1",
        ),
    ],
)
function(
    """
    def forward(xs, h0, Wx, Wh):
        hs = [h0]
        for x in xs:
            hs.append(np.tanh(x @ Wx + hs[-1] @ Wh))
        return hs[-1], (xs, hs, Wx, Wh)
    def backward(dh, cache):
        xs, hs, Wx, Wh = cache
        dWx, dWh, dxs = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(xs)
        for t in range(len(xs) - 1, -1, -1):
            da = dh * (1 - hs[t + 1] ** 2)
            dWx += np.outer(xs[t], da)
            dWh += np.outer(hs[t], da)
            dxs[t] = Wx @ da
            dh = Wh @ da
        return dxs, dh, dWx, dWh
    """,
    lambda m: mg.check_backward(m.forward, m.backward, r(3, 2), r(4), r(2, 4), r(4, 4)),
    [
        (
            "dWh += np.outer(hs[t], da)",
            "dWh += np.outer(hs[t + 1], da)",
            "dWh +=",
            "one step too late",
        )
    ],
)
function(
    """
    class MLP:
        def __init__(self, sizes):
            rng = np.random.default_rng(0)
            self.weights = [rng.normal(size=(a, b)) for a, b in zip(sizes[:-1], sizes[1:])]
        def forward(self, x):
            self.activations = [x]
            for w in self.weights:
                x = np.tanh(x @ w)
                self.activations.append(x)
            return x
        def backward(self, grad):
            self.dweights = [None] * len(self.weights)
            for i in reversed(range(len(self.weights))):
                grad = grad * (1 - self.activations[i + 1] ** 2)
                self.dweights[i] = self.activations[i].T @ grad
                grad = grad @ self.weights[i].T
            return grad
    """,
    lambda m: mg.check_backward(m.MLP([3, 4, 2]), None, r(5, 3)),
    [("].T @ grad\n", "].T @ grad / 5\n", "self.dweights[i]", "mean over 5 where the sum")],
)
function(
    """
    def forward(layers, x):
        caches = []
        for layer in layers:
            z = x @ layer['W'] + layer['b']
            caches.append((x, z))
            x = np.tanh(z)
        return x, caches
    def backward(da, caches, layers):
        grads = []
        for layer, (before, z) in zip(layers[::-1], caches[::-1]):
            dz = da * (1 - np.tanh(z) ** 2)
            grads.append({'b': dz.sum(0), 'W': before.T @ dz})
            da = dz @ layer['W'].T
        return grads[::-1], da
    """,
    lambda m: mg.check_backward(
        m.forward, m.backward, [{"W": r(3, 4), "b": r(4)}, {"W": r(4, 2), "b": r(2)}], r(5, 3)
    ),
    [("dz.sum(0)", "dz.mean(0)", "grads.append", "it is a mean over 5 where the sum belongs")],
)
CASES = [(k, s) for k, (_, _, slips) in enumerate(FUNCTIONS) for s in [None, *range(len(slips))]]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("k, s", CASES)
def test_backward_functions_of_strangers(k: int, s: int | None) -> None:
    text, call, slips = FUNCTIONS[k]
    if s is None:
        report = call(module(text))
        assert report.ok and not any(line.verdict == "wrong" for line in report.lines), report
        return
    old, new, line, cause = slips[s]
    assert old in text
    report = call(module(text.replace(old, new, 1)))
    assert not report.ok
    first = report.first_error
    assert first.code.strip().startswith(line), report
    assert re.search(cause, first.remark), first.remark


# --- derivations -----------------------------------------------------------------------


def leaf(a: Any) -> Any:
    return mg.Tensor(np.asarray(a, float), requires_grad=True)


def test_equal_numbers_that_cancel_are_right_where_nothing_is_left() -> None:
    y = 1.7
    mu, sigma = leaf(0.4), leaf(1.3)
    nll = np.log(sigma) + (y - mu) ** 2 / (2 * sigma**2)
    hand = {"dnll/dsigma": "1/sigma - (y - mu)**2/sigma**3", "dnll/dmu": "(mu - y)/sigma**2"}
    assert mg.check_derivation(nll, hand).ok
    assert not mg.check_derivation(nll, {"dnll/dsigma": 1e-12}).ok


def test_arithmetic_is_a_number() -> None:
    w = leaf(0.5)
    L = (3 * w - 1.25) ** 2
    for right in ("6*(1.5 - 1.25)", "2·3·0.25", "-3/2 + 3", "sqrt(9)/2", "0.741*2.024"):
        assert mg.check_derivation(L, {"dL/dw": right}).ok, right
    assert mg.check_derivation(L, {"dL/dw": "0.741*2.024"}).rows[0].verdict == "rounded"
    for wrong in ("6*(1.5 + 1.25)", "2**0.5", "1/0 + 1", "9**9**9", "0.5*"):
        row = mg.check_derivation(L, {"dL/dw": wrong}).rows[0]
        assert row.verdict == "wrong" and row.remark, wrong


def test_names_that_end_in_an_underscore_and_long_names_in_latex() -> None:
    v, lam = leaf([1.0, 2.0]), 0.3
    s_ = lam * np.sum(v**2)
    assert mg.check_derivation(s_, {"ds_/dv": 2 * lam * v.data}).ok
    assert mg.check_derivation(s_, {r"\nabla_v s_": r"2 lam v"}).ok


def test_a_step_that_forgets_the_decay() -> None:
    w = leaf([1.0, -0.5])
    data, decay = np.sum(np.sin(w)), 0.05 * np.sum(w**2)
    L = data + decay
    report = mg.check_derivation(L, {"w - 0.1*dL/dw": w.data - 0.1 * np.cos(w.data)})
    assert report.first_error.remark == "the path through decay is missing"


def test_another_entry_is_named() -> None:
    X, W = r(4, 2), leaf(r(2, 3))
    L = np.sum((X @ W) ** 2)
    G = 2 * X.T @ X @ W.data
    report = mg.check_derivation(L, {"dL/dW[0, 0]": G[0, 0], "dL/dW[1, 0]": G[0, 1]})
    assert report.first_error.remark == "it is the entry [0, 1] of it"
    rows = mg.check_derivation(L, {"dL/dW[9, 9]": 1.0, "dL/dW[::0]": 1.0, "dL/dW": G}).rows
    assert [row.verdict for row in rows] == ["correct", "wrong", "wrong"]
    assert "there is no such entry, of shape (2, 3)" in rows[1].remark


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rtol": "a"}, "rtol must be a number not below 0, not 'a'"),
        ({"atol": -1}, "atol must be a number not below 0, not -1"),
        ({"required": 3}, "required is a list of keys, not 3"),
        ({"upstream": "x"}, "upstream: what arrives at .*'x' is not a number"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    w = leaf(0.5)
    L = w**2
    with pytest.raises((TypeError, ValueError), match=f"check_derivation: {message}"):
        mg.check_derivation(L, {"dL/dw": 1.0}, **options)


def test_names_that_nothing_has_are_no_error() -> None:
    text = FUNCTIONS[4][0]
    m = module(text)
    report = mg.check_backward(
        m.forward, m.backward, r(4, 2, 3), r(6, 5), r(5), names={"row": "nothing"}
    )
    assert report.ok


def test_a_gradient_does_not_explain_itself_nor_a_factor_too_many_with_another_slip() -> None:
    s = leaf(r(4))
    p = 1 / (1 + np.exp(-s))
    L = -np.sum(np.log(1 - p))
    row = mg.check_derivation(L, {"dL/ds": p.data - 1}).first_error
    assert row.remark.startswith("p alone stands where 1 - p belongs"), row.remark
