"""Answers that are formulas, graded like numbers and then as formulas.

A formula is a number at the data, which is graded like any other; that it is right is
only said where it holds at other points as well, and where it is wrong, the term or the
factor that makes it so is looked for in the formula itself.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import plainest, readings
from minigrad.derivation.backward.watch import held_at
from minigrad.derivation.diagnosis import Diagnosis
from minigrad.derivation.formulas.grammar import (
    LONGEST,
    NoFormula,
    check,
    conditions,
    juxtaposed,
    names_in,
    parsed,
    syntax,
    value_of,
    written,
)
from minigrad.derivation.formulas.indices import as_written, has_indices, orders
from minigrad.derivation.formulas.latex import TOKEN, WORDS, as_python, is_latex
from minigrad.derivation.formulas.points import Point, Points, tensors_of
from minigrad.derivation.formulas.repairs import explained, first_right
from minigrad.derivation.formulas.symbolic import is_symbolic, spelled
from minigrad.derivation.keys import Keys, unlatex
from minigrad.graph import AnyNode
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor

BLANKS = {"n/a", "na", "nan", "none", "inf", "infinity", "todo", "tbd", "unknown", "pass"}
WRONG = ("wrong", "carried")
Tie = tuple[float, str, int]
"""A number that stands for a constant: so many times it, by name, to which power."""
TIMES, POWERS = (1.0, 2.0, 0.5, 3.0, 4.0, 0.25, 1 / 3), (1, 2, -1, -2)
OWN = {0.0, 1.0, 2.0, 0.5}
PLAIN = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 0.5, 0.25, 0.1, 10.0, 1 / 3}
"""Numbers that formulas have of their own; others were computed from the data."""


def is_formula(value: Any) -> bool:
    """Whether an answer is to be read as a formula: it has names in it, and is no placeholder."""
    if is_symbolic(value):
        return True
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(v, str) or is_symbolic(v) for v in value) and any(
            is_formula(v) for v in value
        )  # fmt: skip
    if not isinstance(value, str) or value.strip().lower() in BLANKS:
        return False
    number = re.sub(r"\d\.?[eE][+-]?\d|array|tensor|dtype=\w+|float\d*", "", value)
    return bool(re.search(r"[^\W\d_]", number)) and not re.fullmatch(r"[\s\[\](),\d.+-]*", number)


@dataclass
class Answer:
    """One quantity's formula, or its lines."""

    key: Any
    given: Any
    lines: list[ast.expr] = field(default_factory=list)
    value: Any = None
    error: str = ""

    @property
    def last(self) -> ast.expr:
        return self.lines[-1]


class Formulas:
    """The formulas among the answers of one derivation."""

    output: Tensor
    hand: Mapping[Any, Any]
    reader: Keys
    points: Points
    answers: dict[Any, Answer]

    def __init__(self, output: Tensor, hand: Mapping[Any, Any]) -> None:
        self.output, self.hand = output, hand
        keys = [k for key in hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.names: Names = names([output.node, *(t.node for t in tensors)])
        self.reader = Keys(output, self.names, "check_derivation")
        held = [v for scope in self.names.scopes for v in scope.variables.values()]
        self.points = Points(self.names, tensors_of(output, *tensors, *held))
        self.answers = {
            key: self.answer(key, value) for key, value in hand.items() if is_formula(value)
        }

    # --- reading -----------------------------------------------------------------------

    def answer(self, key: Any, given: Any) -> Answer:
        found = Answer(key, given)
        parts = list(given) if isinstance(given, list | tuple) else [given]
        try:
            for part in parts:
                found.lines += self.lines(part, key)
            with np.errstate(all="ignore"):
                found.value = np.asarray(self.value(found.last, self.points.data), float)
        except NoFormula as error:
            found.error = str(error)
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            text = written(found.last) if found.lines else repr(given)
            found.error = f"{text} cannot be computed: {error}"
        return found

    def lines(self, part: Any, key: Any) -> list[ast.expr]:
        """A formula, or the formulas between its equality signs."""
        if is_symbolic(part):
            return [parsed(spelled(part))]
        pieces = [p for side in sides(part) if (p := side.strip(" &$"))]
        trees = []
        for i, text in enumerate(pieces):
            tree = self.tree(text, key)
            if i == 0 and len(pieces) > 1 and _is_quantity(tree):
                continue  # dL/dz = ...
            trees.append(tree)
        if not trees:
            raise NoFormula(f"{part!r} is not a formula")
        return trees

    def tree(self, text: str, key: Any) -> ast.expr:
        """One formula: of the ways to read it, the one that is right, or fits at least.

        ``A x`` is ``A @ x``, or ``A * x``; the letters of ``x_i y_j`` may stand in any order.
        """
        latex = is_latex(text)
        if not latex and not juxtaposed(text) and not self.with_subscripts(text):
            return parsed(text)
        truths = [t for ends in self.ends(key) if (t := self.truth_at_data(*ends)) is not None]
        found: list[tuple[bool, bool, ast.expr]] = []
        failed: NoFormula | None = None
        for tree in self.readings_of(text, key, latex):
            if isinstance(tree, NoFormula):
                failed = failed or tree
                continue
            try:
                with np.errstate(all="ignore"):
                    value = np.asarray(self.value(tree, self.points.data), float)
            except (NoFormula, RecursionError, ValueError, TypeError, IndexError, ArithmeticError):
                found.append((False, False, tree))
                continue
            right = any(alike(value, np.asarray(t, float)) for t in truths)
            found.append((right, any(value.shape == np.shape(t) for t in truths), tree))
            if right:
                break
        if found:
            return max(found, key=lambda f: f[:2])[2]
        if latex and failed is not None:
            raise failed
        return parsed(text)

    def readings_of(self, text: str, key: Any, latex: bool) -> Iterator[ast.expr | NoFormula]:
        """The ways to read a formula, and why others fail."""
        if len(text) > LONGEST:
            yield NoFormula(f"a formula has at most {LONGEST} characters")
            return
        for sign, plain in {"²": "^2", "³": "^3"}.items():
            text = text.replace(sign, plain)
        words = conditions(re.sub(r"ᵀ|⊤|\.T\b", "^T", text)) if not latex else text
        for rank in (self.rank,) if latex else (self.rank, lambda part: 0):
            try:
                python = as_python(words, self.known, rank, TOKEN if latex else WORDS, self.rank)
                tree = syntax(python)
                ways = orders(tree, self.shape, letters_in(key)) if has_indices(tree) else [tree]
                for way in ways:
                    check(way)
                    yield way
            except NoFormula as error:
                yield error
            except RecursionError:
                yield NoFormula(f"{text[:40]!r}... is nested too deeply")

    def with_subscripts(self, text: str) -> bool:
        """Whether names have subscripts that are no part of them: ``h_i``."""
        found = re.findall(r"(?<!\w)(([^\W\d]\w*?)_[a-z]{1,3})(?!\w)", text)
        return any(not self.known(whole) and self.known(base) for whole, base in found)

    def truth_at_data(self, u: AnyNode | None, v: AnyNode | None, index: Any) -> Any:
        if u is None or v is None:
            return None
        try:
            found = self.points.data.derivative(u, v)
        except (ValueError, TypeError, KeyError):
            return None
        return found if index is None else found[index]

    def known(self, name: str) -> bool:
        try:
            self.lookup(name, self.points.data)
        except NoFormula:
            return False
        return True

    def rank(self, text: str) -> int:
        """How many axes a formula has; 0 where it cannot be told."""
        return len(self.shape(text) or ())

    def shape(self, formula: str | ast.expr) -> tuple[int, ...] | None:
        """The shape of a formula; None where it cannot be told."""
        try:
            with np.errstate(all="ignore"):
                tree = parsed(formula) if isinstance(formula, str) else formula
                return tuple(np.shape(self.value(tree, self.points.data)))
        except (NoFormula, ValueError, TypeError, IndexError, ArithmeticError):
            return None

    # --- values ------------------------------------------------------------------------

    def lookup(self, name: str, point: Point) -> Any:
        """What a name in a formula is at a point.

        Raises
        ------
        NoFormula
            For a name that is nothing here.
        """
        node = self.names.find(name)
        if node is not None and node in point.values:
            return point.values[node]
        if name in point.constants:
            return point.constants[name]
        root = re.split(r"[.\[]", name)[0]
        held = held_at(name, {root: self.names.value(root)})
        if isinstance(held, Tensor):
            held = point.values.get(held.node, held._value)
        if isinstance(held, int | float | np.number | np.ndarray | list):
            return np.asarray(held) if isinstance(held, list) else held
        derivative = self.derivative(name, point)
        if derivative is not None:
            return derivative
        alike = [n for n in self.everything() if plainest(n) == plainest(name) and n != name]
        if len(alike) == 1:
            return self.lookup(alike[0], point)
        near = difflib.get_close_matches(name, self.everything(), 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NoFormula(f"no variable is called {name!r}{hint}")

    def everything(self) -> list[str]:
        """The names that a formula may use: of nodes, and of named constants of the graph."""
        nodes = [self.names.node[n] for n in self.points.nodes if self.names.known(n)]
        return list(dict.fromkeys([*nodes, *self.points.data.constants]))

    def derivative(self, name: str, point: Point) -> Any:
        """The derivative that a name in a formula means: the student's own, at the data."""
        ends = re.fullmatch(r"d(.+)/d(.+)", name)
        for key, value in self.hand.items() if point is self.points.data else ():
            plain = isinstance(key, str) and not is_formula(value) and not isinstance(value, str)
            same = isinstance(key, str) and (key == name or key.endswith(f"/{name}"))
            if plain and same and value is not None:
                return np.asarray(value._value if isinstance(value, Tensor) else value, float)
        pairs = [(self.names.find(ends[1]), self.names.find(ends[2]))] if ends else []
        pairs += [(self.output.node, self.names.find(n)) for n in readings(name)]
        for u, v in pairs:
            if u is not None and v is not None:
                return point.derivative(u, v)
        return None

    def value(self, tree: ast.expr, point: Point, tied: Mapping[float, Tie] | None = None) -> Any:
        def number(x: float) -> Any:
            if not tied or x not in tied:
                return x
            times, name, power = tied[x]
            return times * float(point.constants[name]) ** power

        return value_of(tree, lambda name: self.lookup(name, point), number)

    # --- verdicts ------------------------------------------------------------------------

    def values(self) -> dict[Any, Any]:
        """The answers with numbers in place of formulas."""
        found = {}
        for key, value in self.hand.items():
            answer = self.answers.get(key)
            found[key] = value if answer is None else answer.value
            if answer is not None and answer.value is None:
                found[key] = answer.given
        return found

    def truth(self, answer: Answer, row: Any) -> Any:
        """The function that tells the truth at a point; None where nobody can."""
        for u, v, index in self.ends(answer.key):
            place = index if index is not None else ...
            if u not in self.points.data.nodes or v not in self.points.data.nodes:
                return None  # of a gradient that was recorded to be differentiated again
            if row.autodiff is None:
                return lambda point: point.derivative(u, v)[place]
            exact = np.asarray(row.autodiff, float)
            for full in (False, True):
                try:
                    found = self.points.data.derivative(u, v, full)[place]
                except (ValueError, TypeError, KeyError, IndexError):
                    continue
                if found.shape == exact.shape and np.allclose(found, exact, rtol=1e-9, atol=1e-12):
                    return lambda point, full=full: point.derivative(u, v, full)[place]
            value = np.asarray(self.points.data.values[v])
            if value.shape == exact.shape and index is None:
                return lambda point: point.values[v]
        return None

    def ends(self, key: Any) -> list[tuple[AnyNode, AnyNode, Any]]:
        """Of what by what a key is the derivative, and which entries of it."""
        try:
            found = self.reader.read(key)
        except (ValueError, TypeError):
            return []
        out: Any = self.output.node
        if found.kind == "update":
            return []
        return [(out if found.kind == "value" else found.u, found.v, found.index)]

    def ties(self, tree: ast.expr, strict: bool = False) -> list[dict[float, Tie]]:
        """Which numbers of a formula may stand for constants that it does not name.

        A ½ may be ``x = 0.5`` itself; only numbers that formulas seldom have of their own
        are looked for as multiples and powers, and a repair does not put in any.
        """
        used = set(names_in(tree))
        scalars = {n: float(v) for n, v in self.points.data.constants.items()
                   if not np.ndim(v) and n not in used}  # fmt: skip
        pairs: list[tuple[float, Tie]] = []
        for k in map(float, numbers_in(tree)):
            plain = k in OWN
            if plain and strict:
                continue
            shapes = [(1.0, 1)] if plain else [(r, p) for p in POWERS for r in TIMES]
            pairs += [(k, (r, n, p)) for n, v in scalars.items() for r, p in shapes
                      if v and abs(k - r * v**p) < 1e-12 * abs(k)]  # fmt: skip
        sets = range(min(len(pairs), 4) + 1)
        return [dict(s) for r in sets for s in itertools.combinations(pairs[:4], r)]

    def holds(
        self, tree: ast.expr, truth: Any, other: ast.expr | None = None, points: Any = None,
        strict: bool = False,
    ) -> bool:  # fmt: skip
        """Whether a formula is the truth, or another formula, at every point."""
        points = [self.points.data, *(self.points.others if points is None else points)]
        for tied in self.ties(tree, strict):
            for point in points:
                try:
                    with np.errstate(all="ignore"):
                        mine = np.asarray(self.value(tree, point, tied), float)
                        right = truth(point) if other is None else self.value(other, point, tied)
                except (NoFormula, ValueError, TypeError, IndexError, ArithmeticError):
                    break
                if not alike(mine, np.asarray(right, float)):
                    break
            else:
                return True
        return False

    def judged(self, answer: Answer, row: Any) -> Any:
        """The row of a formula: held against other points, and its slip looked for."""
        truth = self.truth(answer, row)
        if answer.error:
            return self.failed(answer, row, truth) if answer.lines or not row.remark else row
        if truth is None or not any(map(names_in, answer.lines)):
            return row  # a number, worked out
        at_data = row.verdict not in WRONG
        right = self.holds(answer.last, truth)
        tied = self.points.untold or not set(map(float, numbers_in(answer.last))) <= PLAIN
        if not right and at_data and tied:
            # Numbers that come from the data stand in it, or in the graph: they cannot be moved.
            right = self.holds(answer.last, truth, points=self.points.near)
        words, kind = "", "formula"
        if len(answer.lines) > 1:
            words = self.line_by_line(answer, truth)
            right = right and not words
        if right or (row.verdict == "carried" and not words):
            return row
        if not words:
            repair = self.repaired(answer.last, truth)
            if repair is not None:
                kind, words = repair[0], self.explained(answer.last, repair)
            if at_data:
                chance = "it holds for these numbers only, not for others"
                words, kind = (f"{chance}; {words}" if words else chance), "coincidence"
        if not words:
            return row
        factor = row.diagnosis.factor if row.diagnosis is not None else None
        return replace(row, verdict="wrong", diagnosis=Diagnosis(kind, factor, words, (kind,)))

    def repaired(self, tree: ast.expr, truth: Any, other: ast.expr | None = None) -> Any:
        """The smallest change that makes a formula the truth, or another formula."""

        def holds(t: ast.expr) -> bool:
            return self.holds(t, truth, other, strict=True)

        return first_right(tree, self.everything(), self.shapes, holds)

    def explained(self, tree: ast.expr, repair: Any) -> str:
        """A slip with what is to be written, in the subscripts of the formula."""
        text = explained(tree, repair)
        axes = getattr(tree, "axes", None)
        return as_written(text, axes) if axes else text

    def failed(self, answer: Answer, row: Any, truth: Any) -> Any:
        """The row of a formula that cannot be computed."""
        words = answer.error
        if len(answer.lines) == 1 and isinstance(answer.last, ast.Name) and row.remark:
            return row  # a word that is no variable
        if truth is not None and answer.lines:
            repair = self.repaired(answer.last, truth)
            words += f"; {self.explained(answer.last, repair)}" if repair is not None else ""
        cause = Diagnosis("formula", None, words, ("formula",))
        return replace(row, verdict="wrong", diagnosis=cause, note="")

    @property
    def shapes(self) -> dict[str, Any]:
        return {n: np.shape(self.lookup(n, self.points.data)) for n in self.everything()}

    def line_by_line(self, answer: Answer, truth: Any) -> str:
        """The first line that does not follow from the one before; the first, from the truth."""
        for i, tree in enumerate(answer.lines):
            right = self.holds(tree, truth, answer.lines[i - 1] if i else None)
            if right:
                continue
            repair = self.repaired(tree, truth, answer.lines[i - 1] if i else None)
            hint = (
                f": {self.explained(tree, repair)}" if repair is not None else f": {written(tree)}"
            )
            what = f"line {i + 1} does not follow from line {i}" if i else "line 1 is wrong"
            return what + hint
        return ""

    def applied(self, rows: list[Any]) -> list[Any]:
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


def sides(text: str) -> list[str]:
    """The parts of an equation: what stands between equality signs, those in brackets aside."""
    found, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        doubled = text[i - 1 : i] in ("<", ">", "=", "!") or text[i + 1 : i + 2] == "="
        if c == "=" and depth <= 0 and not (doubled and i):
            found.append(text[start:i])
            start = i + 1
    return [*found, text[start:]]


def letters_in(key: Any) -> str:
    """The subscripts of the quantity itself: ``ij`` of ``dL/dW_{ij}``."""
    text = unlatex(key) if isinstance(key, str) else ""
    found = re.search(r"_\{?([a-z]{1,3})\}?$", text)
    return found[1] if found else ""


def numbers_in(tree: ast.expr) -> list[float]:
    """The numbers that are written in a formula."""
    values = [getattr(x, "value", None) for x in ast.walk(tree) if isinstance(x, ast.Constant)]
    return [x for x in values if type(x) in (int, float)]  # type: ignore[misc]


def alike(a: Any, b: Any) -> bool:
    """Whether two values are equal but for rounding; one number may stand for equal entries."""
    if a.shape != b.shape and a.shape != ():
        return False
    peak = float(np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.isfinite(a)) and np.allclose(a, b, rtol=1e-7, atol=1e-10 * peak + 1e-14))


def _is_quantity(tree: ast.expr) -> bool:
    """Whether a formula is only the name of a derivative: the left side of an equation."""
    text = written(tree)
    return bool(re.fullmatch(r"d\w+/d\w+", text)) or (
        len(names_in(tree)) == 1 and isinstance(tree, ast.Name) and bool(readings(tree.id))
    )
