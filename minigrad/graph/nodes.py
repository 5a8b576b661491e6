"""What one operation leaves behind: which op, on what values, from which nodes.

A node holds its inputs and never the Tensor that it produced, so a graph has no cycles and
goes away with the last reference to its end.  Nothing here knows ``Tensor``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np

from minigrad.ops.record import Op
from minigrad.typing import Array, Keywords

next_seq: Callable[[], int] = count(1).__next__

NOTHING: Keywords = {}
"""The metadata of ops without."""


class Node:
    """One recorded operation.

    Attributes
    ----------
    op : Op or None
        The record of the operation; None for a leaf.
    args : tuple
        Raw values of its arrays (arrays, NumPy scalars, Python numbers).
    parents : tuple of (Node or None)
        Where each array came from; None for a constant.
    kwargs : dict
        Metadata (axis, shape, ...).
    ans : array
        The value it produced; a tuple of them for an op of several outputs.
    seq : int
        Number of its creation: inputs are always older.
    where : debug.Provenance, unset unless recorded under ``debug``
        The call and the line that recorded it.
    kept : dict or None
        Of constants that could change: place among ``args`` -> what `constants.keep` made of
        them (of `Node2`: that alone, for there is one at most).
    """

    where: Any
    op: Op | None
    args: tuple[Array, ...]
    parents: tuple[AnyNode | None, ...]
    kwargs: Keywords
    ans: Array
    seq: int
    kept: Any
    grad: Array
    __slots__ = ("ans", "args", "grad", "kept", "kwargs", "op", "parents", "seq", "where")

    def __init__(
        self,
        op: Op | None,
        args: tuple[Array, ...],
        parents: tuple[AnyNode | None, ...],
        kwargs: Keywords,
        ans: Array,
        seq: int,
    ) -> None:
        self.op = op
        self.args = args
        self.parents = parents
        self.kwargs = kwargs
        self.ans = ans
        self.seq = seq
        self.kept = None

    def __repr__(self) -> str:
        return f"<node {self.seq}: {self.op.name if self.op else 'leaf'}>"


class Node1:
    """Node's twin for one array; same attributes, less memory and less work.

    Made empty, by `node1` and `node2`: an ``__init__`` would double the cost.
    """

    __slots__ = ("a", "ans", "grad", "kwargs", "op", "parent", "seq", "where")
    grad: Array
    op: Op
    a: Array
    parent: AnyNode
    kwargs: Keywords
    ans: Array
    seq: int
    where: Any

    @property
    def args(self) -> tuple[Array, ...]:
        return (self.a,)

    @property
    def parents(self) -> tuple[AnyNode | None, ...]:
        return (self.parent,)

    def __repr__(self) -> str:
        return Node.__repr__(self)  # type: ignore[arg-type]


class Node2:
    """Node's twin for two arrays without metadata."""

    __slots__ = ("a", "ans", "b", "grad", "kept", "op", "pa", "pb", "seq", "where")
    grad: Array
    kwargs: ClassVar[dict[str, Any]] = {}
    op: Op
    a: Array
    b: Array
    pa: AnyNode | None
    pb: AnyNode | None
    ans: Array
    seq: int
    where: Any
    kept: Any

    @property
    def args(self) -> tuple[Array, ...]:
        return (self.a, self.b)

    @property
    def parents(self) -> tuple[AnyNode | None, ...]:
        return (self.pa, self.pb)

    def __repr__(self) -> str:
        return Node.__repr__(self)  # type: ignore[arg-type]


def node1(op: Op, a: Array, parent: AnyNode, kwargs: Keywords, ans: Array) -> Node1:
    """A new node of one array."""
    node = Node1()
    node.op = op
    node.a = a
    node.parent = parent
    node.kwargs = kwargs
    node.ans = ans
    node.seq = next_seq()
    return node


def node2(op: Op, a: Array, b: Array, pa: AnyNode | None, pb: AnyNode | None, ans: Array) -> Node2:
    """A new node of two arrays."""
    node = Node2()
    node.op = op
    node.a = a
    node.b = b
    node.pa = pa
    node.pb = pb
    node.ans = ans
    node.seq = next_seq()
    node.kept = None
    return node


class Leaf(Node):
    """Where differentiation ends: a Tensor made with ``requires_grad=True``."""

    __slots__ = ("__weakref__",)
    op: Op | None
    args: tuple[Array, ...]
    parents: tuple[AnyNode | None, ...]
    ans: Array
    seq: int
    kept: Any
    grad: Array

    def __init__(self) -> None:
        self.op = self.ans = self.kept = None
        self.args = self.parents = ()
        self.kwargs = NOTHING
        self.seq = next_seq()
        self.grad = None
        if type(self) is Leaf:
            living.add(self)


living: WeakSet[Leaf] = WeakSet()
"""Leaves that people made and hold: a function may close over one, and `grad` of it then
answers in Tensors."""


class Variable(Leaf):
    """A leaf that a gradient function (``grad``, ``vjp``, ...) made of an argument."""

    __slots__ = ()


class Dual(Variable):
    """Where forward mode pushes a tangent along: the value is not recorded, its tangent is here.

    Made empty, by `dual`, as `Node1` is.

    Attributes
    ----------
    tangent : array or Tensor
        Of the shape of the value, or with an axis for several tangents in front.
    pusher : object
        Who pushes it along: a Dual of somebody else is a constant to him.
    """

    __slots__ = ("pusher", "tangent")
    op: Op | None = None
    args: tuple[Array, ...] = ()
    parents: tuple[AnyNode | None, ...] = ()
    kwargs: Keywords = NOTHING
    kept: Any = None
    seq: int = 0
    ans: Array
    grad: Array
    pusher: Any
    tangent: Array

    def __init__(self) -> None:
        pass


def dual(pusher: object, tangent: Array, value: Array) -> Dual:
    """A new node of ``value`` with a tangent, which nobody else differentiates."""
    node = Dual()
    node.pusher = pusher
    node.tangent = tangent
    node.ans = value
    return node


class Nested(Dual):
    """A Dual whose value, or whose tangent, is itself being differentiated."""

    __slots__ = ("args", "op", "parents", "seq")
    op: Op | None
    args: tuple[Array, ...]
    parents: tuple[AnyNode | None, ...]
    seq: int

    def __init__(
        self, pusher: object, tangent: Array, value: Array, primal: AnyNode | None
    ) -> None:
        self.pusher = pusher
        self.tangent = tangent
        self.ans = value
        self.seq = next_seq()
        if primal is None:
            self.op, self.args, self.parents = None, (), ()
        else:  # a copy of it
            self.op, self.args, self.parents = variable, (value,), (primal,)


running: set[AnyNode] = set()
"""Variables of the calls whose function is running: a caller may ask for their gradients."""


def is_alive(leaf: AnyNode) -> bool:
    """Whether somebody may still ask for a derivative by ``leaf``."""
    if isinstance(leaf, Dual):
        return bool(leaf.pusher.running)
    return not isinstance(leaf, Variable) or leaf in running


def is_asked_for(node: AnyNode) -> bool:
    """Whether somebody may still ask for a derivative by ``node`` itself: as `is_alive`, or a
    copy of what an outer call differentiates by, which is no leaf.
    """
    return node in running or (node.op is None and is_alive(node))


class Passive(Node):
    """What a trace records besides: inputs, integers, masks.  No gradient flows through."""

    __slots__ = ()


AnyNode = Node | Node1 | Node2

variable: Op = Op(
    "variable",
    lambda x: x,
    (lambda g, ans, x: g,),
    linear="jointly",
    complex=True,
    doc="A fresh name for a value.",
)
"""What a gradient function makes of an argument that is itself being differentiated."""


# --- several outputs -------------------------------------------------------------------


class Slots(dict[int, Any]):
    """Gradients of an op's several outputs, by index; missing ones are zero."""

    def __add__(self, other: Slots) -> Slots:
        total = Slots(self)
        for i, g in other.items():
            total[i] = total[i] + g if i in total else g
        return total

    def filled(self, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(self[i] if i in self else np.zeros_like(y) for i, y in enumerate(outputs))


pick: Op = Op(
    "pick",
    lambda outputs, index: outputs[index],
    (lambda g, ans, outputs, index: Slots({index: g}),),
    complex=True,
    doc="One output of an op that has several.",
)


def picked(node: AnyNode, index: int) -> Node:
    """The node of output ``index`` of ``node``."""
    return Node(pick, (node.ans,), (node,), {"index": index}, node.ans[index], next_seq())
