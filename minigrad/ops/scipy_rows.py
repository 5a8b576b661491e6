"""How rows of SciPy's special functions are written: one result or several.

The tables are in `scipy_special`, `scipy_elliptic` and `scipy_equations`.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from minigrad.ops.record import Op, Rule, elementwise, implementations, primitive
from minigrad.ops.shape import unbroadcast
from minigrad.typing import Array, Function

UNRULED = "no derivative in closed form is known"


def row(
    function: Function, *rules: Rule | None, doc: str | None = None, letter: str | None = None
) -> None:
    """Record of one of SciPy's ufuncs; its name in errors is SciPy's."""
    elementwise(
        function,
        *rules,
        name=f"special.{function.__name__.removeprefix('_')}",
        doc=doc,
        letter=letter,
        unruled=UNRULED,
    )


def stands(function: Function, op: Op) -> None:
    """Let ``op``, which the library has already, stand for SciPy's ``function``."""
    implementations[function] = op


# --- several results at once -------------------------------------------------------------

LETTERS = "x", "y", "z", "u", "v"


def is_zero(c: Array) -> bool:
    """Whether a result is not asked for; its slope may be infinite where another's is not."""
    return isinstance(c, np.ndarray | np.generic | float) and not np.any(c)


def several(
    function: Any, *slopes: Array, told: str, at: tuple[float, ...] = (0.7,), complex: bool = False
) -> None:
    """Record of a ufunc of several results, by its last argument.

    ``slopes`` has, for each result, its derivative as a function of all results and arguments.
    ``told`` is what the help says: results, derivatives, and the first derivative at ``at``.
    """
    results, derivatives, value = told.split(" | ")
    called, known = function.__name__, function.nin - 1

    def rule(g: Array, ans: Array, *args: Array) -> Array:
        asked = [(c, slope) for c, slope in zip(g, slopes, strict=True) if not is_zero(c)]
        total = sum(c * slope(ans, *args) for c, slope in asked or [(g[0], lambda *_: 1.0)])
        return unbroadcast(total, np.shape(args[-1])) if known else total

    def forward(*args: Array) -> Array:
        return function(*args)

    names = LETTERS[:1] if not known else [f"x{i + 1}" for i in range(function.nin)]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    places = [inspect.Parameter(name, kind) for name in names]
    forward.__signature__ = inspect.Signature(places)  # type: ignore[attr-defined]
    given = "".join(f"{v:g}, " for v in at[:-1])
    part = ".real" if complex else ""
    forward.__doc__ = f"""{results} of every element, as `scipy.special.{called}`.

    Derivatives: {derivatives}.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.scipy import special
    >>> print(f"{{mg.grad(lambda x: special.{called}({given}x)[0]{part})({at[-1]}):.6f}}")
    {value}
    """
    primitive(
        function,
        vjps=(*[None] * known, rule),
        name=f"special.{called}",
        fresh=True,
        leading=not known,
        unruled=UNRULED,
        complex=complex,
    )(forward)
