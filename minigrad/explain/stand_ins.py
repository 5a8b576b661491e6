"""Stand-ins for the quantities of a graph, and for its constants as the user wrote them.

Quantities that have a name are replaced by Tensors under a tracer.  A constant is found in the
statement that made what it is in: evaluated again on stand-ins, or read by its syntax.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.paper import Paper
from minigrad.explain.passes import Before, at_first
from minigrad.explain.pieces import parents, unnamed
from minigrad.explain.reduced import as_uniform
from minigrad.explain.sources import (
    LITERAL,
    RECKONING,
    UNSEEN,
    Foreign,
    Stand,
    arrays_within,
    constants_by_syntax,
    equal_values,
    evaluated,
    matched,
    without_call,
)
from minigrad.graph import AnyNode
from minigrad.program.builder import is_identity
from minigrad.reading.inline import inlined
from minigrad.reading.names import CROWD, Names, base_of
from minigrad.reading.purity import pure
from minigrad.tensor import Tensor
from minigrad.typing import Array, Keywords, Operand, Shape
from minigrad.writing.styles import Symbol

MOST_STATEMENTS = 8
"""A variable that is assigned again is followed back this far."""


@dataclass(eq=False)
class StandIns:
    """What stands for the quantities and constants of a graph while rules run.

    Attributes
    ----------
    names : Names
    opaque : callable
        Whether a node is to appear by its name rather than as what it was computed from.
    called : callable
        What a node is called.
    sizes : tuple of int
        Lengths of arrays, which stay lengths in formulas.
    nameless : dict
        An array, hashed -> a short name for it, and itself.
    tracer : Paper
        What the rules are run under.
    stand_ins : dict
        Node of the user's graph -> the Tensor that stands for it.
    symbols, values : dict
        Node of a stand-in -> how it is written, and what it stands for.
    arrays : dict
        Name and kind of a constant array -> its stand-in.
    written, metadata, literals : dict, dict, set
        What the user's statements say of constants: (node, argument) -> what it was made of; node
        -> its metadata, made of variables; those that the user spelt out.
    read : set
        Nodes whose statement was read.
    passes : dict
        node -> the value of an earlier pass of a loop that it is a step to.
    newest : int
        The number of the node whose statement is being read: variables hold what is older.
    ones : set
        Nodes of the ones that derivatives begin with.
    """

    names: Names
    opaque: Callable[[AnyNode], bool]
    called: Callable[[AnyNode], str]
    sizes: Shape = ()
    nameless: dict[int, tuple[str, Array]] = field(default_factory=dict)
    tracer: Paper = field(init=False)
    stand_ins: dict[AnyNode, Array] = field(default_factory=dict)
    symbols: dict[AnyNode, Symbol] = field(default_factory=dict)
    values: dict[AnyNode, Array] = field(default_factory=dict)
    arrays: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    written: dict[tuple[AnyNode, int], Tensor] = field(default_factory=dict)
    metadata: dict[AnyNode, Keywords] = field(default_factory=dict)
    literals: set[tuple[AnyNode, int | None]] = field(default_factory=set)
    read: set[AnyNode] = field(default_factory=set)
    passes: dict[AnyNode, tuple[AnyNode, Before]] = field(default_factory=dict)
    newest: int = 0
    ones: set[AnyNode] = field(default_factory=set)
    _leaves: dict[AnyNode, Array] | None = None

    def __post_init__(self) -> None:
        self.tracer = Paper(self.sizes)

    def seed(self, like: Array) -> Tensor:
        """The 1 that a derivative begins with; rules record themselves on it."""
        t = self.tracer.input(np.ones(np.shape(like), like.dtype)[()], f"v{len(self.symbols)}")
        assert t.node is not None
        self.ones.add(t.node)
        return t

    def symbol(self, value: Array, symbol: Symbol) -> Tensor:
        """A stand-in for ``value``; one of NumPy's for arrays of other libraries."""
        plain = isinstance(value, np.ndarray | np.generic | int | float)
        like = value if plain else np.broadcast_to(np.ones((), value.dtype), value.shape)
        t = self.tracer.input(like, f"v{len(self.symbols)}")
        assert t.node is not None
        self.symbols[t.node] = symbol
        self.values[t.node] = value
        return t

    def named(self, node: AnyNode, value: Array) -> Operand:
        """A stand-in for a node, by its name."""
        if node not in self.stand_ins:
            self.stand_ins[node] = self.symbol(value, Symbol(self.called(node)))
        return self.stand_ins[node]

    def stand_in_of(self, node: AnyNode) -> Operand:
        """A stand-in for a quantity of the graph; None for what is none."""
        if node.seq >= self.newest or node not in self.names.nodes:
            return None
        known = node in self.stand_ins or self.opaque(node)
        return self.named(node, self.value_of(node)) if known else None

    def value_of(self, node: AnyNode) -> Operand:
        if node.op is not None:
            return node.ans
        if self._leaves is None:
            self._leaves = {
                p: n.args[i]
                for n in self.names.nodes
                for i, p in enumerate(n.parents)
                if p is not None and p.op is None
            }
        return self._leaves[node]

    def beneath(self, top: AnyNode) -> set[AnyNode]:
        """The unnamed nodes that ``top`` was computed from, up to the named ones."""
        return unnamed(parents(top), self.opaque, CROWD)

    # --- constants, as the user wrote them ----------------------------------------------

    def constant(self, node: AnyNode, i: int) -> Operand:
        """A constant: as the user wrote it, by his name for it, or as it is."""
        value = node.args[i]
        if isinstance(value, tuple):
            return value
        op: Any = node.op
        exponent = op is ops.power and i == 1 and np.ndim(value) == 0
        self.read_statement(node)
        if (node, i) in self.written:
            return self.written[node, i]
        if op is ops.divide and i == 1 and np.ndim(value) == 0 and value in self.sizes:
            return self.tracer.length(int(value), node.ans)
        name = self.names.constant(node, i) if (node, i) not in self.literals else None
        if (
            name is not None
            and node in self.passes
            and base_of(name) in self.passes[node][1].moving
        ):
            name = None  # it was another number then
        small = isinstance(value, bool | int | float | np.generic) or np.ndim(value) == 0
        if small and (name is None or exponent):
            return value
        if name is None:
            if not isinstance(value, np.ndarray) or as_uniform(value) is not None or not value.size:
                return value
            name = self.short_name(value)
        if op in RECKONING and isinstance(value, np.ndarray) and value.dtype.kind in "iu":
            value = value.astype(float)
        return self.array(value, name, node)

    def array(self, value: Array, name: str, node: AnyNode) -> Operand:
        """A stand-in for a constant that ``node`` uses, by its name."""
        if isinstance(value, int | float) and not isinstance(node.ans, tuple):
            kind = node.ans.dtype
            value = kind.type(value) if kind.kind == "f" else value  # Python's numbers adapt
        key, kind = name.removesuffix(".T"), getattr(getattr(value, "dtype", None), "kind", "")
        own = value if key == name else value.T
        while (key, kind) in self.arrays and not stands_for(self.arrays[key, kind], own):
            key = f"{key}′"
        if (key, kind) not in self.arrays:
            self.arrays[key, kind] = self.symbol(own, Symbol(key))
        return self.arrays[key, kind] if own is value else self.arrays[key, kind].T

    def short_name(self, array: Array) -> str:
        """A short name for an array that has none."""
        if is_identity(array) and self.names.value("I") is None:
            return "I"
        key = hash((array.shape, array.tobytes()))
        return self.nameless.setdefault(key, (f"c{len(self.nameless) + 1}", array))[0]

    def read_statement(self, node: AnyNode) -> None:
        """Read the statement that ``node`` is part of: what its constants are made of."""
        if node in self.passes:
            top, before = self.passes[node]
            if top not in self.read:
                self.read.add(top)
                if before.current:
                    self.match_by_evaluation(top, before.tree, before.variables)
                again = None if before.current else before
                self.match_by_syntax(top, before.tree, before.variables, again)
            return
        owner = self.names.owner(node)
        if owner is None or owner in self.read:
            return
        self.read.add(owner)
        if len(self.beneath(owner)) >= CROWD:
            return
        top, tried = owner, 0
        for statement, scope in self.names.assignments(owner):
            tree = statement.values.get(self.names.path(owner))
            if tree is None or (tried := tried + 1) > MOST_STATEMENTS:
                return
            if (written := inlined(tree, scope.seen)) is not None:
                self.match_by_evaluation(top, *written)
            below = self.match_by_evaluation(top, tree, scope.seen)
            if not tried > 1:
                self.match_by_syntax(top, tree, scope.seen)
            if below is None:
                return
            top = below

    def match_by_evaluation(
        self, top: AnyNode, tree: ast.expr, variables: Keywords
    ) -> AnyNode | None:
        """Match ``tree`` with what made ``top``; answer what a variable was assigned again from."""
        self.newest = top.seq
        stand = Stand(self.stand_in_of, lambda x, name: self.array(x, name, top), self.sizes)
        node: AnyNode | None = None
        try:
            made = evaluated(tree, variables, stand, {})
            if made is None and (unseen := without_call(tree, variables)) is not None:
                made = self.match_around_call(top, *unseen, variables, stand)
        except Foreign as error:
            before = self.earlier_value(top, tree, variables, stand, str(error))
            if before is None:
                return None
            node, made = before
        for found, i, constant in matched(top, made, lambda n: n is node or self.is_named(n)):
            if constant is LITERAL:
                self.literals.add((found, i))
            elif i is None:
                self.metadata.setdefault(found, constant)
            else:
                self.written.setdefault((found, i), constant)
        return node

    def match_around_call(
        self, top: AnyNode, text: str, tree: ast.expr, variables: Keywords, stand: Stand
    ) -> Tensor | None:
        """What ``tree`` is if the call ``text`` in it gave an array that is in the graph."""
        within = [top, *sorted(self.beneath(top), key=lambda n: -n.seq)]
        for value in arrays_within(within)[:MOST_STATEMENTS]:
            guess = self.symbol(value, Symbol(text))
            made = evaluated(tree, variables, stand, {UNSEEN: guess})
            if isinstance(made, Tensor) and equal_values(made._value, top.ans):
                self.tracer.notes.setdefault(f"{text}: as it was then, {value.shape}")
                return made
        return None

    def earlier_value(
        self, top: AnyNode, tree: ast.expr, variables: Keywords, stand: Stand, path: str
    ) -> tuple[AnyNode, Tensor] | None:
        """What ``path`` was when ``tree`` made ``top`` of it: ``z`` in ``z = z*2``."""
        inside = sorted(self.beneath(top), key=lambda n: -n.seq)
        earlier = {u for u, of in self.passes.values() if of.variable == path and u is not top}
        for node in [*sorted(earlier, key=lambda n: -n.seq)[:2], *inside[:MOST_STATEMENTS]]:
            if type(node.ans) is tuple:
                continue
            guess = self.tracer.input(node.ans, f"v{node.seq}")
            try:
                made = evaluated(tree, variables, stand, {path: guess})
            except Foreign:
                return None
            if isinstance(made, Tensor) and equal_values(made._value, top.ans):
                return node, made
        return None

    def match_by_syntax(
        self, top: AnyNode, tree: ast.expr, variables: Keywords, before: Before | None = None
    ) -> None:
        """Read off the syntax what constants are that were not found by evaluating it."""
        stand = Stand(self.stand_in_of, lambda x, name: self.array(x, name, top), self.sizes)
        self.newest = top.seq
        for node, i, part in constants_by_syntax(top, tree, variables, self.is_named):
            value = node.args[i]
            if (node, i) in self.written or isinstance(part, ast.Constant):
                continue
            element = None if before is None else self.element(part, before, value, node)
            if element is not None:
                self.written[node, i] = element
            elif isinstance(part, ast.Name):
                if before is None:
                    continue
                if part.id in before.moving:
                    self.literals.add((node, i))
                    if isinstance(value, np.ndarray) and value.ndim and as_uniform(value) is None:
                        self.written[node, i] = self.initial_value(part.id, value, before, node)
                elif equal_values(variables.get(part.id), value):
                    self.written[node, i] = self.array(value, part.id, node)
            elif before is not None and (text := at_first(part, before)) is not None:
                if isinstance(value, np.ndarray) and value.ndim and as_uniform(value) is None:
                    self.tracer.notes.setdefault(f"{text}: before the loop, {value.shape}")
                    self.written[node, i] = self.array(value, text, node)
            elif pure(part, variables):
                with suppress(Foreign):
                    made = evaluated(part, variables, stand, {})
                    if isinstance(made, Tensor) and equal_values(made._value, value):
                        self.written[node, i] = made
            elif isinstance(value, np.ndarray) and value.ndim and as_uniform(value) is None:
                name = ast.unparse(part)
                self.tracer.notes.setdefault(f"{name}: as it was then, {value.shape}")
                self.written[node, i] = self.array(value, name, node)

    def initial_value(self, name: str, value: Array, before: Before, node: AnyNode) -> Array:
        """An array that a variable was before the loop: by another name for it, or ``x_0``."""
        for other, held in before.variables.items():
            if (
                isinstance(held, np.ndarray)
                and held.shape == value.shape
                and equal_values(held, value)
            ):
                return self.array(value, other, node)
        self.tracer.notes.setdefault(f"{name}_0: {name} before the loop, {value.shape}")
        return self.array(value, f"{name}_0", node)

    def element(self, part: ast.expr, before: Before, value: Array, node: AnyNode) -> Operand:
        """``X[0]``, where ``X[t]`` was read in another pass, or what ran through ``X``."""
        through = before.loops.get(part.id) if isinstance(part, ast.Name) else None
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Name):
            through = part.value
        if isinstance(through, ast.List | ast.Tuple | None) or not pure(through, before.variables):
            return None
        base = evaluated(through, before.variables, Stand(lambda n: None, lambda x, _: x, ()), {})
        if not isinstance(base, np.ndarray | list | tuple) or len(base) > CROWD:
            return None
        for k in sorted(range(len(base)), key=lambda k: k != before.number - 1):
            if isinstance(base[k], np.ndarray | int | float) and equal_values(base[k], value):
                return self.array(value, f"{ast.unparse(through)}[{k}]", node)
        return None

    def is_named(self, node: AnyNode) -> bool:
        """Whether a node is a variable, whose own statement says what it is made of."""
        known = self.names.known(node) or self.passes.get(node, (None,))[0] is node
        return node.op is None or (self.opaque(node) and known)


def stands_for(t: Array, value: Array) -> bool:
    """Whether a stand-in is for this value."""
    return equal_values(t._value, value)
