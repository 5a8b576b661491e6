"""What the names in formulas are, at the data and at other points."""

from __future__ import annotations

import ast
import difflib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad.derivation.backward.naming import readings
from minigrad.derivation.backward.watch import held_at
from minigrad.derivation.factors import multiple
from minigrad.derivation.formulas.constants import related
from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.given import is_formula
from minigrad.derivation.formulas.grammar import (
    DERIVATIVE,
    FAILURES,
    check,
    names_in,
    parsed,
    value_of,
)
from minigrad.derivation.formulas.notation import RAISED
from minigrad.derivation.formulas.points import Point, Points, tensors_of, varies
from minigrad.derivation.keys import Keys
from minigrad.derivation.spelling import greek
from minigrad.derivation.values import PRINTED
from minigrad.derivation.walk import shape_of
from minigrad.graph import AnyNode
from minigrad.reading.names import Names, names
from minigrad.tensor import Tensor
from minigrad.typing import Array

Alias = tuple[float, AnyNode, bool]
"""So many times the value of a node, or the derivative by it."""
Tie = tuple[float, str, int]
"""A number that stands for a constant: so many times it, by name, to which power."""


MOST = 20
"""So many of the caller's other arrays are looked at."""
LONGEST_NAME = 40
"""Longer names are compared by their beginning."""
NUMBERS = {"pi": np.pi, "π": np.pi, "nan": np.nan}


class Variables:
    """The variables that the formulas of one derivation may name."""

    output: Tensor
    hand: Mapping[Any, Any]

    def __init__(self, output: Tensor, hand: Mapping[object, object]) -> None:
        self.output, self.hand = output, hand
        keys = [k for key in hand for k in (key if isinstance(key, tuple) else (key,))]
        tensors = [k for k in keys if isinstance(k, Tensor) and k.node is not None]
        self.roots: list[AnyNode] = [output.node, *(t.node for t in tensors)]
        self.names: Names = names(self.roots)
        self.reader: Keys = Keys(output, self.names, "check_derivation")
        self.aliases: dict[str, Alias | None] = {}
        self.definitions: dict[str, ast.expr | None] = {}
        held = [v for scope in self.names.scopes for v in scope.variables.values()]
        self.given: dict[AnyNode, Array] = tensors_of(output, *tensors, *held)
        self.points: Points = Points(self.names, self.given)

    def include(self, *nodes: AnyNode) -> None:
        """Take into the graph what the output does not depend on, so that it moves as well."""
        new = [n for n in nodes if n is not None and n not in self.points.data.values]
        if new:
            self.roots += new
            self.names = names(self.roots, self.names.scopes)
            self.reader.use(self.names)
            self.given |= self.reader.values
            self.points = Points(self.names, self.given)

    def known(self, name: str) -> bool:
        """Whether a name is something here; ``e`` is Euler's number unless a variable is."""
        if name == "e" and self.has_euler:
            return False
        return self.find(name, self.points.data) is not None

    @property
    def has_euler(self) -> bool:
        """Whether no variable is called ``e``; one may be called ``E``."""
        held = (self.names.find("e"), self.points.data.constants.get("e"), self.path("e"))
        return all(x is None for x in held)

    def divided(self, text: str) -> str:
        """``dvec/dist`` with brackets, where it is a quotient of variables and no derivative."""

        def one(quotient: re.Match[str]) -> str:
            u, v = quotient[1], RAISED.sub("", quotient[2])
            derivative = self.known(u) and self.known(v)
            plain = not derivative and self.known(f"d{u}") and self.known(f"d{v}")
            return f"d{u}/(d{v}){quotient[2].removeprefix(v)}" if plain else quotient[0]

        return DERIVATIVE.sub(one, text)

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

    def lookup(self, name: str, point: Point) -> Array:
        """What a name in a formula is at a point.

        Raises
        ------
        NoFormula
            For a name that is nothing here.
        """
        found = self.find(name, point)
        if found is None and name in (*NUMBERS, "e"):
            return NUMBERS.get(name, np.e)
        if found is None:
            near = difflib.get_close_matches(name[:LONGEST_NAME], self.everything(), 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise NoFormula(f"no variable is called {name!r}{hint}")
        return found

    def find(self, name: str, point: Point) -> Array | None:
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
        """The name that is spelled out in another way, ``lam`` of ``λ``, or in other capitals."""
        held = self.names.scopes[0].variables if self.names.scopes else {}
        numbers = [n for n, x in held.items() if isinstance(x, int | float | np.ndarray | Tensor)]
        known = [n for n in dict.fromkeys([*self.everything(), *numbers]) if n != name]
        for plain in (spelled_out, plainest) if name not in NUMBERS else ():
            found = [n for n in known if plain(n) == plain(name)]
            if len(found) == 1:
                return found[0]
        return None

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

    def origin(self, held: Array) -> Alias | None:
        if any(a is held for n in self.points.nodes for a in n.args):
            return None  # a constant of the graph that stays what it is, a mask say
        for slopes in (False, True) if is_computed(held) else ():
            for node, value in self.of_nodes(self.points.data, slopes).items():
                if (k := times(held, value)) is not None:
                    return k, node, slopes
        return None

    def of_nodes(self, point: Point, slopes: bool) -> dict[AnyNode, Array]:
        """The values of all nodes, or the derivatives by them."""
        return point.gradients(self.output.node) if slopes else point.values

    def beside_graph(self, name: str) -> Array | None:
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

    def value(self, tree: ast.expr, point: Point, tied: Mapping[float, Tie] | None = None) -> Array:
        def number(x: float) -> Array:
            if not tied or x not in tied:
                return x
            times, name, power = tied[x]
            return times * np.float64(point.constants[name]) ** power

        return value_of(tree, lambda name: self.lookup(name, point), number)


def plainest(name: str) -> str:
    """A name without underscores and capitals; ``Σ`` and ``σ`` stay different letters."""
    return "".join(c.lower() if c.isascii() else c for c in name if c != "_")


def spelled_out(name: str) -> str:
    """A name in plain letters: ``lambda1`` of ``λ_1`` and ``lam_1``."""
    plain = "".join(map(greek, unicodedata.normalize("NFKC", name))).replace("_", "")
    plain = re.sub("^(?:lamb?d?|lmbda|lamda)(?![a-z])", "lambda", plain.removeprefix("var"))
    return re.sub("^eps(?![a-z])", "epsilon", plain)


def is_computed(x: Array | None) -> bool:
    """Whether a number, or an array, has more digits than people write."""
    if isinstance(x, np.ndarray) and x.size > 2:
        return bool(x.dtype.kind == "f")
    if not isinstance(x, float | np.floating | np.ndarray) or np.asarray(x).dtype.kind != "f":
        return False
    return any(len(repr(float(v))) > PRINTED for v in np.ravel(x))


def times(x: Array, value: Array) -> float | None:
    """How many times ``value`` an array is, where that is a whole number, or 1 over one."""
    if shape_of(x) != shape_of(value) or type(value) is tuple or not np.any(x):
        return None
    x, value = np.asarray(x, float), np.asarray(value, float)
    k = multiple(x, value) if x.ndim else 1.0
    if not k or min(abs(k - round(k)), abs(1 / k - round(1 / k))) > 1e-9 * abs(k):
        return None
    return k if bool(np.allclose(x, k * value, rtol=1e-9, atol=0)) else None
