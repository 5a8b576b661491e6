"""What an operator is to the loader."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from minigrad.typing import Array, Function, Keywords

Ints = Sequence[int] | None
"""An attribute that is a list of whole numbers; None where it was left out."""


@dataclass(frozen=True)
class Operator:
    """A function ``call(*inputs, **attributes)``.

    Attributes
    ----------
    versioned : bool
        Whether it is told the version of the operators, as ``opset``.
    many : bool
        Whether it is told the number of outputs, as ``outputs``.
    known : frozenset of str or None
        The attributes that it takes; None for any.
    """

    call: Function
    versioned: bool
    many: bool
    known: frozenset[str] | None

    def wrong(self, given: Keywords) -> str:
        """What of the attributes it cannot do; empty if nothing."""
        if self.known is None:
            return ""
        return ", ".join(f"the attribute {name}" for name in given if name not in self.known)


def operator(call: Function) -> Operator:
    """A row of the table, read off the signature: attributes are keywords."""
    parameters = inspect.signature(call).parameters
    keywords = {n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    return Operator(call, "opset" in keywords, "outputs" in keywords, frozenset(keywords))


def table(**calls: Function) -> dict[str, Operator]:
    """Rows by the names of the operators."""
    return {name: operator(call) for name, call in calls.items()}


def whole(x: Array) -> list[int]:
    """An input of whole numbers, such as axes, as a list.

    Raises
    ------
    TypeError
        Where it depends on an argument that is being differentiated or traced.
    """
    import numpy as np

    return [int(i) for i in np.asarray(getattr(x, "data", x)).reshape(-1)]
