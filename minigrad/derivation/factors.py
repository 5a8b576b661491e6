"""Numbers that people gain and lose, and how much a few digits say about them."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import shape_of
from minigrad.typing import Array

FEW = 5
"""One of so many lengths of axes may have been taken for another."""
LONG = 6
"""Longer decimals are written as fractions, of small numbers."""
WHOLE = [2, 3, 4, 10, 5, 6, 8, 100]
SIMPLE = [x for n in WHOLE for x in (n, 1 / n)] + [1.5, 2 / 3, 0.75, 4 / 3]
"""Factors that people gain and lose, the most frequent first."""


def is_simple(x: float) -> bool:
    return any(abs(abs(x) / k - 1) < 1e-12 for k in [1.0, *SIMPLE])


def times_truth(x: float) -> str:
    return f"it is {number(x)} times the truth"


def accident(hand: Array, truth: Array, slack: Array) -> float:
    """How likely a number of the size of the truth is to agree with the hand value.

    Numbers that come up lie in about two decades and have two signs, 9 = 2 · 2 · ln 10 in
    all; one of fifty lies close to the truth, where it is the deviation that must be told.
    An array that is a multiple of the truth is as good as one number.
    """
    sure = (hand != 0) & np.isfinite(hand)
    if not np.any(sure):
        return 1.0
    widths = np.broadcast_to(slack, hand.shape)[sure] / np.abs(hand[sure])
    likely = 2 * widths / 9
    if hand.shape == truth.shape:
        gaps = np.abs(hand - truth)[sure]
        near = np.broadcast_to(slack, hand.shape)[sure] / np.where(gaps > 0, gaps, 1.0)
        likely = np.maximum(likely, np.minimum(near, 1.0) * np.where(gaps > 0, 0.02, 50.0))
    likely = np.clip(likely, 1e-15, 1.0)
    r = multiple(hand, truth) if hand.shape == truth.shape else None
    if r is not None and np.all(np.abs(hand - r * truth) <= 3 * slack + 1e-9 * np.abs(hand)):
        return float(np.min(likely))
    return float(np.exp(max(-30.0, np.sum(np.log(likely)))))


def multiple(hand: Array, value: Array) -> float | None:
    """How many times ``value`` the hand value is, by least squares; None of zero or infinity."""
    peak = float(np.max(np.abs(value), initial=0.0))
    if not 0 < peak < np.inf:
        return None
    unit = value / peak
    return float(np.sum(hand / peak * unit) / np.sum(unit * unit))


def ratio_of(hand: Array, value: Array) -> float | None:
    """Hand value divided by truth, where that is one number."""
    r = multiple(hand, value) if hand.shape == value.shape else None
    if r is None:
        return None
    same = np.allclose(hand, r * value, rtol=1e-4, atol=1e-9 * float(np.max(np.abs(value))))
    return r if same else None


def quotients(lengths: list[int]) -> list[float]:
    """What is off where one of few lengths of axes was taken for another."""
    return [a / b for a, b in permutations(lengths, 2)] if len(lengths) <= FEW else []


def number(x: float) -> str:
    known = {0.5: "½", 1 / 3: "⅓", 2 / 3: "⅔", 0.25: "¼", 0.75: "¾"}
    inverse = 1 / x if x else 0.0
    plain = f"1/{inverse:.0f}" if inverse > 1 and abs(inverse - round(inverse)) < 1e-9 else f"{x:g}"
    if len(plain) > LONG and abs((near := Fraction(x).limit_denominator(LONG)) - x) < 1e-9:
        plain = str(near)
    return next((text for k, text in known.items() if abs(x - k) < 1e-12), plain)


def sizes(q: Quantity) -> tuple[set[int], set[int], set[int]]:
    """Over how many elements the way from ``u`` to ``v`` averages, sums; lengths of axes."""
    means: set[int] = set()
    sums: set[int] = set()
    lengths: set[int] = set()
    for node, inside in q.part.inside.items():
        op: Any = node.op
        for i in inside:
            shape, out = shape_of(node.args[i]), shape_of(node.ans)
            lengths |= set(shape)
            if op in (ops.sum, ops.mean):
                into = sums if op is ops.sum else means
                into.add(int(np.prod(shape)) // max(1, int(np.prod(out))))
                if shape and len(shape) > len(out):
                    axis = node.kwargs.get("axis")
                    into.add(shape[0] if axis is None else shape[np.ravel(axis)[0]])
            elif op.elementwise and np.prod(shape) < np.prod(out):
                sums.add(int(np.prod(out)) // max(1, int(np.prod(shape))))
            elif op is ops.matmul and getattr(node.parents[i], "op", op) is None:
                other = shape_of(node.args[1 - i])
                sums.add(int(np.prod(other[:-1])) if i else other[-1])
    divisors: set[int] = set()
    for node, inside in q.part.inside.items():
        if node.op in (ops.multiply, ops.divide):
            for i in inside:
                other = node.args[1 - i]
                if node.parents[1 - i] is None and np.size(other) == 1 and float(np.sum(other)):
                    n = abs(float(np.sum(other))) ** (1 if node.op is ops.divide else -1)
                    if n > 2 and abs(n - round(n)) < 1e-9 * n:
                        divisors.add(round(n))
                    # 1/(2m) holds the ½ of the square as well; m is likely the length of an axis.
                    hits = [
                        {m for m in found if abs(n - k * m) < 1e-9 * n}
                        for found in (lengths, sums) for k in (1, 2)
                    ]  # fmt: skip
                    # A ½ alone is no mean over two.
                    means |= next(filter(None, hits), set()) if n > 2 else set()
    return (
        {n for n in means if n > 1},
        {n for n in sums if n > 1},
        {n for n in lengths | divisors if n > 1},
    )
