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

from minigrad.autodiff.call import parted, unhidden, variable_for
from minigrad.autodiff.tangents import fitted, in_order, push_through, tangent
from minigrad.batch.rules import align
from minigrad.data import CONTINUOUS, NUMBERS, NUMERIC, locked
from minigrad.errors import failure
from minigrad.graph import (
    AnyNode,
    Dual,
    Nested,
    Variable,
    dual,
    inspector,
    is_asked_for,
    modes,
    pushing,
    reached,
    recording,
    tracing,
    variable,
)
from minigrad.ops.record import Op
from minigrad.tensor import Tensor, check_real, handed_out, no_derivative, operand, plainly, wrap
from minigrad.tree import flatten
from minigrad.typing import Array, Function, Index, Keywords

Lift = Callable[[Array, AnyNode], Array]
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
    outer: Pusher | None

    def __init__(self, n: int | None = None, limit: int = 0) -> None:
        self.n: int | None = n
        self.limit: int = limit
        self.outer = pushing.get()
        self.depth: int = 0 if self.outer is None else self.outer.depth + 1
        self.running: bool = True

    def dual(self, x: Tensor, t: Array) -> Tensor:
        """A Tensor of the value of ``x`` with tangent ``t``."""
        value, primal = x._value, x.node
        if type(primal) is Variable:
            primal = None
        if type(t) is Tensor and t.node is None:
            t = t._value
        return wrap(value, self.node_of(value, t, primal))

    def node_of(self, value: Array, t: Array, primal: AnyNode | None = None) -> Dual:
        """What carries the tangent ``t``."""
        if primal is None and type(t) is not Tensor:
            return dual(self, t, value)
        return Nested(self, t, value, primal)

    def apply(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        """``op`` with its tangent; None if it has none here, or if the graph is to keep it."""
        if op.vjps is None:
            return None
        if not op.complex:
            check_real(op, args, args, kwargs)
        if len(args) == 2 and op.elementwise and not kwargs:
            ans = self.slope(op, *args)
            if ans is not None:
                return ans
        if len(args) != op.arity or not kwargs.keys() <= op.metadata:
            args, kwargs = op.bind(args, kwargs)
        tangents: list[Array] = []
        mine = False
        for x in args:
            node = None
            if type(x) is Tensor:
                node = x.node
            elif isinstance(x, list | tuple):
                return self.apply(op, tuple(map(arrayed, args)), kwargs)
            if node is None:
                tangents.append(None)
            elif type(node) is Dual and node.pusher is self:
                tangents.append(node.tangent)
                mine = True
            else:
                return self.push_tensors(op, args, kwargs) if self.outermost(args) else None
        return self.push(op, args, tangents, kwargs) if mine else None

    def outermost(self, args: Sequence[Array]) -> bool:
        """Whether there are tangents of this pusher, and all others are pushed farther out.

        Those of somebody inside, who is done, are part of what was recorded.
        """
        nodes = [x.node for x in args if type(x) is Tensor and x.node is not None]
        pushers = [node.pusher if isinstance(node, Dual) else None for node in nodes]
        return self in pushers and all(
            p is self or (p is not None and p.depth < self.depth) for p in pushers
        )

    def element(self, x: Tensor, index: Index) -> Array:
        """``x[index]``, a basic index; None if `push` is not all."""
        node = x.node
        if type(node) is not Dual or node.pusher is not self:
            return None
        a, t = x._value, node.tangent
        try:
            ans = a[index]
        except Exception:
            return None  # told by `push`
        if type(ans) is ndarray:
            ans = locked(ans)
        if self.n is not None:
            index = (slice(None), *(index if type(index) is tuple else (index,)))
        return self.pushed(ans, t[index])

    def slope(self, op: Op, x: Array, y: Array) -> Array:
        """`push`, of an elementwise op of two operands, written out; None if that is not all."""
        if type(x) is Tensor:
            a, t, node = x._value, None, x.node
            if node is not None:
                if type(node) is not Dual or node.pusher is not self:
                    return None
                t = node.tangent
        elif type(x) in NUMBERS or (type(x) is ndarray and x.dtype.kind in NUMERIC):
            a, t = x, None
        else:
            return None
        if type(y) is Tensor:
            b, u, node = y._value, None, y.node
            if node is not None:
                if type(node) is not Dual or node.pusher is not self:
                    return None
                u = node.tangent
        elif type(y) in NUMBERS or (type(y) is ndarray and y.dtype.kind in NUMERIC):
            b, u = y, None
        else:
            return None
        if t is u is None or op.twin != 2 or op.jvp is not None:
            return None
        try:
            ans = op.forward(a, b)
        except Exception:
            return None  # told by `push`
        if type(ans) is ndarray and ans.dtype.kind == "f" and ans.ndim:
            ans.setflags(False)  # type: ignore[call-arg]
        elif type(ans) is not float64:
            ans = locked(ans)
            if ans.dtype.kind not in CONTINUOUS:
                return None
        if self.n is not None and type(ans) is ndarray:
            t, u = self.lined_up(t, ans), self.lined_up(u, ans)
        left, right = op.vjps  # type: ignore[misc]
        c = None if t is None else left(t, ans, a, b)  # type: ignore[misc]
        d = None if u is None else right(u, ans, a, b)  # type: ignore[misc]
        return self.pushed(ans, d if c is None else c if d is None else c + d)

    def lined_up(self, t: Array, ans: Array) -> Array:
        """A stack of tangents that broadcasts against ``ans``; refused if it would be too large."""
        if self.limit and ans.size * self.n > self.limit:
            raise TooLarge(ans.size)
        return t if t is None or len(t.shape) > len(ans.shape) else align(t, len(ans.shape))

    def pushed(self, ans: Array, t: Array) -> Tensor:
        """A Tensor of value ``ans`` with tangent ``t``, of its shape and dtype or close to it."""
        kind = type(ans)
        if self.n is not None:
            if t.shape != (self.n, *ans.shape) or t.dtype is not ans.dtype:
                t = fitted(t, ans, self.n)
        elif type(t) is not kind or (
            kind is not float64 and (t.shape != ans.shape or t.dtype is not ans.dtype)
        ):
            t = fitted(t, ans, None)
        node = new(Dual)  # `dual` and `wrap`, written out
        node.pusher, node.tangent, node.ans = self, t, ans
        x = new(Tensor)
        x._value, x.node = ans, node
        return x

    def push(
        self, op: Op, args: tuple[Array, ...], tangents: list[Array], kwargs: Keywords
    ) -> Array:
        """Values and tangents are arrays: nobody else looks on."""
        values = [x._value if type(x) is Tensor else operand(x)[0] for x in args]
        if kwargs:
            kwargs = {key: plainly(v) for key, v in kwargs.items()}
        try:
            ans = op.forward(*values, **kwargs)
        except Exception as error:
            raise failure(op, args, kwargs, error) from error
        if type(ans) is tuple or type(ans) is list:
            ans = tuple([locked(y) for y in ans])
        elif type(ans) is not float64:
            ans = locked(np.asarray(ans)) if isinstance(ans, int | float) else locked(ans)
            if ans.dtype.kind not in CONTINUOUS:
                return wrap(ans, None)
            if self.limit and ans.size * self.n > self.limit:
                raise TooLarge(ans.size)
        if not op.twin:
            self.check(op, args, kwargs, tangents)
        ts = tangent(op, values, tangents, kwargs, ans, self.n, live=False)
        if type(ans) is not tuple:
            return self.pushed(ans, ts)
        return tuple(
            [
                wrap(y, dual(self, t, y) if y.dtype.kind in CONTINUOUS else None)
                for y, t in zip(ans, ts, strict=True)
            ]
        )

    def push_tensors(self, op: Op, args: tuple[Array, ...], kwargs: Keywords) -> Array:
        """Values or tangents are themselves being differentiated, by whoever is outside."""
        token = pushing.set(self.outer)
        try:
            values, tangents = [], []
            for x in args:
                mine = type(x) is Tensor and isinstance(x.node, Dual) and x.node.pusher is self
                values.append(self.primal(x) if mine else x)
                tangents.append(x.node.tangent if mine else None)
            ans = op(*values, **kwargs)
            outputs = ans if type(ans) is tuple else (ans,)
            outputs = tuple([y if type(y) is Tensor else wrap(y, None) for y in outputs])
            if all(y.dtype.kind not in CONTINUOUS for y in outputs):
                return ans
            self.check(op, args, kwargs, tangents)
            whole = outputs if type(ans) is tuple else outputs[0]
            ts = tangent(op, values, tangents, kwargs, whole, self.n, live=True)
        finally:
            pushing.reset(token)
        duals = [
            self.dual(y, t) if y.dtype.kind in CONTINUOUS else y
            for y, t in zip(outputs, ts if type(ans) is tuple else (ts,), strict=True)
        ]
        return tuple(duals) if type(ans) is tuple else duals[0]

    def value(self, y: Array) -> Array:
        """A result as the caller gets it: plain, unless somebody else differentiates it."""
        if type(y) is not Tensor:
            return y
        if isinstance(y.node, Dual) and y.node.pusher is self:
            y = self.primal(y)
        if y.node is None or not any(map(self.stays, reached(y.node))):
            return y.data
        return y

    @staticmethod
    def primal(x: Tensor) -> Tensor:
        """The value of ``x`` without its tangent."""
        return wrap(x._value, x.node.parents[0] if x.node.op is variable else None)

    @staticmethod
    def check(op: Op, args: tuple[Array, ...], kwargs: Keywords, tangents: Any) -> None:
        vjps = op.vjps
        if type(vjps) is tuple and None in vjps:
            for i, (rule, t) in enumerate(zip(vjps, tangents, strict=True)):
                if rule is None and t is not None:
                    raise no_derivative(op, args, kwargs, i)

    def settled(self, outputs: Sequence[Array]) -> list[Array]:
        """Tensors of ``outputs``, with tangents in the place of what was recorded since.

        What depends on other things than the tangents of this pusher stays recorded.
        """
        answers = list(outputs)
        ready = [
            i
            for i, y in enumerate(outputs)
            if type(y) is Tensor
            and y.node is not None
            and not isinstance(y.node, Dual)
            and not any(map(self.stays, reached(y.node)))
        ]
        token = pushing.set(self.outer)
        try:
            found = self.tangents([outputs[i] for i in ready])
        finally:
            pushing.reset(token)
        for i, t in zip(ready, found, strict=True):
            value = outputs[i]._value
            answers[i] = wrap(value, None if t is None else self.node_of(value, t))
        return answers

    def stays(self, node: AnyNode) -> bool:
        """Whether somebody else may ask for a derivative by ``node``, or by its tangent."""
        if isinstance(node, Dual) and node.pusher is self:
            return node.op is variable or type(node.tangent) is Tensor
        return is_asked_for(node)

    def tangents(self, outputs: Sequence[Array]) -> list[Array]:
        """Tangents of Tensors; None where they depend on none."""
        answers: list[Array] = [None] * len(outputs)
        roots = {}
        for i, y in enumerate(outputs):
            if type(y) is Tensor and y.node is not None:
                if isinstance(y.node, Dual) and y.node.pusher is self:
                    answers[i] = y.node.tangent
                else:
                    roots[i] = y.node
        if roots:
            nodes = in_order(roots.values())
            known: dict[AnyNode, Array] = {
                node: node.tangent
                for node in nodes
                if isinstance(node, Dual) and node.pusher is self
            }
            live = tracing.get() is not None or any(map(self.stays, nodes))
            found = push_through(nodes, known, self.n, wrap if live else None)
            for i, root in roots.items():
                answers[i] = found.get(root)
        return answers


def arrayed(x: Array) -> Array:
    """A list that holds Tensors as a Tensor; another one as an array."""
    if not isinstance(x, list | tuple):
        return x
    from minigrad.ops import array

    return array(x)


def can_push(args: Sequence[Array]) -> bool:
    """Whether tangents can travel with the values: no value is recorded, no op watched."""
    if modes.special and (tracing.get() is not None or inspector.get() is not None):
        return False
    return all(
        type(x) is not Tensor or x.node is None or isinstance(x.node, Dual)
        for x in flatten(list(args))[0]
    )


def push_along(
    f: Function, args: Sequence[Array], tangents: Sequence[Array], kwargs: Keywords, pusher: Pusher
) -> tuple[list[Array], list[Array], Function]:
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


def handed(found: Sequence[Array], outputs: Sequence[Array], n: int | None = None) -> list[Array]:
    """Tangents that may be handed out: zeros for None, arrays that nobody else has."""
    front = () if n is None else (n,)
    full = {
        i: np.zeros((*front, *np.shape(y)), getattr(y, "dtype", None))[()] if t is None else t
        for i, (t, y) in enumerate(zip(found, outputs, strict=True))
    }
    return list(handed_out(full).values())  # type: ignore[arg-type]
