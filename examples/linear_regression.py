"""Linear regression by batch gradient descent on scikit-learn's diabetes data.

The hypothesis, loss and update of Chris McCormick, "Gradient Descent Derivation"
(4 March 2014), for several features::

    h = θ₀ + x·θ        J = 1/(2m) Σ (h − y)²        θ := θ − α ∂J/∂θ

minigrad computes every gradient; its closed form, (1/m) Σ (h − y) for θ₀ and
(1/m) Xᵀ(h − y) for θ, is computed beside it, and the parameters that descent ends at are
held against the least-squares solution, which needs no descent.

Run it with ``python examples/linear_regression.py``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg

Parameters = dict[str, Any]


# --- the data --------------------------------------------------------------------------


def diabetes() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features (442, 10), each of mean 0 and standard deviation 1; targets; feature names.

    Raises
    ------
    ImportError
        When scikit-learn, which ships the data, is not installed.
    """
    try:
        from sklearn.datasets import load_diabetes
    except ImportError as error:
        raise ImportError(
            "the diabetes data ship with scikit-learn, which is not installed: "
            'pip install -e ".[test]", or pip install scikit-learn'
        ) from error
    data = load_diabetes()
    features = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return features, data.target, list(data.feature_names)


# --- the model -------------------------------------------------------------------------


def hypothesis(p: Parameters, features: Any) -> Any:
    """``h = θ₀ + x·θ`` for every example."""
    return p["theta0"] + features @ p["theta"]


def half_mse(p: Parameters, features: Any, targets: Any) -> Any:
    """``J = 1/(2m) Σ (h − y)²``."""
    return 0.5 * np.mean((hypothesis(p, features) - targets) ** 2)


def gradient_by_hand(p: Parameters, features: Any, targets: Any) -> Parameters:
    """``(1/m) Σ (h − y)`` and ``(1/m) Xᵀ(h − y)``."""
    e = hypothesis(p, features) - targets
    return {"theta0": e.sum() / e.size, "theta": features.T @ e / e.size}


def least_squares(features: Any, targets: Any) -> Parameters:
    """The parameters of least loss, the solution of the normal equations."""
    design = np.column_stack([np.ones(len(features)), features])
    solution = np.linalg.lstsq(design, targets)[0]
    return {"theta0": solution[0], "theta": solution[1:]}


def r_squared(p: Parameters, features: Any, targets: Any) -> float:
    """Share of the targets' variance that the hypothesis explains."""
    e = hypothesis(p, features) - targets
    return float(1 - np.sum(e**2) / np.sum((targets - targets.mean()) ** 2))


def distance(p: Parameters, q: Parameters) -> float:
    """Largest difference between two sets of parameters, or two gradients."""
    return max(float(np.max(np.abs(p[key] - q[key]))) for key in p)


# --- the descent -----------------------------------------------------------------------


@dataclass
class Fit:
    """What gradient descent found.

    Attributes
    ----------
    parameters : dict
        ``theta0``, a number, and ``theta``, one number per feature.
    losses : list of float
        Before every step, and after the last.
    difference : float
        Largest difference between minigrad's gradient and the closed form, of all steps.
    """

    parameters: Parameters
    losses: list[float]
    difference: float


def descend(
    features: Any,
    targets: Any,
    alpha: float = 0.4,
    epochs: int = 10_000,
    report: Callable[[int, float, Parameters, float], None] | None = None,
) -> Fit:
    """Batch gradient descent from zero, all parameters updated together.

    ``report`` is called with the state before every step and after the last.

    Raises
    ------
    ArithmeticError
        When the loss grows beyond its first value: ``alpha`` is too large.
    """
    value_and_gradient = mg.value_and_grad(half_mse)
    p: Parameters = {"theta0": 0.0, "theta": np.zeros(features.shape[1])}
    losses: list[float] = []
    difference = 0.0
    for epoch in range(epochs + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # a loss without bounds is told below
            loss, gradient = value_and_gradient(p, features, targets)
        losses.append(float(loss))
        if not losses[-1] <= losses[0]:
            raise ArithmeticError(
                f"the loss grew from {losses[0]:.6g} to {losses[-1]:.6g} in {epoch} steps: "
                f"a learning rate of {alpha:g} is too large"
            )
        difference = max(difference, distance(gradient, gradient_by_hand(p, features, targets)))
        if report:
            report(epoch, losses[-1], p, difference)
        if epoch < epochs:
            p = {key: p[key] - alpha * gradient[key] for key in p}
    return Fit(p, losses, difference)


# --- the command -----------------------------------------------------------------------


def positive_number(text: str) -> float:
    """The argument of ``--alpha``."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def positive_count(text: str) -> int:
    """The argument of ``--epochs``."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print the progress, and compare with the normal equations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--epochs", type=positive_count, default=10_000, metavar="N", help="steps (default 10000)"
    )
    parser.add_argument(
        "--alpha",
        type=positive_number,
        default=0.4,
        metavar="RATE",
        help="learning rate (default 0.4)",
    )
    options = parser.parse_args(arguments)
    try:
        features, targets, names = diabetes()
    except ImportError as error:
        sys.exit(f"linear_regression: {error}")

    m, n = features.shape
    print(f"diabetes: {m} examples, {n} features, standardised; α = {options.alpha:g}\n")
    print(f"{'epoch':>8}  {'J = half MSE':>13}  {'R²':>8}  largest gradient difference so far")
    shown = {
        0,
        1,
        10,
        100,
        *range(0, options.epochs, max(1000, options.epochs // 10)),
        options.epochs,
    }

    def report(epoch: int, loss: float, p: Parameters, difference: float) -> None:
        if epoch in shown:
            r2 = r_squared(p, features, targets)
            print(f"{epoch:8}  {loss:13.6f}  {r2:8.5f}  {difference:.1e}", flush=True)

    try:
        fit = descend(features, targets, options.alpha, options.epochs, report)
    except ArithmeticError as error:
        sys.exit(f"linear_regression: {error}; choose a smaller --alpha")

    best = least_squares(features, targets)
    print(f"\n{'parameter':>9}  {'descent':>12}  {'normal eq.':>12}  {'difference':>10}")
    found = [fit.parameters["theta0"], *fit.parameters["theta"]]
    exact = [best["theta0"], *best["theta"]]
    for name, ours, theirs in zip(["θ₀", *names], found, exact):
        print(f"{name:>9}  {ours:12.6f}  {theirs:12.6f}  {ours - theirs:+10.1e}")
    print(
        f"\nGradients: minigrad and closed form differ by at most {fit.difference:.1e}."
        f"\nParameters: descent and normal equations by {distance(fit.parameters, best):.1e}."
        f"\nR²: {r_squared(fit.parameters, features, targets):.6f}"
        f" (normal equations {r_squared(best, features, targets):.6f})"
    )


if __name__ == "__main__":
    main()
