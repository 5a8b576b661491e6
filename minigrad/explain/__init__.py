"""Explanations of gradients: ``mg.explain(L, w)``, ``mg.paths(L, w)``.

Formulas are not looked up: the rules of the ops are run on stand-ins for your variables
(``links``), what they leave is simplified as on paper and written down (``notation``), and
the steps are put together by the chain rule (``ledger``, ``report``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from minigrad.explain.asked import chart
from minigrad.explain.ends import Forward
from minigrad.explain.general import General, general
from minigrad.explain.links import local_expression, local_formula
from minigrad.explain.paths import Paths
from minigrad.explain.report import Explanation
from minigrad.explain.rows import Row
from minigrad.explain.why import Why, why
from minigrad.tensor import Tensor
from minigrad.typing import Function

__all__ = [
    "Explanation", "Forward", "General", "Paths", "Row", "Why", "explain", "local_expression",
    "local_formula", "paths", "why",
]  # fmt: skip


@overload
def explain(
    output: Tensor,
    wrt: Any = None,
    *,
    steps: bool | None = None,
    simplify: bool = False,
    mode: Literal["reverse"] = "reverse",
) -> Explanation: ...
@overload
def explain(output: Tensor, wrt: Any = None, *, mode: Literal["forward"]) -> Forward: ...
@overload
def explain(output: Function, wrt: Any = None) -> General: ...
@overload
def explain(
    output: Any,
    wrt: Any = None,
    *,
    steps: bool | None = None,
    simplify: bool = False,
    mode: str = "reverse",
) -> Explanation | Forward | General: ...
def explain(
    output: Any,
    wrt: Any = None,
    *,
    steps: bool | None = None,
    simplify: bool = False,
    mode: str = "reverse",
) -> Explanation | Forward | General:
    """Explain the gradient of ``output`` with respect to ``wrt``, step by step.

    Parameters
    ----------
    output : Tensor
        Recorded; of several elements, the gradient is that of their sum, or entry by
        entry where all operations are elementwise.
        Or ``mg.grad(f)``, whose formulas are then general, with letters in place of sizes.
    wrt : Tensor, or nested lists, tuples and dicts of them, optional
        Leaves or intermediate results; by default all leaves.  With ``mg.grad(f)`` examples of
        the arguments of ``f``, of which the shapes count; without them, likely shapes are tried.
    steps : bool, optional
        Whether to derive each link operation by operation, with σ written out; by default
        a link that stands alone is derived.
    simplify : bool
        Whether to add the gradient as one formula, cancelled across the links, each step
        with its reason and checked at random points.
    mode : {"reverse", "forward"}
        From which end the links are multiplied.  Forward, a change of ``wrt`` by 1 in each
        entry is pushed along to the output; a line says what either mode costs.

    Returns
    -------
    Explanation
        ``print`` shows it as text, a notebook as formulas; ``.to_latex()``,
        ``.to_markdown()``, ``.to_html()``, ``.to_png(path)``, ``.plot()``, ``.rows``.

    Raises
    ------
    TypeError, ValueError
        When something is no Tensor or was not recorded, and where nothing of ``wrt`` has a path
        to ``output``; for another mode, and for steps or a closed form in forward mode.

    Notes
    -----
    Steps lead between the quantities that have names: variables of the caller, entries of
    its lists and dicts, and Tensors with ``name=``.  Numbers and elementwise arrays are
    explained as a product of links, ``dL/da · da/dz``, summed over the paths; others as a
    ledger, in which ``dW`` is the gradient of the output with respect to ``W``.

    Examples
    --------
    >>> import minigrad as mg
    >>> x, y = 0.5, 1.5
    >>> w = mg.Tensor(0.3, requires_grad=True)
    >>> b = mg.Tensor(0.1, requires_grad=True)
    >>> z = w * x + b
    >>> a = mg.sigmoid(z)
    >>> L = 0.5 * (y - a) ** 2
    >>> print(mg.explain(L, w))
    dL/dw = dL/da · da/dz · dz/dw
      dL/da = -(y - a)     = -0.937823
      da/dz = a·(1 - a)    =  0.246134
      dz/dw = x            =  0.5
    dL/dw = -0.115415
    """
    if mode not in ("reverse", "forward"):
        raise ValueError(f"explain: mode is 'reverse' or 'forward', not {mode!r}")
    if mode == "forward" and (steps or simplify):
        raise ValueError(
            "explain: steps= and simplify= belong to reverse mode: the gradient is the same, "
            "leave mode='forward' out"
        )
    if callable(output) and not hasattr(output, "node"):
        return general(output, wrt)
    read = chart("explain", output, wrt)
    return Forward(read) if mode == "forward" else Explanation(read, steps, simplify)


def paths(output: Any, wrt: Any, *, limit: int = 1000) -> Paths:
    """The routes by which ``wrt`` acts on ``output``, from quantity to named quantity.

    Parameters
    ----------
    output, wrt : Tensor
    limit : int
        Most paths to list; ``.total`` counts all of them.

    Returns
    -------
    Paths
        A sequence of tuples of names, the output first.

    Raises
    ------
    TypeError, ValueError
        As `explain`.

    Examples
    --------
    >>> import minigrad as mg
    >>> x = mg.Tensor(2.0, requires_grad=True)
    >>> a = x * 3
    >>> b = mg.sin(x)
    >>> L = a * b
    >>> print(mg.paths(L, x))
    L ← a ← x
    L ← b ← x
    """
    if not hasattr(wrt, "node"):
        wrt = list(wrt) if isinstance(wrt, list | tuple) and len(wrt) == 1 else [wrt]
    return Paths(chart("paths", output, wrt), limit)
