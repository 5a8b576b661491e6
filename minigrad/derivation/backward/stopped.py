"""A backward function that raises an error: the line where it stops, and what is wrong in it."""

from __future__ import annotations

import ast
import traceback

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.judging import WRONG, Judge
from minigrad.derivation.backward.lines import as_written
from minigrad.derivation.backward.repairing import Search
from minigrad.derivation.backward.report import Line
from minigrad.derivation.backward.telling import search_in
from minigrad.derivation.backward.watch import Source, Statement, source_of
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.report import Row, worst
from minigrad.errors import is_user
from minigrad.typing import Function


def line_of_stop(judge: Judge, error: Exception) -> tuple[Line, Source] | None:
    """The student's line that raised ``error``, and the function that it is in, if there is one."""
    found = place_of(judge, error)
    if found is None:
        return None
    source, number = found
    statement = source.statements.get(number)
    name = next(iter(statement.targets), "") if statement is not None else ""
    words, instead = said(error), ""
    if statement is not None:
        search, node = search_in(judge), judge.collector.node_of(name)
        if search is not None and search.stops_in(statement):
            words = misfit(statement, search) or words
            aim = judge.flows.total[node] if node is not None else None
            change = search.instead_of_stopping(statement, aim) if node is not None else None
            if change is not None:
                words, instead = f"{words}; {change[2]}", as_written(change[1])
    cause = Diagnosis("raises", None, words, ("raises",))
    row = Row(name, np.nan, np.nan, None, worst(np.nan, np.nan), "wrong", cause)
    return Line(number, source.text(number), name, name, "wrong", words, instead, row), source


def place_of(judge: Judge, error: Exception) -> tuple[Source, int] | None:
    """The innermost of the student's functions that the error came through, and the line."""
    watch = judge.runs.watch
    for frame, number in reversed([*traceback.walk_tb(error.__traceback__)]):
        code = frame.f_code
        if is_user(code.co_filename) and number is not None and watch is not None:
            return (watch.source if code is watch.code else source_of(code)), number
    return None


def done_before(claim: Claim, judge: Judge) -> bool:
    """Whether a gradient was to stay as it was when the function stopped.

    Only of inputs is it sure that their names mean them, and of what no loop and no later line
    would have gone on with.
    """
    if claim.row.verdict not in WRONG:
        return True
    source = judge.runs.watch.source
    if source.tree is None or not claim.events:
        return False
    last = max(e.statement.last for e in claim.events)
    loops = [x for x in ast.walk(source.tree) if isinstance(x, ast.For | ast.While)]
    lines = {n + source.first - 1 for x in loops for n in range(x.lineno, (x.end_lineno or 0) + 1)}
    later = {path for s in source.statements.values() if s.first > last
             for path in (*s.targets, *s.touches)}  # fmt: skip
    of_input = claim.named_whole and claim.node in judge.collector.inputs
    return of_input and last not in lines and claim.path not in later


def said(error: Exception) -> str:
    """An error as Python shows it, in one line, without the notes that were added to it."""
    shown = traceback.TracebackException.from_exception(error, limit=0)
    shown.__notes__ = None
    return f"it raises {[*shown.format_exception_only()][-1].strip().splitlines()[0]}"


def misfit(statement: Statement, search: Search) -> str:
    """The operation whose two sides do not fit, with their shapes."""
    node = statement.node
    read: Function = lambda part: search.read(node, search.scopes[node], part)
    for part in ast.walk(node) if node is not None else ():
        if not isinstance(part, ast.BinOp):
            continue
        sides = [read(side) for side in (part.left, part.right)]
        if all(side is not None for side in sides) and read(part) is None:
            shapes = " and ".join(str(np.shape(side)) for side in sides)
            return f"{written(part)}: shapes {shapes} do not fit"
    return ""
