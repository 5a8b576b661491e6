"""The graded derivation: one row for each quantity, and the first wrong step in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.derivation import feedback
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.judges import Error
from minigrad.reading.pages import narrow, piece, quoted
from minigrad.reading.wording import columns, padded, printed, visible
from minigrad.typing import Array

NOISE = 1e-12
"""A relative error that is shown as none."""
HEADINGS = ("quantity", "yours", "autodiff", "finite differences", "off by", "verdict")


@dataclass(frozen=True, repr=False)
class Row:
    """One quantity and what the judges say.

    Attributes
    ----------
    quantity : str
        ``dL/da``.
    hand, autodiff : float or array
        What was derived by hand, and by minigrad.
    numeric : float, array or None
        By finite differences; of a large array, its product with a random ``direction``
        of entries ±1.  None for values, which are not differentiated.
    error : Error
        Worst absolute and relative error, and its index.
    verdict : {"correct", "rounded", "wrong", "carried", "missing"}
    diagnosis : Diagnosis or None
        The cause, of what is wrong or rounded.
    note : str
        What else is to be said: whose error is carried, which convention was used at a
        kink, whether autodiff and finite differences disagree.
    direction : array or None
    agrees : bool
        Whether autodiff and finite differences do.
    """

    quantity: str
    hand: Any
    autodiff: Array | None
    numeric: Array | None
    error: Error
    verdict: str
    diagnosis: Diagnosis | None = None
    note: str = ""
    direction: Array | None = None
    agrees: bool = True

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table; of an array, its worst entry."""
        if isinstance(self.hand, str) or self.autodiff is None:
            shown = self.hand if isinstance(self.hand, str) else f"{self.hand}"
            return (visible(self.quantity), shown[:20], "", "", "", self.verdict)
        k = self.error.index
        same = np.shape(self.hand) == np.shape(self.autodiff)
        entry = f"[{', '.join(map(str, k))}]" if k else ""
        return (
            visible(self.quantity) + entry,
            f"{np.asarray(self.hand)[k]:.6g}" if same else f"shape {np.shape(self.hand)}",
            f"{np.asarray(self.autodiff)[k]:.6g}" if same else f"shape {np.shape(self.autodiff)}",
            self._numeric(k),
            "0" if self.error.relative < NOISE else f"{self.error.absolute:.2g}",
            self.verdict,
        )

    def _numeric(self, k: tuple[int, ...]) -> str:
        """Finite differences at entry ``k``; along a direction, whether they agree."""
        if self.numeric is None:
            return ""
        if self.direction is None:
            entry = np.asarray(self.numeric)[k]
            return f"shape {entry.shape}" if entry.shape else f"{entry:.6g}"
        if self.agrees:
            return "agree"
        if np.ndim(self.numeric):
            return "disagree"
        expected = float(np.sum(self.autodiff * self.direction))
        return f"{self.numeric:.6g}, not {expected:.6g} (along a direction)"

    def __repr__(self) -> str:
        cause = f": {self.diagnosis}" if self.diagnosis else ""
        return f"<{visible(self.quantity)} {self.verdict}{cause}>"

    def _repr_html_(self) -> str:
        return Report([self])._repr_html_()

    @property
    def remark(self) -> str:
        """The diagnosis and the note, as one line."""
        parts = [str(self.diagnosis) if self.diagnosis else "", self.note]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class Report:
    """A graded derivation; truthy when nothing in it is wrong.

    Attributes
    ----------
    rows : list of Row
        Values of the forward pass first, then derivatives from the output to the inputs,
        then updates, then entries that could not be graded.
    conventions : tuple of str
        What was found to be written in a way of its own throughout.
    aliases : dict
        Other spellings of the quantities: ``dL/dW`` of what was handed in as ``dW``.
    """

    rows: list[Row] = field(default_factory=list)
    conventions: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether every quantity is right, or right but for rounding."""
        return all(row.verdict in ("correct", "rounded") for row in self.rows)

    @property
    def first_error(self) -> Row | None:
        """The first step that is wrong by itself, else the first that is missing."""
        for verdict in ("wrong", "missing"):
            for row in self.rows:
                if row.verdict == verdict:
                    return row
        return None

    def __bool__(self) -> bool:
        return self.ok

    def score(self, points: float | Mapping[str, float] | None = None) -> float:
        """Points for what is right, or right given an earlier slip: errors are carried forward.

        Parameters
        ----------
        points : float or dict, optional
            In all, shared evenly; or quantity -> points, in any spelling, 0 for what was
            not handed in.  1 by default.

        Examples
        --------
        >>> import minigrad as mg
        >>> x = mg.Tensor(3.0, requires_grad=True)
        >>> y = x**2
        >>> L = 2 * y
        >>> report = mg.check_derivation(L, {"dL/dy": 4.0, "dL/dx": 24.0})
        >>> report.score(10), report.score({"dL/dy": 1, "grad_x": 3})
        (5.0, 3.0)
        """
        return feedback.score({r.quantity: r.verdict for r in self.rows}, points, self.aliases)

    def hint(self, level: int = 1) -> str:
        """The first wrong step in stages: 1 where, 2 what kind of slip, 3 why and the remedy.

        Examples
        --------
        >>> import minigrad as mg
        >>> x = mg.Tensor(3.0, requires_grad=True)
        >>> L = x**2
        >>> report = mg.check_derivation(L, {"dL/dx": -6.0})
        >>> print(report.hint(1))
        look at dL/dx again: all that comes before it is right
        >>> print(report.hint(2))
        look at dL/dx again, for a sign
        >>> print(report.hint(3))
        dL/dx: its sign is flipped
        """
        return feedback.hint(self, level)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        rows, row = self.rows, self.first_error
        if row is None:
            rounded = sum(r.verdict == "rounded" for r in rows)
            what = "the one quantity is" if len(rows) == 1 else f"all {len(rows)} quantities are"
            return f"{what} right" + (f", {rounded} of them rounded" if rounded else "")
        if row.verdict == "missing":
            return f"{visible(row.quantity)} is missing"
        cells = row.cells
        if not cells[2]:
            return f"{cells[0]} is the first wrong step: yours {cells[1]}"
        text = f"{cells[0]} is the first wrong step: yours {cells[1]}, autodiff {cells[2]}"
        if row.direction is not None and row.agrees:
            return f"{text}, and finite differences agree"
        return f"{text}, finite differences {cells[3]}" if cells[3] else text

    def __str__(self) -> str:
        cells = [HEADINGS, *(row.cells for row in self.rows)]
        widths = [max(columns(line[i]) for line in cells) for i in range(len(HEADINGS))]
        lines = [
            "  ".join(
                padded(c, w, right=i not in (0, 5))
                for i, (c, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        lines.insert(1, "  ".join("-" * w for w in widths))
        first = self.first_error
        remarks = [
            f"{visible(r.quantity)}, {r.verdict}: {r.remark}"
            for r in self.rows
            if r.remark and r is not first
        ]
        cause = [*([first.remark] if first else []), *self.conventions]
        return printed(
            "\n".join([self.headline, *cause, "", *lines, *([""] if remarks else []), *remarks])
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str, style: str = "") -> str:
            sides = ["left", *["right"] * 4, "left", "left"]
            parts = [
                f'<{tag} style="text-align:{side};padding:0 0.5em">{quoted(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            ]
            return f"<tr{style}>{''.join(parts)}</tr>".replace(
                ">wrong<", "><strong>wrong</strong><"
            )

        first = self.first_error
        lines = [*([first.remark] if first else []), *self.conventions]
        cause = "".join(f"<br>{quoted(line)}" for line in lines)
        body = [
            line((*row.cells, row.remark), "td", feedback.row_style(row.verdict))
            for row in self.rows
        ]
        return piece(
            "report",
            f"<p>{quoted(self.headline)}{cause}</p><table>"
            f"<thead>{line((*HEADINGS, 'why'), 'th')}</thead>"
            f"<tbody>{''.join(body)}</tbody></table>",
            narrow(".minigrad-report "),
        )


def as_number(x: Array) -> Array:
    """A number where there is one, else the array."""
    return float(x) if np.ndim(x) == 0 else np.asarray(x)


def worst(hand: Array, truth: Array) -> Error:
    """The entry that is farthest off."""
    if np.shape(hand) != np.shape(truth):
        return Error(float("nan"), float("nan"), ())
    if np.size(hand) == 0:
        return Error(0.0, 0.0, ())
    gap = np.abs(hand - truth)
    gap = np.where(np.isnan(gap), np.where(np.isnan(hand) & np.isnan(truth), 0.0, np.inf), gap)
    gap = np.where(np.equal(hand, truth), 0.0, gap)
    k = np.unravel_index(int(np.argmax(gap)), np.shape(gap)) if np.ndim(gap) else ()
    size = float(abs(np.asarray(truth)[k]))
    off = float(gap[k])
    relative = off / size if size else (float("inf") if off else 0.0)
    return Error(off, relative, tuple(int(i) for i in k))
