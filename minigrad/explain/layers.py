"""Where one layer of a network ends and the next begins.

Nothing is recorded for it: what a layer gives is the first result that depends on all the
parameters it has in the graph, and on something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from minigrad.graph import AnyNode
from minigrad.reading.names import Names


def layers(every: list[AnyNode], known: Names) -> dict[AnyNode, str]:
    """Node -> the layer whose answer it is, ``net[0]``; of layers with parameters, in order.

    Parameters
    ----------
    every : list of nodes
        In the order in which they were made.
    """
    parameters: dict[str, set[AnyNode]] = {}
    for node in every:
        layer = known.layer(node) if node.op is None else None
        if layer is not None:
            parameters.setdefault(layer, set()).add(node)
    if len(parameters) < 2:
        return {}
    return {end: layer for layer, own in parameters.items() for end in ends(every, own)}


def short_names(
    every: list[AnyNode], known: Names, those: set[AnyNode]
) -> dict[AnyNode, tuple[str, str]]:
    """What a layer gives, one of ``those``, if it has no name -> a short one, and the layer."""
    found = layers(every, known)
    unnamed = [n for n in found if n in those and not known.known(n)]
    free = (z for i in count(1) if known.value(z := f"z{i}") is None)
    return {n: (z, found[n]) for n, z in zip(unnamed, free, strict=False)}


def ends(every: list[AnyNode], own: set[AnyNode]) -> Iterator[AnyNode]:
    """The first result that all of ``own`` and something else act on, if there is one."""
    within: dict[AnyNode, frozenset[AnyNode]] = {n: frozenset([n]) for n in own}
    alone = set(own)
    for node in every:
        if node in own:
            continue
        acting = frozenset[AnyNode]().union(*(within.get(p, ()) for p in node.parents if p))
        if not acting:
            continue
        within[node] = acting
        if all(p in alone for p in node.parents):
            alone.add(node)
        elif acting == own:
            yield node
            return
