"""The recorded graph and the walk that turns it into gradients.

Nodes, the modes that a thread may be in, and the walk; nothing here knows ``Tensor``.
"""

from minigrad.graph.contexts import (
    at_work,
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
    Nested,
    Node,
    Node1,
    Node2,
    Passive,
    Slots,
    Variable,
    dual,
    is_alive,
    is_asked_for,
    living,
    next_seq,
    node1,
    node2,
    pick,
    picked,
    running,
    variable,
)
from minigrad.graph.walk import ancestors, backward_pass, fit, leaves, reached, routes

__all__ = [
    "NOTHING", "AnyNode", "Dual", "Leaf", "Nested", "Node", "Node1", "Node2", "Passive", "Slots",
    "Variable", "ancestors", "at_work", "backward_pass", "dual", "fit", "inspector", "is_alive",
    "is_asked_for", "leaves", "living", "modes", "next_seq", "no_grad", "node1", "node2", "pick",
    "picked", "pushing", "reached", "recording", "routes", "running", "tracing", "variable",
    "writing",
]  # fmt: skip
