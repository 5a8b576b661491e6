"""Hand-ins that nobody planned for: a report comes out, each entry has its row, nothing hangs."""

# ruff: noqa: E501

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.derivation.backward.report import BackwardReport, Line
from minigrad.derivation.classroom.grades import Grade, Grades


def leaf(a: Any) -> Any:
    return mg.Tensor(np.asarray(a, float), requires_grad=True)


class Odd:
    """Nothing about it is a number."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array")

    def __repr__(self) -> str:
        return "<b>odd</b>" * 100


class Refuses:
    """An object that raises whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("no picture")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equal")

    def __hash__(self) -> int:
        return 7


class Text(str):
    """A string that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


HOSTILE: list[Any] = [
    Refuses(), Text("?"), "x" * 1_000_000, "(" * 100_000, None, float("nan"), float("inf"), [], {}, set(), (), "", "?", "n/a", "[1, 2", "1/0", "nan", "∞", Odd(), object(),
    [[1, 2], [3]], np.empty((0, 3)), np.zeros((2, 3, 4, 5)), np.array(["a", "b"]), np.array([None, 1.0]), 1j, True,
    b"0.5", lambda: 1, (i for i in range(3)), range(3), "x" * 5000, "2x" * 50_000, "(" * 400, "__import__('os')", "a.__class__",
    "eye(1e9)", r"\frac{", r"\sum_i", r"x_{", "9**9**9", r"\mathbb{1}[", "[a for a in b]", "{a: 1}", "lambda: 0", "a := 3",
    ["a", 3], ["a ="], "=", "==", np.datetime64("2020"), 10**400, "1e999", "-", "a if b else c", "w_i", r"\sum_i w_i",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: type(v).__name__)
def test_one_bad_entry_never_loses_the_report(value: Any) -> None:
    x, y = 0.5, 1.5
    w = leaf(0.3)
    z = w * x
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    s = a.item()
    start = time.process_time()
    report = mg.check_derivation(
        L, {"dL/da": s - y, "da/dz": value, "dL/dw": (s - y) * s * (1 - s) * x}
    )
    rows = {row.quantity: row for row in report.rows}
    assert set(rows) == {"dL/da", "da/dz", "dL/dw"}
    assert rows["dL/da"].verdict == rows["dL/dw"].verdict == "correct"
    assert rows["da/dz"].verdict in ("wrong", "missing"), report
    assert rows["da/dz"].remark
    assert "<b>odd" not in report._repr_html_()
    assert str(report)
    assert time.process_time() - start < 5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("d", [0.0, 1e300, 1e-300])
@pytest.mark.parametrize("hand", [0.37, "2*z*d", "a/b", np.nan], ids=str)
def test_numbers_that_divide_by_zero_or_overflow_raise_nothing(d: float, hand: Any) -> None:
    a, b, c = leaf(0.3), leaf(1e300), 0.0
    z = a * d + b * c
    L = (np.tanh(z) - d) ** 2 + d * a + np.exp(-z * d)
    rows = {r.quantity: r for r in mg.check_derivation(L, {"dL/da": hand, "L": L.item()}).rows}
    assert rows["L"].verdict == "correct"
    assert rows["dL/da"].verdict in ("wrong", "correct")


def test_many_entries_are_graded_in_linear_time() -> None:
    def seconds(n: int) -> float:
        t = [leaf(0.3)]
        for i in range(n):
            t.append(t[-1] * 1.0001 if i % 2 else np.cos(t[-1]) * 0.001 + t[-1])
        L = t[-1] * 1.0
        hand = dict(zip(t[1:], map(float, mg.gradients(L, t[1:])), strict=True))
        start = time.process_time()
        assert mg.check_derivation(L, hand).ok
        return time.process_time() - start

    seconds(50)
    assert seconds(800) < 8 * seconds(200)


def test_tied_weights_are_differenced_once() -> None:
    X, W = (
        np.random.default_rng(0).normal(size=(4, 3)),
        leaf(np.random.default_rng(1).normal(size=(3, 2))),
    )
    code = X @ W
    back = code @ W.T
    L = np.sum((back - X) ** 2)
    g = dict(zip(("back", "code", "W"), mg.gradients(L, [back, code, W]), strict=True))
    assert mg.check_derivation(L, g).ok
    twice = g["W"] + X.T @ g["code"]
    report = mg.check_derivation(L, {**g, "W": twice})
    assert report.rows[-1].agrees
    assert report.first_error is not None


def test_an_array_without_anything_from_above_says_what_is_missing() -> None:
    x, w = np.ones((4, 3)), leaf(np.ones((3, 2)))
    out = x @ w
    report = mg.check_derivation(out, {"dw": np.ones((3, 2))})
    assert report.first_error is not None
    assert "give upstream={out: ...}" in report.first_error.remark
    assert mg.check_derivation(out, {"dw": x.T @ np.ones((4, 2))}, upstream=np.ones((4, 2))).ok


def test_hundreds_of_unknown_and_odd_keys_leave_the_known_one_right() -> None:
    x = leaf([1.0, 2.0])
    L = np.sum(x**2)
    odd: dict[Any, Any] = {
        1: 2,
        None: 3,
        (x,): 1,
        (x, x, x): 2,
        "": 1,
        "d": 1,
        "/": 2,
        b"x": 2,
        frozenset(): 1,
    }
    report = mg.check_derivation(L, {x: 2 * x.data, **odd, **{f"q{i}": i for i in range(500)}})
    assert report.rows[0].verdict == "correct"
    assert sum(row.verdict == "missing" for row in report.rows) == 509


def test_empty_batches_and_numbers_that_are_none_in_code() -> None:
    def forward(x: Any, w: Any) -> Any:
        return x @ w, (x, w)

    def backward(dout: Any, cache: Any) -> Any:
        x, w = cache
        dx = dout @ w.T
        dw = x.T @ dout
        return dx, dw

    def nan(dout: Any, cache: Any) -> Any:
        x, w = cache
        dx = dout @ w.T * np.nan
        dw = x.T @ dout
        return dx, dw

    def filled(dout: Any, cache: Any) -> Any:
        x, _ = cache
        dx = np.full(x.shape, float("nan"))
        dw = x.T @ dout
        return dx, dw

    w = np.ones((3, 2))
    assert mg.check_backward(forward, backward, np.zeros((0, 3)), w).ok
    for slip, remark in [(nan, "without the np.nan"), (filled, "it is nan at [0, 0]")]:
        report = mg.check_backward(forward, slip, np.ones((4, 3)), w)
        assert report.first_error is not None
        assert remark in report.first_error.remark


def test_a_name_that_is_taken_gets_a_mark() -> None:
    x, w, dout = leaf(np.ones((2, 2))), leaf(np.eye(2)), np.array([[1.0, 2.0], [3.0, 4.0]])
    out = x @ w
    text = str(mg.explain(np.sum(out * dout), w))
    assert "dout = dout" not in text
    assert "∂out = dout" in text


@pytest.mark.full
def test_otter_shows_the_report(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    otter = pytest.importorskip("otter")
    (tmp_path / "q1.py").write_text(
        "from otter.test_files import test_case\nOK_FORMAT = False\nname = 'q1'\npoints = 2\n"
        "@test_case(points=2)\ndef test_it(L, hand, mg):\n    mg.assert_derivation(L, hand)\n"
    )
    monkeypatch.chdir(tmp_path)
    w = leaf(0.3)
    L = w**2
    checked = otter.Notebook(tests_dir=str(tmp_path)).check(
        "q1", global_env={"L": L, "hand": {w: -0.6}, "mg": mg, "w": w}
    )
    assert checked.score == 0
    assert "its sign is flipped" in str(checked)


@pytest.mark.full
def test_nbgrader_gives_partial_credit_for_a_score() -> None:
    utils = pytest.importorskip("nbgrader.utils")
    nbformat = pytest.importorskip("nbformat")
    w = leaf(0.3)
    L = w**2 + 0.0 * w
    score = mg.check_derivation(L, {w: -0.6, "L": L.item()}).score(4)
    cell = nbformat.v4.new_code_cell("report.score(4)")
    cell.metadata["nbgrader"] = {
        "grade": True,
        "points": 4,
        "grade_id": "q",
        "solution": False,
        "locked": True,
    }
    cell.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": repr(score)})]
    assert utils.determine_grade(cell)[:2] == (2.0, 4)


@pytest.mark.parametrize("key", [Refuses(), Text("?"), "x" * 1_000_000, "\\frac{" * 2000, 7, None, (1, 2, 3), b"dL/dw"],
                         ids=lambda v: type(v).__name__)  # fmt: skip
def test_a_key_that_cannot_be_read_has_a_row_that_says_why(key: Any) -> None:
    w = leaf(0.3)
    L = w**2
    start = time.process_time()
    report = mg.check_derivation(L, {key: 1.0, "dL/dw": 0.6})
    assert [row.verdict for row in report.rows if row.quantity == "dL/dw"] == ["correct"]
    other = next(row for row in report.rows if row.quantity != "dL/dw")
    assert other.verdict == "missing" and other.remark and len(other.quantity) <= 80
    assert str(report) and report._repr_html_()
    assert time.process_time() - start < 2


@pytest.mark.parametrize("odd", ["\x1b[2J", "\u202e", "\r", "two\nlines", "<b onclick=f()>"])
def test_what_a_student_writes_moves_nothing_where_it_is_shown(odd: str) -> None:
    w = leaf(0.3)
    L = w**2
    report = mg.check_derivation(L, {f"dL/d{odd}": 1.0, "dL/dw": 0.5})
    line = Line(3, f"dw = w  # {odd}", "dw", "dL/dw", "wrong", f"as {odd}", odd, report.rows[0])
    code = BackwardReport("backward", [line], [(3, line.code)], note=odd)
    one = Grade(odd, 1.0, 2.0, "wrong", odd, "", odd, text=odd)
    grades = Grades([one])
    pages = [x._repr_html_() for x in (report, code, grades, one)]
    for text in (str(report), str(code), str(grades), *pages):
        assert not re.search("[\x1b\u202e\r]", text), ascii(text)
    assert not any("<b onclick" in p for p in pages)
    assert "two\nlines" not in str(report)
