"""Losses of labels: two classes, many classes, distributions over them."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.losses.checks import (
    array,
    axis_of_classes,
    broadcast_weight,
    called,
    classes,
    in_memory,
    pair,
    reduced,
    signs,
    weights,
    within,
)
from minigrad.typing import Array

# --- two classes -----------------------------------------------------------------------


def binary_cross_entropy(
    probability: Array, target: Array, reduction: str = "mean", weight: Array = None
) -> Array:
    """``−(y log p + (1 − y) log(1 − p))`` of probabilities p.

    A logarithm counts as at least −100, as in PyTorch (−87 in float32), so that a p of
    exactly 0 or 1 has a finite loss; its derivative there is that of a constant.  A
    sigmoid that saturates is better left to `binary_cross_entropy_with_logits`, which is
    exact everywhere.

    Parameters
    ----------
    probability, target : array_like
        Of the same shape, between 0 and 1.
    reduction : {"mean", "sum", "none"}
    weight : array_like, optional
        A factor for each loss, broadcast to their shape; a mean still divides by their number.

    Raises
    ------
    ValueError
        For shapes that differ, and numbers outside [0, 1].

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> loss = mg.losses.binary_cross_entropy(np.array([0.5, 0.9]), np.array([1, 1]))
    >>> print(f"{loss:.6f}")
    0.399254
    """
    loss = "binary_cross_entropy"
    p, y = pair(probability, target, loss)
    remedy = "these look like logits: use binary_cross_entropy_with_logits"
    values = in_memory(p)
    if not (values is None or np.isnan(values).any()):  # a NaN is no mistake of this argument
        within(p, 0, 1, loss, probability, remedy, "prediction")
    within(y, 0, 1, loss, target, "the two labels are 0 and 1")
    losses = -(y * bounded_log(p) + (1 - y) * bounded_log(1 - p))
    return reduced(weighted(losses, weight, loss), reduction, loss)


def weighted(losses: Array, weight: Array, loss: str) -> Array:
    """Each loss times its weight, if there is one."""
    if weight is None:
        return losses
    return losses * broadcast_weight(weight, np.shape(losses), loss, "weight")


def bounded_log(x: Array) -> Array:
    tiny = float(np.finfo(np.result_type(x.dtype, np.float16)).tiny)
    return np.log(np.maximum(x, max(math.exp(-100), tiny)))


def binary_cross_entropy_with_logits(
    logit: Array,
    target: Array,
    reduction: str = "mean",
    weight: Array = None,
    pos_weight: Array = None,
) -> Array:
    """``−(y log σ(z) + (1 − y) log σ(−z))`` of logits z; its derivative is ``σ(z) − y``.

    Parameters
    ----------
    logit, target : array_like
        Of the same shape; targets between 0 and 1.
    reduction : {"mean", "sum", "none"}
    weight : array_like, optional
        A factor for each loss, broadcast to their shape; a mean still divides by their number.
    pos_weight : array_like, optional
        A factor for the first term, that of the label 1: above 1 for rare positives.

    Raises
    ------
    ValueError
        For shapes that differ, and targets outside [0, 1].

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> z, y = np.array([0.0, 1e4, 1e4]), np.array([1, 1, 0])
    >>> mg.losses.binary_cross_entropy_with_logits(z, y, reduction="none").round(6)
    array([6.93147e-01, 0.00000e+00, 1.00000e+04])
    """
    loss = "binary_cross_entropy_with_logits"
    z, y = pair(logit, target, loss)
    within(y, 0, 1, loss, target, "the two labels are 0 and 1")
    positive = y
    if pos_weight is not None:
        positive = y * broadcast_weight(pos_weight, z.shape, loss, "pos_weight")
    losses = -(positive * ops.log_sigmoid(z) + (1 - y) * ops.log_sigmoid(-z))
    return reduced(weighted(losses, weight, loss), reduction, loss)


def hinge(score: Array, target: Array, reduction: str = "mean") -> Array:
    """``max(0, 1 − t s)`` of scores s and labels t, which are −1 and +1.

    Derivative: ``-t`` where ``t s < 1``, else 0; over m in a mean.

    C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20 (1995).

    Parameters
    ----------
    score, target : array_like
        Of the same shape.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        For shapes that differ, and labels other than −1 and +1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.hinge(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]), reduction="none")
    array([0. , 0.5, 1.5])
    """
    s, t = pair(score, target, "hinge")
    signs(t, "hinge", target)
    return reduced(ops.relu(1 - t * s), reduction, "hinge")


def soft_margin(score: Array, target: Array, reduction: str = "mean") -> Array:
    """``log(1 + exp(−t s))`` of scores s and labels t, which are −1 and +1.

    Its derivative is ``−t σ(−t s)``.  Arguments and errors as for `hinge`.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.losses.soft_margin(np.array([0.0, 1e4]), np.array([1, -1]), reduction="none")
    array([6.93147181e-01, 1.00000000e+04])
    """
    s, t = pair(score, target, "soft_margin")
    signs(t, "soft_margin", target)
    return reduced(ops.softplus(-t * s), reduction, "soft_margin")


# --- many classes ----------------------------------------------------------------------


def cross_entropy(
    logits: Array,
    target: Array,
    axis: int = -1,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    weight: Array = None,
    ignore_index: int | None = None,
) -> Array:
    """``−Σ_c w_c y_c log softmax(z)_c``; unweighted, its derivative is ``softmax(z) − y``.

    Parameters
    ----------
    logits : array_like
        Scores z before softmax, one per class along ``axis``.
    target : array_like
        Either class indices: integers, of the logits' shape without ``axis``.  Or
        probabilities y, of the logits' shape, that sum to 1 along ``axis``.
    axis : int
        Where the classes are: the last axis, as opposed to PyTorch's second.
    label_smoothing : float
        ε between 0 and 1 that makes ``(1 − ε) y + ε/C`` of y, for C classes (Szegedy et
        al., "Rethinking the Inception Architecture for Computer Vision", 2016).
    reduction : {"mean", "sum", "none"}
        Over the examples.  With class indices the mean is weighted: it divides by the
        sum of the weights of the right classes, without the examples that are ignored.
    weight : (classes,), optional
        Factors w; 1 by default.
    ignore_index : int, optional
        A label whose examples count for nothing (−100 in PyTorch, where it is the default).

    Raises
    ------
    TypeError
        For class indices that are no integers.
    ValueError
        For shapes that do not belong together, class indices that do not exist, and
        probabilities that are none.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> z = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 1e4, 0.0, -1e4]])
    >>> mg.losses.cross_entropy(z, np.array([2, 0]), reduction="none")
    array([1.38629436e+00, 1.00000000e+04])
    >>> mg.losses.cross_entropy(z, np.eye(4)[[2, 0]], reduction="none")
    array([1.38629436e+00, 1.00000000e+04])
    """
    loss = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{loss}: label_smoothing must be between 0 and 1, not {label_smoothing}")
    if np.shape(logits) == np.shape(target):
        if ignore_index is not None:
            raise ValueError(f"{loss}: ignore_index= goes with class indices, not probabilities")
        z, y = probabilities(logits, target, axis, loss)
        log_q = ops.log_softmax(z, axis=axis)
        if weight is not None:
            log_q = log_q * along(weights(weight, z.shape[axis], loss), axis, z.ndim)
        losses = -np.sum(y * log_q, axis=axis)
        return reduced(smoothed(losses, log_q, label_smoothing, axis), reduction, loss)
    z, y, counted = labelled(logits, target, axis, loss, ignore_index)
    log_q = ops.log_softmax(z, axis=axis)
    return of_labels(log_q, y, counted, axis, weight, label_smoothing, reduction, loss)


def nll(
    log_probability: Array,
    target: Array,
    axis: int = -1,
    reduction: str = "mean",
    weight: Array = None,
    ignore_index: int | None = None,
) -> Array:
    """``−w_y log q_y``, the negative log-likelihood of classes y, given ``log q``.

    Derivative: ``-w_y`` at the right class, 0 at the others; over the sum of the weights in a
    mean.

    `cross_entropy` is this of ``mg.log_softmax(logits)``.  Arguments and errors as there.

    Parameters
    ----------
    log_probability : array_like
        ``log q``, one per class along ``axis``.
    target : array_like of int
        Class indices, of that shape without ``axis``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> log_q = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    >>> mg.losses.nll(log_q, np.array([1, 2]), reduction="none").round(6)
    array([1.386294, 0.223144])
    """
    log_q, y, counted = labelled(log_probability, target, axis, "nll", ignore_index)
    return of_labels(log_q, y, counted, axis, weight, 0.0, reduction, "nll")


def labelled(
    scores: Array, target: Array, axis: int, loss: str, ignore_index: int | None
) -> tuple[Array, Array, Array]:
    """Scores, class indices, and which examples count (None: all of them)."""
    if ignore_index is None:
        return *classes(scores, target, loss, axis), None
    y = array(target, loss, "target")
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int | np.integer):
        raise TypeError(f"{loss}: ignore_index must be an integer, not {ignore_index!r}")
    counted = np.not_equal(y, ignore_index)
    return *classes(scores, np.where(counted, y, 0), loss, axis), counted


def of_labels(
    log_q: Array,
    y: Array,
    counted: Array,
    axis: int,
    weight: Array,
    smoothing: float,
    reduction: str,
    loss: str,
) -> Array:
    """Losses of examples with class indices ``y``; the mean weighs as they do."""
    share = None if counted is None else counted.astype(log_q.dtype)
    if weight is not None:
        w = weights(weight, log_q.shape[axis], loss).astype(log_q.dtype)
        log_q = log_q * along(w, axis, log_q.ndim)
        of_example = ops.take(w, y)
        share = of_example if share is None else of_example * share
    losses = smoothed(-chosen(log_q, y, axis), log_q, smoothing, axis)
    if counted is not None:
        losses = np.where(counted, losses, 0)
    if share is None or reduction != "mean":
        return reduced(losses, reduction, loss)
    return np.sum(losses) / np.sum(share)


def smoothed(losses: Array, log_q: Array, smoothing: float, axis: int) -> Array:
    """The losses, a share ``smoothing`` of them for labels spread evenly over the classes."""
    if not smoothing:
        return losses
    return (1 - smoothing) * losses - smoothing * np.mean(log_q, axis=axis)


def along(w: Array, axis: int, ndim: int) -> Array:
    """A vector laid along ``axis`` of an array of ``ndim`` axes."""
    return np.reshape(w, tuple(-1 if i == axis % ndim else 1 for i in range(ndim)))


def chosen(scores: Array, y: Array, axis: int) -> Array:
    """The score of its class, for each example."""
    places: list[Array] = list(np.indices(y.shape, sparse=True))
    places.insert(axis % scores.ndim, y)
    return scores[tuple(places)]


def probabilities(logits: Array, target: Array, axis: int, loss: str) -> tuple[Array, Array]:
    """Both as arrays of the same shape, the target summing to 1 along ``axis``."""
    z, y = pair(logits, target, loss)
    axis_of_classes(z, axis, loss)
    within(y, 0, 1, loss, target, "a target of the logits' shape holds probabilities")
    values = in_memory(y)
    if values is not None and (worst := np.max(np.abs(values.sum(axis=axis) - 1))) > 1e-3:
        raise ValueError(
            f"{loss}: the probabilities of {called(target, 'target')} must sum to 1 along "
            f"axis {axis}; they are off by up to {worst:.3g}"
        )
    return z, y


def multiclass_hinge(
    scores: Array, target: Array, margin: float = 1.0, reduction: str = "mean", weight: Array = None
) -> Array:
    """``Σ_{j ≠ y} max(0, s_j − s_y + Δ)``, the loss of a support vector machine.

    Derivative: 1 by every ``s_j`` inside the margin, minus their number by ``s_y``; over the
    examples in a mean.

    J. Weston and C. Watkins, "Support Vector Machines for Multi-Class Pattern
    Recognition", ESANN 1999.  PyTorch's ``multi_margin_loss`` divides it by the number
    of classes.

    Parameters
    ----------
    scores : array_like
        s, one per class along the last axis.
    target : array_like of int
        Class indices, of the scores' shape without the last axis.
    margin : float
        Δ, by which the right class shall win; not negative.
    reduction : {"mean", "sum", "none"}
        Over the examples.
    weight : (classes,), optional
        A factor for the loss of an example, by its class.

    Raises
    ------
    TypeError, ValueError
        As for `cross_entropy` with class indices.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0]])
    >>> mg.losses.multiclass_hinge(scores, np.array([0, 1]), reduction="none").round(6)
    array([2.9, 0. ])
    """
    if not margin >= 0:
        raise ValueError(f"multiclass_hinge: margin must not be negative, as {margin!r} is")
    s, y = classes(scores, target, "multiclass_hinge")
    own = np.expand_dims(chosen(s, y, -1), -1)
    losses = np.sum(ops.relu(s - own + margin), axis=-1) - margin  # j = y contributes Δ
    if weight is not None:
        losses = losses * ops.take(weights(weight, s.shape[-1], "multiclass_hinge"), y)
    return reduced(losses, reduction, "multiclass_hinge")


def kl_divergence(logits: Array, target: Array, axis: int = -1, reduction: str = "mean") -> Array:
    """``D(p‖q) = Σ_c p_c (log p_c − log q_c)`` of a target p and ``q = softmax(logits)``.

    Derivative: ``q - p`` by the logits; over the examples in a
    mean.

    Log-probabilities are logits too: for given q pass ``np.log(q)``.  S. Kullback and
    R. A. Leibler, "On Information and Sufficiency" (1951).

    Parameters
    ----------
    logits : array_like
        Scores before softmax, one per class along ``axis``.
    target : array_like
        Probabilities p of the same shape, that sum to 1 along ``axis``.
    axis : int
    reduction : {"mean", "sum", "none", "batchmean"}
        Over the examples, each a distribution; ``"batchmean"`` is their sum divided by the
        length of the first axis, as in PyTorch (whose ``"mean"`` divides by all elements).

    Raises
    ------
    ValueError
        For shapes that differ, and probabilities that are none.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    >>> print(f"{mg.losses.kl_divergence(np.log(q), p):.6f} = log 2")
    0.693147 = log 2
    """
    z, p = probabilities(logits, target, axis, "kl_divergence")
    log_p = np.log(np.where(p > 0, p, 1))  # 0 log 0 = 0
    losses = np.sum(p * (log_p - ops.log_softmax(z, axis=axis)), axis=axis)
    if reduction == "batchmean":
        return np.sum(losses) / z.shape[0]
    return reduced(losses, reduction, "kl_divergence")
