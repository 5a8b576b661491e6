"""gradients of recorded Tensors, and ops from outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.errors import label
from minigrad.graph import backward_pass, modes, tracing
from minigrad.ops.record import Op, registry
from minigrad.tensor import Tensor, handed_out, wrap
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Tree


def gradients(
    outputs: Array, inputs: Array, gradients: Array = None, create_graph: bool = False
) -> Tree:
    """Gradients of recorded ``outputs`` with respect to ``inputs``; no ``.grad`` changes.

    Parameters
    ----------
    outputs : Tensor or list of Tensors
        Several outputs are summed.
    inputs : Tensor, or nested lists, tuples and dicts of them
        Leaves or intermediate results.
    gradients : array_like, or one per output, optional
        Gradients of the outputs; 1 by default, for outputs of a single number.
    create_graph : bool
        Return Tensors that can be differentiated further.

    Returns
    -------
    In the structure of ``inputs``; zeros where the outputs do not depend on one.

    Raises
    ------
    RuntimeError, ValueError
        When an output was not recorded, or is not a single number.
    TypeError
        For outputs that are no Tensors, and several without a list of gradients.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.Tensor(3.0, requires_grad=True)
    >>> dy = mg.gradients(x**3, x, create_graph=True)
    >>> mg.gradients(dy, x)
    np.float64(18.0)
    """
    traced = bool(modes.special and tracing.get() is not None)
    final = traced and not create_graph  # part of the program, and no gradient flows through
    create_graph = create_graph or traced
    roots = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    weights = gradients if isinstance(outputs, list | tuple) else [gradients]
    if weights is None:
        weights = [None] * len(roots)
    if not isinstance(weights, list | tuple):
        raise TypeError("several outputs need a list of gradients, one for each")
    for y in roots:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"the output {label(y)} is not a Tensor: outputs are a recorded Tensor "
                "or a list of them"
            )
    if len(weights) != len(roots):
        raise ValueError(f"{len(roots)} outputs, but {len(weights)} gradients of outputs")
    wanted, rebuild = flatten(inputs)
    for x in wanted:
        if not isinstance(x, Tensor) or x.node is None:
            raise ValueError(
                f"{label(x)} does not require a gradient: make it with "
                "mg.Tensor(..., requires_grad=True) before computing with it"
            )
    seeds = [(y.node, y.seed(u)) for y, u in zip(roots, weights, strict=True)]
    found = backward_pass(
        seeds,
        {x.node for x in wanted},
        wrap if create_graph else None,
        limits="traced" if traced and not final else True,
    )
    if not create_graph:
        handed_out(found)
    answers = []
    given = set()
    for x in wanted:
        g = found[x.node] if x.node in found else np.zeros_like(x._value)[()]
        if create_graph:
            g = g if isinstance(g, Tensor) else wrap(g, None)
            g = g.detach() if final else g
        elif isinstance(g, np.ndarray) and x.node in given:
            g = g.copy()
        given.add(x.node)
        answers.append(g)
    return rebuild(answers)


def defop(
    name: str,
    forward: Function,
    vjps: Sequence[Function | None] | Function,
    *,
    complex: bool = False,
    replace: bool = False,
) -> Function:
    """Add an op from outside: the same record that every op of the library is.

    Parameters
    ----------
    name : str
        What errors, formulas and pictures call it.
    forward : callable
        ``forward(*arrays, **metadata)`` in NumPy; metadata are keyword parameters.
    vjps : sequence
        One rule per positional argument, ``rule(g, ans, *arrays, **metadata)``, or None
        where there is no derivative.  Rules of NumPy functions that minigrad covers can
        be differentiated again.
    complex : bool
        Whether forward and rules are right for complex numbers as well, which are refused
        otherwise.
    replace : bool
        Let it have a name that the library has, which is refused otherwise.  It is an op of
        its own all the same: ``np.exp(t)``, say, remains the library's.

    Returns
    -------
    callable
        The op, for arrays and Tensors.

    Raises
    ------
    TypeError, ValueError
        When a rule is missing, is not callable, or their number is not that of the
        positional arguments; and when the name is one of the library's.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> cube = mg.defop("cube", lambda x: x**3, [lambda g, ans, x: g * 3 * x**2])
    >>> mg.grad(cube)(2.0)
    np.float64(12.0)
    """
    op = Op.checked(name, forward, vjps)
    op.complex = complex
    if name in registry and not replace:
        raise ValueError(
            f"defop {name!r}: the library has an op of that name, and formulas would not "
            "tell them apart; choose another, or write replace=True"
        )
    return op
