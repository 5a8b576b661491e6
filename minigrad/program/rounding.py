"""Whether two answers are as close as rounding lets them be.

How far rounding may go is found by trying: where an answer is not the same to the last
few digits, the ops are run again with every argument of every op disturbed in its last
digit.  What moves by that much is not known any better.
"""

from __future__ import annotations

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
from minigrad.typing import Array, Function, Keywords, Tree

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


def values_of(result: Tree) -> list[Array]:
    """Numbers and arrays of a result, in order."""
    return [getattr(x, "_value", x) for x in flatten(result, whole=True)[0]]


def different(
    got: Sequence[Array], expected: Sequence[Array], spreads: Iterable[list[Array]]
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


def within_rounding(got: Array, expected: Array, spread: Array) -> bool:
    """Whether rounding can be the reason why two arrays differ."""
    with np.errstate(all="ignore"):
        if np.asarray(got).dtype.kind not in "fc":
            return bool(np.where(np.equal(got, expected), True, np.asarray(spread) > 0).all())
        kind = np.finfo(np.asarray(got).dtype)
        parts = list(pieces(widened(got), widened(expected), np.asarray(spread)))
        most = max((largest(s) for _, _, s in parts), default=0.0)
        share = max((largest(s / np.abs(e)) for _, e, s in parts), default=0.0)
        return all(within(g, e, s, most, share, kind) for g, e, s in parts)


def within(
    got: Array, expected: Array, spread: Array, most: float, share: float, kind: np.finfo[Any]
) -> bool:
    """Whether two arrays are no further apart than ``spread`` explains, as far as that is known."""
    size = np.abs(expected)
    left = np.isfinite(spread) & ~(np.abs(got - expected) <= CLOSE * kind.eps * size)
    got, expected, spread, size = got[left], expected[left], spread[left], size[left]
    elsewhere = np.where(size > 0, np.minimum(most, share * size), most)
    limit = np.maximum(SPREAD * spread, LUCK * elsewhere) + kind.smallest_normal / kind.eps
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    return bool((same | (np.abs(got - expected) <= limit)).all())


def largest(x: Array) -> float:
    """The largest finite number of an array without negative ones; 0 if there is none."""
    most = np.max(x, initial=0.0)
    return float(most if np.isfinite(most) else np.max(x, initial=0.0, where=np.isfinite(x)))


def pieces(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Arrays of one shape, as many elements at a time as stay in the cache."""
    flat = [np.ravel(x) for x in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield tuple(x[start : start + PIECE] for x in flat)


def widened(x: Array) -> Array:
    """``x`` in double precision."""
    return np.asarray(x, complex if np.iscomplexobj(x) else float)


def strayed(x: Array, y: Array, sums: float) -> Array:
    """How far an answer has moved, and by how much its long sums may be off besides."""
    away = np.abs(widened(y) - widened(x))
    return away + np.abs(widened(x)) * sums if np.asarray(x).dtype.kind in "fc" else away


def rounding(
    program: Program, leaves: Sequence[Array], exact: Sequence[Array] | None = None
) -> Iterator[list[Array]]:
    """For each output, how far its elements move as the last digits of all ops' arguments do.

    Each estimate is of one run more, and larger than the one before.

    Long sums have errors besides, which grow with the square root of their number (Higham,
    *Accuracy and Stability of Numerical Algorithms*, 2002, §4.2).

    ``exact`` is what comes out if they do not move, where that is known.
    """
    values = dict(zip(program.inputs, map(doubled, leaves), strict=True))
    size = elements(program)
    if size > MUCH and exact is not None:
        yield of_sums(program, exact)
        yield from in_single_precision(program, values, exact)
    times = 16 if size <= LITTLE else 8 if size <= MUCH else 1
    sums = max(map(summed, program.equations), default=0) / 16
    parts = [program]
    if any(e.op in COMPOSED for e in program.equations):  # whose steps round as well
        parts.append(lower(program))
    trials = [Trials(part, values, size <= MUCH) for part in parts]
    still: list[Any] = [exact, None]
    spread: list[Array] = [None] * (len(exact) if exact is not None else len(program.outputs))
    for _ in range(times):
        for k, trial in enumerate(trials):
            if still[k] is None or (trial.decisive and not trial.decisions):
                still[k] = trial.still()
            moved = trial.moved()
            for i, (x, y) in enumerate(zip(still[k], moved, strict=True)):
                if isinstance(x, int | float | np.generic | np.ndarray):
                    away = strayed(x, y, sums)
                    spread[i] = away if spread[i] is None else np.maximum(spread[i], away)
        yield spread


class Trials:
    """Runs of a program with the last digits of all that its ops are given disturbed.

    Attributes
    ----------
    decisive : bool
        Whether some op decides something by the numbers that it is given.
    decisions : list
        What such ops are given where nothing is disturbed, in order.
    """

    def __init__(self, program: Program, values: dict[Var, Array], decisive: bool) -> None:
        self.program, self.values = program, values
        self.decisive = decisive and any(map(decides, program.equations))
        self.decisions: list[list[Array]] = []
        self.rng = np.random.default_rng(0)
        self.patterns: dict[np.dtype[np.generic], Array] = {}

    def still(self) -> list[Array]:
        """What comes out if nothing is disturbed."""
        ops_that_decide = self.deciding()

        def call(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
            if next(ops_that_decide):
                self.decisions.append(list(args))
            return call_forward(op, args, kwargs)

        return self.run(call)

    def moved(self) -> list[Array]:
        """What comes out of one trial."""
        ops_that_decide, decisions = self.deciding(), iter(self.decisions)

        def call(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
            moved = list(map(self.disturbed, args))
            if next(ops_that_decide):
                moved = self.displaced(op, moved, next(decisions))
            ans = op.forward(*moved, **kwargs)
            if op in PRODUCTS:
                ans = skipping(ans, op, moved, kwargs, self.rng)
                return signed(underflown(ans, [ans], self.rng), self.rng, ans == 0)
            return underflown(ans, args, self.rng) if op in SCALING else ans

        return self.run(call)

    def deciding(self) -> Iterator[bool]:
        return (self.decisive and decides(e) for e in self.program.equations)

    def run(self, call: Function) -> list[Array]:
        with np.errstate(all="ignore"):
            return values_of(evaluate(self.program, self.values, call))

    def disturbed(self, x: object) -> Array:
        """``x``, each number of it moved by one unit in the last place."""
        if not isinstance(x, np.ndarray | np.inexact) or x.dtype.kind not in "fc":
            return x
        if x.dtype not in self.patterns:
            digits = self.rng.choice([-1.0, 1.0], PATTERN) * float(np.finfo(x.dtype).eps)
            self.patterns[x.dtype] = (1 + digits).astype(x.dtype)
        pattern = self.patterns[x.dtype][self.rng.integers(PATTERN // 2) :]
        if x.size <= pattern.size:
            return signed(x * pattern[: x.size].reshape(x.shape), self.rng)
        moved = [part * pattern[: part.size] for (part,) in pieces(x)]
        return signed(np.concatenate(moved).reshape(x.shape), self.rng)

    def displaced(self, op: Op, moved: list[Array], still: list[Array]) -> list[Array]:
        """What an op decides by, anywhere that rounding can take it at worst.

        What is compared may be equal there, and what is asked for its truth or sign be 0.
        """
        if len(moved) == 2 and still[0] is still[1]:
            return [moved[0], moved[0]]
        away = (np.abs(widened(x) - widened(y)) for x, y in zip(moved, still, strict=True))
        reach = [SPREAD * a * is_real(x) for a, x in zip(away, moved, strict=True)]
        found = []
        for x, y, r in zip(moved, still, reach, strict=True):
            there = y + self.rng.uniform(-1, 1, np.shape(x)) * r if is_real(x) else x
            known = np.isfinite(r) & (r > 0)
            found.append(np.where(known, there, x).astype(x.dtype)[()] if is_real(x) else x)
        if op in COMPARISONS and len(found) == 2:
            i = 0 if is_real(found[0]) else 1
            found[i] = self.met(found[i], found[1 - i], reach[0] + reach[1])
        elif op in TRUTHS:
            found = [self.met(x, np.zeros(()), r) for x, r in zip(found, reach, strict=True)]
        return found

    def met(self, x: Array, other: Array, reach: Array) -> Array:
        """``x``, half of the numbers that are within ``reach`` of ``other`` there."""
        if not is_real(x):
            return x
        close = (reach > 0) & (np.abs(widened(x) - widened(other)) <= 2 * reach)
        close &= self.rng.random(np.shape(close)) < 0.5
        found: Array = np.where(close, other, x)
        return found.astype(x.dtype)[()]


def is_real(x: object) -> bool:
    """Whether ``x`` is a floating number or an array of such."""
    return isinstance(x, np.ndarray | np.floating) and x.dtype.kind == "f"


def decides(e: Equation) -> bool:
    """Whether small differences of what ``e`` is given may make a large one."""
    kinds = {getattr(getattr(a, "dtype", None), "kind", "") for a in e.args}
    return "f" in kinds and (e.op in STEPS or any(v.dtype.kind not in "fc" for v in e.outs))


def skipping(
    ans: Array, op: Op, args: Sequence[Array], kwargs: Keywords, rng: np.random.Generator
) -> Array:
    """Products of which those of 0 and what is not finite may be left out: BLAS does either."""
    if len(args) != 2 or all(np.isfinite(x).all() for x in args):
        return ans
    odd = [~np.isfinite(z) * 1.0 for z in args]
    zero = [(z == 0) * 1.0 for z in args]
    meet = op.forward(odd[0], zero[1], **kwargs) + op.forward(zero[0], odd[1], **kwargs) > 0
    rest = op.forward(*(np.where(np.isfinite(z), z, 0).astype(z.dtype) for z in args), **kwargs)
    either = np.where(rng.random(np.shape(ans)) < 0.5, np.nan, rest)
    return np.where(meet, either, ans).astype(ans.dtype)[()]


def signed(x: Array, rng: np.random.Generator, where: Array = False) -> Array:
    """``x``, with either sign for its NaN, and ``where`` else nobody says which they have."""
    if x.dtype.kind != "f" or not (unknown := np.isnan(x) | where).any():
        return x
    signs = rng.choice([-1.0, 1.0], x.shape).astype(x.dtype)
    return np.where(unknown, np.copysign(x, signs), x)[()]


def of_sums(program: Program, exact: Sequence[Array]) -> list[Array]:
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
    program: Program, values: dict[Var, Array], exact: Sequence[Array]
) -> Iterator[list[Array]]:
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
    spread: list[Array] = []
    for x, y in zip(exact, rough, strict=True):
        if getattr(x, "dtype", None) != np.float64 or np.shape(x) != np.shape(y):
            spread.append(np.zeros(np.shape(x)))
            continue
        away = np.atleast_1d(np.abs(np.subtract(y, x)))
        away *= unit
        away[~np.isfinite(away)] = 0  # an overflow explains nothing
        spread.append(away.reshape(np.shape(x)))
    yield spread


def halved(x: Array) -> Array:
    """A double, or an array of them, in single precision."""
    return x.astype(np.float32) if getattr(x, "dtype", None) == np.float64 else x


def in_single(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
    return op.forward(*map(halved, args), **kwargs)


TRUTHS = frozenset(
    {
        ops.signbit, ops.logical_not, ops.logical_and, ops.logical_or, ops.logical_xor,
        ops.all, ops.any, ops.count_nonzero,
    }
)  # fmt: skip
"""Ops that ask for signs, or for what is 0."""

COMPARISONS = frozenset(
    {ops.less, ops.less_equal, ops.greater, ops.greater_equal, ops.equal, ops.not_equal}
)

STEPS = frozenset(
    {
        ops.floor, ops.ceil, ops.trunc, ops.rint, ops.round, ops.sign, ops.heaviside,
        ops.floor_divide, ops.remainder, ops.fmod,
    }
)  # fmt: skip
"""Ops that give floating numbers and jump."""

COMPOSED = frozenset({ops.softmax, ops.log_softmax, ops.logsumexp})
"""Ops of several steps, of which one may cancel."""

SCALING = frozenset({ops.multiply, ops.divide, ops.square, ops.power, ops.exp, ops.reciprocal})
"""Ops that round to few digits, or to 0, what is smaller than normal numbers are."""

PRODUCTS = frozenset({ops.matmul, ops.contract})
"""Sums of products: they may be 0 for other reasons."""


def underflown(ans: Array, args: Sequence[Array], rng: np.random.Generator) -> Array:
    """An answer with its last digit disturbed where that is no relative one."""
    if ans.dtype.kind != "f":
        return ans
    kind = np.finfo(ans.dtype)
    low = np.abs(ans) < kind.smallest_normal
    for x in args:
        low = low & (np.asarray(x) != 0)
    if not low.any():
        return ans
    digits = (rng.integers(-1, 2, low.shape) * kind.smallest_subnormal).astype(ans.dtype)
    return np.where(low, ans + digits, ans)[()]


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


def doubled(x: object) -> Array:
    """A number of Python's as NumPy's."""
    return np.float64(x) if type(x) is float else x


def elements(program: Program) -> int:
    """How many there are in all arrays of a run together."""
    made = (v for e in program.equations for v in e.outs)
    return sum(math.prod(v.shape) for v in (*program.inputs, *made))
