"""Parts of a sum: forgotten, of the wrong sign, or counted the wrong number of times.

What is given is often Σ cᵢ · (contribution of part i), where every cᵢ should be 1.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from minigrad.derivation.edits import cut
from minigrad.derivation.factors import multiple, number
from minigrad.derivation.search import Search, Segment
from minigrad.derivation.slips.local import skip
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import size_of
from minigrad.graph import AnyNode
from minigrad.typing import Array

FEW = 6
"""Of so many paths, any several may be forgotten."""


def named(s: Search, segment: Segment) -> str:
    return s.through(segment.below, segment.edges[0][0], segment.chain)


def changed(s: Search, part: Array, c: float) -> Array:
    return s.base.value + (c - 1) * part


@slip("dropped_path", 10, "the path {} is missing")
def one_path(s: Search) -> Found:
    """One part forgotten: c = 0."""
    for segment, part in s.parts:
        yield changed(s, part, 0.0), named(s, segment)


@slip("dropped_path", 11, "the paths {} are missing")
def several_paths(s: Search) -> Found:
    """Several of few paths forgotten."""
    routes = contributions(s)
    for k in range(2, len(routes)):
        for lost in combinations(range(len(routes)), k):
            value = sum(part for i, (part, _) in enumerate(routes) if i not in lost)
            yield value, " and ".join(routes[i][1] for i in lost)


@slip("dropped_path", 46, "the path {} is missing")
def one_route(s: Search) -> Found:
    """One of few routes forgotten, which shares all of its edges with others."""
    for part, name in contributions(s):
        yield s.base.value - part, name


def contributions(s: Search) -> list[tuple[Array, str]]:
    """What each of few paths contributes, and its name."""
    paths = s.q.part.paths(s.base.stop) if not s.base.changes.jumps else []
    paths = [p for p in paths if not any(e in s.silent for e in p)]
    if not 2 < len(paths) <= FEW:
        return []
    found = []
    for k, path in enumerate(paths):
        part = s.edited({e: cut for e in s.edges if e not in path}, sifted=False)
        if part is None:
            return []
        found.append((part, s.route(paths, k)))
    return found


@slip("sign", 12, "the contribution of the path {} has the wrong sign")
def sign_of_a_path(s: Search) -> Found:
    """One part subtracted: c = -1."""
    for segment, part in s.parts:
        yield changed(s, part, -1.0), named(s, segment)


@slip("transposed", 23, "the part {} is transposed")
def transposed_part(s: Search) -> Found:
    """One part of a sum transposed: (A B)ᵀ + 2X for A B + 2X."""
    for segment, part in s.parts:
        if part.ndim > 1 and part.shape[-1] == part.shape[-2]:
            yield s.base.value - part + np.swapaxes(part, -1, -2), named(s, segment)


@slip("missing_local_factor", 30, "in the part {} the factor {} is missing")
def number_missing_in_a_part(s: Search) -> Found:
    """A number that the part is computed with: the exponent k in k u^(k-1)."""
    for segment, part in s.parts:
        for node in segment.chain:
            for j, arg in enumerate(node.args):
                if type(arg) is not tuple and size_of(arg) == 1 and is_named(s, node, j):
                    k = float(np.sum(arg))
                    if k not in (0.0, 1.0):
                        yield changed(s, part, 1 / k), named(s, segment), s.operand(node, j)


def is_named(s: Search, node: AnyNode, j: int) -> bool:
    parent = node.parents[j]
    return s.names.constant(node, j) is not None if parent is None else s.names.known(parent)


@slip("factor", 30, "the part {} is {} what it should be{}")
def amount_of_a_part(s: Search) -> Found:
    """One part halved, doubled, divided by the number of examples; likely numbers first."""
    gap = s.q.hand - s.base.value if s.q.fits else None
    fits = [fitted(gap, p) if gap is not None else None for _, p in s.parts]
    for c, kind in s.amounts:
        for (segment, part), best in zip(s.parts, fits, strict=True):
            near = best is None or abs(best - c) < 0.02 * max(1.0, abs(c))
            if kind == "factor" and near:
                yield changed(s, part, c), named(s, segment), amount(c), what_is_off(c)


@slip("factor", 47, "the part {} is {:.4g} times what it should be{}")
def any_amount_of_a_part(s: Search) -> Found:
    """One part off by any number, which several entries must agree on."""
    if not s.q.fits or s.q.hand.size < 3 or np.any(s.q.unit):
        return
    gap = s.q.hand - s.base.value
    for segment, part in s.parts:
        c = fitted(gap, part)
        if c is not None and np.linalg.matrix_rank(np.stack([part.ravel(), gap.ravel()]), 1e-6) < 2:
            yield changed(s, part, c), named(s, segment), c, sum_forgotten(s, segment, c)


def sum_forgotten(s: Search, segment: Segment, c: float) -> str:
    """``: the sum that arrives at m was taken for 1``, where that is the number."""
    for node in segment.chain:
        g = s.gradients.get(node)
        if g is not None and np.size(g) == 1 and abs(abs(c * float(np.sum(g))) - 1) < 1e-6:
            total = float(np.sum(g))
            place = s.describe(node)
            return f": the sum that arrives at {place}, {total:.4g}, was taken for {c * total:g}"
    return ""


@slip("factor", 48, "{}")
def two_amounts(s: Search) -> Found:
    """Two parts of one sum, each off by a number."""
    if not s.q.fits or s.q.hand.size < 3:
        return
    groups: dict[AnyNode, list[tuple[Segment, Array]]] = {}
    for segment, part in s.parts:
        groups.setdefault(segment.below, []).append((segment, part))
    sums = [group for group in groups.values() if 1 < len(group) <= 4]
    for group in sums:
        for a, b in combinations(group, 2):
            rows = np.stack([a[1].ravel(), b[1].ravel()], -1)
            gap = (s.q.hand - s.base.value).ravel()
            c, *_ = np.linalg.lstsq(rows, gap, rcond=None)
            c = c + 1
            known = [k for k, _ in s.amounts] if gap.size > 3 else [0.0, -1.0, 2.0, 1.0]
            near = [min(known, key=lambda k: abs(k - x)) for x in c]
            if np.all(np.abs(np.array(near) - c) < 0.02 * np.maximum(1.0, np.abs(near))):
                value = s.base.value + (near[0] - 1) * a[1] + (near[1] - 1) * b[1]
                yield value, two_words(named(s, a[0]), near[0], named(s, b[0]), near[1])


@slip("extra_local_factor", 44, "in the part {} a factor {} too many")
def extra_in_a_part(s: Search) -> Found:
    """A value or a slope that multiplies one part alone."""
    values = [(n, np.asarray(v)) for n, v in s.named_values()] + list(s.factors())
    for segment, part in s.parts:
        for name, d in values:
            if d.shape in ((), part.shape):
                yield s.base.value + part * (d - 1), named(s, segment), name


@slip("missing_local_factor", 48, "in the part {} the local factor {} is missing")
def missing_in_a_part(s: Search) -> Found:
    """A local factor left out of one part alone: ``dout`` for ``ds`` on the way around a block."""
    factors = [e for e in s.edges if s.is_factor(e)][:40] if s.ample else []
    for segment, part in s.parts[:12]:
        rest = dict.fromkeys(segment.edges, cut)
        for edge in factors:
            whole = s.edited({edge: skip}, sifted=False)
            left = s.edited({edge: skip, **rest}, sifted=False) if whole is not None else None
            if left is not None:
                value = s.base.value - part + (whole - left)
                yield value, named(s, segment), s.factor_name(edge)


def two_words(a: str, ca: float, b: str, cb: float) -> str:
    if cb == 0:
        (a, ca), (b, cb) = (b, cb), (a, ca)
    if ca == 0 and cb == 2:
        return f"the part {b} is taken twice; the other half, the part {a}, is missing"
    words = {0.0: "is missing", -1.0: "has the wrong sign"}
    said = [words.get(c, f"is {amount(c)} what it should be") for c in (ca, cb)]
    return f"the part {a} {said[0]}, and the part {b} {said[1]}"


def fitted(gap: Array, part: Array) -> float | None:
    """The number of times that ``part`` was counted, by least squares."""
    c = multiple(gap, part)
    return None if c is None else 1 + c


def amount(c: float) -> str:
    """``½ of``, ``3 times``."""
    return f"{number(c)} {'of' if 0 < c < 1 else 'times'}"


def what_is_off(c: float) -> str:
    """``: a factor 2 is missing``."""
    if 0 < c < 1 and abs(1 / c - round(1 / c)) < 1e-9:
        return f": the factor {1 / c:.0f} is missing, or it was divided by {1 / c:.0f}"
    return f": a factor {c:g} too many" if c > 1 else ""
