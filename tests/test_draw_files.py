"""Pictures for papers and slides: TikZ, films, rows, and bitmaps without Graphviz."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from draw_graphs import leaf, loop
from minigrad.draw import LayoutError, Picture, film, painter, sketch, tikz
from minigrad.draw.boxes import view
from minigrad.draw.scene import Stroke, Words, scene
from test_draw_forms import hostile, no_graphviz

x, y = 0.5, 1.5
w, b = leaf(0.3), leaf(0.1)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2


# --- TikZ ------------------------------------------------------------------------------


def shapes_of(picture: Picture) -> list[Any]:
    return [shape for _, shapes in scene(view(picture)).parts for shape in shapes]


def test_a_neuron_as_tikz(tmp_path: Path) -> None:
    text = mg.draw(L, w).save(tmp_path / "neuron.tex").read_text("ascii")
    assert text.startswith(r"\documentclass[tikz,border=2pt]{standalone}")
    assert text.count(r"\node") == sum(isinstance(s, Words) for s in shapes_of(Picture(L, w)))
    assert r"$\partial $L/$\partial $w = $-$0.1154}" in text
    assert r"\bfseries z = add}" in text
    steps = [step for s in shapes_of(Picture(L, w)) if isinstance(s, Stroke) for step in s.steps]
    curves = sum(len(step) == 3 for step in steps)
    assert text.count(" .. controls ") == curves > 20
    assert "mgpaper" in mg.draw(L, theme="dark").save(tmp_path / "dark.tex").read_text("ascii")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("50% & #1 $x$ _y^2~", r"50\% \& \#1 \$x\$ \_y\textasciicircum{}2\textasciitilde{}"),
        ("∂ŷ/∂w²", r"$\partial $\^{y}/$\partial $w$^{2}$"),
        ("θ₁ ≤ −1 ⊙ Xᵀ", r"$\theta $$_{1}$ $\le $ $-$1 $\odot $ X$^{\mathsf T}$"),
        ("😀 שלום", r"\glyph{1F600} \glyph{05E9}\glyph{05DC}\glyph{05D5}\glyph{05DD}"),
        ("a--b ``c'' \u2068x\u2069", r"a{-}{-}b \`{}\`{}c'' x"),
        ("ñ Å ø ß 数", r"\~{n} \r{A} \o{} \ss{} \glyph{6570}"),
        ("\u0301x", "x"),
        ("w⁻¹²₃₄′ θ̂ $∂", r"w$^{-12}$$_{34}$$^{\prime }$ \^{$\theta $} \$$\partial $"),
    ],
)
def test_text_for_latex(text: str, code: str) -> None:
    assert tikz.latex_text(text) == code


def balanced(text: str) -> bool:
    depth = 0
    for c in re.sub(r"\\[{}\\]", "", text):
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0


def test_hostile_names_do_no_harm_in_tex() -> None:
    H, leaves = hostile()
    text = tikz.tex(scene(view(Picture(H, leaves[0]), False)))
    assert text.isascii()
    assert balanced(text)
    known = {
        "documentclass", "providecommand", "glyph", "texttt", "small", "begin", "end", "to", "dots",
        "node", "draw", "fill", "fontsize", "selectfont", "bfseries", "sffamily", "partial",
        "textbackslash", "textasciitilde", "textasciicircum", "cdot",
        "definecolor",
    }  # fmt: skip
    assert set(re.findall(r"\\([a-zA-Z]+)", text)) <= known


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no TeX")
@pytest.mark.parametrize("graph", ["neuron", "hostile"])
def test_tex_compiles(graph: str, tmp_path: Path) -> None:
    odd = [leaf(0.5, name) for name in ("x⁻¹²₃₄′²", "θ̂₁ $∂", "ŷ̈")]
    if graph == "neuron":
        mg.draw(L, w, theme="dark", width=400).save(tmp_path / "x.tex")
    else:
        mg.draw(hostile()[0] + sum(odd), collapse=False).save(tmp_path / "x.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "x.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "x.pdf").stat().st_size > 1000


# --- rows ------------------------------------------------------------------------------


def test_a_long_chain_goes_on_in_rows() -> None:
    C, v = loop(6)
    long, wide = mg.draw(C, v, collapse=False), 700
    rows = mg.draw(C, v, collapse=False, width=wide)
    size = re.compile(r'width="(\d+)pt" height="(\d+)pt"')
    found = size.search(rows.svg)
    before = size.search(long.svg)
    assert found is not None
    assert before is not None
    assert int(found[1]) <= wide < int(before[1])
    assert int(found[2]) > int(before[2])
    assert rows.svg.count('class="node"') == long.svg.count('class="node"')


def test_a_node_that_is_wider_than_the_paper_is_drawn_smaller() -> None:
    v = leaf(0.5, "n" * 60)
    svg = mg.draw(v * 2, width=120).svg
    width = re.search(r'width="(\d+)pt" height="\d+pt" viewBox="0 0 ([\d.]+)', svg)
    assert width is not None
    assert int(width[1]) == 120
    assert float(width[2]) > 120


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"width": 10}, ValueError, "width=10: give 120 points or more"),
        ({"width": float("nan")}, ValueError, "width=nan: give 120 points or more"),
        ({"width": "700"}, TypeError, "width='700': give a number of points"),
        ({"width": True}, TypeError, "width=True: give a number of points"),
        ({"width": 500, "direction": "TB"}, ValueError, "width=500 wraps rows .*'TB' has none"),
    ],
)
def test_widths_that_are_none(given: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mg.draw(L, **given)


# --- bitmaps and films -----------------------------------------------------------------


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_painted_without_graphviz(
    kind: str, start: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    no_graphviz(monkeypatch)
    path = mg.draw(L, w).save(tmp_path / f"x.{kind}")
    assert path.read_bytes().startswith(start)


def test_bad_names_are_painted(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    H, _ = hostile()
    assert painter.painted(scene(view(Picture(H), False)), "png").startswith(b"\x89PNG")
    assert capfd.readouterr().err == ""


def test_the_frames_of_the_backward_pass() -> None:
    seen = view(Picture(L), False)
    steps = film.moments(seen)
    flowing = [a for a in seen.arrows if any(e.differentiable for e in a.edges)]
    assert [m.now for m in steps if m.now] == sorted(flowing, key=lambda a: -a.target.id)
    assert not steps[0].known
    known = {item.name for item in steps[-1].known}
    assert known == {v.name for v in seen.picture.vertices if v.gradient is not None}
    for before, after in pairwise(steps):
        assert before.known <= after.known
        if after.now:  # a gradient goes on only when it is known
            assert after.now.target in before.known


def test_what_meets_is_known_when_all_of_it_has_arrived() -> None:
    t = leaf(2.0, "t")
    seen = view(Picture(t * t + mg.sin(t)), False)
    steps = [m for m in film.moments(seen) if m.now and m.now.source.name == "t"]
    assert [t.node in {getattr(i, "node", None) for i in m.known} for m in steps] == [
        False, False, True,
    ]  # fmt: skip


def test_a_gif_plays_the_backward_pass(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    u = leaf(0.5, "u")
    drawing = mg.draw(u * 2)
    with image.open(io.BytesIO(drawing.save(tmp_path / "x.gif").read_bytes())) as found:
        assert found.n_frames == len(film.moments(drawing.view)) == 4
        pictures = []
        for k in range(4):
            found.seek(k)
            assert found.info["duration"] == (2500 if k in (0, 3) else 900)
            pictures.append(np.asarray(found.convert("RGB")))
    assert all(np.any(p != q) for p, q in pairwise(pictures))


def test_an_mp4_is_written_by_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    drawing = mg.draw(leaf(0.5, "u") * 2)
    try:
        film.ffmpeg()
    except LayoutError:
        pytest.skip("there is no ffmpeg")
    assert drawing.save(tmp_path / "x.mp4").read_bytes()[4:8] == b"ftyp"
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\ncat > /dev/null\necho no such codec >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(film.shutil, "which", lambda name: str(broken))
    with pytest.raises(LayoutError, match="ffmpeg could not write the film: no such codec"):
        drawing.save(tmp_path / "y.mp4")
    assert not (tmp_path / "y.mp4").exists()


def test_what_is_missing_for_a_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = mg.draw(leaf(0.5, "u") * 2)
    monkeypatch.setattr(film.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(LayoutError, match=r"ffmpeg, which is not installed: apt install ffmpeg"):
        drawing.save(tmp_path / "x.mp4")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(LayoutError, match=r"Pillow, which is not installed: pip install"):
        drawing.save(tmp_path / "x.gif")
    C, _ = loop(200)
    with pytest.raises(ValueError, match=r"film of \d+ steps nobody would watch: use collapse"):
        mg.draw(C, collapse=False).save(tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())


def test_every_form_shows_the_same_words() -> None:
    made = scene(view(Picture(L, w)))
    words = {s.text for _, shapes in made.parts for s in shapes if isinstance(s, Words)}
    svg, tex = sketch.svg(made).replace("\xa0", " "), tikz.tex(made)
    for text in words:
        assert text in svg
        assert tikz.latex_text(text) in tex


# --- odd graphs ------------------------------------------------------------------------


def odd_graphs() -> dict[str, Any]:
    """Graphs that nobody draws first: no steps, no elements, no finite numbers, several outputs."""
    x, v = leaf(0.5, "x"), leaf([1.0, 2.0, 3.0], "v")
    M = leaf(np.random.default_rng(0).normal(size=(3, 3)), "M")
    Z, empty = leaf(np.array([1 + 2j, 3.0]), "Z"), leaf(np.zeros((0, 3)), "empty")
    huge, odd = leaf([1e308, 1e-308, -1e300], "huge"), leaf([np.nan, np.inf, -np.inf], "odd")
    at = np.array([0, 2, 2])
    with np.errstate(all="ignore"):
        return {
            "a leaf": x,
            "a vector": v,
            "one step": x * 1,
            "no elements": empty * 2,
            "their sum": (empty * 2).sum(),
            "not finite": odd * 2,
            "sum of those": (odd * odd).sum(),
            "overflow": (huge * huge).sum(),
            "log of 0": mg.log(x * 0),
            "fft": np.abs(np.fft.fft(v)),
            "det": np.linalg.det(M),
            "solve": np.linalg.solve(M, v),
            "eigh": np.linalg.eigh(M + M.T)[0],
            "svd": np.linalg.svd(M)[1].sum(),
            "qr": np.linalg.qr(M)[1],
            "complex": np.abs(Z).sum(),
            "index": M[at],
            "where": np.where(v > 1.5, v, 0),
            "sort": np.sort(v)[0],
            "einsum": np.einsum("ij,j->i", M, v),
            "convolve": np.convolve(v, v),
            "thrice": x * x * x,
        }


@pytest.mark.parametrize("name", odd_graphs())
def test_odd_graphs_in_every_form(name: str, tmp_path: Path) -> None:
    L = odd_graphs()[name]
    for how in ({}, {"collapse": True, "theme": "dark"}, {"width": 200}, {"direction": "BT"}):
        drawing = mg.draw(L, **how)  # type: ignore[arg-type]
        assert str(drawing)
        assert drawing.dot.startswith("digraph")
        ElementTree.fromstring(sketch.svg(drawing._scene))
        assert drawing.save(tmp_path / "x.tex").read_text("ascii").endswith("\\end{document}\n")
    drawing = mg.draw(L, L)
    assert "∂" in str(drawing)
    page = drawing.save(tmp_path / "x.html").read_text("utf-8")
    data = json.loads(page.split('id="graph">')[1].split("</script>")[0])
    assert len(data["vertices"]) == len(drawing.picture.vertices)
    assert ("program" in data) != ("fixed" in data)  # it computes, or says why not
