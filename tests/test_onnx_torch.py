"""Models that PyTorch exports, loaded: values, gradients of inputs and of weights, any batch."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
t, F = torch.nn, torch.nn.functional

pytestmark = [pytest.mark.full, pytest.mark.filterwarnings("ignore")]

torch.manual_seed(0)
V, S, B = torch.randn(3, 6), torch.randn(5, 2, 4), torch.randn(2, 5, 8)
X = {1: torch.randn(2, 4, 9), 2: torch.randn(2, 4, 6, 7), 3: torch.randn(2, 2, 4, 5, 4)}
WORDS = torch.tensor([[1, 2, 0], [3, 4, 4]])
PADDED = torch.tensor([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1]]).bool()


class Of(t.Module):  # type: ignore[misc]
    """A function of modules and of the inputs."""

    def __init__(self, f: Any, *modules: Any) -> None:
        super().__init__()
        self.f, self.modules_ = f, t.ModuleList(modules)

    def forward(self, *inputs: Any) -> Any:
        return self.f(*self.modules_, *inputs)


CASES: dict[str, tuple[Any, Any]] = {}


def case(name: str, module: Any, *inputs: Any) -> None:
    CASES[name] = (module, inputs)


def layers() -> None:
    case("Linear", t.Linear(6, 3), V)
    case("Linear without bias", t.Linear(6, 3, bias=False), V)
    case("Linear of three axes", t.Linear(8, 3), B)
    case("Embedding", t.Embedding(5, 3), WORDS)
    case("Embedding with padding", t.Embedding(5, 3, padding_idx=0), WORDS)
    case("LayerNorm", t.LayerNorm(8), B)
    case("LayerNorm of two axes", t.LayerNorm((6, 7)), X[2])
    case("LayerNorm plain", t.LayerNorm(8, elementwise_affine=False), B)
    case("LayerNorm without bias", t.LayerNorm(8, bias=False), B)
    case("GroupNorm", t.GroupNorm(2, 4), X[2])
    case("GroupNorm of one group", t.GroupNorm(1, 4), X[1])
    case("GroupNorm plain", t.GroupNorm(4, 4, affine=False), X[2])
    case("InstanceNorm1d", t.InstanceNorm1d(4), X[1])
    case("InstanceNorm2d", t.InstanceNorm2d(4, affine=True), X[2])
    case("LocalResponseNorm", t.LocalResponseNorm(3), X[2])
    case("BatchNorm1d of rows", t.BatchNorm1d(6), V)
    for i, x in X.items():
        kind = lambda name, i=i: getattr(t, f"{name}{i}d")
        n, norm = x.shape[1], kind("BatchNorm")(x.shape[1])
        norm(x)  # so that it has seen something
        case(f"BatchNorm{i}d", norm, x)
        case(f"BatchNorm{i}d plain", kind("BatchNorm")(n, affine=False), x)
        conv, deconv = kind("Conv"), kind("ConvTranspose")
        case(f"Conv{i}d", conv(n, 4, 2), x)
        case(f"Conv{i}d wide", conv(n, 4, 2, stride=2, padding=1, dilation=2), x)
        case(f"Conv{i}d groups", conv(n, 4, 2, groups=2, bias=False), x)
        case(f"Conv{i}d depthwise", conv(n, n, 3, padding=1, groups=n), x)
        case(f"Conv{i}d same", conv(n, 4, 3, padding="same"), x)
        case(f"Conv{i}d same, even", conv(n, 4, 2, padding="same"), x)
        case(f"Conv{i}d circular", conv(n, 4, 3, padding=1, padding_mode="circular"), x)
        if i < 3:
            case(f"Conv{i}d reflect", conv(n, 4, 3, padding=1, padding_mode="reflect"), x)
        case(f"ConvTranspose{i}d", deconv(n, 4, 3, stride=2, padding=1, output_padding=1), x)
        case(f"ConvTranspose{i}d groups", deconv(n, 4, 2, groups=2, dilation=2), x)


def pooling() -> None:
    for i, x in X.items():
        kind = lambda name, i=i: getattr(t, f"{name}Pool{i}d")
        case(f"MaxPool{i}d", kind("Max")(2), x)
        case(f"MaxPool{i}d wide", kind("Max")(2, stride=1, padding=1, dilation=2), x)
        case(f"MaxPool{i}d ceil", kind("Max")(2, stride=2, ceil_mode=True), x)
        case(f"AvgPool{i}d", kind("Avg")(2), x)
        case(f"AvgPool{i}d inside", kind("Avg")(3, 2, padding=1, count_include_pad=False), x)
        case(f"AvgPool{i}d ceil", kind("Avg")(3, 2, padding=1, ceil_mode=True), x)
        case(f"AdaptiveAvgPool{i}d", kind("AdaptiveAvg")(1), x)
        case(f"AdaptiveMaxPool{i}d", kind("AdaptiveMax")(1), x)
    case("AdaptiveAvgPool2d, two sizes", t.AdaptiveAvgPool2d((3, 7)), X[2])
    case("LPPool2d", t.LPPool2d(2, 2), X[2].abs())
    for mode in ("nearest", "bilinear", "bicubic"):
        case(f"Upsample {mode}", t.Upsample(scale_factor=2, mode=mode), X[2])
        case(f"Upsample {mode} to a size", t.Upsample(size=(9, 5), mode=mode), X[2])
        case(f"Upsample {mode} by 1.5", t.Upsample(scale_factor=1.5, mode=mode), X[2])
        if mode != "nearest":
            corners = t.Upsample(scale_factor=2, mode=mode, align_corners=True)
            case(f"Upsample {mode}, corners", corners, X[2])
    case("Upsample nearest, one axis", t.Upsample(scale_factor=3), X[1])
    case("Upsample linear", t.Upsample(scale_factor=2, mode="linear"), X[1])
    case("Upsample trilinear", t.Upsample(scale_factor=2, mode="trilinear"), X[3])
    case("PixelShuffle", t.PixelShuffle(2), X[2])
    case("PixelUnshuffle", t.PixelUnshuffle(2), X[2][:, :, :, :6])
    case("Unfold", t.Unfold(2, stride=2), X[2])
    pads = {
        "Zero": t.ZeroPad2d(1), "Constant": t.ConstantPad2d((1, 2, 0, 1), 3.0),
        "Reflection": t.ReflectionPad2d(1), "Replication": t.ReplicationPad2d((1, 0, 2, 1)),
        "Circular": t.CircularPad2d(1), "Negative": t.ZeroPad2d(-1),
    }  # fmt: skip
    for name, pad in pads.items():
        case(f"{name}Pad2d", pad, X[2])


def recurrent() -> None:
    first, last = (lambda m, *x: m(*x)[0]), (lambda m, *x: m(*x)[1])
    for name in ("LSTM", "GRU", "RNN"):
        kind = getattr(t, name)
        case(name, Of(first, kind(4, 3)), S)
        case(f"{name}, two layers", Of(first, kind(4, 3, 2, bidirectional=True)), S)
        case(f"{name}, batch first", Of(first, kind(4, 3, batch_first=True)), S)
        case(f"{name} without bias", Of(first, kind(4, 3, bias=False)), S)
        case(f"{name}'s state", Of(lambda m, x: m(x)[1][0], kind(4, 3)), S)
    case("RNN of ReLU", Of(first, t.RNN(4, 3, nonlinearity="relu")), S)
    case("GRU from a state", Of(first, t.GRU(4, 3)), S, torch.randn(1, 2, 3))
    start = torch.randn(1, 2, 3), torch.randn(1, 2, 3)
    case("LSTM from a state", Of(lambda m, x, h, c: m(x, (h, c))[0], t.LSTM(4, 3)), S, *start)
    case("LSTMCell", Of(last, t.LSTMCell(6, 3)), V)
    case("GRUCell", t.GRUCell(6, 3), V)
    case("RNNCell", t.RNNCell(6, 3), V)


def attention() -> None:
    of = lambda m, x, **options: m(x, x, x, **options)
    ahead = torch.triu(torch.full((5, 5), -1e9), 1)
    new = lambda **options: t.MultiheadAttention(8, 2, batch_first=True, **options)
    case("attention", Of(lambda m, x: of(m, x)[0], new()), B)
    case("attention's weights", Of(lambda m, x: of(m, x)[1], new()), B)
    case("attention, fused", Of(lambda m, x: of(m, x, need_weights=False)[0], new()), B)
    case("attention back", Of(lambda m, x: of(m, x, attn_mask=ahead)[0], new()), B)
    case("attention without bias", Of(lambda m, x: of(m, x)[0], new(bias=False)), B)
    padded = Of(lambda m, x, p: of(m, x, key_padding_mask=p)[0], new())
    case("attention with padding", padded, B, PADDED)
    other = Of(lambda m, x: m(x, x[..., :3], x[..., :4])[0], new(kdim=3, vdim=4))
    case("attention to others", other, B)
    dot = F.scaled_dot_product_attention
    case("dot products", Of(lambda x: dot(x, x, x)), B[:, None])
    case("dot products, causal", Of(lambda x: dot(x, x, x, is_causal=True)), B[:, None])


def elements() -> None:
    names = """ELU SELU CELU GELU SiLU Mish ReLU ReLU6 LeakyReLU RReLU PReLU Sigmoid LogSigmoid
    Tanh Tanhshrink Softplus Softsign Softshrink Hardshrink Hardsigmoid Hardswish Hardtanh
    Identity Dropout AlphaDropout GLU"""
    for name in names.split():
        case(name, getattr(t, name)(), V)
    case("GELU tanh", t.GELU("tanh"), V)
    case("LeakyReLU 0.3", t.LeakyReLU(0.3), V)
    case("ELU 2", t.ELU(2.0), V)
    case("CELU 2", t.CELU(2.0), V)
    case("Hardtanh narrow", t.Hardtanh(-0.5, 0.3), V)
    case("PReLU of channels", t.PReLU(4), X[2])
    for axis in (0, 1, -1):
        case(f"Softmax {axis}", t.Softmax(axis), B)
        case(f"LogSoftmax {axis}", t.LogSoftmax(axis), B)
    case("Softmin", t.Softmin(-1), B)
    case("Softmax2d", t.Softmax2d(), X[2])
    case("CosineSimilarity", t.CosineSimilarity(), V, V.flip(1))
    case("PairwiseDistance", t.PairwiseDistance(), V, V.flip(1))
    case("Flatten", t.Flatten(), X[2])
    case("Unflatten", t.Unflatten(1, (2, 2)), X[1])


def functions() -> None:
    labels, places = torch.tensor([0, 1, 5]), torch.tensor([[0, 1], [2, 0], [5, 4]])
    put = (torch.tensor([0, 1]), torch.tensor([2, 3]))
    found = {
        "topk": lambda x: torch.topk(x, 2)[0], "sort": lambda x: x.sort(-1)[0],
        "cumsum": lambda x: x.cumsum(1), "einsum": lambda x: torch.einsum("ij,kj->ik", x, x),
        "norm": lambda x: x.norm(dim=1), "norm 1": lambda x: x.norm(p=1, dim=1),
        "normalize": lambda x: F.normalize(x, dim=1), "clamp": lambda x: x.clamp(-0.5, 0.5),
        "where": lambda x: torch.where(x > 0, x, x * x), "roll": lambda x: x.roll(1, 1),
        "flip": lambda x: x.flip(1), "tril": lambda x: x.tril(), "var": lambda x: x.var(1),
        "std": lambda x: x.std(1, keepdim=True), "logsumexp": lambda x: x.logsumexp(1),
        "prod": lambda x: x.prod(1), "max": lambda x: x.max(1)[0], "amin": lambda x: x.amin(0),
        "maximum": lambda x: torch.maximum(x, -x), "columns": lambda x: x[:, [0, 2]],
        "strides": lambda x: x[::2, 1:5:2], "from the end": lambda x: x[:, -2:],
        "masked": lambda x: x.masked_fill(x < 0, 0.0), "gather": lambda x: x.gather(1, places),
        "scatter": lambda x: x.scatter(1, places, x[:, 2:4]),
        "scatter_add": lambda x: torch.zeros(3, 6).scatter_add(1, places, x[:, :2]),
        "index_select": lambda x: x.index_select(0, torch.tensor([2, 0])),
        "index_put": lambda x: x.index_put(put, x[0, :2]),
        "cat": lambda x: torch.cat([x, x * 2], 1), "stack": lambda x: torch.stack([x, x * 2], 1),
        "chunk": lambda x: x.chunk(3, 1)[1], "unbind": lambda x: x.unbind(0)[1],
        "repeat": lambda x: x.repeat(2, 1),
        "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
        "expand": lambda x: x[:, None].expand(3, 2, 6),
        "permute": lambda x: x.view(3, 2, 3).permute(2, 0, 1),
        "powers": lambda x: x.abs() ** 1.5 + x**3, "roots": lambda x: x.abs().sqrt().rsqrt(),
        "erf": lambda x: x.erf(), "atan2": lambda x: torch.atan2(x, x + 1),
        "addmm": lambda x: torch.addmm(x[:, :3], x, x.T, beta=0.5, alpha=2.0),
        "fmod": lambda x: torch.fmod(x, 0.7), "remainder": lambda x: torch.remainder(x, 0.7),
        "one_hot": lambda x: F.one_hot(x.argmax(1), 6) * x, "diagonal": lambda x: x.diagonal(),
        "cross_entropy": lambda x: F.cross_entropy(x, labels),
        "nll": lambda x: F.nll_loss(F.log_softmax(x, 1), labels),
        "mse": lambda x: F.mse_loss(x, x * 2), "cdist": lambda x: torch.cdist(x, x + 1),
        "bce": lambda x: F.binary_cross_entropy_with_logits(x, (x > 0).float()),
        "det": lambda x: torch.det(x[:, :3]), "arange": lambda x: x * torch.arange(6),
        "sizes": lambda x: x.reshape(x.shape[0] * 2, -1),
    }  # fmt: skip
    for name, f in found.items():
        case(name, Of(f), V)


for table in (layers, pooling, recurrent, attention, elements, functions):
    table()

DYNAMO = """Linear|Conv2d wide|Conv1d same, even|ConvTranspose2d|BatchNorm2d|GroupNorm
LayerNorm of two axes|MaxPool2d ceil|AvgPool2d ceil|AdaptiveAvgPool2d, two sizes|Upsample bicubic
Upsample nearest by 1.5|LSTM, two layers|GRU|RNN of ReLU|attention with padding|GELU tanh
dot products, causal|PReLU of channels|CircularPad2d|sort|index_put|cross_entropy|var"""
"""Those of the cases that the newer exporter writes, too, which takes seconds for each."""


def exported(module: Any, inputs: Any, folder: Path, dynamo: bool, **options: Any) -> Any:
    path = str(folder / "torch.onnx")
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    if not dynamo:
        options["opset_version"] = 17
    torch.onnx.export(module.eval(), inputs, path, dynamo=dynamo, **options)
    return mg.onnx.load(path)


def same(got: Any, expected: Any, what: str) -> None:
    got, expected = np.asarray(getattr(got, "data", got)), expected.detach().numpy()
    assert got.shape == expected.shape, what
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5, err_msg=what)


def check(name: str, folder: Path, dynamo: bool) -> None:
    module, inputs = CASES[name]
    with torch.no_grad():  # weights that are equal would become one
        for p in module.parameters():
            p += 0.1 * torch.randn_like(p)
    model = exported(module, inputs, folder, dynamo)
    moving = tuple(i for i, x in enumerate(inputs) if x.is_floating_point())
    leaves = [x.clone().requires_grad_() if i in moving else x for i, x in enumerate(inputs)]
    module.zero_grad()
    out = module(*leaves)
    weight = torch.randn_like(out)
    if out.requires_grad:
        (out * weight).sum().backward()
    given = [x.numpy() for x in inputs]
    same(model(*given), out, "value")
    total = lambda *xs: np.sum(model(*xs) * weight.numpy())
    if moving:
        for i, g in zip(moving, mg.grad(total, argnums=moving)(*given)):
            grad = leaves[i].grad
            same(g, torch.zeros_like(inputs[i]) if grad is None else grad, f"of input {i}")
    theirs = dict(module.named_parameters())
    shared = [n for n in model.weights if n in theirs and theirs[n].shape == model.weights[n].shape]
    if shared and not dynamo and "padding" not in name:  # which folds what constants give
        total(*given).backward()
        for n in shared:
            same(model.weights[n].grad, theirs[n].grad, n)


@pytest.mark.parametrize("name", CASES)
def test_a_layer(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, dynamo=False)


@pytest.mark.parametrize("name", DYNAMO.replace("\n", "|").split("|"))
def test_a_layer_of_the_newer_exporter(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    check(name, tmp_path, dynamo=True)


def test_any_batch(tmp_path: Path) -> None:
    """Axes that are left open by PyTorch are open here."""
    net = t.Sequential(t.Conv2d(4, 3, 3), t.BatchNorm2d(3), t.ReLU(), t.AdaptiveAvgPool2d(1),
                       t.Flatten(), t.Linear(3, 2), t.Softmax(-1))  # fmt: skip
    words = t.Sequential(
        t.Embedding(9, 4), Of(lambda m, x: m(x)[0], t.LSTM(4, 3, batch_first=True))
    )
    read = t.Sequential(t.Linear(8, 8), t.Softmax(1))
    images = lambda n, k: torch.randn(n, 4, 5 + k, 6)
    texts = lambda n, k: torch.randint(9, (n, k + 1))
    rows = lambda n, k: torch.randn(n, k + 1, 8)
    for module, draw in ((net, images), (words, texts), (read, rows)):
        model = exported(
            module, (draw(2, 3),), tmp_path, False, input_names=["x"],
            dynamic_axes={"x": {0: "batch", 2 if draw is images else 1: "size"}},
        )  # fmt: skip
        for n, k in ((1, 0), (2, 3), (5, 1)):
            x = draw(n, k)
            same(model(x.numpy()), module(x), f"{n}, {k}")


class Passes(torch.nn.Module):
    """As many passes as are asked for, rows of a list joined after them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        rows = [torch.sin(v) for v in x.unbind(0)]
        for i in range(int(n)):
            x = torch.tanh(self.layer(x)) + i
        y = torch.cat([v.unsqueeze(0) for v in rows], 0)
        if bool(y.sum() > 0):
            y = y * 2
        return x + y


@pytest.mark.filterwarnings("ignore")
def test_scripted_loops(tmp_path: Path) -> None:
    module, path = Passes(), tmp_path / "loop.onnx"
    x = torch.linspace(-1, 2, 6).reshape(2, 3)
    torch.onnx.export(
        torch.jit.script(module), (x, torch.tensor(2)), str(path), dynamo=False, opset_version=17
    )
    model = mg.onnx.load(path)
    for n, sign in ((2, 1), (4, -1)):
        there = (sign * x).clone().requires_grad_()
        (module(there, torch.tensor(n)) ** 2).sum().backward()
        t = mg.Tensor(there.detach().numpy(), requires_grad=True)
        (model(t, np.asarray(n)) ** 2).sum().backward()
        np.testing.assert_allclose(t.grad, there.grad.numpy(), rtol=1e-4, atol=1e-5)
