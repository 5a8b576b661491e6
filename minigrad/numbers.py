"""Who asks a Tensor for its number: the user, in so many words, or somebody else's code.

``float(loss)`` in a log is meant.  ``b[0] = t`` and ``math.exp(t)`` ask for a number as well,
and lose the gradient on the way.  The instruction that is running in the calling frame
tells them apart; where it does not, the answer is no.
"""

from __future__ import annotations

import builtins
import dis
import functools
import math
import sys
from itertools import pairwise
from types import CodeType, FrameType, ModuleType
from typing import Any

from minigrad.errors import PACKAGE, caller_site, is_user

PLAIN = (
    *(float, int, complex, format, print, str, repr),
    *(math.isnan, math.isinf, math.isfinite, math.isclose),
)
"""What says what it does, or only looks."""

ELSEWHERE = frozenset({"numpy", "scipy", "statistics", "random", "fractions", "decimal", "cmath"})
"""Packages that compute: a number that they take is lost."""

SHOWS = frozenset("print pprint warn".split())
"""Functions that give a text to people."""

LOGS = frozenset("debug info warning error critical exception write".split())
"""Methods that do."""

PASSES = frozenset("<genexpr> <listcomp> <dictcomp> <setcomp> __repr__ __str__ __format__".split())
"""Code whose texts go on to who runs it."""

LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF", "LOAD_FAST_BORROW")


def asked_by_others() -> str | None:
    """What asks the caller's caller for a number; None if it is plainly meant."""
    frame = sys._getframe(2)
    if frame.f_code.co_filename.startswith(PACKAGE):
        return None
    kind, names, passed_on = asking(frame.f_code, frame.f_lasti)
    if kind == "format":
        return None
    module = str(frame.f_globals.get("__name__", "")).split(".")[0]
    if kind == "call" and module not in ELSEWHERE:
        if names[-1:] == ("format",) or any(meant(frame, names) is f for f in PLAIN):
            return None
        if passed_on and meant(frame, passed_on) in PLAIN:  # map(float, losses)
            return None
    if kind == "store":
        return "filling an array"
    return f"{'.'.join(names)}(...)" if names else "this line"


def asked_for_people(libraries: bool) -> bool:
    """Whether the text that the caller's caller asks for is for people.

    It is if it goes straight to ``print``, into a log or an error; ``libraries`` tells whether
    what they ask for is as well, to debug, say.
    """
    frame: FrameType | None = sys._getframe(2)
    if frame is not None and frame.f_code.co_filename.startswith(PACKAGE):  # __format__
        frame = frame.f_back
    if libraries and frame is not None and not is_own(frame):
        return True
    while frame is not None:
        for names in calls_around(frame.f_code, frame.f_lasti):
            f = meant(frame, names)
            if names[-1] in SHOWS or (names[-1] in LOGS and len(names) > 1):
                return True
            if isinstance(f, type) and issubclass(f, BaseException):
                return True
        if is_own(frame) and frame.f_code.co_name not in PASSES:
            return False
        frame = frame.f_back
    return False


def is_own(frame: FrameType) -> bool:
    """Whether a frame is of the user's own code, rather than of something installed."""
    name = frame.f_code.co_filename
    return is_user(name) and "-packages" not in name


@functools.lru_cache(maxsize=4096)
def calls_around(code: CodeType, at: int) -> tuple[tuple[str, ...], ...]:
    """The names of what is called with what is computed at an offset, or with what holds it."""
    steps = list(dis.get_instructions(code))
    here = sum(s.offset <= at for s in steps) - 1  # what is called may be past the call itself
    inner = extent(steps[here])
    around = (s for s in steps[here:] if s.opname.startswith("CALL") and encloses(extent(s), inner))
    return tuple(names for s in around if (names := asking(code, s.offset)[1]))


Extent = tuple[tuple[int, int], tuple[int, int]] | None
"""Where it begins and ends: lines and columns; None where that is not known."""


def encloses(outer: Extent, inner: Extent) -> bool:
    """Whether one expression is part of another, as far as is known."""
    return bool(outer and inner and outer[0] <= inner[0] and inner[1] <= outer[1])


def extent(step: dis.Instruction) -> Extent:
    """Where the expression of an instruction begins and ends: lines and columns."""
    p = step.positions
    if p is None or p.lineno is None or p.col_offset is None:
        return None
    if p.end_lineno is None or p.end_col_offset is None:
        return None
    return (p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)


def meant(frame: FrameType, names: tuple[str, ...]) -> Any:
    """What a dotted name of variables and modules means in a frame."""
    value: Any = None
    for scope in (frame.f_locals, frame.f_globals, vars(builtins)):
        if names and names[0] in scope:
            value = scope[names[0]]
            break
    for name in names[1:]:
        value = vars(value).get(name) if isinstance(value, ModuleType) else None
    return value


@functools.lru_cache(maxsize=4096)
def asking(code: CodeType, at: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """What is done at an offset: kind of instruction, who is called, and what ``map`` applies."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("CACHE", "EXTENDED_ARG")]
    here = next((i for i, s in enumerate(steps) if s.offset == at), None)
    if here is None:
        return "", (), ()
    here += steps[here].opname == "PRECALL"
    step = steps[here]
    if step.opname.startswith("STORE_S"):
        return "store", (), ()
    if step.opname.startswith("FORMAT_") or (step.opname == "BINARY_OP" and "%" in step.argrepr):
        return "format", (), ()
    if not step.opname.startswith("CALL"):
        return "", (), ()
    place = loaded(steps, here)
    if place is None:
        return "call", (), ()
    names, i = [], place
    while steps[i].opname in ("LOAD_ATTR", "LOAD_METHOD") and i:
        names.append(str(steps[i].argval))
        i -= 1
    if steps[i].opname not in LOADS:
        return "call", ("...", *names[:1]) if names else (), ()
    names.append(str(steps[i].argval))
    applied = [
        str(b.argval)
        for a, b in pairwise(steps[i:here])
        if a.opname in LOADS and a.argval == "map" and b.opname in LOADS
    ]
    return "call", tuple(names[::-1]), tuple(applied[:1])


def loaded(steps: list[dis.Instruction], here: int) -> int | None:
    """Which instruction loaded what is called ``here``: the height of the stack tells.

    Where a jump is in between (``float(a if c else b)``), it is what was loaded for a call
    from where the expression of the call begins.
    """
    height = (steps[here].arg or 0) + (steps[here].opname == "CALL_KW")
    for i in range(here - 1, -1, -1):
        step = steps[i]
        if (i == here - 1 and step.opname == "PRECALL") or (
            not height and step.opname == "PUSH_NULL"
        ):
            continue
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            break
        if not height:
            return i
        height -= dis.stack_effect(step.opcode, step.arg, jump=False)
    found = [
        i
        for i in range(here)
        if "NULL" in steps[i].argrepr and beginning(steps[i]) == beginning(steps[here])
    ]
    return found[-1] if found else None


def beginning(step: dis.Instruction) -> tuple[int, int] | None:
    """Line and column where the expression of an instruction begins."""
    p = step.positions
    if p is None or p.lineno is None or p.col_offset is None:
        return None
    return p.lineno, p.col_offset


def refusal(name: str, who: str) -> TypeError:
    """The error for a number that would be lost, with the line and what to write instead."""
    remedy = "use NumPy's functions (np.exp, not math.exp), or .item() where no gradient shall flow"
    if who == "filling an array":
        remedy = "fill a mg.buffer(shape), or build it with mg.array, mg.stack or t.at[i].set(v)"
    return TypeError(
        f"{name} requires a gradient, and {who} takes its number only, which would cut it out "
        f"of the gradient, at {caller_site()}; {remedy}"
    )
