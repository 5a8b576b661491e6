"""Batches: a recorded computation, done again for many arrays at once.

A Jacobian is the same backward pass for every element of the output.  The pass is
recorded once, as a function of the gradient that it starts from, and repeated here for
all of them along a new first axis: elementwise ops broadcast, reductions and shapes
make room for one axis more.  An op without a rule is done one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.graph import AnyNode, ancestors, pick
from minigrad.ops.indexing import is_basic
from minigrad.ops.record import Op
from minigrad.ops.reduction import axes_of

Shape = tuple[int, ...]
Lift = Callable[[Any, AnyNode], Any]


def batched(
    targets: Sequence[AnyNode], source: AnyNode, many: Any, lift: Lift | None = None
) -> list[Any]:
    """Values of ``targets`` with each of ``many`` in place of the value of ``source``.

    Parameters
    ----------
    targets : nodes
        Computed from ``source`` (and from other things, which stay as they are).
    many : array, shape (n, *shape of source)
    lift : callable, optional
        ``lift(value, node)`` makes a Tensor, so that the repetition is itself recorded.

    Returns
    -------
    list of arrays, each of shape (n, *shape of the target)
    """
    value: dict[AnyNode, Any] = {source: many}
    nodes = {node for target in targets for node in ancestors(target)}
    for node in sorted(nodes, key=lambda node: node.seq):
        parents = node.parents
        if node is source or not any(p in value for p in parents if p is not None):
            continue
        if node.op is pick:
            value[node] = value[parents[0]][node.kwargs["index"]]  # type: ignore[index]
            continue
        together = [p is not None and p in value for p in parents]
        args = [
            value[p] if many_here else a if p is None or lift is None else lift(a, p)  # type: ignore[index]
            for a, p, many_here in zip(node.args, parents, together, strict=True)
        ]
        value[node] = repeated(node, args, together, len(many))
    return [value[target] for target in targets]


def repeated(node: AnyNode, args: list[Any], together: list[bool], n: int) -> Any:
    """The op of ``node`` on arguments of which those ``together`` have a first axis more."""
    op, kwargs = node.op, node.kwargs
    assert op is not None
    shapes = [np.shape(a) for a in node.args]
    shape = np.shape(node.ans) if not isinstance(node.ans, tuple) else ()
    if op.elementwise and not kwargs:
        args = [align(a, len(shape)) if t else a for a, t in zip(args, together, strict=True)]
        return op(*args)
    rule = RULES.get(op)
    if rule is not None:
        ans = rule(op, args, together, shapes, shape, dict(kwargs))
        if ans is not None:
            return ans
    each = [
        op(*[a[i] if t else a for a, t in zip(args, together, strict=True)], **kwargs)
        for i in range(n)
    ]
    if isinstance(node.ans, tuple):
        return tuple(np.stack(column) for column in zip(*each, strict=True))
    return np.stack(each)


def align(x: Any, ndim: int) -> Any:
    """``x`` with axes of length 1 after its first, so that the others broadcast as before."""
    n, *shape = np.shape(x)
    missing = ndim - len(shape)
    return x if missing <= 0 else np.reshape(x, (n, *[1] * missing, *shape))


# --- rules -----------------------------------------------------------------------------
# rule(op, args, together, shapes, shape, kwargs): shapes and shape are those of one.


def reduction(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    """The same axes, one further; all of them are all but the first."""
    if kwargs.get("where", True) is not True:
        return None
    axes = axes_of(np.broadcast_to(np.float64(0), shapes[0]), kwargs.pop("axis", None))
    return op(args[0], axis=tuple(a + 1 for a in axes), **kwargs)


def reshaped(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    return np.reshape(args[0], (len(args[0]), *shape))


def stretched(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    return np.broadcast_to(align(args[0], len(shape)), (len(args[0]), *shape))


def transposed(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    ndim, axes = len(shapes[0]), kwargs.get("axes")
    order = range(ndim)[::-1] if axes is None else [int(a) % ndim for a in np.atleast_1d(axes)]
    return np.transpose(args[0], (0, *(a + 1 for a in order)))


def swapped(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    a, b = (kwargs[k] % len(shapes[0]) + 1 for k in ("axis1", "axis2"))
    return np.swapaxes(args[0], a, b)


def product(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    """Vectors together are the rows of a matrix; matrices together multiply one by one."""
    (a, b), (many_a, many_b), (s, t) = args, together, shapes
    if max(len(s), len(t)) > 2:
        return None
    if many_a and many_b:
        if len(s) == len(t) == 1:
            return (a * b).sum(axis=1)
        if len(s) == 1:
            return np.matmul(a[:, None, :], b)[:, 0, :]
        return np.matmul(a, b[:, :, None])[:, :, 0] if len(t) == 1 else np.matmul(a, b)
    if many_a:
        return np.matmul(a, b)
    if len(t) == 1:
        return np.matmul(b, a if len(s) == 1 else a.T)
    return np.matmul(a, b)


def indexed(op: Any, args: Any, together: Any, shapes: Any, shape: Any, kwargs: Any) -> Any:
    """Basic indices, after the first axis."""
    index = kwargs["index"]
    if not is_basic(index):
        return None
    kwargs["index"] = (slice(None), *(index if isinstance(index, tuple) else (index,)))
    if "shape" in kwargs:
        kwargs["shape"] = (len(args[0]), *kwargs["shape"])
    return op(args[0], **kwargs)


RULES: dict[Op, Callable[..., Any]] = {
    ops.sum: reduction,
    ops.mean: reduction,
    ops.reshape: reshaped,
    ops.squeeze: reshaped,
    ops.expand_dims: reshaped,
    ops.broadcast_to: stretched,
    ops.transpose: transposed,
    ops.swapaxes: swapped,
    ops.matmul: product,
    ops.elements: indexed,
    ops.scatter: indexed,
}
