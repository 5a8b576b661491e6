"""Mutations: does a change to a rule make some test fail?

A command, not a test::

    python tests/mutate.py minigrad/ops/elementwise.py -- tests/test_ops.py tests/test_edges.py
    python tests/mutate.py minigrad/nn/layers.py --sample 40 -- tests/test_nn_layers.py
    python tests/mutate.py minigrad/ops/shape.py --tables --sample 9 -- tests/test_facts.py

Each mutant changes one place of the package: an operator, a comparison, a sign, a constant, a
flag.  It is killed when a test fails or runs out of time; what survives is printed with its
line, for a test to be written, or a reason why it is equivalent.

The tests are collected and run once, which tells who calls which function.  A mutant of a
function then lives in a fork, which has its code exchanged and runs who calls it.  What stands
in no function (the facts of a table, defaults) needs ``--tables``: a copy of the package, and
all of the tests for each.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import gc
import inspect
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy
import pytest
from _pytest.runner import runtestprotocol

assert numpy, "imported here, so that no fork has to"


class Absent:
    """Peers whose threads a fork lacks and would wait for: the default tests do without them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse them, so that their tests are skipped."""
        if name.partition(".")[0] in ("torch", "jax", "dask"):
            raise ModuleNotFoundError(f"{name} is left out of campaigns")


ROOT = Path(__file__).resolve().parent.parent
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


# --- mutants ---------------------------------------------------------------------------


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


def mutants(source: str) -> Iterator[tuple[int, str, ast.Module]]:
    """Line, description and tree of every mutant of a file; the tree is changed back after."""
    tree = ast.parse(source)
    for parent in list(ast.walk(tree)):
        for name, field in list(ast.iter_fields(parent)):
            if name in ("annotation", "returns") or isinstance(parent, ast.FormattedValue):
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
                yield child.lineno, words, ast.fix_missing_locations(tree)
                if place is None:
                    setattr(parent, name, child)
                else:
                    place[i] = child


def differing(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]]:
    """Functions of a module before and after, where the code itself is another."""
    pairs = []
    olds = [c for c in old.co_consts if isinstance(c, CodeType)]
    news = [c for c in new.co_consts if isinstance(c, CodeType)]
    if len(olds) != len(news):  # a branch that the constant rules out: the caller's code says so
        return []
    for a, b in zip(olds, news, strict=True):
        inner = differing(a, b)
        own = (a.co_consts, b.co_consts)
        plain = [[repr(x) for x in consts if not isinstance(x, CodeType)] for consts in own]
        changed = inner or a.co_code != b.co_code or plain[0] != plain[1]
        if changed and a.co_flags & inspect.CO_OPTIMIZED:  # a function, not the body of a class
            pairs.append((a, b))
        pairs += inner
    return pairs


def place(code: CodeType) -> str:
    """What tells a function of the package from all others."""
    start = next(p for p in code.co_positions() if p[0] is not None)
    end = list(code.co_positions())[-1]
    name = os.path.relpath(code.co_filename, ROOT)
    return f"{name}:{code.co_firstlineno}:{start[2]}:{end[2:]}:{code.co_name}"


# --- in forks --------------------------------------------------------------------------


def outlived(run: Callable[[], bool], limit: float) -> bool:
    """Whether ``run``, in a fork, says so within ``limit`` seconds."""
    pid = os.fork()
    if not pid:
        os.setsid()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = 1
        with contextlib.suppress(BaseException):
            code = 0 if run() else 1
        os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print("out of time:", end=" ", file=sys.stderr)
    return False


class Campaign:
    """A plugin of pytest that runs what it has collected again and again, on mutants."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.files = {str(ROOT / file): file for file in options.files}
        self.tried = self.alive = 0

    def passes(self, item: Any, following: Any) -> bool:
        with contextlib.redirect_stdout(io.StringIO()):
            reports = runtestprotocol(item, nextitem=following, log=False)
        return not any(report.failed for report in reports)

    def callers(self, items: list[Any]) -> dict[str, list[int]]:
        """Place of each function -> the tests that call it, by number."""
        known = Path(self.options.known) if self.options.known else None
        if known and known.exists():
            by_name = json.loads(known.read_text())
            numbers = {item.nodeid: i for i, item in enumerate(items)}
            return {
                k: sorted(numbers[name] for name in names if name in numbers)
                for k, names in by_name.items()
            }
        found: dict[CodeType, set[int]] = {}
        outside: set[CodeType] = set()
        failing: set[int] = set()

        def watch(frame: Any, event: str, arg: Any) -> None:
            code = frame.f_code
            if event != "call" or code in outside:
                return
            if code.co_filename in self.files:
                found.setdefault(code, set()).add(i)
            else:
                outside.add(code)

        for i, item in enumerate(items):
            sys.setprofile(watch)
            try:
                good = self.passes(item, items[i + 1] if i + 1 < len(items) else None)
            finally:
                sys.setprofile(None)
            if not good:
                print(f"{item.nodeid} fails before anything is changed", file=sys.stderr)
                failing.add(i)
        callers: dict[str, set[int]] = {}
        for code, numbers in found.items():
            callers.setdefault(place(code), set()).update(numbers - failing)
        if known:
            names = {k: [items[i].nodeid for i in v] for k, v in callers.items()}
            known.write_text(json.dumps(names))
        return {k: sorted(v) for k, v in callers.items()}

    def pytest_runtestloop(self, session: Any) -> bool:
        items = session.items[:: self.options.every]
        callers = self.callers(items)
        living: dict[str, list[FunctionType]] = {}
        gc.unfreeze()  # what is frozen is not among the objects
        for x in gc.get_objects():
            if type(x) is FunctionType and x.__code__.co_filename in self.files:
                living.setdefault(place(x.__code__), []).append(x)
        gc.freeze()
        for path, file in self.files.items():
            source = Path(path).read_text(encoding="utf-8")
            old = compile(source, path, "exec")
            found = []
            for line, words, tree in mutants(source):
                pairs = differing(old, compile(tree, path, "exec"))
                if pairs and self.options.only in words and line in self.options.lines:
                    found.append((line, words, pairs))
            random.Random(self.options.seed).shuffle(found)
            for line, words, pairs in found[: self.options.sample]:
                self.attempt(f"{file}:{line}  {words}", pairs, living, callers, items)
        return True

    def attempt(self, words: str, pairs: Any, living: Any, callers: Any, items: Any) -> None:
        """Try one mutant, and tell if it survives."""
        inner = pairs[-1][0]
        chosen = sorted({i for old, _ in pairs for i in callers.get(place(old), ())})
        if callers.get(place(inner)):
            chosen = callers[place(inner)]
        random.Random(0).shuffle(chosen)
        chosen = sorted(chosen[: self.options.most])

        def run() -> bool:
            for old, new in pairs:
                for function in living.get(place(old), ()):
                    function.__code__ = new
            return all(
                self.passes(items[i], items[k] if k is not None else None)
                for i, k in zip(chosen, [*chosen[1:], None], strict=True)
            )

        self.tried += 1
        if not chosen or outlived(run, self.options.limit):
            self.alive += 1
            print(f"{words}   [{len(chosen)} tests]", flush=True)
        print(f"\r{self.alive} of {self.tried} alive", end="\r", file=sys.stderr, flush=True)


def in_a_copy(options: argparse.Namespace, tests: list[str]) -> tuple[int, int]:
    """Tried and alive, of what stands in no function."""
    tried = alive = 0
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder)
        for part in ("minigrad", "tests", "docs", "examples"):
            shutil.copytree(ROOT / part, copied / part)
        shutil.copy(ROOT / "pyproject.toml", copied)

        def run() -> bool:
            os.chdir(copied)
            sys.path[:0] = [str(copied), str(copied / "tests")]
            os.environ["PYTHONPATH"] = str(copied)
            return pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]) == 0

        if not outlived(run, options.limit):
            sys.exit("the tests fail, or run out of time, before anything is changed")
        for file in options.files:
            target = copied / file
            source = target.read_text(encoding="utf-8")
            old = compile(source, file, "exec")
            found = [
                (line, words, ast.unparse(tree))
                for line, words, tree in mutants(source)
                if not differing(old, compile(tree, file, "exec"))
                and options.only in words
                and line in options.lines
            ]
            random.Random(options.seed).shuffle(found)
            for line, words, text in found[: options.sample]:
                target.write_text(text, encoding="utf-8")
                tried += 1
                if outlived(run, options.limit):
                    alive += 1
                    print(f"{file}:{line}  {words}", flush=True)
            target.write_text(source, encoding="utf-8")
    return tried, alive


def main() -> None:
    """Mutate the files, run the tests, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", help="files to mutate, then -- and the tests to run")
    parser.add_argument("--sample", type=int, default=20, help="mutants of each file, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=120, help="seconds for the tests of one")
    parser.add_argument("--most", type=int, default=10_000, help="tests of one, at random")
    parser.add_argument("--every", type=int, default=1, help="every so many-th test only")
    parser.add_argument("--only", default="", help="mutants that these words describe")
    parser.add_argument("--from-line", type=int, default=0)
    parser.add_argument("--to-line", type=int, default=10**6)
    parser.add_argument("--known", help="a file that keeps which test calls what")
    parser.add_argument("--tables", action="store_true", help="what stands in no function")
    if "--" not in sys.argv:
        parser.error("name the tests after --")
    at = sys.argv.index("--")
    sys.meta_path.insert(0, Absent())
    options, tests = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    options.lines = range(options.from_line, options.to_line + 1)
    if options.tables:
        tried, alive = in_a_copy(options, tests)
    else:
        campaign = Campaign(options)
        pytest.main(["-q", "-s", "-p", "no:cacheprovider", *tests], plugins=[campaign])
        tried, alive = campaign.tried, campaign.alive
    print(f"{alive} of {tried} mutants survived ({alive / max(tried, 1):.0%})")


if __name__ == "__main__":
    main()
