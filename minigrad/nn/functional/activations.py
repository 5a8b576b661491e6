"""Activations that a row of ops writes down; ``mg.`` has relu, sigmoid, gelu and their kin."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad import ops
from minigrad.errors import label
from minigrad.ops.shape import arrayed
from minigrad.typing import Array

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
"""The constants of `selu`, which keep mean 0 and variance 1 (Klambauer et al., 2017)."""


def selu(x: Array) -> Array:
    """``λ x`` for x > 0, ``λ α (exp(x) − 1)`` else.

    Derivative: λ for x > 0, ``λ α exp(x)`` else.

    G. Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-1.111331,  0.      ,  1.050701])
    """
    return SCALE * ops.elu(x, alpha=ALPHA)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """``max(0, x) + min(0, α (exp(x/α) − 1))``; J. T. Barron (2017).

    Derivative: 1 for x > 0, ``exp(x/α)`` up to 0.

    Raises
    ------
    ValueError
        For an ``alpha`` that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> celu(np.array([-2.0, 1.0]), alpha=2.0).round(6)
    array([-1.264241,  1.      ])
    """
    if not alpha > 0:
        raise ValueError(f"celu: alpha must be positive, not {alpha!r}")
    x = arrayed(x)
    below = ops.where(x > 0, 0, x)  # so that the branch not taken cannot overflow
    return ops.where(x > 0, x, alpha * ops.expm1(below / alpha))


def glu(x: Array, axis: int = -1) -> Array:
    """``a σ(b)`` of the two halves a and b of x along ``axis``.

    Derivative: ``da = dy σ(b)`` and ``db = dy a σ(b) (1 - σ(b))``.

    Y. N. Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017).

    Raises
    ------
    ValueError
        For an axis of odd length, or one that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> glu(np.array([2.0, 4.0, 0.0, 0.0]))
    array([1., 2.])
    """
    x = arrayed(x)
    if not np.ndim(x) or np.shape(x)[normalize_axis_index(axis, np.ndim(x))] % 2:
        raise ValueError(f"glu halves axis {axis}, and {label(x)} has shape {np.shape(x)}")
    a, b = np.split(x, 2, axis=axis)
    return a * ops.sigmoid(b)


def prelu(x: Array, weight: Array) -> Array:
    """``max(0, x) + a min(0, x)`` with learned slopes a, one or one per channel (axis 1).

    Derivative: by x, 1 above 0 and a below; by a, ``Σ dy min(0, x)``.

    K. He et al., "Delving Deep into Rectifiers" (2015).

    Raises
    ------
    ValueError
        For another number of slopes than 1 and the channels.

    Examples
    --------
    >>> import numpy as np
    >>> prelu(np.array([[-2.0, -2.0]]), np.array([0.5, 0.25]))
    array([[-1. , -0.5]])
    """
    x = arrayed(x)
    if isinstance(weight, int | float):
        return ops.where(x > 0, x, weight * x)
    weight = arrayed(weight)
    if np.size(weight) != 1:
        channels = np.shape(x)[1] if np.ndim(x) > 1 else np.shape(x)[-1] if np.ndim(x) else 0
        if np.ndim(weight) != 1 or np.size(weight) != channels:
            raise ValueError(
                f"prelu: {label(weight)} has shape {np.shape(weight)}, and "
                f"{label(x)} {np.shape(x)} has {channels} channels"
            )
        weight = ops.reshape(weight, (-1,) + (1,) * max(0, np.ndim(x) - 2))
    else:
        weight = ops.reshape(weight, ())
    return ops.where(x > 0, x, weight * x)


def mish(x: Array) -> Array:
    """``x tanh(log(1 + exp(x)))``; D. Misra (2019).

    Derivative: ``t + x (1 - t²) σ(x)`` with ``t = tanh(log(1 + exp(x)))``.

    Examples
    --------
    >>> import numpy as np
    >>> mish(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.303401,  0.      ,  0.865098])
    """
    return x * ops.tanh(ops.softplus(x))


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x, cut at ``min_val`` and ``max_val``; its derivative is 0 from there on.

    Raises
    ------
    ValueError
        For ``min_val`` above ``max_val``.

    Examples
    --------
    >>> import numpy as np
    >>> hardtanh(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: min_val={min_val!r} must not be above max_val={max_val!r}")
    x = arrayed(x)
    return ops.where(x > min_val, ops.where(x < max_val, x, max_val), min_val)


def relu6(x: Array) -> Array:
    """``min(max(0, x), 6)``.

    Derivative: 1 between 0 and 6, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-1.0, 3.0, 9.0]))
    array([0., 3., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: Array) -> Array:
    """``min(max(0, x/6 + ½), 1)``; A. Howard et al., "Searching for MobileNetV3" (2019).

    Derivative: 1/6 between -3 and 3, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> hardsigmoid(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """
    return relu6(x + 3) / 6


def hardswish(x: Array) -> Array:
    """``x`` times `hardsigmoid` of it; A. Howard et al. (2019).

    Derivative: ``(2x + 3)/6`` between -3 and 3; 1 above, 0 below.

    Examples
    --------
    >>> import numpy as np
    >>> hardswish(np.array([-4.0, 1.5, 5.0]))
    array([-0.   ,  1.125,  5.   ])
    """
    return x * hardsigmoid(x)


def softshrink(x: Array, lambd: float = 0.5) -> Array:
    """X moved by λ towards 0, and 0 within λ of it.

    Derivative: 1 where ``|x| > λ``, else 0.

    Raises
    ------
    ValueError
        For a negative ``lambd``.

    Examples
    --------
    >>> import numpy as np
    >>> softshrink(np.array([-2.0, 0.25, 2.0]))
    array([-1.5,  0. ,  1.5])
    """
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must not be negative, as {lambd!r} is")
    x = arrayed(x)
    return ops.where(x > lambd, x - lambd, ops.where(x < -lambd, x + lambd, 0 * x))


def hardshrink(x: Array, lambd: float = 0.5) -> Array:
    """x, and 0 within λ of 0.

    Derivative: 1 where ``|x| > λ``, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> hardshrink(np.array([-2.0, 0.25, 2.0]))
    array([-2.,  0.,  2.])
    """
    x = arrayed(x)
    return ops.where(np.logical_or(x > lambd, x < -lambd), x, 0 * x)


def softsign(x: Array) -> Array:
    """``x / (1 + |x|)``.

    Derivative: ``1 / (1 + |x|)²``.

    Examples
    --------
    >>> import numpy as np
    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    x = arrayed(x)
    return x / (1 + ops.absolute(x))


def tanhshrink(x: Array) -> Array:
    """``x − tanh(x)``.

    Derivative: ``tanh²(x)``.

    Examples
    --------
    >>> import numpy as np
    >>> tanhshrink(np.array([1.0])).round(6)
    array([0.238406])
    """
    return x - ops.tanh(x)


def threshold(x: Array, threshold: float, value: float) -> Array:
    """X above ``threshold``, ``value`` elsewhere.

    Derivative: 1 above ``threshold``, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> threshold(np.array([0.5, 2.0]), 1.0, -9.0)
    array([-9.,  2.])
    """
    x = arrayed(x)
    return ops.where(x > threshold, x, value)


def softmin(x: Array, axis: int = -1) -> Array:
    """``softmax(−x)``.

    Derivative: ``dx = -y·(dy - sum(dy·y))``.

    Examples
    --------
    >>> import numpy as np
    >>> softmin(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return ops.softmax(-x, axis=axis)
