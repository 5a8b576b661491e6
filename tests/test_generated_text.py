"""Generated text is code: whatever a user's names, keys and strings hold, it does nothing."""

from __future__ import annotations

import ast
import collections
import enum
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program.equations import Program
from minigrad.reading.wording import visible
from minigrad.tree import flatten
from minigrad.writing.literals import code
from minigrad.writing.names import identifier
from minigrad.writing.spellings import SPELLED
from minigrad.writing.terms import LEVELS, Term

V = np.arange(1.0, 4.0)
HOSTILE = [
    '"""+print("RAN")+"""',
    '\\"""+print("RAN")+"""',
    "');print('RAN');('",
    '"]\nprint("RAN")\n["',
    "\\",
    '"',
    "'\"\\",
    "{x}{0}%s",
    "a\u2028print('RAN')\rb\x00",
    "\ud800",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "$x$ \\input{/etc/passwd} %",
    "\u202eabc",
    "__import__('os').system('true')",
]


class Loud(str):
    def __repr__(self) -> str:
        return "print('RAN')"

    __str__ = __repr__


class Number(float):
    def __repr__(self) -> str:
        return "print('RAN')"

    __str__ = __repr__


class Whole(int):
    def __repr__(self) -> str:
        return "print('RAN')"

    __str__ = __repr__


class Double(np.float64):
    def __repr__(self) -> str:
        return "print('RAN')"

    __str__ = __repr__


def runs(f: Any, tmp_path: Path, *args: Any, **kwargs: Any) -> None:
    """The program of ``f`` saved, run from its file, and compared bit for bit."""
    program = mg.trace(f, *args, **kwargs)
    same(program, tmp_path, f(*args, **kwargs), *args, **kwargs)


def same(
    program: Program, tmp_path: Path, expected: Any, *args: Any, rtol: float = 0, **kwargs: Any
) -> None:
    path = tmp_path / "saved.py"
    program.save(path)
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls)
    with np.errstate(all="ignore"):
        found = runpy.run_path(str(path))[program.name](*args, **kwargs)
    for got, want in zip(flatten(found)[0], flatten(expected)[0], strict=True):
        if isinstance(want, str):
            assert got == want
            continue
        assert np.asarray(got).dtype == np.asarray(want).dtype
        scale = np.nanmax(np.abs(want), initial=0) if rtol else 0
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_strings_of_users_stay_strings(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(lambda x, mode: x * 2, tmp_path, V, text)
    runs(lambda x, mode: x * 2, tmp_path, V, [text, (text, {text: text})])
    runs(lambda x, mode="none": x * 2, tmp_path, V, mode=Loud(text))
    runs(lambda p: p[text] * 2, tmp_path, {text: V})
    runs(lambda p: p[0][(text, 1)] * 2, tmp_path, [{(text, 1): V, Loud(text): V}])
    runs(lambda x: {text: x * 2, "kept": [text, Loud(text)]}, tmp_path, V)
    named = mg.defop(text, lambda x: np.sin(x), [lambda g, ans, x: g * np.cos(x)])
    runs(lambda x: named(x) + named(2 * x), tmp_path, V)
    f = lambda x: x + 1
    f.__name__ = text
    runs(f, tmp_path, V)
    f.__doc__ = text
    runs(mg.value_and_grad(lambda x: (f(x) ** 2).sum()), tmp_path, V)
    constant = mg.Tensor(np.arange(3.0) + 0.1, name=text)
    runs(lambda x: x * constant, tmp_path, V)
    assert "RAN" not in capsys.readouterr().out


@pytest.mark.parametrize("x", [Number(1.5), Whole(3), Double(2.5), Loud("s"), np.longdouble("0.1")])
def test_classes_have_no_say_in_how_they_are_written(x: Any, tmp_path: Path) -> None:
    assert "print" not in code(x)
    if not isinstance(x, str):
        assert eval(code(x), {"np": np}) == x
        runs(lambda v: v * x + x, tmp_path, V)
    if isinstance(x, float | int):
        runs(lambda p: {x: p[x] * 2}, tmp_path, {x: V})
    runs(lambda v, fixed: v * 2, tmp_path, V, x)


def test_code_of_constants() -> None:
    for x in (
        None, ..., True, -3, 0.1, -np.inf, "a'b\"c\\", b"\"'", (1,), (), [1, (2.0, "x")], {},
        {"a": [None], 2: {"b"}}, frozenset({1}), slice(1, None), slice(None, None, -1),
        np.float32(0.1), np.int8(-3),
    ):  # fmt: skip
        found = eval(code(x), {"np": np})
        assert found == x and type(found) is type(x), code(x)
    for x in (
        object(),
        V.view([("a", "f8")]),
        np.array(["a"]),
        lambda: 0,
        1j,
        np.datetime64("nat"),
    ):
        with pytest.raises(ValueError, match="cannot be printed as source"):
            code(x)


@pytest.mark.parametrize("name", [*HOSTILE, "np", "class", "ﬁ", "1x", "", "x y", "soft-sign"])
def test_identifiers(name: str) -> None:
    found = identifier(name)
    assert found.isidentifier() and found != "np"
    ast.parse(f"{found} = 1")


# --- files that did not run -------------------------------------------------------------


class Plain(enum.Enum):
    A = 1


class Text(enum.StrEnum):
    A = "q"


def test_keys(tmp_path: Path) -> None:
    for key in (np.inf, -np.inf, Text.A, None, True, (1, "a"), -1, 0.5):
        runs(lambda p: {key: p[key] * 2}, tmp_path, {key: V})  # noqa: B023
    for key in (Plain.A, float("nan"), frozenset({1})):
        with pytest.raises(ValueError, match=r"key .* cannot be printed: use strings or numbers"):
            mg.trace(lambda p: p[key] * 2, {key: V}).source  # noqa: B018, B023


def test_names_that_mean_something_to_the_file(tmp_path: Path) -> None:
    file, allow_pickle, pathlib, _file, len, max = (np.arange(2000.0) + i for i in range(6))

    def constants(x: Any) -> Any:
        return mg.softmax(x * file + allow_pickle) + pathlib * _file + len * max

    runs(constants, tmp_path, 0.5)

    def parameters(slice: Any, sum: Any, print: Any, softmax: Any) -> Any:
        return mg.softmax(slice[1:]) * sum + print[::2] + softmax[:2]

    runs(parameters, tmp_path, V, 2.0, V, V)
    np_ = lambda x: x * 2
    np_.__name__ = "np"
    runs(np_, tmp_path, V)


SCALE = 1.5


def scaled(x: Any) -> Any:
    return np.sin(x) * SCALE


def make(k: Any) -> Any:
    return mg.defop("soft-sign", lambda x: x / (1 + np.abs(x)) * k, [lambda g, ans, x: g])


def with_defaults(k: float) -> Any:
    def forward(x: Any, *, twice: float = k, more: float = k + 1, plain: int = 2) -> Any:
        r"""A docstring with \ and "" and '''."""
        return x * twice * more * plain

    return mg.defop("spread", forward, [lambda g, ans, x, **k: g])


def test_ops_from_closures(tmp_path: Path) -> None:
    first, second, third = make(2.0), make(np.float64(3.0)), make(np.arange(3.0))
    runs(lambda x: first(x) + second(x) * third(x), tmp_path, V)
    one, two = with_defaults(2.0), with_defaults(np.inf)
    runs(lambda x: one(x) + two(x), tmp_path, V)
    own = mg.defop("own", lambda x: scaled(x) + SCALE, [lambda g, ans, x: g])
    runs(lambda x: own(x) * 2, tmp_path, V)
    opaque = make(object())
    program = mg.trace(lambda x: first(x), V)
    program.equations[0].op = opaque
    with pytest.raises(ValueError, match=r"soft-sign: its forward function uses k, .*argument"):
        program.source  # noqa: B018


def test_an_op_of_the_user_s_own_is_written_as_his(tmp_path: Path) -> None:
    for name in ("softplus", "softmax", "relu", "sum", "add", "square", "multiply", "exp"):
        other = mg.defop(name, lambda x: x + 100, [lambda g, ans, x: g], replace=True)
        runs(lambda x: other(x) * mg.softmax(mg.exp(x)), tmp_path, V)  # noqa: B023
        x = mg.Tensor(0.5, requires_grad=True)
        y = other(x)
        assert mg.explain(y * 2, x).rows[-1].number == "1"


def test_indices_and_pads(tmp_path: Path) -> None:
    X = np.arange(12.0).reshape(3, 4)
    for index in (
        (slice(None), [0, 0]), (..., [1, 1, 2]), (slice(0, 2), [1, 1]),
        ([0, 0], slice(None, None, -1)), ([1, 1],), (None, [0, 0]),
        (np.array([True, False, True]), 1),
    ):  # fmt: skip
        runs(mg.grad(lambda x: (x[index] ** 2).sum()), tmp_path, X)  # noqa: B023
    for mode in ("edge", "reflect", "symmetric", "wrap", "constant", "mean", "linear_ramp"):
        runs(mg.grad(lambda x: (np.pad(x, 1, mode=mode) ** 2).sum()), tmp_path, X)  # noqa: B023


def test_large_and_long_numbers(tmp_path: Path) -> None:
    for c in (1.7e308, 5e-324, 1e-308 / 3, np.longdouble("0.1"), np.longdouble(2), -1.7e308):
        runs(lambda x: x * c, tmp_path, V / 4)  # noqa: B023


def test_named_tuples(tmp_path: Path) -> None:
    Pair = collections.namedtuple("Pair", "a b")
    runs(lambda p: Pair(p.a * 2, p.b), tmp_path, Pair(V, V))


# --- pictures and pages -----------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_names_in_formulas_and_pages(text: str) -> None:
    w = mg.Tensor([0.5, 1.5], requires_grad=True, name=text)
    op = mg.defop(text, lambda x: x * 2, [lambda g, ans, x: 2 * g])
    L = (op(w) ** 2).sum()
    e = mg.explain(L, w)
    latex = e.to_latex()
    assert "\\input" not in latex and "\n%" not in latex
    assert not re.search(r"(?<!\\)[%$#]", latex)
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    page = e.to_html()
    ElementTree.fromstring(html_as_xml(page))
    assert "<script" not in page and "<img" not in page
    for row in str(e).splitlines() + e.to_markdown().splitlines():
        assert row.isprintable() or "\u2068" in row
    drawing = mg.draw(L)
    svg = ElementTree.fromstring(drawing.svg)
    assert not {"script", "image", "img"} & {element.tag.split("}")[-1] for element in svg.iter()}
    kinds = {line.strip().split(" ")[0] for line in drawing.dot.splitlines() if line.strip()}
    assert not any("RAN" in kind or "script" in kind for kind in kinds)


def html_as_xml(page: str) -> str:
    """A fragment of HTML without its style sheet, which is well-formed XML."""
    return re.sub("<style>.*?</style>", "", page, flags=re.DOTALL)


# --- random programs --------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(0, 240, 4))
def test_random_programs_run_from_their_files(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = pytest.importorskip("test_random_programs")
    # c·x is written as x / n where c is the share of one in n, which rounds once more.
    monkeypatch.delitem(SPELLED, mg.multiply)
    f, x, y = generator.program(seed)
    numpy_s = lambda x, y: f(np, x, y)
    for g in (mg.value_and_grad(numpy_s, argnums=(0, 1)), numpy_s):
        program = mg.trace(g, x, y)
        with np.errstate(all="ignore"):
            # What is added in place at several indices is added in another order, and a share
            # of one in n is written as a quotient, which rounds once more.
            same(
                program,
                tmp_path,
                program(x, y),
                x,
                y,
                rtol=1e-14 if re.search(r"\.at\(| \+= | / ", program.source) else 0,
            )


def test_signs_of_terms() -> None:
    """Behind a sign a power has parentheses, and what has a sign loses it."""
    found = {level: (f"{Term('-a', level):signed}", f"{Term('-a', level):negated}")
             for level in LEVELS}  # fmt: skip
    assert found["unary"] == ("-a", "a")
    assert all(signed == "(-a)" for level, (signed, _) in found.items() if level not in
               ("unary", "atom"))  # fmt: skip
    assert found["atom"] == ("-a", "--a") and found["power"] == ("(-a)", "-(-a)")
    assert f"{Term('a', 'unary'):negated}" == "-a" and f"{Term('a*b', 'product'):power}" == "(a*b)"


def test_text_from_right_to_left_is_isolated_once() -> None:
    words = "\u05e9\u05dc"
    assert visible(words) == f"\u2068{words}\u2069" and visible(visible(words)) == visible(words)
    assert visible("é") == "é" and visible("a\u202eb") == "a\\u202eb"
