"""Layers without state: by hand on small input, and against PyTorch where it is installed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

rng = np.random.default_rng(3)
X = rng.normal(size=(2, 6, 5, 7))
LINE, VOLUME = X[:, :, 0], rng.normal(size=(2, 6, 3, 4, 5))

# --- activations, each a formula ---------------------------------------------------------

POINTS = np.array([-7.0, -3.5, -2.0, -0.7, -0.2, 0.3, 0.9, 1.6, 2.9, 3.5, 6.5])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def selu(x: Any) -> Any:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))


ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "selu": (F.selu, selu),
    "celu": (lambda x: F.celu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x / 0.7))),
    "mish": (F.mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "hardtanh": (lambda x: F.hardtanh(x, -1.5, 2.0), lambda x: np.clip(x, -1.5, 2.0)),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6)),
    "hardsigmoid": (F.hardsigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "hardswish": (F.hardswish, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "softshrink": (F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "hardshrink": (F.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "softsign": (F.softsign, lambda x: x / (1 + np.abs(x))),
    "tanhshrink": (F.tanhshrink, lambda x: x - np.tanh(x)),
    "threshold": (lambda x: F.threshold(x, 1, 4), lambda x: np.where(x > 1, x, 4)),
    "prelu": (lambda x: F.prelu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    "glu": (lambda x: F.glu(x[:10]), lambda x: x[:5] * sigmoid(x[5:10])),
    "softmin": (F.softmin, lambda x: np.exp(-x) / np.exp(-x).sum()),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    ours, formula = ACTIVATIONS[name]
    np.testing.assert_allclose(ours(POINTS), formula(POINTS), rtol=1e-12, atol=1e-15)
    assert mg.gradcheck(ours, POINTS, order=2)
    single = ours(mg.Tensor(POINTS.astype(np.float32), requires_grad=True))
    assert single.dtype == np.float32
    single.sum().backward()
    compiled = mg.compile(mg.grad(lambda x: (ours(x) ** 2).sum()))
    for x in (POINTS, POINTS[::-1].copy()):
        np.testing.assert_allclose(
            compiled(x), mg.grad(lambda x: (ours(x) ** 2).sum())(x), rtol=1e-12
        )


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (nn.SELU, "SELU", {}),
        (nn.CELU, "CELU", {"alpha": 0.7}),
        (nn.Mish, "Mish", {}),
        (nn.Hardtanh, "Hardtanh", {"min_val": -1.5, "max_val": 2.0}),
        (nn.ReLU6, "ReLU6", {}),
        (nn.Hardsigmoid, "Hardsigmoid", {}),
        (nn.Hardswish, "Hardswish", {}),
        (nn.Softshrink, "Softshrink", {"lambd": 0.3}),
        (nn.Hardshrink, "Hardshrink", {"lambd": 0.3}),
        (nn.Softsign, "Softsign", {}),
        (nn.Tanhshrink, "Tanhshrink", {}),
        (nn.LogSigmoid, "LogSigmoid", {}),
        (nn.PReLU, "PReLU", {"num_parameters": 6}),
    ],
)
@pytest.mark.parametrize("at", ["between", "kinks"])
def test_activation_layers_are_pytorchs(ours: Any, theirs: str, options: Any, at: str) -> None:
    torch = pytest.importorskip("torch")
    points = {"between": 3 * X, "kinks": np.tile([0.0, -3, 3, -1, 1, 6, 0.3, -0.3], (2, 6, 1))}[at]
    x = torch.tensor(points, requires_grad=True)
    y = getattr(torch.nn, theirs)(**options).double()(x)
    y.sum().backward()
    t = mg.Tensor(points, requires_grad=True)
    got = ours(**options)(t)
    got.sum().backward()
    np.testing.assert_allclose(got.data, y.detach().numpy(), rtol=1e-12, atol=1e-14)
    # PyTorch divides by α, and by 6, in single precision
    np.testing.assert_allclose(t.grad, x.grad.numpy(), rtol=1e-6, atol=1e-14)


# --- windows -----------------------------------------------------------------------------


def test_transposed_convolution_is_the_adjoint() -> None:
    """``<conv(x), y> = <x, transposed(y)>`` for every x and y: what the word means."""
    for n, stride, padding, dilation, groups in itertools.product(
        (1, 2, 3), (1, 2), (0, 1), (1, 2), (1, 2)
    ):
        conv = [F.conv1d, F.conv2d, F.conv3d][n - 1]
        back = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][n - 1]
        w = rng.normal(size=(4, 6 // groups, *((2, 3, 2)[:n])))
        x = rng.normal(size=(2, 6, *((5, 6, 4)[:n])))
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        seen = conv(x, w, **options)
        y = rng.normal(size=seen.shape)
        rest = [
            (length + 2 * padding - dilation * (k - 1) - 1) % stride
            for length, k in zip(x.shape[2:], w.shape[2:])
        ]
        laid = back(y, w, output_padding=tuple(rest), **options)
        assert laid.shape == x.shape
        assert np.sum(seen * y) == pytest.approx(np.sum(x * laid), rel=1e-11)


def test_convolution_in_three_axes_by_hand() -> None:
    x, w = VOLUME[:1, :2], rng.normal(size=(3, 2, 2, 2, 2))
    y = F.conv3d(x, w, stride=(1, 2, 1))
    for o, i, j, k in np.ndindex(*y.shape[1:]):
        seen = x[0, :, i : i + 2, 2 * j : 2 * j + 2, k : k + 2]
        assert y[0, o, i, j, k] == pytest.approx(np.sum(seen * w[o]), rel=1e-12)


def test_fold_is_the_adjoint_of_unfold() -> None:
    options = {"kernel_size": (2, 3), "dilation": (1, 2), "padding": 1, "stride": (2, 1)}
    seen = F.unfold(X, **options)
    y = rng.normal(size=seen.shape)
    laid = F.fold(y, (5, 7), **options)
    assert laid.shape == X.shape
    assert np.sum(seen * y) == pytest.approx(np.sum(X * laid), rel=1e-12)


def test_ceil_mode_by_hand() -> None:
    x = np.arange(5.0)[None, None]
    assert F.max_pool1d(x, 2, ceil_mode=True).tolist() == [[[1, 3, 4]]]
    assert F.avg_pool1d(x, 2, ceil_mode=True).tolist() == [[[0.5, 2.5, 4]]]
    assert F.avg_pool1d(x, 2, padding=1, ceil_mode=True).tolist() == [[[0, 1.5, 3.5]]]
    assert F.avg_pool1d(x, 3, 2, padding=1, ceil_mode=True).tolist()[0][0] == pytest.approx(
        [1 / 3, 2, 7 / 3]
    )


def test_adaptive_pools_by_hand() -> None:
    x = np.arange(7.0)[None]
    assert F.adaptive_max_pool1d(x, 3).tolist() == [[2, 4, 6]]
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[1, 3, 5]]
    got = F.adaptive_avg_pool2d(X, (None, 1))
    np.testing.assert_allclose(got, X.mean(-1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(F.adaptive_max_pool2d(X, 1), X.max((-2, -1), keepdims=True))


W1, W2, W3 = (rng.normal(size=(4, 3, *k)) for k in ((3,), (3, 2), (2, 2, 2)))
T1, T2, T3 = (rng.normal(size=(6, 2, *k)) for k in ((3,), (3, 2), (2, 2, 2)))
B = rng.normal(size=4)
FUNCTIONS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("conv3d", [VOLUME, W3, B], {"groups": 2, "padding": 1}),
    ("conv2d", [X[0], W2, B], {"groups": 2, "padding": "valid"}),
    ("conv1d", [LINE[0], W1], {"groups": 2}),
    ("conv_transpose1d", [LINE, T1, B], {"stride": 3, "output_padding": 1, "groups": 2}),
    ("conv_transpose1d", [LINE[0], T1], {"dilation": 3, "output_padding": 2, "groups": 2}),
    ("conv_transpose2d", [X, T2, B], {"stride": (2, 1), "padding": (1, 0), "groups": 2}),
    ("conv_transpose3d", [VOLUME, T3, B], {"stride": 2, "padding": 1, "groups": 2}),
    ("unfold", [X], {"kernel_size": 2, "dilation": 2, "padding": 1, "stride": (1, 2)}),
    ("fold", [rng.normal(size=(2, 12, 20))],
     {"output_size": (4, 5), "kernel_size": 2, "padding": (1, 0)}),
    *[(f"max_pool{n}d", [x], {"kernel_size": 2, "ceil_mode": ceil, "padding": pad})
      for n, x in ((1, LINE), (2, X), (3, VOLUME)) for ceil in (False, True) for pad in (0, 1)],
    *[(f"avg_pool{n}d", [x], {"kernel_size": 3, "stride": 2, "padding": pad, "ceil_mode": ceil,
                              "count_include_pad": include})
      for n, x in ((1, LINE), (2, X), (3, VOLUME)) for ceil in (False, True) for pad in (0, 1)
      for include in (False, True)],
    ("avg_pool2d", [X], {"kernel_size": 2, "divisor_override": 3}),
    ("max_pool2d", [X[0]], {"kernel_size": 2}),
    *[(f"adaptive_{kind}_pool{n}d", [x], {"output_size": size}) for kind in ("avg", "max")
      for n, x in ((1, LINE), (2, X), (3, VOLUME)) for size in (1, 2, 3)],
    ("pixel_shuffle", [rng.normal(size=(2, 8, 3, 2))], {"upscale_factor": 2}),
    ("pixel_unshuffle", [rng.normal(size=(2, 3, 4, 6))], {"downscale_factor": 2}),
    *[("interpolate", [x], {"size": size, "mode": mode})
      for mode, x, size in (("nearest", LINE, 9), ("nearest-exact", X, (3, 9)), ("linear", LINE, 3),
                            ("bilinear", X, (8, 4)), ("trilinear", VOLUME, (2, 5, 7)),
                            ("bicubic", X, (9, 4)), ("area", X, (2, 3)))],
    *[("interpolate", [x], {"size": size, "mode": mode, "align_corners": True})
      for mode, x, size in (("linear", LINE, 3), ("bilinear", X, (8, 1)), ("bicubic", X, (9, 4)))],
    *[("interpolate", [x], {"scale_factor": 1.7, "mode": mode, "recompute_scale_factor": True})
      for x, mode in ((LINE, "linear"), (LINE, "nearest"), (X, "bilinear"), (X, "area"))],
    *[("interpolate", [x], {"scale_factor": f, "mode": mode})
      for mode, x, f in (("nearest", LINE, 1.7), ("bilinear", X, (1.3, 0.6)), ("bilinear", X, 1.1),
                         ("bicubic", X, 2.5))],
    ("group_norm", [X, ], {"num_groups": 3, "weight": B[:1].repeat(6), "bias": B[:1].repeat(6)}),
    ("instance_norm", [X], {"weight": rng.normal(size=6), "bias": rng.normal(size=6)}),
    ("bilinear", [X[0, :, :, 0], X[1, :, :, 0], rng.normal(size=(3, 5, 5)), B[:3]], {}),
    ("cosine_similarity", [X, X[::-1].copy()], {}),
    ("pairwise_distance", [X[0, 0], X[0, 1]], {"p": 3.0}),
    ("normalize", [X], {"p": 3.0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "options"),
    FUNCTIONS,
    ids=[f"{i}-{name}" for i, (name, _, _) in enumerate(FUNCTIONS)],
)
def test_functions_are_pytorchs(name: str, args: list[Any], options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    as_torch = lambda v: torch.tensor(v) if isinstance(v, np.ndarray) else v
    xs = [torch.tensor(a, requires_grad=True) for a in args]
    told = {k: as_torch(v) for k, v in options.items()}
    expected = getattr(torch.nn.functional, name)(*xs, **told)
    ts = [mg.Tensor(a, requires_grad=True) for a in args]
    got = getattr(F, name)(*ts, **options)
    np.testing.assert_allclose(got.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    weight = rng.normal(size=got.shape)
    (got * weight).sum().backward()
    (expected * torch.tensor(weight)).sum().backward()
    for t, x in zip(ts, xs):
        np.testing.assert_allclose(t.grad, x.grad.numpy(), rtol=1e-9, atol=1e-10)


def test_rms_norm_by_hand() -> None:
    w = rng.normal(size=7)
    got = F.rms_norm(X, 1, w)
    eps = np.finfo(float).eps
    np.testing.assert_allclose(got, X / np.sqrt((X**2).mean(-1, keepdims=True) + eps) * w)
    layer = nn.RMSNorm((5, 7), eps=0.1)
    np.testing.assert_allclose(
        layer(X).data, X / np.sqrt((X**2).mean((-2, -1), keepdims=True) + 0.1)
    )


# --- layers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "args", "options", "shape"),
    [
        (nn.Conv3d, (4, 6, 2), {"stride": 2, "groups": 2}, (2, 4, 4, 5, 6)),
        (nn.ConvTranspose1d, (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
        (nn.ConvTranspose2d, (4, 6, (3, 2)), {"groups": 2, "bias": False}, (2, 4, 5, 6)),
        (nn.ConvTranspose3d, (2, 2, 2), {"padding": 1, "dilation": 2}, (2, 2, 3, 4, 5)),
        (nn.Bilinear, (3, 3, 4), {}, (5, 3)),
        (nn.GroupNorm, (2, 6), {"eps": 0.1}, (3, 6, 4)),
        (nn.InstanceNorm1d, (3,), {"affine": True}, (2, 3, 5)),
        (nn.InstanceNorm2d, (3,), {}, (2, 3, 5, 4)),
        (nn.InstanceNorm3d, (3,), {}, (2, 3, 5, 4, 2)),
        (nn.BatchNorm3d, (3,), {}, (2, 3, 4, 2, 2)),
        (nn.MaxPool1d, (2,), {"ceil_mode": True}, (2, 3, 5)),
        (nn.MaxPool3d, (2,), {"stride": 1}, (2, 3, 4, 5, 3)),
        (nn.AvgPool1d, (3,), {"padding": 1, "count_include_pad": False}, (2, 3, 5)),
        (nn.AvgPool3d, (2,), {"ceil_mode": True}, (2, 3, 3, 4, 5)),
        (nn.AdaptiveAvgPool2d, ((2, None),), {}, (2, 3, 5, 4)),
        (nn.AdaptiveMaxPool1d, (2,), {}, (2, 3, 5)),
        (nn.GLU, (), {}, (3, 6)),
        (nn.Softmin, (), {}, (3, 6)),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_layers_are_pytorchs(ours: Any, args: Any, options: Any, shape: Any) -> None:
    torch = pytest.importorskip("torch")
    kind = getattr(torch.nn, ours.__name__)
    theirs = kind(*args, **options, **({"dim": -1} if ours is nn.Softmin else {})).double()
    layer = ours(*args, **options)
    layer.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = rng.normal(size=shape)
    inputs = [x, x[::-1].copy()] if ours is nn.Bilinear else [x]
    t = [mg.Tensor(v, requires_grad=True) for v in inputs]
    u = [torch.tensor(v, requires_grad=True) for v in inputs]
    got, expected = layer(*t), theirs(*u)
    np.testing.assert_allclose(got.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    (got**2).sum().backward()
    (expected**2).sum().backward()
    for a, b in zip(t, u):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-9, atol=1e-9)
    for (name, p), q in zip(layer.named_parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_row_for_padding_is_zero_and_stays() -> None:
    layer = nn.Embedding(5, 3, padding_idx=-1, rng=0)
    assert layer.padding_idx == 4
    assert not layer.weight.data[4].any()
    y = layer(np.array([[0, 4], [4, 1]]))
    y.sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3]
    filled = rng.normal(size=(5, 3))
    layer.load_state_dict({"weight": filled})
    np.testing.assert_array_equal(layer(np.array([4])).data, filled[4:])
    assert repr(layer).startswith("Embedding(5, 3, padding_idx=4)")
    with pytest.raises(ValueError, match="padding_idx=5 names none of 5 rows"):
        nn.Embedding(5, 3, padding_idx=5)
    with pytest.raises(IndexError, match="embedding has the rows 0 to 4, and padding_idx is 9"):
        F.embedding([0], filled, padding_idx=9)


def test_one_seed_for_all_that_is_drawn() -> None:
    def run() -> list[Any]:
        nn.seed(7)
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 2))
        return [net(np.ones((3, 4))).data, F.dropout(np.ones(5), 0.5)]

    first, again = run(), run()
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    nn.seed()
    assert not np.array_equal(nn.Linear(4, 8).weight.data, nn.Linear(4, 8).weight.data)


# --- what is refused ---------------------------------------------------------------------

MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: F.glu(np.ones(3)), "glu halves axis -1, and .* has shape (3,)"),
    (lambda: F.celu(POINTS, 0), "celu: alpha must be positive, not 0"),
    (lambda: F.hardtanh(POINTS, 2, 1), "hardtanh: min_val=2 must not be above max_val=1"),
    (lambda: F.softshrink(POINTS, -1), "softshrink: lambd must not be negative, as -1 is"),
    (lambda: F.prelu(X, np.ones(3)), "prelu: .*(3,), and X (2, 6, 5, 7) has 6 channels"),
    (lambda: F.conv_transpose2d(X, np.ones((5, 2, 2, 2))), "conv_transpose2d wants 5 channels"),
    (lambda: F.conv_transpose1d(LINE, np.ones((6, 2, 2)), output_padding=1), "smaller than the"),
    (lambda: F.conv_transpose1d(LINE, np.ones((6, 2, 2)), padding=9), "leaves nothing of LINE"),
    (lambda: F.conv_transpose1d(LINE, np.ones((6, 2, 2)), groups=4), "do not divide into 4 groups"),
    (lambda: F.conv_transpose1d(LINE, np.ones((6, 2))), "wants weights of shape (channels, outp"),
    (lambda: F.conv3d(LINE, np.ones((4, 6, 2, 2, 2))), "conv3d wants input of shape (batch, chan"),
    (lambda: F.fold(np.ones((1, 5, 4)), 3, 2), "does not hold windows of (2, 2) at (2, 2) places"),
    (lambda: F.pixel_shuffle(X, 4), "6 channels of X are no multiple of 4² = 16"),
    (lambda: F.pixel_shuffle(np.ones((2, 2)), 1), "wants input of shape (..., channels, height"),
    (lambda: F.pixel_unshuffle(X, 2), "pixel_unshuffle: X is 5 × 7, and 2 does not divide both"),
    (lambda: F.interpolate(X, 3, mode="cubic"), "mode must be one of nearest, nearest-exact"),
    (lambda: F.interpolate(X, 3, mode="linear"), "mode 'linear' is for input of shape"),
    (lambda: F.interpolate(X), "give size= or scale_factor=, one of them"),
    (lambda: F.interpolate(X, 3, 2.0), "give size= or scale_factor=, one of them"),
    (lambda: F.interpolate(X, 3, align_corners=True), "align_corners= goes with linear and cubic"),
    (lambda: F.interpolate(X, scale_factor=-1), "scale_factor must be one positive number or 2"),
    (lambda: F.group_norm(X, 4), "group_norm: 6 channels do not divide into 4 groups"),
    (lambda: F.instance_norm(np.ones((2, 3))), "has one value per channel, which has no variance"),
    (lambda: nn.GroupNorm(4, 6), "GroupNorm: 6 channels do not divide into 4 groups"),
    (lambda: nn.GroupNorm(2, 4)(X), "GroupNorm wants 4 channels along axis 1"),
    (lambda: nn.RMSNorm(3)(X), "RMSNorm wants 3 features along axis -1"),
    (lambda: nn.RMSNorm(()), "RMSNorm: normalized_shape must name one axis at least"),
    (lambda: nn.InstanceNorm1d(6)(X), "InstanceNorm1d wants input of shape (batch, channels, le"),
    (lambda: nn.Bilinear(5, 5, 2)(X[0, 0], X[0, 0, :3, :5]), "the inputs have shapes|wants 5 in"),
    (lambda: nn.ConvTranspose2d(3, 4, 2, groups=2), "do not both divide into 2 groups"),
    (lambda: nn.AdaptiveAvgPool2d((2, 2, 2))(X), "output_size must be one integer or 2 of them"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=[m[:50] for _, m in MISTAKES])
def test_mistakes_are_named(call: Callable[[], Any], message: str) -> None:
    pattern = message.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=pattern):
        call()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_whole_channels_are_dropped(n: int) -> None:
    x = np.ones((4, 5, *[3] * n))
    y = getattr(F, f"dropout{n}d")(x, 0.5, np.random.default_rng(0))
    y = y.reshape(4, 5, -1)
    assert {*np.unique(y)} == {0.0, 2.0} and (y == y[..., :1]).all()
    with pytest.raises(ValueError, match=f"dropout{n}d"):
        getattr(F, f"dropout{n}d")(x[None, None], 0.5, np.random.default_rng(0))
