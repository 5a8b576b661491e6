"""Formulas as answers: a small closed grammar, read by ``ast`` and computed here.

Nothing is ever handed to ``eval``: whatever is not in the table below is an error that
names it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.autodiff import grad
from minigrad.derivation.formulas.functions import (
    ALONE,
    FUNCTIONS,
    MOST,
    OWN,
    SPELLINGS,
    WHOLE,
    NoFormula,
    TooLarge,
    einsum,
    made,
    within,
)
from minigrad.typing import Array, Function, Index

LONGEST, PASSES = 2000, 1000
"""Characters of a formula, and passes of its loops; beyond them it is not read."""

SAME = {"float", "double", "astype", "item", "numpy", "detach", "copy", "clone", "conj"}
"""Methods that change no number."""
OPERATIONS: dict[type, tuple[str, Callable[[Array, Array], Array]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / b),
    ast.MatMult: ("@", lambda a, b: a @ b),
    ast.Pow: ("**", lambda a, b: a**b),
    ast.BitAnd: ("&", lambda a, b: np.minimum(a != 0, b != 0) * 1.0),
    ast.BitOr: ("|", lambda a, b: np.maximum(a != 0, b != 0) * 1.0),
}
COMPARISONS: dict[type, Callable[[Array, Array], Array]] = {
    ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip

SIGNS = {"·": "*", "×": "*", "⊙": "*", "∘": "*", "−": "-", "–": "-", "÷": "/", "ᵀ": ".T", "⊤": ".T",
         "²": "**2", "³": "**3", "′": "'", "^": "**", "∂": "d"}  # fmt: skip
DERIVATIVE = re.compile(r"\bd([^\W\d]\w*)\s*/\s*d([^\W\d]\w*)")
TURNED = re.compile(r"\^\s*[T⊤](?!\w)")
PART = r"(?:[^\[\]{}()]|\([^\[\]{}()]*\))*"
CONDITION = rf"(?=[^\[\]{{}}]*(?:[<>]|[=!]=)){PART}"
INDICATOR = re.compile(
    rf"(?<![\w.])(?:1|I|𝟙|𝟏)_?\s*(?:\[({CONDITION})\]|\{{({CONDITION})\}}|\(({CONDITION})\))"
    rf"|(?<![\w.\])])\[({CONDITION})\]"
)
PRIME = re.compile(r"([^\W\d]\w*)'\s*\(")

Lookup = Callable[[str], Array]
FAILURES = (ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError,
            MemoryError, RecursionError)  # fmt: skip
"""What a formula that cannot be computed may raise."""


def normal(text: str) -> str:
    """``text`` as Python writes it: ``a·(1 − a)²`` is ``a*(1 - a)**2``."""
    text = PRIME.sub(r"\1_prime(", signed(text).strip())
    text = re.sub(r"(?<![\w.])(?![σΣψΦ])([^\W\d_])\s*\(", r"\1*(", text)  # a(1 - a) is a product
    return DERIVATIVE.sub(r"D_(\1, \2)", text)


def signed(text: str) -> str:
    """``text`` with Python's signs."""
    text = re.sub(r"ᵀ(?=\w)", "ᵀ ", TURNED.sub(".T", conditions(text)))
    for sign, python in SIGNS.items():
        text = text.replace(sign, python)
    return text


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
    text = PRIME.sub(r"\1(", signed(text))
    if re.search(r"['\"]", text):
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


def dotted(text: str) -> bool:
    """Whether a product may be one of matrices: ``A·x``."""
    return "·" in text


KEYWORDS: dict[str | None, str] = {"axis": "axis", "dim": "axis", "keepdims": "keepdims",
                                   "keepdim": "keepdims", "n": "n", "mode": "mode",
                                   "shift": "shift"}  # fmt: skip
GRAMMAR: dict[type, tuple[Callable[[Any], bool], str]] = {
    ast.BinOp: (lambda x: type(x.op) in OPERATIONS, "only + - * / ** and @ are understood"),
    ast.UnaryOp: (lambda x: type(x.op) in (ast.USub, ast.UAdd, ast.Invert),
                  "of signs, only + - and ~ are understood"),
    ast.Compare: (lambda x: all(type(op) in COMPARISONS for op in x.ops),
                  "only < <= > >= == and != compare"),
    ast.Call: (lambda x: all(k.arg in KEYWORDS for k in x.keywords),
               "of keywords, axis= and keepdims= are understood"),
    ast.Attribute: (lambda x: not x.attr.startswith("_"),
                    "names that begin with _ are not looked at"),
}  # fmt: skip
"""Kind of part -> whether one is understood, and what is to be said where it is not."""
PLAIN = (ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Constant, ast.Name, ast.IfExp,
         ast.GeneratorExp, ast.ListComp, ast.comprehension, ast.keyword,
         ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)  # fmt: skip
CONSTANTS = (int, float, str, type(None), type(...))


def check(part: ast.AST) -> None:
    """Refuse what is not in the grammar."""
    for x in ast.walk(part):
        if isinstance(x, ast.Call):
            function_of(x)
        understood, why = GRAMMAR.get(type(x), (None, ""))
        if understood is not None and not understood(x):
            raise NoFormula(f"{ast.unparse(x)}: {why}")
        if understood is None and not isinstance(x, PLAIN):
            raise NoFormula(f"{ast.unparse(x)!r} is not understood in a formula")
        if isinstance(x, ast.Constant) and not isinstance(x.value, CONSTANTS):
            raise NoFormula(f"{x.value!r} is not a number")


MODULES = {"np", "numpy", "mg", "minigrad", "torch", "F", "jnp", "jax", "tf", "sp", "scipy",
           "special", "linalg", "math"}  # fmt: skip


def is_module(part: ast.AST) -> bool:
    """Whether it is ``np``, or ``np.linalg``."""
    part = part.value if isinstance(part, ast.Attribute) else part
    return isinstance(part, ast.Name) and part.id in MODULES


def is_method(call: ast.Call) -> bool:
    """Whether a function is called as a method of its first argument."""
    return isinstance(call.func, ast.Attribute) and not (call.args and is_module(call.func.value))


def called(call: ast.Call) -> str:
    """The function's name, without that of its module."""
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def arguments(call: ast.Call) -> list[ast.expr]:
    """What a function is called with, of a method the object first."""
    if not is_method(call) or not isinstance(call.func, ast.Attribute):
        return call.args
    return [call.func.value, *(call.args if call.func.attr not in SAME else ())]


def function_of(call: ast.Call) -> Function:
    """The function that a call means.

    Raises
    ------
    NoFormula
        For one that is not in the table.
    """
    name = called(call)
    if is_method(call):
        if name in SAME:
            return lambda x: x
        name = "transpose" if name == "t" else name
        if SPELLINGS.get(name, name) not in FUNCTIONS:
            raise NoFormula(f"the method .{name}() is not understood in a formula")
    if name == "D_":
        return FUNCTIONS["sum"]
    name = SPELLINGS.get(name, name)
    for ending in ("_prime", "_derivative", "_grad"):
        bare = SPELLINGS.get(name.removesuffix(ending), name.removesuffix(ending))
        if name.endswith(ending) and bare in ALONE:
            return prime(FUNCTIONS[bare])
    if name not in FUNCTIONS:
        raise NoFormula(f"the function {name or ast.unparse(call.func)} is not understood")
    if name in ("max", "min") and isinstance(call.func, ast.Name) and len(call.args) == 2:
        name += "imum"
    return FUNCTIONS[name]


def prime(f: Function) -> Callable[[Array], Array]:
    """The derivative of an elementwise function."""
    slope = grad(lambda x: FUNCTIONS["sum"](f(x)))
    return lambda x: slope(np.asarray(x, float))


# --- the value -------------------------------------------------------------------------


def computed(x: ast.BinOp, a: Array, b: Array) -> Array:
    """The operation ``x`` of two values."""
    sign, operation = OPERATIONS[type(x.op)]
    try:
        within(made(sign, (a, b)))
        return operation(a, b)
    except NoFormula:
        raise
    except ValueError:
        shapes = f"{np.shape(a)} and {np.shape(b)}"
        raise NoFormula(f"{written(x)}: shapes {shapes} do not fit {sign}") from None


def value_of(part: ast.AST, lookup: Lookup, numbers: Callable[[float], Array] = float) -> Array:
    """What a formula is, given what its names are.

    Parameters
    ----------
    part : expression of the grammar
    lookup : callable
        Name (or path, ``params['W']``) -> array; raises NoFormula for others.
    numbers : callable
        What stands for a number that is written in the formula.
    """
    return Value(lookup, numbers).visit(part)


@dataclass
class Value(ast.NodeVisitor):
    """The values of the parts of a formula."""

    lookup: Lookup
    numbers: Callable[[float], Array]
    left: list[int] = field(default_factory=lambda: [PASSES])
    """How many passes of loops may still be made, of all that stand in each other."""

    def generic_visit(self, node: ast.AST) -> Any:
        raise NoFormula(f"{ast.unparse(node)!r} is not a number or an array")

    def visit_Constant(self, x: ast.Constant) -> Array:
        k = number_of(x)
        if k is None:
            raise NoFormula(f"{x.value!r} is not a number")
        return np.float64(self.numbers(k))

    def visit_Name(self, x: ast.Name) -> Array:
        return self.lookup(x.id)

    def visit_BinOp(self, x: ast.BinOp) -> Array:
        k = number_of(x)
        if k is not None:
            return np.float64(self.numbers(k))
        return computed(x, self.visit(x.left), self.visit(x.right))

    def visit_UnaryOp(self, x: ast.UnaryOp) -> Array:
        held = self.visit(x.operand)
        if isinstance(x.op, ast.Invert):
            return np.equal(held, 0) * 1.0
        return -held if isinstance(x.op, ast.USub) else held

    def visit_Compare(self, x: ast.Compare) -> Array:
        sides = [self.visit(part) for part in (x.left, *x.comparators)]
        within(made("compare", sides))
        pairs = zip(x.ops, sides, sides[1:], strict=False)
        return math.prod(np.asarray(COMPARISONS[type(op)](a, b), float)[()] for op, a, b in pairs)

    def visit_List(self, x: ast.List) -> Array:
        return np.array([self.visit(part) for part in x.elts])

    def visit_Tuple(self, x: ast.Tuple) -> Array:
        return np.array([self.visit(part) for part in x.elts])

    def visit_ListComp(self, x: ast.ListComp) -> Array:
        return np.array(list(self.passes(x.elt, x.generators)))

    def passes(self, part: ast.expr, loops: list[ast.comprehension]) -> Iterator[Array]:
        """What a part is in each pass of the loops of a comprehension."""
        if not loops:
            yield self.visit(part)
            return
        entries = self.visit(loops[0].iter)
        self.left[0] -= len(entries)
        if self.left[0] < 0:
            raise TooLarge(f"{written(loops[0].iter)}: at most {PASSES} passes are made")
        for entry in entries:
            inner = Value(bound(loops[0].target, entry, self.lookup), self.numbers, self.left)
            if all(np.all(inner.visit(test)) for test in loops[0].ifs):
                yield from inner.passes(part, loops[1:])

    def visit_IfExp(self, x: ast.IfExp) -> Array:
        return FUNCTIONS["where"](*map(self.visit, (x.test, x.body, x.orelse)))

    def visit_Call(self, x: ast.Call) -> Array:
        if isinstance(x.func, ast.Name) and x.func.id == "D_":
            return self.lookup("d" + "/d".join(ast.unparse(a) for a in x.args))
        f, parts = function_of(x), arguments(x)
        if f is FUNCTIONS["sum"] and len(parts) == 1 and isinstance(parts[0], ast.GeneratorExp):
            return np.sum(list(self.passes(parts[0].elt, parts[0].generators)), axis=0)
        if f is einsum:
            return f(self.index(parts[0]), *map(self.visit, parts[1:]))
        further = self.index if any(f is FUNCTIONS[name] for name in WHOLE) else self.visit
        args = [*map(self.visit, parts[:1]), *map(further, parts[1:])]
        within(made(called(x), args[:1] if further == self.index else args))
        if f is FUNCTIONS["reshape"] and len(args) > 2:
            args = [args[0], tuple(args[1:])]
        return f(*args, **{KEYWORDS[k.arg]: self.index(k.value) for k in x.keywords})

    def visit_Attribute(self, x: ast.Attribute) -> Array:
        if x.attr == "T":
            with suppress(NoFormula):
                return np.asarray(self.visit(x.value)).T
        try:
            return self.lookup(ast.unparse(x))  # a variable such as self.W
        except NoFormula:
            if x.attr not in ("T", "shape", "size", "data"):
                raise
        if x.attr == "data":
            return self.visit(x.value)
        return getattr(np.asarray(self.visit(x.value)), x.attr)

    def visit_Subscript(self, x: ast.Subscript) -> Array:
        try:
            return self.lookup(ast.unparse(x))  # a variable such as params['W']
        except NoFormula:
            held = self.visit(x.value)
        return (held if isinstance(held, tuple) else np.asarray(held))[self.index(x.slice)]

    def index(self, x: ast.expr) -> Index:
        """What stands between brackets."""
        if isinstance(x, ast.Tuple):
            return tuple(map(self.index, x.elts))
        if isinstance(x, ast.List):
            return np.array(list(map(self.index, x.elts)))
        if isinstance(x, ast.Slice):
            ends = (x.lower, x.upper, x.step)
            return slice(*(None if e is None else self.index(e) for e in ends))
        if isinstance(x, ast.Constant):
            return x.value
        found = np.asarray(self.visit(x))
        return found.astype(int)[()] if np.array_equal(found, found.astype(int)) else found


def bound(target: ast.expr, entry: Array, lookup: Lookup) -> Lookup:
    """``lookup``, and what the variables of a loop are."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    held = dict(zip(map(ast.unparse, parts), entry if len(parts) > 1 else [entry], strict=True))
    return lambda name: held[name] if name in held else lookup(name)


def number_of(x: ast.AST) -> float | None:
    """A number, or a fraction, that is written in a formula; None for other parts."""
    if isinstance(x, ast.BinOp) and isinstance(x.op, ast.Div):
        top, bottom = number_of(x.left), number_of(x.right)
        return None if top is None or not bottom else top / bottom
    value = x.value if isinstance(x, ast.Constant) else None
    return float(value) if type(value) in (int, float) else None  # type: ignore[arg-type]


def names_in(part: ast.AST) -> list[str]:
    """The names that a formula uses, functions left out."""
    functions = {id(x.func) for x in ast.walk(part) if isinstance(x, ast.Call)}
    loops = [x.target for x in ast.walk(part) if isinstance(x, ast.comprehension)]
    own = {x.id for target in loops for x in ast.walk(target) if isinstance(x, ast.Name)}
    found = [x.id for x in ast.walk(part) if isinstance(x, ast.Name)
             and id(x) not in functions and x.id not in own]  # fmt: skip
    return list(dict.fromkeys(found))


def written(part: ast.AST) -> str:
    """A formula as its writer would read it."""
    if type(part) is ast.Name and "prime" not in part.id and not part.id.startswith("own"):
        return part.id
    text = ast.unparse(ast.fix_missing_locations(part))
    text = re.sub(r"D_\((\w+), (\w+)\)", r"d\1/d\2", text)
    text = re.sub(r"(\w+)_prime\(", r"\1'(", text)
    if OWN.get():
        text = re.sub(r"\bown(\w+?)(prime)?\(", lambda m: f"{m[1]}{chr(39) if m[2] else ''}(", text)
    return text
