"""Compiled functions equal eager ones: over the op table, random programs, kinds of arguments."""

from __future__ import annotations

import pickle
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES, Sample
from minigrad import ops
from minigrad.program import passes
from minigrad.program.entries import merge_scatters
from minigrad.program.kernel import Kernel
from minigrad.program.lower import lower
from minigrad.tree import flatten
from test_random_programs import program

each_sample = pytest.mark.parametrize("s", SAMPLES, ids=lambda s: s.id)

BY_VALUE = ("depends on values", "polydiv(")
"""In the error for a function whose result has a shape that depends on values."""


def weighted(s: Sample) -> Any:
    """The sample as a function to a number that depends on every output differently."""
    outputs = s.f(*s.args)
    outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
    rng = np.random.default_rng(1)
    weights = [np.asarray(rng.uniform(0.5, 1.5, np.shape(y))) for y in outputs]

    def number(*xs: Any) -> Any:
        ys = s.f(*xs)
        ys = ys if isinstance(ys, tuple | list) else [ys]
        return sum((w * y).sum() for w, y in zip(weights, ys, strict=True))

    return number


def same(got: Any, expected: Any, rtol: float) -> None:
    for g, e in zip(flatten(got)[0], flatten(expected)[0], strict=True):
        e = np.asarray(e)
        assert np.shape(g) == e.shape
        scale = float(np.max(np.abs(e))) if e.size and np.all(np.isfinite(e)) else 1.0
        np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * max(scale, 1e-3))


def compiled_or_skip(f: Any, *args: Any) -> Any:
    try:
        return mg.compile(f)(*args)
    except TypeError as error:
        if any(words in str(error) for words in BY_VALUE):
            pytest.skip("the shape of its result depends on values")
        raise


@each_sample
def test_op(s: Sample) -> None:
    f = mg.value_and_grad(weighted(s), tuple(range(len(s.args))))
    expected = f(*s.args)
    step = mg.compile(f)
    try:
        same(step(*s.args), expected, 1e-12)
    except TypeError as error:
        if any(words in str(error) for words in BY_VALUE):
            pytest.skip("the shape of its result depends on values")
        raise
    same(step(*s.args), expected, 1e-12)
    assert step.retraces == 0


@each_sample
def test_printed_source(s: Sample) -> None:
    """The printed program runs by itself and gives the same numbers."""
    f = mg.value_and_grad(weighted(s), tuple(range(len(s.args))))
    try:
        traced = mg.trace(f, *s.args)
    except TypeError as error:
        if any(words in str(error) for words in BY_VALUE):
            pytest.skip("the shape of its result depends on values")
        raise
    scope: dict[str, Any] = {}
    exec(compile(traced.source, "<source>", "exec"), scope)
    assert "minigrad" not in traced.source
    with np.errstate(all="ignore"):
        same(scope[traced.name](*s.args), f(*s.args), 1e-12)
    same(traced(*s.args), f(*s.args), 1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_random_program(seed: int) -> None:
    f, *point = program(seed)
    g = mg.value_and_grad(lambda p: f(np, *p))
    step = mg.compile(g)
    same(step(point), g(point), 1e-11)
    other = [x * 0.7 + 0.01 for x in point]
    same(step(other), g(other), 1e-11)
    assert step.retraces == 0


@pytest.mark.parametrize("seed", range(8))
def test_second_order(seed: int) -> None:
    f, *point = program(seed)
    direction = [np.cos(x) for x in point]
    second = lambda p, v: mg.hvp(lambda q: f(np, *q), p, v)
    same(mg.compile(second)(point, direction), second(point, direction), 1e-10)


@pytest.mark.parametrize("seed", range(12))
def test_float32(seed: int) -> None:
    f, *point = program(seed)
    point = [x.astype(np.float32) for x in point]
    g = mg.value_and_grad(lambda p: f(np, *p))
    got, expected = mg.compile(g)(point), g(point)
    assert [x.dtype for x in flatten(got)[0]] == [x.dtype for x in flatten(expected)[0]]
    same(got, expected, 1e-5)


# --- kinds of arguments ----------------------------------------------------------------


def loss(params: Any, X: Any, y: Any) -> Any:
    h = np.tanh(X @ params["W"] + params["b"])
    return ((h - y) ** 2).mean()


def problem(n: int = 5) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(3, 2)), "b": np.zeros(2)}
    return params, rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def test_structures_and_retraces() -> None:
    step = mg.compile(mg.value_and_grad(loss))
    for n in (5, 7, 5, 7, 7):
        args = problem(n)
        value, gradient = step(*args)
        expected_value, expected = mg.value_and_grad(loss)(*args)
        np.testing.assert_allclose(value, expected_value, rtol=1e-13)
        assert list(gradient) == ["W", "b"]
        same(gradient, expected, 1e-12)
    assert step.retraces == 1
    params, X, y = problem()
    same(step(params, y=y, X=X), mg.value_and_grad(loss)(params, X, y), 1e-12)
    same(
        step(params, X.astype(np.float32), y),
        mg.value_and_grad(loss)(params, X.astype(np.float32), y),
        1e-6,
    )


def test_results_are_the_callers_own() -> None:
    step = mg.compile(lambda x: (x, x * 2, x.T, (x * 2).reshape(-1), np.ones(3)))
    x = np.arange(4.0).reshape(2, 2)
    first = step(x)
    copies = [np.array(r) for r in first]
    for r in first:
        r[...] = -7.0
    assert (x == np.arange(4.0).reshape(2, 2)).all()
    for a, b in zip(step(x), copies, strict=True):
        np.testing.assert_array_equal(a, b)
    later = step(x + 1)
    again = [np.array(r) for r in later]
    step(x + 5)
    for a, b in zip(later, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.histogram_bin_edges(x, x),
        lambda x: np.histogram(x, x),
        lambda x: np.broadcast_to(x.sum(), (3,)),
        lambda x: np.broadcast_to(2 * x, (2, 4)).T,
        mg.grad(lambda x: x.sum() ** 2),
        lambda x: np.linalg.lstsq(np.eye(4), x),
    ],
)
def test_results_that_look_elsewhere(f: Any) -> None:
    """What may be its argument, or lie in one place, is returned as an array of its own."""
    step, x = mg.compile(f), np.arange(4.0)
    for _ in range(2):
        for got, want in zip(flatten(step(x))[0], flatten(f(x))[0], strict=True):
            assert got.dtype == np.asarray(want).dtype and got.tobytes() == want.tobytes()
            if isinstance(got, np.ndarray):
                assert not np.shares_memory(got, x)
                got[...] = 7


def test_static_arguments() -> None:
    def power(x: Any, n: int, mode: str = "sum") -> Any:
        for _ in range(n):
            x = x * x
        return x.sum() if mode == "sum" else x.mean()

    step = mg.compile(power)
    x = np.array([1.0, 2.0])
    assert step(x, 2) == 17 and step(x, 3) == 257 and step(x, 2, mode="mean") == 8.5
    assert step(x, 2, "mean") == 8.5
    assert step.retraces == 2
    assert mg.compile(lambda n, x: x * n, static=0)(2, 3.0) == 6.0
    by_name = mg.compile(lambda x, scale: x * scale if scale > 1 else x, static=["scale"])
    assert by_name(2.0, 3.0) == 6.0 and by_name(2.0, 0.5) == 2.0


def test_captured_arrays_and_tensors_are_live() -> None:
    weights = np.array([1.0, 2.0])
    offset = mg.Tensor([10.0, 20.0])
    step = mg.compile(lambda x: (x * weights + offset).sum())
    x = np.ones(2)
    assert step(x) == 33
    assert set(step.constants) == {"weights", "offset"}
    offset.data = [100.0, 200.0]
    assert step(x) == 303
    assert step.constants["weights"].flags.writeable is False
    weights[0] = 50.0
    assert step(x) == 352  # traced again, as what changes: now it is read at each call
    weights[0] = 60.0
    assert step(x) == 362
    assert step.retraces == 1


def test_scalars_are_pure_python() -> None:
    def neuron(w: Any, b: Any, x: Any, y: Any) -> Any:
        return 0.5 * (y - mg.sigmoid(w * x + b)) ** 2

    g = mg.value_and_grad(neuron, (0, 1))
    step = mg.compile(g)
    got = step(0.3, 0.1, 0.5, 1.5)
    assert type(got[0]) is float and type(got[1][0]) is float
    same(got, g(0.3, 0.1, 0.5, 1.5), 1e-15)
    same(step(np.float64(0.3), 0.1, 0.5, 1.5), g(0.3, 0.1, 0.5, 1.5), 1e-15)
    same(step(0.3, 0.1, -1e6, 1.5), g(0.3, 0.1, -1e6, 1.5), 1e-15)  # exp overflows in math


@pytest.mark.sampled(3)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("x", [0.0, -1.0, np.inf, -np.inf, np.nan, 1e308, 1e-308, 710.0])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.log(x),
        lambda x: 1 / x,
        lambda x: np.sqrt(x),
        lambda x: np.exp(x),
        lambda x: x**0.5,
        lambda x: x**-3,
        lambda x: np.maximum(x, 0.5) + mg.relu(x),
        lambda x: mg.softplus(x),
        lambda x: np.where(x > 0, x, 2 * x),
        lambda x: np.tanh(x) + np.abs(x),
        lambda x: np.sin(x) * x,
        lambda x: np.arctanh(x),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.sign(x) + np.fmod(x, 2.0) + np.hypot(x, x),
    ],
)
def test_scalars_at_the_edges(f: Any, x: float) -> None:
    for g in (f, mg.grad(f)):
        np.testing.assert_allclose(
            mg.compile(g)(x), float(np.asarray(g(np.float64(x)))), rtol=1e-14
        )


def test_tensors_and_gradients_through() -> None:
    step = mg.compile(lambda w, x: np.tanh(x * w).sum())
    x = np.array([1.0, 2.0])
    assert step(0.5, x) == pytest.approx(float(np.tanh(x * 0.5).sum()))
    g = mg.grad(lambda w: step(w, x))(0.5)
    assert g == pytest.approx(float((x * (1 - np.tanh(x * 0.5) ** 2)).sum()))
    traced = mg.trace(lambda w, x: np.tanh(x * w).sum(), 0.5, x)
    assert mg.grad(traced)(0.5, x) == pytest.approx(g)
    again = mg.trace(mg.grad(lambda w: traced(w, x)), 0.5)
    assert again(0.5) == pytest.approx(g)
    inside = mg.compile(mg.grad(lambda w: step(w, x)))
    assert inside(0.5) == pytest.approx(g)


def test_differentiating_by_whole_numbers() -> None:
    """A number is a variable, in a program too; what holds whole numbers is refused."""
    f = lambda z: np.sum(np.sin(z) * z)
    x, at = np.array([1.0, 2.0, 3.0]), float(np.sin(2) + 2 * np.cos(2))
    assert mg.compile(lambda x: mg.grad(f)(np.argmax(x)))(x) == pytest.approx(at)
    assert mg.compile(lambda x: mg.value_and_grad(f)(np.argmax(x)))(x)[1] == pytest.approx(at)
    assert mg.compile(lambda x: mg.vjp(f, np.argmax(x))[1](1.0))(x)[0] == pytest.approx(at)
    assert mg.compile(lambda x: mg.jacobian(lambda z: z * z)(np.argmax(x)))(x) == 4.0
    assert mg.compile(lambda x: mg.vjp(f, np.argsort(x))[1](1.0))(x) == (None,)
    with pytest.raises(TypeError, match="holds integers"):
        mg.compile(lambda x: mg.grad(f)(np.argsort(x)))(x)
    with pytest.raises(TypeError, match="holds no floating-point number"):
        mg.compile(lambda x: mg.grad(f)(x > 1))(x)


@pytest.mark.parametrize("kind", "? i1 u1 i4 i8 f2 f4 f8".split())
def test_odd_pads_keep_the_dtype(kind: str) -> None:
    x = np.array([[1, 0, 1, 1], [0, 1, 1, 3]]).astype(kind)
    for mode in ("reflect", "symmetric"):
        f = lambda x, m=mode: np.pad(x, ((1, 2), (2, 1)), mode=m, reflect_type="odd")
        got, expected = mg.compile(f)(x), f(x)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_vectors_without_elements() -> None:
    each = lambda x: np.apply_along_axis(np.cumsum, -1, x)
    for shape in ((0,), (2, 0)):
        assert mg.compile(each)(np.zeros(shape)).shape == each(np.zeros(shape)).shape == shape


def test_threads_and_reentry() -> None:
    step = mg.compile(mg.value_and_grad(loss))
    params, X, y = problem(50)
    expected = mg.value_and_grad(loss)(params, X, y)
    failures = []

    def work() -> None:
        for _ in range(200):
            try:
                same(step(params, X, y), expected, 1e-12)
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_layouts() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(6, 4)), rng.normal(size=4)
    f = mg.value_and_grad(lambda w, X: (np.sin(X * w) @ w).sum())
    step = mg.compile(f)
    for layout in (X, np.asfortranarray(X), X[::-1], np.repeat(X, 2, 1)[:, ::2]):
        same(step(w, layout), f(w, layout), 1e-12)
    assert step.retraces == 0


LOOPS: list[tuple[Any, tuple[int, ...]]] = [  # several terms for each entry; of an array so long
    (lambda x, t: np.sin(x[t]) * x[-t] - x[0] * x[t], (6,)),
    (lambda x, t: x[t, 0] * x[t, 1] - x[-t, 1] ** 2 * x[0, 0], (6, 2)),
    (lambda x, t: np.exp(x[t]) @ x[-t] - x[t] @ x[0], (6, 3)),
    (lambda x, t: (x[t:] * x[:-t]).sum() - (x[t:] * x[0]).sum() + x.sum() * x[2], (6,)),
    (lambda x, t: x[3] * x[t] ** 2 - 3 * (x * x).sum() * x[3], (60,)),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("term", "shape"), LOOPS, ids=range(len(LOOPS)))
def test_terms_for_the_same_entries_are_added_up_first(
    term: Any, shape: tuple[int, ...], dtype: str
) -> None:
    g = mg.value_and_grad(lambda x: sum(term(x, t) for t in range(1, 6)))
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    compiled = mg.compile(g)
    for _ in range(2):
        x = x * x.dtype.type(0.9)
        same(compiled(x), g(x), 1e-11 if dtype == "float64" else 1e-5)
        assert compiled(x)[1].dtype == dtype
    assert "in_ops" not in compiled.latest.code
    added = merge_scatters(compiled.program)
    put = [repr(e.kwargs["index"]) for e in added.equations if e.op is ops.scatter]
    assert len(put) == len(set(put)) < sum(e.op is ops.scatter for e in compiled.program.equations)


def test_what_is_scattered_waits_for_the_one_sum_that_it_is_part_of() -> None:
    def f(x: Any, y: Any) -> Any:
        dx = mg.grad(lambda x: np.sum(x[:2] ** 3))(x)
        return np.sin(y) + dx, 2 * dx

    def g(x: Any, y: Any) -> Any:
        return np.exp(f(x, y)[0])

    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.1, 0.7])
    dx = np.array([3.0, 12.0, 0.0])
    for loss, right in ((f, (np.sin(y) + dx, 2 * dx)), (g, np.exp(np.sin(y) + dx))):
        compiled = mg.compile(loss)
        for _ in range(2):
            np.testing.assert_allclose(compiled(x, y), right, rtol=1e-12)
    waiting = [Kernel(lower(passes.recorded(loss, x, y))).waiting for loss in (f, g)]
    assert [len(found) for found in waiting] == [0, 1]


def test_the_sign_of_a_zero_that_is_seen_stays() -> None:
    """0 + -0 is 0: an entry that gets -0 alone is 0, as all others get zeros there."""

    def f(x: Any, c: Any) -> Any:
        g = mg.grad(lambda x: x[0] * c + x[0] * c * c + x[1] * np.minimum(c, -0.0))(x)
        return np.copysign(1.0, g)

    x, compiled = np.ones(2), mg.compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x, np.float64(3.0)), [1, 1])
    assert "in_ops" not in compiled.latest.code


STEPS: list[Any] = [  # one step of a recurrence: its input, its state, weights, bias
    lambda x, h, U, W, b: np.tanh(x @ U + h @ W + b),
    lambda x, h, U, W, b: np.tanh(b + h @ W + x @ U),
    lambda x, h, U, W, b: (x @ U + b) * h,
    lambda x, h, U, W, b: np.tanh((h @ W + (x + x @ U @ W)) + b) if x.ndim == 2 else x @ U + h,
    lambda x, h, U, W, b: x @ (U + h.mean()) + b,
]


@pytest.mark.parametrize("step", STEPS, ids=range(len(STEPS)))
@pytest.mark.parametrize("order", ["first", "second", "vectors", "backwards", "not all"])
def test_slices_are_taken_together(step: Any, order: str) -> None:
    rng = np.random.default_rng(0)
    x, U, W = rng.normal(size=(4, 2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    def f(x: Any, U: Any, W: Any, b: Any) -> Any:
        h = np.ones(3 if order == "vectors" else (2, 3))
        for t in range(3 if order == "not all" else 4):
            part = x[-1 - t] if order == "backwards" else x[:, t] if order == "second" else x[t]
            h = step(part, h, U, W, b)
        return (h * h).sum()

    x = np.swapaxes(x, 0, 1).copy() if order == "second" else x[:, 0] if order == "vectors" else x
    if order == "not all":
        x[3] = np.inf  # which nobody asks for: there is nothing to warn of
    g = mg.value_and_grad(f, (0, 1, 2, 3))
    compiled = mg.compile(g)
    for _ in range(2):
        b = rng.normal(size=3)
        same(compiled(x, U, W, b), g(x, U, W, b), 1e-11)
    assert "in_ops" not in compiled.latest.code


def test_a_part_of_a_constant_is_the_callers_own() -> None:
    """A Jacobian of zeros, of which a computed number picks rows: two calls give two arrays."""
    f = mg.compile(mg.jacobian(lambda x: (0.0 * x)[np.argmax(x) % 2], mode="forward"))
    x = np.array([[1.0, 2.0], [3.0, 0.0]])
    first = f(x).copy()
    for _ in range(2):
        part = f(x)
        np.testing.assert_array_equal(part, first)
        part += 1.0
    assert "in_ops" not in f.latest.code


@pytest.mark.parametrize("mask", [lambda x: np.logical_and(x, x), lambda x: x > 1, np.floor])
def test_second_derivatives_beside_what_has_none(mask: Any) -> None:
    """The distance from a mask: its square has a slope by ``x`` alone."""

    def f(x: Any) -> Any:
        return np.sum(np.cbrt(np.hypot(x, mask(x))))

    x = np.array([1.5, 2.5, 0.5])
    for g in (lambda x: mg.hvp(f, x, np.cos(x)), mg.grad(lambda x: mg.grad(f)(x).sum())):
        compiled = mg.compile(g)
        for y in (x, x * 1.1):
            same(compiled(y), g(y), 1e-12)


def test_true_among_numbers_is_one() -> None:
    """The larger of 0.5 and True is 1.0, not True."""
    for f in (lambda x: np.maximum(x, True), lambda x: np.minimum(np.clip(x, 0, None), False)):
        compiled = mg.compile(f)
        for x in (0.5, 2.5, np.float32(0.5)):
            assert type(np.float64(compiled(x))) is np.float64
            assert compiled(x) == f(x) and np.asarray(compiled(x)).dtype == f(x).dtype
        assert "in_ops" not in compiled.latest.code


def test_numbers_of_python_in_an_op_of_the_users() -> None:
    """They take the precision of what is beside them, as in the op itself."""
    op = mg.defop(
        "apart", lambda x, y, by=1.0: np.tanh(x - by * y), [lambda g, ans, x, y, by=1.0: g] * 2
    )
    f = mg.compile(lambda x, y: op(np.sin(x).sum(), y, by=0.5))
    for y in (0.1, 0.2, 3, 4):
        x = np.array([1.0, 2.0], np.float32)
        expected = np.tanh(np.sin(x).sum() - np.float32(0.5 * y))
        assert f(x, y).dtype == np.float32
        np.testing.assert_allclose(f(x, y), expected, rtol=1e-6)


def test_single_numbers_are_read_and_stacked_plainly() -> None:
    f = mg.compile(lambda x: np.stack([x[1] - x[0], x[0] * x[1], x[2]]))
    assert f(np.array([1.0, 3.0, 5.0])).tolist() == [2.0, 3.0, 5.0]
    f(np.ones(3))
    lines = f.latest.code
    assert "stack" not in lines and "getitem" not in lines
    assert f(np.arange(3, dtype=np.float32)).dtype == np.float32
    g = mg.compile(lambda x: np.stack([x[0] > 0, x[1] > 0]))
    assert g(np.array([1.0, -1.0])).tolist() == [True, False]


def test_outer_products_of_a_power_iteration_are_one() -> None:
    """However columns and rows are written, and with another sum before them."""

    def f(A: Any) -> Any:
        v = np.ones(4)
        for _ in range(5):
            v = np.tanh(A @ v)
            v = np.tanh(A.T @ v)
        return v @ A @ v + np.sum(A**2)

    A = np.random.default_rng(0).normal(size=(4, 4))
    g = mg.grad(f)
    compiled = mg.compile(g)
    for _ in range(2):
        A = A * 0.9
        same(compiled(A), g(A), 1e-11)
    assert compiled.latest.code.count("concatenate(") == 2  # of all columns, of all rows


def test_products_of_slices_are_one() -> None:
    """By the matrix on either side; the bias is added to all of them."""
    x, U, b = np.ones((5, 2, 3)), np.ones((3, 3)), np.ones(3)
    for rows, product in ((x, lambda u, U: u @ U), (x[:, 0], lambda u, U: U @ u)):
        f = mg.compile(lambda x, U, b, p=product: sum(np.exp(p(x[t], U) + b) for t in range(5)))
        f(rows, U, b)
        lines = f.latest.code.splitlines()
        assert sum("dot(" in line for line in lines) == 1
        assert sum("exp(" in line for line in lines) == 5


def test_outer_products_of_a_recurrence_are_one_product() -> None:
    def f(W: Any, x: Any) -> Any:
        h = np.ones(3)
        for t in range(4):
            h = np.tanh(W @ (h * x[t]))
        return h.sum()

    W, x = np.linspace(-1, 1, 9).reshape(3, 3), np.linspace(1, 2, 12).reshape(4, 3)
    step = mg.compile(mg.grad(f))
    same(step(W, x), mg.grad(f)(W, x), 1e-12)
    code = step.latest.code
    assert code.count("concatenate(") == 2 and "[..., None]" not in code and "None" not in code


def test_parts_are_computed_where_they_are_joined() -> None:
    """Also where one is needed later, is joined twice, or is an argument; never over another."""
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 4, 5))

    def f(x: Any, y: Any, z: Any) -> Any:
        a, b, c = np.exp(x), np.tanh(y), x * z
        most = np.concatenate([a, b, c])
        fewer, twice, layers = np.concatenate([a, b]), np.concatenate([b, b]), np.stack([x, z + y])
        out = (most * 2).sum(axis=0), np.cos(fewer) + 1, twice @ y.T, layers * layers, c - a
        d, e = np.cos(z), np.exp(y)
        both = np.concatenate([d, b, e]) / np.concatenate([e, c, z])  # each part in one of them
        flat = np.stack([c, x + 2]).reshape(-1)  # looked at after its memory has been joined
        more = np.stack([c, x + 2, a]) * 2
        return [*(np.sin(v) for v in out), both + 0, np.tanh(more), flat * 3]

    step = mg.compile(f)
    for _ in range(3):
        same(step(x, y, z), f(x, y, z), 1e-12)
        x, y, z = rng.normal(size=(3, 4, 5))
    assert step.latest.code.count("concatenate(") == 2  # of b and b, of what lies elsewhere
    tall = mg.compile(lambda x: np.concatenate([np.exp(x), np.cos(x)]) * 3 + 1)
    x = rng.normal(size=(40, 3))  # an array that would else lie column by column
    same(tall(x), np.concatenate([np.exp(x), np.cos(x)]) * 3 + 1, 1e-14)


# --- large arrays ----------------------------------------------------------------------


def test_tiles() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300_001)
    y = (rng.random(x.size) < 0.4) * 1.0

    def fit(w: Any, b: Any, x: Any, y: Any) -> Any:
        p = mg.sigmoid(w * x + b)
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), p

    g = mg.value_and_grad(fit, (0, 1, 2), has_aux=True)
    step = mg.compile(g)
    same(step(0.3, 0.1, x, y), g(0.3, 0.1, x, y), 1e-12)
    assert "region" in step.latest.code


@pytest.mark.parametrize("f", [mg.logsumexp, mg.grad(mg.logsumexp)])
def test_what_is_finite_beside_infinity_does_not_overflow(f: Any) -> None:
    """exp(1000 - ∞) is 0, whatever is subtracted before."""
    step = mg.compile(f)
    step(np.ones(4))
    for x in ([np.inf, 1000.0, 0.0, -np.inf], [1000.0] * 4, [np.nan, 1000.0, 0.0, 1.0]):
        x = np.array(x)
        with np.errstate(over="raise", divide="raise", invalid="ignore"):
            np.testing.assert_allclose(step(x), f(x), rtol=1e-12)


def test_tiles_with_rows_and_columns() -> None:
    rng = np.random.default_rng(0)
    x, gain, bias = rng.normal(size=(1003, 257)), rng.normal(size=257), rng.normal(size=257)

    def f(x: Any, gain: Any, bias: Any) -> Any:
        mean = x.mean(axis=-1, keepdims=True)
        var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
        z = (x - mean) / np.sqrt(var + 1e-5) * gain + bias
        top = z.max(axis=0)
        return (mg.gelu(z) * mg.softmax(z)).sum() + mg.logsumexp(z, axis=1).mean() + top.sum()

    g = mg.value_and_grad(f, (0, 1, 2))
    step = mg.compile(g)
    same(step(x, gain, bias), g(x, gain, bias), 1e-11)
    assert "region" in step.latest.code


# --- what cannot be traced -------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "word"),
    [
        (lambda t: t if t > 0 else -t, "bool()"),
        (lambda t: t * float(t), "float()"),
        (lambda t: t * int(t), "int()"),
        (lambda t: t * t.item(), ".item()"),
        (lambda t: t * t.data, ".data"),
        (lambda t: t * np.asarray(t), "np.asarray()"),
        (lambda t: t * t.tolist(), ".tolist()"),
        (lambda t: t * t.numpy(), ".data"),
        (lambda t: next(t for _ in range(3) if t < 5), "bool()"),
    ],
)
def test_looking_at_values_is_refused(look: Any, word: str) -> None:
    for f in (look, lambda t: look(2 * t)):
        with pytest.raises(TypeError, match="would fix its value") as error:
            mg.compile(f)(2.0)
        assert word in str(error.value) and "np.where" in str(error.value)
        assert "static argument" in str(error.value) and "test_compile.py" in str(error.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[x > 0].sum(),
        lambda x: np.nonzero(x)[0],
        lambda x: np.extract(x > 0, x),
        lambda x: np.where(x > 0)[0],
        lambda x: len(np.array_str(x)),
        lambda x: np.min_scalar_type(x[0]),
    ],
)
def test_shapes_that_depend_on_values_are_refused(f: Any) -> None:
    with pytest.raises(TypeError, match="depends on values"):
        mg.compile(f)(np.array([1.0, -2.0]))


LAYOUTS: list[Any] = [  # what n decides about a shape
    lambda x, n: np.any(x, n),
    lambda x, n: np.all(x, n, None, True),
    lambda x, n: np.sum(x, n),
    lambda x, n: np.argsort(x, n),
    lambda x, n: x.reshape(n + 1, -1),
    lambda x, n: np.broadcast_to(x, (n, 2, 3)),
    lambda x, n: np.moveaxis(x, n, 0),
    lambda x, n: np.rot90(x, n),
    lambda x, n: np.mean(np.histogram(x, n)[0]),
    lambda x, n: np.histogram_bin_edges(x, n),
]


@pytest.mark.parametrize("f", LAYOUTS, ids=range(len(LAYOUTS)))
def test_numbers_that_decide_about_shapes(f: Any) -> None:
    """Python's and NumPy's are fixed; one that varies is refused."""
    x = np.arange(6.0).reshape(2, 3)
    step = mg.compile(f)
    for n in (1, np.int64(1), np.int8(1)):
        same(step(x, n), f(x, n), 1e-14)
    with pytest.raises(TypeError, match=r"an index of \S.* would fix its value"):
        mg.compile(f)(x, np.array(1))


@pytest.mark.parametrize(
    "f, what",
    [
        (lambda x, i: np.bincount(i, x), r"bincount\(\) depends on values: take numbers that"),
        (lambda x, i: np.delete(x, i), r"delete\(\) depends on values: take indices that are"),
        (lambda x, i: np.repeat(x, i), r"repeat\(\) depends on values: take counts that are"),
    ],
)
def test_indices_that_decide_about_shapes(f: Any, what: str) -> None:
    with pytest.raises(TypeError, match=what):
        mg.compile(f)(np.arange(3.0), np.array([0, 2, 1]))


def test_choices_by_truth() -> None:
    x = np.array([1.0, -2.0])
    for choose in (lambda x: np.choose(x > 0, [x, 3 * x]), lambda x: np.choose(x < 0, [-x, x])):
        np.testing.assert_array_equal(mg.compile(choose)(x), choose(x))
        np.testing.assert_array_equal(choose(mg.Tensor(x)), choose(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda i, x: np.choose(i, [x[0], x[1]]),
        lambda i, x: mg.nn.functional.embedding(i, x),
        mg.vmap(lambda i, x: mg.nn.functional.embedding(i, x), (0, None)),
    ],
)
def test_indices_that_name_nothing(f: Any) -> None:
    """What is an error at the first call is one later: -1 is not the last."""
    x = np.eye(2)
    for kind in ("i1", "i8", "u1"):
        step, good = mg.compile(f), np.array([1, 0], kind)
        np.testing.assert_array_equal(step(good, x), f(good, x))
        for wrong in (-1, 2)[kind == "u1" :]:
            for g in (f, step):
                with pytest.raises((IndexError, ValueError)):
                    g(np.array([1, wrong], kind), x)


def test_rows_of_many_by_small_numbers() -> None:
    x = np.arange(300.0)[:, None]
    step = mg.compile(lambda i: mg.nn.functional.embedding(i, x))
    np.testing.assert_array_equal(step(np.array([3, 127], np.int8)), [[3], [127]])


def test_quantiles_that_there_are_none_of() -> None:
    """A program cannot raise where q lies outside, as NumPy does."""
    step = mg.compile(lambda x, q: np.percentile(x, q))
    for x in (np.arange(5.0), np.arange(5)):
        assert step(x, 50.0) == 2.0
        np.testing.assert_array_equal(step(x, np.array([-1.0, 25.0, 101.0])), [np.nan, 1, np.nan])
    with pytest.raises(ValueError, match="every q must lie in the range"):
        mg.compile(lambda x: np.percentile(x, 101.0))(np.arange(5.0))
    step = mg.compile(lambda x, w: np.quantile(x, 0.5, weights=w, method="inverted_cdf"))
    assert step(np.arange(3.0), np.array([1.0, 0.5, 2.0])) == 2.0
    assert np.isnan(step(np.arange(3.0), np.array([1.0, -0.5, 2.0])))


def test_other_errors() -> None:
    with pytest.raises(TypeError, match=r"mg\.compile takes a function"):
        mg.compile(3)  # type: ignore[arg-type]
    w = mg.Tensor(1.0, requires_grad=True)
    outside = w * 2
    with pytest.raises(ValueError, match="outside was computed outside of the function"):
        mg.trace(lambda x: x * outside, 1.0)
    mg.compile(lambda x: x * outside)(3.0).backward()
    assert w.grad == 6.0

    def back(x: Any) -> Any:
        y = w * x
        y.backward()
        return y

    with pytest.raises(RuntimeError, match=r"backward\(\) inside a trace"):
        mg.compile(back)(1.0)
    step = mg.compile(lambda x: x)
    with pytest.raises(RuntimeError, match="has not been traced yet"):
        step.source  # noqa: B018
    with pytest.raises(TypeError, match="static argument and cannot be compared"):
        mg.compile(lambda x, s: x, static=["s"])(1.0, [{1, 2}])
    X = np.ones((3, 2))
    matrix = mg.compile(lambda X, w: X @ w)
    matrix(X, np.ones(2))
    with pytest.raises(ValueError, match="do not align"):
        matrix(X, np.ones(3))


def test_program_arguments_are_checked() -> None:
    traced = mg.trace(loss, *problem())
    params, X, y = problem(6)
    with pytest.raises(ValueError, match=r"traced for X: float64 \(5, 3\)"):
        traced(params, X, y)
    with pytest.raises(TypeError, match="argument y is missing"):
        traced(params, X)
    assert isinstance(pickle.loads(pickle.dumps(traced)), mg.Program)
    fixed = mg.trace(lambda x, n: x * n, 1.0, 2)
    with pytest.raises(ValueError, match="traced with n=2"):
        fixed(1.0, 3)


def test_save(tmp_path: Any) -> None:
    table = np.random.default_rng(0).normal(size=(40, 50))
    traced = mg.trace(mg.value_and_grad(lambda w: ((table @ w) ** 2).sum()), np.ones(50))
    traced.save(tmp_path / "step.py")
    scope: dict[str, Any] = {"__file__": str(tmp_path / "step.py")}
    text = (tmp_path / "step.py").read_text()
    assert "minigrad" not in text
    exec(text, scope)
    w = np.linspace(0, 1, 50)
    same(scope[traced.name](w), traced(w), 1e-12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step.constants.npz", "step.py"]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        traced.save(tmp_path / "nowhere" / "step.py")


def test_threads_keep_quiet_where_the_caller_does() -> None:
    """exp(-z) overflows in every tile; what silences it must hold in the helpers too."""
    x = np.full(400_000, -800.0)
    step = mg.compile(mg.value_and_grad(lambda w, x: (mg.sigmoid(w * x) ** 2).mean()))
    assert step(1.0, x) == (0.0, 0.0)
    assert "region" in step.latest.code
