"""What a descent leaves behind: one row per step, as a table, a picture or a file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.reading.files import replace_file
from minigrad.tree import flatten
from minigrad.typing import Tree


@dataclass(frozen=True)
class Row:
    """One step.

    Attributes
    ----------
    iteration : int
        From 1.
    epoch : int
        Pass over the batches, from 1; without batches, the iteration.
    theta : Any
        The parameters before the step; None where not kept.
    update : Any
        What the step subtracts from them: α·dJ/dθ in plain gradient descent.  None where
        not kept, and in the row at which the descent stopped.
    loss : float
        At ``theta``; with batches, of the batch.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 3.0, lr=0.25, steps=2)
    >>> row = history.rows[0]
    >>> row.iteration, float(row.theta), float(row.update), float(row.loss)
    (1, 3.0, 1.5, 9.0)
    """

    iteration: int
    epoch: int
    theta: Tree
    update: Tree
    loss: float


@dataclass(repr=False)
class History:
    """Every step of a descent.

    Attributes
    ----------
    rows : list of Row
    reason : str
        Why the descent ended.
    plain : bool
        Whether an update is α·dJ/dθ, rather than the step of some other formula.

    Examples
    --------
    >>> import minigrad as mg
    >>> theta, history = mg.optim.minimize(lambda t: t**2, 3.0, lr=0.1, steps=3)
    >>> print(history.table())
    iteration     θ  α·dJ/dθ    loss
            1     3      0.6       9
            2   2.4     0.48    5.76
            3  1.92    0.384  3.6864
    >>> history
    <History of 3 steps, loss 9 to 3.6864: 3 steps are done>
    """

    rows: list[Row] = field(default_factory=list)
    reason: str = ""
    plain: bool = True

    def __repr__(self) -> str:
        ends = [f"{row.loss:.5g}" for row in (*self.rows[:1], *self.rows[-1:])]
        told = f", loss {' to '.join(ends)}" if ends else ""
        why = f": {self.reason}" if self.reason else ""
        return f"<History of {len(self)} step{'s' * (len(self) != 1)}{told}{why}>"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def losses(self) -> list[float]:
        """The loss of every row."""
        return [row.loss for row in self.rows]

    def columns(self) -> tuple[list[str], list[list[Any]]]:
        """Names of the columns, and the values of every row; None where there is none."""
        names = ["iteration"]
        with_epochs = any(row.epoch != row.iteration for row in self.rows)
        if with_epochs:
            names.append("epoch")
        parameters = self.rows[0].theta if self.rows else None
        places = [] if parameters is None else _places(parameters)
        names += [*places, *(f"{'α·dJ/d' if self.plain else 'Δ'}{p}" for p in places), "loss"]
        table = []
        for row in self.rows:
            start = [row.iteration, row.epoch] if with_epochs else [row.iteration]
            updates = _numbers(row.update) or [None] * len(places)
            table.append([*start, *_numbers(row.theta), *updates, row.loss])
        return names, table

    def table(self, rows: int | None = 20, format: str = ".6g") -> str:
        """The history as text, with aligned columns.

        Parameters
        ----------
        rows : int or None
            At most so many, the first and the last and evenly between; None for all.
        format : str
            Of the numbers, as in ``f"{number:.6g}"``.

        Raises
        ------
        ValueError
            For less than two rows.
        """
        if rows is not None and rows < 2:
            raise ValueError(f"History.table: rows must be at least 2, or None, not {rows!r}")
        names, values = self.columns()
        if rows is not None and len(values) > rows:
            chosen = np.unique(np.linspace(0, len(values) - 1, rows).round().astype(int))
            values = [values[i] for i in chosen]
        cells = [names, *([_cell(v, format) for v in line] for line in values)]
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = ("  ".join(c.rjust(w) for c, w in zip(line, widths)).rstrip() for line in cells)
        return "\n".join(lines)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write all rows to ``path``, which at every moment is the old file or the new one.

        Numbers are written so that reading them gives the same bits.

        Raises
        ------
        OSError
            When the folder does not exist or cannot be written to.
        """
        names, values = self.columns()
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(names)
        writer.writerows([["" if v is None else v for v in line] for line in values])
        replace_file(path, text.getvalue().encode())

    def plot(self, path: str | os.PathLike[str] | None = None, ax: Any = None) -> Any:
        """Draw the loss over the iterations, as ``mg.plots.loss`` does.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture; its suffix is the format.
        ax : matplotlib Axes, optional
            Where to draw; those of a new figure by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        from minigrad import plots  # pictures are for those who ask for them

        ax = plots.loss(self, ax)
        if path is not None:
            ax.figure.savefig(path)
        return ax


def _places(tree: Tree, prefix: str = "") -> list[str]:
    """What to call every number in ``tree``: θ, θ[0], w, w[1, 2], layer.b."""
    if isinstance(tree, dict):
        return [
            place
            for key, value in tree.items()
            for place in _places(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    name = prefix or "θ"
    if isinstance(tree, list | tuple):
        return [place for i, value in enumerate(tree) for place in _places(value, f"{name}[{i}]")]
    indices = np.ndindex(np.shape(tree))
    return [f"{name}[{', '.join(map(str, i))}]" if i else name for i in indices]


def _numbers(tree: Tree) -> list[Any]:
    """All numbers in ``tree``, as Python's."""
    if tree is None:
        return []
    return [v for leaf in flatten(tree)[0] for v in np.ravel(leaf).tolist()]


def _cell(value: object, format: str) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:{format}}"
