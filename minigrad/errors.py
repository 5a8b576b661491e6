"""Errors in the user's own words: which call, which variables, what to do.

When an op fails, this page looks up what the caller named its arguments (by identity,
in the frames outside this package) and writes the call as the user wrote it.  Nothing
here costs anything until something has gone wrong.
"""

from __future__ import annotations

import linecache
import os.path
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from minigrad.ops import record
from minigrad.ops.products import matmul
from minigrad.ops.record import Op
from minigrad.typing import Array, Keywords


def needed(module: str, how: str, kind: type[Exception] = ImportError) -> ModuleType:
    """The module of an optional package, or an error that says ``how`` to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise kind(how) from error


PACKAGE = os.path.dirname(__file__)
_INSIDE = (PACKAGE, os.path.dirname(np.__file__))
_STDLIB = os.path.dirname(linecache.__file__)


@dataclass(frozen=True)
class Site:
    """A line of the user's code."""

    filename: str
    lineno: int
    function: str

    @property
    def code(self) -> str:
        return linecache.getline(self.filename, self.lineno).strip()

    @property
    def place(self) -> str:
        """The file's name and the number of the line."""
        return f"{os.path.basename(self.filename)}:{self.lineno}"

    def __str__(self) -> str:
        code = f": {self.code}" if self.code else ""
        return f"{self.filename}:{self.lineno}, in {self.function}{code}"


def is_user(filename: str) -> bool:
    """Whether code is the user's: not minigrad's, NumPy's or the standard library's."""
    if filename.startswith(_INSIDE) or filename.startswith("<__array_function__"):
        return False
    return not filename.startswith(_STDLIB) or "-packages" in filename


def generated(frame: FrameType) -> bool:
    """Whether a frame is code that Python made for this package: that of a dataclass, say."""
    name = str(frame.f_globals.get("__name__", ""))
    return frame.f_code.co_filename == "<string>" and name.split(".")[0] == "minigrad"


def user_frames() -> Iterator[FrameType]:
    """Frames outside minigrad, NumPy and the standard library, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_user(frame.f_code.co_filename) and not generated(frame):
            yield frame
        frame = frame.f_back


def caller_site() -> Site | None:
    """The line of the user's code that is running."""
    for frame in user_frames():
        return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
    return None


def variable_name(value: object) -> str | None:
    """What the user calls ``value``: its ``name``, else the variable that holds it."""
    given = getattr(value, "name", None) if hasattr(value, "requires_grad") else None
    if given:
        return str(given)
    if value is None or isinstance(value, bool | int | str):
        return None  # shared objects: identity says nothing
    for frame in islice(user_frames(), 3):
        for scope in (frame.f_locals, frame.f_globals):
            for name, held in list(scope.items()):
                if held is value and name.isidentifier() and not name.startswith("_"):
                    return name
    return None


def list_with(value: object) -> str | None:
    """The user's variable that is a list or tuple with ``value`` in it."""
    for frame in islice(user_frames(), 3):
        for name, held in list(frame.f_locals.items()):
            if type(held) in (list, tuple) and any(v is value for v in held):
                return name
    return None


def label(value: object) -> str:
    """How to call ``value`` in a message: its name, or a short picture of it."""
    name = variable_name(value)
    if name:
        return name
    if isinstance(value, list | tuple) and 0 < len(value) <= 4:
        inner = ", ".join(label(v) for v in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        number = getattr(value, "_value", value).item()  # a trace refuses to look at it otherwise
        return f"{number:.6g}" if hasattr(number, "real") else repr(number)
    if shape is not None and not isinstance(value, type):
        return f"<{'x'.join(map(str, shape))}>"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def shapes(values: tuple[Array, ...]) -> str:
    """``X (32, 16) and W (8, 16)``."""
    parts = [f"{label(v)} {tuple(v.shape)}" for v in values if hasattr(v, "shape")]
    return " and ".join(parts) if len(parts) < 3 else ", ".join(parts)


def call_text(op: Any, args: Sequence[Array], kwargs: Keywords) -> str:
    """The call as the user would write it."""
    if op.symbol and len(args) == 2:
        return f"{label(args[0])} {op.symbol} {label(args[1])}"
    return call_of(op.name, args, kwargs)


def call_of(name: str, args: Sequence[Array], kwargs: Keywords) -> str:
    """``name(a, b, key=value)``."""
    words = [label(a) for a in args] + [f"{k}={label(v)}" for k, v in kwargs.items()]
    return f"{name}({', '.join(words)})"


def failure(op: Op, args: Sequence[Array], kwargs: Keywords, error: Exception) -> Exception:
    """The error to raise when ``op`` failed on ``args``: same type, in the user's words."""
    return rephrased(call_text(op, args, kwargs), args, error, advice(op, args, error))


def retold(name: str, args: Sequence[Array], kwargs: Keywords, error: Exception) -> Exception:
    """What went wrong somewhere inside the function ``name``, as an error of the call to it."""
    if re.match(rf"{re.escape(name)}\b", str(error)) or not isinstance(error, _ORDINARY):
        return error
    parts = [v for a in args for v in (a if isinstance(a, list | tuple) else [a])]
    return rephrased(
        call_of(name, args, kwargs), tuple(parts), error, getattr(error, "advice", None)
    )


_ORDINARY = (ValueError, TypeError, IndexError, ArithmeticError)


def rephrased(call: str, args: Sequence[Array], error: Exception, advice: str | None) -> Exception:
    """An error of the type of ``error`` that begins with ``call``."""
    reason = getattr(error, "reason", None)
    if reason is None:
        reason = re.sub(r"\s+", " ", str(error).strip() or type(error).__name__)
    named = shapes(tuple(a for a in args if hasattr(a, "shape")))
    detail = advice or (f"{named}: {reason}" if named else reason)
    message = f"{call}: {detail}"
    kind = type(error)
    try:
        new = kind(message)
    except Exception:
        new = ValueError(message)
    new.reason, new.advice = reason, advice  # type: ignore[attr-defined]
    return new


def advice(op: Op, args: Sequence[Array], error: Exception) -> str | None:
    """What is wrong and what to do, for the mistakes that people make most."""
    arrays = tuple(np.float64(a) if isinstance(a, int | float) else a for a in args)
    arrays = tuple(a for a in arrays if hasattr(a, "shape"))
    if op is matmul and len(arrays) == 2:
        return _matmul_advice(*arrays)
    if op.elementwise and "broadcast" in str(error):
        return _broadcast_advice(arrays)
    return None


def _matmul_advice(a: Array, b: Array) -> str:
    if not a.shape or not b.shape:
        scalar = label(a if not a.shape else b)
        return f"{shapes((a, b))}: {scalar} is a single number; write * instead of @"
    inner, other = a.shape[-1], b.shape[-2] if len(b.shape) > 1 else b.shape[0]
    if inner == other:
        return f"{shapes((a, b))}: the leading (batch) axes do not broadcast"
    text = f"{shapes((a, b))} do not align: {inner} != {other}"
    if len(b.shape) > 1 and b.shape[-1] == inner:
        return f"{text}; did you mean {label(b)}.{'T' if len(b.shape) == 2 else 'mT'}?"
    if len(a.shape) > 1 and a.shape[-2] == other:
        return f"{text}; did you mean {label(a)}.{'T' if len(a.shape) == 2 else 'mT'}?"
    return f"{text}; the last axis of the first must equal the second-to-last of the second"


def _broadcast_advice(arrays: tuple[Array, ...]) -> str:
    text = f"{shapes(arrays)} do not broadcast"
    if len(arrays) == 2:
        a, b = arrays
        for x, y in ((a, b), (b, a)):
            if len(y.shape) == 1 and len(x.shape) == 2 and y.shape[0] == x.shape[0]:
                return f"{text}; did you mean {label(y)}[:, None]?"
        if len(a.shape) == len(b.shape) == 2 and a.shape == b.shape[::-1]:
            return f"{text}; did you mean {label(b)}.T?"
    return f"{text}: aligned from the right, lengths must be equal or 1"


record.tell = retold
