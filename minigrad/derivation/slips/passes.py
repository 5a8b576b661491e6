"""The same slip in each pass of a loop, or for each example: one line, executed many times."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import BLIND, cut, scaled, seen_as, substituted
from minigrad.derivation.search import Search
from minigrad.derivation.slips.functions import SLOPES, instead
from minigrad.derivation.slips.local import skip
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import Edge, Edit, shape_of
from minigrad.typing import Array

MANY = 400
"""Groups of up to so many passes are looked at."""
Way = tuple[Callable[[Edge], Edit], str]


def passes(s: Search) -> Iterator[list[Edge]]:
    """Edges through the same argument of the same operation, of the same shapes."""
    groups: dict[Hashable, list[Edge]] = {}
    for node, i in s.edges if s.q.layout != "jacobian" else ():  # whose entries have no loop
        key = node.op, i, shape_of(node.ans), shape_of(node.args[i])
        groups.setdefault(key, []).append((node, i))
    yield from (g for g in groups.values() if 1 < len(g) <= MANY)


def everywhere(s: Search, group: list[Edge], way: Callable[[Edge], Edit]) -> Array:
    return s.edited({edge: way(edge) for edge in group})


def count(group: list[Edge]) -> str:
    return "both times" if len(group) == 2 else f"in each of {len(group)} passes"


@slip("dropped_path", 49, "the path through {} is missing, {}")
def path_in_each(s: Search) -> Found:
    """One part forgotten in every pass."""
    for group in passes(s):
        yield everywhere(s, group, lambda edge: cut), s.describe(group[0][0]), count(group)


@slip("sign", 49, "the contribution of {} has the wrong sign, {}")
def sign_in_each(s: Search) -> Found:
    """One part subtracted in every pass."""
    for group in passes(s):
        way = lambda edge: scaled(-1.0)
        yield everywhere(s, group, way), s.describe(group[0][0]), count(group)


@slip("missing_local_factor", 49, "the local factor {} is missing, {}")
def missing_in_each(s: Search) -> Found:
    """One local factor left out in every pass."""
    for group in passes(s):
        if s.is_factor(group[0]):
            yield everywhere(s, group, lambda edge: skip), s.factor_name(group[0]), count(group)


@slip("transposed", 49, "{} is transposed, {}")
def turned_in_each(s: Search) -> Found:
    """A square matrix transposed, or not transposed where it should be, in every pass."""
    for group in passes(s):
        node, i = group[0]
        if node.op is ops.matmul and is_square(node.args[1 - i]):
            yield everywhere(s, group, turned), s.operand(node, 1 - i), count(group)


def is_square(value: Array) -> bool:
    shape = shape_of(value)
    return len(shape) > 1 and len(set(shape[-2:])) == 1


def turned(edge: Edge) -> Edit:
    node, i = edge
    return substituted(1 - i, np.swapaxes(node.args[1 - i], -1, -2))


@slip("wrong_derivative", 49, "{} stands where {} belongs, {}")
def slope_in_each(s: Search) -> Found:
    """The usual mistakes in the slope of a function, in every pass."""
    for group in passes(s):
        node = group[0][0]
        names = {"x": s.operand(node, 0), "a": s.short(node)}
        for wrong, right, slope in SLOPES.get(node.op, ()):
            way = lambda e, f=slope: instead(f(e[0].args[0], e[0].ans))
            words = wrong.format(**names), right.format(**names), count(group)
            yield everywhere(s, group, way), *words


@slip("wrong_node", 49, "it equals {} evaluated at {} where {} belongs, {}")
def at_input_in_each(s: Search) -> Found:
    """The slope of a function seen at its argument, or at what it was one pass before."""
    for group in passes(s):
        node, i = group[0]
        if len(node.args) != 1 or node.op in BLIND or not node.op or not node.op.elementwise:
            continue
        prime, place = s.factor_name((node, i)), s.short(node)
        way = lambda e: seen_as(e[0].args[0])
        yield everywhere(s, group, way), prime, s.operand(node, 0), place, count(group)
        order = sorted((n for n, _ in group), key=lambda n: n.seq)
        outs = [n.ans for n in order]
        for name, value in s.values():
            if shape_of(value) == shape_of(node.ans):
                for seen, when in (([value, *outs[:-1]], "before"), ([*outs[1:], value], "after")):
                    shown = {n: seen_as(x) for n, x in zip(order, seen, strict=True)}
                    found = s.edited({(n, k): shown[n] for n, k in group})
                    where = f"the value of the pass {when}, at the end {name},"
                    yield found, prime, where, place, count(group)
