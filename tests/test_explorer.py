"""The explorer page in a real browser: what it shows is what the engine computed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.draw import explorer
from minigrad.draw.explorer import page
from minigrad.draw.picture import Picture
from minigrad.explain import explain
from minigrad.ops.record import registry
from minigrad.writing.script import functions

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
).split()


# --- graphs ----------------------------------------------------------------------------


def one_neuron(w: float = 0.3, b: float = 0.1, x: float = 0.5, y: float = 1.5) -> Any:
    w, b = mg.Tensor(w, requires_grad=True, name="w"), mg.Tensor(b, True, name="b")
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    return Picture(L)


def two_neurons() -> Any:
    x, y = 0.5, 1.5
    w1, b1 = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    w2, b2 = mg.Tensor(0.2, requires_grad=True), mg.Tensor(0.4, requires_grad=True)
    a2 = mg.sigmoid(w1 * x + b1)
    a3 = mg.sigmoid(w2 * a2 + b2)
    L = 0.5 * (y - a3) ** 2
    return Picture(L)


def softmax_regression() -> Any:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    W, b = mg.Tensor(rng.normal(size=(4, 3)), requires_grad=True), mg.Tensor(np.zeros(3), True)
    P = mg.log_softmax(X @ W + b, axis=1)
    L = -P[np.arange(30), labels].mean()
    return Picture(L)


def meeting(value: float = 2.0) -> Any:
    """Three paths from ``x`` meet again."""
    x = mg.Tensor(value, requires_grad=True)
    L = x * x + mg.sin(x)
    return Picture(L)


def loop(steps: int = 30) -> Any:
    x = mg.Tensor(0.3, requires_grad=True)
    s = x * 1.0
    for _ in range(steps):
        s = s + mg.sin(s) * 0.01
    L = s**2
    return Picture(L)


GRAPHS = {f.__name__: f for f in (one_neuron, two_neurons, softmax_regression, meeting)}


# --- the browser -----------------------------------------------------------------------


Shown = Callable[..., Any]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Shown]:
    """Opens a page of its own; at the end nothing may have failed or left the page."""
    contexts: list[Any] = []
    errors: list[str] = []
    requests: list[str] = []

    def opened(
        picture: Any, hash: str = "", collapse: Any = "auto", report: Any = None, **options: Any
    ) -> Any:
        path = tmp_path / "step.html"
        path.write_text(page(picture, collapse, report=report), encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text))
        tab.on("request", lambda request: requests.append(request.url.partition("#")[0]))
        tab.on("dialog", lambda dialog: errors.append(dialog.message))
        tab.goto(path.as_uri() + hash)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert not errors
    assert requests and all(url.endswith("/step.html") for url in requests)


def node(tab: Any, name: str) -> Any:
    return tab.locator(f".node[data-name={json.dumps(name, ensure_ascii=False)}]")


def attribute(tab: Any, name: str, key: str) -> float | None:
    text = node(tab, name).first.get_attribute(f"data-{key}")
    return None if text is None else float(text)


def at(tab: Any) -> int:
    return int(tab.evaluate("explorer.at"))


def walk(tab: Any) -> Iterator[tuple[str, str]]:
    """Steps through the whole page with the key; phase and words of each step."""
    while True:
        now = tab.locator("#now")
        yield now.get_attribute("data-phase"), now.get_attribute("data-words")
        before = at(tab)
        tab.keyboard.press("ArrowRight")
        if at(tab) == before:
            return


def settled(tab: Any, picture: Any) -> None:
    """All numbers on the page are those of the engine."""
    for vertex in picture.vertices:
        for key, value in (("value", vertex.value), ("gradient", vertex.gradient)):
            if vertex.scalar and value is not None:
                found = {
                    float(e.get_attribute(f"data-{key}")) for e in node(tab, vertex.name).all()
                }
                assert any(np.isclose(v, float(value), rtol=1e-14, atol=0) for v in found)


# --- stepping --------------------------------------------------------------------------


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_step_shows_the_engine_s_numbers(show: Shown, graph: Any) -> None:
    picture = graph()
    tab = show(picture)
    backward = []
    computed: set[str] = set()
    for phase, words in walk(tab):
        if phase == "start":
            assert not tab.locator(".node.computed").count()
        if phase == "forward":
            new = {e.get_attribute("data-name") for e in tab.locator(".node.computed").all()}
            for vertex in picture.vertices:  # nothing has a value before its inputs
                if vertex.op and vertex.name in new - computed:
                    assert all(e.source.name in computed for e in vertex.inputs)
            computed = new
            assert not tab.locator(".node[data-gradient]").count()
        if phase == "backward":
            backward.append(words)
    assert phase == "end"
    assert computed == {v.name for v in picture.vertices}
    edges = [e for v in reversed(picture.vertices) for e in v.inputs if e.differentiable]
    assert len(backward) == len(edges)
    for words, edge in zip(backward, edges, strict=True):
        assert f"from {edge.target.name} to {edge.source.name}" in words
        if edge.local is not None and np.size(edge.local) == 1 and edge.source.scalar:
            numbers = [edge.target.gradient, edge.local, edge.contribution]
            a, b, c = (f"{float(v):.4g}".replace("-", "−") for v in numbers)
            b = f"({b})" if b.startswith("−") else b
            assert f"= {a} × {b} = {c}" in words
    settled(tab, picture)


def test_gradients_accumulate_where_paths_meet(show: Shown) -> None:
    tab = show(meeting())
    sums = []
    for phase, words in walk(tab):
        if phase == "backward" and "to x" in words.splitlines()[0]:
            sums.append((attribute(tab, "x", "gradient"), words))
    partial = np.cumsum([np.cos(2.0), 2.0, 2.0])
    np.testing.assert_allclose([s for s, _ in sums], partial, rtol=1e-14)
    assert "∂L/∂x so far = −0.4161\npath 1 of 3 that meet in x" in sums[0][1]
    assert "∂L/∂x so far = −0.4161 + 2 = 1.584" in sums[1][1]
    assert "∂L/∂x = 1.584 + 2 = 3.584\npath 3 of 3" in sums[2][1]


def test_going_back_takes_values_away(show: Shown) -> None:
    tab = show(one_neuron())
    tab.keyboard.press("End")
    assert attribute(tab, "w", "gradient") is not None
    tab.keyboard.press("b")
    assert tab.locator("#now").get_attribute("data-phase") == "seed"
    assert attribute(tab, "w", "gradient") is None and attribute(tab, "L", "gradient") == 1
    tab.keyboard.press("ArrowLeft")
    assert attribute(tab, "L", "gradient") is None
    tab.keyboard.press("Home")
    assert attribute(tab, "w", "value") is None


def test_buttons_and_slider(show: Shown) -> None:
    tab = show(one_neuron())
    last = len(tab.evaluate("explorer.steps.map((s) => s.phase)")) - 1
    tab.click("#next")
    tab.click("#next")
    tab.click("#back")
    assert at(tab) == 1 and tab.locator("#count").inner_text() == f"1 / {last}"
    tab.click("#last")
    assert at(tab) == last and tab.locator("#next").is_disabled()
    tab.click("#first")
    assert at(tab) == 0 and tab.locator("#back").is_disabled()
    tab.locator("#slider").fill("5")
    assert at(tab) == 5
    tab.locator("#slider").press("ArrowRight")
    assert at(tab) == 6  # not twice


def test_the_address_keeps_the_step(show: Shown) -> None:
    tab = show(one_neuron(), "#step=4")
    assert at(tab) == 4
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == "#step=5"
    tab.reload()
    assert at(tab) == 5
    tab.evaluate("location.hash = '#step=2'")
    tab.wait_for_function("explorer.at === 2")
    tab.evaluate("location.hash = '#step=999'")
    tab.wait_for_function("location.hash !== '#step=999'")
    assert at(tab) == tab.evaluate("explorer.steps.length") - 1


def test_play_and_pause(show: Shown) -> None:
    tab = show(one_neuron())
    tab.clock.install()
    tab.reload()
    tab.keyboard.press(" ")
    assert tab.locator("#play").get_attribute("aria-label") == "Pause"
    tab.clock.run_for(2700)
    assert at(tab) == 2
    tab.keyboard.press(" ")
    tab.clock.run_for(5000)
    assert at(tab) == 2 and tab.locator("#play").get_attribute("aria-label") == "Play"
    tab.click("#play")
    tab.clock.run_for(100_000)
    assert at(tab) == tab.evaluate("explorer.steps.length") - 1
    assert tab.locator("#play").inner_text().strip() == "Play"


# --- a chosen node ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["focus", "hover"])
def test_a_parameter_shows_its_paths_and_chain_rule(show: Shown, how: str) -> None:
    picture = two_neurons()
    tab = show(picture)
    tab.evaluate("document.activeElement.blur()")
    getattr(node(tab, "w1"), how)()
    path = {e.get_attribute("data-name") for e in tab.locator(".node.path").all()}
    w1 = next(v for v in picture.vertices if v.name == "w1")
    assert path == {picture.vertices[i].name for i in picture.downstream([w1])}
    assert tab.locator(".edge.path").count() == len(path) - 1
    text = tab.locator("#about .chain").text_content()
    assert text.splitlines()[-1].strip().endswith(f"{float(w1.gradient):.6g}")
    assert re.search(r"a3/.*a2.*a2/.*w1", text.splitlines()[0])
    tab.keyboard.press("Escape")
    assert not tab.locator(".node.path").count() and not tab.locator("#about *").count()


def test_the_chain_rule_is_what_explain_writes(show: Shown) -> None:
    x, y = 0.5, 1.5
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    tab = show(Picture(L, wrt=w))
    for name, parameter in (("w", w), ("b", b)):
        node(tab, name).focus()
        shown = tab.locator("#about .chain").evaluate("e => e.textContent")
        assert shown == str(explain(L, parameter))


def test_heat_maps_of_an_array(show: Shown) -> None:
    picture = softmax_regression()
    tab = show(picture)
    node(tab, "W").focus()
    W = next(v for v in picture.vertices if v.name == "W")
    tables = tab.locator("#about .heat")
    assert tables.count() == 2
    for table, value in zip(tables.all(), (W.value, W.gradient), strict=True):
        cells = [[td.inner_text() for td in tr.locator("td").all()]
                 for tr in table.locator("tr").all()]  # fmt: skip
        expected = [[f"{v:.3g}".replace("-", "−") for v in row] for row in value]
        assert cells == expected
        for td, v in zip(table.locator("td").all(), value.ravel(), strict=True):
            assert td.get_attribute("class") == ("minus" if v < 0 else "plus")
    node(tab, "X").focus()
    assert tab.locator("#about .heat tr").count() == 30


def test_large_arrays_are_sampled() -> None:
    x = mg.Tensor(np.arange(1e6).reshape(1000, 1000), requires_grad=True)
    text = page(Picture((x * x).sum()))
    assert "1 row in" in text and "1 column in" in text
    assert len(text) < 300_000
    v = mg.Tensor(np.arange(1e5), requires_grad=True)
    text = page(Picture((v * 2).sum()))
    assert "1 entry in" in text and len(text) < 300_000


# --- changing leaves -------------------------------------------------------------------


def test_a_changed_leaf_is_the_engine_s_computation(show: Shown) -> None:
    tab = show(one_neuron())
    tab.keyboard.press("End")
    tab.get_by_label("Value of w").fill("-1.25")
    tab.get_by_label("Value of y").fill("0.75")
    changed = one_neuron(w=-1.25, y=0.75)
    settled(tab, changed)
    assert f"L = {float(changed.output.value):.6g}" in tab.locator("#edit output").inner_text()
    gradient = next(v for v in changed.vertices if v.name == "w").gradient
    node(tab, "w").focus()
    chain = tab.locator("#about .chain").inner_text()
    assert chain.splitlines()[0] == "dL/dw = dL/da · da/dz · dz/dw"
    assert chain.endswith(f"dL/dw = {float(gradient):.6g}")
    tab.get_by_role("button", name="Reset").click()
    settled(tab, one_neuron())
    assert tab.get_by_label("Value of w").input_value() == "0.3"


def test_changes_where_paths_meet(show: Shown) -> None:
    tab = show(meeting())
    tab.keyboard.press("End")
    tab.get_by_label("Value of x").fill("-0.5")
    settled(tab, meeting(-0.5))


def test_changes_in_single_precision(show: Shown) -> None:
    def graph(value: float) -> Any:
        x = mg.Tensor(np.float32(value), requires_grad=True)
        L = x * x / np.float32(3) + x
        return Picture(L)

    tab = show(graph(0.1))
    tab.keyboard.press("End")
    tab.get_by_label("Value of x").fill("0.7")
    settled(tab, graph(0.7))


def test_what_cannot_be_changed_says_why(show: Shown) -> None:
    z = mg.Tensor(np.array([1 + 2j, 3.0]), requires_grad=True)
    tab = show(Picture(np.abs(z).sum()))
    assert "is complex128; the page knows real numbers" in tab.locator("#edit").inner_text()
    many = mg.Tensor(np.zeros((200, 100)), requires_grad=True)
    tab = show(Picture((many * 2).sum()))
    assert "20,001 numbers are too many to travel" in tab.locator("#edit").inner_text()
    cube = mg.defop("cube3", lambda x: float(x) ** 3, [lambda g, ans, x: g * 3 * x**2])
    x = mg.Tensor(2.0, requires_grad=True)
    tab = show(Picture(cube(x)))
    assert "Read only: The page has no rule for cube3" in tab.locator("#edit").inner_text()
    assert tab.get_by_label("Value of x").get_attribute("readonly") is not None
    tab = show(loop(300))
    assert "Read only: The graph is too large" in tab.locator("#edit").inner_text()


def test_a_changed_entry_of_an_array_is_the_engine_s_computation(show: Shown) -> None:
    def graph(w: float, x: float) -> Any:
        rng = np.random.default_rng(0)
        X, labels = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
        W0 = rng.normal(size=(4, 3))
        W0[1, 2], X[5, 3] = w, x
        W, b = mg.Tensor(W0, requires_grad=True), mg.Tensor(np.zeros(3), True)
        P = mg.log_softmax(X @ W + b, axis=1)
        L = -P[np.arange(30), labels].mean()
        return Picture(L)

    tab = show(graph(0.5, 0.25))
    tab.keyboard.press("End")
    tab.get_by_label("W[1, 2]").fill("-1.5")
    tab.get_by_label("Index into X").fill("5, -1")
    assert tab.get_by_label("Entry of X").input_value() == "0.25"
    tab.get_by_label("Entry of X").fill("2")
    changed = graph(-1.5, 2.0)
    settled(tab, changed)
    W = next(v for v in changed.vertices if v.name == "W")
    node(tab, "W").focus()
    cells = tab.locator("#about .heat").nth(1).locator("td").all_inner_texts()
    assert cells == [f"{v:.3g}".replace("-", "−") for v in W.gradient.ravel()]
    tab.get_by_label("Index into X").fill("5, 4")
    assert tab.get_by_label("Index into X").get_attribute("aria-invalid") == "true"
    tab.get_by_role("button", name="Reset").click()
    settled(tab, graph(0.5, 0.25))


BITS = {"nextafter", "spacing", "i0"}
"""Of the floating-point format rather than of numbers, or an integral; the page does without."""
SCALARS = [-2.5, -1.0, -0.3, 0.0, 0.1, 0.5, 1.0, 1.7, 3.0, 40.0]


def cases(op: Any) -> Iterator[tuple[Any, ...]]:
    """Numbers to try ``op`` at, kinks and the edges of its domain included."""
    for x in SCALARS:
        for rest in [()] if op.arity == 1 else [(y,) for y in SCALARS[1:8:2]]:
            args: tuple[Any, ...] = tuple(np.float64(v) for v in (x, *rest, 1.2)[: op.arity])
            if op is ops.branch:
                args = (np.bool_(x > 0), *args[1:])
            if op is ops.ldexp:
                args = (args[0], np.int64(args[1]))
            yield args


def test_the_page_computes_what_the_engine_does(show: Shown) -> None:
    """All elementwise ops, forward and derivatives, as they are written for the page."""
    tab = show(one_neuron())
    rows, given, expected = [], [], []
    for op in registry.values():
        if not op.elementwise or op.vjps is None or op.name in BITS:
            continue
        if op.name.startswith("special."):  # SciPy's; the page says that it has no rule for them
            continue
        for args in cases(op):
            with np.errstate(all="ignore"):
                ans = op.forward(*args)
                rules = [op.rule(i) for i in range(op.arity)]
                slopes = [0.0 if r is None else r(1.0, ans, *args) for r in rules]
            given.append([len(rows), [float(a) for a in args]])
            expected.append((op.name, args, [float(ans), *map(float, slopes)]))
        text = functions(op, args, ans, {}, range(op.arity))
        assert text is not None, f"{op.name}: without a column js in its row leaves are read-only"
        rows.append(text)
    found = tab.evaluate(
        """(given) => {
            const { np, nd } = explorer, OPS = [ROWS];
            return given.map(([k, args]) => {
                const [forward, slopes] = OPS[k], ans = forward(...args);
                return [ans, ...slopes.map((d) => (d ? d(1, ans, ...args) : 0))].map(String);
            });
        }""".replace("ROWS", ",".join(rows)),
        given,
    )
    for (name, args, theirs), ours in zip(expected, found, strict=True):
        numbers = [float(v.replace("Infinity", "inf")) for v in ours]
        where = f"{name}{args}"
        np.testing.assert_allclose(numbers[0], theirs[0], rtol=3e-15, atol=1e-300, err_msg=where)
        if np.isfinite(theirs[0]):  # outside the domain neither is a number
            np.testing.assert_allclose(
                numbers[1:], theirs[1:], rtol=2e-13, atol=1e-15, err_msg=where
            )


def test_metadata_and_ops_of_users(show: Shown) -> None:
    def graph(value: float) -> Any:
        soft = mg.defop(
            "softplus", lambda x: np.sqrt(x * x + 1), [lambda g, ans, x: g * x / ans], replace=True
        )  # no relation
        x = mg.Tensor(value, requires_grad=True)
        y = soft(x) * np.round(x, 1) + np.nan_to_num(x, nan=3.0) + np.sum(x, keepdims=True)
        return Picture(y**2)

    tab = show(graph(0.44))
    tab.keyboard.press("End")
    tab.get_by_label("Value of x").fill("-1.28")
    settled(tab, graph(-1.28))


# --- boxes -----------------------------------------------------------------------------


def test_a_loop_opens_and_closes(show: Shown) -> None:
    picture = loop()
    tab = show(picture)
    closed = tab.locator(".node").count()
    tab.keyboard.press("End")
    box = node(tab, "s, loop × 30")
    L = picture.output
    x = next(v for v in picture.vertices if v.name == "x")
    assert attribute(tab, "s, loop × 30", "value") == float(L.inputs[0].source.value)
    assert np.isclose(attribute(tab, "x", "gradient"), float(x.gradient), rtol=1e-14)
    box.focus()
    box.press("Enter")
    assert tab.locator(".node").count() == len(picture.vertices)
    tab.keyboard.press("End")
    settled(tab, picture)
    tab.get_by_role("button", name="Close s, loop × 30").click()
    assert tab.locator(".node").count() == closed
    tab.keyboard.press("End")
    local = tab.evaluate("""explorer.steps.filter((s) => s.link && s.link.to.title)
        .map((s) => [s.link.local, s.link.share])""")
    inner = picture.vertices[L.inputs[0].source.id]
    start = next(v for v in picture.vertices if v.name == "t1")
    np.testing.assert_allclose(local[0][1], float(start.gradient), rtol=1e-13)
    np.testing.assert_allclose(
        local[0][0], float(start.gradient) / float(inner.gradient), rtol=1e-13
    )


def test_changes_reach_through_a_closed_box(show: Shown) -> None:
    tab = show(loop())
    tab.keyboard.press("End")
    tab.get_by_label("Value of x").fill("0.9")
    x = mg.Tensor(0.9, requires_grad=True)
    s = x * 1.0
    for _ in range(30):
        s = s + mg.sin(s) * 0.01
    (s**2).backward()
    assert np.isclose(attribute(tab, "x", "gradient"), float(x.grad), rtol=1e-13)


@pytest.mark.parametrize("collapse", ["auto", True, 12, False])
def test_contributions_add_up_in_every_view(show: Shown, collapse: Any) -> None:
    """To the gradient, unless the page says that the rest arrives inside a box."""
    rng = np.random.default_rng(4)
    pool = [mg.Tensor(v, requires_grad=True) for v in (0.3, -0.7, 1.1)]
    for _ in range(120):
        p, q = (pool[i] for i in rng.integers(max(0, len(pool) - 8), len(pool), 2))
        pool.append([p + q, p * q * 0.5, mg.sin(p), mg.tanh(p - q)][rng.integers(4)])
    picture = Picture(pool[-1] * pool[-2] + pool[0])
    tab = show(picture, collapse=collapse)
    checked = 0
    for step in tab.evaluate(
        """explorer.steps.filter((s) => s.link && s.count === s.of).map((s) =>
            [s.inside, s.sum, s.link.source.gradient, s.before + s.link.share])"""
    ):
        inside, total, gradient, added = step
        assert total == (added if inside else gradient)
        if not inside:
            assert np.isclose(added, gradient, rtol=1e-10, atol=1e-15)
            checked += 1
    assert checked > 5
    tab.keyboard.press("End")
    x = next(v for v in picture.vertices if v.kind == "leaf")
    assert attribute(tab, x.name, "gradient") == float(x.gradient)
    tab.locator("summary").click()
    said = tab.locator("#ledger").inner_text().count("the rest arrives inside the box")
    assert said == tab.evaluate("explorer.steps.filter((s) => s.inside).length")
    assert not said or collapse is not False


# --- names, size, speed ----------------------------------------------------------------

HOSTILE = [
    "</script><script>window.pwned = 1</script>",
    "</svg><img src=x onerror='window.pwned=1'>",
    "{{data}}",
    "a\nb\u202egnp.js",
    "quote\"'`back\\slash${1}",
    "very long " * 30,
    "שלום",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(show: Shown, name: str) -> None:
    w = mg.Tensor(0.3, requires_grad=True, name=name)
    out = mg.Tensor(2.0, requires_grad=True, name=f"out {name}") * w
    out.name = name + "!"
    tab = show(Picture(out, wrt=w), "#step=999")
    assert tab.evaluate("window.pwned") is None
    names = tab.evaluate("explorer.vertices.map((v) => v.name)")
    expected = name.replace("\n", r"\n").replace("\u202e", r"\u202e")
    assert expected in {name.strip("\u2068\u2069") for name in names}
    assert tab.locator("img").count() == 0 and tab.locator("script").count() == 2
    tab.evaluate("document.querySelectorAll('.node').forEach((n) => n.focus())")


def test_the_policy_forbids_everything_else(show: Shown) -> None:
    tab = show(one_neuron())
    policy = tab.locator("meta[http-equiv]").get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy


def chain(length: int) -> Any:
    x = mg.Tensor(0.3, requires_grad=True)
    functions = [mg.sin, mg.tanh, mg.cos, lambda v: v * x, lambda v: v + 0.5, mg.sigmoid]
    s, rng = x, np.random.default_rng(0)
    for i in rng.integers(len(functions), size=length):
        s = functions[i](s)
    return Picture(s)


def test_fifty_arrays_stay_below_350_kilobytes() -> None:
    x = mg.Tensor(np.random.default_rng(0).normal(size=(100, 80)), requires_grad=True)
    s, scale = x, np.full((100, 80), 1.1)
    for i in range(48):
        s = mg.tanh(s) if i % 5 else s * scale
    picture = Picture(s.sum())
    assert 50 <= len(picture.vertices) <= 60
    assert len(page(picture).encode()) <= 350_000


def test_speed_of_a_page_of_200_nodes() -> None:
    start = process_time()
    page(chain(160))
    assert process_time() - start < 1


def test_a_crowd_is_drawn_where_it_is_looked_at(show: Shown) -> None:
    """5,000 nodes uncollapsed: outlines first, nodes where the reader is."""
    x = mg.Tensor(0.3, requires_grad=True)
    s, middle = x * 1.0, None
    for i in range(2500):
        s = mg.sin(s) + x
        if i == 1200:
            middle = s
    assert middle is not None
    L = s**2
    picture = Picture(L)
    assert len(picture.vertices) > 5000
    started = process_time()
    page(picture, False)
    assert process_time() - started < 3
    tab = show(picture, collapse=False)
    assert tab.locator(".node").count() == 0 and tab.locator(".far").count() >= 3
    assert not tab.locator("#map").is_visible()
    tab.locator("#search").fill("middle")
    assert tab.locator("#matches").inner_text() == "1 of 2"
    assert node(tab, "middle").evaluate("e => e.matches('.found.chosen.path')")
    assert 0 < tab.locator(".node").count() < 300
    box = node(tab, "middle").bounding_box()
    assert box["width"] > 30 and 0 < box["x"] < 1280
    node(tab, "middle").press("End")
    gradient = next(v for v in picture.vertices if v.name == "middle").gradient
    assert attribute(tab, "middle", "gradient") == float(gradient)
    before = {e.get_attribute("data-name") for e in tab.locator(".node").all()}
    tab.keyboard.press("Shift+ArrowRight")
    for _ in range(12):
        tab.keyboard.press("Shift+ArrowRight")
    after = {e.get_attribute("data-name") for e in tab.locator(".node").all()}
    assert after - before and before - after
    tab.keyboard.press("0")
    assert tab.locator(".node").count() <= 3  # the chosen one, and the focus
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert node(tab, "s").count() or tab.locator(".node.now").count() == 1


def test_a_graph_of_100_000_nodes(show: Shown) -> None:
    tab = show(chain(70_000))
    assert tab.locator(".node").count() < 80
    assert "too large" in tab.locator("#edit").inner_text()
    tab.keyboard.press("End")
    assert attribute(tab, "x", "gradient") is not None


def test_an_output_of_several_elements(show: Shown) -> None:
    p = mg.softmax(mg.Tensor([1.0, 2.0], requires_grad=True))
    tab = show(Picture(p), "#step=999")
    assert tab.title() == "Backpropagation of Σp"
    assert tab.locator("#now").inner_text()


def test_not_a_number(show: Shown) -> None:
    x = mg.Tensor(-1.0, requires_grad=True)
    with np.errstate(all="ignore"):
        picture = Picture(mg.log(x) + mg.exp(x * -1e4))
    tab = show(picture, "#step=999")
    values = tab.evaluate("explorer.vertices.map((v) => String(v.value))")
    assert "NaN" in values and "Infinity" in values


# --- for everybody ---------------------------------------------------------------------


def test_words_for_a_screen_reader(show: Shown) -> None:
    tab = show(one_neuron())
    assert tab.locator("#now").get_attribute("aria-live") == "polite"
    tab.keyboard.press("End")
    for element in tab.locator(".node").all():
        assert element.get_attribute("role") == "button" and element.get_attribute("tabindex")
    label = node(tab, "w").get_attribute("aria-label")
    assert label == "w, leaf; value 0.3; gradient −0.1154"
    text = tab.locator("#slider").get_attribute("aria-valuetext")
    assert re.fullmatch(r"Step (\d+) of \1: The gradients", text)
    for button in tab.locator("#controls button").all():
        assert button.get_attribute("aria-label")


def test_everything_is_reached_with_tab(show: Shown) -> None:
    tab = show(one_neuron())
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate(
                """(({ dataset, id, ariaLabel }) => dataset?.name || id || ariaLabel)
                (document.activeElement)"""
            )
        )
    assert {"w", "b", "x", "z", "a", "L", "play", "next", "slider", "Value of w"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(show: Shown, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    tab = show(softmax_regression(), "#step=999", color_scheme=scheme,
               viewport={"width": width, "height": 800})  # fmt: skip
    node(tab, "W").focus()
    tab.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    for mode in ("watch", "predict", "descend"):
        tab.click(f"#modes button[value={mode}]")
        found = axe.Axe().run(tab).response["violations"]
        told = [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found]
        assert told == [], mode


def test_formulas_are_mathml_and_nothing_else(show: Shown) -> None:
    tab = show(one_neuron(), "#step=8")
    node(tab, "w").focus()
    assert tab.locator("#about .formulas math mfrac").count() >= 6
    assert tab.locator("#now math").count() >= 1
    hostile = mg.Tensor(0.3, requires_grad=True, name="<img src=x onerror=alert(1)>")
    tab = show(Picture(hostile * 2), "#step=999")
    node(tab, "<img src=x onerror=alert(1)>").focus()
    assert tab.locator("math img").count() == 0 and tab.locator("math *[onerror]").count() == 0


def test_labels_stand_beside_their_edges(show: Shown) -> None:
    """No label is crossed by the line that it belongs to."""
    for options in ({}, {"viewport": {"width": 390, "height": 844}}):
        tab = show(two_neurons(), "#step=999", **options)
        crossed = tab.evaluate("""() => {
            const lines = [...document.querySelectorAll('.edge')];
            const labels = [...document.querySelectorAll('.local')];
            return labels.filter((label, k) => {
                if (!label.textContent) return false;
                const box = label.getBBox(), line = lines[k], n = line.getTotalLength();
                for (let at = 0; at < n; at++) {
                    const p = line.getPointAtLength(at);
                    if (p.x > box.x && p.x < box.x + box.width && p.y > box.y + 3
                        && p.y < box.y + box.height - 3) return true;
                }
                return false;
            }).map((label) => label.textContent);
        }""")
        assert crossed == []


def test_a_node_knows_its_line(show: Shown) -> None:
    tab = show(one_neuron())
    node(tab, "a").focus()
    line = tab.locator("#about .source").inner_text()
    assert re.fullmatch(r"test_explorer\.py:\d+: a = mg\.sigmoid\(z\)", line)


def test_slices_as_they_are_written() -> None:
    H, rows = 2, np.array([0, 1, 1])
    a = mg.Tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
    left, right = a[:, :H], a[:, H:]
    picked = left[rows, 0]
    L = picked.sum() + right.sum()
    texts = {v["name"]: v.get("text") for v in explorer.data(Picture(L))["vertices"]}
    assert texts["left"] == "a[:, :H]" and texts["right"] == "a[:, H:]"
    assert texts["picked"] == "left[rows, 0]"


def test_reduced_motion(show: Shown) -> None:
    names = {}
    for motion in ("reduce", "no-preference"):
        tab = show(one_neuron(), "#step=11", reduced_motion=motion)
        names[motion] = tab.locator(".edge.now").evaluate("e => getComputedStyle(e).animationName")
    assert names == {"reduce": "none", "no-preference": "flow"}


def luminance(colour: str) -> float:
    rgb = np.array([float(v) for v in re.findall(r"[\d.]+", colour)[:3]]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show: Shown, scheme: str) -> None:
    """Text stands out from what is behind it, 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    tab = show(one_neuron(), "#step=999", color_scheme=scheme)
    style = "e => getComputedStyle(e)"
    page_colour = luminance(tab.locator("body").evaluate(f"e => ({style})(e).backgroundColor"))
    assert (page_colour < 0.1) == (scheme == "dark")
    for kind in ("leaf", "constant", "op", "output"):
        shape = tab.locator(f".node.{kind} .shape").first
        behind = luminance(shape.evaluate(f"e => ({style})(e).fill"))
        for text in tab.locator(f".node.{kind}").first.locator("text").all():
            front = luminance(text.evaluate(f"e => ({style})(e).fill"))
            ratio = (max(front, behind) + 0.05) / (min(front, behind) + 0.05)
            assert ratio >= 4.5, (kind, text.get_attribute("class"), ratio)


def test_a_phone(show: Shown) -> None:
    tab = show(two_neurons(), "#step=5", viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = [node(tab, name).bounding_box() for name in ("w1", "L")]
    assert boxes[1]["y"] > boxes[0]["y"] + 500  # from top to bottom
    for button in tab.locator("#controls button").all():
        box = button.bounding_box()
        assert box["height"] >= 32 and box["y"] + box["height"] <= 844


def test_on_paper(show: Shown) -> None:
    tab = show(one_neuron(), "#step=3")
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not tab.locator("#controls").is_visible()
    assert tab.locator("#ledger li").last.is_visible()
    assert attribute(tab, "w", "gradient") is not None
    assert tab.evaluate("document.querySelector('#stage svg').clientWidth") <= 1280
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert at(tab) == 3
    assert len(tab.pdf()) > 5000


def test_nothing_overlaps(show: Shown) -> None:
    """Nodes keep apart, and text stays inside of its node."""
    for picture in (two_neurons(), softmax_regression(), chain(40)):
        tab = show(picture, "#step=999")
        overlaps = tab.evaluate("""() => {
            const rects = [...document.querySelectorAll('.node')]
                .map((n) => n.querySelector('.shape').getBoundingClientRect());
            const meet = (a, b) => a.left < b.right && b.left < a.right
                && a.top < b.bottom && b.top < a.bottom;
            const wide = [...document.querySelectorAll('.node text')].filter((t) => {
                const r = t.getBoundingClientRect(), p = t.parentNode.getBoundingClientRect();
                return r.width > p.width;
            });
            return [rects.filter((a, i) => rects.some((b, j) => j < i && meet(a, b))).length,
                wide.map((t) => t.textContent)];
        }""")
        assert overlaps == [0, []]
