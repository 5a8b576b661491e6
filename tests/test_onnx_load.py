"""Models of ONNX as modules: against PyTorch, onnxruntime and hostile files."""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES
from minigrad import nn

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto as T  # noqa: E402
from onnx import helper as h  # noqa: E402
from onnx import numpy_helper  # noqa: E402

from minigrad.onnx.operators import OPERATORS  # noqa: E402
from test_onnx import FIRST, arguments, exported, leaves, run  # noqa: E402

rng = np.random.default_rng(0)


def single(
    kind: str, inputs: dict[str, Any], outputs: int = 1, opset: int = 18, domain: str = "",
    constants: Any = (), **attributes: Any,
) -> Any:  # fmt: skip
    """A model of one node; inputs are arrays, None for one that is left out."""
    names = ["" if x is None else n for n, x in inputs.items()]
    node = h.make_node(kind, names, [f"y{i}" for i in range(outputs)], domain=domain, **attributes)
    infos = [
        h.make_tensor_value_info(n, h.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in inputs.items()
        if x is not None and n not in constants
    ]
    known = [numpy_helper.from_array(inputs[n], n) for n in constants]
    ends = [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)]
    graph = h.make_graph([node], "one", infos, ends, known)
    imports = [h.make_opsetid("", opset), *([h.make_opsetid(domain, 1)] if domain else [])]
    model = h.make_model(graph, opset_imports=imports, ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def loaded(model: Any, folder: Path) -> Any:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return mg.onnx.load(path)


# --- operators against onnxruntime -----------------------------------------------------

FIVE = np.array([0, 5], np.float32)
IMAGES = rng.normal(size=(2, 3, 5, 4)).astype(np.float32)
GRID = rng.uniform(-1.3, 1.3, (2, 3, 3, 2)).astype(np.float32)
LOGITS = rng.normal(size=(2, 3)).astype(np.float32)
A, B = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
F32 = rng.normal(size=(1, 2, 5, 5)).astype(np.float32)
W32 = rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *[(k, {"x": A}, {}) for k in "Abs Ceil Exp Floor Neg Round Sigmoid Sign Sin Cos Tanh Relu "
      "Reciprocal Identity IsNaN Softplus Softsign Elu".split()],
    *[(k, {"x": A.astype(np.float32)}, {}) for k in "Tan Asin Acos Atan Sinh Cosh Asinh Atanh Erf "
      "Celu HardSwish ThresholdedRelu Shrink IsInf LeakyRelu Selu HardSigmoid".split()],
    *[(k, {"x": np.abs(A)}, {}) for k in ("Log", "Sqrt")],
    *[(k, {"a": A, "b": B}, {}) for k in "Add Sub Mul Div Max Min Equal Less LessOrEqual "
      "Greater GreaterOrEqual Sum".split()],
    ("Mean", {"a": A.astype(np.float32), "b": B.astype(np.float32)}, {}),
    *[(k, {"a": A > 0, "b": B > 0}, {}) for k in ("And", "Or", "Xor")],
    *[("IsInf", {"x": np.array([np.inf, -np.inf, np.nan, 0.0], "f")}, {f"detect_{way}": 0})
      for way in ("positive", "negative")],
    ("Not", {"a": A > 0}, {}), ("Pow", {"a": np.abs(A), "b": B}, {}),
    ("Div", {"a": np.array([-7, 7, 5]), "b": np.array([2, -2, 3])}, {}),
    ("Mod", {"a": np.array([-7, 7, 5]), "b": np.array([2, -2, 3])}, {}),
    ("Mod", {"a": A, "b": B}, {"fmod": 1}),
    ("BitwiseAnd", {"a": np.array([5, 6]), "b": np.array([3, 3])}, {}),
    ("BitwiseNot", {"a": np.array([5, 6])}, {}),
    ("BitShift", {"a": np.array([5, 6], np.uint32), "b": np.array([1, 2], np.uint32)},
     {"direction": "LEFT"}),
    ("Clip", {"x": A, "low": np.array(-0.5), "high": np.array(0.5)}, {}),
    ("Clip", {"x": A, "low": None, "high": np.array(0.5)}, {}),
    ("Cast", {"x": A}, {"to": T.INT64}), ("CastLike", {"x": A, "y": np.zeros(1, np.float32)}, {}),
    *[(f"Reduce{k}", {"x": A}, {"keepdims": d}) for d in (0, 1)
      for k in "Sum Mean Max Min Prod LogSumExp SumSquare L1 L2".split()],
    ("ReduceSum", {"x": A, "axes": np.array([1])}, {"constants": ["axes"]}),
    ("ReduceSum", {"x": A}, {"noop_with_empty_axes": 1}),
    ("ReduceLogSum", {"x": np.abs(A)}, {}),
    ("ArgMax", {"x": A}, {"axis": 1}), ("ArgMin", {"x": A}, {"axis": 0, "keepdims": 0}),
    ("ArgMax", {"x": np.array([[1.0, 1.0, 0.0]])}, {"axis": 1, "select_last_index": 1}),
    *[("CumSum", {"x": A, "axis": np.array(1)}, {"exclusive": e, "reverse": r})
      for e in (0, 1) for r in (0, 1)],
    ("Gemm", {"a": A, "b": B, "c": np.ones(2)}, {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("MatMul", {"a": A, "b": B.T.copy()}, {}),
    ("Einsum", {"a": A, "b": B}, {"equation": "ij,kj->ik"}),
    ("Where", {"c": A > 0, "a": A, "b": B}, {}),
    ("Concat", {"a": A, "b": B}, {"axis": -1}), ("Flatten", {"x": F32}, {"axis": 2}),
    ("Flatten", {"x": F32}, {"axis": 0}), ("Flatten", {"x": F32}, {"axis": -1}),
    ("ConstantOfShape", {"s": np.array([2, 3])}, {}),
    ("DepthToSpace", {"x": np.arange(16.0).reshape(1, 4, 2, 2)}, {"blocksize": 2}),
    ("DepthToSpace", {"x": np.arange(16.0).reshape(1, 4, 2, 2)}, {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", {"x": np.arange(16.0).reshape(1, 1, 4, 4)}, {"blocksize": 2}),
    ("Expand", {"x": np.ones((2, 1)), "s": np.array([3, 1, 4])}, {}),
    ("Gather", {"x": A, "i": np.array([1, -1])}, {"axis": 1}),
    ("GatherElements", {"x": A, "i": np.array([[0, 2], [1, -1]])}, {"axis": 1}),
    ("GatherND", {"x": A, "i": np.array([[0, 2], [1, -1]])}, {}),
    ("GatherND", {"x": A, "i": np.array([[0], [1]])}, {"batch_dims": 1}),
    ("NonZero", {"x": A.astype(np.float32)}, {}), ("Shape", {"x": A}, {"start": 1}),
    ("Size", {"x": A}, {}),
    ("OneHot", {"i": np.array([0, 2, -1]), "d": np.array(3), "v": FIVE}, {}),
    ("OneHot", {"i": np.array([0, 2]), "d": np.array(3), "v": FIVE}, {"axis": 0}),
    ("Pad", {"x": A, "p": np.array([0, 1, 2, 0]), "v": np.array(7.0)}, {}),
    ("Pad", {"x": A, "p": np.array([1, -1, 0, 0])}, {}),
    ("Pad", {"x": A, "p": np.array([0, 1, -1, -1])}, {}),
    ("Pad", {"x": A, "p": np.array([1, 2, 0, 1])}, {"mode": "reflect"}),
    ("Pad", {"x": A, "p": np.array([1, 2])[:2], "v": None, "axes": np.array([1])},
     {"mode": "edge", "constants": ["axes", "p"]}),
    ("Range", {"a": np.array(1), "b": np.array(9), "c": np.array(3)}, {}),
    ("Reshape", {"x": A, "s": np.array([0, -1, 1])}, {}),
    ("ScatterND", {"x": A, "i": np.array([[1], [0]]), "v": B}, {}),
    ("ScatterND", {"x": A, "i": np.array([[1], [1]]), "v": B}, {"reduction": "add"}),
    ("ScatterElements", {"x": A, "i": np.array([[0, 2], [1, 0]]), "v": np.ones((2, 2))},
     {"axis": 1}),
    ("Slice", {"x": A, "s": np.array([-9, 2]), "e": np.array([9, -9]), "a": np.array([0, 1]),
               "k": np.array([1, -1])}, {}),
    ("Slice", {"x": A, "s": np.array([1]), "e": np.array([2**62])}, {}),
    ("Slice", {"x": A, "s": np.array([2]), "e": np.array([-3]), "a": np.array([1]),
               "k": np.array([-1])}, {}),
    ("Squeeze", {"x": A[None]}, {}),
    ("Squeeze", {"x": A[None], "a": np.array([0])}, {"constants": ["a"]}),
    ("Tile", {"x": A, "r": np.array([2, 1])}, {}), ("Transpose", {"x": A}, {}),
    ("Transpose", {"x": F32}, {"perm": [2, 0, 1, 3]}), ("Trilu", {"x": A}, {}),
    ("Trilu", {"x": A, "k": np.array(1)}, {"upper": 0}),
    ("Unsqueeze", {"x": A, "a": np.array([0, -1])}, {"constants": ["a"]}),
    ("Softmax", {"x": A}, {}),
    ("LogSoftmax", {"x": A}, {"axis": 0}),
    ("Conv", {"x": F32, "w": W32, "b": np.ones(3, np.float32)}, {"pads": [1, 0, 2, 1]}),
    ("Conv", {"x": F32, "w": W32}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", {"x": F32, "w": W32}, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ("Conv", {"x": F32, "w": W32[:2, :1]}, {"group": 2, "dilations": [2, 1]}),
    ("ConvTranspose", {"x": F32, "w": W32.transpose(1, 0, 2, 3).copy()},
     {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]}),
    ("MaxPool", {"x": F32}, {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("MaxPool", {"x": F32}, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}),
    ("AveragePool", {"x": F32}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ("AveragePool", {"x": F32},
     {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("GlobalAveragePool", {"x": F32}, {}), ("GlobalMaxPool", {"x": F32}, {}),
    ("BatchNormalization", {"x": F32, **{k: np.array([1, 2], np.float32) for k in "sbmv"}}, {}),
    ("InstanceNormalization", {"x": F32, **{k: np.ones(2, np.float32) for k in "sb"}}, {}),
    ("LayerNormalization", {"x": F32, "s": np.ones(5, np.float32)}, {"axis": -1}),
    ("LpNormalization", {"x": A.astype(np.float32)}, {"axis": 1}),
    ("PRelu", {"x": F32, "s": np.full((2, 1, 1), 0.3, np.float32)}, {}),
    ("Dropout", {"x": F32}, {}),
    ("LRN", {"x": F32}, {"size": 3, "alpha": 0.5}),
    *[("MaxPool", {"x": IMAGES}, {"outputs": 2, "kernel_shape": [2, 2], **more})
      for more in ({}, {"strides": [2, 2], "pads": [1, 1, 1, 1]}, {"dilations": [2, 1]})],
    *[("GridSample", {"x": IMAGES, "g": GRID},
       {"opset": 20, "mode": m, "padding_mode": p, "align_corners": c})
      for m in ("linear", "nearest", "cubic") for p in ("zeros", "border", "reflection")
      for c in (0, 1)],
    ("LpPool", {"x": F32}, {"kernel_shape": [2, 2], "p": 2}),
    ("EyeLike", {"x": A}, {"k": 1}), ("EyeLike", {"x": A}, {"dtype": T.FLOAT}),
    ("ReduceMax", {"x": np.ones((2, 0), np.float32)}, {"opset": 13, "axes": [1]}),
    ("ReduceMin", {"x": np.ones((0, 2), np.float32)}, {"opset": 13, "keepdims": 0, "axes": [0]}),
    ("Upsample", {"x": F32, "s": np.array([1, 1, 2, 3], np.float32)}, {"opset": 9}),
    ("Resize", {"x": F32, "s": np.array([1, 1, 2, 3], np.float32)}, {"opset": 10}),
    ("Col2Im", {"x": np.arange(36.0, dtype=np.float32).reshape(1, 4, 9), "s": np.array([4, 4]),
                "k": np.array([2, 2])}, {}),
    *[(k, {"x": LOGITS, "y": np.array([2, 0])}, {"reduction": r})
      for k in ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
      for r in ("mean", "sum", "none")],
    ("SoftmaxCrossEntropyLoss", {"x": LOGITS, "y": np.array([2, 1]),
                                 "w": np.array([1, 2, 3], np.float32)}, {"ignore_index": 1}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("kind", "inputs", "attributes"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_operators_equal_onnxruntime(
    kind: str, inputs: Any, attributes: Any, tmp_path: Path
) -> None:
    model = single(kind, inputs, **attributes)
    fixed = attributes.get("constants", ())
    given = [x for n, x in inputs.items() if x is not None and n not in fixed]
    expected = run(model, *given)
    found = leaves(loaded(model, tmp_path)(*given))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        tolerance = 1e-12 if b.dtype == np.float64 else 2e-5
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_attributes_of_earlier_versions(tmp_path: Path) -> None:
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    cases: list[tuple[str, int, dict[str, Any], Any]] = [
        ("Squeeze", 11, {"axes": [0]}, None), ("Unsqueeze", 11, {"axes": [1]}, None),
        ("ReduceSum", 11, {"axes": [1], "keepdims": 0}, None),
        ("ReduceMax", 13, {"axes": [1]}, None),
        ("Softmax", 11, {"axis": 1}, None), ("LogSoftmax", 11, {}, None),
        ("Clip", 6, {"min": -0.5, "max": 0.5}, None),
        ("Slice", 9, {"starts": [1], "ends": [3], "axes": [2]}, None),
        ("Pad", 2, {"pads": [0, 0, 1, 0, 0, 1], "value": 2.0}, None),
        ("Split", 11, {"split": [1, 2], "axis": 1}, 2),
    ]  # fmt: skip
    for kind, opset, attributes, outputs in cases:
        one = x[:1] if kind == "Squeeze" else x
        model = single(kind, {"x": one}, outputs or 1, opset, **attributes)
        expected = run(model, one)
        for a, b in zip(leaves(loaded(model, tmp_path)(one)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=kind)
    model = single("TopK", {"x": x, "k": np.array([2])}, 2, axis=1)
    for a, b in zip(leaves(loaded(model, tmp_path)(x, [2])), run(model, x, [2]), strict=True):
        np.testing.assert_array_equal(a, b)
    model = single("Split", {"x": x}, 2, 18, axis=2, num_outputs=2)
    for a, b in zip(leaves(loaded(model, tmp_path)(x)), run(model, x), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrent_layers(kind: str, gates: int, direction: str, tmp_path: Path) -> None:
    d, n = 1 + (direction == "bidirectional"), 4
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    inputs = {"x": draw(5, 2, 3), "w": draw(d, gates * n, 3), "r": draw(d, gates * n, n),
              "b": draw(d, 2 * gates * n), "l": None, "h": draw(d, 2, n)}  # fmt: skip
    for more in ({}, {"linear_before_reset": 1}) if kind == "GRU" else ({},):
        model = single(kind, inputs, 2, hidden_size=n, direction=direction, **more)
        given = [x for x in inputs.values() if x is not None]
        for a, b in zip(leaves(loaded(model, tmp_path)(*given)), run(model, *given)):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# --- there and back --------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("s", FIRST.values(), ids=lambda s: s.op)
def test_what_is_exported_is_loaded(s: Any, tmp_path: Path) -> None:
    model = loaded(exported(s.f, s), tmp_path)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = leaves(model(*arguments(s)))
    for a, b in zip(found, leaves(s.f(*arguments(s))), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_a_loaded_model_is_a_module(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    path = tmp_path / "net.onnx"
    mg.onnx.export(net, path, x)
    model = mg.onnx.load(path)
    assert sorted(model.weights) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert repr(model).startswith("Model(x -> ")

    def loss(f: Any) -> Any:
        return mg.losses.mse(f(x), y)

    optimiser = mg.optim.Adam(model.parameters(), lr=0.05)
    first = loss(model).item()
    np.testing.assert_allclose(first, loss(net).item(), rtol=1e-13)
    for _ in range(50):
        optimiser.zero_grad()
        loss(model).backward()
        optimiser.step()
    assert loss(model).item() < 0.7 * first
    again = loaded(mg.onnx.export(model, None, x), tmp_path)
    np.testing.assert_allclose(again(x[:7]).data, model(x[:7]).data, rtol=1e-13)
    assert mg.gradcheck(lambda v: model(v).sum(), x[:2])
    step = mg.compile(mg.grad(lambda v: model(v).sum()))
    np.testing.assert_allclose(
        np.asarray(leaves(step(x))[0]), leaves(mg.grad(lambda v: model(v).sum())(x))[0], rtol=1e-12
    )


def test_inputs_by_name_and_wrong_ones(tmp_path: Path) -> None:
    model = loaded(single("Sub", {"a": A, "b": B}), tmp_path)
    np.testing.assert_array_equal(model(b=A, a=B), B - A)
    for match, args, kwargs in [
        ("input b is missing; it takes a, b", (A,), {}),
        ("no input c", (A,), {"c": A}),
        ("input a is given twice", (A,), {"a": A}),
        ("takes a, b: got 3", (A, A, A), {}),
    ]:
        with pytest.raises(TypeError, match=match):
            model(*args, **kwargs)


# --- graphs inside of graphs -------------------------------------------------------------


def choosing(depth: int = 1) -> Any:
    """``2 x`` if c, else ``x + 1``, which sees x from outside; nested for larger depths."""
    info = lambda name, kind, shape: h.make_tensor_value_info(name, kind, shape)
    out = info("y", T.DOUBLE, [3])
    two, one = (numpy_helper.from_array(np.array(v), "k") for v in (2.0, 1.0))
    then = h.make_graph([h.make_node("Mul", ["x", "k"], ["y"])], "then", [], [out], [two])
    other = h.make_graph([h.make_node("Add", ["x", "k"], ["y"])], "else", [], [out], [one])
    for _ in range(depth):
        node = h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
        then = h.make_graph([node], "then", [], [out])
    given = [info("c", T.BOOL, []), info("x", T.DOUBLE, [3])]
    graph = h.make_graph([node], "g", given, [out])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize("depth", [1, 4])
def test_a_choice_between_graphs(depth: int, tmp_path: Path) -> None:
    proto = choosing(depth)
    model, x = loaded(proto, tmp_path), np.arange(3.0)
    for c in (True, False):
        np.testing.assert_array_equal(leaves(model(c, x))[0], run(proto, np.array(c), x)[0])
        g = mg.grad(lambda v, c=c: np.sum(model(c, v) ** 2))(x)
        np.testing.assert_allclose(g, 8 * x if c else 2 * (x + 1))


LOOPS = {
    "carried and collected": (
        """
        <ir_version: 8, opset_import: ["" : 18]>
        g (int64 n, double[3] x) => (double[3] y, double[k, 3] all)
        <bool yes = {1}, double two = {2.0}> {
            y, all = Loop (n, yes, x) <body = b (int64 i, bool on, double[3] v)
                => (bool more, double[3] w, double[3] out) {
                    f = Cast <to = 11> (i)
                    s = Sin (v)
                    p = Mul (s, two)
                    w = Add (p, f)
                    out = Mul (w, x)
                    more = Identity (on)
                }>
        }""",
        [(3, [0.1, -0.4, 2.0]), (1, [0.3, 0.2, 0.1])],
    ),
    "as long as a condition holds": (
        """
        <ir_version: 8, opset_import: ["" : 18]>
        g (double[2] x) => (double[2] y)
        <bool yes = {1}, double limit = {30.0}, double half = {1.5}> {
            y = Loop ("", yes, x) <body = b (int64 i, bool on, double[2] v)
                => (bool more, double[2] w) {
                    w = Mul (v, half)
                    total = ReduceSum <keepdims = 0> (w)
                    more = Less (total, limit)
                }>
        }""",
        [([1.0, 2.0],), ([40.0, 1.0],)],
    ),
    "a scan there and back": (
        """
        <ir_version: 8, opset_import: ["" : 18]>
        g (double[2] s, double[2, 5] x, double[5] z)
            => (double[2] e, double[2, 5] a, double[5, 2] b)
        {
            e, a, b = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0],
                scan_input_directions = [1, 0], scan_output_axes = [1, 0],
                scan_output_directions = [0, 1],
                body = f (double[2] h, double[2] v, double r)
                => (double[2] k, double[2] m, double[2] n) {
                    q = Mul (v, r)
                    w = Add (h, q)
                    k = Tanh (w)
                    m = Mul (k, v)
                    n = Sub (m, h)
                }> (s, x, z)
        }""",
        [([0.1, 0.2], np.linspace(-1, 1, 10).reshape(2, 5).tolist(), [1.0, 2.0, -1.0, 0.5, 0.3])],
    ),
    "sequences": (
        """
        <ir_version: 8, opset_import: ["" : 18]>
        g (double[6, 2] x) => (double[m, 2] y, int64 n, double[2] z, double[k, 2] t)
        <int64 one = {1}, int64 back = {-2}, int64 two = {2}> {
            s = SplitToSequence <axis = 0> (x, two)
            first = SequenceAt (s, one)
            d = Sin (first)
            longer = SequenceInsert (s, d, one)
            last = SequenceInsert (longer, d)
            less = SequenceErase (last, back)
            y = ConcatFromSequence <axis = 0> (less)
            n = SequenceLength (less)
            rows = SplitToSequence <axis = 0, keepdims = 0> (x)
            z = SequenceAt (rows, back)
            pair = SequenceConstruct (z, z)
            t = ConcatFromSequence <axis = 0, new_axis = 1> (pair)
        }""",
        [(np.linspace(-1, 2, 12).reshape(6, 2).tolist(),)],
    ),
    "what may be missing": (
        """
        <ir_version: 8, opset_import: ["" : 18]>
        g (double[2] x) => (bool a, double[2] y)
        {
            o = Optional (x)
            a = OptionalHasElement (o)
            v = OptionalGetElement (o)
            y = Exp (v)
        }""",
        [([1.0, 2.0],)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_loops_scans_and_sequences(name: str, tmp_path: Path) -> None:
    text, cases = LOOPS[name]
    proto = onnx.parser.parse_model(text)
    model = loaded(proto, tmp_path)
    for case in cases:
        args = [np.asarray(x) for x in case]
        for got, want in zip(leaves(model(*args)), run(proto, *args), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)
        smooth = [i for i, x in enumerate(args) if x.dtype.kind == "f"]

        def total(*xs: Any, args: Any = args, smooth: Any = smooth) -> Any:
            full = list(args)
            for i, x in zip(smooth, xs, strict=True):
                full[i] = x
            found = model(*full)
            return sum(np.sum(y**2) for y in (found if isinstance(found, tuple) else (found,)))

        assert mg.gradcheck(total, *(args[i] for i in smooth))


def test_a_loop_that_never_runs_collects_nothing(tmp_path: Path) -> None:
    model = loaded(onnx.parser.parse_model(LOOPS["carried and collected"][0]), tmp_path)
    y, collected = model(np.asarray(0), np.ones(3))
    np.testing.assert_array_equal(y, np.ones(3))
    assert np.shape(collected) == (0, 3)


def test_loops_in_programs(tmp_path: Path) -> None:
    model = loaded(onnx.parser.parse_model(LOOPS["carried and collected"][0]), tmp_path)
    f = mg.grad(lambda x: np.sum(model(np.asarray(3), x)[1]))
    compiled = mg.compile(f)
    for x in (np.ones(3), np.array([0.3, -2.0, 1.0])):
        np.testing.assert_allclose(compiled(x), f(x))
    model = loaded(onnx.parser.parse_model(LOOPS["as long as a condition holds"][0]), tmp_path)
    with pytest.raises(TypeError, match="would fix its value in the program"):
        mg.compile(model)(np.ones(2))


def test_what_goes_wrong_in_loops_is_told(tmp_path: Path) -> None:
    text = LOOPS["a scan there and back"][0].replace("double[5] z", "double[q] z")
    model = loaded(onnx.parser.parse_model(text), tmp_path)
    with pytest.raises(ValueError, match=r"its inputs have lengths \[5, 4\]") as error:
        model(np.ones(2), np.ones((2, 5)), np.ones(4))
    assert error.value.__notes__ == ["in the model's node that gives e, a, b"]
    text = """
        <ir_version: 8, opset_import: ["" : 18]>
        g (seq(double[2]) s) => (double[2] y) <int64 one = {1}> { y = SequenceAt (s, one) }"""
    with pytest.raises(NotImplementedError, match="the input s is no array"):
        loaded(onnx.parser.parse_model(text), tmp_path)
    text = """
        <ir_version: 8, opset_import: ["" : 18]>
        g (double[2] x) => (seq(double[2]) s)
        <int64 at = {3}> { e = SequenceConstruct (x) s = SequenceInsert (e, x, at) }"""
    with pytest.raises(IndexError, match="SequenceInsert at 3 of 1"):
        loaded(onnx.parser.parse_model(text), tmp_path)(np.ones(2))


def test_what_is_unknown_is_named_in_inner_graphs_too(tmp_path: Path) -> None:
    proto = choosing()
    branch = next(a.g for a in proto.graph.node[0].attribute if a.name == "else_branch")
    branch.node[0].op_type = "Mystery"
    branch.node[0].domain = "my.own"
    proto.opset_import.append(h.make_opsetid("my.own", 1))
    with pytest.raises(NotImplementedError, match=r"uses my\.own\.Mystery, which is not known"):
        loaded(proto, tmp_path)


RESIZED = [
    {"scales": [1, 1, 2, 1.5]}, {"scales": [1, 1, 0.6, 0.4]}, {"sizes": [1, 2, 1, 9]},
    {"sizes": [1, 2, 11, 4]},
]  # fmt: skip


@pytest.mark.parametrize("options", RESIZED, ids=str)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("how", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
def test_images_of_other_sizes(how: str, mode: str, options: Any, tmp_path: Path) -> None:
    rounding = ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]
    for nearest in rounding if mode == "nearest" else rounding[:1]:
        inputs = {"x": F32, "r": None, "s": None}
        if "scales" in options:
            inputs["s"] = np.array(options["scales"], np.float32)
        else:
            inputs["z"] = np.array(options["sizes"])
        model = single("Resize", inputs, opset=19, mode=mode, nearest_mode=nearest,
                       coordinate_transformation_mode=how)  # fmt: skip
        given = [x for x in inputs.values() if x is not None]
        found = leaves(loaded(model, tmp_path)(*given))[0]
        np.testing.assert_allclose(found, run(model, *given)[0], atol=2e-6, err_msg=nearest)


def test_what_resizing_cannot_do_is_named(tmp_path: Path) -> None:
    s = np.array([1, 1, 2, 2], np.float32)
    for options, what in [
        ({"antialias": 1, "mode": "linear"}, "Resize with antialias"),
        ({"exclude_outside": 1, "mode": "cubic"}, "Resize with exclude_outside"),
        ({"coordinate_transformation_mode": "tf_crop_and_resize"}, "coordinates of tf_crop_and"),
    ]:
        model = single("Resize", {"x": F32, "r": np.ones(8, np.float32), "s": s}, **options)
        with pytest.raises(NotImplementedError, match=what):
            loaded(model, tmp_path)(F32, np.ones(8, np.float32), s)


# --- hostile files ---------------------------------------------------------------------


def external(location: str, folder: Path, **more: Any) -> Path:
    """A model whose constant lies elsewhere."""
    t = T(name="b", data_type=T.DOUBLE, dims=[2, 3], data_location=T.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        t.external_data.add(key=key, value=str(value))
    model = single("Add", {"a": A, "b": B}, constants=["b"])
    model.graph.initializer[0].CopyFrom(t)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_data_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "b.bin").write_bytes(b"\0" * 8 + B.tobytes())
    model = mg.onnx.load(external("b.bin", tmp_path, offset=8, length=48))
    np.testing.assert_array_equal(model(A).data, A + B)


def test_data_elsewhere_is_not_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    secret = tmp_path / "secret.bin"
    secret.write_bytes(B.tobytes())
    (home / "link.bin").symlink_to(secret)
    for place in ("../secret.bin", str(secret), "link.bin", "", "x/../../secret.bin"):
        with pytest.raises(ValueError, match=r"the data of b is said to lie at .* outside"):
            mg.onnx.load(external(place, home))
    with pytest.raises(ValueError, match=r"there is no nothing\.bin"):
        mg.onnx.load(external("nothing.bin", home))
    (home / "short.bin").write_bytes(b"\0" * 40)
    for more in ({}, {"offset": -8}, {"length": 10**15}, {"offset": 2**70}):
        with pytest.raises(ValueError, match=r"b \(2, 3\) takes 48 bytes, and short.bin does not"):
            mg.onnx.load(external("short.bin", home, **more))
    with pytest.raises(ValueError, match="is no number"):
        mg.onnx.load(external("short.bin", home, offset="x"))


def test_what_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    good = single("Add", {"a": A, "b": B}).SerializeToString()
    for content in (b"", b"hello", b"\x80\x04\x95", os.urandom(500), good[:40]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.onnx is no(t a valid)? model"):
            mg.onnx.load(path)
    with pytest.raises(FileNotFoundError):
        mg.onnx.load(tmp_path / "none.onnx")
    wrong = single("Add", {"a": A, "b": B})
    wrong.graph.node[0].input[1] = "c"
    with pytest.raises(ValueError, match="is not a valid model"):
        loaded(wrong, tmp_path)
    lying = single("Add", {"a": A, "b": B}, constants=["b"])
    lying.graph.initializer[0].dims[0] = 10**12
    with pytest.raises(ValueError, match=r"model\.onnx is not a valid model|the data of b"):
        loaded(lying, tmp_path)


def test_damaged_files_raise_and_nothing_else(tmp_path: Path) -> None:
    good = bytearray(mg.onnx.export(nn.Linear(3, 2, rng=0), None, A).SerializeToString())
    path = tmp_path / "model.onnx"
    draw = np.random.default_rng(1)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(draw.integers(1, 4)):
            bad[draw.integers(len(bad))] = draw.integers(256)
        path.write_bytes(bad)
        with contextlib.suppress(ValueError, NotImplementedError):
            mg.onnx.load(path)


def test_no_part_of_a_file_is_a_model(tmp_path: Path) -> None:
    good = mg.onnx.export(nn.Linear(3, 2, rng=0), None, A).SerializeToString()
    path = tmp_path / "model.onnx"
    for n in range(0, len(good), 13):
        path.write_bytes(good[:n])
        with pytest.raises(ValueError, match=r"model\.onnx is no(t a valid)? model"):
            mg.onnx.load(path)


def test_unknown_operators_are_named_together(tmp_path: Path) -> None:
    nodes = [h.make_node("Bernoulli", ["x"], ["a"]), h.make_node("Mystery", ["a"], ["y"],
             domain="my.own")]  # fmt: skip
    info = h.make_tensor_value_info("x", T.DOUBLE, [2])
    graph = h.make_graph(nodes, "g", [info], [h.make_tensor_value_info("y", T.DOUBLE, [2])])
    imports = [h.make_opsetid("", 18), h.make_opsetid("my.own", 1)]
    model = h.make_model(graph, opset_imports=imports, ir_version=8)
    with pytest.raises(NotImplementedError, match=r"uses Bernoulli, my\.own\.Mystery, which are"):
        loaded(model, tmp_path)


def test_what_operators_cannot_do_is_named(tmp_path: Path) -> None:
    pool = single("MaxPool", {"x": F32}, 2, kernel_shape=[2, 2], storage_order=1)
    with pytest.raises(NotImplementedError, match="MaxPool that gives places column by column"):
        loaded(pool, tmp_path)(F32)
    lstm = single("LSTM", {k: np.ones((1, 1, 1), np.float32) for k in "xwr"}, hidden_size=1,
                  clip=1.0)  # fmt: skip
    with pytest.raises(NotImplementedError, match="LSTM with clip"):
        loaded(lstm, tmp_path)(*[np.ones((1, 1, 1), np.float32)] * 3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"w": (1, 16, 4)}, r"LSTM: W \(1, 16, 4\) is not \(1, 16, 5\)"),
        ({"r": (1, 16, 3)}, r"LSTM: R \(1, 16, 3\) is not \(1, 16, 4\).*no projections"),
        ({"b": (1, 16)}, r"LSTM: B \(1, 16\) is not \(1, 32\)"),
        ({"w": (2, 16, 5)}, r"LSTM: W \(2, 16, 5\) is not \(1, 16, 5\)"),
        ({"c0": (1, 2, 8)}, r"LSTM: initial_c \(1, 2, 8\) is not \(1, 2, 4\)"),
    ],
)
def test_weights_of_recurrent_layers_that_do_not_fit(tmp_path: Path, wrong: Any, told: str) -> None:
    shapes = {
        "x": (3, 2, 5), "w": (1, 16, 5), "r": (1, 16, 4), "b": (1, 32), "lengths": None,
        "h0": (1, 2, 4), "c0": (1, 2, 4), **wrong,
    }  # fmt: skip
    given = {k: v and np.ones(v, np.float32) for k, v in shapes.items()}
    model = loaded(single("LSTM", given, hidden_size=4), tmp_path)
    with pytest.raises(ValueError, match=told):
        model(*[x for x in given.values() if x is not None])


def test_recurrent_layers_want_steps_of_batches(tmp_path: Path) -> None:
    shapes = {"x": (3, 2, 5), "w": (1, 12, 5), "r": (1, 12, 4)}
    given = {k: np.ones(v, np.float32) for k, v in shapes.items()}
    model = loaded(single("GRU", given, hidden_size=4), tmp_path)
    with pytest.raises(ValueError, match=r"GRU: X \(3, 5\) is not \(steps, batch, inputs\)"):
        model(np.ones((3, 5), np.float32), given["w"], given["r"])


def test_the_node_that_fails_is_named(tmp_path: Path) -> None:
    model = loaded(single("Add", {"a": A, "b": B}), tmp_path)
    with pytest.raises(ValueError, match="broadcast") as caught:
        model(np.ones((2, 3)), np.ones((4, 2)))
    assert caught.value.__notes__ == ["in the model's node that gives y0"]


def test_casts_to_what_is_no_dtype(tmp_path: Path) -> None:
    model = single("Cast", {"x": F32}, to=T.FLOAT)
    model.graph.node[0].attribute[0].i = 77
    with pytest.raises(ValueError, match="Cast to=77, which is no dtype"):
        loaded(model, tmp_path)(F32)


def test_every_operator_of_the_table_is_one_of_onnx() -> None:
    for name in OPERATORS:
        assert onnx.defs.has(name), name
    assert len(SAMPLES) > 0


@pytest.mark.parametrize(
    "kind, given, error, told",
    [
        ("ConstantOfShape", [[2**40, 2**20]], MemoryError, "gives y0 asks for more memory.*Unable"),
        ("ConstantOfShape", [[2, -3]], ValueError, r"ConstantOfShape of the shape \(2, -3\)"),
        ("Range", [0, 2**58, 1], MemoryError, "gives y0 asks for more memory.*Unable"),
        ("Range", [0, 9, 0], ValueError, "Range from 0 to 9 by 0 does not end"),
    ],
)
def test_what_is_too_large(
    kind: str, given: list[Any], error: Any, told: str, tmp_path: Path
) -> None:
    inputs = {f"x{i}": np.array(v) for i, v in enumerate(given)}
    with pytest.raises(error, match=told):
        loaded(single(kind, inputs), tmp_path)(*inputs.values())


UNLIKE = {
    ("Dropout", "is_test"): "a model is loaded to be run, whatever its age",
    ("Dropout", "seed"): "none, in the schema",
    ("LogSoftmax", "axis"): "1 or -1, by version",
    ("Softmax", "axis"): "1 or -1, by version",
    ("RNN", "activations"): "None stands for tanh",
    **{(name, "hidden_size"): "needed" for name in ("RNN", "GRU", "LSTM")},
    **{(name, "clip"): "0 stands for none" for name in ("RNN", "GRU", "LSTM")},
}


def test_what_a_node_does_not_say_is_as_in_onnx_schemas() -> None:
    schemas: dict[str, list[Any]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain:
            schemas.setdefault(schema.name, []).append(schema)
    compared = 0
    for name, operator in OPERATORS.items():
        for key, p in inspect.signature(operator.call).parameters.items():
            if p.kind is not p.KEYWORD_ONLY or key in ("opset", "outputs"):
                continue
            if (name, key) in UNLIKE:
                continue
            found = [s.attributes[key] for s in schemas[name] if key in s.attributes]
            stated = [given(a) for a in found]
            own = list(p.default) if isinstance(p.default, tuple) else p.default
            if own is None and inspect.Parameter.empty in stated:
                continue  # an input, in newer versions
            assert any(own is s or own == s for s in stated), (name, key, own, stated)
            compared += 1
    assert compared > 180


def given(attribute: Any) -> Any:
    """The default of an attribute: empty where it must be given, None where it may be missing."""
    if attribute.required:
        return inspect.Parameter.empty
    if not attribute.default_value.type:
        return None
    value = h.get_attribute_value(attribute.default_value)
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-6)  # of single precision
    return value.decode() if isinstance(value, bytes) else value
