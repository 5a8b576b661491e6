"""What a browser's Python lacks is not missed: threads, processes, affinity, dot, graphviz.

Pyodide itself is not run here; its limits are imposed on a Python of this machine.
"""

import subprocess
import sys

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
"""


def test_a_session_as_in_a_browser(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITS + SESSION],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").exists()
