"""Handwritten digits, read by a small convolutional network.

The data and the training are those of ``digits_mlp.py``.  Two convolutions, each followed
by batch normalisation and ReLU, look at 3×3 pixels; pooling halves the image; one linear
layer makes scores of what is left.

Run it with ``python examples/digits_cnn.py --plot digits.png``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from digits_mlp import options_of, run

from minigrad import nn


def network(channels: int, dropout: float, rng: np.random.Generator) -> nn.Sequential:
    """From (batch, 1, 8, 8) to (batch, 10)."""
    single: dict[str, Any] = {"dtype": np.float32}
    drawn: dict[str, Any] = {"rng": rng, **single}
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1, **drawn),
        nn.BatchNorm2d(channels, **single),
        nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, padding=1, **drawn),
        nn.BatchNorm2d(2 * channels, **single),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout, rng),
        nn.Linear(2 * channels * 16, 10, **drawn),
    )


def main(arguments: Sequence[str] | None = None) -> float:
    """Train and test the network."""
    options = options_of(__doc__ or "", 15, 2e-3, arguments, "channels", channels=16, dropout=0.3)
    rng = np.random.default_rng(options.seed)
    return run(network(options.channels, options.dropout, rng), options, rng)


if __name__ == "__main__":
    main()
