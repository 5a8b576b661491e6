"""What belongs to a neighbour: another gradient, a part of it, or one of another moment."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.derivation.edits import (
    BLIND,
    CONCATENATE,
    GETITEM,
    axis_sets,
    axis_words,
    substituted,
)
from minigrad.derivation.factors import multiple, ratio_of
from minigrad.derivation.search import Search
from minigrad.derivation.slips.registry import Found, slip
from minigrad.derivation.walk import Edge, Edit, RuleCall, shape_of, size_of
from minigrad.graph import AnyNode
from minigrad.ops.record import by_name
from minigrad.ops.scan import cumprod, cumsum
from minigrad.typing import Array

PAD, CONVOLVE = by_name("pad"), by_name("convolve")
FEW = 100
"""Of so many other places where a part may begin, all are tried."""
SMALL = 1_000
"""Kernels of up to so many numbers are tried flipped where they enter in many places."""
FLIPPED = 4
"""Arrays of up to so many axes are tried in the opposite order."""


def gradient_name(s: Search, node: AnyNode) -> str:
    return f"d{s.names.of(s.q.u)}/d{s.names.of(node)}"


@slip("neighbour", 39, "it is {}")
def another_gradient(s: Search) -> Found:
    """The gradient of something else: dbf under the key of dbi."""
    seen: list[Array] = [s.base.value]
    for p in s.given:
        if p.usable and p is not s.q and p.v is not s.q.v and is_told(p.hand):
            seen.append(p.hand)
            yield p.hand, p.text
    for node, g in s.gradients.items():
        if node is not s.q.v and s.marked(node) and is_told(g):
            yield g, gradient_name(s, node)


def is_told(g: Array) -> bool:
    """Whether an array is told from others by more than its signs."""
    return np.size(g) == 1 or bool(np.ptp(np.abs(g)))


@slip("neighbour", 40, "it is {} summed over {}: a factor {} too many")
def another_gradient_summed(s: Search) -> Found:
    """A gradient by the weights, summed, for that of the bias: times the activations."""
    shape = s.base.value.shape
    for node, g in s.gradients.items():
        g = np.asarray(g)
        if node is s.q.v or not s.marked(node) or g.ndim < max(1, len(shape)):
            continue
        users = s.graph.users.get(node, [])
        product = next(((n, i) for n, i in users if n.op in (ops.matmul, ops.multiply)), None)
        factor = s.operand(product[0], 1 - product[1]) if product else "of its own"
        for axes in axis_sets(g.ndim):
            for keep in (False, True):
                total = g.sum(axis=axes, keepdims=keep)
                if total.shape == shape:
                    yield total, gradient_name(s, node), axis_words(axes), factor


@slip("value", 41, "it is the value of {}, not a derivative")
def value_itself(s: Search) -> Found:
    """A value of the forward pass handed in as a derivative."""
    for name, value in s.named_values():
        if shape_of(value) == s.base.value.shape and size_of(value) > 1:
            right = (value != 0) & np.isclose(value, s.base.value, rtol=1e-9, atol=0)
            if not np.any(right):  # else it is some of the entries that are wrong
                yield np.asarray(value, float), name


@slip(
    "updated", 44, "it is the gradient at the updated {} (after a step of {:.4g}): differentiate "
    "first, then update",
)  # fmt: skip
def after_the_update(s: Search) -> Found:
    """A weight that was updated before it was used in the backward pass."""
    for edge, j, node, g in updatable(s):
        moved = s.edited({edge: substituted(j, g)}, sifted=False)
        if moved is None or moved.shape != s.q.hand.shape:
            continue
        step = step_length(s, moved)
        if step is not None and step > 0:
            value = s.base.value - step * moved
            yield value, s.names.of(node), step


def updatable(s: Search) -> Iterator[tuple[Edge, int, AnyNode, Array]]:
    """Parameters that rules on the way multiply by, with their gradients."""
    for node, i in s.edges:
        if node.op in BLIND or len(node.args) != 2 or node.op not in (ops.matmul, ops.multiply):
            continue
        other = node.parents[1 - i]
        if other is not None and other.op is None and other in s.gradients:
            yield (node, i), 1 - i, other, s.gradients[other]


def step_length(s: Search, moved: Array) -> float | None:
    """The learning rate, by least squares; of a single number a round one."""
    step = multiple(s.base.value - s.q.hand, moved)
    if step is None:
        return None
    round_ = float(f"{step:.2g}")
    if abs(step - round_) <= 1e-6 * abs(step) or (np.any(s.q.unit) and s.q.hand.size > 1):
        return round_
    many = s.q.hand.size > 2 and not np.any(s.q.unit)
    return step if many and ratio_of(s.q.hand, s.base.value) is None else None


@slip(
    "order", 42, "the order of {} is reversed along {}: {} must be flipped here, as in a "
    "convolution",
)  # fmt: skip
def not_flipped(s: Search) -> Found:
    """A kernel that is not flipped, or is where it should not be."""
    seen: set[AnyNode] = set()
    for node, i in s.edges:
        for k, parent in enumerate(node.parents):
            if parent is None or parent in seen or (k == i and len(node.args) > 1):
                continue
            seen.add(parent)
            value = s.graph.values.get(parent)
            if value is None or type(value) is tuple or not 0 < np.ndim(value) <= FLIPPED:
                continue
            for axes in axis_sets(np.ndim(value)):
                flipped = np.flip(value, axes)
                if not np.array_equal(flipped, value):
                    name = s.describe(parent)
                    yield s.seen_values({parent: flipped}), name, axis_words(axes), name
        if node.op is CONVOLVE:
            edit: Edit = lambda g, call: call(np.flip(g))
            name = f"what arrives at {s.describe(node)}"
            yield s.edited({(node, i): edit}), name, axis_words((0,)), name


@slip("order", 42, "{} is summed up from the front, where from the end belongs")
def scan_not_turned(s: Search) -> Found:
    """The gradient of a cumulative sum summed up in its own order."""
    for node, i in s.edges:
        if node.op in SCANS and i == 0:
            edit = lambda g, call: SCANNED[call.node.op](g, call)
            yield s.edited({(node, i): edit}), f"what arrives at {s.describe(node)}"


def scanned_sum(g: Array, call: RuleCall) -> Array:
    return np.cumsum(g, axis=call.node.kwargs.get("axis"))


def scanned_product(g: Array, call: RuleCall) -> Array:
    return np.cumsum(g * call.ans, axis=call.node.kwargs.get("axis")) / call.args[0]


SCANNED = {cumsum: scanned_sum, cumprod: scanned_product}
SCANS = set(SCANNED)


@slip(
    "order",
    42,
    "the order of {} is reversed along {}: {} must be flipped here, as in a convolution",
)
def kernel_not_flipped(s: Search) -> Found:
    """The same of a kernel whose parts enter in many places."""
    inside = s.q.part.inside
    for leaf in feeding(s):
        value: Array = s.graph.values.get(leaf)
        if not 0 < np.ndim(value) <= FLIPPED or size_of(value) > SMALL:
            continue
        ndim = np.ndim(value)
        for axes in dict.fromkeys([(ndim - 1,), tuple(range(ndim))[-2:], tuple(range(ndim))]):
            flipped = np.flip(value, axes)
            s.graph.steps += len(s.graph.nodes)
            seen = {n: x for n, x in s.graph.replay({leaf: flipped}).items() if n not in inside}
            yield s.seen_values(seen), s.describe(leaf), axis_words(axes), s.describe(leaf)


@slip("sign", 14, "{} has the wrong sign in its derivative: -{} stands where {} belongs")
def sign_of_the_argument(s: Search) -> Found:
    """A slope taken on the other side of 0: σ(m) for σ(-m)."""
    node, part = s.q.v, s.q.part
    if 1 < len(part.inside) <= FEW and s.ample:
        name = s.names.of(node)
        moved = part.along(-np.asarray(s.graph.values[node]))
        s.graph.steps += len(moved)
        found = s.seen_values(moved)
        if found is not None and s.close(found):  # with a second slip, it may be any slope
            yield found, name, name, name


@slip("sign", 48, "{} has the wrong sign, wherever it enters")
def sign_of_a_value(s: Search) -> Found:
    """A value seen with the wrong sign at all places: the sine of a rotation turned back."""
    for node in feeding(s) if s.ample else ():
        value: Array = s.graph.values.get(node)
        if type(value) is not tuple and size_of(value) <= SMALL:
            yield s.seen_values({node: -np.asarray(value)}), s.describe(node)


def feeding(s: Search) -> list[AnyNode]:
    """Named nodes that the rules on the way see, though nothing passes through them."""
    seen: set[AnyNode] = {s.q.v}
    stack = [p for n, i in s.edges for k, p in enumerate(n.parents) if k != i and p is not None]
    while stack:
        node = stack.pop()
        if node not in seen and node not in s.q.part.inside:
            seen.add(node)
            stack += [p for p in node.parents if p is not None]
    return sorted((n for n in seen if n is not s.q.v and s.marked(n)), key=lambda n: n.seq)


@slip("order", 45, "its blocks along {} stand in another order: {} for {}")
def blocks_in_another_order(s: Search) -> Found:
    """Gates that were joined in another order than they were taken apart."""
    base = s.base.value
    for axis, n in enumerate(base.shape):
        for count in (2, 3, 4):
            if n % count or n == count or not s.ample:
                continue
            parts = np.split(base, count, axis=axis)
            for order in itertools.permutations(range(count)):
                if list(order) != sorted(order):
                    value = np.concatenate([parts[k] for k in order], axis=axis)
                    listed = ", ".join(str(k + 1) for k in order)
                    yield (
                        value,
                        axis_words((axis,)),
                        listed,
                        ", ".join(map(str, range(1, count + 1))),
                    )


@slip("slice", 43, "the same part of {} is taken every time, where it moves on")
def same_slice(s: Search) -> Found:
    """``x[:k]`` in every pass of a loop, where ``x[t:t + k]`` belongs."""
    groups: dict[Hashable, list[AnyNode]] = {}
    for node, i in s.edges:
        for k, parent in enumerate(node.parents):
            if k != i and parent is not None and parent.op is GETITEM:
                key = parent.parents[0] or id(parent.args[0]), shape_of(parent.ans)
                groups.setdefault(key, []).append(parent)
    for group in groups.values():
        for source in dict.fromkeys([group[0], group[-1]]) if len(group) > 1 else []:
            yield s.seen_values(dict.fromkeys(group, source.ans)), s.operand(source, 0)


@slip("order", 42, "{} is reshaped where it should be transposed")
def reshaped_for_transposed(s: Search) -> Found:
    """``x.reshape(-1, n)`` for ``x.T``: the shape is right, the entries are not."""
    base = s.base.value
    for node, i in s.edges:
        if node.op is ops.matmul and np.ndim(other := node.args[1 - i]) == 2:
            edit = substituted(1 - i, np.reshape(other, np.shape(other)[::-1]).T)
            yield s.edited({(node, i): edit}), s.operand(node, 1 - i)
    if base.ndim > 1:
        yield base.T.reshape(base.shape), "it"


@slip("order", 43, "its entries are in the opposite order along {}")
def reversed_order(s: Search) -> Found:
    """The entries of the answer from the last to the first."""
    base = s.base.value
    for axes in axis_sets(base.ndim):
        yield np.flip(base, axes), axis_words(axes)


@slip("slice", 43, "it is another part of what arrives at {}: it begins at {}, where {} belongs")
def shifted(s: Search) -> Found:
    """The margins cut off wrongly that were added on all sides: ``dp[2:]`` for ``dp[1:-1]``."""
    for node, i in s.edges:
        if node.op is not PAD or i != 0:
            continue
        inner, outer = shape_of(node.args[0]), shape_of(node.ans)
        room = [range(n - m + 1) for n, m in zip(outer, inner, strict=True)]
        begins = tuple(b for b, _ in widths(node.kwargs["pad_width"], len(inner)))
        for at in itertools.islice(itertools.product(*room), FEW):
            window = tuple(slice(a, a + m) for a, m in zip(at, inner, strict=True))
            edit = lambda g, call, w=window: g[w]
            if at != begins:
                yield s.edited({(node, i): edit}, sifted=False), s.describe(node), at, begins


def widths(given: object, ndim: int) -> Any:
    return np.broadcast_to(np.asarray(given), (ndim, 2)).tolist()


@slip("slice", 29, "it is the slice {} of what arrives at {}, where {} belongs")
def another_slice(s: Search) -> Found:
    """The wrong part of the gradient of ``[h; x]``."""
    for node, i in s.edges:
        if node.op is not CONCATENATE or type(node.ans) is tuple:
            continue
        axis = int(node.kwargs.get("axis", 0) or 0) % max(1, len(shape_of(node.ans)))
        lengths = [shape_of(a)[axis] for a in node.args]
        mine, start = lengths[i], sum(lengths[:i])
        place = s.describe(node)
        for at in range(sum(lengths) - mine + 1):
            if at != start:
                window = [slice(None)] * len(shape_of(node.ans))
                window[axis] = slice(at, at + mine)
                edit = lambda g, call, w=tuple(window): g[w]
                found = f"{at}:{at + mine}", place, f"{start}:{start + mine}"
                yield s.edited({(node, i): edit}, sifted=False), *found


@slip("penalty", 50, "{}·{} is added, the gradient of a penalty that is no part of {}")
def of_a_penalty(s: Search) -> Found:
    """A multiple of the parameter itself, as weight decay adds it."""
    value = np.asarray(s.graph.values.get(s.q.v))
    if s.q.v.op is not None or value.shape != s.q.hand.shape or value.size < 3:
        return
    rate = ratio_of(s.q.hand - s.base.value, value)
    if rate:
        of, by = (s.names.of(n) for n in (s.q.u, s.q.v))
        yield s.base.value + rate * value, f"{rate:.4g}", by, of
