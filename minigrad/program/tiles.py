"""Tiles: elementwise work over large arrays, a few rows at a time, on all cores.

A whole array passes through memory once per operation; a tile stays in cache while all
the operations of a region pass over it.  Everything whose rows are computed from the
same rows of its inputs belongs to a region: elementwise functions, reductions within
rows, and sums over rows, which are collected tile by tile.  NumPy releases the
interpreter's lock meanwhile, so that threads share the tiles.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.ops.reduction import axes_of
from minigrad.program.equations import Equation, Program, Var, replaced

if TYPE_CHECKING:
    from minigrad.program.kernel import Kernel

WORTH = 120_000
"""Nanoseconds of work from which tiles pay."""

TILE = 2**17
"""Bytes of the widest array in a tile."""

NARROW = 64
"""Rows of at most this many elements are kept by columns in tiles (a quarter elsewhere)."""

workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, 8)
_pool: list[ThreadPoolExecutor] = []


def pool() -> ThreadPoolExecutor:
    """The threads that help, started when they are first needed."""
    if not _pool:
        _pool.append(ThreadPoolExecutor(max(workers - 1, 1), thread_name_prefix="minigrad"))
    return _pool[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.clear)  # threads do not survive a fork


# --- which equations -------------------------------------------------------------------


def rows_of(e: Equation) -> int | None:
    """How many rows ``e`` works on, each by itself; None if it is not of that kind."""
    if not isinstance(e.out, Var) or any(isinstance(v, Var) for v in e.kwargs.values()):
        return None
    name, shape = e.op.name, e.out.shape
    arrays = [a for a in e.args if isinstance(a, Var)]
    if any(isinstance(a, np.ndarray) and a.ndim and any(a.strides) for a in e.args) or not arrays:
        return None
    x = arrays[0]
    if name in ("sum", "max", "min", "shift") and x.shape and plain(e):
        axes = axes_of(np.broadcast_to(np.float64(0), x.shape), e.kwargs.get("axis"))
        return None if name == "shift" and 0 in axes else x.shape[0]
    if not shape:
        return None
    if e.op.elementwise or (e.op.vjps is None and isinstance(getattr(np, name, None), np.ufunc)):
        return shape[0] if not e.kwargs else None
    if name in ("reshape", "expand_dims", "squeeze", "broadcast_to"):
        same = bool(x.shape) and x.shape[0] == shape[0]
        return shape[0] if same and (name != "broadcast_to" or len(x.shape) == len(shape)) else None
    if name == "getitem":
        index = e.kwargs["index"]
        parts = index if isinstance(index, tuple) else (index,)
        whole = bool(parts) and isinstance(parts[0], slice) and parts[0] == slice(None)
        basic = all(isinstance(p, slice | int | None) for p in parts)
        return shape[0] if whole and basic else None
    return None


def plain(e: Equation) -> bool:
    """Whether a reduction is over whole axes."""
    usual = (None, True, False, np._NoValue)
    return all(any(v is u for u in usual) for k, v in e.kwargs.items() if k != "axis")


def collects(e: Equation) -> bool:
    """Whether ``e`` reduces over the rows themselves."""
    if e.op.name not in ("sum", "max", "min"):
        return False
    x = e.args[0]
    return 0 in axes_of(np.broadcast_to(np.float64(0), x.shape), e.kwargs.get("axis"))


def cost(e: Equation) -> float:
    """Nanoseconds that ``e`` takes on whole arrays."""
    sizes = [math.prod(v.shape) for v in (*e.reads(), *e.outs)]
    wide = 1.0 if e.outs[0].dtype.itemsize > 4 else 0.6
    return max(sizes, default=0) * e.op.cost * wide


def tiled(v: Var, rows: int, e: Equation) -> bool:
    """Whether ``e`` reads ``v`` row by row (else it is the same for all rows)."""
    if not v.shape or v.shape[0] != rows or rows == 1:
        return False
    if (not e.op.elementwise and e.op.vjps is not None) or e.op.name == "shift":
        return True
    return len(v.shape) == len(e.out.shape)


@dataclass
class Region:
    """Equations that run together, tile by tile.

    Attributes
    ----------
    rows : int
    equations : list of Equation
    used_after : set of Var
        What of it is needed outside.
    """

    rows: int
    equations: list[Equation]
    used_after: set[Var] = field(default_factory=set)

    def write(self, kernel: Kernel) -> None:
        write_region(self, kernel)


def regions(program: Program) -> list[Any]:
    """The steps of ``program``: equations and regions, in an order that works."""
    level: dict[Var, int] = {}
    rows: dict[Var, int] = {}  # of what is computed row by row
    placed: list[tuple[int, int | None, Equation]] = []
    work: dict[int | None, float] = {}
    for e in program.equations:
        work[rows_of(e)] = work.get(rows_of(e), 0) + cost(e)
    for e in program.equations:
        n = rows_of(e)
        n = None if n is None or n < 2 or work[n] < WORTH else n
        at = -1 if n is None else 0  # whole arrays: after that region, -1 before all
        for v in e.reads():
            known = level.get(v, -1)
            within = n is None or (rows.get(v) == n and tiled(v, n, e))
            at = max(at, known if within else known + 1)
        for v in e.outs:
            level[v] = at
            if n is not None and not collects(e):
                rows[v] = n
        placed.append((at, n, e))
    placed = sunk(placed, program)
    groups: dict[tuple[int, int], list[Equation]] = {}
    for at, n, e in placed:
        if n is not None:
            groups.setdefault((at, n), []).append(e)
    chosen = {key for key, es in groups.items() if sum(map(cost, es)) > WORTH}
    if not chosen:
        return list(program.equations)
    plan: list[Any] = []
    for at in range(-1, 1 + max(a for a, _, _ in placed)):
        plan += [Region(key[1], groups[key]) for key in sorted(chosen) if key[0] == at]
        plan += [e for a, n, e in placed if a == at and (a, n) not in chosen]
    return scheduled(plan, program)


def sunk(placed: list[Any], program: Program) -> list[Any]:
    """Steps that only a later region needs, in that region, where it costs no memory."""
    at = {v: (level, n) for level, n, e in placed for v in e.outs}
    users: dict[Var, list[tuple[int, int | None]]] = {}
    for level, n, e in placed:
        for v in e.reads():
            users.setdefault(v, []).append((level, n))
    results = {v for v in program.outputs if isinstance(v, Var)}

    def stays(v: Var) -> bool:
        """Whether ``v`` is in memory after its region anyway."""
        return v not in at or v in results or any(user != at[v] for user in users[v])

    moved = []
    for level, n, e in reversed(placed):
        v = e.outs[0]
        if n is not None and not collects(e) and v not in results and users.get(v):
            later = min(level for level, _ in users[v])
            if later > level and all(m == n for _, m in users[v]) and all(map(stays, e.reads())):
                level = later
                at[v] = (level, n)
                for x in e.reads():
                    users[x].append((level, n))
        moved.append((level, n, e))
    return moved[::-1]


def scheduled(plan: list[Any], program: Program) -> list[Any]:
    """``plan`` in dependency order, with what of each region is needed outside."""
    done: set[Var] = set(program.inputs) | set(program.constants)
    waiting, ordered = list(plan), []
    while waiting:
        for i, step in enumerate(waiting):
            es = step.equations if isinstance(step, Region) else [step]
            made = {v for e in es for v in e.outs}
            if all(v in done or v in made for e in es for v in e.reads()):
                done |= made
                ordered.append(waiting.pop(i))
                break
        else:
            return list(program.equations)
    for step in ordered:
        if isinstance(step, Region):
            made = {v for e in step.equations for v in e.outs}
            outside = [s for s in ordered if s is not step]
            read = {
                v
                for s in outside
                for e in (s.equations if isinstance(s, Region) else [s])
                for v in e.reads()
            }
            results = {v for v in program.outputs if isinstance(v, Var)}
            step.used_after = made & (read | results)
    return ordered


# --- how they run ----------------------------------------------------------------------


def write_region(region: Region, kernel: Kernel) -> None:
    """Write the call of a region into ``kernel``, and the kernels of its tiles."""
    n = region.rows
    widest = max(
        math.prod(v.shape[1:]) * v.dtype.itemsize
        for e in region.equations
        for v in (*e.reads(), *e.outs)
        if v.shape and v.shape[0] == n
    )
    step = min(n, max(1, TILE // max(widest, 1)))
    _full, rest = divmod(n, step)
    made = {v for e in region.equations for v in e.outs}
    collected = {e.out for e in region.equations if collects(e)}
    kept = [v for v in region.used_after if v not in collected]
    gathered = [v for v in region.used_after if v in collected]
    outside: dict[Var, bool] = {}  # whether it is read row by row
    for e in region.equations:
        for v in e.reads():
            if v not in made:
                outside[v] = outside.get(v, False) or tiled(v, n, e)
    for v in kept:
        if kernel.memory_of(v) & kernel.escaping or v.dtype.kind not in "fb":
            kernel.text[v] = kernel.name("v")
            dtype = kernel.bound(f"dtype_{v.dtype}", v.dtype)
            kernel.lines.append(f"{kernel.text[v]} = np.empty({v.shape}, {dtype})")
        else:
            kernel.buffer[v] = kernel.memory.take(math.prod(v.shape) * v.dtype.itemsize)
            kernel.text[v] = kernel.memory.view(kernel.buffer[v], v.shape, v.dtype)
    runs = [
        tile_kernel(region, rows, outside, kept, gathered) if rows else None
        for rows in (step, rest)
    ]
    how = [collector(v, region) for v in gathered]
    runner = kernel.bound(kernel.name("region"), Runner(runs[0], runs[1], n, step, how))
    arguments = ", ".join(kernel.text[v] for v in (*outside, *kept))
    names = [kernel.name("v") for _ in gathered]
    kernel.text.update(zip(gathered, names, strict=True))
    left = f"{', '.join(names)}, = " if names else ""
    kernel.lines.append(f"{left}{runner}({arguments})")


def collector(v: Var, region: Region) -> Callable[[list[Any]], Any]:
    """How to combine what the tiles collected for ``v``."""
    e = next(e for e in region.equations if e.out is v)
    f: Any = {"sum": np.add, "max": np.maximum, "min": np.minimum}[e.op.name]
    return lambda parts: f.reduce(np.array(parts), axis=0)


def tile_kernel(
    region: Region, rows: int, outside: dict[Var, bool], kept: list[Var], gathered: list[Var]
) -> Any:
    """The function of one tile of ``rows`` rows, and its memory."""
    from minigrad.program.kernel import Kernel
    from minigrad.program.lower import lower

    swap: dict[Var, Var] = {}
    slices = []
    for i, (v, by_rows) in enumerate(outside.items()):
        swap[v] = Var(f"x{i}", (rows, *v.shape[1:]) if by_rows else v.shape, v.dtype, True)
        if by_rows:
            slices.append(f"x{i} = x{i}[lo:hi]")
    equations = []
    for e in region.equations:
        out = e.out
        by_rows = not collects(e)
        swap[out] = Var(out.name, (rows, *out.shape[1:]) if by_rows else out.shape, out.dtype)
        args = tuple(replaced(a, swap.__getitem__) for a in e.args)
        args = tuple(
            np.broadcast_to(a.flat[0], (rows, *a.shape[1:]))
            if isinstance(a, np.ndarray) and a.ndim and a.shape[0] == region.rows
            else a
            for a in args
        )
        kwargs = dict(e.kwargs)
        if e.op.name in ("reshape", "broadcast_to"):
            kwargs["shape"] = swap[out].shape
        equations.append(Equation(swap[out], e.op, args, kwargs))
    inputs = {f"x{i}": swap[v] for i, v in enumerate(outside)}
    results = tuple(swap[v] for v in (*gathered, *kept))
    program = lower(Program("tile", inputs, {}, equations, results))
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


class Runner:
    """Runs a region: tiles from a common counter, partial sums in the order of the tiles."""

    def __init__(
        self, full: Any, rest: Any, rows: int, step: int, how: list[Callable[[list[Any]], Any]]
    ) -> None:
        self.full, self.rest, self.rows, self.step, self.how = full, rest, rows, step, how
        self.spare: list[Any] = []

    def __call__(self, *arrays: Any) -> Any:
        tile, memory = self.full
        step, count = self.step, self.rows // self.step
        parts: list[Any] = [None] * count
        tickets = itertools.count()

        state = np.geterr()  # it is the caller's: threads have one each

        def helped() -> None:
            with np.errstate(**state):
                work()

        def work() -> None:
            scratch = self.spare.pop() if self.spare else memory.allocate()
            for i in tickets:
                if i >= count:
                    break
                parts[i] = tile(i * step, (i + 1) * step, scratch, *arrays)
            self.spare.append(scratch)

        helpers = [pool().submit(helped) for _ in range(min(workers, count) - 1)]
        try:
            work()
        finally:
            for helper in helpers:
                helper.result()
        if self.rest is not None:
            tail, memory = self.rest
            parts.append(tail(count * step, self.rows, memory.allocate(), *arrays))
        return [
            combine(list(column)) for combine, column in zip(self.how, zip(*parts), strict=False)
        ]
