"""Values of the forward pass: graded, and handed on to what was computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.factors import is_simple, ratio_of
from minigrad.derivation.intake import Intake
from minigrad.derivation.judges import (
    Base,
)
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.report import Row, as_number, worst
from minigrad.derivation.values import significant
from minigrad.derivation.walk import NOTHING
from minigrad.graph import AnyNode
from minigrad.typing import Array

WRONG = ("wrong", "carried")


@dataclass
class Judged:
    """A verdict on its way into the report."""

    verdict: str
    diagnosis: Diagnosis | None = None
    note: str = ""
    exact: bool = False


class Forward(Intake):
    """The values among the entries."""

    off: list[Quantity]
    """What was not simply right."""
    misread: dict[AnyNode, Array]
    """Values of the forward pass with an input that the student took for another."""
    verdicts: dict[int, str]

    def forward_values(self, but: Quantity | None = None) -> dict[AnyNode, Array]:
        """The forward pass with the student's own values, where they differ."""
        own = {
            q.v: q.hand[()]
            for q in self.values
            if q in self.off and q is not but and q.index is None
        }
        return self.graph.replay({**self.misread, **own}) if own or self.misread else {}

    def value_row(self, q: Quantity) -> Row:
        exact = np.asarray(self.graph.values[q.v], float)
        exact = exact if q.index is None else np.asarray(exact[q.index])
        if q.hand.shape != exact.shape:
            self.verdicts[id(q)] = "wrong"
            return misshapen(q, exact)
        used = [p for p in self.values if p in self.off]
        own = self.forward_values(q)
        options = []
        if q.v in own:
            mine = np.asarray(own[q.v], float)
            options.append(Base(NOTHING, used, mine if q.index is None else mine[q.index]))
        right = self.exactly(q, exact)
        q.unit = q.unit if right else self.printed(q, exact)
        judged = Judged("correct", exact=True) if right else self.judge(q, exact, options)
        if judged is None:
            values = [*(b.value for b in options), exact]
            judged = Judged("wrong", self.value_slip(q, values))
        self.remember(q, judged)
        return Row(
            q.text, as_number(q.hand), as_number(exact), None, worst(q.hand, exact),
            judged.verdict, judged.diagnosis, "; ".join(t for t in (q.note, judged.note) if t),
        )  # fmt: skip

    def value_slip(self, q: Quantity, values: list[Array]) -> Diagnosis:
        """Why a value of the forward pass is wrong."""
        for value in values:
            if self.close(q, -value):
                return Diagnosis("sign", -1.0, "its sign is flipped", ("sign",))
        factor = ratio_of(q.hand, values[-1])
        for node, name in self.names.node.items():
            value = self.graph.values.get(node)
            other = node is not q.v and value is not None
            if other and self.close(q, np.asarray(value, float)):
                words = f"it is the value of {name}"
                return Diagnosis("wrong_node", factor, words, ("wrong_node",))
        for words, moved in self.misreadings(q):
            if self.close(q, np.asarray(moved[q.v], float)):
                self.misread = moved
                return Diagnosis("wrong_node", factor, words, ("wrong_node",))
        r = ratio_of(q.hand, values[0])
        if r is not None and is_simple(r):
            return Diagnosis("factor", r, f"it is {r:g} times the value", ("factor",))
        k = worst(q.hand, values[0]).index
        words = (
            f"no known slip explains it: yours {q.hand[k]:.6g}, where {values[0][k]:.6g} belongs"
        )
        return Diagnosis("other", r, words, ("other",))

    def misreadings(self, q: Quantity) -> Iterator[tuple[str, dict[AnyNode, Array]]]:
        """The forward pass with one number replaced by another that the caller has a name for."""
        named: dict[float, str] = {}
        for scope in self.names.scopes[:2]:
            for name, x in scope.variables.items():
                if isinstance(x, float) and not name.startswith("_"):
                    named.setdefault(x, name)
        for node in q.graph.nodes if len(self.graph.nodes) <= 60 else []:
            for j, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                mine = self.names.constant(node, j) if parent is None else None
                if mine is None or not isinstance(arg, float):
                    continue
                for x, name in named.items():
                    if x != arg and node.op is not None:
                        args = [x if k == j else a for k, a in enumerate(node.args)]
                        moved = self.graph.replay({node: node.op.forward(*args, **node.kwargs)})
                        if q.v in moved:
                            yield f"{name} = {x:g} stands where {mine} = {arg:g} belongs", moved

    def judge(self, q: Quantity, exact: Array, options: Iterable[Base]) -> Judged | None:
        """A verdict on what is not exact, other than ``wrong``, where there is one."""
        if np.any(q.unit) and self.close(q, exact):
            return self.rounded(q, exact)
        seen = []
        for base in options:
            seen.append(base.value)
            if self.close(q, base.value, base.blur):
                state = {self.verdicts[id(p)] for p in base.used}
                if state & {"wrong", "carried"}:
                    guilty = [p.text for p in base.used if self.verdicts[id(p)] in WRONG]
                    return Judged("carried", None, f"right, given your {' and '.join(guilty)}")
                if "rounded" in state or np.any(q.unit):
                    return self.rounded(q, exact)
                return Judged("correct")
        for value in [exact, *seen]:
            # The last digit of three or more, cut off or rounded twice on the way.
            long = np.any(q.unit) and np.all(np.abs(q.hand) >= 99.5 * q.unit)
            if not long or value.shape != q.hand.shape:
                continue
            gap, announced = np.abs(q.hand - value), not np.any(q.implied)
            cut_off = np.abs(q.hand) <= np.abs(value)
            if np.all((gap <= q.unit) & (announced | cut_off | (gap <= q.unit / 2))):
                return self.rounded(q, exact)
        return None

    def rounded(self, q: Quantity, exact: Array) -> Judged:
        error = worst(q.hand, exact)
        words = f"rounding moved it by {error.absolute:.2g}"
        if np.isfinite(error.relative):
            words += f" ({100 * error.relative:.2g} %)"
        if significant(q.hand, q.unit) == 1:
            words += "; one digit proves little"
        factor = ratio_of(q.hand, exact) if q.hand.size == 1 else None
        return Judged("rounded", Diagnosis("rounding", factor, words, ("rounding",)))

    def remember(self, q: Quantity, judged: Judged) -> None:
        """Remember what later quantities may build on."""
        self.verdicts[id(q)] = judged.verdict
        if not judged.exact:
            self.off.append(q)


def misshapen(q: Quantity, exact: Array) -> Row:
    """The row of a value whose shape does not fit."""
    words = f"shape {q.hand.shape}, where {exact.shape} belongs"
    return Row(
        q.text, as_number(q.hand), as_number(exact), None, worst(q.hand, exact), "wrong",
        Diagnosis("shape", None, words, ("shape",)),
    )  # fmt: skip
