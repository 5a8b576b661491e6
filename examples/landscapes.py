"""Landscapes of losses, and the paths of every optimiser over them, as a moving picture.

Four surfaces that descents are known to find easy or hard: a round bowl, a long valley, the
bent valley of H. H. Rosenbrock ("An Automatic Method for Finding the Greatest or Least
Value of a Function", 1960), and a saddle, from whose ridge the way down begins slowly.
`mg.optim.minimize` runs the formula of each optimiser from the same place.

Run it with ``python examples/landscapes.py --plot paths.png --gif paths.gif``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gradient_descent_classifier import number, picture
from workbench import parser_of

import minigrad as mg
from minigrad.optim import SGD, Adagrad, Adam, AdamW, Lion, RMSprop, minimize

# --- the surfaces ----------------------------------------------------------------------


@dataclass
class Landscape:
    """A loss of two parameters.

    Attributes
    ----------
    f : callable
        Of an array (2,); or of (2, rows, columns), for the picture.
    start : (x, y)
    bottom : (x, y)
    view : (left, right, low, high)
    """

    f: Callable[[Any], Any]
    start: tuple[float, float]
    bottom: tuple[float, float]
    view: tuple[float, float, float, float]


LANDSCAPES = {
    "bowl": Landscape(lambda p: p[0] ** 2 + p[1] ** 2, (-1.5, 1.0), (0, 0), (-2, 2, -1.5, 1.5)),
    "valley": Landscape(
        lambda p: 0.1 * p[0] ** 2 + 4 * p[1] ** 2, (-1.7, 0.6), (0, 0), (-2, 2, -1.5, 1.5)
    ),
    "bent valley": Landscape(
        lambda p: (1 - p[0]) ** 2 + 5 * (p[1] - p[0] ** 2) ** 2, (-1.2, 1.0), (1, 1), (-2, 2, -1, 2)
    ),
    "saddle": Landscape(
        lambda p: p[0] ** 2 - p[1] ** 2 + 0.1 * p[1] ** 4,
        (-1.5, 1e-3),
        (0, 5**0.5),
        (-2, 2, -2.8, 2.8),
    ),
}
OPTIMISERS: dict[str, tuple[type[mg.optim.Optimiser], dict[str, Any]]] = {
    "SGD": (SGD, {"lr": 0.05}),
    "momentum": (SGD, {"lr": 0.02, "momentum": 0.9}),
    "Nesterov": (SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    "Adagrad": (Adagrad, {"lr": 0.3}),
    "RMSprop": (RMSprop, {"lr": 0.03}),
    "Adam": (Adam, {"lr": 0.1}),
    "AdamW": (AdamW, {"lr": 0.1, "weight_decay": 0.05}),
    "Lion": (Lion, {"lr": 0.03}),
}


def path(
    landscape: Landscape,
    optimiser: str,
    steps: int,
    scale: float = 1.0,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """The places that an optimiser comes through, the start included: (steps + 1, 2).

    A descent that flies off to infinity stays where it was last.  With noise, each slope is off
    by a normal number of that spread in both directions, as the slopes of small batches are.
    """
    method, options = OPTIMISERS[optimiser]
    options = {**options, "lr": scale * options["lr"]}
    places = [np.array(landscape.start, float)]

    def note(progress: Any) -> None:
        places.append(progress.x)

    f: Callable[..., Any] = landscape.f
    if noise:
        drawn = (rng or np.random.default_rng()).normal(0, noise, (steps, 2))
        f = lambda p, off: landscape.f(p) + (off * p).sum()
        options["batches"] = [(off,) for off in drawn]
    end, _ = minimize(
        f, places[0], steps=steps, method=method, callback=note, progress=False, **options
    )
    found = [*places[1:], end]  # the callback is called before every step
    return np.array([*found, *[found[-1]] * (steps + 1 - len(found))])


def distance(landscape: Landscape, places: np.ndarray) -> np.ndarray:
    """How far each place is from the bottom; from the nearer one, where there are two."""
    bottom = np.array(landscape.bottom)
    both = [bottom, bottom * (1, -1)] if landscape is LANDSCAPES["saddle"] else [bottom]
    return np.min([np.linalg.norm(places - b, axis=1) for b in both], axis=0)


# --- the picture -----------------------------------------------------------------------

COLOURS = "#0072b2 #d55e00 #e69f00 #009e73 #cc79a7 #56b4e9 #444444 #b2182b".split()


def stage(paths: dict[str, dict[str, np.ndarray]]) -> tuple[Any, list[tuple[Any, Any, np.ndarray]]]:
    """A figure with the landscapes; and (line, dot, places) of each path, still to be drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    lines = []
    for ax, (name, each) in zip(figure.subplots(2, 2).flat, paths.items()):
        landscape = LANDSCAPES[name]
        left, right, low, high = landscape.view
        x, y = np.meshgrid(np.linspace(left, right, 160), np.linspace(low, high, 160))
        z = np.asarray(landscape.f(np.stack([x, y])))
        levels = np.quantile(z, np.linspace(0, 1, 24) ** 1.5)
        ax.contourf(x, y, z, np.unique(levels), cmap="Greys", alpha=0.6)
        ax.set(title=name, xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
        for colour, (optimiser, places) in zip(COLOURS, each.items()):
            (line,) = ax.plot([], [], color=colour, linewidth=1.4, label=optimiser)
            (dot,) = ax.plot([], [], "o", color=colour, markersize=5)
            lines.append((line, dot, places))
        ax.plot(*landscape.start, "kx")
        ax.plot(*landscape.bottom, "k*", markersize=9)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=8)
    return figure, lines


def show(lines: list[tuple[Any, Any, np.ndarray]], steps: int) -> None:
    """The paths up to a step."""
    for line, dot, places in lines:
        line.set_data(*places[: steps + 1].T)
        dot.set_data(*places[steps : steps + 1].T)


def draw(paths: dict[str, dict[str, np.ndarray]], target: str) -> None:
    """All paths to their ends."""
    figure, lines = stage(paths)
    show(lines, len(lines[0][2]) - 1)
    figure.savefig(target, dpi=90)


def animate(paths: dict[str, dict[str, np.ndarray]], target: str, frames: int) -> None:
    """The paths as they grow, to a GIF: quick at first, as the descents are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, lines = stage(paths)
    figure.set_dpi(60)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")  # laid out once, not for every frame
    last = len(lines[0][2]) - 1
    moments = np.unique(np.round(last * np.linspace(0, 1, frames) ** 1.7).astype(int))
    images = []
    for i, moment in enumerate(moments):
        print(f"frame {i + 1} of {len(moments)}", file=sys.stderr, end="\r")
        show(lines, int(moment))
        canvas.draw()
        images.append(Image.fromarray(np.array(canvas.buffer_rgba())[..., :3]))
    print(file=sys.stderr)
    # one palette for all, of the rare colours too: the lines are thin, the greys behind them many
    palette = images[-1].quantize(method=Image.Quantize.MAXCOVERAGE)
    first, *others = (x.quantize(palette=palette, dither=Image.Dither.NONE) for x in images)
    first.save(target, save_all=True, append_images=others, duration=125, loop=0)


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Run every optimiser over every landscape; print how near it comes to the bottom."""
    parser = parser_of(
        __doc__ or "", steps=(int, 1, 200), frames=(int, 2, 30), scale=(float, 0, 1.0)
    )
    parser.add_argument(
        "--noise", type=number(0), default=0.0, metavar="N",
        help="spread of what all slopes are off by, drawn with --seed (0)",
    )  # fmt: skip
    parser.add_argument("--gif", metavar="PATH", help="draw the paths as they grow to this GIF")
    options = parser.parse_args(arguments)
    if options.save or options.resume:
        parser.error("there is nothing to save: all paths take a second")
    paths = {
        name: {
            o: path(
                landscape, o, options.steps, options.scale, options.noise,
                np.random.default_rng(options.seed),
            )
            for o in OPTIMISERS
        }
        for name, landscape in LANDSCAPES.items()
    }  # fmt: skip
    print(f"distance from the bottom after {options.steps} steps\n")
    print("".join([f"{'':12}", *(f"{o:>10}" for o in OPTIMISERS)]))
    found: dict[str, dict[str, float]] = {}
    for name, each in paths.items():
        found[name] = {o: float(distance(LANDSCAPES[name], p)[-1]) for o, p in each.items()}
        print("".join([f"{name:12}", *(f"{d:10.4f}" for d in found[name].values())]))
    if options.plot:
        picture(lambda: draw(paths, options.plot), options.plot)
    if options.gif:
        picture(lambda: animate(paths, options.gif, options.frames), options.gif)
    return found


if __name__ == "__main__":
    main()
