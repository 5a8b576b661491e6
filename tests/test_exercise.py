"""Worksheets: what is planted is what the grader finds, and the key tells it."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg


@pytest.mark.parametrize("seed", range(8))
def test_what_is_planted_is_found(seed: int) -> None:
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    b = mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    slips = 1 + seed % 2
    sheet = mg.exercise(L, slips=slips, seed=seed)
    report = mg.check_derivation(L, sheet.hand)
    assert [r.quantity for r in report.rows if r.verdict == "wrong"] == sheet.slips
    assert len(sheet.slips) == slips
    for key in sheet.slips:
        assert f"- {key} = " in sheet.key
    assert "z = w * x + b" in sheet.worksheet
    assert mg.exercise(L, slips=slips, seed=seed).worksheet == sheet.worksheet


def test_arrays_and_errors_carried_forward() -> None:
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W = mg.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    Z = X @ W
    H = np.tanh(Z)
    D = H - T
    J = np.mean(D**2)
    sheets = [mg.exercise(J, seed=seed) for seed in range(4)]
    assert len({s.worksheet for s in sheets}) > 1
    for sheet in sheets:
        report = mg.check_derivation(J, sheet.hand)
        assert report.first_error.quantity == sheet.slips[0]
        assert "There should stand" in sheet.key
        assert "<pre>" in sheet._repr_html_()


def test_what_is_refused() -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match="exercise: 3 is not a Tensor"):
        mg.exercise(3)
    with pytest.raises(ValueError, match="slips is a whole number above 0, not 0"):
        mg.exercise(w**2, slips=0)
    with pytest.raises(ValueError, match="no 9 slips can be planted"):
        mg.exercise(w**2, slips=9)


def test_leaves_without_names_leave_all_results() -> None:
    y, s = (
        np.tanh(mg.Tensor([0.3, -0.5], requires_grad=True)),
        np.sin(mg.Tensor(0.7, requires_grad=True)),
    )
    z = y * s
    L = np.sum(z)
    assert set(mg.exercise(L).hand) == {"dL/dz", "dL/dy", "dL/ds"}
