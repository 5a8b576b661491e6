"""What finite differences at a ladder of steps tell: a slope and its error, a kink, a jump."""

from __future__ import annotations

import math
from itertools import pairwise

Ladder = list[tuple[float, float, float, float]]
"""Steps, large to small, with the function at minus the step, here, and at plus."""


def extrapolate(ladder: Ladder, eps: float, size: float) -> tuple[float, float]:
    """The derivative at step zero and its error, by Ridders' table of extrapolations.

    The entry of least relative error is taken where one is good: beside a pole the
    coarsest steps have the smallest values, and with them the smallest errors.
    """
    table: list[tuple[float, float]] = []
    previous: list[float] = []
    row, noise = [math.nan], math.inf
    for h, down, here, up in ladder:
        if not (math.isfinite(up) and math.isfinite(down)):
            previous = []
            continue
        row = [(up - down) / (2 * h)]
        noise = eps * max(size, abs(up), abs(down), abs(here)) / h
        for j, old in enumerate(previous[:5]):
            factor = 16.0 ** (j + 1)
            row.append((factor * row[j] - old) / (factor - 1))
            table.append((max(abs(row[j + 1] - row[j]), abs(row[j + 1] - old)) + noise, row[j + 1]))
        previous = row
    if not table:
        return math.nan, math.inf
    error, value = min(table, key=lambda e: e[0] / abs(e[1]) if e[1] else math.inf)
    if error > 1e-3 * abs(value):
        error, value = min(table)
        error = max(error, abs(row[0] - value) - 10 * noise)  # the finest step must agree
    return value, error


def one_sided(ladder: Ladder, eps: float, size: float) -> tuple[float, float, str] | None:
    """Left and right slope where they stay apart as the step shrinks, else None.

    How differences fall from rung to rung tells what is here.  The second difference
    falls with the square of the step where all is smooth, and with the step at a kink;
    at a jump one of them, or the first difference, does not fall at all.
    """
    finite = [
        (h, (here - down) / h, (up - here) / h, abs(up - 2 * here + down), abs(up - down),
         200 * eps * max(size, abs(up), abs(down)))
        for h, down, here, up in ladder
        if math.isfinite(up) and math.isfinite(down) and math.isfinite(here)
    ]  # fmt: skip
    if len(finite) < 4:
        return None
    _, left, right, *_ = finite[-1]
    for which in (3, 4):
        last = [rung[which] for rung in finite[-4:]]
        if min(last) > finite[-1][5] and max(last) < 1.4 * min(last):
            return left, right, "the function jumps here"
    seen = [rung for rung in finite if rung[3] > rung[5]]
    if len(seen) < 4 or seen[-1][0] > ladder[0][0] * 4.0**-4:
        return None
    last = [rung[3] for rung in seen[-4:]]
    falls = [a / b for a, b in pairwise(last)]
    unseen = [rung for rung in finite if rung[0] < seen[-1][0]]
    hidden = not unseen or last[-1] / 4 < 1.5 * unseen[0][5]  # in the noise, not gone
    if hidden and all(3.2 < fall < 4.8 for fall in falls):
        _, left, right, *_ = seen[-1]
        return left, right, f"a kink: the slope is {left:.6g} on the left, {right:.6g} on the right"
    return None
