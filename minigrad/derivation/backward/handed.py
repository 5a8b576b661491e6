"""What is handed out, laid beside the inputs that it may be the gradients of.

By names first, then by the keys and shapes of what holds it, then by its place.  What is left
is the gradient of the input whose gradient it is, or of the only one of its shape that is left
between those of its neighbours; what still is left is known to be ungraded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from minigrad.derivation.backward.calls import Runs
from minigrad.derivation.backward.claims import all_apart
from minigrad.derivation.backward.flows import Flows, close
from minigrad.derivation.backward.held import steps_of
from minigrad.derivation.backward.naming import ALL, readings
from minigrad.graph import AnyNode
from minigrad.reading.names import base_of

Steps = tuple[Any, ...]
Named = Callable[[Any], set[AnyNode]]
"""The inputs of which a value is the gradient by its names."""
DEEP = 6


@dataclass(eq=False)
class Handed:
    """One value that is handed out.

    Attributes
    ----------
    value : array
    key : str or None
        What it is called by what holds it.
    place : int or None
        Of the input that it stands for by what holds it.
    steps : tuple
        How it is found in what is returned.
    """

    value: Any
    key: str | None = None
    place: int | None = None
    steps: Steps = ()

    @property
    def said(self) -> str:
        """What the caller may call it: by its key, or by its place."""
        return self.key if self.key is not None else "".join(f"[{k!r}]" for k in self.steps)

    @property
    def label(self) -> str:
        return repr(self.key) if self.key is not None else self.said


def items_of(value: object) -> list[tuple[Any, Any]] | None:
    """The parts of what holds others, by key, by number or by name; None of what holds none."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(enumerate(value))
    if (
        callable(value)
        or isinstance(value, type | ModuleType)
        or hasattr(type(value), "__array__")  # an array of a class that has attributes
    ):
        return None
    kinds = [vars(kind) for kind in type(value).__mro__ if "__slots__" in vars(kind)]
    slots = [n for k in kinds for n, found in k.items() if isinstance(found, MemberDescriptorType)]
    held = getattr(value, "__dict__", None if not slots else {})
    if type(held) is not dict:
        return None
    return [*((n, getattr(value, n)) for n in slots if hasattr(value, n)), *held.items()]


def numbers_of(value: object) -> Any:
    """An array of real numbers, of objects and of complex ones, too; None of what is none."""
    if value is None or items_of(value) == []:
        return None
    try:
        found = np.asarray(value)
        if found.dtype.kind == "c" and not found.imag.any():
            return found.real
        found = found.astype(float) if found.dtype == object else found
    except (TypeError, ValueError):
        return None
    return found if found.dtype.kind in "fiub" else None


def shape_of(value: object) -> tuple[int, ...] | None:
    number = numbers_of(value)
    return None if number is None else number.shape


def leaves_of(value: object, steps: Steps = ()) -> Iterator[tuple[Steps, object]]:
    """The values in what holds others, each with how it is found: ``(0, 'W')``."""
    items = items_of(value) if len(steps) < DEEP else None
    if not items:
        yield steps, value
    for k, v in items or ():
        yield from leaves_of(v, (*steps, k))


def as_many(value: object, places: list[int]) -> list[tuple[Steps, Any]]:
    """The values in what holds others, without what is empty where there are more than inputs."""
    found = list(leaves_of(value))
    return found if len(found) <= len(places) else [x for x in found if items_of(x[1]) != []]


def last_key(steps: Steps) -> str | None:
    """What a value is called by what holds it."""
    return steps[-1] if steps and isinstance(steps[-1], str) else None


def keys_of(path: str) -> Steps:
    """The keys that lead to an input; of a key that is no literal, all of them are one."""
    try:
        return steps_of(path)
    except (ValueError, SyntaxError):
        return base_of(path), path


def alike(step: object, given: object) -> bool:
    """Whether a key is that of an input, or of its gradient."""
    if step == given or not (isinstance(step, str) and isinstance(given, str)):
        return bool(step == given)
    return given.lstrip("_") in (step, *readings(step))


class Layout:
    """What is handed out and the inputs, side by side."""

    def __init__(
        self, runs: Runs, flows: Flows, named: Named, known: Callable[[], set[AnyNode]],
        denied: Callable[..., bool],
    ) -> None:  # fmt: skip
        self.runs, self.flows, self.named, self.known = runs, flows, named, known
        """``known``: the inputs of which there is a gradient by name."""
        self.denied = denied
        """Whether one of some names is said to be no gradient."""
        self.inputs = [t.node for _, t in runs.inputs]
        self.paths = [keys_of(path) for path, _ in runs.inputs]
        self.reordered = False
        """Whether one value for each input is returned, and not in the order of the inputs."""
        self.arguments: dict[str, list[int]] = {}
        """The inputs that each argument holds."""
        self.slots: dict[Hashable, list[int]] = {}
        """The inputs for which what is returned stands by its place."""
        for i, path in enumerate(self.paths):
            self.arguments.setdefault(path[0], []).append(i)

    # --- by what holds it ------------------------------------------------------------------

    def returned(self, answer: object) -> list[Handed]:
        """What is returned, each value with the input that it stands for."""
        if answer is None:
            return []
        items = items_of(answer)
        if items is None:
            first = Handed(answer, place=alone(next(iter(self.arguments.values()), [])))
            return [first if self.fits(first) else replace(first, place=self.only(first))]
        answer = {k: v for k, v in items if not self.denies(Handed(v, last_key((k,)), None, (k,)))}
        if all(isinstance(k, int) for k in answer):
            return list(self.placed(answer))
        for places in self.arguments.values():
            found = self.by_keys(answer, places) if len(places) > 1 else []
            if any(len(h.steps) > 1 for h in found):
                return found
        return [h for k, v in answer.items() for h in self.called(str(k), v, (k,))]

    def called(self, key: str, value: object, steps: Steps) -> Iterator[Handed]:
        """What stands under a key: one value, or what holds those of an argument."""
        if items_of(value) is None:
            yield Handed(value, key, steps=steps)
            return
        for name, places in self.arguments.items():
            if alike(key, name) and (found := self.matched(value, places, sure=True)):
                yield from (replace(h, steps=(*steps, *h.steps)) for h in found)
                return
            if alike(key, name) and self.fits(Handed(value, place=alone(places))):
                yield Handed(value, key, alone(places), steps)
                return
        if self.is_table(value):
            yield Handed(value, key, steps=steps)
        else:
            yield from self.loose(value, steps)

    def loose(self, value: object, steps: Steps) -> Iterator[Handed]:
        """What stands in what no argument has: under keys, or with nothing that tells it."""
        for at, leaf in leaves_of(value, steps):
            yield Handed(leaf, last_key(at), steps=at)

    def denies(self, h: Handed) -> bool:
        """Whether it is said to be no gradient: by its key, its place or its variable."""
        return self.denied(h.said, self.name_of(h.value))

    def placed(self, answer: dict[int, object]) -> Iterator[Handed]:
        """What is returned in a row, each value with the input that it stands for by its place."""
        arguments = list(self.arguments.values())
        rows = self.places([*answer.values()])
        by_place = bool(rows)
        self.slots = dict(zip(answer, rows, strict=False))
        if not by_place or not all(map(self.matched, answer.values(), arguments)):
            for places in arguments:  # the one argument that is a list
                if len(places) > 1 and (found := self.matched(answer, places)):
                    yield from found
                    return
        for k, (i, value) in enumerate(answer.items()):
            lists = rows[k : k + 1] if by_place else arguments
            several = [p for p in lists if items_of(value) is not None
                       and (by_place or not isinstance(value, dict))]  # fmt: skip
            places = next((p for p in several if self.matched(value, p, sure=by_place)), [])
            arguments = [p for p in arguments if by_place or p is not places]
            if places:
                for h in self.matched(value, places, sure=by_place):
                    yield replace(h, steps=(i, *h.steps))
            else:
                whole = Handed(value, place=alone(rows[k]) if by_place else None, steps=(i,))
                parts = items_of(value) is not None and not self.is_table(value)
                known = not parts or self.fits(whole) or self.told(value)
                yield from [whole] if known else self.loose(value, (i,))

    def listed(self, containers: Iterator[tuple[str, str, object]]) -> Iterator[Handed]:
        """The gradients in what a layer keeps: ``self.dweights`` of ``self.weights``."""
        for place, name, held in containers:
            at = len(keys_of(place))
            own: dict[str, list[int]] = {}
            for i, path in enumerate(self.paths):
                inside = path[:at] == keys_of(place) and len(path) > at + 1 and path[at] != name
                if inside and self.inputs[i] in self.flows.total:
                    own.setdefault(path[at], []).append(i)
            for reading in own if name in ALL else readings(name):
                yield from self.matched(held, own.get(reading, []), depth=at + 1)
            if name in ALL and isinstance(held, dict):  # of what the layer has under those keys
                beside = [i for i, path in enumerate(self.paths) if path[:-1] == keys_of(place)
                          and any(alike(k, path[at]) for k in held)]  # fmt: skip
                yield from self.by_keys(held, beside, depth=at)

    def matched(
        self, value: object, places: list[int], depth: int = 1, sure: bool = False
    ) -> list[Handed]:
        """Each value in what holds some with its input, where all keys or all shapes agree.

        ``sure``: that it is meant, so that the number of values is enough.
        """
        leaves = as_many(value, places)
        found = self.by_keys(value, places, depth) if len(places) > 1 else []
        if found or len(leaves) != len(places):
            return found
        pairs = [(shape_of(v), self.runs.inputs[i][1].shape)
                 for (_, v), i in zip(leaves, places, strict=True)]  # fmt: skip
        known = [own == shape for own, shape in pairs if own is not None]
        if not sure and not (known and all(known)):
            return []
        if not sure and len(places) == 1 and self.is_other(leaves[0][1], places[0]):
            return []
        return [Handed(v, last_key(at), i, at) for (at, v), i in zip(leaves, places, strict=True)]

    def by_keys(self, value: object, places: list[int], depth: int = 1) -> list[Handed]:
        """Each value with its input, where each has the keys of one, or of its gradient."""
        leaves, found = as_many(value, places), []
        if len(leaves) != len(places) or items_of(value) is None:
            return []
        for i in places:
            path = self.paths[i][depth:]
            same = [(at, v) for at, v in leaves
                    if len(at) == len(path) and all(map(alike, at, path))]  # fmt: skip
            exact = [(at, v) for at, v in same if at == path] or same
            if len(exact) != 1:
                return []
            found.append(Handed(exact[0][1], last_key(exact[0][0]), i, exact[0][0]))
        return found if len({h.steps for h in found}) == len(found) else []

    def is_table(self, value: object) -> bool:
        """Whether it is an array of an input's shape that is written as lists."""
        numbers = isinstance(value, list | tuple) and all(
            np.isscalar(v) and not isinstance(v, str | bytes) for _, v in leaves_of(value)
        )
        return numbers and shape_of(value) in [t.shape for _, t in self.runs.inputs]

    # --- by its place ------------------------------------------------------------------------

    def in_order(self, answer: list[object], groups: list[int | None]) -> bool:
        """Whether what is returned by name stands in the order of the inputs."""
        places = zip(answer, groups, strict=True)
        named = [
            self.named(v) if self.fits(Handed(v, place=k)) else self.told(v) for v, k in places
        ]
        wrong = any(
            place is not None and len(nodes) == 1 and self.inputs[place] not in nodes
            for nodes, place in zip(named, groups, strict=True)
        )
        return not wrong or not all_apart([self.told(value) for value in answer])

    def told(self, value: object) -> set[AnyNode]:
        """The inputs of which a value is the gradient by its names, or else by its numbers."""
        equal = [n for n in self.inputs if np.any(self.flows.total.get(n, 0.0))
                 and is_same(value, self.flows.total[n])]  # fmt: skip
        return self.named(value) or set(equal)

    def places(self, answer: list[object]) -> list[list[int]]:
        """The inputs that each value returned stands for by its place; none where it is not told.

        Of fewer values than inputs, those inputs of which there is a gradient by name, where
        one value is returned for two of them; of more, none.
        """
        every = [*self.arguments.values()]
        fit = [p for p in every if any(self.fits(Handed(v, place=alone(p))) for v in answer)]
        moving = [p for p in every if {*p} & {*self.free(set())}]
        for rows in (every, fit, moving):  # of a rate, an input, too, there may be no gradient
            if len(answer) == len(rows):
                if self.in_order(answer, [alone(p) for p in rows]):
                    return rows
                self.reordered = True
                return []
        if len(answer) > len(every) or all_apart([self.told(value) for value in answer]):
            return []
        known = self.known()
        kept = [p for p in every if len(p) == 1 and self.inputs[p[0]] in known]
        return [*kept, *[[]] * len(answer)][: len(answer)]

    def is_other(self, value: object, place: int) -> bool:
        """Whether it is the gradient of other inputs."""
        told = self.told(value)
        return bool(told) and self.inputs[place] not in told

    def named_or_of(self, value: object) -> str:
        """What a value is called, or else of what it is the gradient."""
        name, nodes = self.name_of(value), self.told(value)
        paths = [path for path, t in self.runs.inputs if t.node in nodes]
        return f"that of {paths[0]}" if name == "..." and paths else name

    def name_of(self, value: Any) -> str:
        """The variable of the backward function that a value is; ... of none."""
        final = self.runs.watch.final if self.runs.watch is not None else {}
        return next((n for n, v in final.items() if v is value), "...")

    # --- by the gradient that it is ------------------------------------------------------------

    def truth(self, place: int | None) -> Any:
        """The gradient of an input; None where the output does not depend on it."""
        return None if place is None else self.flows.total.get(self.inputs[place])

    def free(self, taken: set[AnyNode]) -> list[int]:
        """The inputs that have a gradient, and none among what is ``taken``."""
        return [i for i, node in enumerate(self.inputs)
                if node not in taken and np.any(self.flows.total.get(node, 0.0))]  # fmt: skip

    def fits(self, h: Handed) -> bool:
        truth = self.truth(h.place)
        return truth is not None and shape_of(h.value) == np.shape(truth)

    def only(self, h: Handed) -> int | None:
        """The first input of a value's shape, or else the first one."""
        found = [i for i in range(len(self.inputs)) if self.fits(replace(h, place=i))]
        return found[0] if found else h.place

    def settle(
        self, row: Sequence[Handed], open_: list[Handed], taken: set[AnyNode], ordered: bool = True
    ) -> None:
        """Find the inputs of what is open in a row of values, of which the others have theirs.

        ``ordered``: that the row stands in the order of the inputs, as far as is known.
        """
        free = self.free(taken)
        for h in open_:
            equal = [i for i in free if is_same(h.value, self.truth(i))]
            if equal:
                h.place = equal[0]
                free.remove(equal[0])
        left = [h for h in open_ if h.place is None and self.may_be(h)]
        while left:
            spans = {id(h): self.between(row, h, free) for h in left}
            for h in left:
                like = [x for x in left if spans[id(x)] == spans[id(h)]]
                if len(like) == len(spans[id(h)]) and (ordered or len(like) == 1):
                    break
            else:
                return
            for x, i in zip(like, spans[id(h)], strict=True):
                x.place = i
                free.remove(i)
            left = [x for x in left if x.place is None]

    def between(self, row: Sequence[Handed], h: Handed, free: list[int]) -> list[int]:
        """The free inputs of a value's shape, between those of its neighbours."""
        known = [x.place for x in row if x.place is not None]
        first, last = -1, len(self.inputs)
        if known == sorted(known):
            k = next(i for i, x in enumerate(row) if x is h)
            first = max((x.place for x in row[:k] if x.place is not None), default=first)
            last = min((x.place for x in row[k:] if x.place is not None), default=last)
        return [i for i in free if first < i < last and self.fits(replace(h, place=i))]

    def may_be(self, h: Handed) -> bool:
        """Whether a value is a gradient, as far as its name tells, or what it is if it has none."""
        name = self.name_of(h.value)
        if name != "...":
            return bool(readings(name))
        computed = [n.ans for n in self.flows.total if n.op is not None]
        number = numbers_of(h.value)
        return number is not None and not any(
            close(number, x) for x in computed if np.shape(x) == number.shape
        )


def alone(places: list[int]) -> int | None:
    """The input that an argument is; None of several arrays."""
    return places[0] if len(places) == 1 else None


def is_same(value: Any, truth: Any) -> bool:
    """Whether a value is a gradient, in whatever shape."""
    number = numbers_of(value)
    if type(value) is int or number is None or number.size != np.size(truth):
        return False
    return close(number.reshape(np.shape(truth)), truth)
