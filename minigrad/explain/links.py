"""Formulas come from the rules: run on stand-ins, they leave the derivative as a program.

No derivative is written down here.  The named quantities around a piece of the graph are
replaced by stand-ins, the piece is replayed, its rules are run, and what they leave is
simplified as on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.algebra import FORMULAS
from minigrad.explain.sources import Foreign, Stand, alike, evaluated, matched
from minigrad.graph import AnyNode, fit, inspector, modes, pick, tracing
from minigrad.ops.record import Op, registry
from minigrad.program.builder import FOLDED, Builder, equal_entries
from minigrad.program.equations import Equation, Program, Var, replaced, without_dead_code
from minigrad.program.trace import Reader
from minigrad.program.tracer import Tracer
from minigrad.reading.names import CROWD, Names
from minigrad.tensor import Tensor
from minigrad.tree import tree_map
from minigrad.writing.formulas import Formula
from minigrad.writing.styles import Symbol

SIDE = 8
"""A side branch of more operations stands in a formula under a short name."""

MOST_STATEMENTS = 8
"""A variable that is assigned again is followed back this far."""

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


class Paper(Tracer):
    """A tracer for formulas: what is a length stays one, what does not happen is left out.

    Attributes
    ----------
    sizes : dict
        Length -> its stand-in, of those that rules may divide by.
    lengths : collection of int
    notes : dict
        What was left out, once each.
    ruling : bool
        Whether a rule is running.
    """

    repeated = False

    def __init__(self, lengths: Collection[int] = ()) -> None:
        super().__init__()
        self.lengths = frozenset(lengths)
        self.sizes: dict[int, Tensor] = {}
        self.notes: dict[str, None] = {}
        self.ruling = False

    def apply(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.ruling and op is ops.divide and type(args[1]) is int and args[1] in self.lengths:
            args = (args[0], self.length(args[1], args[0]))
        return super().apply(op, args, kwargs)

    def length(self, n: int, like: Any) -> Tensor:
        """A stand-in for a length, which is not reduced with other numbers."""
        if n not in self.sizes:
            kind = getattr(like, "dtype", np.dtype(float))
            self.sizes[n] = self.input(kind.type(n) if kind.kind == "f" else float(n), f"n{n}")
        return self.sizes[n]


GUARD = 1e-6
"""A bound as close as this to 0 or 1 is there for logarithms and quotients."""


def guarded(node: AnyNode) -> int | None:
    """Which argument passes through a bound that only guards against 0, and touches nothing."""
    if node.op not in BOUNDS or type(node.ans) is tuple:
        return None
    for i, x in enumerate(node.args):
        others = [a for j, a in enumerate(node.args) if j != i]
        if node.parents[i] is None or np.shape(x) != np.shape(node.ans):
            continue
        if all(np.ndim(c) == 0 and 0 < abs(guard_of(c)) <= GUARD for c in others):
            free = all(not np.any(x == c) for c in others)
            return i if free and np.array_equal(x, node.ans) else None
    return None


def guard_of(c: Any) -> float:
    """How far a bound is from 0, or from 1."""
    bound = float(c)
    return bound if bound < 0.5 else 1 - bound


BOUNDS = frozenset([ops.maximum, ops.minimum, ops.fmax, ops.fmin, registry["clip"]])


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
    tracer: Paper = field(init=False)
    stand: dict[AnyNode, Any] = field(default_factory=dict)
    symbols: dict[AnyNode, Symbol] = field(default_factory=dict)
    values: dict[AnyNode, Any] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    written: dict[tuple[AnyNode, int], Any] = field(default_factory=dict)
    metadata: dict[AnyNode, dict[str, Any]] = field(default_factory=dict)
    read: set[AnyNode] = field(default_factory=set)
    newest: int = 0
    ones: set[AnyNode] = field(default_factory=set)
    _leaves: dict[AnyNode, Any] | None = None

    def __post_init__(self) -> None:
        self.tracer = Paper(self.sizes)

    def seed(self, like: Any) -> Tensor:
        """The 1 that a derivative begins with; rules record themselves on it."""
        t = self.tracer.input(np.ones(np.shape(like), like.dtype)[()], f"v{len(self.symbols)}")
        assert t.node is not None
        self.ones.add(t.node)
        return t

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
        """A constant: as the user wrote it, by his name for it, or as it is."""
        value = node.args[i]
        if isinstance(value, tuple):
            return value
        op: Any = node.op
        exponent = op is ops.power and i == 1
        self.learn(node)
        if (node, i) in self.written and not exponent:
            return self.written[node, i]
        name = self.names.constant(node, i)
        small = isinstance(value, bool | int | float | np.generic) or np.ndim(value) == 0
        if small and (name is None or exponent):
            return value
        if name is None:
            if not isinstance(value, np.ndarray) or plainest(value) is not None or not value.size:
                return value
            name = self.short(value)
        return self.array(value, name, node)

    def array(self, value: Any, name: str, node: AnyNode) -> Any:
        """A stand-in for a constant that ``node`` uses, by its name."""
        if isinstance(value, int | float) and not isinstance(node.ans, tuple):
            kind = node.ans.dtype
            value = kind.type(value) if kind.kind == "f" else value  # Python's numbers adapt
        key = name.removesuffix(".T")
        if key not in self.arrays:
            self.arrays[key] = self.symbol(value if key == name else value.T, Symbol(key))
        t = self.arrays[key]
        return t if key == name else t.T

    def learn(self, node: AnyNode) -> None:
        """Read the statement that ``node`` is part of: what its constants are made of."""
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
            below = self.compare(top, tree, scope.seen)
            if below is None:
                return
            top = below

    def compare(self, top: AnyNode, tree: Any, variables: Any) -> AnyNode | None:
        """Match ``tree`` with what made ``top``; answer what a variable was assigned again from."""
        self.newest = top.seq
        stand = Stand(self.stood, lambda x, name: self.array(x, name, top), self.sizes)
        node: AnyNode | None = None
        try:
            made = evaluated(tree, variables, stand, {})
        except Foreign as error:
            before = self.before(top, tree, variables, stand, str(error))
            if before is None:
                return None
            node, made = before
        for found, i, constant in matched(top, made, lambda n: n is node or self.opaque(n)):
            if i is None:
                self.metadata.setdefault(found, constant)
            else:
                self.written.setdefault((found, i), constant)
        return node

    def stood(self, node: AnyNode) -> Any:
        """A stand-in for a quantity of the graph; None for what is none."""
        if node.seq >= self.newest or node not in self.names.nodes:
            return None
        if node in self.stand:
            return self.stand[node]
        if not self.opaque(node):
            return None
        return self.named(node, self.value_of(node))

    def value_of(self, node: AnyNode) -> Any:
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
        self, top: AnyNode, tree: Any, variables: Any, stand: Stand, path: str
    ) -> tuple[AnyNode, Any] | None:
        """What ``path`` was when ``tree`` made ``top`` of it: ``z`` in ``z = z*2``."""
        inside = sorted(self.beneath(top), key=lambda n: -n.seq)
        for node in inside[:MOST_STATEMENTS]:
            if type(node.ans) is tuple:
                continue
            guess = self.tracer.input(node.ans, f"v{node.seq}")
            try:
                made = evaluated(tree, variables, stand, {path: guess})
            except Foreign:
                return None
            if isinstance(made, Tensor) and alike(made._value, top.ans):
                return node, made
        return None

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

    def beneath(self, top: AnyNode) -> set[AnyNode]:
        """The unnamed nodes that ``top`` was computed from, up to the named ones."""
        seen: set[AnyNode] = set()
        stack = [p for p in top.parents if p is not None]
        while stack and len(seen) < CROWD:
            node = stack.pop()
            if node not in seen and not self.opaque(node):
                seen.add(node)
                stack += [p for p in node.parents if p is not None]
        return seen

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

    def rule(self, node: AnyNode, i: int, g: Any, fitted: bool = True) -> Any:
        """What passes back to argument ``i`` of ``node``, as an expression."""
        op: Any = node.op
        free = guarded(node)
        if free is not None:
            return fit(g, node.args[i], op, i) if fitted else g
        args = [self.argument(node, j) for j in range(len(node.args))]
        kwargs = self.metadata.get(node, node.kwargs)
        p = node.parents[i]
        if fitted and op.elementwise and p is not None and self.names.known(p):
            shape, whole = np.shape(node.args[i]), np.shape(node.ans)
            if shape != whole and len(whole) > 1 and (not shape or whole[0] not in shape[:1]):
                name = self.called(p)
                self.tracer.notes.setdefault(
                    f"d{name}: summed over the batch, because {name} was broadcast"
                )
        ruling, self.tracer.ruling = self.tracer.ruling, True
        try:
            c = op.rule(i)(g, self.stand[node], *args, **kwargs)
        finally:
            self.tracer.ruling = ruling
        return fit(c, node.args[i], op, i) if fitted else c

    def formula(self, result: Any, *same: tuple[Any, AnyNode], **style: Any) -> Formula:
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
        program = read(program.replace(result=program.result[0]), stands, program, known)
        program = self.without_arrays(program)
        used: set[Var] = {v for e in program.equations for v in e.reads()}
        used.update(v for v in program.outputs if isinstance(v, Var))
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


def read(
    program: Program, stands: dict[Var, Var], whole: Program, known: dict[Var, Any]
) -> Program:
    """``program`` simplified for reading.

    Parameters
    ----------
    stands : dict
        Variable of ``whole`` -> the variable that is written in its place from then on.
    known : dict
        Variable -> the constant that it is.
    """
    b = Builder(FORMULAS)
    value: dict[Var, Any] = {v: c if plainest(c) is None else plainest(c) for v, c in known.items()}
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
        plain = plainest(made) if isinstance(made, np.ndarray) else None
        value[e.out] = made if plain is None else plain
        if e.out in stands:
            rename(b, value[e.out], stands[e.out])
            value[e.out] = stands[e.out]
    result = tree_map(lambda x: now(x) if isinstance(x, Var) else x, program.result)
    made_by = b.made_by.get(result) if isinstance(result, Var) and not result.given else None
    if made_by is not None and made_by.op is ops.broadcast_to:
        result = made_by.args[0]  # which is worth the same for every entry
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


def local_formula(
    node: AnyNode, argnum: int, names: Names, paper: type[Paper] | None = None
) -> str:
    """The derivative of ``node`` by one of its arguments, in the user's names.

    Parameters
    ----------
    node : Node
        One recorded operation.
    argnum : int
        Which of its arguments.
    names : Names
        What the user calls the nodes of the graph.
    paper : type, optional
        The tracer that the rule runs on.

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
    if paper is not None:
        sheet.tracer = paper(sheet.sizes)
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
                g = (
                    sheet.seed(one)
                    if entrywise
                    else sheet.symbol(one, Symbol(f"d{names.of(node)}"))
                )
            c = sheet.rule(node, argnum, g, fitted=not entrywise)
            formula = sheet.formula(c, *([(same, node)] if entrywise else []), entrywise=entrywise)
        return formula.text
    except UNREADABLE:
        return ""


UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, NotImplementedError)
"""What rules that look at their numbers, or call what is not covered, raise on stand-ins."""
