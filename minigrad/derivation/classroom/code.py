"""Files of students and teachers: Python files and notebooks, run for their variables."""

from __future__ import annotations

import ast
import codecs
import inspect
import json
import linecache
import re
import sys
import tokenize
import types
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import Namer, readings
from minigrad.tensor import Tensor
from minigrad.typing import Keywords, Variables

KINDS = (".py", ".ipynb")
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)
TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

OF_PYTHON = ("time", "timeit", "capture", "prun")
MAGIC_CELL = re.compile(r"%%(\w+).*\n?")
TIMED = re.compile(r"^(\s*)%(?:time|timeit|prun)\s+(?!-)")
MAGIC = re.compile(r"^(\s*)(?:%[a-zA-Z_]|!|\?|[\w., ]+=\s*(?:!|%[a-z])|[\w.]+\?{1,2}\s*$).*")
"""Lines for the shell, for IPython, and for help; a variable may take what they answer."""


def cells_of(path: Path) -> list[str]:
    """The Python code of a file: one piece, or the cells of a notebook, without their magics.

    Raises
    ------
    ValueError
        For a file of another kind, or a notebook that is none.
    """
    if path.suffix not in KINDS:
        raise ValueError(f"{path.name}: only {' and '.join(KINDS)} files are read")
    text = text_of(path)
    if path.suffix == ".py":
        return [text]
    try:
        book = json.loads(text)
        cells = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
        found = [
            "".join(c["source"] if "source" in c else c["input"])
            for c in cells if c["cell_type"] == "code"
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, IndexError):
        raise ValueError(f"{path.name} is not a notebook") from None
    return [plain_python(cell) for cell in found]


def text_of(path: Path) -> str:
    """The text of a file in the encoding that it declares, or that its first bytes tell."""
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError):
        return raw.decode("utf-8-sig", errors="replace")


def plain_python(cell: str) -> str:
    """A cell without what only IPython understands; as it is where it is Python already."""
    with suppress(SyntaxError, ValueError):
        compile(cell, "cell", "exec", TOP_LEVEL_AWAIT)
        return cell
    first = MAGIC_CELL.match(cell.lstrip())
    if first is not None:
        return cell.lstrip()[first.end() :] if first[1] in OF_PYTHON else ""
    return "\n".join(MAGIC.sub(r"\1pass", TIMED.sub(r"\1", t)) for t in cell.split("\n"))


def run(path: Path, given: Keywords | None = None) -> Variables:
    """The variables that a file leaves, started with those that are ``given``.

    Raises
    ------
    Exception
        What its code raises.
    """
    scope, stopped = left_by(path, cells_of(path), given)
    if stopped is not None:
        raise stopped
    return scope


def left_by(
    path: Path, cells: list[str], given: Keywords | None = None
) -> tuple[Variables, Exception | None]:
    """The variables that cells leave, and what the first of them that failed was stopped by."""
    scope: Variables = {**(given or {}), "__name__": "__main__", "__file__": str(path)}
    if path.suffix == ".ipynb":
        scope |= {"display": print, "get_ipython": Silent}
    sys.path.insert(0, str(path.parent))
    arguments, sys.argv = sys.argv, [str(path)]
    stopped: Exception | None = None
    try:
        for k, cell in enumerate(cells):
            try:
                execute(cell, str(path) if len(cells) == 1 else f"{path}, cell {k + 1}", scope)
            except SystemExit as stop:
                if stop.code not in (None, 0):
                    left = RuntimeError(f"{path.name} ended with exit code {stop.code}")
                    stopped = stopped or left
                break
            except Exception as error:
                stopped = stopped or error
            except BaseException as error:  # an interrupt of its own, or what is derived from it
                stopped = stopped or RuntimeError(f"{path.name} raised {type(error).__name__}")
    finally:
        sys.argv = arguments
        sys.path.remove(str(path.parent))
    return scope, stopped


def execute(cell: str, filename: str, scope: Variables) -> None:
    """Run one piece of code; where it awaits something, to its end."""
    linecache.cache[filename] = (len(cell), None, cell.splitlines(True), filename)
    code = compile(cell, filename, "exec", TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio  # seldom needed

        waiting: Any = types.FunctionType(code, scope)()
        asyncio.run(waiting)
    else:
        exec(code, scope)


def unreached(cells: list[str], scope: Keywords) -> Variables:
    """The variables that cells would have set, had they not stopped: None each."""
    found: Variables = {}
    for cell in cells:
        with suppress(SyntaxError, ValueError):
            todo: list[ast.AST] = [ast.parse(cell)]
            while todo:
                node = todo.pop()
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found[node.id] = None
                if not isinstance(node, SCOPES):
                    todo += ast.iter_child_nodes(node)
    return {name: None for name in found if name not in scope}


class Silent:
    """Stands for IPython's shell: does nothing, whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def output_of(scope: Keywords) -> Tensor:
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


def hand_in(scope: Keywords, reference: Keywords) -> dict[Any, Any]:
    """The answers in a student's variables: a dict, or variables called like gradients.

    Of a variable that is None nothing was written.

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
    found, of = {}, {}
    for name, value in scope.items():
        numeric = isinstance(value, int | float | np.number | np.ndarray | list | str | None)
        if name.startswith("_") or not numeric or name in tensors or not readings(name):
            continue
        meaning = namer.meaning(name)
        if meaning is not None and meaning.whole:
            found[name], of[name] = value, meaning.variable
    written = {of[name] for name, value in found.items() if value is not None}
    found = {n: v for n, v in found.items() if v is not None or of[n] not in written}
    if not written:
        raise ValueError(
            "no answers were found: hand in a dict called hand, or variables called dW, grad_W, ..."
        )
    return found
