"""Products of several matrices, in the order that takes the fewest operations.

``A @ B @ v`` is ``A @ (B @ v)``: two products with a vector in place of one of matrices.
Python multiplies from left to right, and so does a backward pass that meets a long chain.
"""

from __future__ import annotations

import math

from minigrad import ops
from minigrad.ops.chains import cheapest_order
from minigrad.program.equations import Equation, Program, Var, without_dead_code

WORTH = 0.9
"""Share of the operations below which another order pays."""
LONGEST = 40
"""Chains of more factors are left alone: the search takes the cube of their number."""


def reassociated(program: Program) -> Program:
    """``program`` with chains of matrix products in their best order.

    Products that have a name, or are used twice, are computed as they stand; so are
    those of different dtypes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> A, v = np.ones((50, 50)), np.ones(50)
    >>> print(mg.trace(lambda A, B, v: A @ B @ v, A, A, v).source.splitlines()[-1])
        return A @ (B @ v)
    """
    uses = program.uses()
    made_by = {e.out: e for e in program.equations if e.op is ops.matmul}
    inner = {
        x
        for e in made_by.values()
        for x in e.args
        if isinstance(x, Var) and x in made_by and uses[x] == 1 and not x.given
    }
    equations: list[Equation] = []
    for e in program.equations:
        if e.out in made_by and e.out not in inner:
            equations += reordered(e, factors(e, made_by, inner), made_by)
        else:
            equations.append(e)
    return without_dead_code(program.replace(equations=equations))


def factors(e: Equation, made_by: dict[Var, Equation], inner: set[Var]) -> list[Var]:
    """The factors of the product ``e``, from left to right."""
    found: list[Var] = []
    stack = list(e.args[::-1])
    while stack:
        x = stack.pop()
        if isinstance(x, Var) and x in inner:
            stack += made_by[x].args[::-1]
        else:
            found.append(x)
    return found


def reordered(e: Equation, chain: list[Var], made_by: dict[Var, Equation]) -> list[Equation]:
    """Equations for the product of ``chain``; ``e`` alone, if no order is better."""
    if not 2 < len(chain) <= LONGEST or len({x.dtype for x in chain}) > 1:
        return [e]
    vectors = [len(x.shape) == 1 for x in chain]
    if any(vectors[1:-1]) or any(len(x.shape) > 2 for x in chain):
        return [e]
    rows = [1 if vectors[0] else chain[0].shape[0], *(x.shape[0] for x in chain[1:])]
    sizes = [*rows, 1 if vectors[-1] else chain[-1].shape[1]]
    cost, split = cheapest_order(sizes)
    if cost > WORTH * cost_of(e, made_by, set(map(id, chain))):
        return [e]
    equations: list[Equation] = []

    def product(i: int, j: int) -> Var:
        """The product of the factors from ``i`` up to ``j``."""
        if i == j:
            return chain[i]
        k = split[i, j]
        x, y = product(i, k), product(k + 1, j)
        shape = (sizes[i],) * (i > 0 or not vectors[0])
        shape += (sizes[j + 1],) * (j < len(chain) - 1 or not vectors[-1])
        out = e.out if (i, j) == (0, len(chain) - 1) else Var("t", shape, e.out.dtype)
        equations.append(Equation(out, ops.matmul, (x, y)))
        return out

    product(0, len(chain) - 1)
    return equations


def cost_of(e: Equation, made_by: dict[Var, Equation], chain: set[int]) -> int:
    """Multiplications in the order in which the program does them."""
    total, stack = 0, [e]
    while stack:
        x, y = stack[-1].args
        out = stack.pop().out
        total += x.shape[-1] * max(1, math.prod(out.shape))
        stack += [made_by[z] for z in (x, y) if id(z) not in chain]
    return total
