"""Ops from outside: the same record, the same rights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

V = np.array([1.0, 2.0, 3.0])


def leaf(data: Any) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True)


cube = mg.defop("cube", lambda x: x**3, [lambda g, ans, x: g * 3 * x**2])


def test_an_op_of_one_argument() -> None:
    assert cube.__name__ == "cube"
    x = leaf(V)
    y = cube(x)
    np.testing.assert_array_equal(y.data, V**3)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 3 * V**2)
    assert mg.gradcheck(cube, V, order=2)


def test_plain_arrays_stay_plain() -> None:
    assert type(cube(V)) is np.ndarray
    assert cube(2.0) == 8.0


def test_rules_can_be_differentiated_again() -> None:
    assert mg.grad(mg.grad(mg.grad(cube)))(2.0) == 6.0
    np.testing.assert_allclose(mg.hessian(lambda x: cube(x).sum())(V), np.diag(6 * V))


def test_a_rule_may_use_the_answer() -> None:
    f = mg.defop("f", np.exp, [lambda g, ans, x: g * ans])
    assert mg.gradcheck(f, V / 3, order=2)


def test_a_rule_may_call_the_op_itself() -> None:
    f = mg.defop("f", np.sin, [lambda g, ans, x: g * f(x + np.pi / 2)])
    assert mg.gradcheck(f, 0.7, order=2)
    np.testing.assert_allclose(mg.grad(mg.grad(mg.grad(f)))(0.7), -np.cos(0.7))


def test_metadata_are_keywords() -> None:
    def forward(x: Any, *, power: int = 2, offset: Any = 0.0) -> Any:
        return x**power + offset

    f = mg.defop(
        "f", forward, [lambda g, ans, x, power=2, offset=0.0: g * power * x ** (power - 1)]
    )
    assert mg.grad(f)(3.0) == 6.0
    assert mg.grad(lambda x: f(x, power=3))(3.0) == 27.0
    assert mg.value_and_grad(lambda x: f(x, offset=1.0))(3.0) == (10.0, 6.0)
    with pytest.raises(
        TypeError, match=r"f: exponent= is not supported \(it takes x, power, offset\)"
    ):
        f(3.0, exponent=3)


def test_arguments_may_be_named() -> None:
    f = mg.defop("f", lambda x, y: x / y, [lambda g, a, x, y: g / y, lambda g, a, x, y: -g * a / y])
    assert mg.grad(lambda t: f(y=t, x=6.0))(2.0) == -1.5


def test_several_arguments_and_a_rule_that_is_none() -> None:
    f = mg.defop("f", lambda x, n: x * n, [lambda g, ans, x, n: g * n, None])
    assert mg.grad(f)(3.0, 2.0) == 2.0
    with pytest.raises(TypeError, match="no derivative exists with respect to n"):
        mg.grad(f, 1)(3.0, 2.0)


split = mg.defop(
    "split",
    lambda x: (x[:1], x[1:]),
    [lambda g, ans, x: np.concatenate([g[0], g[1]])],
)


def test_several_outputs() -> None:
    x = leaf(V)
    head, tail = split(x)
    assert (head.shape, tail.shape) == ((1,), (2,))
    (head.sum() * 10 + (tail**2).sum()).backward()
    np.testing.assert_array_equal(x.grad, [10.0, 4.0, 6.0])
    assert mg.gradcheck(split, V)
    assert mg.gradcheck(lambda x: split(x)[0] * split(x)[1] ** 2, V, order=2)


def test_several_outputs_of_which_one_is_used() -> None:
    np.testing.assert_array_equal(mg.grad(lambda x: split(x)[1].sum())(V), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(mg.grad(lambda x: split(x)[0].sum())(V), [1.0, 0.0, 0.0])


def test_several_outputs_without_recording() -> None:
    assert all(type(y) is np.ndarray for y in split(V))
    assert all(not y.requires_grad for y in split(mg.Tensor(V)))


def test_any_number_of_arguments() -> None:
    total = mg.defop("total", lambda *xs: sum(xs), lambda g, ans, *xs, argnum: g * (argnum + 1))
    got = mg.grad(lambda a, b, c: total(a, b, c), (0, 1, 2))(1.0, 2.0, 3.0)
    assert got == (1.0, 2.0, 3.0)


def test_a_forward_that_returns_a_number() -> None:
    f = mg.defop("f", lambda x: float(np.sum(x)), [lambda g, ans, x: g * np.ones_like(x)])
    np.testing.assert_array_equal(mg.grad(f)(V), 1.0)
    y = f(leaf(V))
    assert isinstance(y, mg.Tensor)
    assert y.dtype == np.float64


def test_names_of_errors_and_graphs() -> None:
    bad = mg.defop("bad", lambda x: x @ np.ones((9, 9)), [lambda g, ans, x: g])
    weights = leaf(V)
    with pytest.raises(ValueError, match=r"bad\(weights\): weights \(3,\)"):
        bad(weights)
    assert "cube" in repr(cube(weights).node)


def test_an_error_inside_a_rule_names_the_op() -> None:
    bad = mg.defop("bad", lambda x: x * 2, [lambda g, ans, x: g @ np.ones((9, 9))])
    with pytest.raises(ValueError) as caught:
        bad(leaf(V)).sum().backward()
    assert "bad" in str(caught.value) + "".join(caught.value.__notes__)


def test_float32_rules_that_promote_are_cast_back() -> None:
    f = mg.defop("f", lambda x: x * 2, [lambda g, ans, x: g * np.float64(2)])
    x = leaf(V.astype(np.float32))
    f(x).sum().backward()
    assert x.grad.dtype == np.float32


def test_the_library_is_not_changed() -> None:
    shadow = mg.defop("exp", lambda x: x, [lambda g, ans, x: g], replace=True)
    assert mg.exp is not shadow
    np.testing.assert_allclose(np.exp(leaf(V)).data, np.exp(V))


def test_what_a_user_function_returns_is_its_own() -> None:
    held = np.array([1.0, 2.0])
    second = mg.defop("second", lambda x, y: y, [lambda g, ans, x, y: y, None])
    x = mg.Tensor([3.0, 4.0], requires_grad=True)
    second(x, held).sum().backward()
    x.grad[0] = 99.0
    held[1] = 5.0
    np.testing.assert_array_equal(held, [1.0, 5.0])


def test_a_rule_that_writes_into_the_gradient_is_found_by_debug() -> None:
    twice = mg.defop("twice", lambda x: 2 * x, [lambda g, ans, x: np.multiply(g, 2, out=g)])
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    with mg.debug(), pytest.raises(ValueError, match="read-only"):
        (twice(x * 1.0) + x).sum().backward()
