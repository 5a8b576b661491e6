"""The line in which gradients begin to be wrong: what it has to set then is known by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.lines import Change, change_kinds, target
from minigrad.derivation.backward.repairing import CHANGE, Search, Slip
from minigrad.derivation.backward.terms import missing_terms, with_term
from minigrad.derivation.backward.watch import Event, Statement


def where_it_begins(search: Search) -> Slip | None:
    """The first change with which a gradient is right when it is wrong for the first time."""
    with np.errstate(all="ignore"), warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        search.wanted, search.left = search.returned(), search.purse[0] // 2
        if search.understood(search.wanted):
            search.statements = search.to_be_tried()
            by_node: dict[Any, Statement] = {s.node: s for s in search.statements}
            aims: dict[Any, tuple[int, Any]] = {}
            for event, aim in first_aims(search):
                node, at = event.statement.node, passes_up_to(search, event)
                if node in by_node and at <= len(search.early.get(node, ())):  # type: ignore[arg-type]
                    aims.setdefault(node, (at - 1, aim))
            for changes in (terms, any_changes):
                for node, (k, aim) in aims.items():
                    tried(search, by_node[node], k, aim, changes(search, by_node[node], k, aim))
                    if search.best is not None:
                        return search.slip(*search.best)
    return None


def first_aims(search: Search) -> Iterator[tuple[Event, Any]]:
    """The statements that make gradients that are wrong, and what they would have to set."""
    for c in sorted(search.claims, key=lambda c: c.order):
        aim = target(c, search.flows)
        if c.source is None and np.shape(c.value) == np.shape(aim) and not close(c.value, aim):
            for event in reversed(c.events):
                if event.item is None and np.shape(event.after) == np.shape(aim):
                    yield event, event.after + (aim - c.value)


def passes_up_to(search: Search, event: Event) -> int:
    """How often its statement was executed, then."""
    return sum(s.statement is event.statement for s in search.watch.steps[: event.step + 1])


def terms(search: Search, statement: Statement, k: int, aim: Any) -> Iterator[Change]:
    """A term more, by what is missing in its numbers."""
    missing = aim - search.set_by(statement, statement.node, k)
    for term in missing_terms(search.numbers_at(statement, k), missing):
        yield with_term(statement.node, *term)


def any_changes(search: Search, statement: Statement, *_: Any) -> Iterator[Change]:
    kinds = change_kinds(statement.node, search.vocabulary(statement))
    return (c for c in chain.from_iterable(chain(*kinds)) if c[1] is not None)


def tried(
    search: Search, statement: Statement, k: int, aim: Any, changes: Iterator[Change]
) -> None:
    """Look for a change by which a statement sets what it has to set the k-th time."""
    least = min(search.left, search.purse[0]) // 2
    for change in changes:
        search.left, search.purse[0] = search.left - CHANGE, search.purse[0] - CHANGE
        if min(search.left, search.purse[0]) < least:
            return
        value = search.set_by(statement, change[1], k)
        fits = value is not None and np.shape(value) == np.shape(aim) and close(value, aim)
        if fits and search.holds(statement, change[1]) and search.settles(statement, change):
            return
