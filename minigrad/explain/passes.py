"""What a variable of a loop was in the passes before the last.

Only its last value has a name.  The statement that made it, beside the operations that were
recorded, says which of these read the value before, and so on back to the first pass.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from minigrad.explain.sources import operands
from minigrad.graph import AnyNode
from minigrad.reading.inline import inlined
from minigrad.reading.names import Names, Scope
from minigrad.reading.statements import Statement
from minigrad.typing import Keywords

MOST = 2_000
"""More values than these are not named."""


@dataclass(frozen=True)
class Before:
    """A value that a variable had in an earlier pass.

    Attributes
    ----------
    variable, name : str
        What the user calls it, and what it is called here: ``h``, ``h_1``.
    number : int
        Of the pass, from 1.
    ago : int
        How many passes before the last; 0 of a value that was assigned anew in the same pass.
    tree : ast.expr
        What was assigned.
    variables : Mapping
        Of the user's code, as they are now.
    loops : Mapping
        Variables that loops set -> the expression of what they run through, if that is one.
    moving : set of str
        Variables that are not what they were.
    """

    variable: str
    name: str
    number: int
    ago: int
    tree: ast.expr
    variables: Keywords
    loops: Mapping[str, ast.expr | None]
    moving: frozenset[str]

    @property
    def current(self) -> bool:
        """Whether what it was made of is as it was."""
        return not self.ago and not names_in(self.tree) & self.moving


@dataclass(frozen=True)
class Assigned:
    """A variable, by one of the assignments to it in a loop."""

    variable: str
    statement: Statement
    scope: Scope = field(compare=False)

    @property
    def within(self) -> bool:
        """Whether it is in a loop, and can be read."""
        return self.statement.loops is not None and self.variable in self.statement.values

    def sources(self, name: str) -> list[Assigned]:
        """The assignments in loops that a variable may have been read from, likely ones first.

        That is the last one above, or else the last one of all, of the pass before.
        """
        others = [Assigned(name, s, self.scope) for s in self.scope.assignments(name)]
        others.sort(key=lambda of: of.statement.place >= self.statement.place)  # latest first
        return [of for of in others if of.within and self.shares_loop(of.statement)]

    def shares_loop(self, other: Statement) -> bool:
        return other.outermost == self.statement.outermost

    def changed_since(self, name: str) -> bool:
        """Whether a variable is assigned again in the rest of the pass."""
        return any(
            self.shares_loop(s) and s.place >= self.statement.place
            for s in self.scope.assignments(name)
        )


def passes(named: list[AnyNode], known: Names) -> dict[AnyNode, Before]:
    """Earlier values of the variables that are assigned in loops, by their nodes."""
    trees: dict[Assigned, tuple[ast.expr, Keywords]] = {}
    moving: set[str] = set()

    def tree(of: Assigned) -> tuple[ast.expr, Keywords]:
        if of not in trees:
            written = of.statement.values[of.variable], of.scope.seen
            trees[of] = inlined(*written) or written
            moving.update(of.statement.targets, of.statement.loops or ())
        return trees[of]

    def made_by(node: AnyNode, those: list[Assigned]) -> Assigned:
        """Of several assignments, in branches for instance, the first that does what was done."""
        if len(those) == 1:
            return those[0]
        return next((of for of in those if operands(node, *tree(of))), those[0])

    stack: list[tuple[AnyNode, Assigned, int]] = []
    for node in named:
        path = known.path(node)
        every = [Assigned(path, *pair) for pair in known.assignments(node)]
        those = [of for of in every if of.within]
        if those and every[0].within:
            stack.append((node, made_by(node, those), 0))
    found: dict[AnyNode, tuple[Assigned, int]] = {}
    while stack and len(found) < MOST:
        node, of, ago = stack.pop()
        for p, name in read(node, *tree(of), known):
            if p not in found and (those := of.sources(name)):
                by = made_by(p, those)
                found[p] = by, ago + (by.statement.place >= of.statement.place)
                stack.append((p, *found[p]))
    count: dict[str, int] = {}
    turn: dict[Assigned, int] = {}
    answer = {}
    for node in sorted(found, key=lambda n: n.seq):
        of, ago = found[node]
        name = of.variable
        count[name] = count.get(name, 0) + 1
        short = f"{name}_{count[name]}"
        if name.isidentifier() and known.value(short) is None:
            loops = of.statement.loops or {}
            turn[of] = turn.get(of, 0) + 1
            changed = {m for m in moving if ago or of.changed_since(m)}
            answer[node] = Before(name, short, turn[of], ago, *tree(of), loops, frozenset(changed))
    return answer


def read(
    top: AnyNode, tree: ast.expr, variables: Keywords, known: Names
) -> Iterator[tuple[AnyNode, str]]:
    """The results without a name that an expression read, and what they were called there."""
    stack = [(top, tree)]
    while stack:
        node, part = stack.pop()
        given = operands(node, part, variables)
        if not given and isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
            sides = (part.left, part.right)  # of which one was 0
            stack += [(node, side) for side in sides if not isinstance(side, ast.Name)]
        for p, inner in zip(node.parents, given, strict=False):
            if p is None or p.op is None or known.known(p):
                continue
            if isinstance(inner, ast.Name):
                yield p, inner.id
            else:
                stack.append((p, inner))


def names_in(part: ast.AST) -> set[str]:
    return {x.id for x in ast.walk(part) if isinstance(x, ast.Name)}


def at_first(part: ast.expr, before: Before) -> str | None:
    """An expression of what variables were before a loop, ``f(h_0)``; None for others."""
    read = names_in(part) & before.moving
    if not read or read & {*before.loops}:
        return None
    return ast.unparse(Renamed(read).visit(ast.parse(ast.unparse(part), mode="eval")))


@dataclass
class Renamed(ast.NodeTransformer):
    """``h_0`` in place of ``h``."""

    those: set[str]

    def visit_Name(self, x: ast.Name) -> ast.Name:
        return ast.Name(f"{x.id}_0", x.ctx) if x.id in self.those else x
