"""Places where something is kept that a program may depend on, and whether it is still the same."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from minigrad.program.tracer import LARGEST, identical
from minigrad.reading.names import is_a
from minigrad.tree import storage

ATOMS = (int, float, complex, str, bytes, bool, type(None), np.generic, np.dtype, range, slice)
LARGE = 2**16
"""Bytes of arrays that are read anew at each call rather than compared with what they were."""

SMALL = 4096
"""Bytes of arrays that are compared in one go."""

Bind = Callable[[object], str]


def same_value(a: Any, b: Any) -> bool:
    """Whether a program traced with ``a`` is right for ``b``: equal to the last bit.

    Examples
    --------
    >>> same_value(0.0, -0.0), same_value(float("nan"), float("nan")), same_value(1, True)
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
    if isinstance(a, TOLD_BY_DIGITS | frozenset):
        return bool(comparison_key(a) == comparison_key(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same_value, a.values(), b.values()))
    if isinstance(a, ATOMS) or has_value(a):
        return bool(a == b)
    return False


TOLD_BY_DIGITS = float | complex | np.inexact | range | slice
"""What is equal to others that a function can tell it from."""


def comparison_key(x: object) -> Any:
    """What is equal for values that are the `same_value`, and has a hash if ``x`` has one.

    Examples
    --------
    >>> comparison_key(frozenset({1})) == comparison_key(frozenset({1.0}))
    False
    """
    if isinstance(x, TOLD_BY_DIGITS):
        return type(x), repr(x)
    if isinstance(x, tuple | frozenset):
        parts = map(comparison_key, x)
        return type(x), tuple(parts) if isinstance(x, tuple) else frozenset(parts)
    return type(x), x


def has_value(x: object) -> bool:
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
        "cell", "global", "attribute", "item" or "items" (of a container), "bytes" (of memory),
        "context" (of a context variable), "array", "hidden" (an object's dict that has no such
        name, so that its class's counts), "stream" (an iterator: whoever looks changes it),
        "kept" (an array that somebody holds, somewhere), or "cache" (of a function, which counts
        from the start when it is cleared).
    home : Any
        The cell, dict, object, container or array.
    key : Any
        The name, key or position there.
    value : Any
        What it held.
    name : str
        What the user would write.
    skip : frozenset
        Keys of items that do not count.
    """

    kind: str
    home: Any
    key: Any
    value: Any
    name: str
    skip: frozenset[Any] = frozenset()

    def read(self) -> Any:
        """What it holds now."""
        if self.kind == "cell":
            return self.home.cell_contents
        if self.kind in ("global", "item"):
            return self.home[self.key]
        if self.kind == "attribute":
            return getattr(self.home, self.key)
        if self.kind == "items":
            return snapshot(self.home, self.skip)
        if self.kind == "hidden":
            return self.home.get(self.key)
        if self.kind == "bytes":
            return bytes(self.home)
        if self.kind == "context":
            return self.home.get(None)
        return self.home() if self.kind == "kept" else self.home

    def holds(self) -> bool:
        """Whether nothing has changed."""
        if self.kind == "stream":
            return False
        if self.kind == "hidden":
            return self.key not in self.home
        if self.kind == "cache":
            return bool(sum(self.home.cache_info()[:2]) >= sum(self.value[:2]))
        try:
            now = self.read()
        except Exception:
            return False
        if self.kind == "items":
            return len(now) == len(self.value) and all(map(same_part, now, self.value))
        if self.kind in ("array", "kept"):
            return now is not None and identical(now, self.value)
        return same_part(now, self.value)

    @property
    def identity(self) -> tuple[int, Any]:
        return id(self.home), self.key

    def items(self) -> Iterator[Place]:
        """The items of a list or a dict, one by one."""
        if self.kind == "items" and is_a(self.home, list, dict):
            for key, part in keyed(self.home, self.value):
                yield Place("item", self.home, key, part, f"{self.name}[{key!r}]")

    def moved(self) -> Iterator[tuple[int, Any]]:
        """The identities of items that are something else now, or do not count."""
        now = self.read()
        if len(now) == len(self.value) and is_a(self.home, list, dict):
            for (key, a), (other, b) in zip(
                keyed(self.home, now), keyed(self.home, self.value), strict=True
            ):
                if key == other and (a is SKIPPED or not same_part(a, b)):
                    yield id(self.home), key

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
            return items_test(self.home, self.value, self.skip, bind)
        if self.kind == "array":
            home = bind(self.home)
            if self.value.nbytes > SMALL or not self.value.flags.c_contiguous:
                return f"{bind(identical)}({home}, {bind(self.value)})"
            shape = tuple(map(int, self.value.shape))
            return f"{home}.tobytes() == {bind(self.value.tobytes())} and {home}.shape == {shape}"
        if self.kind == "hidden":
            return f"{bind(self.key)} not in {bind(self.home)}"
        if self.kind == "cache":
            return f"sum({bind(self.home)}.cache_info()[:2]) >= {sum(self.value[:2])}"
        if self.kind == "kept":  # None has no shape
            return f"{bind(identical)}({bind(self.home)}(), {bind(self.value)})"
        now, value = self.now(bind), bind(self.value)
        if is_a(self.value, *ATOMS):
            return f"({now} is {value} or {bind(same_value)}({now}, {value}))"
        return f"{now} is {value}"


class Variable(Place):
    """A place that a program reads: only the type of what it holds has to stay."""

    def holds(self) -> bool:
        try:
            now = self.read()
        except Exception:
            return False
        small = type(now) is not int or -LARGEST < now < LARGEST
        return small and kind_of(now) == kind_of(self.value)

    def test(self, bind: Bind) -> str:
        now, x = self.now(bind), self.value
        if type(x) is int:
            return f"(_t := {now}).__class__ is {bind(int)} and {-LARGEST} < _t < {LARGEST}"
        if not isinstance(x, np.ndarray):
            return f"{now}.__class__ is {bind(type(x))}"
        return (
            f"(_t := {now}).__class__ is {bind(np.ndarray)} and "
            f"_t.shape == {tuple(map(int, x.shape))} and _t.dtype == {bind(x.dtype)}"
        )


def kind_of(x: object) -> tuple[Any, ...]:
    return type(x), getattr(x, "shape", ()), getattr(x, "dtype", None)


INLINE = 8
"""Parts of a container that are compared one by one."""


def keys_test(home: str, keys: tuple[object, ...], bind: Bind) -> str:
    """The condition under which keys, as ``home`` gives them, are what they were, as source."""
    known = bind(keys)
    if all(type(key) is str for key in keys):
        return f"(*{home},) == {known}"
    identical = f"all({bind(map)}({bind(is_)}, {home}, {known}))"
    return f"({identical} or {bind(same_value)}((*{home},), {known}))"


def items_test(container: object, before: tuple[Any, ...], skip: frozenset[Any], bind: Bind) -> str:
    """The condition under which a container holds what it held, as source."""
    home, kind = bind(container), type(container)
    whole = f"{bind(unchanged)}({home}, {bind(before)}, {bind(skip)})"
    n = len(before) // 2 if kind is dict else len(before)
    if kind not in (list, dict) or not 0 < n <= INLINE:
        return whole
    tests = [f"len({home}) == {n}"]
    if kind is dict:
        tests.append(keys_test(home, before[:n], bind))
    for i, part in enumerate(before[-n:]):
        if part is SKIPPED:
            continue
        place = str(i) if kind is list else bind(before[i])
        tests.append(f"{home}[{place}] is {bind(part)}")
    return f"({' and '.join(tests)} or {whole})"


SKIPPED = object()


def snapshot(container: Any, skip: frozenset[Any] = frozenset()) -> tuple[Any, ...]:
    """The parts of a container, keys included, but those under some keys."""
    if is_a(container, np.ndarray):
        return tuple(container.flat)
    kind = storage(type(container))
    if is_a(container, Mapping):
        parts = kind.values(container)
        if skip:
            parts = [SKIPPED if key in skip else part for key, part in kind.items(container)]
        return (*kind.__iter__(container), *parts)
    parts = kind.__iter__(container)
    return tuple([SKIPPED if i in skip else x for i, x in enumerate(parts)] if skip else parts)


def keyed(container: object, parts: tuple[Any, ...]) -> Iterator[tuple[object, object]]:
    """(key, part) of each part of a `snapshot` of a list or a dict."""
    if not is_a(container, dict):
        return iter(enumerate(parts))
    n = len(parts) // 2
    return zip(parts[:n], parts[n:], strict=True)


def unchanged(
    container: object, before: tuple[object, ...], skip: frozenset[object] = frozenset()
) -> bool:
    """Whether a container holds the same objects."""
    now = snapshot(container, skip)
    return len(now) == len(before) and (
        all(map(is_, now, before)) or all(map(same_part, now, before))
    )


def same_part(a: object, b: object) -> bool:
    """Whether a container holds what it held: its arrays have places of their own."""
    return a is b or (is_a(a, *ATOMS) and same_value(a, b))
