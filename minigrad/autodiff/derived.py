"""Functions made of functions, such as gradients, that can be pickled and copied.

A function inside a function has no name to be found by; an object that knows what it was
made of can be made again wherever that function can be sent.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from types import ModuleType
from typing import Any

from minigrad.ops.record import name_after
from minigrad.typing import Array, Function


class Derived:
    """``make(f, *options)``, which calls ``run``.

    Attributes
    ----------
    f : callable
        The function that it was made of.
    """

    run: Function
    make: Function
    f: Function
    options: tuple[object, ...]

    def __init__(
        self, run: Function, make: Function, f: Function, options: tuple[object, ...]
    ) -> None:
        name_after(self, f)
        self.run, self.make, self.f, self.options = run, make, f, options

    def __call__(self, /, *args: object, **kwargs: Any) -> Any:
        return self.run(*args, **kwargs)

    def __get__(self, instance: object, owner: object = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self.make.__name__} of {getattr(self.f, '__name__', self.f)}>"

    def __reduce__(self) -> Any:
        return by_name(self) or (self.make, (self.f, *self.options))

    def of(self, f: Function) -> Any:
        """The same of another function."""
        return self.make(f, *self.options)


def derived(make: Function, f: Function, *options: object) -> Callable[[Function], Any]:
    """Decorator: what is defined is ``make(f, *options)``."""
    return lambda run: Derived(run, make, f, options)


def by_name(x: Array) -> str | None:
    """The name under which ``x`` can be imported, if it is a decorated function of a module."""
    name = getattr(x, "__qualname__", "")
    place: ModuleType | None = sys.modules.get(getattr(x, "__module__", None) or "")
    for part in name.split("."):
        place = getattr(place, part, None)
    return name if place is x else None
