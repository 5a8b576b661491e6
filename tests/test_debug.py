"""mg.debug(): the first NaN, the line behind it, and arrays that changed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg

V = np.array([1.0, 2.0, 3.0])


def leaf(data: Any, **options: Any) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True, **options)


def message_of(f: Any) -> str:
    with mg.debug(), pytest.raises(FloatingPointError) as caught:
        f()
    return str(caught.value)


def test_nothing_is_raised_outside() -> None:
    with np.errstate(all="ignore"):
        x = leaf([-1.0, 1.0])
        assert np.isnan(np.log(x).data[0])


def test_finite_programs_are_not_disturbed() -> None:
    with mg.debug():
        w = leaf(V)
        loss = mg.softmax(w @ np.eye(3)).max() + np.linalg.norm(w) + np.split(w, 3)[1].sum()
        loss.backward()
        inside = w.grad.copy()
        w.grad = None
        same = mg.grad(lambda w: mg.softmax(w).max() + np.linalg.norm(w) + w[1])(V)
        second = mg.hessian(lambda w: (w**3).sum())(V)
    np.testing.assert_allclose(inside, same)
    np.testing.assert_allclose(second, np.diag(6 * V))


HUGE = np.full((2, 2), 1e200)
FORWARD = [
    ("log of a negative", lambda rate: np.log(rate - 5.0), ("log(", "NaN")),
    ("log of zero", lambda rate: np.log(rate * 0.0), ("log(", "infinity")),
    ("division", lambda rate: 1 / (rate * 0), ("1 / ", "infinity")),
    ("zero by zero", lambda rate: (rate * 0) / (rate * 0), (" / ", "NaN")),
    ("overflow", lambda rate: np.exp(rate * 1000), ("exp(", "infinity")),
    ("overflow of a power", lambda rate: (rate * 1e200) ** 2, ("** 2", "infinity")),
    ("root", lambda rate: np.sqrt(-rate), ("sqrt(", "NaN")),
    ("a matrix", lambda rate: (rate * HUGE) @ HUGE, (" @ ", "infinity")),
]  # fmt: skip


@pytest.mark.parametrize("f, words", [c[1:] for c in FORWARD], ids=[c[0] for c in FORWARD])
def test_forward(f: Any, words: tuple[str, ...]) -> None:
    rate = leaf(2.0)
    message = message_of(lambda: f(rate))
    assert all(word in message for word in words), message
    assert "test_debug.py" in message
    assert "finite numbers" in message


def test_infinities_that_were_there_before_are_not_blamed() -> None:
    with mg.debug():
        assert np.exp(leaf(-np.inf)).item() == 0.0
        assert np.isnan(leaf(np.nan) * 2)
        assert mg.logsumexp(leaf([-np.inf, 0.0])).item() == 0.0


def test_tensors_that_need_no_gradient_are_watched_too() -> None:
    message_of(lambda: np.log(mg.Tensor(-1.0)))
    with mg.no_grad():
        message_of(lambda: np.log(leaf(-1.0)))


def test_backward_without_the_forward_in_debug() -> None:
    x = leaf([0.0, 1.0])
    with np.errstate(all="ignore"):
        y = np.sqrt(x).sum()
        message = message_of(y.backward)
    assert "the derivative of sqrt" in message


def test_grad_hessian_and_vjp_are_watched() -> None:
    assert "sqrt" in message_of(lambda: mg.grad(np.sqrt)(0.0))
    assert "sqrt" in message_of(lambda: mg.vjp(np.sqrt, 0.0)[1](1.0))
    assert "derivative" in message_of(lambda: mg.hessian(lambda x: x**1.5)(0.0))


def test_the_hint_is_given_only_for_the_trap() -> None:
    x = leaf([0.0, 4.0])
    hint = "make its input safe"
    assert hint in message_of(lambda: np.where(x > 0, np.sqrt(x), 0.0).sum().backward())
    assert hint not in message_of(lambda: np.sqrt(x).sum().backward())


def test_numpys_warnings_do_not_come_first() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = message_of(lambda: np.log(leaf([0.0, -1.0])))
    assert "log" in message


def test_debug_ends_with_the_block_even_after_errors() -> None:
    message_of(lambda: np.log(leaf(-1.0)))
    with np.errstate(all="ignore"):
        assert np.isnan(np.log(leaf(-1.0)).item())


def test_debug_nests() -> None:
    with mg.debug():
        with mg.debug():
            pass
        with pytest.raises(FloatingPointError):
            np.log(leaf(-1.0))


def test_changes_are_found_by_functions_too() -> None:
    scale = np.ones(3)

    def f(x: Any) -> Any:
        y = (x * scale).sum()
        scale[0] += 1
        return y

    with mg.debug(), pytest.raises(RuntimeError, match=r"scale was changed after x \* scale"):
        mg.grad(f)(V)


def test_arrays_that_did_not_change_are_not_blamed() -> None:
    with mg.debug():
        scale, x = np.ones(3), leaf(V)
        y = (x * scale).sum() + (x * scale[::-1]).sum() + (x * np.asfortranarray(scale)).sum()
        scale[0] = 1.0
        y.backward()
        y.backward()
        empty = (leaf(np.ones(0)) * np.ones(0)).sum()
        empty.backward()


def test_a_change_before_the_recording_is_no_change() -> None:
    with mg.debug():
        scale, x = np.ones(3), leaf(V)
        scale[0] = 5
        (x * scale).sum().backward()
        assert x.grad[0] == 5


def test_an_argument_changed_while_its_recorded_gradient_lives_on() -> None:
    w, held = leaf(3.0), V.copy()
    slope = mg.grad(lambda x: (w * x * x / 2).sum())(held)
    held[0] = 100
    slope.sum().backward()
    assert w.grad == V.sum()
