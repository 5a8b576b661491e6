"""Forward mode over the table of samples, against reverse mode: its truth is differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
import samples_statistics
from samples import SAMPLES, Sample, values

by_op: dict[str, list[Sample]] = {}
for s in SAMPLES:
    by_op.setdefault(s.op, []).append(s)
each_op = pytest.mark.parametrize("op", by_op)


def listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def close(got: Any, expected: Any, what: str, rtol: float = 1e-9) -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale, err_msg=what)


@each_op
def test_jacobian_forward_is_that_of_reverse_mode(op: str) -> None:
    for s in by_op[op]:
        argnums = tuple(range(len(s.args)))
        f = lambda *args, s=s: tuple(listed(s.f(*args)))
        backward = mg.jacobian(f, argnums, mode="reverse")(*s.args)
        forward = mg.jacobian(f, argnums, mode="forward")(*s.args)
        for ours, theirs in zip(forward, backward, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype
                close(a, b, s.id)


@each_op
def test_jvp_is_the_jacobian_times_the_tangent(op: str) -> None:
    for s in by_op[op]:
        f = lambda *args, s=s: tuple(listed(s.f(*args)))
        argnums = tuple(range(len(s.args)))
        tangents = tuple(values(np.shape(a), 7 + i) for i, a in enumerate(s.args))
        outputs, pushed = mg.jvp(f, s.args, tangents)
        whole = mg.jacobian(f, argnums, mode="reverse")(*s.args)
        value, pushforward = mg.linearize(f, *s.args)
        again = pushforward(*tangents)
        for k, (y, t) in enumerate(zip(outputs, pushed, strict=True)):
            expected = sum(
                np.tensordot(block, v, np.ndim(v))
                for block, v in zip(whole[k], tangents, strict=True)
            )
            assert np.shape(t) == np.shape(y)
            close(t, expected, s.id)
            close(again[k], expected, f"{s.id}, linearized")
            np.testing.assert_array_equal(value[k], y)


@each_op
def test_forward_over_reverse_and_over_forward(op: str) -> None:
    """Second derivatives along two directions, whichever way."""
    for s in by_op[op]:
        if not s.smooth or sum(np.size(a) for a in s.args) == 0:
            continue
        args = tuple(s.args)
        v, w = (tuple(values(np.shape(a), k + i) for i, a in enumerate(args)) for k in (3, 11))

        def f(*args: Any, s: Sample = s) -> Any:
            outputs = [y for y in listed(s.f(*args)) if np.result_type(y).kind == "f"]
            return sum((np.cos(np.arange(y.size)).reshape(y.shape) * y).sum() for y in outputs)

        gradient = mg.grad(f, tuple(range(len(args))))
        over_reverse = mg.jvp(gradient, args, w)[1]
        got = sum(np.sum(a * b) for a, b in zip(over_reverse, v, strict=True))
        slope = lambda *a, v=v: mg.jvp(f, a, v)[1]
        twice = mg.jvp(slope, args, w)[1]
        reverse = mg.grad(slope, tuple(range(len(args))))(*args)
        expected = sum(np.sum(a * b) for a, b in zip(reverse, w, strict=True))
        close(got, expected, f"{s.id}, forward over reverse", 1e-7)
        close(twice, expected, f"{s.id}, forward over forward", 1e-7)


# --- what travels with the values ------------------------------------------------------

X = np.array([1.0, 2.0, 3.0])
BASIC = [0, -1, np.int64(1), True, None, ..., slice(None, 2), (..., 0), (None, 1), (slice(2), None)]


@pytest.mark.parametrize("index", BASIC, ids=str)
def test_one_tangent_and_many_are_indexed_as_the_value_is(index: Any) -> None:
    f = lambda x: x[index] * 2
    np.testing.assert_array_equal(mg.jvp(f, (X,), (X,))[1], 2 * X[index])
    backward = mg.jacobian(f, mode="reverse")(X)
    np.testing.assert_array_equal(mg.jacobian(f, mode="forward")(X), backward)


def test_no_tangent_passes_no_grad() -> None:
    def f(x: Any) -> Any:
        with mg.no_grad():
            constant = x * x
        return constant * x

    np.testing.assert_array_equal(mg.jvp(f, (X,), (X,))[1], X**3)
    np.testing.assert_array_equal(mg.jacobian(f, mode="forward")(X), np.diag(X**2))


def test_a_value_that_outlives_its_tangent_is_a_leaf() -> None:
    kept: list[Any] = []
    mg.jvp(lambda x: (kept.append(x * 2), x)[1], (X,), (X,))
    w = mg.Tensor(X, requires_grad=True)
    (kept[0] * w).sum().backward()
    np.testing.assert_array_equal(w.grad, 2 * X)


def test_a_tangent_has_the_dtype_of_its_value() -> None:
    one = np.float32(1)
    value, tangent = mg.jvp(lambda x: x + np.float64(1), (one,), (one,))
    assert type(value) is type(tangent) is np.float64


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stacks_of_arrays_and_of_numbers(axis: int) -> None:
    f = lambda x: np.stack([x, x * x, np.ones(3)], axis=axis)
    backward = mg.jacobian(f, mode="reverse")(X)
    np.testing.assert_array_equal(mg.jacobian(f, mode="forward")(X), backward)
    assert mg.stack([mg.Tensor(X), X], axis=1).data.flags.c_contiguous
    with pytest.raises(np.exceptions.AxisError, match=r"stack\(.*axis=3\).*out of bounds"):
        mg.stack([mg.Tensor(X), X], axis=3)
    with pytest.raises(ValueError, match="must have the same shape"):
        mg.stack([mg.Tensor(X), X[:2]], axis=1)


# --- Hessians --------------------------------------------------------------------------


def test_a_hessian_calls_the_function_once_and_nests_blocks() -> None:
    calls = []

    def f(p: Any) -> Any:
        calls.append(p)
        return (p["a"] ** 2).sum() * p["b"]

    blocks = mg.hessian(f)({"a": X, "b": 2.0, "flag": True})
    assert len(calls) == 1
    np.testing.assert_array_equal(blocks["a"]["a"], 4 * np.eye(3))
    np.testing.assert_array_equal(blocks["a"]["b"], 2 * X)
    np.testing.assert_array_equal(blocks["b"]["a"], 2 * X)
    assert blocks["b"]["b"] == 0 and blocks["flag"] is None and blocks["a"]["flag"] is None


def test_hessians_of_what_is_constant_straight_or_no_function_of_real_numbers() -> None:
    np.testing.assert_array_equal(mg.hessian(lambda x: 3.0)(X), np.zeros((3, 3)))
    np.testing.assert_array_equal(mg.hessian(lambda x: x.sum())(X), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="needs a single number"):
        mg.hessian(lambda x: x)(X)
    with pytest.raises(TypeError, match="hessian: by complex numbers"):
        mg.hessian(lambda z: abs(z).sum())(X + 1j)


def test_log_sum_exp_forward_over_reverse_along_axes_and_beside_infinity() -> None:
    for axis, x in ((None, X), (0, X), (1, np.outer(X, X)), (None, np.outer(X, X))):
        f = lambda x, axis=axis: mg.logsumexp(x, axis=axis).sum()
        plainly = lambda x, axis=axis: np.log(np.exp(x).sum(axis=axis)).sum()
        close(mg.hessian(f)(x), mg.hessian(plainly)(x), f"axis {axis}")
    x = np.array([1.0, -np.inf])
    assert mg.jvp(mg.logsumexp, (x,), (np.ones(2),)) == (1.0, 1.0)
    assert type(mg.logsumexp(X)) is np.float64


@pytest.mark.parametrize("room", [1, 5, 1000])
def test_jacobians_of_what_is_large_come_in_parts(room: int, monkeypatch: Any) -> None:
    """One column at a time is the least, however large it is."""
    monkeypatch.setattr("minigrad.autodiff.jacobians.ROOM", room)
    x = np.array([0.5, 1.0, 2.0])
    for mode in ("forward", "reverse", "auto"):
        found = mg.jacobian(lambda x: np.outer(x, x), mode=mode)(x)
        want = np.eye(3)[:, None] * x[:, None] + x[:, None, None] * np.eye(3)
        np.testing.assert_allclose(found, want)
    hessian = mg.hessian(lambda x: np.sum(np.outer(x, x) ** 2))(x)
    np.testing.assert_allclose(hessian, 4 * (x @ x) * np.eye(3) + 8 * np.outer(x, x))


def test_log_sums_of_single_numbers() -> None:
    x = np.array([0.5, 1.0])
    for f in (
        lambda x: mg.logsumexp(x, axis=()),
        lambda x: mg.vmap(lambda v: mg.logsumexp(v, axis=-1))(x),
    ):
        for mode in ("forward", "reverse"):
            np.testing.assert_array_equal(mg.jacobian(f, mode=mode)(x), np.eye(2))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, ()])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_log_sums_of_rows_and_their_frames(shape: Any, axis: Any, keepdims: bool) -> None:
    x, t = np.random.default_rng(0).normal(size=(2, *shape))
    f = lambda x: mg.logsumexp(x, axis=axis, keepdims=keepdims)
    value, slope = mg.jvp(f, (x,), (t,))
    p = np.exp(x - mg.logsumexp(x, axis=axis, keepdims=True))
    expected = np.sum(p * t, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(slope, expected)
    assert np.shape(slope) == np.shape(value) == np.shape(expected)
