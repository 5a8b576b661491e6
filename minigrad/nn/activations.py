"""Activations as layers, for `Sequential`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating
from minigrad.nn.layers import parameter
from minigrad.nn.module import Module


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


class SELU(Activation):
    function = staticmethod(F.selu)


class CELU(Activation):
    function = staticmethod(F.celu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GLU(Activation):
    function = staticmethod(F.glu)

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class Mish(Activation):
    function = staticmethod(F.mish)


class Hardtanh(Activation):
    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class ReLU6(Activation):
    function = staticmethod(F.relu6)


class Hardsigmoid(Activation):
    function = staticmethod(F.hardsigmoid)


class Hardswish(Activation):
    function = staticmethod(F.hardswish)


class Softshrink(Activation):
    function = staticmethod(F.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Hardshrink(Activation):
    function = staticmethod(F.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softsign(Activation):
    function = staticmethod(F.softsign)


class Tanhshrink(Activation):
    function = staticmethod(F.tanhshrink)


class LogSigmoid(Activation):
    function = staticmethod(ops.log_sigmoid)


class Softmin(Activation):
    function = staticmethod(F.softmin)

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
