r"""Keys that name a quantity by its part in the derivation: ``δ2`` of a layer, ``w_new``."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from minigrad import ops
from minigrad.explain.pieces import ACTIVATIONS
from minigrad.graph import AnyNode
from minigrad.reading.names import Names

DELTA = re.compile(r"^(?:δ|\\?delta)[\s_^]*[\[({]*\s*(\w*)\s*[\])}]*$")
NEW = re.compile(r"^(.+?)(?:new|next|updated|\+|⁺)$|^(?:new|updated)(.+)$")
SUMS = {ops.add, ops.subtract, ops.matmul}
APPLIED = ACTIVATIONS | {ops.maximum, ops.log_softmax, ops.divide}
"""What layers apply to their sums; σ may be a quotient."""
RATES = (
    ("lr", "learning_rate", "eta", "η", "step_size", "stepsize", "step"),
    ("alpha", "α", "rate", "ε", "epsilon", "γ", "gamma"),
)
"""What learning rates are called; the latter are other things as often."""


def signal(text: str, called: Mapping[str, AnyNode | None], nodes: set[AnyNode]) -> AnyNode | None:
    """What ``δ2`` is the derivative by: what the activation of layer 2 is taken of.

    Parameters
    ----------
    text : str
        The key.
    called : dict
        Name in plain letters -> node.
    nodes : iterable of nodes
        Those of the graph.
    """
    match = DELTA.match(text)
    if match is None:
        return None
    layer = match[1].replace("_", "")
    sums = {n.parents[0] for n in nodes if n.op in APPLIED and n.parents[0] is not None}
    sums = {n for n in sums if n.op is not None and n.op in SUMS}
    if not layer:
        return sums.pop() if len(sums) == 1 else None
    found = set()
    for name, node in called.items():
        if node is None or node.op is None or not re.search(rf"(?<!\d){layer}$", name):
            continue
        if node.op in SUMS:
            found.add(node)
        elif node.op in APPLIED and node.parents[0] is not None:
            found.add(node.parents[0])
    if not found and layer == "L":
        return max(sums, key=lambda n: n.seq, default=None)
    return found.pop() if len(found) == 1 else None


def stepped(text: str) -> str | None:
    """``w`` of ``w_new``, in plain letters."""
    match = NEW.match(text)
    return (match[1] or match[2]) if match is not None else None


def learning_rate(names: Names) -> float | None:
    """The learning rate among the caller's variables; None where none is told from others."""
    used = {names.constant(n, i) for n in names.nodes for i, p in enumerate(n.parents) if p is None}
    for spellings in RATES:
        held = {n: x for n in spellings if isinstance(x := names.value(n), float | np.floating)}
        rates = {float(x) for n, x in held.items() if n not in used and x > 0}
        if len(rates) == 1:
            return rates.pop()
    return None
