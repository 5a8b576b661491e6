"""Layers that look through windows: convolutions and pooling."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from minigrad.nn import windows
from minigrad.nn.checks import count, counts, floating, generator
from minigrad.nn.layers import spread
from minigrad.nn.module import Module


class _Conv(Module):
    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Any = None,
        dtype: Any = np.float64,
    ) -> None:
        who, n = type(self).__name__, self.axes
        inputs = count(who, "in_channels", in_channels)
        outputs = count(who, "out_channels", out_channels)
        self.groups = count(who, "groups", groups)
        if inputs % self.groups or outputs % self.groups:
            raise ValueError(
                f"{who}: {inputs} input and {outputs} output channels do not both divide into "
                f"{self.groups} groups"
            )
        size = counts(who, "kernel_size", kernel_size, n)
        self.stride = counts(who, "stride", stride, n)
        self.dilation = counts(who, "dilation", dilation, n)
        self.padding = (
            padding if isinstance(padding, str) else counts(who, "padding", padding, n, least=0)
        )
        if padding == "same" and set(self.stride) != {1}:
            raise ValueError(f'{who}: padding="same" needs stride 1, not {self.stride}')
        if isinstance(padding, str) and padding != "same":
            raise ValueError(f'{who}: padding must be integers or "same", not {padding!r}')
        rng, dtype = generator(who, rng), floating(who, dtype)
        shape = (outputs, inputs // self.groups, *size)
        fan_in = math.prod(shape[1:])
        self.weight = spread(rng, shape, fan_in, dtype)
        self.bias = spread(rng, (outputs,), fan_in, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """From (batch, in_channels, ...) to (batch, out_channels, ...)."""
        return windows.convolution(
            type(self).__name__,
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )

    def details(self) -> str:
        outputs, inputs, *size = self.weight.shape
        words = [f"{inputs * self.groups}, {outputs}, {'x'.join(map(str, size))}"]
        defaults = {"stride": 1, "padding": 0, "dilation": 1}
        for key, default in defaults.items():
            value = getattr(self, key)
            if value != (default,) * self.axes:
                words.append(f"{key}={value!r}")
        words += [f"groups={self.groups}"] * (self.groups != 1)
        return ", ".join(words + ["bias=False"] * (self.bias is None))


class Conv1d(_Conv):
    """Convolution along one axis, from (batch, inputs, length) to (batch, outputs, places).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int
        ``padding="same"`` keeps the length, at stride 1.  There are
        ``(length + 2 padding − dilation (kernel_size − 1) − 1) // stride + 1`` places.
    groups : int
        Parts of the channels that are convolved apart.
    bias : bool
    rng, dtype
        As for `Linear`; uniform on ±1/√(inputs that one output sees).

    Attributes
    ----------
    weight : (outputs, inputs / groups, kernel_size)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Conv1d(3, 8, 5, stride=2, rng=0)(np.ones((4, 3, 21))).shape
    (4, 8, 9)
    """

    axes = 1


class Conv2d(_Conv):
    """Convolution over images, from (batch, inputs, height, width) to (batch, outputs, ...).

    The parameters are those of `Conv1d`, one integer or a pair (height, width).

    Attributes
    ----------
    weight : (outputs, inputs / groups, height, width)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Conv2d(1, 8, 3, padding=1, rng=0)
    Conv2d(1, 8, 3x3, padding=(1, 1))  80 parameters
    """

    axes = 2


class MaxPool2d(Module):
    """The largest element of every window of (batch, channels, height, width).

    Parameters
    ----------
    kernel_size : int or pair
    stride : int or pair, optional
        The kernel's size by default.
    padding, dilation : int or pair

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.MaxPool2d(2)(np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
    ) -> None:
        self.kernel_size = counts("MaxPool2d", "kernel_size", kernel_size, 2)
        self.stride = (
            self.kernel_size if stride is None else counts("MaxPool2d", "stride", stride, 2)
        )
        self.padding, self.dilation = padding, dilation

    def forward(self, x: Any) -> Any:
        """Fewer rows and columns."""
        return windows.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def details(self) -> str:
        return _pooling(self)


class AvgPool2d(Module):
    """The mean of every window of (batch, channels, height, width).

    Parameters
    ----------
    kernel_size : int or pair
    stride : int or pair, optional
        The kernel's size by default.
    padding : int or pair
    count_include_pad : bool
        Whether the zeros of the padding count.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AvgPool2d(4)(np.ones((1, 3, 8, 8))).shape
    (1, 3, 2, 2)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = counts("AvgPool2d", "kernel_size", kernel_size, 2)
        self.stride = (
            self.kernel_size if stride is None else counts("AvgPool2d", "stride", stride, 2)
        )
        self.padding, self.count_include_pad = padding, count_include_pad

    def forward(self, x: Any) -> Any:
        """Fewer rows and columns."""
        include = self.count_include_pad
        return windows.avg_pool2d(x, self.kernel_size, self.stride, self.padding, include)

    def details(self) -> str:
        return _pooling(self)


def _pooling(layer: MaxPool2d | AvgPool2d) -> str:
    size = "x".join(map(str, layer.kernel_size))
    return size if layer.stride == layer.kernel_size else f"{size}, stride={layer.stride}"
