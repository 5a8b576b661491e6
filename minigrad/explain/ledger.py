"""The chain rule, kept as a ledger: one row for each step between named quantities.

The graph between an output and what it is differentiated by is seen through the user's
names; unnamed operations are folded into the step between two named ones.  Where all
quantities are numbers, or act entry by entry, a row is a link of the chain, ``da/dz``.
Elsewhere it is what one quantity passes on to another, ``dW = Xᵀ @ dz``.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice

import numpy as np

from minigrad.explain import closed
from minigrad.explain.layers import short_names
from minigrad.explain.paper import UNREADABLE, readable, traced
from minigrad.explain.passes import Before, passes
from minigrad.explain.pieces import (
    ACTIVATIONS,
    WRITTEN_OUT,
    Piece,
    descendants,
    edges_to,
    pull_back,
    unnamed,
)
from minigrad.explain.rows import LONGEST, Row, name_in_ratio
from minigrad.explain.sheet import Sheet
from minigrad.graph import AnyNode, ancestors, routes
from minigrad.program.builder import equals
from minigrad.reading.names import Names, told_apart
from minigrad.tensor import Tensor
from minigrad.typing import Array, Shape
from minigrad.writing.formulas import Formula, sum_of_products
from minigrad.writing.notation import DERIVATIVES
from minigrad.writing.styles import TEXT, Symbol

CROWDED = 20_000
"""In a larger graph nobody looks for layers."""
SIDE = 8
"""A side branch of more operations stands in a formula under a short name."""

ROUTES = 4
"""Most routes through unnamed operations that are written out step by step."""

Link = tuple[AnyNode, AnyNode]


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

    layers: dict[AnyNode, tuple[str, str]]
    sizes: Shape

    def __init__(self, output: Tensor, wrt: Sequence[Tensor], known: Names) -> None:
        self.output: AnyNode = output.node
        self.wrt: list[AnyNode] = list(dict.fromkeys(t.node for t in wrt))
        self.names = known
        self._given = {t.node: t.name for t in (output, *wrt) if t.name}
        every = sorted(ancestors(self.output), key=lambda n: n.seq)
        self.on: set[AnyNode] = descendants(every, self.wrt)
        self._leaf: dict[AnyNode, Array] = {t.node: t._value for t in wrt}
        above = [n for n in self.on if any(p in self.on for p in n.parents)]
        shapes = {a.shape for n in above for a in n.args if isinstance(a, np.ndarray)}
        few = len(every) < CROWDED
        self.layers = short_names(every, known, self.on - {self.output}) if few else {}
        inner = [n for n in every if n in self.on and n.op is not None and known.known(n)]
        found = passes(inner, known).items() if few else ()
        self.passes: dict[AnyNode, Before] = {n: before for n, before in found if n in self.on}
        self.order: list[AnyNode] = [n for n in reversed(every) if n in self.on and self.key(n)]
        self.pieces: dict[AnyNode, Piece] = {n: self._piece(n) for n in self.order}
        self.users: dict[AnyNode, list[AnyNode]] = {n: [] for n in self.order}
        for node in self.order:
            for p in self.pieces[node].below:
                self.users[p].append(node)
        lengths = {n for s in shapes for n in (*s, math.prod(s))}
        self.sizes = tuple(sorted((n for n in lengths if n > 2), reverse=True)[:20])
        self.chained: bool = all(np.shape(self.value(n)) == () for n in self.order) or all(
            self.pieces[n].elementwise for n in self.order
        )
        self.branched: bool = (
            self.chained
            and any(len(self.pieces[n].below) > 1 for n in self.order)
            and any(self.count(n) > 1 for n in self.wrt)
        )
        self.nameless: dict[int, tuple[str, Array]] = {}
        self.notes: dict[str, None] = {}
        self.unused: dict[str, Array] = {}  # name -> zeros, where no path leads to the output
        self._formulas: dict[AnyNode, dict[AnyNode, Formula]] = {}

    def key(self, node: AnyNode) -> bool:
        """Whether ``node`` appears by its name."""
        known = self.names.known(node) or node is self.output
        return known or node in self._leaf or node in self.layers or node in self.passes

    def value(self, node: AnyNode) -> Array:
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
        """The name of ``node``: the user's, or a short one; of several with one name ``w′``."""
        return self._twins.get(node) or self._called(node)

    @cached_property
    def _twins(self) -> dict[AnyNode, str]:
        """What nodes are called whose name another has as well."""
        return told_apart({*self.names.node, *self._given}, self._called)

    def _called(self, node: AnyNode) -> str:
        if node in self._given:
            return self._given[node]
        if node in self.layers:
            return self.layers[node][0]
        if node in self.passes:
            return self.passes[node].name
        if node is self.output and not self.names.known(node):
            return self._output_name
        return self.names.of(node)

    @cached_property
    def prefix(self) -> str:
        """What the name of a gradient begins with: d, unless that would be another name."""
        taken = {self.called(n) for n in self.names.node}
        constants = {
            self.names.constant(n, i)
            for n in self.names.nodes for i, p in enumerate(n.parents) if p is None
        }  # fmt: skip
        return "∂" if any({f"d{n}"} & (taken | constants) for n in taken) else "d"

    def ratio(self, u: AnyNode, v: AnyNode, total: bool = False) -> str:
        """``da/dz``; with ∂ where other paths lead from v to u, or could."""
        d = "∂" if self.branched and not (total and u in self.users.get(v, ())) else "d"
        return d + d.join((f"{name_in_ratio(self.called(u))}/", name_in_ratio(self.called(v))))

    # --- paths --------------------------------------------------------------------------

    def counts(self, goal: AnyNode) -> dict[AnyNode, int]:
        """How many paths lead from each named node down to ``goal``."""
        found = {goal: 1}
        for node in reversed(self.order):
            n = sum(found.get(p, 0) for p in self.pieces[node].below)
            if node is not goal and n:
                found[node] = n
        return found

    @cached_property
    def _counted(self) -> dict[AnyNode, int]:
        """How many paths lead from the output down to each named node."""
        found = dict.fromkeys(self.order, 0) | {self.output: 1}
        for node in self.order:
            for p in self.pieces[node].below:
                found[p] += found[node]
        return found

    def count(self, goal: AnyNode) -> int:
        """How many paths lead from the output down to ``goal``."""
        return self._counted.get(goal, 0)

    def routes(self, goal: AnyNode) -> Iterator[tuple[AnyNode, ...]]:
        """The paths from the output down to ``goal``, one after the other."""
        if goal is self.output:
            return iter([(goal,)])
        alive = self.counts(goal)
        found = routes(
            self.output,
            lambda node: [(p, p) for p in self.pieces[node].below if p in alive],
            lambda node: node is goal,
        )
        return ((self.output, *route) for route in found)

    # --- numbers ------------------------------------------------------------------------

    @cached_property
    def gradients(self) -> dict[AnyNode, Array]:
        """Named node -> the gradient of the output with respect to it."""
        return self._walked[0]

    @cached_property
    def steps(self) -> dict[Link, Array]:
        """Link -> its derivative, or in a ledger its contribution."""
        return self._walked[1]

    @cached_property
    def _walked(self) -> tuple[dict[AnyNode, Array], dict[Link, Array]]:
        gradients: dict[AnyNode, Array] = {self.output: ones(self.value(self.output))}
        steps: dict[Link, Array] = {}
        for u in self.order:
            g = gradients[u]
            seed = ones(self.value(u)) if self.chained else g
            for v, step in self.pieces[u].flow(seed, pull_back).items():
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
        return len(unnamed([node], lambda n: n.op is None or self.key(n), SIDE + 1)) > SIDE

    def opaque(self, node: AnyNode) -> bool:
        """Whether ``node`` appears as a name in formulas."""
        return node.op is None or self.key(node) or (node not in self.on and self.side(node))

    def sheet(self) -> Sheet:
        sheet = Sheet(self.names, self.opaque, self.called, self.sizes, self.nameless)
        sheet.tracer.notes = self.notes
        sheet.passes = self._inside_passes
        return sheet

    @cached_property
    def _inside_passes(self) -> dict[AnyNode, tuple[AnyNode, Before]]:
        """Node -> the earlier value that it is a step to."""
        return {n: (u, b) for u, b in self.passes.items() for n in self.pieces[u].inside}

    def adjoint(self, sheet: Sheet, node: AnyNode) -> Tensor:
        """The gradient with respect to ``node``: a stand-in, or the 1 to begin with."""
        if self.chained or node is self.output:
            return sheet.seed(self.value(node))
        symbol = Symbol(self.called(node), self.called(self.output), self.prefix)
        return sheet.symbol(self.gradients[node], symbol)

    def expressions(self, u: AnyNode) -> dict[AnyNode, Formula]:
        """The formulas of the steps from ``u``; empty where they are too long to write."""
        if u not in self._formulas:
            self._formulas[u] = {}
            with suppress(*UNREADABLE):
                found = self._written(u).items() if self.pieces[u].size <= LONGEST else ()
                worth = closed.worth
                self._formulas[u] = {v: f for v, f in found if worth(f, self.steps[u, v])}
        return self._formulas[u]

    def _written(self, u: AnyNode) -> dict[AnyNode, Formula]:
        """What the rules leave for the steps from ``u``."""
        piece, sheet = self.pieces[u], self.sheet()
        entrywise = self.chained and piece.elementwise
        written: dict[AnyNode, Formula] = {}
        with traced(sheet.tracer):
            sheet.stand_in_arguments(u)
            same = sheet.replay(u)
            for plain in (False, True):  # true: powers, whose derivative is not called by them
                those = [v for v in piece.below if (self.chained and piece.monomial(v)) == plain]
                if not those:
                    continue
                by_name = [] if plain else [(same, u)]
                sheet.stand_ins[u] = same if plain else sheet.named(u, u.ans)
                found = piece.flow(self.adjoint(sheet, u), sheet.rule)
                for v in those:
                    written[v] = sheet.formula(found[v], *by_name, entrywise=entrywise)
        return written

    def closed(self, v: AnyNode) -> list[closed.Step]:
        """The gradient with respect to ``v`` as one formula, step by step; empty if too long."""
        if sum(self.pieces[u].size for u in self.order) > 3 * LONGEST:
            return []
        sheet = self.sheet()
        pending: dict[AnyNode, Array] = {self.output: None}
        same: list[tuple[Tensor, AnyNode]] = []
        formula: Formula | None = None
        with readable(sheet.tracer):
            pending[self.output] = sheet.seed(self.value(self.output))
            for u in reversed(self.order):  # what is computed twice has its name twice
                if u.op is not None and u is not v:
                    sheet.stand_in_arguments(u)
                    made = sheet.replay(u)
                    if u is self.output and self.chained and self.pieces[u].monomials(v):
                        sheet.stand_ins[u] = made
                        continue
                    same.append((made, u))
                    sheet.named(u, u.ans)
            for u in self.order:
                g = pending.get(u)
                if g is None or u is v or u.op is None:
                    continue
                for w, c in self.pieces[u].flow(g, sheet.rule).items():
                    pending[w] = pending[w] + c if w in pending else c
            entrywise = self.chained and all(self.pieces[u].elementwise for u in self.order)
            formula = sheet.formula(pending[v], *same, entrywise=entrywise)
        if formula is None or not closed.worth(formula, self.gradients[v]):
            return []
        used = dict.fromkeys(n.op for u in self.order for n in self.pieces[u].inside)
        rules = [DERIVATIVES[op] for op in used if op in DERIVATIVES]
        name = f"{self.prefix}{self.called(v)}"
        first = closed.Step(formula, ", ".join(["chain rule", *rules]), name)
        fixed = {t.node for t in sheet.arrays.values()}
        arrays = {id(sheet.values[n]) for n in fixed if n in sheet.values}
        known = {
            x: value
            for x, value in formula.values.items()
            if id(value) in arrays and np.ndim(value) and x.dtype.kind == "f"
        }
        return closed.continued(first, known)

    def sum_of(self, v: AnyNode) -> Formula:
        """The contributions to the gradient of ``v``, added up."""
        sheet, name = self.sheet(), f"{self.called(v)} via "
        of = self.called(self.output)
        with traced(sheet.tracer):
            parts = [
                sheet.symbol(self.steps[u, v], Symbol(name + self.called(u), of, self.prefix))
                for u in self.users[v]
            ]
            return sheet.formula(functools.reduce(operator.add, parts))

    def definition(self, u: AnyNode) -> Formula | None:
        """What ``u`` is, in the names of what it was computed from."""
        sheet = self.sheet()
        if self.pieces[u].size > LONGEST:
            return None
        with readable(sheet.tracer):
            sheet.stand_in_arguments(u)
            return sheet.formula(sheet.replay(u), entrywise=self.pieces[u].elementwise)
        return None

    def derivation(self, u: AnyNode, v: AnyNode, deeper: bool) -> list[Step]:
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
            return Chart(outer, [inner], known).derivation(outer.node, inner.node, deeper=False)
        single = np.shape(value) == () and all(
            type(n.ans) is not tuple and np.shape(n.ans) == () for n in piece.inside
        )
        if not (piece.elementwise or single) or not 1 < piece.size <= LONGEST // 3:
            return []
        routes = list(islice(edges_to(piece, v), ROUTES + 1))
        if len(routes) > ROUTES:
            return []
        sheet = self.sheet()
        style: dict[str, bool] = {"entrywise": True}
        combined: Formula | None = None
        with readable(sheet.tracer):
            sheet.stand_in_arguments(u)
            sheet.stand_ins[u] = sheet.replay(u)
            one = sheet.seed(u.ans)
            written = [
                [sheet.formula(sheet.rule(n, i, one), inverse=True, **style) for n, i in route]
                for route in routes
            ]
            combined = sheet.formula(piece.flow(one, sheet.rule)[v], **style)
        if combined is None:
            return []
        kept = [r for r in written if not any(equals(f.program.result, 0) for f in r)] or written
        factors = [[f for f in r if not equals(f.program.result, 1)] or r[:1] for r in kept]
        steps: list[Step] = [factors, [[combined]]]
        if (final := self.expressions(u).get(v)) is not None:
            steps.append([[final]])
        texts = [step_text(step).replace(" · ", "·") for step in steps]
        return [s for s, t, before in zip(steps, texts, ["", *texts], strict=False) if t != before]

    def operations(self, u: AnyNode, v: AnyNode) -> list[tuple[Formula | None, Formula]]:
        """How a row of a ledger comes about: the gradient of each result on the way from ``u``.

        Returns
        -------
        list of (expression, formula)
            The expression that made a result, and the formula of the gradient by it; the last
            is ``v`` itself, without an expression.  Empty where there is but one operation,
            and for what is too long.
        """
        piece = self.pieces[u]
        if not 1 < piece.size <= LONGEST // 3 or any(type(n.ans) is tuple for n in piece.inside):
            return []
        written = self.expressions(u).get(v)
        if written is not None and any("steps" in e.kwargs for e in written.program.equations):
            return []  # which a sign stands for
        sheet = self.sheet()
        arrives: dict[AnyNode, Array] = {}
        piece.flow(self.gradients[u], pull_back, arrives.setdefault)
        found: list[tuple[Formula | None, Formula]] = []
        of, last = self.called(self.output), None
        with readable(sheet.tracer):
            sheet.stand_in_arguments(u)
            same = sheet.replay(u)
            sheet.named(u, u.ans)
            made = {n: sheet.formula(sheet.stand_ins[n]) for n in piece.inside if n is not u}

            def named(node: AnyNode, g: Array) -> Array:
                """The gradient under the name of what ``node`` is."""
                if node is u:
                    return g
                expression = made[node]
                found.append((expression, sheet.formula(g, (same, u))))
                others = (("latex", expression.latex), ("mathml", expression.mathml))
                symbol = Symbol(expression.text, of, self.prefix, others)
                return sheet.symbol(arrives[node], symbol)

            below = piece.flow(self.adjoint(sheet, u), sheet.rule, named)
            last = sheet.formula(below[v], (same, u))
        return [*found, (None, last)] if last is not None else []


Step = list[list[Formula]]
"""A sum of products."""


def step_text(step: Step) -> str:
    return sum_of_products(step, TEXT)


def ones(x: Array) -> Array:
    return np.ones_like(x)[()]
