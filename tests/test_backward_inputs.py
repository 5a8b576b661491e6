"""What people hand in otherwise: signatures, numbers of other kinds, conventions; and headers."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from test_backward_lines import module

AFFINE = """
import functools
import numpy as np
def forward(x, w, b):
    z = x @ w + b
    h = np.tanh(z)
    return h, (x, w, b, z, h)
def through(dout, cache):
    x, w, b, z, h = cache
    dz = dout * (1 - h**2)
    dx = dz @ w.T
    dw = x.T @ dz
    db = dz.sum(0)
    return dx, dw, db
"""
R = np.random.default_rng(0)
X, W, B = R.normal(size=(4, 3)), R.normal(size=(3, 2)), R.normal(size=2)
WAYS = [
    "backward = through",
    "def backward(dout, *cache): return through(dout, *cache)",
    "def backward(*a, **k): return through(*a, **k)",
    "def backward(*, dout, cache): return through(dout, cache)",
    "class Called:\n    def __call__(self, *a): return through(*a)\nbackward = Called()",
    "def backward(dout, cache):\n    o = np.empty(3, object)\n    o[:] = through(dout, cache)\n"
    "    return o",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_backward_function_is_called_as_it_wants_to_be(way: str) -> None:
    m = module(AFFINE + way)
    assert mg.check_backward(m.forward, m.backward, X, W, B)
    m = module((AFFINE + way).replace("h**2", "h"))
    report = mg.check_backward(m.forward, m.backward, X, W, B)
    assert report.first_error.code.strip() == "dz = dout * (1 - h)", report


@pytest.mark.parametrize("kind", ["f4", "f2", "i8"])
def test_other_kinds_of_numbers_are_graded_as_doubles(kind: str) -> None:
    m, given = module(AFFINE), [(2 * a).astype(kind) for a in (X, W, B)]
    assert mg.check_backward(m.forward, m.through, *given)
    m = module(AFFINE.replace("x.T @ dz", "x.T @ dout"))
    for args in (given, [X, given[1], B]):
        report = mg.check_backward(m.forward, m.through, *args)
        assert report.first_error.instead == "dw = x.T @ dz", report


def test_what_is_lost_is_told() -> None:
    m = module(AFFINE.replace("return dx, dw, db", "return dx, dw"))
    assert "computed and not returned: db" in str(mg.check_backward(m.forward, m.through, X, W, B))
    m = module(AFFINE.replace("    return dx, dw, db\n", ""))
    assert "nothing is returned" in str(mg.check_backward(m.forward, m.through, X, W, B))
    for wrong in (
        "{'x': dx, 'w': dx + 0 * x, 'b': db}",
        "{'b': db, 'x': x, 'w': dw}",
        "dx, dx, db",
    ):
        m = module(AFFINE.replace("dx, dw, db", wrong))
        assert not mg.check_backward(m.forward, m.through, X[:3], np.eye(3) + 1, np.ones(3)), wrong
    with pytest.raises(ValueError, match="the gradient from above has entries that are not finite"):
        mg.check_backward(m.forward, m.through, X, W, B, upstream=np.full((4, 2), np.nan))


COURSE = """
import numpy as np
def forward(X, Y, p):
    caches, A = [], X
    for l in (1, 2):
        W, b = p["W" + str(l)], p["b" + str(l)]
        Z = W @ A + b
        caches.append((A, W, Z))
        A = 1 / (1 + np.exp(-Z))
    m = Y.shape[1]
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return cost, (A, Y, caches)

def layer(dA, cache):
    A, W, Z = cache
    m = A.shape[1]
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m

def backward(A, Y, caches):
    grads = {}
    dA = -(Y / A - (1 - Y) / (1 - A))
    for l in (2, 1):
        dA, grads["dW" + str(l)], grads["db" + str(l)] = layer(dA, caches[l - 1])
    return grads
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("", "", ""), ("s * (1 - s)", "(1 - s)", "dZ =")],
)
def test_gradients_per_example_are_a_convention(old: str, new: str, line: str) -> None:
    m, r = module(COURSE.replace(old, new) if old else COURSE), np.random.default_rng(0)
    shapes = {"W1": (4, 3), "b1": (4, 1), "W2": (1, 4), "b2": (1, 1)}
    p = {k: r.normal(size=s) for k, s in shapes.items()}
    report = mg.check_backward(m.forward, m.backward, r.normal(size=(3, 6)), r.random((1, 6)), p)
    assert report.ok is not bool(old), report
    assert not old or line in report.first_error.code, report


@pytest.mark.parametrize(
    "returned",
    [
        "3 * p * w, 3 * p * x, mask",
        "[3 * p * w, mask, 2 * p * x]",
        "[mask, 3 * p * w, 2 * p * x]",
        "{'a': mask, 'b': 3 * p * w, 'c': 2 * p * x}",
    ],
)
def test_what_is_called_otherwise_is_taken_for_no_gradient(returned: str) -> None:
    m = module(
        f"""
import numpy as np
def forward(x, w):
    p = x * w
    return np.sum(p ** 2), (x, w, p)
def backward(x, w, p):
    mask = (x > 0) * 1.0
    return {returned}
"""
    )
    r = np.random.default_rng(0)
    x, w = r.normal(size=3), r.normal(size=3)
    report = mg.check_backward(m.forward, m.backward, x, w)
    said = [f"the gradient of x is {1.5 * dx:.6g}, and {dx:.6g} belongs" for dx in 2 * x * w**2]
    assert any(words in str(report).splitlines()[0] for words in said)


@pytest.mark.parametrize(
    "cycle", ["cache = {'x': x}; cache['me'] = cache", "cache = [x]; cache.append(cache)",
              "cache = Cache(); cache.x = x; cache.me = cache"]
)  # fmt: skip
def test_what_holds_itself_is_looked_into_so_far(cycle: str) -> None:
    m = module(
        f"""
import numpy as np
class Cache: pass
def forward(x):
    {cycle}
    return np.sum(x ** 2), x, cache
def backward(loss, x, cache):
    return 2 * x
"""
    )
    assert mg.check_backward(m.forward, m.backward, np.array([1.0, 2.0])).ok


@pytest.mark.parametrize(
    ("db", "line"), [("dz.sum(0) / len(x)", ""), ("dz.sum(0)", "db = dz.sum(0)")]
)
def test_gradients_of_data_are_per_example_too(db: str, line: str) -> None:
    m = module(
        f"""
import numpy as np
def forward(x, w, b, t):
    z = x @ w + b
    a = np.tanh(z)
    return np.sum(a * t) / len(x), (x, a, t, w)
def backward(x, a, t, w):
    dz = t * (1 - a ** 2)
    dw = x.T @ dz / len(x)
    db = {db}
    dx = dz @ w.T
    return dx, dw, db
"""
    )
    r = np.random.default_rng(0)
    data = [r.normal(size=n) for n in ((4, 3), (3, 2), 2, (4, 2))]
    report = mg.check_backward(m.forward, m.backward, *data)
    assert report.ok is not bool(line), report
    assert not line or line in report.first_error.code, report


@pytest.mark.parametrize(
    ("source", "old", "new", "line", "instead"),
    [
        (
            "def go(w, x):\n    e = x @ w\n    L = np.sum(e * e)\n"
            "    grads = {'dw': 2 * x.T @ e}\n    return grads, L\n"
            "def forward(w, x):\n    grads, L = go(w, x)\n    return L, grads\n",
            "2 * x.T", "x.T", "", "",
        ),
        (
            "class T:\n    def __init__(self, a): self.a = a\ndef forward(w, x):\n    h = x @ w\n"
            "    return np.sum(h * h), (h, w, x)\ndef backward(cache):\n"
            "    h, w, x = map(T, cache)\n    h.g = 2 * h.a\n    w.g = x.a.T @ h.g\n"
            "    x.g = h.g @ w.a.T\n    return w.g, x.g\n",
            "2 * h.a", "h.a", "h.g =", "h.g = h.a * 2",
        ),
        (
            "def forward(w, x):\n    hs = [w]\n    for t in range(len(x)):\n"
            "        hs.append(np.tanh(hs[-1] * x[t]))\n    return np.sum(hs[-1]), (hs, x)\n"
            "def backward(cache):\n    hs, x = cache\n    dh, dx = np.ones(3), np.zeros_like(x)\n"
            "    for t in range(len(x) - 1, -1, -1):\n        dz = dh * (1 - hs[t + 1] ** 2)\n"
            "        dx[t] = dz * hs[t]\n        dh = dz * x[t]\n    return dh, dx\n",
            "- 1, -1, -1", "- 1, 0, -1", "for t in", "for t in range(len(x) - 1, -1, -1):",
        ),
        (
            "def forward(w, x):\n    d = w * x\n    on = d > 0\n"
            "    return np.mean(np.maximum(d, 0)), (w, x, on)\ndef backward(cache):\n"
            "    w, x, on = cache\n    k = 2 * on / on.size\n    return k * x / 2, k * w / 2\n",
            "on.size", "on.sum()", "k =", "k = 2 * on / on.size",
        ),
    ],
)  # fmt: skip
def test_slips_in_other_ways_to_write_it(
    source: str, old: str, new: str, line: str, instead: str
) -> None:
    r = np.random.default_rng(3)
    first = (3, 2) if "@" in source else 3 if "range" in source else (4, 3)
    given = r.normal(size=first), r.normal(size=(4, 3))
    m = module("import numpy as np\n" + source)
    assert mg.check_backward(m.forward, getattr(m, "backward", None), *given)
    m = module("import numpy as np\n" + source.replace(old, new))
    report = mg.check_backward(m.forward, getattr(m, "backward", None), *given)
    assert line in report.first_error.code, report
    assert not instead or report.first_error.instead == instead, report
    assert not re.search(r"\bnan\b", report.headline), report


def test_a_tracer_that_puts_itself_in_place_is_called_and_nothing_is_lost() -> None:
    calls = []

    def tracer(frame: Any, event: str, arg: Any) -> Any:  # as one in C does, each time
        calls.append(frame.f_code.co_name)
        sys.settrace(tracer)
        return None

    m, before = module(AFFINE), sys.gettrace()
    sys.settrace(tracer)
    try:
        report = mg.check_backward(m.forward, m.through, X, W, B)
    finally:
        sys.settrace(before)
    assert report.ok and len(report.lines) == 4 and "through" in calls


def check(source: str, *data: Any) -> Any:
    m = module(source)
    return mg.check_backward(m.forward, m.backward, *data)


@pytest.mark.parametrize(
    ("returned", "read"),
    [
        ("loss, acc, (x, W, e)", "x, W, e = cache"),
        ("loss, (x, W, e), {'mae': acc}", "x, W, e = cache"),
        ("loss, acc, {'x': x, 'W': W, 'e': e}", "x, W, e = cache['x'], cache['W'], cache['e']"),
        ("loss, acc, x, W, e", "_, x, W, e = cache"),
    ],
)
def test_which_result_is_the_cache(returned: str, read: str) -> None:
    source = f"""import numpy as np
def forward(x, W, y):
    e = x @ W - y
    acc, loss = np.mean(np.abs(e) < 1), np.sum(e ** 2)
    return {returned}
def backward(cache):
    {read}
    return 2 * e @ W.T, 2 * x.T @ e, -2 * e
"""
    r = np.random.default_rng(0)
    data = [r.normal(size=n) for n in ((5, 3), (3, 2), (5, 2))]
    assert check(source, *data).ok
    assert not check(source.replace("-2 * e", "2 * e"), *data).ok


def test_without_names_places_tell_what_is_returned() -> None:
    source = """import numpy as np
def forward(a, b):
    z = a * b
    return np.sum(z ** 2), (a, b, z)
def backward(cache):
    a, b, z = cache
    dz = 2 * z
    return dz * b, dz * a
"""
    r = np.random.default_rng(0)
    assert check(source, *r.normal(size=(2, 4))).ok
    report = check(source.replace("dz * b, dz * a", "dz * a, dz * b"), *r.normal(size=(2, 4)))
    assert report.first_error.instead == "return dz * b, dz * a", report
    rated = source.replace("(a, b):", "(a, b, rate=0.5):").replace("z = a * b", "z = a * b * rate")
    rated = rated.replace("(a, b, z)", "(a * rate, b * rate, z)")
    assert check(rated, *r.normal(size=(2, 4)), 0.5).ok
    rated = rated.replace("dz * b, dz * a", "dz * a, dz * b")
    assert not check(rated, *r.normal(size=(2, 4)), 0.5).ok
    named = source.replace("return dz * b, dz * a", "da, db = dz * b, dz * a\n    return db, da")
    assert check(named, *r.normal(size=(2, 4))).ok
