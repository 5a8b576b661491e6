"""Where an eager step spends its time: in NumPy's functions, or in what is around them.

``BENCHMARK_THREADS=1 python -m benchmarks.profile NAME ...`` prints a Markdown table for workloads,
in multiples of the hand-written step: what the forward functions and the rules of all ops take,
called as they are, and what is left for checking, recording, walking back, and adding up.  Of
``hessian`` it tells the steps of `minigrad.hessian`.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contestants import BACKWARD, HAND
from benchmarks.workloads import WORKLOADS
from minigrad.autodiff import jacobians
from minigrad.autodiff.call import Call
from minigrad.graph import walk
from minigrad.ops import matmul
from minigrad.ops.record import registry

now = time.thread_time_ns
spent: dict[str, int] = defaultdict(int)
"""Nanoseconds of the processor by kind of function, in one step."""


def timed(kind: str, f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        start = now()
        try:
            return f(*args, **kwargs)
        finally:
            spent[kind] += now() - start

    return call


def watch() -> None:
    """Time the functions of every op from now on."""
    for op in {*registry.values()}:
        _ = op.parameters, op.metadata, op.places  # read from the functions while they are bare
        product = op is matmul
        op.forward = timed("products" if product else "forward", op.forward)
        if isinstance(op.vjps, tuple):
            kind = "products" if product else "rules"
            op.vjps = tuple([rule and timed(kind, rule) for rule in op.vjps])
    walk.fit = timed("broadcasting undone", walk.fit)  # type: ignore[assignment]


def lengths(step: Callable[[], Any], rounds: int = 100) -> float:
    """The median time of a step, in nanoseconds."""
    found = []
    for _ in range(rounds):
        start = now()
        step()
        found.append(now() - start)
    return float(np.median(found))


STEPS = {
    "Call": "the function, recorded",
    "pull": "its gradient, recorded",
    "in_order": "the graph, in order",
    "directions": "directions",
    "push_through": "pushing",
    "handed": "handing out",
    "blocks_of": "blocks",
}


def hessian() -> None:
    """The steps of a Hessian, in microseconds."""
    for name, kind in STEPS.items():
        owner: Any = Call if name == "pull" else jacobians
        setattr(owner, name, timed(kind, getattr(owner, name)))
    workload, rows = WORKLOADS["hessian"], []
    step = workload.build("minigrad hessian", workload.sizes)
    for _ in range(1000):
        spent.clear()
        start = now()
        step()
        rows.append([*[spent[kind] for kind in STEPS.values()], now() - start])
    *parts, whole = np.median(rows, axis=0) / 1000
    titles = (*STEPS.values(), "checks and the rest", "all")
    print(f"| {' | '.join(titles)} |\n|{'--:|' * len(titles)}")
    cells = (*parts, whole - sum(parts), whole)
    print("|", " | ".join(f"{x:.0f}" for x in cells), "|")


def main() -> None:
    if sys.argv[1:] == ["hessian"]:
        hessian()
        return
    kinds = ("products", "forward", "rules", "broadcasting undone")
    steps = {
        name: [WORKLOADS[name].build(who, WORKLOADS[name].sizes) for who in (HAND, BACKWARD)]
        for name in sys.argv[1:]
    }
    whole = {name: [lengths(step) for step in pair] for name, pair in steps.items()}
    watch()
    print(f"| | {' | '.join(kinds)} | the rest | all |\n|---|{'--:|' * (len(kinds) + 2)}")
    for name, (_, step) in steps.items():
        rows = []
        for _ in range(100):
            spent.clear()
            step()
            rows.append([spent[kind] for kind in kinds])
        parts = np.median(rows, axis=0) / whole[name][0]
        ratio = whole[name][1] / whole[name][0]
        cells = [f"{x:.2f}" for x in (*parts, ratio - parts.sum(), ratio)]
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
