"""Backward functions with loops: the pass that is wrong first is blamed, and what that costs."""

from __future__ import annotations

import itertools
import linecache
import re
import textwrap
import types
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation import grading
from minigrad.derivation.backward.judging import Judge
from minigrad.derivation.search import STEPS

LSTM = """
    import numpy as np
    def sig(v):
        return 1 / (1 + np.exp(-v))
    def forward(xs, Wx, Wh):
        H = Wh.shape[0]
        h = c = np.zeros((len(xs[0]), H))
        caches = []
        for x in xs:
            prev_h, prev_c = h, c
            a = x @ Wx + prev_h @ Wh
            i, f, g = sig(a[:, :H]), sig(a[:, H:2*H]), np.tanh(a[:, 2*H:])
            c = f * prev_c + i * g
            h = np.tanh(c)
            caches.append((x, prev_h, prev_c, i, f, g, c))
        return h, (caches, Wx, Wh)
    def backward(dh, cache):
        caches, Wx, Wh = cache
        dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
        dc = np.zeros_like(dh)
        for x, prev_h, prev_c, i, f, g, c in reversed(caches):
            tc = np.tanh(c)
            dc = dc + dh * (1 - tc ** 2)
            di = dc * g
            df = dc * prev_c
            dg = dc * i
            da = np.hstack([di * i * (1 - i), df * f * (1 - f), dg * (1 - g ** 2)])
            dWx += x.T @ da
            dWh += prev_h.T @ da
            dh = da @ Wh.T
            dc = dc * f
        return dWx, dWh
"""
GAN = """
    import numpy as np
    def sigmoid(t):
        return 1 / (1 + np.exp(-t))
    class GAN:
        def __init__(self):
            rng = np.random.default_rng(3)
            self.G, self.D = rng.normal(size=(2, 3)), rng.normal(size=(3, 1))
        def forward(self, real, noise):
            self.real, self.noise = real, noise
            self.fake = np.tanh(noise @ self.G)
            self.right, self.wrong = sigmoid(real @ self.D), sigmoid(self.fake @ self.D)
            return -np.log(self.right).mean() - np.log(1 - self.wrong).mean()
        def backward(self):
            dreal = (self.right - 1) / len(self.real)
            dscore = self.wrong / len(self.noise)
            self.dD = self.real.T @ dreal + self.fake.T @ dscore
            self.dG = self.noise.T @ ((dscore @ self.D.T) * (1 - self.fake ** 2))
"""


def module(text: str) -> Any:
    """The functions of a source, as a notebook cell has them."""
    text = textwrap.dedent(text)
    name = f"<loops {hash(text)}>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    made = types.ModuleType("loops")
    exec(compile(text, name, "exec"), vars(made))
    return made


def lstm(old: str = "", new: str = "") -> Any:
    assert old in LSTM
    m = module(LSTM.replace(old, new, 1) if old else LSTM)
    r = np.random.default_rng(42).normal
    inputs = r(size=(3, 2, 3)), r(size=(3, 12)) * 0.5, r(size=(4, 12)) * 0.5
    return mg.check_backward(m.forward, m.backward, *inputs)


def test_a_right_loop_is_right_line_by_line() -> None:
    report = lstm()
    assert report.ok
    assert {line.verdict for line in report.lines} == {"correct"}
    assert {"dc", "di", "df", "dg", "dWx", "dWh"} <= {line.name for line in report.lines}


@pytest.mark.parametrize(
    "old, new, cause",
    [
        ("df = dc * prev_c", "df = dc * c", "c stands where prev_c belongs"),
        ("dc = dc * f\n", "dc = dc * i\n", "i stands where f belongs"),
        ("(1 - tc ** 2)", "(1 - c ** 2)", r"tanh'\(c\) evaluated at c where h = tanh\(c\)"),
        ("dg = dc * i", "dg = dc", r"the local factor i is missing"),
        ("dh = da @ Wh.T", "dh = -da @ Wh.T", "its sign is flipped"),
    ],
)
def test_the_first_wrong_pass_is_blamed(old: str, new: str, cause: str) -> None:
    first = lstm(old, new).first_error
    assert first.code.strip() == new.replace("(1 - c", "dc = dc + dh * (1 - c").strip()
    assert re.search(cause, first.remark), first.remark


@pytest.mark.full
def test_passes_that_nothing_explains_are_not_listed() -> None:
    report = lstm("dg = dc * i\n", "dg = np.cos(dc * 3.7) + i\n")
    assert not report.ok
    assert sum(line.name == "dg" for line in report.lines) == 1


def test_locals_of_a_layer_that_returns_nothing_are_no_answers() -> None:
    r = np.random.default_rng(0).normal
    inputs = r(size=(4, 3)), r(size=(5, 2))
    report = mg.check_backward(module(GAN).GAN(), None, *inputs)
    assert report.ok, report
    assert [x.name for x in report.lines if x.verdict == "unread"] == ["dreal"]
    wrong = GAN.replace("self.fake.T @ dscore", "self.fake.T @ dscore * 0.5")
    first = mg.check_backward(module(wrong).GAN(), None, *inputs).first_error
    assert first.name == "self.dD"
    assert "is ½ of what it should be" in first.remark


def test_many_wrong_steps_are_searched_for_less_than_twice_as_long_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed: list[int] = []
    diagnose = grading.diagnose

    def counted(searches: Any, **options: Any) -> Any:
        allowed.append(searches[0].left)
        return diagnose(searches, **options)

    monkeypatch.setattr(grading, "diagnose", counted)
    steps = [mg.Tensor(np.array([0.3, -0.7]), requires_grad=True)]
    for _ in range(4):
        steps.append(np.sin(steps[-1] * 1.1))
    hand = {s: np.array([0.123, 0.7]) * k for k, s in enumerate(steps, 2)}
    rows = mg.check_derivation(np.sum(steps[-1]), hand).rows
    assert sum(row.verdict == "wrong" for row in rows) == len(allowed) == 5
    assert allowed[0] == STEPS
    assert sum(allowed) < 2 * STEPS


def test_a_wrong_loop_is_graded_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    graded: list[int] = []
    grade = Judge.grade

    def counted(judge: Judge, claims: Any) -> None:
        graded.append(len(claims))
        grade(judge, claims)

    monkeypatch.setattr(Judge, "grade", counted)
    assert not lstm("df = dc * prev_c", "df = dc * c").ok
    assert len(graded) <= 3


LAYERS = """
def forward(x, y, weights, biases):
    acts = [x]
    for i, (w, b) in enumerate(zip(weights, biases)):
        z = acts[-1] @ w + b
        acts.append(np.tanh(z) if i < len(weights) - 1 else z)
    return np.mean((acts[-1] - y) ** 2), (acts, y, weights)

def backward(cache):
    acts, y, weights = cache
    grad_w, grad_b = [None] * len(weights), [None] * len(weights)
    delta = 2 * (acts[-1] - y) / y.size
    for i in reversed(range(len(weights))):
        grad_w[i] = acts[i].T @ delta
        grad_b[i] = delta.sum(axis=0)
        if i > 0:
            delta = (delta @ weights[i].T) * (1 - acts[i] ** 2)
    return grad_w, grad_b
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("/ y.size", "/ len(y)", 4, r"len\(y\) stands where y.size"),
        ("acts[i] ** 2", "acts[i]", 9, r"acts\[i\] stands where acts\[i\] \*\* 2 belongs"),
        (" * (1 - acts[i] ** 2)", "", 9, r"the factor 1 - acts\[i\] \*\* 2 is missing"),
    ],
)
def test_a_delta_that_runs_through_the_layers_is_blamed_itself(
    old: str, new: str, line: int, cause: str
) -> None:
    rng = np.random.default_rng(3)
    sizes = [4, 5, 6, 2]
    weights = [rng.normal(size=s) for s in itertools.pairwise(sizes)]
    biases = [rng.normal(size=n) for n in sizes[1:]]
    inputs = rng.normal(size=(7, 4)), rng.normal(size=(7, 2)), weights, biases
    assert LAYERS.count(old) == 1
    m = module("import numpy as np\n" + LAYERS.replace(old, new))
    report = mg.check_backward(m.forward, m.backward, *inputs)
    first: Any = report.first_error
    assert first.name == "delta" and first.line - report.source[0][0] == line - 1, report
    assert re.search(cause, first.remark), report


def test_what_a_pass_hands_to_the_next_is_blamed_itself() -> None:
    source = """
import numpy as np
def forward(xs, W, U):
    hs = [np.zeros(3)]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    return sum(h @ h for h in hs), (xs, W, U, hs)

def backward(cache):
    xs, W, U, hs = cache
    dW, dU, carry = np.zeros_like(W), np.zeros_like(U), 0.0
    for t in reversed(range(len(xs))):
        both = 2 * hs[t + 1] + carry
        back = (1 - hs[t + 1] ** 2) * both
        dW += np.outer(back, xs[t])
        dU += np.outer(back, hs[t])
        carry = U @ back
    return dW, dU
"""
    rng = np.random.default_rng(3)
    inputs = list(rng.normal(size=(3, 2))), rng.normal(size=(3, 2)), rng.normal(size=(3, 3))
    m = module(source)
    report = mg.check_backward(m.forward, m.backward, *inputs)
    first: Any = report.first_error
    assert first.name == "carry" and "U is not transposed" in first.remark, report
    m = module(source.replace("U @ back", "U.T @ back"))
    right = mg.check_backward(m.forward, m.backward, *inputs)
    assert right.ok, right


def test_a_state_that_is_returned_is_blamed_in_the_pass_that_makes_it() -> None:
    source = """
import numpy as np
def solve(y0, W, target):
    ys = [y0]
    for _ in range(3):
        ys.append(ys[-1] + 0.1 * np.tanh(ys[-1] @ W))
    return 0.5 * np.sum((ys[-1] - target) ** 2), (ys, W, target)

def adjoint(cache):
    ys, W, target = cache
    a = ys[-1] - target
    gW = np.zeros_like(W)
    for y in reversed(ys[:-1]):
        s = 0.1 * a * (1 - np.tanh(y @ W) ** 2)
        gW += y.T @ s
        a = a + s @ W
    return {"y0": a, "W": gW}
"""
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    m = module(source)
    report = mg.check_backward(m.solve, m.adjoint, *inputs)
    first: Any = report.first_error
    assert first.name == "a" and "W is transposed" in first.remark, report
    assert first.instead == "a = a + s @ W.T"


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("(H0 > 0)", "H1", "delta = delta * H1", r"H1 stands where \(H0 > 0\) belongs"),
        ("A.T @ delta", "A @ delta", "delta = A @", "A is not transposed"),
    ],
)
def test_of_one_variable_the_step_that_is_wrong_is_blamed(
    old: str, new: str, line: str, cause: str
) -> None:
    source = """
import numpy as np
def forward(params, A, X, Y):
    W0, W1 = params
    H0 = A @ X @ W0
    H1 = np.maximum(H0, 0)
    Z = A @ H1 @ W1
    return 0.5 * np.mean((Z - Y) ** 2), (A, X, Y, W1, H0, H1, Z)

def backward(cache):
    A, X, Y, W1, H0, H1, Z = cache
    delta = (Z - Y) / Y.size
    gW1 = (A @ H1).T @ delta
    delta = A.T @ delta @ W1.T
    delta = delta * (H0 > 0)
    return [(A @ X).T @ delta, gW1]
"""
    rng = np.random.default_rng(3)
    params = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))]
    inputs = params, rng.random((5, 5)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    right = module(source)
    assert mg.check_backward(right.forward, right.backward, *inputs).ok
    m = module(source.replace(old, new))
    report = mg.check_backward(m.forward, m.backward, *inputs)
    first: Any = report.first_error
    assert line in first.code and re.search(cause, first.remark), report
