"""Dask arrays as data: forward and gradient stay lazy, and compute to what NumPy gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")

X = np.random.default_rng(0).uniform(0.5, 2.0, (6, 4))
W = np.random.default_rng(1).uniform(-1.0, 1.0, (4, 3))
ROW = np.random.default_rng(2).uniform(-1.0, 1.0, 4)


@pytest.fixture
def computed() -> Iterator[list[str]]:
    """Keys of every task that ran, on whatever scheduler."""
    ran: list[str] = []
    with dask.callbacks.Callback(pretask=lambda key, dsk, state: ran.append(str(key))):
        yield ran


def lazy(x: Any) -> Any:
    return da.from_array(x, chunks=2)


CASES: dict[str, tuple[Any, ...]] = {
    "arithmetic": (lambda x: ((x * 2 + 1) / x - x**2).sum(), X),
    "powers": (lambda x: (x**3 + x**0.5 + 2.0**x).sum(), X),
    "exp and log": (lambda x: (np.exp(x) * np.log(x) + np.sqrt(x)).sum(), X),
    "trigonometry": (lambda x: (np.sin(x) * np.cos(x) + np.tanh(x) + np.arctan(x)).sum(), X),
    "negative, absolute, square": (lambda x: (np.abs(-x) + np.square(x)).sum(), X),
    "maximum": (lambda x: np.maximum(x, 1.0).sum(), X),
    "where": (lambda x: np.where(x > 1.0, x**2, x).sum(), X),
    "sigmoid": (lambda x: mg.sigmoid(x).sum(), X),
    "relu": (lambda x: mg.relu(x - 1).sum(), X),
    "softplus": (lambda x: mg.softplus(x).sum(), X),
    "sum over an axis": (lambda x: (np.sum(x, axis=0) ** 2).sum(), X),
    "sum, kept": (lambda x: (x * x.sum(axis=1, keepdims=True)).sum(), X),
    "sum over two axes": (lambda x: np.sum(x**2, axis=(0, 1)), X),
    "mean": (lambda x: np.mean(x**2), X),
    "mean over an axis": (lambda x: (np.mean(x, axis=-1) ** 2).sum(), X),
    "max": (lambda x: np.max(x) * 3, X),
    "max over an axis": (lambda x: (x.max(axis=0) ** 2).sum(), X),
    "min over an axis": (lambda x: (x.min(axis=1) ** 2).sum(), X),
    "matmul": (lambda x, w: ((x @ w) ** 2).sum(), X, W),
    "matmul with a vector": (lambda x, v: ((x @ v) ** 2).sum(), X, ROW),
    "reshape": (lambda x: (x.reshape(2, 3, 4) ** 2).sum(), X),
    "transpose": (lambda x, w: ((w.T @ x.T) ** 2).sum(), X, W),
    "swapaxes": (lambda x: (np.swapaxes(x, 0, 1)[0] ** 2).sum(), X),
    "basic indexing": (lambda x: (x[1:5, ::2] ** 2).sum() + x[0, 1], X),
    "new axes": (lambda x, v: (x * v[None, :]).sum(), X, ROW),
    "broadcasting": (lambda x, v: ((x + v) * v).sum(), X, ROW),
    "broadcasting a column": (lambda x: (x[:, :1] * x).sum(), X),
    "logistic regression": (lambda x, v: mg.softplus(-(x @ v)).mean(), X, ROW),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_lazy_forward_and_gradient(case: Any, computed: list[str]) -> None:
    f, *arrays = case
    xs = [mg.Tensor(lazy(a), requires_grad=True) for a in arrays]
    y = f(*xs)
    assert isinstance(y, mg.Tensor)
    assert isinstance(y.data, da.Array)
    y.backward()
    grads = [x.grad for x in xs]
    assert all(isinstance(g, da.Array) for g in grads)
    assert [g.shape for g in grads] == [a.shape for a in arrays]
    assert not computed, "something was computed on the way"

    expected_value, expected = mg.value_and_grad(f, tuple(range(len(arrays))))(*arrays)
    np.testing.assert_allclose(y.data.compute(), expected_value, rtol=1e-12)
    for g, e in zip(grads, expected, strict=True):
        np.testing.assert_allclose(g.compute(), e, rtol=1e-12, atol=1e-14)
    assert computed


def test_value_and_grad_stay_lazy(computed: list[str]) -> None:
    f = lambda x, v: ((x @ v) ** 2).mean()
    value, (dx, dv) = mg.value_and_grad(f, (0, 1))(lazy(X), lazy(ROW))
    gradient = mg.grad(f)(lazy(X), ROW)
    assert all(isinstance(a, da.Array) for a in (value, dx, dv, gradient))
    assert not computed
    np.testing.assert_allclose(gradient.compute(), mg.grad(f)(X, ROW), rtol=1e-12)


def test_second_derivatives_stay_lazy(computed: list[str]) -> None:
    f = lambda x: (x**3).sum()
    found = mg.hvp(f, lazy(X), lazy(np.ones_like(X)))
    assert isinstance(found, da.Array)
    assert not computed
    np.testing.assert_allclose(found.compute(), 6 * X, rtol=1e-12)


def test_a_parameter_in_memory_and_data_on_the_cluster() -> None:
    w = mg.Tensor(ROW, requires_grad=True)
    loss = ((lazy(X) @ w - 1.0) ** 2).mean()
    loss.backward()
    expected = mg.grad(lambda w: ((X @ w - 1.0) ** 2).mean())(ROW)
    np.testing.assert_allclose(np.asarray(w.grad), expected, rtol=1e-12)


def test_float32(computed: list[str]) -> None:
    x = mg.Tensor(lazy(X.astype(np.float32)), requires_grad=True)
    y = (np.exp(x) * 2 + x.mean()).sum()
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32
    assert not computed
    assert x.grad.compute().dtype == np.float32


def test_repr_does_not_compute(computed: list[str]) -> None:
    x = mg.Tensor(lazy(X), requires_grad=True, name="x")
    text = repr(x)
    assert "dask.array" in text
    assert "name='x'" in text
    assert not computed


def test_cholesky_is_the_lower_factor_in_blocks_too() -> None:
    a = np.array([[4.0, 2.0, 1.0, 0.5], [2.0, 5.0, 0.3, 1.0], [1.0, 0.3, 6.0, 2.0], [0.5, 1, 2, 7]])
    blocks = da.from_array(a, chunks=2)
    factor = np.linalg.cholesky(mg.Tensor(blocks, requires_grad=True))
    np.testing.assert_allclose(np.asarray(factor.data), np.linalg.cholesky(a), atol=1e-12)

    def f(a: Any) -> Any:
        return np.sum(np.linalg.cholesky(a) ** 2 * np.arange(16.0).reshape(4, 4))

    np.testing.assert_allclose(np.asarray(mg.grad(f)(blocks)), mg.grad(f)(a), atol=1e-12)
