"""Lengths at 0, and of numbers whose squares are none: norms, deviations, magnitudes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

LENGTHS: dict[str, Any] = {
    "norm": np.linalg.norm,
    "vector_norm": np.linalg.vector_norm,
    "frobenius": lambda x: np.linalg.norm(x[None]),
    "matrix_norm": lambda x: np.linalg.matrix_norm(x[:, None]),
    "hypot": lambda x: np.hypot(x[0], x[1]),
    "complex": lambda x: np.abs(x[0] + 1j * x[1]),
}
EVEN: dict[str, Any] = {
    "r ** 2": lambda r: r**2,
    "r * r": lambda r: r * r,
    "square": np.square,
    "2 cosh": lambda r: 2 * np.cosh(r),
    "log1p": lambda r: np.log1p(r**2),
    "exp": lambda r: -np.exp(-(r**2)),
    "huber": lambda r: np.where(r < 1, r**2, 2 * r - 1),
    "r ** 2 + r ** 4": lambda r: r**2 + r**4,
}


@pytest.mark.parametrize("even", EVEN.values(), ids=EVEN)
@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.filterwarnings("error")
def test_second_derivative_of_an_even_function_of_a_length_at_zero(length: Any, even: Any) -> None:
    def f(x: Any) -> Any:
        return even(length(x))

    x = np.zeros(2)
    np.testing.assert_array_equal(mg.grad(f)(x), [0, 0])
    np.testing.assert_allclose(mg.hessian(f)(x), 2 * np.eye(2), atol=1e-12)
    np.testing.assert_allclose(mg.hvp(f, x, np.array([1.0, 3.0])), [2, 6], atol=1e-12)
    reverse = mg.jacobian(mg.grad(f), mode="reverse")
    np.testing.assert_allclose(reverse(x), 2 * np.eye(2), atol=1e-12)


def test_second_derivative_of_the_square_of_a_deviation_is_that_of_the_variance() -> None:
    x = np.ones((2, 3))
    options: dict[str, Any]
    for options in ({}, {"axis": 1}, {"ddof": 1, "axis": 0}, {"keepdims": True}, {"mean": x}):
        got = mg.hessian(lambda x, o=options: np.sum(np.std(x, **o) ** 2))(x)
        want = mg.hessian(lambda x, o=options: np.sum(np.var(x, **o)))(x)
        np.testing.assert_allclose(got, want, atol=1e-12)
    where = np.array([[True, True, False], [True, True, True]])
    got = mg.hessian(lambda x: np.sum(np.std(x, axis=1, where=where) ** 2))(np.ones((2, 3)))
    want = mg.hessian(lambda x: np.sum(np.var(x, axis=1, where=where)))(np.ones((2, 3)))
    np.testing.assert_allclose(got, want, atol=1e-12)
    got = mg.hessian(lambda x: np.nanstd(x) ** 2)(np.array([1.0, 1.0]))
    np.testing.assert_allclose(got, [[0.5, -0.5], [-0.5, 0.5]], atol=1e-12)


def test_rows_of_zeros_among_others() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    got = mg.hessian(lambda x: np.sum(np.linalg.norm(x, axis=1) ** 2))(x)
    np.testing.assert_allclose(got.reshape(6, 6), 2 * np.eye(6), atol=1e-12)


def test_lengths_that_are_mixed_are_told_apart() -> None:
    """Of (r₁ + 2 r₂)² the second derivative along one axis is that of r₁² or of 4 r₂²."""
    got = mg.hessian(lambda x: (np.abs(x[0]) + 2 * np.abs(x[1])) ** 2)(np.zeros(2))
    np.testing.assert_allclose(np.diag(got), [2, 8])


@pytest.mark.parametrize("x", [0.0, 0.7, -0.7])
def test_a_magnitude_squared(x: float) -> None:
    for f in (abs, np.abs, np.fabs):
        assert mg.grad(mg.grad(lambda x, f=f: f(x) ** 2))(x) == 2
        assert mg.grad(mg.grad(mg.grad(lambda x, f=f: f(x) ** 2 * x)))(x) == pytest.approx(6)


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-170, 1e-160, 1.0, 1e160, 1e170, 1e200])
def test_slopes_of_lengths_do_not_depend_on_the_unit(scale: float) -> None:
    x = np.array([3.0, 4.0])
    with np.errstate(all="ignore"):
        for f in LENGTHS.values():
            value, slope = mg.value_and_grad(f)(x * scale)
            np.testing.assert_equal(value, f(x * scale))
            exact = x * scale / np.longdouble(scale)
            np.testing.assert_allclose(slope, (exact / np.hypot(*exact)).astype(float), rtol=1e-12)
        for p in (1.5, 3, 7):
            slope = mg.grad(lambda x, p=p: np.linalg.norm(x, p))(x * scale)
            want = mg.grad(lambda x, p=p: np.linalg.norm(x, p))(x)
            np.testing.assert_allclose(slope, want, rtol=1e-3 if scale < 1e-310 else 1e-12)
        assert np.linalg.norm(mg.Tensor(x * scale)).item() == np.linalg.norm(x * scale)
    with np.errstate(all="ignore"):
        slope = mg.grad(np.std)(x * scale)
    if not 1e-200 < scale < 1e-158:  # where the variance is subnormal, so is what it is worth
        np.testing.assert_allclose(slope, [-0.5, 0.5], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_slopes_of_short_and_long_vectors_in_small_dtypes(dtype: str) -> None:
    info = np.finfo(dtype)
    for scale in (float(info.tiny), float(info.max) / 8):
        x = (np.array([3.0, 4.0]) * scale).astype(dtype)
        with np.errstate(all="ignore"):
            slope = mg.grad(np.linalg.norm)(x)
        assert slope.dtype == dtype
        np.testing.assert_allclose(slope, [0.6, 0.8], rtol=4 * float(info.eps))


def test_infinite_elements_have_the_gradient_that_numpy_would_give() -> None:
    with np.errstate(all="ignore"):
        slope = mg.grad(np.linalg.norm)(np.array([np.inf, 1.0]))
        nan = mg.grad(np.linalg.norm)(np.array([np.nan, 1.0]))
    assert np.isnan(slope[0]) and slope[1] == 0 and np.isnan(nan).all()


EVEN = {
    "norm": lambda x: np.linalg.norm(x) ** 2 + np.linalg.norm(x) ** 4,
    "cosh": lambda x: np.cosh(np.linalg.norm(x)),
    "hypot": lambda x: np.sum(np.hypot(x, x[::-1]) ** 2),
    "abs": lambda x: np.sum(np.abs(x) ** 2),
    "sum of abs": lambda x: np.sum(np.abs(x)) ** 2,
}
SECOND = {
    "hessian": mg.hessian,
    "reverse": lambda f: mg.jacobian(mg.grad(f), mode="reverse"),
    "forward": lambda f: mg.jacobian(mg.grad(f), mode="forward"),
    "gradients": lambda f: mg.grad(
        lambda x: (mg.gradients(f(x), x, create_graph=True) * [1.0, 2.0, 3.0]).sum()
    ),
    "product": lambda f: lambda x: mg.hvp(f, x, np.array([1.0, 2.0, 3.0])),
    "transposed": lambda f: lambda x: mg.vjp(mg.grad(f), x)[1](np.array([1.0, 2.0, 3.0])),
}


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("f", EVEN)
def test_compiled_second_derivatives_do_not_keep_where_they_were_traced(f, second):
    points = [np.zeros(3), np.array([0.3, -1.0, 2.0]), np.array([0.0, 0.0, 2.0])]
    eager = SECOND[second](EVEN[f])
    for first in points:
        compiled = mg.compile(SECOND[second](EVEN[f]))
        for x in (first, *points):
            np.testing.assert_allclose(compiled(x), eager(x), rtol=1e-12, atol=1e-15)


def test_second_derivatives_at_zero_where_nothing_else_is_recorded():
    with mg.no_grad():
        np.testing.assert_array_equal(mg.hessian(lambda x: np.linalg.norm(x) ** 2)(np.zeros(2)),
                                      2 * np.eye(2))  # fmt: skip


def test_a_first_derivative_is_traced_without_the_limit():
    program = mg.trace(mg.grad(lambda x: np.linalg.norm(x) ** 2), np.ones(2))
    assert "logical_and" not in program.source


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e-200, 1e200])
@pytest.mark.parametrize("name", ["std", "norm", "rows"])
def test_programs_have_the_slopes_of_lengths_where_squares_are_no_numbers(name, scale):
    f = {
        "std": np.std,
        "norm": np.linalg.norm,
        "rows": lambda x: np.sum(np.linalg.norm(x.reshape(2, 2), axis=1)),
    }[name]
    x = np.array([3.0, 4.0, -2.0, 1.0]) * scale
    first = np.array([1.0, 2.0, 3.0, 5.0])
    with np.errstate(all="ignore"):
        slope = mg.compile(mg.grad(f))
        slope(first)
        np.testing.assert_allclose(slope(x), mg.grad(f)(x), rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"ddof": 1}, {"where": [True, True, False]}], ids=str)
def test_programs_have_the_second_derivative_of_a_deviation_of_equal_numbers(options):
    hessian = mg.hessian(lambda x: np.std(x, **options) ** 2)
    want = mg.hessian(lambda x: np.var(x, **options))
    for first in (np.ones(3), np.array([1.0, 5.0, 2.0])):
        compiled = mg.compile(hessian)
        for x in (first, np.ones(3), np.array([1.0, 5.0, 2.0])):
            np.testing.assert_allclose(compiled(x), want(x), atol=1e-12)
            np.testing.assert_allclose(hessian(x), want(x), atol=1e-12)
