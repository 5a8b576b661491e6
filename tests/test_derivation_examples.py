"""The checker finds the slips of the publications by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test_examples import load

backprop = load("backprop_step_by_step")
dispute = load("who_is_right")
descent = load("gradient_descent")


def verdicts(report: Any) -> dict[str, str]:
    return {r.quantity: r.verdict for r in report.rows}


def wrong(report: Any) -> dict[str, str]:
    """What is wrong by itself, and why."""
    return {r.quantity: str(r.diagnosis) for r in report.rows if r.verdict == "wrong"}


def test_one_neuron() -> None:
    report = backprop.grade_one_neuron(1.5)
    assert wrong(report) == {
        "b - 0.1 * ∂L/∂b": "your own numbers give 0.1235, and no known slip explains 0.125"
    }
    right = verdicts(report)
    assert {q for q, v in right.items() if v == "correct"} == {"z", "∂z/∂w", "∂z/∂b"}
    assert sum(v == "rounded" for v in right.values()) == 7


def test_the_label_that_was_used() -> None:
    report = backprop.grade_one_neuron(1.0)
    assert wrong(report)["L"] == "Y = 1.5 stands where y = 1 belongs"
    assert report.first_error.quantity == "L"
    assert verdicts(report)["∂L/∂y_hat"] == "carried"
    assert verdicts(report)["∂L/∂w"] == "carried"


def test_two_neurons_in_a_row() -> None:
    last, first = backprop.grade_two_neurons()
    assert wrong(last) == {
        "∂z3/∂w2": "x stands where a2 belongs",
        "b2 - 0.1 * ∂L/∂b2": "the step goes the wrong way: write -",
    }
    rows = {r.quantity: r for r in last.rows}
    assert rows["∂L/∂w2"].verdict == "carried"
    assert rows["∂L/∂w2"].autodiff == pytest.approx(-0.1152, abs=5e-5)
    assert rows["w2 - 0.1 * ∂L/∂w2"].verdict == "carried"
    assert rows["w2 - 0.1 * ∂L/∂w2"].autodiff == pytest.approx(0.2115, abs=5e-5)
    assert rows["b2 - 0.1 * ∂L/∂b2"].autodiff == pytest.approx(0.4205, abs=5e-5)
    assert rows["∂y_hat/∂z3"].verdict == "rounded"
    assert rows["∂y_hat/∂z3"].autodiff == pytest.approx(0.2343, abs=5e-5)
    assert wrong(first) == {"z3": "it is the value of a2"}
    assert verdicts(first)["y_hat"] == "carried"
    assert set(verdicts(first).values()) == {"correct", "rounded", "wrong", "carried"}
    assert verdicts(first)["∂L/∂w1"] == "rounded"


def test_the_weight_gradient_alone_tells_the_slip() -> None:
    import minigrad as mg

    x, y = 0.5, 1.5
    w1, b1, w2, b2 = (mg.Tensor(v, requires_grad=True) for v in (0.3, 0.1, 0.2, 0.4))
    a2 = mg.sigmoid(w1 * x + b1)
    z3 = w2 * a2 + b2
    y_hat = mg.sigmoid(z3)
    L = 0.5 * (y - y_hat) ** 2
    printed = {"dL/dy_hat": "-0.875", "dy_hat/dz3": "0.235", "dL/dw2": "-0.103"}
    report = mg.check_derivation(L, printed)
    assert wrong(report) == {"dL/dw2": "x stands where a2 belongs"}
    assert report.first_error.diagnosis.kind == "wrong_node"


def test_the_gradings_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    backprop.main(["--only", "row"])
    text = capsys.readouterr().out
    assert "∂z3/∂w2                 0.5  wrong: x stands where a2 belongs" in text
    assert "As printed, for w¹ and b¹: z3 is the first wrong step" in text


def test_who_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    readers, tutorial, half, entropy = (report for _, report in dispute.dispute())
    found = readers.first_error.diagnosis
    assert (readers.first_error.quantity, found.kinds) == (
        "dsquares/dW", ("missing_local_factor", "factor")
    )  # fmt: skip
    assert "σ'(X @ W) is missing" in str(found)
    assert tutorial.first_error.diagnosis.kind == "factor"
    assert tutorial.first_error.diagnosis.factor == pytest.approx(0.5)
    assert half.ok
    assert entropy.ok
    dispute.main([])
    text = capsys.readouterr().out
    assert "X.T @ error is the gradient of the logistic loss" in text
    assert text.count("the one quantity is right") == 2


def test_published_derivatives_of_gradient_descent(capsys: pytest.CaptureFixture[str]) -> None:
    *right, (title, mixed) = descent.derivations()
    assert len(right) == 4
    for _, report in right:
        assert report.ok, report
        assert all(r.verdict == "correct" for r in report.rows)
    assert "1/2m" in title
    assert mixed.first_error.quantity == "∂J/∂h"
    assert mixed.first_error.diagnosis.kind == "factor"
    assert mixed.first_error.diagnosis.factor == pytest.approx(2)
    assert verdicts(mixed)["∂J/∂θ1"] == "carried"
    assert np.isclose(right[0][1].rows[0].autodiff, 6)
    descent.main(["--only", "derivations"])
    assert "all 5 quantities are right" in capsys.readouterr().out
