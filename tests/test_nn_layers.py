"""Every layer and option against PyTorch: outputs and all gradients, with the weights copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

torch = pytest.importorskip("torch")
tn = torch.nn

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[int, ...]]] = {}


def pair(ours: Any, theirs: Any, shape: tuple[int, ...], *args: Any, **options: Any) -> None:
    """The same layer twice, made with the same arguments."""
    words = [*map(str, args), *(f"{k}={v}" for k, v in options.items())]
    name = f"{ours.__name__}({','.join(words)}) on {shape}"
    random = issubclass(ours, nn.convolution._Conv | nn.Linear | nn.recurrent._Cell)
    extra = {"rng": 0} if random else {}
    PAIRS[name] = (lambda: ours(*args, **options, **extra), lambda: theirs(*args, **options), shape)


for options in ({}, {"bias": False}):
    pair(nn.Linear, tn.Linear, (5, 4), 4, 3, **options)
    pair(nn.Linear, tn.Linear, (4,), 4, 3, **options)
    pair(nn.Linear, tn.Linear, (2, 5, 4), 4, 3, **options)
for options in (
    {},
    {"stride": 2},
    {"padding": 2},
    {"dilation": 2},
    {"groups": 2},
    {"bias": False},
    {"padding": "same", "dilation": 2},
    {"stride": 3, "padding": 1, "dilation": 2, "groups": 2},
):
    pair(nn.Conv1d, tn.Conv1d, (2, 4, 11), 4, 6, 3, **options)
    pair(nn.Conv2d, tn.Conv2d, (2, 4, 8, 9), 4, 6, 3, **options)
    pair(nn.Conv2d, tn.Conv2d, (2, 4, 8, 9), 4, 6, (2, 3), **options)
pair(nn.Conv1d, tn.Conv1d, (1, 1, 4), 1, 1, 4)
pair(nn.Conv1d, tn.Conv1d, (2, 3, 6), 3, 3, 1, groups=3)
pair(nn.Conv2d, tn.Conv2d, (2, 4, 8, 9), 4, 8, 3, groups=4)
pair(
    nn.Conv2d,
    tn.Conv2d,
    (2, 4, 9, 10),
    4,
    6,
    (3, 2),
    stride=(2, 1),
    padding=(0, 1),
    dilation=(1, 3),
)
for pool in ("MaxPool2d", "AvgPool2d"):
    for options in ({}, {"stride": 1}, {"stride": (2, 3), "padding": 1}, {"padding": (1, 0)}):
        pair(getattr(nn, pool), getattr(tn, pool), (2, 3, 8, 9), 3, **options)
        pair(getattr(nn, pool), getattr(tn, pool), (2, 3, 8, 9), (2, 3), **options)
pair(nn.MaxPool2d, tn.MaxPool2d, (2, 3, 9, 9), 3, dilation=2, padding=1, stride=2)
pair(nn.AvgPool2d, tn.AvgPool2d, (2, 3, 8, 9), 3, padding=1, count_include_pad=False)
pair(nn.LayerNorm, tn.LayerNorm, (3, 5), 5)
pair(nn.LayerNorm, tn.LayerNorm, (3, 4, 5), (4, 5), eps=0.1)
pair(nn.LayerNorm, tn.LayerNorm, (3, 5), 5, elementwise_affine=False)
pair(nn.LayerNorm, tn.LayerNorm, (3, 5), 5, bias=False)
for options in (
    {},
    {"eps": 0.1},
    {"momentum": 0.3},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
):
    pair(nn.BatchNorm1d, tn.BatchNorm1d, (6, 4), 4, **options)
    pair(nn.BatchNorm1d, tn.BatchNorm1d, (6, 4, 3), 4, **options)
    pair(nn.BatchNorm2d, tn.BatchNorm2d, (3, 4, 5, 2), 4, **options)
for cell in ("RNNCell", "GRUCell", "LSTMCell"):
    for options in ({}, {"bias": False}, *([{"nonlinearity": "relu"}] * (cell == "RNNCell"))):
        pair(getattr(nn, cell), getattr(tn, cell), (5, 4), 4, 3, **options)
        pair(getattr(nn, cell), getattr(tn, cell), (4,), 4, 3, **options)
for name in ("ReLU", "Sigmoid", "Tanh", "Softplus", "SiLU", "LeakyReLU", "ELU", "GELU"):
    pair(getattr(nn, name), getattr(tn, name), (3, 4))
pair(nn.LeakyReLU, tn.LeakyReLU, (3, 4), negative_slope=0.3)
pair(nn.ELU, tn.ELU, (3, 4), alpha=0.3)
pair(nn.GELU, tn.GELU, (3, 4), approximate="tanh")
pair(nn.Flatten, tn.Flatten, (3, 4, 2))


def copied(theirs: Any, ours: nn.Module, rng: np.random.Generator) -> None:
    """The same random weights in both; the names and the shapes must agree."""
    theirs.double()
    state = {
        name: v.numpy() + (0.3 * rng.random(v.shape) if v.is_floating_point() else 0)
        for name, v in theirs.state_dict().items()
    }
    ours.load_state_dict(state)
    theirs.load_state_dict({name: torch.tensor(v) for name, v in state.items()})


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-10)


def tensors(x: Any) -> tuple[Any, Any]:
    return mg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)


def compare(
    ours: nn.Module,
    theirs: Any,
    inputs: list[Any],
    our_options: dict[str, Any] | None = None,
    their_options: dict[str, Any] | None = None,
) -> None:
    """Run both; compare outputs, gradients of inputs and of parameters, and buffers."""
    rng = np.random.default_rng(1)
    twins = [tensors(x) for x in inputs]
    y = ours(*[t[0] for t in twins], **(our_options or {}))
    z = theirs(*[t[1] for t in twins], **(their_options or {}))
    ys, zs = (v if isinstance(v, tuple) else (v,) for v in (y, z))
    assert len(ys) == len(zs)
    loss, loss_of_theirs = 0.0, 0.0
    for a, b in zip(ys, zs, strict=True):
        close(a.data, b.detach())
        weights = rng.normal(size=a.shape)
        loss = loss + (a * weights).sum()
        loss_of_theirs = loss_of_theirs + (b * torch.tensor(weights)).sum()
    for p in ours.parameters():
        p.grad = None
    theirs.zero_grad()
    loss.backward()
    loss_of_theirs.backward()
    for a, b in twins:
        close(a.grad, b.grad)
    named = dict(theirs.named_parameters())
    assert named.keys() == {name for name, _ in ours.named_parameters()}
    for name, p in ours.named_parameters():
        close(p.grad, named[name].grad)
    state = ours.state_dict()
    for name, v in theirs.state_dict().items():
        close(state[name], v)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", PAIRS)
def test_layer(name: str) -> None:
    make, make_theirs, shape = PAIRS[name]
    ours, theirs = make(), make_theirs()
    rng = np.random.default_rng(0)
    copied(theirs, ours, rng)
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        compare(ours, theirs, [rng.normal(size=shape)])


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells_over_time(name: str) -> None:
    rng = np.random.default_rng(0)
    ours, theirs = getattr(nn, name)(4, 3, rng=0), getattr(tn, name)(4, 3)
    copied(theirs, ours, rng)
    x, start = rng.normal(size=(6, 5, 4)), rng.normal(size=(2, 5, 3))

    class Unrolled(nn.Module):
        def __init__(self) -> None:
            self.cell = ours

        def forward(self, x: Any, a: Any, b: Any) -> Any:
            state = (a, b) if name == "LSTMCell" else a + b
            for step in x:
                state = self.cell(step, state)
            return state

    class TheirUnrolled(tn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = theirs

        forward = Unrolled.forward

    compare(Unrolled(), TheirUnrolled(), [x, *start])


def test_embedding() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = nn.Embedding(7, 3, rng=0), tn.Embedding(7, 3)
    copied(theirs, ours, rng)
    index = rng.integers(0, 7, (4, 5))
    weights = rng.normal(size=(4, 5, 3))
    for given in (index, index.tolist(), mg.Tensor(index), index.astype(np.uint8)):
        ours.zero_grad()
        y = ours(given)
        (y * weights).sum().backward()
        theirs.zero_grad()
        z = theirs(torch.tensor(index))
        (z * torch.tensor(weights)).sum().backward()
        close(y.data, z.detach())
        close(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_layers(axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    compare(nn.Softmax(axis), tn.Softmax(axis), [x])
    compare(nn.LogSoftmax(axis), tn.LogSoftmax(axis), [x])


def test_a_model_of_many_layers() -> None:
    layers = [
        lambda m, **o: m.Conv2d(2, 4, 3, padding=1, **o),
        lambda m, **o: m.BatchNorm2d(4),
        lambda m, **o: m.ReLU(),
        lambda m, **o: m.MaxPool2d(2),
        lambda m, **o: m.Flatten(),
        lambda m, **o: m.Linear(36, 5, **o),
    ]
    ours = nn.Sequential(*[make(nn, rng=0) for make in layers])
    theirs = tn.Sequential(*[make(tn) for make in layers])
    rng = np.random.default_rng(0)
    copied(theirs, ours, rng)
    compare(ours, theirs, [rng.normal(size=(4, 2, 6, 6))])
    compare(ours.eval(), theirs.eval(), [rng.normal(size=(4, 2, 6, 6))])


# --- attention -------------------------------------------------------------------------

RNG = np.random.default_rng(5)
HIDDEN = RNG.random((4, 6)) < 0.3
HIDDEN[:, 1] = False
PADDED = np.zeros((3, 6), bool)
PADDED[0, 4:] = PADDED[2, 2:] = True
BIAS = RNG.normal(size=(4, 6))
BIAS3 = RNG.normal(size=(6, 4, 6))
HIDDEN3 = np.broadcast_to(HIDDEN, (6, 4, 6)).copy()
MASKS: dict[str, dict[str, Any]] = {
    "none": {},
    "boolean": {"attn_mask": HIDDEN},
    "added": {"attn_mask": BIAS},
    "boolean of each head": {"attn_mask": HIDDEN3},
    "added to each head": {"attn_mask": BIAS3},
    "padding": {"key_padding_mask": PADDED},
    "padding, added": {"key_padding_mask": np.where(PADDED, -np.inf, 0.0)},
    "both boolean": {"attn_mask": HIDDEN, "key_padding_mask": PADDED},
    "both boolean, of each head": {"attn_mask": HIDDEN3, "key_padding_mask": PADDED},
    "both added": {"attn_mask": BIAS, "key_padding_mask": np.where(PADDED, -np.inf, 0.0)},
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("averaged", [True, False])
def test_attention(masks: str, bias: bool, averaged: bool) -> None:
    rng = np.random.default_rng(0)
    ours = nn.MultiHeadAttention(8, 2, bias=bias, rng=0)
    theirs = tn.MultiheadAttention(8, 2, bias=bias, batch_first=True)
    copied(theirs, ours, rng)
    query, key, value = (rng.normal(size=(3, n, 8)) for n in (4, 6, 6))
    options = MASKS[masks]
    of_theirs = {k: torch.tensor(v) for k, v in options.items()}
    weights = {"need_weights": True, "average_attn_weights": averaged}
    compare(ours, theirs, [query, key, value], options | weights, of_theirs | weights)
    if averaged:
        no = {"need_weights": False}
        y = ours(query, key, value, **options)
        z = theirs(*map(torch.tensor, (query, key, value)), **of_theirs, **no)[0]
        close(y.data, z.detach())


@pytest.mark.parametrize("shape", [(3, 5, 8), (5, 8)])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention(shape: tuple[int, ...], causal: bool) -> None:
    rng = np.random.default_rng(0)
    ours = nn.MultiHeadAttention(8, 4, rng=0)
    theirs = tn.MultiheadAttention(8, 4, batch_first=True)
    copied(theirs, ours, rng)
    x = rng.normal(size=shape)
    later = torch.tensor(~np.tri(5, dtype=bool))

    def run(x: Any, **options: Any) -> Any:
        return theirs(x, x, x, **options)

    a, b = tensors(x)
    y, w = ours(a, is_causal=causal, need_weights=True)
    z, v = run(b, attn_mask=later if causal else None)
    close(y.data, z.detach())
    close(w.data, v.detach())
    g = rng.normal(size=shape)
    (y * g).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    close(a.grad, b.grad)
    close(ours.in_proj_weight.grad, theirs.in_proj_weight.grad)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
def test_transformer_encoder_layer(norm_first: bool, activation: str, bias: bool) -> None:
    rng = np.random.default_rng(0)
    options = {"activation": activation, "norm_first": norm_first, "bias": bias}
    ours = nn.TransformerEncoderLayer(8, 2, 16, rng=0, **options)
    theirs = tn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, **options)
    copied(theirs, ours, rng)
    x = rng.normal(size=(3, 5, 8))
    padded = np.zeros((3, 5), bool)
    padded[1, 3:] = True
    later = ~np.tri(5, dtype=bool)
    for masks in (
        {},
        {"src_mask": later},
        {"src_key_padding_mask": padded},
        {"src_mask": later, "src_key_padding_mask": padded},
    ):
        compare(ours, theirs, [x], masks, {k: torch.tensor(v) for k, v in masks.items()})
    close(ours(x, is_causal=True).data, ours(x, src_mask=later).data)


@pytest.mark.parametrize("kind", ["none", "boolean", "added"])
@pytest.mark.parametrize("causal", [False, True])
def test_scaled_dot_product_attention(kind: str, causal: bool) -> None:
    if causal and kind != "none":
        pytest.skip("PyTorch takes one of the two")
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, n, d)) for n, d in ((4, 8), (6, 8), (6, 5)))
    mask = {"none": None, "boolean": ~HIDDEN, "added": BIAS}[kind]
    twins = [tensors(x) for x in (q, k, v)]
    y = nn.functional.scaled_dot_product_attention(*[t[0] for t in twins], mask, is_causal=causal)
    z = tn.functional.scaled_dot_product_attention(
        *[t[1] for t in twins], None if mask is None else torch.tensor(mask), is_causal=causal
    )
    close(y.data, z.detach())
    g = rng.normal(size=y.shape)
    (y * g).sum().backward()
    (z * torch.tensor(g)).sum().backward()
    for a, b in twins:
        close(a.grad, b.grad)


def test_an_added_mask_has_a_gradient_and_both_kinds_combine() -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(n, 8)) for n in (6, 6, 6))
    mask = rng.normal(size=(6, 6))
    attention = nn.functional.scaled_dot_product_attention
    g = mg.grad(lambda m: attention(q, k, v, m, is_causal=True).sum())(mask)
    assert np.all(g[~np.tri(6, dtype=bool)] == 0)
    assert np.any(g != 0)
    assert mg.gradcheck(lambda m: attention(q, k, v, m, is_causal=True), mask)


# --- the functional forms --------------------------------------------------------------


def test_functional_pooling_along_one_axis() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 11))
    f, g = nn.functional, tn.functional
    for options in ({}, {"stride": 2}, {"padding": 1}):
        a, b = f.max_pool1d(x, 3, **options), g.max_pool1d(torch.tensor(x), 3, **options)
        close(a, b)
        a, b = f.avg_pool1d(x, 3, **options), g.avg_pool1d(torch.tensor(x), 3, **options)
        close(a, b)


SECOND: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "conv1d": (
        lambda x, w, b: nn.functional.conv1d(x, w, b, stride=2, padding=1, groups=2),
        [(2, 4, 5), (2, 2, 3), (2,)],
    ),
    "conv2d": (
        lambda x, w: nn.functional.conv2d(x, w, padding=1, dilation=2),
        [(1, 2, 4, 4), (2, 2, 2, 2)],
    ),
    "max_pool2d": (lambda x: nn.functional.max_pool2d(x, 2) ** 2, [(1, 2, 4, 4)]),
    "avg_pool2d": (lambda x: nn.functional.avg_pool2d(x, 2, 1) ** 2, [(1, 2, 4, 4)]),
    "linear": (nn.functional.linear, [(3, 2), (4, 2), (4,)]),
    "layer_norm": (lambda x, w: nn.functional.layer_norm(x, 1, w), [(3, 4), (4,)]),
    "batch_norm": (lambda x, w: nn.functional.batch_norm(x, weight=w), [(4, 3), (3,)]),
    "rnn_cell": (nn.functional.rnn_cell, [(2, 3), (2, 2), (2, 3), (2, 2)]),
    "gru_cell": (nn.functional.gru_cell, [(2, 3), (2, 2), (6, 3), (6, 2)]),
    "lstm_cell": (
        lambda x, h, c, w, u: nn.functional.lstm_cell(x, (h, c), w, u)[0],
        [(2, 3), (2, 2), (2, 2), (8, 3), (8, 2)],
    ),
    "attention": (
        lambda q, k, v: nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True),
        [(3, 2), (3, 2), (3, 2)],
    ),
}


@pytest.mark.sampled(8)
@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name: str) -> None:
    f, shapes = SECOND[name]
    rng = np.random.default_rng(0)
    assert mg.gradcheck(f, *[rng.normal(size=s) for s in shapes], order=2).verdict == "correct"


# --- dtypes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda **o: nn.Linear(4, 3, **o), (5, 4)),
        (lambda **o: nn.Conv1d(2, 3, 3, **o), (5, 2, 7)),
        (lambda **o: nn.Conv2d(2, 3, 3, padding=1, **o), (5, 2, 6, 6)),
        (lambda dtype, rng: nn.LayerNorm(4, dtype=dtype), (5, 4)),
        (lambda dtype, rng: nn.BatchNorm1d(4, dtype=dtype), (5, 4)),
        (lambda dtype, rng: nn.BatchNorm2d(4, dtype=dtype), (5, 4, 2, 2)),
        (lambda dtype, rng: nn.Dropout(0.5, rng), (5, 4)),
        (lambda dtype, rng: nn.MaxPool2d(2, padding=1), (5, 4, 4, 4)),
        (lambda dtype, rng: nn.AvgPool2d(2, padding=1, count_include_pad=False), (5, 4, 4, 4)),
        (lambda **o: nn.RNNCell(4, 3, **o), (5, 4)),
        (lambda **o: nn.GRUCell(4, 3, **o), (5, 4)),
        (lambda **o: nn.LSTMCell(4, 3, **o), (5, 4)),
        (lambda **o: nn.MultiHeadAttention(4, 2, dropout=0.5, **o), (5, 3, 4)),
        (lambda **o: nn.TransformerEncoderLayer(4, 2, 8, 0.5, "gelu", **o), (5, 3, 4)),
    ],
)
def test_float32_stays_float32(layer: Callable[..., Any], shape: tuple[int, ...]) -> None:
    module = layer(dtype=np.float32, rng=0)
    x = mg.Tensor(np.random.default_rng(0).normal(size=shape), True, dtype=np.float32)
    for _ in range(2):
        y = module(x)
        y = y[0] + y[1] if isinstance(y, tuple) else y
        assert y.dtype == np.float32
        (y * y).sum().backward()
        assert x.grad.dtype == np.float32
        for name, p in module.named_parameters():
            assert p.dtype == p.grad.dtype == np.float32, name
        module.eval()
    for name, v in module.state_dict().items():
        assert v.dtype == (np.int64 if name == "num_batches_tracked" else np.float32)


def test_float32_masks_and_embedding() -> None:
    attention = nn.MultiHeadAttention(4, 2, rng=0, dtype=np.float32)
    x = np.ones((2, 3, 4), np.float32)
    for mask in (np.zeros((3, 3)), np.zeros((3, 3), bool)):
        assert attention(x, attn_mask=mask).dtype == np.float32
    assert nn.Embedding(4, 2, rng=0, dtype=np.float32)([1]).dtype == np.float32
