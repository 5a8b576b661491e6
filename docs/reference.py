"""Write the pages of the reference: every public name, from its signature and docstring."""

import importlib
import inspect
from pathlib import Path

from sphinx.ext.napoleon import Config, NumpyDocstring

import minigrad as mg
from minigrad.ops.record import Op

PARTS = {
    "readings": ("Readings", "Explain, grade, draw, trace.", "explain paths why check_derivation "
                 "check_backward assert_derivation exercise grade cmp draw explore trace compile "
                 "Program gradcheck debug save load"),
    "derivatives": ("Derivatives", "Functions of functions, and the Tensor.", "Tensor grad "
                    "value_and_grad gradients jacobian hessian hvp jvp vjp linearize vmap "
                    "checkpoint defop no_grad buffer"),
}  # fmt: skip
MODULES = {
    "linalg": "Linear algebra", "fft": "Fourier transforms", "losses": "Losses", "nn": "Layers",
    "nn.functional": "Functions of layers", "optim": "Optimisers", "plots": "Plots",
    "scipy.stats": "SciPy: distributions", "scipy.special": "SciPy: special functions",
    "scipy.linalg": "SciPy: linear algebra", "scipy.optimize": "SciPy: optimisation",
    "scipy.integrate": "SciPy: integrals", "scipy.interpolate": "SciPy: interpolation",
    "scipy.signal": "SciPy: signals", "scipy.ndimage": "SciPy: images",
    "scipy.sparse": "SciPy: sparse matrices", "onnx": "Models of ONNX",
    "parallel": "Many processes",
}  # fmt: skip


def write(home):
    """Write ``reference/*.rst``, a page for each part."""
    folder = Path(home) / "reference"
    folder.mkdir(exist_ok=True)
    told = {name for _, _, names in PARTS.values() for name in names.split()}
    pages = {
        part: page(title, what, "minigrad", names.split())
        for part, (title, what, names) in PARTS.items()
    }
    rest = [n for n in dir(mg) if n[0] != "_" and n not in told and callable(getattr(mg, n))]
    pages["functions"] = page("Functions", "NumPy's, and what networks need.", "minigrad", rest)
    for module, title in MODULES.items():
        found = importlib.import_module(f"minigrad.{module}")
        names = [
            n
            for n in dir(found)
            if n[0] != "_"
            and callable(getattr(found, n))
            and (n in vars(found) or isinstance(getattr(getattr(found, n), "op", None), Op))
        ]
        pages[module] = page(title, "", f"minigrad.{module}", sorted(names), found)
    for name, text in pages.items():
        keep(folder / f"{name}.rst", text)
    listing = "\n".join(f"   {name}" for name in pages)
    keep(folder / "index.rst", f"Reference\n=========\n\n.. toctree::\n\n{listing}\n")


def page(title, what, module, names, home=mg):
    """One page: for each name its signature and its docstring as it stands."""
    lines = [title, "=" * len(title), "", what, "", f".. py:module:: {module}", "   :no-index:", ""]
    first = {}
    for name in names:
        thing = getattr(home, name)
        own = first.setdefault(id(thing), getattr(thing, "__name__", name))
        if own != name and own in names:
            lines += [f".. py:function:: {module}.{name}", "", f"   Another name of `{own}`.", ""]
        else:
            lines += entry(name, thing, module)
    return "\n".join(lines) + "\n"


def entry(name, thing, module):
    try:
        signature = inspect.signature(thing)
        bare = [
            p.replace(annotation=p.empty, default=p.default if simple(p.default) else ...)
            for p in signature.parameters.values()
        ]
        given = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    except (TypeError, ValueError):
        given = "(...)"
    doc = inspect.getdoc(thing) or ""
    kind = "class" if inspect.isclass(thing) else "function"
    lines = [f".. py:{kind}:: {module}.{name}{given}", ""]
    if doc:
        first, _, rest = doc.partition("\n\n")
        lines += ["   " + " ".join(first.split()).replace("*", "\\*"), ""]
        if rest:
            told = str(NumpyDocstring(rest, Config(napoleon_use_rtype=False)))
            lines += [f"   {line}".rstrip() for line in told.splitlines()] + [""]
    return lines


def simple(default):
    return default is inspect.Parameter.empty or isinstance(
        default, int | float | str | tuple | type(None)
    )


def keep(path, text):
    """Write what changed only, so that a second build has little to do."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
