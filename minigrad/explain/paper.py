"""The tracer that rules are run under: lengths stay lengths, what is idle is left out."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode, inspector, modes, tracing
from minigrad.ops.record import Op
from minigrad.program.tracer import Tracer
from minigrad.tensor import Tensor
from minigrad.typing import Array, Keywords


class Paper(Tracer):
    """A tracer for formulas: what is a length stays one, what does not happen is left out.

    Attributes
    ----------
    sizes : dict
        Length -> its stand-in, of those that rules may divide by.
    lengths : collection of int
    notes : dict
        What was left out, once each.
    ruling : int
        While a rule is running, where its nodes begin; else 0.
    """

    repeated = False
    fixed = True

    def __init__(self, lengths: Collection[int] = ()) -> None:
        super().__init__()
        self.lengths: frozenset[int] = frozenset(lengths)
        self.sizes: dict[int, Tensor] = {}
        self.notes: dict[str, None] = {}
        self.ruling = 0

    def apply(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        if self.ruling and op is ops.divide and type(args[1]) is int and args[1] in self.lengths:
            args = (args[0], self.length(args[1], args[0]))
        if self.ruling and op in (ops.divide, ops.multiply):
            args = (self.rooted(*args), self.rooted(*args[::-1]))
        made = super().apply(op, args, kwargs)
        return self.taken(made, *args) if self.ruling and op is ops.branch else made

    def taken(self, choice: Array, condition: Array, x: Array, y: Array) -> Array:
        """The side that a rule takes everywhere, where it chooses by a condition of its own."""
        node = condition.node if isinstance(condition, Tensor) else None
        while node is not None and node.op is ops.not_equal and node.args[0].dtype == bool:
            node = node.parents[0]  # where(condition != 0, x, y)
        if node is None or node.seq < self.ruling or 0 < np.sum(node.ans) < np.size(node.ans):
            return choice
        side = x if np.all(node.ans) else y
        if isinstance(side, Tensor):
            return side if side.shape == choice.shape else choice
        return choice if choice.shape else choice.dtype.type(side)

    def rooted(self, x: Array, like: Array) -> Array:
        """``√n`` of a length as such, if ``x`` is that."""
        if not isinstance(x, float) or x.is_integer() or not math.isfinite(x):
            return x
        n = round(x * x)
        near = n in self.lengths and math.isclose(x, math.sqrt(n), rel_tol=1e-15)
        return super().apply(ops.sqrt, (self.length(n, like),), {}) if near else x

    def length(self, n: int, like: Array) -> Tensor:
        """A stand-in for a length, which is not reduced with other numbers."""
        if n not in self.sizes:
            kind = getattr(like, "dtype", np.dtype(float))
            self.sizes[n] = self.input(kind.type(n) if kind.kind == "f" else float(n), f"n{n}")
        return self.sizes[n]


GUARD = 1e-6
"""A bound as close as this to 0 or 1 is there for logarithms and quotients."""


def guarded(node: AnyNode) -> int | None:
    """Which argument passes through a bound that only guards against 0, and touches nothing."""
    if node.op not in BOUNDS or type(node.ans) is tuple:
        return None
    for i, x in enumerate(node.args):
        others = [a for j, a in enumerate(node.args) if j != i]
        if node.parents[i] is None or np.shape(x) != np.shape(node.ans):
            continue
        if all(np.ndim(c) == 0 and any(0 < abs(d) <= GUARD for d in (c, 1 - c)) for c in others):
            free = all(not np.any(x == c) for c in others)
            return i if free and np.array_equal(x, node.ans) else None
    return None


BOUNDS = frozenset([ops.maximum, ops.minimum, ops.fmax, ops.fmin, ops.bounded])


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    """Record everything, gradients of what is being traced outside excepted."""
    with modes.set(tracing, tracer), modes.set(inspector, None), np.errstate(all="ignore"):
        yield


UNREADABLE = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    ArithmeticError,
)
"""What rules that look at their numbers, or call what is not covered, raise on stand-ins."""


@contextmanager
def readable(tracer: Tracer) -> Iterator[None]:
    """`traced`, and left at once where a rule cannot be run on stand-ins."""
    with suppress(*UNREADABLE), traced(tracer):
        yield
