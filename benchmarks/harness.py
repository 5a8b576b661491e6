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
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import numpy as np

from benchmarks import THREADS
from benchmarks.contest import Workload
from benchmarks.worker import serve

PEERS = ("torch", "jax", "autograd", "mygrad", "micrograd")


@dataclass
class Result:
    """Of everybody who ran: seconds per step (or op), one for each round; peak memory, MiB."""

    workload: Workload
    times: dict[str, list[float]]
    memory: dict[str, float]

    def ratio(self, name: str, reference: str) -> float | None:
        """Median over the rounds of ``name / reference``; None if one did not run."""
        if name not in self.times or reference not in self.times:
            return None
        pairs = zip(self.times[name], self.times[reference], strict=True)
        return median(a / b for a, b in pairs)


# --- running ---------------------------------------------------------------------------


def say(text: str, end: str = "\n") -> None:
    print(text, file=sys.stderr, end=end, flush=True)


@contextmanager
def hired(workload: Workload, name: str) -> Iterator[Connection]:
    """A process of its own for a contestant, at the other end of a pipe."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, workload.name, name), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join()


def compare(workload: Workload, answers: dict[str, Any]) -> None:
    """Compare everybody's loss and gradients with the first who does as many ops.

    Raises
    ------
    AssertionError
        Naming who disagrees, and by how much.
    """
    agreed: dict[int, Any] = {}
    for name, mine in answers.items():
        if mine is None:
            continue
        theirs = agreed.setdefault(workload.contestants[name].ops, mine)
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            what = f"{workload.name}: {f'gradient {i}' if i else 'the loss'} of {name}"
            assert a.shape == b.shape, f"{what} has shape {a.shape}, not {b.shape}"
            off = float(np.max(abs(a - b)) / np.max(abs(b)))
            assert off <= workload.tolerance, f"{what} is off by {off:.1e}"


def measure(workload: Workload, rounds: int | None = None) -> Result:
    """Check that everybody agrees, then time them in rounds.

    Who is not installed is left out, and that is said.
    """
    rounds = rounds or workload.rounds
    with ExitStack() as stack:
        pipes, answers = {}, {}
        for name in workload.contestants:
            say(f"\r\033[K{workload.name}: preparing {name}", end="")
            pipe = stack.enter_context(hired(workload, name))
            answer = pipe.recv()
            if isinstance(answer, ModuleNotFoundError):
                say(f"\r\033[K{workload.name}: {name} is skipped ({answer})")
            else:
                pipes[name], answers[name] = pipe, answer
        compare(workload, answers)
        names = list(pipes)
        times: dict[str, list[float]] = {name: [] for name in names}
        for i in range(rounds):
            say(f"\r\033[K{workload.name}: round {i + 1} of {rounds}", end="")
            first = i % len(names)
            for name in names[first:] + names[:first]:
                pipes[name].send(True)
                times[name].append(pipes[name].recv())
                time.sleep(workload.settle)
        say("")
        memory = {}
        for name, pipe in pipes.items():
            pipe.send(False)
            memory[name] = pipe.recv()
    return Result(workload, times, memory)


# --- telling ---------------------------------------------------------------------------


def environment() -> str:
    """Versions, processors and threads: what numbers are worthless without."""
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    for peer in PEERS:
        try:
            versions.append(f"{peer} {version(peer)}")
        except PackageNotFoundError:
            versions.append(f"{peer} not installed")
    return f"{', '.join(versions)}; {os.cpu_count()} CPUs, {THREADS} threads for everybody"


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
    """Everybody's median, spread, ratio to the first, and peak memory."""
    reference = next(iter(result.times))
    rows = []
    for name, times in result.times.items():
        low, high = np.percentile(times, [25, 75]) * 1e6
        ratio = result.ratio(name, reference)
        spread = f"{number(low)} to {number(high)}"
        peak = f"{result.memory[name]:.0f}"
        rows.append([name, number(median(times) * 1e6), spread, f"{ratio:.2f}", peak])
    head = ["", f"µs per {result.workload.per}", "middle half", f"× {reference}", "peak MiB"]
    return f"### {result.workload.title}\n\n{table(head, rows)}\n"


def number(x: float) -> str:
    """Three significant digits, never an exponent."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def targets_table(results: list[Result]) -> str:
    """Every target, what was measured, and whether it is reached."""
    rows = []
    for result in results:
        for target in result.workload.targets:
            ratio = result.ratio(target.contestant, target.reference)
            verdict = "not run" if ratio is None else "yes" if ratio <= target.limit else "no"
            rows.append(
                [
                    f"{result.workload.title}: {target.contestant} / {target.reference}",
                    "" if ratio is None else f"{ratio:.3f}",
                    f"≤ {target.limit:.2f}",
                    verdict,
                ]
            )
    return f"### Targets\n\n{table(['', 'ratio', 'target', 'reached'], rows)}\n" if rows else ""
