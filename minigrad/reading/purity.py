"""Whether an expression of the user's may be evaluated a second time.

A reading evaluates the user's own expressions again, on stand-ins, to learn where a
constant comes from.  That is done only where nobody can notice: with functions that read
their arguments and nothing else.  What is not known to be such is not called.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from minigrad.errors import is_user
from minigrad.ops.record import Op, implementations
from minigrad.reading.names import is_module, is_tensor
from minigrad.reading.statements import tree_of
from minigrad.typing import Function, Keywords

MATH = {
    f: getattr(np, f) for f in "sqrt exp log log2 log10 sin cos tan tanh sinh cosh floor".split()
}
"""Functions of ``math``, which takes numbers alone, and NumPy's, which are the same."""

BUILTINS = frozenset(
    [len, range, abs, sum, min, max, zip, enumerate, list, tuple, reversed, round, float, int, bool]
)
MAKERS = frozenset(
    getattr(np, f)
    for f in "zeros ones full eye identity arange linspace array asarray shape size ndim indices "
    "float64 float32".split()
)
METHODS = frozenset(
    "sum mean max min prod std var reshape transpose ravel flatten squeeze dot astype clip "
    "argmax argmin any all cumsum cumprod round swapaxes diagonal trace repeat take "
    "conj copy items keys values get".split()
)
"""Methods of arrays, Tensors and containers that alter nothing."""

RANDOM = frozenset("rng seed generator training key".split())
"""Parameters of functions that are not the same at each call."""

EXPRESSIONS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Slice,
    ast.Tuple,
    ast.List,
    ast.Starred,
    ast.keyword,
    ast.ListComp,
    ast.GeneratorExp,
    ast.comprehension,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
    ast.boolop,
)
DEPTH = 4


def resolved(tree: ast.expr, variables: Keywords) -> Any:
    """What a path such as ``np.linalg.inv`` or ``self.W1`` stands for.

    Raises
    ------
    LookupError, AttributeError, TypeError
        For what is no path, or leads nowhere.
    """
    if isinstance(tree, ast.Name):
        if tree.id in variables:
            return variables[tree.id]
        return getattr(builtins, tree.id)
    if isinstance(tree, ast.Attribute):
        return getattr(resolved(tree.value, variables), tree.attr)
    if isinstance(tree, ast.Subscript):
        owner = resolved(tree.value, variables)
        if not is_tensor(owner):  # whose entries are computed
            return owner[key(tree.slice, variables)]
    raise LookupError(ast.unparse(tree))


def looked_up(tree: ast.expr, variables: Keywords) -> Any:
    """`resolved`, and None for what is no path."""
    try:
        return resolved(tree, variables)
    except (LookupError, AttributeError, TypeError):
        return None


def key(tree: ast.expr, variables: Keywords) -> Any:
    """A string or a whole number between brackets."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -key(tree.operand, variables)
    found = tree.value if isinstance(tree, ast.Constant) else resolved(tree, variables)
    if not isinstance(found, str | int):
        raise LookupError(ast.unparse(tree))
    return found


def pure(tree: ast.AST, variables: Keywords, depth: int = DEPTH) -> bool:
    """Whether evaluating ``tree`` does nothing but compute."""
    if isinstance(tree, ast.Call):
        if not harmless(tree.func, variables, depth):
            return False
        inner: list[ast.AST] = [*tree.args, *tree.keywords]
        if isinstance(tree.func, ast.Attribute):
            inner.append(tree.func.value)
        return all(pure(part, variables, depth) for part in inner)
    if isinstance(tree, ast.Attribute):
        return pure(tree.value, variables, depth)
    if isinstance(tree, ast.Name | ast.Constant):
        return True
    if not isinstance(tree, EXPRESSIONS):
        return False
    return all(pure(part, variables, depth) for part in ast.iter_child_nodes(tree))


def harmless(func: ast.expr, variables: Keywords, depth: int) -> bool:
    """Whether a call of ``func`` does nothing but compute."""
    f = looked_up(func, variables)
    if f is None:
        return isinstance(func, ast.Attribute) and func.attr in METHODS
    if type(f).__module__.startswith("minigrad.scipy."):
        f = getattr(f, "__wrapped__", f)  # a ufunc of SciPy's
    if isinstance(f, Op) or is_in(f, BUILTINS) or is_in(f, MAKERS) or is_in(f, implementations):
        return True
    if isinstance(func, ast.Attribute) and MATH.get(func.attr) and f is getattr(math, func.attr):
        return True
    if is_module(f):
        return all(repeatable(m, depth) for _, m in f.named_modules())
    f = method_of(f)
    module = str(getattr(f, "__module__", ""))
    if not isinstance(f, FunctionType | MethodType):
        return isinstance(func, ast.Attribute) and func.attr in METHODS
    if module.split(".")[0] == "minigrad":
        known = module.startswith(("minigrad.losses", "minigrad.nn.functional", "minigrad.ops"))
        parameters = inspect.signature(f).parameters
        own = isinstance(f, MethodType) and f.__name__ in METHODS
        return own or (known and not RANDOM.intersection(parameters))
    return depth > 0 and is_user(f.__code__.co_filename) and pure_function(f, depth - 1)


def method_of(f: Function) -> Any:
    """The method that is called, where an object of a class is, or a layer."""
    if isinstance(f, FunctionType | MethodType | type):
        return f
    run = getattr(type(f), "forward" if is_module(f) else "__call__", None)
    return MethodType(run, f) if isinstance(run, FunctionType) else f


def repeatable(layer: Any, depth: int) -> bool:
    """Whether a layer answers the same each time: none that draws, or counts what it has seen."""
    run = type(layer).forward
    if not is_user(run.__code__.co_filename):
        return "training" not in run.__code__.co_names
    return depth > 0 and pure_function(run, depth - 1)


def is_in(f: Any, known: Any) -> bool:
    try:
        return f in known
    except TypeError:
        return False


def pure_function(f: Any, depth: int) -> bool:
    """Whether a function of the user's sets but its own variables, and calls but such."""
    f, owner = (f.__func__, f.__self__) if isinstance(f, MethodType) else (f, None)
    code = f.__code__
    tree = tree_of(code)
    if not isinstance(tree, ast.FunctionDef | ast.Lambda):
        return False
    if isinstance(tree, ast.FunctionDef) and tree.decorator_list:
        return False
    try:
        variables = bound(f)
    except ValueError:
        return False
    local = {*code.co_varnames}
    outer = {k: v for k, v in variables.items() if k not in local}
    if owner is not None and code.co_argcount:
        outer[code.co_varnames[0]] = owner  # self, of which methods are called
    if isinstance(tree, ast.Lambda):
        return pure(tree.body, outer, depth)
    return all(pure_statement(part, outer, depth) for part in tree.body)


def bound(f: FunctionType) -> dict[str, Any]:
    """What the names are that a function reads and does not set.

    Raises
    ------
    ValueError
        Where one has no value yet.
    """
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    return {**f.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def pure_statement(part: ast.stmt, variables: Keywords, depth: int) -> bool:
    if isinstance(part, ast.Assign):
        plain = all(
            isinstance(t, ast.Name | ast.Tuple | ast.Store)
            for target in part.targets
            for t in ast.walk(target)
        )
        return plain and pure(part.value, variables, depth)
    if isinstance(part, ast.AugAssign):
        return False  # which may write into an array of the caller's
    if isinstance(part, ast.Return):
        return part.value is None or pure(part.value, variables, depth)
    if isinstance(part, ast.Expr):
        return isinstance(part.value, ast.Constant)
    if isinstance(part, ast.If):
        inner = [*part.body, *part.orelse]
        return pure(part.test, variables, depth) and all(
            pure_statement(p, variables, depth) for p in inner
        )
    if isinstance(part, ast.For):
        return pure(part.iter, variables, depth) and all(
            pure_statement(p, variables, depth) for p in [*part.body, *part.orelse]
        )
    return False
