"""Entries: what is added to the same places of an array, added up before it goes there.

The gradient of a loop over ``p[0]`` and ``y[t]`` is a sum with a term for every use of an entry,
zeros but there.  Their numbers alone are added up at a fraction of that, and go into one array.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minigrad import ops
from minigrad.ops.indexing import is_basic, one_entry
from minigrad.ops.joining import layered
from minigrad.program.builder import Builder, same_shape_and_dtype
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.rules import SUMS
from minigrad.program.signs import signs_seen
from minigrad.typing import Index, Operand

Term = tuple[Operand, bool]
"""What is added, or subtracted, if the second is true."""
Places = dict[str, tuple[Index, list[Term]]]
"""Places of an array, as they are written: the index, and the terms that go there."""


def merge_scatters(program: Program) -> Program:
    """``program`` with one sum for each place of an array to which several terms go.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> from minigrad.program.passes import recorded
    >>> program = recorded(mg.grad(lambda p: mg.exp(p[0]) * p[1] * p[0]), np.ones(2))
    >>> print(program.listing.split("t10 = ")[1])
    multiply(t6, t2)
    t11 = scatter(t10, shape=(2,), index=1)
    t12 = add(t8, t11)
    t13 = multiply(t9, t2)
    t14 = scatter(t13, shape=(2,), index=0)
    dp = add(t12, t14)
    return dp
    >>> print(merge_scatters(program).listing.split("t9 = ")[1])
    multiply(t7, t2)
    t10 = add(t6, t9)
    t11 = stack(t10, t8)
    return t11
    """
    found = sums_of_places(program)
    if not found:
        return program
    b = Builder({}, constants=program.constants)
    value: dict[Var, Operand] = {}
    for e, _ in b.replay(program.equations, value):
        if e.out in found:
            value[e.out] = emit_places(b, e.out, *found[e.out], value)
    return program.rewritten(b.equations, value)


def sums_of_places(program: Program) -> dict[Var, tuple[Places, list[Term]]]:
    """Sums in which several terms go to one place -> what goes where, and the other terms."""
    made = {e.out: e for e in program.equations if isinstance(e.out, Var)}
    if sum(e.op is ops.scatter for e in made.values()) < 2:
        return {}
    uses, signed = program.uses(), signs_seen(program)
    inner: set[Var] = set()
    found = {}
    for e in reversed(program.equations):
        if e.op not in SUMS or e.out in inner or e.out in signed:
            continue
        places: Places = {}
        rest: list[Term] = []
        for x, minus in terms_of(e, made, uses, inner):
            scattered = made.get(x) if same_shape_and_dtype(x, e.out) else None
            index = scattered.kwargs["index"] if scattered and scattered.op is ops.scatter else ...
            if scattered is None or index is ... or not is_basic(index):
                rest.append((x, minus))
            else:
                places.setdefault(repr(index), (index, []))[1].append((scattered.args[0], minus))
        if any(len(terms) > 1 for _, terms in places.values()):
            found[e.out] = places, rest
    return found


def terms_of(e: Equation, made: Operand, uses: dict[Var, int], inner: set[Var]) -> Iterator[Term]:
    """What ``e`` adds up, from left to right; sums that only it needs are ``inner`` ones."""
    stack: list[Term] = [(e.args[1], e.op is ops.subtract), (e.args[0], False)]
    while stack:
        x, minus = stack.pop()
        below = made.get(x) if same_shape_and_dtype(x, e.out) and uses[x] == 1 else None
        if below is None or below.op not in SUMS:
            yield x, minus
        else:
            inner.add(x)
            turned = minus != (below.op is ops.subtract)
            stack += [(below.args[1], turned), (below.args[0], minus)]


def emit_places(
    b: Builder, out: Var, places: Places, rest: list[Term], value: dict[Var, Operand]
) -> Operand:
    """What goes to each place, added up and put there; then the rest."""

    def now(terms: list[Term]) -> list[Term]:
        return [(value.get(x, x) if isinstance(x, Var) else x, minus) for x, minus in terms]

    sums = [(index, emit_sum(b, now(terms))) for index, terms in places.values()]
    entries = {i: x for index, x in sums if (i := one_entry(index, out.shape)) is not None}
    if len(entries) == len(sums) and 2 * len(sums) >= math.prod(out.shape):
        parts = [entries.get(i, out.dtype.type(0)) for i in np.ndindex(out.shape)]
        row = b.emit(layered, *parts)
        whole = [row if len(out.shape) == 1 else b.emit(ops.reshape, row, shape=out.shape)]
    else:
        whole = [b.emit(ops.scatter, x, shape=out.shape, index=index) for index, x in sums]
    return emit_sum(b, [*((x, False) for x in whole), *now(rest)])


def emit_sum(b: Builder, terms: list[Term]) -> Operand:
    (x, minus), *others = terms
    x = b.emit(ops.negative, x) if minus else x
    for y, minus in others:
        x = b.emit(ops.subtract if minus else ops.add, x, y)
    return x
