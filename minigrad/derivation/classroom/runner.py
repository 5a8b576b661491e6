"""One hand-in in a process of its own: run, graded, and told as plain data.

``main`` takes a JSON file that says what to do.  Nothing that the
student's code computes is unpickled by anyone.
"""

from __future__ import annotations

import html
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.derivation.backward import BackwardReport, check_backward
from minigrad.derivation.classroom.code import (
    cells_of,
    hand_in,
    left_by,
    output_of,
    unreached,
)
from minigrad.derivation.grading import check_derivation
from minigrad.derivation.report import Report
from minigrad.reading.names import Scope, elsewhere
from minigrad.tensor import Tensor
from minigrad.typing import Json, Keywords, Variables

Result = Json
LARGEST = 1 << 28
"""Files may have so many bytes."""


def told(report: BackwardReport | Report) -> Result:
    """A report as plain data."""
    lines = report.lines if isinstance(report, BackwardReport) else report.rows
    first = report.first_error
    return {
        "status": "right" if report.ok else "wrong",
        "headline": report.headline,
        "first": "" if first is None else getattr(first, "name", "") or first.quantity,
        "kind": first.diagnosis.kind if first is not None and first.diagnosis else "",
        "cause": "" if first is None else first.remark,
        "rows": [
            {"quantity": getattr(x, "name", "") or x.quantity, "verdict": x.verdict,
             "remark": x.remark}
            for x in lines
        ],
        "aliases": report.aliases,
        "text": str(report),
        "html": report._repr_html_(),
    }  # fmt: skip


def failed(status: str, message: str) -> Result:
    """What is told of a hand-in that could not be graded."""
    return {"status": status, "headline": message, "first": "", "kind": "", "cause": message,
            "rows": [], "text": message, "html": ""}  # fmt: skip


def plainly(value: object) -> Any:
    """An answer as JSON has it."""
    if isinstance(value, Tensor):
        value = value._value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plainly(v) for v in value]
    return value if isinstance(value, int | float | str | None) else repr(value)


def given_to(scope: Keywords) -> Variables:
    """The teacher's data as a student may use them: Tensors as arrays."""
    found: Variables = {}
    for name, value in scope.items():
        if name.startswith("_") or name in ("output", "solution", "hand", "required"):
            continue
        if isinstance(value, Tensor):
            if value.node is None or value.node.op is None:
                found[name] = np.array(value._value)[()]
        elif isinstance(value, int | float | str | np.ndarray | list):
            found[name] = value
    return found


def graded(reference: Path, cells: list[str], submission: Path) -> Result:
    """A student's file held against a teacher's."""
    scope, wrong = left_by(reference, cells)
    if wrong is not None:
        raise ValueError(f"the reference fails: {said(wrong)}") from wrong
    mine, stopped = ran(submission, given_to(scope))
    try:
        found = held_against(scope, mine, str(reference))
    except Exception:
        if stopped is not None:
            raise stopped from None
        raise
    return noted(found, ended(stopped))


def ran(submission: Path, given: Keywords | None = None) -> tuple[Variables, Exception | None]:
    """A student's variables, None for those that are missing since the code stopped by an error."""
    cells = cells_of(submission)
    mine, stopped = left_by(submission, cells, given)
    return {**mine, **(unreached(cells, mine) if stopped is not None else {})}, stopped


def held_against(scope: Variables, mine: Variables, filename: str) -> Result:
    """A student's variables held against those of a teacher."""
    backward = mine.get("backward")
    asked = callable(scope.get("forward")) and "inputs" in scope
    if callable(backward) and asked:
        upstream = scope.get("upstream")
        return told(check_backward(scope["forward"], backward, *scope["inputs"], upstream=upstream))
    try:
        output = output_of(scope)
    except ValueError as error:
        why = "no function called backward was found" if asked else str(error)
        raise ValueError(why) from None
    token = elsewhere.set([Scope(scope, filename=filename)])
    try:
        report = check_derivation(
            output, hand_in(mine, scope), required=scope.get("required"), digits=scope.get("digits")
        )
    finally:
        elsewhere.reset(token)
    return told(report)


def said(error: BaseException) -> str:
    """An error in one line; those of the students may fail to say anything."""
    try:
        return f"{type(error).__name__}: {error}".removesuffix(": ")[:500]
    except Exception:
        return type(error).__name__


def ended(stopped: Exception | None) -> str:
    """The error that the code ended with, though there were answers."""
    return f"its code stopped with {said(stopped)}" if stopped is not None else ""


def noted(found: Result, words: str) -> Result:
    """A result, and what else is to be said of it."""
    if not words:
        return found
    return {
        **found,
        "headline": f"{found['headline']}; {words}",
        "cause": f"{found['cause']}; {words}" if found["cause"] else words,
        "text": f"{found['text']}\n\n{words}",
        "html": f"{found['html']}<p>{html.escape(words)}</p>",
    }


def limit_files() -> None:
    """No file may grow without end: prints of an endless loop would fill the disk."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        largest = LARGEST if most == resource.RLIM_INFINITY else min(LARGEST, most)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, most))


def main(order: str) -> None:
    """Do what the file ``order`` says, and leave the result where it says."""
    todo = json.loads(Path(order).read_text())
    limit_files()
    alone = threading.Timer(todo["limit"] + 5, os._exit, (1,))  # whoever waits may be gone
    alone.daemon = True
    alone.start()
    submission = Path(todo["submission"])
    try:
        if todo["reference"]:
            found = graded(Path(todo["reference"]), todo["cells"], submission)
        else:
            names = dict.fromkeys(todo["names"])
            mine, stopped = ran(submission)
            wanted = {n: Tensor(0.0, requires_grad=True) for n in names}
            try:
                handed = hand_in(mine, wanted)
            except ValueError:
                if stopped is not None:
                    raise stopped from None
                raise
            answers = {str(k): plainly(v) for k, v in handed.items()}
            found = {"status": "answers", "answers": answers, "note": ended(stopped)}
    except Exception as error:
        found = failed("failed", said(error))
    Path(todo["result"]).write_text(json.dumps(found))
