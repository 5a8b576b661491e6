"""Zeros of functions, for `minigrad.scipy.optimize`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.optimize as so

from minigrad.autodiff import grad, jacobian
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import like
from minigrad.scipy.implicit import arrays_of, firsts, polished, start_of, with_numbers
from minigrad.typing import Array, Function, Keywords, Tree


@like(so.newton, "x0 args")
def newton(
    func: Function,
    x0: Array,
    fprime: Function | None = None,
    args: Tree = (),
    tol: float = 1.48e-8,
    maxiter: int = 50,
    fprime2: Function | None = None,
    x1: Array = None,
    rtol: float = 0.0,
) -> Array:
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
    tol, maxiter, rtol
        SciPy's.
    fprime2, x1
        SciPy's: where they are given, it takes Halley's method, and secants.

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
    args, known = with_numbers(args)
    slope = grad(lambda x, *rest: np.sum(func(x, *rest)))
    start = np.asarray(arrays_of(arrayed(x0)), dtype=float)[()]
    here = lambda x: np.asarray(arrays_of(func(x, *known)), dtype=float)[()]
    down = lambda x: np.asarray(arrays_of((fprime or slope)(x, *known)), dtype=float)[()]
    curve = None if fprime2 is None else lambda x: arrays_of(fprime2(x, *known))
    first = down if fprime is not None or x1 is None else None
    x = so.newton(
        here, start, first, (), tol, maxiter, curve, None if x1 is None else arrays_of(x1), rtol
    )
    for _ in range(2):
        x = x - func(x, *args) / slope(x, *args)
    return x


@like(so.root, "x0 args")
def root(
    fun: Function,
    x0: Array,
    args: Tree = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Function | None = None,
    options: Keywords | None = None,
) -> Array:
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
    jac : callable or bool, optional
        The Jacobian, or that ``fun`` returns it, too; minigrad's by default.
    method, tol, callback, options
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
    args, known = with_numbers(args)
    fun = firsts(fun, jac)
    start = start_of(x0)
    here = lambda x: np.asarray(arrays_of(fun(x, *known)), dtype=float)
    slope = lambda x: np.reshape(arrays_of(jacobian(lambda v: fun(v, *known))(x)), (x.size, x.size))
    given = (lambda x: arrays_of(jac(x, *known))) if callable(jac) else slope
    down = given if method in ("hybr", "lm") else None
    found = so.root(
        here, start, method=method, jac=down, tol=tol, callback=callback, options=options
    )
    if not found.success:
        raise RuntimeError(f"root: SciPy found none: {found.message}")
    found.x = polished(fun, found.x, args)
    return found


@like(so.fixed_point, "x0 args")
def fixed_point(
    func: Function,
    x0: Array,
    args: Tree = (),
    xtol: float = 1e-10,
    maxiter: int = 500,
    method: str = "del2",
) -> Array:
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
    args, known = with_numbers(args)
    start = np.asarray(arrays_of(arrayed(x0)), dtype=float)
    here = lambda x: arrays_of(func(x, *known))
    found = np.asarray(so.fixed_point(here, start, (), xtol, maxiter, method))
    flat = lambda v, *rest: (
        np.reshape(v - func(v, *rest), (-1,)) if np.ndim(v) else v - func(v, *rest)
    )
    return polished(flat, found[()], args)


# --- one unknown -------------------------------------------------------------------------


def bracketing(name: str, inventor: str) -> Function:
    """One of SciPy's functions that find a zero between two places."""
    theirs = getattr(so, name)

    def solve(
        f: Function, a: Array, b: Array, args: Tree = (),
        xtol: float | None = None, rtol: float | None = None, maxiter: int = 100,
    ) -> Array:  # fmt: skip
        args, known = with_numbers(args)
        rest = {k: v for k, v in (("xtol", xtol), ("rtol", rtol)) if v is not None}
        here = lambda x: float(arrays_of(f(x, *known)))
        x = theirs(here, float(arrays_of(a)), float(arrays_of(b)), maxiter=maxiter, **rest)
        return polished(f, np.float64(x), args)

    solve.__doc__ = f"""The x between ``a`` and ``b`` with ``f(x, *args) = 0``, by {inventor}.

    Derivative: ``dx = -(∂f/∂x)⁻¹ ∂f/∂args dargs``; none by a and b.

    Parameters
    ----------
    f : callable
        From a number to a number, of opposite signs at ``a`` and ``b``.
    a, b : float
    args : tuple
        Tensors and arrays; what ``f`` closes over may be Tensors too.
    xtol, rtol, maxiter
        SciPy's.

    Raises
    ------
    ValueError
        Where the signs are not opposite.
    RuntimeError
        Where SciPy finds no zero.

    Examples
    --------
    >>> import minigrad as mg
    >>> print(f"{{mg.grad(lambda c: {name}(lambda x, c: x**2 - c, 0.0, 3.0, (c,)))(4.0):.6f}}")
    0.250000
    """
    solve.__name__ = solve.__qualname__ = name
    return like(theirs, "a b args")(solve)


brentq: Function = bracketing("brentq", "R. P. Brent's method")
brenth: Function = bracketing("brenth", "Brent's method with hyperbolic steps")
bisect: Function = bracketing("bisect", "halving")
ridder: Function = bracketing("ridder", "C. Ridders' method")
toms748: Function = bracketing("toms748", "G. E. Alefeld, F. A. Potra and Y. Shi's method")


@like(so.root_scalar, "args bracket x0 x1")
def root_scalar(
    f: Function,
    args: Tree = (),
    method: str | None = None,
    bracket: Sequence[float] | None = None,
    fprime: Function | None = None,
    x0: Array = None,
    x1: Array = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
) -> Array:
    """The number x with ``f(x, *args) = 0``; ``.root`` is differentiable by ``args``.

    Derivative: ``dx = -(∂f/∂x)⁻¹ ∂f/∂args dargs``.

    Parameters
    ----------
    f : callable
        From a number to a number.
    args : tuple
        Tensors and arrays.
    bracket : pair of float, optional
    fprime : callable, optional
        Minigrad's by default.
    x0, x1 : float, optional
    method, xtol, rtol, maxiter
        SciPy's.

    Returns
    -------
    RootResults
        SciPy's.

    Raises
    ------
    RuntimeError
        Where SciPy finds no zero.

    Examples
    --------
    >>> import minigrad as mg
    >>> r = lambda c: root_scalar(lambda x, c: x**3 - c, (c,), bracket=(0.0, 3.0)).root
    >>> print(f"{mg.grad(r)(8.0):.6f}")
    0.083333
    """
    args, known = with_numbers(args)
    here = lambda x: float(arrays_of(f(x, *known)))
    slope = lambda x: float(arrays_of((fprime or grad(f))(np.float64(x), *known)))
    down = slope if bracket is None and method in (None, "newton") else None
    bracket, *starts = map(arrays_of, (bracket, x0, x1))
    found = so.root_scalar(here, (), method, bracket, down, None, *starts, xtol, rtol, maxiter)
    if not found.converged:
        raise RuntimeError(f"root_scalar: SciPy found none: {found.flag}")
    found.root = polished(f, np.float64(found.root), args)
    return found


_describe(vars(), OF_SCIPY)
