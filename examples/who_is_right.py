"""Who is right: is ``X.T @ error`` the gradient of a sigmoid classifier?

"Gradient Descent with Python" (Adrian Rosebrock, PyImageSearch) fits p = σ(X W) by the
loss Σ (p − y)² and steps along ``X.T @ (error * p * (1 - p))``, error = p − y.  Its readers
dispute whether that or ``X.T @ error`` is the gradient, and of which loss.  The checker is
given each claim as a derivation by hand, and says.

Run it with ``python examples/who_is_right.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

import minigrad as mg


def points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two clouds of points with a column of ones, their labels, and weights to start from."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0.0, 1.0], [n - n // 2, n // 2])[:, None]
    clouds = rng.normal(size=(n, 2)) * 1.5 + np.where(y == 0, -2.0, 2.0)
    return np.column_stack([clouds, np.ones(n)]), y, rng.normal(size=(3, 1))


def dispute(n: int = 500, seed: int = 1) -> list[tuple[str, mg.derivation.Report]]:
    """Every claim with its grade."""
    X, y, start = points(n, seed)
    W = mg.Tensor(start, requires_grad=True)
    p = mg.sigmoid(X @ W)
    squares = np.sum((p - y) ** 2)
    entropy = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    half = 0.5 * squares

    prediction = p.data
    error = prediction - y
    slope = prediction * (1 - prediction)
    readers, tutorial = X.T @ error, X.T @ (error * slope)
    return [
        (
            "The readers: X.T @ error, for Σ (p − y)²",
            mg.check_derivation(squares, {"dsquares/dp": 2 * error, "dsquares/dW": readers}),
        ),
        (
            "The tutorial: X.T @ (error * p * (1 - p)), for Σ (p − y)²",
            mg.check_derivation(squares, {"dsquares/dW": tutorial}),
        ),
        (
            "The tutorial's, for ½ Σ (p − y)²",
            mg.check_derivation(half, {"dhalf/dW": tutorial}),
        ),
        (
            "The readers', for the cross-entropy −Σ (y log p + (1 − y) log(1 − p))",
            mg.check_derivation(entropy, {"dentropy/dW": readers}),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the claims, each with its grade, and what follows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the points")
    options = parser.parse_args(arguments)
    for claim, report in dispute(seed=options.seed):
        print(f"{claim}\n\n{report}\n")
    print(
        "X.T @ error is the gradient of the logistic loss (the cross-entropy), where σ' cancels.\n"
        "For the loss that the tutorial prints, σ' = p (1 − p) belongs in it, as in the\n"
        "tutorial's code, which leaves out a factor 2: a learning rate α there is α/2 here."
    )


if __name__ == "__main__":
    main()
