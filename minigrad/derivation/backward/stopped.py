"""A backward function that raises an error: the line where it stops, and what is wrong in it."""

from __future__ import annotations

import ast
import traceback
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.interpreter import OPERATIONS, computed
from minigrad.derivation.backward.judging import Judge
from minigrad.derivation.backward.lines import mended
from minigrad.derivation.backward.replay import alone
from minigrad.derivation.backward.report import Line
from minigrad.derivation.backward.watch import Event, Source, Statement
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.report import Row, worst


def line_of_stop(judge: Judge, error: Exception) -> tuple[Line, Source] | None:
    """The student's line that raised ``error``, and the function that it is in, if there is one."""
    found = place_of(judge, error)
    if found is None:
        return None
    source, number, variables = found
    statement = source.statements.get(number)
    name = next(iter(statement.targets), "") if statement is not None else ""
    words, instead = said(error), ""
    if statement is not None:
        words = misfit(statement, variables) or words
        node = judge.collector.node_of(name)
        if node is not None:
            event = Event(name, statement, None, np.nan, scope=variables, step=0)
            claim = Claim(name, [event], np.nan, node, number, 0)
            change = mended(claim, judge.flows, [alone(statement, variables, event)])
            if change is not None:
                words, instead = f"{words}; {change.words}", change.written
    cause = Diagnosis("raises", None, words, ("raises",))
    row = Row(name, np.nan, np.nan, None, worst(np.nan, np.nan), "wrong", cause)
    return Line(number, source.text(number), name, name, "wrong", words, instead, row), source


def place_of(judge: Judge, error: Exception) -> tuple[Source, int, dict[str, Any]] | None:
    """The innermost of the student's functions that the error came through, line and variables."""
    runs = judge.runs
    watched = {id(w.code): w.source for w in (*runs.helpers, runs.watch) if w is not None}
    for frame, number in reversed([*traceback.walk_tb(error.__traceback__)]):
        if id(frame.f_code) in watched and number is not None:
            return watched[id(frame.f_code)], number, dict(frame.f_locals)
    return None


def said(error: Exception) -> str:
    """An error as Python shows it, in one line, without the notes that were added to it."""
    shown = traceback.TracebackException.from_exception(error, limit=0)
    shown.__notes__ = None
    return f"it raises {[*shown.format_exception_only()][-1].strip().splitlines()[0]}"


def misfit(statement: Statement, variables: Any) -> str:
    """The operation whose two sides do not fit, with their shapes."""
    for part in ast.walk(statement.node) if statement.node is not None else ():
        if not isinstance(part, ast.BinOp) or type(part.op) not in OPERATIONS:
            continue
        sides = [computed(side, variables) for side in (part.left, part.right)]
        if all(side is not None for side in sides) and computed(part, variables) is None:
            try:
                OPERATIONS[type(part.op)](*sides)
            except ValueError:
                shapes = " and ".join(str(np.shape(side)) for side in sides)
                return f"{written(part)}: shapes {shapes} do not fit"
            except (TypeError, ArithmeticError, MemoryError):
                return ""
    return ""
