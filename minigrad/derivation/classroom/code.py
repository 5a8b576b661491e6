"""Files of students and teachers: Python files and notebooks, run for their variables."""

from __future__ import annotations

import json
import linecache
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import Namer, readings
from minigrad.tensor import Tensor

KINDS = (".py", ".ipynb")


def code_of(path: Path) -> str:
    """The Python code of a file; of a notebook, that of its cells, without magics.

    Raises
    ------
    ValueError
        For a file of another kind, or a notebook that is none.
    """
    if path.suffix not in KINDS:
        raise ValueError(f"{path.name}: only {' and '.join(KINDS)} files are read")
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py":
        return text
    try:
        cells = json.loads(text)["cells"]
        found = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path.name} is not a notebook") from None
    lines = "\n\n".join(found).split("\n")
    return "\n".join("" if t.lstrip().startswith(("%", "!", "?")) else t for t in lines)


def run(path: Path, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The variables that a file leaves, started with those that are ``given``."""
    source = code_of(path)
    filename = str(path)
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = {**(given or {}), "__name__": "__main__", "__file__": filename}
    sys.path.insert(0, str(path.parent))
    arguments, sys.argv = sys.argv, [filename]
    try:
        exec(compile(source, filename, "exec"), scope)
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise RuntimeError(f"{path.name} ended with exit code {stop.code}") from None
    finally:
        sys.argv = arguments
        sys.path.remove(str(path.parent))
    return scope


def output_of(scope: Mapping[str, Any]) -> Tensor:
    """The end of the computation: what is called ``output``, else the newest scalar Tensor.

    Raises
    ------
    ValueError
        Where there is none.
    """
    named = scope.get("output")
    if isinstance(named, Tensor) and named.node is not None:
        return named
    found = [t for t in scope.values() if isinstance(t, Tensor) and t.node is not None]
    scalars = [t for t in found if t.size == 1 and t.node.op is not None]
    if not scalars:
        arrays = {n: t for n, t in scope.items() if any(t is f and f.node.op for f in found)}
        for name, t in sorted(arrays.items(), key=lambda item: -int(item[1].node.seq))[:1]:
            raise ValueError(
                f"no variable holds a scalar Tensor that was recorded; {name} has shape {t.shape}: "
                "reduce it with .sum() or .mean()"
            )
        raise ValueError(
            "no variable of the file itself holds a scalar Tensor that was recorded: make the "
            "parameters with mg.Tensor(..., requires_grad=True), and the loss outside of functions"
        )
    return max(scalars, key=lambda t: int(t.node.seq))


def hand_in(scope: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[Any, Any]:
    """The answers in a student's variables: a dict, or variables called like gradients.

    Raises
    ------
    ValueError
        Where there are none.
    """
    for name in ("hand", "answers", "grads", "gradients"):
        if isinstance(scope.get(name), Mapping):
            return dict(scope[name])
    tensors = {n: [t] for n, t in reference.items() if isinstance(t, Tensor) and t.node is not None}
    namer = Namer(tensors)
    found = {}
    for name, value in scope.items():
        numeric = isinstance(value, int | float | np.number | np.ndarray | list | str)
        if name.startswith("_") or not numeric or name in tensors or not readings(name):
            continue
        meaning = namer.meaning(name)
        if meaning is not None and meaning.whole:
            found[name] = value
    if not found:
        raise ValueError(
            "no answers were found: hand in a dict called hand, or variables called dW, grad_W, ..."
        )
    return found
