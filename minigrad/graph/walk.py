"""The walk from an output back to what it was computed from.

It needs no sorting beforehand.  Nodes carry the number of their creation, and whatever
uses a node is newer than it; so the newest pending node always has its whole gradient,
and a heap hands it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, TypeVar

import numpy as np

from minigrad.constants import as_kept, itself
from minigrad.graph.contexts import inspector, modes, tracing
from minigrad.graph.nodes import AnyNode, Node1, Node2, Passive, Slots, next_seq, picked
from minigrad.ops.record import Op
from minigrad.ops.shape import broadcasts, unbroadcast
from minigrad.typing import Array

float64 = np.float64
ndarray = np.ndarray
N = TypeVar("N")
S = TypeVar("S")


def restore(node: AnyNode) -> None:
    """Give ``node`` back the values of constants that were written into since.

    Raises
    ------
    RuntimeError
        Where they are not known.
    """
    if isinstance(node, Node1) or node.kept is None:  # a Node1 has no constant
        return
    if modes.special and inspector.get() is not None and hasattr(node, "where"):
        return  # under `debug` any change is an error
    if isinstance(node, Node2):
        if node.pa is None:
            node.a = itself(node.kept, node.a)
        else:
            node.b = itself(node.kept, node.b)
    else:
        args = list(node.args)
        for i, was in node.kept.items():
            args[i] = itself(was, args[i])
        node.args = tuple(args)


def reached(*roots: AnyNode) -> set[AnyNode]:
    """All nodes that ``roots`` were computed from, and themselves."""
    seen = set(roots)
    stack = [*seen]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen


def ancestors(*roots: AnyNode) -> set[AnyNode]:
    """All that ``roots`` were computed from, and themselves, with their constants as they were."""
    seen = reached(*roots)
    for node in seen:
        if type(node) is not Node1:
            restore(node)
    return seen


def leaves(root: AnyNode) -> set[AnyNode]:
    """All leaves that ``root`` was computed from."""
    return {node for node in reached(root) if node.op is None}


def routes(
    start: N, onward: Callable[[N], Iterable[tuple[S, N]]], done: Callable[[N], bool]
) -> Iterator[list[S]]:
    """The ways from ``start`` to where it is ``done``, depth first, step by step.

    ``onward(node)`` gives the steps from there, each with where it leads.
    """
    route: list[S] = []
    stack = [iter(onward(start))]
    while stack:
        step, node = next(stack[-1], (None, None))
        if step is None or node is None:
            stack.pop()
            del route[-1:]
        elif done(node):
            yield [*route, step]
        else:
            route.append(step)
            stack.append(iter(onward(node)))


def backward_pass(
    seeds: list[tuple[AnyNode, Array]],
    wanted: Collection[AnyNode] | None = None,
    lift: Callable[[Array, AnyNode], Array] | None = None,
    ends: bool = False,
    limits: bool | str = True,
) -> dict[AnyNode, Array]:
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
    limits : bool or "traced"
        Whether `slope_at_zero` is asked, where the rules run on Tensors; in a trace, for
        whatever values there will be.

    Returns
    -------
    dict
        node -> gradient, for the wanted nodes that the outputs depend on.
    """
    inspect = inspector.get() if modes.special else None
    careful = inspect is not None or lift is not None
    if limits is True and modes.special and tracing.get() is not None:
        limits = False  # of no use to values of one call, which the program will not have
    node: Any
    oldest, inner = 0, False
    if wanted is not None:
        oldest = next_seq()
        for node in wanted:
            inner = inner or node.op is not None
            if node.seq < oldest:
                oldest = node.seq
    pending: dict[AnyNode, Array] = {}
    heap: list[tuple[int, AnyNode]] = []
    found: dict[AnyNode, Array] = {}

    def send(parent: AnyNode, c: Array) -> None:
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
    node = None
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
        try:
            if not careful and type(node) is Node2:  # as `contributions`, written out
                a, b, parent = node.a, node.b, node.pb
                if node.kept is not None:
                    if parent is None:
                        b = as_kept(node.kept, b)
                    else:
                        a = as_kept(node.kept, a)
                if parent is not None:
                    c = op.vjps[1](g, node.ans, a, b)
                    kind = type(c)
                    if kind is not type(b) or (
                        kind is not float64 and (c.shape != b.shape or c.dtype is not b.dtype)
                    ):
                        c = fit(c, b, op, 1)
                    if parent.op is None:
                        if wanted is None or parent in wanted:
                            found[parent] = found[parent] + c if parent in found else c
                    elif parent in pending:
                        pending[parent] = pending[parent] + c
                    else:
                        pending[parent] = c
                        heappush(heap, (-parent.seq, parent))
                parent = node.pa
                if parent is None:
                    node = None
                    continue
                c = op.vjps[0](g, node.ans, a, b)
            elif not careful and type(node) is Node1:
                a, parent, kwargs = node.a, node.parent, node.kwargs
                rule = op.vjps[0]
                c = rule(g, node.ans, a, **kwargs) if kwargs else rule(g, node.ans, a)
            else:
                for parent, c in contributions(node, g, lift, inspect, limits):
                    send(parent, c)
                node = None
                continue
            kind = type(c)
            if kind is not type(a) or (
                kind is not float64 and (c.shape != a.shape or c.dtype is not a.dtype)
            ):
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
    node: AnyNode,
    g: Array,
    lift: Callable[[Array, AnyNode], Array] | None,
    inspect: Any,
    limits: bool | str,
) -> Iterator[tuple[AnyNode, Array]]:
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
    slope = None
    if limits and lift is not None and op.half_square:
        slope = slope_at_zero(node, ans, g, lift, limits == "traced")
    if slope is not None:
        for argnum, parent in enumerate(parents):
            if parent is not None and type(parent) is not Passive:
                c = op.half_square[argnum](slope, ans, *values, **node.kwargs)
                yield parent, fit(c, args[argnum], op, argnum)
    vjps: Any = op.vjps
    together = vjps(g, ans, *values, **node.kwargs) if op.joint else ()
    for argnum, parent in enumerate(parents):
        if parent is not None and type(parent) is not Passive:
            rule = op.rule(argnum)
            assert rule is not None, f"{op.name} was recorded without a rule"
            c = together[argnum] if op.joint else rule(g, ans, *values, **node.kwargs)
            c = fit(c, args[argnum], op, argnum)
            if inspect is not None:
                inspect.after_rule(node, argnum, g, c)
            yield parent, c


MIXED = 32
"""Elements up to which a trace asks for the slope of each."""


def slope_at_zero(
    node: AnyNode, ans: Array, g: Array, lift: Callable[[Any, AnyNode], Any], traced: bool
) -> Array:
    """``dg / d ans`` where both are 0, and 0 elsewhere; None where that is so nowhere.

    With r for ``ans``, ``g r'`` is ``(g / r) (r² / 2)'``, and its derivative asks for the first
    factor at 0 / 0: which, after l'Hôpital, is what ``g`` has for a slope as a function of r.
    The gradient of f(‖x‖) so has a derivative at 0 where f is even: of ‖x‖², of cosh ‖x‖.
    ``traced``, it is computed for whatever values the program will be called with.
    """
    source = getattr(g, "node", None)
    if source is None:
        return None
    zero: Array = (node.ans == 0) & (g._value == 0)
    if not traced and not np.any(zero):
        return None

    def probe(seed: Array) -> Array:
        """The slopes, where every element of ``g`` depends on its own of ``ans`` alone."""
        found = backward_pass([(source, seed)], {node}, lift, ends=True, limits=False).get(node)
        return None if found is None else found * seed

    slope = probe(np.ones_like(g._value))
    if slope is None:
        return None
    if g._value.size > 1:
        signs = np.resize([1, -1, -1, 1, -1], g._value.shape).astype(g._value.dtype)
        values = [getattr(s, "_value", s) for s in (slope, probe(signs))]
        mixed = (values[0] != values[1]) & (traced | zero)
        if traced and np.count_nonzero(mixed) > MIXED:
            return None
        for i in np.argwhere(mixed):  # one by one, where elements depend on several
            alone = np.zeros_like(g._value)
            alone[tuple(i)] = 1
            slope = np.where(alone != 0, probe(alone), slope)
    if traced:
        zero = np.logical_and(np.equal(ans, 0), np.equal(g, 0))
    return np.where(zero, slope, 0)


def fit(c: Array, a: Array, op: Op, argnum: int) -> Array:
    """The contribution ``c`` to the gradient of ``a``, checked, in its shape and dtype.

    Raises
    ------
    ValueError, TypeError
        When the rule returned something that is no gradient of ``a``.
    """
    try:
        shape = a.shape
        if c.shape == shape and (c.dtype is a.dtype or c.dtype == a.dtype):
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
        shape = a.shape
    if c.shape != shape:
        if not op.elementwise or (shape and not broadcasts(shape, c.shape)):
            raise ValueError(
                f"{op.name}: the rule of argument {argnum} returned shape {c.shape} "
                f"for an argument of shape {shape}"
            )
        c = unbroadcast(c, shape)
        if c.dtype is a.dtype:
            return c
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
