"""Signs of zeros: where they matter, so that rules may change them everywhere else.

``1/x`` is an infinity of the sign that a zero has, and `numpy.copysign` reads it; most
ops hand it on, and some hide it: the exponential of either zero is 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Program, Var, variables_in
from minigrad.program.rules import SUMS
from minigrad.typing import Shape

READ: dict[Op, Shape] = {
    ops.copysign: (1,),
    ops.signbit: (0,),
    ops.arctan2: (0, 1),
    ops.divide: (1,),
    ops.floor_divide: (1,),
    ops.reciprocal: (0,),
    ops.power: (0,),
    ops.float_power: (0,),
}
"""Op -> the arguments of which a zero's sign decides what else comes out than that of a zero."""

HIDE = frozenset(
    {
        ops.exp, ops.exp2, ops.cos, ops.cosh, ops.absolute, ops.fabs, ops.square, ops.sigmoid,
        ops.softplus, ops.log_sigmoid, ops.log, ops.log2, ops.log10, ops.sign, ops.softmax,
        ops.log_softmax, ops.logsumexp, ops.arccos, ops.hypot, ops.logaddexp,
    }
)  # fmt: skip
"""Ops whose answer is the same for both zeros."""

OWN = frozenset(op for op in vars(ops).values() if isinstance(op, Op))
"""Those of which `READ` tells: others have poles at zero, too."""


def signs_seen(program: Program, outside: Iterable[Var] = ()) -> set[Var]:
    """The variables of which somebody sees which sign a zero among them has.

    Those ``outside`` are seen by what is no part of the program.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.program import passes
    >>> program = passes.recorded(lambda x, y: mg.exp(x) / (x + 2) / mg.sin(y), 1.0, 1.0)
    >>> [v.name for v in program.inputs if v in signs_seen(program)]
    ['y']
    """
    found = set(outside)
    for e in reversed(program.equations):
        handed_on = not found.isdisjoint(e.outs) and not hides_sign(e)
        read = sign_arguments(e)
        for i, a in enumerate(e.args):
            if handed_on or i in read:
                found.update(variables_in(a))
        if handed_on or read is ALL:
            for a in e.kwargs.values():
                found.update(variables_in(a))
    return found


ALL: Collection[int] = range(2**31)


def sign_arguments(e: Equation) -> Collection[int]:
    """The arguments of which ``e`` reads signs: of an op that nothing is known about, all."""
    op = e.op
    if op is ops.power and isinstance(p := e.args[1], int | float) and p >= 0:
        return ()
    if op in READ:
        return READ[op]
    plain = op.elementwise or op.linear or op.ufunc or op.reduction or op.vjps is None
    return () if (op in OWN and plain) or op in HIDE else ALL


def hides_sign(e: Equation) -> bool:
    """Whether the answer is the same, whatever sign a zero among the arguments has."""
    if e.op in HIDE or all(v.dtype.kind != "f" for v in e.outs):
        return True
    if e.op is ops.multiply or e.op is ops.power:
        x, y = e.args
        return x is y or (e.op is ops.power and type(y) is int and y > 0 and y % 2 == 0)
    others = [a for a in e.args if isinstance(a, int | float | np.number)]
    return e.op in SUMS and any(a != 0 for a in others)
