r"""Formulas with subscripts as arrays: ``\sum_n X_{ni} (Y_{nj} - T_{nj})``.

The reader of formulas leaves ``AT_(X, n, i)`` and ``SUM_(..., n)``; here ``X`` gets the axes
that its letters ask for, and what is summed is summed over the axis of its letter.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minigrad.derivation.formulas.functions import Misfit, NoFormula

AT, SUM, DELTA = "AT_", "SUM_", "DELTA_"
ALONG, ACROSS, INNER = "ALONG_", "ACROSS_", "INNER_"
"""The entries of a row, of a transposed one, and those that a product sums over."""
BESIDE = "%"
"""A product without a sign, of which one part is a row: what it means, the kinds of parts say."""
ARRAY = r"(?:squeeze|eye)\(\w+\)|\w+(?:\[[:, ]*\d[:, \d]*\])?"
MATRIX = "MATRIX_"
"""What is put before the name of one while a formula is written out."""
MOST = 4
"""Of so many letters on the left, all orders are tried."""
Shape = Callable[["str | ast.expr"], "tuple[int, ...] | None"]
Whole = Callable[[str], "int | None"]


def has_indices(tree: ast.expr) -> bool:
    return any(isinstance(x, ast.Name) and x.id in (AT, SUM, DELTA) for x in ast.walk(tree))


def ways(
    tree: ast.expr, shape: Shape, left: Mapping[str, int | None], whole: Whole
) -> Iterator[ast.expr | NoFormula]:
    """The formula in arrays, in the ways to read its subscripts; and why others fail.

    A letter may be a number of the caller's (``U_o``), a row with one entry a number
    (``A_i`` of shape (1, m)), an example a column (``X_i`` of shape (n, m)), and a vector
    have the axis of the rows beside it (``x_i - μ``).

    Parameters
    ----------
    tree : expression with AT_, SUM_ and DELTA_
    shape : callable
        The shape of a variable.
    left : dict
        The letters of the quantity itself, where its name has some, and how far they run.
    whole : callable
        The whole number that a variable holds, else None.
    """
    seen: set[str] = set()
    summed = summed_in(tree)
    for spread, numbered, flattened in itertools.product((False, True), repeat=3):
        new = ast.parse(ast.unparse(tree), mode="eval").body
        for call in calls(new, AT):
            if numbered:
                _number(call, lambda c: None if c in summed or c in left else whole(c))
            if flattened:
                _flatten(call, shape)
        _turn(new, shape)
        new = ast.parse(ast.unparse(Rows(shape, spread).visit(new)), mode="eval").body
        if (text := ast.unparse(new)) in seen:
            continue
        seen.add(text)
        try:
            yield from orders(new, shape, left) if has_indices(new) else [new]
        except NoFormula as error:
            yield error


@dataclass
class Rows(ast.NodeTransformer):
    """Products of rows with matrices and with each other, as sums over their entries.

    Every part has places along which it has entries: a vector ALONG, a transposed one ACROSS,
    and a matrix both.
    """

    shape: Shape
    spread: bool
    """Whether vectors and matrices without subscripts have such entries as well."""
    made: int = 0

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not has_indices(node):
            return self.bare(node) if self.spread else node
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            visited = {AT: 0, DELTA: 0, SUM: 1}.get(name, len(node.args))
            node.args[:visited] = map(self.visit, node.args[:visited])
            return node
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return exchanged_places(self.visit(node.value))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult | ast.Mod):
            return self.product(node)
        return self.generic_visit(node)

    def bare(self, node: ast.expr) -> ast.expr:
        """A vector, or a matrix, without subscripts."""
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return exchanged_places(self.bare(node.value))
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
            return ast.BinOp(self.bare(node.left), node.op, self.bare(node.right))
        places = [ALONG, ACROSS][: len(self.shape(node) or ())]
        return called(AT, node, *places) if places else node

    def product(self, x: ast.BinOp) -> Any:
        if isinstance(x.op, ast.MatMult) and not places_of(x):
            return x
        a, b = (self.visit(p) if has_indices(p) else self.bare(p) for p in (x.left, x.right))
        first, second = places_of(a), places_of(b)
        lying = first == {ALONG} and second == {ALONG, ACROSS}  # x_n W
        dots = isinstance(x.op, ast.MatMult) and first == second == {ALONG}
        if not (lying or dots or (ACROSS in first and ALONG in second)):
            return ast.BinOp(a, ast.Mult(), b)
        self.made += 1
        inner = f"{INNER}{self.made}_"
        a, b = renamed(a, ALONG if lying or dots else ACROSS, inner), renamed(b, ALONG, inner)
        found = called(SUM, ast.BinOp(a, ast.Mult(), b), inner)
        return exchanged_places(found) if lying else found


def called(function: str, part: ast.expr, *places: str) -> ast.Call:
    return ast.Call(ast.Name(function), [part, *map(ast.Name, places)], [])


def places_of(part: ast.expr) -> set[str]:
    """Along which places a part has entries."""
    return {x.id for x in ast.walk(part) if isinstance(x, ast.Name)} & {ALONG, ACROSS}


def renamed(part: ast.expr, *names: str) -> ast.expr:
    """A copy with the first name instead of the second, and further pairs."""
    new = dict(zip(names[::2], names[1::2], strict=True))
    text = re.sub("|".join(new), lambda m: new[m[0]], ast.unparse(part))
    return ast.parse(text, mode="eval").body


def exchanged_places(part: ast.expr) -> ast.expr:
    """A part transposed."""
    return renamed(part, ALONG, ACROSS, ACROSS, ALONG)


def _number(call: ast.Call, whole: Whole) -> None:
    for k, place in enumerate(call.args[1:], 1):
        if isinstance(place, ast.Name) and (n := whole(place.id)) is not None:
            call.args[k] = ast.Constant(n)


def _flatten(call: ast.Call, shape: Shape) -> None:
    name, places = ast.unparse(call.args[0]), subscripts(call)
    lengths = shape(name)
    if places[1:] == [ALONG] and lengths is not None and 1 in lengths:
        call.args = [ast.parse(f"squeeze({name})", mode="eval").body, call.args[1]]


def _turn(tree: ast.expr, shape: Shape) -> None:
    """Exchange the axes of rows that are columns, as the lengths of other arrays say."""
    rows = [call for call in calls(tree, AT) if subscripts(call)[1:] == [ALONG]]
    others = {
        c: n for call in calls(tree, AT) if call not in rows
        for c, n in zip(subscripts(call), shape(ast.unparse(call.args[0])) or (), strict=False)
    }  # fmt: skip
    for call in rows:
        lengths = shape(ast.unparse(call.args[0])) or ()
        n = others.get(subscripts(call)[0])
        if n is not None and len(lengths) == 2 and lengths[0] != n == lengths[1]:
            call.args[1:] = call.args[:0:-1]


def orders(tree: ast.expr, shape: Shape, left: Mapping[str, int | None]) -> Iterator[ast.expr]:
    """The formula in arrays, for the orders that the axes of the answer may have.

    Raises
    ------
    NoFormula
        Where subscripts and axes do not fit.
    """
    letters, summed = letters_of(tree), summed_in(tree)
    free = [c for c in letters if c not in summed]
    lengths = lengths_of(tree, shape)
    _fit(left, lengths)
    first = [c for c in left if c in free]
    given = first if len(first) == len(free) else free
    for order in [given, *itertools.permutations(sorted(free))][: 25 if len(free) <= MOST else 1]:
        if given is first and exchanged(order, first, lengths):
            continue
        if {ALONG, ACROSS} <= {*order} and order.index(ALONG) > order.index(ACROSS):
            continue
        axes = [*order, *(c for c in letters if c in summed)]
        new = Arrays(axes, lengths, shape).visit(ast.parse(ast.unparse(tree), mode="eval").body)
        ending = ", ".join([":"] * len(order) + ["0"] * (len(axes) - len(order)))
        text = ast.unparse(new)
        whole = f"({text})[{ending}]" if len(axes) > len(order) else text
        found = ast.parse(whole, mode="eval").body
        found.axes = axes  # type: ignore[attr-defined]
        yield found


def _fit(left: Mapping[str, int | None], lengths: Mapping[str, int]) -> None:
    """Refuse letters that run otherwise in the formula than in what it is of."""
    off = [c for c, n in left.items() if n is not None and lengths.get(c, n) not in (1, n)]
    if not off:
        return
    swapped = len(off) == 2 and lengths[off[0]] == left[off[1]] and lengths[off[1]] == left[off[0]]
    hint = f"; {off[0]} and {off[1]} are exchanged" if swapped else ""
    c = off[0]
    raise Misfit(f"{c} runs over {left[c]} entries on the left and over {lengths[c]} here{hint}")


def exchanged(order: Sequence[str], left: Sequence[str], lengths: dict[str, int]) -> bool:
    """Whether letters stand otherwise than on the left, and how far they run does not tell."""
    pairs = itertools.combinations(left, 2)
    alike = [(a, b) for a, b in pairs if lengths.get(a) == lengths.get(b)]
    return any(order.index(a) > order.index(b) for a, b in alike)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for x in ast.walk(tree):
        if isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id in names:
            yield x


def subscripts(call: ast.Call) -> list[str]:
    """The letters and numbers that are the subscripts of ``AT_`` and ``DELTA_``."""
    start = 1 if isinstance(call.func, ast.Name) and call.func.id == AT else 0
    return [ast.unparse(a) for a in call.args[start:]]


def letters_of(tree: ast.expr) -> list[str]:
    found = [c for call in calls(tree, AT, DELTA) for c in subscripts(call)]
    return list(dict.fromkeys(c for c in found if not c.isdigit()))


def summed_in(tree: ast.expr) -> set[str]:
    return {ast.unparse(a) for call in calls(tree, SUM) for a in call.args[1:]}


def lengths_of(tree: ast.expr, shape: Shape) -> dict[str, int]:
    """How many values each letter takes, as the arrays say that have it."""
    found: dict[str, int] = {}
    for call in calls(tree, AT):
        name, places = ast.unparse(call.args[0]), subscripts(call)
        lengths = shape(name)
        if lengths is None or len(lengths) != len(places):
            raise Misfit(f"{name} has shape {lengths}, and {len(places)} subscripts")
        for c, n in zip(places, lengths, strict=True):
            if not c.isdigit() and found.setdefault(c, n) != n and 1 not in (n, found[c]):
                raise Misfit(f"{c} runs over {found[c]} entries and, in {name}, over {n}")
    return found


@dataclass
class Arrays(ast.NodeTransformer):
    """Every array with one axis for each letter of the formula."""

    axes: list[str]
    lengths: dict[str, int]
    shape: Shape

    def visit_Call(self, call: ast.Call) -> ast.AST:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name == AT:
            return self.placed(ast.unparse(call.args[0]), subscripts(call))
        if name == DELTA:
            lengths = [self.lengths.get(c) for c in subscripts(call)]
            n = next((n for n in lengths if n), None)
            if n is None:
                raise NoFormula(f"how many entries do {' and '.join(subscripts(call))} run over?")
            return self.placed(f"eye({n})", subscripts(call))
        self.generic_visit(call)
        if name != SUM:
            return call
        text = ast.unparse(call.args[0])
        used = [ast.unparse(a) for a in call.args[1:]]
        axes = [self.axes.index(c) for c in used if c in self.axes]
        if not axes:  # an index that nothing has: the sum of all there is
            return ast.parse(f"sum({text})", mode="eval").body
        for axis in axes:
            text = f"sum({text}, axis={axis}, keepdims=True)"
        return ast.parse(text, mode="eval").body

    def placed(self, name: str, places: list[str]) -> ast.AST:
        """An array with its axes where its letters stand: ``X[:, None, :]``."""
        wanted = [self.axes.index(c) for c in places if not c.isdigit()]
        if len(set(wanted)) < len(wanted):
            raise NoFormula(f"{name}: a letter stands twice among its subscripts")
        if any(c.isdigit() for c in places):
            name += f"[{', '.join(c if c.isdigit() else ':' for c in places)}]"
        if wanted != sorted(wanted):
            name = f"({name}).T"
            if len(wanted) > 2 or wanted[::-1] != sorted(wanted):
                raise NoFormula(f"{name}: its subscripts stand in an order that is not understood")
        kept = [":" if k in wanted else "None" for k in range(len(self.axes))]
        return ast.parse(f"({name})[{', '.join(kept)}]" if kept else name, mode="eval").body


def as_written(text: str, axes: Sequence[str]) -> str:
    """``X[:, :, None]`` as ``X_ni`` again, sums over axes as ``sum_n``, and products of rows."""

    def letters(match: re.Match[str]) -> str:
        places = match[3].split(", ")
        found = [c for c, p in zip(axes, places, strict=False) if p == ":"]
        if len(places) != len(axes):
            return match[0]
        letters = "".join(c for c in (found[::-1] if match[2] else found) if len(c) == 1)
        whole = not letters and len(found) == 2
        name = (
            "δ" if match[1].startswith("eye(") else re.sub(r"^squeeze\((\w+)\)$", r"\1", match[1])
        )
        return f"{MATRIX * whole}{name}{'_' * bool(letters)}{letters}{(match[2] or '') * whole}"

    text = re.sub(rf"({ARRAY})(\.T)?\[((?::|None)(?:, (?::|None))*)\]", letters, text)
    text = re.sub(r"\[(?:(?::|0)(?:, )?)+\]$", "", text)
    while (end := re.search(r", axis=(\d+), keepdims=True\)", text)) is not None:
        depth, start = 1, end.start()
        while depth and start:
            start -= 1
            depth += (text[start] == ")") - (text[start] == "(")
        letter, inside = axes[int(end[1])], text[start : end.start()]
        if len(letter) == 1:
            text = f"{text[:start]}_{letter}{inside}){text[end.end() :]}"
        else:
            before, after = text[: start - len("sum")], text[end.end() :]
            product = product_of(inside[1:])
            alone = before.endswith("(") and after.startswith((")", ", axis="))
            text = f"{before}{product if alone else f'({product})'}{after}"
    text = text.replace(MATRIX, "")
    outer = re.match(r"^(.*: write )\((.*)\)$", text)
    return f"{outer[1]}{outer[2]}" if outer and balanced(outer[2]) else text


def product_of(entries: str) -> str:
    """``A @ x`` of ``A * x``, which was summed over what both have."""
    found = ast.parse(entries, mode="eval").body
    if not isinstance(found, ast.BinOp):
        return entries
    right = found.right
    if isinstance(right, ast.Name) and right.id.startswith(MATRIX):
        found.right = ast.Attribute(right, "T")
    elif isinstance(right, ast.Attribute) and ast.unparse(right.value).startswith(MATRIX):
        found.right = right.value
    return ast.unparse(ast.BinOp(found.left, ast.MatMult(), found.right))


def balanced(text: str) -> bool:
    """Whether every bracket in ``text`` closes one in it."""
    depth = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return False
    return depth == 0
