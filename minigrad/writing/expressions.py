"""Expressions: the right-hand side of one equation, as NumPy spells it, and what things are called.

An op is an operator, a method, or a function by name; what NumPy has no name for becomes a
function of its own.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.indexing import selects_once
from minigrad.ops.record import Op
from minigrad.program.builder import shape_of, uniform_value
from minigrad.program.equations import Equation, Program, Var
from minigrad.program.tracer import identical
from minigrad.typing import Array, Function, Index, Keywords, Operand
from minigrad.writing import literals
from minigrad.writing.helpers import Helpers
from minigrad.writing.names import identifier
from minigrad.writing.notation import NOTATION
from minigrad.writing.spellings import METHODS, SPELLED, WARNS, is_default, numpy_function, operator
from minigrad.writing.terms import Term, fill

BRIEF = 10
"""A view of so few characters is written again rather than named."""
RESERVED = {"np", "pathlib", "file", "allow_pickle", "_file", *dir(builtins)}
"""Names that mean something to a file or to what it calls, and that no constant may have."""

STEMS = {
    ops.subtract: "diff",
    ops.sqrt: "root",
    ops.log_softmax: "logp",
    ops.softmax: "p",
    ops.sigmoid: "s",
    ops.logsumexp: "lse",
    ops.argsort: "order",
}
"""Names for results that have none."""


class Expressions:
    """Writes the expressions of one program, and finds names.

    Attributes
    ----------
    helpers : Helpers
        Functions that NumPy lacks.
    constants : dict
        Name -> array, of constants above the function.
    lines : list of str
        The body of the function.
    """

    taken: set[str]

    def __init__(self, program: Program) -> None:
        self.program = program
        self.uses: dict[Var, int] = program.uses()
        self.lines: list[str] = []
        self.text: dict[Var, Term] = {}
        self.name_of: dict[Var, str] = {}
        self.taken = {"np"}
        self.made_by: dict[Var, Equation] = {v: e for e in program.equations for v in e.outs}
        self.inlined: dict[Var, Equation] = {}
        self.scattered: dict[Var, list[tuple[Index, Term]]] = {}
        self.overflows: set[Op] = set()
        self.apart: dict[str, object] = {}
        given = [v for e in program.equations for v in e.outs if v.given]
        globals_ = {program.name, *RESERVED}
        for v in (*program.inputs, *given):
            self.named(v)
            self.taken.update(v.also)
        for v in program.constants:
            self.named(v, globals_)
        self.taken |= globals_
        self.helpers: Helpers = Helpers(self.taken, program.name)
        self.constants: dict[str, Array] = {}
        for v, c in program.constants.items():
            self.keep(v, np.asarray(getattr(c, "_value", c)))

    # --- names ------------------------------------------------------------------------------

    def named(self, v: Var, avoided: Any = ()) -> str:
        """The name of ``v``, made unique."""
        if v not in self.name_of:
            name = identifier(v.name) if v.given else self.stem(v)
            self.name_of[v] = self.unique(name, avoided, numbered=name == "t" and not v.given)
            self.text[v] = Term(self.name_of[v])
        return self.name_of[v]

    def stem(self, v: Var) -> str:
        """What something without a name is called after: what was done last."""
        made = self.made_by[v]
        if made.op is ops.subtract and not all(isinstance(x, Var) for x in made.args):
            return "t"
        return "mask" if v.dtype.kind == "b" else STEMS.get(made.op, "t")

    def unique(self, name: str, avoided: Any = (), numbered: bool = False) -> str:
        """``name``, with a number behind it if it is taken, or if it shall always have one."""
        i, candidate = 1, f"{name}1" if numbered else name
        while candidate in self.taken or candidate in avoided:
            i += 1
            candidate = f"{name}{i}" if name in ("t", "mask", *STEMS.values()) else f"{name}_{i}"
        self.taken.add(candidate)
        return candidate

    def keep(self, v: Var, c: Operand) -> None:
        """Print a constant above the function, unless it is another one transposed."""
        for name, known in self.constants.items():
            if c.ndim == 2 and identical(known.T, c):
                self.text[v] = Term(f"{name}.T")
                return
        self.constants[self.name_of[v]] = c

    # --- expressions ------------------------------------------------------------------------

    def expression(self, equation: Equation) -> Term:
        """The right-hand side of an equation."""
        op, kwargs = equation.op, equation.kwargs
        args = self.arguments(equation)
        if (special := SPELLED.get(op)) is not None:
            text = special(self, equation, args)
            if text is not None:
                return text
        if (pattern := NOTATION.get(op, {}).get("python")) is not None:
            if op in WARNS:
                self.overflows.add(op)
            return operator(op, *args) if len(args) == 2 else fill(pattern, *args)
        found = numpy_function(op)
        words = self.keywords(op, kwargs, found[1] if found else None)
        if op in METHODS and isinstance(equation.args[0], Var) and equation.args[0].shape:
            return Term(f"{args[0].at('atom')}.{op.name}({', '.join(words)})")
        name = found[0] if found else self.helpers.of(op, all(map(has_elements, equation.args)))
        return Term(f"{name}({', '.join([a.code for a in args] + words)})")

    def keywords(self, op: Op, kwargs: Keywords, function: Function | None = None) -> list[str]:
        """Keywords, without those that say what goes without saying."""
        return [
            f"{k}={self.code(v)}"
            for k, v in kwargs.items()
            if not (
                is_default(k, v, op.forward) and (function is None or is_default(k, v, function))
            )
        ]

    def arguments(self, equation: Equation) -> list[Term]:
        """The arguments; arrays of one value as that value, where NumPy broadcasts it."""
        args = equation.args
        kinds = [x.dtype for x in args if isinstance(x, Var)]
        if not equation.op.elementwise or equation.kwargs:
            return [literals.strong(x) if is_firm(x, kinds) else self.argument(x) for x in args]
        shapes = [x.shape for x in args if isinstance(x, Var)]
        broadcast = np.broadcast_shapes(*shapes) == equation.out.shape
        alone = not is_numpys(equation.op)  # and computes with what it is given, as it is
        found = [
            self.argument(x) if alone and is_single(x) else self.argument(x, kinds, broadcast)
            for x in args
        ]
        if equation.op is ops.bounded and isinstance(args[0], np.generic):
            found[0] = literals.strong(args[0])  # np.clip makes an array of what it clips
        return found

    def argument(
        self, x: Operand, kinds: list[np.dtype[np.generic]] | None = None, scalar: bool = False
    ) -> Term:
        """A variable, or a constant beside arrays of the dtypes ``kinds``."""
        if isinstance(x, Var):
            return self.text[x]
        if isinstance(x, np.ndarray) and scalar and uniform_value(x) is not None:
            return literals.weak(x.flat[0], kinds or [x.dtype])
        if kinds and not isinstance(x, np.ndarray):
            return literals.weak(x, kinds)
        return Term(self.code(x), "unary" if self.code(x).startswith("-") else "atom")

    def code(self, x: Operand) -> str:
        """A constant or metadata as source."""
        try:
            return literals.code(x, self.special)
        except ValueError as error:
            raise ValueError(
                f"{self.program.name}: {error}: return arrays, numbers and strings"
            ) from None

    def special(self, x: Operand) -> str | None:
        """Variables in metadata, and arrays that are too long for a line."""
        if isinstance(x, Var):
            return self.text[x].code
        if isinstance(x, np.ndarray):
            code = literals.code(x)
            return code if len(code) <= BRIEF * 4 and "\n" not in code else self.constant(x)
        return None

    def constant(self, x: Operand) -> str:
        """The name above the function of an array that is too long for a line."""
        for name, c in self.constants.items():
            if c is x:
                return name
        stem = {"b": "MASK", "i": "INDEX", "u": "INDEX"}.get(x.dtype.kind, "TABLE")
        name = self.unique(stem)
        self.constants[name] = x
        return name

    def index(self, index: Index) -> str:
        """What stands between the brackets."""
        if isinstance(index, tuple) and index:
            return ", ".join(self.index(part) for part in index)
        if isinstance(index, slice):
            return literals.section(index, self.code)
        return self.code(index)


def is_view(equation: Equation) -> bool:
    """Whether it costs nothing to write this again."""
    if equation.op is ops.elements:
        index = equation.kwargs["index"]
        parts = index if isinstance(index, tuple) else (index,)
        return all(isinstance(p, int | slice | None) or p is Ellipsis for p in parts)
    return equation.op in (ops.transpose, ops.swapaxes)


def is_numpys(op: Op) -> bool:
    """Whether NumPy has the op, by name or as an operator: numbers take the dtype beside them."""
    return op in SPELLED or "python" in NOTATION.get(op, {}) or numpy_function(op) is not None


def is_single(x: Operand) -> bool:
    """Whether a constant has less than double precision, which Python's numbers have."""
    return isinstance(x, np.floating) and x.dtype != np.float64


def is_firm(x: Operand, kinds: list[np.dtype[np.generic]]) -> bool:
    """Whether the dtype of a number beside arrays of the dtypes ``kinds`` changes the result's."""
    number = isinstance(x, np.float64 | np.int64) and bool(kinds)
    return number and np.result_type(*kinds, x) != np.result_type(*kinds, x.item())


def has_elements(x: Operand) -> bool:
    return len(shape_of(x)) > 0 and 0 not in shape_of(x)


def once_each(index: Index) -> bool:
    """Whether no element is selected twice."""
    if isinstance(index, tuple) and any(counts(part) for part in index):
        return True
    return bool(selects_once(index))


def counts(part: object) -> bool:
    """Whether no place comes twice in part of an index."""
    if not isinstance(part, np.ndarray) or part.dtype.kind not in "iu" or part.ndim != 1:
        return False
    return bool(np.unique(part).size == part.size and (part >= 0).all())
