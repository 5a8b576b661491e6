"""Random derivations with one slip each: found, found where it is, and for what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from derivations import FAMILIES, cases

SEEDS = range(1)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)


@each_family
def test_right_derivations_are_right(family: Any) -> None:
    for seed in range(10):
        d = family(np.random.default_rng(seed))
        report = mg.check_derivation(d.output, d.write())
        assert report.ok, report
        assert all(r.verdict == "correct" for r in report.rows), report


@each_family
def test_slips_are_found(family: Any) -> None:
    """Always found; the first wrong step and no other; mostly with their cause."""
    total = causes = 0
    for seed in SEEDS:
        for d, i, kind, hand, _ in cases(seed, family):
            if kind in ("missing_sum", "transposed"):  # later steps cannot follow from its shape
                hand = dict(list(hand.items())[: i + 1])
            slip = np.asarray(hand[d.steps[i].key], float)
            if np.array_equal(slip, np.asarray(d.write()[d.steps[i].key], float)):
                continue  # a slip in what is zero
            if kind == "transposed" and sum(n > 1 for n in slip.shape) < 2:
                continue  # a row for a column is no slip
            report = mg.check_derivation(d.output, hand)
            wrong = [r for r in report.rows if r.verdict == "wrong"]
            assert len(wrong) == 1, (kind, report)
            np.testing.assert_array_equal(wrong[0].hand, slip)
            if kind == "other":
                assert wrong[0].diagnosis.kind in ("other", "entries"), report
            total += 1
            causes += wrong[0].diagnosis.kind == kind
    # Among whole numbers, a factor 2 can be a forgotten factor of ½: both are true.
    assert causes >= (0.85 if family.__name__ == "whole_numbers" else 0.95) * total


def test_three_digits_say_little() -> None:
    """Of rounded single numbers much agrees by accident: few causes are invented."""
    found: dict[str, list[bool]] = {}
    for family in FAMILIES[:2]:
        for seed in range(6):
            for d, i, kind, hand, _ in cases(seed, family):
                key = d.steps[i].key
                if abs(hand[key] / d.write()[key] - 1) < 0.01:
                    continue
                typed = {k: f"{float(v):#.3g}" for k, v in hand.items()}
                first = mg.check_derivation(d.output, typed).first_error
                assert first is not None
                found.setdefault(kind, []).append(first.diagnosis.kind == kind)
    assert np.mean(found["other"]) > 0.95
    assert np.mean(found["sign"]) > 0.95
    assert np.mean(found["missing_local_factor"]) > 0.9
