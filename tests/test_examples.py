"""The examples run, and their numbers are right."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


backprop = load("backprop_step_by_step")
regression = load("linear_regression")


# --- backprop_step_by_step -------------------------------------------------------------

TABLES = [backprop.one_neuron, backprop.two_neurons_in_a_row]
TABLES += [backprop.two_neurons_in_a_layer, backprop.several_outputs]
each_table = pytest.mark.parametrize("rows", TABLES, ids=lambda f: f.__name__)


@each_table
def test_minigrad_equals_closed_forms_and_finite_differences(rows: Callable[[], list[Any]]) -> None:
    for r in rows():
        assert abs(r.minigrad - r.exact) <= 1e-12, r
        if r.numeric is not None:
            assert abs(r.minigrad - r.numeric) <= 1e-10, r


@each_table
def test_every_derivative_has_finite_differences(rows: Callable[[], list[Any]]) -> None:
    for r in rows():
        assert (r.numeric is not None) == (r.quantity.startswith("∂") or "new" in r.quantity), r


def test_exact_values_of_one_neuron() -> None:
    exact = {r.quantity: r.exact for r in backprop.one_neuron()}
    s = 1 / (1 + math.exp(-0.25))
    assert exact["ŷ"] == s
    assert exact["∂L/∂w"] == pytest.approx(-0.1154151634, abs=1e-10)
    assert exact["∂L/∂b"] == pytest.approx(-0.2308303267, abs=1e-10)
    assert exact["b new"] == pytest.approx(0.1 + 0.1 * (1.5 - s) * s * (1 - s), abs=1e-15)


def test_published_figures_and_differences() -> None:
    one = {r.quantity: r for r in backprop.one_neuron()}
    assert one["∂L/∂w"].published == "-0.118"
    assert one["∂L/∂w"].difference == pytest.approx(-0.1154151634 + 0.118, abs=1e-10)
    assert all(r.published is not None for r in one.values())
    row = {r.quantity: r.published for r in backprop.two_neurons_in_a_row()}
    assert [q for q, printed in row.items() if printed is None] == ["∂z³/∂b²"]
    assert (row["z³, forward"], row["z³, backward"]) == ("0.512", "0.56")
    assert [row[f"{p} new"] for p in ("w¹", "b¹", "w²", "b²")] == [
        "0.3005", "0.101", "0.2103", "0.3795"
    ]  # fmt: skip
    for rows in (backprop.two_neurons_in_a_layer, backprop.several_outputs):
        assert all(r.published is None and r.difference is None for r in rows())


def test_eight_parameters_of_the_layer_and_the_sum_over_outputs() -> None:
    names = {r.quantity for r in backprop.two_neurons_in_a_layer()}
    assert {f"∂L/∂{p}" for p in backprop.LAYER} <= names
    assert len(backprop.LAYER) == 8
    parts = {r.quantity: r.minigrad for r in backprop.several_outputs()}
    total = sum(parts[f"∂L{p}/∂w¹"] for p in "₁₂₃")
    assert parts["∂L/∂w¹, their sum"] == pytest.approx(total, abs=1e-15)


def test_backprop_prints_aligned_tables(capsys: pytest.CaptureFixture[str]) -> None:
    backprop.main([])
    text = capsys.readouterr().out
    assert "Largest difference of minigrad from the closed forms" in text
    lines = text.splitlines()
    rulers = [i for i, line in enumerate(lines) if set(line) == {"-", " "}]
    assert len(rulers) == 4
    for i in rulers:
        assert lines[i - 1].split()[0] == "quantity"
        for line in lines[i + 1 : lines.index("", i)]:
            assert len(line) <= len(lines[i])
    assert re.search(r"∂L/∂w +-0\.115415 +-0\.115415 +-0\.115415 +-0\.118 +\+0\.002585", text)


def test_backprop_options(capsys: pytest.CaptureFixture[str]) -> None:
    backprop.main(["--only", "row", "--digits", "3"])
    text = capsys.readouterr().out
    assert "Two neurons in a row" in text
    assert "One neuron" not in text
    table, _, derived = text.partition("As minigrad derives it")
    assert "0.562 " in table
    assert "0.5622" not in table
    assert "∂L/∂w1 = ∂L/∂ŷ" in derived
    assert "dL/dw1 = dL/dŷ" in derived


@pytest.mark.parametrize("arguments", [["--only", "three"], ["--digits", "0"], ["--digits", "x"]])
def test_backprop_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        backprop.main(arguments)
    assert repr(arguments[1]) in capsys.readouterr().err


# --- linear_regression -----------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> Any:
    pytest.importorskip("sklearn")
    return regression.diabetes()


def test_diabetes_is_standardised(data: Any) -> None:
    features, targets, names = data
    assert features.shape == (442, 10)
    assert targets.shape == (442,)
    assert len(names) == 10
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-12)


@pytest.mark.full
def test_descent_reaches_the_normal_equations(data: Any) -> None:
    features, targets, _ = data
    fit = regression.descend(features, targets)
    best = regression.least_squares(features, targets)
    assert regression.distance(fit.parameters, best) < 1e-9
    assert fit.difference < 1e-12 * 200  # gradients start at about 150
    assert max(np.diff(fit.losses)) < 1e-9
    design = np.column_stack([np.ones(442), features])
    solution = np.linalg.solve(design.T @ design, design.T @ targets)
    np.testing.assert_allclose(best["theta"], solution[1:], rtol=1e-9)
    np.testing.assert_allclose(best["theta0"], targets.mean(), rtol=1e-12)
    r2 = regression.r_squared(fit.parameters, features, targets)
    assert r2 == pytest.approx(0.517748, abs=1e-6)


def test_a_rate_that_is_too_large_is_told(data: Any) -> None:
    features, targets, _ = data
    with pytest.raises(ArithmeticError, match="learning rate of 2 is too large"):
        regression.descend(features, targets, alpha=2.0)
    with pytest.raises(SystemExit, match="choose a smaller --alpha"):
        regression.main(["--alpha", "1e300"])


def test_regression_prints_its_progress(data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    regression.main(["--epochs", "20"])
    text = capsys.readouterr().out
    assert re.search(r"^ +20 +1439\.", text, re.MULTILINE)
    assert all(name in text for name in ["θ₀", *data[2], "normal equations", "R²"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--alpha", "0"],
        ["--alpha", "nan"],
        ["--alpha=-0.1"],
        ["--epochs", "0"],
        ["--epochs", "1.5"],
    ],
    ids=str,
)
def test_regression_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        regression.main(arguments)
    assert "is not a" in capsys.readouterr().err


def test_regression_names_the_package_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match=r'pip install -e "\.\[test\]"'):
        regression.main([])


# --- all of them -----------------------------------------------------------------------


PROGRAMS = [p for p in sorted(FOLDER.glob("*.py")) if '__name__ == "__main__"' in p.read_text()]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_help(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FOLDER)  # some examples import others
    with pytest.raises(SystemExit) as stopped:
        load(path.stem).main(["--help"])
    assert stopped.value.code == 0
    assert "usage:" in capsys.readouterr().out


# --- scale_out -------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_scale_out_trains_and_goes_on(tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("distributed")
    scale = load("scale_out")
    small = ["--examples", "2000", "--part", "500", "--features", "8", "--hidden", "4",
             "--threads", "--repeats", "1", "--workers", "1", "--lr", "0.2"]  # fmt: skip
    keep = ["--checkpoint", str(tmp_path / "run.npz")]
    _, losses = scale.main([*small, "--steps", "6"])
    assert losses[-1] < 0.8 * losses[0]
    _, first = scale.main([*small, *keep, "--steps", "3"])
    _, rest = scale.main([*small, *keep, "--steps", "6"])
    assert "3 steps are in" in capsys.readouterr().out
    np.testing.assert_allclose(rest, losses, rtol=1e-12)
    np.testing.assert_allclose(first, losses[:3], rtol=1e-12)


def test_the_model_of_the_costs() -> None:
    pytest.importorskip("distributed")
    costs = load("scale_out").Costs(part=1.0, task=0.001, bytes=10**8)
    one, two, ten = (costs.step(n, 50) for n in (1, 2, 10))
    tree = (2 * 8 + 1) * 0.1
    assert one == pytest.approx(50 + 50 * (2 + 1 / 7) * 0.001 + tree)
    assert one - two == pytest.approx(25)
    assert two - ten == pytest.approx(20 - (math.log2(10) - 1) * 0.1)
    assert costs.step(1000, 50) > costs.step(100, 50)  # more than parts: only more to send


# --- from_scratch ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def scratch() -> ModuleType:
    pytest.importorskip("sklearn")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return load("from_scratch")


@pytest.mark.parametrize("place", range(10))
def test_pages_are_right_for_any_numbers_and_wrong_ones_are_seen(
    scratch: ModuleType, place: int
) -> None:
    make = scratch.PAGES[place]
    for seed in range(3):
        assert make(np.random.default_rng(seed)).grade(), make.__name__
    page = make(np.random.default_rng(0))
    name = next(iter(page.hand))
    page.hand[name] = 2 * page.hand[name]
    report = page.grade()
    assert not report
    assert "2" in str(report)


def test_digits_from_scratch(scratch: ModuleType, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    network = scratch.Network(4, draw)
    data = scratch.digits()
    assert network.grade(data.train_x[:3, 0].astype(float), data.train_y[:3])
    whole = scratch.train(scratch.Network(4, np.random.default_rng(1)), 4, None, lambda *_: None)
    assert whole[-1][1] > 0.94
    keep = str(tmp_path / "run.npz")
    for epochs in (4, 4):
        part = scratch.train(scratch.Network(4, np.random.default_rng(1)), epochs, keep,
                             lambda *_: None)  # fmt: skip
    np.testing.assert_allclose(part, whole, rtol=1e-12)


def test_digits_from_scratch_go_on(scratch: ModuleType, tmp_path: Path) -> None:
    """A run that is stopped after an epoch ends like one that was not."""
    keep = str(tmp_path / "run.npz")
    real, seen = scratch.mg.save, []

    class Stopped(Exception):
        pass

    def save(path: Any, state: Any) -> None:
        real(path, state)
        seen.append(path)
        if len(seen) == 2:
            raise Stopped

    make = lambda: scratch.Network(2, np.random.default_rng(1))
    whole = scratch.train(make(), 3, None, lambda *_: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch.mg, "save", save, raising=False)
        with pytest.raises(Stopped):
            scratch.train(make(), 3, keep, lambda *_: None)
    rest = scratch.train(make(), 3, keep, lambda *_: None)
    np.testing.assert_allclose(rest, whole, rtol=1e-12)
