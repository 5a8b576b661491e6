"""mg.compile: a function that is traced once for each kind of arguments and then runs as a kernel.

What is called is generated: it asks whether the arguments are of the kind that it was made
for, and what the function captured is what it was, and if so goes straight to the work.
Otherwise it asks the next one of its kind, and the last one asks the slower path below,
which finds a kernel or traces anew.

Everything that is no argument's number or array is a constant until it changes.  A whole
number, or a captured array or float, that has changed becomes an input, if the function
lets it; what cannot is traced again for each value.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigrad.autodiff.derived import by_name
from minigrad.errors import is_user, label
from minigrad.graph import Leaf, modes, recording, tracing
from minigrad.ops.record import name_after
from minigrad.program.captures import Search, is_searched, names_in, search
from minigrad.program.dispatch import MISSING, Form
from minigrad.program.equations import Program
from minigrad.program.lifting import Lift, asks_for_types, assigned_names, can_be_input
from minigrad.program.live import Captured
from minigrad.program.memory import HEAVY, cleared
from minigrad.program.noise import Noise
from minigrad.program.places import LARGE, Place, Variable, has_value, same_value
from minigrad.program.progress import progress_line
from minigrad.program.promotion import Unwritable
from minigrad.program.rounding import elements
from minigrad.program.run import Run
from minigrad.program.simplify import simplified
from minigrad.program.trace import function_name, made_anew, recorded, signature_of
from minigrad.program.tracer import Tracer
from minigrad.reading.names import is_a
from minigrad.tensor import Tensor
from minigrad.tree import attributes_beside, children, flatten, tree_map
from minigrad.typing import Array, Function, Keywords, Tree

KEPT = 64
"""Kernels of one function that are kept."""

LOOKS = frozenset(
    "isinstance type hasattr __class__ singledispatch getattr isscalar "
    "AttributeError TypeError Exception".split()
)
"""Names in functions that may look at the types of what they are given, or try what they can."""

STRIKES = 2
"""Traces that may change what the function captured, as caches do that are being filled."""


def compile(f: Function, *, static: Sequence[str | int] = ()) -> Compiled:
    """``f``, traced at its first call and run as generated NumPy from then on.

    Parameters
    ----------
    f : callable
        Of numbers, arrays and nested dicts, lists, tuples and dataclasses of them.  Its
        value, and gradients if it asks for them, must not depend on values that it looks
        at in Python (``if``, ``float()``): those are errors.
    static : sequence of str or int
        Names or positions of arguments that are fixed; it is traced again for each value.
        Python booleans, strings and functions always are, and integers where they are
        used as sizes or looked at.

    Returns
    -------
    callable
        With ``.source``, ``.program``, ``.constants`` and ``.retraces``.  It may be
        called from several threads, copied and pickled (if ``f`` can be).  Single numbers
        come back as Python floats where all of the computation is in single numbers.

    Raises
    ------
    TypeError, ValueError
        When ``f`` is no function, or ``static`` names no parameter of it.

    Examples
    --------
    >>> import numpy as np, minigrad as mg
    >>> step = mg.compile(mg.value_and_grad(lambda w, x: (mg.sigmoid(x * w) ** 2).sum()))
    >>> value, gradient = step(np.ones(3), np.zeros(3))
    >>> float(value), gradient
    (0.75, array([0., 0., 0.]))
    >>> step.retraces
    0
    """
    if not callable(f):
        raise TypeError(f"mg.compile takes a function, not {label(f)}: step = mg.compile(f)")
    return Compiled(f, static)


class Compiled(functools.partial[Any]):
    """A compiled function.

    It is a `functools.partial` without arguments, because that passes a call on in C; the
    function that it passes calls to is exchanged as kernels are made.

    Attributes
    ----------
    source : str
        The latest program as NumPy source.
    program : Program
        The latest program.
    constants : dict
        Name -> array that the function did not get as an argument.
    retraces : int
        How often it was traced again, for arguments of another kind.
    """

    f: Function
    static: tuple[str | int, ...]
    known: OrderedDict[Run, None]
    traces: int
    latest: Run | None
    _numbers: dict[str, Any]
    _vary: set[str]
    _stuck: set[Any]
    _strikes: int
    _lock: Any

    def __new__(cls, f: Function, static: Sequence[str | int] = ()) -> Compiled:
        self = super().__new__(cls, f)
        name_after(self, f)
        self.f = f
        self.static = checked(f, static)
        self.known = OrderedDict()
        self.traces, self.latest = 0, None
        self._numbers, self._vary, self._stuck, self._strikes = {}, set(), set(), 0
        self._lock = threading.RLock()
        self._chain()
        return self

    def __repr__(self) -> str:
        return f"<compiled {function_name(self.f)}, traced {self.traces} times>"

    def __get__(self, instance: object, owner: object = None) -> Function:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> Any:
        return by_name(self) or (Compiled, (self.f, self.static))

    def of(self, f: Function) -> Any:
        """The same of another function."""
        return Compiled(f, self.static)

    @property
    def retraces(self) -> int:
        return max(self.traces - 1, 0)

    @property
    def program(self) -> Program:
        if self.latest is None:
            raise RuntimeError(
                f"{function_name(self.f)} has not been traced yet: call it once with arguments, or "
                "use mg.trace(f, *args)"
            )
        return self.latest.program

    @property
    def source(self) -> str:
        return self.program.source

    @property
    def constants(self) -> dict[str, Any]:
        return {v.name: c for v, c in self.program.constants.items()}

    # --- the slower path ------------------------------------------------------------------

    def _find(self, /, *args: Any, **kwargs: Any) -> Any:
        """Find or make the kernel for these arguments, and run it."""
        while args and args[-1] is MISSING:
            args = args[:-1]
        if self._strikes > STRIKES or (modes.special and tracing.get() is not None):
            return self.f(*args, **kwargs)  # as part of another program, say
        form = self._form(args, kwargs)
        if form.eager:
            return self.f(*args, **kwargs)
        with self._lock:
            run = self._known(form)
            if run is None:
                form, run, result = self._made(form, args, kwargs)
                if run is None:
                    return result
                if run.recorded and recording.get():
                    return run.first(result)
                if run.ready:
                    del result  # frees the graph that the trace has left
                    return cleared(run.ready) if elements(run.program) > HEAVY else run.ready.pop()
            else:
                self._install(form, run)
        return run.answer(form, args, kwargs)

    def _form(self, args: Sequence[Any], kwargs: Keywords) -> Form:
        form = Form(self.f, args, kwargs, self.static, frozenset(self._vary))
        news = {
            place
            for place, n in form.whole.items()
            if not same_value(self._numbers.setdefault(place, n), n) and place not in self._stuck
        }
        if news - self._vary:
            self._vary = self._vary | news  # other threads go on with theirs
            form = Form(self.f, args, kwargs, self.static, frozenset(self._vary))
        return form

    def _known(self, form: Form) -> Run | None:
        for run in reversed(self.known):
            if run.serves(form) and run.holds():
                self.known.move_to_end(run)
                return run
        return None

    def _made(
        self, form: Form, args: Sequence[Any], kwargs: Keywords
    ) -> tuple[Form, Run | None, Any]:
        """A kernel, and what the trace returned.

        There is none for a function that captures what somebody else is differentiating or
        tracing just now: it is called as it is.

        What has changed since an earlier trace is an input now; if the function does not
        let it, or then gives something else, it is a constant for good.
        """
        before = search([(self.f, function_name(self.f)), *form.statics])
        if any(is_foreign(p) for p in before.places):
            return form, None, self.f(*args, **kwargs)
        noise = Noise(before)
        lifts = self._lifts(before)
        known = self._stuck, self._vary
        asks = asks_for_types(before)
        while lifts or form.whole.keys() & form.vary:
            try:
                if asks and (form.whole.keys() & form.vary or any(map(is_whole, lifts))):
                    raise TypeError("a whole number whose type is asked for is fixed")
                run, result = self._traced(form, before, lifts)
                if noise.covers(run.draws):
                    check_same(result, self._itself(run, noise, args, kwargs))
                return form, self._kept(form, run, before, noise), result
            except Exception:
                noise.rewind()
                vary = form.whole.keys() & form.vary
                whole = vary.union(p.identity for p in lifts if is_whole(p))
                stuck = whole or {p.identity for p in lifts}  # a size, rather than a factor
                self._stuck = self._stuck | stuck
                self._vary = self._vary - vary
                lifts = [p for p in lifts if p.identity not in stuck]
                form = self._form(args, kwargs)
        try:
            run, result = self._traced(form, before, [])
        except Unwritable as error:
            noise.rewind()
            self._strikes = STRIKES + 1
            warn(f"{error}: {function_name(self.f)} is called as it is from now on")
            return form, None, self.f(*args, **kwargs)
        except Exception:  # of the function itself, perhaps, which says nothing of its inputs
            noise.rewind()
            self._stuck, self._vary = known
            raise
        still = noise.covers(run.draws) and all(p.holds() for p in before.places)
        if still and before.names & LOOKS:
            try:
                expected = self._itself(run, noise, args, kwargs)
            except Exception:  # it is for Tensors only
                expected = result
            try:
                check_same(result, expected)
            except ValueError:
                noise.rewind()
                self._strikes = STRIKES + 1
                warn(
                    f"{function_name(self.f)} looks at the types of its arguments, which are "
                    "Tensors in a program, and does something else for them: it is called as it "
                    "is from now on"
                )
                return form, None, self.f(*args, **kwargs)
        return form, self._kept(form, run, before, noise), result

    def _itself(self, run: Run, noise: Noise, args: Sequence[Any], kwargs: Keywords) -> Tree:
        """What the function itself gives: it draws what the trace drew, and sets nothing."""
        drawn, held = noise.now(), [(t, t._value) for t in run.updates]
        noise.rewind()
        try:
            with modes.set(tracing, None):
                return self.f(*args, **kwargs)
        finally:
            noise.rewind(drawn)
            for t, value in held:
                t._value = value

    def _lifts(self, before: Search) -> list[Place]:
        """Captured variables to read at each call: large arrays, and what has changed."""
        broken = [p for run in self.known for p in run.places if not p.holds()]
        changed = {p.identity for p in broken}
        changed.update(i for p in broken if p.kind == "items" for i in p.moved())
        written_to = {id(p.home) for p in broken if p.kind == "array"}
        found = [
            p
            for place in before.places
            for p in (place, *place.items())
            if (large(p) or p.identity in changed or id(p.value) in written_to)
            and can_be_input(p)
            and p.identity not in self._stuck
        ]
        assigned = assigned_names(before.functions) if found else ()
        return [p for p in found if p.kind not in ("cell", "global") or p.key not in assigned]

    def _traced(self, form: Form, before: Search, lifts: list[Place]) -> tuple[Run, Tree]:
        """Trace ``f`` with some of what it captures as inputs."""
        tracer = Tracer()
        roots = [(self.f, function_name(self.f)), *form.statics]
        lift = Lift([x for x, _ in roots], lifts)
        lift.exchange(lambda p: tracer.capture(Captured(p.read, p.name)))
        f, named = lift.copy(self.f), form.named
        if lift.taken:
            named = {name: tree_map(lift.copy, x, whole=True) for name, x in named.items()}
        with modes.set(tracing, None), progress_line(function_name(self.f)) as say:
            program, result = recorded(f, named, form.positional, form.fixed, form.varying, tracer)
            leaves = flatten(result, whole=True)[0]
            lift.check(leaves)
            fresh = next((x for x in leaves if is_fresh(x, before.seen)), None)
            if fresh is not None:
                raise made_anew(function_name(self.f), fresh)
            say(f"simplifying {len(program.equations)} equations")
            names = before.names.union(*(names_in(c) for c in tracer.codes if is_searched(c)))
            if lift.taken and lift.is_passed([(lift.copy(x), name) for x, name in roots], names):
                raise ValueError("the function gets to what it captured in another way as well")
            found = search(roots, names, frozenset(lift.taken))  # also what the lifted copy reaches
            places = found.places + unreached(tracer, found.seen, flatten(form.named)[0])
            variables = [Variable(p.kind, p.home, p.key, p.value, p.name) for p in lift.variables]
            simple = simplified(program)
            say(f"writing a kernel of {len(simple.equations)} equations")
            run = Run(simple, form, tracer, variables + places, result)
            say("comparing the kernel with the function")
            run.prove(program, form, result)
            return run, result

    def _kept(self, form: Form, run: Run, before: Search, noise: Noise) -> Run:
        """Note ``run`` for later calls, if the function has left what it captured alone."""
        noise.check(function_name(self.f), run.draws)
        self.traces += 1
        self.latest = run
        touched = [p.name for p in before.places if not p.holds()]
        if touched:
            self._strikes += 1
            if self._strikes > STRIKES:
                warn(
                    f"{function_name(self.f)} changes {touched[0]} as it runs, which a program "
                    "cannot: it is called as it is from now on; return the new value instead"
                )
            return run
        self.known[run] = None
        while len(self.known) > KEPT:
            self.known.popitem(last=False)
        self._install(form, run)
        self._warn()
        return run

    def _install(self, form: Form, run: Run) -> None:
        run.enter(form, self.f)
        self._chain()

    def _chain(self) -> None:
        """Let the newest entry be what is called, and each ask the next."""
        following: Function = self._find
        for run in self.known:
            for scope in run.entries.values():
                scope["_next"] = following
                following = scope["entry"]
        self.__setstate__((following, (), {}, self.__dict__))  # type: ignore[attr-defined]

    def _warn(self) -> None:
        """Say so when almost every call is traced."""
        if self.traces not in (16, 64, 256, 1024):
            return
        runs = list(self.known)[-4:]
        reasons = {r for a, b in pairwise(runs) for r in differences(a, b)}
        warn(
            f"{function_name(self.f)} has been traced {self.traces} times, each for several "
            f"hundred microseconds: {', '.join(sorted(reasons)) or 'its arguments'} changes "
            "between calls; pass numbers as floats or arrays, and arrays in few different shapes"
        )


def warn(text: str) -> None:
    """A warning that points to the line of the user's code that is running."""
    depth, frame = 1, sys._getframe(0)
    while frame.f_back is not None and not is_user(frame.f_code.co_filename):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, RuntimeWarning, stacklevel=depth)


def checked(f: Function, given: Any) -> tuple[str | int, ...]:
    """``static`` as a tuple, of what are parameters."""
    static: tuple[Any, ...] = (given,) if isinstance(given, str | int) else tuple(given)
    parameters = signature_of(f)
    open_ended = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
    names = [p.name for p in parameters]
    for s in static:
        if not isinstance(s, str | int):
            raise TypeError(f"static={s!r}: a static argument is a name or a position")
        known = s in names if isinstance(s, str) else 0 <= s < len(names)
        if parameters and not known and not open_ended:
            raise ValueError(
                f"static: {function_name(f)} has no parameter {s!r}; its parameters are "
                f"{', '.join(names)}"
            )
    return static


def is_foreign(p: Place) -> bool:
    """Whether a captured Tensor is no leaf, but was recorded outside of the function."""
    return p.key == "node" and p.value is not None and type(p.value) is not Leaf


def unreached(tracer: Tracer, seen: Collection[int], given: list[Any]) -> list[Place]:
    """Arrays that are constants of a program and no names lead to, but that somebody holds.

    A cache may do so, or an object of a library's.
    """
    used = [weakref.ref(owner_of(x)) for x in tracer.let_go()]
    known = {*seen, *map(id, given)}
    alive = {id(x): (x, ref) for ref in used if (x := ref()) is not None and id(x) not in known}
    return [Place("kept", ref, "", np.array(x, order="K"), "an array") for x, ref in alive.values()]


def owner_of(x: Any) -> Any:
    """The array in whose memory ``x`` lies."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


def is_fresh(x: object, known: Collection[int]) -> bool:
    """Whether an object that may be changed was made by the function: none that is ``known``."""
    if isinstance(x, Tensor | np.ndarray | type | types.FunctionType | types.ModuleType):
        return False
    return gc.is_tracked(x) and not has_value(x) and id(x) not in known


def large(p: Place) -> bool:
    """Whether a variable is read at each call because comparing it would take too long."""
    x = p.value
    return p.kind in ("cell", "global") and is_a(x, np.ndarray) and x.nbytes > LARGE


def differences(a: Run, b: Run) -> list[str]:
    """What two kernels differ in: arguments, or what was captured."""
    now = dict(a.key)
    words = [name for name, key in b.key if now.get(name) != key]
    if not words:
        words = [p.name for p in a.places if not p.holds()]
    return words


def is_whole(place: Place) -> bool:
    """Whether what a function captures there is one of Python's whole numbers."""
    return type(place.value) is int


def skeleton(x: object) -> Any:
    """The containers of a result, without what is in them."""
    parts = children(x)
    if parts is None:
        return None
    return type(x), [(key, skeleton(part)) for key, part in (*parts, *attributes_beside(x).items())]


def check_same(result: Tree, expected: Array) -> None:
    """Raise if what a trace gave is not what the function itself gives."""
    if skeleton(result) != skeleton(expected):
        raise ValueError("another structure")
    got, want = (flatten(x, whole=True)[0] for x in (result, expected))
    for g, w in zip(got, want, strict=True):
        g, w = (getattr(x, "_value", x) for x in (g, w))
        if not isinstance(w, int | float | np.generic | np.ndarray):
            continue
        g, w = np.asarray(g), np.asarray(w)
        if g.shape != w.shape or g.dtype != w.dtype:
            raise ValueError("another shape or dtype")
        same = np.array_equal(g, w)
        if not same and w.dtype.kind in "biufc":
            rtol = 1e-9 if w.dtype.itemsize == 8 else 1e-3
            scale = float(np.max(np.abs(w[np.isfinite(w)]), initial=0.0))
            same = np.allclose(g, w, rtol=rtol, atol=rtol * scale, equal_nan=True)
        if not same:
            raise ValueError("another value")
