"""Captures: what a function uses without being given it, and whether it is still the same.

Closure cells, globals, defaults, attributes, and what lists, dicts and arrays among them
hold.  Everything that is reached from a function by names that its code (or that of what
it calls) mentions is noted as a *place* and what is there.  A kernel is used only while
each place holds what it held when it was traced; a captured Tensor is read at each call,
and only has to be the same Tensor.
"""

from __future__ import annotations

import array
import dis
import functools
import io
import keyword
import operator
import os
import random
import types
import weakref
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from operator import is_
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from minigrad.errors import is_user
from minigrad.program.live import Draw
from minigrad.program.tracer import identical
from minigrad.reading.names import is_a
from minigrad.tensor import Tensor

ATOMS = (int, float, complex, str, bytes, bool, type(None), np.generic, np.dtype, range, slice)
LARGE = 2**16
"""Bytes of arrays that are read anew at each call rather than compared with what they were."""

SMALL = 4096
"""Bytes of arrays that are compared in one go."""

Bind = Callable[[Any], str]


def same(a: Any, b: Any) -> bool:
    """Whether a program traced with ``a`` is right for ``b``: equal to the last bit.

    Examples
    --------
    >>> same(0.0, -0.0), same(float("nan"), float("nan")), same(1, True)
    (False, True, False)
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) in (int, str, bytes, bool):
        return bool(a == b)
    if isinstance(a, np.ndarray):
        return a.dtype != object and identical(a, b)
    if isinstance(a, float | complex | np.inexact):
        return repr(a) == repr(b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, ATOMS) or has_value(a):
        return bool(a == b)
    return False


def has_value(x: Any) -> bool:
    """Whether an object is equal to others by what it holds."""
    kind: Any = type(x)
    return kind.__eq__ is not object.__eq__ and kind.__hash__ is not None


# --- places ----------------------------------------------------------------------------


@dataclass(eq=False)
class Place:
    """Where something that may change is kept.

    Attributes
    ----------
    kind : str
        "cell", "global", "attribute", "items" (of a container), "bytes" (of memory), "context"
        (of a context variable), "array", or "stream" (an iterator: whoever looks changes it).
    home : Any
        The cell, dict, object, container or array.
    key : str
        The name there.
    value : Any
        What it held.
    name : str
        What the user would write.
    """

    kind: str
    home: Any
    key: str
    value: Any
    name: str

    def read(self) -> Any:
        """What it holds now."""
        if self.kind == "cell":
            return self.home.cell_contents
        if self.kind == "global":
            return self.home[self.key]
        if self.kind == "attribute":
            return getattr(self.home, self.key)
        if self.kind == "items":
            return snapshot(self.home)
        if self.kind == "bytes":
            return bytes(self.home)
        if self.kind == "context":
            return self.home.get(None)
        return self.home

    def holds(self) -> bool:
        """Whether nothing has changed."""
        if self.kind == "stream":
            return False
        try:
            now = self.read()
        except Exception:
            return False
        if self.kind == "items":
            return len(now) == len(self.value) and all(map(same_part, now, self.value))
        return identical(now, self.value) if self.kind == "array" else same_part(now, self.value)

    @property
    def identity(self) -> tuple[int, str]:
        return id(self.home), self.key

    def now(self, bind: Bind) -> str:
        """What it holds now, as source."""
        home = bind(self.home)
        if self.kind == "cell":
            return f"{home}.cell_contents"
        if self.kind == "bytes":
            return f"{bind(bytes)}({home})"
        if self.kind == "context":
            return f"{home}.get(None)"
        if self.kind == "attribute":
            plain = self.key.isascii() and not keyword.iskeyword(self.key)
            return f"{home}.{self.key}" if plain else f"{bind(getattr)}({home}, {bind(self.key)})"
        return f"{home}[{bind(self.key)}]"

    def test(self, bind: Bind) -> str:
        """The condition under which nothing has changed, as source."""
        if self.kind == "items":
            return f"{bind(unchanged)}({bind(self.home)}, {bind(self.value)})"
        if self.kind == "array":
            home = bind(self.home)
            if self.value.nbytes > SMALL or not self.value.flags.c_contiguous:
                return f"{bind(identical)}({home}, {bind(self.value)})"
            shape = tuple(map(int, self.value.shape))
            return f"{home}.tobytes() == {bind(self.value.tobytes())} and {home}.shape == {shape}"
        now, value = self.now(bind), bind(self.value)
        if is_a(self.value, *ATOMS):
            return f"({now} is {value} or {bind(same)}({now}, {value}))"
        return f"{now} is {value}"


class Variable(Place):
    """A place that a program reads: only the type of what it holds has to stay."""

    def holds(self) -> bool:
        try:
            now = self.read()
        except Exception:
            return False
        return kind_of(now) == kind_of(self.value)

    def test(self, bind: Bind) -> str:
        now, x = self.now(bind), self.value
        if type(x) is float:
            return f"{now}.__class__ is {bind(float)}"
        return (
            f"(_t := {now}).__class__ is {bind(np.ndarray)} and "
            f"_t.shape == {tuple(map(int, x.shape))} and _t.dtype == {bind(x.dtype)}"
        )


def kind_of(x: Any) -> tuple[Any, ...]:
    return type(x), getattr(x, "shape", ()), getattr(x, "dtype", None)


def snapshot(container: Any) -> tuple[Any, ...]:
    """The parts of a container, keys included."""
    if is_a(container, Mapping):
        return (*container, *container.values())
    return tuple(container.flat if is_a(container, np.ndarray) else container)


def unchanged(container: Any, before: tuple[Any, ...]) -> bool:
    """Whether a container holds the same objects."""
    now = snapshot(container)
    return len(now) == len(before) and (
        all(map(is_, now, before)) or all(map(same_part, now, before))
    )


def same_part(a: Any, b: Any) -> bool:
    """Whether a container holds what it held: its arrays have places of their own."""
    return a is b or (is_a(a, *ATOMS) and same(a, b))


# --- the search ------------------------------------------------------------------------


def is_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "minigrad"


def theirs(code: CodeType) -> bool:
    """Whether code is the user's own, or a layer's: not that of an installed library."""
    name = code.co_filename
    return (is_user(name) and "site-packages" not in name) or LAYERS in name


LAYERS = "/".join(__file__.replace("\\", "/").split("/")[:-2]) + "/nn/"


def names_in(code: CodeType) -> Iterator[str]:
    """Names that code mentions, strings that may be names of attributes among them."""
    yield from code.co_names
    for c in code.co_consts:
        if is_a(c, CodeType):
            yield from names_in(c)
        else:
            yield from spoken(c)


def spoken(x: Any) -> Iterator[str]:
    """Names in a string, such as that of an attribute, and in tuples of them."""
    if is_a(x, str):
        yield from (word for word in x.split(".") if word.isidentifier())
    elif is_a(x, tuple, frozenset):
        for part in x:
            yield from spoken(part)


@dataclass
class Search:
    """All that is reached from some roots by ``names``, which grow as code is found."""

    names: set[str]
    skipped: frozenset[tuple[int, str]] = frozenset()
    places: list[Place] = field(default_factory=list)
    generators: list[tuple[Any, str]] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)

    def note(self, kind: str, home: Any, key: str, value: Any, name: str) -> None:
        self.places.append(Place(kind, home, key, value, name))

    def visit(self, x: Any, name: str) -> None:
        """Note what can be reached from ``x``, which the user calls ``name``."""
        stack = [(x, name)]
        while stack:
            x, name = stack.pop()
            self.names.update(spoken(x) if type(x) is str else ())
            if id(x) in self.seen or type(x) in ATOMS or is_a(x, np.generic):
                continue
            self.seen[id(x)] = x
            try:
                stack += reversed(list(self.inside(x, name)))
            except Exception:  # an object that cannot be looked at, such as a dead proxy
                continue

    def inside(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """What ``x`` holds, with names, noted."""
        if is_a(x, Tensor):
            self.note("attribute", x, "node", x.node, name)
        elif is_a(x, np.ndarray):
            yield from self.array(x, name)
        elif is_a(x, *GENERATORS):
            self.generators.append((x, name))
        elif is_a(x, FunctionType):
            yield from self.function(x)
        elif is_a(x, types.MethodType):
            yield from ((x.__self__, name.rpartition(".")[0] or name), (x.__func__, name))
        elif is_a(x, functools.partial) and not is_own(type(x).__module__):
            yield from ((part, name) for part in (x.func, *x.args, *x.keywords.values()))
        elif is_a(x, types.ModuleType):
            if x is os and not self.names.isdisjoint(("environ", "getenv")):
                yield os.environ, "os.environ"
            if is_user(getattr(x, "__file__", None) or ("" if made(x) else PYTHON)):
                yield from self.attributes(x, x.__dict__, name)
        elif is_a(x, *CONTAINERS) or x is os.environ:
            if not is_a(x, tuple, frozenset):
                self.note("items", x, "", snapshot(x), name)
            parts = x.items() if is_a(x, Mapping) else enumerate(x)
            yield from ((part, f"{name}[{key!r}]") for key, part in parts)
            if type(x).__module__ not in LIBRARIES:
                yield from self.instance(x, name)
        elif is_a(x, bytearray, memoryview, array.array):
            self.note("bytes", x, "", bytes(x), name)
        elif is_a(x, type):
            yield from self.class_(x, name)
        elif type(x).__module__ in LIBRARIES:
            yield from self.builtin(x, name)
        else:
            yield from self.instance(x, name)

    def builtin(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """What an object of Python's own holds."""
        if is_a(x, ContextVar):
            self.note("context", x, "", x.get(None), name)
            yield x.get(None), f"{name}.get()"
        elif is_a(x, Iterator) and not is_a(x, io.IOBase):
            self.note("stream", x, "", x, name)
        elif is_a(x, weakref.ref):
            yield x(), f"{name}()"
        elif is_a(x, operator.attrgetter, operator.methodcaller):
            self.names.update(spoken(x.__reduce__()[1]))
        else:
            yield from self.instance(x, name)

    def array(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        if x.dtype == object:
            self.note("items", x, "", snapshot(x), name)
            yield from ((part, name) for part in x.flat)
        elif x.flags.writeable or x.base is not None:
            self.note("array", x, "", np.array(x, order="K"), name)

    def function(self, f: FunctionType) -> Iterator[tuple[Any, str]]:
        """Cells, globals and defaults of a function."""
        code = f.__code__
        for cell, name in zip(f.__closure__ or (), code.co_freevars, strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # filled later
                continue
            if (id(cell), name) in self.skipped:
                continue
            if theirs(code):
                self.note("cell", cell, name, value, name)
            if theirs(code) or callable(value):
                yield value, name
        if not theirs(code):
            return
        self.functions.append(f)
        self.names.update(names_in(code))
        if f.__defaults__:
            self.note("attribute", f, "__defaults__", f.__defaults__, f"{f.__name__}.__defaults__")
        yield from ((part, f.__name__) for part in f.__defaults__ or ())
        if f.__kwdefaults__:
            yield f.__kwdefaults__, f.__name__
        yield from self.attributes(f, f.__dict__, f.__name__)
        if LAYERS not in code.co_filename:
            yield from self.globals_of(code, f.__globals__)

    def globals_of(self, code: CodeType, namespace: dict[str, Any]) -> Iterator[tuple[Any, str]]:
        for name in sorted(set(names_in(code)) & namespace.keys()):
            value = namespace[name]
            if (id(namespace), name) in self.skipped:
                continue
            if not is_a(value, types.ModuleType):
                self.note("global", namespace, name, value, name)
            yield value, name

    def attributes(self, x: Any, held: Any, name: str) -> Iterator[tuple[Any, str]]:
        """Attributes of ``x`` among ``held`` that code mentions."""
        for key in sorted(self.names & held.keys()):
            value = held[key]
            if not is_a(value, types.ModuleType):
                self.note("attribute", x, key, value, f"{name}.{key}")
            yield value, f"{name}.{key}"

    def class_(self, kind: type, name: str) -> Iterator[tuple[Any, str]]:
        """What a class of the user's defines and code mentions, special methods always."""
        for base in kind.__mro__:
            layer = base.__module__.startswith("minigrad.nn")
            if not layer and (is_own(base.__module__) or base.__module__ in LIBRARIES):
                continue
            for key, value in base.__dict__.items():
                special = key.startswith("__") and is_a(value, FunctionType)
                if not (key in self.names or (special and key not in UNCALLED)):
                    continue
                if not layer and base.__dict__.get(key) is getattr(base, key, None):
                    self.note("attribute", base, key, value, f"{name}.{key}")
                yield from ((part, f"{name}.{key}") for part in called_by(value))

    def instance(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """Attributes of an object, and what its class defines."""
        kind = type(x)
        made_of = getattr(x, "f", None) if is_own(kind.__module__) and callable(x) else None
        if made_of is not None:  # a function made of a function, by this package
            yield made_of, name
            return
        layer = kind.__module__.startswith("minigrad.nn")
        if is_own(kind.__module__) and not layer:
            return
        if is_a(x, *HOLDERS):
            yield from ((getattr(x, key), name) for key in KEPT_IN if hasattr(x, key))
        held = dict(getattr(x, "__dict__", {}))
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for slot in (slots,) if is_a(slots, str) else slots:
                if slot in self.names and hasattr(x, slot):
                    held[slot] = getattr(x, slot)
        yield from self.attributes(x, held, name)
        for key in sorted(self.names - held.keys()):  # of the class, and may be hidden later
            value = next((b.__dict__[key] for b in kind.__mro__ if key in b.__dict__), self)
            if is_a(value, *ATOMS):
                self.note("attribute", x, key, value, f"{name}.{key}")
        yield kind, kind.__name__


LIBRARIES = frozenset(
    "builtins numpy typing abc enum collections functools itertools operator weakref "
    "_contextvars".split()
)
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
HOLDERS = (UserDict, UserList, ChainMap, functools._lru_cache_wrapper)
KEPT_IN = ("data", "maps", "__wrapped__")
CONTAINERS = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType)
UNCALLED = frozenset("__init__ __new__ __del__ __repr__ __str__ __init_subclass__".split())
PYTHON = functools.__file__


def made(module: types.ModuleType) -> bool:
    """Whether a module was made by the user's code, and comes from no file."""
    return getattr(module, "__spec__", None) is None


def called_by(x: Any) -> Iterator[Any]:
    """The functions behind what a class holds."""
    if is_a(x, staticmethod, classmethod):
        yield x.__func__
    elif is_a(x, property):
        yield from (f for f in (x.fget,) if f is not None)
    elif is_a(x, functools.cached_property):
        yield x.func
    else:
        yield x


def search(
    roots: list[tuple[Any, str]],
    names: Iterable[str] = (),
    skipped: frozenset[tuple[int, str]] = frozenset(),
) -> Search:
    """What is reached from ``roots``, with the names of all code that is."""
    known = set(names)
    while True:
        found = Search(known, skipped)
        before = len(known)
        for x, name in roots:
            found.visit(x, name)
        if len(known) == before:
            return found


# --- numbers drawn ---------------------------------------------------------------------


class Noise:
    """The state of every generator within reach, and of those that everybody shares."""

    def __init__(self, found: Search) -> None:
        self.sources = [*found.generators, (np.random, "np.random"), (random, "random")]
        self.states = [state(source) for source, _ in self.sources]

    def rewind(self) -> None:
        """Take all that was drawn back."""
        for (source, _), before in zip(self.sources, self.states, strict=True):
            set_state(source, before)

    def check(self, name: str, draws: list[Draw]) -> None:
        """Raise if the function ``name`` has drawn more than ``draws``."""
        for (source, place), before in zip(self.sources, self.states, strict=True):
            now = state(source)
            if same(now, before):
                continue
            own = [d for d in draws if d.rng is source]
            if own:
                twin = np.random.Generator(type(source.bit_generator)())
                set_state(twin, before)
                for draw in own:
                    twin.random(draw.shape)
                if same(state(twin), now):
                    continue
            self.rewind()
            raise TypeError(
                f"{name} draws from {place}, and what it drew would be fixed in the program for "
                "every later call: draw outside and pass the numbers as an argument"
            )


def state(source: Any) -> Any:
    if source is random or is_a(source, random.Random):
        return source.getstate()
    if is_a(source, np.random.Generator):
        return source.bit_generator.state
    return source.get_state(legacy=False)


def set_state(source: Any, value: Any) -> None:
    if source is random or is_a(source, random.Random):
        source.setstate(value)
    elif is_a(source, np.random.Generator):
        source.bit_generator.state = value
    else:
        source.set_state(value)


# --- variables that vary ---------------------------------------------------------------


def variable(place: Place) -> bool:
    """Whether a place can become an input: a variable that holds an array or a float."""
    if place.kind not in ("cell", "global"):
        return False
    x = place.value
    return type(x) is float or (type(x) is np.ndarray and x.dtype.kind in "fiu")


def lifted(f: Any, swaps: dict[tuple[int, str], Any], memo: dict[int, Any]) -> Any:
    """``f`` with variables of it, and of the functions that it uses, exchanged.

    Parameters
    ----------
    swaps : dict
        (id of a cell or of a namespace, name) -> what is to be there.
    """
    if id(f) in memo:
        return memo[id(f)]
    if is_a(f, types.MethodType):
        function = lifted(f.__func__, swaps, memo)
        return f if function is f.__func__ else types.MethodType(function, f.__self__)
    if is_a(f, functools.partial) and not is_own(type(f).__module__):
        function = lifted(f.func, swaps, memo)
        return f if function is f.func else functools.partial(function, *f.args, **f.keywords)
    if is_own(type(f).__module__) and hasattr(f, "of"):
        function = lifted(f.f, swaps, memo)
        return f if function is f.f else f.of(function)
    if not is_a(f, FunctionType) or not theirs(f.__code__):
        return f
    memo[id(f)] = f  # while it is looked into, it is itself
    cells = []
    for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars, strict=True):
        new = swaps.get((id(cell), name))
        if new is None:
            try:
                value = cell.cell_contents
            except ValueError:
                cells.append(cell)
                continue
            new = lifted(value, swaps, memo) if callable(value) else value
            if new is value:
                cells.append(cell)
                continue
        cells.append(types.CellType(new))
    changed = {}
    for name in set(names_in(f.__code__)) & f.__globals__.keys():
        value = f.__globals__[name]
        new = swaps.get((id(f.__globals__), name))
        if new is None:
            new = lifted(value, swaps, memo) if callable(value) else value
        if new is not value:
            changed[name] = new
    if changed or any(a is not b for a, b in zip(cells, f.__closure__ or (), strict=True)):
        namespace = {**f.__globals__, **changed} if changed else f.__globals__
        g = FunctionType(f.__code__, namespace, f.__name__, f.__defaults__, tuple(cells))
        g.__kwdefaults__ = f.__kwdefaults__
        g.__qualname__, g.__module__ = f.__qualname__, f.__module__
        memo[id(f)] = g
    return memo[id(f)]


def written(functions: list[FunctionType]) -> set[str]:
    """Names of variables that functions assign to although they are not theirs."""
    found = set()
    stack = [f.__code__ for f in functions]
    while stack:
        code = stack.pop()
        stack += [c for c in code.co_consts if is_a(c, CodeType)]
        for step in dis.get_instructions(code):
            free = step.opname == "STORE_DEREF" and step.argval in code.co_freevars
            if free or step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                found.add(str(step.argval))
    return found
