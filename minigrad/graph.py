"""The recorded graph and the walk that turns it into gradients.

A node is what one operation leaves behind: which op, on what values, from which nodes.
It holds its inputs and never the Tensor that it produced, so a graph has no cycles and
goes away with the last reference to its end.  Nothing here knows ``Tensor``.

The walk needs no sorting beforehand.  Nodes carry the number of their creation, and
whatever uses a node is newer than it; so the newest pending node always has its whole
gradient, and a heap hands it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from minigrad.constants import as_kept
from minigrad.ops.record import Op
from minigrad.ops.shape import broadcasts, unbroadcast

float64 = np.float64
ndarray = np.ndarray
next_seq = count(1).__next__

NOTHING: dict[str, Any] = {}
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
    kept : dict, unset unless there are constants that could change
        Place among ``args`` -> what `constants.keep` made of it (of `Node2`: that alone).
    """

    where: Any
    kept: Any
    __slots__ = ("ans", "args", "kept", "kwargs", "op", "parents", "seq", "where")

    def __init__(
        self,
        op: Op | None,
        args: tuple[Any, ...],
        parents: tuple[AnyNode | None, ...],
        kwargs: dict[str, Any],
        ans: Any,
        seq: int,
    ) -> None:
        self.op = op
        self.args = args
        self.parents = parents
        self.kwargs = kwargs
        self.ans = ans
        self.seq = seq

    def __repr__(self) -> str:
        return f"<node {self.seq}: {self.op.name if self.op else 'leaf'}>"


class Node1:
    """Node's twin for one array; same attributes, less memory and less work.

    Made empty, by `node1`, `node2` and the door: an ``__init__`` would double the cost.
    """

    __slots__ = ("a", "ans", "kwargs", "op", "parent", "seq", "where")
    op: Op
    a: Any
    parent: AnyNode
    kwargs: dict[str, Any]
    ans: Any
    seq: int
    where: Any

    @property
    def args(self) -> tuple[Any, ...]:
        return (self.a,)

    @property
    def parents(self) -> tuple[AnyNode | None, ...]:
        return (self.parent,)

    __repr__ = Node.__repr__


class Node2:
    """Node's twin for two arrays without metadata."""

    __slots__ = ("a", "ans", "b", "kept", "op", "pa", "pb", "seq", "where")
    kwargs: ClassVar[dict[str, Any]] = {}
    op: Op
    a: Any
    b: Any
    pa: AnyNode | None
    pb: AnyNode | None
    ans: Any
    seq: int
    where: Any
    kept: Any

    @property
    def args(self) -> tuple[Any, ...]:
        return (self.a, self.b)

    @property
    def parents(self) -> tuple[AnyNode | None, ...]:
        return (self.pa, self.pb)

    __repr__ = Node.__repr__


def node1(op: Op, a: Any, parent: AnyNode, kwargs: dict[str, Any], ans: Any) -> Node1:
    """A new node of one array."""
    node = Node1()
    node.op, node.a, node.parent, node.kwargs = op, a, parent, kwargs
    node.ans, node.seq = ans, next_seq()
    return node


def node2(op: Op, a: Any, b: Any, pa: AnyNode | None, pb: AnyNode | None, ans: Any) -> Node2:
    """A new node of two arrays."""
    node = Node2()
    node.op, node.a, node.b, node.pa, node.pb = op, a, b, pa, pb
    node.ans, node.seq = ans, next_seq()
    return node


class Leaf(Node):
    """Where differentiation ends: a Tensor made with ``requires_grad=True``."""

    __slots__ = ("grad",)
    made: ClassVar[bool] = False
    """Whether any was, other than by gradient functions."""

    def __init__(self) -> None:
        self.op = self.ans = None
        self.args = self.parents = ()
        self.kwargs = NOTHING
        self.seq = next_seq()
        self.grad: Any = None
        if type(self) is Leaf:
            Leaf.made = True


class Variable(Leaf):
    """A leaf that a gradient function (``grad``, ``vjp``, ...) made of an argument."""

    __slots__ = ()


class Dual(Variable):
    """Where forward mode pushes a tangent along: the value is not recorded, its tangent is here.

    Attributes
    ----------
    tangent : array or Tensor
        Of the shape of the value, or with an axis for several tangents in front.
    pusher : object
        Who pushes it along: a Dual of somebody else is a constant to him.
    """

    __slots__ = ("pusher", "tangent")

    def __init__(self, pusher: Any, tangent: Any, value: Any, primal: AnyNode | None) -> None:
        self.pusher = pusher
        self.tangent = tangent
        self.ans = value
        self.kwargs = NOTHING
        self.seq = next_seq()
        self.grad = None
        if primal is None:
            self.op, self.args, self.parents = None, (), ()
        else:  # a value that is itself being differentiated: a copy of it
            self.op, self.args, self.parents = variable, (value,), (primal,)


running: set[AnyNode] = set()
"""Variables of the calls whose function is running: a caller may ask for their gradients."""


def is_alive(leaf: AnyNode) -> bool:
    """Whether somebody may still ask for a derivative by ``leaf``."""
    if type(leaf) is Dual:
        return bool(leaf.pusher.running)
    return not isinstance(leaf, Variable) or leaf in running


class Passive(Node):
    """What a trace records besides: inputs, integers, masks.  No gradient flows through."""

    __slots__ = ()


AnyNode = Node | Node1 | Node2

variable = Op(
    "variable",
    lambda x: x,
    (lambda g, ans, x: g,),
    linear="jointly",
    complex=True,
    doc="A fresh name for a value.",
)
"""What a gradient function makes of an argument that is itself being differentiated."""


# --- modes -----------------------------------------------------------------------------


class Modes:
    """What this thread (or task) does beyond plain recording.

    ``special`` counts the contexts open in *any* thread.  It is all that the fast paths
    look at; only while it is not zero do they pay for the context variables.
    """

    __slots__ = ("lock", "special")

    def __init__(self) -> None:
        self.special = 0
        self.lock = Lock()

    @contextmanager
    def set(self, variable: ContextVar[Any], value: Any) -> Iterator[None]:
        with self.lock:
            self.special += 1
        try:
            token = variable.set(value)
            try:
                yield
            finally:
                variable.reset(token)
        finally:
            with self.lock:
                self.special -= 1


modes = Modes()
recording: ContextVar[bool] = ContextVar("recording", default=True)
inspector: ContextVar[Any] = ContextVar("inspector", default=None)
tracing: ContextVar[Any] = ContextVar("tracing", default=None)
pushing: ContextVar[Any] = ContextVar("pushing", default=None)
writing: ContextVar[Any] = ContextVar("writing", default=None)
"""What ``t[index] = value`` does where a function that writes into its arrays is recorded."""


def no_grad() -> Any:
    """Context (or decorator) in which nothing is recorded, in this thread only.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.Tensor(2.0, requires_grad=True)
    >>> with mg.no_grad():
    ...     (w * 3).requires_grad
    False
    """
    return modes.set(recording, False)


# --- several outputs -------------------------------------------------------------------


class Slots(dict[int, Any]):
    """Gradients of an op's several outputs, by index; missing ones are zero."""

    def __add__(self, other: Slots) -> Slots:
        total = Slots(self)
        for i, g in other.items():
            total[i] = total[i] + g if i in total else g
        return total

    def filled(self, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self[i] if i in self else np.zeros_like(y) for i, y in enumerate(outputs))


pick = Op(
    "pick",
    lambda outputs, index: outputs[index],
    (lambda g, ans, outputs, index: Slots({index: g}),),
    complex=True,
    doc="One output of an op that has several.",
)


def picked(node: AnyNode, index: int) -> Node:
    """The node of output ``index`` of ``node``."""
    return Node(pick, (node.ans,), (node,), {"index": index}, node.ans[index], next_seq())


# --- the walk --------------------------------------------------------------------------


def is_leaf(node: AnyNode) -> bool:
    """Whether differentiation ends here."""
    return node.op is None


def restore(node: AnyNode) -> None:
    """Give ``node`` back the values of constants that were written into since.

    Raises
    ------
    RuntimeError
        Where they are not known.
    """
    kept = getattr(node, "kept", None)
    if kept is None or (modes.special and inspector.get() is not None and hasattr(node, "where")):
        return  # under `debug` any change is an error
    if type(node) is Node2:
        if node.pa is None:
            node.a = as_kept(kept, node.a)
        else:
            node.b = as_kept(kept, node.b)
    elif isinstance(node, Node):
        args = list(node.args)
        for i, was in kept.items():
            args[i] = as_kept(was, args[i])
        node.args = tuple(args)


def ancestors(root: AnyNode) -> set[AnyNode]:
    """All nodes that ``root`` was computed from, and itself, with their constants as they were."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        restore(node)
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


def leaves(root: AnyNode) -> set[AnyNode]:
    """All leaves that ``root`` was computed from."""
    return {node for node in ancestors(root) if node.op is None}


def backward_pass(
    seeds: list[tuple[AnyNode, Any]],
    wanted: Collection[AnyNode] | None = None,
    lift: Callable[[Any, AnyNode], Any] | None = None,
    ends: bool = False,
) -> dict[AnyNode, Any]:
    """Gradients of the sum of ``seed * output`` over the given outputs.

    Parameters
    ----------
    seeds : list of (node, gradient of its value)
        The list is emptied, so that nodes (and what they saved) are freed as soon as
        the walk is past them, unless the caller holds on to them.
    wanted : nodes, optional
        Whose gradients to return; all leaves by default.
    lift : callable, optional
        ``lift(value, node)`` makes a Tensor of a saved value; given, the rules run on
        Tensors and so are themselves recorded.
    ends : bool
        Whether the walk ends at the wanted nodes, also where others lie behind.

    Returns
    -------
    dict
        node -> gradient, for the wanted nodes that the outputs depend on.
    """
    inspect = inspector.get() if modes.special else None
    careful = inspect is not None or lift is not None
    oldest, inner = 0, False
    if wanted is not None:
        oldest = min([node.seq for node in wanted], default=next_seq())
        inner = not all(map(is_leaf, wanted))
    pending: dict[AnyNode, Any] = {}
    heap: list[tuple[int, AnyNode]] = []
    found: dict[AnyNode, Any] = {}

    def send(parent: AnyNode, c: Any) -> None:
        """Add ``c`` to what ``parent`` has received; a leaf passes nothing on."""
        if parent.op is None:
            if wanted is None or parent in wanted:
                found[parent] = found[parent] + c if parent in found else c
        elif parent in pending:
            pending[parent] = pending[parent] + c
        else:
            pending[parent] = c
            heappush(heap, (-parent.seq, parent))

    while seeds:
        send(*seeds.pop())
    node: Any = None
    while heap or node is not None:
        if node is None:
            node = heappop(heap)[1]
            g = pending.pop(node)
        if node.seq < oldest:
            break
        if inner and node in wanted:  # type: ignore[operator]
            found[node] = g
            if ends:
                node = None
                continue
        op: Any = node.op
        kind = type(node)
        try:
            if kind is Node or careful:
                for parent, c in contributions(node, g, lift, inspect):
                    send(parent, c)
                node = None
                continue
            # The twins: what `contributions` does, written out.
            if kind is Node2:
                if (node.pb is None and type(node.b) is ndarray) or (
                    node.pa is None and type(node.a) is ndarray
                ):
                    restore(node)
                a, b, parent = node.a, node.b, node.pb
                if parent is not None:
                    c = op.vjps[1](g, node.ans, a, b)
                    if type(c) is not float64 or type(b) is not float64:
                        c = fit(c, b, op, 1)
                    send(parent, c)
                parent = node.pa
                if parent is None:
                    node = None
                    continue
                c = op.vjps[0](g, node.ans, a, b)
            else:
                a, parent, kwargs = node.a, node.parent, node.kwargs
                rule = op.vjps[0]
                c = rule(g, node.ans, a, **kwargs) if kwargs else rule(g, node.ans, a)
            if type(c) is not float64 or type(a) is not float64:
                c = fit(c, a, op, 0)
        except Exception as error:
            error.add_note(f"in the derivative of {op.name}{site_of(node)}")
            raise
        if parent.op is not None and (not heap or -parent.seq < heap[0][0]):
            node, g = parent, c  # the newest of all: it need not wait in the heap
        else:
            node = None
            send(parent, c)
    return found


def contributions(
    node: AnyNode, g: Any, lift: Callable[[Any, AnyNode], Any] | None, inspect: Any
) -> Iterator[tuple[AnyNode, Any]]:
    """What ``node`` passes back: each parent with its share of the gradient."""
    op, parents, ans = node.op, node.parents, node.ans
    assert op is not None
    if inspect is not None:
        inspect.before_rules(node, g)
    restore(node)
    args = node.args
    if type(ans) is tuple:
        g = g.filled(ans)
    values = args
    if lift is not None:
        values = tuple(
            a if p is None or type(a) is tuple else lift(a, p)
            for a, p in zip(args, parents, strict=True)
        )
        if type(ans) is tuple:
            ans = tuple(lift(y, picked(node, i)) for i, y in enumerate(ans))
        else:
            ans = lift(ans, node)
    if op.joint:
        together = op.vjps(g, ans, *values, **node.kwargs)  # type: ignore[operator, misc]
        for argnum, (parent, c) in enumerate(zip(parents, together, strict=True)):
            if parent is not None:
                c = fit(c, args[argnum], op, argnum)
                if inspect is not None:
                    inspect.after_rule(node, argnum, g, c)
                yield parent, c
        return
    for argnum, parent in enumerate(parents):
        if parent is not None and type(parent) is not Passive:
            rule = op.rule(argnum)
            assert rule is not None, f"{op.name} was recorded without a rule"
            c = fit(rule(g, ans, *values, **node.kwargs), args[argnum], op, argnum)
            if inspect is not None:
                inspect.after_rule(node, argnum, g, c)
            yield parent, c


def fit(c: Any, a: Any, op: Op, argnum: int) -> Any:
    """The contribution ``c`` to the gradient of ``a``, checked, in its shape and dtype.

    Raises
    ------
    ValueError, TypeError
        When the rule returned something that is no gradient of ``a``.
    """
    try:
        if c.shape == a.shape and (c.dtype is a.dtype or c.dtype == a.dtype):
            return c
    except AttributeError:
        if isinstance(c, Slots):
            return c
        if not isinstance(c, int | float | complex):
            raise TypeError(
                f"{op.name}: the rule of argument {argnum} returned {type(c).__name__}; "
                "it must return an array of the argument's shape"
            ) from None
        c = np.complex128(c) if isinstance(c, complex) else float64(c)
    if c.shape != a.shape:
        if op.elementwise and broadcasts(a.shape, c.shape):
            c = unbroadcast(c, a.shape)
        else:
            raise ValueError(
                f"{op.name}: the rule of argument {argnum} returned shape {c.shape} "
                f"for an argument of shape {a.shape}"
            )
    kind = c.dtype.kind
    if kind == "c" and op.complex and a.dtype.kind != "c":
        c = np.real(c)  # the loss changes by the real part of gradient times change
    elif kind not in "fiubc" or (kind == "c" and a.dtype.kind != "c"):
        raise TypeError(
            f"{op.name}: the rule of argument {argnum} returned dtype {c.dtype} "
            f"for an argument of dtype {a.dtype}"
        )
    return c if c.dtype == a.dtype else c.astype(a.dtype)


def site_of(node: AnyNode) -> str:
    """Where ``node`` was recorded, when that is known."""
    site = getattr(node, "where", None)
    return "" if site is None else f", recorded at {site}"
