"""What calling a compiled function costs beside its work: one neuron, step by step.

    python -m benchmarks.calls

The hand-written neuron takes a third of a microsecond, so that what is around it counts: an
object that can be asked for its program, arguments by place or by name, and a look at their
types, by which another kernel would be found.  Each row adds one of these.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import minigrad as mg
from benchmarks.contestants import COMPILED, HAND
from benchmarks.workloads import WORKLOADS

CALLS, ROUNDS = 20_000, 25


def neuron(w: float, b: float, x: float, y: float) -> Any:
    """Value and gradients by hand."""
    a = 1 / (1 + math.exp(-(w * x + b)))
    e = a - y
    dz = e * a * (1 - a)
    return 0.5 * e * e, (dz * x, dz)


def by_name(
    w: Any = None, b: Any = None, x: Any = None, y: Any = None, /, *m: Any, **k: Any
) -> Any:
    a = 1 / (1 + math.exp(-(w * x + b)))
    e = a - y
    dz = e * a * (1 - a)
    return 0.5 * e * e, (dz * x, dz)


def tested(w: Any = None, b: Any = None, x: Any = None, y: Any = None, /, *m: Any, **k: Any) -> Any:
    kind = float
    if (
        not m
        and not k
        and w.__class__ is kind
        and b.__class__ is kind
        and x.__class__ is kind
        and y.__class__ is kind
    ):
        a = 1 / (1 + math.exp(-(w * x + b)))
        e = a - y
        dz = e * a * (1 - a)
        return 0.5 * e * e, (dz * x, dz)
    raise TypeError("another kernel is needed")


class Object(functools.partial):  # type: ignore[type-arg]
    """A function that may have attributes, as compiled ones do."""


def nanoseconds(f: Callable[..., Any], data: tuple[Any, ...]) -> float:
    """Processor time of a call."""
    a, b, c, d = data
    start = time.process_time_ns()
    for _ in range(CALLS):
        f(a, b, c, d)
    return (time.process_time_ns() - start) / CALLS


def table() -> str:
    """The least of some rounds for each, in turn."""
    data = WORKLOADS["neuron"].data()
    loss = lambda w, b, x, y: 0.5 * (y - mg.sigmoid(w * x + b)) ** 2
    steps = {
        HAND: neuron,
        "as an object": Object(neuron),
        "and by name": Object(by_name),
        "and after a look at types": Object(tested),
        COMPILED: mg.compile(mg.value_and_grad(loss, (0, 1))),
    }
    took = {name: min(nanoseconds(f, data) for _ in range(ROUNDS)) for name, f in steps.items()}
    lines = ["| one neuron | ns a call | × hand-written |", "|---|--:|--:|"]
    lines += [f"| {name} | {t:.0f} | {t / took[HAND]:.2f} |" for name, t in took.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
