"""Functions of `minigrad.nn.functional` as layers: what a layer is told is what its function is."""

from __future__ import annotations

import inspect
import math
from typing import Any, ClassVar

import numpy as np

from minigrad import ops
from minigrad.nn import functional as F
from minigrad.nn.checks import fraction, generator
from minigrad.nn.module import Module
from minigrad.ops.record import Op, refuse_keyword
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, Function, Random, Shape


class Applied(Module):
    """A function as a layer: its arguments, but for arrays, are told to the layer, in its order."""

    function: ClassVar[Function]
    taken: ClassVar[tuple[str, ...]]
    called: ClassVar[inspect.Signature]

    def __init_subclass__(cls, function: Function | None = None, arrays: int = 1) -> None:
        if function is None:
            return
        plain = isinstance(function, Op)  # which is no method, and writes its docstring late
        cls.function = function if plain else staticmethod(function)
        parameters = [*inspect.signature(function).parameters.values()][arrays:]
        cls.taken = tuple(p.name for p in parameters)
        cls.called = inspect.Signature(parameters)
        setattr(cls, "__signature__", cls.called)  # noqa: B010

    def __init__(self, *args: Array, **options: Any) -> None:
        who, signature = type(self).__name__, self.called
        for key in options.keys() - set(self.taken):
            refuse_keyword(who, key, options.pop(key), self.taken)
        try:
            self.options: dict[str, Any] = dict(signature.bind(*args, **options).arguments)
        except TypeError as error:
            raise TypeError(f"{who}: {error}; it takes {', '.join(self.taken)}") from None

    def forward(self, *arrays: Array) -> Array:
        """What the function makes of the arrays."""
        return type(self).function(*arrays, **self.options)

    def details(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class Identity(Module):
    """What it is given, whatever it was told when it was made.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.Identity()(3.0)
    3.0
    """

    def __init__(self, *args: Array, **options: Any) -> None:
        pass

    def forward(self, x: Array) -> Array:
        """``x`` itself."""
        return x


class Threshold(Applied, function=F.threshold):
    """``x`` where it is above a threshold, ``value`` elsewhere; see `F.threshold`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Threshold(0.5, 9.0)(np.array([0.2, 0.7]))
    array([9. , 0.7])
    """


class ChannelShuffle(Applied, function=F.channel_shuffle):
    """The channels of ``groups`` in turn; see `F.channel_shuffle`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.ChannelShuffle(2)(np.ones((1, 4, 2, 2))).shape
    (1, 4, 2, 2)
    """


class PixelShuffle(Applied, function=F.pixel_shuffle):
    """From channels to places; see `F.pixel_shuffle`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.PixelShuffle(2)(np.ones((1, 4, 2, 2))).shape
    (1, 1, 4, 4)
    """


class PixelUnshuffle(Applied, function=F.pixel_unshuffle):
    """From places to channels; see `F.pixel_unshuffle`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.PixelUnshuffle(2)(np.ones((1, 4, 2, 2))).shape
    (1, 16, 1, 1)
    """


class LocalResponseNorm(Applied, function=F.local_response_norm):
    """``x`` divided by the size of what neighbouring channels say; see `F.local_response_norm`.

    Parameters
    ----------
    size : int
        How many channels are neighbours.
    alpha, beta, k : float
        ``x / (k + alpha·mean(x²))**beta``, the mean over the neighbours.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LocalResponseNorm(2, alpha=1.0)(np.full((1, 2, 1), 2.0)).round(3).ravel()
    array([0.877, 0.598])
    """


class Upsample(Applied, function=F.interpolate):
    """``x`` with axes of other lengths; see `F.interpolate`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Upsample(scale_factor=2)(np.array([[[1.0, 2.0]]]))
    array([[[1., 1., 2., 2.]]])
    """


class Unfold(Applied, function=F.unfold):
    """Windows as columns; see `F.unfold`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Unfold(2)(np.ones((1, 4, 2, 2))).shape
    (1, 16, 1)
    """


class Fold(Applied, function=F.fold):
    """Columns added up where windows had been; see `F.fold`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Fold((2, 2), 2)(np.ones((1, 4, 1))).ravel()
    array([1., 1., 1., 1.])
    """


class LPPool1d(Applied, function=F.lp_pool1d):
    """The norm of every window; see `F.lp_pool1d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LPPool1d(2, 2)(np.array([[[3.0, 4.0]]]))
    array([[[5.]]])
    """


class LPPool2d(Applied, function=F.lp_pool2d):
    """The norm of every window; see `F.lp_pool2d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LPPool2d(2, 2)(np.ones((1, 1, 2, 2)))
    array([[[[2.]]]])
    """


class LPPool3d(Applied, function=F.lp_pool3d):
    """The norm of every window; see `F.lp_pool3d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.LPPool3d(2, 2)(np.zeros((1, 1, 2, 2, 2)))
    array([[[[[0.]]]]])
    """


class CosineSimilarity(Applied, function=F.cosine_similarity, arrays=2):
    """The cosine of the angle between vectors; see `F.cosine_similarity`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.CosineSimilarity()(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]))
    array([0.96])
    """


class PairwiseDistance(Applied, function=F.pairwise_distance, arrays=2):
    """The norm of the difference of vectors; see `F.pairwise_distance`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.PairwiseDistance()(np.array([[3.0, 4.0]]), np.zeros((1, 2))).round(4)
    array([5.])
    """


class MaxUnpool1d(Applied, function=F.max_unpool1d, arrays=2):
    """Largest elements put back in their places; see `F.max_unpool1d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([[[1.0, 3.0]]])
    >>> largest, places = mg.nn.functional.max_pool1d(x, 2, return_indices=True)
    >>> mg.nn.MaxUnpool1d(2)(largest, places).ravel()
    array([0., 3.])
    """


class MaxUnpool2d(Applied, function=F.max_unpool2d, arrays=2):
    """Largest elements put back in their places; see `F.max_unpool2d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([[[[1.0, 3.0], [2.0, 0.0]]]])
    >>> largest, places = mg.nn.functional.max_pool2d(x, 2, return_indices=True)
    >>> mg.nn.MaxUnpool2d(2)(largest, places).ravel()
    array([0., 3., 0., 0.])
    """


class MaxUnpool3d(Applied, function=F.max_unpool3d, arrays=2):
    """Largest elements put back in their places; see `F.max_unpool3d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> x = np.array([[[[[1.0, 3.0], [2.0, 0.0]]]]])
    >>> largest, places = mg.nn.functional.max_pool3d(x, (1, 2, 2), return_indices=True)
    >>> mg.nn.MaxUnpool3d((1, 2, 2))(largest, places).ravel()
    array([0., 3., 0., 0.])
    """


# --- drawn while training ----------------------------------------------------------------


class _Drawn(Module):
    drop: ClassVar[Function]

    def __init_subclass__(cls, drop: Function | None = None) -> None:
        if drop is not None:
            cls.drop = staticmethod(drop)

    def __init__(self, p: float = 0.5, rng: Random = None) -> None:
        self.p = fraction(type(self).__name__, "p", p)
        self.rng = generator(type(self).__name__, rng)

    def forward(self, x: Array) -> Array:
        """The same shape."""
        return type(self).drop(x, self.p, self.rng) if self.training else x

    def details(self) -> str:
        return f"{self.p:g}"


class Dropout(_Drawn, drop=F.dropout):
    """While training, every element is 0 with probability ``p``, the others grow by 1/(1 − p).

    Parameters
    ----------
    p : float
        In [0, 1).
    rng : Generator or seed, optional
        What the mask is drawn with; by default the generator that `mg.nn.seed` seeds.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.Dropout(0.5, np.random.default_rng(0))
    >>> layer(np.ones(4))
    array([2., 0., 0., 0.])
    >>> layer.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """


class Dropout1d(_Drawn, drop=F.dropout1d):
    """`Dropout` of whole channels of sequences; see `F.dropout1d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Dropout1d(0.5, rng=0)(np.ones((1, 4, 2))).shape
    (1, 4, 2)
    """


class Dropout2d(_Drawn, drop=F.dropout2d):
    """`Dropout` of whole channels of images; see `F.dropout2d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Dropout2d(0.5, rng=0)(np.ones((1, 4, 2, 2))).shape
    (1, 4, 2, 2)
    """


class Dropout3d(_Drawn, drop=F.dropout3d):
    """`Dropout` of whole channels of volumes; see `F.dropout3d`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Dropout3d(0.5, rng=0)(np.ones((1, 4, 2, 2, 2))).shape
    (1, 4, 2, 2, 2)
    """


class AlphaDropout(_Drawn, drop=F.alpha_dropout):
    """`Dropout` that goes with `SELU`; see `F.alpha_dropout`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.AlphaDropout(0.5, rng=0)(np.ones((1, 4))).shape
    (1, 4)
    """


class FeatureAlphaDropout(_Drawn, drop=F.feature_alpha_dropout):
    """`AlphaDropout` of whole channels; see `F.feature_alpha_dropout`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.FeatureAlphaDropout(0.5, rng=0)(np.ones((1, 4, 2))).shape
    (1, 4, 2)
    """


class RReLU(Module):
    """`LeakyReLU` with slopes that are drawn while training; see `F.rrelu`.

    Parameters
    ----------
    lower, upper : float
        Between which they are drawn.
    rng : Generator or seed, optional
        By default the generator that `mg.nn.seed` seeds.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.RReLU(0.1, 0.3).eval()(np.array([-1.0, 2.0])).round(6)
    array([-0.2,  2. ])
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, *, rng: Random = None) -> None:
        self.lower, self.upper, self.rng = lower, upper, generator("RReLU", rng)

    def forward(self, x: Array) -> Array:
        """The same shape."""
        return F.rrelu(x, self.lower, self.upper, self.training, self.rng)


# --- shapes ------------------------------------------------------------------------------


class Flatten(Module):
    """From (batch, ...) to (batch, features), or of the axes from ``start`` to ``end`` one.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of the axes.

    Raises
    ------
    ValueError
        For input without these axes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Flatten()(np.ones((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Array) -> Array:
        """The axes from start to end as one."""
        x = arrayed(x)
        shape, n = np.shape(x), np.ndim(x)
        first, last = (i + n if i < 0 else i for i in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < n:
            raise ValueError(f"Flatten wants input of shape (batch, ...), not {shape}")
        return ops.reshape(
            x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
        )


class Unflatten(Module):
    """One axis as several, the lengths of which are told.

    Parameters
    ----------
    axis : int
    sizes : tuple of int
        One of them may be -1: what is left.

    Raises
    ------
    ValueError
        For an axis of another length.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Unflatten(1, (2, 3))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, axis: int, sizes: Shape) -> None:
        self.axis, self.sizes = axis, tuple(sizes)

    def forward(self, x: Array) -> Array:
        """More axes in place of one."""
        x = arrayed(x)
        shape, axis = np.shape(x), self.axis % max(np.ndim(x), 1)
        return ops.reshape(x, (*shape[:axis], *self.sizes, *shape[axis + 1 :]))
