"""Layers that act on features: Linear, Embedding, normalisation, dropout, activations.

A layer is its parameters, first drawn as PyTorch draws them, and one call of
`minigrad.nn.functional`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.checks import count, counts, floating, fraction, generator, laid_out, sized
from minigrad.nn.module import Module
from minigrad.ops.shape import arrayed
from minigrad.tensor import Tensor, plainly


def parameter(values: Any) -> Tensor:
    """A Tensor that training changes."""
    return Tensor(values, requires_grad=True)


def spread(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: Any) -> Tensor:
    """A parameter uniform on ±1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    return parameter(rng.uniform(-bound, bound, shape).astype(dtype))


# --- Linear and Embedding --------------------------------------------------------------


class Linear(Module):
    """``x Wᵀ + b``, from (..., inputs) to (..., outputs).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : Generator or seed, optional
        What the first values are drawn with: uniform on ±1/√inputs.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight : (outputs, inputs)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.Linear(3, 2, rng=0)
    >>> layer
    Linear(3, 2)  8 parameters
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Any = None,
        dtype: Any = np.float64,
    ) -> None:
        inputs = count("Linear", "in_features", in_features)
        outputs = count("Linear", "out_features", out_features)
        rng, dtype = generator("Linear", rng), floating("Linear", dtype)
        self.weight = spread(rng, (outputs, inputs), inputs, dtype)
        self.bias = spread(rng, (outputs,), inputs, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """From (..., inputs) to (..., outputs)."""
        sized("Linear", x, -1, self.weight.shape[1], "inputs")
        return F.linear(x, self.weight, self.bias)

    def details(self) -> str:
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}{', bias=False' * (self.bias is None)}"


class Embedding(Module):
    """A table of ``num_embeddings`` rows that integers are looked up in.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    rng, dtype
        As for `Linear`; drawn from a standard normal.

    Attributes
    ----------
    weight : (num_embeddings, embedding_dim)

    Raises
    ------
    TypeError, IndexError
        When called with what are no integers, or name no row.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.Embedding(10, 4, rng=0)([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: Any = None, dtype: Any = np.float64
    ) -> None:
        rows = count("Embedding", "num_embeddings", num_embeddings)
        columns = count("Embedding", "embedding_dim", embedding_dim)
        dtype = floating("Embedding", dtype)
        drawn = generator("Embedding", rng).standard_normal((rows, columns))
        self.weight = parameter(drawn.astype(dtype))

    def forward(self, indices: Any) -> Any:
        """From integers to one more axis, of the length embedding_dim."""
        return F.embedding(indices, self.weight)

    def details(self) -> str:
        return ", ".join(map(str, self.weight.shape))


# --- normalisation ---------------------------------------------------------------------


class LayerNorm(Module):
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

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = mg.nn.LayerNorm(4)(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> print(f"{abs(y.mean().item()):.4f} {y.std().item():.4f}")
    0.0000 1.0000
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float64,
    ) -> None:
        n = len(normalized_shape) if isinstance(normalized_shape, list | tuple) else 1
        if not n:
            raise ValueError("LayerNorm: normalized_shape must name one axis at least")
        self.normalized_shape = counts("LayerNorm", "normalized_shape", normalized_shape, n)
        self.eps = eps
        dtype = floating("LayerNorm", dtype)
        affine = elementwise_affine
        self.weight = parameter(np.ones(self.normalized_shape, dtype)) if affine else None
        self.bias = parameter(np.zeros(self.normalized_shape, dtype)) if affine and bias else None

    def forward(self, x: Any) -> Any:
        """The same shape."""
        n = len(self.normalized_shape)
        for i, size in enumerate(self.normalized_shape):
            sized("LayerNorm", x, i - n, size, "features")
        return F.layer_norm(x, n, self.weight, self.bias, self.eps)

    def details(self) -> str:
        return ", ".join(map(str, self.normalized_shape))


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

    LAYOUTS: tuple[tuple[int, ...], str] = (
        (2, 3),
        "(batch, channels) or (batch, channels, length)",
    )

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float64,
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

    def forward(self, x: Any) -> Any:
        """The same shape."""
        who, (ranks, layout) = type(self).__name__, self.LAYOUTS
        x = laid_out(who, x, ranks, f"input of shape {layout}")
        sized(who, x, 1, self.num_features, "channels")
        if not self.training and self.running_mean is not None:
            mean, variance = self.running_mean, self.running_var
        else:
            mean, variance = F.moments(x)
            if self.training:
                self._keep(np.size(x) // self.num_features, mean, variance)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, self.eps)

    def _keep(self, n: int, mean: Any, variance: Any) -> None:
        """Let the running statistics know of a batch of ``n`` values per channel."""
        if n < 2:
            raise ValueError(
                f"{type(self).__name__}: {n} value per channel has no variance; train on larger "
                "batches, or call eval() before predicting"
            )
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        batches = self.num_batches_tracked.item() + 1
        share = 1 / batches if self.momentum is None else self.momentum
        unbiased = plainly(variance) * (n / (n - 1))
        for running, new in ((self.running_mean, plainly(mean)), (self.running_var, unbiased)):
            running.data = running.data * (1 - share) + new * share
        self.num_batches_tracked.data = batches

    def details(self) -> str:
        return f"{self.num_features}"


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images, (batch, channels, height, width)."""

    LAYOUTS = ((4,), "(batch, channels, height, width)")


class Dropout(Module):
    """While training, every element is 0 with probability ``p``, the others grow by 1/(1 − p).

    Parameters
    ----------
    p : float
        In [0, 1).
    rng : Generator or seed
        What the mask is drawn with: not optional, so that runs can be repeated.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.Dropout(0.5, np.random.default_rng(0))
    >>> layer(np.ones(4))
    array([2., 0., 0., 0.])
    >>> layer.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """

    def __init__(self, p: float, rng: Any) -> None:
        self.p = fraction("Dropout", "p", p)
        if self.p and rng is None:
            raise TypeError("Dropout: pass rng, a Generator such as np.random.default_rng(0)")
        self.rng = generator("Dropout", rng)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return F.dropout(x, self.p, self.rng) if self.training else x

    def details(self) -> str:
        return f"{self.p:g}"


# --- activations and shapes ------------------------------------------------------------


class Activation(Module):
    """An elementwise function as a layer; the classes below name one each."""

    def __init_subclass__(cls) -> None:
        cls.__doc__ = cls.__doc__ or f"`mg.{cls.function.__name__}` as a layer."

    function: Callable[..., Any]

    def __init__(self, **options: Any) -> None:
        self.options = options

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return type(self).function(x, **self.options)

    def details(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class ReLU(Activation):
    function = staticmethod(ops.relu)


class Sigmoid(Activation):
    function = staticmethod(ops.sigmoid)


class Tanh(Activation):
    function = staticmethod(ops.tanh)


class Softplus(Activation):
    function = staticmethod(ops.softplus)


class SiLU(Activation):
    function = staticmethod(ops.silu)


class LeakyReLU(Activation):
    function = staticmethod(ops.leaky_relu)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(Activation):
    function = staticmethod(ops.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GELU(Activation):
    function = staticmethod(ops.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softmax(Activation):
    function = staticmethod(ops.softmax)

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class LogSoftmax(Activation):
    function = staticmethod(ops.log_softmax)

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class Flatten(Module):
    """From (batch, ...) to (batch, features).

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Flatten()(np.ones((5, 2, 3))).shape
    (5, 6)
    """

    def forward(self, x: Any) -> Any:
        """All axes but the first as one."""
        x = arrayed(x)
        shape = np.shape(x)
        if len(shape) < 2:
            raise ValueError(f"Flatten wants input of shape (batch, ...), not {shape}")
        return ops.reshape(x, (shape[0], math.prod(shape[1:])))


class Sequential(Module):
    """Modules (or functions) one after the other, each on the output of the one before.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.Sequential(mg.nn.Linear(8, 16), mg.relu, mg.nn.Linear(16, 3))
    Sequential()  195 parameters
      0: Linear(8, 16)  144 parameters
      2: Linear(16, 3)  51 parameters
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        if not layers:
            raise ValueError("Sequential: there are no layers; Sequential(layer, layer, ...)")
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(
                    f"Sequential: layer {i} is {layer!r:.60}, and layers are modules or functions; "
                    "unpack a list of them, Sequential(*layers)"
                )
        self.layers = list(layers)

    def parts(self) -> dict[str, Any]:
        """The layers, named by their numbers."""
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def forward(self, x: Any) -> Any:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Any:
        return self.layers[i]
