"""Steps of the campaign's programs: what random programs are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg

Step = Callable[..., Any]
CONSTANTS: list[Any] = [
    0, 1, -1, 2, 3, 0.0, -0.0, 0.5, -2.0, 0.1, 10, 300, 1e-3, 1e30, 1e-30, 1e200, True,
    np.float32(0.3), np.float64(1.7), np.float16(2), np.int8(3), np.inf,
    np.ones(3), np.ones((4, 1)), np.zeros(2), np.full(3, -2.0), np.array([0.0, -0.0, 0.0]),
    np.arange(3), np.array([True, False, True]), np.full((2, 3), 0.5, "f"),
]  # fmt: skip
UNARY: list[Step] = [
    np.negative, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.abs, np.sign, np.square,
    np.reciprocal, np.floor, np.log1p, np.expm1, np.arctan, np.cbrt, np.isnan, np.isfinite,
    np.signbit, np.logical_not, np.sinh, np.exp2, np.positive, np.copy,
    lambda x: x**2, lambda x: x**3, lambda x: x**4, lambda x: x**-1, lambda x: x**-2.0,
    lambda x: x**0.5, lambda x: x**0, lambda x: x + x, lambda x: 0 + x, lambda x: 0 - x,
    lambda x: x - 0.0, lambda x: 1 * x, lambda x: x * -1, lambda x: 1 / (1 + np.exp(-x)),
    lambda x: np.clip(x, -0.7, 1), lambda x: np.clip(x, 0, None), lambda x: np.ldexp(x, 3),
    lambda x: np.nan_to_num(x), lambda x: np.positive(x).astype("f"),
    lambda x: np.maximum(x, 0), lambda x: (x > 0) * x, lambda x: np.where(x > 0, x, 0.1 * x),
    mg.sigmoid, mg.relu, mg.softplus, mg.log_sigmoid, mg.gelu, mg.silu, mg.erf,
]  # fmt: skip
BINARY: list[Step] = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.arctan2, np.hypot,
    np.logaddexp, np.copysign, np.fmod, np.remainder, np.floor_divide, np.power, np.fmax,
    np.logical_and, np.logical_or, np.bitwise_and, np.bitwise_or, np.greater, np.less_equal,
    np.equal, np.not_equal, np.matmul, np.outer, np.dot, np.append,
    lambda x, y: x - 2 * y, lambda x, y: -(x - y), lambda x, y: 3 * x + 3 * y,
    lambda x, y: 0.25 * x - 0.25 * y, lambda x, y: x + (-y), lambda x, y: -x / y,
    lambda x, y: (2 * x) * (3 * y), lambda x, y: np.greater(x, y) + np.greater(x, 0),
    lambda x, y: x.T @ y,
    lambda x, y: x[:, None] - y, lambda x, y: x[..., None] * y,
    lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]), lambda x, y: np.stack([x, y]),
    lambda x, y: np.where(x > y, x, y), lambda x, y: x.sum(0) + y.sum(0),
    lambda x, y: np.sum(x * y), lambda x, y: x.T @ y + y.T @ x, lambda x, y: x @ (0.5 * y),
    lambda x, y: (x @ y).T, lambda x, y: x[np.argmax(y) % len(x)], lambda x, y: x[(y > 0) * 1],
    lambda x, y: np.einsum("i...,i...->...", x, y), lambda x, y: np.einsum("ij,j->i", x, y),
    lambda x, y: np.broadcast_to(x, np.shape(y)) * y, lambda x, y: np.full(np.shape(y), 2.0) * x,
    lambda x, y: np.stack([v @ y for v in x[:4]]), lambda x, y: np.stack([y @ v for v in x[:4]]),
    lambda x, y: np.stack([np.tanh(v + y) for v in x[:4]]),
    lambda x, y: np.concatenate([np.cos(x), x * y, x, y]),
]  # fmt: skip
SHAPING: list[Step] = [
    np.transpose, np.ravel, np.squeeze, np.atleast_2d, np.flip, np.sort, np.cumsum, np.diff,
    lambda x: x.T.T, lambda x: x.reshape(-1), lambda x: x[::-1], lambda x: x[...],
    lambda x: x[0], lambda x: x[-1:], lambda x: x[:, 0], lambda x: x[..., None], lambda x: x[None],
    lambda x: x[[0, -1, 0]], lambda x: x[np.array([True, False, True])], lambda x: x[:2],
    lambda x: np.swapaxes(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), lambda x: np.tile(x, 2),
    lambda x: np.repeat(x, 2, axis=0), lambda x: np.roll(x, 1), lambda x: np.pad(x, 1),
    lambda x: np.expand_dims(x, 1), lambda x: np.einsum("ij->ji", x), lambda x: np.diagonal(x),
    lambda x: np.einsum("ii->i", x), lambda x: np.split(x, [1])[0], lambda x: np.triu(x),
    lambda x: np.broadcast_to(x, (2, *np.shape(x))), lambda x: np.concatenate([x, 2 * x]),
    lambda x: x.reshape(2, -1), lambda x: np.zeros_like(x) + 1, lambda x: x[()],
    lambda x: np.concatenate([np.tanh(v) for v in x[:4]]), lambda x: np.stack([*x[:4]][::-1]),
    lambda x: np.concatenate([np.exp(x), np.cos(x)]) * np.concatenate([np.cos(x), np.tanh(x)]),
]  # fmt: skip
REDUCING: list[Step] = [
    np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.linalg.norm, np.any, np.all,
    np.argmax, np.median, np.ptp, mg.logsumexp, mg.softmax, mg.log_softmax,
    lambda x: x.sum(axis=0), lambda x: x.sum(axis=-1, keepdims=True), lambda x: x.mean(axis=0),
    lambda x: x.mean(axis=-1, keepdims=True), lambda x: x.max(axis=-1, keepdims=True),
    lambda x: np.sum(x, where=False), lambda x: np.sum(x, initial=2.0), lambda x: np.sum(x, ()),
    lambda x: np.sum(x, axis=(0,)), lambda x: np.sum(x, axis=(0, 1)), lambda x: np.sum(-3 * x),
    lambda x: x - x.max(axis=0), lambda x: x - x.mean(axis=-1, keepdims=True),
    lambda x: mg.softmax(x, axis=0), lambda x: mg.logsumexp(x, axis=0),
    lambda x: np.exp(x - mg.logsumexp(x, axis=-1, keepdims=True)), lambda x: np.sum(x * x),
    lambda x: np.cumprod(x), lambda x: np.quantile(x, 0.3), lambda x: np.average(x, axis=0),
    lambda x: x / np.sum(x), lambda x: x @ np.ones(np.shape(x)[-1]), lambda x: x.T @ x,
]  # fmt: skip

# --- what is no function of NumPy ------------------------------------------------------

softplus = mg.defop(
    "softplus",
    lambda x: np.sqrt(x * x + 1) + x,
    [lambda g, ans, x: g * (x / np.sqrt(x * x + 1) + 1)],
    replace=True,
)
PULLED = mg.defop(
    "pulled",
    lambda x, y, *, by=1.0: np.tanh(x - by * y),
    [
        lambda g, ans, x, y, *, by=1.0: g * (1 - ans * ans),
        lambda g, ans, x, y, *, by=1.0: -by * g * (1 - ans * ans),
    ],
)
looped = mg.checkpoint(lambda x: np.sin(x) * np.exp(-x * x))
compiled = mg.compile(lambda x: np.tanh(x) * 2 + x)


def pulled(x: Any, y: Any, by: float = 1.0) -> Any:
    """An op of the user: its rules know nothing of broadcasting."""
    if np.shape(x) != np.shape(y):
        raise ValueError("shapes differ")
    return PULLED(x, y, by=by)


def inner(x: Any) -> Any:
    """A compiled function in a function; Python's numbers take part as NumPy's."""
    y = compiled(x)
    return np.float64(y) if type(y) is float else y


def grown(x: Any) -> Any:
    """Assignments in place, of what is the function's own."""
    y = x * 2.0
    y += x
    y *= 0.5
    y -= 1
    return y


def filled(x: Any) -> Any:
    """An array that is written to."""
    y = mg.buffer(np.shape(x)) if isinstance(x, mg.Tensor) else np.zeros(np.shape(x))
    y[...] = x
    y[..., :1] = 0.5
    y[..., -1:] = y[..., :1] * 3.0
    return y + 0.0


def replaced(x: Any) -> Any:
    """A copy with other numbers in some places."""
    if isinstance(x, mg.Tensor):
        return x.at[..., 0].set(2.0)
    y = np.array(x)
    y[..., 0] = 2.0
    return y


def rolled(x: Any) -> Any:
    """A loop over what an array holds."""
    if len(x) > 20:
        raise ValueError("that would be a long loop")
    total = 0.0
    for row in x:
        total = 0.9 * total + np.sum(row * row)
    return total


def differentiated(x: Any) -> Any:
    """A gradient in the middle of a function."""
    return mg.grad(lambda z: np.sum(np.sin(z) * z))(x)


def pushed(x: Any) -> Any:
    """A tangent in the middle of a function."""
    return mg.jvp(lambda z: np.exp(-z * z), (x,), (np.ones_like(x),))[1]


def mapped(x: Any) -> Any:
    """A function of rows, of all rows."""
    return mg.vmap(lambda row: row * np.sum(row))(x)


def held(x: Any) -> Any:
    """What no gradient flows through."""
    return (x.detach() if isinstance(x, mg.Tensor) else x) * x


OTHERS: list[Step] = [
    softplus, pulled, lambda x, y: pulled(x, y, by=0.5), looped, inner, grown, filled, replaced,
    rolled, differentiated, pushed, mapped, held,
]  # fmt: skip
DROPOUT = mg.nn.Dropout(0.4)
TWO = frozenset({pulled, OTHERS[2]})
"""Those of two arguments."""
