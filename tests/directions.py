"""A slope along one direction: by differences, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from complex_samples import plane

WEIGHTS = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
"""Of differences to sixth order."""


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
