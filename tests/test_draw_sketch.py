"""Pictures without Graphviz: every node and line is there, apart, in the right direction."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from draw_graphs import random_graph
from minigrad.draw import Picture, dot, sketch
from minigrad.draw.boxes import view
from minigrad.draw.sketch import Spot, arranged, rising
from minigrad.reading.wording import visible
from test_draw_forms import HOSTILE, SVG, hostile

Box = tuple[float, float, float, float]


def drawn(view: Any, **how: Any) -> tuple[ElementTree.Element, list[Box]]:
    tree = ElementTree.fromstring(sketch.svg(view, **how))
    boxes = []
    for g in tree.iter(f"{SVG}g"):
        if g.get("class") == "node":
            rect = g.find(f"{SVG}rect")
            assert rect is not None
            x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
            boxes.append((x, y, x + w, y + h))
    return tree, boxes


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("direction", dot.DIRECTIONS)
def test_nodes_keep_apart_and_lines_run_on(seed: int, direction: str) -> None:
    L, _ = random_graph(seed, 20)
    seen = view(Picture(L), False)
    tree, boxes = drawn(seen, direction=direction)
    assert len(boxes) == len(seen.items)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    frame = [float(v) for v in tree.attrib["viewBox"].split()]
    for x0, y0, x1, y1 in boxes:
        assert x0 >= frame[0] and y0 >= frame[1]
        assert x1 <= frame[0] + frame[2] and y1 <= frame[1] + frame[3]
    axis, sign = (0 if direction in ("LR", "RL") else 1), (1 if direction in ("LR", "TB") else -1)
    place = {item: k for k, item in enumerate(seen.items)}
    lines = [g for g in tree.iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(lines) == len(seen.arrows)
    for g, arrow in zip(lines, seen.arrows, strict=True):
        a, b = boxes[place[arrow.source]], boxes[place[arrow.target]]
        assert sign * (b[axis] + b[axis + 2] - a[axis] - a[axis + 2]) > 0
        path = g.find(f"{SVG}path")
        assert path is not None
        numbers = [float(v) for v in re.findall(r"-?[\d.]+", path.attrib["d"])]
        for (x, y), (x0, y0, x1, y1) in ((numbers[:2], a), (numbers[-2:], b)):
            assert x0 - 0.2 <= x <= x1 + 0.2 and y0 - 0.2 <= y <= y1 + 0.2


@pytest.mark.parametrize("collapse", [False, True, 10])
def test_hostile_names_are_text(collapse: Any) -> None:
    L, leaves = hostile()
    for wrt in (None, *leaves):
        tree, _ = drawn(view(Picture(L, wrt), collapse))
        tags = {element.tag.removeprefix(SVG) for element in tree.iter()}
        assert tags <= {"svg", "g", "rect", "path", "polygon", "text"}
        assert not any(
            key.startswith("on") or key.endswith("href") for e in tree.iter() for key in e.attrib
        )
        words = "\n".join("".join(t.itertext()) for t in tree.iter(f"{SVG}text"))
        if collapse is False:
            for name in HOSTILE:
                assert visible(dot.short(name, 40)) in words.replace("\xa0", " ")


def test_it_says_what_the_dot_source_says() -> None:
    w, x = mg.Tensor(0.3, requires_grad=True, name="w"), 0.5
    z = mg.sigmoid(w * x)
    L = z * z
    seen = view(Picture(L, w), False)
    tree, _ = drawn(seen)
    words = {"".join(t.itertext()).replace("\xa0", " ") for t in tree.iter(f"{SVG}text")}
    assert {"z = sigmoid", "0.5374", "∂L/∂w = 0.1336", *dot.caption(seen)} <= words
    assert {dot.label(arrow) for arrow in seen.arrows} - {""} <= words
    bare = {
        "".join(t.itertext())
        for t in drawn(seen, values=False, gradients=False, local=False)[0].iter(f"{SVG}text")
    }
    assert "0.5374" not in bare and "∂L/∂w = 0.1336" not in bare


def test_layers_follow_their_inputs() -> None:
    spots = [Spot(10, 20) for _ in range(5)]
    ways = arranged(spots, [(0, 2), (1, 3), (2, 3), (3, 4), (0, 4)], 30)
    assert [s.rank for s in spots] == [0, 1, 1, 2, 3]
    assert [s.depth for s in spots] == [10, 60, 60, 110, 160]
    assert [len(way) for way in ways] == [2, 2, 2, 2, 4]


@pytest.mark.parametrize("seed", range(20))
def test_rising_is_the_nearest_rising_sequence(seed: int) -> None:
    wishes = np.random.default_rng(seed).normal(size=7)
    found = np.array(rising(list(wishes)))
    assert np.all(np.diff(found) >= 0)
    # Kuhn and Tucker: the residual sums to nothing, and its partial sums are never positive.
    sums = np.cumsum(found - wishes)
    assert abs(sums[-1]) < 1e-12 and np.all(sums < 1e-12)
    assert np.isclose((found - wishes) @ found, 0, atol=1e-12)
