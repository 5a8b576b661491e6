"""Assignments in the user's code: what they set, read and spell out.

Read from the source; where there is none, from the bytecode, which lacks but the text.
"""

from __future__ import annotations

import ast
import dis
import functools
import itertools
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import CodeType

Place = tuple[int, int]

MODULE = ("<module>", "<cell line: 1>")
"""What code outside of functions is called."""
CELLS, CELL_LINES = 100, 100_000
"""Of a notebook, so many cells are read, none of which has so many lines."""


@dataclass(frozen=True)
class Statement:
    """An assignment in the user's source: what it sets, reads and spells out.

    Attributes
    ----------
    targets, loads : frozenset of str
        Names and paths (``self.z``) that it sets, names that it reads.
    literals : frozenset of float
        The numbers in it.
    line : int
    code : str
    values : dict
        Target -> the expression that is assigned to it; empty without source.
    loops : dict or None
        In a loop, the variables that loops set, each with the expression of what it runs
        through, or None where that is not one sequence.
    place : (int, int)
        The line and the column where it begins.
    outermost : (int, int) or None
        Where the outermost loop around it begins.
    """

    targets: frozenset[str]
    loads: frozenset[str]
    literals: frozenset[float]
    line: int
    code: str
    values: dict[str, ast.expr] = field(default_factory=dict, compare=False)
    loops: dict[str, ast.expr | None] | None = field(default=None, compare=False)
    place: Place = (0, 0)
    outermost: Place | None = None


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of nests without end
        return None


def statements(filename: str, function: str, first: int) -> list[Statement]:
    """Assignments in one function (or at module level) of a file; none without source."""
    source = "".join(linecache.getlines(filename)) if filename else ""
    return _statements(source, function, first) if source else []


@functools.lru_cache(maxsize=256)
def _statements(source: str, function: str, first: int) -> list[Statement]:
    tree = function_tree(source, function, first)
    if isinstance(tree, ast.Lambda):  # which returns what it is
        tree = ast.Module([ast.copy_location(ast.Return(tree.body), tree.body)], [])
    found = _assignments(tree) if tree is not None else ()
    return [_statement(part, source, loops, outermost) for part, loops, outermost in found]


def earlier_cells(cells: list[object]) -> list[Statement]:
    """Assignments in the cells of a notebook that have run, in that order."""
    return _in_cells(tuple(c for c in cells[-CELLS:] if isinstance(c, str)))


@functools.lru_cache(maxsize=4)
def _in_cells(cells: tuple[str, ...]) -> list[Statement]:
    found: list[Statement] = []
    for ago, cell in enumerate(cells[::-1]):
        up = CELL_LINES * (ago + 1)  # places in other cells are other places
        for s in _statements(cell, MODULE[0], 0):
            loop = s.outermost and (s.outermost[0] - up, s.outermost[1])
            found.append(replace(s, place=(s.place[0] - up, s.place[1]), outermost=loop))
    return sorted(found, key=lambda s: s.place)


def function_tree(source: str, function: str, first: int) -> ast.AST | None:
    """The syntax of one function, or of the whole module; None if it is not found."""
    tree = _parsed(source)
    if tree is None or function in MODULE:
        return tree
    return _functions(source).get((function, first))


@functools.lru_cache(maxsize=64)
def _functions(source: str) -> dict[tuple[str, int], ast.AST | None]:
    """The functions of a file by name and line, that of the first decorator too.

    Lambdas are among them, unless a line has several.
    """
    found: dict[tuple[str, int], ast.AST | None] = {}
    for part in ast.walk(_parsed(source) or ast.Module([], [])):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            decorated = min([part.lineno, *(d.lineno for d in part.decorator_list)])
            found.setdefault((part.name, part.lineno), part)
            found.setdefault((part.name, decorated), part)
        elif isinstance(part, ast.Lambda):
            alone = ("<lambda>", part.lineno) not in found
            found["<lambda>", part.lineno] = part if alone else None
    return found


@functools.lru_cache(maxsize=256)
def tree_of(code: CodeType) -> ast.AST | None:
    """The syntax of the function that ``code`` is; None without source."""
    source = "".join(linecache.getlines(code.co_filename))
    return function_tree(source, code.co_name, code.co_firstlineno) if source else None


def names_in(code: CodeType) -> set[str]:
    """Global names that a function, and functions inside it, may use."""
    found = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found |= names_in(const)
    return found


@functools.lru_cache(maxsize=64)
def compiled_statements(code: CodeType) -> list[Statement]:
    """The same from bytecode, for code whose source cannot be read; only the text is missing."""
    found: list[Statement] = []
    loads: set[str] = set()
    literals: set[float] = set()
    line, stored = 0, False
    for step in dis.get_instructions(code):
        line = step.positions.lineno or line if step.positions else line
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname.startswith("STORE_") and isinstance(names[0], str):
            found.append(
                Statement(frozenset(names), frozenset(loads), frozenset(literals), line, "")
            )
            stored = True
            continue
        if stored or step.opname == "POP_TOP":
            loads, literals, stored = set(), set(), False
        if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            if type(step.argval) in (int, float):
                literals.add(float(step.argval))
        elif step.opname.startswith("LOAD_") and "ATTR" not in step.opname:
            loads.update(name for name in names if isinstance(name, str))
    return found


Loops = dict[str, ast.expr | None] | None


def _assignments(
    tree: ast.AST, loops: Loops = None, outermost: Place | None = None
) -> Iterator[tuple[ast.stmt, Loops, Place | None]]:
    """Assignments below ``tree`` in the order of the source, each with the loops around it.

    Functions in it are left out.
    """
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return):
            yield part, loops, outermost
        elif isinstance(part, ast.For | ast.While):
            runs = dict(_runs(part.target, part.iter)) if isinstance(part, ast.For) else {}
            first = outermost or (part.lineno, part.col_offset)
            yield from _assignments(part, {**(loops or {}), **runs}, first)
        elif not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _assignments(part, loops, outermost)


def _runs(target: ast.expr, through: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    """What each variable of a loop runs through."""
    if isinstance(target, ast.Name):
        yield target.id, through
        return
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else []
    name = (
        through.func.id
        if isinstance(through, ast.Call) and isinstance(through.func, ast.Name)
        else ""
    )
    given: list[ast.expr] = through.args if isinstance(through, ast.Call) else []
    sequences = given if name == "zip" else [None, *given[:1]] if name == "enumerate" else []
    for part, sequence in itertools.zip_longest(parts, sequences[: len(parts)]):
        if isinstance(part, ast.Name):
            yield part.id, sequence
        elif isinstance(part, ast.Tuple | ast.List) and sequence is not None:
            yield from _runs(part, sequence)


def _statement(part: ast.stmt, source: str, loops: Loops, outermost: Place | None) -> Statement:
    targets: set[str] = set()
    loads: set[str] = set()
    literals: set[float] = set()
    for child in ast.walk(part):
        if isinstance(child, ast.Name):
            (loads if isinstance(child.ctx, ast.Load) else targets).add(child.id)
        elif isinstance(child, ast.Constant) and type(child.value) in (int, float):
            literals.add(float(child.value))  # type: ignore[arg-type]
    if isinstance(part, ast.AugAssign):
        loads |= targets
    code = ast.get_source_segment(source, part) or ""
    values = dict(_values(part))
    targets.update(values)
    place = part.lineno, part.col_offset
    return Statement(
        frozenset(targets), frozenset(loads), frozenset(literals), part.lineno, code, values, loops,
        place, outermost,
    )  # fmt: skip


def _values(part: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Each target of an assignment with the expression that is assigned to it.

    What a function returns has the target ``return``, which no variable is called.
    """
    if isinstance(part, ast.Return):
        if part.value is not None:
            yield "return", part.value
        return
    if isinstance(part, ast.AugAssign):
        before = ast.parse(ast.unparse(part.target), mode="eval").body
        yield ast.unparse(part.target), ast.BinOp(before, part.op, part.value)
    elif isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None:
        for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
            yield from _paired(target, part.value)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if not isinstance(target, ast.Tuple | ast.List):
        yield ast.unparse(target), value
        return
    if any(isinstance(t, ast.Starred) for t in target.elts):
        return
    same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
    for i, part in enumerate(target.elts):
        if same:
            yield from _paired(part, value.elts[i])  # type: ignore[attr-defined]
        else:
            yield from _paired(part, ast.Subscript(value, ast.Constant(i), ast.Load()))


def subscripts(value: ast.expr) -> list[str]:
    """What stands between the brackets in an expression, in the order in which it is evaluated.

    Examples
    --------
    >>> subscripts(ast.parse("f(a[:, n:])[0] + b[i]", mode="eval").body)
    [':, n:', '0', 'i']
    """
    found: list[str] = []
    for part in ast.iter_child_nodes(value):
        found += subscripts(part)  # type: ignore[arg-type]
    if isinstance(value, ast.Subscript):
        words = ast.unparse(value.slice)
        found.append(words[1:-1] if words.startswith("(") and words.endswith(")") else words)
    return found


SYMBOLS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
                                          ast.Pow: "**", ast.MatMult: "@"}  # fmt: skip
BRANCHING = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
             ast.GeneratorExp)  # fmt: skip


def operations(tree: ast.AST) -> Iterator[ast.BinOp]:
    """The operations in an expression, in the order in which they are done.

    Raises
    ------
    ValueError
        Where something in it may be done more than once, or not at all.
    """
    if isinstance(tree, BRANCHING):
        raise ValueError("not done once")
    for part in ast.iter_child_nodes(tree):
        yield from operations(part)
    if isinstance(tree, ast.BinOp):
        yield tree
