"""The chain rule, kept as a ledger: one row for each step between named quantities.

The graph between an output and what it is differentiated by is seen through the user's
names; unnamed operations are folded into the step between two named ones.  Where all
quantities are numbers, or act entry by entry, a row is a link of the chain, ``da/dz``.
Elsewhere it is what one quantity passes on to another, ``dW = Xᵀ @ dz``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import Site, label
from minigrad.explain import closed
from minigrad.explain.links import SIDE, UNREADABLE, Piece, Sheet, passed, traced
from minigrad.graph import AnyNode, ancestors
from minigrad.ops.record import Op, is_complex
from minigrad.program.builder import is_
from minigrad.reading.names import Names, callers, held, names
from minigrad.tensor import Tensor
from minigrad.tree import flatten
from minigrad.writing.formulas import Formula, sum_of_products
from minigrad.writing.notation import DERIVATIVES
from minigrad.writing.styles import TEXT, Symbol

LONGEST = 40
"""A step of more operations than these is not written out."""
ROUTES = 4
"""Most routes through unnamed operations that are written out step by step."""
SHOWN = 6
"""Most paths that are written out."""

Link = tuple[AnyNode, AnyNode]


@dataclass(eq=False)
class Row:
    """One step: a link of the chain, or what one quantity passes on to another.

    Attributes
    ----------
    chart : Chart
    top, bottom : node
        The derivative is that of ``top`` by ``bottom``.
    value : array or number
        What the step is worth: the derivative, or the contribution to the gradient.
    total : bool
        Whether it adds up the contributions before it.
    """

    chart: Chart
    top: AnyNode
    bottom: AnyNode
    value: Any
    total: bool = False

    @property
    def quantity(self) -> str:
        """``da/dz``; in a ledger ``dW``, or ``dh via z`` where there are several."""
        chart = self.chart
        if chart.chained:
            return chart.ratio(self.top, self.bottom)
        own = f"{chart.prefix}{chart.called(self.bottom)}"
        alone = self.total or len(chart.users[self.bottom]) == 1
        return own if alone else f"{own} via {chart.called(self.top)}"

    @cached_property
    def expression(self) -> Formula | None:
        """What is written for it; None where that would be too long, or cannot be read."""
        if self.total:
            return self.chart.sum_of(self.bottom)
        return self.chart.expressions(self.top).get(self.bottom)

    @property
    def formula(self) -> str:
        """The formula as text; what adds to entries of an array, as NumPy writes that."""
        if self.expression is None:
            return self.abridged
        own = f"{self.chart.prefix}{self.chart.called(self.bottom)}"
        return self.expression.accumulated(own) or self.expression.text

    @property
    def abridged(self) -> str:
        """What stands in the place of a formula that is not written."""
        if self.too_long:
            return f"⋯ ({self.chart.pieces[self.top].size:,} unnamed operations)"
        inside = [n.op.name for n in self.chart.pieces[self.top].inside if n.op is not None]
        return f"⋯ (the rule{'s' * (len(inside) > 1)} of {', '.join(middle(inside, 4))})"

    @property
    def too_long(self) -> bool:
        """Whether the step has more operations than are written out."""
        return not self.total and self.chart.pieces[self.top].size > LONGEST

    @property
    def number(self) -> str:
        """The value in a few digits; of a large array, its ends."""
        return short(self.value)

    @property
    def site(self) -> Site | None:
        """The line of the user's code that made ``top``, if its source can be read."""
        return None if self.total else self.chart.names.site(self.top)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def shapes(self) -> str:
        """Shapes of what the last operation combines, and of what comes out."""
        e = self.expression.last if self.expression is not None else None
        if e is None:
            return str(self.shape)
        sign = {ops.matmul: " @ ", ops.multiply: " ⊙ ", ops.add: " + ", ops.subtract: " - "}
        sizes = [str(x.shape) for x in e.args if len(getattr(x, "shape", ()))]
        if len(sizes) > 1 and e.op in sign:
            return f"{sign[e.op].join(sizes)} → {self.shape}"
        if len(sizes) == 1 and sizes[0] != str(self.shape):
            return f"{sizes[0]} → {self.shape}"
        return str(self.shape)

    def __repr__(self) -> str:
        return f"<{self.quantity} = {self.formula} = {self.number}>"


def short(x: Any) -> str:
    """A number or an array in a few characters.

    Examples
    --------
    >>> short(0.2461340827), short(np.arange(3.0))
    ('0.246134', '[0, 1, 2]')
    """
    if np.ndim(x) == 0:
        return f"{float(x):.6g}"
    if np.size(x) > 6:
        flat = np.ravel(x)
        ends = ", ".join(f"{float(v):.4g}" for v in flat[:2])
        return f"[{ends}, …, {float(flat[-1]):.4g}]"
    if np.ndim(x) == 1:
        return f"[{', '.join(short(v) for v in x)}]"
    return " ".join(np.array2string(np.asarray(x), precision=6, separator=", ").split())


class Chart:
    """The graph between an output and what it is differentiated by, by its named nodes.

    Attributes
    ----------
    order : list of nodes
        The named nodes on the way, newest first.
    pieces : dict
        node -> what leads from it to the next named ones.
    users : dict
        node -> the named nodes that it acts on directly, newest first.
    chained : bool
        Whether steps are links whose product is the gradient.
    """

    def __init__(self, output: Tensor, wrt: Sequence[Tensor], known: Names) -> None:
        self.output: AnyNode = output.node
        self.wrt: list[AnyNode] = list(dict.fromkeys(t.node for t in wrt))
        self.names = known
        self._given = {t.node: t.name for t in (output, *wrt) if t.name}
        every = sorted(ancestors(self.output), key=lambda n: n.seq)
        self.on = set(self.wrt)
        self._leaf: dict[AnyNode, Any] = {t.node: t._value for t in wrt}
        shapes: set[tuple[int, ...]] = set()
        for node in every:
            if any(p in self.on for p in node.parents):
                self.on.add(node)
                for a in node.args:
                    if isinstance(a, np.ndarray):
                        shapes.add(a.shape)
        self.on.intersection_update(every)
        self.order = [n for n in reversed(every) if n in self.on and self.key(n)]
        self.pieces = {n: self._piece(n) for n in self.order}
        self.users: dict[AnyNode, list[AnyNode]] = {n: [] for n in self.order}
        for node in self.order:
            for p in self.pieces[node].below:
                self.users[p].append(node)
        lengths = {n for s in shapes for n in (*s, math.prod(s))}
        self.sizes = tuple(sorted((n for n in lengths if n > 1), reverse=True)[:20])
        self.chained = all(np.shape(self.value(n)) == () for n in self.order) or all(
            self.pieces[n].elementwise for n in self.order
        )
        self.branched = (
            self.chained
            and any(len(self.pieces[n].below) > 1 for n in self.order)
            and any(self.count(n) > 1 for n in self.wrt)
        )
        self.nameless: dict[int, tuple[str, Any]] = {}
        self.notes: dict[str, None] = {}
        self._formulas: dict[AnyNode, dict[AnyNode, Formula]] = {}

    def key(self, node: AnyNode) -> bool:
        """Whether ``node`` appears by its name."""
        return self.names.known(node) or node is self.output or node in self._leaf

    def value(self, node: AnyNode) -> Any:
        return self._leaf.get(node, node.ans)

    def _piece(self, top: AnyNode) -> Piece:
        inside: dict[AnyNode, list[int]] = {}
        below: set[AnyNode] = set()
        stack = [top]
        while stack:
            node = stack.pop()
            if node in inside:
                continue
            inside[node] = []
            for i, p in enumerate(node.parents):
                if p is not None and p in self.on:
                    inside[node].append(i)
                    if p.op is None:
                        self._leaf.setdefault(p, node.args[i])
                    if self.key(p):
                        below.add(p)
                    else:
                        stack.append(p)
        newest = sorted(inside, key=lambda n: -n.seq)
        return Piece(top, {n: inside[n] for n in newest}, sorted(below, key=lambda n: n.seq))

    # --- names --------------------------------------------------------------------------

    @cached_property
    def _output_name(self) -> str:
        """What an output without a name is called: a is an activation, L a number."""
        op = self.output.op
        scalar = np.shape(self.value(self.output)) == ()
        first = "a" if op in ACTIVATIONS else "L" if scalar else "y"
        free = (n for n in (first, "y", "s", "out") if self.names.value(n) is None)
        return next(free, "output")

    def called(self, node: AnyNode) -> str:
        """The name of ``node``: the user's, or a short one."""
        if node in self._given:
            return self._given[node]
        if node is self.output and not self.names.known(node):
            return self._output_name
        return self.names.of(node)

    @cached_property
    def prefix(self) -> str:
        """What the name of a gradient begins with: d, unless that would be another name."""
        taken = {self.called(n) for n in self.names.node}
        return "∂" if any(f"d{n}" in taken for n in taken) else "d"

    def ratio(self, u: AnyNode, v: AnyNode, total: bool = False) -> str:
        """``da/dz``; with ∂ where other paths lead from v to u, or could."""
        d = "∂" if self.branched and not (total and u in self.users.get(v, ())) else "d"
        return d + d.join((f"{name_in_ratio(self.called(u))}/", name_in_ratio(self.called(v))))

    # --- paths --------------------------------------------------------------------------

    def counts(self, goal: AnyNode) -> dict[AnyNode, int]:
        """How many paths lead from each named node down to ``goal``."""
        found = {goal: 1}
        for node in reversed(self.order):
            if node is not goal:
                n = sum(found.get(p, 0) for p in self.pieces[node].below)
                if n:
                    found[node] = n
        return found

    def count(self, goal: AnyNode) -> int:
        return self.counts(goal).get(self.output, 0)

    def routes(self, goal: AnyNode) -> Iterator[tuple[AnyNode, ...]]:
        """The paths from the output down to ``goal``, one after the other."""
        alive = self.counts(goal)
        stack: list[tuple[AnyNode, ...]] = [(self.output,)]
        while stack:
            route = stack.pop()
            if route[-1] is goal:
                yield route
            else:
                below = self.pieces[route[-1]].below
                stack += [(*route, p) for p in reversed(below) if p in alive]

    # --- numbers ------------------------------------------------------------------------

    @cached_property
    def gradients(self) -> dict[AnyNode, Any]:
        """Named node -> the gradient of the output with respect to it."""
        return self._walked[0]

    @cached_property
    def steps(self) -> dict[Link, Any]:
        """Link -> its derivative, or in a ledger its contribution."""
        return self._walked[1]

    @cached_property
    def _walked(self) -> tuple[dict[AnyNode, Any], dict[Link, Any]]:
        gradients: dict[AnyNode, Any] = {self.output: ones(self.value(self.output))}
        steps: dict[Link, Any] = {}
        for u in self.order:
            g = gradients[u]
            seed = ones(self.value(u)) if self.chained else g
            for v, step in self.pieces[u].flow(seed, passed).items():
                steps[u, v] = step
                c = step * g if self.chained else step
                gradients[v] = gradients[v] + c if v in gradients else c
        return gradients, steps

    @cached_property
    def rows(self) -> list[Row]:
        """The steps, from the output to the inputs."""
        depth = {self.output: 0}
        for u in self.order:
            for v in self.pieces[u].below:
                depth[v] = max(depth.get(v, 0), depth[u] + 1)
        reading = sorted(self.order, key=lambda n: (depth[n], n.seq))
        if self.chained:
            links = [(u, v) for u in reading for v in self.pieces[u].below]
            return [Row(self, u, v, self.steps[u, v]) for u, v in links]
        found = []
        for v in reading:
            users = sorted(self.users[v], key=lambda n: (depth[n], n.seq))
            found += [Row(self, u, v, self.steps[u, v]) for u in users]
            if len(users) > 1:
                found.append(Row(self, v, v, self.gradients[v], total=True))
        return found

    # --- formulas -----------------------------------------------------------------------

    def side(self, node: AnyNode) -> bool:
        """Whether ``node``, off the way and unnamed, is too much to be written out."""
        seen: set[AnyNode] = set()
        stack = [node]
        while stack and len(seen) <= SIDE:
            n = stack.pop()
            if n not in seen and n.op is not None and not self.key(n):
                seen.add(n)
                stack += [p for p in n.parents if p is not None]
        return len(seen) > SIDE

    def opaque(self, node: AnyNode) -> bool:
        """Whether ``node`` appears as a name in formulas."""
        return node.op is None or self.key(node) or (node not in self.on and self.side(node))

    def sheet(self) -> Sheet:
        sheet = Sheet(self.names, self.opaque, self.called, self.sizes, self.nameless)
        sheet.tracer.notes = self.notes
        return sheet

    def adjoint(self, sheet: Sheet, node: AnyNode) -> Any:
        """The gradient with respect to ``node``: a stand-in, or the 1 to begin with."""
        if self.chained or node is self.output:
            return sheet.seed(self.value(node))
        symbol = Symbol(self.called(node), self.called(self.output), self.prefix)
        return sheet.symbol(self.gradients[node], symbol)

    def expressions(self, u: AnyNode) -> dict[AnyNode, Formula]:
        """The formulas of the steps from ``u``; empty where they are too long to write."""
        if u not in self._formulas:
            piece, sheet = self.pieces[u], self.sheet()
            self._formulas[u] = {}
            if piece.size <= LONGEST:
                try:
                    with traced(sheet.tracer):
                        sheet.bring(u)
                        same = sheet.replay(u)
                        sheet.named(u, u.ans)
                        found = piece.flow(self.adjoint(sheet, u), sheet.rule)
                        entrywise = self.chained and self.pieces[u].elementwise
                        self._formulas[u] = {
                            v: sheet.formula(found[v], (same, u), entrywise=entrywise)
                            for v in piece.below
                        }
                except UNREADABLE:
                    pass
        return self._formulas[u]

    def closed(self, v: AnyNode) -> list[closed.Step]:
        """The gradient with respect to ``v`` as one formula, step by step; empty if too long."""
        if sum(self.pieces[u].size for u in self.order) > LONGEST:
            return []
        sheet = self.sheet()
        pending: dict[AnyNode, Any] = {self.output: None}
        same: list[tuple[Any, AnyNode]] = []
        try:
            with traced(sheet.tracer):
                pending[self.output] = sheet.seed(self.value(self.output))
                for u in self.order:
                    g = pending.get(u)
                    if g is None or u is v or u.op is None:
                        continue
                    sheet.bring(u)
                    same.append((sheet.replay(u), u))
                    sheet.named(u, u.ans)
                    for w, c in self.pieces[u].flow(g, sheet.rule).items():
                        pending[w] = pending[w] + c if w in pending else c
                entrywise = self.chained and all(self.pieces[u].elementwise for u in self.order)
                formula = sheet.formula(pending[v], *same, entrywise=entrywise)
        except UNREADABLE:
            return []
        if not worth(formula, self.gradients[v]):
            return []
        used = dict.fromkeys(n.op for u in self.order for n in self.pieces[u].inside)
        rules = [DERIVATIVES[op] for op in used if op in DERIVATIVES]
        steps = [closed.Step(formula, ", ".join(["chain rule", *rules]))]
        fixed = {t.node for t in sheet.arrays.values()}
        arrays = {id(sheet.values[n]) for n in fixed if n in sheet.values}
        known = {
            x: value
            for x, value in formula.values.items()
            if id(value) in arrays and np.ndim(value) and x.dtype.kind == "f"
        }
        for _ in range(4):
            more = closed.simplified(steps[-1].formula, known)
            if more is None:
                break
            steps.append(closed.Step(*more))
        return steps

    def sum_of(self, v: AnyNode) -> Formula:
        """The contributions to the gradient of ``v``, added up."""
        sheet, name = self.sheet(), f"{self.called(v)} via "
        of = self.called(self.output)
        with traced(sheet.tracer):
            parts = [
                sheet.symbol(self.steps[u, v], Symbol(name + self.called(u), of, self.prefix))
                for u in self.users[v]
            ]
            result = parts[0]
            for part in parts[1:]:
                result = result + part
            return sheet.formula(result)

    def definition(self, u: AnyNode) -> Formula | None:
        """What ``u`` is, in the names of what it was computed from."""
        sheet = self.sheet()
        if self.pieces[u].size > LONGEST:
            return None
        try:
            with traced(sheet.tracer):
                sheet.bring(u)
                return sheet.formula(sheet.replay(u), entrywise=self.pieces[u].elementwise)
        except UNREADABLE:
            return None

    def derivation(self, u: AnyNode, v: AnyNode, deeper: bool = False) -> list[Step]:
        """How the link ``du/dv`` comes about, operation by operation.

        Parameters
        ----------
        deeper : bool
            Whether to write out what σ is.

        Returns
        -------
        list of steps
            Each a sum of products: first the derivatives of the operations, then what is
            left after simplifying, then that in the names of the results.  Empty for
            arrays that are not treated entry by entry, and for what is too long.
        """
        piece, value = self.pieces[u], self.value(v)
        if deeper and piece.size == 1 and u.op in WRITTEN_OUT:
            inner = Tensor(np.array(value), requires_grad=True)
            outer = WRITTEN_OUT[u.op](inner)
            known = Names(ancestors(outer.node), [])
            known.node |= {inner.node: self.called(v), outer.node: self.called(u)}
            return Chart(outer, [inner], known).derivation(outer.node, inner.node)
        single = np.shape(value) == () and all(
            type(n.ans) is not tuple and np.shape(n.ans) == () for n in piece.inside
        )
        if not (piece.elementwise or single) or not 1 < piece.size <= LONGEST // 3:
            return []
        routes = list(islice(edges_to(piece, v), ROUTES + 1))
        if len(routes) > ROUTES:
            return []
        sheet = self.sheet()
        style: dict[str, Any] = {"entrywise": True}
        try:
            with traced(sheet.tracer):
                sheet.bring(u)
                sheet.stand[u] = sheet.replay(u)
                one = sheet.seed(u.ans)
                factors = [
                    [sheet.formula(sheet.rule(n, i, one), inverse=True, **style) for n, i in route]
                    for route in routes
                ]
                combined = sheet.formula(piece.flow(one, sheet.rule)[v], **style)
        except UNREADABLE:
            return []
        steps: list[Step] = [
            [[f for f in r if not is_(f.program.result, 1)] or r[:1] for r in factors]
        ]
        steps.append([[combined]])
        final = self.expressions(u).get(v)
        if final is not None:
            steps.append([[final]])
        texts = [step_text(step).replace(" · ", "·") for step in steps]
        return [s for s, t, before in zip(steps, texts, ["", *texts], strict=False) if t != before]


Step = list[list[Formula]]
"""A sum of products."""

ACTIVATIONS: frozenset[Op | None] = frozenset(
    {ops.sigmoid, ops.tanh, ops.relu, ops.softplus, ops.softmax, ops.bent, ops.saturating}
)
WRITTEN_OUT: dict[Op | None, Any] = {ops.sigmoid: lambda x: 1 / (1 + np.exp(-x))}
"""Op -> what it is, for derivations that begin at the definition."""


def step_text(step: Step) -> str:
    return sum_of_products(step, TEXT)


def edges_to(piece: Piece, v: AnyNode) -> Iterator[list[tuple[AnyNode, int]]]:
    """The routes from the top of ``piece`` to ``v``, edge by edge."""
    stack: list[tuple[AnyNode, list[tuple[AnyNode, int]]]] = [(piece.top, [])]
    while stack:
        node, route = stack.pop()
        if node is v:
            yield route
        elif node in piece.inside:
            for i in reversed(piece.inside[node]):
                stack.append((node.parents[i], [*route, (node, i)]))  # type: ignore[arg-type]  # noqa: PERF401


def worth(formula: Formula, value: Any) -> bool:
    """Whether a formula is worth the number beside it."""
    digits = 1e-4 if formula.single else 1e-8
    found = formula.evaluate()
    with np.errstate(all="ignore"):
        scale = float(np.max(np.abs(value), initial=0.0))
        return bool(np.allclose(found, value, rtol=digits, atol=digits * scale))


def ones(x: Any) -> Any:
    return np.ones_like(x)[()]


def name_in_ratio(name: str) -> str:
    return name if re.fullmatch(r"[\w.\[\]'\"]+", name) else f"({name})"


# --- reading what was asked for --------------------------------------------------------


def refuse_complex(call: str, output: Tensor) -> None:
    """Refuse what was computed with complex numbers: its chain has conjugates and real parts."""
    for node in ancestors(output.node):
        if any(map(is_complex, (node.ans, *node.args))):
            raise TypeError(
                f"{call}: {name_of(output, None)} was computed with complex numbers, and the chain "
                "rule is written for real ones: see mg.trace for the steps, mg.gradcheck for a "
                "verdict"
            )


def chart(call: str, output: Any, wrt: Any) -> Chart:
    """The chart of ``output`` and ``wrt``, checked.

    Raises
    ------
    TypeError
        For what is no Tensor.
    ValueError
        For what was not recorded, and where a derivative is zero because no path leads
        from ``wrt`` to ``output``.
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{call}: the output {label(output)} ({type(output).__name__}) is not a Tensor: pass "
            "the result of a computation with Tensors"
        )
    wanted: list[Any] = flatten(wrt)[0]
    if not wanted:
        raise ValueError(f"{call}: wrt is empty: pass the Tensor to differentiate by")
    for t in wanted:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{call}: wrt={label(t)} ({type(t).__name__}) is not a Tensor: pass "
                "mg.Tensor(..., requires_grad=True), a result computed from one, or a list of them"
            )
    for t in (output, *wanted):
        if t.node is None:
            raise ValueError(
                f"{call}: {name_of(t, None)} was not recorded, there is nothing to explain: make "
                "what it depends on with mg.Tensor(..., requires_grad=True) before you compute it"
            )
    refuse_complex(call, output)
    known = names([output.node])
    above = known.nodes
    for t in wanted:
        if t.node not in above:
            of, by = label(output), name_of(t, known)
            raise ValueError(
                f"{call}: {of} does not depend on {by}, no path leads from {by} to {of}: "
                f"the derivative of {of} by {by} is zero"
            )
    return Chart(output, wanted, known)


def name_of(t: Tensor, known: Names | None) -> str:
    """What the user calls a Tensor, in the graph or not: ``w``, or ``params[3]``."""
    scopes = known.scopes if known is not None else callers()
    places = (held(s.variables, deep=True) for s in scopes)
    return next((name for place in places for name, x in place if x is t and not t.name), label(t))


class Paths(Sequence[tuple[str, ...]]):
    """The routes by which one quantity acts on another, in the user's names.

    Attributes
    ----------
    total : int
        How many there are; at most ``limit`` of them are listed.
    nodes : list of tuples of nodes
        The same routes as nodes of the graph.
    """

    def __init__(self, chart: Chart, limit: int) -> None:
        goal = chart.wrt[0]
        self.total = chart.count(goal)
        self.nodes = list(islice(chart.routes(goal), limit))
        self._names = [tuple(chart.called(n) for n in route) for route in self.nodes]

    def __getitem__(self, i: Any) -> Any:
        return self._names[i]

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Iterable) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        lines = [" ← ".join(middle(list(route))) for route in self]
        if self.total > len(self):
            lines.append(f"⋯ ({len(self):,} of {self.total:,} paths)")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.total:,} path{'s' * (self.total != 1)}>\n{self}"


def middle(words: list[str], most: int = 12) -> list[str]:
    """A long list without its middle."""
    if len(words) <= most:
        return words
    half = most // 2
    return [*words[:half], f"⋯ ({len(words) - 2 * half:,} more) ⋯", *words[-half:]]
