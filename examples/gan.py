"""Two networks play: one forges samples, the other tells them from real ones.

A generator G makes samples of noise z, a critic D gives each sample a score, high for real.
With I. Goodfellow et al., "Generative Adversarial Nets" (2014), the critic minimises

    softplus(−D(x)) + softplus(D(G(z)))

and the generator, in the non-saturating form of section 3, softplus(−D(G(z))).  The game
may go round in circles, or the generator may please the critic with a few samples only.
Two remedies are built in:

    penalty    ½ γ ‖∇D(x)‖² at real samples (L. Mescheder et al., "Which Training Methods for
               GANs do actually Converge?", 2018).  It is a loss made of a gradient: the
               step differentiates the critic twice.
    spectral   no layer of the critic stretches anything by more than 1 (T. Miyato et al.,
               "Spectral Normalization for Generative Adversarial Networks", 2018).

Samples are judged by whom they were made for: how many of the modes are covered, how many
samples lie at a mode, and the maximum mean discrepancy (A. Gretton et al., "A Kernel
Two-Sample Test", 2012) beside that of real samples.

Run it with ``python examples/gan.py --compare --plot ring.png``, or with ``--data digits``
for handwritten digits of 8×8 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import digits_mlp
import numpy as np
from gradient_descent_classifier import picture
from workbench import Run, begin, parser_of

import minigrad as mg
from minigrad import nn

REMEDIES = ("none", "spectral", "penalty")
RADIUS, SPREAD = 2.0, 0.05


# --- what is real ----------------------------------------------------------------------


@dataclass
class Data:
    """Samples to learn from, and how to tell which mode a sample belongs to.

    ``mode`` gives the number of the mode for each sample, −1 for none.
    """

    train: np.ndarray
    test: np.ndarray
    modes: int
    mode: Callable[[np.ndarray], np.ndarray]


def ring(n: int, rng: np.random.Generator) -> Data:
    """Eight Gaussians on a circle."""
    angles = 2 * np.pi * np.arange(8) / 8
    centres = RADIUS * np.stack([np.cos(angles), np.sin(angles)], 1)

    def drawn() -> np.ndarray:
        noise = SPREAD * rng.standard_normal((n, 2))
        return (centres[rng.integers(8, size=n)] + noise).astype(np.float32)

    def mode(x: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(x[:, None] - centres, axis=2)
        return np.where(distance.min(1) < 4 * SPREAD, distance.argmin(1), -1)

    return Data(drawn(), drawn(), 8, mode)


def digits(rng: np.random.Generator) -> Data:
    """Handwritten digits, told apart by a small network that is trained for it."""
    data = digits_mlp.digits()
    judge = digits_mlp.perceptron(64, 0.2, rng)
    digits_mlp.train(judge, data, 10, 64, 4e-3, rng, lambda _: None)
    shift = -data.train_x.min() - 0.5  # from images less their mean to pixels from −½ to ½

    def mode(x: np.ndarray) -> np.ndarray:
        return digits_mlp.predict(judge, (x - shift).reshape(-1, 1, 8, 8))

    flat = [x.reshape(-1, 64) + shift for x in (data.train_x, data.test_x)]
    return Data(*flat, 10, mode)


# --- the two players -------------------------------------------------------------------


def generator(noise: int, hidden: int, outputs: int, rng: np.random.Generator) -> nn.Sequential:
    """From (batch, noise) to (batch, outputs); pixels between −½ and ½, points anywhere."""
    drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
    layers = [nn.Linear(noise, hidden, **drawn), nn.ReLU(), nn.Linear(hidden, hidden, **drawn)]
    squash = [nn.Tanh(), lambda x: 0.5 * x] if outputs > 2 else []
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(hidden, outputs, **drawn), *squash)


def critic(inputs: int, hidden: int, remedy: str, rng: np.random.Generator) -> nn.Sequential:
    """From (batch, inputs) to (batch, 1): how real each one looks."""
    sizes = [inputs, hidden, hidden, 1]
    layers: list[Any] = []
    for i, o in pairwise(sizes):
        linear: nn.Module = nn.Linear(i, o, rng=rng, dtype=np.float32)
        layers += [nn.SpectralNorm(linear, rng=rng) if remedy == "spectral" else linear]
        layers += [nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def slope_penalty(D: Callable[[Any], Any], x: Any) -> Any:
    """Half the mean square of the length of ∇D, at the samples ``x``.

    The parameters of D require gradients, and so ``mg.grad`` records how it computes the slope
    (as ``mg.gradients`` does with ``create_graph``): the penalty, made of a gradient, has a
    gradient itself.
    """
    slope = mg.grad(lambda x: D(x).sum())(x)
    return 0.5 * (slope**2).sum(axis=1).mean()


class Game:
    """Both players, their optimisers, and their two steps as compiled functions."""

    def __init__(
        self,
        data: Data,
        remedy: str,
        noise: int,
        hidden: int,
        lr: float,
        gamma: float,
        rng: np.random.Generator,
        compiled: bool = True,
    ) -> None:
        size = data.train.shape[1]
        self.data, self.noise, self.rng = data, noise, rng
        G = self.G = generator(noise, hidden, size, rng)
        D = self.D = critic(size, hidden, remedy, rng)
        options: dict[str, Any] = {"lr": lr, "betas": (0.5, 0.99)}
        self.adam_G = mg.optim.Adam(G.parameters(), **options)
        self.adam_D = mg.optim.Adam(D.parameters(), **options)

        def loss_D(x: Any, z: Any) -> Any:
            loss = mg.softplus(-D(x)).mean() + mg.softplus(D(G(z))).mean()
            return loss + gamma * slope_penalty(D, x) if remedy == "penalty" else loss

        def loss_G(z: Any) -> Any:
            return mg.softplus(-D(G(z))).mean()

        steps = [nn.value_and_grad(D, loss_D), nn.value_and_grad(G, loss_G)]
        self.step_D, self.step_G = map(mg.compile, steps) if compiled else steps

    def drawn(self, n: int) -> np.ndarray:
        """Noise."""
        return self.rng.standard_normal((n, self.noise)).astype(np.float32)

    def round(self, batch: int) -> tuple[float, float]:
        """One step of each player; their losses."""
        x = self.data.train[self.rng.integers(len(self.data.train), size=batch)]
        value_D, gradients = self.step_D(x, self.drawn(batch))
        self.D.take_gradients(gradients)
        self.adam_D.step()
        value_G, gradients = self.step_G(self.drawn(batch))
        self.G.take_gradients(gradients)
        self.adam_G.step()
        return float(value_D), float(value_G)

    def samples(self, n: int, seed: int = 0) -> np.ndarray:
        """Forgeries, of the same noise every time."""
        z = np.random.default_rng(seed).standard_normal((n, self.noise)).astype(np.float32)
        with mg.no_grad():
            return np.asarray(self.G(z).data)


def smallest_game(gamma: float, lr: float = 0.1, steps: int = 400) -> np.ndarray:
    """The game of one number each: the real sample is 0, the forgery θ, and D(x) = ψ x.

    L. Mescheder et al. (2018), section 2, in the minimax form: what the critic loses, the
    generator wins, and both step at once.  Without a penalty they chase each other on a
    circle, which every step widens by √(1 + α² σ(ψθ)²); with one, near the end, a step
    multiplies (θ, ψ) by a matrix of eigenvalues 1 − α (γ ± √(γ² − 1))/2.

    Returns
    -------
    (steps + 1, 2), θ and ψ from (1, 0) on
    """

    def loss_D(psi: Any, theta: Any) -> Any:
        D = lambda x: psi * x
        return mg.softplus(-D(0.0)) + mg.softplus(D(theta)) + gamma * 0.5 * mg.grad(D)(0.0) ** 2

    slope_D = mg.grad(loss_D)
    slope_G = mg.grad(lambda theta, psi: -mg.softplus(psi * theta))
    places = [np.array([1.0, 0.0])]
    for _ in range(steps):
        theta, psi = places[-1]
        places.append(places[-1] - lr * np.array([slope_G(theta, psi), slope_D(psi, theta)]))
    return np.array(places)


# --- the judgement ---------------------------------------------------------------------


def mmd(x: np.ndarray, y: np.ndarray, widths: Sequence[float]) -> float:
    """The squared maximum mean discrepancy of two samples, without bias: 0 on average if alike.

    ``E k(x, x′) + E k(y, y′) − 2 E k(x, y)`` over different pairs, k being the mean of
    Gaussians of these widths (Gretton et al., 2012, equation 3).
    """

    def kernel(a: np.ndarray, b: np.ndarray) -> Any:
        square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return np.mean([np.exp(-square / (2 * w * w)) for w in widths], axis=0)

    def within(a: np.ndarray) -> float:
        k, n = kernel(a, a), len(a)
        return float((k.sum() - np.trace(k)) / (n * (n - 1)))

    x, y = x.astype(np.float64), y.astype(np.float64)
    return within(x) + within(y) - 2 * float(kernel(x, y).mean())


def widths_for(x: np.ndarray) -> list[float]:
    """The median distance of samples, and its half, quarter and eighth."""
    x = x[:300]
    distances = np.linalg.norm(x[:, None] - x, axis=2)
    median = float(np.median(distances[np.triu_indices(len(x), 1)]))
    return [median / 2**i for i in range(4)]


@dataclass
class Verdict:
    """How good samples are.

    Attributes
    ----------
    covered : int
        Modes, as `covered` counts them.
    at_a_mode : float
        The share of samples that lie at any.
    mmd, noise : float
        Of forgeries against test samples, and the largest size that it has for 10 draws of as
        many real samples: no more than noise.
    """

    covered: int
    at_a_mode: float
    mmd: float
    noise: float


def covered(samples: np.ndarray, data: Data) -> int:
    """Modes that at least a fifth of their share of the samples lies at."""
    modes = data.mode(samples)
    share = np.bincount(modes[modes >= 0], minlength=data.modes) / len(samples)
    return int(np.sum(share >= 0.2 / data.modes))


def judged(samples: np.ndarray, data: Data, n: int = 300) -> Verdict:
    """What of ``samples``, beside the test samples of ``data``."""
    widths, rng = widths_for(data.test), np.random.default_rng(0)
    real = data.test[:n]
    noise = max(
        abs(mmd(data.train[rng.permutation(len(data.train))[: len(real)]], real, widths))
        for _ in range(10)
    )
    return Verdict(
        covered(samples, data),
        float(np.mean(data.mode(samples) >= 0)),
        mmd(samples[: len(real)], real, widths),
        noise,
    )


def diagnosis(counts: Sequence[int], modes: int, verdict: Verdict) -> str:
    """What the course of a training is called, by the modes covered as it went."""
    late = counts[len(counts) // 2 :]
    if late[-1] < modes:
        return "mode collapse" if len(set(late)) == 1 else "mode collapse, and hopping"
    if min(late) < modes:
        return "oscillation: modes are lost and found"
    return "converged" if verdict.mmd < 5 * verdict.noise else "all modes, in wrong shares"


# --- pictures, and the program ---------------------------------------------------------


def draw(games: dict[str, tuple[Run, Data]], path: str) -> None:
    """A row for each remedy: samples as training goes, and the modes covered."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 2.4 * len(games) + 0.3), layout="constrained")
    axes = figure.subplots(len(games), 6, squeeze=False)
    for row, (remedy, (run, data)) in zip(axes, games.items()):
        notes = run.notes
        chosen = [notes[round(i)] for i in np.linspace(0, len(notes) - 1, 5)]
        for ax, note in zip(row, chosen):
            x = np.asarray(note["samples"])
            if data.modes == 8:
                ax.scatter(*data.test[:300].T, s=3, color="#bbbbbb")
                ax.scatter(*x.T, s=3, color="#d55e00", alpha=0.6)
                ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
            else:
                tiles = np.pad(x[:36].reshape(6, 6, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
                ax.imshow(tiles.transpose(0, 2, 1, 3).reshape(60, 60), cmap="gray_r")
            ax.set(xticks=[], yticks=[], title=f"step {note['step']}")
        row[0].set_ylabel(f"remedy: {remedy}")
        row[5].plot([n["step"] for n in notes], [n["covered"] for n in notes], color="#0072b2")
        row[5].set(ylim=(0, data.modes + 0.5), xlabel="step", title="modes covered")
        row[5].grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def play(game: Game, run: Run, options: Any) -> Verdict:
    """Train; noted twenty times and more, judged at the end."""
    steps = options.steps
    for step in run.steps(steps, options):
        losses = game.round(options.batch_size)
        if step == 1 or step % max(1, steps // 24) == 0 or step == steps:
            x = game.samples(1000)
            note = {"step": step, "losses": list(losses), "covered": covered(x, game.data)}
            run.notes.append({**note, "samples": x[:300]})
    return judged(game.samples(4000), game.data)


def main(arguments: Sequence[str] | None = None) -> dict[str, Verdict]:
    """Train with one remedy, or each, and print the verdicts."""
    parser = parser_of(
        __doc__ or "",
        steps=(int, 1, 6000), batch_size=(int, 2, 128), hidden=(int, 1, 64), noise=(int, 1, 16),
        lr=(float, 0, 1e-3), gamma=(float, 0, 0.5),
    )  # fmt: skip
    parser.add_argument("--data", choices=("ring", "digits"), default="ring", help="(ring)")
    parser.add_argument("--remedy", choices=REMEDIES, default="penalty", help="(penalty)")
    parser.add_argument("--compare", action="store_true", help="play with each remedy")
    options = parser.parse_args(arguments)
    if options.compare and (options.save or options.resume):
        parser.error("--save and --resume are for one --remedy, not for --compare")
    found, games = {}, {}
    for gamma in (0.0, 1.0):
        first, last = np.linalg.norm(smallest_game(gamma)[[0, -1]], axis=1)
        course = "instability: the players circle" if last > first else "converged"
        print(f"one number each, γ = {gamma:g}: distance {first:.3g} to {last:.3g}, {course}")
    print()
    print(f"{'remedy':9} {'modes':>8} {'at a mode':>10} {'MMD²':>9} {'of real':>9}  course")
    for remedy in REMEDIES if options.compare else [options.remedy]:
        rng = np.random.default_rng(options.seed)
        data = ring(4000, rng) if options.data == "ring" else digits(rng)
        game = Game(data, remedy, options.noise, options.hidden, options.lr, options.gamma, rng)
        parts = {"G": game.G, "D": game.D, "adam_G": game.adam_G, "adam_D": game.adam_D}
        run = begin(Run(f"{options.data}, {remedy}", **parts, rng=rng), options)
        v = found[remedy] = play(game, run, options)
        games[remedy] = run, data
        course = diagnosis([n["covered"] for n in run.notes], data.modes, v)
        print(
            f"{remedy:9} {v.covered:3} of {data.modes:<2} {v.at_a_mode:9.1%} {v.mmd:9.5f} "
            f"{v.noise:9.5f}  {course}"
        )
    if options.plot:
        picture(lambda: draw(games, options.plot), options.plot)
    return found


if __name__ == "__main__":
    main()
