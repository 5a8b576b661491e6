"""Watching a function run: which statement set which variable to what.

Only the functions that are asked for are looked at, between their lines; a debugger or a
coverage tool that was watching before goes on watching, and is left as it was found.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import sys
import textwrap
import tokenize
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import CodeType, FrameType
from typing import Any

import numpy as np

from minigrad.reading.names import base_of
from minigrad.reading.statements import compiled_statements
from minigrad.typing import Keywords

Look = Callable[[FrameType, str, Any], None]


@contextmanager
def watching(choose: Callable[[FrameType], Look | None]) -> Iterator[None]:
    """Let ``choose`` say at every call who looks at the lines of the function called."""
    before: Any = sys.gettrace()

    def start(frame: FrameType, event: str, arg: object) -> Any:
        theirs = before(frame, event, arg) if before is not None else None
        if sys.gettrace() is not start:  # a tracer in C puts itself in our place when called
            sys.settrace(start)
        look = choose(frame)
        if look is None:
            return theirs

        def local(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal theirs
            if theirs is not None:
                theirs = theirs(frame, event, arg)
            if event in ("line", "return"):
                look(frame, event, arg)
            return local

        return local

    sys.settrace(start)
    try:
        yield
    finally:
        sys.settrace(before)


# --- the source ------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """One simple statement of a function.

    Attributes
    ----------
    first, last : int
        Its lines, as the file counts them.
    targets : tuple of str
        What it sets: ``dx``, ``grads['W1']``, ``self.dW``.
    reads : frozenset of str
        Names that it reads.
    fresh : bool
        Whether what it sets does not depend on what that was before.
    touches : tuple of str
        What a call may change in place: ``dx`` in ``np.add.at(dx, i, g)``.
    """

    first: int
    last: int
    targets: tuple[str, ...]
    reads: frozenset[str]
    fresh: bool
    touches: tuple[str, ...] = ()
    apart: tuple[tuple[str, frozenset[str]], ...] = ()
    """Of ``a, b = f(x), g(y)``: what each target reads."""
    node: ast.stmt | None = field(default=None, compare=False)
    """Its tree, where it stands alone."""
    whole: Statement | None = field(default=None, compare=False)
    """The statement that it is an expression of."""

    def read_for(self, path: str) -> frozenset[str]:
        """Names that are read to set ``path``."""
        return dict(self.apart).get(path, self.reads)

    def tells(self, path: str) -> bool:
        """Whether it can be told what is read for ``path``, and what for its other targets."""
        return len(self.targets) < 2 or path in dict(self.apart)


@dataclass
class Source:
    """A function's lines and statements; without lines where they cannot be read."""

    name: str
    filename: str
    first: int
    lines: list[str]
    statements: dict[int, Statement] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    """Of dict displays, key -> the line of its value."""
    returned: set[str] = field(default_factory=set)
    """Variables that it returns by their names."""
    tree: Any = None
    """As a tree, where it can be read."""
    stale: bool = False
    """Whether the file has other lines by now than what is run."""

    @property
    def last(self) -> int:
        """The line of its last statement."""
        return max((s.last for s in self.statements.values()), default=self.first)

    def text(self, line: int) -> str:
        """The line as the student wrote it."""
        k = line - self.first
        return self.lines[k] if 0 <= k < len(self.lines) else ""


def source_of(code: CodeType) -> Source:
    """The source of a function, from its file, its notebook cell, or else its bytecode."""
    return _source_of(code, code.co_filename)


@functools.lru_cache(maxsize=64)
def _source_of(code: CodeType, filename: str) -> Source:
    """By the file, too: code of two files is equal where the files are alike."""
    stale = is_stale(code)
    try:
        lines, first = ([], code.co_firstlineno) if stale else inspect.getsourcelines(code)
    except (OSError, TypeError, IndexError, SyntaxError, tokenize.TokenError):
        lines, first = [], code.co_firstlineno
    found = Source(code.co_name, filename, max(first, 1), [t.rstrip("\n") for t in lines])
    found.stale = stale
    try:
        tree = ast.parse(textwrap.dedent("".join(lines)))
        found.tree = lambda_in(tree, code)
        body: ast.FunctionDef = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
        found.tree = body
    except (SyntaxError, StopIteration):
        for s in compiled_statements(code):
            fresh = not s.targets & s.loads
            one = Statement(s.line, s.line, tuple(s.targets), s.loads, fresh)
            found.statements[s.line] = _joined(found.statements.get(s.line), one)
        return found
    for part in ast.walk(body):
        kinds = ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr | ast.Return
        if isinstance(part, kinds):
            one = _statement(part, found.first - 1)
            for line in range(one.first, one.last + 1):
                found.statements[line] = _joined(found.statements.get(line), one)
            if isinstance(part, ast.Return):
                found.returned |= set(one.reads)
        elif isinstance(part, ast.Dict):
            for key, value in zip(part.keys, part.values, strict=True):
                if isinstance(key, ast.Constant):
                    found.entries[str(key.value)] = value.lineno + found.first - 1
    return found


def is_stale(code: CodeType) -> bool:
    """Whether the file was edited after it was imported: what it says now is other code."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    if not lines or any(
        "@py" in n for n in (*code.co_names, *code.co_varnames)
    ):  # as pytest has it
        return False
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        stack = [compiled(code.co_filename, tuple(lines))]
        found = []
        while stack:
            one = stack.pop()
            found += [one] if one.co_name == code.co_name else []
            stack += [c for c in one.co_consts if isinstance(c, CodeType)]
        here = [c for c in found if c.co_firstlineno == code.co_firstlineno]
        return not any(is_same(c, code) for c in here)
    return False


@functools.lru_cache(maxsize=8)
def compiled(filename: str, lines: tuple[str, ...]) -> CodeType:
    return compile("".join(lines), filename, "exec", dont_inherit=True)


def is_same(a: CodeType, b: CodeType) -> bool:
    """Whether two functions do the same, those inside them aside."""
    plain = [[repr(c) for c in x.co_consts if not isinstance(c, CodeType)] for x in (a, b)]
    return a.co_code == b.co_code and a.co_names == b.co_names and plain[0] == plain[1]


def lambda_in(tree: ast.AST, code: CodeType) -> ast.Lambda | None:
    """The only lambda of a statement that takes as many arguments."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)
             and len(n.args.args) == code.co_argcount]  # fmt: skip
    return found[0] if len(found) == 1 and code.co_name == "<lambda>" else None


def _joined(a: Statement | None, b: Statement) -> Statement:
    """Two statements that share a line are looked at as one."""
    if a is None:
        return b
    return Statement(
        min(a.first, b.first), max(a.last, b.last), (*a.targets, *b.targets), a.reads | b.reads,
        a.fresh and b.fresh, (*a.touches, *b.touches), (*a.apart, *b.apart),
    )  # fmt: skip


def _statement(part: Any, offset: int) -> Statement:
    aims = [*part.targets] if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
    flat: list[ast.expr] = []
    while aims:
        aim = aims.pop(0)
        if isinstance(aim, ast.Tuple | ast.List):
            aims = [*aim.elts, *aims]
        elif isinstance(aim, ast.Starred):
            aims.insert(0, aim.value)
        elif aim is not None:
            flat.append(aim)
    targets = tuple(path_of(aim) for aim in flat)
    value = getattr(part, "value", None)
    reads = set(read_in(value)) if value is not None else set()
    values = each_of(value) if isinstance(part, ast.Assign) else []
    apart = zip(targets, values, strict=True) if len(values) == len(targets) else ()
    whole = all(path_of(a) != _base(a) or isinstance(a, ast.Name) for a in flat)
    fresh = whole and not isinstance(part, ast.AugAssign) and not reads & set(targets)
    if isinstance(part, ast.AugAssign):
        reads |= set(targets)
    touches = tuple(sorted(reads)) if isinstance(part, ast.Expr) else ()
    return Statement(part.lineno + offset, part.end_lineno + offset, targets, frozenset(reads),
                     fresh, touches, tuple(apart), part)  # fmt: skip


def each_of(value: ast.expr | None) -> list[frozenset[str]]:
    """What each of several values reads: of a tuple, and of ``(f(g) for g in (a, b))``."""
    if isinstance(value, ast.Tuple | ast.List):
        return [read_in(e) for e in value.elts]
    if isinstance(value, ast.GeneratorExp | ast.ListComp) and len(value.generators) == 1:
        over = value.generators[0].iter
        if isinstance(over, ast.Tuple | ast.List) and not value.generators[0].ifs:
            return [read_in(value.elt) | read_in(e) for e in over.elts]
    return []


def read_in(part: ast.AST) -> frozenset[str]:
    """The names that an expression reads."""
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return frozenset(path_of(n) for n in ast.walk(part) if isinstance(n, kinds))


def path_of(part: ast.AST) -> str:
    """The variable that an expression names: ``dx`` of ``dx[i]``, ``grads['W']`` of itself."""
    if isinstance(part, ast.Attribute):
        return f"{path_of(part.value)}.{part.attr}"
    if isinstance(part, ast.Subscript):
        inner = path_of(part.value)
        named = isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str)
        return f"{inner}[{part.slice.value!r}]" if named else inner  # type: ignore[attr-defined]
    if isinstance(part, ast.Name):
        return part.id
    return path_of(part.value) if hasattr(part, "value") and isinstance(part.value, ast.AST) else ""


def _base(part: ast.AST) -> str:
    """What an expression writes into, where it is an entry by number."""
    return path_of(part.value) if isinstance(part, ast.Subscript) else ""


STEP = re.compile(r"""\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^]]*)\]|\.?[^.[]+""")
"""A name, an attribute or a key, which may have dots and brackets in it."""


def held_at(path: str, variables: Keywords) -> Any:
    """What a path such as ``grads['W1']`` or ``self.dW`` holds; None where it holds nothing."""
    name, *steps = STEP.findall(path)
    found: Any = variables.get(name)
    for step in steps:
        try:
            found = found[ast.literal_eval(step[1:-1])] if step[0] == "[" else vars(found)[step[1:]]
        except (KeyError, TypeError, ValueError, SyntaxError, IndexError):
            return None
    return found


# --- what happened ---------------------------------------------------------------------

PASSES, FEW = 500, 3
"""Of a statement, so many executions are looked at; of large arrays, so few."""
ROOM = 50_000_000
"""Bytes of the numbers that are kept before arrays count as large."""


@dataclass(eq=False)
class Event:
    """A variable was set or changed."""

    path: str
    statement: Statement
    before: Any
    after: Any
    item: Any = None
    """What was put into the list at ``path``, where it is that."""
    step: int = -1
    """The step of the call in which it was."""
    late: bool = False
    """Whether it is what many passes changed together."""


@dataclass(eq=False)
class Step:
    """A statement was executed.

    Attributes
    ----------
    statement : Statement
    changes : dict
        What it set, path -> the numbers before and after it; None of what is no number.
    """

    statement: Statement
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)


class Watch:
    """What one call of a function did to its variables that are real numbers, or ``wanted``."""

    source: Source

    def __init__(self, frame: FrameType, wanted: Callable[[str], bool], when: int = 0) -> None:
        self.when = when
        """How many events of the function that is watched first came before the call."""
        self.code: CodeType = frame.f_code
        self.source = source_of(frame.f_code)
        self.wanted = wanted
        self.frame: FrameType | None = frame
        self.events: list[Event] = []
        self.steps: list[Step] = []
        self.final: dict[str, Any] = {}
        self.answer: Any = None
        self.yielded: dict[int, object] = {}
        """What steps of a generator have yielded."""
        self.met: dict[str, object] = {}
        """Every variable, as it was first bound."""
        self._seen: dict[str, object] = {}
        self._sources: list[set[int]] = []
        self._put: dict[str, dict[int, object]] = {}
        self._last: Statement | None = None
        self._passes: dict[int, int] = {}
        self._late: dict[int, Statement] = {}
        """Statements that were executed, and what they changed was not looked at."""
        self._room = ROOM

    def take_in(self, inner: Sequence[Watch]) -> None:
        """Note as its own what functions inside it did to its variables."""
        taken = 0
        for watch in inner:
            shared = {*self.code.co_cellvars} & {*watch.code.co_freevars}
            at = watch.when + taken
            step = self.events[at - 1].step if at else -1
            mine = [replace(e, step=step) for e in watch.events if base_of(e.path) in shared]
            for k, e in enumerate(mine):
                before = [*self.events[:at], *mine[:k]] if e.before is None else []
                e.before = next((x.after for x in reversed(before) if x.path == e.path), e.before)
            self.events[at:at] = mine
            taken += len(mine)

    def look(self, frame: FrameType, event: str, arg: object) -> None:
        """Note what the statement that has just run changed."""
        if frame is not self.frame:
            return
        following = self.source.statements.get(frame.f_lineno) if event == "line" else None
        last = self._last
        same = last is not None and following is last and last.last > last.first
        if last is not None and not same:
            self._executed(frame, last)
        self._last = following
        if event == "return":
            self._catch_up(frame.f_locals)
            self.final, self.answer = dict(frame.f_locals), arg
            if not self.code.co_flags & inspect.CO_GENERATOR:  # one may go on
                self.frame = None
            elif arg is not None:
                self.yielded[len(self.steps) - 1] = arg

    def _executed(self, frame: FrameType, statement: Statement) -> None:
        """Note what a statement changed: of many passes, only the first each for itself."""
        count = self._passes[id(statement)] = self._passes.get(id(statement), 0) + 1
        if count > (PASSES if self._room > 0 else FEW):
            self._late.pop(id(statement), None)
            self._late[id(statement)] = statement
        else:
            self._catch_up(frame.f_locals)
            self._compare(frame.f_locals, statement)

    def _catch_up(self, variables: Keywords) -> None:
        """Note what all the passes changed that were not looked at."""
        for name, value in variables.items():
            self.met.setdefault(name, value)
        late, self._late = [*self._late.values()], {}
        for statement in late:
            self._compare(variables, statement, late=True)

    def _compare(self, variables: Keywords, statement: Statement, late: bool = False) -> None:
        step = Step(statement)
        self.steps.append(step)
        for path in dict.fromkeys((*statement.targets, *statement.touches)):
            if not path:
                continue
            held = held_at(path, variables)
            if type(held) is list:
                self._items(path, held, statement)
            value, old = snapshot(held), self._seen.get(path)
            if path not in statement.targets and (value is None or equal(old, value)):
                continue
            step.changes[path] = old, value
            self._seen[path] = value
            self._room -= 0 if value is None else value.nbytes
            named = self.wanted(path) or path in self.source.returned
            if value is not None and (value.dtype.kind == "f" or named):
                at = len(self.steps) - 1
                self.events.append(Event(path, statement, old, value, None, at, late))

    def made_from(self, k: int) -> set[int]:
        """The events that event ``k`` was computed for, directly or through others."""
        if not self._sources:
            latest: dict[str, int] = {}
            for j, event in enumerate(self.events):
                s = event.statement
                read = {*s.read_for(event.path), *(() if s.fresh else (event.path,))}
                self._sources.append({latest[path] for path in read if path in latest})
                latest[event.path] = j
        reached = {k}
        for j in range(k + 1, len(self.events)):
            if not reached.isdisjoint(self._sources[j]):
                reached.add(j)
        return reached

    def _items(self, path: str, held: list[object], statement: Statement) -> None:
        """Note the arrays that were put into a list."""
        seen = self._put.setdefault(path, {})
        for item in held:
            if isinstance(item, np.ndarray) and id(item) not in seen:
                seen[id(item)] = item
                at = len(self.steps) - 1
                self.events.append(Event(path, statement, None, snapshot(item), item, at))


def snapshot(value: object) -> Any:
    """A copy of numbers; None of what is none."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.dtype.kind in "fiub" else None
    if isinstance(value, int | float | np.number):
        return np.asarray(value)
    if isinstance(value, list):
        try:
            array = np.asarray(deepcopy(value))
        except ValueError:
            return None
        return array if array.dtype.kind in "fiub" else None
    return None


def equal(a: Any, b: Any) -> bool:
    """Whether nothing has changed."""
    return a is not None and b is not None and np.array_equal(a, b, equal_nan=True)
