"""Mean 0 and variance 1, over features, channels, groups or neighbours."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import count
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, Axis, Shape


def last_axes(who: str, x: Array, axes: Axis) -> Shape:
    """The last ``axes`` axes, or those whose lengths are given instead, as in PyTorch."""
    if not isinstance(axes, list | tuple):
        return tuple(range(-count(who, "axes", axes), 0))
    if np.shape(x)[np.ndim(x) - len(axes) :] != tuple(axes):
        raise ValueError(
            f"{who}: the last axes of {label(x)} {np.shape(x)} have not the lengths {axes}"
        )
    return tuple(range(-len(axes), 0))


def layer_norm(
    x: Array, axes: Axis, weight: Array = None, bias: Array = None, eps: float = 1e-5
) -> Array:
    """``(x − μ) / √(σ² + ε) · w + b``, with mean and variance over the last ``axes`` axes.

    Derivative: with ``x̂ = (x - μ)/√(σ² + ε)`` and ``u = dy w``:
    ``dx = (u - mean(u) - x̂ mean(u x̂)) / √(σ² + ε)``; ``dw = Σ dy x̂`` and ``db = Σ dy`` over
    the examples.

    ``axes`` is their number, or a tuple of their lengths.

    J. L. Ba, J. R. Kiros and G. Hinton, "Layer Normalization" (2016).

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np.array([1.0, 3.0]), 1, eps=0)
    array([-1.,  1.])
    """
    x = arrayed(x)
    over = last_axes("layer_norm", x, axes)
    centred = x - ops.mean(x, axis=over, keepdims=True)
    variance = ops.mean(centred * centred, axis=over, keepdims=True)
    return _affine(centred / ops.sqrt(variance + eps), weight, bias)


def batch_norm(
    x: Array,
    mean: Array = None,
    variance: Array = None,
    weight: Array = None,
    bias: Array = None,
    eps: float = 1e-5,
) -> Array:
    """``(x − μ) / √(σ² + ε) · w + b`` for every channel, axis 1.

    Derivative: with ``x̂ = (x - μ)/√(σ² + ε)`` of the batch itself:
    ``dx = w/√(σ² + ε) (dy - mean(dy) - x̂ mean(dy x̂))``, ``dw = Σ dy x̂``, ``db = Σ dy``; with
    given statistics the two means fall away.

    Without ``mean`` and ``variance`` they are those of x, over all other axes (S. Ioffe
    and C. Szegedy, "Batch Normalization", 2015).

    Examples
    --------
    >>> import numpy as np
    >>> batch_norm(np.array([[1.0, 5.0], [3.0, 5.0]]), eps=1e-12)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = channelled("batch_norm", x)
    per_channel = (-1,) + (1,) * (np.ndim(x) - 2)
    if mean is None or variance is None:
        mean, variance = moments(x)
    parts: list[Array] = [mean, variance, weight, bias]
    m: Array
    v: Array
    m, v, w, b = (p if p is None else ops.reshape(p, per_channel) for p in parts)
    return _affine((x - m) / ops.sqrt(v + eps), w, b)


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance of every channel of x, axis 1."""
    over = (0, *range(2, np.ndim(x)))
    mean = ops.mean(x, axis=over, keepdims=True)
    centred = x - mean
    return ops.reshape(mean, -1), ops.mean(centred * centred, axis=over)


def group_norm(
    x: Array, num_groups: int, weight: Array = None, bias: Array = None, eps: float = 1e-5
) -> Array:
    """``(x − μ) / √(σ² + ε) · w + b`` over groups of channels (axis 1) and all places.

    Derivative: that of `batch_norm`, means taken over the group.

    Y. Wu and K. He, "Group Normalization" (2018).

    Raises
    ------
    ValueError
        Where the channels do not divide into the groups.

    Examples
    --------
    >>> import numpy as np
    >>> group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]])
    """
    who = "group_norm"
    x = channelled(who, x)
    groups, shape = count(who, "num_groups", num_groups), np.shape(x)
    if shape[1] % groups:
        raise ValueError(f"{who}: {shape[1]} channels do not divide into {groups} groups")
    parts = ops.reshape(x, (shape[0], groups, math.prod(shape[1:]) // groups))
    return _per_channel(ops.reshape(layer_norm(parts, 1, eps=eps), shape), weight, bias)


def instance_norm(x: Array, weight: Array = None, bias: Array = None, eps: float = 1e-5) -> Array:
    """``(x − μ) / √(σ² + ε) · w + b`` over the places of every channel of every example.

    Derivative: that of `batch_norm`, means taken over the places of one channel of one example.

    D. Ulyanov, A. Vedaldi and V. Lempitsky, "Instance Normalization" (2016).

    Raises
    ------
    ValueError
        For one value per channel, which has no variance.

    Examples
    --------
    >>> import numpy as np
    >>> instance_norm(np.array([[[1.0, 3.0], [10.0, 30.0]]]), eps=0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    x = channelled("instance_norm", x)
    if np.ndim(x) < 3 or np.size(x) == math.prod(np.shape(x)[:2]):
        raise ValueError(
            f"instance_norm: {label(x)} {np.shape(x)} has one value per channel, which has no "
            "variance"
        )
    return _per_channel(layer_norm(x, np.ndim(x) - 2, eps=eps), weight, bias)


def rms_norm(x: Array, axes: Axis, weight: Array = None, eps: float | None = None) -> Array:
    """``x / √(mean x² + ε) · w`` over the last ``axes`` axes; ε is the dtype's by default.

    Derivative: with ``r = √(mean x² + ε)`` and ``u = dy w``: ``dx = (u - x mean(u x)/r²) / r``;
    ``dw = Σ dy x/r``.

    B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization" (2019).

    Examples
    --------
    >>> import numpy as np
    >>> rms_norm(np.array([3.0, 4.0]), 1) * np.sqrt(12.5)
    array([3., 4.])
    """
    x = arrayed(x)
    over = last_axes("rms_norm", x, axes)
    tiny = float(np.finfo(x.dtype).eps) if eps is None else eps
    scaled = x / ops.sqrt(ops.mean(x * x, axis=over, keepdims=True) + tiny)
    return _affine(scaled, weight, None)


def channelled(who: str, x: Array) -> Array:
    """``x`` as an array of shape (batch, channels, ...)."""
    x = arrayed(x)
    if np.ndim(x) < 2:
        raise ValueError(
            f"{who} wants input of shape (batch, channels, ...); {label(x)} has shape {np.shape(x)}"
        )
    return x


def _per_channel(x: Array, weight: Array, bias: Array) -> Array:
    shape = (-1,) + (1,) * (np.ndim(x) - 2)
    w, b = (p if p is None else ops.reshape(p, shape) for p in (weight, bias))
    return _affine(x, w, b)


def _affine(x: Array, weight: Array, bias: Array) -> Array:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def local_response_norm(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x / (k + α mean(x²))^β``, the mean over ``size`` neighbouring channels, axis 1.

    Derivative: with ``d = k + α mean(x²)``: ``dy/d^β``, and ``-2αβ/size x Σ dy y/d`` over the
    neighbours.

    A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet Classification with Deep Convolutional
    Neural Networks" (2012).

    Parameters
    ----------
    x : array_like
    size : int
        How many channels are neighbours.
    alpha, beta, k : float
        As in the formula.

    Raises
    ------
    ValueError
        For input without channels.

    Examples
    --------
    >>> import numpy as np
    >>> local_response_norm(np.full((1, 2, 1), 2.0), 2, alpha=1.0, beta=0.5).round(4).ravel()
    array([1.1547, 0.8944])
    """
    x, size = channelled("local_response_norm", x), count("local_response_norm", "size", size)
    n = np.ndim(x)
    around = [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (n - 2)]
    sums = ops.cumsum(ops.pad(x * x, [(0, 0), (1, 0), *around[2:]]), axis=1)
    ends = ops.pad(sums, around, mode="edge")
    c = np.shape(x)[1]
    mean = (ends[:, size : size + c] - ends[:, :c]) / size
    return x / (k + alpha * mean) ** beta
