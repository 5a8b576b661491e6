"""A small transformer that writes like Python's documentation, letter by letter.

It learns from the documentation strings of the standard library's modules, which every
Python has; the texts of the last few modules are kept for the test.  The model reads up
to ``--context`` characters and gives, at every place, the probabilities of the next one.
The loss is in nats per character: log(number of characters) for someone who knows
nothing.

Run it with ``python examples/character_lm.py --steps 3000 --plot loss.png``.  The matrices
are small: where other programs want the processor too, OPENBLAS_NUM_THREADS=1 is faster.
"""

from __future__ import annotations

import argparse
import ast
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture

import minigrad as mg
from minigrad import nn

MODULES = """argparse ast asyncio/tasks bisect calendar collections/__init__ contextlib copy csv
    dataclasses datetime decimal difflib doctest email/message enum fractions functools gettext glob
    heapq inspect json/__init__ locale logging/__init__ mailbox optparse os pathlib pdb pickle
    pickletools platform pprint pydoc random re/__init__ sched shelve shlex shutil smtplib socket
    statistics string subprocess tarfile tempfile textwrap threading timeit tokenize traceback
    turtle typing unittest/case unittest/mock urllib/parse uuid warnings weakref zipfile/__init__
    zipfile""".split()
"""Files of the standard library, as far as they exist in this version of Python."""


def text() -> str:
    """All documentation strings of the modules, one after the other, in plain ASCII."""
    library = Path(sysconfig.get_path("stdlib"))
    found = []
    for path in [library / f"{name}.py" for name in MODULES]:
        if not path.is_file():
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words = ast.get_docstring(node) or ""
                if len(words) > 40 and words.isascii():
                    found.append(words.expandtabs() + "\n\n")
    return "".join(found)


class Alphabet:
    """Characters as integers and back."""

    def __init__(self, words: str) -> None:
        self.characters = sorted(set(words))
        self.number = {c: i for i, c in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, words: str) -> np.ndarray:
        """Integers of characters; unknown ones are left out."""
        return np.array([self.number[c] for c in words if c in self.number], np.intp)

    def decode(self, numbers: Any) -> str:
        """Characters of integers."""
        return "".join(self.characters[i] for i in numbers)


class Writer(nn.Module):
    """From (batch, length) characters to (batch, length, characters) scores of the next."""

    def __init__(
        self,
        characters: int,
        context: int,
        width: int,
        heads: int,
        layers: int,
        rng: np.random.Generator,
    ) -> None:
        drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
        self.context = context
        self.letters = nn.Embedding(characters, width, **drawn)
        self.places = nn.Embedding(context, width, **drawn)
        for table in (self.letters, self.places):
            table.weight.data = 0.1 * table.weight.data
        self.layers = [
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, activation="relu", norm_first=True, **drawn
            )
            for _ in range(layers)
        ]
        self.norm = nn.LayerNorm(width, dtype=np.float32)
        self.scores = nn.Linear(width, characters, **drawn)

    def forward(self, x: np.ndarray) -> Any:
        """Scores; every place sees itself and what is before it."""
        h = self.letters(x) + self.places(np.arange(x.shape[1]))
        for layer in self.layers:
            h = layer(h, is_causal=True)
        return self.scores(self.norm(h))

    def write(
        self, start: np.ndarray, n: int, temperature: float, rng: np.random.Generator
    ) -> np.ndarray:
        """``start`` and ``n`` characters more, each drawn from what the model expects."""
        written = start
        with mg.no_grad():
            for _ in range(n):
                scores = self(written[None, -self.context :])[0, -1].data / temperature
                p = mg.softmax(scores.astype(np.float64))
                written = np.append(written, rng.choice(len(p), p=p))
        return written


def batch(
    corpus: np.ndarray, size: int, context: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of the text, and the same pieces one character later."""
    starts = rng.integers(0, len(corpus) - context, size)[:, None]
    x = corpus[starts + np.arange(context + 1)]
    return x[:, :-1], x[:, 1:]


def evaluate(model: Writer, corpus: np.ndarray, batches: int = 10) -> float:
    """The mean loss on the same pieces of ``corpus`` every time."""
    rng = np.random.default_rng(0)
    with mg.no_grad():
        losses = [
            mg.losses.cross_entropy(model(x), y).item()
            for x, y in (batch(corpus, 16, model.context, rng) for _ in range(batches))
        ]
    return float(np.mean(losses))


def train(
    model: Writer,
    corpus: np.ndarray,
    test: np.ndarray,
    steps: int,
    batch_size: int,
    lr: float,
    rng: np.random.Generator,
    report: Any = print,
) -> list[tuple[int, float, float]]:
    """Train; (step, training loss since the last row, test loss) ten times or so."""
    schedule = mg.optim.warm_up(mg.optim.cosine(lr, steps, final=0.1 * lr), min(20, steps))
    optimiser = mg.optim.AdamW(model.parameters(), lr=schedule)
    rows, losses = [], []
    start = time.perf_counter()
    for step in range(1, steps + 1):
        x, y = batch(corpus, batch_size, model.context, rng)
        loss = mg.losses.cross_entropy(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        mg.optim.clip_grad_norm(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if step == 1 or step % max(1, steps // 10) == 0 or step == steps:
            rows.append((step, float(np.mean(losses)), evaluate(model, test)))
            losses = []
            seconds = time.perf_counter() - start
            found = f"loss {rows[-1][1]:.3f}   test {rows[-1][2]:.3f}"
            report(f"step {step:5}   {found}   {seconds:5.1f} s")
    return rows


def draw(rows: list[tuple[int, float, float]], path: str) -> None:
    """The losses by step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    steps = [row[0] for row in rows]
    ax.plot(steps, [row[1] for row in rows], "o-", label="training text")
    ax.plot(steps, [row[2] for row in rows], "s--", label="test text")
    ax.set(xlabel="step", ylabel="nats per character")
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> list[tuple[int, float, float]]:
    """Train, and print what the model writes; the rows of `train`."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog="Defaults are in parentheses."
    )
    sizes = {"steps": 1000, "batch-size": 16, "context": 64, "width": 64, "heads": 4, "layers": 2}
    kinds: dict[str, tuple[Any, Any]] = {k: (number(1, kind=int), v) for k, v in sizes.items()}
    kinds |= {k: (number(0, kind=int), v) for k, v in {"length": 300, "seed": 0}.items()}
    kinds |= {k: (number(0, open_=True), v) for k, v in {"lr": 3e-3, "temperature": 0.7}.items()}
    for key, (kind, value) in kinds.items():
        parser.add_argument(f"--{key}", type=kind, default=value, metavar="N", help=f"({value:g})")
    parser.add_argument("--start", default="Return ", metavar="TEXT", help="(Return)")
    parser.add_argument("--save", metavar="PATH", help="keep the model in this .npz file")
    parser.add_argument("--plot", metavar="PATH", help="draw the losses to this file")
    options = parser.parse_args(arguments)
    if options.width % options.heads:
        parser.error("--width must be a multiple of --heads")
    words = text()
    alphabet = Alphabet(words)
    first = alphabet.encode(options.start)
    if not len(first):
        parser.error("--start must have a character that occurs in the text")
    corpus = alphabet.encode(words)
    kept = len(corpus) * 19 // 20
    if options.context >= len(corpus) - kept:
        parser.error(f"--context must be below {len(corpus) - kept}, the length of the test text")
    rng = np.random.default_rng(options.seed)
    model = Writer(
        len(alphabet), options.context, options.width, options.heads, options.layers, rng
    )
    size = sum(p.size for p in model.parameters())
    print(f"{len(corpus):,} characters, {len(alphabet)} different; {size:,} parameters\n")
    rows = train(
        model, corpus[:kept], corpus[kept:], options.steps, options.batch_size, options.lr, rng
    )
    print(f"\n{alphabet.decode(model.write(first, options.length, options.temperature, rng))}")
    if options.save:
        mg.save(options.save, model.state_dict())
    if options.plot:
        picture(lambda: draw(rows, options.plot), options.plot)
    return rows


if __name__ == "__main__":
    main()
