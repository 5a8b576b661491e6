"""What rules leave, made short: identities applied, constants put in, names put back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad import ops
from minigrad.explain.algebra import FORMULAS, FREE
from minigrad.explain.factors import Simplifier
from minigrad.program.builder import FOLDED, equal_entries
from minigrad.program.equations import Equation, Program, Var, without_dead_code
from minigrad.tree import tree_map
from minigrad.typing import Array, Operand


def simplify_formula(
    program: Program,
    stands: dict[Var, Var],
    whole: Program,
    known: dict[Var, Array],
    values: dict[Var, Array],
    sizes: dict[Var, int],
    same: Callable[[Program, Program], bool],
) -> tuple[Program, dict[Var, Equation]]:
    """``program`` simplified for reading, and what made the variables in it, names too.

    Parameters
    ----------
    stands : dict
        Variable of ``whole`` -> the variable that is written in its place from then on.
    known : dict
        Variable -> the constant that it is.
    values : dict
        Variable with a name -> what it holds.
    sizes : dict
        Variable that stands for the length of an array -> that.
    same : callable
        Whether two programs are worth the same, given the values of their variables.
    """
    b = Simplifier(FREE, values, sizes)
    short = replayed(b, program, stands, whole, known)
    if not b.freed:
        return short, {**b.made_by, **b.results}
    pencil = Simplifier(FORMULAS, values, sizes)
    guarded = replayed(pencil, program, stands, whole, known)
    if same(short, guarded):
        return short, {**b.made_by, **b.results}
    return guarded, {**pencil.made_by, **pencil.results}


def replayed(
    b: Simplifier, program: Program, stands: dict[Var, Var], whole: Program, known: dict[Var, Array]
) -> Program:
    """``program`` as the builder leaves it."""
    value: dict[Var, Operand] = {}
    for v, c in {**known, **whole.constants}.items():
        array = getattr(c, "_value", c)
        value[v] = array if as_uniform(array) is None else as_uniform(array)

    for e, made in b.replay(whole.equations, value):
        plain = as_uniform(made) if isinstance(made, np.ndarray) else None
        value[e.out] = made if plain is None else plain
        if e.out in stands:
            rename(b, value[e.out], stands[e.out])
            value[e.out] = stands[e.out]
    result = tree_map(lambda x: value.get(x, x) if isinstance(x, Var) else x, program.result)
    made_by = b.nameless(result)
    if made_by is not None and made_by.op is ops.broadcast_to:
        result = made_by.args[0]  # which is worth the same for every entry
    return without_dead_code(program.replace(equations=b.equations, result=result))


def as_uniform(x: Array) -> Array | None:
    """An array of one number as such; None for others."""
    x = getattr(x, "_value", x)
    if np.ndim(x) == 0:
        return x[()]
    same = x.size < FOLDED and equal_entries(x)
    return np.broadcast_to(x.flat[0], x.shape) if same else None


def rename(b: Simplifier, made: Operand, v: Var) -> None:
    """Write ``v`` wherever what ``made`` is would be written."""
    e: Equation | None = b.made_by.get(made) if isinstance(made, Var) else None
    if e is not None:
        b.call(e, v)
        b.results[v] = e
