"""The builder: emits equations one by one, each as simple as it can be.

What only constants enter is computed at once, a rule of the op may return something
simpler instead, and what was computed before is not computed again.  The rules are in
`minigrad.program.simplify`; this page knows shapes, dtypes and constants.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Var, replaced, variables_in

Rule = Callable[..., Any]
FOLDED = 2**16
"""Largest array that constants are folded into."""


class Builder:
    """Emits equations, simplified.

    Attributes
    ----------
    equations : list of Equation
        What was emitted.
    made_by : dict
        Variable -> its equation.
    rules : dict
        Name of an op -> its rules, in the order in which they are tried.
    folding, sharing : bool
        Whether constants are computed, and what is computed twice is computed once.
    """

    def __init__(
        self, rules: dict[str, list[Rule]], folding: bool = True, sharing: bool = True
    ) -> None:
        self.equations: list[Equation] = []
        self.made_by: dict[Var, Equation] = {}
        self.rules = rules
        self.folding = folding
        self.sharing = sharing
        self._known: dict[Any, Any] = {}

    def emit(self, op: Op, *args: Any, **kwargs: Any) -> Any:
        """``op`` of variables and constants: a variable or a constant."""
        return self.emit_as(None, op, args, kwargs)

    def emit_as(self, like: Var | None, op: Op, args: Any, kwargs: Any) -> Any:
        """`emit`, where the result is known to be an array ``like`` a variable."""
        if self.folding and not any(
            True for x in (*args, *kwargs.values()) for _ in variables_in(x)
        ):
            folded = fold(op, args, kwargs)
            if folded is not None:
                return folded
        shape, dtype = (like.shape, like.dtype) if like else outcome(op, args, kwargs)
        for rule in self.rules.get(op.name, ()):
            simpler = rule(self, *args, **kwargs)
            if simpler is not None and shape_of(simpler) == shape and fits(simpler, dtype):
                return simpler
        return self.keep(op, args, kwargs, Var("t", shape, dtype))

    def keep(self, op: Op, args: Any, kwargs: Any, out: Any) -> Any:
        """``op`` as it is, unless it was emitted before."""
        key = (op, *map(key_of, args), *((k, key_of(v)) for k, v in sorted(kwargs.items())))
        if key not in self._known or not self.sharing:
            equation = Equation(out, op, tuple(args), dict(kwargs))
            self.equations.append(equation)
            for v in equation.outs:
                self.made_by[v] = equation
            self._known[key] = out
        return self._known[key]

    def knows(self, op: Op, *args: Any) -> bool:
        """Whether ``op`` of these was emitted before."""
        return (op, *map(key_of, args)) in self._known

    def match(self, x: Any, name: str) -> tuple[Any, ...] | None:
        """Arguments of the op that made ``x``, if it is the one called ``name``."""
        equation = self.made_by.get(x) if isinstance(x, Var) else None
        if equation is not None and equation.op.name == name:
            return equation.args
        return None


def key_of(x: Any) -> Any:
    """Something hashable that is equal for equal arguments."""
    if isinstance(x, Var):
        return id(x)
    if isinstance(x, np.ndarray):
        if x.size and not any(x.strides):
            return "full", x.shape, str(x.dtype), x.flat[0].tobytes()
        return id(x)
    if isinstance(x, tuple):
        return tuple(key_of(part) for part in x)
    if isinstance(x, slice):
        return "slice", x.start, x.stop, x.step
    return type(x), repr(x)


# --- shapes and dtypes -----------------------------------------------------------------


def shape_of(x: Any) -> tuple[int, ...]:
    return x.shape if isinstance(x, Var) else np.shape(x)


def fits(x: Any, dtype: Any) -> bool:
    """Whether ``x`` may stand where something of ``dtype`` stood."""
    return bool((x.dtype if hasattr(x, "dtype") else np.result_type(x)) == dtype)


@functools.lru_cache(maxsize=4096)
def _kind_of_result(op: Op, kinds: tuple[Any, ...]) -> Any:
    samples = [k(1) if isinstance(k, type) else np.ones((1,), k) for k in kinds]
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*samples)).dtype


def outcome(op: Op, args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of the result, found by computing as little as possible."""
    if op.elementwise and not kwargs:
        kinds = tuple(
            x.dtype if isinstance(x, Var | np.generic | np.ndarray) else type(x) for x in args
        )
        return np.broadcast_shapes(*map(shape_of, args)), _kind_of_result(op, kinds)
    if op.name == "matmul":
        (*batch, n, _k), (*others, _, m) = (two_axes(x, i) for i, x in enumerate(args))
        shape = (*np.broadcast_shapes(tuple(batch), tuple(others)), n, m)
        dropped = [axis for axis, x in zip((-2, -1), args, strict=True) if len(shape_of(x)) == 1]
        kept = tuple(s for i, s in enumerate(shape, -len(shape)) if i not in dropped)
        return kept, np.result_type(*(x.dtype for x in args))
    samples = [replaced(x, sample) for x in args]
    with np.errstate(all="ignore"):
        ans = op.forward(*samples, **{k: replaced(v, sample) for k, v in kwargs.items()})
    return np.shape(ans), np.asarray(ans).dtype


def two_axes(x: Any, place: int) -> tuple[int, ...]:
    """The shape of an operand of a matrix product, a vector as a row or a column."""
    shape = shape_of(x)
    return shape if len(shape) > 1 else ((1, *shape) if place == 0 else (*shape, 1))


def sample(v: Var) -> Any:
    """An array like ``v`` that takes no memory."""
    one = np.ones((), v.dtype) if v.dtype.kind == "f" else np.zeros((), v.dtype)
    return np.broadcast_to(one, v.shape) if v.shape else one[()]


def fold(op: Op, args: Any, kwargs: Any) -> Any:
    """The value of ``op`` on constants, if that is small enough to stand in a program."""
    small = [uniform(x) if uniform(x) is not None else x for x in args]
    if op.elementwise and not kwargs and any(isinstance(x, np.ndarray) for x in args):
        if any(isinstance(x, np.ndarray) for x in small):
            return None
        shape, dtype = outcome(op, args, kwargs)
        with np.errstate(all="ignore"):
            value = np.asarray(op.forward(*map(weakly, args, small)), dtype)
        return np.broadcast_to(value, shape)
    if sum(np.size(x) for x in args if isinstance(x, np.ndarray)) > FOLDED:
        return None
    with np.errstate(all="ignore"):
        ans = op.forward(*args, **kwargs)
    if isinstance(ans, tuple | list):
        return None
    return ans[()] if isinstance(ans, np.ndarray) and ans.ndim == 0 else ans


def weakly(x: Any, value: Any) -> Any:
    return value if isinstance(x, np.ndarray) else x


# --- constants -------------------------------------------------------------------------


def uniform(x: Any) -> Any:
    """The number that all elements of the constant ``x`` are; None if they differ."""
    if isinstance(x, bool | np.bool_):
        return None
    if isinstance(x, int | float | np.number):
        return x
    if isinstance(x, np.ndarray) and x.size and not any(x.strides) and x.dtype.kind != "b":
        return x.flat[0]
    return None


def number(x: Any) -> Any:
    """A constant as Python's number, which takes the dtype of what it is combined with."""
    c = uniform(x)
    return c.item() if isinstance(c, np.generic) else c


def is_(x: Any, value: float) -> bool:
    c = uniform(x)
    return c is not None and bool(c == value)
