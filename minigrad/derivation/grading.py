"""A hand derivation, graded: which steps are right, which is the first wrong one, and why.

The walk goes from the output to the inputs.  Each quantity is held against the truth,
and where it differs against what it would be given the student's own earlier values; so
one slip is one finding, and what follows from it is carried, not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from minigrad.derivation.diagnosis import Diagnosis, diagnose
from minigrad.derivation.factors import is_simple, ratio_of, sizes
from minigrad.derivation.judges import (
    Base,
    Error,
    Numeric,
    bases,
    conventions,
    disagree,
    evaluate,
    numeric,
    together,
)
from minigrad.derivation.keys import Keys
from minigrad.derivation.quantities import Quantity
from minigrad.derivation.report import Report, Row, plain, worst
from minigrad.derivation.search import Search
from minigrad.derivation.shared import Slip, follows, places
from minigrad.derivation.values import COARSE as SPACINGS
from minigrad.derivation.values import Missing, Unreadable, read, significant
from minigrad.derivation.walk import NOTHING, Changes, Graph
from minigrad.errors import label
from minigrad.explain.ledger import refuse_complex
from minigrad.graph import AnyNode
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor

CHECK = "check_derivation"
FLOOR = 1e-6
"""Below it, a largest entry is likely to be what rounding left of zero."""
WRONG = ("wrong", "carried")
LIKELY = 2
"""Causes are looked for from so many ways to have used earlier values, besides the truth."""
BRIEF = 3
"""A truth of so many digits is written down in full."""
LAYOUTS = (None, "numerator", "denominator")
COARSE = [(1e-4, 1e-5), (2e-2, 5e-3), (5e-2, 2e-2)]
"""Tolerances for types of spacing below 1e-6, 2e-3, and above: of an entry, of the largest."""


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


def graded(output: Any, hand: Mapping[Any, Any], options: Options) -> Report:
    """The report; answers that are formulas are held against other points as well."""
    words = (str, list, tuple)
    if isinstance(hand, Mapping) and any(
        isinstance(v, words) or hasattr(v, "free_symbols") for v in hand.values()
    ):
        from minigrad.derivation.formulas.answers import Formulas, is_formula  # seldom needed

        if any(map(is_formula, hand.values())):
            found = Formulas(objective(output, options.upstream), hand)
            report = Grading(output, found.values(), options).report()
            return replace(report, rows=found.applied(report.rows))
    return Grading(output, hand, options).report()


@dataclass
class Options:
    """How a derivation is to be graded; see `check_derivation`."""

    upstream: Any = None
    required: Iterable[Any] | None = None
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
        if isinstance(self.required, str):
            self.required = [self.required]


@dataclass
class Judged:
    """A verdict on its way into the report."""

    verdict: str
    diagnosis: Diagnosis | None = None
    note: str = ""
    exact: bool = False


class Grading:
    """One derivation being graded."""

    def __init__(self, output: Any, hand: Mapping[Any, Any], options: Options) -> None:
        if not isinstance(hand, Mapping):
            raise TypeError(
                f"{CHECK}: hand is a dict of quantities and values such as "
                f'{{"dL/da": 0.5}}, not {type(hand).__name__}'
            )
        if not hand and not options.required:
            raise ValueError(f"{CHECK}: nothing was handed in; required=[...] says what is missing")
        self.hand, self.options = hand, options
        keys = [k for key in hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.output = objective(output, options.upstream)
        self.names: Names = names([self.output.node, *(t.node for t in tensors)])
        self.reader = Keys(self.output, self.names, CHECK)
        self.failed: list[Row] = []
        """Rows of entries that cannot be graded."""
        found = self.read_all()
        ends = {n for q in found for n in (q.u, q.v)}
        self.graph = Graph(
            [self.output.node, *ends],
            {t.node: t._value for t in [self.output, *tensors]} | self.reader.zeros,
        )
        self.graph.marked = ends
        if not ends <= self.names.nodes:
            of = {node: ends for ends, node in self.reader.second.items()}
            roots = [self.output.node, *ends, *(u for u, _ in of.values())]
            self.names = names(roots, self.names.scopes)
            self.reader.use(self.names)
            for node, (u, v) in of.items():
                self.names.node.setdefault(
                    node, f"d{self.reader.called(u)}/d{self.reader.called(v)}"
                )
        types = {str(getattr(v, "dtype", "")) for v in self.graph.values.values()}
        self.spacing = max((SPACINGS.get(t, 0.0) for t in types), default=0.0)
        self.conventions: list[str] = []
        with np.errstate(all="ignore"):
            found = self.meant(found)
            placed = [p for q in found if (p := self.placed(q)) is not None]
        self.sort(placed)

    def read_all(self) -> list[Quantity]:
        """The quantities; entries that cannot be read become rows of their own.

        Raises
        ------
        TypeError, ValueError
            Where no key can be read, for the first one.
        """
        found: list[Quantity] = []
        first: Exception | None = None
        seen: set[Any] = set()
        for key, value in self.hand.items():
            try:
                read_key = self.reader.read(key)
            except (TypeError, ValueError) as error:
                first = first or error
                text = key if isinstance(key, str) else label(key)
                why = str(error).removeprefix(f"{CHECK}: ").removeprefix(f"{key!r}: ")
                self.failed.append(unread(text, value, "missing", why))
                continue
            seen.add((read_key.kind, read_key.u, read_key.v))
            try:
                found.append(Quantity.of(read_key, read(value, self.options.digits)))
            except Missing as error:
                self.failed.append(unread(read_key.text, value, "missing", str(error)))
            except Unreadable as error:
                self.failed.append(unread(read_key.text, value, "wrong", str(error)))
        if first is not None and not seen:
            raise first
        for key in self.options.required or ():
            wanted = self.reader.read(key)
            if wanted.bare:
                wanted = replace(wanted, kind="derivative", u=self.output.node, bare=False)
            bare = ("value", wanted.v, wanted.v)
            if (wanted.kind, wanted.u, wanted.v) not in seen and bare not in seen:
                self.failed.append(unread(wanted.text, None, "missing", "it was not handed in"))
        return found

    def meant(self, found: list[Quantity]) -> list[Quantity]:
        """Bare names read as what their numbers are: values, or derivatives of the output."""
        bare = [q for q in found if q.bare]
        fits: dict[int, str] = {}
        for q in bare:
            value = np.asarray(self.graph.values[q.v], float)
            value = value if q.index is None else np.asarray(value[q.index])
            for kind in ("value", "derivative"):
                truth = value if kind == "value" else self.truth(self.as_derivative(q))
                form = q.changed_shape(truth.shape)
                if form is not None and self.near(form, truth):
                    fits[id(q)] = kind
                    break
        counts = [list(fits.values()).count(kind) for kind in ("value", "derivative")]
        read = []
        for q in found:
            kind = fits.get(id(q), "")
            if q.bare and not kind:
                usual = "derivative" if q.v.op is None else "value"
                kind = (
                    usual
                    if counts[0] == counts[1]
                    else ("value", "derivative")[counts[1] > counts[0]]
                )
            if kind == "derivative":
                q = self.as_derivative(q)
                q.note = f"read as the derivative by {self.names.of(q.v)}, not its value"
            read.append(q)
        return read

    def as_derivative(self, q: Quantity) -> Quantity:
        new = replace(q, kind="derivative", u=self.output.node)
        new.place(self.graph)
        return new

    def placed(self, q: Quantity) -> Quantity | None:
        """``q`` in the layout in which it is right, else in the usual one."""
        q.place(self.graph)
        if q.kind == "derivative" and not q.part.connected and np.any(q.hand):
            u, v = self.reader.called(q.u), self.reader.called(q.v)
            why = f"{u} does not depend on {v}: this derivative is zero"
            self.failed.append(unread(q.text, q.hand, "wrong", why, 0.0))
            return None
        if q.kind == "update":
            forms = [q, *q.reshaped()]
            return next((f for f in forms if f.fits), q)
        forms = list(islice(q.forms(self.options.layout), 12))
        chosen = forms[0] if forms else q
        if len(forms) > 1:
            usual = q.fits and not (self.options.layout and forms[0].turned)
            for form in forms:
                if usual and form.turned:
                    continue  # a square matrix: whether it is transposed, its use must tell
                if self.near(form, self.truth(form)):
                    chosen = form
                    break
        if q.note and chosen is not q:
            chosen.note = f"{q.note}; {chosen.note}"
        return chosen

    def near(self, q: Quantity, truth: Any) -> bool:
        return self.close(q.rounded_off, truth)

    def sort(self, found: list[Quantity]) -> None:
        values = [q for q in found if q.kind == "value"]
        self.values = sorted(values, key=lambda q: q.v.seq)
        derivatives = [q for q in found if q.kind == "derivative"]
        self.derivatives = sorted(derivatives, key=lambda q: (-self.graph.position(q.v), q.u.seq))
        self.updates = [q for q in found if q.kind == "update"]

    # --- the walk ------------------------------------------------------------------------

    def report(self) -> Report:
        with np.errstate(all="ignore"):
            rows = self.graded()
            for convention in [self.examples, self.layouts]:
                rows = convention(rows)
        self.graph.forget()
        return Report([*rows, *self.failed], tuple(self.conventions))

    def graded(self) -> list[Row]:
        """All rows, under the conventions known so far."""
        self.off: list[Quantity] = []
        self.misread: dict[AnyNode, Any] = {}
        """Values of the forward pass with an input that the student took for another."""
        self.verdicts: dict[int, str] = {}
        self.slips: list[Slip] = []
        rows = [self.value_row(q) for q in self.values]
        self.own = self.forward_values()
        self.gradients = together([q for q in self.derivatives if q.layout == "gradient"])
        rows += [self.derivative_row(q, i) for i, q in enumerate(self.derivatives)]
        rows = [self.with_followers(row) for row in rows]
        return rows + [self.update_row(q) for q in self.updates]

    def close(self, q: Quantity, value: Any, blur: Any = 0.0) -> bool:
        """Whether the hand value is ``value``, to the digits that it has."""
        hand = q.hand
        if hand.shape != value.shape:
            return False
        gap = np.abs(hand - value)
        if gap.size and float(gap.max()) <= FLOOR * self.options.atol:
            return True
        peak = float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
        rtol, spacing = self.options.rtol, max(self.spacing, q.spacing)
        slack = self.options.atol * min(1.0, max(peak, FLOOR))
        if spacing:
            entry, largest = COARSE[(spacing > 1e-6) + (spacing > 2e-3)]
            rtol, slack = max(rtol, entry), slack + largest * peak
        slack = slack + rtol * np.abs(value) + q.unit * (0.5 + 1e-9) + blur
        alike = np.equal(hand, value) | (np.isnan(hand) & np.isnan(value))
        return bool(np.all(alike | (gap <= slack)))

    def exactly(self, q: Quantity, value: Any) -> bool:
        if self.close(q.changed(unit=np.zeros(q.hand.shape)), value):
            return True
        spacing = max(self.spacing, q.spacing)
        if not spacing or q.kind == "value" or value.shape != q.hand.shape:
            return False
        # What cancels is only as good as the type that the terms were computed in.
        values = {n: coarse(v, spacing) for n, v in self.graph.values.items()}
        edits = {
            (n, i): lambda g, call: coarse(call(coarse(g, spacing)), spacing)
            for n, inside in q.part.inside.items()
            for i in inside
        }
        moved = np.abs(evaluate(q, Changes(edits, values=values)) - value)
        return bool(np.all(np.abs(q.hand - value) <= 30 * float(np.max(moved, initial=0.0))))

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
            if not long or value.shape != q.hand.shape:
                continue
            gap, announced = np.abs(q.hand - value), not np.any(q.implied)
            cut_off = np.abs(q.hand) <= np.abs(value)
            if np.all((gap <= q.unit) & (announced | cut_off | (gap <= q.unit / 2))):
                return self.rounded(q, exact)
        return None

    def rounded(self, q: Quantity, exact: Any) -> Judged:
        error = worst(q.hand, exact)
        words = f"rounding moved it by {error.absolute:.2g}"
        if np.isfinite(error.relative):
            words += f" ({100 * error.relative:.2g} %)"
        if significant(q.hand, q.unit) == 1:
            words += "; one digit proves little"
        factor = ratio_of(q.hand, exact) if q.hand.size == 1 else None
        return Judged("rounded", Diagnosis("rounding", factor, words, ("rounding",)))

    def printed(self, q: Quantity, exact: Any) -> Any:
        """The unit of ``q``, floats of few digits taken for printed figures.

        Where the truth has few digits itself nobody would have rounded it, and where an
        update moves by less than the unit, nothing is said about the step.
        """
        if exact.shape != q.hand.shape or np.any(q.unit):
            return q.unit
        short = [len(f"{abs(x):.9g}".replace(".", "").strip("0")) <= BRIEF for x in exact.flat]
        if not q.hand.size or all(short):
            return q.unit
        return q.rounded_off.unit

    def settle(self, q: Quantity, judged: Judged) -> None:
        """Remember what later quantities may build on."""
        self.verdicts[id(q)] = judged.verdict
        if not judged.exact:
            self.off.append(q)

    def with_followers(self, row: Row) -> Row:
        """A row, with what else follows from the slip that was found in it."""
        for slip in self.slips:
            if slip.q.text == row.quantity and slip.followers:
                listed = " and ".join([slip.q.text, *slip.followers])
                how = "both follow" if len(slip.followers) == 1 else "all follow"
                note = f"{listed}: {how} from one slip in {slip.place}"
                return replace(row, note=f"{row.note}; {note}" if row.note else note)
        return row

    # --- conventions ---------------------------------------------------------------------

    def examples(self, rows: list[Row]) -> list[Row]:
        """Rows under the convention "per example, before the mean", where it is followed.

        It is found where derivatives by results are the number of examples times the truth
        and a derivative by a parameter, computed from them, is right as it is.
        """
        totals = [q for q in self.derivatives if q.u is self.output.node and q.usable]
        results = [q for q in totals if q.v.op is not None and q.v is not q.u]
        wrong = {id(q) for q in results if self.verdicts[id(q)] in WRONG}
        if not results or self.options.per_example is False:
            return rows
        sizes_of = {m for q in results for m in sizes(q)[0]}
        for m in sorted(sizes_of, reverse=True):
            larger = [
                q for q in results if id(q) in wrong and m in sizes(q)[0]
                and self.near(q.changed(hand=q.hand / m), self.truth(q))
            ]  # fmt: skip
            below = [
                p for p in totals if p.v.op is None and any(q.v in p.part.inside for q in larger)
            ]
            times = [p for p in below if self.near(p, self.truth(p) * m)]
            right = [
                p for p in below
                if p not in times and self.verdicts[id(p)] in ("correct", "rounded")
            ]  # fmt: skip
            chosen = [q for q in results if m in sizes(q)[0]]
            if not self.options.per_example:
                # From where it begins, all follow it: one that is right as it is contradicts.
                top = max((self.graph.position(q.v) for q in larger), default=0.0)
                chosen = [q for q in chosen if self.graph.position(q.v) <= top]
                mixed = any(id(q) not in wrong and np.any(q.hand) for q in chosen)
                if mixed or not right or len(right) < len(times):
                    continue
            if chosen:
                for q in chosen:
                    q.hand, q.unit, q.scale = q.hand / m, q.unit / m, float(m)
                    q.implied = q.implied / m
                listed = ", ".join(q.text for q in self.derivatives if q in chosen)
                self.conventions.append(f"{listed}: per example, before the mean over {m}")
                return self.graded()
        return rows

    def layouts(self, rows: list[Row]) -> list[Row]:
        """Rows in the other layout convention, where all that tells is written in it."""
        if self.options.layout is not None:
            return rows
        for scalar in (True, False):
            telling = [
                q for q in self.derivatives
                if q.index is None and (q.layout == "gradient") == scalar and tells(q)
            ]  # fmt: skip
            turned = [next(iter(q.transposed("")), None) for q in telling]
            right = [t for t in turned if t is not None and self.near(t, self.truth(t))]
            if not right or len(right) < len(telling):
                continue
            used = [q for q in telling if self.used_well(q)]
            if len(right) < 2 and not used:
                continue
            if all(self.verdicts[id(q)] in ("correct", "rounded") for q in telling):
                continue
            name = "numerator" if scalar else "denominator"
            self.conventions.append(f"derivatives are written in {name} layout")
            other = {id(q): t for q, t in zip(telling, right, strict=True)}
            self.derivatives = [other.get(id(q), q) for q in self.derivatives]
            return self.graded()
        return rows

    def used_well(self, q: Quantity) -> bool:
        """Whether a derivative that must have been computed from the link ``q`` is right."""
        return any(
            p is not q and p.v is q.v and p.u is not q.u and q.u in p.part.inside
            and self.verdicts[id(p)] in ("correct", "rounded")
            for p in self.derivatives
        )  # fmt: skip

    # --- derivatives -----------------------------------------------------------------------

    def derivative_row(self, q: Quantity, i: int) -> Row:
        exact = self.truth(q)
        found = numeric(q, exact)
        judged = self.judge_derivative(q, exact, found, self.derivatives[:i], [])
        self.settle(q, judged)
        note, agrees = judged.note, not disagree(q, exact, found)
        if q.note:
            note = f"{q.note}; {note}" if note else q.note
        if not agrees:
            text = "autodiff and finite differences disagree: is a rule on the way wrong?"
            note = f"{note}; {text}" if note else text
        hand, truth, differences = (x * q.scale for x in (q.hand, exact, found.value))
        return Row(
            q.text, plain(hand), plain(truth), plain(differences), worst(hand, truth),
            judged.verdict, judged.diagnosis, note, found.direction, agrees,
        )  # fmt: skip

    def truth(self, q: Quantity) -> Any:
        """The derivative by autodiff; a single number may stand for equal entries."""
        gradients = getattr(self, "gradients", {})
        exact = gradients.get((q.u, q.v)) if q.layout == "gradient" else None
        if exact is not None and q.index is not None:
            exact = exact[q.index]
        exact = evaluate(q) if exact is None else np.asarray(exact, float)
        uniform = exact.size > 1 and np.all(exact == exact.flat[0])
        if q.hand.shape == () and exact.shape != () and uniform:
            q.hand = np.full(exact.shape, q.hand[()])
            q.unit = np.full(exact.shape, np.max(q.unit))
            q.implied = np.full(exact.shape, np.max(q.implied))
        return exact

    def judge_derivative(
        self, q: Quantity, exact: Any, found: Numeric | None, given: list[Quantity],
        first: list[Base], update: bool = False,
    ) -> Judged:  # fmt: skip
        if self.exactly(q, exact):
            return Judged("correct", exact=True)
        q.unit = self.printed(q, exact)
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
        for slip in [] if update else self.slips:
            if slip.q.u is q.u and q.fits and follows(q, slip, self.close):
                slip.followers.append(q.text)
                note = f"it follows from the same slip in {slip.place} as your {slip.q.text}"
                return Judged("carried", None, note)
        searches = [self.search(q, b) for b in [*options[:LIKELY], Base(NOTHING, [], exact)]]
        diagnosis = diagnose(searches, plainly=update)
        if not update and q.fits and q.index is None and not options:
            made = next((s.hit.edits for s in searches if s.hit is not None), None)
            self.slips += [
                slip for slip in places(q, exact, made or {}, self.names)
                if follows(q, slip, self.close) and not self.contradicted(slip)
            ]  # fmt: skip
        return Judged("wrong", diagnosis)

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

        def close(value: Any) -> bool:
            return self.close(q, value)

        search = Search(q, base, self.names, close, slack)
        search.given = [p for p in self.derivatives if id(p) in self.verdicts]
        search.after = [p.text for p in base.used if self.verdicts[id(p)] in WRONG]
        return search

    # --- updates -----------------------------------------------------------------------------

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
            q.text, plain(q.hand), plain(value), None if stepped is None else plain(stepped),
            worst(q.hand, value), judged.verdict, judged.diagnosis, judged.note,
        )  # fmt: skip

    # --- values of the forward pass ------------------------------------------------------------

    def forward_values(self, but: Quantity | None = None) -> dict[AnyNode, Any]:
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
        self.settle(q, judged)
        return Row(
            q.text, plain(q.hand), plain(exact), None, worst(q.hand, exact),
            judged.verdict, judged.diagnosis, "; ".join(t for t in (q.note, judged.note) if t),
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


def objective(output: Any, upstream: Any) -> Any:
    """What is differentiated: the output, and what arrives from above times its results.

    Raises
    ------
    TypeError, ValueError
        For what was not recorded, and gradients of another shape.
    """
    if output is None and not isinstance(upstream, Mapping):
        raise TypeError(f"{CHECK}: without an output, upstream={{h: dh}} says what arrives where")
    if output is not None and not isinstance(output, Tensor):
        raise TypeError(f"{CHECK}: the output {label(output)} is not a Tensor")
    if output is not None and output.node is None:
        raise ValueError(
            f"{CHECK}: the output {label(output)} was not recorded: make the parameters "
            "with mg.Tensor(..., requires_grad=True) before computing with them"
        )
    if output is not None:
        refuse_complex(CHECK, output)
    if upstream is None:
        return output
    arriving = dict(upstream) if isinstance(upstream, Mapping) else {output: upstream}
    alone = output is None or output.size != 1 or any(h is output for h in arriving)
    total = 0.0 if alone else output
    for h, g in arriving.items():
        if isinstance(h, str):
            found = names([output.node] if output is not None else []).value(h)
            h = h if found is None else found
        if not isinstance(h, Tensor) or h.node is None:
            raise TypeError(f"{CHECK}: upstream: {label(h)} is not a recorded Tensor")
        g = np.asarray(read(g).array)
        if g.shape != h.shape:
            raise ValueError(
                f"{CHECK}: upstream: what arrives at {label(h)} has shape {g.shape}, and "
                f"{tuple(h.shape)} is expected"
            )
        total = total + (h * g).sum()
    return total


def unread(text: str, value: Any, verdict: str, why: str, truth: Any = None) -> Row:
    """The row of an entry that cannot be graded."""
    shown = value if isinstance(value, np.ndarray | float | int) else repr(value)[:40]
    shown = "" if value is None else shown
    return Row(
        text, shown, truth, None, Error(float("nan"), float("nan"), ()), verdict,
        Diagnosis(verdict if verdict == "missing" else "other", None, why, ("other",)),
    )  # fmt: skip


def misshapen(q: Quantity, exact: Any) -> Row:
    """The row of a value whose shape does not fit."""
    words = f"shape {q.hand.shape}, where {exact.shape} belongs"
    return Row(
        q.text, plain(q.hand), plain(exact), None, worst(q.hand, exact), "wrong",
        Diagnosis("shape", None, words, ("shape",)),
    )  # fmt: skip


def tells(q: Quantity) -> bool:
    """Whether the value of ``q`` differs from its transpose by more than axes of length 1."""
    if not q.fits and not q.turned:
        return any(True for _ in q.transposed(""))
    long = [n for n in q.hand.shape if n > 1]
    return len(long) > 1 and any(True for _ in q.transposed("")) and q.layout != "local"


def coarse(value: Any, spacing: float) -> Any:
    """``value`` rounded to a type of that spacing."""
    if isinstance(value, tuple | dict) or np.asarray(value).dtype.kind != "f":
        return value
    mantissa, exponent = np.frexp(np.asarray(value, float))
    return np.ldexp(np.round(mantissa / spacing) * spacing, exponent)[()]
