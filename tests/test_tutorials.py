"""The published gradient-descent tutorials, and what their examples print and draw."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad as mg

FOLDER = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    """An example as a module; examples import each other as scripts do."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


descent = load("gradient_descent")
classifier = load("gradient_descent_classifier")
mini_batch = load("mini_batch")


# --- gradient_descent ------------------------------------------------------------------


def test_all_ten_rows_of_the_published_table() -> None:
    theta, history = descent.descend_square()
    assert len(history) == len(descent.PUBLISHED) == 10
    for row, (place, step) in zip(history, descent.PUBLISHED):
        assert (descent.as_printed(row.theta), descent.as_printed(row.update)) == (place, step)
        assert row.theta == pytest.approx(3 * 0.8 ** (row.iteration - 1), rel=1e-14)
        assert row.update == pytest.approx(0.2 * row.theta, rel=1e-15)
    assert theta == pytest.approx(3 * 0.8**10, rel=1e-14)


def test_a_rate_of_two_moves_away_at_every_step() -> None:
    _, history = descent.descend_square(alpha=2.0)
    places = [abs(row.theta) for row in history]
    assert places == sorted(places)
    assert history.reason.endswith("the learning rate 2 is too large")


def test_simultaneous_updates() -> None:
    zero = {"θ₁": 0.0, "θ₂": 0.0}
    together, _ = descent.minimize(descent.coupled, zero, 0.25, 1, progress=False)
    assert together == {"θ₁": 1.5, "θ₂": 1.5}
    assert descent.coupled(together) == 0.0
    assert descent.in_turn(descent.coupled, zero, 0.25) == {"θ₁": 1.5, "θ₂": 0.75}
    start = {"θ₁": 3.0, "θ₂": -2.0}
    together, _ = descent.minimize(descent.squares, start, 0.1, 1, progress=False)
    assert together == descent.in_turn(descent.squares, start, 0.1)


@pytest.mark.parametrize("name", ["MSE", "½ MSE"])
def test_the_published_rules_of_linear_regression(name: str) -> None:
    p, history, difference = descent.fit(name)
    assert difference < 1e-15
    slope, intercept = np.polyfit(*descent.line(), 1)
    assert [p["θ₀"], p["θ₁"]] == pytest.approx([intercept, slope], abs=1e-5)
    assert len(history) == 200


def test_half_the_loss_with_twice_the_rate_makes_the_same_steps() -> None:
    p, q = descent.fit("MSE")[0], descent.fit("½ MSE")[0]
    assert [q["θ₀"], q["θ₁"]] == pytest.approx([p["θ₀"], p["θ₁"]], abs=1e-14)


def test_an_outlier_among_many_has_little_say() -> None:
    parts = {m: descent.share(m) for m in (1, 10, 1000)}
    assert parts[1] == (-10.0, 1.0)
    assert parts[10][0] == pytest.approx(-1.0)
    assert parts[1000][0] == pytest.approx(-0.01)
    x, y = descent.with_outlier(1000)
    errors = np.abs(1 + 2 * x - y)
    assert parts[1000][1] == pytest.approx(10 / errors.sum())
    assert parts[1000][1] < 0.1 < parts[10][1]


def test_descent_prints_every_part(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    descent.main([])
    text = capsys.readouterr().out
    assert "all ten rows agree to the digits printed: yes" in text
    assert re.search(r"^ +8 +0\.629146 +0\.629 +0\.125829 +0\.126$", text, re.MULTILINE)
    assert "diverged: the loss grew from 9 to 729" in text
    assert re.search(r"one after the other +1\.5000 +0\.7500 +0\.5625", text)
    assert len(re.findall("^-{88}$", text, re.MULTILINE)) == len(descent.PARTS) - 1
    descent.main(["--only", "outlier"])
    text = capsys.readouterr().out
    assert "100.0%" in text
    assert "θ²" not in text


# --- gradient_descent_classifier -------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> Any:
    pytest.importorskip("sklearn")
    return classifier.blobs()


def by_hand(data: Any, w: np.ndarray, epochs: int) -> tuple[list[np.ndarray], list[float]]:
    """The publication's update: W −= α Xᵀ(e ⊙ p(1 − p)), and its losses Σ e²."""
    places, losses = [w], []
    for _ in range(epochs):
        p = 1 / (1 + np.exp(-data.train_x @ w))
        e = p - data.train_y
        losses.append(float(np.sum(e**2)))
        w = w - 0.01 * data.train_x.T @ (e * p * (1 - p))
        places.append(w)
    return places, losses


@pytest.mark.parametrize("seed", [0, 6, 19])
def test_the_trajectory_is_that_of_the_hand_coded_update(data: Any, seed: int) -> None:
    w = classifier.first_weights(seed)
    places, losses = by_hand(data, w, 100)
    model = classifier.model("sse", "sigmoid", 0.01)
    end, found, history = classifier.train(model, data, w, 100)
    assert len(history) == 100
    for row, place in zip(history, places):
        np.testing.assert_allclose(row.theta, place, rtol=0, atol=1e-12)
    np.testing.assert_allclose(end, places[-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found, losses, rtol=1e-12)


def test_the_data_are_the_publications(data: Any) -> None:
    assert [a.shape for a in data] == [(500, 3), (500, 1), (500, 3), (500, 1)]
    assert (data.train_x[:, 2] == 1).all()
    assert data.test_y.sum() == 250


def test_the_gradient_of_the_cross_entropy_is_without_the_sigmoids_derivative(data: Any) -> None:
    w = classifier.first_weights(3) * 0.1
    x, y = data.train_x, data.train_y
    expected = x.T @ (mg.sigmoid(x @ w) - y)
    got = mg.grad(classifier.cross_entropy)(w, x, y)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "share"),
    [
        ([], 1.0),
        (["--batch-size", "32"], 0.99),
        (["--momentum", "0.9"], 0.98),
        (["--momentum", "0.9", "--nesterov", "--batch-size", "50"], 0.99),
        (["--activation", "relu"], 0.99),
        (["--loss", "bce"], 0.99),
        (["--loss", "hinge"], 0.99),
        (["--seed", "6"], 0.5),
    ],
    ids=str,
)
def test_classifier_reports(
    data: Any, arguments: list[str], share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier.main(arguments)
    text = capsys.readouterr().out
    assert "100 epochs are done" in text
    assert len(re.findall(r"^epoch +\d+  loss \d+\.\d{7}$", text, re.MULTILINE)) == 21
    accuracy = re.search(r"accuracy +(\d\.\d\d) +500", text)
    assert accuracy
    assert float(accuracy[1]) >= share
    if not arguments:
        for line in ("0", "1", "macro avg", "weighted avg"):
            assert re.search(rf"^ *{line} +1\.00 +1\.00 +1\.00 +\d+$", text, re.MULTILINE)
        assert "epoch    1  loss 314.26831" in text
    if share == 0.5:
        assert float(accuracy[1]) == 0.5


def test_what_is_said_of_the_seeds(data: Any) -> None:
    model = classifier.model("sse", "sigmoid", 0.01)
    right = {}
    for seed in range(40):
        w, _, _ = classifier.train(model, data, classifier.first_weights(seed), 100)
        right[seed] = int(np.sum(classifier.predict(w, data.test_x) == data.test_y))
    assert sum(n == 500 for n in right.values()) == 12
    assert right[19] == 500
    assert right[6] == 250


def test_the_boundary_is_where_the_score_is_the_threshold() -> None:
    w = np.array([[1.0], [-2.0], [0.5]])
    for threshold in (0.0, 0.5):
        x2 = classifier.boundary(w, 3.0, threshold)
        assert (np.array([[3.0, x2, 1.0]]) @ w).item() == pytest.approx(threshold)


def test_a_rate_that_is_too_large_is_told(data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    classifier.main(["--activation", "relu", "--alpha", "0.01"])
    assert "diverged: the loss grew from" in capsys.readouterr().out


# --- mini_batch ------------------------------------------------------------------------


def test_four_methods_on_the_same_problem(data: Any) -> None:
    runs = {r.name: r for r in mini_batch.compare(data, 20, 0.01, 32, 0.9, 19)}
    assert list(runs) == ["vanilla", "stochastic", "momentum", "Nesterov"]
    assert len({run.losses[0] for run in runs.values()}) == 1
    assert all(len(run.losses) == 21 and run.accuracy > 0.98 for run in runs.values())
    places, losses = by_hand(data, classifier.first_weights(19), 20)
    np.testing.assert_allclose(runs["vanilla"].losses[:20], losses, rtol=1e-9)
    np.testing.assert_allclose(runs["vanilla"].weights, places[-1], rtol=1e-9)
    last = {name: run.losses[-1] for name, run in runs.items()}
    assert last["Nesterov"] < last["momentum"] < last["stochastic"] < last["vanilla"]
    assert runs["momentum"].epochs_until(1.0) == 2
    assert runs["vanilla"].epochs_until(1.0) is None


def test_mini_batch_prints_a_table(data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mini_batch.main(["--epochs", "3", "--batch-size", "100"])
    text = capsys.readouterr().out
    assert "batches of 100" in text
    assert re.search(r"^vanilla +314\.2683 +206\.6280 .* - +\d+\.\d%$", text, re.MULTILINE)
    widths = {len(line) for line in text.splitlines()[2:]}
    assert len(widths) == 1


# --- what they have in common ----------------------------------------------------------

QUICK: list[tuple[ModuleType, list[str]]] = [
    (descent, ["--only", "square"]),
    (classifier, ["--epochs", "2"]),
    (mini_batch, ["--epochs", "2"]),
]
every = pytest.mark.parametrize(
    ("module", "arguments"), QUICK, ids=[module.__name__ for module, _ in QUICK]
)


@pytest.mark.sampled(3)
@every
def test_pictures(module: Any, arguments: list[str], data: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture.png"
    module.main([*arguments, "--plot", str(path)])
    assert path.stat().st_size > 10_000


@pytest.mark.sampled(3)
@every
def test_pictures_that_cannot_be(
    module: Any,
    arguments: list[str],
    data: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(SystemExit, match=r"--plot .*No such file"):
        module.main([*arguments, "--plot", str(tmp_path / "nowhere" / "p.png")])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match=r"pip install 'minigrad\[viz\]'"):
        module.main([*arguments, "--plot", str(tmp_path / "p.png")])


@every
def test_help(module: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    assert end.value.code == 0
    assert "--plot PATH" in capsys.readouterr().out


@pytest.mark.parametrize("module", [classifier, mini_batch], ids=["classifier", "mini_batch"])
def test_examples_name_the_package_they_miss(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="drawn by scikit-learn, which is not installed"):
        module.main([])


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (descent, ["--only", "three"], "invalid choice: 'three'"),
        (classifier, ["--epochs", "0"], "'0' is not a whole number of at least 1"),
        (classifier, ["--alpha", "nan"], "'nan' is not a number above 0"),
        (classifier, ["--alpha=-1"], "'-1' is not a number above 0"),
        (classifier, ["--momentum", "1"], "'1' is not a number of at least 0 and below 1"),
        (classifier, ["--nesterov"], "--nesterov needs --momentum"),
        (classifier, ["--activation", "relu", "--loss", "bce"], "relu goes with --loss sse only"),
        (mini_batch, ["--momentum", "0"], "'0' is not a number above 0 and below 1"),
        (mini_batch, ["--batch-size", "x"], "'x' is not a whole number of at least 1"),
    ],
)
def test_options_that_cannot_be(
    module: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        module.main(arguments)
    assert message in capsys.readouterr().err
