"""What a browser's Python lacks is not missed: threads, processes, affinity, dot, graphviz.

Its limits are imposed on a Python of this machine.  Where ``PYODIDE`` names the folder of a
Pyodide (``pyodide.mjs``, NumPy's wheel) and Node is there, the same is run in the real one.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LIMITS = """
import os, subprocess, sys, threading

sys.platform = "emscripten"
for name in ("sched_getaffinity", "fork"):
    if hasattr(os, name):
        delattr(os, name)


def refused(self, *args, **kwargs):
    raise RuntimeError("can't start new thread")


def no_processes(self, *args, **kwargs):
    raise OSError("emscripten does not support processes.")


threading.Thread.start = refused
subprocess.Popen.__init__ = no_processes
os.environ["PATH"] = ""
sys.modules["graphviz"] = sys.modules["pygraphviz"] = None
"""

SESSION = """
import numpy as np
import minigrad as mg

x, y = 0.5, 1.5
w = mg.Tensor(0.3, requires_grad=True)
a = mg.sigmoid(w * x)
L = 0.5 * (y - a) ** 2
L.backward()
print(mg.explain(L, w))
print(mg.draw(L, w))
assert mg.draw(L, w)._repr_mimebundle_()
assert mg.check_derivation(L, {"dL/dw": float(w.grad)}).ok


def loss(v):
    return np.mean(np.tanh(v) ** 2)


v = np.linspace(-1, 1, 300_000)
value, gradient = mg.compile(mg.value_and_grad(loss))(v)
assert np.allclose(gradient, mg.grad(loss)(v))
print(mg.trace(mg.grad(loss), v).source)
mg.draw(L).save("page.html")
net = mg.nn.Linear(2, 1, rng=np.random.default_rng(0))
mg.save("net.npz", net.state_dict())
net.load_state_dict(mg.load("net.npz"))
hands = {"Ada": {"dL/dw": float(w.grad)}, "Bob": {"dL/dw": -float(w.grad)}}
assert [g.status for g in mg.grade(L, hands)] == ["right", "wrong"]
open("ada.py", "w").write("hand = {}")
(grade,) = mg.grade(L, ["ada.py"])
assert (grade.status, "a dict of answers" in grade.cause) == ("failed", True)
"""

PAGES = r"""
import doctest, pathlib, re, warnings

warnings.simplefilter("ignore", RuntimeWarning)
failed = 0
for page in pages:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", page[1], re.MULTILINE | re.DOTALL):
        test = doctest.DocTestParser().get_doctest(block, names, page[0], page[0], 0)
        runner.run(test, clear_globs=False)
        names = test.globs
    assert runner.tries, page[0]
    failed += runner.failures
assert not failed, failed
"""


def pages(*names):
    """A program that runs the blocks of these pages, which need NumPy alone."""
    texts = [(n, (ROOT / n).read_text(encoding="utf-8")) for n in names]
    return f"pages = {texts!r}\n{PAGES}"


def cells():
    """A program that runs the cells to try of the site."""
    spec = importlib.util.spec_from_file_location("tryit", ROOT / "docs" / "tryit.py")
    tryit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tryit)
    return "\n".join(
        f"exec(compile({tryit.cell(page)!r}, {page!r}, 'exec'), {{}})" for page in tryit.CELLS
    )


CELLS = cells()
SHORT = pages("docs/start.md", "docs/derivations.md")
LONG = pages("README.md", *(f"docs/{n}.md" for n in (
    "explain", "programs", "training", "nn", "forward", "courses", "pictures", "explorer",
    "migration", "how_it_works", "gan", "from_scratch", "landscapes")))  # fmt: skip


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(SESSION, id="session"),
        pytest.param(CELLS, id="cells"),
        pytest.param(SHORT, id="pages"),
        pytest.param(LONG, id="more pages", marks=pytest.mark.full),
    ],
)
def test_a_session_as_in_a_browser(program, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITS + program],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "page.html").exists() == (program is SESSION)


IN_NODE = """
import { readFileSync } from "fs";
const { home, program, wheel } = JSON.parse(readFileSync(0, "utf8"));
const { loadPyodide } = await import(`${home}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: `${home}/` });
await python.loadPackage("numpy", { messageCallback: () => {} });
const data = readFileSync(wheel);
python.unpackArchive(data.buffer.slice(data.byteOffset, data.byteOffset + data.length), "wheel");
try {
    python.runPython(program);
} catch (error) {
    console.log(String(error));
    process.exit(1);
}
"""


@pytest.mark.skipif(
    "PYODIDE" not in os.environ or shutil.which("node") is None,
    reason="needs Node, and a Pyodide in the folder that PYODIDE names",
)
@pytest.mark.parametrize(
    "program", [SESSION, CELLS, SHORT, LONG], ids=["session", "cells", "pages", "more pages"]
)
def test_a_session_in_pyodide(program, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True
    )
    (wheel,) = tmp_path.glob("minigrad-*-py3-none-any.whl")
    (tmp_path / "run.mjs").write_text(IN_NODE)
    order = {"home": os.environ["PYODIDE"], "program": program, "wheel": str(wheel)}
    done = subprocess.run(
        ["node", "run.mjs"], input=json.dumps(order), capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
