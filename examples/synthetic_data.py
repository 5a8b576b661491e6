"""Synthetic data: what it is worth, and what it loses.

Two generators are fitted to the measurements of 569 tumours that ship with scikit-learn
(W. Wolberg et al., 1995), class by class: a Gaussian copula by maximum likelihood, and a small
variational autoencoder (D. Kingma and M. Welling, 2014).  A classifier is trained on real
rows alone, on synthetic ones alone, and on both, and tested on real rows kept back.  Synthetic
data is said to lack diversity; here that is measured: how much of the real data is covered,
how many rows are near copies, and how near the nearest real row is (a question of privacy).

Run it with ``python examples/synthetic_data.py --plot synthetic.png``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture
from workbench import keep_state, restored, settings

import minigrad as mg

Array = np.ndarray


@dataclass
class Data:
    """Standardised measurements and labels: rows for training and rows kept back."""

    x: Array
    y: Array
    test_x: Array
    test_y: Array


def tumours(seed: int) -> Data:
    """Half of the rows for training, the same share of both classes."""
    try:
        from sklearn.datasets import load_breast_cancer
        from sklearn.model_selection import train_test_split
    except ImportError:
        sys.exit("the data comes with scikit-learn: pip install scikit-learn")
    x, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(x, y, test_size=0.5, random_state=seed, stratify=y)
    mean, spread = a.mean(axis=0), a.std(axis=0)
    return Data((a - mean) / spread, ya, (b - mean) / spread, yb)


def descend(loss: Callable[..., Any], p: Any, batches: Any, lr: float) -> tuple[Any, list[float]]:
    """Adam over the batches, by a compiled step; parameters and losses."""
    step = mg.compile(mg.value_and_grad(loss))
    tensors = {k: mg.Tensor(v, requires_grad=True) for k, v in p.items()}
    optimiser = mg.optim.Adam(list(tensors.values()), lr=lr)
    losses = []
    for batch in batches:
        value, g = step({k: t.data for k, t in tensors.items()}, *batch)
        for k, t in tensors.items():
            t.grad = g[k]
        optimiser.step()
        losses.append(float(value))
    return {k: t.data for k, t in tensors.items()}, losses


# --- a Gaussian copula -----------------------------------------------------------------


def normal_scores(x: Array) -> Array:
    """Each column's ranks as quantiles of a normal distribution."""
    from scipy.stats import norm

    ranks = x.argsort(axis=0).argsort(axis=0)
    return np.asarray(norm.ppf((ranks + 0.5) / len(x)))


def copula_loss(p: Any, z: Any) -> Any:
    """``½ mean |L⁻¹ z|² + Σ log L_ii``, the negative log-likelihood of ``z ~ N(0, L Lᵀ)``.

    ``A = L⁻¹`` is what is learned: lower triangular, with ``exp(d)`` on its diagonal.
    """
    d = p["d"]
    a = np.tril(p["A"], -1) + np.exp(d)[:, None] * np.eye(len(d))
    return 0.5 * ((z @ a.T) ** 2).sum(axis=1).mean() - d.sum()


def copula(x: Array, steps: int, rng: np.random.Generator) -> Callable[[int], Array]:
    """A generator of rows like ``x``: correlated normals, each column with its own quantiles."""
    from scipy.stats import norm

    z = normal_scores(x)
    n = x.shape[1]
    start = {"A": np.zeros((n, n)), "d": np.zeros(n)}
    p, _ = descend(copula_loss, start, [(z,)] * steps, 0.03)
    a = np.tril(p["A"], -1) + np.diag(np.exp(p["d"]))
    columns = np.sort(x, axis=0)

    def draw(m: int) -> Array:
        drawn = np.linalg.solve(a, rng.standard_normal((n, m))).T
        u = norm.cdf(drawn / np.sqrt(np.diag(np.linalg.inv(a.T @ a)))) * (len(x) - 1)
        return np.column_stack(
            [np.interp(u[:, j], np.arange(len(x)), columns[:, j]) for j in range(n)]
        )

    return draw


# --- a variational autoencoder ---------------------------------------------------------


def layers(sizes: Sequence[int], name: str, rng: np.random.Generator) -> dict[str, Array]:
    p = {}
    for i, (n, m) in enumerate(pairwise(sizes)):
        p[f"{name}W{i}"] = rng.standard_normal((n, m)) / np.sqrt(n)
        p[f"{name}b{i}"] = np.zeros(m)
    return p


def two(p: Any, name: str, x: Any) -> Any:
    """Two layers of a network."""
    h = np.tanh(x @ p[f"{name}W0"] + p[f"{name}b0"])
    return h @ p[f"{name}W1"] + p[f"{name}b1"]


def vae_loss(p: Any, x: Any, noise: Any) -> Any:
    """``−E log p(x|z) + KL(q(z|x) ‖ N(0, 1))``, one draw ``z = μ + σ ε`` a row."""
    found = two(p, "e", x)
    k = noise.shape[1]
    mean, log_spread = found[:, :k], found[:, k:]
    z = mean + np.exp(log_spread) * noise
    error = (x - two(p, "d", z)) * np.exp(-p["s"])
    likelihood = (0.5 * error**2 + p["s"]).sum(axis=1)
    divergence = (0.5 * (mean**2 + np.exp(2 * log_spread) - 1) - log_spread).sum(axis=1)
    return (likelihood + divergence).mean()


def autoencoder(
    x: Array, steps: int, rng: np.random.Generator, hidden: int = 32, latent: int = 6
) -> Callable[[int], Array]:
    """A generator of rows like ``x``: the decoder of a draw, and the noise that was learned."""
    n = x.shape[1]
    p = {
        **layers((n, hidden, 2 * latent), "e", rng), **layers((latent, hidden, n), "d", rng),
        "s": np.zeros(n),
    }  # fmt: skip
    batches = (
        (x[rng.integers(0, len(x), 64)], rng.standard_normal((64, latent))) for _ in range(steps)
    )
    p, _ = descend(vae_loss, p, batches, 3e-3)

    def draw(m: int) -> Array:
        z = rng.standard_normal((m, latent))
        return np.asarray(two(p, "d", z) + np.exp(p["s"]) * rng.standard_normal((m, n)))

    return draw


GENERATORS: dict[str, Any] = {"copula": copula, "autoencoder": autoencoder}


def synthetic(name: str, data: Data, steps: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """As many rows as there are real ones, of each class."""
    parts = []
    for label in (0, 1):
        x = data.x[data.y == label]
        parts.append((GENERATORS[name](x, steps, rng)(len(x)), np.full(len(x), label)))
    return np.vstack([x for x, _ in parts]), np.concatenate([y for _, y in parts])


# --- what it is worth ------------------------------------------------------------------


def logistic_loss(p: Any, x: Any, y: Any) -> Any:
    """``mean softplus((1 − 2y) z) + |w|² / 200``."""
    z = x @ p["w"] + p["b"]
    return mg.softplus((1 - 2 * y) * z).mean() + 0.005 * (p["w"] ** 2).sum()


def accuracy(x: Array, y: Array, data: Data) -> float:
    """That of a logistic regression trained on the rows, on what was kept back."""
    start = {"w": np.zeros(x.shape[1]), "b": np.zeros(())}
    p, _ = descend(logistic_loss, start, [(x, y.astype(float))] * 200, 0.05)
    return float(np.mean((data.test_x @ p["w"] + p["b"] > 0) == data.test_y))


# --- what it loses ---------------------------------------------------------------------


def distances(a: Array, b: Array) -> Array:
    """All distances of rows."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


@dataclass
class Diversity:
    """How synthetic rows lie among real ones.

    Attributes
    ----------
    coverage : float
        Share of the real rows with a synthetic one nearer than their fifth real neighbour
        (M. Naeem et al., 2020).
    density : float
        Mean number of such neighbourhoods around a synthetic row, over five.
    copies : float
        Share of the synthetic rows nearer to a training row than nine tenths of all real
        rows are to their nearest: near duplicates.
    privacy : float
        The median distance to the nearest training row, over that of real rows kept back: 1
        tells nobody who was in the data, far less is a leak.
    spread : float
        Total variance, over that of the real rows.
    """

    coverage: float
    density: float
    copies: float
    privacy: float
    spread: float


def diversity(real: Array, other: Array, kept: Array) -> Diversity:
    """What `Diversity` says of the rows ``other``; ``kept`` are real rows kept back."""
    within = distances(real, real)
    np.fill_diagonal(within, np.inf)
    radius = np.sort(within, axis=1)[:, 4]
    between = distances(other, real)
    nearest = between.min(axis=1)
    return Diversity(
        coverage=float(np.mean(between.min(axis=0) < radius)),
        density=float((between < radius).sum(axis=1).mean() / 5),
        copies=float(np.mean(nearest < np.quantile(within.min(axis=1), 0.1))),
        privacy=float(np.median(nearest) / np.median(distances(kept, real).min(axis=1))),
        spread=float(other.var(axis=0).sum() / real.var(axis=0).sum()),
    )


# --- all of it -------------------------------------------------------------------------


def once(seed: int, steps: int) -> tuple[dict[str, float], dict[str, Diversity], Any]:
    """Accuracies and diversities for one split, and the rows themselves."""
    data = tumours(seed)
    rng = np.random.default_rng(seed)
    scores = {"real": accuracy(data.x, data.y, data)}
    lost = {"real, kept back": diversity(data.x, data.test_x, data.test_x)}
    rows = {}
    for name in GENERATORS:
        x, y = rows[name] = synthetic(name, data, steps, rng)
        scores[name] = accuracy(x, y, data)
        both = np.vstack([data.x, x]), np.concatenate([data.y, y])
        scores[f"real and {name}"] = accuracy(*both, data)
        lost[name] = diversity(data.x, x, data.test_x)
    copied = data.x[rng.integers(0, len(data.x), len(data.x))]
    lost["copies with noise"] = diversity(
        data.x, copied + 0.05 * rng.standard_normal(copied.shape), data.test_x
    )
    return scores, lost, (data, rows)


def draw(found: Any, path: str) -> None:
    """Real and synthetic rows in the plane of the real ones' principal axes."""
    from matplotlib.figure import Figure

    data, rows = found
    axes = np.linalg.svd(data.x - data.x.mean(axis=0), full_matrices=False)[2][:2].T
    figure = Figure(figsize=(11, 4), layout="constrained")
    shown = {"real": (data.x, data.y), **rows}
    for ax, (name, (x, y)) in zip(figure.subplots(1, 3, sharex=True, sharey=True), shown.items()):
        at = x @ axes
        for label, (kind, colour) in enumerate([("malignant", "tab:red"), ("benign", "tab:blue")]):
            ax.scatter(*at[y == label].T, color=colour, s=8, alpha=0.6, label=kind)
        ax.set(title=name, xlabel="first principal axis")
    figure.axes[0].set_ylabel("second principal axis")
    figure.axes[0].legend()
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Generate, train, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    whole = number(1, kind=int)
    parser.add_argument("--steps", type=whole, default=600, help="of each generator (600)")
    parser.add_argument("--repeats", type=whole, default=3, help="splits of the data (3)")
    parser.add_argument("--seed", type=number(0, kind=int), default=0, help="(0)")
    parser.add_argument("--checkpoint", metavar="PATH", help="keep each split, or go on from there")
    parser.add_argument("--plot", metavar="PATH", help="draw to this file")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    kept: dict[str, Any] = {"scores": [], "lost": []}
    own = settings(options, "steps seed", "synthetic_data")
    kept = restored(options.checkpoint, own) or kept
    rows = None
    for i in range(len(kept["scores"]), options.repeats):
        scores, lost, rows = once(options.seed + i, options.steps)
        kept["scores"].append(scores)
        kept["lost"].append({name: vars(d) for name, d in lost.items()})
        took = time.perf_counter() - start
        print(f"split {i + 1} of {options.repeats}: {took:.0f} s", file=sys.stderr)
        keep_state(options.checkpoint, own, kept)
    print("\ntrained on              accuracy on real rows")
    for name in kept["scores"][0]:
        each = np.array([s[name] for s in kept["scores"]])
        print(f"{name:22}  {each.mean():.2%} ± {each.std():.2%}")
    keys = list(kept["lost"][0]["copula"])
    print("\nrows               " + "".join(f"{k:>10}" for k in keys))
    for name in kept["lost"][0]:
        means = [np.mean([d[name][k] for d in kept["lost"]]) for k in keys]
        print(f"{name:19}" + "".join(f"{v:10.3f}" for v in means))
    if options.plot:
        rows = rows or once(options.seed, options.steps)[2]
        picture(lambda: draw(rows, options.plot), options.plot)
    return kept["scores"][0], kept["lost"][0]


if __name__ == "__main__":
    main()
