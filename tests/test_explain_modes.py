"""The chain rule from the other end, operation by operation, for any sizes; layers of networks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from formulas import value_of
from minigrad import losses

rng = np.random.default_rng(0)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


# --- forward mode ------------------------------------------------------------------------------


def neuron() -> tuple[Any, ...]:
    x, y = 0.5, 1.5
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    return mg.explain(L, [w, b], mode="forward"), L, w, b


def test_a_neuron_from_the_other_end() -> None:
    explanation, L, w, b = neuron()
    assert str(explanation).splitlines()[:9] == [
        "dL/dw = dL/da · (da/dz · dz/dw)    (forward)",
        "      = (dL/da · da/dz) · dz/dw    (reverse)",
        "(δL: what L changes by when w changes by 1)",
        "  δw = 1",
        "  δz = δw·x            = 0.5",
        "  δa = δz·a·(1 - a)    = 0.123067",
        "  δL = -δa·(y - a)     = -0.115415",
        "dL/dw = δL = -0.115415",
        "forward: 1 pass over 3 links, one for each of 2 inputs; reverse: 1 for all",
    ]
    ends = [row.value for row in explanation.rows if row.name == "L"]
    np.testing.assert_allclose(ends, [float(g) for g in mg.gradients(L, [w, b])])


def pushes(explanation: Any) -> None:
    """Every formula is worth the change beside it, as a program and as text."""
    for row in explanation.rows:
        if row.expression is not None:
            found = np.broadcast_to(row.expression.evaluate(), row.shape)
            np.testing.assert_allclose(found, row.value, rtol=1e-9, atol=1e-12)
            text = np.broadcast_to(value_of(row.expression), row.shape)
            np.testing.assert_allclose(text, row.value, rtol=1e-9, atol=1e-12)


def test_changes_of_arrays() -> None:
    X, Y = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    W, b = param(4, 3), param(3)
    Z = X @ W + b
    L = losses.cross_entropy(Z, Y)
    explanation = mg.explain(L, [W, b], mode="forward")
    pushes(explanation)
    assert explanation.passes["W"][1].formula == "X @ δW"
    for v in (W, b):
        rows = explanation.passes["W" if v is W else "b"]
        np.testing.assert_allclose(rows[-1].value, mg.gradients(L, v).sum(), atol=1e-12)
    text = str(explanation)
    assert "sum(dL/dW) = δL" in text
    assert (
        "forward: 12 passes (one for each entry of W) × 2 links = 24; "
        "reverse: 1 pass (one for each entry of L) × 2 links = 2"
    ) in text


def test_several_paths_and_several_outputs() -> None:
    t = param(3)
    u = np.sin(t)
    v = t * u
    explanation = mg.explain(v, t, mode="forward")
    pushes(explanation)
    np.testing.assert_allclose(explanation.rows[-1].value, (u + t * np.cos(t)).data)
    A = param(3, 3)
    s = np.linalg.svd(A + 2 * np.eye(3), compute_uv=False)
    total = s.sum()
    pushes(mg.explain(total, A, mode="forward"))


def test_forward_mode_in_every_format() -> None:
    explanation, *_ = neuron()
    latex = explanation.to_latex()
    assert latex.isascii() and r"\delta a &= \delta z \cdot a \cdot \left(1 - a\right)" in latex
    assert "| `δa` | `δz·a·(1 - a)` | `0.123067` |" in explanation.to_markdown()
    ET.fromstring(f"<p>{explanation.to_html().replace('&nbsp;', ' ')}</p>")
    assert explanation._repr_latex_().startswith("$$")
    odd = mg.Tensor([1.0, 2.0], requires_grad=True, name="<img src=x>")
    markdown = mg.explain((odd**2).sum(), odd, mode="forward").to_markdown()
    assert r"each entry of \<img src=x\>" in markdown.replace("(", "")


def test_what_forward_mode_refuses() -> None:
    w = param()
    L = w * w
    with pytest.raises(ValueError, match="mode is 'reverse' or 'forward', not 'backward'"):
        mg.explain(L, w, mode="backward")
    with pytest.raises(ValueError, match="steps= and simplify= belong to reverse mode"):
        mg.explain(L, w, mode="forward", simplify=True)


# --- a ledger, operation by operation -----------------------------------------------------------


def test_steps_in_a_ledger() -> None:
    X, y = rng.normal(size=(8, 3)), (rng.random(8) > 0.5) * 1.0
    w, b = param(3), param()
    p = mg.sigmoid(X @ w + b)
    L = -np.mean(y * np.log(p))
    explanation = mg.explain(L, [w, b], steps=True)
    lines = [line.strip() for line in str(explanation).splitlines()]
    squeezed = [" ".join(line.split()) for line in lines]
    assert "d(X @ w + b) = dp ⊙ p ⊙ (1 - p)" in squeezed
    assert "d(X @ w) = d(X @ w + b)" in squeezed
    assert "dw = Xᵀ @ d(X @ w)" in squeezed
    assert squeezed.count("d(X @ w + b) = dp ⊙ p ⊙ (1 - p)") == 1  # though b is reached too
    assert r"\frac{\partial L}{\partial \left(X \, w\right)}" in explanation.to_latex()
    assert "| `d(X @ w)` | `d(X @ w + b)` | | |" in explanation.to_markdown()
    ET.fromstring(f"<p>{explanation.to_html()}</p>")
    for made in explanation.workings.values():
        for _, step in made:
            for product in step:
                for formula in product:
                    found = value_of(formula)
                    np.testing.assert_allclose(found, formula.evaluate(), rtol=1e-9, atol=1e-12)
    assert "d(X @ w)" not in str(mg.explain(L, [w, b]))


# --- any sizes ----------------------------------------------------------------------------------


def logistic(w: Any, X: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-X @ w))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softmax(W: Any, X: Any, Y: Any) -> Any:
    P = mg.softmax(X @ W)
    m = len(X)
    return -np.sum(Y * np.log(P)) / m


def test_a_function_of_any_sizes() -> None:
    general = mg.explain(mg.grad(logistic))
    assert general.shapes == {"w": "(n,)", "X": "(m, n)", "y": "(m,)"}
    assert general.rows[0].formula == "((1 - y)/(1 - p) - y/p)/m"
    assert general.rows[1].shapes == "(n, m) @ (m,) → (n,)"
    assert general.closed["w"][-1] == ("Xᵀ(p - y)/m", "p and (1 - p) cancel")
    first, *steps = str(general).splitlines()
    assert first == "for w (n,), X (m, n), y (m,)"
    wide = 2 + max(len(row.quantity) for row in general.rows)
    assert {line.index(" = ") for line in steps[: len(general.rows)]} == {wide}
    assert r"\frac{X^{\top} \, \left(p - y\right)}{m}" in general.to_latex()
    assert "| `dp` | `((1 - y)/(1 - p) - y/p)/m` | `(m,)` |" in general.to_markdown()


def test_examples_say_what_shapes_there_are() -> None:
    Y = np.eye(3)[[0, 1, 2, 2]]
    general = mg.explain(mg.grad(softmax), (np.zeros((5, 3)), rng.normal(size=(4, 5)), Y))
    assert general.closed["W"][-1][0] == "Xᵀ(P - Y)/m"

    def labelled(W: Any, X: Any, y: Any) -> Any:
        return losses.cross_entropy(X @ W, y)

    labels = np.array([0, 2, 1, 2])
    general = mg.explain(mg.grad(labelled), (np.zeros((5, 3)), rng.normal(size=(4, 5)), labels))
    assert general.closed["W"][-1][0] == "Xᵀ(softmax(X W) - onehot(y))/k"


def test_a_second_derivative_has_one_name_for_its_variable() -> None:
    general = mg.explain(mg.grad(mg.grad(lambda a: a**3)))
    assert [(row.quantity, row.formula) for row in general.rows] == [("dL/da", "6·a")]


def test_quadratic_forms_and_numbers_of_any_sizes() -> None:
    def form(x: Any, A: Any) -> Any:
        return x @ A @ x

    def half(w: Any, x: Any) -> Any:
        return 0.5 * (w * x) ** 2

    assert mg.explain(mg.grad(form)).closed["x"][-1][0] == "(A + Aᵀ)x"
    assert mg.explain(mg.grad(half)).rows[0].formula == "w·x²"


def test_functions_that_cannot_be_explained() -> None:
    def hopeless(x: Any) -> Any:
        raise RuntimeError

    with pytest.raises(ValueError, match="no shapes were found with which hopeless returns"):
        mg.explain(mg.grad(hopeless))
    with pytest.raises(TypeError, match=r"explain mg\.grad of it"):
        mg.explain(hopeless)


# --- layers -------------------------------------------------------------------------------------


def test_a_row_for_every_layer() -> None:
    X = rng.normal(size=(8, 3))
    net = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.ReLU(), mg.nn.Linear(4, 1))
    L = np.sum(net(X) ** 2)
    explanation = mg.explain(L, net.parameters())
    assert {row.quantity: row.formula for row in explanation.rows} == {
        "dz2": "2·z2",
        "dnet[2].weight": "dz2ᵀ @ relu(z1)",
        "dnet[2].bias": "sum(dz2, axis=0)",
        "dz1": "(dz2 @ net[2].weight) ⊙ 1[z1 > 0]",
        "dnet[0].weight": "dz1ᵀ @ X",
        "dnet[0].bias": "sum(dz1, axis=0)",
    }
    assert "with z1: what net[0] gives, (8, 4)" in str(explanation)


def test_layers_without_bias_and_layers_with_a_name() -> None:
    X = rng.normal(size=(8, 3))
    net = mg.nn.Sequential(mg.nn.Linear(3, 4, bias=False), mg.nn.Tanh(), mg.nn.Linear(4, 1))
    hidden = net[0](X)
    L = np.sum(net[2](np.tanh(hidden)) ** 2)
    found = {row.quantity: row.formula for row in mg.explain(L, net.parameters()).rows}
    assert found["dnet[0].weight"] == "dhiddenᵀ @ X"
    assert "dz1" in found and "dz2" not in found
