"""The runs: the forward pass on Tensors and on arrays, then the backward pass, watched.

Courses write layers as two functions with a cache between them, as a class, or as one
function that returns the loss and its gradients; here they become the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, is_dataclass, replace
from types import CodeType, FrameType
from typing import Any

import numpy as np

from minigrad.derivation.backward.inputs import (
    Counts,
    Make,
    among,
    cache_among,
    in_double,
    in_step,
    kept,
    nearby,
    never,
    plainly,
    refilled,
    told_in,
    without_tensors,
)
from minigrad.derivation.backward.machine import Start
from minigrad.derivation.backward.recorder import recorded_writes, same_chance
from minigrad.derivation.backward.student import (
    CHECK,
    Student,
    defaults_of,
    is_alone,
    parameters,
    parts_of,
    plain_answer,
    with_defaults,
)
from minigrad.derivation.backward.variables import Variables, layers_in, own_names
from minigrad.derivation.backward.watch import STEP, Look, Watch, watching
from minigrad.errors import is_user, label
from minigrad.graph import ancestors
from minigrad.reading.names import Scope
from minigrad.tensor import Tensor, wrap
from minigrad.typing import Array, Function, Keywords

UPSTREAM = re.compile(r"d[A-Za-z_]\w*|d|g|delta\w*|.*grad\w*|upstream\w*|out_?bar|top_diff")
HELPERS = 200
"""So many calls of other functions are kept."""
CACHE = re.compile(r".*(cache|ctx|context|memory|saved|tape|state).*", re.I)


# --- the runs --------------------------------------------------------------------------


@dataclass
class Runs:
    """What the runs left.

    Attributes
    ----------
    inputs : list of (path, Tensor)
        What gradients may be returned for, in order.
    outputs : list of Tensor
        What the gradients that come from above are of; empty where nothing was recorded.
    values : list of array
        The same, of the run on arrays.
    upstream : dict
        Parameter of the backward function -> the gradient that came from above.
    variables : dict
        Name in the forward function -> the Tensors that it was, in order.
    alike : dict
        id of an array of the run on arrays -> its Tensor.
    watch : Watch
        The backward function.
    answer : object
        What it returned.
    why : str
        Why nothing could be recorded; empty where it was.
    """

    inputs: list[tuple[str, Tensor]]
    outputs: list[Tensor] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    upstream: dict[str, Array] = field(default_factory=dict)
    variables: dict[str, list[Tensor]] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)
    alike: dict[int, tuple[Any, Tensor]] = field(default_factory=dict)
    watch: Any = None
    helpers: list[Watch] = field(default_factory=list)
    """The user's functions that the backward function called."""
    layer: Any = None
    """The layer whose method the backward function is."""
    answer: Any = None
    why: str = ""
    stopped: Exception | None = None
    """What the backward function raised."""
    again: Any = None
    start: Start | None = None
    """The call that is graded, so that it can be made again."""
    shared: set[CodeType] = field(default_factory=set)
    """The functions that the forward function runs: what they do is right."""
    both: bool = False
    """Whether one function goes forward and backward."""


WORK, WALKS = 300_000, 25_000
"""What all searches of one report may cost: for the wrong line, and for causes by numbers."""


class Check:
    """One check being run."""

    student: Student
    args: list[Any]
    given: Any
    places: list[int]
    names: list[str]

    def __init__(self, student: Student, inputs: tuple[object, ...], upstream: object) -> None:
        self.given = upstream
        self.work, self.walks = [WORK], [float(WALKS)]
        """What is left of both: copies of the check share it."""
        names = [p.name for p in parameters(student.forward)]
        self.places = [0]
        """Where among the results the outputs are."""
        self.names = names + [f"x{i}" for i in range(len(names), len(inputs))]
        self.counts: Counts = never
        """Which numbers are inputs."""
        self.args, instance = in_double(
            student.backward or student.forward, dict(zip(self.names, inputs, strict=False)),
            student.instance,
        )  # fmt: skip
        self.student = replace(student, instance=instance)

    def elsewhere(self, seed: int) -> Check:
        """The same check of other numbers, like those: in another order, and each nearby."""
        chance = np.random.default_rng(seed)
        moved: Counts = lambda path, value: self.counts(path, value) or plainly(path, value)
        other, given = copy(self), self.student
        other.args, instance = self.refill(moved, lambda _, x: nearby(x, chance)[()], "fb")
        near = {n: float(nearby(v, chance)) for f in (given.backward, given.forward)
                for n, v in defaults_of(f).items() if isinstance(v, float)}  # fmt: skip
        forward, backward = (with_defaults(f, near) for f in (given.forward, given.backward))
        other.student = replace(given, forward=forward, backward=backward, instance=instance)
        return other

    def run(self, wanted: Callable[[Runs], Callable[[str], bool]]) -> Runs:
        """All three runs; ``wanted`` tells which variables of the last are looked at."""
        student = self.student
        with same_chance(student.forward, student.backward) as again:
            runs = self.record(again)
            if not runs.inputs:
                raise TypeError(
                    f"{CHECK}: none of the inputs ({', '.join(self.names)}) is an array or a real "
                    "number: give np.array([1.0, 2.0]) for [1.0, 2.0], and 2.0 for 2"
                )
            again()
            _, instance = self.refill(never, kept)
            forward, backward = student.on(instance, tensors=False)
            args = without_tensors(self.args)
            watches: list[Watch] = []
            known = wanted(runs)

            def choose(frame: FrameType) -> Look | None:
                if not is_user(frame.f_code.co_filename):
                    return None
                if going_on := next((w for w in watches if w.frame is frame), None):
                    return going_on.look  # a generator
                watch = Watch(frame, known, len(watches[0].events) if watches else 0)
                watches.append(watch)
                return watch.look

            if student.backward is None:
                runs.start = Start.of(forward, args, {})
            with watching(choose):
                result = forward(*args)
            self.values(runs, result, args, instance)
            if not runs.outputs:
                again()
                self.refuse_chance(runs)
            if student.backward is not None:
                # What the forward function left: its variables may be asked for by name.
                left = watches[0].final if watches else {}
                call, options = self.bound(runs, backward, result, args, left)
                runs.shared = {w.code for w in watches}
                watches.clear()
                runs.start = Start.of(backward, call, options)
                with watching(choose):
                    try:
                        runs.answer = plain_answer(backward(*call, **options))
                    except Exception as error:
                        runs.stopped = error
                if runs.stopped is not None and not watches:
                    raise runs.stopped
            else:
                runs.upstream, runs.both = {"upstream": np.float64(1.0)}, True
                rest = [p for k, p in enumerate(parts_of(result)) if k not in self.places]
                runs.answer = rest[0] if len(rest) == 1 else tuple(rest)
            runs.watch = next((w for w in watches if w.events), watches[0] if watches else None)
            runs.helpers = [w for w in watches if w is not runs.watch and w.events][-HELPERS:]
            if runs.watch is not None and runs.watch is watches[0]:
                runs.watch.take_in(runs.helpers)
            runs.layer = watches[0].final.get("self") if watches else None
            runs.again = again
        return runs

    # --- forward -----------------------------------------------------------------------

    def record(self, again: Callable[[], None]) -> Runs:
        """The run on Tensors; where it fails, why."""
        runs, why = Runs([]), ""
        for counts in (self.among(whole=True), self.among(), plainly, never):
            again()
            self.counts = counts
            try:
                return self.on_tensors(counts)
            except Exception as error:
                why = why or f"{type(error).__name__}: {error}".split("\n")[0]
                runs.why = why
        self.leaves(plainly, runs.inputs)
        return runs

    def among(self, whole: bool = False) -> Counts:
        """The numbers that are inputs as arrays are: those beside some, or with a gradient."""
        holders: set[str] = set()

        def note(path: str, value: object) -> None:
            steps = STEP.findall(path)
            holders.update("".join(steps[:k]) for k in range(1, len(steps)))

        self.refill(never, note)
        fields = {n for n, a in zip(self.names, self.args, strict=False) if is_dataclass(a)}
        layers = list(layers_in(self.student.instance))
        fields |= {path for path, held in layers if is_alone(vars(held))}
        kinds = {type(held) for _, held in layers}
        methods = [f for kind in kinds for f in vars(kind).values()]
        return among(
            holders,
            fields,
            told_in(self.student.backward or self.student.forward, *methods),
            whole,
        )

    def leaves(self, counts: Counts, found: list[tuple[str, Tensor]]) -> tuple[list[Any], Any]:
        """The inputs as Tensors, each noted by its path."""

        def make(path: str, value: object) -> Tensor:
            t = Tensor(value, requires_grad=True)
            found.append((path, t))
            return wrap(t._value, t.node)

        return self.refill(counts, make)

    def refill(self, counts: Counts, make: Make, kinds: str = "f") -> tuple[list[Any], Any]:
        """The arguments and the instance with what ``make`` makes of their arrays."""
        args = [refilled(a, n, counts, make, kinds=kinds)
                for n, a in zip(self.names, self.args, strict=False)]  # fmt: skip
        return args, refilled(self.student.instance, "self", counts, make, kinds=kinds)

    def total(self, runs: Runs) -> Function:
        """The sum of the outputs times what comes from above, by the values of the inputs."""
        seeds = list(runs.upstream.values())

        def f(*values: Any) -> Any:
            feed = iter(values)
            args, instance = self.refill(plainly, lambda path, value: np.array(next(feed))[()])
            forward, _ = self.student.on(instance, tensors=False)
            runs.again()
            result = forward(*args)
            parts = parts_of(result)
            pairs = zip(seeds, [parts[k] for k in self.places], strict=False)
            return np.float64(sum(float(np.sum(s * np.asarray(p))) for s, p in pairs))

        return f

    def on_tensors(self, counts: Counts) -> Runs:
        runs, seen = Runs([]), Variables()
        args, instance = self.leaves(counts, runs.inputs)
        forward, _ = self.student.on(instance, tensors=True)
        with recorded_writes(), watching(seen.choose):
            result = forward(*args)
        runs.outputs = self.outputs(result)
        runs.variables, runs.scopes = seen.found, own_names(list(seen.scopes.values())[::-1])
        self._kept = result, args, instance
        return runs

    def outputs(self, result: object) -> list[Tensor]:
        """What is differentiated: the first result, or as many as have gradients from above.

        Of one function that does both, it is the loss, wherever among the results it is.
        """
        parts = parts_of(result)
        tensors = [k for k, part in enumerate(parts) if isinstance(part, Tensor)]
        if self.student.backward is None:
            numbers = [k for k in tensors if parts[k].size == 1 and parts[k].node is not None]
            self.places = (numbers or tensors)[:1] or [0]
        else:
            count = max(1, len(self.ups()))
            self.places = [k for k in range(min(count, len(parts))) if k in tensors] or [0]
        found = [parts[k] for k in self.places if isinstance(parts[k], Tensor)]
        if not found or all(t.node is None for t in found):
            what = label(parts[self.places[0]])
            raise TypeError(
                f"the result {what} was not computed from the inputs by NumPy's functions"
            )
        nodes = [n for t in found if t.node is not None for n in ancestors(t.node)]
        if any(np.iscomplexobj(n.ans) for n in nodes if type(n.ans) is not tuple):
            raise TypeError("it computes with complex numbers")
        return [wrap(t._value, t.node) for t in found]

    def ups(self) -> list[str]:
        """Parameters of the backward function that are gradients from above."""
        if self.student.backward is None:
            return []
        found = [p.name for p in parameters(self.student.backward, True)]
        if isinstance(self.given, Mapping):
            return [n for n in found if n in self.given]
        named = [n for n in found if n not in self.names and not CACHE.fullmatch(n)]
        return [n for n in named if UPSTREAM.fullmatch(n)]

    def values(self, runs: Runs, result: Any, args: Any, instance: Any) -> None:
        """The outputs of the run on arrays, held against the recorded ones."""
        parts = parts_of(result)
        if runs.outputs:
            found, targs, tinstance = self._kept
            runs.values = [np.asarray(parts[k], float) for k in self.places]
            for t, v in zip(runs.outputs, runs.values, strict=True):
                if t.shape != v.shape or not np.allclose(t._value, v, rtol=1e-8, equal_nan=True):
                    runs.outputs, runs.why = [], "recorded, the forward function gives other values"
                    break
            for one, other in ((found, result), (targs, args), (tinstance, instance)):
                for t, a in in_step(one, other):
                    if t.node is not None and isinstance(a, np.ndarray | float):
                        runs.alike[id(a)] = a, wrap(t._value, t.node)
        if not runs.outputs:
            numbers = [k for k, v in enumerate(parts) if isinstance(v, int | float | np.generic) or
                       (isinstance(v, np.ndarray) and v.size == 1)]  # fmt: skip
            both = self.student.backward is None
            self.places = numbers[:1] if both and numbers else list(range(max(1, len(self.ups()))))
            try:
                runs.values = [np.asarray(parts[k], float) for k in self.places]
            except (TypeError, ValueError, IndexError):
                what = self.student.forward.__name__
                raise TypeError(
                    f"{CHECK}: {what} returns {label(result)}, and no numbers to differentiate"
                ) from None

    def refuse_chance(self, runs: Runs) -> None:
        """Raise a ValueError where the forward function gives other values when run again."""
        forward, _ = self.student.on(self.refill(never, kept)[1], tensors=False)
        parts = parts_of(forward(*without_tensors(self.args)))
        for k, v in zip(self.places, runs.values, strict=True):
            now = np.asarray(parts[k], float)
            if now.shape != v.shape or not np.allclose(now, v, rtol=1e-8, equal_nan=True):
                raise ValueError(
                    f"{CHECK}: run twice on the same inputs, {self.student.forward.__name__} gives "
                    "different values: it draws random numbers without a seed, or counts its calls."
                    " Seed the generator in it (np.random.default_rng(0)), or give what it draws "
                    "as an input"
                )

    # --- backward ----------------------------------------------------------------------

    def bound(
        self, runs: Runs, backward: Any, result: Any, args: Any, left: Keywords
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the backward function.

        Raises
        ------
        TypeError
            Naming the parameter of which nobody can tell what it is.
        """
        named = dict(zip(self.names, args, strict=False))
        rest = [part for k, part in enumerate(parts_of(result)) if k not in self.places]
        ups = self.ups()[: len(runs.values)]
        call: list[Any] = []
        options: dict[str, Any] = {}
        wanted = parameters(backward, True)
        known = {*self.names, *(p.name for p in parameters(self.student.forward, True))}
        free = [p for p in wanted if p.name not in known and p.name not in ups]
        scalar = all(v.ndim == 0 for v in runs.values)
        open_ = all(p.kind is p.VAR_POSITIONAL for p in wanted)  # a decorator's
        if not ups and free and len(free) > len(rest) and free[0].name not in left:
            ups = [free.pop(0).name]
        elif not ups and self.given is None and not scalar and not open_:
            raise TypeError(
                f"{CHECK}: the output of {self.student.forward.__name__} has shape "
                f"{runs.values[0].shape}, and {self.student.name} takes no gradient of it: let the "
                "forward function go on to the loss, or give the gradient from above a parameter"
            )
        seeds = self.seeds(runs, ups)
        if open_ and not scalar:
            call.append(seeds[0])
        runs.upstream = dict(zip(ups or ["upstream"], seeds, strict=True))
        if len(free) == 1 and len(rest) > 1 and free[0].kind is not free[0].VAR_POSITIONAL:
            rest = [cache_among(rest, backward, free[0].name)]
        by_name = len(free) > len(rest)
        for p in wanted:
            if p.kind is p.VAR_POSITIONAL:
                call += rest
                rest = []
                continue
            if p.name in named:
                value = named[p.name]
            elif p.name in ups:
                seed = runs.upstream[p.name]
                value = np.array(seed) if np.ndim(seed) else float(seed)
            elif rest and (p.name not in left or (CACHE.fullmatch(p.name) and not by_name)):
                value = rest.pop(0)
            elif p.name in left:
                value = left[p.name]
            elif p.default is not p.empty:
                value = p.default
            else:
                raise TypeError(
                    f"{CHECK}: what is the parameter {p.name} of {self.student.name}? It is no "
                    f"input of the forward function ({', '.join(self.names)}), no variable of it, "
                    "and no cache that it returns"
                )
            if p.kind is p.KEYWORD_ONLY:
                options[p.name] = value
            else:
                call.append(value)
        return call, options

    def seeds(self, runs: Runs, ups: list[str]) -> list[Array]:
        """The gradients from above, one for each output.

        Raises
        ------
        ValueError
            For one of another shape than its output.
        """
        given, values = self.given, runs.values
        if isinstance(given, Mapping):
            given = [given.get(n) for n in ups]
        elif given is None or len(values) == 1:
            given = [given] * len(values)
        found: list[Array] = []
        for i, (seed, value) in enumerate(zip(given, values, strict=False)):
            if seed is None:
                made = np.random.default_rng(1_618_033 + i).normal(size=value.shape)
                seed = 1.0 if not value.ndim else made
            try:
                seed = np.asarray(seed._value if isinstance(seed, Tensor) else seed, float)
            except (TypeError, ValueError):
                raise ValueError(
                    f"{CHECK}: the gradient from above, {seed!r}, is no array of numbers"
                ) from None
            if seed.shape != value.shape:
                raise ValueError(
                    f"{CHECK}: the gradient from above has shape {seed.shape}, the output "
                    f"{value.shape}"
                )
            if not np.all(np.isfinite(seed)):
                raise ValueError(
                    f"{CHECK}: the gradient from above has entries that are not finite, by which "
                    "nothing can be judged"
                )
            found.append(seed)
        return found
