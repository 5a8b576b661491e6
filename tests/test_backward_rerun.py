"""One changed line makes all right that is returned: loops, helpers, what has no name."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.backward.calls import WORK
from minigrad.derivation.backward.expressions import Compiler
from minigrad.derivation.backward.held import (
    adding,
    bytes_of,
    is_brief,
    is_made,
    numbers_in,
    set_in,
)
from minigrad.derivation.backward.inputs import nearby
from minigrad.derivation.backward.machine import Machine, Start
from minigrad.derivation.backward.repairing import CHANGE, Search
from minigrad.derivation.backward.tables import Unknown
from minigrad.derivation.backward.watch import PASSES, Statement, Watch
from test_backward_lines import module

LSTM = """
import numpy as np
def sigmoid(x): return 1 / (1 + np.exp(-x))

def forward(xs, Wf, Wi, Wg, Wo, h0, c0):
    hs, cs, cache, total = {-1: h0}, {-1: c0}, {}, 0.0
    for t in range(len(xs)):
        z = np.concatenate([hs[t-1], xs[t]])
        f, i, g, o = sigmoid(Wf @ z), sigmoid(Wi @ z), np.tanh(Wg @ z), sigmoid(Wo @ z)
        cs[t] = f * cs[t-1] + i * g
        hs[t] = o * np.tanh(cs[t])
        cache[t] = z, f, i, g, o
        total = total + 0.5 * np.sum(hs[t] ** 2)
    return total, (xs, Wf, Wi, Wg, Wo, hs, cs, cache)

def backward(cache):
    xs, Wf, Wi, Wg, Wo, hs, cs, gates = cache
    dWf, dWi, dWg, dWo = [np.zeros_like(W) for W in (Wf, Wi, Wg, Wo)]
    dh_next = dc_next = np.zeros(len(Wf))
    for t in reversed(range(len(xs))):
        z, f, i, g, o = gates[t]
        dh = hs[t] + dh_next
        do = dh * np.tanh(cs[t]) * o * (1 - o)
        dc = dh * o * (1 - np.tanh(cs[t]) ** 2) + dc_next
        df = dc * cs[t-1] * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g ** 2)
        dWf += np.outer(df, z)
        dWi += np.outer(di, z)
        dWg += np.outer(dg, z)
        dWo += np.outer(do, z)
        dz = Wf.T @ df + Wi.T @ di + Wg.T @ dg + Wo.T @ do
        dh_next = dz[:len(Wf)]
        dc_next = f * dc
    return dWf, dWi, dWg, dWo, dh_next, dc_next
"""
SPRING = """
import numpy as np
def forward(x0, v0, k, c, goal, steps=6, dt=0.1):
    xs, vs = [x0], [v0]
    for n in range(steps):
        vs.append(vs[-1] + dt * (-k * xs[-1] - c * vs[-1]))
        xs.append(xs[-1] + dt * vs[-1])
    return 0.5 * np.sum((xs[-1] - goal) ** 2), (xs, vs, k, c, goal, dt)

def backward(cache):
    xs, vs, k, c, goal, dt = cache
    lam_x, lam_v, dk, dc = xs[-1] - goal, np.zeros(3), 0.0, 0.0
    for n in range(len(xs) - 2, -1, -1):
        lam_v = lam_v + dt * lam_x
        lam_a = dt * lam_v
        dk = dk - np.sum(lam_a * xs[n])
        dc = dc - np.sum(lam_a * vs[n])
        lam_x = lam_x - k * lam_a
        lam_v = lam_v - c * lam_a
    return {"x0": lam_x, "v0": lam_v, "k": dk, "c": dc}
"""
NORM = """
import numpy as np
class Norm:
    def __init__(self, scale):
        self.p, self.g = {"scale": scale}, {}
    def forward(self, x):
        self.mu = np.mean(x, axis=(2, 3), keepdims=True)
        self.inv = 1 / np.sqrt(np.mean((x - self.mu) ** 2, axis=(2, 3), keepdims=True) + 1e-5)
        self.xn = (x - self.mu) * self.inv
        return self.p["scale"][None, :, None, None] * self.xn
    def backward(self, grad):
        self.g["scale"] = np.einsum("nchw,nchw->c", grad, self.xn)
        u = grad * self.p["scale"][None, :, None, None]
        first = u.mean(axis=(2, 3), keepdims=True)
        second = (u * self.xn).mean(axis=(2, 3), keepdims=True)
        return self.inv * (u - first - self.xn * second)
forward, backward = Norm(np.array([1.2, 0.7])), None
"""
LAYERS = """
import numpy as np
slope = lambda a: a * (1 - a)
def forward(A, X, weights):
    Hs = [X]
    for W in weights:
        Hs.append(1 / (1 + np.exp(-(A @ Hs[-1] @ W))))
    return Hs[-1], (A, Hs, weights)

def backward(delta, cache):
    A, Hs, weights = cache
    dweights = [None] * len(weights)
    for l in range(len(weights) - 1, -1, -1):
        back = delta * slope(Hs[l + 1])
        dweights[l] = (A @ Hs[l]).T @ back
        delta = A.T @ back @ weights[l].T
    return delta, dweights
"""


def lstm() -> Any:
    r = np.random.default_rng(0)
    return r.normal(size=(4, 2)), *r.normal(size=(4, 3, 5)), *r.normal(size=(2, 3))


def spring() -> Any:
    r = np.random.default_rng(0)
    return *r.normal(size=(2, 3)), 2.0, 0.3, r.normal(size=3)


def image() -> Any:
    return (np.random.default_rng(0).normal(size=(2, 2, 3, 2)),)


def graph() -> Any:
    r = np.random.default_rng(0)
    return np.abs(r.normal(size=(4, 4))), r.normal(size=(4, 3)), [*r.normal(size=(2, 3, 3))]


STACK = """
import numpy as np
def back(g, x, w):
    dz = g * w
    return dz, g * x

def forward(x, params):
    xs, skips = [x], []
    for p in params:
        skips.append(np.sin(xs[-1]))
        xs.append(np.tanh(xs[-1] * p["w"]) + 0.5 * xs[-1])
    return sum(np.sum(s * s) for s in skips) + np.sum(xs[-1]), (xs, skips, params)

def backward(cache):
    xs, skips, params = cache
    g = np.ones_like(xs[0])
    from_skips = [2 * s * np.cos(x) for s, x in zip(skips, xs)]
    grads = []
    for l in range(len(params) - 1, -1, -1):
        h = np.tanh(xs[l] * params[l]["w"])
        inner, dw = back(g * (1 - h ** 2), xs[l], params[l]["w"])
        g = inner + 0.5 * g + from_skips[l]
        grads.insert(0, {"w": dw})
    return g, grads
"""


def stack() -> Any:
    r = np.random.default_rng(2)
    return r.normal(size=3), [{"w": w} for w in r.normal(size=(3, 3))]


TARGETS = """
import numpy as np
from collections import OrderedDict, namedtuple
from math import sqrt
Cache = namedtuple("Cache", "x p t n")

class Scale:
    def __init__(self, by):
        self.by = by
    @property
    def twice(self):
        return 2 * self.by

def forward(x, w, t):
    s = np.exp(x @ w)
    p = s / s.sum(axis=1, keepdims=True)
    return -np.sum(t * np.log(p)) / len(x) / sqrt(4), (Cache(x, p, t, len(x)), w)

def backward(cache):
    kept, w = cache
    done = set()
    dz = (kept.p - kept.t) / kept.n / Scale(1.0).twice
    parts = OrderedDict()
    for name in ("x", "w", "x"):
        if name not in done:
            done.add(name)
            parts[name] = dz @ w.T if name == "x" else kept.x.T @ dz
    return parts["x"], parts["w"]
"""


def targets() -> Any:
    r = np.random.default_rng(3)
    return r.normal(size=(5, 4)), r.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 1, 0]]


AGAIN = """
import numpy as np
def forward(x, y, w):
    return np.sum(np.tanh(x @ w) * np.tanh(y @ w)), (x, y, w)

def backward(cache):
    x, y, w = cache
    f, g = np.tanh(x @ w), np.tanh(y @ w)
    ds = []
    for own, other in ((f, g), (g, f)):
        ds.append(other * (1 - own ** 2))
    s, t = ds
    dw = x.T @ s + y.T @ t
    dx, dy = s @ w.T, t @ w.T
    left = [dw, dy, dx]
    return left.pop(), left.pop(), left.pop()
"""


def pair() -> Any:
    r = np.random.default_rng(4)
    return r.normal(size=(4, 3)), r.normal(size=(4, 3)), r.normal(size=(3, 3))


CASES = [
    (LSTM, lstm, "dc * i * (1 - g ** 2)", "dc * i * (1 - g)", "dg =", "2 belongs"),
    (LSTM, lstm, "dc_next = f * dc", "dc_next = i * dc", "dc_next =", "i stands where f"),
    (LSTM, lstm, "dc * cs[t-1]", "dc * cs[t]", "df =", "t - 1"),
    (LSTM, lstm, "dh = hs[t] + dh_next", "dh = hs[t]", "dh =", r"\+ dh_next is missing"),
    (SPRING, spring, "lam_x - k", "lam_x + k", "lam_x = lam_x", "sign|- k"),
    (SPRING, spring, "lam_a * vs[n]", "lam_a * vs[n + 1]", "dc =", "n"),
    (NORM, image, "self.xn).mean(axis=(2, 3)", "self.xn).mean(axis=(1, 2, 3)", "second =", "axis"),
    (NORM, image, "np.einsum(", "-np.einsum(", "self.g[", "sign"),
    (LAYERS, graph, "A.T @ back", "A @ back", "delta =", "A is (not )?transposed"),
    (LAYERS, graph, "slope(Hs[l + 1])", "slope(Hs[l])", "back =", r"Hs\[l\]"),
    (LSTM, lstm, "dc * i * (1 - g ** 2)", "dc * i * g * (1 - g)", "dg =", r"1 - g \*\* 2"),
    (LSTM, lstm, " + Wo.T @ do", "", "dz =", r"\+ Wo.T @ do is missing"),
    (LSTM, lstm, "np.outer(df, z)", "np.outer(di, z)", "dWf +=", "di stands where df"),
    (SPRING, spring, "range(len(xs) - 2, -1, -1)", "range(len(xs) - 2, 0, -1)", "for n", "0"),
    (STACK, stack, " + from_skips[l]", "", "g = inner", r"\+ from_skips\[l\] is missing"),
    (STACK, stack, "insert(0, {", "append({", "grads.append", "the beginning belongs"),
    (STACK, stack, "return dz, g * x", "return dz, g * w", "return dz", "w stands where x"),
    (
        STACK,
        stack,
        'tanh(xs[l] * params[l]["w"])',
        'tanh(xs[l + 1] * params[l]["w"])',
        "h =",
        r"xs\[l",
    ),
    (TARGETS, targets, " / kept.n", "", "dz =", "division by kept.n"),
    (TARGETS, targets, "kept.p - kept.t", "kept.p + kept.t", "dz =", "- kept.t"),
    (AGAIN, pair, "(1 - own ** 2)", "(1 - own)", "ds.append", "own"),
    (AGAIN, pair, "x.T @ s + y.T @ t", "x.T @ s - y.T @ t", "dw =", "sign"),
]


@pytest.mark.parametrize(("source", "inputs"), dict.fromkeys(c[:2] for c in CASES))
def test_right_ones_are_right(source: str, inputs: Any) -> None:
    m = module(source)
    assert mg.check_backward(m.forward, m.backward, *inputs())


@pytest.mark.parametrize(("source", "inputs", "old", "new", "line", "words"), CASES)
def test_the_line_and_what_should_stand_there(
    source: str, inputs: Any, old: str, new: str, line: str, words: str
) -> None:
    assert source.count(old) == 1
    text = source.replace(old, new)
    m = module(text)
    first = mg.check_backward(m.forward, m.backward, *inputs()).first_error
    assert line in first.code and re.search(words, first.remark), first.remark
    m = module(text.replace(first.code.strip(), first.instead))  # it is right in Python, too
    assert mg.check_backward(m.forward, m.backward, *inputs())


@pytest.mark.parametrize("case", {c[0]: c for c in CASES}.values(), ids=lambda c: c[1].__name__)
def test_what_a_search_may_cost_is_bounded(
    case: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work is counted, not timed: of runs of the interpreter, and of changes that are tried."""
    spent, run, local = [0], Machine.run, Search.local

    def counted(self: Machine, start: Start) -> Any:
        before = self.left
        try:
            return run(self, start)
        finally:
            spent[0] += before - self.left

    def tried(self: Search, *args: Any) -> Any:
        spent[0] += CHANGE
        return local(self, *args)

    monkeypatch.setattr(Machine, "run", counted)
    monkeypatch.setattr(Search, "local", tried)
    monkeypatch.setattr(Search, "settles", lambda self, *args: False)  # no change is ever enough
    source, inputs, old, new, *_ = case
    m = module(source.replace(old, new))
    assert not mg.check_backward(m.forward, m.backward, *inputs())
    assert 0 < spent[0] < 1.3 * WORK


def test_of_many_passes_the_first_are_looked_at_and_what_is_left() -> None:
    source = """
import numpy as np
def forward(x):
    return np.sum(x ** 2), x

def backward(x):
    dx = np.zeros(3)
    for k in range(20_000):
        dx[k % 3] += 2 * x[k % 3] * 3 / 20_000
    return dx
"""
    m = module(source.replace("20_000", "9_000"))
    with recorded_watches() as watches:
        assert mg.check_backward(m.forward, m.backward, np.arange(1.0, 4.0))
    assert max(len(w.steps) for w in watches) < 2 * PASSES


@contextmanager
def recorded_watches() -> Iterator[list[Watch]]:
    made: list[Watch] = []
    with pytest.MonkeyPatch.context() as patch:
        begin = Watch.__init__

        def noted(self: Watch, *args: Any) -> None:
            begin(self, *args)
            made.append(self)

        patch.setattr(Watch, "__init__", noted)
        yield made


@pytest.mark.parametrize("given", [np.eye(4)[[2, 0, 1, 1]], np.full((3, 4), 0.25)])
def test_other_numbers_stay_distributions(given: Any) -> None:
    made = nearby(given, np.random.default_rng(0))
    np.testing.assert_allclose(made.sum(axis=1), 1.0)
    assert sorted(made.ravel()) == sorted(given.ravel())


def test_other_numbers_stay_symmetric_and_zeros_become_others() -> None:
    a, chance = np.array([[2.0, 1.0], [1.0, 5.0]]), np.random.default_rng(0)
    made = nearby(a, chance)
    np.testing.assert_allclose(made, made.T)
    assert not np.allclose(made, a) and np.all(nearby(np.zeros(3), chance) > 0)


def test_a_search_that_fails_leaves_the_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise NotImplementedError

    text = AGAIN.replace("- own ** 2", "- own")
    m = module(text)
    monkeypatch.setattr(Search, "to_be_tried", failing)
    report = mg.check_backward(m.forward, m.backward, *pair())
    assert report.first_error is not None and not report.first_error.instead


class Odd:
    """An object that tells when anything is asked of it."""

    asked: ClassVar[list[str]] = []

    def __getattribute__(self, name: str) -> Any:
        Odd.asked.append(name)
        return object.__getattribute__(self, name)

    def __mul__(self, other: Any) -> Any:
        Odd.asked.append("called")
        return 1.0

    __rmul__ = __add__ = __getitem__ = __lt__ = __gt__ = __eq__ = __mul__  # type: ignore[assignment]
    __array__ = __array_function__ = __index__ = __float__ = __mul__

    def __hash__(self) -> int:
        return hash("k")


class Number(float):
    __module__ = "numpy"
    __mul__ = __rmul__ = __array__ = Odd.__mul__  # type: ignore[assignment]


class Shadowed:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return Odd.asked.append("__dict__") or {"x": 1.0}

    @property
    def __class__(self) -> Any:
        return Odd.asked.append("__class__") or float


@pytest.mark.parametrize(
    "text",
    [
        "odd * 2", "odd[0]", "f(2)", "np.save('x', a)", "__import__('os')", "odd.f()", "open('x')",
        "len(odd)", "a.tofile('x')", "max(odd, 2)", "a.__class__", "odd.__init__", "np.sum(odd)",
        "np.stack([a, odd])", "a[odd]", "h[odd]", "a.astype(odd)", "sum(h)", "like * 2", "str(odd)",
        "np.exp(like)", "hidden.x", "a.astype('U9')", "{odd: 1}", "f'{odd}'", "[x * 2 for x in h]",
        "2**n", "np.repeat(a, n)", "np.zeros(n)", "[0] * n", "list(range(n))", "x * x.T", "x @ x.T",
        "np.outer(x, x)", "np.pad(a, n)", "np.einsum('ia,ja->ij', x, x)", "'%999999d' % 3",
        "odd == 1", "odd in h", "eval('1')", "np.linalg.svd(x)", "print.__self__", "2 * odd",
        "np.lib.format", "a.dump('x')", "np.add(a, odd)", "a[[odd]]", "a[odd:]", "a.sum(odd)",
        "a.sum(axis=odd)", "a.sum(dtype=odd)", "max(h)", "min(h)", "hidden * 2", "9**9**9",
        "a.repeat(n)", "np.arange(n)", "np.arange(0, 1, 1e-9)", "np.eye(n)", "np.eye(1, n)",
        "np.identity(n)", "np.broadcast_to(a, (n, 3))", "np.tile(a, (n, 1))", "np.dot(x, x.T)",
        "np.inner(x, x)", "np.tensordot(x, x, 0)", "np.diag(x[:, 0])", "x > x.T",
        "np.maximum(x, x.T)", "x.clip(x.T)", "np.clip(x, a_min=x.T, a_max=9)",
        "np.where(x > 0, x, x.T)", "x[i, i.T]", "np.full_like(a, 0, shape=n)",
        "np.repeat(a, repeats=n)", "keys['k']", "np.kron(x, x)", "np.linspace(0, 1, n)",
        "np.triu_indices(10_000)", "np.block([[a, a]])",
        "np.diagflat(x)", "np.full(n, 1.0)", "np.ones(n)", "np.empty(n)",
        "np.take(a, i + i.T)", "list(product(x, x))",
        "np.linalg.inv(x[:501] @ np.ones((1, 501)))",
    ],
)  # fmt: skip
def test_nothing_else_is_computed(text: str) -> None:
    source = "from itertools import product\nimport numpy as np\n"
    source += "def go(odd, a, f, h, like, hidden, n, x, i, keys):\n    return "
    names = [Odd(), np.ones(3), open, [1.0, Odd()], Number(2.0), Shadowed(), 10**9]
    rest = [np.ones((10_000, 1)), np.zeros((10_000, 1), int), {Odd(): 1.0}]
    start = Start.of(module(source + text).go, [*names, *rest])
    Odd.asked.clear()
    failures = (Unknown, TypeError, KeyError)
    with pytest.raises(failures):
        Machine(Compiler(), 10_000).run(start)
    assert not Odd.asked


@pytest.mark.parametrize(
    "body",
    ["while True: pass", "while True: a += 1", "go(a)", "x = []\n    while True: x += [x]",
     "x = [a]\n    while True: x.extend(x)"],
)  # fmt: skip
def test_what_would_not_end_is_given_up(body: str) -> None:
    m = module(f"def go(a):\n    {body}\n    return a")
    with pytest.raises(Unknown):
        Machine(Compiler(), 5_000).run(Start.of(m.go, [np.ones(3)]))


def test_what_a_line_may_use_of_what_there_is() -> None:
    a = np.ones(3)
    held = {
        "a": a,
        "keep": a > 0,
        "layers": {"W": a, 2: a, "in": {"in": {"k": 2, "in": {"no": 1}}}},
        "n": 3,
        "rate": np.float32(0.1),
        "train": True,
        "on": a[0] > 0,
        "at": a.astype(int),
        "z": a + 1j,
        "name": "a",
    }
    found = ["a", "keep", "layers['W']", "layers['in']['in']['k']", "n", "rate", "z"]
    assert [name for name, _ in numbers_in(held)] == found


@pytest.mark.parametrize(
    ("line", "only"),
    [("dW = np.zeros_like(W)", True), ("dW = np.empty((2, 3))", True), ("dW = 0.0", True),
     ("dW = x.T @ dz", False), ("dW = np.ones(3) * dz", False)],
)  # fmt: skip
def test_what_is_only_begun(line: str, only: bool) -> None:
    assert is_made(ast.parse(line).body[0]) is only


@pytest.mark.parametrize(
    ("value", "brief"),
    [(np.ones(3), True), (0.5, True), (np.ones(1000), False), ([np.ones(3)], False),
     ([np.ones(3), 2.0], False), (range(3), False), ({"a": 1.0}, False), (open, False)],
)  # fmt: skip
def test_of_few_numbers(value: Any, brief: bool) -> None:
    assert is_brief(bytes_of(value)) is brief


def test_a_line_that_raises_is_told_where_nothing_else_can_be_judged() -> None:
    m = module(
        """
import numpy as np
def forward(x, ws):
    out = x
    for w in ws:
        out = out @ w
    return np.sum(out), (x, ws)

def backward(cache):
    x, ws = cache
    dout = np.ones((len(x), ws[-1].shape[1]))
    for w in ws:
        dout = dout @ w.T
    return dout
"""
    )
    rng = np.random.default_rng(0)
    ws = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))]
    report = mg.check_backward(m.forward, m.backward, rng.normal(size=(5, 3)), ws)
    assert report.first_error is not None and "dout @ w.T" in report.first_error.code


def test_what_several_targets_hold_is_one_row() -> None:
    held = {"a": np.array([[1.0, 2.0]]), "b": np.float64(3.0), "s": "text"}
    assert set_in(["a"], held).shape == (1, 2)
    np.testing.assert_array_equal(set_in(["a", "b"], held), [1.0, 2.0, 3.0])
    assert set_in(["a", "s"], held) is None
    node = ast.parse("a, b = f(x)").body[0]
    statement = Statement(1, 1, ("a", "b"), frozenset(), True, node=node)
    frame: Any = types.SimpleNamespace(vars=dict(held))
    adding(statement, [np.array([1.0, 1.0, 4.0])])(node, frame)
    np.testing.assert_array_equal(frame.vars["a"], [[2.0, 3.0]])
    assert frame.vars["b"] == 7.0
