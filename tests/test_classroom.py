# ruff: noqa: E501
"""A class: hand-ins graded, hints, points, the command line, and hostile text everywhere."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.__main__ import main
from minigrad.derivation.classroom.code import left_by, plain_python, run
from minigrad.derivation.classroom.grades import Grade, Grades, safe

REFERENCE = """
import numpy as np
import minigrad as mg
x, y = 0.5, 1.5
w = mg.Tensor(0.3, requires_grad=True)
b = mg.Tensor(0.1, requires_grad=True)
z = w * x + b
a = mg.sigmoid(z)
L = 0.5 * (y - a) ** 2
required = ["dL/da", "dL/dw"]
"""
RIGHT = "import math\na = 1 / (1 + math.exp(-(w * x + b)))\nhand = {'dL/da': a - y, 'dL/dw': (a - y) * a * (1 - a) * x}"
HAND_INS = {
    "ada.py": RIGHT,
    "bob.py": RIGHT.replace("(a - y) * a", "a"),
    "cleo.py": "hand = {'dL/da': 'a - y', 'dL/dw': '2*(a - y)*a*(1 - a)*x'}",
    "eve.py": "import os\nos._exit(7)",
    "finn.py": "this is no Python",
    "gil.py": "raise SystemExit(3)",
    "hal.py": "print('nothing')",
    "ivy.py": "hand = {'=1+1': '<script>alert(1)</script>', 'dL/da': None}",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    (folder / "reference.py").write_text(REFERENCE)
    (folder / "in").mkdir()
    for name, text in HAND_INS.items():
        (folder / "in" / name).write_text(text)
    cells = [{"cell_type": "markdown", "source": ["# x"]},
             {"cell_type": "code", "source": ["%matplotlib inline\n", RIGHT]}]  # fmt: skip
    (folder / "in" / "joy.ipynb").write_text(json.dumps({"cells": cells}))
    return folder


@pytest.fixture(scope="module")
def grades(room: Path) -> Grades:
    return mg.grade(room / "reference.py", room / "in", {"dL/da": 1, "dL/dw": 3}, timeout=60)


def test_every_hand_in_has_a_grade_and_none_loses_the_others(grades: Grades) -> None:
    assert [g.student for g in grades] == [
        "ada",
        "bob",
        "cleo",
        "eve",
        "finn",
        "gil",
        "hal",
        "ivy",
        "joy",
    ]
    found = {g.student: (g.status, g.points) for g in grades}
    assert found["ada"] == found["joy"] == ("right", 4.0)
    assert found["bob"] == found["cleo"] == ("wrong", 1.0)
    for name in ("eve", "finn", "gil", "hal"):
        assert found[name] == ("failed", 0.0)
    assert found["ivy"][0] == "wrong"


def test_a_hand_in_that_never_ends_is_late(room: Path, tmp_path: Path) -> None:
    (tmp_path / "dan.py").write_text("while True:\n    pass")
    dan = mg.grade(room / "reference.py", [tmp_path / "dan.py"], timeout=2)["dan"]
    assert (dan.status, dan.points) == ("late", 0.0)
    assert "longer than 2 s" in dan.cause


def test_what_went_wrong_is_said(grades: Grades) -> None:
    assert grades["bob"].first == "dL/dw"
    assert "without the 2" in grades["cleo"].cause
    assert "exit code 7" in grades["eve"].cause
    assert "SyntaxError" in grades["finn"].cause
    assert "exit code 3" in grades["gil"].cause
    assert "no answers were found" in grades["hal"].cause
    assert sum(grades.histogram.values()) == 7
    assert "bob" in str(grades)
    assert "1/4" in str(grades)
    _, line, *rows = str(grades).splitlines()
    gaps = [i for i, c in enumerate(line) if c == " "]
    assert set(line) == {"-", " "}
    assert all(row[i : i + 1] in ("", " ") for row in rows[: len(grades.grades)] for i in gaps)
    with pytest.raises(KeyError, match="'zoe' handed nothing in"):
        grades["zoe"]


def test_files_are_written_and_everything_in_them_is_escaped(
    grades: Grades, tmp_path: Path
) -> None:
    rows = list(csv.reader(grades.to_csv(tmp_path / "g.csv").read_text().splitlines()))
    assert rows[1][:4] == ["ada", "4", "4", "right"]
    assert not any(cell[:1] in "=+@" and len(cell) > 1 for row in rows for cell in row if cell)
    content = json.loads(grades.to_json(tmp_path / "g.json").read_text())
    assert content["grades"][0]["student"] == "ada"
    grades.to_html(tmp_path / "pages")
    pages = list((tmp_path / "pages").glob("*.html"))
    assert len(pages) == 10
    for page in pages:
        assert "<script>" not in page.read_text()
    assert "<script>" not in grades._repr_html_()


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    """As Python reads the name of a file that is in Latin 1."""
    w = mg.Tensor(3.0, requires_grad=True)
    grades = mg.grade(w**2, {"Ren\udce9": {"dL/dw": 6.0, "dL/d\ud800": 1.0}})
    assert "Ren\\udce9" in grades.to_html(tmp_path / "pages").read_text("utf-8")
    assert "Ren\\udce9" in grades.to_csv(tmp_path / "g.csv").read_text("utf-8")
    content = json.loads(grades.to_json(tmp_path / "g.json").read_text("utf-8"))
    assert content["grades"][0]["student"] == "Ren\udce9"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "  =1", "|calc", "\n=1", "＝1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe(text).startswith("'")
    assert safe("Ada") == "Ada"


def test_names_of_students_are_no_markup_and_no_paths(tmp_path: Path) -> None:
    grades = Grades([Grade("<b>../../x</b>", 0, 1, "failed", cause="<i>")])
    assert "<b>" not in grades._repr_html_()
    grades.to_html(tmp_path / "p")
    assert {p.parent for p in tmp_path.rglob("*.html")} == {tmp_path / "p"}


def test_hand_ins_as_dicts_and_a_tensor_as_reference(room: Path) -> None:
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    z = w * x
    L = (z - y) ** 2
    dz = 2 * (z.item() - y)
    hand = {"b": {"dL/dz": -dz, "dL/dw": -dz * x}, "a": {"dL/dz": dz, "dL/dw": dz * x},
            "c": {}, "d": 7, "e": {"dL/dq": 1.0}}  # fmt: skip
    grades = mg.grade(L, hand, 10)
    assert [(g.student, g.status, g.points) for g in grades][:2] == [("a", "right", 10.0),
                                                                     ("b", "wrong", 5.0)]  # fmt: skip
    assert {g.status for g in grades} == {"right", "wrong", "failed"} or grades["e"].points == 0
    path = room / "solo.py"
    path.write_text("dz = -2.7\ndw = -1.35\n")
    assert mg.grade(L, [path])["solo"].status == "right"


def test_backward_functions_are_checked(tmp_path: Path) -> None:
    (tmp_path / "reference.py").write_text(
        "import numpy as np\n"
        "def forward(x, w):\n    out = x @ w\n    return out, (x, w)\n"
        "inputs = (np.eye(3), np.ones((3, 2)))\n"
    )
    good = "def backward(dout, cache):\n    x, w = cache\n    dx = dout @ w.T\n    dw = x.T @ dout\n    return dx, dw\n"
    (tmp_path / "good.py").write_text(good)
    (tmp_path / "bad.py").write_text(good.replace("x.T @ dout", "-x.T @ dout"))
    (tmp_path / "none.py").write_text("x = 1\n")
    files = [tmp_path / f"{name}.py" for name in ("good", "bad", "none")]
    grades = mg.grade(tmp_path / "reference.py", files, {"dL/dx": 1, "grad_w": 2})
    assert (grades["good"].status, grades["good"].points) == ("right", 3.0)
    assert (grades["bad"].first, grades["bad"].cause) == ("dw", "its sign is flipped")
    assert grades["bad"].points == 1.0
    assert grades["none"].cause == "ValueError: no function called backward was found"


def test_errors_of_the_teacher() -> None:
    w = mg.Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match="neither a Tensor nor a file"):
        mg.grade("nowhere.py", {"a": {}})
    with pytest.raises(ValueError, match="nothing was handed in"):
        mg.grade(w**2, {})
    with pytest.raises(TypeError, match="submissions are a dict of students"):
        mg.grade(w**2, 3)


# --- reports ---------------------------------------------------------------------------


def test_hints_come_in_stages() -> None:
    x = mg.Tensor(3.0, requires_grad=True)
    y = x**2
    L = 2 * y
    report = mg.check_derivation(L, {"dL/dy": -2.0, "dL/dx": -12.0})
    assert (
        report.hint() == report.hint(1) == "look at dL/dy again: all that comes before it is right"
    )
    assert report.hint(2) == "look at dL/dy again, for a sign"
    assert report.hint(3) == "dL/dy: its sign is flipped"
    assert report.score() == 0.5
    assert report.score({"dL/dx": 3, "dL/dy": 1, "dL/dz": 9}) == 3
    with pytest.raises(ValueError, match="level is 1"):
        report.hint(4)
    assert repr(report.first_error) == "<dL/dy wrong: its sign is flipped>"
    assert "background" in report._repr_html_()
    assert "background" in report.first_error._repr_html_()
    assert mg.check_derivation(L, {"dL/dy": 2.0}).hint(2) == "all is right"


def test_cmp_prints_what_everybody_prints_and_the_cause(capsys: Any) -> None:
    w = mg.Tensor([1.0, 2.0], requires_grad=True)
    h = w * 3
    loss = (h**2).sum()
    mg.cmp("h", 2 * h.data, h)
    mg.cmp("w", h.data * 3, w)
    mg.cmp("w", np.ones(3), w, output=loss)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("|")[1:] == [" exact: True  ", " approximate: True  ", " maxdiff: 0.0"]
    assert "exact: False | approximate: False | maxdiff: 18.0" in lines[1]
    assert "it is" in lines[2]  # ½, which is the mean of two as well
    assert "nan" in lines[3]
    tiny = np.sum(w) * 1e-12
    mg.cmp("w", [2e-12, 1e-12], w, output=tiny)
    assert "exact: False | approximate: False" in capsys.readouterr().out
    with pytest.raises(TypeError, match="cmp: 3 is not a Tensor"):
        mg.cmp("x", 1.0, 3)
    del loss
    lonely = mg.Tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="say output=loss"):
        mg.cmp("x", 1.0, lonely)


# --- the command line ------------------------------------------------------------------


def test_commands_and_exit_codes(room: Path, tmp_path: Path, capsys: Any) -> None:
    script = str(room / "reference.py")
    assert main(["explain", script]) == 0
    assert "dL/dw" in capsys.readouterr().out
    assert main(["explain", script, "--wrt", "q"]) == 2
    assert "no recorded Tensor is called 'q'" in capsys.readouterr().err
    assert main(["check", script]) == 0
    assert "finite differences" in capsys.readouterr().out
    wrong = tmp_path / "wrong.py"
    wrong.write_text(REFERENCE + "da = y - a.item()\n")
    assert main(["check", str(wrong)]) == 1
    assert "its sign is flipped" in capsys.readouterr().out
    assert main(["draw", script, "-o", str(tmp_path / "g.dot")]) == 0
    assert (tmp_path / "g.dot").read_text().startswith("digraph")
    assert main(["explain", str(tmp_path / "none.py")]) == 2
    assert "no such file or directory" in capsys.readouterr().err
    shouts = tmp_path / "shouts.py"
    shouts.write_text("raise RuntimeError('boom\\x1b[31m')")
    assert main(["explain", str(shouts)]) == 2
    assert r"RuntimeError: boom\x1b[31m" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"minigrad {mg.__version__}\n"


SCRIPTS = {
    "x = 1\nraise ValueError('boom')": "script.py, line 3: ValueError: boom",
    "w = mg.Tensor([1.0, 2.0], requires_grad=True)\nL = 2 * w": r"L has shape \(2,\): reduce it",
    "def f():\n    return mg.exp(mg.Tensor(1.0, requires_grad=True))\nf()": "outside of functions",
    "def f(:": "SyntaxError: invalid syntax",
    "import sys; sys.exit(3)": "ended with exit code 3",
    "w = mg.Tensor(0.0, requires_grad=True)\nL = w * float('nan')": "the output is nan",
    "\0": "null bytes",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_commands_say_what_is_wrong_with_a_script(script: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "script.py"
    path.write_text("import minigrad as mg\n" + script)
    assert main(["check", str(path)]) == 2
    assert re.search(SCRIPTS[script], capsys.readouterr().err)


def test_grading_on_the_command_line(room: Path, tmp_path: Path, capsys: Any) -> None:
    ada, bob, finn = (str(room / "in" / f"{n}.py") for n in ("ada", "bob", "finn"))
    reference = str(room / "reference.py")
    assert main(["grade", reference, ada, "--csv", str(tmp_path / "g.csv")]) == 0
    assert "ada" in (tmp_path / "g.csv").read_text()
    assert main(["grade", reference, ada, bob, "--points", "8"]) == 1
    assert "4/8" in capsys.readouterr().out
    assert main(["grade", reference, finn]) == 2
    capsys.readouterr()
    main(["grade", reference, str(room / "in")])
    assert re.findall("^(ada|bob)\\b", capsys.readouterr().out, re.MULTILINE) == ["ada", "bob"]


def test_the_module_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "minigrad", "--version"], capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == f"minigrad {mg.__version__}"


def test_an_interrupt_ends_the_hand_in_that_runs(tmp_path, monkeypatch):
    """Ctrl-C of the teacher: the student's endless loop must not go on."""
    import subprocess

    endless = tmp_path / "endless.py"
    endless.write_text("while True:\n    pass\n")
    reference = tmp_path / "reference.py"
    reference.write_text(REFERENCE)
    begun = []
    wait = subprocess.Popen.wait

    def interrupted(self, timeout=None):
        if not begun:
            begun.append(self)
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mg.grade(reference, [endless])
    assert begun[0].poll() is not None


DELETES = """
import glob, os
for path in [*glob.glob("*"), *glob.glob("../*")]:
    if os.path.isfile(path):
        os.remove(path)
"""


def test_a_hand_in_works_on_a_copy_and_keeps_what_it_found(room: Path, tmp_path: Path) -> None:
    """Deleting files harms nobody; answers before an error count, and the error is told."""
    reference = tmp_path / "reference.py"
    reference.write_text(REFERENCE)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "helper.txt").write_text("data")
    (folder / "amy.py").write_text("open('helper.txt').close()\n" + DELETES + RIGHT)
    cells = [RIGHT, "1 / 0"]
    book = {"cells": [{"cell_type": "code", "source": c} for c in cells]}
    (folder / "ben.ipynb").write_text(json.dumps(book))
    grades = mg.grade(reference, folder, timeout=120)
    assert [(g.student, g.status) for g in grades] == [("amy", "right"), ("ben", "right")]
    assert "stopped with ZeroDivisionError" in grades["ben"].cause
    assert reference.exists()
    assert len(list(folder.iterdir())) == 3


def test_what_a_hand_in_would_have_set_is_missing(tmp_path: Path) -> None:
    """Where it stopped before, left None, or gives what has points under no name at all."""
    start = "x, y, a = 0.5, 1.5, 0.5621765008857981\ndw = (a - y) * a * (1 - a) * x\n"
    codes = {"amy": "db = oops\n", "ben": "", "cy": "db = None\n", "dee": "db = dw / x\noops\n"}
    for name, code in codes.items():
        (tmp_path / f"{name}.py").write_text(start + code)
    x, y = 0.5, 1.5
    w, b = mg.Tensor(0.3, requires_grad=True), mg.Tensor(0.1, requires_grad=True)
    z = w * x + b
    a = mg.sigmoid(z)
    L = 0.5 * (y - a) ** 2
    grades = mg.grade(L, tmp_path, {"dL/dw": 3, "grad_b": 1}, timeout=60)
    assert [(g.status, g.points) for g in grades] == [("wrong", 3.0)] * 3 + [("right", 4.0)]
    assert [(g.first, g.kind) for g in grades] == [
        ("db", "missing"), ("grad_b", "missing"), ("db", "missing"), ("", "")
    ]  # fmt: skip
    assert "stopped with NameError" in grades["dee"].cause
    assert grades["ben"].cause == "not handed in: grad_b"


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("x = (7\n  % 4)", "x = (7\n  % 4)"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if 1:\n    !ls", "if 1:\n    pass"),
        ("%time x = 1", "x = 1"),
        ("files = !ls\nhome = %env HOME", "pass\npass"),
        ("x?\n?x", "pass\npass"),
        ("%%time\nx = 1", "x = 1"),
        ("%%bash\nrm -rf x", ""),
        ("await f()", "await f()"),
    ],
)
def test_cells_without_what_only_ipython_understands(cell: str, plain: str) -> None:
    assert plain_python(cell) == plain


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_files_in_the_encodings_of_editors(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "zoe.py"
    cookie = "# -*- coding: latin-1 -*-\n" if encoding == "latin-1" else ""
    path.write_bytes((cookie + "name = 'Zo\xeb'\n").encode(encoding))
    assert run(path)["name"] == "Zo\xeb"


def test_what_a_file_leaves_behind_when_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "book.ipynb"
    cells = ["a = 1\ndisplay(a)", "b = oops", "import asyncio\nawait asyncio.sleep(0)\nc = 3"]
    scope, stopped = left_by(path, cells)
    assert (scope["a"], scope["c"], "b" in scope) == (1, 3, False)
    assert isinstance(stopped, NameError)
    scope, stopped = left_by(tmp_path / "x.py", ["d = 4\nraise KeyboardInterrupt"])
    assert scope["d"] == 4
    assert str(stopped) == "x.py raised KeyboardInterrupt"
