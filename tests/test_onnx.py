"""Export to ONNX: every op and layer against onnxruntime, and what is refused."""

from __future__ import annotations

import inspect
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES, Sample
from minigrad import nn
from minigrad.ops.record import registry
from minigrad.tree import flatten
from test_defaults import UNGIVEN, defaults, same

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

import campaign_onnx  # noqa: E402
from minigrad.onnx import rules  # noqa: E402
from minigrad.onnx.rules.beyond import BEYOND, table  # noqa: E402
from minigrad.onnx.sizes import Size, fitted, points  # noqa: E402

ONLY_SINGLE = {"linalg.det", "linalg.slogdet"}
"""Ops that onnxruntime computes in float32 alone."""


def run(model: Any, *args: Any) -> list[Any]:
    """What onnxruntime computes."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = [i.name for i in session.get_inputs()]
    return list(session.run(None, dict(zip(inputs, map(np.asarray, args), strict=True))))


def leaves(tree: Any) -> list[Any]:
    return [np.asarray(getattr(x, "data", x)) for x in flatten(tree)[0] if x is not None]


def agree(f: Any, args: Any, model: Any, rtol: float = 1e-12) -> None:
    found, expected = run(model, *args), leaves(f(*args))
    assert len(found) == len(expected)
    for ours, theirs in zip(expected, found, strict=True):
        assert theirs.shape == ours.shape
        assert theirs.dtype == ours.dtype
        np.testing.assert_allclose(theirs, ours, rtol=rtol, atol=rtol)


# --- every op --------------------------------------------------------------------------

FIRST = {s.op: s for s in reversed(SAMPLES)}


def arguments(s: Sample) -> list[Any]:
    return [np.float64(a) if isinstance(a, float) else a for a in s.args]


def exported(f: Any, s: Sample) -> Any:
    """The model, unless values decide shapes, or ONNX has no such function."""
    args = arguments(s)
    try:
        return mg.onnx.export(f, None, *args)
    except NotImplementedError as error:
        assert any(f": {op.name} cannot be written: {why}" in str(error) or op.name in str(error)
                   for op, why in BEYOND.items())  # fmt: skip
        pytest.skip(str(error))
    except TypeError as error:
        if "in the program" not in str(error) and "depends on values" not in str(error):
            raise
        pytest.skip("it cannot be traced")


def check_value(s: Sample) -> None:
    model = exported(s.f, s)
    if any(n.op_type == "Det" for n in model.graph.node):
        model = mg.onnx.export(s.f, None, *arguments(s), dtype=np.float32)
        found = run(model, *(np.asarray(a, np.float32) for a in s.args))
        for a, b in zip(leaves(s.f(*arguments(s))), found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    else:
        agree(s.f, arguments(s), model)


def check_gradient(s: Sample) -> None:
    if not s.args or any(np.asarray(a).dtype.kind != "f" for a in s.args):
        pytest.skip("nothing to differentiate")

    def squares(*args: Any) -> Any:
        ans = s.f(*args)
        parts = ans if isinstance(ans, tuple | list) else [ans]
        return sum(np.sum(p * p) for p in parts)

    f = mg.grad(squares, argnums=tuple(range(len(s.args))))
    try:
        f(*arguments(s))
    except Exception:
        pytest.skip("it has no gradient")
    model = exported(f, s)
    if not any(n.op_type == "Det" for n in model.graph.node):
        agree(f, arguments(s), model, 1e-11)


@pytest.mark.parametrize("s", FIRST.values(), ids=lambda s: s.op)
def test_a_sample_of_each_function_equals_onnxruntime(s: Sample) -> None:
    check_value(s)


@pytest.mark.full
@pytest.mark.parametrize("s", SAMPLES, ids=lambda s: s.id)
def test_every_sample_equals_onnxruntime(s: Sample) -> None:
    check_value(s)


@pytest.mark.full
@pytest.mark.parametrize("s", SAMPLES[::3], ids=lambda s: s.id)
def test_gradients_equal_onnxruntime(s: Sample) -> None:
    check_gradient(s)


EXTREME = np.array([-math.inf, -1e300, -40.0, -1.0, -1e-9, -0.0, 0.0, 1e-9, 1.0, 40.0, 1e300,
                    math.inf, math.nan])  # fmt: skip


@pytest.mark.parametrize(
    "name",
    "absolute exp expm1 log log1p sqrt tanh sinh cosh arcsinh arctan erf softplus sigmoid relu "
    "log_sigmoid sign floor ceil rint trunc isnan isinf isfinite signbit nan_to_num cbrt".split(),
)
def test_extreme_numbers(name: str) -> None:
    f = getattr(mg, name)
    with np.errstate(all="ignore"):
        agree(lambda x: f(x), [EXTREME], mg.onnx.export(lambda x: f(x), None, EXTREME))


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin", "hypot", "copysign",
                                  "arctan2", "logaddexp", "heaviside", "less"])  # fmt: skip
def test_pairs_of_extreme_numbers(name: str) -> None:
    f = getattr(mg, name)
    a, b = (x.ravel() for x in np.meshgrid(EXTREME, EXTREME))
    with np.errstate(all="ignore"):
        agree(lambda x, y: f(x, y), [a, b], mg.onnx.export(lambda x, y: f(x, y), None, a, b))


def test_near_the_ends_of_inverse_functions() -> None:
    near = 1 - np.array([1.0, 1e-3, 1e-8, 1e-15, 0.0])
    for f, x in ((mg.arcsin, near), (mg.arccos, near), (mg.arctanh, 0.999 * near),
                 (mg.arccosh, 1 + near), (mg.tan, near), (mg.arctan, 1e6 * near)):  # fmt: skip
        agree(lambda x, f=f: f(x), [x], mg.onnx.export(lambda x, f=f: f(x), None, x))


@pytest.mark.sampled(40)
@pytest.mark.parametrize("seed", range(240))
def test_random_programs(seed: int) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not (wrong := campaign_onnx.run(seed)), wrong


# --- the tables ------------------------------------------------------------------------


def test_every_op_is_written_or_said_to_be_beyond() -> None:
    for op in registry.values():
        if op.by_shape or op.name.startswith(("scipy.", "special.")):
            continue
        assert rules.known(op) != (op in BEYOND), op


def test_the_page_has_the_table_of_what_cannot_be_written() -> None:
    page = (Path(__file__).parent.parent / "docs" / "onnx.md").read_text(encoding="utf-8")
    assert table() in page


def test_ops_of_the_user_are_refused_whatever_their_name() -> None:
    mine = mg.defop("exp", lambda x: x + 1, [lambda g, ans, x: g], replace=True)
    with pytest.raises(NotImplementedError, match=r"exp cannot be written: it is an op of yours"):
        mg.onnx.export(lambda x: mine(x), None, 1.0)


def test_what_onnx_lacks_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"linalg\.cholesky cannot be written: ONNX fact"):
        mg.onnx.export(np.linalg.cholesky, None, np.eye(2))
    for kind in ("complex64", "complex128", "longdouble"):
        x = np.ones(2, kind)
        with pytest.raises(TypeError, match=f"compute with numbers of dtype {x.dtype}"):
            mg.onnx.export(lambda x: x * 2, None, x)


# --- every layer -----------------------------------------------------------------------

rng = np.random.default_rng(0)
V, T, X1 = rng.normal(size=(3, 6)), rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 4, 9))
X2, X3 = rng.normal(size=(2, 4, 6, 6)), rng.normal(size=(2, 2, 4, 4, 4))


def pooled(n: int, x: Any) -> Any:
    return getattr(nn.functional, f"max_pool{n}d")(x, 2, return_indices=True)


CASES: list[tuple[Any, Any]] = [
    (getattr(nn, name)(), V)
    for name in """CELU ELU GELU SELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid
    Mish PReLU ReLU ReLU6 Sigmoid SiLU Softplus Softshrink Softsign Tanh Tanhshrink GLU Dropout
    Flatten""".split()
]
CASES += [(k(-1), V) for k in (nn.Softmax, nn.Softmin, nn.LogSoftmax)]
CASES += [
    (nn.Identity(), V), (nn.Threshold(0.1, 2.0), V), (nn.RReLU(), V), (nn.Unflatten(1, (2, 3)), V),
    (nn.ChannelShuffle(2), X2), (nn.PixelShuffle(2), X2), (nn.PixelUnshuffle(1), X2),
    (nn.LocalResponseNorm(3), X2), (nn.Upsample(scale_factor=2), X2), (nn.Unfold(2), X2),
    (nn.CosineSimilarity(), (V, V[:, ::-1].copy())), (nn.PairwiseDistance(), (V, V[::-1].copy())),
    (nn.LPPool1d(2, 2), X1), (nn.LPPool2d(2, 2), X2), (nn.LPPool3d(2, 2), X3),
    (nn.Dropout1d(), X1), (nn.Dropout2d(), X2), (nn.Dropout3d(), X3), (nn.AlphaDropout(), V),
    (nn.FeatureAlphaDropout(), X1), (nn.RNN(8, 3, batch_first=True, rng=0), T),
    (nn.GRU(8, 3, batch_first=True, bidirectional=True, rng=0), T),
    (nn.LSTM(8, 3, 2, batch_first=True, rng=0), T), (nn.Fold((3, 3), 2), X1[:, :, :4]),
    *[(getattr(nn, f"MaxUnpool{n}d")(2), pooled(n, x)) for n, x in ((1, X1), (2, X2), (3, X3))],
    *[(getattr(nn, f"{kind}Pad{n}d")(1), x) for n, x in ((1, X1), (2, X2), (3, X3))
      for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")],
    (nn.Linear(6, 3, rng=0), V), (nn.Bilinear(6, 6, 2, rng=0), (V, V[:, ::-1].copy())),
    (nn.Embedding(10, 4, rng=0), np.array([[1, 2], [3, 9]])),
    (nn.EmbeddingBag(10, 4, rng=0), np.array([[1, 2], [3, 9]])),
    (nn.Conv1d(4, 3, 2, rng=0), X1), (nn.Conv2d(4, 5, 3, padding=1, stride=2, rng=0), X2),
    (nn.Conv2d(4, 4, 3, groups=2, dilation=2, rng=0), X2), (nn.Conv3d(2, 3, 2, rng=0), X3),
    (nn.ConvTranspose1d(4, 2, 3, rng=0), X1),
    (nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1, rng=0), X2),
    (nn.ConvTranspose3d(2, 2, 2, rng=0), X3),
    (nn.BatchNorm1d(6), V), (nn.BatchNorm2d(4), X2), (nn.BatchNorm3d(2), X3),
    (nn.GroupNorm(2, 4), X2), (nn.InstanceNorm1d(4), X1), (nn.InstanceNorm3d(2), X3),
    (nn.InstanceNorm2d(4, affine=True), X2), (nn.LayerNorm(6), V), (nn.RMSNorm(6), V),
    (nn.MaxPool1d(2), X1), (nn.MaxPool2d(3, 2, 1, ceil_mode=True), X2), (nn.MaxPool3d(2), X3),
    (nn.AvgPool1d(2), X1), (nn.AvgPool2d(3, 2, 1, count_include_pad=False), X2),
    (nn.AvgPool3d(2), X3), (nn.AdaptiveAvgPool1d(4), X1), (nn.AdaptiveAvgPool2d(4), X2),
    (nn.AdaptiveAvgPool3d(2), X3), (nn.AdaptiveMaxPool1d(4), X1), (nn.AdaptiveMaxPool2d(4), X2),
    (nn.AdaptiveMaxPool3d(2), X3), (nn.RNNCell(6, 5, rng=0), V), (nn.GRUCell(6, 5, rng=0), V),
    (nn.LSTMCell(6, 5, rng=0), V), (nn.MultiHeadAttention(8, 2, rng=0), (T, T, T)),
    (nn.TransformerEncoderLayer(8, 2, 16, rng=0), T),
    (nn.TransformerEncoder([nn.TransformerEncoderLayer(8, 2, 16, rng=0)], nn.LayerNorm(8)), T),
    (nn.SpectralNorm(nn.Linear(6, 3, rng=0), rng=0), V),
    (nn.Sequential(nn.Linear(6, 4, rng=0), nn.GELU(), nn.Linear(4, 2, rng=1)), V),
]  # fmt: skip


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("layer", "x"), CASES, ids=[type(m).__name__ for m, _ in CASES])
def test_layers_for_any_size_of_the_batch(layer: Any, x: Any) -> None:
    layer.eval()
    args = x if isinstance(x, tuple) else (x,)
    model = mg.onnx.export(layer, None, *args)
    names = [i.name for i in model.graph.initializer]
    assert all(name in names for name, _ in layer.named_parameters())
    for n in (1, 2, 7):
        agree(layer, [np.take(a, np.arange(n) % len(a), 0) for a in args], model)


def test_every_layer_is_tested() -> None:
    tested = {type(m).__name__ for m, _ in CASES}
    layers = {n for n, k in vars(nn).items() if isinstance(k, type) and issubclass(k, nn.Module)}
    drawn = {"FractionalMaxPool2d"}  # its regions are drawn anew at each call
    assert layers - tested == {"Module"} | drawn


def test_what_is_drawn_at_each_call_cannot_be_written() -> None:
    with pytest.raises((NotImplementedError, TypeError), match="draws numbers"):
        mg.onnx.export(nn.FractionalMaxPool2d(2, 3, rng=0), None, X2)


# --- gradients, sizes and names --------------------------------------------------------


def test_value_and_gradient_of_any_batch() -> None:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return mg.losses.cross_entropy(np.tanh(x @ p["W"]) @ p["V"] + p["b"], y)

    f = mg.value_and_grad(loss)
    p = {"W": rng.normal(size=(4, 5)), "V": rng.normal(size=(5, 3)), "b": rng.normal(size=3)}
    x, y = rng.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2])
    axes = {"x": {0: "batch"}, "y": {0: "batch"}}
    model = mg.onnx.export(f, None, p, x, y, dynamic_axes=axes)
    assert [i.name for i in model.graph.input] == ["W", "V", "b", "x", "y"]
    assert [o.name for o in model.graph.output] == ["output_0", "dW", "dV", "db"]
    shape = model.graph.input[3].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["batch", 4]
    for n in (1, 3, 50):
        x, y = rng.normal(size=(n, 4)), rng.integers(0, 3, n)
        value, gradient = f(p, x, y)
        found = run(model, *p.values(), x, y)
        for a, b in zip([value, *gradient.values()], found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)


class Reader(nn.Module):
    """Causal attention over letters and their places."""

    def __init__(self) -> None:
        self.letters, self.places = nn.Embedding(9, 4, rng=0), nn.Embedding(9, 4, rng=1)
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, rng=2)

    def forward(self, x: Any) -> Any:
        return self.layer(self.letters(x) + self.places(np.arange(x.shape[1])), is_causal=True)


def test_two_axes_of_any_size_and_a_causal_mask() -> None:
    model = Reader().eval()
    x = np.zeros((2, 8), int)
    proto = mg.onnx.export(model, None, x, dynamic_axes={"x": {0: "batch", 1: "time"}})
    for shape in ((1, 1), (3, 9), (4, 2)):
        x = rng.integers(0, 9, size=shape)
        np.testing.assert_allclose(run(proto, x)[0], model(x).data, rtol=1e-12, atol=1e-13)


def test_convolutional_gradient_of_any_batch() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Flatten(), nn.Linear(27, 4, rng=0)).eval()  # fmt: skip
    f = mg.grad(lambda x, y: mg.losses.cross_entropy(net(x), y))
    x, y = rng.normal(size=(2, 1, 6, 6)), np.array([1, 2])
    axes = {"x": {0: "n"}, "y": {0: "n"}}
    model = mg.onnx.export(f, None, x, y, dynamic_axes=axes)
    for n in (1, 5):
        x, y = rng.normal(size=(n, 1, 6, 6)), rng.integers(0, 4, n)
        np.testing.assert_allclose(run(model, x, y)[0], f(x, y).data, rtol=1e-12, atol=1e-14)


def test_sizes_that_are_no_formula_are_an_error() -> None:
    def halved(x: Any) -> Any:
        return x[: len(x) // 2] * 2

    with pytest.raises(ValueError, match=r"halved depends on the size of x_0 in .*dynamic_axes={}"):
        mg.onnx.export(halved, None, np.ones(8), dynamic_axes={"x": [0]})
    agree(halved, [np.ones(8)], mg.onnx.export(halved, None, np.ones(8)))


def test_gradients_of_slices_of_any_length() -> None:
    f = mg.grad(lambda x: (x[1:] ** 2).sum())
    model = mg.onnx.export(f, None, np.ones(4), dynamic_axes={"x": [0]})
    for n in (2, 5, 8):
        agree(f, [rng.normal(size=n)], model)


def test_numbers_that_depend_on_the_size() -> None:
    def f(x: Any) -> Any:
        n = len(x)
        means = (x * np.full(n, 1 / n)).sum() + (x[:1] * np.full(3, 1 / n)).sum()
        return x.sum() / (n - 1) + 0.5 * n + means + np.arange(n) @ x

    model = mg.onnx.export(f, None, np.ones(4), dynamic_axes={"x": [0]})
    for n in (2, 5, 31):
        agree(f, [rng.normal(size=n)], model)


def test_formulas_of_sizes() -> None:
    at = points({"a": 1, "b": 100})
    assert all(1 < p["a"] <= 5 and p["b"] <= 9 for p in at)
    assert fitted([2 * p["a"] * p["b"] + 3 for p in at], at) == {("a", "b"): 2, (): 3}
    assert fitted([p["a"] ** 3 for p in at], at) is None
    assert repr(Size({("a", "b"): 2, (): 3})) == "2·a·b + 3"


def test_single_precision_of_a_double_model() -> None:
    net = nn.Sequential(nn.Linear(6, 4, rng=0), nn.GELU(), nn.LayerNorm(4)).eval()
    model = mg.onnx.export(net, None, V, dtype=np.float32)
    (found,) = run(model, V.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, net(V).data, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["float16", "float32", "int8", "int16", "int32", "uint8", "bool"])
def test_dtypes(kind: str) -> None:
    """Small whole numbers wrap as NumPy's do; ONNX Runtime multiplies and adds larger ones only."""
    x = np.random.default_rng(0).integers(0, 2 if kind == "bool" else 100, (3, 4)).astype(kind)
    functions = {
        "sum": lambda x: x.sum(axis=1), "matmul": lambda x: x @ x.T, "vector": lambda x: x[0] @ x.T,
        "max": lambda x: x.max(axis=0), "twice": lambda x: x + x, "mean": lambda x: x.mean(axis=1),
    }  # fmt: skip
    for name, f in functions.items():
        with np.errstate(over="ignore"):
            expected = np.asarray(f(x))
            (found,) = run(mg.onnx.export(f, None, x), x)
        assert found.dtype == expected.dtype, name
        np.testing.assert_allclose(
            found, expected, rtol=1e-2 if kind == "float16" else 1e-6, err_msg=name
        )


def test_dtypes_that_onnx_lacks_for_an_op_are_named() -> None:
    with pytest.raises(NotImplementedError, match=r"ONNX has this program for other dtypes only: "):
        mg.onnx.export(np.abs, None, np.ones(3, bool))


@pytest.mark.parametrize("name", ["gammaln", "digamma", "erfinv", "jv", "gammainc"])
def test_special_functions_that_onnx_lacks_are_named(name: str) -> None:
    f = getattr(pytest.importorskip("scipy.special"), name)
    first = [1.5] if name in ("jv", "gammainc") else []
    with pytest.raises(NotImplementedError, match=r"onnx.export: special\.\w+ cannot be written: "):
        mg.onnx.export(lambda x: f(*first, x), None, np.array([0.3, 0.6]))


def test_programs_compiled_functions_and_methods() -> None:
    f = lambda x: np.exp(x) * 2
    for g in (mg.trace(f, np.ones(3)), mg.compile(f)):
        args = () if isinstance(g, mg.Program) else (np.ones(3),)
        agree(f, [np.arange(3.0)], mg.onnx.export(g, None, *args))
    net = nn.Linear(6, 2, rng=0)
    model = mg.onnx.export(net.forward, None, V)
    assert {"weight", "bias"} <= {i.name for i in model.graph.initializer}


def test_shared_weights_have_their_first_name() -> None:
    net = nn.Linear(3, 2, rng=0)
    net.twin = net.weight
    model = mg.onnx.export(net, None, np.ones((2, 3)))
    assert [i.name for i in model.graph.initializer] == ["weight", "bias"]


def test_names_of_outputs_and_nested_results() -> None:
    f = lambda x: {"double": 2 * x, "same": x, "one": np.ones(2)}
    model = mg.onnx.export(f, None, 3.0, output_names=["a", "b", "c"])
    assert [o.name for o in model.graph.output] == ["a", "b", "c"]
    assert [float(np.sum(x)) for x in run(model, 4.0)] == [8.0, 4.0, 2.0]
    assert model.opset_import[0].version == mg.onnx.OPSET == 18


def test_files_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    mg.onnx.export(np.exp, path, 1.0)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(str(path), full_check=True)
    before = path.read_bytes()
    with pytest.raises(NotImplementedError):
        mg.onnx.export(np.linalg.inv, path, np.eye(2))
    assert path.read_bytes() == before


def raises(match: str, kind: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(kind, match=match):
        mg.onnx.export(*args, **kwargs)


def test_wrong_calls() -> None:
    f, x = (lambda x: x * 2), np.ones((2, 3))
    raises("takes a function, a module or a program, not 3", TypeError, 3, None, x)
    raises("dynamic_axes is a dict", TypeError, f, None, x, dynamic_axes=[0])
    raises("names 'y', and the arguments are x", ValueError, f, None, x, dynamic_axes={"y": [0]})
    raises("x has no axis 2", ValueError, f, None, x, dynamic_axes={"x": [2]})
    for given in (1.0, [1.0, 2.0], np.array(1.0)):
        raises("x is no array", ValueError, f, None, given, dynamic_axes={"x": [0]})
    raises("has a name, not 3", TypeError, f, None, x, dynamic_axes={"x": {0: 3}})
    raises("empty along axis 0", ValueError, f, None, x[:0], dynamic_axes={"x": [0]})
    raises("output_names are 1 different names", ValueError, f, None, x, output_names=["a", "b"])
    raises("no name in UTF-8", ValueError, f, None, x, output_names=["a\ud800"])
    raises("x is the name of an input", ValueError, f, None, x, output_names=["x"])
    raises("dtype is float16, float32", TypeError, f, None, x, dtype=np.int32)
    raises("returns nothing", ValueError, lambda x: None, None, x)
    raises("a program has its arguments", TypeError, mg.trace(f, x), None, x)
    raises("comes before the arguments, and x is none", TypeError, f, x, "net.onnx")
    raises("examples of the module's arguments", TypeError, nn.Linear(3, 2, rng=0), None)
    raises("of fixed sizes", TypeError, mg.trace(f, x), None, dynamic_axes={"x": [0]})
    raises("eval", TypeError, nn.Dropout(0.5, rng=0), None, x)
    raises("would fix its value", TypeError, lambda x: x if x.sum() > 0 else -x, None, x)


def test_strange_names_stay_names(tmp_path: Path) -> None:
    params = {"a b\n": np.ones(2), "": np.ones(2), "a/b": np.ones(2)}
    path = tmp_path / "names.onnx"
    mg.onnx.export(lambda p: p["a b\n"] + p[""] * p["a/b"], path, params)
    assert len({i.name for i in onnx.load(str(path)).graph.input}) == 3
    assert pickle.loads(pickle.dumps(mg.onnx.OPSET)) == 18


def test_rules_take_for_granted_what_numpy_does() -> None:
    """What the metadata of an equation leave out is what the op does without it."""
    compared = 0
    for op, rule in {**rules.RULES, **rules.FORMULAS}.items():
        known = [defaults(op), defaults(op.forward)]
        for name, value in defaults(rule).items():
            if value is inspect.Parameter.empty:
                continue
            usual = [found.get(name) for found in known]
            usual = [UNGIVEN.get(name) if u is np._NoValue else u for u in usual]
            assert any(same(value, u) for u in usual), (op, name)
            compared += 1
    assert compared > 75


@pytest.mark.parametrize(
    "compare",
    [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal],
    ids=lambda f: f.__name__,
)
def test_comparisons_where_both_sides_are_equal(compare: Any) -> None:
    x, y = np.array([1.0, 2.0, 3.0, -0.0, np.inf]), np.array([1.0, 3.0, 2.0, 0.0, np.inf])
    f = lambda x, y: np.where(compare(x, y), 2 * x, y - 1)
    agree(f, (x, y), mg.onnx.export(f, None, x, y))


def test_axes_from_the_end_and_an_edge_for_each_side() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    f = lambda x: np.pad(np.stack([x, -x], axis=-2)[:, 0], 1, constant_values=((1, 2), (3, 4)))
    agree(f, (x,), mg.onnx.export(f, None, x))


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolution_by_few_and_many(mode: str, m: int) -> None:
    x, v = np.array([1.0, -2.0, 0.5, 3.0]), np.array([1.0, 10.0, 100.0])[:m]
    f = lambda x, v: np.convolve(x, v, mode)
    agree(f, (x, v), mg.onnx.export(f, None, x, v))


@pytest.mark.parametrize("order", [1, 2, 3, 2.5])
def test_norms_of_every_order(order: float) -> None:
    x = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])
    f = lambda x: np.linalg.vector_norm(x, ord=order, axis=1)
    agree(f, (x,), mg.onnx.export(f, None, x))
