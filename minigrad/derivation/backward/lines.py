"""What is wrong in the lines: the smallest change of one that makes the gradient right."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim, reshaped
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.interpreter import NUMBERS, exactly
from minigrad.derivation.backward.mistakes import kinds, shifted, slips
from minigrad.derivation.backward.replay import Replay, Work, inside, within
from minigrad.derivation.backward.watch import Event, Source, Statement, Watch
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import factors, places
from minigrad.graph import AnyNode
from minigrad.reading.names import attributes

WORK = 4_000
"""So many statements are computed again, of the lines of a gradient and of those before it."""
MANY = 200
"""Statements of more parts are left alone."""
LONG = 100
"""Longer lines are not written out."""
OTHERS = 12
"""So many of the statements that led to those of a gradient are looked at, the nearest first."""
SMALL, LIKELY = 3, 100
"""A change that makes fewer numbers right may do so by accident, if so many are tried."""
Change = tuple[str, ast.stmt | None, str]
"""The kind of slip, the statement without it, and the slip in words."""


@dataclass
class Mended:
    """A slip in a line, and what is to be written there."""

    kind: str
    words: str
    written: str
    statement: Statement
    source: Source | None
    own: bool
    """Whether it is one of the statements that made the gradient."""


class Lines:
    """A wrong claim whose lines can be computed again."""

    def __init__(self, claim: Claim, flows: Flows, watch: Watch) -> None:
        last = claim.events[-1]
        self.watch, self.path, self.until = watch, last.path or claim.path, last.step
        self.root, self.top = watch, last.step
        while self.root.caller is not None:
            self.root, self.top = self.root.caller
        self.part: ast.expr | None = None
        if last.statement.whole is not None:
            self.part = last.statement.node.value  # type: ignore[union-attr]
        elif last.item is not None:
            self.part = added(last.statement.node)
        self.events = claim.events
        self.work = Work(WORK)
        truth = target(claim, flows)
        alike = np.shape(last.after) == np.shape(truth) == np.shape(claim.value)
        if self.part is None and alike and np.all(np.isfinite(last.after)):
            truth = truth + (last.after - claim.value)  # of parts that are added to others
        self.target: Any = truth
        self.node: AnyNode = claim.node

    def again(self, statement: Statement | None, changed: Any) -> Any:
        """What the variable is in the end, with another statement in the place of one."""
        replay, part = Replay(statement, changed, self.work), self.part
        if part is not None and statement is self.events[-1].statement:
            part = changed.value if statement.whole is not None else added(changed)
        if self.root is not self.watch and part is None:
            return inside(replay, self.root, self.top, (self.watch, self.path, self.until))
        return replay.value(self.watch, self.path, self.until, part)

    def mended(self, right: Collection[Claim]) -> Mended | None:
        """The first change of one statement that makes the gradient right."""
        own = list(dict.fromkeys(s for e in reversed(self.events) for s in self.called_in(e)))
        fine = {e.statement for c in right for e in c.events}
        before = [s for s in self.before() if s not in own and s not in fine]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            for statements, mine in ((own, True), (before[:OTHERS], False)):
                if not mine and np.size(self.target) < SMALL:
                    break
                self.work.left = WORK
                for statement in statements:
                    found = self.mend(statement, mine, right)
                    if found is not None:
                        return found
        return None

    def called_in(self, event: Event) -> list[Statement]:
        """A statement and those of what it calls; these first where it is no more than a call."""
        calls = self.watch.calls.get(event.step, ())
        inner = [w.steps[k].statement for c in calls for w, k in steps_before(c, len(c.steps))]
        inner = [s for s in inner if not isinstance(getattr(s.node, "value", None), ast.Name)]
        plain = ast.Name | ast.Attribute | ast.Subscript | ast.Constant
        value = getattr(event.statement.node, "value", None)
        only = isinstance(value, ast.Call) and all(isinstance(a, plain) for a in value.args)
        return [*inner, event.statement] if only else [event.statement, *inner]

    def keeps(self, claims: Collection[Claim], statement: Statement, changed: Any) -> bool:
        """Whether gradients that are right stay so where a statement is changed."""
        for claim in claims:
            if claim.events and claim.source is None and claim.events[-1].item is None:
                last, replay = claim.events[-1], Replay(statement, changed, Work(WORK))
                if last.statement.whole is None:
                    value = replay.value(self.root, claim.path, last.step)
                    if value is not None and not close(value, last.after):
                        return False
        return True

    def mend(self, statement: Statement, own: bool, right: Collection[Claim]) -> Mended | None:
        tree = getattr(statement.node, "value", None)
        if tree is None or len(places(tree, ast.AST)) > MANY:
            return None
        at, few = self.seen(statement), np.size(self.target) < SMALL
        for k, repair in enumerate(changes(statement, at)) if at is not None else ():
            if self.work.left < 0 or (few and k >= LIKELY):
                return None
            self.work.left -= 1
            value = self.again(statement, repair[1])
            if value is None or not close(reshaped(value, self.target), self.target):
                continue
            if not own and not self.keeps(right, statement, repair[1]):
                continue
            new = repair[1]
            text = written(ast.fix_missing_locations(new)) if new is not None else ""
            text = text.removeprefix("return ") if statement.whole is not None else text
            text = text if len(text) <= LONG else ""
            return Mended(*repair[::2], text, statement, self.source(statement), own)
        return None

    def seen(self, statement: Statement) -> Mapping[str, Any] | None:
        """The variables that a statement saw the last time, if it is understood."""
        for watch, k in self.reached():
            step = watch.steps[k]
            if step.statement is statement or statement.whole is step.statement:
                replay = Replay(None, None, self.work)
                try:
                    state, _ = replay.state(watch, k)
                    return replay.scope(watch, k, state)
                except Exception:  # of an object of the student's
                    return None
        return None

    def reached(self) -> Iterator[tuple[Watch, int]]:
        """The steps up to the gradient, and those of what they call, the last first."""
        yield from steps_before(self.root, self.top + 1)

    def before(self) -> list[Statement]:
        """The statements that what makes the gradient depends on, the nearest first."""
        mine = {e.statement.whole or e.statement for e in self.events}
        wanted = {self.path} | {n for e in self.events for n in e.statement.reads}
        found = dict.fromkeys(led_to(self.watch, self.until, wanted, mine))
        watch = self.watch
        while watch.caller is not None:
            watch, k = watch.caller
            found |= dict.fromkeys(led_to(watch, k - 1, set(watch.steps[k].statement.reads), set()))
        return list(found)

    def source(self, statement: Statement) -> Source | None:
        """The function that a statement is in, where it is not the watched one."""
        watches = [self.watch, *(w for w, _ in self.reached())]
        of = next((w for w in watches if any(s.statement is statement for s in w.steps)), None)
        return None if of is None or of is self.watch else of.source


def led_to(
    watch: Watch, until: int, wanted: set[str], mine: Collection[Statement]
) -> Iterator[Statement]:
    """The statements that set what is wanted, those in what they call first."""
    for k in range(until, -1, -1):
        s = watch.steps[k].statement
        if s not in mine and not any(within(a, b) for a in s.targets for b in wanted):
            continue
        for call in watch.calls.get(k, ()):
            yield from (w.steps[j].statement for w, j in steps_before(call, len(call.steps)))
        if s not in mine:
            yield s
            wanted |= s.reads


def steps_before(watch: Watch, until: int) -> Iterator[tuple[Watch, int]]:
    """The steps of a call and of those in it, the last first."""
    for k in range(min(until, len(watch.steps)) - 1, -1, -1):
        yield watch, k
        for inner in reversed(watch.calls.get(k, ())):
            yield from steps_before(inner, len(inner.steps))


def added(statement: Any) -> ast.expr | None:
    """What a statement puts into a list."""
    call = getattr(statement, "value", None)
    return call.args[0] if isinstance(call, ast.Call) and len(call.args) == 1 else None


def changes(statement: Statement, scope: Mapping[str, Any]) -> Iterator[Change]:
    """Statements that are one slip away: in where they write, and in what."""
    return chain.from_iterable(change_kinds(statement.node, *known(scope)))


def change_kinds(
    part: Any, names: list[str], shapes: Mapping[str, Any], functions: Sequence[str] = ()
) -> Iterator[Iterator[Change]]:
    """The same, kind by kind, with the numbers that may be used, and their shapes."""
    yield gathered(part)
    name = "target" if isinstance(part, ast.AugAssign) else "targets"
    aim: Any = getattr(part, "target", None) or (getattr(part, "targets", None) or [None])[0]
    places: list[Iterator[Change]] = []
    if isinstance(aim, ast.Subscript) and not isinstance(aim.slice, ast.Constant):
        whole = [n for n in names if shapes[n] == ()]

        def moved(index: ast.expr, words: str) -> tuple[Any, str]:
            new: Any = ast.Subscript(aim.value, index, aim.ctx)
            words = f"it is written to {written(aim)}, where {written(new)} belongs ({words})"
            return replaced(part, **{name: new if name == "target" else [new]}), words

        tried = (
            factors(aim.slice, whole),
            chain(steps(aim.slice), slips(aim.slice, whole, shapes)),
        )
        places = [((kind, *moved(index, words)) for kind, index, words in f) for f in tried]
    yield from places or (iter(()), iter(()))
    for slips_of_kind in kinds(part.value, names, shapes, functions):
        yield ((kind, replaced(part, value=value), words) for kind, value, words in slips_of_kind)


def steps(index: Any) -> Iterator[tuple[str, ast.expr, str]]:
    """An index one step on, or back."""
    if not isinstance(index, ast.Slice | ast.Tuple):
        yield "order", shifted(index, ast.Sub()), "one step back"
        yield "order", shifted(index, ast.Add()), "one step on"


def gathered(part: Any) -> Iterator[Change]:
    """``=`` for ``+=`` and the like; a statement that is one too many."""
    one = isinstance(part, ast.Assign) and len(part.targets) == 1
    if one and not isinstance(part.targets[0], ast.Tuple):
        for op, sign in ((ast.Add(), "+="), (ast.Sub(), "-=")):
            new: Any = ast.AugAssign(part.targets[0], op, part.value)
            yield "assigned", new, f"it is assigned where it should be added up: write {sign}"
    elif isinstance(part, ast.AugAssign):
        for op, sign in ((ast.Add(), "+="), (ast.Sub(), "-=")):
            if type(op) is not type(part.op) and isinstance(part.op, ast.Add | ast.Sub):
                words = f"what it adds has the wrong sign: write {sign}"
                yield "sign", replaced(part, op=op), words
        new = ast.Assign([part.target], part.value)
        yield "assigned", new, "it is added up where it should be assigned: write ="
        yield "extra_local_factor", None, "without this line"
    if one and written(part.targets[0]) in [written(n) for n in ast.walk(part.value)]:
        yield "extra_local_factor", None, "without this line"


def replaced(part: Any, **fields: Any) -> Any:
    """A copy of a statement with other parts."""
    return type(part)(**{**dict(ast.iter_fields(part)), **fields})


def target(claim: Claim, flows: Flows) -> Any:
    """What belongs there."""
    if claim.through is not None:
        return np.asarray(sum(flows.sent[e] for e in claim.through))
    return flows.total[claim.node]


def known(scope: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The numbers that a line may use, by their names."""
    found: dict[str, Any] = {}
    for name, value in scope.items():
        if name == "self":
            found |= {f"self.{k}": v for k, v in (attributes(value) or {}).items()}
        else:
            found[name] = value
    kept = {n: v for n, v in found.items() if type(v) is int or is_real(v)}
    return list(kept), {n: np.shape(v) for n, v in kept.items()}


def is_real(value: Any) -> bool:
    if not exactly(value, np.ndarray, *NUMBERS):
        return False
    return np.asarray(value).dtype.kind in ("fb" if type(value) is np.ndarray else "f")


def blamed(claim: Claim, flows: Flows) -> int:
    """The line that makes a gradient wrong, of those that made it."""
    statements = list(dict.fromkeys(e.statement for e in claim.events))
    if len(statements) < 2:
        return claim.line
    truth = flows.total[claim.node]
    if np.shape(truth) != np.shape(claim.value):
        return statements[-1].first
    peak = float(np.max(np.abs(truth), initial=0.0))
    wrong = np.abs(claim.value - truth) > 1e-6 * np.abs(truth) + 1e-9 * peak
    best, fewest = statements[-1], np.size(wrong)
    for statement in statements:
        touched = np.zeros(np.shape(wrong), bool)
        for e in claim.events:
            same = e.before is not None and np.shape(e.before) == np.shape(wrong)
            same = same and np.shape(e.after) == np.shape(wrong)
            if e.statement is statement and not statement.fresh and same:
                touched = touched | (e.before != e.after)
        if 0 < np.sum(touched) < fewest and not np.any(wrong & ~touched):
            best, fewest = statement, int(np.sum(touched))
    return best.first


def mended(
    claim: Claim, flows: Flows, watches: Collection[Watch], right: Collection[Claim] = ()
) -> Mended | None:
    """What is wrong in the lines that led to a wrong gradient, and how one is to be written."""
    last = claim.events[-1].step if claim.events else -1
    mine = (e.statement.whole or e.statement for e in claim.events[-1:])
    for s in mine if last >= 0 else ():
        for watch in watches:
            at = last < len(watch.steps) and watch.steps[last].statement is s
            if at and (claim.events[-1] in watch.events or s is not claim.events[-1].statement):
                return Lines(claim, flows, watch).mended(right)
    return None
