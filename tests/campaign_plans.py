"""Random programs of the campaign, each a function in straight lines, and their derivatives."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

import minigrad as mg
import samples_elementwise
import samples_indexing
import samples_linalg
import samples_reduction
import samples_shape
import samples_statistics
from campaign_steps import (
    BINARY,
    CONSTANTS,
    DROPOUT,
    OTHERS,
    REDUCING,
    SHAPING,
    TWO,
    UNARY,
    Step,
)
from minigrad.tree import flatten
from samples import SAMPLES, Sample

TABLES = [samples_elementwise, samples_indexing, samples_linalg]
TABLES += [samples_reduction, samples_shape, samples_statistics]

KINDS = [UNARY, UNARY, BINARY, BINARY, BINARY, SHAPING, REDUCING, OTHERS]
LARGEST = 1 << 18
Pair = namedtuple("Pair", "first second")


@dataclass
class Plan:
    """Steps, each of what arguments, constants and steps before gave.

    Attributes
    ----------
    steps : list
        (function, operands, name): an operand is a number of an argument or step, or a tuple
        of one constant.
    outputs : list of int
    container : str
        What several outputs are returned in.
    home : str
        Where constants are: "global", "closure", "attribute", or "literal".
    """

    arguments: int
    container: str = "list"
    home: str = "global"
    steps: list[tuple[Step, tuple[Any, ...], str]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    @property
    def random(self) -> bool:
        """Whether it draws numbers."""
        return any(f is DROPOUT for f, _, _ in self.steps)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """Name -> constant, arrays of its own."""
        found = {}
        for i, (_, of, _) in enumerate(self.steps):
            for j, a in enumerate(of):
                if isinstance(a, tuple):
                    found[f"k{i}_{j}"] = np.copy(a[0]) if isinstance(a[0], np.ndarray) else a[0]
        return found

    @cached_property
    def scope(self) -> dict[str, Any]:
        """The namespace of its function."""
        scope: dict[str, Any] = {f"f{i}": f for i, (f, _, _) in enumerate(self.steps)}
        scope.update(self.constants if self.home == "global" else {})
        return {**scope, "Pair": Pair, "held": SimpleNamespace(**self.constants)}

    @cached_property
    def function(self) -> Any:
        """The program as a function of its arguments."""
        lines = []
        for i, (_, of, _) in enumerate(self.steps):
            words = [
                f"t{a}" if isinstance(a, int) else self.word(f"k{i}_{j}") for j, a in enumerate(of)
            ]
            lines.append(f"t{self.arguments + i} = f{i}({', '.join(words)})")
        names = ", ".join(f"t{i}" for i in range(self.arguments))
        outs = [f"t{i}" for i in self.outputs]
        answer = {
            "list": f"[{', '.join(outs)}]",
            "tuple": f"({', '.join(outs)},)",
            "dict": f"{{{', '.join(f'{o!r}: {o}' for o in outs)}}}",
            "named": f"Pair({outs[0]}, [{', '.join(outs[1:])}])",
        }[self.container]
        text = f"def plan({names}):\n    " + "\n    ".join(
            [*lines, f"return {answer if len(outs) > 1 else outs[0]}"]
        )
        if self.home == "closure":
            inner = text.replace("\n", "\n    ")
            text = f"def make({', '.join(self.constants)}):\n    {inner}\n    return plan"
        exec(text, self.scope)
        if self.home == "closure":
            return self.scope["make"](**self.constants)
        return self.scope["plan"]

    def word(self, name: str) -> str:
        """A constant in the text of the function."""
        c = self.constants[name]
        if self.home == "literal" and type(c) in (int, float, bool) and np.isfinite(c):
            return repr(c)
        return name if self.home in ("global", "closure") else f"held.{name}"

    def change(self, rng: Any) -> None:
        """Let one of the constants be another number, or hold others."""
        names = [n for n, c in self.constants.items() if not isinstance(c, bool)]
        if not names or self.home == "literal":
            return
        name = names[rng.integers(len(names))]
        c = self.constants[name]
        if isinstance(c, np.ndarray):
            c[...] = np.roll(c, 1) if c.dtype.kind == "b" else c + np.ones_like(c)
            return
        new = type(c)(c + 1) if np.isfinite(c) else c
        self.constants[name] = new
        if self.home == "global":
            self.scope[name] = new
        elif self.home == "attribute":
            setattr(self.scope["held"], name, new)
        else:
            code = self.function.__code__
            self.function.__closure__[code.co_freevars.index(name)].cell_contents = new

    def __str__(self) -> str:
        lines = []
        for i, (_, of, name) in enumerate(self.steps, self.arguments):
            words = [f"t{j}" if isinstance(j, int) else repr(j[0]) for j in of]
            lines.append(f"t{i} = {name}({', '.join(words)})")
        return "\n".join([*lines, f"return {self.container} {self.outputs}, constants {self.home}"])


def named(f: Step) -> str:
    """What a step is called when it is printed."""
    if not isinstance(f, FunctionType) or f.__name__ != "<lambda>":
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
    if rng.random() < 0.004:
        return DROPOUT, (pool - 1,), "dropout"
    kind = KINDS[rng.integers(len(KINDS))]
    f = kind[rng.integers(len(kind))]
    first = int(pool - 1 - min(rng.geometric(0.4) - 1, pool - 1))
    two = kind is BINARY or f in TWO
    return f, (operand(), first)[:: rng.choice([1, -1])] if two else (first,), named(f)


def composed(rng: Any, args: list[Any], start: Sample | None = None) -> Plan | None:
    """A program that NumPy can run on ``args``, which begins with a sample."""
    container = ("list", "list", "tuple", "dict", "named")[rng.integers(5)]
    home = ("global", "global", "closure", "attribute", "literal")[rng.integers(5)]
    plan, pool = Plan(len(args), container, home), list(args)
    large = any(np.size(x) > 500 for x in args)  # where a scan would be as many steps
    wanted = int(rng.integers(1, 14))
    first = [(start.f, tuple(range(len(args))), start.id)] if start is not None else []
    for attempt in range(60):
        f, of, name = first[0] if first and not attempt else chosen(rng, len(pool), large)
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
        if len(plan.steps) >= wanted:
            break
    if not plan.steps:
        return None
    several = rng.integers(1, 4) if rng.random() < 0.4 else 1
    last = len(pool) - 1
    plan.outputs = sorted({last, *(int(i) for i in rng.integers(len(pool), size=several - 1))})
    return plan


# --- derivatives -----------------------------------------------------------------------

DERIVATIVES = {
    "value": 0.52, "value_and_grad": 0.24, "jvp": 0.05, "vjp": 0.03, "hvp": 0.03, "vmap": 0.05,
    "jacobian": 0.03, "hessian": 0.02, "linearize": 0.03,
}  # fmt: skip
FEW = 30
"""Elements up to which whole Jacobians are taken."""


def derivative(rng: Any, plan: Plan, args: list[Any]) -> tuple[str, Any]:
    """The program, or a derivative of a weighted sum of what is floating in its answer."""
    kind = str(rng.choice(list(DERIVATIVES), p=list(DERIVATIVES.values())))
    f, nums = plan.function, tuple(i for i, x in enumerate(args) if np.asarray(x).dtype.kind == "f")
    if kind == "value" or not nums or (plan.random and kind != "value_and_grad"):
        return "value", f

    def loss(*xs: Any) -> Any:
        answers = flatten(f(*xs))[0]
        floats = [y for y in answers if getattr(y, "dtype", np.dtype(int)).kind == "f"]
        return sum(np.sum(y * np.cos(1.0 + k)) for k, y in enumerate(floats))

    few = sum(np.size(args[i]) for i in nums) <= FEW
    if kind == "value_and_grad" or (kind in ("jacobian", "hessian") and not few):
        return "value_and_grad", mg.value_and_grad(loss, argnums=nums)
    if kind == "vmap":
        return kind, stacked(f)
    if kind == "hessian":
        return kind, mg.hessian(loss, argnums=nums[0])
    if kind == "jacobian":
        mode = ("forward", "reverse")[rng.integers(2)]
        return f"{kind} {mode}", mg.jacobian(single(f), argnums=nums[0], mode=mode)
    return kind, along(kind, loss, nums)


def stacked(f: Any) -> Any:
    """``f`` of two examples at once: of the arguments, and of twice them."""

    def both(*xs: Any) -> Any:
        return mg.vmap(f)(*(np.stack([x, x + x]) for x in xs))

    return both


def single(f: Any) -> Any:
    """The last answer alone, as floats."""

    def one(*xs: Any) -> Any:
        return flatten(f(*xs))[0][-1] * 1.0

    return one


def along(kind: str, loss: Any, nums: tuple[int, ...]) -> Any:
    """A derivative in one direction, which depends on the arguments."""

    def direction(*xs: Any) -> Any:
        some = [xs[i] for i in nums]

        def of(*floats: Any) -> Any:
            every = list(xs)
            for i, x in zip(nums, floats, strict=True):
                every[i] = x
            return loss(*every)

        tangents = [np.cos(x) for x in some]
        if kind == "jvp":
            return mg.jvp(of, tuple(some), tuple(tangents))
        if kind == "vjp":
            ans, pull = mg.vjp(of, *some)
            return ans, pull(np.ones_like(ans))
        if kind == "linearize":
            ans, push = mg.linearize(of, *some)
            return ans, push(*tangents)
        return mg.hvp(lambda xs: of(*xs), some, tangents)

    return direction
