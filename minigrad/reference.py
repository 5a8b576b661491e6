"""What ``help`` says of an op: its docstring is written from its record when it is asked for.

The derivatives are those that its rules give, in general position: of a rule that guards
against a special point, the other branch is printed.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minigrad.autodiff import grad
from minigrad.explain.links import local_formula
from minigrad.explain.paper import Paper
from minigrad.ops.elementwise import branch
from minigrad.ops.glossary import section
from minigrad.ops.record import Op, registry
from minigrad.reading.names import Scope, names
from minigrad.tensor import Tensor

POINTS = ((0.7, 1.9, 0.4), (1.7, 2.9, 0.4), (0.7, 2, 0.4), (2.5, 0.6, 0.3))
"""Arguments to be tried, until value and derivatives are finite."""


class General(Paper):
    """Rules run where nothing is special: of guarded expressions the branch that is taken."""

    def apply(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.ruling and op is branch:
            condition = args[0]._value if isinstance(args[0], Tensor) else args[0]
            if np.ndim(condition) == 0:
                return args[1] if condition else args[2]
        return super().apply(op, args, kwargs)


def described(op: Op) -> str:
    """The docstring of ``op``: what it computes, its derivatives, parameters, an example.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(described(mg.tanh).splitlines()[4])
        ∂/∂x tanh(x) = 1 - tanh(x)²
    """
    lines = [summary(op)]
    found = derivatives(op)
    if found:
        lines += ["", "Derivatives, from its rules::", ""]
        lines += [f"    ∂/∂{x} {written(op)} = {formula}" for x, formula in found]
    lines += ["", *kinks(op), *section(op.__signature__), "", *answers(op)]
    lines += ["", *example(op)]
    while not lines[-1]:
        lines.pop()
    return "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1])


def summary(op: Op) -> str:
    """The first line."""
    home = "scipy.special" if op.name.startswith("special.") else "numpy"
    name = op.name.removeprefix("special.")
    known = op.ufunc is not None or hasattr(np, name) or home != "numpy"
    which = f", as `{home}.{name}`" if known else ""
    each = " of every element" if op.elementwise else ""
    return f"``{written(op)}``{each}{which}."


def written(op: Op) -> str:
    """The call, or the operands with the symbol between them."""
    if op.symbol and op.arity == 2:
        return f"{op.parameters[0]} {op.symbol} {op.parameters[1]}"
    return f"{op.name.rpartition('.')[2]}({', '.join(op.parameters)})"


def recorded(op: Op) -> tuple[Any, list[Any]]:
    """A result of ``op`` at a point where it is finite, or None, and the arguments.

    Those without a derivative are numbers: SciPy wants many of them whole.
    """
    for point in POINTS:
        given = [
            Tensor(v, requires_grad=True) if op.rule(i) is not None else float(math.ceil(v))
            for i, v in enumerate(map(float, point[: op.arity]))
        ]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ans = op(*given)
        except (TypeError, ValueError):  # whole numbers only
            continue
        if isinstance(ans, Tensor) and ans.node is not None and np.isfinite(ans.item()):
            return ans, given
    return None, []


def derivatives(op: Op) -> list[tuple[str, str]]:
    """Parameter -> the derivative by it, for ops that work element by element."""
    if not op.elementwise or op.vjps is None or op.arity < 1:
        return []
    ans, given = recorded(op)
    if not given:
        return []
    called = names([ans.node], scopes=[Scope(dict(zip(op.parameters, given, strict=False)))])
    called.node[ans.node] = written(op)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = [
            (op.parameters[i], local_formula(ans.node, i, called, paper=General))
            for i in range(op.arity)
            if op.rule(i) is not None
        ]
    return [(x, formula) for x, formula in every if formula]


def kinks(op: Op) -> list[str]:
    """What the derivative is where it jumps."""
    if op.kink is None or op.arity not in (1, 2):
        return []
    point = (0.0,) if op.arity == 1 else (1.0, 1.0)
    if op.metadata or not np.all(op.kink.at(*point)):
        return []
    where = f"{op.parameters[0]} = " + ("0" if op.arity == 1 else op.parameters[1])
    slope = float(grad(op)(*point))
    return [f"At the kink, {where}, the derivative is {slope:g} by convention.", ""]


def answers(op: Op) -> list[str]:
    """The sections Returns and Raises."""
    if op.vjps is None:
        return ["Returns", "-------", "array, number or bool", "    No gradient flows through."]
    lines = [
        "Returns", "-------", "Tensor or array",
        "    A Tensor if an argument is one; of NumPy's shape and dtype.",
    ]  # fmt: skip
    if not op.complex:
        lines += ["", "Raises", "------", "TypeError", "    For complex numbers."]
    return lines


def example(op: Op) -> list[str]:
    """A gradient as it is computed now."""
    if op.vjps is None or op.name not in registry or "." in op.name:
        return []
    point = [x.item() for x in recorded(op)[1]] if op.elementwise else []
    if not point:
        return []
    at = ", ".join(map(str, point))
    value = float(grad(op)(*point))
    return [
        "Examples", "--------",
        ">>> import minigrad as mg", f">>> print(f\"{{mg.grad(mg.{op.name})({at}):.6g}}\")",
        f"{value:.6g}",
    ]  # fmt: skip
