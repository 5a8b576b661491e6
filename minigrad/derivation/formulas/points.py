"""The recorded computation at other points, so that a coincidence is not called right.

The graph is recorded again from other values of its leaves, and of the constants that the
user has names for; at ``x = 1`` the formula without ``x`` is as good as the one with it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.factors import is_simple
from minigrad.derivation.formulas.constants import (
    OWN,
    computed_by,
    is_written,
    multiples,
    sources_of,
)
from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.grammar import names_in, value_of
from minigrad.graph import NOTHING, AnyNode, Leaf, Node, backward_pass, next_seq
from minigrad.reading.names import Names, layout
from minigrad.reading.statements import tree_of
from minigrad.tensor import Tensor
from minigrad.typing import Array

SEED = 20_260
LITTLE, SMALL = 1e-4, 2
BRANCHING = (ast.If, ast.IfExp, ast.Compare, ast.While, ast.Match)
Move = Callable[[Array, np.random.Generator, bool], Array]
"""A value at another point: from itself, a generator, and whether it is a constant."""


@dataclass
class Point:
    """The values of all nodes and named constants at one point.

    Attributes
    ----------
    nodes : dict
        Node of the recorded graph -> its node here.
    values : dict
        Node of the recorded graph -> its value here.
    constants : dict
        Name -> value, of the constants that were changed.
    moved : dict
        The same of arrays, by where they are: one that has two names is one.
    """

    nodes: dict[AnyNode, AnyNode] = field(default_factory=dict)
    values: dict[AnyNode, Array] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    moved: dict[Hashable, Array] = field(default_factory=dict)
    _derivatives: dict[tuple[AnyNode, AnyNode, bool], Array] = field(default_factory=dict)
    _gradients: dict[AnyNode, dict[AnyNode, Array]] = field(default_factory=dict)

    def derivative(self, u: AnyNode, v: AnyNode, full: bool = False) -> Array:
        """``du/dv``: a gradient, a diagonal, or the full Jacobian, ``u.shape + v.shape``."""
        if (u, v, full) not in self._derivatives:
            self._derivatives[u, v, full] = self._derivative(u, v, full)
        return self._derivatives[u, v, full]

    def _derivative(self, u: AnyNode, v: AnyNode, full: bool) -> Array:
        shape, size = np.shape(self.values[u]), int(np.size(self.values[u]))
        to = self.nodes[v]
        if not full:
            return self._pulled(u, to, np.ones(shape)[()], v)
        rows = [self._pulled(u, to, np.eye(1, size, k).reshape(shape)[()], v) for k in range(size)]
        return np.stack(rows).reshape((*shape, *np.shape(self.values[v])))

    def gradients(self, u: AnyNode) -> dict[AnyNode, Array]:
        """The derivatives of ``u`` by all nodes."""
        if u not in self._gradients:
            ends = {here: node for node, here in self.nodes.items()}
            seed = np.ones(np.shape(self.values[u]))[()]
            found = backward_pass([(self.nodes[u], seed)], list(ends))
            self._gradients[u] = {ends[n]: np.asarray(g) for n, g in found.items()}
        return self._gradients[u]

    def _pulled(self, u: AnyNode, to: AnyNode, seed: Array, v: AnyNode) -> Array:
        found = backward_pass([(self.nodes[u], seed)], [to]).get(to)
        return np.zeros(np.shape(self.values[v])) if found is None else np.asarray(found)


class Points:
    """The data, and other points."""

    def __init__(self, names: Names, given: Mapping[AnyNode, Array]) -> None:
        self.names = names
        self.nodes: list[AnyNode] = sorted(names.nodes, key=lambda n: n.seq)
        self.values: dict[AnyNode, Array] = dict(given)
        self.named: dict[tuple[AnyNode, int], str] = {}
        self.computed: dict[tuple[AnyNode, int], ast.expr] = {}
        """Constants that a statement computes from others, as ``1 - y`` in ``(1 - y) * log(p)``."""
        self.perhaps: dict[tuple[AnyNode, int], ast.expr] = {}
        """The same of numbers that are written in the statement as well."""
        self.unread: dict[tuple[AnyNode, int], float] = {}
        """Numbers that are written nowhere where they could be."""
        self.untold: list[AnyNode] = []
        """Those with a constant that may have been computed from others, nobody knows how."""
        self.met: dict[int, tuple[AnyNode, int]] = {}
        """Where a constant is first."""
        self.equal: set[str] = set()
        """Arrays of the caller's with the numbers of those without a name."""
        self.kept: set[str] = set()
        """Names of exponents, which say what function it is."""
        for node in self.nodes:
            for i, (arg, parent) in enumerate(zip(node.args, node.parents, strict=True)):
                if parent is not None:
                    self.values.setdefault(parent, arg)
                elif varies(arg):
                    self._meet(node, i, arg)
        self.exponents: dict[tuple[AnyNode, int], str] = {
            at: n for at, n in self.named.items() if n in self.kept
        }
        self.named = {at: n for at, n in self.named.items() if n not in self.kept}
        self._near: dict[frozenset[str], list[Point]] = {}
        self.data: Point = self.at(None)
        self.others: list[Point] = self._some() or self.close

    def _meet(self, node: AnyNode, i: int, arg: Array) -> None:
        """Find out what a constant is to the user."""
        at, nobody = (node, i), self.names.owner(node) is None
        if nobody and (first := self.met.get(id(arg))) is not None:
            tables: list[dict[Any, Any]] = [self.named, self.computed, self.perhaps]
            for held in tables:  # a rule passes it on
                if first in held:
                    held[at] = held[first]
            return
        self.met.setdefault(id(arg), at)
        name = self.names.constant(node, i)
        if name is not None:
            self.named[at] = name
            if node.op is ops.power and i == 1:
                self.kept.add(name)
        elif (found := computed_by(self.names, node, i)) is not None:
            written, told = found
            (self.computed if told else self.perhaps)[at] = written
        elif (name := self._equal(arg)) is not None:
            self.named[at] = name
            self.equal.add(name)
        elif np.ndim(arg) or not is_simple(float(arg)) or nobody or self._spelled_alike(node, i):
            self.untold.append(node)
        elif float(arg) not in OWN and not is_written(self.names, node, float(arg)):
            self.unread[at] = float(arg)

    def _equal(self, arg: Array) -> str | None:
        """The variable that holds the same numbers as an array without a name."""
        for scope in self.names.scopes if np.size(arg) > SMALL else ():
            for name, x in scope.variables.items():
                if type(x) is np.ndarray and x.shape == arg.shape and np.array_equal(x, arg):
                    return name
        return None

    def _spelled_alike(self, node: AnyNode, i: int) -> bool:
        """Whether a number may be a literal or a variable of the statement: both have its value."""
        if self.names.operand(node, i) is not None:
            return False
        owner = self.names.owner(node)
        statement, scope = (
            next(self.names.assignments(owner), (None, None)) if owner else (None, None)
        )
        if statement is None or scope is None:
            return False
        held = [scope.seen.get(name) for name in statement.loads]
        return any(isinstance(x, float) and x == node.args[i] for x in held)

    @cached_property
    def guessed(self) -> list[list[Point]]:
        """For each named number, points where those that are unread are computed from it.

        And points where what may be computed from others is.
        """
        found, known = [], self.computed
        if self.perhaps:
            self.computed = known | self.perhaps
            found.append(self._some())
        for name, v in self.data.constants.items():
            ties = {at: next(multiples(k, v), None) for at, k in self.unread.items()
                    if not np.ndim(v)}  # fmt: skip
            texts = {at: f"{rp[0]!r} * {name} ** {rp[1]}" for at, rp in ties.items() if rp}
            if texts and name.isidentifier():
                trees = {at: ast.parse(text, mode="eval").body for at, text in texts.items()}
                self.computed = {**known, **trees}
                found.append(self._some())
        self.computed = known
        return found

    @cached_property
    def suspects(self) -> frozenset[str]:
        """The constants from which others may have been computed, nobody knows how."""
        found = set(self.equal)
        for owner in {self.names.owner(node) for node in self.untold}:
            sources = None if owner is None else sources_of(self.names, owner)
            found |= self.data.constants.keys() if sources is None else sources
        return frozenset(found & self.data.constants.keys())

    def near(self, still: frozenset[str]) -> list[Point]:
        """Points at which some constants are what they are."""
        if still not in self._near:
            self._near[still] = [*self._some(still), *self._turned(still)]
        return self._near[still]

    @cached_property
    def close(self) -> list[Point]:
        """Points so close to the data that every condition comes out as it does there."""
        return self._some(move=moved_a_little)

    @cached_property
    def powers(self) -> list[Point]:
        """Points at which the exponents that have names are other numbers as well."""
        return self._some(exponents=True) if self.exponents else []

    @cached_property
    def turned(self) -> list[Point]:
        """Points at which parameters have other signs, where functions with kinks are recorded."""
        return self._turned()

    def _turned(self, still: frozenset[str] = frozenset()) -> list[Point]:
        kinks = any(n.op is not None and n.op.kink is not None for n in self.nodes)
        return self._some(still, turned) if kinks and not self.branches else []

    @cached_property
    def branches(self) -> bool:
        """Whether values may have decided what is computed, which nothing recorded.

        As a condition of ``where``, a mask, or an ``if`` of the user's.
        """
        constants = [a for n in self.nodes for a, p in zip(n.args, n.parents, strict=True) if not p]
        if any(isinstance(a, np.ndarray) and a.dtype.kind == "b" for a in constants):
            return True
        codes = [scope.code for scope in self.names.scopes[:1]]
        trees = [tree_of(code) if code is not None else None for code in codes]
        return any(t is None or any(isinstance(x, BRANCHING) for x in ast.walk(t)) for t in trees)

    def _some(
        self,
        still: frozenset[str] = frozenset(),
        move: Move | None = None,
        exponents: bool = False,
    ) -> list[Point]:
        """Two points where everything is defined, if there are."""
        found: list[Point] = []
        for k in range(4):
            with np.errstate(all="ignore"):
                try:
                    rng = np.random.default_rng(SEED + k)
                    point = self.at(rng, still, move, exponents)
                except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError):
                    continue
            values = [v for v in point.values.values() if type(v) is not tuple]
            if all(np.all(np.isfinite(v)) for v in values) and len(found) < 2:
                found.append(point)
        return found

    def at(
        self,
        rng: np.random.Generator | None,
        still: frozenset[str] = frozenset(),
        move: Move | None = None,
        exponents: bool = False,
    ) -> Point:
        """The computation with all but some constants moved; at the data without ``rng``."""
        move, point = move or moved, Point()
        named = {**self.named, **self.exponents} if exponents else self.named
        for node, i in named:
            name, value = named[node, i], node.args[i]
            held = (name[:-2], value.T) if name.endswith(".T") else (name, value)
            self._enter(point, *held, None if held[0] in still else rng, move)
        for written in (*self.computed.values(), *self.perhaps.values()):
            for name in names_in(written):
                if exponents or name not in self.kept:
                    value = self.names.value(name)
                    self._enter(point, name, value, None if name in still else rng, move)
        for node in self.nodes:
            if node.op is None:
                value = self.values.get(node)
                if value is None:
                    continue
                new = np.asarray(value, float)[()] if rng is None else move(value, rng, False)
                leaf: AnyNode = Leaf()
            else:
                args = [self._argument(point, node, i) for i in range(len(node.args))]
                new = node.ans if rng is None else node.op.forward(*args, **node.kwargs)
                parents = tuple(p and point.nodes[p] for p in node.parents)
                kwargs = node.kwargs or NOTHING
                leaf = Node(node.op, tuple(args), parents, kwargs, new, next_seq())
            point.nodes[node], point.values[node] = leaf, new
        return point

    def _enter(
        self, point: Point, name: str, value: Array, rng: np.random.Generator | None, move: Move
    ) -> None:
        if name in point.constants or not isinstance(value, int | float | np.number | np.ndarray):
            return
        same = layout(value) if isinstance(value, np.ndarray) else name
        if same not in point.moved:
            point.moved[same] = value if rng is None else move(value, rng, True)
        point.constants[name] = point.moved[same]

    def _constant(self, point: Point, name: str) -> Array:
        """What a variable holds at a point."""
        found = point.constants.get(name, self.names.value(name))
        if found is None:
            raise NoFormula(f"no variable is called {name!r}")
        return found

    def _argument(self, point: Point, node: AnyNode, i: int) -> Array:
        parent, arg = node.parents[i], node.args[i]
        if parent is not None:
            return point.values[parent]
        written = self.computed.get((node, i))
        if written is not None:
            return value_of(written, lambda name: self._constant(point, name))
        name = self.named.get((node, i))
        if name is None:
            return point.constants.get(self.exponents.get((node, i), ""), arg)
        return point.constants[name[:-2]].T if name.endswith(".T") else point.constants[name]


def varies(x: Array) -> bool:
    """Whether a constant may be another number: no count, no label, no one-hot array."""
    if x is None or isinstance(x, bool | int | tuple):
        return False
    dtype = getattr(x, "dtype", np.dtype(float))
    if dtype.kind != "f":
        return False
    return not np.ndim(x) or not np.all(np.isin(x, (0.0, 1.0, -1.0)))


def moved(x: Array, rng: np.random.Generator, constant: bool) -> Array:
    """``x`` elsewhere: of the same sign, and not larger, so that it stays where it is defined."""
    x = np.asarray(x)
    if constant and not varies(x[()]):
        return x[()]
    y = x * rng.uniform(0.55, 0.95, x.shape)
    if not (constant and is_diagonal(x)):
        y = np.where(x == 0, rng.uniform(-0.3, 0.3, x.shape), y)
    if is_symmetric(x):
        y = (y + y.T) / 2
    elif constant and (axis := distributed(x)) is not None:
        y = np.abs(y) / np.sum(np.abs(y), axis=axis, keepdims=True)
    return y.astype(x.dtype)[()]


def moved_a_little(x: Array, rng: np.random.Generator, constant: bool) -> Array:
    """``x`` so close by that no condition comes out in another way."""
    step = (moved(x, rng, constant) - x) * LITTLE
    return x + (step * (np.asarray(x) != 0) if constant else step)


def turned(x: Array, rng: np.random.Generator, constant: bool) -> Array:
    """``x`` elsewhere, every other entry of a parameter with another sign."""
    y = moved(x, rng, constant)
    signs = rng.permutation(np.resize((-1.0, 1.0), np.size(y))).reshape(np.shape(y))
    return y if constant else y * signs[()]


def is_diagonal(x: Array) -> bool:
    """Whether ``x`` is a matrix with zeros beside its diagonal, and none on it."""
    square = x.ndim == 2 and x.shape[0] == x.shape[1] > 1
    return square and np.array_equal(x != 0, np.eye(len(x), dtype=bool))


def is_symmetric(x: Array) -> bool:
    """Whether ``x`` equals its transpose, and not because all of it is alike, or 0 beside it."""
    if x.ndim != 2 or x.shape[0] != x.shape[1] or not np.array_equal(x, x.T):
        return False
    off = x[~np.eye(len(x), dtype=bool)]
    return bool(np.any(off)) and bool(np.ptp(x) > 0)


def distributed(x: Array) -> int | None:
    """The axis along which the entries are probabilities, which a derivation may rely on."""
    for axis in range(x.ndim - 1, -1, -1):
        if x.shape[axis] > 1 and np.all(x >= 0) and np.allclose(x.sum(axis=axis), 1, rtol=1e-6):
            return axis
    return None


def tensors_of(*found: object) -> dict[AnyNode, Array]:
    """The values of Tensors, by node."""
    return {t.node: t._value for t in found if isinstance(t, Tensor) and t.node is not None}


def fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether shapes are the same but for axes of length 1."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


def alike(a: Array, b: Array, rtol: float = 1e-7) -> bool:
    """Whether two values are equal but for rounding; one number may stand for equal entries."""
    if fit(a.shape, b.shape):
        a = a.reshape(b.shape)
    elif a.ndim == b.ndim and all(n in (1, m) for n, m in zip(a.shape, b.shape, strict=True)):
        a = np.broadcast_to(a, b.shape)
    if a.shape != b.shape and a.shape != ():
        return False
    peak = float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0))
    return bool(np.allclose(a, b, rtol, 1e-3 * rtol * peak + 1e-14, equal_nan=True))
