"""``mg.cmp``: the helper that everybody pastes beside a hand gradient, and the cause below it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.autodiff import gradients
from minigrad.derivation.grading import check_derivation
from minigrad.derivation.values import read
from minigrad.errors import label
from minigrad.graph import ancestors
from minigrad.reading.names import callers, named_values
from minigrad.tensor import Tensor


def cmp(name: str, value: Any, tensor: Any, *, output: Any = None) -> None:
    """Print how a hand gradient compares with autodiff, and the cause where it does not.

    Parameters
    ----------
    name : str
        What to call it.
    value : array or number
        The gradient by hand.
    tensor : Tensor
        Whose gradient it is: a leaf or an intermediate result.
    output : Tensor, optional
        Of what it is the gradient; by default the newest scalar among the caller's variables
        that depends on ``tensor``.

    Raises
    ------
    TypeError, ValueError
        For what is no recorded Tensor, and where no output is found.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> w = mg.Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> loss = (w**2).sum()
    >>> mg.cmp("w", 2 * w.data, w)
    w               | exact: True  | approximate: True  | maxdiff: 0.0
    >>> mg.cmp("w", w.data, w)
    w               | exact: False | approximate: False | maxdiff: 4.0
        it is ½ times the truth
    """
    if not isinstance(tensor, Tensor) or tensor.node is None:
        raise TypeError(f"cmp: {label(tensor)} is not a Tensor that was recorded")
    output = newest(tensor) if output is None else output
    truth = np.asarray(gradients(output, tensor))
    try:
        mine = read(value).array
    except ValueError:  # the report says why
        mine = np.empty((0,) * (truth.ndim + 1))
    same = mine.shape == truth.shape
    exact = same and bool(np.all(mine == truth))
    peak = min(1.0, float(np.max(np.abs(truth), initial=0.0)))
    near = same and bool(np.allclose(mine, truth, atol=1e-8 * peak))
    gap = float(np.max(np.abs(mine - truth), initial=0.0)) if same else float("nan")
    print(f"{name!s:15s} | exact: {exact!s:5s} | approximate: {near!s:5s} | maxdiff: {gap}")
    if not near:
        first = check_derivation(output, {tensor: value}).first_error
        if first is not None:
            print(f"    {first.remark}")


def newest(tensor: Tensor) -> Tensor:
    """The newest scalar among the caller's variables that depends on ``tensor``."""
    for scope in callers():
        found = [t for _, t in named_values(scope.variables, True) if isinstance(t, Tensor)]
        scalars = [t for t in found if t.node is not None and t.size == 1 and t is not tensor]
        for t in sorted(scalars, key=lambda t: -t.node.seq):
            if tensor.node in ancestors(t.node):
                return t
    raise ValueError(
        f"cmp: no variable holds a scalar that depends on {label(tensor)}: say output=loss"
    )
