"""A contestant's own process, so that nobody lives with another's heap, garbage or threads."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import Step, Unavailable
from benchmarks.workloads import WORKLOADS

SAMPLE = 0.02
"""Seconds that one sample lasts at least."""
WARM = 0.06
"""Seconds of calls before it: after a pause clocks are slow, and the second core joins late."""


@dataclass
class Ready:
    """What a contestant answers, and what the first step took.

    ``answer`` is a list of float64 arrays, the loss first; ``first`` is in seconds; ``added``
    is the memory in MiB that later steps have held beyond what there was before the first.
    """

    answer: list[Any] | None
    first: float
    added: float


@dataclass
class Absent:
    """Why a contestant does not run, and whether that is a mistake."""

    reason: str
    failed: bool = False


def serve(pipe: Connection, workload: str, contestant: str, processor: bool = False) -> None:
    """Send `Ready` or `Absent`; then a sample for every request.

    After the last request (False) send the peak memory of this process in MiB.  With
    ``processor`` a sample is the time that processors worked for this process, which others
    that run at the same time lengthen by much less.
    """
    clock = time.process_time if processor else time.perf_counter
    task = WORKLOADS[workload]
    try:
        step = task.build(contestant, task.sizes)
        ready = prepare(step)
    except ModuleNotFoundError as error:
        pipe.send(Absent(f"{error.name} is not installed"))
        return
    except Unavailable as error:
        pipe.send(Absent(str(error)))
        return
    except Exception as error:
        pipe.send(Absent(f"{type(error).__name__}: {error}", failed=True))
        return
    pipe.send(ready)
    # What setting up has left is not to be walked by collections that a step triggers.
    gc.collect()
    gc.freeze()
    forget_peak()
    loops = calibrate(step, clock)
    while pipe.recv():
        gc.collect()
        start = time.perf_counter()
        while time.perf_counter() - start < WARM:
            step()
        pipe.send(sample(step, loops, clock) / task.contestants[contestant].ops)
    pipe.send(peak())


def prepare(step: Step) -> Ready:
    """The first steps.  Memory is read before answers are converted, which takes some."""
    gc.collect()
    give_back()
    forget_peak()
    before = peak()
    start = time.perf_counter()
    step()
    first = time.perf_counter() - start
    gc.collect()
    forget_peak()
    step()
    step()
    added = peak() - before
    return Ready(plainly(step()), first, added)


def plainly(answer: Any) -> list[Any] | None:
    """Loss and gradients as float64 arrays, whoever made them."""
    if answer is None:
        return None
    loss, gradients = answer
    return [
        np.asarray(x.detach() if hasattr(x, "detach") else x, np.float64)
        for x in (loss, *gradients)
    ]


def sample(step: Step, loops: int, clock: Callable[[], float]) -> float:
    """Seconds per call of ``step``."""
    start = clock()
    for _ in range(loops):
        step()
    return (clock() - start) / loops


def calibrate(step: Step, clock: Callable[[], float]) -> int:
    """Calls that make a sample last long enough."""
    loops = 1
    while sample(step, loops, clock) * loops < SAMPLE:
        loops *= 2
    return loops


def give_back() -> None:
    """Return freed memory to the system (glibc): a step that reuses it shall not have it free."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak() -> None:
    """Start the peak anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Largest memory that this process has held, MiB."""
    with suppress(OSError):  # Linux; its ru_maxrss includes the parent's
        words = Path("/proc/self/status").read_text().split()
        return int(words[words.index("VmHWM:") + 1]) / 2**10
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
