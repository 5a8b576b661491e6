"""Slices: what is done alike to every slice of an array, done to the array once.

A recurrence multiplies each of its inputs by the same weights and adds the same bias; all
of them at once take little longer than one, where calls cost more than the work in them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from minigrad import ops
from minigrad.ops.indexing import elements
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Program, Var, without_dead_code
from minigrad.typing import Array, Shape

MUCH = 2**17
"""Elements from which on the work counts, and the memory that all of it takes."""


def batch_slices(program: Program) -> Program:
    """``program`` with products and sums of all slices of an array taken at once.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.program.passes import recorded
    >>> program = recorded(lambda x, W: np.tanh(x[0] @ W) + x[1] @ W, np.ones((2, 3)), np.eye(3))
    >>> print(batch_slices(program).listing)
    t1 = matmul(x, W)
    t2 = getitem(t1, index=(0,))
    t3 = tanh(t2)
    t4 = getitem(t1, index=(1,))
    t5 = add(t3, t4)
    return t5
    """
    while found := sliced_operations(program):
        program = at_once(program, found)
    return program


@dataclass
class SlicedOperation:
    """One operation on all slices of ``x``: with ``other``, on its right or on its left.

    Attributes
    ----------
    done : dict
        Number of the slice -> the equation that does it, and what else was added before.
    """

    x: Var
    axis: int
    op: Op
    other: Var
    right: bool
    done: dict[int, tuple[Equation, Var | None]] = field(default_factory=dict)

    def shape(self) -> Shape:
        """The shape of the operation on ``x`` itself."""
        if self.op is ops.add:
            return self.x.shape
        return (*self.x.shape[:-1], self.other.shape[1 if self.right else 0])

    def complete(self) -> bool:
        """Whether it is done to every slice, and calls cost more than the work in them."""
        every = len(self.done) == self.x.shape[self.axis] > 1
        return every and max(math.prod(self.shape()), math.prod(self.x.shape)) <= MUCH


def sliced_operations(program: Program) -> list[SlicedOperation]:
    """The operations that are done to every slice of an array."""
    slices = {e.out: (e.args[0], *place) for e in program.equations if (place := axis_of(e))}
    if not slices:
        return []
    uses = program.uses()
    sums = {e.out: e for e in program.equations if e.op is ops.add and uses.get(e.out) == 1}
    found: dict[Hashable, SlicedOperation] = {}
    for e in program.equations:
        for part, other, rest in operands_of(e, slices, sums):
            x, axis, i = slices[part]
            right = e.args[-1] is other or e.op is ops.add
            if fits(e, x, axis, other, right):
                key = x, axis, e.op, other, right
                found.setdefault(key, SlicedOperation(*key)).done.setdefault(i, (e, rest))
    return [a for a in found.values() if a.complete()]


def operands_of(
    e: Equation, slices: dict[Var, tuple[Var, Array, Array]], sums: dict[Var, Equation]
) -> Iterator[tuple[Var, Var, Var | None]]:
    """A slice, what it is combined with, and what had been added to it: of ``e``, in all ways."""
    if e.op not in (ops.add, ops.matmul) or not all(isinstance(a, Var) for a in e.args):
        return
    for part, other in (e.args, e.args[::-1]):
        if part in slices and other not in slices:
            yield part, other, None
        elif e.op is ops.add and part in sums:
            for inner, rest in (sums[part].args, sums[part].args[::-1]):
                if isinstance(inner, Var) and inner in slices:
                    yield inner, other, rest


def fits(e: Equation, x: Var, axis: int, other: Var, right: bool) -> bool:
    """Whether ``e`` of a slice is the slice of the same of ``x``."""
    if not x.dtype == other.dtype == e.out.dtype or x.dtype.kind != "f":
        return False
    if e.op is ops.add:
        left = x.shape[:axis] + x.shape[axis + 1 :]
        return e.out.shape == left and len(other.shape) < len(x.shape) - axis
    return len(other.shape) == 2 and (right or len(x.shape) == 2)


def at_once(program: Program, found: list[SlicedOperation]) -> Program:
    """``program`` with the operations done to whole arrays, of which slices are taken."""
    before: dict[int, list[Equation]] = {}
    instead: dict[int, list[Equation]] = {}
    order = {id(e): n for n, e in enumerate(program.equations)}
    for a in found:
        steps = [e for e, _ in a.done.values()]
        if any(id(e) in instead for e in steps):
            continue
        whole, made = Var("t", a.shape(), a.x.dtype), []
        args: tuple[Var, ...] = (a.x, a.other)
        if not a.right:
            turned = Var("t", a.other.shape[::-1], a.other.dtype)
            made, args = [Equation(turned, ops.transpose, (a.other,))], (a.x, turned)
        first = min(steps, key=lambda e: order[id(e)])
        before[id(first)] = [*before.get(id(first), []), *made, Equation(whole, a.op, args)]
        for i, (e, rest) in a.done.items():
            index = {"index": (*[slice(None)] * a.axis, i)}
            part = e.out if rest is None else Var("t", e.out.shape, e.out.dtype)
            instead[id(e)] = [Equation(part, elements, (whole,), index)]
            if rest is not None:
                instead[id(e)].append(Equation(e.out, ops.add, (part, rest)))
    equations = [
        step
        for e in program.equations
        for step in (*before.get(id(e), ()), *instead.get(id(e), (e,)))
    ]
    return without_dead_code(program.replace(equations=equations))


def axis_of(e: Equation) -> tuple[int, int] | None:
    """Along which axis, but the last, an equation takes a slice of an array, and which."""
    if e.op is not elements or not isinstance(e.args[0], Var):
        return None
    index = e.kwargs["index"]
    parts = index if isinstance(index, tuple) else (index,)
    axis = len(parts) - 1
    if not 0 <= axis < len(e.args[0].shape) - 1 or any(
        not isinstance(p, slice) or p != slice(None) for p in parts[:-1]
    ):
        return None
    whole = isinstance(parts[-1], int) and not isinstance(parts[-1], bool)
    return (axis, parts[-1] % e.args[0].shape[axis]) if whole else None
