"""The table of samples: for every op a few calls, from which the tests derive themselves.

A sample is a function of arrays, written with NumPy's own functions (or ``mg``'s where
NumPy has none), and arrays to call it on.  On ndarrays it is the expected value; on
Tensors the value, gradients of order 1 and 2, dtypes and layouts are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Sample:
    """One call of one op.

    Attributes
    ----------
    op : str
        Its public name.
    f : callable
        A function of the arrays alone.
    args : list of ndarray
        Away from kinks, so that finite differences are defined.
    smooth : bool
        Whether second derivatives are to be tested as well.
    id : str
    """

    op: str
    f: Callable[..., Any]
    args: list[Any]
    smooth: bool = True
    id: str = ""


SAMPLES: list[Sample] = []


def values(shape: Any, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Any:
    """Distinct numbers in shuffled order, well apart: no ties, no kinks at 0."""
    n = int(np.prod(shape))
    rng = np.random.default_rng(seed + 1000 * n)
    step = (high - low) / max(n, 1)
    grid = low + step * (np.arange(n) + 0.3 + 0.3 * rng.random(n))
    return rng.permutation(grid).reshape(shape)[()]


def sample(
    op: str,
    f: Callable[..., Any],
    *shapes: Any,
    low: float = -2.0,
    high: float = 2.0,
    smooth: bool = True,
) -> None:
    """Add a sample; each of ``shapes`` is a shape to fill, or an array to take as it is."""
    args = [
        s if isinstance(s, np.ndarray | float) else values(s, i, low, high)
        for i, s in enumerate(shapes)
    ]
    label = "-".join(str(np.shape(a)).replace(" ", "") for a in args)
    SAMPLES.append(Sample(op, f, args, smooth, f"{op}-{sum(s.op == op for s in SAMPLES)}-{label}"))


SHAPES = [(), (3,), (2, 3), (0,), (2, 1, 3)]
PAIRS = [((), ()), ((3,), ()), ((), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,))]
