"""What Python's garbage collector costs a long chain of operations.

``python -m benchmarks.collector`` prints a Markdown table: microseconds of the processor per
operation, of a short chain and of a long one, with the collector and without; and the same of the
least that a chain can be made of, one object for each operation that holds a number and the one
before.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import minigrad as mg
from benchmarks.workloads.scalars import chained

SHORT, LONG = 1_000, 1_000_000


def recorded(n: int) -> None:
    """A chain of ``n`` operations, recorded and walked back."""
    w = mg.Tensor(0.3, requires_grad=True)
    chained(w, n, mg.tanh).backward()


class Link:
    """As many slots as a node has."""

    __slots__ = tuple("abcdefghij")
    a: Any
    b: Any


def linked(n: int) -> None:
    """A chain of ``n`` objects, made and walked back."""
    last, x = None, 0.5
    for _ in range(n):
        link = Link()
        link.a, link.b = last, x
        last, x = link, x * 0.999 + 0.1
    while last is not None:
        last = last.a


def per_operation(run: Callable[[int], None], n: int, collect: bool) -> float:
    """Microseconds, the least of several."""
    found = []
    for _ in range(3 if n == LONG else 200):
        gc.collect() if n == LONG else None
        (gc.enable if collect else gc.disable)()
        start = time.process_time()
        run(n)
        found.append((time.process_time() - start) / n * 1e6)
        gc.enable()
    return min(found)


def main() -> None:
    print("| | collector | 1,000 | 1,000,000 | ratio |\n| --- | --- | --: | --: | --: |")
    for what, run in (("minigrad", recorded), ("one object for each", linked)):
        for collect in (True, False):
            short, long = (per_operation(run, n, collect) for n in (SHORT, LONG))
            word = "on" if collect else "off"
            print(
                f"| {what} | {word} | {short:.2f} | {long:.2f} | {long / short:.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
