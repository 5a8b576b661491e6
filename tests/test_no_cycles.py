"""Nothing that an op leaves behind waits for the garbage collector."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES, Sample


def forward_and_backward(s: Sample) -> None:
    outputs: Any = s.f(*[mg.Tensor(a, requires_grad=True) for a in s.args])
    parts = outputs if isinstance(outputs, tuple | list) else [outputs]
    total = sum(np.sum(y) for y in parts)
    if isinstance(total, mg.Tensor) and total.requires_grad:
        total.backward()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("op", sorted({s.op for s in SAMPLES}))
@pytest.mark.filterwarnings("ignore")
def test_memory_is_freed_at_once(op: str) -> None:
    """Arrays in a reference cycle stay until a collection, which no one can rely on."""
    samples = [s for s in SAMPLES if s.op == op]
    for s in samples:  # imports and caches are made on the first call
        forward_and_backward(s)
    gc.collect()
    gc.freeze()  # collections look at what comes from here on
    gc.disable()
    try:
        left = {}
        for s in samples:
            forward_and_backward(s)
            if n := gc.collect():
                left[s.id] = n
    finally:
        gc.enable()
    assert not left
