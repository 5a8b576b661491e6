"""Where a gradient stops on its way down: operations that pass on less than arrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.paper import BOUNDS
from minigrad.explain.pieces import passed
from minigrad.graph import AnyNode, Slots, ancestors
from minigrad.ops.record import Op

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


def walk(goal: AnyNode, output: AnyNode) -> tuple[list[Stop], Any, int]:
    """The stops on the way from ``output`` to ``goal``, the gradient, and its summands."""
    every = sorted(ancestors(output), key=lambda n: n.seq)
    on = {goal}
    for node in every:
        if any(p in on for p in node.parents):
            on.add(node)
    pending: dict[AnyNode, Any] = {output: np.ones_like(output.ans)[()]}
    stops: list[Stop] = []
    gradient: Any = pending[output] if goal is output else None
    parts = 0
    for node in reversed(every):
        g = pending.pop(node, None)
        if node is goal:
            gradient = g if gradient is None else gradient
        if g is None or node not in on or node is goal or node.op is None:
            continue
        if type(node.ans) is tuple:
            g = g.filled(node.ans)
        for i, parent in enumerate(node.parents):
            if parent is None or parent not in on:
                continue
            c = passed(node, i, g)
            stops += stop(node, i, g, c)
            parts += parent is goal
            pending[parent] = pending[parent] + c if parent in pending else c
    return stops, gradient, parts


def stop(node: AnyNode, i: int, g: Any, c: Any) -> Iterator[Stop]:
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


def slopes_of(node: AnyNode, i: int) -> Any:
    """What argument ``i`` would get if 1 arrived everywhere."""
    one: Any = np.ones_like(node.ans)[()] if type(node.ans) is not tuple else None
    if one is None:
        one = tuple(map(np.ones_like, node.ans))
    with np.errstate(all="ignore"):
        return np.abs(np.asarray(passed(node, i, one)))


def counted(n: int, size: int) -> str:
    """``all 5 entries``, ``2 of 5 entries``."""
    if size == 1:
        return "the value"
    return f"all {size:,} entries" if n == size else f"{n:,} of {size:,} entries"
