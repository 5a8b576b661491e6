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
import operator
import os
import random
import sys
import types
import weakref
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from minigrad.errors import is_user
from minigrad.program.places import ATOMS, Place, snapshot
from minigrad.reading.names import is_a
from minigrad.tensor import Tensor
from minigrad.tree import children, members
from minigrad.typing import Function, Variables


def is_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "minigrad"


def is_searched(code: CodeType) -> bool:
    """Whether code is the user's own, or a layer's: not that of an installed library."""
    name = code.co_filename
    return (is_user(name) and "site-packages" not in name) or LAYERS in name


LAYERS = "/".join(__file__.replace("\\", "/").split("/")[:-2]) + "/nn/"


def names_in(code: CodeType) -> Iterator[str]:
    """Names that code mentions, strings that may be names of attributes among them."""
    yield from code.co_names
    yield from words_in(code)
    if MATCHES in code.co_code[::2]:  # `case float():`
        yield "isinstance"
    for c in code.co_consts:
        if is_a(c, CodeType):
            yield from names_in(c)


def words_in(code: CodeType) -> Iterator[str]:
    """Strings in code that may be names of attributes."""
    for c in code.co_consts:
        yield from words_in(c) if is_a(c, CodeType) else attribute_names(c)


MATCHES = dis.opmap["MATCH_CLASS"]


def attribute_names(x: Any) -> Iterator[str]:
    """Names in a string, such as that of an attribute, and in tuples of them."""
    if is_a(x, str):
        yield from (word for word in x.split(".") if word.isidentifier())
    elif is_a(x, tuple, frozenset):
        for part in x:
            yield from attribute_names(part)


@functools.lru_cache(maxsize=1024)
def globals_in(code: CodeType) -> frozenset[str]:
    """Names that code looks up among globals, and then among Python's own."""
    steps = dis.get_instructions(code)
    found = frozenset(str(s.argval) for s in steps if s.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    return found.union(*(globals_in(c) for c in code.co_consts if is_a(c, CodeType)))


ANY = "*"
"""Stands among names for those that code computes."""


def computes_names(code: CodeType) -> bool:
    """Whether code asks for attributes by names that it does not spell out."""
    inner = any(is_a(c, CodeType) and computes_names(c) for c in code.co_consts)
    if inner or not {"vars", "dir", "__dict__"}.isdisjoint(code.co_names):
        return True
    if "getattr" not in code.co_names:
        return False
    steps = [s for s in dis.get_instructions(code) if s.opname not in SILENT]
    return any(
        s.argval == "getattr" and not has_literal_name(steps[i + 1 :]) for i, s in enumerate(steps)
    )


def has_literal_name(steps: list[dis.Instruction]) -> bool:
    """Whether a call's last arguments are a string and at most one variable, the default."""
    end = next((i for i, s in enumerate(steps) if s.opname.startswith("CALL")), 0)
    last = steps[max(0, end - 2) : end]
    texts = [s.opname == "LOAD_CONST" and is_a(s.argval, str) for s in last]
    loads = [s.opname.startswith("LOAD_") and s.opname != "LOAD_ATTR" for s in last]
    return texts[-1:] == [True] or (texts[:1] == [True] and loads[-1:] == [True])


SILENT = frozenset({"CACHE", "PRECALL", "PUSH_NULL", "KW_NAMES", "NOP", "RESUME", "EXTENDED_ARG"})


@dataclass
class Search:
    """All that is reached from some roots by ``names``, which grow as code is found.

    ``words`` are those that strings hold.

    ``skipped`` are variables that are inputs: (id of who uses it, id of where it is, its name).
    """

    names: set[str]
    words: set[str]
    skipped: frozenset[tuple[int, int, object]] = frozenset()
    places: list[Place] = field(default_factory=list)
    generators: list[tuple[object, str]] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    seen: dict[int, Any] = field(default_factory=dict)

    def note(self, kind: str, home: object, key: str, value: object, name: str) -> None:
        self.places.append(Place(kind, home, key, value, name))

    def note_items(self, x: object, home: object, name: str) -> None:
        """Note the items of ``home`` that ``x``, which may be itself, holds."""
        skip = frozenset(key for user, _, key in self.skipped if user == id(x))
        self.places.append(Place("items", home, "", snapshot(home, skip), name, skip))

    def visit(self, x: object, name: str) -> None:
        """Note what can be reached from ``x``, which the user calls ``name``."""
        stack = [(x, name)]
        while stack:
            x, name = stack.pop()
            if type(x) is str:
                self.words.update(attribute_names(x))
                self.names |= self.words
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
        elif is_a(x, functools.partial, functools.partialmethod) and not is_own(type(x).__module__):
            for key in ("func", "args", "keywords"):
                self.note("attribute", x, key, getattr(x, key), f"{name}.{key}")
                yield getattr(x, key), name
        elif is_a(x, types.ModuleType):
            yield from self.module(x, name)
        elif is_a(x, *CONTAINERS) or x is os.environ:
            yield from self.container(x, name)
        elif is_a(x, bytearray, memoryview, array.array):
            self.note("bytes", x, "", bytes(x), name)
        elif is_a(x, type):
            yield from self.class_(x, name)
        elif type(x).__module__ in LIBRARIES:
            yield from self.builtin(x, name)
        else:
            yield from self.instance(x, name)

    def module(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """The variables of a module of the user's; the environment."""
        if x is os and not self.names.isdisjoint(("environ", "getenv")):
            yield os.environ, "os.environ"
        if is_user(getattr(x, "__file__", None) or ("" if made_at_runtime(x) else PYTHON)):
            yield from self.attributes(x, x.__dict__, name)

    def container(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """The parts of a container, but for those that are inputs, and what is beside them."""
        if not is_a(x, tuple, frozenset):
            self.note_items(x, x, name)
        parts = children(x)
        if parts is None:
            parts = list(x.items() if is_a(x, Mapping) else enumerate(x))
        yield from (
            (part, f"{name}[{key!r}]")
            for key, part in parts
            if not self.skipped or (id(x), id(x), key) not in self.skipped
        )
        if type(x).__module__ not in LIBRARIES:
            yield from self.instance(x, name)

    def builtin(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        """What an object of Python's own holds."""
        if is_a(x, np.ufunc, type(np.sum)):
            return
        if is_a(x, functools._lru_cache_wrapper):
            self.note("cache", x, "", x.cache_info(), name)
        if is_a(x, *METHODS):
            yield x.__self__, name
        elif is_a(x, KeysView, ValuesView, ItemsView, np.flatiter):
            yield x.base if is_a(x, np.flatiter) else x.mapping, name
        elif is_a(x, ContextVar):
            self.note("context", x, "", x.get(None), name)
            yield x.get(None), f"{name}.get()"
        elif is_a(x, Iterator) and not is_a(x, io.IOBase):
            self.note("stream", x, "", x, name)
        elif is_a(x, weakref.ref):
            yield x(), f"{name}()"
        elif is_a(x, operator.attrgetter, operator.methodcaller):
            self.names.update(attribute_names(x.__reduce__()[1]))
        else:
            yield from self.instance(x, name)

    def array(self, x: Any, name: str) -> Iterator[tuple[Any, str]]:
        if x.dtype == object:
            self.note("items", x, "", snapshot(x), name)
            yield from ((part, name) for part in x.flat)
        elif x.flags.writeable or x.base is not None:
            self.note("array", x, "", np.array(x, order="K"), name)

    def function(self, f: FunctionType) -> Iterator[tuple[object, str]]:
        """Cells, globals and defaults of a function."""
        code = f.__code__
        for cell, name in zip(f.__closure__ or (), code.co_freevars, strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # filled later
                continue
            if (id(f), id(cell), name) in self.skipped:
                continue
            if is_searched(code):
                self.note("cell", cell, name, value, name)
            functions = is_a(value, dict) and all(map(callable, value.values()))  # a table
            if is_searched(code) or callable(value) or functions:
                yield value, name
        if not is_searched(code):
            return
        self.functions.append(f)
        self.names.update(names_in(code))
        self.words.update(words_in(code))
        if LAYERS not in code.co_filename and computes_names(code):
            self.names.add(ANY)
        for key in ("__code__", "__defaults__", "__kwdefaults__"):
            if (value := getattr(f, key)) and LAYERS not in code.co_filename:
                self.note("attribute", f, key, value, f"{f.__name__}.{key}")
        yield from ((part, f.__name__) for part in f.__defaults__ or ())
        yield f.__kwdefaults__, f.__name__
        yield from self.attributes(f, f.__dict__, f.__name__)
        if LAYERS not in code.co_filename:
            yield from self.globals_of(f, code, f.__globals__)

    def globals_of(
        self, f: Function, code: CodeType, namespace: Variables
    ) -> Iterator[tuple[object, str]]:
        for name in sorted(globals_in(code) - namespace.keys()):
            self.note("hidden", namespace, name, None, name)
        names = set(names_in(code))
        if "globals" in names:
            names |= self.names
        for name in sorted(names & namespace.keys()):
            value = namespace[name]
            if (id(f), id(namespace), name) in self.skipped:
                continue
            if not (is_a(value, types.ModuleType) and name in CONVENTIONAL):
                self.note("global", namespace, name, value, name)
            yield value, name
        package = f"{namespace.get('__package__')}."
        imported = {sys.modules.get(part + n) for n in names for part in ("", package)}
        yield from ((m, m.__name__) for m in imported if m is not None and m.__name__ in names)

    def attributes(self, x: Any, held: Any, name: str) -> Iterator[tuple[Any, str]]:
        """Attributes of ``x`` among ``held`` that code mentions."""
        for key in sorted(self.names & held.keys()):
            if (id(x), id(x), key) in self.skipped:
                continue
            self.note("attribute", x, key, held[key], f"{name}.{key}")
            yield held[key], f"{name}.{key}"

    def class_(self, kind: type, name: str) -> Iterator[tuple[object, str]]:
        """What a class of the user's defines and code mentions, special methods always."""
        layer = is_layer(kind)
        seen: set[str] = set()
        meta: type = type(kind)
        for base in chain(kind.__mro__, meta.__mro__):
            if not is_layer(base) and (is_own(base.__module__) or base.__module__ in LIBRARIES):
                continue
            for key, value in base.__dict__.items():
                special = key.startswith("__") and is_a(value, FunctionType)
                if not (key in self.names or (special and key not in UNCALLED)):
                    continue
                if not layer and not (special and is_layer(base)) and key not in seen:
                    self.note_member(kind, base, key, value, f"{name}.{key}")
                seen.add(key)
                yield from ((part, f"{name}.{key}") for part in called_by(value))

    def note_member(self, kind: Any, base: type, key: str, value: Any, name: str) -> None:
        """Note what ``kind`` has from ``base``, which other classes between the two may hide."""
        found = getattr(kind, key, None)
        if found is getattr(kind, key, self):
            self.note("attribute", kind, key, found, name)
            return
        self.note("global", base.__dict__, key, value, name)  # a class method, say
        for between in kind.__mro__[: kind.__mro__.index(base) if base in kind.__mro__ else 0]:
            self.note("hidden", between.__dict__, key, None, name)

    def instance(self, x: object, name: str) -> Iterator[tuple[object, str]]:
        """Attributes of an object, and what its class defines."""
        kind: type = type(x)
        made_of = getattr(x, "f", None) if is_own(kind.__module__) and callable(x) else None
        if made_of is not None:  # a function made of a function, by this package
            yield made_of, name
            return
        layer = is_layer(kind)
        if is_own(kind.__module__) and not layer:
            return
        if is_a(x, *HOLDERS):
            yield from ((getattr(x, key), name) for key in KEPT_IN if hasattr(x, key))
        own: Any = getattr(x, "__dict__", None)
        held = own if is_a(own, dict) else {}
        slots = {key for key in self.names & members(kind).keys() if hasattr(x, key)}
        yield from self.attributes(x, {**held, **{key: getattr(x, key) for key in slots}}, name)
        every = ANY in self.names and not layer
        if every or is_third_party(kind):  # whose methods may look at anything
            self.note_items(x, held, name)
            parts = ((v, f"{name}.{k}") for k, v in held.items())
            yield from (part for part in parts if every or is_a(part[0], np.ndarray))
        self.hideouts(x, own, self.names - held.keys() - slots, name)
        if not layer:
            self.note("attribute", x, "__class__", kind, f"{name}.__class__")
        yield kind, kind.__name__

    def hideouts(self, x: object, own: object, names: set[str], name: str) -> None:
        """Note names that are the class's, or nobody's, and that an object may have later."""
        kind: type = type(x)
        layer = is_layer(kind)
        asked = self.words if {"hasattr", "getattr"} & self.names else set()
        if hasattr(kind, "__getattr__") or "AttributeError" in self.names:
            asked = names
        for key in sorted(names):
            value = next((b.__dict__[key] for b in kind.__mro__ if key in b.__dict__), self)
            if is_a(value, *ATOMS):
                self.note("attribute", x, key, value, f"{name}.{key}")
            elif not layer and (key in asked if value is self else hideable(value)):
                homes = [b.__dict__ for b in kind.__mro__ if b.__module__ not in LIBRARIES]
                for home in ([own] if is_a(own, dict) else []) + (homes if value is self else []):
                    self.note("hidden", home, key, None, f"{name}.{key}")


def is_layer(kind: type) -> bool:
    return kind.__module__.startswith("minigrad.nn")


@functools.lru_cache(maxsize=1024)
def is_third_party(kind: type) -> bool:
    """Whether a class is an installed library's, whose code nobody looks at."""
    return "-packages" in (getattr(sys.modules.get(kind.__module__), "__file__", None) or "")


CONVENTIONAL = frozenset("np numpy mg minigrad".split())
"""Names under which everybody imports these modules."""


def hideable(value: object) -> bool:
    """Whether what a class holds gives way to an object's own, and puts nothing there itself."""
    return is_a(value, FunctionType) or not hasattr(type(value), "__get__")


LIBRARIES = frozenset(
    "builtins numpy typing abc enum collections functools itertools operator weakref "
    "_contextvars".split()
)
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
METHODS = (types.BuiltinMethodType, types.MethodWrapperType)
HOLDERS = (
    UserDict, UserList, ChainMap, functools._lru_cache_wrapper, functools.singledispatchmethod,
)  # fmt: skip
KEPT_IN = ("data", "maps", "__wrapped__", "dispatcher")
CONTAINERS = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType)
UNCALLED = frozenset("__init__ __new__ __del__ __repr__ __str__ __init_subclass__".split())
PYTHON = functools.__file__


def made_at_runtime(module: types.ModuleType) -> bool:
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
    roots: list[tuple[object, str]],
    names: Iterable[str] = (),
    skipped: frozenset[tuple[int, int, object]] = frozenset(),
) -> Search:
    """What is reached from ``roots``, with the names of all code that is."""
    known, words = set(names), set[str]()
    while True:
        found = Search(known, words, skipped)
        before = len(known) + len(words)
        for x, name in roots:
            found.visit(x, name)
        if len(known) + len(words) == before:
            return found
