"""Dtypes are NumPy's, also where it makes arrays of Python's numbers first."""

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES

x = np.float32([1.5, 0.25, 3.0])
CALLS: dict[str, Callable[[Any], Any]] = {
    "dot": lambda v: np.dot(v, 2.0),
    "dot of a number": lambda v: np.dot(v[0], 2),
    "dot, reflected": lambda v: np.dot(2.0, v),
    "inner": lambda v: np.inner(v, 2.0),
    "multiply": lambda v: np.multiply(v, 2.0),
    "gradient": lambda v: np.gradient(v, [0.0, 1.0, 3.0]),
    "ediff1d": lambda v: np.ediff1d(v, to_end=2.0, to_begin=[1.0]),
    "intersect1d": lambda v: np.intersect1d(v, [3.0, 1.5]),
}


@pytest.mark.parametrize("name", CALLS)
def test_dtypes_are_numpys(name: str) -> None:
    f = CALLS[name]
    expected = f(x)
    t = mg.Tensor(x, requires_grad=True)
    found = f(t)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, 1e-6)
    assert mg.gradients(found.sum(), t).dtype == np.float32
    if name != "intersect1d":  # its shape depends on values
        compiled = mg.compile(f)
        for _ in range(2):
            assert np.asarray(compiled(x)).dtype == expected.dtype


@pytest.mark.parametrize("mode", ["constant", "edge", "median", "maximum", "linear_ramp", "wrap"])
@pytest.mark.parametrize("x", [np.array(3), np.array(True), np.array(2.5)])
def test_a_single_number_has_no_ends_to_pad(mode, x):
    expected = np.pad(x, 1, mode=mode)
    for got in (
        mg.pad(mg.Tensor(x), 1, mode=mode),
        mg.compile(lambda x: mg.pad(x, 1, mode=mode))(x),
    ):
        assert np.asarray(got) == expected
        assert np.asarray(got).dtype == expected.dtype


# --- every sample in every dtype ---------------------------------------------------------

DTYPES = ("float16", "float32", "int8", "int16", "int64", "uint8", "bool", "complex64")
OTHERWISE = {
    ("clip", "bool"): "bounds that are whole numbers make whole numbers",
    ("histogram", "bool"): "counts are whole numbers",
    ("hypot", "int8"): "a Python float given as initial= counts as one",
    ("hypot", "int16"): "likewise",
    ("hypot", "uint8"): "likewise",
    ("hypot", "bool"): "likewise",
    ("pad", "int8"): "a recorded number of another kind is not rounded",
    ("pad", "int16"): "likewise",
    ("pad", "int64"): "likewise",
    ("pad", "uint8"): "likewise",
    ("pad", "bool"): "likewise",
}
"""Op and dtype -> why the answer has another one than NumPy's."""


def cast(a: Any, dtype: str) -> Any:
    """``a`` as numbers of another kind, not all the same."""
    kind = np.dtype(dtype).kind
    if not isinstance(a, np.ndarray | np.floating | float) or np.asarray(a).dtype.kind != "f":
        return a
    a = np.asarray(a)
    if kind == "c":
        a = a + 0.5j * np.roll(a, 1)
    elif kind == "b":
        a = a > 0
    elif kind in "iu":
        a = np.round(np.abs(a) * 3) if kind == "u" else np.round(a * 3)
    return a.astype(dtype)[()]


def kinds(f: Callable[..., Any], args: list[Any]) -> list[np.dtype[Any]] | None:
    """The dtypes of what ``f`` returns; None where it refuses."""
    try:
        found = f(*args)
    except Exception:
        return None
    parts = found if isinstance(found, list | tuple) else [found]
    if not all(isinstance(p, mg.Tensor | np.ndarray | np.generic) for p in parts):
        return None
    return [p.dtype for p in parts]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_sample_has_numpys_dtype_or_is_refused(dtype: str) -> None:
    wrong = set()
    for s in SAMPLES:
        args = [cast(a, dtype) for a in s.args]
        expected = kinds(s.f, args)
        if expected is None:
            continue
        for recorded in (False, True):
            tensors = [
                mg.Tensor(a, requires_grad=recorded and a.dtype.kind in "fc")
                if isinstance(a, np.ndarray | np.generic)
                else a
                for a in args
            ]
            found = kinds(s.f, tensors)
            if found is not None and found != expected and (s.op, dtype) not in OTHERWISE:
                wrong.add((s.op, s.id, str(expected), str(found)))
    assert not wrong


def test_narrow_whole_numbers_do_not_wrap_around() -> None:
    x, at = np.float64([1.0, 2.0, 4.0]), np.uint8([5, 2, 1])
    np.testing.assert_allclose(mg.gradient(mg.Tensor(x), at).data, np.gradient(x, at))
    low = np.uint8([1, 2, 3])
    found = np.logaddexp.reduce(mg.Tensor(low))
    np.testing.assert_allclose(found.data, np.logaddexp.reduce(low), 1e-3)
    for method in ("inverted_cdf", "lower", "nearest"):
        assert np.quantile(mg.Tensor(low), 0.3, method=method).dtype == np.uint8


@pytest.mark.parametrize(
    "ufunc",
    [np.logaddexp2, np.hypot, np.arctan2, np.divide, np.subtract, np.fmax, np.power, np.fmod],
)
@pytest.mark.parametrize("kind", ["?", "u1", "i2", "f2", "f4", "f8"])
def test_reductions_have_the_dtype_of_numpys(ufunc: Any, kind: str) -> None:
    """Also from a start, which has none of its own, and of no slice at all."""
    X = np.array([[1, 0, 2], [0, 0, 1]]).astype(kind)
    calls = [
        lambda x: ufunc.reduce(x, axis=0),
        lambda x: ufunc.reduce(x, axis=0, initial=1.0, keepdims=True),
        lambda x: ufunc.accumulate(x, axis=0),
    ]
    for call, x in itertools.product(calls, [X, X[:1], X[:0]]):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                want = call(x)
            except (TypeError, ValueError):  # NumPy has no such loop, or nothing to start from
                continue
            got = np.asarray(call(mg.Tensor(x)))
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=3e-3 if kind in ("?", "u1", "f2") else 1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("weights", [{"fweights": [1, 2, 1]}, {"aweights": [0.1, 0.7, 1.3]}])
def test_weights_of_covariances(kind: Any, weights: dict[str, Any]) -> None:
    given = {k: np.asarray(v, np.float32 if k == "aweights" else int) for k, v in weights.items()}
    x = np.array([[1, 2, 4], [3, 1, 5]]).astype(kind)
    expected = np.cov(x, **given)
    found = mg.cov(mg.Tensor(x), **given)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_log_sum_of_nothing_has_the_dtype_of_what_is_not_there(dtype: Any) -> None:
    x = np.zeros((0, 3), dtype)
    with np.errstate(divide="ignore"):
        expected = np.logaddexp.reduce(x)
    got = np.logaddexp.reduce(mg.Tensor(x)).data
    assert got.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
def test_what_is_put_into_an_array_takes_its_dtype(kind: str) -> None:
    x = np.ones(3, kind)
    for put in (
        lambda v: mg.insert(x, 1, v),
        lambda v: mg.pad(x, 1, constant_values=v),
        lambda v: mg.pad(x, 1, "linear_ramp", end_values=v),
    ):
        got, expected = put(mg.Tensor(2.5, requires_grad=True)).data, np.asarray(put(2.5))
        assert got.dtype == expected.dtype == kind
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("other", [10, 2.5, np.float64(2), np.arange(3, dtype=np.int8)])
def test_choices_of_python_take_the_precision_of_the_others(other: Any) -> None:
    """Between several conditions, too; NumPy says which dtype."""
    mask = np.array([True, False, True])
    for x in (np.float32(0.5), np.ones(3, np.float16)):
        expected = np.select([mask, ~mask], [x, other])
        given = mg.select([mask, ~mask], [mg.Tensor(x), other])
        assert given.dtype == expected.dtype
        np.testing.assert_array_equal(given.numpy(), expected)


@pytest.mark.parametrize("bound", [True, False, 1, 5, -3, 0.5, np.array([True, False])])
def test_one_bound_of_truth_values(bound: Any) -> None:
    """They stay such between such; NumPy says what else they become."""
    x = np.array([True, False])
    for lo, hi in ((None, bound), (bound, None)):
        expected = np.clip(x, lo, hi)
        for given in (mg.clip(mg.Tensor(x), lo, hi), mg.compile(lambda x: np.clip(x, lo, hi))(x)):  # noqa: B023
            assert given.dtype == expected.dtype
            np.testing.assert_array_equal(np.array(given), expected)


@pytest.mark.parametrize("number", [1, 0.5, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "bool"])
def test_numbers_of_python_joined_to_arrays(number: Any, dtype: str) -> None:
    """Without an axis they take the precision of the arrays; NumPy says which dtype."""
    x = np.ones((2, 2), dtype)
    for f in (lambda x: np.concatenate([number, x], axis=None), lambda x: np.append(x, number)):
        expected = f(x)
        for given in (f(mg.Tensor(x)), mg.compile(f)(x)):
            assert given.dtype == expected.dtype
            np.testing.assert_array_equal(np.array(given), expected)
