"""The line in which gradients begin to be wrong: what it has to set then is known by itself."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

import numpy as np

from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.lines import Change, change_kinds, target
from minigrad.derivation.backward.repairing import CHANGE, Search, Slip
from minigrad.derivation.backward.terms import missing_terms, with_term
from minigrad.derivation.backward.watch import Event, Statement
from minigrad.typing import Array


class Aim(NamedTuple):
    """What a statement would have to set: the ``k``-th time, at ``path``."""

    k: int
    path: str
    value: Array


def where_it_begins(search: Search) -> Slip | None:
    """The first change with which a gradient is right when it is wrong for the first time."""
    with np.errstate(all="ignore"), warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        search.wanted, search.left = search.returned(), search.purse[0] // 2
        if search.understood(search.wanted):
            search.statements = search.to_be_tried()
            by_node: dict[ast.stmt | None, Statement] = {s.node: s for s in search.statements}
            aims: dict[ast.stmt | None, Aim] = {}
            for event, aim in first_aims(search):
                node, at = event.statement.node, passes_up_to(search, event)
                if node in by_node and at <= len(search.early.get(node, ())):
                    aims.setdefault(node, Aim(at - 1, event.path, aim))
            for changes in (terms, any_changes):
                for node, aim in aims.items():
                    tried(search, by_node[node], aim, changes(search, by_node[node], aim))
                    if search.best is not None:
                        return search.slip(*search.best)
    return None


def first_aims(search: Search) -> Iterator[tuple[Event, Array]]:
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


def terms(search: Search, statement: Statement, aim: Aim) -> Iterator[Change]:
    """A term more, by what is missing in its numbers."""
    if len(statement.targets) == 1:
        missing = aim.value - search.set_by(statement, statement.node, aim.k)
        for term in missing_terms(search.numbers_at(statement, aim.k), missing):
            yield with_term(statement.node, *term)


def any_changes(search: Search, statement: Statement, _: Aim) -> Iterator[Change]:
    kinds = change_kinds(statement.node, search.vocabulary(statement))
    return (c for c in chain.from_iterable(chain(*kinds)) if c[1] is not None)


def tried(search: Search, statement: Statement, aim: Aim, changes: Iterator[Change]) -> None:
    """Look for a change by which a statement sets what it has to set."""
    least = min(search.left, search.purse[0]) // 2
    for change in changes:
        search.left, search.purse[0] = search.left - CHANGE, search.purse[0] - CHANGE
        if min(search.left, search.purse[0]) < least:
            return
        value = search.set_by(statement, change[1], aim.k, (aim.path,))
        fits = value is not None and np.shape(value) == np.shape(aim.value)
        fits = fits and close(value, aim.value) and search.holds(statement, change[1])
        if fits and search.settles(statement, change):
            return
