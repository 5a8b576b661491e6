"""First values of parameters: arrays drawn from a ``Generator`` that the caller gives.

A layer of n inputs sums n products, so that its output varies n Var(w) times as much as
its input.  The rules here choose Var(w) to keep the signal (and, going back, the
gradient) at its size through many layers.  Shapes are (outputs, inputs, *kernel).
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.nn.checks import generator as _generator
from minigrad.typing import Array, DType, Random, Shape


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs that one weight of a layer connects: ``(fan_in, fan_out)``.

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs, *kernel).

    Raises
    ------
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> fans((10, 64)), fans((32, 16, 3, 3))
    ((64, 10), (144, 288))
    """
    if len(shape) < 2:
        raise ValueError(
            f"nn.init: weights of shape {shape} have no inputs and outputs; "
            "it takes (outputs, inputs, *kernel)"
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def zeros(shape: Shape, dtype: DType = np.float64) -> Array:
    """All 0.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> zeros((2, 3))
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    return np.zeros(shape, dtype)


def ones(shape: Shape, dtype: DType = np.float64) -> Array:
    """All 1.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> ones((2,), np.float32)
    array([1., 1.], dtype=float32)
    """
    return np.ones(shape, dtype)


def uniform(
    shape: Shape, rng: Random, low: float = 0.0, high: float = 1.0, dtype: DType = np.float64
) -> Array:
    """Uniform on [low, high).

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator or int
    low, high : float
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        Where ``low`` is above ``high``.

    Examples
    --------
    >>> import numpy as np
    >>> uniform((2,), np.random.default_rng(0), -1.0, 1.0).round(2)
    array([ 0.27, -0.46])
    """
    if not low <= high:
        raise ValueError(f"nn.init.uniform: low={low:g} must not be above high={high:g}")
    return _drawn("uniform", rng).uniform(low, high, shape).astype(dtype)


def normal(
    shape: Shape, rng: Random, mean: float = 0.0, std: float = 1.0, dtype: DType = np.float64
) -> Array:
    """Normal of ``mean`` and standard deviation ``std``.

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator or int
    mean, std : float
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        For a negative ``std``.

    Examples
    --------
    >>> import numpy as np
    >>> normal((2,), np.random.default_rng(0), std=0.1).round(3)
    array([ 0.013, -0.013])
    """
    if not std >= 0:
        raise ValueError(f"nn.init.normal: std={std:g} must not be negative")
    return _drawn("normal", rng).normal(mean, std, shape).astype(dtype)


def xavier_uniform(
    shape: Shape, rng: Random, gain: float = 1.0, dtype: DType = np.float64
) -> Array:
    """Uniform on ±gain √(6 / (fan_in + fan_out)).

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks" (2010), equation 16.

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs, *kernel).
    rng : numpy.random.Generator or int
    gain : float
        5/3 for tanh, 1 for linear layers.
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> w = xavier_uniform((200, 100), np.random.default_rng(0))
    >>> bool(abs(w).max() <= (6 / 300) ** 0.5)
    True
    """
    bound = gain * math.sqrt(6 / sum(fans(shape)))
    return uniform(shape, rng, -bound, bound, dtype)


def xavier_normal(shape: Shape, rng: Random, gain: float = 1.0, dtype: DType = np.float64) -> Array:
    """Normal of standard deviation gain √(2 / (fan_in + fan_out)); Glorot and Bengio (2010).

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs, *kernel).
    rng : numpy.random.Generator or int
    gain : float
        5/3 for tanh, 1 for linear layers.
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> xavier_normal((100, 100), np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """
    return normal(shape, rng, 0.0, gain * math.sqrt(2 / sum(fans(shape))), dtype)


def he_uniform(
    shape: Shape, rng: Random, gain: float = math.sqrt(2), dtype: DType = np.float64
) -> Array:
    """Uniform on ±gain √(3 / fan_in); the gain √2 is for ReLU.

    K. He et al., "Delving Deep into Rectifiers" (2015), equation 10.

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs, *kernel).
    rng : numpy.random.Generator or int
    gain : float
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> bool(abs(he_uniform((200, 100), np.random.default_rng(0))).max() <= (6 / 100) ** 0.5)
    True
    """
    bound = gain * math.sqrt(3 / fans(shape)[0])
    return uniform(shape, rng, -bound, bound, dtype)


def he_normal(
    shape: Shape, rng: Random, gain: float = math.sqrt(2), dtype: DType = np.float64
) -> Array:
    """Normal of standard deviation gain / √fan_in; the gain √2 is for ReLU (He et al., 2015).

    Parameters
    ----------
    shape : tuple of int
        (outputs, inputs, *kernel).
    rng : numpy.random.Generator or int
    gain : float
    dtype : dtype

    Raises
    ------
    TypeError
        Without a generator.
    ValueError
        For fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> he_normal((200, 100), np.random.default_rng(0)).std().round(2)
    np.float64(0.14)
    """
    return normal(shape, rng, 0.0, gain / math.sqrt(fans(shape)[0]), dtype)


def _drawn(who: str, rng: Random) -> np.random.Generator:
    if rng is None:
        raise TypeError(f"nn.init.{who}: pass a Generator, np.random.default_rng(seed)")
    return _generator(f"nn.init.{who}", rng)
