"""What the form of a call costs: one neuron's compiled ``value_and_grad``, called in every way.

Each form is measured against the plain one beside it, in turns, so that a machine that is
busy with other things slows both.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import pickle
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg

ROUNDS = 100
ROUND = 50.0
"""Microseconds of a round, so that most rounds are not interrupted."""
LIMIT = 1.5, 0.5
"""How much a form may take: times the plain one, and microseconds besides."""


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclasses.dataclass
class Params:
    w: Any
    b: Any


def neuron(w: Any, b: Any, x: Any, y: Any) -> Any:
    return 0.5 * (y - mg.sigmoid(w * x + b)) ** 2


def layer(w: Any, b: Any, x: Any, y: Any) -> Any:
    return ((y - np.tanh(x * w + b)) ** 2).sum()


class Neuron:
    def __init__(self) -> None:
        self.y = 1.5

    def loss(self, w: Any, b: Any, x: Any) -> Any:
        return neuron(w, b, x, self.y)

    __call__ = loss


W, B, X, Y = 0.3, 0.1, 0.5, 1.5
Timed = tuple[str, Callable[[], Any], Callable[[], Any]]


def both(f: Any, argnums: Any = (0, 1)) -> Any:
    return mg.compile(mg.value_and_grad(f, argnums))


def calls() -> list[Timed]:
    """Name, the call of that form, and the plain one that it is measured against."""
    step = both(neuron)
    plain = lambda: step(W, B, X, Y)
    found: list[Timed] = []

    def add(name: str, f: Any, *args: Any, like: Any = plain, **kwargs: Any) -> None:
        found.append((name, functools.partial(f, *args, **kwargs), like))

    add("plain", both(neuron), W, B, X, Y)
    add("`*args`", both(lambda *a: neuron(*a)), W, B, X, Y)
    add("`**kwargs`", both(lambda w, b, **k: neuron(w, b, **k)), W, B, x=X, y=Y)
    add("keyword-only", both(lambda w, b, *, x, y: neuron(w, b, x, y)), W, B, x=X, y=Y)
    add("keywords", both(neuron), W, B, y=Y, x=X)
    add("defaults", both(lambda w, b, x=X, y=Y: neuron(w, b, x, y)), W, B)
    add("positional-only", both(lambda w, b, x, y, /: neuron(w, b, x, y)), W, B, X, Y)
    add(
        "called `np, x0, work, result`",
        both(lambda np, x0, work, result: neuron(np, x0, work, result)),
        W,
        B,
        X,
        Y,
    )
    kinds = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "0-d": np.array}
    for name, kind in kinds.items():
        add(name, both(neuron), *map(kind, (W, B, X, Y)))
    add("float32 beside Python's floats", both(neuron), np.float32(W), np.float32(B), X, Y)
    whole = both(neuron)
    for n in (1, 2):
        whole(W, B, n, n + 1)
    add("int", whole, W, B, 3, 4)
    add("Tensors", both(neuron), *map(mg.Tensor, (W, B, X, Y)))
    by_pair = lambda p, x, y: neuron(p[0], p[1], x, y)
    by_name = lambda p, x, y: neuron(p.w, p.b, x, y)
    add("list", both(by_pair, 0), [W, B], X, Y)
    add("tuple", both(by_pair, 0), (W, B), X, Y)
    add("dict", both(lambda p, x, y: neuron(p["w"], p["b"], x, y), 0), {"w": W, "b": B}, X, Y)
    ordered = collections.OrderedDict(w=W, b=B)
    add("OrderedDict", both(lambda p, x, y: neuron(p["w"], p["b"], x, y), 0), ordered, X, Y)
    add("named tuple", both(by_name, 0), Pair(W, B), X, Y)
    forward = mg.compile(neuron)
    of_params = mg.compile(lambda p, x, y: neuron(p.w, p.b, x, y))
    add("dataclass", of_params, Params(W, B), X, Y, like=lambda: forward(W, B, X, Y))
    add("dataclass, by which it is differentiated", both(by_name, 0), Params(W, B), X, Y)
    options = {"x": X, "y": Y}
    reading = both(lambda w, b: neuron(w, b, options["x"], options["y"]))
    add("a captured dict", reading, W, B)
    add("bound method", both(Neuron().loss), W, B, X)
    add("callable object", both(Neuron()), W, B, X)
    add("partial", both(functools.partial(neuron, x=X, y=Y)), W, B)
    k, c = 0.5, 1.5
    add("two captured numbers", both(lambda w, b: neuron(w, b, k, c)), W, B)
    second = mg.compile(mg.hessian(lambda w: neuron(w, B, X, Y)))
    add(
        "hessian of a method",
        mg.compile(mg.hessian(lambda w: Neuron.loss(NEURON, w, B, X))),
        W,
        like=lambda: second(W),
    )
    return found + arrays()


NEURON = Neuron()


def arrays() -> list[Timed]:
    """The same with arrays of 200 elements."""
    a = [np.linspace(x, x + 1, 200) for x in (W, B, X, Y)]
    step, other = both(layer), both(layer)
    plain = lambda: step(*a)
    b = [x[:-1] for x in a]
    other(*a), other(*b)
    found: list[Timed] = [("arrays", plain, plain)]

    def add(name: str, f: Any, *args: Any) -> None:
        found.append((name, functools.partial(f, *args), plain))

    add("unpickled arrays", both(layer), *pickle.loads(pickle.dumps(a)))
    add("big-endian arrays", both(layer), *(x.astype(">f8") for x in a))
    add("a 0-d array beside", both(layer), a[0], np.array(B), a[2], a[3])
    add("Tensors of arrays", both(layer), *map(mg.Tensor, a))
    add("strided arrays", both(layer), *(np.repeat(x, 2)[::2] for x in a))
    turn = [0]

    def alternating() -> Any:
        turn[0] ^= 1
        return other(*(a if turn[0] else b))

    found.append(("two shapes in turn", alternating, plain))
    large = np.ones((100, 200))
    inside = mg.compile(mg.value_and_grad(lambda w: (np.tanh(large * w) ** 2).sum()))
    outside = mg.compile(mg.value_and_grad(lambda w, large: (np.tanh(large * w) ** 2).sum()))
    w = a[0]
    found.append(("160 kB captured", lambda: inside(w), lambda: outside(w, large)))
    return found


def microseconds(f: Callable[[], Any], calls: int) -> float:
    """What one of so many calls takes."""
    start = time.perf_counter_ns()
    for _ in range(calls):
        f()
    return (time.perf_counter_ns() - start) / calls / 1e3


def table(rounds: int = ROUNDS) -> str:
    """Every form as Markdown, with what the plain one takes."""
    lines = [
        f"## Forms of a call (µs; at most {LIMIT[0]} × plain + {LIMIT[1]})\n",
        "| form | plain | this form | ratio | within |",
        "|---|---|---|---|---|",
    ]
    for name, call, plain in calls():
        once = min(microseconds(plain, 2) for _ in range(5))
        n = 2 * max(1, min(25, int(ROUND / once / 2)))
        microseconds(call, 2)
        pairs = [(microseconds(plain, n), microseconds(call, n)) for _ in range(rounds)]
        base, took = (min(column) for column in zip(*pairs, strict=True))
        within = "yes" if took <= LIMIT[0] * base + LIMIT[1] else "**no**"
        lines.append(f"| {name} | {base:.2f} | {took:.2f} | {took / base:.2f} | {within} |")
    return "\n".join(lines) + "\n"
