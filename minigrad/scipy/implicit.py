"""Answers of SciPy's, recorded as functions of what they depend on.

Two steps of Newton's method from the answer change nothing, and each doubles the order of the
derivatives that are right (implicit function theorem: ``dx/dθ = −(∂f/∂x)⁻¹ ∂f/∂θ``), so that
derivatives up to the third order are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.autodiff import jacobian
from minigrad.autodiff.call import array_of
from minigrad.ops.shape import arrayed
from minigrad.tree import tree_map
from minigrad.typing import Array, Function, Tree


def tupled(args: Tree) -> tuple[Array, ...]:
    """``args`` as SciPy takes them: one that is no tuple stands for itself."""
    return args if isinstance(args, tuple) else (args,)


def arrays_of(tree: Tree) -> Array:
    """Arguments without Tensors."""
    return tree_map(array_of, tree)


def with_numbers(args: Tree) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """``args`` as a tuple, and the same without Tensors."""
    args = tupled(args)
    return args, arrays_of(args)


def firsts(fun: Function, jac: Any) -> Function:
    """``fun``, of which ``jac=True`` says that it returns its derivative, too."""
    return (lambda *args: fun(*args)[0]) if jac is True else fun


def polished(f: Function, x: Array, args: tuple[Array, ...]) -> Array:
    """Two steps of Newton's method towards a zero of ``f``, recorded."""
    shape = np.shape(x)
    n = int(np.prod(shape))
    for _ in range(2):
        slope = np.reshape(jacobian(f)(x, *args), (n, n))
        step = np.linalg.solve(slope, np.reshape(f(x, *args), (n,)))
        x = x - np.reshape(step, shape)
    return x


def start_of(x0: Array) -> Array:
    """``x0`` as a vector of doubles."""
    return np.atleast_1d(np.asarray(arrays_of(arrayed(x0)), dtype=float))
