"""Mutations: does a change to the code make some test fail?

A command, not a test (it needs ``pip install coverage``)::

    python tests/mutate.py --sample 400 --seed 1                      # over the whole package
    python tests/mutate.py minigrad/ops minigrad/batch --sample 60
    python tests/mutate.py minigrad/nn --each 20 -- tests/test_nn_by_hand.py tests/test_losses.py

Each mutant changes one place: an operator, a comparison, a sign, a constant, a flag; with
``--parts``, it lacks one: a guard, a condition among others, one of two cases.  It is
killed when a test that runs its line fails, or hangs; what survives is printed with its line,
for a test to be written, for the code to be deleted, or for a row with the reason in
``tests/equivalent_mutants.toml``, which matches by file, text of the line and change.

The default tests (``make test``) are run once, to know which of them run which line; that is
kept (``--known``), and completed when tests are added.  A mutant of a function lives in a fork
of the process that has collected the tests, with its code exchanged; one of what stands in no
function (a table's facts, defaults), or runs at imports only, in a fork that imports the
package anew. Tests run in an order that changes their file at each step, for ``--seconds`` of
processor time: those that run the line, and then those that run others of the file, since a line is
not seen to run under a trace function of the package, or where its answer is kept. A test that
kills is run without the mutant, too, once, and left out should it fail. PyTorch, JAX and Dask are
left out: a fork lacks their threads and would wait for them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import functools
import gc
import hashlib
import inspect
import io
import json
import mmap
import os
import re
import resource
import signal
import sys
import time
import tomllib
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

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


# --- mutants ---------------------------------------------------------------------------


@dataclass
class Mutant:
    """One change of one line, and what the module's tree becomes by it."""

    file: str
    line: int
    text: str
    words: str
    pairs: list[tuple[CodeType, CodeType]]
    source: str

    @property
    def constant(self) -> str:
        """The name of the module's constant that the line gives a value."""
        name, equals, _ = self.text.partition(" = ")
        return name if equals and not self.pairs else ""

    @property
    def bound(self) -> ast.expr | None:
        """The bound of a comparison that the mutant lets in, or keeps out."""
        sides = self.words.split("  ->  ")
        try:
            old, new = (ast.parse(words, mode="eval").body for words in sides)
        except SyntaxError:  # of statements
            return None
        if not isinstance(old, ast.Compare) or not isinstance(new, ast.Compare):
            return None
        same = isinstance(old.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        return min(old.left, old.comparators[0], key=within) if same else None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.words}"


def within(side: ast.expr) -> int:
    """Bounds first: names of constants, and numbers."""
    return 0 if isinstance(side, ast.Constant) else 1 if ast.unparse(side).isupper() else 2


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


def left_out(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` without one of its parts: a guard, a condition among others, a case, all it does."""
    if isinstance(node, ast.FunctionDef) and len(ast.unparse(node.body[-1])) > len("return None"):
        yields = any(isinstance(x, ast.Yield | ast.YieldFrom) for x in ast.walk(node))
        new = copy.copy(node)
        new.body = ast.parse("return None" + "\nyield" * yields).body
        yield new
    if isinstance(node, ast.If) and not node.orelse:
        yield ast.Pass()
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            rest = [*node.values[:i], *node.values[i + 1 :]]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            rest = [x for x in node.ifs if x is not test]
            yield ast.comprehension(node.target, node.iter, rest, node.is_async)


def head(node: ast.AST) -> str:
    """A node as it is written; of a statement its first line, of a function what it is."""
    if isinstance(node, ast.FunctionDef):
        return f"def {node.name}" + ": return" * (ast.unparse(node.body[0]) == "return None")
    return ast.unparse(node).partition("\n")[0].strip()


def inexact(bound: Any) -> bool:
    """Whether no double is a bound as it is written: what is computed is not equal to it."""
    return isinstance(bound, float) and bound.as_integer_ratio()[1] > 2**40


def typing_only(node: ast.AST) -> bool:
    """Whether a node says something to checkers of types only."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias"
    if isinstance(node, ast.Assign):
        value = node.value
        union = isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)
        return union and getattr(node.targets[0], "id", "").istitle()
    return False


def places(tree: ast.AST, parts: bool = False) -> Iterator[tuple[Any, Any, ast.AST, ast.AST]]:
    """Where a tree can be changed: whose field, its key, what stands there, what would.

    With ``parts``, where a part of it can be left out, instead.
    """
    todo = [tree]
    while todo:
        parent = todo.pop()
        if typing_only(parent):
            continue
        for name, field in ast.iter_fields(parent):
            if name in ("annotation", "returns") or isinstance(parent, ast.FormattedValue):
                continue
            for i, child in enumerate(field if isinstance(field, list) else [field]):
                if not isinstance(child, ast.AST):
                    continue
                todo.append(child)
                other = changed(child) if isinstance(child, ast.expr) else None
                for new in left_out(child) if parts else filter(None, [other]):
                    yield (field, i, child, new) if isinstance(field, list) else (
                        parent.__dict__, name, child, new,
                    )  # fmt: skip


def line_of(node: ast.AST) -> int:
    """Where a node begins: a function with what it does, a comprehension with its target."""
    if isinstance(node, ast.FunctionDef):
        return node.body[len(node.body) > 1 and ast.get_docstring(node) is not None].lineno
    return getattr(node, "lineno", 0) or node.target.lineno  # type: ignore[attr-defined]


def keys(file: str, parts: bool = False) -> list[str]:
    """A name for each mutant of a file that edits elsewhere leave alone."""
    names, seen = spots(file), Counter[str]()
    found = []
    for *_, child, new in places(ast.parse((ROOT / file).read_text(encoding="utf-8")), parts):
        key = f"{file} {names[line_of(child)]} {ast.unparse(child)} {ast.unparse(new)}"
        found.append(f"{key} {seen[key]}")
        seen[key] += 1
    return found


def mutants(file: str, chosen: set[int], parts: bool = False) -> Iterator[Mutant]:
    """The mutants of a file, of the numbers ``chosen``."""
    source = (ROOT / file).read_text(encoding="utf-8")
    path, lines, tree = str(ROOT / file), source.splitlines(), ast.parse(source)
    old = compile(source, path, "exec")
    for number, (where, key, child, new) in enumerate(places(tree, parts)):
        if number not in chosen:
            continue
        where[key] = ast.copy_location(new, child)
        ast.fix_missing_locations(tree)
        pairs = differing(old, compile(tree, path, "exec"))
        words = f"{head(child)}  ->  {head(new)}"
        line = line_of(child)
        yield Mutant(file, line, lines[line - 1].strip(), words, pairs, ast.unparse(tree))
        where[key] = child


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


# --- which test runs which line --------------------------------------------------------


@functools.cache
def spots(file: str) -> dict[int, str]:
    """A name for each line that edits elsewhere in the file leave alone: function and text."""
    source = (ROOT / file).read_text(encoding="utf-8")
    names = dict.fromkeys(range(1, source.count("\n") + 2), "|")

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}"
                names.update(dict.fromkeys(range(child.lineno, child.end_lineno + 1), inner + "|"))
            visit(child, inner)

    visit(ast.parse(source), "")
    return {i: names[i] + text.strip() for i, text in enumerate(source.splitlines(), 1)}


def words_in(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]{3,}", text.lower()))


def words_around(file: str, line: int) -> set[str]:
    """The words of the statement that a line is in, or of its head: names of what it makes."""
    source = (ROOT / file).read_text(encoding="utf-8")
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt):
            continue
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        if start <= line <= (node.end_lineno or 0):
            found = {*range(start, min(max(line, node.lineno), start + FEW) + 1), line}
    return words_in("\n".join(source.splitlines()[i - 1] for i in found))


FEW = 12
"""Lines of a statement that are likely to name what it is about."""


class Known:
    """Which test runs which line: kept in a file, by names and texts, and completed."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        found = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.tests: dict[str, float | None] = found.get("tests", {})  # seconds; None: it fails
        self.lines: dict[str, dict[str, list[int]]] = found.get("lines", {})

    @functools.cached_property
    def breadth(self) -> dict[str, int]:
        """How many lines a test runs: one that runs few is likely to be about them."""
        count: Counter[int] = Counter()
        for lines in self.lines.values():
            for tests in lines.values():
                count.update(tests)
        return {test: count[i] for i, test in enumerate(self.tests)}

    def save(self) -> None:
        data = {"tests": self.tests, "lines": self.lines}
        self.path.write_text(json.dumps(data, separators=(",", ":")))

    def of_line(self, file: str, line: int) -> set[str]:
        """Tests that run a line, or, where its statement began before, or it is new, those near."""
        names, here = spots(file), self.lines.get(file, {})
        found = here.get(names[line])
        if found is None:
            function = names[line].partition("|")[0]
            own = [x for x, n in names.items() if n.partition("|")[0] == function and n in here]
            near = min(own, key=lambda x: (x > line, abs(x - line)), default=None)
            found = here[names[near]] if function and near is not None else []
        tests = list(self.tests)
        return {tests[i] for i in found if self.tests[tests[i]] is not None}

    def rarely(self, file: str, line: int) -> dict[str, int]:
        """Test -> by how many the rarest line is run that it runs in the function of a line."""
        function, found = spots(file)[line].partition("|")[0], dict[str, int]()
        tests = list(self.tests)
        for name, numbers in self.lines.get(file, {}).items():
            if name.partition("|")[0] == function:
                for i in numbers:
                    found[tests[i]] = min(found.get(tests[i], len(tests)), len(numbers))
        return found

    def of_file(self, file: str) -> set[str]:
        """Tests that run anything of a file."""
        tests = list(self.tests)
        found = {i for numbers in self.lines.get(file, {}).values() for i in numbers}
        return {tests[i] for i in found if self.tests[tests[i]] is not None}


def passes(item: Any, following: Any) -> bool:
    """Run a test as pytest does, hooks included: a warning may be an error."""
    failures: list[Any] = []

    class Listening:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failures.append(report)

    listening = Listening()
    item.config.pluginmanager.register(listening)
    with contextlib.redirect_stdout(io.StringIO()):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
    item.config.pluginmanager.unregister(listening)
    return not failures


class Mapping:
    """A plugin of pytest that learns which test runs which line."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def pytest_runtestloop(self, session: Any) -> bool:
        known = self.known.tests
        items = [item for item in session.items if known.get(item.nodeid) is None]
        if items:
            print(f"learning what {len(items)} tests run", file=sys.stderr, flush=True)
        for i in range(0, len(items), 500):
            self.learn(items[i : i + 500])
            self.known.save()
        session.testsfailed = 0
        return True

    def learn(self, items: list[Any]) -> None:
        """Run tests, and note the lines of each."""
        from coverage import Coverage

        known = self.known
        found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        watch = Coverage(data_file=None, source_pkgs=["minigrad"], messages=False)
        watch.start()
        for i, item in enumerate(items):
            following = items[i + 1] if i + 1 < len(items) else None
            watch.switch_context(item.nodeid)
            start = time.process_time()
            good = passes(item, following)
            known.tests[item.nodeid] = round(time.process_time() - start, 3)
            if good:
                continue
            watch.stop()  # the test, or what it tests, may have a trace function of its own
            if not self.calls(item, following, found):
                known.tests[item.nodeid] = None
                print(f"{item.nodeid} fails before anything is changed", file=sys.stderr)
            watch.start()
        watch.stop()
        with warnings.catch_warnings(action="ignore"):  # that it was imported before
            data = watch.get_data()
        for path in data.measured_files():
            for line, contexts in data.contexts_by_lineno(path).items():
                found[path][line].update(contexts)
        self.note(found)

    def calls(self, item: Any, following: Any, found: dict[str, dict[int, set[str]]]) -> bool:
        """Run a test, and note all lines of the functions that it calls."""

        def watch(frame: Any, event: str, arg: Any) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(inside):
                for *_, line in code.co_lines():
                    if line is not None:
                        found[code.co_filename][line].add(item.nodeid)

        inside = str(ROOT / "minigrad")
        sys.setprofile(watch)
        try:
            return passes(item, following)
        finally:
            sys.setprofile(None)

    def note(self, found: dict[str, dict[int, set[str]]]) -> None:
        numbers = {name: i for i, name in enumerate(self.known.tests)}
        for path, lines in found.items():
            file = os.path.relpath(path, ROOT)
            names = spots(file)
            here = self.known.lines.setdefault(file, {})
            for line, tests in lines.items():
                if own := {numbers[name] for name in tests if name in numbers}:
                    here[names[line]] = sorted(own.union(here.get(names[line], ())))


LIKELY = 40
"""Tests that have the rarest words of a line in common with it."""

FILES = 20
"""Test files that are collected anew for one mutant."""

TABLES = ("defaults", "facts", "complex", "signatures", "docstrings", "onnx.py", "rules")
"""Test files that look through whole tables, whatever lines they run."""

USUAL = {"test", "tests", "minigrad", "ops"}
"""Words in the names of too many files."""

QUICK = 0.1
"""Seconds of a test that need not wait for others of its file."""

# --- in forks --------------------------------------------------------------------------

now = mmap.mmap(-1, 1 << 16)
"""The test that a fork runs, for its parent to read."""


def tell(name: str) -> None:
    text = name.encode()[: len(now) - 3]
    now[: len(text) + 2] = len(text).to_bytes(2, "little") + text


def told() -> str:
    return now[2 : 2 + int.from_bytes(now[:2], "little")].decode(errors="replace")


def outlived(run: Callable[[], bool]) -> bool:
    """Whether ``run``, in a fork, says so, and does not hang."""
    pid = os.fork()
    if not pid:
        os.setsid()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        memory = 8 << 30
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        code = 1
        with contextlib.suppress(BaseException):
            code = 0 if run() else 1
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what its tests started
    return status == 0


def in_turn(
    tests: set[str],
    known: Known,
    first: Sequence[str],
    rarely: dict[str, int] | None = None,
) -> list[str]:
    """Tests in an order that changes the file at each step.

    Those are first that run what few others run, quick ones that run few lines among them; and the
    files ``first`` before all others.
    """
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests):
        by_file[test.partition("::")[0]].append(test)
    seldom = rarely or {}

    def rank(test: str) -> tuple[int, bool, int]:
        return seldom.get(test, 0), (known.tests[test] or 0) > QUICK, known.breadth[test]

    for found in by_file.values():
        found.sort(key=rank)
    files = sorted(by_file, key=lambda file: rank(by_file[file][0]))
    files.sort(key=lambda file: not any(word in file for word in first))
    return [
        by_file[file][i]
        for i in range(max(map(len, by_file.values()), default=0))
        for file in files
        if i < len(by_file[file])
    ]


class Turns:
    """A plugin that runs tests in order, until one fails or the time is over."""

    def __init__(self, order: list[str], known: Known, seconds: float) -> None:
        self.order, self.known, self.seconds = order, known, seconds
        self.failed = False

    def pytest_runtestloop(self, session: Any) -> bool:
        self.run({item.nodeid: item for item in session.items})
        return True

    def run(self, items: dict[str, Any]) -> None:
        """Run the tests; one that takes much longer than it did ends the process."""
        chosen = [items[name] for name in self.order if name in items]
        end = time.process_time() + self.seconds
        for i, item in enumerate(chosen):
            if time.process_time() > end:
                break
            tell(item.nodeid)
            signal.alarm(20 + int(20 * (self.known.tests.get(item.nodeid) or 1)))
            if not passes(item, chosen[i + 1] if i + 1 < len(chosen) else None):
                self.failed = True
                break
        signal.alarm(0)


class Changed(MetaPathFinder):
    """Imports one file of the package as a mutant."""

    def __init__(self, mutant: Mutant | None) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if self.mutant is None or name.partition(".")[0] != "minigrad":
            return None
        file = ROOT / self.mutant.file
        base = ROOT / Path(*name.split("."))
        if file not in (base.with_suffix(".py"), base / "__init__.py"):
            return None
        mutant = self.mutant

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return compile(mutant.source, str(file), "exec")

        inside = [str(base)] if file.name == "__init__.py" else None
        return spec_from_file_location(
            name, file, loader=Loader(name, str(file)), submodule_search_locations=inside
        )


class Absent(MetaPathFinder):
    """Peers whose threads a fork lacks and would wait for: the tests do without them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse them, so that their tests are skipped."""
        if name.partition(".")[0] in ("torch", "jax", "dask"):
            raise ModuleNotFoundError(f"{name} is left out of campaigns")


# --- the campaign ----------------------------------------------------------------------

PYTEST = ("-q", "-s", "-p", "no:cacheprovider", "-m", "not full", "--assert=plain")
"""Plain: what rewrites assertions imports a file whose examples are tests itself, unchanged."""


class Campaign:
    """Tries mutants, and counts what became of them, by part of the package."""

    def __init__(self, options: argparse.Namespace, tests: list[str]) -> None:
        self.options, self.tests = options, tests
        self.known = Known(options.known)
        self.table = tomllib.loads((ROOT / "tests/equivalent_mutants.toml").read_text())["mutant"]
        self.found: dict[str, Counter[str]] = defaultdict(Counter)
        self.sound: dict[str, bool] = {}

    def equivalent(self, mutant: Mutant) -> bool:
        """Whether a row of the table has the mutant: each of its keys asks for something."""
        old, bound = mutant.words.partition("  ->  ")[0], mutant.bound
        if isinstance(bound, ast.Constant) and inexact(bound.value):
            return True
        constant = ast.unparse(bound) if bound else mutant.constant
        return any(
            row.get("file", mutant.file) == mutant.file
            and row.get("line", mutant.text) == mutant.text
            and row.get("within", "").replace("{old}", old) in mutant.text
            and row.get("change", mutant.words) == mutant.words
            and ("names" not in row or constant in row["names"])
            for row in self.table
        )

    def survives(
        self, mutant: Mutant, order: list[str], attempt: Callable[[Mutant | None, list[str]], bool]
    ) -> bool:
        """Whether no test that passes without the mutant fails with it."""
        order = [name for name in order if self.sound.get(name, True)]
        while order:
            if attempt(mutant, order):
                return True
            killer = told()
            if killer not in self.sound:
                self.sound[killer] = attempt(None, [killer])
                if not self.sound[killer]:
                    print(f"{killer} fails by itself", file=sys.stderr, flush=True)
            if self.sound[killer]:
                return False
            order = [name for name in order if name != killer]
        return True

    def count(self, mutant: Mutant, result: str, words: str = "") -> None:
        part = "/".join(mutant.file.split("/")[1 : 3 if mutant.file.count("/") > 1 else 2])
        part = part.split("/")[0] if mutant.file.count("/") > 1 else part
        self.found[part][result] += 1
        if self.options.verbose:
            print(f"{result}: {mutant}", file=sys.stderr, flush=True)
        if result == "alive":
            print(f"{mutant}   [{words}]", flush=True)

    def afresh(self, mutant: Mutant | None, order: list[str]) -> bool:
        """Run tests in a fork of a process that has not imported the package."""
        assert "minigrad" not in sys.modules, "a mutant would not be imported"

        def run() -> bool:
            sys.meta_path.insert(0, Changed(mutant))
            tell("imports")
            turns = Turns(order, self.known, self.options.seconds)
            files = sorted({name.partition("::")[0] for name in order})
            code = pytest.main([*PYTEST, *files], plugins=[turns])
            return code == 0 and not turns.failed

        self.sound["imports"] = True
        return outlived(run)

    def at_imports(self, chosen: list[Mutant]) -> None:
        """Mutants of what stands in no function that tests call.

        Their tests run the file, or have its words: what a table says of an op is read elsewhere.
        """
        tests = {
            name: words_in(name) for name, time in self.known.tests.items() if time is not None
        }
        often = Counter(word for words in tests.values() for word in words)
        tables = [
            name for name, time in self.known.tests.items()
            if name.startswith(tuple(f"tests/test_{word}" for word in TABLES)) and time is not None
            and time < 1
        ]  # fmt: skip
        for mutant in chosen:
            words = words_around(mutant.file, mutant.line)
            near = self.known.of_line(mutant.file, mutant.line)
            run = in_turn(self.known.of_file(mutant.file), self.known, self.options.first)
            own = words_in(mutant.file)
            run.sort(
                key=lambda name: (
                    name not in near, not own & words_in(name.partition("::")[0]) - USUAL,
                    -len(words & tests[name]),
                )
            )  # fmt: skip
            alike = {name: sum(1 / often[x] for x in words & has) for name, has in tests.items()}
            named = sorted(filter(alike.get, alike), key=alike.__getitem__)[: -LIKELY - 1 : -1]
            found = dict.fromkeys(x for pair in zip_longest(run, named) for x in pair if x)
            files = [*dict.fromkeys(name.partition("::")[0] for name in found)][:FILES]
            order = [name for name in found if name.partition("::")[0] in files]
            order[LIKELY:LIKELY] = [name for name in tables if name not in order[:LIKELY]]
            alive = self.survives(mutant, order, self.afresh)
            self.count(mutant, "alive" if alive else "killed", f"{len(order)} tests, at imports")

    def in_functions(self, chosen: list[Mutant]) -> None:
        """Mutants of functions, in forks of a process that has collected the tests."""
        campaign = self
        files = {str(ROOT / mutant.file) for mutant in chosen}

        class Plugin:
            def pytest_runtestloop(self, session: Any) -> bool:
                items = {item.nodeid: item for item in session.items}
                living: dict[str, list[FunctionType]] = {}
                gc.unfreeze()  # what is frozen is not among the objects
                for x in gc.get_objects():
                    if type(x) is FunctionType and x.__code__.co_filename in files:
                        living.setdefault(place(x.__code__), []).append(x)
                gc.freeze()

                def attempt(mutant: Mutant | None, order: list[str]) -> bool:
                    turns = Turns(order, campaign.known, campaign.options.seconds)

                    def run() -> bool:
                        for old, new in mutant.pairs if mutant else ():
                            for function in living.get(place(old), ()):
                                function.__code__ = new
                        turns.run(items)
                        return not turns.failed

                    return outlived(run)

                for mutant in chosen:
                    found = campaign.known.of_line(mutant.file, mutant.line) & set(items)
                    rarely = campaign.known.rarely(mutant.file, mutant.line)
                    order = in_turn(found, campaign.known, campaign.options.first, rarely)
                    more = campaign.known.of_file(mutant.file) & set(items) - found
                    order += in_turn(more, campaign.known, campaign.options.first)
                    alive = campaign.survives(mutant, order, attempt)
                    campaign.count(mutant, "alive" if alive else "killed", f"{len(order)} tests")
                return True

        pytest.main([*PYTEST, *self.tests], plugins=[Plugin()])

    def run(self) -> None:
        chosen, apart = [], []
        for mutant in drawn(self.options):
            if self.equivalent(mutant):
                self.count(mutant, "equivalent")
            elif mutant.pairs and self.known.of_line(mutant.file, mutant.line):
                chosen.append(mutant)
            else:
                apart.append(mutant)
        print(f"{len(chosen)} in functions, {len(apart)} at imports", file=sys.stderr, flush=True)
        self.at_imports(apart)  # while this process has not imported the package
        if chosen:
            self.in_functions(chosen)
        self.report()

    def report(self) -> None:
        """What became of the mutants, by part of the package."""
        total: Counter[str] = sum(self.found.values(), Counter())
        for part, n in [*sorted(self.found.items()), ("all", total)]:
            tried = n["killed"] + n["alive"]
            share = f"{n['alive'] / tried:.0%}" if tried else "-"
            print(
                f"{part:16} {sum(n.values()):4} mutants, {n['killed']:4} killed, "
                f"{n['equivalent']:3} equivalent, {n['alive']:3} alive ({share})"
            )


def drawn(options: argparse.Namespace) -> list[Mutant]:
    """The sample: of all places of the files alike, or so many of each file.

    A seed draws the same mutants after edits, but for those of the lines that changed.
    """
    files = []
    for name in options.files:
        path = ROOT / name
        found = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        files += [str(file.relative_to(ROOT)) for file in found]
    found = [(key, file, i) for file in files for i, key in enumerate(keys(file, options.parts))]
    found.sort(key=lambda x: hashlib.sha256(f"{options.seed} {x[0]}".encode()).digest())
    chosen: dict[str, set[int]] = defaultdict(set)
    for _, file, i in found if options.each else found[: options.sample]:
        if not options.each or len(chosen[file]) < options.each:
            chosen[file].add(i)
    print(f"{len(found)} mutants in {len(files)} files", file=sys.stderr)
    told = Path(options.again).read_text() if options.again else ""
    alive = [line for line in told.splitlines() if line.startswith("alive: ")]
    again = {(x.split(":")[1].strip(), x.partition("  ")[2]) for x in alive}
    return [
        mutant
        for file in files
        for mutant in mutants(file, chosen[file], options.parts)
        if options.only in f"{mutant.text} {mutant.words}"
        and (not again or (mutant.file, mutant.words) in again)
    ]


def main() -> None:
    """Mutate the files, run the tests, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", help="files or folders, then -- and the tests to run")
    parser.add_argument("--sample", type=int, default=100, help="mutants in all, at random")
    parser.add_argument("--each", type=int, default=0, help="mutants of each file, instead")
    parser.add_argument("--parts", action="store_true", help="leave parts out: guards, conditions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20, help="processor time for one mutant")
    parser.add_argument("--only", default="", help="mutants whose line or change has this in it")
    parser.add_argument("--first", nargs="*", default=[], help="test files to begin with")
    parser.add_argument("--verbose", action="store_true", help="tell what became of each")
    parser.add_argument("--as-known", action="store_true", help="learn no further tests")
    parser.add_argument("--again", help="what --verbose told: those alive of the sample alone")
    parser.add_argument("--known", default=".pytest_cache/mutants.json", help="what runs what")
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    options, tests = parser.parse_args(words[:at]), words[at + 1 :]
    options.files = options.files or ["minigrad"]
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.meta_path.insert(0, Absent())
    sys.dont_write_bytecode = True
    Path(options.known).parent.mkdir(exist_ok=True)
    mapping = os.fork() if not options.as_known else None
    if mapping == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(pytest.main([*PYTEST, *tests], plugins=[Mapping(Known(options.known))]))
    if mapping is not None and os.waitpid(mapping, 0)[1]:
        sys.exit("the tests could not be run before anything is changed")
    Campaign(options, tests).run()


if __name__ == "__main__":
    main()
