"""Softmax and its logarithm: entry by entry, without the row sum, or summed over another axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.search import Search
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import Edit, shape_of
from minigrad.graph import AnyNode
from minigrad.ops.record import Op
from minigrad.typing import Array, Function

Way = tuple[Callable[[Array], Array], str]


def softmax_ways(p: Array, axis: int, name: str, g: str) -> list[Way]:
    """What is written for the gradient of the logits below a softmax, with the words for it."""

    def weighted(h: Array, along: int | None) -> Array:
        return p * np.sum(h * p, axis=along, keepdims=True)

    entrywise = (
        f"softmax is treated entry by entry: -{name}ᵢ {name}ⱼ off the diagonal of its Jacobian "
        "is missing"
    )
    return [
        (lambda h: h * p * (1 - p), entrywise),
        (lambda h: h * p, f"the row sum Σ {g} * {name} is missing"),
        (
            lambda h: -weighted(h, axis),
            f"the diagonal {name}ᵢ of its Jacobian is missing: of a cross entropy, the label in "
            f"{name} - y",
        ),
        (lambda h: h * p + weighted(h, axis), "the row sum is added, not subtracted"),
        (
            lambda h: np.sum(h * p, axis=axis, keepdims=True) * (1 - p),
            f"1 is subtracted from all of {name}, where it belongs to the class of the label alone",
        ),
        (
            lambda h: h * p - p * np.mean(h * p, axis=axis, keepdims=True),
            "a mean stands where the row sum belongs",
        ),
        (
            lambda h: p * (h - np.sum(h, axis=axis, keepdims=True)),
            f"the row sum is of {g} alone, where {g} * {name} belongs",
        ),
        *((lambda h, k=k: h * p - weighted(h, k), over(k, axis)) for k in other_axes(p, axis)),
        (lambda h: h * p - weighted(h, None), "it is summed over all axes, not along the rows"),
    ]


def log_softmax_ways(logp: Array, axis: int, name: str, g: str) -> list[Way]:
    """The same below a log-softmax."""
    p = np.exp(logp)

    def summed(h: Array, along: int | None) -> Array:
        return p * np.sum(h, axis=along, keepdims=True)

    return [
        (lambda h: h, f"the row sum of {g} times exp({name}) is missing"),
        (
            lambda h: np.sum(h, axis=axis, keepdims=True) * (1 - p),
            f"1 is subtracted from all of exp({name}), where it belongs to the class of the "
            "label alone",
        ),
        (lambda h: h - p, f"the row sum of {g} is missing: exp({name}) times it is subtracted"),
        *((lambda h, k=k: h - summed(h, k), over(k, axis)) for k in other_axes(p, axis)),
    ]


def other_axes(p: Array, axis: int) -> list[int]:
    return [k for k in range(np.ndim(p)) if k != axis % np.ndim(p)]


WAYS: dict[Op | None, Function] = {ops.softmax: softmax_ways, ops.log_softmax: log_softmax_ways}


@slip("wrong_derivative", 14, "{}")
def softmax(s: Search) -> Found:
    """Softmax entry by entry, without the sum over its row, or summed over the wrong axis."""
    for node, i in s.edges:
        if node.op not in WAYS or i != 0 or not len(shape_of(node.ans)):
            continue
        axis = node.kwargs.get("axis", -1)
        name = s.short(node)
        if not isinstance(axis, int):
            continue
        for way, words in WAYS[node.op](node.ans, axis, name, f"d{s.names.of(s.q.u)}/d{name}"):
            yield s.edited({(node, i): applied(way)}), words
    for m, t, axis in written_out_softmax(s):
        name = s.names.of(m)
        for way, words in softmax_ways(m.ans, axis, name, f"d{s.names.of(s.q.u)}/d{name}"):
            sent: Callable[[Array, Array], Array] = lambda g, through, way=way: way(g)  # type: ignore[misc]
            yield s.jumped(m, t, sent), words


def written_out_softmax(s: Search) -> Iterator[tuple[AnyNode, AnyNode, int]]:
    """Where exp and its sum are written out: the probabilities, and the logits below them."""
    for m in {n: None for n, _ in s.edges}:
        if m.op is not ops.divide or not len(shape_of(m.ans)) or np.any(m.ans < 0):
            continue
        for axis in range(len(shape_of(m.ans))):
            if not np.allclose(np.sum(m.ans, axis=axis), 1, rtol=1e-9):
                continue
            below: list[Any] = [n.parents[i] for n, i in s.graph.between(m, s.q.v).active()]
            for t in dict.fromkeys(below):
                x: Array = s.graph.values.get(t)
                same = shape_of(x) == shape_of(m.ans) and (t is s.q.v or s.marked(t))
                if same and np.allclose(ops.softmax.forward(x, axis=axis), m.ans):
                    yield m, t, axis
                    break


def applied(way: Callable[[Array], Array]) -> Edit:
    return lambda g, call: way(g)


def over(wrong: int, right: int) -> str:
    return f"it is summed over axis {wrong} where axis {right} belongs"
