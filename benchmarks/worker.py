"""A contestant's own process, so that nobody lives with another's heap, garbage or threads."""

from __future__ import annotations

import gc
import resource
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import Step
from benchmarks.workloads import WORKLOADS

SAMPLE = 0.02
"""Seconds that one sample lasts at least."""


def serve(pipe: Connection, workload: str, contestant: str) -> None:
    """Send the answer of one step (or what is missing); then a sample for every request.

    After the last request (False) send the peak memory of this process in MiB.
    """
    entry = WORKLOADS[workload].contestants[contestant]
    try:
        step = entry.build()
    except ModuleNotFoundError as error:
        pipe.send(error)
        return
    pipe.send(plainly(step()))
    # What setting up has left is not to be walked by collections that a step triggers.
    gc.collect()
    gc.freeze()
    forget_peak()
    loops = calibrate(step)
    while pipe.recv():
        gc.collect()
        step()  # caches and workers warm up untimed
        pipe.send(sample(step, loops) / entry.ops)
    pipe.send(peak())


def plainly(answer: Any) -> list[Any] | None:
    """Loss and gradients as float64 arrays, whoever made them."""
    if answer is None:
        return None
    loss, gradients = answer
    return [
        np.asarray(x.detach() if hasattr(x, "detach") else x, np.float64)
        for x in (loss, *gradients)
    ]


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


def forget_peak() -> None:
    """Start the peak anew, where the system can: comparing answers is not part of a step."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Largest memory that this process has held, MiB."""
    with suppress(OSError):  # Linux; its ru_maxrss includes the parent's
        words = Path("/proc/self/status").read_text().split()
        return int(words[words.index("VmHWM:") + 1]) / 2**10
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
