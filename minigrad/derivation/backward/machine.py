"""The student's functions run again by a closed interpreter, with one statement changed.

Their source is gone through as Python would, on copies of what they were given.  Only what
stands in the tables of `numbers` is called, nothing is handed to ``eval``, objects of the
student's are asked nothing, and what would not end, or fill the memory, is not begun.
"""

from __future__ import annotations

import ast
import collections
import math
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from minigrad.derivation.backward.expressions import Compiler
from minigrad.derivation.backward.natives import BUILTINS, MATH, NUMPY, called, native_of
from minigrad.derivation.backward.numbers import (
    OPAQUE,
    RETURNED,
    YIELDED,
    Definition,
    Frame,
    Held,
    Kind,
    Native,
    Own,
    each,
    fields_of,
)
from minigrad.derivation.backward.tables import NUMERIC, Unknown, exactly
from minigrad.derivation.backward.watch import Source, source_of
from minigrad.errors import is_user
from minigrad.reading.names import attributes
from minigrad.typing import Keywords

FAILURES = (Unknown, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError,
            RecursionError, MemoryError)  # fmt: skip
LARGE = 2_000_000
"""With arrays of more numbers a function is not run again and again."""
DEEP = 40
"""Calls in calls."""
KEYS = (str, int, float, bool)
Hook = Callable[[ast.stmt, Frame], None]
Swapped = Mapping[ast.stmt | None, ast.stmt | None]
"""Statement -> what runs in its place, None for nothing."""


@dataclass
class Start:
    """A call that is made again and again: the function, and what it was given."""

    function: Any
    args: list[Any]
    options: dict[str, Any]

    @classmethod
    def of(cls, function: Any, args: Any, options: Keywords | None = None) -> Start | None:
        """As they are now: the call itself may change what it is given; None of large arrays."""
        own = getattr(getattr(function, "__self__", None), "__dict__", {})
        if entries_in([args, options or {}, own]) > LARGE:
            return None
        seen: dict[int, Any] = {}
        return cls(copied(function, seen), [copied(a, seen) for a in args],
                   {k: copied(v, seen) for k, v in (options or {}).items()})  # fmt: skip


class Machine:
    """One run of a call.

    Attributes
    ----------
    left : int
        So much work may yet be done: a count, so that verdicts depend on no clock.
    changed : dict
        Statement -> the one that stands in its place, None where it is left out.
    before, after : callable or None
        Told of each statement that is executed.
    root : Frame or None
        The variables of the function that is called.
    sources : dict
        The functions that were called, code -> source.
    """

    def __init__(
        self, compiler: Compiler, left: int, changed: Swapped | None = None,
        before: Hook | None = None, after: Hook | None = None,
    ) -> None:  # fmt: skip
        self.compiler, self.left, self.before, self.after = compiler, left, before, after
        self.changed: Swapped = changed or {}
        self.root: Frame | None = None
        self.sources: dict[CodeType, Source] = {}
        self.depth = 0
        self.copies: dict[int, object] = {}

    def run(self, start: Start) -> Any:
        """What the call returns.

        Raises
        ------
        Unknown
            For what is not computed here; and whatever the statements raise.
        """
        own = self.copied(start.function)
        own = own.method("__call__", self) if type(own) is Held else own
        if type(own) is not Own:
            raise Unknown("no function of the user's")
        options = {k: self.copied(v) for k, v in start.options.items()}
        return self.call(own, [self.copied(a) for a in start.args], options)

    # --- what is handed in --------------------------------------------------------------

    def copied(self, value: object) -> Any:
        return copied(value, self.copies)

    def spend(self, value: Any = None, *factors: Any) -> None:
        """Count an operation, by its entries; a product of matrices by those of its factors."""
        self.left -= 1 if type(value) is not np.ndarray else 1 + value.size // 1000
        if factors:
            self.left -= math.isqrt(math.prod(map(np.size, (value, *factors)))) // 5000
        if self.left < 0:
            raise Unknown("too much work")

    def look(self, own: Own, name: str) -> Any:
        """A name that is no variable of the function: of what is around it, or a builtin."""
        function = own.function
        if function is not None:
            code = function.__code__
            if name in code.co_freevars:
                cell = function.__closure__[code.co_freevars.index(name)]
                return self.copied(cell.cell_contents)
            if name in function.__globals__:
                return self.copied(function.__globals__[name])
        if name in BUILTINS:
            return BUILTINS[name]
        raise Unknown(name)

    # --- calls --------------------------------------------------------------------------

    def call(self, own: Own, args: list[Any], options: Keywords) -> Any:
        """What a function of the student's returns."""
        self.depth += 1
        if self.depth > DEEP:
            raise Unknown("calls in calls")
        frame = Frame(self, own)
        if self.root is None:
            self.root = frame
        body = self.body(own)
        frame.vars.update(own.around)
        frame.vars.update(self.bound(own, body.args, args, options))
        try:
            if isinstance(body, ast.Lambda):
                return self.compiler.code(body.body)(frame)
            self.block(body.body, frame)
            back = [n for s in body.body if isinstance(s, ast.Nonlocal) for n in s.names]
            own.around.update({n: frame.vars[n] for n in back})
            # All at once: what is between two of them comes before.
            return frame.vars.pop(YIELDED, frame.vars.pop(RETURNED, None))
        finally:
            self.depth -= 1

    def apply(self, callee: Any, given: list[Any], named: Keywords) -> Any:
        """What a call of anything returns."""
        kind = type(callee)
        if kind is Native and callee.name == "map" and len(given) > 1:
            rows = zip(*map(each, given[1:]), strict=False)
            return [self.apply(given[0], list(row), {}) for row in rows]
        if kind is Native:
            found = called(callee, given, named)
            product = callee.name in ("matmul", "dot", "inner", "tensordot", "einsum")
            self.spend(found, *(g for g in given if product and type(g) is np.ndarray))
            return found
        if kind is Own:
            return self.call(callee, given, named)
        if kind is Kind:
            return self.made(callee.kind, given, named)
        if kind is Held and (method := callee.method("__call__", self)) is not None:
            return self.call(method, given, named)
        raise Unknown(kind.__name__)

    def body(self, own: Own) -> Definition:
        """The tree of a function."""
        if own.tree is None:
            source = self.sources.setdefault(
                own.function.__code__, source_of(own.function.__code__)
            )
            own.tree = source.tree
        if own.tree is None:
            raise Unknown("a function whose source is not known")
        return own.tree

    def bound(
        self, own: Own, wanted: ast.arguments, args: list[object], options: Keywords
    ) -> Keywords:
        """The parameters with what they are given."""
        names = [a.arg for a in (*wanted.posonlyargs, *wanted.args)]
        args = args if own.held is None else [own.held, *args]
        if len(args) > len(names) and wanted.vararg is None:
            raise Unknown("an argument more")
        found = dict(zip(names, args, strict=False))
        if wanted.vararg is not None:
            found[wanted.vararg.arg] = tuple(args[len(names) :])
        kept = {k: v for k, v in options.items()
                if k not in names and k not in {a.arg for a in wanted.kwonlyargs}}  # fmt: skip
        if kept and wanted.kwarg is None:
            raise Unknown("a keyword more")
        if wanted.kwarg is not None:
            found[wanted.kwarg.arg] = kept
        found |= {k: v for k, v in options.items() if k not in kept}
        found = {**self.defaults(own, names), **found}
        if any(n not in found for n in (*names, *(a.arg for a in wanted.kwonlyargs))):
            raise Unknown("an argument less")
        return found

    def defaults(self, own: Own, names: list[str]) -> Keywords:
        """What parameters are that nothing is given for."""
        if own.defaults is not None:
            return own.defaults
        values = own.function.__defaults__ or ()
        found = dict(zip(names[len(names) - len(values) :], values, strict=True))
        found |= own.function.__kwdefaults__ or {}
        return {k: self.copied(v) for k, v in found.items()}

    def made(self, kind: Any, args: list[Any], options: Keywords) -> Held:
        """An object of a class of the student's."""
        made = Held(kind, {})
        fields = list(vars(kind).get("__dataclass_fields__", ())) or fields_of(kind)
        if fields and len(args) <= len(fields):
            made.attrs.update(zip(fields, args, strict=False))
            made.attrs.update({k: v for k, v in options.items() if k in fields})
            return made
        begin = made.method("__init__", self)
        if begin is not None:
            self.call(begin, args, options)
        elif args or options:
            raise Unknown("a class without __init__")
        return made

    # --- statements ---------------------------------------------------------------------

    def block(self, body: list[ast.stmt], frame: Frame) -> Any:
        """Execute statements; what ends them early, if anything does."""
        for node in body:
            self.spend()
            if self.before is not None:
                self.before(node, frame)
            part = self.changed.get(node, node) if self.changed else node
            signal = self.compiler.statement(part)(frame) if part is not None else None
            if self.after is not None:
                self.after(node, frame)
            if signal is not None:
                return signal
        return None


def entries_in(value: Any) -> int:
    """How many numbers the arrays have that lists and dicts hold, which may hold themselves."""
    found, seen, stack = 0, set[int](), [value]
    while stack:
        x = stack.pop()
        if type(x) is np.ndarray:
            found += x.size
        elif type(x) in (dict, list, tuple) and id(x) not in seen:
            seen.add(id(x))
            stack += x.values() if type(x) is dict else x
    return found


def copied(value: Any, seen: dict[int, Any]) -> Any:
    """A copy of numbers and of what holds them; of what is none, a thing that tells nothing.

    Methods of the student's are not asked; a value that is met twice is one copy.
    """
    kind = type(value)
    if kind is np.ndarray:
        known = seen.get(id(value))
        if known is None:
            known = np.array(value) if value.dtype.kind in NUMERIC else OPAQUE
            seen[id(value)] = known
            seen[-id(value)] = value  # kept alive, so that its id stays its own
        return known
    if value is None or value is ... or kind in PLAIN:
        return value
    if id(value) in seen:
        return seen[id(value)]
    made = rebuilt(value, kind, seen)
    seen[id(value)] = made
    seen[-id(value)] = value
    return made


def rebuilt(value: Any, kind: type, seen: dict[int, Any]) -> Any:
    """A copy of what holds others."""
    if kind is list:
        made: list[Any] = []
        seen[id(value)] = made
        made.extend(copied(v, seen) for v in value)
        return made
    if kind is tuple:
        return tuple(copied(v, seen) for v in value)
    if kind is set:
        return {copied(v, seen) for v in value if type(v) in PLAIN or theirs(type(v))}
    if kind in (dict, collections.OrderedDict):
        inner: dict[Hashable, Any] = {}
        seen[id(value)] = inner
        inner.update((k, copied(v, seen)) for k, v in value.items() if plain_key(k))
        return inner
    if kind is Held:
        held = Held(value.kind, {})
        seen[id(value)] = held
        held.attrs.update((k, copied(v, seen)) for k, v in value.attrs.items())
        return held
    if kind is Own:
        return Own(value.function, copied(value.held, seen), value.tree, value.around,
                   value.defaults)  # fmt: skip
    if kind is types.FunctionType:
        return Own(value) if is_user(value.__code__.co_filename) else OPAQUE
    if kind is types.MethodType and is_user(value.__func__.__code__.co_filename):
        return Own(value.__func__, copied(value.__self__, seen))
    if kind is types.ModuleType:
        return {np: NUMPY, math: MATH}.get(value, OPAQUE)
    return of_class(value, kind, seen)


def of_class(value: Any, kind: type, seen: dict[int, Any]) -> Any:
    """A copy of an object of the student's, a class of theirs, or a function of NumPy's."""
    known = native_of(value)
    if known is not None:
        return known
    if kind is type and (theirs(value) or fields_of(value)):
        return Kind(value)
    if fields := fields_of(kind):
        parts = [copied(v, seen) for v in tuple.__iter__(value)]
        return Held(kind, dict(zip(fields, parts, strict=True)))
    if theirs(kind) and (attrs := attributes(value)) is not None:
        held = Held(kind, {})
        seen[id(value)] = held
        held.attrs.update((k, copied(v, seen)) for k, v in attrs.items() if exactly(k, str))
        return held
    return OPAQUE


def theirs(kind: type) -> bool:
    """Whether it is a plain class of the user's: nothing but functions, and of no other kind."""
    above = type.mro(kind)[:-1]
    return (
        bool(above)
        and above[-1].__base__ is object
        and all(
            type(k) is type
            and k.__module__.partition(".")[0] not in ("numpy", "builtins", "minigrad")
            for k in above
        )
    )


def plain_key(key: Any) -> bool:
    return exactly(key, *KEYS) or (exactly(key, tuple) and all(map(plain_key, key)))


PLAIN: set[type] = {int, float, bool, str, slice, range, np.dtype, *(
    k for k in np.sctypeDict.values() if issubclass(k, np.floating | np.integer | np.bool_)
)}  # fmt: skip
