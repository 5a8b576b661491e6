"""Convolution and pooling are one op: look at the input through windows.

``windows`` lays out what a kernel sees at every place; ``overlay`` adds windows back
where they came from.  Each is the other's adjoint and so the other's rule, to every
order.  A convolution is then one matrix product, pooling one reduction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import counts, laid_out
from minigrad.ops.record import Op
from minigrad.typing import Array, Index

LAYOUT = {
    1: "(batch, channels, length)",
    2: "(batch, channels, height, width)",
    3: "(batch, channels, depth, height, width)",
}


def _windows(
    x: Array, size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    n = len(size)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation))
    seen = sliding_window_view(x, spans, tuple(range(-n, 0)))
    places = tuple(slice(None, None, s) for s in stride)
    offsets = tuple(slice(None, None, d) for d in dilation)
    index: Index = (..., *places, *offsets)
    seen = seen[index]
    lead = x.ndim - n
    return seen.transpose(*range(lead), *range(lead + n, lead + 2 * n), *range(lead, lead + n))


def _overlay(
    y: Array,
    lengths: Sequence[int],
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    n = len(size)
    x = np.zeros((*y.shape[: -2 * n], *lengths), y.dtype)
    lead = (slice(None),) * (x.ndim - n)
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
            g, lengths=np.shape(x)[-len(size) :], size=size, stride=stride, dilation=dilation
        ),
    ),
    view=True,
    linear="jointly",
    complex=True,
    leading=True,
    doc="""windows(x, size=, stride=, dilation=): the last n axes as windows see them.

    From (..., *lengths) to (..., *size, *places); everything in tuples of n integers.
    """,
)
overlay: Op = Op(
    "overlay",
    _overlay,
    (
        lambda g, ans, y, lengths, size, stride, dilation: windows(
            g, size=size, stride=stride, dilation=dilation
        ),
    ),
    fresh=True,
    linear="jointly",
    complex=True,
    leading=True,
    doc="""overlay(y, lengths=, size=, stride=, dilation=): windows added up where they came from.

    From (..., *size, *places) to (..., *lengths).
    """,
)


def batched(
    who: str, x: Array, n: int, layout: str | None = None
) -> tuple[Array, Callable[[Array], Array]]:
    """``x`` with a batch, and the function that takes it from the result if there was none."""
    layout = layout or LAYOUT[n]
    x = laid_out(who, x, (n + 1, n + 2), f"input of shape {layout}")
    if np.ndim(x) == n + 2:
        return x, lambda y: y
    return ops.reshape(x, (1, *np.shape(x))), lambda y: ops.reshape(y, np.shape(y)[1:])


def frame(
    who: str, x: Array, size: Any, padding: Any, stride: Any, dilation: Any, fill: float = 0.0
) -> Array:
    """``x`` with ``fill`` around it; refused where no window fits."""
    n = len(size)
    if padding == "same":
        if set(stride) != {1}:
            raise ValueError(f'{who}: padding="same" needs stride 1, not {stride}')
        total = [d * (k - 1) for k, d in zip(size, dilation)]
        pairs = [(t // 2, t - t // 2) for t in total]
    elif isinstance(padding, str) and padding != "valid":
        raise ValueError(f'{who}: padding must be integers, "same" or "valid", not {padding!r}')
    else:
        sides = 0 if padding == "valid" else padding
        pairs = [(p, p) for p in counts(who, "padding", sides, n, least=0)]
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
