"""How each op makes room for a first axis of examples; what has no rule here is done one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops import determinants, eigen, factorisations, fourier, matrices, norms
from minigrad.ops.einsum import LETTERS, contract
from minigrad.ops.elementwise import nan_to_num
from minigrad.ops.elementwise import round as round_
from minigrad.ops.indexing import elements, getitem, is_basic, scatter
from minigrad.ops.joining import joined, layered, pieces
from minigrad.ops.padding import framed
from minigrad.ops.record import Op
from minigrad.ops.reduction import axes_of
from minigrad.ops.sorting import running_extreme
from minigrad.tensor import Tensor
from minigrad.tensor.recorder import tensors_in
from minigrad.typing import Array, Shape


class Many:
    """Values for many examples, along a first axis."""

    __slots__ = ("values",)

    def __init__(self, values: Array) -> None:
        self.values: Array = values


def holds_many(v: Array) -> bool:
    return isinstance(v, Many) or (isinstance(v, tuple) and any(map(holds_many, v)))


def run(op: Op, *args: Array, **kwargs: Any) -> Array:
    """``op``, through the door only where that records something."""
    for a in args:
        if type(a) is Tensor:
            return op(*args, **kwargs)
    for v in kwargs.values():
        if type(v) in (tuple, Tensor) and any(True for _ in tensors_in(v)):
            return op(*args, **kwargs)
    return op.forward(*args, **kwargs)


def rule_of(op: Op) -> Rule | None:
    """How ``op`` makes room for the examples; None where nobody knows."""
    return broadcasting if pointwise(op) else RULES.get(op, same if op.leading else None)


def pointwise(op: Op) -> bool:
    """Whether each element of the answer depends on one element of each argument."""
    return op.elementwise or (op.vjps is None and isinstance(op.forward, np.ufunc))


def align(x: Array, ndim: int) -> Array:
    """``x`` with axes of length 1 after its first, so that the others broadcast as before."""
    shape = x.shape
    missing = ndim + 1 - len(shape)
    return x if missing <= 0 else x.reshape((shape[0], *[1] * missing, *shape[1:]))


def from_end(axis: Any, ndim: int) -> Array:
    """Axes counted from the end, where one more in front does not matter."""
    if isinstance(axis, tuple | list):
        return tuple([from_end(a, ndim) for a in axis])
    return axis if axis < 0 else int(axis) - ndim


# --- rules -----------------------------------------------------------------------------
# A rule returns the answer for all examples, or None: example by example after all.


@dataclass(slots=True)
class Batch:
    """A call of ``op`` on several examples at once.

    Attributes
    ----------
    together : list of bool
        Which arguments have the first axis more.
    shapes, shape
        Of the arguments and of the answer, for one example.
    n : int
        How many examples there are.
    live : bool
        Whether there may be Tensors, on which what is done is to be recorded.
    """

    op: Op
    args: Sequence[Array]
    kwargs: dict[str, Any]
    together: list[bool]
    shapes: list[Shape]
    shape: Shape
    n: int
    live: bool

    def run(self, *args: Array, **more: Any) -> Array:
        """The op of other arguments, with the metadata of the call and ``more``."""
        if self.live:
            return run(self.op, *args, **self.kwargs, **more)
        return self.op.forward(*args, **self.kwargs, **more)

    def aligned(self, ndim: int) -> list[Array]:
        """The arguments, those of many examples as if of ``ndim`` axes each."""
        pairs = zip(self.args, self.together, strict=True)
        return [align(a, ndim) if t else a for a, t in pairs]


Rule = Callable[[Batch], Array]


def broadcasting(c: Batch) -> Array:
    ndim = max([len(c.shape), *map(len, c.shapes)])  # metadata may broadcast as well
    return c.run(*c.aligned(ndim))


def same(c: Batch) -> Array:
    """What does not care for axes in front: the last ones, or none, are worked on."""
    ndim = max(map(len, c.shapes))
    return c.run(*c.aligned(ndim))


def alike(c: Batch) -> Array:
    """Arguments of one shape, which the rules take for granted."""
    whole = [
        a if t else np.broadcast_to(a, (c.n, *np.shape(a)))
        for a, t in zip(c.args, c.together, strict=True)
    ]
    return c.run(*whole)


def place(c: Batch) -> Array:
    """Where an extreme element is: along an axis, or among all."""
    axis = c.kwargs.pop("axis", None)
    if axis is not None:
        return c.run(c.args[0], axis=from_end(axis, len(c.shapes[0])))
    found = run(c.op, np.reshape(c.args[0], (c.n, math.prod(c.shapes[0]))), axis=1)
    return np.reshape(found, (c.n, *c.shape))


def first_only(c: Batch) -> Array:
    """Element by element of the first argument, while the others are the same for all."""
    return None if any(c.together[1:]) else c.run(*c.args)


def second_only(c: Batch) -> Array:
    """Element by element of the second argument, while the first is the same for all."""
    return None if c.together[0] else c.run(*c.args)


def triangle(c: Batch) -> Array:
    return c.run(c.args[0]) if len(c.shapes[0]) > 1 else None


def reduction(c: Batch) -> Array:
    """The same axes, counted from the end; all of them are all but the first."""
    one = np.broadcast_to(np.float64(0), c.shapes[0])
    axis = c.kwargs.pop("axis", -1 if c.op in (ops.softmax, ops.log_softmax) else None)
    return c.run(c.args[0], axis=from_end(axes_of(one, axis), len(c.shapes[0])))


def scan(c: Batch) -> Array:
    """Along one axis, or along all elements."""
    axis = c.kwargs.pop("axis", -1 if c.op in (ops.sort, ops.argsort, ops.argpartition) else None)
    if axis is None or not c.shapes[0]:
        return c.run(np.reshape(c.args[0], (c.n, math.prod(c.shapes[0]))), axis=1).reshape(
            (c.n, *c.shape)
        )
    return c.run(c.args[0], axis=from_end(axis, len(c.shapes[0])))


def reshaped(c: Batch) -> Array:
    return np.reshape(c.args[0], (c.n, *c.shape))


def stretched(c: Batch) -> Array:
    return np.broadcast_to(align(c.args[0], len(c.shape)), (c.n, *c.shape))


def transposed(c: Batch) -> Array:
    ndim, axes = len(c.shapes[0]), c.kwargs.get("axes")
    order = range(ndim)[::-1] if axes is None else [int(a) % ndim for a in np.atleast_1d(axes)]
    return np.transpose(c.args[0], (0, *(a + 1 for a in order)))


def numbered(c: Batch) -> Array:
    """Ops whose metadata number axes."""
    ndim = len(c.shapes[0])
    for key in ("axis", "axis1", "axis2", "source", "destination", "axes"):
        if key in c.kwargs and c.kwargs[key] is not None:
            c.kwargs[key] = from_end(c.kwargs[key], ndim)
    if c.op is ops.rot90:
        c.kwargs.setdefault("axes", (-ndim, 1 - ndim))
    if c.op is ops.flip and c.kwargs.get("axis") is None:
        c.kwargs["axis"] = tuple(range(-ndim, 0))
    if c.op is ops.roll and c.kwargs.get("axis") is None:
        flat = np.reshape(c.args[0], (c.n, math.prod(c.shape)))
        return np.reshape(np.roll(flat, c.kwargs["shift"], 1), (c.n, *c.shape))
    return c.run(c.args[0])


def together_along(c: Batch) -> Array:
    """Concatenations and stacks: who is there once is there for every example."""
    args = [
        a if t else np.broadcast_to(a, (c.n, *s))
        for a, t, s in zip(c.args, c.together, c.shapes, strict=True)
    ]
    axis = c.kwargs.pop("axis", 0)
    return c.run(*args, axis=axis if axis < 0 else axis + 1)


def apart_along(c: Batch) -> Array:
    axis = c.kwargs.pop("axis", 0)
    return c.run(c.args[0], axis=axis if axis < 0 else axis + 1)


def padded(c: Batch) -> Array:
    if np.ndim(c.kwargs.get("constant_values", 0)):
        return None
    c.kwargs["pad_width"] = ((0, 0), *c.kwargs["pad_width"])
    return c.run(c.args[0])


def product(c: Batch) -> Array:
    """Vectors together are the rows of a matrix; matrices together multiply one by one."""
    (a, b), (many_a, many_b), (s, t) = c.args, c.together, c.shapes
    if many_a and many_b and len(s) == len(t) == 1:
        return (a * b).sum(axis=1)
    if many_a and not many_b and len(t) <= 2:
        return np.matmul(a, b)
    if many_b and not many_a and len(t) == 1 and len(s) <= 2:
        return np.matmul(b, a if len(s) == 1 else a.T)
    row, column = len(s) == 1, len(t) == 1
    a = a[..., None, :] if row else a
    b = b[..., None] if column else b
    ndim = max(len(s) + row, len(t) + column)
    ans = np.matmul(align(a, ndim) if many_a else a, align(b, ndim) if many_b else b)
    ans = np.squeeze(ans, -1) if column else ans
    return np.squeeze(ans, -1 if column else -2) if row else ans


def contracted(c: Batch) -> Array:
    """One letter more, for the examples."""
    inputs, output = c.kwargs["subscripts"].split("->")
    letter = next((x for x in LETTERS if x not in c.kwargs["subscripts"]), None)
    if letter is None:
        return None
    terms = [letter * t + term for term, t in zip(inputs.split(","), c.together, strict=True)]
    c.kwargs["subscripts"] = f"{','.join(terms)}->{letter}{output}"
    return c.run(*c.args)


def solved(c: Batch) -> Array:
    (a, b), (many_a, many_b), (s, t) = c.args, c.together, c.shapes
    vector = len(t) == 1
    b = b[..., None] if vector else b
    ndim = max(len(s), len(t) + vector)
    ans = np.linalg.solve(align(a, ndim) if many_a else a, align(b, ndim) if many_b else b)
    return np.squeeze(ans, -1) if vector else ans


def indexed(c: Batch) -> Array:
    """Getting elements, and putting them back."""
    index = c.kwargs["index"]
    parts = index if isinstance(index, tuple) else (index,)
    if not c.live or not holds_many(index):
        if is_basic(index):
            c.kwargs["index"] = (slice(None), *parts)
            if c.op is scatter:
                c.kwargs["shape"] = (c.n, *c.kwargs["shape"])
            return c.run(c.args[0])
        # Examples along the last axis disturb no rule of where indices put their axes.
        behind = (*parts, *([slice(None)] if any(p is ... for p in parts) else [...]))
        last = np.moveaxis(c.args[0], 0, -1)
        if c.op is scatter:
            ans = scatter(last, shape=(*c.kwargs["shape"], c.n), index=behind)
        else:
            ans = getitem(last, behind)
        return np.moveaxis(ans, -1, 0)
    if any(np.result_type(p.values).kind == "b" for p in parts if isinstance(p, Many)):
        raise TypeError(
            f"vmap: {c.op.name} with a boolean mask that differs between examples cannot be "
            "batched: the shape of its result does; choose with np.where(mask, x, other)"
        )
    return picked_out(c.op, c.args[0], c.together[0], parts, c.kwargs, c.n)


def picked_out(op: Op, a: Array, many: bool, parts: Any, kw: dict[str, Any], n: int) -> Array:
    """`indexed` by integers that differ between examples."""
    arrays = [p for p in parts if not isinstance(p, slice | type(None) | type(Ellipsis))]
    ndim = max(np.ndim(p.values) - 1 if isinstance(p, Many) else np.ndim(p) for p in arrays)
    at = [i for i, p in enumerate(parts) if not isinstance(p, slice | type(None) | type(Ellipsis))]
    index = [align(p.values, ndim) if isinstance(p, Many) else p for p in parts]
    front: Array = np.arange(n).reshape((n, *[1] * ndim))
    size = len(kw["shape"]) if op is scatter else np.ndim(a) - many
    place = 0  # of the axes of the indices, in the answer of one example
    if at == list(range(at[0], at[-1] + 1)):
        used = sum(p is not None and p is not ... for p in parts)
        place = sum(size - used if p is ... else 1 for p in parts[: at[0]])
    own, moved = tuple(range(1, 1 + ndim)), tuple(range(1 + place, 1 + place + ndim))
    if op is scatter:
        values = a if many else np.broadcast_to(a, (n, *np.shape(a)))
        values = np.moveaxis(values, moved, own) if place else values
        return scatter(values, shape=(n, *kw["shape"]), index=(front, *index))
    full = a if many else np.broadcast_to(a, (n, *np.shape(a)))
    ans = getitem(full, (front, *index))
    return np.moveaxis(ans, own, moved) if place else ans


RULES: dict[Op, Rule] = {
    contract: contracted,
    elements: indexed,
    scatter: indexed,
    framed: padded,
    joined: together_along,
    layered: together_along,
    pieces: apart_along,
    ops.unstack: apart_along,
    ops.broadcast_to: stretched,
    ops.matmul: product,
    ops.transpose: transposed,
    matrices.solve: solved,
    ops.tril: triangle,
    ops.triu: triangle,
    **dict.fromkeys((ops.reshape, ops.squeeze, ops.expand_dims), reshaped),
    **dict.fromkeys((ops.swapaxes, ops.moveaxis, ops.flip, ops.roll, ops.rot90), numbered),
    **dict.fromkeys((ops.sum, ops.mean, ops.prod, ops.max, ops.min), reduction),
    **dict.fromkeys((ops.any, ops.all, ops.count_nonzero, norms.power_norm), reduction),
    **dict.fromkeys((ops.logsumexp, ops.softmax, ops.log_softmax), reduction),
    **dict.fromkeys((ops.cumsum, ops.cumprod, ops.sort, ops.argsort), scan),
    running_extreme: scan,
    **dict.fromkeys((ops.argmax, ops.argmin, ops.nanargmax, ops.nanargmin), place),
    **dict.fromkeys((ops.digitize, ops.isin), first_only),
    ops.searchsorted: second_only,
    **dict.fromkeys((ops.isclose, ops.iscomplex, ops.isreal, ops.isposinf, ops.isneginf), same),
    **dict.fromkeys((ops.copy, ops.astype, ops.real, ops.imag, nan_to_num, round_), same),
    **dict.fromkeys((matrices.inv, determinants.det, determinants.signed_logdet), same),
    determinants.cofactors: same,
    determinants.cofactors_along: alike,
    matrices.pseudo_inverse: same,
    **dict.fromkeys((factorisations.lower_cholesky, eigen.symmetric_eig), same),
    **dict.fromkeys((factorisations.tall_qr, factorisations.thin_svd), same),
    factorisations.svdvals: same,
    eigen.general_eig: same,
    **dict.fromkeys((fourier.forwards, fourier.backwards), same),
    **dict.fromkeys((fourier.real_forwards, fourier.real_backwards), same),
}
"""How an op makes room for the examples; elementwise ops need no row."""
