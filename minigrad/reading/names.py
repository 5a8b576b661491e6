"""What the user calls the parts of a graph.

Nothing is recorded for it: a reading (a picture, a formula, a verdict) looks through
the variables of its callers and finds Tensors and constants by identity.  Where two
things are the same object to Python, as the 0.5 of ``x = 0.5`` and of ``0.5 * x`` in one
function are, the source of the statement decides.
"""

from __future__ import annotations

import ast
import dis
import functools
import linecache
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from minigrad.errors import Site, user_frames
from minigrad.graph import AnyNode, ancestors
from minigrad.tree import flatten

FRAMES = 10
CROWD = 200
"""Containers of more entries are not looked into."""
UNREAD = (type, ModuleType, FunctionType, MethodType)
"""Objects whose attributes are no variables of the user's."""


@dataclass
class Scope:
    """The variables of one place in the user's code."""

    variables: Mapping[str, Any]
    filename: str = ""
    function: str = "<module>"
    first: int = 0
    line: int = 0
    code: CodeType | None = None

    def statement(self, name: str) -> Statement | None:
        """The latest assignment to ``name`` before the line that is running."""
        body = statements(self.filename, self.function, self.first)
        if not body and self.code is not None:
            body = compiled_statements(self.code)
        found = [s for s in body if name in s.targets]
        before = [s for s in found if s.line <= self.line]
        return (before or found or [None])[-1]  # type: ignore[list-item]


@dataclass(frozen=True)
class Statement:
    """An assignment in the user's source: what it sets, reads and spells out."""

    targets: frozenset[str]
    loads: frozenset[str]
    literals: frozenset[float]
    line: int
    code: str


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def statements(filename: str, function: str, first: int) -> list[Statement]:
    """Assignments in one function (or at module level) of a file; none without source."""
    source = "".join(linecache.getlines(filename)) if filename else ""
    return _statements(source, function, first) if source else []


@functools.lru_cache(maxsize=256)
def _statements(source: str, function: str, first: int) -> list[Statement]:
    tree: Any = _parsed(source)
    if tree is None:
        return []
    if function not in ("<module>", "<cell line: 1>"):
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                decorated = min([part.lineno, *(d.lineno for d in part.decorator_list)])
                if part.name == function and first in (part.lineno, decorated):
                    tree = part
                    break
        else:
            return []
    return [_statement(part, source) for part in _assignments(tree)]


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


def _assignments(tree: Any) -> Iterator[Any]:
    """Assignments below ``tree`` in the order of the source, functions in it left out."""
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.Assign | ast.AnnAssign | ast.AugAssign):
            yield part
        elif not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _assignments(part)


def _statement(part: Any, source: str) -> Statement:
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
    return Statement(frozenset(targets), frozenset(loads), frozenset(literals), part.lineno, code)


elsewhere: ContextVar[list[Scope] | None] = ContextVar("elsewhere", default=None)
"""Where names are looked up instead: in a function that has returned, for instance."""


def callers() -> list[Scope]:
    """The variables of the callers outside this package, innermost first."""
    given = elsewhere.get()
    if given is not None:
        return given
    scopes = []
    for frame, _ in zip(user_frames(), range(FRAMES), strict=False):
        code = frame.f_code
        place = (code.co_filename, code.co_name, code.co_firstlineno, frame.f_lineno, code)
        scopes.append(Scope(dict(frame.f_locals), *place))
        if frame.f_globals is not frame.f_locals:
            module = Scope(dict(frame.f_globals), code.co_filename, line=frame.f_lineno)
            scopes.append(module)
    return scopes


def is_a(x: Any, *kinds: type) -> bool:
    """``isinstance`` by the type alone: a caller's object may raise when it is asked anything.

    A dead weak proxy and a lazy stand-in of a web framework do.
    """
    return issubclass(type(x), kinds)


def is_tensor(x: Any) -> bool:
    return hasattr(type(x), "backward") and hasattr(type(x), "_value")


def held(variables: Mapping[str, Any], deep: bool) -> Iterator[tuple[str, Any]]:
    """Named values, and those in containers and modules: ``W``, ``params['W']``, ``net.W``."""
    for name, value in variables.items():
        if name.startswith("_") or not name.isidentifier():
            continue
        yield name, value
        if deep:
            yield from _inside(name, value, 3)


def _attributes(value: Any) -> Any:
    """The attributes that an object of a user's class holds itself."""
    if type(value).__module__.partition(".")[0] in ("numpy", "builtins", "minigrad"):
        return None
    held = None
    with suppress(Exception):
        held = object.__getattribute__(value, "__dict__")
    return held if type(held) is dict and len(held) <= CROWD else None


def _inside(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if not depth:
        return
    parts: list[tuple[str, Any]] = []
    if is_a(value, dict) and dict.__len__(value) <= CROWD:
        entries = list(dict.items(value))
        parts = [(f"{name}[{key!r}]", v) for key, v in entries if type(key) in (str, int)]
    elif type(value) in (list, tuple) and len(value) <= CROWD:
        parts = [(f"{name}[{i}]", v) for i, v in enumerate(value)]
    elif callable(getattr(type(value), "named_parameters", None)):
        with suppress(Exception):
            parts = [(f"{name}.{path}", v) for path, v in value.named_parameters()]
    elif not is_a(value, *UNREAD) and (held_by := _attributes(value)) is not None:
        parts = [(f"{name}.{key}", v) for key, v in held_by.items() if type(key) is str]
        parts = [(path, v) for path, v in parts if is_tensor(v) or is_a(v, np.ndarray)]
    for inner, v in parts:
        if is_tensor(v) or is_a(v, np.ndarray, np.generic):
            yield inner, v
        else:
            yield from _inside(inner, v, depth - 1)


@dataclass
class Names:
    """Names of the nodes and constants of a graph.

    Attributes
    ----------
    node : dict
        node -> the user's name of it.
    nodes : set of nodes
        All nodes of the graph.
    """

    nodes: set[AnyNode]
    scopes: list[Scope]
    node: dict[AnyNode, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._home: dict[str, Scope] = {}
        self._variable: dict[str, str] = {}
        self._by_id: dict[int, dict[str, tuple[Any, Scope]]] = {}
        self._temporary: dict[AnyNode, str] = {}
        self._owner: dict[AnyNode, AnyNode] | None = None
        self._layouts: dict[tuple[Any, ...], str] | None = None
        for deep in (False, True):  # a variable is a better name than a place in a container
            for scope in self.scopes[: 6 if deep else None]:
                for name, value in held(scope.variables, deep):
                    self._meet(name, value, scope)

    def _meet(self, name: str, value: Any, scope: Scope) -> None:
        if is_tensor(value):
            if value.node is not None:
                if value.node in self.nodes:
                    self._enter(value.node, value.name or name, scope, _base(name))
                return
            name, value = value.name or name, value._value
        if name not in (known := self._by_id.setdefault(id(value), {})):
            known[name] = value, scope

    def _enter(self, node: AnyNode, name: str, scope: Scope, variable: str) -> None:
        if node not in self.node:
            unique, i = name, 1
            while unique in self._home:
                i += 1
                unique = f"{name}_{i}"
            self.node[node] = unique
            self._home[unique] = scope
            self._variable[unique] = variable

    def known(self, node: AnyNode) -> bool:
        """Whether the user has a name for ``node``."""
        return node in self.node

    def of(self, node: AnyNode) -> str:
        """The user's name of ``node``, or a short stable one."""
        if node in self.node:
            return self.node[node]
        if node not in self._temporary:
            unnamed = [n for n in self.nodes if n not in self.node]
            unnamed.sort(key=lambda n: n.seq)
            numbers = (f"t{i}" for i in range(1, len(unnamed) + len(self._home) + 2))
            free = (name for name in numbers if name not in self._home)
            self._temporary = dict(zip(unnamed, free, strict=False))
        return self._temporary[node]

    def find(self, name: str) -> AnyNode | None:
        """The node that the user calls ``name``."""
        for node, given in self.node.items():
            if given == name:
                return node
        return next((n for n, given in self._temporary.items() if given == name), None)

    def value(self, name: str) -> Any:
        """What the user's variable ``name`` holds, in the graph or not; else None."""
        for scope in self.scopes:
            if name in scope.variables:
                return scope.variables[name]
        return None

    def site(self, node: AnyNode) -> Site | None:
        """The line of the user's code that made ``node``, where its source can be read."""
        where = getattr(node, "where", None)
        if where is not None and where.site is not None:
            return where.site  # type: ignore[no-any-return]
        statement = self._statement(node)
        if statement is None:
            return None
        scope = self._home[self.node[self._owners()[node]]]
        return Site(scope.filename, statement.line, scope.function)

    def constant(self, node: AnyNode, i: int) -> str | None:
        """The user's name of the constant ``node.args[i]``, as ``node`` uses it."""
        value = node.args[i]
        found = {n: scope for n, (v, scope) in self._by_id.get(id(value), {}).items() if v is value}
        if not is_a(value, int, float, np.generic):
            return next(iter(found), None) or self._transposed(value)
        statement = self._statement(node) if found else None
        if statement is not None:
            if float(value) in statement.literals:
                return None
            return next((name for name in found if _base(name) in statement.loads), None)
        # Without the source, what may be a literal is one; small integers are everybody's.
        name, scope = next(iter(found.items()), (None, None))
        if scope is None or len(found) > 1 or is_a(value, int):
            return None
        literals = flatten(scope.code.co_consts)[0] if scope.code is not None else []
        return None if any(c is value for c in literals) else name

    def _transposed(self, value: Any) -> str | None:
        if not is_a(value, np.ndarray) or value.ndim != 2:
            return None
        if self._layouts is None:
            everything = ((n, v) for held in self._by_id.values() for n, (v, _) in held.items())
            self._layouts = {
                layout(v): n for n, v in everything if is_a(v, np.ndarray) and v.ndim == 2
            }
        name = self._layouts.get(layout(value.T))
        return None if name is None else f"{name}.T"

    def _owners(self) -> dict[AnyNode, AnyNode]:
        """The named node whose statement each node is part of."""
        if self._owner is None:
            owner: dict[AnyNode, AnyNode] = {}
            for node in sorted(self.nodes, key=lambda n: -n.seq):
                if node in self.node:
                    owner[node] = node
                if node in owner:
                    for parent in node.parents:
                        if parent is not None:
                            owner[parent] = owner[node]
            self._owner = owner
        return self._owner

    def _statement(self, node: AnyNode) -> Statement | None:
        owner = self._owners().get(node)
        if owner is None:
            return None
        name = self.node[owner]
        base, home = self._variable[name], self._home[name]
        for scope in (home, *self.scopes):  # a comprehension sees variables of its function
            if scope.variables.get(base) is home.variables.get(base):
                statement = scope.statement(base)
                if statement is not None:
                    return statement
        return None


def _base(name: str) -> str:
    """The variable that a path such as ``params['W']`` begins with."""
    return name.split("[")[0].split(".")[0]


def layout(a: Any) -> tuple[Any, ...]:
    """What is equal for two arrays that are the same view of the same memory."""
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype.str


def names(roots: Sequence[AnyNode], scopes: list[Scope] | None = None) -> Names:
    """What the callers call the nodes that ``roots`` were computed from."""
    nodes: set[AnyNode] = set()
    for root in roots:
        if root not in nodes:
            nodes |= ancestors(root)
    return Names(nodes, callers() if scopes is None else scopes)
