"""Causes as a teacher names them: parts of a sum, functions, neighbours, patterns, one slip."""

# Strings refer to variables that nothing else reads; a derivation is one line.
# ruff: noqa: F841

from __future__ import annotations

import gc
import re
import time
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import slips_campaign
from minigrad.derivation import factors, search
from minigrad.derivation.slips import SLIPS, functions

check = mg.check_derivation


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


def normal(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def says(report: Any, quantity: str, words: str, kind: str) -> None:
    first = report.first_error
    assert first is not None, report
    assert first.quantity == quantity, report
    assert first.diagnosis.kind == kind, report
    assert re.search(words, first.remark), first.remark


# --- parts of a sum --------------------------------------------------------------------


def test_one_part_by_the_wrong_amount() -> None:
    X, y, reg, n = normal(0, 8, 5), normal(1, 8), 0.1, 8
    W = leaf(normal(2, 5))
    data = np.mean((X @ W - y) ** 2)
    reg_loss = reg * np.sum(W * W)
    L = data + reg_loss
    w = W.data
    dd, dr = 2 / n * X.T @ (X @ w - y), 2 * reg * w
    says(
        check(L, {W: dd + dr / 2}),
        "dL/dW",
        r"the part through reg_loss is ½ .* the factor 2 is missing",
        "factor",
    )
    says(
        check(L, {W: dd + dr / n}),
        "dL/dW",
        r"the part through reg_loss is 1/8 of what it should be",
        "factor",
    )
    says(check(L, {W: dd * n + dr}), "dL/dW", r"the part through .*data is 8 times what", "factor")
    says(
        check(L, {W: dd + 2 * dr}),
        "dL/dW",
        r"the part through reg_loss is 2 times what .* a factor 2 too many",
        "factor",
    )
    says(check(L, {W: dd - dr}), "dL/dW", r"the path through reg_loss has the wrong sign", "sign")
    says(check(L, {W: dd}), "dL/dW", r"the path through reg_loss is missing", "dropped_path")
    says(check(L, {W: dd / 2 + 2 * dr}), "dL/dW", r"data is ½ of .* reg_loss is 2 times", "factor")
    words = r"data is missing, and the part through reg_loss has the wrong sign"
    says(check(L, {W: -dr}), "dL/dW", words, "factor")
    says(check(L, {W: 0 * w}), "dL/dW", r"it is 0, as though L did not depend on W", "dropped_path")


def test_a_quadratic_form() -> None:
    A, x = normal(3, 4, 4), leaf(normal(4, 4))
    f = x @ A @ x
    says(
        check(f, {x: 2 * A @ x.data}),
        "df/dx",
        r"is taken twice; the other half, .* is missing",
        "factor",
    )


def test_a_branch_where_more_branching_follows() -> None:
    h, g = leaf(normal(5, 6, 3)), normal(6, 6, 3)
    mean = h.sum(0, keepdims=True) / 6
    diff = h - mean
    diff2 = diff**2
    var = diff2.sum(0, keepdims=True) / 5
    inv = (var + 1e-5) ** -0.5
    raw = diff * inv
    L = np.sum(raw * g + np.sin(raw))
    d = g + np.cos(raw.data)
    short = d * inv.data
    dh = short - short.mean(0, keepdims=True)
    says(check(L, {h: dh}), "dL/dh", r"the path through diff2", "dropped_path")


# --- functions -------------------------------------------------------------------------


def test_usual_wrong_derivatives() -> None:
    x = leaf([0.4, -0.7, 1.1])
    v, g = x.data, np.array([1.0, 2.0, -0.5]) * np.pi
    t, s, e = np.tanh(x), mg.sigmoid(x), np.exp(x)
    T, S = t.data, s.data
    for f, d, words in [
        (t, 1 + T**2, r"1 \+ t\*\*2 stands where 1 - t\*\*2 belongs"),
        (t, -(T**2), r"-t\*\*2 stands where 1 - t\*\*2 belongs"),
        (s, 1 / (1 + np.exp(-S)), r"stands where its derivative σ'\(x\) belongs"),
        (s, S * (1 + S), r"s \* \(1 \+ s\) stands where s \* \(1 - s\) belongs"),
        (e, v * np.exp(v - 1), r"x \* exp\(x - 1\) stands where exp\(x\) belongs"),
    ]:
        L = np.sum(f * g)
        says(check(L, {x: g * d}), "dL/dx", words, "wrong_derivative")
    q = x**3
    says(
        check(np.sum(q * g), {x: 3 * g * v**3}),
        "dL/dx",
        r"3 \* x\*\*3 stands where 3 \* x\*\*2 belongs",
        "wrong_derivative",
    )
    r = mg.relu(x)
    says(
        check(np.sum(r * g), {x: g * (g > 0)}),
        "dL/dx",
        r"d\w+/dr stands where x belongs",
        "wrong_node",
    )
    lr = mg.leaky_relu(x)
    says(
        check(np.sum(lr * g), {x: g * (v > 0)}),
        "dL/dx",
        r"negative side.* is taken for 0",
        "wrong_derivative",
    )


def test_products_and_powers() -> None:
    x, w = leaf(normal(0, 4, 4)), leaf(normal(1, 4, 4))
    z = x * w
    for hand in (x.data @ (2 * z.data), (2 * z.data) @ x.data):
        words = "a matrix product with x stands where an elementwise one belongs"
        says(check(np.sum(z**2), {w: hand}), "dL/dw", words, "wrong_product")
    L = np.sum(x**3 * w)
    says(check(L, {x: w.data}), "dL/dx", r"factor 3·x\^2 is missing", "missing_local_factor")
    r = leaf([0, 4])
    report = check(np.sum(np.sqrt(r) * [0, 1]), {r: [0, 0.25]})  # nothing arrives at the slope ∞
    row = report.rows[0]
    assert row.verdict == "correct" and row.agrees and np.all(row.autodiff == [0, 0.25])


def test_a_sum_taken_for_one() -> None:
    x, t = leaf(normal(0, 5)), normal(1, 5)
    e = np.exp(x)
    s = np.sum(e)
    L = np.sum(e / s * t)
    arrives = -np.sum(t * e.data) / s.data**2
    words = rf"the sum that arrives at s, {arrives:.4g}, was taken for 1"
    says(check(L, {x: t / s.data * e.data + e.data}), "dL/dx", words, "factor")


def test_softmax() -> None:
    z, g = leaf(normal(7, 4, 4)), normal(8, 4, 4)
    p = mg.softmax(z, axis=-1)
    L = np.sum(p * g)
    P = p.data
    for dz, words in [
        (g * P * (1 - P), r"entry by entry: -pᵢ pⱼ off the diagonal"),
        (g * P, r"the row sum Σ dL/dp \* p is missing"),
        (P * (g - (P * g).sum(0, keepdims=True)), r"summed over axis 0 where axis -1 belongs"),
        (P * (g + (P * g).sum(1, keepdims=True)), r"the row sum is added, not subtracted"),
    ]:
        says(check(L, {"dL/dp": g, "dL/dz": dz}), "dL/dz", words, "wrong_derivative")


# --- neighbours ------------------------------------------------------------------------


def test_what_belongs_to_something_else() -> None:
    X, W1, W2, y = normal(9, 5, 3), leaf(normal(10, 3, 3)), leaf(normal(11, 3, 3)), normal(12, 5, 3)
    b1, b2 = leaf(normal(13, 3)), leaf(normal(14, 3))
    a = np.tanh(X @ W1 + b1)
    o = a @ W2 + b2
    L = np.sum((o - y) ** 2) / 2
    do = o.data - y
    da = do @ W2.data.T
    dz = da * (1 - a.data**2)
    dW1, dW2, db1, db2 = X.T @ dz, a.data.T @ do, dz.sum(0), do.sum(0)
    says(check(L, {W1: dW2, W2: dW2}), "dL/dW1", r"it is dL/dW2", "neighbour")
    says(check(L, {b2: db2, b1: db2}), "dL/db1", r"it is dL/db2", "neighbour")
    stale = W2.data - 0.05 * dW2
    late = (do @ stale.T) * (1 - a.data**2)
    says(
        check(L, {W2: dW2, W1: X.T @ late}),
        "dL/dW1",
        r"at the updated W2 \(after a step of 0\.05\)",
        "updated",
    )
    says(
        check(L, {W1: X.T @ ((do @ dW2.T) * (1 - a.data**2)), W2: dW2}),
        "dL/dW1",
        r"dL/dW2 stands where W2 belongs",
        "wrong_node",
    )
    says(
        check(L, {b1: dW1.sum(0)}),
        "dL/db1",
        r"it is dL/dW1 summed over axis 0: a factor X too many",
        "neighbour",
    )
    says(check(L, {a: da * a.data}), "dL/da", r"factor a too many", "extra_local_factor")


def test_a_weight_taken_for_one_that_is_transposed() -> None:
    X, W, V = normal(9, 5, 4), leaf(normal(10, 4, 3)), leaf(normal(11, 4, 3))
    h = np.tanh(X @ W)
    L = np.sum((h @ V.T - X) ** 2)
    do = 2 * (h.data @ V.data.T - X)
    dW = X.T @ ((do @ W.data) * (1 - h.data**2))
    says(check(L, {W: dW}), "dL/dW", r"^W stands where V belongs$", "wrong_node")


def test_the_slope_of_a_number_taken_at_an_array() -> None:
    x, w = normal(9, 2), leaf(normal(10, 2))
    s = w @ x
    L = 3 * np.tanh(s)
    words = r"^it equals tanh'\(s\) evaluated at x where s belongs"
    says(check(L, {w: 3 * (1 - np.tanh(x) ** 2) * x}), "dL/dw", words, "wrong_node")


def test_an_operand_taken_for_another_with_all_that_follows() -> None:
    X, W, b, c = normal(9, 5, 4), leaf(normal(10, 4, 3)), leaf(normal(11, 3)), leaf(normal(12, 3))
    L = np.sum(np.tanh(X @ W + b) ** 3 + c)
    h = np.tanh(X @ W.data + c.data)
    dW = X.T @ (3 * h**2 * (1 - h**2))
    says(check(L, {W: dW}), "dL/dW", r"^c stands where b belongs$", "wrong_node")


def test_slopes_of_the_pass_before() -> None:
    W, hs = leaf(normal(9, 3, 3)), [normal(10, 3)]
    for x in normal(11, 3, 3):
        hs.append(np.tanh(W @ hs[-1] + x))
    L = np.sum(hs[-1])
    h, g, dW = [hs[0], *(x.data for x in hs[1:])], np.ones(3), np.zeros((3, 3))
    for t in (3, 2, 1):
        dz = g * (1 - h[t - 1] ** 2)
        dW, g = dW + np.outer(dz, h[t - 1]), W.data.T @ dz
    words = r"evaluated at the value of the pass before, .* in each of 3 passes"
    says(check(L, {W: dW}), "dL/dW", words, "wrong_node")


def test_factors_of_products() -> None:
    a, b, c = (leaf(normal(i, 4)) for i in (9, 10, 11))
    L = np.sum(np.einsum("i,i,i->i", a, b, c) ** 2)
    da = 2 * a.data * b.data * c.data * b.data
    says(check(L, {a: da}), "dL/da", r"^c is missing from the product", "missing_local_factor")
    z, y = leaf(normal(12, 5, 3)), np.eye(3)[[0, 1, 2, 1, 0]]
    p = mg.softmax(z)
    L = -np.sum(y * np.log(p))
    dz = (p.data - y) * p.data * (1 - p.data)
    says(check(L, {z: dz}), "dL/dz", r"^a factor p \* \(1 - p\) too many$", "extra_local_factor")


def test_amounts() -> None:
    X, w = normal(9, 6, 2), leaf(normal(10, 2))
    L = np.sum(np.exp(X @ w))
    dw = X.T @ np.exp(X @ w.data)
    words = r"a mean over 6 where the sum belongs, and beside that it is ½ times"
    says(check(L, {w: dw / 12}), "dL/dw", words, "mean_for_sum")
    says(check(L, {w: np.mean(dw)}), "dL/dw", r"^it is averaged over everything", "other")
    square = np.sum(w**2)
    M = np.mean(X @ w) + square
    wrong = X.mean(0) - 2 * w.data / 6
    says(check(M, {w: wrong}), "dM/dw", r"through square is -1/6 times", "factor")
    v = leaf(3.5)
    K = (v * 2) ** 2 * 0.5 + v * 3
    says(check(K, {"dK/dv": "10.0"}), "dK/dv", r"\(v \* 2\) is ½ of what it should be", "factor")
    v = leaf(3.0)
    u = v * 1
    K = u**2 * 0.5 + v * 3
    says(check(K, {"dK/dv": "3.0"}), "dK/dv", r"^the path through u is missing", "dropped_path")


def test_a_penalty_and_a_sum_of_another_shape() -> None:
    rng = np.random.default_rng(2)
    X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, b = (mg.Tensor(rng.normal(size=s), requires_grad=True) for s in ((3, 4), 4))
    Z = X @ W + b
    L = 0.5 * np.sum((Z - T) ** 2)
    dZ = Z.data - T
    dW = X.T @ dZ
    for hand, kind, words in (
        ({"dW": dW + 0.1 * W.data}, "penalty", "0.1·W is added, the gradient of a penalty"),
        ({"dW": dW + 0.1 * W.data**2}, "other", "no known slip explains it"),
        ({"db": dZ.sum(axis=1)}, "wrong_sum", "it is summed over axis 1 where axis 0 belongs"),
        ({"db": dZ.sum(axis=1) + 1}, "shape", "shape (6,), where (4,) belongs"),
    ):
        found = mg.check_derivation(L, hand).first_error.diagnosis
        assert found.kind == kind and words in str(found)
    penalised = L + 0.05 * np.sum(W**2)
    assert "penalty" not in str(mg.check_derivation(penalised, {"dW": dW}).first_error.diagnosis)


def test_slices_order_and_products() -> None:
    h, x = leaf(normal(15, 3)), leaf(normal(16, 3))
    W, g = leaf(normal(17, 4, 6)), normal(18, 4)
    both = np.concatenate([h, x])
    L = np.sum((W @ both) * g)
    d = W.data.T @ g
    says(
        check(L, {h: d[3:]}),
        "dL/dh",
        r"it is the slice 3:6 of what arrives at both, where 0:3 belongs",
        "slice",
    )
    s, k = leaf(normal(19, 7)), leaf(normal(20, 3))
    y = np.stack([s[i : i + 3] @ k for i in range(5)])
    M = np.sum(y * normal(21, 5))
    ds = np.convolve(normal(21, 5), k.data[::-1], "full")
    says(check(M, {s: ds}), "dM/ds", r"k must be flipped here", "order")
    A, B, G = leaf(normal(22, 3, 3)), leaf(normal(23, 3, 3)), normal(24, 3, 3)
    P = A @ B
    says(
        check(np.sum(P * G), {A: G * B.data.T}),
        "dL/dA",
        r"an elementwise product stands where the matrix product A @ B",
        "wrong_product",
    )


def test_a_residual_with_the_wrong_sign() -> None:
    X, y, theta = normal(25, 6, 3), normal(26, 6), leaf(normal(27, 3))
    h = X @ theta
    J = np.sum((h - y) ** 2) / 12
    says(
        check(J, {theta: X.T @ (h.data + y) / 6}),
        "dJ/dtheta",
        r"h \+ y stands where h - y belongs",
        "wrong_node",
    )
    says(check(J, {theta: X.T @ h.data / 6}), "dJ/dtheta", r"h", "wrong_node")


# --- entries ---------------------------------------------------------------------------


def test_which_entries_are_wrong() -> None:
    C, g = leaf(normal(28, 5, 3)), normal(29, 4, 3)
    ix = np.array([0, 2, 2, 4])
    emb = C[ix]
    L = np.sum(emb * g)
    dC = np.zeros((5, 3))
    dC[ix] = g
    says(
        check(L, {"dL/demb": g, C: dC}),
        "dL/dC",
        r"rows used more than once only the last part is kept",
        "assigned",
    )
    z, gz = leaf(0.3 * normal(30, 4, 3)), normal(31, 4, 3)
    f = np.where(z.data > 0, 1.0, np.exp(z.data))
    M = np.sum(mg.elu(z) * gz)
    right = gz * f
    says(
        check(M, {z: np.where(z.data < 0, right * 1.5, right)}),
        "dM/dz",
        r"only entries where z < 0 are wrong: there it is 1.5 times",
        "entries",
    )
    dz = np.where(z.data > 0, right * 1.5, right)
    says(check(M, {z: dz}), "dM/dz", r"^only entries where z > 0 are wrong", "entries")
    theta, X, y = leaf(normal(32, 4)), normal(33, 9, 4), normal(34, 9)
    J = np.sum((X @ theta - y) ** 2) + 0.3 * np.sum(theta[1:] ** 2)
    d = 2 * X.T @ (X @ theta.data - y) + 0.6 * theta.data
    says(check(J, {theta: d}), "dJ/dtheta", r"only entry 0 is wrong", "entries")
    W = leaf(normal(35, 4, 3))
    N = np.sum(W**3)
    dW = 3 * W.data**2
    dW[:, 1] = 0
    says(check(N, {W: dW}), "dN/dW", r"only column 1 is wrong: they are 0", "entries")


# --- one slip, two findings ------------------------------------------------------------


def test_findings_that_follow_from_one_slip() -> None:
    X, y = normal(36, 6, 3), normal(37, 6, 2)
    W1, b1, W2 = leaf(normal(38, 3, 4)), leaf(normal(39, 4)), leaf(normal(40, 4, 2))
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    L = np.mean((A1 @ W2 - y) ** 2)
    do = 2 * (A1.data @ W2.data - y) / 12
    dZ1 = do @ W2.data.T * (1 - A1.data**2)
    for wrong in (dZ1 / 6, do @ W2.data.T * (1 + A1.data**2), -dZ1):
        report = check(L, {W2: A1.data.T @ do, W1: X.T @ wrong, b1: wrong.sum(0)})
        assert [r.verdict for r in report.rows].count("wrong") == 1, report
        assert [r.verdict for r in report.rows].count("carried") == 1, report
        assert re.search(r"both follow from one slip in dL/d", report.first_error.remark), report
    report = check(L, {Z1: dZ1, W1: X.T @ dZ1 / 6, b1: dZ1.sum(0) / 6})
    assert [r.verdict for r in report.rows].count("wrong") == 2
    report = check(L, {W1: 2 * X.T @ dZ1, b1: -dZ1.sum(0)})
    assert [r.verdict for r in report.rows].count("wrong") == 2


def test_divided_once_too_often() -> None:
    y, w = normal(41, 5), leaf(0.4)
    L = np.mean((w * 2.0 - y) ** 2)
    g = float(np.mean(2 * (0.8 - y) * 2.0))
    says(check(L, {w: g / 5}), "dL/dw", r"divided by 5 once too often", "mean_for_sum")


# --- no inventions ---------------------------------------------------------------------


def test_slips_are_a_registry() -> None:
    assert len(SLIPS) > 30
    assert [s.price for s in SLIPS] == sorted(s.price for s in SLIPS)
    for s in SLIPS:
        assert s.sentence
        assert s.kind
        assert s.find.__doc__


@pytest.mark.full
@pytest.mark.parametrize("digits", [False, True], ids=["full", "three digits"])
def test_a_share_of_the_campaign(digits: bool) -> None:
    """``python tests/slips_campaign.py`` runs all of it."""
    graphs = [slips_campaign.gated_unit, slips_campaign.two_towers, slips_campaign.rosenbrock]
    found = slips_campaign.campaign(range(1), digits, graphs)
    right = found.pop("right")
    assert right.verdict == right.n
    n = sum(t.n for t in found.values())
    assert sum(t.verdict for t in found.values()) == n
    assert sum(t.first for t in found.values()) == n
    assert sum(t.useful for t in found.values()) >= 0.9 * n, slips_campaign.table(found)
    assert sum(t.invented for t in found.values()) <= 0.05 * n, slips_campaign.table(found)


def test_noise_has_no_cause() -> None:
    x, W = normal(42, 5, 3), leaf(normal(43, 3, 2))
    L = np.mean(np.tanh(x @ W) ** 2)
    g = np.asarray(mg.gradients(L, W))
    for seed in range(8):
        noisy = g + 0.2 * normal(50 + seed, 3, 2)
        assert check(L, {W: noisy}).first_error.diagnosis.kind == "other"
        assert check(L, {W: noisy.round(3)}).first_error.diagnosis.kind == "other"


# --- what a report costs ---------------------------------------------------------------


def test_reports_keep_no_variables_alive() -> None:
    def graded() -> tuple[Any, Any]:
        big, x = mg.Tensor(np.ones(1000)), leaf(0.5)
        other = weakref.ref(big)
        return check(np.sin(x), {x: 0.3}), other

    gc.disable()
    try:
        report, other = graded()
        assert other() is None
    finally:
        gc.enable()
    assert not report.ok


@pytest.mark.full
def test_long_chains_in_linear_time() -> None:
    def seconds(n: int) -> float:
        x = leaf(0.5)
        y = x
        for _ in range(n):
            y = y + 1e-3 * np.sin(y)
        g = float(mg.gradients(y, x))
        start = time.process_time()
        assert check(y, {x: g}).ok
        says(check(y, {x: -g}), "dy/dx", "sign", "sign")
        assert check(y, {x: 1.37 * g + 0.1}).first_error.diagnosis.kind == "other"
        return time.process_time() - start

    assert seconds(1200) < 5 * seconds(300)


def test_usual_slopes_are_what_they_are_called() -> None:
    for op, rows in functions.SLOPES.items():
        positive = op in (mg.ops.log, mg.ops.sqrt, mg.ops.reciprocal)
        x = np.array([0.3 if positive else -0.4, 0.9, 1.7])
        a = op.forward(x)
        values = {"x": x, "a": a, "σ": mg.ops.sigmoid.forward}
        values |= {f: getattr(np, f) for f in "abs cos cosh exp log sign sin sqrt tanh".split()}
        worth = lambda words, values=values: eval(words.format("a", x="x", a="a"), values)
        for wrong, right, slope in rows:
            np.testing.assert_allclose(slope(x, a), worth(wrong) + 0 * x, err_msg=wrong)
            np.testing.assert_allclose(op.rule(0)(np.ones(3), a, x), worth(right), err_msg=right)
        for other, _, slope, words in functions.WRITTEN_OUT:
            if other is op:
                np.testing.assert_allclose(slope(x, a), worth(words))
                np.testing.assert_allclose(slope(x, a), op.rule(0)(np.ones(3), a, x))


def test_a_factor_too_many_in_one_part() -> None:
    X, y, reg = normal(3, 8, 5), normal(4, 8), 0.37
    W = leaf(normal(5, 5))
    w = W.data
    penalty = reg * np.sum(W**2)
    L = np.mean((X @ W - y) ** 2) + penalty
    hand = 2 / 8 * X.T @ (X @ w - y) + reg * (2 * reg * w)
    words = "in the part through penalty a factor reg too many"
    says(check(L, {W: hand}), "dL/dW", words, "extra_local_factor")
    s = np.tanh(W)
    L = np.sum(s * y[:5]) + np.sum(W**3)
    hand = (1 - s.data**2) * y[:5] * s.data + 3 * w**2
    words = "in the part through s a factor s too many"
    says(check(L, {W: hand}), "dL/dW", words, "extra_local_factor")


@pytest.mark.parametrize(
    "x, words",
    [(0.5, "½"), (1 / 3, "⅓"), (2 / 3, "⅔"), (0.25, "¼"), (0.75, "¾"), (1 / 7, "1/7"), (2.0, "2"),
     (5 / 7, "0.714286"), (1.5, "1.5"), (-0.5, "-0.5"), (0.0, "0"), (4 / 3, "4/3"), (1.1, "1.1")],
)  # fmt: skip
def test_numbers_as_people_write_them(x: float, words: str) -> None:
    assert factors.number(x) == words


def test_which_factors_are_simple() -> None:
    assert all(factors.is_simple(s * n) for s in (1, -1) for n in (1, 2, 3, 4, 5, 6, 8, 10, 100))
    assert all(factors.is_simple(x) for x in (1 / 2, 1 / 6, 1 / 100, 2 / 3, 3 / 4, 3 / 2, 4 / 3))
    assert not any(map(factors.is_simple, (7, 1 / 7, 0.4, 2.5, 9, 11, 101, 1e-9, 0.9999)))


def test_factors_of_units_are_what_they_are_called() -> None:
    for value, words in search.UNITS:
        if (log := re.match(r"(log|ln )(\d+)", words)) is not None:
            expected = np.log(float(log[2])) ** (1 if log[1] == "ln " else -1)
        elif "degrees" in words:
            expected = np.degrees(1.0) if "for" in words else np.radians(1.0)
        else:
            code = words.replace("2π", "2*π").replace("√2", "2**0.5")
            expected = eval(code, {"π": np.pi})
        assert value == pytest.approx(expected, rel=1e-14), words


@pytest.mark.parametrize("k, words", [(1, r"factor σ'\(y\) is missing"), (2, "factor ∂a/∂y is")])
def test_a_sigmoid_written_out_is_called_so_and_nothing_else_is(k: int, words: str) -> None:
    z, w, u = leaf(normal(6, 4)), leaf(normal(7, 4)), normal(8, 4)
    y = z * w
    a = 1 / (1 + np.exp(-k * y))
    L = np.sum(a * u)
    says(check(L, {w: u * z.data}), "dL/dw", words, "missing_local_factor")


class Asked:
    """What slips of single operations ask of a search: edges, names, and a value by its edit."""

    def __init__(self, y: mg.Tensor, *names: str) -> None:
        self.edges = [(y.node, i) for i in range(len(names))]
        self.names = names

    def operand(self, node: Any, i: int) -> str:
        return self.names[i]

    def edited(self, edits: dict[Any, Any]) -> Any:
        return next(iter(edits.values()))(1.0, None)


def told(slip: Any, asked: Asked, **values: Any) -> list[tuple[Any, ...]]:
    """What a slip yields, held against what its words are worth."""
    found = list(slip.find(asked))
    values |= {"log": np.log}
    for value, wrong, right in found:
        np.testing.assert_allclose(value, eval(wrong, values), err_msg=wrong)
        assert not np.allclose(value, eval(right, values)), wrong
    return found


@pytest.mark.parametrize("p", [3.0, 2.5])
def test_wrong_powers_are_what_they_are_called(p: float) -> None:
    x, up = leaf([0.4, 1.3, 2.2]), leaf(p)
    found = told(functions.powers, Asked(x**up, "x", "p"), x=x.data, p=p)
    rights = [right for _, _, right in found]
    assert rights[:5] == [rights[0]] * 5 and rights[5:] == ["x**p * log(x)"] * 5
    np.testing.assert_allclose(eval(rights[0], {"x": x.data}), p * x.data ** (p - 1))


def test_of_a_square_the_exponent_is_not_said_to_be_lowered() -> None:
    values = [v for v, *_ in functions.powers.find(Asked(leaf([1.0, 2.0]) ** 2, "x"))]
    np.testing.assert_array_equal(values[3], [0.0, 0.0])


def test_wrong_quotients_are_what_they_are_called() -> None:
    a, b = leaf([0.4, 1.3, -2.2]), leaf([1.7, -0.6, 3.1])
    found = told(functions.quotients, Asked(a / b, "a", "b"), a=a.data, b=b.data)
    assert len(found) == 5
    np.testing.assert_allclose(eval(found[0][2], {"a": a.data, "b": b.data}), -a.data / b.data**2)


def test_branches_of_a_kink() -> None:
    x = leaf([-1.0, 0.0, 2.0])
    found = list(functions.one_branch.find(Asked(mg.relu(x), "x")))
    at = mg.grad(lambda x: mg.relu(x).sum())(x.data)[1]
    negative = [([k, at, 1], f"negative side, where x < 0, is taken for {k}") for k in (0, 1, -1)]
    positive = [([0, at, k], f"positive side, where x > 0, is taken for {k}") for k in (0, 1, -1)]
    turned = [([1, 1, 0], "of the two sides of x = 0 is exchanged")]
    assert len(found) == 7
    for (value, words), (expected, said) in zip(found, negative + positive + turned, strict=True):
        np.testing.assert_array_equal(value, expected)
        assert words.endswith(said)
    assert not list(functions.one_branch.find(Asked(mg.relu(leaf([0.0, 2.0])), "x")))
    assert not list(functions.one_branch.find(Asked(mg.relu(leaf([0.0, -2.0])), "x")))
