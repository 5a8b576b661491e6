"""Horizon and synthetic data, in small."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

pytest.importorskip("sklearn")
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import horizon
    import synthetic_data as synthetic
    import workbench

SILENT = lambda *_: None

# --- horizon ---------------------------------------------------------------------------


def coin(state: Any) -> Any:
    return np.full((len(state), 2), 0.5)


def leaning(state: Any) -> Any:
    """Towards where the pole leans, nine times of ten: some 50 steps and more."""
    right = 0.1 + 0.8 * (state[:, 2] + state[:, 3] > 0)
    return np.column_stack([1 - right, right])


@pytest.fixture(scope="module")
def log() -> Any:
    pytest.importorskip("gymnasium")
    return horizon.logged(leaning, 60, 3)


def test_episodes_are_whole_and_counted_once(log: Any) -> None:
    e = log.episodes
    assert e.alive[0].all()
    assert (np.diff(e.alive.astype(int), axis=0) <= 0).all()
    n = e.lengths
    assert (e.ended.sum(axis=0) == (n < 500)).all()
    np.testing.assert_allclose(e.discounted(1.0), n)
    np.testing.assert_allclose(e.discounted(0.9), (1 - 0.9**n) / 0.1)
    chosen = np.take_along_axis(leaning(e.state.reshape(-1, 4)), e.action.reshape(-1, 1), 1)
    np.testing.assert_allclose(e.chance.ravel(), chosen.ravel())
    moved = e.state[:-1, :, 0] + 0.02 * e.state[:-1, :, 1]
    both = e.alive[1:]
    np.testing.assert_allclose(e.state[1:, :, 0][both], moved[both], atol=1e-5)


def test_importance_sampling_of_the_policy_itself_is_the_mean_return(log: Any) -> None:
    rows, size = horizon.counterfactual(log, leaning, 8, 5, 0)
    estimates = {r.name: r for r in rows}
    mean = log.episodes.discounted(horizon.EVALUATION).mean()
    assert estimates["importance sampling"].value == pytest.approx(mean, rel=1e-12)
    assert size == pytest.approx(60)


def test_doubly_robust_finds_the_true_return_with_a_narrower_interval(log: Any) -> None:
    other = horizon.mixed(leaning, coin, 0.2)
    rows, _ = horizon.counterfactual(log, other, 16, 300, 0)
    by = {r.name: r for r in rows}
    truth = horizon.true_return(other, 300, 99, horizon.EVALUATION)
    robust, sampled = by["doubly robust"], by["importance sampling"]
    for r in (robust, sampled):
        assert r.low - 0.5 < truth < r.high + 0.5, r
    assert robust.high - robust.low < 0.8 * (sampled.high - sampled.low)


def test_duelling_heads_and_losses_have_right_gradients() -> None:
    rng = np.random.default_rng(0)
    p = {k: v.astype(float) for k, v in horizon.network(5, rng).items()}
    x, a = rng.normal(size=(6, 4)), np.eye(2)[rng.integers(0, 2, 6)]
    value = horizon.heads(p, x)[1]
    np.testing.assert_allclose(horizon.q_values(p, x).mean(axis=1), value, rtol=1e-12)
    target, weight = rng.normal(size=6), np.ones(6)
    assert mg.gradcheck(lambda p: horizon.q_loss(p, x, a, target, 0.5), p)
    assert mg.gradcheck(lambda p: horizon.actor_loss(p, x, a, target, target, weight), p)


def test_policies_learn_and_a_served_one_acts_alike(log: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    curve = horizon.reinforce(16, 8, 8, 0, SILENT, lr=0.01)
    assert max(n for _, n in curve) > 1.5 * curve[0][1]
    params = horizon.q_learning(log, 16, 200, 0, SILENT, caution=0.5)
    path = tmp_path / "actor.onnx"
    state = log.episodes.state[0]
    mg.onnx.export(horizon.Actor(params, log), path, state, output_names=["q", "action"])
    served, ours = horizon.served(path), horizon.greedy(params, log)
    for n in (1, 7, 60):
        np.testing.assert_array_equal(served(state[:n]), ours(state[:n]))
    assert horizon.true_return(served, 30, 5) > 60  # the log's policy says which way


def test_the_mixture_and_checkpoints(tmp_path: Path) -> None:
    both = horizon.mixed(coin, leaning, 0.5)(np.ones((3, 4)))
    np.testing.assert_allclose(both.sum(axis=1), 1)
    options = argparse.Namespace(checkpoint=str(tmp_path / "run"), hidden=4, seed=1)
    made: list[int] = []

    def make() -> Any:
        made.append(1)
        return {"W": np.ones(2)}

    for _ in range(2):
        found = horizon.kept(options, "q", "hidden seed", make)
    np.testing.assert_array_equal(found["W"], np.ones(2))
    assert len(made) == 1
    options.hidden = 5
    with pytest.raises(SystemExit, match=r"run.q.npz is of a run with hidden 4, not 5: name"):
        horizon.kept(options, "q", "hidden seed", make)
    options.checkpoint = None
    horizon.kept(options, "q", "hidden seed", make)
    assert len(made) == 2


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    assert workbench.restored(path, {}) is None
    mg.save(path, {"p": np.ones(2)})
    with pytest.raises(SystemExit, match=r"run.npz is no checkpoint \('settings'\): name another"):
        workbench.restored(path, {})
    path.write_bytes(b"text")
    with pytest.raises(SystemExit, match=r"run.npz is no checkpoint \(.*\): name another"):
        workbench.restored(path, {})
    workbench.keep_state(str(path), {"of": "a", "lr": 0.5}, [1, 2])
    assert workbench.restored(path, {"of": "a", "lr": 0.5}) == [1, 2]
    with pytest.raises(SystemExit, match=r"is of a run with of 'a', not 'b'"):
        workbench.restored(path, {"of": "b", "lr": 0.5})


# --- synthetic data --------------------------------------------------------------------

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 3))
X = np.exp(rng.normal(size=(400, 3)) @ A / 2)


def test_the_copula_is_the_closed_form() -> None:
    """The likelihood is largest at the correlations of the normal scores."""
    z = synthetic.normal_scores(X)
    start = {"A": np.zeros((3, 3)), "d": np.zeros(3)}
    p, losses = synthetic.descend(synthetic.copula_loss, start, [(z,)] * 800, 0.03)
    a = np.tril(p["A"], -1) + np.diag(np.exp(p["d"]))
    np.testing.assert_allclose(np.linalg.inv(a.T @ a), z.T @ z / len(z), atol=2e-3)
    s = z.T @ z / len(z)
    best = 0.5 * (3 + np.linalg.slogdet(s)[1])
    assert losses[-1] == pytest.approx(best, abs=1e-5)


def test_a_copula_keeps_columns_and_their_correlations() -> None:
    draw = synthetic.copula(X, 300, np.random.default_rng(1))
    y = draw(4000)
    for q in (0.1, 0.5, 0.9):
        np.testing.assert_allclose(np.quantile(y, q, axis=0), np.quantile(X, q, axis=0), rtol=0.2)
    scores = [np.corrcoef(synthetic.normal_scores(v).T) for v in (X, y)]
    np.testing.assert_allclose(*scores, atol=0.06)
    assert (y.min(axis=0) >= X.min(axis=0)).all()
    assert (y.max(axis=0) <= X.max(axis=0)).all()


def test_the_autoencoder_has_right_gradients_and_learns() -> None:
    draw = np.random.default_rng(2)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    p = {**synthetic.layers((3, 4, 4), "e", draw), **synthetic.layers((2, 4, 3), "d", draw),
         "s": np.full(3, 0.3)}  # fmt: skip
    noise = draw.normal(size=(5, 2))
    assert mg.gradcheck(lambda p: synthetic.vae_loss(p, z[:5], noise), p)
    y = synthetic.autoencoder(z, 300, draw, hidden=8, latent=2)(2000)
    assert y.shape == (2000, 3)
    assert 0.5 < synthetic.diversity(z[:200], y, z[200:]).spread < 2


def test_diversity_tells_copies_collapse_and_fresh_rows_apart() -> None:
    draw = np.random.default_rng(3)
    real, fresh, kept = (draw.normal(size=(200, 2)) for _ in range(3))
    good = synthetic.diversity(real, fresh, kept)
    assert good.coverage > 0.85
    assert 0.7 < good.privacy < 1.4
    copies = synthetic.diversity(real, real + 1e-6, kept)
    assert copies.copies == 1
    assert copies.privacy < 1e-3
    collapsed = synthetic.diversity(real, np.repeat(real[:1], 200, 0), kept)
    assert collapsed.coverage < 0.1
    assert collapsed.spread < 1e-20


def test_synthetic_rows_train_a_classifier() -> None:
    data = synthetic.tumours(0)
    real = synthetic.accuracy(data.x, data.y, data)
    x, y = synthetic.synthetic("copula", data, 150, np.random.default_rng(0))
    assert x.shape == data.x.shape
    assert real > 0.95
    assert synthetic.accuracy(x, y, data) > real - 0.04


def test_a_run_goes_on(tmp_path: Path, capsys: Any) -> None:
    keep = ["--steps", "5", "--checkpoint", str(tmp_path / "run.npz")]
    whole = synthetic.main(["--steps", "5", "--repeats", "2"])
    synthetic.main([*keep, "--repeats", "1"])
    part = synthetic.main([*keep, "--repeats", "2"])
    assert part == whole
    assert capsys.readouterr().err.count("split 2 of 2") == 2


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_told_on_a_terminal_only(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert list(workbench.told("digits", 5, 2)) == [2, 3, 4]
    for i in workbench.told("digits", 5):
        if i == 1:
            break
    seen = capsys.readouterr().err
    assert ("digits: step 5 of 5" in seen) == terminal
    assert seen.endswith("\n") == terminal
    assert seen.count("\n") == 2 * terminal
