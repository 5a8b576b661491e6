"""What may stand in place of a rule: the smallest changes that a slip is made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.judges import Base
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import Edge, Edit, RuleCall
from minigrad.graph import AnyNode, pick, variable
from minigrad.ops.record import by_name
from minigrad.typing import Array

EXTREMES = {ops.max: "largest", ops.min: "smallest"}
GETITEM, CONCATENATE, STACK = map(by_name, ("getitem", "concatenate", "stack"))
BLIND = {ops.add, ops.subtract, ops.negative, ops.positive, ops.sum, ops.mean, ops.reshape,
         ops.transpose, ops.broadcast_to, GETITEM, CONCATENATE, STACK, pick,
         variable}  # fmt: skip
"""Ops whose rules see no values, only shapes."""


def cut(g: Array, call: RuleCall) -> Array:
    return None


def times(d: Array) -> Callable[[Array, Array], Array]:
    return lambda g, through: g * d


def scaled(d: Array) -> Edit:
    return lambda g, call: call(g * d)


def seen_as(value: Array) -> Edit:
    """The rule, shown ``value`` as the output of its op."""
    return lambda g, call: call(g, ans=value)


def transposed_arrival(g: Array, call: RuleCall) -> Array:
    return call(np.swapaxes(g, -1, -2))


def substituted(j: int, value: Array) -> Edit:
    """The rule with argument ``j`` replaced, and its output with it."""

    def edit(g: Array, call: RuleCall) -> Array:
        args = [value if k == j else a for k, a in enumerate(call.args)]
        op: Any = call.node.op
        blind = op in (ops.multiply, ops.matmul)  # whose rules do not look at the output
        ans = call.ans if blind else op.forward(*args, **call.node.kwargs)
        return call(g, ans=ans, args=args)

    return edit


def silent_edges(q: Quantity, base: Base) -> dict[Edge, Edit]:
    """Where nothing arrives in all, though parts do: what leads on from there is left out.

    The maximum that is subtracted below a softmax is of that kind; nobody writes its paths.
    """
    changes, graph = base.changes, q.graph
    shifts = [n for n in q.part.inside if n.op in EXTREMES and n not in graph.marked]
    if q.layout != "gradient" or changes.edits or not shifts:
        return {}
    arrived: dict[AnyNode, Array] = {}
    q.part.flow(np.ones(graph.shape(q.u))[()], changes, arrived=arrived)
    largest = {n: float(np.max(np.abs(g), initial=0.0)) for n, g in arrived.items()}
    peak = max(largest.values(), default=0.0)
    silent = [n for n in shifts if n is not q.u and largest.get(n, peak) <= 1e-12 * peak]
    return {(n, i): cut for n in silent for i in q.part.inside[n]}


# --- small questions -------------------------------------------------------------------


def join(*words: str) -> str:
    return ", and beside that ".join(w for w in words if w)


def axis_sets(ndim: int) -> list[tuple[int, ...]]:
    return [s for k in range(1, ndim + 1) for s in combinations(range(ndim), k)]


def axis_words(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
