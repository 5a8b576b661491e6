"""Handwritten digits, read by a network of two layers.

The digits are the 1,797 images of 8×8 pixels that ship with scikit-learn (E. Alpaydin and
C. Kaynak, UCI, 1998); a quarter of them, the same share of each digit, is kept for the
test.  Each epoch goes once through the others in batches, in a new order, with Adam.
The learning rate falls to zero along half a cosine.

Run it with ``python examples/digits_mlp.py --plot digits.png``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture

import minigrad as mg
from minigrad import nn


@dataclass
class Digits:
    """Images as (examples, 1, 8, 8), from 0 to 1 less their mean, and what they show."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def digits(share: float = 1.0) -> Digits:
    """The data, split always alike; ``share`` of the training examples."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise ImportError("the digits come with scikit-learn: pip install scikit-learn") from None
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    a, b, ya, yb = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    kept = int(share * len(a))
    mean = a.mean()
    return Digits(a[:kept] - mean, ya[:kept], b - mean, yb)


def perceptron(hidden: int, dropout: float, rng: np.random.Generator) -> nn.Sequential:
    """64 pixels, a layer of ``hidden`` units, 10 scores."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, hidden, rng=rng, dtype=np.float32),
        nn.ReLU(),
        nn.Dropout(dropout, rng),
        nn.Linear(hidden, 10, rng=rng, dtype=np.float32),
    )


def predict(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """The digit of the largest score."""
    model.eval()
    with mg.no_grad():
        scores = model(x)
    model.train()
    return np.argmax(scores.data, axis=1)


def train(
    model: nn.Module,
    data: Digits,
    epochs: int,
    batch_size: int,
    lr: float,
    rng: np.random.Generator,
    report: Any = print,
) -> list[tuple[float, float]]:
    """Train; the mean loss and the test accuracy after each epoch."""
    n = len(data.train_x)
    steps = epochs * -(-n // batch_size)
    optimiser = mg.optim.Adam(model.parameters(), lr=mg.optim.cosine(lr, steps))
    curve = []
    for epoch in range(1, epochs + 1):
        losses = []
        for batch in np.split(rng.permutation(n), range(batch_size, n, batch_size)):
            loss = mg.losses.cross_entropy(model(data.train_x[batch]), data.train_y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        accuracy = float(np.mean(predict(model, data.test_x) == data.test_y))
        curve.append((float(np.mean(losses)), accuracy))
        if epoch % max(1, epochs // 10) == 0 or epoch == epochs:
            report(f"epoch {epoch:4}   loss {curve[-1][0]:.4f}   test accuracy {accuracy:.2%}")
    return curve


def draw(model: nn.Module, data: Digits, curve: list[tuple[float, float]], path: str) -> None:
    """Loss and accuracy by epoch, and test images, those that were misread first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    ax = left.subplots()
    ax.semilogy([loss for loss, _ in curve], label="training loss")
    ax.semilogy([1 - accuracy for _, accuracy in curve], label="test error")
    ax.set(xlabel="epoch")
    ax.grid(alpha=0.3)
    ax.legend()
    found = predict(model, data.test_x)
    order = np.argsort(found == data.test_y, kind="stable")
    for ax, i in zip(right.subplots(3, 4).flat, order):
        ax.imshow(data.test_x[i, 0], cmap="gray_r")
        ax.set_axis_off()
        wrong = found[i] != data.test_y[i]
        title = f"{found[i]}, not {data.test_y[i]}" if wrong else str(found[i])
        ax.set_title(title, color="tab:red" if wrong else "black", fontsize=9)
    figure.savefig(path, dpi=120)


def options_of(
    doc: str, epochs: int, lr: float, arguments: Sequence[str] | None, width: str, **more: Any
) -> argparse.Namespace:
    """The command line that both examples of digits share; ``more`` is what differs."""
    parser = argparse.ArgumentParser(
        description=doc.split("\n\n")[0], epilog="Defaults are in parentheses."
    )
    positive, share = number(1, kind=int), number(0, 1)
    defaults: dict[str, tuple[Any, Any]] = {
        "epochs": (positive, epochs),
        "batch-size": (number(2, kind=int), 64),
        "lr": (number(0, open_=True), lr),
        width: (positive, more[width]),
        "dropout": (share, more["dropout"]),
        "seed": (number(0, kind=int), 0),
    }
    for key, (kind, value) in defaults.items():
        parser.add_argument(f"--{key}", type=kind, default=value, metavar="N", help=f"({value:g})")
    parser.add_argument("--save", metavar="PATH", help="keep the model in this .npz file")
    parser.add_argument("--plot", metavar="PATH", help="draw the training to this file")
    return parser.parse_args(arguments)


def run(model: nn.Module, options: argparse.Namespace, rng: np.random.Generator) -> float:
    """Train as the command line says, print, save and draw; the test accuracy."""
    try:
        data = digits()
    except ImportError as error:
        sys.exit(str(error))
    print(model, "\n")
    start = time.perf_counter()
    curve = train(model, data, options.epochs, options.batch_size, options.lr, rng)
    print(f"\n{time.perf_counter() - start:.1f} s; test accuracy {curve[-1][1]:.2%}")
    if options.save:
        mg.save(options.save, model.state_dict())
    if options.plot:
        picture(lambda: draw(model, data, curve, options.plot), options.plot)
    return curve[-1][1]


def main(arguments: Sequence[str] | None = None) -> float:
    """Train and test the network."""
    options = options_of(__doc__ or "", 60, 4e-3, arguments, "hidden", hidden=128, dropout=0.2)
    rng = np.random.default_rng(options.seed)
    return run(perceptron(options.hidden, options.dropout, rng), options, rng)


if __name__ == "__main__":
    main()
