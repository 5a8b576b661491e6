"""Pooling layers: one number for each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from minigrad.nn import functional as F
from minigrad.nn.checks import counts, generator
from minigrad.nn.module import Module
from minigrad.typing import Array, Function, Random, Shape, Sizes

# --- windows of one size -----------------------------------------------------------------


class _Pool(Module):
    """Pooling layers have no parameters, only the options of the function that they call.

    Parameters
    ----------
    kernel_size : int, or one for each axis
    stride : int or one for each axis, optional
        The kernel's size by default.
    padding : int, or one for each axis
    ceil_mode : bool
        Whether a last window may begin inside and reach over the edge.
    """

    axes: ClassVar[int]
    pool: ClassVar[Function]

    def __init_subclass__(cls, axes: int = 0, pool: Function | None = None) -> None:
        if pool is not None:
            cls.axes, cls.pool = axes, staticmethod(pool)

    def __init__(
        self, kernel_size: Sizes, stride: Sizes = None, padding: Sizes = 0, ceil_mode: bool = False
    ) -> None:
        who, n = type(self).__name__, self.axes
        self.kernel_size: Shape = counts(who, "kernel_size", kernel_size, n)
        stride = self.kernel_size if stride is None else counts(who, "stride", stride, n)
        self.stride: Shape = stride
        self.padding: Shape = counts(who, "padding", padding, n, least=0)
        self.ceil_mode: bool = ceil_mode

    def details(self) -> str:
        size = "x".join(map(str, self.kernel_size))
        return size if self.stride == self.kernel_size else f"{size}, stride={self.stride}"


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        who = type(self).__name__
        self.dilation: Shape = counts(who, "dilation", dilation, self.axes)

    def forward(self, x: Array) -> Array:
        """Fewer places."""
        size, step, around = self.kernel_size, self.stride, self.padding
        return type(self).pool(x, size, step, around, self.dilation, self.ceil_mode)


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Array) -> Array:
        """Fewer places."""
        size, step, around = self.kernel_size, self.stride, self.padding
        return type(self).pool(x, size, step, around, self.ceil_mode, self.count_include_pad)


class MaxPool1d(_MaxPool, axes=1, pool=F.max_pool1d):
    """The largest element of every window of (batch, channels, length); see `F.max_pool1d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.MaxPool1d(2)(np.ones((1, 3, 8))).shape
    (1, 3, 4)
    """


class MaxPool2d(_MaxPool, axes=2, pool=F.max_pool2d):
    """The largest element of every window of (batch, channels, height, width); see `F.max_pool2d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.MaxPool2d(2)(np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """


class MaxPool3d(_MaxPool, axes=3, pool=F.max_pool3d):
    """The largest element of every window of volumes; see `F.max_pool3d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.MaxPool3d(2)(np.ones((1, 3, 8, 8, 8))).shape
    (1, 3, 4, 4, 4)
    """


class AvgPool1d(_AvgPool, axes=1, pool=F.avg_pool1d):
    """The mean of every window of (batch, channels, length); see `F.avg_pool1d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AvgPool1d(2)(np.ones((1, 3, 8))).shape
    (1, 3, 4)
    """


class AvgPool2d(_AvgPool, axes=2, pool=F.avg_pool2d):
    """The mean of every window of (batch, channels, height, width); see `F.avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AvgPool2d(2)(np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """


class AvgPool3d(_AvgPool, axes=3, pool=F.avg_pool3d):
    """The mean of every window of volumes; see `F.avg_pool3d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AvgPool3d(2)(np.ones((1, 3, 8, 8, 8))).shape
    (1, 3, 4, 4, 4)
    """


# --- as many windows as are asked for ----------------------------------------------------


class _Adaptive(Module):
    """Pooling into ``output_size`` windows along each axis, however long it is."""

    pool: ClassVar[Function]

    def __init_subclass__(cls, pool: Function) -> None:
        cls.pool = staticmethod(pool)

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def forward(self, x: Array) -> Array:
        """From (batch, channels, ...) to (batch, channels, *output_size)."""
        return type(self).pool(x, self.output_size)

    def details(self) -> str:
        return f"{self.output_size}"


class AdaptiveAvgPool1d(_Adaptive, pool=F.adaptive_avg_pool1d):
    """`F.adaptive_avg_pool1d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveAvgPool1d(2)(np.ones((1, 3, 5))).shape
    (1, 3, 2)
    """


class AdaptiveAvgPool2d(_Adaptive, pool=F.adaptive_avg_pool2d):
    """`F.adaptive_avg_pool2d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveAvgPool2d(2)(np.ones((1, 3, 5, 5))).shape
    (1, 3, 2, 2)
    """


class AdaptiveAvgPool3d(_Adaptive, pool=F.adaptive_avg_pool3d):
    """`F.adaptive_avg_pool3d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveAvgPool3d(2)(np.ones((1, 3, 5, 5, 5))).shape
    (1, 3, 2, 2, 2)
    """


class AdaptiveMaxPool1d(_Adaptive, pool=F.adaptive_max_pool1d):
    """`F.adaptive_max_pool1d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveMaxPool1d(2)(np.ones((1, 3, 5))).shape
    (1, 3, 2)
    """


class AdaptiveMaxPool2d(_Adaptive, pool=F.adaptive_max_pool2d):
    """`F.adaptive_max_pool2d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveMaxPool2d(2)(np.ones((1, 3, 5, 5))).shape
    (1, 3, 2, 2)
    """


class AdaptiveMaxPool3d(_Adaptive, pool=F.adaptive_max_pool3d):
    """`F.adaptive_max_pool3d` as a layer.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AdaptiveMaxPool3d(2)(np.ones((1, 3, 5, 5, 5))).shape
    (1, 3, 2, 2, 2)
    """


class FractionalMaxPool2d(Module):
    """The largest element of windows at random places; see `F.fractional_max_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
    output_size : int or pair of int, optional
    output_ratio : float or pair of float, optional
        One of the two is given.
    rng : numpy.random.Generator or int, optional
        What draws the places; by default that of `mg.nn.seed`.

    Raises
    ------
    ValueError
        When called: where the output does not fit, or its size is not given once.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.FractionalMaxPool2d(2, output_ratio=0.5, rng=0)(np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes = None,
        output_ratio: float | Sequence[float] | None = None,
        *,
        rng: Random = None,
    ) -> None:
        self.kernel_size, self.rng = kernel_size, generator("FractionalMaxPool2d", rng)
        self.output_size, self.output_ratio = output_size, output_ratio

    def forward(self, x: Array) -> Array:
        """From (batch, channels, height, width) to images of the lengths that are wanted."""
        return F.fractional_max_pool2d(
            x, self.kernel_size, self.output_size, self.output_ratio, rng=self.rng
        )

    def details(self) -> str:
        wanted = {"output_size": self.output_size, "output_ratio": self.output_ratio}
        told = [f"{key}={value}" for key, value in wanted.items() if value is not None]
        return ", ".join([f"kernel_size={self.kernel_size}", *told])
