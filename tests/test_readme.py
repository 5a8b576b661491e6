"""What the pages say is true: their examples run, and their tables agree with the engine."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from tables import each

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def lacks(package: str) -> bool:
    """Whether it cannot be imported: a campaign of mutants refuses some."""
    try:
        return importlib.util.find_spec(package) is None
    except ModuleNotFoundError:
        return True


OPTIONAL = [name for name in ("dask", "joblib", "onnx", "scipy") if lacks(name)]


def blocks(page: Path) -> list[tuple[int, str]]:
    """The ``python`` blocks of a page, each with the number of its first line."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, m.start(1)), m[1]) for m in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page(page: Path) -> None:
    """All blocks of a page, top to bottom, in one namespace as a reader would run them."""
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report: list[str] = []
    for line, text in blocks(page):
        if any(
            f"import {name}" in text or f"from {name}" in text or f"mg.{name}." in text
            for name in OPTIONAL
        ):
            continue
        assert ">>>" in text, f"{page.name}:{line}: a python block without an example"
        test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line)
        runner.run(test, out=report.append, clear_globs=False)
        names = test.globs
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@cache
def mapped() -> list[str]:
    """The files in the map of docs/how_it_works.md, in its order."""
    text = (ROOT / "docs" / "how_it_works.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([\w/]+\.py)`", text, re.MULTILINE)


def test_the_map_of_files_is_complete() -> None:
    package = ROOT / "minigrad"
    assert sorted(mapped()) == sorted(
        p.relative_to(package).as_posix() for p in package.rglob("*.py")
    )


@each("file", mapped())
def test_imports_point_up_the_map(file: str) -> None:
    above = mapped()[: mapped().index(file)]
    for statement in ast.parse((ROOT / "minigrad" / file).read_text(encoding="utf-8")).body:
        module = str(getattr(statement, "module", ""))
        if not module.startswith("minigrad"):
            continue
        base = ROOT.joinpath(*module.split("."))
        for alias in statement.names:  # a module of the package, or a name in a module
            places = [base / f"{alias.name}.py", base / alias.name / "__init__.py"]
            places += [base.parent / f"{base.name}.py", base / "__init__.py"]
            used = next(p for p in places if p.is_file()).relative_to(ROOT / "minigrad")
            assert used.as_posix() in above, f"{file} imports {used}"


# --- docs/conventions.md ---------------------------------------------------------------


def conventions() -> list[tuple[str, str, str]]:
    """Expression, point and derivative of every row of the table."""
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]*\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\|.*`", text, re.MULTILINE)) > 90
    return rows


@pytest.mark.parametrize(("expression", "point", "derivative"), conventions())
def test_convention(expression: str, point: str, derivative: str) -> None:
    """The gradient of the sum of ``expression`` at ``x = point`` is ``derivative``."""
    scope = {"np": np, "mg": mg, "nan": np.nan, "inf": np.inf}

    def value(text: str) -> Any:
        found = eval(text, scope)
        return np.array(found) if isinstance(found, list) else found

    def total(x: Any) -> Any:
        return np.sum(eval(expression, scope, {"x": x}))

    with np.errstate(all="ignore"):
        got = mg.grad(total)(value(point))
    expected = value(derivative)
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-15, atol=0)
