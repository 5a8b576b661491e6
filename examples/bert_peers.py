"""BERT beside the others: hidden states and speed, next to transformers and PyTorch.

``python examples/bert_peers.py --check base`` gives random weights of the published size to
transformers' BertModel and, through a file, to minigrad's, and compares their hidden
states.  ``--speed`` measures steps of pre-training, eager, compiled, and PyTorch's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from bert import HEADS, Text, new_bert, pretrainer, pretraining_batch
from bert_model import BertModel, Pretraining

import minigrad as mg


def compare_states(size: str, seed: int = 0) -> float:
    """The largest difference from the hidden states of transformers' BertModel, of random weights.

    Its weights go through a file of safetensors, as published ones do.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig
    from transformers import BertModel as Theirs

    sizes = {"tiny": (2, 128, 2), "base": (12, 768, 12)}
    layers, width, heads = sizes[size]
    torch.manual_seed(seed)
    config = BertConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * width, vocab_size=30522 if size == "base" else 1000,
    )  # fmt: skip
    theirs = Theirs(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        save_file(theirs.state_dict(), f"{folder}/model.safetensors")
        ours = BertModel.from_state_dict(mg.load(f"{folder}/model.safetensors"), heads)
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, 1000, (2, 24))
    segments = (np.arange(24) >= 12).astype(int) * np.ones((2, 1), int)
    padded = np.arange(24) >= np.array([[24], [17]])
    with torch.no_grad(), mg.no_grad():
        expected = theirs(
            torch.tensor(ids), torch.tensor(~padded), torch.tensor(segments)
        )  # their mask says who may look
        states, pooled = ours.eval()(ids, segments, padded)
    seen = ~padded
    apart = np.abs(states.data - expected.last_hidden_state.numpy())[seen]
    return float(max(apart.max(), np.abs(pooled.data - expected.pooler_output.numpy()).max()))


def speeds(
    model: Pretraining, batches: list[Any], heads: int, seconds: float = 4.0
) -> dict[str, float]:
    """Sentence pairs per second of training steps: eager, compiled, and PyTorch's."""
    trainer = pretrainer(model, 1e-4, 1000)

    def eager(*batch: Any) -> None:
        trainer.adam.zero_grad()
        sum(model.losses(*batch)).backward()
        mg.optim.clip_grad_norm(model.parameters(), 1.0)
        trainer.adam.step()

    steps = {"eager": eager, "compiled": trainer}
    steps["PyTorch"] = pytorch_step(model, heads)
    spent = {name: [0.0, 0] for name in steps}
    for step in steps.values():
        step(*batches[0])
    while any(s < seconds for s, _ in spent.values()):  # in turn, as the machine is others', too
        for name, step in steps.items():
            for batch in batches[:3]:
                start = time.perf_counter()
                step(*batch)
                spent[name][0] += time.perf_counter() - start
                spent[name][1] += len(batch[0])
    return {name: n / s for name, (s, n) in spent.items()}


def pytorch_step(model: Pretraining, heads: int) -> Any:
    """The same training step of transformers' BertForPreTraining, of the same sizes."""
    import torch
    from transformers import BertConfig, BertForPreTraining

    words, width = model.bert.words.weight.shape
    layers = model.bert.encoder.layers
    p = model.bert.dropout.p
    config = BertConfig(
        vocab_size=words, hidden_size=width, num_hidden_layers=len(layers),
        num_attention_heads=heads, intermediate_size=layers[0].linear1.weight.shape[0],
        hidden_dropout_prob=p, attention_probs_dropout_prob=p,
    )  # fmt: skip
    theirs = BertForPreTraining(config).train()
    adam = torch.optim.AdamW(theirs.parameters(), lr=1e-4)

    def step(ids: Any, segments: Any, padded: Any, places: Any, answers: Any, follows: Any) -> None:
        rows, columns = np.nonzero(answers >= 0)
        labels = np.full_like(ids, -100)
        labels[rows, places[rows, columns]] = answers[rows, columns]
        tensors = [torch.tensor(x) for x in (ids, ~padded, segments, labels, 1 - follows)]
        given = dict(zip(("input_ids", "attention_mask", "token_type_ids"), tensors))
        adam.zero_grad()
        theirs(**given, labels=tensors[3], next_sentence_label=tensors[4]).loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adam.step()

    return step


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Print the difference, or the speeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", choices=("tiny", "base"), default="tiny", help="(tiny)")
    what.add_argument("--speed", action="store_true")
    parser.add_argument("--width", type=int, default=64, metavar="N", help="of --speed (64)")
    options = parser.parse_args(arguments)
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        sys.exit("this compares with PyTorch and transformers: pip install torch transformers")
    if not options.speed:
        apart = compare_states(options.check)
        print(f"BERT {options.check}, random weights: hidden states differ by at most {apart:.1e}")
        return {"apart": apart}
    rng = np.random.default_rng(0)
    text = Text(1500, rng)
    model = Pretraining(new_bert(len(text), options.width, HEADS, 2, 32, rng), rng)
    batches = [pretraining_batch(text, 32, 32, rng) for _ in range(3)]
    found = speeds(model, batches, HEADS)
    for name, rate in found.items():
        print(f"{name:9} {rate:7.1f} pairs of sentences per second")
    return found


if __name__ == "__main__":
    main()
