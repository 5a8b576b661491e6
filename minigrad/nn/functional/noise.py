"""What is drawn at random while training: dropout and its kin, choices that are differentiable."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.nn.checks import fraction, generator
from minigrad.nn.windows import batched
from minigrad.ops.shape import arrayed
from minigrad.tensor import drawn
from minigrad.typing import Array, Function, Random, Shape


def mask(who: str, x: Array, shape: Shape, p: float, rng: Random) -> Array:
    """Ones, and zeros with probability ``p``, of the dtype of ``x``."""
    kind = x.dtype if hasattr(x, "dtype") and x.dtype.kind == "f" else np.dtype(np.float64)
    return (drawn(generator(who, rng), shape) >= p).astype(kind)


def dropout(x: Array, p: float = 0.5, rng: Random = None) -> Array:
    """Every element 0 with probability ``p``, the others divided by 1 − p.

    Derivative: ``dy / (1 - p)`` where the element stayed, 0 where it was dropped.

    N. Srivastava et al., "Dropout" (2014).  ``rng`` is a NumPy ``Generator``, by default that
    of `mg.nn.seed`.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.ones(6), 0.5, np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    """
    p = fraction("dropout", "p", p)
    if not p:
        return x
    x = arrayed(x)
    kept = mask("dropout", x, np.shape(x), p, rng)
    return x * (kept / kept.dtype.type(1 - p))


def of_channels(n: int, axes: str) -> Function:
    """`dropout` of whole channels, which have ``n`` axes."""
    name, shape = f"dropout{n}d", (1, 4, *[1] * (n - 1), 2)

    def drop(x: Array, p: float = 0.5, rng: Random = None) -> Array:
        p = fraction(name, "p", p)
        x, unbatched = batched(name, x, n)
        kept = mask(name, x, (*np.shape(x)[:2], *[1] * n), p, rng)
        return unbatched(x * (kept / kept.dtype.type(1 - p)))

    drop.__doc__ = f"""`dropout` of whole channels of (batch, channels, {axes}).

    Derivative: ``dy / (1 - p)`` of the channels that stayed.

    Raises
    ------
    ValueError
        For input of another number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> {name}(np.ones({shape}), 0.5, np.random.default_rng(0)).reshape(4, 2)
    array([[2., 2.],
           [0., 0.],
           [0., 0.],
           [0., 0.]])
    """
    drop.__name__ = drop.__qualname__ = name
    return drop


dropout1d: Function = of_channels(1, "length")
dropout2d: Function = of_channels(2, "height, width")
dropout3d: Function = of_channels(3, "depth, height, width")


SATURATED = -1.0507009873554805 * 1.6732632423543772
"""What `selu` goes to far on the left."""


def saturated(who: str, x: Array, shape: Shape, p: float, rng: Random) -> Array:
    """``x`` with some elements at `SATURATED`, scaled and moved to mean 0 and variance 1 again."""
    kept = mask(who, x, shape, p, rng)
    kind = kept.dtype.type
    scale = 1 / math.sqrt((1 - p) * (1 + p * SATURATED**2))
    away = (1 - kept) * kind(SATURATED)
    return (x * kept + away) * kind(scale) - kind(scale * p * SATURATED)


def alpha_dropout(x: Array, p: float = 0.5, rng: Random = None) -> Array:
    """`dropout` that goes with `selu`: mean 0 and variance 1 stay what they are.

    Derivative: the scale ``dy / √((1 - p)(1 + p s²))`` where the element stayed, s being what
    selu saturates at.

    G. Klambauer et al., "Self-Normalizing Neural Networks" (2017).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> y = alpha_dropout(x, 0.3, np.random.default_rng(1))
    >>> print(f"{y.std():.2f}")
    1.00
    """
    x = arrayed(x)
    return saturated("alpha_dropout", x, np.shape(x), fraction("alpha_dropout", "p", p), rng)


def feature_alpha_dropout(x: Array, p: float = 0.5, rng: Random = None) -> Array:
    """`alpha_dropout` of whole channels, axis 1.

    Derivative: that of `alpha_dropout`, the same for all of a channel.

    Examples
    --------
    >>> import numpy as np
    >>> y = feature_alpha_dropout(np.ones((1, 4, 2)), 0.5, np.random.default_rng(0))
    >>> bool((y[..., 0] == y[..., 1]).all())
    True
    """
    who, x = "feature_alpha_dropout", arrayed(x)
    shape = (*np.shape(x)[:2], *[1] * (np.ndim(x) - 2))
    return saturated(who, x, shape, fraction(who, "p", p), rng)


def rrelu(
    x: Array, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, rng: Random = None
) -> Array:
    """``x`` where it is positive, ``a x`` elsewhere: a drawn while training, else its mean.

    Derivative: 1 where x is positive, a elsewhere.

    B. Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015).

    Parameters
    ----------
    x : array_like
    lower, upper : float
        Between which a is drawn.
    training : bool
    rng : numpy.random.Generator, optional
        By default the one that `nn.seed` seeds.

    Examples
    --------
    >>> rrelu([-1.0, 2.0], 0.1, 0.3).round(6)
    array([-0.2,  2. ])
    """
    x = arrayed(x)
    if not training:
        return ops.leaky_relu(x, (lower + upper) / 2)
    kind = x.dtype if hasattr(x, "dtype") and x.dtype.kind == "f" else np.dtype(np.float64)
    slopes = lower + (upper - lower) * drawn(generator("rrelu", rng), np.shape(x))
    return ops.where(x > 0, x, x * slopes.astype(kind))


def gumbel_softmax(
    x: Array, tau: float = 1.0, hard: bool = False, axis: int = -1, rng: Random = None
) -> Array:
    """A draw from the classes with log-probabilities ``x``: softmax of ``(x + noise)/tau``.

    Derivative: that of softmax, divided by ``tau``; of ``hard`` draws the same, as if they were
    not rounded.

    E. Jang, S. Gu and B. Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017).

    Parameters
    ----------
    x : array_like
    tau : float
        The temperature: towards 0 one class has all.
    hard : bool
        Whether the answer is one class, 1, and 0 for the others.
    axis : int
    rng : numpy.random.Generator, optional
        By default the one that `nn.seed` seeds.

    Raises
    ------
    ValueError
        For a temperature that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> gumbel_softmax(np.zeros(3), hard=True, rng=np.random.default_rng(0))
    array([1., 0., 0.])
    """
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be positive, not {tau!r}")
    x = arrayed(x)
    tiny = np.finfo(float).tiny
    noise = -np.log(-np.log(np.maximum(drawn(generator("gumbel_softmax", rng), np.shape(x)), tiny)))
    kind = x.dtype if hasattr(x, "dtype") and x.dtype.kind == "f" else np.dtype(np.float64)
    soft = ops.softmax((x + noise.astype(kind)) / tau, axis=axis)
    if not hard:
        return soft
    fixed = soft.detach() if hasattr(soft, "detach") else soft
    chosen = np.expand_dims(np.argmax(fixed, axis=axis), axis)
    places = np.reshape(
        np.arange(np.shape(x)[axis]),
        [-1 if i == axis % np.ndim(x) else 1 for i in range(np.ndim(x))],
    )
    return (chosen == places).astype(kind) - fixed + soft
