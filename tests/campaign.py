"""A campaign: random programs over all ops, compiled, against the same functions in NumPy.

    python tests/campaign.py --seconds 60 --seed 0

Each seed is one program and the calls of it; a seed that fails is printed with the
program, and runs again alone by ``--only SEED``.  Arguments are of every kind that a
caller may have: single numbers of Python and NumPy, empty arrays, other dtypes, memory in
any order, read-only, overlapping, the same array twice; in every form of call.  Each
program is called with other values and shapes, what it captures changes between the
calls, some are called from two threads at once; of some it is a derivative that is
compiled, and of some the written source that is run.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from campaign_arguments import Call, call, called_with, form_of, retyped
from campaign_plans import Plan, composed, derivative
from minigrad.ops.record import registry
from minigrad.program import regions
from minigrad.program.compile import STRIKES
from minigrad.program.equations import Var
from minigrad.program.live import frozen_draws
from minigrad.program.rounding import different, rounding, values_of
from minigrad.program.trace import arguments, recorded
from minigrad.program.tracer import Tracer
from minigrad.tree import flatten

regions.WORTH, regions.TILE = 20_000, 2**15  # many tiles of arrays that are quick to make

REFUSED = (
    "would fix its value",
    "depends on values",
    "not supported",
    "cannot require a gradient",
    "no derivative",
    "whole numbers",
    "must depend",
    "is refused",
    "of axes of one length",
)

ENGINE: list[str] = []
"""Where NumPy gives something else than the ops do, compiled or not."""
REACHED: Counter[str] = Counter()
"""How often an op was part of a program."""


class Trial:
    """One program, compiled, and what it is compared with."""

    def __init__(self, plan: Plan, f: Any, kind: Call, args: list[Any], rng: Any) -> None:
        self.plan, self.f, self.kind, self.args, self.rng = plan, f, kind, args, rng
        self.form = form_of(rng, len(args))
        self.program = called_with(f, self.form, len(args))
        self.compiled = mg.compile(self.program)

    def result(self, f: Any, args: list[Any]) -> Any:
        """What ``f`` gives, called in the form of this program, or the exception."""
        if self.plan.random:
            mg.nn.seed(7)
        try:
            given, named = self.form.packed(args)
            return f(*given, **named)
        except Exception as error:
            return error

    def expected(self, args: list[Any]) -> Any:
        return self.result(self.program, args)

    def run(self) -> str | None:
        """Three calls, two threads, the source: what is wrong, or None."""
        expected = self.expected(self.args)
        if isinstance(expected, Exception):
            return None
        before = [np.array(a) for a in self.args]
        first = self.result(self.compiled, self.args)
        wrong = self.fault_of(first, expected, self.args)
        if wrong or isinstance(first, Exception):
            return wrong
        if self.compiled.latest is not None:
            REACHED.update({e.op.name for e in self.compiled.program.equations})
        kept = [np.array(x) for x in values_of(first) if isinstance(x, np.ndarray | np.generic)]
        for turn, grown in enumerate((0, 0, int(self.rng.random() < 0.35))):
            if self.rng.random() < 0.2:
                self.plan.change(self.rng)
            if self.rng.random() < 0.3:
                self.form.change()
            other = self.kind.args(self.rng, grown)
            if self.kind.start is None and self.rng.random() < 0.2:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    other = [retyped(self.rng, x) for x in other]
            got = self.result(self.compiled, other)
            wrong = self.fault_of(got, self.expected(other), other)
            if wrong:
                return f"call {turn + 2}: {wrong}"
        now = [np.array(x) for x in values_of(first) if isinstance(x, np.ndarray | np.generic)]
        if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(kept, now)):
            return "a later call overwrote an answer"
        if any(a.tobytes() != np.array(b).tobytes() for a, b in zip(before, self.args)):
            return "an argument was written to"
        if self.rng.random() < 0.1 and not self.plan.random:
            wrong = self.threaded([self.kind.args(self.rng) for _ in range(2)])
        if wrong is None and self.rng.random() < 0.25 and not self.plan.random:
            wrong = self.written()
        return wrong

    def fault_of(self, got: Any, expected: Any, args: list[Any]) -> str | None:
        """What is wrong with an answer."""
        if isinstance(expected, Exception):
            return None
        if isinstance(got, Exception):
            if any(word in str(got) for word in REFUSED):
                return None
            for g in (self.program, called_with(self.plan.function, self.form, len(args))):
                if isinstance(self.result(g, as_tensors(args)), type(got)):
                    ENGINE.append(f"raises {type(got).__name__}: {got}")
                    return None
            return f"raises {type(got).__name__}: {got}"
        want = [np.float64(x) if type(x) is float else x for x in values_of(expected)]
        have = [np.float64(x) if type(x) is float else x for x in values_of(got)]
        if structure(got) != structure(expected):
            return f"returns {structure(got)} in place of {structure(expected)}"
        program = self.compiled.known and self.compiled._strikes <= STRIKES
        for x in have if program else ():  # else the function itself was called
            if isinstance(x, np.ndarray) and any(
                isinstance(a, np.ndarray) and np.may_share_memory(x, a) for a in args
            ):
                return "shares memory with an argument"
        wrong = different(have, want, self.spreads(args, want))
        if wrong and self.agrees_with_engine(have, args, want):
            ENGINE.append(f"{wrong}, compiled or not")
            return None
        return wrong

    def spreads(self, args: list[Any], want: list[Any]) -> Iterator[list[Any]]:
        """How far rounding moves each answer, by more trials from one to the next."""
        if self.plan.random:  # what is drawn first is drawn by `result`, too
            mg.nn.seed(7)
        f = called_with(self.f, self.form.plain(), len(args))
        program, _ = recorded(f, arguments(f, args, {}), len(args), (), (), Tracer())
        programs = [program]
        computed = {v for e in program.equations for v in e.outs}
        if self.compiled.latest and not all(
            type(x) is Var and x in computed for x in program.outputs
        ):
            programs.append(self.compiled.program)  # of what is captured, which varies there
        for program in programs:
            given = zip(flatten(list(program.parameters.values()))[0], args, strict=True)
            with frozen_draws(program.constants.values()):
                yield from rounding(program, [a for v, a in given if isinstance(v, Var)])

    def agrees_with_engine(self, have: list[Any], args: list[Any], want: list[Any]) -> bool:
        """Whether the ops give the same, run one by one on Tensors."""
        ours = self.result(self.program, as_tensors(args))
        if isinstance(ours, Exception):
            return False
        return different(have, values_of(ours), self.spreads(args, want)) is None

    def threaded(self, calls: list[list[Any]]) -> str | None:
        """Two threads, each with arguments of its own."""
        wanted = [self.expected(args) for args in calls]
        found: list[str | None] = []

        def work(args: list[Any], want: Any) -> None:
            try:
                with np.errstate(all="ignore"):
                    found.extend(
                        self.fault_of(self.result(self.compiled, args), want, args)
                        for _ in range(3)
                    )
            except Exception:
                found.append(traceback.format_exc())

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

    def written(self) -> str | None:
        """The source in a file of its own."""
        expected = self.expected(self.args)
        if isinstance(expected, Exception):  # what it captures has changed
            return None
        given, named = self.form.packed(self.args)
        traced = mg.trace(self.program, *given, **named)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "program.py"
            try:
                traced.save(path)
                scope: dict[str, Any] = {"__file__": str(path), "__name__": "written"}
                exec(compile(path.read_text(), str(path), "exec"), scope)
                leaves, rebuild = flatten((given, named))
                leaves = [np.float64(a) if type(a) is float else a for a in leaves]
                given, named = rebuild(leaves)
                got = scope[traced.name](*given, **named)
            except Exception as error:
                return f"the source raises {type(error).__name__}: {error}"
        wrong = self.fault_of(got, expected, self.args)
        return f"the source: {wrong}" if wrong and "shares memory" not in wrong else None


def structure(tree: Any) -> Any:
    """Types of the containers of a result."""
    if isinstance(tree, dict):
        return type(tree).__name__, [(k, structure(v)) for k, v in tree.items()]
    if isinstance(tree, list | tuple):
        return type(tree).__name__, [structure(v) for v in tree]
    return "one"


def as_tensors(args: list[Any]) -> list[Any]:
    return [mg.Tensor(a) if isinstance(a, float | np.generic | np.ndarray) else a for a in args]


def run(seed: int) -> str | None:
    """Compile the program of ``seed`` and call it; what is wrong, or None."""
    rng = np.random.default_rng(seed)
    kind = call(rng)
    args = kind.args(rng)
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        plan = composed(rng, args, kind.start)
        if plan is None:
            return None
        what, f = derivative(rng, plan, args)
        trial = Trial(plan, f, kind, args, rng)
        wrong = trial.run()
        said = [str(w.message) for w in heard if "was wrong" in str(w.message)]
    wrong = wrong or (said[0] if said else None)
    if wrong is None:
        return None
    kinds = [f"{type(a).__name__} {np.asarray(a).dtype} {np.shape(a)}" for a in args]
    return f"seed {seed}, {what}, {trial.form} of {', '.join(kinds)}: {wrong}\n{plan}"


def campaign(
    seconds: float,
    seed: int,
    stop: int = 10,
    say: Any = lambda text: None,
    programs: float = math.inf,
) -> tuple[int, list[str]]:
    """Run programs from ``seed`` on; how many, and what was found."""
    found: list[str] = []
    start, n = time.monotonic(), 0
    while n < programs and time.monotonic() - start < seconds and len(found) < stop:
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
    parser.add_argument("--programs", type=int, help="so many, however long they take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop", type=int, default=10, help="stop at so many faults")
    parser.add_argument("--only", type=int, help="run this seed alone")
    parser.add_argument("--reached", action="store_true", help="say which ops were never drawn")
    options = parser.parse_args()
    if options.only is not None:
        print(run(options.only) or "nothing found")
        return 0
    say = functools.partial(print, flush=True)
    limits = (math.inf, options.programs) if options.programs else (options.seconds, math.inf)
    n, found = campaign(limits[0], options.seed, options.stop, say, limits[1])
    for text in sorted(set(ENGINE)):
        print(f"{ENGINE.count(text)} times not as in NumPy: {text}")
    if options.reached:
        print("never drawn:", *sorted(set(registry) - REACHED.keys()))
    seconds = time.process_time() / max(n, 1)
    print(
        f"{n} programs, {seconds * 1e3:.1f} ms each, seeds {options.seed} to "
        f"{options.seed + n - 1}: {len(found)} faults"
    )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
