"""Simplifying: a program emitted anew, through a builder that knows some rules."""

from __future__ import annotations

from collections.abc import Iterable

from minigrad.program import algebra, textbook
from minigrad.program.builder import Builder, Rules
from minigrad.program.chains import reassociated
from minigrad.program.equations import Program, Var
from minigrad.program.rules import rules
from minigrad.program.signs import signs_seen
from minigrad.typing import Operand

__all__ = ["READING", "RUNNING", "algebra", "rebuilt", "simplified", "textbook"]

RUNNING = rules("run")
READING = rules("read")


def rebuilt(
    program: Program,
    by_op: Rules,
    named: bool = True,
    folding: bool = True,
    sharing: bool = True,
    outside: Iterable[Var] = (),
) -> Program:
    """``program`` emitted anew through a `Builder` with rules by op, with its names or without.

    Of variables ``outside`` it is seen elsewhere which sign a zero has.
    """
    b = Builder(by_op, folding, sharing, program.constants)
    signed = signs_seen(program, outside) if by_op else ()
    value: dict[Var, Operand] = {}
    for equation, ans in b.replay(program.equations, value, signed):
        fresh = isinstance(ans, Var) and not ans.given and ans in b.made_by
        if named and fresh and equation.out.given:
            ans.name, ans.given, ans.also = equation.out.name, True, equation.out.also
    return program.rewritten(b.equations, value)


def simplified(program: Program) -> Program:
    """``program`` after constant folding, algebra, sharing, dead code and matrix chains.

    The passes one by one are in `minigrad.program.passes`.
    """
    return reassociated(rebuilt(program, RUNNING))
