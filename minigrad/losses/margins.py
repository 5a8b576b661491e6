"""Losses of pairs and triples: who scores higher, who is nearer."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.losses.checks import array, called, pair, reduced, signs
from minigrad.typing import Array

# --- scores ----------------------------------------------------------------------------


def margin_ranking(
    score: Array, other: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """``max(0, −t (s₁ − s₂) + Δ)``: s₁ shall be larger where t = 1, s₂ where t = −1.

    Derivative: ``-t`` by s₁ and ``t`` by s₂ where the loss is above 0; over m in a mean.

    Parameters
    ----------
    score, other : array_like
        s₁ and s₂, of the same shape.
    target : array_like
        +1 and −1, of that shape.
    margin : float
        Δ, by which the larger one shall win; not negative.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and labels other than −1 and +1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a, b, t = np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array([1, -1])
    >>> mg.losses.margin_ranking(a, b, t, reduction="none")
    array([0., 1.])
    """
    loss = "margin_ranking"
    least(loss, margin)
    a, b = pair(score, other, loss)
    _, t = pair(a, target, loss)
    signs(t, loss, target)
    return reduced(ops.relu(margin - t * (a - b)), reduction, loss)


def hinge_embedding(
    distance: Array, target: Array, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """``d`` of pairs that belong together (t = 1), ``max(0, Δ − d)`` of others (t = −1).

    Derivative: 1 where t = 1; where t = -1, -1 for ``d < Δ``, else 0; over m in a mean.

    R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality Reduction by Learning an
    Invariant Mapping" (2006), without its squares.

    Parameters
    ----------
    distance, target : array_like
        Of the same shape; targets are +1 and −1.
    margin : float
        Δ, not negative.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and labels other than −1 and +1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> d, t = np.array([0.5, 0.25, 3.0]), np.array([1, -1, -1])
    >>> mg.losses.hinge_embedding(d, t, reduction="none")
    array([0.5 , 0.75, 0.  ])
    """
    loss = "hinge_embedding"
    least(loss, margin)
    d, t = pair(distance, target, loss)
    signs(t, loss, target)
    return reduced(np.where(t > 0, d, ops.relu(margin - d)), reduction, loss)


# --- vectors ---------------------------------------------------------------------------


def cosine_embedding(
    x: Array, other: Array, target: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """``1 − cos(x₁, x₂)`` where t = 1, ``max(0, cos(x₁, x₂) − Δ)`` where t = −1.

    Derivative: of ``c = cos(x₁, x₂)`` by x₁: ``(x₂/‖x₂‖ - c x₁/‖x₁‖) / ‖x₁‖``, times -1 where t =
    1.

    Parameters
    ----------
    x, other : (..., features)
        x₁ and x₂.
    target : (...)
        +1 and −1, one for each pair of vectors.
    margin : float
        Δ between −1 and 1.
    reduction : {"mean", "sum", "none"}
        Over the pairs.

    Raises
    ------
    ValueError
        For shapes that do not belong together, and labels other than −1 and +1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a, b = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [3.0, 0.0]])
    >>> mg.losses.cosine_embedding(a, b, np.array([1, -1]), reduction="none").round(9)
    array([1., 1.])
    """
    loss = "cosine_embedding"
    if not -1 <= margin <= 1:
        raise ValueError(f"{loss}: margin must be between -1 and 1, not {margin!r}")
    a, b = vectors(x, other, loss)
    t = array(target, loss, "target")
    if t.shape != a.shape[:-1]:
        raise ValueError(
            f"{loss}: vectors {a.shape} go with targets {a.shape[:-1]}, "
            f"but {called(target, 'target')} has shape {t.shape}"
        )
    signs(t, loss, target)
    tiny = 1e-12  # PyTorch's: a vector of zeros is at a right angle to every other
    squares = (np.sum(a * a, axis=-1) + tiny) * (np.sum(b * b, axis=-1) + tiny)
    cos = np.sum(a * b, axis=-1) / np.sqrt(squares)
    return reduced(np.where(t > 0, 1 - cos, ops.relu(cos - margin)), reduction, loss)


def triplet_margin(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """``max(0, d(a, p) − d(a, n) + Δ)``: the anchor a shall be nearer to p than to n.

    Derivative: where the loss is above 0, the unit vectors between the points:
    ``u(a-p) - u(a-n)`` by a.

    d is the p-norm of the difference (plus ε).  F. Schroff, D. Kalenichenko and
    J. Philbin, "FaceNet" (2015); ``swap`` takes the smaller of d(a, n) and d(p, n)
    (V. Balntas et al., "Learning local feature descriptors with triplets", 2016).

    Parameters
    ----------
    anchor, positive, negative : (..., features)
    margin : float
        Δ, positive.
    p : float
        Of the norm, positive.
    eps : float
        Added to each difference, as PyTorch does, so that d has a slope at 0.
    swap : bool
    reduction : {"mean", "sum", "none"}
        Over the triples.

    Raises
    ------
    ValueError
        For shapes that differ, and a margin or p that is not positive.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> a, p, n = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[0.0, 1.0]])
    >>> print(f"{mg.losses.triplet_margin(a, p, n):.4f}")
    5.0000
    """
    loss = "triplet_margin"
    for name, value in (("margin", margin), ("p", p)):
        if not value > 0:
            raise ValueError(f"{loss}: {name} must be positive, not {value!r}")
    a, b = vectors(anchor, positive, loss)
    _, c = vectors(a, negative, loss)

    def distance(u: Array, v: Array) -> Array:
        return np.linalg.norm(u - v + eps, ord=p, axis=-1)

    far = distance(a, c)
    if swap:
        far = np.minimum(far, distance(b, c))
    return reduced(ops.relu(distance(a, b) - far + margin), reduction, loss)


def vectors(x: Array, other: Array, loss: str) -> tuple[Array, Array]:
    """Both as arrays of the same shape that end in an axis of features."""
    a, b = pair(x, other, loss)
    if not a.ndim:
        raise ValueError(f"{loss}: {called(x, 'first argument')} is a single number, not a vector")
    return a, b


def least(loss: str, margin: float) -> None:
    """Refuse a negative margin."""
    if not margin >= 0:
        raise ValueError(f"{loss}: margin must not be negative, as {margin!r} is")
