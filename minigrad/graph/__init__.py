"""The recorded graph and the walk that turns it into gradients.

Nodes, the modes that a thread may be in, and the walk; nothing here knows ``Tensor``.
"""

from minigrad.graph.contexts import (
    inspector,
    modes,
    no_grad,
    pushing,
    recording,
    tracing,
    writing,
)
from minigrad.graph.nodes import (
    NOTHING,
    AnyNode,
    Dual,
    Leaf,
    Node,
    Node1,
    Node2,
    Passive,
    Slots,
    Variable,
    is_alive,
    living,
    next_seq,
    node1,
    node2,
    pick,
    picked,
    running,
    variable,
)
from minigrad.graph.walk import (
    ancestors,
    backward_pass,
    fit,
    leaves,
)

__all__ = [
    "NOTHING",
    "AnyNode",
    "Dual",
    "Leaf",
    "Node",
    "Node1",
    "Node2",
    "Passive",
    "Slots",
    "Variable",
    "ancestors",
    "backward_pass",
    "fit",
    "inspector",
    "is_alive",
    "leaves",
    "living",
    "modes",
    "next_seq",
    "no_grad",
    "node1",
    "node2",
    "pick",
    "picked",
    "pushing",
    "recording",
    "running",
    "tracing",
    "variable",
    "writing",
]
