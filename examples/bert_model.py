"""The networks of ``bert.py``: BERT, and what answers questions on top of it.

J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding" (2018).  `BertModel` takes published weights:
``BertModel.from_state_dict(mg.load("model.safetensors"))`` reads the names and shapes of
Hugging Face's files.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn


class BertModel(nn.Module):
    """Words, their places and their segments, through layers of self-attention.

    The sum of three embeddings is normalised; every layer normalises after its additions,
    and is a `nn.TransformerEncoderLayer` with GELU.
    """

    def __init__(
        self, words: int, width: int, heads: int, layers: int, inner: int, length: int = 512,
        segments: int = 2, dropout: float = 0.1, rng: Any = None,
    ) -> None:  # fmt: skip
        drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
        self.words = nn.Embedding(words, width, **drawn)
        self.places = nn.Embedding(length, width, **drawn)
        self.segments = nn.Embedding(segments, width, **drawn)
        self.norm = nn.LayerNorm(width, 1e-12, dtype=np.float32)
        self.dropout = nn.Dropout(dropout, rng)
        self.encoder = nn.TransformerEncoder(
            [
                nn.TransformerEncoderLayer(width, heads, inner, dropout, "gelu", 1e-12, **drawn)
                for _ in range(layers)
            ]
        )
        self.pooler = nn.Linear(width, width, **drawn)
        for table in (self.words, self.places, self.segments):
            table.weight.data = 0.02 * table.weight.data

    def embedded(self, ids: Any, segments: Any = None) -> Any:
        """What the layers get: (batch, length, width)."""
        places = self.places.weight[: np.shape(ids)[1]]
        kind = self.segments.weight[0] if segments is None else self.segments(segments)
        return self.dropout(self.norm(self.words(ids) + places + kind))

    def forward(self, ids: Any, segments: Any = None, padded: Any = None) -> tuple[Any, Any]:
        """The hidden states (batch, length, width), and one state for all (batch, width)."""
        states = self.encoder(self.embedded(ids, segments), src_key_padding_mask=padded)
        return states, mg.tanh(self.pooler(states[:, 0]))

    def attention(self, ids: Any, segments: Any = None, padded: Any = None) -> list[np.ndarray]:
        """Who looks at whom, layer by layer: (batch, heads, from, to)."""
        found = []
        with mg.no_grad():
            x = self.embedded(ids, segments)
            for layer in self.encoder.layers:
                options = {"need_weights": True, "average_attn_weights": False}
                found.append(layer.self_attn(x, key_padding_mask=padded, **options)[1].data)
                x = layer(x, src_key_padding_mask=padded)
        return found

    @classmethod
    def from_state_dict(cls, state: dict[str, np.ndarray], heads: int | None = None) -> BertModel:
        """The model whose weights are ``state``, named and laid out as Hugging Face does.

        Parameters
        ----------
        state : dict
            Name -> array, as ``mg.load("model.safetensors")`` gives them.  A prefix
            ``bert.`` is taken off, and what stands on the encoder (``cls.``) is left out.
        heads : int, optional
            Which the weights do not tell; by default one for every 64 features.
        """
        state = {k.removeprefix("bert."): np.asarray(v) for k, v in state.items()}
        state = {k: v for k, v in state.items() if k.startswith(("embed", "encoder", "pooler"))}
        state.pop("embeddings.position_ids", None)
        state = {
            re.sub("gamma$", "weight", re.sub("beta$", "bias", k)): v for k, v in state.items()
        }
        numbers = {int(m[1]) for k in state if (m := re.match(r"encoder\.layer\.(\d+)\.", k))}
        try:
            words, width = state["embeddings.word_embeddings.weight"].shape
            length = len(state["embeddings.position_embeddings.weight"])
            kinds = len(state["embeddings.token_type_embeddings.weight"])
            inner = len(state["encoder.layer.0.intermediate.dense.weight"])
        except KeyError as error:
            raise ValueError(f"BertModel.from_state_dict: {error} is missing") from None
        model = cls(
            words, width, heads or max(1, width // 64), len(numbers), inner, length, kinds, 0.0
        )
        model.load_state_dict(renamed(state, len(numbers)))
        return model


def renamed(state: dict[str, np.ndarray], layers: int) -> dict[str, np.ndarray]:
    """Hugging Face's names as ours; queries, keys and values one below the other."""
    names = {"embeddings.LayerNorm": "norm", "pooler.dense": "pooler"}
    for ours, theirs in {"words": "word", "places": "position", "segments": "token_type"}.items():
        names[f"embeddings.{theirs}_embeddings"] = ours
    inside = {
        "attention.output.dense": "self_attn.out_proj", "attention.output.LayerNorm": "norm1",
        "intermediate.dense": "linear1", "output.dense": "linear2", "output.LayerNorm": "norm2",
    }  # fmt: skip
    state = dict(state)
    found = {}
    for i in range(layers):
        names |= {f"encoder.layer.{i}.{k}": f"encoder.layers.{i}.{v}" for k, v in inside.items()}
        for kind in ("weight", "bias"):
            keys = [
                f"encoder.layer.{i}.attention.self.{n}.{kind}" for n in ("query", "key", "value")
            ]
            if all(key in state for key in keys):
                joined = np.concatenate([state.pop(key) for key in keys])
                found[f"encoder.layers.{i}.self_attn.in_proj_{kind}"] = joined
    for name, values in state.items():
        module, _, kind = name.rpartition(".")
        found[f"{names.get(module, module)}.{kind}"] = values
    return found


class Pretraining(nn.Module):
    """BERT and what answers both questions; the scores of words reuse their embeddings."""

    def __init__(self, bert: BertModel, rng: np.random.Generator) -> None:
        words, width = bert.words.weight.shape
        drawn: dict[str, Any] = {"rng": rng, "dtype": np.float32}
        self.bert = bert
        self.dense = nn.Linear(width, width, **drawn)
        self.norm = nn.LayerNorm(width, 1e-12, dtype=np.float32)
        self.bias = mg.Tensor(np.zeros(words, np.float32), requires_grad=True)
        self.follows = nn.Linear(width, 2, **drawn)

    def forward(self, ids: Any, segments: Any, padded: Any, places: Any) -> tuple[Any, Any]:
        """Scores of the words at ``places``, (batch, most, words), and of "it follows"."""
        states, pooled = self.bert(ids, segments, padded)
        asked = states[np.arange(np.shape(ids)[0])[:, None], places]
        h = self.norm(mg.gelu(self.dense(asked)))
        return h @ self.bert.words.weight.T + self.bias, self.follows(pooled)

    def losses(
        self, ids: Any, segments: Any, padded: Any, places: Any, answers: Any, follows: Any
    ) -> Any:
        """Both losses, in nats."""
        words, pair = self(ids, segments, padded, places)
        hidden = mg.losses.cross_entropy(words, answers, ignore_index=-100)
        return hidden, mg.losses.cross_entropy(pair, follows)


class Judge(nn.Module):
    """BERT and one layer that tells classes apart by the state of [CLS]."""

    def __init__(self, bert: BertModel, classes: int, rng: np.random.Generator) -> None:
        self.bert = bert
        self.dropout = nn.Dropout(0.1, rng)
        width = bert.pooler.weight.shape[0]
        self.scores = nn.Linear(width, classes, rng=rng, dtype=np.float32)

    def forward(self, ids: Any, segments: Any = None, padded: Any = None) -> Any:
        """(batch, classes)."""
        return self.scores(self.dropout(self.bert(ids, segments, padded)[1]))
