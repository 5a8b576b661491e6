"""Derivations as they stand on paper and in homework threads: right ones pass, slips are named."""

# Strings refer to variables that nothing else reads.

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import minigrad as mg

check = mg.check_derivation


def leaf(values: Any) -> Any:
    return mg.Tensor(np.asarray(values, float), requires_grad=True)


def normal(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def right(report: Any) -> None:
    assert report.ok, report


def says(report: Any, quantity: str, words: str, kind: str) -> None:
    first = report.first_error
    assert first is not None, report
    assert (first.quantity, first.diagnosis.kind) == (quantity, kind), report
    assert re.search(words, first.remark), first.remark


# --- formulas --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formula",
    ["Xᵀ(p − t)/m", "X^T (p - t) / m", "X.T (p - t) / m", "1/m X^T (p - t)", "(p - t)^T X / m"],
)
def test_products_without_a_sign_are_matrix_products(formula: str) -> None:
    X, t, m, v = normal(0, 5, 2), np.array([1.0, 0, 0, 1, 1]), 5, leaf(normal(1, 2))
    p = mg.sigmoid(X @ v)
    J = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / m
    right(check(J, {"dJ/dv": formula}))
    assert not check(J, {"dJ/dv": formula.replace("X", "3 X")}).ok


@pytest.mark.parametrize(
    ("formula", "ok"),
    [("Bᵀ r cᵀ", True), ("B^T r c^T", True), ("B r c^T", False), ("B.T r c.T r", False)],
)
def test_products_of_square_matrices(formula: str, ok: bool) -> None:
    B, V, c = normal(2, 3, 3), leaf(normal(3, 3, 3)), normal(4, 3, 1)
    r = B @ (V @ c)
    E = 0.5 * (r * r).sum()
    assert check(E, {"dE/dV": formula}).ok is ok


@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
def test_elementwise_products_without_a_sign(shape: tuple[int, int]) -> None:
    z = leaf(normal(5, *shape))
    a = mg.sigmoid(z)
    F = (a**2).sum()
    right(check(F, {"dF/dz": "2 a² (1 − a)"}))
    right(check(F, {"dF/dz": "2aa(1 - a)"}))


def test_formulas_may_rely_on_a_symmetric_matrix() -> None:
    K, k = np.array([[2.0, -0.4, 0.1], [-0.4, 1.5, 0.3], [0.1, 0.3, 1.0]]), normal(6, 3)
    v = leaf(normal(7, 3))
    q = 0.5 * v @ K @ v - k @ v
    right(check(q, {"dq/dv": "K @ v - k"}))
    assert not check(q, {"dq/dv": "K @ v + k"}).ok


def test_formulas_do_not_rely_on_a_matrix_that_is_not_symmetric() -> None:
    K, v = np.array([[2.0, -0.4], [0.4, 1.5]]), leaf(normal(7, 2))
    q = v @ K @ v
    right(check(q, {"dq/dv": "(K + K.T) @ v"}))
    assert not check(q, {"dq/dv": "2 * K @ v"}).ok


def test_formulas_may_rely_on_labels_that_are_probabilities() -> None:
    T, z = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]]), leaf(normal(8, 2, 3))
    p = mg.softmax(z)
    L = -(T * np.log(p)).sum() / 2
    right(check(L, {"dL/dz": "(p - T)/2"}))
    assert not check(L, {"dL/dz": "(p - 1)/2"}).ok


# --- slips -----------------------------------------------------------------------------


def test_a_sum_over_the_wrong_axis() -> None:
    x, gamma = leaf(normal(9, 3, 3)), leaf(normal(10, 3))
    out, dout = gamma * x, normal(11, 3, 3)
    wrong = check(out, {"dgamma": (dout * x.data).sum(axis=1)}, upstream=dout)
    says(wrong, "dgamma", "gamma is summed over axis 1 where axis 0 belongs", "wrong_sum")


@pytest.mark.parametrize("bias", [0.0, -9.0])
def test_a_count_of_violated_margins_taken_for_one(bias: float) -> None:
    X, y = normal(12, 6, 3), np.array([0, 1, 2, 3, 1, 0])
    X[2] = [bias, 0.0, 0.0]
    W = leaf(np.vstack([[1.0, 1.0, -1.0, 1.0], normal(13, 2, 4)]))
    s = X @ W
    own = np.take_along_axis(s, y[:, None], 1)
    margins = np.maximum(0, s - own + 1) * (1 - np.eye(4)[y])
    L = margins.mean(axis=0).sum()
    G = (margins.data > 0).astype(float)
    G[np.arange(6), y] = -1.0
    says(check(L, {"dW": X.T @ G / 6}), "dW", "sum over axis 1 .* one term alone", "wrong_sum")


def test_a_maximum_taken_for_a_mean() -> None:
    x = leaf(normal(14, 2, 6))
    m = x.max(axis=1)
    L = (m * np.array([2.0, -3.0])).sum()
    dm = np.array([[2.0], [-3.0]])
    says(
        check(L, {x: np.repeat(dm / 6, 6, 1)}), "dL/dx", "m is shared by all 6", "wrong_derivative"
    )
    says(check(L, {x: np.repeat(dm, 6, 1)}), "dL/dx", "m goes to all 6", "wrong_derivative")


def test_states_of_a_recurrence_one_step_late() -> None:
    U, V, x1, x2, h0 = leaf(normal(15, 3, 3)), normal(16, 3, 2), *normal(17, 2, 2), normal(18, 3)
    h1 = np.tanh(U @ h0 + V @ x1)
    a2 = U @ h1 + V @ x2
    h2 = np.tanh(a2)
    L = h2.sum()
    d2 = 1 - h2.data**2
    d1 = U.data.T @ d2 * (1 - h1.data**2)
    right(check(L, {"dU": np.outer(d2, h1.data) + np.outer(d1, h0)}))
    late = check(L, {"dU": np.outer(d2, h2.data) + np.outer(d1, h1.data)})
    says(
        late,
        "dL/dU" if late.rows[0].quantity == "dL/dU" else "dU",
        "h2 stands where h1 .* late",
        "wrong_node",
    )


def test_one_subtracted_from_every_class() -> None:
    Y, z = np.eye(3)[[0, 2, 1]], leaf(normal(19, 3, 3))
    p = mg.softmax(z)
    L = -(Y * np.log(p)).mean(axis=0).sum()
    says(check(L, {"dz": (p.data - 1) / 3}), "dz", "1 is subtracted from all", "wrong_derivative")
    M = -(Y * mg.log_softmax(z)).sum() / 3
    says(check(M, {"dz": (p.data - 1) / 3}), "dz", "1 is subtracted from all", "wrong_derivative")


def test_the_slope_of_an_absolute_value() -> None:
    w = leaf([0.7, -1.3, 2.1])
    L = (np.abs(w) * np.array([1.0, 2.0, 3.0])).sum()
    k = np.array([1.0, 2.0, 3.0])
    says(check(L, {w: k * w.data}), "dL/dw", r"w stands where sign\(w\)", "wrong_derivative")
    says(check(L, {w: k}), "dL/dw", r"factor sign\(w\) is missing", "missing_local_factor")


def test_a_matrix_left_out_behind_one_output() -> None:
    X, W, v = normal(20, 5, 2), leaf(normal(21, 2, 3)), leaf(normal(22, 3, 1))
    h = np.tanh(X @ W)
    o = h @ v
    L = 0.5 * (o**2).sum()
    wrong = X.T @ (o.data * (1 - h.data**2))
    says(check(L, {"dW": wrong}), "dW", "the local factor v is missing", "missing_local_factor")


def test_the_mixed_entries_of_a_hessian() -> None:
    v = leaf([0.8, -0.5])
    f = v[0] ** 3 * v[1] + v[1] ** 2
    a, b = v.data
    H = np.array([[6 * a * b, 3 * a**2], [3 * a**2, 2.0]])
    right(check(f, {"H": H}))
    words = "off the diagonal are wrong: there the sign is flipped"
    says(check(f, {"H": H * [[1, -1], [-1, 1]]}), "H", words, "entries")
