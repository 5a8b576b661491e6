"""How many entries an answer has at most, known before it is computed.

A line that is computed again with another name or axis in it may ask for far more than the
line that was written: a column times a row, a seed for a length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest

import numpy as np

from minigrad.typing import Array


def broadcast_size(*those: Array) -> int:
    """Of arrays that are broadcast together."""
    shapes = [np.shape(a)[::-1] for a in those if isinstance(a, np.ndarray | list | tuple)]
    return math.prod(map(max, zip_longest(*shapes, fillvalue=1)))


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape can stand for one of the other."""
    return len(shape) <= len(to) and all(
        n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False)
    )


def steps(start: float, stop: float | None = None, step: float = 1, *_: object) -> float:
    first, end = (0, start) if stop is None else (start, stop)
    return 1 + abs(end - first) / abs(step) if step else math.inf


def matmul(a: Array, b: Array) -> int:
    a, b = np.asarray(a), np.asarray(b)
    rows, columns = a.shape[-2:-1], b.shape[-1:] if b.ndim > 1 else ()
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return math.prod((*batch, *rows, *columns))


def dot(a: Array, b: Array) -> int:
    """Of sums over one axis of each."""
    along = max(1, np.shape(a)[-1]) if np.ndim(a) and np.ndim(b) else 1
    return -(-np.size(a) // along) * -(-np.size(b) // along)


def all_pairs(a: Array, b: Array, *_: object) -> int:
    return np.size(a) * np.size(b)


def einsum(subscripts: str | Array, *arrays: Array) -> int:
    """Of the letters behind the arrow, or else of all."""
    if type(subscripts) is not str or "." in subscripts:
        return math.prod(map(np.size, (subscripts, *arrays)))
    each = subscripts.replace(" ", "").partition("->")[0].split(",")
    sizes = {letter: n for letters, a in zip(each, arrays, strict=True)
             for letter, n in zip(letters, np.shape(a), strict=True)}  # fmt: skip
    return math.prod(sizes.get(letter, 1) for letter in subscripts.partition("->")[2] or sizes)


def corner(a: Array, *_: object) -> int:
    """Of a triangle: a vector becomes a matrix of as many rows."""
    return np.size(a) * (np.size(a) if np.ndim(a) == 1 else 1)


def joined(arrays: Sequence[Array], *_: object) -> int:
    return sum(map(np.size, arrays))


def all_of(*arrays: Array) -> int:
    return sum(map(np.size, arrays))


ROOM: dict[str, Callable[..., float]] = {
    "arange": steps,
    "eye": lambda n, m=None, *_: n * (n if m is None else m),
    "identity": lambda n, *_: n * n,
    "broadcast_to": lambda _, shape, *more: math.prod(np.ravel(shape).tolist()),
    "repeat": lambda a, times, *_: np.size(a) * max(np.ravel(times).tolist()),
    "tile": lambda a, times: np.size(a) * math.prod(np.ravel(times).tolist()),
    "diag": lambda a, k=0: (np.size(a) + abs(k)) ** (2 if np.ndim(a) == 1 else 1),
    "matmul": matmul, "dot": dot, "inner": dot, "outer": all_pairs, "tensordot": all_pairs,
    "ones_like": np.size, "zeros_like": np.size,
    "full_like": lambda a, _: np.size(a),
    "triu": corner, "tril": corner,
    "einsum": einsum, "concatenate": joined, "stack": joined, "hstack": joined, "vstack": joined,
    "column_stack": joined, "append": all_of,
    "insert": lambda a, i, *_: np.size(a) * (1 + np.size(i)),
}  # fmt: skip
"""NumPy's functions whose answers have other shapes than their arguments broadcast together."""


def entries(name: str, *args: object) -> float:
    """How many entries the answer of a function of NumPy has, or of a method, at most.

    Examples
    --------
    >>> entries("repeat", np.ones(3), 10**12)
    3000000000000
    >>> entries("add", np.ones((10**4, 1)), np.ones(10**4))
    100000000
    """
    count: Callable[..., float] = ROOM.get(name, broadcast_size)
    return count(*args)
