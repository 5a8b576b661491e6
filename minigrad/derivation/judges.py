"""What a quantity is, by three judges: the hand, autodiff, and finite differences.

Autodiff judges twice: exactly, and given what the student had derived before, so that
an error carried forward is not counted again.  Finite differences replay the recorded
graph with one value moved; they owe nothing to the rules of the ops.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minigrad.derivation.quantities import Quantity
from minigrad.derivation.walk import NOTHING, Changes, Edge, Edit, Part, RuleCall, size_of
from minigrad.differences import extrapolate
from minigrad.graph import AnyNode, fit
from minigrad.ops.shape import unbroadcast
from minigrad.typing import Array

NO_GRADIENTS: Mapping[AnyNode, Array] = {}
ENTRIES = 64
WORK = 12_000
"""Up to so many entries, costing so many elements, are differenced one by one."""
COARSE = 3, 1e-3
"""Number of steps, and the largest, where each is expensive."""


@dataclass(frozen=True)
class Error:
    """The worst entry: how far the hand value is off, and where."""

    absolute: float
    relative: float
    index: tuple[int, ...]


# --- by autodiff -----------------------------------------------------------------------


def seeds(q: Quantity) -> list[Array]:
    """What starts at ``u``: one for each row of the answer."""
    shape = q.graph.shape(q.u)
    if q.layout != "jacobian":
        return [np.ones(shape)[()]]
    paired = {i for i, _ in q.pairs}
    free = [1 if i in paired else n for i, n in enumerate(shape)]
    size = int(np.prod(free))
    return [np.broadcast_to(np.eye(1, size, k).reshape(free), shape)[()] for k in range(size)]


def evaluate(q: Quantity, changes: Changes = NOTHING, part: Part | None = None) -> Array:
    """The derivative in the layout of ``q``, with ``changes`` on the way through ``part``."""
    if q.layout == "factor":
        node, i = q.edge  # type: ignore[misc]
        other = node.parents[1 - i]
        held = changes.values.get(other) if other is not None else None
        return np.asarray(node.args[1 - i] if held is None else held, float)
    part = part or q.part
    rows = [part.flow(seed, changes, q.layout != "local") for seed in seeds(q)]
    if q.layout == "jacobian":
        found = blocks(q, [np.asarray(row, float) for row in rows])
    else:
        found = np.asarray(rows[0], float)
        found = np.broadcast_to(found, q.whole_shape) if q.layout == "local" else found
    return found if q.index is None else np.asarray(found[q.index], float)


def blocks(q: Quantity, rows: list[Array]) -> Array:
    """Rows, one for each entry of the unpaired axes of ``u``, as ``u.shape`` and the rest."""
    u, v = q.graph.shape(q.u), q.graph.shape(q.v)
    paired = {i for i, _ in q.pairs}
    free = [i for i in range(len(u)) if i not in paired]
    moved = [np.moveaxis(r, [j for _, j in q.pairs], range(len(q.pairs))) for r in rows]
    rest = [n for j, n in enumerate(v) if j not in {j for _, j in q.pairs}]
    stacked = np.stack(moved).reshape(*(u[i] for i in free), *(u[i] for i, _ in q.pairs), *rest)
    order = [*free, *(i for i, _ in q.pairs)]
    back = [order.index(i) for i in range(len(u))]
    return stacked.transpose(*back, *range(len(u), len(u) + len(rest)))


def pull(q: Quantity, g: Array, hand: Array) -> Array:
    """The gradient of ``v`` from that of ``u``, were ``hand`` the derivative between them."""
    shape = q.graph.shape(q.v)
    if q.layout == "jacobian":
        return contracted(q, g, hand)
    if q.layout == "factor":
        node, i = q.edge  # type: ignore[misc]
        op: Any = node.op
        args = [hand[()] if k == 1 - i else a for k, a in enumerate(node.args)]
        c = fit(RuleCall(node, i, node.ans, node.args)(g, args=args), node.args[i], op, i)
        return q.graph.between(node.parents[i], q.v).flow(c)  # type: ignore[arg-type]
    if q.layout == "gradient":
        return np.sum(g) * hand
    c = g * hand
    return c if np.shape(c) == shape else unbroadcast(np.asarray(c), shape)


def contracted(q: Quantity, g: Array, hand: Array) -> Array:
    """The sum of ``g`` times ``hand`` over the axes of ``u`` that are not paired."""
    u, v, both = numbered(q)
    return np.einsum(g, u, hand, both, v) if q.pairs else np.tensordot(g, hand, axes=len(u))


def numbered(q: Quantity) -> tuple[list[int], list[int], list[int]]:
    """Numbers for the axes of ``u``, of ``v``, and of the derivative; paired ones have one."""
    u = [*range(len(q.graph.shape(q.u)))]
    v = [len(u) + j for j in range(len(q.graph.shape(q.v)))]
    for i, j in q.pairs:
        v[j] = i
    return u, v, [*u, *(a for a in v if a >= len(u))]


# --- by finite differences ---------------------------------------------------------------


@dataclass
class Numeric:
    """Finite differences of a quantity.

    Attributes
    ----------
    value : array
        In the layout of the quantity, or multiplied by ``direction``.
    error : array
        Its uncertainty, infinite at kinks.
    direction : array or None
        Where the quantity is too large to be differenced entry by entry.
    """

    value: Array
    error: Array
    direction: Array | None = None


def numeric(q: Quantity, exact: Array, known: Mapping[AnyNode, Array] = NO_GRADIENTS) -> Numeric:
    """The derivative by central differences of the replayed graph.

    They are extrapolated, except where a single one of a large array agrees with ``exact``.
    Where gradients of nodes further up are ``known``, the graph is replayed up to these.
    """
    graph = q.graph
    x = np.asarray(graph.values[q.v], float)
    if q.u is q.v or not q.connected or q.layout == "factor" or not x.size:
        value = evaluate(q)
        return Numeric(value, np.zeros(value.shape))

    near = graph.until(q.u, q.v, known) if known and q.layout == "gradient" else q.part
    ends = [n for n in near.inside if n in known]

    def f(moved: Array) -> Array:
        if not ends:
            return np.asarray(near.moved(moved[()]), float)
        new: dict[AnyNode, Array] = {q.v: moved[()]}
        for node in near.forward:  # what is known further up is held where it is used again
            args = list(node.args)
            for i in near.inside[node]:
                args[i] = new[node.parents[i]]  # type: ignore[index]
            new[node] = node.op.forward(*args, **node.kwargs)  # type: ignore[union-attr]
        rest = np.sum(new[q.u]) if q.u in new else 0.0
        return np.asarray(rest + sum(np.sum(known[n] * new[n]) for n in ends), float)

    here = f(x) if ends else np.asarray(graph.values[q.u], float)
    work = sum(size_of(node.ans) + 20 for node in near.inside)
    if q.layout in ("diagonal", "local"):
        together = np.ones(x.shape)  # moving all elements at once moves each by its own
        if work <= WORK and x.size <= ENTRIES:
            return Numeric(*slope(f, x, together, here))
        weights = signs(here.shape)
        total = lambda moved: np.sum(weights * f(moved))
        expected = np.sum(weights * exact)
        return Numeric(*along(total, x, together, np.sum(weights * here), expected), weights)
    paired = {j for _, j in q.pairs}
    free = [1 if j in paired else n for j, n in enumerate(x.shape)]
    size = int(np.prod(free))
    if q.index is not None or (size <= ENTRIES and size * work <= WORK):
        columns = []
        wanted = range(size) if q.index is None else entries_of(q, size, here.size)
        for k in wanted:
            unit = np.broadcast_to(np.eye(1, size, k).reshape(free), x.shape)
            if work <= WORK // 8 or q.index is not None:
                columns.append(slope(f, x, unit, here))
            else:
                entry = exact.reshape(*here.shape, size)[..., k]
                columns.append(along(f, x, unit, here, entry))
        value, error = (np.stack([c[i] for c in columns], -1) for i in (0, 1))
        if q.index is not None:
            return Numeric(*(picked_entries(q, c, wanted, size) for c in (value, error)))
        return Numeric(value.reshape(q.expected), error.reshape(q.expected))
    direction = signs(x.shape)
    if mirrored(x, exact):
        direction = np.triu(direction) + np.triu(direction, 1).T
    value, error = along(f, x, direction, here, projected(q, exact, direction))
    if q.layout == "gradient":
        value, error = value.sum(), error.max()
    return Numeric(value, error, direction)


def entries_of(q: Quantity, size: int, rows: int) -> list[int]:
    """The columns of the Jacobian that ``q.index`` asks for."""
    whole = np.arange(int(np.prod(q.whole_shape))).reshape(q.whole_shape)
    return sorted({int(k) % size for k in np.ravel(whole[q.index])})


def picked_entries(q: Quantity, columns: Array, wanted: Sequence[int], size: int) -> Array:
    whole = np.zeros((columns.size // len(wanted), size))
    whole[:, list(wanted)] = columns.reshape(-1, len(wanted))
    return np.asarray(whole.reshape(q.whole_shape)[q.index])


@functools.lru_cache(maxsize=64)
def signs(shape: tuple[int, ...], seed: int = 0) -> Array:
    """A random direction: entries of ±1."""
    found = np.random.default_rng(seed).choice([-1.0, 1.0], shape)
    if shape:
        found.flags.writeable = False
    return found


def projected(q: Quantity, exact: Array, d: Array) -> Array:
    """``exact`` times a direction."""
    if q.layout != "jacobian":
        return np.sum(exact * d)
    u, v, both = numbered(q)
    return np.einsum(exact, both, d, v, u) if q.pairs else np.tensordot(exact, d, d.ndim)


def along(
    f: Callable[[Array], Array], x: Array, d: Array, here: Array, expected: Array
) -> tuple[Array, Array]:
    """As `slope`, by one central difference where it agrees with what is expected."""
    h = 1e-4 * max(0.1, float(np.max(np.abs(x))))
    single = (f(x + h * d) - f(x - h * d)) / (2 * h)
    gap = np.abs(single - expected)
    if np.all(gap <= 1e-6 * np.max(np.abs(single))):
        return single, gap
    return slope(f, x, d, here, *COARSE)


def slope(
    f: Callable[[Array], Array], x: Array, d: Array, here: Array, rungs: int = 5, top: float = 4e-3
) -> tuple[Array, Array]:
    """Derivative of ``f(x + t d)`` at 0 and its error; infinite at a kink."""
    reach = top * max(0.1, float(np.max(np.abs(x if d.all() else x[d != 0]), initial=0.0)))
    steps = [reach / 4.0**k for k in range(rungs)]
    # From here on one row per step, one column per element of the answer.
    ups, downs = (np.array([np.ravel(f(x + s * h * d)) for h in steps]) for s in (1.0, -1.0))
    flat, column = np.ravel(here), np.array(steps)[:, None]
    bends = np.abs(ups + downs - 2 * flat)[-2:] / column[-2:]
    found = []
    for up, down, y in zip(ups.T.tolist(), downs.T.tolist(), flat.tolist(), strict=True):
        ladder = [(h, low, y, high) for h, low, high in zip(steps, down, up, strict=True)]
        found.append(extrapolate(ladder, 2.3e-16, abs(y)))
    best, error = np.array(found).T.reshape(2, *np.shape(here))
    bends = bends.reshape(2, *np.shape(here))
    noise = 1e-15 * np.abs(here) / steps[-1]
    kink = (bends[1] > 0.5 * bends[0]) & (bends[1] > 1e-4 * np.abs(best) + noise)
    return best, np.where(kink, np.inf, error)


def disagree(q: Quantity, exact: Array, found: Numeric) -> bool:
    """Whether autodiff is outside the uncertainty of the finite differences.

    Of a symmetric matrix, some functions read one triangle alone, which differences notice.
    """
    value = found.value
    if found.direction is not None:
        exact = projected(q, exact, found.direction)
    elif all(x.ndim == 2 and np.array_equal(x, x.T) for x in (exact, q.graph.values[q.v])):
        exact, value = exact + exact.T, value + value.T
    sure = np.isfinite(found.error) & np.isfinite(value) & np.isfinite(exact)
    peak = np.max(np.abs(np.where(sure, value, 0.0)), initial=0.0)
    gap = np.abs(np.where(sure, exact - value, 0.0))
    return bool(np.any(gap > 1e-4 * peak + 50 * np.where(sure, found.error, 0.0) + 1e-10))


def mirrored(x: Array, exact: Array) -> bool:
    """Whether a matrix equals its transpose, and its gradient does."""
    return all(
        a.ndim == 2 and a.shape[0] == a.shape[1] and np.allclose(a, a.T, 1e-8, 1e-12)
        for a in map(np.asarray, (x, exact))
    )


def folded(q: Quantity, exact: Array, found: Numeric) -> tuple[Array, Numeric]:
    """Both gradients of a symmetric matrix, of what two entries get together.

    Cholesky reads one triangle, for both.
    """
    if found.direction is not None or not mirrored(q.graph.values[q.v], exact):
        return exact, found
    return 2 * exact, Numeric(found.value + found.value.T, found.error + found.error.T)


# --- kinks -----------------------------------------------------------------------------


def at_kink(node: AnyNode) -> Array | None:
    """Where the inputs of ``node`` are exactly at its kink; None where they are not."""
    if node.op is None or node.op.kink is None:
        return None
    mask = node.op.kink.at(*node.args, **node.kwargs)
    return mask if np.any(mask) else None


def at_slope(mask: Array, k: float) -> Edit:
    def edit(g: Array, call: RuleCall) -> Array:
        return np.where(mask, k * g, call(g))

    return edit


def conventions(q: Quantity, changes: Changes) -> tuple[Array, Array] | None:
    """The smallest and the largest answer that a choice of slope at kinks allows."""
    sides: list[dict[Edge, Edit]] = [{}, {}]
    for node, inside in q.part.inside.items():
        mask = at_kink(node)
        if mask is not None:
            slopes = node.op.kink.slopes(*node.args, **node.kwargs)  # type: ignore[union-attr]
            for i in inside:
                for side, k in zip(sides, slopes[i] or (), strict=False):
                    side[node, i] = at_slope(mask, k)
    if not sides[0]:
        return None
    low, high = (evaluate(q, replace(changes, edits=side)) for side in sides)
    return np.minimum(low, high), np.maximum(low, high)


# --- given what was derived before -------------------------------------------------------


@dataclass
class Base:
    """What a quantity would be, given some of the student's own earlier values.

    Attributes
    ----------
    changes : Changes
        How these values enter the walk.
    used : list of Quantity
        Whose hand values they are; none for the exact truth.
    value : array
    blur : array
        How far the rounding of the values used may have moved it.
    """

    changes: Changes
    used: list[Quantity]
    value: Array
    blur: Array = 0.0
    stop: set[AnyNode] = field(default_factory=set)


def bases(
    q: Quantity,
    given: Sequence[Quantity],
    off: Sequence[Quantity],
    values: dict[AnyNode, Array],
    value_rows: Sequence[Quantity],
) -> Iterator[Base]:
    """The truth given the student's own values, the likeliest way to have used them first.

    Parameters
    ----------
    given, off : list of Quantity
        All derivatives judged so far, and those of them that were not simply right.
    values : dict
        Values of nodes as the student's own forward pass has them, where they differ.
    """
    inside = q.part.inside
    usable = [p for p in given if p is not q and p.usable]
    totals = [p for p in usable if p.u is q.u and p.v in inside and p.v is not q.v]
    links = [
        p
        for p in usable
        if p.u in inside and p.u is not q.u and (p.v in inside or p.v is q.v)
    ]  # fmt: skip
    links = [p for p in links if p in off and not _bridges(p, links)]
    wrong = [p for p in totals if p in off]
    choices: list[tuple[list[Quantity], list[Quantity]]] = []
    if wrong or links:
        choices += [(totals, links), (totals, []), ([], links), (wrong, links)]
        choices += [([p], []) for p in wrong] + [([p], links) for p in wrong if links]
        choices += [([], [p]) for p in links]
    choices = [(t, k) for t, k in choices if any(p in off for p in (*t, *k))]
    seen: list[Array] = []
    for chosen_values in [values, {}] if values else [{}]:
        for t, k in [*choices, ([], [])]:
            if not (t or k or chosen_values):
                continue
            changes = combine(q, t, k, chosen_values)
            value = evaluate(q, changes)
            if any(np.array_equal(value, old) for old in seen):
                continue
            seen.append(value)
            used = [p for p in (*t, *k) if p in off]
            used += [p for p in value_rows if chosen_values]
            base = Base(changes, used, value, stop={p.v for p in t})
            base.blur = blur(q, t, k, chosen_values, value)
            yield base


def nearest(q: Quantity, given: Sequence[Quantity], off: Sequence[Quantity]) -> Iterator[Base]:
    """The truth given the totals that were derived next to ``q``, where some differ."""
    totals = {p.v: p for p in given if p is not q and p.usable and p.u is q.u and p.v is not q.v}
    if q.layout != "gradient" or q.index is not None or not totals:
        return
    part = q.graph.until(q.u, q.v, totals)
    met = [totals[n] for n in part.inside if n in totals]
    used = [p for p in met if p in off]
    if used:
        changes = combine(q, met, [], {})
        value = evaluate(q, changes, part)
        found = Base(changes, used, value, stop={p.v for p in met})
        found.blur = blur(q, met, [], {}, value, part)
        yield found


def _bridges(p: Quantity, links: Iterable[Quantity]) -> bool:
    """Whether other links lead from the one end of ``p`` to the other."""
    return any(
        a.u is p.u and any(b.u is a.v and b.v is p.v for b in links) for a in links if a is not p
    )


def combine(
    q: Quantity, totals: Sequence[Quantity], links: Sequence[Quantity], values: dict[AnyNode, Array]
) -> Changes:
    """The changes that put hand values in place of what the rules give."""
    inject = {p.v: (lambda seed, p=p: pull(p, seed, p.hand)) for p in totals}
    jumps: dict[AnyNode, list[tuple[AnyNode, Callable[[Array], Array]]]] = {}
    for p in links:
        if not any(t.v in p.part.inside and t.v is not p.u for t in totals):
            jumps.setdefault(p.u, []).append((p.v, _difference(p)))
    return Changes(inject=inject, jumps=jumps, values=values)


def _difference(p: Quantity) -> Callable[[Array], Array]:
    """What the student's link sends besides what the rules send already."""
    return lambda g: pull(p, g, p.hand) - p.part.flow(g)


def blur(
    q: Quantity,
    totals: Sequence[Quantity],
    links: Sequence[Quantity],
    values: dict[AnyNode, Array],
    value: Array,
    part: Part | None = None,
) -> Array:
    """How far half a unit in the last place of each value used moves the answer.

    Of arrays, whose entries are rounded up and down, 2.5 root mean squares over random signs.
    """
    moved: Array = 0.0
    for p in [*totals, *links]:
        if np.any(p.unit):
            patterns = [1.0] if p.hand.size == 1 else [signs(p.hand.shape, k) for k in range(6)]
            squares: Array = 0.0
            for pattern in patterns:
                off = p.changed(hand=p.hand + pattern * p.unit / 2)
                above, below = ([off if x is p else x for x in c] for c in (totals, links))
                changes = combine(q, above, below, values)
                squares = squares + (evaluate(q, changes, part) - value) ** 2
            wide = 1.0 if p.hand.size == 1 else 2.5
            moved = moved + wide * np.sqrt(squares / len(patterns))
    return moved
