"""Convolutions as one matrix product of what the windows see.

A transposed convolution is the adjoint: a product, and the windows laid over each other.
Everywhere a batch is optional.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import count, counts, laid_out
from minigrad.nn.windows import LAYOUT, batched, frame, overlay, windows
from minigrad.typing import Array, Function, Sizes


def convolution(
    who: str,
    x: Array,
    weight: Array,
    bias: Array,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Array:
    """Convolution over as many axes as the kernel has, in the name of ``who``."""
    n = np.ndim(weight) - 2
    x, unbatched = batched(who, x, n)
    outputs, inputs, *kernel = np.shape(weight)
    if np.shape(x)[1] != inputs * groups:
        raise ValueError(
            f"{who} wants {inputs * groups} channels along axis 1; "
            f"{label(x)} has shape {np.shape(x)}"
        )
    if outputs % groups:
        raise ValueError(f"{who}: {outputs} output channels do not divide into {groups} groups")
    checked_bias(who, bias, outputs)
    stride, dilation = counts(who, "stride", stride, n), counts(who, "dilation", dilation, n)
    size = tuple(kernel)
    x = frame(who, x, size, padding, stride, dilation)
    seen = windows(x, size=size, stride=stride, dilation=dilation)
    batch, places = np.shape(x)[0], np.shape(seen)[2 + n :]
    # One product per group: (outputs, inputs · kernel) @ (inputs · kernel, batch · places).
    order = (*range(1, 2 + n), 0, *range(2 + n, 2 + 2 * n))
    depth = inputs * math.prod(size)
    columns = ops.transpose(seen, order)
    columns = ops.reshape(columns, (groups, depth, batch * math.prod(places)))
    product = ops.matmul(ops.reshape(weight, (groups, outputs // groups, depth)), columns)
    y = ops.moveaxis(ops.reshape(product, (outputs, batch, *places)), 0, 1)
    return unbatched(shifted(y, bias, n))


def transposed(
    who: str,
    x: Array,
    weight: Array,
    bias: Array = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """The adjoint of `convolution` with the same weights, over as many axes as they have."""
    n = np.ndim(weight) - 2
    x, unbatched = batched(who, x, n)
    inputs, outputs, *kernel = np.shape(weight)
    if np.shape(x)[1] != inputs:
        raise ValueError(
            f"{who} wants {inputs} channels along axis 1; {label(x)} has shape {np.shape(x)}"
        )
    if inputs % groups:
        raise ValueError(f"{who}: {inputs} input channels do not divide into {groups} groups")
    checked_bias(who, bias, outputs * groups)
    stride, dilation = counts(who, "stride", stride, n), counts(who, "dilation", dilation, n)
    padding = counts(who, "padding", padding, n, least=0)
    extra = counts(who, "output_padding", output_padding, n, least=0)
    for e, s, d in zip(extra, stride, dilation):
        if e >= max(s, d):
            raise ValueError(
                f"{who}: output_padding {extra} must be smaller than the stride {stride} or the "
                f"dilation {dilation}"
            )
    size, batch, places = tuple(kernel), np.shape(x)[0], np.shape(x)[2:]
    full = tuple(
        (p - 1) * s + d * (k - 1) + 1 for p, s, d, k in zip(places, stride, dilation, size)
    )
    for f, p, e in zip(full, padding, extra):
        if f + e - 2 * p < 1:
            raise ValueError(f"{who}: padding {padding} leaves nothing of {label(x)} {np.shape(x)}")
    depth = inputs // groups
    columns = ops.reshape(ops.moveaxis(x, 1, 0), (groups, depth, batch * math.prod(places)))
    kernels = ops.reshape(weight, (groups, depth, outputs * math.prod(size)))
    product = ops.matmul(ops.swapaxes(kernels, -1, -2), columns)
    product = ops.reshape(product, (groups * outputs, *size, batch, *places))
    laid = ops.moveaxis(product, 1 + n, 0)
    y = overlay(laid, lengths=full, size=size, stride=stride, dilation=dilation)
    if any(extra):
        y = ops.pad(y, [(0, 0), (0, 0), *((0, e) for e in extra)])
    if any(padding):
        y = y[(..., *(slice(p, f + e - p) for p, f, e in zip(padding, full, extra)))]
    return unbatched(shifted(y, bias, n))


def checked_bias(who: str, bias: Array, outputs: int) -> None:
    """Refuse a bias of other shape than (outputs,)."""
    if bias is not None and np.shape(bias) != (outputs,):
        raise ValueError(f"{who}: the bias has shape {np.shape(bias)}, not {(outputs,)}")


def shifted(y: Array, bias: Array, n: int) -> Array:
    """Every channel of ``y``, axis 1, plus its bias."""
    return y if bias is None else y + ops.reshape(bias, (-1,) + (1,) * n)


# --- by name ---------------------------------------------------------------------------


def conv1d(
    x: Array,
    weight: Array,
    bias: Array = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Convolution (cross-correlation, as is the custom) along one axis.

    Derivative: ``dx`` is `conv_transpose1d` of ``dy``, ``dw_k = Σ_n dy_n x_(n+k)``,
    ``db = Σ dy``.

    Parameters
    ----------
    x : (batch, channels, length) or (channels, length)
    weight : (outputs, channels / groups, kernel)
    bias : (outputs,), optional
    stride, padding, dilation : int
        ``padding="same"`` keeps the length, at stride 1; ``"valid"`` is none.
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
    x: Array,
    weight: Array,
    bias: Array = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Convolution over two axes: x is (batch, channels, height, width).

    Derivative: ``dx`` is `conv_transpose2d` of ``dy``, ``dw`` the correlation of x with ``dy``,
    ``db = Σ dy``.

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


def conv3d(
    x: Array,
    weight: Array,
    bias: Array = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Convolution over three axes: x is (batch, channels, depth, height, width).

    Derivative: ``dx`` is `conv_transpose3d` of ``dy``, ``dw`` the correlation of x with ``dy``,
    ``db = Σ dy``.

    ``weight`` is (outputs, channels / groups, depth, height, width); the options are those
    of `conv1d`, one integer or three.

    Examples
    --------
    >>> import numpy as np
    >>> conv3d(np.ones((1, 2, 3, 4, 5)), np.ones((6, 2, 2, 2, 2))).shape
    (1, 6, 2, 3, 4)
    """
    layout = "weights of shape (outputs, channels / groups, depth, height, width)"
    laid_out("conv3d", weight, 5, layout)
    return convolution("conv3d", x, weight, bias, stride, padding, dilation, groups)


def _transposed(n: int) -> Function:
    who = f"conv_transpose{n}d"
    kernel = ", ".join(("depth", "height", "width")[3 - n :]) if n > 1 else "kernel"

    def call(
        x: Array,
        weight: Array,
        bias: Array = None,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
    ) -> Array:
        laid_out(who, weight, n + 2, f"weights of shape (channels, outputs / groups, {kernel})")
        groups = count(who, "groups", groups)
        return transposed(who, x, weight, bias, stride, padding, output_padding, groups, dilation)

    call.__name__ = call.__qualname__ = who
    call.__doc__ = f"""The adjoint of `conv{n}d`: a kernel at each place of x, added up.

    Along each axis there are ``(length − 1) stride − 2 padding + dilation (kernel − 1) +
    output_padding + 1`` places.  V. Dumoulin and F. Visin, "A guide to convolution
    arithmetic for deep learning" (2016).

    Derivative: ``dx`` is `conv{n}d` of ``dy``, ``dw`` the correlation of ``dy`` with x,
    ``db = Σ dy``.

    Parameters
    ----------
    x : {LAYOUT[n]}, the batch optional
    weight : (channels, outputs / groups, {kernel})
    bias : (outputs,), optional
    stride, padding, output_padding, dilation : int, or one for each axis
    groups : int

    Raises
    ------
    ValueError
        For shapes that do not belong together, and an output without places.

    Examples
    --------
    >>> import numpy as np
    >>> {who}(np.ones((1, 2{", 3" * n})), np.ones((2, 4{", 2" * n})), stride=2).shape
    (1, 4{", 6" * n})
    """
    return call


conv_transpose1d: Function = _transposed(1)
conv_transpose2d: Function = _transposed(2)
conv_transpose3d: Function = _transposed(3)


# --- the windows themselves ------------------------------------------------------------


def unfold(
    x: Array, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes | str = 0, stride: Sizes = 1
) -> Array:
    """What every window sees, as columns: from (batch, channels, height, width) to
    (batch, channels · kernel, places).

    Derivative: `fold` of ``dy``: every element gets the sum over the windows that see it.

    Examples
    --------
    >>> import numpy as np
    >>> unfold(np.arange(9.0).reshape(1, 1, 3, 3), 2)[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    who = "unfold"
    x, unbatched = batched(who, x, 2)
    size, stride = counts(who, "kernel_size", kernel_size, 2), counts(who, "stride", stride, 2)
    dilation = counts(who, "dilation", dilation, 2)
    x = frame(who, x, size, padding, stride, dilation)
    seen = windows(x, size=size, stride=stride, dilation=dilation)
    shape = np.shape(seen)
    seen = ops.copy(seen)  # the view of windows of one element, or of none, is read-only
    return unbatched(ops.reshape(seen, (shape[0], math.prod(shape[1:4]), math.prod(shape[4:]))))


def fold(
    x: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Array:
    """Columns added up where their windows are, the adjoint of `unfold`.

    Derivative: `unfold` of ``dy``: what every window sees of it.

    Parameters
    ----------
    x : (batch, channels · kernel, places), the batch optional
    output_size : int or pair
        Height and width of the result.

    Raises
    ------
    ValueError
        For columns that are no windows of such an output.

    Examples
    --------
    >>> import numpy as np
    >>> fold(np.ones((1, 4, 4)), 3, 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    who = "fold"
    x, unbatched = batched(who, x, 1, "(batch, channels · kernel, places)")
    size, stride = counts(who, "kernel_size", kernel_size, 2), counts(who, "stride", stride, 2)
    dilation = counts(who, "dilation", dilation, 2)
    padding = counts(who, "padding", padding, 2, least=0)
    height, width = counts(who, "output_size", output_size, 2)
    full = (height + 2 * padding[0], width + 2 * padding[1])
    places = tuple(
        (f - d * (k - 1) - 1) // s + 1 for f, d, k, s in zip(full, dilation, size, stride)
    )
    batch, depth, given = np.shape(x)
    if depth % math.prod(size) or given != math.prod(places) or min(places) < 1:
        raise ValueError(
            f"{who}: {label(x)} {np.shape(x)} does not hold windows of {size} at {places} places"
        )
    channels = depth // math.prod(size)
    laid = ops.reshape(x, (batch, channels, *size, *places))
    y = overlay(laid, lengths=full, size=size, stride=stride, dilation=dilation)
    y = y[:, :, padding[0] : full[0] - padding[0], padding[1] : full[1] - padding[1]]
    return unbatched(y)
