"""One edge of the graph, explained: the derivative of an operation by an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.explain.paper import readable
from minigrad.explain.sheet import Sheet
from minigrad.graph import AnyNode
from minigrad.reading.names import Names
from minigrad.typing import Array
from minigrad.writing.styles import Symbol

if TYPE_CHECKING:
    from minigrad.writing.formulas import Formula


def local_formula(node: AnyNode, argnum: int, names: Names) -> str:
    """The derivative of ``node`` by one of its arguments, in the user's names.

    Parameters
    ----------
    node : Node
        One recorded operation.
    argnum : int
        Which of its arguments.
    names : Names
        What the user calls the nodes of the graph.

    Returns
    -------
    str
        For scalars and elementwise operations the derivative, such as ``a·(1 - a)``; for
        others the whole rule, with the gradient of ``z`` written ``dz``: ``Xᵀ @ dz``.
        Empty where there is no derivative, or its rule is one that cannot be read.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.reading.names import names
    >>> z = mg.Tensor(0.25, requires_grad=True)
    >>> a = mg.sigmoid(z)
    >>> local_formula(a.node, 0, names([a.node]))
    'a·(1 - a)'
    """
    found = local_expression(node, argnum, names)
    return "" if found is None else str(found.text)


def local_expression(node: AnyNode, argnum: int, names: Names) -> Formula | None:
    """What `local_formula` writes, to be written in any style; None where there is none."""
    op: Any = node.op
    if op is None or node.parents[argnum] is None or op.rule(argnum) is None:
        return None
    several = type(node.ans) is tuple
    entrywise = not several and (op.elementwise or np.ndim(node.ans) == 0)
    sheet = Sheet(names, lambda n: True, names.of)
    with readable(sheet.tracer):
        sheet.stand_in_arguments(node)
        same = sheet.replay(node) if entrywise else None
        name, one = names.of(node), np.ones_like
        if several:
            outputs = [(y, f"{name}[{i}]") for i, y in enumerate(node.ans)]
            sheet.stand_ins[node] = tuple(sheet.symbol(y, Symbol(word)) for y, word in outputs)
            g: Array = tuple(sheet.symbol(one(y), Symbol(f"d{word}")) for y, word in outputs)
        else:
            sheet.named(node, node.ans)
            seed = one(node.ans)[()]
            g = sheet.seed(seed) if entrywise else sheet.symbol(seed, Symbol(f"d{name}"))
        c = sheet.rule(node, argnum, g, fitted=not entrywise)
        known = [(same, node)] if entrywise else []
        return sheet.formula(c, *known, entrywise=entrywise)
    return None
