"""Values and gradients where functions are at their ends: by closed forms, and NumPy's values."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES, Sample

INF, NAN = np.inf, np.nan
FEW = [s for s in SAMPLES if int(s.id.split("-")[1]) < 3]
EDGES = np.array([0.0, -0.0, INF, -INF, NAN, 1e300, -1e300, 1e-300, 5e-324, 1.0, -1.0])


def outputs(y: Any) -> list[Any]:
    return list(y) if isinstance(y, tuple | list) else [y]


def same(got: Any, expected: Any) -> None:
    for t, e in zip(outputs(got), outputs(expected), strict=True):
        t = t.data if isinstance(t, mg.Tensor) else t
        assert np.shape(t) == np.shape(e) and np.asarray(t).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(t, e, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.bool_, np.float16])
@pytest.mark.parametrize("s", FEW, ids=lambda s: s.id)
def test_other_kinds_of_numbers(s: Sample, kind: Any) -> None:
    if s.op == "histogram" and kind is np.bool_:
        return  # whose weights NumPy adds up to True
    args = [np.asarray(np.rint(a)).astype(kind)[()] for a in s.args]
    with np.errstate(all="ignore"):
        try:
            expected = s.f(*args)
        except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
            return  # NumPy has no answer either
        except np.exceptions.RankWarning:
            return  # nor one that is determined
        got = s.f(*[mg.Tensor(a) for a in args])
    if kind is not np.float16:
        same(got, expected)
    else:
        assert [np.shape(t) for t in outputs(got)] == [np.shape(e) for e in outputs(expected)]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", sorted({s.op for s in SAMPLES if s.id.endswith("-(3,)")}))
def test_values_at_the_edges(name: str) -> None:
    """NumPy's values of infinities, NaN, huge and tiny numbers."""
    s = next(s for s in SAMPLES if s.op == name and s.id.endswith("-(3,)"))
    if len(s.args) > 1 or name == "nanmedian":  # between -inf and a number it is NaN
        return
    with np.errstate(all="ignore"):
        for k in range(len(EDGES)):
            x = np.roll(EDGES, k)[:3]
            try:
                expected = s.f(x)
            except np.linalg.LinAlgError as error:
                with pytest.raises(np.linalg.LinAlgError, match=str(error)):
                    s.f(mg.Tensor(x))
                continue
            same(s.f(mg.Tensor(x)), expected)


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.parametrize(
    "f, x",
    [
        (lambda x: np.linalg.norm(x, 0), np.array([1.0, NAN, 0.0])),
        (np.linalg.cond, np.zeros((2, 2))),
        (lambda x: np.nanvar(x, 1, ddof=1), np.array([[1.0, NAN], [1.0, 3.0]])),
        (lambda y: np.interp([1, 1.5, 2, 2.5, 3], [1, 2, 3], y), np.array([1.0, INF, -INF])),
        (lambda y: np.interp([1, 1.5, 2, 2.5, 3], [1, 2, 3], y), np.array([-INF, 3.0, INF])),
        (lambda y: np.interp([1, 1.5, 2, 2.5, 3], [1, 2, 3], y), np.array([INF, INF, NAN])),
        (lambda p: np.unwrap(p, period=255), np.array([1, 128, 257])),
        (lambda p: np.unwrap(p, period=4), np.array([0, 3, 5, 7])),
        (lambda x: np.cov(x, dtype=np.float16), np.eye(2)),
        (lambda x: np.linalg.svd(x, hermitian=True), np.diag([1.0, 0.0])),
        (lambda x: np.linspace(x, 3.0, 1, retstep=True), np.array([1.0, 2.0])),
        (lambda x: np.linalg.cond(x, -2), np.array([np.zeros((2, 2)), np.diag([1.0, 2.0])])),
    ],
)
def test_values_of_nothing(f: Any, x: Any) -> None:
    with np.errstate(all="ignore"):
        same(f(mg.Tensor(x)), f(x))
        same(mg.compile(f)(x), f(x))


KINKS: list[Any] = [
    ("hardtanh", (-1, 0), (1, 0)),
    ("relu6", (0, 0), (6, 0)),
    ("hardsigmoid", (-3, 0), (3, 0)),
    ("hardswish", (-3, 0), (3, 1)),
    ("softshrink", (-0.5, 0), (0.5, 0)),
    ("hardshrink", (-0.5, 0), (0.5, 0)),
    ("celu", (0, 1)),
    ("selu", (0, 1.7580993408473766)),
    ("softsign", (0, 1)),
    ("tanhshrink", (0, 0)),
]
"""Slopes of activations where they jump, as PyTorch 2 gives them."""
GRADIENTS: list[Any] = [
    # function, point, gradient of the sum: closed forms
    (lambda x: mg.logaddexp(x, 1.0), INF, 1.0),
    (lambda x: mg.logaddexp(x, INF), 1.0, 0.0),
    (lambda x: mg.logaddexp(x, 1.0), -INF, 0.0),
    (lambda x: mg.logaddexp(x, -INF), 1.0, 1.0),
    (lambda x: mg.logaddexp(1.0, x), INF, 1.0),
    (lambda x: mg.logaddexp(-INF, x), 2.0, 1.0),
    (lambda x: mg.logaddexp2(x, 1.0), INF, 1.0),
    (lambda x: mg.logaddexp(x, 1e300), 1.0, 0.0),
    (lambda p: 0.0**p, 0.0, 0.0),
    (lambda p: 0.0**p, 2.0, 0.0),
    (lambda p: np.array([0.0, 2.0]) ** p, 0.0, np.log(2.0)),
    (lambda x: x**0, 0.0, 0.0),
    (lambda x: x ** np.array([0.0, 1.0, 2.0]), 0.0, 1.0),
    (lambda lo: mg.clip(0.5, lo, 0.2), 0.7, 0.0),  # bounds crossed: the upper one wins
    (lambda hi: mg.clip(0.5, 0.7, hi), 0.2, 1.0),
    (lambda hi: mg.clip(0.1, 0.7, hi), 0.2, 1.0),
    (lambda hi: mg.clip(0.9, 0.7, hi), 0.2, 1.0),
    (lambda lo: mg.clip(0.1, lo, 0.2), 0.7, 0.0),
    (lambda a: mg.clip(a, 0.7, 0.2), 0.5, 0.0),
    (lambda lo: mg.clip(0.5, lo, 0.9), 0.7, 1.0),
    (lambda hi: mg.clip(0.5, 0.1, hi), 0.2, 1.0),
    *[(getattr(mg.nn.functional, name), float(x), slope) for name, *at in KINKS for x, slope in at],
    (lambda x: mg.minimum(x, 2.0), 2.0, 0.5),
    (lambda x: mg.minimum(2.0, x), 2.0, 0.5),
    (lambda x: mg.minimum(x, 2.0), 1.0, 1.0),
    (lambda x: mg.minimum(x, 2.0), 3.0, 0.0),
    (lambda x: mg.maximum(x, 2.0), 3.0, 1.0),
    (lambda x: mg.fmin(x, NAN), 3.0, 1.0),
    (lambda x: mg.fmax(NAN, x), 3.0, 1.0),
    (lambda x: mg.softplus(x), 1e300, 1.0),
    (lambda x: mg.sigmoid(x), -1e300, 0.0),
    (lambda x: mg.log_sigmoid(x), -1e300, 1.0),
    (lambda x: mg.erf(x), 1e300, 0.0),
    (lambda x: mg.hypot(x, 0.0), 0.0, 0.0),
    (lambda x: mg.cumprod(x), 3.0, 1.0),
    (lambda x: mg.cumprod(x, axis=0), 3.0, 1.0),
    (lambda x: mg.cumsum(x), 3.0, 1.0),
    (lambda x: mg.sum(mg.cumsum(x, axis=0)), 3.0, 1.0),
    (lambda x: mg.nan_to_num(x), NAN, 0.0),
    (lambda x: mg.where(True, x, NAN), 3.0, 1.0),
]


@pytest.mark.parametrize("f, x, expected", GRADIENTS, ids=range(len(GRADIENTS)))
def test_gradients_at_the_edges(f: Any, x: float, expected: float) -> None:
    with np.errstate(all="ignore"):
        got = mg.grad(lambda x: mg.sum(f(x)))(x)
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("x", [1e-9, 1e-4, 0.01, 0.1, 0.2, 0.249, 0.251, 0.3, 1.0, 1.4])
def test_slope_of_sinc(x: float) -> None:
    """``sinc'(x) = -π² x/3 + π⁴ x³/30 - ...``, in many terms, from both signs."""
    from math import factorial, pi

    series = sum(
        (-1) ** k * 2 * k * pi ** (2 * k) * x ** (2 * k - 1) / factorial(2 * k + 1)
        for k in range(1, 40)
    )
    for sign in (1, -1):
        slope = float(mg.grad(np.sinc)(sign * x))
        assert abs(slope - sign * series) <= 1e-13 * max(abs(series), 1e-2 * abs(x))


@pytest.mark.parametrize("f, start", [(np.max, -9.0), (np.min, 9.0)])
def test_extremes_of_a_part(f: Any, start: float) -> None:
    """What is masked away gets nothing, even where it equals the extreme."""
    sign = -1 if f is np.min else 1
    x = sign * np.array([[3.0, 5.0, 3.0], [7.0, 7.0, 1.0]])
    mask = np.array([[True, False, True], [True, False, True]])
    got = mg.grad(lambda x: f(x, axis=1, where=mask, initial=start).sum())(x)
    np.testing.assert_array_equal(got, [[0.5, 0, 0.5], [1, 0, 0]])


def test_vector_at_a_stack_of_stacks() -> None:
    v, a = np.array([1.0, -2.0]), np.arange(24.0).reshape(3, 2, 2, 2)
    w = np.cos(np.arange(12.0)).reshape(3, 2, 2)
    got = mg.grad(lambda v: mg.sum((v @ a) * w))(v)
    np.testing.assert_allclose(got, np.einsum("abij,abj->i", a, w), rtol=1e-13)
    got = mg.grad(lambda a: mg.sum((v @ a) * w))(a)
    np.testing.assert_allclose(got, np.einsum("i,abj->abij", v, w), rtol=1e-13)
    got = mg.grad(lambda v: mg.sum((a @ v) * w))(v)
    np.testing.assert_allclose(got, np.einsum("abij,abi->j", a, w), rtol=1e-13)


@pytest.mark.parametrize("ddof", [3, 4, 3.5])
def test_variance_without_freedom(ddof: float) -> None:
    """More degrees of freedom taken than there are: inf or NaN, as NumPy has it, never < 0."""
    x = np.array([1.0, 2.0, 4.0])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        expected = np.var(x, ddof=ddof)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(mg.var(mg.Tensor(x), ddof=ddof).data, expected)
        np.testing.assert_array_equal(mg.var(mg.Tensor(x[:1]), ddof=1).data, NAN)


def test_tangent_of_an_output_that_is_not_used() -> None:
    def f(a: Any) -> Any:
        return mg.linalg.slogdet(a).logabsdet

    a, t = np.diag([2.0, 5.0]), np.array([[1.0, 0.3], [0.2, -1.0]])
    value, tangent = mg.jvp(f, (a,), (t,))
    np.testing.assert_allclose([value, tangent], [np.log(10.0), 0.5 - 0.2], rtol=1e-14)
    value, tangent = mg.jvp(lambda a: mg.linalg.slogdet(a), (a,), (t,))
    np.testing.assert_allclose(tangent[1], 0.3, rtol=1e-14)
    np.testing.assert_array_equal(tangent[0], 0.0)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 37])
def test_running_products_without_one_factor(n: int) -> None:
    """By the formula: Σ_i w_i Π_{j≤i, j≠k} x_j, zeros among them."""
    rng = np.random.default_rng(n)
    x, w = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    x[rng.random((n, 2)) < 0.1] = 0
    expected = np.empty_like(x)
    for k in range(n):
        others = x.copy()
        others[k] = 1
        expected[k] = (w * np.cumprod(others, 0))[k:].sum(0)
    given = mg.grad(lambda x: (np.cumprod(x, 0) * w).sum())(x)
    np.testing.assert_allclose(given, expected, rtol=1e-10, atol=1e-14)


def test_running_products_that_overflow_later() -> None:
    """Factors before are told nothing of it, where nobody asks for what overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        given = mg.grad(lambda x: np.cumprod(x)[:3].sum())(np.full(1000, 10.0))
    np.testing.assert_array_equal(given[:300], [111.0, 110.0, 100.0, *[0.0] * 297])


@pytest.mark.parametrize("z", [1 + 2j, 1 + 1e-16j, np.complex64(2 + 1e-9j)])
def test_numbers_of_pythons_are_real_if_close(z: complex) -> None:
    mine, theirs = mg.real_if_close(z), np.real_if_close(z)
    assert mine == theirs and np.iscomplexobj(mine) == np.iscomplexobj(theirs)


@pytest.mark.parametrize("p", [None, 2, -2])
def test_condition_of_nothing_is_told_in_silence(p: Any) -> None:
    x = np.zeros((2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.linalg.cond(x, p) == mg.linalg.cond(mg.Tensor(x), p).item() == np.inf
        assert mg.compile(lambda a: np.linalg.cond(a, p))(x) == np.inf
