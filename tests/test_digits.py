"""The examples with layers learn what they say; here in their small versions."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

FOLDER = Path(__file__).parent.parent / "examples"
pytest.importorskip("sklearn")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(FOLDER))
    import character_lm
    import digits_cnn
    import digits_mlp


@pytest.mark.full
def test_the_perceptron_reads_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mlp.npz"
    accuracy = digits_mlp.main(["--epochs", "40", "--save", str(path)])
    assert accuracy >= 0.97
    printed = capsys.readouterr().out
    assert "Sequential()  9,610 parameters" in printed
    assert f"test accuracy {accuracy:.2%}" in printed
    rng = np.random.default_rng(7)
    again = digits_mlp.perceptron(128, 0.2, rng)
    again.load_state_dict(mg.load(path))
    data = digits_mlp.digits()
    assert np.mean(digits_mlp.predict(again, data.test_x) == data.test_y) == accuracy


@pytest.mark.full
def test_the_convolutional_network_reads_digits(capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = digits_cnn.main(["--epochs", "6", "--channels", "8"])
    assert accuracy >= 0.95
    assert "MaxPool2d(2x2)" in capsys.readouterr().out


def test_the_split_keeps_the_shares_and_the_seed_the_numbers() -> None:
    data = digits_mlp.digits()
    assert (len(data.train_x), len(data.test_x)) == (1347, 450)
    assert np.bincount(data.test_y).min() >= 43
    curves = []
    for seed in (3, 3, 4):
        rng = np.random.default_rng(seed)
        model = digits_mlp.perceptron(16, 0.1, rng)
        curves.append(digits_mlp.train(model, data, 1, 64, 1e-3, rng, lambda _: None))
    assert curves[0] == curves[1] != curves[2]


@pytest.mark.full
def test_the_language_model_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = "--steps 40 --lr 0.01 --width 32 --layers 1 --context 32 --length 40 --seed 1".split()
    path = tmp_path / "lm.npz"
    rows = character_lm.main([*small, "--start", "The ", "--save", str(path)])
    printed = capsys.readouterr().out
    characters = len(character_lm.Alphabet(character_lm.text()))
    assert rows[0][1] == pytest.approx(math.log(characters), rel=0.15)
    assert rows[-1][2] < rows[0][2] - 1
    assert "\nThe " in printed
    state = mg.load(path)
    assert state["letters.weight"].shape == (characters, 32)
    assert state["letters.weight"].dtype == np.float32


def test_the_language_model_does_not_see_the_future() -> None:
    rng = np.random.default_rng(0)
    model = character_lm.Writer(10, 8, 16, 2, 2, rng)
    x = rng.integers(0, 10, (1, 8))
    y = x.copy()
    y[0, 5] = (y[0, 5] + 1) % 10
    same = np.all(model(x).data == model(y).data, axis=-1)[0]
    np.testing.assert_array_equal(same, [True] * 5 + [False] * 3)
    written = model.write(x[0], 12, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(written[:8], x[0])
    np.testing.assert_array_equal(written, model.write(x[0], 12, 1.0, np.random.default_rng(0)))


def test_batches_are_the_text_and_the_text_one_character_later() -> None:
    x, y = character_lm.batch(np.arange(100), 5, 8, np.random.default_rng(0))
    assert x.shape == y.shape == (5, 8)
    np.testing.assert_array_equal(y, x + 1)


@pytest.mark.parametrize(
    "example", [digits_mlp, digits_cnn, character_lm], ids=lambda m: m.__name__
)
def test_help(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        example.main(["--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "--plot PATH" in printed
    assert "--seed N" in printed
    assert "(0)" in printed
    assert example.__doc__.split("\n")[0].split(",")[0] in printed


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("example", "arguments", "message"),
    [
        (digits_mlp, "--epochs 0", "'0' is not a whole number of at least 1"),
        (digits_cnn, "--batch-size -3", "'-3' is not a whole number of at least 2"),
        (digits_mlp, "--lr nan", "'nan' is not a number above 0"),
        (digits_mlp, "--seed -1", "'-1' is not a whole number of at least 0"),
        (character_lm, "--steps 0", "'0' is not a whole number of at least 1"),
        (character_lm, "--width 30", "--width must be a multiple of --heads"),
        (character_lm, "--temperature 0", "'0' is not a number above 0"),
        (character_lm, "--start é", "--start must have a character that occurs in the text"),
        (character_lm, "--context 1000000", "--context must be below"),
    ],
)
def test_bad_arguments(
    example: Any, arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        example.main(arguments.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.full
def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    model = digits_mlp.perceptron(8, 0.0, rng)
    digits_mlp.draw(model, digits_mlp.digits(), [(2.0, 0.5), (1.0, 0.75)], str(tmp_path / "a.png"))
    character_lm.draw([(1, 4.5, 4.5), (10, 3.0, 3.1)], str(tmp_path / "b.svg"))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "b.svg").read_text(encoding="utf-8")


@pytest.mark.full
@pytest.mark.parametrize(
    ("example", "arguments"),
    [(digits_mlp, "--epochs 1"), (character_lm, "--steps 1 --width 4 --layers 1 --length 0")],
)
def test_without_matplotlib(example: Any, arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match="--plot draws with matplotlib, which is not installed"):
        example.main([*arguments.split(), "--plot", "x.png"])


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="the digits come with scikit-learn: pip install"):
        digits_mlp.main([])
