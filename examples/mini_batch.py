"""Vanilla, stochastic, momentum and Nesterov: four gradient descents on the same two blobs.

The points, the model and the loss Σ e² are those of ``gradient_descent_classifier.py``.
All four start from the same W with the same α.  Vanilla descent makes one step per epoch,
on the whole batch; stochastic descent makes many, each on the few examples of a
mini-batch, and so with more noise; momentum keeps going where the steps agree;
Nesterov's looks ahead before it does.  The last two are on mini-batches as well.

Run it with ``python examples/mini_batch.py --plot methods.png``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gradient_descent_classifier import Blobs, blobs, first_weights, model, number, picture, predict

from minigrad.optim import Batches, Epochs, Progress, minimize


@dataclass
class Run:
    """One method: the loss of all training points after every epoch, the first before any."""

    name: str
    losses: list[float]
    weights: np.ndarray
    accuracy: float

    def epochs_until(self, loss: float) -> int | None:
        """The first epoch after which the loss is below ``loss``."""
        return next((epoch for epoch, found in enumerate(self.losses) if found < loss), None)


def methods(momentum: float) -> dict[str, dict[str, Any]]:
    """What each method is: the share of the examples in a batch, and the kind of momentum."""
    return {
        "vanilla": {"whole": True},
        "stochastic": {},
        "momentum": {"momentum": momentum},
        "Nesterov": {"momentum": momentum, "nesterov": True},
    }


def compare(
    data: Blobs, epochs: int, alpha: float, batch_size: int, momentum: float, seed: int
) -> list[Run]:
    """Run the four methods from the same W, on batches shuffled alike."""
    m = model("sse", "sigmoid", alpha)
    runs = []
    for name, options in methods(momentum).items():
        whole = options.pop("whole", False)
        size = len(data.train_x) if whole else batch_size
        w = first_weights(seed)
        losses = [float(m.loss(w, data.train_x, data.train_y))]

        def watch(p: Progress, losses: list[float] = losses) -> None:
            losses.append(float(m.loss(p.x, data.train_x, data.train_y)))

        w, _ = minimize(
            m.loss,
            w,
            m.rate,
            batches=Batches(data.train_x, data.train_y, size=size, rng=seed),
            stop=[watch, Epochs(epochs)],
            progress=False,
            **options,
        )
        accuracy = float(np.mean(predict(w, data.test_x) == data.test_y))
        runs.append(Run(name, losses, w, accuracy))
    return runs


def draw(runs: list[Run], path: str) -> None:
    """The loss of every method by epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    ax = figure.subplots()
    for run, style in zip(runs, ["-", "-", "-", "--"]):
        ax.plot(run.losses, style, linewidth=1.6, label=run.name)
    ax.set(yscale="log", xlabel="epoch", ylabel="Σ e² of all training points")
    ax.set_title("The same start, the same α")
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print a table, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog="Defaults are in parentheses."
    )
    add = parser.add_argument
    add(
        "--epochs",
        type=number(1, kind=int),
        default=50,
        metavar="N",
        help="passes over the points (50)",
    )
    add(
        "--alpha",
        type=number(0, open_=True),
        default=0.01,
        metavar="RATE",
        help="learning rate (0.01)",
    )
    add(
        "--batch-size",
        type=number(1, kind=int),
        default=32,
        metavar="N",
        help="points per step (32)",
    )
    add(
        "--momentum",
        type=number(0, 1, open_=True),
        default=0.9,
        metavar="MU",
        help="of the last two (0.9)",
    )
    add(
        "--seed",
        type=number(0, kind=int),
        default=19,
        metavar="N",
        help="of W and the batches (19)",
    )
    add("--plot", metavar="PATH", help="draw the losses to this file")
    options = parser.parse_args(arguments)
    try:
        data = blobs()
    except ImportError as error:
        sys.exit(f"mini_batch: {error}")
    runs = compare(
        data, options.epochs, options.alpha, options.batch_size, options.momentum, options.seed
    )
    print(f"α = {options.alpha:g}, batches of {options.batch_size}, μ = {options.momentum:g}\n")
    print("method        loss: at first      epoch 1    last epoch   below 1 after   test accuracy")
    for run in runs:
        until = run.epochs_until(1.0)
        below = f"{until} epochs" if until else "-"
        print(
            f"{run.name:12}  {run.losses[0]:14.4f}  {run.losses[1]:11.4f}  {run.losses[-1]:12.6f}"
            f"  {below:>14}  {run.accuracy:14.1%}"
        )
    if options.plot:
        picture(lambda: draw(runs, options.plot), options.plot)


if __name__ == "__main__":
    main()
