"""Kernels are proved: what is wrong with one is seen before it is used."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.program import kernel, passes, proof, rounding, scalar, statements

MATRIX = np.linspace(0.1, 2.0, 6).reshape(2, 3)


def faulty(run: Callable[..., Any], f: Any = lambda x: np.exp(x).sum(axis=0)) -> str:
    """What the proof says of ``run`` in place of ``f``."""
    return str(proof.fault(passes.recorded(f, MATRIX), run, [MATRIX], [f(MATRIX)]))


def test_what_is_right_is_right() -> None:
    assert faulty(lambda x: np.exp(x).sum(axis=0)) == "None"
    assert faulty(lambda x: np.exp(x).sum(axis=0) * (1 + 2e-16)) == "None"


@pytest.mark.parametrize(
    ("run", "wrong"),
    [
        (lambda x: np.exp(x).sum(), "it returns float64 () in place of float64 (3,)"),
        (lambda x: np.exp(x).sum(axis=0).astype("f"), "it returns float32 (3,) in place of"),
        (lambda x: np.exp(x).sum(axis=0) * (1 + 1e-12), "it returns other numbers"),
        (lambda x: np.exp(x).sum(axis=0) + np.array([0, 0, np.nan]), "it returns other numbers"),
        (lambda x: (np.exp(x).sum(axis=0), 1), "it returns another structure"),
        (lambda x: 1 / 0, "it raises ZeroDivisionError (division by zero)"),
        (lambda x: np.exp(x, x).sum(axis=0), "it raises ValueError (output array is read-only)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(run: Callable[..., Any], wrong: str) -> None:
    assert faulty(run).startswith(wrong)


def test_memory() -> None:
    buffer = np.empty(3)
    assert "a second call overwrites what the first one returned" in faulty(
        lambda x: np.add.reduce(np.exp(x), axis=0, out=buffer)
    )
    same = faulty(lambda x: x[0], lambda x: x[0])
    assert same.startswith("a second call overwrites")
    turns: list[Any] = []

    def once(x: Any) -> Any:
        turns.append(x)
        return x[0] if len(turns) == 1 else x[0].copy()

    assert faulty(once, lambda x: x[0]).startswith("what it returns is memory of an argument")


def test_infinities_and_what_is_no_number_are_equal_to_themselves() -> None:
    a, kind = np.array([np.inf, np.nan, 1.0, -np.inf]), np.finfo(float)
    with np.errstate(invalid="ignore"):
        assert rounding.within(a, a, np.zeros(4), 1.0, 0.0, kind)
        assert not rounding.within(a, a[::-1], np.zeros(4), 1.0, 0.0, kind)


def test_rounding_explains_what_cancels() -> None:
    """A gradient at an optimum is 0 but for rounding, however that is done."""
    x = np.array([[0.3, -0.1, -0.2], [0.1, 0.2, -0.3]])
    program = passes.recorded(lambda x: x.sum(axis=1), x)
    expected, other = x.sum(axis=1), x[:, ::-1].sum(axis=1)
    assert other[1] != expected[1]
    assert proof.fault(program, lambda x: x[:, ::-1].sum(axis=1), [x], [expected]) is None
    assert proof.fault(program, lambda x: other + 1e-12, [x], [expected]) is not None


@pytest.mark.parametrize(
    "run",
    [
        lambda x: np.exp(np.abs(x)).sum(axis=0),
        lambda x: np.exp(x).sum(axis=0) + (x[0] == 0),
        lambda x: np.exp(np.where(x < 2.1, x, 0 * x)).sum(axis=0),
        lambda x: np.exp(x if (x > 0).all() else 1 / 0).sum(axis=0),
    ],
    ids=["negative", "zero", "large", "raises"],
)
def test_what_is_right_here_and_wrong_elsewhere(run: Callable[..., Any]) -> None:
    """Signs, zeros and sizes that the arguments of the first call do not have."""
    assert faulty(run).startswith("at other arguments it r")


def test_other_arguments_are_tried_where_that_is_cheap_and_harmless() -> None:
    few = passes.recorded(lambda x: np.exp(x), MATRIX)
    assert len(list(proof.elsewhere(few, [MATRIX]))) == 6
    large = np.ones(rounding.MUCH)
    assert not list(proof.elsewhere(passes.recorded(lambda x: np.exp(x), large), [large]))
    heard: list[Any] = []
    op = mg.defop("heard", lambda x: (heard.append(x), 2 * x)[1], [lambda g, ans, x: 2 * g])
    users = passes.recorded(lambda x: op(x), MATRIX)
    assert not list(proof.elsewhere(users, [MATRIX]))
    near, *_, far = (x for (x,) in proof.elsewhere(few, [MATRIX.astype("f")]))
    for x in (near, far):
        assert (x.shape, x.dtype) == (MATRIX.shape, np.float32)
        assert (x < 0).any()
    assert np.isfinite(near).all()
    assert not np.isfinite(far).all()
    most = proof.numbers(MATRIX.dtype, ("max",)) / np.finfo(float).max ** 0.25
    assert 0.99 < most[0] <= 1, "the product of four is finite"


def warned(f: Any, *args: Any) -> tuple[Any, list[str]]:
    """The answers of two calls of ``mg.compile(f)``, and what was said."""
    compiled = mg.compile(f)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        answers = compiled(*args), compiled(*args)
    return answers, [str(w.message) for w in heard if w.category is RuntimeWarning]


def test_a_wrong_kernel_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    ufunc_of = statements.ufunc_of

    def wrong(e: Any) -> Any:
        return np.sinh if ufunc_of(e) is np.exp else ufunc_of(e)

    def loss(x: Any) -> Any:
        return (np.exp(np.sin(x)) * 3).sum(axis=0)

    monkeypatch.setattr(statements, "ufunc_of", wrong)
    answers, said = warned(loss, MATRIX)
    for answer in answers:
        np.testing.assert_array_equal(answer, loss(MATRIX))
    assert len(said) == 1
    assert re.search(r"compiled loss was wrong.*first in `t2 = exp\(t1\)`", said[0])


def test_what_the_ops_return_is_nobodys_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    ufunc_of = statements.ufunc_of
    monkeypatch.setattr(
        statements, "ufunc_of", lambda e: np.sinh if ufunc_of(e) is np.exp else ufunc_of(e)
    )
    x, table = MATRIX.copy(), np.ones(3)
    f = mg.compile(lambda x: (x, x.T, table, np.exp(x).sum()))
    with pytest.warns(RuntimeWarning, match="was wrong"):
        f(x)
    for given in (x, x):
        same, turned, constant, _ = f(given)
        np.testing.assert_array_equal(same, x)
        assert not any(np.shares_memory(y, x) for y in (same, turned))
        assert not np.shares_memory(constant, table)


def test_a_wrong_number_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scalar.NUMBERS, ops.maximum, "({0} + {1})")

    def loss(x: Any) -> Any:
        return 2 * np.maximum(np.sin(x), 3 * x)

    answers, said = warned(loss, 0.25)
    assert answers == (1.5, 1.5)
    assert "maximum(" in said[0]


def test_a_shared_buffer_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.Kernel, "escapes", lambda self: set())
    answers, said = warned(lambda x: np.sin(x), MATRIX)
    assert not np.shares_memory(*answers)
    assert "a second call overwrites what the first one returned" in said[0]


def test_a_kernel_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Any, plan: Any) -> None:
        raise KeyError("t")

    monkeypatch.setattr(kernel.Kernel, "write", write)
    answers, said = warned(lambda x: np.sin(x), MATRIX)
    np.testing.assert_array_equal(answers[1], np.sin(MATRIX))
    assert "KeyError" in said[0]


def test_the_equation_whose_kernel_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ufunc_of = statements.ufunc_of

    def refuse(e: Any) -> Any:
        if ufunc_of(e) is np.exp:
            raise KeyError("exp")
        return ufunc_of(e)

    program = passes.recorded(lambda x: np.exp(np.sin(x)) * 3, MATRIX)
    monkeypatch.setattr(statements, "ufunc_of", refuse)
    assert proof.culprit(program, [MATRIX]) == "`t2 = exp(t1)`"


def estimate(*args: Any) -> list[Any]:
    """The last and largest."""
    *_, spread = rounding.rounding(*args)
    return spread


def test_rounding_is_tried_no_more_often_than_needed() -> None:
    """A trial runs the whole program, which has a gradient for each layer."""
    tried = []

    def spreads() -> Any:
        for size in (1e-9, 1e-3, 1.0):
            tried.append(size)
            yield [np.full(2, size)] * 5

    ones = [np.ones(2)] * 5
    assert rounding.different(ones, ones, spreads()) is None
    assert not tried
    got = [np.ones(2) + 1e-6 * i for i in range(1, 6)]
    assert rounding.different(got, ones, spreads()) is None
    assert tried == [1e-9, 1e-3]
    assert rounding.different([*got[:4], np.full(2, 9999.0)], ones, spreads()) is not None
    assert tried[2:] == [1e-9, 1e-3, 1.0]


def test_estimates_of_rounding_grow() -> None:
    program = passes.recorded(lambda x: (np.exp(x) - 1).sum() / x, np.ones(3))
    x = np.array([0.3, 1.0, -2.0])
    found = [[np.copy(part) for part in spread] for spread in rounding.rounding(program, [x])]
    assert len(found) == 16
    for earlier, later in itertools.pairwise(found):
        assert (later[0] >= earlier[0]).all()


def test_long_sums_may_differ_by_more_than_a_few_digits() -> None:
    """Numbers added one after another, where the ops add them pairwise."""
    x = np.random.default_rng(0).normal(size=(2**18, 2)) + 1
    program = passes.recorded(lambda x: x.sum(axis=0), x)

    def by(error: float) -> Any:
        return lambda x: x.sum(axis=0, dtype=np.longdouble).astype(float) * (1 + error)

    assert proof.fault(program, by(5e-14), [x], [x.sum(axis=0)]) is None
    assert proof.fault(program, by(1e-11), [x], [x.sum(axis=0)]) is not None


def test_a_sum_in_single_precision_may_differ_by_its_own_digits() -> None:
    """Divided by a whole number it is double; its error, which trials need not show, is not."""
    x = np.ones(2**14, np.float32)
    n = np.arange(7)

    def f(x: Any, n: Any) -> Any:
        return x.sum() / n.sum()

    program = passes.recorded(f, x, n)
    right = f(x, n)
    assert right.dtype == np.float64
    [spread] = estimate(program, [x, n], [right])
    assert spread >= right * np.finfo("f").eps * 128 / 16
    assert proof.fault(program, lambda x, n: f(x, n) * (1 + 1e-6), [x, n], [right]) is None
    assert proof.fault(program, lambda x, n: f(x, n) * (1 + 1e-3), [x, n], [right]) is not None


def test_evaluation_keeps_nothing_that_is_not_needed() -> None:
    program = passes.recorded(lambda x: np.sin(np.cos(np.exp(x) * x)), 1.0)
    assert [len(dying) for dying in program.dying] == [0, 2, 1, 1]


def test_the_sign_of_what_is_undefined_is_not_known() -> None:
    x = np.array([np.nan, -np.nan, 2.0, -0.0])
    program = passes.recorded(lambda x: np.signbit(x) * 1.0, x)
    spreads = list(rounding.rounding(program, [x]))
    np.testing.assert_array_equal(spreads[-1][0] > 0.5, [True, True, False, False])


def test_luck_is_in_proportion() -> None:
    """What a few trials have left where it was is held to the others, in proportion too."""
    expected, spread = np.array([1e16, 1e-3, 0.0]), np.array([2.0, 0.0, 0.0])
    off = lambda *by: rounding.within_rounding(expected + by, expected, spread)
    assert off(4.0, 1e-18, 1e-3)
    assert not off(0.0, 1e-5, 0.0)
    assert not off(1e4, 0.0, 0.0)
    assert not off(0.0, 0.0, 100.0)
    assert rounding.within_rounding(np.float64(1 + 1e-15), np.float64(1), np.float64(2e-16))
    assert not rounding.within_rounding(np.float64(1.001), np.float64(1), np.array(2e-16))


@pytest.mark.filterwarnings("error:the compiled")
def test_quotients_of_what_underflows_are_not_known() -> None:
    """0.5 times the smallest number is 0 or that number; no wrong kernel."""
    program = passes.recorded(lambda x: (0.6 * x) / np.hypot(x * 0.4, x), np.ones(3))
    tiny = np.array([5e-324, -5e-324, 1e-323])
    expected = [(0.6 * tiny) / np.hypot(tiny * 0.4, tiny)]
    spread = estimate(program, [tiny], expected)
    assert rounding.within_rounding(
        0.6 * (tiny / np.hypot(tiny * 0.4, tiny)), expected[0], spread[0]
    )
    one = estimate(program, [np.ones(3)], [0.6 / np.hypot(0.4, np.ones(3))])
    assert (one[0] < 1e-14).all()


def test_steps_of_an_op_round_as_well() -> None:
    """Where a softmax is almost 1 its logarithm is known to the digits of 1."""
    program = passes.recorded(mg.log_softmax, np.ones(4))
    x = np.array([0.0, -27.0, -28.0, -40.0])
    expected = [np.asarray(mg.log_softmax(x))]
    spread = estimate(program, [x], expected)[0]
    assert 1e-17 < spread[0] < 1e-14
    assert rounding.within_rounding(expected[0] + np.array([2e-16, 0, 0, 0]), expected[0], spread)
    assert not rounding.within_rounding(
        expected[0] + np.array([1e-13, 0, 0, 0]), expected[0], spread
    )


def test_complex_numbers_are_compared_in_both_parts() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=70) + 1j * rng.normal(size=70)
    f = lambda x: np.cumsum(x) * np.sum(np.exp(x))
    program = passes.recorded(f, x)
    turned = lambda x: np.cumsum(x) * np.sum(np.exp(x[::-1]))  # other last digits
    assert proof.fault(program, turned, [x], [f(x)]) is None
    for wrong in (lambda x: f(x) + 1e-6j, lambda x: f(x).conj(), lambda x: f(x) * (1 + 1e-9)):
        assert "other numbers" in str(proof.fault(program, wrong, [x], [f(x)]))


def large_case() -> tuple[Any, Any, Any]:
    x = np.random.default_rng(0).normal(size=2**20)
    return passes.recorded(lambda x: np.exp(x) * 3, x), x, np.exp(x) * 3


@pytest.mark.parametrize(
    ("kernel", "fault"),
    [
        (lambda x, work: np.exp(x) * 3, None),
        (lambda x, work: 3 * np.exp(x + 1e-17), None),
        (lambda x, work: np.exp(x) * (3 + 1e-10), "it returns other numbers"),
        (lambda x, work: np.exp(x) * 3 + (x < -4.5) * 1e-8, "it returns other numbers"),
        (lambda x, work: np.exp(x) * 3 + 0 * work, "it returns other numbers"),
        (lambda x, work: np.multiply(np.exp(x), 3, out=work), "a second call overwrites"),
        (lambda x, work: np.exp(x.astype(np.float32)).astype(float) * 3, "other numbers"),
    ],
)
def test_large_kernels_run_once_on_memory_that_holds_nothing(kernel: Any, fault: Any) -> None:
    program, x, answer = large_case()
    work = np.empty_like(x)

    @contextmanager
    def spoilt() -> Iterator[list[Any]]:
        work.fill(np.nan)
        yield [work]

    calls = []

    def run(x: Any) -> Any:
        calls.append(x)
        return kernel(x, work)

    wrong = proof.fault(program, run, [x], [answer], spoilt)
    assert len(calls) == 1
    assert (wrong is None) if fault is None else (fault in wrong)


def test_products_of_subnormal_numbers_are_no_fault() -> None:
    """They have few digits, or none: a sum of products by BLAS may round them otherwise."""
    f = mg.compile(mg.grad(lambda x: 1.08 * np.einsum("i,i->", x**0.5, x)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(np.array([0.3, 1.7, 0.6, 1.0, 0.4]))
    assert "in_ops" not in f.latest.code


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("off", [0.5, 1e5])
def test_large_sums_may_be_off_by_the_last_digit_of_their_row(
    off: float, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 2**14)).astype(dtype), rng.normal(size=(2**14, 8)).astype(dtype)
    x[0] *= 1e-9  # its digits are its own
    y[:, 0] *= 1e6
    answer = [x @ y, y.sum(axis=0)]
    program = passes.recorded(lambda x, y: (x @ y, y.sum(axis=0)), x, y)
    for trials in ("in_single_precision", "evaluate"):  # no run more
        monkeypatch.setattr(rounding, trials, lambda *args: 1 / 0)
    length = np.linalg.norm(x, axis=1, keepdims=True) * np.linalg.norm(y, axis=0) / 2**7
    sizes = [length, np.full(8, np.abs(answer[1]).max())]
    for part, i in ((0, (0, 0)), (0, (0, 1)), (0, (5, 0)), (0, (5, 1)), (1, 0), (1, 5)):
        got = [a.copy() for a in answer]
        got[part][i] += off * np.finfo(dtype).eps * sizes[part][i]
        run = lambda x, y, got=got: [a.copy() for a in got]
        if off < 1:
            assert proof.fault(program, run, [x, y], answer) is None
        else:
            with pytest.raises(ZeroDivisionError):
                proof.fault(program, run, [x, y], answer)


def test_small_answers_of_short_sums_have_digits_of_their_own() -> None:
    x = np.ones((2, 2**20)) * np.where(np.arange(2**20) % 2, 1e10, 1e-4)
    program, answer = passes.recorded(lambda x: x.sum(axis=0), x), x.sum(axis=0)
    off = lambda x: x.sum(axis=0) + 1e-7 * (np.arange(2**20) % 2 == 0)
    assert "other numbers" in str(proof.fault(program, off, [x], [answer]))


@pytest.mark.parametrize(
    ("f", "known", "unknown"),
    [
        (lambda x: x * x == 2 * x * (3 * x), 1.0, 1e-162),
        (lambda x: np.all(2 * x * (3 * x)), 1.0, 1e-162),
        (lambda x: np.logical_not(np.remainder(x, 0.1)), 0.25, 1.0),
        (lambda x: (x + 1e6) - 1e6 > 1, 1.1, 1.0 + 1e-11),
        (lambda x: np.argmax(np.stack([x * 3, x + x, (x + 1e6) * 3 - 3e6])), -1.0, 1.0),
        (lambda x: np.signbit(x @ np.ones(2)), np.ones(2), -np.zeros(2)),
        (lambda x: x @ np.zeros((2, 1)), np.ones((1, 2)), np.array([[1.0, np.inf]])),
    ],
    ids="equal all remainder greater argmax sign blas".split(),
)
def test_what_rounding_decides_is_not_known(f: Any, known: Any, unknown: Any) -> None:
    """On the verge either answer will do, and where BLAS may leave out products with 0."""
    program = passes.recorded(f, known)
    for x, doubtful in ((known, False), (unknown, True)):
        [spread] = estimate(program, [np.asarray(x)[()]])
        assert (np.isnan(spread) | (spread > 1e-6)).any() == doubtful, (x, spread)


def test_what_is_compared_with_itself_is_known() -> None:
    [spread] = estimate(passes.recorded(lambda x: x <= x, np.ones(9)), [np.ones(9)])
    assert not spread.any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("p", [-4, -3, -2, -1, 3, 4, 5, 6, 0.5, -0.5, 1.5, -1.5])
@pytest.mark.filterwarnings("error:the compiled", "ignore:invalid", "ignore:divide", "ignore:over")
def test_powers_are_taken_as_the_op_takes_them(p: float, dtype: Any) -> None:
    """NumPy has two answers for roots of -inf and -0: of arrays, and of single numbers."""
    x = np.array([-np.inf, -0.0, 0.0, 0.7, 1.3, np.inf, np.nan], dtype)
    f = mg.compile(lambda x: x**p)
    for part in (x, *x):
        got, want = f(part), mg.power(mg.Tensor(part), p).data if part is x else part**p
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_tiles_know_of_signs_that_are_seen_outside() -> None:
    x = np.where(np.arange(2**18) % 3, -0.0, 1.0)
    f = mg.compile(lambda x: np.signbit(np.sort(np.sinh(x) + 0.0)))
    for _ in range(2):
        assert not f(x).any()
