"""One slip that several findings follow from: dW1 and db1 wrong, and dZ1 not given."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass

from minigrad.derivation.edits import scaled
from minigrad.derivation.factors import ratio_of
from minigrad.derivation.judges import evaluate
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.search import together
from minigrad.derivation.walk import Changes, Edge, Edit
from minigrad.graph import AnyNode
from minigrad.reading.names import Names
from minigrad.typing import Array

Close = Callable[[Quantity, Array], bool]


@dataclass
class Slip:
    """A slip that was found, and what else follows from it.

    Attributes
    ----------
    q : Quantity
        Where it was found first.
    edits : dict
        The rules that it changes.
    followers : list of str
    """

    q: Quantity
    edits: Mapping[Edge, Edit]
    place: str
    followers: list[str]


def places(
    q: Quantity, truth: Array, edits: Mapping[Edge, Edit], names: Names, right: Container[AnyNode]
) -> Iterator[Slip]:
    """Where the slip in ``q`` may have been made, so that others follow from it.

    It was made below the totals that are ``right``.
    """
    u = names.of(q.u)
    if edits:
        parents = [n.parents[i] for n, i in edits]
        node = next((p for p in parents if p is not None), None)
        if node is not None and node is not q.v:
            yield Slip(q, edits, f"d{u}/d{names.of(node)}", [])
        return
    c = ratio_of(q.hand, truth)
    if c is None:
        return
    for node in reversed(list(q.graph.until(q.u, q.v, right).inside)):
        if names.known(node) and node is not q.u and node not in right:
            yield Slip(q, arriving(q, node, c), f"d{u}/d{names.of(node)}", [])


def arriving(q: Quantity, node: AnyNode, c: float) -> dict[Edge, Edit]:
    """``c`` times what arrives at ``node``."""
    return {(node, i): scaled(c) for i in q.part.inside[node]}


def follows(q: Quantity, slip: Slip, close: Close) -> bool:
    """Whether ``q`` is what the slip makes of it, and passes where it was made."""
    if together.get()[0] < 0 or not all(node in q.part.inside for node, _ in slip.edits):
        return False
    edits = dict(slip.edits)
    for node, _ in slip.edits:  # what arrives there is wrong for all arguments alike
        way = next(iter(slip.edits.values()))
        edits.update({(node, i): way for i in q.part.inside[node]})
    start = q.graph.steps
    try:
        value = evaluate(q, Changes(edits))
    except (ValueError, TypeError, IndexError):
        return False
    finally:
        together.get()[0] -= q.graph.steps - start
    return close(q, value)
