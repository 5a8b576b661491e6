"""The small BERT of examples/bert.py: its questions, its layout, and what pre-training is worth."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg

pytest.importorskip("tokenizers")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import bert
    import bert_model
    import bert_peers

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def text() -> bert.Text:
    return bert.Text(600, np.random.default_rng(0))


# --- the questions ---------------------------------------------------------------------


def test_words_are_hidden_as_the_paper_says() -> None:
    ids = RNG.integers(5, 1000, (400, 102))
    ids[:, 0], ids[:, -1] = bert.CLS, bert.SEP
    seen, places, answers = bert.hidden_words(ids, 15, 1000, np.random.default_rng(1))
    assert np.all(answers >= 5)  # 15 % of 100 ordinary words
    now = np.take_along_axis(seen, places, 1)
    np.testing.assert_array_equal(np.take_along_axis(ids, places, 1), answers)
    n = answers.size
    for share, part in [
        (0.8, now == bert.MASK),
        (0.1, (now != bert.MASK) & (now != answers)),
        (0.1, now == answers),
    ]:
        assert part.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / n))
    changed = seen != ids
    np.put_along_axis(changed, places, False, 1)
    assert not changed.any()
    assert np.all(np.diff(places, axis=1) > 0)  # no place twice
    assert (places > 0).all()
    assert (places < 101).all()


def test_short_rows_ask_less() -> None:
    ids = np.array([[bert.CLS, 7, 8, bert.SEP, bert.PAD], [bert.CLS, bert.SEP] + [bert.PAD] * 3])
    _, places, answers = bert.hidden_words(ids, 3, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(answers >= 0, [[True, False, False], [False] * 3])
    assert answers[0, 1] == -100
    assert places[0, 1] == 0


def test_pairs_are_laid_out_with_segments_and_padding() -> None:
    a, b = np.array([11, 12, 13, 14]), np.array([21, 22])
    ids, segments, padded = bert.laid_out([(a, b), (b,)], 8)
    np.testing.assert_array_equal(ids, [[2, 11, 12, 13, 3, 21, 22, 3], [2, 21, 22, 3, 0, 0, 0, 0]])
    np.testing.assert_array_equal(segments, [[0, 0, 0, 0, 0, 1, 1, 1], [0] * 8])
    np.testing.assert_array_equal(padded, ids == 0)


def test_half_of_the_pairs_follow(text: bert.Text) -> None:
    pairs, follows = bert.pairs_of(text, 40, 20, np.random.default_rng(0))
    assert 0.3 < follows.mean() < 0.7
    line = [" ".join(map(str, np.concatenate(document))) + " " for document in text.documents]
    for (a, b), real in zip(pairs, follows):
        assert 1 <= len(a) <= 8
        assert 1 <= len(b) <= 17 - len(a)
        words = [" ".join(map(str, part)) for part in (a, b)]
        if real:  # b goes on where the last sentence of a ended
            assert any(words[0] in t and words[1] in t[t.index(words[0]) :] for t in line)
        else:
            assert any(words[0] in t and words[1] not in t for t in line) or len(b) < 8


def test_spans_are_of_whole_sentences_but_the_last() -> None:
    document = [np.array([1, 2, 3]), np.array([4, 5]), np.array([6])]
    for start, room, words, end in [(0, 4, [1, 2, 3, 4], 2), (1, 9, [4, 5, 6], 3), (0, 1, [1], 1)]:
        found = bert.span(document, start, room)
        assert (found[0].tolist(), found[1]) == (words, end)


def test_the_vocabulary_is_of_pieces(text: bert.Text) -> None:
    assert len(text) == 600
    assert [text.tokenizer.id_to_token(i) for i in range(5)] == bert.SPECIAL
    pieces = text.tokenizer.encode("Return the zzyzx").tokens
    assert pieces[:2] == ["return", "the"]
    assert all(p.startswith("##") for p in pieces[3:])


def test_the_sentences_of_the_test_are_not_pre_trained_on(text: bert.Text) -> None:
    known = [s for m in bert.MODULES for doc in bert.documents(m) for s in doc]
    labelled = sum(map(len, text.labelled))
    assert 0 <= len(known) - labelled - sum(map(len, text.documents)) < 40  # of small modules
    assert all(len(sentences) > 60 for sentences in text.labelled)


# --- the layout ------------------------------------------------------------------------


def published(layers: int = 2, width: int = 8, words: int = 20) -> dict[str, np.ndarray]:
    """Random weights by the names that published checkpoints use."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (words, width),
        "embeddings.position_embeddings.weight": (16, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "pooler.dense.weight": (width, width),
        "pooler.dense.bias": (width,),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(layers):
        at = f"encoder.layer.{i}"
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        linear = {f"attention.self.{n}": (width, width) for n in ("query", "key", "value")}
        linear |= {"attention.output.dense": (width, width), "output.dense": (width, 4 * width)}
        linear |= {"intermediate.dense": (4 * width, width)}
        for name, shape in linear.items():
            shapes[f"{at}.{name}.weight"], shapes[f"{at}.{name}.bias"] = shape, shape[:1]
    for norm in norms:
        shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (width,)
    rng = np.random.default_rng(3)
    return {k: (0.5 * rng.normal(size=s)).astype(np.float32) for k, s in shapes.items()}


def by_hand(state: dict[str, np.ndarray], ids: np.ndarray, heads: int) -> np.ndarray:
    """BERT for one sequence, in plain NumPy, from the published names."""
    import math

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    state = {k: v.astype(np.float64) for k, v in state.items()}
    words, places, kinds = (
        state[f"embeddings.{k}_embeddings.weight"] for k in ("word", "position", "token_type")
    )
    x = norm(words[ids] + places[: len(ids)] + kinds[0], "embeddings.LayerNorm")
    d = x.shape[1] // heads
    for i in range(2):
        at = f"encoder.layer.{i}"
        q, k, v = (linear(x, f"{at}.attention.self.{n}") for n in ("query", "key", "value"))
        found = []
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            e = np.exp(q[:, part] @ k[:, part].T / math.sqrt(d))
            found.append(e / e.sum(1, keepdims=True) @ v[:, part])
        y = linear(np.concatenate(found, 1), f"{at}.attention.output.dense")
        x = norm(x + y, f"{at}.attention.output.LayerNorm")
        y = linear(x, f"{at}.intermediate.dense")
        y = y * 0.5 * (1 + np.vectorize(math.erf)(y / math.sqrt(2)))
        x = norm(x + linear(y, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_published_layout_is_read(heads: int, tmp_path: Path) -> None:
    state = published()
    ids = RNG.integers(20, size=(1, 7))
    model = bert_model.BertModel.from_state_dict(state, heads).eval()
    expected = by_hand(state, ids[0], heads)
    states, pooled = model(ids)
    np.testing.assert_allclose(states.data[0], expected, atol=1e-5)
    pooler = state["pooler.dense.weight"] @ expected[0] + state["pooler.dense.bias"]
    np.testing.assert_allclose(pooled.data[0], np.tanh(pooler), atol=1e-5)


def test_other_names_of_the_same() -> None:
    """Prefixes, gamma and beta, and heads for pre-training, as in older files."""
    state = published()
    old = {
        f"bert.{k}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): v
        for k, v in state.items()
    }
    old |= {"cls.predictions.bias": np.zeros(20), "bert.embeddings.position_ids": np.arange(16)}
    a, b = (bert_model.BertModel.from_state_dict(s, 2).state_dict() for s in (state, old))
    for key, value in a.items():
        np.testing.assert_array_equal(value, b[key], err_msg=key)


def test_what_is_no_bert_is_refused() -> None:
    with pytest.raises(ValueError, match=r"embeddings.word_embeddings.weight' is missing"):
        bert_model.BertModel.from_state_dict({"weight": np.zeros(3)})
    state = published()
    del state["encoder.layer.1.output.dense.bias"]
    with pytest.raises(ValueError, match=r"encoder.layers.1.linear2.bias is missing"):
        bert_model.BertModel.from_state_dict(state, 2)
    state = published()
    del state["encoder.layer.1.attention.self.key.bias"]
    with pytest.raises(ValueError, match=r"encoder.layers.1.self_attn.in_proj_bias is missing"):
        bert_model.BertModel.from_state_dict(state, 2)


@pytest.mark.full
def test_transformers_has_the_same_hidden_states() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    pytest.importorskip("safetensors")
    assert bert_peers.main(["--check", "tiny"])["apart"] < 1e-5


def test_padding_changes_nothing() -> None:
    model = bert_model.BertModel(30, 8, 2, 2, 16, 10, rng=np.random.default_rng(0)).eval()
    ids = RNG.integers(5, 30, (1, 6))
    longer = np.concatenate([ids, np.zeros((1, 3), int)], 1)
    states = model(longer, padded=longer == 0)[0].data
    np.testing.assert_allclose(states[:, :6], model(ids)[0].data, atol=1e-6)
    maps = model.attention(longer, padded=longer == 0)
    assert [m.shape for m in maps] == [(1, 2, 9, 9)] * 2
    np.testing.assert_allclose(maps[1].sum(-1), 1, rtol=1e-5)
    assert maps[0][..., 6:].max() == 0


# --- training --------------------------------------------------------------------------

TINY = "--words 600 --width 32 --heads 2 --layers 1 --length 24 --batch-size 16".split()


def test_the_compiled_losses_are_those_of_the_ops(text: bert.Text) -> None:
    rng = np.random.default_rng(0)
    network = bert.new_bert(len(text), 16, 2, 1, 16, rng)
    model = bert_model.Pretraining(network, rng).eval()
    trainer = bert.pretrainer(model, 1e-3, 10)
    for _ in range(3):
        batch = bert.pretraining_batch(text, 4, 16, rng)
        expected = [x.item() for x in model.losses(*batch)]
        np.testing.assert_allclose(trainer(*batch), expected, rtol=1e-5)
    assert trainer.step.retraces == 0
    assert not trainer.step.latest.recorded


@pytest.mark.full
def test_pre_training_wins() -> None:
    """In small: on the text of six modules, each of three seeds, and by a margin."""
    rng = np.random.default_rng(0)
    text = bert.Text(500, rng, bert.LIBRARIES)
    fresh = lambda rng: bert.new_bert(len(text), 32, 2, 1, 24, rng)
    model = bert_model.Pretraining(fresh(rng), rng)
    trainer = bert.pretrainer(model, 8e-3, 2400)
    for _ in range(2400):
        trainer(*bert.pretraining_batch(text, 32, 24, rng))
    options = SimpleNamespace(length=24, labels=8, tuning_steps=80, tuning_lr=4e-3)
    margins = []
    for seed in range(3):
        start, scratch = (fresh(np.random.default_rng(seed)) for _ in range(2))
        start.load_state_dict(model.bert.state_dict())
        found = [bert.tune(b, text, options, seed) for b in (start, scratch)]
        margins.append(found[0] - found[1])
    assert min(margins) > 0.02, margins
    assert np.mean(margins) > 0.06, margins


@pytest.mark.full
def test_an_interrupted_run_ends_where_the_whole_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.npz")
    small = [*TINY[:2], *"--width 8 --heads 2 --layers 1 --length 12 --batch-size 4".split()]
    small += f"--tuning-seeds 1 --tuning-steps 1 --steps 7 --every 2 --save {path}".split()
    bert.main(small)
    whole = mg.load(path)
    make = bert.pretraining_batch
    made: list[int] = []

    def broken(*args: Any) -> Any:
        made.append(1)
        if len(made) == 6:
            raise KeyboardInterrupt
        return make(*args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bert, "pretraining_batch", broken)
        bert.main(small)
    assert mg.load(path)["step"] == 4
    bert.main([*small, "--resume", path])
    resumed = mg.load(path)
    assert resumed["step"] == whole["step"] == 7
    for name, value in whole["parts"]["model"].items():
        np.testing.assert_array_equal(resumed["parts"]["model"][name], value, err_msg=name)


@pytest.mark.full
def test_pictures_and_bad_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "bert.png"
    small = "--steps 1 --width 8 --length 12 --batch-size 2 --tuning-seeds 1 --tuning-steps 1"
    bert.main([*small.split(), "--plot", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit):
        bert.main(["--width", "30"])
    assert "--width must be a multiple of --heads" in capsys.readouterr().err
