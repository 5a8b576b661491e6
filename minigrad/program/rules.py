"""The table of rewrite rules: each is entered once, for its ops, with what it is good for.

==========  =========================================================================
``run``     saves work, and changes no number by more than rounding: for any program
``read``    makes a formula shorter, in the form in which derivations are written
``lower``   what NumPy computes in several passes, as the passes: for kernels
``formula`` what holds where NaN and infinity are nobody's business: for explanations
==========  =========================================================================

A rule is given the builder, to emit with and to see how an argument was made, and what
the op is given.  It answers with something simpler, or None.  The builder takes no
answer of another shape or dtype, so that rules need not think of broadcasting.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.builder import (
    Builder,
    Rule,
    Rules,
    as_number,
    is_safe_factor,
    same_shape_and_dtype,
    shape_of,
)
from minigrad.program.equations import Var
from minigrad.typing import Keywords, Operand

_table: list[tuple[tuple[Op, ...], frozenset[str], Rule]] = []


def rule(*of: Op, when: str = "run read") -> Callable[[Rule], Rule]:
    """Decorator: try the function below whenever one of these ops is emitted."""

    def enter(function: Rule) -> Rule:
        _table.append((of, frozenset(when.split()), function))
        return function

    return enter


def each(
    given: Mapping[Op, object] | Iterable[Op], when: str = "run read"
) -> Callable[[Rule], Rule]:
    """Decorator: a rule for each op, which is told first what is given for it, or the op."""

    def enter(function: Rule) -> Rule:
        for op in given:
            first = given[op] if isinstance(given, Mapping) else op
            rule(op, when=when)(functools.partial(function, first))
        return function

    return enter


SUMS: Mapping[Op, int] = {ops.add: 1, ops.subtract: -1}
"""What adds two things up, and the sign of the second one."""


def rules(*tags: str) -> Rules:
    """The rules that are good for any of ``tags``; those of the first come first."""
    found: Rules = {}
    for tag in tags:
        for of, when, function in _table:
            for op in of if tag in when else ():
                known = found.setdefault(op, [])
                if function not in known:
                    known.append(function)
    return found


# --- numbers in front of things --------------------------------------------------------


def is_float(x: Operand) -> bool:
    """Whether ``x`` is a variable whose numbers have no last one: signs are not lost."""
    return isinstance(x, Var) and x.dtype.kind == "f"


def coefficient(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """``x`` as a number times something of its own shape and dtype: ``-3 y`` is ``(-3, y)``.

    What has a name of its own is left alone: ``dz = da * a`` shall stay that.  So are
    whole numbers, which overflow, and numbers far from 1, which let others overflow.
    """
    c, y = 1, x
    while is_float(y) and not y.given:
        if (inner := b.match(y, ops.negative)) is not None and same_shape_and_dtype(inner[0], x):
            c, y = -c, inner[0]
            continue
        inner = b.match(y, ops.multiply)
        d = as_number(inner[0]) if inner is not None else None
        if inner is None or d is None or not same_shape_and_dtype(inner[1], x):
            break
        if not (is_safe_factor(d, x.dtype) and is_safe_factor(c * d, x.dtype)):
            break
        c, y = c * d, inner[1]
    return c, y


def scaled(b: Builder, c: Operand, x: Operand) -> Operand:
    """``c x`` for a number ``c``."""
    if c == 1:
        return x
    if c == -1:
        return b.emit(ops.negative, x)
    return b.emit(ops.multiply, c, x)


def is_plain_reduction(kwargs: Keywords) -> bool:
    """Whether a reduction is over whole axes: without mask, initial value or other dtype."""
    return all(
        v is None or v is np._NoValue or k in ("axis", "keepdims") or (k == "where" and v is True)
        for k, v in kwargs.items()
    )


def constant_along(v: Operand, x: Operand, axes: set[int], keepdims: bool) -> bool:
    """Whether ``v`` is the same along ``axes`` of ``x``, and fits what is left of it."""
    shape = shape_of(v)
    first = len(x.shape) - len(shape)
    same = all(a < first or shape[a - first] == 1 for a in axes)
    return same and (bool(keepdims) or all(a < first for a in axes))


def common_size(numbers: list[float]) -> float:
    """The number that all are multiples of, if it is one of them and no fraction."""
    size = min(map(abs, numbers))
    equal = all(abs(c) == size for c in numbers)
    return size if equal or (size > 1 and all(c % size == 0 for c in numbers)) else 1
