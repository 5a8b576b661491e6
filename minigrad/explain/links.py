"""Formulas come from the rules: run on stand-ins, they leave the derivative as a program.

No derivative is written down here.  The named quantities around a piece of the graph are
replaced by stand-ins, the piece is replayed, its rules are run, and what they leave is
simplified as on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.algebra import FORMULAS
from minigrad.graph import AnyNode, fit, inspector, modes, pick, tracing
from minigrad.program.builder import FOLDED, Builder, equal_entries
from minigrad.program.equations import Equation, Program, Var, replaced, without_dead_code
from minigrad.program.trace import Reader
from minigrad.program.tracer import Tracer
from minigrad.reading.names import Names
from minigrad.tensor import Tensor
from minigrad.tree import tree_map
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import Symbol

SIDE = 8
"""A side branch of more operations stands in a formula under a short name."""

Call = Callable[[AnyNode, int, Any], Any]


@dataclass(eq=False)
class Piece:
    """The part of a graph between a quantity and the nearest named ones below it.

    Attributes
    ----------
    top : node
    inside : dict
        ``top`` and the unnamed nodes under it, newest first, each with the numbers of its
        arguments that lead on.
    below : list of nodes
        The named ones, oldest first.
    """

    top: AnyNode
    inside: dict[AnyNode, list[int]]
    below: list[AnyNode]

    def flow(self, seed: Any, call: Call) -> dict[AnyNode, Any]:
        """What reaches each node below when ``seed`` starts at the top."""
        pending = {self.top: seed}
        for node, inside in self.inside.items():
            g = pending.pop(node, None)
            if g is None:
                continue
            if type(node.ans) is tuple:
                g = g.filled(node.ans)
            for i in inside:
                parent, c = node.parents[i], call(node, i, g)
                pending[parent] = pending[parent] + c if parent in pending else c  # type: ignore[index]
        return pending

    @property
    def size(self) -> int:
        return len(self.inside)

    @property
    def elementwise(self) -> bool:
        """Whether entries act on entries: the same shape everywhere, elementwise ops alone."""
        shape = np.shape(self.top.ans)
        return all(
            n.op is not None
            and n.op.elementwise
            and np.shape(n.args[i]) == np.shape(n.ans) == shape
            for n, inside in self.inside.items()
            for i in inside
        )


def passed(node: AnyNode, i: int, g: Any) -> Any:
    """What passes back to argument ``i`` of ``node``, in numbers."""
    op: Any = node.op
    with np.errstate(all="ignore"):
        return fit(op.rule(i)(g, node.ans, *node.args, **node.kwargs), node.args[i], op, i)


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    """Record everything, gradients of what is being traced outside excepted."""
    with modes.set(tracing, tracer), modes.set(inspector, None), np.errstate(all="ignore"):
        yield


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
    """

    names: Names
    opaque: Callable[[AnyNode], bool]
    called: Callable[[AnyNode], str]
    sizes: tuple[int, ...] = ()
    nameless: dict[int, tuple[str, Any]] = field(default_factory=dict)
    tracer: Tracer = field(default_factory=Tracer)
    stand: dict[AnyNode, Any] = field(default_factory=dict)
    symbols: dict[AnyNode, Symbol] = field(default_factory=dict)
    values: dict[AnyNode, Any] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)

    def symbol(self, value: Any, symbol: Symbol) -> Tensor:
        """A stand-in for ``value``; one of NumPy's for arrays of other libraries."""
        plain = isinstance(value, np.ndarray | np.generic | int | float)
        like = value if plain else np.broadcast_to(np.ones((), value.dtype), value.shape)
        t = self.tracer.input(like, f"v{len(self.symbols)}")
        assert t.node is not None
        self.symbols[t.node] = symbol
        self.values[t.node] = value
        return t

    def named(self, node: AnyNode, value: Any) -> Any:
        """A stand-in for a node, by its name."""
        if node not in self.stand:
            self.stand[node] = self.symbol(value, Symbol(self.called(node)))
        return self.stand[node]

    def argument(self, node: AnyNode, i: int) -> Any:
        """Argument ``i`` of ``node``: a stand-in, an expression, or a constant."""
        parent = node.parents[i]
        return self.constant(node, i) if parent is None else self.stand[parent]

    def constant(self, node: AnyNode, i: int) -> Any:
        """A constant, by the user's name for it if there is one."""
        value = node.args[i]
        if isinstance(value, tuple):
            return value
        name = self.names.constant(node, i)
        small = isinstance(value, bool | int | float | np.generic) or np.ndim(value) == 0
        op: Any = node.op
        if small and (name is None or (op is ops.power and i == 1)):
            return value
        if name is None:
            if not isinstance(value, np.ndarray) or plainest(value) is not None or not value.size:
                return value
            name = self.short(value)
        if isinstance(value, int | float) and not isinstance(node.ans, tuple):
            value = node.ans.dtype.type(value)  # which Python's numbers adapt to
        key = name.removesuffix(".T")
        if key not in self.arrays:
            self.arrays[key] = self.symbol(value if key == name else value.T, Symbol(key))
        t = self.arrays[key]
        return t if key == name else t.T

    def bring(self, node: AnyNode) -> None:
        """Make stand-ins of the arguments of ``node``, replaying what has no name."""
        todo = self.unnamed(p for p in node.parents if p is not None)
        sides = dict(self._sides(node))
        for other in sorted(todo, key=lambda n: n.seq):
            for i, p in enumerate(other.parents):
                if p is not None and p not in self.stand:
                    self.named(p, other.args[i])
            self.stand[other] = self.replay(other)
        for p, value in sides.items():
            if p not in self.stand:
                self.named(p, value)

    @staticmethod
    def _sides(node: AnyNode) -> Iterator[tuple[AnyNode, Any]]:
        for i, p in enumerate(node.parents):
            if p is not None:
                yield p, node.args[i]

    def unnamed(self, start: Iterable[AnyNode]) -> set[AnyNode]:
        """Nodes without a name that ``start`` was computed from, themselves included."""
        seen: set[AnyNode] = set()
        stack = list(start)
        while stack:
            node = stack.pop()
            if node in seen or node in self.stand or self.opaque(node):
                continue
            seen.add(node)
            stack += [p for p in node.parents if p is not None]
        return seen

    def replay(self, node: AnyNode) -> Any:
        """The operation of ``node`` on what stands for its arguments."""
        args = [self.argument(node, i) for i in range(len(node.args))]
        if node.op is pick:
            return args[0][node.kwargs["index"]]
        return self.tracer.apply(node.op, tuple(args), dict(node.kwargs))  # type: ignore[arg-type]

    def rule(self, node: AnyNode, i: int, g: Any, fitted: bool = True) -> Any:
        """What passes back to argument ``i`` of ``node``, as an expression."""
        op: Any = node.op
        args = [self.argument(node, j) for j in range(len(node.args))]
        c = op.rule(i)(g, self.stand[node], *args, **node.kwargs)
        return fit(c, node.args[i], op, i) if fitted else c

    def formula(
        self, result: Any, same: tuple[Any, AnyNode] | None = None, **style: Any
    ) -> Formula:
        """What is written for ``result``.

        Parameters
        ----------
        result : Tensor, array or number
        same : (Tensor, node), optional
            An expression, and the node under whose name it is to be written.
        """
        reader = Reader(self.tracer)
        pair = (result, *([same[0]] if same else []))
        program = reader.program("formula", {}, pair)
        stands = {}
        if same and isinstance(same[0], Tensor):
            left, right = program.result[1], reader.vars[self.stand[same[1]].node]
            if isinstance(left, Var) and left is not right:
                stands[left] = right
        program = read(program.replace(result=program.result[0]), stands, program)
        program = self.without_arrays(program)
        used: set[Var] = {v for e in program.equations for v in e.reads()}
        used.update(v for v in program.outputs if isinstance(v, Var))
        symbols, values = {}, {}
        for node, symbol in self.symbols.items():
            v = reader.vars[node]
            if v in used:
                symbols[v], values[v] = symbol, self.values[node]
        for v in used.intersection(program.constants):
            symbols[v], values[v] = Symbol(v.name), program.constants[v]
        return Formula(program, symbols, values, self.sizes, **style)

    def short(self, array: Any) -> str:
        """A short name for an array that has none."""
        key = hash((array.shape, array.tobytes()))
        return self.nameless.setdefault(key, (f"c{len(self.nameless) + 1}", array))[0]

    def without_arrays(self, program: Program) -> Program:
        """``program`` with arrays that have no name under short ones."""
        constants: dict[Var, Any] = {}
        byname: dict[str, Var] = {}

        def named(x: Any) -> Any:
            value = (
                getattr(program.constants.get(x), "_value", program.constants.get(x))
                if (isinstance(x, Var) and x in program.constants)
                else x
            )
            if not isinstance(value, np.ndarray) or not value.ndim or plainest(value) is not None:
                return x
            if not value.size:
                return x
            name = self.short(value)
            if name not in byname:
                byname[name] = Var(name, value.shape, value.dtype, True)
                constants[byname[name]] = value
            return byname[name]

        equations = [
            Equation(e.out, e.op, tuple(map(named, e.args)), e.kwargs) for e in program.equations
        ]
        return program.replace(
            equations=equations, result=named(program.result), constants=constants
        )


def read(program: Program, stands: dict[Var, Var], whole: Program) -> Program:
    """``program`` simplified for reading.

    Parameters
    ----------
    stands : dict
        Variable of ``whole`` -> the variable that is written in its place from then on.
    """
    b = Builder(FORMULAS)
    value: dict[Var, Any] = {}
    for v, c in whole.constants.items():
        array = getattr(c, "_value", c)
        value[v] = array if plainest(array) is None else plainest(array)

    def now(v: Var) -> Any:
        return value.get(v, v)

    for e in whole.equations:
        args = [replaced(a, now) for a in e.args]
        kwargs = {k: replaced(v, now) for k, v in e.kwargs.items()}
        if isinstance(e.out, tuple):
            out = b.keep(e.op, args, kwargs, e.out)
            value.update(zip(e.out, out, strict=True))
            continue
        made = b.emit_as(e.out, e.op, args, kwargs)
        known = plainest(made) if isinstance(made, np.ndarray) else None
        value[e.out] = made if known is None else known
        if e.out in stands:
            rename(b, value[e.out], stands[e.out])
            value[e.out] = stands[e.out]
    result = tree_map(lambda x: now(x) if isinstance(x, Var) else x, program.result)
    return without_dead_code(program.replace(equations=b.equations, result=result))


def plainest(x: Any) -> Any:
    """An array of one number as such; None for others."""
    x = getattr(x, "_value", x)
    if np.ndim(x) == 0:
        return x[()]
    same = x.size < FOLDED and equal_entries(x)
    return np.broadcast_to(x.flat[0], x.shape) if same else None


def rename(b: Builder, made: Any, v: Var) -> None:
    """Write ``v`` wherever what ``made`` is would be written."""
    e: Equation | None = b.made_by.get(made) if isinstance(made, Var) else None
    if e is not None:
        b.call(e, v)


# --- one edge --------------------------------------------------------------------------


def local_formula(node: AnyNode, argnum: int, names: Names) -> str:
    """The derivative of ``node`` by one of its arguments, in the user's names.

    Parameters
    ----------
    node : Node
        One recorded operation.
    argnum : int
        Which of its arguments.
    names : Names
        What the user calls the nodes of the graph.

    Returns
    -------
    str
        For scalars and elementwise operations the derivative, such as ``a·(1 - a)``; for
        others the whole rule, with the gradient of ``z`` written ``dz``: ``Xᵀ @ dz``.
        Empty where there is no derivative, or its rule is one that cannot be read.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.reading.names import names
    >>> z = mg.Tensor(0.25, requires_grad=True)
    >>> a = mg.sigmoid(z)
    >>> local_formula(a.node, 0, names([a.node]))
    'a·(1 - a)'
    """
    op: Any = node.op
    if op is None or node.parents[argnum] is None or op.rule(argnum) is None:
        return ""
    several = type(node.ans) is tuple
    entrywise = not several and (op.elementwise or np.ndim(node.ans) == 0)
    sheet = Sheet(names, lambda n: True, names.of)
    try:
        with traced(sheet.tracer):
            sheet.bring(node)
            same = sheet.replay(node) if entrywise else None
            if several:
                sheet.stand[node] = tuple(
                    sheet.symbol(y, Symbol(f"{names.of(node)}[{i}]"))
                    for i, y in enumerate(node.ans)
                )
                g: Any = tuple(
                    sheet.symbol(np.ones_like(y), Symbol(f"d{names.of(node)}[{i}]"))
                    for i, y in enumerate(node.ans)
                )
            else:
                sheet.named(node, node.ans)
                one = np.ones_like(node.ans)[()]
                g = one if entrywise else sheet.symbol(one, Symbol(f"d{names.of(node)}"))
            c = sheet.rule(node, argnum, g, fitted=not entrywise)
            formula = sheet.formula(c, (same, node) if entrywise else None, entrywise=entrywise)
        return formula.text
    except UNREADABLE:
        return ""


UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, NotImplementedError)
"""What rules that look at their numbers, or call what is not covered, raise on stand-ins."""
