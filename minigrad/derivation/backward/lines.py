"""What is wrong in a line of code: the smallest change of it that makes the gradient right."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.interpreter import NUMBERS, Unknown, after, computed, exactly
from minigrad.derivation.backward.mistakes import slips
from minigrad.derivation.backward.watch import Event
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import Repair, places
from minigrad.graph import AnyNode
from minigrad.reading.names import attributes

SECONDS = 0.6
"""So long is looked for a change (of processor time)."""
MOST, MANY = 60, 200
"""Claims that more statements made, and statements of more parts, are left alone."""
LONG = 100
"""Longer lines are not written out."""
SMALL = 3
"""A change that makes fewer numbers right may do so by accident, if many are tried."""


class Line:
    """A wrong claim whose lines can be computed again."""

    def __init__(self, claim: Claim, flows: Flows) -> None:
        self.events = claim.events
        self.target = target(claim, flows)
        self.node: AnyNode = claim.node

    def again(self, statement: Any, tree: ast.expr | None) -> Any:
        """What the variable is in the end, with another expression in one statement."""
        state: Any = None
        for event in self.events:
            part: Any = event.statement.node
            scope = scope_of(event, state)
            try:
                changed = tree is not None and event.statement is statement
                value = computed(tree if changed else part.value, scope)  # type: ignore[arg-type]
                state = after(part, value, event.before if state is None else state, scope)
            except (Unknown, AttributeError, KeyError, ValueError, TypeError, IndexError):
                if event.statement is statement:
                    return None
                if state is None or event.before is None or event.statement.fresh:
                    state = event.after
                elif np.shape(state) == np.shape(event.after):
                    state = state + (event.after - event.before)
                else:
                    return None
        return state

    def repaired(self) -> tuple[Event, Repair] | None:
        """The first change of one statement that makes the gradient right."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            return self.tried()

    def tried(self) -> tuple[Event, Repair] | None:
        start = time.process_time()
        for statement in {e.statement: None for e in reversed(self.events)}:
            tree = getattr(statement.node, "value", None)
            if tree is None or len(places(tree, ast.AST)) > MANY:
                continue
            event = next(e for e in reversed(self.events) if e.statement is statement)
            same = self.again(statement, None)
            if same is None or not close(same, self.events[-1].after):
                continue
            names, shapes = known(scope_of(event, event.before))
            for k, repair in enumerate(slips(tree, names, shapes)):
                if time.process_time() - start > SECONDS:
                    return None
                value = self.again(statement, repair[1])
                if value is not None and close(value, self.target):
                    return (event, repair) if np.size(value) >= SMALL or k < 100 else None
        return None


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


def explained(event: Event, repair: Repair) -> tuple[str, str]:
    """The slip in words, and the line as it should be."""
    part: Any = event.statement.node
    aim = part.target if isinstance(part, ast.AugAssign) else part.targets[0]
    sign = "="
    if isinstance(part, ast.AugAssign):
        whole = ast.unparse(ast.AugAssign(ast.Name("a"), part.op, ast.Name("b")))
        sign = whole.split()[1]
    line = f"{ast.unparse(aim)} {sign} {written(repair[1])}"
    return repair[2], line if len(line) <= LONG else ""


def repair_of(claim: Claim, flows: Flows) -> tuple[str, str] | None:
    """What is wrong in the lines that made a wrong gradient, and how one is to be written."""
    if len(claim.events) > MOST:
        return None
    found = Line(claim, flows).repaired()
    return None if found is None else explained(*found)
