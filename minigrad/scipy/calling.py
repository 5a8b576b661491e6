"""Calling the mirror as SciPy is called: its parameters in its order, refused by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from minigrad.autodiff.call import array_of
from minigrad.ops.shape import arrayed, firm, holds_tensor, speaks_numpy
from minigrad.tensor import Tensor, concrete
from minigrad.tree import flatten, tree_map
from minigrad.typing import Array, Function, Tree

F = TypeVar("F", bound=Function)

HARMLESS = frozenset(
    "assume_sorted blocksize check_finite copy disp overwrite_a overwrite_ab overwrite_b "
    "permc_spec prefilter tol use_umfpack vectorized".split()
)
"""What SciPy is told about its work, and not about the answer."""


def like(theirs: Function, by: str, alone: bool = False) -> Callable[[F], F]:
    """Decorator: take arguments as ``theirs`` does; refuse those that are not ours by name.

    ``by`` names the parameters that may hold Tensors; the others are told as numbers.  With
    ``alone`` calls without a Tensor that could have a gradient are left to ``theirs``.
    """
    known, moved = inspect.signature(theirs), by.split()

    def decorate(ours: F) -> F:
        taken = inspect.signature(ours).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in taken.values())
        name = ours.__name__

        @functools.wraps(ours)
        def call(*args: Tree, **kwargs: Any) -> Any:
            if alone and not holds_tensor([*args, *kwargs.values()]):
                return theirs(*args, **kwargs)
            if alone and not any(map(counts, flatten([args, kwargs])[0])):
                found = theirs(*tree_map(array_of, args), **tree_map(array_of, kwargs))
                return tree_map(Tensor, found)
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
            given = {**given, **more}
            return ours(**{k: v if k in moved else told(name, k, v) for k, v in given.items()})

        return call  # type: ignore[return-value]

    return decorate


def counts(x: Array) -> bool:
    """Whether ``x`` is a Tensor that a gradient could reach, or whose numbers are not there yet."""
    return speaks_numpy(x) and (x.dtype.kind in "fc" or concrete(x) is None)


def told(name: str, key: str, value: Array) -> Any:
    """``value`` with numbers in place of Tensors.

    Raises
    ------
    TypeError
        For Tensors whose number is not there to be had, or which a gradient would have to reach.
    """
    try:
        return tree_map(lambda v: np.asarray(v)[()] if isinstance(v, Tensor) else v, value)
    except TypeError as error:
        raise TypeError(f"{name}: {key}= takes no Tensor with a gradient: {error}") from None


def refuse(name: str, key: str, value: Array, default: Any) -> None:
    """Pass over what asks for the default, or does not change the answer.

    Raises
    ------
    TypeError
    """
    same = value is default or (type(value) is type(default) and value == default)
    unasked = (value is None or value is False) and not default
    if not (same or unasked or key in HARMLESS):
        raise TypeError(f"{name}: {key}= is not supported here; leave it out")


def floating(value: Array) -> Array:
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


def absent(part: str, names: list[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's ``__getattr__``, which says what the mirror has not, and its ``__dir__``."""

    def missing(name: str) -> Any:
        if not name.startswith("_") and hasattr(import_module(f"scipy.{part}"), name):
            raise AttributeError(
                f"minigrad.scipy.{part} has no {name}: scipy.{part}.{name} takes plain arrays, "
                "t.data, through which no gradient flows"
            )
        raise AttributeError(f"module 'minigrad.scipy.{part}' has no attribute {name!r}")

    return missing, lambda: names
