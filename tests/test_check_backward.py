"""Backward functions as students write them: right ones pass, and the wrong line is named."""

from __future__ import annotations

import linecache
import re
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from backward_students import STUDENTS, Student


def built(s: Student, source: str, tag: str) -> tuple[Any, Any]:
    """The two functions, from a file that linecache knows, as a notebook cell is."""
    name = f"<{s.name} {tag}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope: dict[str, Any] = {"np": np}
    exec(compile(source, name, "exec"), scope)
    return scope[s.forward], scope[s.backward] if s.backward else None


SLIPS = [(s, k) for s in STUDENTS for k in range(len(s.slips))]


@pytest.mark.parametrize("s", STUDENTS, ids=lambda s: s.name)
def test_right_backward_functions_are_right(s: Student) -> None:
    report = mg.check_backward(*built(s, s.source, "right"), *s.inputs())
    assert report.recorded, report.note
    assert report.ok, report
    assert sum(line.verdict == "correct" for line in report.lines) > 0


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("s", "k"), SLIPS, ids=lambda x: x.name if isinstance(x, Student) else x)
def test_the_wrong_line_is_marked_and_its_cause_named(s: Student, k: int) -> None:
    old, new, line, cause = s.slips[k]
    assert s.source.count(old) == 1, "a slip is planted in one place"
    report = mg.check_backward(*built(s, s.source.replace(old, new), str(k)), *s.inputs())
    first = report.first_error
    assert first is not None, "a wrong derivation was accepted"
    assert line in first.code, f"{first!r} is named, {line!r} is wrong\n{report}"
    assert re.search(cause, first.remark), f"{first.remark!r}: not {cause!r}"
    assert f"✗ {first.line:>{len(str(report.source[-1][0]))}} |" in str(report)
    assert not re.search(r"^line \d+, .*: $", str(report), re.MULTILINE), "nothing is said of it"


# --- forms -----------------------------------------------------------------------------


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


class Dense:
    """A layer as a class; its backward pass has the wrong matrix."""

    def __init__(self, rows: int, columns: int) -> None:
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(rows, columns)), np.zeros(columns)

    def forward(self, x: Any) -> Any:
        self.x = x
        self.a = np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, dout: Any) -> Any:
        dz = dout * (1 - self.a**2)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T


class WrongDense(Dense):
    def backward(self, dout: Any) -> Any:
        dz = dout * (1 - self.a**2)
        self.dW = self.x.T @ dout
        self.db = dz.sum(axis=0)
        return dz @ self.W.T


X = np.random.default_rng(1).normal(size=(4, 3))


def test_a_layer_is_checked_with_its_parameters_and_left_as_it_was() -> None:
    layer = Dense(3, 2)
    before = dict(vars(layer))
    report = mg.check_backward(layer, X)
    assert report.ok
    assert {line.name for line in report.lines} >= {"self.dW", "self.db"}
    assert vars(layer).keys() == before.keys()
    report = mg.check_backward(WrongDense(3, 2), None, X)
    assert report.first_error is not None
    assert report.first_error.name == "self.dW"
    assert "tanh'" in report.first_error.remark


def test_scalars_and_variables_by_name() -> None:
    def forward(x: Any, w: Any, b: Any, y: Any) -> Any:
        z = w * x + b
        a = sigmoid(z)
        return 0.5 * (y - a) ** 2

    def backward(x: Any, y: Any, z: Any, a: Any) -> Any:
        da = a - y
        dz = da * z * (1 - z)
        dw, db = dz * x, dz
        return {"w": dw, "b": db}

    report = mg.check_backward(forward, backward, 0.5, 0.3, 0.1, 1.5)
    first = report.first_error
    assert first is not None
    assert (first.name, first.instead) == ("dz", "dz = da * a * (1 - a)")
    assert "evaluated at z" in first.remark or "z stands" in first.remark
    carried = [line.name for line in report.lines if line.verdict == "carried"]
    assert carried == ["dw", "db"]


def test_each_of_several_outputs_counts() -> None:
    def forward(x: Any, w: Any) -> Any:
        a = x @ w
        b = np.tanh(x)
        return a, b

    def backward(da: Any, db: Any, x: Any, w: Any, b: Any) -> Any:
        dx = da @ w.T + db * (1 - b**2)
        return dx, x.T @ da

    assert mg.check_backward(forward, backward, X, X[:3, :2])


def test_other_names_by_a_mapping() -> None:
    def forward(x: Any, w: Any) -> Any:
        z2 = x @ w
        return np.sum(z2**2), (x, z2)

    def backward(cache: Any) -> Any:
        x, z2 = cache
        delta = 3 * z2
        return [None, x.T @ delta]

    report = mg.check_backward(forward, backward, X, np.ones((3, 2)), names={"delta": "z2"})
    assert report.first_error is not None
    assert report.first_error.name == "delta"
    assert "1.5 times" in report.first_error.remark or "3/2" in report.first_error.remark


def test_each_pass_of_a_loop_where_asked() -> None:
    def forward(h: Any, w: Any) -> Any:
        for _ in range(3):
            h = np.tanh(h @ w)
        return np.sum(h), (h, w)

    def forward_kept(h: Any, w: Any) -> Any:
        kept = [h]
        for _ in range(3):
            h = np.tanh(h @ w)
            kept.append(h)
        return np.sum(h), (kept, w)

    def backward(cache: Any) -> Any:
        kept, w = cache
        dh, dw = np.ones_like(kept[-1]), np.zeros_like(w)
        for before, after in zip(kept[-2::-1], kept[:0:-1], strict=True):
            dz = dh * (1 - after**2)
            dw += before.T @ dz
            dh = dz @ w.T
        return dh, dw

    w = np.random.default_rng(2).normal(size=(3, 3))
    last = mg.check_backward(forward_kept, backward, X, w)
    every = mg.check_backward(forward_kept, backward, X, w, passes="all")
    assert last.ok
    assert every.ok
    assert len(every.lines) > len(last.lines)
    assert sum(line.name == "dh" for line in every.lines) == 4
    with pytest.raises(ValueError, match="passes is 'last' or 'all', not 'first'"):
        mg.check_backward(forward, backward, X, w, passes="first")


def test_the_gradient_from_above_by_name_and_by_place() -> None:
    def forward(x: Any, w: Any) -> Any:
        return x @ w, (x, w)

    def backward(dout: Any, cache: Any) -> Any:
        x, w = cache
        return dout @ w.T, x.T @ dout

    w, g = np.ones((3, 2)), np.arange(8.0).reshape(4, 2)
    for upstream in (g, {"dout": g}):
        report = mg.check_backward(forward, backward, X, w, upstream=upstream)
        assert report.ok
        np.testing.assert_allclose(report.lines[-1].row.hand, X.T @ g)
    with pytest.raises(ValueError, match=r"from above has shape \(2,\), the output \(4, 2\)"):
        mg.check_backward(forward, backward, X, w, upstream=np.ones(2))


def test_a_forward_function_that_cannot_be_recorded_is_differenced_and_it_is_said() -> None:
    def forward(x: Any, w: Any) -> Any:
        out = [
            [float(v) ** 2 for v in row]
            for row in (np.asarray(x.tolist()) @ np.asarray(w.tolist()))
        ]
        return np.array(out), (x, w)

    def backward(dout: Any, cache: Any) -> Any:
        x, w = cache
        dx = 2 * (x @ w) * dout @ w.T
        dw = -x.T @ (2 * (x @ w) * dout)
        return dx, dw

    report = mg.check_backward(forward, backward, X, np.ones((3, 2)))
    assert not report.recorded
    assert "finite differences" in str(report)
    assert [line.verdict for line in report.lines] == ["correct", "wrong"]
    assert "sign" in report.lines[1].remark


def test_a_name_used_for_something_else_is_no_error() -> None:
    def forward(x: Any, w: Any) -> Any:
        z = x @ w
        out = np.maximum(z, 0)
        return out, (x, w, z)

    def backward(dout: Any, cache: Any) -> Any:
        x, w, z = cache
        dout = dout * (z > 0)
        dz = 7 * x  # a variable that happens to be called so
        del dz
        return dout @ w.T, x.T @ dout

    assert mg.check_backward(forward, backward, X, np.ones((3, 2)))


def test_without_source_lines_are_numbered_still() -> None:
    source = STUDENTS[0].source.replace("dw = rows.T.dot(dout)", "dw = 2 * rows.T.dot(dout)")
    scope: dict[str, Any] = {"np": np}
    exec(compile(source, "<stdin>", "exec"), scope)  # as a plain REPL does before 3.13
    report = mg.check_backward(scope["forward"], scope["backward"], *STUDENTS[0].inputs())
    first = report.first_error
    assert first is not None
    assert (first.name, first.line, first.code) == ("dw", 11, "")
    assert "✗ line 11: dw" in str(report)


def test_nothing_of_the_caller_is_changed() -> None:
    def forward(x: Any) -> Any:
        x *= np.random.rand(*x.shape)  # noqa: NPY002
        return x.sum(), None

    def backward(cache: Any, x: Any) -> Any:
        x[:] = 0
        return np.ones_like(x)

    x, state = X.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    mg.check_backward(forward, backward, x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_a_tracer_that_was_there_goes_on_and_is_there_afterwards() -> None:
    import sys

    calls = []

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        calls.append(frame.f_code.co_name)
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        mg.check_backward(Dense(3, 2), X)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
    assert {"forward", "backward"} <= set(calls)


# --- what is refused ---------------------------------------------------------------------


def test_errors_say_what_is_missing() -> None:
    def forward(x: Any) -> Any:
        return x * 2

    def backward(dout: Any, q: Any) -> Any:
        return 2 * dout

    def nameless(dout: Any) -> None:
        return None

    with pytest.raises(TypeError, match=r"what is the parameter q of .*backward"):
        mg.check_backward(forward, backward, X)
    with pytest.raises(ValueError, match=r"no gradient was found in .*nameless: call them dX"):
        mg.check_backward(forward, nameless, X)
    with pytest.raises(TypeError, match="forward is 3, not a function or a layer"):
        mg.check_backward(3, nameless, X)
    with pytest.raises(TypeError, match=r"none of the inputs \(x\) is an array or a real number"):
        mg.check_backward(forward, nameless, "2")
    with pytest.raises(TypeError, match="give the inputs of"):
        mg.check_backward(forward, nameless)
    with pytest.raises(TypeError, match=r"Dense is a class that needs arguments"):
        mg.check_backward(Dense, None, X)


def test_html_is_escaped_and_marks_the_line() -> None:
    def forward(x: Any) -> Any:
        return x * 2

    def backward(dout: Any) -> Any:
        dx = dout * 4 if 1 < 2 else "<script>"
        return dx  # noqa: RET504

    html = mg.check_backward(forward, backward, X)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "✗" in html
