"""Losses of numbers: conventions of the squared error, and some that mind outliers less."""

from __future__ import annotations

import math

import numpy as np

from minigrad.losses.checks import broadcast_weight, pair, reduced, within
from minigrad.typing import Array


def mse(prediction: Array, target: Array, reduction: str = "mean") -> Array:
    """Mean squared error, ``1/m Σ e²`` with ``e = prediction − target``.

    Its derivative is ``2e/m``.  `half_mse` has no 2, `half_sum_squared_error` neither 2
    nor m, `sum_squared_error` no m: derivations differ in this more than in anything.

    Parameters
    ----------
    prediction, target : array_like
        Of the same shape; m is the number of elements.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    number, or an array of the arguments' shape for ``"none"``

    Raises
    ------
    ValueError
        For shapes that differ, and empty arrays.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.mse)(np.array([2.0, 5.0]), y)
    (np.float64(5.0), array([1., 3.]))
    """
    p, t = pair(prediction, target, "mse")
    return reduced((p - t) ** 2, reduction, "mse")


def half_mse(prediction: Array, target: Array) -> Array:
    """Half the mean squared error, ``1/(2m) Σ e²``; its derivative is ``e/m``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.half_mse)(np.array([2.0, 5.0]), y)
    (np.float64(2.5), array([0.5, 1.5]))
    """
    p, t = pair(prediction, target, "half_mse")
    return 0.5 * np.mean((p - t) ** 2)


def sum_squared_error(prediction: Array, target: Array) -> Array:
    """Sum of squared errors, ``Σ e²``; its derivative is ``2e``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.sum_squared_error)(np.array([2.0, 5.0]), y)
    (np.float64(10.0), array([2., 6.]))
    """
    p, t = pair(prediction, target, "sum_squared_error")
    return np.sum((p - t) ** 2)


def half_sum_squared_error(prediction: Array, target: Array) -> Array:
    """Half the sum of squared errors, ``½ Σ e²``; its derivative is ``e``.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([1.0, 2.0])
    >>> mg.value_and_grad(mg.losses.half_sum_squared_error)(np.array([2.0, 5.0]), y)
    (np.float64(5.0), array([1., 3.]))
    """
    p, t = pair(prediction, target, "half_sum_squared_error")
    return 0.5 * np.sum((p - t) ** 2)


def mae(prediction: Array, target: Array, reduction: str = "mean") -> Array:
    """Mean absolute error, ``1/m Σ |e|``; its derivative is ``sign(e)/m``, 0 at 0.

    Arguments and errors as for `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.mae(np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    np.float64(2.0)
    """
    p, t = pair(prediction, target, "mae")
    return reduced(np.abs(p - t), reduction, "mae")


def huber(prediction: Array, target: Array, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Squared near 0, absolute beyond: ``½e²`` if ``|e| ≤ δ``, else ``δ(|e| − ½δ)``.

    Derivative: ``e`` where ``|e| ≤ δ``, else ``δ sign(e)``: the error, clipped; over m in a mean.

    Other arguments and errors as for `mse`.  P. J. Huber, "Robust Estimation of a
    Location Parameter", Annals of Mathematical Statistics 35 (1964).

    Parameters
    ----------
    delta : float
        Positive; errors beyond it pull with a constant force of ``delta``.

    Raises
    ------
    ValueError
        For a ``delta`` that is not positive; else as `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = np.array([0.0, 0.0])
    >>> mg.value_and_grad(mg.losses.huber)(np.array([0.5, -3.0]), y, reduction="sum")
    (np.float64(2.625), array([ 0.5, -1. ]))
    """
    if not delta > 0:
        raise ValueError(f"huber: delta must be positive, not {delta!r}")
    p, t = pair(prediction, target, "huber")
    size = np.abs(p - t)
    near = np.minimum(size, delta)
    return reduced(near * (size - 0.5 * near), reduction, "huber")


def smooth_l1(
    prediction: Array, target: Array, beta: float = 1.0, reduction: str = "mean"
) -> Array:
    """``½e²/β`` if ``|e| < β``, else ``|e| − ½β``: `huber` divided by δ = β.

    Derivative: ``e/β`` where ``|e| < β``, else ``sign(e)``; over m in a mean.

    R. Girshick, "Fast R-CNN" (2015).  β = 0 is `mae`.  Other arguments and errors as for
    `mse`.

    Raises
    ------
    ValueError
        For a negative ``beta``; else as `mse`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.smooth_l1(np.array([0.5, -3.0]), np.zeros(2), beta=2.0, reduction="none")
    array([0.0625, 2.    ])
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1: beta must not be negative, as {beta!r} is")
    p, t = pair(prediction, target, "smooth_l1")
    size = np.abs(p - t)
    if beta:
        near = np.minimum(size, beta)
        size = near * (size - 0.5 * near) / beta
    return reduced(size, reduction, "smooth_l1")


# --- negative log-likelihoods ------------------------------------------------------------


def gaussian_nll(
    prediction: Array,
    target: Array,
    variance: Array,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """``½ (log v + e²/v)`` of a normal distribution with mean ``prediction`` and variance v.

    Derivative: with ``e = prediction - target``: ``e/v`` by the prediction, ``½ (1/v - e²/v²)``
    by v; over m in a mean.

    D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target
    probability distribution" (1994).

    Parameters
    ----------
    prediction, target : array_like
        Of the same shape, or one with length 1 along some axes.
    variance : array_like
        v, not negative; of that shape, or broadcast to it (one for each example, say).
    full : bool
        Whether the constant ``½ log 2π`` is added.
    eps : float
        The least variance: below it v counts as ``eps``, a constant.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that do not belong together, and negative variances.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> print(f"{mg.losses.gaussian_nll(np.array([1.0]), np.array([3.0]), np.array([4.0])):.6f}")
    1.193147
    """
    loss = "gaussian_nll"
    if not eps > 0:
        raise ValueError(f"{loss}: eps must be positive, not {eps!r}")
    p, t = pair(*repeated(prediction, target), loss)
    v = broadcast_weight(variance, np.shape(p), loss, "variance")
    within(v, 0, math.inf, loss, variance, "a variance is not negative", "variance")
    v = np.maximum(v, eps)
    losses = 0.5 * (np.log(v) + (p - t) ** 2 / v)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction, loss)


def repeated(prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both, the one of lengths 1 repeated; as they are where they have not as many axes."""
    if np.ndim(prediction) != np.ndim(target):
        return prediction, target
    try:
        p, t = np.broadcast_arrays(prediction, target)
    except ValueError:
        return prediction, target
    return p, t


def poisson_nll(
    prediction: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    """``exp(x) − t x`` of counts t whose rate is ``exp(x)``; ``x − t log(x + ε)`` of a rate x.

    Derivative: ``exp(x) - t`` of a logarithm x, ``1 - t/(x + ε)`` of a rate x; over m in a mean.

    Parameters
    ----------
    prediction, target : array_like
        Of the same shape; targets are counts, not negative.
    log_input : bool
        Whether the prediction is the logarithm of the rate.
    full : bool
        Whether Stirling's ``t log t − t + ½ log 2πt`` is added for counts above 1.
    eps : float
        Keeps the logarithm of a rate of 0 finite.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and negative counts.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x, t = np.log([2.0, 2.0]), np.array([2.0, 0.0])
    >>> mg.losses.poisson_nll(x, t, reduction="none").round(6)
    array([0.613706, 2.      ])
    """
    loss = "poisson_nll"
    p, t = pair(prediction, target, loss)
    within(t, 0, math.inf, loss, target, "a count is not negative")
    losses = np.exp(p) - t * p if log_input else p - t * np.log(p + eps)
    if full:
        many = np.where(t > 1, t, 1)
        stirling = many * np.log(many) - many + 0.5 * np.log(2 * math.pi * many)
        losses = losses + np.where(t > 1, stirling, 0)
    return reduced(losses, reduction, loss)
