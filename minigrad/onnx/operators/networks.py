"""Layers: convolutions, pooling, normalisation, activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from minigrad import losses, ops
from minigrad.nn import functional as F
from minigrad.nn.functional.convolution import convolution, transposed
from minigrad.nn.functional.pooling import _average, _max_pool
from minigrad.onnx.operators.table import Ints, Operator, table, whole
from minigrad.typing import Array, Function, Shape


def pairs_of(
    pads: Ints,
    auto_pad: str,
    x: Array,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[tuple[int, int]]:
    """The padding before and after each axis."""
    n = len(kernel)
    if auto_pad in ("VALID", "NOTSET"):
        ends = pads if auto_pad == "NOTSET" and pads else [0] * 2 * n
        return [(ends[i], ends[n + i]) for i in range(n)]
    found = []
    for m, k, s, d in zip(np.shape(x)[2:], kernel, strides, dilations, strict=True):
        total = max((-(-m // s) - 1) * s + (k - 1) * d + 1 - m, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return found


def framed(x: Array, pairs: list[tuple[int, int]], fill: float = 0.0) -> tuple[Array, Shape]:
    """``x`` and the padding that is alike at both ends; other ends are added here."""
    if all(a == b for a, b in pairs):
        return x, tuple(a for a, _ in pairs)
    return ops.pad(x, [(0, 0), (0, 0), *pairs], constant_values=fill), (0,) * len(pairs)


def conv(
    x: Array, w: Array, b: Array = None, *, auto_pad: str = "NOTSET", dilations: Ints = None,
    group: int = 1, kernel_shape: Ints = None, pads: Ints = None, strides: Ints = None,
) -> Array:  # fmt: skip
    kernel = np.shape(w)[2:]
    strides, dilations = strides or [1] * len(kernel), dilations or [1] * len(kernel)
    x, padding = framed(x, pairs_of(pads, auto_pad, x, kernel, strides, dilations))
    return convolution("Conv", x, w, b, tuple(strides), padding, tuple(dilations), group)


def conv_transpose(
    x: Array, w: Array, b: Array = None, *, auto_pad: str = "NOTSET", dilations: Ints = None,
    group: int = 1, kernel_shape: Ints = None, output_padding: Ints = None, pads: Ints = None,
    strides: Ints = None,
) -> Array:  # fmt: skip
    kernel = np.shape(w)[2:]
    n = len(kernel)
    ends = pads or [0] * 2 * n
    if auto_pad not in ("NOTSET", "VALID") or list(ends[:n]) != list(ends[n:]):
        raise NotImplementedError("onnx.load: ConvTranspose with uneven padding is not known")
    return transposed(
        "ConvTranspose", x, w, b, tuple(strides or [1] * n), tuple(ends[:n]),
        tuple(output_padding or [0] * n), group, tuple(dilations or [1] * n),
    )  # fmt: skip


def max_pool(
    x: Array, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    dilations: Ints = None, pads: Ints = None, storage_order: int = 0, strides: Ints = None,
    outputs: int,
) -> Array:  # fmt: skip
    n = len(kernel_shape)
    strides, dilations = strides or [1] * n, dilations or [1] * n
    pairs = pairs_of(pads, auto_pad, x, kernel_shape, strides, dilations)
    if outputs > 1 and (storage_order or any(a != b for a, b in pairs)):
        raise NotImplementedError(
            "onnx.load: MaxPool that gives places column by column, or of what is padded unevenly, "
            "is not known"
        )
    x, padding = framed(x, pairs, -np.inf)
    found = _max_pool(
        "MaxPool", n, x, tuple(kernel_shape), tuple(strides), padding, tuple(dilations),
        bool(ceil_mode), outputs > 1,
    )  # fmt: skip
    if outputs == 1:
        return found
    largest, places = found  # within each image: ONNX counts through all of them
    head = np.shape(x)[:2]
    first = np.arange(math.prod(head)) * math.prod(np.shape(x)[2:])
    return largest, places + first.reshape(*head, *[1] * n)


def average_pool(
    x: Array, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET", ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: Ints = None, pads: Ints = None, strides: Ints = None,
) -> Array:  # fmt: skip
    n = len(kernel_shape)
    strides = strides or [1] * n
    pairs = pairs_of(pads, auto_pad, x, kernel_shape, strides, [1] * n)
    if any(d != 1 for d in dilations or ()) or not all(a == b for a, b in pairs):
        raise NotImplementedError("onnx.load: AveragePool with uneven windows is not known")
    padding = tuple(a for a, _ in pairs)
    return _average(
        "AveragePool", n, x, tuple(kernel_shape), tuple(strides), padding,
        bool(count_include_pad), bool(ceil_mode),
    )  # fmt: skip


def spatial(x: Array) -> Shape:
    return tuple(range(2, np.ndim(x)))


def batch_normalization(
    x: Array, scale: Array, bias: Array, mean: Array, var: Array, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0, spatial: int = 1,
) -> Array:  # fmt: skip
    if training_mode:
        raise NotImplementedError("onnx.load: BatchNormalization while training is not known")
    line = (1, -1, *[1] * (np.ndim(x) - 2))
    factor = scale / ops.sqrt(var + epsilon)
    return x * ops.reshape(factor, line) + ops.reshape(bias - mean * factor, line)


def layer_normalization(
    x: Array, scale: Array, bias: Array = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Array:  # fmt: skip
    return F.layer_norm(x, np.ndim(x) - axis % np.ndim(x), scale, bias, epsilon)


def instance_normalization(x: Array, scale: Array, bias: Array, *, epsilon: float = 1e-5) -> Array:
    line = (1, -1, *[1] * (np.ndim(x) - 2))
    scale, bias = ops.reshape(scale, line), ops.reshape(bias, line)
    return layer_normalization(x, scale, bias, axis=2, epsilon=epsilon)


def group_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Array:
    if np.shape(scale)[0] != np.shape(x)[1]:  # one for each group, before version 21
        scale, bias = (ops.repeat(v, np.shape(x)[1] // num_groups) for v in (scale, bias))
    return F.group_norm(x, num_groups, scale, bias, epsilon)


def softmax(f: Function, x: Array, *, axis: Any = None, opset: int) -> Array:
    """Until version 13 over all axes from ``axis`` on."""
    if opset >= 13:
        return f(x, axis=-1 if axis is None else axis)
    axis = (1 if axis is None else axis) % max(np.ndim(x), 1)
    return f(x, axis=tuple(range(axis, np.ndim(x))))


def dropout(
    x: Array, rate: Array = None, training: Array = None, *, ratio: float = 0.5, seed: int = 0,
    is_test: int = 1, outputs: int,
) -> Array:  # fmt: skip
    """Batch normalisation with the statistics of training."""
    if training is not None and any(whole(training)):
        raise NotImplementedError("onnx.load: Dropout while training is not known")
    return (x, np.ones(np.shape(x), bool)) if outputs > 1 else x


def hard_sigmoid(x: Array, *, alpha: float = 0.2, beta: float = 0.5) -> Array:
    return ops.clip(alpha * x + beta, 0.0, 1.0)


def lp_normalization(x: Array, *, axis: int = -1, p: int = 2) -> Array:
    size = ops.absolute(x) if p == 1 else x * x
    total = ops.sum(size, axis=axis, keepdims=True)
    return x / (total if p == 1 else ops.sqrt(total))


def mean_variance(x: Array, *, axes: Sequence[int] = (0, 2, 3)) -> Array:
    centred = x - ops.mean(x, axis=tuple(axes), keepdims=True)
    return centred / ops.sqrt(ops.mean(centred**2, axis=tuple(axes), keepdims=True) + 1e-9)


def lrn(
    x: Array, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Array:
    """Over neighbouring channels (Krizhevsky et al., 2012)."""
    before = (size - 1) // 2
    n = np.shape(x)[1]
    frame = [(0, 0)] * np.ndim(x)
    frame[1] = (before, size - 1 - before)
    squares = ops.pad(x * x, frame)
    total = sum(ops.take(squares, np.arange(i, i + n), axis=1) for i in range(size))
    return x / (bias + alpha / size * total) ** beta


def lp_pool(x: Array, *, kernel_shape: Sequence[int], p: int = 2, **options: Any) -> Array:
    mean = average_pool(ops.absolute(x) ** p, kernel_shape=kernel_shape, **options)
    return (mean * math.prod(kernel_shape)) ** (1 / p)


def negative_log_likelihood(
    log_p: Array, target: Array, weight: Array = None, *, reduction: str = "mean",
    ignore_index: int | None = None,
) -> Array:  # fmt: skip
    return losses.nll(
        log_p, target, axis=1, reduction=reduction, weight=weight, ignore_index=ignore_index
    )


def softmax_cross_entropy(
    scores: Array, target: Array, weight: Array = None, *, reduction: str = "mean",
    ignore_index: int | None = None, outputs: int,
) -> Array:  # fmt: skip
    log_p = ops.log_softmax(scores, axis=1)
    loss = negative_log_likelihood(
        log_p, target, weight, reduction=reduction, ignore_index=ignore_index
    )
    return (loss, log_p) if outputs > 1 else loss


OPERATORS: dict[str, Operator] = table(
    AveragePool=average_pool,
    BatchNormalization=batch_normalization,
    Celu=lambda x, *, alpha=1.0: F.celu(x, alpha),
    Conv=conv,
    ConvTranspose=conv_transpose,
    Dropout=dropout,
    Elu=lambda x, *, alpha=1.0: ops.elu(x, alpha),
    Gelu=lambda x, *, approximate="none": ops.gelu(x, approximate),
    GlobalAveragePool=lambda x: ops.mean(x, axis=spatial(x), keepdims=True),
    GlobalMaxPool=lambda x: ops.max(x, axis=spatial(x), keepdims=True),
    GroupNormalization=group_normalization,
    HardSigmoid=hard_sigmoid,
    HardSwish=lambda x: x * hard_sigmoid(x, alpha=1 / 6, beta=0.5),
    InstanceNormalization=instance_normalization,
    LayerNormalization=layer_normalization,
    LeakyRelu=lambda x, *, alpha=0.01: ops.leaky_relu(x, alpha),
    LRN=lrn,
    LogSoftmax=partial(softmax, ops.log_softmax),
    LpNormalization=lp_normalization,
    LpPool=lp_pool,
    MaxPool=max_pool,
    MeanVarianceNormalization=mean_variance,
    Mish=lambda x: F.mish(x),
    NegativeLogLikelihoodLoss=negative_log_likelihood,
    PRelu=lambda x, slope: ops.where(ops.greater(x, 0), x, slope * x),
    Selu=lambda x, *, alpha=1.6732632423543772, gamma=1.0507009873554805: gamma * ops.elu(x, alpha),
    Shrink=lambda x, *, bias=0.0, lambd=0.5: ops.where(
        ops.less(x, -lambd), x + bias, ops.where(ops.greater(x, lambd), x - bias, 0.0)
    ),
    Softmax=partial(softmax, ops.softmax),
    SoftmaxCrossEntropyLoss=softmax_cross_entropy,
    Swish=lambda x, *, alpha=1.0: x * ops.sigmoid(alpha * x),
    ThresholdedRelu=lambda x, *, alpha=1.0: ops.where(ops.greater(x, alpha), x, 0.0),
)
