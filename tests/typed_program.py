"""A program of a user who checks types: ``mypy --strict tests/typed_program.py`` finds nothing.

What must be an error is marked ``type: ignore``, which is an error itself where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import losses, nn, optim

Array = NDArray[np.float64]


def one_neuron() -> mg.Tensor:
    """Operators with numbers on either side give Tensors."""
    w = mg.Tensor(0.3, requires_grad=True)
    b = mg.Tensor(0.1, requires_grad=True)
    z = 0.5 * w + b
    a = mg.sigmoid(z)
    assert_type(z, mg.Tensor)
    assert_type(a, mg.Tensor)
    assert_type(-a, mg.Tensor)
    assert_type(1 - a, mg.Tensor)
    assert_type(a**2, mg.Tensor)
    assert_type(1 / (1 + mg.exp(-z)), mg.Tensor)
    loss = 0.5 * (1.5 - a) ** 2
    loss.backward()
    return loss


def functions(X: Array) -> None:
    """Tensors in, Tensors out; arrays in, arrays out."""
    W = mg.Tensor(np.ones((2, 3)), requires_grad=True)
    h = mg.tanh(mg.matmul(X, W))
    assert_type(h, mg.Tensor)
    assert_type(h @ W.T, mg.Tensor)
    assert_type(h[0], mg.Tensor)
    assert_type(h.sum(axis=0), mg.Tensor)
    assert_type(h.mean().reshape(1, 1), mg.Tensor)
    assert_type(mg.sum(h, axis=1, keepdims=True), mg.Tensor)
    assert_type(mg.maximum(0.0, h), mg.Tensor)
    assert_type(mg.where(h > 0, h, 0.0), mg.Tensor)
    assert_type(mg.concatenate([h, h], axis=1), mg.Tensor)
    assert_type(mg.stack([h, h]), mg.Tensor)
    assert_type(mg.einsum("ij,jk->ik", X, W), mg.Tensor)
    assert_type(mg.einsum("ij->j", h), mg.Tensor)
    assert_type(mg.split(h, 2), list[mg.Tensor])
    assert_type(mg.modf(h), tuple[mg.Tensor, mg.Tensor])
    assert_type(mg.linalg.inv(h.T @ h + np.eye(3)), mg.Tensor)
    assert_type(mg.fft.rfft(h), mg.Tensor)
    assert_type(mg.softmax(h, axis=-1), mg.Tensor)
    assert_type(mg.exp(X), NDArray[Any])
    assert_type(h.shape, tuple[int, ...])
    assert_type(h.ndim, int)
    for row in h:
        assert_type(row, mg.Tensor)
    if (h > 0).all():
        print(h.detach())


def mistakes() -> None:
    """What mypy must find."""
    loss = one_neuron()
    loss.nonsens()  # type: ignore[attr-defined]
    loss.exp()  # type: ignore[attr-defined]
    mg.sigmod(loss)  # type: ignore[attr-defined]
    mg.exp(loss, dim=0)  # type: ignore[call-overload]
    mg.sum(loss, dim=0)  # type: ignore[call-overload]
    losses.mse(loss)  # type: ignore[call-overload]
    mg.Tensor()  # type: ignore[call-arg]
    loss.shape = (1,)  # type: ignore[misc]


def train(net: nn.Module, X: Array, y: NDArray[np.int64], steps: int) -> list[float]:
    """Layers, losses and optimisers."""
    adam = optim.Adam(net.parameters(), lr=0.05)
    history = []
    for _ in range(steps):
        loss = losses.cross_entropy(net(X), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        history.append(float(loss))
    return history


def transformed(f: Callable[[Any], Any], X: Array) -> None:
    """Functions of functions."""
    gradient = mg.grad(f)
    gradient(X)
    mg.hessian(f)(X)
    value, slope = mg.value_and_grad(f)(X)
    print(value, slope)
    mg.compile(f)(X)
    print(mg.trace(f, X).source)
    print(mg.gradcheck(f, X).verdict)


def graded() -> None:
    """The readings."""
    w = mg.Tensor(3.0, requires_grad=True)
    loss = w**2
    assert_type(mg.losses.mse(w, np.array(1.0)), mg.Tensor)
    assert_type(mg.losses.mse(np.array(1.0), w), mg.Tensor)
    assert_type(mg.losses.cross_entropy(mg.array([w, w]), np.array([0, 1])[0]), mg.Tensor)
    assert_type(mg.add(w, np.array([1.0, 2.0])), mg.Tensor)
    assert_type(mg.where(np.array([True]), 0.0, w), mg.Tensor)
    explained = mg.explain(loss, w)
    print(explained, [row.formula for row in explained.rows], mg.explain(loss, w, mode="forward"))
    report = mg.check_derivation(loss, {"dL/dw": 6.0})
    print(report.ok, report.first_error)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    data = rng.normal(size=(6, 2))
    labels = (data[:, 0] > 0).astype(np.int64)
    functions(data)
    print(one_neuron())
    layers = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    print(train(layers, data, labels, 5)[-1])
    transformed(lambda x: (x**2).sum(), data)
    graded()
