"""Pictures: text, DOT, files, notebooks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from draw_graphs import leaf
from minigrad.draw import LayoutError, dot, layout
from minigrad.draw.picture import short
from minigrad.draw.values import extent, number, summary
from minigrad.reading.wording import visible

needs_layout = pytest.mark.skipif(not layout.available(), reason="there is no Graphviz")
SVG = "{http://www.w3.org/2000/svg}"


_spec = importlib.util.spec_from_file_location(
    "draw_backprop", Path(__file__).parent.parent / "examples" / "draw_backprop.py"
)
assert _spec is not None
assert _spec.loader is not None
example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(example)


# The published neuron.
x, y = 0.5, 1.5
w, b = leaf(0.3), leaf(0.1)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2


# --- text ------------------------------------------------------------------------------


def test_the_tree_of_a_neuron() -> None:
    assert str(mg.draw(L, w, collapse=True)).splitlines() == [
        "L = 0.5·(y − a)²: 0.4398   ∂L/∂L = 1",
        "├─ y: 1.5",
        "┗━ [−0.9378] a = sigmoid: 0.5622   ∂L/∂a = −0.9378",
        "   ┗━ [0.2461] z = w·x + b: 0.25   ∂L/∂z = −0.2308",
        "      ┣━ [0.5] w (leaf): 0.3   ∂L/∂w = −0.1154",
        "      ├─ x: 0.5",
        "      └─ [1] b (leaf): 0.1   ∂L/∂b = −0.2308",
        "",
        "∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w = −0.9378 · 0.2461 · 0.5 = −0.1154",
    ]


@pytest.mark.parametrize("form", [str, lambda d: d.dot], ids=["text", "dot"])
def test_what_is_not_wanted_is_not_shown(form: Any) -> None:
    full = form(mg.draw(L))
    assert "0.4398" in full
    assert "∂L/∂b" in full
    assert "0.2461" in full
    assert "0.4398" not in form(mg.draw(L, values=False))
    assert "∂L/∂b" not in form(mg.draw(L, gradients=False))
    assert "0.2461" not in form(mg.draw(L, local=False))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, ["0"]),
        (np.float32(1 / 3), ["0.3333"]),
        (np.array([[5.0]]), ["5  (1, 1)"]),
        (np.zeros((0, 3)), ["(0, 3) float64"]),
        (np.array([np.nan, 1.0]), ["(2,) float64", "min nan  mean nan  max nan"]),
        (np.array([1, 2]), ["(2,) int64", "min 1  mean 1.5  max 2"]),
        (np.array([-1.0, 1.0 + 1e-16]), ["(2,) float64", "min −1  mean 0  max 1"]),
        ((np.ones(2), np.float64(3)), ["(2,) float64, 3"]),
    ],
    ids=str,
)
def test_summaries(value: Any, text: list[str]) -> None:
    assert summary(value) == text


def test_results_of_an_op_with_several_are_its_entries(tmp_path: Path) -> None:
    A = mg.Tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    E = np.linalg.eigh(A)
    text = str(mg.draw((E[0] ** 2).sum() + np.sin(E[1]).sum(), A))
    assert "= t1[0]: (2,) float64" in text
    assert "= t1[1]: (2, 2) float64" in text
    sketch = mg.draw((E[0] ** 2).sum(), A, width=400).save(tmp_path / "x.svg").read_text()
    assert "&#x27;&#x27;" not in sketch  # an arrow without a formula has no label


def test_numbers_and_names() -> None:
    assert number(12345) == "12345"
    assert number(True) == "1"
    assert number(float("inf")) == "inf"
    assert extent(np.array(["a"])) == ""
    assert short("x" * 100) == "x" * 14 + "…" + "x" * 13
    assert visible("a\r\n\t\x00\x1b[31m") == r"a\r\n\t\x00\x1b[31m"
    assert visible("‮x⁦") == r"\u202ex\u2066"
    assert visible("ŷ²") == "ŷ²"


# --- DOT and layout --------------------------------------------------------------------


HOSTILE = [
    "</svg><script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "back\\slash \\N \\G \\n \\",
    "two\nlines\ttab\x00\x07",
    "&amp; & &lt;",
    "<B>bold</B>]]><!-- -->",
    "שלום",
    "مرحبا (بالعالم)",
    "\u202egnp.exe",
    "n" * 5000,
    "{a|b} [label=x];",
    "\ud800 lone",
    "∂ŷ/∂w² 😀",
    " ",
]


def hostile() -> tuple[mg.Tensor, list[mg.Tensor]]:
    leaves = [leaf(0.5, name) for name in HOSTILE]
    op = mg.defop("</g><script>op", lambda x: x * 1.0, [lambda g, ans, x: g])
    return op(sum(leaves[1:], leaves[0] * 2)), leaves


@pytest.mark.sampled(4)
@needs_layout
@pytest.mark.parametrize("collapse", [False, True, 10])
@pytest.mark.parametrize("program", ["dot", "pygraphviz"])
def test_hostile_names_are_text(
    collapse: Any, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "pygraphviz":
        pytest.importorskip("pygraphviz")
        monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    elif layout.shutil.which("dot") is None:
        pytest.skip("there is no dot")
    L, leaves = hostile()
    for wrt in (None, *leaves):
        drawing = mg.draw(L, wrt, collapse=collapse)
        tree = ElementTree.fromstring(drawing.svg)
        tags = {element.tag.removeprefix(SVG) for element in tree.iter()}
        assert tags <= {"svg", "g", "title", "polygon", "polyline", "path", "text", "a", "ellipse"}
        attributes = {key for element in tree.iter() for key in element.attrib}
        assert not any(key.startswith("on") or key.endswith("href") for key in attributes)
        if collapse is not False:
            continue
        words = "\n".join(
            "".join("".join(t.itertext()) for t in node.iter(f"{SVG}text"))
            for node in tree.iter(f"{SVG}g")
            if node.get("class") == "node"
        )
        for name in HOSTILE:
            assert visible(short(name, 40)).strip() in words.replace("\xa0", " "), name
        assert "</g><script>op" in words


def test_hostile_names_in_text() -> None:
    L, leaves = hostile()
    text = str(mg.draw(L, leaves[0], collapse=False))
    assert len(text.splitlines()) < 60
    assert not any(c in text for c in "\x00\x07\x1b\u202e")
    assert "</svg><script>alert(1)</script> (leaf)" in text


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a: str, b: str) -> float:
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_and_kinds_differ_without_colour() -> None:
    forms = set()
    for style in dot.STYLES.values():
        fill = re.search(r'fillcolor="(#\w{6})"', style)
        line = re.search(r' color="(#\w{6})"', style)
        assert fill is not None
        assert line is not None
        for ink in ("#000000", dot.GRADIENT, dot.QUIET):
            assert contrast(ink, fill[1]) >= 4.5
        assert contrast(line[1], "#ffffff") >= 3
        assert contrast(line[1], fill[1]) >= 3
        forms.add(re.sub(r'"#\w+"', "", style))
    assert len(forms) == len(dot.STYLES)


@needs_layout
@pytest.mark.parametrize("direction", dot.DIRECTIONS)
def test_direction(direction: str) -> None:
    tree = ElementTree.fromstring(mg.draw(L, w, direction=direction).svg)
    width, height = (float(tree.attrib[k].removesuffix("pt")) for k in ("width", "height"))
    assert (width > height) == (direction in ("LR", "RL"))


@needs_layout
def test_the_picture_has_every_part_on_white_paper() -> None:
    svg = mg.draw(L, w).svg
    assert svg.startswith("<svg")
    assert svg.count('class="node"') == 12
    assert svg.count('class="edge"') == 11
    assert 'fill="white"' in svg
    assert "−0.9378 · 0.2461 · 0.5 = −0.1154" in svg
    assert svg.count('stroke="#c24e00" stroke-width="3"') >= 2 * 6


def test_highlighted_edges() -> None:
    heavy = [line for line in mg.draw(L, b).dot.splitlines() if " -> " in line and "c24e00" in line]
    assert len(heavy) == 5  # b to z to a, and three steps to L


def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_graphviz(monkeypatch)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    drawing = mg.draw(L)
    assert not layout.available()
    for kind in ("png", "pdf"):
        with pytest.raises(LayoutError, match=r"no Matplotlib .*nor Graphviz") as caught:
            drawing.save(tmp_path / f"picture.{kind}")
        assert "pip install 'minigrad[viz]'" in str(caught.value)
    with pytest.raises(LayoutError, match="apt install graphviz"):
        layout.render(drawing.dot, "png")
    assert not list(tmp_path.iterdir())
    assert drawing.save(tmp_path / "picture.dot").read_text("utf-8") == drawing.dot
    assert drawing.save(tmp_path / "picture.svg").read_text("utf-8").endswith(drawing.svg)
    assert drawing._repr_mimebundle_() == {"image/svg+xml": drawing.svg, "text/plain": str(drawing)}


def test_dot_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    if layout.shutil.which("dot") is None:
        pytest.skip("there is no dot")
    with pytest.raises(LayoutError, match=r"dot could not lay the picture out: .*syntax error"):
        layout.render("digraph {", "svg")


@pytest.mark.parametrize("label", ["<B>x</I>", "<TABLE><TR></TABLE>", "<B>x</B> & y"])
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_label_that_is_left_out_is_an_error(
    label: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pygraphviz")
    monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    assert layout.render("digraph { a [label=<<B>x</B>>] }", kind)
    with pytest.raises(LayoutError, match=r"pygraphviz could not .* left out a label"):
        layout.render(f"digraph {{ a [label=<{label}>] }}", kind)


@pytest.mark.parametrize(
    ("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_by_package(
    kind: str, start: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pygraphviz")
    monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    drawing = mg.draw(L)
    made = layout.render(drawing.dot, kind)
    assert made.startswith(start)
    assert capfd.readouterr().err == ""  # of its fonts, for instance


# --- files, notebooks, windows ---------------------------------------------------------


@needs_layout
@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", b"<?xml"), (".PNG", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")],
)
def test_save(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_text("old")
    assert mg.draw(L).save(str(path)) == path
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_save_html_is_the_explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = types.SimpleNamespace(page=lambda picture, *how: f"<p>{picture.output.op} ŷ {how}</p>")
    monkeypatch.setitem(sys.modules, "minigrad.draw.explorer", page)  # type: ignore[arg-type]
    path = mg.draw(L, collapse=9).save(tmp_path / "step.html")
    assert path.read_text("utf-8") == "<p>multiply ŷ (9, 'LR')</p>"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (
            "a.bmp",
            ValueError,
            r"end in one of \.svg, \.png, \.pdf, \.dot, \.tex, \.gif, \.mp4",
        ),
        ("picture", ValueError, "the name must end in"),
        ("no/such/a.dot", FileNotFoundError, "there is no folder .*such'; make it first"),
        ("file/a.dot", NotADirectoryError, "file' is a file, not a folder"),
        ("folder.dot", IsADirectoryError, "it is a folder"),
    ],
)
def test_places_that_cannot_be_saved_to(
    name: str, kind: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.dot").mkdir()
    with pytest.raises(kind, match=f"draw: cannot save .*{message}"):
        mg.draw(L).save(tmp_path / name)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.dot"
    path.write_text("old")

    def fail(*args: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        mg.draw(L).save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@needs_layout
def test_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = mg.draw(L)
    assert drawing._repr_mimebundle_() == {"image/svg+xml": drawing.svg, "text/plain": str(drawing)}
    shown: list[Any] = []
    shell = types.SimpleNamespace(
        get_ipython=object, display=types.SimpleNamespace(display=shown.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    drawing.show()
    assert shown == [drawing]


@needs_layout
def test_show_opens_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    mg.draw(L).show()
    assert re.fullmatch(r"file:///.*\.svg", opened[0])


def test_show_without_browser_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_graphviz(monkeypatch)
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    monkeypatch.setitem(sys.modules, "IPython", None)
    drawing = mg.draw(L)
    drawing.show()
    assert capsys.readouterr().out == f"{drawing}\n"


def test_the_package_is_called_like_its_function() -> None:
    code = (
        "import sys, minigrad as mg\n"
        "assert 'minigrad.draw' not in sys.modules and 'graphviz' not in sys.modules\n"
        "w = mg.Tensor(2.0, requires_grad=True)\n"
        "before = str(mg.draw(w * 3))\n"
        "import minigrad.draw\n"
        "from minigrad.draw import draw\n"
        "assert before == str(minigrad.draw(w * 3)) == str(draw(w * 3))\n"
        "import inspect\n"
        "assert list(inspect.signature(mg.draw).parameters)[:2] == ['output', 'wrt']\n"
        "assert not {'graphviz', 'pygraphviz', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the example -----------------------------------------------------------------------


@needs_layout
def test_the_example_draws_every_weight_and_bias(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example.main(["--to", str(tmp_path / "new"), "--no-pages"])
    written = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert len(written) == 2 + 4 + 8
    assert capsys.readouterr().out.count(".svg") == 14
    committed = Path(__file__).parent.parent / "docs" / "pictures"
    assert written == sorted(p.name for p in committed.iterdir())

    def words(path: Path) -> list[str]:
        return sorted("".join(t.itertext()) for t in ElementTree.parse(path).iter(f"{SVG}text"))

    for name in written:  # the layout may differ with the version of Graphviz
        assert words(tmp_path / "new" / name) == words(committed / name), f"make pictures: {name}"


def test_the_example_draws_without_graphviz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_graphviz(monkeypatch)
    example.main(["--to", str(tmp_path), "--no-pages"])
    assert capsys.readouterr().out.count(".svg") == 14
    text = (tmp_path / "one_neuron_w.svg").read_text("utf-8")
    assert "∂L/∂w = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂w = −0.9378 · 0.2461 · 0.5 = −0.1154" in text


def test_the_example_prints_what_it_cannot_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_graphviz(monkeypatch)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    example.main(["--to", str(tmp_path), "--format", "png", "--no-pages"])
    text = capsys.readouterr().out
    assert text.count("pip install 'minigrad[viz]'") == 1
    assert text.count("(leaf)") == 2 * 2 + 4 * 4 + 8 * 8
    assert not list(tmp_path.iterdir())


def test_the_example_refuses_a_folder_that_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        example.main(["--to", str(tmp_path / "file")])
    assert "file: File exists" in capsys.readouterr().err
