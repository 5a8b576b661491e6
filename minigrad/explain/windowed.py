"""Convolution and pooling as one writes them: the many steps of their rules as one sign.

What is computed stays as it was; only what is written for it is short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minigrad import ops
from minigrad.explain.factors import Simplifier, built, factors, linear, merged, scalars_of
from minigrad.nn.windows import overlay, windows
from minigrad.ops.padding import framed
from minigrad.ops.record import Op
from minigrad.program.builder import equals, key_of, shape_of
from minigrad.program.equations import Equation, Var, call_forward
from minigrad.program.rules import each, rule
from minigrad.typing import Array, Axis, Index, Keywords, Operand
from minigrad.writing.forms import SPECIAL
from minigrad.writing.formulas import FOOTNOTES, FormulaWriter
from minigrad.writing.notation import NOTATION, function, infix
from minigrad.writing.terms import Term

MOVES = frozenset(
    [ops.reshape, ops.transpose, ops.moveaxis, ops.swapaxes, ops.squeeze, ops.expand_dims]
)
"""What changes the order and the shape of entries, and no entry."""
FRAMED = MOVES | {framed}


@dataclass(eq=False, repr=False)
class Steps:
    """Equations that lead from some variables to one: what a sign stands for."""

    inputs: list[Var]
    equations: list[Equation]
    result: Var

    def __call__(self, *args: Operand) -> Array:
        env: dict[Var, Array] = dict(zip(self.inputs, args, strict=True))
        for e in self.equations:
            env[e.out] = call_forward(e.op, *e.filled(env.__getitem__))
        return env[self.result]


def abbreviation(name: str, arity: int) -> Op:
    """An op that is written as one sign, and computed by the steps that it stands for."""
    return Op(name, lambda *args, steps: steps(*args), None, arity=arity)


def signed(w: FormulaWriter, e: Equation, args: list[Term]) -> Term:
    """By the pattern, whatever the steps are."""
    return w.style.fill(w.pattern(e.op), *args)


correlated: Op = abbreviation("correlated", 2)
convolved: Op = abbreviation("convolved", 2)
winner: Op = abbreviation("winner", 2)
largest: Op = abbreviation("maxpool", 1)
spread: Op = abbreviation("spread", 1)
averaged: Op = abbreviation("avgpool", 1)
picked: Op = abbreviation("picked", 2)

NOTATION[correlated] = infix("product", ("power", "power"), " ⋆ ", r"\star", "⋆")
NOTATION[convolved] = infix("product", ("power", "power"), " ∗ ", r"\ast", "∗")
NOTATION[winner] = {
    "text": ("product", "{0:product} ⊙ 1[{1:sum} = max]"),
    "latex": ("product", r"{0:product} \odot \mathbf{{1}}\left[{1:sum} = \max\right]"),
    "mathml": (
        "product",
        "{0:product}<mo>⊙</mo><mrow><mn>𝟏</mn><mo>[</mo>{1:sum}<mo>=</mo><mi>max</mi><mo>]</mo></mrow>",
    ),
}
NOTATION[picked] = {
    "text": ("atom", "pool({0:product} ⊙ 1[{1:sum} = max])"),
    "latex": (
        "atom",
        r"\operatorname{{pool}}\left({0:product} \odot "
        r"\mathbf{{1}}\left[{1:sum} = \max\right]\right)",
    ),
    "mathml": (
        "atom",
        "<mrow><mi>pool</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{0:product}<mo>⊙</mo><mrow><mn>𝟏</mn>"
        "<mo>[</mo>{1:sum}<mo>=</mo><mi>max</mi><mo>]</mo></mrow><mo>)</mo></mrow></mrow>",
    ),
}
for _op in (largest, spread, averaged):
    NOTATION[_op] = function(rf"\operatorname{{{{{_op.name}}}}}", _op.name, _op.name)
SIGNS = (correlated, convolved, winner, largest, spread, averaged, picked)
for _op in SIGNS:
    NOTATION[_op]["book"] = NOTATION[_op]["text"]
SPECIAL.update(dict.fromkeys(SIGNS, signed))
FOOTNOTES |= {
    correlated: "u ⋆ v is a correlation: the windows of u, each times v, added up",
    convolved: "u ∗ v is a full convolution, the adjoint of ⋆: the kernel is flipped",
    winner: "1[u = max] is 1 at the largest entry of each window, the winner; ties share it",
    picked: "pool(u ⊙ 1[v = max]) takes u where the entry of v is the largest of its window",
    spread: "spread(u) gives each entry of u to every place of its window",
}


# --- reading the steps -----------------------------------------------------------------


def stripped(b: Simplifier, x: Operand, moves: frozenset[Op] = MOVES) -> Operand:
    """``x`` before transposes and reshapes."""
    while isinstance(x, Var) and not x.given and (e := b.made_by.get(x)) is not None:
        if e.op not in moves:
            break
        x = e.args[0]
    return x


def seen(b: Simplifier, x: Operand) -> Operand:
    """The array that ``x`` shows the windows of, its frame left out; None for others."""
    inner = b.match(stripped(b, x), windows)
    return None if inner is None else stripped(b, inner[0], FRAMED)


def abbreviated(
    b: Simplifier, op: Op, inputs: list[Operand], result: Operand, others: bool = False
) -> Operand:
    """The steps from ``inputs`` to ``result`` as one equation of ``op``.

    Where other names enter, they are inputs too if ``others`` may be; else there is None.
    """
    met, needed, more, stack = set(inputs), set(), [], [result]
    while stack:
        x = stack.pop()
        if x in met:
            continue
        met.add(x)
        made = b.made_by.get(x)
        if made is None or (x.given and x is not result):
            more.append(x)
        else:
            needed.add(x)
            stack += made.reads()
    if more and not others:
        return None
    inputs = [*inputs, *more]
    equations = [e for e in b.equations if e.out in needed]
    steps = Steps(list(dict.fromkeys(inputs)), equations, result)
    if len(steps.inputs) < len(inputs):
        return None
    key = (op, tuple(map(id, inputs)), id(result))
    if key not in b._known:
        e = Equation(Var("t", result.shape, result.dtype), op, tuple(inputs), {"steps": steps})
        b.equations.append(e)
        b.made_by[e.out] = e
        b._known[key] = e.out
    return b._known[key]


def last_step(b: Simplifier, op: Op, x: Operand, kwargs: Keywords) -> Var:
    """``op`` of ``x`` as it is, whatever rules there are."""
    shape, dtype = b.outcome(op, (x,), kwargs)
    return b.keep(op, (x,), kwargs, Var("t", shape, dtype))  # type: ignore[no-any-return]


def product_of_windows(b: Simplifier, x: Operand) -> tuple[Operand, Operand, bool] | None:
    """The array whose windows enter a matrix product, the other factor, and whether flipped."""
    inner = b.match(stripped(b, x), ops.matmul)
    for one, other in () if inner is None else (inner, inner[::-1]):
        if (of := seen(b, one)) is not None:
            return of, stripped(b, other), b.match(one, ops.swapaxes) is not None
    return None


# --- convolutions ----------------------------------------------------------------------


@each((ops.reshape, ops.moveaxis), when="formula")
def correlation(op: Op, b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """The last step of a convolution, or of its gradient by the kernel."""
    found = product_of_windows(b, x)
    if found is None or found[2] is not (op is ops.reshape) or not all_variables(found[:2]):
        return None
    return abbreviated(b, correlated, [*found[:2]], last_step(b, op, x, kwargs))


def all_variables(xs: Operand) -> bool:
    return all(isinstance(x, Var) for x in xs)


each([overlay], when="formula")(linear)


@rule(overlay, when="formula")
def adjoint(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """A transposed convolution, or what pooling passes on."""
    inner = b.match(stripped(b, x), ops.matmul)
    if inner is not None:
        kernel, g = (stripped(b, y) for y in inner)
        if not all_variables((kernel, g)):
            return None
        return abbreviated(b, convolved, [g, kernel], last_step(b, overlay, x, kwargs))
    return pooled(b, x, kwargs)


@rule(ops.elements, when="formula")
def cropped(b: Simplifier, x: Operand, index: Index = None) -> Operand:
    """The frame of a convolution or of pooling is cut off."""
    made = b.nameless(x)
    parts = index if isinstance(index, tuple) else (index,)
    if made is None or made.op not in (convolved, winner, spread):
        return None
    if not all(isinstance(part, slice) or part is Ellipsis for part in parts):
        return None
    steps = made.kwargs["steps"]
    whole = last_step(b, ops.elements, steps.result, {"index": index})
    return abbreviated(b, made.op, [*made.args], whole)


# --- pooling ---------------------------------------------------------------------------


@rule(ops.max, when="formula")
def maximum_of_windows(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """``max`` of what each window sees."""
    of = seen(b, x)
    if not isinstance(of, Var) or kwargs.get("axis") != 2:
        return None
    return abbreviated(b, largest, [of], last_step(b, ops.max, x, kwargs))


@rule(ops.mean, when="formula")
def mean_of_windows(b: Simplifier, x: Operand, **kwargs: Any) -> Operand:
    """``mean`` of what each window sees."""
    of = seen(b, x)
    if not isinstance(of, Var) or kwargs.get("axis") != 2:
        return None
    return abbreviated(b, averaged, [of], last_step(b, ops.mean, x, kwargs))


@rule(ops.sum, when="formula")
def taken_from_windows(b: Simplifier, x: Operand, axis: Axis = None, **kwargs: Any) -> Operand:
    """The sum of what windows see, where another array is largest in them."""
    if not isinstance(x, Var) or axis != -3 or len(x.shape) != 5 or x.given:
        return None
    c, found = factors(b, x)
    parts = [y for y, p in found.values() if p == 1]
    acts = [of_windows(b, y) for y in parts]
    shown = [seen(b, y) for y in parts]
    if c != 1 or len(found) != 2 or len(parts) != 2:
        return None
    act, g = next((a for a in acts if a is not None), None), next(filter(None, shown), None)
    if not all_variables((act, g)):
        return None
    done = last_step(b, ops.sum, x, {"axis": axis, **kwargs})
    return abbreviated(b, picked, [g, act], done, others=True)  # the largest may have a name


def pooled(b: Simplifier, x: Operand, kwargs: Keywords) -> Operand:
    """The gradient of max or average pooling."""
    inner = stripped(b, x)
    stretched = b.match(inner, ops.broadcast_to)
    if stretched is not None:
        c, scalars, rest = scalars_of(b, stretched[0])
        if rest is not stretched[0]:
            whole = b.emit(ops.broadcast_to, rest, **b.made_by[inner].kwargs)
            one = b.emit(ops.reshape, whole, shape=shape_of(x))
            done = b.emit(overlay, one, **kwargs)
            return built(b, c, merged(b, scalars, {key_of(done): [done, 1]}))
        g = stripped(b, rest)
        done = last_step(b, overlay, x, kwargs)
        return abbreviated(b, spread, [g], done) if isinstance(g, Var) else None
    if not isinstance(inner, Var) or inner.given:
        return None
    c, found = factors(b, inner)
    masks = [k for k, (y, _) in found.items() if of_windows(b, y) is not None]
    if len(masks) != 1 or c != 1:
        return None
    act = of_windows(b, found.pop(masks[0])[0])
    rest = {k: part for k, part in found.items() if part[1] > 0 or not counts(b, part[0])}
    g = stripped(b, built(b, c, rest))
    if not all_variables((act, g)) or act is g:
        return None
    done = last_step(b, overlay, x, kwargs)
    return abbreviated(b, winner, [g, act], done, others=True)


def of_windows(b: Simplifier, mask: Operand) -> Operand:
    """The array whose windows' entries ``mask`` compares with the largest; None for others."""
    made = b.made_by.get(mask) if isinstance(mask, Var) and mask.dtype.kind == "b" else None
    return seen(b, made.args[0]) if made is not None and made.op is ops.equal else None


def counts(b: Simplifier, y: Operand) -> bool:
    """Whether ``y`` is how many share the first place."""
    y = stripped(b, y)
    least = b.match(y, ops.maximum)
    made = b.made(least[0] if least is not None and equals(least[1], 1) else y, ops.sum)
    return made is not None and of_windows(b, made.args[0]) is not None
