"""Scalars: all cost is bookkeeping, and hand-written code is pure Python."""

from __future__ import annotations

import math
import sys
from typing import Any

import minigrad as mg
from benchmarks.contest import Step, Target, Workload, at_most
from benchmarks.contestants import (
    BACKWARD,
    COMPILED,
    EAGER,
    HAND,
    JAX,
    MICROGRAD,
    TORCH,
    by_autograd,
    by_hand,
    by_jax,
    by_minigrad,
    by_mygrad,
    by_tape,
    by_torch,
    minigrad_backward,
)

# --- one neuron ------------------------------------------------------------------------

neuron = Workload(
    "neuron",
    "One neuron, scalars",
    data=lambda: (0.3, 0.1, 0.5, 1.5),
    parameters=2,
    targets=(
        *at_most(0.18, TORCH, who=EAGER),
        *at_most(0.75, MICROGRAD, who=EAGER),
        Target(COMPILED, 3.0, (HAND,)),
        Target(COMPILED, 0.25, (JAX,)),
    ),
)


@by_hand(neuron)
def _(w: float, b: float, x: float, y: float) -> Any:
    a = 1 / (1 + math.exp(-(w * x + b)))
    e = a - y
    dz = e * a * (1 - a)
    return 0.5 * e * e, (dz * x, dz)


@by_minigrad(neuron)
def _(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = w * x + b
    a = mg.sigmoid(z)
    return 0.5 * (y - a) ** 2


@by_tape(neuron)
def _(tape: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - tape.sigmoid(w * x + b)) ** 2


@by_torch(neuron)
def _(torch: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - torch.sigmoid(w * x + b)) ** 2


@by_jax(neuron)
def _(jax: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - jax.nn.sigmoid(w * x + b)) ** 2


@by_autograd(neuron)
def _(np: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - 1 / (1 + np.exp(-(w * x + b)))) ** 2


@by_mygrad(neuron)
def _(mygrad: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
    from mygrad.nnet.activations import sigmoid

    return 0.5 * (y - sigmoid(w * x + b)) ** 2


@neuron.contestant(MICROGRAD)
def _(w: float, b: float, x: float, y: float) -> Step:
    from micrograd.engine import Value

    def sigmoid(z: Any) -> Any:
        """One op, in micrograd's own style: version 0.1 has neither this nor exp."""
        out = Value(1 / (1 + math.exp(-z.data)), (z,), "σ")

        def backward() -> None:
            z.grad += out.data * (1 - out.data) * out.grad

        out._backward = backward
        return out

    wv, bv = Value(w), Value(b)

    def step() -> Any:
        wv.grad = bv.grad = 0
        L = 0.5 * (y - sigmoid(wv * x + bv)) ** 2
        L.backward()
        return L.data, [wv.grad, bv.grad]

    return step


# --- chains ----------------------------------------------------------------------------


def chained(w: Any, ops: int, tanh: Any) -> Any:
    """``ops`` operations, one on another: per ten of them nine ``*`` and ``+``, one tanh."""
    h = w
    for _ in range(ops // 10):
        h = h * 0.9 + w
        h = h * 0.8 + w
        h = h * 0.7 + w
        h = h * 0.6 + w
        h = tanh(h * w)
    return h


def chained_by_hand(w: float, ops: int) -> Any:
    """Values forward, slopes backward; ``h`` before each product with ``w`` is kept."""
    tanh = math.tanh
    h, kept = w, []
    for _ in range(ops // 10):
        h = h * 0.9 + w
        h = h * 0.8 + w
        h = h * 0.7 + w
        h = h * 0.6 + w
        t = tanh(h * w)
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
    return h, (dw + g,)


OPS = 1000

chain = Workload(
    "chain",
    "Chain of 1,000 scalar ops",
    data=lambda: (0.3,),
    parameters=1,
    targets=(Target(BACKWARD, 0.75, (MICROGRAD,)), Target(COMPILED, 1.5, (HAND,))),
    per="op",
)


@by_hand(chain, OPS)
def _(w: float) -> Any:
    return chained_by_hand(w, OPS)


@by_minigrad(chain, OPS)
def _(w: Any) -> Any:
    return chained(w, OPS, mg.tanh)


@by_tape(chain, OPS)
def _(tape: Any, w: Any) -> Any:
    return chained(w, OPS, tape.tanh)


@by_torch(chain, OPS)
def _(torch: Any, w: Any) -> Any:
    return chained(w, OPS, torch.tanh)


@by_jax(chain, OPS)
def _(jax: Any, w: Any) -> Any:
    return chained(w, OPS, jax.numpy.tanh)


@by_autograd(chain, OPS)
def _(np: Any, w: Any) -> Any:
    return chained(w, OPS, np.tanh)


@chain.contestant(MICROGRAD, OPS)
def _(w: float) -> Step:
    from micrograd.engine import Value

    sys.setrecursionlimit(10_000)  # its backward() recurses once for every op

    def tanh(x: Any) -> Any:
        """One op, in micrograd's own style: version 0.1 has none."""
        out = Value(math.tanh(x.data), (x,), "tanh")

        def backward() -> None:
            x.grad += (1 - out.data**2) * out.grad

        out._backward = backward
        return out

    wv = Value(w)

    def step() -> Any:
        wv.grad = 0
        L = chained(wv, OPS, tanh)
        L.backward()
        return L.data, [wv.grad]

    return step


AT_THOUSAND, AT_MILLION = "minigrad, 1,000 ops", "minigrad, 1,000,000 ops"

deep = Workload(
    "deep",
    "Chain of 1,000,000 scalar ops",
    data=lambda: (0.3,),
    parameters=1,
    small=None,
    targets=(Target(AT_MILLION, 1.5, (AT_THOUSAND,)),),
    per="op",
    rounds=5,
)


@deep.contestant(AT_THOUSAND, 1000)
def _(w: float) -> Step:
    return minigrad_backward(lambda w: chained(w, 1000, mg.tanh), 1, w)


@deep.contestant(AT_MILLION, 1_000_000)
def _(w: float) -> Step:
    return minigrad_backward(lambda w: chained(w, 1_000_000, mg.tanh), 1, w)


@deep.contestant("hand-written, 1,000,000 ops", 1_000_000)
def _(w: float) -> Step:
    return lambda: chained_by_hand(w, 1_000_000)
