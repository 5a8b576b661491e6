"""Formulas: programs of named quantities, written in any of the styles.

Equations are written oldest first, each into those that use it, so that nothing here
recurses; what is long and used more than once gets a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.builder import equal_entries, shape_of, uniform_value
from minigrad.program.equations import Equation, Program, Var, call_forward, evaluate
from minigrad.typing import Array, Index, Keywords, Operand, Shape
from minigrad.writing.forms import NOTHING, SPECIAL
from minigrad.writing.metadata import between, is_default, python_text
from minigrad.writing.notation import NOTATION
from minigrad.writing.styles import LATEX, MATHML, TEXT, Style, Symbol
from minigrad.writing.terms import Pattern, Term

FOOTNOTES: dict[Op, str] = {}
"""Op -> what its notation means, said once below the formulas that use it."""
REPEATED = 16
"""A longer expression that is used twice gets a name of its own."""


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
    made : dict
        Variable that is a name -> the equation that it is the result of, where that is known.
    """

    program: Program
    symbols: dict[Var, Symbol]
    values: dict[Var, Array]
    sizes: Shape = ()
    entrywise: bool = False
    inverse: bool = False
    made: dict[Var, Equation] = field(default_factory=dict)

    def evaluate(self) -> Array:
        """The value of what is written."""
        with np.errstate(all="ignore"):
            return evaluate(self.program, self.values, call_forward)

    def evaluated(self) -> tuple[Array, float]:
        """The value of what is written, and the largest number on the way, which it rounds."""
        largest = 0.0

        def call(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
            nonlocal largest
            ans = call_forward(op, args, kwargs)
            for part in ans if isinstance(ans, tuple) else (ans,):
                part = np.asarray(part)  # arrays of other libraries, too
                found = np.abs(part) if part.dtype.kind == "f" else np.zeros(1)
                largest = max(largest, float(np.max(found, initial=0.0, where=found < np.inf)))
            return ans

        with np.errstate(all="ignore"):
            return evaluate(self.program, self.values, call), largest

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
        writer = FormulaWriter(self, TEXT, found)
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
        writer = FormulaWriter(self, style, named)
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

    def accumulated(self, name: str, style: Style = TEXT) -> str | None:
        """``0; np.add.at(dC, ix, demb)``, where the last steps add to entries of ``name``."""
        made = {e.out: e for e in self.program.equations if isinstance(e.out, Var)}
        parts, stack = [], [self.program.result]
        while stack:
            x = stack.pop()
            e = made.get(x) if isinstance(x, Var) else None
            if e is not None and e.op is ops.add:
                stack += e.args[::-1]
            elif e is not None and e.op is ops.scatter:
                parts.append(e)
            else:
                return None
        inside = {e.out for e in parts} | {self.program.result}
        named = {v: symbol for v, symbol in self._named.items() if v not in inside}
        if len(parts) > 1 and any(is_slice(e.kwargs["index"]) for e in parts):
            return None
        writer = FormulaWriter(self, style, named)
        for before in self.program.equations:
            writer.write(before)
        words = added_to_entries(writer, parts, name) or [added(writer, e, name) for e in parts]
        if None in words:
            return None
        return with_definitions(
            style, Term("; ".join(["0", *map(str, words)])), writer.definitions
        ).code

    def __str__(self) -> str:
        return self.text


def is_slice(index: Index) -> bool:
    """Whether an index picks a block, which is written as what is padded."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, slice) or p is Ellipsis for p in parts)


def is_one_place(index: Index) -> bool:
    """Whether an index picks no entry twice, being of numbers, one at least."""
    parts = index if isinstance(index, tuple) else (index,)
    numbers = [isinstance(p, int | np.integer) for p in parts]
    plain = [
        k or isinstance(p, slice) or p is Ellipsis for k, p in zip(numbers, parts, strict=True)
    ]
    return any(numbers) and all(plain)


def added_to_entries(writer: FormulaWriter, parts: list[Equation], name: str) -> list[str | None]:
    """``dF[0, 1] += a + b`` for each entry, where all are told by numbers; else nothing."""
    found: dict[str, str] = {}
    for e in parts:
        if not is_one_place(e.kwargs["index"]):
            return []
        words, value = writer.index(e.kwargs["index"]), e.args[0]
        term = f"{writer.argument(value, shape_of(value)):open}"
        found[words] = f"{found[words]} + {term}" if words in found else term
    return [f"{name}[{k}] += {found[k].replace('+ -', '- ')}" for k in sorted(found)]


def added(writer: FormulaWriter, e: Equation, name: str) -> str | None:
    """The statement that adds the values of a scatter to entries of ``name``."""
    index = e.kwargs["index"]
    words = writer.index(index)
    if isinstance(index, tuple) and len(index) != 1:
        words = f"np.s_[{words}]"
    elif ":" in words or "..." in words:
        return None
    values = e.args[0]
    for maker in writer.formula.program.equations:
        if maker.out is values and maker.op is ops.broadcast_to:
            values = maker.args[0]  # NumPy broadcasts by itself
    if not isinstance(values, Var) and uniform_value(values) is not None:
        values = uniform_value(values)
    return f"np.add.at({name}, {words}, {writer.argument(values, shape_of(values)):open})"


def with_definitions(style: Style, term: Term, definitions: list[str]) -> Term:
    """``x·s1 where s1 = …``."""
    if not definitions:
        return term
    separator = "; " if style.plain else style.comma
    return style.term(style.where.format(term, separator.join(definitions)), "open")


def sum_of_products(step: Sequence[Sequence[Formula]], style: Style) -> str:
    """A step of a derivation: formulas multiplied along each path, and added."""
    times, plus = NOTATION[ops.multiply][style.column], NOTATION[ops.add][style.column]
    if style.plain:
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
class FormulaWriter:
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
                self.terms[v] = self.style.term(f"{term:atom}{self.subscript(self.index(i))}")
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
        asked = {k: v for k, v in e.kwargs.items() if not is_default(e.op, k, v)}
        if pattern is not None and not asked:
            return self.style.fill(pattern, *args)
        words = [f"{a:open}" for a in args]
        if e.op.arity == -1 and e.op.vjps is not None:
            words = [f"[{', '.join(words)}]"] if self.style.plain else words
        words += [self.keyword(k, v) for k, v in asked.items()]
        if e.op.letter is not None:
            inside = self.style.brackets.format(self.style.comma.join(words))
            return self.style.term(f"{self.style.name(e.op.letter)}{inside}")
        return self.call(e.op.name, words)

    def pattern(self, op: Op) -> Pattern:
        """How this style writes ``op``."""
        return NOTATION[op][self.style.column]

    def operand(self, e: Equation, i: int) -> Term:
        """Argument ``i`` of ``e``; truth values that are reckoned with as numbers 1 and 0."""
        term = self.argument(e.args[i], self.room(e, i))
        asked = e.op.vjps is None and "steps" not in e.kwargs  # not of signs for several steps
        asked |= e.op is ops.branch and i == 0
        truth = isinstance(e.out, Var) and e.out.dtype.kind == "b"
        return self.indicator(term) if self.is_mask(e.args[i]) and not asked | truth else term

    def is_mask(self, x: Operand) -> bool:
        """Whether ``x`` is an expression that is true or false."""
        return isinstance(x, Var) and x.dtype.kind == "b" and x in self.terms

    def indicator(self, condition: Term) -> Term:
        """1 where the condition holds, else 0."""
        return self.style.term(self.style.indicator.format(f"{condition:open}"))

    def call(self, name: str, words: list[str]) -> Term:
        """A function by its name."""
        shown = self.style.function(name)
        return self.style.term(self.style.call.format(shown, self.style.comma.join(words)))

    def keyword(self, key: str, value: object) -> str:
        if key != "index" or isinstance(value, int | Var):
            return self.mixed(lambda name: f"{key}={python_text(value, name)}")
        return self.mixed(lambda name: f"{key}=s_[{between(value, name)}]")

    def index(self, index: Index) -> str:
        """What stands between the brackets."""
        return self.mixed(lambda name: between(index, name))

    def mixed(self, words: Callable[[Callable[[Var], str]], str]) -> str:
        """Metadata, with what is computed in it; the rest are words of the style."""
        if self.style.plain:
            return words(lambda v: f"{self.argument(v)}")
        terms: list[str] = []

        def place(v: Var) -> str:
            terms.append(f"{self.argument(v)}")
            return "\0"

        first, *rest = words(place).split("\0")
        shown = [self.style.word(first) if first else ""]
        for term, after in zip(terms, rest, strict=True):
            shown += [term, self.style.word(after) if after else ""]
        return "".join(shown)

    def subscript(self, index: str) -> str:
        """An index behind a name; ``index`` is written in the style already."""
        if self.style.plain:
            return f"[{index}]"
        if self.style is LATEX:
            return f"_{{{index}}}"
        return f"<msub><mi></mi><mrow>{index}</mrow></msub>"

    def room(self, e: Equation, i: int) -> Shape:
        """The shape that the other arguments of an elementwise op have together."""
        if not e.op.elementwise:
            return ()
        others = [shape_of(a) for j, a in enumerate(e.args) if j != i]
        return np.broadcast_shapes(*others)

    def stretched(self, e: Equation) -> bool:
        """Whether the result of ``e`` is but an operand of what broadcasts it."""
        program = self.formula.program
        uses = [u.op.elementwise for u in program.equations if any(a is e.out for a in u.args)]
        return bool(uses) and all(uses) and e.out is not program.result

    def argument(self, x: Operand, room: Shape = ()) -> Term:
        """A variable or a constant; ``room`` is the shape it is stretched to anyhow."""
        if isinstance(x, Var):
            if x in self.terms:
                return self.terms[x]
            return self.style.symbol(self.formula.symbols.get(x) or Symbol(x.name))
        c = x if isinstance(x, complex) else uniform_value(x)
        if np.size(x) == 0:
            return self.call("zeros", [python_text(np.shape(x))])
        if isinstance(x, np.ndarray) and x.dtype.kind == "b" and x.size and not any(x.strides):
            c = x.flat[0]
        if c is None and isinstance(x, np.ndarray) and x.dtype.kind in "fiu" and equal_entries(x):
            c = x.flat[0]
        if c is None:
            words = f"array({python_text(x)})"
            return self.style.term(words if self.style.plain else self.style.word(words))
        if self.formula.single and isinstance(c, float | np.floating):
            c = float(str(np.float32(c)))  # 0.1, not the nearest number of float64
        number = self.style.constant(c, self.formula.sizes)
        shape = np.shape(x)
        if not shape or self.formula.entrywise or np.broadcast_shapes(room, shape) == room != ():
            return number
        return self.full(shape, number, c)

    def full(self, shape: Shape, number: Term, c: Operand) -> Term:
        """An array of one number."""
        size = python_text(shape)
        if self.style.plain:
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
