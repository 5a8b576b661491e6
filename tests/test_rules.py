"""Every rewrite rule by itself: both sides evaluated, on arguments that are hard on numbers.

A rule is right if the answer has the shape and dtype of the original, is finite wherever
that is, and no further from it than rounding explains.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.record import Op
from minigrad.program import passes
from minigrad.program.equations import Program, Var, call_forward, evaluate
from minigrad.program.lower import TILE
from minigrad.program.rounding import rounding, values_of
from minigrad.program.simplify import rebuilt

Function = Callable[..., Any]

ALL = {rule: op for op, found in TILE.items() for rule in found}

# --- what the rules are for ------------------------------------------------------------

FACTORS = [2, -3.0, 0.25, 1, -1, 0, 300, 1e-4, 1e30, 1e200, 1e-300, np.float32(0.1), -0.0]
ELEMENTWISE: list[Function] = [
    lambda x, y, c, d: x * c * d,
    lambda x, y, c, d: (x * c) * (y * d),
    lambda x, y, c, d: (c * x) * y,
    lambda x, y, c, d: x * (d * -y),
    lambda x, y, c, d: -(c * x),
    lambda x, y, c, d: (c * x) / d,
    lambda x, y, c, d: -x / y,
    lambda x, y, c, d: x / 1 + y / c,
    lambda x, y, c, d: x + 0,
    lambda x, y, c, d: x + np.zeros((2, 1)),
    lambda x, y, c, d: x + x,
    lambda x, y, c, d: x + -y,
    lambda x, y, c, d: -x + y,
    lambda x, y, c, d: x - 0,
    lambda x, y, c, d: 0 - x,
    lambda x, y, c, d: x - -y,
    lambda x, y, c, d: x - c * y,
    lambda x, y, c, d: c * x + c * y,
    lambda x, y, c, d: c * x - c * y,
    lambda x, y, c, d: [2 * x + 2 * np.tanh(x), 3 * x - 3 * np.tanh(x), c * x + d * y],
    lambda x, y, c, d: -(x - y),
    lambda x, y, c, d: c * (x - y),
    lambda x, y, c, d: -np.negative(x),
    lambda x, y, c, d: np.full((2, 3), 2.0) * x,
    lambda x, y, c, d: np.copy(+x).astype(x.dtype),
    lambda x, y, c, d: [x**p for p in (1, 2, 3, 4, -1, -2, 2.0, 0.5)],
    lambda x, y, c, d: np.square(x) + np.square(y),
    lambda x, y, c, d: [np.linalg.norm(x), np.std(y), np.sum(x, axis=0, dtype=x.dtype)],
    lambda x, y, c, d: np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)) + y,
    lambda x, y, c, d: np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)) * y,
    lambda x, y, c, d: x - np.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape)),
    lambda x, y, c, d: x / np.broadcast_to(y, (2, *y.shape)),
    lambda x, y, c, d: [mg.relu(x), mg.softplus(x)],
    lambda x, y, c, d: [mg.sigmoid(x), mg.log_sigmoid(x), mg.gelu(x, approximate="tanh")],
    lambda x, y, c, d: [np.maximum(x, 0), x > 0],
]
LOGIC: list[Function] = [
    lambda x, y, c, d: (x > y) & (x > y),
    lambda x, y, c, d: (x & x) | x,
    lambda x, y, c, d: x & True,
    lambda x, y, c, d: x & False,
    lambda x, y, c, d: x | False,
    lambda x, y, c, d: x | np.zeros(3, bool),
    lambda x, y, c, d: x != 0,
    lambda x, y, c, d: (x > 0) != 0,
]
REDUCTIONS: list[Function] = [
    lambda x, y, c, d: [np.sum(c * x), np.sum(c * x, axis=0), np.sum(-x, axis=-1, keepdims=True)],
    lambda x, y, c, d: [x.sum(axis=()), x.sum().sum(), x.max(axis=()), x.sum().mean()],
    lambda x, y, c, d: [np.sum(x, where=True), np.sum(x, axis=(0,)), np.max(x, axis=(-1,))],
    lambda x, y, c, d: [np.mean(x, axis=(0,)), np.min(x, axis=(0,)), np.prod(x, axis=(0,))],
    lambda x, y, c, d: [np.sum(x, where=False), np.sum(x, initial=c), x.sum(axis=0) / x.shape[0]],
    lambda x, y, c, d: [np.mean(x), np.mean(x, axis=-1), np.mean(x, axis=0, keepdims=True)],
    lambda x, y, c, d: [np.sum(x * x), np.sum(x * y), np.sum((c * x) * y, keepdims=True)],
    lambda x, y, c, d: x.sum(0) + y.sum(0),
    lambda x, y, c, d: [x.sum(axis=(0, 1)), x.sum(axis=-1), np.sum(x[None], axis=(0, 1))],
    lambda x, y, c, d: [mg.softmax(x), mg.log_softmax(x), mg.softmax(x, axis=0)],
    lambda x, y, c, d: [mg.logsumexp(x, axis=-1), mg.logsumexp(x), mg.logsumexp(x, 0, True)],
    lambda x, y, c, d: mg.grad(lambda x: mg.logsumexp(x, axis=-1).sum())(x),
    lambda x, y, c, d: mg.grad(lambda x: (mg.log_softmax(x, axis=-1) * y).sum())(x),
    lambda x, y, c, d: mg.hvp(mg.logsumexp, x, np.ones_like(x)),
    lambda x, y, c, d: mg.hessian(mg.logsumexp)(x.reshape(-1)[:3]),
    lambda x, y, c, d: (-x).reshape(-1),
]
SHAPES: list[Function] = [
    lambda x, y, c, d: np.broadcast_to(x.reshape(x.shape), x.shape),
    lambda x, y, c, d: x.reshape(-1).reshape(x.shape[::-1])[..., None].reshape(-1),
    lambda x, y, c, d: np.expand_dims(x, 0).reshape(-1),
    lambda x, y, c, d: [x[...], x[()]],
    lambda x, y, c, d: [
        x.T.T,
        np.transpose(x),
        x.swapaxes(0, -1),
        x.swapaxes(0, -1).swapaxes(-1, 0),
    ],
    lambda x, y, c, d: [np.transpose(x, range(x.ndim)), np.transpose(x, (*range(1, x.ndim), 0))],
]
MATRICES: list[Function] = [
    lambda x, y, c, d: x.sum(0) + y.sum(0),
    lambda x, y, c, d: [(c * x) @ (d * y.T), (2.0 * x) @ (3.0 * y.T)],
    lambda x, y, c, d: [(c * x.T) @ x, x.T @ (c * x), (x @ y.T).T, (x.T @ x).T],
    lambda x, y, c, d: [x.T @ x + y.T @ y, x.T @ y + y.T @ x],
    lambda x, y, c, d: [np.stack([x, y, x]) @ x.T, (np.stack([x, y]) @ x.T).swapaxes(-1, -2)],
    lambda x, y, c, d: (np.stack([x, y]).swapaxes(-1, -2) @ np.stack([y, x])).swapaxes(1, 2),
    lambda x, y, c, d: [np.moveaxis(x, 0, -1), np.moveaxis(x, 1, -1), np.moveaxis(x, 1, 0)],
    lambda x, y, c, d: [(x[:, 0] * np.eye(2)).sum(1) for x in (x, y)],
    lambda x, y, c, d: (np.array([[1.0, 0], [0, 1]], "f") * y[:, 1]).sum(-1, keepdims=True),
    lambda x, y, c, d: [np.eye(2) @ x, x @ np.eye(3), np.eye(2) @ y[:, 1], y[0] @ np.eye(3)],
    lambda x, y, c, d: [x[0:2], x[:, 0:3:1], x[0:2, ...], x[..., 0:3], x[..., 0:2], x[-2:], x[:9]],
    lambda x, y, c, d: [x[0:1], x[::-1], x[None, 0:2], x[0:2, None], x[..., 0:2, :]],
    lambda x, y, c, d: mg.grad(lambda x: (x[np.arange(2), [0, 2]] * y[:, 0]).sum())(x).sum(axis=1),
]
CONTRACTIONS: list[Function] = [
    lambda x, y, c, d: [np.einsum("ij,kj->ik", x, y), np.einsum("ij,ij->", x, y)],
    lambda x, y, c, d: [np.einsum("ij,kj->ki", x, y), np.einsum("ij,kl->ij", x, y)],
    lambda x, y, c, d: [np.einsum("ij,j->i", x, y[0]), np.einsum("ij,ij->i", x, y)],
    lambda x, y, c, d: np.einsum("aij,akj->aik", np.stack([x, y]), np.stack([y, y])),
]
SEVERAL: list[Function] = [  # in which order they are multiplied decides what overflows
    lambda x, y, c, d: np.einsum("ij,kj,kl->il", x, y, x),
    lambda x, y, c, d: np.einsum("ij,ik,jl,kl->", x, y, x.T @ x, y.T @ y),
]
ANY = [(), (3,), (2, 3), (2, 1), (1, 3), (1,), (0, 3), (2, 2, 3), (2, 1, 3)]
GROUPS = [
    (ELEMENTWISE, ANY, ["f8", "f8", "f4", "f2", "i8", "u1", "?"]),
    (LOGIC, ANY, ["?", "?", "i8", "u1", "f8"]),
    (REDUCTIONS, ANY[1:], ["f8", "f8", "f4", "f2", "i8", "?"]),
    (SHAPES, ANY[1:], ["f8", "f4", "i8", "?"]),
    (MATRICES, [(2, 3)], ["f8", "f8", "f4", "f2", "i8"]),
    (CONTRACTIONS, [(2, 3)], ["f8", "f8", "f4", "f2", "i8"]),
    (SEVERAL, [(2, 3)], ["f8", "f4", "i8"]),
]
WILD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e-160, 1e160, 1e300,
        -1.7e308, 1e38, 1e-38, 6e4, 0.5, -3.0]  # fmt: skip


def argument(rng: Any, shapes: Any, dtypes: Any, wild: bool) -> Any:
    shape = shapes[rng.integers(len(shapes))]
    dtype = np.dtype(dtypes[rng.integers(len(dtypes))])
    if dtype.kind == "f":
        x = rng.choice(WILD, shape) if wild else rng.normal(size=shape) * 2
    else:
        x = rng.integers(0, 4, shape)
    return np.asarray(x).astype(dtype)[()]


# --- both sides ------------------------------------------------------------------------


def compare(before: Program, after: Program, args: list[Any]) -> None:
    """Shapes and dtypes the same; finite numbers as far apart as rounding explains."""
    given = zip(before.parameters.values(), args, strict=True)
    values = {v: a for v, a in given if isinstance(v, Var)}  # single whole numbers are fixed
    expected, got = (values_of(evaluate(p, values, call_forward)) for p in (before, after))
    spread = None
    for i, (e, g) in enumerate(zip(expected, got, strict=True)):
        e, g = np.asarray(e), np.asarray(g)
        assert (e.shape, e.dtype) == (g.shape, g.dtype)
        finite = np.isfinite(e)
        assert np.isfinite(g)[finite].all(), f"{e} became {g}"
        if e.dtype.kind != "f":
            assert (e == g).all()
            continue
        kind = np.finfo(e.dtype)
        apart = np.abs(g.astype(float) - e.astype(float))
        if (apart[finite] <= 8 * kind.eps * np.abs(e[finite].astype(float))).all():
            continue
        *_, spread = [spread] if spread else rounding(before, list(values.values()))
        limit = 100 * np.nan_to_num(np.asarray(spread[i]), nan=np.inf)
        limit = np.maximum(limit, np.max(limit, initial=0, where=np.isfinite(limit)) / 100)
        limit = limit + 8 * kind.eps * np.abs(e.astype(float)) + kind.smallest_normal / kind.eps
        assert (apart[finite] <= limit[finite]).all(), f"{e} became {g}"


def cases(seed: int) -> Any:
    """Programs, with arguments for them."""
    rng = np.random.default_rng(seed)
    for functions, shapes, dtypes in GROUPS:
        for f in functions:
            wild = functions is not SEVERAL and bool(rng.random() < 0.6)
            args = [argument(rng, shapes, dtypes, wild)]
            args.append(argument(rng, shapes, dtypes, wild))
            if rng.random() < 0.5:
                args[1] = np.asarray(args[1], args[0].dtype)[()]
            c, d = (FACTORS[i] for i in rng.integers(len(FACTORS), size=2))
            yield lambda x, y, f=f, c=c, d=d: f(x, y, c, d), args


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_each_rule_by_itself() -> None:
    silent = set(ALL)
    for seed in range(12):
        for f, args in cases(seed):
            with np.errstate(all="ignore"):
                try:
                    before = passes.recorded(f, *args)
                except (TypeError, ValueError, OverflowError, IndexError):
                    continue  # NumPy does not take these together
                found = {e.op for e in before.equations}
                for rules in one_by_one(before, found, silent):
                    compare(before, rebuilt(before, rules, folding=False), args)
    assert not {rule.__qualname__ for rule in silent}


def one_by_one(before: Program, found: set[Op], silent: set[Any]) -> Any:
    """The rules of the ops of a program: each alone, those that it waits for, and all."""
    for op in found:
        for rule in TILE.get(op, ()):
            heard: list[bool] = []

            def applied(*args: Any, rule: Any = rule, heard: Any = heard, **kwargs: Any) -> Any:
                answer = rule(*args, **kwargs)
                heard += [True] if answer is not None else []
                return answer

            yield {op: [applied]}
            if not heard:
                yield {**TILE, op: [applied, *TILE[op]]}
            if heard:
                silent.discard(rule)
    yield TILE


def test_a_wrong_rule_would_be_seen() -> None:
    """The test itself: rules that lose a factor, a shape or what is finite."""
    x = np.array([1.0, -2.0, 1e300])

    def rebuilt_by(f: Function, rule: Any) -> None:
        before = passes.recorded(f, x)
        op = before.equations[-1].op
        with np.errstate(all="ignore"):
            compare(before, rebuilt(before, {op: [rule]}), [x])

    rebuilt_by(lambda x: 2 * x, lambda b, c, y: None)
    with pytest.raises(AssertionError, match="became"):
        rebuilt_by(lambda x: 2 * x, lambda b, c, y: y)
    with pytest.raises(AssertionError, match="became"):
        rebuilt_by(lambda x: x * 0.5, lambda b, c, y: b.keep(
            mg.ops.multiply, (c, b.keep(mg.ops.multiply, (c, c), {}, Var("t", (3,), c.dtype))), {},
            Var("t", (3,), c.dtype)))  # fmt: skip


def test_shapes_and_dtypes_of_answers_are_checked() -> None:
    """What a rule answers in another shape or dtype is not taken."""
    x = np.ones((2, 3), "f")
    before = passes.recorded(lambda x: np.exp(x), x)
    for wrong in (1.0, np.ones((2, 3)), np.float32(1), Var("t", (3,), x.dtype)):
        after = rebuilt(before, {mg.ops.exp: [lambda b, y, w=wrong: w]})
        assert after.listing == before.listing
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mg.compile(lambda x: np.exp(x))(x).dtype == np.float32


SIGNED: list[Function] = [f for f in ELEMENTWISE if f.__code__.co_names != ("relu", "softplus")]
ZEROS = [0.0, -0.0, 1.0, -1.0, 2.5]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "look",
    [
        lambda t: np.signbit(np.where(np.isnan(t), 0.0, t)),
        lambda t: 1 / t,
        lambda t: np.copysign(2.0, np.sin(t)),
        np.reciprocal,
    ],
)
def test_signs_of_zeros_where_somebody_looks(look: Any) -> None:
    """Rules may lose the sign of a zero; not where an infinity or a sign comes of it."""
    rng = np.random.default_rng(0)
    reductions = [
        lambda x, y, c, d: [np.sum(c * x), np.sum(-x), np.sum(x * y), np.mean(-3 * x), np.sum(x)],
        lambda x, y, c, d: [np.sum(c * x, axis=0), (-x).sum(axis=-1), (c * x).sum(axis=()), x + 0],
    ]
    for f in [*SIGNED, *reductions] * 6:
        x, y = (rng.choice(ZEROS, s) for s in ((2, 3), (3,)))
        c, d = (float(n) for n in rng.choice([2.0, -3.0, 0.25, -1.0, 0.0, -0.0], 2))
        if rng.random() < 0.3:
            x = x[0, 0]

        def seen(x: Any, y: Any, f: Function = f, c: float = c, d: float = d) -> Any:
            answer = f(x, y, c, d)
            return [look(t) for t in (answer if isinstance(answer, list) else [answer])]

        with np.errstate(all="ignore"):
            try:
                before = passes.recorded(seen, x, y)
            except IndexError:
                continue
            values = dict(zip(before.inputs, (x, y), strict=True))
            for after in (passes.simplified(before), rebuilt(before, TILE)):
                for e, g in zip(
                    *(values_of(evaluate(p, values, call_forward)) for p in (before, after)),
                    strict=True,
                ):
                    inf = np.isinf(np.asarray(e, float))
                    assert (np.asarray(e)[inf] == np.asarray(g)[inf]).all(), f"{before.listing}"
                    if np.asarray(e).dtype.kind == "b":
                        assert np.array_equal(e, g), f"{before.listing}\n\n{after.listing}"
