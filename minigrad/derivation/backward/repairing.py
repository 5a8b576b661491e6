"""The smallest change of one line that makes right all that is returned, or one gradient.

The backward function is run again, in a closed interpreter, with one statement after the other
changed; only where each gradient comes out right is a slip found.  So its line is known whatever
its variables are called, be it in a loop, in a helper, or of what has no name.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim, reshaped
from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.held import (
    bytes_of,
    leaves_of,
    shape_of,
    steps_of,
    value_at,
)
from minigrad.derivation.backward.lines import (
    Change,
    as_written,
    change_kinds,
    clear_kinds,
    expression_of,
    field_of,
    replaced,
    target,
)
from minigrad.derivation.backward.machine import FAILURES, Machine, copied
from minigrad.derivation.backward.numbers import Frame
from minigrad.derivation.backward.rerun import EARLY, ONCE, Goal, first_off
from minigrad.derivation.backward.suspects import Suspects
from minigrad.derivation.backward.terms import missing_terms, with_term
from minigrad.derivation.backward.watch import Source, Statement
from minigrad.derivation.formulas.repairs import without_numbers
from minigrad.typing import Array, Function

SHARES = (0.6, 0.25, 0.15)
"""Of the work, by how likely it is that a line is wrong."""
LIKELIER = 0.7
"""Of the work, for the likely kinds of slips: they are looked for in all lines first."""
CHANGE = 25
"""What it costs to make a change, and to compute its line alone."""
TWINS = 3
"""Other numbers are tried so often, where nothing is wrong among the first."""
MORE = 60_000
"""And so many operations after one was found that leaves something odd."""
SMALL, LIKELY = 3, 600
"""So many changes are tried of a line that decides on a few numbers alone."""


@dataclass
class Slip:
    """What is wrong in a line, and what is to be written there."""

    kind: str
    words: str
    written: str
    statement: Statement
    source: Source
    values: Callable[[Sequence[Claim]], dict[Claim, Array]]
    """What gradients are without it."""
    was: Array = np.nan
    """What the line computes, where that is first another number than without the slip."""
    now: Array = np.nan
    path: str = ""
    """Where that is, of several targets."""


@dataclass
class Tries:
    """Changes of some statements, kind by kind, and what came of those that were tried."""

    statements: list[Statement]
    likely: Iterator[tuple[Iterator[Change], ...]]
    others: Iterator[tuple[Iterator[Change], ...]]
    was: list[Hashable]
    """What each statement sets as it is."""
    again: bool
    """Whether they set what the forward function has computed."""

    def __post_init__(self) -> None:
        self.seen = [{x} for x in self.was]
        self.count = [0] * len(self.was)


Wanted = tuple[str, Array, Array, Claim | None]
"""Where a gradient may be, what it is and should be; and its claim, to be seen as it is made."""


class Search(Suspects):
    """A backward function that returns something wrong, and is run again."""

    wanted: list[Wanted]
    rank = 0
    """How much is odd with the best change: nothing, what is the negative gradient, or more."""

    def found(self) -> Slip | None:
        """The first change that makes all right."""
        return self.looked_for(self.returned(), self.purse[0])

    def of(self, claim: Claim) -> Slip | None:
        """The first change that makes one gradient right, and leaves right what is."""
        right = [c for c in self.claims if close(c.value, target(c, self.flows)) and c is not claim]
        wanted: list[Wanted] = [
            (c.path, c.value, target(c, self.flows), c) for c in (claim, *right)
        ]
        wanted += [("", x, x, None) for x in self.kept]
        return self.looked_for(wanted, self.purse[0] // 2, claim)

    def confirms(self, claim: Claim, text: str) -> bool:
        """Whether a gradient is right where it is assigned a formula."""
        right = [c for c in self.claims if close(c.value, target(c, self.flows)) and c is not claim]
        node: ast.stmt | None = claim.events[-1].statement.node if claim.events else None
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1) or claim.source:
            return False
        self.wanted = [(c.path, c.value, target(c, self.flows), c) for c in (claim, *right)]
        if sum(s.statement is claim.events[-1].statement for s in self.watch.steps) > 1:
            self.wanted += self.returned()  # it is to be right in every pass
        self.alone = True
        with suppress(Exception), np.errstate(all="ignore"):
            new = ast.parse(text, mode="eval").body
            statement, changed = claim.events[-1].statement, replaced(node, value=new)
            return (
                self.understood(self.wanted, True)
                and self.holds(statement, changed)
                and self.helps(statement, changed)
            )
        return False

    def looked_for(
        self, wanted: list[Wanted], work: int, claim: Claim | None = None
    ) -> Slip | None:
        with np.errstate(all="ignore"), warnings.catch_warnings(), suppress(Exception):
            warnings.simplefilter("ignore")  # the mean of nothing
            self.left, self.probes, self.alone = work, work // 2, claim is not None
            self.wanted = wanted
            if not self.understood(wanted, claim is not None):
                return None
            self.statements = self.to_be_tried()
            if claim is not None and self.numbers() < SMALL:
                mine = {(e.statement.whole or e.statement).node for e in claim.events}
                self.statements = [s for s in self.statements if s.node in mine]
            ranks = self.in_order(self.statements)
            self.first(ranks)
            if self.best is not None:
                return self.slip(*self.best)
            return self.by_numbers([s for some in ranks[:2] for s in some]) if not claim else None
        return None  # a search that fails has found nothing, and the verdicts stand without it

    def returned(self) -> list[Wanted]:
        """What is to be found in the end."""
        found = [c for c in self.claims if c.returned and c.through is None]
        return [*((c.path, c.value, self.flows.total[c.node], None) for c in found),
                *(("", x, x, None) for x in self.kept)]  # fmt: skip

    # --- as it is -----------------------------------------------------------------------

    def understood(self, wanted: list[Wanted], partly: bool = False) -> bool:
        """Whether the run can be made again; what is wanted is found in it, then."""

        def note(node: ast.stmt, frame: Frame) -> None:
            self.scopes[node], self.owners[node] = frame.vars.copy(), frame.own
            early = self.early.setdefault(node, [])
            if len(early) < EARLY:
                early.append(copied(frame.vars, {}))

        self.last = machine = Machine(self.compiler, ONCE, before=note)
        answer: Any = None
        try:
            answer = machine.run(self.start)
        except FAILURES:
            if not partly or machine.left < 0 or machine.root is None:
                return False
            self.stops = True
        self.cost = ONCE - machine.left
        self.sources = list(machine.sources.values())
        assert machine.root is not None
        held = {"return": answer, **machine.root.vars}
        returned, others = (list(leaves_of(x)) for x in ({"return": answer}, machine.root.vars))
        self.look_when([one for *_, one in wanted if one is not None])
        for path, value, aim, one in wanted:
            if one is not None and one in self.marks:
                self.goals.append(self.marked(one))
                continue
            named = steps_of(path)
            mine = [*returned, (named, value_at(named, held)), *others]
            places = [at for at, leaf in mine if leaf is not None
                      and close(reshaped(leaf, value), value)]  # fmt: skip
            taken = {g.at for g in self.goals}  # of two that are the same, each has its own
            at = next((at for at in places if at not in taken), next(iter(places), None))
            if at is not None:
                self.goals.append(Goal(at, value, aim))
            elif not (partly or close(value, aim)):
                return False
        self.goals.sort(key=lambda g: g.right)
        return bool(self.goals) and not self.goals[0].right

    def numbers(self) -> int:
        return sum(np.size(g.target) for g in self.goals if not g.right)

    # --- the line alone -------------------------------------------------------------------

    def by_numbers(self, statements: list[Statement]) -> Slip | None:
        """The line for which there are numbers that make all right: the only one, or one with
        which all gradients are right that have names.

        A line that is wrong is so the first time; one that is right then only carries a slip on.
        """
        given = {bytes_of(a) for a in (*self.start.args, *self.start.options.values())}
        shifts = {s: shift for s in statements if (shift := self.shifts[s])
                  and not given.issuperset(map(bytes_of, self.made_by(s, None)))}  # fmt: skip
        found = sorted(shifts, key=lambda s: first_off(shifts[s]) > 0)
        known = all(self.shifts[s] is not None or self.is_whole(s) for s in statements)
        alone = len(found) == 1 and known
        for statement in found:
            slip = self.by_shift(statement, shifts[statement])
            then = slip.values(self.claims)
            if alone or all(c.through or close(v, target(c, self.flows)) for c, v in then.items()):
                return slip
        return None

    def is_whole(self, statement: Statement) -> bool:
        """Whether it sets sizes or places."""
        made = self.made_by(statement, None)
        return all(np.asarray(x).dtype.kind in "iu" for x in made)

    def by_shift(self, statement: Statement, shift: list[Array]) -> Slip:
        """What is wrong in a line that is known by its numbers."""
        k = first_off(shift)
        one = len(statement.targets) == 1
        for term in missing_terms(self.numbers_at(statement, k), shift[k]) if one else ():
            change = with_term(statement.node, *term)
            if self.holds(statement, change[1]):
                return self.slip(statement, change)
        left = np.ravel(shift[k])
        for path in statement.targets:
            was = self.made_by(statement, None, (path,))[k]
            more, left = np.split(left, [np.size(was)])
            if np.max(np.abs(more), initial=0.0) == np.max(np.abs(shift[k])):
                break
        now = was + more.reshape(np.shape(was))
        worst_at = np.unravel_index(int(np.argmax(np.abs(more))), np.shape(was))
        where = f" at [{', '.join(map(str, worst_at))}]" if worst_at else ""
        words = f"no known slip explains it: yours {was[worst_at]:.6g}{where}, where "
        words += f"{now[worst_at]:.6g} belongs"
        source = self.known[statement.node][1]
        values = lambda claims: self.values(statement, None, claims, shift)
        return Slip("other", words, "", statement, source, values, was, now, path)

    def numbers_at(self, statement: Statement, k: int) -> dict[str, Array]:
        """What a statement may use, as it was the k-th time."""
        early = self.early[statement.node][k:]
        names = self.vocabulary(statement).names if early else []
        trees = {n: ast.parse(n, mode="eval").body for n in names}
        held = {n: self.read(statement.node, early[0], tree) for n, tree in trees.items()}
        return {n: v for n, v in held.items() if v is not None}

    def stops_in(self, statement: Statement) -> bool:
        """Whether the run raises an error in a statement, here as in Python."""
        self.understood([], True)
        return self.stops and [*self.scopes][-1:] == [statement.node]

    def instead_of_stopping(self, statement: Statement, aim: Array) -> Change | None:
        """The first change of a statement that raises an error by which it sets what is right."""
        self.known = {statement.node: (statement, self.watch.source)}
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kinds = change_kinds(statement.node, self.vocabulary(statement))
            for change in chain.from_iterable(chain(*kinds)):
                value = (
                    self.set_by(statement, change[1], -1, statement.targets[:1])
                    if change[1] is not None
                    else None
                )
                if value is not None and close(reshaped(value, aim), aim):
                    return change
        return None

    def first(self, ranks: list[list[Statement]]) -> None:
        """Look for the first change that makes all right, the likeliest kinds first.

        One that leaves a gradient wrong that is called by its name is only taken where there
        is no other up to there.
        """
        if self.number_too_many([s for some in ranks for s in some]):
            return
        whole, self.left = self.left, 0
        tries: list[list[Tries]] = []
        for k, statements in enumerate(ranks):
            self.shifts |= {s: self.shift(s) for s in statements}
            sure = [s for s in statements if self.shifts[s] and s in self.exact]
            rest = [s for s in statements if s not in sure]
            tries.append([self.tries(some, k == 2) for some in (sure, rest) if some])
        for likely, probable in ((True, LIKELIER), (False, 1 - LIKELIER)):
            for share, parts in zip(SHARES, tries, strict=True):
                for part in parts:
                    work = int(probable * share * whole / len(parts))
                    self.left = MORE if self.best is not None else max(self.left, 0) + work
                    for changes in part.likely if likely else chain(part.likely, part.others):
                        if self.tried(part, changes):
                            return
                        if min(self.left, self.purse[0]) < 0:
                            break

    def tries(self, statements: list[Statement], again: bool) -> Tries:
        both = zip(*(change_kinds(s.node, self.vocabulary(s)) for s in statements), strict=True)
        likely, others = (zip(*each, strict=True) for each in both)
        return Tries(statements, likely, others, [self.local(s, s.node) for s in statements], again)

    def number_too_many(self, statements: list[Statement]) -> bool:
        """Whether a number in one line is the slip: what other lines would have to make up for
        it is none of theirs, unless its own line has a wrong axis, mean or size.
        """
        for s in statements:
            for kind, value, words in without_numbers(expression_of(s.node)):
                number = kind, replaced(s.node, **{field_of(s.node): value}), words
                if self.holds(s, number[1]):
                    likely = chain.from_iterable(clear_kinds(s.node, self.vocabulary(s)))
                    return any(
                        self.holds(s, change[1]) and self.settles(s, change)
                        for change in (*likely, number)
                    )
        return False

    def tried(self, tries: Tries, of_one_kind: Sequence[Iterator[Change]]) -> bool:
        """Try changes of one kind of some statements; true where all is settled."""
        most = LIKELY if self.numbers() < SMALL else 100 * LIKELY
        for k, changes in enumerate(of_one_kind):
            statement, was, seen = tries.statements[k], tries.was[k], tries.seen[k]
            for change in changes if statement in self.statements else ():
                tries.count[k] += 1
                if min(self.left, self.purse[0]) < 0 or tries.count[k] > most:
                    break
                self.left, self.purse[0] = self.left - CHANGE, self.purse[0] - CHANGE
                here = self.local(statement, change[1])
                if here in seen:
                    continue
                seen.add(here)
                if tries.again and type(here) is tuple and not self.known_value(here[3]):
                    continue  # it has computed what the forward function has
                alike = shape_of(here) == shape_of(was)
                if alike and not self.fits(statement, change[1]):
                    continue
                if self.holds(statement, change[1]) and self.settles(statement, change):
                    return True
        return False

    def known_value(self, found: Any) -> bool:
        """Whether the forward function has computed a value, or all of several."""
        several = type(found) is tuple and not any(isinstance(x, bytes) for x in found)
        return found in self.forward or (several and all(map(self.known_value, found)))

    def settles(self, statement: Statement, change: Change) -> bool:
        """Whether what is called by its name is right, too, with a change; else, what led to
        it is looked at further.
        """
        if self.alone:
            self.best = (statement, change) if self.helps(statement, change[1]) else None
            return self.best is not None
        values = self.values(statement, change[1], self.claims)
        local = [c for c in self.claims if not c.returned and c in values]
        odd = [c for c in local if not any(close(values[c], aim) for aim in self.aims(c))]
        negated = all(close(v, -target(c, self.flows)) for c in local for v in (c.value, values[c]))
        rank = 2 - negated if odd else 0  # of a likelihood, whose gradients are negated in the end
        if rank == 2 and any(close(c.value, target(c, self.flows)) for c in odd):
            return False
        first = self.best is None
        if first or rank < self.rank:
            self.best, self.rank = (statement, change), rank
        self.left = min(self.left, MORE) if first else self.left
        if first and rank == 2 and not any(made_by(c, statement) for c in odd):
            until = max(e.step for e in odd[0].events)
            before = {s.statement.node for s in self.watch.steps[: until + 1]}
            self.statements = [s for s in self.statements if s.node in before]
        return rank == 0

    def aims(self, claim: Claim) -> list[Array]:
        """What a gradient may be that is not returned: itself, or all of which it is a part."""
        aim = target(claim, self.flows)
        return [aim, self.flows.total[claim.node]] if claim.through else [aim]

    def helps(self, statement: Statement, changed: ast.stmt | None) -> bool:
        """Whether something that is made after a gradient, and is wrong, becomes right with it.

        What is called after a variable may be the gradient of another, and right in its use.
        """
        one = next((c for *_, c in self.wanted if c is not None), None)
        later = [c for c in self.claims if one is not None and c.order > one.order
                 and c.path != one.path and not close(c.value, target(c, self.flows))]  # fmt: skip
        if one is None or one.returned or not later:
            return True
        values = self.values(statement, changed, later)
        return any(close(v, target(c, self.flows)) for c, v in values.items())

    # --- the line alone -------------------------------------------------------------------

    def holds(self, statement: Statement, changed: ast.stmt | None) -> bool:
        """Whether all is right with another statement there, and of other numbers, too."""
        return self.holds_here(statement, changed) and (
            self.twin is None or self.twin.holds_here(statement, changed)
        )

    @functools.cached_property
    def twin(self) -> Search | None:
        """The same search among other numbers; None where there are none."""
        for chance in range(TWINS):
            other = self.elsewhere(chance)
            if other is None:
                continue
            some = [other.alike(c) for *_, c in self.wanted if c is not None]
            wanted = some if self.alone else other.returned()
            with suppress(*FAILURES), np.errstate(all="ignore"):
                other.understood([w for w in wanted if w is not None], True)
            was = {(g.at, g.mark) for g in self.goals if g.right}
            other.goals = [g for g in other.goals if np.all(np.isfinite(g.target))
                           and (g.right or (g.at, g.mark) not in was)]  # fmt: skip
            if not other.stops and any(not g.right for g in other.goals):
                return other  # type: ignore[no-any-return]
        return None

    def alike(self, claim: Claim) -> Wanted | None:
        """What is called the same as a gradient, and made at the same time."""
        key: Function = lambda x: (x.path, x.order, x.line, np.shape(x.value), x.through is None)
        same = (c for c in self.claims if key(c) == key(claim) and c.through is None)
        return next(((c.path, c.value, target(c, self.flows), c) for c in same), None)

    def holds_here(self, statement: Statement, changed: ast.stmt | None) -> bool:
        """Whether all is right with another statement in the place of one."""
        try:
            found = self.outcome(2 * self.cost + 1000, {statement.node: changed}, self.goals)
        except FAILURES:
            return False
        finally:
            self.left -= self.used
        return all(
            value is not None and close(reshaped(value, goal.target), goal.target)
            for goal, value in zip(self.goals, found, strict=True)
        )

    # --- what was found -------------------------------------------------------------------

    def slip(self, statement: Statement, change: Change) -> Slip:
        """A change as it is told."""
        new = change[1]
        source = self.known[statement.node][1]
        values = lambda claims: self.values(statement, new, claims)
        words = change[2]
        if new is None and isinstance(statement.node, ast.Assign):
            words = f"{statement.targets[0]} is changed here, before all is computed that needs it"
        slip = Slip(change[0], words, as_written(new), statement, source, values)
        for path in statement.targets or ("",):
            with np.errstate(all="ignore"):
                before, after = (self.made_by(statement, x, (path,)) for x in (None, new))
            for a, b in zip(before, after, strict=False):
                if not close(a, b):
                    slip.was, slip.now, slip.path = 1 * a, 1 * b, path
                    return slip
        return slip


def made_by(claim: Claim, statement: Statement) -> bool:
    return any(e.statement.node is statement.node for e in claim.events)
