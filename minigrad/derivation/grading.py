"""A hand derivation, graded: which steps are right, which is the first wrong one, and why.

The walk goes from the output to the inputs.  Each quantity is held against the truth,
and where it differs against what it would be given the student's own earlier values; so
one slip is one finding, and what follows from it is carried, not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from minigrad.derivation.diagnosis import Diagnosis, diagnose, ratio_of
from minigrad.derivation.factors import is_simple
from minigrad.derivation.hypotheses import Search
from minigrad.derivation.judges import (
    Base,
    Numeric,
    bases,
    conventions,
    disagree,
    evaluate,
    numeric,
    together,
)
from minigrad.derivation.quantities import Keys, Quantity
from minigrad.derivation.report import Report, Row, plain, worst
from minigrad.derivation.walk import NOTHING, Graph
from minigrad.errors import label
from minigrad.graph import AnyNode
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor

CHECK = "check_derivation"
FLOOR = 1e-6
"""Below it, a largest entry is likely to be what rounding left of zero."""
WRONG = ("wrong", "carried")
LIKELY = 2
"""Causes are looked for from so many ways to have used earlier values, besides the truth."""


def check_derivation(
    output: Any,
    hand: Mapping[Any, Any],
    rtol: float = 1e-6,
    atol: float = 1e-9,
    digits: int | None = None,
) -> Report:
    """Grade a derivation made by hand: name the first wrong step, and why it is wrong.

    Parameters
    ----------
    output : Tensor
        The recorded end of the computation, a loss for instance.
    hand : dict
        Quantities and their values.  A key is a Tensor (the derivative of ``output`` with
        respect to it), a pair ``(u, v)`` (the total derivative of ``u`` with respect to
        ``v``, over all paths), or a string in the caller's variable names:
        ``"dL/da"`` or ``"∂L/∂a"``, ``"z"`` (the value of ``z`` in the forward pass), and
        ``"w - 0.1*dL/dw"`` (the value of ``w`` after that update).  A value is a number,
        an array, a Tensor, nested lists, or strings such as ``"-0.118"``, which are judged
        to the digits that they have.  It has the shape of ``v`` for a scalar ``u`` and for
        elementwise links (the diagonal), and ``u.shape + v.shape`` otherwise.
    rtol, atol : float
        What counts as equal; ``atol`` is relative to the largest entry where that is below 1.
    digits : int, optional
        All values are judged to so many significant digits.

    Returns
    -------
    Report
        Truthy when all is right; prints as a table.

    Raises
    ------
    TypeError, ValueError
        For an output or a key that was not recorded, unknown names, a derivative that is
        zero because there is no path, values that are no numbers, and shapes that neither
        fit nor are explained by a missing sum or a transpose.

    Examples
    --------
    >>> import minigrad as mg
    >>> x, y = 0.5, 1.5
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> b = mg.Tensor(0.1, requires_grad=True)
    >>> z = w * x + b
    >>> a = mg.sigmoid(z)
    >>> L = 0.5 * (y - a) ** 2
    >>> hand = {"dL/da": -(y - a), "da/dz": z * (1 - z), "dz/dw": x}
    >>> report = mg.check_derivation(L, hand)
    >>> report.ok, report.first_error.quantity, report.first_error.diagnosis.kind
    (False, 'da/dz', 'wrong_node')
    >>> print(report.first_error.diagnosis)
    it equals σ'(z) evaluated at z where a = σ(z) belongs: write a * (1 - a)
    """
    return Grading(output, hand, rtol, atol, digits).report()


def assert_derivation(
    output: Any,
    hand: Mapping[Any, Any],
    rtol: float = 1e-6,
    atol: float = 1e-9,
    digits: int | None = None,
) -> None:
    """Raise AssertionError with the report unless a derivation is right; see check_derivation.

    Raises
    ------
    AssertionError
        With the graded derivation as its message.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.Tensor(3.0, requires_grad=True)
    >>> mg.assert_derivation(x**2, {x: 6.0})
    """
    report = Grading(output, hand, rtol, atol, digits).report()
    if not report.ok:
        raise AssertionError(f"the derivation is wrong: {report}")


@dataclass
class Judged:
    """A verdict on its way into the report."""

    verdict: str
    diagnosis: Diagnosis | None = None
    note: str = ""
    exact: bool = False


class Grading:
    """One derivation being graded."""

    def __init__(
        self, output: Any, hand: Mapping[Any, Any], rtol: float, atol: float, digits: int | None
    ) -> None:
        self.output, self.hand = output, hand
        self.rtol, self.atol, self.digits = rtol, atol, digits
        if not isinstance(self.output, Tensor):
            raise TypeError(f"{CHECK}: the output {label(self.output)} is not a Tensor")
        if self.output.node is None:
            raise ValueError(
                f"{CHECK}: the output {label(self.output)} was not recorded: make the parameters "
                "with mg.Tensor(..., requires_grad=True) before computing with them"
            )
        if not isinstance(self.hand, Mapping):
            raise TypeError(
                f"{CHECK}: hand is a dict of quantities and values such as "
                f'{{"dL/da": 0.5}}, not {type(self.hand).__name__}'
            )
        if self.digits is not None and (not isinstance(self.digits, int) or self.digits < 1):
            raise ValueError(f"{CHECK}: digits must be a whole number above 0, not {self.digits!r}")
        keys = [k for key in self.hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.names: Names = names([self.output.node, *(t.node for t in tensors)])
        reader = Keys(self.output, self.names, CHECK)
        quantities = [reader.read(key, value, self.digits) for key, value in self.hand.items()]
        ends = {n for q in quantities for n in (q.u, q.v)}
        self.graph = Graph(
            [self.output.node, *ends], {t.node: t._value for t in [self.output, *tensors]}
        )
        self.graph.marked = ends
        if not ends <= self.names.nodes:
            reader.names = self.names = names([self.output.node, *ends], self.names.scopes)
        for q in quantities:
            q.place(self.graph)
            if not q.part.connected and np.any(q.hand):
                u, v = reader.called(q.u), reader.called(q.v)
                raise ValueError(
                    f"{CHECK}: {q.text}: {u} does not depend on {v}: this derivative is zero"
                )
        values = [q for q in quantities if q.kind == "value"]
        self.values = sorted(values, key=lambda q: q.v.seq)
        found = [q for q in quantities if q.kind == "derivative"]
        self.derivatives = sorted(found, key=lambda q: (-self.graph.position(q.v), q.u.seq))
        self.updates = [q for q in quantities if q.kind == "update"]
        self.off: list[Quantity] = []
        self.misread: dict[AnyNode, Any] = {}
        """Values of the forward pass with an input that the student took for another."""
        self.verdicts: dict[int, str] = {}
        kinds = {getattr(v, "dtype", None) for v in self.graph.values.values()}
        self.single = any(k in (np.float32, np.float16) for k in kinds)
        if self.single:
            self.rtol = max(self.rtol, 1e-4)

    # --- the walk ------------------------------------------------------------------------

    def report(self) -> Report:
        with np.errstate(all="ignore"):
            rows = [self.value_row(q) for q in self.values]
            self.own = self.forward_values()
            self.gradients = together([q for q in self.derivatives if q.layout == "gradient"])
            rows += [self.derivative_row(q, i) for i, q in enumerate(self.derivatives)]
            rows += [self.update_row(q) for q in self.updates]
        return Report(rows)

    def close(self, q: Quantity, value: Any, blur: Any = 0.0) -> bool:
        """Whether the hand value is ``value``, to the digits that it has."""
        hand = q.hand
        if hand.shape != value.shape:
            return False
        gap = np.abs(hand - value)
        if gap.size and float(gap.max()) <= FLOOR * self.atol:
            return True
        peak = float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
        slack = self.rtol * np.abs(value) + self.atol * min(1.0, max(peak, FLOOR))
        if self.single:
            slack = slack + 1e-5 * peak
        slack = slack + q.unit * (0.5 + 1e-9) + blur
        alike = np.equal(hand, value) | (np.isnan(hand) & np.isnan(value))
        return bool(np.all(alike | (gap <= slack)))

    def exactly(self, q: Quantity, value: Any) -> bool:
        return self.close(replace_unit(q), value)

    def judge(self, q: Quantity, exact: Any, options: Iterable[Base]) -> Judged | None:
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
            if long and value.shape == q.hand.shape and np.all(np.abs(q.hand - value) <= q.unit):
                return self.rounded(q, exact)
        if not np.any(q.unit) and unannounced(q.hand, exact):
            return self.rounded(q, exact)
        return None

    def rounded(self, q: Quantity, exact: Any) -> Judged:
        error = worst(q.hand, exact)
        words = f"rounding moved it by {error.absolute:.2g}"
        if np.isfinite(error.relative):
            words += f" ({100 * error.relative:.2g} %)"
        factor = ratio_of(q.hand, exact) if q.hand.size == 1 else None
        return Judged("rounded", Diagnosis("rounding", factor, words, ("rounding",)))

    def settle(self, q: Quantity, judged: Judged) -> None:
        """Remember what later quantities may build on."""
        self.verdicts[id(q)] = judged.verdict
        if not judged.exact:
            self.off.append(q)

    # --- derivatives -----------------------------------------------------------------------

    def derivative_row(self, q: Quantity, i: int) -> Row:
        exact = self.truth(q)
        found = numeric(q, exact)
        judged = self.judge_derivative(q, exact, found, self.derivatives[:i], [])
        self.settle(q, judged)
        note, agrees = judged.note, not disagree(q, exact, found)
        if not agrees:
            text = "autodiff and finite differences disagree: is a rule on the way wrong?"
            note = f"{note}; {text}" if note else text
        return Row(
            q.text, plain(q.hand), plain(exact), plain(found.value), worst(q.hand, exact),
            judged.verdict, judged.diagnosis, note, found.direction, agrees,
        )  # fmt: skip

    def truth(self, q: Quantity) -> Any:
        """The derivative by autodiff; a single number may stand for equal entries."""
        exact = self.gradients.get((q.u, q.v)) if q.layout == "gradient" else None
        exact = evaluate(q) if exact is None else np.asarray(exact, float)
        uniform = exact.size > 1 and np.all(exact == exact.flat[0])
        if q.hand.shape == () and exact.shape != () and uniform and q.layout != "gradient":
            q.hand = np.full(exact.shape, q.hand[()])
            q.unit = np.full(exact.shape, q.unit[()])
        return exact

    def judge_derivative(
        self, q: Quantity, exact: Any, found: Numeric | None, given: list[Quantity],
        first: list[Base], update: bool = False,
    ) -> Judged:  # fmt: skip
        if self.exactly(q, exact):
            return Judged("correct", exact=True)
        off = [p for p in self.off if p.kind == "derivative"]
        wrong_values = [p for p in self.values if p in self.off] if self.own else []
        options: list[Base] = []
        judged = self.judge(
            q, exact, kept(options, first, bases(q, given, off, self.own, wrong_values))
        )
        if judged is not None:
            return judged
        if found is not None and found.direction is None and disagree(q, exact, found):
            sure = Numeric(found.value, np.where(np.isfinite(found.error), found.error, 0.0))
            if self.close(q, sure.value, 1e-6 * np.abs(sure.value) + 50 * sure.error):
                return Judged("correct", None, "finite differences agree with you")
        for base in [Base(NOTHING, [], exact), *options]:
            sides = conventions(q, base.changes) if base not in first else None
            fits = sides is not None and q.hand.shape == exact.shape
            if sides is not None and fits and self.close(q, np.clip(q.hand, *sides)):
                carried = {self.verdicts[id(p)] for p in base.used} & {*WRONG}
                note = "a convention of its own at a kink"
                return Judged("carried" if carried else "correct", None, note)
        searches = [self.search(q, b) for b in [*options[:LIKELY], Base(NOTHING, [], exact)]]
        diagnosis = diagnose(searches, plainly=update)
        if diagnosis is None:
            raise ValueError(
                f"{CHECK}: {q.text} has shape {q.hand.shape}, and {q.expected} is expected; "
                "no sum, mean or transpose explains it"
            )
        return Judged("wrong", diagnosis)

    def search(self, q: Quantity, base: Base) -> Search:
        # Without what rounding of earlier values moves: that would let much agree by accident.
        slack = q.unit / 2 + self.rtol * np.abs(q.hand)
        if q.hand.size < 4:  # short numbers were rounded, or are met by others that are short
            short = [shortness(x) for x in q.hand.ravel()]
            slack = np.maximum(slack, np.reshape(short, q.hand.shape))

        def close(value: Any) -> bool:
            return self.close(q, value)

        search = Search(q, base, self.names, close, slack)
        search.after = [p.text for p in base.used if self.verdicts[id(p)] in WRONG]
        return search

    # --- updates -----------------------------------------------------------------------------

    def update_row(self, q: Quantity) -> Row:
        """``v + rate * du/dv``: judged by the derivative that the hand value implies."""
        start = np.asarray(self.graph.values[q.v], float)
        implied = replace(
            q, kind="derivative", hand=(q.hand - start) / q.rate, unit=q.unit / abs(q.rate)
        )
        implied.place(self.graph)
        exact = evaluate(implied)
        mine = [p for p in self.derivatives if p.u is q.u and p.v is q.v and p in self.off]
        mine = [p for p in mine if p.hand.shape == exact.shape]
        first = [Base(NOTHING, [p], p.hand, p.unit / 2) for p in mine]
        judged = self.judge_derivative(implied, exact, None, self.derivatives, first, True)
        self.verdicts[id(q)] = judged.verdict
        found = numeric(implied, exact)
        value = start + q.rate * exact
        stepped = start + q.rate * found.value if found.direction is None else None
        if judged.verdict == "rounded":
            judged = self.rounded(q, value)
        elif judged.diagnosis is not None and judged.diagnosis.kinds == ("sign",):
            words = f"the step goes the wrong way: write {'-' if q.rate < 0 else '+'}"
            judged.diagnosis = replace(judged.diagnosis, detail=words)
        elif judged.diagnosis is not None and judged.diagnosis.kind == "other":
            mine = np.asarray(first[0].value if first else exact) * q.rate + start
            k = worst(q.hand, mine).index
            words = (
                f"your own numbers give {mine[k]:.6g}, and no known slip explains {q.hand[k]:.6g}"
            )
            judged.diagnosis = replace(judged.diagnosis, detail=words)
        return Row(
            q.text, plain(q.hand), plain(value), None if stepped is None else plain(stepped),
            worst(q.hand, value), judged.verdict, judged.diagnosis, judged.note,
        )  # fmt: skip

    # --- values of the forward pass ------------------------------------------------------------

    def forward_values(self, but: Quantity | None = None) -> dict[AnyNode, Any]:
        """The forward pass with the student's own values, where they differ."""
        own = {q.v: q.hand[()] for q in self.values if q in self.off and q is not but}
        return self.graph.replay({**self.misread, **own}) if own or self.misread else {}

    def value_row(self, q: Quantity) -> Row:
        exact = np.asarray(self.graph.values[q.v], float)
        if q.hand.shape != exact.shape:
            raise ValueError(
                f"{CHECK}: {q.text} has shape {q.hand.shape}, and {exact.shape} is expected"
            )
        used = [p for p in self.values if p in self.off]
        own = self.forward_values(q)
        options = []
        if q.v in own:
            options.append(Base(NOTHING, used, np.asarray(own[q.v], float)))
        right = self.exactly(q, exact)
        judged = Judged("correct", exact=True) if right else self.judge(q, exact, options)
        if judged is None:
            values = [*(b.value for b in options), exact]
            judged = Judged("wrong", self.value_slip(q, values))
        self.settle(q, judged)
        return Row(
            q.text, plain(q.hand), plain(exact), None, worst(q.hand, exact),
            judged.verdict, judged.diagnosis, judged.note,
        )  # fmt: skip

    def value_slip(self, q: Quantity, values: list[Any]) -> Diagnosis:
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

    def misreadings(self, q: Quantity) -> Iterator[tuple[str, dict[AnyNode, Any]]]:
        """The forward pass with one number replaced by another that the caller has a name for."""
        named: dict[float, str] = {}
        for scope in self.names.scopes[:2]:
            for name, x in scope.variables.items():
                if isinstance(x, float) and not name.startswith("_"):
                    named.setdefault(x, name)
        for node in q.part.graph.nodes if len(self.graph.nodes) <= 60 else []:
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


def kept(found: list[Base], *sources: Iterable[Base]) -> Iterator[Base]:
    """The bases of all ``sources``, computed as they are asked for and kept in ``found``."""
    for base in chain(*sources):
        found.append(base)
        yield base


def shortness(x: float) -> float:
    """Half a unit in the last place of a number that is written with few digits."""
    for k in (3, 4, 5, 6):
        if x == float(f"{x:.{k}g}"):
            return 0.5 * 10.0 ** (np.floor(np.log10(abs(x))) - k + 1) if x else 0.0
    return 0.0


def replace_unit(q: Quantity) -> Quantity:
    """``q`` with every digit counting."""
    bare = replace(q, unit=np.zeros(q.hand.shape))
    bare.part = q.part
    return bare


def unannounced(hand: Any, exact: Any) -> bool:
    """Whether ``hand`` is ``exact`` rounded, to three significant digits or more."""
    if hand.shape != exact.shape or not np.all(np.isfinite(exact)) or not np.any(exact):
        return False
    peak = float(np.max(np.abs(exact)))
    if float(np.max(np.abs(hand - exact))) > 0.006 * peak:
        return False
    top = int(np.floor(np.log10(peak)))
    if any(np.allclose(hand, np.round(exact, d), rtol=1e-12, atol=1e-15 * peak)
           for d in range(2 - top, 9 - top) if d >= 0):  # fmt: skip
        return True
    pairs = list(zip(hand.ravel().tolist(), exact.ravel().tolist(), strict=True))
    return any(
        all(abs(h - float(f"{e:.{k}g}")) <= 1e-12 * abs(h) for h, e in pairs) for k in range(3, 8)
    )
