"""What has to be paid before the first result: importing, tracing, compiling."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import minigrad as mg
from benchmarks.contest import Step, Target, Workload
from benchmarks.contestants import COMPILED, FUNCTION, JAX, compiled, jax_in_double
from benchmarks.workloads.networks import mlp32, mlp32_loss

# --- the first call --------------------------------------------------------------------

LIMIT = 0.010

first = Workload(
    "first",
    "First call (trace, compile, run) of MLP 32×16→8→1, float64",
    mlp32.data,
    mlp32.parameters,
    mlp32.sizes,
    mlp32.small,
    targets=(Target(COMPILED, LIMIT), Target(COMPILED, LIMIT, of="first call")),
    per="first call",
)


def anew(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that nobody has seen before, so that nothing about it can be remembered."""
    return FunctionType(f.__code__, f.__globals__, f.__name__)


@first.contestant(FUNCTION)
def _(*data: Any) -> Step:
    return lambda: mg.value_and_grad(anew(mlp32_loss), argnums=(0, 1, 2, 3))(*data)


@first.contestant(COMPILED)
def _(*data: Any) -> Step:
    compiled(mlp32_loss)  # says now, rather than in the step, that there is no compiler
    return lambda: compiled(mg.value_and_grad(anew(mlp32_loss), argnums=(0, 1, 2, 3)))(*data)


@first.contestant(JAX)
def _(*data: Any) -> Step:
    jax = jax_in_double()
    on_device = [jax.device_put(v) for v in data]

    def loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        h = jax.numpy.tanh(X @ W1 + b1)
        return ((h @ W2 + b2 - y) ** 2).mean()

    def step() -> Any:
        fresh = FunctionType(loss.__code__, globals(), closure=loss.__closure__)
        compiled = jax.jit(jax.value_and_grad(fresh, argnums=(0, 1, 2, 3)))
        return jax.block_until_ready(compiled(*on_device))

    return step


# --- import ----------------------------------------------------------------------------

imports = Workload(
    "import",
    "Importing, with Python's start",
    data=tuple,
    parameters=0,
    small=None,
    targets=(Target("import minigrad", 1.25, ("import numpy",)),),
    per="process",
)


def process(statement: str) -> Step:
    """A whole process; bytecode is cached, as it is for whoever installs a package."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def step() -> None:
        subprocess.run([sys.executable, "-c", statement], env=environment, check=True)

    return step


for statement in ("import numpy", "import minigrad", "pass"):
    imports.contestant(statement)(partial(process, statement))
