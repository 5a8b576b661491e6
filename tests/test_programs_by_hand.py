"""Programs whose right answers are written out: each is of a kind that compilers get wrong."""

from __future__ import annotations

import collections
import enum
import itertools
from typing import Any

import numpy as np
import pytest

import minigrad as mg

X = np.array([1.0, -2.0, 3.0])
M = np.arange(12.0).reshape(3, 4)
F4 = np.float32


class Kind(enum.StrEnum):
    A = "a"


def gradient_of_sums(x: Any) -> Any:
    return mg.grad(lambda x: x.sum() ** 2 + x.sum())(x)


def same(got: Any, want: Any) -> None:
    """The same type of containers, shapes, dtypes; the same numbers, signs of zero included."""
    if isinstance(want, dict):
        assert type(got) is type(want)
        assert list(got) == list(want)
        for key in want:
            same(got[key], want[key])
    elif isinstance(want, list | tuple):
        assert type(got) is type(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
    else:
        assert np.shape(got) == np.shape(want)
        assert np.asarray(got).dtype == np.asarray(want).dtype
        np.testing.assert_allclose(got, want, rtol=1e-14 if np.asarray(want).itemsize > 4 else 1e-6)
        if np.asarray(want).dtype.kind == "f":
            signs = [np.signbit(x) & ~np.isnan(x) for x in (got, want)]
            np.testing.assert_array_equal(*signs)


Pair = collections.namedtuple("Pair", "w b")
Table = collections.defaultdict

# What is compiled, and calls of it: arguments and answer.
ROWS: dict[str, tuple[Any, list[tuple[tuple[Any, ...], Any]]]] = {
    # a factor that has a shape is no number
    "sum of a full array": (
        lambda x: np.sum(np.full(3, 2.0) * x[0]),
        [((np.array([0.7, 1.0]),), 4.2)],
    ),
    "sum of -1 times it": (
        lambda x: np.sum(np.full(3, -1.0) * x[0]),
        [((np.array([0.7, 1.0]),), -2.1)],
    ),
    "mean of it": (lambda x: np.mean(np.full(3, 2.0) * x[0]), [((np.array([0.7, 1.0]),), 1.4)]),
    "norm of it": (
        lambda x: np.linalg.norm(np.full(4, 2.0) * x[0]),
        [((np.array([0.7, 1.0]),), 2.8)],
    ),
    "product with it": (
        lambda x: (np.ones(3) * x[0]) @ np.ones((3, 2)),
        [((np.array([0.7]),), np.full(2, 2.1))],
    ),
    "it, reshaped": (
        lambda x: np.reshape(np.full(4, 2.0) * x[0], (2, 2)),
        [((np.array([0.5]),), np.ones((2, 2)))],
    ),
    # equal entries are an array all the same
    "gradient of sums": (gradient_of_sums, [((X,), np.full(3, 5.0))]),
    "square of that": (
        lambda x: (gradient_of_sums(x) * gradient_of_sums(x)).sum(),
        [((np.array([1.0, 2, 4]),), 675.0)],
    ),
    "row of a broadcast product": (lambda x: (x * np.ones((4, 1)))[2], [((X,), X)]),
    # numbers of every type
    "product by whole numbers": (
        mg.grad(lambda s: s * 2.5 * s),
        [((np.float64(3),), np.float64(15)), ((2.0,), np.float64(10)), ((-1.0,), np.float64(-5))],
    ),
    "shapes by whole numbers": (
        lambda x, n: x.reshape(n, -1),
        [((M, np.int64(2)), M.reshape(2, 6)), ((M, np.int64(3)), M), ((M, 4), M.reshape(4, 3))],
    ),
    "single precision and a step": (
        lambda w, lr: w - lr * w,
        [
            ((np.ones(2, F4), 0.5), np.full(2, 0.5, F4)),
            ((np.ones(2, F4), 0.25), np.full(2, 0.75, F4)),
        ],
    ),
    "booleans": (
        lambda mask, x: np.where(mask, x, 0 * x + 1),
        [((X > 0, X), np.array([1.0, 1, 3])), ((X < 0, X), np.array([1.0, -2, 1]))],
    ),
    "ldexp": (lambda x: np.ldexp(x, 3), [((X,), 8 * X), ((2 * X,), 16 * X)]),
    "bytes beyond their range": (
        lambda x: x > 300,
        [((np.array([1, 200], np.uint8),), np.zeros(2, bool))],
    ),
    "index of a number": (
        lambda x: x[()] * 2,
        [((np.array(1.5),), np.float64(3)), ((np.array(2.0),), np.float64(4))],
    ),
    "append": (
        lambda x, q: np.append(x, q),
        [((X, 5.0), np.array([1.0, -2, 3, 5])), ((X, 6.0), np.array([1.0, -2, 3, 6]))],
    ),
    "outer": (
        lambda x, q: np.outer(x, q),
        [((X, 2.0), 2 * X[:, None]), ((X, 3.0), 3 * X[:, None])],
    ),
    "tile": (lambda x, q: np.tile(q, 2) * x[:2], [((X, 2.0), 2 * X[:2]), ((X, 3.0), 3 * X[:2])]),
    "quantile": (
        lambda x, q: np.quantile(x, q),
        [((X, 0.5), np.float64(1)), ((X, 1.0), np.float64(3))],
    ),
    "a number beside zeros": (
        lambda s: [s * 2, np.zeros(2)],
        [((1.5,), [3.0, np.zeros(2)]), ((2.5,), [5.0, np.zeros(2)])],
    ),
    "sums that broadcast": (
        lambda a, b: a.sum(0) + b.sum(0),
        [((np.ones((2, 3)), np.ones((4, 1))), np.full(3, 6.0))],
    ),
    # programs of numbers are NumPy's
    "truth of numbers": (
        lambda x: np.logical_and(x, 2.0) * 2,
        [((3.0,), np.int64(2)), ((0.0,), np.int64(0))],
    ),
    "truths, added": (
        lambda x: (x > 0) + (x > 1),
        [((np.float64(x),), np.bool_(x > 0)) for x in (2.0, 0.5, -1.0)],
    ),
    "sum of nothing": (lambda x: np.sum(x, where=False), [((3.0,), np.float64(0))]),
    "sum from a start": (lambda x: np.sum(x, initial=2.0), [((3.0,), np.float64(5))]),
    "sign of NaN": (
        lambda x: np.sign(x) * 1.0,
        [((-2.0,), np.float64(-1)), ((np.nan,), np.float64(np.nan))],
    ),
    "magnitude of -0": (lambda x: np.abs(x) * 1.0, [((-0.0,), np.float64(0))]),
    "clip of NaN": (
        lambda x: np.clip(x, 0, 1) * 1.0,
        [((0.5,), np.float64(0.5)), ((np.nan,), np.float64(np.nan))],
    ),
    "logaddexp at ∞": (
        lambda x, y: np.logaddexp(x, y),
        [((1.0, 1.0), np.float64(1 + np.log(2))), ((np.inf, np.inf), np.float64(np.inf))],
    ),
    "logaddexp of two precisions": (
        lambda x, y: np.logaddexp(x, y),
        [((np.float64(-1.3), F4(0.5)), np.float64(np.logaddexp(-1.3, 0.5)))],
    ),
    "fmod by 0": (
        lambda x, y: np.fmod(x, y),
        [((5.0, 3.0), np.float64(2)), ((1.0, 0.0), np.float64(np.nan))],
    ),
    "maximum with a whole number": (
        lambda x: np.maximum(x, 0),
        [((-2.0,), np.float64(0)), ((3.0,), np.float64(3))],
    ),
    # constants as written
    "signs of zero": (
        lambda x: np.copysign(x, 0.0) + 2 * np.copysign(x, -0.0),
        [((3.0,), np.float64(-3)), ((-5.0,), np.float64(-5))],
    ),
    "a list with both zeros": (
        lambda x: x * np.array([0.0, -0.0, 0.0]),
        [((2.0,), np.array([0.0, -0.0, 0.0]))],
    ),
    "factors beyond half precision": (
        lambda x: x * 300 * 300,
        [((np.array([0.5, 0], np.float16),), np.array([45000, 0], np.float16))],
    ),
    "factors beyond single precision": (
        lambda x: x * 1e30 * 1e30,
        [((np.array([0.0, 1e-30], F4),), np.array([0, 1e30], F4))],
    ),
    "factors beyond double precision": (
        lambda x: x * 1e200 * 1e200,
        [((np.array([0.0, 1e-200]),), np.array([0, 1e200]))],
    ),
    "what half precision does not hold": (
        lambda x: x * 0.002 * 500,  # 3 times the smallest number above 0, which is 2**-24
        [((np.array([1e-4, 0], np.float16),), np.array([3 * 500 / 2**24, 0], np.float16))],
    ),
    "a square in half precision": (
        lambda x: (x * 500) ** 2,
        [((np.array([0.0, 0.25], np.float16),), np.array([0, 15625], np.float16))],
    ),
    "a mean in half precision": (
        lambda x: np.mean(x),
        [((np.full(70000, 2, np.float16),), np.float16(2))],
    ),
    # containers stay what they are
    "named tuples": (lambda p: Pair(2 * p.w, p.b), [((Pair(1.5, X),), Pair(3.0, X))]),
    "ordered dicts": (
        lambda x: collections.OrderedDict(b=x, a=2 * x),
        [((1.5,), collections.OrderedDict(b=1.5, a=3.0))],
    ),
    "default dicts": (lambda x: Table(list, w=x), [((X,), Table(list, w=X))]),
    "keys": (
        lambda p: {k: 2 * v for k, v in p.items()},
        [(({Kind.A: 1.5, np.inf: 2.0, 'q"': X},), {Kind.A: 3.0, np.inf: 4.0, 'q"': 2 * X})],
    ),
    # names
    "after a star": (
        lambda *x, x0=1.0: sum(x) + 100 * x0,
        [((1.0, 2.0), 103.0), ((3.0,), 103.0), ((1.0, 0.5), 101.5)],
    ),
    "names of builtins": (
        lambda min, max, abs, len, dispatch: min + 2 * max + 3 * abs + 4 * len + 5 * dispatch,
        [((1.0, 1.0, 1.0, 1.0, 1.0), 15.0), ((1.0, 2.0, 3.0, 4.0, 5.0), 55.0)],
    ),
    # compiled in compiled
    "a compiled function within": (
        mg.grad(mg.compile(lambda x: x**3)),
        [((2.0,), np.float64(12)), ((3.0,), np.float64(27))],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    f, calls = ROWS[name]
    compiled = mg.compile(f)
    for args, want in itertools.chain(calls, calls):
        with np.errstate(all="ignore"):
            got, plain = compiled(*args), f(*args)
        same(
            got,
            want
            if isinstance(want, dict | list | tuple)
            else np.asarray(want, np.asarray(plain).dtype)[()],
        )
        if "within" not in name:
            same(plain, got)


def test_results_stand() -> None:
    """No answer lies in memory that the next call writes to, or in the caller's."""
    turned = mg.compile(lambda x: (np.einsum("ij->ji", np.exp(x)), np.cos(x) * 2))
    first = turned(M)[0]
    turned(M + 1)
    np.testing.assert_array_equal(first, np.exp(M).T)

    chosen = mg.compile(lambda P, s: np.exp(P)[np.argmax(s)])
    row = chosen(M, np.array([0.0, 1, 0]))
    chosen(2 * M, np.array([0.0, 0, 1]))
    np.testing.assert_array_equal(row, np.exp(M)[1])

    square = np.arange(9.0).reshape(3, 3)
    assert not np.may_share_memory(mg.compile(lambda x: np.einsum("ii->i", x))(square), square)


def test_ops_of_the_user_that_share_a_name() -> None:
    """What an op is called does not say what it is."""
    hostile = mg.defop("softplus", lambda x: 3 * x, lambda g, ans, x: 3 * g, replace=True)
    for f in (lambda x: hostile(x), lambda x: (hostile(x) * 2).sum()):
        np.testing.assert_array_equal(mg.compile(f)(X), f(X))
        np.testing.assert_array_equal(mg.trace(f, X)(2 * X), f(2 * X))


def test_statics_to_the_last_bit() -> None:
    sign = mg.compile(lambda x, s: np.copysign(x, s), static=["s"])
    assert [sign(2.0, s) for s in (0.0, -0.0, 0.0)] == [2.0, -2.0, 2.0]
    table = mg.compile(lambda x, s: (x * s).sum(), static=["s"])
    assert [table(2.0, s * np.ones(2)) for s in (1, 2, 1)] == [4.0, 8.0, 4.0]
    with pytest.raises((TypeError, ValueError), match="typo"):
        mg.compile(lambda x: x, static=["typo"])


def test_gradients_reach_what_is_captured() -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    f = mg.compile(lambda x: w * x)
    (f(3.0) + w**2).backward()
    assert w.grad == 7.0
    assert mg.compile(mg.grad(lambda x: mg.compile(mg.sin)(x)))(0.0) == 1.0


def test_pairs_of_many() -> None:
    """Tables of pairs are cut into tiles, whose rows and columns come from one array."""
    x = np.linspace(-2, 2, 1000)
    f = mg.compile(lambda x: np.sum(np.exp(-((x[:, None] - np.sin(x)) ** 2))))
    assert f(x) == pytest.approx(np.exp(-((x[:, None] - np.sin(x)) ** 2)).sum(), rel=1e-12)

    def kernel(X: Any) -> Any:
        s = (X**2).sum(1)
        return np.exp(-0.5 * (s[:, None] + s - 2 * X @ X.T))

    points = np.random.default_rng(0).normal(size=(300, 3))
    np.testing.assert_allclose(mg.compile(kernel)(points), kernel(points), rtol=1e-12)
    g = mg.grad(lambda x: np.sum(x[:5] ** 2) + np.sum(np.exp(np.sin(x) * np.cos(x))))
    grid = np.random.default_rng(1).normal(size=(200, 300))
    want = np.exp(np.sin(grid) * np.cos(grid)) * np.cos(2 * grid)
    want[:5] += 2 * grid[:5]
    np.testing.assert_allclose(mg.compile(g)(grid), want, rtol=1e-10)


def test_long_doubles_and_large_constants() -> None:
    doubled = mg.compile(lambda x: x * np.longdouble(2))
    for x in (X, 3 * X):
        got = doubled(x)
        assert got.dtype == np.longdouble
        np.testing.assert_array_equal(got, 2 * x)
    assert "1.7e+308" in mg.trace(lambda x: x * 1.7e308, X / 9).source


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_of_nothing(mode: str) -> None:
    jacobian = mg.jacobian(lambda x: np.logaddexp(x, x), mode=mode)
    for f in (jacobian, mg.compile(jacobian)):
        assert f(np.ones((0, 2))).shape == (0, 2, 0, 2)


@pytest.mark.filterwarnings("error:the compiled")
@pytest.mark.parametrize("f", [lambda x: 1 / x, lambda x: 2 - x, lambda x: 3**x, lambda x: -x])
def test_casts_of_single_numbers_are_one_term(f: Any) -> None:
    compiled = mg.compile(lambda x: f(x.astype("f") if hasattr(x, "astype") else np.float32(x)))
    for x in (0.5, 2.0, 3.0):
        assert compiled(x) == f(np.float32(x))
