"""What a variable of a loop was in the passes before the last.

Only its last value has a name.  The statement that made it, beside the operations that were
recorded, says which of these read the value before, and so on back to the first pass.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minigrad.explain.sources import operands
from minigrad.graph import AnyNode
from minigrad.reading.inline import inlined
from minigrad.reading.names import Names

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
    tree: ast.expr
    variables: Mapping[str, Any]
    loops: Mapping[str, ast.expr | None]
    moving: frozenset[str]


def passes(named: list[AnyNode], known: Names) -> dict[AnyNode, Before]:
    """Earlier values of the variables that are assigned in loops, by their nodes."""
    made: dict[str, tuple[ast.expr, Mapping[str, Any], Mapping[str, Any]]] = {}
    moving: set[str] = set()
    for node in named:
        path = known.path(node)
        for statement, scope in itertools.islice(known.assignments(node), 1):
            if statement.loops is not None and path in statement.values:
                written = statement.values[path], scope.seen
                made[path] = *(inlined(*written) or written), statement.loops
                moving |= {*statement.targets, *statement.loops}
    found: dict[AnyNode, str] = {}
    stack = [(node, known.path(node)) for node in named if known.path(node) in made]
    while stack and len(found) < MOST:
        node, path = stack.pop()
        for p, name in read(node, *made[path][:2], known):
            if name in made and p not in found:
                found[p] = name
                stack.append((p, name))
    count: dict[str, int] = {}
    answer = {}
    for node in sorted(found, key=lambda n: n.seq):
        name = found[node]
        count[name] = count.get(name, 0) + 1
        short = f"{name}_{count[name]}"
        if name.isidentifier() and known.value(short) is None:
            answer[node] = Before(name, short, count[name], *made[name], frozenset(moving))
    return answer


def read(
    top: AnyNode, tree: ast.expr, variables: Mapping[str, Any], known: Names
) -> Iterator[tuple[AnyNode, str]]:
    """The results without a name that an expression read, and what they were called there."""
    stack = [(top, tree)]
    while stack:
        node, part = stack.pop()
        for p, inner in zip(node.parents, operands(node, part, variables), strict=False):
            if p is None or p.op is None or known.known(p):
                continue
            if isinstance(inner, ast.Name):
                yield p, inner.id
            else:
                stack.append((p, inner))
