"""Contractions: an `einsum` as the matrix products that BLAS computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.einsum import as_product
from minigrad.program.builder import Builder
from minigrad.program.equations import Var
from minigrad.program.rules import is_float, rule
from minigrad.typing import Operand, Shape


@rule(ops.contract, when="lower")
def pair_by_pair(b: Builder, *operands: Operand, subscripts: str, optimize: Any = False) -> Operand:
    """Of three operands or more, two at a time, in the order that takes the fewest steps."""
    if len(operands) < 3 or not all(isinstance(x, Var) for x in operands):
        return None
    like = [np.broadcast_to(x.dtype.type(0), x.shape) for x in operands]
    how = list(optimize) if isinstance(optimize, tuple) else optimize or True
    _, *path = np.einsum_path(subscripts, *like, optimize=how)[0]
    inputs, output = subscripts.split("->")
    left = list(zip(inputs.split(","), operands, strict=True))
    for places in path if len(path) > 1 else ():
        taken = [left.pop(i) for i in sorted(places, reverse=True)]
        needed = {*output, *"".join(term for term, _ in left)}
        words = ",".join(term for term, _ in taken)
        kept = "".join(dict.fromkeys(c for c in words if c in needed)) if left else output
        x = b.emit(ops.contract, *(x for _, x in taken), subscripts=f"{words}->{kept}")
        left.append((kept, x))
    return left[0][1] if len(left) == 1 else None


@rule(ops.contract, when="lower")
def by_matmul(b: Builder, *operands: Operand, subscripts: str, optimize: object = False) -> Operand:
    """Of two operands, a product of matrices where it is one."""
    if len(operands) != 2 or not all(map(is_float, operands)):
        return None
    found = as_product(subscripts, *(x.shape for x in operands))
    if found is None:
        return None
    left, right = (
        b.emit(ops.reshape, turned(b, x, axes), shape=shape)
        for x, (axes, shape) in zip(operands, found[:2], strict=True)
    )
    product = b.emit(ops.reshape, b.emit(ops.matmul, left, right), shape=found.shape)
    return turned(b, product, found.axes)


def turned(b: Builder, x: Operand, axes: Shape) -> Operand:
    return x if axes == (*range(len(axes)),) else b.emit(ops.transpose, x, axes=axes)
