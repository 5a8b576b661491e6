"""Formulas: programs of named quantities, written in any of the styles.

Equations are written oldest first, each into those that use it, so that nothing here
recurses; what is long and used more than once gets a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.builder import shape_of, uniform
from minigrad.program.equations import Equation, Program, Var, evaluate, forward
from minigrad.reading.wording import visible
from minigrad.writing.notation import HADAMARD, NOTATION, TRANSPOSED, Row, onehot
from minigrad.writing.styles import LATEX, MATHML, TEXT, Style, Symbol, decimal, fraction
from minigrad.writing.terms import Pattern, Term

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

    def named(self, taken: Iterable[str] = ()) -> dict[Var, Symbol]:
        """Names for what is long and used more than once, other than those ``taken``."""
        uses = self.program.uses()
        if all(uses[v] < 2 for e in self.program.equations for v in e.outs if v in uses):
            return {}
        avoided = {*taken, *(s.name for s in self.symbols.values())}
        found: dict[Var, Symbol] = {}
        writer = Writer(self, TEXT, found)
        for e in self.program.equations:
            writer.write(e)
            v = e.out
            if uses.get(v, 0) > 1 and len(writer.terms[v].code) > REPEATED:
                names = (f"s{i}" for i in range(1, len(uses) + len(avoided) + 2))
                found[v] = Symbol(next(name for name in names if name not in avoided))
                avoided.add(found[v].name)
                writer.terms[v] = TEXT.symbol(found[v])
        return found

    @cached_property
    def _named(self) -> dict[Var, Symbol]:
        return self.named()

    def parts(self, style: Style, named: dict[Var, Symbol]) -> tuple[Term, list[str]]:
        """The formula, and what the names in it stand for."""
        writer = Writer(self, style, named)
        for e in self.program.equations:
            writer.write(e)
        result = self.program.result
        term = writer.argument(result, shape_of(result))
        if writer.is_mask(result):
            term = writer.indicator(term)
        return term, writer.definitions

    def write(self, style: Style) -> Term:
        """The formula in one of the styles."""
        return with_definitions(style, *self.parts(style, self._named))

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

    def accumulated(self, name: str) -> str | None:
        """``np.add.at(dC, ix, demb)``, where the last step adds to entries of ``name``."""
        e = self.last
        if e is None or e.op is not ops.scatter or self._named:
            return None
        writer = Writer(self, TEXT, {})
        for before in self.program.equations[:-1]:
            writer.write(before)
        index = e.kwargs["index"]
        words = writer.index(index)
        if isinstance(index, tuple) and len(index) != 1:
            words = f"np.s_[{words}]"
        elif ":" in words or "..." in words:
            return None
        return f"np.add.at({name}, {words}, {writer.argument(e.args[0], e.args[0].shape):open})"

    def __str__(self) -> str:
        return self.text


def with_definitions(style: Style, term: Term, definitions: list[str]) -> Term:
    """``x·s1 where s1 = …``."""
    if not definitions:
        return term
    separator = "; " if style is TEXT else style.comma
    return style.term(style.where.format(term, separator.join(definitions)), "open")


def sum_of_products(step: Sequence[Sequence[Formula]], style: Style) -> str:
    """A step of a derivation: formulas multiplied along each path, and added."""
    times, plus = NOTATION[ops.multiply][style.column], NOTATION[ops.add][style.column]
    if style is TEXT:
        times = (times[0], times[1].replace("·", " · "))
    definitions: list[str] = []
    taken: set[str] = {s.name for product in step for f in product for s in f.symbols.values()}
    total: Term | None = None
    for product in step:
        answer: Term | None = None
        for formula in product:
            named = formula.named(taken)
            taken.update(s.name for s in named.values())
            factor, where = formula.parts(style, named)
            definitions += where
            if answer is None:
                answer = factor
            else:  # the sign of the first factor is that of the product
                first = style.term(f"{answer:minus}", "product")
                answer = style.fill(times, first, factor)
                level = "minus" if first.code.startswith(style.minus) else "product"
                answer = style.term(answer.code, level)
        assert answer is not None
        total = answer if total is None else style.fill(plus, total, answer)
    return with_definitions(style, total, definitions).code if total is not None else ""


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
        args = [self.operand(e, i) for i in range(len(e.args))]
        special = SPECIAL.get(e.op)
        written = special(self, e, args) if special is not None else None
        if written is not None:
            return written
        pattern = NOTATION.get(e.op, NOTHING).get(self.style.column)
        if pattern is not None and not e.kwargs:
            return self.style.fill(pattern, *args)
        words = [f"{a:open}" for a in args]
        if e.op.arity < 0 and e.op.vjps is not None:
            words = [f"[{', '.join(words)}]"] if self.style is TEXT else words
        words += [self.keyword(k, v) for k, v in e.kwargs.items() if not is_default(k, v)]
        return self.call(e.op.name, words)

    def pattern(self, op: Op) -> Pattern:
        """How this style writes ``op``."""
        return NOTATION[op][self.style.column]

    def operand(self, e: Equation, i: int) -> Term:
        """Argument ``i`` of ``e``; truth values that are reckoned with as numbers 1 and 0."""
        term = self.argument(e.args[i], self.room(e, i))
        asked = e.op.vjps is None or (e.op is ops.branch and i == 0)
        truth = isinstance(e.out, Var) and e.out.dtype.kind == "b"
        return self.indicator(term) if self.is_mask(e.args[i]) and not asked | truth else term

    def is_mask(self, x: Any) -> bool:
        """Whether ``x`` is an expression that is true or false."""
        return isinstance(x, Var) and x.dtype.kind == "b" and x in self.terms

    def indicator(self, condition: Term) -> Term:
        """1 where the condition holds, else 0."""
        return self.style.term(self.style.indicator.format(f"{condition:open}"))

    def call(self, name: str, words: list[str]) -> Term:
        """A function by its name."""
        shown = self.style.function(name)
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
        return ones if c == 1 else self.style.fill(self.style.times, number, ones)


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
    return visible(repr(x))


# --- special forms ---------------------------------------------------------------------

Special = Callable[[Writer, Equation, list[Term]], Term | None]
SPECIAL: dict[Op, Special] = {}
NOTHING: Row = {}


def special(*those: Op) -> Callable[[Special], Special]:
    """Decorator: how these ops are written, unless the answer is None."""

    def enter(function: Special) -> Special:
        SPECIAL.update(dict.fromkeys(those, function))
        return function

    return enter


@special(ops.multiply)
def _multiply(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """Arrays are multiplied entry by entry, which matrix people write ⊙."""
    if e.out.dtype.kind == "b":
        return w.style.fill(w.pattern(ops.bitwise_and), *args)
    for i, a in enumerate(e.args):
        if uniform(a) == 1 and shape_of(e.args[1 - i]) == e.out.shape:
            return args[1 - i]  # a truth value as a number: others are simplified before
    c = uniform(e.args[0])
    if c is not None and shape_of(e.args[1]) == e.out.shape:
        return _multiple(w, c, args)
    if w.formula.entrywise or not all(shape_of(a) and uniform(a) is None for a in e.args):
        return None
    return w.style.fill(HADAMARD[w.style.column], *args)


def _multiple(w: Writer, c: Any, args: list[Term]) -> Term:
    """``c·x``, the sign of c in front of it all, and ``x/n`` for a share."""
    over = fraction(abs(float(c)), w.formula.sizes)
    if over is not None and over[0] == 1:
        n = w.style.term(w.style.number(str(over[1])))
        scaled = w.style.fill(w.style.quotient, args[1], n)
    elif c < 0:
        scaled = w.style.fill(w.style.times, w.style.constant(-c, w.formula.sizes), args[1])
    else:
        return w.style.fill(w.style.times, *args)
    return scaled if c > 0 else w.style.fill(w.pattern(ops.negative), scaled)


@special(ops.add)
def _add(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """A sum within a sum needs no parentheses; truth values are not added but joined."""
    if e.out.dtype.kind == "b":
        return w.style.fill(w.pattern(ops.bitwise_or), *args)
    if args[1].level != "sum" or args[1].code.startswith(w.style.minus):
        return None
    return w.style.fill(w.pattern(ops.add), args[0], w.style.term(args[1].code))


@special(ops.power, ops.float_power)
def _power(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    if uniform(e.args[1]) == 0.5:
        return w.style.fill(w.pattern(ops.sqrt), args[0])
    return raised(w.style, *args)


@special(ops.square)
def _square(w: Writer, e: Equation, args: list[Term]) -> Term:
    return raised(w.style, args[0], w.style.term(w.style.number("2")))


def raised(style: Style, base: Term, exponent: Term) -> Term:
    """A power; whole exponents are superscripts in text."""
    if style is TEXT and re.fullmatch(r"-?\d+", exponent.code):
        return style.term(f"{base:atom}{exponent.code.translate(SUPERSCRIPTS)}", "power")
    return style.fill(style.power, base, exponent)


@special(ops.divide)
def _divide(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """1/y² as y⁻², where a derivation is to be shown step by step."""
    if not w.formula.inverse or uniform(e.args[0]) != 1 or uniform(e.args[1]) is not None:
        return None
    maker = next((m for m in w.formula.program.equations if m.out is e.args[1]), None)
    base, exponent = args[1], 1
    if maker is not None and maker.op is ops.power and isinstance(maker.args[1], int):
        base, exponent = w.argument(maker.args[0]), maker.args[1]
    return raised(w.style, base, w.style.constant(-exponent))


@special(ops.transpose)
def _transpose(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    axes = e.kwargs.get("axes")
    if len(shape_of(e.args[0])) > 2 or (axes is not None and list(axes) == [0, 1]):
        return None
    return w.style.fill(TRANSPOSED[w.style.column], args[0])


@special(ops.swapaxes)
def _swapaxes(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    n = len(shape_of(e.args[0]))
    if {axis % n for axis in e.kwargs.values()} != {n - 2, n - 1}:
        return None
    if n > 2 and w.style is TEXT:
        return w.style.term(f"{args[0]:atom}.mT")
    return w.style.fill(TRANSPOSED[w.style.column], args[0])


@special(ops.sum)
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


@special(ops.softmax, ops.log_softmax)
def _softmax(w: Writer, e: Equation, args: list[Term]) -> Term | None:
    """Over the last axis, unless another is named."""
    last = len(shape_of(e.args[0])) - 1
    if set(e.kwargs) - {"axis"} or e.kwargs.get("axis", -1) not in (-1, last):
        return None
    return w.call(e.op.name, [f"{args[0]:open}"])


@special(onehot)
def _onehot(w: Writer, e: Equation, args: list[Term]) -> Term:
    """As many classes as there is room for."""
    return w.call(e.op.name, [f"{args[0]:open}"])


@special(ops.reshape, ops.squeeze, ops.expand_dims)
def _reshape(w: Writer, e: Equation, args: list[Term]) -> Term:
    return _shaped(w, "reshape", e, args)


@special(ops.broadcast_to)
def _broadcast(w: Writer, e: Equation, args: list[Term]) -> Term:
    return args[0] if w.formula.entrywise else _shaped(w, "broadcast_to", e, args)


def _shaped(w: Writer, name: str, e: Equation, args: list[Term]) -> Term:
    size = plain(e.out.shape)
    return w.call(name, [f"{args[0]:open}", size if w.style is TEXT else w.style.word(size)])


@special(ops.elements)
def _getitem(w: Writer, e: Equation, args: list[Term]) -> Term:
    index = w.index(e.kwargs["index"])
    if w.style is MATHML:
        return w.style.term(f"<msub><mrow>{args[0]:atom}</mrow>{w.style.word(index)}</msub>")
    base = f"{{{args[0]:atom}}}" if w.style is LATEX else f"{args[0]:atom}"
    return w.style.term(f"{base}{w.subscript(index)}")


@special(ops.astype)
def _astype(w: Writer, e: Equation, args: list[Term]) -> Term:
    return args[0]
