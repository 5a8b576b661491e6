"""Places where something is kept that a program may depend on, and whether it is still the same."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from minigrad.program.tracer import identical
from minigrad.reading.names import is_a

ATOMS = (int, float, complex, str, bytes, bool, type(None), np.generic, np.dtype, range, slice)
LARGE = 2**16
"""Bytes of arrays that are read anew at each call rather than compared with what they were."""

SMALL = 4096
"""Bytes of arrays that are compared in one go."""

Bind = Callable[[Any], str]


def same(a: Any, b: Any) -> bool:
    """Whether a program traced with ``a`` is right for ``b``: equal to the last bit.

    Examples
    --------
    >>> same(0.0, -0.0), same(float("nan"), float("nan")), same(1, True)
    (False, True, False)
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) in (int, str, bytes, bool):
        return bool(a == b)
    if isinstance(a, np.ndarray):
        return a.dtype != object and identical(a, b)
    if isinstance(a, float | complex | np.inexact):
        return repr(a) == repr(b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, ATOMS) or has_value(a):
        return bool(a == b)
    return False


def has_value(x: Any) -> bool:
    """Whether an object is equal to others by what it holds."""
    kind: Any = type(x)
    return kind.__eq__ is not object.__eq__ and kind.__hash__ is not None


# --- places ----------------------------------------------------------------------------


@dataclass(eq=False)
class Place:
    """Where something that may change is kept.

    Attributes
    ----------
    kind : str
        "cell", "global", "attribute", "items" (of a container), "bytes" (of memory), "context"
        (of a context variable), "array", "hidden" (an object's dict that has no such name, so that
        its class's counts), or "stream" (an iterator: whoever looks changes it).
    home : Any
        The cell, dict, object, container or array.
    key : str
        The name there.
    value : Any
        What it held.
    name : str
        What the user would write.
    """

    kind: str
    home: Any
    key: str
    value: Any
    name: str

    def read(self) -> Any:
        """What it holds now."""
        if self.kind == "cell":
            return self.home.cell_contents
        if self.kind == "global":
            return self.home[self.key]
        if self.kind == "attribute":
            return getattr(self.home, self.key)
        if self.kind == "items":
            return snapshot(self.home)
        if self.kind == "hidden":
            return self.home.get(self.key)
        if self.kind == "bytes":
            return bytes(self.home)
        if self.kind == "context":
            return self.home.get(None)
        return self.home

    def holds(self) -> bool:
        """Whether nothing has changed."""
        if self.kind == "stream":
            return False
        if self.kind == "hidden":
            return self.key not in self.home
        try:
            now = self.read()
        except Exception:
            return False
        if self.kind == "items":
            return len(now) == len(self.value) and all(map(same_part, now, self.value))
        return identical(now, self.value) if self.kind == "array" else same_part(now, self.value)

    @property
    def identity(self) -> tuple[int, str]:
        return id(self.home), self.key

    def now(self, bind: Bind) -> str:
        """What it holds now, as source."""
        home = bind(self.home)
        if self.kind == "cell":
            return f"{home}.cell_contents"
        if self.kind == "bytes":
            return f"{bind(bytes)}({home})"
        if self.kind == "context":
            return f"{home}.get(None)"
        if self.kind == "attribute":
            plain = self.key.isascii() and not keyword.iskeyword(self.key)
            return f"{home}.{self.key}" if plain else f"{bind(getattr)}({home}, {bind(self.key)})"
        return f"{home}[{bind(self.key)}]"

    def test(self, bind: Bind) -> str:
        """The condition under which nothing has changed, as source."""
        if self.kind == "items":
            return items_test(self.home, self.value, bind)
        if self.kind == "array":
            home = bind(self.home)
            if self.value.nbytes > SMALL or not self.value.flags.c_contiguous:
                return f"{bind(identical)}({home}, {bind(self.value)})"
            shape = tuple(map(int, self.value.shape))
            return f"{home}.tobytes() == {bind(self.value.tobytes())} and {home}.shape == {shape}"
        if self.kind == "hidden":
            return f"{bind(self.key)} not in {bind(self.home)}"
        now, value = self.now(bind), bind(self.value)
        if is_a(self.value, *ATOMS):
            return f"({now} is {value} or {bind(same)}({now}, {value}))"
        return f"{now} is {value}"


class Variable(Place):
    """A place that a program reads: only the type of what it holds has to stay."""

    def holds(self) -> bool:
        try:
            now = self.read()
        except Exception:
            return False
        return kind_of(now) == kind_of(self.value)

    def test(self, bind: Bind) -> str:
        now, x = self.now(bind), self.value
        if type(x) is float:
            return f"{now}.__class__ is {bind(float)}"
        return (
            f"(_t := {now}).__class__ is {bind(np.ndarray)} and "
            f"_t.shape == {tuple(map(int, x.shape))} and _t.dtype == {bind(x.dtype)}"
        )


def kind_of(x: Any) -> tuple[Any, ...]:
    return type(x), getattr(x, "shape", ()), getattr(x, "dtype", None)


INLINE = 8
"""Parts of a container that are compared one by one."""


def items_test(container: Any, before: tuple[Any, ...], bind: Bind) -> str:
    """The condition under which a container holds what it held, as source."""
    home, kind = bind(container), type(container)
    whole = f"{bind(unchanged)}({home}, {bind(before)})"
    n = len(before) // 2 if kind is dict else len(before)
    if kind not in (list, dict) or not 0 < n <= INLINE:
        return whole
    tests = [f"len({home}) == {n}"]
    if kind is dict and n > 1:
        tests.append(f"(*{home},) == {bind(before[:n])}")
    for i, part in enumerate(before[-n:]):
        place = str(i) if kind is list else bind(before[i])
        tests.append(f"{home}[{place}] is {bind(part)}")
    return f"({' and '.join(tests)} or {whole})"


def snapshot(container: Any) -> tuple[Any, ...]:
    """The parts of a container, keys included."""
    if is_a(container, Mapping):
        return (*container, *container.values())
    return tuple(container.flat if is_a(container, np.ndarray) else container)


def unchanged(container: Any, before: tuple[Any, ...]) -> bool:
    """Whether a container holds the same objects."""
    now = snapshot(container)
    return len(now) == len(before) and (
        all(map(is_, now, before)) or all(map(same_part, now, before))
    )


def same_part(a: Any, b: Any) -> bool:
    """Whether a container holds what it held: its arrays have places of their own."""
    return a is b or (is_a(a, *ATOMS) and same(a, b))
