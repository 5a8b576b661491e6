"""Activations as layers, for `Sequential`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating
from minigrad.nn.layers import parameter
from minigrad.nn.module import Module
from minigrad.ops.record import Op, refuse_keyword
from minigrad.tensor import Tensor


class Activation(Module):
    """A function as a layer; the classes below name one each."""

    function: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        if function is not None:
            plain = isinstance(function, Op)  # which is no method, and writes its docstring late
            cls.function = function if plain else staticmethod(function)

    def __init__(self, **options: Any) -> None:
        _, *taken = inspect.signature(type(self).function).parameters
        for key in options.keys() - taken:
            refuse_keyword(type(self).__name__, key, options.pop(key), taken)
        self.options = options

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return type(self).function(x, **self.options)

    def details(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class ReLU(Activation, function=ops.relu):
    """``max(0, x)``; see `mg.relu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ReLU()(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """


class Sigmoid(Activation, function=ops.sigmoid):
    """``1/(1 + e⁻ˣ)``; see `mg.sigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Sigmoid()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.2689, 0.5   , 0.7311])
    """


class Tanh(Activation, function=ops.tanh):
    """``tanh x``; see `mg.tanh`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Sequential(mg.nn.Linear(2, 3, rng=0), mg.nn.Tanh())(np.ones((4, 2))).shape
    (4, 3)
    """


class Softplus(Activation, function=ops.softplus):
    """``ln(1 + eˣ)``; see `mg.softplus`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softplus()(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """


class SiLU(Activation, function=ops.silu):
    """``x·sigmoid(x)``; see `mg.silu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.SiLU()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """


class LeakyReLU(Activation, function=ops.leaky_relu):
    """``x`` where it is positive, ``negative_slope·x`` elsewhere; see `mg.leaky_relu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LeakyReLU(0.1)(np.array([-2.0, 2.0]))
    array([-0.2,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(Activation, function=ops.elu):
    """``x`` where it is positive, ``alpha·(eˣ - 1)`` elsewhere; see `mg.elu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ELU(alpha=2.0)(np.array([-100.0, -1.0, 3.0])).round(4)
    array([-2.    , -1.2642,  3.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GELU(Activation, function=ops.gelu):
    """``x·Φ(x)``, or its approximation by tanh; see `mg.gelu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([-1.0, 0.0, 1.0])
    >>> mg.nn.GELU()(x).round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> mg.nn.GELU("tanh")(x).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softmax(Activation, function=ops.softmax):
    """``eˣⁱ / Σⱼ eˣʲ`` along ``axis``; see `mg.softmax`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> p = mg.nn.Softmax()(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    >>> p.round(3), p.sum(axis=1)
    (array([[0.09 , 0.245, 0.665],
           [0.333, 0.333, 0.333]]), array([1., 1.]))
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class LogSoftmax(Activation, function=ops.log_softmax):
    """The logarithm of softmax along ``axis``; see `mg.log_softmax`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LogSoftmax()(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class SELU(Activation, function=F.selu):
    """ELU scaled so that means and variances settle at 0 and 1; see `F.selu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = mg.nn.SELU()(np.random.default_rng(0).normal(size=100_000))
    >>> abs(y.mean()).round(1), y.std().round(1)
    (np.float64(0.0), np.float64(1.0))
    """


class CELU(Activation, function=F.celu):
    """``max(0, x) + min(0, alpha·(e^(x/alpha) - 1))``; see `F.celu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.CELU(alpha=0.5)(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.4323,  0.    ,  1.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class GLU(Activation, function=F.glu):
    """``a·sigmoid(b)`` of the two halves of ``axis``; see `F.glu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.GLU()(np.array([3.0, 5.0, 0.0, -100.0])).round(4)
    array([1.5, 0. ])
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class Mish(Activation, function=F.mish):
    """``x·tanh(softplus(x))``; see `F.mish`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Mish()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """


class Hardtanh(Activation, function=F.hardtanh):
    """``x`` between ``min_val`` and ``max_val``, these outside; see `F.hardtanh`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardtanh(-2.0, 1.0)(np.array([-3.0, 0.5, 3.0]))
    array([-2. ,  0.5,  1. ])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class ReLU6(Activation, function=F.relu6):
    """``min(max(0, x), 6)``; see `F.relu6`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ReLU6()(np.array([-1.0, 3.0, 9.0]))
    array([0., 3., 6.])
    """


class Hardsigmoid(Activation, function=F.hardsigmoid):
    """``min(max(0, x/6 + 1/2), 1)``; see `F.hardsigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardsigmoid()(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """


class Hardswish(Activation, function=F.hardswish):
    """``x·hardsigmoid(x)``; see `F.hardswish`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardswish()(np.array([-1.5, 1.0, 3.0])).round(4)
    array([-0.375 ,  0.6667,  3.    ])
    """


class Softshrink(Activation, function=F.softshrink):
    """``x`` moved by ``lambd`` towards 0, and 0 where that passes it; see `F.softshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softshrink(0.5)(np.array([-2.0, 0.3, 2.0]))
    array([-1.5,  0. ,  1.5])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Hardshrink(Activation, function=F.hardshrink):
    """``x`` where ``|x| > lambd``, 0 elsewhere; see `F.hardshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardshrink(0.5)(np.array([-2.0, 0.3, 2.0]))
    array([-2.,  0.,  2.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softsign(Activation, function=F.softsign):
    """``x / (1 + |x|)``; see `F.softsign`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softsign()(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """


class Tanhshrink(Activation, function=F.tanhshrink):
    """``x - tanh x``; see `F.tanhshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Tanhshrink()(np.array([0.1, 3.0])).round(4)
    array([3.0000e-04, 2.0049e+00])
    """


class LogSigmoid(Activation, function=ops.log_sigmoid):
    """``ln sigmoid(x)``; see `mg.log_sigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LogSigmoid()(np.array([-1000.0, 0.0])).round(4)
    array([-1.000e+03, -6.931e-01])
    """


class Softmin(Activation, function=F.softmin):
    """``softmax(-x)`` along ``axis``; see `F.softmin`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softmin()(np.array([1.0, 2.0, 3.0])).round(3)
    array([0.665, 0.245, 0.09 ])
    """

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
