"""A user's op that has the name of one of the library's is never taken for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.record import registry
from tables import each

X = np.array([0.7, -1.2, 0.4])
Y = np.array([1.5, 0.3, -0.8])
ONE = """
    sigmoid tanh relu softplus log_sigmoid erf exp log log_softmax softmax logsumexp sum mean max
    negative square sqrt reshape transpose squeeze swapaxes getitem astype copy zeros_like ones_like
    shape nonzero unique index variable pick absolute power clip scatter cumsum sort shift
""".split()
TWO = """
    add subtract multiply divide power matmul maximum minimum logaddexp where getitem scatter
    broadcast_to einsum concatenate stack clip leaky_relu equal greater bitwise_and
""".split()
TAKEN = [(name, TWO[i % len(TWO)]) for i, name in enumerate(ONE)]
each_pair = pytest.mark.parametrize("one, two", TAKEN)


def curved(name: str) -> Any:
    """``x³ - x/2``, by any other name."""
    rules = (lambda g, ans, x: g * (3 * x * x - 0.5),)
    return mg.defop(name, lambda x: x * x * x - 0.5 * x, rules, replace=True)


def mixed(name: str) -> Any:
    """``x² y + 2 y``, by any other name."""
    return mg.defop(
        name,
        lambda x, y: x * x * y + 2.0 * y,
        (lambda g, ans, x, y: 2 * g * x * y, lambda g, ans, x, y: g * (x * x + 2.0)),
        replace=True,
    )


def loss(one: str, two: str) -> Any:
    """A function that uses both, beside ops of the library's."""
    f, h = curved(one), mixed(two)
    return lambda x, y: mg.sum(mg.tanh(f(x)) * h(f(x) * 0.5, y) + h(x, y) - f(mg.exp(0.1 * y)))


def truth(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Value and gradients of `loss`, by hand."""
    f, df = x**3 - x / 2, 3 * x**2 - 0.5
    t, u = np.tanh(f), 0.5 * f
    hu = u**2 * y + 2 * y
    e = np.exp(0.1 * y)
    value = np.sum(t * hu + x**2 * y + 2 * y - (e**3 - e / 2))
    dx = (1 - t**2) * df * hu + t * 2 * u * y * 0.5 * df + 2 * x * y
    dy = t * (u**2 + 2) + x**2 + 2 - (3 * e**2 - 0.5) * 0.1 * e
    return value, dx, dy


@each_pair
@pytest.mark.parametrize("x, y", [(X, Y), (X[0], Y[0])], ids=["vector", "scalar"])
def test_backward(one: str, two: str, x: Any, y: Any) -> None:
    f = loss(one, two)
    value, dx, dy = truth(x, y)
    tx, ty = mg.Tensor(x, requires_grad=True), mg.Tensor(y, requires_grad=True)
    out = f(tx, ty)
    out.backward()
    np.testing.assert_allclose([out.item()], [value], rtol=1e-12)
    np.testing.assert_allclose(tx.grad, dx, rtol=1e-12)
    np.testing.assert_allclose(ty.grad, dy, rtol=1e-12)


@each_pair
@pytest.mark.parametrize("x, y", [(X, Y), (X[0], Y[0])], ids=["vector", "scalar"])
def test_programs(one: str, two: str, x: Any, y: Any) -> None:
    step = mg.value_and_grad(loss(one, two), (0, 1))
    for run in (mg.trace(step, x, y), mg.compile(step)):
        for k in (1.0, 0.9):
            ours, (ax, ay) = run(k * x, k * y)
            value, dx, dy = truth(k * x, k * y)
            np.testing.assert_allclose(ours, value, rtol=1e-12)
            np.testing.assert_allclose(ax, dx, rtol=1e-12)
            np.testing.assert_allclose(ay, dy, rtol=1e-12)


@each("name", sorted(n for n in registry if not n.startswith("special.")))
def test_jacobian(name: str) -> None:
    f = curved(name)
    np.testing.assert_allclose(mg.jacobian(f)(X), np.diag(3 * X**2 - 0.5), rtol=1e-12)


@pytest.mark.parametrize("one, two", [*TAKEN, ("mine", "mine")], ids=lambda name: name)
def test_source_computes_what_the_function_does(one: str, two: str) -> None:
    step = mg.value_and_grad(loss(one, two), (0, 1))
    program = mg.trace(step, X, Y)
    scope: dict[str, Any] = {}
    exec(program.source, scope)
    ours, (ax, ay) = scope[program.name](X, Y)
    value, dx, dy = truth(X, Y)
    np.testing.assert_allclose(ours, value, rtol=1e-12)
    np.testing.assert_allclose(ax, dx, rtol=1e-12)
    np.testing.assert_allclose(ay, dy, rtol=1e-12)


@each_pair
def test_gradcheck(one: str, two: str) -> None:
    assert mg.gradcheck(loss(one, two), X, Y).verdict == "correct"


@each_pair
def test_explain_draw_and_grading(one: str, two: str) -> None:
    f, h = curved(one), mixed(two)
    x = mg.Tensor(0.7, requires_grad=True)
    u = f(x)
    v = h(u, 1.5)
    du, dv = 3 * 0.7**2 - 0.5, 2 * (0.7**3 - 0.35) * 1.5
    text = str(mg.explain(v, x))
    assert all(f"{d:.6g}" in text for d in (du, dv, du * dv))
    picture = mg.draw(v)
    assert one in picture.dot and "x" in str(picture)
    assert mg.check_derivation(v, {"dv/du": dv, "du/dx": du}).ok
    wrong = mg.check_derivation(v, {"dv/du": dv, "du/dx": du + 0.3})
    assert not wrong.ok and wrong.first_error.quantity == "du/dx"


def is_name_of_op(x: ast.AST) -> bool:
    """Whether ``x`` reads ``op.name``, of a variable or an attribute that is called so."""
    if not (isinstance(x, ast.Attribute) and x.attr == "name"):
        return False
    return getattr(x.value, "attr", getattr(x.value, "id", "")).rpartition("_")[2] == "op"


def deciding(tree: ast.AST) -> Iterator[int]:
    """Lines that decide something by the name of an op: comparisons, look-ups, prefixes."""
    for x in ast.walk(tree):
        asked: list[ast.AST] = []
        if isinstance(x, ast.Compare):
            asked = [x.left, *x.comparators]
        elif isinstance(x, ast.Subscript):
            asked = [x.slice]
        elif isinstance(x, ast.Call) and isinstance(x.func, ast.Attribute):
            asked = [x.func.value] if x.func.attr.endswith("swith") else []
            asked += x.args if x.func.attr == "get" else []
        if any(map(is_name_of_op, asked)):
            yield x.lineno  # type: ignore[attr-defined]


def test_readings_ask_the_record() -> None:
    home = Path(mg.__file__).parent
    found = [
        f"{path.relative_to(home)}:{line}"
        for path in home.rglob("*.py")
        if path.parent.name != "ops"
        for line in deciding(ast.parse(path.read_text(encoding="utf-8")))
    ]
    # `help` looks up where a name leads, and ONNX whether it still means the op.
    assert {place.split(":")[0] for place in found} == {"reference.py", "onnx/rules/__init__.py"}
    assert list(deciding(ast.parse("x = TABLE[node.op.name] if op.name == 'exp' else 0")))
