"""The harness: contestants take turns, in rounds, and are compared within each round.

A machine drifts: clocks change, neighbours wake up.  What is measured one after the other
is compared with another machine's mood; so every round runs each contestant once, in an
order that rotates, and a ratio is the median over rounds of the ratio *within* a round.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import numpy as np

from benchmarks.contest import Target, Workload, disagreement
from benchmarks.worker import Absent, Ready, serve

PEERS = ("torch", "jax", "autograd", "mygrad", "micrograd")


@dataclass
class Result:
    """What was measured of everybody who ran, and why others did not.

    Attributes
    ----------
    times : dict
        Seconds per step (or op), one for each round.
    first, peak, added : dict
        Seconds of the first step; largest memory of the process; memory of a step beyond
        what there was before it, both in MiB.
    absent : dict
        Reasons, as `Absent`.
    """

    workload: Workload
    times: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    added: dict[str, float] = field(default_factory=dict)
    absent: dict[str, Absent] = field(default_factory=dict)

    def ratio(self, name: str, *references: str) -> float | None:
        """Median over the rounds of ``name`` / the best of the references; None if not run."""
        running = [self.times[r] for r in references if r in self.times]
        if name not in self.times or not running:
            return None
        best = map(min, zip(*running, strict=True))
        return median(a / b for a, b in zip(self.times[name], best, strict=True))

    def measured(self, target: Target) -> float | None:
        """What the target limits: a ratio, or seconds; None if somebody needed did not run."""
        if target.of == "time" and target.references:
            return self.ratio(target.contestant, *target.references)
        values = {
            "time": {name: median(times) for name, times in self.times.items()},
            "first call": self.first,
            "memory": self.added,
        }[target.of]
        if target.contestant not in values:
            return None
        value = values[target.contestant]
        if not target.references:
            return value
        best = min((values[r] for r in target.references if r in values), default=None)
        return None if best is None else value / best


# --- running ---------------------------------------------------------------------------


def say(text: str, end: str = "\n") -> None:
    print(text, file=sys.stderr, end=end, flush=True)


@contextmanager
def hired(workload: Workload, name: str, processor: bool) -> Iterator[Connection]:
    """A process of its own for a contestant, at the other end of a pipe."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    given = (there, workload.name, name, processor)
    process = context.Process(target=serve, args=given, daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join()


def measure(
    workload: Workload, rounds: int | None = None, who: Any = None, processor: bool = False
) -> Result:
    """Compare the answers of everybody (or of those in ``who``), then time them in rounds.

    Who is not installed, fails, or disagrees with the first who does as many ops is left
    out, and that is said.
    """
    rounds = rounds or workload.rounds
    result = Result(workload)
    with ExitStack() as stack:
        pipes: dict[str, Connection] = {}
        agreed: dict[int, Any] = {}
        for name, contestant in workload.contestants.items():
            if who and name not in who:
                continue
            say(f"\r\033[K{workload.name}: preparing {name}", end="")
            pipe = stack.enter_context(hired(workload, name, processor))
            reply = received(pipe)
            if isinstance(reply, Ready) and reply.answer is not None:
                theirs = agreed.setdefault(contestant.ops, reply.answer)
                if complaint := disagreement(workload, reply.answer, theirs):
                    reply = Absent(complaint, failed=True)
            if isinstance(reply, Absent):
                result.absent[name] = reply
                say(f"\r\033[K{workload.name}: {name} is left out ({reply.reason})")
                continue
            pipes[name], result.times[name] = pipe, []
            result.first[name], result.added[name] = reply.first, reply.added
        names = list(pipes)
        for i in range(rounds):
            say(f"\r\033[K{workload.name}: round {i + 1} of {rounds}", end="")
            first = i % max(1, len(names))
            for name in names[first:] + names[:first]:
                pipes[name].send(True)
                result.times[name].append(pipes[name].recv())
                time.sleep(workload.settle)
        say("")
        for name, pipe in pipes.items():
            pipe.send(False)
            result.peak[name] = pipe.recv()
    return result


def received(pipe: Connection) -> Ready | Absent:
    """What the worker sends, also if that is nothing."""
    try:
        return pipe.recv()
    except EOFError:
        return Absent("its process died", failed=True)


# --- telling ---------------------------------------------------------------------------


def environment() -> str:
    """Versions, processors and threads: what numbers are worthless without."""
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    for peer in PEERS:
        try:
            versions.append(f"{peer} {version(peer)}")
        except PackageNotFoundError:
            versions.append(f"{peer} not installed")
    threads = os.environ["BENCHMARK_THREADS"]
    return f"{', '.join(versions)}; {os.cpu_count()} CPUs, {threads} threads for everybody"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, aligned to be read as it is; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    lines = [
        [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))]
        for row in (head, rule, *rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def times_table(result: Result) -> str:
    """Everybody's median, spread, ratio to the first, first call and memory."""
    reference = next(iter(result.times), "nobody")
    rows = []
    for name, times in result.times.items():
        low, high = np.percentile(times, [25, 75]) * 1e6
        rows.append(
            [
                name,
                number(median(times) * 1e6),
                f"{number(low)} to {number(high)}",
                f"{result.ratio(name, reference):.2f}",
                number(result.first[name] * 1e3),
                f"{result.added[name]:.1f}",
                f"{result.peak[name]:.0f}",
            ]
        )
    head = ["", f"µs per {result.workload.per}", "middle half", f"× {reference}"]
    head += ["first, ms", "step, MiB", "peak, MiB"]
    absent = "".join(f"\n{name}: {why.reason}." for name, why in result.absent.items())
    return f"### {result.workload.title}\n\n{table(head, rows)}\n{absent}\n"


def number(x: float) -> str:
    """Three significant digits, never an exponent."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def targets_table(results: list[Result]) -> str:
    """Every target, what was measured, and whether it is reached."""
    rows = []
    for result in results:
        for target in result.workload.targets:
            value = result.measured(target)
            verdict = "not run" if value is None else "yes" if value <= target.limit else "no"
            unit, scale = ("", 1) if target.references else (" ms", 1e3)
            what = target.contestant if target.of == "time" else f"{target.of}, {target.contestant}"
            if target.references:
                ran = [r for r in target.references if r in result.times]
                what += f" / {' or '.join(ran or target.references)}"
            rows.append(
                [
                    f"{result.workload.title}: {what}",
                    f"{target.limit * scale:.2f}{unit}",
                    "" if value is None else f"{value * scale:.3f}{unit}",
                    verdict,
                ]
            )
    return f"### Targets\n\n{table(['', 'limit', 'measured', 'reached'], rows)}\n" if rows else ""
