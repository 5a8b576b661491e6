"""A campaign: random programs over all ops, compiled, against the same functions in NumPy.

    python tests/campaign.py --seconds 60 --seed 0

Each seed is one program and the calls of it; a seed that fails is printed with the
program, and runs again alone by ``--only SEED``.  Arguments are of every kind that a
caller may have: single numbers of Python and NumPy, empty arrays, other dtypes, memory in
any order, read-only, overlapping, the same array twice.  Each program is called with
other values and shapes, some from two threads at once; of some it is the gradient that is
compiled, and of some the written source that is run.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
import samples_statistics
from minigrad.program import passes
from minigrad.program.equations import Var
from minigrad.program.proof import different, plain, rounding
from minigrad.tree import flatten
from samples import SAMPLES

TABLES = [samples_elementwise, samples_indexing, samples_linalg]
TABLES += [samples_reduction, samples_shape, samples_statistics]

# --- steps -----------------------------------------------------------------------------

Step = Callable[..., Any]
CONSTANTS: list[Any] = [
    0, 1, -1, 2, 3, 0.0, -0.0, 0.5, -2.0, 0.1, 10, 300, 1e-3, 1e30, 1e-30, 1e200, True,
    np.float32(0.3), np.float64(1.7), np.float16(2), np.int8(3), np.inf,
    np.ones(3), np.ones((4, 1)), np.zeros(2), np.full(3, -2.0), np.array([0.0, -0.0, 0.0]),
    np.arange(3), np.array([True, False, True]), np.full((2, 3), 0.5, "f"),
]  # fmt: skip
UNARY: list[Step] = [
    np.negative, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.abs, np.sign, np.square,
    np.reciprocal, np.floor, np.log1p, np.expm1, np.arctan, np.cbrt, np.isnan, np.isfinite,
    np.signbit, np.logical_not, np.sinh, np.exp2, np.positive, np.copy,
    lambda x: x**2, lambda x: x**3, lambda x: x**4, lambda x: x**-1, lambda x: x**-2.0,
    lambda x: x**0.5, lambda x: x**0, lambda x: x + x, lambda x: 0 + x, lambda x: 0 - x,
    lambda x: x - 0.0, lambda x: 1 * x, lambda x: x * -1, lambda x: 1 / (1 + np.exp(-x)),
    lambda x: np.clip(x, -0.7, 1), lambda x: np.clip(x, 0, None), lambda x: np.ldexp(x, 3),
    lambda x: np.nan_to_num(x), lambda x: np.positive(x).astype("f"),
    lambda x: np.maximum(x, 0), lambda x: (x > 0) * x, lambda x: np.where(x > 0, x, 0.1 * x),
    mg.sigmoid, mg.relu, mg.softplus, mg.log_sigmoid, mg.gelu, mg.silu, mg.erf,
]  # fmt: skip
BINARY: list[Step] = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.arctan2, np.hypot,
    np.logaddexp, np.copysign, np.fmod, np.remainder, np.floor_divide, np.power, np.fmax,
    np.logical_and, np.logical_or, np.bitwise_and, np.bitwise_or, np.greater, np.less_equal,
    np.equal, np.not_equal, np.matmul, np.outer, np.dot, np.append,
    lambda x, y: x - 2 * y, lambda x, y: -(x - y), lambda x, y: 3 * x + 3 * y,
    lambda x, y: 0.25 * x - 0.25 * y, lambda x, y: x + (-y), lambda x, y: -x / y,
    lambda x, y: (2 * x) * (3 * y), lambda x, y: np.greater(x, y) + np.greater(x, 0),
    lambda x, y: x.T @ y,
    lambda x, y: x[:, None] - y, lambda x, y: x[..., None] * y,
    lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]), lambda x, y: np.stack([x, y]),
    lambda x, y: np.where(x > y, x, y), lambda x, y: x.sum(0) + y.sum(0),
    lambda x, y: np.sum(x * y), lambda x, y: x.T @ y + y.T @ x, lambda x, y: x @ (0.5 * y),
    lambda x, y: (x @ y).T, lambda x, y: x[np.argmax(y) % len(x)], lambda x, y: x[(y > 0) * 1],
    lambda x, y: np.einsum("i...,i...->...", x, y), lambda x, y: np.einsum("ij,j->i", x, y),
    lambda x, y: np.broadcast_to(x, np.shape(y)) * y, lambda x, y: np.full(np.shape(y), 2.0) * x,
]  # fmt: skip
SHAPING: list[Step] = [
    np.transpose, np.ravel, np.squeeze, np.atleast_2d, np.flip, np.sort, np.cumsum, np.diff,
    lambda x: x.T.T, lambda x: x.reshape(-1), lambda x: x[::-1], lambda x: x[...],
    lambda x: x[0], lambda x: x[-1:], lambda x: x[:, 0], lambda x: x[..., None], lambda x: x[None],
    lambda x: x[[0, -1, 0]], lambda x: x[np.array([True, False, True])], lambda x: x[:2],
    lambda x: np.swapaxes(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), lambda x: np.tile(x, 2),
    lambda x: np.repeat(x, 2, axis=0), lambda x: np.roll(x, 1), lambda x: np.pad(x, 1),
    lambda x: np.expand_dims(x, 1), lambda x: np.einsum("ij->ji", x), lambda x: np.diagonal(x),
    lambda x: np.einsum("ii->i", x), lambda x: np.split(x, [1])[0], lambda x: np.triu(x),
    lambda x: np.broadcast_to(x, (2, *np.shape(x))), lambda x: np.concatenate([x, 2 * x]),
    lambda x: x.reshape(2, -1), lambda x: np.zeros_like(x) + 1, lambda x: x[()],
]  # fmt: skip
REDUCING: list[Step] = [
    np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.linalg.norm, np.any, np.all,
    np.argmax, np.median, np.ptp, mg.logsumexp, mg.softmax, mg.log_softmax,
    lambda x: x.sum(axis=0), lambda x: x.sum(axis=-1, keepdims=True), lambda x: x.mean(axis=0),
    lambda x: x.mean(axis=-1, keepdims=True), lambda x: x.max(axis=-1, keepdims=True),
    lambda x: np.sum(x, where=False), lambda x: np.sum(x, initial=2.0), lambda x: np.sum(x, ()),
    lambda x: np.sum(x, axis=(0,)), lambda x: np.sum(x, axis=(0, 1)), lambda x: np.sum(-3 * x),
    lambda x: x - x.max(axis=0), lambda x: x - x.mean(axis=-1, keepdims=True),
    lambda x: mg.softmax(x, axis=0), lambda x: mg.logsumexp(x, axis=0),
    lambda x: np.exp(x - mg.logsumexp(x, axis=-1, keepdims=True)), lambda x: np.sum(x * x),
    lambda x: np.cumprod(x), lambda x: np.quantile(x, 0.3), lambda x: np.average(x, axis=0),
    lambda x: x / np.sum(x), lambda x: x @ np.ones(np.shape(x)[-1]), lambda x: x.T @ x,
]  # fmt: skip
KINDS = [UNARY, UNARY, BINARY, BINARY, BINARY, SHAPING, REDUCING]
LARGEST = 1 << 18


@dataclass
class Plan:
    """Steps, each of what arguments, constants and steps before gave."""

    steps: list[tuple[Step, tuple[Any, ...], str]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    arguments: int = 0

    def __call__(self, *args: Any) -> Any:
        pool = list(args)
        for f, of, _ in self.steps:
            pool.append(f(*(pool[i] if isinstance(i, int) else i[0] for i in of)))
        answers = [pool[i] for i in self.outputs]
        return answers[0] if len(answers) == 1 else answers

    def __str__(self) -> str:
        lines = []
        for i, (_, of, name) in enumerate(self.steps, self.arguments):
            words = [f"t{j}" if isinstance(j, int) else repr(j[0]) for j in of]
            lines.append(f"t{i} = {name}({', '.join(words)})")
        return "\n".join([*lines, f"return {', '.join(f't{i}' for i in self.outputs)}"])


def named(f: Step) -> str:
    """What a step is called when it is printed."""
    if getattr(f, "__name__", "") != "<lambda>":
        return str(getattr(f, "__name__", f))
    constants = [repr(c) for c in f.__code__.co_consts if c is not None]
    code = f.__code__
    return f"<{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_names} {constants}>"


def chosen(rng: Any, pool: int, large: bool) -> tuple[Step, tuple[Any, ...], str]:
    """A step at random, and what it is given."""

    def operand() -> Any:
        if rng.random() < 0.2:
            return (CONSTANTS[rng.integers(len(CONSTANTS))],)
        return int(pool - 1 - min(rng.geometric(0.3) - 1, pool - 1))

    if rng.random() < 0.15 and not large:
        s = SAMPLES[rng.integers(len(SAMPLES))]
        return s.f, tuple(operand() for _ in s.args), s.id
    kind = KINDS[rng.integers(len(KINDS))]
    f = kind[rng.integers(len(kind))]
    first = int(pool - 1 - min(rng.geometric(0.4) - 1, pool - 1))
    of = (operand(), first)[:: rng.choice([1, -1])] if kind is BINARY else (first,)
    return f, of, named(f)


def composed(rng: Any, args: list[Any]) -> Plan | None:
    """A program that NumPy can run on ``args``."""
    plan, pool = Plan(arguments=len(args)), list(args)
    large = any(np.size(x) > 500 for x in args)  # where a scan would be as many steps
    for _ in range(60):
        f, of, name = chosen(rng, len(pool), large)
        given = [pool[i] if isinstance(i, int) else i[0] for i in of]
        if np.prod([float(np.size(x)) for x in given]) > 1e7:  # an outer product, say
            continue
        try:
            y = f(*given)
        except Exception:  # shapes or dtypes that do not go together
            continue
        if not isinstance(y, int | float | np.generic | np.ndarray) or np.size(y) > LARGEST:
            continue
        if np.asarray(y).dtype.kind not in "fiub":
            continue
        plan.steps.append((f, of, name))
        pool.append(y)
        if len(plan.steps) >= rng.integers(1, 14):
            break
    if not plan.steps:
        return None
    several = rng.integers(1, 4) if rng.random() < 0.4 else 1
    last = len(pool) - 1
    plan.outputs = sorted({last, *(int(i) for i in rng.integers(len(pool), size=several - 1))})
    return plan


# --- arguments -------------------------------------------------------------------------

SHAPES: list[tuple[int, ...]] = [
    (), (), (3,), (3,), (2, 3), (2, 3), (3, 1), (1, 3), (1,), (0,), (0, 3), (2, 1, 3), (3, 3),
    (2, 3, 4), (5, 2),
]  # fmt: skip
LARGE: list[tuple[int, ...]] = [(200, 300), (60000,), (300, 3), (1000,), (2000, 1), (40, 50, 30)]
DTYPES = ["f8"] * 12 + ["f4"] * 4 + ["f2", "i8", "i8", "i4", "u1", "?"]
WILD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e300, -1e300, 1e-5, 0.5]


def value(rng: Any, shape: tuple[int, ...], dtype: str, wild: bool) -> Any:
    """An array, or a number, in memory of some kind."""
    kind = np.dtype(dtype).kind
    x = rng.choice(WILD, shape) if wild and kind == "f" else rng.normal(size=shape) * 1.5
    if kind in "iu":
        x = rng.integers(0, 5, shape) - (2 if kind == "i" else 0)
    if kind == "b":
        x = rng.random(shape) < 0.5
    with np.errstate(all="ignore"):
        x = np.asarray(x, dtype)
    if shape == ():
        return x[()]
    layout = rng.integers(7)
    if layout == 1:
        x = np.asfortranarray(x)
    elif layout == 2:
        x = x[::-1].copy()[::-1]
    elif layout == 3:
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    elif layout == 4:
        x.setflags(write=False)
    elif layout == 5 and x.ndim > 1:
        x = np.broadcast_to(x[:1], shape)
    elif layout == 6 and x.ndim == 1 and x.size:
        x = np.lib.stride_tricks.sliding_window_view(np.concatenate([x, x]), x.size)[0]
    return x


@dataclass
class Call:
    """What a program is given: of each argument shape and dtype, or the one it is again."""

    specs: list[tuple[tuple[int, ...], str]]
    same: bool
    python: bool
    wild: bool

    def args(self, rng: Any, grown: int = 0) -> list[Any]:
        found = []
        for shape, dtype in self.specs:
            shape = tuple(n + grown if n == 3 else n for n in shape)
            x = value(rng, shape, dtype, self.wild)
            if shape == () and self.python and dtype == "f8":
                x = float(x)
            found.append(x)
        return [found[0]] * len(found) if self.same else found


def call(rng: Any) -> Call:
    large = rng.random() < 0.03
    shapes = LARGE if large else SHAPES
    n = int(rng.integers(1, 4))
    dtype = str(rng.choice(DTYPES))
    specs = [
        (
            shapes[rng.integers(len(shapes))],
            dtype if rng.random() < 0.7 else str(rng.choice(DTYPES)),
        )
        for _ in range(n)
    ]
    if rng.random() < 0.12:
        specs = [((), "f8")] * n
    return Call(specs, rng.random() < 0.1, rng.random() < 0.5, rng.random() < 0.15)


# --- one program -----------------------------------------------------------------------

REFUSED = (
    "would fix its value",
    "depends on values",
    "not supported",
    "cannot require a gradient",
    "no derivative",
    "whole numbers",
    "must depend",
)


def eager(f: Any, args: list[Any]) -> Any:
    """What NumPy gives, or the exception."""
    try:
        return f(*args)
    except Exception as error:
        return error


def gradient_of(plan: Plan, args: list[Any]) -> Any:
    """The gradient of a weighted sum of what is floating in the answer, by what is."""
    nums = [i for i, x in enumerate(args) if np.asarray(x).dtype.kind == "f"]
    if not nums:
        return None

    def loss(*xs: Any) -> Any:
        answers = flatten(plan(*xs))[0]
        floats = [y for y in answers if getattr(y, "dtype", np.dtype(int)).kind == "f"]
        return sum(np.sum(y * np.cos(1.0 + k)) for k, y in enumerate(floats))

    return mg.value_and_grad(loss, argnums=tuple(nums))


def function_of(f: Any, n: int) -> Any:
    """``f`` as a function of ``n`` parameters."""
    names = ", ".join(f"a{i}" for i in range(n))
    scope = {"f": f}
    exec(f"def program({names}):\n    return f({names})", scope)
    return scope["program"]


def fault_of(got: Any, expected: Any, f: Any, args: list[Any], plan: Any) -> str | None:
    """What is wrong with an answer."""
    if isinstance(expected, Exception):
        return None
    if isinstance(got, Exception):
        if any(word in str(got) for word in REFUSED):
            return None
        if any(isinstance(eager(g, as_tensors(args)), type(got)) for g in (f, plan)):
            ENGINE.append(f"raises {type(got).__name__}: {got}")
            return None
        return f"raises {type(got).__name__}: {got}"

    def spread() -> list[Any]:
        program = passes.recorded(function_of(f, len(args)), *args)
        given = zip(program.parameters.values(), args, strict=True)
        return rounding(program, [a for v, a in given if isinstance(v, Var)])

    want = [np.float64(x) if type(x) is float else x for x in plain(expected)]
    have = [np.float64(x) if type(x) is float else x for x in plain(got)]
    for x in have:
        if isinstance(x, np.ndarray) and any(
            isinstance(a, np.ndarray) and np.may_share_memory(x, a) for a in args
        ):
            return "shares memory with an argument"
    wrong = different(have, want, spread)
    if wrong and agrees_with_engine(have, f, args, spread):
        ENGINE.append(f"{wrong}, compiled or not")
        return None
    return wrong


ENGINE: list[str] = []
"""Where NumPy gives something else than the ops do, compiled or not."""


def as_tensors(args: list[Any]) -> list[Any]:
    return [mg.Tensor(a) if isinstance(a, float | np.generic | np.ndarray) else a for a in args]


def agrees_with_engine(have: list[Any], f: Any, args: list[Any], spread: Any) -> bool:
    """Whether the ops give the same, run one by one on Tensors."""
    ours = eager(f, as_tensors(args))
    return not isinstance(ours, Exception) and different(have, plain(ours), spread) is None


def run(seed: int) -> str | None:
    """Compile the program of ``seed`` and call it; what is wrong, or None."""
    rng = np.random.default_rng(seed)
    kind = call(rng)
    args = kind.args(rng)
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        plan = composed(rng, args)
        if plan is None:
            return None
        f: Any = plan
        if rng.random() < 0.35:
            f = gradient_of(plan, args) or plan
        wrong = called(f, plan, kind, args, rng)
        said = [str(w.message) for w in heard if "was wrong" in str(w.message)]
    wrong = wrong or (said[0] if said else None)
    if wrong is None:
        return None
    kinds = [f"{type(a).__name__} {np.asarray(a).dtype} {np.shape(a)}" for a in args]
    what = "gradient" if f is not plan else "value"
    return f"seed {seed}, {what} at {', '.join(kinds)}: {wrong}\n{plan}"


def called(f: Any, plan: Plan, kind: Call, args: list[Any], rng: Any) -> str | None:
    """Three calls, two threads, the source: what is wrong, or None."""
    expected = eager(f, args)
    if isinstance(expected, Exception):
        return None
    program = function_of(f, len(args))
    compiled = mg.compile(program)
    before = [np.array(a) for a in args]
    first = eager(compiled, args)
    wrong = fault_of(first, expected, f, args, plan)
    if wrong or isinstance(first, Exception):
        return wrong
    kept = [np.array(x) for x in plain(first) if isinstance(x, np.ndarray | np.generic)]
    for turn, grown in enumerate((0, 0, 1)):
        other = kind.args(rng, grown)
        wrong = fault_of(eager(compiled, other), eager(f, other), f, other, plan)
        if wrong:
            return f"call {turn + 2}: {wrong}"
    now = [np.array(x) for x in plain(first) if isinstance(x, np.ndarray | np.generic)]
    if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(kept, now)):
        return "a later call overwrote an answer"
    if any(a.tobytes() != np.array(b).tobytes() for a, b in zip(before, args)):
        return "an argument was written to"
    if rng.random() < 0.1:
        wrong = threaded(compiled, f, plan, [kind.args(rng) for _ in range(2)])
    if wrong is None and rng.random() < 0.3:
        wrong = written(f, plan, program, args, expected)
    return wrong


def threaded(compiled: Any, f: Any, plan: Any, calls: list[list[Any]]) -> str | None:
    """Two threads, each with arguments of its own."""
    wanted = [eager(f, args) for args in calls]
    found: list[str | None] = []

    def work(args: list[Any], want: Any) -> None:
        with np.errstate(all="ignore"):
            found.extend(fault_of(eager(compiled, args), want, f, args, plan) for _ in range(3))

    threads = [
        threading.Thread(target=work, args=(args, want))
        for args, want in zip(calls, wanted, strict=True)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wrong = next((x for x in found if x), None)
    return f"in a thread: {wrong}" if wrong else None


def written(f: Any, plan: Any, program: Any, args: list[Any], expected: Any) -> str | None:
    """The source in a file of its own."""
    traced = mg.trace(program, *args)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        try:
            traced.save(path)
            scope: dict[str, Any] = {"__file__": str(path), "__name__": "written"}
            exec(compile(path.read_text(), str(path), "exec"), scope)
            got = scope[traced.name](*(np.float64(a) if type(a) is float else a for a in args))
        except Exception as error:
            return f"the source raises {type(error).__name__}: {error}"
    wrong = fault_of(got, expected, f, args, plan)
    return f"the source: {wrong}" if wrong and "shares memory" not in wrong else None


def campaign(
    seconds: float, seed: int, stop: int = 10, say: Any = lambda text: None
) -> tuple[int, list[str]]:
    """Run programs from ``seed`` on; how many, and what was found."""
    found: list[str] = []
    start, n = time.monotonic(), 0
    while time.monotonic() - start < seconds and len(found) < stop:
        try:
            wrong = run(seed + n)
        except Exception:
            wrong = f"seed {seed + n}: the campaign itself\n{traceback.format_exc()}"
        if wrong:
            found.append(wrong)
            say(wrong + "\n")
        n += 1
    return n, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop", type=int, default=10, help="stop at so many faults")
    parser.add_argument("--only", type=int, help="run this seed alone")
    options = parser.parse_args()
    if options.only is not None:
        print(run(options.only) or "nothing found")
        return 0
    say = functools.partial(print, flush=True)
    n, found = campaign(options.seconds, options.seed, options.stop, say)
    for text in sorted(set(ENGINE)):
        print(f"{ENGINE.count(text)} times not as in NumPy: {text}")
    print(f"{n} programs, seeds {options.seed} to {options.seed + n - 1}: {len(found)} faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
