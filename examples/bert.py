"""BERT in small: a Transformer that learns to read by guessing hidden words.

With J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding" (2018), the encoder reads pairs of "sentences", which are spans of text of
any length, and is asked two things:

- which words were there, at 15 % of the places, of which 80 % are hidden, 10 % exchanged
  for another word and 10 % left as they are;
- whether the second span really follows the first, or comes from another document.

A document is the documentation strings of one module of Python's standard library.  After
that the encoder is fine-tuned on few labelled sentences to tell which library a sentence
comes from, beside the same network without pre-training.  The documentation strings of the
test are in neither.

The networks are in ``bert_model.py``, and ``bert_peers.py`` compares with other libraries.
Run it with ``python examples/bert.py --plot bert.png``.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bert_model import BertModel, Judge, Pretraining
from character_lm import MODULES
from gradient_descent_classifier import picture
from workbench import Run, begin, parser_of

import minigrad as mg
from minigrad import nn

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
LIBRARIES = ["turtle", "logging/__init__", "difflib", "statistics", "tarfile", "unittest/mock"]
"""What is to be told apart."""
HEADS = 4


# --- the text --------------------------------------------------------------------------

Document = list[str]


@functools.cache
def documents(module: str) -> list[Document]:
    """The documentation strings of a module of the standard library, each as its sentences."""
    path = Path(sysconfig.get_path("stdlib")) / f"{module}.py"
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else []:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            pieces = re.split(
                r"(?<=[.!?:])\s+(?=[A-Z])|\n\s*\n|(?=>>> )", ast.get_docstring(node) or ""
            )
            lines = [" ".join(p.split()) for p in pieces]
            kept = [s for s in lines if len(s) > 20 and s.isascii() and not s.startswith(">>>")]
            if kept:
                found.append(kept)
    return found


class Text:
    """Sentences as numbers: those to pre-train on, and labelled ones to tune and to test on.

    Attributes
    ----------
    documents : list of list of arrays
        For each module its sentences, one after the other.
    labelled : list of list of arrays
        Sentences of each of `LIBRARIES`.
    """

    def __init__(
        self, words: int, rng: np.random.Generator, modules: Sequence[str] = MODULES
    ) -> None:
        by_module = {m: documents(m) for m in modules}
        labelled: list[list[Document]] = []
        for name in LIBRARIES:  # half of the documents of these are kept for the labelled task
            docs = by_module[name]
            order = rng.permutation(len(docs))
            labelled.append([docs[i] for i in sorted(order[: len(docs) // 2])])
            by_module[name] = [docs[i] for i in sorted(order[len(docs) // 2 :])]
        plain = [[s for doc in docs for s in doc] for docs in by_module.values()]
        plain = [sentences for sentences in plain if len(sentences) > 4]
        self.tokenizer = word_pieces([s for sentences in plain for s in sentences], words)
        self.documents = [[self.encode(s) for s in sentences] for sentences in plain]
        self.labelled = [[self.encode(s) for doc in docs for s in doc] for docs in labelled]

    def encode(self, sentence: str) -> np.ndarray:
        """The word pieces of a sentence."""
        return np.array(self.tokenizer.encode(sentence).ids, np.int64)

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())


def word_pieces(sentences: list[str], size: int) -> Any:
    """A vocabulary of whole words and of pieces of words, learnt from the sentences."""
    try:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    except ImportError:
        sys.exit("the vocabulary is learnt by the package tokenizers: pip install tokenizers")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=SPECIAL, show_progress=False, continuing_subword_prefix="##"
    )
    tokenizer.train_from_iterator(sentences, trainer)
    learnt = sorted(set(tokenizer.get_vocab()) - set(SPECIAL))  # its own order is another each time
    numbers = {piece: i for i, piece in enumerate([*SPECIAL, *learnt])}
    tokenizer.model = models.WordPiece(numbers, unk_token="[UNK]")
    return tokenizer


def kept(part: Sequence[np.ndarray], room: int) -> list[int]:
    """How much of a sentence, or of two, fits: the longer one is cut until it is no longer."""
    sizes = [len(s) for s in part]
    if len(part) == 1:
        return [min(sizes[0], room)]
    a, b = sizes
    a = min(a, max(room - b, room // 2))
    return [a, min(b, room - a)]


def laid_out(parts: Sequence[tuple[np.ndarray, ...]], length: int) -> tuple[np.ndarray, ...]:
    """``[CLS] a [SEP] b [SEP]`` of each pair (or of single sentences), padded.

    Returns
    -------
    ids, segments : (n, length) integers
        Segments are 0 for what belongs to a, 1 for b.
    padded : (n, length) boolean
    """
    ids = np.full((len(parts), length), PAD)
    segments = np.zeros_like(ids)
    for row, segment, part in zip(ids, segments, parts):
        at = 1
        row[0] = CLS
        for number_, (s, n) in enumerate(zip(part, kept(part, length - len(part) - 1))):
            row[at : at + n], row[at + n] = s[:n], SEP
            segment[at : at + n + 1] = number_
            at += n + 1
    return ids, segments, ids == PAD


def span(document: list[np.ndarray], start: int, room: int) -> tuple[np.ndarray, int]:
    """Sentences from ``start`` on, at most ``room`` words of them, and where the next begins."""
    taken: list[np.ndarray] = []
    end = start
    while end < len(document) and sum(map(len, taken)) < room:
        taken.append(document[end])
        end += 1
    return np.concatenate(taken)[:room], end


def pairs_of(
    text: Text, n: int, length: int, rng: np.random.Generator
) -> tuple[list[Any], np.ndarray]:
    """Pairs of spans, and whether the second one follows the first: in half of them.

    Together they have room in ``length`` places.  Where the second does not follow, it is
    from another document.
    """
    sizes = np.array([len(document) for document in text.documents])
    room = length - 3
    follows = rng.integers(2, size=n)
    pairs = []
    for i, real in enumerate(follows):
        one, other = rng.choice(len(sizes), 2, replace=False, p=sizes / sizes.sum())
        document = text.documents[one]
        a, end = span(
            document, int(rng.integers(sizes[one] - 2)), int(rng.integers(3, room // 2 + 1))
        )
        follows[i] = real = real and end < sizes[one]
        if not real:
            document, end = text.documents[other], int(rng.integers(sizes[other]))
        pairs.append((a, span(document, end, room - len(a))[0]))
    return pairs, follows


def hidden_words(
    ids: np.ndarray, most: int, words: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hide 15 % of the words: 80 % of those for [MASK], 10 % for another word, 10 % for nothing.

    Returns
    -------
    ids : (n, length)
        What the network sees.
    places : (n, most) integers
        Where it is asked; 0 if there are fewer.
    answers : (n, most) integers
        The words that were there; −100, which the loss ignores, if there are fewer.
    """
    seen = ids.copy()
    places = np.zeros((len(ids), most), np.int64)
    answers = np.full((len(ids), most), -100)
    for row, shown, at, answer in zip(ids, seen, places, answers):
        ordinary = np.flatnonzero(row >= len(SPECIAL))
        n = min(most, max(1, round(0.15 * len(ordinary))), len(ordinary))
        chosen = np.sort(rng.permutation(ordinary)[:n])
        at[:n], answer[:n] = chosen, row[chosen]
        luck = rng.random(n)
        shown[chosen[luck < 0.8]] = MASK
        exchanged = chosen[luck >= 0.9]
        shown[exchanged] = rng.integers(len(SPECIAL), words, len(exchanged))
    return seen, places, answers


# --- training --------------------------------------------------------------------------


def new_bert(
    words: int, width: int, heads: int, layers: int, length: int, rng: np.random.Generator
) -> BertModel:
    """A network without experience; words are three times as loud as their places."""
    bert = BertModel(words, width, heads, layers, 4 * width, length, dropout=0.0, rng=rng)
    bert.words.weight.data = 3 * bert.words.weight.data
    return bert


class Trainer:
    """A module, AdamW with the paper's decay and schedule, and its compiled step."""

    def __init__(self, module: nn.Module, loss: Any, lr: float, steps: int) -> None:
        self.module = module
        schedule = mg.optim.warm_up(mg.optim.linear(lr, steps), max(1, steps // 10), 0.0)
        groups = mg.optim.decay_groups(module.parameters(), 0.01)
        self.adam = mg.optim.AdamW(groups, lr=schedule, eps=1e-6)
        self.step = mg.compile(nn.value_and_grad(module, loss, has_aux=True))

    def __call__(self, *batch: Any) -> Any:
        """One step; what the loss returned beside itself."""
        (_, aux), gradients = self.step(*batch)
        self.module.take_gradients(gradients)
        mg.optim.clip_grad_norm(self.module.parameters(), 1.0)
        self.adam.step()
        return aux


def pretrainer(model: Pretraining, lr: float, steps: int) -> Trainer:
    """What trains on the sum of both losses, and returns each."""

    def loss(*batch: Any) -> Any:
        hidden, pair = model.losses(*batch)
        return hidden + pair, (hidden, pair)

    return Trainer(model, loss, lr, steps)


def pretraining_batch(text: Text, n: int, length: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """The arguments of `Pretraining.losses`."""
    pairs, follows = pairs_of(text, n, length, rng)
    ids, segments, padded = laid_out(pairs, length)
    seen, places, answers = hidden_words(ids, max(1, round(0.15 * length)), len(text), rng)
    return seen, segments, padded, places, answers, follows


def pretrain(
    text: Text, run: Run, trainer: Trainer, options: Any, rng: np.random.Generator
) -> None:
    """Train on both questions; mean losses are noted twenty times."""
    recent: list[Any] = []
    for step in run.steps(options.steps, options):
        batch = pretraining_batch(text, options.batch_size, options.length, rng)
        recent.append([float(x) for x in trainer(*batch)])
        if step % max(1, options.steps // 20) == 0 or step == options.steps:
            run.notes.append([step, *np.mean(recent, axis=0).tolist()])
            recent = []


def tune(bert: BertModel, text: Text, options: Any, seed: int) -> float:
    """Fine-tune all of ``bert`` on a few sentences per library; the accuracy on others of each."""
    rng, length = np.random.default_rng(seed), options.length
    judge = Judge(bert, len(LIBRARIES), rng)

    def loss(ids: Any, segments: Any, padded: Any, y: Any) -> Any:
        return mg.losses.cross_entropy(judge(ids, segments, padded), y), ()

    trainer = Trainer(judge, loss, options.tuning_lr, options.tuning_steps)
    train: list[Any] = []
    test: list[Any] = []
    for y, sentences in enumerate(text.labelled):
        order = rng.permutation(len(sentences))
        train += [(sentences[i], y) for i in order[: options.labels]]
        test += [(sentences[i], y) for i in order[options.labels : options.labels + 60]]
    for _ in range(options.tuning_steps):
        chosen = rng.choice(len(train), min(32, len(train)), replace=False)
        rows = laid_out([(train[i][0],) for i in chosen], length)
        trainer(*rows, np.array([train[i][1] for i in chosen]))
    judge.eval()
    with mg.no_grad():
        scores = judge(*laid_out([(s,) for s, _ in test], length)).data
    return float(np.mean(np.argmax(scores, axis=1) == [y for _, y in test]))


# --- pictures, and the program ---------------------------------------------------------


def draw(model: BertModel, text: Text, notes: list[Any], path: str) -> None:
    """The losses, and who looks at whom in one sentence, for each head."""
    from matplotlib.figure import Figure

    sentence = text.labelled[0][0][: min(14, len(model.places.weight) - 2)]
    ids, segments, padded = laid_out([(sentence,)], len(sentence) + 2)
    layers = model.eval().attention(ids, segments, padded)
    maps = [(i, j, head) for i, layer in enumerate(layers) for j, head in enumerate(layer[0])]
    figure = Figure(figsize=(14, 7), layout="constrained")
    axes = figure.subplots(2, 4).flat
    ax = next(axes)
    steps, *losses = zip(*notes)
    for values, name in zip(losses, ("hidden words", "next sentence")):
        ax.plot(steps, values, label=name)
    ax.set(xlabel="step", ylabel="nats", title="pre-training")
    ax.legend()
    ax.grid(alpha=0.3)
    words = [text.tokenizer.id_to_token(i) for i in ids[0]]
    for (i, j, weights), ax in zip(maps, axes):
        ax.imshow(weights, cmap="Blues", vmin=0)
        ax.set_xticks(range(len(words)), words, rotation=90, fontsize=7)
        ax.set_yticks(range(len(words)), words, fontsize=7)
        ax.set_title(f"layer {i + 1}, head {j + 1}", fontsize=9)
    for ax in axes:  # of fewer heads than there is room for
        ax.axis("off")
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Pre-train, tune three times beside the network from scratch, and print the accuracies."""
    parser = parser_of(
        __doc__ or "",
        steps=(int, 1, 7000), tuning_steps=(int, 1, 100), tuning_seeds=(int, 1, 3),
        batch_size=(int, 2, 32), length=(int, 10, 32), width=(int, 4, 64), heads=(int, 1, HEADS),
        layers=(int, 1, 1), words=(int, 100, 1000), labels=(int, 1, 8), lr=(float, 0, 4e-3),
        tuning_lr=(float, 0, 3e-3),
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.width % options.heads:
        parser.error("--width must be a multiple of --heads")
    rng = np.random.default_rng(options.seed)
    text = Text(options.words, rng)

    def fresh(rng: np.random.Generator) -> BertModel:
        sizes = (options.width, options.heads, options.layers, options.length)
        return new_bert(len(text), *sizes, rng)

    bert = fresh(rng)
    model = Pretraining(bert, rng)
    trainer = pretrainer(model, options.lr, options.steps)
    run = begin(Run("pre-training", model=model, adam=trainer.adam, rng=rng), options)
    size = sum(p.size for p in model.parameters())
    sentences = sum(map(len, text.documents))
    print(f"{sentences:,} sentences, {len(text)} word pieces; {size:,} parameters")
    pretrain(text, run, trainer, options, rng)
    for step, hidden, pair in run.notes[:: max(1, len(run.notes) // 5)]:
        print(f"step {step:5}   hidden words {hidden:.3f}   next sentence {pair:.3f}")
    state = bert.state_dict()
    found: dict[str, Any] = {"pre-trained": [], "from scratch": []}
    for seed in range(options.tuning_seeds):
        for name, accuracies in found.items():
            start = fresh(np.random.default_rng(seed))
            if name == "pre-trained":
                start.load_state_dict(state)
            accuracies.append(tune(start, text, options, seed))
            print(f"tuned {name}, seed {seed}: {accuracies[-1]:.1%}", file=sys.stderr)
    print(f"\naccuracy with {options.labels} labels for each of {len(LIBRARIES)} libraries")
    for name, accuracies in found.items():
        each = "  ".join(f"{a:.1%}" for a in accuracies)
        print(f"{name:13} {np.mean(accuracies):.1%}  ({each})")
    if options.plot:
        picture(lambda: draw(bert, text, run.notes, options.plot), options.plot)
    return {**found, "notes": run.notes}


if __name__ == "__main__":
    main()
