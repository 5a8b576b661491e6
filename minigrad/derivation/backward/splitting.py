"""A graph in which some uses of a value go through a node of their own."""

from __future__ import annotations

from typing import Any

from minigrad.derivation.backward.flows import Edge
from minigrad.graph import AnyNode, Node, ancestors, next_seq
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, wrap

use: Op = Op("use", lambda x: x, (lambda g, ans, x: g,), linear="jointly", doc="Some uses of x.")
"""What a value is for some of its uses: it has a name of its own, as no other value does."""


def split(
    output: AnyNode, groups: list[tuple[AnyNode, list[Edge]]]
) -> tuple[dict[AnyNode, AnyNode], list[AnyNode]]:
    """The graph again, the given uses of a node going through a node of their own.

    Returns
    -------
    dict, list
        Old node -> new node; and the new nodes of the groups.
    """
    if not groups:
        return {}, []
    group_of = {edge: k for k, (_, edges) in enumerate(groups) for edge in edges}
    new: dict[AnyNode, AnyNode] = {}
    made: list[Any] = [None] * len(groups)
    for node in sorted(ancestors(output), key=lambda n: n.seq):
        if node.op is None:
            new[node] = node
            continue
        parents: list[AnyNode | None] = []
        for i, parent in enumerate(node.parents):
            k = group_of.get((node, i))
            if k is not None:
                if made[k] is None:
                    value = node.args[i]
                    made[k] = Node(use, (value,), (new[parent],), {}, value, next_seq())  # type: ignore[index]
                parents.append(made[k])
            else:
                parents.append(None if parent is None else new[parent])
        new[node] = Node(node.op, node.args, tuple(parents), node.kwargs, node.ans, next_seq())
    return new, made


def renewed(value: Any, new: dict[AnyNode, AnyNode], around: frozenset[int] = frozenset()) -> Any:
    """A variable's value on the new graph; what holds itself is left as it is there."""
    if isinstance(value, Tensor) and value.node in new:
        return wrap(value._value, new[value.node])
    if id(value) in around:
        return value
    around |= {id(value)}
    if isinstance(value, dict):
        return {k: renewed(v, new, around) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(renewed(v, new, around) for v in value)
    return value
