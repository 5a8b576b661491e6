"""One variable that is the gradient of one thing after another: ``dh = dh * (h > 0)``.

What is made of a gradient under its own name is the gradient of a value further down, often
of one that has no name: of what ReLU was taken of, or of what was scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.watch import Event
from minigrad.graph import AnyNode, fit
from minigrad.typing import Array

Timed = tuple[int, Event]
Step = tuple[AnyNode, int]
"""A node, and the argument of the one above it through which it enters."""


def staged(made: list[Timed], flows: Flows, chain: list[Step]) -> list[tuple[list[Timed], AnyNode]]:
    """The statements of one variable divided where they go on to what lies below.

    Parameters
    ----------
    made : list of (when, event)
    chain : list of (node, argument)
        The values that it may be the gradients of, from the output down.

    Returns
    -------
    list of (statements, node)
        Empty where all of them make one gradient.
    """
    found: list[tuple[list[Timed], AnyNode]] = []
    start, at = 0, 0
    for i in range(len(made) - 1):
        event, after = made[i][1], made[i + 1][1]
        if any(e.statement is event.statement for _, e in made[i + 1 :]):
            continue
        k = next((k for k in range(at, len(chain) - 1) if goes_on(flows, chain, k, event, after)),
                 None)  # fmt: skip
        if k is not None:
            found.append((made[start : i + 1], chain[k][0]))
            while k < len(chain) - 2 and close(
                flows.total[chain[k][0]], flows.total[chain[k + 1][0]]
            ):
                k += 1
            start, at = i + 1, k + 1
    if not found:
        return []
    value = made[-1][1].after
    fits = [n for n, _ in chain[at:] if close(value, flows.total[n])]
    return [*found, (made[start:], fits[0] if fits else chain[at][0])]


def goes_on(flows: Flows, chain: list[Step], k: int, event: Event, after: Event) -> bool:
    """Whether a value is all of the gradient of ``chain[k]``, or the next follows from it so."""
    if not np.any(event.after):
        return False
    if close(event.after, flows.total[chain[k][0]]):
        return True
    return any(close(after.after, g) for g in below(event.after, chain, k))


def below(g: Array, chain: list[Step], k: int) -> Iterator[Any]:
    """What arrives further down, were ``g`` what arrives at ``chain[k]``."""
    if np.shape(g) != np.shape(chain[k][0].ans):
        return
    for (node, _), (_, i) in zip(chain[k:], chain[k + 1 :], strict=False):
        op: Any = node.op
        g = fit(op.rule(i)(g, node.ans, *node.args, **node.kwargs), node.args[i], op, i)
        yield g


def chain_below(flows: Flows, versions: list[AnyNode], named: set[AnyNode]) -> list[Step]:
    """The values of one shape below a variable, down to what has another name."""
    if not versions:
        return []
    node, chain = versions[-1], [(versions[-1], 0)]
    while node.op is not None:
        steps: list[Step] = [
            (p, i) for i, p in enumerate(node.parents)
            if p is not None and p in flows.total and (node, i) in flows.sent
            and np.shape(flows.total[p]) == np.shape(flows.total[node])
            and (p not in named or p in versions)
        ]  # fmt: skip
        if len(steps) != 1:
            break
        node = steps[0][0]
        chain.append(steps[0])
    return chain


def is_below(value: Array, node: AnyNode, flows: Flows, named: set[AnyNode]) -> bool:
    """Whether a value is the gradient of what lies below, and has no other name."""
    below = chain_below(flows, [node], named)[1:]
    return bool(np.any(value)) and any(close(value, flows.total[n]) for n, _ in below)
