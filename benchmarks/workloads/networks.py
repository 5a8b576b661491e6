"""Multilayer perceptrons, from one that is all calls to one that is all matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad as mg
from benchmarks.contest import Target, Workload, at_most
from benchmarks.contestants import (
    COMPILED,
    EAGER,
    HAND,
    JAX,
    TORCH,
    by_autograd,
    by_hand,
    by_jax,
    by_minigrad,
    by_mygrad,
    by_torch,
)

# --- regression, tanh, float64 ---------------------------------------------------------


def mlp32_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    W1, b1 = rng.normal(scale=0.25, size=(16, 8)), rng.normal(scale=0.1, size=8)
    W2, b2 = rng.normal(scale=0.35, size=(8, 1)), rng.normal(scale=0.1, size=1)
    return W1, b1, W2, b2, rng.normal(size=(n, 16)), rng.normal(size=(n, 1))


def mlp32_loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = mg.tanh(X @ W1 + b1)
    return ((h @ W2 + b2 - y) ** 2).mean()


mlp32 = Workload(
    "mlp32",
    "MLP 32×16→8→1, float64",
    mlp32_data,
    parameters=4,
    sizes={"n": 32},
    small={"n": 6},
    targets=(Target(COMPILED, 1.05, (HAND,)), Target(COMPILED, 1.0, (JAX,))),
)


@by_hand(mlp32)
def _(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = X.dot(W1)
    h += b1
    np.tanh(h, h)
    e = h.dot(W2)
    e += b2
    e -= y
    n = e.size
    loss = np.vdot(e, e) / n
    e *= 2 / n
    dW2, db2 = h.T.dot(e), np.add.reduce(e)
    h *= h
    np.subtract(1, h, h)
    h *= e
    h *= W2.T
    return loss, (X.T.dot(h), np.add.reduce(h), dW2, db2)


by_minigrad(mlp32)(mlp32_loss)


@by_torch(mlp32)
def _(torch: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = torch.tanh(torch.addmm(b1, X, W1))
    return torch.nn.functional.mse_loss(torch.addmm(b2, h, W2), y)


@by_jax(mlp32)
def _(jax: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = jax.numpy.tanh(X @ W1 + b1)
    return ((h @ W2 + b2 - y) ** 2).mean()


@by_autograd(mlp32)
def _(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = np.tanh(np.dot(X, W1) + b1)
    return np.mean((np.dot(h, W2) + b2 - y) ** 2)


@by_mygrad(mlp32)
def _(mygrad: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = mygrad.tanh(mygrad.matmul(X, W1) + b1)
    return ((mygrad.matmul(h, W2) + b2 - y) ** 2).mean()


# --- classification, ReLU, float32 -----------------------------------------------------


def images(n: int, pixels: int, hidden: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)

    def normal(scale: float, *shape: int) -> Any:
        return rng.normal(scale=scale, size=shape).astype(np.float32)

    X, y = normal(1, n, pixels), rng.integers(10, size=n)
    W1, W2 = normal(pixels**-0.5, pixels, hidden), normal(hidden**-0.5, hidden, 10)
    return W1, normal(0.1, hidden), W2, normal(0.1, 10), X, y


def mlp(name: str, n: int, hidden: int, targets: tuple[Target, ...], **how: Any) -> Workload:
    """A 784-``hidden``-10 network with softmax cross entropy, on ``n`` images."""
    workload = Workload(
        name,
        f"MLP {n}×784→{hidden}→10, float32",
        images,
        parameters=4,
        sizes={"n": n, "pixels": 784, "hidden": hidden},
        small={"n": 9, "pixels": 20, "hidden": 12},
        targets=targets,
        tolerance=1e-4,
        settle=0.12,
        **how,
    )

    @by_hand(workload)
    def _(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        n, rows = len(y), np.arange(len(y))
        h = X @ W1
        h += b1
        np.maximum(h, 0, out=h)
        p = h @ W2
        p += b2
        p -= np.maximum.reduce(p, axis=1, keepdims=True)
        correct = p[rows, y]
        np.exp(p, out=p)
        total = np.add.reduce(p, axis=1)
        loss = (np.add.reduce(np.log(total)) - np.add.reduce(correct)) / n
        total *= n
        p /= total[:, None]
        p[rows, y] -= 1 / n
        dh = p @ W2.T
        dh *= h > 0
        return loss, (X.T @ dh, np.add.reduce(dh), h.T @ p, np.add.reduce(p))

    @by_minigrad(workload)
    def _(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        h = mg.relu(X @ W1 + b1)
        logp = mg.log_softmax(h @ W2 + b2, axis=1)
        return -logp[np.arange(len(y)), y].mean()

    @by_torch(workload)
    def _(torch: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        h = torch.relu(torch.addmm(b1, X, W1))
        return torch.nn.functional.cross_entropy(torch.addmm(b2, h, W2), y)

    @by_autograd(workload)
    def _(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        from autograd.scipy.special import logsumexp

        h = np.maximum(np.dot(X, W1) + b1, 0)
        z = np.dot(h, W2) + b2
        return np.mean(logsumexp(z, axis=1) - z[np.arange(len(y)), y])

    @by_mygrad(workload)
    def _(mygrad: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        from mygrad.nnet.activations import relu
        from mygrad.nnet.losses import softmax_crossentropy

        h = relu(mygrad.matmul(X, W1) + b1)
        return softmax_crossentropy(mygrad.matmul(h, W2) + b2, y)

    @by_jax(workload)
    def _(jax: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
        logp = jax.nn.log_softmax(jax.nn.relu(X @ W1 + b1) @ W2 + b2, axis=1)
        return -logp[np.arange(len(y)), y].mean()

    return workload


AS_FAST_AS_ANY = (Target(COMPILED, 1.0, (HAND,)), Target(COMPILED, 1.0, (TORCH, JAX)))

mlp64 = mlp(
    "mlp64",
    64,
    128,
    (*at_most(1.15, HAND, who=EAGER), *at_most(1.0, TORCH, who=EAGER), *AS_FAST_AS_ANY),
)
mlp512 = mlp(
    "mlp512",
    512,
    1024,
    (
        *at_most(1.10, HAND, who=EAGER),
        *AS_FAST_AS_ANY,
        Target(COMPILED, 1.0, (HAND,), of="memory"),
    ),
    rounds=15,
)
