"""L-BFGS: SciPy's, on nested parameters, with minigrad's gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigrad.autodiff import value_and_grad
from minigrad.errors import needed
from minigrad.optim.descent import keeps, silently, start
from minigrad.optim.history import History, Row
from minigrad.tree import flatten
from minigrad.typing import Array, Tree


class _NotFinite(Exception):
    """The loss is, so that SciPy's line search would lose its way."""


def flat(tree: Tree) -> Array:
    """All numbers of ``tree``, one after another."""
    return np.concatenate([np.ravel(v).astype(np.float64) for v in flatten(tree)[0]])


def nested_like(tree: Tree, vector: Array) -> Tree:
    """The numbers of ``vector`` in the structure, shapes and dtypes of ``tree``."""
    leaves, rebuild = flatten(tree)
    parts = np.split(vector, np.cumsum([np.size(v) for v in leaves])[:-1])
    return rebuild([p.reshape(v.shape).astype(v.dtype)[()] for p, v in zip(parts, leaves)])


def lbfgs(
    f: Callable[[Tree], Array],
    x0: Array,
    steps: int = 1000,
    *,
    keep: bool | None = None,
    **options: Any,
) -> tuple[Tree, History]:
    """Minimise ``f`` by the quasi-Newton method L-BFGS, as SciPy has it.

    R. H. Byrd, P. Lu and J. Nocedal, "A Limited Memory Algorithm for Bound Constrained
    Optimization" (1995).  Curvature is estimated from past gradients, so that there is
    no learning rate; ``f`` must be smooth, and the same at every call (no batches).

    Parameters
    ----------
    f : callable
        ``f(x)`` returns one number.
    x0 : number, array or Tensor, or nested dicts, lists and tuples of them
        Floating-point.
    steps : int
        At most so many iterations.
    keep : bool, optional
        As for `minimize`.
    **options
        SciPy's for this method: ``gtol``, ``ftol``, ``maxcor``, ...

    Returns
    -------
    x, history
        As of `minimize`.

    Raises
    ------
    ImportError
        When SciPy is not installed.
    ValueError
        For less than one step.
    FloatingPointError
        When the loss or its gradient is NaN or infinite at ``x0``; where they become so
        later, the last good parameters are returned, with the reason.

    Examples
    --------
    >>> import minigrad as mg
    >>> def rosenbrock(p):
    ...     return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> best, history = mg.optim.lbfgs(rosenbrock, {"x": -1.2, "y": 1.0}, gtol=1e-8)
    >>> print(f"{best['x']:.4f} {best['y']:.4f}")
    1.0000 1.0000
    """
    how = "lbfgs needs SciPy, which is not installed: pip install scipy"
    minimize = needed("scipy.optimize", how).minimize
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"lbfgs: steps must be a whole number of at least 1, not {steps!r}")
    x = start(x0, "lbfgs")
    nested = partial(nested_like, x)
    both = value_and_grad(f)

    def objective(vector: Array) -> tuple[float, Array]:
        with silently():
            loss, gradient = both(nested(vector))
        value, slope = float(np.ravel(loss)[0]), flat(gradient)
        if not (math.isfinite(value) and np.isfinite(slope).all()):
            raise _NotFinite(f"the loss {value:g} or its gradient is not finite")
        return value, slope

    history = History(plain=False)
    kept = keeps(x, keep)
    before = [flat(x), math.inf]

    def row(update: Tree) -> None:
        number = len(history) + 1
        theta, step = (nested(before[0]), update) if kept else (None, None)
        history.rows.append(Row(number, number, theta, step, before[1]))

    def iterated(intermediate_result: Any) -> None:
        after = np.array(intermediate_result.x)
        row(nested(before[0] - after))
        before[:] = after, float(intermediate_result.fun)

    try:
        before[1] = objective(before[0])[0]
    except _NotFinite as error:
        raise FloatingPointError(f"lbfgs: {error} at x0") from None
    try:
        found = minimize(
            objective, before[0], jac=True, method="L-BFGS-B", callback=iterated,
            options={"maxiter": steps, "maxfun": 20 * steps, **options},
        )  # fmt: skip
        history.reason = str(found.message)
    except _NotFinite as error:
        history.reason = f"{error} after step {len(history)}; the parameters are the last good ones"
    row(None)
    return nested(before[0]), history
