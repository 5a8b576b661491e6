"""What a formula is: the tree of a string, and what its names are at a point.

Of the ways to read a formula, the one that is right is taken, or one that fits at least.
"""

from __future__ import annotations

import ast
import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, product
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import readings
from minigrad.derivation.backward.watch import held_at
from minigrad.derivation.factors import multiple
from minigrad.derivation.formulas.constants import related
from minigrad.derivation.formulas.functions import FUNCTIONS, SPELLINGS, NoFormula
from minigrad.derivation.formulas.given import Answer, is_formula, parts_of
from minigrad.derivation.formulas.grammar import (
    DERIVATIVE,
    FAILURES,
    LONGEST,
    check,
    conditions,
    dotted,
    juxtaposed,
    names_in,
    parsed,
    syntax,
    value_of,
    written,
)
from minigrad.derivation.formulas.indices import has_indices, ways
from minigrad.derivation.formulas.latex import as_python, is_latex
from minigrad.derivation.formulas.notation import (
    RAISED,
    UNITS,
    fractions,
    parted,
    piecewise,
    raised,
    sides,
    sized,
)
from minigrad.derivation.formulas.own import CALL, read_own, renamed
from minigrad.derivation.formulas.points import Point, Points, alike, fit, tensors_of, varies
from minigrad.derivation.formulas.symbolic import is_symbolic, spelled
from minigrad.derivation.formulas.tokens import TOKEN, WORDS
from minigrad.derivation.keys import Keys, unlatex
from minigrad.derivation.values import PRINTED
from minigrad.derivation.walk import shape_of
from minigrad.graph import AnyNode
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor

PRIMED = re.compile(
    r"(?:(?<![^\W\d])(?<!\\)(\\?[^\W\d]\w*)|\))(?:['′]|\^(?:'|\{?\\prime\}?))(?!\s*\(\w+\)|\])"
)
"""A transpose, as econometricians write it."""
Alias = tuple[float, AnyNode, bool]
"""So many times the value of a node, or the derivative by it."""
Tie = tuple[float, str, int]
"""A number that stands for a constant: so many times it, by name, to which power."""


MOST = 20
"""So many of the caller's other arrays are looked at."""
LONGEST_NAME = 40
"""Longer names are compared by their beginning."""
NUMBERS = {"pi": np.pi, "π": np.pi, "nan": np.nan}


class Reading:
    """The formulas among the answers of one derivation, read."""

    output: Tensor
    hand: Mapping[Any, Any]

    def __init__(self, output: Tensor, hand: Mapping[Any, Any]) -> None:
        self.output, self.hand = output, hand
        keys = [k for key in hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.roots: list[AnyNode] = [output.node, *(t.node for t in tensors)]
        self.names: Names = names(self.roots)
        self.reader: Keys = Keys(output, self.names, "check_derivation")
        self.aliases: dict[str, Alias | None] = {}
        self.definitions: dict[str, ast.expr | None] = {}
        held = [v for scope in self.names.scopes for v in scope.variables.values()]
        self.given: dict[AnyNode, Any] = tensors_of(output, *tensors, *held)
        self.points: Points = Points(self.names, self.given)
        texts = [str(v) for v in hand.values() if is_formula(v)]
        read_own([scope.variables for scope in self.names.scopes], texts)
        self.answers: dict[Any, Answer] = {
            key: self.answer(key, value) for key, value in hand.items() if is_formula(value)
        }

    def include(self, *nodes: AnyNode) -> None:
        """Take into the graph what the output does not depend on, so that it moves as well."""
        new = [n for n in nodes if n is not None and n not in self.points.data.values]
        if new:
            self.roots += new
            self.names = names(self.roots, self.names.scopes)
            self.reader.use(self.names)
            self.given |= self.reader.values
            self.points = Points(self.names, self.given)

    # --- reading -----------------------------------------------------------------------

    def answer(self, key: Any, given: Any) -> Answer:
        found = Answer(key, given)
        try:
            for part in parts_of(given):
                for tree in self.lines(part, key):
                    found.lines.append(tree)
            with np.errstate(all="ignore"):
                found.value = np.asarray(self.value(found.last, self.points.data), float)
            for truth in map(np.asarray, self.truths(key)):
                if found.value.ndim == truth.ndim and alike(found.value, truth):
                    found.value = np.broadcast_to(found.value, truth.shape)
        except NoFormula as error:
            found.error = str(error)
        except FAILURES as error:
            found.error = f"{given!r} cannot be computed: {error}"
            found.error = (found.lines and self.failure(found.last)) or found.error
        return found

    def failure(self, tree: ast.expr) -> str:
        """Why a formula cannot be computed at the data; empty where it can."""
        try:
            with np.errstate(all="ignore"):
                np.asarray(self.value(tree, self.points.data), float)
        except NoFormula as error:
            return str(error)
        except FAILURES as error:
            return f"{written(tree)} cannot be computed: {error}"
        return ""

    def lines(self, part: Any, key: Any) -> Iterator[ast.expr]:
        """A formula, or the formulas between its equality signs."""
        if is_symbolic(part):
            yield parsed(spelled(part))
            return
        pieces = [p for side in sides(piecewise(part)) if (p := side.strip(" &$"))]
        if not pieces:
            raise NoFormula(f"{part!r} is not a formula")
        for i, text in enumerate(pieces):
            tree = self.spelled(self.tree(text, key), text)
            if i or len(pieces) == 1 or not _is_quantity(tree):  # dL/dz = ...
                yield tree

    def tree(self, text: str, key: Any) -> ast.expr:
        """One formula: of the ways to read it, the one that is right, or fits at least.

        ``A x`` is ``A @ x``, or ``A * x``; the letters of ``x_i y_j`` may stand in any order.
        """
        if len(text) > LONGEST:
            raise NoFormula(f"a formula has at most {LONGEST} characters")
        text = self.divided(fractions(PRIMED.sub(self.transposed, renamed(text))))
        if "^T " in text and "**" not in text:  # the product of matrices, however it is written
            text = text.replace("*", " ")
        latex = is_latex(text)
        ways = (juxtaposed, dotted, self.with_subscripts, self.multiplied, self.run_together)
        plain = not (latex or any(way(text) for way in ways))
        units = list(self.units(text))
        if plain and not units:
            return parsed(text)
        truths = self.truths(key)
        found: list[tuple[bool, bool, bool, ast.expr]] = []
        failed: NoFormula | None = None
        texts = sized(raised(parted(text, self.known)), units, self.sizes(), latex)
        if self.known("π"):  # which is the number in √(2π) all the same
            whole = [raised(re.sub(r"(?<=2)\s*·?\s*π", " pi", text))]
            texts = chain(texts, whole if whole != [raised(text)] else ())
        read = chain.from_iterable(self.readings_of(t, key, latex, plain) for t in texts)
        for tree in read:
            if isinstance(tree, NoFormula):
                failed = failed or tree
                continue
            try:
                with np.errstate(all="ignore"):
                    value = np.asarray(self.value(tree, self.points.data), float)
            except FAILURES:
                found.append((False, False, False, tree))
                continue
            right = any(alike(value, np.asarray(t, float)) for t in truths)
            found.append((right, any(fit(value.shape, np.shape(t)) for t in truths), True, tree))
            if right:
                break
        if found:
            return max(found, key=lambda f: f[:3])[3]
        if latex and failed is not None:
            raise failed
        try:
            tree = parsed(text)
        except NoFormula as error:
            raise failed or error from None
        if failed is not None and not all(n in NUMBERS or self.known(n) for n in names_in(tree)):
            raise failed
        return tree

    def units(self, text: str) -> Iterator[str]:
        """Which of ``I`` and ``1ᵀ``, of no size that is written, a formula has."""
        for name, pattern in UNITS.items():
            if re.search(pattern, parted(text, self.known)) and not (
                name == "eye" and self.known("I")
            ):
                yield name

    def sizes(self) -> list[int]:
        """How long the axes are that there are."""
        shapes = {shape_of(v) for v in self.points.data.values.values() if type(v) is not tuple}
        return sorted({n for shape in shapes for n in shape})

    def multiplied(self, text: str) -> bool:
        """Whether a variable that is called like a function is multiplied: ``Σ(x - μ)``."""
        return any(
            SPELLINGS.get(name, name) in FUNCTIONS and self.known(name)
            for name, _ in re.findall(CALL, text)
        )

    def run_together(self, text: str) -> bool:
        """Whether a word is a product of variables: ``Wg``."""
        words = re.findall(r"(?<![\w.])[^\W\d_]{2,4}(?![\w.(])", text)
        return any(all(map(self.known, word)) and not self.known(word) for word in words)

    def divided(self, text: str) -> str:
        """``dvec/dist`` with brackets, where it is a quotient of variables and no derivative."""

        def one(quotient: re.Match[str]) -> str:
            u, v = quotient[1], RAISED.sub("", quotient[2])
            derivative = self.known(u) and self.known(v)
            plain = not derivative and self.known(f"d{u}") and self.known(f"d{v}")
            return f"d{u}/(d{v}){quotient[2].removeprefix(v)}" if plain else quotient[0]

        return DERIVATIVE.sub(one, text)

    def transposed(self, primed: re.Match[str]) -> str:
        """``X'X`` as ``X^T X``, where ``X`` is an array; ``f'(z)`` is a derivative."""
        name = primed[1].lstrip("\\")
        of = name and self.rank(name) and SPELLINGS.get(name, name) not in FUNCTIONS
        return f"{primed[1] or ')'}^T " if of or not name else primed[0]

    def readings_of(
        self, text: str, key: Any, latex: bool, plain: bool
    ) -> Iterator[ast.expr | NoFormula]:
        """The ways to read a formula, and why others fail."""
        if plain:
            yield parsed(text)
            return
        words = text if latex else conditions(re.sub(r"⊤|\.T\b", "^T ", text))
        tokens, calls = TOKEN if latex else WORDS, (False, True)[: 1 + self.multiplied(text)]
        for called, shape in product(calls, (self.shape, lambda part: None)):
            try:
                python = as_python(words, self.known, shape, tokens, self.shape, called)
                tree = syntax(self.divided(python))
                found = ways(tree, self.shape, self.letters(key), self.whole)
                for way in found if has_indices(tree) else [tree]:
                    if not isinstance(way, NoFormula):
                        check(way)
                    yield way
            except NoFormula as error:
                yield error
            except RecursionError:
                yield NoFormula(f"{text[:40]!r}... is nested too deeply")

    def letters(self, key: Any) -> dict[str, int | None]:
        """The subscripts of the quantity itself, and how far they run: ``ij`` of ``dL/dW_{ij}``."""
        text = unlatex(key) if isinstance(key, str) else ""
        match = re.search(r"([^\W_]+)_\{?([a-z]{1,3})\}?$", text)
        if match is None:
            return {}
        ends = self.ends(key) if not self.known(match[0].lstrip("d∂")) else []
        lengths: Any = np.shape(self.points.data.values.get(ends[0][1], 0.0)) if ends else ()
        known = len(lengths) == len(match[2])
        return {c: lengths[k] if known else None for k, c in enumerate(match[2])}

    def whole(self, name: str) -> int | None:
        """The whole number that the caller's variable holds."""
        held = self.held(name)
        return int(held) if isinstance(held, int | np.integer) and held >= 0 else None

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

    def truths(self, key: Any) -> list[Any]:
        """What is asked for, at the data."""
        if (updated := self.updated(key)) is not None:
            return [updated(self.points.data)]
        return [t for ends in self.ends(key) if (t := self.truth_at_data(*ends)) is not None]

    def updated(self, key: Any) -> Callable[[Point], Any] | None:
        """What a parameter is after a step, at a point; None for other keys."""
        try:
            found = self.reader.read(key)
        except (ValueError, TypeError):
            return None
        if found.kind != "update" or found.v not in self.points.data.nodes:
            return None
        return lambda point: point.values[found.v] + found.rate * point.derivative(found.u, found.v)

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

    def known(self, name: str) -> bool:
        return self.find(name, self.points.data) is not None

    def rank(self, text: str) -> int:
        """How many axes a formula has; 0 where it cannot be told."""
        return len(self.shape(text) or ())

    def shape(self, formula: str | ast.expr) -> tuple[int, ...] | None:
        """The shape of a formula; None where it cannot be told."""
        try:
            with np.errstate(all="ignore"):
                tree = parsed(self.divided(formula)) if isinstance(formula, str) else formula
                return tuple(np.shape(self.value(tree, self.points.data)))
        except FAILURES:
            return None

    # --- values ------------------------------------------------------------------------

    def lookup(self, name: str, point: Point) -> Any:
        """What a name in a formula is at a point.

        Raises
        ------
        NoFormula
            For a name that is nothing here.
        """
        found = self.find(name, point)
        if found is None and name in NUMBERS:
            return NUMBERS[name]
        if found is None:
            near = difflib.get_close_matches(name[:LONGEST_NAME], self.everything(), 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise NoFormula(f"no variable is called {name!r}{hint}")
        return found

    def find(self, name: str, point: Point) -> Any:
        """What a name is at a point; None where it is nothing."""
        name = unicodedata.normalize("NFKC", name)
        node = self.names.find(name)
        if node is not None and node in point.values:
            return point.values[node]
        if name in point.constants:
            return point.constants[name]
        held = self.path(name)
        if isinstance(held, Tensor) and held.node is not None:
            if held.node not in point.values:
                self.given[held.node] = held._value
                self.include(held.node)
                point = self.points.data
            return point.values[held.node]
        held = held._value if isinstance(held, Tensor) else held
        if isinstance(held, int | float | np.number | np.ndarray | list):
            moves = point is not self.points.data
            if moves and (alias := self.alias(name)) is not None:
                return alias[0] * self.of_nodes(point, alias[2])[alias[1]]
            if moves and (tree := self.definition(name)) is not None:
                return self.value(tree, point)
            return np.asarray(held) if isinstance(held, list) else held
        derivative = self.derivative(name, point)
        if derivative is not None:
            return derivative
        alike = self.alike(name)
        return None if alike is None else self.find(alike, point)

    def alike(self, name: str) -> str | None:
        """The name that differs from one by underscores and capitals alone."""
        found = [n for n in self.everything() if plainest(n) == plainest(name) and n != name]
        return found[0] if len(found) == 1 else None

    def spelled(self, tree: ast.expr, text: str) -> ast.expr:
        r"""A formula in its words, or those of the variables: ``yhat`` for ``\hat{y}``."""
        foreign = {n: self.alike(n) for n in names_in(tree) if n not in text}
        for x in ast.walk(tree):
            if isinstance(x, ast.Name) and not self.names.find(x.id):
                x.id = foreign.get(x.id) or x.id
        return tree

    def path(self, name: str) -> Any:
        """The caller's variable, or what a path leads to."""
        root = re.split(r"[.\[]", name)[0]
        return held_at(name, {root: self.names.value(root)}) if root.isidentifier() else None

    def held(self, name: str) -> Any:
        """What the caller's variable, or path, holds."""
        found = self.path(name)
        return found._value if isinstance(found, Tensor) else found

    def definition(self, name: str) -> ast.expr | None:
        """The formula that a variable beside the graph was computed by, if its statement is one."""
        if name not in self.definitions:
            self.definitions[name] = None  # while it is looked up
            self.definitions[name] = self.defined(name)
        return self.definitions[name]

    def defined(self, name: str) -> ast.expr | None:
        scope = next((s for s in self.names.scopes if name in s.variables), None)
        statement = next(iter(scope.assignments(name)), None) if scope is not None else None
        tree = statement.values.get(name) if statement is not None else None
        if tree is None:
            return None
        try:
            check(tree)
            mine, held = (
                np.asarray(x) for x in (self.value(tree, self.points.data), self.held(name))
            )
        except FAILURES:
            return None
        same = mine.shape == held.shape and np.allclose(mine, held, 1e-9, 1e-15, equal_nan=True)
        return tree if same else None

    def alias(self, name: str) -> Alias | None:
        """What a number of the caller's is in the graph, if it is part of it.

        ``p.data``, or a gradient that was worked out before, each times a number at most.
        """
        if name not in self.aliases:
            self.aliases[name] = self.origin(self.held(name))
        return self.aliases[name]

    def origin(self, held: Any) -> Alias | None:
        if any(a is held for n in self.points.nodes for a in n.args):
            return None  # a constant of the graph that stays what it is, a mask say
        for slopes in (False, True) if is_computed(held) else ():
            for node, value in self.of_nodes(self.points.data, slopes).items():
                if (k := times(held, value)) is not None:
                    return k, node, slopes
        return None

    def of_nodes(self, point: Point, slopes: bool) -> dict[AnyNode, Any]:
        """The values of all nodes, or the derivatives by them."""
        return point.gradients(self.output.node) if slopes else point.values

    def beside_graph(self, name: str) -> Any:
        """The number that a variable holds which the graph does not have; else None."""
        inside = name in self.points.data.constants or self.names.find(name) is not None
        held = None if inside else self.held(name)
        return held if isinstance(held, float | np.floating | np.ndarray) else None

    def unmoved(self, name: str) -> bool:
        """Whether a name is of a number that was computed, nobody knows from what."""
        held = self.beside_graph(name)
        if not is_computed(held) or self.alias(name) is not None or self.definition(name):
            return False
        return bool(related(self.names, name, self.everything()))

    def stays(self, name: str) -> bool:
        """Whether a variable that formulas name is the same at all points."""
        if not varies(self.beside_graph(name)) or self.alias(name) is not None:
            return False
        tree = self.definition(name)
        return tree is None or all(map(self.stays, names_in(tree)))

    def everything(self) -> list[str]:
        """The names that a formula may use: of nodes, and of named constants of the graph."""
        nodes = [self.names.node[n] for n in self.points.nodes if self.names.known(n)]
        return list(dict.fromkeys([*nodes, *self.points.data.constants]))

    def beside(self) -> list[str]:
        """Names of the caller's arrays that are not moved, such as labels."""
        held = self.names.scopes[0].variables if self.names.scopes else {}
        arrays = [n for n, x in held.items() if isinstance(x, np.ndarray) and x.dtype.kind in "fb"]
        return [n for n in arrays if n not in self.everything()][:MOST]

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
        pairs += [(self.output.node, self.reader.signal(name))]
        for u, v in pairs:
            if u is not None and v is not None:
                return point.derivative(u, v)
        return None

    def value(self, tree: ast.expr, point: Point, tied: Mapping[float, Tie] | None = None) -> Any:
        def number(x: float) -> Any:
            if not tied or x not in tied:
                return x
            times, name, power = tied[x]
            return times * np.float64(point.constants[name]) ** power

        return value_of(tree, lambda name: self.lookup(name, point), number)


def plainest(name: str) -> str:
    """A name without underscores and capitals; ``Σ`` and ``σ`` stay different letters."""
    return "".join(c.lower() if c.isascii() else c for c in name if c != "_")


def is_computed(x: Any) -> bool:
    """Whether a number, or an array, has more digits than people write."""
    if isinstance(x, np.ndarray) and x.size > 2:
        return bool(x.dtype.kind == "f")
    if not isinstance(x, float | np.floating | np.ndarray) or np.asarray(x).dtype.kind != "f":
        return False
    return any(len(repr(float(v))) > PRINTED for v in np.ravel(x))


def times(x: Any, value: Any) -> float | None:
    """How many times ``value`` an array is, where that is a whole number, or 1 over one."""
    if shape_of(x) != shape_of(value) or type(value) is tuple or not np.any(x):
        return None
    x, value = np.asarray(x, float), np.asarray(value, float)
    k = multiple(x, value) if x.ndim else 1.0
    if not k or min(abs(k - round(k)), abs(1 / k - round(1 / k))) > 1e-9 * abs(k):
        return None
    return k if bool(np.allclose(x, k * value, rtol=1e-9, atol=0)) else None


def _is_quantity(tree: ast.expr) -> bool:
    """Whether a formula is only the name of a derivative: the left side of an equation."""
    text = written(tree)
    return bool(re.fullmatch(r"d\w+/d\w+", text)) or (
        isinstance(tree, ast.Name) and bool(readings(tree.id))
    )
