"""Where constants come from: the user's statement, evaluated again on stand-ins.

A recorded graph knows that something was divided by 50, and not that this was ``2*N``.
The statement that made a quantity does: evaluated on stand-ins for the variables in it,
by the tracer, it leaves a graph in which the constants are computed too.  Beside the
recorded one, operation by operation, it tells what each constant is made of, also within
functions of the library.  Where the two graphs differ, a constant stays a number.
"""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode, variable
from minigrad.ops.record import Op, implementations
from minigrad.reading.names import is_module, is_tensor
from minigrad.reading.purity import MATH, is_in, looked_up, pure
from minigrad.tensor import Tensor, wrap
from minigrad.typing import Array, Keywords, Shape, Tree
from minigrad.writing.numbers import fraction

ARITHMETIC = (ast.BinOp, ast.UnaryOp)
BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.Invert)
SPELT = (ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.USub, ast.Load)
"""What arrays are spelt out with."""
LITERAL = object()
"""A number that no variable of the statement holds, of a function that it calls for instance."""
COMPOSED: dict[Hashable, Op] = {
    np.concatenate: ops.joined,
    np.stack: ops.layered,
    np.where: ops.branch,
    np.clip: ops.bounded,
    np.dot: ops.matmul,
}
"""Functions that do something with their arguments before they become those of one op."""
CONSTANTS = {math.pi: "π", math.e: "e"}
"""Numbers that have a letter."""


@dataclass(eq=False)
class Stand:
    """How the variables of one statement are stood in for.

    Attributes
    ----------
    node : callable
        node -> its stand-in, or None where it is no part of the graph.
    symbol : callable
        (value, name) -> a stand-in for a constant.
    sizes : collection of int
        Numbers that are lengths of arrays, which are not reduced with others.
    """

    node: Callable[[AnyNode], Array]
    symbol: Callable[[Array, str], Array]
    sizes: Shape


@dataclass(eq=False)
class Rewriter(ast.NodeTransformer):
    """The expression with stand-ins for what it reads.

    Attributes
    ----------
    stand : Stand
    variables : Mapping
        Of the user's code.
    instead : dict
        Path -> what stands for it whatever it is: a variable that was assigned again.
    env : dict
        What the new expression is evaluated with.
    foreign : list of str
        Paths to Tensors that are no part of the graph any more.
    """

    stand: Stand
    variables: Keywords
    instead: Keywords = field(default_factory=dict)
    env: dict[str, object] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    arithmetic: bool = False
    indexing: bool = False

    def put(self, value: object) -> ast.expr:
        name = f"_{len(self.env)}"
        self.env[name] = value
        return ast.Name(name, ast.Load())

    # --- what is read -------------------------------------------------------------------

    def visit(self, node: ast.AST) -> Any:
        reckons = isinstance(node, ARITHMETIC) and not isinstance(node.op, BITWISE)
        within, self.arithmetic = self.arithmetic, reckons
        leaf = None
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            leaf = self.leaf(node, within)
        made = super().visit(node) if leaf is None else leaf
        self.arithmetic = within
        return made

    def leaf(self, tree: ast.expr, arithmetic: bool) -> ast.expr | None:
        """A stand-in for a path to data; None for other expressions."""
        text = ast.unparse(tree)
        if text in self.instead:
            return self.put(self.instead[text])
        if isinstance(tree, ast.Call):
            counts = isinstance(tree.func, ast.Name) and tree.func.id == "len"
            return self.number(tree, text) if (counts and arithmetic) or self.made(tree) else None
        value = looked_up(tree, self.variables)
        path = isinstance(tree, ast.Attribute | ast.Subscript)
        owner = looked_up(tree.value, self.variables) if path else None  # type: ignore[attr-defined]
        if is_tensor(value):
            return None if is_tensor(owner) else self.tensor(value, text)
        if isinstance(value, np.ndarray):
            if isinstance(owner, np.ndarray) or is_tensor(owner):
                return None
            counts = arithmetic and not self.indexing and value.dtype.kind in "iu"
            return self.put(self.stand.symbol(value.astype(float) if counts else value, text))
        if isinstance(value, bool) or is_module(value):
            return None
        if isinstance(value, float | np.floating):
            letter = CONSTANTS.get(float(value)) if text.split(".")[0] in ("np", "math") else None
            return self.put(self.stand.symbol(value, letter or text))
        if isinstance(value, int | np.integer) and arithmetic:
            return self.put(self.stand.symbol(value, text))
        return None

    def made(self, tree: ast.Call) -> bool:
        """Whether an array is spelt out: ``np.array([1, 2])``."""
        makes = looked_up(tree.func, self.variables) in (np.array, np.arange, np.eye)
        return makes and all(isinstance(part, SPELT) for a in tree.args for part in ast.walk(a))

    def number(self, tree: ast.expr, text: str) -> ast.expr | None:
        return self.put(self.stand.symbol(self.value(tree), text))

    def value(self, tree: ast.expr) -> Array:
        code = compile(ast.fix_missing_locations(ast.Expression(tree)), "<statement>", "eval")
        return eval(code, {}, dict(self.variables))

    def tensor(self, t: Array, text: str) -> ast.expr:
        if t.node is None:
            return self.put(self.stand.symbol(t._value, t.name or text))
        known = self.stand.node(t.node)
        if known is None:
            self.foreign.append(text)
            raise Foreign(text)
        return self.put(known)

    # --- what is spelt out ----------------------------------------------------------------

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """A length that is divided by stays one: ``/50``, and so does 50 in ``2/50``."""
        made = self.generic_visit(node)
        right = node.right
        if isinstance(node.op, ast.Div) and isinstance(right, ast.Constant):
            n: Any = right.value
            above = getattr(node.left, "value", None)
            share = type(above) is type(n) is int and n > 2 and fraction(above / n) is None
            if share or (isinstance(n, int | float) and n > 2 and n in self.stand.sizes):
                node.right = self.put(self.stand.symbol(int(n), str(int(n))))
        return made

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A function of numbers alone stays one: ``np.sqrt(3)``."""
        func = node.func
        of = func.value if isinstance(func, ast.Attribute) else None
        of_math = isinstance(of, ast.Name) and self.variables.get(of.id) is math
        if isinstance(func, ast.Attribute) and of_math and func.attr in MATH:
            node.func = self.put(MATH[func.attr])
        numbers = [a for a in node.args if isinstance(a, ast.Constant)]
        if isinstance(func, ast.Attribute) and func.attr in MATH and len(numbers) == 1:
            value = numbers[0].value
            if len(node.args) == 1 and isinstance(value, int | float):
                node.args = [self.put(self.stand.symbol(value, f"{value}"))]
                return node
        if isinstance(func, ast.Attribute) and func.attr in (*MATH, "power"):
            self.arithmetic = True  # of a number it is one
        method = isinstance(func, ast.Attribute) and not isinstance(node.func, ast.Name)
        if method and not self.callable_path(func):
            node.func = self.generic_visit(func)  # type: ignore[assignment]
        node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit(k) for k in node.keywords]
        return node

    def callable_path(self, func: ast.expr) -> bool:
        """Whether ``func`` is a function itself, not a method of data."""
        owner = looked_up(func.value, self.variables)  # type: ignore[attr-defined]
        return owner is not None and not (is_tensor(owner) or isinstance(owner, np.ndarray))

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        """Metadata stays what it is."""
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Indices keep their names; numbers and slices are what they are."""
        node.value = self.visit(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        within, self.indexing = self.indexing, True
        made = [self.index(part) for part in parts]
        self.indexing = within
        node.slice = ast.Tuple(made, ast.Load()) if isinstance(node.slice, ast.Tuple) else made[0]
        return node

    def index(self, part: ast.expr) -> ast.expr:
        if isinstance(part, ast.Name | ast.Attribute):
            value = looked_up(part, self.variables)
            if isinstance(value, int | np.integer) and not isinstance(value, bool):
                return self.put(self.stand.symbol(np.array(value), ast.unparse(part)))
        if isinstance(part, ast.Call):
            value = self.value(part)
            if isinstance(value, range | list):
                return self.put(self.stand.symbol(np.array(value), ast.unparse(part)))
        return self.visit(part)  # type: ignore[no-any-return]


class Foreign(Exception):
    """A variable that holds something else by now."""


def evaluated(tree: ast.expr, variables: Keywords, stand: Stand, instead: Keywords) -> Any:
    """What ``tree`` is on stand-ins; None where it cannot be had, or must not be.

    Raises
    ------
    Foreign
        Naming a path that no longer leads to what it led to.
    """
    if not pure(tree, variables):
        return None
    copy = ast.parse(ast.unparse(tree), mode="eval")
    rewriter = Rewriter(stand, variables, instead)
    try:
        made = ast.fix_missing_locations(rewriter.visit(copy))
        code = compile(made, "<statement>", "eval")
        scope = {**vars(builtins), **variables, **rewriter.env}
        return eval(code, scope)
    except Foreign:
        raise
    except Exception:  # whatever the user's code raises when it is given stand-ins
        return None


UNSEEN = "_unseen"
"""Stands for a call that must not be made again."""


def without_call(tree: ast.expr, variables: Keywords) -> tuple[str, ast.expr] | None:
    """The one call in ``tree`` that is not to be made again, and ``tree`` without it."""
    if pure(tree, variables):
        return None
    copy = ast.parse(ast.unparse(tree), mode="eval").body
    calls = [part for part in ast.walk(copy) if isinstance(part, ast.Call)]
    for call in reversed(calls):  # the innermost first
        if pure(call, variables):
            continue
        text = ast.unparse(call)
        rest = Replaced(text).visit(ast.parse(ast.unparse(copy), mode="eval").body)
        if pure(rest, variables):
            return text, rest
    return None


@dataclass
class Replaced(ast.NodeTransformer):
    """The expression with a call left out."""

    text: str

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if ast.unparse(node) == self.text:
            return ast.Name(UNSEEN, ast.Load())
        return self.generic_visit(node)  # type: ignore[return-value]


def matched(
    top: AnyNode, made: object, known: Callable[[AnyNode], bool]
) -> Iterator[tuple[AnyNode, int | None, Any]]:
    """The recorded graph beside the one that the statement left on stand-ins.

    Yields
    ------
    (node, i, constant) where argument ``i`` of ``node`` was computed, and
    (node, None, metadata) where its metadata was; (node, i, `LITERAL`) where it was spelt out.
    """
    stack = [(top, made.node)] if isinstance(made, Tensor) else []
    seen: set[AnyNode] = set()
    while stack:
        node, twin = stack.pop()
        while twin is not None and twin.op is variable:
            twin = twin.parents[0]
        if (
            twin is None
            or node in seen
            or node.op is not twin.op
            or not equal_values(node.ans, twin.ans)
        ):
            continue
        seen.add(node)
        if any(is_tensor(v) for v in flattened(twin.kwargs.values())):
            yield node, None, twin.kwargs
        for i, (p, q) in enumerate(zip(node.parents, twin.parents, strict=False)):
            if p is not None:
                if not known(p):
                    stack.append((p, q))
            elif q is not None and equal_values(node.args[i], twin.args[i]):
                yield node, i, wrap(twin.args[i], q)
            elif isinstance(node.args[i], float | np.floating) and equal_values(
                node.args[i], twin.args[i]
            ):
                yield node, i, LITERAL


OPERATORS: dict[type, Op] = {
    ast.Add: ops.add,
    ast.Sub: ops.subtract,
    ast.Mult: ops.multiply,
    ast.Div: ops.divide,
    ast.MatMult: ops.matmul,
    ast.Pow: ops.power,
}

RECKONING = {*OPERATORS.values()} - {ops.power}
"""Operations to which whole numbers are numbers like others."""


def constants_by_syntax(
    top: AnyNode, tree: ast.expr, variables: Keywords, known: Callable[[AnyNode], bool]
) -> Iterator[tuple[AnyNode, int, ast.expr]]:
    """The constants of a recorded graph, each with the expression that it was written as.

    By the syntax alone, operator by operator, also where nothing may be evaluated again: what
    is drawn at random, or read from a file.
    """
    stack = [(top, tree)]
    while stack:
        node, tree = stack.pop()
        parts = operands(node, tree, variables)
        for i, part in enumerate(parts):
            p = node.parents[i]
            if p is None:
                yield node, i, part
            elif not known(p):
                stack.append((p, part))


def operands(node: AnyNode, tree: ast.expr, variables: Keywords) -> list[ast.expr]:
    """The expressions of the arguments of ``node``, if ``tree`` is that operation."""
    if isinstance(tree, ast.BinOp) and OPERATORS.get(type(tree.op)) is node.op:
        return [tree.left, tree.right]
    if isinstance(tree, ast.IfExp):
        return operands(node, tree.body, variables) or operands(node, tree.orelse, variables)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return [tree.operand] if node.op is ops.negative else []
    if isinstance(tree, ast.Subscript):
        return [tree.value] if node.op is ops.elements else []
    if isinstance(tree, ast.Attribute):
        return [tree.value] if node.op is ops.transpose and tree.attr == "T" else []
    if isinstance(tree, ast.Call) and not any(isinstance(a, ast.Starred) for a in tree.args):
        return call_operands(node, tree, variables)
    return []


def call_operands(node: AnyNode, tree: ast.Call, variables: Keywords) -> list[ast.expr]:
    """The same for a call of a function of NumPy's, or of a method."""
    f = looked_up(tree.func, variables)
    if f is None:
        if not isinstance(tree.func, ast.Attribute):
            return []
        f = getattr(np, tree.func.attr, None)
        same = is_in(f, implementations) and implementations[f] is node.op
        return [tree.func.value, *tree.args][: len(node.args)] if same else []
    same = f is node.op or (is_in(f, implementations) and implementations[f] is node.op)
    if not same and is_in(f, COMPOSED) and COMPOSED[f] is node.op:
        listed = isinstance(tree.args[0], ast.List | ast.Tuple) if tree.args else False
        given = tree.args[0].elts if listed else tree.args  # type: ignore[attr-defined]
        return [*given] if len(given) == len(node.args) else []
    return [*tree.args][: len(node.args)] if same else []


def arrays_within(nodes: Iterable[AnyNode]) -> list[Array]:
    """The constant arrays that some operations were given, indices too, each once."""
    found: dict[int, Array] = {}
    for node in nodes:
        given = [a for a, p in zip(node.args, node.parents, strict=True) if p is None]
        for x in flattened([*given, *node.kwargs.values()]):
            if isinstance(x, np.ndarray) and x.ndim and x.size > 1:
                found.setdefault(hash((x.shape, x.tobytes())), x)
    return [*found.values()]


def flattened(values: Tree) -> Iterator[Array]:
    for v in values:
        if isinstance(v, tuple):
            yield from flattened(v)
        else:
            yield v


def equal_values(x: Any, y: Any) -> bool:
    """Whether two values are the same, to the last digits."""
    if type(x) is tuple or type(y) is tuple:
        return type(x) is type(y) and len(x) == len(y) and all(map(equal_values, x, y))
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape or "b" in (kinds := {x.dtype.kind, y.dtype.kind}) != {"b"}:
        return False
    if kinds == {"b"} or kinds <= {"i", "u"}:
        return bool(np.array_equal(x, y))
    digits = 1e-6 if np.float32 in (x.dtype, y.dtype) else 1e-14
    with np.errstate(all="ignore"):
        return bool(np.allclose(x, y, rtol=digits, atol=0.0, equal_nan=True))
