"""Compiling takes time in proportion to what is recorded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program import passes, regions
from minigrad.program.kernel import Kernel
from minigrad.program.lower import lower
from minigrad.program.memory import Memory
from minigrad.program.simplify import simplified


def runge_kutta(steps: int) -> Any:
    """The loss of a Lotka-Volterra model against data, by the classic method."""
    data = np.random.default_rng(0).random((steps, 2))

    def loss(p: Any) -> Any:
        a, b, c, d = p[0], p[1], p[2], p[3]

        def slope(y: Any) -> Any:
            return np.stack([a * y[0] - b * y[0] * y[1], c * y[0] * y[1] - d * y[1]])

        y, total, h = np.array([1.0, 0.5]), 0.0, 0.1
        for i in range(steps):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            k4 = slope(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            total = total + np.mean((y - data[i]) ** 2)
        return total

    return mg.value_and_grad(loss)


POINT = np.array([0.5, 0.3, 0.3, 1.0])


def seconds(steps: int) -> float:
    """Of the processor, from the recorded program to the kernel."""
    program = passes.recorded(runge_kutta(steps), POINT)
    start = time.process_time()
    Kernel(lower(simplified(program))).function("kernel", "work, x0", [])
    return time.process_time() - start


@pytest.mark.full
def test_a_long_recurrence_takes_linear_time() -> None:
    short, long = (min(seconds(n) for _ in range(2)) for n in (5, 40))
    assert long < 2.5 * 8 * short


def test_a_long_recurrence_is_right() -> None:
    f = runge_kutta(6)
    value, gradient = mg.compile(f)(POINT)
    expected = f(POINT)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-11)


def test_a_layer_and_its_gradient_take_turns_in_the_same_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regions, "WORTH", np.inf)  # no tiles

    def loss(W1: Any, W2: Any, X: Any) -> Any:
        return (mg.relu(X @ W1) @ W2).sum()

    W1, W2, X = np.ones((8, 256)), np.ones((256, 2)), np.ones((128, 8))
    program = mg.trace(mg.value_and_grad(loss, argnums=(0, 1)), W1, W2, X)
    hidden = X @ W1
    mask = hidden > 0
    assert sum(Kernel(lower(program)).memory.sizes) < hidden.nbytes + 1.2 * mask.nbytes


def test_memory_is_handed_out_best_fit_first() -> None:
    memory = Memory()
    small, large = memory.take(100), memory.take(100_000)
    for buffer in (large, small):
        memory.give(buffer)
    assert memory.take(90) == small
    assert memory.take(50_000) == large
    memory.give(large)
    assert memory.take(200_000) == large  # grown: nothing else would fit
    assert memory.sizes == [100, 200_000]
    assert memory.take(8) == 2
    assert memory.view(0, (3,), np.dtype(float)) == memory.view(0, (3,), np.dtype(float)) == "b0"
    memory.view(1, (400, 4), np.dtype(float))
    arrays = memory.allocate()
    assert [a.shape for a in arrays] == [(3,), (400, 4)]
    assert arrays[1].T.flags.c_contiguous  # narrow matrices lie column by column
