"""The paths of examples/landscapes.py: closed forms, recursions by hand, a picture that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import landscapes
from landscapes import LANDSCAPES, OPTIMISERS, path

SLOPES = {
    "bowl": lambda p: 2 * p,
    "valley": lambda p: np.array([0.2, 8.0]) * p,
    "bent valley": lambda p: np.array(
        [-2 * (1 - p[0]) - 20 * p[0] * (p[1] - p[0] ** 2), 10 * (p[1] - p[0] ** 2)]
    ),
    "saddle": lambda p: np.array([2 * p[0], -2 * p[1] + 0.4 * p[1] ** 3]),
}


@pytest.mark.parametrize("name", LANDSCAPES)
def test_slopes_and_bottoms(name: str) -> None:
    landscape = LANDSCAPES[name]
    for p in np.random.default_rng(0).normal(size=(5, 2)):
        np.testing.assert_allclose(mg.grad(landscape.f)(p), SLOPES[name](p), rtol=1e-10)
    bottom = np.array(landscape.bottom, float)
    np.testing.assert_allclose(SLOPES[name](bottom), 0, atol=1e-12)
    assert np.all(np.linalg.eigvalsh(mg.hessian(landscape.f)(bottom)) > 0)


@pytest.mark.parametrize(("name", "curvature"), [("bowl", (2, 2)), ("valley", (0.2, 8))])
def test_gradient_descent_on_a_quadratic(name: str, curvature: tuple[float, float]) -> None:
    """θ_t = θ_0 (1 − α λ)ᵗ along each axis."""
    t = np.arange(31)[:, None]
    expected = np.array(LANDSCAPES[name].start) * (1 - 0.05 * np.array(curvature)) ** t
    np.testing.assert_allclose(path(LANDSCAPES[name], "SGD", 30), expected, rtol=1e-9)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_momentum_and_adam_by_hand(name: str) -> None:
    p = np.array(LANDSCAPES[name].start, float)
    q, v, m, s = p.copy(), np.zeros(2), np.zeros(2), np.zeros(2)
    found = [path(LANDSCAPES[name], o, 25) for o in ("momentum", "Adam")]
    for t in range(1, 26):
        v = 0.9 * v + SLOPES[name](p)
        p = p - 0.02 * v
        g = SLOPES[name](q)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        q = q - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(found[0][t], p, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(found[1][t], q, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_goes_down_from_the_same_place(optimiser: str) -> None:
    for landscape in LANDSCAPES.values():
        places = path(landscape, optimiser, 60)
        assert places.shape == (61, 2)
        np.testing.assert_array_equal(places[0], landscape.start)
        values = [landscape.f(p) for p in places]
        assert min(values[30:]) < values[0]
        assert np.abs(np.diff(places, axis=0)).max() < 1


def test_lion_moves_by_its_rate_and_adagrad_begins_with_it() -> None:
    landscape = LANDSCAPES["bowl"]
    np.testing.assert_allclose(np.abs(np.diff(path(landscape, "Lion", 5), axis=0)), 0.03)
    first = np.diff(path(landscape, "Adagrad", 1), axis=0)[0]
    np.testing.assert_allclose(first, [0.3, -0.3], rtol=1e-6)


def test_the_ridge_of_the_saddle_is_left_slowly() -> None:
    """On the ridge y grows by 1 + 2α a step; Adam, which divides by the size of g, is sooner."""
    slow = path(LANDSCAPES["saddle"], "SGD", 40)[:, 1]
    np.testing.assert_allclose(slow[:21], 1e-3 * 1.1 ** np.arange(21), rtol=1e-3)
    assert path(LANDSCAPES["saddle"], "Adam", 40)[20, 1] > 100 * slow[20]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_descent_that_flies_off_stays_where_it_was() -> None:
    places = path(LANDSCAPES["bent valley"], "SGD", 60, scale=20)
    assert places.shape == (61, 2)
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(places[-1], places[-2])


def test_noisy_slopes_by_hand() -> None:
    off = np.random.default_rng(5).normal(0, 0.7, (12, 2))
    places = path(LANDSCAPES["bowl"], "SGD", 12, noise=0.7, rng=np.random.default_rng(5))
    p = np.array(LANDSCAPES["bowl"].start, float)
    for t in range(12):
        p = p - 0.05 * (2 * p + off[t])
        np.testing.assert_allclose(places[t + 1], p, rtol=1e-12)


def test_the_seed_is_that_of_the_noise() -> None:
    runs = [landscapes.main(f"--steps 5 --noise 0.3 --seed {seed}".split()) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    with pytest.raises(SystemExit):
        landscapes.main(["--noise", "-1"])


@pytest.mark.full
def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    still, moving = tmp_path / "paths.png", tmp_path / "paths.gif"
    drawn = ["--plot", str(still), "--gif", str(moving), "--frames", "4"]
    found = landscapes.main(["--steps", "100", *drawn])
    assert found["bowl"]["SGD"] == pytest.approx(np.hypot(1.5, 1) * 0.9**100, rel=1e-6)
    assert found["bent valley"]["Nesterov"] < found["bent valley"]["SGD"]
    assert found["valley"]["momentum"] < found["valley"]["SGD"]
    assert still.read_bytes().startswith(b"\x89PNG")
    with image.open(moving) as gif:
        assert gif.n_frames == 4
        gif.seek(0)
        first = np.asarray(gif.convert("RGB"), int)
        gif.seek(gif.n_frames - 1)
        assert np.abs(np.asarray(gif.convert("RGB"), int) - first).max() > 100
    out, err = capsys.readouterr()
    assert "distance from the bottom after 100 steps" in out
    assert "frame 4 of 4" in err
    with pytest.raises(SystemExit):
        landscapes.main(["--save", "x.npz"])
    assert "there is nothing to save" in capsys.readouterr().err
