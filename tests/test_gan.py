"""The generative adversarial networks of examples/gan.py, in small."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import gan
    import workbench

RNG = np.random.default_rng(0)


def game(remedy: str = "penalty", seed: int = 0, compiled: bool = True, hidden: int = 16) -> Any:
    rng = np.random.default_rng(seed)
    return gan.Game(gan.ring(500, rng), remedy, 4, hidden, 1e-3, 0.5, rng, compiled)


# --- the statistics --------------------------------------------------------------------


def test_the_discrepancy_is_that_of_all_pairs() -> None:
    x, y, widths = RNG.normal(size=(7, 2)), RNG.normal(size=(9, 2)) + 0.5, [0.3, 2.0]

    def k(a: Any, b: Any) -> float:
        return float(np.mean([np.exp(-np.sum((a - b) ** 2) / (2 * w * w)) for w in widths]))

    def pairs(a: Any) -> float:
        n = len(a)
        return sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    cross = np.mean([k(a, b) for a in x for b in y])
    assert gan.mmd(x, y, widths) == pytest.approx(pairs(x) + pairs(y) - 2 * cross, rel=1e-10)


def test_the_discrepancy_of_two_normals_is_the_closed_form() -> None:
    """E k = √(w²/(w² + 2σ²)) exp(−Δ²/(2 (w² + 2σ²))) in one dimension, of variances σ²."""
    w, shift = 1.0, 1.5
    spread = w * w + 2
    same = np.sqrt(w * w / spread)
    expected = 2 * same - 2 * same * np.exp(-(shift**2) / (2 * spread))
    found = [
        gan.mmd(RNG.normal(size=(300, 1)), RNG.normal(size=(300, 1)) + shift, [w])
        for _ in range(20)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / np.sqrt(20))
    alike = [gan.mmd(RNG.normal(size=(300, 1)), RNG.normal(size=(300, 1)), [w]) for _ in range(20)]
    assert np.mean(alike) == pytest.approx(0, abs=4 * np.std(alike) / np.sqrt(20))


def test_modes_are_counted() -> None:
    data = gan.ring(4000, np.random.default_rng(0))
    assert gan.covered(data.test, data) == 8
    assert np.mean(data.mode(data.test) >= 0) == pytest.approx(1 - np.exp(-8), abs=1e-3)
    modes = data.mode(data.train)
    assert gan.covered(data.train[modes < 3], data) == 3
    assert gan.covered(np.zeros((10, 2)), data) == 0
    whole = gan.judged(data.train, data)
    assert whole.covered == 8
    assert whole.mmd < whole.noise
    part = gan.judged(data.train[modes < 7][:3000], data)
    assert part.mmd > 3 * part.noise


def test_courses_have_names() -> None:
    good, bad = gan.Verdict(8, 1.0, 0.001, 0.003), gan.Verdict(8, 1.0, 0.1, 0.003)
    assert gan.diagnosis([1, 1, 3, 3], 8, good) == "mode collapse"
    assert gan.diagnosis([1, 1, 2, 3], 8, good) == "mode collapse, and hopping"
    assert gan.diagnosis([1, 8, 7, 8], 8, good) == "oscillation: modes are lost and found"
    assert gan.diagnosis([1, 7, 8, 8], 8, good) == "converged"
    assert gan.diagnosis([1, 7, 8, 8], 8, bad) == "all modes, in wrong shares"


# --- a gradient of a gradient ----------------------------------------------------------


def test_the_penalty_of_a_quadratic_critic_by_hand() -> None:
    """D(x) = ½ xᵀ A x has the slope A x, and d/dA ½ mean ‖A x‖² = mean (A x) xᵀ, symmetrised."""
    A = mg.Tensor(np.array([[2.0, 0.5], [0.5, 1.0]]), requires_grad=True)
    x = RNG.normal(size=(5, 2))
    penalty = gan.slope_penalty(lambda x: 0.5 * ((x @ A) * x).sum(axis=1), x)
    slope = x @ A.data
    assert penalty.item() == pytest.approx(0.5 * np.mean(np.sum(slope**2, axis=1)))
    penalty.backward()
    one_sided = slope.T @ x / 5
    np.testing.assert_allclose(A.grad, 0.5 * (one_sided + one_sided.T), rtol=1e-12)


def test_the_penalty_has_the_gradient_of_finite_differences() -> None:
    from minigrad import nn

    D = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    x = RNG.normal(size=(4, 2))
    W = D[0].weight
    gan.slope_penalty(D, x).backward()
    start, h = W.data.copy(), 1e-5
    for i in range(3):
        for j in range(2):
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[i, j] += sign * h
                W.data = moved
                values.append(gan.slope_penalty(D, x).item())
            assert W.grad[i, j] == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6)


@pytest.mark.parametrize("remedy", gan.REMEDIES)
def test_compiled_steps_are_the_steps_themselves(remedy: str) -> None:
    fast, slow = game(remedy), game(remedy, compiled=False)
    for _ in range(5):
        np.testing.assert_allclose(fast.round(32), slow.round(32), rtol=1e-4)
    for a, b in zip(fast.D.state_dict().values(), slow.D.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert fast.step_D.retraces == fast.step_G.retraces == 0


# --- the game --------------------------------------------------------------------------


def test_the_smallest_game_goes_round_without_a_penalty_and_ends_with_one() -> None:
    """Near the end a step is linear; its eigenvalues say how fast the distance shrinks."""
    free = gan.smallest_game(0.0)
    sigma = 1 / (1 + np.exp(-free[:, 0] * free[:, 1]))
    distance = np.linalg.norm(free, axis=1)
    np.testing.assert_allclose(distance[1:] / distance[:-1], np.hypot(1, 0.1 * sigma)[:-1])
    held = gan.smallest_game(1.0)
    assert np.linalg.norm(held[-1]) < 1e-6
    by_hand = held[0]
    for place in held[1:]:
        theta, psi = by_hand
        sigma = 1 / (1 + np.exp(-psi * theta))
        step = np.array([-psi * sigma, sigma * theta + psi])
        by_hand = by_hand - 0.1 * step
        np.testing.assert_allclose(place, by_hand, atol=1e-12)
    slow = gan.smallest_game(2.0, steps=600)
    rate = np.linalg.norm(slow[-1]) / np.linalg.norm(slow[-2])
    assert rate == pytest.approx(1 - 0.1 * (2 - np.sqrt(3)) / 2, rel=1e-4)


@pytest.mark.full
def test_the_ring_is_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    small = "--steps 1200 --batch-size 64 --hidden 48 --lr 0.002".split()
    kept = gan.main(small)["penalty"]
    assert kept.covered >= 6
    assert kept.at_a_mode > 0.3
    assert kept.mmd < 0.03  # 0.3 at the first step
    out, err = capsys.readouterr()
    assert "γ = 0: distance 1 to 1.58" in out
    assert "instability: the players circle" in out
    assert "ring, penalty: step 1200 of 1200" in err


@pytest.mark.full
def test_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    data = gan.digits(np.random.default_rng(0))
    monkeypatch.setattr(gan, "digits", lambda rng: data)
    assert (data.train.min(), data.train.max()) == (-0.5, 0.5)
    assert gan.covered(data.test, data) == 10
    arguments = "--data digits --steps 150 --hidden 48 --batch-size 32 --lr 0.002".split()
    verdict = gan.main(arguments)["penalty"]
    first = gan.main([*arguments[:3], "1", *arguments[4:]])["penalty"]
    assert verdict.mmd < 0.5 * first.mmd
    assert verdict.covered >= 3


@pytest.mark.full
def test_a_resumed_run_ends_where_the_whole_one_does(tmp_path: Path) -> None:
    path = str(tmp_path / "run.npz")
    small = "--batch-size 16 --hidden 8 --remedy spectral".split()
    gan.main([*small, "--steps", "6", "--save", path])
    gan.main([*small, "--steps", "12", "--resume", path, "--save", path])
    resumed = mg.load(path)
    gan.main([*small, "--steps", "12", "--save", path])
    whole = mg.load(path)
    assert resumed["step"] == whole["step"] == 12
    for part, state in whole["parts"].items():
        if part == "rng":
            assert state == resumed["parts"][part]
            continue
        a, b = ([*mg.tree.flatten(s)[0]] for s in (state, resumed["parts"][part]))
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=part)


def test_a_run_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    workbench.Run("ring, none").save(path)
    with pytest.raises(SystemExit, match=r"holds no run of ring, penalty"):
        gan.main(["--steps", "1", "--hidden", "2", "--resume", str(path)])
    with pytest.raises(SystemExit, match=r"--resume nowhere.npz: .*No such file"):
        gan.main(["--steps", "1", "--hidden", "2", "--resume", "nowhere.npz"])


@pytest.mark.full
def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "ring.png"
    gan.main(["--steps", "2", "--hidden", "4", "--compare", "--plot", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")


def test_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, message in [
        ("--steps 0", "'0' is not a whole number of at least 1"),
        ("--gamma -1", "'-1' is not a number above 0"),
        ("--compare --save x.npz", "--save and --resume are for one --remedy"),
    ]:
        with pytest.raises(SystemExit):
            gan.main(arguments.split())
        assert message in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match="--plot draws with matplotlib"):
        gan.main("--steps 1 --hidden 2 --plot x.png".split())
