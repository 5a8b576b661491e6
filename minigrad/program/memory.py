"""The memory of a kernel: buffers that are reused as soon as what they hold is not needed."""

from __future__ import annotations

import bisect
import ctypes
import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.tree import tree_map
from minigrad.typing import Array, DType, Shape

WASTE = 4
"""A buffer may be so many times too large for what it is given."""


HEAVY = 2**20
"""Elements in all arrays of a program from which its trace leaves much memory behind."""


def cleared(ready: list[Array]) -> Array:
    """The answer that is ``ready``, after free memory is returned to the system, where it can be.

    The trace of a program holds all of its values at once, which no later call does.  The
    answer is copied to where later ones will lie, since its own place is above all that.
    """
    own = lambda x: np.array(x) if isinstance(x, np.ndarray) else x
    answer = tree_map(own, ready.pop(), whole=True)
    with suppress(OSError, AttributeError, TypeError):  # the allocator is glibc's
        ctypes.CDLL(None).malloc_trim(0)
    return answer


@dataclass
class Memory:
    """Buffers that a run of a kernel writes to, handed out and taken back while planning.

    Attributes
    ----------
    narrow : int
        Matrices of at most this many columns, and many more rows, lie in memory column by
        column, so that loops run over the rows.
    sizes : list of int
        Bytes of each buffer.
    views : dict
        (buffer, shape, dtype, start) -> name: the arrays that live in them; ``start`` is None,
        or the byte from which on one lies row by row.
    free : list of (int, int)
        Bytes and number of the buffers that nothing needs, the smallest first.
    """

    narrow: int = 16
    sizes: list[int] = field(default_factory=list)
    views: dict[tuple[int, Shape, Any, int | None], str] = field(default_factory=dict)
    free: list[tuple[int, int]] = field(default_factory=list)

    def take(self, nbytes: int) -> int:
        """A buffer of at least ``nbytes``: the free one that fits best, or another."""
        i = bisect.bisect_left(self.free, (nbytes, -1))
        if i < len(self.free) and self.free[i][0] <= WASTE * nbytes + 4096:
            return self.free.pop(i)[1]
        if i == len(self.free) and self.free and nbytes > 65536:
            _, buffer = self.free.pop()
            self.sizes[buffer] = nbytes
            return buffer
        self.sizes.append(nbytes)
        return len(self.sizes) - 1

    def give(self, buffer: int) -> None:
        """Take ``buffer`` back."""
        bisect.insort(self.free, (self.sizes[buffer], buffer))

    def view(self, buffer: int, shape: Shape, dtype: DType, start: int | None = None) -> str:
        """The name of the array of this shape and dtype in ``buffer``."""
        return self.views.setdefault((buffer, shape, dtype, start), f"b{len(self.views)}")

    @property
    def names(self) -> str:
        """The names of all arrays, as a target of an assignment."""
        return "".join(f"{name}, " for name in self.views.values())

    def turned(self, shape: Shape) -> bool:
        """Whether an array of this shape lies column by column."""
        return len(shape) == 2 and 1 < shape[1] <= self.narrow and shape[0] >= 4 * shape[1]

    def allocate(self) -> tuple[Array, ...]:
        """The arrays themselves, in the order of ``views``."""
        raw = [np.empty(max(n, 1), np.uint8) for n in self.sizes]
        arrays = []
        for b, shape, dtype, start in self.views:
            flat = raw[b][start:][: math.prod(shape) * dtype.itemsize].view(dtype)
            turned = start is None and self.turned(shape)
            arrays.append(flat.reshape(shape[::-1]).T if turned else flat.reshape(shape))
        return tuple(arrays)
