"""Products of several matrices: powers, and chains in their cheapest order."""

from __future__ import annotations

import operator

import numpy as np

from minigrad.ops.record import ArrayLike, composed
from minigrad.ops.shape import arrayed
from minigrad.typing import Array


@composed(np.linalg.matrix_power, name="linalg.matrix_power", complex=True)
def matrix_power(a: ArrayLike, n: int) -> Array:
    """``n``-th power of square matrices by repeated squaring, as `numpy.linalg.matrix_power`.

    Derivative: for n = 2, ``da = dy @ aᵀ + aᵀ @ dy``: one term for each factor.

    Raises
    ------
    numpy.linalg.LinAlgError
        For matrices that are not square.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.matrix_power(a, 3).sum())(np.eye(2))
    array([[3., 3.],
           [3., 3.]])
    """
    a, n = a, operator.index(n)
    shape = np.shape(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise np.linalg.LinAlgError(
            f"linalg.matrix_power needs square matrices, the shape is {shape}"
        )
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return np.where(False, a, np.eye(shape[-1], dtype=np.result_type(a)))
    power = None
    while n:
        if n & 1:
            power = a if power is None else power @ a
        n >>= 1
        if n:
            a = a @ a
    return power


def cheapest_order(sizes: list[int]) -> tuple[int, dict[tuple[int, int], int]]:
    """Fewest multiplications for a chain of matrices, and where to split it, by first and last.

    Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", section 15.2;
    matrix ``i`` has shape ``(sizes[i], sizes[i + 1])``.

    Examples
    --------
    >>> cheapest_order([10, 100, 5, 50])
    (7500, {(0, 1): 0, (1, 2): 1, (0, 2): 1})
    """
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for j in range(1, n):
        for i in reversed(range(j)):
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cost[0, n - 1], split


def product(chain: list[Array], split: dict[tuple[int, int], int], i: int, j: int) -> Array:
    """Matrices ``i`` to ``j`` multiplied; no closure, which as a cycle would keep them alive."""
    if i == j:
        return chain[i]
    k = split[i, j]
    return np.matmul(product(chain, split, i, k), product(chain, split, k + 1, j))


@composed(np.linalg.multi_dot, name="linalg.multi_dot", complex=True)
def multi_dot(arrays: Array) -> Array:
    """Product of several matrices in the cheapest order, as `numpy.linalg.multi_dot`.

    Derivative: by each matrix: (those before)ᵀ ``dy`` (those after)ᵀ.

    The first and the last may be vectors; two arrays may have any shapes that `numpy.dot` takes.

    Raises
    ------
    ValueError
        For fewer than two arrays, and lengths that differ.
    numpy.linalg.LinAlgError
        For anything but matrices in the middle.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda a: np.linalg.multi_dot([np.ones(2), a, np.ones(2)]))(np.eye(2))
    array([[1., 1.],
           [1., 1.]])
    """
    chain = [arrayed(a) for a in arrays]
    if len(chain) < 2:
        raise ValueError(f"linalg.multi_dot needs at least two arrays, got {len(chain)}")
    if len(chain) == 2:
        return np.dot(*chain)
    for i, a in enumerate(chain):
        if np.ndim(a) != 2 and not (np.ndim(a) == 1 and i in (0, len(chain) - 1)):
            raise np.linalg.LinAlgError(
                f"linalg.multi_dot: array {i} has shape {np.shape(a)}; it takes matrices, and "
                "vectors only as the first and the last"
            )
    first, *_, last = shapes = [np.shape(a) for a in chain]
    rows = [1 if len(first) == 1 else first[0], *(s[0] for s in shapes[1:])]
    _, split = cheapest_order([*rows, 1 if len(last) == 1 else last[1]])
    return product(chain, split, 0, len(chain) - 1)
