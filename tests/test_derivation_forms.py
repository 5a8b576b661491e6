"""Right is right, in every writing, layout, precision and notation, and nothing else is."""

# Strings refer to variables that nothing else reads; a derivation is one line.
# ruff: noqa: E501, F841

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.spelling import unlatex
from minigrad.derivation.values import Missing, Unreadable, read


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


def right(report: Any) -> Any:
    assert report.ok, report
    return report


def verdicts(report: Any) -> list[str]:
    return [r.verdict for r in report.rows]


def regression(n: int = 5) -> SimpleNamespace:
    """A linear layer with its derivatives in plain NumPy."""
    r = np.random.default_rng(7)
    X, Y = r.normal(size=(n, 3)), r.normal(size=(n, 2))
    W, b = leaf(r.normal(size=(3, 2))), leaf(r.normal(size=2))
    z = X @ W + b
    L = np.mean((z - Y) ** 2)
    dz = 2 * (z.data - Y) / (2 * n)
    return SimpleNamespace(X=X, Y=Y, W=W, b=b, z=z, L=L, dz=dz, dW=X.T @ dz, db=dz.sum(0))


# --- keys ------------------------------------------------------------------------------

WRITINGS = [
    "dL/dW1", "∂L/∂W1", "dL / dW1", "d(L)/d(W1)", "dL_dW1", "dLdW1", "∂L_∂W1", "dloss/dW1", "dJ/dW1",
    "dW1", "d_W1", "∂W1", "grad_W1", "gradW1", "gradient_W1", "W1_grad", "W1.grad", "∇W1", "∇_W1",
    "∇_{W1} L", "∇_W1(L)", "delta_W1", "nabla_W1", "W1_bar", r"\frac{\partial L}{\partial W_1}", "W1",
    r"$\frac{\partial L}{\partial W_{1}}$", r"\partial L/\partial W_1", r"\dfrac{dL}{dW_1}",
    r"\nabla_{W_1} L", r"\frac{\mathrm{d}L}{\mathrm{d}W^{[1]}}", "dL/dW₁", r"\frac{\partial \mathcal{L}}{\partial W_1}",
]  # fmt: skip


@pytest.mark.parametrize("key", WRITINGS)
def test_keys_in_every_writing(key: str) -> None:
    s = regression()
    W1, z, L = s.W, s.z, s.L
    right(mg.check_derivation(L, {key: s.dW}))
    report = mg.check_derivation(L, {key: -s.dW})
    assert report.first_error.diagnosis.kind == "sign", report


def test_greek_hats_and_primes() -> None:
    theta, y_hat0 = leaf(0.4), 2.0
    y_hat = theta * y_hat0
    L = (y_hat - 1.0) ** 2
    d = 2 * (0.8 - 1.0)
    for key in ("dL/dŷ", r"\frac{\partial L}{\partial \hat y}", r"dL/d\hat{y}", "dyhat"):
        right(mg.check_derivation(L, {key: d}))
    for key in ("dL/dθ", r"\partial L/\partial\theta", "∇θ", "dθ"):
        right(mg.check_derivation(L, {key: 2 * d}))
    ẑ = theta * 3
    E = (ẑ - 1) ** 2
    right(mg.check_derivation(E, {r"\frac{\partial E}{\partial \theta}": r"6(\hat{z} - 1)"}))


def test_a_bare_name_is_a_value_or_a_derivative() -> None:
    s = regression()
    W, z, L = s.W, s.z, s.L
    report = right(mg.check_derivation(L, {"z": s.z.data, "W": s.dW}))
    assert report.rows[1].note == "read as the derivative by W, not its value"
    right(mg.check_derivation(L, {"z": s.dz, "W": s.dW}))
    report = mg.check_derivation(L, {"z": s.dz, "W": 2 * s.dW})
    assert verdicts(report) == ["correct", "wrong"]
    assert str(report.first_error.diagnosis) == "it is 2 times the truth"
    dz = z * 1.0  # a variable of that very name
    total = np.sum(dz)
    right(mg.check_derivation(total, {"dz": z.data}))
    report = right(mg.check_derivation(total, {"dz": np.ones((5, 2))}))
    assert "read as the derivative by dz" in report.rows[0].note


def test_keys_of_dicts_and_attributes_of_the_caller() -> None:
    s = regression()
    params = {"W1": s.W, "b1": s.b}
    scores, loss = s.z, s.L
    del s.W, s.b
    right(mg.check_derivation(loss, {"W1": s.dW, "b1": s.db, "scores": s.dz}))
    right(mg.check_derivation(loss, {"dW1": s.dW, "db1": s.db, "dscores": s.dz}))
    assert not mg.check_derivation(loss, {"dW1": s.dW * 1.1}).ok
    assert len(params) == 2


def test_entries() -> None:
    s = regression()
    W, b, z, L = s.W, s.b, s.z, s.L
    hand = {"dL/dW[0, 1]": s.dW[0, 1], "dW[2][0]": s.dW[2, 0], "W[1, 1]": s.dW[1, 1], "db[1]": s.db[1],
            "dL/dW[:, 0]": s.dW[:, 0], "dL/dz[-1, 0]": s.dz[-1, 0], "z[0, 0]": z.data[0, 0]}  # fmt: skip
    report = right(mg.check_derivation(L, hand))
    for row in report.rows:
        if row.numeric is not None:
            np.testing.assert_allclose(row.numeric, row.hand, rtol=1e-6)
    report = mg.check_derivation(L, {**hand, "dL/dW[0, 1]": -s.dW[0, 1]})
    assert (report.first_error.quantity, report.first_error.diagnosis.kind) == (
        "dL/dW[0, 1]",
        "sign",
    )
    assert verdicts(report).count("wrong") == 1
    z0 = np.tanh(z)
    right(mg.check_derivation(L * 1.0 + np.sum(z0), {"dz0/dz[1, 1]": 1 - z0.data[1, 1] ** 2}))


def test_second_derivatives() -> None:
    r = np.random.default_rng(3)
    X, y = r.normal(size=(6, 2)), r.normal(size=6)
    w = leaf(r.normal(size=2))
    L = np.sum((X @ w - y) ** 2)
    H = 2 * X.T @ X
    for key in ("H", "d2L/dw2", "d²L/dw²", "∂²L/∂w²", "d^2L/dw^2", "Hessian", "∇²L", "H_w",
                r"\frac{\partial^2 L}{\partial w^2}", "d2L/dwdw", "d2L/dw dw^T"):  # fmt: skip
        right(mg.check_derivation(L, {key: H}))
        assert not mg.check_derivation(L, {key: 1.01 * H}).ok
    assert mg.check_derivation(L, {"H": -H}).first_error.diagnosis.kind == "sign"
    right(mg.check_derivation(L, {"d2L/dw2[0, 1]": H[0, 1]}))
    u, b = leaf(0.3), leaf(-0.2)
    z = u * 0.5 + b
    loss = np.sin(z) * u
    zz = float(z.data)
    right(mg.check_derivation(loss, {"d2loss/dudb": -np.sin(zz) * 0.3 * 0.5 + np.cos(zz)}))
    right(
        mg.check_derivation(loss, {"d2loss/db2": -np.sin(zz) * 0.3, "dloss/db": np.cos(zz) * 0.3})
    )
    v = leaf([0.5, -1.0])
    cubes = np.sum(v**3)
    right(mg.check_derivation(cubes, {"d2cubes/dv2": 6 * v.data}))
    right(mg.check_derivation(cubes, {"d2cubes/dv2": np.diag(6 * v.data)}))
    right(mg.check_derivation(3.0 * u, {"d2J/du2": 0.0}))
    report = mg.check_derivation(3.0 * u, {"d2J/du2": 1.0, u: 3.0})
    assert verdicts(report) == ["correct", "wrong"]
    assert "this derivative is zero" in str(report)


# --- hand values -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1/3", 1 / 3, 0.0),
        ("-2/7", -2 / 7, 0.0),
        (r"\frac{1}{3}", 1 / 3, 0.0),
        (r"-\dfrac{1}{4}", -0.25, 0.0),
        ("0,33", 0.33, 0.01),
        ("1 000", 1000.0, 1.0),
        ("(-0.53, -2.58)", [-0.53, -2.58], [0.01, 0.01]),
        ("2.5, 4.0", [2.5, 4.0], [0.1, 0.1]),
        ("2.5 4.0", [2.5, 4.0], [0.1, 0.1]),
        ("(2,5; 4,0)ᵀ", [2.5, 4.0], [0.1, 0.1]),
        ("[2.5; 4.0]", [[2.5], [4.0]], [[0.1], [0.1]]),
        ("-0,39", -0.39, 0.01),
        ("−0.39", -0.39, 0.01),
        ("1.2×10^-3", 0.0012, 1e-4),
        (r"3.5\cdot10^{2}", 350.0, 10.0),
        ("≈ 0.25", 0.25, 0.01),
        ("-0.94*0.25*0.5 = -0.1175.", -0.1175, 1e-4),
        ("12%", 0.12, 0.01),
        ("[0,12 0,5]", [0.12, 0.5], [0.01, 0.01]),
        ("[1, 2, 3]", [1, 2, 3], [0, 0, 0]),
        ("[[ 0.12 -0.5 ]\n [ 1.    0.25]]", [[0.12, -0.5], [1, 0.25]], np.full((2, 2), 0.01)),
        ("array([[ 1.2e-03, -4.5e+00]])", [[0.0012, -4.5]], [[1e-4, 0.1]]),
        ("tensor([0.1000, 0.2500], dtype=torch.float64)", [0.1, 0.25], [1e-4, 1e-4]),
    ],
)
def test_strings(text: str, value: Any, unit: Any) -> None:
    hand = read(text)
    np.testing.assert_allclose(hand.array, value, rtol=1e-15)
    np.testing.assert_allclose(hand.unit, unit, rtol=1e-12)


def test_numbers_of_other_kinds() -> None:
    np.testing.assert_array_equal(read([Fraction(1, 3), 2]).array, [1 / 3, 2])
    assert read(Decimal("0.33")).unit == 0.01
    assert read(np.float32(0.1)).spacing > 0
    assert read([np.float32(0.1), 2.0]).spacing > 0
    x = leaf(3.0)
    right(mg.check_derivation(np.log(x), {"dL/dx": "1/3"}))
    assert verdicts(mg.check_derivation(np.log(x), {"dL/dx": "0,33"})) == ["rounded"]
    assert verdicts(mg.check_derivation(np.log(x), {"dL/dx": "0,34"})) == ["wrong"]


@pytest.mark.parametrize("value", [None, "n/a", "", " ? ", "-", [1.0, None], ["0.5", ""]])
def test_what_is_missing(value: Any) -> None:
    with pytest.raises(Missing):
        read(value)


@pytest.mark.parametrize("value", ["[1 2 ... 3]", "[[1 2] [3]]", "[a]", "1/0", "x", {}, object()])
def test_what_is_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        read(value)


def test_a_pasted_array() -> None:
    s = regression()
    W, L = s.W, s.L
    right(mg.check_derivation(L, {"dL/dW": str(s.dW)}))
    short = np.array2string(s.dW, precision=3)
    assert verdicts(mg.check_derivation(L, {"dL/dW": short})) == ["rounded"]
    assert not mg.check_derivation(L, {"dL/dW": str(s.dW + 1e-6)}).ok


def test_printed_decimals_as_numbers() -> None:
    """Figures of "Backpropagation Step by Step" (Datamapu, 2024), to the digits it prints."""
    w, b = leaf(0.3), leaf(0.1)
    z = w * 0.5 + b
    yhat = mg.sigmoid(z)
    L = 0.5 * (1.5 - yhat) ** 2
    hand = {"dL/dyhat": -0.94, "dyhat/dz": 0.25, "dL/dw": -0.118, "dL/db": -0.235, "dz/dw": 0.5}
    report = right(mg.check_derivation(L, hand))
    assert verdicts(report).count("rounded") == 4
    assert not mg.check_derivation(L, {"dL/dyhat": -0.95}).ok
    assert not mg.check_derivation(L, {"dyhat/dz": 0.26}).ok
    assert not mg.check_derivation(L, {**hand, "dL/dw": 0.118}).ok
    assert "one digit proves little" in str(mg.check_derivation(L, {"dyhat/dz": 0.2}))
    s = regression()
    for digits in (2, 3, 8):
        right(mg.check_derivation(s.L, {s.W: np.round(s.dW, digits)}))
        moved = np.round(s.dW, digits) + 10.0**-digits
        assert not mg.check_derivation(s.L, {s.W: moved}).ok


# --- precision -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_coarser_type_sets_the_tolerance(dtype: Any) -> None:
    r = np.random.default_rng(0)
    X, y = r.normal(size=(64, 20)), r.integers(0, 5, 64)
    W, b = leaf(0.3 * r.normal(size=(20, 5))), leaf(np.zeros(5))
    z = X @ W + b
    L = mg.losses.cross_entropy(z, y)
    P = np.exp(z.data) / np.exp(z.data).sum(1, keepdims=True)
    dz = ((P - np.eye(5)[y]) / 64).astype(dtype)
    hand = {z: dz, W: X.T.astype(dtype) @ dz, b: dz.sum(0)}
    right(mg.check_derivation(L, hand))
    for key in (W, b):
        wrong = {**hand, key: hand[key] * dtype(1.2)}
        assert verdicts(mg.check_derivation(L, wrong)).count("wrong") == 1


def test_what_cancels_in_float32() -> None:
    """The derivative by a bias below batch normalisation is zero; in float32 it is noise."""
    r = np.random.default_rng(1)
    x, c, g = r.normal(size=(32, 3)), leaf(np.zeros(3)), r.normal(size=(32, 3))
    h = x + c
    xhat = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
    L = np.sum(np.concatenate(np.split(xhat, 2)) * g)
    f = np.float32
    s = np.sqrt(h.data.var(0) + 1e-5).astype(f)
    n, d = xhat.data.astype(f), g.astype(f)
    dh = (d - d.mean(0) - n * (d * n).mean(0)) / s
    right(mg.check_derivation(L, {h: dh, c: dh.sum(0)}))
    assert not mg.check_derivation(L, {c: dh.sum(0) + f(0.01)}).ok


# --- shapes ----------------------------------------------------------------------------


def test_axes_of_length_one_and_flattened_arrays() -> None:
    r = np.random.default_rng(4)
    X, y = r.normal(size=(5, 3)), r.normal(size=5)
    w, b = leaf(r.normal(size=3)), leaf(0.2)
    L = np.mean((X @ w + b - y) ** 2)
    e = 2 / 5 * (X @ w.data + 0.2 - y)
    for shape in [(3,), (3, 1), (1, 3), (1, 3, 1)]:
        report = right(mg.check_derivation(L, {w: (X.T @ e).reshape(shape)}))
        assert (report.rows[0].note == "") == (shape == (3,))
    for value in ([e.sum()], [[e.sum()]], np.float64(e.sum())):
        right(mg.check_derivation(L, {b: value}))
    s = regression()
    right(mg.check_derivation(s.L, {s.W: s.dW.ravel()}))
    right(mg.check_derivation(s.L, {s.W: s.dW.ravel(order="F")}))
    assert not mg.check_derivation(s.L, {s.W: s.dW.ravel()[::-1]}).ok
    assert not mg.check_derivation(L, {b: e}).ok
    column = leaf(r.normal(size=(3, 1)))
    M = np.mean((X @ column - y[:, None]) ** 2)
    E = 2 / 5 * (X @ column.data - y[:, None])
    right(mg.check_derivation(M, {column: (X.T @ E)[:, 0]}))
    right(mg.check_derivation(M, {column: (X.T @ E).T}))


def planar(m: int = 4) -> SimpleNamespace:
    """Coursera's planar classifier: examples are columns."""
    r = np.random.default_rng(2)
    X, Y = r.normal(size=(2, m)), (r.random((1, m)) > 0.5).astype(float)
    W1, b1 = leaf(r.normal(size=(3, 2))), leaf(np.zeros((3, 1)))
    W2, b2 = leaf(r.normal(size=(1, 3))), leaf(np.zeros((1, 1)))
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = mg.sigmoid(Z2)
    J = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    dZ2 = A2.data - Y
    dZ1 = W2.data.T @ dZ2 * (1 - A1.data**2)
    hand = {Z2: dZ2, Z1: dZ1, W2: dZ2 @ A1.data.T / m, b2: dZ2.sum(1, keepdims=True) / m,
            W1: dZ1 @ X.T / m, b1: dZ1.sum(1, keepdims=True) / m}  # fmt: skip
    return SimpleNamespace(J=J, m=m, hand=hand, W1=W1, b1=b1, W2=W2, b2=b2, Z1=Z1, Z2=Z2)


def test_per_example_before_the_mean() -> None:
    s = planar()
    Z1, Z2, W1, b1, W2, b2, J = s.Z1, s.Z2, s.W1, s.b1, s.W2, s.b2, s.J
    report = right(mg.check_derivation(s.J, s.hand))
    assert report.conventions == ("dJ/dZ2, dJ/dZ1: per example, before the mean over 4",)
    assert str(report).splitlines()[1] == report.conventions[0]
    assert "per example" in report._repr_html_()
    results = {s.Z2: s.hand[s.Z2], s.Z1: s.hand[s.Z1]}
    right(mg.check_derivation(s.J, results, per_example=True))
    assert not mg.check_derivation(s.J, results).ok
    assert not mg.check_derivation(s.J, s.hand, per_example=False).ok
    forgotten = {k: v * s.m for k, v in s.hand.items()}
    forgotten |= results
    report = mg.check_derivation(s.J, forgotten)
    assert not report.conventions
    assert report.first_error.diagnosis.kind == "sum_for_mean"
    report = mg.check_derivation(s.J, {**s.hand, s.b2: s.hand[s.b2] * s.m})
    assert report.first_error.quantity == "dJ/db2"
    report = mg.check_derivation(s.J, {**s.hand, s.Z1: -s.hand[s.Z1], s.W1: -s.hand[s.W1]})
    assert (report.first_error.quantity, report.first_error.diagnosis.kind) == ("dJ/dZ1", "sign")
    assert report.conventions
    one_of_two = {k: s.hand[k] for k in (s.Z2, s.W2)} | {s.b2: s.hand[s.b2] * s.m}
    report = mg.check_derivation(s.J, one_of_two)
    assert report.conventions == ("dJ/dZ2: per example, before the mean over 4",)
    assert [r.quantity for r in report.rows if r.verdict == "wrong"] == ["dJ/db2"]


def test_layout_conventions() -> None:
    r = np.random.default_rng(5)
    x = r.normal(size=4)
    W, V = leaf(r.normal(size=(3, 4))), leaf(r.normal(size=(2, 3)))
    h = W @ x
    y = V @ h
    L = np.sum(y**2)
    dy = 2 * y.data
    dh = V.data.T @ dy
    dV, dW = np.outer(dy, h.data), np.outer(dh, x)
    right(mg.check_derivation(L, {V: dV.T, W: dW.T}, layout="numerator"))
    assert not mg.check_derivation(L, {V: dV.T, W: dW}, layout="numerator").ok
    report = right(mg.check_derivation(L, {V: dV.T, W: dW.T}))
    assert report.conventions == ("derivatives are written in numerator layout",)
    report = mg.check_derivation(L, {V: dV, W: dW.T})
    assert report.first_error.diagnosis.kind == "transposed"
    assert mg.check_derivation(L, {W: dW.T}).first_error.diagnosis.kind == "transposed"
    right(mg.check_derivation(L, {(y, h): V.data}))
    report = right(mg.check_derivation(L, {(y, h): V.data.T}))
    assert "transposed" in str(report)
    right(mg.check_derivation(L, {(y, h): V.data.T}, layout="denominator"))
    square = leaf(r.normal(size=(3, 3)))
    u = square @ h
    M = np.sum(u**2)
    J = square.data
    assert mg.check_derivation(M, {(u, h): J.T}).first_error.diagnosis.kind == "transposed"
    right(mg.check_derivation(M, {(u, h): J.T}, layout="denominator"))
    right(mg.check_derivation(M, {u: 2 * u.data, (u, h): J.T, h: J.T @ (2 * u.data)}))
    assert not mg.check_derivation(M, {u: 2 * u.data, (u, h): J.T, h: J @ (2 * u.data)}).ok


def test_jacobians_in_denominator_layout() -> None:
    r = np.random.default_rng(6)
    W, v = (mg.Tensor(r.normal(size=n), requires_grad=True) for n in ((3, 2), 2))
    C = r.normal(size=(3, 2))
    h, Z = W @ v, W.T @ C
    L = np.sum(h**2) + np.sum(Z**2)
    of_matrix = np.einsum("kj,il->ijkl", C, np.eye(2)).transpose(2, 3, 0, 1)
    report = right(
        mg.check_derivation(L, {"dh/dv": W.data.T, "dZ/dW": of_matrix}, layout="denominator")
    )
    assert [r.remark for r in report.rows] == ["in denominator layout"] * 2
    report = right(mg.check_derivation(L, {"dZ/dW": of_matrix}))
    assert report.rows[0].remark == "in denominator layout: the transposed Jacobian"


def test_blocks_of_a_batch_and_factors_of_products() -> None:
    r = np.random.default_rng(6)
    n, c = 4, 3
    z = leaf(r.normal(size=(n, c)))
    Y = np.eye(c)[r.integers(0, c, n)]
    p = mg.softmax(z, axis=1)
    losses = -np.sum(Y * np.log(p), axis=1)
    L = losses.mean()
    P = p.data
    J = np.einsum("ij,jk->ijk", P, np.eye(c)) - np.einsum("ij,ik->ijk", P, P)
    report = right(mg.check_derivation(L, {"dp/dz": J, "dlosses/dz": P - Y, "dL/dlosses": 1 / n}))
    assert sum("one block for each entry of axis 0" in row.note for row in report.rows) == 2
    dp = -Y / P / n
    report = mg.check_derivation(
        L, {"dL/dp": dp, "dp/dz": -J, "dL/dz": np.einsum("nij,ni->nj", -J, dp)}
    )
    assert verdicts(report) == ["correct", "wrong", "carried"]
    assert not mg.check_derivation(L, {"dlosses/dz": P - Y + 0.1}).ok
    columns = leaf(r.normal(size=(c, n)))
    q = mg.softmax(columns, axis=0)
    Q = q.data
    JQ = np.stack([np.diag(col) - np.outer(col, col) for col in Q.T])
    right(mg.check_derivation(np.sum(q * Y.T), {"dq/dcolumns": JQ}))
    right(mg.check_derivation(np.sum(q * Y.T), {"dq/dcolumns": np.moveaxis(JQ, 0, 1)}))
    right(mg.check_derivation(np.sum(q * Y.T), {"dq/dcolumns": np.moveaxis(JQ, 0, -1)}))

    s = regression()
    W, b, z, L = s.W, s.b, s.z, s.L
    for factor in (s.X, s.X.T):
        right(mg.check_derivation(L, {"dL/dz": s.dz, "dz/dW": factor, "dL/dW": s.dW}))
    assert not mg.check_derivation(L, {"dz/dW": 2 * s.X}).ok
    wrong = {"dL/dz": s.dz, "dz/dW": -s.X, "dL/dW": -s.dW}
    assert verdicts(mg.check_derivation(L, wrong)) == ["correct", "wrong", "carried"]
    x, M = leaf(r.normal(size=3)), leaf(r.normal(size=(2, 3)))
    v = M @ x + 1.0
    T = np.sum(v**2)
    right(mg.check_derivation(T, {"dv/dM": x.data, "dv/dx": M.data}))
    right(mg.check_derivation(T, {"dv/dM": x.data[None, :]}))


# --- what is asked for -----------------------------------------------------------------


def test_required() -> None:
    s = regression()
    W, b, z, L = s.W, s.b, s.z, s.L
    report = mg.check_derivation(L, {"dW": s.dW}, required=["dL/dW", "db", z])
    assert not report.ok
    assert verdicts(report) == ["correct", "missing", "missing"]
    assert str(report).splitlines()[0] == "db is missing"
    right(mg.check_derivation(L, {"dW": s.dW}, required=["W"]))
    empty = mg.check_derivation(L, {}, required=["dL/dW"])
    assert verdicts(empty) == ["missing"]
    assert not empty.ok


def test_upstream_arrays() -> None:
    r = np.random.default_rng(8)
    x, w, b = leaf(r.normal(size=(4, 3))), leaf(r.normal(size=(3, 2))), leaf(r.normal(size=2))
    out = x @ w + b
    dout = r.normal(size=(4, 2))
    hand = {"dx": dout @ w.data.T, "dw": x.data.T @ dout, "db": dout.sum(0)}
    right(mg.check_derivation(out, hand, upstream=dout))
    right(mg.check_derivation(out, hand, upstream={out: dout}))
    right(mg.check_derivation(None, hand, upstream={out: dout}))
    right(mg.check_derivation(None, hand, upstream={"out": dout}))
    right(mg.check_derivation(None, {**hand, "dout": dout}, upstream={out: dout}))
    report = mg.check_derivation(out, {**hand, "db": dout}, upstream=dout)
    assert report.first_error.diagnosis.kind == "missing_sum"
    h = np.tanh(out)
    L = np.sum(h)
    g = r.normal(size=(4, 2))
    right(mg.check_derivation(L, {out: (1 + g) * (1 - h.data**2)}, upstream={h: g}))
    with pytest.raises(ValueError, match=r"what arrives at out has shape \(2, 4\), and \(4, 2\)"):
        mg.check_derivation(out, hand, upstream=dout.T)
    with pytest.raises(TypeError, match=r"without an output, upstream=\{h: dh\}"):
        mg.check_derivation(None, hand)
    with pytest.raises(TypeError, match=r"upstream: .* is not a recorded Tensor"):
        mg.check_derivation(out, hand, upstream={"nobody": dout})


def test_functions_of_the_users_own() -> None:
    def f(t):  # type: ignore[no-untyped-def]
        return t / (1 + np.exp(-t))

    z = mg.Tensor([0.3, -0.8], requires_grad=True)
    a = f(z)
    L = np.sum((a - 0.7) ** 2)
    assert mg.check_derivation(L, {"da/dz": "f'(z)", "dL/dz": "2(a - 0.7) f'(z)"}).ok
    first = mg.check_derivation(L, {"dL/dz": "2(a - 0.7) f(z)"}).first_error
    assert "f(z) stands where f'(z) belongs" in first.remark


def test_a_formula_per_example_is_right_where_the_rest_is() -> None:
    X, d = np.array([[1.0, 0.5], [1.0, -1.0], [0.2, 0.8]]), np.array([1.0, -1.0, 0.5])
    w = mg.Tensor([0.1, -0.4], requires_grad=True)
    out = X @ w
    E = np.mean((d - out) ** 2)
    report = mg.check_derivation(E, {"dE/dout": "-2*(d - out)", "dE/dw": "-2*X.T @ (d - out)/3"})
    assert report.ok, report
    assert "per example" in report.conventions[0]


def test_fractions_without_braces() -> None:
    assert unlatex(r"\frac1m") == "1/m" and unlatex(r"\frac{dL}W x") == "dL/W x"


@pytest.mark.parametrize("key", [
    'grads["W1"]', 'grads["dW1"]', "gW1", r"\bar{W_1}", r"\bar W_1", r"\frac{\partial J}{\partial W_{uf}}",
    "dJ/dW1_{ab}", r"\cfrac{\partial J}{\partial W_1}", "dJ/dW1[i, j]",
])  # fmt: skip
def test_keys_of_gradients_that_nothing_holds(key: str) -> None:
    W1 = leaf([[0.3, -0.2, 0.1], [0.5, 0.4, -0.6]])
    W = W1 * 1.0
    J = np.sum(W1**2) if "{uf}" not in key else np.sum(W**2)
    assert right(mg.check_derivation(J, {key: 2 * W1.data}))
    assert not mg.check_derivation(J, {key: 3 * W1.data}).ok


def test_primes_and_layers_in_square_brackets() -> None:
    x = leaf(2.0)
    f = x**3
    for key in ("f'", "f′", "f'(x)"):
        assert right(mg.check_derivation(f, {key: 12.0}))
    assert "it is 1.5 times" in mg.check_derivation(f, {"f'": 18.0}).first_error.remark
    W1 = leaf([[0.3, -0.2], [0.5, 0.4]])
    z1 = W1 @ np.ones((2, 1))
    a1 = np.tanh(z1)
    assert right(mg.check_derivation(np.sum(a1), {r"\delta^{[1]}": 1 - a1.data**2}))


def test_derivations_that_end_in_numbers() -> None:
    x = leaf(2.0)
    f = x**3
    for text in ("3x^2 = 12", "3x^2 = 3*4 = 12", ["3*x**2", "3*2.0**2", "12"], "f' = 3x^2 = 12"):
        assert right(mg.check_derivation(f, {"df/dx": text})), text
    for text, line in (("3x^2 = 3*2 = 6", "line 2"), ("3x^2 = 3*4 = 14", "line 3")):
        assert line in mg.check_derivation(f, {"df/dx": text}).first_error.remark
    y = leaf(0.37)
    g = y**3
    assert right(mg.check_derivation(g, {"dg/dy": "3y^2 = 0.411"}))
    assert not mg.check_derivation(g, {"dg/dy": "3y^2 = 0.412"}).ok


def test_a_bare_name_is_the_derivative_that_others_follow_from() -> None:
    f = np.array([[0.2, 1.0, 0.5], [1.0, 0.3, 0.7]])
    w, b = leaf([[0.4, -0.2, 0.9], [1.1, 0.3, -0.5]]), leaf([[0.2], [-0.4]])
    inner = w + b - 0.3
    J = np.sum(f * inner**2)
    g = 2 * inner.data  # f is missing
    report = mg.check_derivation(J, {"inner": g, "dw": g, "dJ/db": g.sum(1, keepdims=True)})
    assert verdicts(report) == ["wrong", "carried", "carried"]
    assert "the local factor f is missing; read as the derivative" in report.first_error.remark
    report = mg.check_derivation(J, {"inner": 2 * inner.data, "dJ/dw": 2 * f * inner.data})
    assert "it is 2 times the value" in report.first_error.remark


def test_one_array_for_two_inputs_is_one_slip() -> None:
    h, rel = leaf([0.3, -0.7, 1.1]), leaf([0.5, 0.2, -0.4])
    e1, e2 = h + rel - 1.0, h + rel + 0.5
    L = np.sum(e1**2) - np.sum(e2**3)
    report = mg.check_derivation(L, {"dL/dh": 2 * e1.data, "dL/drel": 2 * e1.data})
    assert verdicts(report) == ["wrong", "carried"]
    assert report.rows[1].note == "it follows from the same slip as your dL/dh"


def test_signs_are_no_neighbour() -> None:
    h, t, tn = leaf([0.3, -0.8, 1.2]), leaf([0.1, 0.2, 0.4]), leaf([-0.4, 0.3, 0.2])
    ep, en = h - t, h - tn
    hinge = np.sum(np.abs(ep)) - np.sqrt(np.sum(en**2))
    hand = {"dhinge/den": -np.sign(en.data), "dhinge/dt": -np.sign(ep.data)}
    assert "dhinge/dt" not in mg.check_derivation(hinge, hand).first_error.remark
