"""Grading of hand derivations: verdicts, causes, what is carried, rounding, shapes, errors."""

# Strings refer to variables that nothing else reads.
# ruff: noqa: RUF059

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation import Report
from minigrad.derivation.judges import Error
from minigrad.derivation.report import worst


def neuron() -> tuple[Any, ...]:
    x, y = 0.5, 1.5
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    return x, y, w, b, z, a, L


def classifier(n: int = 12) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(n, 3)), rng.integers(0, 2, (n, 1)).astype(float)
    W = mg.Tensor(rng.normal(size=(3, 1)), requires_grad=True)
    z = X @ W
    p = mg.sigmoid(z)
    return X, y, W, z, p


def row(report: Report, quantity: str) -> Any:
    return next(r for r in report.rows if r.quantity == quantity)


def cause(report: Report) -> tuple[Any, ...]:
    """Quantity and kinds of the first error."""
    found = report.first_error
    assert found is not None, report
    assert found.diagnosis is not None
    assert found.diagnosis.kind == found.diagnosis.kinds[0]
    return (found.quantity, *found.diagnosis.kinds)


# --- verdicts and order ----------------------------------------------------------------


def test_a_right_derivation() -> None:
    x, y, w, b, z, a, L = neuron()
    s = a.item()
    dz = -(y - s) * s * (1 - s)
    hand = {b: dz, w: dz * x, z: dz, (a, z): s * (1 - s), "∂L/∂a": s - y, "dz/dw": x}
    report = mg.check_derivation(L, hand)
    assert report.ok
    assert bool(report)
    assert report.first_error is None
    assert [r.quantity for r in report.rows] == [
        "∂L/∂a", "da/dz", "dL/dz", "dL/db", "dz/dw", "dL/dw"
    ]  # fmt: skip
    for r in report.rows:
        assert r.verdict == "correct"
        assert r.diagnosis is None
        assert abs(r.autodiff - r.numeric) < 1e-9
        assert r.error.absolute < 1e-15
    mg.assert_derivation(L, hand)


def test_the_first_wrong_step_and_what_follows() -> None:
    x, y, w, _, z, a, L = neuron()
    z_, a_ = z.item(), a.item()
    wrong = z_ * (1 - z_)
    report = mg.check_derivation(
        L, {"dL/da": a_ - y, "da/dz": wrong, "dL/dz": (a_ - y) * wrong, w: (a_ - y) * wrong * x}
    )
    assert not report.ok
    assert cause(report) == ("da/dz", "wrong_node")
    assert str(report.first_error.diagnosis) == (
        "it equals σ'(z) evaluated at z where a = σ(z) belongs: write a * (1 - a)"
    )
    assert [r.verdict for r in report.rows] == ["correct", "wrong", "carried", "carried"]
    assert row(report, "dL/dz").note == "right, given your da/dz"
    with pytest.raises(AssertionError, match=r"da/dz is the first wrong step: yours 0\.1875"):
        mg.assert_derivation(L, {"da/dz": wrong})


def test_two_slips_are_two_findings() -> None:
    x, y, w = 0.5, 1.5, mg.Tensor(0.3, requires_grad=True)
    z = w * x
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    s = a.item()
    dz = -(s - y) * s * (1 - s)  # a wrong sign, and then x is forgotten
    report = mg.check_derivation(L, {z: dz, w: dz})
    assert [r.verdict for r in report.rows] == ["wrong", "wrong"]
    assert report.rows[1].diagnosis.kind == "missing_local_factor"
    assert str(report.rows[1].diagnosis) == "the local factor x is missing"


def test_a_chain_may_skip_quantities() -> None:
    x, y, w, _, z, a, L = neuron()
    s = a.item()
    report = mg.check_derivation(L, {"dL/da": 2 * (s - y), "dL/dw": 2 * (s - y) * s * (1 - s) * x})
    assert [r.verdict for r in report.rows] == ["wrong", "carried"]
    report = mg.check_derivation(L, {"dL/da": 2 * (s - y), "dL/dw": (s - y) * s * (1 - s) * x})
    assert [r.verdict for r in report.rows] == ["wrong", "correct"]


def test_links_carry_into_longer_links() -> None:
    x, _, w, _, z, a, L = neuron()
    s = a.item()
    report = mg.check_derivation(L, {(a, z): -s * (1 - s), (a, w): -s * (1 - s) * x})
    assert [r.verdict for r in report.rows] == ["wrong", "carried"]
    assert cause(report) == ("da/dz", "sign")


# --- causes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda g, s: -g, ("sign",)),
        (lambda g, s: 2 * g, ("factor",)),
        (lambda g, s: g / 3, ("factor",)),
        (lambda g, s: -2 * g, ("sign", "factor")),
        (lambda g, s: g * 12, ("sum_for_mean",)),
        (lambda g, s: g / 12, ("mean_for_sum",)),
        (lambda g, s: s.X.T @ s.dp, ("missing_local_factor",)),
        (lambda g, s: 2 * s.X.T @ s.dp, ("missing_local_factor", "factor")),
        (lambda g, s: s.X.T @ (s.dp * s.slope**2), ("extra_local_factor",)),
        (lambda g, s: s.X.T @ (s.dp * s.z * (1 - s.z)), ("wrong_node",)),
        (lambda g, s: g + np.array([[0.1], [0.0], [0.0]]), ("entries",)),
        (lambda g, s: g * 1.2837, ("other",)),
        (lambda g, s: g[::-1], ("order",)),
        (lambda g, s: g + np.array([[0.1], [0.3], [-0.2]]), ("other",)),
        (lambda g, s: 0 * g, ("dropped_path",)),
        (lambda g, s: g * np.nan, ("other",)),
    ],
)
def test_causes(make: Any, kinds: tuple[str, ...]) -> None:
    X, y, W, z, p = classifier()
    L = np.mean((p - y) ** 2)
    dp, slope = 2 * (p.data - y) / 12, p.data * (1 - p.data)
    s = SimpleNamespace(X=X, dp=dp, z=z.data, slope=slope)
    report = mg.check_derivation(L, {"dL/dp": dp, "dL/dW": make(X.T @ (dp * slope), s)})
    assert cause(report) == ("dL/dW", *kinds)


def test_a_matrix_transposed_beside_one_that_is_not() -> None:
    rng = np.random.default_rng(3)
    X, T = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    W = mg.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    z = X @ W
    L = np.mean((z - T) ** 2)
    dz = 2 * (z.data - T) / 24
    g = X.T @ dz
    assert cause(mg.check_derivation(L, {z: dz, W: g.T})) == ("dL/dW", "transposed")
    report = mg.check_derivation(L, {z: dz, W: 2 * g.T})
    assert cause(report) == ("dL/dW", "transposed", "factor")
    assert report.first_error.diagnosis.factor == pytest.approx(2.0)


def test_the_factor_is_hand_divided_by_truth() -> None:
    X, y, W, z, p = classifier()
    L = np.sum((p - y) ** 2)
    g = mg.gradients(L, W)
    for hand, factor in [(-g, -1.0), (0.5 * g, 0.5), (1.2837 * g, 1.2837)]:
        found = mg.check_derivation(L, {W: hand}).first_error.diagnosis
        assert found.factor == pytest.approx(factor)
    found = mg.check_derivation(L, {W: g + np.array([[1.0], [0.0], [0.0]])}).first_error
    assert found.diagnosis.factor is None
    assert found.error.index == (0, 0)
    assert found.error.absolute == pytest.approx(1.0)
    assert found.error.relative == pytest.approx(abs(1 / g[0, 0]))
    assert worst(np.zeros(2), np.zeros(2)) == Error(0.0, 0.0, (0,))
    assert worst(np.array([0.0, 0.5]), np.zeros(2)) == Error(0.5, np.inf, (1,))


def test_a_missing_sum_over_a_broadcast_axis() -> None:
    rng = np.random.default_rng(0)
    X, b = rng.normal(size=(7, 3)), mg.Tensor(np.zeros(3), requires_grad=True)
    z = X + b
    L = (z**2).sum()
    assert cause(mg.check_derivation(L, {b: 2 * z.data})) == ("dL/db", "missing_sum")
    report = mg.check_derivation(L, {b: -2 * z.data})
    assert cause(report) == ("dL/db", "missing_sum", "sign")
    assert cause(mg.check_derivation(L, {b: 2 * z.data.mean(0)})) == ("dL/db", "mean_for_sum")
    report = mg.check_derivation(L, {z: 2 * z.data.sum(0)})
    assert cause(report) == ("dL/dz", "other")
    assert str(report.first_error.diagnosis) == "it is summed over axis 0, where no sum belongs"
    report = mg.check_derivation(L, {b: 2 * z.data.sum()})
    assert (
        str(report.first_error.diagnosis)
        == "it is summed over everything, where shape (3,) belongs"
    )
    report = mg.check_derivation(L, {z: 2 * z.data.mean(0)})
    assert "it is averaged over axis 0, where no mean belongs" in str(report)


def test_a_dropped_path_and_a_path_of_the_wrong_sign() -> None:
    x = mg.Tensor(0.7, requires_grad=True)
    a, b = np.sin(x), x**3
    L = a * b
    left, right = np.cos(0.7) * b.item(), a.item() * 3 * 0.49
    mg.assert_derivation(L, {x: left + right})
    report = mg.check_derivation(L, {x: left})
    assert cause(report) == ("dL/dx", "dropped_path")
    assert str(report.first_error.diagnosis) == "the path through b is missing"
    report = mg.check_derivation(L, {x: left - right})
    assert cause(report) == ("dL/dx", "sign")
    assert "the contribution of the path through b has the wrong sign" in str(report)
    square = x * x
    report = mg.check_derivation(square, {x: 0.7})
    assert cause(report) == ("dsquare/dx", "factor")


def test_many_paths() -> None:
    x = mg.Tensor(0.3, requires_grad=True)
    L = x * 1.1
    for k in range(20):
        L = np.sin(L) + x * (1 + k / 7)
    report = mg.check_derivation(L, {x: float(mg.gradients(L, x)) - (1 + 19 / 7)})
    assert cause(report) == ("dL/dx", "dropped_path")


def test_a_matrix_transposed_inside_the_chain() -> None:
    rng = np.random.default_rng(2)
    W, h = (mg.Tensor(rng.normal(size=s), requires_grad=True) for s in ((3, 3), (5, 3)))
    L = np.sum((h @ W) ** 2)
    dz = 2 * h.data @ W.data
    mg.assert_derivation(L, {h: dz @ W.data.T})
    report = mg.check_derivation(L, {h: dz @ W.data})
    assert cause(report) == ("dL/dh", "transposed")
    assert str(report.first_error.diagnosis) == "W is transposed"


def test_a_named_factor_before_a_number_that_equals_it() -> None:
    x, y, w, _, z, a, L = neuron()  # x = 0.5
    s = a.item()
    dz = (s - y) * s * (1 - s)
    assert cause(mg.check_derivation(L, {w: dz})) == ("dL/dw", "missing_local_factor")
    assert cause(mg.check_derivation(L, {z: 2 * dz})) == ("dL/dz", "factor")
    assert cause(mg.check_derivation(L, {z: dz / 2})) == ("dL/dz", "factor")


def test_functions_written_out() -> None:
    X, y, W, z, _ = classifier()
    a = 1 / (1 + np.exp(-z))
    L = np.sum((a - y) ** 2)
    da, s = 2 * (a.data - y), a.data
    mg.assert_derivation(L, {a: da, (a, z): s * (1 - s), z: da * s * (1 - s)})
    assert cause(mg.check_derivation(L, {z: da}))[1] == "missing_local_factor"
    assert cause(mg.check_derivation(L, {W: X.T @ da}))[1] == "missing_local_factor"
    wrong = z.data * (1 - z.data)
    assert cause(mg.check_derivation(L, {(a, z): wrong})) == ("da/dz", "wrong_node")


def test_a_learning_rate_or_mean_written_as_a_number() -> None:
    X, y, W, z, p = classifier()
    m = 12
    for L in (np.sum((p - y) ** 2) / m, np.sum((p - y) ** 2) * (1 / m)):
        report = mg.check_derivation(L, {p: 2 * (p.data - y)})
        assert cause(report) == ("dL/dp", "sum_for_mean")
    L = np.sum((p - y) ** 2) / (2 * m)
    assert cause(mg.check_derivation(L, {p: p.data - y})) == ("dL/dp", "sum_for_mean")


# --- layouts ---------------------------------------------------------------------------


def test_full_jacobians() -> None:
    x = mg.Tensor([0.3, -0.2, 1.0], requires_grad=True)
    s = mg.softmax(x)
    L = (s * np.array([1.0, 2.0, 4.0])).sum()
    S = s.data
    J = np.diag(S) - np.outer(S, S)
    hand = {s: [1.0, 2.0, 4.0], (s, x): J, x: J @ [1.0, 2.0, 4.0]}
    report = mg.check_derivation(L, hand)
    assert report.ok
    np.testing.assert_allclose(row(report, "ds/dx").numeric, J, atol=1e-9)
    report = mg.check_derivation(L, {**hand, (s, x): 2 * J, x: 2 * J @ [1.0, 2.0, 4.0]})
    assert [r.verdict for r in report.rows] == ["correct", "wrong", "carried"]
    assert cause(report) == ("ds/dx", "factor")


def test_the_diagonal_or_the_whole_of_elementwise_links() -> None:
    x = mg.Tensor([0.3, -0.2], requires_grad=True)
    a = np.tanh(x)
    d = 1 - a.data**2
    mg.assert_derivation(a.sum(), {(a, x): d})
    mg.assert_derivation(a.sum(), {(a, x): np.diag(d)})
    assert cause(mg.check_derivation(a.sum(), {(a, x): np.diag(-d)}))[1] == "sign"


def test_links_to_broadcast_parameters() -> None:
    b = mg.Tensor([1.0, 2.0], requires_grad=True)
    z = np.arange(6.0).reshape(3, 2) * b
    L = (z**2).sum()
    jacobian = np.einsum("ij,jk->ijk", np.arange(6.0).reshape(3, 2), np.eye(2))
    mg.assert_derivation(L, {(z, b): jacobian})
    mg.assert_derivation(L, {(z, b): np.arange(6.0).reshape(3, 2)})
    dz = 2 * z.data
    report = mg.check_derivation(
        L,
        {z: dz, (z, b): -np.arange(6.0).reshape(3, 2), b: -(dz * [[0, 1], [2, 3], [4, 5]]).sum(0)},
    )
    assert [r.verdict for r in report.rows] == ["correct", "wrong", "carried"]


def test_one_number_for_equal_entries() -> None:
    b = mg.Tensor([1.0, 2.0], requires_grad=True)
    z = np.ones((3, 2)) + b
    mg.assert_derivation(z.sum(), {(z, b): 1})
    report = mg.check_derivation(z.sum(), {(z, b): 2})
    assert cause(report) == ("dz/db", "factor")


def test_several_outputs_and_indexing() -> None:
    v = mg.Tensor([3.0, 4.0, 5.0], requires_grad=True)
    head, tail = v[0], v[1:]
    L = head * np.prod(tail)
    mg.assert_derivation(L, {v: [20.0, 15.0, 12.0], "dL/dtail": [15.0, 12.0], (L, head): 20})
    Q, R = np.linalg.qr(mg.Tensor([[2.0, 1.0], [0.5, 3.0]], requires_grad=True))
    mg.assert_derivation(Q.sum() * R.sum(), {Q: np.full((2, 2), R.data.sum())})


def test_float32() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)).astype(np.float32)
    W = mg.Tensor(rng.normal(size=(3, 2)).astype(np.float32), requires_grad=True)
    a = np.tanh(X @ W)
    L = np.mean(a**2)
    da = 2 * a.data / a.size
    hand = {a: da, W: X.T @ (da * (1 - a.data**2))}
    assert mg.check_derivation(L, hand).ok
    assert mg.check_derivation(L, {k: np.asarray(v, np.float64) for k, v in hand.items()}).ok
    assert cause(mg.check_derivation(L, {W: X.T @ da}))[1] == "missing_local_factor"


def test_conventions_at_a_kink_are_right() -> None:
    r = mg.Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    q = mg.relu(r)
    L = (q * np.array([1.0, 2.0, 3.0])).sum()
    for k in (0, 0.5, 1):
        report = mg.check_derivation(L, {(q, r): [0, k, 1], r: [0, 2 * k, 3]})
        assert report.ok, report
    assert "convention" in row(report, "dq/dr").note
    assert not mg.check_derivation(L, {r: [0, 2.2, 3]}).ok
    assert not mg.check_derivation(L, {r: [0.5, 0, 3]}).ok
    t = mg.Tensor(0.0, requires_grad=True)
    assert mg.check_derivation(np.abs(t), {t: -1}).ok
    assert not mg.check_derivation(np.abs(t), {t: -1.1}).ok
    assert mg.check_derivation(np.maximum(t, 0.0), {t: 1}).ok


def test_a_wrong_rule_is_told_from_a_wrong_student() -> None:
    cube = mg.defop("cube", lambda x: x**3, [lambda g, ans, x: g * 2 * x**2])
    c = mg.Tensor(2.0, requires_grad=True)
    L = cube(c)
    report = mg.check_derivation(L, {c: 12.0})
    assert report.ok
    assert "finite differences agree with you" in str(report)
    assert "autodiff and finite differences disagree" in str(mg.check_derivation(L, {c: 8.0}))
    assert not mg.check_derivation(L, {c: 7.0}).ok


# --- digits ----------------------------------------------------------------------------


def test_printed_digits() -> None:
    _, _, w, b, z, a, L = neuron()
    printed = {"dL/da": "-0.94", "da/dz": "0.25", "dz/dw": "0.5", "dL/dw": "-0.118"}
    report = mg.check_derivation(L, printed)
    assert report.ok
    assert [r.verdict for r in report.rows] == ["rounded", "rounded", "correct", "rounded"]
    assert row(report, "dL/dw").diagnosis.kind == "rounding"
    assert str(row(report, "dL/dw").diagnosis) == "rounding moved it by 0.0026 (2.2 %)"
    numbers = {k: float(v) for k, v in printed.items()}
    assert mg.check_derivation(L, numbers, digits=3).ok
    report = mg.check_derivation(L, numbers)
    assert [r.verdict for r in report.rows] == ["rounded", "rounded", "correct", "rounded"]
    assert not mg.check_derivation(L, {**numbers, "dL/dw": -0.125}).ok
    one = mg.check_derivation(L, {"dL/da": -0.9}).rows[0]
    assert one.verdict == "rounded"
    assert str(one.diagnosis).endswith("one digit proves little")
    flipped = mg.check_derivation(L, {**printed, "dL/dw": "0.118"})
    assert cause(flipped) == ("dL/dw", "sign")
    assert cause(mg.check_derivation(L, {"da/dz": "0.492"})) == ("da/dz", "factor")


def test_rounding_without_notice() -> None:
    *_, a, L = neuron()
    assert mg.check_derivation(L, {a: -0.9378}).rows[0].verdict == "rounded"
    assert mg.check_derivation(L, {a: -0.9379}).rows[0].verdict == "wrong"
    X, y, W, _, p = classifier()
    L = np.mean((p - y) ** 2)
    g = mg.gradients(L, W)
    report = mg.check_derivation(L, {p: 2 * (p.data - y) / 12, W: np.round(g, 4)})
    assert [r.verdict for r in report.rows] == ["correct", "rounded"]
    assert mg.check_derivation(L, {W: np.round(g, 3)}, digits=3).ok
    assert mg.check_derivation(L, {W: [[f"{v:.3g}"] for v in g.ravel()]}).ok
    assert cause(mg.check_derivation(L, {W: [[f"{-v:.3g}"] for v in g.ravel()]}))[1] == "sign"


def test_values_and_updates() -> None:
    x, _, w, b, z, a, L = neuron()
    report = mg.check_derivation(
        L,
        {"w - 0.1*dL/dw": "0.312", "a": "0.56", "dL/dw": "-0.118", "z": 0.25, "b + .1*∂L/∂b": 0.1},
    )
    assert [r.quantity for r in report.rows[:2]] == ["z", "a"]
    assert [r.verdict for r in report.rows] == [
        "correct", "rounded", "wrong", "rounded", "wrong"
    ]  # fmt: skip
    alpha = 0.1
    right = 0.3 - alpha * float(mg.gradients(L, w))
    mg.assert_derivation(L, {"w - alpha * dL/dw": right})
    wrong = 0.3 + alpha * float(mg.gradients(L, w))
    report = mg.check_derivation(L, {"w - alpha * dL/dw": wrong})
    assert cause(report) == ("w - alpha * dL/dw", "sign")
    assert str(report.first_error.diagnosis) == "the step goes the wrong way: write -"
    report = mg.check_derivation(L, {"z": 0.3})
    assert cause(report) == ("z", "wrong_node")
    assert str(report.first_error.diagnosis) == "it is the value of w"
    assert cause(mg.check_derivation(L, {"a": -a.item()})) == ("a", "sign")
    assert cause(mg.check_derivation(L, {"a": 2 * a.item()})) == ("a", "factor")
    assert cause(mg.check_derivation(L, {"a": 0.777})) == ("a", "other")


def test_derivatives_follow_from_wrong_values() -> None:
    *_, z, a, L = neuron()
    report = mg.check_derivation(L, {"z": 0.3, "a": 0.63, "dL/da": 0.63 - 1.5})
    assert [r.verdict for r in report.rows] == ["wrong", "wrong", "carried"]


# --- keys ------------------------------------------------------------------------------


def test_names_with_d_and_paths_in_containers() -> None:
    d = mg.Tensor(1.5, requires_grad=True)
    dd = d * d
    params = {"W": mg.Tensor([1.0, 2.0], requires_grad=True)}
    net = SimpleNamespace(hidden=SimpleNamespace(weight=mg.Tensor(2.0, requires_grad=True)))
    layers = [mg.Tensor(3.0, requires_grad=True)]
    L = dd * np.sum(params["W"] ** 2) * net.hidden.weight * layers[0]
    other_name = dd
    report = mg.check_derivation(
        L,
        {
            "ddd/dd": 3.0,
            "dL/ddd": 30.0,
            "∂L/∂other_name": 30.0,
            "dL/dparams['W']": 2.25 * 6 * 2 * np.array([1.0, 2.0]),
            'd(L)/d(params["W"])': 2.25 * 6 * 2 * np.array([1.0, 2.0]),
            "dL / dnet.hidden.weight": 2.25 * 15,
            "dL/dlayers[0]": 2.25 * 10,
        },
    )
    assert other_name is dd
    assert report.ok, report


def test_an_output_without_a_name() -> None:
    x = mg.Tensor(3.0, requires_grad=True)
    report = mg.check_derivation(x**2, {"dL/dx": 6.0, x: 6.0})
    assert [r.quantity for r in report.rows] == ["dL/dx", "dL/dx"]
    assert report.ok


def test_zeros_and_whole_numbers_among_decimals_are_not_rounded_to_whole_numbers() -> None:
    z = mg.Tensor([-0.7, 0.199, 1.004, -2.0], requires_grad=True)
    a = mg.relu(z)
    L = (a**2).sum() / 2
    assert mg.check_derivation(L, {z: ["0", "0.199", "1", "0"]}).ok
    assert mg.check_derivation(L, {z: ["0.000", "0.199", "1.00", "0"]}).ok
    report = mg.check_derivation(L, {z: ["0", "-0.199", "-1", "0"]})
    assert cause(report) == ("dL/dz", "sign")
    assert not mg.check_derivation(L, {z: ["0.4", "0.199", "1", "0"]}).ok
    assert not mg.check_derivation(L, {z: ["0", "0.199", "1.3", "0"]}).ok
    v = mg.Tensor(0.3, requires_grad=True)
    assert not mg.check_derivation(v * 0.4, {v: "0"}).ok


def test_hand_values_of_many_kinds() -> None:
    x = mg.Tensor([3.0, 4.0], requires_grad=True)
    L = (x**2).sum()
    for value in ([6, 8], (6.0, 8.0), np.array([6, 8]), 2 * x, mg.Tensor([6.0, 8.0]), ["6", "8.0"]):
        assert mg.check_derivation(L, {x: value}).ok
    column = mg.Tensor([[2.0]], requires_grad=True)
    assert mg.check_derivation((column**2).sum(), {column: 4}).ok
    assert mg.check_derivation(L, {L: 1}).ok


# --- the report ------------------------------------------------------------------------


def test_the_report_prints_as_an_aligned_table() -> None:
    *_, z, a, L = neuron()
    report = mg.check_derivation(L, {"dL/da": -0.8, "da/dz": a.item() * (1 - a.item())})
    lines = str(report).splitlines()
    assert lines[0].startswith("dL/da is the first wrong step: yours -0.8, autodiff -0.937823")
    assert lines[1].startswith("no known slip explains it: yours -0.8, where -0.937823 belongs")
    assert lines[3].split("  ")[0] == "quantity"
    ruler = lines[4]
    assert set(ruler) == {"-", " "}
    assert len(lines) == 7
    assert all(len(line) <= len(ruler) for line in lines[5:])
    assert repr(report) == str(report)
    good = mg.check_derivation(L, {"da/dz": a.item() * (1 - a.item())})
    assert str(good).splitlines()[0] == "the one quantity is right"


def test_the_report_as_html_is_escaped() -> None:
    params = {"<b>&": mg.Tensor(1.0, requires_grad=True)}
    L = params["<b>&"] * 2
    html = mg.check_derivation(L, {params["<b>&"]: 3.0})._repr_html_()
    assert "dL/dparams[&#x27;&lt;b&gt;&amp;&#x27;]" in html
    assert "<b>" not in html
    assert html.count("<tr") == 2


def test_large_arrays_are_differenced_along_a_direction() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30))
    W = mg.Tensor(rng.normal(size=(30, 20)), requires_grad=True)
    a = mg.relu(X @ W)
    L = np.mean(a**2)
    da = 2 * a.data / a.size
    report = mg.check_derivation(L, {a: da, W: X.T @ (da * (a.data > 0))})
    assert report.ok
    for r in report.rows:
        assert r.direction.shape == r.autodiff.shape
        assert r.numeric == pytest.approx(np.sum(r.autodiff * r.direction), rel=1e-5)
        assert "disagree" not in r.note
        assert r.agrees
        assert r.cells[3] == "agree"
    wrong = check_one(L, a, 2 * da)
    assert "and finite differences agree\nit is 2 times the truth" in str(wrong)


def check_one(output: Any, key: Any, value: Any) -> Report:
    return mg.check_derivation(output, {key: value})


def test_differences_along_a_direction_that_disagree() -> None:
    bad = mg.defop("bad_square", lambda x: x**2, [lambda g, ans, x: 3 * g * x])
    x = mg.Tensor(np.linspace(0.5, 2.0, 3000), requires_grad=True)
    L = bad(x).sum()
    report = mg.check_derivation(L, {x: 3 * x.data})
    (only,) = report.rows
    expected = np.sum(3 * x.data * only.direction)
    assert not only.agrees
    assert f"{only.numeric:.6g}, not {expected:.6g} (along a direction)" in str(report)
    assert "autodiff and finite differences disagree" in only.note


@pytest.mark.parametrize("n", [3, 20])
def test_a_factorisation_that_reads_one_triangle_agrees_with_differences(n: int) -> None:
    a = np.random.default_rng(n).normal(size=(n, n))
    S = mg.Tensor(a @ a.T + np.eye(n), requires_grad=True)
    L = np.sum(np.log(np.diag(np.linalg.cholesky(S))))
    (only,) = mg.check_derivation(L, {S: np.linalg.inv(S.data) / 2}).rows
    assert only.agrees and not only.note, only


def test_the_remedy_is_shown_for_a_wrong_link() -> None:
    *_, z, a, L = neuron()
    report = mg.check_derivation(L, {"da/dz": 0.31})
    assert report.first_error.diagnosis.kind == "other"
    assert str(report.first_error.diagnosis).endswith("where 0.246134 belongs: write a * (1 - a)")
    h = np.tanh(z)
    report = mg.check_derivation(h, {"dh/dz": 1 - z.item() ** 2})
    assert str(report.first_error.diagnosis) == (
        "it equals tanh'(z) evaluated at z where h = tanh(z) belongs: write 1 - h**2"
    )
    report = mg.check_derivation(L, {"da/dz": 0.31, "dL/dz": 0.7})
    assert str(report.rows[1].diagnosis).endswith("belongs after your da/dz")


@pytest.mark.full
def test_a_long_chain_is_graded_in_time() -> None:
    x = mg.Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1e-3 * np.sin(y)
    g = float(mg.gradients(y, x))
    assert mg.check_derivation(y, {x: g}).ok
    assert cause(mg.check_derivation(y, {x: -g})) == ("dy/dx", "sign")
    assert cause(mg.check_derivation(y, {x: 1.37 * g + 0.1})) == ("dy/dx", "other")


# --- bad input -------------------------------------------------------------------------


def test_keys_that_cannot_be_read() -> None:
    x, y, w, b, z, a, L = neuron()
    plain = mg.Tensor(2.0)
    check = mg.check_derivation
    cases: list[tuple[Any, Any, str]] = [
        (
            L,
            {"dL/dweight": 1.0},
            r"'dL/dweight': no variable is called 'weight'; known are L, a, z",
        ),
        (L, {"dL/dzz": 1.0}, r"did you mean 'z'\?"),
        (
            L,
            {"what": 1.0},
            "'what' is neither a derivative such as 'dL/da' nor the name of a value",
        ),
        (L, {plain: 1.0}, "plain was not recorded, nothing can be differentiated by it"),
        (L, {"dL/dx": 1.0}, "x was not recorded, nothing can be differentiated by it"),
        (L, {"w - rate*dL/dw": 1.0}, "the learning rate 'rate' is not a number"),
        (L, {"w - 0.1*dL/db": 1.0}, "updates w by a derivative by b"),
        (plain, {w: 1.0}, "the output plain was not recorded: make the parameters"),
        (L, {}, r"nothing was handed in; required=\[...\] says what is missing"),
    ]
    for output, hand, message in cases:
        with pytest.raises(ValueError, match=message):
            check(output, hand)
    with pytest.raises(ValueError, match="digits must be a whole number above 0, not 0"):
        check(L, {w: 1.0}, digits=0)
    with pytest.raises(ValueError, match="layout is 'numerator', 'denominator' or None, not 'row'"):
        check(L, {w: 1.0}, layout="row")
    wrong_types: list[tuple[Any, Any, str]] = [
        (L.item(), {w: 1.0}, "the output .* is not a Tensor"),
        (L, [1.0], "hand is a dict of quantities and values"),
        (L, {3: 1.0}, r"the key 3 \(int\) is not a Tensor, a pair of Tensors or a string"),
        (L, {(L, a, z): 1.0}, r"a key of 3 parts; a pair \(u, v\) has two"),
    ]
    for output, hand, message in wrong_types:
        with pytest.raises(TypeError, match=message):
            check(output, hand)


def test_one_bad_entry_never_loses_the_report() -> None:
    *_, w, b, z, a, L = neuron()
    v = mg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    S = (v**2).sum()
    cases: list[tuple[Any, Any, Any, str, str]] = [
        (L, a, None, "missing", "nothing was written"),
        (L, a, "n/a", "missing", "nothing was written"),
        (L, a, [None], "missing", "an entry is empty"),
        (L, a, 1j, "wrong", "dtype complex128 is not of real numbers"),
        (L, a, "half", "wrong", "'half' is not a number"),
        (L, a, {1: 2}, "wrong", r"{1: 2} is not a number or an array of numbers"),
        (L, a, [1.0, 2.0], "wrong", r"shape \(2,\), where \(\) belongs"),
        (L, v, 1.0, "wrong", "L does not depend on v: this derivative is zero"),
        (L, (z, a), 1.0, "wrong", "z does not depend on a: this derivative is zero"),
        (L, "dL/dzz", 1.0, "missing", "no variable is called 'zz'.*did you mean 'z'"),
        (L, 3, 1.0, "missing", r"the key 3 \(int\) is not a Tensor"),
        (S, v, [1.0, 2.0], "wrong", r"shape \(2,\), where \(3,\) belongs"),
        (S, v, np.ones((2, 3)), "wrong", r"shape \(2, 3\), where \(3,\) belongs"),
        (S, "v", [1.0, 2.0], "wrong", r"shape \(2,\), where \(3,\) belongs"),
        (S, v, [[1.0], [1.0, 2.0]], "wrong", "the nested lists are ragged"),
    ]
    for output, key, value, verdict, why in cases:
        good = w if output is L else S
        right = float(mg.gradients(L, w)) if output is L else 1.0
        report = mg.check_derivation(output, {good: right, key: value})
        assert not report.ok
        assert [r.verdict for r in report.rows].count("correct") == 1, report
        bad = next(r for r in report.rows if r.verdict != "correct")
        assert bad.verdict == verdict, report
        assert re.search(why, bad.remark), report
        assert why.split(" ")[0].strip("\\")[:3] in str(report) or bad.remark in str(report)
        assert "<table>" in report._repr_html_()


def test_zero_is_right_where_there_is_no_path() -> None:
    *_, L = neuron()
    v = mg.Tensor([1.0, 2.0], requires_grad=True)
    assert mg.check_derivation(L, {v: [0.0, 0.0]}).ok
    for key in (v, (L, v), "dL/dv"):
        row = mg.check_derivation(L, {key: [0.0, 1.0]}).rows[0]
        assert row.remark == "L does not depend on v: this derivative is zero"
