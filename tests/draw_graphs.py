"""Graphs that the tests of pictures draw."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg


def leaf(value: Any, name: str | None = None) -> mg.Tensor:
    return mg.Tensor(value, requires_grad=True, name=name)


def random_graph(seed: int, n: int) -> tuple[mg.Tensor, list[mg.Tensor]]:
    """A graph of ``n`` scalar operations and its leaves."""
    rng = np.random.default_rng(seed)
    leaves = [leaf(rng.uniform(0.2, 0.9)) for _ in range(3)]
    pool = list(leaves)
    for _ in range(n):
        u, v = (pool[i] for i in rng.integers(max(0, len(pool) - 6), len(pool), 2))
        pool.append(
            [np.tanh(u), u * v, u + v, u - 0.3, np.sin(v), mg.sigmoid(u) / 2][rng.integers(6)]
        )
    return sum(pool[-4:], pool[0] * 1.0), leaves


def loop(n: int) -> tuple[mg.Tensor, mg.Tensor]:
    w, s = leaf(0.9, "w"), leaf(0.5, "start")
    for _ in range(n):
        s = np.tanh(s * w + 0.1)
    L = (s - 1) ** 2
    return L, w
