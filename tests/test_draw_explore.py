"""``mg.explore``: the page in a notebook and from a script; a derivation laid over the graph."""

from __future__ import annotations

import html
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.draw import Exploration, Picture, explorer
from minigrad.draw.overlay import between, overlay
from tables import each
from test_explorer import HOSTILE, Shown, chain, node, one_neuron, show

__all__ = ["show"]  # fixtures

x, y = 0.5, 1.5
w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2
WRONG = {"dL/da": -(y - a), "da/dz": z * (1 - z), "dz/dw": x, "dL/dw": 0.7}


def lstm() -> Picture:
    rng = np.random.default_rng(0)
    x, h0, c0 = rng.normal(size=(1, 4)), np.zeros((1, 3)), np.zeros((1, 3))
    W = mg.Tensor(rng.normal(size=(4, 12)), requires_grad=True)
    U = mg.Tensor(rng.normal(size=(3, 12)), requires_grad=True)
    b = mg.Tensor(np.zeros(12), requires_grad=True)
    g = x @ W + h0 @ U + b
    i, f, o = mg.sigmoid(g[:, :3]), mg.sigmoid(g[:, 3:6]), mg.sigmoid(g[:, 6:9])
    u = mg.tanh(g[:, 9:])
    c = f * c0 + i * u
    h = o * mg.tanh(c)
    L = (h**2).sum()
    return Picture(L)


def eight_parameters() -> Picture:
    x, y = 0.5, 1.5
    w11, w12, b11, b12, w21, w22, b2, v = (mg.Tensor(k / 10, True) for k in range(2, 10))
    a1, a2 = mg.sigmoid(w11 * x + b11), mg.sigmoid(w12 * x + b12)
    p = mg.sigmoid(w21 * a1 + w22 * a2 + b2) * v
    L = 0.5 * (y - p) ** 2
    return Picture(L)


def notebook(monkeypatch: pytest.MonkeyPatch, shell: Any) -> list[Any]:
    shown: list[Any] = []
    interactive = types.SimpleNamespace(
        get_ipython=lambda: shell, display=types.SimpleNamespace(display=shown.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", interactive)
    return shown


# --- where it is shown -----------------------------------------------------------------


def test_in_a_notebook_it_is_a_frame_that_holds_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook(monkeypatch, types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail("a browser was opened"))
    made = mg.explore(L, wrt=w)
    frame = made._repr_html_()
    assert frame.startswith("<iframe ") and frame.endswith("></iframe>")
    source = re.search(r'srcdoc="([^"]*)"', frame)
    assert source is not None and html.unescape(source[1]) == made.html
    assert 'sandbox="allow-scripts"' in frame and " src=" not in frame
    assert repr(made) == "<Exploration of L: 12 nodes>"


def test_show_displays_it_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = notebook(monkeypatch, types.SimpleNamespace(kernel=object()))
    made = mg.explore(L)
    made.show()
    assert shown == [made]


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace()], ids=["script", "terminal"])
def test_elsewhere_a_browser_opens(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook(monkeypatch, shell)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    made = mg.explore(L)
    path = Path(re.sub("^file://", "", opened[0]))
    assert path.read_text("utf-8") == made.html


def test_without_a_browser_it_says_where_the_page_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    made = mg.explore(L)
    said = capsys.readouterr().out
    assert said.startswith(f"There is no browser to show {made!r}; the page is ")
    assert Path(said.split("the page is ")[1].strip()).read_text("utf-8") == made.html


def test_save(tmp_path: Path) -> None:
    made = Exploration(Picture(L))
    assert made.save(tmp_path / "x.html").read_text("utf-8") == made.html
    with pytest.raises(ValueError, match=r"explore: cannot save .* must end in \.html"):
        made.save(tmp_path / "x.svg")
    with pytest.raises(FileNotFoundError, match=r"explore: cannot save .* make it first"):
        made.save(tmp_path / "no" / "x.html")


def test_shares_are_slopes_times_gradients_and_add_up_to_one() -> None:
    a, b = (mg.Tensor(v, requires_grad=True, name=n) for v, n in ((0.3, "a"), (-0.7, "b")))
    p = a * b
    q = p * p + np.sin(a) / b
    carried = explorer.data(Picture(np.tanh(q) * p + q, [a, b]))
    vertices, edges = carried["vertices"], carried["edges"]
    for i, vertex in enumerate(vertices):
        shares = [e for e in edges if e["from"] == i and "flows" in e]
        for edge in shares:
            gradient = vertices[edge["to"]]["gradient"]
            np.testing.assert_allclose(edge["share"], edge["local"] * gradient, rtol=1e-12)
        if shares:
            total = sum(e["share"] for e in shares)
            np.testing.assert_allclose(total, vertex["gradient"], rtol=1e-12)
    slopes = [vertices[i]["gradient"] for i in carried["wrt"]]

    def of(a: float, b: float) -> Any:
        q = (a * b) ** 2 + np.sin(a) / b
        return np.tanh(q) * a * b + q

    h = 1e-5
    expected = [(of(0.3 + h, -0.7) - of(0.3 - h, -0.7)) / (2 * h)]
    expected += [(of(0.3, -0.7 + h) - of(0.3, -0.7 - h)) / (2 * h)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-8)


@each(
    "shape, cells, note",
    [
        ((3, 4), 100, ""),
        ((2, 3, 4), 100, ""),
        ((10,), 100, ""),
        ((10,), 25, "in reading order"),
        ((500, 1), 25, "1 entry in 20, in reading order"),
        ((40, 30), 64, "1 row in 5 and 1 column in 4"),
        ((90, 5), 64, "1 row in 8"),
        ((3, 200), 64, "1 column in 25"),
    ],
)
def test_a_heat_map_has_every_kth_entry(shape: Any, cells: int, note: str) -> None:
    value = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    found = explorer.content(value, cells)
    rows, grid = found["rows"], found["grid"]
    if "step" in grid:
        expected: Any = value.reshape(-1)[:: grid["step"]].tolist()
        assert {len(row) for row in rows[:-1]} <= {grid["width"]} and len(rows[-1]) <= grid["width"]
        rows = [x for row in rows for x in row]
    else:
        expected = value.reshape(-1, shape[-1])[:: grid["down"], :: grid["right"]].tolist()
    assert (rows, found["note"]) == (expected, note)
    assert np.size(expected) <= 1.2 * cells


def test_what_the_page_would_pass_over_it_does_not_compute() -> None:
    x, mask = mg.Tensor([1.0, 2.0], requires_grad=True), np.array([True, False])
    for how, computed in (
        ({}, True),
        ({"where": True}, True),
        ({"where": mask}, False),
        ({"initial": 3.0}, False),
    ):
        carried = explorer.data(Picture(np.sum(x * 2, **how)))
        assert ("program" in carried, "fixed" in carried) == (computed, not computed)
        assert computed or carried["fixed"] == "The page has no rule for sum."


def test_what_is_no_report() -> None:
    with pytest.raises(TypeError, match=r"report must be what mg\.check_derivation returns.*wrt="):
        mg.explore(L, w)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_frame_runs_and_hostile_names_stay_text(browser: Any, tmp_path: Path, name: str) -> None:
    w = mg.Tensor(0.3, requires_grad=True, name=name)
    made = Exploration(Picture(w * 2.0))
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><body>{made._repr_html_()}</body>", encoding="utf-8")
    context = browser.new_context()
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text))
    tab.goto(path.as_uri())
    assert tab.locator("body > *").count() == 1
    inside = tab.frames[1]
    inside.wait_for_function("typeof explorer === 'object'")
    inside.locator("#next").click()
    assert inside.evaluate("explorer.at") == 1
    assert inside.evaluate("window.pwned") is None and tab.evaluate("window.pwned") is None
    context.close()
    assert not errors


# --- looking around --------------------------------------------------------------------

SEEN = """() => {
    const stage = document.querySelector('#stage').getBoundingClientRect();
    const within = (e) => {
        const r = e.getBoundingClientRect();
        return r.left >= stage.left && r.right <= stage.right && r.top >= stage.top
            && r.bottom <= stage.bottom;
    };
    return [...document.querySelectorAll('.node')].filter((n) => !within(n)).length;
}"""


@pytest.mark.parametrize("graph", [one_neuron, eight_parameters, lstm])
def test_all_is_in_sight_and_legible(show: Shown, graph: Any) -> None:
    tab = show(graph(), "#step=999", viewport={"width": 1280, "height": 800})
    assert tab.evaluate(SEEN) == 0
    assert tab.evaluate("explorer.look.scale") * 12.5 >= 10
    assert not tab.locator("#map").is_visible()


@pytest.mark.full
def test_two_hundred_nodes_are_an_overview_first(show: Shown) -> None:
    tab = show(chain(160), "#step=999", collapse=False, viewport={"width": 1280, "height": 800})
    assert tab.evaluate(SEEN) == 0
    scale = tab.evaluate("explorer.look.scale")
    tab.mouse.move(400, 300)
    tab.mouse.wheel(0, -2000)
    tab.wait_for_function(f"explorer.look.scale > {2 * scale}")
    assert tab.evaluate(SEEN) > 50 and tab.locator("#map").is_visible()
    before = tab.evaluate("[explorer.look.x, explorer.look.y]")
    tab.locator("#map").click(position={"x": 20, "y": 20})
    assert tab.evaluate("[explorer.look.x, explorer.look.y]") != before
    tab.keyboard.press("0")
    assert tab.evaluate("explorer.look.scale") == scale and tab.evaluate(SEEN) == 0


@pytest.mark.full
def test_buttons_keys_and_dragging(show: Shown) -> None:
    tab = show(one_neuron())
    start = tab.evaluate("({...explorer.look})")
    tab.click("#closer")
    assert tab.evaluate("explorer.look.scale") == pytest.approx(1.3 * start["scale"])
    tab.keyboard.press("-")
    assert tab.evaluate("explorer.look.scale") == pytest.approx(start["scale"])
    tab.click("#whole")
    before = tab.evaluate("({...explorer.look})")
    at = tab.evaluate("explorer.at")
    tab.keyboard.press("Shift+ArrowRight")
    assert tab.evaluate("explorer.look.x") == pytest.approx(before["x"] - 80)
    assert tab.evaluate("explorer.at") == at
    place = node(tab, "z").bounding_box()
    tab.mouse.move(place["x"] + 20, place["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(place["x"] + 60, place["y"] + 50, steps=4)
    tab.mouse.up()
    assert tab.evaluate("explorer.look.x") == pytest.approx(before["x"] - 80 + 40)
    assert tab.evaluate("explorer.look.y") == pytest.approx(before["y"] + 30)


def test_two_fingers_zoom_about_their_middle(show: Shown) -> None:
    tab = show(one_neuron())
    before = tab.evaluate("explorer.look.scale")
    tab.evaluate("""() => {
        const stage = document.querySelector('#stage'), box = stage.getBoundingClientRect();
        const send = (type, id, x, y) => stage.dispatchEvent(new PointerEvent(type, { bubbles: true,
            pointerId: id, clientX: box.left + x, clientY: box.top + y, pointerType: 'touch' }));
        send('pointerdown', 1, 300, 200);
        send('pointerdown', 2, 400, 200);
        send('pointermove', 2, 500, 200);
        send('pointerup', 1, 300, 200);
        send('pointerup', 2, 500, 200);
    }""")
    assert tab.evaluate("explorer.look.scale") == pytest.approx(2 * before)


@pytest.mark.full
def test_search_finds_and_opens_boxes(show: Shown) -> None:
    picture = chain(160)
    tab = show(picture)
    hidden = next(
        v for v in picture.vertices if v.op == "sigmoid" and not node(tab, v.name).count()
    )
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.type(hidden.name)
    assert tab.locator("#matches").inner_text().startswith("1 of ")
    assert tab.locator("#about h2").inner_text() == hidden.name
    assert tab.evaluate("explorer.at") == 0  # letters are no keys while one types
    tab.keyboard.press("Enter")
    assert tab.locator("#about h2").count() == 1
    tab.locator("#search").fill("no such thing")
    assert tab.locator("#matches").inner_text() == "none"
    tab.keyboard.press("Escape")
    assert tab.locator("#search").input_value() == ""


def test_the_legend_stays_on_a_phone(show: Shown) -> None:
    tab = show(lstm(), viewport={"width": 390, "height": 844})
    assert tab.locator(".legend").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate("explorer.look.scale") >= 0.8


def test_slices_and_gates_as_the_user_wrote_them(show: Shown) -> None:
    picture = lstm()
    tab = show(picture)
    texts = tab.evaluate("explorer.vertices.map((v) => v.text)")
    assert {"g[:, :3]", "g[:, 3:6]", "g[:, 6:9]", "g[:, 9:]"} <= set(texts)
    names = set(tab.evaluate("explorer.vertices.map((v) => v.name)"))
    assert {"i", "f", "o", "u", "g", "c", "h", "L"} <= names


# --- a derivation laid over the graph ----------------------------------------------------


def test_no_word_of_the_table_is_broken_on_a_phone(show: Shown) -> None:
    report = mg.check_derivation(L, {"dL/da": -0.9378, "da/dz": 0.1875, "dL/dw": -0.0879187})
    tab = show(Picture(L), "#step=999", report=report, viewport={"width": 390, "height": 844})
    heights = "[...document.querySelectorAll('#compared th')].map((e) => e.offsetHeight)"
    assert max(tab.evaluate(heights)) < 30  # one line


def test_the_first_wrong_edge_is_red_and_its_cause_is_told(show: Shown) -> None:
    report = mg.check_derivation(L, WRONG)
    tab = show(Picture(L), "#step=999", report=report)
    red = tab.locator(".edge.mark-wrong.first")
    assert red.count() == 1
    assert tab.evaluate("""() => {
        const red = document.querySelector('.edge.first');
        const probe = document.querySelector('#compared h2.wrong');
        return getComputedStyle(red).stroke === getComputedStyle(probe).color;
    }""")
    words = tab.locator("#compared").inner_text()
    assert words.startswith("da/dz is the first wrong step")
    assert report.first_error is not None and report.first_error.remark in words
    rows = tab.locator("#compared tr").all()[1:]
    found = {row.locator("td").first.inner_text(): row.get_attribute("class") for row in rows}
    assert found == {row.quantity: row.verdict for row in report.rows}
    tab.locator("#compared button", has_text="dz/dw").click()
    assert tab.locator("#about h2").inner_text() == "w"


def test_a_right_derivation_is_green(show: Shown) -> None:
    report = mg.check_derivation(L, {"dL/da": -(y - a), "da/dz": a * (1 - a)})
    tab = show(Picture(L), report=report)
    assert not tab.locator(".mark-wrong, .first").count()
    assert tab.locator(".edge.mark-correct").count() == 4
    assert tab.locator("#compared").inner_text().startswith("Every step is right")


def test_rows_and_their_edges() -> None:
    picture = Picture(L)
    at = {v.name: v for v in picture.vertices}

    def ends(u: str, v: str) -> list[tuple[str, str]]:
        return [(e.source.name, e.target.name) for e in between(picture, at[u], at[v])]

    assert ends("a", "z") == [("z", "a")]
    assert ends("z", "w") == [("w", "t1"), ("t1", "z")]
    assert ends("L", "z") == [("z", "a")]  # up to what has a row of its own
    assert ends("L", "a") == [("a", "t2"), ("t2", "t3"), ("t3", "L")]
    assert ends("a", "w") == [("w", "t1"), ("t1", "z"), ("z", "a")]
    assert ends("a", "L") == []


@pytest.mark.full
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_in_a_report(show: Shown, name: str) -> None:
    u = mg.Tensor(0.3, requires_grad=True, name=name)
    out = u * 2.0
    out.name = "p/dq"
    report = mg.check_derivation(out, {u: 3.0})
    data = overlay(report, Picture(out), lambda v: v.id, lambda e: 0)
    assert data["rows"][0]["verdict"] == "wrong"
    tab = show(Picture(out), report=report)
    assert tab.evaluate("window.pwned") is None and tab.locator("img").count() == 0
    assert tab.locator("#compared h2.wrong").count() == 1
