"""Slips and right answers from many fields: matrices, physics, survival, losses, loops."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.values import read

Report = Any
CASES: list[tuple[str, str, Callable[[], Report]]] = []


def wrong(first: str, words: str) -> Callable[[Callable[[], Report]], Callable[[], Report]]:
    def add(f: Callable[[], Report]) -> Callable[[], Report]:
        CASES.append((first, words, f))
        return f

    return add


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@wrong("dE/dpos", "assigned, not added up")
def forces_assigned_at_both_ends() -> Report:
    pos, i, j = leaf([[0.0, 0.0], [1.3, 0.2], [0.3, 1.5]]), [0, 0, 1], [1, 2, 2]
    d = pos[i] - pos[j]
    E = np.sum(1 / (d**2).sum(1) ** 3)
    dd = -6 * d.data / (d.data**2).sum(1)[:, None] ** 4
    total = np.zeros((3, 2))
    total[i] = dd
    total[j] -= dd
    return mg.check_derivation(E, {"dd": dd, "dE/dpos": total})


@wrong("dL/dQ", "Q stands where K belongs")
def queries_for_keys() -> Report:
    Q, K, G = (
        leaf(rng(5).normal(size=(4, 3))),
        leaf(rng(6).normal(size=(4, 3))),
        rng(7).random((4, 4)),
    )
    S = Q @ K.T
    L = np.sum(S * G)
    return mg.check_derivation(L, {"dS": G, "dL/dQ": G @ Q.data})


@wrong("dL/dk", "what arrives at y is reversed along axis 0")
def convolved_for_correlated() -> Report:
    x, k = rng(8).normal(size=7), leaf(rng(9).normal(size=3))
    y = np.correlate(x, k, "valid")
    L = np.sum(y**2)
    return mg.check_derivation(L, {"dL/dk": np.convolve(x, 2 * y.data, "valid")})


@wrong("dL/dm", "-m stands where m belongs")
def slope_on_the_other_side() -> Report:
    m = leaf([0.3, -1.2, 2.0])
    L = np.sum(np.log(1 + np.exp(-m)))
    return mg.check_derivation(L, {"dL/dm": -1 / (1 + np.exp(-m.data))})


@wrong("dL/ds", "the terms on the diagonal alone are taken")
def trace_for_sum() -> Report:
    s, D, M = leaf(1.3), rng(10).random((4, 4)), rng(11).random((4, 4))
    K = s * np.exp(-D)
    L = np.sum(M * K)
    return mg.check_derivation(L, {"dL/ds": np.sum(np.diag(M * np.exp(-D)))})


@wrong("dL/dK", r"only entries off the diagonal are wrong: 0\.1 is added there")
def number_for_identity() -> Report:
    K, M = leaf(rng(12).random((3, 3))), rng(13).random((3, 3))
    L = np.sum(M * K) + 0.1 * np.trace(K)
    return mg.check_derivation(L, {"dL/dK": M + 0.1})


@wrong("dL/dx", "only entries 0, 6 are wrong: they are 0")
def borders_left_out() -> Report:
    x, k, g = leaf(rng(14).normal(size=7)), rng(15).normal(size=3), rng(16).normal(size=5)
    L = np.sum(np.correlate(x, k, "valid") * g)
    return mg.check_derivation(L, {"dL/dx": np.pad(np.convolve(g, k)[1:-1], 1)})


@wrong("dx/dq", "degrees where radians belong")
def degrees() -> Report:
    q = leaf(0.7)
    x = 1.2 * np.cos(q)
    return mg.check_derivation(x, {"dx/dq": -1.2 * np.sin(0.7) * np.pi / 180})


@wrong("dL/dd", "½ times the truth: the factor 2 of a power is missing")
def power_or_mean() -> Report:
    d = leaf(rng(17).normal(size=(3, 2)))
    L = np.sum((d**2).sum(1) ** 1.5)
    return mg.check_derivation(L, {"dL/dd": 1.5 * np.sqrt((d.data**2).sum(1))[:, None] * d.data})


@wrong(
    "dL/dx", r"another part of what arrives at xp: it begins at \(2,\), where \[1\]|\(1,\) belongs"
)
def margins_cut_off_at_one_end() -> Report:
    x, k, g = leaf(rng(18).normal(size=6)), rng(19).normal(size=3), rng(20).normal(size=6)
    xp = np.pad(x, 1)
    L = np.sum(np.correlate(xp, k, "valid") * g)
    return mg.check_derivation(L, {"dL/dx": np.convolve(g, k)[2:]})


@wrong("dL/dh", "summed up from the front, where from the end belongs")
def survival_summed_from_the_front() -> Report:
    h, g = leaf(rng(21).random(5)), rng(22).normal(size=5)
    risk = np.cumsum(h)
    L = np.sum(np.log(risk) * g)
    return mg.check_derivation(L, {"dL/dh": np.cumsum(g / risk.data)})


@wrong("dL/dw", "evaluated at .* belongs, in each of 3 passes")
def slope_at_its_argument_in_each_pass() -> Report:
    w, h, xs, slope = leaf(0.8), 0.3, (0.5, -1.1, 0.7), 0.0
    dh, steps = 2.0, []
    for x in xs:
        a = w * h + x
        steps.append((a, h))
        h = np.tanh(a)
    L = 2 * h
    for a, before in reversed(steps):
        da = dh * (1 - a.item() ** 2)
        slope += da * float(getattr(before, "data", before))
        dh = da * 0.8
    return mg.check_derivation(L, {"dL/dw": slope})


@wrong("dL/dh", r"σ'\(z\) evaluated at h where z belongs")
def slope_of_another_layer() -> Report:
    h, v = leaf(rng(23).normal(size=4)), rng(24).normal(size=4)
    z = h @ v
    L = mg.sigmoid(z)
    s = 1 / (1 + np.exp(-h.data))
    return mg.check_derivation(L, {"dL/dh": s * (1 - s) * v})


@wrong("dK/dm", "s2")
def a_constant_that_nothing_can_be_divided_by() -> Report:
    m, s1, m2, s2 = leaf(0.3), leaf(1.2), 0.0, 0.9
    K = np.log(s2 / s1) + (s1**2 + (m - m2) ** 2) / (2 * s2**2)
    return mg.check_derivation(K, {"dK/dm": "(m - m2)/s2"})


@wrong("df/dX", r"the part through .*A @ X.* is transposed")
def one_term_transposed() -> Report:
    A, B = rng(1).normal(size=(3, 3)), rng(2).normal(size=(3, 3))
    X = leaf(rng(3).normal(size=(3, 3)))
    f = np.trace(A @ X @ B) + np.trace(X.T @ X)
    return mg.check_derivation(f, {"df/dX": B @ A + 2 * X.data})


@wrong("df/dX", r"the part through .*slogdet.* is transposed")
def inverse_not_transposed() -> Report:
    X = leaf(rng(4).normal(size=(3, 3)) + 3 * np.eye(3))
    f = np.linalg.slogdet(X)[1] + np.sum(X**2)
    return mg.check_derivation(f, {"df/dX": np.linalg.inv(X.data) + 2 * X.data})


@wrong("dl/dk", r"\*\*k stands where .*\*\*k \* log\(.* belongs")
def exponent_without_its_logarithm() -> Report:
    t, k = np.array([0.5, 1.2, 0.8, 2.0]), leaf(1.5)
    l = np.sum(np.log(k) - t**k)  # noqa: E741
    return mg.check_derivation(l, {"dl/dk": np.sum(1 / 1.5 - t**1.5)})


@wrong("dl/ds", r"the factor k is missing")
def exponent_left_out_of_one_part() -> Report:
    t, k, s = np.array([0.5, 1.2, 0.8, 2.0]), leaf(1.5), leaf(1.1)
    l = np.sum(-k * np.log(s) - (t / s) ** k)  # noqa: E741
    return mg.check_derivation(l, {"dl/ds": np.sum(-1.5 / 1.1 + (t / 1.1) ** 1.5 / 1.1)})


@wrong("dL/dx", r"y is missing from the product")
def operand_of_einsum() -> Report:
    x, B, y = (leaf(rng(k).normal(size=s)) for k, s in ((5, (2, 3)), (6, (3, 4)), (7, (2, 4))))
    o = np.einsum("bi,ij,bj->b", x, B, y)
    L = np.sum(o**2)
    dx = np.einsum("b,ij->bi", 2 * o.data, B.data)
    return mg.check_derivation(L, {"dL/do": 2 * o.data, "dL/dx": dx})


@wrong("dL/dU", r"M is left out: of the value")
def mask_forgotten() -> Report:
    U, V = leaf(rng(8).normal(size=(4, 2))), rng(9).normal(size=(5, 2))
    R, M = rng(10).normal(size=(4, 5)), (rng(11).random((4, 5)) > 0.4) * 1.0
    E = (R - U @ V.T) * M
    L = np.sum(E**2)
    return mg.check_derivation(L, {"dL/dE": 2 * E.data, "dL/dU": -2 * (R - U.data @ V.T) @ V})


@wrong("dL/dz", r"onehot stands where target belongs")
def labels_for_smoothed_labels() -> Report:
    z, y, e = leaf(rng(12).normal(size=(5, 4))), np.array([0, 2, 1, 3, 0]), 0.1
    onehot = np.eye(4)[y]
    target = onehot * (1 - e) + e / 4
    L = np.mean(-np.sum(target * mg.log_softmax(z, axis=1), axis=1))
    p = np.exp(z.data) / np.exp(z.data).sum(1, keepdims=True)
    return mg.check_derivation(L, {"dL/dz": (p - onehot) / 5})


@wrong("dx", r"var stands where std belongs, in all parts")
def variance_for_its_root() -> Report:
    x, eps = leaf(rng(13).normal(size=(6, 3)) * 2), 1e-5
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    std = np.sqrt(var + eps)
    xhat = (x - mu) / std
    g, h = rng(14).normal(size=(6, 3)), xhat.data
    dx = (6 * g - g.sum(0) - h * (g * h).sum(0)) / (6 * var.data)
    return mg.check_derivation(None, {"dx": dx}, upstream={xhat: g})


@wrong("dsharpe/dw", r"the part through .*vol is 2 times")
def simplest_number_first() -> Report:
    M, mu, w = rng(15).normal(size=(3, 3)), np.array([0.08, 0.05, 0.12]), leaf([0.3, 0.3, 0.4])
    S = M @ M.T + np.eye(3)
    ret, var = mu @ w, w @ S @ w
    vol = np.sqrt(var)
    sharpe = ret / vol
    r, v = float(ret.data), float(vol.data)
    return mg.check_derivation(sharpe, {"dsharpe/dw": mu / v - 2 * r / v**3 * (S @ w.data)})


@wrong("dL/dz", "only entries where z < 0 are wrong")
def wrong_on_one_side() -> Report:
    z, u = leaf([-1.5, -0.5, -0.7, 0.2, 0.4, 0.6, 0.8, 1.2]), rng(42).normal(size=8)
    hand = np.cos(z.data) * u
    hand[:3] += 0.3, -1.1, 0.7
    return mg.check_derivation(np.sum(np.sin(z) * u), {"dL/dz": hand})


@wrong("dL/dv", r"the power of v is wrong: it is the truth times v\*\*0.5")
def power_of_a_positive_value() -> Report:
    v, c = leaf(rng(43).uniform(0.2, 0.9, 6)), rng(44).normal(size=6)
    return mg.check_derivation(np.sum(c / v), {"dL/dv": -c * v.data**-1.5})


@wrong("dL/dw", "at m goes to the smallest entry, where the largest receives it")
def received_by_the_smallest() -> Report:
    r = rng(40)
    x, w = leaf(r.normal(size=(3, 4))), leaf(r.normal(size=4))
    m = np.max(np.exp(x) + w, axis=1)
    least = np.argmin(np.exp(x.data) + w.data, axis=1)
    return mg.check_derivation(np.sum(m**2), {"dL/dw": 2 * m.data @ np.eye(4)[least]})


def states(A: Any, h: Any) -> list[Any]:
    hs = [h]
    for _ in range(4):
        hs.append(np.tanh(A @ hs[-1]))
    return hs


@wrong("dL/dA", r"A is transposed, in each of 3 passes")
def transposed_in_every_pass() -> Report:
    A, h = leaf(rng(16).normal(size=(3, 3))), rng(17).normal(size=3)
    hs = states(A, h)
    L = np.sum(hs[-1])
    g, dA = np.ones(3), np.zeros((3, 3))
    for t in range(4, 0, -1):
        u = g * (1 - hs[t].data ** 2)
        dA += np.outer(u, hs[t - 1] if t == 1 else hs[t - 1].data)
        g = A.data @ u
    return mg.check_derivation(L, {"dL/dA": dA})


@wrong("dL/dA", r"1 \+ .*\*\*2 stands where 1 - .*\*\*2 belongs, in each of 4 passes")
def slope_in_every_pass() -> Report:
    A, h = leaf(rng(18).normal(size=(3, 3)) * 0.5), rng(19).normal(size=3)
    hs = states(A, h)
    L = np.sum(hs[-1])
    g, dA = np.ones(3), np.zeros((3, 3))
    for t in range(4, 0, -1):
        u = g * (1 + hs[t].data ** 2)
        dA += np.outer(u, hs[t - 1] if t == 1 else hs[t - 1].data)
        g = A.data.T @ u
    return mg.check_derivation(L, {"dL/dA": dA})


# --- slips that no course makes ---------------------------------------------------------------


@wrong("dL/dx", "what the windows of x receive is assigned, not added up: where they overlap")
def windows_that_are_assigned() -> Report:
    x, k = leaf(rng(1).normal(size=5)), rng(2).normal(size=3)
    L = np.sum(np.tanh(x[0:3]) * k[0] + np.tanh(x[1:4]) * k[1] + np.tanh(x[2:5]) * k[2])
    slope, dx = 1 - np.tanh(x.data) ** 2, np.zeros(5)
    for j in range(3):
        dx[j : j + 3] = k[j] * slope[j : j + 3]
    return mg.check_derivation(L, {"dL/dx": dx})


@wrong("dL/dW[0, 1]", r"it is the entry \[2, 0\] of it")
def entry_of_another_place() -> Report:
    W, x = leaf(rng(1).normal(size=(3, 2))), rng(2).normal(size=2)
    h = np.tanh(W @ x)
    dW = np.outer(2 * h.data * (1 - h.data**2), x)
    return mg.check_derivation(np.sum(h**2), {"dL/dW[0, 1]": dW[2, 0]})


@wrong("dL/dx", "the paths through d and through c are missing")
def two_of_four_paths() -> Report:
    x = leaf([0.3, -0.7, 1.1])
    a, b, c, d = np.sin(x), np.exp(x), x**3, np.tanh(x)
    return mg.check_derivation(np.sum(a + b + c + d), {"dL/dx": np.cos(x.data) + b.data})


@wrong("dL/dx", "the path through a, b is missing")
def path_whose_edges_others_share() -> Report:
    x = leaf([0.3, -0.7, 1.1])
    a = np.sin(x)
    b = a * x
    c = a + b
    L = np.sum(c * np.exp(c))
    dc = (1 + c.data) * np.exp(c.data)
    lost = np.exp(c.data) * np.cos(x.data) * x.data
    dx = dc * (np.cos(x.data) * (1 + x.data) + a.data) - lost
    return mg.check_derivation(L, {"dL/dx": dx})


@wrong("dL/dx", r"in the part through .*out \*\* 2.* the local factor tanh'\(x\) is missing")
def slope_missing_in_one_part() -> Report:
    x, W = leaf(rng(3).normal(size=4)), rng(4).normal(size=(4, 4))
    s = np.tanh(x)
    out = np.exp(s)
    L = np.sum(out * (W @ x) + out**2)
    o, slope = out.data, 1 - s.data**2
    return mg.check_derivation(L, {"dL/dx": (W @ x.data) * o * slope + W.T @ o + 2 * o**2})


def leaky_states(U: Any, W: Any, x: Any, leak: float) -> tuple[Any, list[Any], list[Any]]:
    h, hs, zs = np.zeros(3), [np.zeros(3)], []
    for row in x:
        z = W @ h + U * row
        h = np.tanh(z) + leak * z
        hs.append(h.data)
        zs.append(z.data)
    return np.sum(h**2), hs, zs


def through_leaky_states(by: Callable[[Any], Any], leak: float) -> Report:
    """``by`` says what a slip makes of the derivative of a state by its sum."""
    U, W, x = leaf(rng(7).normal(size=3)), leaf(0.3 * rng(5).normal(size=(3, 3))), rng(6)
    rows = x.normal(size=(4, 3))
    L, hs, zs = leaky_states(U, W, rows, leak)
    dh, dU = 2 * hs[-1], np.zeros(3)
    for t in reversed(range(4)):
        dz = dh * by(zs[t])
        dU += dz * rows[t]
        dh = W.data.T @ dz
    return mg.check_derivation(L, {"dL/dU": dU})


@wrong("dL/dU", r"the path through \(leak \* .* is missing, in each of 4 passes")
def path_missing_in_every_pass() -> Report:
    return through_leaky_states(lambda z: 1 - np.tanh(z) ** 2, 0.1)


@wrong("dL/dU", r"the contribution of \(leak \* .* has the wrong sign, in each of 4 passes")
def sign_in_every_pass() -> Report:
    return through_leaky_states(lambda z: 1 - np.tanh(z) ** 2 - 0.1, 0.1)


@wrong("dL/dU", r"the local factor tanh'\(.*\) is missing, in each of 4 passes")
def slope_missing_in_every_pass() -> Report:
    return through_leaky_states(lambda z: 1.0, 0.0)


@wrong("dL/dw", r"the factor \(1 - a\) is missing")
def half_of_the_slope_of_a_sigmoid() -> Report:
    x, w, y = rng(1).normal(size=(5, 3)), leaf(rng(2).normal(size=3)), rng(3).normal(size=5)
    a = mg.sigmoid(x @ w)
    return mg.check_derivation(np.sum((a - y) ** 2), {"dL/dw": x.T @ (2 * (a.data - y) * a.data)})


@wrong("dL/dx", "the factor c is missing")
def factor_missing_in_all_parts() -> Report:
    x, c = leaf([0.5, 1.2, 2.0]), leaf([1.5, -0.3, 0.7])
    L = np.sum(np.sin(x) * c + np.exp(x) * c)
    return mg.check_derivation(L, {"dL/dx": np.cos(x.data) + np.exp(x.data)})


@wrong("dL/dx", r"the local factors tanh'\(x\) and sin'\(tanh\(x\)\) are missing")
def two_slopes_missing() -> Report:
    x, k = leaf([0.5, 1.2, -0.4, 0.9]), np.array([2.0, -1.0, 3.0, 0.3])
    L = np.sum(np.exp(np.sin(np.tanh(x))) * k)
    return mg.check_derivation(L, {"dL/dx": k * np.exp(np.sin(np.tanh(x.data)))})


@wrong("dL/dz", "b stands where z belongs")
def constant_for_a_value() -> Report:
    x, w, b = leaf(rng(1).normal(size=4)), leaf(rng(2).normal(size=4)), rng(3).normal(size=4)
    z = x * w
    a = np.tanh(z + b)
    return mg.check_derivation(np.sum(a * z), {"dL/dz": a.data + b * (1 - a.data**2)})


@wrong("dL/dx", r"it equals tanh'\(x\) with q in place of h")
def output_of_another_function() -> Report:
    x, c = leaf(rng(1).normal(size=4)), rng(2).normal(size=4)
    h, q = np.tanh(x), np.cos(x)
    L = np.sum(h * c + q)
    return mg.check_derivation(L, {"dL/dx": c * (1 - q.data**2) - np.sin(x.data)})


@wrong("dL/dx", "the order of k is reversed along axis 0: k must be flipped here")
def kernel_as_it_is() -> Report:
    x, k = leaf(rng(1).normal(size=6)), leaf(rng(2).normal(size=3))
    y = np.stack([k[0] * x[i] + k[1] * x[i + 1] + k[2] * x[i + 2] for i in range(4)])
    return mg.check_derivation(np.sum(y**2), {"dL/dx": np.convolve(2 * y.data, k.data[::-1])})


@wrong("dL/dx", r"the order of flip\(k\) is reversed along axis 0: flip\(k\) must be flipped")
def operand_that_was_flipped() -> Report:
    x, k = leaf(rng(1).normal(size=6)), leaf(rng(2).normal(size=6))
    y = np.tanh(x * np.flip(k))
    return mg.check_derivation(np.sum(y), {"dL/dx": (1 - y.data**2) * k.data})


@wrong("dL/dA", "B is reshaped where it should be transposed")
def reshaped_for_transposed() -> Report:
    A, B = leaf(rng(1).normal(size=(2, 3))), leaf(rng(2).normal(size=(3, 4)))
    Y = A @ B
    return mg.check_derivation(np.sum(Y**3), {"dL/dA": (3 * Y.data**2) @ B.data.reshape(4, 3)})


@wrong("dL/dz", "its blocks along axis 0 stand in another order: 2, 1, 3 for 1, 2, 3")
def gates_in_another_order() -> Report:
    W, x = leaf(rng(1).normal(size=(6, 2))), rng(2).normal(size=2)
    z = W @ x
    t, s = np.tanh(z[:2]), mg.sigmoid(z[2:4])
    L = np.sum(t * s + np.sin(z[4:]))
    first, second = (1 - t.data**2) * s.data, t.data * s.data * (1 - s.data)
    return mg.check_derivation(L, {"dL/dz": np.concatenate([second, first, np.cos(z.data[4:])])})


@wrong("dL/dp", "s has the wrong sign, wherever it enters")
def rotation_that_is_not_turned_back() -> Report:
    angle, p = leaf(0.4), leaf(rng(1).normal(size=(5, 2)))
    c, s = np.cos(angle), np.sin(angle)
    q = np.stack([c * p[:, 0] - s * p[:, 1], s * p[:, 0] + c * p[:, 1]], axis=1)
    dq, C, S = 3 * q.data**2, c.data, s.data
    dp = np.stack([C * dq[:, 0] - S * dq[:, 1], S * dq[:, 0] + C * dq[:, 1]], axis=1)
    return mg.check_derivation(np.sum(q**3), {"dL/dp": dp})


@wrong("dL/dw", "the same part of x is taken every time, where it moves on")
def window_that_stands_still() -> Report:
    w, x = leaf(rng(1).normal(size=3)), leaf(rng(2).normal(size=7))
    ys = [np.tanh(np.sum(w * x[t : t + 3])) for t in range(4)]
    L = sum(y**2 for y in ys)
    dw = sum(2 * y.data * (1 - y.data**2) * x.data[:3] for y in ys)
    return mg.check_derivation(L, {"dL/dw": dw})


@wrong("dL/dx", "it is the value of h, not a derivative")
def value_for_a_derivative() -> Report:
    x = leaf(rng(1).normal(size=4))
    h = np.tanh(x)
    return mg.check_derivation(np.sum(h**3), {"dL/dx": h.data})


@wrong("dL/db", r"-a / b stands where -a / b\*\*2 belongs")
def denominator_not_squared() -> Report:
    a, b = leaf([1.0, 2, 3.5]), leaf([2.0, 0.7, 3])
    y = np.tanh(a / b)
    return mg.check_derivation(np.sum(y), {"dL/db": -(1 - y.data**2) * a.data / b.data})


@wrong("dL/dx", r"σ'\(x\) stands where ∂y/∂x belongs")
def slope_of_a_sigmoid_for_that_of_a_swish() -> Report:
    x = leaf(rng(1).normal(size=5))
    y = x * mg.sigmoid(x)
    s = 1 / (1 + np.exp(-x.data))
    return mg.check_derivation(np.sum(y**2), {"dL/dx": 2 * y.data * s * (1 - s)})


@wrong("dL/dx", r"tanh\(x\) stands where ∂y/∂x belongs")
def function_for_the_slope_of_another() -> Report:
    x = leaf(rng(1).normal(size=5))
    y = np.sqrt(1 + x**2)
    return mg.check_derivation(np.sum(y**2), {"dL/dx": 2 * y.data * np.tanh(x.data)})


@wrong("dL/dx", "of what arrives at the copies in .*, the first alone is taken")
def one_of_two_copies() -> Report:
    x, c = leaf(rng(1).normal(size=3)), rng(2).normal(size=6)
    y = np.tanh(np.tile(x, 2))
    return mg.check_derivation(np.sum(y * c), {"dL/dx": (c * (1 - y.data**2))[:3]})


@wrong("dL/db", "what arrives at b is summed over axes 0, 2 where axes 0, 1 belongs")
def summed_over_an_axis_of_the_same_length() -> Report:
    b, A, C = leaf(rng(1).normal(size=2)), rng(2).normal(size=(3, 2, 2)), rng(3).random((3, 2, 2))
    y = np.tanh(A + b)
    dy = C * (1 - y.data**2)
    return mg.check_derivation(np.sum(y * C), {"dL/db": dy.sum((0, 2))})


@wrong("dL/dW", "a sum where the mean over 18 belongs, and beside that it is ½ times the truth")
def sum_for_mean_without_the_two_of_a_square() -> Report:
    W = leaf(rng(4).normal(size=(6, 3)))
    y = np.tanh(W)
    return mg.check_derivation(np.mean(y**2), {"dL/dW": y.data * (1 - y.data**2)})


@wrong("dL/dx", "a stands where b belongs, in all parts")
def a_number_for_another_in_all_parts() -> Report:
    x, a, b = leaf(rng(1).normal(size=5)), leaf(0.37), leaf(1.91)
    L = np.sum(np.sin(x) * b + np.exp(x) * b) + a**2
    return mg.check_derivation(L, {"dL/dx": (np.cos(x.data) + np.exp(x.data)) * a.data})


def amount_of_a_part(n: int) -> Report:
    x = leaf(rng(n).normal(size=n))
    a, b = np.sin(x), np.exp(x)
    return mg.check_derivation(
        np.sum(a * b), {"dL/dx": 3.7 * np.cos(x.data) * b.data + a.data * b.data}
    )


@wrong("dL/dx", "the part through a is 3.7 times what it should be")
def any_amount_that_three_entries_agree_on() -> Report:
    return amount_of_a_part(3)


@wrong("dL/dx", "no known slip explains it")
def any_amount_of_two_entries() -> Report:
    return amount_of_a_part(2)


@wrong("dL/dx", "only entry 1 is wrong")
def one_entry_of_the_smallest() -> Report:
    x, k = leaf(rng(5).normal(size=6)), 1e-12
    y = np.sin(x)
    L = np.sum(y) * k
    dx = k * np.cos(x.data)
    dx[1] *= 1.37
    return mg.check_derivation(L, {"dL/dx": dx})


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[2].__name__)
def test_the_cause_is_named(case: tuple[str, str, Callable[[], Report]]) -> None:
    first, words, f = case
    report = f()
    assert not report.ok
    error = report.first_error
    assert error.quantity == first, report
    assert re.search(words, str(error.diagnosis)), error.diagnosis


# --- right and wrong where numbers are tiny, or rounded -------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-12, 1e-20, 1e-200])
def test_the_smallest_gradients_are_judged(scale: float) -> None:
    x = leaf(0.3)
    L = x**2 * scale
    for factor, right in ((1.0, True), (1.7, False), (-1.0, False), (0.0, False)):
        report = mg.check_derivation(L, {x: factor * 0.6 * scale})
        assert report.ok == right, report


def test_what_rounding_leaves_of_zero_is_right() -> None:
    z = leaf(rng(20).normal(size=(4, 3)))
    shift = leaf(np.zeros((4, 1)))
    L = np.sum(mg.softmax(z + shift, axis=1) * rng(21).normal(size=(4, 3)))
    assert mg.check_derivation(L, {"dL/dshift": np.full((4, 1), 3e-17)}).ok
    assert not mg.check_derivation(L, {"dL/dshift": np.full((4, 1), 3e-6)}).ok


@pytest.mark.parametrize("seed", range(20))
def test_arrays_rounded_to_digits_or_places(seed: int) -> None:
    """Trailing zeros are lost; which rounding it was is told by where fewer are."""
    x = leaf(rng(seed).normal(size=7) * 10.0 ** rng(seed).integers(-2, 2, size=7))
    L = np.sum(x**2)
    truth = 2 * x.data
    digits = np.array([float(f"{v:.3g}") for v in truth])
    assert mg.check_derivation(L, {"dL/dx": digits}).ok
    assert mg.check_derivation(L, {"dL/dx": np.round(truth, 4)}).ok


def test_units_of_rounded_arrays() -> None:
    np.testing.assert_allclose(read(np.array([0.111, 0.0321, 0.12])).implied, [1e-3, 1e-4, 1e-3])
    np.testing.assert_allclose(read(np.array([0.1234, 0.0123, -1.2345])).implied, [1e-4] * 3)


@pytest.mark.parametrize(("hand", "right"), [(-1130.0, True), (-1132, True), (-1100.0, False)])
def test_long_whole_numbers_may_be_rounded(hand: float, right: bool) -> None:
    x = leaf(-565.845)
    assert mg.check_derivation(x**2, {x: hand}).ok == right


def test_objects_that_refuse_to_be_shown() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise ValueError("no")

        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("no")

    r = leaf([1.0, 2.0])
    L = np.sum(r**2)
    report = mg.check_derivation(L, {"dL/dr": Shy(), "dL/dL": 1.0})
    assert report.first_error.quantity == "dL/dr"
    assert "<Shy>" in str(report)


@pytest.mark.parametrize(
    ("of", "truth"),
    [
        (lambda A: np.sum(np.linalg.eigh(A)[0]), lambda A: np.eye(3)),
        (lambda A: np.sum(np.linalg.svd(A)[1]), lambda A: np.eye(3)),  # of a positive one, U is V
        (lambda A: np.sum(np.log(np.abs(np.diag(np.linalg.qr(A)[1])))), np.linalg.inv),
        (lambda A: np.linalg.slogdet(A)[1], np.linalg.inv),
        (lambda A: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(A)))), np.linalg.inv),
    ],
    ids=["eigh", "svd", "qr", "slogdet", "cholesky"],
)
def test_factors_of_matrices(of: Callable[[Any], Any], truth: Callable[[Any], Any]) -> None:
    A = mg.Tensor([[2.0, 0.3, 0.1], [0.3, 1.5, -0.4], [0.1, -0.4, 3.0]], requires_grad=True)
    L = of(A)
    right = truth(A.data)
    report = mg.check_derivation(L, {"dL/dA": right})
    assert report.ok and not report.rows[0].remark
    assert mg.check_derivation(L, {"dL/dA": -right}).first_error.diagnosis.kind == "sign"
    report = mg.check_derivation(L, {"dL/dA": right + np.arange(9.0).reshape(3, 3)})
    assert report.first_error.diagnosis.kind == "other"


def test_parts_without_a_name_are_told_apart() -> None:
    X, F = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 3.0]]), mg.Tensor([0.7, -1.0], requires_grad=True)
    a = X[0, 0] * F[0] + X[0, 1] * F[1]
    b = X[1, 0] * F[0] + X[1, 1] * F[1]
    L = a**2 + np.exp(b)
    hand = 2 * a.item() * np.array([1.0, 2.0]) + np.exp(b.item()) * np.array([0.3, 0.0])
    said = mg.check_derivation(L, {"dL/dF": hand}).first_error.remark
    assert said == "the path through F[1] in b is missing"
    said = mg.check_derivation(L, {"d2L/dF2": 2 * np.outer(X[0, :2], X[0, :2])}).first_error.remark
    assert "1 *" not in said and not re.search(r"\bt\d", said)


def test_half_of_two_numbers_is_no_mean_alone() -> None:
    A = np.diag([1.0, 3.0])
    x = mg.Tensor([0.3, -1.2], requires_grad=True)
    J = np.sum(x * (A @ x))
    report = mg.check_derivation(J, {"dx": A @ x.data})
    assert report.rows[0].remark == "the path through (A @ x) is missing"
    y = mg.Tensor([0.3, -1.2], requires_grad=True)
    K = np.sum(np.exp(2 * y))
    half = mg.check_derivation(K, {"dy": np.exp(2 * y.data)}).rows[0]
    assert "factor 2 is missing" in half.remark or "local factor 2" in half.remark
    S = np.sum(3 * y)
    third = mg.check_derivation(S, {"dy": np.full(2, 1.5)}).rows[0]
    assert third.remark == (
        "it is ½ times the truth: a factor 2 is missing, or it is a mean over 2"
    )
