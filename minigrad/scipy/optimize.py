"""`scipy.optimize`: roots and minima as functions of what they depend on.

SciPy finds the answer in plain numbers.  Then two steps of Newton's method are recorded from
there: they change nothing, and each doubles the order of the derivatives that are right
(implicit function theorem: ``dx/dθ = −(∂f/∂x)⁻¹ ∂f/∂θ``), so that derivatives up to the third
order are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as so

from minigrad.autodiff import grad, jacobian
from minigrad.autodiff.call import array_of
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.tree import tree_map

__all__ = ["fixed_point", "minimize", "newton", "root"]


def __dir__() -> list[str]:
    return __all__


Function = Callable[..., Any]


def arrays_of(tree: Any) -> Any:
    """Arguments without Tensors."""
    return tree_map(array_of, tree)


def polished(f: Function, x: Any, args: tuple[Any, ...]) -> Any:
    """Two steps of Newton's method towards a zero of ``f``, recorded."""
    shape = np.shape(x)
    n = int(np.prod(shape))
    for _ in range(2):
        slope = np.reshape(jacobian(f)(x, *args), (n, n))
        step = np.linalg.solve(slope, np.reshape(f(x, *args), (n,)))
        x = x - np.reshape(step, shape)
    return x


def newton(
    func: Function,
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    tol: float = 1.48e-8,
    maxiter: int = 50,
) -> Any:
    """The x next to ``x0`` with ``func(x, *args) = 0``: one for each element of ``x0``.

    Derivative: ``dx = -(∂f/∂x)⁻¹ ∂f/∂args dargs``.

    Parameters
    ----------
    func : callable
        From x to as many numbers, each of which depends on its own element of x alone.
    x0 : array_like
        Where to start; the answer does not depend on it.
    fprime : callable, optional
        Its derivative by x; minigrad's by default.
    args : tuple
        Tensors and arrays; what ``func`` closes over may be Tensors too.
    tol, maxiter
        SciPy's.

    Raises
    ------
    RuntimeError
        Where SciPy finds no zero.

    Examples
    --------
    >>> import minigrad as mg
    >>> kepler = lambda E, M, e: E - e * mg.sin(E) - M
    >>> anomaly = lambda e: newton(kepler, 1.0, args=(1.2, e))
    >>> value, slope = mg.value_and_grad(anomaly)(0.3)
    >>> print(f"{value:.6f} {slope:.6f} {mg.sin(value) / (1 - 0.3 * mg.cos(value)):.6f}")
    1.499232 1.019305 1.019305
    """
    args = args if isinstance(args, tuple) else (args,)
    known = arrays_of(args)
    slope = grad(lambda x, *rest: np.sum(func(x, *rest)))
    start = np.asarray(arrays_of(arrayed(x0)), dtype=float)[()]
    here = lambda x: np.asarray(arrays_of(func(x, *known)), dtype=float)[()]
    down = lambda x: np.asarray(arrays_of((fprime or slope)(x, *known)), dtype=float)[()]
    x = so.newton(here, start, down, tol=tol, maxiter=maxiter)
    for _ in range(2):
        x = x - func(x, *args) / slope(x, *args)
    return x


def root(fun: Function, x0: Any, args: Any = (), method: str = "hybr", tol: Any = None) -> Any:
    """The x near ``x0`` with ``fun(x, *args) = 0``; ``.x`` is differentiable by ``args``.

    Derivative: ``dx = -(∂f/∂x)⁻¹ ∂f/∂args dargs``.

    Parameters
    ----------
    fun : callable
        From x to as many numbers; its Jacobian is taken by minigrad.
    x0 : array_like
        Where to start; the answer does not depend on it.
    args : tuple
        Tensors and arrays; what ``fun`` closes over may be Tensors too.
    method, tol
        SciPy's.

    Returns
    -------
    OptimizeResult
        SciPy's.

    Raises
    ------
    RuntimeError
        Where SciPy finds no root: a gradient of something else would be wrong.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def root_of(c):
    ...     return root(lambda x, c: x**2 - c, np.array([1.0]), (c,)).x[0]
    >>> mg.value_and_grad(root_of)(4.0)
    (np.float64(2.0), np.float64(0.25))
    """
    args = args if isinstance(args, tuple) else (args,)
    known = arrays_of(args)
    start = np.atleast_1d(np.asarray(arrays_of(x0), dtype=float))
    here = lambda x: np.asarray(arrays_of(fun(x, *known)), dtype=float)
    slope = lambda x: np.reshape(arrays_of(jacobian(lambda v: fun(v, *known))(x)), (x.size, x.size))
    jac = slope if method in ("hybr", "lm") else None
    found = so.root(here, start, method=method, jac=jac, tol=tol)
    if not found.success:
        raise RuntimeError(f"root: SciPy found none: {found.message}")
    found.x = polished(fun, found.x, args)
    return found


def fixed_point(func: Function, x0: Any, args: Any = (), xtol: float = 1e-10) -> Any:
    """The x with ``func(x, *args) = x``, differentiable by ``args``.

    Derivative: ``dx = (1 - ∂f/∂x)⁻¹ ∂f/∂args dargs``.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> print(f"{float(fixed_point(np.cos, 0.7)):.6f}")
    0.739085
    >>> scaled = lambda c: fixed_point(lambda x, c: np.cos(c * x), 0.7, (c,))
    >>> print(f"{mg.grad(scaled)(1.0):.6f}")
    -0.297474
    """
    args = args if isinstance(args, tuple) else (args,)
    known = arrays_of(args)
    start = np.asarray(arrays_of(x0), dtype=float)
    found = np.asarray(so.fixed_point(lambda x: arrays_of(func(x, *known)), start, xtol=xtol))
    flat = lambda v, *rest: (
        np.reshape(v - func(v, *rest), (-1,)) if np.ndim(v) else v - func(v, *rest)
    )
    return polished(flat, found[()], args)


def minimize(fun: Function, x0: Any, args: Any = (), method: Any = None, tol: Any = None) -> Any:
    """The x at which ``fun(x, *args)`` is least; ``.x`` and ``.fun`` have derivatives by ``args``.

    Parameters
    ----------
    fun : callable
        From a vector to a number, with derivatives up to the second.
    x0 : (n,)
        Where to start.
    args : tuple
    method, tol
        SciPy's; gradients are minigrad's.

    Returns
    -------
    OptimizeResult
        SciPy's.

    Raises
    ------
    RuntimeError
        Where SciPy finds no minimum.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def nearest(c):
    ...     return minimize(lambda x, c: np.sum((x - c) ** 2), np.zeros(2), (c,)).x
    >>> mg.jacobian(nearest)(np.array([1.0, 2.0])).round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    args = args if isinstance(args, tuple) else (args,)
    known = arrays_of(args)
    start = np.asarray(arrays_of(arrayed(x0)), dtype=float)
    value = lambda x: float(arrays_of(fun(x, *known)))
    slope = lambda x: arrays_of(grad(lambda v: fun(v, *known))(x))
    found = so.minimize(value, start, jac=slope, method=method, tol=tol)
    if not found.success and np.max(np.abs(found.jac)) > 1e-4 * max(1.0, abs(found.fun)):
        raise RuntimeError(f"minimize: SciPy found no minimum: {found.message}")
    found.x = polished(lambda x, *rest: grad(lambda v: fun(v, *rest))(x), found.x, args)
    found.fun = fun(found.x, *args)
    return found


_describe(vars(), OF_SCIPY)
