"""Constants that the user's statements compute from others: ``1 - y`` in ``(1 - y) * log(p)``."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from minigrad.derivation.formulas.grammar import NoFormula, check, names_in, value_of
from minigrad.graph import AnyNode
from minigrad.reading.names import Names

MOST = 100
"""Of longer statements, no more parts are looked at."""


def computed_by(names: Names, node: AnyNode, i: int) -> tuple[ast.expr, bool] | None:
    """The expression that computes the constant ``node.args[i]``; None where none is seen.

    And whether it is told from a number that is written elsewhere in the statement.
    """
    owner = names.owner(node)
    found = next(names.assignments(owner), None) if owner is not None else None
    if found is None:
        return None
    statement, scope = found

    def held(name: str) -> Any:
        x = scope.seen.get(name)
        if isinstance(x, bool) or not isinstance(x, int | float | np.number | np.ndarray):
            raise NoFormula(name)
        return x

    parts = [p for whole in statement.values.values() for p in ast.walk(whole)]
    for part in parts[:MOST]:
        if not isinstance(part, ast.BinOp | ast.UnaryOp | ast.Call | ast.Attribute):
            continue
        try:
            check(part)
            if names_in(part) and np.array_equal(value_of(part, held), node.args[i]):
                inside = {id(x) for x in ast.walk(part)}
                numbers: Any = [x.value for x in parts if isinstance(x, ast.Constant)
                           and type(x.value) in (int, float) and id(x) not in inside]  # fmt: skip
                return part, not np.isin(node.args[i], numbers).any()
        except (NoFormula, ValueError, TypeError, IndexError, ArithmeticError):
            continue
    return None
