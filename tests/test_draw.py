"""Pictures: what they say of the graph."""

from __future__ import annotations

import re
import shutil
import sys
import types
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
from draw_graphs import leaf, random_graph
from minigrad.draw import Drawing, Picture, boxes, dot, layout, routes
from minigrad.graph import ancestors
from samples import SAMPLES

# The published neuron.
x, y = 0.5, 1.5
w, b = leaf(0.3), leaf(0.1)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2


def neuron() -> dict[str, Any]:
    return {"w": w, "b": b, "z": z, "a": a, "L": L}


def network() -> dict[str, Any]:
    """Softmax regression with a penalty: arrays, broadcasting, a shared leaf, two branches."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(5, 4)), np.eye(3)[[0, 1, 2, 1, 0]]
    W, b = leaf(rng.normal(size=(4, 3)), "W"), leaf(np.zeros(3), "b")
    p = mg.softmax(X @ W + b, axis=1)
    first, rest = np.split(p, [1])
    L = -np.mean(np.sum(Y * np.log(p), axis=1)) + 0.1 * np.sum(W * W) + first.sum() * rest.max()
    return {"W": W, "b": b, "L": L}


# --- the graph, read -------------------------------------------------------------------


def test_vertices_of_a_neuron() -> None:
    picture = Picture(L)
    assert [(v.name, v.kind, v.op) for v in picture.vertices if v.named] == [
        ("w", "leaf", ""),
        ("b", "leaf", ""),
        ("x", "constant", ""),
        ("z", "op", "add"),
        ("a", "op", "sigmoid"),
        ("y", "constant", ""),
        ("L", "output", "multiply"),
    ]
    assert (x, y, z.item(), a.item()) == tuple(
        float(v.value) for name in "xyza" for v in picture.vertices if v.name == name
    )
    assert picture.output is picture.vertices[-1]
    assert "2" in [v.name for v in picture.vertices if v.kind == "constant" and not v.named]


@pytest.mark.parametrize("graph", [neuron, network], ids=lambda f: f.__name__)
def test_inputs_come_first_and_edges_hang_together(graph: Any) -> None:
    picture = Picture(graph()["L"])
    assert [v.id for v in picture.vertices] == list(range(len(picture.vertices)))
    assert all(e.source.id < e.target.id for e in picture.edges)
    assert sum(len(v.inputs) for v in picture.vertices) == len(picture.edges)
    assert sum(len(v.uses) for v in picture.vertices) == len(picture.edges)
    assert picture.edges == sorted(picture.edges, key=lambda e: (e.target.id, e.argnum))


@pytest.mark.parametrize("graph", [neuron, network], ids=lambda f: f.__name__)
@pytest.mark.parametrize("after", [False, True])
def test_gradients_are_those_of_backward_and_leave_grad_alone(graph: Any, after: bool) -> None:
    tensors = graph()
    leaves = [t for t in tensors.values() if getattr(t, "node", None) and t.node.op is None]
    if after:
        tensors["L"].backward()
    before = [t.grad for t in leaves]
    picture = Picture(tensors["L"])
    found = [picture.at[t.node].gradient for t in leaves]
    str(Drawing(picture)), Drawing(picture).dot
    assert all(t.grad is g for t, g in zip(leaves, before))
    expected = mg.gradients(tensors["L"], leaves)
    for g, e in zip(found, expected):
        np.testing.assert_array_equal(g, e)


@pytest.mark.parametrize("graph", [neuron, network], ids=lambda f: f.__name__)
def test_contributions_add_up_to_gradients(graph: Any) -> None:
    picture = Picture(graph()["L"])
    for v in picture.vertices:
        if v.node is None or v is picture.output or isinstance(v.value, tuple):
            continue
        total = sum(np.asarray(e.contribution) for e in v.uses)
        np.testing.assert_allclose(total, v.gradient, rtol=1e-12, atol=1e-15)


def paths(v: Any) -> list[list[Any]]:
    """Routes from a vertex to the output, edge by edge."""
    if v is v.picture.output:
        return [[]]
    return [[e, *rest] for e in v.uses for rest in paths(e.target)]


def test_local_derivatives() -> None:
    picture = Picture(L, wrt=w)
    (path,) = paths(picture.wrt[0])
    s = 1 / (1 + np.exp(-0.25))
    expected = [0.5, 1, s * (1 - s), -1, 2 * (1.5 - s), 0.5]
    np.testing.assert_allclose([e.local for e in path], expected, rtol=1e-15)
    v = leaf([1.0, 2.0, 3.0])
    square, total = np.square(v), (v @ np.ones((3, 2))).sum()
    np.testing.assert_array_equal(Picture(square).edges[0].local, [2, 4, 6])
    matmul, summed = (e for e in Picture(total).edges if e.differentiable)
    assert matmul.local is None  # a matrix
    np.testing.assert_array_equal(summed.local, [1, 1])


def test_links_of_two_neurons_are_the_published_factors() -> None:
    x, y = 0.5, 1.5
    w1, w2, b1, b2 = leaf(0.3, "w¹"), leaf(0.2, "w²"), leaf(0.1, "b¹"), leaf(0.4, "b²")
    z2 = w1 * x + b1
    a2 = mg.sigmoid(z2)
    z3 = w2 * a2 + b2
    a3 = mg.sigmoid(z3)
    L = 0.5 * (y - a3) ** 2
    picture = Picture(L, wrt=w1)
    count, (chain,) = routes.chains(picture.wrt[0])
    assert count == 1
    assert [link.text for link in chain] == ["∂L/∂a3", "∂a3/∂z3", "∂z3/∂a2", "∂a2/∂z2", "∂z2/∂w¹"]
    a, h = a2.item(), a3.item()
    factors = [-(y - h), h * (1 - h), 0.2, a * (1 - a), x]
    np.testing.assert_allclose([link.value for link in chain], factors, rtol=1e-14)
    assert dot.caption(boxes.view(picture)) == [
        "∂L/∂w¹ = ∂L/∂a3 · ∂a3/∂z3 · ∂z3/∂a2 · ∂a2/∂z2 · ∂z2/∂w¹"
        " = −0.8746 · 0.2343 · 0.2 · 0.2461 · 0.5 = −0.005043"
    ]


@pytest.mark.parametrize("seed", range(10))
def test_paths_and_chains_sum_to_the_gradient(seed: int) -> None:
    L, leaves = random_graph(seed, 14)
    picture = Picture(L)
    for v in (picture.at[t.node] for t in leaves if t.node in picture.at):
        total = sum(np.prod([e.local for e in path]) for path in paths(v))
        assert total == pytest.approx(float(v.gradient), rel=1e-12)
        count, chains = routes.chains(v, 10**6)
        assert len(chains) == count
        total = sum(np.prod([link.value for link in chain]) for chain in chains)
        assert total == pytest.approx(float(v.gradient), rel=1e-12)
        on_paths = {e.source.id for path in paths(v) for e in path} | {picture.output.id}
        assert picture.downstream([v]) == on_paths


def test_paths_that_cannot_be_listed() -> None:
    w = x = leaf(1.0, "w")
    for _ in range(200):
        x = x + x
    picture = Picture(x, wrt=w)
    assert routes.chains(picture.wrt[0])[0] == 1  # of links: nothing between has a name
    assert "∂x/∂w" in dot.caption(boxes.view(picture))[0]


def test_products_in_a_caption_are_of_two_and_more() -> None:
    x, v = leaf(3.0), leaf([1.0, 2.0])
    y, u = x**2, 2 * x
    z, s = u**2, np.sum(v)
    caption = lambda top, wrt: dot.caption(boxes.view(Picture(top, wrt=wrt)))
    assert caption(y, x) == ["∂y/∂x = 6"]
    assert caption(z, x) == ["∂z/∂x = ∂z/∂u · ∂u/∂x = 12 · 2 = 24"]
    assert caption(s, v) == ["∂s/∂v   (2,)"]


def test_two_paths_in_a_caption() -> None:
    h = leaf(0.7, "h")
    p = h * 2
    q = h * h
    r = p * q + p
    text = str(mg.draw(r, h))
    assert "∂r/∂h = sum over 2 paths = 4.94" in text
    assert "∂r/∂p · ∂p/∂h = 1.49 · 2 = 2.98" in text
    assert "∂r/∂q · ∂q/∂h = 1.4 · 1.4 = 1.96" in text
    assert "p (see above)" in text


def test_a_constant_that_is_used_twice_is_one_vertex() -> None:
    data = np.arange(3.0)
    v = leaf([1.0, 2.0, 3.0], "v")
    L = np.sum(v * data + data)
    found = [u for u in Picture(L).vertices if u.kind == "constant"]
    assert [(u.name, len(u.uses)) for u in found] == [("data", 2)]


def test_output_of_several_elements_and_without_a_name() -> None:
    v = leaf([1.0, 2.0], "v")
    picture = Picture(v * 3)
    assert (picture.output.name, picture.subject) == ("output", "Σoutput")
    np.testing.assert_array_equal(picture.at[v.node].gradient, [3, 3])
    text = str(mg.draw(v * 3))
    assert "∂Σoutput/∂v" in text


def test_a_leaf_alone() -> None:
    assert str(mg.draw(leaf(2.0, "w"), gradients=False)) == "w: 2"


def test_float32_stays_float32() -> None:
    w = leaf(np.ones(2, dtype=np.float32), "w")
    s = np.sum(w * np.float32(2))
    picture = Picture(s)
    assert picture.at[w.node].gradient.dtype == np.float32
    assert "(2,) float32" in str(Drawing(picture))


def test_a_lazy_array_is_not_computed() -> None:
    da = pytest.importorskip("dask.array")

    def never(block: Any) -> Any:
        raise AssertionError("computed")

    data = da.ones((8,), chunks=4).map_blocks(never, dtype=float, meta=np.ones(0))
    w = leaf(2.0, "w")
    s = np.sum(data * w)
    text = str(mg.draw(s, w, collapse=False))
    assert "data: (8,) float64" in text
    assert mg.draw(s, w).dot


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((3.0,), TypeError, r"draw: output must be a Tensor, not float \(3.0\)"),
        ((mg.Tensor(1.0),), ValueError, "has no graph: .* requires_grad=True"),
        ((leaf(1.0) * 2, "w"), TypeError, "draw: wrt must be a Tensor, not str"),
        ((leaf(1.0) * 2, [mg.Tensor(1.0)]), ValueError, "has no graph"),
        (
            (leaf(1.0) * 2, leaf(1.0, "other")),
            ValueError,
            "does not depend on other, so there is no path",
        ),
    ],
)
def test_bad_arguments(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mg.draw(*arguments)


@pytest.mark.parametrize("collapse", [0, 3, -1, "all", None, 2.5])
def test_bad_collapse(collapse: Any) -> None:
    with pytest.raises(ValueError, match=r"draw: collapse=.*: give 'auto', True, False"):
        mg.draw(leaf(1.0) * 2, collapse=collapse)


def test_bad_direction() -> None:
    with pytest.raises(ValueError, match=r"draw: direction='up': give one of \('LR', 'RL'"):
        mg.draw(leaf(1.0) * 2, direction="up")


@pytest.mark.parametrize("nth", [7, pytest.param(1, marks=pytest.mark.full)])
def test_every_op_can_be_drawn(nth: int) -> None:
    """Contributions along the edges of any op add up to the gradients, and have a picture."""
    drawn = 0
    for sample in [*{s.op: s for s in SAMPLES}.values()][::nth]:
        leaves = [leaf(a) for a in sample.args]
        outputs = sample.f(*leaves)
        parts = outputs if isinstance(outputs, tuple | list) else [outputs]
        total = sum((t * 1.5).sum() for t in parts if isinstance(t, mg.Tensor))
        if not isinstance(total, mg.Tensor) or total.node is None:
            continue
        found = ancestors(total.node)
        picture = Picture(total, wrt=[t for t in leaves if t.node in found])
        for v in picture.wrt:
            shares = [np.asarray(e.contribution) for e in v.uses]
            np.testing.assert_allclose(sum(shares), v.gradient, rtol=1e-9, atol=1e-12)
            assert all(share.shape == np.shape(v.value) for share in shares), sample.id
        for collapse in (False, True):
            drawing = Drawing(picture, collapse=collapse)
            assert drawing.dot.startswith("digraph")
            assert len(str(drawing).splitlines()) > 1
        drawn += 1
    assert drawn > 150 / nth


def test_a_recorded_gradient_can_be_drawn() -> None:
    v = leaf(0.3, "v")
    g = mg.gradients(np.sin(v) ** 2, v, create_graph=True)
    picture = Picture(g, wrt=v)
    assert float(picture.wrt[0].gradient) == pytest.approx(2 * np.cos(0.6), rel=1e-12)
    assert picture.output.name == "g"


def test_names_that_tensors_were_given_are_found_without_variables() -> None:
    out = [leaf(2.0, "a name")]
    out.append(out[0] * 3)
    out[1].name = "tripled"
    crowd = [*out, *range(1000)]  # too many to be looked through
    del out
    picture = Picture(crowd[1], wrt=crowd[0])
    assert [v.name for v in picture.vertices] == ["a name", "3", "tripled"]


def test_formulas_come_from_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    def local_expression(node: Any, argnum: int, names: Any) -> Any:
        words = f"d{argnum} of {node.op.name} in {names.of(node)}"
        return types.SimpleNamespace(text=words)

    explain = types.SimpleNamespace(local_expression=local_expression)
    monkeypatch.setitem(sys.modules, "minigrad.explain", explain)  # type: ignore[arg-type]
    X, W = np.ones((5, 4)), leaf(np.ones((4, 3)), "W")
    h = X @ W
    s = np.tanh(h)
    text = mg.draw(s).dot.replace("\xa0", " ")
    assert "label=<d1 of matmul in h  (4×3)>" in text
    edges = [e for v in Picture(s, wrt=W).vertices for e in v.uses]
    assert [e.formula for e in edges if not e.differentiable] == [""], "X is a constant"
    assert "label=<d0 of tanh in s  (5×3)>" in text


def test_ranges_stand_in_for_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    explain = types.SimpleNamespace(local_expression=lambda *_: None)
    monkeypatch.setitem(sys.modules, "minigrad.explain", explain)  # type: ignore[arg-type]
    v = leaf([1.0, 2.0, 3.0], "v")
    text = mg.draw(np.sum(np.square(v) + 1.0)).dot.replace("\xa0", " ")
    assert "label=<2 … 6  (3)>" in text
    assert "label=<1  (3)>" in text


@pytest.mark.parametrize("graphviz", [True, False])
def test_dark_pictures(monkeypatch: pytest.MonkeyPatch, graphviz: bool) -> None:
    if not graphviz:
        monkeypatch.setattr(layout, "available", lambda: False)
    elif shutil.which("dot") is None:
        pytest.skip("there is no Graphviz")
    w = leaf(0.3, 'fill="#dbeaf5" color="#dbeaf5"')
    L = (w * 0.5 - 1) ** 2
    light, dark = mg.draw(L, w).svg, mg.draw(L, w, theme="dark").svg
    assert "#14181e" in dark and "#e8ebf0" in dark  # paper and ink
    found = set(re.findall(r'="(#[0-9a-f]{6})"', dark)) & set(
        re.findall(r'="(#[0-9a-f]{6})"', light)
    )
    assert not found  # every colour has another
    assert dark.count("&quot;#dbeaf5&quot;") + dark.count('"#dbeaf5"') > 0  # but for the name
    with pytest.raises(ValueError, match=r"draw: theme='grey': give one of \('light', 'dark'\)"):
        mg.draw(L, theme="grey")
