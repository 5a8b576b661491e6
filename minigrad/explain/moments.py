"""Identities of means: what is left without them, variances, axes that need not be kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import Simplifier, leaves
from minigrad.ops.record import Op
from minigrad.program.builder import Full, as_number, axes_of, equals, shape_of
from minigrad.program.equations import Var
from minigrad.program.rules import constant_along, each, is_plain_reduction, rule
from minigrad.typing import Array, Axis, Operand
from minigrad.writing.notation import deviation, variance

VIEWS = frozenset([ops.reshape, ops.expand_dims, ops.elements, ops.broadcast_to])

# --- deviations ----------------------------------------------------------------------------


@rule(ops.sum, when="closed formula")
def sum_of_deviations(b: Simplifier, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """What is left of numbers without their mean sums to 0."""
    if not is_plain_reduction(others) or not isinstance(x, Var):
        return None
    if not centred(b, x, axes_of(x, axis)):
        return None
    for v in {y for y in leaves(b, x) if isinstance(y, Var) and y in b.results}:
        b.facts[v] = "deviations from a mean sum to 0"
    return Full(0)


def centred(b: Simplifier, x: Operand, axes: set[int]) -> bool:
    """Whether ``x`` is what something is without its mean, times what is the same along it."""
    made = b.origin(x)
    if made is None:
        return False
    if made.op is ops.subtract:
        return is_mean(b, made.args[1], made.args[0], axes)
    if made.op is ops.negative:
        return centred(b, made.args[0], axes)
    if made.op is ops.divide:
        return centred(b, made.args[0], axes) and constant_along(made.args[1], x, axes, True)
    if made.op is ops.multiply:
        u, v = made.args
        return any(
            isinstance(y, Var)
            and y.shape == x.shape
            and centred(b, y, axes)
            and constant_along(z, x, axes, True)
            for y, z in ((u, v), (v, u))
        )
    return False


def is_mean(b: Simplifier, m: Array, x: Operand, axes: set[int]) -> bool:
    """Whether ``m`` is the mean of ``x`` along ``axes``."""
    if not isinstance(x, Var) or not all(a < len(x.shape) for a in axes):
        return False
    made = b.origin(m)
    if made is not None and made.op in VIEWS:
        made = b.origin(made.args[0])
    if made is not None and made.op is ops.divide:
        total = b.origin(made.args[0])
        n = int(np.prod([x.shape[a] for a in axes]))
        over = as_number(made.args[1]) or b.sizes.get(made.args[1])
        made = total if total is not None and total.op is ops.sum and over == n else None
    elif made is not None and made.op is not ops.mean:
        made = None
    if made is None or made.args[0] is not x or not is_plain_reduction(made.kwargs):
        return False
    return axes == axes_of(x, made.kwargs.get("axis"))


# --- variances -----------------------------------------------------------------------------


@rule(ops.divide, when="formula")
def variance_of(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``Σ (x - mean(x))²/n`` is var(x)."""
    total = b.made(x, ops.sum)
    if total is None or x.given or not is_plain_reduction(total.kwargs):
        return None
    squared = b.match(total.args[0], ops.square) or b.match(total.args[0], ops.power)
    if squared is None or (len(squared) == 2 and not equals(squared[1], 2)):
        return None
    apart = b.match(squared[0], ops.subtract)
    n = as_number(y) if as_number(y) is not None else b.sizes.get(y) if isinstance(y, Var) else None
    if apart is None or n is None or squared[0].given or not isinstance(apart[0], Var):
        return None
    of, axis = apart[0], total.kwargs.get("axis")
    axes = {
        a % len(of.shape) for a in np.atleast_1d(range(len(of.shape)) if axis is None else axis)
    }
    if (isinstance(apart[1], Var) and apart[1].given) or not is_mean(b, apart[1], of, axes):
        return None
    less = math.prod(of.shape[a] for a in axes) - n
    if less < 0 or less != int(less):
        return None
    options = {"axis": axis} if axis is not None else {}
    options |= {"keepdims": True} if total.kwargs.get("keepdims") else {}
    options |= {"ddof": int(less)} if less else {}
    return b.keep(variance, (of,), options, Var("t", x.shape, x.dtype))


@rule(ops.sqrt, when="formula")
def deviation_of(b: Simplifier, x: Operand) -> Operand:
    """``√var(x)`` is std(x)."""
    made = b.made(x, variance)
    if made is None or x.given:
        return None
    return b.keep(deviation, made.args, made.kwargs, Var("t", x.shape, x.dtype))


# --- axes that broadcasting puts back --------------------------------------------------------


def kept_in_vain(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """The reduction ``y`` without the axes that it keeps, where ``x`` broadcasts without them."""
    made = b.nameless(y)
    if made is None or made.op not in (ops.mean, variance, deviation):
        return None
    if not made.kwargs.get("keepdims") or not is_plain_reduction(
        {k: v for k, v in made.kwargs.items() if k != "ddof"}
    ):
        return None
    n = len(y.shape)
    axis = made.kwargs.get("axis")
    axes = sorted(a % n for a in np.atleast_1d(range(n) if axis is None else axis))
    if axes != [*range(len(axes))] or len(shape_of(x)) < n:
        return None
    options = {k: v for k, v in made.kwargs.items() if k != "keepdims"}
    if made.op is ops.mean:
        return b.emit(ops.mean, *made.args, **options)
    return b.keep(made.op, made.args, options, Var("t", y.shape[len(axes) :], y.dtype))


@each((ops.add, ops.subtract, ops.multiply, ops.divide), when="formula")
def unkept(op: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:

    u, v = kept_in_vain(b, y, x), kept_in_vain(b, x, y)
    if u is None and v is None:
        return None
    return b.emit(op, x if u is None else u, y if v is None else v)
