"""Slips that the numbers do not tell, found in the line itself."""

from __future__ import annotations

import ast
import linecache
import re
import types
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.backward import calls, held, watch
from minigrad.derivation.backward.mistakes import slips
from minigrad.derivation.formulas.grammar import written

SOURCE = """
import numpy as np
def forward(x, g, w, y, lam):
    n, C = x.shape
    eps = 0.1
    mean = x.mean(-1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    norm = (x - mean) / std
    z = norm * g + lam * w
    target = np.full((n, C), eps / C)
    target[np.arange(n), y] += 1 - eps
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    loss = -(target * logp).sum() / n
    return loss, (norm, std, g, logp, y, lam)

def backward(cache):
    norm, std, g, logp, y, lam = cache
    n, C = logp.shape
    eps = 0.1
    dz = np.exp(logp)
    dz[np.arange(n), y] -= 1 - eps
    dz -= eps / C
    dz /= n
    dg = (dz * norm).sum(0)
    dw = lam * dz.sum(0)
    dn = dz * g
    dx = (dn - dn.mean(-1, keepdims=True) - norm * (dn * norm).mean(-1, keepdims=True)) / std
    return dx, dg, dw
"""


def module(text: str) -> Any:
    name = f"<lines {hash(text)}>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    made = types.ModuleType("lines")
    exec(compile(text, name, "exec"), vars(made))
    return made


def checked(text: str) -> Any:
    m, rng = module(text), np.random.default_rng(0)
    x, g, w = rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=5)
    return mg.check_backward(m.forward, m.backward, x, g, w, np.array([1, 0, 4, 2]), 0.3)


def test_it_is_right() -> None:
    assert checked(SOURCE).ok


@pytest.mark.parametrize(
    ("old", "new", "cause", "instead"),
    [
        ("    dz -= eps / C\n", "", r"the term - eps / C is missing", "eps / C"),
        ("-= 1 - eps", "-= 1", r"1 stands where 1 - eps belongs", "-= 1 - eps"),
        ("dn.mean(-1,", "dn.mean(0,", r"axis 0 stands where axis 1 belongs", "dn.mean(1, "),
        ("norm * (dn * norm)", "norm * (dz * norm)", "in the part through std the local",
         "dn * norm"),
        ("lam * dz.sum(0)", "lam * dz.sum(0) + g", "without the term g", "dw = lam * dz.sum(0)"),
        ("(dz * norm).sum(0)", "(dz * norm).mean(0)", "mean over 4", "(dz * norm).sum(0)"),
        ("dn * norm).mean(-1", "dn * norm).sum(-1", "part through std", ""),
    ],
)  # fmt: skip
def test_the_line_tells_the_slip(old: str, new: str, cause: str, instead: str) -> None:
    assert SOURCE.count(old) == 1
    report = checked(SOURCE.replace(old, new))
    first = report.first_error
    assert first is not None and re.search(cause, first.remark), report
    assert instead in first.instead, report


GATED = """
import numpy as np
def forward(x, W, U, V):
    h = np.tanh(x @ W) * np.tanh(x @ U)
    y = h @ V
    return np.sum(y ** 2), (x, W, U, V, h, y)

def backward(cache):
    x, W, U, V, h, y = cache
    t, s = np.tanh(x @ W), np.tanh(x @ U)
    dy = 2 * y
    dV = h.T @ dy
    dh = dy @ V.T
    dW = x.T @ (dh * s * (1 - t ** 2))
    dx = (dh * s * (1 - t ** 2)) @ W.T
    dh = dh * t * (1 - s ** 2)
    dU = x.T @ dh
    dx += dh @ U.T
    return dx, dW, dU, dV
"""


@pytest.mark.parametrize(
    ("old", "new", "instead"),
    [
        ("", "", ""),
        ("dU = x.T @ dh", "dU = -x.T @ dh", "dU = x.T @ dh"),
        ("dh = dh * t * (1 - s ** 2)", "dh = -dh * t * (1 - s ** 2)", "dh = dh * t * (1 - s ** 2)"),
        ("dh = dh * t * (1 - s ** 2)", "dh = dh * t", "dh = dh * t * (1 - s ** 2)"),
        ("dh = dh * t * (1 - s ** 2)", "dh = dh * s * (1 - t ** 2)", "dh = dh * t * (1 - s ** 2)"),
    ],
)
def test_of_two_factors_a_gradient_may_go_on_to_either(old: str, new: str, instead: str) -> None:
    """Its own name tells none of them; the last is what belongs to the other factor."""
    rng = np.random.default_rng(0)
    m = module(GATED.replace(old, new) if old else GATED)
    args = [rng.normal(size=s) for s in ((4, 3), (3, 5), (3, 5), (5, 2))]
    report = mg.check_backward(m.forward, m.backward, *args)
    assert report.ok is not bool(old), report
    if report.first_error is not None:
        assert report.first_error.code.strip() == new, report
        assert report.first_error.instead == instead, report


WAVES = """
import numpy as np

def forward(x, w, log_t, u, v, keep, pairs, angle, leak=0.25, p=0.4):
    k, n, d = 2, len(x), x.shape[1]
    y = np.zeros_like(x)
    y[k:] = x[: n - k] * w
    y[keep] = 0.0
    c, s = np.cos(angle), np.sin(angle)
    z = np.stack([y[:, 0] * c - y[:, 1] * s, y[:, 0] * s + y[:, 1] * c], axis=1)
    hs = [z[0]]
    for t in range(1, n):
        hs.append((1 - leak) * hs[-1] + leak * np.sin(z[t] + hs[-1]))
    h = hs[-1]
    total = np.sum(h**2) * np.exp(log_t) / 0.8 / np.sqrt(d) / (n - 1)
    for a, b in pairs:
        total = total + u[a] * v[b] ** (1 - p)
    return total, (x, w, log_t, u, v, keep, pairs, c, s, leak, p, z, hs, h)

def backward(cache):
    x, w, log_t, u, v, keep, pairs, c, s, leak, p, z, hs, h = cache
    k, n, d = 2, len(x), x.shape[1]
    du, dv = np.zeros_like(u), np.zeros_like(v)
    for a, b in pairs:
        du[a] += v[b] ** (1 - p)
        dv[b] += u[a] * (1 - p) * v[b] ** -p
    scale = np.exp(log_t) / 0.8 / np.sqrt(d) / (n - 1)
    dlog_t = np.sum(h**2) * scale
    dh = 2 * h * scale
    dz = np.zeros_like(z)

    def back(t):
        nonlocal dh
        dz[t] = leak * dh * np.cos(z[t] + hs[t - 1])
        dh = dz[t] + (1 - leak) * dh

    for t in range(n - 1, 0, -1):
        back(t)
    dz[0] = dh
    dy = np.stack([dz[:, 0] * c + dz[:, 1] * s, dz[:, 1] * c - dz[:, 0] * s], axis=1)
    dy[keep] = 0.0
    dx = np.zeros_like(x)
    dx[: n - k] = dy[k:] * w
    dw = np.sum(dy[k:] * x[: n - k], axis=0)
    return dx, dw, dlog_t, du, dv
"""


def waves() -> Any:
    r = np.random.default_rng(5)
    u, v = r.uniform(1, 2, (2, 3))
    keep, pairs = np.arange(5) == 3, np.array([[0, 1], [2, 0]])
    return r.normal(size=(5, 2)), r.normal(size=2), 0.3, u, v, keep, pairs, 0.7


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dx[: n - k] = dy[k:]", "dx[k:] = dy[: n - k]", r"\[k:\] and \[:n - k\] are exchanged"),
        ("dy[k:] * x[: n - k]", "dy[k:] * x[k:]", r"\[k:\] stands where \[:n - k\]"),
        ("    dy[keep]", "    dy[~keep]", "the other side of keep"),
        ("c + dz[:, 1] * s, dz[:, 1] * c - dz[:, 0] * s]",
         "c - dz[:, 1] * s, dz[:, 1] * c + dz[:, 0] * s]", "s has the wrong sign"),
        ("dh = dz[t] + (1 - leak) * dh", "dh = dz[t]", r"\+ \(1 - leak\) \* dh is missing"),
        ("scale = np.exp(log_t) / 0.8", "scale = np.exp(log_t)", "division by 0.8"),
        ("scale = np.exp(log_t)", "scale = 1", r"the factor np.exp\(log_t\) is missing"),
        ("dv[b] += u[a]", "dv[a] += u[a]", r"where dv\[b\] belongs"),
        ("np.sqrt(d) / (n - 1)\n    dlog", "np.sqrt(pairs.size) / (n - 1)\n    dlog",
         "pairs.size stands where d belongs"),
        ("(n - 1)\n    dlog", "n\n    dlog", "n stands where n - 1"),
    ],
)  # fmt: skip
def test_slips_of_loops_and_masks_are_undone_in_their_lines(old: str, new: str, words: str) -> None:
    assert WAVES.count(old) == 1 and mg.check_backward(*functions(WAVES), *waves())
    text = WAVES.replace(old, new)
    first = mg.check_backward(*functions(text), *waves()).first_error
    assert re.search(words, first.remark), first.remark
    assert mg.check_backward(*functions(text.replace(first.code.strip(), first.instead)), *waves())
    assert f"{first.code}\n" not in WAVES  # it is the line that was changed


def functions(text: str) -> Any:
    m = module(text)
    return m.forward, m.backward


EQUAL = """
import numpy as np
def forward(x, b=0.25, c=0.75):
    return (1 - b) * np.sum(x**3) + c * np.sum(x), (x, b, c)

def backward(cache):
    x, b, c = cache
    return 3 * x**2 + c
"""
LIKELIHOOD = """
import numpy as np
def forward(x, y):
    p = 1 / (1 + np.exp(-x))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)), (x, y, p)

def backward(cache):
    x, y, p = cache
    dp = y / p - (1 - y) / (1 - p)
    slope = dp * p
    return -slope
"""
CELL = """
import numpy as np
def forward(xs, p, q, c):
    mem = []
    for x in xs:
        mem.append((x, c))
        c = np.tanh(p * c) + np.sin(x + q * c)
    return np.sum(c**2), (mem, p, q, c)

def backward(cache):
    mem, p, q, c = cache
    dxs, dp, dq = np.zeros((len(mem), len(p))), np.zeros_like(p), np.zeros_like(q)
    dc = 2 * c
    for t in range(len(mem) - 1, -1, -1):
        x, old = mem[t]
        ds = dc * (1 - np.tanh(p * old) ** 2)
        dr = dc * np.cos(x + q * old)
        dxs[t] = dr
        dp += ds * old
        dq += dr * old
        dc = dc * p * q
    return dxs, dp, dq, dc
"""
THREE = np.array([0.3, -1.2, 0.7])


@pytest.mark.parametrize(
    ("text", "inputs", "line", "instead"),
    [
        (EQUAL, (THREE,), "3 * x**2", "(1 - b)"),
        (EQUAL.replace("b=0.25, c=0.75", "b, c"), (THREE, 0.25, 0.75), "3 * x**2", "(1 - b)"),
        (EQUAL.replace("b=", "*, b=").replace("(cache)", "(cache, *, b=0.25)"), (THREE,),
         "3 * x**2", "(1 - b)"),
        (LIKELIHOOD, (THREE, np.array([1.0, 0.0, 1.0])), "slope =", "dp * p * (1 - p)"),
        (CELL, (np.ones((3, 2)), THREE[:2], THREE[1:], THREE[:2]), "dc = dc * p", ""),
    ],
    ids=["default", "argument", "keyword", "the negative loss", "no known slip"],
)  # fmt: skip
def test_of_lines_and_numbers_that_could_be_the_first_one_is_named(
    text: str, inputs: Any, line: str, instead: str
) -> None:
    """A number that only equals another here is none; a line that is right at first is none."""
    first = mg.check_backward(*functions(text), *inputs).first_error
    assert line in first.code and instead in first.instead, first.remark


EXPRESSIONS = [
    ("d.sum(axis=0)", "d.sum(axis=1)"),
    ("np.sum(d)", "np.trace(d)"),
    ("h[t]", "h[t - 1]"),
    ("h[t + 1]", "h[t]"),
    ("d[:, n:]", "d[:, :n]"),
    ("d * (z > 0)", "d * (z < 0)"),
    ("np.where(z > 0, d, d)", "np.where(z > 0, d, -d)"),
    ("np.where(z > 0, a, d)", "np.where(z > 0, d, a)"),
    ("d @ h[0]", "d @ h[0].T"),
    ("d / len(d)", "d / d.size"),
    ("np.exp(s)", "np.exp(-s)"),
    ("np.exp(-s)", "np.exp(s)"),
    ("self.a * d", "self.b * d"),
    ("d * a", "(d + z) * a"),
    ("d", "d + 2 * s * a"),
    ("d.sum(axis=1)", "d.sum(axis=(0, 1, 2))"),
    ("d.sum(axis=3)", "d.sum(axis=(2, 3))"),
    ("z > s", "z >= s"),
    ("z <= -9", "z <= 0"),
    ("d @ a", "(d + d.T) @ a"),
    ("(1 - d) ** 2", "1 - d ** 2"),
    ("np.exp(d) / s", "(np.exp(d) - 1) / s"),
    ("d / s", "d ** 3 / s"),
    ("np.cumsum(d, axis=1)", "np.cumsum(d[:, ::-1], axis=1)[:, ::-1]"),
    ("turn(d, s), a", "turn(d, s), turn(a, s)"),
    ("d", "d * (s * k)"),
    ("d", "d / (s * k)"),
]


@pytest.mark.parametrize(("wrong", "right"), EXPRESSIONS)
def test_what_is_one_slip_away_is_found(wrong: str, right: str) -> None:
    names = {
        "d": (2, 2),
        "z": (2, 2),
        "a": (2, 2),
        "s": (),
        "k": (),
        "self.a": (3,),
        "self.b": (3,),
    }
    tree = ast.parse(wrong, mode="eval").body
    found = {written(r[1]): r[2] for r in slips(tree, list(names), names)}
    assert found[written(ast.parse(right, mode="eval").body)]
    if isinstance(tree, ast.Call):
        assert not any("direction" in words for _, _, words in slips(tree, list(names), names))


def square_forward(x, w):
    h = x @ w
    out = h * h
    return out, (x, w, h)


SQUARE = np.arange(1.0, 7.0).reshape(2, 3), np.array([[1.0, -2.0], [0.5, 1.0], [2.0, 3.0]])


def written_in(filename: str, source: str, name: str) -> Any:
    """A function of a file that is not on the disk."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = {"np": np}
    exec(compile(source, filename, "exec"), scope)
    return scope[name]


@pytest.mark.parametrize("words", ["", "\n", "try another one"])
def test_the_notes_of_an_error_are_not_the_error(words):
    def backward(dout, cache):
        dh = 2 * cache[2] * dout
        error = ValueError("no such thing")
        error.add_note(words)
        if dh.size:
            raise error
        return dh

    report = mg.check_backward(square_forward, backward, *SQUARE)
    assert report.first_error.remark == "it raises ValueError: no such thing"


def test_methods_of_one_name_are_told_apart():
    class Good:
        def apply(self, x, dh):
            dw = x.T @ dh
            return dw  # noqa: RET504

    class Bad:
        def apply(self, x, dh):
            dw = x @ dh
            return dw  # noqa: RET504

    def backward(dout, cache):
        x, _, h = cache
        dh = 2 * h * dout
        dw = Good().apply(x, dh)
        dx = Bad().apply(dh, dw)
        return dx, dw

    report = mg.check_backward(square_forward, backward, *SQUARE)
    assert report.first_error.code.strip() == "dw = x @ dh"


def test_lines_of_two_files_are_told_apart():
    text = "\n\ndef helper(x, dh):\n    dw = x.T @ dh * 2\n    return dw\n"
    helper = written_in("<helper>", text, "helper")
    text = "\n\ndef back(dout, cache):\n    x, w, h = cache\n    dh = 2 * h * dout\n"
    text += "    dw = helper(x, dh)\n    return dh @ w.T, dw\n"
    back = written_in("<back>", text, "back")
    back.__globals__["helper"] = helper
    report = mg.check_backward(square_forward, back, *SQUARE)
    assert report.first_error.code.strip() == "dw = x.T @ dh * 2"
    text = str(report)
    assert "✗ 4 |     dw = x.T @ dh * 2" in text and "  4 |     x, w, h = cache" in text
    assert text.count("✗") == report._repr_html_().count("✗") == 1


KEYS = ["fc1.weight", "W[1]", "a]b", "$W$", "a\\b", "\x1b[2J", "both ' and \"", "\0"]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_read(key):
    source = f"""def forward(params, x):
    h = x @ params[{key!r}]
    return np.sum(h * h), (h, x)

def backward(cache):
    h, x = cache
    dh = 2 * h
    grads = {{}}
    grads[{key!r}] = x.T @ dh
    return grads
"""
    for k, text in enumerate([source, source.replace("x.T @ dh", "3 * x.T @ dh")]):
        name = f"<{key!r} {k}>"
        forward = written_in(name, text, "forward")
        backward = written_in(name, text, "backward")
        report = mg.check_backward(forward, backward, {key: SQUARE[1]}, SQUARE[0])
        assert report.ok == (k == 0) and len(report.lines) == 2
        assert k == 0 or (report.first_error.line, report.first_error.remark) == (
            9,
            "it is 3 times the truth",
        )


def test_gradients_that_are_all_zero_tell_little():
    def forward(x, w):
        h = x @ w
        out = np.maximum(h, 0)
        return out, (x, w, h)

    def backward(dout, cache):
        x, w, h = cache
        dh = dout * (h > 0)
        return dh @ w.T, -x.T @ dh

    x, w = SQUARE
    report = mg.check_backward(forward, backward, x, -np.abs(w))
    assert report.ok and "all of these gradients are 0" in str(report)
    assert not mg.check_backward(forward, backward, x, np.abs(w)).note


NETWORK = """
import numpy as np

def slope(v):
    return 1 - np.tanh(v) ** 2

class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

class Net:
    def __init__(self, rng):
        self.hidden = Dense(rng.normal(size=(3, 4)), rng.normal(size=4))
        self.out = Dense(rng.normal(size=(4, 2)), rng.normal(size=2))
    def forward(self, x, t):
        self.z = self.hidden.forward(x)
        self.e = self.out.forward(np.tanh(self.z)) - t
        return np.mean(self.e ** 2)
    def backward(self):
        n = self.e.size
        scale = 2 / n
        dy = scale * self.e
        da = self.out.backward(dy)
        dz = da * slope(self.z)
        return self.hidden.backward(dz)
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("", "", "", ""),
        ("1 - np.tanh(v)", "1 + np.tanh(v)", "return 1 +", r"\+ .* stands where - "),
        ("self.x.T @ grad", "self.x.T @ grad / len(grad)", "self.dW", "mean over 5"),
    ],
    ids=["right", "a helper of one expression", "a layer's own"],
)
def test_lines_that_are_called_like_no_gradient(old: str, new: str, line: str, words: str) -> None:
    rng = np.random.default_rng(3)
    m = module(NETWORK.replace(old, new) if old else NETWORK)
    report = mg.check_backward(m.Net(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    assert report.ok is not bool(old), report
    if old:
        assert line in report.first_error.code, report
        assert re.search(words, report.first_error.remark), report
    assert sum(x.name.startswith("self.") for x in report.lines) == 4


def test_a_key_that_nobody_knows_is_named_and_an_empty_one_is_read() -> None:
    text = """
import numpy as np
def forward(p):
    return np.sum(p[""] ** 2)
def backward(p):
    return {"": 2 * p[""], "other": np.ones(2)}
"""
    m = module(text)
    report = mg.check_backward(m.forward, m.backward, {"": np.array([1.0, 2.0])})
    assert report.ok, report
    assert "not graded: 'other'" in str(report)
    m = module(text.replace("2 * p", "3 * p"))
    assert not mg.check_backward(m.forward, m.backward, {"": np.array([1.0, 2.0])}).ok


def test_cutpoints_at_infinity() -> None:
    m = module("""
import numpy as np
def F(t):
    return 1 / (1 + np.exp(-t))
def forward(theta, eta, y):
    ends = np.concatenate([[-np.inf], theta, [np.inf]])
    return -np.sum(np.log(F(ends[y + 1] - eta) - F(ends[y] - eta)))
def backward(theta, eta, y):
    ends = np.concatenate([[-np.inf], theta, [np.inf]])
    high, low = F(ends[y + 1] - eta), F(ends[y] - eta)
    p = high - low
    gh, gl = high * (1 - high), low * (1 - low)
    deta = (gh - gl) / p
    dends = np.zeros(len(ends))
    np.add.at(dends, y + 1, -gh / p)
    np.add.at(dends, y, gl / p)
    return dends[1:-1], deta
""")
    given = np.array([-0.7, 0.9]), np.array([0.2, -0.3, 1.0, 0.4]), np.array([0, 1, 2, 1])
    with np.errstate(all="ignore"):
        report = mg.check_backward(m.forward, m.backward, *given)
    assert report.ok, report


def test_what_nested_values_hold() -> None:
    t, u = mg.Tensor(1.0), mg.Tensor(2.0)
    made = {"a": [t, (u, 3)], "c": u}
    assert list(calls.in_step(made, {"a": [1, (2, 3)], "d": 2})) == [(t, 1), (u, 2)]
    assert list(calls.in_step([t, u], (1, 2))) == []
    endless: list[Any] = [np.array(1.0)]
    endless.append(endless)
    assert len(list(held.leaves_of(endless))) == 7
    assert [at for at, _ in held.leaves_of({"W": [0.5, np.ones(2)], "n": 3})] == [
        ("W", 0), ("W", 1),
    ]  # fmt: skip


def test_what_each_of_several_values_reads() -> None:
    read = lambda code: [sorted(x) for x in watch.each_of(ast.parse(code).body[0].value)]
    assert read("(f(a), b + c)")[1] == ["b", "c"]
    assert [set(x) & {"a", "b"} for x in read("[g * 2 for g in (a, b)]")] == [{"a"}, {"b"}]
    assert read("[g for g in (a, b) if g > 0]") == read("[g for g in a]") == []


@pytest.mark.parametrize(
    ("body", "said", "cause"),
    [
        ("da = a - t; dz = da * (1 - a**2)\n    dw = x.T @ dz; return dw", "da is", "½ times"),
        ("da = 2 * (a - t); dz = da * (1 - a)\n    dw = x.T @ dz; return dw", "dz is",
         "1 - a stands"),
        ("da = 2 * (a - t); dz = da * (1 - a**2)\n    dw = x.T @ da; return dw", "dw is",
         "tanh'(z)"),
        ("da = 2 * (a - t); da *= 1 - a**2; dw = -x.T @ da\n    return dw", "dw is",
         "sign is flipped"),
    ],
)  # fmt: skip
def test_statements_that_share_a_line(body: str, said: str, cause: str) -> None:
    m = module(
        f"""
import numpy as np
def forward(x, w, t):
    z = x @ w
    a = np.tanh(z)
    return np.sum((a - t) ** 2), (x, a, t)
def backward(x, a, t):
    {body}
"""
    )
    r = np.random.default_rng(0)
    data = [r.normal(size=n) for n in ((4, 3), (3, 2), (4, 2))]
    lines = str(mg.check_backward(m.forward, m.backward, *data)).splitlines()
    assert f"is the first wrong one: {said}" in lines[0]
    assert cause in lines[2]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [("* h * h", "* h * np.abs(h)", "abs"), ("dh * (", "np.sin(dh) * (", "sin"),
     ("dh * (", "np.flip(dh) * (", "flip")],
)  # fmt: skip
def test_a_function_too_many_is_left_out(old: str, new: str, name: str) -> None:
    right = "dh = 3 * h * h\n    dz = dh * (1 - h**2)"
    m = module(
        f"""
import numpy as np
def forward(x, w):
    h = np.tanh(x @ w)
    return np.sum(h * h * h), (x, h)
def backward(x, h):
    {right.replace(old, new)}
    return x.T @ dz
"""
    )
    r = np.random.default_rng(0)
    report = mg.check_backward(m.forward, m.backward, r.normal(size=(4, 3)), r.normal(size=(3, 2)))
    assert f"without the np.{name}" in str(report).splitlines()[2]


PHASES = """
import numpy as np
def forward(a, phi, seen):
    z = a * np.exp(1j * phi)
    far = np.fft.fft(z)
    e = np.abs(far) ** 2 - seen
    return np.sum(e ** 2), (a, phi, far, e)
def backward(cache):
    a, phi, far, e = cache
    dfar = 2 * (2 * e) * far
    dz = len(a) * np.fft.ifft(dfar)
    w = np.conj(dz) * np.exp(1j * phi)
    da, dphi = np.real(w), -a * w.imag
    return da, dphi
"""


@pytest.mark.parametrize(
    ("old", "new", "said", "instead"),
    [
        ("e) * far", "e) * far", "", ""),
        ("e) * far", "e) * np.conj(far)", "without the np.conj", "dfar = 2 * (2 * e) * far"),
        ("= np.conj(dz)", "= dz", "is to be conjugated", "np.conj("),
        ("np.fft.ifft(dfar)", "np.fft.fft(dfar)", "fft stands where ifft belongs", "np.fft.ifft("),
        ("w.imag", "w.real", "real stands where imag belongs", ".imag"),
        ("np.real(w)", "np.imag(w)", "imag stands where real belongs", "np.real(w)"),
        ("2 * (2 * e)", "2 * e", "2 stands where 4 belongs", "dfar = 4 * e * far"),
    ],
)  # fmt: skip
def test_lines_of_complex_numbers(old: str, new: str, said: str, instead: str) -> None:
    m, r = module(PHASES.replace(old, new)), np.random.default_rng(0)
    report = mg.check_backward(m.forward, m.backward, *r.random((3, 6)) + 0.5)
    assert report.ok is not bool(said), report
    first = report.first_error
    assert first is None or (said in first.remark and instead in first.instead), report


PAIR = """
import numpy as np
def forward(a, b):
    return np.sum((a * b) ** 2), (a, b)
def backward(cache):
    a, b = cache
    da, db = 2 * a * b * b, 2 * a * b * a
    return da, db
"""


@pytest.mark.parametrize(
    ("old", "new", "name", "instead"),
    [
        ("b * a\n", "b * b\n", "db", "da, db = 2 * a * b * b, 2 * a * b * a"),
        ("2 * a * b * b", "2 * a * b", "da", "da, db = 2 * a * b ** 2, 2 * a * b * a"),
        ("a, b = cache", "b, a = cache", "da", "da, db = 2 * b * a * a, 2 * b * a * b"),
    ],
)
def test_statements_that_set_several(old: str, new: str, name: str, instead: str) -> None:
    m, r = module(PAIR.replace(old, new)), np.random.default_rng(0)
    report = mg.check_backward(m.forward, m.backward, *r.normal(size=(2, 6)))
    assert (report.first_error.name, report.first_error.instead) == (name, instead), report


SHARED = """
import numpy as np
def turned(x, c, s):
    return np.stack([x[:, 0] * c - x[:, 1] * s, x[:, 0] * s + x[:, 1] * c], axis=1)
def forward(x, W, c, s):
    q = x @ W
    return turned(q, c, s), (x, W, c, s)
def backward(dout, cache):
    x, W, c, s = cache
    dq = turned(dout, c, -s)
    return dq @ W.T, x.T @ dq
"""


def test_what_the_forward_function_runs_is_right() -> None:
    r = np.random.default_rng(0)
    data = r.normal(size=(3, 2)), r.normal(size=(2, 2)), np.cos(0.4), np.sin(0.4)
    m = module(SHARED)
    assert mg.check_backward(m.forward, m.backward, *data).ok
    m = module(SHARED.replace("turned(dout, c, -s)", "turned(dout, c, s)"))
    first = mg.check_backward(m.forward, m.backward, *data).first_error
    assert first.instead == "dq = turned(dout, c, -s)"


PLACES = """
import numpy as np
def forward(E, V, centers, contexts):
    s = np.sum(E[centers] * V[contexts], axis=1)
    return np.sum(np.log(1 + np.exp(-s))), (E, V, centers, contexts, s)
def backward(cache):
    E, V, centers, contexts, s = cache
    ds = -1 / (1 + np.exp(s))
    dE, dV = np.zeros_like(E), np.zeros_like(V)
    np.add.at(dE, centers, ds[:, None] * V[contexts])
    np.add.at(dV, contexts, ds[:, None] * E[centers])
    return dE, dV
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.add.at(dV, contexts", "np.add.at(dV, centers"),
        ("E[centers])\n    return", "E[contexts])\n    return"),
        ("np.add.at(dE, centers, ds[:, None] * V[contexts])",
         "dE[centers] = ds[:, None] * V[contexts]"),
    ],
)  # fmt: skip
def test_places_for_others_and_rows_that_are_met_again(old: str, new: str) -> None:
    m, r = module(PLACES.replace(old, new)), np.random.default_rng(0)
    ids = np.array([0, 2, 0, 4]), np.array([1, 3, 1, 5])
    first = mg.check_backward(m.forward, m.backward, *r.normal(size=(2, 6, 3)), *ids).first_error
    assert first.instead and first.instead in PLACES, first


SUMS = """
import numpy as np
def forward(x, A, B, k):
    u, v = np.tanh(x @ A), np.tanh(x @ B)
    return np.sum(u ** 2) + np.sum(v ** 3) + 0.01 * np.sum(k * x * x), (x, A, B, k, u, v)
def backward(cache):
    x, A, B, k, u, v = cache
    du, dv = 2 * u * (1 - u ** 2), 3 * v ** 2 * (1 - v ** 2)
    dx = du @ A.T + dv @ B.T + 2 * 0.01 * k * x
    return dx, x.T @ du, x.T @ dv
"""


@pytest.mark.parametrize(
    ("lost", "found"),
    [(" + dv @ B.T", " + dv @ B.T"), (" + 2 * 0.01 * k * x", " + 2 * x * k * 0.01")],
)
def test_terms_that_are_found_by_their_numbers(lost: str, found: str) -> None:
    m, r = module(SUMS.replace(lost, "")), np.random.default_rng(0)
    data = r.normal(size=(5, 4)), r.normal(size=(4, 3)), r.normal(size=(4, 3)), 0.7
    report = mg.check_backward(m.forward, m.backward, *data)
    assert report.first_error.line == 9 and found in report.first_error.instead, report


COUNTED = """
import numpy as np
def forward(x, w, seen):
    z = x @ w
    r = np.where(seen, z - 1.0, 0.0)
    k = seen.sum()
    return (r ** 2).sum() / k + 0.1 * (w ** 2).sum(), (x, w, seen, r)
def backward(cache):
    x, w, seen, r = cache
    k = seen.sum()
    dsq = np.ones(len(r)) / k
    dr = 2 * dsq * r
    dw = x.T @ (dr * seen)
    dw += 0.2 * w
    return dw
"""


@pytest.mark.parametrize("kind", [bool, float])
@pytest.mark.parametrize("size", ["seen.size", "len(seen)"])
def test_how_many_a_mask_lets_through_is_no_number(size: str, kind: type) -> None:
    r = np.random.default_rng(0)
    data = r.normal(size=(6, 3)), r.normal(size=3), np.array([1, 0, 0, 1, 0, 0], kind)
    head, tail = COUNTED.split("def backward")
    m = module(f"{head}def backward{tail.replace('seen.sum()', size)}")
    first = mg.check_backward(m.forward, m.backward, *data).first_error
    assert first.instead == "k = seen.sum()", first


LEAKY = """
import numpy as np
def forward(x, w):
    v, us, ss = np.zeros(3), [], []
    for t in range(4):
        u = 0.8 * v + x[t] * w
        s = 1 / (1 + np.exp(-3.0 * (u - 0.5)))
        us.append(u)
        ss.append(s)
        v = u * (1 - s)
    return np.stack(ss), (x, w, us, ss)
def backward(dout, cache):
    x, w, us, ss = cache
    dv, dw, dx = np.zeros(3), np.zeros(3), np.zeros_like(x)
    for t in (3, 2, 1, 0):
        u, s = us[t], ss[t]
        ds = dout[t] - dv * u
        du = dv * (1 - s) + ds * s * (1 - s)
        dw += du * x[t]
        dx[t] = du * w
        dv = du * 0.8
    return dx, dw
"""


def test_what_is_zero_in_the_first_pass_stays_in_the_line() -> None:
    m, r = module(LEAKY), np.random.default_rng(0)
    report = mg.check_backward(m.forward, m.backward, r.normal(size=(4, 3)) + 0.4, r.normal(size=3))
    right = "ds = (dout[t] - dv * u) * 3", "du = dv * (1 - s) + ds * s * (1 - s) * 3"
    assert report.first_error.instead in right, report


def test_a_formula_for_one_pass_alone_is_not_suggested() -> None:
    m, r = module(LEAKY.replace("-3.0 * (u", "-(1.7 + 0.6) * (u")), np.random.default_rng(0)
    report = mg.check_backward(m.forward, m.backward, r.normal(size=(4, 3)) + 0.4, r.normal(size=3))
    assert report.first_error.name == "du" and not report.first_error.instead, report


SOFTARGMAX = """
import numpy as np
def forward(fmap, xs):
    e = np.exp(fmap)
    prob = e / e.sum(axis=(2, 3), keepdims=True)
    ex = np.einsum("bchw,w->bc", prob, xs)
    return 0.5 * np.sum(ex ** 2), (prob, xs, ex)
def backward(cache):
    prob, xs, ex = cache
    dex = ex
    dprob = dex[:, :, None, None] * xs[None, None, None, :]
    inner = (dprob * prob).sum(axis=(2, 3), keepdims=True)
    dfmap = prob * (dprob - inner)
    return dfmap
"""


def test_a_gradient_left_to_broadcasting_is_not_blamed_for_the_next_line() -> None:
    wrong = SOFTARGMAX.replace("prob * (dprob - inner)", "prob * (dprob * 1.3 - inner**3)")
    m, r = module(wrong), np.random.default_rng(0)
    data = r.normal(size=(2, 2, 3, 3)), np.linspace(-1, 1, 3)
    assert mg.check_backward(m.forward, m.backward, *data).first_error.name == "dfmap"
    assert mg.check_backward(m.forward, module(SOFTARGMAX).backward, *data).ok
    m = module(SOFTARGMAX.replace("prob).sum(axis=(2, 3)", "prob).sum(axis=3"))
    first = mg.check_backward(m.forward, m.backward, *data).first_error
    assert first.instead == "inner = (dprob * prob).sum(axis=(2, 3), keepdims=True)", first


def test_a_gradient_of_zeros_is_told_by_its_line() -> None:
    m = module("""
import numpy as np
def forward(u, f):
    k = 2j * np.pi * np.fft.fftfreq(len(u))
    r = np.fft.ifft(k ** 2 * np.fft.fft(u)).real - f
    return 0.5 * np.mean(r ** 2), (k, r)
def backward(cache):
    k, r = cache
    dr = r / len(r)
    du = np.fft.ifft(np.conj(k ** 2) * np.fft.fft(dr)).imag
    return du, -dr
""")
    first = mg.check_backward(m.forward, m.backward, *np.random.default_rng(0).normal(size=(2, 8)))
    assert first.first_error.remark == "imag stands where real belongs", first
