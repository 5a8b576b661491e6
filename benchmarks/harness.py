"""The harness: contestants take turns, in rounds, and are compared within each round.

A machine drifts: clocks change, neighbours wake up.  What is measured one after the other
is compared with another machine's mood; so every round runs each contestant once, in an
order that rotates, and a ratio is the median over rounds of the ratio *within* a round.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

import numpy as np

from benchmarks import THREADS

Step = Callable[[], Any]
"""One step: returns ``(loss, [gradients])``, or None where there is nothing to compare."""

PEERS = ("torch", "jax", "autograd", "mygrad", "micrograd")
SAMPLE = 0.02
"""Seconds that one sample lasts at least."""


@dataclass
class Contestant:
    """Someone's way to do a workload.

    ``build`` imports what it needs, prepares the data and returns the step; ``ops`` is the
    number of operations that the time of a step is divided by.
    """

    name: str
    build: Callable[[], Step]
    ops: int = 1


@dataclass(frozen=True)
class Target:
    """``contestant`` shall take at most ``limit`` times as long as ``reference``."""

    contestant: str
    limit: float
    reference: str


@dataclass
class Workload:
    """One task and everybody's way to do it.

    Attributes
    ----------
    name, title : str
        For the command line and for people.
    per : str
        What one time is the time of.
    tolerance : float
        Largest difference of losses and gradients, relative to the largest entry.
    settle : float
        Seconds to wait after a contestant, so that BLAS workers that still spin do not
        slow down the next one.
    rounds : int
        How often everybody runs, unless told otherwise.
    large : bool
        Whether its peak memory says something.
    """

    name: str
    title: str
    targets: tuple[Target, ...] = ()
    per: str = "step"
    tolerance: float = 1e-9
    settle: float = 0.0
    rounds: int = 25
    large: bool = False
    contestants: list[Contestant] = field(default_factory=list)

    def contestant(self, name: str, ops: int = 1) -> Callable[[Callable[[], Step]], None]:
        """Decorator: the function below builds the step of ``name``."""

        def enter(build: Callable[[], Step]) -> None:
            self.contestants.append(Contestant(name, build, ops))

        return enter


@dataclass
class Result:
    """Seconds per step (or op) of everybody who ran, one for each round."""

    workload: Workload
    times: dict[str, list[float]]

    def ratio(self, name: str, reference: str) -> float | None:
        """Median over the rounds of ``name / reference``; None if one did not run."""
        if name not in self.times or reference not in self.times:
            return None
        pairs = zip(self.times[name], self.times[reference], strict=True)
        return median(a / b for a, b in pairs)


# --- running ---------------------------------------------------------------------------


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def enter_all(workload: Workload) -> dict[Contestant, Step]:  # type: ignore[type-var]
    raise NotImplementedError


def build_all(workload: Workload) -> list[tuple[Contestant, Step]]:
    """Everybody's step; who is not installed is left out, and that is said."""
    entered = []
    for contestant in workload.contestants:
        try:
            entered.append((contestant, contestant.build()))
        except ModuleNotFoundError as error:
            say(f"{workload.name}: {contestant.name} is skipped ({error})")
    return entered


def check(workload: Workload, entered: list[tuple[Contestant, Step]]) -> None:
    """Compare everybody's loss and gradients with the first who does as many ops.

    Raises
    ------
    AssertionError
        Naming who disagrees, and by how much.
    """
    agreed: dict[int, list[Any]] = {}
    for contestant, step in entered:
        answer = step()
        if answer is None:
            continue
        loss, gradients = answer
        mine = [plain(x) for x in (loss, *gradients)]
        theirs = agreed.setdefault(contestant.ops, mine)
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            assert a.shape == b.shape, f"{contestant.name}: shape {a.shape}, not {b.shape}"
            off = float(np.max(abs(a - b)) / np.max(abs(b)))
            what = f"gradient {i}" if i else "loss"
            assert off <= workload.tolerance, (
                f"{workload.name}: the {what} of {contestant.name} is off by {off:.1e}"
            )


def plain(x: Any) -> Any:
    """A float64 array of anybody's number or array."""
    if hasattr(x, "detach"):
        x = x.detach()
    return np.asarray(getattr(x, "data", x) if hasattr(x, "requires_grad") else x, np.float64)


def sample(step: Step, loops: int) -> float:
    """Seconds per call of ``step``."""
    start = time.perf_counter()
    for _ in range(loops):
        step()
    return (time.perf_counter() - start) / loops


def calibrate(step: Step) -> int:
    """Calls that make a sample last long enough."""
    loops = 1
    while sample(step, loops) * loops < SAMPLE:
        loops *= 2
    return loops


def measure(workload: Workload, rounds: int | None = None) -> Result:
    """Check that everybody agrees, then time them in rounds."""
    entered = build_all(workload)
    check(workload, entered)
    # What setting up has left is not to be walked by collections that a step triggers.
    gc.collect()
    gc.freeze()
    runs = [(c.name, step, calibrate(step), c.ops) for c, step in entered]
    times: dict[str, list[float]] = {name: [] for name, *_ in runs}
    rounds = rounds or workload.rounds
    for i in range(rounds):
        say(f"\r{workload.name}: round {i + 1} of {rounds}", end="")
        first = i % len(runs)
        for name, step, loops, ops in runs[first:] + runs[:first]:
            gc.collect()
            step()  # caches and workers warm up untimed
            times[name].append(sample(step, loops) / ops)
            time.sleep(workload.settle)
    gc.unfreeze()
    return Result(workload, times)


# --- memory ----------------------------------------------------------------------------


def peak() -> float:
    """Largest memory that this process has held so far, MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def report_peak(workload: Workload, name: str, steps: int = 5) -> None:
    """Print what a few steps of contestant ``name`` add to the peak of this process, MiB."""
    build = next(c.build for c in workload.contestants if c.name == name)
    step = build()
    before = peak()
    for _ in range(steps):
        step()
    print(f"{peak() - before:.0f} {peak():.0f}")


def memory(workload: Workload) -> dict[str, tuple[float, float]]:
    """Peak of everybody in a process of its own: what the steps add, and all of it, MiB."""
    found = {}
    for contestant in workload.contestants:
        say(f"{workload.name}: memory of {contestant.name}")
        command = [sys.executable, "-m", "benchmarks", "--peak", workload.name, contestant.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            added, total = done.stdout.split()
            found[contestant.name] = (float(added), float(total))
        else:
            say(f"  skipped ({done.stderr.strip().splitlines()[-1]})")
    return found


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
