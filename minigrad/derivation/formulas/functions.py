"""The functions of formulas: NumPy's, SciPy's and the user's own."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from minigrad.ops.record import public
from minigrad.typing import Array, Function

MOST = 400
"""Rows of an identity matrix, and parts of a formula; beyond them it is not read."""

LARGEST = 20_000_000
"""Entries of an array on the way."""


class NoFormula(ValueError):
    """What is not in the grammar, and why."""


class Misfit(NoFormula):
    """Parts that do not fit each other, in a formula that is understood."""


class TooLarge(NoFormula):
    """What would take too much time or memory, in a formula that is understood."""


ALONE = """exp log log2 log10 log1p expm1 sqrt cbrt square abs absolute sign sin cos tan arcsin
arccos arctan sinh cosh tanh arcsinh arccosh arctanh sigmoid log_sigmoid relu leaky_relu elu
softplus softmax log_softmax logsumexp gelu silu erf reciprocal negative""".split()
OTHERS = """sum mean max min var std prod dot matmul inner outer kron einsum maximum minimum where
transpose swapaxes reshape ravel squeeze expand_dims diag diagonal trace tril triu flip roll
cumsum cumprod diff cross convolve correlate power multiply add subtract divide clip heaviside hypot
arctan2 logaddexp floor ones_like zeros_like array average concatenate stack vstack hstack sort
argmax argmin count_nonzero""".split()
MATRICES = "inv pinv det norm solve matrix_power".split()
SPECIAL = """digamma polygamma gammaln erfc ndtr ndtri i0 i1 iv jv betaln
xlogy logit""".split()
"""SciPy's, where the caller has imported it."""
SPELLINGS = {"ln": "log", "σ": "sigmoid", "sum_": "sum", "Σ": "sum", "tr": "trace", "amax": "max",
             "ReLU": "relu", "expit": "sigmoid", "logistic": "sigmoid", "swish": "silu",
             "psi": "digamma", "ψ": "digamma", "Φ": "ndtr", "Phi": "ndtr", "lgamma": "gammaln",
             "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
             "pow": "power", "clamp": "clip", "mm": "matmul", "bmm": "matmul", "mv": "matmul",
             "mul": "multiply", "sub": "subtract", "div": "divide", "sgn": "sign", "Tr": "trace",
             **{name.capitalize(): name for name in (*ALONE, *OTHERS)}}  # fmt: skip
WHOLE = {"sum", "mean", "prod", "max", "min", "std", "var", "cumsum", "cumprod", "softmax", "diag",
         "log_softmax", "logsumexp", "transpose", "swapaxes", "reshape", "expand_dims", "squeeze",
         "flip", "roll", "tril", "triu", "diagonal", "trace", "diff", "concatenate", "stack",
         "matrix_power"}  # fmt: skip
"""Functions whose further arguments are whole numbers: axes, lengths, places."""
OWN: ContextVar[dict[str, Function]] = ContextVar("OWN", default={})  # noqa: B039
"""The user's functions that formulas call, by the names that they have here."""


class Functions(dict[str, Callable[..., Any]]):
    """The functions of formulas, SciPy's and the user's own."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in OWN.get() or name in self.special()

    def __missing__(self, name: str) -> Function:
        return OWN.get().get(name) or self.special()[name]

    def special(self) -> dict[str, Function]:
        """Those of SciPy's, where it is there."""
        module = sys.modules.get("scipy.special")
        return {name: getattr(module, name) for name in SPECIAL} if module is not None else {}


FUNCTIONS: Functions = Functions(
    {name: public[name] for name in (*ALONE, *OTHERS)}
    | {name: public[f"linalg.{name}"] for name in MATRICES}
)


def eye(n: Any) -> Array:
    """The identity matrix, of a size that fits into memory."""
    if not 0 <= n <= MOST:
        raise TooLarge(f"eye({n:g}): at most {MOST} rows")
    return np.eye(int(n))


def full(shape: Any, value: Array) -> Array:
    """An array of equal entries."""
    lengths = np.ravel(shape)
    within(math.prod(lengths))
    return np.full([int(n) for n in lengths], value)


def arange(*ends: Any) -> Array:
    """Numbers one after another."""
    start, stop, step = ends if len(ends) == 3 else (*((0,) * (2 - len(ends))), *ends, 1)
    within(int((stop - start) / step))
    return np.arange(start, stop, step)


def einsum(letters: str, *arrays: Array) -> Array:
    """NumPy's, of a product that fits into memory."""
    parts = str(letters).replace(" ", "").partition("->")[0].split(",")
    lengths = {c: n for p, a in zip(parts, arrays, strict=False) for c, n in zip(p, np.shape(a))}
    within(math.prod(lengths.values()))
    return public["einsum"](letters, *arrays)


def made(name: str, args: Sequence[Array]) -> int:
    """How many entries a function, or an operation, makes at least."""
    shapes: list[tuple[int, ...]] = [np.shape(a) for a in args]
    sizes: list[int] = [math.prod(shape) for shape in shapes]
    if name == "@":
        return math.prod(sizes) // max((1, *shapes[0][-1:])) ** 2
    if name in ("outer", "kron", "convolve", "correlate"):
        return math.prod(sizes)
    if name in ("diag", "tril", "triu") and len(shapes[0]) == 1:
        return sizes[0] ** 2
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:
        return max(sizes)


def within(size: int) -> None:
    """Refuse an array of so many entries, where they are too many.

    Raises
    ------
    TooLarge
    """
    if size > LARGEST:
        raise TooLarge(f"an array of {size:,.0f} entries is too large for a formula")


FUNCTIONS.update(
    eye=eye, identity=eye, full=full, ones=lambda shape: full(shape, 1.0), arange=arange,
    zeros=lambda shape: full(shape, 0.0), range=arange, len=len, einsum=einsum,
    zip=lambda *parts: list(zip(*parts, strict=False)), enumerate=lambda x: list(enumerate(x)),
)  # fmt: skip
