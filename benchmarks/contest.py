"""What a workload is: a task, everybody's way to do it, and what minigrad shall reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[], Any]
"""One step: returns ``(loss, [gradients])``, or None where there is nothing to compare."""


@dataclass
class Contestant:
    """Someone's way to do a workload.

    ``build`` imports what it needs, prepares the data and returns the step; ``ops`` is the
    number of operations that the time of a step is divided by.
    """

    build: Callable[[], Step]
    ops: int = 1


@dataclass(frozen=True)
class Target:
    """``contestant`` shall take at most ``limit`` times as long as ``reference``."""

    contestant: str
    limit: float
    reference: str


@dataclass
class Workload:
    """One task and everybody's way to do it.

    Attributes
    ----------
    name, title : str
        For the command line and for people.
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
    targets: tuple[Target, ...] = ()
    per: str = "step"
    tolerance: float = 1e-9
    settle: float = 0.0
    rounds: int = 25
    contestants: dict[str, Contestant] = field(default_factory=dict)

    def contestant(self, name: str, ops: int = 1) -> Callable[[Callable[[], Step]], None]:
        """Decorator: the function below builds the step of ``name``."""

        def enter(build: Callable[[], Step]) -> None:
            self.contestants[name] = Contestant(build, ops)

        return enter
