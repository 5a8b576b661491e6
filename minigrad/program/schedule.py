"""The order of steps in which a kernel needs little memory of its own.

What frees large arrays comes as early as it can, what makes them as late.  Steps that do
neither stay as they are written: each works on what the last one has left in the cache.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minigrad.program.equations import Equation, Var
from minigrad.program.regions import Region
from minigrad.program.statements import ufunc_of

SMALL = 2**16
"""Bytes up to which an array does not count."""


@dataclass
class Step:
    """One step of a plan.

    Attributes
    ----------
    needs, users : set of int
        The steps that come before and after it.
    made, touched : set of Var
        The large arrays that it makes, and all that it looks into.
    inside : bool
        Whether it may write into what it reads.
    """

    needs: set[int]
    users: set[int]
    made: set[Var]
    touched: set[Var]
    inside: bool


def frugal(
    plan: Sequence[Equation | Region], memory_of: Callable[[Var], set[Var]], escaping: set[Var]
) -> Sequence[Equation | Region]:
    """``plan``, or its steps in an order in which the kernel's memory is smaller.

    What escapes does not count: it is made anew in every run, and all of it held at the end.
    """
    makes = [step.used_after if isinstance(step, Region) else step.outs for step in plan]
    within = [step.equations if isinstance(step, Region) else [step] for step in plan]
    maker = {v: i for i, made in enumerate(makes) for v in made}
    large = {v for v in maker.keys() - escaping if v.nbytes > SMALL and v in memory_of(v)}
    if not large:
        return plan
    steps: list[Step] = []
    for i, (step, made, equations) in enumerate(zip(plan, makes, within, strict=True)):
        reads = {v for e in equations for v in e.reads()}
        needs = {maker[v] for v in reads if v in maker} - {i}
        touched = large.intersection(r for v in reads.union(made) for r in memory_of(v))
        inside = isinstance(step, Equation) and ufunc_of(step) is not None
        steps.append(Step(needs, set(), large.intersection(made), touched, inside))
        for j in needs:
            steps[j].users.add(i)
    found = in_turn(steps, by_bytes=False), in_turn(steps, by_bytes=True)
    return [plan[i] for i in min(found, key=lambda each: each[0])[1]]


def in_turn(steps: list[Step], by_bytes: bool) -> tuple[int, list[int]]:
    """How many bytes are held at most, and the order: as written, or what adds least first."""
    left: dict[Var, set[int]] = {v: set() for step in steps for v in step.made}
    for i, step in enumerate(steps):
        for v in step.touched:
            left[v].add(i)

    def added(i: int) -> int:
        freed = (v for v in steps[i].touched if len(left[v]) == 1)
        return sum(v.nbytes for v in steps[i].made) - sum(v.nbytes for v in freed)

    def entry(i: int) -> tuple[int, int]:
        return added(i) if by_bytes else 0, i

    waits = [len(step.needs) for step in steps]
    ready = [entry(i) for i, n in enumerate(waits) if not n]
    heapq.heapify(ready)
    order: dict[int, None] = {}
    held = most = 0
    while ready:
        _, i = heapq.heappop(ready)
        if i in order:
            continue
        order[i] = None
        step, more = steps[i], added(i)
        most = max(most, held + (more if step.inside else sum(v.nbytes for v in step.made)))
        held += more
        for j in step.users:
            waits[j] -= 1
        for v in step.touched:
            left[v].discard(i)
        last = (j for v in step.touched if len(left[v]) == 1 for j in left[v])
        for j in {*step.users, *last}:
            if not waits[j]:
                heapq.heappush(ready, entry(j))
    return most, list(order)
