"""Programs of single numbers as pure Python: ``math`` is ten times faster than NumPy there.

Where ``math`` raises an error and NumPy returns an infinity or NaN, the caller falls back
to NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.program.equations import Equation, Program, Var

OPERATORS = {
    "add": "({} + {})",
    "subtract": "({} - {})",
    "multiply": "({} * {})",
    "divide": "({} / {})",
    "negative": "(-{})",
    "greater": "({} > {})",
    "greater_equal": "({} >= {})",
    "less": "({} < {})",
    "less_equal": "({} <= {})",
    "equal": "({} == {})",
    "not_equal": "({} != {})",
    "bitwise_and": "({} & {})",
    "bitwise_or": "({} | {})",
    "logical_and": "({} and {})",
    "logical_or": "({} or {})",
    "invert": "(not {})",
    "logical_not": "(not {})",
    "absolute": "abs({})",
    "square": "({0} * {0})",
    "reciprocal": "(1 / {})",
    "where": "({1} if {0} else {2})",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "relu": "(0.0 if {0} <= 0 else {0})",
    "sigmoid": "(1 / (1 + exp(-{})))",
    "softplus": "softplus({})",
    "log_sigmoid": "(-softplus(-{}))",
    "sign": "(float({0} > 0) - float({0} < 0))",
    "isnan": "({0} != {0})",
    "sum": "{}",
    "mean": "{}",
    "reshape": "{}",
    "clip": "(min(max({0}, {1}), {2}) if {0} == {0} else {0})",
    "power": "pow({}, {})",
    "logaddexp": "(max({0}, {1}) + log1p(exp(-abs({0} - {1}))))",
}
REPEATED = frozenset("square where maximum minimum relu sign isnan clip logaddexp".split())
"""Patterns that read an argument twice: it must have a name."""

FUNCTIONS = {
    name: getattr(math, function)
    for name, function in {
        "exp": "exp", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10",
        "log1p": "log1p", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan",
        "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
        "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh",
        "arccosh": "acosh", "arctanh": "atanh", "hypot": "hypot", "erf": "erf",
        "cbrt": "cbrt", "exp2": "exp2", "fabs": "fabs", "deg2rad": "radians",
        "rad2deg": "degrees", "fmod": "fmod", "copysign": "copysign",
    }.items()
}  # fmt: skip


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


NAMESPACE = {**FUNCTIONS, "pow": math.pow, "softplus": softplus}


def is_scalar(program: Program) -> bool:
    """Whether ``program`` is made of double-precision numbers that ``math`` can compute."""
    everything = [
        *program.inputs,
        *program.constants,
        *(v for e in program.equations for v in e.outs),
    ]
    return (
        all(v.shape == () and (v.dtype == np.float64 or v.dtype.kind == "b") for v in everything)
        and all(spelling(e) is not None for e in program.equations)
        and bool(program.equations)
    )


def spelling(e: Equation) -> str | None:
    """How Python writes the equation; None if it cannot."""
    if any(v not in (None, (), False, True, 0, -1) for k, v in e.kwargs.items() if k != "shape"):
        return None
    if e.op.name == "power" and type(e.args[1]) is int and 0 < e.args[1] < 4:
        return "(" + " * ".join(["{0}"] * e.args[1]) + ")"
    if e.op.name in OPERATORS:
        return OPERATORS[e.op.name]
    if e.op.name in FUNCTIONS:
        return f"{e.op.name}({', '.join('{}' for _ in e.args)})"
    return None


def body(program: Program, names: list[str]) -> tuple[list[str], dict[Var, str]]:
    """Lines of Python, and the expression of every variable; ``names`` are the inputs'."""
    uses = program.uses()
    text: dict[Var, str] = dict(zip(program.inputs, names, strict=True))
    text.update({v: f"c{i}" for i, v in enumerate(program.constants)})
    lines: list[str] = []
    multiple = {
        v for e in program.equations
        if e.op.name in REPEATED or e.op.name == "power"
        for v in e.reads()
    }  # fmt: skip
    for i, e in enumerate(program.equations):
        pattern = spelling(e)
        assert pattern is not None
        code = pattern.format(*(text[a] if isinstance(a, Var) else literal(a) for a in e.args))
        if uses.get(e.out, 0) == 1 and e.out not in multiple and len(code) < 400:
            text[e.out] = code
        else:
            text[e.out] = f"v{i}"
            lines.append(
                f"v{i} = {code.removeprefix('(').removesuffix(')') if outer(code) else code}"
            )
    return lines, text


def outer(code: str) -> bool:
    """Whether the parentheses around ``code`` belong together."""
    depth = 0
    for i, c in enumerate(code):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return i == len(code) - 1 and code[0] == "("
    return False


def literal(x: Any) -> str:
    """A constant as Python source."""
    if isinstance(x, np.generic | np.ndarray):
        x = x.item() if np.ndim(x) == 0 else x.flat[0].item()
    if isinstance(x, float) and not math.isfinite(x):
        return f'float("{x}")'
    return f"({x!r})" if isinstance(x, int | float) and x < 0 else repr(x)
