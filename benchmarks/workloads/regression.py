"""Small regressions, and a Hessian: some ten NumPy calls each, so that every call counts.

Hand-written code therefore uses what costs least to call: methods instead of operators for
products, ``np.add.reduce`` for sums, scaling where the arrays are smallest.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from benchmarks.contest import Step, Target, Workload, at_most
from benchmarks.contestants import (
    AUTOGRAD,
    BACKWARD,
    COMPILED,
    EAGER,
    HAND,
    JAX,
    TORCH,
    UNKEPT,
    by_autograd,
    by_hand,
    by_jax,
    by_minigrad,
    by_mygrad,
    by_tape,
    by_torch,
    compiled,
    entered,
    jax_in_double,
    unkept_backward,
)

NEXT_TO_HAND = (Target(COMPILED, 1.05, (HAND,)), Target(COMPILED, 1.0, (JAX,)))

# --- logistic sum of squares -----------------------------------------------------------


def logistic_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = (rng.random(n) < 0.5).astype(np.float64)
    return rng.normal(size=3), X, y


logistic = Workload(
    "logistic",
    "Logistic sum of squares, 500×3, float64",
    logistic_data,
    parameters=1,
    sizes={"n": 500},
    small={"n": 7},
    targets=(
        *at_most(0.40, TORCH, who=EAGER),
        *at_most(3.0, HAND, who=EAGER),
        Target(BACKWARD, 1.05, (UNKEPT,)),
        *NEXT_TO_HAND,
    ),
)


@by_hand(logistic)
def _(w: Any, X: Any, y: Any) -> Any:
    a = X.dot(-w)
    np.exp(a, a)
    a += 1
    np.divide(1, a, a)
    e = a - y
    loss = e.dot(e)
    e *= a
    np.subtract(1, a, a)
    e *= a
    dw = e.dot(X)
    dw *= 2
    return loss, (dw,)


@entered(logistic, UNKEPT, unkept_backward, 1)
@by_minigrad(logistic)
def _(w: Any, X: Any, y: Any) -> Any:
    return ((mg.sigmoid(X @ w) - y) ** 2).sum()


@by_tape(logistic)
def _(tape: Any, w: Any, X: Any, y: Any) -> Any:
    return ((tape.sigmoid(X @ w) - y) ** 2).sum()


@by_torch(logistic)
def _(torch: Any, w: Any, X: Any, y: Any) -> Any:
    return ((torch.sigmoid(X @ w) - y) ** 2).sum()


@by_jax(logistic)
def _(jax: Any, w: Any, X: Any, y: Any) -> Any:
    return ((jax.nn.sigmoid(X @ w) - y) ** 2).sum()


@by_autograd(logistic)
def _(np: Any, w: Any, X: Any, y: Any) -> Any:
    return np.sum((1 / (1 + np.exp(-np.dot(X, w))) - y) ** 2)


@by_mygrad(logistic)
def _(mygrad: Any, w: Any, X: Any, y: Any) -> Any:
    from mygrad.nnet.activations import sigmoid

    return ((sigmoid(mygrad.matmul(X, w)) - y) ** 2).sum()


# --- linear regression -----------------------------------------------------------------


def linear_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 10))
    return rng.normal(size=10), 0.5, X, X @ rng.normal(size=10) + rng.normal(size=n)


linear = Workload(
    "linear",
    "Linear regression, half the mean square, 442×10, float64",
    linear_data,
    parameters=2,
    sizes={"n": 442},
    small={"n": 13},
    targets=(
        *at_most(4.0, HAND, who=EAGER),
        Target(BACKWARD, 1.05, (UNKEPT,)),
        *NEXT_TO_HAND,
    ),
)


@by_hand(linear)
def _(w: Any, b: float, X: Any, y: Any) -> Any:
    e = X.dot(w)
    e += b
    e -= y
    n = len(e)
    dw = e.dot(X)
    dw /= n
    return e.dot(e) / (2 * n), (dw, np.add.reduce(e) / n)


def half_mean_square(w: Any, b: Any, X: Any, y: Any) -> Any:
    return 0.5 * ((X @ w + b - y) ** 2).mean()


by_minigrad(linear)(half_mean_square)
entered(linear, UNKEPT, unkept_backward, 1)(half_mean_square)
by_tape(linear)(lambda tape, *data: half_mean_square(*data))
by_torch(linear)(lambda torch, *data: half_mean_square(*data))
by_jax(linear)(lambda jax, *data: half_mean_square(*data))


@by_autograd(linear)
def _(np: Any, w: Any, b: Any, X: Any, y: Any) -> Any:
    return 0.5 * np.mean((np.dot(X, w) + b - y) ** 2)


# --- softmax regression ----------------------------------------------------------------


def softmax_data(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(4, 3)),
        rng.normal(size=3),
        rng.normal(size=(n, 4)),
        rng.integers(3, size=n),
    )


softmax = Workload(
    "softmax",
    "Softmax regression, 150×4→3, float64",
    softmax_data,
    parameters=2,
    sizes={"n": 150},
    small={"n": 11},
    targets=NEXT_TO_HAND,
)


@by_hand(softmax)
def _(W: Any, b: Any, X: Any, y: Any) -> Any:
    # Classes come first: maxima and sums over three rows cost less than over 150.
    n = len(y)
    p = W.T.dot(X.T)
    p += b[:, None]
    p -= np.maximum.reduce(p)
    flat, hits = p.reshape(-1), y * n
    hits += np.arange(n)
    correct = flat.take(hits)
    np.exp(p, p)
    total = np.add.reduce(p)
    loss = (np.add.reduce(np.log(total)) - np.add.reduce(correct)) / n
    total *= n
    p /= total
    flat[hits] -= 1 / n
    return loss, (X.T.dot(p.T), np.add.reduce(p, axis=1))


@by_minigrad(softmax)
def _(W: Any, b: Any, X: Any, y: Any) -> Any:
    logp = mg.log_softmax(X @ W + b, axis=1)
    return -logp[np.arange(len(y)), y].mean()


@by_torch(softmax)
def _(torch: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    return torch.nn.functional.cross_entropy(torch.addmm(b, X, W), y)


@by_jax(softmax)
def _(jax: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    logp = jax.nn.log_softmax(X @ W + b, axis=1)
    return -logp[np.arange(len(y)), y].mean()


@by_autograd(softmax)
def _(np: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    from autograd.scipy.special import logsumexp

    z = np.dot(X, W) + b
    return np.mean(logsumexp(z, axis=1) - z[np.arange(len(y)), y])


# --- the Hessian of log-sum-exp --------------------------------------------------------

hessian = Workload(
    "hessian",
    "Hessian of log-sum-exp, 50 dimensions, float64",
    data=lambda n: (np.random.default_rng(0).normal(size=n),),
    parameters=1,
    sizes={"n": 50},
    small={"n": 5},
    targets=(Target(COMPILED, 1.0, (HAND,)), Target("minigrad hessian", 8.0, (HAND,))),
)


@by_hand(hessian)
def _(x: Any) -> Any:
    p = x - np.maximum.reduce(x)
    np.exp(p, p)
    p /= np.add.reduce(p)
    H = p[:, None] * -p
    H.reshape(-1)[:: len(p) + 1] += p
    return H, ()


@hessian.contestant("forward over reverse, by hand")
def _(x: Any) -> Step:
    """What `minigrad.hessian` computes, without asking what it is."""

    def step() -> Any:
        top = np.maximum.reduce(x)
        y = np.log(np.add.reduce(np.exp(x - top))) + top
        p = np.exp(x - y)
        dx = np.eye(len(x))
        dy = dx @ p
        return p * (dx - dy[:, None]), ()

    return step


def alone(hessian_of: Any, x: Any) -> Step:
    """A step whose only answer is the Hessian."""
    return lambda: (hessian_of(x), ())


@hessian.contestant("minigrad hessian")
def _(x: Any) -> Step:
    return alone(mg.hessian(mg.logsumexp), x)


@hessian.contestant(COMPILED)
def _(x: Any) -> Step:
    return alone(compiled(mg.hessian(mg.logsumexp)), x)


@hessian.contestant(TORCH)
def _(x: Any) -> Step:
    import torch

    f = partial(torch.logsumexp, dim=0)
    return alone(partial(torch.autograd.functional.hessian, f), torch.tensor(x))


@hessian.contestant(JAX)
def _(x: Any) -> Step:
    jax = jax_in_double()
    step = jax.jit(jax.hessian(jax.nn.logsumexp))
    return alone(lambda x: jax.block_until_ready(step(x)), jax.device_put(x))


@hessian.contestant(AUTOGRAD)
def _(x: Any) -> Step:
    import autograd
    from autograd.scipy.special import logsumexp

    return alone(autograd.hessian(logsumexp), x)
