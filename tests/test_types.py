"""What type checkers are told is what happens.

``tests/typed_program.py`` is checked by mypy, with everything else (``make lint``).
"""

import inspect
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import stubs
from tables import each


@pytest.mark.skipif(
    not np.__version__.startswith(f"{stubs.NUMPY}."), reason="the stubs follow another NumPy"
)
@pytest.mark.parametrize("path", [*stubs.PATHS.values(), stubs.METHODS])
def test_stubs_are_current(path):
    written = stubs.stubs()
    path = stubs.ROOT / path
    assert path.read_text() == written[path], "python tests/stubs.py writes them anew"


def test_the_typed_program_runs(capsys):
    runpy.run_path(str(Path(__file__).with_name("typed_program.py")), run_name="__main__")
    assert "dloss/dw" in capsys.readouterr().out


MODULES = {"": mg, "linalg": mg.linalg, "fft": mg.fft, "nn.functional": mg.nn.functional}
CALLS = [
    (m, name)
    for m, module in MODULES.items()
    for name, f in sorted(vars(module).items())
    if name[0] != "_" and stubs.is_op(f)
]


@each("module, name", CALLS)
def test_results_are_of_the_types_stated(module, name):
    """Called with as many square matrices as it needs."""
    function = getattr(MODULES[module], name)
    needed = [
        p
        for p in stubs.parameters(function)
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if any(p.name not in stubs.DATA for p in needed) or not needed:
        return
    matrix = np.array([[1.2, 1.3], [1.1, 1.6]]) - (not name.endswith("cosh"))
    given = [mg.Tensor(matrix + i) for i, _ in enumerate(needed)]
    try:
        result = function(*given)
    except (ValueError, TypeError):  # it wants vectors, or whole numbers
        return
    ours = stubs.results(stubs.PREFIX.get(module, "") + name, function)[0]
    if ours == "Any":
        return
    kind = ours.split("[")[0]
    assert isinstance(result, {"Tensor": mg.Tensor, "list": list, "tuple": tuple}[kind])
    if kind != "Tensor":
        assert all(isinstance(part, mg.Tensor) for part in result)


def test_signatures_are_those_of_the_functions():
    assert str(inspect.signature(mg.exp)) == "(x)"
    assert list(inspect.signature(mg.sum).parameters) == [
        "a", "axis", "dtype", "keepdims", "initial", "where",
    ]  # fmt: skip
    assert "axis" in inspect.signature(mg.Tensor.sum).parameters
    assert "a" not in inspect.signature(mg.Tensor(1.0).sum).parameters
    for name in mg.__dir__():
        function = getattr(mg, name)
        if name[0] != "_" and callable(function) and not inspect.isclass(function):
            inspect.signature(function)


@pytest.mark.full
def test_types_are_complete():
    """By pyright, of everything that can be imported."""
    pytest.importorskip("pyright")
    found = subprocess.run(
        [sys.executable, "-m", "pyright", "--verifytypes", "minigrad", "--ignoreexternal",
         "--outputjson"],
        capture_output=True, text=True, check=False, cwd=stubs.ROOT.parent,
    )  # fmt: skip
    assert json.loads(found.stdout)["typeCompleteness"]["completenessScore"] >= 0.99
