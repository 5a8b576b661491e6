"""Tangents of one op, by the rules that pull gradients back, and of what was recorded.

No op has a second rule.  An elementwise rule is its own transpose; an op that is linear
pushes tangents through its forward function; everywhere else the rule is linear in the
gradient that it is given, so that its derivative by that gradient is the derivative forward.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.batch import at_once, batched
from minigrad.batch.rules import Many, align
from minigrad.data import CONTINUOUS
from minigrad.graph import (
    AnyNode,
    Passive,
    Variable,
    ancestors,
    backward_pass,
    inspector,
    modes,
    pick,
    picked,
    pushing,
    tracing,
    variable,
)
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, wrap
from minigrad.typing import Array, Keywords

Lift = Callable[[Array, AnyNode], Array]
float64 = np.float64
ndarray = np.ndarray
SEQ = operator.attrgetter("seq")


# --- one op ----------------------------------------------------------------------------


def tangent(
    op: Op,
    args: Sequence[Array],
    tangents: Sequence[Array],
    kwargs: Keywords,
    ans: Array,
    n: int | None,
    live: bool,
) -> Array:
    """The tangent of what ``op`` returned, given those of its arguments (None: zero).

    Parameters
    ----------
    args, ans
        Arrays, or Tensors where what is done with them is to be recorded.
    n : int or None
        None for one tangent; else the length of an axis in front of each of them.
    live : bool
        Whether there may be Tensors.

    Returns
    -------
    array or Tensor, or a tuple of them
        In the shape and dtype of ``ans``, with the axis in front.
    """
    if op.jvp is not None:
        pushed = op.jvp(tangents, ans, *args, **kwargs)
    elif op.elementwise:
        pushed = through_rules(op, args, tangents, kwargs, ans, n)
    elif op.linear == "jointly":
        given = [t is not None for t in tangents]
        full = tangents
        if not all(given):
            pairs = zip(args, tangents, strict=True)
            full = [np.zeros_like(a) if t is None else t for a, t in pairs]
        pushed = through(op, full, given, args, kwargs, ans, n, live)
    elif op.linear == "each":
        pushed = None
        for i, t in enumerate(tangents):
            if t is not None:
                mixed = [*args[:i], t, *args[i + 1 :]]
                only = [i == k for k in range(len(args))]
                part = through(op, mixed, only, args, kwargs, ans, n, live)
                pushed = part if pushed is None else pushed + part
    elif n is None:
        pushed = transposed(op, args, tangents, kwargs, ans)
    else:
        pushed = one_after_the_other(op, args, tangents, kwargs, ans, n)
    if type(ans) is tuple:
        return tuple([fitted(t, y, n) for t, y in zip(pushed, ans, strict=True)])
    return fitted(pushed, ans, n)


def through_rules(
    op: Op,
    args: Sequence[Array],
    tangents: Sequence[Array],
    kwargs: Keywords,
    ans: Array,
    n: int | None,
) -> Array:
    """An elementwise rule multiplies by the slope, forward as well as backward."""
    total: Array = None
    ndim = len(ans.shape)
    for rule, t in zip(op.vjps, tangents, strict=True):  # type: ignore[arg-type]
        if t is not None:
            assert rule is not None, f"{op.name} has no rule for one of its arguments"
            if n is not None and len(t.shape) <= ndim:
                t = align(t, ndim)
            c = rule(t, ans, *args, **kwargs) if kwargs else rule(t, ans, *args)
            total = c if total is None else total + c
    return total


def through(
    op: Op,
    full: Any,
    together: Any,
    args: Sequence[Array],
    kwargs: Keywords,
    ans: Array,
    n: int | None,
    live: bool,
) -> Array:
    """``op`` itself, of arguments with tangents in their places, which ``together`` tells."""
    if n is not None:
        return at_once(op, full, kwargs, together, args, ans, n, live)
    return op(*full, **kwargs) if live else op.forward(*full, **kwargs)


def stand_in(y: Array) -> Tensor:
    """Zeros like ``y``, to differentiate by."""
    node = Variable()
    node.ans = np.zeros(np.shape(y), y.dtype)[()]
    return wrap(node.ans, node)


def transposed(
    op: Op, args: Sequence[Array], tangents: Sequence[Array], kwargs: Keywords, ans: Array
) -> Array:
    """The derivative, by the gradient ``u``, of what the rules make of ``u`` and the tangents."""
    outputs = ans if type(ans) is tuple else (ans,)
    us = [
        stand_in(y)
        if y.dtype.kind in CONTINUOUS
        else wrap(np.zeros(np.shape(y), y.dtype)[()], None)
        for y in outputs
    ]
    u = tuple(us) if type(ans) is tuple else us[0]
    live = any(type(x) is Tensor for x in (*args, *tangents, *outputs))
    token = pushing.set(None)
    try:
        along: Array = 0.0
        for i, t in enumerate(tangents):
            if t is not None:
                rule = op.rule(i)
                assert rule is not None, f"{op.name} has no rule for argument {i}"
                c = rule(u, ans, *args, **kwargs) * t
                along = along + (np.real(c) if c.dtype.kind == "c" else c).sum()
        if type(along) is not Tensor or along.node is None:
            found: dict[AnyNode, Array] = {}
        else:
            wanted = {v.node for v in us if v.node is not None}
            found = backward_pass([(along.node, along.seed())], wanted, wrap if live else None)
    finally:
        pushing.reset(token)
    answers = tuple(
        [found[v.node] if v.node in found else np.zeros(v.shape, v.dtype)[()] for v in us]
    )
    return answers if type(ans) is tuple else answers[0]


def one_after_the_other(
    op: Op, args: Sequence[Array], tangents: Sequence[Array], kwargs: Keywords, ans: Array, n: int
) -> Array:
    """Many tangents by transposed rules: recorded for one, and done again for all."""
    token = pushing.set(None)
    try:
        known: dict[AnyNode, Array] = {}
        ones: list[Array] = []
        for a, t in zip(args, tangents, strict=True):
            if t is None:
                ones.append(None)
                continue
            one = stand_in(np.broadcast_to(t.dtype.type(0), np.shape(a)))
            known[one.node] = Many(t)
            ones.append(one)
        pushed = transposed(op, args, ones, kwargs, ans)
        outputs = pushed if type(pushed) is tuple else (pushed,)
        live = any(type(x) is Tensor for x in (*args, *tangents))
        roots = [y.node for y in outputs if type(y) is Tensor and y.node is not None]
        found = dict(zip(roots, batched(roots, known, n, wrap if live else None), strict=True))
        answers = []
        for y in outputs:
            many = found.get(y.node) if type(y) is Tensor else None
            if isinstance(many, Many):
                answers.append(many.values)
            else:
                answers.append(np.zeros((n, *np.shape(y)), y.dtype))
    finally:
        pushing.reset(token)
    return tuple(answers) if type(pushed) is tuple else answers[0]


def fitted(t: Array, y: Array, n: int | None) -> Array:
    """The tangent ``t`` in the shape and dtype of the value ``y``."""
    kind = type(t)
    if kind is float64 and type(y) is float64 and n is None:
        return t
    shape = y.shape if n is None else (n, *y.shape)
    if kind is float or kind is int or kind is complex:
        t = np.asarray(t)[()]
    if t.shape != shape:
        t = np.broadcast_to(t, shape)
    if t.dtype is y.dtype or t.dtype == y.dtype or y.dtype.kind not in CONTINUOUS:
        return t
    if t.dtype.kind == "c" and y.dtype.kind != "c":
        t = np.real(t)
    return t.astype(y.dtype)


# --- what was recorded -----------------------------------------------------------------


def push_through(
    nodes: Iterable[AnyNode],
    known: Mapping[AnyNode, Array],
    n: int | None = None,
    lift: Lift | None = None,
) -> dict[AnyNode, Array]:
    """Tangents of ``nodes``, from ``known`` ones; those that depend on none of them have none.

    Parameters
    ----------
    nodes : iterable of nodes
        As `in_order` has them.
    known : dict
        node -> its tangent.
    n : int or None
        As for `tangent`.
    lift : callable, optional
        As for `minigrad.graph.backward_pass`.
    """
    found = dict(known)
    inspect = inspector.get() if modes.special and tracing.get() is None else None
    for node in nodes:
        op = node.op
        if op is None or node in found or type(node) is Passive:
            continue
        ts = [None if p is None else found.get(p) for p in node.parents]
        if all(t is None for t in ts):
            continue
        if op is pick:
            found[node] = ts[0][node.kwargs["index"]]  # type: ignore[index]
        elif op is variable:
            found[node] = ts[0]
        else:
            found[node] = tangent(op, *lifted(node, ts, lift), n, lift is not None)
            if inspect is not None:
                argnum = next(i for i, t in enumerate(ts) if t is not None)
                inspect.after_rule(node, argnum, ts[argnum], found[node])
    return found


def in_order(roots: Iterable[AnyNode]) -> list[AnyNode]:
    """All that ``roots`` were computed from, and themselves, in the order of recording."""
    return sorted(ancestors(*roots), key=SEQ)


def lifted(node: AnyNode, ts: list[Array], lift: Lift | None) -> tuple[Array, Array, Array, Array]:
    """Arguments, tangents, metadata and answer of a node, as Tensors if they are to be recorded."""
    if lift is None:
        return node.args, ts, node.kwargs, node.ans
    args = [
        a if p is None or type(a) is tuple else lift(a, p)
        for a, p in zip(node.args, node.parents, strict=True)
    ]
    ans = node.ans
    if type(ans) is tuple:
        ans = tuple([lift(y, picked(node, i)) for i, y in enumerate(ans)])
    else:
        ans = lift(ans, node)
    return args, ts, node.kwargs, ans
