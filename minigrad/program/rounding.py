"""Whether two answers are as close as rounding lets them be.

How far rounding may go is found by trying: where an answer is not the same to the last
few digits, the ops are run again with every argument of every op disturbed in its last
digit.  What moves by that much is not known any better.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program.equations import Equation, Program, Var, call_forward, evaluate, is_library_op
from minigrad.program.lower import lower
from minigrad.tree import flatten
from minigrad.typing import Array, Keywords, Tree

CLOSE = 64
"""Units in the last place that need no explanation."""
SPREAD = 100
"""How many times what rounding does by chance it may do at worst."""
LUCK = 8
"""How many times the largest spread of an answer any element may be off, the largest in itself
and, of what is not 0, in proportion: a few trials leave some elements of a sum where they were."""

LONG = 64
"""Numbers that a sum has at least whose small answers are differences of large ones."""

MUCH = 2**20
"""Elements of all arrays together up to which other arguments are tried as well."""
LITTLE = 2**12
"""Elements up to which several are."""
PIECE = 2**15
"""Elements that are compared at a time: what is made of them stays in the cache."""
PATTERN = 2**16
"""Last digits that are drawn, and used again and again."""


def values_of(result: Tree) -> list[Any]:
    """Numbers and arrays of a result, in order."""
    return [getattr(x, "_value", x) for x in flatten(result, whole=True)[0]]


def different(
    got: Sequence[Any], expected: Sequence[Any], spreads: Iterable[list[Any]]
) -> str | None:
    """What differs between two answers by more than rounding; None if nothing does.

    ``spreads`` are estimates of what rounding moves, from the least on; asked for where needed.
    """
    if len(got) != len(expected):
        return "it returns another structure"
    doubtful = []
    for i, (g, e) in enumerate(zip(got, expected, strict=True)):
        if not isinstance(e, int | float | np.generic | np.ndarray):
            continue
        kinds = [np.asarray(x).dtype.newbyteorder("=") for x in (g, e)]  # kernels turn bytes
        if np.shape(g) != np.shape(e) or kinds[0] != kinds[1]:
            return f"it returns {kinds[0]} {np.shape(g)} in place of {kinds[1]} {np.shape(e)}"
        if not nearly_equal(g, e):
            doubtful.append(i)
    if not doubtful:
        return None
    for spread in spreads:
        if all(within_rounding(got[i], expected[i], spread[i]) for i in doubtful):
            return None
    return "it returns other numbers"


def nearly_equal(got: Array, expected: Array) -> bool:
    """Whether two arrays agree to the last few digits."""
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype.kind not in "fc":
        return bool(np.array_equal(got, expected))
    if got.size > PIECE:
        return all(nearly_equal(g, e) for g, e in pieces(got, expected))
    with np.errstate(all="ignore"):
        kind = np.finfo(got.dtype)
        limit = np.abs(expected) * (CLOSE * kind.eps) + kind.smallest_normal
        if (np.abs(got - expected) <= limit).all():  # infinities are not
            return True
        finite = np.isfinite(expected)
        near = np.abs(got - expected) <= limit
        return bool(
            np.where(finite, near, (got == expected) | (got != got) & ~(expected == expected)).all()
        )


def within_rounding(got: Array, expected: Array, spread: Any) -> bool:
    """Whether rounding can be the reason why two arrays differ."""
    with np.errstate(all="ignore"):
        if np.asarray(got).dtype.kind not in "fc":
            return bool(np.where(np.equal(got, expected), True, np.asarray(spread) > 0).all())
        kind = np.finfo(np.asarray(got).dtype)
        parts = list(pieces(widened(got), widened(expected), np.asarray(spread)))
        most = max((largest(s) for _, _, s in parts), default=0.0)
        share = max((largest(s / np.abs(e)) for _, e, s in parts), default=0.0)
        return all(within(g, e, s, most, share, kind) for g, e, s in parts)


def within(got: Array, expected: Array, spread: Any, most: float, share: float, kind: Any) -> bool:
    """Whether two arrays are no further apart than ``spread`` explains, as far as that is known."""
    size = np.abs(expected)
    left = np.isfinite(spread) & ~(np.abs(got - expected) <= CLOSE * kind.eps * size)
    got, expected, spread, size = got[left], expected[left], spread[left], size[left]
    elsewhere = np.where(size > 0, np.minimum(most, share * size), most)
    limit = np.maximum(SPREAD * spread, LUCK * elsewhere) + kind.smallest_normal / kind.eps
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return bool((same | (np.abs(got - expected) <= limit)).all())


def largest(x: Any) -> float:
    """The largest finite number of an array without negative ones; 0 if there is none."""
    most = np.max(x, initial=0.0)
    return float(most if np.isfinite(most) else np.max(x, initial=0.0, where=np.isfinite(x)))


def pieces(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Arrays of one shape, as many elements at a time as stay in the cache."""
    flat = [np.ravel(x) for x in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield tuple(x[start : start + PIECE] for x in flat)


def widened(x: Any) -> Any:
    """``x`` in double precision."""
    return np.asarray(x, complex if np.iscomplexobj(x) else float)


def strayed(x: Any, y: Any, sums: float) -> Any:
    """How far an answer has moved, and by how much its long sums may be off besides."""
    away = np.abs(widened(y) - widened(x))
    return away + np.abs(widened(x)) * sums if np.asarray(x).dtype.kind in "fc" else away


def rounding(
    program: Program, leaves: Sequence[Any], exact: Sequence[Any] | None = None
) -> Iterator[list[Any]]:
    """For each output, how far its elements move as the last digits of all ops' arguments do.

    Each estimate is of one run more, and larger than the one before.

    Long sums have errors besides, which grow with the square root of their number (Higham,
    *Accuracy and Stability of Numerical Algorithms*, 2002, §4.2).

    ``exact`` is what comes out if they do not move, where that is known.
    """
    rng = np.random.default_rng(0)
    patterns: dict[Any, Any] = {}

    def disturbed(x: object) -> Any:
        if not isinstance(x, np.ndarray | np.inexact) or x.dtype.kind not in "fc":
            return x
        if x.dtype not in patterns:
            digits = rng.choice([-1.0, 1.0], PATTERN) * float(np.finfo(x.dtype).eps)
            patterns[x.dtype] = (1 + digits).astype(x.dtype)
        pattern = patterns[x.dtype][rng.integers(PATTERN // 2) :]
        if x.size <= pattern.size:
            return signed(x * pattern[: x.size].reshape(x.shape), rng)
        moved = [part * pattern[: part.size] for (part,) in pieces(x)]
        return signed(np.concatenate(moved).reshape(x.shape), rng)

    def call(op: Op, args: Sequence[Array], kwargs: Keywords) -> Any:
        ans = op.forward(*map(disturbed, args), **kwargs)
        if op in PRODUCTS:
            return underflown(ans, [ans], rng)
        return underflown(ans, args, rng) if op in SCALING else ans

    values = dict(zip(program.inputs, map(doubled, leaves), strict=True))
    size = elements(program)
    if size > MUCH and exact is not None:
        yield of_sums(program, exact)
        yield from in_single_precision(program, values, exact)
    times = 8 if size <= LITTLE else 3 if size <= MUCH else 1
    sums = max(map(summed, program.equations), default=0) / 16
    quiet = functools.partial(np.errstate, all="ignore")  # not for whoever asks, meanwhile
    with quiet():
        if exact is None:
            exact = values_of(evaluate(program, values, call_forward))
    parts = [program]
    if any(e.op in COMPOSED for e in program.equations):  # whose steps round as well
        parts.append(lower(program))
    still = {0: exact}
    spread: list[Any] = [None] * len(exact)
    for _ in range(times):
        for k, part in enumerate(parts):
            with quiet():
                if k not in still:
                    still[k] = values_of(evaluate(part, values, call_forward))
                moved = values_of(evaluate(part, values, call))
                for i, (x, y) in enumerate(zip(still[k], moved, strict=True)):
                    if isinstance(x, int | float | np.generic | np.ndarray):
                        away = strayed(x, y, sums)
                        spread[i] = away if spread[i] is None else np.maximum(spread[i], away)
            yield spread


def signed(x: Any, rng: np.random.Generator) -> Any:
    """``x``, with either sign for its NaN: nobody says which they have."""
    if x.dtype.kind != "f" or not (undefined := np.isnan(x)).any():
        return x
    signs = rng.choice([-1.0, 1.0], x.shape).astype(x.dtype)
    return np.where(undefined, np.copysign(x, signs), x)[()]


def of_sums(program: Program, exact: Sequence[Any]) -> list[Any]:
    """The last digit of the largest in the row and the column of an answer that is a long sum.

    What is small in itself is a difference of such as are large there.
    """
    made = {v: e for e in program.equations for v in e.outs}
    spread = []
    for v, x in zip(program.outputs, exact, strict=True):
        e = made.get(v) if isinstance(v, Var) else None
        eps = np.finfo(v.dtype).eps if e is not None and v.dtype.kind == "f" else np.inf
        long = e is not None and np.ndim(x) and summed(e) >= math.sqrt(LONG) * eps
        size = np.abs(x) if long else np.zeros(np.shape(x))
        if size.ndim == 2 and (most := largest(size)):
            size = np.max(size, axis=1, keepdims=True) * (np.max(size, axis=0) / most)
        elif size.size:
            size = np.full(size.shape, largest(size), size.dtype)
        spread.append(size * (LUCK / SPREAD * eps) if long else size)
    return spread


def in_single_precision(
    program: Program, values: dict[Var, Any], exact: Sequence[Any]
) -> Iterator[list[Any]]:
    """How far each answer is off in single precision, in units of double; if there is one.

    It takes half the time of the program itself, and no array has to be disturbed.
    """
    known = [v.dtype.char for e in program.equations for v in e.outs]
    if not set(known) <= set("d?lq") or not all(is_library_op(e.op) for e in program.equations):
        return
    single = {v: halved(x) for v, x in values.items()}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rough = values_of(evaluate(program, single, in_single))
    except Exception:
        return
    unit = float(np.finfo(np.float64).eps) / float(np.finfo(np.float32).eps)
    spread: list[Any] = []
    for x, y in zip(exact, rough, strict=True):
        if getattr(x, "dtype", None) != np.float64 or np.shape(x) != np.shape(y):
            spread.append(np.zeros(np.shape(x)))
            continue
        away = np.atleast_1d(np.abs(np.subtract(y, x)))
        away *= unit
        away[~np.isfinite(away)] = 0  # an overflow explains nothing
        spread.append(away.reshape(np.shape(x)))
    yield spread


def halved(x: Any) -> Any:
    """A double, or an array of them, in single precision."""
    return x.astype(np.float32) if getattr(x, "dtype", None) == np.float64 else x


def in_single(op: Op, args: Sequence[Array], kwargs: Keywords) -> Any:
    return op.forward(*map(halved, args), **kwargs)


COMPOSED = frozenset({ops.softmax, ops.log_softmax, ops.logsumexp})
"""Ops of several steps, of which one may cancel."""

SCALING = frozenset({ops.multiply, ops.divide, ops.square, ops.power, ops.exp, ops.reciprocal})
"""Ops that round to few digits, or to 0, what is smaller than normal numbers are."""

PRODUCTS = frozenset({ops.matmul, ops.contract})
"""Sums of products: they may be 0 for other reasons."""


def underflown(ans: Array, args: Sequence[Any], rng: np.random.Generator) -> Any:
    """An answer with its last digit disturbed where that is no relative one."""
    if ans.dtype.kind != "f":
        return ans
    kind = np.finfo(ans.dtype)
    low = np.abs(ans) < kind.smallest_normal
    for x in args:
        low = low & (np.asarray(x) != 0)
    if not low.any():
        return ans
    return np.where(low, ans + rng.integers(-1, 2, low.shape) * kind.smallest_subnormal, ans)[()]


def summed(e: Equation) -> float:
    """``ε √n`` of an equation that adds up n numbers for each answer, in their own precision."""
    kinds = [v.dtype for v in e.outs if v.dtype.kind in "fc"]
    if e.op.elementwise or not kinds:
        return 0
    if e.op is ops.matmul:
        n = float(e.args[0].shape[-1])
    else:
        sizes = [math.prod(v.shape) for v in e.reads()]
        n = max(sizes, default=1) / max(1, *(math.prod(v.shape) for v in e.outs), 1)
    return float(np.finfo(kinds[0]).eps) * math.sqrt(n)


def doubled(x: object) -> Any:
    """A number of Python's as NumPy's."""
    return np.float64(x) if type(x) is float else x


def elements(program: Program) -> int:
    """How many there are in all arrays of a run together."""
    made = (v for e in program.equations for v in e.outs)
    return sum(math.prod(v.shape) for v in (*program.inputs, *made))
