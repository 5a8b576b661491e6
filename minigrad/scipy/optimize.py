"""`scipy.optimize`: roots and minima as functions of what they depend on."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.optimize as so

from minigrad.autodiff import grad, hessian, jacobian
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import absent, like
from minigrad.scipy.implicit import arrays_of, firsts, polished, start_of, tupled, with_numbers
from minigrad.scipy.roots import bisect as bisect
from minigrad.scipy.roots import brenth as brenth
from minigrad.scipy.roots import brentq as brentq
from minigrad.scipy.roots import fixed_point as fixed_point
from minigrad.scipy.roots import newton as newton
from minigrad.scipy.roots import ridder as ridder
from minigrad.scipy.roots import root as root
from minigrad.scipy.roots import root_scalar as root_scalar
from minigrad.scipy.roots import toms748 as toms748
from minigrad.typing import Array, Function, Keywords, Tree

__all__ = [
    "bisect", "brenth", "brentq", "curve_fit", "fixed_point", "least_squares", "minimize",
    "minimize_scalar", "newton", "ridder", "root", "root_scalar", "toms748",
]  # fmt: skip
__getattr__, __dir__ = absent("optimize", __all__)


@like(so.minimize, "x0 args constraints")
def minimize(
    fun: Function,
    x0: Array,
    args: Tree = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Function | None = None,
    options: Keywords | None = None,
) -> Array:
    """The x at which ``fun(x, *args)`` is least; ``.x`` and ``.fun`` have derivatives by ``args``.

    Derivative: ``dx = -H⁻¹ ∂²f/∂x∂args dargs``; elements that lie on a bound stay there.  With
    constraints, that of the conditions of Karush, Kuhn and Tucker: ``∇f = Σ λ ∇c``, and c as it
    is wherever it binds.

    Parameters
    ----------
    fun : callable
        From a vector to a number, with derivatives up to the second.
    x0 : (n,)
        Where to start.
    args : tuple
    jac : callable or bool, optional
        The gradient, or that ``fun`` returns it, too; minigrad's by default.
    hess, hessp : callable, optional
        Minigrad's by default, for the methods that use them.
    bounds : sequence of pairs or `scipy.optimize.Bounds`, optional
        Of numbers: the answer is not differentiated by them.
    constraints : dict, `LinearConstraint`, `NonlinearConstraint`, or a sequence of them, optional
        SciPy's; their functions have derivatives up to the second, and may depend on Tensors.
    method, tol, callback, options
        SciPy's.

    Returns
    -------
    OptimizeResult
        SciPy's.

    Raises
    ------
    RuntimeError
        Where SciPy finds no minimum.
    TypeError
        For constraints that are none of SciPy's.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def nearest(c):
    ...     return minimize(lambda x, c: np.sum((x - c) ** 2), np.zeros(2), (c,)).x
    >>> mg.jacobian(nearest)(np.array([1.0, 2.0])).round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    args, known = with_numbers(args)
    fun = firsts(fun, jac)
    start = start_of(x0)
    value = lambda x: float(arrays_of(fun(x, *known)))
    slope: Function = lambda x: arrays_of(grad(lambda v: fun(v, *known))(x))
    slopes = (lambda x: arrays_of(jac(x, *known))) if callable(jac) else slope
    rest = {"method": method, "bounds": bounds, "tol": tol, "callback": callback}
    if str(method).lower() in BY_CURVATURE:
        curvature = lambda x: arrays_of(hessian(lambda v: fun(v, *known))(x))
        rest["hess"] = (lambda x: arrays_of(hess(x, *known))) if callable(hess) else curvature
        if hessp is not None:
            rest |= {"hess": None, "hessp": lambda x, p: arrays_of(hessp(x, p, *known))}
    down = None if str(method).lower() in WITHOUT_SLOPES else slopes
    limits = conditions(constraints)
    if limits:
        found = so.minimize(
            value, start, jac=down, constraints=plain(limits), options=options, **rest
        )
        if not found.success:
            raise RuntimeError(f"minimize: SciPy found no minimum: {found.message}")
        low, high = ends(bounds, found.x)
        limits.append((lambda x: x, low, high))
        found.x = bound(fun, found.x, args, limits)
        found.fun = fun(found.x, *args)
        return found
    found = so.minimize(value, start, jac=down, options=options, **rest)
    steep = np.max(np.abs(slope(found.x)), initial=0.0)
    if not found.success and steep > 1e-4 * max(1.0, abs(found.fun)):
        raise RuntimeError(f"minimize: SciPy found no minimum: {found.message}")
    found.x = least(fun, found.x, args, *ends(bounds, found.x))
    found.fun = fun(found.x, *args)
    return found


BY_CURVATURE = {"newton-cg", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr"}
WITHOUT_SLOPES = {"nelder-mead", "powell", "cobyla", "cobyqa"}


Limit = tuple[Function, Array, Array]
"""A function of x, and between what it has to be."""


def conditions(constraints: Any) -> list[Limit]:
    """SciPy's ``constraints`` as functions with their limits."""
    listed = constraints if isinstance(constraints, list | tuple) else [constraints]
    found: list[Limit] = []
    for c in listed:
        if isinstance(c, dict):
            inner = lambda x, c=c: np.reshape(c["fun"](x, *tupled(c.get("args", ()))), (-1,))
            found.append((inner, 0.0, 0.0 if c["type"].lower() == "eq" else np.inf))
        elif isinstance(c, so.LinearConstraint):
            found.append((lambda x, c=c: c.A @ x, c.lb, c.ub))
        elif isinstance(c, so.NonlinearConstraint):
            found.append((lambda x, c=c: np.reshape(c.fun(x), (-1,)), c.lb, c.ub))
        else:
            raise TypeError(
                "minimize: constraints are dicts, LinearConstraint and NonlinearConstraint, not "
                f"{c!r:.60}"
            )
    return found


def plain(limits: list[Limit]) -> list[Array]:
    """The ``limits`` as SciPy takes them, of numbers."""
    plainly: Function = lambda f: lambda x: arrays_of(f(x))
    return [
        so.NonlinearConstraint(plainly(f), low, high, plainly(jacobian(f)))
        for f, low, high in limits
    ]


def bound(fun: Function, x: Array, args: tuple[Array, ...], limits: list[Limit]) -> Array:
    """The minimum next to ``x``, recorded, where what binds there goes on to bind."""
    active = []
    for f, low, high in limits:
        value = np.asarray(arrays_of(f(x)), dtype=float)
        low, high = np.broadcast_to(low, value.shape), np.broadcast_to(high, value.shape)
        near = 1e-6 * np.maximum(1.0, np.abs(value))
        below, above = value <= low + near, value >= high - near
        at = np.where(below, low, high)
        (places,) = np.nonzero(below | above)
        if places.size:
            active.append((f, places, at[places]))
    if not active:
        return least(fun, x, args, *ends(None, x))
    n = x.size
    binds: Function = lambda v: np.concatenate([f(v)[i] - at for f, i, at in active])
    slope = arrays_of(grad(lambda v: fun(v, *args))(x))
    shadow = np.linalg.lstsq(arrays_of(jacobian(binds)(x)).T, slope, rcond=None)[0]

    def zero(z: Array, *rest: Array) -> Array:
        v, prices = z[:n], z[n:]
        along = grad(lambda v: fun(v, *rest) - np.sum(prices * binds(v)))(v)
        return np.concatenate([along, binds(v)])

    return polished(zero, np.concatenate([x, shadow]), args)[:n]


def ends(bounds: Any, x: Array) -> tuple[Array, Array]:
    """The lower and upper bounds of every element of ``x``."""
    if bounds is None:
        return np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    if isinstance(bounds, so.Bounds):
        low, high = bounds.lb, bounds.ub
    else:
        low = [-np.inf if a is None else a for a, _ in bounds]
        high = [np.inf if b is None else b for _, b in bounds]
    return np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape)


def least(fun: Function, x: Array, args: tuple[Array, ...], low: Array, high: Array) -> Array:
    """The minimum next to ``x``, recorded; elements on their bounds are constants."""
    slope: Function = lambda x, *rest: grad(lambda v: fun(v, *rest))(x)
    near = 1e-7 * np.maximum(1.0, np.abs(x))
    free = (x > low + near) & (x < high - near)
    while np.any(free):
        place, held = np.eye(x.size)[:, free], np.where(free, 0.0, np.clip(x, low, high))
        inner = lambda v, *rest: slope(held + place @ v, *rest)[free]  # noqa: B023
        found = held + place @ polished(inner, x[free], args)
        value = arrays_of(found)
        beyond = free & ((value < low) | (value > high))
        if not np.any(beyond):
            return found
        ends, steps = np.where(value < low, low, high), np.where(beyond, value - x, 1.0)
        shares = np.where(beyond, (ends - x) / steps, np.inf)
        free[np.argmin(shares)] = False  # the bound that SciPy had stopped short of
    return x


@like(so.least_squares, "x0 args")
def least_squares(
    fun: Function,
    x0: Array,
    jac: Any = "2-point",
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    max_nfev: int | None = None,
    args: Tree = (),
) -> Array:
    """The x at which ``½ Σ fun(x, *args)²`` is least; ``.x`` has derivatives by ``args``.

    Derivative: ``dx = -H⁻¹ ∂(Jᵀf)/∂args dargs``, H the second derivative of the sum.

    Parameters
    ----------
    fun : callable
        From a vector to a vector of residuals.
    x0 : (n,)
        Where to start.
    jac : callable or str, optional
        The Jacobian; minigrad's where it is not a function.
    bounds : pair of array_like
        Of numbers; elements that lie on one stay there.
    method, ftol, xtol, gtol, max_nfev
        SciPy's.
    args : tuple
        Tensors and arrays.

    Returns
    -------
    OptimizeResult
        SciPy's; ``.fun`` and ``.cost`` are differentiable, too.

    Raises
    ------
    RuntimeError
        Where SciPy finds no minimum.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> t = np.arange(3.0)
    >>> slope = lambda y: least_squares(lambda p, y: p[0] * t - y, [1.0], args=(y,)).x[0]
    >>> mg.grad(slope)(np.array([0.0, 2.0, 4.0])).round(6) + 0.0
    array([0. , 0.2, 0.4])
    """
    args, known = with_numbers(args)
    start = start_of(x0)
    here = lambda x: np.atleast_1d(np.asarray(arrays_of(fun(x, *known)), dtype=float))
    slope = lambda x: np.reshape(arrays_of(jacobian(lambda v: fun(v, *known))(x)), (-1, x.size))
    slopes = (lambda x: arrays_of(jac(x, *known))) if callable(jac) else slope
    rest = {"method": method, "ftol": ftol, "xtol": xtol, "gtol": gtol, "max_nfev": max_nfev}
    found = so.least_squares(here, start, slopes, bounds, **rest)
    if not found.success:
        raise RuntimeError(f"least_squares: SciPy found no minimum: {found.message}")
    low, high = (bounds.lb, bounds.ub) if isinstance(bounds, so.Bounds) else bounds
    half = lambda x, *rest: np.sum(fun(x, *rest) ** 2) / 2
    edges = (np.broadcast_to(v, found.x.shape) for v in (low, high))
    found.x = least(half, found.x, args, *edges)
    found.fun = fun(found.x, *args)
    found.cost = np.sum(found.fun**2) / 2
    return found


@like(so.curve_fit, "xdata ydata p0 sigma")
def curve_fit(
    f: Function,
    xdata: Array,
    ydata: Array,
    p0: Array = None,
    sigma: Array = None,
    absolute_sigma: bool = False,
    bounds: Any = (-np.inf, np.inf),
) -> tuple[Array, Array]:
    """The parameters p for which ``f(xdata, *p)`` is nearest to ``ydata``, and their covariance.

    Derivative: that of `least_squares`, by ``xdata``, ``ydata`` and ``sigma``.

    Parameters
    ----------
    f : callable
        ``f(x, *p)``.
    xdata, ydata : array_like
    p0 : (n,), optional
        Where to start; ones by default, or between the bounds.
    sigma : (m,) or (m, m), optional
        The deviation of each of ``ydata``, or the covariance of all.
    absolute_sigma : bool
        Whether ``sigma`` is meant as it is, not up to a factor.
    bounds : pair of array_like

    Returns
    -------
    (n,), (n, n)
        The covariance is infinite where the data are no more than the parameters.

    Raises
    ------
    RuntimeError
        Where SciPy finds no minimum.
    ValueError
        For ``sigma`` of another shape, and an ``f`` that takes ``*p``, without ``p0``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.arange(4.0)
    >>> slope = lambda y: curve_fit(lambda x, a, b: a * x + b, x, y)[0][0]
    >>> mg.grad(slope)(1 + 2 * x).round(6)
    array([-0.3, -0.1,  0.1,  0.3])
    """
    start = ones_within(bounds, parameters_of(f)) if p0 is None else start_of(p0)
    n = len(start)
    data = arrayed(xdata), arrayed(ydata), deviation(sigma, ydata)

    def off(p: Array, x: Array, y: Array, scale: Array) -> Array:
        rest = f(x, *[p[i] for i in range(n)]) - y
        return np.linalg.solve(scale, rest) if np.ndim(scale) == 2 else np.ravel(rest / scale)

    found = least_squares(off, start, bounds=bounds, args=data)
    free = np.size(arrays_of(data[1])) - n
    if free <= 0 and not absolute_sigma:
        return found.x, np.full((n, n), np.inf)
    down = jacobian(off)(found.x, *data)
    spread = np.linalg.inv(down.T @ down)
    return found.x, spread if absolute_sigma else spread * (2 * found.cost / free)


def parameters_of(f: Function) -> int:
    """How many numbers ``f`` takes by place, after its first argument."""
    places = inspect.signature(f).parameters.values()
    n = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in places) - 1
    if n < 1:
        raise ValueError("curve_fit: f does not say how many parameters it has; pass p0")
    return n


def ones_within(bounds: Any, n: int) -> Array:
    """Where SciPy starts: the middle of two bounds, 1 from a single one, and 1 without any."""
    ends = (bounds.lb, bounds.ub) if isinstance(bounds, so.Bounds) else arrays_of(tuple(bounds))
    low, high = (np.broadcast_to(np.asarray(v, dtype=float), (n,)) for v in ends)
    below, above = np.isfinite(low), np.isfinite(high)
    least, most = np.where(below, low, 0.0), np.where(above, high, 0.0)
    one = np.where(below, least + 1, np.where(above, most - 1, 1.0))
    return np.where(below & above, (least + most) / 2, one)


def deviation(sigma: Array, ydata: Array) -> Array:
    """What residuals are divided by: deviations, or the Cholesky factor of a covariance."""
    if sigma is None:
        return 1.0
    sigma, n = arrayed(sigma), np.size(arrays_of(arrayed(ydata)))
    if np.shape(sigma) == (n, n) and n > 1:
        return np.linalg.cholesky(sigma)
    if np.size(sigma) != 1 and np.shape(sigma) != (n,):
        raise ValueError(
            f"curve_fit: sigma must have shape ({n},), or ({n}, {n}) as a covariance, not "
            f"{np.shape(sigma)}"
        )
    return sigma if np.ndim(sigma) < 2 else np.reshape(sigma, ())


@like(so.minimize_scalar, "args")
def minimize_scalar(
    fun: Function,
    bracket: Sequence[float] | None = None,
    bounds: Any = None,
    args: Tree = (),
    method: str | None = None,
    tol: float | None = None,
    options: Keywords | None = None,
) -> Array:
    """The number x at which ``fun(x, *args)`` is least; ``.x`` is differentiable by ``args``.

    Derivative: ``dx = -(f″)⁻¹ ∂f′/∂args dargs``; nothing where x lies on a bound.

    Parameters
    ----------
    fun : callable
        From a number to a number, with derivatives up to the second.
    bracket, bounds, method, tol, options
        SciPy's.
    args : tuple
        Tensors and arrays.

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
    >>> import minigrad as mg
    >>> x = lambda c: minimize_scalar(lambda x, c: (x - c) ** 2, args=(c,)).x
    >>> print(f"{mg.grad(x)(1.5):.6f}")
    1.000000
    """
    args, known = with_numbers(args)
    here = lambda x: float(arrays_of(fun(x, *known)))
    found = so.minimize_scalar(here, bracket, arrays_of(bounds), (), method, tol, options)
    if not found.success:
        raise RuntimeError(f"minimize_scalar: SciPy found no minimum: {found.message}")
    near = 1e-5 * max(1.0, abs(found.x))  # as near as SciPy comes
    low, high = (-np.inf, np.inf) if bounds is None else arrays_of(bounds)
    if low + near < found.x < high - near:
        slope = lambda x, *rest: grad(lambda v: fun(v, *rest))(x)
        inside = polished(slope, np.float64(found.x), args)
        if low <= arrays_of(inside) <= high:  # else SciPy had stopped short of a bound
            found.x = inside
    found.fun = fun(found.x, *args)
    return found


_describe(vars(), OF_SCIPY)
