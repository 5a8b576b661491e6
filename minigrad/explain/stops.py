"""Where a gradient stops on its way down: operations that pass on less than arrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minigrad import ops
from minigrad.explain.paper import BOUNDS
from minigrad.explain.pieces import Piece, descendants, pull_back
from minigrad.graph import AnyNode, Slots, ancestors
from minigrad.ops.record import Op
from minigrad.typing import Array

TINY = 1e-6
"""What passes on less of what arrives than this is said to stop it."""

SELECTIONS: frozenset[Op | None] = frozenset({ops.branch})
INDICES: frozenset[Op | None] = frozenset({ops.elements})
EXTREMES: frozenset[Op | None] = frozenset({ops.max, ops.min})
PRODUCTS: frozenset[Op | None] = frozenset({ops.multiply, ops.matmul, ops.contract})
SIDES: frozenset[Op | None] = frozenset({*BOUNDS, ops.relu})
SATURATING: frozenset[Op | None] = frozenset(
    {ops.sigmoid, ops.tanh, ops.erf, ops.softplus, ops.saturating}
)


@dataclass(frozen=True)
class Stop:
    """An argument of an operation to which less is passed on than arrives."""

    node: AnyNode
    i: int
    kind: str
    """``"zero"``, ``"some"`` entries, ``"tiny"``, ``"nan"``."""
    count: int
    largest: float


def walk(goal: AnyNode, output: AnyNode) -> tuple[list[Stop], Array, int]:
    """The stops on the way from ``output`` to ``goal``, the gradient, and its summands."""
    every = sorted(ancestors(output), key=lambda n: n.seq)
    on = descendants(every, {goal})
    inside = {
        n: [i for i, p in enumerate(n.parents) if p in on]
        for n in reversed(every)
        if n in on and n is not goal
    }
    stops: list[Stop] = []

    def call(node: AnyNode, i: int, g: Array) -> Array:
        c = pull_back(node, i, g)
        stops.extend(stop(node, i, g, c))
        return c

    gradient = Piece(output, inside, [goal]).flow(np.ones_like(output.ans)[()], call)[goal]
    return stops, gradient, sum(p is goal for n in inside for p in n.parents)


def stop(node: AnyNode, i: int, g: Array, c: Array) -> Iterator[Stop]:
    """Whether argument ``i`` of ``node`` gets less than arrives."""
    if isinstance(c, Slots) or isinstance(g, tuple):
        return
    arrives, leaves = (np.abs(np.asarray(x)) for x in (g, c))
    if not arrives.any():
        return
    most = float(np.max(leaves, initial=0.0))
    silent = int((leaves == 0).sum())
    if not np.isfinite(most):
        if np.isfinite(arrives).all():
            yield Stop(node, i, "nan", int((~np.isfinite(leaves)).sum()), most)
    elif silent == leaves.size:
        yield Stop(node, i, "zero", silent, most)
    elif most <= TINY * float(arrives.max()):
        yield Stop(node, i, "tiny", leaves.size, most / float(arrives.max()))
    elif silent and (node.op in INDICES or (leaves.shape == arrives.shape and arrives.all())):
        yield Stop(node, i, "some", silent, most)


def slopes_of(node: AnyNode, i: int) -> Array:
    """What argument ``i`` would get if 1 arrived everywhere."""
    ans = node.ans
    one = tuple(map(np.ones_like, ans)) if type(ans) is tuple else np.ones_like(ans)[()]
    with np.errstate(all="ignore"):
        return np.abs(np.asarray(pull_back(node, i, one)))


def entries_text(n: int, size: int) -> str:
    """``all 5 entries``, ``2 of 5 entries``."""
    if size == 1:
        return "the value"
    return f"all {size:,} entries" if n == size else f"{n:,} of {size:,} entries"
