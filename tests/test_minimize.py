"""Gradient descent as a function: its steps, its reasons to stop, its history."""

from __future__ import annotations

import builtins
import csv
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import (
    Batches,
    Divergence,
    Epochs,
    GradientNorm,
    History,
    LossBelow,
    Patience,
    Progress,
    minimize,
)

rng = np.random.default_rng(2)
X = rng.normal(size=(40, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.3


def line_loss(p: Any, x: Any = X, y: Any = Y) -> Any:
    return mg.losses.mse(x @ p["w"] + p["b"], y)


START: dict[str, Any] = {"w": np.zeros(3), "b": 0.0}


# --- steps -----------------------------------------------------------------------------


def test_plain_descent_on_nested_parameters() -> None:
    p, history = minimize(line_loss, START, lr=0.05, steps=30)
    w, b = np.zeros(3), 0.0
    for row in history:
        e = X @ w + b - Y
        step = 0.05 * 2 / 40 * X.T @ e, 0.05 * 2 / 40 * e.sum()
        np.testing.assert_allclose(row.theta["w"], w, atol=1e-13)
        np.testing.assert_allclose(row.update["w"], step[0], atol=1e-13)
        np.testing.assert_allclose(row.update["b"], step[1], atol=1e-13)
        assert row.loss == pytest.approx(np.mean(e**2))
        w, b = w - step[0], b - step[1]
    np.testing.assert_allclose(p["w"], w, atol=1e-13)
    assert p["b"] == pytest.approx(b, abs=1e-13)
    assert (len(history), history.reason) == (30, "30 steps are done")
    assert type(p["b"]) is np.float64
    assert START["w"].tolist() == [0.0, 0.0, 0.0]


def test_updates_are_simultaneous() -> None:
    p, _ = minimize(lambda p: (p[0] + p[1] - 3.0) ** 2, (0.0, 0.0), lr=0.25, steps=1)
    assert p == (1.5, 1.5)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (optim.SGD, {"momentum": 0.9}),
        (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        (optim.Adam, {"betas": (0.8, 0.9)}),
        (optim.AdamW, {}),
        (optim.RMSprop, {}),
        (optim.Adagrad, {}),
        (optim.Lion, {}),
    ],
)
def test_the_formulas_are_those_of_the_optimisers(method: Any, options: dict[str, Any]) -> None:
    schedule = optim.cosine(0.05, 20)
    w, b = mg.Tensor(np.zeros(3), requires_grad=True), mg.Tensor(0.0, requires_grad=True)
    optimiser = method([w, b], lr=schedule, **options)
    for _ in range(20):
        optimiser.zero_grad()
        line_loss({"w": w, "b": b}).backward()
        optimiser.step()
    p, history = minimize(line_loss, START, schedule, 20, method=method, **options)
    assert p["w"].tobytes() == w.numpy().tobytes()
    assert p["b"] == b.numpy()
    assert not history.plain


def test_parameters_may_be_numbers_tensors_and_float32() -> None:
    assert minimize(lambda t: (t - 1) ** 2, 3, 0.5, 1)[0] == 1.0
    start = mg.Tensor(np.float32([1, 2]), requires_grad=True)
    x, _ = minimize(lambda t: (t**2).sum(), start, 0.1, 3)
    assert x.dtype == np.float32
    assert start.numpy().tolist() == [1.0, 2.0]


# --- batches ---------------------------------------------------------------------------


def test_mini_batches_in_order() -> None:
    p, history = minimize(line_loss, START, 0.02, batches=Batches(X, Y, size=16), stop=[Epochs(3)])
    w, b = np.zeros(3), 0.0
    for _ in range(3):
        for i in (0, 16, 32):
            x, y = X[i : i + 16], Y[i : i + 16]
            e = x @ w + b - y
            w, b = w - 0.04 / len(x) * x.T @ e, b - 0.04 / len(x) * e.sum()
    np.testing.assert_allclose(p["w"], w, atol=1e-13)
    assert p["b"] == pytest.approx(b, abs=1e-13)
    assert [row.epoch for row in history] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert history.reason == "3 epochs are done"
    assert "epoch" in history.table()


def test_batches_from_any_iterable() -> None:
    full = minimize(line_loss, START, 0.05, 6)[0]
    for batches in ([(X, Y)], lambda: iter([[X, Y]]), [(X, Y)] * 3):
        p, _ = minimize(line_loss, START, 0.05, 6, batches=batches)
        np.testing.assert_array_equal(p["w"], full["w"])
    single = minimize(lambda t, c: (t - c) ** 2, 0.0, 0.25, 2, batches=[1.0, 2.0])[0]
    assert single == 1.25


def test_a_generator_lasts_for_one_pass() -> None:
    p, history = minimize(line_loss, START, 0.05, batches=((X, Y) for _ in range(4)))
    assert history.reason == "the batches ran out after 4 steps"
    np.testing.assert_array_equal(p["w"], minimize(line_loss, START, 0.05, 4)[0]["w"])


def test_batches_shuffle_alike_and_hold_everything() -> None:
    x = np.arange(10.0)
    batches = Batches(x, x * 2, size=4, rng=3)
    assert len(batches) == 3
    first, second = list(batches), list(batches)
    for epoch in (first, second):
        assert [len(a) for a, _ in epoch] == [4, 4, 2]
        assert sorted(np.concatenate([a for a, _ in epoch])) == x.tolist()
        assert all((b == 2 * a).all() for a, b in epoch)
    assert (
        np.concatenate([a for a, _ in first]).tolist()
        != np.concatenate([a for a, _ in second]).tolist()
    )
    assert next(iter(Batches(x, size=4, rng=3)))[0].tolist() == first[0][0].tolist()


def test_batches_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"as many examples along the first axis; got X \(40, 3\)"):
        Batches(X, Y[:39])
    with pytest.raises(ValueError, match="got nothing"):
        Batches()
    with pytest.raises(ValueError, match="Batches: size must be a whole number of at least 1, not"):
        Batches(X, size=0)
    with pytest.raises(TypeError, match=r"minimize: batches=3 cannot be iterated"):
        minimize(line_loss, START, batches=3)
    with pytest.raises(ValueError, match="the batches gave none in epoch 1: a generator can be"):
        minimize(line_loss, START, batches=[])


def test_a_batch_of_wrong_shape_is_named() -> None:
    good, bad = (X[:8], Y[:8]), (X[:8], Y[:7])
    with pytest.raises(ValueError, match=r"mse: .*\(8,\) and y \(7,\)") as caught:
        minimize(line_loss, START, batches=[good, bad])
    assert caught.value.__notes__ == ["in batch 2 of epoch 1, of shapes (8, 3), (7,)"]


# --- reasons to stop -------------------------------------------------------------------


def square(theta: Any) -> Any:
    return theta**2


def test_loss_below_keeps_the_parameters_that_are_good_enough() -> None:
    theta, history = minimize(square, 3.0, 0.1, stop=[LossBelow(1.0)])
    assert theta**2 < 1
    assert history.rows[-2].loss >= 1
    assert history.rows[-1].update is None
    assert history.rows[-1].theta == theta
    assert history.reason == "the loss 0.966368 is below 1 at step 6"


def test_patience() -> None:
    falling = [5.0, 4.0, 3.0, 3.5, 3.2, 3.0, 2.0]
    for epochs, stops_at in [(1, 4), (2, 5), (3, 6), (4, None)]:
        rule = Patience(epochs)
        found = None
        p = Progress(None)
        for i, loss in enumerate(falling, 1):
            p.losses.append(loss)
            p.lowest.append(min(p.losses))
            if found is None and rule(p):
                found = i
        assert found == stops_at
    _, history = minimize(lambda t: np.abs(t), 0.25, 0.1, stop=[Patience(3)])
    assert history.reason.startswith("no improvement over 3 epochs: the lowest loss is 0.05")
    _, history = minimize(square, 3.0, 0.1, stop=Patience(2, delta=0.01))
    assert history.losses[-3] - history.losses[-1] <= 0.01


def test_gradient_norm() -> None:
    p, history = minimize(line_loss, START, 0.1, stop=[GradientNorm(1e-3)])
    slopes = mg.grad(line_loss)(p)
    assert math.hypot(*slopes["w"], slopes["b"]) <= 1e-3
    assert "is within 0.001 at step" in history.reason


def test_divergence_is_reported_with_the_learning_rate() -> None:
    theta, history = minimize(square, 3.0, lr=2.0, stop=[Divergence()])
    assert history.reason == (
        "diverged: the loss grew from 9 to 729 by step 3; the learning rate 2 is too large"
    )
    assert theta == 27.0
    negative = [Progress(0.0, losses=[-2.0], loss=loss, lr=0.1) for loss in (-1.0, 5.0, 17.0)]
    assert [bool(Divergence()(p)) for p in negative] == [False, False, True]


def test_epochs_without_batches_are_steps_and_lift_the_default_limit() -> None:
    calls = []

    def f(theta: Any) -> Any:
        calls.append(1)
        return theta**2

    _, history = minimize(f, 1.0, 1e-4, stop=[Epochs(1500)])
    assert (len(history), len(calls), history.reason) == (1500, 1500, "1500 epochs are done")
    assert len(minimize(square, 1.0, 1e-4)[1]) == 1000
    assert len(minimize(square, 1.0, 1e-4, 5, stop=[Epochs(9)])[1]) == 5


def test_rules_of_ones_own_see_every_epoch() -> None:
    seen: list[int] = []
    _, history = minimize(
        line_loss,
        START,
        batches=Batches(X, Y, size=10),
        stop=[lambda p: p.step >= 8 and "accurate", lambda p: seen.append(p.epoch)],
    )
    assert seen == [1, 2]
    assert history.reason == "accurate"

    def enough(p: Progress) -> Any:
        return p.loss < 1

    assert minimize(square, 3.0, stop=enough)[1].reason == "enough says so"


def test_rules_see_the_mean_loss_of_an_epoch() -> None:
    seen: list[float] = []
    _, history = minimize(
        line_loss,
        START,
        batches=Batches(X, Y, size=10),
        stop=[Epochs(2), lambda p: seen.append(p.loss)],
    )
    assert seen == pytest.approx([np.mean(history.losses[:4]), np.mean(history.losses[4:])])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Epochs(0), "Epochs: number must be a whole number of at least 1, not 0"),
        (lambda: Patience(0), "Patience: epochs must be a whole number of at least 1, not 0"),
        (lambda: Patience(3, -1.0), r"Patience: delta must not be negative, as -1.0 is"),
        (lambda: Divergence(1.0), r"Divergence: factor must be above 1, not 1.0"),
    ],
)
def test_rules_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# --- what goes wrong -------------------------------------------------------------------


def test_a_loss_that_is_nan_stops_with_the_last_good_parameters() -> None:
    def f(theta: Any) -> Any:
        return np.where(theta < 0.5, np.nan, theta**2)

    with pytest.warns(RuntimeWarning, match=r"minimize: the loss is nan at step 5, with the lear"):
        theta, history = minimize(f, 1.0, 0.1)
    assert theta == pytest.approx(0.512)
    assert history.reason.endswith(
        "the parameters are the last good ones (mg.debug() finds where a NaN comes from)"
    )
    assert [row.iteration for row in history] == [1, 2, 3, 4, 5]


def test_an_overflowing_loss_stops_and_names_the_batch() -> None:
    with pytest.warns(RuntimeWarning, match=r"the loss is inf at step \d+ \(batch 1 of epoch \d+"):
        p, history = minimize(
            line_loss, START, 1e3, batches=Batches(X, Y, size=40), stop=[Epochs(1000)]
        )
    assert np.isfinite(p["w"]).all()
    assert np.isfinite(line_loss(p))
    assert "with the learning rate 1000" in history.reason


def test_a_gradient_that_is_infinite_stops_before_the_step() -> None:
    with pytest.warns(RuntimeWarning, match="the gradient is not finite at step 1"):
        theta, _ = minimize(lambda t: np.sqrt(t[0]) + t[1], np.array([0.0, 1.0]), 0.1)
    assert theta.tolist() == [0.0, 1.0]


def test_an_update_that_overflows_stops_before_the_step() -> None:
    with pytest.warns(RuntimeWarning, match="the update is not finite at step 1"):
        theta, _ = minimize(square, 1e150, 1e200)
    assert theta == 1e150


def test_arguments_that_cannot_be() -> None:
    for bad in ({}, [], ()):
        with pytest.raises(ValueError, match="minimize: x0 holds no parameters"):
            minimize(square, bad)
    with pytest.raises(TypeError, match="dtype int64 cannot require a gradient: write floats"):
        minimize(square, np.array([1, 2]))
    with pytest.raises(ValueError, match=r"SGD: lr=-0.1 must be finite and not negative"):
        minimize(square, 1.0, lr=-0.1)
    with pytest.raises(TypeError, match="Adam: momentum is no option"):
        minimize(square, 1.0, momentum=0.9, method=optim.Adam)
    with pytest.raises(TypeError, match=r"minimize: f must be a function, not 3"):
        minimize(3, 1.0)
    with pytest.raises(TypeError, match="minimize: method must be a class of optimiser, not 'Adam"):
        minimize(square, 1.0, method="Adam")
    with pytest.raises(TypeError, match="minimize: 100 is no stopping rule, which is a function"):
        minimize(square, 1.0, stop=[100])
    with pytest.raises(ValueError, match="minimize: steps must be a whole number of at least 1"):
        minimize(square, 1.0, steps=0)
    with pytest.raises(ValueError, match=r"shape \(2,\); grad needs a single number"):
        minimize(square, np.ones(2))


def test_what_is_handed_to_the_callback_cannot_be_written_into() -> None:
    seen: list[Progress] = []
    minimize(line_loss, START, 0.1, 3, callback=seen.append)
    assert [p.step for p in seen] == [1, 2, 3]
    assert seen[0].loss == line_loss(START)
    np.testing.assert_allclose(seen[1].gradient["w"], mg.grad(line_loss)(seen[1].x)["w"])
    for p in seen:
        with pytest.raises(ValueError, match="read-only"):
            p.x["w"][0] = 1.0


# --- the bar ---------------------------------------------------------------------------


def test_a_bar_only_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    minimize(square, 3.0, steps=5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    minimize(square, 3.0, steps=5, progress=False)
    assert capsys.readouterr().err == ""
    minimize(square, 3.0, steps=5)
    assert "0/5" in capsys.readouterr().err
    real = builtins.__import__

    def without_tqdm(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(builtins, "__import__", without_tqdm)
    minimize(square, 3.0, steps=5)
    assert capsys.readouterr().err == ""


# --- the history -----------------------------------------------------------------------


def test_a_table_names_every_number() -> None:
    p0 = {"w": np.array([[1.0, 2.0]]), "more": [3.0, {"b": 4.0}]}

    def f(p: Any) -> Any:
        return (p["w"] ** 2).sum() + p["more"][0] ** 2 + p["more"][1]["b"] ** 2

    _, history = minimize(f, p0, 0.1, 2)
    names, values = history.columns()
    assert names == [
        "iteration",
        "w[0, 0]", "w[0, 1]", "more[0]", "more[1].b",
        "α·dJ/dw[0, 0]", "α·dJ/dw[0, 1]", "α·dJ/dmore[0]", "α·dJ/dmore[1].b",
        "loss",
    ]  # fmt: skip
    assert values[0] == pytest.approx([1, 1, 2, 3, 4, 0.2, 0.4, 0.6, 0.8, 30])
    lines = history.table().splitlines()
    assert len({len(line) for line in lines}) == 1
    _, history = minimize(f, p0, 0.1, 2, momentum=0.9)
    assert "Δmore[1].b" in history.columns()[0]


def test_a_long_table_is_thinned_out() -> None:
    _, history = minimize(square, 3.0, 0.01, 500)
    lines = history.table().splitlines()
    assert len(lines) == 21
    assert lines[1].split()[0] == "1"
    assert lines[-1].split()[0] == "500"
    assert len(history.table(rows=None).splitlines()) == 501
    assert "3.00 " in history.table(rows=2, format=".2f")
    with pytest.raises(ValueError, match=r"History.table: rows must be at least 2, or None, not 1"):
        history.table(rows=1)
    assert History().table().split() == ["iteration", "loss"]
    assert repr(History()) == "<History of 0 steps>"


def test_large_parameters_are_not_kept() -> None:
    _, history = minimize(lambda x: (x**2).sum(), np.ones(101), 0.1, 3)
    assert history.rows[0].theta is None
    assert history.columns()[0] == ["iteration", "loss"]
    _, history = minimize(lambda x: (x**2).sum(), np.ones(101), 0.1, 3, keep=True)
    assert history.rows[0].theta.shape == (101,)
    _, history = minimize(square, 3.0, 0.1, 3, keep=False)
    assert history.rows[0].theta is None


def test_csv_gives_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("old")
    _, history = minimize(line_loss, START, 0.1, stop=[LossBelow(0.5)])
    history.to_csv(path)
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = list(csv.reader(file))
    assert names == history.columns()[0]
    for row, written in zip(history, rows):
        assert float(written[1]) == row.theta["w"][0]
        assert float(written[-1]) == row.loss
    assert rows[-1][5:9] == ["", "", "", ""]
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]


def test_csv_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.csv"
    path.write_text("old")
    _, history = minimize(square, 3.0, 0.1, 3)
    monkeypatch.setattr(History, "columns", lambda self: (["a"], [[1], 2]))
    with pytest.raises(TypeError):
        history.to_csv(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]
    monkeypatch.undo()
    with pytest.raises(OSError, match=r"there is no folder .*nowhere"):
        history.to_csv(tmp_path / "nowhere" / "history.csv")


def test_plot(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    _, history = minimize(square, 3.0, 0.1, 30)
    ax = figure.Figure().subplots()
    assert history.plot(tmp_path / "loss.png", ax) is ax
    assert (tmp_path / "loss.png").stat().st_size > 5000
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), history.losses)
    assert ax.get_yscale() == "log"


# --- L-BFGS ----------------------------------------------------------------------------


def rosenbrock(p: Any) -> Any:
    return (1 - p["x"]) ** 2 + 100 * ((p["y"] - p["x"] ** 2) ** 2).sum()


def test_lbfgs_is_scipys() -> None:
    scipy = pytest.importorskip("scipy.optimize")
    p, history = optim.lbfgs(rosenbrock, {"x": -1.2, "y": np.array([1.0])}, gtol=1e-8)
    expected = scipy.minimize(
        scipy.rosen, [-1.2, 1.0], jac=scipy.rosen_der, method="L-BFGS-B", options={"gtol": 1e-8}
    )
    np.testing.assert_allclose([p["x"], p["y"][0]], expected.x, rtol=1e-6)
    assert len(history) == expected.nit + 1
    assert history.rows[0].loss == pytest.approx(24.2)
    assert history.rows[0].theta["x"] == -1.2
    assert history.losses[-1] == pytest.approx(expected.fun, abs=1e-12)
    step = history.rows[0].theta["x"] - history.rows[0].update["x"]
    assert history.rows[1].theta["x"] == pytest.approx(step)
    assert "CONVERGENCE" in history.reason.upper()
    assert not history.plain, "steps are not those of gradient descent"
    sizes = {"a": np.zeros(2), "b": np.zeros(()), "c": np.zeros((2, 3))}
    away = lambda p: sum(np.sum((v - i) ** 2) for i, v in enumerate(p.values()))
    q, _ = optim.lbfgs(away, sizes)
    for i, name in enumerate(sizes):
        np.testing.assert_allclose(q[name], np.full(sizes[name].shape, float(i)), atol=1e-9)
    p, history = optim.lbfgs(rosenbrock, {"x": -1.2, "y": np.array([1.0])}, 3)
    assert len(history) == 4


def test_lbfgs_keeps_the_last_good_parameters() -> None:
    pytest.importorskip("scipy")

    def f(x: Any) -> Any:
        return np.where(x < 1.5, np.nan, (x - 1.0) ** 2)

    x, history = optim.lbfgs(f, 3.0)
    assert x >= 1.5
    assert "nan" in history.reason
    assert "the last good ones" in history.reason
    with pytest.raises(FloatingPointError, match=r"lbfgs: the loss nan .*is not finite at x0"):
        optim.lbfgs(f, 1.0)


def test_lbfgs_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="lbfgs: x0 holds no parameters"):
        optim.lbfgs(square, [])
    with pytest.raises(ValueError, match="lbfgs: steps must be a whole number of at least 1"):
        optim.lbfgs(square, 1.0, 0)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match="lbfgs needs SciPy, which is not installed: pip install"):
        optim.lbfgs(square, 1.0)


def test_lbfgs_counts_its_steps() -> None:
    pytest.importorskip("scipy")
    bowl = lambda p: ((p - 3.0) ** 2).sum()
    best, history = mg.optim.lbfgs(bowl, np.zeros(2), steps=1)
    assert [row.iteration for row in history.rows] == [1, 2]
    assert history.rows[0].loss == 18.0
    np.testing.assert_allclose(history.rows[0].update, history.rows[0].theta - best)
    rosenbrock = lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    _, history = mg.optim.lbfgs(rosenbrock, np.array([-1.2, 1.0]), steps=7)
    assert [row.epoch for row in history.rows] == [*range(1, 9)]
    for steps in (0, -1, 2.5):
        with pytest.raises(ValueError, match="lbfgs: steps must be a whole number of at least 1"):
            mg.optim.lbfgs(bowl, np.zeros(2), steps=steps)


def test_batches_of_all_sizes() -> None:
    x = np.arange(7.0)
    for size in (1, 3, 7, 10):
        batches = mg.optim.Batches(x, size=size)
        parts = [part for (part,) in batches]
        assert len(parts) == len(batches)
        assert max(map(len, parts)) == min(size, 7)
        np.testing.assert_array_equal(np.concatenate(parts), x)
    for arrays in ((), (np.array(3.0),), (np.ones(3), np.ones(2)), (np.ones((0, 2)),)):
        with pytest.raises(ValueError, match="Batches: arrays must have as many examples"):
            mg.optim.Batches(*arrays)
    with pytest.raises(TypeError, match="with client=, the data are batches in parts"):
        mg.optim.minimize(lambda p, x: (p * x).sum(), 1.0, client=object())


def test_a_table_of_as_many_rows_as_there_are() -> None:
    _, history = mg.optim.minimize(lambda p: p**2, 1.0, lr=0.1, steps=4)
    whole = history.table(rows=None)
    for rows in (len(history), len(history) + 1):
        assert history.table(rows=rows) == whole
    first, last = whole.splitlines()[1], whole.splitlines()[-1]
    assert [line.split() for line in history.table(rows=2).splitlines()[1:]] == [
        first.split(), last.split()
    ]  # fmt: skip
