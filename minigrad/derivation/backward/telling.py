"""The verdicts where one line is known to be wrong, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.lines import target
from minigrad.derivation.backward.naming import readings
from minigrad.derivation.backward.numbers import RETURNED
from minigrad.derivation.backward.repairing import Search, Slip
from minigrad.derivation.backward.watch import Statement, source_of
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.report import Row, worst
from minigrad.derivation.search import together
from minigrad.reading.names import Scope, elsewhere
from minigrad.tensor import wrap

if TYPE_CHECKING:
    from minigrad.derivation.backward.judging import Judge


@contextmanager
def looked_up_in(scopes: list[Scope], walks: Any = (float("inf"),)) -> Iterator[None]:
    """While open, names of the user are those in ``scopes``, and causes may cost ``walks``."""
    tokens = elsewhere.set(scopes), together.set([*walks] if type(walks) is tuple else walks)
    try:
        yield
    finally:
        elsewhere.reset(tokens[0])
        together.reset(tokens[1])


def search_in(judge: Judge) -> Search | None:
    """A search for the line that is wrong, where the function can be run again."""
    runs = judge.runs
    if runs.start is None or runs.watch is None:
        return None
    kept = runs.values if runs.both else ()
    means = lambda path: bool(readings(path)) and path not in judge.namer.variables
    code = getattr(judge.check.student.forward, "__code__", None)
    beside = [source_of(code)] if code is not None else []
    found = Search(runs.start, runs.watch, judge.claims, judge.flows, kept, means, beside)
    found.purse = judge.check.work
    found.elsewhere, found.shared = judge.elsewhere, runs.shared
    return found


def told(judge: Any, slip: Slip) -> list[Claim]:
    """The claims, where one line is known to be wrong, and no other."""
    judge.divide()
    judge.settled = True
    aim = {c: target(c, judge.flows) for c in judge.claims}
    wrong = [c for c in judge.claims if not close(c.value, aim[c])]
    mine = [c for c in wrong if any(same(e.statement, slip.statement) for e in c.events)]
    parts = [c for c in mine if c.through is not None]
    then = slip.values(wrong)
    follows = [c for c in wrong if c.returned or c in parts or (
        c in then and close(then[c], aim[c]))]  # fmt: skip
    first = next((c for c in (*parts, *mine) if c in follows), None)
    values = {c: c.value for c in wrong if c is not first}
    cause = path_of(slip) or f"line {slip.statement.first}"
    for c in values:
        c.value = aim[c]
    judge.grade_anew(judge.claims)
    for c, value in values.items():
        c.value = value
        c.row = replace(c.row, hand=value, error=worst(value, c.row.autodiff),
                        verdict="carried", note=f"right, given your {cause}")  # fmt: skip
    judge.unread = [c for c in wrong if c not in follows]
    graded = [c for c in judge.claims if c not in judge.unread]
    if first is None or first.row.verdict != "wrong":
        graded = [c for c in graded if c is not first]
        first = nameless_claim(judge, slip)
        graded = sorted([*graded, first], key=lambda c: c.order)
    judge.say(first, slip, first in mine)
    first.source = None if first.source is judge.runs.watch.source else first.source
    return graded


def nameless_claim(judge: Judge, slip: Slip) -> Claim:
    """A line that is wrong, and makes no gradient that has a name."""
    events, helpers = judge.runs.watch.events, judge.runs.helpers
    made = [e for e in events if same(e.statement, slip.statement)]
    when = next((w.when for w in helpers if any(same(s.statement, slip.statement)
                                                for s in w.steps)), len(events))  # fmt: skip
    order = events.index(made[0]) if made else when
    header = isinstance(slip.statement.node, ast.For | ast.If | ast.While)
    rest = "the condition" if hasattr(slip.statement.node, "test") else "the loop"
    rest = rest if header else f"what {slip.source.name} returns"
    name = path_of(slip) or rest
    claim = Claim(name, made, slip.was, judge.output.node, slip.statement.first, order)
    cause = Diagnosis(slip.kind, None, slip.words, (slip.kind,))
    claim.row = Row(name, slip.was, slip.now, None, worst(slip.was, slip.now), "wrong", cause)
    return claim


def same(a: Statement, b: Statement) -> bool:
    """Whether one statement is the other, or an expression of it."""
    return (a.whole or a).node is b.node


def path_of(slip: Slip) -> str:
    """The variable that a line sets otherwise than it should; empty of what has no name."""
    path = slip.path or next(iter(slip.statement.targets), "")
    return "" if path == RETURNED else path


def instead(judge: Judge, claim: Claim) -> str:
    """The formula of a gradient, in the student's names; empty where there is none."""
    from minigrad.explain import explain  # it takes long to load, and is seldom needed

    name = judge.variable(claim)
    if claim.written or not name:
        return claim.written
    with looked_up_in(judge.runs.scopes, judge.check.walks):
        try:
            rows = explain(judge.output, wrap(judge.flows.total[claim.node], claim.node)).rows
        except Exception:  # a formula is a courtesy
            return ""
    through = {judge.called(n) for e in claim.through or () for n in
               judge.flows.next_named(e, judge.collector.named)}  # fmt: skip
    for row in rows:
        quantity = str(row.quantity)
        left, _, via = quantity.partition(" via ")
        right = left.rsplit("/d", 1)[-1] if "/d" in left else left[1:]
        if right != name or (via and claim.through and via not in through):
            continue
        formula = str(row.formula).replace(" ⊙ ", " * ").replace("·", " * ")
        formula = re.sub(r"\breshape\(([^(),]+), \(1, [\d, ]*\)\)", r"(\1)", formula)
        formula = re.sub(r"(?<![\w.])\((\w+)\)", r"\1", formula)
        formula = re.sub(r"\b([a-z_]+)\(", as_numpy, formula)
        if "/d" in left:
            formula = f"{left.rsplit('/d', 1)[0]} * {formula}"
        if (via and not claim.through) or " via " in formula:
            continue
        search = search_in(judge)
        known = len(formula) < 90 and search is not None and search.confirms(claim, formula)
        return f"{claim.path or 'd' + name} = {formula}" if known else ""
    return ""


def as_numpy(call: re.Match[str]) -> str:
    """``np.sum(`` for ``sum(``, as students write it."""
    return f"np.{call[0]}" if hasattr(np, call[1]) else call[0]
