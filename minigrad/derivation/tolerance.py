"""When a hand value is the same as another: to its digits, its type, and what rounding moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minigrad.derivation.judges import (
    evaluate,
)
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import Graph
from minigrad.tensor import Tensor
from minigrad.typing import Array

CHECK = "check_derivation"
LAYOUTS = (None, "numerator", "denominator")
FLOOR = 1e-6
"""Times the absolute tolerance: what rounding may leave of zero, where terms cancel."""
EXACT = 2.2e-16
"""Relative spacing of float64."""
TRIED = 1e-9
"""Finer types are judged by this one: what it moves is well above the noise of float64."""
ALL = 17
"""No float64 has more significant digits."""
BRIEF = 3
"""A truth of so many digits is written down in full."""
COARSE = [(1e-4, 1e-5), (2e-2, 5e-3), (5e-2, 2e-2)]
"""Tolerances for types of spacing below 1e-6, 2e-3, and above: of an entry, of the largest."""


@dataclass
class Options:
    """How a derivation is to be graded; see `check_derivation`."""

    upstream: object = None
    required: Iterable[object] | None = None
    layout: str | None = None
    per_example: bool | None = None
    rtol: float = 1e-6
    atol: float = 1e-9
    digits: int | None = None

    def __post_init__(self) -> None:
        if self.digits is not None and (not isinstance(self.digits, int) or self.digits < 1):
            raise ValueError(f"{CHECK}: digits must be a whole number above 0, not {self.digits!r}")
        if self.layout not in LAYOUTS:
            raise ValueError(
                f"{CHECK}: layout is 'numerator', 'denominator' or None, not {self.layout!r}"
            )
        if self.digits is not None:
            self.digits = min(self.digits, ALL)
        for name in ("rtol", "atol"):
            given = getattr(self, name)
            if not isinstance(given, int | float | np.number) or not given >= 0:
                raise ValueError(f"{CHECK}: {name} must be a number not below 0, not {given!r}")
        if isinstance(self.required, str | Tensor):
            self.required = [self.required]
        if self.required is not None and not isinstance(self.required, Iterable):
            raise TypeError(f"{CHECK}: required is a list of keys, not {self.required!r}")


class Tolerance:
    """What counts as equal."""

    options: Options
    graph: Graph
    spacing: float
    """Relative spacing of the coarsest type in the graph."""

    def truth(self, q: Quantity) -> Array:
        """The derivative by autodiff; a single number may stand for equal entries."""
        plain = q.layout == "gradient" and q.kind == "derivative"
        exact = self.graph.gradients(q.u).get(q.v) if plain else None
        exact = None if exact is None else np.asarray(exact, float)
        if exact is not None and q.index is not None:
            exact = exact[q.index]
        exact = evaluate(q) if exact is None else np.asarray(exact, float)
        uniform = exact.size > 1 and np.all(exact == exact.flat[0])
        if q.hand.shape == () and exact.shape != () and uniform:
            q.hand = np.full(exact.shape, q.hand[()])
            q.unit = np.full(exact.shape, np.max(q.unit))
            q.implied = np.full(exact.shape, np.max(q.implied))
        return exact

    def near(self, q: Quantity, truth: Array) -> bool:
        return self.close(q.rounded_off, truth)

    def close(self, q: Quantity, value: Array, blur: Array = 0.0) -> bool:
        """Whether the hand value is ``value``, to the digits that it has."""
        hand = q.hand
        if hand.shape != value.shape:
            return False
        gap = np.abs(hand - value)
        peak = float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
        rtol, spacing = self.options.rtol, max(self.spacing, q.spacing)
        slack = self.options.atol * min(1.0, peak)
        if spacing:
            entry, largest = COARSE[(spacing > 1e-6) + (spacing > 2e-3)]
            rtol, slack = max(rtol, entry), slack + largest * peak
        slack = slack + rtol * np.abs(value) + q.unit * (0.5 + 1e-9) + blur
        alike = np.equal(hand, value) | (np.isnan(hand) & np.isnan(value))
        if not np.all(alike | np.isfinite(value)):
            return False  # nothing is near infinity
        if np.all(alike | (gap <= slack)):
            return True
        floor = FLOOR * self.options.atol
        if not np.all(alike | (gap <= slack + floor)):
            return False
        return peak == 0 or bool(np.all(alike | (gap <= slack + min(floor, self.noise(q, EXACT)))))

    def noise(self, q: Quantity, spacing: float) -> float:
        """What rounding may have left where terms cancel that are computed in such a type."""
        tried = max(spacing, TRIED)
        if q.layout == "gradient" and q.kind == "derivative" and q.index is None:
            exact, rounded = self.graph.gradients(q.u), self.graph.rounded(q.u, tried)
            gap = rounded.get(q.v, 0.0) - exact.get(q.v, 0.0)
        else:
            gap = evaluate(q, self.graph.coarsely(q.part.inside, tried)) - evaluate(q)
        return 30 * float(np.max(np.abs(gap), initial=0.0)) * spacing / tried

    def exactly(self, q: Quantity, value: Array) -> bool:
        if self.close(q.changed(unit=np.zeros(q.hand.shape)), value):
            return True
        spacing = max(self.spacing, q.spacing)
        if not spacing or q.kind == "value" or value.shape != q.hand.shape:
            return False
        return bool(np.all(np.abs(q.hand - value) <= self.noise(q, spacing)))

    def printed(self, q: Quantity, exact: Array) -> Array:
        """The unit of ``q``, floats of few digits taken for printed figures.

        Where the truth has few digits itself nobody would have rounded it, and where an
        update moves by less than the unit, nothing is said about the step.
        """
        if exact.shape != q.hand.shape or np.any(q.unit):
            return q.unit
        if all(len(f"{abs(x):.9g}".replace(".", "").strip("0")) <= BRIEF for x in exact.flat):
            return q.unit
        return q.rounded_off.unit
