"""The picture as a bitmap or PDF, painted by Matplotlib: without Graphviz, and for films."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from minigrad.draw.layout import LayoutError
from minigrad.draw.scene import Rect, Scene, Shape, Stroke, Tip, Words
from minigrad.errors import needed

FONT = "DejaVu Sans"
"""Comes with Matplotlib."""
DENSITY = 144
"""Dots per inch of bitmaps: two for each point."""
WIDEST, WIDEST_FRAME = 8000, 1280
"""Dots across, at most; a wider picture is painted less densely."""


def painted(scene: Scene, kind: str) -> bytes:
    """``scene`` as ``png`` or ``pdf``.

    Raises
    ------
    LayoutError
        When there is no Matplotlib.
    """
    with _canvas(scene) as (figure, _):
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=density(scene), facecolor=scene.paper)
        return file.getvalue()


def density(scene: Scene, widest: int = WIDEST) -> float:
    """Dots per inch, fewer for a picture that is very large."""
    return min(DENSITY, 72 * widest / max(scene.width, scene.height))


def frames(
    scene: Scene, states: Iterator[Any], change: Callable[[Any, Any, list[tuple[Shape, Any]]], None]
) -> Iterator[Any]:
    """A bitmap (height × width × 3) of ``scene`` in each of ``states``.

    ``change(state, owner, painted)`` is told of everything that was painted for an arrow or a
    node, and makes it what it is in that state.
    """
    np = import_module("numpy")
    with _canvas(scene, density(scene, WIDEST_FRAME)) as (figure, artists):
        for state in states:
            for owner, pairs in artists:
                change(state, owner, pairs)
            figure.canvas.draw()
            image = np.asarray(figure.canvas.buffer_rgba())[..., :3]
            yield image.copy()


@contextmanager
def _canvas(scene: Scene, dpi: float = 72) -> Iterator[tuple[Any, list[tuple[Any, Any]]]]:
    matplotlib = needed(
        "matplotlib",
        "draw: there is no Matplotlib to paint the picture with (nor Graphviz, which can write "
        ".png and .pdf too): pip install 'minigrad[viz]' brings both. "
        ".svg, .tex, .dot, .html and the text drawing (print) need neither",
        LayoutError,
    )
    backend = import_module("matplotlib.backends.backend_agg")
    figures = import_module("matplotlib.figure")
    look = {
        **matplotlib.rcParamsDefault, "font.family": FONT, "text.usetex": False,
        "pdf.fonttype": 42, "text.parse_math": False,
    }  # fmt: skip
    look.pop("backend", None)
    with warnings.catch_warnings(), matplotlib.rc_context(look):
        warnings.simplefilter("ignore")  # of letters that no font has
        figure = figures.Figure(figsize=(scene.width / 72, scene.height / 72), dpi=dpi)
        figure.set_facecolor(scene.paper)
        backend.FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, scene.width), ylim=(scene.height, 0))
        axes.axis("off")
        renderer = figure.canvas.get_renderer()
        artists = []
        for owner, shapes in scene.parts:
            pairs = [(s, _artist(axes, s, renderer, dpi)) for s in shapes]
            artists.append((owner, pairs))
        yield figure, artists


def _artist(axes: Any, shape: Shape, renderer: Any, dpi: float) -> Any:
    patches, path = import_module("matplotlib.patches"), import_module("matplotlib.path")
    dash = (0, (4, 3))
    match shape:
        case Rect():
            r = shape.radius
            style = f"round,pad=0,rounding_size={r}" if r else "square,pad=0"
            patch = patches.FancyBboxPatch(
                (shape.left, shape.top), shape.width, shape.height, boxstyle=style,
                facecolor=shape.fill or "none", edgecolor=shape.stroke,
                linewidth=shape.strength, linestyle=dash if shape.dashed else "-",
            )  # fmt: skip
        case Stroke():
            P = path.Path
            points, codes = [shape.start], [P.MOVETO]
            for step in shape.steps:
                points += step
                codes += [P.CURVE4 if len(step) == 3 else P.LINETO] * len(step)
            patch = patches.PathPatch(
                P(points, codes), facecolor="none", edgecolor=shape.colour,
                linewidth=shape.strength, linestyle=dash if shape.dashed else "-",
            )  # fmt: skip
        case Tip():
            patch = patches.Polygon(shape.corners, facecolor=shape.colour, edgecolor="none")
        case Words():
            return _text(axes, shape, renderer, dpi)
    return axes.add_patch(patch)


def _text(axes: Any, words: Words, renderer: Any, dpi: float) -> Any:
    text = axes.text(
        words.x, words.y, words.text, color=words.colour, fontsize=words.size, parse_math=False,
        fontweight="bold" if words.bold else "normal", va="baseline",
        ha="center" if words.middle else "left",
    )  # fmt: skip
    if words.room:
        wide = text.get_window_extent(renderer).width * 72 / dpi
        if wide > words.room:
            text.set_fontsize(words.size * words.room / wide)
    return text
