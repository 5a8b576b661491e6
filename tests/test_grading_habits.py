"""Habits of students that a grader meets: helpers, errors, dead stores, primes, other words."""

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
from minigrad.derivation.backward.flows import Flows
from minigrad.derivation.backward.stages import chain_below
from minigrad.derivation.backward.watch import source_of
from minigrad.derivation.feedback import KINDS
from minigrad.derivation.slips import SLIPS

numbers = itertools.count()


def module(text: str, name: str = "") -> Any:
    """The functions of a source, as a notebook cell has them."""
    name = name or f"<habits {next(numbers)}>"
    text = "import numpy as np\n" + textwrap.dedent(text)
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    made = types.ModuleType("habits")
    exec(compile(text, name, "exec"), vars(made))
    return made


def r(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def leaf(a: Any) -> Any:
    return mg.Tensor(np.asarray(a, float), requires_grad=True)


AFFINE = """
    def forward(x, w, b):
        h = np.maximum(x @ w + b, 0)
        return h, (x, w, h)
    def backward(dout, cache):
        x, w, h = cache
        dz = dout * (h > 0)
        dw = x.T @ dz
        dx = dz @ w.T
        return dx, dw, dz.sum(0)
"""


def affine(old: str, new: str) -> Any:
    assert old in AFFINE
    m = module(AFFINE.replace(old, new))
    return mg.check_backward(m.forward, m.backward, r(4, 3), r(3, 2), np.ones(2))


# --- a backward function that stops -----------------------------------------------------


def test_shapes_that_do_not_fit_are_a_wrong_line_with_its_repair() -> None:
    report = affine("dx = dz @ w.T", "dx = dz @ w")
    first = report.first_error
    assert (first.line, first.name, first.verdict) == (10, "dx", "wrong")
    assert first.remark == "dz @ w: shapes (4, 2) and (3, 2) do not fit; w is not transposed"
    assert first.instead == "dx = dz @ w.T"
    assert report.headline == "backward: line 10 is the first wrong one: it stops there"
    assert [x.verdict for x in report.lines] == ["correct", "wrong"]  # dw before it is graded
    assert "✗ 10" in str(report) and "✗" in report._repr_html_()
    assert report.hint(1) == "look at line 10, dx again: all that comes before it is right"
    assert report.hint(2) == "look at line 10, dx again, for an error that the line raises"
    assert report.hint(3) == f"line 10, dx: {first.remark}; write dx = dz @ w.T"


@pytest.mark.parametrize(
    "new, remark",
    [
        ("raise KeyError", "it raises KeyError"),
        ("dx = {}['dx']", "it raises KeyError: 'dx'"),
        ("dx = dz.dot(w.T).reshape(9, 9)", r"it raises ValueError: cannot reshape array of size"),
        ("dx = undefined", "it raises NameError: name 'undefined' is not defined"),
    ],
)
def test_whatever_it_raises_is_told_beside_what_came_before(new: str, remark: str) -> None:
    first = affine("dx = dz @ w.T", new).first_error
    assert first.remark.startswith(remark) and first.line == 10


def test_an_error_that_cannot_be_shown_loses_no_report() -> None:
    text = """
        class Evil(Exception):
            def __str__(self):
                raise RuntimeError
        def forward(x):
            return (x**2).sum(), x
        def backward(x):
            dx = 3 * x
            raise Evil
    """
    m = module(text)
    lines = mg.check_backward(m.forward, m.backward, r(3)).lines
    assert [x.remark for x in lines] == [
        "it is 1.5 times the truth",
        "it raises habits.Evil: <exception str() failed>",
    ]


def test_a_slip_before_the_line_that_stops_comes_first() -> None:
    m = module(AFFINE.replace("x.T @ dz", "-x.T @ dz").replace("dz @ w.T", "dz @ w"))
    report = mg.check_backward(m.forward, m.backward, r(4, 3), r(3, 2), np.ones(2))
    assert [x.name for x in report.lines if x.verdict == "wrong"] == ["dw", "dx"]
    assert report.first_error.remark == "its sign is flipped"


def test_a_call_that_never_enters_the_function_raises_as_ever() -> None:
    m = module(AFFINE)
    with pytest.raises(TypeError):
        mg.check_backward(m.forward, lambda *, cache: None, r(4, 3), r(3, 2), np.ones(2))


# --- helpers ------------------------------------------------------------------------------

WINDOWS = """
    def rows_of(x, k):
        return np.array([x[i : i + k] for i in range(len(x) - k + 1)])
    def back(drows, n):
        m, k = drows.shape
        dx = np.zeros(n)
        for i in range(m):
            dx[i : i + k] += drows[i]
        return dx
    def forward(x, w):
        rows = np.stack([x[i : i + len(w)] for i in range(len(x) - len(w) + 1)])
        return rows @ w, (rows, w, len(x))
    def backward(dout, cache):
        rows, w, n = cache
        dw = rows.T @ dout
        drows = np.outer(dout, w)
        dx = back(drows, n)
        return dx, dw
"""


@pytest.mark.parametrize(
    "old, new, line, cause",
    [
        ("+= drows[i]", "= drows[i]", "dx[i : i + k] = drows[i]", "assigned where it should be"),
        ("+= drows[i]", "+= drows[i] * 2", "dx[i : i + k] += drows[i] * 2", "2"),
        ("+= drows[i]", "+= drows[m]", "dx[i : i + k] += drows[m]", "it raises IndexError: index"),
        ("np.outer(dout, w)", "np.outer(dout, -w)", "drows = np.outer(dout, -w)", "sign"),
        ("= back(drows, n)", "= back(-drows, n)", "dx = back(-drows, n)", "sign"),
    ],
)
def test_the_line_is_that_of_the_helper_where_the_slip_is_in_it(
    old: str, new: str, line: str, cause: str
) -> None:
    m = module(WINDOWS.replace(old, new))
    report = mg.check_backward(m.forward, m.backward, r(6), r(3))
    assert report.first_error.code.strip().startswith(line), report
    assert re.search(cause, report.first_error.remark), report.first_error.remark
    assert f"✗ {report.first_error.line:>2} | " in str(report)
    m = module(WINDOWS)
    assert mg.check_backward(m.forward, m.backward, r(6), r(3)).ok


def test_the_source_of_equal_code_is_that_of_its_own_file() -> None:
    one, other = module(AFFINE, "<one>").backward, module(AFFINE, "<other>").backward
    assert one.__code__ == other.__code__
    assert [source_of(f.__code__).filename for f in (one, other)] == ["<one>", "<other>"]


# --- which line ---------------------------------------------------------------------------


def test_of_several_targets_each_reads_its_own() -> None:
    text = """
        def forward(x, A, B):
            a, b = x @ A, x @ B
            return (a * b).sum(), (x, A, B, a, b)
        def backward(cache):
            x, A, B, a, b = cache
            da, db = b, a * 3
            dA, dB = (x.T @ g for g in (da, db))
            return da @ A.T + db @ B.T, dA, dB
    """
    m = module(text)
    report = mg.check_backward(m.forward, m.backward, r(4, 3), r(3, 2), r(3, 2, seed=1))
    assert report.first_error.code.strip() == "da, db = b, a * 3"
    assert report.first_error.remark == "it is 3 times the truth"


def test_what_a_pass_hands_on_is_lost_where_it_is_set_anew() -> None:
    text = """
        def forward(xs, W):
            hs, loss = [np.zeros(len(W))], 0.0
            for x in xs:
                hs.append(np.tanh(W @ hs[-1] + x))
                loss = loss + 0.5 * (hs[-1] ** 2).sum()
            return loss, (xs, hs, W)
        def backward(cache):
            xs, hs, W = cache
            dxs, dW, dh = np.zeros_like(xs), np.zeros_like(W), np.zeros(len(W))
            for t in reversed(range(len(xs))):
                dh = dh + hs[t + 1]
                da = dh * (1 - hs[t + 1] ** 2)
                dxs[t] = da
                dW += np.outer(da, hs[t])
                dh = W.T @ da
            return dxs, dW
    """
    m = module(text)
    assert mg.check_backward(m.forward, m.backward, r(4, 3), r(3, 3)).ok
    m = module(text.replace("dh = dh + hs", "dh = hs"))
    first = mg.check_backward(m.forward, m.backward, r(4, 3), r(3, 3)).first_error
    assert first.code.strip() == "dh = hs[t + 1]"
    assert first.remark == "it is assigned where it should be added up: write +="


def test_a_residual_is_not_blamed_for_the_mean_that_its_one_use_forgets() -> None:
    text = """
        def forward(w, X, y):
            return np.mean((X @ w - y) ** 2) / 2, (w, X, y)
        def backward(cache):
            w, X, y = cache
            r = X @ w - y
            return X.T @ r / len(y)
    """
    m = module(text.replace(" / len(y)", ""))
    first = mg.check_backward(m.forward, m.backward, r(3), r(5, 3), r(5)).first_error
    assert (first.line, first.remark) == (8, "it is a sum where the mean over 5 belongs")


def test_an_index_that_is_written_to_is_repaired() -> None:
    text = """
        def forward(x, w, d):
            y = np.zeros(len(x) - 2 * d)
            for t in range(len(y)):
                for k in range(3):
                    y[t] += w[k] * x[t + k * d]
            return y, (x, w, d)
        def backward(dy, cache):
            x, w, d = cache
            dx, dw = np.zeros_like(x), np.zeros_like(w)
            for t in range(len(dy)):
                for k in range(3):
                    dx[t + k * d] += w[k] * dy[t]
                    dw[k] += x[t + k * d] * dy[t]
            return dx, dw
    """
    m = module(text.replace("dx[t + k * d]", "dx[t + k]"))
    first = mg.check_backward(m.forward, m.backward, r(9), r(3), 3).first_error
    assert first.instead == "dx[t + k * d] += w[k] * dy[t]"
    assert first.remark == (
        "it is written to dx[t + k], where dx[t + k * d] belongs (the factor d of k is missing)"
    )


def test_a_chain_of_stages_ends_where_two_values_of_its_shape_go_in() -> None:
    x = leaf(r(3))
    h = np.tanh(x) * np.exp(x)
    flows = Flows(np.sum(h**2).node)
    assert chain_below(flows, [h.node], {x.node}) == [(h.node, 0)]
    g = np.tanh(x) * 2.0
    chain = chain_below(Flows(np.sum(g**2).node), [g.node], {x.node})
    assert [node.op.name for node, _ in chain] == ["multiply", "tanh"]


def test_every_kind_of_slip_has_words_for_a_hint() -> None:
    assert {slip.kind for slip in SLIPS} - {"other"} <= KINDS.keys()


def test_hints_word_by_word() -> None:
    x = leaf([0.2, -0.4, 1.0])
    p = mg.softmax(x)
    L = np.sum(p * np.array([1.0, 2.0, -1.0]))
    dp = np.array([1.0, 2.0, -1.0])
    report = mg.check_derivation(L, {"dL/dp": dp, "dL/dx": dp * p.data * (1 - p.data)})
    assert report.hint(1) == "look at dL/dx again: all that comes before it is right"
    assert report.hint(2) == "look at dL/dx again, for the derivative of one function"
    assert report.hint(3) == (
        "dL/dx: softmax is treated entry by entry: "
        "-pᵢ pⱼ off the diagonal of its Jacobian is missing"
    )


# --- formulas -----------------------------------------------------------------------------


def graded(output: Any, key: str, formula: str) -> Any:
    return mg.check_derivation(output, {key: formula}).rows[0]


@pytest.mark.parametrize(
    "formula, right",
    [
        ("-2X'Wu", True),
        ("-2X'W(y - X b)", True),
        (r"-2X^{\prime}W u", True),
        ("-2*X'*W*(y - X*b)", True),
        ("-2XᵀWu", True),
        ("2X'Wu", False),
        ("-X'Wu", False),
        ("-2X'u", False),
    ],
)
def test_primes_are_transposes_as_in_econometrics(formula: str, right: bool) -> None:
    X, W, y = r(5, 2), np.diag([1.0, 2.0, 0.5, 3.0, 1.5]), r(5)
    b, T, e = leaf([0.1, 0.2]), 0.5, 1.0  # noqa: F841 - names that other readings would take
    u = y - X @ b
    S = u @ W @ u
    assert (graded(S, "dS/db", formula).verdict == "correct") == right


def test_a_prime_of_a_function_stays_a_derivative() -> None:
    z = leaf([0.3, -0.2])
    f = mg.sigmoid(z)
    assert graded(np.sum(f**2), "dz", "2 f σ'(z)").verdict == "correct"


def test_numbers_that_are_spelled_like_a_variable_are_not_moved_apart() -> None:
    s, T = leaf(0.2), 0.5
    d = (1.3 + 0.5 * s**2 * T) / (s * np.sqrt(T))
    assert graded(d, "dd/ds", "sqrt(T) - d/s").verdict == "correct"
    assert graded(d, "dd/ds", "sqrt(T) + d/s").verdict == "wrong"


def test_a_constant_that_was_made_of_others_may_be_spelled_out() -> None:
    k, m, t = 1.5, 2.0, leaf(0.3)
    omega = np.sqrt(k / m)
    x = np.cos(omega * t)
    assert graded(x, "dx/dt", "-sqrt(k/m) * sin(sqrt(k/m)*t)").verdict == "correct"
    assert graded(x, "dx/dt", "-(k/m) * sin(sqrt(k/m)*t)").verdict == "wrong"


def test_a_capital_sigma_is_a_sum_beside_a_variable_sigma() -> None:
    x, μ, σ = r(5), leaf(0.3), leaf(1.2)
    n = len(x)
    nll = n * np.log(σ) + np.sum((x - μ) ** 2) / (2 * σ**2)
    assert graded(nll, "dnll/dμ", "-Σ(x - μ)/σ²").verdict == "correct"
    assert graded(nll, "dnll/dσ", "len(x)/σ - Σ(x - μ)²/σ³").verdict != "correct"  # (Σ…)²
    assert graded(nll, "dnll/dσ", "len(x)/σ - Σ((x - μ)²)/σ³").verdict == "correct"


# --- slips of a line ----------------------------------------------------------------------

LINES = """
    def forward(x, w, b):
        up = np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)
        y = up * w + b
        return y, (x, up, w)
    def backward(dy, cache):
        x, up, w = cache
        db = dy.sum(axis=0)
        dw = dy * np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)
        dup = dy * w
        dx = dup.reshape(2, 2, 3, 2).sum(axis=(1, 3))
        return dx, dw, db
"""


@pytest.mark.parametrize(
    "old, new, remark",
    [
        (
            "dy.sum(axis=0)",
            "dy[-1]",
            "of the sum over axis 0 that arrives at b, the last term alone is taken",
        ),
        (
            "np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)\n        dup",
            "np.tile(x, (2, 2))\n        dup",
            "np.tile puts copies of the whole one after another, where each entry is to be "
            "repeated (np.repeat)",
        ),
    ],
)
def test_terms_and_tiles(old: str, new: str, remark: str) -> None:
    def report(text: str) -> Any:
        m = module(text)
        return mg.check_backward(m.forward, m.backward, r(2, 3), r(4, 6), r(6))

    assert report(LINES).ok
    assert report(LINES.replace(old, new)).first_error.remark == remark


def test_one_term_alone_of_what_a_loop_adds() -> None:
    text = """
        def forward(x, b):
            y = np.zeros(x.shape)
            for t in range(len(x)):
                y[t] += x[t] ** 2 + b
            return y, x
        def backward(dy, x):
            db = dy.sum(axis=0)
            return 2 * x * dy, db
    """
    m = module(text.replace("dy.sum(axis=0)", "dy[-1]"))
    first = mg.check_backward(m.forward, m.backward, r(4, 3), r(3)).first_error
    assert first.remark == "dy[-1] is one term of the sum over axis 0 alone"


PAIRS = """
    def forward(q, k):
        s = np.einsum('hid,hjd->hij', q, k)
        e = np.exp(s)
        return (np.log(e.sum(-1)) - np.einsum('hii->hi', s)).mean(), (q, k, e)
    def backward(cache):
        q, k, e = cache
        N = q.shape[1]
        M = len(q) * N
        ds = (e / e.sum(-1, keepdims=True) - np.eye(N)) / M
        dq = ds @ k
        dk = ds.swapaxes(1, 2) @ q
        return dq, dk
"""


@pytest.mark.parametrize(
    "old, new, remark",
    [
        ("ds.swapaxes(1, 2) @ q", "ds @ q", "each matrix in ds has to be transposed"),
        ("np.eye(N)", "1", "1 stands everywhere, where np.eye(N) belongs"),
        ("- np.eye(N)) / M", "- np.eye(N)) * M", "times M, where it is divided by it"),
    ],
)
def test_blocks_ones_and_inverse_operations(old: str, new: str, remark: str) -> None:
    def report(text: str) -> Any:
        m = module(text)
        return mg.check_backward(m.forward, m.backward, r(2, 3, 2), r(2, 3, 2, seed=1))

    assert report(PAIRS).ok
    assert report(PAIRS.replace(old, new)).first_error.remark == remark


def test_a_returned_dict_beside_other_gradients_has_its_own_lines() -> None:
    text = """
        def forward(p, x):
            return np.sum((x @ p['U']) ** 2), (p, x)
        def backward(cache):
            p, x = cache
            du = 2 * x @ p['U']
            grads = {
                'U': x.T @ du * 2,
            }
            return grads, du @ p['U'].T
    """
    m = module(text)
    first = mg.check_backward(m.forward, m.backward, {"U": r(3, 2)}, r(4, 3)).first_error
    assert first.code.strip() == "'U': x.T @ du * 2,"


def test_another_subscript_is_named() -> None:
    z = leaf(r(4))
    p = mg.softmax(z)
    L = np.sum(p**2)
    key = r"\frac{\partial p_i}{\partial z_j}"
    assert graded(L, key, r"p_i(\delta_{ij} - p_j)").verdict == "correct"
    assert "p_i stands where p_j belongs" in graded(L, key, r"p_i(\delta_{ij} - p_i)").remark


@pytest.mark.parametrize("adds", ["nonlocal dw; dw = dw + {}", "dw[:] += {}"])
def test_what_an_inner_function_adds_to_a_variable_of_the_outer_one(adds: str) -> None:
    text = f"""
        def forward(w, x):
            z = x * w
            return np.sum(np.sin(z)), (x, z)
        def backward(cache):
            x, z = cache
            dw = np.zeros(3)
            def add(i):
                {adds.format("np.cos(z[i]) * x[i]")}
            for i in range(len(x)):
                add(i)
            return dw
    """
    right, wrong = module(text), module(text.replace("* x[i]", "* z[i]"))
    assert mg.check_backward(right.forward, right.backward, r(3), r(4, 3)).ok
    first = mg.check_backward(wrong.forward, wrong.backward, r(3), r(4, 3)).first_error
    assert first.code.strip() == adds.format("np.cos(z[i]) * z[i]"), first
