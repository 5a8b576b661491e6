"""One closed formula of a gradient: the links of the chain multiplied out and cancelled.

Beyond the identities of all formulas, sums are multiplied out where factors cancel, like
terms are collected, and what is common is taken out; each where the formula gets shorter.
Every step is evaluated at random points, and shown only if it is worth what it came from.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.explain.factors import (
    Factors,
    Simplifier,
    built,
    factors,
    is_sum,
    leaves,
    merged,
    normal,
    power_of,
    product,
)
from minigrad.explain.paper import UNREADABLE
from minigrad.explain.shares import REDUCTIONS, known_total
from minigrad.explain.tidied import lowest
from minigrad.ops import matrices
from minigrad.ops.record import Op
from minigrad.program.builder import Full, key_of, shape_of
from minigrad.program.equations import Equation, Var, call_forward, evaluate, without_dead_code
from minigrad.program.rules import (
    common_size,
    each,
    is_float,
    is_plain_reduction,
    rule,
    rules,
    scaled,
)
from minigrad.tree import tree_map
from minigrad.typing import Array, Axis, Operand
from minigrad.writing.formulas import Formula, FormulaWriter
from minigrad.writing.notation import inverse_transposed
from minigrad.writing.styles import BOOK, TEXT

TERMS = 24
"""Sums of more terms are not multiplied out."""
Terms = dict[Hashable, tuple[float, Factors]]
"""Key of a product -> its coefficient and its factors."""


@dataclass(frozen=True)
class Step:
    """One line of a derivation: a formula, and what was done to get it.

    Attributes
    ----------
    formula : Formula
    reason : str
    name : str
        What the gradient is called where entries are added to it.
    """

    formula: Formula
    reason: str
    name: str = ""

    @property
    def text(self) -> str:
        """As in a textbook: matrix products without a sign."""
        added = self.formula.accumulated(self.name, BOOK) if self.name else None
        return added or self.formula.write(BOOK).code


class Algebra(Simplifier):
    """A builder that multiplies out, and knows which arrays are constant."""

    reductions = REDUCTIONS

    def __init__(self, known: dict[Var, Array], formula: Formula) -> None:
        sizes = {v: int(s.name) for v, s in formula.symbols.items() if s.name.isdigit()}
        super().__init__(rules("closed", "read", "formula"), formula.values, sizes)
        self.known, self.results = known, formula.made
        self.kinked = any(e.op is ops.sign for e in formula.program.equations)
        of = {e.args[0] for e in formula.program.equations if e.op is ops.sigmoid}
        self.rests = any(
            e.op is ops.negative and e.out in of and e.args[0] in of
            for e in formula.program.equations
        )

    def origin(self, x: Operand) -> Equation | None:
        """The equation of ``x``, whether it has a name or not."""
        return self.results.get(x) or self.made_by.get(x) if isinstance(x, Var) else None

    def terms(self, x: Operand) -> list[tuple[float, Operand]] | None:
        terms = multiplied_out(self, *factors(self, x))
        if terms is None:
            return None
        return [(c, built(self, 1, found)) for c, found in terms.values()]


# --- sums of products ------------------------------------------------------------------


def summands(b: Simplifier, x: Operand, c: float = 1) -> Iterator[tuple[float, Operand]]:
    """The terms of the sum ``x``, each with its sign."""
    made = b.nameless(x)
    if made is not None and made.op in (ops.add, ops.subtract):
        yield from summands(b, made.args[0], c)
        yield from summands(b, made.args[1], c if made.op is ops.add else -c)
    elif made is not None and made.op is ops.negative:
        yield from summands(b, made.args[0], -c)
    else:
        yield c, x


def multiplied_out(b: Simplifier, c: float, found: Factors) -> Terms | None:
    """A product as a sum of products of what are no sums; None where there are too many."""
    done: Terms = {}
    todo = [(c, found)]
    steps = 0
    while todo:
        c, found = todo.pop()
        steps, found = steps + 1, normal(b, found)
        sums = [k for k, (y, p) in found.items() if p == int(p) and p > 0 and is_sum(b, y)]
        if steps > TERMS or len(todo) > TERMS:
            return None
        if not sums:
            add(done, {frozenset((k, p) for k, (_, p) in found.items()): (c, found)})
            continue
        first = next((k for k in sums if has_fractions(b, found[k][0])), sums[0])
        y, p = found[first]
        rest = {k: v for k, v in found.items() if k != first}
        if p > 1:
            rest[first] = [y, p - 1]
        for sign, term in reversed([*summands(b, y)]):
            d, inner = factors(b, term)
            todo.append((c * d * sign, product(rest, inner)))
    return {k: part for k, part in done.items() if part[0]}


def add(terms: Terms, more: Terms) -> None:
    """Add products to a sum of such."""
    for key, (c, found) in more.items():
        terms[key] = terms.get(key, (0.0, found))[0] + c, found


def has_fractions(b: Simplifier, x: Operand) -> bool:
    """Whether something may cancel when the sum ``x`` is multiplied out."""
    return any(p < 0 for _, t in summands(b, x) for _, p in factors(b, t)[1].values())


def size_of(b: Simplifier, x: Operand) -> int:
    """How many names and numbers are written for ``x``."""
    return sum(1 for _ in islice(leaves(b, x), 400))


def gathered(b: Simplifier, terms: Terms) -> Operand:
    """The sum of the terms, with what all of them share in front."""
    if not terms:
        return None
    products = lowest(b, [found for _, found in terms.values()])
    parts = [*zip((c for c, _ in terms.values()), products, strict=True)]
    common = {
        k: [z, p]
        for k, (z, p) in parts[0][1].items()
        if all(power_of(f, k) == p for _, f in parts[1:])
    }
    if len(parts) == 1:
        return built(b, parts[0][0], parts[0][1])
    size = common_size([c for c, _ in parts])
    answer: Operand = None
    for c, found in sorted(parts, key=lambda part: part[0] < 0):
        rest = {k: v for k, v in found.items() if k not in common}
        term = built(b, abs(c) / size, rest)
        if answer is None:
            answer = term if c > 0 else scaled(b, -1, term) if isinstance(term, Var) else -term
        else:
            answer = b.emit(ops.add if c > 0 else ops.subtract, answer, term)
    if not isinstance(answer, Var):
        return None
    return built(b, size, {key_of(answer): [answer, 1], **common})


@each((ops.multiply, ops.divide, ops.add, ops.subtract), when="closed")
def expanded(op: Op, b: Simplifier, x: Operand, y: Operand) -> Operand:
    """The rule for one of the four operations."""
    if b.busy or not (is_float(x) or is_float(y)):
        return None
    b.busy = True
    try:
        return attempt(b, op, x, y)
    finally:
        b.busy = False


def attempt(b: Simplifier, op: Op, x: Operand, y: Operand) -> Operand:
    if op in (ops.multiply, ops.divide):
        (c, found), (d, others) = factors(b, x), factors(b, y, 1 if op is ops.multiply else -1)
        terms = multiplied_out(b, c * d, product(found, others))
    else:
        terms = {}
        for sign, part in ((1, x), (1 if op is ops.add else -1, y)):
            more = multiplied_out(b, sign, {key_of(part): [part, 1]}) if is_sum(b, part) else None
            if more is None:
                c, found = factors(b, part)
                more = multiplied_out(b, sign * c, found)
            if more is None:
                return None
            add(terms, more)
        terms = {k: part for k, part in terms.items() if part[0]}
    if not terms:
        return None
    before = size_of(b, x) + size_of(b, y)
    for attempted in (gathered(b, terms), over_one_denominator(b, terms)):
        if attempted is not None and size_of(b, attempted) < before:
            return attempted
    return None


def over_one_denominator(b: Simplifier, terms: Terms) -> Operand:
    """``1/(1 + u) - u/(1 + u)²`` is ``1/(1 + u)²``."""
    powers: dict[Hashable, list[Operand]] = {}
    for _, found in terms.values():
        for key, (z, p) in found.items():
            if p < 0 and is_sum(b, z):
                powers[key] = [z, max(-p, power_of(powers, key))]
    if len(powers) != 1 or len(terms) < 2:
        return None
    below = next(iter(powers))
    if not all(power_of(found, below) < 0 for _, found in terms.values()):
        return None
    above: Terms = {}
    for c, found in terms.values():
        more = multiplied_out(b, c, merged(b, found, powers))
        if more is None:
            return None
        add(above, more)
    sums = gathered(b, {k: part for k, part in above.items() if part[0]})
    if sums is None:
        return None
    c, found = factors(b, sums)
    return built(b, c, merged(b, found, {k: [z, -p] for k, (z, p) in powers.items()}))


# --- matrices ------------------------------------------------------------------------------


@rule(ops.add, when="closed")
def common_vector(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x @ A + x @ B`` is ``x @ (A + B)``."""
    u, v = b.match(x, ops.matmul), b.match(y, ops.matmul)
    if u is None or v is None:
        return None
    if u[0] is v[0] and shape_of(u[1]) == shape_of(v[1]):
        return b.emit(ops.matmul, u[0], b.emit(ops.add, u[1], v[1]))
    if u[1] is v[1] and shape_of(u[0]) == shape_of(v[0]):
        return b.emit(ops.matmul, b.emit(ops.add, u[0], v[0]), u[1])
    return None


@rule(ops.matmul, when="closed")
def vector_behind(b: Simplifier, x: Operand, y: Operand) -> Operand:
    """``x @ (A + Aᵀ)`` is ``(A + Aᵀ) @ x``."""
    inner = b.match(y, ops.add)
    if inner is None or len(shape_of(x)) != 1 or len(shape_of(y)) != 2:
        return None
    for u, v in (inner, inner[::-1]):
        for op, other in ((ops.transpose, None), (inverse_transposed, matrices.inv)):
            flipped, of = b.match(u, op), v if other is None else (b.match(v, other) or (None,))[0]
            if flipped is not None and flipped[0] is of:
                return b.emit(ops.matmul, y, x)
    return None


@rule(ops.sum, when="closed")
def known_sum(b: Simplifier, x: Operand, axis: Axis = None, **others: Any) -> Operand:
    """Each row of an array of shares sums to 1."""
    if not is_plain_reduction(others) or axis is None or not isinstance(x, Var):
        return None
    total = known_total(b, x, axis)
    return None if total is None else Full(total)


# --- the steps -----------------------------------------------------------------------------


def continued(step: Step, constant: dict[Var, Array]) -> list[Step]:
    """``step`` and those that follow from it."""
    steps = [step]
    for _ in range(4):
        try:
            more = simplified(steps[-1].formula, constant)
        except UNREADABLE:  # a rule met what it was not made for; the steps so far are true
            break
        if more is None:
            break
        steps.append(Step(*more, step.name))
    return steps


def simplified(formula: Formula, constant: dict[Var, Array]) -> tuple[Formula, str] | None:
    """``formula`` by the rules of closed forms, and what was done; None where nothing was."""
    b = Algebra(constant, formula)
    value: dict[Var, Operand] = {}
    program = formula.program
    list(b.replay(program.equations, value))
    result = tree_map(lambda x: value.get(x, x) if isinstance(x, Var) else x, program.result)
    made = without_dead_code(program.replace(equations=b.equations, result=result))
    again = replace(formula, program=made)
    if again.text == formula.text or not agree(formula, again, frozenset(b.facts) | b.fixed):
        return None
    called = {v: symbol.name for v, symbol in formula.symbols.items()}
    facts = dict.fromkeys(text.format(called.get(v, "")) for v, text in b.facts.items())
    left, before = denominators(again), denominators(formula)
    gone = [d for d in before if d not in left]
    verb = "cancels" if len(gone) == 1 else "cancel"
    cancelled = 0 < len(gone) < 4 and all(d in before for d in left)  # none is only rewritten
    done = f"{' and '.join(gone)} {verb}" if cancelled else "like terms are collected"
    return again, "; ".join([done, *facts])


def denominators(formula: Formula) -> list[str]:
    """What a formula divides by, factor by factor, as it is written."""
    writer = FormulaWriter(formula, TEXT, {})
    made: dict[Hashable, Equation] = {}
    todo: list[Operand] = []
    for e in formula.program.equations:
        writer.write(e)
        made[e.out] = e
        todo += [e.args[1]] if e.op is ops.divide else []
    found: dict[str, None] = {}
    while todo:
        x = todo.pop()
        inner = made.get(x) if isinstance(x, Var) else None
        if inner is not None and inner.op is ops.multiply:
            todo += inner.args
        elif inner is not None and inner.op in (ops.square, ops.power):
            todo.append(inner.args[0])
        elif isinstance(x, Var):
            found[f"{writer.argument(x):atom}"] = None
    return list(found)


def agree(first: Formula, second: Formula, fixed: frozenset[Var]) -> bool:
    """Whether two formulas are worth the same, at random points near the values and at them."""
    rng = np.random.default_rng(0)
    for k in range(4):
        values = {}
        for v, x in first.values.items():
            moving = k and v not in fixed and v.dtype.kind == "f"
            values[v] = (x * (1 + 0.2 * rng.random(np.shape(x)))).astype(v.dtype) if moving else x
        with np.errstate(all="ignore"):
            x, y = (evaluate(f.program, values, call_forward) for f in (first, second))
        digits = 1e-4 if first.single else 1e-8
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        scale = float(np.max(np.abs(x), initial=0.0))
        if not np.allclose(np.broadcast_to(x, shape), y, rtol=digits, atol=digits * scale):
            return False
    return True


def worth(formula: Formula, value: Operand) -> bool:
    """Whether a formula is worth the number beside it, to the digits that its terms have."""
    digits, rounding = (1e-4, 1e-6) if formula.single else (1e-8, 1e-14)
    found, largest = formula.evaluated()
    found, value = np.asarray(found), np.asarray(value)
    with np.errstate(all="ignore"):
        scale = digits * float(np.max(np.abs(value), initial=0.0)) + rounding * largest
        return bool(np.allclose(found, value, rtol=digits, atol=scale, equal_nan=True))
