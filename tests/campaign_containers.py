"""A campaign: containers of classes of the user's, with something beside their parts.

    python tests/campaign_containers.py --programs 1000 --seed 0

Each seed is a class of container (a dataclass, a dict, a list, a tuple or a named tuple of a
class), how an attribute gets there, what it holds (a number, an array, a string, a Tensor, a
function, more containers), and a function that looks at it, differentiates by the container
or returns one.  It is compiled and called three to five times, while the attribute changes,
stays, is written to or is missing, and compared with the function itself.
"""

from __future__ import annotations

import argparse
import functools
import random
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.errors import label
from minigrad.tree import attributes_beside, children

# --- containers ---------------------------------------------------------------------------


@dataclass
class Computed:
    x: Any

    def __post_init__(self) -> None:
        self.note = None


@dataclass
class Default:
    x: Any = 1.0


@dataclass(frozen=True)
class Frozen:
    x: Any


@dataclass
class Field:
    x: Any
    note: Any = field(init=False, default=None)


@dataclass(slots=True)
class SlottedField:
    x: Any
    note: Any = field(init=False, default=None)


class Slot:
    __slots__ = ("note",)


@dataclass
class Inherited(Slot):
    x: Any


@dataclass
class Behind:
    x: Any

    @property
    def note(self) -> Any:
        return self._note

    @note.setter
    def note(self, value: Any) -> None:
        self._note = value


@dataclass
class Cached:
    x: Any

    @functools.cached_property
    def norm(self) -> Any:
        return np.sum(self.x * self.x) + 1


class OfDict(dict):
    pass


class SlottedDict(dict):
    __slots__ = ("note",)


class MangledDict(dict):
    __slots__ = ("__note",)

    @property
    def note(self) -> Any:
        return self.__note

    @note.setter
    def note(self, value: Any) -> None:
        self.__note = value


class OfOrdered(OrderedDict):
    pass


class OfDefault(defaultdict):
    pass


class OfCounter(Counter):
    pass


class ItsOwn(dict):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__ = self


class OfList(list):
    pass


class SlottedList(list):
    __slots__ = ("note", "other")


class OfTuple(tuple):
    pass


class Pair(tuple):
    def __new__(cls, x: Any, y: Any) -> Pair:
        return tuple.__new__(cls, (x, y))


Named = namedtuple("Named", "x y")


class OfNamed(Named):
    pass


class Twice(Named):
    def __new__(cls, x: Any) -> Twice:
        return super().__new__(cls, x, x)


DATACLASSES = (Computed, Default, Frozen, Field, SlottedField, Inherited, Behind, Cached)
DICTS = (OfDict, SlottedDict, MangledDict, OfOrdered, OfDefault, OfCounter, ItsOwn)
SEQUENCES = (OfList, SlottedList, OfTuple)
KINDS = (*DATACLASSES, *DICTS, *SEQUENCES, Pair, OfNamed, Twice)
MISSING = object()


def made(kind: Any, x: Any, y: Any, note: Any) -> Any:
    """A container of a class with ``note`` beside its parts."""
    if kind in DATACLASSES or kind is Twice:
        d = kind(x)
    elif kind in DICTS:
        d = kind(*([list] if kind is OfDefault else []), {"x": x, "y": y})
    else:
        d = kind([x, y]) if kind in SEQUENCES else kind(x, y)
    if kind is Frozen:
        object.__setattr__(d, "note", note)
    elif note is not MISSING:
        d.note = note
    elif kind is Computed:
        del d.note
    return d


def part(d: Any) -> Any:
    return d["x"] if isinstance(d, dict) else d[0] if isinstance(d, list | tuple) else d.x


# --- what is beside -------------------------------------------------------------------------


class Scale:
    def __init__(self, k: float) -> None:
        self.k = k

    def __call__(self, x: Any) -> Any:
        return x * self.k


def doubled(x: Any) -> Any:
    return x * 2


def squared(x: Any) -> Any:
    return x * x


def scaling(k: float) -> Callable[[Any], Any]:
    return lambda x: x * k


NOTES: dict[str, Callable[[random.Random], Any]] = {
    "float": lambda r: r.choice([0.5, 2.5, -1.25, 3.0, float("nan")]),
    "int": lambda r: r.randint(0, 5),
    "float64": lambda r: np.float64(r.random()),
    "int64": lambda r: np.int64(r.randint(0, 9)),
    "float32": lambda r: np.float32(r.random()),
    "array": lambda r: np.array([r.random(), r.random(), 1.0]),
    "large": lambda r: np.full(9000, r.random()),
    "0-d": lambda r: np.array(r.random()),
    "whole": lambda r: np.array([r.randint(0, 3), 1, 2]),
    "mask": lambda r: np.array([r.random() < 0.5, True, False]),
    "objects": lambda r: np.array([r.randint(0, 4), "x"], dtype=object),
    "string": lambda r: r.choice(["a", "bb", "ccc"]),
    "bool": lambda r: r.random() < 0.5,
    "None": lambda r: None,
    "complex": lambda r: complex(r.random(), 0),
    "Tensor": lambda r: mg.Tensor([r.random(), 1.0, 2.0]),
    "0-d Tensor": lambda r: mg.Tensor(r.random()),
    "function": lambda r: r.choice([doubled, squared]),
    "lambda": lambda r: scaling(r.random()),
    "object": lambda r: Scale(r.random()),
    "list": lambda r: [r.random() for _ in range(r.randint(1, 3))],
    "dict": lambda r: {"k": np.array([r.random()] * 3), "s": r.choice("ab")},
    "set": lambda r: {r.randint(0, 4)},
    "container": lambda r: made(
        r.choice([Computed, OfList, SlottedDict, OfNamed]), r.random(), 1.0, r.random()
    ),
    "tuple": lambda r: (r.random(), [r.random(), {"z": r.randint(0, 3)}]),
}


def used(x: Any, e: Any) -> Any:
    """A function of ``x`` that looks at ``e``."""
    if hasattr(e, "note"):
        return x * part(e) + e.note
    if isinstance(e, str):
        return x * len(e) if e != "bb" else x - 1
    if isinstance(e, bool | None):
        return x * 3 if e is None else x if e else -x
    if isinstance(e, complex):
        return x * e.real
    if isinstance(e, set | list):
        return x * sum(e) + len(e)
    if isinstance(e, dict):
        return x * e["k"] + (e["s"] == "a")
    if isinstance(e, tuple):
        return x * e[0] + e[1][0] * e[1][1]["z"]
    if isinstance(e, np.ndarray) and e.dtype.kind in "Ob":
        return x * e[0] if e.dtype.kind == "O" else np.where(e, x, 0.0)
    if callable(e):
        return e(x)
    return x * np.sum(e) if np.size(e) > 100 else x * e


def value(d: Any) -> Any:
    e, x = getattr(d, "note", MISSING), part(d)
    return (x * 7 if e is MISSING else used(x, e)) / getattr(d, "norm", 1)


def length(d: Any) -> Any:
    return part(d) * (len(vars(d)) if hasattr(d, "__dict__") else 2)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "value": value,
    "with the container": lambda d: (value(d), d),
    "gradient": mg.grad(lambda d: np.sum(value(d))),
    "value and gradient": mg.value_and_grad(lambda d: np.sum(value(d) ** 2)),
    "aux": mg.grad(lambda d: (np.sum(value(d)), made(OfList, value(d), 1.0, part(d))), 0, True),
    "in a list": lambda items: value(items[0]) + items[1],
    "dataclass": lambda d: made(Computed, value(d), 0.0, np.sum(part(d)) * 2),
    "frozen": lambda d: made(Frozen, value(d), 1.0, getattr(d, "note", None)),
    "dict": lambda d: made(OfDict, value(d), 1.0, part(d) + 1),
    "named tuple": lambda d: made(OfNamed, value(d), 1.0, [part(d) + 1, "s"]),
    "list": lambda d: made(SlottedList, value(d), 1.0, {"q": part(d) + 1}),
    "length": length,
}

# --- one program ----------------------------------------------------------------------------


def differs(a: Any, b: Any, path: str = "") -> str | None:
    """What is not the same in two results, attributes included."""
    if isinstance(a, mg.Tensor) and not isinstance(b, mg.Tensor):
        return f"{path}: a Tensor has leaked"
    a, b = (x._value if isinstance(x, mg.Tensor) else x for x in (a, b))
    parts, others = children(a), children(b)
    if parts is None or others is None:
        return None if same_leaf(a, b) else f"{path}: {label(a)} in place of {label(b)}"
    parts, others = (
        [*parts, *attributes_beside(a).items()],
        [*others, *attributes_beside(b).items()],
    )
    if type(a) is not type(b) or [k for k, _ in parts] != [k for k, _ in others]:
        return f"{path}: {label(a)} in place of {label(b)}"
    found = (differs(u, v, f"{path}.{k}") for (k, u), (_, v) in zip(parts, others, strict=True))
    return next((x for x in found if x), None)


def same_leaf(a: Any, b: Any) -> bool:
    if isinstance(b, int | float | np.generic | np.ndarray) and not isinstance(b, bool):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if b.dtype.hasobject:
            return bool((a == b).all())
        return np.allclose(a, b, equal_nan=True, rtol=1e-6)
    return a is b or bool(np.all(a == b))


REFUSED = ("would fix its value", "holds integers", "cannot be compared", "holds no floating")


def next_note(r: random.Random, name: str, last: Any) -> Any:
    """Another one, the last one, the last one written to, or none at all."""
    chance = r.random()
    if chance < 0.1:
        return MISSING
    if chance < 0.6 or last is MISSING:
        return NOTES[name](r)
    if isinstance(last, np.ndarray) and last.dtype == float and last.shape:
        last *= 2
    elif isinstance(last, list) and type(last) is list:
        last[0] = r.random()
    elif isinstance(last, Scale):
        last.k = r.random()
    elif isinstance(last, set):
        last.add(r.randint(5, 9))
    return last


def result(f: Any, x: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return f(x)
    except Exception as error:
        return error


def fault(seed: int) -> str | None:
    """What is wrong with one program; None if nothing is."""
    r = random.Random(seed)
    kind, what = r.choice(KINDS), r.choice(list(FUNCTIONS))
    names = [r.choice(list(NOTES)) for _ in range(r.choice([1, 1, 2]))]
    number = r.random() < 0.5
    f = FUNCTIONS[what]
    compiled = mg.compile(f)
    note: Any = MISSING
    for turn in range(r.choice([3, 4, 5])):
        note = next_note(r, r.choice(names), note)
        x = r.random() if number else np.array([r.random(), 2.0, 3.0])
        d = made(kind, x, 1.5, note)
        if kind is Cached and r.random() < 0.3:
            _ = d.norm
        given = [d, 2.0] if what == "in a list" else d
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(has been traced|looks at the types)")
            got, expected = result(compiled, given), result(f, given)
        if isinstance(expected, Exception):
            continue
        if isinstance(got, Exception) and any(word in str(got) for word in REFUSED):
            continue
        wrong = differs(got, expected, what)
        if wrong:
            return f"{seed}: {kind.__name__} with {names}, call {turn + 1}: {wrong}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults = [w for seed in range(given.seed, given.seed + given.programs) if (w := fault(seed))]
    print("\n".join([*faults, f"{given.programs} programs, {len(faults)} faults"]))


if __name__ == "__main__":
    main()
