"""Mutations: does a change to a rule make some test fail?

A command, not a test::

    python tests/mutate.py minigrad/ops/elementwise.py -- tests/test_ops.py tests/test_edges.py
    python tests/mutate.py minigrad/nn/layers.py --sample 40 --limit 60 -- tests/test_nn_layers.py

Each mutant changes one place of a copy of the package: an operator, a comparison, a sign, a
constant, a flag.  It is killed when the tests fail or run out of time; what survives is
printed with its line, for a test to be written, or a reason why it is equivalent.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

assert numpy, "imported here, so that no fork has to"

ROOT = Path(__file__).resolve().parent.parent
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def changed(node: ast.AST) -> ast.AST | None:
    """``node`` with one thing else than it was; None where there is nothing to change."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.BinOp | ast.BoolOp) and type(new.op) in OTHER:
        new.op = OTHER[type(new.op)]()  # type: ignore[assignment]
        return new
    if isinstance(new, ast.Compare) and type(new.ops[0]) in OTHER:
        new.ops[0] = OTHER[type(new.ops[0])]()  # type: ignore[assignment]
        return new
    if isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.USub | ast.Not | ast.Invert):
        return new.operand
    if isinstance(new, ast.Constant) and type(new.value) in (int, float, bool):
        new.value = not new.value if type(new.value) is bool else new.value + 1
        return new
    return None


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, description and source of every mutant of a file."""
    tree = ast.parse(source)
    for parent in list(ast.walk(tree)):
        for name, field in list(ast.iter_fields(parent)):
            if name in ("annotation", "returns", "slice") and isinstance(parent, ast.arg):
                continue
            for i, child in enumerate(field if isinstance(field, list) else [field]):
                new = changed(child) if isinstance(child, ast.expr) else None
                if new is None:
                    continue
                place = field if isinstance(field, list) else None
                if place is None:
                    setattr(parent, name, new)
                else:
                    place[i] = new
                words = f"{ast.unparse(child)}  ->  {ast.unparse(new)}"
                yield child.lineno, words, ast.unparse(ast.fix_missing_locations(tree))
                if place is None:
                    setattr(parent, name, child)
                else:
                    place[i] = child


def survives(copied: Path, tests: list[str], limit: float) -> bool:
    """Whether the tests pass on the copy: in a fork, where NumPy and pytest are imported."""
    pid = os.fork()
    if not pid:
        os.setsid()
        os.chdir(copied)
        sys.path[:0] = [str(copied), str(copied / "tests")]
        os.environ["PYTHONPATH"] = str(copied)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]) != 0)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.05)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def main() -> None:
    """Mutate the files, run the tests, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", help="files to mutate, then -- and the tests to run")
    parser.add_argument("--sample", type=int, default=20, help="mutants of each file, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=120, help="seconds for the tests of one")
    if "--" not in sys.argv:
        parser.error("name the tests after --")
    at = sys.argv.index("--")
    options, tests = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for part in ("minigrad", "tests", "docs", "examples"):
            shutil.copytree(ROOT / part, copied / part)
        shutil.copy(ROOT / "pyproject.toml", copied)
        if not survives(copied, tests, options.limit):
            sys.exit("the tests fail, or run out of time, before anything is changed")
        tried = alive = 0
        for file in options.files:
            target = copied / file
            source = target.read_text(encoding="utf-8")
            found = list(mutants(source))
            random.Random(options.seed).shuffle(found)
            for line, words, text in found[: options.sample]:
                target.write_text(text, encoding="utf-8")
                tried += 1
                if survives(copied, tests, options.limit):
                    alive += 1
                    print(f"{file}:{line}  {words}", flush=True)
            target.write_text(source, encoding="utf-8")
    print(f"{alive} of {tried} mutants survived ({alive / max(tried, 1):.0%})")


if __name__ == "__main__":
    main()
