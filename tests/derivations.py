"""Random derivations as a student writes them, step by step, with a slip in one step.

A family is a network with its derivation in plain NumPy: each step computes a quantity
from the student's own earlier ones, and lists the ways to get it wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

import minigrad as mg

Formula = Callable[[Any], Any]


@dataclass
class Step:
    """A quantity, its formula in terms of the earlier ones, and slips by kind."""

    name: str
    key: Any
    formula: Formula
    slips: dict[str, Formula] = field(default_factory=dict)


@dataclass
class Derivation:
    """A recorded output, the steps from it to the inputs, and the numbers they start from."""

    output: Any
    steps: list[Step]
    start: dict[str, Any]
    n: int = 1
    tensors: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = sys._getframe(2).f_locals  # the variables of the family, for whoever grades it
        self.tensors = {k: v for k, v in found.items() if isinstance(v, mg.Tensor | float)}

    def write(self, slip: tuple[int, Formula] | None = None, carry: bool = True) -> dict[Any, Any]:
        """The student's values, with a slip in one step; followed or not by the later ones."""
        own, true = SimpleNamespace(**self.start), SimpleNamespace(**self.start)
        hand = {}
        for i, step in enumerate(self.steps):
            right = step.formula(true)
            setattr(true, step.name, right)
            value = step.formula(own if carry else true)
            if slip is not None and slip[0] == i:
                value = slip[1](own)
            hand[step.key] = value
            setattr(own, step.name, value)
        return hand


def leaf(rng: Any, *shape: int, scale: float = 1.0) -> Any:
    return mg.Tensor(rng.normal(size=shape) * scale, requires_grad=True)


ACTIVATIONS: list[tuple[Any, Formula, Formula]] = [
    (mg.sigmoid, lambda z, a: a * (1 - a), lambda z, a: z * (1 - z)),
    (np.tanh, lambda z, a: 1 - a**2, lambda z, a: 1 - z**2),
]


def one_neuron(rng: Any) -> Derivation:
    f, prime, at_z = ACTIVATIONS[rng.integers(2)]
    x, y = map(float, rng.uniform(-2, 2, 2))
    w, b = leaf(rng), leaf(rng)
    z = w * x + b
    a = f(z)
    L = 0.5 * (y - a) ** 2
    steps = [
        Step("La", (L, a), lambda s: -(s.y - s.a)),
        Step("az", (a, z), lambda s: prime(s.z, s.a), {"wrong_node": lambda s: at_z(s.z, s.a)}),
        Step("Lz", (L, z), lambda s: s.La * s.az, {"missing_local_factor": lambda s: s.La}),
        Step("Lw", (L, w), lambda s: s.Lz * s.x, {
            "missing_local_factor": lambda s: s.Lz, "wrong_node": lambda s: s.Lz * s.y}),
        Step("Lb", (L, b), lambda s: s.Lz, {"extra_local_factor": lambda s: s.Lz * s.x}),
    ]  # fmt: skip
    return Derivation(L, steps, {"x": x, "y": y, "z": z.item(), "a": a.item()})


def two_neurons(rng: Any) -> Derivation:
    f, prime, at_z = ACTIVATIONS[rng.integers(2)]
    x, y = map(float, rng.uniform(-2, 2, 2))
    w1, b1, w2, b2 = (leaf(rng) for _ in range(4))
    z2 = w1 * x + b1
    a2 = f(z2)
    z3 = w2 * a2 + b2
    a3 = f(z3)
    L = (a3 - y) ** 2
    steps = [
        Step("d3", a3, lambda s: 2 * (s.a3 - s.y)),
        Step("e3", z3, lambda s: s.d3 * prime(s.z3, s.a3), {
            "missing_local_factor": lambda s: s.d3,
            "wrong_node": lambda s: s.d3 * at_z(s.z3, s.a3)}),
        Step("gw2", w2, lambda s: s.e3 * s.a2, {
            "missing_local_factor": lambda s: s.e3, "wrong_node": lambda s: s.e3 * s.x}),
        Step("gb2", b2, lambda s: s.e3, {"extra_local_factor": lambda s: s.e3 * s.a2}),
        Step("d2", a2, lambda s: s.e3 * s.w2, {"missing_local_factor": lambda s: s.e3}),
        Step("e2", z2, lambda s: s.d2 * prime(s.z2, s.a2), {
            "missing_local_factor": lambda s: s.d2,
            "wrong_node": lambda s: s.d2 * prime(s.z3, s.a3),
            "extra_local_factor": lambda s: s.d2 * prime(s.z2, s.a2) * prime(s.z3, s.a3)}),
        Step("gw1", w1, lambda s: s.e2 * s.x, {"missing_local_factor": lambda s: s.e2}),
        Step("gb1", b1, lambda s: s.e2),
    ]  # fmt: skip
    start = {"x": x, "y": y, "z2": z2, "a2": a2, "z3": z3, "a3": a3, "w2": w2}
    return Derivation(L, steps, {k: float(v) for k, v in start.items()})


def two_in_a_layer(rng: Any) -> Derivation:
    x, y = map(float, rng.uniform(-2, 2, 2))
    w1, w2, v1, v2, b = (leaf(rng) for _ in range(5))
    z1, z2 = w1 * x, w2 * x
    a1, a2 = mg.sigmoid(z1), np.tanh(z2)
    z = v1 * a1 + v2 * a2 + b
    p = mg.sigmoid(z)
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    xt = mg.Tensor(0.7, requires_grad=True)
    s1, s2 = np.sin(xt), xt * xt
    m = s1 * s2
    total = L + m
    steps = [
        Step("dp", p, lambda s: -s.y / s.p + (1 - s.y) / (1 - s.p), {
            "dropped_path": lambda s: -s.y / s.p}),
        Step("dz", z, lambda s: s.dp * s.p * (1 - s.p), {
            "missing_local_factor": lambda s: s.dp,
            "wrong_node": lambda s: s.dp * s.z * (1 - s.z)}),
        Step("gv1", v1, lambda s: s.dz * s.a1, {"wrong_node": lambda s: s.dz * s.a2}),
        Step("gw1", w1, lambda s: s.dz * s.v1 * s.a1 * (1 - s.a1) * s.x, {
            "missing_local_factor": lambda s: s.dz * s.v1 * s.x,
            "wrong_node": lambda s: s.dz * s.v2 * s.a1 * (1 - s.a1) * s.x}),
        Step("gw2", w2, lambda s: s.dz * s.v2 * (1 - s.a2**2) * s.x, {
            "missing_local_factor": lambda s: s.dz * (1 - s.a2**2) * s.x}),
        Step("gx", xt, lambda s: np.cos(s.t) * s.t**2 + np.sin(s.t) * 2 * s.t, {
            "dropped_path": lambda s: np.sin(s.t) * 2 * s.t,
            "sign": lambda s: -np.cos(s.t) * s.t**2 + np.sin(s.t) * 2 * s.t}),
    ]  # fmt: skip
    start = {"x": x, "y": y, "p": p, "z": z, "a1": a1, "a2": a2, "v1": v1, "v2": v2, "t": xt}
    return Derivation(total, steps, {k: float(v) for k, v in start.items()})


def logistic(rng: Any) -> Derivation:
    n, k = int(rng.integers(5, 12)), int(rng.integers(2, 5))
    X, y = rng.normal(size=(n, k)), rng.integers(0, 2, (n, 1)).astype(float)
    mean = bool(rng.integers(2))
    W, b = leaf(rng, k, 1), leaf(rng, 1)
    z = X @ W + b
    p = mg.sigmoid(z)
    squares = (p - y) ** 2
    L = np.mean(squares) if mean else np.sum(squares)
    scale = n if mean else 1
    slips = {"sum_for_mean": lambda s: 2 * (s.p - s.y)} if mean else {
        "mean_for_sum": lambda s: 2 * (s.p - s.y) / n}  # fmt: skip
    steps = [
        Step("dp", p, lambda s: 2 * (s.p - s.y) / scale, slips),
        Step("dz", z, lambda s: s.dp * s.p * (1 - s.p), {
            "missing_local_factor": lambda s: s.dp,
            "wrong_node": lambda s: s.dp * s.z * (1 - s.z),
            "extra_local_factor": lambda s: s.dp * (s.p * (1 - s.p))**2}),
        Step("dW", W, lambda s: s.X.T @ s.dz, {
            "missing_local_factor": lambda s: s.X.T @ s.dp,
            "mean_for_sum": lambda s: s.X.T @ s.dz / n,
            "transposed": lambda s: (s.X.T @ s.dz).T}),
        Step("db", b, lambda s: s.dz.sum(0), {
            "missing_sum": lambda s: s.dz, "mean_for_sum": lambda s: s.dz.mean(0)}),
    ]  # fmt: skip
    return Derivation(L, steps, {"X": X, "y": y, "p": p.data, "z": z.data}, n)


def mlp(rng: Any) -> Derivation:
    n, k, h = int(rng.integers(4, 9)), int(rng.integers(2, 5)), int(rng.integers(3, 6))
    f, prime, at_z = ACTIVATIONS[rng.integers(2)]
    X, y = rng.normal(size=(n, k)), rng.normal(size=(n, 1))
    W1, b1, W2, b2 = leaf(rng, k, h), leaf(rng, h), leaf(rng, h, 1), leaf(rng, 1)
    z1 = X @ W1 + b1
    a1 = f(z1)
    out = a1 @ W2 + b2
    mean = bool(rng.integers(2))
    L = ((out - y) ** 2).mean() if mean else 0.5 * ((out - y) ** 2).sum()
    steps = [
        Step("do", out, lambda s: 2 * (s.out - s.y) / n if mean else s.out - s.y,
             {"sum_for_mean": lambda s: 2 * (s.out - s.y)} if mean else {}),
        Step("dW2", W2, lambda s: s.a1.T @ s.do, {
            "wrong_node": lambda s: s.z1.T @ s.do,
            "mean_for_sum": lambda s: s.a1.T @ s.do / n,
            "transposed": lambda s: (s.a1.T @ s.do).T}),
        Step("db2", b2, lambda s: s.do.sum(0), {
            "missing_sum": lambda s: s.do, "mean_for_sum": lambda s: s.do.mean(0)}),
        Step("da1", a1, lambda s: s.do @ s.W2.T),
        Step("dz1", z1, lambda s: s.da1 * prime(s.z1, s.a1), {
            "missing_local_factor": lambda s: s.da1,
            "wrong_node": lambda s: s.da1 * at_z(s.z1, s.a1),
            "extra_local_factor": lambda s: s.da1 * prime(s.z1, s.a1)**2}),
        Step("dW1", W1, lambda s: s.X.T @ s.dz1, {
            "missing_local_factor": lambda s: s.X.T @ s.da1,
            "mean_for_sum": lambda s: s.X.T @ s.dz1 / n,
            "transposed": lambda s: (s.X.T @ s.dz1).T}),
        Step("db1", b1, lambda s: s.dz1.sum(0), {
            "missing_sum": lambda s: s.dz1, "mean_for_sum": lambda s: s.dz1.mean(0)}),
    ]  # fmt: skip
    start = {"X": X, "y": y, "z1": z1.data, "a1": a1.data, "out": out.data, "W2": W2.data}
    return Derivation(L, steps, start, n)


def relu_mlp(rng: Any) -> Derivation:
    n, k, h, c = int(rng.integers(4, 9)), 4, 4, 3
    X = rng.normal(size=(n, k))
    Y = np.eye(c)[rng.integers(0, c, n)]
    W1, b1, W2, b2 = leaf(rng, k, h), leaf(rng, h), leaf(rng, h, c), leaf(rng, c)
    z1 = X @ W1 + b1
    a1 = mg.relu(z1)
    z2 = a1 @ W2 + b2
    logp = mg.log_softmax(z2)
    L = -(Y * logp).sum() / n
    P = np.exp(logp.data)
    steps = [
        Step("dz2", z2, lambda s: (s.P - s.Y) / n, {"sum_for_mean": lambda s: s.P - s.Y}),
        Step("dW2", W2, lambda s: s.a1.T @ s.dz2, {
            "wrong_node": lambda s: s.z1.T @ s.dz2,
            "transposed": lambda s: s.dz2.T @ s.a1}),
        Step("db2", b2, lambda s: s.dz2.sum(0), {"missing_sum": lambda s: s.dz2}),
        Step("da1", a1, lambda s: s.dz2 @ s.W2.T),
        Step("dz1", z1, lambda s: s.da1 * (s.z1 > 0), {"missing_local_factor": lambda s: s.da1}),
        Step("dW1", W1, lambda s: s.X.T @ s.dz1, {
            "transposed": lambda s: s.dz1.T @ s.X,
            "missing_local_factor": lambda s: s.X.T @ s.da1}),
        Step("db1", b1, lambda s: s.dz1.sum(axis=0), {"missing_sum": lambda s: s.dz1}),
    ]  # fmt: skip
    return Derivation(
        L, steps, {"X": X, "Y": Y, "z1": z1.data, "a1": a1.data, "P": P, "W2": W2.data}, n
    )


def shared(rng: Any) -> Derivation:
    """A recurrent network of two steps: its weight is used twice."""
    k = 3
    x1, x2, y = rng.normal(size=k), rng.normal(size=k), rng.normal(size=k)
    W = leaf(rng, k, k)
    z1 = x1 @ W
    h1 = np.tanh(z1)
    z2 = (h1 + x2) @ W
    h2 = np.tanh(z2)
    L = 0.5 * np.sum((h2 - y) ** 2)
    steps = [
        Step("dh2", h2, lambda s: s.h2 - s.y),
        Step("dz2", z2, lambda s: s.dh2 * (1 - s.h2**2), {
            "missing_local_factor": lambda s: s.dh2,
            "wrong_node": lambda s: s.dh2 * (1 - s.h1**2)}),
        Step("dh1", h1, lambda s: s.W @ s.dz2, {"transposed": lambda s: s.W.T @ s.dz2}),
        Step("dz1", z1, lambda s: s.dh1 * (1 - s.h1**2), {
            "missing_local_factor": lambda s: s.dh1,
            "extra_local_factor": lambda s: s.dh1 * (1 - s.h1**2) ** 2}),
        Step("dW", W, lambda s: np.outer(s.h1 + s.x2, s.dz2) + np.outer(s.x1, s.dz1), {
            "dropped_path": lambda s: np.outer(s.h1 + s.x2, s.dz2),
            "transposed": lambda s: (np.outer(s.h1 + s.x2, s.dz2) + np.outer(s.x1, s.dz1)).T,
            "wrong_node": lambda s: np.outer(s.h1, s.dz2) + np.outer(s.x1, s.dz1)}),
    ]  # fmt: skip
    start = {"x1": x1, "x2": x2, "y": y, "h1": h1.data, "h2": h2.data, "W": W.data}
    return Derivation(L, steps, start)


def residual(rng: Any) -> Derivation:
    x = leaf(rng, 4)
    w = leaf(rng, 4)
    u = w * x
    r = np.exp(u * 0.3)
    s = r + u
    L = np.sum(s**2)
    steps = [
        Step("ds", s, lambda t: 2 * t.s),
        Step("rs", (r, u), lambda t: 0.3 * t.r),
        Step("du", u, lambda t: t.ds * (t.rs + 1), {
            "dropped_path": lambda t: t.ds * t.rs, "sign": lambda t: t.ds * (1 - t.rs)}),
        Step("dw", w, lambda t: t.du * t.x, {
            "missing_local_factor": lambda t: t.du, "wrong_node": lambda t: t.du * t.w}),
        Step("dx", x, lambda t: t.du * t.w, {"wrong_node": lambda t: t.du * t.x}),
    ]  # fmt: skip
    return Derivation(L, steps, {"x": x.data, "w": w.data, "r": r.data, "s": s.data})


def whole_numbers(rng: Any) -> Derivation:
    """Small whole numbers, as on a blackboard: much agrees by accident."""
    a, b, c, f = (
        mg.Tensor(float(v), requires_grad=True)
        for v in rng.choice([-6, -5, -4, -3, -2, 2, 3, 4, 5, 6], 4)
    )
    e = a * b
    d = e + c
    L = d * f
    steps = [
        Step("Ld", d, lambda s: s.f, {"wrong_node": lambda s: s.d}),
        Step("Lf", f, lambda s: s.d),
        Step("Le", e, lambda s: s.Ld),
        Step("La", a, lambda s: s.Le * s.b, {"wrong_node": lambda s: s.Le * s.a}),
        Step("Lb", b, lambda s: s.Le * s.a, {"missing_local_factor": lambda s: s.Le}),
    ]
    start = {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f}
    return Derivation(L, steps, {k: float(v) for k, v in start.items()})


def columns(rng: Any) -> Derivation:
    """Examples in columns, σ written out, and a mean written as a division."""
    n, k, h = int(rng.integers(5, 9)), 3, 4
    X, y = rng.normal(size=(k, n)), rng.normal(size=(1, n))
    W1, b1, W2, b2 = leaf(rng, h, k), leaf(rng, h, 1), leaf(rng, 1, h), leaf(rng, 1, 1)
    z1 = W1 @ X + b1
    a1 = 1 / (1 + np.exp(-z1))
    out = W2 @ a1 + b2
    L = np.sum((out - y) ** 2) / (2 * n)
    steps = [
        Step("do", out, lambda s: (s.out - s.y) / n, {"sum_for_mean": lambda s: s.out - s.y}),
        Step("dW2", W2, lambda s: s.do @ s.a1.T, {
            "wrong_node": lambda s: s.do @ s.z1.T, "transposed": lambda s: s.a1 @ s.do.T}),
        Step("db2", b2, lambda s: s.do.sum(1, keepdims=True), {"missing_sum": lambda s: s.do}),
        Step("da1", a1, lambda s: s.W2.T @ s.do),
        Step("az", (a1, z1), lambda s: s.a1 * (1 - s.a1), {
            "wrong_node": lambda s: s.z1 * (1 - s.z1)}),
        Step("dz1", z1, lambda s: s.da1 * s.az, {
            "missing_local_factor": lambda s: s.da1,
            "extra_local_factor": lambda s: s.da1 * s.az**2}),
        Step("dW1", W1, lambda s: s.dz1 @ s.X.T, {
            "missing_local_factor": lambda s: s.da1 @ s.X.T,
            "transposed": lambda s: s.X @ s.dz1.T}),
        Step("db1", b1, lambda s: s.dz1.sum(1, keepdims=True), {
            "missing_sum": lambda s: s.dz1}),
    ]  # fmt: skip
    start = {"X": X, "y": y, "z1": z1.data, "a1": a1.data, "out": out.data, "W2": W2.data}
    return Derivation(L, steps, start, n)


FAMILIES = [
    one_neuron, two_neurons, two_in_a_layer, logistic, mlp, relu_mlp, shared, residual,
    whole_numbers, columns,
]  # fmt: skip

GENERAL: dict[str, Callable[[Any, Any], Any]] = {
    "sign": lambda v, rng: -v,
    "factor": lambda v, rng: v * rng.choice([2.0, 0.5, 3.0]),
    "other": lambda v, rng: (
        v * 1.2837 + 0.1 * rng.normal(size=np.shape(v)) if rng.integers(2)
        else v + rng.normal(size=np.shape(v))
    ),
    "other ": lambda v, rng: v * rng.uniform(0.7, 1.4),
}  # fmt: skip
"""Slips that any step can have."""


def cases(seed: int, family: Any) -> Iterator[tuple[Derivation, int, str, dict[Any, Any], bool]]:
    """Derivations with one slip each: where, which, the hand values, and whether carried."""
    rng = np.random.default_rng(seed)
    d = family(rng)
    for i, step in enumerate(d.steps):
        for kind, wrong in step.slips.items():
            carry = bool(rng.integers(2)) or kind in ("missing_sum", "transposed")
            yield d, i, kind, d.write((i, wrong), carry), carry
        for kind, change in GENERAL.items():
            carry = bool(rng.integers(2))
            wrong = lambda s, step=step, change=change: change(step.formula(s), rng)
            yield d, i, kind.strip(), d.write((i, wrong), carry), carry
