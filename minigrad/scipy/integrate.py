"""`scipy.integrate`: integrals by Leibniz' rule, differential equations by the adjoint one.

SciPy integrates plain numbers to its tolerances, forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.integrate as si

from minigrad.autodiff import vjp
from minigrad.ops.glossary import OF_SCIPY
from minigrad.ops.glossary import describe as _describe
from minigrad.ops.record import Op
from minigrad.ops.shape import arrayed
from minigrad.scipy.optimize import arrays_of
from minigrad.tensor import Tensor
from minigrad.tree import flatten

__all__ = ["odeint", "quad", "solve_ivp"]


def __dir__() -> list[str]:
    return __all__


Function = Callable[..., Any]


def first_order(name: str, *values: Any) -> None:
    """Refuse to be differentiated a second time, which this rule cannot be.

    Raises
    ------
    TypeError
    """
    if any(isinstance(v, Tensor) for v in values):
        raise TypeError(
            f"{name} has first derivatives only; for higher ones, write the steps or the sum out "
            "with NumPy's functions"
        )


# --- integrals ---------------------------------------------------------------------------


def quad(func: Function, a: Any, b: Any, args: Any = (), **options: Any) -> tuple[Any, float]:
    """``∫_a^b func(x, *args) dx`` and an estimate of its error, as `scipy.integrate.quad`.

    Derivative: ``f(b)`` by b, ``-f(a)`` by a, ``∫ ∂f/∂args dx`` by ``args``.

    Differentiable by the limits and by ``args``: Leibniz' rule, each integral to SciPy's
    tolerances.

    Parameters
    ----------
    func : callable
        Of numbers.
    a, b : float
        Limits, possibly infinite.
    args : tuple
    **options
        SciPy's.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda k: quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, (k,))[0])(2.0).round(9)
    np.float64(-0.25)
    """
    args = args if isinstance(args, tuple) else (args,)
    leaves, rebuild = flatten(list(args))
    error = [0.0]

    def forward(low: Any, high: Any, *flat: Any) -> Any:
        known = rebuild(list(flat))
        f = lambda x: float(arrays_of(func(x, *known)))
        value, error[0] = si.quad(f, float(low), float(high), **options)[:2]
        return np.float64(value)

    def rule(g: Any, ans: Any, low: Any, high: Any, *flat: Any, argnum: int) -> Any:
        first_order("quad", g, low, high, *flat)
        known = rebuild(list(flat))
        if argnum < 2:
            end = high if argnum else low
            if not np.isfinite(end):
                return np.zeros_like(end)
            return g * (1 if argnum else -1) * np.float64(arrays_of(func(end, *known)))
        i = argnum - 2

        def slope(x: float) -> Any:
            at = lambda v: func(x, *rebuild([*flat[:i], v, *flat[i + 1 :]]))
            return np.asarray(vjp(at, flat[i])[1](1.0)[0])

        return g * si.quad_vec(slope, float(low), float(high))[0]

    op = Op("integrate.quad", forward, rule, fresh=True)
    return op(arrayed(a), arrayed(b), *(arrayed(v) for v in leaves)), error[0]


# --- differential equations --------------------------------------------------------------


def solution(
    name: str, f: Function, y0: Any, t: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Rows of y(t) for ``dy/dt = f(t, y, *args)``, y(t₀) = y0."""
    leaves, rebuild = flatten(list(args))
    t = arrayed(t) * np.float64(1)
    if np.ndim(t) != 1 or np.shape(t)[0] < 2:
        raise ValueError(f"{name}: t must be a vector of two times at least, not {np.shape(t)}")
    field = lambda s, y, *flat: f(s, y, *rebuild(list(flat)))
    flat = [arrayed(v) * np.float64(1) for v in leaves]
    return solver(name, field, options)(arrayed(y0) * np.float64(1), t, *flat)


def solver(name: str, field: Function, options: dict[str, Any]) -> Op:
    """The op of ``y0, t, *parameters``: the rows of y(t) for ``dy/dt = field(t, y, *parameters)``.

    Its rules solve the adjoint equation with another such op, so that there are derivatives of
    every order.
    """

    def forward(start: Any, t: Any, *flat: Any) -> Any:
        slope = lambda s, y: np.asarray(arrays_of(field(s, y, *flat)), dtype=float)
        start = np.asarray(start, dtype=float)
        found = si.solve_ivp(slope, (t[0], t[-1]), start, t_eval=t, **options)
        if not found.success:
            raise RuntimeError(f"{name}: SciPy gave up: {found.message}")
        return found.y.T

    def rule(g: Any, ans: Any, start: Any, t: Any, *flat: Any) -> tuple[Any, ...]:
        """L. S. Pontryagin's adjoint λ and ``∫ λᵀ ∂f/∂θ dt``; by a time, ``λᵀ f`` there."""
        n, m = np.shape(ans)[1], np.shape(ans)[0]
        sizes = [int(np.size(v)) for v in flat]

        def backwards(s: Any, z: Any, *known: Any) -> Any:
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


def odeint(
    func: Function,
    y0: Any,
    t: Any,
    args: Any = (),
    tfirst: bool = False,
    rtol: float = 1e-8,
    atol: float = 1e-8,
) -> Any:
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
    args = args if isinstance(args, tuple) else (args,)
    f = func if tfirst else lambda s, y, *rest: func(y, s, *rest)
    options = {"method": "LSODA", "rtol": rtol, "atol": atol}
    return solution("odeint", f, y0, t, args, options)


class Solution:
    """What `solve_ivp` returns: times ``t``, and ``y``, one column each."""

    t: Any
    y: Any
    success: bool
    status: int

    def __init__(self, t: Any, y: Any) -> None:
        self.t, self.y, self.success, self.status = t, y, True, 0
        self.message = "The solver successfully reached the end of the integration interval."

    def __repr__(self) -> str:
        return f"<solution at {len(self.t)} times>"


def solve_ivp(
    fun: Function,
    t_span: Any,
    y0: Any,
    method: str = "RK45",
    t_eval: Any = None,
    args: Any = (),
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> Solution:
    """The solution of ``dy/dt = fun(t, y, *args)``; `odeint` with SciPy's newer signature.

    ``t_eval`` are the times to answer for, the ends of ``t_span`` by default (SciPy's own
    steps have no derivative).

    Examples
    --------
    >>> import numpy as np
    >>> found = solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], rtol=1e-9, atol=1e-9)
    >>> print(f"{float(found.y[0, -1]):.6f}")
    0.367879
    """
    args = args if isinstance(args, tuple) else (args,)
    ends = [arrayed(v) for v in t_span]
    times = np.stack(ends) if t_eval is None else arrayed(t_eval)
    asked = times
    if arrays_of(times[0]) != arrays_of(ends[0]):
        times = np.concatenate([np.reshape(ends[0], (1,)), times])
    options = {"method": method, "rtol": rtol, "atol": atol}
    rows = solution("solve_ivp", fun, y0, times, args, options)
    return Solution(asked, rows[len(times) - len(asked) :].T)


_describe(vars(), OF_SCIPY)
