"""What is wrong in a line of code: the smallest change of it that makes the gradient right."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim, reshaped
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.interpreter import NUMBERS, Unknown, after, computed, exactly
from minigrad.derivation.backward.mistakes import slips
from minigrad.derivation.backward.watch import Event
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import factors, places
from minigrad.graph import AnyNode
from minigrad.reading.names import attributes

SECONDS = 0.6
"""So long is looked for a change (of processor time)."""
MOST, MANY = 60, 200
"""Claims that more statements made, and statements of more parts, are left alone."""
LONG = 100
"""Longer lines are not written out."""
Change = tuple[str, ast.stmt, str]
"""The kind of slip, the statement without it, and the slip in words."""
SMALL = 3
"""A change that makes fewer numbers right may do so by accident, if many are tried."""


class Line:
    """A wrong claim whose lines can be computed again."""

    def __init__(self, claim: Claim, flows: Flows, stopped: bool = False) -> None:
        self.events: list[Event] = claim.events
        self.stopped: bool = stopped
        self.target: Any = target(claim, flows)
        self.node: AnyNode = claim.node

    def again(self, statement: Any, changed: ast.stmt | None) -> Any:
        """What the variable is in the end, with another statement in the place of one."""
        state: Any = None
        for event in self.events:
            part: Any = event.statement.node
            if changed is not None and event.statement is statement:
                part = changed
            scope = scope_of(event, state)
            try:
                value = computed(part.value, scope)
                if value is None:
                    raise Unknown(written(part))
                state = after(part, value, event.before if state is None else state, scope)
            except (Unknown, AttributeError, KeyError, ValueError, TypeError, IndexError,
                    ArithmeticError):  # fmt: skip
                if event.statement is statement:
                    return None
                if state is None or event.before is None or event.statement.fresh:
                    state = event.after
                elif np.shape(state) == np.shape(event.after):
                    state = state + (event.after - event.before)
                else:
                    return None
        return state

    def repaired(self) -> Change | None:
        """The first change of one statement that makes the gradient right."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            return self.tried()

    def tried(self) -> Change | None:
        start = time.process_time()
        for statement in {e.statement: None for e in reversed(self.events)}:
            tree = getattr(statement.node, "value", None)
            if tree is None or len(places(tree, ast.AST)) > MANY:
                continue
            event = next(e for e in reversed(self.events) if e.statement is statement)
            same = None if self.stopped else self.again(statement, None)
            if not self.stopped and (same is None or not close(same, self.events[-1].after)):
                continue
            for k, repair in enumerate(changes(statement.node, event)):
                if time.process_time() - start > SECONDS:
                    return None
                value = self.again(statement, repair[1])
                if value is not None and close(reshaped(value, self.target), self.target):
                    return repair if np.size(value) >= SMALL or k < 100 else None
        return None


def changes(part: Any, event: Event) -> Iterator[Change]:
    """Statements that are one slip away: in where they write, and in what."""
    names, shapes = known(scope_of(event, event.before))
    name = "target" if isinstance(part, ast.AugAssign) else "targets"
    aim: Any = part.target if name == "target" else part.targets[0]
    places: list[Iterator[Change]] = []
    if isinstance(aim, ast.Subscript) and not isinstance(aim.slice, ast.Constant):
        whole = [n for n in names if shapes[n] == ()]

        def moved(index: ast.expr, words: str) -> tuple[Any, str]:
            new: Any = ast.Subscript(aim.value, index, aim.ctx)
            words = f"it is written to {written(aim)}, where {written(new)} belongs ({words})"
            return replaced(part, **{name: new if name == "target" else [new]}), words

        tried = (factors(aim.slice, whole), slips(aim.slice, whole, shapes))
        places = [((kind, *moved(index, words)) for kind, index, words in f) for f in tried]
    values = (
        (kind, replaced(part, value=value), words)
        for kind, value, words in slips(part.value, names, shapes)
    )
    return chain(*places[:1], values, *places[1:])


def replaced(part: Any, **fields: Any) -> Any:
    """A copy of a statement with other parts."""
    return ast.fix_missing_locations(type(part)(**{**dict(ast.iter_fields(part)), **fields}))


def target(claim: Claim, flows: Flows) -> Any:
    """What belongs there."""
    if claim.through is not None:
        return np.asarray(sum(flows.sent[e] for e in claim.through))
    return flows.total[claim.node]


def scope_of(event: Event, before: Any) -> dict[str, Any]:
    """The variables that a statement saw."""
    scope = dict(event.scope)
    before = event.before if before is None else before
    if event.statement.fresh:
        scope.pop(event.path, None)
    elif before is not None and event.path in scope:
        scope[event.path] = np.asarray(before)
    return scope


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


def repair_of(claim: Claim, flows: Flows, stopped: bool = False) -> tuple[str, str] | None:
    """What is wrong in the lines that made a wrong gradient, and how one is to be written.

    Where they ``stopped`` with an error, there is no value that they must lead to now.
    """
    if len(claim.events) > MOST:
        return None
    found = Line(claim, flows, stopped).repaired()
    if found is None:
        return None
    line = written(found[1])
    return found[2], line if len(line) <= LONG else ""
