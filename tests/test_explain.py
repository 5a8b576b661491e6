"""Explanations: the layout as published, formulas worth their numbers, every form."""

from __future__ import annotations

import math
import pathlib
import random
import re
import sys
import warnings
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

import minigrad as mg
import test_ops  # which fills the table of samples
from formulas import check, value_of
from minigrad.explain import local_formula
from minigrad.explain.typeset import mathematical
from minigrad.graph import ancestors
from minigrad.reading.names import names
from minigrad.writing.styles import LATEX
from samples import SAMPLES, Sample


def published(both: bool = False, **options: Any) -> Any:
    """The published neuron: x = 0.5, y = 1.5, w = 0.3, b = 0.1."""
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    b = mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    return mg.explain(L, [w, b] if both else w, **options)


def typesets(explanation: Any) -> int:
    """How many formulas matplotlib's typesetter reads; it raises for one that it cannot."""
    parser = MathTextParser("path")
    found = [c for left, right, *_ in explanation.equations(LATEX) for c in (left, right) if c]
    for code in found:
        parser.parse(f"${code}$")
    return len(found)


def well_formed(html: str) -> ET.Element:
    return ET.fromstring(html)


# --- the chain -------------------------------------------------------------------------


def test_the_chain_is_laid_out_as_on_paper() -> None:
    assert str(published()) == "\n".join(
        [
            "dL/dw = dL/da · da/dz · dz/dw",
            "  dL/da = -(y - a)     = -0.937823",
            "  da/dz = a·(1 - a)    =  0.246134",
            "  dz/dw = x            =  0.5",
            "dL/dw = -0.115415",
        ]
    )


def test_several_inputs_share_their_links() -> None:
    text = str(published(both=True))
    assert text.count("dL/da = ") == 1
    assert "dL/db = dL/da · da/dz · dz/db" in text
    assert text.endswith("dL/dw = -0.115415\ndL/db = -0.23083")


def test_without_wrt_all_leaves_are_explained() -> None:
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor([0.1, 0.2], requires_grad=True)
    fixed = mg.Tensor(2.0)
    L = np.sum(fixed * w * b)
    assert str(mg.explain(L)) == str(mg.explain(L, [w, b]))
    assert list(mg.explain(L).gradients) == ["w", "b"]
    assert str(mg.explain(L, mode="forward")) == str(mg.explain(L, [w, b], mode="forward"))
    with pytest.raises(ValueError, match="was not recorded, there is nothing to explain"):
        mg.explain(fixed * 2)


def test_rows_know_their_lines() -> None:
    row = published().rows[1]
    assert (row.quantity, row.formula, row.number, row.shape) == (
        "da/dz",
        "a·(1 - a)",
        "0.246134",
        (),
    )
    assert row.site.code == "a = mg.sigmoid(z)"
    lines = published().to_text(source=True).splitlines()
    assert re.search(r"0\.246134    # test_explain\.py:\d+: a = mg\.sigmoid\(z\)$", lines[2])
    assert len({line.index("#") for line in lines if "#" in line}) == 1


def test_the_published_derivation_of_the_sigmoid() -> None:
    z = mg.Tensor(0.25, requires_grad=True)
    a = 1 / (1 + np.exp(-z))
    explanation = mg.explain(a, z)
    assert str(explanation).splitlines() == [
        "da/dz = -(1 + exp(-z))⁻² · exp(-z) · (-1)",
        "      = exp(-z)/(1 + exp(-z))²",
        "      = a·(1 - a)                            =  0.246134",
    ]
    assert r"-\left(1 + e^{-z}\right)^{-2} \cdot e^{-z} \cdot \left(-1\right)" in str(
        explanation.to_latex()
    )
    assert r"\frac{e^{-z}}{\left(1 + e^{-z}\right)^{2}}" in explanation.to_latex()
    assert "steps" not in str(mg.explain(a, z, steps=False)) and "exp" not in str(
        mg.explain(a, z, steps=False)
    )


def test_the_sigmoid_without_a_name_and_spelt_out() -> None:
    z = mg.Tensor(0.25, requires_grad=True)
    text = str(mg.explain(mg.sigmoid(z), z))
    assert text == "da/dz = a·(1 - a)    =  0.246134\nwith a = σ(z)"
    steps = str(mg.explain(mg.sigmoid(z), z, steps=True)).splitlines()
    assert steps[0] == "da/dz = -(1 + exp(-z))⁻² · exp(-z) · (-1)"
    assert steps[1].strip() == "= exp(-z)/(1 + exp(-z))²"


def test_steps_of_every_link() -> None:
    text = str(published(steps=True))
    assert "dL/da = ½ · 2·(y - a) · (-1)" in text
    assert "da/dz = -(1 + exp(-z))⁻² · exp(-z) · (-1)" in text


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x: x * 1, "1"),
        (lambda x: x**3, "3·x²"),
        (lambda x: -(x**-2), "2/x³"),
        (lambda x: np.sqrt(x), "1/(2·y)"),
        (lambda x: np.exp(2 * x), "2·y"),
        (lambda x: np.log(x) * 3, "3/x"),
        (lambda x: np.tanh(x), "1 - y²"),
        (lambda x: mg.relu(x), "1[x > 0]"),
        (lambda x: np.maximum(x, 0), "1[x > 0]"),
        (lambda x: x / 3, "1/3"),
        (lambda x: (x - 1) * (x + 1), "2·x"),
        (lambda x: (x - 1) * (x**2 + 1), "2·(x - 1)·x + x² + 1"),
        (lambda x: np.sin(x) ** 2, "2·sin(x)·cos(x)"),
        (lambda x: x**2 - 3 * x - (x**2 - x), "-2"),
        (lambda x: (x - 1) - (x + 1), "0"),
        (lambda x: x / (x + 1), "(1 - y)/(x + 1)"),
    ],
)
def test_formulas_as_a_person_writes_them(f: Any, formula: str) -> None:
    x = mg.Tensor(1.3, requires_grad=True)
    y = f(x)
    assert mg.explain(y, x).rows[0].formula == formula


def test_named_integers_and_small_floats() -> None:
    n, rate = 4, 0.1
    theta = mg.Tensor(np.float32(3.0), requires_grad=True)
    J = rate * (theta - 1) ** 2 / n
    explanation = mg.explain(J, theta)
    assert explanation.rows[0].formula == "2·rate·(theta - 1)/n"
    assert explanation.rows[0].expression.evaluate().dtype == np.float32


def test_a_cross_entropy_is_a_softmax() -> None:
    logits = mg.Tensor(np.array([[0.5, 1.0, -2.0]]), requires_grad=True)
    L = mg.losses.cross_entropy(logits, np.array([1]))
    explanation = mg.explain(L, logits)
    assert explanation.rows[0].formula == "softmax(logits) - onehot(np.array([1]))"
    check(explanation)


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda W: (W @ np.ones((3, 2))).sum(), "2"),
        (lambda W: (W.T * 2).sum(), "2"),
        (lambda W: -(W**2).sum(), "-2·W"),
        (lambda W: np.exp(W).mean(), "exp(W)/6"),
        (lambda W: (W - W.mean(axis=0)).std(), None),
        (lambda W: np.exp(mg.log_softmax(W, axis=1)).max(), None),
    ],
)
def test_matrix_formulas(f: Any, formula: str | None) -> None:
    W = mg.Tensor(np.arange(6.0).reshape(2, 3) ** 1.5, requires_grad=True)
    L = f(W)
    explanation = mg.explain(L, W)
    assert formula is None or explanation.rows[0].formula == formula
    check(explanation)


def test_counts_masks_and_what_a_loop_spells_out() -> None:
    u = mg.Tensor(np.array([0.5, -1.0, 2.0]), requires_grad=True)
    y, b = np.array([3, 1, 4]), np.array([True, False, True])
    L1 = -np.mean(y * u)
    L2 = np.std(u)
    L3 = 2 * np.sum(u[b])
    assert mg.explain(L1, u).rows[0].formula == "-y/3"
    L4 = np.mean(np.exp(-y * u)) - y[0] * u[0]
    L5 = np.sum((y % 2) * u) + np.sum((y & 1) * u) - np.log(mg.softmax(u))[y[1]]
    assert mg.explain(L4, u).rows[0].formula == "-(y[0]·onehot(0) + y ⊙ exp(-y ⊙ u)/3)"
    check(mg.explain(L5, u))
    L6 = np.sum(u[y - 2] ** 2)
    assert mg.explain(L6, u).rows[0].formula == "0; np.add.at(du, y - 2, 2·u[y - 2])"
    assert mg.explain(L2, u).rows[0].formula == "(u - mean(u))/(3·L2)"
    assert mg.explain(L3, u).rows[0].formula == "2·b"
    w, cost = mg.Tensor(0.5, requires_grad=True), 0.0
    for t in [1.5, 2.5]:
        cost = cost + np.sin(w * t)
    assert "1.5·cos(1.5·w)" in [row.formula for row in mg.explain(cost, w).rows]


def test_what_is_said_of_a_step_is_true() -> None:
    u, w = (mg.Tensor(x, requires_grad=True) for x in (np.array([0.5, -1.0]), 0.5))
    A = np.sum(np.arcsin(u / 5))
    assert mg.explain(A, u, simplify=True).closed["u"][-1].reason == "like terms are collected"
    S = 3 * np.eye(2) + w
    D = np.linalg.det(S)
    assert "dw: summed over all entries, because w was broadcast" in str(mg.explain(D, w))
    N = np.linalg.norm(S, "nuc")
    assert "moveaxis" not in str(mg.explain(N, w))


# --- paths -----------------------------------------------------------------------------


def test_several_paths_are_added() -> None:
    x = mg.Tensor(2.0, requires_grad=True)
    a1 = x**2
    a2 = np.sin(x)
    L = a1 * a2
    text = str(mg.explain(L, x)).splitlines()
    assert text[0] == "∂L/∂x = ∂L/∂a1 · ∂a1/∂x + ∂L/∂a2 · ∂a2/∂x"
    assert text[5] == "  L ← a1 ← x : 0.909297 · 4 = 3.63719"
    assert text[-1] == f"∂L/∂x = {4 * math.sin(2) + 4 * math.cos(2):.6g}"
    assert mg.paths(L, x) == [("L", "a1", "x"), ("L", "a2", "x")]
    assert repr(mg.paths(L, x)) == "<2 paths>\nL ← a1 ← x\nL ← a2 ← x"


def test_a_total_beside_a_direct_link_is_told_from_it() -> None:
    z = mg.Tensor(0.5, requires_grad=True)
    a = mg.sigmoid(z)
    L = a * z
    assert str(mg.explain(L, z)).splitlines()[0] == "dL/dz = ∂L/∂z + ∂L/∂a · ∂a/∂z"


def test_paths_are_counted_not_listed() -> None:
    x = mg.Tensor(0.01, requires_grad=True)
    h = [x]
    for _ in range(60):
        h.append(h[-1] + np.sin(h[-1]))
        h.append(h[-1] * h[-2])
    L = h[-1]
    total = mg.paths(L, x, limit=3).total
    assert total == 2**60
    assert len(mg.paths(L, x, limit=3)) == 3
    assert f"(3 of {total:,} paths)" in str(mg.paths(L, x, limit=3))
    text = str(mg.explain(L, x))
    assert "more, in .rows" in text and f"{total:,} paths, 6 of them shown" in text
    assert len(text.splitlines()) < 60


@pytest.mark.full
def test_large_graphs_are_abridged() -> None:
    def repeated(h: Any, n: int) -> Any:
        for _ in range(n):
            h = np.sin(h) * 1.01
        return h

    w = mg.Tensor(0.3, requires_grad=True)
    L = repeated(w, 50_000)
    explanation = mg.explain(L, w)
    assert "⋯ (100,000 unnamed operations)" in str(explanation)
    assert "give results names" in str(explanation)
    np.testing.assert_allclose(explanation.gradients["w"], mg.gradients(L, w))
    assert explanation.to_html() and explanation.to_latex() and explanation.to_markdown()


def test_many_inputs_and_many_contributions_are_abridged() -> None:
    ws = [mg.Tensor(0.1 * i, requires_grad=True) for i in range(150)]
    L: Any = 0.0
    for w in ws:
        L = L + w**2
    many = mg.explain(L, ws)
    assert "⋯ (119 more gradients, in .gradients)" in str(many) and len(many.gradients) == 150
    for text in (str(many), many.to_latex(), many.to_markdown()):
        assert "119" in text and len(text) < 25_000
    v, h = mg.Tensor(np.eye(2), requires_grad=True), np.ones(2)
    for _ in range(50):
        h = np.tanh(v @ h)
    total = next(row for row in mg.explain(h.sum(), v).rows if row.total)
    assert total.formula.endswith("dv via h_2 + dv via h_1") and "(38 more)" in total.formula


# --- tensors ---------------------------------------------------------------------------


def classifier() -> Any:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 3)), rng.normal(size=(500, 1))
    W = mg.Tensor(rng.normal(size=(3, 1)), requires_grad=True)
    b = mg.Tensor(np.zeros(1), requires_grad=True)
    z = X @ W + b
    p = mg.sigmoid(z)
    L = np.mean((p - y) ** 2)
    return X, y, W, b, z, p, L


def test_the_ledger_of_a_classifier() -> None:
    X, y, W, b, z, p, L = classifier()  # noqa: RUF059 (explain reads the names)
    text = str(mg.explain(L, [W, b])).splitlines()
    assert [re.sub(" +", " ", line.strip()) for line in text[1:5]] == [
        "dp = 2·(p - y)/500 (500, 1)",
        "dz = dp ⊙ p ⊙ (1 - p) (500, 1) ⊙ (500, 1) → (500, 1)",
        "dW = Xᵀ @ dz (3, 500) @ (500, 1) → (3, 1)",
        "db = sum(dz, axis=0) (500, 1) → (1,)",
    ]
    latex = mg.explain(L, [W, b]).to_latex()
    assert r"X^{\top} \, \frac{\partial L}{\partial z}" in latex
    assert r"\odot" in latex and r"\sum_{i=1}^{500}" in latex
    assert check(mg.explain(L, [W, b])) == 4


def test_rows_add_up_to_the_gradient() -> None:
    X, y, W, b, z, p, L = classifier()  # noqa: RUF059 (explain reads the names)
    penalised = L + 0.1 * (W**2).sum()
    explanation = mg.explain(penalised, W)
    parts = [row.value for row in explanation.rows if row.bottom is W.node and not row.total]
    assert len(parts) == 2
    np.testing.assert_allclose(sum(parts), mg.gradients(penalised, W))
    np.testing.assert_allclose(explanation.gradients["W"], mg.gradients(penalised, W))
    text = str(explanation)
    assert "dW via penalised = 0.2·W" in text
    assert re.search(r"dW +  *= dW via penalised \+ dW via z ", text)


def test_two_layers_agree_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 1))
    start = [rng.normal(size=s) for s in ((4, 5), (5,), (5, 1), (1,))]
    W1, b1, W2, b2 = (mg.Tensor(v, requires_grad=True) for v in start)
    h = np.tanh(X @ W1 + b1)
    out = h @ W2 + b2
    L = ((out - y) ** 2).sum()
    explanation = mg.explain(L, [W1, b1, W2, b2])
    T = [torch.tensor(v, requires_grad=True) for v in start]
    (
        ((torch.tanh(torch.tensor(X) @ T[0] + T[1]) @ T[2] + T[3]) - torch.tensor(y)) ** 2
    ).sum().backward()
    for name, t in zip(("W1", "b1", "W2", "b2"), T, strict=True):
        np.testing.assert_allclose(explanation.gradients[name], t.grad.numpy())
    formulas = {row.quantity: row.formula for row in explanation.rows}
    assert formulas == {
        "dout": "2·(out - y)",
        "dW2": "hᵀ @ dout",
        "db2": "sum(dout, axis=0)",
        "dh": "dout @ W2ᵀ",
        "dW1": "Xᵀ @ (dh ⊙ (1 - h²))",
        "db1": "sum(dh ⊙ (1 - h²), axis=0)",
    }
    assert check(explanation) == 6


def test_elementwise_arrays_are_a_chain() -> None:
    z = mg.Tensor(np.array([0.1, -0.2, 3.0]), requires_grad=True)
    a = np.tanh(z)
    y = a**2
    explanation = mg.explain(y, z)
    assert str(explanation).splitlines()[0] == "dy/dz = dy/da · da/dz"
    assert [row.formula for row in explanation.rows] == ["2·a", "1 - a²"]
    np.testing.assert_allclose(explanation.gradients["z"], mg.gradients(y.sum(), z))
    check(explanation)


def test_published_linear_regression() -> None:
    x, y = np.array([1.0, 2.0, 4.0, 5.0]), np.array([1.0, 3.0, 3.0, 5.0])
    theta0 = mg.Tensor(0.5, requires_grad=True)
    theta1 = mg.Tensor(0.25, requires_grad=True)
    h = theta0 + theta1 * x
    J = np.mean((h - y) ** 2)
    explanation = mg.explain(J, [theta0, theta1])
    formulas = {row.quantity: row.formula for row in explanation.rows}
    assert formulas == {
        "dh": "2·(h - y)/4",
        "dtheta0": "sum(dh)",
        "dtheta1": "sum(dh ⊙ x)",
    }
    assert r"\sum_{i=1}^{4} {\left(\frac{\partial J}{\partial h} \odot x\right)}_{i}" in (
        explanation.to_latex()
    )
    assert r"\theta_{1}" in explanation.to_latex()


# --- formulas are worth their numbers ------------------------------------------------------


def grown(seed: int, n: int) -> tuple[mg.Tensor, list[mg.Tensor], list[mg.Tensor]]:
    """A random scalar graph; some of its nodes have names, and a leaf is used often."""
    rng = random.Random(seed)
    leaves = [mg.Tensor(rng.uniform(0.5, 1.5), requires_grad=True, name=f"x{i}") for i in (1, 2)]
    pool: list[Any] = [*leaves]
    unary = [np.sin, np.exp, np.tanh, mg.sigmoid, lambda t: t**2, lambda t: -t, lambda t: 0.5 * t]
    unary += [
        lambda t: 1 / (1 + t**2),
        np.cos,
        mg.relu,
        lambda t: 3 - t,
        lambda t: (t**2 + 1) ** -0.5,
    ]
    binary = [np.add, np.subtract, np.multiply, lambda s, t: s / (2 + t**2)]
    for i in range(n):
        s, t = rng.choice(pool[-4:]), rng.choice(pool)
        new = rng.choice(unary)(s) if rng.random() < 0.55 else rng.choice(binary)(s, t)
        new = np.tanh(new) if abs(new.item()) > 5 else new
        if rng.random() < 0.5:
            new.name = f"h{i}"
        pool.append(new)
    output = pool[-1] + 0.1 * leaves[0]
    output.name = "L"
    return output, leaves, [t for t in pool if t.name]


@pytest.mark.full
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_every_scalar_formula_is_worth_its_number(seed: int, n: int) -> None:
    L, leaves, named = grown(seed, n)
    for x in leaves:
        if x.node not in ancestors(L.node):
            continue
        explanation = mg.explain(L, x)
        check(explanation)
        g = mg.gradients(L, x)
        np.testing.assert_allclose(explanation.gradients[x.name], g, rtol=1e-9, atol=1e-12)
        every = mg.paths(L, x, limit=500)
        if every.total <= 500:  # the sum over the paths of the products of their links
            value = {(r.top, r.bottom): r.value for r in explanation.rows}
            total = sum(math.prod(value[link] for link in pairwise(route)) for route in every.nodes)
            np.testing.assert_allclose(total, g, rtol=1e-9, atol=1e-12)
        for row in explanation.rows:
            for step in explanation.chart.derivation(row.top, row.bottom, deeper=False):
                worth = sum(math.prod(f.evaluate() for f in product) for product in step)
                np.testing.assert_allclose(worth, row.value, rtol=1e-7, atol=1e-9)
        well_formed(explanation.to_html())
    assert named


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_every_tensor_formula_is_worth_its_number(seed: int, n: int) -> None:
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    X, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
    W = mg.Tensor(rng.normal(size=(3, 3)), requires_grad=True)
    b = mg.Tensor(rng.normal(size=(3,)), requires_grad=True)
    steps = [
        lambda h: h @ W + b,
        lambda h: mg.softmax(h, axis=1),
        lambda h: h - h.mean(axis=0),
        lambda h: h * b,
        lambda h: np.tanh(h) / (1 + h[:1] ** 2),
        lambda h: h.T.reshape(4, 3),
        lambda h: np.where(h > 0, h, 0.1 * h),
        lambda h: h / (1 + np.abs(h)),
    ]
    pool = [X @ W]
    for i in range(n):
        h = draw.choice(steps)(pool[-1])
        if draw.random() < 0.5:
            h.name = f"h{i}"
        pool.append(h)
    named = [h for h in pool if h.name]
    last = pool[-1]
    del pool, h
    L = np.mean((last.sum(axis=1, keepdims=True) - y) ** 2) + 0.1 * (W**2).sum()
    explanation = mg.explain(L, [W, b] if b.node in ancestors(L.node) else [W])
    check(explanation)
    np.testing.assert_allclose(explanation.gradients["W"], mg.gradients(L, W), atol=1e-12)
    well_formed(explanation.to_html())
    assert str(explanation) and len(named) <= n


FIRST: dict[str, Sample] = {}
for _sample in SAMPLES:
    if _sample.op not in FIRST or np.size(FIRST[_sample.op].args[0]) < 2 < np.size(_sample.args[0]):
        FIRST[_sample.op] = _sample
NUMPY_DIFFERS = {"corrcoef"}
"""Of which a text negates truth values, as no array of NumPy may be."""


@pytest.mark.sampled(10)
@pytest.mark.parametrize("op", FIRST)
def test_every_op_is_explained(op: str) -> None:
    tensors = [mg.Tensor(a, requires_grad=True, name=f"v{i}") for i, a in enumerate(FIRST[op].args)]

    def first_output() -> Any:
        answer = FIRST[op].f(*tensors)
        return answer[0] if isinstance(answer, tuple | list) else answer

    y = first_output()
    if y.node is None:
        pytest.skip("no gradient flows through")
    answers = [n.ans if isinstance(n.ans, tuple) else (n.ans,) for n in ancestors(y.node)]
    if any(map(np.iscomplexobj, sum(answers, ()))):
        with pytest.raises(TypeError, match=r"explain: .* was computed with complex numbers"):
            mg.explain(y, tensors)
        return
    for x in tensors:
        if x.node in ancestors(y.node) and x.node is not y.node:
            explanation = mg.explain(y, x)
            if op not in NUMPY_DIFFERS:
                told = op in ("gradient", "roots")  # whose rules look at numbers
                assert check(explanation, 1e-6) == len(explanation.rows) or told
            g = mg.gradients(y.sum(), x)
            np.testing.assert_allclose(explanation.gradients[x.name], g, rtol=1e-9, atol=1e-12)
            assert typesets(explanation)
            well_formed(explanation.to_html())


# --- one edge --------------------------------------------------------------------------


def test_local_formulas() -> None:
    X, y, W, b, z, p, L = classifier()  # noqa: RUF059 (explain reads the names)
    h = mg.relu(z)
    s = mg.softmax(z, axis=0)
    total = L + h.sum() + s.max() + z[0, 0]
    known = names([total.node])
    found = {}
    for node in ancestors(total.node):
        for i, parent in enumerate(node.parents):
            if parent is not None:
                found[known.of(node), known.of(parent)] = local_formula(node, i, known)
    assert found["p", "z"] == "p·(1 - p)"
    assert found["h", "z"] == "1[z > 0]"
    assert found["s", "z"] == "s ⊙ (ds - sum(ds ⊙ s, axis=0, keepdims=True))"
    assert found["z", "b"] == "1"
    product = known.of(z.node.parents[0])
    assert found[product, "W"] == f"Xᵀ @ d{product}"
    assert all(found.values())
    assert local_formula(W.node, 0, known) == ""


def test_a_rule_that_looks_at_its_numbers_is_named_not_written() -> None:
    def rule(g: Any, ans: Any, x: Any) -> Any:
        return g if float(x) > 0 else -g

    odd = mg.defop("odd", lambda x: abs(x), [rule])
    x = mg.Tensor(2.0, requires_grad=True)
    y = odd(x)
    assert str(mg.explain(y, x)) == "dy/dx = ⋯ (the rule of odd)    =  1"
    assert local_formula(y.node, 0, names([y.node])) == ""


# --- names -----------------------------------------------------------------------------

HOSTILE = ["x_1^{2}", "a&b", "</math><script>alert(1)</script>", "$", "\\frac{", "θ", "a|b`c"]
HOSTILE += ["new\nline", "%", "#", "'", "~"]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(name: str, tmp_path: pathlib.Path) -> None:
    x = mg.Tensor(0.5, requires_grad=True, name=name)
    W = mg.Tensor(np.ones((2, 2)), requires_grad=True, name=f"{name}2")
    for output, wrt in ((np.sin(x * 2), x), ((np.ones((3, 2)) @ W).sum() * x, [W, x])):
        explanation = mg.explain(output, wrt)
        root = well_formed(explanation.to_html())
        assert not root.findall(".//script")
        assert "\n" not in str(explanation).splitlines()[0]
        table = [line for line in explanation.to_markdown().splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
        latex = explanation.to_latex().replace(r"\{", "").replace(r"\}", "")
        assert latex.count("{") == latex.count("}")
        explanation.to_png(tmp_path / "picture.png")


def test_two_published_neurons_in_a_row() -> None:
    x, y = 0.5, 1.5
    w1, b1, w2, b2 = (mg.Tensor(v, requires_grad=True) for v in (0.3, 0.1, 0.2, 0.4))
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    a3 = mg.sigmoid(z3)
    L = 0.5 * (y - a3) ** 2
    text = str(mg.explain(L, [w1, w2, b1, b2]))
    assert "dL/dw1 = dL/da3 · da3/dz3 · dz3/da2 · da2/dz2 · dz2/dw1" in text
    assert "dz3/dw2 = a2             =  0.562177" in text  # where 0.5 is printed
    assert "da3/dz3 = a3·(1 - a3)    =  0.234281" in text
    assert "dL/dw2 = -0.115194" in text


def test_greek_names_and_indices() -> None:
    theta = mg.Tensor(0.5, requires_grad=True)
    w1 = theta * 2
    W_out = np.sin(w1)
    latex = mg.explain(W_out, theta).to_latex()
    assert (
        r"\partial W_{\mathrm{out}}" in latex and r"\partial w_{1}" in latex and r"\theta" in latex
    )
    assert "<mi>θ</mi>" in mg.explain(W_out, theta).to_html()
    assert "<msub><mi>w</mi><mn>1</mn></msub>" in mg.explain(W_out, theta).to_html()
    e, β̂_1 = (mg.Tensor(x, requires_grad=True) for x in (0.1, 0.2))
    y_hat = np.exp(e) * β̂_1
    rows = mg.explain(y_hat, [e, β̂_1]).rows
    assert [row.formula for row in rows] == ["y_hat", "exp(e)"]
    assert rows[1].quantity == "dy_hat/dβ̂_1" and rows[1].expression.latex == r"\exp\left(e\right)"
    assert r"\partial \hat{y}}{\partial \hat{\beta}_{1}" in mg.explain(y_hat, β̂_1).to_latex()
    assert ">^</mo></mover>" in mg.explain(y_hat, e).to_html()
    lines = str(mg.explain(y_hat, [e, β̂_1])).splitlines()  # two columns in a terminal
    assert lines[1].index("=") - lines[0].index("=") == 1
    assert "def f(β̂_1, y_hat):" in mg.trace(lambda β̂_1, y_hat: β̂_1 * y_hat, 1.0, 2.0).source


def test_a_gradient_is_not_taken_for_another_name() -> None:
    z = mg.Tensor(np.ones((2, 2)), requires_grad=True)
    dz = z @ z
    L = dz.sum() * z[0, 0]
    assert any(row.quantity.startswith("∂z") for row in mg.explain(L, z).rows)


# --- forms -----------------------------------------------------------------------------


def test_forms(tmp_path: pathlib.Path) -> None:
    explanation = published()
    assert explanation._repr_latex_().startswith("$$\n\\begin{aligned}")
    assert repr(explanation) == str(explanation)
    assert explanation._repr_html_() == explanation.to_html()
    assert "http" not in explanation.to_html()
    markdown = explanation.to_markdown().splitlines()
    assert markdown[0] == "`dL/dw = dL/da · da/dz · dz/dw`"
    assert markdown[2] == "| quantity | formula | value | line |"
    assert markdown[4].startswith("| `dL/da` | `-(y - a)` | `-0.937823` | `test_explain.py:")
    code = mathematical(r"\left(\frac{a}{b} - \left(1 - a\right)^{2}\right)", "")
    assert code == r"$\left(\frac{a}{b} - (1 - a)^{2}\right)$"  # matplotlib makes low ones small
    path = explanation.to_png(tmp_path / "chain.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["chain.png"]
    assert len(explanation.plot().texts) >= 10


def test_pictures_are_written_whole_or_not(tmp_path: pathlib.Path) -> None:
    explanation = published()
    with pytest.raises(ValueError, match=r"explain: cannot save .*chain\.pdf'.*end in \.png"):
        explanation.to_png(tmp_path / "chain.pdf")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*make it first"):
        explanation.to_png(tmp_path / "none" / "chain.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OSError, match=r"folder\.png"):
        explanation.to_png(tmp_path / "folder.png")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


def test_matplotlib_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = published()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"matplotlib.*pip install 'minigrad\[viz\]'"):
        explanation.plot()


def test_float32_stays() -> None:
    x = mg.Tensor(np.float32(0.5), requires_grad=True)
    y = np.sin(0.1 * x) * 2
    row = mg.explain(y, x).rows[0]
    assert row.value.dtype == row.expression.evaluate().dtype == np.float32
    assert row.formula == "0.2·cos(0.1·x)"
    check(mg.explain(y, x), 1e-5)


def test_arrays_of_other_libraries() -> None:
    da = pytest.importorskip("dask.array")
    X = da.ones((8, 3), chunks=4)
    W = mg.Tensor(np.ones((3, 1)), requires_grad=True)
    z = X @ W
    L = (z**2).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Dask's, for what it lacks
        explanation = mg.explain(L, W)
        assert [row.formula for row in explanation.rows] == ["2·z", "Xᵀ @ dz"]
        np.testing.assert_allclose(np.asarray(explanation.gradients["W"]), np.full((3, 1), 48.0))
        assert "dW = Xᵀ @ dz" in str(explanation)


def test_an_explanation_changes_nothing() -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    L = np.sin(w) ** 2
    L.backward()
    before = w.grad
    mg.explain(L, w).to_html()
    assert w.grad is before
    assert mg.gradients(L, w) == before


# --- bad input -------------------------------------------------------------------------


def test_errors() -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    L = np.sin(w) ** 2
    with pytest.raises(TypeError, match=r"explain: the output 3 \(int\) is not a Tensor: pass the"):
        mg.explain(3, w)
    with pytest.raises(
        TypeError, match=r"explain: wrt=0\.5 \(float\) is not a Tensor: pass mg\.Ten"
    ):
        mg.explain(L, 0.5)
    with pytest.raises(ValueError, match="explain: wrt is empty: pass the Tensor to differentiate"):
        mg.explain(L, [])
    plain = mg.Tensor(1.0)
    with pytest.raises(ValueError, match=r"explain: plain was not recorded.*requires_grad=True"):
        mg.explain(plain, w)
    with pytest.raises(ValueError, match="plain was not recorded"):
        mg.explain(L, plain)
    other = mg.Tensor(1.0, requires_grad=True)
    message = "L does not depend on other, no path leads from other to L: .* by other is zero"
    with pytest.raises(ValueError, match=f"explain: {message}"):
        mg.explain(L, other)
    with pytest.raises(ValueError, match=f"paths: {message}"):
        mg.paths(L, other)
    with pytest.raises(TypeError, match=r"paths: wrt=.* \(float\) is not a Tensor"):
        mg.paths(L, 3.0)
    params = {"used": w, "idle": [other]}
    del other
    with pytest.raises(ValueError, match=r"does not depend on params\['idle'\]\[0\]"):
        mg.explain(L, params["idle"])
    for mode in ("reverse", "forward"):
        found = mg.explain(L, params, mode=mode)
        said = "dL/dparams['idle'][0] = 0: no path leads from params['idle'][0] to L"
        assert said in str(found)
        assert found.gradients["params['idle'][0]"] == 0.0


def test_of_itself() -> None:
    x = mg.Tensor(2.0, requires_grad=True)
    assert str(mg.explain(x, x)) == "dx/dx = 1"
    assert mg.paths(x, x) == [("x",)]


def test_every_number_of_a_page_is_set_equal() -> None:
    w, b = (mg.Tensor(v, requires_grad=True) for v in (0.3, 0.1))
    z = 2 * w + b
    L = z**2
    cells = re.findall(r"<td>(= [^<]*)</td>", mg.explain(L, [w, b]).to_html())
    assert cells == ["= 1.4", "= 2", "= 1", "= 2.8", "= 1.4"]
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    total = y.sum()
    assert "<mo>=</mo><mrow><mo stretchy" in mg.explain(total, x).to_html()
