"""A class graded: ``mg.grade(reference, submissions)``.

Files of students are run in processes of their own, with a limit of time, and one bad
hand-in never loses the others.  That protects against accidents, not against malice: code
of people whom you do not trust belongs into a container.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from minigrad.derivation.classroom.code import KINDS, cells_of
from minigrad.derivation.classroom.grades import Grade as Grade
from minigrad.derivation.classroom.grades import Grades as Grades
from minigrad.derivation.classroom.runner import Result, failed, main, noted, said, told
from minigrad.derivation.feedback import highest, score
from minigrad.derivation.grading import check_derivation
from minigrad.errors import label
from minigrad.reading.names import elsewhere, names
from minigrad.tensor import Tensor
from minigrad.typing import Keywords

Points = float | Mapping[str, float] | None
LARGE = 1_000_000
"""Files of more bytes are not copied for each hand-in."""
IMPORTED = re.compile(r"^[\s\"]*(?:from|import)\s+(\w+)", re.MULTILINE)
ALONE = ("emscripten", "wasi")
"""Where Python, as in a browser, starts no processes and no threads."""
PACKAGES = Path(__file__).resolve().parents[3]


def grade(
    reference: Any, submissions: Any, points: Points = None, *, timeout: float = 60.0
) -> Grades:
    """Grade the hand-ins of a class.

    Parameters
    ----------
    reference : Tensor or path
        The end of the computation that was to be differentiated; or a Python file or notebook
        that computes it: its variable ``output``, else its newest scalar Tensor.  In a file,
        ``required = [...]`` says what must be handed in, and where it has ``forward`` and
        ``inputs``, the students' function ``backward`` is checked by `check_backward`.
    submissions : dict, path, or list of paths
        Student -> dict of answers as `check_derivation` takes them, or file; a folder of
        Python files and notebooks; or such files.  A file hands in a dict ``hand``, or
        variables that are called like gradients: ``dW``, ``grad_W``, ``dL_dW``.
    points : float or dict, optional
        In all, or quantity -> points; 1 by default.
    timeout : float
        Seconds for each file.

    Returns
    -------
    Grades
        Prints as a table; ``.to_html(folder)``, ``.to_csv(path)``, ``.to_json(path)``,
        ``.histogram``.

    Raises
    ------
    TypeError, ValueError
        For a reference that is none, and where nothing was handed in; never for a hand-in.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(3.0, requires_grad=True)
    >>> L = w**2
    >>> grades = mg.grade(L, {"Ada": {"dL/dw": 6.0}, "Bob": {"dL/dw": 3.0}}, points=2)
    >>> [(g.student, g.points, g.cause) for g in grades]
    [('Ada', 2.0, ''), ('Bob', 0.0, 'it is ½ times the truth')]
    """
    handed = hand_ins(submissions)
    cells: list[str] = []
    if isinstance(reference, Tensor):
        if reference.node is None:
            raise ValueError(f"grade: the reference {label(reference)} was not recorded")
        known = names([reference.node])
        called = sorted(set(known.node.values()))
    elif isinstance(reference, str | os.PathLike) and Path(reference).is_file():
        reference, known, called = Path(reference).resolve(), None, []
        cells = cells_of(reference)  # now: what is handed in may delete files
    else:
        raise TypeError(
            f"grade: the reference {label(reference)} is neither a Tensor nor a file that is there"
        )

    others = {p for p in handed.values() if isinstance(p, Path)}

    def one(answers: Any) -> Result:
        note = ""
        if isinstance(answers, Path):
            path = None if known is not None else reference
            todo = {"reference": path and str(path), "cells": cells, "names": called}
            found = in_a_process(todo, answers, others, timeout)
            if found.get("status") != "answers":
                return found
            answers, note = found["answers"], found["note"]
        if known is None:
            return failed("failed", "a dict of answers needs a Tensor as the reference")
        token = elsewhere.set(known.scopes)
        try:
            return noted(told(check_derivation(reference, answers)), note)
        except Exception as error:
            return failed("failed", said(error))
        finally:
            elsewhere.reset(token)

    if others and sys.platform not in ALONE:
        with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
            results = list(pool.map(one, handed.values()))
    else:  # nothing to wait for
        results = [one(answers) for answers in handed.values()]
    return Grades([result(s, r, points) for s, r in zip(handed, results, strict=True)])


def hand_ins(submissions: Any) -> dict[str, Any]:
    """Student -> answers or file, sorted.

    Raises
    ------
    TypeError, ValueError
        Where nothing was handed in.
    """
    found: dict[str, Any]
    if isinstance(submissions, Mapping):
        paths = (str, os.PathLike)
        found = {str(s): Path(v).resolve() if isinstance(v, paths) else v
                 for s, v in submissions.items()}  # fmt: skip
    elif isinstance(submissions, str | os.PathLike):
        folder = Path(submissions)
        files = [folder] if folder.is_file() else []
        if folder.is_dir():
            files = [p for p in folder.rglob("*") if p.suffix in KINDS and p.is_file()]
            files = [p for p in files if ".ipynb_checkpoints" not in p.parts]
        found = by_student(files, folder)
    elif isinstance(submissions, list | tuple):
        found = by_student([Path(p) for p in submissions], Path())
    else:
        raise TypeError(
            "grade: submissions are a dict of students, a folder or a list of files, "
            f"not {type(submissions).__name__}"
        )
    if not found:
        raise ValueError(f"grade: nothing was handed in at {label(submissions)}")
    return dict(sorted(found.items()))


def by_student(files: list[Path], folder: Path) -> dict[str, Path]:
    """Files by their names, with their folders where names are not enough."""
    stems = [p.stem for p in files]
    return {
        (p.stem if stems.count(p.stem) == 1 else str(p.relative_to(folder))
         if p.is_relative_to(folder) else str(p)): p.resolve()
        for p in files
    }  # fmt: skip


def result(student: str, found: Result, points: Points) -> Grade:
    """A student's grade."""
    verdicts = {r["quantity"]: r["verdict"] for r in found["rows"]}
    aliases = found.get("aliases") or {}
    earned = score(verdicts, points, aliases)
    wanted = points if isinstance(points, Mapping) and verdicts else {}
    lacking = [q for q in wanted if q not in verdicts and q not in aliases]
    if lacking:
        found = noted(found, f"not handed in: {', '.join(lacking)}")
    if lacking and found["status"] == "right":
        found |= {"status": "wrong", "first": lacking[0], "kind": "missing"}
    kept = {k: found[k] for k in ("status", "first", "kind", "cause", "rows", "text", "html")}
    return Grade(student, round(float(earned), 6), highest(points), **kept)


def in_a_process(
    todo: Keywords, submission: Path, others: Collection[Path], limit: float
) -> Result:
    """What the process of one hand-in found."""
    if sys.platform in ALONE:
        return failed("failed", "a file is run in a process of its own, and this Python, in a "
                      "browser, starts none: give grade a dict of answers")  # fmt: skip
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        order, answer = Path(folder) / "order.json", Path(folder) / "result.json"
        try:
            copy = copied(submission, others, Path(folder) / "work")
        except OSError as error:
            return failed("failed", f"it cannot be read: {error}")
        order.write_text(
            json.dumps({**todo, "submission": str(copy), "result": str(answer), "limit": limit})
        )
        with open(Path(folder) / "printed", "w+b") as printed:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from {main.__module__} import main; main({str(order)!r})"],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, env=environment(),
                cwd=copy.parent, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                return failed("late", f"it took longer than {limit:g} s")
            finally:  # Ctrl-C as well: it is in a session of its own, and would go on
                end(process)
            if answer.exists():
                try:
                    return dict(json.loads(answer.read_text()))
                except ValueError:
                    return failed("failed", "its result is damaged")
            printed.seek(max(0, printed.tell() - 500))
            words = printed.read().decode(errors="replace").strip()
        words = f": {words.splitlines()[-1]}" if words else ""
        return failed("failed", f"it ended with exit code {process.returncode}{words}"[:500])


def copied(submission: Path, others: Collection[Path], into: Path) -> Path:
    """A copy of a hand-in, with what lies beside it but for the hand-ins of others.

    Code that deletes or overwrites what is in its folder, or above it, meets the copy.  A hand-in
    that it imports comes with it, for it is a module; large files are linked.
    """
    into.mkdir()
    imported = set(IMPORTED.findall(submission.read_bytes().decode(errors="replace")))
    for entry in submission.parent.iterdir():
        foreign = entry in others and entry != submission and entry.stem not in imported
        if foreign or entry.name.startswith("."):
            continue
        if entry.is_file() and entry.stat().st_size <= LARGE:
            shutil.copy(entry, into / entry.name)
        elif entry != submission and not any(entry in p.parents for p in others):
            with suppress(OSError):
                (into / entry.name).symlink_to(entry)
    return into / submission.name


def environment() -> dict[str, str]:
    """That of this process, with the library on the path and no windows opened by plots."""
    path = os.pathsep.join(p for p in (str(PACKAGES), os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, if it goes on, and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
