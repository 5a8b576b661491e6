"""Attention as a function of queries, keys and values."""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.functional.noise import dropout
from minigrad.ops.shape import arrayed
from minigrad.tensor import concrete
from minigrad.typing import Array, Random


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    rng: Random = None,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    """``softmax(Q Kᵀ / √d + mask) V``.

    Derivative: with the weights A and ``dA = dy Vᵀ``: ``dS = A (dA - Σ dA A)`` row by row,
    ``dV = Aᵀ dy``, ``dQ = dS K/√d``, ``dK = dSᵀ Q/√d``.

    A. Vaswani et al., "Attention Is All You Need" (2017), equation 1.

    Parameters
    ----------
    query : (..., targets, d)
    key : (..., sources, d)
    value : (..., sources, features)
    attn_mask : broadcastable to (..., targets, sources), optional
        Boolean: True where a target may look.  Floating-point: added to the scores.
    dropout_p : float
        Share of the weights to drop, drawn with ``rng``.
    is_causal : bool
        Targets look at sources up to their own place only.
    scale : float, optional
        In place of ``1/√d``.
    enable_gqa : bool
        Several heads of the query, on axis -3, share one of the key and the value (J. Ainslie
        et al., "GQA", 2023).

    Raises
    ------
    ValueError
        For a mask that leaves a target nothing to look at, or sizes that do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> q = k = np.zeros((2, 4))
    >>> scaled_dot_product_attention(q, k, np.array([[0.0], [1.0]]), is_causal=True)
    array([[0. ],
           [0.5]])
    """
    if enable_gqa:
        shares = np.shape(query)[-3] // np.shape(key)[-3]
        key, value = (ops.repeat(arrayed(v), shares, axis=-3) for v in (key, value))
    if scale is not None:
        query = arrayed(query) * (scale * math.sqrt(np.shape(query)[-1]))
    weights = attention_weights(query, key, attn_mask, is_causal)
    return ops.matmul(dropout(weights, dropout_p, rng), value)


def attention_weights(query: Array, key: Array, mask: Array, is_causal: bool) -> Array:
    """``softmax(Q Kᵀ / √d + mask)``; the arguments of `scaled_dot_product_attention`."""
    who = "scaled_dot_product_attention"
    query, key = arrayed(query), arrayed(key)
    d = np.shape(query)[-1] if np.ndim(query) >= 2 else 0
    if np.ndim(query) < 2 or np.ndim(key) < 2 or not d or np.shape(key)[-1] != d:
        raise ValueError(
            f"{who} wants query (..., targets, d) and key (..., sources, d); "
            f"they have shapes {np.shape(query)} and {np.shape(key)}"
        )
    scores = ops.matmul(query * (1 / math.sqrt(d)), ops.swapaxes(key, -1, -2))
    if mask is not None:
        mask = arrayed(mask) if hasattr(mask, "dtype") else ops.array(mask)
    if is_causal:
        causal = np.tri(*np.shape(scores)[-2:]) > 0
        mask = causal if mask is None else both(causal, mask)
    if mask is not None:
        scores = _masked(who, scores, mask)
    return ops.softmax(scores, axis=-1)


def both(a: Array, b: Array) -> Array:
    """One mask of two, each boolean (True: may look) or added to the scores."""
    if all(kind_of(m) == "b" for m in (a, b)):
        return np.logical_and(a, b)
    return additive(a) + additive(b)


def additive(mask: Array) -> Array:
    """A mask as what is added to scores."""
    return np.where(mask, 0.0, -math.inf) if kind_of(mask) == "b" else mask


def kind_of(mask: Array) -> str:
    """The kind of a mask's dtype: "b" for who may look, "f" for what is added."""
    return str(mask.dtype.kind)


def _masked(who: str, scores: Array, mask: Array) -> Array:
    kind = kind_of(mask)
    if kind not in "bf":
        raise TypeError(
            f"{who}: masks are boolean (who may look) or floating-point (added to the scores); "
            f"{label(mask)} has dtype {mask.dtype}"
        )
    shape = np.shape(scores)
    try:
        fits = np.broadcast_shapes(np.shape(mask), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{who}: {label(mask)} has shape {np.shape(mask)}, and masks are broadcast to "
            f"(..., targets, sources), here {shape}"
        )
    known = concrete(mask)
    if known is not None and shape[-1]:
        hidden = np.broadcast_to(~known if kind == "b" else known == -math.inf, shape)
        if hidden.all(axis=-1).any():
            raise ValueError(
                f"{who}: the mask hides every source from some target, whose weights would be "
                "0/0; let each see one at least"
            )
    if kind == "b":
        return ops.where(mask, scores, -math.inf)
    return scores + (mask if mask.dtype == scores.dtype else mask.astype(scores.dtype))
