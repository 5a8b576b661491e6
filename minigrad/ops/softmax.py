"""Log-sum-exp and softmax: exponentials that never overflow.

Elements of -inf take no part.  Where all are -inf, or one is +inf or NaN, the shares are
undefined: softmax and log_softmax are NaN there, and log-sum-exp is -inf, +inf and NaN.
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.ops.record import primitive
from minigrad.ops.reduction import from_end, kept, restore
from minigrad.ops.rows import extreme, summed
from minigrad.ops.shape import shape_of, speaks_numpy
from minigrad.typing import Array, Axis, Tangents


def top_of(x: Array, axis: Axis) -> Array:
    """The largest element, to be subtracted before exponentials."""
    if type(x) is np.ndarray and x.size:
        return extreme(np.maximum, x, axis, True)
    if np.size(x) == 0:
        return 0.0
    return (np.float64(x) if isinstance(x, int | float) else x).max(axis=axis, keepdims=True)


def shift_of(x: Array, axis: Axis) -> Array:
    """The largest finite element, where there is one: what is left of it does not overflow."""
    top = top_of(x, axis)
    if type(top) is float:  # of nothing
        return top
    if type(top) is np.ndarray and math.isfinite(
        top.item() if top.size == 1 else np.vdot(top, top)  # one look, and no warning
    ):
        return top
    top = top_of(np.where(np.isfinite(x), x, -math.inf), axis)
    return np.where(np.isfinite(top), top, 0.0)


def shares(ans: Array, x: Array, axis: Axis) -> Array:
    """softmax(x), given the log-sum-exp; 0 where all are -inf."""
    ans = restore(ans, x, axis)
    empty = ans == -math.inf
    if speaks_numpy(empty) or (empty.any() if np.ndim(empty) else empty):
        ans = np.where(empty, 0.0, ans)
    return np.exp(x - ans)


def logsumexp_rule(g: Array, ans: Array, x: Array, axis: Axis = None, **_: object) -> Array:
    return restore(g, x, axis) * shares(ans, x, axis)


def logsumexp_jvp(
    ts: Tangents, ans: Array, x: Array, axis: Axis = None, keepdims: bool = False
) -> Array:
    """``Σ softmax(x) t``."""
    if len(shape_of(x)) == 1 and axis != () and not keepdims:
        return ts[0] @ shares(ans, x, axis)
    return summed(shares(ans, x, axis) * ts[0], from_end(x, axis), bool(keepdims))


@primitive(
    vjps=(logsumexp_rule,), fresh=True, cost=10, warns=frozenset({"divide"}), jvp=logsumexp_jvp
)
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """``log Σ exp(x)`` over ``axis``, without overflow; its gradient is softmax(x).

    Derivative: ``exp(x - y)``: softmax.
    """
    shift = shift_of(x, axis)
    # log 0 = -inf is the value of an empty sum; beside infinity nothing else counts
    with np.errstate(divide="ignore", over="ignore"):
        ans = np.log(summed(np.exp(x - shift), axis, True)) + shift
    return ans if keepdims else ans.reshape(kept(x, axis))[()]


def softmax_rule(g: Array, ans: Array, x: Array, axis: Axis = -1) -> Array:
    return ans * (g - summed(g * ans, axis, True))


def softmax_jvp(ts: Tangents, ans: Array, x: Array, axis: Axis = -1) -> Array:
    """``s ∘ (t - Σ s t)``: the Jacobian is symmetric."""
    return softmax_rule(ts[0], ans, x, from_end(x, axis))


@primitive(vjps=(softmax_rule,), fresh=True, cost=10, jvp=softmax_jvp)
def softmax(x: Array, axis: Axis = -1) -> Array:
    """``exp(x) / Σ exp(x)`` along ``axis`` (the last by default), without overflow.

    Derivative: ``dx = y·(dy - sum(dy·y))``.

    The Jacobian is ``diag(s) - s sᵀ``, with s the result.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.jacobian(mg.softmax)(np.array([0.0, 0.0]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    e = np.exp(x - top_of(x, axis))
    e /= summed(e, axis, True)
    return e


def log_softmax_rule(g: Array, ans: Array, x: Array, axis: Axis = -1) -> Array:
    return g - np.exp(ans) * summed(g, axis, True)


def log_softmax_jvp(ts: Tangents, ans: Array, x: Array, axis: Axis = -1) -> Array:
    """``t - Σ softmax(x) t``."""
    return ts[0] - summed(np.exp(ans) * ts[0], from_end(x, axis), True)


@primitive(vjps=(log_softmax_rule,), fresh=True, cost=10, jvp=log_softmax_jvp)
def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """``log softmax(x)`` along ``axis`` (the last by default), without overflow.

    The derivative of entry i by x is ``eᵢ - softmax(x)``.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> mg.grad(lambda x: mg.log_softmax(x)[0])(np.array([0.0, 0.0]))
    array([ 0.5, -0.5])
    """
    z = x - top_of(x, axis)
    return z - np.log(summed(np.exp(z), axis, True))
