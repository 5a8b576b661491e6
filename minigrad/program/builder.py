"""The builder: emits equations one by one, each as simple as it can be.

What only constants enter is computed at once, a rule of the op may return something
simpler instead, and what was computed before is not computed again.  The rules are in
`minigrad.program.algebra` and its neighbours; this page knows shapes, dtypes and
constants, and takes no answer of a rule that has others than the original.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Var, substitute, variables_in
from minigrad.typing import Array, Axis, Function, Keywords, Operand

Rule = Function
Rules = dict[Op, list[Rule]]
LARGE = 2**10
"""Rows of matrices that are looked at."""
NONE: Mapping[Var, Any] = MappingProxyType({})
FOLDED = 2**16
"""Largest array that constants are folded into."""


@dataclass(frozen=True)
class Full:
    """A rule's answer: a number or a variable, broadcast to the shape that is wanted."""

    of: Operand


class Builder:
    """Emits equations, simplified.

    Attributes
    ----------
    equations : list of Equation
        What was emitted.
    made_by : dict
        Variable -> its equation.
    rules : dict
        Op -> its rules, in the order in which they are tried.
    folding, sharing : bool
        Whether constants are computed, and what is computed twice is computed once.
    constants : dict
        Variable -> the array that it stands for.
    signed : bool
        Whether somebody sees which sign a zero of what is emitted now has.
    """

    signed: bool
    unfolded: frozenset[Op] = frozenset()
    """Ops that are not computed even of constants."""

    def __init__(
        self,
        rules: Rules,
        folding: bool = True,
        sharing: bool = True,
        constants: Mapping[Var, Array] = NONE,
    ) -> None:
        self.equations: list[Equation] = []
        self.made_by: dict[Var, Equation] = {}
        self.rules = rules
        self.folding = folding
        self.sharing = sharing
        self.constants = constants
        self.signed = False
        self._known: dict[Hashable, Var] = {}
        self._outcomes: dict[Hashable, tuple[tuple[int, ...], Any]] = {}

    def emit(self, op: Op, *args: Operand, **kwargs: Any) -> Operand:
        """``op`` of variables and constants: a variable or a constant."""
        return self.emit_as(None, op, args, kwargs)

    def emit_as(
        self, like: Var | None, op: Op, args: Sequence[Operand], kwargs: Keywords
    ) -> Operand:
        """`emit`, where the result is known to be an array ``like`` a variable."""
        folding = self.folding and op not in self.unfolded
        if folding and all_constant(args) and (not kwargs or all_constant(kwargs.values())):
            folded = fold(op, args, kwargs)
            if folded is not None and like is not None:
                folded = with_dtype(folded, like.dtype) if shape_of(folded) == like.shape else None
            if folded is not None:
                return folded
        shape, dtype = (like.shape, like.dtype) if like else self.outcome(op, args, kwargs)
        for rule in self.rules.get(op, ()):
            simpler = rule(self, *args, **kwargs)
            if type(simpler) is Full:
                simpler = self.stretched(simpler.of, shape, dtype)
            if simpler is not None and shape_of(simpler) == shape and has_dtype(simpler, dtype):
                return simpler if like is None else with_dtype(simpler, dtype)
        return self.keep(op, args, kwargs, Var("t", shape, dtype))

    def stretched(self, x: Operand, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Operand:
        """``x``, which has as many entries or fewer, in that shape."""
        if isinstance(x, Var):
            return x if x.shape == shape else self.emit(ops.broadcast_to, x, shape=shape)
        return np.broadcast_to(dtype.type(x), shape)[()]

    def replay(
        self, equations: Iterable[Equation], value: dict[Var, Operand], signed: Container[Var] = ()
    ) -> Iterator[tuple[Equation, Operand]]:
        """Equations emitted anew; ``value`` tells what became of the variables before them.

        Yields each equation of one output with what it is now.  ``signed`` are variables of
        which somebody sees the sign of a zero.
        """
        for e in equations:
            args, kwargs = e.filled(lambda v: value.get(v, v))
            if isinstance(e.out, tuple):
                value.update(zip(e.out, self.keep(e.op, args, kwargs, e.out), strict=True))
                continue
            self.signed = e.out in signed
            value[e.out] = self.emit_as(e.out, e.op, args, kwargs)
            yield e, value[e.out]

    def keep(self, op: Op, args: Any, kwargs: Any, out: Any) -> Any:
        """``op`` as it is, unless it was emitted before."""
        key = self.key(op, args, kwargs)
        if key not in self._known or not self.sharing:
            equation = Equation(out, op, tuple(args), dict(kwargs))
            self.equations.append(equation)
            for v in equation.outs:
                self.made_by[v] = equation
            self._known[key] = out
        return self._known[key]

    @staticmethod
    def key(op: Op, args: Sequence[Operand], kwargs: Keywords) -> Any:
        """What is equal for equations that compute the same."""
        if not kwargs:
            return (op, *map(key_of, args))
        return (op, *map(key_of, args), *((k, key_of(v)) for k, v in sorted(kwargs.items())))

    def knows(self, op: Op, *args: Operand, **kwargs: Any) -> bool:
        """Whether ``op`` of these was emitted before."""
        return self.key(op, args, kwargs) in self._known

    def call(self, made: Equation, v: Operand) -> None:
        """Let ``v`` stand for what ``made`` computes, wherever that is emitted again."""
        self._known[self.key(made.op, made.args, made.kwargs)] = v

    def made(self, x: Operand, op: Op) -> Equation | None:
        """The equation of ``x``, if it is one of ``op``."""
        equation = self.made_by.get(x) if isinstance(x, Var) else None
        return equation if equation is not None and equation.op is op else None

    def match(self, x: Operand, op: Op) -> tuple[Operand, ...] | None:
        """Arguments of the op that made ``x``, if it is ``op``."""
        equation = self.made_by.get(x) if isinstance(x, Var) else None
        return equation.args if equation is not None and equation.op is op else None

    def outcome(
        self, op: Op, args: Sequence[Operand], kwargs: Keywords
    ) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        """`outcome`, found once for arguments of one kind."""
        if op.elementwise and not kwargs:
            return outcome(op, args, kwargs)
        key = (
            op,
            *((x.shape, x.dtype) if isinstance(x, Var) else key_of(x) for x in args),
            *((k, key_of(v)) for k, v in sorted(kwargs.items())),
        )
        if key not in self._outcomes:
            self._outcomes[key] = outcome(op, args, kwargs)
        return self._outcomes[key]


def all_constant(xs: Iterable[Operand]) -> bool:
    """Whether there is no variable among ``xs``."""
    for x in xs:
        if type(x) is Var or (isinstance(x, tuple | list) and any(True for _ in variables_in(x))):
            return False
    return True


def key_of(x: Operand) -> Any:
    """Something hashable that is equal for equal arguments."""
    if isinstance(x, Var):
        return id(x)
    if isinstance(x, np.ndarray):
        if x.size and not any(x.strides) and not x.dtype.hasobject:
            return "full", x.shape, str(x.dtype), x.flat[0].tobytes()
        return id(x)
    if isinstance(x, tuple):
        return tuple(key_of(part) for part in x)
    if isinstance(x, slice):
        return "slice", x.start, x.stop, x.step
    return type(x), repr(x)


# --- shapes and dtypes -----------------------------------------------------------------


def shape_of(x: Operand) -> tuple[int, ...]:
    return x.shape if isinstance(x, Var) else np.shape(x)


def axes_of(x: Operand, axis: Axis) -> set[int]:
    """The axes of ``x`` that a reduction along ``axis`` is over."""
    n = len(shape_of(x))
    return set(range(n)) if axis is None or not n else {int(a) % n for a in np.atleast_1d(axis)}


def has_dtype(x: Operand, dtype: np.dtype[np.generic]) -> bool:
    """Whether ``x`` may stand where something of ``dtype`` stood."""
    return bool((x.dtype if hasattr(x, "dtype") else np.result_type(x)) == dtype)


def with_dtype(x: Operand, dtype: np.dtype[np.generic]) -> Operand:
    """A constant as NumPy's: Python's numbers would take the dtype of what they meet."""
    return dtype.type(x) if isinstance(x, int | float) and not isinstance(x, np.generic) else x


def same_shape_and_dtype(x: Operand, y: Operand) -> bool:
    """Whether two variables have one shape and dtype."""
    return bool(
        isinstance(x, Var) and isinstance(y, Var) and x.shape == y.shape and x.dtype == y.dtype
    )


@functools.lru_cache(maxsize=4096)
def _kind_of_result(op: Op, kinds: tuple[Operand, ...]) -> np.dtype[np.generic]:
    samples = [k(1) if isinstance(k, type) else np.ones((1,), k) for k in kinds]
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*samples)).dtype


def outcome(
    op: Op, args: Sequence[Operand], kwargs: Keywords
) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and dtype of the result, found by computing as little as possible."""
    if op.elementwise and not kwargs:
        kinds = tuple(
            x.dtype if isinstance(x, Var | np.generic | np.ndarray) else type(x) for x in args
        )
        shapes = {shape_of(x) for x in args}
        shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*map(shape_of, args))
        return shape, _kind_of_result(op, kinds)
    if op is ops.matmul:
        (*batch, n, _k), (*others, _, m) = (two_axes(x, i) for i, x in enumerate(args))
        shape = (*np.broadcast_shapes(tuple(batch), tuple(others)), n, m)
        dropped = [axis for axis, x in zip((-2, -1), args, strict=True) if len(shape_of(x)) == 1]
        kept = tuple(s for i, s in enumerate(shape, -len(shape)) if i not in dropped)
        return kept, np.result_type(*(x.dtype for x in args))
    samples = [substitute(x, sample) for x in args]
    with np.errstate(all="ignore"):
        ans = op.forward(*samples, **{k: substitute(v, sample) for k, v in kwargs.items()})
    return np.shape(ans), np.asarray(ans).dtype


def two_axes(x: Operand, place: int) -> tuple[int, ...]:
    """The shape of an operand of a matrix product, a vector as a row or a column."""
    shape = shape_of(x)
    return shape if len(shape) > 1 else ((1, *shape) if place == 0 else (*shape, 1))


def sample(v: Var) -> Operand:
    """An array like ``v`` that takes no memory."""
    one = np.ones((), v.dtype) if v.dtype.kind in "fb" else np.zeros((), v.dtype)
    return np.broadcast_to(one, v.shape) if v.shape else one[()]


def fold(op: Op, args: Sequence[Operand], kwargs: Keywords) -> Operand:
    """The value of ``op`` on constants, if that is small enough to stand in a program."""
    small = [uniform_value(x) if uniform_value(x) is not None else x for x in args]
    if op.elementwise and any(isinstance(x, np.ndarray) for x in args):
        if any(isinstance(x, np.ndarray) for x in small):
            return None
        shape, dtype = outcome(op, args, kwargs)
        with np.errstate(all="ignore"):
            weak = (s if isinstance(x, np.ndarray) else x for x, s in zip(args, small, strict=True))
            value = np.asarray(op.forward(*weak, **kwargs), dtype)
        return np.broadcast_to(value, shape)
    if sum(np.size(x) for x in args if isinstance(x, np.ndarray)) > FOLDED:
        return None
    with np.errstate(all="ignore"):
        ans = op.forward(*args, **kwargs)
    if isinstance(ans, tuple | list):
        return None
    return ans[()] if isinstance(ans, np.ndarray) and ans.ndim == 0 else ans


# --- constants -------------------------------------------------------------------------


def uniform_value(x: Operand) -> Operand:
    """The number that all elements of the constant ``x`` are; None if they differ."""
    if isinstance(x, bool | np.bool_):
        return None
    if isinstance(x, int | float | np.number):
        return x
    if isinstance(x, np.ndarray) and x.size and not any(x.strides) and x.dtype.kind in "fiu":
        return x.flat[0]
    return None


def is_identity(x: Operand) -> bool:
    """Whether a constant is an identity matrix, of two rows at least."""
    square = isinstance(x, np.ndarray) and x.ndim == 2 and 1 < x.shape[0] == x.shape[1] <= LARGE
    return square and np.array_equal(x, np.eye(len(x)))


def equal_entries(x: Operand) -> bool:
    """Whether all elements of an array are one number, zeros of one sign."""
    if not x.size or not (x == x.flat[0]).all():
        return False
    one = x.flat[0]
    return bool(one != 0 or x.dtype.kind != "f" or (np.signbit(x) == np.signbit(one)).all())


def as_number(x: Operand) -> Operand:
    """A constant as Python's number, which takes the dtype of what it is combined with.

    None for what is no constant, or one of more digits than Python's numbers have.
    """
    c = uniform_value(x)
    c = c.item() if isinstance(c, np.generic) else c
    return c if isinstance(c, int | float) and not isinstance(c, np.generic) else None


def equals(x: Operand, value: float) -> bool:
    c = uniform_value(x)
    return c is not None and bool(c == value)


@functools.lru_cache(maxsize=64)
def _range(dtype: Any) -> tuple[float, float]:
    eps = float(np.finfo(dtype).eps)
    return eps, 1 / eps


def is_safe_factor(c: Operand, dtype: np.dtype[np.generic]) -> bool:
    """Whether to multiply by ``c`` early or late makes a difference of rounding only.

    Numbers far from 1 overflow the dtype, or let what they meet do so; half precision
    has no room for any.
    """
    if abs(c) == 1:
        return True
    if dtype.kind != "f" or dtype.itemsize < 4:
        return False
    least, most = _range(dtype)
    return math.isfinite(c) and least <= abs(c) <= most
