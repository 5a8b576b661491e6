"""Memory: bytes that a recorded op holds, and what checkpointing saves.

``python -m benchmarks.memory`` prints two Markdown tables.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np

import minigrad as mg

OPS = 200_000

RECORD = """
import sys
from pathlib import Path
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
import numpy as np
who, small, ops = sys.argv[1], sys.argv[2] == "array", int(sys.argv[3])
value = np.full(10, 0.3) if small else 0.3
if who == "minigrad":
    import minigrad as mg
    w = mg.Tensor(value, requires_grad=True)
else:
    import torch
    w = torch.tensor(value, dtype=torch.float64, requires_grad=True)
def chain(n):
    h = w
    for _ in range(n // 2):
        h = h * 0.9 + w
    return h
kept = chain(1000)
before = held()
kept = chain(ops)
print((held() - before) / ops)
"""
"""A chain of products and sums, recorded and kept, by one library in a process of its own."""


def bytes_per_op(who: str, what: str) -> float | None:
    """Resident memory per recorded op; None where the library is missing."""
    command = [sys.executable, "-c", RECORD, who, what, str(OPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def piece(x: Any, n: int) -> Any:
    for _ in range(n):
        x = np.sin(x) * 1.1
    return x


def peak(f: Any, x: Any) -> float:
    """Largest memory while the gradient of ``f`` is computed, in arrays like ``x``."""
    gradient = mg.grad(f)
    gradient(x)
    tracemalloc.start()
    gradient(x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / x.nbytes


def chain(steps: int, pieces: int) -> Any:
    """A chain of ``steps`` steps, in so many checkpointed pieces; 0: recorded as it is."""
    if not pieces:
        return lambda x: piece(x, steps).sum()
    part = mg.checkpoint(lambda x: piece(x, steps // pieces))

    def f(x: Any) -> Any:
        for _ in range(pieces):
            x = part(x)
        return x.sum()

    return f


def main() -> None:
    print("| bytes per recorded op | minigrad | PyTorch |\n| --- | --: | --: |")
    for what, title in (("scalar", "scalar"), ("array", "array of 10")):
        cells = [bytes_per_op(who, what) for who in ("minigrad", "torch")]
        words = ["not installed" if b is None else f"{b:.0f}" for b in cells]
        print(f"| {title} | {' | '.join(words)} |")
    print("\n| steps | recorded, arrays | √n checkpoints, arrays |\n| --: | --: | --: |")
    x = np.linspace(0, 1, 20_000)
    for steps in (16, 64, 256):
        root = int(steps**0.5)
        print(f"| {steps} | {peak(chain(steps, 0), x):.0f} | {peak(chain(steps, root), x):.0f} |")


if __name__ == "__main__":
    main()
