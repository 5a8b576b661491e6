"""Products with weights, rows of a table, and how alike two vectors are."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import count, laid_out, sized
from minigrad.ops.indexing import from_the_front
from minigrad.ops.shape import arrayed
from minigrad.tensor import Tensor, concrete
from minigrad.typing import Array


def linear(x: Array, weight: Array, bias: Array = None) -> Array:
    """``x Wᵀ + b``.

    Derivative: ``dx = dy @ weight``, ``dweight = dyᵀ @ x`` and ``dbias = sum(dy, 0)``.

    Parameters
    ----------
    x : (..., inputs)
    weight : (outputs, inputs)
    bias : (outputs,), optional

    Raises
    ------
    ValueError
        When x has another number of inputs.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0]]), np.array([0.5]))
    array([11.5])
    """
    return affine("linear", x, weight, bias)


def affine(who: str, x: Array, weight: Array, bias: Array) -> Array:
    x = arrayed(x)
    weight = laid_out(who, weight, 2, "weights of shape (outputs, inputs)")
    sized(who, x, -1, np.shape(weight)[1], "inputs")
    shape = np.shape(x)
    if len(shape) > 2:  # one large product in place of many, here and in the rules
        x = ops.reshape(x, (math.prod(shape[:-1]), shape[-1]))
    y = ops.matmul(x, ops.transpose(weight))
    y = y if bias is None else y + bias
    return ops.reshape(y, (*shape[:-1], np.shape(y)[-1])) if len(shape) > 2 else y


def bilinear(x: Array, other: Array, weight: Array, bias: Array = None) -> Array:
    """``x₁ᵀ W_k x₂ + b_k`` for every output k.

    Derivative: ``dW_k = Σ dy_k x₁ x₂ᵀ`` over the examples, ``dx₁ = Σ_k dy_k W_k x₂``,
    ``dx₂ = Σ_k dy_k W_kᵀ x₁``.

    Parameters
    ----------
    x : (..., n), other : (..., m)
    weight : (outputs, n, m)
    bias : (outputs,), optional

    Raises
    ------
    ValueError
        For inputs of different batches, and weights that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> bilinear(np.array([1.0, 2.0]), np.array([3.0]), np.array([[[1.0], [10.0]]]))
    array([63.])
    """
    x, other = arrayed(x), arrayed(other)
    weight = laid_out("bilinear", weight, 3, "weights of shape (outputs, n, m)")
    _, n, m = np.shape(weight)
    sized("bilinear", x, -1, n, "inputs")
    sized("bilinear", other, -1, m, "inputs")
    if np.shape(x)[:-1] != np.shape(other)[:-1]:
        raise ValueError(f"bilinear: the inputs have shapes {np.shape(x)} and {np.shape(other)}")
    y = ops.einsum("...i,oij,...j->...o", x, weight, other)
    return y if bias is None else y + bias


def embedding(indices: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """The rows of ``weight`` that ``indices`` name.

    Derivative: ``dweight`` is ``dy`` added up in the rows that were named.

    Parameters
    ----------
    indices : integers, any shape
    weight : (count, features)
    padding_idx : int, optional
        A row that is looked up like any other, but gets no gradient.

    Returns
    -------
    indices.shape + (features,)

    Raises
    ------
    TypeError, IndexError
        For indices that are no integers, or name no row.

    Examples
    --------
    >>> import numpy as np
    >>> embedding([2, 0], np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    array([[4., 5.],
           [0., 1.]])
    """
    weight = laid_out("embedding", weight, 2, "weights of shape (count, features)")
    given, indices = indices, arrayed(indices)
    indices = indices if hasattr(indices, "dtype") else np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(
            f"embedding wants integers, and {label(given)} has dtype {indices.dtype}; "
            "convert whole numbers with .astype(int)"
        )
    known = concrete(indices)
    n = np.shape(weight)[0]
    if known is not None and np.size(known):
        low, high = int(np.min(known)), int(np.max(known))
        if low < 0 or high >= n:
            raise IndexError(
                f"embedding has the rows 0 to {n - 1}, and {label(given)} asks for "
                f"{low if low < 0 else high}"
            )
    rows = ops.take(weight, from_the_front(indices, n), axis=0)
    if padding_idx is None:
        return rows
    if not -n <= padding_idx < n:
        raise IndexError(f"embedding has the rows 0 to {n - 1}, and padding_idx is {padding_idx}")
    padding = np.equal(indices, padding_idx % n)[..., None]
    fixed = rows.detach() if isinstance(rows, Tensor) else rows
    return ops.where(padding, fixed, rows)


# --- how alike -------------------------------------------------------------------------


def cosine_similarity(x: Array, other: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    """``x₁·x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε))`` along ``axis``.

    Derivative: ``(x₂/‖x₂‖ - y x₁/‖x₁‖) / ‖x₁‖`` by x₁, and with 1 and 2 exchanged by x₂.

    Examples
    --------
    >>> import numpy as np
    >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]))
    array([0.96])
    """
    x, other = ops.broadcast_arrays(arrayed(x), arrayed(other))
    norms = [ops.maximum(np.linalg.norm(v, axis=axis), eps) for v in (x, other)]
    return ops.sum(x * other, axis=axis) / (norms[0] * norms[1])


def pairwise_distance(
    x: Array, other: Array, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Array:
    """The p-norm of ``x₁ − x₂ + ε`` along the last axis.

    Derivative: for p = 2, the unit vector ``(x₁ - x₂ + ε)/y`` by x₁, minus that by x₂.

    Examples
    --------
    >>> import numpy as np
    >>> pairwise_distance(np.array([[3.0, 4.0]]), np.zeros((1, 2))).round(4)
    array([5.])
    """
    difference = arrayed(x) - arrayed(other) + eps
    return np.linalg.norm(difference, ord=p, axis=-1, keepdims=keepdims)


def normalize(x: Array, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Array:
    """``x / max(‖x‖, ε)`` with the p-norm along ``axis``.

    Derivative: for p = 2, ``dx = (dy - y Σ dy y) / ‖x‖``: what is left of ``dy`` at right angles
    to x.

    Examples
    --------
    >>> import numpy as np
    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = arrayed(x)
    norm = np.linalg.norm(x, ord=p, axis=axis, keepdims=True)
    return x / ops.maximum(norm, eps)


def pdist(x: Array, p: float = 2.0) -> Array:
    """The p-norms of ``xᵢ − xⱼ`` for every pair i < j of rows, from (n, features).

    Derivative: for p = 2, ``(xᵢ - xⱼ)/y`` by xᵢ, minus that by xⱼ; 0 for equal rows.

    Raises
    ------
    ValueError
        For input that is no matrix.

    Examples
    --------
    >>> pdist([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]).round(4)
    array([5.    , 1.    , 4.2426])
    """
    x = laid_out("pdist", x, 2, "input of shape (n, features)")
    i, j = np.triu_indices(np.shape(x)[0], 1)
    return np.linalg.norm(x[i] - x[j], ord=p, axis=-1)


def one_hot(x: Array, num_classes: int = -1) -> Array:
    """Vectors that are 1 at the integers ``x`` and 0 elsewhere, of whole numbers.

    No gradient flows through them.

    Parameters
    ----------
    x : (...) of int
    num_classes : int
        Their length; by default one more than the largest of ``x``.

    Raises
    ------
    TypeError
        For what are no integers.
    ValueError
        For numbers that are negative, or not below ``num_classes``.

    Examples
    --------
    >>> one_hot([0, 2])
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    x = np.asarray(arrayed(x))
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot wants integers, and x has dtype {x.dtype}")
    n = (
        int(np.max(x, initial=-1)) + 1
        if num_classes == -1
        else count("one_hot", "num_classes", num_classes)
    )
    if x.size and not (np.min(x) >= 0 and np.max(x) < n):
        raise ValueError(f"one_hot: {n} classes are 0 to {n - 1}; x has {x.min()} to {x.max()}")
    return (x[..., None] == np.arange(n)).astype(np.int64)
