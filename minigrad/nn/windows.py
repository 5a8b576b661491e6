"""Convolution and pooling are one op: look at the input through windows.

``windows`` lays out what a kernel sees at every place; ``overlay`` adds windows back
where they came from.  Each is the other's adjoint and so the other's rule, to every
order.  A convolution is then one matrix product, pooling one reduction.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import counts, laid_out
from minigrad.ops.record import Op

LAYOUT = {1: "(batch, channels, length)", 2: "(batch, channels, height, width)"}


def _windows(x: Any, size: Any, stride: Any, dilation: Any) -> Any:
    n = len(size)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation))
    seen = sliding_window_view(x, spans, tuple(range(-n, 0)))
    places = tuple(slice(None, None, s) for s in stride)
    offsets = tuple(slice(None, None, d) for d in dilation)
    index: Any = (..., *places, *offsets)
    seen = seen[index]
    lead = x.ndim - n
    return seen.transpose(*range(lead), *range(lead + n, lead + 2 * n), *range(lead, lead + n))


def _overlay(y: Any, shape: Any, size: Any, stride: Any, dilation: Any) -> Any:
    x = np.zeros(shape, y.dtype)
    n = len(size)
    lead = (slice(None),) * (len(shape) - n)
    for offset in np.ndindex(*size):
        target = tuple(
            slice(i * d, i * d + s * (places - 1) + 1, s)
            for i, d, s, places in zip(offset, dilation, stride, y.shape[-n:])
        )
        x[(*lead, *target)] += y[(*lead, *offset)]
    return x


windows: Op = Op(
    "windows",
    _windows,
    (
        lambda g, ans, x, size, stride, dilation: overlay(
            g, shape=np.shape(x), size=size, stride=stride, dilation=dilation
        ),
    ),
    doc="""windows(x, size=, stride=, dilation=): the last n axes as windows see them.

    From (..., *lengths) to (..., *size, *places); everything in tuples of n integers.
    """,
)
overlay: Op = Op(
    "overlay",
    _overlay,
    (
        lambda g, ans, y, shape, size, stride, dilation: windows(
            g, size=size, stride=stride, dilation=dilation
        ),
    ),
    doc="overlay(y, shape=, size=, stride=, dilation=): windows added up where they came from.",
)


def _frame(
    who: str, x: Any, size: Any, padding: Any, stride: Any, dilation: Any, fill: float = 0.0
) -> Any:
    """``x`` with ``fill`` around it; refused where no window fits."""
    n = len(size)
    if padding == "same":
        if set(stride) != {1}:
            raise ValueError(f'{who}: padding="same" needs stride 1, not {stride}')
        total = [d * (k - 1) for k, d in zip(size, dilation)]
        pairs = [(t // 2, t - t // 2) for t in total]
    elif isinstance(padding, str):
        raise ValueError(f'{who}: padding must be integers or "same", not {padding!r}')
    else:
        pairs = [(p, p) for p in counts(who, "padding", padding, n, least=0)]
    lengths = np.shape(x)[-n:]
    for length, pair, k, d in zip(lengths, pairs, size, dilation):
        if length + sum(pair) < d * (k - 1) + 1:
            raise ValueError(
                f"{who}: a window of {size} (dilation {dilation}) does not fit into {label(x)} "
                f"{np.shape(x)} with padding {tuple(pairs)}"
            )
    if not any(map(sum, pairs)):
        return x
    return ops.pad(x, [(0, 0)] * (np.ndim(x) - n) + pairs, constant_values=fill)


# --- convolution -----------------------------------------------------------------------


def convolution(
    who: str,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution over as many axes as the kernel has, in the name of ``who``."""
    n = np.ndim(weight) - 2
    x = laid_out(who, x, n + 2, f"input of shape {LAYOUT[n]}")
    outputs, inputs, *kernel = np.shape(weight)
    if np.shape(x)[1] != inputs * groups:
        raise ValueError(
            f"{who} wants {inputs * groups} channels along axis 1; "
            f"{label(x)} has shape {np.shape(x)}"
        )
    if outputs % groups:
        raise ValueError(f"{who}: {outputs} output channels do not divide into {groups} groups")
    if bias is not None and np.shape(bias) != (outputs,):
        raise ValueError(f"{who}: the bias has shape {np.shape(bias)}, not {(outputs,)}")
    stride, dilation = counts(who, "stride", stride, n), counts(who, "dilation", dilation, n)
    size = tuple(kernel)
    x = _frame(who, x, size, padding, stride, dilation)
    seen = windows(x, size=size, stride=stride, dilation=dilation)
    batch, places = np.shape(x)[0], np.shape(seen)[2 + n :]
    # One product per group: (outputs, inputs · kernel) @ (inputs · kernel, batch · places).
    order = (*range(1, 2 + n), 0, *range(2 + n, 2 + 2 * n))
    depth = inputs * math.prod(size)
    columns = ops.transpose(seen, order)
    columns = ops.reshape(columns, (groups, depth, batch * math.prod(places)))
    product = ops.matmul(ops.reshape(weight, (groups, outputs // groups, depth)), columns)
    y = ops.moveaxis(ops.reshape(product, (outputs, batch, *places)), 0, 1)
    return y if bias is None else y + ops.reshape(bias, (-1,) + (1,) * n)


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution (cross-correlation, as is the custom) along one axis.

    Parameters
    ----------
    x : (batch, channels, length)
    weight : (outputs, channels / groups, kernel)
    bias : (outputs,), optional
    stride, padding, dilation : int
        ``padding="same"`` keeps the length, at stride 1.
    groups : int
        Parts of the channels that are convolved apart.

    Examples
    --------
    >>> import numpy as np
    >>> conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[-1.0, 1.0]]]))
    array([[[1., 2.]]])
    """
    laid_out("conv1d", weight, 3, "weights of shape (outputs, channels / groups, kernel)")
    return convolution("conv1d", x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolution over two axes: x is (batch, channels, height, width).

    ``weight`` is (outputs, channels / groups, height, width); the options are those of
    `conv1d`, one integer or a pair.

    Examples
    --------
    >>> import numpy as np
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), padding=1)[0, 0]
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    """
    layout = "weights of shape (outputs, channels / groups, height, width)"
    laid_out("conv2d", weight, 4, layout)
    return convolution("conv2d", x, weight, bias, stride, padding, dilation, groups)


# --- pooling ---------------------------------------------------------------------------


def _pooled(
    who: str, n: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float
) -> Any:
    """What each window of a pooling layer sees, along axis 2."""
    x = laid_out(who, x, n + 2, f"input of shape {LAYOUT[n]}")
    size = counts(who, "kernel_size", kernel, n)
    stride = size if stride is None else counts(who, "stride", stride, n)
    dilation = counts(who, "dilation", dilation, n)
    padding = counts(who, "padding", padding, n, least=0)
    if any(2 * p > k for p, k in zip(padding, size)):
        raise ValueError(
            f"{who}: padding {padding} is more than half of the kernel {size}: "
            "some windows would see nothing else"
        )
    x = _frame(who, x, size, padding, stride, dilation, fill)
    seen = windows(x, size=size, stride=stride, dilation=dilation)
    head, places = np.shape(x)[:2], np.shape(seen)[2 + n :]
    # One axis of its own, in memory, is much faster to reduce than n of a view.
    return ops.reshape(seen, (*head, math.prod(size), *places))


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> Any:
    """The largest element of every window; see `max_pool2d`."""
    seen = _pooled("max_pool1d", 1, x, kernel_size, stride, padding, dilation, -math.inf)
    return ops.max(seen, axis=2)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> Any:
    """The largest element of every window, x being (batch, channels, height, width).

    The stride is the kernel's size by default.  Padding never wins.  Where several
    elements are largest they share the gradient equally, as in ``mg.max``.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    seen = _pooled("max_pool2d", 2, x, kernel_size, stride, padding, dilation, -math.inf)
    return ops.max(seen, axis=2)


def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Any:
    """The mean of every window; see `avg_pool2d`."""
    return _average("avg_pool1d", 1, x, kernel_size, stride, padding, count_include_pad)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Any:
    """The mean of every window, x being (batch, channels, height, width).

    The stride is the kernel's size by default.  The zeros of the padding count, unless
    ``count_include_pad`` is False.

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return _average("avg_pool2d", 2, x, kernel_size, stride, padding, count_include_pad)


def _average(
    who: str, n: int, x: Any, kernel_size: Any, stride: Any, padding: Any, include_pad: bool
) -> Any:
    seen = _pooled(who, n, x, kernel_size, stride, padding, 1, 0.0)
    if include_pad:
        return ops.mean(seen, axis=2)
    inside = np.ones((1, 1, *np.shape(x)[2:]), seen.dtype)
    counted = _pooled(who, n, inside, kernel_size, stride, padding, 1, 0.0)
    return ops.sum(seen, axis=2) / np.sum(counted, axis=2)
