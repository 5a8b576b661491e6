"""Which answers are formulas."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from minigrad.derivation.formulas.symbolic import is_symbolic
from minigrad.derivation.values import upright

BLANKS = {"n/a", "na", "nan", "none", "inf", "infinity", "todo", "tbd", "unknown", "pass"}


def is_formula(value: object) -> bool:
    """Whether an answer is to be read as a formula: it has names in it, and is no placeholder."""
    if is_symbolic(value):
        return True
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(v, str) or is_symbolic(v) for v in value) and any(
            is_formula(v) for v in value
        )  # fmt: skip
    if not isinstance(value, str) or value.strip().lower() in BLANKS:
        return False
    number = re.sub(r"\d\.?[eE][+-]?\d|array|tensor|dtype=\w+|float\d*", "", upright(value))
    return bool(re.search(r"[^\W\d_]", number)) and not re.fullmatch(r"[\s\[\](),\d.+-]*", number)


def parts_of(given: object) -> list[Any]:
    """The lines of a derivation that is a list."""
    return list(given) if isinstance(given, list | tuple) else [given]


@dataclass
class Answer:
    """One quantity's formula, or its lines."""

    key: Any
    given: Any
    lines: list[ast.expr] = field(default_factory=list)
    value: Any = None
    error: str = ""
    unread: bool = False

    @property
    def last(self) -> ast.expr:
        return self.lines[-1]
