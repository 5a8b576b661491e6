"""What an operation recorded in Python costs at the least: a tape of one page.

It has a handful of operations, and of minigrad's promises those that nobody can keep for less:
operands are checked, constants copied, results locked; nodes hold no results' owners, so that
there are no cycles; on the way back, gradients fit in shape and dtype.  It knows no keywords,
modes, complex numbers, arrays of other makers, derivatives of derivatives, or useful errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple

import numpy as np

NUMBERS = frozenset({int, float, np.float64})
float64, ndarray = np.float64, np.ndarray
next_seq = count().__next__


class Op(NamedTuple):
    """A forward function, a rule for each argument, and whether these read the arguments."""

    forward: Callable[..., Any]
    left: Callable[..., Any]
    right: Callable[..., Any] | None = None
    reads: bool = True


class Node:
    """One operation: its arguments, where they came from, and its value."""

    __slots__ = ("a", "ans", "b", "grad", "op", "pa", "pb", "seq")


class Variable:
    """An array, and the node that made it."""

    __slots__ = ("node", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.node = node = Node()
        node.op = node.grad = None
        node.seq = next_seq()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is not np.matmul or method != "__call__" or kwargs:
            return NotImplemented
        return record(PRODUCT, *inputs)

    def __add__(self, other: Any) -> Any:
        return record(SUM, self, other)

    def __sub__(self, other: Any) -> Any:
        return record(DIFFERENCE, self, other)

    def __rsub__(self, other: Any) -> Any:
        return record(DIFFERENCE, other, self)

    def __mul__(self, other: Any) -> Any:
        return record(TIMES, self, other)

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> Any:
        return record(PRODUCT, self, other)

    def __pow__(self, other: Any) -> Any:
        return record(SQUARE, self, other)

    def mean(self) -> Any:
        return record(MEAN, self, None)

    def sum(self) -> Any:
        return record(TOTAL, self, None)

    def backward(self) -> None:
        """Leave gradients in the ``grad`` of the nodes of all variables."""
        found, heap = {self.node: float64(1)}, [(-self.node.seq, self.node)]
        while heap:
            node = heappop(heap)[1]
            g, op, ans, a, b = found.pop(node), node.op, node.ans, node.a, node.b
            for parent, rule, x in ((node.pa, op.left, a), (node.pb, op.right, b)):
                if parent is None:
                    continue
                c = rule(g, ans, a, b)
                if type(c) is not float64 or type(x) is not float64:
                    c = fitted(c, x)
                if parent.op is None:
                    parent.grad = c if parent.grad is None else parent.grad + c
                elif parent in found:
                    found[parent] = found[parent] + c
                else:
                    found[parent] = c
                    heappush(heap, (-parent.seq, parent))


def fitted(c: Any, x: Any) -> Any:
    """The gradient ``c`` of ``x`` in its shape and dtype."""
    if c.shape != x.shape:
        c = np.add.reduce(c, axis=tuple(range(c.ndim - x.ndim)))
    return c if c.dtype is x.dtype else c.astype(x.dtype)


def operand(x: Any, reads: bool) -> tuple[Any, Any]:
    """Value and node of an operand; a constant array that rules will read is copied."""
    if type(x) is Variable:
        return x.value, x.node
    if type(x) in NUMBERS or x is None:
        return x, None
    if type(x) is not ndarray or x.dtype.kind not in "fiub":
        raise TypeError(f"{x!r} is no number and no array of numbers")
    return x.copy("K") if reads else x, None


def record(op: Op, x: Any, y: Any) -> Variable:
    """What ``op`` makes of ``x`` and ``y``, recorded."""
    (a, pa), (b, pb) = operand(x, op.reads), operand(y, op.reads)
    ans = op.forward(a, b)
    if type(ans) is ndarray and ans.dtype.kind == "f":
        ans.setflags(write=False)
    made = object.__new__(Variable)
    made.value = ans
    made.node = node = Node()
    node.op, node.a, node.b, node.pa, node.pb, node.ans = op, a, b, pa, pb, ans
    node.seq = next_seq()
    return made


def full(g: Any, a: Any) -> Any:
    """``g`` for every element of ``a``."""
    whole = np.empty(a.shape)
    whole.fill(g)
    return whole


SUM = Op(lambda a, b: a + b, lambda g, ans, a, b: g, lambda g, ans, a, b: g, reads=False)
DIFFERENCE = Op(lambda a, b: a - b, lambda g, ans, a, b: g, lambda g, ans, a, b: -g, reads=False)
TIMES = Op(lambda a, b: a * b, lambda g, ans, a, b: g * b, lambda g, ans, a, b: g * a)
SQUARE = Op(lambda a, b: a * a, lambda g, ans, a, b: g * (2 * a))
PRODUCT = Op(
    lambda a, b: a.dot(b),
    lambda g, ans, a, b: g.dot(b.T) if b.ndim > 1 else g[:, None] * b,
    lambda g, ans, a, b: a.T.dot(g),
)
MEAN = Op(
    lambda a, b: np.add.reduce(a, axis=None) / a.size, lambda g, ans, a, b: full(g / a.size, a)
)
TOTAL = Op(lambda a, b: np.add.reduce(a, axis=None), lambda g, ans, a, b: full(g, a))


def logistic(a: Any, _: Any) -> Any:
    """``1 / (1 + exp(-a))``, of an array that it may overwrite a copy of."""
    if type(a) is float64:
        return float64(1 / (1 + math.exp(-a)))
    s = np.negative(a)
    np.exp(s, s)
    s += 1
    return np.divide(1, s, s)


SIGMOID = Op(logistic, lambda g, ans, a, b: g * ans * (1 - ans))
TANH = Op(lambda a, b: np.tanh(a), lambda g, ans, a, b: g * (1 - ans * ans))


def sigmoid(x: Variable) -> Variable:
    """The logistic function."""
    return record(SIGMOID, x, None)


def tanh(x: Variable) -> Variable:
    """The hyperbolic tangent."""
    return record(TANH, x, None)
