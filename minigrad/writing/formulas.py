"""Formulas: programs of named quantities, written in any of the styles.

Equations are written oldest first, each into those that use it, so that nothing here
recurses; what is long and used more than once gets a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from minigrad.program.builder import shape_of, uniform
from minigrad.program.equations import Equation, Program, Var, evaluate, forward
from minigrad.writing.notation import (
    LATEX,
    MATHML,
    NOTATION,
    TEXT,
    Style,
    Symbol,
    Term,
    decimal,
    fraction,
)

REPEATED = 16
"""A longer expression that is used twice gets a name of its own."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
INDICES = "ijklmnpqrst"


@dataclass(eq=False)
class Formula:
    """An expression of named quantities: what is shown, and what it is worth.

    Attributes
    ----------
    program : Program
        One result, simplified.
    symbols : dict
        Variable -> what it is called.
    values : dict
        Variable -> its value.
    entrywise : bool
        Whether it is meant entry by entry, so that products need no ⊙.
    inverse : bool
        Whether 1/y² is written y⁻².
    """

    program: Program
    symbols: dict[Var, Symbol]
    values: dict[Var, Any]
    sizes: tuple[int, ...] = ()
    entrywise: bool = False
    inverse: bool = False

    def evaluate(self) -> Any:
        """The value of what is written."""
        with np.errstate(all="ignore"):
            return evaluate(self.program, self.values, forward)

    @cached_property
    def single(self) -> bool:
        """Whether numbers have the digits of float32."""
        kinds = {v.dtype for v in self.symbols}
        return np.dtype(np.float32) in kinds and np.dtype(np.float64) not in kinds

    @cached_property
    def named(self) -> dict[Var, Symbol]:
        """Names for what is long and used more than once."""
        uses, taken = self.program.uses(), {s.name for s in self.symbols.values()}
        if all(uses[v] < 2 for e in self.program.equations for v in e.outs if v in uses):
            return {}
        found: dict[Var, Symbol] = {}
        writer = Writer(self, TEXT, found)
        for e in self.program.equations:
            writer.write(e)
            v = e.out
            if uses.get(v, 0) > 1 and len(writer.terms[v].code) > REPEATED:
                names = (f"s{i}" for i in range(1, len(uses) + len(taken) + 2))
                found[v] = Symbol(next(name for name in names if name not in taken))
                taken.add(found[v].name)
                writer.terms[v] = TEXT.symbol(found[v])
        return found

    def write(self, style: Style) -> Term:
        """The formula in one of the styles."""
        writer = Writer(self, style, self.named)
        for e in self.program.equations:
            writer.write(e)
        term = writer.argument(self.program.result, shape_of(self.program.result))
        if not writer.definitions:
            return term
        separator = "; " if style is TEXT else style.comma
        return style.term(style.where.format(term, separator.join(writer.definitions)), "open")

    @cached_property
    def text(self) -> str:
        """As text, in NumPy's manner."""
        return self.write(TEXT).code

    @cached_property
    def latex(self) -> str:
        return self.write(LATEX).code

    @cached_property
    def mathml(self) -> str:
        return self.write(MATHML).code

    @property
    def last(self) -> Equation | None:
        """The equation whose result it is; None for a name or a number."""
        equations = self.program.equations
        return equations[-1] if equations and equations[-1].out is self.program.result else None

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class Writer:
    """Writes the equations of a formula, oldest first, each into those that use it."""

    formula: Formula
    style: Style
    named: dict[Var, Symbol]
    terms: dict[Var, Term] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)

    def write(self, e: Equation) -> None:
        """Make a term of the result of ``e``, or a definition."""
        term = self.expression(e)
        for v in e.outs:
            self.terms[v] = term
        if len(e.outs) > 1:
            for i, v in enumerate(e.outs):
                self.terms[v] = self.style.term(f"{term:atom}{self.subscript(str(i))}")
        elif e.out in self.named:
            self.terms[e.out] = name = self.style.symbol(self.named[e.out])
            self.definitions.append(self.style.equals.format(name, term))

    def expression(self, e: Equation) -> Term:
        """The right-hand side of ``e``."""
        special = SPECIAL.get(e.op.name)
        args = [self.argument(a, self.room(e, i)) for i, a in enumerate(e.args)]
        if special is not None:
            written = special(self, e, args)
            if written is not None:
                return written
        if e.op.name in NOTATION and not e.kwargs:
            return self.style.fill(NOTATION[e.op.name][self.style.place], *args)
        words = [f"{a:open}" for a in args]
        if e.op.arity < 0 and e.op.vjps is not None:
            words = [f"[{', '.join(words)}]"] if self.style is TEXT else words
        words += [self.keyword(k, v) for k, v in e.kwargs.items() if not is_default(k, v)]
        return self.call(e.op.name, words)

    def call(self, name: str, words: list[str]) -> Term:
        """A function by its name."""
        shown = (
            name if self.style is TEXT else name.replace("_", r"\_" if self.style is LATEX else "_")
        )
        return self.style.term(self.style.call.format(shown, self.style.comma.join(words)))

    def keyword(self, key: str, value: Any) -> str:
        word = self.plain(value)
        if key == "index" and not isinstance(value, int):
            word = f"s_[{self.index(value)}]"
        if self.style is TEXT:
            return f"{key}={word}"
        return self.style.word(f"{key}={word}")

    def plain(self, value: Any) -> str:
        """Metadata, with what is computed in it."""
        return plain(value, lambda v: f"{self.argument(v)}")

    def index(self, index: Any) -> str:
        """What stands between the brackets."""
        words = self.plain(index)
        return words[1:-1].rstrip(",") if isinstance(index, tuple) and index else words

    def subscript(self, index: str) -> str:
        if self.style is TEXT:
            return f"[{index}]"
        if self.style is LATEX:
            return f"_{{{self.style.word(index)}}}"
        return f"<msub><mi></mi>{self.style.word(index)}</msub>"

    def room(self, e: Equation, i: int) -> tuple[int, ...]:
        """The shape that the other arguments of an elementwise op have together."""
        if not e.op.elementwise:
            return ()
        others = [shape_of(a) for j, a in enumerate(e.args) if j != i]
        return np.broadcast_shapes(*others)

    def argument(self, x: Any, room: tuple[int, ...] = ()) -> Term:
        """A variable or a constant; ``room`` is the shape it is stretched to anyhow."""
        if isinstance(x, Var):
            if x in self.terms:
                return self.terms[x]
            return self.style.symbol(self.formula.symbols.get(x) or Symbol(x.name))
        c = uniform(x)
        if np.size(x) == 0:
            return self.call("zeros", [plain(np.shape(x))])
        if isinstance(x, np.ndarray) and x.dtype.kind == "b" and x.size and not any(x.strides):
            c = x.flat[0]
        if c is None:
            words = f"array({plain(x)})"
            return self.style.term(words if self.style is TEXT else self.style.word(words))
        if self.formula.single and isinstance(c, float | np.floating):
            c = float(str(np.float32(c)))  # 0.1, not the nearest number of float64
        number = self.style.constant(c, self.formula.sizes)
        shape = np.shape(x)
        if not shape or self.formula.entrywise or np.broadcast_shapes(room, shape) == room != ():
            return number
        return self.full(shape, number, c)

    def full(self, shape: tuple[int, ...], number: Term, c: Any) -> Term:
        """An array of one number."""
        size = plain(shape)
        if self.style is TEXT:
            one = c == 1 and not isinstance(c, bool | np.bool_)
            words = f"ones({size})" if one else f"full({size}, {number})"
            return self.style.term(words)
        lengths = (r" \times " if self.style is LATEX else "×").join(map(str, shape))
        ones = self.style.term(
            rf"\mathbf{{1}}_{{{lengths}}}"
            if self.style is LATEX
            else f"<msub><mn>𝟏</mn><mtext>{lengths}</mtext></msub>"
        )
        times = NOTATION["multiply"][self.style.place]
        return ones if c == 1 else self.style.fill(times, number, ones)


def is_default(key: str, option: Any) -> bool:
    """Whether a keyword asks for nothing."""
    if option is True:
        return key == "where"
    return option is None or option is False or option is np._NoValue


def plain(x: Any, name: Callable[[Var], str] = repr) -> str:
    """Metadata as Python writes it."""
    if isinstance(x, Var):
        return name(x)
    if isinstance(x, tuple):
        inner = ", ".join(plain(part, name) for part in x)
        return f"({inner}{',' * (len(x) == 1)})"
    if isinstance(x, slice):
        start, stop, step = ("" if p is None else str(p) for p in (x.start, x.stop, x.step))
        return f"{start}:{stop}{f':{step}' if step else ''}"
    if x is Ellipsis:
        return "..."
    if isinstance(x, np.ndarray):
        words = np.array2string(x, separator=", ", threshold=8, edgeitems=2)
        return " ".join(words.split())
    if isinstance(x, np.generic):
        return decimal(x)
    if isinstance(x, np.dtype | type):
        return str(np.dtype(x))
    return repr(x)


# --- special forms ---------------------------------------------------------------------

Special = Callable[[Writer, Equation, list[Term]], Term | None]
SPECIAL: dict[str, Special] = {}


def special(*names: str) -> Callable[[Special], Special]:
    """Decorator: how these ops are written, unless the answer is None."""

    def enter(function: Special) -> Special:
        for name in names:
            SPECIAL[name] = function
        return function

    return enter


@special("multiply")
def _multiply(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """Arrays are multiplied entry by entry, which matrix people write ⊙."""
    for i, a in enumerate(e.args):
        if uniform(a) == 1 and shape_of(e.args[1 - i]) == e.out.shape:
            # A truth value: others are simplified before.  NumPy adds them as such.
            users = {
                u.op.name for u in w.formula.program.equations for v in u.reads() if v is e.out
            }
            if w.style is not TEXT or users <= {"multiply"}:
                return args[1 - i]
    c = uniform(e.args[0])
    if c is not None and shape_of(e.args[1]) == e.out.shape:
        over = fraction(abs(float(c)), w.formula.sizes)
        if over is not None and over[0] == 1:
            n = w.style.term(w.style.number(str(over[1])))
            scaled = w.style.fill(w.style.quotient, args[1], n)
        elif c < 0:
            times = NOTATION["multiply"][w.style.place]
            scaled = w.style.fill(times, w.style.constant(-c, w.formula.sizes), args[1])
        else:
            return w.style.fill(NOTATION["multiply"][w.style.place], *args)
        return scaled if c > 0 else w.style.fill(NOTATION["negative"][w.style.place], scaled)
    if w.formula.entrywise or not all(shape_of(a) and uniform(a) is None for a in e.args):
        return None
    return w.style.fill(NOTATION["hadamard"][w.style.place], *args)


@special("add")
def _add(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """A sum within a sum needs no parentheses."""
    if args[1].level != "sum" or args[1].code.startswith(("-", "<mo>−")):
        return None
    return w.style.fill(NOTATION["add"][w.style.place], args[0], w.style.term(args[1].code))


@special("power", "float_power")
def _power(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    if w.style is TEXT and re.fullmatch(r"-?\d+", args[1].code):
        return w.style.term(f"{args[0]:atom}{args[1].code.translate(SUPERSCRIPTS)}", "power")
    if uniform(e.args[1]) == 0.5:
        return w.style.fill(NOTATION["sqrt"][w.style.place], args[0])
    return w.style.fill(NOTATION["power"][w.style.place], *args)


@special("square")
def _square(w: Writer, e: Equation, args: list[Term]) -> Term:
    two = w.style.term(w.style.number("2"))
    if w.style is TEXT:
        return w.style.term(f"{args[0]:atom}²", "power")
    return w.style.fill(NOTATION["power"][w.style.place], args[0], two)


@special("divide")
def _divide(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """1/y² as y⁻², where a derivation is to be shown step by step."""
    if not w.formula.inverse or uniform(e.args[0]) != 1 or uniform(e.args[1]) is not None:
        return None
    maker = next((m for m in w.formula.program.equations if m.out is e.args[1]), None)
    base, exponent = args[1], 1
    if maker is not None and maker.op.name == "power" and isinstance(maker.args[1], int):
        base, exponent = w.argument(maker.args[0]), maker.args[1]
    if w.style is TEXT:
        return w.style.term(f"{base:atom}{str(-exponent).translate(SUPERSCRIPTS)}", "power")
    return w.style.fill(NOTATION["power"][w.style.place], base, w.style.constant(-exponent))


@special("transpose")
def _transpose(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    axes = e.kwargs.get("axes")
    if len(shape_of(e.args[0])) > 2 or (axes is not None and list(axes) == [0, 1]):
        return None
    return w.style.fill(NOTATION["transposed"][w.style.place], args[0])


@special("swapaxes")
def _swapaxes(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    n = len(shape_of(e.args[0]))
    if {axis % n for axis in e.kwargs.values()} != {n - 2, n - 1}:
        return None
    if n > 2 and w.style is TEXT:
        return w.style.term(f"{args[0]:atom}.mT")
    return w.style.fill(NOTATION["transposed"][w.style.place], args[0])


@special("sum")
def _sum(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """In LaTeX with the index that is summed over, from 1 to its length."""
    shape, kwargs = shape_of(e.args[0]), {k: v for k, v in e.kwargs.items() if not is_default(k, v)}
    if w.style is TEXT:
        words = [f"{args[0]:open}", *(w.keyword(k, v) for k, v in kwargs.items())]
        return w.call("sum", words)
    if not shape or set(kwargs) - {"axis", "keepdims"} or len(shape) > len(INDICES):
        return None
    axis = kwargs.get("axis", tuple(range(len(shape))))
    axes = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))]
    letters = "".join(INDICES[i] for i in range(len(shape)))
    summed = [letters[a] for a in sorted(axes)]
    tight = f"{args[0]:atom}"
    if w.style is LATEX:
        signs = "".join(rf"\sum_{{{i}=1}}^{{{shape[letters.index(i)]}}} " for i in summed)
        return w.style.term(f"{signs}{{{tight}}}_{{{letters}}}", "minus")
    indices = "".join(f"<mi>{i}</mi>" for i in letters)
    signs = "".join(
        f"<munderover><mo>∑</mo><mrow><mi>{i}</mi><mo>=</mo><mn>1</mn></mrow>"
        f"<mn>{shape[letters.index(i)]}</mn></munderover>"
        for i in summed
    )
    return w.style.term(f"{signs}<msub><mrow>{tight}</mrow><mrow>{indices}</mrow></msub>", "minus")


@special("reshape", "squeeze", "expand_dims")
def _reshape(w: Writer, e: Equation, args: list[Term]) -> Term:
    return _shaped(w, "reshape", e, args)


@special("broadcast_to")
def _broadcast(w: Writer, e: Equation, args: list[Term]) -> Term:
    return args[0] if w.formula.entrywise else _shaped(w, "broadcast_to", e, args)


def _shaped(w: Writer, name: str, e: Equation, args: list[Term]) -> Term:
    size = plain(e.out.shape)
    return w.call(name, [f"{args[0]:open}", size if w.style is TEXT else w.style.word(size)])


@special("getitem")
def _getitem(w: Writer, e: Equation, args: list[Term]) -> Term:
    index = w.index(e.kwargs["index"])
    if w.style is MATHML:
        return w.style.term(f"<msub><mrow>{args[0]:atom}</mrow>{w.style.word(index)}</msub>")
    base = f"{{{args[0]:atom}}}" if w.style is LATEX else f"{args[0]:atom}"
    return w.style.term(f"{base}{w.subscript(index)}")


@special("astype")
def _astype(w: Writer, e: Equation, args: list[Term]) -> Term:
    return args[0]
