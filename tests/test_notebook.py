"""The magics of notebooks, in IPython's own shell."""

import pytest

import minigrad as mg

pytest.importorskip("IPython")
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

SETUP = """
import numpy as np
import minigrad as mg
x, y = 0.5, 1.5
w = mg.Tensor(0.3, requires_grad=True)
a = mg.sigmoid(w * x)
L = 0.5 * (y - a) ** 2
def forward(X, W):
    z = X @ W
    h = np.tanh(z)
    return np.sum(h), (X, W, h)
X, W = np.array([[1.0, 2.0]]), np.array([[0.3], [-0.2]])
"""
BACKWARD = """
def backward(cache):
    X, W, h = cache
    dz = {}
    dX = dz @ W.T
    dW = X.T @ dz
    return dX, dW
"""


@pytest.fixture
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "minigrad")
    shell.run_cell(SETUP).raise_error()
    yield shell
    shell.reset()
    InteractiveShell.clear_instance()


def test_explain(shell):
    found = shell.run_cell("%explain L w").result
    assert str(found).splitlines()[0] == "dL/dw = dL/da · da/dw"


def test_draw(shell):
    assert "w (leaf): 0.3" in str(shell.run_cell("%draw L w").result)
    assert "∂L/∂w" in str(shell.run_cell("%draw L").result)


def test_grade(shell):
    right = shell.run_cell_magic("grade", "forward X W", BACKWARD.format("1 - h**2"))
    assert right.ok
    wrong = shell.run_cell_magic("grade", "forward X W", BACKWARD.format("1 - h"))
    assert not wrong.ok
    assert "dz = 1 - h" in str(wrong)


@pytest.mark.parametrize(
    ("magic", "line", "told"),
    [
        ("explain", "", "names of variables"),
        ("explain", "L", "%explain L w"),
        ("draw", "", "draw L"),
        ("explain", "L q", "%explain L q: name 'q' is not defined"),
        ("draw", "L; w", "invalid syntax"),
    ],
)
def test_lines_that_say_too_little(shell, magic, line, told):
    with pytest.raises(UsageError, match=told):
        shell.run_line_magic(magic, line)


@pytest.mark.parametrize(
    ("line", "cell", "told"),
    [
        ("forward X W", "x = 1\n", "defines no function"),
        ("", BACKWARD, "wants the forward function"),
    ],
)
def test_cells_that_say_too_little(shell, line, cell, told):
    with pytest.raises(UsageError, match=told):
        shell.run_cell_magic("grade", line, cell)


@pytest.mark.parametrize("line", ["%explain L", "%draw q", "%%grade forward X W\nx = 1"])
def test_what_is_misspelt_is_told_in_one_line(shell, capsys, line):
    assert not shell.run_cell(line).success
    told = "".join(capsys.readouterr())
    assert told.startswith("UsageError: %")
    assert "notebook.py" not in told


def test_an_error_in_the_cell_is_shown_once(shell, capsys):
    assert shell.run_cell("%%grade forward X W\n1 +").result is None
    assert "".join(capsys.readouterr()).count("SyntaxError") == 1


def test_bench_runs_the_benchmarks(capsys, monkeypatch):
    from minigrad.__main__ import main

    assert main(["bench", "--list"]) == 0
    assert "neuron" in capsys.readouterr().out
    monkeypatch.setitem(__import__("sys").modules, "benchmarks", None)
    monkeypatch.setitem(__import__("sys").modules, "benchmarks.__main__", None)
    assert main(["bench"]) == 2
    assert "in the source tree" in capsys.readouterr().err
    assert mg.__version__


@pytest.mark.parametrize("line", ["L w", "L, w", "L,w", "0.5*(y - a)**2, w", "(L) w"])
def test_names_stand_apart_by_blanks_or_commas(shell, line):
    ran = shell.run_cell(f"%explain {line}")
    ran.raise_error()
    assert "/dw" in str(ran.result)
