"""What every layer asks of its arguments, told in the layer's name."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minigrad.errors import label
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, DType, Random, Shape


def count(who: str, name: str, value: Any, least: int = 1) -> int:
    """``value`` as an integer of at least ``least``.

    Raises
    ------
    TypeError, ValueError
        Naming the layer and the argument.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{who}: {name} must be an integer, not {value!r}") from None
    if number < least:
        raise ValueError(f"{who}: {name} must be at least {least}, not {number}")
    return number


def counts(who: str, name: str, value: object, n: int, least: int = 1) -> Shape:
    """``value`` as ``n`` integers, of a single one or of ``n``."""
    values = value if isinstance(value, list | tuple) else (value,)
    values = values * n if len(values) == 1 else values
    if len(values) != n:
        raise ValueError(f"{who}: {name} must be one integer or {n} of them, not {value!r}")
    return tuple(count(who, name, v, least) for v in values)


def fraction(who: str, name: str, value: object) -> float:
    """``value`` as a number between 0 and 1, 1 left out: a share to drop."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
        raise ValueError(f"{who}: {name} must be a number in [0, 1), not {value!r}")
    return float(value)


DEFAULT = np.random.default_rng()
"""What is drawn with where no generator is given."""


def seed(number: int | None = None) -> None:
    """Start the generator that layers draw with when they are given none.

    First values of parameters, and dropout, are drawn with it: the same seed, and the same
    layers in the same order, give the same numbers.  Threads share it; give each a
    ``Generator`` of its own, ``rng=``, where that matters.

    Parameters
    ----------
    number : int, optional
        Not negative; without it the generator starts somewhere else each time.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.seed(0)
    >>> first = mg.nn.Linear(2, 2).weight.data
    >>> mg.nn.seed(0)
    >>> bool((mg.nn.Linear(2, 2).weight.data == first).all())
    True
    """
    DEFAULT.bit_generator.state = np.random.default_rng(number).bit_generator.state


def generator(who: str, rng: Random) -> np.random.Generator:
    """A ``Generator`` as it is, a fresh one of a seed, or the one that `seed` seeds.

    Raises
    ------
    TypeError
        For anything else: the state that NumPy shares is never drawn from.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return DEFAULT
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        return np.random.default_rng(rng)
    raise TypeError(
        f"{who}: rng must be a NumPy Generator, as np.random.default_rng(0) makes one, "
        f"or a seed, not {rng!r}"
    )


def floating(who: str, dtype: DType) -> np.dtype[Any]:
    """``dtype`` as a floating-point one."""
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind.kind != "f":
        raise TypeError(f"{who}: parameters are floating-point numbers, and dtype is {kind}")
    return kind


def laid_out(who: str, x: Array, rank: int | Shape, layout: str) -> Array:
    """``x`` as an array whose rank is ``rank`` (or one of several).

    Raises
    ------
    ValueError
        Naming the layer, the shape and the ``layout`` that it wants.
    """
    x = arrayed(x)
    if np.ndim(x) not in (rank if isinstance(rank, tuple) else (rank,)):
        raise ValueError(f"{who} wants {layout}; {label(x)} has shape {np.shape(x)}")
    return x


def sized(who: str, x: Array, axis: int, size: int, what: str) -> None:
    """Refuse ``x`` unless its ``axis`` has the length ``size``."""
    shape = np.shape(x)
    if len(shape) < (-axis if axis < 0 else axis + 1) or shape[axis] != size:
        raise ValueError(
            f"{who} wants {size} {what} along axis {axis}; {label(x)} has shape {shape}"
        )
