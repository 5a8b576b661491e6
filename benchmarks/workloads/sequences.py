"""Over sequences: a transformer block, a recurrence of many tiny steps, a hidden Markov model."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from benchmarks.contest import Target, Workload
from benchmarks.contestants import (
    COMPILED,
    HAND,
    JAX,
    TORCH,
    by_autograd,
    by_hand,
    by_jax,
    by_minigrad,
    by_tape,
    by_torch,
)

C, D = math.sqrt(2 / math.pi), 0.044715
"""Of GELU: ``0.5 x (1 + tanh(C (x + D x³)))``; NumPy has no error function."""


def layer_norm(np: Any, x: Any, gain: Any, bias: Any) -> Any:
    """Over the last axis, in the words of ``np``: NumPy's, or somebody's who speaks like it."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * gain + bias


# --- a transformer block ---------------------------------------------------------------


def transformer_data(batch: int, length: int, d: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)

    def normal(scale: float, *shape: int) -> Any:
        return rng.normal(scale=scale, size=shape).astype(np.float32)

    def affine(n: int, m: int) -> tuple[Any, Any]:
        return normal(n**-0.5, n, m), normal(0.1, m)

    def norm() -> tuple[Any, Any]:
        return 1 + normal(0.1, d), normal(0.1, d)

    attention = (*norm(), *affine(d, 3 * d), *affine(d, d))
    mlp = (*norm(), *affine(d, 4 * d), *affine(4 * d, d))
    x, target = normal(1, batch, length, d), normal(1, batch, length, d)
    return x, *attention, *mlp, target


HEADS = 4

transformer = Workload(
    "transformer",
    "Transformer block, d=64, 4 heads, sequence 32, batch 8, float32",
    transformer_data,
    parameters=13,
    sizes={"batch": 8, "length": 32, "d": 64},
    small={"batch": 2, "length": 5, "d": 8},
    targets=(Target(COMPILED, 0.9, (HAND,)), Target(COMPILED, 1.0, (TORCH,))),
    tolerance=1e-4,
    settle=0.12,
)


def normalised(x: Any, mean: Any) -> tuple[Any, Any]:
    """Rows of zero mean and unit variance, and what they were divided by, inverted."""
    xhat = x - x.dot(mean)[:, None]
    r = np.einsum("ij,ij->i", xhat, xhat)
    r /= x.shape[1]
    r += 1e-5
    np.sqrt(r, r)
    np.divide(1, r, r)
    xhat *= r[:, None]
    return xhat, r[:, None]


def through_norm(dxhat: Any, xhat: Any, r: Any, mean: Any) -> Any:
    """The gradient before normalisation from the one after; overwrites both arrays."""
    along = np.einsum("ij,ij->i", dxhat, xhat)
    along /= xhat.shape[1]
    dxhat -= dxhat.dot(mean)[:, None]
    xhat *= along[:, None]
    dxhat -= xhat
    dxhat *= r
    return dxhat


@by_hand(transformer)
def _(
    x: Any,
    g1: Any,
    b1: Any,
    Wqkv: Any,
    bqkv: Any,
    Wo: Any,
    bo: Any,
    g2: Any,
    b2: Any,
    W1: Any,
    c1: Any,
    W2: Any,
    c2: Any,
    target: Any,
) -> Any:
    batch, length, d = x.shape
    n, e = batch * length, d // HEADS
    heads = (batch, length, HEADS, e)
    ones, mean = np.ones(n, np.float32), np.full(d, 1 / d, np.float32)
    rows = x.reshape(n, d)

    # Attention; queries are scaled, which is less than the scores.
    xhat1, r1 = normalised(rows, mean)
    u1 = xhat1 * g1
    u1 += b1
    qkv = u1.dot(Wqkv)
    qkv += bqkv
    q, k, v = qkv.reshape(batch, length, 3, HEADS, e).transpose(2, 0, 3, 1, 4)
    q *= e**-0.5
    p = q @ k.swapaxes(2, 3)
    p -= np.maximum.reduce(p, axis=3, keepdims=True)
    np.exp(p, p)
    p /= np.add.reduce(p, axis=3, keepdims=True)
    o = np.empty(heads, np.float32)
    np.matmul(p, v, out=o.swapaxes(1, 2))
    o2 = o.reshape(n, d)
    y = o2.dot(Wo)
    y += bo
    y += rows

    # The perceptron; t = tanh(C m (1 + D m²)).
    xhat2, r2 = normalised(y, mean)
    u2 = xhat2 * g2
    u2 += b2
    m = u2.dot(W1)
    m += c1
    s = m * m
    t = s * (C * D)
    t += C
    t *= m
    np.tanh(t, t)
    h = t + 1
    h *= 0.5
    a = m * h
    error = a.dot(W2)
    error += c2
    error += y
    error -= target.reshape(n, d)
    loss = np.vdot(error, error) / error.size

    # Backward, overwriting what is no longer needed.
    error *= 2 / error.size
    dW2, dc2 = a.T.dot(error), ones.dot(error)
    s *= 3 * C * D
    s += C
    s *= m
    np.subtract(1, t, t)
    t *= s
    t += 1
    t *= h
    dm = np.matmul(error, W2.T, out=a)
    dm *= t
    dW1, dc1 = u2.T.dot(dm), ones.dot(dm)
    du = np.matmul(dm, W1.T, out=u2)
    db2 = ones.dot(du)
    dg2 = np.einsum("ij,ij->j", du, xhat2)
    du *= g2
    error += through_norm(du, xhat2, r2, mean)
    dWo, dbo = o2.T.dot(error), ones.dot(error)
    do = error.dot(Wo.T).reshape(heads)
    inner = np.einsum("blhe,blhe->bhl", do, o)[..., None]
    do = do.swapaxes(1, 2)
    dqkv = np.empty_like(qkv)
    dq, dk, dv = dqkv.reshape(batch, length, 3, HEADS, e).transpose(2, 0, 3, 1, 4)
    np.matmul(p.swapaxes(2, 3), do, out=dv)
    ds = do @ v.swapaxes(2, 3)
    ds -= inner
    ds *= p
    np.matmul(ds, k, out=dq)
    dq *= e**-0.5
    np.matmul(ds.swapaxes(2, 3), q, out=dk)
    dWqkv, dbqkv = u1.T.dot(dqkv), ones.dot(dqkv)
    du = np.matmul(dqkv, Wqkv.T, out=u1)
    db1 = ones.dot(du)
    dg1 = np.einsum("ij,ij->j", du, xhat1)
    du *= g1
    error += through_norm(du, xhat1, r1, mean)
    dx = error.reshape(x.shape)
    return loss, (dx, dg1, db1, dWqkv, dbqkv, dWo, dbo, dg2, db2, dW1, dc1, dW2, dc2)


def block(np: Any, softmax: Any, gelu: Any, x: Any, *more: Any) -> Any:
    """Pre-norm, and the mean square of what it misses, in the words of ``np``."""
    g1, b1, Wqkv, bqkv, Wo, bo, g2, b2, W1, c1, W2, c2, target = more
    batch, length, d = x.shape
    heads = (batch, length, 3, HEADS, d // HEADS)
    qkv = np.matmul(layer_norm(np, x, g1, b1), Wqkv) + bqkv
    q, k, v = np.transpose(np.reshape(qkv, heads), (2, 0, 3, 1, 4))
    p = softmax(np.matmul(q, np.swapaxes(k, 2, 3)) * (d // HEADS) ** -0.5)
    o = np.reshape(np.swapaxes(np.matmul(p, v), 1, 2), x.shape)
    y = x + np.matmul(o, Wo) + bo
    hidden = gelu(np.matmul(layer_norm(np, y, g2, b2), W1) + c1)
    out = y + np.matmul(hidden, W2) + c2
    return np.mean((out - target) ** 2)


@by_minigrad(transformer)
def _(*data: Any) -> Any:
    return block(mg, mg.softmax, partial(mg.gelu, approximate="tanh"), *data)


@by_torch(transformer)
def _(torch: Any, x: Any, *more: Any) -> Any:
    g1, b1, Wqkv, bqkv, Wo, bo, g2, b2, W1, c1, W2, c2, target = more
    F = torch.nn.functional
    batch, length, d = x.shape
    rows = F.layer_norm(x, (d,), g1, b1).view(-1, d)
    qkv = torch.addmm(bqkv, rows, Wqkv).view(batch, length, 3, HEADS, d // HEADS)
    o = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
    y = x.view(-1, d) + torch.addmm(bo, o.transpose(1, 2).reshape(-1, d), Wo)
    hidden = torch.addmm(c1, F.layer_norm(y, (d,), g2, b2), W1)
    out = y + torch.addmm(c2, F.gelu(hidden, approximate="tanh"), W2)
    return F.mse_loss(out, target.view(-1, d))


@by_jax(transformer)
def _(jax: Any, *data: Any) -> Any:
    return block(jax.numpy, jax.nn.softmax, jax.nn.gelu, *data)


@by_autograd(transformer)
def _(np: Any, *data: Any) -> Any:
    def softmax(x: Any) -> Any:
        p = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return p / np.sum(p, axis=-1, keepdims=True)

    def gelu(x: Any) -> Any:
        return 0.5 * x * (1 + np.tanh(C * (x + D * x * x * x)))

    return block(np, softmax, gelu, *data)


# --- a recurrent network ---------------------------------------------------------------


def rnn_data(steps: int, batch: int, hidden: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    inputs = 8
    Wx, Wh = rng.normal(size=(inputs, hidden)), rng.normal(size=(hidden, hidden))
    Wx, Wh, b = Wx * inputs**-0.5, Wh * hidden**-0.5, rng.normal(scale=0.1, size=hidden)
    Wy, by = rng.normal(scale=hidden**-0.5, size=(hidden, 1)), rng.normal(scale=0.1, size=1)
    return Wx, Wh, b, Wy, by, rng.normal(size=(steps, batch, inputs)), rng.normal(size=(batch, 1))


rnn = Workload(
    "rnn",
    "Recurrent network, 8 steps, hidden 16, batch 8, float64",
    rnn_data,
    parameters=5,
    sizes={"steps": 8, "batch": 8, "hidden": 16},
    small={"steps": 3, "batch": 2, "hidden": 4},
    targets=(Target(COMPILED, 0.9, (HAND,)), Target(COMPILED, 1.0, (JAX,))),
)


@by_hand(rnn)
def _(Wx: Any, Wh: Any, b: Any, Wy: Any, by: Any, x: Any, y: Any) -> Any:
    # Only what depends on the step before is done step by step.
    steps, batch, inputs = x.shape
    rows = x.reshape(-1, inputs)
    H = rows.dot(Wx)
    H += b
    H = H.reshape(steps, batch, -1)
    h = np.tanh(H[0], H[0])
    for z in H[1:]:
        z += h.dot(Wh)
        h = np.tanh(z, z)
    e = h.dot(Wy)
    e += by
    e -= y
    loss = np.vdot(e, e) / e.size
    e *= 2 / e.size
    dWy, dby = h.T.dot(e), np.add.reduce(e)
    dZ = H * H
    np.subtract(1, dZ, dZ)
    dz = dZ[-1]
    dz *= e
    dz *= Wy.T
    for before in dZ[-2::-1]:
        before *= dz.dot(Wh.T)
        dz = before
    hidden = H.shape[2]
    dWh = H[:-1].reshape(-1, hidden).T.dot(dZ[1:].reshape(-1, hidden))
    dZ = dZ.reshape(-1, hidden)
    return loss, (rows.T.dot(dZ), dWh, np.add.reduce(dZ), dWy, dby)


def recurrence(tanh: Any, Wx: Any, Wh: Any, b: Any, Wy: Any, by: Any, x: Any, y: Any) -> Any:
    """Forward, in the words of whose ``tanh`` it is."""
    h = tanh(x[0] @ Wx + b)
    for step in range(1, len(x)):
        h = tanh(x[step] @ Wx + h @ Wh + b)
    return ((h @ Wy + by - y) ** 2).mean()


by_minigrad(rnn)(partial(recurrence, mg.tanh))
by_tape(rnn)(lambda tape, *data: recurrence(tape.tanh, *data))
by_torch(rnn)(lambda torch, *data: recurrence(torch.tanh, *data))
by_jax(rnn)(lambda jax, *data: recurrence(jax.numpy.tanh, *data))
by_autograd(rnn)(lambda np, *data: recurrence(np.tanh, *data))


# --- a hidden Markov model -------------------------------------------------------------

hidden = Workload(
    "hidden",
    "A hidden Markov model, 5 states, 60 observations, float64",
    lambda states, steps: tuple(
        np.random.default_rng(0).normal(size=shape) for shape in ((states, states), states, steps)
    ),
    parameters=2,
    sizes={"states": 5, "steps": 60},
    small={"states": 2, "steps": 3},
)


@by_hand(hidden)
def _(A: Any, means: Any, y: Any) -> Any:
    """Forward and backward, in probabilities scaled to sum 1 at each step."""
    T, S = len(y), len(means)
    P = np.exp(A - A.max(1)[:, None])
    P /= P.sum(1)[:, None]
    e = y[:, None] - means
    seen = np.exp(-0.5 * e * e)
    ahead, behind, scale = np.empty((T, S)), np.empty((T, S)), np.empty(T)
    a = seen[0] / S
    for t in range(T):
        if t:
            a = ahead[t - 1].dot(P)
            a *= seen[t]
        scale[t] = s = np.add.reduce(a)
        np.divide(a, s, ahead[t])
    seen /= scale[:, None]
    behind[-1] = 1
    for t in range(T - 1, 0, -1):
        P.dot(seen[t] * behind[t], behind[t - 1])
    seen *= behind
    moves = ahead[:-1].T.dot(seen[1:])
    moves *= P
    stays = moves.sum(1)
    ahead *= behind
    ahead *= e
    return -np.log(scale).sum(), (P * stays[:, None] - moves, -ahead.sum(0))


def unlikely(logsumexp: Any, A: Any, means: Any, y: Any) -> Any:
    """The negative log-likelihood of ``y``, in logarithms."""
    moves = A - logsumexp(A, 1)[:, None]
    seen = -0.5 * (y[:, None] - means) ** 2
    a = seen[0] - math.log(len(means))
    for t in range(1, len(y)):
        a = logsumexp(a[:, None] + moves, 0) + seen[t]
    return -logsumexp(a, 0)


by_minigrad(hidden)(partial(unlikely, mg.logsumexp))
by_torch(hidden)(lambda torch, *data: unlikely(torch.logsumexp, *data))
by_jax(hidden)(lambda jax, *data: unlikely(jax.nn.logsumexp, *data))
