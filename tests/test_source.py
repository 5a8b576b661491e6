"""Printed programs read as a person would write them, and run by themselves."""

from __future__ import annotations

import ast
import functools
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program.passes import simplified
from minigrad.tree import flatten
from minigrad.writing import literals

RNG = np.random.default_rng(0)
N = RNG.normal
LABELS = RNG.integers(0, 3, 20)


def body(source: str) -> list[str]:
    """The lines of the function, without its docstring."""
    text = source.split('"""\n')[-1] if '"""\n' in source else source
    return [line.strip() for line in text.strip().splitlines()]


def checked(f: Callable[..., Any], *args: Any) -> str:
    """The source of ``f``, which runs without a warning and gives the same numbers and dtypes."""
    program = mg.trace(f, *args)
    text = program.source
    assert "minigrad" not in text
    assert max(map(len, text.splitlines())) <= 92
    scope: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(text, scope)
        found = flatten(scope[program.name](*args))[0]
    for got, expected in zip(found, flatten(f(*args))[0], strict=True):
        expected = np.asarray(expected)
        assert np.asarray(got).dtype == expected.dtype
        rtol = 1e-5 if expected.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
    return text


# --- what a person would have written --------------------------------------------------


def neuron(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = w * x + b
    a = mg.sigmoid(z)
    return 0.5 * (y - a) ** 2


def test_neuron() -> None:
    lines = body(checked(mg.value_and_grad(neuron, (0, 1)), 0.3, 0.1, 0.5, 1.5))
    assert lines[:5] == [
        "z = w * x + b",
        "a = 1 / (1 + np.exp(-z))",
        "da = a - y",
        "dz = da * a * (1 - a)",
        "dw = dz * x",
    ]


def test_two_layers() -> None:
    def net(params: Any, X: Any, y: Any) -> Any:
        h = np.tanh(X @ params["W1"] + params["b1"])
        out = h @ params["W2"] + params["b2"]
        error = out - y
        return (error**2).mean()

    params = {"W1": N(size=(4, 8)), "b1": N(size=8), "W2": N(size=(8, 1)), "b2": N(size=1)}
    text = checked(mg.value_and_grad(net), params, N(size=(30, 4)), N(size=(30, 1)))
    assert "W1 : float64 (4, 8)\n" in text
    assert "Returns float64; float64 (4, 8); float64 (8,); float64 (8, 1); float64 (1,)." in text
    lines = body(text)
    assert lines[:4] == [
        'W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]',
        "h = np.tanh(X @ W1 + b1)",
        "out = h @ W2 + b2",
        "error = out - y",
    ]
    assert "derror = 2 * error / 30" in lines
    assert "dW2 = h.T @ derror" in lines
    assert lines[-1] == 'return (error**2).mean(), {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}'


def test_softmax_regression() -> None:
    def softmax_regression(W: Any, b: Any, X: Any, labels: Any) -> Any:
        logits = X @ W + b
        logp = mg.log_softmax(logits)
        return -logp[np.arange(20), labels].mean()

    args = (N(size=(4, 3)), N(size=3), N(size=(20, 4)), LABELS)
    text = checked(mg.value_and_grad(softmax_regression, (0, 1)), *args)
    assert "    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))\n" in text
    assert "logp = log_softmax(logits)" in body(text)
    assert "dW = X.T @ dlogits" in body(text)
    narrow = [a.astype(np.float32) if a.dtype == float else a for a in args]
    assert "float32(" not in checked(mg.value_and_grad(softmax_regression, (0, 1)), *narrow)


def test_gradients_that_are_one_have_both_names() -> None:
    """``b`` enters as a sum, so that its gradient is that of z."""
    program = mg.trace(mg.value_and_grad(neuron, (0, 1)), 0.3, 0.1, 0.5, 1.5)
    (dz,) = [v for e in program.equations for v in e.outs if v.name == "dz"]
    dz.also = ("db",)
    assert body(program.source)[-2:] == ["db = dz", "return 0.5 * (y - a) ** 2, (dw, db)"]
    assert simplified(program).source == program.source
    program.result = (dz, dz)
    assert body(program.source)[-1] == "return dz, dz"  # one of them is not db


def test_linear_regression() -> None:
    def half_mse(theta: Any, theta0: Any, X: Any, y: Any) -> Any:
        error = X @ theta + theta0 - y
        return 0.5 * np.mean(error**2)

    args = (N(size=10), 0.5, N(size=(442, 10)), N(size=442))
    assert body(checked(mg.value_and_grad(half_mse, (0, 1)), *args)) == [
        "error = X @ theta + theta0 - y",
        "derror = error / 442",
        "dtheta0 = derror.sum()",
        "dtheta = X.T @ derror",
        "return 0.5 * (error**2).mean(), (dtheta, dtheta0)",
    ]


def test_layer_norm() -> None:
    def norm(x: Any, gain: Any) -> Any:
        mu = x.mean(axis=-1, keepdims=True)
        var = x.var(axis=-1, keepdims=True)
        return ((x - mu) / np.sqrt(var + 1e-5) * gain).sum(axis=0)

    lines = body(checked(norm, N(size=(6, 5)), N(size=5)))
    assert lines == [
        "mu = x.mean(axis=-1, keepdims=True)",
        "diff = x - mu",
        "var = (diff**2).mean(axis=-1, keepdims=True)",
        "return (diff / np.sqrt(var + 1e-05) * gain).sum(axis=0)",
    ]
    checked(
        mg.value_and_grad(lambda x, g: (norm(x, g) ** 3).sum(), (0, 1)), N(size=(6, 5)), N(size=5)
    )


def test_attention() -> None:
    def attention(Wq: Any, Wk: Any, x: Any) -> Any:
        q, k = x @ Wq, x @ Wk
        weights = mg.softmax(q @ k.swapaxes(-1, -2) / np.sqrt(8))
        return weights @ x

    args = (N(size=(8, 8)), N(size=(8, 8)), N(size=(2, 5, 8)))
    lines = body(checked(attention, *args))
    assert lines == [
        "q = x @ Wq",
        "k = x @ Wk",
        "weights = softmax(q @ k.mT / np.sqrt(8))",
        "return weights @ x",
    ]
    checked(mg.value_and_grad(lambda *a: (attention(*a) ** 2).sum(), (0, 1, 2)), *args)


def test_rnn() -> None:
    def rnn(p: Any, xs: Any, h: Any) -> Any:
        for x in xs:
            h = np.tanh(x @ p["Wx"] + h @ p["Wh"])
        return h

    p = {"Wx": N(size=(3, 4)), "Wh": N(size=(4, 4))}
    lines = body(checked(rnn, p, N(size=(3, 2, 3)), N(size=(2, 4))))
    assert lines[0] == 'Wx, Wh = p["Wx"], p["Wh"]'
    assert lines[1].endswith(" = xs")
    checked(mg.grad(lambda *a: (rnn(*a) ** 2).sum()), p, N(size=(3, 2, 3)), N(size=(2, 4)))


def test_convolution_accumulates_in_place() -> None:
    def conv(x: Any, k: Any) -> Any:
        y = sum(k[i] * x[i : i + 8] for i in range(3))
        return (y**2).sum()

    lines = body(checked(mg.value_and_grad(conv, (0, 1)), N(size=10), N(size=3)))
    assert "dx = np.zeros(10)" in lines
    assert "dx[1:9] += dy * k[1]" in lines
    assert "dk[1] = (dy * x[1:9]).sum()" in lines


def test_masks_solutions_and_sums_of_exponentials() -> None:
    f = mg.value_and_grad(lambda x: np.where(x > 0, x**2, -x).sum())
    assert "mask = x > 0" in body(checked(f, N(size=(5, 3))))

    def solution(A: Any, b: Any) -> Any:
        x = np.linalg.solve(A, b)
        return (x**2).sum()

    assert "x = np.linalg.solve(A, b)" in body(
        checked(mg.value_and_grad(solution, (0, 1)), N(size=(3, 3)), N(size=3))
    )
    for axis in (None, 1, (0, 1)):
        total = functools.partial(lambda axis, z: mg.logsumexp(z, axis=axis).sum(), axis)
        checked(mg.value_and_grad(total), N(size=(5, 3)))
    checked(lambda z: mg.logsumexp(z, axis=1), np.full((2, 3), -np.inf))


def test_embedding() -> None:
    f = mg.grad(lambda E, ids: np.sum(np.tanh(E[ids])))
    ids = np.array([[0, 1], [1, 5]])
    assert any("np.add.at(dE, ids, " in line for line in body(checked(f, N(size=(6, 4)), ids)))


def test_splitting_and_joining() -> None:
    def f(x: Any) -> Any:
        a, b = np.split(x, [2], axis=1)
        return np.concatenate([b, a], axis=1), np.stack([a, a])

    assert body(checked(f, N(size=(3, 4)))) == [
        "a, b = np.split(x, [2], axis=1)",
        "return np.concatenate([b, a], axis=1), np.stack([a, a])",
    ]


# --- expressions -----------------------------------------------------------------------

x, y, A = N(size=3), N(size=3) + 4, N(size=(3, 3))


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda x: x**2, [x], "x**2"),
        (lambda x: (x + 1) ** 2, [x], "(x + 1) ** 2"),
        (lambda x: -(x**2), [x], "-(x**2)"),
        (lambda x: (-x) ** 2, [x], "(-x) ** 2"),
        (lambda x: 2.0**x, [x], "2**x"),
        (lambda x, y: x - (y - x), [x, y], "x - (y - x)"),
        (lambda x, y: x / (y / x), [x, y], "x / (y / x)"),
        (lambda x, y: x * y / (x + y), [x, y], "x * y / (x + y)"),
        (lambda x, y: x + (y + 1), [x, y], "x + (y + 1)"),
        (lambda x, A: (2 * x * x) @ A, [x, A], "(2 * x * x) @ A"),
        (lambda x, A: A.T @ (A @ x) / 3.0, [x, A], "A.T @ (A @ x) / 3"),
        (lambda x, y: (x > 0) & (y <= x + 1), [x, y], "(x > 0) & (y <= x + 1)"),
        (lambda x: ~(x > 0), [x], "~(x > 0)"),
        (lambda x: np.abs(x).max(axis=0), [x], "np.abs(x).max(axis=0)"),
        (lambda x: np.clip(x, -1, 1), [x], "np.clip(x, -1, 1)"),
        (lambda x: x[1:], [x], "x[1:]"),
        (lambda x: x[::-1], [x], "x[::-1]"),
        (lambda A: A[..., None, 0], [A], "A[..., None, 0]"),
        (lambda A: A[[0, 2]], [A], "A[np.array([0, 2])]"),
        (lambda x: x.reshape(3, 1), [x], "x.reshape(3, 1)"),
        (lambda x: x.astype(np.float32), [x], "x.astype(np.float32)"),
        (lambda x: mg.softplus(x) + mg.relu(x), [x], "np.logaddexp(x, 0.0) + np.maximum(x, 0)"),
        (lambda x: mg.log_sigmoid(x), [x], "-np.logaddexp(-x, 0.0)"),
        (lambda x: x * np.pi, [x], "np.pi * x"),
        (lambda x: x / np.sqrt(2), [x], "x / np.sqrt(2)"),
        (lambda x: x - 1 / 3, [x], "x - 1 / 3"),
        (lambda x: x * np.inf, [y], "np.inf * x"),
        (lambda x: x + 0.1, [x.astype("f")], "x + 0.1"),
        (lambda x: x + np.float64(0.1), [x.astype("f")], "x + np.float64(0.1)"),
        (lambda x: x + np.float32(0.1), [x.astype("f")], "x + 0.1"),
        (lambda x: 3 * ((x > 0) / x), [x.astype("f")], "3 * ((x > 0) / x)"),
        (lambda x: 3 * (x / (x + 1)), [x.astype("f")], "3 * x / (x + 1)"),
        (lambda x: x + np.float32(0.1), [x], "x + 0.10000000149011612"),
        (lambda n: n * 2.0, [np.arange(3)], "2.0 * n"),
        (lambda n: n * 2, [np.arange(3)], "2 * n"),
        (lambda x: x + np.zeros((2, 3)) + 1, [x], "x + np.zeros((2, 3)) + 1"),
        (lambda x: np.where(x > 0, 1.0, 0.0), [x], "np.where(x > 0, 1.0, 0.0)"),
        (lambda x: x.sum(axis=0) + x.max(), [np.float64(3.0)], "2 * x"),
        (lambda c: np.broadcast_to(c, (3,)), [2.5], "np.broadcast_to(c, (3,))"),
        (
            lambda x: x / x.sum(axis=-1).reshape(2, 1),
            [np.ones((2, 3))],
            "x / x.sum(axis=-1, keepdims=True)",
        ),
    ],
)
def test_expression(f: Callable[..., Any], args: list[Any], expected: str) -> None:
    assert body(checked(f, *args))[-1] == f"return {expected}"


def test_operators_bind_as_python_reads_them() -> None:
    """Every pair of operators, nested both ways, means what was traced."""
    ops: list[Callable[[Any, Any], Any]] = [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: a**b,
        lambda a, b: a % b,
        lambda a, b: a // b,
        lambda a, b: a @ b,
        lambda a, b: -a + b,
        lambda a, b: np.where(a > b, a, b),
    ]
    args = [np.abs(N(size=(3, 3))) + 0.5 for _ in range(3)]
    for outer, inner in itertools.product(ops, ops):
        left = functools.partial(lambda f, g, a, b, c: f(g(a, b), c), outer, inner)
        right = functools.partial(lambda f, g, a, b, c: f(a, g(b, c)), outer, inner)
        negative = functools.partial(lambda f, g, a, b, c: -f(-a, -(g(b, c) ** 2)), outer, inner)
        with np.errstate(all="ignore"):
            for f in (left, right, negative):
                checked(f, *args)


def test_squares_of_truth_values_are_small_numbers() -> None:
    """``np.square(mask)`` is of int8; ``mask**2`` would be of int64."""

    def f(x: Any) -> Any:
        return np.square(x > 0), (x > 0) ** 2, np.square(x)

    for x in (np.array([1.0, -1.0]), np.float64(2.0)):
        program = mg.trace(f, x)
        scope: dict[str, Any] = {}
        exec(program.source, scope)
        for run in (scope["f"], mg.compile(f), program):
            for got, want in zip(run(x), f(x), strict=True):
                assert np.asarray(got).dtype == np.asarray(want).dtype
                np.testing.assert_array_equal(got, want)
        assert "x**2" in program.source


def test_numbers_survive() -> None:
    for c in [
        math.pi,
        1e300,
        5e-324,
        1 / 7,
        2 / 442,
        -1 / 150,
        8**0.5,
        1 / 8**0.5,
        0.1 + 0.2,
        1e22,
    ]:
        for text in (literals.weak(c, [np.dtype(float)]), literals.number(c)):
            assert float(eval(text.code, {"np": np})) == c
    for c in RNG.normal(size=200) * 10.0 ** RNG.integers(-20, 20, 200):
        assert eval(literals.weak(c, [np.dtype(float)]).code, {"np": np}) == c
        narrow = np.float32(c)
        code = literals.weak(narrow, [np.dtype("f")]).code
        assert np.float32(eval(code, {"np": np})) == narrow
    assert literals.weak(-0.0, [np.dtype(float)]).code == "-0.0"


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool", "uint16"])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (2, 3), (4, 4), (40,), (3, 0), (30, 4)])
def test_arrays_survive(dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for x in (
        (rng.normal(size=shape) * 3).astype(dtype),
        np.zeros(shape, dtype),
        np.ones(shape, dtype),
        np.full(shape, 5).astype(dtype),
        np.arange(math.prod(shape)).reshape(shape).astype(dtype),
        np.eye(*shape[:2], dtype=dtype) if len(shape) == 2 else np.arange(9, 0, -2),
    ):
        code = literals.array(x)
        again = eval(code, {"np": np})
        assert again.dtype == x.dtype
        np.testing.assert_array_equal(again, x)
        assert max(map(len, code.splitlines())) <= 92


def test_special_values_in_arrays() -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1.5])
    again = eval(literals.array(x), {"np": np})
    np.testing.assert_array_equal(again, x)
    assert np.signbit(again[3])


# --- names -----------------------------------------------------------------------------


def test_names_that_are_taken() -> None:
    def softmax(log_softmax: Any, relu: Any) -> Any:
        return mg.softmax(log_softmax) + mg.log_softmax(relu)

    text = checked(softmax, x, y)
    assert "def softmax(log_softmax, relu):" in text
    assert body(text)[-1] == "return softmax_(log_softmax) + log_softmax_(relu)"
    checked(mg.softmax, x)
    checked(mg.logsumexp, x)
    checked(mg.erf, x)


def test_names_that_are_no_names() -> None:
    def f(np: Any, t: Any, t1: Any, mask: Any, q: Any) -> Any:
        a = mg.Tensor(2.0, name="class")
        θ = t1 * a
        return mg.sum(mg.exp(θ) * mg.exp(θ + t)), mg.where(mask > 0, q["my weights"], np)

    text = checked(f, x, 1.0, y, x, {"my weights": y})
    assert "def f(np_, t, t1, mask, q):" in text
    assert 'q["my weights"]' in text
    assert "θ = " in text


def test_names_that_python_reads_as_one() -> None:
    def f(ﬁ: Any) -> Any:  # a ligature
        return ﬁ * 2

    assert "return 2 * fi" in checked(f, x)


def test_captured_arrays_are_named_and_listed() -> None:
    table = N(size=(3, 4))
    text = checked(mg.value_and_grad(lambda w: ((table @ w) ** 2).sum()), N(size=4))
    assert "\ntable = np.array(\n" in text
    assert "table : float64 (3, 4), a constant" in text
    assert "dw = table.T @ " in text  # not once more


def test_long_index_arrays_stand_above() -> None:
    order = RNG.permutation(60)
    text = checked(lambda x: x[order].sum() + x[order[:30]].sum(), N(size=60))
    assert "\nINDEX = np.array(\n" in text
    assert "x[INDEX]" in text


# --- layout ----------------------------------------------------------------------------


def test_long_lines_are_broken() -> None:
    def wide(**parameters: Any) -> Any:
        total = sum(np.sin(v) * np.cos(v + 1) for v in parameters.values())
        return {f"a_rather_long_key_{k}": (v * total, [v + total]) for k, v in parameters.items()}

    args = {f"a_long_parameter_name_{i}": float(i) for i in range(8)}
    program = mg.trace(wide, **args)
    text = program.source
    ast.parse(text)
    assert max(map(len, text.splitlines())) <= 92
    scope: dict[str, Any] = {}
    exec(text, scope)
    for got, expected in zip(flatten(scope["wide"](**args))[0], flatten(wide(**args))[0]):
        np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_formatting_is_ruffs() -> None:
    """A formatter finds little to change: spaces, quotes and blank lines are as it has them."""
    ruff = pytest.importorskip("ruff")
    import subprocess

    def f(p: Any, x: Any) -> Any:
        h = np.tanh(x @ p["W"]) ** 2
        return {"loss": (mg.softmax(h) * h).sum(), "h": h}

    text = checked(mg.value_and_grad(lambda p, x: f(p, x)["loss"]), {"W": A}, N(size=(4, 3)))
    command = [ruff.find_ruff_bin(), "format", "--isolated", "--line-length", "92", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text


def test_a_sigmoid_may_overflow_in_silence() -> None:
    text = checked(mg.sigmoid, np.array([-1e4, 0.0, 1e4]))
    assert '@np.errstate(over="ignore")  # exp(-z) may reach inf' in text
    assert "errstate" not in checked(np.tanh, x)


def test_functions_without_source_are_refused() -> None:
    scope: dict[str, Any] = {"mg": mg}
    exec("op = mg.defop('typed', lambda x: x * 2, [lambda g, ans, x: g * 2])", scope)
    with pytest.raises(
        ValueError, match="typed: the source of its forward function cannot be read"
    ):
        mg.trace(lambda x: scope["op"](x), 1.0).source  # noqa: B018


def test_own_ops_are_printed_with_what_they_call() -> None:
    bent = mg.defop("bent.line", lambda x: np.where(x > 0, x, SLOPE * x), [lambda g, ans, x: g])
    text = checked(lambda x: bent(x) + 1, x)
    assert "SLOPE = 0.25\n" in text
    assert "def bent_line(x):\n    return np.where(x > 0, x, SLOPE * x)\n" in text


SLOPE = 0.25


def test_doubles_beside_single_precision_stay_doubles_in_calls() -> None:
    op = mg.defop("pulled", lambda x, y: np.tanh(x - y), [lambda g, ans, x, y: g, None])
    program = mg.trace(lambda x: op(x, np.float64(2.0)), np.float32(0.5))
    assert "np.float64(2.0)" in program.source
    scope: dict[str, Any] = {}
    exec(program.source, scope)
    assert scope[program.name](np.float32(0.5)).dtype == np.float64


def test_a_container_whose_attribute_varies_is_not_called_fixed() -> None:
    class Names(list[str]):
        w: Any

    names = Names(["a"])
    names.w = mg.Tensor([1.0, 2.0], requires_grad=True)
    text = str(mg.trace(lambda x, p: x * p.w, np.ones(2), names))
    assert "w = p.w" in text
    assert "fixed" not in text
