"""An expression with the user's own functions written out: ``step(h, x)`` as what it returns.

By the syntax alone, and only for functions whose body is assignments and one answer.  What is a
variable of the function keeps its name, unless the caller means something else by it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from minigrad.errors import is_user
from minigrad.reading.purity import DEPTH, bound, looked_up, method_of
from minigrad.reading.statements import tree_of
from minigrad.typing import Function, Keywords

MOST = 2_000
"""Expressions of more parts are not written out."""
SCOPED = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.NamedExpr)


class NotPlain(Exception):
    """A function that is more than an expression of its parameters."""


def inlined(tree: ast.expr, variables: Keywords) -> tuple[ast.expr, Keywords] | None:
    """``tree`` with calls of the user's functions written out, and what the names in it are.

    None where nothing is to be written out, or something cannot be.
    """
    writer = Inliner(dict(variables))
    try:
        made = writer.expand(tree, variables, None, DEPTH)
    except (NotPlain, RecursionError, ValueError):  # ValueError: a closure variable without a value
        return None
    return (made, writer.seen) if writer.calls else None


@dataclass
class Inliner:
    """Writes calls out.

    Attributes
    ----------
    seen : dict
        What the names in the new expression stand for.
    calls : int
        How many were written out.
    parts : int
        How many parts the new expression has at most, one that is used twice counted twice.
    """

    seen: dict[str, Any]
    calls: int = 0
    parts: int = 0

    def expand(
        self, tree: Any, variables: Keywords, given: Mapping[str, ast.expr] | None, depth: int
    ) -> ast.expr:
        """``tree`` of a place where ``variables`` are seen; ``given`` are those of a function."""
        self.parts += 1
        if self.parts > MOST or isinstance(tree, SCOPED):
            raise NotPlain
        if isinstance(tree, ast.Name):
            return tree if given is None else self.name(tree, variables, given)
        if isinstance(tree, ast.Call) and depth:
            function = self.called(tree.func, variables, given, depth)
            if function is not None:
                return self.call(tree, function, variables, given, depth)
        made = copy.copy(tree)
        for name, value in ast.iter_fields(tree):
            if isinstance(value, list):
                each = [
                    self.expand(v, variables, given, depth) if isinstance(v, ast.AST) else v
                    for v in value
                ]
                setattr(made, name, each)
            elif isinstance(value, ast.expr | ast.keyword):
                setattr(made, name, self.expand(value, variables, given, depth))
        return element(made)

    def name(self, tree: ast.Name, variables: Keywords, given: Mapping[str, ast.expr]) -> ast.expr:
        """What a name in a function stands for in the caller's place."""
        if tree.id in given:
            self.parts += sum(isinstance(part, ast.expr) for part in ast.walk(given[tree.id]))
            return given[tree.id]
        if tree.id in variables:
            value = variables[tree.id]
            if self.seen.setdefault(tree.id, value) is not value:
                raise NotPlain
        return tree

    def called(
        self, func: ast.expr, variables: Keywords, given: Mapping[str, ast.expr] | None, depth: int
    ) -> tuple[Function, ast.expr | None] | None:
        """The user's function that is called, and of a method what it belongs to."""
        theirs = renamed(func, given or {})
        if theirs is not None:  # what a parameter is, the caller knows
            return users(theirs, self.seen)
        function, owner = users(func, variables) or (None, None)
        if owner is not None:
            owner = self.expand(owner, variables, given, depth)
        return None if function is None else (function, owner)

    def call(
        self,
        tree: ast.Call,
        function: tuple[Any, ast.expr | None],
        variables: Keywords,
        given: Mapping[str, ast.expr] | None,
        depth: int,
    ) -> ast.expr:
        """What a call gives."""
        f, owner = function
        self.calls += 1
        args = [self.expand(a, variables, given, depth) for a in tree.args]
        if owner is not None:
            args.insert(0, owner)
        named = {k.arg: self.expand(k.value, variables, given, depth) for k in tree.keywords}
        body = tree_of(f.__code__)
        if not isinstance(body, ast.FunctionDef | ast.Lambda):
            raise NotPlain
        local = parameters(body.args, args, named)
        outer = bound(f)
        if isinstance(body, ast.Lambda):
            return self.expand(body.body, outer, local, depth - 1)
        for part in body.body:
            if isinstance(part, ast.Return) and part.value is not None:
                return self.expand(part.value, outer, local, depth - 1)
            if isinstance(part, ast.Assign):
                value = self.expand(part.value, outer, local, depth - 1)
                for target in part.targets:
                    assign(target, value, local)
            elif not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
                raise NotPlain
        raise NotPlain


def users(func: ast.expr, variables: Keywords) -> tuple[Function, ast.expr | None] | None:
    """The user's function that is called, and of a method what it belongs to."""
    f = looked_up(func, variables)
    owner: ast.expr | None = None
    if isinstance(f, MethodType):
        owner = func.value if isinstance(func, ast.Attribute) else None
        if owner is None or isinstance(f.__self__, type):
            return None
    elif (method := method_of(f)) is not f:
        f, owner = method, func
    plain = getattr(f, "__func__", f)  # of Cython's methods none of Python's
    if not isinstance(plain, FunctionType) or not is_user(plain.__code__.co_filename):
        return None
    return plain, owner


def renamed(func: ast.expr, given: Mapping[str, ast.expr]) -> ast.expr | None:
    """``cell.step`` as ``net.step``, where ``net`` was given for ``cell``; None for other names."""
    if isinstance(func, ast.Attribute | ast.Subscript):
        owner = renamed(func.value, given)
        made = copy.copy(func)
        if owner is None:
            return None
        made.value = owner
        return made
    return given.get(func.id) if isinstance(func, ast.Name) else None


def parameters(
    asked: ast.arguments, args: list[ast.expr], named: Mapping[str | None, ast.expr]
) -> dict[str, ast.expr]:
    """The parameters of a function by what is given for them."""
    if asked.vararg or asked.kwarg or None in named:
        raise NotPlain
    if any(isinstance(a, ast.Starred) for a in args):
        raise NotPlain
    names = [a.arg for a in [*asked.posonlyargs, *asked.args]]
    if len(args) > len(names):
        raise NotPlain
    found = dict(zip(names[len(names) - len(asked.defaults) :], asked.defaults, strict=True))
    found |= {
        a.arg: d for a, d in zip(asked.kwonlyargs, asked.kw_defaults, strict=True) if d is not None
    }
    if not all(isinstance(d, ast.Constant) for d in found.values()):
        raise NotPlain
    found |= dict(zip(names, args, strict=False)) | {str(k): v for k, v in named.items()}
    if not {*names} <= {*found}:
        raise NotPlain
    return found


def assign(target: ast.expr, value: ast.expr, local: dict[str, ast.expr]) -> None:
    """Let the names of ``target`` stand for ``value``."""
    if isinstance(target, ast.Name):
        local[target.id] = value
    elif isinstance(target, ast.Tuple):
        for i, part in enumerate(target.elts):
            assign(part, element(ast.Subscript(value, ast.Constant(i), ast.Load())), local)
    else:
        raise NotPlain


def element(tree: ast.expr) -> ast.expr:
    """``(a, b)[0]`` is ``a``."""
    if not isinstance(tree, ast.Subscript) or not isinstance(tree.value, ast.Tuple):
        return tree
    index, parts = getattr(tree.slice, "value", None), tree.value.elts
    return parts[index] if type(index) is int and 0 <= index < len(parts) else tree
