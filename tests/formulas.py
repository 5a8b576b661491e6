"""Printed formulas read back: text as ``mg.explain`` writes it, evaluated by Python."""

from __future__ import annotations

import ast
import re
from types import SimpleNamespace
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.ops import windows
from minigrad.ops.record import registry
from minigrad.ops.windows import bessel
from minigrad.writing.notation import above, below, identity, onehot

DIGITS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"


class Indicator:
    """``1[x > 0]``: a truth value as a number."""

    def __getitem__(self, condition: Any) -> Any:
        return np.asarray(condition) + 0.0


class Root:
    """``√x``, written as a power for Python's precedences."""

    def __pow__(self, x: Any) -> Any:
        return np.sqrt(x)


class Inverted:
    """``A⁻ᵀ`` and ``A⁻¹``, which are no powers to Python."""

    __array_ufunc__ = None

    def __init__(self, flipped: bool) -> None:
        self.flipped = flipped

    def __rpow__(self, a: Any) -> Any:
        if np.ndim(a) < 2:
            return 1 / a
        return np.swapaxes(np.linalg.inv(a), -1, -2) if self.flipped else np.linalg.inv(a)


class Functions(dict[str, Any]):
    """NumPy's functions, and what only minigrad has, by name."""

    def __missing__(self, name: str) -> Any:
        if name == "np":
            return np
        if name == "norm":
            return registry["linalg.vector_norm"].forward
        if name == "det":
            return np.linalg.det
        if hasattr(np, name):
            return getattr(np, name)
        if name == "bessel":
            return windows.bessel.forward
        if name in registry:
            return registry[name].forward
        for op in registry.values():
            if op.letter == name:
                return op.forward
        if name == bessel.name:  # which the derivatives of i0 lead to
            return bessel.forward
        raise KeyError(name)


def beside_transposed(text: str) -> str:
    """An outer product with a transposed bracket, as Python."""
    for found in reversed([*re.finditer(r"(?<=[\w)\]]) (?=[\w.]*\()", text)]):
        depth, end = 0, text.index("(", found.end())
        while end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
            if not depth:
                break
        if text[end : end + 1] == "ᵀ":
            text = f"{text[: found.start()]}[:, None] * {text[found.end() :]}"
    return text


def python(text: str) -> str:
    """A formula as Python."""
    text = text.replace("·", "*").replace("⊙", "*").replace("^", "**")
    text = re.sub(r"(?<!\w)1\[", "indicator[", text)
    for part, number in (("½", "(1/2)"), ("¼", "(1/4)"), ("¾", "(3/4)")):
        text = text.replace(part, number)
    text = re.sub("‖([^‖]*)‖", r"norm(\1)", re.sub(r"(\d)π", r"\1*π", text))
    text = text.replace("⁻¹ᵀ", "⁻ᵀ").replace("⁻ᵀ", "**flipped").replace("⁻¹", "**inverted")
    text = text.replace("√", "root**")
    text = re.sub(r"(?<=[\w)\]]) (?=[\w.]+(\[\w+\])?ᵀ)", "[:, None] * ", text)  # x yᵀ
    text = beside_transposed(text)  # x (y·z)ᵀ
    text = text.replace("ᵀ", ".T").replace("σ(", "sigmoid(").replace("∂", "d")
    text = re.sub(r"-(?=[^\s\d>])", "-1*", text)  # NumPy has no negative truth values
    numbers = str.maketrans(DIGITS, "-0123456789")
    return re.sub(f"[{DIGITS}]+", lambda m: f"**({m[0].translate(numbers)})", text)


class Identity:
    """The identity of whatever size stands beside it, as a reader takes it."""

    __array_ufunc__ = None

    def __sub__(self, other: Any) -> Any:
        return np.eye(len(other)) - other

    def __rsub__(self, other: Any) -> Any:
        return other - np.eye(len(other))

    def __add__(self, other: Any) -> Any:
        return np.eye(len(other)) + other

    __radd__ = __add__


def environment(formula: Any) -> Functions:
    """What the names in a printed formula stand for."""
    env = Functions()
    for v, symbol in formula.symbols.items():
        name = symbol.prefix + symbol.name if symbol.of else symbol.name
        if name.isdigit():
            continue
        env[python(name)] = formula.values[v]
    for v, constant in formula.program.constants.items():
        env[v.name] = getattr(constant, "_value", constant)
    for e in formula.program.equations:  # of functions that are not NumPy's
        if e.op.name.isidentifier() and not hasattr(np, e.op.name) and e.op.name != "onehot":
            env.setdefault(e.op.name, e.op.forward)
    env |= {"indicator": Indicator(), "root": Root(), "half": half, "π": np.pi}
    env |= {"inverted": Inverted(False), "flipped": Inverted(True)}
    parts = {n.partition(".")[2]: op.forward for n, op in registry.items() if "linalg." in n}
    env["linalg"] = SimpleNamespace(**parts)
    classes = {e.kwargs["classes"] for e in formula.program.equations if e.op is onehot}
    env["onehot"] = lambda y, n=None: np.eye(n or next(iter(classes)))[y]
    for e in formula.program.equations:
        if e.op is identity:
            env["I"] = np.eye(e.kwargs["n"])
    sizes = {np.shape(x) for v, x in formula.program.constants.items() if v.name == "I"}
    if len(sizes) > 1:
        env["I"] = Identity()
    return env


def value_of(formula: Any) -> Any:
    """What the printed text of a formula is worth, given the values of its symbols."""
    env = environment(formula)
    text = formula.text
    unnamed = [(v, s) for v, s in formula.symbols.items() if not s.name.isidentifier()]
    for v, s in sorted(unnamed, key=lambda pair: -len(pair[1].name)):
        if s.name.isdigit():
            continue
        shown = f"{s.prefix}({s.name})" if s.written else ((s.of and s.prefix) or "") + s.name
        text = re.sub(rf"(?<![\w.]){re.escape(shown)}(?![A-Za-z0-9_])", f"unnamed{v.name}", text)
        env[f"unnamed{v.name}"] = formula.values[v]
    text, _, definitions = text.partition(" where ")
    with np.errstate(all="ignore"):
        for definition in definitions.split("; ") if definitions else ():
            name, _, right = definition.partition(" = ")
            env[name] = eval(code(python(right), formula), {}, env)
        return eval(code(python(text), formula), {}, env)


class Halves(ast.NodeTransformer):
    """Indicators that are ½ where the two sides tie, as the footnote says."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        test = node.slice
        if not (isinstance(node.value, ast.Name) and node.value.id == "indicator"):
            return node
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Gt | ast.Lt):
            sides = [test.left, test.comparators[0]]
            if isinstance(test.ops[0], ast.Lt):
                sides.reverse()
            return ast.Call(ast.Name("half", ast.Load()), sides, [])
        return node


def code(text: str, formula: Any) -> Any:
    """What is evaluated for a formula in Python's notation."""
    tree = ast.parse(text.strip(), mode="eval")
    if any(e.op in (above, below) for e in formula.program.equations):
        tree = ast.fix_missing_locations(Halves().visit(tree))
    return compile(tree, text, "eval")


def half(x: Any, y: Any) -> Any:
    return np.heaviside(np.subtract(x, y), 0.5)


def check(explanation: Any, rtol: float = 1e-7) -> int:
    """Every formula, as a program and as text, is worth the number beside it."""
    n = 0
    for row in explanation.rows:
        if row.expression is None:
            continue
        n += 1
        scale = np.abs(row.value).max() if np.size(row.value) else 0.0
        tolerance: Any = {"rtol": rtol, "atol": 1e-10 + rtol * scale}
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(
                np.broadcast_to(row.expression.evaluate(), row.shape), row.value, **tolerance
            )
            signs = any("steps" in e.kwargs for e in row.expression.program.equations)
            if not (row.total or signs) and ", ...," not in row.formula:  # a list cut short
                text = np.broadcast_to(value_of(row.expression), row.shape)
                np.testing.assert_allclose(text, row.value, **tolerance, err_msg=row.formula)
            if row.formula.startswith("0; "):
                np.testing.assert_allclose(accumulated(row), row.value, **tolerance)
    return n


def accumulated(row: Any) -> Any:
    """What the statement that is printed for a row leaves in an array of zeros."""
    env = environment(row.expression)
    statements, _, definitions = row.formula.partition(" where ")
    for definition in filter(None, definitions.split("; ")):
        short, _, meaning = definition.partition(" = ")
        env[short] = eval(python(meaning), {}, env)
    for statement in statements.removeprefix("0; ").split("; "):
        if "] += " in statement:
            place, _, value = statement.partition(" += ")
            env.setdefault(place.partition("[")[0], np.zeros(row.shape))
            exec(f"{place} += {python(value)}", {}, env)
            name = place.partition("[")[0]
            continue
        name, _, rest = statement.removeprefix("np.add.at(").partition(", ")
        env.setdefault(name, np.zeros(row.shape))
        exec(f"np.add.at({name}, {python(rest)}", {}, env)
    return env[name]
