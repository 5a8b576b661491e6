"""Running a student's forward pass on Tensors, as it stands, to have its graph.

Arrays that NumPy makes for the function to fill are Tensors here, and each write into
one is recorded; the function's own code is run unchanged, with this ``np`` in place of
the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.data import locked
from minigrad.errors import is_user
from minigrad.graph import modes, writing
from minigrad.ops.record import Op
from minigrad.ops.shape import unbroadcast
from minigrad.reading.statements import names_in
from minigrad.tensor import Tensor, wrap
from minigrad.typing import Array, Function, Index, Variables

# --- writes ----------------------------------------------------------------------------


def _written(a: Array, v: Array, index: Index) -> Array:
    out = np.array(a)
    out[index] = v
    return out


def _kept(g: Array, ans: Array, a: Array, v: Array, index: Index) -> Array:
    mask = np.ones(np.shape(a))
    mask[index] = 0.0
    return g * mask


def _into(g: Array, ans: Array, a: Array, v: Array, index: Index) -> Array:
    c = g[index]
    return c if c.shape == np.shape(v) else unbroadcast(c, np.shape(v))


write: Op = Op("write", _written, (_kept, _into), doc="``a`` with ``v`` written at an index.")
"""``a[index] = v`` as a function: what ``a`` is afterwards."""


def _accumulated(a: Array, v: Array, index: Index) -> Array:
    out = np.array(a)
    np.add.at(out, index, v)
    return out


def _same(g: Array, ans: Array, a: Array, v: Array, index: Index) -> Array:
    return g


accumulate: Op = Op("accumulate", _accumulated, (_same, _into), doc="``np.add.at`` as a function.")
"""What ``a`` is after ``np.add.at(a, index, v)``."""


def record_write(t: Tensor, index: Index, value: Array) -> None:
    """Let ``t`` be what it is after ``t[index] = value``."""
    index = tuple(map(_plain, index)) if isinstance(index, tuple) else _plain(index)
    if not isinstance(value, Tensor):
        value = np.asarray(value, t.dtype)
    new = write(t, value, index=index)
    t._value, t.node = (new._value, new.node) if isinstance(new, Tensor) else (new, None)


def _plain(index: Index) -> Index:
    return index._value if isinstance(index, Tensor) else index


# --- NumPy, as the function sees it ----------------------------------------------------


def _filled(make: Function) -> Function:
    """NumPy's function that makes an array, making a Tensor where it is of floats."""

    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple(a._value if isinstance(a, Tensor) else a for a in args)
        made = make(*args, **kwargs)
        return wrap(locked(made), None) if made.dtype.kind == "f" and made.ndim else made

    return call


def _copied(make: Function) -> Function:
    """NumPy's function that copies, keeping the gradient."""

    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(a, Tensor):
            dtype = args[0] if args else kwargs.get("dtype")
            return ops.copy(a) if dtype is None else ops.astype(a, dtype)
        if isinstance(a, list | tuple) and ops.holds_tensor(a):
            return ops.array(a)
        made = make(a, *args, **kwargs)
        return wrap(locked(made.copy()), None) if made.dtype.kind == "f" and made.ndim else made

    return call


MADE = {
    name: _filled(getattr(np, name))
    for name in (
        "zeros",
        "ones",
        "empty",
        "full",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
    )
}
MADE |= {name: _copied(getattr(np, name)) for name in ("array", "asarray", "copy")}  # fmt: skip
BY_ID = {id(getattr(np, name)): made for name, made in MADE.items()}


class Writing:
    """A function of NumPy whose ``out=`` and ``.at`` record what they write."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        out = out[0] if isinstance(out, tuple) else out
        if not isinstance(out, Tensor):
            return self.function(*args, **kwargs)
        record_write(out, ..., self.function(*args, **{**kwargs, "out": None}))
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def at(self, a: Array, index: Index, *rest: Array) -> Any:
        if self.function is np.add and isinstance(a, Tensor):
            new = accumulate(a, *rest, index=_plain(index))
            a._value, a.node = new._value, new.node
            return None
        return self.function.at(a, index, *rest)


class Recording(ModuleType):
    """The module ``numpy`` with arrays to fill that record what is written into them."""

    def __getattr__(self, name: str) -> Any:
        if name in MADE:
            return MADE[name]
        found = getattr(np, name)
        return Writing(found) if isinstance(found, np.ufunc | type(np.sum)) else found


recording_numpy: Recording = Recording("numpy")


class Patched:
    """Functions of the user with `recording_numpy` in place of NumPy."""

    def __init__(self) -> None:
        self.scopes: dict[int, Variables] = {}
        self.functions: dict[int, FunctionType] = {}

    def __call__(self, value: Any) -> Any:
        """``value`` itself, or what stands for it while recording."""
        if value is np:
            return recording_numpy
        if id(value) in BY_ID:
            return BY_ID[id(value)]
        if isinstance(value, MethodType):
            return MethodType(self(value.__func__), value.__self__)
        if isinstance(value, FunctionType) and is_user(value.__code__.co_filename):
            return self.function(value)
        return value

    def function(self, f: FunctionType) -> FunctionType:
        if id(f) in self.functions:
            return self.functions[id(f)]
        scope = self.scopes.setdefault(id(f.__globals__), dict(f.__globals__))
        cells = tuple(CellType() for _ in f.__closure__ or ())
        g = FunctionType(f.__code__, scope, f.__name__, f.__defaults__, cells or None)
        g.__kwdefaults__, g.__dict__ = f.__kwdefaults__, {**f.__dict__}
        self.functions[id(f)] = g
        for name in names_in(f.__code__):
            if name in f.__globals__:
                scope[name] = self(f.__globals__[name])
        for mine, theirs in zip(cells, f.__closure__ or (), strict=True):
            try:
                mine.cell_contents = self(theirs.cell_contents)
            except ValueError:  # a variable that has no value yet
                continue
        return g

    def methods(self, instance: Any) -> Any:
        """``instance`` with methods that see it."""
        kind = type(instance)
        own = {n: self(v) for base in reversed(kind.__mro__[:-1]) for n, v in vars(base).items()
               if isinstance(v, FunctionType)}  # fmt: skip
        instance.__class__ = type(kind.__name__, (kind,), {"__slots__": (), **own})
        return instance


# --- the same chance twice -------------------------------------------------------------


@contextmanager
def same_chance(*functions: Any) -> Iterator[Callable[[], None]]:
    """A function that sets all generators back to where they were; done at the end, too."""
    generators = [g for f in functions for g in _generators(f)]
    states = [g.bit_generator.state for g in generators]
    ours, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002

    def again() -> None:
        np.random.set_state(ours)  # noqa: NPY002
        random.setstate(pythons)
        for g, state in zip(generators, states, strict=True):
            g.bit_generator.state = state

    try:
        yield again
    finally:
        again()


def _generators(f: Function | None) -> Iterator[np.random.Generator]:
    f = getattr(f, "__func__", f)
    if isinstance(f, FunctionType):
        cells = [c.cell_contents for c in f.__closure__ or () if _is_set(c)]
        found = [f.__globals__.get(name) for name in names_in(f.__code__)]
        yield from (g for g in (*found, *cells) if isinstance(g, np.random.Generator))


def _is_set(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


@contextmanager
def recorded_writes() -> Iterator[None]:
    """While open, ``t[index] = value`` is recorded."""
    with modes.set(writing, record_write):
        yield
