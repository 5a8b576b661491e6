"""Tiles: a stretch of elementwise work over large arrays, a few rows at a time, on all cores.

NumPy reads and writes whole arrays once per operation; a tile stays in cache while all
the operations of a region pass over it.  NumPy releases the interpreter's lock
meanwhile, so that threads share the tiles.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad.program.equations import Equation
from minigrad.typing import Array, Function

if TYPE_CHECKING:
    from minigrad.program.memory import Memory


NARROW = 64
"""Rows of at most this many elements are kept by columns in tiles (a quarter elsewhere)."""

cores: int | None = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
)
workers: int = min(cores or 1, 8)
_pool: list[ThreadPoolExecutor] = []


def pool() -> ThreadPoolExecutor:
    """The threads that help, started when they are first needed."""
    if not _pool:
        _pool.append(ThreadPoolExecutor(max(workers - 1, 1), thread_name_prefix="minigrad"))
    return _pool[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.clear)  # threads do not survive a fork


def collector(e: Equation) -> Callable[[list[Array]], Array]:
    """How to combine what the tiles collected for a reduction over rows."""
    f: Any = e.op.reduction
    return lambda parts: f.reduce(np.array(parts), axis=0)


Tile: TypeAlias = "tuple[Function, Memory]"
"""The function of one tile, and the memory that it works in."""


class Runner:
    """Runs a region: tiles from a common counter, partial sums in the order of the tiles."""

    full: Tile
    rest: Tile | None
    rows: int
    step: int
    how: list[Callable[[list[Array]], Array]]

    def __init__(
        self,
        full: Tile,
        rest: Tile | None,
        rows: int,
        step: int,
        how: list[Callable[[list[Array]], Array]],
    ) -> None:
        self.full, self.rest, self.rows, self.step, self.how = full, rest, rows, step, how
        self.spare: list[tuple[Array, ...]] = []

    def __call__(self, *arrays: Array) -> list[Array]:
        tile, memory = self.full
        step, count = self.step, self.rows // self.step
        parts: list[Any] = [None] * count
        tickets = itertools.count()

        state = np.geterr()  # it is the caller's: threads have one each

        def helped() -> None:
            with np.errstate(**state):
                work()

        def work() -> None:
            try:
                scratch = self.spare.pop()
            except IndexError:  # another thread has it
                scratch = memory.allocate()
            for i in tickets:
                if i >= count:
                    break
                parts[i] = tile(i * step, (i + 1) * step, scratch, *arrays)
            self.spare.append(scratch)

        helpers: list[Future[None]] = []
        with suppress(RuntimeError):  # where no thread can be started, one does it all
            for _ in range(min(workers, count) - 1):
                helpers.append(pool().submit(helped))  # noqa: PERF401
        try:
            work()
        finally:
            for helper in helpers:
                helper.result()
        if self.rest is not None:
            tail, memory = self.rest
            parts.append(tail(count * step, self.rows, memory.allocate(), *arrays))
        return [
            combine(list(column)) for combine, column in zip(self.how, zip(*parts), strict=False)
        ]
