"""Layers that scale to mean 0 and variance 1: over features, channels, groups, batches."""

from __future__ import annotations

import numpy as np

from minigrad.nn import functional as F
from minigrad.nn.checks import count, counts, floating, laid_out, sized
from minigrad.nn.functional.normalisation import moments
from minigrad.nn.layers import parameter
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType, Shape, Sizes


def detached(x: Array) -> Array:
    """``x``, and no gradient flows through."""
    return x.detach() if isinstance(x, Tensor) else x


class _OverLastAxes(Module):
    """What is scaled over its last axes, of given lengths."""

    normalized_shape: Shape

    def _normalizes(self, shape: Sizes) -> Shape:
        """Take ``normalized_shape``, and return it as lengths."""
        who, n = type(self).__name__, len(shape) if isinstance(shape, list | tuple) else 1
        if not n:
            raise ValueError(f"{who}: normalized_shape must name one axis at least")
        self.normalized_shape = counts(who, "normalized_shape", shape, n)
        return self.normalized_shape

    def _axes(self, x: Array) -> int:
        """How many axes of ``x`` it scales over; they must have these lengths."""
        n = len(self.normalized_shape)
        for i, size in enumerate(self.normalized_shape):
            sized(type(self).__name__, x, i - n, size, "features")
        return n

    def details(self) -> str:
        return ", ".join(map(str, self.normalized_shape))


class LayerNorm(_OverLastAxes):
    """Every example scaled to mean 0 and variance 1 over its last axes; then ``w``, ``b``.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The lengths of those axes.
    eps : float
        Added to the variance.
    elementwise_affine, bias : bool
        Whether there are w and b.
    dtype : dtype

    Attributes
    ----------
    weight, bias : normalized_shape, or None

    Raises
    ------
    ValueError
        For no axis, and input of other lengths.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = mg.nn.LayerNorm(4)(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> print(f"{abs(y.mean().item()):.4f} {y.std().item():.4f}")
    0.0000 1.0000
    """

    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        normalized_shape: Sizes,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DType = np.float64,
    ) -> None:
        shape, affine = self._normalizes(normalized_shape), elementwise_affine
        self.eps, dtype = eps, floating("LayerNorm", dtype)
        self.weight = parameter(np.ones(shape, dtype)) if affine else None
        self.bias = parameter(np.zeros(shape, dtype)) if affine and bias else None

    def forward(self, x: Array) -> Array:
        """The same shape."""
        return F.layer_norm(x, self._axes(x), self.weight, self.bias, self.eps)


class BatchNorm1d(Module):
    """Every channel (axis 1) scaled to mean 0 and variance 1 over the batch; then ``w``, ``b``.

    While training, the statistics are the batch's, and running ones are kept; after
    ``eval()`` the running ones are used.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    momentum : float or None
        Weight of the newest batch in the running statistics; None for the plain average.
    affine : bool
        Whether there are w and b.
    track_running_stats : bool
        If not, the batch's statistics are always used.
    dtype : dtype

    Attributes
    ----------
    weight, bias : (channels,), or None
    running_mean, running_var : (channels,), buffers
    num_batches_tracked : integer, a buffer

    Raises
    ------
    ValueError
        For input of other shapes than (batch, channels) or (batch, channels, length),
        and while training for a single value per channel, which has no variance.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.BatchNorm1d(2)
    >>> _ = layer(np.array([[1.0, 10.0], [3.0, 10.0]]))
    >>> layer.running_mean
    Tensor([0.2, 1. ])
    """

    LAYOUTS: tuple[Shape, str] = ((2, 3), "(batch, channels) or (batch, channels, length)")
    num_features: int
    eps: float
    momentum: float | None
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DType = np.float64,
    ) -> None:
        who = type(self).__name__
        n = count(who, "num_features", num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"{who}: momentum must be in [0, 1] or None, not {momentum!r}")
        dtype = floating(who, dtype)
        self.num_features, self.eps, self.momentum = n, eps, momentum
        self.weight = parameter(np.ones(n, dtype)) if affine else None
        self.bias = parameter(np.zeros(n, dtype)) if affine else None
        track = track_running_stats
        self.running_mean = Tensor(np.zeros(n, dtype)) if track else None
        self.running_var = Tensor(np.ones(n, dtype)) if track else None
        self.num_batches_tracked = Tensor(np.int64(0)) if track else None

    def forward(self, x: Array) -> Array:
        """The same shape."""
        who, (ranks, layout) = type(self).__name__, self.LAYOUTS
        x = laid_out(who, x, ranks, f"input of shape {layout}")
        sized(who, x, 1, self.num_features, "channels")
        if not self.training and self.running_mean is not None:
            mean, variance = self.running_mean, self.running_var
        else:
            mean, variance = moments(x)
            if self.training:
                self._keep(np.size(x) // self.num_features, mean, variance)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, self.eps)

    def _keep(self, n: int, mean: Array, variance: Array) -> None:
        """Let the running statistics know of a batch of ``n`` values per channel."""
        if n < 2:
            raise ValueError(
                f"{type(self).__name__}: {n} value per channel has no variance; train on larger "
                "batches, or call eval() before predicting"
            )
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        batches = self.num_batches_tracked.data + 1
        share = 1 / batches if self.momentum is None else self.momentum
        unbiased = detached(variance) * (n / (n - 1))
        for running, new in ((self.running_mean, detached(mean)), (self.running_var, unbiased)):
            running.data = running.data * (1 - share) + new * share
        self.num_batches_tracked.data = batches

    def details(self) -> str:
        return f"{self.num_features}"


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images, (batch, channels, height, width).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.random.default_rng(0).normal(5.0, 2.0, (8, 3, 4, 4))
    >>> y = mg.nn.BatchNorm2d(3)(x)
    >>> abs(y.mean(axis=(0, 2, 3)).data).round(6), y.std(axis=(0, 2, 3)).data.round(4)
    (array([0., 0., 0.]), array([1., 1., 1.]))
    """

    LAYOUTS: tuple[Shape, str] = ((4,), "(batch, channels, height, width)")


class BatchNorm3d(BatchNorm1d):
    """`BatchNorm1d` for volumes, (batch, channels, depth, height, width).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.BatchNorm3d(2).eval()
    >>> layer(np.ones((1, 2, 3, 3, 3))).shape, layer.running_var.data
    ((1, 2, 3, 3, 3), array([1., 1.]))
    """

    LAYOUTS: tuple[Shape, str] = ((5,), "(batch, channels, depth, height, width)")


class GroupNorm(Module):
    """Groups of channels (axis 1) scaled to mean 0 and variance 1; then ``w``, ``b`` per channel.

    Parameters
    ----------
    num_groups, num_channels : int
        The channels must divide into the groups.
    eps : float
        Added to the variance.
    affine : bool
        Whether there are w and b.
    dtype : dtype

    Attributes
    ----------
    weight, bias : (channels,), or None

    Raises
    ------
    ValueError
        Where the channels do not divide into the groups, or input has others.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.GroupNorm(2, 4)(np.ones((3, 4, 5))).shape
    (3, 4, 5)
    """

    num_groups: int
    num_channels: int
    eps: float
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DType = np.float64,
    ) -> None:
        self.num_groups = count("GroupNorm", "num_groups", num_groups)
        n = self.num_channels = count("GroupNorm", "num_channels", num_channels)
        if n % self.num_groups:
            raise ValueError(f"GroupNorm: {n} channels do not divide into {self.num_groups} groups")
        self.eps, dtype = eps, floating("GroupNorm", dtype)
        self.weight = parameter(np.ones(n, dtype)) if affine else None
        self.bias = parameter(np.zeros(n, dtype)) if affine else None

    def forward(self, x: Array) -> Array:
        """The same shape."""
        sized("GroupNorm", x, 1, self.num_channels, "channels")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def details(self) -> str:
        return f"{self.num_groups}, {self.num_channels}"


class RMSNorm(_OverLastAxes):
    """Every example divided by its root mean square over its last axes; then ``w``.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The lengths of those axes.
    eps : float or None
        Added to the mean square; None for the dtype's own.
    elementwise_affine : bool
        Whether there is w.
    dtype : dtype

    Attributes
    ----------
    weight : normalized_shape, or None

    Raises
    ------
    ValueError
        For no axis, and input of other lengths.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.RMSNorm(2, elementwise_affine=False)(np.array([3.0, -3.0])).round(9)
    array([ 1., -1.])
    """

    eps: float | None
    weight: Tensor | None

    def __init__(
        self,
        normalized_shape: Sizes,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DType = np.float64,
    ) -> None:
        shape = self._normalizes(normalized_shape)
        self.eps, dtype = eps, floating("RMSNorm", dtype)
        self.weight = parameter(np.ones(shape, dtype)) if elementwise_affine else None

    def forward(self, x: Array) -> Array:
        """The same shape."""
        return F.rms_norm(x, self._axes(x), self.weight, self.eps)


class InstanceNorm1d(Module):
    """Every channel (axis 1) of every example scaled to mean 0 and variance 1.

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
        Added to the variance.
    affine : bool
        Whether w and b, one per channel, follow.
    dtype : dtype

    Attributes
    ----------
    weight, bias : (channels,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.InstanceNorm1d(1, eps=1e-12)(np.array([[[1.0, 3.0]]]))
    array([[[-1.,  1.]]])
    """

    LAYOUT: tuple[int, str] = 3, "(batch, channels, length)"
    num_features: int
    eps: float
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        *,
        dtype: DType = np.float64,
    ) -> None:
        who = type(self).__name__
        n = self.num_features = count(who, "num_features", num_features)
        self.eps, dtype = eps, floating(who, dtype)
        self.weight = parameter(np.ones(n, dtype)) if affine else None
        self.bias = parameter(np.zeros(n, dtype)) if affine else None

    def forward(self, x: Array) -> Array:
        """The same shape."""
        who, (rank, layout) = type(self).__name__, self.LAYOUT
        x = laid_out(who, x, rank, f"input of shape {layout}")
        sized(who, x, 1, self.num_features, "channels")
        return F.instance_norm(x, self.weight, self.bias, self.eps)

    def details(self) -> str:
        return f"{self.num_features}"


class InstanceNorm2d(InstanceNorm1d):
    """`InstanceNorm1d` for images, (batch, channels, height, width).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> image = np.array([[[[1.0, 3.0], [1.0, 3.0]]]])
    >>> mg.nn.InstanceNorm2d(1, eps=1e-12)(image)
    array([[[[-1.,  1.],
             [-1.,  1.]]]])
    """

    LAYOUT: tuple[int, str] = 4, "(batch, channels, height, width)"


class InstanceNorm3d(InstanceNorm1d):
    """`InstanceNorm1d` for volumes, (batch, channels, depth, height, width).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.random.default_rng(0).normal(size=(2, 4, 3, 3, 3))
    >>> mg.nn.InstanceNorm3d(4)(x).std(axis=(2, 3, 4)).round(3).min()
    np.float64(1.0)
    """

    LAYOUT: tuple[int, str] = 5, "(batch, channels, depth, height, width)"
