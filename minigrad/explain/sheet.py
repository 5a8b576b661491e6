"""Formulas come from the rules: run on stand-ins, they leave the derivative as a program.

No derivative is written down here.  The named quantities around a piece of the graph are
replaced by stand-ins, the piece is replayed, its rules are run, and what they leave is
simplified as on paper.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.autodiff.tangents import tangent
from minigrad.explain.paper import guarded
from minigrad.explain.pieces import parents, unnamed
from minigrad.explain.reduced import as_uniform, simplify_formula
from minigrad.explain.stand_ins import StandIns
from minigrad.graph import AnyNode, fit, next_seq, pick
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.trace import Reader
from minigrad.tensor import Tensor
from minigrad.typing import Array, Function, Operand
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import Symbol


@dataclass(eq=False)
class Sheet(StandIns):
    """Scratch paper: an operation and its rules on stand-ins, and formulas of what they leave.

    A formula is made in three steps: `stand_in_arguments` puts stand-ins in place of what has a
    name, `replay` and `rule` run the operation and its rules on them, and `formula` writes down
    the program that this leaves.
    """

    def stand_in_arguments(self, node: AnyNode) -> None:
        """Make stand-ins of the arguments of ``node``, replaying what has no name."""
        todo = unnamed(parents(node), lambda n: n in self.stand_ins or self.opaque(n))
        sides = {p: node.args[i] for i, p in enumerate(node.parents) if p is not None}
        for other in sorted(todo, key=lambda n: n.seq):
            for i, p in enumerate(other.parents):
                if p is not None and p not in self.stand_ins:
                    self.named(p, other.args[i])
            self.stand_ins[other] = self.outputs(other, self.replay(other))
        for p, value in sides.items():
            if p not in self.stand_ins:
                self.named(p, value)

    def outputs(self, node: AnyNode, made: Array) -> Array:
        """Of an op with several outputs those that have a name by it."""
        if type(node.ans) is not tuple:
            return made
        return tuple(
            self.symbol(y, Symbol(name)) if (name := self.names.outputs.get((node, i))) else t
            for i, (t, y) in enumerate(zip(made, node.ans, strict=True))
        )

    def argument(self, node: AnyNode, i: int) -> Operand:
        """Argument ``i`` of ``node``: a stand-in, an expression, or a constant."""
        parent = node.parents[i]
        return self.constant(node, i) if parent is None else self.stand_ins[parent]

    def replay(self, node: AnyNode) -> Array:
        """The operation of ``node`` on what stands for its arguments."""
        self.read_statement(node)
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

    def rule(self, node: AnyNode, i: int, g: Array, fitted: bool = True) -> Array:
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
        back = op.rule(i)
        if op.regular and isinstance(node.args[0], np.ndarray | np.generic):
            holds, short = op.regular
            back = short if holds(*node.args, **node.kwargs) else back
        c = self.ruled(node, lambda ans, args, kwargs: back(g, ans, *args, **kwargs))
        return fit(c, node.args[i], op, i) if fitted else c

    def tangent(self, node: AnyNode, ts: list[Array]) -> Operand:
        """What ``node`` changes by where its arguments change by ``ts``, as an expression."""
        return self.ruled(
            node,
            lambda ans, args, kwargs: tangent(node.op, args, ts, kwargs, ans, None, live=True),  # type: ignore[arg-type]
        )

    def ruled(self, node: AnyNode, rule: Function) -> Operand:
        """``rule(ans, args, kwargs)`` on what stands for ``node`` and its arguments."""
        args = [self.argument(node, j) for j in range(len(node.args))]
        kwargs = self.metadata.get(node, node.kwargs)
        ruling, self.tracer.ruling = self.tracer.ruling, next_seq()
        try:
            return rule(self.stand_ins[node], args, kwargs)
        finally:
            self.tracer.ruling = ruling

    # --- formulas -----------------------------------------------------------------------

    def formula(self, result: object, *same: tuple[Array, AnyNode], **style: Any) -> Formula:
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
            right = reader.vars.get(self.stand_ins[node].node)
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

    def finished(
        self,
        reader: Reader,
        program: Program,
        made: dict[Var, Equation] | None = None,
        **style: Any,
    ) -> Formula:
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

    def without_arrays(self, program: Program) -> Program:
        """``program`` with arrays that have no name under short ones."""
        constants: dict[Var, Array] = {}
        found: dict[tuple[str, Hashable], Var] = {}  # I is written for the identity of any size

        def named(x: Array) -> Operand:
            given = program.constants.get(x) if isinstance(x, Var) else x
            value: Array = getattr(given, "_value", given)
            array = isinstance(value, np.ndarray) and value.ndim and value.size
            if not array or as_uniform(value) is not None:
                return x
            name = self.short_name(value)
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
