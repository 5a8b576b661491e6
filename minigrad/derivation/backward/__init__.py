"""A backward pass written as code, graded line by line: ``mg.check_backward``.

The forward function is run on Tensors, to have its graph, and on arrays, to fill the
cache; the backward function is run as it is, and watched.  Each variable in it that is
called like a gradient is a claim, and the claims are graded as one derivation, so that
one slip is one finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.derivation.backward.calls import Check, Runs
from minigrad.derivation.backward.claims import Claim, first_wrong
from minigrad.derivation.backward.judging import Judge
from minigrad.derivation.backward.naming import Namer
from minigrad.derivation.backward.report import BackwardReport as BackwardReport
from minigrad.derivation.backward.report import Line as Line
from minigrad.derivation.backward.stopped import done_before, line_of_stop
from minigrad.derivation.backward.student import CHECK, student_of
from minigrad.derivation.backward.telling import instead
from minigrad.derivation.backward.unreturned import Left, line_of_no_return, notes
from minigrad.derivation.keys import spellings
from minigrad.errors import label

PASSES = ("last", "all")


def check_backward(
    forward: Any,
    backward: Any,
    *inputs: Any,
    upstream: Any = None,
    names: Mapping[str, str | None] | None = None,
    passes: str = "last",
) -> BackwardReport:
    """Grade a backward function written by hand: which line is wrong first, and why.

    Parameters
    ----------
    forward, backward : callable
        As courses have them: ``affine_forward(x, w, b) -> out, cache`` and
        ``affine_backward(dout, cache) -> dx, dw, db``.  A layer (an object or a class with
        the methods ``forward`` and ``backward``) takes the place of both, and so does one
        function that returns the loss and its gradients; ``backward`` is left out then, or
        None.
    *inputs
        Of the forward function: arrays, numbers, dicts and lists of them.
    upstream : array, tuple or dict, optional
        The gradient that comes from above, one for each output or by the name of the
        parameter; 1 for a loss, random numbers (the same at each call) by default, and what is
        right is held at others.
    names : dict, optional
        Name in the backward function -> the variable of the forward function that it is the
        gradient of, where it is not called ``dX``, ``dL_dX``, ``X_grad``, ``grad_X`` or
        ``grads["X"]``: ``{"delta2": "z2"}``.  None of what is returned and is no gradient, by its
        variable, key or place: ``{"norm": None}``, ``{"[2]": None}``.
    passes : {"last", "all"}
        Of a line in a loop, which passes are graded; all of them where the last is wrong
        for what an earlier one did.

    Returns
    -------
    BackwardReport
        Truthy when all is right; prints the source with the first wrong line marked.

    Raises
    ------
    TypeError, ValueError
        For arguments that nobody can make out.  A forward function that fails raises its error;
        a backward function that does is graded up to the line that raises it.

    Notes
    -----
    Only these functions are executed, twice or more, with the same random numbers each time, and
    with others like those given where a suggestion is tried.  Where a forward function cannot be
    recorded, gradients of the inputs are judged by finite differences, and the report says so.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def affine_forward(x, w, b):
    ...     out = x @ w + b
    ...     return out, (x, w, b)
    >>> def affine_backward(dout, cache):
    ...     x, w, b = cache
    ...     dx = dout @ w.T
    ...     dw = x.T @ dout
    ...     db = dout.mean(axis=0)
    ...     return dx, dw, db
    >>> rng = np.random.default_rng(0)
    >>> x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), np.zeros(2)
    >>> report = mg.check_backward(affine_forward, affine_backward, x, w, b)
    >>> report.ok, report.first_error.name, report.first_error.remark
    (False, 'db', 'it is a mean over 4 where the sum belongs')
    """
    if passes not in PASSES:
        raise ValueError(f"{CHECK}: passes is 'last' or 'all', not {passes!r}")
    student, shifted = student_of(forward, backward)
    if shifted:
        inputs = (backward, *inputs)
    if not inputs:
        raise TypeError(f"{CHECK}: give the inputs of {label(forward)}, too")
    given = as_given(names)
    check = Check(student, inputs, upstream)
    wanted: Callable[[Runs], Any] = lambda runs: Namer(runs.variables, given).wanted
    runs = check.run(wanted)
    why = runs.why
    judge = Judge(check, runs, given, passes == "all", runs.stopped is not None)
    stop = line_of_stop(judge, runs.stopped) if runs.stopped is not None else None
    if runs.stopped is not None and stop is None:
        raise runs.stopped
    if not judge.claims and stop is None:
        raise ValueError(
            f"{CHECK}: no gradient was found in {student.name}: call them dX, X_grad or grad_X "
            "after the variables of the forward function, or say names={'delta': 'z'}"
        )
    with np.errstate(all="ignore"):  # a gradient may be inf, or nan
        judge, graded = judge.verdicts() if judge.claims else (judge, [])
    if stop is not None:
        graded = [c for c in graded if done_before(c, judge)]
    source = runs.watch.source if runs.watch is not None else None
    lines = lines_of(judge, graded)
    lines += [stop[0]] if stop is not None else []
    lost = line_of_no_return(judge.collector, judge.claims) if stop is None else None
    lines += [lost] if lost is not None else []
    other = [stop[1]] if stop is not None and stop[1] is not source else []
    left = {} if stop is not None else Left(judge.collector, judge.claims).unknown
    shown = [
        source,
        *other,
        *(c.source for c in graded if c.row.verdict == "wrong"),
        *(s for s, _ in left.values()),
    ]
    once = {id(s): s for s in shown if s is not None}.values()
    numbered = [(s.first + i, t) for s in once for i, t in enumerate(s.lines)]
    doubtful = {(n, s.text(n)) for s, n in left.values() if s is not None}
    note = note_of(judge, runs, why)
    report = BackwardReport(
        student.name, lines, numbered, not why, note, [*left], doubtful, aliases(lines)
    )
    if upstream is None and report.ok and any(map(np.ndim, runs.upstream.values())):
        # What is right for random numbers by their signs or sizes is wrong for these; a function
        # that keeps numbers from call to call is wrong for the same ones, too.
        second = None if shifted else backward
        at: Callable[[float], BackwardReport] = lambda k: check_backward(
            forward, second, *inputs, upstream=multiple(runs, k), names=names, passes=passes
        )
        again = at(-3)
        return again if not again.ok and at(1).ok else report
    return report


def multiple(runs: Runs, k: float) -> Any:
    """The gradients from above, times a number, as they may be handed in."""
    found = tuple(k * g for g in runs.upstream.values())
    return found if len(found) > 1 else found[0]


def lines_of(judge: Judge, graded: list[Claim]) -> list[Line]:
    """The gradients that are graded or unread, in the order in which they were complete."""
    source = judge.runs.watch.source if judge.runs.watch is not None else None
    text = source.text if source is not None else lambda line: ""
    first = first_wrong(graded)
    judge.reread(first)
    lines = [line_of(c, judge, text, c is first) for c in graded]
    lines += [
        Line(c.line, text(c.line), c.path, c.key, "unread",
             f"not the gradient of {judge.variable(c) or 'that'} itself, and right in its use",
             "", c.row)
        for c in judge.unread
    ]  # fmt: skip
    return sorted(lines, key=lambda x: order_of(x, graded, judge.unread))


def aliases(lines: list[Line]) -> dict[str, str]:
    """Other spellings of the gradients' names."""
    return {
        spelling: x.name
        for x in lines if x.name
        for spelling in (x.quantity, *spellings(None, x.quantity.rpartition("/d")[2]))
    }  # fmt: skip


def as_given(names: Any) -> dict[str, str | None]:
    """What names mean, as the caller says."""
    given = {} if names is None else names
    if not isinstance(given, Mapping) or not all(isinstance(x, str | None) for x in given.values()):
        raise TypeError(f"{CHECK}: names is a dict such as {{'delta': 'z'}}, not {names!r}")
    return dict(given)


def line_of(claim: Claim, judge: Judge, text: Any, first: bool) -> Line:
    """A claim as a line of the report."""
    places = {t.node: path for path, t in judge.runs.inputs}
    called = judge.variable(claim) or places.get(claim.node, "x")
    name = claim.path or f"the gradient of {called}"
    remark = claim.row.remark
    if claim.note and claim.row.verdict == "wrong":
        remark = claim.note
    for other in judge.claims:
        if other.key and other.path:
            remark = remark.replace(other.key, other.path)
    remark = re.sub(r"\b\w+_via_\d+, |, \w+_via_\d+\b", "", remark)
    remark = re.sub(r"\b(\w+)_via_\d+\b", r"\1", remark)
    head, given, names = remark.partition("given your ")
    remark = head + given + " and ".join(dict.fromkeys(names.split(" and ")))
    if claim.returned and claim.events and claim.through is None and claim.row.verdict == "correct":
        mine, belongs = np.shape(claim.events[-1].after), np.shape(judge.flows.total[claim.node])
        if mine != belongs and len(mine) >= len(belongs):
            remark = remark or f"right, but of shape {mine}, where {belongs} belongs"
    key = claim.key
    for given, meant in judge.nameless.items():
        whole = rf"(?<!\w)(d?){re.escape(given)}(?!\w)"
        escaped = meant.replace("\\", r"\\")
        remark, key = (re.sub(whole, rf"\g<1>{escaped}", x) for x in (remark, key))
    should = instead(judge, claim) if first else ""
    text = text if claim.source is None else claim.source.text
    return Line(claim.line, text(claim.line), name, key, claim.row.verdict, remark, should,
                claim.row)  # fmt: skip


def order_of(line: Line, graded: list[Claim], unread: list[Claim]) -> float:
    """When the gradient of a line was complete."""
    return next(float(c.order) for c in (*graded, *unread) if c.row is line.row)


def note_of(judge: Judge, runs: Runs, why: str) -> str:
    """What the reader is to know about the check itself."""
    found = [*notes(judge.collector, judge.claims)] if runs.stopped is None else []
    if why:
        found.append(
            "the forward function could not be recorded, so gradients of the inputs were judged "
            f"by finite differences, and no others ({why})"
        )
    if runs.watch is not None and runs.watch.source.stale:
        found.append(
            f"{runs.watch.source.filename} was edited after it was imported: what was imported was "
            "graded, without its lines; import it again (importlib.reload)"
        )
    if judge.claims and not any(np.any(judge.flows.total[c.node]) for c in judge.claims):
        found.append(
            "all of these gradients are 0 for these inputs, where many a slip does not show"
        )
    return "; ".join(found)
