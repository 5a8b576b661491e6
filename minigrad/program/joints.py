"""Joints: the parts of what is joined are computed where they will lie, and not copied there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from minigrad.ops.joining import joined, layered
from minigrad.program.equations import Equation, Var

if TYPE_CHECKING:
    from minigrad.program.regions import Region


def joints(
    plan: Sequence[Equation | Region], own: Callable[[Var], bool]
) -> dict[Var, tuple[Var, int]]:
    """Part -> the array that it lies in, and how many bytes from its beginning.

    What is joined of a run of another's parts is itself such a part.

    Parameters
    ----------
    plan : list
        The steps.
    own : callable
        Whether a variable has memory of the kernel's own.
    """
    found: dict[Var, tuple[Var, int]] = {}
    steps = [e for e in plan if isinstance(e, Equation) and isinstance(e.out, Var)]
    made = {e.out for e in steps if own(e.out)}
    together = [e for e in steps if is_joint(e) and e.out in made]
    wholes = {e.out for e in together}
    for e in sorted(together, key=lambda e: -len(e.args)):
        starts = dict(zip(e.args, accumulate((v.nbytes for v in e.args), initial=0), strict=False))
        run = [found[v] for v in e.args if v in found]
        if e.out in found or len(starts) < len(e.args):
            continue
        if len(run) == len(e.args):
            whole, start = run[0]
            follow = [(whole, start + n) for n in starts.values()]
            if run == follow:
                found[e.out] = whole, start
            continue
        parts = [v for v in e.args if v in made and v not in found]
        if len(parts) > 1 and wholes.isdisjoint(parts):
            found[e.out] = e.out, 0
            found.update((v, (e.out, starts[v])) for v in parts)
    return found


def is_joint(e: Equation) -> bool:
    """Whether ``e`` puts arrays one after another in memory."""
    return (
        e.op in (joined, layered)
        and e.kwargs.get("axis", 0) == 0
        and all(isinstance(v, Var) and v.shape and v.dtype == e.out.dtype for v in e.args)
    )
