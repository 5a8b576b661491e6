"""Layers that look through windows: convolutions, and their adjoints."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from minigrad.nn.checks import count, counts, floating, generator
from minigrad.nn.functional.convolution import convolution, transposed
from minigrad.nn.layers import uniform
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType, Random, Shape, Sizes


class _Base(Module):
    """What convolutions and their adjoints have in common."""

    axes: ClassVar[int]
    defaults: ClassVar[dict[str, int]]
    weight: Tensor
    bias: Tensor | None
    stride: Shape
    padding: str | Shape
    dilation: Shape
    groups: int

    def _channels(self, inputs: int, outputs: int, groups: int) -> tuple[int, int]:
        who = type(self).__name__
        n, m = count(who, "in_channels", inputs), count(who, "out_channels", outputs)
        self.groups = count(who, "groups", groups)
        if n % self.groups or m % self.groups:
            raise ValueError(
                f"{who}: {n} input and {m} output channels do not both divide into "
                f"{self.groups} groups"
            )
        return n, m

    def _draw(self, shape: Shape, outputs: int, bias: bool, rng: Random, dtype: DType) -> None:
        rng, dtype = generator(type(self).__name__, rng), floating(type(self).__name__, dtype)
        fan_in = math.prod(shape[1:])
        self.weight = uniform(rng, shape, fan_in, dtype)
        self.bias = uniform(rng, (outputs,), fan_in, dtype) if bias else None

    def _described(self, inputs: int, outputs: int) -> str:
        words = [f"{inputs}, {outputs}, {'x'.join(map(str, self.weight.shape[2:]))}"]
        for key, default in self.defaults.items():
            value = getattr(self, key)
            if value != (default,) * self.axes:
                words.append(f"{key}={value!r}")
        words += [f"groups={self.groups}"] * (self.groups != 1)
        return ", ".join(words + ["bias=False"] * (self.bias is None))


class _Conv(_Base):
    defaults: ClassVar[dict[str, int]] = {"stride": 1, "padding": 0, "dilation": 1}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        who, n = type(self).__name__, self.axes
        inputs, outputs = self._channels(in_channels, out_channels, groups)
        size = counts(who, "kernel_size", kernel_size, n)
        self.stride = counts(who, "stride", stride, n)
        self.dilation = counts(who, "dilation", dilation, n)
        if isinstance(padding, str):
            self.padding = padding
        else:
            self.padding = counts(who, "padding", padding, n, least=0)
        if padding == "same" and set(self.stride) != {1}:
            raise ValueError(f'{who}: padding="same" needs stride 1, not {self.stride}')
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f'{who}: padding must be integers, "same" or "valid", not {padding!r}')
        self._draw((outputs, inputs // self.groups, *size), outputs, bias, rng, dtype)

    def forward(self, x: Array) -> Array:
        """From (batch, in_channels, ...) to (batch, out_channels, ...)."""
        size = (self.stride, self.padding, self.dilation, self.groups)
        return convolution(type(self).__name__, x, self.weight, self.bias, *size)

    def details(self) -> str:
        outputs, inputs, *_ = self.weight.shape
        return self._described(inputs * self.groups, outputs)


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


class Conv3d(_Conv):
    """Convolution over volumes, (batch, inputs, depth, height, width).

    The parameters are those of `Conv1d`, one integer or three.

    Attributes
    ----------
    weight : (outputs, inputs / groups, depth, height, width)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Conv3d(1, 2, 3, rng=0)(np.ones((1, 1, 4, 5, 6))).shape
    (1, 2, 2, 3, 4)
    """

    axes = 3


# --- the adjoint -------------------------------------------------------------------------


class _ConvTranspose(_Base):
    defaults: ClassVar[dict[str, int]] = {
        "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1,
    }  # fmt: skip
    output_padding: Shape

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        who, n = type(self).__name__, self.axes
        inputs, outputs = self._channels(in_channels, out_channels, groups)
        size = counts(who, "kernel_size", kernel_size, n)
        self.stride = counts(who, "stride", stride, n)
        self.padding = counts(who, "padding", padding, n, least=0)
        self.output_padding = counts(who, "output_padding", output_padding, n, least=0)
        self.dilation = counts(who, "dilation", dilation, n)
        self._draw((inputs, outputs // self.groups, *size), outputs, bias, rng, dtype)

    def forward(self, x: Array) -> Array:
        """From (batch, in_channels, ...) to (batch, out_channels, ...)."""
        size = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return transposed(type(self).__name__, x, self.weight, self.bias, *size)

    def details(self) -> str:
        inputs, outputs, *_ = self.weight.shape
        return self._described(inputs, outputs * self.groups)


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of `Conv1d`, from (batch, inputs, length) to (batch, outputs, places).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int
        There are ``(length − 1) stride − 2 padding + dilation (kernel_size − 1) +
        output_padding + 1`` places.
    output_padding : int
        Places more at the end, fewer than the stride or the dilation.
    groups : int
    bias : bool
    rng, dtype
        As for `Conv1d`.

    Attributes
    ----------
    weight : (inputs, outputs / groups, kernel_size)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ConvTranspose1d(3, 8, 4, stride=2, rng=0)(np.ones((5, 3, 9))).shape
    (5, 8, 20)
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of `Conv2d`; the parameters are those of `ConvTranspose1d`, one or a pair.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ConvTranspose2d(3, 1, 2, stride=2, rng=0)(np.ones((5, 3, 4, 4))).shape
    (5, 1, 8, 8)
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """The adjoint of `Conv3d`; the parameters are those of `ConvTranspose1d`, one or three.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ConvTranspose3d(3, 1, 2, rng=0)(np.ones((5, 3, 4, 4, 4))).shape
    (5, 1, 5, 5, 5)
    """

    axes = 3
