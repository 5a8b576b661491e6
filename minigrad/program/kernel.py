"""A kernel: a lowered program as Python that calls NumPy's loops on memory of its own.

The source differs from the printed one in what a person would not bother to write:
results go into buffers that are reused as soon as what they hold is no longer needed,
scattered values are added in place, and stretches of elementwise work over large arrays
run tile by tile, in cache and on all cores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.ops import indexing
from minigrad.program.equations import Equation, Program, Var, substitute
from minigrad.program.joints import is_joint, joints
from minigrad.program.lower import lower_part
from minigrad.program.memory import Memory
from minigrad.program.regions import Region, collects, regions, tiled
from minigrad.program.scalar import Planned, Stretch, stretched
from minigrad.program.schedule import frugal
from minigrad.program.signs import signs_seen
from minigrad.program.statements import (
    ALONE,
    RESHAPES,
    Statements,
    is_view,
    may_be_view,
    selected_once,
    ufunc_of,
)
from minigrad.program.structure import structure_source
from minigrad.program.tiles import NARROW, Runner, collector
from minigrad.typing import Function

FIXED = Var("fixed", (), np.dtype(float))
"""The memory of any constant that stands in an equation."""


class Kernel(Statements):
    """Plans and writes the run of one lowered program.

    Attributes
    ----------
    roots : dict
        Variable -> the variables whose memory it may look into, if those are not itself.
    buffer : dict
        Variable -> the buffer that it lies in.
    whole : dict
        Variable -> the one of another shape whose elements are its own, in the same memory.
    flat : set
        Variables that are looked at in another shape, and so lie row by row.
    joints : dict
        Variable -> what it is joined to, and how many bytes from its beginning.
    """

    destinations: dict[Var, str]
    inputs: list[str]
    uses: dict[Var, int]
    escaping: set[Var]
    viewed: set[Var]
    waiting: set[Var]

    def __init__(
        self, program: Program, destinations: dict[Var, str] | None = None, tile: bool = False
    ) -> None:
        super().__init__(Memory(NARROW if tile else NARROW // 4), ALONE if tile else 2**16)
        self.program = program
        self.destinations = destinations or {}
        self.roots: dict[Var, set[Var]] = {}
        self.buffer: dict[Var, int] = {}
        self.whole: dict[Var, Var] = {}
        reshaped = [e.args[0] for e in program.equations if e.op in RESHAPES]
        self.flat = {v for v in reshaped if isinstance(v, Var)}
        self.inputs = [f"x{i}" for i, _ in enumerate(program.inputs)]
        self.text.update(zip(program.inputs, self.inputs, strict=True))
        for v, c in program.constants.items():
            self.text[v] = self.bound(self.name("k"), c)
            if hasattr(type(c), "_value"):  # a Tensor, whose data may be replaced between calls
                self.text[v] = self.name("v")
                self.lines.append(f"{self.text[v]} = k{self._count - 1}._value")
        for v in () if tile else program.inputs:
            if v.shape == () and v.dtype == np.float64:  # may be Python's, which is weaker
                x = self.text[v]
                self.lines.append(f"{x} = {self.bound('float64', np.float64)}({x})")
        self.uses = program.uses()
        self.escaping = self.escapes()
        self.viewed = {r for v, roots in self.roots.items() for r in roots if r is not v}
        plan: Sequence[Equation | Region] = program.equations if tile else regions(program)
        plan = frugal(plan, self.memory_of, self.escaping)
        self.scattered: dict[Var, Equation] = {}
        self.waiting = self.waits(plan)
        plan = self.delayed(plan)
        self.joints = joints(plan, self.has_buffer)
        for v in {*self.roots, *self.joints}:
            roots = self.memory_of(v)
            self.roots[v] = roots.union(self.joints[r][0] for r in roots if r in self.joints)
        self.write(plan if tile else stretched(plan, self.uses))

    # --- planning -----------------------------------------------------------------------

    def escapes(self) -> set[Var]:
        """Variables whose memory the caller gets: they are made anew in every run."""
        for e in self.program.equations:
            within = [a for a in e.args if isinstance(a, Var)] if may_be_view(e) else []
            fixed = may_be_view(e) and any(isinstance(a, np.ndarray) for a in e.args)
            fixed = fixed or e.op is ops.broadcast_to  # all of its elements lie in one place
            for v in e.outs:
                own = {FIXED} if fixed else set() if is_view(e) else {v}
                self.roots[v] = own.union(*(self.memory_of(a) for a in within))
        return set().union(*(self.memory_of(v) for v in self.program.outputs if isinstance(v, Var)))

    def memory_of(self, v: Var) -> set[Var]:
        """The variables whose memory ``v`` may look into, itself unless it is a view."""
        return self.roots.get(v, {v})

    def waits(self, plan: Sequence[Equation | Region]) -> set[Var]:
        """Scattered values that wait for the one sum that they are part of."""
        plain = [e for e in plan if isinstance(e, Equation)]
        made = {e.out: e for e in plain if e.op is ops.scatter and e.out.shape}
        signed = signs_seen(self.program) if made else ()  # x + 0 may not be -0
        waiting = set()
        for user in plain:
            if user.op not in (ops.add, ops.subtract):
                continue
            for v, other in (user.args, user.args[::-1]):
                e = made.get(v) if isinstance(v, Var) else None
                if e is None or not isinstance(other, Var) or self.uses[v] != 1:
                    continue
                alike = other.shape == v.shape == user.out.shape
                turned = user.op is ops.subtract and user.args[0] is v
                if v in self.escaping or other in made or turned or not alike or v in signed:
                    continue
                if other.dtype == v.dtype == user.out.dtype:
                    waiting.add(v)
        return waiting

    def delayed(self, plan: Sequence[Equation | Region]) -> list[Equation | Region]:
        """Scattered values that wait, right before the sums that they wait for."""
        held = {e.out: e for e in plan if isinstance(e, Equation) and e.out in self.waiting}
        ordered: list[Equation | Region] = []
        for step in plan:
            if isinstance(step, Equation):
                ordered += [held[v] for v in step.reads() if v in held]
            if not isinstance(step, Equation) or step.out not in held:
                ordered.append(step)
        return ordered

    def last_uses(self, plan: Sequence[Planned]) -> dict[int, list[Var]]:
        """Step -> the variables whose memory is not needed after it."""
        seen: dict[Var, int] = {}
        for i, step in enumerate(plan):
            within = [step] if isinstance(step, Equation) else step.equations
            for e in (*within, *(step.read.values() if isinstance(step, Stretch) else ())):
                for v in (*e.reads(), *e.outs):
                    for root in self.memory_of(v):
                        seen[root] = i
        dying: dict[int, list[Var]] = {}
        for v, i in seen.items():
            if v not in self.escaping:
                dying.setdefault(i, []).append(v)
        return dying

    def has_buffer(self, v: Var) -> bool:
        """Whether what is computed of ``v`` lies in memory of the kernel's own."""
        outside = self.escaping | self.waiting | self.destinations.keys()
        return v in self.memory_of(v) - outside and 0 not in v.shape and v.dtype.kind in "fb"

    def write(self, plan: Sequence[Planned]) -> None:
        """All lines."""
        last = self.last_uses(plan)
        for i, step in enumerate(plan):
            dying = last.get(i, [])
            if isinstance(step, Region):
                self.region(step)
            elif isinstance(step, Stretch):
                self.stretch(step)
            elif step.out in self.waiting:
                self.scattered[step.out] = step
                continue
            else:
                self.equation(step, dying)
            self.release(dying)
        self.lines.append(f"result = {self.result()}")

    def release(self, dying: list[Var]) -> None:
        for v in dying:
            if v in self.buffer:
                self.memory.give(self.buffer.pop(v))

    # --- statements ---------------------------------------------------------------------

    def equation(self, e: Equation, dying: list[Var]) -> None:
        """One step on whole arrays."""
        if isinstance(e.out, tuple):
            names = [self.name("v") for _ in e.outs]
            self.text.update(zip(e.outs, names, strict=True))
            self.lines.append(f"{', '.join(names)}, = {self.call(e)}")
            return
        v = e.out
        if is_view(e):
            if e.op in RESHAPES:
                x: Var = e.args[0]
                self.whole[v] = self.whole.get(x, x)
            self.assign(v, self.view(e))
        elif code := self.on_numbers(e):
            self.assign(v, code)
        elif v in self.joints and is_joint(e):
            self.join(e)
        elif not (e.op in (ops.add, ops.subtract) and self.accumulated(e, dying)):
            self.computed(e, dying)

    def assign(self, v: Var, code: str) -> None:
        """``v = code``, or into where it belongs."""
        if v in self.destinations:
            self.text[v] = self.destinations[v]
            self.lines.append(f"{self.text[v]}[...] = {code}")
        else:
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {code}")

    def computed(self, e: Equation, dying: list[Var]) -> None:
        """What NumPy computes, into a buffer where it can."""
        v = e.out
        target = self.target(e, dying)
        turned = not (v in self.destinations or v in self.flat) and self.memory.turned(v.shape)
        code = self.into(e, target, turned)
        if code is not None and target is not None:
            self.text[v] = target
            self.lines.append(code)
            return
        if v in self.buffer:
            self.memory.give(self.buffer.pop(v))
        self.assign(v, code or self.call(e))

    def join(self, e: Equation) -> None:
        """What is joined, of parts that lie in their places already, but for some."""
        whole, start = self.joints[e.out]
        for v in e.args:
            there = self.joints.get(v) == (whole, start)
            if not there or v not in self.destinations:
                self.lines.append(f"{self.part(v, whole, start)}[...] = {self.text[v]}")
            if there:
                self.destinations[v] = self.part(v, whole, start)
            start += v.nbytes
        self.text[e.out] = self.part(e.out, *self.joints[e.out])

    def part(self, v: Var, whole: Var, start: int) -> str:
        """The place of ``v`` in the memory of what it is joined to."""
        if whole not in self.buffer:
            self.buffer[whole] = self.memory.take(whole.nbytes)
        return self.memory.view(self.buffer[whole], v.shape, v.dtype, start)

    def target(self, e: Equation, dying: list[Var]) -> str | None:
        """Where the result goes: an argument that is done with, a buffer, or memory anew."""
        v = e.out
        if v in self.joints:
            self.destinations[v] = self.part(v, *self.joints[v])
        if v in self.destinations:
            return self.destinations[v]
        if v in self.escaping or not v.shape or 0 in v.shape or v.dtype.kind not in "fb":
            return None
        if ufunc_of(e) is not None:
            for a in e.args:
                if isinstance(a, Var) and a.shape == v.shape and a.dtype == v.dtype:
                    r = self.whole.get(a, a)
                    if r in dying and r in self.buffer and not self.looks_otherwise(e, r):
                        self.buffer[v] = self.buffer.pop(r)
                        return self.memory.view(self.buffer[v], v.shape, v.dtype)
        self.buffer[v] = self.memory.take(v.nbytes)
        return self.memory.view(self.buffer[v], v.shape, v.dtype, 0 if v in self.flat else None)

    def looks_otherwise(self, e: Equation, r: Var) -> bool:
        """Whether ``e`` reads the memory of ``r`` in another order than element by element."""
        views = [a for a in e.args if isinstance(a, Var) and r in self.memory_of(a)]
        rows = r in self.joints or bool(self.flat & {r, e.out}) or any(a is not r for a in views)
        turned = any(map(self.memory.turned, (r.shape, e.out.shape)))
        return (rows and turned) or any(
            self.whole.get(a, a) is not r or a.shape != e.out.shape for a in views
        )

    def accumulated(self, e: Equation, dying: list[Var]) -> bool:
        """A sum with scattered values: they are added in place, without the zeros."""
        first, second = e.args
        scatter = self.scattered.pop(second, None) if isinstance(second, Var) else None
        other = first
        if scatter is None and e.op is ops.add and isinstance(first, Var):
            scatter, other = self.scattered.pop(first, None), second
        if scatter is None:
            return False
        v = e.out
        inside = other in dying and other in self.buffer and other not in self.viewed
        if inside and v not in self.escaping and v not in self.destinations:
            self.buffer[v] = self.buffer.pop(other)
            self.text[v] = self.text[other]
        else:
            self.text[v] = self.name("v")
            self.lines.append(f"{self.text[v]} = {self.text[other]}.copy()")
        index = scatter.kwargs["index"]
        place, value = self.argument(index), self.argument(scatter.args[0])
        if selected_once(index):
            sign = "+=" if e.op is ops.add else "-="
            self.lines.append(f"{self.text[v]}[{place}] {sign} {value}")
        else:
            f = np.add if e.op is ops.add else np.subtract
            at = self.bound(f"{f.__name__}_at", partial(indexing.at, f))
            self.lines.append(f"{at}({self.text[v]}, {place}, {value})")
        if v in self.destinations:
            self.assign(v, self.text[v])
        return True

    def stretch(self, stretch: Stretch) -> None:
        """Single numbers as Python's, and what is needed of them as NumPy's."""
        given = []
        for v in stretch.entering:
            if v in stretch.read:
                e = stretch.read[v]
                given.append(f"{self.argument(e.args[0])}.item({e.kwargs['index']!r})")
            else:
                kind = "float" if v.dtype == np.float64 else "bool"
                given.append(f"{kind}({self.text[v]})")
        names = [self.name("v") for _ in stretch.used_after]
        self.text.update(zip(stretch.used_after, names, strict=True))
        function = self.bound(self.name("numbers"), stretch.function())
        self.lines.append(f"{', '.join(names)}, = {function}({', '.join(given)})")

    def region(self, region: Region) -> None:
        """The call of a region, and the kernels of its tiles."""
        n = region.rows
        made = {v for e in region.equations for v in e.outs}
        outside: dict[tuple[Var, bool], None] = {}  # (variable, whether it is read row by row)
        for e in region.equations:
            for v in e.reads():
                if v not in made:
                    outside[v, tiled(v, n, e)] = None
        step = math.ceil(n / region.parts())
        collected = {e.out: e for e in region.equations if collects(e)}
        kept = [v for v in region.used_after if v not in collected]
        gathered = [v for v in region.used_after if v in collected]
        for v in kept:
            if self.memory_of(v) & self.escaping or v.dtype.kind not in "fb":
                self.text[v] = self.name("v")
                dtype = self.bound(self.name("dtype"), v.dtype)
                self.lines.append(f"{self.text[v]} = np.empty({v.shape}, {dtype})")
            else:
                self.buffer[v] = self.memory.take(v.nbytes)
                self.text[v] = self.memory.view(self.buffer[v], v.shape, v.dtype)
        full = tile_kernel(region, step, outside, kept, gathered)
        rest = tile_kernel(region, n % step, outside, kept, gathered) if n % step else None
        how = [collector(collected[v]) for v in gathered]
        runner = self.bound(self.name("region"), Runner(full, rest, n, step, how))
        arguments = ", ".join(self.text[v] for v in (*(v for v, _ in outside), *kept))
        names = [self.name("v") for _ in gathered]
        self.text.update(zip(gathered, names, strict=True))
        left = f"{', '.join(names)}, = " if names else ""
        self.lines.append(f"{left}{runner}({arguments})")

    def function(self, name: str, parameters: str, first: list[str]) -> Any:
        """The kernel as a function; ``work`` among its parameters is its memory."""
        unpack = [f"{self.memory.names} = work"] if self.memory.views else []
        lines = [*first, *unpack, *self.lines, "return result"]
        code = f"def {name}({parameters}):\n" + "\n".join(f"    {line}" for line in lines)
        scope = dict(self.namespace)
        exec(compile(code, f"<{name} of minigrad>", "exec"), scope)
        scope[name].source = code
        return scope[name]

    # --- results ------------------------------------------------------------------------

    def result(self) -> str:
        """The results in their structure, no two sharing memory, none that of an argument."""
        given: set[Var] = set()
        outside = {*self.program.inputs, *self.program.constants, FIXED}
        words = []
        for x in self.program.outputs:
            if isinstance(x, Var):
                roots = self.memory_of(x)
                fresh = len(roots) == 1 and not roots & given and not roots & outside
                given |= roots
                words.append(self.text[x] if fresh or not x.shape else f"{self.text[x]}.copy()")
            elif isinstance(x, np.ndarray):
                words.append(f"{self.bound(self.name('c'), np.array(x))}.copy()")
            else:
                words.append(self.bound(self.name("c"), x))
        return structure_source(
            self.program.result, iter(words), lambda x: self.bound(self.name("s"), x), self.lines
        )


def tile_kernel(
    region: Region,
    rows: int,
    outside: Iterable[tuple[Var, bool]],
    kept: list[Var],
    gathered: list[Var],
) -> tuple[Function, Memory]:
    """The function of one tile of ``rows`` rows, and its memory."""
    swap: dict[Var, Var] = {}
    given: dict[tuple[Var, bool], Var] = {}
    slices = []
    for i, (v, by_rows) in enumerate(outside):
        shape = (rows, *v.shape[1:]) if by_rows else v.shape
        given[v, by_rows] = Var(f"x{i}", shape, v.dtype, True)
        if by_rows:
            slices.append(f"x{i} = x{i}[lo:hi]")

    def inside(e: Equation, v: Var) -> Var:
        return swap[v] if v in swap else given[v, tiled(v, region.rows, e)]

    equations = []
    for e in region.equations:
        out = e.out
        args = tuple(
            np.broadcast_to(a.flat[0], (rows, *a.shape[1:]))
            if isinstance(a, np.ndarray) and len(out.shape) == a.ndim and a.shape[0] == region.rows
            else substitute(a, partial(inside, e))
            for a in e.args
        )
        shape = out.shape if collects(e) else (rows, *out.shape[1:])
        swap[out] = Var(out.name, shape, out.dtype)
        kwargs = dict(e.kwargs)
        if e.op in (ops.reshape, ops.broadcast_to):
            kwargs["shape"] = swap[out].shape
        equations.append(Equation(swap[out], e.op, args, kwargs))
    inputs = {v.name: v for v in given.values()}
    results = tuple(swap[v] for v in (*gathered, *kept))
    program = lower_part(Program("tile", inputs, {}, equations, results))
    collected, stored = program.result[: len(gathered)], program.result[len(gathered) :]
    kernel = Kernel(
        program.replace(result=collected),
        destinations={
            v: f"y{i}" for i, v in reversed(list(enumerate(stored))) if isinstance(v, Var)
        },
        tile=True,
    )
    slices += [f"y{i} = y{i}[lo:hi]" for i in range(len(kept))]
    for i, v in enumerate(stored):
        if not isinstance(v, Var) or kernel.text[v] != f"y{i}":  # the same as something else
            kernel.lines.insert(-1, f"y{i}[...] = {kernel.argument(v)}")
    names = ", ".join([*inputs, *(f"y{i}" for i in range(len(kept)))])
    return kernel.function("tile", f"lo, hi, work, {names}", slices), kernel.memory
