"""Layers that act on features: Linear, Bilinear, Embedding, and layers in a row.

A layer is its parameters, first drawn as PyTorch draws them, and one call of
`minigrad.nn.functional`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.nn import functional as F
from minigrad.nn.checks import count, floating, generator, sized
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType, Function, Random, Shape


def parameter(values: Array) -> Tensor:
    """A Tensor that training changes."""
    return Tensor(values, requires_grad=True)


def uniform(rng: np.random.Generator, shape: Shape, fan_in: int, dtype: DType) -> Tensor:
    """A parameter uniform on ±1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    return parameter(rng.uniform(-bound, bound, shape).astype(dtype))


# --- features --------------------------------------------------------------------------


class Linear(Module):
    """``x Wᵀ + b``, from (..., inputs) to (..., outputs).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : Generator or seed, optional
        What the first values are drawn with, uniform on ±1/√inputs; by default the
        generator that `mg.nn.seed` seeds.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    weight : (outputs, inputs)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> layer = mg.nn.Linear(3, 2, rng=0)
    >>> layer
    Linear(3, 2)  8 parameters
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        inputs = count("Linear", "in_features", in_features)
        outputs = count("Linear", "out_features", out_features)
        rng, dtype = generator("Linear", rng), floating("Linear", dtype)
        self.weight = uniform(rng, (outputs, inputs), inputs, dtype)
        self.bias = uniform(rng, (outputs,), inputs, dtype) if bias else None

    def forward(self, x: Array) -> Array:
        """From (..., inputs) to (..., outputs)."""
        sized("Linear", x, -1, self.weight.shape[1], "inputs")
        return F.linear(x, self.weight, self.bias)

    def details(self) -> str:
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}{', bias=False' * (self.bias is None)}"


class Embedding(Module):
    """A table of ``num_embeddings`` rows that integers are looked up in.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        A row that is 0 at first and gets no gradient.
    rng, dtype
        As for `Linear`; drawn from a standard normal.

    Attributes
    ----------
    weight : (num_embeddings, embedding_dim)

    Raises
    ------
    TypeError, IndexError
        When called with what are no integers, or name no row.
    ValueError
        For a ``padding_idx`` that names no row.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.Embedding(10, 4, rng=0)([[1, 2, 3]]).shape
    (1, 3, 4)
    """

    weight: Tensor

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        rows = count("Embedding", "num_embeddings", num_embeddings)
        columns = count("Embedding", "embedding_dim", embedding_dim)
        dtype = floating("Embedding", dtype)
        drawn = generator("Embedding", rng).standard_normal((rows, columns))
        if padding_idx is not None:
            if not -rows <= padding_idx < rows:
                raise ValueError(f"Embedding: padding_idx={padding_idx} names none of {rows} rows")
            padding_idx %= rows
            drawn[padding_idx] = 0
        self.padding_idx = padding_idx
        self.weight = parameter(drawn.astype(dtype))

    def forward(self, indices: Array) -> Array:
        """From integers to one more axis, of the length embedding_dim."""
        return F.embedding(indices, self.weight, self.padding_idx)

    def details(self) -> str:
        sizes = ", ".join(map(str, self.weight.shape))
        return sizes if self.padding_idx is None else f"{sizes}, padding_idx={self.padding_idx}"


class EmbeddingBag(Embedding):
    """A table whose rows are put together for every bag of integers; see `F.embedding_bag`.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    mode : {"mean", "sum", "max"}
    include_last_offset : bool
        Whether offsets end with the end of the last bag.
    padding_idx : int, optional
        A row that belongs to no bag.
    rng, dtype
        As for `Embedding`.

    Attributes
    ----------
    weight : (num_embeddings, embedding_dim)

    Raises
    ------
    TypeError, IndexError, ValueError
        As `Embedding`, and `F.embedding_bag` when called.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.EmbeddingBag(10, 4, rng=0)([1, 2, 3], [0, 2]).shape
    (2, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, rng=rng, dtype=dtype)
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(
        self, indices: Array, offsets: Array = None, per_sample_weights: Array = None
    ) -> Array:
        """From integers in bags to (bags, embedding_dim)."""
        return F.embedding_bag(
            indices, self.weight, offsets, self.mode, per_sample_weights,
            self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def details(self) -> str:
        rows, columns = self.weight.shape
        pad = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {columns}, mode={self.mode}{pad}"


class Bilinear(Module):
    """``x₁ᵀ W_k x₂ + b_k``, from (..., n) and (..., m) to (..., outputs).

    Parameters
    ----------
    in1_features, in2_features, out_features : int
    bias : bool
    rng, dtype
        As for `Linear`; uniform on ±1/√n.

    Attributes
    ----------
    weight : (outputs, n, m)
    bias : (outputs,), or None

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.nn.Bilinear(3, 4, 5, rng=0)(np.ones((2, 3)), np.ones((2, 4))).shape
    (2, 5)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Random = None,
        dtype: DType = np.float64,
    ) -> None:
        n = count("Bilinear", "in1_features", in1_features)
        m = count("Bilinear", "in2_features", in2_features)
        outputs = count("Bilinear", "out_features", out_features)
        rng, dtype = generator("Bilinear", rng), floating("Bilinear", dtype)
        self.weight = uniform(rng, (outputs, n, m), n, dtype)
        self.bias = uniform(rng, (outputs,), n, dtype) if bias else None

    def forward(self, x: Array, other: Array) -> Array:
        """From (..., n) and (..., m) to (..., outputs)."""
        return F.bilinear(x, other, self.weight, self.bias)

    def details(self) -> str:
        outputs, n, m = self.weight.shape
        return f"{n}, {m}, {outputs}{', bias=False' * (self.bias is None)}"


class Sequential(Module):
    """Modules (or functions) one after the other, each on the output of the one before.

    Raises
    ------
    ValueError
        Without layers.
    TypeError
        For a layer that cannot be called.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.nn.Sequential(mg.nn.Linear(8, 16), mg.relu, mg.nn.Linear(16, 3))
    Sequential()  195 parameters
      0: Linear(8, 16)  144 parameters
      2: Linear(16, 3)  51 parameters
    """

    layers: list[Function]

    def __init__(self, *layers: Function) -> None:
        if not layers:
            raise ValueError("Sequential: there are no layers; Sequential(layer, layer, ...)")
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(
                    f"Sequential: layer {i} is {layer!r:.60}, and layers are modules or functions; "
                    "unpack a list of them, Sequential(*layers)"
                )
        self.layers = list(layers)

    def parts(self) -> dict[str, Any]:
        """The layers, named by their numbers."""
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def forward(self, x: Array) -> Array:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Any:
        return self.layers[i]
