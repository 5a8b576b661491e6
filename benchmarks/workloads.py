"""The workloads: each defines its data once, and everybody's way to loss and gradients.

Everybody writes what a competent user of theirs would write, from the same NumPy data;
getting data in is not timed, and whatever a library hands out as a gradient counts.
Peers are imported by those who use them, so that they need not be installed.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from benchmarks import THREADS
from benchmarks.contest import Step, Target, Workload

HAND, BACKWARD, FUNCTION = "hand-written", "minigrad backward", "minigrad value_and_grad"
TORCH, JAX, AUTOGRAD, MYGRAD, MICROGRAD = "PyTorch", "jax.jit", "autograd", "MyGrad", "micrograd"


def jax_in_double() -> tuple[Any, Any]:
    """JAX and its NumPy, which would otherwise round everything to float32."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def minigrad_backward(loss: Callable[..., Any], *values: Any) -> Step:
    """The step of somebody who keeps parameters and calls ``backward()``."""
    parameters = [mg.Tensor(v, requires_grad=True) for v in values]

    def step() -> Any:
        for p in parameters:
            p.grad = None
        L = loss(*parameters)
        L.backward()
        return L, [p.grad for p in parameters]

    return step


def minigrad_function(loss: Callable[..., Any], *values: Any) -> Step:
    """The step of somebody who differentiates a function of plain arrays."""
    step = mg.value_and_grad(loss, argnums=tuple(range(len(values))))
    return lambda: step(*values)


def torch_backward(loss: Callable[..., Any], *values: Any) -> Step:
    """As `minigrad_backward`."""
    import torch

    torch.set_num_threads(THREADS)
    parameters = [torch.tensor(v, requires_grad=True) for v in values]

    def step() -> Any:
        for p in parameters:
            p.grad = None
        L = loss(*parameters)
        L.backward()
        return L, [p.grad for p in parameters]

    return step


def mygrad_backward(loss: Callable[..., Any], *values: Any) -> Step:
    """As `minigrad_backward`; MyGrad clears gradients by itself."""
    import mygrad

    parameters = [mygrad.tensor(v) for v in values]

    def step() -> Any:
        L = loss(*parameters)
        L.backward()
        return L, [p.grad for p in parameters]

    return step


def autograd_function(loss: Callable[..., Any], *values: Any) -> Step:
    """As `minigrad_function`; gradients of a tuple of parameters."""
    from autograd import value_and_grad

    step = value_and_grad(lambda parameters: loss(*parameters))
    return lambda: step(values)


def jax_function(loss: Callable[..., Any], *values: Any) -> Step:
    """As `minigrad_function`, compiled; parameters live on the device."""
    jax, _ = jax_in_double()
    step = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(len(values)))))
    on_device = [jax.device_put(v) for v in values]
    return lambda: jax.block_until_ready(step(*on_device))


# --- one neuron ------------------------------------------------------------------------

X, Y, W, B = 0.5, 1.5, 0.3, 0.1

neuron = Workload(
    "neuron",
    "One neuron, scalars",
    targets=(
        Target(BACKWARD, 0.18, TORCH),
        Target(FUNCTION, 0.18, TORCH),
        Target(BACKWARD, 0.75, MICROGRAD),
        Target(FUNCTION, 0.75, MICROGRAD),
    ),
)


@neuron.contestant(HAND)
def _() -> Step:
    def step() -> Any:
        a = 1 / (1 + math.exp(-(W * X + B)))
        e = Y - a
        dz = -e * a * (1 - a)
        return 0.5 * e * e, [dz * X, dz]

    return step


def neuron_loss(sigmoid: Callable[[Any], Any]) -> Callable[..., Any]:
    def loss(w: Any, b: Any) -> Any:
        z = w * X + b
        a = sigmoid(z)
        return 0.5 * (Y - a) ** 2

    return loss


@neuron.contestant(BACKWARD)
def _() -> Step:
    return minigrad_backward(neuron_loss(mg.sigmoid), W, B)


@neuron.contestant(FUNCTION)
def _() -> Step:
    return minigrad_function(neuron_loss(mg.sigmoid), W, B)


@neuron.contestant(TORCH)
def _() -> Step:
    import torch

    return torch_backward(neuron_loss(torch.sigmoid), np.float64(W), np.float64(B))


@neuron.contestant(MICROGRAD)
def _() -> Step:
    from micrograd.engine import Value

    def sigmoid(z: Any) -> Any:
        """One op, in micrograd's own style: version 0.1 has neither this nor exp."""
        out = Value(1 / (1 + math.exp(-z.data)), (z,), "σ")

        def backward() -> None:
            z.grad += out.data * (1 - out.data) * out.grad

        out._backward = backward
        return out

    loss = neuron_loss(sigmoid)
    w, b = Value(W), Value(B)

    def step() -> Any:
        w.grad = b.grad = 0
        L = loss(w, b)
        L.backward()
        return L.data, [w.grad, b.grad]

    return step


@neuron.contestant(AUTOGRAD)
def _() -> Step:
    import autograd.numpy as anp

    return autograd_function(neuron_loss(lambda z: 1 / (1 + anp.exp(-z))), W, B)


@neuron.contestant(MYGRAD)
def _() -> Step:
    from mygrad.nnet.activations import sigmoid

    return mygrad_backward(neuron_loss(sigmoid), W, B)


@neuron.contestant(JAX)
def _() -> Step:
    jax, _ = jax_in_double()
    return jax_function(neuron_loss(jax.nn.sigmoid), W, B)


# --- logistic sum of squares -----------------------------------------------------------

logistic = Workload(
    "logistic",
    "Logistic sum of squares, 500×3, float64",
    targets=(
        Target(BACKWARD, 0.40, TORCH),
        Target(FUNCTION, 0.40, TORCH),
        Target(BACKWARD, 3.0, HAND),
        Target(FUNCTION, 3.0, HAND),
    ),
)


def logistic_data() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = (rng.random(500) < 0.5).astype(np.float64)
    return X, y, rng.normal(size=3)


@logistic.contestant(HAND)
def _() -> Step:
    X, y, w = logistic_data()

    def step() -> Any:
        a = X @ w
        np.negative(a, out=a)
        np.exp(a, out=a)
        a += 1
        np.reciprocal(a, out=a)
        e = a - y
        loss = e @ e
        e *= a
        np.subtract(1, a, out=a)
        e *= a
        gradient = e @ X
        gradient *= 2
        return loss, [gradient]

    return step


def logistic_loss(X: Any, y: Any, sigmoid: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda w: ((sigmoid(X @ w) - y) ** 2).sum()


@logistic.contestant(BACKWARD)
def _() -> Step:
    X, y, w = logistic_data()
    return minigrad_backward(logistic_loss(X, y, mg.sigmoid), w)


@logistic.contestant(FUNCTION)
def _() -> Step:
    X, y, w = logistic_data()
    return minigrad_function(logistic_loss(X, y, mg.sigmoid), w)


@logistic.contestant(TORCH)
def _() -> Step:
    import torch

    X, y, w = logistic_data()
    return torch_backward(logistic_loss(torch.tensor(X), torch.tensor(y), torch.sigmoid), w)


@logistic.contestant(AUTOGRAD)
def _() -> Step:
    import autograd.numpy as anp

    X, y, w = logistic_data()
    return autograd_function(lambda w: anp.sum((1 / (1 + anp.exp(-anp.dot(X, w))) - y) ** 2), w)


@logistic.contestant(MYGRAD)
def _() -> Step:
    import mygrad
    from mygrad.nnet.activations import sigmoid

    X, y, w = logistic_data()
    return mygrad_backward(lambda w: ((sigmoid(mygrad.matmul(X, w)) - y) ** 2).sum(), w)


@logistic.contestant(JAX)
def _() -> Step:
    jax, jnp = jax_in_double()
    X, y, w = logistic_data()
    return jax_function(logistic_loss(jnp.asarray(X), jnp.asarray(y), jax.nn.sigmoid), w)


# --- multilayer perceptrons ------------------------------------------------------------


def mlp(name: str, n: int, hidden: int, targets: tuple[Target, ...], **how: Any) -> Workload:
    """A 784-``hidden``-10 ReLU network with softmax cross entropy, on ``n`` images."""
    title = f"MLP {n}×784→{hidden}→10, float32"
    workload = Workload(name, title, targets, tolerance=1e-4, settle=0.12, **how)
    rows = np.arange(n)

    def data() -> tuple[Any, ...]:
        rng = np.random.default_rng(0)

        def normal(scale: float, *shape: int) -> Any:
            return rng.normal(scale=scale, size=shape).astype(np.float32)

        X, y = normal(1, n, 784), rng.integers(10, size=n)
        W1, W2 = normal(784**-0.5, 784, hidden), normal(hidden**-0.5, hidden, 10)
        return X, y, W1, normal(0.1, hidden), W2, normal(0.1, 10)

    @workload.contestant(HAND)
    def _() -> Step:
        X, y, W1, b1, W2, b2 = data()

        def step() -> Any:
            h = X @ W1
            h += b1
            np.maximum(h, 0, out=h)
            z = h @ W2
            z += b2
            z -= z.max(axis=1, keepdims=True)
            correct = z[rows, y]
            p = np.exp(z, out=z)
            total = p.sum(axis=1)
            loss = (np.log(total) - correct).mean()
            p /= total[:, None]
            p[rows, y] -= 1
            p /= n
            dh = p @ W2.T
            dh *= h > 0
            return loss, [X.T @ dh, dh.sum(axis=0), h.T @ p, p.sum(axis=0)]

        return step

    def minigrad_loss(X: Any, y: Any) -> Callable[..., Any]:
        def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
            h = mg.relu(X @ W1 + b1)
            logp = mg.log_softmax(h @ W2 + b2, axis=1)
            return -logp[rows, y].mean()

        return loss

    @workload.contestant(BACKWARD)
    def _() -> Step:
        X, y, *parameters = data()
        return minigrad_backward(minigrad_loss(X, y), *parameters)

    @workload.contestant(FUNCTION)
    def _() -> Step:
        X, y, *parameters = data()
        return minigrad_function(minigrad_loss(X, y), *parameters)

    @workload.contestant(TORCH)
    def _() -> Step:
        import torch
        from torch.nn.functional import cross_entropy

        X, y, *parameters = data()
        X, y = torch.tensor(X), torch.tensor(y)

        def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
            h = torch.relu(torch.addmm(b1, X, W1))
            return cross_entropy(torch.addmm(b2, h, W2), y)

        return torch_backward(loss, *parameters)

    @workload.contestant(AUTOGRAD)
    def _() -> Step:
        import autograd.numpy as anp
        from autograd.scipy.special import logsumexp

        X, y, *parameters = data()

        def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
            h = anp.maximum(anp.dot(X, W1) + b1, 0)
            z = anp.dot(h, W2) + b2
            return anp.mean(logsumexp(z, axis=1) - z[rows, y])

        return autograd_function(loss, *parameters)

    @workload.contestant(MYGRAD)
    def _() -> Step:
        import mygrad
        from mygrad.nnet.activations import relu
        from mygrad.nnet.losses import softmax_crossentropy

        X, y, *parameters = data()

        def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
            h = relu(mygrad.matmul(X, W1) + b1)
            return softmax_crossentropy(mygrad.matmul(h, W2) + b2, y)

        return mygrad_backward(loss, *parameters)

    @workload.contestant(JAX)
    def _() -> Step:
        jax, jnp = jax_in_double()
        X, y, *parameters = data()
        X, y = jnp.asarray(X), jnp.asarray(y)

        def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
            logp = jax.nn.log_softmax(jax.nn.relu(X @ W1 + b1) @ W2 + b2, axis=1)
            return -logp[rows, y].mean()

        return jax_function(loss, *parameters)

    return workload


mlp64 = mlp(
    "mlp64",
    64,
    128,
    (
        Target(BACKWARD, 1.15, HAND),
        Target(FUNCTION, 1.15, HAND),
        Target(BACKWARD, 1.0, TORCH),
        Target(FUNCTION, 1.0, TORCH),
    ),
)
mlp512 = mlp(
    "mlp512",
    512,
    1024,
    (Target(BACKWARD, 1.10, HAND), Target(FUNCTION, 1.10, HAND)),
    rounds=15,
)


# --- scalar chains ---------------------------------------------------------------------


def chain(w: Any, ops: int, tanh: Callable[[Any], Any]) -> Any:
    """``ops`` operations, one on another: per ten of them nine ``*`` and ``+``, one tanh."""
    h = w
    for _ in range(ops // 10):
        h = h * 0.9 + w
        h = h * 0.8 + w
        h = h * 0.7 + w
        h = h * 0.6 + w
        h = tanh(h * w)
    return h


def hand_chain(ops: int) -> Step:
    """Values forward, slopes backward; ``h`` before each product with ``w`` is kept."""

    def step() -> Any:
        w = W
        h, kept = w, []
        for _ in range(ops // 10):
            h = h * 0.9 + w
            h = h * 0.8 + w
            h = h * 0.7 + w
            h = h * 0.6 + w
            t = math.tanh(h * w)
            kept.append((h, t))
            h = t
        g, dw = 1.0, 0.0
        for before, t in reversed(kept):
            g *= 1 - t * t
            dw += g * before
            g *= w
            dw += g
            g *= 0.6
            dw += g
            g *= 0.7
            dw += g
            g *= 0.8
            dw += g
            g *= 0.9
        return h, [dw + g]

    return step


def minigrad_chain(ops: int) -> Step:
    return minigrad_backward(lambda w: chain(w, ops, mg.tanh), W)


scalars = Workload(
    "chain",
    "Chain of 1,000 scalar ops",
    (Target(BACKWARD, 0.75, MICROGRAD),),
    per="op",
)


@scalars.contestant(HAND, ops=1000)
def _() -> Step:
    return hand_chain(1000)


@scalars.contestant(BACKWARD, ops=1000)
def _() -> Step:
    return minigrad_chain(1000)


@scalars.contestant(TORCH, ops=1000)
def _() -> Step:
    import torch

    return torch_backward(lambda w: chain(w, 1000, torch.tanh), np.float64(W))


@scalars.contestant(MICROGRAD, ops=1000)
def _() -> Step:
    from micrograd.engine import Value

    sys.setrecursionlimit(10_000)  # its backward() recurses once for every op

    def tanh(x: Any) -> Any:
        """One op, in micrograd's own style: version 0.1 has none."""
        out = Value(math.tanh(x.data), (x,), "tanh")

        def backward() -> None:
            x.grad += (1 - out.data**2) * out.grad

        out._backward = backward
        return out

    w = Value(W)

    def step() -> Any:
        w.grad = 0
        L = chain(w, 1000, tanh)
        L.backward()
        return L.data, [w.grad]

    return step


AT_THOUSAND, AT_MILLION = "minigrad, 1,000 ops", "minigrad, 1,000,000 ops"

deep = Workload(
    "deep",
    "Chain of 1,000,000 scalar ops",
    (Target(AT_MILLION, 1.5, AT_THOUSAND),),
    per="op",
    rounds=5,
)


@deep.contestant(AT_THOUSAND, ops=1000)
def _() -> Step:
    return minigrad_chain(1000)


@deep.contestant(AT_MILLION, ops=1_000_000)
def _() -> Step:
    return minigrad_chain(1_000_000)


@deep.contestant("hand-written, 1,000,000 ops", ops=1_000_000)
def _() -> Step:
    return hand_chain(1_000_000)


# --- import ----------------------------------------------------------------------------

imports = Workload(
    "import",
    "Importing, with Python's start",
    (Target("import minigrad", 1.25, "import numpy"),),
    per="process",
)


def process(statement: str) -> Callable[[], Step]:
    """A whole process; bytecode is cached, as it is for whoever installs a package."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def step() -> None:
        subprocess.run([sys.executable, "-c", statement], env=environment, check=True)

    return lambda: step


for statement in ("import numpy", "import minigrad", "pass"):
    imports.contestant(statement)(process(statement))


WORKLOADS = {w.name: w for w in (neuron, logistic, mlp64, mlp512, scalars, deep, imports)}
