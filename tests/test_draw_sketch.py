"""Pictures without Graphviz: every node and line is there, apart, in the right direction."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from draw_graphs import random_graph
from minigrad.draw import Picture, dot, sketch, tikz
from minigrad.draw.arrange import Link, Spot, arranged, rising
from minigrad.draw.boxes import view
from minigrad.draw.scene import Rect, Stroke, Tip, Words, scene
from minigrad.reading.wording import visible
from test_draw_forms import HOSTILE, SVG, hostile

Box = tuple[float, float, float, float]


def drawn(view: Any, **how: Any) -> tuple[ElementTree.Element, list[Box]]:
    tree = ElementTree.fromstring(sketch.svg(scene(view, **how)))
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


def test_tips_of_arrows_are_as_wide_on_both_sides() -> None:
    L, leaves = hostile()
    for _, shapes in scene(view(Picture(L, leaves[0]), False)).parts:
        for tip in (shape for shape in shapes if type(shape) is Tip):
            (x, y), (x0, y0), (x1, y1) = tip.corners
            assert x0 == x1 < x and y0 < y < y1 and y - y0 == pytest.approx(y1 - y)


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
    links = [Link(*ends) for ends in [(0, 2), (1, 3), (2, 3), (3, 4), (0, 4)]]
    plan = arranged(spots, links)
    assert [s.rank for s in spots] == [0, 2, 2, 4, 6]
    assert [s.depth for s in spots] == [10, 62, 62, 114, 166]
    assert [len(way) for way in plan.ways] == [3, 3, 3, 3, 7]


def points_of(line: Stroke) -> np.ndarray:
    """Many points of a line, its curves worked out."""
    found, at = [], np.array(line.start)
    t = np.linspace(0, 1, 60)[:, None]
    for step in line.steps:
        ends = [at, *map(np.array, step)]
        while len(ends) > 1:  # de Casteljau
            ends = [a + t * (b - a) for a, b in pairwise(ends)]
        found.append(ends[0])
        at = np.array(step[-1])
    return np.concatenate(found)


@pytest.mark.parametrize("width", [None, 500])
@pytest.mark.parametrize("direction", dot.DIRECTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_no_line_runs_across_a_label_or_a_node(seed: int, direction: str, width: Any) -> None:
    if width and direction in ("TB", "BT"):
        return
    L, leaves = random_graph(seed, 20)
    seen = view(Picture(L, leaves[0]), False)
    made = scene(seen, direction=direction, width=width)
    lines, labels, nodes = [], [], []
    for owner, shapes in made.parts:
        for shape in shapes:
            if isinstance(shape, Stroke):
                lines.append((owner, points_of(shape)))
            if isinstance(shape, Words) and shape.role == "label":
                wide = len(shape.text) * 5.0
                left = shape.x - wide / 2 if shape.middle else shape.x
                labels.append((left, shape.y - 7, left + wide, shape.y))
            if isinstance(shape, Rect) and shape.fill:
                far = (shape.left + shape.width, shape.top + shape.height)
                nodes.append((owner, (shape.left, shape.top, *far)))
    assert len(labels) > 20
    for arrow, points in lines:
        for x0, y0, x1, y1 in labels:
            x, y = points.T
            assert not np.any((x > x0) & (x < x1) & (y > y0) & (y < y1))
        for item, (x0, y0, x1, y1) in nodes:
            if item not in (arrow.source, arrow.target):
                assert not np.any((x > x0) & (x < x1) & (y > y0) & (y < y1))
        assert points.min() >= 0
        assert np.all(points <= (made.width, made.height))
    if width:
        rows = {round(points[0, 1] // 150) for _, points in lines}
        assert made.width <= width
        assert len(rows) > 1


@pytest.mark.parametrize("seed", range(20))
def test_rising_is_the_nearest_rising_sequence(seed: int) -> None:
    wishes = np.random.default_rng(seed).normal(size=7)
    found = np.array(rising(list(wishes)))
    assert np.all(np.diff(found) >= 0)
    # Kuhn and Tucker: the residual sums to nothing, and its partial sums are never positive.
    sums = np.cumsum(found - wishes)
    assert abs(sums[-1]) < 1e-12 and np.all(sums < 1e-12)
    assert np.isclose((found - wishes) @ found, 0, atol=1e-12)
