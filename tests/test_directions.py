"""Along one direction differences, forward and reverse mode agree: the default tests' share of
what `test_forward` and `test_complex` look at element by element.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES
from complex_samples import CALLS, plane
from directions import check
from minigrad.ops.record import Op, registry

OWN = {op.name for op in registry.values() if isinstance(op, Op) and op.jvp is not None}
"""Ops whose forward mode is a rule of its own."""


def test_complex_calls() -> None:
    for i, c in enumerate(CALLS):
        try:
            check(c.f, c.args, 1e-6)
        except AssertionError as e:
            raise AssertionError(f"{c.op}, call {i}: {e}") from None


def test_forward_rules() -> None:
    """Ops with a rule for forward mode, every sample; of the others the last one."""
    last = {s.op: s for s in SAMPLES}
    chosen = [s for s in SAMPLES if s.op in OWN or s is last[s.op]]
    for s in chosen:
        if any(np.asarray(a).dtype.kind not in "fc" for a in s.args):
            continue
        try:
            check(s.f, s.args, 1e-5, 1e-4)
        except AssertionError as e:
            raise AssertionError(f"{s.id}: {e}") from None


@pytest.mark.parametrize("f", [lambda z: z * z, np.abs, lambda z: np.conj(z) * z])
def test_a_wrong_slope_would_be_seen(f: Any) -> None:
    wrong = mg.defop("wrong", f, [lambda g, ans, z: g], complex=True)
    with pytest.raises(AssertionError):
        check(wrong, [plane((3,))], 1e-6)
