"""The proof of a kernel: its answer against the one that tracing the function gave.

Before a kernel is used it is run twice on the arguments that it was made for.  Shapes,
dtypes and values must be those of the trace, up to rounding; the arguments must be as
they were, and no answer may lie in memory that another call or the caller holds.  Where
that takes little time it is then run on other arguments of the same kind, zeros of both
signs, huge, tiny and undefined numbers among them, and compared with the ops.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops.record import Op
from minigrad.program import scalar
from minigrad.program.equations import (
    Equation,
    Program,
    Var,
    call_forward,
    evaluate,
    is_library_op,
    without_dead_code,
)
from minigrad.program.kernel import Kernel
from minigrad.program.lower import lower
from minigrad.program.rounding import (
    LITTLE,
    MUCH,
    different,
    doubled,
    elements,
    rounding,
    values_of,
)
from minigrad.program.simplify import simplified
from minigrad.typing import Array, DType, Function, Keywords

Run = Function


def fault(
    program: Program,
    run: Run,
    leaves: Sequence[Array],
    expected: Sequence[Array],
    spoilt: Callable[[], AbstractContextManager[list[Array]]] | None = None,
) -> str | None:
    """What is wrong with a kernel, in words; None if nothing is.

    Parameters
    ----------
    program : Program
        As it was recorded, before any simplification.
    run : callable
        The kernel: of the values of ``program.inputs``.
    leaves : sequence
        Such values.
    expected : sequence
        What the function gave for them: numbers and arrays, in order.
    spoilt : callable, optional
        In its context the kernel's own memory holds nothing sensible; gives the arrays that an
        answer must not lie in.  A large kernel is run once then, and no second time.
    """
    given = [guarded(x) for x in leaves]
    once = spoilt if elements(program) > MUCH else None
    try:
        with np.errstate(all="ignore"), once() if once else nullcontext([]) as own:
            first = values_of(run(*given))
            again = own if once else values_of(run(*given))
    except Exception as error:
        return f"it raises {type(error).__name__} ({error})"
    wrong = shared(first, again, leaves)
    for got in (first,) if once or identical(first, again) else (first, again):
        wrong = wrong or different(got, expected, rounding(program, leaves, expected))
    if wrong is not None:
        return f"{wrong}, first in {culprit(program, leaves)}"
    for other in elsewhere(program, leaves):
        wrong = fault_at(program, run, other)
        if wrong is not None:
            return f"at other arguments {wrong}, first in {culprit(program, other)}"
    return None


def fault_at(program: Program, run: Run, leaves: list[Array]) -> str | None:
    """What is wrong with a kernel at arguments that it was not made for."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = dict(zip(program.inputs, leaves, strict=True))
            with np.errstate(over="raise"):  # what overflows here need not overflow there
                expected = values_of(evaluate(program, values, careful))
        except Exception:  # no such arguments: an index out of bounds, a singular matrix
            return None
        try:
            got = values_of(run(*map(guarded, leaves)))
        except Exception as error:
            return f"it raises {type(error).__name__} ({error})"
    spreads = rounding(program, leaves, expected)
    if len(got) == len(expected):
        got = list(map(where_finite, got, expected))
        expected = list(map(where_finite, expected, expected))
    return different(got, expected, spreads)


def careful(op: Op, args: Sequence[Array], kwargs: Keywords) -> Array:
    """``op``, unless NumPy itself has two answers: the sign of a NaN, a root of -inf."""
    if op in (ops.signbit, ops.copysign) and any(np.isnan(a).any() for a in args):
        raise ValueError("NaN has no sign")
    if op is ops.power and np.isneginf(args[0]).any():
        raise ValueError("a power is NaN, and a root inf")
    return call_forward(op, args, kwargs)


def where_finite(x: Array, expected: Array) -> Array:
    """``x``, and 0 where what is expected is no number: how it comes about may differ."""
    if not isinstance(expected, np.ndarray | np.floating) or expected.dtype.kind != "f":
        return x
    known = np.isfinite(expected)
    if np.shape(x) != np.shape(expected) or known.all():
        return x
    return np.where(known, x, np.zeros_like(x))[()]


def elsewhere(program: Program, leaves: Sequence[Array]) -> Iterator[list[Array]]:
    """Other arguments of the kind of ``leaves``: numbers near these, and hostile ones.

    Which products of several factors underflow depends on the order: there only such near.
    """
    size = elements(program)
    foreign = any(not is_library_op(e.op) for e in program.equations)  # who knows what it does
    if foreign or not leaves or size > MUCH:
        return
    rng = np.random.default_rng(0)
    sets = [NEAR] if size > LITTLE else [NEAR, NEAR]
    several = any(e.op is ops.contract and len(e.args) > 2 for e in program.equations)
    if not several and all(takes_anything(e.op) for e in program.equations):
        blas = any(e.op in BLAS for e in program.equations)
        sets += [FAR[:2] + FAR[5:] if blas else FAR] * (1 if size > LITTLE else 4)
    for special in sets:
        yield [random_like(x, rng, special) for x in leaves]


NEAR: tuple[Any, ...] = (0.0, -0.0, 1.0, -1.0, 0.5)
FAR: tuple[Any, ...] = (0.0, -0.0, np.inf, -np.inf, np.nan, "max", "tiny", "smallest_subnormal")


BLAS = frozenset({ops.matmul, ops.contract, ops.convolve})
"""Ops that may skip what is multiplied by 0, or not: it depends on how their arguments lie."""


def random_like(x: object, rng: np.random.Generator, special: tuple[object, ...]) -> Array:
    """Floating numbers like ``x``, of either sign, and ``special`` ones among them."""
    x = doubled(x)
    if not isinstance(x, np.floating | np.ndarray) or x.dtype.kind != "f" or x.itemsize > 8:
        return x
    values = numbers(x.dtype, special)
    if not x.shape:  # without the price of arrays
        c, d, e = rng.random(3).tolist()
        with np.errstate(all="ignore"):
            return x * x.dtype.type(6 * d - 3) if c < 0.6 else values[int(e * len(values))]
    drawn = values[rng.integers(len(values), size=x.shape)]
    factors = np.asarray(rng.uniform(-3, 3, x.shape), x.dtype)
    with np.errstate(all="ignore"):
        return np.where(rng.random(x.shape) < 0.6, x * factors, drawn).astype(x.dtype)[()]


@functools.cache
def numbers(dtype: DType, special: tuple[Any, ...]) -> Array:
    """``special`` numbers of a dtype, some by name; products of a few of the largest are finite."""
    kind = np.finfo(dtype)
    values = [getattr(kind, c) if isinstance(c, str) else c for c in special]
    return np.array([c**0.25 if c == kind.max else c for c in values], dtype)


def takes_anything(op: Op) -> bool:
    """Whether NaN and infinities are nothing special to an op, as they are to LAPACK."""
    return bool(
        op.elementwise or op.ufunc or op.reduction or op.view or op.linear or op.by_shape
        or op in (ops.softmax, ops.log_softmax, ops.logsumexp, ops.sort, ops.cumprod)
    )  # fmt: skip


def warn_of_fault(program: Program, wrong: str) -> None:
    """Warn that a kernel was wrong."""
    warnings.warn(
        f"the compiled {program.name} was wrong, and is run op by op instead, which is right and "
        f"slower: {wrong}; please report this",
        RuntimeWarning,
        stacklevel=2,
    )


def guarded(x: object) -> Array:
    """An argument that cannot be written to."""
    if type(x) is np.ndarray:
        x = x.view()
        x.setflags(write=False)
    return x


def shared(first: Sequence[Array], again: Sequence[Array], leaves: Sequence[Array]) -> str | None:
    """Whether an answer lies in memory that is not its own."""
    for x in first:
        if not isinstance(x, np.ndarray):
            continue
        if any(isinstance(y, np.ndarray) and np.may_share_memory(x, y) for y in again):
            return "a second call overwrites what the first one returned"
        if any(isinstance(y, np.ndarray) and np.may_share_memory(x, y) for y in leaves):
            return "what it returns is memory of an argument"
    return None


def identical(first: Sequence[Array], again: Sequence[Array]) -> bool:
    """Whether two runs gave the same numbers."""
    return len(first) == len(again) and all(map(np.array_equal, first, again))


# --- which equation --------------------------------------------------------------------


def culprit(program: Program, leaves: Sequence[Array]) -> str:
    """The first equation of ``program`` that a kernel does not compute, in words."""
    equations = program.equations
    for everything in (True, False):  # where all is returned, no buffer is used twice
        low, high = 0, len(equations)
        while low < high:
            middle = (low + high) // 2
            start = 0 if everything else middle
            if computed(program, equations[start : middle + 1], leaves):
                low = middle + 1
            else:
                high = middle
        if low < len(equations):
            listed = program.listing.splitlines()
            return f"`{listed[low] if len(listed) == len(equations) + 1 else equations[low]}`"
    return "what it returns"


def computed(program: Program, equations: list[Equation], leaves: Sequence[Array]) -> bool:
    """Whether a kernel gives what the ops give for ``equations``."""
    part = without_dead_code(program.replace(result=[v for e in equations for v in e.outs]))
    values = dict(zip(program.inputs, leaves, strict=True))
    try:
        with np.errstate(all="ignore"):
            expected = values_of(evaluate(part, values, call_forward))
            got = values_of(executable(simplified(part))(*leaves))
        return different(got, expected, rounding(part, leaves, expected)) is None
    except Exception:
        return False


def executable(program: Program) -> Run:
    """``program`` as a function of its inputs, as kernels are made."""
    names = [f"x{i}" for i in range(len(program.inputs))]
    if scalar.is_scalar(program) and not program.constants:
        body, text = scalar.body(program, names)
        words = [text[x] if isinstance(x, Var) else scalar.literal(x) for x in program.outputs]
        lines = [f"def run({', '.join(names)}):", *body, f"return [{', '.join(words)}]"]
        scope = dict(scalar.NAMESPACE)
        exec(compile("\n    ".join(lines), "<proof>", "exec"), scope)
        run: Run = scope["run"]
        return run
    kernel = Kernel(lower(program))
    function = kernel.function("kernel", ", ".join(["work", *names]), [])
    return functools.partial(function, kernel.memory.allocate())
