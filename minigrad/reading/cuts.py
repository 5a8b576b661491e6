"""Where the user's code takes a value out of the record: ``float(z)``, ``z.detach()``, ``C[i]``.

The record knows what led to a result, and nothing of what did not.  So the statements are
read instead: a name is *live* while a gradient could flow from the quantity in question into
it, and *dead* once what it holds was computed from that quantity, but out of the record.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from minigrad.errors import Site, is_user
from minigrad.graph import no_grad
from minigrad.reading.purity import is_in, looked_up
from minigrad.reading.statements import tree_of
from minigrad.typing import Function, Keywords

FACTS = frozenset("shape ndim size dtype itemsize nbytes name grad requires_grad".split())
"""Attributes that are no function of the values."""
NUMBERS = {"item": "a Python number", "tolist": "a list of numbers", "detach": "a copy"}
PLACES = frozenset("argmax argmin argsort argpartition nonzero".split())
"""Methods, and NumPy's functions, that answer with whole numbers: where, not how much."""
DEPTH = 4
INDEX = "an index has no derivative"
PLACE = "places are whole numbers, which have no derivative"
WHOLE = "whole numbers have no derivative"
COMPARED = "a comparison is true or false, and has no derivative"
FLAT = frozenset([INDEX, PLACE, WHOLE, COMPARED])


@dataclass(frozen=True)
class Cut:
    """An expression behind which nothing is recorded.

    Attributes
    ----------
    code : str
    value : str
        What is taken out of the record by it.
    why : str
    site : Site
    flat : bool
        Whether there is no derivative to be recorded either.
    """

    code: str
    value: str
    why: str
    site: Site
    flat: bool


@dataclass
class Flow:
    """What becomes of some quantities in a stretch of code.

    Attributes
    ----------
    live, dead : dict
        Path -> the cuts behind it; of live ones none.
    returned : list
        What became of the results of ``return``.
    silent : bool
        Whether nothing is recorded.
    kept : frozenset of str
        Paths that stay live when they are assigned to: what they hold by now is meant.
    """

    filename: str
    function: str
    variables: Keywords
    live: set[str]
    dead: dict[str, tuple[Cut, ...]] = field(default_factory=dict)
    returned: list[object] = field(default_factory=list)
    silent: bool = False
    depth: int = DEPTH
    kept: frozenset[str] = frozenset()

    # --- statements ------------------------------------------------------------------------

    def read(self, body: list[ast.stmt], until: int | None = None) -> None:
        """Follow statements in the order of the source, up to a line."""
        for part in body:
            if until is None or part.lineno <= until:
                self.statement(part, until)

    def statement(self, part: ast.stmt, until: int | None) -> None:
        if isinstance(part, ast.Assign):
            found = self.expression(part.value)
            for target in part.targets:
                self.assign(target, part.value, found)
        elif isinstance(part, ast.AnnAssign) and part.value is not None:
            self.assign(part.target, part.value, self.expression(part.value))
        elif isinstance(part, ast.AugAssign):
            found = joined(self.expression(part.value), self.expression(part.target))
            self.assign(part.target, part.value, found)
        elif isinstance(part, ast.Return) and part.value is not None:
            self.returned.append(self.expression(part.value))
        elif isinstance(part, ast.With):
            quiet = any(self.stands_for(i.context_expr, no_grad) for i in part.items)
            before, self.silent = self.silent, self.silent or quiet
            self.read(part.body, until)
            self.silent = before
        elif isinstance(part, ast.For):
            self.assign(part.target, part.iter, self.expression(part.iter))
            self.read([*part.body, *part.orelse], until)
        elif isinstance(part, ast.If | ast.While):
            self.read([*part.body, *part.orelse], until)
        elif isinstance(part, ast.Try):
            self.read([*part.body, *part.orelse, *part.finalbody], until)

    def assign(self, target: ast.expr, value: ast.expr, found: Any) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
            for i, part in enumerate(target.elts):
                each = value.elts[i] if same else value  # type: ignore[attr-defined]
                self.assign(part, each, self.expression(each) if same else found)
            return
        path = ast.unparse(target)
        if path in self.kept:
            return
        self.live.discard(path)
        self.dead.pop(path, None)
        if found is LIVE:
            self.live.add(path)
        elif found:
            self.dead[path] = found

    # --- expressions -----------------------------------------------------------------------

    def expression(self, tree: ast.AST) -> Any:
        """``LIVE``, the cuts behind it, or None where the quantity does not enter."""
        found = self.inner(tree)
        if found is LIVE and self.silent and isinstance(tree, ast.BinOp | ast.Call | ast.UnaryOp):
            return self.cut(tree, tree, "nothing is recorded under mg.no_grad()")
        return found

    def inner(self, tree: ast.AST) -> Any:
        if isinstance(tree, ast.Name | ast.Attribute | ast.Subscript):
            path = ast.unparse(tree)
            if path in self.live:
                return LIVE
            if path in self.dead:
                return self.dead[path]
        if isinstance(tree, ast.Attribute):
            found = None if tree.attr in FACTS else self.expression(tree.value)
            if found is LIVE and tree.attr == "data":
                return self.cut(tree, tree.value, ".data is a plain array")
            return found
        if isinstance(tree, ast.Subscript):
            found, index = self.expression(tree.value), self.expression(tree.slice)
            if found is None and index is LIVE:
                return self.cut(tree, tree.slice, INDEX)
            return joined(found, None if index is LIVE else index)
        if isinstance(tree, ast.Compare):
            found = self.together(ast.iter_child_nodes(tree))
            return self.cut(tree, tree.left, COMPARED) if found is LIVE else found
        if isinstance(tree, ast.IfExp):
            return self.together([tree.body, tree.orelse])
        if isinstance(tree, ast.Call):
            return self.call(tree)
        if isinstance(tree, ast.Lambda):
            return None
        return self.together(ast.iter_child_nodes(tree))

    def together(self, parts: Any) -> Any:
        found = None
        for part in parts:
            found = joined(found, self.expression(part))
        return found

    def call(self, tree: ast.Call) -> Any:
        args = [*tree.args, *(k.value for k in tree.keywords)]
        f = self.value(tree.func)
        if isinstance(inspect.getattr_static(type(f), "__call__", None), FunctionType):
            f = f.__call__  # an object of the user's that is called
        if isinstance(f, FunctionType | MethodType) and self.depth and is_user(file_of(f)):
            known = self.function_of(f, tree)
            if known is not UNKNOWN:
                return known
        if isinstance(tree.func, ast.Attribute) and f is None:
            own = self.expression(tree.func.value)
            found, which = joined(own, self.together(args)), tree.func.value
        else:
            own = self.expression(tree.func) if isinstance(tree.func, ast.Attribute) else None
            own = own or (LIVE if ast.unparse(tree.func) in self.live else None)
            found = joined(own, self.together(args))
            which = args[0] if args else tree.func
            if own is LIVE and isinstance(tree.func, ast.Attribute):
                which = tree.func.value
        if found is not LIVE:
            return found
        why = self.ends(tree, f)
        return LIVE if why is None else self.cut(tree, which, why)

    def ends(self, tree: ast.Call, f: Function) -> str | None:
        """Why nothing is recorded behind a call; None where something is."""
        name = tree.func.attr if isinstance(tree.func, ast.Attribute) else ""
        if is_in(f, CASTS):
            return f"{ast.unparse(tree.func)}() makes a Python number of it"
        if name in NUMBERS:
            return f".{name}() makes {NUMBERS[name]} of it that is not recorded"
        if name in PLACES:
            return PLACE
        if name == "astype" and tree.args and self.whole(tree.args[0]):
            return WHOLE
        return None

    def whole(self, tree: ast.expr) -> bool:
        kind = tree.value if isinstance(tree, ast.Constant) else self.value(tree)
        try:
            return np.dtype(kind).kind in "iub"  # type: ignore[arg-type]
        except TypeError:
            return False

    def function_of(self, f: Any, tree: ast.Call) -> Any:
        """What comes out of a function of the user's."""
        bound = isinstance(f, MethodType)
        g = f.__func__ if bound else f
        body = tree_of(g.__code__)
        if not isinstance(body, ast.FunctionDef):
            return UNKNOWN
        names = [a.arg for a in (*body.args.posonlyargs, *body.args.args)]
        given: dict[str, ast.expr] = {}
        own = tree.func.value if isinstance(tree.func, ast.Attribute) else tree.func
        values = [own] if bound else []
        given.update(zip(names, [*values, *tree.args], strict=False))
        given.update({k.arg: k.value for k in tree.keywords if k.arg})
        inside = Flow(file_of(f), g.__name__, g.__globals__, set(), silent=self.silent)
        inside.depth = self.depth - 1
        local = {*g.__code__.co_varnames}
        for path in self.live:  # of a closure, and of the module
            if path.partition(".")[0].partition("[")[0] not in local:
                inside.live.add(path)
        for name, value in given.items():
            written = ast.unparse(value)
            for path in self.live:
                if path.startswith((f"{written}.", f"{written}[")):
                    inside.live.add(name + path[len(written) :])
            inside.assign(ast.Name(name), value, self.expression(value))
        inside.read(body.body)
        found = None
        for part in inside.returned:
            found = joined(found, part)
        return found

    # --- small things ----------------------------------------------------------------------

    def value(self, tree: ast.expr) -> Any:
        return looked_up(tree, self.variables)

    def stands_for(self, tree: ast.expr, what: object) -> bool:
        return isinstance(tree, ast.Call) and self.value(tree.func) is what

    def cut(self, tree: ast.expr, value: ast.AST, why: str) -> tuple[Cut, ...]:
        site = Site(self.filename, tree.lineno, self.function)
        return (Cut(ast.unparse(tree), ast.unparse(value), why, site, why in FLAT),)


LIVE: Any = "live"
UNKNOWN: Any = "unknown"
CASTS = frozenset([float, int, bool, round])


def joined(a: Any, b: Any) -> Any:
    """Of two that enter: live if one is, else all the cuts."""
    if a is LIVE or b is LIVE:
        return LIVE
    return tuple(dict.fromkeys([*(a or ()), *(b or ())])) or None


def file_of(f: Function) -> str:
    return str(f.__code__.co_filename)
