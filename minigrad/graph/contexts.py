"""What a thread does beyond plain recording: not at all, inspecting, tracing, pushing tangents."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any

from minigrad.typing import Array


class Entry:
    """A value that a switch has until it is closed, by whomever."""

    __slots__ = ("closed", "outer", "value")

    def __init__(self, value: Array, outer: Entry | None) -> None:
        self.value: Array = value
        self.outer: Entry | None = outer
        self.closed: bool = False

    def close(self) -> None:
        self.closed = True
        self.value = None  # nobody shall keep it alive who never looks again


class Switch:
    """A context variable whose values end where they are closed, in whatever context that is.

    A generator may be closed by another thread, or by the garbage collector somewhere: what it
    switched in the context of its caller is over then, too.
    """

    __slots__ = ("default", "variable")

    def __init__(self, name: str, default: object) -> None:
        self.variable: ContextVar[Entry | None] = ContextVar(name, default=None)
        self.default: Any = default

    def entry(self) -> Entry | None:
        """The innermost entry that is open."""
        entry = self.variable.get()
        while entry is not None and entry.closed:
            entry = entry.outer
        return entry

    def get(self) -> Any:
        entry = self.variable.get()
        while entry is not None:
            value = entry.value  # first, since another thread may close it
            if not entry.closed:
                return value
            entry = entry.outer
        return self.default


class Held:
    """A value that a context variable had, and gets again."""

    __slots__ = ("before", "variable")

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.variable: ContextVar[Any] = variable
        self.before: Any = variable.get()

    def close(self) -> None:
        self.variable.set(self.before)


class Mode(ContextDecorator):
    """A context in which a variable has another value; it may be entered again and again.

    It leaves nothing behind, interrupts included.  Every step of closing may be done twice, so
    that one that was interrupted is done again: at once, or when the context is thrown away.
    """

    __slots__ = ("open", "value", "variable")

    def __init__(self, variable: ContextVar[Any] | Switch, value: Array) -> None:
        self.variable: ContextVar[Any] | Switch = variable
        self.value: Array = value
        self.open: list[Entry | Held] = []

    def _recreate_cm(self) -> Mode:
        return Mode(self.variable, self.value)  # of a decorated function each call has its own

    def __enter__(self) -> None:
        variable, depth = self.variable, len(self.open)
        try:
            if type(variable) is Switch:
                entry = Entry(self.value, variable.entry())
                self.open.append(entry)
                modes.special.add(id(entry))
                variable.variable.set(entry)
            else:
                held = Held(variable)  # type: ignore[arg-type]
                self.open.append(held)
                modes.special.add(id(held))
                variable.set(self.value)  # type: ignore[union-attr]
        except BaseException:
            self.leave(depth)
            raise

    def __exit__(self, *error: object) -> None:
        depth = len(self.open) - 1
        try:
            self.leave(depth)
        except BaseException:
            self.leave(depth)
            raise

    def leave(self, depth: int) -> None:
        """Close what was entered beyond ``depth``."""
        while len(self.open) > depth:
            last = self.open[-1]
            last.close()
            modes.special.discard(id(last))
            self.open.remove(last)

    def __del__(self) -> None:
        if getattr(self, "open", None):  # which is missing where `__init__` failed
            self.leave(0)


class Modes:
    """What this thread (or task) does beyond plain recording.

    ``special`` are the contexts open in *any* thread.  It is all that the fast paths look at;
    only while there are some do they pay for the context variables.
    """

    __slots__ = ("special",)

    def __init__(self) -> None:
        self.special: set[int] = set()

    @staticmethod
    def set(variable: Any, value: Array) -> Mode:
        """A context (or decorator) in which ``variable`` has ``value``."""
        return Mode(variable, value)


modes: Modes = Modes()
recording: Switch = Switch("recording", default=True)
inspector: Switch = Switch("inspector", default=None)
tracing: ContextVar[Any] = ContextVar("tracing", default=None)
pushing: ContextVar[Any] = ContextVar("pushing", default=None)
writing: ContextVar[Any] = ContextVar("writing", default=None)
"""What ``t[index] = value`` does where a function that writes into its arrays is recorded."""


def at_work() -> Any:
    """Who pushes tangents along with what is recorded now, if anybody does."""
    pusher = pushing.get()
    if pusher is None or tracing.get() is not None:
        return None
    return pusher if recording.variable.get() is None or recording.get() else None


def no_grad() -> Mode:
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
