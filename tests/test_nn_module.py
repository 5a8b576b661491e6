"""Modules find, name, save and load their parameters; what is wrong is said by name."""

# ruff: noqa: E501 (the table of mistakes has one line for each)

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F


def parameter(*shape: int) -> mg.Tensor:
    return mg.Tensor(np.ones(shape), requires_grad=True)


class Model(nn.Module):
    """Parameters in every place where one can be."""

    def __init__(self) -> None:
        self.scale = parameter()
        self.blocks = [nn.Linear(2, 3, rng=0), (nn.Linear(3, 2, bias=False, rng=0), mg.relu)]
        self.heads = {"a": nn.Linear(2, 1, rng=0), 7: parameter(4)}
        self.again = self.blocks[0]
        self.same = self.scale
        self.offset = mg.Tensor(np.arange(3.0))
        self.width = 5
        self.constant = np.ones(3)
        self._cache = parameter(100)
        self.result = self.scale * 2


NAMES = ["scale", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight"]
NAMES += ["heads.a.weight", "heads.a.bias", "heads.7"]


# --- finding ---------------------------------------------------------------------------


def test_parameters_are_found_in_order_and_once() -> None:
    model = Model()
    assert [name for name, _ in model.named_parameters()] == NAMES
    parameters = model.parameters()
    assert [p.shape for p in parameters] == [(), (3, 2), (3,), (2, 3), (1, 2), (1,), (4,)]
    assert len({id(p) for p in parameters}) == 7
    assert [p is q for p, q in zip(parameters, model.parameters(), strict=True)] == [True] * 7


def test_named_modules() -> None:
    assert [name for name, _ in Model().named_modules()] == [
        "",
        "blocks.0",
        "blocks.1.0",
        "heads.a",
    ]


def test_a_module_inside_itself_is_walked_once() -> None:
    outer, inner = Model(), Model()
    outer.child, inner.parent = inner, outer
    assert len(outer.parameters()) == 14
    assert not outer.eval().child.training
    assert repr(outer).count("child: Model()") == 1


def test_two_tensors_of_one_name_are_refused() -> None:
    model = Model()
    model.heads = {"a": {"b": parameter()}, "a.b": parameter()}
    with pytest.raises(ValueError, match=r"Model has two Tensors called heads\.a\.b: rename a"):
        model.parameters()


def test_modes_reach_everything() -> None:
    model = Model()
    assert model.training
    assert model.eval() is model
    assert not any(m.training for _, m in model.named_modules())
    model.train()
    assert all(m.training for _, m in model.named_modules())


def test_zero_grad() -> None:
    model = nn.Linear(2, 1, rng=0)
    model(np.ones(2)).sum().backward()
    assert model.weight.grad is not None
    model.zero_grad()
    assert model.weight.grad is None


def test_repr_counts_parameters() -> None:
    assert repr(Model()).splitlines() == [
        "Model()  23 parameters",
        "  blocks.0: Linear(2, 3)  9 parameters",
        "  blocks.1.0: Linear(3, 2, bias=False)  6 parameters",
        "  heads.a: Linear(2, 1)  3 parameters",
        "  again: Linear(2, 3)  9 parameters",
    ]
    layers = [
        (nn.Conv1d(2, 4, 3, 2, 1, rng=0), "Conv1d(2, 4, 3, stride=(2,), padding=(1,))"),
        (
            nn.Conv2d(2, 4, 3, padding="same", groups=2, rng=0),
            "Conv2d(2, 4, 3x3, padding='same', groups=2)",
        ),
        (nn.MaxPool2d(2), "MaxPool2d(2x2)"),
        (nn.AvgPool2d(2, stride=1), "AvgPool2d(2x2, stride=(1, 1))"),
        (nn.LayerNorm((2, 3)), "LayerNorm(2, 3)"),
        (nn.BatchNorm2d(3), "BatchNorm2d(3)"),
        (nn.Dropout(0.25, 0), "Dropout(0.25)"),
        (nn.Embedding(5, 2, rng=0), "Embedding(5, 2)"),
        (nn.GRUCell(2, 3, bias=False, rng=0), "GRUCell(2, 3, bias=False)"),
        (nn.ELU(0.5), "ELU(alpha=0.5)"),
        (nn.ReLU(), "ReLU()"),
    ]
    for layer, text in layers:
        assert repr(layer).split("  ")[0] == text
    assert repr(nn.LayerNorm(1, bias=False)) == "LayerNorm(1)  1 parameter"
    encoder = repr(nn.TransformerEncoderLayer(8, 2, 16, norm_first=True, rng=0))
    assert encoder.startswith("TransformerEncoderLayer(8, 2, norm_first=True)  600 parameters")
    assert "    out_proj: Linear(8, 8)  72 parameters" in encoder


# --- state -----------------------------------------------------------------------------


def test_state_dict_has_buffers_and_every_name() -> None:
    state = Model().state_dict()
    assert list(state) == [*NAMES, "again.weight", "again.bias", "same", "offset"]
    assert all(isinstance(v, np.ndarray | np.generic) for v in state.values())


def test_state_is_a_copy_and_comes_back() -> None:
    a, b = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1)
    state = a.state_dict()
    state["weight"][:] += 1
    b.load_state_dict(state)
    np.testing.assert_array_equal(b.weight.data, a.weight.data + 1)
    assert b.weight.requires_grad
    b.load_state_dict({k: mg.Tensor(v) for k, v in a.state_dict().items()})
    np.testing.assert_array_equal(b.weight.data, a.weight.data)


def test_loading_casts_to_the_dtype_of_the_module() -> None:
    a, b = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1, dtype=np.float32)
    b.load_state_dict(a.state_dict())
    assert b.weight.dtype == np.float32
    np.testing.assert_array_equal(b.weight.data, a.weight.data.astype(np.float32))


def test_loading_leaves_recorded_graphs_as_they_were() -> None:
    layer = nn.Linear(1, 1, bias=False, rng=0)
    x = mg.Tensor([3.0], requires_grad=True)
    before = layer.weight.data.item()
    y = layer(x).sum()
    layer.load_state_dict({"weight": np.full((1, 1), 100.0)})
    y.backward()
    assert x.grad.item() == before


def test_mismatches_are_named_and_nothing_is_loaded() -> None:
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=0))
    before = model.state_dict()
    state = model.state_dict()
    state["0.wieght"] = state.pop("0.weight") + 1
    state["1.bias"] = np.zeros(4)
    message = (
        "Sequential.load_state_dict: 0.weight is missing; 0.wieght is unexpected (near 0.weight); "
        "1.bias has shape (4,) and must have (1,)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        model.load_state_dict(state)
    for name, v in model.state_dict().items():
        np.testing.assert_array_equal(v, before[name])
    with pytest.raises(ValueError, match=r"Linear\.load_state_dict: zzz is unexpected$"):
        nn.Linear(1, 1, rng=0).load_state_dict(
            {"weight": np.ones((1, 1)), "bias": np.ones(1), "zzz": 1.0}
        )


def test_shared_tensors_must_not_differ_in_a_state() -> None:
    model = Model()
    state = model.state_dict()
    state["same"] = np.float64(3.0)
    with pytest.raises(ValueError, match="scale and same are one Tensor here and differ there"):
        model.load_state_dict(state)
    state["scale"] = np.float64(3.0)
    model.load_state_dict(state)
    assert model.scale.item() == model.same.item() == 3


def test_states_that_are_none() -> None:
    layer = nn.Linear(1, 1, rng=0)
    with pytest.raises(TypeError, match=r"Linear\.load_state_dict takes a dict, as state_dict"):
        layer.load_state_dict([1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"load_state_dict: weight holds <U1, not numbers"):
        layer.load_state_dict({"weight": "x", "bias": np.ones(1)})


# --- bad input -------------------------------------------------------------------------

X = np.ones((2, 3))
MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.Module()(1), NotImplementedError, "Module has no forward: define forward(self, x)"),
    (lambda: nn.Sequential(), ValueError, "Sequential: there are no layers"),
    (lambda: nn.Sequential([nn.ReLU()]), TypeError, "Sequential: layer 0 is [ReLU()], and layers are modules or functions; unpack"),
    (lambda: nn.Linear(0, 2), ValueError, "Linear: in_features must be at least 1, not 0"),
    (lambda: nn.Linear(2, 1.5), TypeError, "Linear: out_features must be an integer, not 1.5"),
    (lambda: nn.Linear(4, 2)(X), ValueError, "Linear wants 4 inputs along axis -1; X has shape (2, 3)"),
    (lambda: nn.Linear(1, 2)(1.0), ValueError, "Linear wants 1 inputs along axis -1; 1.0 has shape ()"),
    (lambda: nn.Linear(1, 2, rng="x"), TypeError, "Linear: rng must be a NumPy Generator, as np.random.default_rng(0) makes one, or a seed, not 'x'"),
    (lambda: nn.Linear(1, 2, rng=True), TypeError, "Linear: rng must be a NumPy Generator"),
    (lambda: nn.Linear(1, 2, dtype=int), TypeError, "Linear: parameters are floating-point numbers, and dtype is int64"),
    (lambda: F.linear(X, np.ones(3)), ValueError, "linear wants weights of shape (outputs, inputs);"),
    (lambda: nn.Conv2d(3, 4, 3)(X), ValueError, "Conv2d wants input of shape (batch, channels, height, width); X has shape (2, 3)"),
    (lambda: nn.Conv1d(3, 4, 3)(np.ones((2, 5, 7))), ValueError, "Conv1d wants 3 channels along axis 1; <2x5x7> has shape (2, 5, 7)"),
    (lambda: nn.Conv1d(3, 4, 3)(np.ones((2, 3, 2))), ValueError, "Conv1d: a window of (3,) (dilation (1,)) does not fit into <2x3x2> (2, 3, 2) with padding ((0, 0),)"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "Conv2d: kernel_size must be one integer or 2 of them, not (3, 3, 3)"),
    (lambda: nn.Conv2d(3, 4, 3, stride=0), ValueError, "Conv2d: stride must be at least 1, not 0"),
    (lambda: nn.Conv2d(3, 4, 3, padding=-1), ValueError, "Conv2d: padding must be at least 0, not -1"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "Conv2d: padding must be integers, \"same\" or \"valid\", not 'full'"),
    (lambda: nn.Conv2d(3, 4, 3, 2, "same"), ValueError, 'Conv2d: padding="same" needs stride 1, not (2, 2)'),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: 3 input and 4 output channels do not both divide into 2 groups"),
    (lambda: F.conv1d(np.ones((1, 4, 5)), np.ones((3, 2, 2)), groups=2), ValueError, "conv1d: 3 output channels do not divide into 2 groups"),
    (lambda: F.conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2)), np.ones(4)), ValueError, "conv1d: the bias has shape (4,), not (3,)"),
    (lambda: F.conv1d(np.ones((1, 2, 5)), X), ValueError, "conv1d wants weights of shape (outputs, channels / groups, kernel); X has shape (2, 3)"),
    (lambda: F.conv2d(X, X), ValueError, "conv2d wants weights of shape (outputs, channels / groups, height, width)"),
    (lambda: F.conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2)), padding="same", stride=2), ValueError, 'conv1d: padding="same" needs stride 1'),
    (lambda: F.conv1d(np.ones((1, 2, 5)), np.ones((3, 2, 2)), padding="x"), ValueError, "conv1d: padding must be integers, \"same\" or \"valid\", not 'x'"),
    (lambda: nn.MaxPool2d(2)(X), ValueError, "max_pool2d wants input of shape (batch, channels, height, width); X has shape (2, 3)"),
    (lambda: nn.MaxPool2d(2, padding=2)(np.ones((1, 1, 4, 4))), ValueError, "max_pool2d: padding (2, 2) is more than half of the kernel (2, 2)"),
    (lambda: nn.AvgPool2d(5)(np.ones((1, 1, 4, 4))), ValueError, "avg_pool2d: a window of (5, 5) (dilation (1, 1)) does not fit"),
    (lambda: nn.Embedding(4, 2)([0, 4]), IndexError, "embedding has the rows 0 to 3, and [0, 4] asks for 4"),
    (lambda: nn.Embedding(4, 2)(np.array([-1])), IndexError, "asks for -1"),
    (lambda: nn.Embedding(4, 2)(X), TypeError, "embedding wants integers, and X has dtype float64; convert whole numbers with .astype(int)"),
    (lambda: nn.LayerNorm(()), ValueError, "LayerNorm: normalized_shape must name one axis at least"),
    (lambda: nn.LayerNorm(4)(X), ValueError, "LayerNorm wants 4 features along axis -1; X has shape (2, 3)"),
    (lambda: nn.LayerNorm((2, 3))(np.ones(3)), ValueError, "LayerNorm wants 2 features along axis -2; <3> has shape (3,)"),
    (lambda: nn.BatchNorm1d(4)(X), ValueError, "BatchNorm1d wants 4 channels along axis 1; X has shape (2, 3)"),
    (lambda: nn.BatchNorm2d(3)(X), ValueError, "BatchNorm2d wants input of shape (batch, channels, height, width); X has"),
    (lambda: nn.BatchNorm1d(3)(X[:1]), ValueError, "BatchNorm1d: 1 value per channel has no variance; train on larger batches, or call eval()"),
    (lambda: nn.BatchNorm1d(3, momentum=2.0), ValueError, "BatchNorm1d: momentum must be in [0, 1] or None, not 2.0"),
    (lambda: F.batch_norm(np.ones(3)), ValueError, "batch_norm wants input of shape (batch, channels, ...); <3> has shape (3,)"),
    (lambda: nn.Dropout(1.0, 0), ValueError, "Dropout: p must be a number in [0, 1), not 1.0"),
    (lambda: F.dropout(X, -1, 0), ValueError, "dropout: p must be a number in [0, 1), not -1"),
    (lambda: nn.Flatten()(np.ones(3)), ValueError, "Flatten wants input of shape (batch, ...), not (3,)"),
    (lambda: nn.RNNCell(3, 2, nonlinearity="sin"), ValueError, "RNNCell: nonlinearity must be \"tanh\" or \"relu\", not 'sin'"),
    (lambda: F.rnn_cell(X, X, X, X, nonlinearity="sin"), ValueError, "rnn_cell: nonlinearity must be"),
    (lambda: nn.GRUCell(4, 2)(X), ValueError, "gru_cell wants input of shape (batch, 4) or (4,); X has shape (2, 3)"),
    (lambda: nn.GRUCell(3, 2)(X, np.ones((2, 5))), ValueError, "gru_cell wants a state of shape (2, 2), not (2, 5)"),
    (lambda: nn.LSTMCell(3, 2)(X, np.ones((2, 2))), TypeError, "lstm_cell: the state is a pair (h, c)"),
    (lambda: nn.LSTMCell(3, 2)(X, (np.ones((2, 2)), np.ones(2))), ValueError, "lstm_cell: h has shape (2, 2) and c (2,)"),
    (lambda: nn.MultiHeadAttention(5, 2), ValueError, "MultiHeadAttention: 5 features do not divide into 2 heads"),
    (lambda: nn.MultiHeadAttention(3, 1)(np.ones(3)), ValueError, "MultiHeadAttention wants input of shape (batch, length, features); <3> has"),
    (lambda: nn.MultiHeadAttention(4, 1)(X), ValueError, "MultiHeadAttention wants 4 features along axis -1; X has shape (2, 3)"),
    (lambda: nn.MultiHeadAttention(3, 1)(X, X, X[:1]), ValueError, "MultiHeadAttention: query, key and value have the shapes (2, 3), (2, 3), (1, 3)"),
    (lambda: nn.MultiHeadAttention(3, 1)(X[None], np.ones((2, 2, 3))), ValueError, "MultiHeadAttention: the query has a batch of 1, the key one of 2"),
    (lambda: nn.MultiHeadAttention(3, 1)(X, attn_mask=np.ones((2, 3))), ValueError, "MultiHeadAttention: attn_mask must have shape (2, 2) or (1, 2, 2); <2x3> has (2, 3)"),
    (lambda: nn.MultiHeadAttention(3, 1)(X[None], key_padding_mask=np.ones(2)), ValueError, "MultiHeadAttention: key_padding_mask must have shape (1, 2); <2> has (2,)"),
    (lambda: nn.MultiHeadAttention(3, 1)(X, attn_mask=np.ones((2, 2), bool)), ValueError, "the mask hides every source from some target"),
    (lambda: nn.MultiHeadAttention(3, 1)(X, attn_mask=np.full((2, 2), -math.inf)), ValueError, "the mask hides every source from some target"),
    (lambda: nn.MultiHeadAttention(3, 1)(X, attn_mask=np.ones((2, 2), int)), TypeError, "masks are boolean (who may look) or floating-point (added to the scores); <2x2> has dtype int64"),
    (lambda: F.scaled_dot_product_attention(X, X, X, np.ones((3, 3))), ValueError, "<3x3> has shape (3, 3), and masks are broadcast to (..., targets, sources), here (2, 2)"),
    (lambda: F.scaled_dot_product_attention(X, X.T, X), ValueError, "scaled_dot_product_attention wants query (..., targets, d) and key (..., sources, d); they have shapes (2, 3) and (3, 2)"),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="sin"), ValueError, "TransformerEncoderLayer: activation must be \"relu\", \"gelu\" or a function, not 'sin'"),
    (lambda: nn.init.xavier_normal((3,), 0), ValueError, "nn.init: weights of shape (3,) have no inputs and outputs; it takes (outputs, inputs, *kernel)"),
    (lambda: nn.init.normal((3,), None), TypeError, "nn.init.normal: pass a Generator, np.random.default_rng(seed)"),
    (lambda: nn.init.normal((3,), 0, std=-1), ValueError, "nn.init.normal: std=-1 must not be negative"),
    (lambda: nn.init.uniform((3,), 0, 2, 1), ValueError, "nn.init.uniform: low=2 must not be above high=1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), MISTAKES, ids=[m[2][:60] for m in MISTAKES])
def test_mistakes_are_named(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        call()


# --- chance ----------------------------------------------------------------------------


def test_dropout_drops_the_share_and_keeps_the_mean() -> None:
    layer = nn.Dropout(0.3, np.random.default_rng(0))
    y = layer(np.ones(100_000))
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    again = nn.Dropout(0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(again(np.ones(100_000)), y)
    x = mg.Tensor(np.ones(8), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0, 0)(x) is x


def test_dropout_inside_attention_and_transformers() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 8))
    for make in (
        lambda: nn.MultiHeadAttention(8, 2, 0.5, rng=3),
        lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.5, rng=3),
    ):
        one, two = make(), make()
        np.testing.assert_array_equal(one(x).data, two(x).data)
        assert np.any(one(x).data != one(x).data)
        one.eval()
        np.testing.assert_array_equal(one(x).data, one(x).data)


def test_the_same_seed_makes_the_same_layer() -> None:
    for make in (
        lambda rng: nn.Linear(3, 2, rng=rng),
        lambda rng: nn.Conv2d(3, 2, 3, rng=rng),
        lambda rng: nn.TransformerEncoderLayer(8, 2, 16, rng=rng),
    ):
        a, b, c = (make(rng).state_dict() for rng in (0, np.random.default_rng(0), 1))
        assert all(np.array_equal(a[k], b[k]) for k in a)
        assert any(not np.array_equal(a[k], c[k]) for k in a)


@pytest.mark.parametrize(
    ("rule", "options", "std", "bound"),
    [
        ("xavier_uniform", {}, math.sqrt(2 / (1800 + 3600)), math.sqrt(6 / 5400)),
        ("xavier_uniform", {"gain": 2.0}, 2 * math.sqrt(2 / 5400), 2 * math.sqrt(6 / 5400)),
        ("xavier_normal", {}, math.sqrt(2 / 5400), math.inf),
        ("he_uniform", {}, math.sqrt(2 / 1800), math.sqrt(6 / 1800)),
        ("he_normal", {}, math.sqrt(2 / 1800), math.inf),
        ("he_normal", {"gain": 1.0}, math.sqrt(1 / 1800), math.inf),
        ("normal", {"std": 0.5}, 0.5, math.inf),
        ("uniform", {"low": -1.0, "high": 1.0}, math.sqrt(1 / 3), 1.0),
    ],
)
def test_init(rule: str, options: dict[str, float], std: float, bound: float) -> None:
    draw = getattr(nn.init, rule)
    w = draw((400, 200, 3, 3), np.random.default_rng(0), **options)
    assert w.std() == pytest.approx(std, rel=0.01)
    assert abs(w.mean()) < 0.01 * std
    assert abs(w).max() <= bound
    if bound < math.inf:
        assert abs(w).max() > 0.999 * bound
    assert draw((4, 3), np.random.default_rng(0), dtype=np.float32).dtype == np.float32


@pytest.mark.full
def test_init_by_pytorch_s_bounds() -> None:
    torch = pytest.importorskip("torch")
    w = torch.empty(400, 200, 3, 3, dtype=torch.float64)
    for ours, theirs in (("xavier", "xavier"), ("he", "kaiming")):
        for kind in ("uniform", "normal"):
            gain = {"nonlinearity": "relu"} if ours == "he" else {}
            getattr(torch.nn.init, f"{theirs}_{kind}_")(w, **gain)
            v = getattr(nn.init, f"{ours}_{kind}")(tuple(w.shape), np.random.default_rng(0))
            assert v.std() == pytest.approx(w.std().item(), rel=0.01)
    assert not nn.init.zeros((2, 3)).any()
    assert nn.init.ones((2, 3)).all()


# --- with the rest of the library ------------------------------------------------------


def test_a_model_under_grad_and_no_grad() -> None:
    model = nn.Sequential(nn.Conv1d(1, 2, 3, rng=0), nn.BatchNorm1d(2), nn.Tanh())
    model(np.random.default_rng(0).normal(size=(4, 1, 6)))
    model.eval()
    x = np.random.default_rng(1).normal(size=(4, 1, 6))
    assert mg.gradcheck(lambda x: model(x), x)
    with mg.no_grad():
        assert not model(x).requires_grad


def test_windows_with_many_places_and_no_batch_entries() -> None:
    assert F.conv2d(np.ones((0, 2, 5, 5)), np.ones((3, 2, 3, 3))).shape == (0, 3, 3, 3)
    x = mg.Tensor(np.ones((0, 2, 5, 5)), requires_grad=True)
    F.conv2d(x, np.ones((3, 2, 3, 3))).sum().backward()
    assert x.grad.shape == (0, 2, 5, 5)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_pools_by_hand(ceil_mode: bool, count_include_pad: bool) -> None:
    x = np.arange(1.0, 6.0)[None, None]
    pool = nn.AvgPool1d(2, padding=1, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    share = 0.5 if count_include_pad else 1.0  # of the 1 beside the padding
    np.testing.assert_allclose(pool(x)[0, 0], [share * 1, 2.5, 4.5])
    wide = nn.AvgPool1d(2, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    np.testing.assert_allclose(wide(x)[0, 0], [1.5, 3.5, *([5.0] if ceil_mode else [])])
    by_place = nn.AvgPool1d(2, None, 1, ceil_mode, count_include_pad)
    np.testing.assert_array_equal(by_place(x), pool(x))
