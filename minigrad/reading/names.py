"""What the user calls the parts of a graph.

Nothing is recorded for it: a reading (a picture, a formula, a verdict) looks through
the variables of its callers and finds Tensors and constants by identity.  Where two
things are the same object to Python, as the 0.5 of ``x = 0.5`` and of ``0.5 * x`` in one
function are, the source of the statement decides.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType, FunctionType, GetSetDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from minigrad.errors import Site, user_frames
from minigrad.graph import AnyNode, ancestors, pick, variable
from minigrad.reading.statements import (
    MODULE,
    SYMBOLS,
    Statement,
    compiled_statements,
    earlier_cells,
    operations,
    statements,
)
from minigrad.reading.wording import unused
from minigrad.tree import flatten
from minigrad.typing import Keywords

FRAMES = 10
CROWD = 200
"""Containers of more entries are not looked into."""
LONG = 100
"""No statement does so many operations itself."""
UNREAD = (type, ModuleType, FunctionType, MethodType)
"""Objects whose attributes are no variables of the user's."""


@dataclass
class Scope:
    """The variables of one place in the user's code."""

    variables: Keywords
    filename: str = ""
    function: str = "<module>"
    first: int = 0
    line: int = 0
    code: CodeType | None = None
    around: Keywords = field(default_factory=dict)

    @property
    def seen(self) -> dict[str, Any]:
        """All variables that code at this place reads."""
        return {**self.around, **self.variables}

    def was_given(self, root: AnyNode) -> bool:
        """Whether a value of the graph is an argument of the function that runs here."""
        if self.code is None:
            return False
        starred = self.code.co_flags & inspect.CO_VARARGS != 0
        n = self.code.co_argcount + self.code.co_kwonlyargcount + starred
        given = [self.variables.get(name) for name in self.code.co_varnames[:n]]
        if starred and type(given[-1]) is tuple:
            given += given[-1]
        return any(is_tensor(x) and x.node is root for x in given if x is not None)

    def assignments(self, name: str) -> list[Statement]:
        """The assignments to ``name``: those before the line that is running, latest first."""
        body = statements(self.filename, self.function, self.first)
        if not body and self.code is not None:
            body = compiled_statements(self.code)
        found = [s for s in body if name in s.targets]
        before = [s for s in found if s.line <= self.line]
        if not found and self.function in MODULE and isinstance(self.variables.get("In"), list):
            found = [s for s in earlier_cells(self.variables["In"]) if name in s.targets]
        return (before or found)[::-1]


elsewhere: ContextVar[list[Scope] | None] = ContextVar("elsewhere", default=None)
"""Where names are looked up instead: in a function that has returned, for instance."""


def callers() -> list[Scope]:
    """The variables of the callers outside this package, innermost first."""
    given = elsewhere.get()
    if given is not None:
        return given
    scopes: list[Scope] = []
    frames = [frame for frame, _ in zip(user_frames(), range(FRAMES), strict=False)]
    running = [frame.f_locals for frame in frames]  # a module's own frame knows its line
    for frame in frames:
        code = frame.f_code
        place = (code.co_filename, code.co_name, code.co_firstlineno, frame.f_lineno, code)
        scopes.append(Scope(dict(frame.f_locals), *place, frame.f_globals))
        if not any(frame.f_globals is variables for variables in running):
            scopes.append(Scope(dict(frame.f_globals), code.co_filename))
    return scopes


def is_a(x: object, *kinds: type) -> bool:
    """``isinstance`` by the type alone: a caller's object may raise when it is asked anything.

    A dead weak proxy and a lazy stand-in of a web framework do.
    """
    return issubclass(type(x), kinds)


def is_tensor(x: object) -> bool:
    return hasattr(type(x), "backward") and hasattr(type(x), "_value")


def named_values(variables: Keywords, deep: bool) -> Iterator[tuple[str, Any]]:
    """Named values, and those in containers and modules: ``W``, ``params['W']``, ``net.W``."""
    for name, value in variables.items():
        if name.startswith("_") or not name.isidentifier():
            continue
        yield name, value
        if deep:
            yield from _inside(name, value, 3)


def attributes(value: object) -> Any:
    """The attributes that an object of a user's class holds itself; no code of theirs is run."""
    if type(value).__module__.partition(".")[0] in ("numpy", "builtins", "minigrad"):
        return None
    held = None
    own = [vars(kind).get("__dict__") for kind in type.mro(type(value))]
    if any(x is not None and type(x) is not GetSetDescriptorType for x in own):
        return None  # a property of theirs
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
    elif is_module(value):
        with suppress(Exception):
            parts = [(module_path(name, path), v) for path, v in value.named_parameters()]
    elif not is_a(value, *UNREAD) and (held_by := attributes(value)) is not None:
        parts = [(f"{name}.{key}", v) for key, v in held_by.items() if type(key) is str]
        kept = (np.ndarray, list, tuple, dict)
        parts = [(path, v) for path, v in parts if is_tensor(v) or is_a(v, *kept)]
    for inner, v in parts:
        if is_tensor(v) or is_a(v, np.ndarray, np.generic, float):
            yield inner, v
        else:
            yield from _inside(inner, v, depth - 1)


def is_module(value: object) -> bool:
    """Whether ``value`` is a layer, or made of such."""
    return callable(getattr(type(value), "named_parameters", None))


def module_path(name: str, path: str) -> str:
    """A parameter as one would write it: ``net`` and ``0.weight`` make ``net[0].weight``."""
    return name + "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in path.split("."))


@dataclass
class Names:
    """Names of the nodes and constants of a graph.

    Attributes
    ----------
    node : dict
        node -> the user's name of it.
    nodes : set of nodes
        All nodes of the graph.
    outputs : dict
        (node, index) -> the user's name of an output of an op that has several.
    """

    nodes: set[AnyNode]
    scopes: list[Scope]
    node: dict[AnyNode, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outputs: dict[tuple[AnyNode, int], str] = {}
        self._home: dict[str, Scope] = {}
        self._variable: dict[str, str] = {}
        self._by_id: dict[int, dict[str, tuple[Any, Scope]]] = {}
        self._temporary: dict[AnyNode, str] = {}
        self._owner: dict[AnyNode, AnyNode] | None = None
        self._made: dict[AnyNode, list[AnyNode]] | None = None
        self._layouts: dict[tuple[Any, ...], str] | None = None
        for deep in (False, True):  # a variable is a better name than a place in a container
            for scope in self.scopes[: 6 if deep else None]:
                for name, value in named_values(scope.variables, deep):
                    self._meet(name, value, scope)

    def _meet(self, name: str, value: Any, scope: Scope) -> None:
        if is_tensor(value):
            if value.node is not None:
                of = value.node.parents[0] if value.node.op is pick else None
                if of in self.nodes:
                    self.outputs.setdefault((of, value.node.kwargs["index"]), value.name or name)
                node = value.node
                while node.op is variable:  # a Tensor again, to be differentiated by
                    node = node.parents[0]
                if node in self.nodes:
                    self._enter(node, value.name or name, scope, name)
                return
            name, value = value.name or name, value._value
        if name not in (known := self._by_id.setdefault(id(value), {})):
            known[name] = value, scope

    def _enter(self, node: AnyNode, name: str, scope: Scope, variable: str) -> None:
        if node not in self.node:
            self.node[node] = unique = unused(name, self._home)
            self._home[unique] = scope
            self._variable[unique] = variable

    def layer(self, node: AnyNode) -> str | None:
        """The layer that a parameter belongs to: ``net[0]`` for ``net[0].weight``."""
        name = self.node.get(node, "")
        path = self._variable.get(name, "")
        layer, dot, _ = path.rpartition(".")
        scope = self._home.get(name)
        holder = scope.variables.get(base_of(path)) if scope is not None and dot else None
        return layer if is_module(holder) else None

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
        variables = {n: scope for n, scope in found.items() if n.isidentifier()}
        found = variables or found  # a place in a container is the second choice
        if not is_a(value, int, float, np.generic):
            return next(iter(found), None) or self._transposed(value)
        statement = self._statement(node) if found else None
        operand = self.operand(node, i) if statement is not None else None
        if operand is not None:
            return operand.id if isinstance(operand, ast.Name) else None
        if statement is not None:
            if float(value) in statement.literals or self._inside_a_call(statement, node, value):
                return None
            return next((name for name in found if base_of(name) in statement.loads), None)
        # Without the source, what may be a literal is one; small integers are everybody's.
        name, scope = next(iter(found.items()), (None, None))
        if scope is None or len(found) > 1 or is_a(value, int):
            return None
        literals = flatten(scope.code.co_consts)[0] if scope.code is not None else []
        return None if any(c is value for c in literals) else name

    def operand(self, node: AnyNode, i: int) -> ast.expr | None:
        """What the statement has for the number ``node.args[i]``: a literal, or a variable.

        The operations of the statement with such a number there are those of the graph, in the
        same order; None where there are more of the ones or the others.
        """
        owner = self._owners().get(node)
        found = next(self.assignments(owner), None) if owner is not None else None
        if owner is None or found is None or len(node.args) != 2 or node.op is None:
            return None
        value, seen = node.args[i], found[1].seen

        def means(part: ast.expr) -> bool:
            held = seen.get(part.id) if isinstance(part, ast.Name) else None
            held = part.value if isinstance(part, ast.Constant) else held
            return is_a(held, int, float, np.generic) and held == value

        sites: list[ast.expr] = []
        try:
            for tree in found[0].values.values():
                done = [x for x in operations(tree) if SYMBOLS[type(x.op)] == node.op.symbol]
                sites += [part for x in done if means(part := (x.left, x.right)[i])]
        except (ValueError, KeyError):
            return None
        members = self._members(owner)
        if len(members) > LONG:
            return None  # a loop, or functions that the statement calls
        alike = [
            n for n in members if n.op is node.op
            and is_a(n.args[i], int, float, np.generic) and n.args[i] == value
        ]  # fmt: skip
        told = node in alike and len(sites) == len(alike)
        return sites[alike.index(node)] if told else None

    def _members(self, owner: AnyNode) -> list[AnyNode]:
        """The nodes that the statement of a named node made, oldest first."""
        if self._made is None:
            self._made = {}
            for node, of in sorted(self._owners().items(), key=lambda pair: pair[0].seq):
                self._made.setdefault(of, []).append(node)
        return self._made[owner]

    def _inside_a_call(self, statement: Statement, node: AnyNode, value: object) -> bool:
        """Whether a function that the statement calls spells the number out."""
        scope = self._home.get(self.node[self._owners()[node]])
        called = (scope.seen.get(name) for name in statement.loads) if scope is not None else ()
        codes = (inspect.unwrap(f).__code__ for f in called if type(f) is FunctionType)
        return any(c is value for code in codes for c in flatten(code.co_consts)[0])

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

    def part(self, value: Any) -> str | None:
        """The user's name of a row or a column of an array: ``X[2]``, ``X[:, 0]``."""
        if not is_a(value, np.ndarray) or value.base is None:
            return None
        everything = ((n, v) for held in self._by_id.values() for n, (v, _) in held.items())
        for name, array in everything:
            if not is_a(array, np.ndarray) or not (value.base is array or value.base is array.base):
                continue
            start = value.ctypes.data - array.ctypes.data
            for axis, (n, step) in enumerate(zip(array.shape, array.strides, strict=True)):
                k = start // step if step > 0 else -1
                if 0 <= k < n and layout(np.moveaxis(array, axis, 0)[k]) == layout(value):
                    return f"{name}[{':, ' * axis}{k}]"
        return None

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
        return next((found for found, _ in self.assignments(owner)), None)

    def owner(self, node: AnyNode) -> AnyNode | None:
        """The named node whose statement ``node`` is part of."""
        return self._owners().get(node)

    def path(self, owner: AnyNode) -> str:
        """What the user writes for a named node, a ``name`` of its own aside."""
        return self._variable.get(self.node[owner], self.node[owner])

    def expression(self, owner: AnyNode) -> ast.expr | None:
        """What the latest statement assigns to a named node, where its source can be read."""
        path = self.path(owner)
        for statement, _ in self.assignments(owner):
            return statement.values.get(path)
        return None

    def assignments(self, owner: AnyNode) -> Iterator[tuple[Statement, Scope]]:
        """The statements that may have made a named node, latest first, and where they are."""
        home, path = self._home.get(self.node[owner]), self.path(owner)
        if home is None:
            return
        base = base_of(path)
        for scope in (home, *self.scopes):  # a comprehension sees variables of its function
            if scope.variables.get(base) is home.variables.get(base):
                found = scope.assignments(path) or scope.assignments(base)
                if found:
                    yield from ((statement, scope) for statement in found)
                    return


def base_of(path: str) -> str:
    """The variable that a path such as ``params['W']`` begins with."""
    return path.split("[")[0].split(".")[0]


def told_apart(nodes: Iterable[AnyNode], called: Callable[[AnyNode], str]) -> dict[AnyNode, str]:
    """``w′`` and ``w″`` for the later ones of those that are all called ``w``."""
    seen: dict[str, int] = {}
    found: dict[AnyNode, str] = {}
    for node in sorted(nodes, key=lambda n: n.seq):
        name = called(node)
        seen[name] = seen.get(name, -1) + 1
        if seen[name]:
            found[node] = name + "′" * seen[name]
    return found


def layout(a: Any) -> tuple[Hashable, ...]:
    """What is equal for two arrays that are the same view of the same memory."""
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype.str


def names(roots: Sequence[AnyNode], scopes: list[Scope] | None = None) -> Names:
    """What the callers call the nodes that ``roots`` were computed from."""
    nodes: set[AnyNode] = set()
    for root in roots:
        if root not in nodes:
            nodes |= ancestors(root)
    scopes = callers() if scopes is None else scopes
    if roots:  # a helper that was handed the output has names of its own for what it is given
        scopes = sorted(scopes, key=lambda scope: scope.was_given(roots[0]))
    return Names(nodes, scopes)
