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
