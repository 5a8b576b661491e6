"""One hand-in in a process of its own: run, graded, and told as plain data.

Run as a module with one argument, a JSON file that says what to do.  Nothing that the
student's code computes is unpickled by anyone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.derivation.backward import BackwardReport, check_backward
from minigrad.derivation.classroom.code import hand_in, output_of, run
from minigrad.derivation.grading import check_derivation
from minigrad.reading.names import Scope, elsewhere
from minigrad.tensor import Tensor

Result = dict[str, Any]


def told(report: Any) -> Result:
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
        "text": str(report),
        "html": report._repr_html_(),
    }  # fmt: skip


def failed(status: str, message: str) -> Result:
    """What is told of a hand-in that could not be graded."""
    return {"status": status, "headline": message, "first": "", "kind": "", "cause": message,
            "rows": [], "text": message, "html": ""}  # fmt: skip


def plainly(value: Any) -> Any:
    """An answer as JSON has it."""
    if isinstance(value, Tensor):
        value = value._value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plainly(v) for v in value]
    return value if isinstance(value, int | float | str | None) else repr(value)


def given_to(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The teacher's data as a student may use them: Tensors as arrays."""
    found: dict[str, Any] = {}
    for name, value in scope.items():
        if name.startswith("_") or name in ("output", "solution", "hand", "required"):
            continue
        if isinstance(value, Tensor):
            if value.node is None or value.node.op is None:
                found[name] = np.array(value._value)[()]
        elif isinstance(value, int | float | str | np.ndarray | list):
            found[name] = value
    return found


def graded(reference: Path, submission: Path) -> Result:
    """A student's file held against a teacher's."""
    scope = run(reference)
    mine = run(submission, given_to(scope))
    backward = mine.get("backward")
    if callable(backward) and callable(scope.get("forward")) and "inputs" in scope:
        upstream = scope.get("upstream")
        return told(check_backward(scope["forward"], backward, *scope["inputs"], upstream=upstream))
    output = output_of(scope)
    token = elsewhere.set([Scope(scope, filename=str(reference))])
    try:
        report = check_derivation(
            output, hand_in(mine, scope), required=scope.get("required"), digits=scope.get("digits")
        )
    finally:
        elsewhere.reset(token)
    return told(report)


def main(order: str) -> None:
    """Do what the file ``order`` says, and leave the result where it says."""
    todo = json.loads(Path(order).read_text())
    alone = threading.Timer(todo["limit"] + 5, os._exit, (1,))  # whoever waits may be gone
    alone.daemon = True
    alone.start()
    submission = Path(todo["submission"])
    try:
        if todo["reference"]:
            found = graded(Path(todo["reference"]), submission)
        else:
            names = dict.fromkeys(todo["names"])
            mine = run(submission)
            wanted = {n: Tensor(0.0, requires_grad=True) for n in names}
            answers = {str(k): plainly(v) for k, v in hand_in(mine, wanted).items()}
            found = {"status": "answers", "answers": answers}
    except Exception as error:
        lines = f"{type(error).__name__}: {error}"
        found = failed("failed", lines[:500])
    Path(todo["result"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
