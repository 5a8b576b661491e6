"""Activations as layers, for `Sequential`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating
from minigrad.nn.layers import parameter
from minigrad.nn.module import Module
from minigrad.ops.record import Op
from minigrad.tensor import Tensor


class Activation(Module):
    """A function as a layer; the classes below name one each."""

    function: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        if function is not None:
            plain = isinstance(function, Op)  # which is no method, and writes its docstring late
            cls.function = function if plain else staticmethod(function)

    def __init__(self, **options: Any) -> None:
        self.options = options

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return type(self).function(x, **self.options)

    def details(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class ReLU(Activation, function=ops.relu):
    """``max(0, x)``; see `mg.relu`."""


class Sigmoid(Activation, function=ops.sigmoid):
    """``1/(1 + e⁻ˣ)``; see `mg.sigmoid`."""


class Tanh(Activation, function=ops.tanh):
    """``tanh x``; see `mg.tanh`."""


class Softplus(Activation, function=ops.softplus):
    """``ln(1 + eˣ)``; see `mg.softplus`."""


class SiLU(Activation, function=ops.silu):
    """``x·sigmoid(x)``; see `mg.silu`."""


class LeakyReLU(Activation, function=ops.leaky_relu):
    """``x`` where it is positive, ``negative_slope·x`` elsewhere; see `mg.leaky_relu`."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(Activation, function=ops.elu):
    """``x`` where it is positive, ``alpha·(eˣ - 1)`` elsewhere; see `mg.elu`."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GELU(Activation, function=ops.gelu):
    """``x·Φ(x)``, or its approximation by tanh; see `mg.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softmax(Activation, function=ops.softmax):
    """``eˣⁱ / Σⱼ eˣʲ`` along ``axis``; see `mg.softmax`."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class LogSoftmax(Activation, function=ops.log_softmax):
    """The logarithm of softmax along ``axis``; see `mg.log_softmax`."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class SELU(Activation, function=F.selu):
    """ELU scaled so that means and variances settle at 0 and 1; see `F.selu`."""


class CELU(Activation, function=F.celu):
    """``max(0, x) + min(0, alpha·(e^(x/alpha) - 1))``; see `F.celu`."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GLU(Activation, function=F.glu):
    """``a·sigmoid(b)`` of the two halves of ``axis``; see `F.glu`."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class Mish(Activation, function=F.mish):
    """``x·tanh(softplus(x))``; see `F.mish`."""


class Hardtanh(Activation, function=F.hardtanh):
    """``x`` between ``min_val`` and ``max_val``, these outside; see `F.hardtanh`."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class ReLU6(Activation, function=F.relu6):
    """``min(max(0, x), 6)``; see `F.relu6`."""


class Hardsigmoid(Activation, function=F.hardsigmoid):
    """``min(max(0, x/6 + 1/2), 1)``; see `F.hardsigmoid`."""


class Hardswish(Activation, function=F.hardswish):
    """``x·hardsigmoid(x)``; see `F.hardswish`."""


class Softshrink(Activation, function=F.softshrink):
    """``x`` moved by ``lambd`` towards 0, and 0 where that passes it; see `F.softshrink`."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Hardshrink(Activation, function=F.hardshrink):
    """``x`` where ``|x| > lambd``, 0 elsewhere; see `F.hardshrink`."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softsign(Activation, function=F.softsign):
    """``x / (1 + |x|)``; see `F.softsign`."""


class Tanhshrink(Activation, function=F.tanhshrink):
    """``x - tanh x``; see `F.tanhshrink`."""


class LogSigmoid(Activation, function=ops.log_sigmoid):
    """``ln sigmoid(x)``; see `mg.log_sigmoid`."""


class Softmin(Activation, function=F.softmin):
    """``softmax(-x)`` along ``axis``; see `F.softmin`."""

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class PReLU(Module):
    """``max(0, x) + a min(0, x)`` with slopes a that are learned.

    Parameters
    ----------
    num_parameters : int
        One, or one for each channel (axis 1).
    init : float
        What they are at first.
    dtype : dtype

    Attributes
    ----------
    weight : (num_parameters,)

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.PReLU()(np.array([-4.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    weight: Tensor

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float64
    ) -> None:
        n = count("PReLU", "num_parameters", num_parameters)
        self.weight = parameter(np.full(n, init, floating("PReLU", dtype)))

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return F.prelu(x, self.weight)

    def details(self) -> str:
        return f"{self.weight.size}"
