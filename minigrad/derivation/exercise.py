"""Worksheets: the derivation of any graph, with slips planted, and the key.

A slip is one change of a formula, of those that the grader knows to undo; what follows
is computed with it, as a student would.  A worksheet is only handed out after the grader
has found in it exactly what was planted.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.feedback import KINDS
from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.grammar import names_in, parsed, value_of, written
from minigrad.derivation.formulas.repairs import repairs
from minigrad.derivation.grading import check_derivation
from minigrad.errors import label
from minigrad.explain import explain
from minigrad.explain.asked import refuse_complex
from minigrad.graph import AnyNode, leaves
from minigrad.reading.names import Names, names
from minigrad.reading.pages import piece, quoted
from minigrad.tensor import Tensor, wrap
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.derivation.report import Row
    from minigrad.explain.report import Explanation


TRIES = 200
PLANTED = {"sign": "sign", "extra_local_factor": "missing_local_factor", "wrong_node": "wrong_node"}
"""What a repair is when a right formula is spoilt by it."""

Slip = tuple[str, ast.expr]


@dataclass
class Step:
    """One line of a derivation.

    Attributes
    ----------
    quantity : str
        ``dz`` or ``da/dz``.
    formula : str
    key : str
        What the grader calls it: ``dL/dz``.
    value : array
    """

    quantity: str
    formula: str
    key: str
    value: Array = None


@dataclass(frozen=True)
class Exercise:
    """A worksheet and its key; prints as the worksheet.

    Attributes
    ----------
    worksheet, key : str
        In Markdown.
    hand : dict
        The derivation as it stands on the worksheet, for `check_derivation`.
    slips : list of str
        The quantities with a slip planted.
    """

    worksheet: str
    key: str
    hand: dict[str, Array] = field(repr=False)
    slips: list[str]

    def __str__(self) -> str:
        return self.worksheet

    def _repr_html_(self) -> str:
        return piece("exercise", f"<pre>{quoted(self.worksheet)}</pre>")


def exercise(output: Any, slips: int = 1, seed: int | None = None) -> Exercise:
    """A worksheet from any graph: its derivation with slips planted, and the key.

    Parameters
    ----------
    output : Tensor
        The recorded end of the computation; what it is made of needs names.
    slips : int
        How many to plant.
    seed : int, optional
        Of the random choice of slips; the same seed makes the same worksheet.

    Returns
    -------
    Exercise
        ``print`` shows the worksheet; ``.key``, ``.hand``, ``.slips``.

    Raises
    ------
    TypeError, ValueError
        For what was not recorded, and a graph in which so many slips cannot be planted.

    Examples
    --------
    >>> import minigrad as mg
    >>> x, y = 0.5, 1.5
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> z = w * x
    >>> a = mg.sigmoid(z)
    >>> L = 0.5 * (y - a) ** 2
    >>> sheet = mg.exercise(L, seed=1)
    >>> report = mg.check_derivation(L, sheet.hand)
    >>> [report.first_error.quantity] == sheet.slips
    True
    """
    if not isinstance(output, Tensor) or output.node is None:
        raise TypeError(f"exercise: {label(output)} is not a Tensor that was recorded")
    if not isinstance(slips, int) or slips < 1:
        raise ValueError(f"exercise: slips is a whole number above 0, not {slips!r}")
    refuse_complex("exercise", output)
    maker = Maker(output)
    if seed is not None and not isinstance(seed, int):
        raise ValueError(f"exercise: seed is a whole number, not {seed!r}")
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        made = maker.planted(slips, rng)
        if made is not None:
            return made
    raise ValueError(
        f"exercise: no {slips} slips can be planted in this graph so that each can be told: give "
        "more results names, or plant fewer"
    )


class Maker:
    """The derivation of one graph."""

    steps: list[Step]

    def __init__(self, output: Tensor) -> None:
        self.output = output
        self.names: Names = names([output.node])
        known = [n for n in self.names.nodes if self.names.known(n)]
        wrt = [n for n in leaves(output.node) if n in known] or known
        self.forward: dict[str, Array] = {self.names.node[n]: self.value_at(n) for n in known}
        """The values of the forward pass, by name."""
        held = [wrap(self.value_at(n), n) for n in sorted(wrt, key=lambda n: n.seq)]
        self.explanation: Explanation = explain(output, held)
        end = self.names.of(output.node) if self.names.known(output.node) else "L"
        self.steps = [s for row in self.explanation.rows if (s := step(row, end)) is not None]

    def value_at(self, node: AnyNode) -> Array:
        """What a leaf holds: an operation that uses it has it among its arguments."""
        for user in self.names.nodes:
            for i, parent in enumerate(user.parents):
                if parent is node:
                    return user.args[i]
        return node.ans

    # --- the numbers ---------------------------------------------------------------------

    def computed(self, formulas: dict[str, ast.expr]) -> dict[str, Array] | None:
        """The value of each step, from those before; None where a formula has none."""
        found: dict[str, Array] = {}

        def lookup(name: str) -> Array:
            if name in found:
                return found[name]
            node = self.names.find(name)
            if node is not None:
                return node.ans if node.op is not None else self.value_at(node)
            held = self.names.value(name)
            if isinstance(held, Tensor):
                return held._value
            if isinstance(held, int | float | np.number | np.ndarray):
                return held
            raise NoFormula(name)

        for s in self.steps:
            try:
                with np.errstate(all="ignore"):
                    value = np.asarray(value_of(formulas[s.quantity], lookup), float)
            except (NoFormula, ValueError, TypeError, IndexError, ArithmeticError):
                return None
            if not np.all(np.isfinite(value)):
                return None
            found[s.quantity] = value[()]
        return found

    def usable(self) -> dict[str, ast.expr]:
        """The steps whose formulas can be read; from the first that cannot, none."""
        found: dict[str, ast.expr] = {}
        for s in list(self.steps):
            try:
                found[s.quantity] = parsed(s.formula)
            except NoFormula:
                self.steps.remove(s)
        return found

    # --- the slips -------------------------------------------------------------------------

    def planted(self, count: int, rng: np.random.Generator) -> Exercise | None:
        """A worksheet in which the grader finds what was planted; else None."""
        right = self.usable()
        if len(self.steps) < count:
            return None
        truth = self.computed(right)
        if truth is None:
            return None
        telling = [k for k, s in enumerate(self.steps) if names_in(right[s.quantity])]
        if len(telling) < count:
            return None
        chosen = rng.choice(telling, count, replace=False)
        formulas, done = dict(right), {}
        for k in sorted(int(i) for i in chosen):
            s = self.steps[k]
            options = slips_of(right[s.quantity], self.forward)
            kinds = sorted({kind for kind, _ in options})
            kind = kinds[int(rng.integers(len(kinds)))]
            some = [formula for k, formula in options if k == kind]
            formula = some[int(rng.integers(len(some)))]
            formulas[s.quantity], done[s.key] = formula, (kind, right[s.quantity], formula)
        values = self.computed(formulas)
        if values is None or any(np.shape(values[q]) != np.shape(truth[q]) for q in truth):
            return None
        hand = {s.key: values[s.quantity] for s in self.steps}
        rows = check_derivation(self.output, hand).rows
        wrong = {r.quantity: r for r in rows if r.verdict == "wrong"}
        told = all(r.diagnosis is not None and r.diagnosis.kind != "other" for r in wrong.values())
        if set(wrong) != set(done) or not told:
            return None
        return Exercise(self.sheet(formulas, values), self.key(done, wrong), hand, list(wrong))

    def sheet(self, formulas: dict[str, ast.expr], values: dict[str, Array]) -> str:
        """The worksheet."""
        count = "a slip" if len(self.steps) == 1 else "slips"
        lines = ["# Find what is wrong", "", "The computation:", ""]
        for node in sorted(self.names.node, key=lambda n: n.seq):
            site = self.names.site(node) if node.op is not None else None
            if site is not None and site.code and f"    {site.code}" not in lines:
                lines.append(f"    {site.code}")
        lines += ["", f"A derivation of its gradients, with {count} in it. Everything after a slip "
                  "is computed with it.", ""]  # fmt: skip
        lines += [f"    {s.quantity} = {written(formulas[s.quantity])}{shown(values[s.quantity])}"
                  for s in self.steps]  # fmt: skip
        lines += ["", "Which line is wrong first, and why? What should stand there?"]
        return "\n".join(lines)

    def key(self, done: dict[str, tuple[str, ast.expr, ast.expr]], wrong: dict[str, Row]) -> str:
        """The answers."""
        lines = ["# Key", ""]
        for key, (kind, right, formula) in done.items():
            s = next(s for s in self.steps if s.key == key)
            lines += [
                f"- {s.quantity} = {written(formula)} is wrong: {KINDS[kind]}.",
                f"  There should stand {s.quantity} = {written(right)}. ({wrong[key].remark})",
            ]
        return "\n".join(lines)


def slips_of(formula: ast.expr, values: dict[str, Array]) -> list[Slip]:
    """Slips that people make in a formula: a sign, a factor forgotten or put in, a wrong name."""
    shapes = {n: np.shape(v) for n, v in values.items()}
    double = ast.BinOp(ast.Constant(2), ast.Mult(), formula)
    found: list[Slip] = [("factor", double)]
    for kind, slip, _ in repairs(formula, [n for n in shapes if n.isidentifier()], shapes):
        if kind in PLANTED:
            found.append((PLANTED[kind], slip))
    return found


def step(row: Any, end: str) -> Step | None:
    """A row of an explanation as a line that can be computed; None for what is no gradient."""
    text = str(row.formula)
    for sign, python in (("⊙", "*"), (" via ", "_via_")):
        text = text.replace(sign, python)
    quantity = str(row.quantity).replace(" via ", "_via_")
    link = re.fullmatch(r"d(\w+)/d(\w+)", quantity)
    total = re.fullmatch(r"d(\w+)", quantity)
    if "_via_" in quantity:
        return None
    if link:
        return Step(quantity, text, quantity)
    return Step(quantity, text, f"d{end}/d{total[1]}") if total else None


def shown(value: Array) -> str:
    """A number as a worksheet has it."""
    return f"  = {float(value):.6g}" if np.ndim(value) == 0 else f"  {np.shape(value)}"
