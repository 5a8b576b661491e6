"""Ops of single numbers as JavaScript, forward and derivatives, for the explorer's page.

No derivative is written down: the rules of an op are traced, as formulas are, and what they
leave is written in JavaScript.  Nothing of the user's gets into it but numbers.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.trace import trace
from minigrad.writing.notation import NOTATION
from minigrad.writing.styles import plainly
from minigrad.writing.terms import Term, fill

UNTRACEABLE = (TypeError, ValueError, LookupError, AttributeError, NotImplementedError)
"""What functions raise on stand-ins when they look at their numbers, or are not covered."""

HARMLESS = frozenset({"axis", "keepdims", "shape", "dtype", "copy"})
"""Metadata that changes nothing where there is but one number."""


class Unwritable(ValueError):
    """JavaScript has no word for it."""


def functions(
    op: Op, args: Sequence[Any], ans: Any, kwargs: Mapping[str, Any], wanted: Sequence[int]
) -> str | None:
    """``[forward, [derivative, …]]`` of an op for numbers like ``args``; None if that fails.

    Parameters
    ----------
    op : Op
    args : sequence of numbers
        Of which only the dtypes count.
    ans : number
        The op of these.
    kwargs : mapping
        Metadata, which becomes part of the functions.
    wanted : sequence of int
        The arguments by which it is to be differentiated.

    Examples
    --------
    >>> print(functions(ops.tanh, [0.5], 0.46, {}, [0]))
    [(x0) => Math.tanh(x0), [(ans, x0) => 1 - np.power(ans, 2)]]
    >>> print(functions(ops.bent, [0.5, 0.1], 0.5, {}, [0]))
    [(x0, x1) => (x0 > 0 ? x0 : x1 * x0), [(ans, x0, x1) => (x0 > 0 ? 1.0 : x1), null]]
    """
    numbers = [np.asarray(x) for x in args]
    one = np.asarray(ans).dtype.type(1)

    def derivative(i: int) -> str:
        rule = op.rule(i)
        if rule is None or i not in wanted:
            return "null"
        given = trace(lambda *xs: rule(one, *xs, **kwargs), np.asarray(ans), *numbers)
        return function(given, ["ans", *names])

    names = [f"x{i}" for i in range(len(args))]
    try:
        with np.errstate(all="ignore"):
            if "js" in NOTATION.get(op, {}):
                variables = [Var(n, (), x.dtype, True) for n, x in zip(names, numbers)]
                out = Var("y", (), np.asarray(ans).dtype)
                equation = Equation(out, op, tuple(variables), dict(kwargs))
                program = Program("f", dict(zip(names, variables)), {}, [equation], out)
            else:
                program = trace(lambda *xs: op.forward(*xs, **kwargs), *numbers)
            slopes = ", ".join(derivative(i) for i in range(len(args)))
            return f"[{function(program, names)}, [{slopes}]]"
    except UNTRACEABLE:
        return None


def function(program: Program, names: Sequence[str]) -> str:
    """A program of single numbers as an arrow function of ``names``."""
    uses = program.uses()
    text = {v: Term(name) for v, name in zip(program.inputs, names, strict=True)}
    text |= {v: number(getattr(c, "_value", c)) for v, c in program.constants.items()}
    lines: list[str] = []
    for e in program.equations:
        term = expression(e, [text[a] if isinstance(a, Var) else number(a) for a in e.args])
        if uses.get(e.out, 0) > 1:
            lines.append(f"const t{len(lines) + 1} = {term.code}; ")
            term = Term(f"t{len(lines)}")
        text[e.out] = term
    result = program.result
    answer = text[result] if isinstance(result, Var) else number(result)
    if isinstance(result, Var) and result.dtype.kind == "b":
        answer = Term(f"Number({answer.code})")
    head = f"({', '.join(names)}) => "
    return f"{head}{{ {''.join(lines)}return {answer.code}; }}" if lines else head + answer.code


def expression(e: Equation, args: Sequence[Term]) -> Term:
    """The right-hand side of ``e``."""
    op = e.op
    if not isinstance(e.out, Var) or e.out.shape:
        raise Unwritable(op.name)
    if e.out.dtype.kind == "b":  # NumPy adds truth values as such
        op = {ops.add: ops.bitwise_or, ops.multiply: ops.bitwise_and}.get(op, op)
    pattern = NOTATION.get(op, {}).get("js")
    whole = op is ops.astype and e.out.dtype.kind != "f"
    if pattern is None or whole:
        raise Unwritable(op.name)
    words = metadata(op, e.kwargs)
    for key in e.kwargs.keys() - HARMLESS:
        if f"{{{key}}}" not in pattern[1]:
            raise Unwritable(op.name)
    return fill(pattern, *args, **words)


def metadata(op: Op, kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as JavaScript, what goes without saying included."""
    known: dict[str, Any] = dict(kwargs)
    if not isinstance(op.forward, np.ufunc) and op.metadata:
        for name, p in inspect.signature(op.forward).parameters.items():
            if name in op.metadata and p.default is not p.empty:
                known.setdefault(name, p.default)
    return {
        key: "null" if value is None else number(value).code
        for key, value in known.items()
        if value is None or isinstance(value, bool | int | float | np.number)
    }


def number(x: Any) -> Term:
    """A number as JavaScript.

    Examples
    --------
    >>> [number(x).code for x in (2, -0.5, np.inf, np.nan, True)]
    ['2', '-0.5', 'Infinity', 'NaN', 'true']
    """
    x = plainly(np.asarray(x).reshape(-1)[0] if isinstance(x, np.ndarray) and x.size else x)
    if isinstance(x, bool):
        return Term(str(x).lower())
    if not isinstance(x, int | float):
        raise Unwritable(repr(type(x)))
    if not math.isfinite(x):
        if x != x:
            return Term("NaN")
        return Term("Infinity") if x > 0 else Term("-Infinity", "unary")
    return Term(repr(x), "unary" if math.copysign(1, x) < 0 else "atom")
