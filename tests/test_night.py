"""Explanations, reports and grades at night and on a telephone, as Chromium shows them."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

SEEN = """(paper) => {
    const channels = (text) => {
        const found = text.match(/[\\d.]+/g).map(Number);
        return found.length > 3 ? found : [...found, 1];
    };
    const over = (top, below) => below.map((c, i) => top[i] * top[3] + c * (1 - top[3]));
    const light = (rgb) => rgb.map((c) => (c / 255) ** 2.2)
        .reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * c, 0);
    const up = (e) => e ? [...up(e.parentElement), getComputedStyle(e)] : [];
    const contrasts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || e.localName === 'style') continue;
        const styles = up(e);
        const back = styles.reduce((c, s) => over(channels(s.backgroundColor), c), paper);
        const ink = channels(styles.at(-1).color);
        ink[3] *= styles.reduce((product, s) => product * s.opacity, 1);
        const [dim, bright] = [light(back), light(over(ink, back))].sort((p, q) => p - q);
        contrasts.push((bright + 0.05) / (dim + 0.05));
    }
    return {contrasts, wide: document.documentElement.scrollWidth > innerWidth};
}"""


def doubled(X: Any) -> Any:
    return np.maximum(0, X) ** 2


def wrongly(X: Any, upstream: Any) -> Any:
    A = np.maximum(0, X)
    dA = 2 * A * upstream
    return 3 * dA * (X > 0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: Any) -> list[Path]:
    folder: Path = tmp_path_factory.mktemp("night")
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    X, V = np.ones((4, 3)), mg.Tensor(np.ones((3, 2)), requires_grad=True)
    z = w * x
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    H = np.maximum(0, X @ V)
    M = (H**2).sum()
    hand = {"dL/da": -(y - a), "da/dz": z * (1 - z), "dz/dw": x}
    fragments = {
        "chain": mg.explain(L, w, simplify=True),
        "ledger": mg.explain(M, V, simplify=True, steps=True),
        "forward": mg.explain(L, w, mode="forward"),
        "why": mg.why(w),
        "report": mg.check_derivation(L, hand),
        "backward": mg.check_backward(doubled, wrongly, np.ones((3, 4))),
        "exercise": mg.exercise(L, seed=1),
    }
    for name, shown in fragments.items():
        (folder / f"{name}.html").write_text(shown._repr_html_(), encoding="utf-8")
    hand_ins = {"ada": hand | {"da/dz": a * (1 - a)}, "bob": hand, "cy": {"dL/da": 0.0}}
    mg.grade(L, hand_ins).to_html(folder / "grades")
    found = sorted(folder.rglob("*.html"))
    assert len(found) == 11
    return found


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    tab = browser.new_page()
    yield tab
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_take_the_colours_of_the_screen(tab: Any, pages: list[Path], scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)
    for path in pages:
        tab.goto(path.as_uri())
        for width in (1280, 390):
            tab.set_viewport_size({"width": width, "height": 700})
            paper = corner(tab)
            assert max(paper) < 40 if scheme == "dark" else min(paper) > 250, path.name
            seen = tab.evaluate(SEEN, paper)
            assert seen["contrasts"] and min(seen["contrasts"]) > 5, path.name
            assert not seen["wide"], path.name


def corner(tab: Any) -> list[int]:
    """The colour of the paper, in the lower left corner, as the browser itself reads it."""
    png = tab.screenshot(clip={"x": 0, "y": 699, "width": 1, "height": 1})
    code = """async (data) => {
        const image = await createImageBitmap(await (await fetch(data)).blob());
        const pen = new OffscreenCanvas(1, 1).getContext('2d');
        pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }"""
    found: list[int] = tab.evaluate(code, f"data:image/png;base64,{base64.b64encode(png).decode()}")
    return found


def test_a_piece_leaves_the_page_around_it_alone(tab: Any, pages: list[Path]) -> None:
    """A notebook chooses its own colours, whatever the screen's."""
    tab.emulate_media(color_scheme="dark")
    chain = next(p for p in pages if p.stem == "chain").read_text("utf-8")
    tab.set_content(f"<main><p>before</p>{chain}</main>")
    assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "normal"


ENDS = """() => [...document.querySelectorAll('tr>:nth-child(n+4):last-child')]
    .map(cell => cell.getBoundingClientRect().right)"""
WIDER = (
    "() => { const e = document.querySelector('main, div'); return e.scrollWidth - e.clientWidth; }"
)


def test_a_telephone_shows_verdict_and_cause_without_scrolling(tab: Any, pages: list[Path]) -> None:
    tab.set_viewport_size({"width": 390, "height": 700})
    graded = [p for p in pages if p.stem in ("report", "backward") or p.parent.name == "grades"]
    for path in graded:
        tab.goto(path.as_uri())
        ends = tab.evaluate(ENDS)
        assert ends and max(ends) <= 390, path.name
        assert tab.evaluate(WIDER) <= 0, path.name
