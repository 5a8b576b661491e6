"""Calling the mirror as SciPy is called: its parameters in its order, refused by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from minigrad.ops.shape import arrayed, firm, holds_tensor

F = TypeVar("F", bound=Callable[..., Any])

HARMLESS = frozenset(
    "assume_sorted blocksize check_finite copy disp overwrite_a overwrite_ab overwrite_b "
    "permc_spec prefilter tol use_umfpack vectorized".split()
)
"""What SciPy is told about its work, and not about the answer."""


def like(theirs: Callable[..., Any], alone: bool = False) -> Callable[[F], F]:
    """Decorator: take arguments as ``theirs`` does; refuse those that are not ours by name.

    With ``alone`` calls without any Tensor are left to ``theirs``.
    """
    known = inspect.signature(theirs)

    def decorate(ours: F) -> F:
        taken = inspect.signature(ours).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in taken.values())
        name = ours.__name__

        @functools.wraps(ours)
        def call(*args: Any, **kwargs: Any) -> Any:
            if alone and not holds_tensor([*args, *kwargs.values()]):
                return theirs(*args, **kwargs)
            more = {key: kwargs.pop(key) for key in [*kwargs] if key not in known.parameters}
            if more.keys() - taken.keys() and not open_ended:
                unknown = ", ".join(f"{key}=" for key in more)
                raise TypeError(f"{name} does not know {unknown}: it takes {', '.join(taken)}")
            try:
                given = known.bind(*args, **kwargs).arguments
                for p in known.parameters.values():
                    if p.kind is p.VAR_KEYWORD:
                        more |= given.pop(p.name, {})
            except TypeError as error:
                raise TypeError(f"{name}: {error}") from None
            for key in [*given]:
                if key not in taken:
                    refuse(name, key, given.pop(key), known.parameters[key].default)
            return ours(**given, **more)

        return call  # type: ignore[return-value]

    return decorate


def refuse(name: str, key: str, value: Any, default: Any) -> None:
    """Pass over what asks for the default, or does not change the answer.

    Raises
    ------
    TypeError
    """
    same = value is default or (type(value) is type(default) and value == default)
    unasked = (value is None or value is False) and not default
    if not (same or unasked or key in HARMLESS):
        raise TypeError(f"{name}: {key}= is not supported here; leave it out")


def floating(value: Any) -> Any:
    """``value`` as an array of floating-point or complex numbers; whole ones become doubles.

    Raises
    ------
    TypeError
        For what are no numbers.
    """
    value = firm(arrayed(value))
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    if kind not in "fciub":
        raise TypeError(f"arrays of numbers are wanted here, not {value!r:.60}")
    return value if kind in "fc" else value * np.float64(1)


def absent(part: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``, which says what of SciPy's the mirror does not have."""

    def missing(name: str) -> Any:
        if not name.startswith("_") and hasattr(import_module(f"scipy.{part}"), name):
            raise AttributeError(
                f"minigrad.scipy.{part} has no {name}: scipy.{part}.{name} takes plain arrays, "
                "t.data, through which no gradient flows"
            )
        raise AttributeError(f"module 'minigrad.scipy.{part}' has no attribute {name!r}")

    return missing
