"""One encoder for four tasks, each asked of it at a depth of its own.

V. Sanh, T. Wolf and S. Ruder, "A Hierarchical Multi-Task Approach for Learning Embeddings
from Semantic Tasks" (2018), supervise simple questions at the lower layers of a network
and difficult ones above, which see the words, too (shortcut connections):

    1  entities      names of persons, firms and towns
    2  mentions      whatever means one of them: names, "the firm", "she"
    3  coreference   which mentions mean the same
    4  relations     who works for whom, lives where, is based where

Each step trains one task, drawn in proportion to the size of its data set.  The documents
(``hmtl_corpus.py``) come from a small grammar, every task has documents of its own, the
fewest for relations, and the F1 of every task is measured on others.  The table sets the
hierarchy beside one network per task, beside the same network with all four tasks at its
top, beside one with the tasks upside down, and beside tasks drawn evenly.  In the end its
layers are reused for a task with few labels: is a mention new, or known?

Run it with ``python examples/hmtl.py --plot hmtl.png``.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from gradient_descent_classifier import picture
from hmtl_corpus import KINDS, LENGTH, NUMBER, RELATIONS, TAGS, Labels, corpus
from workbench import Run, begin, parser_of

import minigrad as mg
from minigrad import nn

TASKS = ("entities", "mentions", "coreference", "relations")
SHARES = {"entities": 0.5, "mentions": 0.25, "coreference": 0.15, "relations": 0.1}
"""Of the labelled documents, those for each task."""


@dataclass
class Setting:
    """Who is asked what, and where.

    Attributes
    ----------
    depths : dict
        Task -> the layer that answers it.
    shared : bool
        One encoder for all tasks, or one for each.
    even : bool
        Draw every task as often as any other.
    """

    depths: dict[str, int] = field(default_factory=lambda: dict(zip(TASKS, (1, 2, 3, 4))))
    shared: bool = True
    even: bool = False

    def without(self, task: str) -> Setting:
        """The same with one task less."""
        return replace(self, depths={t: d for t, d in self.depths.items() if t != task})


SETTINGS = {
    "hierarchy": Setting(),
    "one network each": Setting(shared=False),
    "all at the top": Setting(dict.fromkeys(TASKS, 4)),
    "upside down": Setting(dict(zip(TASKS, (4, 3, 2, 1)))),
    "drawn evenly": Setting(even=True),
    **{f"without {task}": Setting().without(task) for task in TASKS[:3]},
}
FAR = -1e9
"""The score of what cannot be."""


# --- the network -----------------------------------------------------------------------


class Encoder(nn.Module):
    """Words and their places, through layers of which each one sees the words again."""

    def __init__(self, width: int, heads: int, layers: int, rng: np.random.Generator) -> None:
        drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
        self.words = nn.Embedding(len(NUMBER) + 1, width, **drawn)
        self.places = nn.Embedding(LENGTH, width, **drawn)
        for table in (self.words, self.places):
            table.weight.data = 0.3 * table.weight.data
        self.joins = [nn.Linear(2 * width, width, **drawn) for _ in range(layers - 1)]
        sizes = (width, heads, 2 * width, 0.0, "relu")
        self.layers = [
            nn.TransformerEncoderLayer(*sizes, norm_first=True, **drawn) for _ in range(layers)
        ]

    def lower(self, depth: int) -> Encoder:
        """The first layers, which are shared, as an encoder."""
        part = copy(self)
        part.joins, part.layers = self.joins[: depth - 1], self.layers[:depth]
        return part

    def forward(self, words: Any) -> Any:
        """The states at the top: (batch, length, width)."""
        embedded = self.words(words) + self.places.weight[: np.shape(words)[1]]
        padded = words == 0
        h = self.layers[0](embedded, src_key_padding_mask=padded)
        for join, layer in zip(self.joins, self.layers[1:]):
            h = layer(join(mg.concatenate([embedded, h], axis=2)), src_key_padding_mask=padded)
        return h


class Tagger(nn.Module):
    """Which of some tags each word has: (batch, length, tags)."""

    def __init__(self, width: int, tags: int, rng: np.random.Generator) -> None:
        self.scores = nn.Linear(width, tags, rng=rng, dtype=np.float32)

    def forward(self, h: Any) -> Any:
        return self.scores(h)

    def loss(self, h: Any, words: Any, tags: Any) -> Any:
        """Nats per word."""
        return mg.losses.cross_entropy(self(h), np.where(words == 0, -100, tags), ignore_index=-100)

    def guess(self, h: Any, words: np.ndarray) -> np.ndarray:
        """The likeliest tags."""
        return np.where(words == 0, 0, self(h).data.argmax(2))


class Pairs(nn.Module):
    """A score for every pair of words, several ways: ``q_iᵀ k_j / √d``, (batch, ways, i, j)."""

    def __init__(self, width: int, ways: int, rng: np.random.Generator) -> None:
        drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
        self.ways = ways
        self.queries = nn.Linear(width, ways * width, **drawn)
        self.keys = nn.Linear(width, ways * width, **drawn)
        self.offset = mg.Tensor(np.full((ways, 1, 1), -2, np.float32), requires_grad=True)

    def forward(self, h: Any) -> Any:
        batch, length, width = h.shape
        split = (batch, length, self.ways, width)
        q, k = (f(h).reshape(split).transpose(0, 2, 1, 3) for f in (self.queries, self.keys))
        return q @ k.mT / np.float32(np.sqrt(width)) + self.offset


class Links(Pairs):
    """Which earlier mention means the same, of every word one, or none.

    The loss is that of K. Lee et al., "End-to-end Neural Coreference Resolution" (2017): any
    of the right ones will do.  No mentions are given; words that end none link to none.
    """

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        super().__init__(width, 1, rng)

    def choices(self, h: Any) -> Any:
        """Scores of every earlier word, and in the last place 0, of none."""
        scores = self(h)[:, 0]
        earlier = np.tril(np.ones(scores.shape[1:], bool), -1)
        none = np.zeros((*scores.shape[:2], 1), np.float32)
        return mg.concatenate([mg.where(earlier, scores, np.float32(FAR)), none], axis=2)

    def loss(self, h: Any, words: Any, links: Any) -> Any:
        """Nats per word."""
        scores = self.choices(h)
        right = np.concatenate([links, ~links.any(axis=2, keepdims=True)], axis=2)
        each = mg.logsumexp(scores, axis=2) - mg.logsumexp(
            mg.where(right, scores, np.float32(FAR)), axis=2
        )
        seen = words != 0
        return (each * seen).sum() / seen.sum()

    def guess(self, h: Any, words: np.ndarray) -> np.ndarray:
        """All pairs that the links make mean the same, (batch, length, length)."""
        best = self.choices(h).data.argmax(2)
        n = words.shape[1]
        found = np.zeros((len(words), n, n), bool)
        for row, links, here in zip(found, best, words):
            for i in np.flatnonzero((links < n) & (here != 0)):
                row[i] = row[links[i]]
                row[i, links[i]] = True
        return found


class Relations(Pairs):
    """Which relations lead from one word to another (each on its own, as they may be several)."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        super().__init__(width, len(RELATIONS), rng)

    def loss(self, h: Any, words: Any, relations: Any) -> Any:
        """Nats per word."""
        right = relations.transpose(0, 3, 1, 2).astype(np.float32)
        each = mg.losses.binary_cross_entropy_with_logits(self(h), right, reduction="sum")
        return each / (words != 0).sum()

    def guess(self, h: Any, words: np.ndarray) -> np.ndarray:
        """(batch, length, length, relations)."""
        seen = words != 0
        both = seen[:, :, None, None] & seen[:, None, :, None]
        return (self(h).data.transpose(0, 2, 3, 1) > 0) & both


class Answerer(nn.Module):
    """An encoder and the head of a task, trained together."""

    def __init__(self, task: str, encoder: Encoder, rng: np.random.Generator) -> None:
        width = encoder.words.weight.shape[1]
        self.encoder = encoder
        if task == "coreference":
            self.head: Any = Links(width, rng)
        elif task == "relations":
            self.head = Relations(width, rng)
        else:
            self.head = Tagger(width, 3 if task == "news" else len(TAGS), rng)

    def loss(self, words: Any, right: Any) -> Any:
        """Nats per word."""
        return self.head.loss(self.encoder(words), words, right)

    def guess(self, words: np.ndarray) -> np.ndarray:
        """What the network thinks is right."""
        with mg.no_grad():
            return np.asarray(self.head.guess(self.encoder(words), words))


# --- the measure -----------------------------------------------------------------------


def spans(tags: np.ndarray) -> set[tuple[int, int, int, str]]:
    """(row, start, end, kind) of what the tags mark: B begins, I of the same kind goes on."""
    found: set[tuple[int, int, int, str]] = set()
    for row, line in enumerate(tags):
        begun: tuple[int, str] | None = None
        for i, tag in enumerate([*line, 0]):
            letter, _, kind = TAGS[tag].partition("-")
            if begun and (letter != "I" or kind != begun[1]):
                found.add((row, begun[0], i - 1, begun[1]))
                begun = None
            if letter == "B":
                begun = (i, kind)
    return found


def marked(x: np.ndarray, task: str) -> set[Any]:
    """What is to be found: spans, or the places of an array that are not 0, and their value."""
    if task in TASKS[:2]:
        return spans(x)
    return {(*map(int, at), int(x[tuple(at)])) for at in np.argwhere(x)}


def f1(found: set[Any], right: set[Any]) -> float:
    """The harmonic mean of precision and recall; 1 where there is nothing to find, nor found."""
    return 2 * len(found & right) / max(1, len(found) + len(right)) if found or right else 1.0


def score(answerer: Answerer, task: str, test: Labels) -> float:
    """The F1 on documents of the test."""
    found = answerer.guess(test.words)
    return f1(marked(found, task), marked(answers(test, task), task))


def answers(labels: Labels, task: str) -> np.ndarray:
    """The labels that a task asks for."""
    name = "links" if task == "coreference" else task
    return np.asarray(getattr(labels, name))


# --- training --------------------------------------------------------------------------


class Learner:
    """What trains the answerer of one task: Adam, and its compiled step."""

    def __init__(self, task: str, answerer: Answerer, lr: float) -> None:
        self.task, self.answerer = task, answerer
        self.adam = mg.optim.Adam(answerer.parameters(), lr=lr)
        self.step = mg.compile(nn.value_and_grad(answerer, answerer.loss))

    def __call__(self, labels: Labels, size: int, rng: np.random.Generator) -> float:
        """One step on some of the documents; the loss."""
        rows = rng.integers(len(labels.words), size=size)
        value, gradients = self.step(labels.words[rows], answers(labels, self.task)[rows])
        self.answerer.take_gradients(gradients)
        mg.optim.clip_grad_norm(self.answerer.parameters(), 1.0)
        self.adam.step()
        return float(value)


def learners(setting: Setting, options: Any, rng: np.random.Generator) -> dict[str, Learner]:
    """One for each task."""

    def encoder(depth: int) -> Encoder:
        return Encoder(options.width, options.heads, depth, rng)

    deepest = max(setting.depths.values())
    shared = encoder(deepest) if setting.shared else None
    return {
        task: Learner(
            task, Answerer(task, shared.lower(depth) if shared else encoder(depth), rng), options.lr
        )
        for task, depth in setting.depths.items()
    }


class Data:
    """Labelled documents for each task, and those of the test, which are labelled for all."""

    def __init__(self, documents: int, test: int, rng: np.random.Generator) -> None:
        sizes = {task: max(2, round(share * documents)) for task, share in SHARES.items()}
        self.train = {task: corpus(n, rng) for task, n in sizes.items()}
        self.test = corpus(test, rng)

    def odds(self, tasks: Sequence[str], even: bool) -> np.ndarray:
        """How often each task is drawn: in proportion to its documents, or evenly."""
        sizes = np.array([1 if even else len(self.train[t].words) for t in tasks], float)
        return sizes / sizes.sum()


def train(data: Data, each: dict[str, Learner], run: Run, even: bool, options: Any) -> None:
    """Each step a task; every tenth of the way, the F1 of all is noted."""
    tasks, rng = list(each), run.parts["rng"]
    odds = data.odds(tasks, even)
    for step in run.steps(options.steps, options):
        task = tasks[rng.choice(len(tasks), p=odds)]
        each[task](data.train[task], options.batch_size, rng)
        if step % max(1, options.steps // 10) == 0 or step == options.steps:
            scores = {t: score(learner.answerer, t, data.test) for t, learner in each.items()}
            run.notes.append({"step": step, **scores})


def transfer(encoder: Encoder, options: Any) -> dict[str, list[float]]:
    """F1 of telling new mentions from known ones, with few labels: layers reused, and fresh."""
    found: dict[str, list[float]] = {"reused": [], "fresh": []}
    for seed in range(options.tuning_seeds):
        data, start = (np.random.default_rng((options.seed, 2 + seed, i)) for i in range(2))
        few, test = corpus(options.labels, data), corpus(options.test, data)
        fresh = Encoder(options.width, options.heads, len(encoder.layers), start)
        for name, layers in [("reused", deepcopy(encoder)), ("fresh", fresh)]:
            rng = np.random.default_rng((options.seed, 2 + seed, 2))
            learner = Learner("news", Answerer("news", layers, rng), options.lr)
            for _ in range(options.tuning_steps):
                learner(few, options.batch_size, rng)
            found[name].append(score(learner.answerer, "news", test))
    return found


# --- pictures, and the program ---------------------------------------------------------

COLOURS = dict(zip(KINDS, "#0072b2 #d55e00 #009e73".split()))


def show(ax: Any, words: np.ndarray, found: dict[str, np.ndarray]) -> None:
    """One document as it is read: mentions in colour, links above, relations below."""
    names = {number: word for word, number in NUMBER.items()}
    text = [names[int(w)] for w in words if w]
    at = np.cumsum([0, *(len(w) + 1.2 for w in text)])
    middle = [x + len(w) / 2 for x, w in zip(at, text)]
    colours = ["#444444"] * len(text)
    for _, start, end, kind in spans(found["mentions"][None]):
        colours[start : end + 1] = [COLOURS[kind]] * (end + 1 - start)
    for x, word, colour in zip(middle, text, colours):
        ax.text(x, 0, word, color=colour, ha="center", va="center", fontsize=8, family="monospace")

    def arrow(start: int, end: int, height: float, style: str, colour: str) -> None:
        far = middle[end] - middle[start]
        bend = -np.sign(far) * height * min(1.0, 40 / abs(far))  # long ones are flatter
        path = {"arrowstyle": style, "color": colour, "connectionstyle": f"arc3,rad={bend}"}
        y = 0.35 if height > 0 else -0.35
        ax.annotate("", (middle[end], y), (middle[start], y), arrowprops=path)

    for i, j in np.argwhere(found["coreference"]):
        if j == max(np.flatnonzero(found["coreference"][i])):
            arrow(int(i), int(j), 0.25, "-", "#888888")
    for i, j, r in np.argwhere(found["relations"]):
        arrow(int(i), int(j), -0.35, "->", "#000000")
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        ax.text((middle[i] + middle[j]) / 2, -1.6, RELATIONS[r], ha="center", fontsize=7, bbox=box)
    ax.set(xlim=(-1, at[-1]), ylim=(-2.5, 2.5))
    ax.set_axis_off()


def draw(runs: dict[str, Run], reader: dict[str, Learner], test: Labels, path: str) -> None:
    """F1 by task and setting, F1 as training goes, and two documents as they are read."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.5), layout="constrained")
    top, *lower = figure.subfigures(3, 1, height_ratios=[3, 1, 1])
    left, right = top.subplots(1, 2)
    width = 0.8 / len(runs)
    for i, (name, run) in enumerate(runs.items()):
        heights = [run.notes[-1].get(task, 0.0) for task in TASKS]
        left.bar(np.arange(len(TASKS)) + i * width - 0.4, heights, width, align="edge", label=name)
    left.set_xticks(range(len(TASKS)), TASKS)
    left.set(ylim=(0, 1.25), title="F1")
    left.legend(fontsize=7, loc="upper center", ncols=4)
    name, run = next(iter(runs.items()))
    for task in reader:
        scores = [note[task] for note in run.notes]
        right.plot([note["step"] for note in run.notes], scores, label=task)
    right.set(ylim=(0, 1), xlabel="step", title=f"F1 as training goes: {name}")
    right.legend(fontsize=8)
    right.grid(alpha=0.3)
    guesses = {task: learner.answerer.guess(test.words[:50]) for task, learner in reader.items()}
    if set(guesses) >= set(TASKS):
        several = np.argsort(-test.links[:50].any(axis=2).sum(axis=1), kind="stable")[:2]
        for figure_, row in zip(lower, several):
            show(figure_.subplots(), test.words[row], {t: g[row] for t, g in guesses.items()})
    figure.savefig(path, dpi=100)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Train one setting, or each; print the F1 of every task, and what the layers are worth."""
    parser = parser_of(
        __doc__ or "",
        steps=(int, 1, 3000), documents=(int, 20, 2000), test=(int, 1, 300),
        batch_size=(int, 1, 16), width=(int, 2, 32), heads=(int, 1, 4), lr=(float, 0, 3e-3),
        labels=(int, 1, 40), tuning_steps=(int, 1, 150), tuning_seeds=(int, 1, 3),
    )  # fmt: skip
    parser.add_argument("--setting", choices=SETTINGS, default="hierarchy", help="(hierarchy)")
    parser.add_argument("--compare", action="store_true", help="train every setting")
    options = parser.parse_args(arguments)
    if options.width % options.heads:
        parser.error("--width must be a multiple of --heads")
    if options.compare and (options.save or options.resume):
        parser.error("--save and --resume are for one --setting, not for --compare")
    data = Data(options.documents, options.test, np.random.default_rng(options.seed))
    found: dict[str, Any] = {}
    runs: dict[str, Run] = {}
    reader: dict[str, Learner] = {}
    print(f"F1 after {options.steps} steps, on {options.test} other documents\n")
    print(f"{'':20}" + "".join(f"{task:>13}" for task in TASKS))
    for name in SETTINGS if options.compare else [options.setting]:
        rng = np.random.default_rng((options.seed, 1))
        each = learners(SETTINGS[name], options, rng)
        parts: dict[str, Any] = {task: learner.answerer for task, learner in each.items()}
        parts |= {f"adam of {task}": learner.adam for task, learner in each.items()}
        runs[name] = run = begin(Run(name, **parts, rng=rng), options)
        train(data, each, run, SETTINGS[name].even, options)
        reader = reader or each
        found[name] = {task: run.notes[-1][task] for task in each}
        cells = [f"{found[name][task]:13.1%}" if task in each else f"{'–':>13}" for task in TASKS]
        print(f"{name:20}" + "".join(cells))
    if "coreference" in reader:
        found["transfer"] = transfer(reader["coreference"].answerer.encoder, options)
        print(f"\nnew or known, with {options.labels} labelled documents: F1")
        for name, scores in found["transfer"].items():
            each_ = "  ".join(f"{x:.1%}" for x in scores)
            print(f"layers {name:7} {np.mean(scores):.1%}  ({each_})")
    if options.plot:
        picture(lambda: draw(runs, reader, data.test, options.plot), options.plot)
    return found


if __name__ == "__main__":
    main()
