"""A cell to try at the end of some pages: Python in the browser, with this minigrad in it.

JupyterLite's console, with Pyodide as its kernel, becomes part of the site, and so does
minigrad's own wheel.  Pyodide itself comes from its public CDN when a reader asks for the cell;
``PYODIDE=FOLDER make docs`` puts the one of a folder into the site instead.  Where
jupyterlite-sphinx or jupyterlite-pyodide-kernel is not installed, pages end without the cell.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

NEEDED = (
    "jupyterlite_sphinx",
    "jupyterlite_pyodide_kernel",
    "hatchling",
    "hatch_fancy_pypi_readme",
)
HERE = Path(__file__).parent
LITE = HERE.parent / "build" / "lite"

CELLS = {
    "start": """
        import numpy as np
        import minigrad as mg

        x, y = 0.5, 1.5
        w = mg.Tensor(0.3, requires_grad=True)
        a = mg.sigmoid(w * x)
        L = 0.5 * (y - a) ** 2
        print(mg.explain(L, w))
        mg.check_derivation(L, {"dL/da": "y - a", "da/dw": "a*(1 - a)*x"})  # which sign is wrong?
        """,
    "derivations": """
        import numpy as np
        import minigrad as mg

        X, y, m = np.array([[1.0, 2], [3, -1], [0.5, 1], [-2, 1]]), np.array([1.0, 0, 1, 0]), 4
        w = mg.Tensor([0.1, -0.2], requires_grad=True)
        z = X @ w
        p = mg.sigmoid(z)
        L = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        mg.check_derivation(L, {"dL/dz": "(p - y)/m", "dL/dw": "X.T @ (p - y)"})  # write your own
        """,
    "explain": """
        import numpy as np
        import minigrad as mg

        x, y = 0.5, 1.5
        w = mg.Tensor(0.3, requires_grad=True)
        z = w * x
        s = 1 / (1 + np.exp(-z))  # or np.tanh(z), np.log1p(np.exp(z)), ...
        L = (y - s) ** 2
        print(mg.explain(s, z))
        mg.explain(L, w)
        """,
    "programs": """
        import numpy as np
        import minigrad as mg

        def loss(W, X, y):
            p = mg.sigmoid(X @ W)
            return np.mean((p - y) ** 2)

        rng = np.random.default_rng(0)
        W, X, y = rng.normal(size=(3, 1)), rng.normal(size=(50, 3)), np.ones((50, 1))
        print(mg.trace(mg.grad(loss), W, X, y))
        """,
    "pictures": """
        import minigrad as mg

        x, y = 0.5, 1.5
        w = mg.Tensor(0.3, requires_grad=True)
        a = mg.sigmoid(w * x)
        L = 0.5 * (y - a) ** 2
        mg.draw(L, w)
        """,
}

ASKED = """

## Try it

```python
{shown}
```

````{{replite}}
:kernel: python
:height: 30rem
:prompt: Run this here, in your browser, and change it
{code}
````
"""


def available():
    """Whether the cell can be built here."""
    return all(importlib.util.find_spec(name) for name in NEEDED)


def cell(page):
    """The lines of a page's cell."""
    return dedent(CELLS[page]).strip()


def installed(code):
    """These lines as the kernel needs them: the site's wheel first, then what it imports."""
    return f"%pip install -q --no-deps minigrad\n{code}"


def asked(app, page, source):
    """Let a page end with its cell."""
    if page in CELLS:
        code = cell(page)
        source[0] += ASKED.format(code=installed(code), shown=code)


def prepared():
    """The folder of JupyterLite's settings: minigrad's wheel, and where Pyodide is."""
    LITE.mkdir(parents=True, exist_ok=True)
    for old in LITE.glob("*.whl"):
        old.unlink()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(LITE)],
        cwd=HERE.parent, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (wheel,) = LITE.glob("minigrad-*-py3-none-any.whl")
    settings = {
        "LiteBuildConfig": {"no_sourcemaps": True, "cache_dir": str(LITE / "cache")},
        "PipliteAddon": {"piplite_urls": [str(wheel)]},
    }
    own = LITE / "static" / "pyodide"  # where JupyterLite looks for one
    own.unlink(missing_ok=True)
    if "PYODIDE" in os.environ:
        own.parent.mkdir(exist_ok=True)
        own.symlink_to(Path(os.environ["PYODIDE"]).resolve())
    (LITE / "jupyter_lite_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return LITE


def pyodide():
    """Where a reader's browser finds Pyodide, seen from the root of the site."""
    from jupyterlite_pyodide_kernel.constants import PYODIDE_CDN_URL

    home = "lite/static/pyodide" if "PYODIDE" in os.environ else PYODIDE_CDN_URL
    return f"{home}/pyodide.mjs"


def without_fonts(app, config):
    """The site asks nothing of other servers when a page opens."""
    app.registry.css_files[:] = [f for f in app.registry.css_files if "googleapis" not in f[0]]


def setup(app):
    if not available():
        return {"parallel_read_safe": True}
    app.setup_extension("jupyterlite_sphinx")
    folder = prepared()
    app.config.jupyterlite_dir = str(folder)
    app.config.jupyterlite_config = str(folder / "jupyter_lite_config.json")
    app.config.jupyterlite_bind_ipynb_suffix = False
    app.connect("source-read", asked)
    app.connect("config-inited", without_fonts)
    app.add_js_file("try.js", **{"data-pyodide": pyodide()})
    return {"parallel_read_safe": True}
