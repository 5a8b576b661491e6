"""Gradient descent by hand and by minigrad: the publication's figures, row by row.

The figures are those of Chris McCormick, "Gradient Descent Derivation" (4 March 2014):
J(θ) = θ² from θ = 3 with α = 0.1; a learning rate of 2; two parameters; the update
rules of linear regression; and why an outlier among many has little say.

Run it with ``python examples/gradient_descent.py``, or one part with ``--only square``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.optim import Divergence, History, minimize

# --- J(θ) = θ² -------------------------------------------------------------------------

PUBLISHED = [
    ("3", "0.6"),
    ("2.4", "0.48"),
    ("1.92", "0.384"),
    ("1.536", "0.307"),
    ("1.229", "0.246"),
    ("0.983", "0.197"),
    ("0.786", "0.157"),
    ("0.629", "0.126"),
    ("0.503", "0.101"),
    ("0.403", "0.081"),
]
"""θ and α·dJ/dθ in each of ten iterations, as printed."""


def square(theta: Any) -> Any:
    """``J(θ) = θ²``, with ``dJ/dθ = 2θ``."""
    return theta**2


def descend_square(alpha: float = 0.1, steps: int = 10) -> tuple[Any, History]:
    """Descend J(θ) = θ² from θ = 3; stops where it diverges."""
    return minimize(square, 3.0, alpha, steps, stop=Divergence(), progress=False)


def as_printed(value: float) -> str:
    """Rounded as the publication rounds: three decimals, no zeros behind."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def part_square() -> None:
    """The table of the publication, beside minigrad's."""
    theta, history = descend_square()
    print("J(θ) = θ², dJ/dθ = 2θ, α = 0.1\n")
    print("iteration         θ   printed     α·dJ/dθ   printed")
    for row, (place, step) in zip(history, PUBLISHED):
        print(f"{row.iteration:9}  {row.theta:8.6f}  {place:>8}    {row.update:8.6f}  {step:>8}")
    agree = all(
        (as_printed(row.theta), as_printed(row.update)) == printed
        for row, printed in zip(history, PUBLISHED)
    )
    print(f"\nall ten rows agree to the digits printed: {'yes' if agree else 'NO'}")
    print(f"after ten steps θ = {theta:.6f} = 3 · 0.8¹⁰")


def part_divergence() -> None:
    """A learning rate of 2."""
    _, history = descend_square(alpha=2.0)
    print("J(θ) = θ², α = 2: every step leads to −3θ, away from the minimum\n")
    print(history.table())
    print(f"\n{history.reason}")


# --- two parameters --------------------------------------------------------------------


def squares(p: Any) -> Any:
    """``J = θ₁² + θ₂²``."""
    return p["θ₁"] ** 2 + p["θ₂"] ** 2


def coupled(p: Any) -> Any:
    """``J = (θ₁ + θ₂ − 3)²``, where each derivative depends on both parameters."""
    return (p["θ₁"] + p["θ₂"] - 3) ** 2


def in_turn(f: Callable[[Any], Any], p: dict[str, float], alpha: float) -> dict[str, float]:
    """One step in which every parameter already sees the new values before it: a mistake."""
    p = dict(p)
    for key in p:
        p[key] = p[key] - alpha * mg.grad(f)(p)[key]
    return p


def part_together() -> None:
    """Both parameters at once, and one after the other."""
    begin = {"θ₁": 3.0, "θ₂": -2.0}
    p, history = minimize(squares, begin, 0.1, 10, progress=False)
    print("J = θ₁² + θ₂², α = 0.1, both updated at once\n")
    print(history.table(format=".4f"))
    print(f"\nafter ten steps θ₁ = {p['θ₁']:.4f}, θ₂ = {p['θ₂']:.4f}")

    zero = {"θ₁": 0.0, "θ₂": 0.0}
    print("\nOne after the other would do no harm there: ∂J/∂θ₂ = 2θ₂ does not ask for θ₁.")
    print("In J = (θ₁ + θ₂ − 3)², from (0, 0) with α = 0.25, it does:\n")
    together = minimize(coupled, zero, 0.25, 1, progress=False)[0]
    print("                          θ₁      θ₂       J")
    for name, q in [("at once", together), ("one after the other", in_turn(coupled, zero, 0.25))]:
        print(f"{name:19}  {q['θ₁']:7.4f} {q['θ₂']:7.4f} {coupled(q):7.4f}")
    print("\nThe derivatives of both are equal at (0, 0), and so are the steps that are made at")
    print("once: they end in the minimum.  The second of two in turn is a gradient of elsewhere.")


# --- linear regression -----------------------------------------------------------------


def line(m: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around ``y = 1 + 2x``."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, m)
    return x, 1 + 2 * x + rng.normal(0, 0.2, m)


def hypothesis(p: Any, x: Any) -> Any:
    """``h(x) = θ₀ + θ₁ x``."""
    return p["θ₀"] + p["θ₁"] * x


def mse(p: Any, x: Any, y: Any) -> Any:
    """``J = (1/m) Σ (h − y)²``."""
    return mg.losses.mse(hypothesis(p, x), y)


def half_mse(p: Any, x: Any, y: Any) -> Any:
    """``J = (1/2m) Σ (h − y)²``."""
    return mg.losses.half_mse(hypothesis(p, x), y)


def mse_rules(p: Any, x: Any, y: Any) -> dict[str, Any]:
    """``∂J/∂θ₀ = (2/m) Σ (h − y)`` and ``∂J/∂θ₁ = (2/m) Σ (h − y) x``."""
    e = hypothesis(p, x) - y
    return {"θ₀": 2 / len(x) * np.sum(e), "θ₁": 2 / len(x) * np.sum(e * x)}


def half_mse_rules(p: Any, x: Any, y: Any) -> dict[str, Any]:
    """``∂J/∂θ₀ = (1/m) Σ (h − y)`` and ``∂J/∂θ₁ = (1/m) Σ (h − y) x``."""
    e = hypothesis(p, x) - y
    return {"θ₀": np.sum(e) / len(x), "θ₁": np.sum(e * x) / len(x)}


RULES = {"MSE": (mse, mse_rules, 0.1), "½ MSE": (half_mse, half_mse_rules, 0.2)}
"""Loss, published rules of its derivatives, and a learning rate."""


def fit(name: str, steps: int = 200) -> tuple[dict[str, Any], History, float]:
    """Descend from 0; the last is the largest difference from the published update."""
    loss, rules, alpha = RULES[name]
    x, y = line()
    p, history = minimize(
        lambda p: loss(p, x, y), {"θ₀": 0.0, "θ₁": 0.0}, alpha, steps, progress=False
    )
    difference = max(
        abs(row.update[key] - alpha * rules(row.theta, x, y)[key])
        for row in history
        for key in row.theta
    )
    return p, history, float(difference)


def part_regression() -> None:
    """The update rules of linear regression."""
    x, y = line()
    print(f"h(x) = θ₀ + θ₁ x, {len(x)} points around y = 1 + 2x, 200 steps from θ = (0, 0)\n")
    print("loss      α       θ₀        θ₁         J   largest difference from the published rules")
    for name, (_, _, alpha) in RULES.items():
        p, history, difference = fit(name)
        j = history.rows[-1].loss
        print(f"{name:5}  {alpha:4}  {p['θ₀']:.6f}  {p['θ₁']:.6f}  {j:.6f}   {difference:.1e}")
    slope, intercept = np.polyfit(x, y, 1)
    print(f"least squares {intercept:.6f}  {slope:.6f}")
    print(
        "\nHalf the loss with twice the rate makes the same steps: the ½ only tidies the formula."
    )


# --- one outlier -----------------------------------------------------------------------


def suggestions(p: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each example alone suggests to subtract from (θ₀, θ₁): (h − y) and (h − y) x.

    The gradient of the ½ MSE is their average.
    """
    e = hypothesis(p, x) - y
    return np.column_stack([e, e * x])


def with_outlier(m: int) -> tuple[np.ndarray, np.ndarray]:
    """``m`` points, the last of which lies 10 above the line at x = 1."""
    x, y = line(m)
    x[-1], y[-1] = 1.0, 13.0
    return x, y


def share(m: int) -> tuple[float, float]:
    """By how much the outlier moves θ₀ in one step, and its weight in the average."""
    x, y = with_outlier(m)
    p = {"θ₀": 1.0, "θ₁": 2.0}
    each = suggestions(p, x, y)
    average = mg.grad(half_mse)(p, x, y)
    assert np.allclose(each.mean(axis=0), [average["θ₀"], average["θ₁"]], rtol=0, atol=1e-12)
    return float(each[-1, 0] / m), float(abs(each[-1, 0]) / np.abs(each[:, 0]).sum())


def part_outlier() -> None:
    """One example among many."""
    print("One of m points lies 10 above the line; θ = (1, 2), the line itself\n")
    print("    m  its suggestion  its part of ∂J/∂θ₀  share of all suggestions")
    for m in (1, 10, 100, 1000, 10_000):
        part, weight = share(m)
        print(f"{m:5}  {part * m:14.4f}  {part:18.4f}  {weight:23.1%}")
    print("\nThe update averages one suggestion per example: among many, one has little say.")


# --- the command -----------------------------------------------------------------------

# --- the derivations -------------------------------------------------------------------


def derivations() -> list[tuple[str, mg.derivation.Report]]:
    """Every published derivative, graded; the last with a ½ forgotten, to be found."""
    θ = mg.Tensor(3.0, requires_grad=True)
    J = θ**2
    found = [("J = θ²", mg.check_derivation(J, {"dJ/dθ": 2 * θ.item()}))]

    θ1, θ2 = mg.Tensor(3.0, requires_grad=True), mg.Tensor(-2.0, requires_grad=True)
    J = θ1**2 + θ2**2
    by_hand = {"∂J/∂θ1": 2 * θ1.item(), "∂J/∂θ2": 2 * θ2.item()}
    found.append(("J = θ₁² + θ₂²", mg.check_derivation(J, by_hand)))

    x, y = line()
    m = len(x)
    θ0, θ1 = mg.Tensor(0.5, requires_grad=True), mg.Tensor(-1.0, requires_grad=True)
    h = θ0 + θ1 * x
    e = h.data - y
    J = np.sum((h - y) ** 2) / m
    by_hand = {
        "∂J/∂h": 2 / m * e,  # the sum rule, the power rule with the chain rule
        "∂h/∂θ0": np.ones(m),
        "∂J/∂θ0": 2 / m * np.sum(e),
        "∂h/∂θ1": x,
        "∂J/∂θ1": 2 / m * np.sum(e * x),
    }
    found.append(("J = (1/m) Σ (h − y)²", mg.check_derivation(J, by_hand)))
    J = np.sum((h - y) ** 2) / (2 * m)
    halved = {
        "∂J/∂h": e / m,
        "∂h/∂θ0": np.ones(m),
        "∂J/∂θ0": np.sum(e) / m,
        "∂h/∂θ1": x,
        "∂J/∂θ1": np.sum(e * x) / m,
    }
    found.append(("J = (1/2m) Σ (h − y)²", mg.check_derivation(J, halved)))
    mixed = mg.check_derivation(J, by_hand)
    found.append(("J = (1/2m) Σ (h − y)², with the derivatives of (1/m) Σ (h − y)²", mixed))
    return found


def part_derivations() -> None:
    """Each derivation with its grade."""
    for title, report in derivations():
        print(f"{title}: {report}\n")


PARTS: dict[str, Callable[[], None]] = {
    "square": part_square,
    "divergence": part_divergence,
    "together": part_together,
    "regression": part_regression,
    "outlier": part_outlier,
    "derivations": part_derivations,
}


def draw(path: str) -> None:
    """Steps on J = θ² with a small and a large rate, paths of two parameters, the fit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    for ax, alpha in zip(axes[0], (0.1, 2.0)):
        theta, history = descend_square(alpha)
        places = np.array([row.theta for row in history] + [theta] * (alpha < 1))
        reach = 1.15 * np.max(np.abs(places))
        curve = np.linspace(-reach, reach, 200)
        ax.plot(curve, square(curve), color="0.6", label="J = θ²")
        ax.plot(places, square(places), "o-", markersize=4, linewidth=1, label="steps")
        ax.set(xlabel="θ", ylabel="J", title=f"J(θ) = θ², α = {alpha:g}")
        ax.legend()

    ax = axes[1, 0]
    grid = np.linspace(-0.3, 3.3, 100)
    t1, t2 = np.meshgrid(grid, grid)
    ax.contour(t1, t2, coupled({"θ₁": t1, "θ₂": t2}), levels=12, colors="0.8", linewidths=0.8)
    ax.plot(grid, 3 - grid, "k--", linewidth=1, label="minima")
    zero = {"θ₁": 0.0, "θ₂": 0.0}
    end = minimize(coupled, zero, 0.25, 1, progress=False)[0]
    turn = in_turn(coupled, zero, 0.25)
    ax.plot([0, end["θ₁"]], [0, end["θ₂"]], "o-", label="at once")
    ax.plot([0, turn["θ₁"], turn["θ₁"]], [0, 0, turn["θ₂"]], "s-", label="one after the other")
    ax.set(xlabel="θ₁", ylabel="θ₂", title="J = (θ₁ + θ₂ − 3)², one step", aspect="equal")
    ax.legend(loc="upper right")

    ax = axes[1, 1]
    x, y = line()
    p, _, _ = fit("½ MSE")
    ends = np.array([-1.0, 1.0])
    ax.plot(x, y, "o", markersize=4, alpha=0.7, label="points")
    ax.plot(ends, hypothesis(p, ends), label=f"h = {p['θ₀']:.3f} + {p['θ₁']:.3f} x")
    ax.set(xlabel="x", ylabel="y", title="Linear regression, ½ MSE")
    ax.legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the parts asked for, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", choices=list(PARTS), help="one part (default: all)")
    parser.add_argument("--plot", metavar="PATH", help="draw the descents to this file")
    options = parser.parse_args(arguments)
    parts = [options.only] if options.only else list(PARTS)
    for i, part in enumerate(parts):
        if i:
            print(f"\n{'-' * 88}\n")
        PARTS[part]()
    if options.plot:
        try:
            draw(options.plot)
        except ImportError:
            sys.exit(
                "--plot draws with matplotlib, which is not installed: pip install 'minigrad[viz]'"
            )
        except (OSError, ValueError) as error:
            sys.exit(f"--plot {options.plot}: {error}")
        print(f"\npicture: {options.plot}")


if __name__ == "__main__":
    main()
