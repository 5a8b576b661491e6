"""``Exploration``: the explorer's page where a person works, in a notebook or a browser.

In a notebook the whole page is the text of a sandboxed frame: no server is asked for it, it
stays when the notebook is saved, and it can touch nothing of the notebook around it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from minigrad.draw import explorer
from minigrad.draw.picture import Picture
from minigrad.reading.files import replace_file, writable
from minigrad.reading.wording import visible

if TYPE_CHECKING:
    from minigrad.derivation.report import Report


HEIGHT = 640
"""Of the frame in a notebook, in CSS pixels."""


class Exploration:
    """The explorer of a Tensor's graph.  ``mg.explore`` makes one.

    As the last line of a notebook's cell it shows itself.

    Attributes
    ----------
    picture : Picture
        What it shows, as data.
    html : str
        The page.
    """

    def __init__(
        self,
        picture: Picture,
        report: Report | None = None,
        *,
        collapse: bool | int | str = "auto",
        direction: str = "LR",
    ) -> None:
        self.picture = picture
        self.report = report
        self._how = (collapse, direction)

    @cached_property
    def html(self) -> str:
        """The page, whole: scripts, style and data."""
        return explorer.page(self.picture, *self._how, report=self.report)

    def __repr__(self) -> str:
        name, n = visible(self.picture.output.label), len(self.picture.vertices)
        return f"<Exploration of {name}: {n:,} nodes>"

    def _repr_html_(self) -> str:
        title = f"Backpropagation of {self.picture.output.label}"
        return (
            f'<iframe title="{escape(visible(title))}" sandbox="allow-scripts" '
            f'srcdoc="{escape(self.html)}" width="100%" height="{HEIGHT}" '
            f'style="border: 0; width: 100%; height: {HEIGHT}px"></iframe>'
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to ``path``, which ends in ``.html``; complete, or not at all.

        Raises
        ------
        ValueError
            For another suffix.
        FileNotFoundError, NotADirectoryError, IsADirectoryError
            When there is no such folder, or the file is one.
        """
        return replace_file(writable(path, (".html",), "explore"), self.html.encode())

    def show(self) -> None:
        """Show it: in a notebook where it stands, else in the browser."""
        if in_notebook():
            sys.modules["IPython"].display.display(self)
            return
        folder = Path(tempfile.mkdtemp(prefix="minigrad-"))
        path = self.save(folder / "explorer.html")
        if not webbrowser.open(path.as_uri()):
            print(f"There is no browser to show {self!r}; the page is {path}")


def in_notebook() -> bool:
    """Whether a notebook (Jupyter, VS Code, Colab) shows what a cell ends with."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return hasattr(shell, "kernel")  # IPython in a terminal has none


def explore(
    output: object,
    report: Report | None = None,
    *,
    wrt: object = None,
    collapse: bool | int | str = "auto",
    direction: str = "LR",
) -> Exploration:
    """Step through the forward and the backward pass behind ``output``.

    In a notebook (Jupyter, VS Code, Colab) the page appears below the cell that ends with
    this call, and is saved with it.  From a script or a console it opens in the browser.

    Parameters
    ----------
    output : Tensor
        Recorded, of any shape; before or after ``backward()``.
    report : Report, optional
        Of ``mg.check_derivation``: the hand derivation is laid over the graph, its first
        wrong step in red, with the cause beside it.
    wrt : Tensor or sequence of Tensors, optional
        The paths from it to the output are highlighted at the start.
    collapse : {"auto", True, False} or int
        What starts as a box, as in ``draw``.
    direction : {"LR", "TB"}
        In which the forward pass runs.

    Returns
    -------
    Exploration
        ``.save("x.html")`` writes the page, ``.show()`` shows it (again).

    Raises
    ------
    TypeError, ValueError
        When ``output`` or ``wrt`` is no recorded Tensor, ``report`` no report, or an option
        unknown.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> L = (w * 0.5 - 1) ** 2
    >>> mg.explore(L)  # doctest: +SKIP
    <Exploration of L: 7 nodes>
    """
    made = Exploration(graded(output, report, wrt), report, collapse=collapse, direction=direction)
    if in_notebook():
        return made
    made.show()
    return made


def graded(output: object, report: object, wrt: object) -> Picture:
    """The picture of ``output``, once it is sure that ``report`` is one.

    Raises
    ------
    TypeError
        When it is none.
    """
    rows = getattr(report, "rows", None)
    if report is not None and not isinstance(rows, list):
        raise TypeError(
            f"explore: report must be what mg.check_derivation returns, "
            f"not {type(report).__name__}; to highlight paths write wrt="
        )
    return Picture(output, wrt)
