"""``Drawing``: a picture in every form that it takes.

Nothing is laid out, and no value summarised, before somebody looks.
"""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
import webbrowser
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np

from minigrad.draw import dot, film, layout, painter, sketch, text, tikz
from minigrad.draw.boxes import View, view
from minigrad.draw.picture import Picture
from minigrad.draw.scene import NARROWEST, Scene, scene
from minigrad.draw.theme import THEMES, dark_dot
from minigrad.reading.files import replace_file, writable

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".tex", ".gif", ".mp4", ".html")


class Drawing:
    """The computation graph of a Tensor, drawn.  ``mg.draw`` makes one.

    In a notebook it shows itself as SVG, printed it is a tree.

    Attributes
    ----------
    picture : Picture
        What it shows, as data.
    dot : str
        DOT source.
    svg : str
        The picture, laid out.
    """

    def __init__(
        self,
        picture: Picture,
        *,
        values: bool = True,
        gradients: bool = True,
        local: bool = True,
        collapse: bool | int | str = "auto",
        direction: str = "LR",
        theme: str = "light",
        width: float | None = None,
    ) -> None:
        if direction not in dot.DIRECTIONS:
            raise ValueError(f"draw: direction={direction!r}: give one of {dot.DIRECTIONS}")
        if theme not in THEMES:
            raise ValueError(f"draw: theme={theme!r}: give one of {THEMES}")
        self._width = _checked_width(width, direction)
        self._dark = theme == "dark"
        self.picture = picture
        self.view: View = view(picture, collapse)
        self._show = {"values": values, "gradients": gradients, "local": local}
        self._direction = direction
        self._collapse = collapse

    @cached_property
    def dot(self) -> str:
        """DOT source; needs no Graphviz."""
        made = dot.source(self.view, direction=self._direction, **self._show)
        return dark_dot(made) if self._dark else made

    @cached_property
    def svg(self) -> str:
        """The picture as SVG, without the XML prologue, so that it can stand in a page."""
        made = self._render("svg").decode()
        return made[made.index("<svg") :]

    @cached_property
    def _scene(self) -> Scene:
        """The picture, laid out here: in rows, in a film, or where there is no Graphviz."""
        self._refuse_crowd()
        return self._laid_out(self._width)

    def _laid_out(self, width: float | None) -> Scene:
        how = {"direction": self._direction, "width": width, "dark": self._dark}
        return scene(self.view, **self._show, **how)

    def _film(self, kind: str) -> bytes:
        """In rows where one would be too long for a slide."""
        shown = self._scene
        if self._width is None and self._direction in ("LR", "RL") and shown.width > film.SLIDE:
            shown = self._laid_out(film.SLIDE)
        return film.film(shown, self.view, kind)

    def _refuse_crowd(self) -> None:
        n = len(self.view.items)
        if n > dot.CROWD:
            raise layout.LayoutError(
                f"draw: a picture of {n:,} nodes would take minutes to lay out and could not be "
                f"read: use collapse='auto', or collapse=n for at most n of them (n <= {dot.CROWD})"
            )

    def _render(self, kind: str) -> bytes:
        self._refuse_crowd()
        if self._width is None and layout.available():
            made = layout.render(self.dot, kind)
            return slim(made.decode()).encode() if kind == "svg" else made
        if kind == "svg":
            made_here = sketch.svg(self._scene, self._width)
            return f'<?xml version="1.0" encoding="UTF-8"?>\n{made_here}'.encode()
        return painter.painted(self._scene, kind)

    def __str__(self) -> str:
        return text.tree(self.view, **self._show)

    def __repr__(self) -> str:
        n, boxes = len(self.picture.vertices), len(self.view.items)
        shown = "" if n == boxes else f" shown as {boxes}"
        return f"<Drawing of {dot.clean(self.picture.output.name)}: {n:,} nodes{shown}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg, "text/plain": str(self)}
        except layout.LayoutError as error:
            return {"text/plain": f"{self}\n\n{error}"}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to ``path``: ``.svg .png .pdf .dot .tex .gif .mp4 .html``.

        ``.tex`` is TikZ for papers, ``.gif`` and ``.mp4`` play the backward pass, and ``.html``
        is a page to step through.

        The file is complete or untouched: it is written beside its place and then moved.

        Raises
        ------
        ValueError
            For another suffix.
        FileNotFoundError, NotADirectoryError
            When there is no such folder.
        LayoutError
            For a picture of too many nodes; where what writes the file is missing: Graphviz or
            Matplotlib for ``.png`` and ``.pdf``, Matplotlib and Pillow for ``.gif``, Matplotlib
            and ffmpeg for ``.mp4``.
        """
        path = writable(path, SUFFIXES, "draw")
        replace_file(path, self._bytes(path.suffix.lower()))
        return path

    def _bytes(self, suffix: str) -> bytes:
        if suffix == ".html":
            explorer = import_module("minigrad.draw.explorer")  # most pictures need none
            page: str = explorer.page(self.picture, self._collapse, self._direction)
            return page.encode()
        if suffix == ".dot":
            return self.dot.encode()
        if suffix == ".tex":
            return tikz.tex(self._scene).encode()
        if suffix in (".gif", ".mp4"):
            return self._film(suffix[1:])
        return self._render(suffix[1:])

    def show(self) -> None:
        """Show it: in a notebook where it stands, else in the browser, else as text."""
        interactive = sys.modules.get("IPython")
        if interactive is not None and interactive.get_ipython() is not None:
            interactive.display.display(self)
            return
        if len(self.view.items) <= dot.CROWD:
            folder = Path(tempfile.mkdtemp(prefix="minigrad-"))
            if webbrowser.open(self.save(folder / "picture.svg").as_uri()):
                return
        print(self)


def _checked_width(width: object, direction: str) -> float | None:
    if width is None:
        return None
    if isinstance(width, bool) or not isinstance(width, int | float | np.integer | np.floating):
        raise TypeError(f"draw: width={width!r}: give a number of points, 72 to the inch")
    if not NARROWEST <= width < math.inf:
        raise ValueError(f"draw: width={width!r}: give {NARROWEST:g} points or more")
    if direction in ("TB", "BT"):
        raise ValueError(
            f"draw: width={width!r} wraps rows that run from left to right or back; "
            f"direction={direction!r} has none"
        )
    return float(width)


def slim(svg: str) -> str:
    """``svg`` without comments and internal names, its font told once: half the size.

    Text of the picture cannot be hit: Graphviz escapes what is within it.
    """
    svg = re.sub(r"<!--.*?-->\n?|<title>n\d.*?</title>\n", "", svg, flags=re.DOTALL)
    font = f' font-family="{dot.FONT}"'
    return svg.replace(font, "").replace("<svg ", f"<svg{font} ", 1)
