"""A program is a function like any other: printed, saved, pickled, traced, differentiated."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.program.passes import recorded
from minigrad.program.slices import batch_slices
from minigrad.tree import flatten

Point = namedtuple("Point", ["x", "y"])

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def loss(params: Any, X: Any) -> Any:
    h = np.tanh(X @ params["W"] + params["b"])
    return (h**2).mean()


PARAMS = {"W": np.array([[0.1, 0.2], [0.3, -0.4]]), "b": np.array([0.5, -0.5])}


def ran(program: mg.Program, *args: Any) -> Any:
    """What the printed source answers, run by itself."""
    scope: dict[str, Any] = {}
    exec(program.source, scope)
    return scope[program.name](*args)


def agree(got: Any, expected: Any) -> None:
    for g, e in zip(flatten(got)[0], flatten(expected)[0], strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-13)


# --- what it is ------------------------------------------------------------------------


def test_printing() -> None:
    program = mg.trace(loss, PARAMS, X)
    assert str(program) == program.source
    assert repr(program) == f"<program loss: {len(program.equations)} equations>"
    assert repr(program.equations[0]) == "t = matmul(X, W)"
    assert program.listing.splitlines() == [
        "t1 = matmul(X, W)",
        "t2 = add(t1, b)",
        "h = tanh(t2)",
        "t3 = power(h, 2)",
        "t4 = mean(t3)",
        "return t4",
    ]
    assert [v.kind for v in program.inputs] == ["float64 (2, 2)", "float64 (2,)", "float64 (3, 2)"]


def test_printing_changes_nothing() -> None:
    program = mg.trace(mg.value_and_grad(loss), PARAMS, X)
    before = program.listing
    assert program.source == program.source
    assert program.listing == before
    assert not any(v.given for e in program.equations for v in e.outs if v.name == "t")


def test_signature_and_keywords() -> None:
    program = mg.trace(loss, PARAMS, X=X)
    agree(program(X=X, params=PARAMS), loss(PARAMS, X))
    assert program.__name__ == "loss"
    assert list(program.parameters) == ["params", "X"]


def test_every_op_is_pickled() -> None:
    """Also those that stand in a module for others, such as pools and what slopes are made of."""
    found = {
        id(x): x
        for name, module in sys.modules.items()
        if name.startswith("minigrad.")
        for x in vars(module).values()
        if type(x) is ops.record.Op
    }
    assert len(found) > 200
    assert all(pickle.loads(pickle.dumps(op)) is op for op in found.values())
    with pytest.raises(TypeError, match="op own is not one of the library's, and cannot be pickle"):
        pickle.dumps(mg.defop("own", lambda x: x, [lambda g, ans, x: g]))


@pytest.mark.parametrize("name", ["list", "float", "bool", "type", "max", "isinstance"])
def test_programs_called_as_functions_of_python(name: str) -> None:
    """What is copied above them still calls those."""
    step = mg.grad(lambda x: np.linalg.norm(x) * np.median(x))
    step.__name__ = name
    x = np.array([3.0, 1.0, 2.0])
    program = mg.trace(step, x)
    scope: dict[str, Any] = {}
    exec(compile(program.source, "<source>", "exec"), scope)
    np.testing.assert_allclose(scope[name](x), program(x), rtol=1e-14)


def test_pickle() -> None:
    program = mg.trace(mg.value_and_grad(loss), PARAMS, X)
    again = pickle.loads(pickle.dumps(program))
    assert again.source == program.source
    agree(again(PARAMS, X), program(PARAMS, X))


def test_it_knows_nothing_of_later_changes() -> None:
    table = np.array([1.0, 2.0])
    program = mg.trace(lambda x: x * table, 1.0)
    table[:] = 7
    np.testing.assert_array_equal(program(1.0), [1.0, 2.0])


def test_a_lambda_is_called_f() -> None:
    program = mg.trace(lambda x: x * 2, 1.0)
    assert program.name == "f"
    assert ran(program, 3.0) == 6


# --- a function like any other ---------------------------------------------------------


def test_gradients_of_a_program() -> None:
    program = mg.trace(loss, PARAMS, X)
    agree(mg.grad(program)(PARAMS, X), mg.grad(loss)(PARAMS, X))
    agree(mg.grad(program, 1)(PARAMS, X), mg.grad(loss, 1)(PARAMS, X))
    twice = lambda f: mg.grad(lambda X: (mg.grad(f, 1)(PARAMS, X) ** 2).sum())
    agree(twice(program)(X), twice(loss)(X))


def test_tracing_a_program() -> None:
    program = mg.trace(loss, PARAMS, X)
    again = mg.trace(program, PARAMS, X)
    assert again.listing.count("=") == program.listing.count("=")
    gradient = mg.trace(mg.grad(program), PARAMS, X)
    agree(gradient(PARAMS, X), mg.grad(loss)(PARAMS, X))
    assert mg.compile(program)(PARAMS, X) == pytest.approx(float(loss(PARAMS, X)))


def test_tensors_are_recorded() -> None:
    program = mg.trace(lambda w: (w * X).sum(), 1.0)
    w = mg.Tensor(2.0, requires_grad=True)
    program(w).backward()
    assert w.grad == X.sum()


def test_captured_tensors_are_read_at_each_call() -> None:
    scale = mg.Tensor(2.0, requires_grad=True)
    program = mg.trace(lambda x: x * scale, 1.0)
    scale.data = 5.0
    assert program(3.0) == 15
    program(mg.Tensor(3.0, requires_grad=True)).backward()
    assert scale.grad == 3


# --- what comes in ---------------------------------------------------------------------


def test_nested_arguments_and_results() -> None:
    def f(p: Any, q: Any) -> Any:
        return {"sum": p.x + p.y, "swapped": Point(p.y, p.x), "list": [q[0] * 2, (q[1]["k"],)]}

    args = (Point(1.0, 2.0), [3.0, {"k": 4.0}])
    program = mg.trace(f, *args)
    for got in (program(*args), ran(program, *args)):
        assert got == {"sum": 3, "swapped": (2, 1), "list": [6, (4,)]}
        assert type(got["swapped"])._fields == ("x", "y")
    assert "x, y = p\n" in program.source
    assert 'q[1]["k"]' in program.source


@pytest.mark.parametrize("key", ["a b", 'quo"te', "quo'te", "class", 3, None, ("t", 1), "Ünï"])
def test_keys(key: Any) -> None:
    f = lambda p: {key: p[key] * 2}
    program = mg.trace(f, {key: 1.5})
    assert program({key: 2.0}) == {key: 4.0}
    assert ran(program, {key: 2.0}) == {key: 4.0}


def test_no_inputs_and_constant_results() -> None:
    nothing = mg.trace(lambda: (1.0, np.arange(3.0), "word", None, True))
    for got in (nothing(), ran(nothing)):
        assert got[0] == 1.0
        np.testing.assert_array_equal(got[1], [0, 1, 2])
        assert got[2:] == ("word", None, True)
    same = mg.trace(lambda x: x, 1.0)
    assert same(2.0) == ran(same, 2.0) == 2
    empty = mg.trace(lambda x: (), 1.0)
    assert empty(2.0) == ran(empty, 2.0) == ()


def test_one_result_twice() -> None:
    program = mg.trace(lambda x: (x * 2, x * 2), 1.0)
    assert ran(program, 2.0) == program(2.0) == (4, 4)
    assert len(program.equations) == 1


def test_static_arguments() -> None:
    def f(n: int, x: Any, mode: str = "sum", table: Any = None) -> Any:
        x = x * table if table is not None else x
        return (x**n).sum() if mode == "sum" else x

    table = np.array([1.0, 2.0])
    program = mg.trace(f, 2, np.ones(2), table=table, static=["table"])
    assert program(2, np.ones(2), table=table) == 5
    assert ran(program, 2, np.array([1.0, 2.0])) == 17
    assert "n     : fixed, 2" in program.source
    for wrong, name in [((3, np.ones(2)), "n=2"), ((2.0, np.ones(2)), None)]:
        if name is None:
            assert program(*wrong, table=table) == 5  # 2.0 is 2
            continue
        with pytest.raises(ValueError, match=f"{name}, which is fixed in it, and called with 3"):
            program(*wrong, table=table)
    with pytest.raises(ValueError, match="traced with table="):
        program(2, np.ones(2), table=np.zeros(2))


def test_wrong_arguments() -> None:
    program = mg.trace(loss, PARAMS, X)
    cases: list[tuple[Any, type[Exception], str]] = [
        ((PARAMS,), TypeError, "loss: the argument X is missing"),
        ((PARAMS, X, X), TypeError, r"loss\(params, X\): too many positional arguments"),
        ((PARAMS, X[:2]), ValueError, r"X: float64 \(3, 2\), and called with .* \(2, 2\)"),
        ((PARAMS, X.astype("f")), ValueError, "called with float32"),
        (({"W": X}, X), ValueError, r"params must be a dict with the keys \['W', 'b'\]"),
        (([1.0, 2.0], X), ValueError, "params must be a dict"),
    ]  # fmt: skip
    for args, kind, words in cases:
        with pytest.raises(kind, match=words):
            program(*args)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'z'"):
        program(PARAMS, X, z=1)
    numbers = mg.trace(lambda x: x * 2, 1.0)
    with pytest.raises(ValueError, match=r"called with float64 \(2,\)"):
        numbers(np.ones(2))
    assert numbers(3) == 6  # a Python integer is a number too


def test_results_that_no_source_can_hold() -> None:
    with pytest.raises(ValueError, match=r"<object object.* cannot be printed as source"):
        mg.trace(lambda x: (x, object()), 1.0).source  # noqa: B018
    key = object()
    with pytest.raises(ValueError, match="a value under the key <object object"):
        mg.trace(lambda x: {key: x}, 1.0).source  # noqa: B018


# --- files -----------------------------------------------------------------------------


def saved(program: mg.Program, path: Path, call: str) -> str:
    """What a fresh Python prints that has nothing but NumPy and the saved file."""
    program.save(path)
    code = f"""
import sys
sys.modules["minigrad"] = None
sys.path.insert(0, {str(path.parent)!r})
import numpy as np
from {path.stem} import {program.name}
print({call})
"""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, check=True, cwd=path.parent).stdout


def test_a_saved_program_runs_by_itself(tmp_path: Path) -> None:
    program = mg.trace(mg.grad(lambda x: mg.logsumexp(x * 2)), np.zeros(2))
    assert saved(program, tmp_path / "step.py", "f(np.zeros(2))") == "[1. 1.]\n"
    assert os.listdir(tmp_path) == ["step.py"] or set(os.listdir(tmp_path)) == {
        "step.py",
        "__pycache__",
    }


def test_large_constants_lie_beside(tmp_path: Path) -> None:
    big, small = np.arange(2000.0) ** 2, np.array([1.0, 5.0])
    program = mg.trace(lambda x: (x * big).sum() + (x * small).sum(), 1.0)
    out = saved(program, tmp_path / "step.py", "float(f(2.0))")
    assert float(out) == pytest.approx(2 * big.sum() + 12)
    text = (tmp_path / "step.py").read_text(encoding="utf-8")
    assert len(text) < 1000
    assert "np.array([1.0, 5.0])" in text
    assert {p.name for p in tmp_path.glob("step.*")} == {"step.py", "step.constants.npz"}


def test_saving_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "step.py"
    path.write_text("precious")
    bad = mg.trace(lambda x: (x, object()), 1.0)
    with pytest.raises(ValueError, match="cannot be printed"):
        bad.save(path)
    assert path.read_text() == "precious"
    mg.trace(lambda x: x + 1, 1.0).save(str(path))
    assert "x + 1" in path.read_text()
    assert os.listdir(tmp_path) == ["step.py"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        mg.trace(lambda x: x, 1.0).save(tmp_path / "nowhere" / "step.py")
    with pytest.raises(OSError):
        mg.trace(lambda x: x, 1.0).save(tmp_path)
    assert os.listdir(tmp_path) == ["step.py"]


def test_constants_that_are_equal_but_for_dtype_or_sign() -> None:
    """A constant is printed as another one transposed only if it is that to the last bit."""
    whole, truth = np.zeros((2, 2), int), np.zeros((2, 2), bool)
    minus = -np.zeros((2, 2))
    for a, b in ((whole, truth), (np.zeros((2, 2)), minus), (np.eye(2), np.eye(2))):
        a, b = a.copy(), b.copy()
        a[0, 0] = b[0, 0] = 1
        traced = mg.trace(lambda x, a=a, b=b: (x, a, b), 1.0)
        scope: dict[str, Any] = {}
        exec(traced.source, scope)
        for got, expected in zip(scope[traced.name](1.0)[1:], (a, b), strict=True):
            assert got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "f",
    [
        lambda x, b, W, h: x + b,
        lambda x, b, W, h: b + x,
        lambda x, b, W, h: x @ W,
        lambda x, b, W, h: W @ x,
        lambda x, b, W, h: (x + h) + b,
        lambda x, b, W, h: b + (h + x),
    ],
)
def test_what_is_done_to_every_slice_is_done_at_once(f: Any) -> None:
    rng = np.random.default_rng(3)
    X, b, W, h = (rng.normal(size=n) for n in ((4, 3), 3, (3, 3), 3))
    loop = lambda X, b, W, h: [f(X[k], b, W, (k + 1) * h) for k in range(4)]
    program = recorded(loop, X, b, W, h)
    at_once = batch_slices(program)
    assert any(len(e.out.shape) == 2 for e in at_once.equations)
    assert all(len(e.out.shape) < 2 for e in program.equations)
    np.testing.assert_allclose(at_once(X, b, W, h), loop(X, b, W, h), rtol=1e-13)


@pytest.mark.parametrize("first", [np.float16(2), np.float32(2), np.float64(2), 2.0, np.int8(2)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_number_of_clip_counts(first: Any, dtype: Any) -> None:
    f = lambda x: np.clip(first, x, 5)
    program, x = mg.trace(f, np.ones(2, dtype)), np.full(2, 3.0, dtype)
    scope: dict[str, Any] = {}
    exec(program.source, scope)
    assert scope["f"](x).dtype == program(x).dtype == f(x).dtype
