"""The one table of notation: how every op is written, in every style.

A row belongs to the op's record, never to its name: an op of the user's own that happens to
be called ``softplus`` is written as a call of that name.  What has no row is written as a
call too, in source as NumPy's function or as one that is copied.
"""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.ops import determinants, matrices, norms
from minigrad.ops.record import Op
from minigrad.typing import Array, Function
from minigrad.writing.styles import BOOK, LATEX, MATHML, TEXT
from minigrad.writing.terms import Pattern

Row = dict[str, Pattern]
"""Style -> pattern."""

NEXT = {"sum": "product", "product": "unary", "and": "sum", "or": "and", "compare": "sum"}
"""What the right side of an operator of source has to bind as tightly as."""


def infix(level: str, operands: tuple[str, str], text: str, latex: str, mathml: str) -> Row:
    """An operator between two operands, in formulas."""
    left, right = operands
    signs = {"text": text, "book": text, "latex": f" {latex} ", "mathml": f"<mo>{mathml}</mo>"}
    return {style: (level, f"{{0:{left}}}{sign}{{1:{right}}}") for style, sign in signs.items()}


def operator(level: str, python: str, js: str | None = None) -> Row:
    """An operator between two operands, in source; ``js`` where it differs."""
    left = "sum" if level == "compare" else level
    signs = {"python": python, "js": python if js is None else js}
    return {
        style: (level, f"{{0:{left}}} {sign} {{1:{NEXT[level]}}}")
        for style, sign in signs.items()
        if sign
    }


def relation(python: str, latex: str, mathml: str) -> Row:
    """A comparison."""
    row = infix("compare", ("sum", "sum"), f" {python} ", latex, mathml)
    return row | operator("compare", python)


def function(latex: str, mathml: str, text: str) -> Row:
    """A function with a name of its own in formulas, as in JavaScript's ``Math``."""
    inner = "<mrow><mo>(</mo>{0:open}<mo>)</mo></mrow>"
    return {
        "text": ("atom", f"{text}({{0:open}})"),
        "latex": ("atom", rf"{latex}\left({{0:open}}\right)"),
        "mathml": ("atom", f"<mrow><mi>{mathml}</mi><mo>&#x2061;</mo>{inner}</mrow>"),
        "js": ("atom", f"Math.{text}({{0:open}})"),
    }


def js(pattern: str, level: str = "atom") -> Row:
    return {"js": (level, pattern)}


def call(name: str, arity: int = 1) -> Row:
    """A call in JavaScript, of its own ``Math`` or of the page's ``np``."""
    return js(f"{name}({', '.join(f'{{{i}:open}}' for i in range(arity))})")


def step(more: Function, x: Array, y: Array) -> Array:
    """1 where ``more(x, y)``, one half where they tie, else 0."""
    return (more(x, y) + 0.5 * np.equal(x, y)).astype(np.result_type(x, y, np.float16))


above: Op = Op("above", lambda x, y: step(np.greater, x, y), None, elementwise=True)
below: Op = Op("below", lambda x, y: step(np.less, x, y), None, elementwise=True)
"""What a maximum and a minimum pass on, in formulas: a tie shares the gradient evenly."""


onehot: Op = Op("onehot", lambda y, classes: np.eye(classes)[y], None, arity=1)
"""Rows of zeros with a 1 where ``y`` says."""
diagonal: Op = Op("diag", np.diagonal, None, arity=1)
"""The diagonal of a matrix."""
diagonal_matrix: Op = Op("diag", np.diag, None, arity=1)
"""A matrix with a vector on its diagonal."""
identity: Op = Op("I", lambda n: np.eye(n), None, arity=0)
"""The matrix that changes nothing."""
variance: Op = Op("var", np.var, None, arity=1)
deviation: Op = Op("std", np.std, None, arity=1)
outer: Op = Op("outer", lambda x, y: np.reshape(x, (-1, 1)) * np.reshape(y, (1, -1)), None, arity=2)
"""``x yᵀ`` of two vectors."""
repetition: Op = Op("repeat", np.repeat, None, arity=1)
"""Each entry so often."""
inverse_transposed: Op = Op(
    "inverse_transposed", lambda a: np.swapaxes(np.linalg.inv(a), -1, -2), None, arity=1
)
"""``A⁻ᵀ``."""


def stepped(sign: str, mathml: str) -> Row:
    """A step, written as the indicator of its condition."""
    condition = infix("compare", ("sum", "sum"), f" {sign} ", sign, mathml)
    return {
        style.column: ("atom", style.indicator.replace("{}", condition[style.column][1]))
        for style in (TEXT, BOOK, LATEX, MATHML)
    }


HADAMARD = infix("product", ("product", "product"), " ⊙ ", r"\odot", "⊙")
"""The product of arrays, entry by entry."""

TRANSPOSED: Row = {
    "text": ("atom", "{0:atom}ᵀ"),
    "latex": ("power", r"{0:atom}^{{\top}}"),
    "mathml": ("power", "<msup><mrow>{0:atom}</mrow><mo>⊤</mo></msup>"),
}

EXP: Row = function(r"\exp", "exp", "exp")
"""Where e is something of the user's."""
NOTATION: dict[Op, Row] = {
    # --- arithmetic
    ops.add: infix("sum", ("sum", "matmul"), " + ", "+", "+") | operator("sum", "+"),
    ops.subtract: infix("sum", ("sum", "matmul"), " - ", "-", "−") | operator("sum", "-"),
    ops.multiply: {"text": TEXT.times, "latex": LATEX.times, "mathml": MATHML.times}
    | operator("product", "*"),
    ops.divide: {"text": TEXT.quotient, "latex": LATEX.quotient, "mathml": MATHML.quotient}
    | operator("product", "/"),
    ops.matmul: infix("matmul", ("power", "power"), " @ ", r"\,", "&#x2062;")
    | operator("product", "@", js=""),
    outer: {
        "text": ("matmul", "{0:power} {1:atom}ᵀ"),
        "book": ("side", "{0:side} {1:atom}ᵀ"),
        "latex": ("matmul", r"{0:power} \, {1:atom}^{{\top}}"),
        "mathml": ("matmul", "{0:power}<msup><mrow>{1:atom}</mrow><mo>⊤</mo></msup>"),
    },
    matrices.inv: {
        "text": ("atom", "{0:atom}⁻¹"),
        "latex": ("power", "{0:atom}^{{-1}}"),
        "mathml": ("power", "<msup><mrow>{0:atom}</mrow><mrow><mo>−</mo><mn>1</mn></mrow></msup>"),
    },
    determinants.det: {
        "text": ("atom", "det({0:open})"),
        "latex": ("atom", r"\det\left({0:open}\right)"),
        "mathml": ("atom", "<mrow><mi>det</mi><mo>(</mo>{0:open}<mo>)</mo></mrow>"),
    },
    norms.power_norm: {
        "text": ("atom", "‖{0:open}‖"),
        "latex": ("atom", r"\left\|{0:open}\right\|"),
        "mathml": ("atom", "<mrow><mo>‖</mo>{0:open}<mo>‖</mo></mrow>"),
    },
    identity: {"text": ("atom", "I"), "latex": ("atom", "I"), "mathml": ("atom", "<mi>I</mi>")},
    inverse_transposed: {
        "text": ("atom", "{0:atom}⁻ᵀ"),
        "latex": ("power", r"{0:atom}^{{-\top}}"),
        "mathml": ("power", "<msup><mrow>{0:atom}</mrow><mrow><mo>−</mo><mo>⊤</mo></mrow></msup>"),
    },
    ops.floor_divide: operator("product", "//", js="") | call("np.floor_divide", 2),
    ops.remainder: operator("product", "%", js="") | call("np.remainder", 2),
    ops.fmod: js("{0:product} % {1:unary}", "product"),
    ops.negative: {
        "python": ("unary", "-{0:signed}"),
        "js": ("unary", "-{0:atom}"),
        "text": ("minus", "-{0:product}"),
        "latex": ("minus", "-{0:product}"),
        "mathml": ("minus", "<mo>−</mo>{0:product}"),
    },
    ops.positive: js("{0:atom}"),
    ops.conjugate: js("{0:atom}"),
    ops.real: js("{0:atom}"),
    ops.reciprocal: js("1 / {0:unary}", "product"),
    # --- powers
    ops.power: {"text": TEXT.power, "latex": LATEX.power, "mathml": MATHML.power}
    | call("np.power", 2),
    ops.float_power: call("np.power", 2),
    ops.square: call("np.square"),
    ops.sqrt: {"text": TEXT.root, "latex": LATEX.root, "mathml": MATHML.root} | call("Math.sqrt"),
    ops.cbrt: call("Math.cbrt"),
    ops.hypot: call("Math.hypot", 2),
    # --- exponentials and logarithms
    ops.exp: {
        "text": ("atom", "exp({0:open})"),
        "latex": ("power", "e^{{{0:open}}}"),
        "mathml": ("power", "<msup><mi>e</mi><mrow>{0:open}</mrow></msup>"),
    }
    | call("Math.exp"),
    ops.exp2: js("Math.pow(2, {0:open})"),
    ops.expm1: call("Math.expm1"),
    ops.log: function(r"\ln", "ln", "log"),
    ops.log2: call("Math.log2"),
    ops.log10: call("Math.log10"),
    ops.log1p: call("Math.log1p"),
    ops.logaddexp: call("np.logaddexp", 2),
    ops.logaddexp2: call("np.logaddexp2", 2),
    # --- trigonometry
    ops.sin: function(r"\sin", "sin", "sin"),
    ops.cos: function(r"\cos", "cos", "cos"),
    ops.tan: function(r"\tan", "tan", "tan"),
    ops.sinh: function(r"\sinh", "sinh", "sinh"),
    ops.cosh: function(r"\cosh", "cosh", "cosh"),
    ops.tanh: function(r"\tanh", "tanh", "tanh"),
    ops.arcsin: call("Math.asin"),
    ops.arccos: call("Math.acos"),
    ops.arctan: call("Math.atan"),
    ops.arctan2: call("Math.atan2", 2),
    ops.arcsinh: call("Math.asinh"),
    ops.arccosh: call("Math.acosh"),
    ops.arctanh: call("Math.atanh"),
    ops.deg2rad: js("{0:product} * (Math.PI / 180)", "product"),
    ops.radians: js("{0:product} * (Math.PI / 180)", "product"),
    ops.rad2deg: js("{0:product} * (180 / Math.PI)", "product"),
    ops.degrees: js("{0:product} * (180 / Math.PI)", "product"),
    ops.sinc: call("np.sinc"),
    # --- kinks and steps
    ops.absolute: {
        "text": ("atom", "abs({0:open})"),
        "latex": ("atom", r"\left|{0:open}\right|"),
        "mathml": ("atom", "<mrow><mo>|</mo>{0:open}<mo>|</mo></mrow>"),
    }
    | call("Math.abs"),
    ops.fabs: call("Math.abs"),
    ops.sign: call("Math.sign"),
    ops.floor: call("Math.floor"),
    ops.ceil: call("Math.ceil"),
    ops.trunc: call("Math.trunc"),
    ops.rint: call("np.rint"),
    ops.round: js("np.round({0:open}, {decimals})"),
    ops.copysign: call("np.copysign", 2),
    ops.heaviside: call("np.heaviside", 2),
    ops.maximum: call("Math.max", 2),
    ops.minimum: call("Math.min", 2),
    ops.fmax: call("np.fmax", 2),
    ops.fmin: call("np.fmin", 2),
    ops.bounded: js("Math.min(Math.max({0:open}, {1:open}), {2:open})"),
    ops.branch: js("({0:compare} ? {1:compare} : {2:compare})"),
    ops.nan_to_num: js("np.nan_to_num({0:open}, {nan}, {posinf}, {neginf})"),
    ops.ldexp: js("{0:product} * Math.pow(2, {1:open})", "product"),
    # --- activations
    ops.sigmoid: function(r"\sigma", "σ", "σ")
    | {"python": ("product", "1 / (1 + np.exp({0:negated}))")}
    | js("1 / (1 + Math.exp({0:negated}))", "product"),
    ops.relu: {"python": ("atom", "np.maximum({0:open}, 0)")} | js("Math.max({0:open}, 0)"),
    ops.softplus: {"python": ("atom", "np.logaddexp({0:open}, 0.0)")}
    | js("np.logaddexp({0:open}, 0)"),
    ops.log_sigmoid: {"python": ("unary", "-np.logaddexp({0:negated}, 0.0)")}
    | js("-np.logaddexp({0:negated}, 0)", "unary"),
    ops.erf: call("np.erf"),
    # --- truth values
    ops.greater: relation(">", ">", "&gt;"),
    ops.greater_equal: relation(">=", r"\geq", "≥"),
    ops.less: relation("<", "<", "&lt;"),
    ops.less_equal: relation("<=", r"\leq", "≤"),
    ops.equal: relation("==", "=", "="),
    ops.not_equal: relation("!=", r"\neq", "≠"),
    above: stepped(">", "&gt;"),
    below: stepped("<", "&lt;"),
    ops.bitwise_and: infix("and", ("power", "power"), " & ", r"\wedge", "∧") | operator("and", "&"),
    ops.bitwise_or: infix("or", ("power", "power"), " | ", r"\vee", "∨") | operator("or", "|"),
    ops.logical_and: call("np.logical_and", 2),
    ops.logical_or: call("np.logical_or", 2),
    ops.logical_not: js("!{0:atom}", "unary"),
    ops.invert: {
        "python": ("unary", "~{0:signed}"),
        "js": ("unary", "!{0:atom}"),
        "text": ("atom", "~{0:atom}"),
        "latex": ("power", r"\neg {0:atom}"),
        "mathml": ("power", "<mo>¬</mo>{0:atom}"),
    },
    ops.isnan: js("Number.isNaN({0:open})"),
    ops.isinf: js("Math.abs({0:open}) === Infinity", "compare"),
    ops.isfinite: js("Number.isFinite({0:open})"),
    ops.signbit: call("np.signbit"),
    # --- of single numbers, where nothing is left to do
    ops.astype: js("Number({0:open})"),
    ops.sum: js("{0:atom}"),
    ops.mean: js("{0:atom}"),
    ops.reshape: js("{0:atom}"),
    ops.broadcast_to: js("{0:atom}"),
    ops.zeros_like: js("0"),
    ops.ones_like: js("1"),
}
"""Op -> its pattern in each style that has one for it."""

for _row in (*NOTATION.values(), TRANSPOSED):
    if "text" in _row:
        _row.setdefault("book", _row["text"])

CAPTIONS: dict[Op, Pattern] = {
    ops.add: ("sum", "{0:sum} + {1:product}"),
    ops.subtract: ("sum", "{0:sum} − {1:product}"),
    ops.negative: ("sum", "−{0:product}"),
    ops.multiply: ("product", "{0:product}·{1:power}"),
    ops.divide: ("product", "{0:product} / {1:power}"),
    ops.matmul: ("product", "{0:product} @ {1:power}"),
    ops.power: ("power", "{0:atom}**{1:power}"),
}
"""How pictures write them, where there is no room for fractions."""

DERIVATIVES: dict[Op | None, str] = {
    ops.sigmoid: "σ′ = σ(1 - σ)",
    ops.tanh: "tanh′ = 1 - tanh²",
    ops.exp: "exp′ = exp",
    ops.log: "log′u = 1/u",
    ops.sin: "sin′ = cos",
    ops.cos: "cos′ = -sin",
    ops.sqrt: "(√u)′ = 1/(2√u)",
}
"""Op -> its derivative as one learns it by heart, where a step is said to have used it."""
