"""A hand derivation, graded: which steps are right, which is the first wrong one, and why.

The walk goes from the output to the inputs.  Each quantity is held against the truth,
and where it differs against what it would be given the student's own earlier values; so
one slip is one finding, and what follows from it is carried, not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.conventions import examples, layouts
from minigrad.derivation.diagnosis import diagnose
from minigrad.derivation.formulas.symbolic import is_symbolic
from minigrad.derivation.forward import WRONG, Forward, Judged, misshapen
from minigrad.derivation.intake import objective
from minigrad.derivation.judges import (
    NO_GRADIENTS,
    Base,
    Numeric,
    bases,
    conventions,
    disagree,
    evaluate,
    folded,
    nearest,
    numeric,
)
from minigrad.derivation.keys import spellings
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.report import Report, Row, as_number, worst
from minigrad.derivation.search import Search
from minigrad.derivation.shared import Slip, follows, places
from minigrad.derivation.tolerance import Options
from minigrad.derivation.walk import NOTHING
from minigrad.derivation.words import Words
from minigrad.graph import AnyNode
from minigrad.typing import Array

if TYPE_CHECKING:
    pass


LIKELY = 2
"""Causes are looked for from so many ways to have used earlier values, besides the truth."""


def check_derivation(
    output: Any,
    hand: Mapping[Any, Any],
    *,
    upstream: Any = None,
    required: Iterable[Any] | None = None,
    layout: str | None = None,
    per_example: bool | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    digits: int | None = None,
) -> Report:
    """Grade a derivation made by hand: name the first wrong step, and why it is wrong.

    Parameters
    ----------
    output : Tensor or None
        The recorded end of the computation, a loss for instance; None where ``upstream``
        says what arrives.
    hand : dict
        Quantities and their values.  A key is a Tensor (the derivative of ``output`` with
        respect to it), a pair ``(u, v)`` (the total derivative of ``u`` with respect to
        ``v``, over all paths), or a string in the caller's variable names:
        ``"dL/da"``, ``"∂L/∂a"``, ``"dL_da"``, ``"da"``, ``"grad_a"``, ``"∇a"`` or LaTeX;
        ``"dL/dW[0, 1]"`` (an entry), ``"d2L/dw2"``, ``"d2L/dwdb"`` and ``"H"`` (second
        derivatives), ``"z"`` (the value of ``z`` in the forward pass, or its derivative
        where the numbers say so), and ``"w - 0.1*dL/dw"`` (``w`` after that update).
        A value is a number, an array of any library, nested lists, or strings such as
        ``"-0.118"``, ``"1/3"``, ``"0,33"`` and what ``print`` shows of an array.  It has the
        shape of ``v`` for a scalar ``u`` and for elementwise links (the diagonal), and
        ``u.shape + v.shape`` otherwise; one block for each example, the other operand of
        a product, and axes of length 1 more or less will do as well.
    upstream : dict or array, optional
        What arrives from above, beside or instead of a scalar output: ``{h: dnext_h}``; an
        array is that of ``output`` itself.
    required : keys, optional
        What is not among ``hand`` gets a row ``missing``.
    layout : {None, "numerator", "denominator"}
        The convention for derivatives by matrices and for Jacobians.
    per_example : bool, optional
        Whether derivatives by intermediate results were written for each example, before
        the mean over the batch is taken; found by itself where parameters tell.
    rtol, atol : float
        What counts as equal; ``atol`` is relative to the largest entry where that is below 1.
        Values in a coarser type, such as float32, are held to what it can hold.
    digits : int, optional
        All values are judged to so many significant digits; floats that are written with
        few digits are taken for rounded without it.

    Returns
    -------
    Report
        Truthy when all is right; prints as a table.  Entries that cannot be graded have
        a row that says why.

    Raises
    ------
    TypeError, ValueError
        For an output that was not recorded, an empty ``hand``, and where no key at all can
        be read.

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
    options = Options(upstream, required, layout, per_example, rtol, atol, digits)
    return graded(output, hand, options)


def assert_derivation(output: Any, hand: Mapping[Any, Any], **options: Any) -> None:
    """Raise AssertionError with the report unless a derivation is right; see check_derivation.

    Parameters
    ----------
    output : Tensor
    hand : dict
        Quantities and their values.
    **options
        Those of `check_derivation`: ``upstream``, ``rtol``, ``digits`` and so on.

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
    report = graded(output, hand, Options(**options))
    if not report.ok:
        raise AssertionError(f"the derivation is wrong: {report}")


def graded(output: object, hand: Mapping[object, object], options: Options) -> Report:
    """The report; answers that are formulas are held against other points as well."""
    words = (str, list, tuple)
    if isinstance(hand, Mapping) and any(
        isinstance(v, words) or is_symbolic(v) for v in hand.values()
    ):
        from minigrad.derivation.formulas.answers import Formulas  # seldom needed
        from minigrad.derivation.formulas.given import is_formula

        if any(map(is_formula, hand.values())):
            found = Formulas(objective(output, options.upstream), hand)
            report = Grading(output, found.values(), options).report()
            with np.errstate(all="ignore"):
                return replace(report, rows=found.applied(report.rows))
    return Grading(output, hand, options).report()


class Grading(Forward):
    """One derivation being graded."""

    own: dict[AnyNode, Array]

    def report(self) -> Report:
        with np.errstate(all="ignore"):
            rows = self.graded()
            for convention in (examples, layouts):
                rows = convention(self, rows)
        rows = [self.readable(row) for row in rows]
        self.graph.forget()
        return Report([*rows, *self.failed], tuple(self.conventions), self.aliases())

    def aliases(self) -> dict[str, str]:
        """Other spellings of the derivatives that were handed in."""
        called = self.reader.called
        return {
            spelling: q.text
            for q in self.derivatives if q.index is None
            for of in ([None] if q.u is self.output.node else []) + [called(q.u)]
            for spelling in spellings(of, called(q.v))
        }  # fmt: skip

    def graded(self) -> list[Row]:
        """All rows, under the conventions known so far."""
        self.off: list[Quantity] = []
        self.misread: dict[AnyNode, Array] = {}
        """Values of the forward pass with an input that the student took for another."""
        self.verdicts: dict[int, str] = {}
        self.slips: list[Slip] = []
        rows = [self.value_row(q) for q in self.values]
        self.own = self.forward_values()
        self.numerics: dict[AnyNode, Array] = {}
        """Gradients of the output by finite differences, of what was graded so far."""
        rows += [self.derivative_row(q, i) for i, q in enumerate(self.derivatives)]
        rows = [self.with_followers(row) for row in rows]
        return rows + [self.update_row(q) for q in self.updates]

    def readable(self, row: Row) -> Row:
        """A row whose words pass over what has no name."""
        told, cause = Words(self.names).told, row.diagnosis
        cause = None if cause is None else replace(cause, detail=told(cause.detail))
        return replace(row, diagnosis=cause, note=told(row.note))

    def with_followers(self, row: Row) -> Row:
        """A row, with what else follows from the slip that was found in it."""
        for slip in self.slips:
            if slip.q.text == row.quantity and slip.followers:
                listed = " and ".join([slip.q.text, *slip.followers])
                how = "both follow" if len(slip.followers) == 1 else "all follow"
                note = f"{listed}: {how} from one slip in {slip.place}"
                return replace(row, note=f"{row.note}; {note}" if row.note else note)
        return row

    def derivative_row(self, q: Quantity, i: int) -> Row:
        exact = self.truth(q)
        known = self.numerics if q.u is self.output.node and q.index is None else NO_GRADIENTS
        found = numeric(q, exact, known)
        if known is self.numerics and q.layout == "gradient":
            sure = found.direction is None and np.all(np.isfinite(found.error))
            self.numerics[q.v] = found.value if sure else exact
        judged = self.judge_derivative(q, exact, found, self.derivatives[:i], [])
        self.remember(q, judged)
        note, agrees = judged.note, not disagree(q, *folded(q, exact, found))
        if q.note:
            note = f"{q.note}; {note}" if note else q.note
        if not agrees:
            text = "autodiff and finite differences disagree: is a rule on the way wrong?"
            note = f"{note}; {text}" if note else text
        hand, truth, differences = (x * q.scale for x in (q.hand, exact, found.value))
        return Row(
            q.text, as_number(hand), as_number(truth), as_number(differences), worst(hand, truth),
            judged.verdict, judged.diagnosis, note, found.direction, agrees,
        )  # fmt: skip

    def judge_derivative(
        self, q: Quantity, exact: Array, found: Numeric | None, given: list[Quantity],
        first: list[Base], update: bool = False,
    ) -> Judged:  # fmt: skip
        if self.exactly(q, exact):
            return Judged("correct", exact=True)
        q.unit = self.printed(q, exact)
        off = [p for p in self.off if p.kind == "derivative"]
        wrong_values = [p for p in self.values if p in self.off] if self.own else []
        options: list[Base] = []
        judged = self.judge(
            q,
            exact,
            kept(
                options,
                first,
                [] if wrong_values else nearest(q, given, off),
                bases(q, given, off, self.own, wrong_values),
            ),
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
        for p in [] if update else given:
            same = p.u is q.u and np.array_equal(p.hand, q.hand) and self.verdicts[id(p)] in WRONG
            if same and np.any(q.hand) and np.array_equal(self.truth(p), exact):
                return Judged("carried", None, f"it follows from the same slip as your {p.text}")
        for slip in [] if update else self.slips:
            if slip.q.u is q.u and q.fits and follows(q, slip, self.close):
                slip.followers.append(q.text)
                note = f"it follows from the same slip in {slip.place} as your {slip.q.text}"
                return Judged("carried", None, note)
        searches = [self.search(q, b) for b in [*options[:LIKELY], Base(NOTHING, [], exact)]]
        diagnosis = diagnose(searches, plainly=update and bool(first))
        if not update and q.fits and q.index is None and not options:
            made = next((s.hit.edits for s in searches if s.hit is not None), None)
            self.slips += [
                slip for slip in places(q, exact, made or {}, self.names, self.right_totals(q.u))
                if follows(q, slip, self.close) and not self.contradicted(slip)
            ]  # fmt: skip
        return Judged("wrong", diagnosis)

    def right_totals(self, u: AnyNode) -> set[AnyNode]:
        """The nodes by which the derivative of ``u`` was right so far."""
        return {
            p.v for p in self.derivatives
            if p.u is u and p.usable and p.layout == "gradient"
            and self.verdicts.get(id(p)) in ("correct", "rounded")
        }  # fmt: skip

    def contradicted(self, slip: Slip) -> bool:
        """Whether something right was derived that such a slip would have changed."""
        right = [
            p for p in self.derivatives
            if p.u is slip.q.u and p.fits and p.layout == "gradient" and p is not slip.q
            and self.exactly(p, self.truth(p)) and np.any(p.hand)
            and all(node in p.part.inside or node is p.v for node, _ in slip.edits)
        ]  # fmt: skip
        return bool(right)

    def search(self, q: Quantity, base: Base) -> Search:
        # Without what rounding of earlier values moves: that would let much agree by accident.
        slack = q.unit / 2 + self.options.rtol * np.abs(q.hand)

        def close(value: Array) -> bool:
            return self.close(q, value)

        search = Search(q, base, self.names, close, slack)
        found = list(self.verdicts.values()).count("wrong")
        search.left //= (1 + found) ** 2  # the first counts most, and all together less than two
        search.given = [p for p in self.derivatives if id(p) in self.verdicts]
        search.after = [p.text for p in base.used if self.verdicts[id(p)] in WRONG]
        return search

    def update_row(self, q: Quantity) -> Row:
        """``v + rate * du/dv``: judged by the derivative that the hand value implies."""
        start = np.asarray(self.graph.values[q.v], float)
        if q.hand.shape != start.shape:
            return misshapen(q, start)
        rate = abs(q.rate)
        implied = q.changed(
            kind="derivative", hand=(q.hand - start) / q.rate, unit=q.unit / rate,
            implied=q.implied / rate,
        )  # fmt: skip
        implied.place(self.graph)
        exact = evaluate(implied)
        implied.implied = np.where(implied.implied < np.abs(exact), implied.implied, 0.0)
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
            q.text, as_number(q.hand), as_number(value),
            None if stepped is None else as_number(stepped), worst(q.hand, value), judged.verdict,
            judged.diagnosis, judged.note,
        )  # fmt: skip


def kept(found: list[Base], *sources: Iterable[Base]) -> Iterator[Base]:
    """The bases of all ``sources``, computed as they are asked for and kept in ``found``."""
    for base in chain(*sources):
        found.append(base)
        yield base
