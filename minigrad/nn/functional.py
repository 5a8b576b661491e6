"""Layers without state: plain functions of inputs and parameters.

Every layer of `minigrad.nn` keeps parameters and calls the function here; where the
mathematics is, is here.  All of it is composed of ops, and so has derivatives of every
order.  Layouts and formulas are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn.checks import fraction, generator, laid_out, sized
from minigrad.nn.windows import avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d
from minigrad.ops.shape import arrayed
from minigrad.tensor import concrete, plainly

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "dropout",
    "embedding",
    "gru_cell",
    "layer_norm",
    "linear",
    "lstm_cell",
    "max_pool1d",
    "max_pool2d",
    "rnn_cell",
    "scaled_dot_product_attention",
]

# --- products --------------------------------------------------------------------------


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """``x Wᵀ + b``.

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
    return _linear("linear", x, weight, bias)


def _linear(who: str, x: Any, weight: Any, bias: Any) -> Any:
    x = arrayed(x)
    weight = laid_out(who, weight, 2, "weights of shape (outputs, inputs)")
    sized(who, x, -1, np.shape(weight)[1], "inputs")
    shape = np.shape(x)
    if len(shape) > 2:  # one large product in place of many, here and in the rules
        x = ops.reshape(x, (math.prod(shape[:-1]), shape[-1]))
    y = ops.matmul(x, ops.transpose(weight))
    y = y if bias is None else y + bias
    return ops.reshape(y, (*shape[:-1], np.shape(y)[-1])) if len(shape) > 2 else y


def embedding(indices: Any, weight: Any) -> Any:
    """The rows of ``weight`` that ``indices`` name.

    Parameters
    ----------
    indices : integers, any shape
    weight : (count, features)

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
    return ops.take(weight, indices, axis=0)


# --- normalisation and dropout ---------------------------------------------------------


def layer_norm(x: Any, axes: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """``(x − μ) / √(σ² + ε) · w + b``, with mean and variance over the last ``axes`` axes.

    J. L. Ba, J. R. Kiros and G. Hinton, "Layer Normalization" (2016).

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np.array([1.0, 3.0]), 1, eps=0)
    array([-1.,  1.])
    """
    x = arrayed(x)
    over = tuple(range(-axes, 0))
    centred = x - ops.mean(x, axis=over, keepdims=True)
    variance = ops.mean(centred * centred, axis=over, keepdims=True)
    return _affine(centred / ops.sqrt(variance + eps), weight, bias)


def batch_norm(
    x: Any,
    mean: Any = None,
    variance: Any = None,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """``(x − μ) / √(σ² + ε) · w + b`` for every channel, axis 1.

    Without ``mean`` and ``variance`` they are those of x, over all other axes (S. Ioffe
    and C. Szegedy, "Batch Normalization", 2015).

    Examples
    --------
    >>> import numpy as np
    >>> batch_norm(np.array([[1.0, 5.0], [3.0, 5.0]]), eps=1e-12)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = arrayed(x)
    if np.ndim(x) < 2:
        raise ValueError(
            f"batch_norm wants input of shape (batch, channels, ...); "
            f"{label(x)} has shape {np.shape(x)}"
        )
    per_channel = (-1,) + (1,) * (np.ndim(x) - 2)
    if mean is None or variance is None:
        mean, variance = moments(x)
    parts: list[Any] = [mean, variance, weight, bias]
    m: Any
    v: Any
    m, v, w, b = (p if p is None else ops.reshape(p, per_channel) for p in parts)
    return _affine((x - m) / ops.sqrt(v + eps), w, b)


def moments(x: Any) -> tuple[Any, Any]:
    """Mean and (biased) variance of every channel of x, axis 1."""
    over = (0, *range(2, np.ndim(x)))
    mean = ops.mean(x, axis=over, keepdims=True)
    centred = x - mean
    return ops.reshape(mean, -1), ops.mean(centred * centred, axis=over)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def dropout(x: Any, p: float, rng: Any) -> Any:
    """Every element 0 with probability ``p``, the others divided by 1 − p.

    N. Srivastava et al., "Dropout" (2014).  ``rng`` is a NumPy ``Generator``.

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
    if rng is None:
        raise TypeError("dropout: pass rng, a Generator such as np.random.default_rng(0)")
    kind = x.dtype if hasattr(x, "dtype") and x.dtype.kind == "f" else np.dtype(np.float64)
    kept = generator("dropout", rng).random(np.shape(x)) >= p
    return x * (kept.astype(kind) / kind.type(1 - p))


# --- attention -------------------------------------------------------------------------


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    rng: Any = None,
) -> Any:
    """``softmax(Q Kᵀ / √d + mask) V``.

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
    weights = attention_weights(query, key, attn_mask, is_causal)
    return ops.matmul(dropout(weights, dropout_p, rng), value)


def attention_weights(query: Any, key: Any, mask: Any = None, is_causal: bool = False) -> Any:
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
    if is_causal:
        causal = np.tri(*np.shape(scores)[-2:]) > 0
        mask = causal if mask is None else both(causal, mask)
    if mask is not None:
        scores = _masked(who, scores, mask)
    return ops.softmax(scores, axis=-1)


def both(a: Any, b: Any) -> Any:
    """One mask of two, each boolean (True: may look) or added to the scores."""
    if all(np.asarray(plainly(m)).dtype.kind == "b" for m in (a, b)):
        return np.logical_and(plainly(a), plainly(b))
    return additive(a) + additive(b)


def additive(mask: Any) -> Any:
    """A mask as what is added to scores."""
    known = np.asarray(plainly(mask))
    return np.where(known, 0.0, -math.inf) if known.dtype.kind == "b" else mask


def _masked(who: str, scores: Any, mask: Any) -> Any:
    kind = np.asarray(plainly(mask)).dtype.kind
    if kind not in "bf":
        raise TypeError(
            f"{who}: masks are boolean (who may look) or floating-point (added to the scores); "
            f"{label(mask)} has dtype {np.asarray(plainly(mask)).dtype}"
        )
    try:
        np.broadcast_to(plainly(mask), np.shape(scores))
    except ValueError:
        raise ValueError(
            f"{who}: {label(mask)} has shape {np.shape(mask)}, and masks are broadcast to "
            f"(..., targets, sources), here {np.shape(scores)}"
        ) from None
    known = np.asarray(plainly(mask))
    hidden = ~known if kind == "b" else known == -math.inf
    if np.shape(scores)[-1] and hidden.all(axis=-1).any() if hidden.ndim else hidden:
        raise ValueError(
            f"{who}: the mask hides every source from some target, whose weights would be 0/0; "
            "let each see one at least"
        )
    if kind == "b":
        return ops.where(known, scores, -math.inf)
    return scores + (mask if hasattr(mask, "requires_grad") else known.astype(scores.dtype))


# --- recurrent cells -------------------------------------------------------------------


def _gates(who: str, x: Any, h: Any, w: Any, u: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """``W x + b`` and ``U h + c``, the shapes of x and h checked."""
    hidden = np.shape(u)[1]
    x, h = arrayed(x), arrayed(h)
    if np.ndim(x) not in (1, 2) or np.shape(x)[-1] != np.shape(w)[1]:
        raise ValueError(
            f"{who} wants input of shape (batch, {np.shape(w)[1]}) or ({np.shape(w)[1]},); "
            f"{label(x)} has shape {np.shape(x)}"
        )
    if np.shape(h) != (*np.shape(x)[:-1], hidden):
        raise ValueError(
            f"{who} wants a state of shape {(*np.shape(x)[:-1], hidden)}, not {np.shape(h)}"
        )
    return _linear(who, x, w, b), _linear(who, h, u, c)


def rnn_cell(
    x: Any,
    h: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    nonlinearity: str = "tanh",
) -> Any:
    """``h' = tanh(W x + b + U h + c)``, or relu in place of tanh (J. L. Elman, 1990).

    Parameters
    ----------
    x : (batch, inputs) or (inputs,)
    h : (batch, hidden) or (hidden,)
    weight_ih, weight_hh : (hidden, inputs), (hidden, hidden)
    bias_ih, bias_hh : (hidden,), optional
    nonlinearity : {"tanh", "relu"}
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'rnn_cell: nonlinearity must be "tanh" or "relu", not {nonlinearity!r}')
    a, b = _gates("rnn_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return ops.tanh(a + b) if nonlinearity == "tanh" else ops.relu(a + b)


def gru_cell(
    x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None
) -> Any:
    """``h' = (1 − z) n + z h`` with gates r and z, and ``n = tanh(W x + b + r (U h + c))``.

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014).
    The weights, (3 hidden, ...), hold r, z and n one below the other.
    """
    a, b = _gates("gru_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
    z = ops.sigmoid(az + bz)
    n = ops.tanh(an + ops.sigmoid(ar + br) * bn)
    return n + z * (h - n)


def lstm_cell(
    x: Any,
    state: tuple[Any, Any],
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
) -> tuple[Any, Any]:
    """``c' = f c + i g`` and ``h' = o tanh(c')``: the new state ``(h', c')``.

    S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory" (1997); the gates i, f and
    o are sigmoids, g is a tanh.  The weights, (4 hidden, ...), hold i, f, g, o.
    """
    if not isinstance(state, list | tuple) or len(state) != 2:
        raise TypeError("lstm_cell: the state is a pair (h, c)")
    h, c = state
    if np.shape(c) != np.shape(h):
        raise ValueError(f"lstm_cell: h has shape {np.shape(h)} and c {np.shape(c)}")
    a, b = _gates("lstm_cell", x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    i, f, g, o = np.split(a + b, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c
