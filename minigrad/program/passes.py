"""Passes: functions from programs to programs, one improvement each.

`simplified` applies them all, and so do `mg.trace` and `mg.compile`.  One by one they are
for reading: print a program's ``listing`` before and after.

Examples
--------
>>> import minigrad as mg
>>> from minigrad.program import passes
>>> program = passes.recorded(lambda x: x * 3 * 2 + x * 3, 1.0)
>>> print(program.listing)
t1 = multiply(x, 3)
t2 = multiply(t1, 2)
t3 = multiply(x, 3)
t4 = add(t2, t3)
return t4
>>> print(passes.shared(program).listing)
t1 = multiply(x, 3)
t2 = multiply(t1, 2)
t3 = add(t2, t1)
return t3
>>> print(passes.rewritten(program).listing)
t1 = multiply(6, x)
t2 = multiply(3, x)
t3 = add(t1, t2)
return t3
"""

from __future__ import annotations

from typing import Any

from minigrad.program.builder import Rules
from minigrad.program.chains import reassociated
from minigrad.program.equations import Program, without_dead_code
from minigrad.program.simplify import RUNNING, rebuilt, simplified
from minigrad.program.trace import record
from minigrad.typing import Array, Function

__all__ = [
    "folded",
    "reassociated",
    "recorded",
    "rewritten",
    "shared",
    "simplified",
    "without_dead_code",
]


def recorded(f: Function, *args: Array, **kwargs: Any) -> Program:
    """The program of ``f`` as it was traced, before any pass.

    Examples
    --------
    >>> import minigrad as mg
    >>> recorded(mg.grad(lambda x: x**2), 3.0)
    <program f: 2 equations>
    """
    return record(f, args, kwargs)


def folded(program: Program) -> Program:
    """What only constants enter, computed.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.program.equations import Equation, Program, Var
    >>> from minigrad import ops
    >>> t, y = Var("t", (), np.dtype(float)), Var("y", (), np.dtype(float))
    >>> x = Var("x", (), np.dtype(float), given=True)
    >>> steps = [Equation(t, ops.multiply, (2.0, 3.0)), Equation(y, ops.add, (x, t))]
    >>> program = Program("f", {"x": x}, {}, steps, y)
    >>> print(program.listing)
    t1 = multiply(2.0, 3.0)
    t2 = add(x, t1)
    return t2
    >>> print(folded(program).listing)
    t1 = add(x, 6.0)
    return t1
    """
    return rebuilt(program, {}, sharing=False)


def rewritten(program: Program, rules: Rules = RUNNING) -> Program:
    """Every equation replaced by something simpler, where one of ``rules`` knows it."""
    return rebuilt(program, rules, folding=False, sharing=False)


def shared(program: Program) -> Program:
    """Common subexpressions computed once."""
    return rebuilt(program, {}, folding=False)
