"""Statements that are one slip away from a line, and the line that makes a gradient wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from typing import Any

import numpy as np

from minigrad.derivation.backward.claims import Claim
from minigrad.derivation.backward.confusions import forgotten, other_indices
from minigrad.derivation.backward.flows import Flows
from minigrad.derivation.backward.indexing import other_side
from minigrad.derivation.backward.mistakes import (
    kinds_of_code,
    likely_kinds,
    other_kinds,
    shifted,
    slips,
)
from minigrad.derivation.backward.tables import NUMBERS, exactly
from minigrad.derivation.formulas.grammar import written
from minigrad.derivation.formulas.repairs import (
    Repair,
    always,
    binary,
    changed,
    factors,
    name,
)
from minigrad.derivation.formulas.repairs import places as within_it
from minigrad.typing import Array, Shape

MANY = 200
"""Statements of more parts are left alone."""
LONG = 100
"""Longer lines are not written out."""
Change = tuple[str, ast.stmt | None, str]
"""The kind of slip, the statement without it, and the slip in words."""


def field_of(part: ast.stmt | None) -> str:
    """Where the expression of a statement stands: of a loop or a condition, in its first line."""
    return {ast.For: "iter", ast.If: "test", ast.While: "test"}.get(type(part), "value")


def expression_of(part: ast.stmt | None) -> Any:
    """The expression of a statement; None where there is none."""
    return getattr(part, field_of(part), None)


@dataclass
class Usable:
    """What a statement may use: numbers, with their shapes, functions of one argument, slices,
    variables that nothing reads, and arrays of whole numbers, with their shapes.
    """

    names: list[str]
    shapes: Mapping[str, Shape]
    functions: Sequence[str] = ()
    slices: Collection[ast.Slice] = ()
    unread: Sequence[str] = ()
    indices: Mapping[str, Shape] = field(default_factory=dict)


def change_kinds(
    part: ast.stmt | None, use: Usable
) -> tuple[Iterator[Iterator[Change]], Iterator[Iterator[Change]]]:
    """Statements that are one slip away, kind by kind: the likely kinds, and the others."""
    f, use, within = parts_of(part, use)
    rest = likely_kinds(f, use.names, use.shapes)
    likely = chain(
        clear_kinds(part, use), places(part, use.names, use.shapes), [cuts(part, use.slices)],
        map(within, rest), [taken_off(part)],
    )  # fmt: skip
    return likely, map(within, other_kinds(f, use.names, use.shapes, use.functions))


def clear_kinds(part: ast.stmt | None, use: Usable) -> Iterator[Iterator[Change]]:
    """The likeliest of all, which tell more than that a number is too many."""
    f, use, within = parts_of(part, use)
    yield gathered(part)
    yield in_place(part, use.names, use.shapes)
    yield carried(part, use.names, use.shapes)
    yield within(forgotten(f, use.unread, use.shapes))
    yield within(other_indices(f, use.indices))
    yield from map(within, kinds_of_code(f))


def parts_of(
    part: ast.stmt | None, use: Usable
) -> tuple[ast.expr, Usable, Callable[..., Iterator[Change]]]:
    """The expression of a statement, what it may use, and how changes of it are put back."""
    where, f = field_of(part), expression_of(part)
    if where != "value":  # what people get wrong in a header are its numbers and its direction
        use = Usable([], use.shapes)

    def within(kind: Iterator[Repair]) -> Iterator[Change]:
        for slip, value, words in kind:
            if not isinstance(part, ast.Expr) or isinstance(value, ast.Call | ast.Yield):
                yield slip, replaced(part, **{where: value}), words

    return f, use, within


def places(
    part: ast.stmt | None, names: list[str], shapes: Mapping[str, Shape]
) -> list[Iterator[Change]]:
    """Slips in where a statement writes: a factor in an index, and all others."""
    name = "target" if isinstance(part, ast.AugAssign) else "targets"
    aim: ast.expr | None = (
        getattr(part, "target", None) or (getattr(part, "targets", None) or [None])[0]
    )
    if not isinstance(aim, ast.Subscript) or isinstance(aim.slice, ast.Constant):
        return [iter(()), iter(())]
    whole = [n for n in names if shapes[n] == ()]

    def moved(index: ast.expr, words: str) -> tuple[ast.stmt, str]:
        new: ast.Subscript = ast.Subscript(aim.value, index, aim.ctx)
        words = f"it is written to {written(aim)}, where {written(new)} belongs ({words})"
        return replaced(part, **{name: new if name == "target" else [new]}), words

    inside = names if within_it(aim.slice, ast.Compare) else whole
    looked_up = isinstance(aim.slice, ast.Subscript)  # a row by its label is no multiple of it
    multiples = iter(()) if looked_up else factors(aim.slice, whole)
    tried = multiples, chain(steps(aim.slice), slips(aim.slice, inside, shapes))
    return [((kind, *moved(index, words)) for kind, index, words in f) for f in tried]


def steps(index: ast.expr) -> Iterator[tuple[str, ast.expr, str]]:
    """The other side of a mask; an index one step on, or back."""
    yield from other_side(index)
    if not isinstance(index, ast.Slice | ast.Tuple):
        yield "order", shifted(index, ast.Sub()), "one step back"
        yield "order", shifted(index, ast.Add()), "one step on"


def cuts(part: Any, slices: Collection[ast.Slice]) -> Iterator[Change]:
    """``x[s:]`` for ``x[:n - s]``: a slice for another of the function's, or two exchanged."""
    mine: list[ast.Slice] = within_it(part, ast.Slice) if slices else []
    for x in mine:
        for other in slices:
            if written(other) != written(x):
                words = f"[{written(x)}] stands where [{written(other)}] belongs"
                yield "slice", changed(part, x, always(other)), words
    for a, b in combinations(mine, 2):
        if written(a) != written(b):
            new = changed(changed(part, a, always(copy(b))), b, always(a))
            yield "slice", new, f"[{written(a)}] and [{written(b)}] are exchanged"


def carried(part: Any, names: list[str], shapes: Mapping[str, Shape]) -> Iterator[Change]:
    """``dh = W.T @ dz`` for ``dh = (1 - z) * dh + W.T @ dz``: what a loop carries on is lost."""
    aim = written(part.targets[0]) if isinstance(part, ast.Assign) else ""
    if aim not in shapes or aim in map(written, ast.walk(part.value)):
        return
    for n, form in product(names, ("{}", "(1 - {})")):
        if shapes[n] in ((), shapes[aim]):
            term = f"{form.format(n)} * {aim}"
            new = replaced(part, value=binary(part.value, ast.Add(), name(term)))
            yield "dropped_path", new, f"the term + {term} is missing"


def gathered(part: Any) -> Iterator[Change]:
    """``=`` for ``+=`` and the like; a statement that is one too many."""
    if isinstance(part, ast.Expr):
        yield from at_the_other_end(part.value)
    one = isinstance(part, ast.Assign) and len(part.targets) == 1
    again = one and written(part.targets[0]) in [written(n) for n in ast.walk(part.value)]
    if one and not again and not isinstance(part.targets[0], ast.Tuple):
        new: Any = ast.AugAssign(part.targets[0], ast.Add(), part.value)
        yield "assigned", new, "it is assigned where it should be added up: write +="
    elif isinstance(part, ast.AugAssign):
        for op, sign in ((ast.Add(), "+="), (ast.Sub(), "-=")):
            if type(op) is not type(part.op) and isinstance(part.op, ast.Add | ast.Sub):
                words = f"what it adds has the wrong sign: write {sign}"
                yield "sign", replaced(part, op=op), words
        new = ast.Assign([part.target], part.value)
        yield "assigned", new, "it is added up where it should be assigned: write ="
        yield "extra_local_factor", None, "without this line"
    if again:
        yield "extra_local_factor", None, "without this line"


def taken_off(part: ast.stmt | None) -> Iterator[Change]:
    """``d[y] = 1`` for ``d[y] -= 1``."""
    if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Subscript):
        new = ast.AugAssign(part.targets[0], ast.Sub(), part.value)
        yield "assigned", new, "it is assigned where it should be subtracted: write -="


def in_place(
    part: ast.stmt | None, names: list[str], shapes: Mapping[str, Shape]
) -> Iterator[Change]:
    """``x[mask] = 0`` for ``x[mask] *= slope``, ``x[rows] += y`` where rows repeat."""
    aim = getattr(part, "target", None) or (getattr(part, "targets", None) or [None])[0]
    if not isinstance(aim, ast.Subscript) or isinstance(aim.slice, ast.Constant):
        return
    if isinstance(part, ast.AugAssign) and isinstance(part.op, ast.Add):
        if not any(isinstance(x, ast.Slice) for x in ast.walk(aim.slice)):
            yield at_each(aim, part.value)
    elif isinstance(part, ast.Assign):
        if not any(isinstance(x, ast.Slice) for x in ast.walk(aim.slice)):
            yield at_each(aim, part.value)
        scalars = [ast.parse(n, mode="eval").body for n in names if shapes[n] == ()]
        for value in (part.value, *scalars):
            new = ast.AugAssign(aim, ast.Mult(), value)
            words = f"it is assigned where it should be multiplied: write *= {written(value)}"
            yield "assigned", new, words


def at_each(aim: ast.Subscript, value: ast.expr) -> Change:
    add: ast.expr = ast.parse("np.add.at", mode="eval").body
    call = ast.Call(add, [aim.value, aim.slice, value], [])
    words = "is assigned, not added up: of rows that are met more than once only the last counts"
    return "assigned", ast.Expr(call), f"what {written(aim)} receives {words}"


def at_the_other_end(call: Any) -> Iterator[Change]:
    """``grads.insert(0, dW)`` for ``grads.append(dW)``, and the reverse."""
    ends = {"append": ("end", "insert", "beginning"), "insert": ("beginning", "append", "end")}
    here, method, there = ends.get(getattr(getattr(call, "func", None), "attr", ""), ("", "", ""))
    if method:
        args = [ast.Constant(0), *call.args] if method == "insert" else call.args[1:]
        new = ast.Call(ast.Attribute(call.func.value, method, ast.Load()), args, [])
        words = f"it is put at the {here} of {written(call.func.value)}, where the {there} belongs"
        yield "order", ast.Expr(new), words


def replaced(part: Any, **fields: Any) -> Any:
    """A copy of a statement with other parts."""
    return type(part)(**{**dict(ast.iter_fields(part)), **fields})


def target(claim: Claim, flows: Flows) -> Array:
    """What belongs there."""
    if claim.through is not None:
        return np.asarray(sum(flows.sent[e] for e in claim.through))
    return flows.total[claim.node]


def is_inexact(value: object) -> bool:
    """Whether it is a float or a complex number, or an array of such, or a mask."""
    if not exactly(value, np.ndarray, *NUMBERS):
        return False
    return np.asarray(value).dtype.kind in ("fbc" if type(value) is np.ndarray else "fc")


def blamed(claim: Claim, flows: Flows) -> int:
    """The line that makes a gradient wrong, of those that made it."""
    statements = list(dict.fromkeys(e.statement for e in claim.events))
    if len(statements) < 2:
        return claim.line
    truth = flows.total[claim.node]
    if np.shape(truth) != np.shape(claim.value):
        return statements[-1].first
    peak = float(np.max(np.abs(truth), initial=0.0))
    wrong = np.abs(claim.value - truth) > 1e-6 * np.abs(truth) + 1e-9 * peak
    best, fewest = statements[-1], np.size(wrong)
    for statement in statements:
        touched = np.zeros(np.shape(wrong), bool)
        for e in claim.events:
            same = np.shape(e.before) == np.shape(e.after) == np.shape(wrong)
            if e.statement is statement and not statement.fresh and same:
                touched = touched | (e.before != e.after)
        if 0 < np.sum(touched) < fewest and not np.any(wrong & ~touched):
            best, fewest = statement, int(np.sum(touched))
    return best.first


class Plainer(ast.NodeTransformer):
    """Products, quotients and slices without a 1 that changes nothing."""

    def visit_Slice(self, node: ast.Slice) -> ast.Slice:
        step = node.step if node.step and ast.unparse(node.step) != "1" else None
        return ast.Slice(node.lower, node.upper, step)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        node = ast.BinOp(self.visit(node.left), node.op, self.visit(node.right))
        left, right = (ast.unparse(x) == "1" for x in (node.left, node.right))
        if left and isinstance(node.op, ast.Mult):
            return node.right
        return node.left if right and isinstance(node.op, ast.Mult | ast.Div) else node


def as_written(new: ast.stmt | None) -> str:
    """A statement, or the header of one, where it is not too long to be told."""
    if isinstance(new, ast.For | ast.If | ast.While):
        new = replaced(new, body=[ast.Pass()], orelse=[])
    if new is None:
        return ""
    plain = Plainer().visit(ast.parse(ast.unparse(ast.fix_missing_locations(new))))
    text = ast.unparse(ast.fix_missing_locations(plain)).split("\n    pass")[0]
    value = expression_of(plain.body[0])
    if isinstance(new, ast.Assign | ast.Return) and isinstance(value, ast.Tuple):
        several = ast.unparse(value)
        text = text.removesuffix(several) + several[1:-1]
    return text if len(text) <= LONG else ""
