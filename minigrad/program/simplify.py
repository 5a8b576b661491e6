"""Algebra: a program rebuilt by a builder that knows the identities of school algebra.

Equations are emitted one by one.  What only constants enter is computed at once, a rule
of the op may return something simpler instead, and what was computed before is not
computed again.  Rules look like the identities that they are; each is given the builder,
to emit with and to see how an argument was made.  A rule whose answer has another shape
or dtype than the original is ignored, so that rules need not think of broadcasting.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Program, Var, replaced, variables_in
from minigrad.tree import tree_map

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
    """

    def __init__(self, rules: dict[str, list[Rule]]) -> None:
        self.equations: list[Equation] = []
        self.made_by: dict[Var, Equation] = {}
        self.rules = rules
        self._known: dict[Any, Any] = {}

    def emit(self, op: Op, *args: Any, **kwargs: Any) -> Any:
        """``op`` of variables and constants: a variable or a constant."""
        return self.emit_as(None, op, args, kwargs)

    def emit_as(self, like: Var | None, op: Op, args: Any, kwargs: Any) -> Any:
        """`emit`, where the result is known to be an array ``like`` a variable."""
        if not any(True for x in (*args, *kwargs.values()) for _ in variables_in(x)):
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
        if key not in self._known:
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
    samples = [k if isinstance(k, int | float) else np.ones((1,), k) for k in kinds]
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*samples)).dtype


def outcome(op: Op, args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of the result, found by computing as little as possible."""
    if op.elementwise and not kwargs:
        kinds = tuple(
            x.dtype if isinstance(x, Var | np.generic | np.ndarray) else type(x)(1) for x in args
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


# --- the identities --------------------------------------------------------------------

CORE: dict[str, list[Rule]] = {}
"""What holds for arrays and changes no number by more than the rounding of a constant."""

TEXTBOOK: dict[str, list[Rule]] = {}
"""Further identities that make formulas shorter: for reading, not for computing."""


def rule(*names: str, table: dict[str, list[Rule]] = CORE) -> Callable[[Rule], Rule]:
    """Decorator: try the function below whenever one of these ops is emitted."""

    def enter(function: Rule) -> Rule:
        for name in names:
            table.setdefault(name, []).append(function)
        return function

    return enter


def scaled(b: Builder, c: Any, x: Any) -> Any:
    """``c x`` for a number ``c``."""
    if c == 1:
        return x
    if c == -1:
        return b.emit(ops.negative, x)
    return b.emit(ops.multiply, c, x)


def coefficient(b: Builder, x: Any) -> tuple[Any, Any]:
    """``x`` as a number times something: ``-3 y`` gives ``(-3, y)``.

    What has a name of its own is left alone: ``dz = da * a`` shall stay that.
    """
    if isinstance(x, Var) and x.given:
        return 1, x
    if (inner := b.match(x, "negative")) is not None:
        c, y = coefficient(b, inner[0])
        return -c, y
    if (inner := b.match(x, "multiply")) is not None and number(inner[0]) is not None:
        c, y = coefficient(b, inner[1])
        return number(inner[0]) * c, y
    return 1, x


@rule("multiply")
def product(b: Builder, x: Any, y: Any) -> Any:
    """Numbers to the front, as one: ``x·(2·(-y))`` is ``-2·(x·y)``."""
    if number(y) is not None and number(x) is None:
        x, y = y, x
    if (c := number(x)) is not None:
        d, z = coefficient(b, y)
        if d == 1:
            return None if c not in (1, -1) and x is c else scaled(b, c, y)
        return scaled(b, c * d, z)
    c, u = coefficient(b, x)
    d, v = coefficient(b, y)
    if u is not x and np.broadcast_shapes(shape_of(u), shape_of(v)) != shape_of(u):
        c, u = 1, x  # it is cheaper to scale the smaller array
    if v is not y and np.broadcast_shapes(shape_of(u), shape_of(v)) != shape_of(v):
        d, v = 1, y
    if u is x and v is y:
        return None
    return scaled(b, c * d, b.emit(ops.multiply, u, v))


@rule("negative")
def opposite(b: Builder, x: Any) -> Any:
    """``-(-x)`` is ``x``, ``-(2·x)`` is ``(-2)·x``."""
    c, y = coefficient(b, x)
    return None if c == 1 else scaled(b, -c, y)


@rule("divide")
def quotient(b: Builder, x: Any, y: Any) -> Any:
    """``x/1`` is ``x``; signs and numbers of the numerator to the front."""
    if is_(y, 1):
        return x
    c, u = coefficient(b, x)
    if (d := number(y)) is not None and d and c != 1:
        return scaled(b, c / d, u)
    if c == -1 and np.broadcast_shapes(shape_of(u), shape_of(y)) == shape_of(u):
        return b.emit(ops.negative, b.emit(ops.divide, u, y))
    return None


@rule("add")
def total(b: Builder, x: Any, y: Any) -> Any:
    """``x + 0`` is ``x``, ``x + (-y)`` is ``x - y``, ``x + x`` is ``2·x``."""
    if is_(x, 0):
        return y
    if is_(y, 0):
        return x
    if x is y:
        return b.emit(ops.multiply, 2, x)
    if (inner := b.match(y, "negative")) is not None:
        return b.emit(ops.subtract, x, inner[0])
    if (inner := b.match(x, "negative")) is not None:
        return b.emit(ops.subtract, y, inner[0])
    return None


@rule("subtract")
def difference(b: Builder, x: Any, y: Any) -> Any:
    """``x - 0`` is ``x``, ``0 - y`` is ``-y``, ``x - (-y)`` is ``x + y``."""
    if is_(y, 0):
        return x
    if is_(x, 0):
        return b.emit(ops.negative, y)
    c, z = coefficient(b, y)
    if c < 0:
        return b.emit(ops.add, x, scaled(b, -c, z))
    return None


@rule("power")
def power(b: Builder, x: Any, p: Any) -> Any:
    """``x**1`` is ``x``."""
    return x if is_(p, 1) else None


@rule("positive", "copy")
def itself(b: Builder, x: Any, **_: Any) -> Any:
    return x


@rule("astype")
def cast(b: Builder, x: Any, **_: Any) -> Any:
    """A cast to the dtype that ``x`` has already."""
    return x


@rule("sum")
def sum_over_nothing(b: Builder, x: Any, axis: Any = None, **_: Any) -> Any:
    """A sum over no axis."""
    return x if axis == () else None


@rule("reshape", "squeeze", "expand_dims", "broadcast_to")
def reshaped(b: Builder, x: Any, **kwargs: Any) -> Any:
    """Nothing, where the shape is that of ``x`` already."""
    return x


@rule("reshape")
def reshaped_twice(b: Builder, x: Any, shape: Any = None, **_: Any) -> Any:
    """Only the last shape counts."""
    if shape is None:
        return None
    for name in ("reshape", "squeeze", "expand_dims"):
        if (inner := b.match(x, name)) is not None:
            return b.emit(ops.reshape, inner[0], shape=shape)
    return None


@rule("transpose")
def transposed_twice(b: Builder, x: Any, axes: Any = None) -> Any:
    """The transpose of a transpose."""
    equation = b.made_by.get(x) if isinstance(x, Var) else None
    if equation is None or equation.op.name != "transpose" or axes is not None:
        return None
    return equation.args[0] if equation.kwargs.get("axes") is None else None


def unstretched(name: str) -> Rule:
    """Elementwise ops broadcast by themselves."""

    def applied(b: Builder, x: Any, y: Any) -> Any:
        u, v = (b.match(z, "broadcast_to") for z in (x, y))
        if u is None and v is None:
            return None
        u, v = x if u is None else u[0], y if v is None else v[0]
        return b.emit(getattr(ops, name), u, v)

    return applied


for _name in ("add", "subtract", "multiply", "divide"):
    CORE[_name].append(unstretched(_name))


@rule("bitwise_and", "bitwise_or")
def either(b: Builder, x: Any, y: Any) -> Any:
    return x if x is y else None


@rule("bitwise_and")
def both(b: Builder, x: Any, y: Any) -> Any:
    """``x & True`` is ``x``, ``x & False`` is False."""
    for u, v in ((x, y), (y, x)):
        if isinstance(u, bool | np.bool_):
            return v if u else np.broadcast_to(np.False_, shape_of(v))[()]
    return None


@rule("bitwise_or")
def one_of(b: Builder, x: Any, y: Any) -> Any:
    """``x | False`` is ``x``."""
    for u, v in ((x, y), (y, x)):
        if isinstance(u, bool | np.bool_) and not u:
            return v
        if isinstance(u, np.ndarray) and u.dtype.kind == "b" and u.size and not any(u.strides):
            return v if not u.flat[0] else None
    return None


@rule("not_equal")
def truth(b: Builder, x: Any, y: Any) -> Any:
    """``x != 0`` is ``x``, if that is a boolean."""
    return x if is_(y, 0) and isinstance(x, Var) and x.dtype.kind == "b" else None


COMPUTING: dict[str, list[Rule]] = {}
"""Identities that save work, but not in the form in which derivations are written."""


@rule("negative", table=COMPUTING)
def opposite_of_difference(b: Builder, x: Any) -> Any:
    """``-(x - y)`` is ``y - x``."""
    if (inner := b.match(x, "subtract")) is not None:
        return b.emit(ops.subtract, inner[1], inner[0])
    return None


@rule("multiply", table=COMPUTING)
def multiple_of_difference(b: Builder, x: Any, y: Any) -> Any:
    """``-2·(x - y)`` is ``2·(y - x)``."""
    c, inner = number(x), b.match(y, "subtract")
    if c is None or c >= 0 or inner is None or y.given:
        return None
    return b.emit(ops.multiply, -c, b.emit(ops.subtract, inner[1], inner[0]))


# --- for reading -----------------------------------------------------------------------


def textbook(*names: str) -> Callable[[Rule], Rule]:
    return rule(*names, table=TEXTBOOK)


def powers(b: Builder, x: Any) -> tuple[Any, Any]:
    """``x`` as a power: ``y**3`` gives ``(y, 3)``."""
    if (inner := b.match(x, "power")) is not None and isinstance(number(inner[1]), int | float):
        return inner[0], number(inner[1])
    if (inner := b.match(x, "square")) is not None:
        return inner[0], 2
    return x, 1


def raised(b: Builder, x: Any, p: Any) -> Any:
    p = int(p) if p == int(p) else p
    return x if p == 1 else b.emit(ops.power, x, p)


@textbook("multiply")
def product_of_powers(b: Builder, x: Any, y: Any) -> Any:
    """``x²·x`` is ``x³``."""
    (u, p), (v, q) = powers(b, x), powers(b, y)
    if u is v and isinstance(u, Var) and p + q != 0:
        return raised(b, u, p + q)
    if (inner := b.match(x, "multiply")) is not None and isinstance(y, Var):
        u, p = powers(b, inner[1])
        if u is v and p + q:
            return b.emit(ops.multiply, inner[0], raised(b, u, p + q))
    return None


@textbook("multiply")
def product_of_fractions(b: Builder, x: Any, y: Any) -> Any:
    """``x·(y/z)`` is ``(x·y)/z``."""
    if (inner := b.match(y, "divide")) is not None and number(x) is None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[0]), inner[1])
    if (inner := b.match(x, "divide")) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, inner[0], y), inner[1])
    return None


@textbook("multiply")
def reciprocal_factor(b: Builder, x: Any, y: Any) -> Any:
    """``x·y**-2`` is ``x / y²``."""
    for u, v in ((x, y), (y, x)):
        w, p = powers(b, v)
        if p < 0 and number(u) is None:
            return b.emit(ops.divide, u, raised(b, w, -p))
    return None


@textbook("divide")
def quotient_of_powers(b: Builder, x: Any, y: Any) -> Any:
    """``(x/y)/y`` is ``x/y²``, ``x³/x`` is ``x²``."""
    v, q = powers(b, y)
    if (inner := b.match(x, "divide")) is not None:
        u, p = powers(b, inner[1])
        if u is v:
            return b.emit(ops.divide, inner[0], raised(b, v, p + q))
        if number(y) is None:
            return b.emit(ops.divide, inner[0], b.emit(ops.multiply, inner[1], y))
    u, p = powers(b, x)
    if u is v and p > q > 0 and isinstance(u, Var):
        return raised(b, u, p - q)
    return None


@textbook("divide")
def fraction_in_fraction(b: Builder, x: Any, y: Any) -> Any:
    """``x/(y/z)`` is ``x·z/y``."""
    if (inner := b.match(y, "divide")) is not None:
        return b.emit(ops.divide, b.emit(ops.multiply, x, inner[1]), inner[0])
    if (inner := b.match(x, "divide")) is not None and inner[0] is inner[1]:
        return None
    return None


@textbook("power")
def power_of_power(b: Builder, x: Any, p: Any) -> Any:
    """``(x²)³`` is ``x⁶``."""
    u, q = powers(b, x)
    if q != 1 and isinstance(number(p), int) and isinstance(q, int):
        return raised(b, u, q * number(p))
    return None


@textbook("add")
def sum_of_multiples(b: Builder, x: Any, y: Any) -> Any:
    """``2·x + x`` is ``3·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var):
        return scaled(b, c + d, u)
    return None


@textbook("subtract")
def difference_of_multiples(b: Builder, x: Any, y: Any) -> Any:
    """``3·x - x`` is ``2·x``."""
    (c, u), (d, v) = coefficient(b, x), coefficient(b, y)
    if u is v and isinstance(u, Var) and c != d:
        return scaled(b, c - d, u)
    return None


def together(*tables: dict[str, list[Rule]]) -> dict[str, list[Rule]]:
    """The rules of several tables."""
    return {name: [r for t in tables for r in t.get(name, ())] for t in tables for name in t}


READING = together(CORE, TEXTBOOK)
RUNNING = together(CORE, COMPUTING)


# --- passes ----------------------------------------------------------------------------


def rebuilt(program: Program, rules: dict[str, list[Rule]], named: bool = True) -> Program:
    """``program`` emitted anew through a `Builder` with ``rules``, with its names or without."""
    b = Builder(rules)
    value: dict[Var, Any] = {}

    def now(v: Var) -> Any:
        return value.get(v, v)

    for equation in program.equations:
        args = [replaced(a, now) for a in equation.args]
        kwargs = {k: replaced(v, now) for k, v in equation.kwargs.items()}
        if isinstance(equation.out, tuple):
            out = b.keep(equation.op, args, kwargs, equation.out)
            value.update(zip(equation.out, out, strict=True))
            continue
        ans = b.emit_as(equation.out, equation.op, args, kwargs)
        value[equation.out] = ans
        fresh = isinstance(ans, Var) and not ans.given and ans in b.made_by
        if named and fresh and equation.out.given:
            ans.name, ans.given = equation.out.name, True
    result = tree_map(lambda x: now(x) if isinstance(x, Var) else x, program.result)
    return without_dead_code(program.replace(equations=b.equations, result=result))


def without_dead_code(program: Program) -> Program:
    """Equations and constants that the result does not need, left out."""
    needed = {v for v in program.outputs if isinstance(v, Var)}
    kept = []
    for equation in reversed(program.equations):
        if needed.intersection(equation.outs):
            kept.append(equation)
            needed.update(equation.reads())
    constants = {v: value for v, value in program.constants.items() if v in needed}
    return program.replace(equations=kept[::-1], constants=constants)


def simplified(program: Program) -> Program:
    """``program`` after constant folding, algebra, common subexpressions and dead code."""
    return rebuilt(program, RUNNING)
