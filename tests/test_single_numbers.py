"""Programs of single numbers, and such among arrays: computed by Python, and as NumPy does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.ops.record import registry
from minigrad.program import passes
from minigrad.program.lower import lower
from minigrad.program.scalar import Stretch, stretched
from minigrad.tree import flatten


def test_products_of_booleans_alone() -> None:
    """Python's booleans have no dtype, and kernels take them all the same."""
    x = np.arange(1.0, 6.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = mg.compile(lambda x: np.multiply(True, np.multiply(False, 0.5 * x)) + x)
        np.testing.assert_array_equal(compiled(x), x)
    np.testing.assert_array_equal(compiled(2 * x), 2 * x)


def swing(x: Any) -> Any:
    """A pendulum: single numbers, which are entries of an array."""
    angle, speed, total = x[0], x[1], 0.0
    for _ in range(5):
        speed = speed - 0.1 * np.sin(angle)
        angle = angle + 0.1 * speed
        total = total + np.where(angle > 0.5, angle**2, np.sqrt(angle))
    return total, x * speed


def test_single_numbers_among_arrays_are_computed_by_python() -> None:
    def loss(x: Any) -> Any:
        total, scaled = swing(x)
        return total + scaled.sum()

    x = np.array([0.9, 0.1, -1.0])
    for f in (swing, mg.value_and_grad(loss), mg.hessian(loss)):
        compiled = mg.compile(f)
        for scale in (1.0, 0.3, -2.0, 1e200, np.inf, np.nan):
            with np.errstate(all="ignore"):
                for got, want in zip(compiled(x * scale), f(x * scale), strict=True):
                    np.testing.assert_allclose(got, want, rtol=1e-12)
                    assert type(got) is type(want)
    program = lower(mg.trace(swing, x))
    plan = stretched(program.equations, program.uses())
    assert sum(isinstance(step, Stretch) for step in plan) == 1
    assert len(plan) < 5


def test_entries_are_read_before_their_memory_is_used_again() -> None:
    def f(x: Any) -> Any:
        waves = np.cos(x)
        steps = np.sum(np.floor(np.sin(np.exp(x - 1))))
        total = waves[0] * waves[1] + waves[2]
        for _ in range(4):
            total = total / (1.0 + total * total)
        return steps, total

    x = np.array([1.2, 0.7, -0.4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(mg.compile(f)(x), f(x), rtol=1e-14)


def test_the_slice_that_is_all_of_an_array() -> None:
    x = np.ones((3, 2))
    program = lower(passes.recorded(lambda x: x[()] * 2, x))
    np.testing.assert_array_equal(program(x), 2 * x)


def test_where_math_has_no_answer_the_types_are_the_same() -> None:
    """NumPy's `where` gives an array without axes there, and constants belong to the program."""
    table = np.array([1.0, 2.0])
    alone = mg.compile(lambda a, b: np.where(a > b, 1 / a, b))
    beside = mg.compile(lambda a, b: (1 / a, table))

    def among_arrays(x: Any) -> Any:
        a, b = x[0], x[1]
        return np.where(a * b + a - b > b, 1 / (a * a + b - b), b)

    stretch = mg.compile(among_arrays)
    with np.errstate(all="ignore"):
        for a, want in ((1.0, 1.0), (0.0, np.inf), (0.0, np.inf)):
            assert type(alone(a, -5.0)) is type(alone(1.0, -5.0))
            assert alone(a, -5.0) == want
            number, constant = beside(a, -5.0)
            assert type(number) is type(beside(1.0, -5.0)[0])
            np.testing.assert_array_equal(constant, [1.0, 2.0])
            constant[:] = 7.0
            assert type(stretch(np.array([a, -5.0]))) is np.float64
            assert stretch(np.array([a, -5.0])) == want


def test_few_single_numbers_stay_numpys() -> None:
    program = lower(mg.trace(lambda x: x * np.sin(x[0] + 1), np.ones(3)))
    assert stretched(program.equations, program.uses()) == program.equations


def test_what_is_needed_of_single_numbers_keeps_its_type() -> None:
    def f(x: Any) -> Any:
        a, b = x[0], x[1]
        c = np.exp(a) + b * b - np.cos(a * b) / (b + 3)
        return x[0], c, c > a, x * c, np.where(c > a, b, c)

    compiled = mg.compile(f)
    for x in (np.array([0.5, 2.0]), np.array([800.0, -3.0]), np.array([np.nan, 1.0])):
        with np.errstate(all="ignore"):
            for got, want in zip(compiled(x), f(x), strict=True):
                assert np.asarray(got).dtype == np.asarray(want).dtype
                assert np.shape(got) == np.shape(want)
                np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize("p", [-1.5, -0.5, 1.5, -2, 3])
def test_powers_of_an_array_without_axes(p: float) -> None:
    assert mg.power(np.array(4.0), p) == 4.0**p


@pytest.mark.parametrize("p", [-2, -2.0, -1.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_powers_are_installed(p: Any, kind: Any) -> None:
    """No kernel of a power differs from the op, at the largest and least arguments either."""
    makes = [
        lambda x: (x * x) ** p,
        lambda x: np.sum(x * x) ** p,
        lambda x: np.sum(x**p),
        lambda x: np.outer(x, x) ** p,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in makes:
            grad = mg.value_and_grad(lambda x, make=make: np.sum(make(x) * np.cos(1.0)))
            for x in (np.array([1.3, 2.0, 0.4], kind), kind(1.3)):
                for f in (make, grad):
                    mg.compile(f)(x)


NUMBERS_OF_NUMPY: dict[str, Any] = {
    "arithmetic": lambda x, y: (x + y) * (x - y) / (1 + y * y) - 2 * x,
    "constants": lambda x, y: 0.1 * x + y * 300 * 300 - 1e-3,
    "powers": lambda x, y: x**2 + y**3 + x**0.5 - abs(y) ** -1.5,
    "functions": lambda x, y: np.exp(-x) + np.log(y) + np.tanh(x) * np.sqrt(y) + np.arctan2(x, y),
    "activations": lambda x, y: mg.sigmoid(x) * mg.softplus(y) + mg.relu(x) - np.sign(y),
    "choices": lambda x, y: np.maximum(x, y) + np.where(x > 0.1, x, 2 * y) + np.clip(x, -1, 0.1),
    "truths": lambda x, y: ((x > y) | (x != x), x * (y > 0.5), np.logical_not(x)),
    "casts": lambda x, y: (x.astype(np.float32) * y, y.astype(np.float64) + 1),
    "differences": lambda x, y: np.log(1 - mg.sigmoid(x)) + ((x + 1e-9) - x) * y,
}


@pytest.mark.parametrize("name", NUMBERS_OF_NUMPY)
@pytest.mark.parametrize("kinds", ["ee", "ff", "fe", "fd", "de", "?f", "d?"])
def test_numbers_of_numpy_of_every_precision(name: str, kinds: str) -> None:
    """Values, dtypes and roundings are those of the ops, also where they overflow."""
    f = NUMBERS_OF_NUMPY[name]
    if "?" in kinds and name not in ("constants", "choices", "truths"):
        pytest.skip("NumPy does not compute that of truths, or an op of another kind does")
    given = [(0.7, 1.3), (-2.0, 0.5), (0.0, 3.0), (20.0, 40.0), (1e30, 1e-30), (np.nan, np.inf)]
    grad = mg.value_and_grad(lambda x, y: np.sum(flatten(f(x, y))[0][0] * 1.0), 0)
    eps = 8 * max(float(np.finfo(k).eps) for k in kinds if k != "?")
    for g in (f, grad) if kinds[0] != "?" and name != "truths" else (f,):
        compiled = mg.compile(g)
        for pair in given:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                x, y = (np.dtype(k).type(v) for k, v in zip(kinds, pair, strict=True))
                want = flatten(g(mg.Tensor(x), mg.Tensor(y)) if g is f else g(x, y))[0]
                for _ in range(2):
                    got = flatten(compiled(x, y))[0]
                    for a, b in zip(got, want, strict=True):
                        b = getattr(b, "_value", b)
                        assert np.asarray(a).dtype == np.asarray(b).dtype
                        np.testing.assert_allclose(a, b, rtol=eps, atol=eps if abs(b) < 1 else 0)


def test_numbers_of_numpy_need_no_kernel_of_arrays() -> None:
    step = mg.compile(mg.value_and_grad(lambda w, x: mg.sigmoid(w * x) ** 2))
    value, gradient = step(np.float32(0.3), np.float32(2.0))
    assert type(value) is type(gradient) is np.float32
    assert all(run.single and "pool" not in run.code for run in step.known)
    mixed = mg.compile(lambda w, rate: w - rate * w)
    assert type(mixed(np.float32(1), 0.1)) is type(mixed(np.float32(2), 0.3)) is np.float32
    assert type(mixed(np.float32(1), np.float64(0.1))) is np.float64


def test_a_choice_between_numbers_of_two_precisions_has_the_wider_one() -> None:
    for choose in (np.maximum, np.minimum, lambda x, y: np.where(x > y, x, y)):
        compiled = mg.compile(lambda x, y, choose=choose: choose(x * 2, y))
        for x, y in ((0.25, 3.0), (4.0, -1.0)):
            assert compiled(np.float32(x), np.float64(y)).dtype == np.float64
            assert compiled(np.float16(x), np.float32(y)).dtype == np.float32


ENDS = [
    0.3,
    0.5,
    1.0,
    2.0,
    7.0,
    12.0,
    21.0,
    31.0,
    38.0,
    45.0,
    710.0,
    746.0,
    1e-3,
    1e5,
    1e10,
    2.0**53,
]
ENDS += [5e-324, 1e-310, 1e-160, 1e160, 1e308, np.inf, np.nan, 0.0]
SINGLE = [
    op for op in registry.values()
    if op.elementwise and op.vjps and op.arity in (1, 2) and op.name[:8] != "special."
    and op is not ops.ldexp
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_function_of_single_numbers_is_numpys_wherever_it_is_asked_for() -> None:
    def f(x: Any, y: Any) -> Any:
        return [
            op(*[z[i] * 1.0 for z in (x, y)[: op.arity]]) * 1 for op in SINGLE for i in range(6)
        ]

    compiled, rng, points = mg.compile(f), np.random.default_rng(0), [*ENDS, *np.negative(ENDS)]
    for _ in range(24):
        x, y = rng.choice(points, (2, 6))
        got, want = compiled(x, y), [op.forward(*(x, y)[: op.arity]) * 1.0 for op in SINGLE]
        np.testing.assert_allclose(np.reshape(got, (-1, 6)), want, rtol=1e-13, atol=1e-300)
