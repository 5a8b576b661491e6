"""What a thread does beyond plain recording: not at all, inspecting, tracing, pushing tangents."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from threading import Lock
from typing import Any


class Modes:
    """What this thread (or task) does beyond plain recording.

    ``special`` counts the contexts open in *any* thread.  It is all that the fast paths
    look at; only while it is not zero do they pay for the context variables.
    """

    __slots__ = ("lock", "special")
    lock: Lock

    def __init__(self) -> None:
        self.special: int = 0
        self.lock = Lock()

    def set(self, variable: ContextVar[Any], value: Any) -> Mode:
        """Context, or decorator, in which ``variable`` has another value."""
        return Mode(variable, value)


class Mode(ContextDecorator):
    """A context in which a variable has another value; it may be entered again and again."""

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self.variable = variable
        self.value = value
        self.tokens: list[Any] = []

    def _recreate_cm(self) -> Mode:
        return Mode(self.variable, self.value)  # of a decorated function each call has its own

    def __enter__(self) -> None:
        with modes.lock:
            modes.special += 1
        self.tokens.append(self.variable.set(self.value))

    def __exit__(self, *error: Any) -> None:
        self.variable.reset(self.tokens.pop())
        with modes.lock:
            modes.special -= 1


modes: Modes = Modes()
recording: ContextVar[bool] = ContextVar("recording", default=True)
inspector: ContextVar[Any] = ContextVar("inspector", default=None)
tracing: ContextVar[Any] = ContextVar("tracing", default=None)
pushing: ContextVar[Any] = ContextVar("pushing", default=None)
writing: ContextVar[Any] = ContextVar("writing", default=None)
"""What ``t[index] = value`` does where a function that writes into its arrays is recorded."""


def no_grad() -> Any:
    """Context (or decorator) in which nothing is recorded, in this thread only.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(2.0, requires_grad=True)
    >>> with mg.no_grad():
    ...     (w * 3).requires_grad
    False
    """
    return modes.set(recording, False)
