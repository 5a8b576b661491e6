"""Five graphs that are shown in class, on three screens, light and dark: all of it in sight."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.draw import Drawing, Exploration, Picture
from minigrad.draw.boxes import view
from test_draw_explore import lstm
from test_explorer import Shown, one_neuron, show

__all__ = ["show"]  # fixtures


def two_in_a_layer() -> Picture:
    x1, x2, t1, t2 = 0.5, -0.2, 1.0, 0.0
    w11, w12, w21, w22 = (mg.Tensor(k, True) for k in (0.3, -0.1, 0.2, 0.4))
    b1, b2 = mg.Tensor(0.1, True), mg.Tensor(-0.3, True)
    a1 = mg.sigmoid(w11 * x1 + w12 * x2 + b1)
    a2 = mg.sigmoid(w21 * x1 + w22 * x2 + b2)
    L = 0.5 * ((a1 - t1) ** 2 + (a2 - t2) ** 2)
    return Picture(L)


def attention_head() -> Picture:
    rng = np.random.default_rng(2)
    X, G, d = rng.normal(size=(5, 8)), rng.normal(size=(5, 4)), 4
    Wq, Wk, Wv = (mg.Tensor(rng.normal(size=(8, d)), True) for _ in range(3))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(d)
    A = mg.softmax(S, axis=-1)
    O = A @ V  # noqa: E741
    L = np.sum((O - G) ** 2)
    return Picture(L)


def digits() -> Picture:
    rng = np.random.default_rng(3)
    X, y = rng.random((32, 64)), rng.integers(0, 10, 32)
    W1, b1 = mg.Tensor(rng.normal(size=(64, 32)), True), mg.Tensor(np.zeros(32), True)
    W2, b2 = mg.Tensor(rng.normal(size=(32, 10)), True), mg.Tensor(np.zeros(10), True)
    h = np.maximum(X @ W1 + b1, 0)
    scores = h @ W2 + b2
    L = mg.losses.cross_entropy(scores, y)
    return Picture(L)


GRAPHS = [one_neuron, two_in_a_layer, lstm, attention_head, digits]
SCREENS = [(1280, 800), (1920, 1080), (390, 844)]

LOOKED_AT = """() => {
    const stage = document.querySelector('#stage').getBoundingClientRect();
    const shapes = [...document.querySelectorAll('.node')]
        .map((n) => n.querySelector('.shape').getBoundingClientRect());
    const beyond = (r, s) => r.left < s.left - 1 || r.right > s.right + 1
        || r.top < s.top - 1 || r.bottom > s.bottom + 1;
    const meet = (a, b) => a.left < b.right && b.left < a.right
        && a.top < b.bottom && b.top < a.bottom;
    const texts = [...document.querySelectorAll('.node text')];
    const clipped = [...document.querySelectorAll('button, summary, h1, h2, input')].filter((e) => {
        const r = e.getBoundingClientRect();
        return r.width && (r.left < -1 || r.right > innerWidth + 1);
    });
    const size = (t) => parseFloat(getComputedStyle(t).fontSize) * explorer.look.scale;
    return {
        nodes: shapes.length,
        outside: shapes.filter((r) => beyond(r, stage)).length,
        overlapping: shapes.filter((a, i) => shapes.some((b, j) => j < i && meet(a, b))).length,
        spilling: texts.filter((t) => beyond(t.getBoundingClientRect(),
            t.closest('.node').querySelector('.shape').getBoundingClientRect()))
            .map((t) => t.textContent),
        smallest: Math.min(...texts.map(size)),
        sideways: document.documentElement.scrollWidth > innerWidth,
        clipped: clipped.map((e) => e.outerHTML.slice(0, 80)),
        errors: document.querySelectorAll('merror').length,
    };
}"""


@pytest.mark.sampled(30)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda s: str(s[0]))
@pytest.mark.parametrize("graph", GRAPHS)
def test_all_of_it_is_in_sight(show: Shown, graph: Any, screen: Any, scheme: str) -> None:
    width, height = screen
    picture = graph()
    tab = show(
        picture, "#step=999", viewport={"width": width, "height": height}, color_scheme=scheme
    )
    found = tab.evaluate(LOOKED_AT)
    assert found["nodes"] == len(view(picture, "auto").items)
    assert found["spilling"] == [] and found["overlapping"] == found["errors"] == 0
    assert found["clipped"] == [] and not found["sideways"]
    assert found["smallest"] >= 9
    phone = width < 500
    assert phone or found["outside"] == 0
    if phone and found["outside"]:  # which the small map leads to
        assert tab.locator("#map").is_visible()
        tab.get_by_role("button", name="Fit").click()
        assert tab.evaluate(LOOKED_AT)["outside"] == 0


def test_slices_are_what_the_user_wrote_in_every_form() -> None:
    picture = lstm()
    drawn = Drawing(picture, collapse=False)
    for made in (drawn.dot, drawn.svg, str(drawn)):
        assert "g[:, 3:6]" in made.replace("\xa0", " ") and "getitem" not in made


@pytest.mark.full
def test_a_saved_notebook_keeps_the_page() -> None:
    """Through nbconvert, as documentation and teachers do it."""
    nbformat, nbconvert = pytest.importorskip("nbformat"), pytest.importorskip("nbconvert")
    w = mg.Tensor(0.3, True, name="<b>w</b>")
    made = Exploration(Picture(w * 2.0))
    v4 = nbformat.v4
    shown = {"text/html": made._repr_html_(), "text/plain": repr(made)}
    output = v4.new_output("display_data", data=shown)
    notebook = v4.new_notebook(cells=[v4.new_code_cell("mg.explore(L)", outputs=[output])])
    again = nbformat.reads(nbformat.writes(notebook), as_version=4)
    text, _ = nbconvert.HTMLExporter().from_notebook_node(again)
    frames: list[dict[str, str | None]] = []

    class Frames(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "iframe":
                frames.append(dict(attrs))

    Frames().feed(text)
    assert [f["srcdoc"] for f in frames] == [made.html]
    assert frames[0]["sandbox"] == "allow-scripts"
