"""`scipy.integrate`: integrals by Leibniz' rule, differential equations by the adjoint one.

SciPy integrates plain numbers to its tolerances, forward and backward.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.integrate as si

from minigrad.autodiff import vjp
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.indexing import settled
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.calling import absent, like
from minigrad.scipy.implicit import arrays_of, tupled
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Keywords, Tree

__all__ = [
    "cumulative_trapezoid", "odeint", "quad", "simpson", "solve_ivp", "trapezoid",
]  # fmt: skip
__getattr__, __dir__ = absent("integrate", __all__)


# --- integrals ---------------------------------------------------------------------------


def integral(field: Function, options: Keywords) -> Op:
    """The op of ``a, b, *parameters``: ``∫_a^b field(x, *parameters) dx``, of numbers or arrays.

    Its rules integrate with another such op, so that there are derivatives of every order.
    """

    def forward(low: Array, high: Array, *flat: Array) -> Array:
        f: Function = lambda x: by_args("quad", field(x, *flat))
        low, high = float(low), float(high)
        if f(0.5 * (low + high) if np.isfinite(low + high) else finite(low, high)).ndim == 0:
            return np.float64(si.quad(lambda x: float(f(x)), low, high, **options)[0])
        return si.quad_vec(f, low, high)[0]

    def rule(g: Array, ans: Array, low: Array, high: Array, *flat: Array, argnum: int) -> Array:
        if argnum < 2:
            end = high if argnum else low
            if not np.isfinite(end):
                return np.zeros_like(end)
            return np.sum(g * field(end, *flat)) * (1 if argnum else -1)
        i = argnum - 2

        def slope(x: Array, g: Array, *flat: Array) -> Array:
            at = lambda v: field(x, *flat[:i], v, *flat[i + 1 :])
            return vjp(at, flat[i])[1](g)[0]

        return integral(slope, options)(low, high, g, *flat)

    return Op("integrate.quad", forward, rule, fresh=True)


def by_args(name: str, value: Array) -> Array:
    """``value`` as an array of real numbers; refuse what depends on a Tensor that ``args`` lack."""
    for leaf in flatten(value)[0]:
        if getattr(leaf, "node", None) is not None:
            raise TypeError(
                f"{name}: the function uses a Tensor that requires a gradient and is not among "
                "its arguments; pass it in args"
            )
    value = np.asarray(arrays_of(value))
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name}: the function must return real numbers, not {value!r:.60}")
    return value.astype(float)


def finite(low: float, high: float) -> float:
    """A place between limits of which one at least is infinite."""
    return low + 1 if np.isfinite(low) else high - 1 if np.isfinite(high) else 0.0


@like(si.quad, "a b args")
def quad(
    func: Function,
    a: Array,
    b: Array,
    args: Tree = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Array = None,
) -> tuple[Array, float]:
    """``∫_a^b func(x, *args) dx`` and an estimate of its error, as `scipy.integrate.quad`.

    Derivative: ``f(b)`` by b, ``-f(a)`` by a, ``∫ ∂f/∂args dx`` by ``args``.

    Differentiable by the limits and by ``args``, to every order: Leibniz' rule, each integral
    to SciPy's tolerances.

    Parameters
    ----------
    func : callable
        Of numbers.
    a, b : float
        Limits, possibly infinite.
    args : tuple
        Tensors and arrays, nested as one likes.
    epsabs, epsrel, limit, points
        SciPy's.

    Raises
    ------
    TypeError
        For a function that does not return numbers.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda k: quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, (k,))[0])(2.0).round(9)
    np.float64(-0.25)
    """
    args = tupled(args)
    leaves, rebuild = flatten(list(args))
    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    field: Function = lambda x, *flat: func(x, *rebuild(list(flat)))
    known = [arrays_of(v) for v in leaves]
    ends = [float(arrays_of(v)) for v in (a, b)]
    error = si.quad(lambda x: float(arrays_of(field(x, *known))), *ends, **options)[1]
    given = [arrayed(v) * np.float64(1) for v in (a, b, *leaves)]
    return integral(field, options)(*given), error


@like(si.trapezoid, "y x dx", alone=True)
def trapezoid(y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1) -> Array:
    """The integral of samples by the trapezoidal rule, as `numpy.trapezoid`.

    Derivative: ``dy`` times the widths, half of them at the ends.

    Examples
    --------
    >>> trapezoid([1.0, 2.0, 4.0])
    np.float64(4.5)
    """
    return np.trapezoid(arrayed(y), None if x is None else arrayed(x), dx, axis)


@like(si.cumulative_trapezoid, "y x dx", alone=True)
def cumulative_trapezoid(
    y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1, initial: Array = None
) -> Array:
    """The integral of samples up to each of them, by the trapezoidal rule.

    Derivative: as of `numpy.cumsum`, times the widths.

    Raises
    ------
    ValueError
        For ``initial`` other than 0.

    Examples
    --------
    >>> cumulative_trapezoid([1.0, 2.0, 4.0], initial=0)
    array([0. , 1.5, 4.5])
    """
    if initial not in (None, 0):
        raise ValueError(f"cumulative_trapezoid: initial must be 0 or None, not {initial!r}")
    y = np.moveaxis(arrayed(y), axis, -1)
    steps = widths("cumulative_trapezoid", y, x, dx, axis)
    total = np.cumsum((y[..., 1:] + y[..., :-1]) / 2 * steps, axis=-1)
    if initial is not None:
        total = np.concatenate([np.zeros((*np.shape(y)[:-1], 1), total.dtype), total], axis=-1)
    return np.moveaxis(total, -1, axis)


def widths(who: str, y: Array, x: Array, dx: Array, axis: int) -> Array:
    """The distances of samples ``y`` along their last axis, which was ``axis``."""
    n = np.shape(y)[-1]
    if x is None:
        return np.broadcast_to(dx * np.ones((), np.result_type(y)), (max(n - 1, 0),))
    x = arrayed(x)
    if np.ndim(x) not in (1, np.ndim(y)) or np.shape(x)[-1 if np.ndim(x) == 1 else axis] != n:
        raise ValueError(
            f"{who}: x {np.shape(x)} must be a vector of {n} places, or have one for each sample"
        )
    return np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1), axis=-1)


@like(si.simpson, "y x dx", alone=True)
def simpson(y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1) -> Array:
    """The integral of samples by Simpson's rule, as `scipy.integrate.simpson`.

    Derivative: the weights of the samples; by ``x`` through the widths.  Of an even number of
    samples the last interval is that of the parabola through the last three (Cartwright).

    Examples
    --------
    >>> print(f"{simpson([1.0, 4.0, 9.0]):.6f}")
    8.666667
    """
    y = np.moveaxis(arrayed(y), axis, -1)
    n = np.shape(y)[-1]
    if x is not None or (n > 2 and n % 2 == 0):
        y = y * np.float64(1)  # SciPy's step widths are doubles
    h = widths("simpson", y, x, dx, axis)
    h = h if x is None else h * np.float64(1)
    if n == 2:
        return np.sum((y[..., 1:] + y[..., :-1]) / 2 * h, axis=-1)
    even = n - 1 if n % 2 else n - 2
    a, b = h[..., 0:even:2], h[..., 1:even:2]
    y0, y1, y2 = (y[..., i : even - 1 + i : 2] for i in range(3))
    parts = (2 - over(b, a)) * y0 + over((a + b) ** 2, a * b) * y1 + (2 - over(a, b)) * y2
    total = np.sum((a + b) / 6 * parts, axis=-1)
    if n % 2:
        return total
    a, b = h[..., -2], h[..., -1]
    last = over(2 * b**2 + 3 * a * b, 6 * (a + b)) * y[..., -1]
    last = last + over(b**2 + 3 * a * b, 6 * a) * y[..., -2]
    return total + last - over(b**3, 6 * a * (a + b)) * y[..., -3]


def over(a: Array, b: Array) -> Array:
    """``a / b``, and 0 where b is: of an interval that is given twice."""
    none = np.equal(b, 0)
    return np.where(none, 0, a / np.where(none, 1, b))


# --- differential equations --------------------------------------------------------------


def solution(
    name: str, f: Function, y0: Array, t: Array, args: tuple[Array, ...], options: Keywords
) -> Array:
    """Rows of y(t) for ``dy/dt = f(t, y, *args)``, y(t₀) = y0."""
    leaves, rebuild = flatten(list(args))
    t = arrayed(t) * np.float64(1)
    if np.ndim(t) != 1 or not np.shape(t)[0]:
        raise ValueError(f"{name}: t must be a vector of times, not of shape {np.shape(t)}")
    field = lambda s, y, *flat: f(s, y, *rebuild(list(flat)))
    flat = [arrayed(v) * np.float64(1) for v in leaves]
    return solver(name, field, options)(arrayed(y0) * np.float64(1), t, *flat)


def solver(name: str, field: Function, options: Keywords) -> Op:
    """The op of ``y0, t, *parameters``: the rows of y(t) for ``dy/dt = field(t, y, *parameters)``.

    Its rules solve the adjoint equation with another such op, so that there are derivatives of
    every order.
    """

    def forward(start: Array, t: Array, *flat: Array) -> Array:
        slope = lambda s, y: by_args(name, field(s, y, *flat))
        start, steps = np.asarray(start, dtype=float), np.diff(t)
        if not np.isfinite(t).all() or not ((steps >= 0).all() or (steps <= 0).all()):
            raise ValueError(f"{name}: the times must be finite, and rise or fall throughout")
        new = np.append(True, steps != 0)  # SciPy takes each time once
        rows = start[None]
        if new.sum() > 1:
            found = si.solve_ivp(slope, (t[0], t[-1]), start, t_eval=t[new], **options)
            if not found.success:
                raise RuntimeError(f"{name}: SciPy gave up: {found.message}")
            rows = found.y.T
        return rows[np.cumsum(new) - 1]

    def rule(g: Array, ans: Array, start: Array, t: Array, *flat: Array) -> tuple[Array, ...]:
        """L. S. Pontryagin's adjoint λ and ``∫ λᵀ ∂f/∂θ dt``; by a time, ``λᵀ f`` there."""
        n, m = np.shape(ans)[1], np.shape(ans)[0]
        sizes = [int(np.size(v)) for v in flat]

        def backwards(s: Any, z: Array, *known: Array) -> Array:
            value, pull = vjp(lambda y, *v: field(s, y, *v), z[:n], *known)
            pulled = [np.reshape(c, (-1,)) for c in pull(z[n : 2 * n])]
            return np.concatenate([np.reshape(value, (-1,)), *(-c for c in pulled)])

        back = solver(name, backwards, options)
        slopes = [np.reshape(field(t[i], ans[i], *flat), (-1,)) for i in range(m)]
        times = [np.sum(g[i] * slopes[i]) for i in range(1, m)]
        adjoint, sums = g[m - 1], np.zeros(sum(sizes))
        for i in range(m - 1, 0, -1):
            ends = np.stack([t[i], t[i - 1]])
            z = back(np.concatenate([ans[i], adjoint, sums]), ends, *flat)[-1]
            adjoint, sums = z[n : 2 * n] + g[i - 1], z[2 * n :]
        first = -np.sum((adjoint - g[0]) * slopes[0])
        places = np.cumsum([0, *sizes])
        shares = [np.reshape(sums[a:b], np.shape(v)) for (a, b), v in zip(pairwise(places), flat)]
        return adjoint, np.stack([first, *times]), *shares

    return Op(f"integrate.{name}", forward, rule, fresh=True, joint=True)


@like(si.odeint, "y0 t args")
def odeint(
    func: Function,
    y0: Array,
    t: Array,
    args: Tree = (),
    tfirst: bool = False,
    rtol: float = 1e-8,
    atol: float = 1e-8,
) -> Array:
    """The solution of ``dy/dt = func(y, t, *args)`` at the times t, one row each.

    Derivative: the adjoint: ``λ' = -(∂f/∂y)ᵀ λ`` back in time, ``dargs = ∫ λᵀ ∂f/∂args dt``,
    ``dy0 = λ(t₀)``.

    Differentiable by ``y0``, ``t`` and ``args``, to every order, through the adjoint equation,
    solved to the same tolerances (LSODA).

    Parameters
    ----------
    func : callable
        ``func(y, t, *args)``; ``func(t, y, *args)`` if ``tfirst``.
    y0 : (n,)
    t : (m,)
    args : tuple
        Floats and arrays, nested as one likes.

    Returns
    -------
    (m, n)

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> def end(rate):
    ...     return odeint(lambda y, t, k: -k * y, [1.0], [0.0, 1.0], (rate,))[-1, 0]
    >>> print(f"{float(mg.grad(end)(0.5)):.6f}")
    -0.606531
    """
    args = tupled(args)
    f = func if tfirst else lambda s, y, *rest: func(y, s, *rest)
    options = {"method": "LSODA", "rtol": rtol, "atol": atol}
    return solution("odeint", f, y0, t, args, options)


class Solution:
    """What `solve_ivp` returns: times ``t``, and ``y``, one column each."""

    t: Array
    y: Array
    success: bool
    status: int

    def __init__(self, t: Array, y: Array) -> None:
        self.t, self.y, self.success, self.status = t, y, True, 0
        self.message = "The solver successfully reached the end of the integration interval."

    def __repr__(self) -> str:
        return f"<solution at {len(self.t)} times>"


@like(si.solve_ivp, "t_span y0 t_eval args")
def solve_ivp(
    fun: Function,
    t_span: Array,
    y0: Array,
    method: str = "RK45",
    t_eval: Array = None,
    args: Tree = (),
    rtol: float = 1e-6,
    atol: float = 1e-8,
    **options: Any,
) -> Solution:
    """The solution of ``dy/dt = fun(t, y, *args)``; `odeint` with SciPy's newer signature.

    ``t_eval`` are the times to answer for, the ends of ``t_span`` by default (SciPy's own
    steps have no derivative); ``options`` are SciPy's ``first_step`` and ``max_step``.

    Raises
    ------
    TypeError
        For ``events``, ``dense_output`` and options that are not those.
    ValueError
        For a ``t_span`` that is no pair, and times of ``t_eval`` that are outside of it or out of
        order.

    Examples
    --------
    >>> import numpy as np
    >>> found = solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], rtol=1e-9, atol=1e-9)
    >>> print(f"{float(found.y[0, -1]):.6f}")
    0.367879
    """
    args = tupled(args)
    for key in options.keys() - {"first_step", "max_step"}:
        raise TypeError(f"solve_ivp: {key}= is not supported here; leave it out")
    ends = [arrayed(v) for v in t_span]
    if len(ends) != 2:
        raise ValueError(f"solve_ivp: t_span is a pair of times, not {len(ends)} of them")
    asked = np.stack(ends) if t_eval is None else arrayed(t_eval)
    first, last = (float(settled(v)) for v in ends)
    known = np.asarray(settled(asked))
    if known.ndim != 1 or np.any((known < min(first, last)) | (known > max(first, last))):
        raise ValueError(f"solve_ivp: t_eval must be a vector of times from {first:g} to {last:g}")
    if np.any(np.diff(known) * (1 if last >= first else -1) <= 0) and t_eval is not None:
        raise ValueError("solve_ivp: the times of t_eval must go from the first to the last")
    times = asked if t_eval is None else np.concatenate([np.reshape(ends[0], (1,)), asked])
    options |= {"method": method, "rtol": rtol, "atol": atol}
    rows = solution("solve_ivp", fun, y0, times, args, options)
    return Solution(asked, rows[len(times) - len(asked) :].T)


_describe(vars(), OF_SCIPY)
