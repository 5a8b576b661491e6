"""The hierarchy of tasks of examples/hmtl.py: its grammar, its measures, and what it is worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import hmtl
    import hmtl_corpus as grammar

OPTIONS = argparse.Namespace(width=8, heads=2, lr=3e-3, batch_size=4)

# --- the grammar -----------------------------------------------------------------------

TOLD = grammar.Document(
    words="Momir Moka praised Soka . she stayed with Tilen Works . it went to Soka .".split(),
    mentions=[
        grammar.Mention(0, 1, "person", 0, True),
        grammar.Mention(3, 3, "town", 4, True),
        grammar.Mention(5, 5, "person", 0, False),
        grammar.Mention(8, 9, "firm", 2, True),
        grammar.Mention(11, 11, "firm", 2, False),
        grammar.Mention(14, 14, "town", 4, True),
    ],
    relations=[(0, 2, 3), (2, 4, 5)],
)


def test_labels_of_a_document_by_hand() -> None:
    labels = grammar.labels_of([TOLD])
    words = [grammar.VOCABULARY[w - 1] for w in labels.words[0] if w]
    assert words == TOLD.words
    tags = [grammar.TAGS[t] for t in labels.mentions[0][:16]]
    assert tags == (
        "B-person I-person O B-town O B-person O O B-firm I-firm O B-firm O O B-town O".split()
    )
    named = [grammar.TAGS[t] for t in labels.entities[0][:16]]
    assert named == ["O" if i in (5, 11) else tag for i, tag in enumerate(tags)]
    assert np.argwhere(labels.links[0]).tolist() == [[5, 1], [11, 9], [14, 3]]
    assert np.argwhere(labels.relations[0]).tolist() == [[5, 9, 0], [11, 14, 2]]
    assert labels.news[0].nonzero()[0].tolist() == [1, 3, 5, 9, 11, 14]
    assert labels.news[0][[1, 3, 5, 9, 11, 14]].tolist() == [1, 1, 2, 1, 2, 2]


def test_documents_say_what_their_labels_say() -> None:
    """Read anew, by the rules of the language: the last one whom a noun or a pronoun fits."""
    rng = np.random.default_rng(0)
    verbs = {verb: (kinds, relates) for verb, kinds, relates in grammar.VERBS}
    nouns = {noun: kind for kind, noun in grammar.NOUNS.items()}
    for _ in range(200):
        doc = grammar.document(rng)
        assert len(doc.words) <= grammar.LENGTH
        assert doc.words.count(".") == 3
        assert len(doc.mentions) == 6
        told: list[grammar.Mention] = []
        for m in doc.mentions:
            words = doc.words[m.start : m.end + 1]
            fits = None
            if words[0] == "the":
                fits = [t for t in told if t.kind == nouns[words[1]]]
            elif words[0] in ("she", "her", "he", "him", "it"):
                fits = [t for t in told if (t.kind == "person") == (words[0] != "it")]
            assert m.named == (fits is None)
            assert fits is None or fits[-1].entity == m.entity
            told.append(m)
        told_of = {}
        for i in (0, 2, 4):
            a, b = doc.mentions[i : i + 2]
            kinds, relates = verbs[" ".join(doc.words[a.end + 1 : b.start])]
            assert (a.kind, b.kind) in kinds
            if relates:
                told_of[i] = (grammar.BETWEEN[a.kind, b.kind], i, i + 1)
        assert doc.relations == list(told_of.values())


def test_a_word_alone_does_not_tell_what_it_names() -> None:
    labels = grammar.corpus(400, np.random.default_rng(1))
    kinds: dict[int, set[str]] = {}
    for word, tag in zip(labels.words.ravel(), labels.entities.ravel()):
        name = grammar.TAGS[tag]
        if word and grammar.VOCABULARY[word - 1] in grammar.NAMES:
            kinds.setdefault(int(word), set()).add(name[2:])
    assert len(kinds) == len(grammar.NAMES)
    assert all(found == set(grammar.KINDS) for found in kinds.values())


# --- the measures ----------------------------------------------------------------------


def test_spans() -> None:
    tags = [
        grammar.TAGS.index(t) for t in "B-person I-person I-firm O B-firm B-firm I-town".split()
    ]
    assert hmtl.spans(np.array([tags])) == {
        (0, 0, 1, "person"),
        (0, 4, 4, "firm"),
        (0, 5, 5, "firm"),
    }
    assert hmtl.spans(np.array([[0, 0]])) == set()


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    assert hmtl.f1({1, 2, 3}, {2, 3, 4, 5}) == pytest.approx(2 / (1 / (2 / 3) + 1 / (2 / 4)))
    assert hmtl.f1(set(), set()) == 1.0
    assert hmtl.f1({1}, set()) == hmtl.f1(set(), {1}) == 0.0
    pairs = np.zeros((2, 3, 3), bool)
    pairs[1, 2, 0] = True
    assert hmtl.marked(pairs, "coreference") == {(1, 2, 0, 1)}


# --- the network -----------------------------------------------------------------------


def answerer(task: str, depth: int = 2) -> hmtl.Answerer:
    rng = np.random.default_rng(0)
    return hmtl.Answerer(task, hmtl.Encoder(8, 2, depth, rng), rng)


def test_links_make_groups_and_go_backwards() -> None:
    model = answerer("coreference")
    words = np.array([[1, 2, 3, 4, 5, 0]])
    scores = np.full((1, 6, 7), -1.0, np.float32)
    scores[0, :, 6] = 0
    scores[0, [2, 4, 3], [0, 2, 1]] = 1  # 2 → 0, 4 → 2 and so → 0; 3 → 1
    scores[0, 5, 0] = 9  # behind the end
    model.head.choices = lambda h: mg.Tensor(scores)
    found = model.guess(words)[0]
    assert np.argwhere(found).tolist() == [[2, 0], [3, 1], [4, 0], [4, 2]]
    fresh = answerer("coreference")
    real = fresh.head.choices(fresh.encoder(words)).data
    assert (real[0][np.triu_indices(6)] < -1e8).all()
    assert (real[0, :, 6] == 0).all()


def test_losses_by_hand() -> None:
    labels = grammar.corpus(3, np.random.default_rng(0))
    seen = labels.words != 0
    links = answerer("coreference")
    scores = links.head.choices(links.encoder(labels.words)).data.astype(float)
    p = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    right = np.where(labels.links.any(axis=2), (p[..., :-1] * labels.links).sum(axis=2), p[..., -1])
    expected = -np.log(right)[seen].mean()
    assert links.loss(labels.words, labels.links).item() == pytest.approx(expected, rel=1e-5)
    relations = answerer("relations")
    z = relations.head(relations.encoder(labels.words)).data.astype(float)
    sign = np.where(labels.relations.transpose(0, 3, 1, 2), -1, 1)
    expected = np.logaddexp(0, sign * z).sum() / seen.sum()
    found = relations.loss(labels.words, labels.relations).item()
    assert found == pytest.approx(expected, rel=1e-5)
    tags = answerer("mentions")
    z = tags.head(tags.encoder(labels.words)).data.astype(float)
    p = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
    expected = -np.log(np.take_along_axis(p, labels.mentions[..., None], 2)[..., 0][seen]).mean()
    assert tags.loss(labels.words, labels.mentions).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("task", hmtl.TASKS)
def test_what_lies_behind_the_end_changes_nothing(task: str) -> None:
    model = answerer(task, 3)
    words = grammar.labels_of([TOLD]).words[:, :20]
    a, b = model.guess(words), model.guess(words[:, :16])
    np.testing.assert_array_equal(a[tuple(map(slice, b.shape))], b)
    assert np.count_nonzero(a) == np.count_nonzero(b)


def test_layers_are_shared_up_to_the_depth_of_a_task() -> None:
    each = hmtl.learners(hmtl.SETTINGS["hierarchy"], OPTIONS, np.random.default_rng(0))
    depths = [len(learner.answerer.encoder.layers) for learner in each.values()]
    assert depths == [1, 2, 3, 4]
    top = each["relations"].answerer.encoder
    for learner in each.values():
        assert learner.answerer.encoder.words is top.words
        for mine, shared in zip(learner.answerer.encoder.layers, top.layers):
            assert mine is shared
    data = hmtl.Data(40, 4, np.random.default_rng(0))
    before = {k: v.copy() for k, v in top.state_dict().items()}
    each["mentions"](data.train["mentions"], 4, np.random.default_rng(0))
    moved = {k.split(".")[0] + k.split(".")[1] for k, v in top.state_dict().items()
             if not np.array_equal(v, before[k])}  # fmt: skip
    assert moved == {"wordsweight", "placesweight", "joins0", "layers0", "layers1"}
    apart = hmtl.learners(hmtl.SETTINGS["one network each"], OPTIONS, np.random.default_rng(0))
    assert len({id(learner.answerer.encoder.words) for learner in apart.values()}) == 4


def test_tasks_are_drawn_in_proportion_to_their_documents() -> None:
    data = hmtl.Data(200, 2, np.random.default_rng(0))
    assert [len(labels.words) for labels in data.train.values()] == [100, 50, 30, 20]
    np.testing.assert_allclose(data.odds(hmtl.TASKS, False), [0.5, 0.25, 0.15, 0.1])
    np.testing.assert_allclose(data.odds(hmtl.TASKS, True), 0.25)
    np.testing.assert_allclose(data.odds(hmtl.TASKS[1:3], False), [50 / 80, 30 / 80])


@pytest.mark.parametrize("task", ["coreference", "relations"])
def test_compiled_steps_are_the_losses_of_the_ops(task: str) -> None:
    data = hmtl.Data(20, 2, np.random.default_rng(0))
    learner = hmtl.learners(hmtl.SETTINGS["hierarchy"], OPTIONS, np.random.default_rng(0))[task]
    rng, same = np.random.default_rng(1), np.random.default_rng(1)
    labels = data.train[task]
    for _ in range(3):
        rows = same.integers(len(labels.words), size=4)
        batch = labels.words[rows], hmtl.answers(labels, task)[rows]
        expected = learner.answerer.loss(*batch).item()
        assert learner(labels, 4, rng) == pytest.approx(expected, rel=1e-5)
    assert learner.step.retraces == 0
    assert not learner.step.latest.recorded


# --- training --------------------------------------------------------------------------

TINY = "--documents 40 --test 5 --width 4 --heads 1 --batch-size 4 --setting flat".split()
TINY += "--tuning-seeds 1 --tuning-steps 2".split()


@pytest.fixture(autouse=True)
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hmtl.SETTINGS, "flat", hmtl.Setting({"entities": 1, "mentions": 1}))


def test_a_simple_task_is_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    """In 300 small steps; all four take ten times as many."""
    rng = np.random.default_rng(0)
    options = argparse.Namespace(width=16, heads=2, lr=1e-2, batch_size=16)
    data = hmtl.Data(400, 60, rng)
    setting = hmtl.Setting({"entities": 1})
    learner = hmtl.learners(setting, options, rng)["entities"]
    start = hmtl.score(learner.answerer, "entities", data.test)
    for _ in range(300):
        learner(data.train["entities"], 16, rng)
    assert hmtl.score(learner.answerer, "entities", data.test) > start + 0.15


@pytest.mark.full
def test_the_hierarchy_wins_over_one_network_each() -> None:
    arguments = "--steps 1500 --tuning-seeds 1".split()
    together = hmtl.main(arguments)["hierarchy"]
    apart = hmtl.main([*arguments, "--setting", "one network each"])["one network each"]
    for task in ("mentions", "coreference", "relations"):
        assert together[task] > apart[task] + 0.1, (task, together, apart)


@pytest.mark.full
def test_a_resumed_run_ends_where_the_whole_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "run.npz")
    hmtl.main([*TINY, "--steps", "4", "--save", path])
    hmtl.main([*TINY, "--steps", "8", "--resume", path, "--save", path])
    resumed = mg.load(path)
    found = hmtl.main([*TINY, "--steps", "8", "--save", path])
    whole = mg.load(path)
    assert resumed["step"] == whole["step"] == 8
    assert resumed["parts"]["rng"] == whole["parts"]["rng"]
    for part in found["flat"]:
        for key, value in whole["parts"][part].items():
            np.testing.assert_array_equal(resumed["parts"][part][key], value, err_msg=key)
    assert set(found["flat"]) == {"entities", "mentions"}
    assert "flat: step 8 of 8" in capsys.readouterr().err


def test_the_seed_is_that_of_documents_and_weights() -> None:
    words = [hmtl.Data(20, 2, np.random.default_rng(seed)).test.words for seed in (0, 0, 1)]
    np.testing.assert_array_equal(words[0], words[1])
    assert (words[0] != words[2]).any()


@pytest.mark.full
def test_pictures_transfer_and_bad_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "hmtl.png"
    monkeypatch.setitem(hmtl.SETTINGS, "flat", hmtl.Setting(dict.fromkeys(hmtl.TASKS, 1)))
    found = hmtl.main([*TINY, "--steps", "4", "--plot", str(path)])
    assert set(found["flat"]) == set(hmtl.TASKS)
    assert {name: len(scores) for name, scores in found["transfer"].items()} == {
        "reused": 1,
        "fresh": 1,
    }
    assert "new or known, with 40 labelled documents: F1" in capsys.readouterr().out
    assert path.read_bytes().startswith(b"\x89PNG")
    for arguments, message in [
        ("--width 30", "--width must be a multiple of --heads"),
        ("--compare --save x.npz", "--save and --resume are for one --setting"),
        ("--documents 3", "'3' is not a whole number of at least 20"),
        ("--setting alone", "invalid choice: 'alone'"),
    ]:
        with pytest.raises(SystemExit):
            hmtl.main(arguments.split())
        assert message in capsys.readouterr().err
