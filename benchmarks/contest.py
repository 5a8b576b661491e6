"""What a workload is: data, everybody's way from them to the answer, and what shall be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[], Any]
"""One step: returns ``(loss, gradients)``, or None where there is nothing to compare."""


class Unavailable(Exception):
    """Someone cannot take part, for a reason that is no mistake."""


@dataclass
class Contestant:
    """Someone's way to do a workload.

    ``build`` imports what it needs, takes the data and returns the step; ``ops`` is the
    number of operations that the time of a step is divided by.
    """

    build: Callable[..., Step]
    ops: int = 1


@dataclass(frozen=True)
class Target:
    """``contestant`` shall take at most ``limit`` times as much as the best of ``references``.

    Without references ``limit`` is in seconds.  ``of`` is ``"time"``, ``"memory"`` (that a
    step adds to what was there before) or ``"first call"``.
    """

    contestant: str
    limit: float
    references: tuple[str, ...] = ()
    of: str = "time"


def at_most(limit: float, *references: str, who: tuple[str, ...]) -> tuple[Target, ...]:
    """The same target for everybody in ``who``."""
    return tuple(Target(name, limit, references) for name in who)


@dataclass
class Workload:
    """One task and everybody's way to do it.

    Attributes
    ----------
    name, title : str
        For the command line and for people.
    data : callable
        Makes the NumPy data, the same for everybody; takes ``sizes`` by name.
    parameters : int
        So many of the data, from the first, get gradients; the others are constants.
    sizes, small : dict
        Of what is timed, and of what tests compare; ``small`` is None where a smaller one
        would show nothing.
    per : str
        What one time is the time of.
    tolerance : float
        Largest difference of losses and gradients, relative to the largest entry.
    settle : float
        Seconds to wait after a contestant, so that BLAS workers that still spin do not
        slow down the next one.
    rounds : int
        How often everybody runs, unless told otherwise.
    """

    name: str
    title: str
    data: Callable[..., tuple[Any, ...]]
    parameters: int
    sizes: dict[str, int] = field(default_factory=dict)
    small: dict[str, int] | None = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    per: str = "step"
    tolerance: float = 1e-9
    settle: float = 0.0
    rounds: int = 25
    contestants: dict[str, Contestant] = field(default_factory=dict)

    def contestant(self, name: str, ops: int = 1) -> Callable[[Callable[..., Step]], None]:
        """Decorator: the function below takes the data and builds the step of ``name``."""

        def enter(build: Callable[..., Step]) -> None:
            self.contestants[name] = Contestant(build, ops)

        return enter

    def build(self, name: str, sizes: dict[str, int]) -> Step:
        """The step of ``name`` at ``sizes``."""
        return self.contestants[name].build(*self.data(**sizes))


def disagreement(workload: Workload, mine: Any, theirs: Any) -> str | None:
    """How loss and gradients, as lists of arrays, differ by more than they may; or None."""
    if len(mine) != len(theirs):
        return f"it has {len(mine) - 1} gradients, not {len(theirs) - 1}"
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        what = f"gradient {i}" if i else "the loss"
        if a.shape != b.shape:
            return f"{what} has shape {a.shape}, not {b.shape}"
        off = float(abs(a - b).max() / abs(b).max())
        if not off <= workload.tolerance:  # so that NaN disagrees
            return f"{what} is off by {off:.1e}"
    return None
