"""The generated step of the sigmoid classifier is the derivation by hand, line by line."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from test_examples import load

example = load("generated_source")


@pytest.mark.parametrize(("loss", "by_hand"), example.PAIRS, ids=["squares", "half"])
@pytest.mark.parametrize("n", [2, 3, 500])
def test_the_lines_are_the_same(loss: object, by_hand: object, n: int) -> None:
    W, X, y = example.points(n, seed=0)
    program = mg.trace(mg.value_and_grad(loss), W, X, y)
    rows = example.side_by_side(program, by_hand)
    assert all(same for *_, same in rows)
    assert [a for a, *_ in rows] == [b for _, b, _ in rows]
    value, gradient = program(W, X, y)
    expected = mg.value_and_grad(loss)(W, X, y)
    np.testing.assert_allclose(value, expected[0], rtol=1e-14)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-13, atol=1e-13)


def test_the_tutorials_line() -> None:
    W, X, y = example.points(500, seed=0)
    step = mg.trace(mg.value_and_grad(example.half_squares), W, X, y)
    assert "dW = X.T @ (error * p * (1 - p))" in step.source
    p = 1 / (1 + np.exp(-(X @ W)))
    published = X.T @ ((p - y) * p * (1 - p))
    np.testing.assert_array_equal(step(W, X, y)[1], published)
    whole = mg.grad(example.squares)(W, X, y)
    np.testing.assert_allclose(whole, 2 * published, rtol=1e-14)


def test_a_difference_is_seen() -> None:
    W, X, y = example.points(10, seed=0)
    program = mg.trace(mg.value_and_grad(example.squares), W, X, y)

    def wrong(W: object, X: object, y: object) -> object:
        """The local factor σ′ is missing."""
        p = 1 / (1 + np.exp(-(X @ W)))
        error = p - y
        derror = 2 * error
        dW = X.T @ derror
        return (error**2).sum(), dW

    assert [same for *_, same in example.side_by_side(program, wrong)] == [
        True, True, True, False, True
    ]  # fmt: skip
    with pytest.raises(ValueError, match="5 lines were generated, and 4 by hand"):
        example.side_by_side(program, example.half_squares_by_hand)
    with pytest.raises(LookupError, match="no function step"):
        example.statements(program.source, "step")


def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    example.main([])
    text = capsys.readouterr().out
    assert "5 of 5 lines are the same" in text
    assert "4 of 4 lines are the same" in text
    differences = [float(x) for x in re.findall(r"numbers differ by (\S+)\.\n", text)]
    assert len(differences) == 2
    assert max(differences) < 1e-12
    assert "≠" not in text


def test_the_saved_file_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example.main(["--points", "20", "--save", str(tmp_path / "step.py")])
    assert "written to" in capsys.readouterr().out
    step = runpy.run_path(str(tmp_path / "step.py"))["squares"]
    W, X, y = example.points(20, seed=1)
    np.testing.assert_allclose(step(W, X, y)[1], example.squares_by_hand(W, X, y)[1], rtol=1e-13)
    with pytest.raises(SystemExit, match="there is no folder"):
        example.main(["--save", str(tmp_path / "nowhere" / "step.py")])


@pytest.mark.parametrize("arguments", [["--points", "1"], ["--points", "x"], ["--points", "1.5"]])
def test_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        example.main(arguments)
    assert "is not a whole number of at least 2" in capsys.readouterr().err
