"""What a teacher makes of a report: points, hints in stages, colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from minigrad.reading.pages import TINTS

if TYPE_CHECKING:
    from minigrad.derivation.backward.report import BackwardReport
    from minigrad.derivation.report import Report


RIGHT = ("correct", "rounded")
CREDITED = (*RIGHT, "carried", "unread")
"""Verdicts that earn the points: errors are carried forward, and cost once."""

COLOURS = {"correct": "green", "rounded": "lime", "carried": "amber", "wrong": "red",
           "missing": "grey", "unread": "pale"}  # fmt: skip

KINDS = {
    "sign": "a sign",
    "factor": "a constant factor",
    "transposed": "a matrix that is transposed, or is not and should be",
    "missing_sum": "a sum over an axis",
    "sum_for_mean": "a sum or a mean",
    "mean_for_sum": "a sum or a mean",
    "missing_local_factor": "a factor of the chain rule that is missing",
    "extra_local_factor": "a factor of the chain rule too many",
    "wrong_node": "a value that stands in the place of another",
    "dropped_path": "a path by which the variable acts, too",
    "penalty": "a term that is no part of the loss",
    "path": "the share of one of several paths",
    "coincidence": "a formula that holds for these numbers only",
    "formula": "a formula that cannot be computed",
    "shape": "a shape",
    "wrong_derivative": "the derivative of one function",
    "neighbour": "a gradient that stands in the place of another",
    "updated": "a value that was changed before the gradient was taken",
    "value": "a value of the forward pass that stands in the place of a gradient",
    "assigned": "what is assigned and should be added up",
    "slice": "the part of an array that is taken",
    "wrong_sum": "a sum: over what it runs",
    "wrong_product": "a product: of matrices, or of entries",
    "order": "the order in which entries stand",
    "entries": "some of its entries only",
    "raises": "an error that the line raises",
    "unreturned": "what is returned",
}
LEVELS = (1, 2, 3)


def hint(report: BackwardReport | Report, level: int = 1) -> str:
    """The first wrong step, told in stages: where, what kind of slip, the remedy.

    Raises
    ------
    ValueError
        For another level than 1, 2 and 3.
    """
    if level not in LEVELS:
        raise ValueError(f"hint: the level is 1 (where), 2 (what kind) or 3 (why), not {level!r}")
    first = report.first_error
    if first is None:
        return "all is right"
    where = getattr(first, "name", "") or first.quantity
    place = f"line {first.line}, " if hasattr(first, "line") else ""
    if first.verdict == "missing":
        return f"{where} is missing"
    if level == 1:
        return f"look at {place}{where} again: all that comes before it is right"
    if level == 3:
        remedy = getattr(first, "instead", "")
        return f"{place}{where}: {first.remark}" + (f"; write {remedy}" if remedy else "")
    kind = first.diagnosis.kind if first.diagnosis is not None else "other"
    what = KINDS.get(kind, "no slip that is well known; compare the numbers")
    return f"look at {place}{where} again, for {what}"


def score(
    verdicts: Mapping[str, str],
    points: float | Mapping[str, float] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> float:
    """Points for what is right, or right given an earlier slip; see `Report.score`.

    ``aliases`` are other spellings of the quantities.
    """
    if isinstance(points, Mapping):
        other = aliases or {}
        found = {q: q if q in verdicts else other.get(q) for q in points}
        return float(sum(p for q, p in points.items() if verdicts.get(found[q] or "") in CREDITED))
    share = sum(v in CREDITED for v in verdicts.values()) / max(1, len(verdicts))
    return share * (1.0 if points is None else float(points))


def highest(points: float | Mapping[str, float] | None) -> float:
    """What can be reached."""
    if isinstance(points, Mapping):
        return float(sum(points.values()))
    return 1.0 if points is None else float(points)


def row_style(verdict: str) -> str:
    """The colour of a table row, as an attribute of HTML."""
    return f' style="background:{TINTS[COLOURS[verdict]]}"' if verdict in COLOURS else ""
