"""Formulas as answers: a small closed grammar, read by ``ast`` and computed here.

Nothing is ever handed to ``eval``: whatever is not in the table below is an error that
names it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.autodiff import grad
from minigrad.ops.record import public

LONGEST, MOST = 2000, 400
"""Characters and parts of a formula; beyond them it is not read."""

ALONE = """exp log log2 log10 log1p expm1 sqrt cbrt square abs absolute sign sin cos tan arcsin
arccos arctan sinh cosh tanh arctanh sigmoid relu softplus softmax log_softmax logsumexp gelu silu
erf reciprocal negative""".split()
OTHERS = """sum mean prod max min var std dot matmul outer maximum minimum where transpose diag
trace cumsum reshape power multiply add subtract divide clip ones_like zeros_like""".split()
SPELLINGS = {"ln": "log", "σ": "sigmoid", "sum_": "sum", "Σ": "sum", "tr": "trace", "amax": "max",
             "ReLU": "relu", "expit": "sigmoid", "logistic": "sigmoid"}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: public[name] for name in (*ALONE, *OTHERS) if name in public
}
METHODS = {"sum", "mean", "max", "min", "prod", "dot", "transpose", "std", "var"}
OPERATIONS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / b),
    ast.MatMult: ("@", lambda a, b: a @ b),
    ast.Pow: ("**", lambda a, b: a**b),
}
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip

SIGNS = {"·": "*", "×": "*", "⊙": "*", "∘": "*", "−": "-", "–": "-", "÷": "/", "ᵀ": ".T", "⊤": ".T",
         "²": "**2", "³": "**3", "½": "(1/2)", "′": "'", "^": "**", "∂": "d"}  # fmt: skip
DERIVATIVE = re.compile(r"\bd([^\W\d]\w*)\s*/\s*d([^\W\d]\w*)")
TURNED = re.compile(r"\^\s*[T⊤](?!\w)")
CONDITION = r"[^\[\]{}()]*(?:[<>]|[=!]=)[^\[\]{}()]*"
INDICATOR = re.compile(
    rf"(?<![\w.])(?:1|I|𝟙|𝟏)_?\s*(?:\[({CONDITION})\]|\{{({CONDITION})\}}|\(({CONDITION})\))"
    rf"|(?<![\w.\])])\[({CONDITION})\]"
)
PRIME = re.compile(r"([^\W\d]\w*)'\s*\(")

Lookup = Callable[[str], Any]


class NoFormula(ValueError):
    """What is not in the grammar, and why."""


def eye(n: Any) -> Any:
    """The identity matrix, of a size that fits into memory."""
    if not 0 <= n <= MOST:
        raise NoFormula(f"eye({n:g}): at most {MOST} rows")
    return np.eye(int(n))


FUNCTIONS |= {"eye": eye, "len": len}


def normal(text: str) -> str:
    """``text`` as Python writes it: ``a·(1 − a)²`` is ``a*(1 - a)**2``."""
    text = TURNED.sub(".T", conditions(text))
    for sign, python in SIGNS.items():
        text = text.replace(sign, python)
    text = PRIME.sub(r"\1_prime(", text.strip())
    text = re.sub(r"(?<![\w.])(?![σΣ])([^\W\d_])\s*\(", r"\1*(", text)  # a(1 - a) is a product
    return DERIVATIVE.sub(r"D_(\1, \2)", text)


def conditions(text: str) -> str:
    """``1[z > 0]``, ``𝟙(z > 0)`` and ``[z > 0]`` as ``(z > 0)``."""
    return INDICATOR.sub(lambda m: f"({next(filter(None, m.groups()))})", text)


def parsed(text: str) -> ast.expr:
    """The tree of a formula, all of its parts in the grammar.

    Raises
    ------
    NoFormula
        Naming the part that is not.
    """
    found = syntax(text)
    check(found)
    return found


def syntax(text: str) -> ast.expr:
    """The tree of a formula, its parts unchecked."""
    if len(text) > LONGEST:
        raise NoFormula(f"a formula has at most {LONGEST} characters")
    try:
        found = _tree(normal(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoFormula(f"{text!r} is not a formula") from None
    if len(list(ast.walk(found))) > MOST:
        raise NoFormula(f"a formula has at most {MOST} parts")
    return found


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:  # 2x, (a)(b), 2(a - y)
        text = re.sub(r"(?<![\w.])(\d+\.?\d*)\s*(?=[^\W\d]|\()", r"\1*", text)
        text = re.sub(r"\)\s*(?=[\w(])", ")*", text)
        return ast.parse(re.sub(r"(?<=[\w])\s+(?=[\w(])", "*", text), mode="eval").body


def juxtaposed(text: str) -> bool:
    """Whether parts stand beside each other without a sign: ``A x``, ``Xᵀ(h - y)``."""
    text = TURNED.sub(".T", conditions(text))
    for sign, python in SIGNS.items():
        text = text.replace(sign, python)
    if re.search(r"['\",\[]", text):
        return False
    try:
        parts = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return any(
        f.attr == "T" if isinstance(f, ast.Attribute)
        else not isinstance(f, ast.Name) or SPELLINGS.get(f.id, f.id) not in FUNCTIONS
        for f in (c.func for c in parts if isinstance(c, ast.Call))
    )  # fmt: skip


def check(part: ast.AST) -> None:
    """Refuse what is not in the grammar."""
    if isinstance(part, ast.BinOp):
        if type(part.op) not in OPERATIONS:
            raise NoFormula(f"{ast.unparse(part)}: only + - * / ** and @ are understood")
        parts: list[Any] = [part.left, part.right]
    elif isinstance(part, ast.UnaryOp):
        if not isinstance(part.op, ast.USub | ast.UAdd):
            raise NoFormula(f"{ast.unparse(part)}: of signs, only + and - are understood")
        parts = [part.operand]
    elif isinstance(part, ast.Compare):
        if len(part.ops) != 1 or type(part.ops[0]) not in COMPARISONS:
            raise NoFormula(f"{ast.unparse(part)}: compare two things at a time")
        parts = [part.left, *part.comparators]
    elif isinstance(part, ast.Call):
        function_of(part)
        if any(k.arg not in ("axis", "keepdims") for k in part.keywords):
            raise NoFormula(f"{ast.unparse(part)}: of keywords, axis= and keepdims= are understood")
        inner = part.func.value if isinstance(part.func, ast.Attribute) else None
        mine = [] if inner is None or _is_module(inner) else [inner]
        parts = [*mine, *part.args, *(k.value for k in part.keywords)]
    elif isinstance(part, ast.Subscript):
        parts = [part.value, part.slice]
    elif isinstance(part, ast.Attribute):
        if part.attr.startswith("_"):
            raise NoFormula(f"{ast.unparse(part)}: names that begin with _ are not looked at")
        parts = [part.value]
    elif isinstance(part, ast.Slice):
        parts = [x for x in (part.lower, part.upper, part.step) if x is not None]
    elif isinstance(part, ast.Tuple | ast.List):
        parts = list(part.elts)
    elif isinstance(part, ast.Constant):
        if not isinstance(part.value, int | float | str | type(None) | type(...)):
            raise NoFormula(f"{part.value!r} is not a number")
        parts = []
    elif isinstance(part, ast.Name):
        parts = []
    else:
        raise NoFormula(f"{ast.unparse(part)!r} is not understood in a formula")
    for inner in parts:
        check(inner)


def _is_module(part: ast.AST) -> bool:
    return isinstance(part, ast.Name) and part.id in (
        "np",
        "numpy",
        "mg",
        "minigrad",
        "torch",
        "sp",
    )


def function_of(call: ast.Call) -> Callable[..., Any]:
    """The function that a call means.

    Raises
    ------
    NoFormula
        For one that is not in the table.
    """
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if isinstance(call.func, ast.Attribute):
        if not _is_module(call.func.value):
            if call.func.attr in METHODS:
                return FUNCTIONS[call.func.attr]
            raise NoFormula(f"the method .{call.func.attr}() is not understood in a formula")
        name = call.func.attr
    if name == "D_":
        return FUNCTIONS["sum"]
    name = SPELLINGS.get(name, name)
    for ending in ("_prime", "_derivative", "_grad"):
        bare = SPELLINGS.get(name.removesuffix(ending), name.removesuffix(ending))
        if name.endswith(ending) and bare in ALONE:
            return prime(FUNCTIONS[bare])
    if name not in FUNCTIONS:
        raise NoFormula(f"the function {name or ast.unparse(call.func)} is not understood")
    return FUNCTIONS[name]


def prime(f: Callable[..., Any]) -> Callable[[Any], Any]:
    """The derivative of an elementwise function."""
    slope = grad(lambda x: FUNCTIONS["sum"](f(x)))
    return lambda x: slope(np.asarray(x, float))


# --- the value -------------------------------------------------------------------------


def computed(x: ast.BinOp, a: Any, b: Any) -> Any:
    """The operation ``x`` of two values."""
    sign, operation = OPERATIONS[type(x.op)]
    try:
        return operation(a, b)
    except ValueError:
        shapes = f"{np.shape(a)} and {np.shape(b)}"
        raise NoFormula(f"{written(x)}: shapes {shapes} do not fit {sign}") from None


def value_of(part: ast.AST, lookup: Lookup, numbers: Callable[[float], Any] = float) -> Any:
    """What a formula is, given what its names are.

    Parameters
    ----------
    part : expression of the grammar
    lookup : callable
        Name (or path, ``params['W']``) -> array; raises NoFormula for others.
    numbers : callable
        What stands for a number that is written in the formula.
    """

    def go(x: ast.AST) -> Any:
        if isinstance(x, ast.Constant):
            return np.float64(numbers(number_in(x)))
        if isinstance(x, ast.Name):
            return lookup(x.id)
        if isinstance(x, ast.BinOp):
            return computed(x, go(x.left), go(x.right))
        if isinstance(x, ast.UnaryOp):
            return -go(x.operand) if isinstance(x.op, ast.USub) else go(x.operand)
        if isinstance(x, ast.Compare):
            found = COMPARISONS[type(x.ops[0])](go(x.left), go(x.comparators[0]))
            return np.asarray(found, float)[()]
        if isinstance(x, ast.Call):
            return called(x)
        if isinstance(x, ast.Attribute | ast.Subscript):
            return placed(x)
        raise NoFormula(f"{ast.unparse(x)!r} is not a number or an array")

    def called(x: ast.Call) -> Any:
        if isinstance(x.func, ast.Name) and x.func.id == "D_":
            return lookup("d" + "/d".join(ast.unparse(a) for a in x.args))
        keywords = {k.arg: index(k.value) for k in x.keywords if k.arg}
        args = [go(a) for a in x.args]
        if isinstance(x.func, ast.Attribute) and not _is_module(x.func.value):
            args = [go(x.func.value), *args]
        return function_of(x)(*args, **keywords)

    def placed(x: ast.Attribute | ast.Subscript) -> Any:
        try:
            return lookup(ast.unparse(x))  # a variable such as params['W'], or self.W
        except NoFormula:
            if isinstance(x, ast.Attribute):
                if x.attr in ("T", "shape", "size"):
                    return getattr(np.asarray(go(x.value)), x.attr)
                raise
        held = go(x.value)
        return held[index(x.slice)] if isinstance(held, tuple) else np.asarray(held)[index(x.slice)]

    def index(x: Any) -> Any:
        if isinstance(x, ast.Tuple | ast.List):
            return tuple(index(e) for e in x.elts)
        if isinstance(x, ast.Slice):
            return slice(*(None if e is None else index(e) for e in (x.lower, x.upper, x.step)))
        if isinstance(x, ast.Constant):
            return x.value
        found = np.asarray(go(x))
        return found.astype(int)[()] if np.array_equal(found, found.astype(int)) else found

    return go(part)


def number_in(x: ast.Constant) -> float:
    """A number that is written in a formula."""
    if isinstance(x.value, bool | str) or not isinstance(x.value, int | float):
        raise NoFormula(f"{x.value!r} is not a number")
    return float(x.value)


def names_in(part: ast.AST) -> list[str]:
    """The names that a formula uses, functions left out."""
    functions = {id(x.func) for x in ast.walk(part) if isinstance(x, ast.Call)}
    found = [x.id for x in ast.walk(part) if isinstance(x, ast.Name) and id(x) not in functions]
    return list(dict.fromkeys(found))


def written(part: ast.AST) -> str:
    """A formula as its writer would read it."""
    text = ast.unparse(ast.fix_missing_locations(part))
    text = re.sub(r"D_\((\w+), (\w+)\)", r"d\1/d\2", text)
    return re.sub(r"(\w+)_prime\(", r"\1'(", text)
