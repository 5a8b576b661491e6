"""The rows of a ledger: one step between two named quantities, and what is shown for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from minigrad import ops
from minigrad.errors import Site
from minigrad.graph import AnyNode
from minigrad.typing import Array, Shape
from minigrad.writing.formulas import Formula

if TYPE_CHECKING:
    from minigrad.explain.ledger import Chart

LONGEST = 40
"""A step of more operations than these is not written out."""


@dataclass(eq=False)
class Row:
    """One step: a link of the chain, or what one quantity passes on to another.

    Attributes
    ----------
    chart : Chart
    top, bottom : node
        The derivative is that of ``top`` by ``bottom``.
    value : array or number
        What the step is worth: the derivative, or the contribution to the gradient.
    total : bool
        Whether it adds up the contributions before it.
    """

    chart: Chart
    top: AnyNode
    bottom: AnyNode
    value: Array
    total: bool = False

    @property
    def quantity(self) -> str:
        """``da/dz``; in a ledger ``dW``, or ``dh via z`` where there are several."""
        chart = self.chart
        if chart.chained:
            return chart.ratio(self.top, self.bottom)
        own = f"{chart.prefix}{chart.called(self.bottom)}"
        alone = self.total or len(chart.users[self.bottom]) == 1
        return own if alone else f"{own} via {chart.called(self.top)}"

    @cached_property
    def expression(self) -> Formula | None:
        """What is written for it; None where that would be too long, or cannot be read."""
        if self.total:
            return self.chart.sum_of(self.bottom)
        return self.chart.expressions(self.top).get(self.bottom)

    @property
    def formula(self) -> str:
        """The formula as text; what adds to entries of an array, as NumPy writes that."""
        if self.expression is None:
            return self.abridged
        own = f"{self.chart.prefix}{self.chart.called(self.bottom)}"
        if self.total:
            users = self.chart.users[self.bottom]
            return " + ".join(middle([f"{own} via {self.chart.called(u)}" for u in users]))
        return self.expression.accumulated(own) or self.expression.text

    @property
    def abridged(self) -> str:
        """What stands in the place of a formula that is not written."""
        if self.too_long:
            return f"⋯ ({self.chart.pieces[self.top].size:,} unnamed operations)"
        inside = [n.op.name for n in self.chart.pieces[self.top].inside if n.op is not None]
        return f"⋯ (the rule{'s' * (len(inside) > 1)} of {', '.join(middle(inside, 4))})"

    @property
    def too_long(self) -> bool:
        """Whether the step has more operations than are written out."""
        return not self.total and self.chart.pieces[self.top].size > LONGEST

    @property
    def number(self) -> str:
        """The value in a few digits; of a large array, its ends."""
        return short(self.value)

    @property
    def site(self) -> Site | None:
        """The line of the user's code that made ``top``, if its source can be read."""
        return None if self.total else self.chart.names.site(self.top)

    @property
    def shape(self) -> Shape:
        return tuple(np.shape(self.value))

    @property
    def shapes(self) -> str:
        """Shapes of what the last operation combines, and of what comes out."""
        e = self.expression.last if self.expression is not None else None
        if e is None:
            return str(self.shape)
        sign = {ops.matmul: " @ ", ops.multiply: " ⊙ ", ops.add: " + ", ops.subtract: " - "}
        sizes = [str(x.shape) for x in e.args if len(getattr(x, "shape", ()))]
        if len(sizes) > 1 and e.op in sign:
            return f"{sign[e.op].join(sizes)} → {self.shape}"
        if len(sizes) == 1 and sizes[0] != str(self.shape):
            return f"{sizes[0]} → {self.shape}"
        return str(self.shape)

    def __repr__(self) -> str:
        return f"<{self.quantity} = {self.formula} = {self.number}>"


def short(x: Array) -> str:
    """A number or an array in a few characters.

    Examples
    --------
    >>> short(0.2461340827), short(np.arange(3.0)), short(np.full((1, 2), 0.2461340827))
    ('0.246134', '[0, 1, 2]', '[[0.246134, 0.246134]]')
    """
    if np.ndim(x) == 0:
        return f"{float(x):.6g}"
    if np.size(x) > 6:
        flat = np.ravel(x)
        ends = ", ".join(f"{float(v):.4g}" for v in flat[:2])
        return f"[{ends}, …, {float(flat[-1]):.4g}]"
    if np.ndim(x) == 1:
        return f"[{', '.join(short(v) for v in x)}]"
    return " ".join(np.array2string(np.asarray(x), precision=6, separator=", ").split())


def middle(words: list[str], most: int = 12) -> list[str]:
    """A long list without its middle."""
    if len(words) <= most:
        return words
    half = most // 2
    return [*words[:half], f"⋯ ({len(words) - 2 * half:,} more) ⋯", *words[-half:]]


def name_in_ratio(name: str) -> str:
    return name if re.fullmatch(r"[\w\u0300-\u036f.\[\]'\"]+", name) else f"({name})"
