"""Lifting: captured variables as inputs, in a copy of the function that captured them.

A variable is a cell of a closure, a global, an attribute of an object, or an item of a list or
a dict.  The function is copied with something else in it, and so is all that lies between: the
functions, containers and objects by which it gets there.  The originals are left alone.
"""

from __future__ import annotations

import builtins
import dis
import functools
import types
import weakref
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from minigrad.errors import is_user
from minigrad.program.captures import Search, is_own, is_searched, names_in, search
from minigrad.program.places import Place
from minigrad.program.tracer import LARGEST
from minigrad.reading.names import is_a
from minigrad.tensor import Tensor
from minigrad.tree import children, members, rebuilt, set_attribute, storage
from minigrad.typing import Keywords

MANY = 2**12
"""Entries of containers that are looked through."""


def can_be_input(place: Place) -> bool:
    """Whether a place can become an input: a variable that holds an array or a number."""
    x = place.value
    held = place.kind == "attribute" and place.key in state_of(place.home)
    if not held and place.kind not in ("cell", "global", "item"):
        return False
    if type(x) is int:
        return -LARGEST < x < LARGEST
    return type(x) is float or (is_a(x, np.floating, np.ndarray) and x.dtype.kind in "fiu")


def state_of(x: object) -> Keywords:
    """The attributes of an object that may be copied, such as one of the user's, or a layer."""
    kind: type = type(x)
    if is_a(x, dict, list, tuple, type, *WHOLE) or not is_a(getattr(x, "__dict__", None), dict):
        return {}
    ours = is_own(kind.__module__) and not kind.__module__.startswith("minigrad.nn")
    if ours or hasattr(kind, "__del__"):
        return {}
    held = {k: m.__get__(x, kind) for k, m in members(kind).items() if hasattr(x, k)}
    return {**x.__dict__, **held}


TYPES = frozenset(
    "dtype result_type issubdtype can_cast is_integer itemsize type __class__ isscalar "
    "AttributeError TypeError Exception".split()
)
"""Names in functions of the user's for which a whole number may be something else than the
stand-in that a program has in its place."""

WHOLE = (types.ModuleType, FunctionType, types.MethodType, functools.partial, *weakref.ProxyTypes)
"""What has attributes and is not taken apart by them."""


def is_derived_function(x: object) -> bool:
    """Whether ``x`` is a function made of a function, by this package."""
    return is_own(type(x).__module__) and hasattr(type(x), "of")


class Lift:
    """A function, and objects that it is given, with some of their variables exchanged.

    Parameters
    ----------
    roots : list
        The function and those objects.
    variables : list of Place

    Attributes
    ----------
    variables : list of Place
        Those that can be: one gets there by what can be copied.
    taken : set
        (id of the function, container or object that has it, id of where it is, its name) for
        each of them.
    swaps : dict
        Identity of a variable -> what is to be there.
    """

    def __init__(self, roots: list[Any], variables: list[Place]) -> None:
        self.swaps: dict[tuple[int, Any], Any] = {p.identity: None for p in variables}
        self.taken: set[tuple[int, int, Any]] = set()
        self.holders: dict[int, list[int]] = {}
        self.memo: dict[int, object] = {}
        self.made: list[tuple[Any, list[tuple[Any, Any, Any]]]] = []
        self.changed: set[int] = self.between(roots)
        found = {(home, name) for _, home, name in self.taken}
        self.variables = [p for p in variables if p.identity in found]

    def exchange(self, stand_in: Callable[[Place], Any]) -> None:
        """Let copies have a stand-in for each variable."""
        self.swaps = {p.identity: stand_in(p) for p in self.variables}

    def parts(self, x: Any) -> Iterator[tuple[Any, Any, Any]]:
        """What ``x`` holds: where (a cell, a namespace, itself), under which name, and what."""
        if is_a(x, types.MethodType):
            yield from ((x, "__self__", x.__self__), (x, "__func__", x.__func__))
        elif is_a(x, functools.partial) and not is_own(type(x).__module__):
            yield from ((x, i, part) for i, part in enumerate((x.func, *x.args)))
            yield from ((x.keywords, key, part) for key, part in x.keywords.items())
        elif is_derived_function(x):
            yield x, "f", x.f
        elif is_a(x, FunctionType):
            if is_searched(x.__code__):
                yield from self.captured(x)
                yield x, "__defaults__", x.__defaults__
                yield x, "__kwdefaults__", x.__kwdefaults__
        elif is_a(x, dict, list, tuple):
            parts = children(x) or []
            yield from ((x, key, part) for key, part in parts if len(parts) <= MANY)
        else:
            yield from ((x, key, part) for key, part in state_of(x).items())

    def captured(self, f: FunctionType) -> Iterator[tuple[Any, Any, Any]]:
        yield from cells_of(f)
        for name in sorted(set(names_in(f.__code__)) & f.__globals__.keys()):
            yield f.__globals__, name, f.__globals__[name]

    def between(self, roots: list[object]) -> set[int]:
        """All objects by which one gets to what is exchanged."""
        seen: dict[int, object] = {}
        found: list[int] = []
        stack = list(roots)
        while stack:
            x = stack.pop()
            if id(x) in seen:
                continue
            seen[id(x)] = x
            for home, name, part in self.parts(x):
                if (id(home), name) in self.swaps:
                    found.append(id(x))
                    self.taken.add((id(x), id(home), name))
                elif not is_a(part, *PLAIN):
                    self.holders.setdefault(id(part), []).append(id(x))
                    stack.append(part)
        changed: set[int] = set()
        while found:
            key = found.pop()
            if key not in changed:
                changed.add(key)
                found += self.holders.get(key, ())
        return changed

    def copy(self, x: Any) -> Any:
        """``x`` with what is to be exchanged in it."""
        if id(x) not in self.changed:
            return x
        if id(x) in self.memo:
            return self.memo[id(x)]
        if is_a(x, types.MethodType):
            return types.MethodType(self.copy(x.__func__), self.copy(x.__self__))
        if is_a(x, FunctionType):
            return self.function(x)
        if is_a(x, functools.partial) and not is_own(type(x).__module__):
            named = {key: self.now(x.keywords, key, part) for key, part in x.keywords.items()}
            f, *args = (self.now(x, i, part) for i, part in enumerate((x.func, *x.args)))
            return functools.partial(f, *args, **named)
        if is_derived_function(x):
            self.memo[id(x)] = x  # while it is looked into, it is itself
            new = self.memo[id(x)] = x.of(self.copy(x.f))
            return new
        return self.container(x)

    def now(self, home: object, name: object, part: object) -> Any:
        swap = self.swaps.get((id(home), name))
        return self.copy(part) if swap is None else swap

    def container(self, x: object) -> Any:
        """A container or an object, filled when those inside it that know it can find it."""
        held = list(self.parts(x))
        if is_a(x, tuple):
            new = rebuilt(x, [self.now(*part) for part in held])
        elif is_a(x, dict, list):
            new = self.memo[id(x)] = rebuilt(x, [part for _, _, part in held])
            for key, part in [(key, self.now(x, key, part)) for _, key, part in held]:
                storage(type(x)).__setitem__(new, key, part)
        else:
            new = self.memo[id(x)] = empty(type(x))
            for _, key, part in held:
                set_attribute(new, key, self.now(x, key, part))
        self.memo[id(x)] = new
        self.made.append((new, list(self.parts(new))))
        return new

    def function(self, f: FunctionType) -> Any:
        """A function with other variables."""
        moved = {
            (id(home), name)
            for home, name, part in self.captured(f)
            if (id(home), name) in self.swaps or id(part) in self.changed
        }
        places = list(zip(f.__closure__ or (), f.__code__.co_freevars, strict=True))
        cells = [types.CellType() if (id(c), name) in moved else c for c, name in places]
        outer = f.__globals__
        names = [name for home, name in moved if home == id(outer)]
        namespace = dict(outer) if names else outer
        g = FunctionType(f.__code__, namespace, f.__name__, None, tuple(cells))
        g.__qualname__, g.__module__ = f.__qualname__, f.__module__
        self.memo[id(f)] = g  # which may know itself
        g.__defaults__ = self.copy(f.__defaults__)
        g.__kwdefaults__ = self.copy(f.__kwdefaults__)
        for (cell, name), new in zip(places, cells, strict=True):
            if new is not cell:
                new.cell_contents = self.now(cell, name, cell.cell_contents)
        for name in names:
            namespace[name] = self.now(outer, name, outer[name])
        return g

    def is_passed(self, roots: list[tuple[object, str]], names: set[str]) -> bool:
        """Whether one gets from the copy to the original of what holds a variable."""
        reached = search(roots, names).seen
        return any(holder in reached for holder, _, _ in self.taken)

    def check(self, returned: list[object]) -> None:
        """Raise if the copy has changed copies, which nobody would see, or ``returned`` some."""
        copies = {id(x) for x in self.memo.values()}
        if any(id(y) in copies for x in returned for y in (x, getattr(x, "__self__", None))):
            raise ValueError("the function returns what it captured")
        for new, before in self.made:
            now = list(self.parts(new))
            if len(now) != len(before) or any(
                a[1] != b[1] or a[2] is not b[2] for a, b in zip(now, before, strict=True)
            ):
                raise ValueError("the function changes what it captured")


def empty(kind: Any) -> Any:
    """An object of a class without its attributes."""
    try:
        return object.__new__(kind)
    except TypeError:  # one of C's
        return kind.__new__(kind)


def cells_of(f: FunctionType) -> Iterator[tuple[object, str, object]]:
    """The cells of a function, their names, and what is in them."""
    for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars, strict=True):
        try:
            yield cell, name, cell.cell_contents
        except ValueError:  # filled later
            continue


PLAIN = (int, float, complex, str, bytes, type(None), np.ndarray, np.generic, np.dtype)


def assigned_names(functions: list[FunctionType]) -> set[str]:
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


def asks_for_types(found: Search) -> bool:
    """Whether what was found may do something else for a whole number than for a stand-in."""
    return any(map(looks, found.functions)) or any(map(dispatches, found.seen.values()))


def looks(f: FunctionType) -> bool:
    """Whether a function of the user's asks for types, or for what one of the two has."""
    stack = [f.__code__] if is_user(f.__code__.co_filename) else []
    closure = {name: value for _, name, value in cells_of(f)}
    known = ChainMap(closure, f.__globals__, vars(builtins))
    while stack:
        code = stack.pop()
        stack += [c for c in code.co_consts if is_a(c, CodeType)]
        names = {*code.co_names, *code.co_freevars}
        if names & TYPES:
            return True
        asks = "isinstance" in names or dis.opmap["MATCH_CLASS"] in code.co_code[::2]
        if asks and any(map(tells_apart, meant_by(names, known))):
            return True
        texts = [c for c in code.co_consts if type(c) is str]
        if names & {"hasattr", "getattr"} and any(
            hasattr(0, c) != hasattr(Tensor, c) for c in texts
        ):
            return True
    return False


def meant_by(names: set[str], known: Mapping[str, Any]) -> list[Any]:
    """What names may mean, also as attributes of modules among these."""
    found = [known[n] for n in names if n in known]
    modules: dict[int, ModuleType] = {}
    for x in found:
        if is_a(x, types.ModuleType) and id(x) not in modules:
            modules[id(x)] = x
            found += [vars(x)[n] for n in names & vars(x).keys()]
    return found


def dispatches(x: object) -> bool:
    """Whether ``x`` does something else for each type: a `functools.singledispatch`."""
    if is_a(x, FunctionType):
        return "registry" in vars(x)
    return is_a(x, functools.singledispatchmethod)


def tells_apart(kind: Any) -> bool:
    """Whether whole numbers are of a class, or of one of several, and Tensors are not, or so."""
    if is_a(kind, tuple, types.UnionType):
        return any(tells_apart(part) for part in getattr(kind, "__args__", kind))
    try:
        return is_a(kind, type) and issubclass(int, kind) != issubclass(Tensor, kind)
    except TypeError:
        return False
