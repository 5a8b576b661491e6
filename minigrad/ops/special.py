"""Activations and special functions that NumPy lacks, stable over the whole range."""

from __future__ import annotations

import math

import numpy as np

from minigrad.ops.record import ArrayLike, Kink, Op, composed, elementwise
from minigrad.typing import Array


def _sigmoid(x: Array) -> Array:
    if type(x) is np.float64:  # errstate would cost more than the function itself
        return np.float64(1 / (1 + math.exp(-x))) if x > -700 else np.exp(x)
    return _sigmoids(x)


@np.errstate(over="ignore")  # exp(-x) may reach inf; 1/inf is the right 0
def _sigmoids(x: Array) -> Array:
    e = np.exp(-x)
    e += 1
    return np.reciprocal(e)


sigmoid: Op = elementwise(
    None,
    lambda g, ans, x: g * ans * (1 - ans),
    name="sigmoid",
    forward=_sigmoid,
    cost=5,
    warns=frozenset({"over"}),
    doc="""sigmoid(x): the logistic function σ(x) = 1 / (1 + exp(-x)); σ' = σ(1 - σ).

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.sigmoid)(0.0))
    0.25
    """,
)
log_sigmoid: Op = elementwise(
    None,
    lambda g, ans, x: g * sigmoid(-x),
    name="log_sigmoid",
    forward=lambda x: -np.logaddexp(-x, 0.0),
    cost=20,
    warns=frozenset({"over"}),
    doc="log_sigmoid(x): log σ(x), without overflow; its derivative is σ(-x).",
)
softplus: Op = elementwise(
    None,
    lambda g, ans, x: g * sigmoid(x),
    name="softplus",
    forward=lambda x: np.logaddexp(x, 0.0),
    cost=20,
    doc="softplus(x): log(1 + exp(x)), without overflow; its derivative is σ(x).",
)
relu: Op = elementwise(
    None,
    lambda g, ans, x: g * (x > 0),
    name="relu",
    forward=lambda x: np.maximum(x, 0),
    kink=Kink(lambda x: x == 0, lambda x: ((0.0, 1.0),)),
    doc="relu(x): max(x, 0); the derivative at 0 is 0.",
)


def _erf(x: Array) -> Array:
    kind = np.result_type(x)
    kind = kind if kind.kind in "fc" else np.dtype(np.float64)
    try:
        from scipy.special import erf as scipy_erf
    except ImportError:
        if kind.kind == "c":
            needed = "erf of complex numbers needs SciPy: pip install scipy"
            raise ImportError(needed) from None
        return np.vectorize(math.erf, otypes=[np.float64])(x).astype(kind)[()]
    as_it_is = kind.kind == "c" or kind.itemsize <= 8
    ans = scipy_erf(x if as_it_is else np.asarray(x, np.float64))
    return ans if ans.dtype == kind else ans.astype(kind)


def erf_rule(g: Array, ans: Array, x: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):  # x² may reach inf; exp(-inf) is the right 0
        return g * (2 / math.sqrt(math.pi)) * np.exp(-(x**2))


erf: Op = elementwise(
    None,
    erf_rule,
    name="erf",
    forward=_erf,
    cost=15,
    warns=frozenset({"over"}),
    complex=True,
    doc="""erf(x): the error function (SciPy's when it is installed, else Python's).

    Its derivative is 2/√π exp(-x²).

    Raises
    ------
    ImportError
        For complex numbers without SciPy.
    """,
)


# --- functions with a parameter --------------------------------------------------------


bent: Op = elementwise(
    None,
    lambda g, ans, x, slope: g * np.where(x > 0, 1.0, slope),
    lambda g, ans, x, slope: g * np.minimum(x, 0),
    name="leaky_relu",
    forward=lambda x, slope: np.where(x > 0, x, slope * x),
    cost=4,
    kink=Kink(lambda x, slope: x == 0, lambda x, slope: ((slope, 1.0), None)),
    doc="""leaky_relu(x, slope): the record of `leaky_relu`.

    Derivative: by x 1 above 0, slope up to 0; by the slope ``min(x, 0)``.
    """,
)


@composed(shell=True)
def leaky_relu(x: Array, negative_slope: Array = 0.01) -> Array:
    """``x`` above 0, ``negative_slope * x`` up to 0; the slope is differentiated too.

    Derivative: 1 above 0, ``negative_slope`` up to 0; by the slope, ``x`` up to 0.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(mg.leaky_relu, argnums=(0, 1))(-3.0, 0.1)
    (np.float64(0.1), np.float64(-3.0))
    """
    return bent(x, negative_slope)


saturating: Op = elementwise(
    None,
    lambda g, ans, x, alpha: g * np.where(x > 0, 1.0, ans + alpha),
    lambda g, ans, x, alpha: g * np.expm1(np.minimum(x, 0)),
    name="elu",
    forward=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    cost=12,
    kink=Kink(lambda x, alpha: x == 0, lambda x, alpha: ((alpha, 1.0), None)),
    doc="""elu(x, alpha): the record of `elu`.

    Derivative: by x 1 above 0, ``y + alpha`` up to 0; by alpha ``exp(min(x, 0)) - 1``.
    """,
)


@composed(shell=True)
def elu(x: Array, alpha: Array = 1.0) -> Array:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` up to 0; alpha is differentiated too.

    Derivative: 1 above 0, ``y + alpha`` up to 0; by ``alpha``, ``exp(x) - 1`` up to 0.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.grad(mg.elu, argnums=(0, 1))(0.0, 0.5)
    (np.float64(0.5), np.float64(0.0))
    """
    return saturating(x, alpha)


@composed()
def silu(x: ArrayLike) -> Array:
    """``x σ(x)``, also called swish.

    Derivative: ``σ(x) (1 + x (1 - σ(x)))``.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.silu)(0.0))
    0.5
    """
    return x * sigmoid(x)


ROOT, CUBIC = math.sqrt(2 / math.pi), 0.044715


def tanh_of_cubic(x: Array) -> Array:
    """``tanh(√(2/π) (x + 0.044715 x³))``, which is about ``2 Φ(x) - 1``."""
    t = ROOT * CUBIC * (x * x)
    t += ROOT  # arrays are written into; of a Tensor it is a new one
    t *= x
    return np.tanh(t)


def _tanh_gelu(x: Array) -> Array:
    ans = 1 + tanh_of_cubic(x)
    ans *= x
    ans *= 0.5
    return ans


def tanh_gelu_rule(g: Array, ans: Array, x: Array) -> Array:
    """``½ (1 + t + x (1 - t²) √(2/π) (1 + 3 · 0.044715 x²))``."""
    t = tanh_of_cubic(x)
    slope = 3 * ROOT * CUBIC * (x * x)
    slope += ROOT
    slope *= x
    slope *= 1 - t * t
    slope += 1 + t
    slope *= 0.5
    return g * slope


tanh_gelu: Op = elementwise(
    None,
    tanh_gelu_rule,
    name="gelu",
    forward=_tanh_gelu,
    cost=10,
    doc="""gelu(x): the record of `gelu` approximated by tanh.

    Derivative: ``½ (1 + t + x (1 - t²) √(2/π) (1 + 3·0.044715 x²))``, t being the tanh.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(lambda x: mg.gelu(x, "tanh"))(0.0))
    0.5
    """,
)


@composed()
def gelu(x: ArrayLike, approximate: str | bool = "none") -> Array:
    """The Gaussian error linear unit ``x Φ(x)`` (Hendrycks and Gimpel, 2016).

    Derivative: ``Φ(x) + x φ(x)`` with the normal distribution function Φ and density φ.

    Parameters
    ----------
    x : array_like
    approximate : {"none", "tanh"}
        The exact form with erf, or ``0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    Raises
    ------
    ValueError
        For another ``approximate``.

    Examples
    --------
    >>> import minigrad as mg
    >>> float(mg.grad(mg.gelu)(0.0))
    0.5
    """
    if approximate in ("tanh", True):
        return tanh_gelu(x)
    if approximate not in ("none", "erf", False):
        raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))
