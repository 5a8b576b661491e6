"""A backward function run again: what its lines set, and what they would have to set."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim, reshaped, widened
from minigrad.derivation.backward.expressions import Compiler
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.held import (
    Words,
    adding,
    bytes_of,
    is_brief,
    is_number,
    is_whole,
    numbers_in,
    set_in,
    steps_of,
    value_at,
)
from minigrad.derivation.backward.lines import Usable, expression_of, is_inexact, target
from minigrad.derivation.backward.machine import FAILURES, Hook, Machine, Start, Swapped, copied
from minigrad.derivation.backward.numbers import Frame, Own
from minigrad.derivation.backward.watch import Source, Statement, Watch
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import places
from minigrad.typing import Array, Function, Keywords, Variables

EARLY = 6
"""Of so many passes of a loop copies are kept."""
UNKNOWNS = 48
"""So many numbers of a line are found at once."""
COMMON = ("np.tanh", "np.exp", "np.sign", "np.sqrt", "np.abs", "np.log")
ONCE = 40_000
"""And so many in one run."""


Mark = tuple[ast.stmt | None, int]
"""After which execution of a statement: the first one is 1."""


@dataclass
class Goal:
    """A gradient: where it is found, what it was, and what it should be.

    ``mark`` is None of what is found in the end.
    """

    at: tuple[Hashable, ...]
    was: Array
    target: Array
    mark: Mark | None = None

    @property
    def right(self) -> bool:
        return close(self.was, self.target)


class Rerun:
    """A backward function run again and again, with something else in one statement."""

    known: dict[ast.stmt | None, tuple[Statement, Source]]
    """The statements that were executed, by their trees."""

    def __init__(
        self, start: Start, watch: Watch, claims: Sequence[Claim], flows: Flows,
        kept: Sequence[object], means: Callable[[str], bool], beside: Sequence[Source],
    ) -> None:  # fmt: skip
        self.means = means
        """Whether a name is that of a gradient."""
        self.beside = [s for s in beside if s.tree is not None]
        """Other functions whose words may be used: the forward one."""
        self.start, self.watch, self.claims, self.flows = start, watch, claims, flows
        self.kept = kept
        """What is returned beside gradients, and is to stay as it is."""
        self.compiler = Compiler()
        self.left = self.probes = 0
        self.purse: list[int] = [0]
        """What all searches together may still compute."""
        self.scopes: dict[ast.stmt | None, Variables] = {}
        """The variables that each statement saw the last time, the first executed first."""
        self.owners: dict[ast.stmt | None, Own] = {}
        self.marks: dict[Claim, Mark] = {}
        """When each gradient was made."""
        self.early: dict[ast.stmt | None, list[Variables]] = {}
        """Copies of those that it saw the first times."""
        self.shifts: dict[Statement, list[Array] | None] = {}
        """What is to be added to what a statement sets; empty where nothing makes all right."""
        self.exact: set[Statement] = set()
        """The statements for which nothing else makes all right."""
        self.sources: list[Source] = []
        self.goals: list[Goal] = []
        self.forward = {bytes_of(np.asarray(x)) for n in flows.total for x in (n.ans, *n.args)}
        self.best: tuple[Statement, Any] | None = None
        """The change that was found, and its statement."""
        self.mixed: set[ast.stmt] = set()
        """The statements on which something depends that is right."""
        self.statements: list[Statement] = []
        self.written: dict[ast.FunctionDef, Words] = {}
        self.last: Any = None
        """The run as it is."""
        self.cost = self.used = 0
        """What one run costs, and what the last one has cost."""
        self.shared: Collection[CodeType] = ()
        """The functions that are right: the forward one runs them."""
        self.elsewhere: Callable[[int], Any] = lambda chance: None
        """The same of other numbers."""
        self.stops = self.alone = False
        """Whether it raises an error; whether one gradient alone is looked at."""

    def shift(self, statement: Statement) -> list[Array] | None:
        """What is to be added to what a statement sets, each time, that all is right.

        Gradients are linear in each other: how much each number of a line, in each pass, moves
        what is returned, is a small system of equations.  Nothing where it has no solution, and
        None where that is not known.
        """
        made = [np.asarray(x) for x in self.made_by(statement, None)]
        size = sum(x.size for x in made)
        aim = np.concatenate([np.ravel(g.target) for g in self.goals])
        if (
            not made
            or not statement.targets
            or not size <= min(UNKNOWNS, len(aim) - 1)
            or any(x.dtype.kind != "f" or not np.all(np.isfinite(x)) for x in made)
        ):
            return None
        if min(self.probes, self.purse[0]) < 2 * size * self.cost:
            return None
        sizes = np.cumsum([x.size for x in made])[:-1]

        def moved(step: Array) -> Array:
            parts = np.split(step, sizes)
            return self.moved(
                statement, [p.reshape(x.shape) for p, x in zip(parts, made, strict=True)]
            )

        try:
            start = moved(np.zeros(size))
            columns = np.array([moved(step) - start for step in np.eye(size)]).T
            some = np.linspace(-1.0, 2.0, size)
            if not close(moved(some), start + columns @ some):
                return None
            found, _, rank, _ = np.linalg.lstsq(columns, aim - start, rcond=1e-9)
            if rank == size:
                self.exact.add(statement)
            if not close(start + columns @ found, aim):
                return []
        except FAILURES:
            return None
        parts = np.split(found, sizes)
        return [p.reshape(x.shape) for p, x in zip(parts, made, strict=True)]

    def moved(self, statement: Statement, shift: list[Array]) -> Array:
        """What is returned where something is added to what a statement sets."""
        found = self.outcome(2 * ONCE, {}, self.goals, adding(statement, shift))
        self.probes -= self.used
        return np.concatenate([np.ravel(reshaped(v, g.target))
                               for v, g in zip(found, self.goals, strict=True)])  # fmt: skip

    def outcome(
        self, work: int, changed: Swapped, goals: Sequence[Goal],
        also: Hook | None = None,
    ) -> list[Any]:  # fmt: skip
        """What the goals are in a run; None of what is not reached."""
        noted: dict[tuple[Hashable, ...], object] = {}
        count: dict[ast.stmt | None, int] = {g.mark[0]: 0 for g in goals if g.mark is not None}
        wanted: dict[Hashable, list[Goal]] = {}
        for g in goals:
            if g.mark is not None:
                wanted.setdefault(g.mark, []).append(g)

        def note(node: ast.stmt, frame: Frame) -> None:
            if also is not None:
                also(node, frame)
            if node in count:
                count[node] += 1
                for g in wanted.get((node, count[node]), ()):
                    value = value_at(g.at, frame.vars)
                    noted[g.mark, g.at] = None if value is None else np.array(value)

        machine = Machine(self.compiler, work, changed, after=note if count or also else None)
        try:
            answer = self.ran(machine)
        finally:
            self.used = work - machine.left
        held = {"return": answer, **machine.root.vars}  # type: ignore[union-attr]
        return [noted.get((g.mark, g.at)) if g.mark else value_at(g.at, held) for g in goals]

    def frame(self, node: ast.stmt | None, variables: Variables) -> Frame:
        """Where a statement is computed by itself."""
        found = Frame(self.last, self.owners[node])
        found.vars = variables
        self.last.left = ONCE
        return found

    def read(self, node: ast.stmt | None, variables: Variables, part: Any) -> Any:
        """What an expression is; None of what is no number, or not computed."""
        with suppress(*FAILURES):
            value = self.compiler.code(part)(self.frame(node, variables))
            return value if is_number(value) else None
        return None

    def vocabulary(self, statement: Statement) -> Usable:
        """What a statement may use, as the functions write it."""
        scope = self.scopes[statement.node]
        found = dict(numbers_in(scope))
        known = [self.known[statement.node][1], *self.beside]
        for source in known:
            if source.tree not in self.written:
                self.written[source.tree] = Words.of(source.tree)
        for text, tree in [x for s in known for x in self.written[s.tree].numbers.items()]:
            if text not in found:
                value = self.read(statement.node, scope, tree)
                if is_inexact(value) or is_whole(value):
                    found[text] = value
        for text, value in list(found.items()):
            if np.ndim(value) == 1 and len(text) < 20:
                found.setdefault(f"{text}[:, None]", np.empty((len(value), 1)))
        held = [n for n, v in scope.items() if type(v) in (list, tuple)]
        for n, index in itertools.product(held, self.written[known[0].tree].indices):
            tree = ast.Subscript(ast.Name(n, ast.Load()), index, ast.Load())
            value = self.read(statement.node, scope, tree) if written(tree) not in found else None
            if is_inexact(value):
                found[written(tree)] = value
        indexed = [x for x in places(expression_of(statement.node), ast.Subscript)
                   if isinstance(x, ast.Subscript) and isinstance(x.slice, ast.Name)]  # fmt: skip
        for x in indexed:
            for n in shapes_like(found, self.read(statement.node, scope, x.value)):
                there = ast.Subscript(ast.Name(n, ast.Load()), x.slice, ast.Load())
                value = self.read(statement.node, scope, there)
                if is_inexact(value):
                    found.setdefault(written(there), value)
        functions = dict.fromkeys(f for s in known for f in self.written[s.tree].functions)
        functions |= dict.fromkeys(COMMON)
        shapes, words = {n: np.shape(v) for n, v in found.items()}, self.written[known[0].tree]
        unread = [n for n in found if n in words.unread]
        indices = {n: v.shape for n, v in scope.items()
                   if type(v) is np.ndarray and v.dtype.kind in "iu" and v.shape}  # fmt: skip
        return Usable(list(found), shapes, list(functions), words.slices.values(), unread, indices)

    def set_by(
        self, statement: Statement, part: ast.stmt | None, k: int, paths: Sequence[str] = ()
    ) -> Any:
        """What a statement, or another in its place, sets the k-th time; at ``paths`` alone."""
        frame = self.frame(statement.node, self.early[statement.node][k].copy())
        paths = paths or statement.targets
        for base in {steps_of(path)[0] for path in paths} & frame.vars.keys():
            frame.vars[base] = copied(frame.vars[base], {})
        try:
            self.compiler.code(part)(frame)
        except FAILURES:
            return None
        return set_in(paths, frame.vars)

    def fits(self, statement: Statement, changed: ast.stmt | None) -> bool:
        """Whether a change may set the numbers that a statement is known to have to set."""
        shift = self.shifts[statement]
        if shift == [] and not isinstance(statement.node, ast.AugAssign):
            return False
        if not shift or changed is None or statement not in self.exact:
            return True
        k = first_off(shift)
        if k >= len(self.early[statement.node]):
            return True
        was, now = (self.set_by(statement, part, k) for part in (statement.node, changed))
        return was is None or (now is not None and close(now, was + shift[k]))

    def local(self, statement: Statement, changed: ast.stmt | None) -> Any:
        """What a statement would set, the last time and at first: the same for changes that
        come to the same, and for those that cannot be computed.
        """
        if changed is None:
            return "left out"
        values = [self.computed(statement, changed, self.scopes[statement.node])]
        for scope in self.early[statement.node][:-1]:
            if None not in values[-1:] and (len(values) == 1 or is_brief(values[0])):
                values.append(self.computed(statement, changed, scope))
        if None in values:
            return None
        aims = getattr(changed, "targets", None) or [getattr(changed, "target", None)]
        where = tuple(ast.dump(t) for t in aims if isinstance(t, ast.Subscript))
        return type(changed), type(getattr(changed, "op", None)), where, *values

    def computed(self, statement: Statement, changed: ast.stmt, scope: Variables) -> Any:
        """What the expression of a statement is there; None where it cannot be computed."""
        frame = self.frame(statement.node, scope.copy())
        with suppress(*FAILURES):
            return bytes_of(self.compiler.code(argued(changed))(frame))
        return None

    def rerun(self, statement: Statement, changed: ast.stmt | None, after: Function) -> None:
        swapped: Swapped = {} if changed is None else {statement.node: changed}
        self.ran(Machine(self.compiler, 2 * ONCE, swapped, after=after))

    def ran(self, machine: Machine) -> Any:
        """What a run returns; None where it stops as it did in Python."""
        before = machine.left
        try:
            return machine.run(self.start)
        except FAILURES:
            if not self.stops:
                raise
        finally:
            self.purse[0] -= before - machine.left
        return None

    def made_by(
        self, statement: Statement, changed: ast.stmt | None, paths: Sequence[str] = ()
    ) -> list[Any]:
        """What a statement sets, each time; at ``paths`` alone."""
        found: list[object] = []

        def note(node: ast.stmt, frame: Frame) -> None:
            if node is statement.node and statement.targets:
                value = set_in(paths or statement.targets, frame.vars)
                found.append(np.nan if value is None else np.array(value))
            elif node is statement.node:  # on a copy: ``return ds.pop()`` changes what it reads
                value = self.read(node, copied(frame.vars, {}), argued(changed or node))
                found.append(np.nan if value is None else np.array(value))

        self.rerun(statement, changed, note)
        return found

    def values(
        self,
        statement: Statement,
        changed: ast.stmt | None,
        claims: Sequence[Claim],
        shift: Sequence[Array] = (),
    ) -> dict[Claim, Array]:
        """What the gradients of the function itself are with the change, each when it was made."""
        self.look_when(claims)
        made = [c for c in claims if c in self.marks]
        goals = [self.marked(c) for c in made]
        swapped: Swapped = {} if changed is None and shift else {statement.node: changed}
        with np.errstate(all="ignore"):
            found = self.outcome(2 * ONCE, swapped, goals, adding(statement, shift))
        return {c: widened(reshaped(v, c.value), target(c, self.flows))
                for c, v in zip(made, found, strict=True) if v is not None}  # fmt: skip

    def look_when(self, claims: Sequence[Claim]) -> None:
        """Find out when gradients were made."""
        made: dict[ast.stmt | None, list[Claim]] = {}
        for c in claims:
            if c not in self.marks and c.events and c.events[-1].item is None:
                made.setdefault(c.events[-1].statement.node, []).append(c)
        count: dict[ast.stmt, int] = {}
        hits: dict[Claim, list[int]] = {}

        def note(node: ast.stmt, frame: Frame) -> None:
            count[node] = count.get(node, 0) + 1
            for claim in made.get(node, ()):
                value = value_at(steps_of(claim.events[-1].path), frame.vars)
                if value is not None and close(value, claim.events[-1].after):
                    hits.setdefault(claim, []).append(count[node])

        if made:
            with suppress(*FAILURES):
                Machine(self.compiler, ONCE, after=note).run(self.start)
        for claim, times in hits.items():
            last = claim.events[-1]
            steps = self.watch.steps[: last.step + 1] if claim.source is None else []
            k = sum(s.statement is last.statement for s in steps)
            self.marks[claim] = last.statement.node, k if k in times else times[-1]

    def marked(self, claim: Claim) -> Goal:
        """A gradient when it was made."""
        after, aim = claim.events[-1].after, target(claim, self.flows)
        alike = np.shape(after) == np.shape(aim) == np.shape(claim.value)
        if alike and np.all(np.isfinite(after)):
            aim = aim + (after - claim.value)  # of parts that are added to others
        return Goal(steps_of(claim.events[-1].path), after, aim, self.marks[claim])


def shapes_like(found: Keywords, value: Any) -> list[str]:
    """The variables that have the shape of an array."""
    shape = np.shape(value)
    return [n for n, v in found.items() if shape and n.isidentifier() and np.shape(v) == shape]


def argued(part: ast.stmt) -> Any:
    """What a statement computes: of ``ds.append(dx)``, which is not to be done twice, ``dx``."""
    value = expression_of(part)
    called = isinstance(part, ast.Expr) and isinstance(value, ast.Call)
    return ast.Tuple(value.args, ast.Load()) if called else value


def first_off(shift: Sequence[Array]) -> int:
    """When a statement first sets something that is not what belongs there."""
    sizes = [float(np.max(np.abs(d), initial=0.0)) for d in shift]
    return next(k for k, size in enumerate(sizes) if size >= 1e-9 * max(sizes))
