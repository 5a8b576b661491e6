"""Activations as layers, for `Sequential`."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.applied import Applied
from minigrad.nn.checks import count, floating
from minigrad.nn.layers import parameter
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType


class ReLU(Applied, function=ops.relu):
    """``max(0, x)``; see `mg.relu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ReLU()(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """


class Sigmoid(Applied, function=ops.sigmoid):
    """``1/(1 + e⁻ˣ)``; see `mg.sigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Sigmoid()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.2689, 0.5   , 0.7311])
    """


class Tanh(Applied, function=ops.tanh):
    """``tanh x``; see `mg.tanh`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Sequential(mg.nn.Linear(2, 3, rng=0), mg.nn.Tanh())(np.ones((4, 2))).shape
    (4, 3)
    """


class Softplus(Applied, function=ops.softplus):
    """``ln(1 + eˣ)``; see `mg.softplus`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softplus()(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """


class SiLU(Applied, function=ops.silu):
    """``x·sigmoid(x)``; see `mg.silu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.SiLU()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """


class LeakyReLU(Applied, function=ops.leaky_relu):
    """``x`` where it is positive, ``negative_slope·x`` elsewhere; see `mg.leaky_relu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LeakyReLU(0.1)(np.array([-2.0, 2.0]))
    array([-0.2,  2. ])
    """


class ELU(Applied, function=ops.elu):
    """``x`` where it is positive, ``alpha·(eˣ - 1)`` elsewhere; see `mg.elu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ELU(alpha=2.0)(np.array([-100.0, -1.0, 3.0])).round(4)
    array([-2.    , -1.2642,  3.    ])
    """


class GELU(Applied, function=ops.gelu):
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


class Softmax(Applied, function=ops.softmax):
    """``eˣⁱ / Σⱼ eˣʲ`` along ``axis``; see `mg.softmax`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> p = mg.nn.Softmax()(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    >>> p.round(3), p.sum(axis=1)
    (array([[0.09 , 0.245, 0.665],
           [0.333, 0.333, 0.333]]), array([1., 1.]))
    """


class LogSoftmax(Applied, function=ops.log_softmax):
    """The logarithm of softmax along ``axis``; see `mg.log_softmax`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LogSoftmax()(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """


class SELU(Applied, function=F.selu):
    """ELU scaled so that means and variances settle at 0 and 1; see `F.selu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> y = mg.nn.SELU()(np.random.default_rng(0).normal(size=100_000))
    >>> abs(y.mean()).round(1), y.std().round(1)
    (np.float64(0.0), np.float64(1.0))
    """


class CELU(Applied, function=F.celu):
    """``max(0, x) + min(0, alpha·(e^(x/alpha) - 1))``; see `F.celu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.CELU(alpha=0.5)(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.4323,  0.    ,  1.    ])
    """


class GLU(Applied, function=F.glu):
    """``a·sigmoid(b)`` of the two halves of ``axis``; see `F.glu`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.GLU()(np.array([3.0, 5.0, 0.0, -100.0])).round(4)
    array([1.5, 0. ])
    """


class Mish(Applied, function=F.mish):
    """``x·tanh(softplus(x))``; see `F.mish`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Mish()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """


class Hardtanh(Applied, function=F.hardtanh):
    """``x`` between ``min_val`` and ``max_val``, these outside; see `F.hardtanh`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardtanh(-2.0, 1.0)(np.array([-3.0, 0.5, 3.0]))
    array([-2. ,  0.5,  1. ])
    """


class ReLU6(Applied, function=F.relu6):
    """``min(max(0, x), 6)``; see `F.relu6`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ReLU6()(np.array([-1.0, 3.0, 9.0]))
    array([0., 3., 6.])
    """


class Hardsigmoid(Applied, function=F.hardsigmoid):
    """``min(max(0, x/6 + 1/2), 1)``; see `F.hardsigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardsigmoid()(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """


class Hardswish(Applied, function=F.hardswish):
    """``x·hardsigmoid(x)``; see `F.hardswish`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardswish()(np.array([-1.5, 1.0, 3.0])).round(4)
    array([-0.375 ,  0.6667,  3.    ])
    """


class Softshrink(Applied, function=F.softshrink):
    """``x`` moved by ``lambd`` towards 0, and 0 where that passes it; see `F.softshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softshrink(0.5)(np.array([-2.0, 0.3, 2.0]))
    array([-1.5,  0. ,  1.5])
    """


class Hardshrink(Applied, function=F.hardshrink):
    """``x`` where ``|x| > lambd``, 0 elsewhere; see `F.hardshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Hardshrink(0.5)(np.array([-2.0, 0.3, 2.0]))
    array([-2.,  0.,  2.])
    """


class Softsign(Applied, function=F.softsign):
    """``x / (1 + |x|)``; see `F.softsign`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softsign()(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """


class Tanhshrink(Applied, function=F.tanhshrink):
    """``x - tanh x``; see `F.tanhshrink`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Tanhshrink()(np.array([0.1, 3.0])).round(4)
    array([3.0000e-04, 2.0049e+00])
    """


class LogSigmoid(Applied, function=ops.log_sigmoid):
    """``ln sigmoid(x)``; see `mg.log_sigmoid`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LogSigmoid()(np.array([-1000.0, 0.0])).round(4)
    array([-1.000e+03, -6.931e-01])
    """


class Softmin(Applied, function=F.softmin):
    """``softmax(-x)`` along ``axis``; see `F.softmin`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Softmin()(np.array([1.0, 2.0, 3.0])).round(3)
    array([0.665, 0.245, 0.09 ])
    """


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
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: DType = np.float64
    ) -> None:
        n = count("PReLU", "num_parameters", num_parameters)
        self.weight = parameter(np.full(n, init, floating("PReLU", dtype)))

    def forward(self, x: Array) -> Array:
        """The same shape."""
        return F.prelu(x, self.weight)

    def details(self) -> str:
        return f"{self.weight.size}"
