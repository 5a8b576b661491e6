"""Programs of single numbers as pure Python: ``math`` is ten times faster than NumPy there.

Where ``math`` raises an error and NumPy returns an infinity or NaN, the caller falls back
to NumPy.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad import ops
from minigrad.ops.elementwise import bounded, branch
from minigrad.ops.indexing import elements, one_entry
from minigrad.program.equations import Equation, Program, Var, call_forward, evaluate, substitute
from minigrad.typing import Array

if TYPE_CHECKING:
    from minigrad.program.regions import Region

NUMBERS = {
    ops.add: "({} + {})",
    ops.subtract: "({} - {})",
    ops.multiply: "({} * {})",
    ops.divide: "({} / {})",
    ops.negative: "(-{})",
    ops.absolute: "abs({})",
    ops.square: "({0} * {0})",
    ops.reciprocal: "(1 / {})",
    branch: "({1} if {0} else {2})",
    ops.maximum: "({0} if {0} > {1} or {0} != {0} else {1})",
    ops.minimum: "({0} if {0} < {1} or {0} != {0} else {1})",
    ops.relu: "(0.0 if {0} <= 0 else {0})",
    ops.sigmoid: "(1 / (1 + exp(-{})))",
    ops.softplus: "softplus({})",
    ops.log_sigmoid: "(-softplus(-{}))",
    ops.sign: "(0.0 if {0} == 0 else {0} if {0} != {0} else copysign(1.0, {0}))",
    bounded: "clip({}, {}, {})",
    ops.power: "pow({}, {})",
    ops.logaddexp: "logaddexp({}, {})",
}
"""How Python writes what is a number, of numbers."""

FUNCTIONS = {
    ops.exp: "exp", ops.expm1: "expm1", ops.log: "log", ops.log2: "log2", ops.log10: "log10",
    ops.log1p: "log1p", ops.sqrt: "sqrt", ops.sin: "sin", ops.cos: "cos", ops.tan: "tan",
    ops.arcsin: "asin", ops.arccos: "acos", ops.arctan: "atan", ops.arctan2: "atan2",
    ops.sinh: "sinh", ops.cosh: "cosh", ops.tanh: "tanh", ops.arcsinh: "asinh",
    ops.arccosh: "acosh", ops.arctanh: "atanh", ops.hypot: "hypot", ops.erf: "erf",
    ops.cbrt: "cbrt", ops.exp2: "exp2", ops.fabs: "fabs", ops.deg2rad: "radians",
    ops.rad2deg: "degrees", ops.fmod: "fmod", ops.copysign: "copysign",
}  # fmt: skip
"""The function of ``math`` that computes the same."""

TRUTHS = {
    ops.greater: "({} > {})",
    ops.greater_equal: "({} >= {})",
    ops.less: "({} < {})",
    ops.less_equal: "({} <= {})",
    ops.equal: "({} == {})",
    ops.not_equal: "({} != {})",
    ops.logical_and: "({} != 0 and {} != 0)",
    ops.logical_or: "({} != 0 or {} != 0)",
    ops.logical_not: "({} == 0)",
    ops.isnan: "({0} != {0})",
}
"""How Python writes what is true or false, of numbers or of such."""

LOGIC = {
    ops.bitwise_and: "({} and {})",
    ops.bitwise_or: "({} or {})",
    ops.add: "({} or {})",
    ops.multiply: "({} and {})",
    ops.invert: "(not {})",
    branch: "({1} if {0} else {2})",
}
"""How Python writes what is true or false, of what is."""

REPEATED = frozenset([ops.square, branch, ops.maximum, ops.minimum, ops.relu, ops.sign, ops.isnan])
"""Ops whose patterns read an argument twice: it must have a name."""


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def clip(x: float, low: float, high: float) -> float:
    y = x if x >= low or x != x else low
    return y if y <= high or y != y else high


def logaddexp(x: float, y: float) -> float:
    x, y = float(x), float(y)  # of two precisions: a sum with the lower one has that
    if x == y:  # also where both are infinite
        return x + LN2
    d = x - y
    return x + math.log1p(math.exp(-d)) if d > 0 else y + math.log1p(math.exp(d))


LN2 = math.log(2)
NAMESPACE: dict[str, Any] = {
    **{name: getattr(math, name) for name in FUNCTIONS.values()},
    "pow": math.pow,
    "softplus": softplus,
    "clip": clip,
    "logaddexp": logaddexp,
}


SINGLE = frozenset(map(np.dtype, (np.float16, np.float32, np.float64)))
"""Dtypes of NumPy's numbers that `math` computes with as much precision as they have."""

ONES = {dtype: f"one_{dtype}" for dtype in SINGLE}
"""How a program writes 1 of each: a number of Python's times it is one of that dtype."""

NAMESPACE.update({name: dtype.type(1) for dtype, name in ONES.items()})

EXACT = frozenset(
    [ops.add, ops.subtract, ops.multiply, ops.divide, ops.negative, ops.absolute, ops.square]
)
"""What NumPy's numbers themselves compute by Python's operators, to the last bit."""

CHOOSING = frozenset([ops.maximum, ops.minimum, branch])
"""What answers with one of its arguments, if all are of one dtype."""


def is_single_numbers(program: Program) -> bool:
    """Whether ``program`` is made of single numbers of NumPy's, of any of their precisions."""
    given = [*program.inputs, *program.constants]
    return (
        bool(program.equations)
        and all(v.shape == () and (v.dtype in SINGLE or v.dtype.kind in "biu") for v in given)
        and all(numpy_spelling(e) is not None for e in program.equations)
    )


def numpy_spelling(e: Equation) -> str | None:
    """How Python writes the equation of NumPy's numbers; None if it cannot."""
    out = e.out
    if not isinstance(out, Var) or out.shape or not (out.dtype in SINGLE or out.dtype == np.bool_):
        return None
    if not all(map(is_plain, e.args)):
        return None
    kinds = {a.dtype for a in e.args if isinstance(a, Var)}
    logical = all(map(is_truth, e.args))
    one = ONES.get(out.dtype)
    if e.op is ops.astype and kinds <= SINGLE and set(e.kwargs) <= {"dtype"} and one:
        return f"({one} * float({{}}))"
    if e.kwargs:
        return None
    if one is None:
        return TRUTHS.get(e.op) if kinds <= SINGLE else LOGIC.get(e.op) if logical else None
    if e.op in EXACT:
        return NUMBERS[e.op]
    if e.op in CHOOSING:
        values = e.args[e.op is branch :]
        same = all(getattr(a, "dtype", out.dtype) == out.dtype for a in values)
        same = same and not any(type(a) is bool for a in values)
        return NUMBERS[e.op] if same and (e.op is not branch or is_truth(e.args[0])) else None
    if not kinds <= SINGLE:
        return None
    if e.op is ops.power and type(e.args[1]) is int and 0 < e.args[1] < 4:
        return "(" + " * ".join(["{0}"] * e.args[1]) + ")"
    if e.op in FUNCTIONS:
        return f"({one} * {FUNCTIONS[e.op]}({', '.join('{}' for _ in e.args)}))"
    return f"({one} * {NUMBERS[e.op]})" if e.op in NUMBERS else None


def is_plain(a: object) -> bool:
    """Whether ``a`` is a variable, or one of Python's numbers, which takes any precision."""
    return isinstance(a, Var) or type(a) in (bool, float) or (type(a) is int and abs(a) <= 2**53)


def numpy_literal(a: object, e: Equation, bind: Callable[[object], str]) -> str:
    """A constant of an equation of NumPy's numbers, in the precision of what is beside it."""
    if isinstance(a, bool):
        return bind(np.bool_(a))
    kinds = [v.dtype for v in (e.out, *e.args) if isinstance(v, Var) and v.dtype in SINGLE]
    with np.errstate(all="ignore"):
        return bind(kinds[0].type(a))


def is_scalar(program: Program) -> bool:
    """Whether ``program`` is made of double-precision numbers that ``math`` can compute."""
    given = [*program.inputs, *program.constants]
    doubles = [v for v in given if v.dtype == np.float64]
    return (
        bool(program.equations)
        and (bool(doubles) or not given)
        and all(v.shape == () for v in given)
        and all(v.dtype == np.float64 or v.dtype.kind == "b" for v in program.inputs)
        and all(v.dtype == np.float64 for v in program.constants)
        and all(spelling(e) is not None for e in program.equations)
    )


def spelling(e: Equation) -> str | None:
    """How Python writes the equation; None if it cannot."""
    out = e.out
    if not isinstance(out, Var) or out.shape or e.kwargs or not all(map(is_single, e.args)):
        return None
    logical = [is_truth(a) for a in e.args]
    if out.dtype == np.bool_:
        return TRUTHS.get(e.op) or (LOGIC.get(e.op) if all(logical) else None)
    if out.dtype != np.float64 or any(logical[e.op is branch :]):
        mixed = e.op in (ops.multiply, ops.add, ops.subtract, ops.divide) and not all(logical)
        if out.dtype != np.float64 or not mixed:
            return None
    if e.op is branch and not logical[0]:
        return None
    if e.op is ops.power and type(e.args[1]) is int and 0 < e.args[1] < 4:
        return "(" + " * ".join(["{0}"] * e.args[1]) + ")"
    if e.op in FUNCTIONS:
        return f"{FUNCTIONS[e.op]}({', '.join('{}' for _ in e.args)})"
    return NUMBERS.get(e.op)


def is_single(a: object) -> bool:
    """Whether ``a`` is one number that Python's floats can hold, or true or false."""
    if isinstance(a, Var):
        return a.shape == () and (a.dtype == np.float64 or a.dtype.kind == "b")
    if isinstance(a, bool | np.bool_):
        return True
    if isinstance(a, int | np.integer):
        return abs(int(a)) <= 2**53
    return isinstance(a, float | np.float16 | np.float32)


def is_truth(a: object) -> bool:
    return a.dtype.kind == "b" if isinstance(a, Var) else isinstance(a, bool | np.bool_)


# --- stretches of single numbers within a program of arrays ---------------------------------

WORTH = 6
"""Equations from which it pays to make Python's floats of NumPy's, and to go back."""


@dataclass(eq=False)
class Stretch:
    """Equations of single numbers, one behind another, which Python computes.

    Attributes
    ----------
    read : dict
        Variable that is an entry of an array -> the equation that reads it.
    equations : list of Equation
    used_after : list of Var
        What of it is needed outside.
    """

    read: dict[Var, Equation]
    equations: list[Equation]
    used_after: list[Var]

    @property
    def entering(self) -> list[Var]:
        """The numbers that it starts from."""
        made = {e.out for e in self.equations}
        found = dict.fromkeys(v for e in self.equations for v in e.reads() if v not in made)
        return list(found)

    def function(self) -> Any:
        """It as a function of those numbers; by NumPy, where ``math`` has no answer."""
        inputs = [Var(f"x{i}", (), v.dtype) for i, v in enumerate(self.entering)]
        swap = dict(zip(self.entering, inputs, strict=True))
        equations = [
            Equation(e.out, e.op, tuple(substitute(a, lambda v: swap.get(v, v)) for a in e.args))
            for e in self.equations
        ]
        names = [v.name for v in inputs]
        result = tuple(self.used_after)
        program = Program("numbers", dict(zip(names, inputs, strict=True)), {}, equations, result)
        lines, text = body(program, names)
        kinds = {v: "float64" if v.dtype == np.float64 else "bool_" for v in result}
        code = "\n".join(
            [
                f"def numbers({', '.join(names)}):",
                "    try:",
                *(f"        {line}" for line in lines),
                f"        return {''.join(f'{kinds[v]}({text[v]}), ' for v in result)}",
                "    except (ArithmeticError, ValueError):",
                f"        return in_numpy({', '.join(names)})",
            ]
        )

        def in_numpy(*given: Array) -> tuple[Array, ...]:
            values = {v: v.dtype.type(x) for v, x in zip(inputs, given, strict=True)}
            found = evaluate(program, values, call_forward)
            return tuple([v.dtype.type(x) for v, x in zip(result, found, strict=True)])

        scope = dict(NAMESPACE, float64=np.float64, bool_=np.bool_, in_numpy=in_numpy)
        exec(compile(code, "<numbers of minigrad>", "exec"), scope)
        return scope["numbers"]


Planned: TypeAlias = "Equation | Region | Stretch"
"""What the code of a kernel is written from, one after another."""


def stretched(plan: Sequence[Equation | Region], uses: dict[Var, int]) -> list[Planned]:
    """The steps of a kernel, with what is worth it as a `Stretch`."""
    steps: list[Planned] = []
    for single, group in groupby(plan, key=lambda step: is_entry(step) or by_python(step)):
        run = list(group)
        alone = [e for e in run if isinstance(e, Equation)]
        equations = [e for e in alone if not is_entry(e)]
        if not single or len(equations) < WORTH:
            steps += run
            continue
        inside = Counter(v for e in equations for v in e.reads())
        read = {e.out: e for e in alone if is_entry(e) and inside[e.out] == uses.get(e.out)}
        steps += [e for e in alone if is_entry(e) and e.out not in read]
        used = [e.out for e in equations if inside[e.out] < uses.get(e.out, 0)]
        if used:
            steps.append(Stretch(read, equations, used))
    return steps


def by_python(step: Equation | Region) -> bool:
    """Whether a step is one of doubles, or of true and false, that Python computes."""
    return isinstance(step, Equation) and any(step.reads()) and spelling(step) is not None


def is_entry(step: Equation | Region) -> bool:
    """Whether a step reads one number of an array of doubles."""
    if not isinstance(step, Equation) or step.op is not elements:
        return False
    (a,) = step.args
    double = isinstance(a, Var) and a.dtype == np.float64
    return double and bool(one_entry(step.kwargs["index"], a.shape))


def body(
    program: Program, names: list[str], bind: Callable[[object], str] | None = None
) -> tuple[list[str], dict[Var, str]]:
    """Lines of Python, and the expression of every variable; ``names`` are the inputs'.

    They are of Python's numbers; given ``bind``, which names constants, of NumPy's.
    """
    uses = program.uses()
    text: dict[Var, str] = dict(zip(program.inputs, names, strict=True))
    text.update({v: f"c{i}" for i, v in enumerate(program.constants)})
    lines: list[str] = []
    multiple = {
        v for e in program.equations
        if e.op in REPEATED or e.op is ops.power
        for v in e.reads()
    }  # fmt: skip
    for i, e in enumerate(program.equations):
        pattern = spelling(e) if bind is None else numpy_spelling(e)
        assert pattern is not None
        words = [
            text[a]
            if isinstance(a, Var)
            else literal(a)
            if bind is None
            else numpy_literal(a, e, bind)
            for a in e.args
        ]
        code = pattern.format(*words)
        if uses.get(e.out, 0) == 1 and e.out not in multiple and len(code) < 400:
            text[e.out] = code
        else:
            text[e.out] = f"v{i}"
            lines.append(
                f"v{i} = {code.removeprefix('(').removesuffix(')') if outer(code) else code}"
            )
    return lines, text


def outer(code: str) -> bool:
    """Whether the parentheses around ``code`` belong together.

    Examples
    --------
    >>> outer("(x + y)"), outer("(x) + (y)")
    (True, False)
    """
    depth = 0
    for i, c in enumerate(code):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return i == len(code) - 1 and code[0] == "("
    return False


def literal(x: object) -> str:
    """A constant as Python source: whole numbers as floats."""
    if isinstance(x, np.generic | np.ndarray):
        x = x.item() if np.ndim(x) == 0 else x.flat[0].item()
    if isinstance(x, int) and not isinstance(x, bool):
        x = float(x)
    if isinstance(x, float) and not math.isfinite(x):
        return f'float("{x}")'
    return f"({x!r})" if repr(x).startswith("-") else repr(x)
