"""Batches: a recorded computation, done again for many values at once.

The graph of one example is walked forward with a first axis more on what differs between
examples: elementwise ops broadcast, reductions and shapes make room for the axis.  Every op
has its rule in the table of ``rules``; what has none is done example by example, and stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from minigrad.batch.rules import Batch, Many, holds_many, indexed, rule_of, run
from minigrad.graph import AnyNode, pick, variable
from minigrad.ops.record import Op
from minigrad.tensor import Tensor
from minigrad.tensor.recorder import tensors_in
from minigrad.typing import Array, Function, Keywords

Lift = Callable[[Array, AnyNode], Array]


def batched(
    targets: Iterable[AnyNode],
    known: Mapping[AnyNode, Array],
    n: int,
    lift: Lift | None = None,
    cut: Collection[AnyNode] = (),
) -> list[Array]:
    """Values of ``targets``, computed again from what is ``known``.

    Parameters
    ----------
    targets : nodes
    known : dict
        node -> what stands in its place: one value, or `Many`.
    n : int
        The number of examples.
    lift : callable, optional
        ``lift(value, node)`` makes a Tensor of a value that stays as it was, so that the
        repetition is itself recorded.
    cut : nodes
        Through whose values no gradient flows.

    Returns
    -------
    list
        Of values, or `Many`; the value that was recorded, where nothing known is needed.
    """
    targets = list(targets)
    value = dict(known)
    for node in sorted(reached(targets, known), key=lambda node: node.seq):
        parents = node.parents
        if node in value or node.op is None:
            continue
        if not any(p in value for p in parents if p is not None) and not any(
            t.node in value for t in tensors_in(node.kwargs)
        ):
            continue
        if node.op is pick:
            of = value[parents[0]]  # type: ignore[index]
            value[node] = of[node.kwargs["index"]]
        elif node.op is variable:
            value[node] = value[parents[0]]  # type: ignore[index]
        else:
            args = [
                value[p] if p in value else a if p is None or lift is None else lift(a, p)
                for a, p in zip(node.args, parents, strict=True)
            ]
            kwargs = {key: filled_in(v, value, lift) for key, v in node.kwargs.items()}
            value[node] = repeated(node.op, args, kwargs, node.args, node.ans, n)
        if node in cut:
            value[node] = detached(value[node])
    return [value[t] if t in value else t.ans if lift is None else lift(t.ans, t) for t in targets]


def reached(targets: Iterable[AnyNode], known: Collection[AnyNode]) -> set[AnyNode]:
    """All between what is ``known`` and ``targets``, by way of metadata too."""
    stack = list(targets)
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node in known:
            continue
        more = [t.node for t in tensors_in(node.kwargs)] if node.kwargs else []
        for parent in (*node.parents, *more):
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


def filled_in(v: Array, value: Mapping[AnyNode, Array], lift: Function | None) -> Array:
    """Metadata with what is known in the place of Tensors; what is not is as it was recorded."""
    if isinstance(v, tuple):
        return tuple([filled_in(part, value, lift) for part in v])
    return value.get(v.node, v if lift else v._value) if isinstance(v, Tensor) else v


def detached(v: Array) -> Array:
    """Values out of the graph."""
    if isinstance(v, tuple):
        return tuple([detached(part) for part in v])
    if isinstance(v, Many):
        return Many(detached(v.values))
    return v.detach() if isinstance(v, Tensor) else v


def one_of(v: Array, i: int) -> Array:
    """The value of ``v`` for example ``i``."""
    if isinstance(v, Many):
        return v.values[i]
    return tuple([one_of(part, i) for part in v]) if isinstance(v, tuple) else v


def repeated(
    op: Op, args: list[Array], kwargs: Keywords, old_args: Array, old_ans: Array, n: int
) -> Array:
    """``op`` of arguments of which some are `Many`, given those and the answer of one example."""
    if not any(map(holds_many, (*args, *kwargs.values()))):
        return run(op, *args, **kwargs)
    if op.by_shape:
        return old_ans
    together = [isinstance(a, Many) for a in args]
    values = [a.values if isinstance(a, Many) else a for a in args]
    ans = at_once(op, values, kwargs, together, old_args, old_ans, n, live=True)
    return tuple([Many(y) for y in ans]) if isinstance(old_ans, tuple) else Many(ans)


def at_once(
    op: Op,
    values: Sequence[Array],
    kwargs: Keywords,
    together: list[bool],
    old_args: Array,
    old_ans: Array,
    n: int,
    live: bool,
) -> Array:
    """``op`` of ``values``, of which those that are ``together`` are for all examples.

    Not ``live``, there are no Tensors, nor any metadata that differ between examples.
    """
    rule = rule_of(op)
    ans = None
    if rule is not None and (
        rule is indexed or not live or not any(map(holds_many, kwargs.values()))
    ):
        shape = () if type(old_ans) is tuple else np.shape(old_ans)
        shapes = [np.shape(a) for a in old_args]
        ans = rule(Batch(op, values, dict(kwargs), together, shapes, shape, n, live))
    if ans is None:
        pairs = zip(values, together, strict=True)
        ans = one_by_one(op, [Many(v) if t else v for v, t in pairs], kwargs, old_ans, n)
    return ans


def one_by_one(op: Op, args: list[Array], kwargs: Keywords, old_ans: Array, n: int) -> Array:
    """An op without batching rule, applied example by example."""
    each = [
        run(op, *[one_of(a, i) for a in args], **{k: one_of(v, i) for k, v in kwargs.items()})
        for i in range(n)
    ]
    if isinstance(old_ans, tuple):
        return tuple(
            np.stack([e[i] for e in each]) if n else np.zeros((0, *np.shape(y)), y.dtype)
            for i, y in enumerate(old_ans)
        )
    return np.stack(each) if n else np.zeros((0, *np.shape(old_ans)), np.result_type(old_ans))
