"""Which parameters decay: matrices do, biases and the scales of norms do not."""

from __future__ import annotations

from typing import Any

from minigrad.optim.optimisers import parameters_of
from minigrad.typing import Tree


def decay_groups(parameters: Tree, weight_decay: float = 0.01) -> list[dict[str, Any]]:
    """Two groups for an optimiser: what decays, and what does not.

    Matrices and what has more axes (weights, tables of embeddings, filters) decay;
    vectors and numbers (biases, the scales and shifts of normalisation) do not, as in the
    training of J. Devlin et al., "BERT" (2018).

    Parameters
    ----------
    parameters : Tensors, as for an optimiser
    weight_decay : float
        Of the first group.

    Examples
    --------
    >>> import minigrad as mg
    >>> model = mg.nn.Sequential(mg.nn.Linear(4, 8), mg.nn.LayerNorm(8))
    >>> groups = mg.optim.decay_groups(model.parameters(), 0.1)
    >>> [[p.shape for p in g["params"]] for g in groups]
    [[(8, 4)], [(8,), (8,), (8,)]]
    >>> mg.optim.AdamW(groups, lr=1e-3).groups[1]["weight_decay"]
    0.0
    """
    found = parameters_of(parameters, "decay_groups")
    groups = [
        {"params": [p for p in found if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in found if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]
