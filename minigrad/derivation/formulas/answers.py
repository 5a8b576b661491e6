"""Answers that are formulas, graded like numbers and then as formulas.

A formula is a number at the data, which is graded like any other; that it is right is
only said where it holds at other points as well, and where it is wrong, the term or the
factor that makes it so is looked for in the formula itself.
"""

from __future__ import annotations

import ast
import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.factors import multiple
from minigrad.derivation.formulas.constants import MULTIPLES, OWN, multiples, related
from minigrad.derivation.formulas.given import Answer, parts_of
from minigrad.derivation.formulas.grammar import FAILURES, names_in, number_of, written
from minigrad.derivation.formulas.indices import as_written
from minigrad.derivation.formulas.points import Point, alike
from minigrad.derivation.formulas.reading import Reading
from minigrad.derivation.formulas.repairs import Repair, explained, first_right
from minigrad.derivation.formulas.variables import Tie
from minigrad.derivation.values import read
from minigrad.typing import Function

if TYPE_CHECKING:
    from minigrad.derivation.report import Row


WRONG = ("wrong", "carried")
REPAIRS, FEW = 3000, 20_000
"""So many repairs are tried of small arrays; of so many entries in all, half of them."""
LOOSE, TIGHT = 1e-7, 1e-10
"""Relative tolerances far from the data, and close to it, where slips make small differences."""
NO_FORMULA = "is not a formula"
TIED = np.arange(1.0, 4.0)
"""By so much an exponent gets smaller in derivatives."""
NOT_TRIED = "only these numbers were tried"
PLAIN = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 0.5, 0.25, 0.1, 10.0, 1 / 3}
"""Numbers that formulas have of their own; others were computed from the data."""


class Formulas(Reading):
    """The verdicts on the formulas of one derivation."""

    doubts: set[str]
    """Why a formula that is called right was not tried at other points, or not at all of them."""

    def values(self) -> dict[Any, Any]:
        """The answers with numbers in place of formulas."""
        found = {}
        for key, value in self.hand.items():
            answer = self.answers.get(key)
            found[key] = value if answer is None else answer.value
            if answer is not None and answer.value is None:
                found[key] = answer.given
        return found

    def truth(self, answer: Answer, row: Row) -> Any:
        """The function that tells the truth at a point; None where nobody can."""
        if (updated := self.updated(answer.key)) is not None:
            return updated
        for u, v, index in self.ends(answer.key):
            place = index if index is not None else ...
            self.include(u, v)
            if u not in self.points.data.nodes or v not in self.points.data.nodes:
                return None
            if row.autodiff is None:
                return lambda point: point.derivative(u, v)[place]
            exact = np.asarray(row.autodiff, float)
            for full in (False, True):
                try:
                    found = self.points.data.derivative(u, v, full)[place]
                except (ValueError, TypeError, KeyError, IndexError):
                    continue
                k = multiple(exact, found) if found.shape == exact.shape else None
                k = 1.0 if k is None else float(round(k))  # m, of one per example
                if found.shape == exact.shape and np.allclose(k * found, exact, 1e-9, 1e-12, True):
                    return lambda point, full=full, k=k: k * point.derivative(u, v, full)[place]
            value = np.asarray(self.points.data.values[v])
            if value.shape == exact.shape and index is None:
                return lambda point: point.values[v]
        return None

    def ties(self, tree: ast.expr, strict: bool = False) -> list[dict[float, Tie]]:
        """Which numbers of a formula may stand for constants that it does not name.

        A ½ may be ``x = 0.5`` itself; only numbers that formulas seldom have of their own
        are looked for as multiples and powers, and a repair does not put in any.  Of 1, every
        number is a multiple, which says nothing.
        """
        used = set(names_in(tree))
        scalars = {n: np.float64(v) for n, v in self.points.data.constants.items()
                   if not np.ndim(v)}  # fmt: skip
        pairs: list[tuple[float, Tie]] = []
        for k in map(float, numbers_in(tree)):
            plain = k in OWN
            if plain and strict:
                continue
            shapes = [(1.0, 1)] if plain else MULTIPLES
            pairs += [(k, (r, n, p)) for n, v in scalars.items() if not (plain and n in used)
                      for r, p in multiples(k, v, shapes)]  # fmt: skip
        sets = range(min(len(pairs), 4) + 1)
        return [dict(s) for r in sets for s in itertools.combinations(pairs[:4], r)]

    def holds(
        self, tree: ast.expr, truth: Function, other: ast.expr | None = None,
        points: list[Point] | None = None, strict: bool = False,
    ) -> bool:  # fmt: skip
        """Whether a formula is the truth, or another formula, at every point."""
        if points is None:
            points = [*self.points.others, *self.points.turned]
        rtol = TIGHT if points is self.points.close else LOOSE
        points = [self.points.data, *points]
        for tied in self.ties(tree, strict):
            for point in points:
                try:
                    with np.errstate(all="ignore"):
                        mine = np.asarray(self.value(tree, point, tied), float)
                        right = truth(point) if other is None else self.value(other, point, tied)
                except FAILURES:
                    break
                if not alike(mine, np.asarray(right, float), rtol):
                    break
            else:
                return True
        return False

    def judged(self, answer: Answer, row: Row) -> Row:
        """The row of a formula: held against other points, and its slip looked for.

        Where these had to be given up, the note says so.
        """
        self.doubts = set()
        found = self.verdict(answer, row)
        doubts = sorted(self.doubts) if found.verdict == "correct" else []
        return replace(found, note="; ".join(filter(None, [found.note, *doubts])))

    def verdict(self, answer: Answer, row: Row) -> Row:
        """The row of a formula, with its slip."""
        truth = self.truth(answer, row)
        if answer.error:
            unread = not answer.lines and answer.error.endswith(NO_FORMULA)
            if unread and row.remark:
                return replace(row, verdict="missing")
            return self.failed(answer, row, truth)
        if not any(map(names_in, answer.lines)):
            return row  # a number, worked out
        if truth is None:
            self.doubts.add(NOT_TRIED)
            return row
        at_data = row.verdict not in WRONG
        right = self.follows(answer.last, truth) if names_in(answer.last) else at_data
        words, kind = "", "formula"
        if len(answer.lines) > 1:
            words = self.line_by_line(answer, truth)
            right = right and not words
        if right or (row.verdict == "carried" and not words):
            return row
        if not words:
            repair = self.repaired(answer.last, truth)
            if repair is not None:
                kind, words = repair[0], self.hint(answer.last, repair)
            if at_data:
                chance = "it holds for these numbers only, not for others"
                words, kind = (f"{chance}; {words}" if words else chance), "coincidence"
        if not words:
            return row
        factor = row.diagnosis.factor if row.diagnosis is not None else None
        return replace(row, verdict="wrong", diagnosis=Diagnosis(kind, factor, words, (kind,)))

    def follows(self, tree: ast.expr, truth: Function, other: ast.expr | None = None) -> bool:
        """Whether a formula holds, at other data or, where nobody can move them, at these.

        Numbers that come from the data stand in it then, or in the graph.
        """
        lines = [tree] if other is None else [tree, other]
        if not all(map(names_in, lines)):
            return self.comes_to(tree, truth, other)
        if self.holds(tree, truth, other):
            if not self.points.others:
                self.doubts.add(f"{NOT_TRIED}: at others, something is not defined")
            if unknown := [n for n in names_in(tree) if self.stays(n)]:
                self.doubts.add(f"other values of {' and '.join(unknown)} were not tried")
            return self.is_general(tree, truth, other)
        if any(self.holds(tree, truth, other, points) for points in self.points.guessed):
            return True
        if self.points.branches and self.holds(tree, truth, other, self.points.close):
            return True
        still = self.still(tree)
        if still and self.holds(tree, truth, other, self.points.near(still)):
            self.doubts.add(f"other values of {' and '.join(sorted(still))} were not tried")
            return True
        unmoved = [n for n in names_in(tree) if self.unmoved(n)]
        if unmoved and self.holds(tree, truth, other, []):
            self.doubts.add(f"{NOT_TRIED}: nobody can tell what {unmoved[0]} was computed from")
            return True
        return False

    def comes_to(self, tree: ast.expr, truth: Any, other: ast.expr | None) -> bool:
        """Whether a line is the one before at the data, where either is a number, or rounded."""
        data = self.points.data
        try:
            found = read(self.value(tree, data))
            right = truth(data) if other is None else self.value(other, data)
        except FAILURES:
            return False
        gap = np.abs(found.array - np.asarray(right, float))
        return bool(np.all(gap <= found.implied / 2 + LOOSE * np.abs(right)))

    def still(self, tree: ast.expr) -> frozenset[str]:
        """The constants that may be hidden in numbers, so that they have to stay what they are."""
        names, constants = names_in(tree), self.points.data.constants
        found = set(self.points.suspects)
        compared = [n for x in ast.walk(tree) if isinstance(x, ast.Compare) for n in names_in(x)]
        found |= constants.keys() & {*compared}  # at the data, both sides may be equal
        if not set(map(float, numbers_in(tree))) <= PLAIN:
            found |= constants.keys() - set(names)
        for name in names:
            if isinstance(self.beside_graph(name), float) and self.stays(name):
                found |= related(self.names, name, constants)
        return frozenset(found)

    def is_general(self, tree: ast.expr, truth: Function, other: ast.expr | None = None) -> bool:
        """Whether a formula that names exponents, of no whole number, holds for other ones."""
        named = set(names_in(tree))
        held = {float(n.args[i]) for (n, i), name in self.points.exponents.items() if name in named}
        written = set(map(float, numbers_in(tree)))
        ties = {t for e in held for t in (e, 1 / e, 1 / e - 1, 1 - e, 1 + e, *(e - TIED))}
        if any(e.is_integer() for e in held) or not held or ties & written - {1.0}:
            return True
        points = self.points.powers
        if not points or self.holds(tree, truth, other, points):
            return True
        unknown = any(self.names.owner(n) is None for n in self.points.untold)
        if unknown:  # ρ - 1, in a gradient that was recorded
            exponents = named & {*self.points.exponents.values()}
            self.doubts.add(f"other values of {' and '.join(sorted(exponents))} were not tried")
        return unknown

    def repaired(
        self, tree: ast.expr, truth: Function, other: ast.expr | None = None
    ) -> Repair | None:
        """The smallest change that makes a formula the truth, or another formula."""
        points = self.points.close if self.points.branches else None
        if not self.is_general(tree, truth, other):
            points = self.points.powers
        if any(map(self.unmoved, names_in(tree))):
            points = []

        def holds(t: ast.expr) -> bool:
            return self.holds(t, truth, other, points, strict=True)

        said = [n for part in (tree, other) if part is not None for n in names_in(part)]
        named = [*self.everything(), *self.beside(), *filter(self.known, said)]
        names = list(dict.fromkeys(named))
        shapes = {n: np.shape(self.lookup(n, self.points.data)) for n in names}
        work = sum(math.prod(shapes[n]) for n in names_in(tree) if n in shapes)
        return first_right(tree, names, shapes, holds, REPAIRS * FEW // (FEW + work))

    def hint(self, tree: ast.expr, repair: Repair | None) -> str:
        """A slip with what is to be written, in the subscripts of the formula."""
        text = explained(tree, repair) if repair is not None else ""
        axes = getattr(tree, "axes", None)
        return as_written(text, axes) if axes else text

    def failed(self, answer: Answer, row: Row, truth: Function) -> Row:
        """The row of a formula that cannot be computed."""
        words = answer.error
        if len(answer.lines) == 1 and isinstance(answer.last, ast.Name) and row.remark:
            return row  # a word that is no variable
        several = len(parts_of(answer.given)) > 1 or len(answer.lines) > 1
        if several or (answer.lines and not self.failure(answer.last)):
            unread = f"line {len(answer.lines) + 1}: {words}"
            words = (truth is not None and self.line_by_line(answer, truth)) or unread
        elif truth is not None and answer.lines:
            hint = self.hint(answer.last, self.repaired(answer.last, truth))
            words += f"; {hint}" if hint else ""
        unknown = words.startswith("no variable is called") and "write" not in words
        verdict = "wrong"
        if not several and (unknown or answer.unread):
            verdict, words = "missing", f"it could not be read: {words}"
        cause = Diagnosis("formula", None, words, ("formula",))
        return replace(row, verdict=verdict, diagnosis=cause, note="")

    def line_by_line(self, answer: Answer, truth: Function) -> str:
        """The first line that does not follow from the one before; the first, from the truth."""
        for i, tree in enumerate(answer.lines):
            right = self.follows(tree, truth, answer.lines[i - 1] if i else None)
            if right:
                continue
            repair = self.repaired(tree, truth, answer.lines[i - 1] if i else None)
            hint = "; ".join(filter(None, [self.failure(tree), self.hint(tree, repair)]))
            what = f"line {i + 1} does not follow from line {i}" if i else "line 1 is wrong"
            return f"{what}: {hint or written(tree)}"
        return ""

    def applied(self, rows: list[Row]) -> list[Row]:
        """The rows with the verdicts on formulas."""
        by_text = {self.text(key): a for key, a in self.answers.items()}
        return [
            self.judged(by_text[row.quantity], row) if row.quantity in by_text else row
            for row in rows
        ]

    def text(self, key: Any) -> str:
        """The quantity as the report calls it."""
        if isinstance(key, str):
            return key
        pair = key if isinstance(key, tuple) else (self.output, key)
        nodes: list[Any] = [self.names.find(k) if isinstance(k, str) else k.node for k in pair]
        called = ["L" if n is self.output.node and not self.names.known(n) else self.names.of(n)
                  for n in nodes]  # fmt: skip
        return f"d{called[0]}/d{called[1]}"


def numbers_in(tree: ast.expr) -> list[float]:
    """The numbers that are written in a formula, fractions as well."""
    return [k for x in ast.walk(tree) if (k := number_of(x)) is not None]
