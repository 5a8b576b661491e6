"""Norms of vectors and matrices, and what is made of singular values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.ops.elementwise import zero
from minigrad.ops.kinds import conjugated
from minigrad.ops.record import Op, composed, is_complex, primitive, register
from minigrad.ops.reduction import restore
from minigrad.ops.shape import arrayed
from minigrad.typing import Array, Axis, Shape


def power_norm_rule(
    g: Array, ans: Array, x: Array, ord: float = 2, axis: Axis = None, keepdims: bool = False
) -> Array:
    """``sign(x) (|x| / ‖x‖)^(p-1)``; 0 where ``x`` is 0, or, for p < 0, its norm."""
    g, ans = restore(g, x, axis), restore(ans, x, axis)
    if ord == 2:
        return g * conjugated(direction(x, ans, axis=axis))
    share = np.where(x == 0, 1.0, direction(np.abs(x), ans, ord=ord, axis=axis))
    if ord < 0:  # one element that is 0 makes the norm 0, whatever the others are
        g = g * (ans != 0)
    return g * conjugated(np.sign(x)) * share ** (ord - 1)


@primitive(
    vjps=(lambda g, ans, x, length, **_: np.zeros_like(x), lambda g, ans, x, length, **_: g),
    name="linalg.reach",
    complex=True,
)
def reach(x: Array, length: Array, /, *, ord: float = 2, axis: Axis = None) -> Array:
    """The norm of ``x``, given as ``length``, where squares are no numbers too; 1 where it is 0."""
    in_memory = isinstance(length, np.ndarray | np.generic)
    if in_memory and ordinary(length, ord):
        return length
    if in_memory:
        c = unit(x, axis)
        known = c * p_norm(x / c, ord=ord, axis=axis, keepdims=True)
        length = np.reshape(known, np.shape(length))
    return np.where(length == 0, 1.0, length)


@primitive(
    vjps=(
        lambda g, ans, x, length, **how: g / reach(x, length, **how),
        lambda g, ans, x, length, **how: -along(g, ans, length, **how) / reach(x, length, **how),
    ),
    name="linalg.direction",
    fresh=True,
    complex=True,
)
def direction(x: Array, length: Array, /, *, ord: float = 2, axis: Axis = None) -> Array:
    """``x / ‖x‖``, also where the squares of ``x`` are no numbers; 0 where ``x`` is 0.

    The norm is given, with its axes kept unless it is one number.
    """
    in_memory = isinstance(length, np.ndarray | np.generic)
    if in_memory and ordinary(length, ord):
        return x / length
    if in_memory:  # the norm of x is that of x / c, times c
        x = x / unit(x, axis)
        length = p_norm(x, ord=ord, axis=axis, keepdims=np.ndim(length) > 0)
    return x / np.where(length == 0, 1.0, length)


def along(g: Array, u: Array, length: Array, ord: float = 2, axis: Axis = None) -> Array:
    """``Σ g u`` for each ``length``, a real number where ``u`` is complex."""
    share = np.sum(g * u, axis=axis, keepdims=np.ndim(length) > 0)
    return np.real(share) if is_complex(share) else share


def unit(x: Array, axis: Axis) -> Array:
    """By what ``x`` can be divided, for elements of ordinary size."""
    largest = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    return np.where((largest == 0) | np.isinf(largest), 1, largest)


def half_square_rule(
    g: Array, ans: Array, x: Array, ord: float = 2, axis: Axis = None, keepdims: bool = False
) -> Array:
    """Of the square of the Euclidean norm; others have a square with kinks, or without slope."""
    return restore(g, x, axis) * (conjugated(x) if ord == 2 else zero(x, x))


def ordinary(length: Array, ord: float) -> bool:
    """Whether no power of an element can have become 0, subnormal, or infinite."""
    info = np.finfo(length.dtype)
    least = float(info.tiny) ** (1 / max(ord, 1)) / float(info.eps)
    if not length.shape:
        return bool(least < length < math.inf)
    return bool(np.all((length > least) & (length < math.inf)))


def p_norm(x: Array, ord: float = 2, axis: Axis = None, keepdims: bool = False) -> Array:
    """``(Σ |x|^p)^(1/p)``."""
    if ord == 2:
        squares = np.real(x * np.conj(x)) if is_complex(x) else x * x
        return np.sqrt(np.sum(squares, axis=axis, keepdims=keepdims))
    return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)


power_norm: Op = primitive(
    vjps=(power_norm_rule,),
    name="linalg.vector_norm",
    fresh=True,
    complex=True,
    half_square=(half_square_rule,),
)(p_norm)


def floating(x: Array) -> Array:
    """``x`` as an array of floating-point numbers."""
    x = arrayed(x)
    return x if np.result_type(x).kind in "fc" else np.multiply(x, 1.0)


def largest(x: Array, axis: Axis, keepdims: bool) -> Array:
    """Largest magnitude, 0 of none at all."""
    if x.size == 0:
        return np.max(x, axis=axis, keepdims=keepdims, initial=0)
    return np.max(x, axis=axis, keepdims=keepdims)


def length_of(x: Array, ord: float | str | None, axis: Axis, keepdims: bool) -> Array:
    """Norm of the vectors along ``axis`` (one, several, or None for all)."""
    if isinstance(ord, str):
        raise ValueError(f"linalg.norm: ord={ord!r} is for matrices, not for vectors")
    if isinstance(ord, np.generic):
        ord = ord.item()  # the powers keep the dtype of x
    if ord == math.inf:
        return largest(np.abs(x), axis, keepdims)
    if ord == -math.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        counted = np.where(np.isnan(x), 1.0, np.abs(np.sign(x)))
        return np.sum(counted, axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    return power_norm(x, ord=2 if ord is None else ord, axis=axis, keepdims=keepdims)


def size_of(x: Array, ord: Any, axis: Shape, keepdims: bool) -> Array:
    """Norm of the matrices whose rows and columns are the two axes."""
    if ord in (None, "fro", "f"):
        return power_norm(x, axis=axis, keepdims=keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        first, second = axis if abs(ord) == 1 else axis[::-1]
        sums = np.sum(np.abs(x), axis=first, keepdims=True)
        ans = largest(sums, second, True) if ord > 0 else np.min(sums, axis=second, keepdims=True)
        return ans if keepdims else np.squeeze(ans, axis)
    if ord not in (2, -2, "nuc"):
        raise ValueError(f"linalg.norm: ord={ord!r} is no norm of matrices")
    last = [i % np.ndim(x) for i in axis] == [np.ndim(x) - 2, np.ndim(x) - 1]
    s = np.linalg.svdvals(x if last else np.moveaxis(x, axis, (-2, -1)))
    if ord == "nuc":
        ans = np.sum(s, axis=-1)
    else:
        ans = largest(s, -1, False) if ord > 0 else np.min(s, axis=-1)
    return np.expand_dims(ans, axis) if keepdims else ans


@composed(np.linalg.norm, name="linalg.norm", complex=True)
def norm(
    x: Array, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False
) -> Array:
    """Norm of vectors or matrices, as `numpy.linalg.norm`.

    Derivative: of vectors, ``x/y``; of matrices as `matrix_norm`.

    The gradient of the Euclidean norm is 0 at the zero vector.  Where several elements
    or singular values are the largest (or smallest), they share the gradient evenly.

    Parameters
    ----------
    x : array_like, of any shape
    ord : None, int, float, 'fro' or 'nuc'
        Which norm: of vectors any number, of matrices ±1, ±2, ±inf, 'fro' and 'nuc'.
    axis : int, pair of ints or None
        An int: vectors along it; a pair: matrices; None: all of ``x``.
    keepdims : bool
        Whether the axes stay, with length 1.

    Returns
    -------
    Tensor, ndarray or scalar
        The shape of ``x`` without the axes.

    Raises
    ------
    ValueError
        For more than two axes, and for an ``ord`` that is no norm of what the axes hold.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    >>> mg.grad(np.linalg.norm)(np.zeros(2))
    array([0., 0.])
    """
    x = floating(x)
    rank = np.ndim(x)
    if axis is None and ord is None:
        return power_norm(x, keepdims=True) if keepdims else power_norm(x)
    axes = normalize_axis_tuple(range(rank) if axis is None else axis, rank)
    if len(axes) == 1:
        return length_of(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return size_of(x, ord, axes, keepdims)
    raise ValueError(
        f"linalg.norm: vectors have one axis and matrices two, but it was asked for {len(axes)}; "
        "choose with axis="
    )


@composed(np.linalg.vector_norm, name="linalg.vector_norm", complex=True)
def vector_norm(x: Array, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """Norm of vectors, along one axis, several, or all, as `numpy.linalg.vector_norm`.

    Derivative: for ord = 2, ``dx = dy·x / y``, and 0 at 0.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.linalg.vector_norm)(np.array([[3.0], [4.0]]))
    array([[0.6],
           [0.8]])
    """
    return length_of(floating(x), ord, axis, keepdims)


@composed(np.linalg.matrix_norm, name="linalg.matrix_norm", complex=True)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Array:
    """Norm of the matrices in the last two axes, as `numpy.linalg.matrix_norm`.

    Derivative: of Frobenius' norm ``x/y``; of the spectral norm ``u vᵀ``; of the nuclear norm
    ``U Vᵀ``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.linalg.matrix_norm)(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = floating(x)
    return size_of(x, ord, normalize_axis_tuple((-2, -1), np.ndim(x)), keepdims)


@composed(np.linalg.cond, name="linalg.cond", complex=True)
def cond(x: Array, p: Array = None) -> Array:
    """Condition number of matrices, as `numpy.linalg.cond`, for ``p`` as in `norm`.

    Derivative: for p = None or 2, that of the quotient of the largest and the smallest singular
    value; else that of ``‖x‖ ‖x⁻¹‖``.

    Raises
    ------
    LinAlgError
        For singular matrices, where ``p`` asks for their inverse.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(np.linalg.cond)(np.diag([4.0, 2.0]))
    array([[ 0.5,  0. ],
           [ 0. , -1. ]])
    """
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        largest, smallest = s[..., 0], s[..., -1]
        nothing = largest == 0
        above, below = (smallest, largest) if p == -2 else (largest, smallest)
        return np.where(nothing, math.inf, above / np.where(nothing, 1, below))[()]
    return matrix_norm(x, ord=p) * matrix_norm(np.linalg.inv(x), ord=p)


matrix_rank: Op = register(
    Op("linalg.matrix_rank", np.linalg.matrix_rank, None, fresh=True), np.linalg.matrix_rank
)
