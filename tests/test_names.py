"""What the user calls the parts of a graph: variables, constants, containers."""

from __future__ import annotations

import pathlib
import runpy
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.reading.names import names

SNIPPET = """
def main():
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    z = w * x
    L = 0.5 * (y - z) ** 2
    return read(names([L.node]))
found = main()
"""


def read(n: Any) -> dict[str, list[str]]:
    """Name of each operation -> names of its arguments, numbers for literals."""
    table = {}
    for node in sorted(n.nodes, key=lambda node: node.seq):
        words = [
            n.of(p) if p is not None else n.constant(node, i) or str(node.args[i])
            for i, p in enumerate(node.parents)
        ]
        if words:
            table[n.of(node)] = words
    return table


EXPECTED = {"z": ["w", "x"], "t1": ["y", "z"], "t2": ["t1", "2"], "L": ["0.5", "t2"]}


def test_a_literal_is_told_from_a_variable_that_is_the_same_object() -> None:
    x, y = 0.5, 1.5
    w = mg.Tensor(0.3, requires_grad=True)
    z = w * x
    L = 0.5 * (y - z) ** 2
    assert read(names([L.node])) == EXPECTED
    assert read([names([L.node]) for _ in "1"].pop()) == EXPECTED
    site = names([L.node]).site(z.node)
    assert site is not None and site.code == "z = w * x"


def test_without_source() -> None:
    scope: dict[str, Any] = {"mg": mg, "names": names, "read": read}
    exec(SNIPPET, scope)
    assert scope["found"] == EXPECTED


def test_containers_transposes_and_given_names() -> None:
    nothing = None  # an array without a base is not looked up as this
    X = np.arange(6.0).reshape(3, 2)
    params = {"W": mg.Tensor(np.ones((3, 1)), requires_grad=True)}
    layers = [mg.Tensor(np.ones(1), requires_grad=True, name="bias")]
    out = (X.T @ params["W"] + layers[0] + np.full((2, 1), 0.1)).sum()
    n = names([out.node])
    assert nothing is None
    assert n.node[params["W"].node] == "params['W']"
    assert n.node[layers[0].node] == "bias"
    assert read(n)["t1"] == ["X.T", "params['W']"]
    held = {"again": out}
    assert names([held["again"].node]).of(out.node) == "out"


def test_cells_keep_names_of_numbers_though_a_dict_holds_them_too() -> None:
    """As in a notebook: each cell is run by itself, in variables that somebody keeps in a dict."""
    cells = [
        "x, y = 0.5, 1.5",
        "w = mg.Tensor(0.3, requires_grad=True)\nz = w * x\nL = (y - z) ** 2",
        "found = str(mg.explain(L, w))",
    ]
    variables: dict[str, Any] = {"mg": mg}
    for i, cell in enumerate(cells):
        exec(compile(cell, f"<cell {i}>", "exec"), variables)
    assert "-2·(y - z)" in variables["found"]
    assert "dz/dw = x" in variables["found"]


SCRIPT = """
import numpy as np, minigrad as mg
def told(output, *wrt):
    return [row.formula for row in mg.explain(output, wrt).rows]
class Line: pass
line, X, S = Line(), np.ones((2, 3)), np.eye(3)
line.w = mg.Tensor(np.ones(3), requires_grad=True)
r = line.w @ (X @ np.linalg.inv(S)).T
loss = r @ r
found = told(loss, line.w)
loss = np.sum(loss) - 1
r = 0
"""


def test_a_helper_of_a_script_is_told_in_the_words_of_the_script(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    assert runpy.run_path(str(path))["found"] == ["2·r", "dr @ (X @ S⁻¹)"]
