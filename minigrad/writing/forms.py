"""Special forms: ops whose notation depends on shapes, on metadata or on what they are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from minigrad import ops
from minigrad.ops import norms
from minigrad.ops.joining import joined
from minigrad.ops.record import Op
from minigrad.program.builder import axes_of, key_of, shape_of, uniform_value
from minigrad.program.equations import Equation
from minigrad.typing import Operand, Shape
from minigrad.writing.metadata import is_default, python_text
from minigrad.writing.notation import (
    EXP,
    HADAMARD,
    NOTATION,
    TRANSPOSED,
    Row,
    identity,
    onehot,
    repetition,
)
from minigrad.writing.numbers import VULGAR, Surd, fraction, surd
from minigrad.writing.styles import LATEX, MATHML, Style
from minigrad.writing.terms import Term

if TYPE_CHECKING:
    from minigrad.writing.formulas import FormulaWriter

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
INDICES = "ijklmnpqrst"

Special = Callable[["FormulaWriter", Equation, list[Term]], Term | None]
SPECIAL: dict[Op, Special] = {}
NOTHING: Row = {}


def special(*those: Op) -> Callable[[Special], Special]:
    """Decorator: how these ops are written, unless the answer is None."""

    def enter(function: Special) -> Special:
        SPECIAL.update(dict.fromkeys(those, function))
        return function

    return enter


@special(ops.multiply)
def _multiply(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """Arrays are multiplied entry by entry, which matrix people write ⊙."""
    if e.out.dtype.kind == "b":
        return w.style.fill(w.pattern(ops.bitwise_and), *args)
    for i, a in enumerate(e.args):
        if uniform_value(a) == 1 and shape_of(e.args[1 - i]) == e.out.shape:
            return args[1 - i]  # a truth value as a number: others are simplified before
    c = uniform_value(e.args[0])
    if c is not None and shape_of(e.args[1]) == e.out.shape:
        return _multiple(w, c, args)
    if shape_of(e.args[0]) and not shape_of(e.args[1]) and uniform_value(e.args[1]) is None:
        return w.style.fill(w.style.times, *args[::-1])  # what is no array comes first
    if args[1].code.isdigit() and not args[0].code.isdigit():
        return w.style.fill(w.style.times, *args[::-1])  # nor what is called by its number: 5·n
    if w.formula.entrywise or not all(shape_of(a) and uniform_value(a) is None for a in e.args):
        return None
    return w.style.fill(HADAMARD[w.style.column], *args)


def _multiple(w: FormulaWriter, c: Operand, args: list[Term]) -> Term:
    """``c·x``, the sign of c in front of it all, and ``x/n`` for a share."""
    over, root = fraction(abs(float(c)), w.formula.sizes), surd(abs(float(c)))
    if args[1].code == w.style.name("π") and float(c) == int(c) > 0:
        return w.style.beside(args[0], args[1])
    if over is not None and over[0] == 1 and over not in VULGAR:
        n = w.style.term(w.style.number(str(over[1])))
        scaled = w.style.fill(w.style.quotient, args[1], n)
    elif root is not None and root.kind == "root" and root.top == 1 and root.pi <= 0:
        below = w.style.surd(Surd("root", root.bottom, 1, -root.pi))
        scaled = w.style.fill(w.style.quotient, args[1], below)
    elif c < 0:
        scaled = w.style.fill(w.style.times, w.style.constant(-c, w.formula.sizes), args[1])
    else:
        return w.style.fill(w.style.times, *args)
    return scaled if c > 0 else w.style.fill(w.pattern(ops.negative), scaled)


@special(ops.matmul)
def _matmul(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """Side by side in a textbook, with a space where they would run together."""
    if not w.style.juxtaposed:
        return None
    row, column = (len(shape_of(x)) == 1 for x in e.args)
    if row and not column:  # the vector is a column
        args = [w.style.term(flipped(args[1])), args[0]]
    elif row:
        args = args[::-1] if args[0].level == "side" != args[1].level else args  # wᵀ C w
        args = [w.style.term(f"{args[0]:atom}ᵀ"), args[1]]
    left, right = f"{args[0]:side}", f"{args[1]:side}"
    closed = left.endswith("ᵀ") or (left.startswith("(") and left.endswith(")"))
    bracket = right.startswith("(") if left.endswith("ᵀ") else closed
    return w.style.term(left + right if bracket else f"{left} {right}", "side")


def flipped(x: Term) -> str:
    """The transpose of ``x`` as text."""
    for end, other in (("⁻ᵀ", "⁻¹"), ("⁻¹", "⁻ᵀ"), ("ᵀ", "")):
        if x.level == "atom" and x.code.endswith(end):
            return f"{x.code.removesuffix(end)}{other}"
    return f"{x:atom}ᵀ"


@special(ops.add)
def _add(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """A sum within a sum needs no parentheses; truth values are not added but joined."""
    if e.out.dtype.kind == "b":
        return w.style.fill(w.pattern(ops.bitwise_or), *args)
    if args[1].level != "sum" or args[1].code.startswith(w.style.minus):
        return None
    return w.style.fill(w.pattern(ops.add), args[0], w.style.term(args[1].code))


@special(ops.power, ops.float_power)
def _power(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    if uniform_value(e.args[1]) == 0.5:
        return w.style.fill(w.pattern(ops.sqrt), args[0])
    if uniform_value(e.args[1]) == -1 and len(shape_of(e.args[0])) > 1:  # X⁻¹ is the inverse
        return w.style.fill(w.pattern(ops.divide), w.style.constant(1), args[0])
    return raised(w.style, *args)


@special(ops.square)
def _square(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    return raised(w.style, args[0], w.style.term(w.style.number("2")))


def raised(style: Style, base: Term, exponent: Term) -> Term:
    """A power; whole exponents are superscripts in text."""
    if style.plain and re.fullmatch(r"-?\d+", exponent.code):
        return style.term(f"{base:atom}{exponent.code.translate(SUPERSCRIPTS)}", "power")
    return style.fill(style.power, base, exponent)


@special(ops.exp)
def _exp(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """``exp(x)``, where the user calls something else e."""
    taken = not w.style.plain and any(s.name == "e" for s in w.formula.symbols.values())
    return w.style.fill(EXP[w.style.column], *args) if taken else None


@special(ops.divide)
def _divide(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """1/y² as y⁻², where a derivation is to be shown step by step."""
    if (
        not w.formula.inverse
        or uniform_value(e.args[0]) != 1
        or uniform_value(e.args[1]) is not None
    ):
        return None
    maker = next((m for m in w.formula.program.equations if m.out is e.args[1]), None)
    base, exponent = args[1], 1
    if maker is not None and maker.op is ops.power and isinstance(maker.args[1], int):
        base, exponent = w.argument(maker.args[0]), maker.args[1]
    return raised(w.style, base, w.style.constant(-exponent))


@special(ops.transpose)
def _transpose(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    axes = e.kwargs.get("axes")
    if len(shape_of(e.args[0])) > 2 or (axes is not None and list(axes) == [0, 1]):
        return None
    return w.style.fill(TRANSPOSED[w.style.column], args[0])


@special(ops.swapaxes)
def _swapaxes(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    n = len(shape_of(e.args[0]))
    if {axis % n for axis in e.kwargs.values()} != {n - 2, n - 1}:
        return None
    if n > 2 and w.style.plain:
        return w.style.term(f"{args[0]:atom}.mT")
    return w.style.fill(TRANSPOSED[w.style.column], args[0])


@special(ops.sum)
def _sum(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """In LaTeX with the index that is summed over, from 1 to its length."""
    shape, kwargs = (
        shape_of(e.args[0]),
        {k: v for k, v in e.kwargs.items() if not is_default(e.op, k, v)},
    )
    if "dtype" in kwargs and kwargs["dtype"] == e.out.dtype:
        del kwargs["dtype"]
    n = len(shape)
    every = len(axes_of(e.args[0], kwargs.get("axis"))) == n
    if every and (not kwargs.get("keepdims") or (n == 1 and w.stretched(e))):
        kwargs = {k: v for k, v in kwargs.items() if k not in ("axis", "keepdims")}
    if w.style.plain:
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
def _softmax(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """Over the last axis, unless another is named."""
    last = len(shape_of(e.args[0])) - 1
    return w.call(e.op.name, [f"{args[0]:open}"]) if e.kwargs == {"axis": last} else None


@special(onehot)
def _onehot(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    """As many classes as there is room for, in a formula with several such the number too."""
    used = (x for x in w.formula.program.equations if x.op is onehot)
    several = len({x.kwargs["classes"] for x in used}) > 1
    number = [w.style.number(str(e.kwargs["classes"]))] if several else []
    return w.call(e.op.name, [f"{args[0]:open}", *number])


@special(identity)
def _identity(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    """The identity matrix, written without its size."""
    return w.style.fill(NOTATION[identity][w.style.column])


@special(ops.flip)
def _flip(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """A vector reversed is written ``x[::-1]``."""
    if len(shape_of(e.args[0])) != 1:
        return None
    return _getitem(
        w, Equation(e.out, ops.elements, e.args, {"index": slice(None, None, -1)}), args
    )


@special(ops.cumsum, ops.cumprod)
def _cumulated(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """A vector's cumulative sum needs no axis."""
    if len(shape_of(e.args[0])) != 1 or set(e.kwargs) - {"axis"}:
        return None
    return w.call(e.op.name, [f"{args[0]:open}"])


@special(repetition)
def _repeated(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    words = [f"{args[0]:open}", w.style.number(str(e.kwargs["repeats"]))]
    return w.call(e.op.name, [*words, w.keyword("axis", e.kwargs["axis"])])


@special(ops.contract)
def _contract(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """As NumPy has it, the subscripts first."""
    words = e.kwargs["subscripts"]
    quoted = f"'{words}'" if w.style.plain else w.style.word(words)
    return w.call("einsum", [quoted, *(f"{a:open}" for a in args)])


@special(ops.convolve)
def _convolve(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """With the second sequence in reverse order, a correlation."""
    maker = next((m for m in w.formula.program.equations if m.out is e.args[1]), None)
    turned = maker is not None and maker.op is ops.elements
    if not turned or e.kwargs.get("mode") != "valid" or maker is None:
        return None
    if maker.kwargs["index"] != slice(None, None, -1):
        return None
    if shape_of(e.args[0])[0] < shape_of(e.args[1])[0]:
        return None
    return w.call("correlate", [f"{args[0]:open}", f"{w.argument(maker.args[0]):open}"])


@special(norms.power_norm)
def _norm(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """Norms do not nest in bars, which have no sides."""
    asked = {k: v for k, v in e.kwargs.items() if not is_default(e.op, k, v)}
    if not asked and not (w.style.plain and "‖" in args[0].code):
        return None
    return w.call("norm", [f"{args[0]:open}", *(w.keyword(k, v) for k, v in asked.items())])


@special(ops.reshape, ops.squeeze, ops.expand_dims)
def _reshape(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    if w.style.plain and e.out.shape == (*shape_of(e.args[0]), 1) and shape_of(e.args[0]):
        return w.style.term(f"{args[0]:atom}{behind(len(e.out.shape))}")
    new = _new_axis(shape_of(e.args[0]), e.out.shape)
    if w.style.plain and new is not None:
        return w.style.term(f"{args[0]:atom}[{':, ' * new}None]")
    return _shaped(w, "reshape", e, args)


LAST_AXIS = key_of((Ellipsis, None))


def behind(n: int) -> str:
    """The index that puts the last of ``n`` axes there."""
    return "[:, None]" if n == 2 else "[..., None]"


def _new_axis(shape: Shape, made: Shape) -> int | None:
    """Where one axis of length 1 was put in, if that is all."""
    for k in range(len(shape)):
        if made == (*shape[:k], 1, *shape[k:]) and shape:
            return k
    return None


@special(ops.broadcast_to)
def _broadcast(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    if w.formula.entrywise:
        return args[0]
    if not shape_of(e.args[0]):
        return w.full(e.out.shape, args[0], uniform_value(e.args[0]))
    return _shaped(w, "broadcast_to", e, args)


def _shaped(w: FormulaWriter, name: str, e: Equation, args: list[Term]) -> Term:
    size = python_text(e.out.shape)
    return w.call(name, [f"{args[0]:open}", size if w.style.plain else w.style.word(size)])


@special(ops.elements)
def _getitem(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    index = w.index(e.kwargs["index"])
    if w.style.plain and key_of(e.kwargs["index"]) == LAST_AXIS and shape_of(e.args[0]):
        return w.style.term(f"{args[0]:atom}{behind(len(e.out.shape))}")
    if w.style is MATHML:
        return w.style.term(f"<msub><mrow>{args[0]:atom}</mrow><mrow>{index}</mrow></msub>")
    base = f"{{{args[0]:atom}}}" if w.style is LATEX else f"{args[0]:atom}"
    return w.style.term(f"{base}{w.subscript(index)}")


@special(ops.scatter)
def _scatter(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """A slice put into zeros is written as padding."""
    shape, index = e.kwargs["shape"], e.kwargs["index"]
    parts = index if isinstance(index, tuple) else (index,)
    if any(part is Ellipsis for part in parts):
        k = next(i for i, part in enumerate(parts) if part is Ellipsis)
        gap = len(shape) - len(parts) + 1
        parts = (*parts[:k], *(slice(None),) * gap, *parts[k + 1 :])
    if len(parts) > len(shape) or not all(isinstance(part, slice) for part in parts):
        words = [f"{args[0]:open}", w.index(index)]
        return None if w.style.plain else w.call("scatter", words)
    ends = [part.indices(n) for part, n in zip(parts, shape, strict=False)]
    if any(step != 1 for *_, step in ends):
        return None
    widths = [(start, n - stop) for (start, stop, _), n in zip(ends, shape, strict=False)]
    widths += [(0, 0)] * (len(shape) - len(parts))
    return _padded(w, args[0], tuple(widths))


@special(joined)
def _joined(w: FormulaWriter, e: Equation, args: list[Term]) -> Term | None:
    """A piece between zeros is padded."""
    arrays = [i for i, x in enumerate(e.args) if uniform_value(x) != 0]
    if len(arrays) != 1 or len(e.args) == 1:
        return None
    (k,), axis, n = arrays, e.kwargs.get("axis", 0), len(e.out.shape)
    lengths = [shape_of(x)[axis] for x in e.args]
    width = (sum(lengths[:k]), sum(lengths[k + 1 :]))
    widths = tuple(width if i == axis % n else (0, 0) for i in range(n))
    return _padded(w, args[k], widths)


def _padded(w: FormulaWriter, inner: Term, widths: tuple[tuple[int, int], ...]) -> Term:
    size = python_text(widths[0] if len(widths) == 1 else widths)
    return w.call("pad", [f"{inner:open}", size if w.style.plain else w.style.word(size)])


@special(ops.astype)
def _astype(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    return args[0]
