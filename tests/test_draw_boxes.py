"""Pictures: what is drawn as one."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from draw_graphs import leaf, loop, random_graph
from minigrad.draw import LayoutError, Picture, boxes

# The published neuron.
x, y = 0.5, 1.5
w, b = leaf(0.3), leaf(0.1)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2


# --- boxes -----------------------------------------------------------------------------


def test_a_loop_is_one_box() -> None:
    L, w = loop(1000)
    view = mg.draw(L, w).view
    (box,) = [item for item in view.items if isinstance(item, boxes.Box)]
    assert (box.title, box.text, box.repeat) == ("loop × 1000", "multiply → add → tanh", 1000)
    assert sum(bool(v.op) for v in box.members) == 3000
    assert len(view.items) < 10
    (arrow,) = [a for a in view.arrows if a.target is box and a.source is view.home[0]]

    def end(w: float) -> float:
        s = 0.5
        for _ in range(1000):
            s = np.tanh(s * w + 0.1)
        return s

    assert arrow.derivative == pytest.approx((end(0.9 + 1e-6) - end(0.9 - 1e-6)) / 2e-6, rel=1e-6)


def test_a_loop_goes_by_the_name_of_what_it_computes() -> None:
    w = leaf(1.5)
    s, p = w * 0.5, w * 2
    for _ in range(6):
        s = np.tanh(w * s + s)
    for _ in range(4):
        p = np.sin(p)
        q = p * w
        p = p + q
    (first, second) = (i for i in mg.draw(s + p, collapse=8).view.items if isinstance(i, boxes.Box))
    assert (first.title, first.text) == ("s, loop × 6", "s = tanh(w·s + s)")
    assert second.title.startswith("q, p, loop × 4")


def test_a_picture_of_as_many_vertices_as_asked_for_is_drawn_whole() -> None:
    w = leaf(1.5)
    s = w * 0.5
    for _ in range(6):
        s = np.tanh(w * s + s)
    n = len(Picture(s).vertices)
    drawn = [mg.draw(s, collapse=most).view.items for most in (n, n - 1)]
    assert [any(isinstance(i, boxes.Box) for i in items) for items in drawn] == [False, True]


def test_statements_that_are_alike_are_no_loop() -> None:
    rng = np.random.default_rng(0)
    z = leaf(rng.normal(size=15))
    i = mg.sigmoid(z[:5])
    f = mg.sigmoid(z[5:10])
    o = mg.sigmoid(z[10:])
    L = (i * f * o).sum()
    found = {item.title: item.text for item in mg.draw(L, collapse=True).view.items
             if isinstance(item, boxes.Box)}  # fmt: skip
    assert found["i"] == "sigmoid(z[:5])"
    assert found["f"] == "sigmoid(z[5:10])"
    assert found["o"] == "sigmoid(z[10:])"
    hs = [z]
    for _ in range(40):
        hs.append(np.tanh(hs[-1]) * 0.9)
    titles = [b.title for b in mg.draw(hs[-1]).view.items if isinstance(b, boxes.Box)]
    assert titles == ["hs[1] … hs[-1], loop × 40"] or titles == ["hs[1] … hs[40], loop × 40"]


def test_nested_and_following_loops() -> None:
    s = leaf(0.5, "s")
    for _ in range(20):
        for _ in range(4):
            s = np.sin(s * 1.1)
        s = np.cos(s)
    for _ in range(30):
        s = np.tanh(s)
    view = mg.draw(s).view
    titles = [item.title for item in view.items if isinstance(item, boxes.Box)]
    assert titles == ["loop × 20", "s, loop × 30"]


def test_small_graphs_are_drawn_in_full() -> None:
    drawing = mg.draw(L)
    assert drawing.view.items == drawing.picture.vertices


def test_a_statement_is_one_vertex() -> None:
    view = mg.draw(L, w, collapse=True).view
    found = {i.title: i.text for i in view.items if isinstance(i, boxes.Box)}
    assert found == {"z": "w·x + b", "L": "0.5·(y − a)²"}
    (arrow,) = [r for r in view.arrows if isinstance(r.target, boxes.Box) and r.derivative == x]
    assert arrow.source is view.picture.wrt[0]


def test_expressions_keep_their_meaning() -> None:
    u, v = leaf(2.0, "u"), leaf(3.0, "v")
    cases = [
        (u - (v - u), "u − (v − u)"),
        (u / (v * u), "u / (v·u)"),
        ((u + v) * u, "(u + v)·u"),
        (-(u + v), "−(u + v)"),
        ((u**v) ** u, "(u**v)**u"),
        ((-u) ** 2, "(−u)²"),
        (np.exp(u) ** 3, "exp(u)³"),
        (np.arctan2(u, v + 1), "arctan2(u, v + 1)"),
    ]
    for y, text in cases:
        picture = Picture(y)
        assert boxes.expression([w for w in picture.vertices if w.op]) == text


def test_modules_are_framed_when_open_and_boxes_when_collapsed() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 4))
    W1, b1 = (
        leaf(rng.normal(size=(4, 3)), "net.hidden.weight"),
        leaf(np.zeros(3), "net.hidden.bias"),
    )
    W2, b2 = leaf(rng.normal(size=(3, 1)), "net.out.weight"), leaf(np.zeros(1), "net.out.bias")
    L = np.mean((np.tanh(X @ W1 + b1) @ W2 + b2) ** 2)
    drawing = mg.draw(L)
    assert [f.title for f in drawing.view.frames] == ["net.hidden", "net.out"]
    assert drawing.dot.count("subgraph cluster_") == 2
    view = mg.draw(L, collapse=True).view
    found = {i.title: i.text for i in view.items if isinstance(i, boxes.Box)}
    assert found["net.hidden"] == "weight, bias: matmul → add"
    assert not any(getattr(i, "kind", "") == "leaf" for i in view.items)
    assert view.home[view.picture.at[W1.node].id].title == "net.hidden"  # type: ignore[union-attr]
    view = mg.draw(L, W1, collapse=True).view
    assert view.picture.wrt[0] in view.items


def test_levels_of_modules() -> None:
    """Scalar neurons: a box for each, or for each layer where those would be too many."""

    def layer(k: int, outputs: int, inputs: int) -> list[list[mg.Tensor]]:
        names = [*(f"w{i}" for i in range(inputs)), "b"]
        return [
            [leaf(0.1 * i, f"net.{k}.{j}.{n}") for i, n in enumerate(names)] for j in range(outputs)
        ]

    for widths, titles in [((4, 3, 1), "net.1.0"), ((25, 20, 1), "net.1")]:
        net = [layer(k, m, n) for k, (n, m) in enumerate(zip((3, *widths), widths))]
        x: list[Any] = [2.0, 3.0, -1.0]
        for neurons in net:
            x = [np.tanh(sum((w * v for w, v in zip(ws, x)), ws[-1])) for ws in neurons]
        view = mg.draw(x[0]).view
        found = {i.title: i for i in view.items if isinstance(i, boxes.Box)}
        assert titles in found
        assert len(view.items) <= boxes.LIMIT
        if titles == "net.1.0":
            assert found[titles].text == "w0, w1, w2, w3 and 1 more: 8 operations"
            assert found[titles].exit is not None


def test_a_module_in_a_loop_is_a_loop() -> None:
    W, b = leaf(0.5, "net.cell.W"), leaf(0.1, "net.cell.b")
    h = leaf(0.0, "h")
    for _ in range(50):
        h = np.tanh(W * h + b)
    titles = [i.title for i in mg.draw(h).view.items if isinstance(i, boxes.Box)]
    assert titles == ["h, loop × 50"]


@pytest.mark.parametrize("collapse", ["auto", True, False, 4, 10, 30])
@pytest.mark.parametrize("seed", range(6))
def test_views_have_no_cycles_and_lose_nothing(seed: int, collapse: Any) -> None:
    L, leaves = random_graph(seed, 150)
    picture = Picture(L, wrt=leaves[0] if leaves[0].node in Picture(L).at else None)
    view = boxes.view(picture, collapse)
    members = [i.members if isinstance(i, boxes.Box) else [i] for i in view.items]
    assert sorted(v.id for m in members for v in m) == list(range(len(picture.vertices)))
    places = {item: i for i, item in enumerate(view.items)}
    assert all(places[a.source] < places[a.target] for a in view.arrows)
    if collapse is not False:
        limit = boxes.LIMIT if collapse in ("auto", True) else collapse + 2
        assert len(view.items) <= limit
    assert all(view.home[v.id] is v for v in picture.wrt)


@pytest.mark.parametrize("seed", range(6))
def test_derivatives_across_boxes(seed: int) -> None:
    L, _ = random_graph(seed, 16)
    view = mg.draw(L, collapse=True).view
    found = 0
    for arrow in view.arrows:
        if isinstance(arrow.target, boxes.Box) and arrow.derivative is not None:
            source, target = arrow.edges[0].source, arrow.target.exit
            assert target is not None
            inside = {v.id for v in arrow.target.members}
            total = 0.0
            stack = [(e, 1.0) for e in source.uses if e.target.id in inside]
            while stack:
                edge, factor = stack.pop()
                factor *= float(edge.local)
                if edge.target is target:
                    total += factor
                else:
                    stack += [(e, factor) for e in edge.target.uses if e.target.id in inside]
            assert arrow.derivative == pytest.approx(total, rel=1e-9)
            found += 1
    assert found


@pytest.mark.full
def test_many_leaves_are_one_box() -> None:
    leaves = [leaf(float(i), f"v{i}") for i in range(500)]
    L = np.sum(np.stack(leaves))
    view = mg.draw(L, leaves[400]).view
    assert len(view.items) <= boxes.ABRIDGED + 1
    assert any(isinstance(i, boxes.Box) and i.kind == "inputs" for i in view.items)
    assert view.picture.wrt[0] in view.items
    assert re.search(r"4\d\d inputs", str(mg.draw(L, leaves[400])))


@pytest.mark.full
@pytest.mark.parametrize("shape", ["chain", "random"])
def test_a_hundred_thousand_nodes_take_seconds(shape: str) -> None:
    if shape == "chain":
        L, _ = loop(33_000)
    else:
        L, _ = random_graph(0, 100_000)
    started = time.process_time()
    drawing = mg.draw(L)
    assert len(drawing.view.items) <= boxes.LIMIT
    assert len(drawing.dot) < 50_000
    assert len(str(drawing).splitlines()) < 500
    assert time.process_time() - started < 30
    assert "shown as" in repr(drawing)


@pytest.mark.full
def test_everything_of_a_long_chain_as_text_and_dot() -> None:
    L, w = loop(3000)
    drawing = mg.draw(L, w, collapse=False)
    assert drawing.dot.count("[label=") > 9000
    assert "branches more" in str(drawing)
    assert max(map(len, str(drawing).splitlines())) < 400
    with pytest.raises(LayoutError, match=r"12,\d\d\d nodes would take minutes.*collapse='auto'"):
        drawing.svg  # noqa: B018
