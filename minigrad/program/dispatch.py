"""Dispatch: which kernel a call is for, and the generated test that says so at once.

A call is a tree: positional arguments and keywords, which may be containers of more.  Its
leaves are inputs (numbers, arrays) or fixed values.  A `Form` describes one call: by its
``key`` the slower path finds the kernel; and it writes the ``entry``, a function that asks
whether a later call has the same form, takes it apart and runs the kernel on the parts.
Nothing of the user's gets into that source: what is not ours is bound to a name of ours.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from minigrad.data import is_masked
from minigrad.graph import modes, tracing
from minigrad.program.places import (
    LARGE,
    TOLD_BY_DIGITS,
    Place,
    comparison_key,
    keys_test,
    same_value,
)
from minigrad.program.trace import arguments, fixed_names, is_input, part_path, signature_of
from minigrad.program.tracer import LARGEST
from minigrad.program.tracer import WHOLE_TYPES as WHOLE
from minigrad.reading.names import is_a
from minigrad.tensor import Tensor
from minigrad.tree import (
    attribute_dict,
    attributes_beside,
    children,
    fields_of,
    members,
    storage,
    tree_map,
)
from minigrad.typing import Function, Keywords, Variables

MISSING = object()
"""Stands for an argument that a call does not have."""

WEAK = "weak"
"""The key of Python's floats, which take the dtype of the arrays beside them."""

DOUBLE = ((), np.dtype(float))
"""The key of NumPy's."""


class Form:
    """The form of one call.

    Attributes
    ----------
    named : dict
        The arguments by name.
    gathered : list of str
        Keywords that are no parameters, in order.
    fixed : set of str
        Which of them are static.
    key : tuple
        Equal for calls that one kernel is for.
    inputs : dict
        Name -> the numbers and arrays in the argument, as kernels take them.
    whole : dict
        Place -> whole number, or what is held beside the parts of a container, that is fixed so
        far.
    varying : set of str
        Places of such that are not.
    statics : list of (Any, str)
        Fixed objects, which may hold more; and where they are.
    pattern : tuple
        Equal for calls that one entry is for: how they pass what, and of which types.
    eager : bool
        Whether no kernel is for such a call: something in it is being differentiated, or
        is an array of another library's, or it contains itself.
    """

    named: dict[str, Any]
    keywords: list[Any]
    gathered: list[str]
    fixed: set[Any]
    key: tuple[Any, ...]
    pattern: tuple[Hashable, ...]

    def __init__(
        self, f: Function, args: Sequence[Any], kwargs: Keywords, static: Any, vary: frozenset[str]
    ) -> None:
        self.f = f
        self.named = arguments(f, args, kwargs)
        self.positional: int = len(args)
        self.keywords = list(kwargs)
        self.fixed = fixed_names(f, self.named, static) if static else set()
        self.key = self.pattern = ()
        self.vary = vary
        self.inputs: dict[str, list[Any]] = {}
        self.whole: dict[str, Any] = {}
        self.varying: set[str] = set()
        self.statics: list[tuple[Any, str]] = []
        self.eager: bool = False
        self.types: list[Any] = []
        try:
            self.named = {  # as it is before the function runs
                name: x if name in self.fixed else tree_map(lambda part: part, x, whole=True)
                for name, x in self.named.items()
            }
        except ValueError:  # a child that knows its parent, say
            self.eager = True
            return
        keys = []
        for name, value in self.named.items():
            self.inputs[name] = []
            keys.append((name, tuple(self.describe(value, name, name))))
        keys.sort(key=lambda item: item[0])
        known = {p.name for p in signature_of(f)}
        self.gathered = [name for name in kwargs if name not in known]
        if len(self.gathered) > 1:  # in which order a function may go through them
            keys.append(("", tuple(self.gathered)))
        self.key = tuple(keys)
        self.pattern = (self.positional, *self.keywords, *self.types)

    # --- what it is ---------------------------------------------------------------------

    def describe(self, x: Any, place: str, name: str, aside: bool = False) -> list[Any]:
        """What is characteristic of an argument, or of a part of one.

        What is held ``aside`` of the parts of a container is fixed until it changes.
        """
        parts = children(x)
        if parts is not None:
            more = attributes_beside(x)
            found: list[Any] = [(type(x), tuple(comparison_key(key) for key, _ in parts), *more)]
            self.types.append((*attribute_dict(x),) if type(x) not in OWN else ())
            for key, part in parts:
                found += self.describe(part, part_path(place, x, key), name, aside)
            for key, part in more.items():
                found += self.describe(part, f"{place}.{key}", name, True)
            return found
        if name in self.fixed or not self.is_input(x, place, aside):
            return [(type(x), frozen(x, place, aside))]
        value = x._value if type(x) is Tensor else x
        self.types.append((type(x), type(value), str(getattr(value, "dtype", ""))))
        if not is_plain(value) or getattr(x, "node", None):
            self.eager = True
            return []
        self.inputs[name].append(taken(value))
        if type(value) in WHOLE:
            return [(WEAK, type(value))]
        if is_weak(value):
            return [WEAK if type(value) is float else (WEAK, float)]
        return [(value.shape, value.dtype.newbyteorder("="))]

    def is_input(self, x: Any, place: str, aside: bool) -> bool:
        """Whether a part varies between calls: floats and arrays do, whole numbers may."""
        whole = type(x) in WHOLE and -LARGEST < x < LARGEST
        if whole or (aside and is_input(x) and is_plain(x)):
            self.whole[place] = copied(x)
            if place in self.vary or getattr(x, "nbytes", 0) > LARGE:
                self.varying.add(place)
            return place in self.varying
        if is_input(x):
            self.varying.add(place)
            return True
        if not is_a(x, *ATOMIC) or (is_a(x, np.ndarray) and x.dtype.hasobject):
            self.statics.append((x, place))
        return False

    def ordered(self, names: Collection[str]) -> list[Any]:
        """The inputs, in the order in which a kernel has the arguments."""
        return [x for name in names for x in self.inputs[name]]

    # --- the entry ----------------------------------------------------------------------

    def entry(
        self, names: Collection[str], numeric: bool, captured: list[str], bind: Bind
    ) -> tuple[str, list[str], list[str]]:
        """The entry's parameters, its tests, and what is done with inputs before the run."""
        n = len(self.keywords)
        tests = ["not _more", f"len(_named) == {n}" if n else "not _named"]
        if len(self.gathered) > 1:
            tests.append(f"(*_named,) == {bind(tuple(self.keywords))}")
        moves: list[str] = []
        places = {}
        for i, name in enumerate(self.named):
            key = bind(name)
            places[name] = f"_p{i}" if i < self.positional else f"_named[{key}]"
        writer = Writer(self, numeric, bind, tests, moves)
        for name in names:
            writer.test(self.named[name], places[name], name, name)
        parameters = [f"_p{i}=_missing" for i in range(self.positional)]
        head = ", ".join([*parameters, *["/"] * bool(parameters), "*_more", "**_named"])
        return head, [*tests, *captured], moves


class Bind:
    """Gives values names of ours in the scope of generated source."""

    def __init__(self, scope: Variables, stem: str = "_g") -> None:
        self.scope = scope
        self.stem = stem
        self.known: dict[int, str] = {}

    def __call__(self, value: object) -> str:
        if id(value) not in self.known:
            name = f"{self.stem}{len(self.known)}_"
            self.known[id(value)] = name
            self.scope[name] = value
        return self.known[id(value)]


class Writer:
    """Writes the tests of one form."""

    def __init__(
        self, form: Form, numeric: bool, bind: Bind, tests: list[str], moves: list[str]
    ) -> None:
        self.form = form
        self.numeric = numeric
        self.bind = bind
        self.tests = tests
        self.moves = moves
        self.count: int = 0
        self.parts: int = 0

    def test(self, x: object, place: str, path: str, name: str, aside: bool = False) -> None:
        """Append the tests of what is at ``place``, and give its inputs their names."""
        parts = children(x)
        if parts is None:
            self.leaf(x, place, path, name, aside)
            return
        here = f"_t{self.parts}"
        self.parts += 1
        self.tests.append(f"({here} := {place}).__class__ is {self.bind(type(x))}")
        fields = children_are_fields(x)
        keys = tuple(key for key, _ in parts)
        if not fields:
            self.tests.append(f"{self.method(x, '__len__', 'len')}({here}) == {len(parts)}")
        if isinstance(x, dict) and (len(keys) > 1 or (keys and type(keys[0]) is not str)):
            own = self.method(x, "__iter__", "")  # in order: a function may go through it
            self.tests.append(keys_test(f"{own}({here})" if own else here, keys, self.bind))
        for key, part in parts:
            word = self.bind(key) if isinstance(x, dict) else key
            if fields:
                got = f"{here}.{key}"
            elif isinstance(x, dict) and type(x) not in (dict, OrderedDict):
                got = f"{self.bind(dict.get)}({here}, {word}, _missing)"  # makes no entry
            else:
                own = self.method(x, "__getitem__", "")
                got = f"{own}({here}, {word})" if own else f"{here}[{word}]"
            self.test(part, got, part_path(path, x, key), name, aside)
        if type(x) not in OWN:
            self.beside(x, here, path, name)

    def method(self, x: object, name: str, plain: str) -> str:
        """``plain``, or the method of what a container is stored in, if its class has another."""
        kind, base = type(x), storage(type(x))
        same_one = getattr(kind, name) is getattr(base, name)
        return plain if same_one else self.bind(getattr(base, name))

    def beside(self, x: object, here: str, path: str, name: str) -> None:
        """Append the tests of what a container at ``here`` holds beside its parts."""
        kind: type = type(x)
        more, held, fields = attributes_beside(x), attribute_dict(x), fields_of(x) or ()
        places = {}
        if getattr(x, "__dict__", x) is x:
            pass
        elif not held.keys().isdisjoint(more) or any(hasattr(kind, key) for key in fields):
            there = f"_t{self.parts}"
            self.parts += 1
            self.tests.append(f"(*({there} := {here}.__dict__),) == {self.bind(tuple(held))}")
            places = {key: f"{there}[{self.bind(key)}]" for key in held}
        else:
            there = f"{here}.__dict__"
            self.tests.append(f"len({there}) == {len(held)}" if held else f"not {there}")
        for key, member in members(kind).items():
            if key in more:
                places[key] = f"{self.bind(member.__get__)}({here})"
            elif key not in fields:
                self.tests.append(f"not {self.bind(hasattr)}({here}, {self.bind(key)})")
        for key, part in more.items():
            self.test(part, places[key], f"{path}.{key}", name, True)

    def leaf(self, x: object, place: str, path: str, name: str, aside: bool) -> None:
        if name in self.form.fixed or not self.form.is_input(x, path, aside):
            value = self.bind(x)
            if isinstance(x, np.ndarray) and x.dtype != object:
                value = self.bind(np.array(x))
            here = f"_t{self.parts}"
            self.parts += 1
            other = f"{self.bind(same_value)}({here}, {value})"
            if type(x) in (bool, int, str, bytes):
                other = f"{here}.__class__ is {self.bind(type(x))} and {here} == {value}"
            self.tests.append(f"(({here} := {place}) is {value} or {other})")
            return
        v = f"x{self.count}"
        self.count += 1
        got = f"({v} := {place})"
        if type(x) is Tensor:
            self.tests.append(f"{got}.__class__ is {self.bind(Tensor)} and {v}.node is None")
            x, got = x._value, f"({v} := {v}._value)"
        self.tests.append(f"{got}.__class__ is {self.bind(type(x))}")
        weak = is_weak(x)
        if isinstance(x, np.ndarray) and not x.shape:
            x = x[()]
            self.tests.append(f"({v} := {v}[()]).__class__ is {self.bind(type(x))}")
        if isinstance(x, np.ndarray):
            self.tests.append(f"{v}.shape == {tuple(map(int, x.shape))}")
            dtype = self.bind(x.dtype)
            self.tests.append(f"({v}.dtype is {dtype} or {v}.dtype == {dtype})")
        elif weak and type(x) in WHOLE:
            self.tests.append(f"{-LARGEST} < {v} < {LARGEST}")
        self.move(x, v, weak)

    def move(self, x: object, v: str, weak: bool) -> None:
        """What makes of the argument what the kernel takes."""
        kind = bool if getattr(getattr(x, "dtype", None), "kind", "") == "b" else float
        if self.numeric:
            if type(x) is not kind:
                self.moves.append(f"{v} = {kind.__name__}({v})")
        elif weak:
            self.moves.append(f"{v} = {self.bind(np.float64)}({v})")
        elif isinstance(x, np.ndarray):
            if type(x) is not np.ndarray:
                self.moves.append(f"{v} = {self.bind(np.asarray)}({v})")
            if not x.dtype.isnative:
                native = self.bind(x.dtype.newbyteorder("="))
                self.moves.append(f"{v} = {v}.astype({native})")


OWN = (dict, list, tuple)
"""Python's own containers, which hold nothing beside their parts."""

ATOMIC = (int, float, complex, str, bytes, type(None), np.generic, np.ndarray, np.dtype, type)


def children_are_fields(x: object) -> bool:
    return not isinstance(x, dict | list | tuple)


def copied(x: Any) -> Any:
    """A value as it is now."""
    return np.array(x) if isinstance(x, np.ndarray) else int(x) if type(x) in WHOLE else x


def is_plain(x: object) -> bool:
    """Whether a number or an array is no other library's, and of no kind that kernels know not."""
    known = isinstance(x, int | float | np.generic | np.ndarray)
    return known and not is_masked(x)


def is_weak(x: object) -> bool:
    """Whether a number takes the dtype of the arrays beside it."""
    return type(x) in WHOLE or (isinstance(x, int | float) and not isinstance(x, np.generic))


def taken(x: Any) -> Any:
    """An input as kernels take it: native, of no subclass, single numbers as scalars."""
    if is_weak(x):
        return float(x)
    if isinstance(x, np.ndarray):
        x = np.asarray(x)
        x = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
        return x if x.shape else x[()]
    return x


def covers(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    """Whether a call of the key ``theirs`` is one of ``ours``, with doubles for Python's floats."""
    if [(name, len(p)) for name, p in ours] != [(name, len(p)) for name, p in theirs]:
        return False
    pairs = zip(chain(*(p for _, p in ours)), chain(*(p for _, p in theirs)), strict=True)
    return all(x == y or (x == WEAK and y == DOUBLE) for x, y in pairs)


def frozen(x: object, place: str, aside: bool = False) -> Any:
    """Something hashable that is equal for values that a program may be shared by."""
    if isinstance(x, np.ndarray) and x.dtype != object:
        return x.shape, x.dtype.str, x.tobytes()
    if isinstance(x, TOLD_BY_DIGITS):
        return comparison_key(x)
    try:
        hash(x)
    except TypeError:
        if aside:
            return Itself(x)
        what = f"an array of shape {x.shape}" if hasattr(x, "shape") else type(x).__name__
        raise TypeError(
            f"{place} ({what}) is a static argument and cannot be compared: "
            "pass something hashable, or an array"
        ) from None
    return comparison_key(x)


class Itself:
    """An object that has no hash, to which nothing else is equal."""

    def __init__(self, x: object) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return type(other) is Itself and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


def unwatched() -> bool:
    """Whether this thread is not tracing."""
    return tracing.get() is None


def entry_of(
    form: Form,
    names: Collection[str],
    numeric: bool,
    places: list[Place],
    body: list[str],
    scope: Variables,
) -> tuple[Any, str]:
    """The generated function for calls of this form, which ends with ``body``; and its source.

    What it is not for it passes on to ``_next``, in its scope.
    """
    bind = Bind(scope)
    scope.update(_missing=MISSING, _modes=modes, _unwatched=unwatched, _looked=LOOKED)
    captured = ["(not _modes.special or _unwatched())", *(p.test(bind) for p in places)]
    head, tests, moves = form.entry(names, numeric, captured, bind)
    given = "".join(f"_p{i}, " for i in range(form.positional))
    joined = "\n            and ".join(tests)
    lines = [
        f"def entry({head}):",
        "    try:",
        f"        _ok = ({joined})",
        "    except _looked:",
        "        _ok = False",
        "    if _ok:",
        *(f"        {line}" for line in (*moves, *body)),
        f"    return _next({given}*_more, **_named)",
    ]
    source = "\n".join(lines) + "\n"
    exec(compile(source, f"{__file__}: entry", "exec"), scope)
    return scope["entry"], source


LOOKED = (AttributeError, KeyError, IndexError, ValueError, TypeError)
"""What looking at arguments and captures of another form may raise."""
