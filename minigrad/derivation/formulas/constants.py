"""Constants that the user's statements compute from others: ``1 - y`` in ``(1 - y) * log(p)``."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from minigrad.derivation.formulas.functions import NoFormula
from minigrad.derivation.formulas.grammar import check, names_in, value_of
from minigrad.errors import is_user
from minigrad.graph import AnyNode
from minigrad.reading.inline import inlined
from minigrad.reading.names import Names, base_of, is_a
from minigrad.reading.statements import SYMBOLS
from minigrad.typing import Array

MOST = 100
"""Of longer statements, no more parts are looked at."""
MULTIPLES = [(r, p) for p in (1, 2, -1, -2) for r in (1.0, 2.0, 0.5, 3.0, 4.0, 0.25, 1 / 3)]
"""``r v**p``, as which a number often comes from another."""
OWN = {0.0, 1.0, 2.0, 0.5}
"""Numbers that formulas have of their own."""


def multiples(
    k: float, v: Array, shapes: Sequence[tuple[float, int]] = MULTIPLES
) -> Iterator[tuple[float, int]]:
    """As which multiples of powers of ``v`` the number ``k`` may have come about."""
    v = np.float64(v)  # whose powers overflow to infinity
    for r, p in shapes if v else ():
        if (r == 1 or abs(v) != 1) and abs(k - r * v**p) < 1e-12 * abs(k):
            yield r, p


def is_written(names: Names, node: AnyNode, k: float) -> bool:
    """Whether ``k`` is a number of the statement that ``node`` is part of."""
    owner = names.owner(node)
    tree = names.expression(owner) if owner is not None else None
    written: list[object] = [x.value for x in ast.walk(tree or ast.Tuple([]))
                          if isinstance(x, ast.Constant)]  # fmt: skip
    return abs(k) in written


def comes_from(names: Names, name: str) -> set[str] | None:
    """The variables that one was computed from, and those that they were; None if not known."""
    found: set[str] = set()
    stack = [name]
    while stack:
        name = stack.pop()
        scope = next((s for s in names.scopes if name in s.variables), None)
        if scope is None and not hasattr(builtins, name):
            return None
        value = scope.variables[name] if scope is not None else None
        if scope is None or name in found or callable(value) or is_a(value, ModuleType):
            continue
        statement = next(iter(scope.assignments(name)), None)
        if statement is None or not statement.values:
            return None
        found.add(name)
        stack += statement.loads
    return found


def related(names: Names, name: str, others: Iterable[str]) -> set[str]:
    """Those of the others that may have been computed from what a variable was computed from."""
    mine = comes_from(names, name)
    theirs = {other: comes_from(names, base_of(other)) for other in others}
    return {other for other, t in theirs.items() if mine is None or t is None or t & mine}


def sources_of(names: Names, owner: AnyNode) -> set[str] | None:
    """The variables that the statement of a named node computes with; None if not known."""
    statement, scope = next(names.assignments(owner), (None, None))
    if statement is None or scope is None:
        return None
    held: list[Any] = [scope.seen.get(name) for name in statement.loads]
    if any(is_a(x, FunctionType) and is_user(x.__code__.co_filename) for x in held):
        return None  # it may compute with others
    found = [comes_from(names, name) for name in statement.loads]
    return None if None in found else set().union(*filter(None, found))


def computed_by(names: Names, node: AnyNode, i: int) -> tuple[ast.expr, bool] | None:
    """The expression that computes the constant ``node.args[i]``; None where none is seen.

    And whether it is told from a number that is written elsewhere in the statement.
    """
    owner = names.owner(node)
    found = next(names.assignments(owner), None) if owner is not None else None
    if found is None:
        return None
    statement, scope = found
    wholes, seen = [*statement.values.values()], scope.seen
    written = inlined(wholes[0], seen) if wholes else None
    if written is not None:  # what the user's own functions compute
        wholes[0], seen = written[0], dict(written[1])

    def held(name: str) -> Array:
        x = seen.get(name)
        if isinstance(x, bool) or not isinstance(x, int | float | np.number | np.ndarray):
            raise NoFormula(name)
        return x

    parts = operands([p for whole in wholes for p in ast.walk(whole)], node, i)
    for part in parts[:MOST]:
        if not isinstance(part, ast.BinOp | ast.UnaryOp | ast.Call | ast.Attribute):
            continue
        try:
            check(part)
            if names_in(part) and np.array_equal(value_of(part, held), node.args[i]):
                inside = {id(x) for x in ast.walk(part)}
                numbers: list[Array] = [x.value for x in parts
                                if isinstance(x, ast.Constant) and id(x) not in inside
                                and type(x.value) in (int, float)]  # fmt: skip
                return part, not np.isin(node.args[i], numbers).any()
        except (NoFormula, ValueError, TypeError, IndexError, ArithmeticError):
            continue
    return None


def operands(parts: Sequence[ast.AST], node: AnyNode, i: int) -> Sequence[ast.AST]:
    """The parts of a statement that may be what ``node`` has in place ``i``."""
    symbol = getattr(node.op, "symbol", None)
    if symbol not in SYMBOLS.values():
        return parts
    done = [x for x in parts if isinstance(x, ast.BinOp) and SYMBOLS.get(type(x.op)) == symbol]
    return [(x.left, x.right)[i] for x in done]
