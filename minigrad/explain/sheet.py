"""Formulas come from the rules: run on stand-ins, they leave the derivative as a program.

No derivative is written down here.  The named quantities around a piece of the graph are
replaced by stand-ins, the piece is replayed, its rules are run, and what they leave is
simplified as on paper.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.autodiff.tangents import tangent
from minigrad.explain.paper import Paper, guarded
from minigrad.explain.passes import Before, at_first
from minigrad.explain.pieces import parents, unnamed
from minigrad.explain.reduced import as_uniform, simplify_formula
from minigrad.explain.regular import regular
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
from minigrad.graph import AnyNode, fit, pick
from minigrad.program.builder import is_identity
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.trace import Reader
from minigrad.reading.inline import inlined
from minigrad.reading.names import CROWD, Names
from minigrad.reading.purity import pure
from minigrad.tensor import Tensor
from minigrad.typing import Array, Function, Operand
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import Symbol

MOST_STATEMENTS = 8
"""A variable that is assigned again is followed back this far."""


@dataclass(eq=False)
class Sheet:
    """Scratch paper: named quantities as stand-ins, and formulas of what is made of them.

    Attributes
    ----------
    names : Names
    opaque : callable
        Whether a node is to appear by its name rather than as what it was computed from.
    called : callable
        What a node is called.
    nameless : dict
        An array, hashed -> a short name for it, and itself.
    passes : dict
        node -> the value of an earlier pass of a loop that it is a step to.
    """

    names: Names
    opaque: Callable[[AnyNode], bool]
    called: Callable[[AnyNode], str]
    sizes: tuple[int, ...] = ()
    nameless: dict[int, tuple[str, Any]] = field(default_factory=dict)
    tracer: Paper = field(init=False)
    stand: dict[AnyNode, Array] = field(default_factory=dict)
    symbols: dict[AnyNode, Symbol] = field(default_factory=dict)
    values: dict[AnyNode, Array] = field(default_factory=dict)
    arrays: dict[tuple[str, str], Any] = field(default_factory=dict)
    written: dict[tuple[AnyNode, int], Any] = field(default_factory=dict)
    metadata: dict[AnyNode, dict[str, Any]] = field(default_factory=dict)
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
        if node not in self.stand:
            self.stand[node] = self.symbol(value, Symbol(self.called(node)))
        return self.stand[node]

    def argument(self, node: AnyNode, i: int) -> Operand:
        """Argument ``i`` of ``node``: a stand-in, an expression, or a constant."""
        parent = node.parents[i]
        return self.constant(node, i) if parent is None else self.stand[parent]

    def constant(self, node: AnyNode, i: int) -> Operand:
        """A constant: as the user wrote it, by his name for it, or as it is."""
        value = node.args[i]
        if isinstance(value, tuple):
            return value
        op: Any = node.op
        exponent = op is ops.power and i == 1 and np.ndim(value) == 0
        self.learn(node)
        if (node, i) in self.written:
            return self.written[node, i]
        if op is ops.divide and i == 1 and np.ndim(value) == 0 and value in self.sizes:
            return self.tracer.length(int(value), node.ans)
        name = self.names.constant(node, i) if (node, i) not in self.literals else None
        small = isinstance(value, bool | int | float | np.generic) or np.ndim(value) == 0
        if small and (name is None or exponent):
            return value
        if name is None:
            if not isinstance(value, np.ndarray) or as_uniform(value) is not None or not value.size:
                return value
            name = self.short(value)
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

    def learn(self, node: AnyNode) -> None:
        """Read the statement that ``node`` is part of: what its constants are made of."""
        if node in self.passes:
            top, before = self.passes[node]
            if top not in self.read:
                self.read.add(top)
                self.align(top, before.tree, before.variables, before)
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
                self.compare(top, *written)
            below = self.compare(top, tree, scope.seen)
            if not tried > 1:
                self.align(top, tree, scope.seen)
            if below is None:
                return
            top = below

    def compare(self, top: AnyNode, tree: ast.expr, variables: Any) -> AnyNode | None:
        """Match ``tree`` with what made ``top``; answer what a variable was assigned again from."""
        self.newest = top.seq
        stand = Stand(self.stood, lambda x, name: self.array(x, name, top), self.sizes)
        node: AnyNode | None = None
        try:
            made = evaluated(tree, variables, stand, {})
            if made is None and (unseen := without_call(tree, variables)) is not None:
                made = self.with_unseen(top, *unseen, variables, stand)
        except Foreign as error:
            before = self.before(top, tree, variables, stand, str(error))
            if before is None:
                return None
            node, made = before
        for found, i, constant in matched(top, made, lambda n: n is node or self.by_name(n)):
            if constant is LITERAL:
                self.literals.add((found, i))
            elif i is None:
                self.metadata.setdefault(found, constant)
            else:
                self.written.setdefault((found, i), constant)
        return node

    def with_unseen(
        self, top: AnyNode, text: str, tree: ast.expr, variables: Any, stand: Stand
    ) -> Any:
        """What ``tree`` is if the call ``text`` in it gave an array that is in the graph."""
        within = [top, *sorted(self.beneath(top), key=lambda n: -n.seq)]
        for value in arrays_within(within)[:MOST_STATEMENTS]:
            guess = self.symbol(value, Symbol(text))
            made = evaluated(tree, variables, stand, {UNSEEN: guess})
            if isinstance(made, Tensor) and equal_values(made._value, top.ans):
                self.tracer.notes.setdefault(f"{text}: as it was then, {value.shape}")
                return made
        return None

    def by_name(self, node: AnyNode) -> bool:
        """Whether a node is a variable, whose own statement says what it is made of."""
        known = self.names.known(node) or self.passes.get(node, (None,))[0] is node
        return node.op is None or (self.opaque(node) and known)

    def align(
        self, top: AnyNode, tree: ast.expr, variables: Any, before: Before | None = None
    ) -> None:
        """Read off the syntax what constants are that were not found by evaluating it."""
        stand = Stand(self.stood, lambda x, name: self.array(x, name, top), self.sizes)
        self.newest = top.seq
        for node, i, part in constants_by_syntax(top, tree, variables, self.by_name):
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
                        self.written[node, i] = self.began(part.id, value, before, node)
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

    def began(self, name: str, value: Array, before: Before, node: AnyNode) -> Any:
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

    def element(self, part: Any, before: Before, value: Array, node: AnyNode) -> Operand:
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

    def stood(self, node: AnyNode) -> Operand:
        """A stand-in for a quantity of the graph; None for what is none."""
        if node.seq >= self.newest or node not in self.names.nodes:
            return None
        known = node in self.stand or self.opaque(node)
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

    def before(
        self, top: AnyNode, tree: ast.expr, variables: Any, stand: Stand, path: str
    ) -> tuple[AnyNode, Any] | None:
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

    def bring(self, node: AnyNode) -> None:
        """Make stand-ins of the arguments of ``node``, replaying what has no name."""
        todo = unnamed(parents(node), lambda n: n in self.stand or self.opaque(n))
        sides = {p: node.args[i] for i, p in enumerate(node.parents) if p is not None}
        for other in sorted(todo, key=lambda n: n.seq):
            for i, p in enumerate(other.parents):
                if p is not None and p not in self.stand:
                    self.named(p, other.args[i])
            self.stand[other] = self.outputs(other, self.replay(other))
        for p, value in sides.items():
            if p not in self.stand:
                self.named(p, value)

    def outputs(self, node: AnyNode, made: Any) -> Any:
        """Of an op with several outputs those that have a name by it."""
        if type(node.ans) is not tuple:
            return made
        return tuple(
            self.symbol(y, Symbol(name)) if (name := self.names.outputs.get((node, i))) else t
            for i, (t, y) in enumerate(zip(made, node.ans, strict=True))
        )

    def beneath(self, top: AnyNode) -> set[AnyNode]:
        """The unnamed nodes that ``top`` was computed from, up to the named ones."""
        return unnamed(parents(top), self.opaque, CROWD)

    def replay(self, node: AnyNode) -> Any:
        """The operation of ``node`` on what stands for its arguments."""
        self.learn(node)
        free = guarded(node)
        if free is not None:
            bounds = ", ".join(f"{float(a):.3g}" for j, a in enumerate(node.args) if j != free)
            self.tracer.notes.setdefault(
                f"{node.op.name} keeps values from {bounds}, which none of them reaches, "  # type: ignore[union-attr]
                "and is left out"
            )
            return self.argument(node, free)
        args = [self.argument(node, i) for i in range(len(node.args))]
        if node.op is pick:
            return args[0][node.kwargs["index"]]
        kwargs = self.metadata.get(node, node.kwargs)
        return self.tracer.apply(node.op, tuple(args), dict(kwargs))  # type: ignore[arg-type]

    def rule(self, node: AnyNode, i: int, g: Array, fitted: bool = True) -> Any:
        """What passes back to argument ``i`` of ``node``, as an expression."""
        op: Any = node.op
        free = guarded(node)
        if free is not None:
            return fit(g, node.args[i], op, i) if fitted else g
        p = node.parents[i]
        if fitted and op.elementwise and p is not None and self.names.known(p):
            shape, whole = np.shape(node.args[i]), np.shape(node.ans)
            if shape != whole and len(whole) > 1 and (not shape or whole[0] not in shape[:1]):
                name, over = self.called(p), "the batch" if shape else "all entries"
                self.tracer.notes.setdefault(
                    f"d{name}: summed over {over}, because {name} was broadcast"
                )
        back = regular(node) or op.rule(i)
        c = self.ruled(node, lambda ans, args, kwargs: back(g, ans, *args, **kwargs))
        return fit(c, node.args[i], op, i) if fitted else c

    def tangent(self, node: AnyNode, ts: list[Any]) -> Operand:
        """What ``node`` changes by where its arguments change by ``ts``, as an expression."""
        return self.ruled(
            node,
            lambda ans, args, kwargs: tangent(node.op, args, ts, kwargs, ans, None, live=True),  # type: ignore[arg-type]
        )

    def ruled(self, node: AnyNode, rule: Function) -> Operand:
        """``rule(ans, args, kwargs)`` on what stands for ``node`` and its arguments."""
        args = [self.argument(node, j) for j in range(len(node.args))]
        kwargs = self.metadata.get(node, node.kwargs)
        ruling, self.tracer.ruling = self.tracer.ruling, True
        try:
            return rule(self.stand[node], args, kwargs)
        finally:
            self.tracer.ruling = ruling

    def formula(self, result: object, *same: tuple[Any, AnyNode], **style: Any) -> Formula:
        """What is written for ``result``.

        Parameters
        ----------
        result : Tensor, array or number
        *same : (Tensor, node)
            Expressions, each with the node under whose name it is to be written.
        """
        reader = Reader(self.tracer)
        same = tuple((t, node) for t, node in same if isinstance(t, Tensor))
        program = reader.program("formula", {}, (result, *(t for t, _ in same)))
        stands = {}
        for left, (_, node) in zip(program.result[1:], same, strict=True):
            right = reader.vars.get(self.stand[node].node)
            if isinstance(left, Var) and right is not None and left is not right:
                stands[left] = right
        known = {reader.vars[n]: n.ans for n in self.ones}

        def finished(program: Program, **more: Any) -> Formula:
            return self.finished(reader, self.without_arrays(program), **style, **more)

        def alike(first: Program, second: Program) -> bool:
            x, y = (finished(p).evaluate() for p in (first, second))
            return bool(np.allclose(x, y, rtol=1e-9, atol=0.0, equal_nan=True))

        asked = program.replace(result=program.result[0])
        held = {reader.vars[n]: x for n, x in self.values.items() if n in reader.vars}
        sizes = {reader.vars[t.node]: n for n, t in self.tracer.sizes.items() if t.node}
        spelt = {
            n: s.name for n, s in self.symbols.items() if s.name.isdigit() and n in reader.vars
        }
        sizes |= {reader.vars[n]: int(name) for n, name in spelt.items()}
        short, results = simplify_formula(asked, stands, program, known, held, sizes, alike)
        return finished(short, made=results)

    def finished(self, reader: Reader, program: Program, made: Any = None, **style: Any) -> Formula:
        """A program with the names and values of what is in it, and of what names are made of."""
        used: set[Var] = {v for e in program.equations for v in e.reads()}
        used.update(v for v in program.outputs if isinstance(v, Var))
        used.update(v for e in (made or {}).values() for v in e.reads() if v.given)
        symbols, values = {}, {}
        every = dict(self.symbols)
        for n, t in self.tracer.sizes.items():
            assert t.node is not None
            every[t.node], self.values[t.node] = Symbol(str(n)), t._value
        for node, symbol in every.items():
            v = reader.vars[node]
            if v in used:
                symbols[v], values[v] = symbol, self.values[node]
        for v in used.intersection(program.constants):
            symbols[v], values[v] = Symbol(v.name), program.constants[v]
        return Formula(program, symbols, values, self.sizes, made=made or {}, **style)

    def short(self, array: Any) -> str:
        """A short name for an array that has none."""
        if is_identity(array) and self.names.value("I") is None:
            return "I"
        key = hash((array.shape, array.tobytes()))
        return self.nameless.setdefault(key, (f"c{len(self.nameless) + 1}", array))[0]

    def without_arrays(self, program: Program) -> Program:
        """``program`` with arrays that have no name under short ones."""
        constants: dict[Var, Any] = {}
        found: dict[tuple[str, Any], Var] = {}  # I is written for the identity of any size

        def named(x: Array) -> Operand:
            given = program.constants.get(x) if isinstance(x, Var) else x
            value: Any = getattr(given, "_value", given)
            array = isinstance(value, np.ndarray) and value.ndim and value.size
            if not array or as_uniform(value) is not None:
                return x
            name = self.short(value)
            if (name, value.shape) not in found:
                v = found[name, value.shape] = Var(name, value.shape, value.dtype, True)
                constants[v] = value
            return found[name, value.shape]

        equations = [
            Equation(e.out, e.op, tuple(map(named, e.args)), e.kwargs) for e in program.equations
        ]
        return program.replace(
            equations=equations, result=named(program.result), constants=constants
        )


def stands_for(t: Array, value: Array) -> bool:
    """Whether a stand-in is for this value."""
    return equal_values(t._value, value)
