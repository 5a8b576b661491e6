"""Gradients of what the forward function gave no name: told by what is made of them.

``da2`` of ``h = tanh(x @ W2)`` is the gradient of something that has no name.  Where the lines
that follow are what passes on from one nameless value, it is the gradient of that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim, Collector
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.naming import readings
from minigrad.graph import AnyNode
from minigrad.tensor import Tensor, wrap

MANY = 400
"""Of larger graphs the nameless values are not looked through."""


def nameless(collector: Collector, claims: Iterable[Claim]) -> dict[str, list[Tensor]]:
    """Names for values that had none, from the wrong gradients made of gradients of them."""
    watch, flows = collector.runs.watch, collector.flows
    if watch is None or len(flows.total) > MANY:
        return {}
    last = {
        e.path: e.after for e in watch.events
        if readings(e.path) and collector.namer.meaning(e.path, collector.aliases) is None
        and e.path not in collector.runs.upstream
    }  # fmt: skip
    found: dict[str, list[Tensor]] = {}
    for claim in claims if last else ():
        if close(claim.value, flows.total[claim.node]):
            continue
        for path in claim.reads & set(last):
            node = passed_on(collector, last[path], claim)
            if node is not None:
                found.setdefault(readings(path)[0], [wrap(node.ans, node)])
    return found


def passed_on(collector: Collector, value: Any, claim: Claim) -> AnyNode | None:
    """The nameless node that ``claim`` follows from, were ``value`` the gradient of it."""
    flows = collector.flows
    for node in sorted(flows.total, key=lambda n: -n.seq):
        if node.op is None or node in collector.named or np.shape(node.ans) != np.shape(value):
            continue
        if claim.node.seq < node.seq or claim.node.op is None:
            below = Flows(node, start=value).total.get(claim.node)
            if below is not None and close(claim.value, below):
                return node
    return None
