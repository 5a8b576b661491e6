"""Forward mode: tangents pushed along while a function runs.

Where nothing else is recorded, tangents travel with the values, and what is no longer
needed goes (`Pusher`).  Through what was recorded they are pushed afterwards, in the order
of recording (`push_through`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad.autodiff.call import F, parted, unhidden, variable_for
from minigrad.autodiff.tangents import fitted, push_through, tangent
from minigrad.batch import Batch, align, rule_of
from minigrad.data import CONTINUOUS, NUMBERS, NUMERIC, settle
from minigrad.errors import failure
from minigrad.graph import (
    NOTHING,
    AnyNode,
    Dual,
    Variable,
    ancestors,
    inspector,
    is_asked_for,
    modes,
    next_seq,
    pushing,
    recording,
    tracing,
    variable,
)
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, check_real, handed_out, no_derivative, operand, plainly, wrap
from minigrad.tree import flatten

Lift = Callable[[Any, AnyNode], Any]
float64 = np.float64
ndarray = np.ndarray
new = object.__new__


class TooLarge(Exception):
    """So many tangents at once would not fit; the argument is the size of one."""


class Pusher:
    """Pushes tangents along while a function runs; what the door asks while one is at work.

    Attributes
    ----------
    n : int or None
        As for `tangent`.
    limit : int
        Largest number of elements that all tangents of one value may have; 0 for any.
    outer : Pusher or None
        Who pushes the tangents of the tangents.
    depth : int
        How many of them there are.
    running : bool
        Whether the function still runs: somebody will ask for tangents.
    """

    __slots__ = ("depth", "limit", "n", "outer", "running")
    outer: Any

    def __init__(self, n: int | None = None, limit: int = 0) -> None:
        self.n: int | None = n
        self.limit: int = limit
        self.outer = pushing.get()
        self.depth: int = 0 if self.outer is None else self.outer.depth + 1
        self.running: bool = True

    def dual(self, x: Tensor, t: Any) -> Tensor:
        """A Tensor of the value of ``x`` with tangent ``t``."""
        value, primal = x._value, x.node
        if type(primal) is Variable:
            primal = None
        if type(t) is Tensor and t.node is None:
            t = t._value
        return wrap(value, Dual(self, t, value, primal))

    def apply(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``op`` with its tangent; None if it has none here, or if the graph is to keep it."""
        if op.vjps is None or not recording.get():
            return None
        if not op.complex:
            check_real(op, args, args, kwargs)
        if op.elementwise and op.jvp is None and not kwargs and len(args) <= 2:
            ans = self.slope(op, *args)
            if ans is not None:
                return ans
        if len(args) != op.arity or (kwargs and not kwargs.keys() <= op.metadata):
            args, kwargs = op.bind(args, kwargs)
        if op.linear == "jointly" and op.jvp is None:
            if kwargs:
                kwargs = {key: plainly(v) for key, v in kwargs.items()}
            ans = self.moved(op, args, kwargs)
            if ans is not None:
                return ans
        mine, plain = False, True
        for x in args:
            if type(x) is Tensor:
                node = x.node
                if node is None:
                    continue
                if type(node) is not Dual:
                    return None
                if node.pusher is self:
                    mine = True
                    plain = plain and node.op is None and type(node.tangent) is not Tensor
                elif node.pusher.depth < self.depth:
                    plain = False
                else:  # of somebody inside, who is done: part of what was recorded
                    return None
            elif isinstance(x, list | tuple):
                return self.apply(op, tuple(map(arrayed, args)), kwargs)
        if not mine:
            return None
        return self.push(op, args, kwargs) if plain else self.push_tensors(op, args, kwargs)

    def slope(self, op: Op, x: Any, y: Any = None) -> Any:
        """`push`, with what is common written out: one or two operands, nobody looks on."""
        if type(x) is Tensor:
            a, node = x._value, x.node
            if node is None:
                t = None
            elif type(node) is Dual and node.pusher is self and node.op is None:
                t = node.tangent
                if type(t) is Tensor:
                    return None
            else:
                return None
        elif type(x) in NUMBERS or (type(x) is ndarray and x.dtype.kind in NUMERIC):
            a, t = x, None
        else:
            return None
        rules: Any = op.vjps
        if y is None:
            if t is None or op.twin != 1:
                return None
            ans = op.forward(a)
            if type(ans) is not float64:
                ans = settle(ans)
                if ans.dtype.kind not in CONTINUOUS:
                    return None
            if self.n is not None:
                t = self.lined_up(t, ans)
            return self.pushed(ans, rules[0](t, ans, a))
        if type(y) is Tensor:
            b, node = y._value, y.node
            if node is None:
                u = None
            elif type(node) is Dual and node.pusher is self and node.op is None:
                u = node.tangent
                if type(u) is Tensor:
                    return None
            else:
                return None
        elif type(y) in NUMBERS or (type(y) is ndarray and y.dtype.kind in NUMERIC):
            b, u = y, None
        else:
            return None
        if (t is None and u is None) or op.twin != 2:
            return None
        try:
            ans = op.forward(a, b)
        except Exception:
            return None  # told by `push`
        if type(ans) is not float64:
            ans = settle(ans)
            if ans.dtype.kind not in CONTINUOUS:
                return None
        if self.n is not None:
            t, u = self.lined_up(t, ans), self.lined_up(u, ans)
        if t is None:
            return self.pushed(ans, rules[1](u, ans, a, b))
        c = rules[0](t, ans, a, b)
        return self.pushed(ans, c if u is None else c + rules[1](u, ans, a, b))

    def moved(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`push` for an op that is linear in all its arrays, and may but move elements about.

        The metadata hold no Tensors.
        """
        values, tangents, mine, whole = [], [], False, True
        for x in args:
            t = None
            if type(x) is Tensor:
                node = x.node
                if node is not None:
                    if type(node) is not Dual or node.pusher is not self or node.op is not None:
                        return None
                    t, mine = node.tangent, True
                    if type(t) is Tensor:
                        return None
                x = x._value
            elif type(x) not in NUMBERS and (type(x) is not ndarray or x.dtype.kind not in NUMERIC):
                return None
            values.append(x)
            tangents.append(t)
            whole = whole and t is not None
        if not mine:
            return None
        try:
            ans = op.forward(*values, **kwargs)
        except Exception:
            return None  # told by `push`
        if type(ans) is not float64:
            if type(ans) is tuple or type(ans) is list:
                return None
            ans = settle(ans)
            if ans.dtype.kind not in CONTINUOUS:
                return None
        n = self.n
        if not whole:
            front = () if n is None else (n,)
            tangents = [
                np.zeros((*front, *np.shape(a)), np.result_type(a)) if t is None else t
                for a, t in zip(values, tangents, strict=True)
            ]
        if n is None:
            return self.pushed(ans, op.forward(*tangents, **kwargs))
        if self.limit and ans.size * n > self.limit:
            raise TooLarge(ans.size)
        rule = rule_of(op)
        if rule is None:
            return None
        shapes = [np.shape(a) for a in values]
        together = [True] * len(values)
        t = rule(Batch(op, tangents, dict(kwargs), together, shapes, ans.shape, n))
        return None if t is None else self.pushed(ans, t)

    def lined_up(self, t: Any, ans: Any) -> Any:
        """A stack of tangents that broadcasts against ``ans``; refused if it would be too large."""
        if self.limit and ans.size * self.n > self.limit:
            raise TooLarge(ans.size)
        return t if t is None or len(t.shape) > len(ans.shape) else align(t, len(ans.shape))

    def pushed(self, ans: Any, t: Any) -> Tensor:
        """A Tensor of value ``ans`` with tangent ``t``, of its shape and dtype or close to it."""
        kind = type(ans)
        if self.n is not None or type(t) is not kind:
            t = fitted(t, ans, self.n)
        elif kind is not float64 and (t.shape != ans.shape or t.dtype is not ans.dtype):
            t = fitted(t, ans, None)
        node = new(Dual)  # `Dual`, written out
        node.pusher, node.tangent, node.ans = self, t, ans
        node.op, node.args, node.parents, node.kwargs = None, (), (), NOTHING
        node.grad, node.kept, node.seq = None, None, next_seq()
        x = new(Tensor)
        x._value, x.node = ans, node
        return x

    def push(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Values and tangents are arrays: nobody else looks on."""
        values, tangents = [], []
        for x in args:
            if type(x) is Tensor:
                values.append(x._value)
                tangents.append(None if x.node is None else x.node.tangent)
            else:
                values.append(operand(x)[0])
                tangents.append(None)
        if kwargs:
            kwargs = {key: plainly(v) for key, v in kwargs.items()}
        try:
            ans = op.forward(*values, **kwargs)
        except Exception as error:
            raise failure(op, args, kwargs, error) from error
        if type(ans) is tuple or type(ans) is list:
            ans = tuple([settle(y) for y in ans])
        elif type(ans) is not float64:
            ans = settle(np.asarray(ans)) if isinstance(ans, int | float) else settle(ans)
            if ans.dtype.kind not in CONTINUOUS:
                return wrap(ans, None)
        self.check(op, args, kwargs, tangents)
        if self.limit and type(ans) is not tuple and ans.size * self.n > self.limit:
            raise TooLarge(ans.size)
        ts = tangent(op, values, tangents, kwargs, ans, self.n)
        if type(ans) is tuple:
            return tuple(
                [
                    wrap(y, Dual(self, t, y, None) if y.dtype.kind in CONTINUOUS else None)
                    for y, t in zip(ans, ts, strict=True)
                ]
            )
        return self.pushed(ans, ts)

    def push_tensors(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Values or tangents are themselves being differentiated, by whoever is outside."""
        token = pushing.set(self.outer)
        try:
            values, tangents = [], []
            for x in args:
                mine = type(x) is Tensor and type(x.node) is Dual and x.node.pusher is self
                values.append(self.primal(x) if mine else x)
                tangents.append(x.node.tangent if mine else None)
            ans = op(*values, **kwargs)
            outputs = ans if type(ans) is tuple else (ans,)
            outputs = tuple([y if type(y) is Tensor else wrap(y, None) for y in outputs])
            if all(y.dtype.kind not in CONTINUOUS for y in outputs):
                return ans
            self.check(op, args, kwargs, tangents)
            whole = outputs if type(ans) is tuple else outputs[0]
            ts = tangent(op, values, tangents, kwargs, whole, self.n)
        finally:
            pushing.reset(token)
        duals = [
            self.dual(y, t) if y.dtype.kind in CONTINUOUS else y
            for y, t in zip(outputs, ts if type(ans) is tuple else (ts,), strict=True)
        ]
        return tuple(duals) if type(ans) is tuple else duals[0]

    def value(self, y: Any) -> Any:
        """A result as the caller gets it: plain, unless somebody else differentiates it."""
        if type(y) is not Tensor:
            return y
        if type(y.node) is Dual and y.node.pusher is self:
            y = self.primal(y)
        if y.node is None or not any(map(self.stays, ancestors(y.node))):
            return y.data
        return y

    @staticmethod
    def primal(x: Tensor) -> Tensor:
        """The value of ``x`` without its tangent."""
        return wrap(x._value, x.node.parents[0] if x.node.op is variable else None)

    @staticmethod
    def check(op: Op, args: Any, kwargs: Any, tangents: Any) -> None:
        vjps = op.vjps
        if type(vjps) is tuple and None in vjps:
            for i, (rule, t) in enumerate(zip(vjps, tangents, strict=True)):
                if rule is None and t is not None:
                    raise no_derivative(op, args, kwargs, i)

    def settled(self, outputs: Sequence[Any]) -> list[Any]:
        """Tensors of ``outputs``, with tangents in the place of what was recorded since.

        What depends on other things than the tangents of this pusher stays recorded.
        """
        answers = list(outputs)
        ready = [
            i
            for i, y in enumerate(outputs)
            if type(y) is Tensor
            and y.node is not None
            and type(y.node) is not Dual
            and not any(map(self.stays, ancestors(y.node)))
        ]
        token = pushing.set(self.outer)
        try:
            found = self.tangents([outputs[i] for i in ready])
        finally:
            pushing.reset(token)
        for i, t in zip(ready, found, strict=True):
            value = outputs[i]._value
            answers[i] = wrap(value, None if t is None else Dual(self, t, value, None))
        return answers

    def stays(self, node: AnyNode) -> bool:
        """Whether somebody else may ask for a derivative by ``node``, or by its tangent."""
        if type(node) is Dual and node.pusher is self:
            return node.op is variable or type(node.tangent) is Tensor
        return is_asked_for(node)

    def tangents(self, outputs: Sequence[Any]) -> list[Any]:
        """Tangents of Tensors; None where they depend on none."""
        answers: list[Any] = [None] * len(outputs)
        roots = {}
        for i, y in enumerate(outputs):
            if type(y) is Tensor and y.node is not None:
                if type(y.node) is Dual and y.node.pusher is self:
                    answers[i] = y.node.tangent
                else:
                    roots[i] = y.node
        if roots:
            nodes = {node for root in roots.values() for node in ancestors(root)}
            known: dict[AnyNode, Any] = {
                node: node.tangent for node in nodes if type(node) is Dual and node.pusher is self
            }
            live = tracing.get() is not None or any(map(self.stays, nodes))
            found = push_through(roots.values(), known, self.n, wrap if live else None)
            for i, t in zip(roots, found, strict=True):
                answers[i] = t
        return answers


def arrayed(x: Any) -> Any:
    """A list that holds Tensors as a Tensor; another one as an array."""
    if not isinstance(x, list | tuple):
        return x
    from minigrad.ops import array

    return array(x)


def can_push(args: Sequence[Any]) -> bool:
    """Whether tangents can travel with the values: no value is recorded, no op watched."""
    if modes.special and (tracing.get() is not None or inspector.get() is not None):
        return False
    return all(
        type(x) is not Tensor or x.node is None or type(x.node) is Dual
        for x in flatten(list(args))[0]
    )


def push_along(
    f: F, args: Sequence[Any], tangents: Sequence[Any], kwargs: Any, pusher: Pusher
) -> tuple[list[Any], list[Any], F]:
    """Call ``f`` with tangents on the leaves of ``args`` (None: on none).

    Returns
    -------
    values, tangents : list
        Of the leaves of what ``f`` returned; the tangents may be handed out.
    rebuild : callable
        What puts leaves in the structure of what ``f`` returned.
    """
    leaves, rebuild = flatten(list(args))
    duals = [
        x if t is None else pusher.dual(x if type(x) is Tensor else variable_for(x, False), t)
        for x, t in zip(leaves, tangents, strict=True)
    ]
    try:
        on = nullcontext() if recording.get() else modes.set(recording, True)
        with modes.set(pushing, pusher), on:
            result = f(*rebuild(duals), **kwargs)
        outputs, rebuild = parted(result, pusher.value)
        unhidden(outputs)
        values = [pusher.value(y) for y in outputs]
        with nullcontext() if recording.get() else modes.set(recording, True):
            found = pusher.tangents(outputs)
    finally:
        pusher.running = False
    return values, handed(found, outputs, pusher.n), rebuild


def handed(found: Sequence[Any], outputs: Sequence[Any], n: int | None = None) -> list[Any]:
    """Tangents that may be handed out: zeros for None, arrays that nobody else has."""
    front = () if n is None else (n,)
    full = {
        i: np.zeros((*front, *np.shape(y)), getattr(y, "dtype", None))[()] if t is None else t
        for i, (t, y) in enumerate(zip(found, outputs, strict=True))
    }
    return list(handed_out(full).values())  # type: ignore[arg-type]
