"""Along one direction differences, forward and reverse mode agree: the default tests' share of
what `test_forward` and `test_complex` look at element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES
from complex_samples import CALLS, plane
from minigrad.ops.record import Op, registry

WEIGHTS = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
"""Of differences to sixth order."""

OWN = {op.name for op in registry.values() if isinstance(op, Op) and op.jvp is not None}
"""Ops whose forward mode is a rule of its own."""


def direction(x: Any, seed: int) -> Any:
    t = np.asarray(plane(np.shape(x), seed, 1.0))
    return (t if np.iscomplexobj(x) else t.real).astype(np.asarray(x).dtype)[()]


def listed(y: Any) -> list[Any]:
    return list(y) if isinstance(y, tuple | list) else [y]


def inner(w: Sequence[Any], y: Sequence[Any]) -> Any:
    return sum(np.sum(a * b).real for a, b in zip(w, y, strict=True))


def check(f: Callable[..., Any], args: Sequence[Any], tol: float, h: float = 1e-3) -> None:
    """The same slope by differences, forward and backward."""
    run = lambda *xs: tuple(listed(f(*xs)))
    ts = [direction(x, 5 + i) for i, x in enumerate(args)]
    ys, forward = mg.jvp(run, tuple(args), tuple(ts))
    ws = [direction(y, 31 + i) for i, y in enumerate(ys)]
    slope = sum(
        sign
        * weight
        * inner(ws, run(*(x + sign * k * h * t for x, t in zip(args, ts, strict=True))))
        for k, weight in WEIGHTS
        for sign in (1, -1)
    )
    size = 1 + sum(np.sum(np.abs(w * y)) for w, y in zip(ws, ys, strict=True))
    there = inner(ws, forward)
    np.testing.assert_allclose(there, slope / h, rtol=tol, atol=tol * size)
    back = mg.vjp(run, *args)[1](tuple(ws))
    np.testing.assert_allclose(inner(back, ts), there, rtol=1e-9, atol=1e-9 * size)


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
