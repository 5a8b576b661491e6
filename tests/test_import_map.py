"""Imports point one way, those inside functions and for type checkers included."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import minigrad

PACKAGE = Path(minigrad.__file__).parent
LAYERS: list[set[str]] = [
    {"typing", "ops"},
    {"graph", "data", "constants", "numbers", "errors", "tree", "batch", "tensor", "linalg", "fft"},
    {"autodiff", "parallel"},
    {"reading", "debug", "differences", "gradcheck"},
    {"losses", "optim", "nn", "storage", "scipy", "coverage"},
    {"program", "writing", "onnx"},
    {"explain"},
    {"derivation", "reference"},
    {"draw", "plots", "notebook"},
]
"""From below to above; what shares a layer may know each other, but not in a circle of files."""
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}

UPWARD = {
    ("optim", "plots"): "the history of a training plots itself",
}
"""Imports that point upward still, each with a reason; the table only shrinks."""


def imports(file: Path) -> set[str]:
    """Full names of what a file of the package imports from it, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("minigrad.")}


def part_of(name: str) -> str:
    """The file or folder of the package that a full name lies in, if any."""
    part = name.split(".")[1]
    known = (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists()
    return part if known else ""


FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if f.parent != PACKAGE or f.stem[0] != "_"]


@cache
def arrows() -> dict[tuple[str, str], list[str]]:
    """(from, to) -> files, for every import between parts of the package."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in FILES:
        own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for part in {part_of(name) for name in imports(file)} - {own, ""}:
            found.setdefault((own, part), []).append(str(file.relative_to(PACKAGE)))
    return found


def test_every_part_has_a_place() -> None:
    parts = {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in FILES}
    assert not parts - HEIGHT.keys(), "give it a layer in LAYERS"


def test_no_import_points_upward() -> None:
    upward = {arrow: f for arrow, f in arrows().items() if HEIGHT[arrow[0]] < HEIGHT[arrow[1]]}
    assert not {arrow: f for arrow, f in upward.items() if arrow not in UPWARD}


def test_what_is_listed_as_upward_is_so_still() -> None:
    gone = UPWARD.keys() - {a for a in arrows() if HEIGHT[a[0]] < HEIGHT[a[1]]}
    assert not gone, "strike it from UPWARD"


TABLES = {"ops/elementwise.py", "ops/scipy_special.py"}
"""Long because they are tables: one row for each op."""
LONG = {("graph/walk.py", "backward_pass"): "the walk itself, written out for speed"}


def test_files_and_functions_are_short() -> None:
    """500 lines and 60, as `ruff` holds their complexity to 15."""
    files, functions = [], []
    for file in FILES:
        name, text = file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8")
        files += [name] * (text.count("\n") > 500)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node, clean=False) is not None
                begin = (node.body[0].end_lineno if documented else node.lineno - 1) or 0
                functions += [(name, node.name)] * ((node.end_lineno or 0) - begin > 60)
    assert set(files) == TABLES
    assert set(functions) == LONG.keys()
