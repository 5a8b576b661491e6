"""A backward function run again with one statement changed, as far as that makes a difference.

What was watched is gone through step by step, loops and branches as they were; computed again
is the changed statement, and what reads something that is another number now, by the closed
`interpreter`.  The student's own functions are replayed likewise where they are called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.derivation.backward.interpreter import CALLS, Unknown, number, outcome, value_of
from minigrad.derivation.backward.watch import Event, Statement, Step, Watch, equal, snapshot

FAILURES = (Unknown, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError,
            RecursionError, MemoryError)  # fmt: skip
LARGE = 2_000
"""Arrays of so many entries count as one step more."""


@dataclass
class Work:
    """How many steps may yet be computed again: a count, so that verdicts depend on no clock."""

    left: int
    kept: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)

    def untouched(self, watch: Watch, until: int) -> dict[str, Any]:
        """The numbers that variables were before a step, as it was watched."""
        key = id(watch), until
        if key not in self.kept:
            self.kept[key] = state = dict(watch.start)
            for step in watch.steps[:until]:
                renew(state, step)
        return dict(self.kept[key])

    def spend(self, value: Any) -> None:
        self.left -= 1 + np.size(value) // LARGE if isinstance(value, np.ndarray) else 1
        if self.left < 0:
            raise Unknown("too much work")


@dataclass
class Replay:
    """The steps of one call and of those in it, with another statement in the place of one.

    Attributes
    ----------
    statement : Statement or None
    part : tree
        What stands in its place; None where it is left out.
    work : Work
    """

    statement: Statement | None
    part: Any
    work: Work
    goal: tuple[Watch, str, int] | None = None
    """A variable that is looked for inside a call, after some step of it."""
    met: Any = None
    """What that variable is."""
    _touched: dict[int, bool] = field(default_factory=dict)

    def touches(self, watch: Watch) -> bool:
        """Whether a call, or one in it, executes the changed statement."""
        if id(watch) not in self._touched:
            inner = (w for calls in watch.calls.values() for w in calls)
            self._touched[id(watch)] = any(s.statement is self.statement for s in watch.steps) or (
                any(self.touches(w) for w in inner)
            )
        return self._touched[id(watch)]

    def state(
        self, watch: Watch, until: int, given: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], set[str]]:
        """The numbers that variables are before step ``until``, and which of them are new."""
        new = {n for n, value in (given or {}).items() if not equal(watch.start.get(n), value)}
        first = 0 if new else next(
            (k for k, s in enumerate(watch.steps[:until]) if s.statement is self.statement
             or any(self.touches(w) for w in watch.calls.get(k, ()))), until,
        )  # fmt: skip
        state = self.work.untouched(watch, first)
        state |= {n: value for n, value in (given or {}).items() if n in new}
        for k, step in enumerate(watch.steps[first:until], first):
            mine = step.statement is self.statement
            if not (mine or self.concerned(watch, k, new)):
                renew(state, step)
                new -= step.changes.keys()
                continue
            part = self.part if mine else step.statement.node
            found = self.set_by(watch, k, part, state) if part is not None else {}
            for path in found.keys() | step.changes.keys():
                before, after = step.changes.get(path, (None, None))
                number_now = snapshot(found.get(path, state.get(path, before)))
                new.discard(path)
                if number_now is None:
                    state.pop(path, None)
                    continue
                state[path] = number_now
                if not equal(number_now, after):
                    new.add(path)
        return state, new

    def concerned(self, watch: Watch, k: int, new: set[str]) -> bool:
        """Whether a step reads, or changes, what is another number now."""
        step = watch.steps[k]
        if any(self.touches(w) for w in watch.calls.get(k, ())):
            return True
        s = step.statement
        kept = () if s.fresh else s.targets
        return bool(new) and any(within(a, b) for a in new for b in (*s.reads, *kept))

    def set_by(self, watch: Watch, k: int, part: Any, state: Mapping[str, Any]) -> dict[str, Any]:
        found = outcome(part, self.scope(watch, k, state))
        for value in found.values():
            self.work.spend(value)
        return found

    def scope(self, watch: Watch, k: int, state: Mapping[str, Any]) -> dict[str, Any]:
        """The variables that step ``k`` sees, and the functions that it may call."""
        step = watch.steps[k]
        scope = {**step.scope, **{path: plainest(value) for path, value in state.items()}}
        for path, (before, _) in step.changes.items():
            if path not in state:
                scope.pop(path, None)
                if before is not None:
                    scope[path] = plainest(before)
        called: dict[str, list[Watch]] = {}
        for w in watch.calls.get(k, ()):
            called.setdefault(w.code.co_name, []).append(w)
        scope[CALLS] = {name: self.function(iter(ws)) for name, ws in called.items()}
        return scope

    def function(self, watches: Iterator[Watch]) -> Callable[..., Any]:
        """A function of the student's, whose calls are replayed one after the other."""

        def call(args: list[Any], options: dict[str, Any]) -> Any:
            watch = next(watches, None)
            if watch is None:
                raise Unknown("a call more")
            code = watch.code
            names = code.co_varnames[: code.co_argcount]
            if len(names) > len(args) and names[:1] == ("self",):
                names = names[1:]
            given = {**dict(zip(names, args, strict=False)), **options}
            numbers = {n: x for n, v in given.items() if (x := snapshot(v)) is not None}
            return self.answer(watch, numbers)

        return call

    def answer(self, watch: Watch, given: Mapping[str, Any]) -> Any:
        """What a call returns."""
        if self.goal is not None and watch is self.goal[0]:
            self.met = self.state(watch, self.goal[2] + 1, given)[0].get(self.goal[1])
        last = len(watch.steps) - 1
        back: Any = watch.steps[last].statement.node if watch.steps else None
        same = all(equal(watch.start.get(n), v) for n, v in given.items())
        if same and not self.touches(watch):
            return watch.answer
        if not isinstance(back, ast.Return):
            raise Unknown("a function that returns nothing")
        state, _ = self.state(watch, last, given)
        part = self.part if watch.steps[last].statement is self.statement else back
        value = value_of(part.value, self.scope(watch, last, state))
        self.work.spend(value)
        return value

    def value(self, watch: Watch, path: str, until: int, part: ast.expr | None = None) -> Any:
        """What a variable is after step ``until``, or an expression there; None where unknown."""
        try:
            with np.errstate(all="ignore"):
                if part is None:
                    state, _ = self.state(watch, until + 1)
                    return state.get(path)
                state, _ = self.state(watch, until)
                return np.asarray(number(value_of(part, self.scope(watch, until, state))))
        except FAILURES:
            return None


def inside(replay: Replay, root: Watch, until: int, goal: tuple[Watch, str, int]) -> Any:
    """What a variable of a call in ``root`` is: the call is replayed with what it is given then."""
    replay.goal = goal
    try:
        with np.errstate(all="ignore"):
            replay.state(root, until + 1)
    except FAILURES:
        pass  # it may fail after the call
    return replay.value(*goal) if replay.met is None else replay.met


def renew(state: dict[str, Any], step: Step) -> None:
    """Set what a step set."""
    for path, (_, after) in step.changes.items():
        if after is None:
            state.pop(path, None)
        else:
            state[path] = after


def plainest(value: Any) -> Any:
    """A single number as Python has it."""
    if value.ndim:
        return value
    return value.item() if value.dtype.kind in "iub" else value[()]


def within(a: str, b: str) -> bool:
    """Whether one path is the other, or leads into it."""
    short, long = sorted((a, b), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in ".[")


def alone(statement: Statement, scope: Mapping[str, Any], event: Event) -> Watch:
    """A call of which one statement is known: the one that it stopped in."""
    watch = object.__new__(Watch)
    watch.steps = [Step(statement, scope, dict.fromkeys(statement.targets, (None, None)))]
    watch.calls, watch.start, watch.caller, watch.events = {}, {}, None, [event]
    return watch
