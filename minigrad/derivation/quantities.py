"""One quantity of a derivation: a key, its hand value, and how the value is laid out.

The same derivative is written in many layouts: whole, as its diagonal, one block for each
example of a batch, as the factor that a product rule leaves, transposed, flattened.  The
forms that fit the shape are tried against the truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from minigrad.derivation.keys import Key
from minigrad.derivation.values import Hand, flattenings
from minigrad.derivation.walk import Edge, Graph, Part, shape_of, size_of
from minigrad.graph import AnyNode
from minigrad.typing import Array, Index

Pairs = tuple[tuple[int, int], ...]


@dataclass(eq=False)
class Quantity:
    """One step of the derivation, as the user wrote it.

    Attributes
    ----------
    text, kind, u, v, rate, index :
        Those of the `Key`.
    hand : array
        What was derived by hand, in the layout.
    unit : array
        One in the last place given, 0 where every digit counts.
    implied : array
        The same of floats that are written with few digits.
    spacing : float
        Relative spacing of the type it was computed in, where that is coarse.
    layout : {"gradient", "diagonal", "local", "jacobian", "factor"}
        Of the shape of ``v``; of elementwise links; of elementwise links before the sum
        over broadcast axes; ``u.shape + v.shape`` without the axes of ``v`` in ``pairs``;
        the other operand of the product at ``edge``.
    pairs : tuple
        Axes of ``u`` and of ``v`` along which entries act on their own kind only.
    scale : float
        By how much the user's value is larger by a convention: the number of examples.
    note : str
        How it was read, where that is not as it was written.
    """

    text: str
    kind: str
    u: AnyNode
    v: AnyNode
    hand: Array
    unit: Array
    rate: float = 0.0
    index: Index = None
    implied: Array = 0.0
    spacing: float = 0.0
    layout: str = "gradient"
    pairs: Pairs = ()
    edge: Edge | None = None
    scale: float = 1.0
    note: str = ""
    bare: bool = False
    turned: bool = False
    graph: Graph = field(init=False, repr=False)

    @classmethod
    def of(cls, key: Key, hand: Hand) -> Quantity:
        return cls(
            key.text, key.kind, key.u, key.v, hand.array, hand.unit, key.rate, key.index,
            hand.implied, hand.spacing, bare=key.bare,
        )  # fmt: skip

    def changed(self, **changes: Any) -> Quantity:
        """A copy, in the same graph."""
        new = replace(self, **changes)
        if hasattr(self, "graph"):
            new.graph = self.graph
        return new

    @property
    def part(self) -> Part:
        """The nodes on the paths from ``v`` to ``u``; found when it is asked for."""
        return self.graph.between(self.u, self.v)

    @property
    def connected(self) -> bool:
        return self.v in self.graph.below(self.u)

    @property
    def rounded_off(self) -> Quantity:
        """The same, floats of few digits taken for printed figures."""
        unit = np.broadcast_to(self.unit, self.hand.shape)
        return self.changed(unit=np.where(unit > 0, unit, self.implied))

    def changed_shape(self, shape: tuple[int, ...]) -> Quantity | None:
        """A copy in ``shape``, where only axes of length 1 or flattening are in the way."""
        if self.hand.shape == shape:
            return self
        found = next(flattenings(self.hand, shape), None)
        return None if found is None else self.rearranged(found[0], "")

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """The shape that the hand value must have, were it not for ``index``."""
        graph = self.graph
        u, v = graph.shape(self.u), graph.shape(self.v)
        if self.kind == "value":
            return u
        if self.layout == "factor":
            node, i = self.edge  # type: ignore[misc]
            return shape_of(node.args[1 - i])
        paired = {j for _, j in self.pairs}
        rest = tuple(n for j, n in enumerate(v) if j not in paired)
        return {"gradient": v, "diagonal": v, "local": u}.get(self.layout, (*u, *rest))

    @property
    def expected(self) -> tuple[int, ...]:
        """The shape that the hand value must have."""
        shape = self.whole_shape
        return shape if self.index is None else np.empty(shape)[self.index].shape

    @property
    def fits(self) -> bool:
        return bool(np.shape(self.hand) == self.expected)

    @property
    def usable(self) -> bool:
        """Whether later steps can be computed from the hand value."""
        return self.fits and self.index is None

    # --- layouts -------------------------------------------------------------------------

    def place(self, graph: Graph) -> None:
        """Find the part of the graph, and the layout that its shape suggests."""
        self.graph = graph
        self.layout = self.usual()

    def usual(self) -> str:
        u, v, shape = self.graph.shape(self.u), self.graph.shape(self.v), self.hand.shape
        if self.kind != "derivative" or math.prod(u) == 1:
            return "gradient"
        if self.index is not None:
            return "diagonal" if self.part.diagonal and len(self.index) <= len(v) else "jacobian"
        if self.part.diagonal and (shape != (*u, *v) or not u):
            return "diagonal"
        if self.part.elementwise and v and shape in (u, ()) and shape != (*u, *v):
            return "local"
        return "jacobian"

    def forms(self, layout: str | None = None) -> Iterator[Quantity]:
        """The ways to read the hand value, the usual one first.

        Parameters
        ----------
        layout : {None, "numerator", "denominator"}
            In numerator layout the derivative by a matrix has the transposed shape, in
            denominator layout a Jacobian has.
        """
        scalar = self.layout == "gradient"
        if layout == ("numerator" if scalar else "denominator") and self.kind == "derivative":
            turned = list(self.transposed(f"in {layout} layout", any_shape=True))
            yield from turned
            if turned and sum(n > 1 for n in self.hand.shape) > 1:
                return
        if self.fits:
            yield self
        yield from self.reshaped()
        if self.layout == "gradient" or self.index is not None:
            return
        for pairs in pairings(self.graph.shape(self.u), self.graph.shape(self.v)):
            blocks = self.changed(layout="jacobian", pairs=pairs)
            if not blocks.expected or math.prod(blocks.expected) != self.hand.size:
                continue
            axes = [pairs[k][0] for k in range(len(pairs))]
            for moved in orders(self.hand, axes, blocks.expected):
                found = blocks.changed(hand=moved)
                if found.fits and block_diagonal(found):
                    n = " and ".join(f"axis {a}" for a in axes)
                    yield found.changed(
                        **self.alike(moved), note=f"one block for each entry of {n}"
                    )
        yield from self.factors()
        if layout is None:
            yield from self.transposed("in denominator layout: the transposed Jacobian")

    def alike(self, hand: Array) -> dict[str, Array]:
        """The unit for a hand value that was rearranged; of mixed units the largest."""
        return {
            "hand": hand,
            "unit": np.broadcast_to(np.max(self.unit, initial=0.0), hand.shape),
            "implied": np.broadcast_to(np.max(self.implied, initial=0.0), hand.shape),
        }

    def reshaped(self) -> Iterator[Quantity]:
        """Axes of length 1 apart, and arrays that were flattened."""
        if self.fits:
            return
        shape = self.expected
        for hand, way in flattenings(self.hand, shape):
            how = f"flattened {way}" if way else f"shape {self.hand.shape} for {shape}"
            yield self.rearranged(hand, how, order="F" if way.startswith("col") else "C")

    def rearranged(self, hand: Array, note: str, order: Any = "C") -> Quantity:
        unit, implied = (
            np.broadcast_to(x, self.hand.shape).reshape(hand.shape, order=order)
            for x in (self.unit, self.implied)
        )
        return self.changed(hand=hand, unit=unit, implied=implied, note=note)

    def transposed(self, note: str, any_shape: bool = False) -> Iterator[Quantity]:
        """The value of another layout convention."""
        u = self.graph.shape(self.u) if self.layout != "gradient" else ()
        v, hand = self.graph.shape(self.v), self.hand
        whole = self.changed(layout="jacobian", pairs=()) if u else self
        if len(v) == 2 and not u and hand.ndim == 2:
            moved = self.changed(**self.alike(hand.T), note=note, turned=True)
        elif u and hand.size == math.prod(u) * math.prod(v):
            squeezed = flattenings(hand, (*v, *u))
            found = next((h for h, way in squeezed if not way), None)
            if found is None:
                return
            axes = [*range(len(v), len(v) + len(u)), *range(len(v))]
            moved = whole.changed(**self.alike(found.transpose(axes)), note=note, turned=True)
        else:
            return
        if moved.fits or any_shape:
            yield moved

    def factors(self) -> Iterator[Quantity]:
        """The other operand of a product, as a derivative by one of its operands."""
        for edge in product_edges(self.part):
            node, i = edge
            found = self.changed(layout="factor", edge=edge, pairs=())
            other = shape_of(node.args[1 - i])
            name = "the factor that the product leaves"
            if self.hand.shape == other:
                yield found.changed(note=name)
            elif self.hand.ndim == 2 and self.hand.T.shape == other:
                yield found.changed(**self.alike(self.hand.T), note=f"{name}, transposed")
            else:
                for hand, way in flattenings(self.hand, other):
                    if not way:
                        yield found.changed(**self.alike(hand), note=name)


def pairings(u: tuple[int, ...], v: tuple[int, ...]) -> Iterator[Pairs]:
    """Axes of ``u`` with axes of ``v`` of their length, in order; the most first."""
    count = min(len(u), len(v), 3)
    for k in range(count, 0, -1):
        for left in combinations(range(len(u)), k):
            for right in combinations(range(len(v)), k):
                if all(u[i] == v[j] > 1 for i, j in zip(left, right, strict=True)):
                    yield tuple(zip(left, right, strict=True))


def orders(hand: Array, axes: list[int], shape: tuple[int, ...]) -> Iterator[Array]:
    """``hand`` with its axes in the order of ``shape``: the batch may have been first or last."""
    yield hand
    for target in ([*range(len(axes))], [*range(hand.ndim - len(axes), hand.ndim)]):
        if hand.ndim == len(shape) and target != axes:
            moved = np.moveaxis(hand, target, axes)
            if moved.shape == shape:
                yield moved
    for hand_, way in flattenings(hand, shape):
        if not way and hand.shape != shape:
            yield hand_


def block_diagonal(q: Quantity) -> bool:
    """Whether entries act on their own kind along ``q.pairs``: a random gradient, turned.

    Numbers multiplied to ``u`` along the paired axes must come out along those of ``v``.
    """
    graph, rng = q.graph, np.random.default_rng(0)
    u, v = graph.shape(q.u), graph.shape(q.v)
    seed, left, right = rng.normal(size=u), np.ones((1,) * len(u)), np.ones((1,) * len(v))
    for i, j in q.pairs:
        weights = rng.normal(size=u[i])
        left = left * np.expand_dims(weights, [k for k in range(len(u)) if k != i])
        right = right * np.expand_dims(weights, [k for k in range(len(v)) if k != j])
    once, turned = q.part.flow(seed), q.part.flow(seed * left)
    scale = float(np.max(np.abs(turned), initial=0.0))
    return bool(np.allclose(once * right, turned, rtol=1e-6, atol=1e-9 * scale))


def product_edges(part: Part) -> Iterator[Edge]:
    """Products with ``v`` (or a view of it) whose gradient is that of ``u`` itself."""
    graph = part.graph
    u = graph.shape(part.u)
    for node, inside in part.inside.items():
        if node.op is None or len(node.args) != 2 or len(inside) != 1 or shape_of(node.ans) != u:
            continue
        i = inside[0]
        if not is_product(node, i) or sum(len(places) for places in part.inside.values()) != len(
            part.inside
        ):
            continue
        above = graph.between(part.u, node)
        below = graph.between(node.parents[i], part.v)  # type: ignore[arg-type]
        probe = np.random.default_rng(0).normal(size=u)
        if np.array_equal(above.flow(probe), probe) and all(
            len(n.args) == 1 and size_of(n.ans) == size_of(n.args[0]) for n in below.inside
        ):
            yield node, i


def is_product(node: AnyNode, i: int) -> bool:
    """Whether ``node`` is linear in argument ``i`` for any value of the other one."""
    a, b = (np.asarray(x) for x in node.args)
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub" or node.op is None:
        return False
    args = list(node.args)
    try:
        args[i] = args[i] * 2.0
        twice = node.op.forward(*args, **node.kwargs)
        args[1 - i] = args[1 - i] * 3.0
        both = node.op.forward(*args, **node.kwargs)
    except (TypeError, ValueError, ArithmeticError):
        return False
    scale = 1e-9 * float(np.max(np.abs(node.ans), initial=0.0))
    return bool(np.any(node.ans)) and bool(
        np.allclose(twice, 2.0 * node.ans, atol=scale)
        and np.allclose(both, 6.0 * node.ans, atol=scale)
    )
