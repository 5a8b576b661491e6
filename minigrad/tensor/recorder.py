"""A recorder: what the door does with every call while a function is run once on stand-ins.

Everything is recorded, also what no gradient flows through: a trace reads a program off the
graph, and a batch does it again for many examples.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.data import CONTINUOUS, locked
from minigrad.errors import failure
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Leaf,
    Node,
    Passive,
    next_seq,
    pick,
    recording,
    variable,
)
from minigrad.ops.indexing import elements, settle_index, settled
from minigrad.ops.record import Op
from minigrad.tensor.door import check_real, no_derivative, operand, plainly, wrap
from minigrad.tensor.tensor import Tensor
from minigrad.tree import flatten
from minigrad.typing import Array, Index, Keywords


class Firm(float):
    """The largest that a whole number of NumPy's can be: beside arrays it counts as a double."""


class Truth(float):
    """The largest that one of Python's truth values can be, which count as 0 and 1."""


LAYOUT = frozenset(
    "axis axes axis1 axis2 ends k newshape pad_width s shape source destination".split()
)
"""Metadata that decide about shapes."""

COUNTED = {ops.histogram_bin_edges: 1}
"""Op -> the argument that does, if it is a number."""


class Recorder:
    """Records every op on what it has made stand-ins for, and on what comes from outside.

    Attributes
    ----------
    start : int
        Older nodes are from outside.
    captured : dict
        node -> Tensor, of Tensors that the function did not get as arguments; or what else
        has a value of its own.
    weak : dict
        node -> None, of Python's floats, which take the dtype of the arrays beside them; of
        whole numbers the largest that they can be.  Only a trace knows of any.
    """

    repeated = True
    """Whether what is recorded is run again, for other numbers."""
    fixed = False
    """Whether a shape that depends on values is what it is."""

    def __init__(self) -> None:
        self.start: int = next_seq()
        self.captured: dict[AnyNode, Array] = {}
        self.weak: dict[AnyNode | None, float | None] = {}
        self._outside: dict[int, tuple[Tensor, AnyNode]] = {}

    def stand_in(self, value: Array) -> Tensor:
        """A Tensor of ``value`` that everything is recorded from."""
        return wrap(value, Passive(None, (), (), NOTHING, value, next_seq()))

    def node_of(self, t: Tensor) -> AnyNode:
        """The node of a Tensor in this recording; one from outside is captured."""
        node = t.node
        if node is None:
            known = self._outside.get(id(t))
            if known is None:
                node = self.stand_in(t._value).node
                self.captured[node] = t
                self._outside[id(t)] = t, node
                return node  # type: ignore[no-any-return]
            return known[1]
        if (type(node) is Leaf or node.seq < self.start) and node not in self.captured:
            self.captured[node] = t
        return node  # type: ignore[no-any-return]

    def made(self, t: Tensor) -> bool:
        """Whether ``t`` was computed in this recording, or stands for an argument."""
        return t.node is not None and type(t.node) is not Leaf and t.node.seq >= self.start

    @staticmethod
    def recording() -> Any:
        """Whether gradients flow through what is done now."""
        return recording.get()

    def refuse(self, t: Tensor, what: str) -> None:
        """Raise: the value of ``t`` must not be looked at."""
        raise NotImplementedError

    def passive(self, t: Tensor) -> Tensor:
        """The same value, and no gradient flows through."""
        node = self.node_of(t)
        return wrap(
            t._value, Passive(variable, (t._value,), (node,), NOTHING, t._value, next_seq())
        )

    def apply(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        """``tensor.apply`` that records everything."""
        if op is settled:  # an index keeps its Tensors
            return self.index(args[0])
        if len(args) != op.arity or (kwargs and not kwargs.keys() <= op.metadata):
            args, kwargs = op.bind(args, kwargs)
        if op in COUNTED and not np.ndim(args[COUNTED[op]]):
            args = tuple(whole(x) if i == COUNTED[op] else x for i, x in enumerate(args))
        values, parents = self.operands(op, args)
        kept = {key: self.kept(v) for key, v in kwargs.items()}
        for key in LAYOUT & kept.keys():
            kept[key] = whole(kept[key])
        weak: Any = False
        if self.weak and not self.weak.keys().isdisjoint(parents):
            casts, weak = self.promoted(op, args, kept, values, parents)
            if casts is not None:
                return self.apply(op, casts, kwargs)
        if op.dynamic or (op is elements and any(map(is_mask, flatten(kept)[0]))):
            found = [x for x in (*args, *flatten(kept)[0]) if isinstance(x, Tensor)]
            if found and not self.fixed:
                self.refuse(found[-1], f"the shape of {op.name}() depends on values:")
        if not op.complex:
            check_real(op, args, values, kwargs)
        try:
            ans = op.forward(*values, **{key: read(v) for key, v in kept.items()})
        except Exception as error:
            raise failure(op, args, kwargs, error) from error
        recorded = any(p is not None for p in parents) or ops.holds_tensor(flatten(kept)[0])
        if op.by_shape or (op.vjps is None and not recorded):
            return ans
        several = isinstance(ans, tuple | list)
        ans = tuple(locked(np.asarray(y)) for y in ans) if several else locked(np.asarray(ans))
        node = self.node(op, args, values, parents, kept, ans) if recorded else None
        if weak is not False:
            self.weak[node] = weak
        if not several:
            return wrap(ans, node)
        return tuple(wrap(y, self.picked(node, i)) for i, y in enumerate(ans))

    def operands(self, op: Op, args: Sequence[Array]) -> tuple[list[Array], list[AnyNode | None]]:
        """The values of arguments, and where they come from."""
        values: list[Array] = []
        parents: list[AnyNode | None] = []
        for x in args:
            if isinstance(x, list | tuple) and ops.holds_tensor(x):
                x = ops.array(x)
            value, _, is_tensor = operand(x) if op.vjps is not None else (plainly(x), None, False)
            values.append(value)
            parents.append(self.node_of(x) if is_tensor or isinstance(x, Tensor) else None)
        return values, parents

    def promoted(
        self,
        op: Op,
        args: tuple[Array, ...],
        kept: object,
        values: list[Array],
        parents: Sequence[AnyNode | None],
    ) -> tuple[tuple[Array, ...] | None, Any]:
        """How Python's numbers among the arguments count; `Tracer` knows."""
        raise NotImplementedError

    def firm(self, t: Tensor) -> Tensor:
        """``t`` as the array that NumPy makes of it, if it is one of Python's numbers."""
        if t.node not in self.weak:
            return t
        size = self.weak[t.node]
        array: Tensor = self.apply(ops.reshape, (t, ()), {})
        if size is not None and type(size) is not Truth:
            self.weak[array.node] = Firm(size)
        return array

    def strong(self, ans: Array) -> Array:
        """What a function of NumPy's gave, which is no number of Python's."""
        for t in ans if isinstance(ans, tuple | list) else [ans]:
            if isinstance(t, Tensor) and t.node in self.weak:
                size = self.weak.pop(t.node)
                if size is not None and type(size) is not Truth:
                    self.weak[t.node] = Firm(size)
        return ans

    def index(self, index: Index) -> Array:
        """An index with arrays of its own; Tensors stay."""
        if isinstance(index, tuple):
            return tuple(self.index(part) for part in index)
        if isinstance(index, list) and ops.holds_tensor(index):
            return ops.array(index)
        return settle_index(index)

    def kept(self, v: Array) -> Array:
        """Metadata that nobody can change later; Tensors stay, as part of this trace."""
        if isinstance(v, Tensor):
            return wrap(v._value, self.node_of(v))
        if isinstance(v, list | tuple):
            return tuple(self.kept(part) for part in v)
        if type(v) is np.ndarray and v.flags.writeable:
            return locked(v.copy())
        return v

    def node(
        self,
        op: Op,
        args: Sequence[Array],
        values: list[Array],
        parents: Sequence[AnyNode | None],
        kwargs: Keywords,
        ans: Array,
    ) -> Node:
        """What the call leaves behind; passive unless a gradient flows through."""
        active = [p is not None and type(p) is not Passive for p in parents]
        floating = type(ans) is tuple or ans.dtype.kind in CONTINUOUS
        kind = (
            Node
            if op.vjps is not None and any(active) and floating and recording.get()
            else Passive
        )
        if kind is Node and type(op.vjps) is tuple:
            for i, (rule, flows) in enumerate(zip(op.vjps, active, strict=True)):
                if rule is None and flows:
                    raise no_derivative(op, args, kwargs, i)
        return kind(op, tuple(values), tuple(parents), kwargs, ans, next_seq())

    def picked(self, node: AnyNode | None, index: int) -> AnyNode | None:
        """The node of one of several outputs."""
        if node is None:
            return None
        y = node.ans[index]
        kind = Node if type(node) is Node and y.dtype.kind in CONTINUOUS else Passive
        return kind(pick, (node.ans,), (node,), {"index": index}, y, next_seq())


def whole(v: Any) -> Any:
    """Whole numbers as Python's; looking at what varies is refused."""
    if isinstance(v, tuple):
        return tuple(map(whole, v))
    number = isinstance(v, np.ndarray) and not v.shape
    return operator.index(v) if number or isinstance(v, Tensor | np.integer) else v


def read(v: Array) -> Array:
    """Metadata with the values of its Tensors."""
    if isinstance(v, tuple):
        return tuple(read(part) for part in v)
    return v._value if isinstance(v, Tensor) else v


def is_mask(v: Array) -> bool:
    return isinstance(v, Tensor) and v.dtype.kind == "b"


def tensors_in(v: Array) -> Iterator[Tensor]:
    """The Tensors among metadata."""
    if isinstance(v, Tensor):
        yield v
    elif isinstance(v, tuple | dict):
        for part in v.values() if isinstance(v, dict) else v:
            yield from tensors_in(part)
