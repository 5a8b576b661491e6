"""Which statements may hold the slip, and in what order their changes are tried."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from minigrad.derivation.backward.claims import reshaped
from minigrad.derivation.backward.flows import close
from minigrad.derivation.backward.held import bent_value, bytes_of, change_at, handed_over, is_made
from minigrad.derivation.backward.lines import MANY, expression_of
from minigrad.derivation.backward.machine import FAILURES
from minigrad.derivation.backward.numbers import RETURNED, Frame
from minigrad.derivation.backward.rerun import ONCE, Rerun
from minigrad.derivation.backward.watch import Statement, read_in
from minigrad.derivation.formulas.repairs import places
from minigrad.typing import Array, Shape


class Suspects(Rerun):
    """A run of which some goals are wrong, and the statements that these depend on."""

    def in_order(self, statements: list[Statement]) -> list[list[Statement]]:
        """Those that make gradients first, the wrong ones of these before those that are right."""
        claimed = {(e.statement.whole or e.statement).node for c in self.claims for e in c.events}
        off = {
            (c.events[-1].statement.whole or c.events[-1].statement).node
            for c in self.claims
            if c.events and c.through is None and not close(c.value, self.flows.total[c.node])
        }
        made = {s.node: [*map(np.asarray, self.made_by(s, None))] for s in statements}
        again = {s.node for s in statements if not any(map(self.means, s.targets))
                 and all(bytes_of(x) in self.forward for x in made[s.node])}  # fmt: skip
        fine, known = self.fine() - off, (self.values_again() | again) - claimed
        whole = {node for node, values in made.items() if all(x.dtype.kind in "iu" for x in values)
                 and not isinstance(node, ast.For | ast.If | ast.While)}  # fmt: skip
        less = fine | whole | (self.mixed - off)
        rank = [1 if s.node in less else 2 * (s.node in known) for s in statements]
        ranks = [[s for s, r in zip(statements, rank, strict=True) if r == k] for k in range(3)]
        theirs = {source.name for source in self.sources}

        def later(s: Statement) -> int:
            """What has no name, or is made elsewhere: a helper's line is the one to change."""
            if isinstance(s.node, ast.Return) and isinstance(s.node.value, ast.Name):
                return 3
            of = [x.func for x in ast.walk(expression_of(s.node)) if isinstance(x, ast.Call)]
            made = any(getattr(f, "id", getattr(f, "attr", "")) in theirs for f in of)
            if made or isinstance(s.node, ast.For | ast.If | ast.While):
                return 2
            return int(s.node not in claimed or isinstance(s.node, ast.Return))

        return [sorted(some, key=later) for some in ranks]

    def fine(self) -> set[ast.stmt]:
        """The statements whose gradients are right, whatever they are of."""
        fine: dict[ast.stmt, bool] = {}
        by_shape: dict[Shape, list[Array]] = {}
        for g in self.flows.total.values():
            by_shape.setdefault(np.shape(g), []).append(g)
        for event in self.watch.events:
            node = event.statement.node
            if node is None or not fine.get(node, True) or event.item is not None:
                continue
            handed_on = isinstance(getattr(node, "value", None), ast.Name)
            fine[node] = (
                not (handed_on and isinstance(node, ast.Assign))
                and bool(np.any(event.after))
                and any(close(event.after, g) for g in by_shape.get(np.shape(event.after), ()))
            )
        return {node for node, right in fine.items() if right}

    def values_again(self) -> set[ast.stmt]:
        """The statements that set what the forward function has computed, and no gradients."""
        known = self.forward
        found: dict[ast.stmt, bool] = {}
        for step in self.watch.steps:
            node, after = step.statement.node, [v for _, v in step.changes.values()]
            if node is not None and after:
                found[node] = (
                    found.get(node, True)
                    and not any(map(self.means, step.statement.targets))
                    and all(
                        v is not None and (v.dtype.kind in "iu" or bytes_of(v) in known)
                        for v in after
                    )
                )
        return {node for node, value in found.items() if value}

    def to_be_tried(self) -> list[Statement]:
        """The statements that what is wrong depends on, in the order of execution."""
        self.known = {s.node: (returning(s), source) for source in self.sources
                 for s in source.statements.values() if s.node is not None}  # fmt: skip
        for source in self.sources:
            for header in ast.walk(source.tree):
                if isinstance(header, ast.For | ast.If | ast.While):
                    line = header.lineno + source.first - 1
                    read = read_in(expression_of(header))
                    self.known[header] = Statement(line, line, (), read, True, node=header), source
        found = []
        for node in self.scopes:
            told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if node is None or node not in self.known or expression_of(node) is None or told:
                continue
            if not any(map(np.any, self.made_by(self.known[node][0], None))) and is_made(node):
                continue
            if len(places(expression_of(node), ast.AST)) > MANY:
                continue
            if self.owners[node] is self.last.root.own and handed_over(node):
                continue
            if getattr(self.owners[node].function, "__code__", None) in self.shared:
                continue
            if self.leads_to(node):
                found.append(self.known[node][0])
        return found

    def leads_to(self, node: ast.stmt) -> bool:
        """Whether all that is wrong is something else where a statement sets other numbers."""
        statement = self.known[node][0]
        if not statement.targets:  # grads.append(dW)
            return True
        parts = getattr(getattr(node, "value", None), "elts", ())
        alone = statement.targets
        if isinstance(node, ast.Return):
            alone = tuple(f"{RETURNED}[{k}]" for k in range(len(parts)))
        ways = [statement.targets, *([t] for t in alone)]
        wrong = {k for k, g in enumerate(self.goals) if not g.right}
        moved = [self.moved_by(node, targets) for targets in ways]
        if wrong not in moved:
            self.mixed.add(node)
        return moved[0] >= wrong

    def moved_by(self, node: ast.stmt, targets: Sequence[str]) -> set[int]:
        """Which of the goals are something else where a statement sets other numbers."""

        def bend(done: ast.stmt, frame: Frame) -> None:
            if done is node:
                for path in targets:
                    change_at(path, frame.vars, bent_value)

        try:
            found = self.outcome(2 * ONCE, {}, self.goals, bend)
        except FAILURES:
            return {*range(len(self.goals))}
        return {
            k for k, (goal, value) in enumerate(zip(self.goals, found, strict=True))
            if value is None or not close(reshaped(value, goal.was), goal.was)
        }  # fmt: skip


def returning(statement: Statement) -> Statement:
    """A statement that returns something as one that sets it."""
    returns = isinstance(statement.node, ast.Return)
    return replace(statement, targets=(RETURNED,)) if returns else statement
