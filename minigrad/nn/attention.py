"""Attention: every place of a sequence looks at all others, and takes what it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.errors import label
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.applied import Dropout
from minigrad.nn.checks import count, floating, fraction, generator, laid_out, sized
from minigrad.nn.functional.attention import attention_weights
from minigrad.nn.functional.attention import both as join_masks
from minigrad.nn.layers import Linear, parameter
from minigrad.nn.module import Module
from minigrad.nn.normalisation import LayerNorm
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType, Function, Random, Shape


class MultiHeadAttention(Module):
    """Several attentions side by side, on projections of queries, keys and values.

    A. Vaswani et al., "Attention Is All You Need" (2017), section 3.2.  Sequences are
    (batch, length, features), or (length, features) without a batch.

    Parameters
    ----------
    embed_dim : int
        Features; a multiple of the heads.
    num_heads : int
    dropout : float
        Share of the weights that is dropped while training.
    bias : bool
    rng, dtype
        As for `Linear`; the projections are drawn by Xavier's rule.

    Attributes
    ----------
    in_proj_weight : (3 embed_dim, embed_dim)
        For queries, keys and values, one below the other.
    in_proj_bias : (3 embed_dim,), or None
    out_proj : Linear

    Raises
    ------
    ValueError
        Where the features do not divide into the heads, and for shapes that do not match.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> attention = mg.nn.MultiHeadAttention(8, 2, rng=0)
    >>> y, weights = attention(np.ones((1, 3, 8)), is_causal=True, need_weights=True)
    >>> y.shape
    (1, 3, 8)
    >>> weights.data[0].round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]])
    """

    embed_dim: int
    num_heads: int
    dropout: float
    in_proj_weight: Tensor
    in_proj_bias: Tensor | None
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        who = "MultiHeadAttention"
        e = self.embed_dim = count(who, "embed_dim", embed_dim)
        self.num_heads = count(who, "num_heads", num_heads)
        if e % self.num_heads:
            raise ValueError(f"{who}: {e} features do not divide into {self.num_heads} heads")
        self.dropout = fraction(who, "dropout", dropout)
        rng, dtype = generator(who, rng), floating(who, dtype)
        self._rng = rng
        self.in_proj_weight = parameter(init.xavier_uniform((3 * e, e), rng, dtype=dtype))
        self.in_proj_bias = parameter(np.zeros(3 * e, dtype)) if bias else None
        self.out_proj = Linear(e, e, bias, rng=rng, dtype=dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data = np.zeros(e)

    def forward(
        self,
        query: Array,
        key: Array = None,
        value: Array = None,
        key_padding_mask: Array = None,
        attn_mask: Array = None,
        is_causal: bool = False,
        need_weights: bool = False,
        average_attn_weights: bool = True,
    ) -> Array:
        """What each query found.

        Parameters
        ----------
        query : (batch, targets, embed_dim)
        key, value : (batch, sources, embed_dim), optional
            By default the key is the query and the value the key.
        key_padding_mask : (batch, sources), optional
        attn_mask : (targets, sources) or (batch · heads, targets, sources), optional
            Masks are boolean, True where it is *forbidden* to look, or floating-point
            and added to the scores.
        is_causal : bool
            Look at sources up to the own place only.
        need_weights : bool
            Return the pair (output, weights), the weights averaged over the heads
            unless ``average_attn_weights`` is False.
        """
        who, e = "MultiHeadAttention", self.embed_dim
        key = query if key is None else key
        value = key if value is None else value
        inputs = []
        for x in (query, key, value):
            x = laid_out(who, x, (2, 3), "input of shape (batch, length, features)")
            sized(who, x, -1, e, "features")
            inputs.append(x)
        batched = np.ndim(inputs[0]) == 3
        if len({np.ndim(x) for x in inputs}) > 1 or np.shape(inputs[1]) != np.shape(inputs[2]):
            shapes = ", ".join(str(np.shape(x)) for x in inputs)
            raise ValueError(f"{who}: query, key and value have the shapes {shapes}")
        if batched and np.shape(inputs[0])[0] != np.shape(inputs[1])[0]:
            raise ValueError(
                f"{who}: the query has a batch of {np.shape(inputs[0])[0]}, "
                f"the key one of {np.shape(inputs[1])[0]}"
            )
        q, k, v = self._projected(inputs)
        mask = self._mask(key_padding_mask, attn_mask, np.shape(q), np.shape(k), batched)
        weights = attention_weights(q, k, mask, is_causal)
        kept = F.dropout(weights, self.dropout, self._rng) if self.training else weights
        found = ops.swapaxes(ops.matmul(kept, v), -2, -3)  # (..., targets, heads, d)
        y = self.out_proj(ops.reshape(found, np.shape(inputs[0])))
        if not need_weights:
            return y
        return y, ops.mean(weights, axis=-3) if average_attn_weights else weights

    def _projected(self, inputs: list[Array]) -> list[Array]:
        """Queries, keys and values as (..., heads, length, d)."""
        weight, bias, e = self.in_proj_weight, self.in_proj_bias, self.embed_dim
        if inputs[0] is inputs[1] is inputs[2]:  # one product in place of three
            parts = np.split(F.linear(inputs[0], weight, bias), 3, axis=-1)
        else:
            rows = [slice(i * e, (i + 1) * e) for i in range(3)]
            parts = [
                F.linear(x, weight[r], None if bias is None else bias[r])
                for x, r in zip(inputs, rows)
            ]
        heads = (self.num_heads, e // self.num_heads)
        return [ops.swapaxes(ops.reshape(p, (*np.shape(p)[:-1], *heads)), -2, -3) for p in parts]

    def _mask(
        self, padding: Sequence[int], mask: Array, q: Shape, k: Shape, batched: bool
    ) -> Array:
        """Both masks as one, boolean where both are, of shape (..., heads, targets, sources)."""
        who, sources = "MultiHeadAttention", k[-2]
        both = None
        if mask is not None:
            pair = (q[-2], sources)
            full = (math.prod(q[:-2]), *pair)
            if np.shape(mask) not in (pair, full):
                raise ValueError(
                    f"{who}: attn_mask must have shape {pair} or {full}; "
                    f"{label(mask)} has {np.shape(mask)}"
                )
            both = _allowed(mask)
            if np.shape(mask) == full:
                both = ops.reshape(both, (*q[:-1], sources))
        if padding is not None:
            wanted = (q[0], sources) if batched else (sources,)
            if np.shape(padding) != wanted:
                raise ValueError(
                    f"{who}: key_padding_mask must have shape {wanted}; "
                    f"{label(padding)} has {np.shape(padding)}"
                )
            lead = wanted[:-1]
            keys = ops.reshape(_allowed(padding), (*lead, 1, 1, sources))
            both = keys if both is None else join_masks(both, keys)
        return both

    def details(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}"


def _allowed(mask: Array) -> Array:
    """A mask whose True forbids as one whose True allows."""
    mask = mask if hasattr(mask, "dtype") else ops.array(mask)
    return np.logical_not(mask) if mask.dtype.kind == "b" else mask


class TransformerEncoderLayer(Module):
    """Self-attention and a two-layer network, each added to its input and normalised.

    A. Vaswani et al. (2017), section 3.1; with ``norm_first`` normalised before (R. Xiong
    et al., "On Layer Normalization in the Transformer Architecture", 2020).

    Parameters
    ----------
    d_model, nhead : int
        Features and heads.
    dim_feedforward : int
        Width of the network's hidden layer.
    dropout : float
        Share that is dropped, while training, in four places.
    activation : {"relu", "gelu"} or function
    layer_norm_eps : float
    norm_first, bias : bool
    rng, dtype
        As for `Linear`; dropout draws from the same ``rng``.

    Raises
    ------
    ValueError
        For another activation, and features that do not divide into the heads.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.TransformerEncoderLayer(16, 4, dim_feedforward=32, rng=0)
    >>> layer(np.ones((2, 5, 16)), is_causal=True).shape
    (2, 5, 16)
    """

    self_attn: MultiHeadAttention
    linear1: Linear
    linear2: Linear
    norm1: LayerNorm
    norm2: LayerNorm
    dropout: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.0,
        activation: str | Function = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        who = "TransformerEncoderLayer"
        known = {"relu": ops.relu, "gelu": ops.gelu}
        if not callable(activation) and activation not in known:
            raise ValueError(
                f'{who}: activation must be "relu", "gelu" or a function, not {activation!r}'
            )
        rng = generator(who, rng)
        d, hidden = count(who, "d_model", d_model), count(who, "dim_feedforward", dim_feedforward)
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        self.self_attn = MultiHeadAttention(d, nhead, dropout, bias, **options)
        self.linear1 = Linear(d, hidden, bias, **options)
        self.linear2 = Linear(hidden, d, bias, **options)
        self.norm1 = LayerNorm(d, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout = Dropout(dropout, rng)
        self.norm_first = norm_first
        self.activation: Any = activation if callable(activation) else known[activation]

    def forward(
        self,
        src: Array,
        src_mask: Array = None,
        src_key_padding_mask: Array = None,
        is_causal: bool = False,
    ) -> Array:
        """The same shape, (batch, length, features); masks as in `MultiHeadAttention`."""

        def attend(x: Array) -> Array:
            return self.dropout(
                self.self_attn(
                    x,
                    key_padding_mask=src_key_padding_mask,
                    attn_mask=src_mask,
                    is_causal=is_causal,
                )
            )

        def think(x: Array) -> Array:
            return self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        x = src
        if self.norm_first:
            x = x + attend(self.norm1(x))
            return x + think(self.norm2(x))
        x = self.norm1(x + attend(x))
        return self.norm2(x + think(x))

    def details(self) -> str:
        first = ", norm_first=True" * self.norm_first
        return f"{self.self_attn.embed_dim}, {self.self_attn.num_heads}{first}"


class TransformerEncoder(Module):
    """Encoder layers one after the other, and a normalisation of the last one's output.

    A. Vaswani et al. (2017), section 3.1.

    Parameters
    ----------
    layers : list of TransformerEncoderLayer
        Each with first weights of its own.
    norm : Module, optional
        Applied at the end; layers with ``norm_first`` want one.

    Raises
    ------
    TypeError
        For a single layer: copies of it would begin with the same weights.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> rng = np.random.default_rng(0)
    >>> layers = [mg.nn.TransformerEncoderLayer(16, 4, 32, rng=rng) for _ in range(2)]
    >>> encoder = mg.nn.TransformerEncoder(layers, mg.nn.LayerNorm(16))
    >>> encoder(np.ones((2, 5, 16))).shape
    (2, 5, 16)
    """

    layers: list[Module]

    def __init__(self, layers: Sequence[Module], norm: Module | None = None) -> None:
        if isinstance(layers, Module) or not layers:
            raise TypeError(
                "TransformerEncoder takes a list of layers, each drawn on its own: "
                "TransformerEncoder([TransformerEncoderLayer(...) for _ in range(6)], norm)"
            )
        self.layers = list(layers)
        self.norm = norm

    def forward(
        self,
        src: Array,
        mask: Array = None,
        src_key_padding_mask: Array = None,
        is_causal: bool = False,
    ) -> Array:
        """The same shape, (batch, length, features); masks as in `MultiHeadAttention`."""
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal)
        return x if self.norm is None else self.norm(x)
