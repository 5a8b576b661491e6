"""What a value looks like: a number, or an array in short lines, whatever holds it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minigrad.graph import AnyNode
from minigrad.typing import Array

EXTENT = ("min", "mean", "max")


def is_tuple(node: AnyNode) -> bool:
    """Whether the op has several outputs."""
    return type(node.ans) is tuple


def is_numpy(value: Array) -> bool:
    """Whether NumPy holds ``value``, so that looking at it computes nothing."""
    parts = value if type(value) is tuple else (value,)
    return all(isinstance(v, np.ndarray | np.generic | int | float) for v in parts)


def is_scalar(value: Array) -> bool:
    return type(value) is not tuple and prod(getattr(value, "shape", ())) == 1


def item(value: Array) -> Array:
    return value.item() if hasattr(value, "item") else value


def number(value: Array, digits: int = 4) -> str:
    """A number of ``digits`` significant digits, with a true minus sign.

    Examples
    --------
    >>> number(-0.937823), number(3), number(1e-9)
    ('−0.9378', '3', '1e−09')
    """
    value = item(value) + 0  # there is no minus zero to a reader
    if isinstance(value, bool | int) and abs(value) < 10**digits * 100:
        return str(value).replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def summary(value: Array, digits: int = 4) -> list[str]:
    """What to show of a value, in short lines: the number, or shape, dtype and spread.

    Examples
    --------
    >>> summary(0.25)
    ['0.25']
    >>> summary(np.array([[1.0, 2.0], [3.0, 6.0]]))
    ['(2, 2) float64', 'min 1  mean 3  max 6']
    >>> summary((np.ones((2, 3)), np.ones((2, 3)))), summary((np.ones((2, 3)), 0.25))
    (['2 × (2, 3) float64'], ['(2, 3) float64, 0.25'])
    """
    if type(value) is tuple:
        parts = [summary(v, digits)[0] for v in value]
        alike = len(set(parts)) == 1 and not is_scalar(value[0])
        return [f"{len(parts)} × {parts[0]}" if alike else shown(parts)]
    if is_scalar(value):
        if not is_numpy(value):
            return shape_of(value)
        shape = getattr(value, "shape", ())
        return [number(value, digits) + (f"  {tuple(shape)}" if shape else "")]
    return shape_of(value) + [line for line in [extent(value)] if line]


def shape_of(value: Array) -> list[str]:
    """Shape and dtype alone."""
    return [f"{tuple(value.shape)} {value.dtype}"] if hasattr(value, "shape") else []


def extent(value: Array, digits: int = 3) -> str:
    """Least, mean and greatest element; nothing of a lazy, empty or non-numeric array.

    Examples
    --------
    >>> extent(np.array([1.0, 2.0, 6.0])), extent(np.zeros(3))
    ('min 1  mean 3  max 6', 'all 0')
    """
    if not isinstance(value, np.ndarray) or not value.size or value.dtype.kind not in "fiub":
        return ""
    with np.errstate(all="ignore"):
        low, mean, high = value.min(), value.mean(dtype=np.float64), value.max()
        if low == high:
            return f"all {number(low, digits)}"
        if abs(mean) < 1e-14 * max(abs(float(low)), abs(float(high))):
            mean = 0.0  # what is left of a sum that cancels tells nothing
    return "  ".join(f"{n} {number(v, digits)}" for n, v in zip(EXTENT, (low, mean, high)))


def partial(of: str, by: str) -> str:
    """``∂L/∂w``.

    Examples
    --------
    >>> partial("L", "w"), partial("y - a", "w")
    ('∂L/∂w', '∂(y - a)/∂w')
    """
    of, by = (f"({n})" if " " in n else n for n in (of, by))
    return f"∂{of}/∂{by}"


def shown(names: Sequence[str], most: int = 4) -> str:
    """A list in words, cut after ``most``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
