"""Conventions that a whole derivation follows: per example, and the other layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad.derivation.factors import sizes
from minigrad.derivation.forward import WRONG
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.report import Row

if TYPE_CHECKING:
    from minigrad.derivation.grading import Grading


def examples(grading: Grading, rows: list[Row]) -> list[Row]:
    """Rows under the convention "per example, before the mean", where it is followed.

    It is found where derivatives by results are the number of examples times the truth
    and a derivative by a parameter, computed from them, is right as it is.
    """
    totals = [q for q in grading.derivatives if q.u is grading.output.node and q.usable]
    results = [q for q in totals if q.v.op is not None and q.v is not q.u]
    wrong = {id(q) for q in results if grading.verdicts[id(q)] in WRONG}
    if grading.options.per_example is False or not (wrong or grading.options.per_example):
        return rows
    means = {id(q): sizes(q)[0] for q in results if id(q) in wrong}
    sizes_of = {m for found in means.values() for m in found}
    if grading.options.per_example:
        sizes_of |= {m for q in results for m in sizes(q)[0]}
    for m in sorted(sizes_of, reverse=True):
        larger = [
            q for q in results if m in means.get(id(q), ())
            and grading.near(q.changed(hand=q.hand / m), grading.truth(q))
        ]  # fmt: skip
        below = [p for p in totals if p.v.op is None and any(q.v in p.part.inside for q in larger)]
        times = [p for p in below if grading.near(p, grading.truth(p) * m)]
        right = [
            p for p in below
            if p not in times and grading.verdicts[id(p)] in ("correct", "rounded")
        ]  # fmt: skip
        chosen = [q for q in results if m in sizes(q)[0]]
        if not grading.options.per_example:
            # From where it begins, all follow it: one that is right as it is contradicts.
            top = max((grading.graph.position(q.v) for q in larger), default=0.0)
            chosen = [q for q in chosen if grading.graph.position(q.v) <= top]
            mixed = any(id(q) not in wrong and np.any(q.hand) for q in chosen)
            if mixed or not right or len(right) < len(times):
                continue
        if chosen:
            for q in chosen:
                q.hand, q.unit, q.scale = q.hand / m, q.unit / m, float(m)
                q.implied = q.implied / m
            listed = ", ".join(q.text for q in grading.derivatives if q in chosen)
            grading.conventions.append(f"{listed}: per example, before the mean over {m}")
            return list(grading.graded())
    return rows


def layouts(grading: Grading, rows: list[Row]) -> list[Row]:
    """Rows in the other layout convention, where all that tells is written in it."""
    if grading.options.layout is not None:
        return rows
    for scalar in (True, False):
        telling = [
            q for q in grading.derivatives
            if q.index is None and (q.layout == "gradient") == scalar and tells(q)
        ]  # fmt: skip
        turned = [next(iter(q.transposed("")), None) for q in telling]
        right = [t for t in turned if t is not None and grading.near(t, grading.truth(t))]
        if not right or len(right) < len(telling):
            continue
        used = [q for q in telling if used_well(grading, q)]
        if len(right) < 2 and not used:
            continue
        if all(grading.verdicts[id(q)] in ("correct", "rounded") for q in telling):
            continue
        name = "numerator" if scalar else "denominator"
        grading.conventions.append(f"derivatives are written in {name} layout")
        other = {id(q): t for q, t in zip(telling, right, strict=True)}
        grading.derivatives = [other.get(id(q), q) for q in grading.derivatives]
        return list(grading.graded())
    return rows


def used_well(grading: Grading, q: Quantity) -> bool:
    """Whether a derivative that must have been computed from the link ``q`` is right."""
    return any(
        p is not q and p.v is q.v and p.u is not q.u and q.u in p.part.inside
        and grading.verdicts[id(p)] in ("correct", "rounded")
        for p in grading.derivatives
    )  # fmt: skip


def tells(q: Quantity) -> bool:
    """Whether the value of ``q`` differs from its transpose by more than axes of length 1."""
    if not q.fits and not q.turned:
        return any(True for _ in q.transposed(""))
    long = [n for n in q.hand.shape if n > 1]
    return len(long) > 1 and any(True for _ in q.transposed("")) and q.layout != "local"
