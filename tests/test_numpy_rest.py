"""What NumPy's functions take besides arrays: orders, masks, modes; and what writes is refused."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tables import each

M = np.arange(1.0, 13.0).reshape(3, 4)
W = np.random.default_rng(0).normal(size=12)


def gradient_by_matrix(f: Any, x: Any, w: Any) -> Any:
    """Of ``sum(w * f(x))`` for a linear ``f``: its values at the unit vectors."""
    units = np.eye(x.size).reshape(-1, *x.shape)
    return np.array([np.sum(w * f(u)) for u in units]).reshape(x.shape)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (4, 3), order="F"),
        lambda x: np.reshape(x, (2, -1), "F"),
        lambda x: np.reshape(x, -1, order="F"),
        lambda x: np.reshape(x, shape=(2, 3, 2), order="F"),
        lambda x: np.ravel(x, order="F"),
        lambda x: np.ravel(x, "C"),
        lambda x: x.reshape(4, 3, order="F"),
        lambda x: x.reshape((2, 6), order="F"),
        lambda x: x.flatten("F"),
        lambda x: x.ravel("F"),
    ],
)
def test_orders(f: Any) -> None:
    w = W.reshape(f(M).shape)
    np.testing.assert_array_equal(f(mg.Tensor(M)).data, f(M))
    np.testing.assert_allclose(mg.grad(lambda x: np.sum(w * f(x)))(M), gradient_by_matrix(f, M, w))
    _, tangent = mg.jvp(f, (M,), (M + 1,))
    np.testing.assert_array_equal(tangent, f(M + 1))
    np.testing.assert_array_equal(mg.trace(f, M)(M), f(M))
    np.testing.assert_array_equal(mg.compile(f)(M), f(M))


@pytest.mark.parametrize("order", ["A", "K"])
def test_orders_of_memory_are_refused(order: str) -> None:
    t = mg.Tensor(M)
    for f in (lambda: np.reshape(t, (4, 3), order=order), lambda: np.ravel(t, order)):
        with pytest.raises(TypeError, match=f"order='{order}' is not supported"):
            f()


POSITIVE = M - 6.5 > 0


@pytest.mark.parametrize(
    "f, slope",
    [
        (lambda x, m: np.log(x, where=m), lambda x: 1 / x),
        (lambda x, m: np.sqrt(x, where=m, out=None), lambda x: 0.5 / np.sqrt(x)),
        (lambda x, m: np.multiply(x, x, where=m), lambda x: 2 * x),
        (lambda x, m: np.add(x, 1.0, where=m), lambda x: np.ones_like(x)),
        (lambda x, m: np.divmod(x, 50.0, where=m)[1], lambda x: np.ones_like(x)),
    ],
)
def test_where_it_shall_be_computed(f: Any, slope: Any) -> None:
    x = M - 6.5  # half of them outside the domain of a logarithm
    safe = np.where(POSITIVE, x, 1.0)
    got = f(mg.Tensor(x, requires_grad=True), POSITIVE)
    np.testing.assert_array_equal(got.data, np.where(POSITIVE, f(safe, True), 0.0))
    np.testing.assert_allclose(
        mg.grad(lambda x: np.sum(f(x, POSITIVE)))(x), np.where(POSITIVE, slope(safe), 0.0)
    )


def test_where_broadcasts() -> None:
    rows = np.array([[True], [False], [True]])
    x = np.array([1.0, 2.0, 3.0])
    assert mg.grad(lambda x: np.sum(np.exp(x, where=rows)))(x).tolist() == (2 * np.exp(x)).tolist()
    assert float(np.exp(mg.Tensor(2.0), where=np.True_).data) == np.exp(2.0)
    assert float(np.exp(mg.Tensor(2.0), where=np.False_).data) == 0.0
    with pytest.raises(TypeError, match="out="):
        np.exp(mg.Tensor(x), where=rows, out=np.zeros((3, 3)))


@pytest.mark.parametrize(
    "write",
    [
        lambda t: np.copyto(np.zeros(3), t),
        lambda t: np.put(t, [0], [1.0]),
        lambda t: np.putmask(t, [True, False, False], 1.0),
        lambda t: np.place(t, [True, False, False], [1.0]),
        lambda t: np.put_along_axis(t, np.array([0]), 1.0, 0),
        lambda t: np.full_like(np.zeros(3), t[0]),
    ],
)
def test_what_writes_is_refused_with_the_remedy(write: Any) -> None:
    with pytest.raises(TypeError, match=r"writes into an array.*t\.at\[index\]\.set\(value\)"):
        write(mg.Tensor([1.0, 2.0, 3.0], requires_grad=True))


def test_full() -> None:
    assert mg.grad(lambda v: (mg.full((2, 3), v) * M[:2, :3]).sum())(2.0) == M[:2, :3].sum()
    np.testing.assert_array_equal(mg.full(2, mg.Tensor([1.0, 2.0])).data, [1.0, 2.0])
    assert mg.full(3, mg.Tensor(1.0), dtype=np.float32).dtype == np.float32
    assert type(mg.full(3, 1.0)) is np.ndarray


def test_view() -> None:
    z = np.array([[1 + 2j, 3 - 1j], [0.5j, 2.0]])
    t = mg.Tensor(z)
    np.testing.assert_array_equal(t.view(float).data, z.view(float))
    np.testing.assert_array_equal(t.view(float).view(complex).data, z)
    assert t.view() is t
    single = mg.Tensor(z.astype(np.complex64))
    assert single.view(np.float32).dtype == np.float32
    w = np.arange(1.0, 9.0).reshape(2, 4)
    gradient = mg.grad(lambda z: np.sum(z.view(float) * w))(z)
    np.testing.assert_array_equal(gradient, w[:, ::2] - 1j * w[:, 1::2])
    for words, f in {
        "cannot be viewed as float32": lambda: mg.Tensor(M).view(np.float32),
        "cannot be viewed as int64": lambda: mg.Tensor(M).view(int),
        "even last axis": lambda: mg.Tensor(M[:, :3]).view(complex),
        "no axis": lambda: mg.Tensor(1.0).view(complex),
    }.items():
        with pytest.raises((TypeError, ValueError), match=words):
            f()


@pytest.mark.parametrize("dtype, tiny", [("f2", 1e-4), ("f4", 1e-23), ("f8", 1e-200)])
def test_angles_of_tiny_numbers(dtype: str, tiny: float) -> None:
    t = np.dtype(dtype).type(tiny)
    dy, dx = mg.grad(np.arctan2, (0, 1))(t, t)
    assert float(dy) == pytest.approx(0.5 / tiny, rel=2e-2 if dtype == "f2" else 1e-5)
    assert dx == -dy and dy.dtype == np.dtype(dtype)


def test_many_halves() -> None:
    x = np.random.default_rng(1).normal(size=70_000).astype(np.float16)
    for f in (np.mean, np.average, np.nanmean):
        g = mg.grad(lambda x, f=f: f(x).astype(float))(x)
        np.testing.assert_allclose(g.astype(float), 1 / 70_000, rtol=0.01)
    with np.errstate(over="ignore"):  # the sum of squares, in NumPy too
        g = mg.grad(lambda x: np.var(x).astype(float))(x)
    exact = 2 * (x.astype(float) - x.astype(float).mean()) / 70_000
    np.testing.assert_allclose(g.astype(float), exact, atol=2e-7)


def test_rows_without_elements() -> None:
    mask = np.array([[True, False], [False, False]])

    def loss(x: Any, f: Any) -> Any:
        return np.sum(np.where([True, False], f(x, axis=1, where=mask), 0.0))

    for f in (np.mean, np.var, np.std):
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
            g = mg.grad(loss)(np.array([[1.0, 5.0], [2.0, 3.0]]), f)
        np.testing.assert_array_equal(g, [[float(f is np.mean), 0.0], [0.0, 0.0]])


def test_second_derivatives_of_running_log_sums() -> None:
    x = np.array([-900.0, -800.0, 0.0])
    H = mg.hessian(lambda x: np.logaddexp.accumulate(x)[1])(x)
    p = np.exp(-100.0)
    np.testing.assert_allclose(H[:2, :2], p * np.array([[1.0, -1.0], [-1.0, 1.0]]), rtol=1e-12)


@pytest.mark.parametrize("name", ["nanmedian", "nanquantile", "nanpercentile", "nanmax", "nanstd"])
def test_small_floats_stay_small(name: str) -> None:
    f = getattr(np, name)
    more = (0.25,) if "ile" in name else ()
    for dtype in (np.float16, np.float32):
        x = np.array([1.0, np.nan, 3.0, 2.0], dtype)
        assert f(mg.Tensor(x), *more).dtype == f(x, *more).dtype == dtype


@each("u, v", [([1, 3, 2], [1, 1]), ([1, 2, 1], [2]), ([1, 0, 0, 5], [1, 0]), ([2, 4], [1, 2])])
def test_what_a_division_of_polynomials_leaves(u: Any, v: Any) -> None:
    for got, expected in zip(np.polydiv(mg.Tensor(u), v), np.polydiv(u, v), strict=True):
        np.testing.assert_allclose(got.data, expected, rtol=1e-15, strict=True)


@pytest.mark.parametrize("name, end", [("nanmax", 3.0), ("nanmin", 1.0)])
def test_extremes_of_what_is_no_nan_and_asked_for(name: str, end: float) -> None:
    f, x = getattr(np, name), mg.Tensor([1.0, np.nan, 3.0, 4 - 4 * end / 3])
    assert f(x, where=[True, True, True, False]).item() == end
    with pytest.raises(ValueError, match="no identity"):
        f(mg.Tensor(np.zeros(0)))


def test_a_median_of_truth_values_and_pieces_of_another_dtype() -> None:
    on = np.array([True, False, True, True])
    for median in (np.median, np.nanmedian):
        np.testing.assert_array_equal(median(mg.Tensor(on[:2])), median(on[:2] * 1.0))
    x, pieces = np.array([1, 2, 3], np.float32), [lambda v: v * np.float64(0.1), 2]
    f = lambda x: np.piecewise(x, [x > 1, x <= 1], pieces)
    np.testing.assert_array_equal(f(mg.Tensor(x)), f(x), strict=True)


@pytest.mark.parametrize("name", ["iscomplex", "isreal", "iscomplexobj", "isrealobj"])
def test_what_is_complex(name: str) -> None:
    f = getattr(np, name)
    for x in (np.array([1 + 1j, 2.0]), np.ones(2)):
        np.testing.assert_array_equal(f(mg.Tensor(x)), f(x))


def test_functions_that_were_meant_otherwise() -> None:
    with pytest.raises(TypeError, match=r"the derivative of a function is mg\.grad"):
        mg.gradient(lambda x: x)
    t = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"nextafter.*no derivative exists"):
        np.nextafter(t, 2.0)
    assert np.nextafter(t.detach(), 2.0).data == np.nextafter(1.0, 2.0)


def test_an_op_has_a_name_of_its_own() -> None:
    rules = [lambda g, ans, x: g * ans]
    with pytest.raises(ValueError, match=r"defop 'exp': the library has.*replace=True"):
        mg.defop("exp", np.exp, rules)
    own = mg.defop("exp", lambda x: np.exp(x) + 1, rules, replace=True)
    assert float(own(0.0)) == 2.0 and float(np.exp(mg.Tensor(0.0)).data) == 1.0


def test_nested_without_end() -> None:
    deep: Any = 1.0
    for _ in range(20_000):
        deep = [deep]
    endless: dict[str, Any] = {}
    endless["again"] = endless
    for tree in (deep, endless):
        with pytest.raises(ValueError, match="contain themselves, or are nested too deeply"):
            mg.grad(lambda t: 0.0)(tree)


def test_holomorphic_jacobian() -> None:
    z = np.array([1j, 2.0 - 1j])
    f = lambda z: np.stack([z[0] * z[1], z[0] ** 2, np.exp(z[1])])
    exact = np.array([[z[1], z[0]], [2 * z[0], 0], [0, np.exp(z[1])]])
    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(mg.jacobian(f, mode=mode, holomorphic=True)(z), exact)
    with pytest.raises(TypeError, match="for complex arguments only"):
        mg.jacobian(f, holomorphic=True)(z.real)
    with pytest.raises(TypeError, match="holomorphic=True where the two are one"):
        mg.jacobian(f)(z)


def test_rounding_inside_is_inconclusive() -> None:
    rounded = lambda x: np.sum(np.sin(x.astype(np.float32)).astype(float))
    assert mg.gradcheck(rounded, np.array([0.3, 0.4])).verdict == "inconclusive"
    wrong = mg.defop("off", np.sin, [lambda g, ans, x: g * np.cos(x) * 1.5])
    rounded_wrong = lambda x: np.sum(wrong(x.astype(np.float32)).astype(float))
    assert mg.gradcheck(rounded_wrong, np.array([0.3, 0.4])).verdict == "wrong"


@pytest.mark.parametrize("name", ["quantile", "nanquantile", "percentile", "nanpercentile"])
@pytest.mark.parametrize("method", ["lower", "inverted_cdf", "averaged_inverted_cdf", "linear"])
def test_quantiles_have_the_dtypes_of_numpys(name: str, method: str) -> None:
    f = getattr(np, name)
    for dtype in ("u1", "i8", "f2", "f4", "f8"):
        x = np.array([[3, 1, 2, 9], [4, 0, 7, 7]]).astype(dtype)
        for options in ({}, {"axis": 1, "keepdims": True}):
            want = f(x, 0.5, method=method, **options)
            got = f(mg.Tensor(x), 0.5, method=method, **options)
            got = getattr(got, "data", got)
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype


@pytest.mark.sampled(7)
@pytest.mark.parametrize("name", ["nanmedian", "nanquantile", "nanpercentile"])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("dtype", [float, np.float32, np.int64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_quantiles_of_no_elements_are_nan(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    x = np.zeros(shape, dtype)
    f = functools.partial(getattr(np, name), **{} if name == "nanmedian" else {"q": 0.5})
    for axis, keepdims in itertools.product((None, *range(len(shape))), (False, True)):
        g = functools.partial(f, axis=axis, keepdims=keepdims)
        for ours in (g(mg.Tensor(x)).data, mg.compile(g)(x)):
            np.testing.assert_array_equal(ours, g(x), strict=True)
    if dtype is float:
        assert mg.grad(lambda x: np.nansum(f(x, axis=0)))(x).shape == shape


def test_constants_around_a_single_number() -> None:
    for constants in (1.0, (1, 2)):
        assert mg.pad(mg.Tensor(3.0), 0, constant_values=constants).item() == 3
    for constants in (((1, 2), (3, 4)), (1, 2, 3)):
        with pytest.raises(ValueError, match="do not go with a single number"):
            mg.pad(mg.Tensor(3.0), 0, constant_values=constants)
