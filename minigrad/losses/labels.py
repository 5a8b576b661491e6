"""Losses of several labels at once, and of sequences of labels that nobody has aligned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.losses.checks import (
    array,
    broadcast_weight,
    called,
    classes,
    in_memory,
    pair,
    reduced,
    weights,
    within,
)
from minigrad.losses.classification import chosen
from minigrad.typing import Array

# --- margins ---------------------------------------------------------------------------


def multi_margin(
    scores: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array = None,
    reduction: str = "mean",
) -> Array:
    """``1/C Σ_{j ≠ y} max(0, s_j − s_y + Δ)ᵖ`` of C classes; see `multiclass_hinge`.

    Derivative: by ``s_j``, ``p/C (s_j - s_y + Δ)ᵖ⁻¹`` where that is above 0; by ``s_y`` minus
    their sum.

    Parameters
    ----------
    scores : (..., classes)
    target : (...) of int
        y, a class for each example.
    p : {1, 2}
    margin : float
        Δ, by which the right class shall win.
    weight : (classes,), optional
        A factor for what an example loses, by its class, before the power is taken of it.
    reduction : {"mean", "sum", "none"}
        Over the examples.

    Raises
    ------
    TypeError, ValueError
        As for `cross_entropy` with class indices.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> print(mg.losses.multi_margin(np.array([[0.1, 0.2, 0.6]]), np.array([2]), p=2).round(6))
    0.203333
    """
    loss = "multi_margin"
    if p not in (1, 2):
        raise ValueError(f"{loss}: p must be 1 or 2, not {p!r}")
    s, y = classes(scores, target, loss)
    lost = ops.relu(s - np.expand_dims(chosen(s, y, -1), -1) + margin) ** p
    number = s.shape[-1]
    others = np.arange(number) != np.expand_dims(y, -1)
    losses = np.sum(np.where(others, lost, 0.0), axis=-1) / number
    if weight is not None:
        losses = losses * ops.take(weights(weight, number, loss), y)
    return reduced(losses, reduction, loss)


def multilabel_margin(scores: Array, target: Array, reduction: str = "mean") -> Array:
    """``1/C Σ_{j right} Σ_{i wrong} max(0, 1 − (s_j − s_i))``: right labels shall score higher.

    Derivative: for every pair inside the margin 1/C by ``s_i`` and -1/C by ``s_j``.

    Parameters
    ----------
    scores : (..., classes)
    target : (..., classes) of int
        The right classes of each example, in any order, then −1.
    reduction : {"mean", "sum", "none"}
        Over the examples.

    Raises
    ------
    TypeError, ValueError
        For shapes that differ, and labels that are no classes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> s, t = np.array([[0.1, 0.2, 0.4, 0.8]]), np.array([[3, 0, -1, 1]])
    >>> print(mg.losses.multilabel_margin(s, t).round(6))
    0.85
    """
    loss = "multilabel_margin"
    s, y = array(scores, loss, "scores"), array(target, loss, "target")
    if s.shape != y.shape or not s.ndim:
        raise ValueError(
            f"{loss}: {called(target, 'target')} {y.shape} lists classes in the shape of the "
            f"scores {s.shape}, and -1 where there are no more"
        )
    if y.dtype.kind not in "iu":
        raise TypeError(f"{loss}: class indices are integers, not {y.dtype}: use .astype(int)")
    number = s.shape[-1]
    within(y, -1, number - 1, loss, target, f"{number} classes, numbered from 0, and -1 after them")
    listed = np.cumsum(y < 0, axis=-1) == 0
    right = np.any(listed[..., None] & (y[..., None] == np.arange(number)), axis=-2)
    own = np.take_along_axis(s, np.where(listed, y, 0), -1)
    lost = ops.relu(1 - (own[..., :, None] - s[..., None, :]))
    counts = listed[..., :, None] & ~right[..., None, :]
    return reduced(np.sum(np.where(counts, lost, 0.0), axis=(-2, -1)) / number, reduction, loss)


def multilabel_soft_margin(
    logits: Array, target: Array, weight: Array = None, reduction: str = "mean"
) -> Array:
    """``−1/C Σ_c w_c (y_c log σ(z_c) + (1 − y_c) log σ(−z_c))``: every class is asked for itself.

    Derivative: ``w_c (σ(z_c) - y_c) / C``; over the examples in a mean.

    Parameters
    ----------
    logits, target : (..., classes)
        z, and y from 0 to 1.
    weight : (classes,), optional
    reduction : {"mean", "sum", "none"}
        Over the examples.

    Raises
    ------
    ValueError
        For shapes that differ, and targets outside of 0 to 1.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> z, y = np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]])
    >>> print(mg.losses.multilabel_soft_margin(z, y).round(6))
    0.410038
    """
    loss = "multilabel_soft_margin"
    z, y = pair(logits, target, loss)
    within(y, 0, 1, loss, target, "1 for a label that is there, 0 for one that is not")
    losses = y * ops.softplus(-z) + (1 - y) * ops.softplus(z)
    if weight is not None:
        losses = losses * broadcast_weight(weight, z.shape, loss, "weight")
    return reduced(np.mean(losses, axis=-1) if z.ndim else losses, reduction, loss)


# --- sequences -------------------------------------------------------------------------


def ctc(
    log_probabilities: Array,
    target: Array,
    input_lengths: Array = None,
    target_lengths: Array = None,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """``−log Σ p(π)`` over all paths π that spell the target, repeats and blanks left out.

    Derivative: at step t, ``-Σ p(π | target)`` over the paths π that have the class there.

    A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist Temporal
    Classification" (2006): the forward recursion, in logarithms.  Its gradient by the
    log-probabilities is minus the share of the paths through each; PyTorch's adds what only
    `log_softmax` before it cancels, so that both agree by the scores.

    Parameters
    ----------
    log_probabilities : (time, batch, classes) or (time, classes)
        Of `log_softmax`.
    target : (batch, labels) or (labels,) of int
        Each line as long as the longest, or all lines one after another.
    input_lengths, target_lengths : (batch,) of int, optional
        How much of each line counts; all of it by default.
    blank : int
        The class of saying nothing.
    reduction : {"mean", "sum", "none"}
        "mean" divides each loss by the length of its target first, as in PyTorch.
    zero_infinity : bool
        Whether a target that is too long for its input costs nothing, instead of infinity.

    Raises
    ------
    TypeError, ValueError
        For shapes and lengths that do not belong together, and labels that are no classes.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> even = np.log(np.full((3, 1, 2), 0.5))  # "-a-", "a--", "aa-" and three more of 8 paths
    >>> print(np.exp(-mg.losses.ctc(even, np.array([[1]]))).round(6))
    0.75
    """
    loss = "ctc"
    x, y = array(log_probabilities, loss, "log-probabilities"), _labels(target)
    single = x.ndim == 2
    if single:
        x, y = x[:, None, :], y[None]
    if x.ndim != 3:
        raise ValueError(f"{loss}: log-probabilities are (time, batch, classes), not {x.shape}")
    times, batch, number = x.shape
    if not 0 <= blank < number:
        raise ValueError(f"{loss}: blank={blank!r} is none of the {number} classes")
    steps = _lengths(input_lengths, batch, times, "input_lengths")
    y, sizes = _lines(y, target_lengths, batch)
    inside = np.arange(y.shape[1]) < sizes[:, None]
    if np.any(inside & ((y < 0) | (y >= number) | (y == blank))):
        raise ValueError(
            f"{loss}: {called(target, 'target')} holds a label that is none of the classes 0 to "
            f"{number - 1}, or the blank, {blank}"
        )
    losses = -_forward(x, np.where(inside, y, blank), steps, sizes, blank)
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0.0, losses)
    if single:
        losses = losses[0]
    if reduction == "mean":
        losses = losses / np.maximum(sizes, 1).astype(losses.dtype)
    return reduced(losses, reduction, loss)


def _forward(x: Array, y: Array, steps: Any, sizes: Any, blank: int) -> Array:
    """Log p of each line: α over the labels with blanks around them, time after time."""
    batch, n = y.shape
    path = np.full((batch, 2 * n + 1), blank)
    path[:, 1::2] = y
    skips = np.zeros(path.shape, bool)  # past a blank between two labels that differ
    skips[:, 3::2] = y[:, 1:] != y[:, :-1]
    emitted = np.take_along_axis(x, np.broadcast_to(path, (len(x), *path.shape)), 2)
    never = np.full((batch, 2), -math.inf, x.dtype)
    alpha = np.where(np.arange(2 * n + 1) < 2, emitted[0], -math.inf)
    for t in range(1, len(x)):
        padded = np.concatenate([never, alpha], axis=1)
        ways = [alpha, padded[:, 1:-1], np.where(skips, padded[:, :-2], -math.inf)]
        now = emitted[t] + ops.logsumexp(np.stack(ways), axis=0)
        alpha = np.where((t < steps)[:, None], now, alpha)
    ends = np.stack([2 * sizes, 2 * sizes - 1], axis=1)
    last = np.take_along_axis(alpha, np.maximum(ends, 0), 1)
    ans = ops.logsumexp(np.where(ends >= 0, last, -math.inf), axis=1)
    return np.where(steps > 0, ans, np.where(sizes > 0, -math.inf, 0.0).astype(x.dtype))


def _labels(target: Array) -> Array:
    y = in_memory(target)
    y = np.asarray(target if y is None else y)
    if y.dtype.kind not in "iu" or y.ndim not in (1, 2):
        raise TypeError(
            f"ctc: {called(target, 'target')} must hold class indices, one line for each "
            f"example; it has shape {y.shape} and dtype {y.dtype}"
        )
    return y


def _lengths(given: Array, batch: int, most: int, name: str) -> Array:
    """Lengths of a batch as an array, each from 0 to ``most``."""
    n = np.full(batch, most) if given is None else np.atleast_1d(np.asarray(given))
    if n.shape != (batch,) or n.dtype.kind not in "iu" or np.any((n < 0) | (n > most)):
        raise ValueError(f"ctc: {name} must be {batch} integers from 0 to {most}, not {given!r}")
    return n


def _lines(y: Array, target_lengths: Array, batch: int) -> tuple[Array, Array]:
    """Targets in lines of the same length, and how much of each counts."""
    if y.ndim == 2:
        if len(y) != batch:
            raise ValueError(f"ctc: there are {batch} examples, and {len(y)} lines of targets")
        return y, _lengths(target_lengths, batch, y.shape[1], "target_lengths")
    if target_lengths is None and batch != 1:
        raise ValueError("ctc: targets one after another need target_lengths=")
    sizes = _lengths(target_lengths, batch, len(y), "target_lengths")
    if sizes.sum() != len(y):
        raise ValueError(f"ctc: target_lengths add up to {sizes.sum()}, and there are {len(y)}")
    lines = np.zeros((batch, max(sizes, default=0)), y.dtype)
    for i, part in enumerate(np.split(y, np.cumsum(sizes)[:-1])):
        lines[i, : len(part)] = part
    return lines, sizes
