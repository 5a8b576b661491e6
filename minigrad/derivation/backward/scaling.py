"""Gradients before the mean over examples is taken."""

from __future__ import annotations

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.flows import Flows, close
from minigrad.graph import AnyNode, ancestors


def per_example(claims: list[Claim], flows: Flows, assumed: bool) -> tuple[int, set[AnyNode]]:
    """The number of examples, where gradients of results and data leave out the mean over them.

    Those of parameters are right, with the mean, or it is ``assumed`` that they should be.
    """
    peak = max((float(np.max(np.abs(g), initial=0.0)) for g in flows.total.values()), default=0.0)
    whole = [c for c in claims if c.through is None
             and np.max(np.abs(flows.total[c.node]), initial=0.0) > 1e-9 * peak]  # fmt: skip
    right = [c for c in whole if close(c.value, flows.total[c.node])]
    results = [c for c in whole if c.node.op is not None and c.node is not flows.output]
    if not results or set(right) & set(results):
        return 1, set()
    first, known = results[0], {c.node for c in right}
    below = {c.node for c in whole} & {n for n in ancestors(first.node) if n.op is None}
    if not assumed and len(below & known) <= len(below - known):
        return 1, set()
    for axis, m in enumerate(np.shape(first.value)):
        if m > 1 and close(first.value, m * flows.total[first.node]):
            return m, {
                n for n, g in flows.total.items() if n not in known
                and (n.op is not None or np.shape(g)[axis : axis + 1] == (m,))
            }  # fmt: skip
    return 1, set()
