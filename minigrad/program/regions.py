"""Regions: which equations run together, tile by tile.

Everything whose rows are computed from the same rows of its inputs belongs to a region:
elementwise functions, reductions within rows, and sums over rows, which are collected
tile by tile.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import numpy as np

from minigrad import ops
from minigrad.ops.indexing import elements
from minigrad.program.builder import axes_of, uniform_value
from minigrad.program.equations import Equation, Program, Var, variables_in
from minigrad.program.lower import largest, shift
from minigrad.program.rules import is_plain_reduction
from minigrad.typing import Index

WORTH = 1_000_000
"""Nanoseconds of work from which tiles pay: threads have to be woken."""

TILE = 2**19
"""Bytes of the widest array in a tile: with its company it stays in a core's own cache."""

CALL = 40_000
"""Nanoseconds that a call works on a tile, in the mean, where cache is no limit.

Threads wait for the interpreter's lock between two calls, which eats up what shorter ones gain.
"""

COLLECTED = (ops.sum, ops.max, ops.min)
TOPS = (shift, largest)
RESHAPES = (ops.reshape, ops.expand_dims, ops.squeeze)


@dataclass(eq=False)
class Region:
    """Equations that run together, tile by tile.

    Attributes
    ----------
    rows : int
    equations : list of Equation
    used_after : list of Var
        What of it is needed outside.
    """

    rows: int
    equations: list[Equation]
    used_after: list[Var] = field(default_factory=list)

    def parts(self) -> float:
        """Into how many tiles it is cut: as few as fit the cache, but more of dear work."""
        arrays = (v for e in self.equations for v in (*e.reads(), *e.outs))
        widest = max(v.nbytes for v in arrays if v.shape and v.shape[0] == self.rows)
        work = sum(map(cost, self.equations))
        return 0 if work < WORTH else max(widest / TILE, work / len(self.equations) / CALL)


# --- what is computed row by row -------------------------------------------------------


def rows_of(e: Equation) -> int | None:
    """How many rows ``e`` works on, each by itself; None if it is not of that kind."""
    if not isinstance(e.out, Var) or any(True for v in e.kwargs.values() for _ in variables_in(v)):
        return None
    op, shape = e.op, e.out.shape
    arrays = [a for a in e.args if isinstance(a, Var)]
    others = [a for a in e.args if not isinstance(a, Var) and np.ndim(a)]
    if not arrays or any(uniform_value(a) is None for a in others):
        return None
    x = arrays[0]
    if op in (*COLLECTED, *TOPS) and x.shape and is_plain_reduction(e.kwargs):
        axes = axes_of(x, e.kwargs.get("axis"))
        return None if op in TOPS and 0 in axes else x.shape[0]
    if not shape:
        return None
    if op.elementwise or op.ufunc is not None:
        return None if e.kwargs else shape[0]
    if not x.shape or x.shape[0] != shape[0]:
        return None
    if op in RESHAPES or (op is ops.broadcast_to and len(x.shape) == len(shape)):
        return shape[0]
    return shape[0] if op is elements and keeps_rows(e.kwargs["index"]) else None


def keeps_rows(index: Index) -> bool:
    """Whether an index picks within rows."""
    parts = index if isinstance(index, tuple) else (index,)
    basic = all(isinstance(p, slice | int | None) and not isinstance(p, bool) for p in parts)
    return bool(parts) and isinstance(parts[0], slice) and parts[0] == slice(None) and basic


def collects(e: Equation) -> bool:
    """Whether ``e`` reduces over the rows themselves."""
    return e.op in COLLECTED and 0 in axes_of(e.args[0], e.kwargs.get("axis"))


def cost(e: Equation) -> float:
    """Nanoseconds that ``e`` takes on whole arrays."""
    sizes = [math.prod(v.shape) for v in (*e.reads(), *e.outs)]
    wide = 1.0 if e.outs[0].dtype.itemsize > 4 else 0.6
    return max(sizes, default=0) * e.op.cost * wide


def tiled(v: Var, rows: int, e: Equation) -> bool:
    """Whether ``e`` reads ``v`` row by row (else it is the same for all rows)."""
    if not v.shape or v.shape[0] != rows or rows == 1:
        return False
    broadcasts = (e.op.elementwise or e.op.ufunc is not None) and e.op not in TOPS
    return not broadcasts or len(v.shape) == len(e.out.shape)


# --- the plan --------------------------------------------------------------------------


def regions(program: Program) -> list[Equation | Region]:
    """The steps of ``program``: equations and regions, in an order that works."""
    level: dict[Var, int] = {}
    rows: dict[Var, int] = {}  # variable computed row by row -> its number of rows
    placed: list[tuple[int, int | None, Equation]] = []
    work: dict[int | None, float] = {}
    of = [rows_of(e) for e in program.equations]
    for n, e in zip(of, program.equations, strict=True):
        work[n] = work.get(n, 0) + cost(e)
    for n, e in zip(of, program.equations, strict=True):
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
    made = {key: Region(key[1], es) for key, es in groups.items()}
    chosen = {key: region for key, region in made.items() if region.parts() >= 2}
    by_level: dict[int, list[Equation | Region]] = {}
    for key in sorted(chosen):
        by_level.setdefault(key[0], []).append(chosen[key])
    for at, m, e in placed:
        if m is None or (at, m) not in chosen:
            by_level.setdefault(at, []).append(e)
    plan = [step for at in sorted(by_level) for step in by_level[at]]
    return scheduled(plan, program) if chosen else list(program.equations)


def sunk(
    placed: list[tuple[int, int | None, Equation]], program: Program
) -> list[tuple[int, int | None, Equation]]:
    """Steps that only a later region needs, in that region, where it costs no memory."""
    at = {v: (level, n) for level, n, e in placed for v in e.outs}
    users: dict[Var, list[tuple[int, int | None, Equation]]] = {}
    for step in placed:
        for v in step[2].reads():
            users.setdefault(v, []).append(step)
    results = {v for v in program.outputs if isinstance(v, Var)}

    def stays(v: Var) -> bool:
        """Whether ``v`` is in memory after its region anyway."""
        return v not in at or v in results or any(user[:2] != at[v] for user in users[v])

    moved = []
    for level, n, e in reversed(placed):
        v = e.outs[0]
        if n is not None and not collects(e) and v not in results and users.get(v):
            later = min(user[0] for user in users[v])
            by_rows = all(m == n and tiled(v, n, user) for _, m, user in users[v])
            if later > level and by_rows and all(map(stays, e.reads())):
                level = later
                at[v] = (level, n)
                for x in e.reads():
                    users[x].append((level, n, e))
        moved.append((level, n, e))
    return moved[::-1]


def scheduled(plan: list[Equation | Region], program: Program) -> list[Equation | Region]:
    """``plan`` in dependency order, with what of each region is needed outside."""
    equations = [step.equations if isinstance(step, Region) else [step] for step in plan]
    maker = {v: i for i, es in enumerate(equations) for e in es for v in e.outs}
    needs: list[set[int]] = [
        {maker[v] for e in es for v in e.reads() if v in maker} - {i}
        for i, es in enumerate(equations)
    ]
    users: list[list[int]] = [[] for _ in plan]
    for i, before in enumerate(needs):
        for j in before:
            users[j].append(i)
    ready = [i for i, before in enumerate(needs) if not before]
    ordered: list[Equation | Region] = []
    while ready:
        i = heapq.heappop(ready)
        ordered.append(plan[i])
        for j in users[i]:
            needs[j].discard(i)
            if not needs[j]:
                heapq.heappush(ready, j)
    if len(ordered) < len(plan):  # two regions that need each other
        return list(program.equations)
    outside = {v for v in program.outputs if isinstance(v, Var)}
    for i, es in enumerate(equations):
        outside |= {v for e in es for v in e.reads() if maker.get(v, i) != i}
    for step in ordered:
        if isinstance(step, Region):
            step.used_after = [v for e in step.equations for v in e.outs if v in outside]
    return ordered
