"""Compiled functions against the functions themselves, where a program could lie.

Each row is a function and calls of it, with what changes between them; NumPy and Python say
what comes out.
"""

from __future__ import annotations

import collections
import copy
import enum
import functools
import logging
import numbers
import operator
import pickle
import random
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.tree import flatten

WHOLE = np.array([1, 2, 3])


class Level(enum.IntEnum):
    one = 1


def check(f: Callable[..., Any], calls: list[Any], rtol: float = 1e-14, **options: Any) -> None:
    """Compare call by call; what takes no argument is called, and changes something."""
    step = mg.compile(f, **options)
    for given in calls:
        if not isinstance(given, tuple | dict):
            given()
            continue
        args, named = ((), given) if isinstance(given, dict) else (given, {})
        expected, got = f(*args, **named), step(*args, **named)
        assert list(map(repr, keys_of(got))) == list(map(repr, keys_of(expected)))
        for a, b in zip(flatten(got)[0], flatten(expected)[0], strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=rtol)
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def keys_of(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield from tree


# --- arguments ---------------------------------------------------------------------------


def weighted(d: Any) -> Any:
    """Keys that are weights."""
    return sum(key * value for key, value in d.items())


class FromOne(list):  # type: ignore[type-arg]
    """A list that counts from 1."""

    def __getitem__(self, i: Any) -> Any:
        return list.__getitem__(self, i - 1)


class Doubling(dict):  # type: ignore[type-arg]
    def __getitem__(self, key: Any) -> Any:
        return 2 * dict.__getitem__(self, key)

    def get(self, key: Any, default: Any = None) -> Any:
        return 7.0


class Backward(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return list(dict.items(self))[::-1]


class Halving(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        return (0.5 * x for x in list.__iter__(self))

    def __len__(self) -> int:
        return 7


class Tripling(dict):  # type: ignore[type-arg]
    def __setitem__(self, key: Any, value: Any) -> None:
        dict.__setitem__(self, key, 3 * value)


def tripled(x: Any) -> Any:
    answer = Tripling()
    answer["a"] = x
    return answer


@dataclass(frozen=True)
class Config:
    scale: Any


def branched(x: Any, n: Any) -> Any:
    return x * 2 if n > 1.5 else x


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "0-d whole numbers": (lambda x, s: x * s, [(WHOLE, np.array(k)) for k in (2, 3, 2)]),
    "0-d beside bytes": (lambda x, s: x - s, [(WHOLE.astype("i1"), np.array(k)) for k in (2, 3)]),
    "kinds of keys": (weighted, [({k: WHOLE},) for k in (1, 1.0, True, 1, Level.one)]),
    "keys of two": (weighted, [({k: WHOLE, 2: WHOLE},) for k in (1, 1.0, True, 1)]),
    "signs of keys": (
        lambda d: [np.copysign(v, k) for k, v in d.items()],
        [({k: np.ones(2)},) for k in (0.0, -0.0, 0.0)],
    ),
    "keys returned": (lambda d: {k: 2 * v for k, v in d.items()}, [({k: 1.0},) for k in (1, 1.0)]),
    "counts from one": (lambda x: x[1] - 2 * x[2], [(FromOne([k, 2.0]),) for k in (1.0, 3.0)]),
    "own [] and get": (lambda d: d["a"], [(Doubling(a=x),) for x in (1.0, 2.0, 5.0)]),
    "own items": (
        lambda d: d["a"] - 3 * d["b"] + next(iter(d.items()))[1],
        [(Backward(a=x, b=2.0),) for x in (1.0, 4.0)],
    ),
    "own iter and len": (lambda x: x[0] + len(x) * sum(x), [(Halving([x]),) for x in (1.0, 2.0)]),
    "own [] =": (tripled, [(1.0,), (2.0,)]),
    "sets": (lambda x, s: x * max(s), [(WHOLE, frozenset({k})) for k in (1, 1.0, True)], ["s"]),
    "ranges": (lambda x, r: x * r.stop, [(WHOLE, range(0, k, 2)) for k in (3, 4)], ["r"]),
    "configurations": (
        lambda x, c: x * c.scale, [(WHOLE, Config(k)) for k in (1, 1.0, True)], ["c"],
    ),
    "slices": (lambda x, s: x[s], [(WHOLE, s) for s in (slice(2), slice(1, 3), slice(2), 0, ...)]),
    "static by position": (
        branched, [{"n": 2.0, "x": 3.0}, {"x": 3.0, "n": 1.0}, (3.0, 2.0), {"n": 1.0, "x": 5.0}],
        [1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(row: Any) -> None:
    f, calls, *static = row
    check(f, calls, static=static[0] if static else ())


# --- looks ---------------------------------------------------------------------------------


@functools.lru_cache
def by_number(n: Any) -> float:
    return 3.0 if n == 0 else 2.0


def indexed(x: Any, n: Any) -> Any:
    try:
        return x * [1.0, 2.0][n]
    except (IndexError, TypeError):
        return x * n


LATE: dict[str, Any] = {  # a whole number that has changed is an input, if nobody looks at it
    "dict": lambda x, n: {0: 2.0}.get(n, 3.0) * x,
    "set": lambda x, n: (2.0 if n in {0, 1} else 3.0) * x,
    "f-string": lambda x, n: {"w0": 2.0}.get(f"w{n}", 3.0) * x,
    "str": lambda x, n: {"0": 2.0}.get(str(n), 3.0) * x,
    "percent": lambda x, n: {"0": 2.0}.get(f"{n!r}", 3.0) * x,
    "cache": lambda x, n: by_number(n) * x,
    "index": indexed,
    "row": lambda x, n: x * np.arange(9.0)[n],
    "spread": lambda x, n: x * np.broadcast_to(n, (2,)).dtype.itemsize + np.broadcast_to(n, 2) // 2,
    "kind": lambda x, n: x * (2.0 if np.broadcast_to(n, 2).dtype.kind == "f" else 3.0),
}


OF_NUMBERS = (float, int)


def kinds() -> Iterator[Any]:
    """Functions that agree for 2, whatever type they are told of it."""

    def tried(x: Any, n: Any) -> Any:
        try:
            return x * 2 if n.shape == () else x
        except AttributeError:
            return x * n

    def named(x: Any, n: Any) -> Any:
        match n:
            case int():
                return x * n
        return x * 2

    dispatched = functools.singledispatch(lambda n, x: x * 2)
    dispatched.register(int, lambda n, x: x * n)
    yield from (tried, named, lambda x, n: dispatched(n, x))
    yield lambda x, n: x * n if isinstance(n, int) else x * 2
    yield lambda x, n: x * n if isinstance(n, OF_NUMBERS) else x * 2
    yield lambda x, n: x * n if isinstance(n, numbers.Number | str) else x * 2
    yield lambda x, n: x * 2 if isinstance(n, collections.abc.Iterable) else x * n
    yield lambda x, n: x * n if type(n) is int else x * 2
    yield lambda x, n: x * n if np.isscalar(n) else x * 2
    yield lambda x, n: x * 2 if hasattr(n, "ndim") else x * n


@pytest.mark.parametrize("f", [*kinds()])
def test_whole_numbers_whose_type_is_asked_for(f: Any) -> None:
    check(f, [(1.0, n) for n in (1, 2, 3)])


def test_types_that_tell_nothing_apart() -> None:
    def scaled(tree: Any, n: Any) -> Any:
        return [scaled(t, n) for t in tree] if isinstance(tree, list | np.ndarray) else tree * n

    f = mg.compile(scaled)
    assert [f([1.0], n) for n in range(1, 6)] == [[n] for n in range(1, 6)]
    assert f.retraces == 1


@pytest.mark.parametrize("f", LATE.values(), ids=LATE)
def test_whole_numbers_that_are_looked_up(f: Any) -> None:
    check(f, [(1.0, n) for n in (5, 7, 0, 8, 1)])


@pytest.mark.parametrize(
    "f, what",
    [
        (lambda x: {0.5: 2.0}.get(x, 3.0) * x, r"hash\(\) of x"),
        (lambda x: {x, 0.5}, r"hash\(\) of x"),
        (lambda x: {"0.5": 2.0}.get(str(x), 3.0) * x, r"str\(\) of x"),
        (lambda x: pickle.loads(pickle.dumps(x)) * x, "a copy of x"),
        (lambda x: float(str(np.atleast_1d(x))[8:-2]) * x, r"str\(\) of \S+"),
        (lambda x: len(f"{np.exp(x)}") * x, r"str\(\) of exp\(x\)"),
        (lambda x: len(", ".join(str(v) for v in [np.exp(x)])) * x, r"str\(\) of v"),
        (lambda x: len(repr([np.exp(x)])) * x, r"str\(\) of exp\(x\)"),
    ],
)
def test_looks_at_numbers(f: Any, what: str) -> None:
    for transformed in (mg.compile(f), lambda x: mg.trace(f, x)):
        with pytest.raises(TypeError, match=f"{what} would fix its value"):
            transformed(0.5)


@pytest.mark.parametrize(
    "show",
    [
        lambda x: print(x),
        lambda x: print(f"x = {x} {[x]}"),
        lambda x: print(", ".join([str(v) for v in (x, x)])),
        lambda x: sys.stdout.write(f"{x}"),
        lambda x: logging.getLogger(__name__).warning("x = %s", x),
        lambda x: warnings.warn(f"x = {x}", stacklevel=1),
    ],
    ids="print f-string list write log warning".split(),
)
@pytest.mark.parametrize("x", [0.5, np.ones(2)])
@pytest.mark.filterwarnings("ignore:x = ")
def test_texts_for_people(show: Any, x: Any) -> None:
    """What is printed once, as the function is traced, decides about nothing."""
    np.testing.assert_array_equal(mg.compile(lambda x: (show(x), 2 * x)[1])(x), 2 * x)


def test_errors_of_ones_own() -> None:
    def f(x: Any) -> Any:
        raise KeyError(f"{x} is not known")

    with pytest.raises(KeyError, match="is not known"):
        mg.compile(f)(np.ones(2))


def matched(x: Any) -> Any:
    match x:
        case float():
            return x * 2.0
        case _:
            return x * 3.0


def tried(x: Any) -> Any:
    try:
        return 3.0 * x.sum()
    except AttributeError:
        return 2.0 * x


@pytest.mark.parametrize("f", [matched, tried, lambda x: x * (2.0 if np.isscalar(x) else 3.0)])
def test_other_looks_at_types(f: Any) -> None:
    with pytest.warns(RuntimeWarning, match="looks at the types of its arguments"):
        assert mg.compile(f)(1.0) == 2.0


@pytest.mark.parametrize("layer", [mg.nn.BatchNorm1d(2), mg.nn.Dropout(0.5, rng=0)])
@pytest.mark.parametrize("captured", [False, True])
def test_looks_at_types_beside_layers_with_a_state(layer: Any, captured: bool) -> None:
    """The answer, what is set and what is drawn are those of the function itself."""
    scale = [1.5]

    def f(layer: Any, x: Any) -> Any:
        exact = type(scale[0]) is float if captured else isinstance(x, np.ndarray)
        return layer(scale[0] * x + (x if exact else x**3))

    plain, x = copy.deepcopy(layer), np.array([[1.0, -2.0], [0.5, 3.0], [4.0, 1.0]])
    with warnings.catch_warnings(), mg.no_grad():
        warnings.filterwarnings("ignore", ".*looks at the types of its arguments")
        step = mg.compile(functools.partial(f, layer))
        for k in (1.5, 2.5, 3.5):
            scale[0] = k
            np.testing.assert_allclose(step(k * x), f(plain, k * x), rtol=1e-12)
    for a, b in zip(layer.state_dict().values(), plain.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_copies_are_what_they_are_copies_of() -> None:
    x = np.array([1.0, 2.0])
    check(lambda x: copy.copy(x) * 2, [(x,), (x + 1,)])
    check(lambda p: copy.deepcopy(p)["a"][0] * 2, [({"a": [x]},), ({"a": [x + 1]},)])
    w = mg.Tensor(2.0)
    with pytest.raises(TypeError, match="a copy of w would fix its value"):
        mg.compile(lambda x: copy.deepcopy(w) * x)(1.0)
    assert copy.deepcopy({w: 1.0}).keys() != {w: 1.0}.keys()


NUMBERS: dict[str, Any] = {  # one of Python's numbers c, and what comes of it, beside an array
    "truth times number": lambda c, x: c * (c > 0) * x,
    "whole number of truths": lambda c, x: ((c > 0) + (c > 1)) * (x + 0.5),
    "angle of a negative": lambda c, x: np.arctan2(-(c > 0), -1.0 - x),
    "angle of a product": lambda c, x: np.arctan2((c > 0) * (0 - (c < 9)), -1.0 - x),
    "truth from one": lambda c, x: (1 - (c > 0)) * (x + 0.5),
    "half a truth": lambda c, x: (c > 0) / 2 * x,
    "index": lambda c, x: x[(c > 0) * 1] * c,
    "both": lambda c, x: ((c > 0) & (c < 1)) * c * x,
    "in an array": lambda c, x: np.stack([c > 0, c > 1]) * 2,
    "parts": lambda c, x: (np.real(c) * x, np.imag(c) + x, c.real * x, c.conjugate() * x),
    "share": lambda c, x: np.quantile(1.0 * x, abs(c) / 2),
    "shares": lambda c, x: np.percentile(1.0 * x, [abs(c), 50.0]),
    "order of a norm": lambda c, x: np.linalg.norm(x, np.float64(3)) * c,
    "frame": lambda c, x: np.pad(x, 1, constant_values=c),
}


@pytest.mark.parametrize("kind", ["f4", "i1", "?"])
@pytest.mark.parametrize("f", NUMBERS.values(), ids=NUMBERS)
def test_what_comes_of_numbers_keeps_dtypes(f: Any, kind: str) -> None:
    x = np.array([1, 3, 2]).astype(kind)
    with np.errstate(invalid="ignore"):  # a negative frame of truth values
        check(f, [(c, x) for c in (1.5, -0.5, 0.5)], rtol=1e-7 if kind == "f4" else 1e-14)


@pytest.mark.parametrize(
    "f, what",
    [
        (lambda c, x: ~(c > 0) * x, r"invert\(\) needs"),
        (lambda c, x: ((c > 0) + (c > 1)) * x, r"multiply\(\) needs"),
        (lambda c, x: (c > 0) + (c > 1), "returns"),
    ],
)
def test_whole_numbers_of_truths(f: Any, what: str) -> None:
    counted = mg.compile(f)
    with pytest.warns(RuntimeWarning, match=f"{what} a whole number that varies, and a program"):
        np.testing.assert_array_equal(counted(1.5, WHOLE), f(1.5, WHOLE))
    for c in (2.0, 0.5, -1.0):
        got, want = counted(c, WHOLE), f(c, WHOLE)
        assert type(got) is type(want)
        np.testing.assert_array_equal(got, want)
    with pytest.raises(TypeError, match=f"{what} a whole number that varies, and a program has"):
        mg.trace(f, 1.5, WHOLE)


# --- results -------------------------------------------------------------------------------


class Holder:
    def __init__(self, v: Any) -> None:
        self.v = v


def generated(x: Any) -> Any:
    yield 2 * x


RESULTS: dict[str, tuple[Any, Any]] = {  # what is returned, and what is in it
    "generator": (generated, list),
    "closure": (lambda x: lambda y: x * y, lambda f: f(2.0)),
    "object": (lambda x: Holder(2 * x), lambda r: r.v),
    "namespace": (lambda x: types.SimpleNamespace(v=2 * x), lambda r: r.v),
    "deque": (lambda x: collections.deque([2 * x]), list),
    "map": (lambda x: map(np.sin, [x]), list),
    "iterator": (lambda x: (x, iter([1.0])), lambda r: list(r[1])),
    "partial": (lambda x: functools.partial(np.multiply, x), lambda f: f(2.0)),
    "proxy": (lambda x: types.MappingProxyType({"a": 2 * x}), lambda r: r["a"]),
    "slice": (lambda x: slice(x), lambda r: r.stop),
    "set of its own": (lambda x: (x, set()), lambda r: r[1].add(x_of(r)) or sorted(r[1])),
    "gradient": (lambda x: mg.grad(lambda y: x * y), lambda f: f(2.0)),
}


def x_of(r: Any) -> Any:
    return float(r[0])


@pytest.mark.parametrize("f, inside", RESULTS.values(), ids=RESULTS)
def test_results_that_no_program_makes(f: Any, inside: Any) -> None:
    step = mg.compile(f)
    with pytest.warns(RuntimeWarning, match="returns something made anew at each call"):
        first = inside(step(3.0))
    assert first == inside(f(3.0)) and type(first) is type(inside(f(3.0)))
    assert inside(step(4.0)) == inside(f(4.0))


def test_results_that_no_program_makes_are_refused_by_trace() -> None:
    with pytest.raises(TypeError, match=r"made anew at each call \(of type deque\), and a program"):
        mg.trace(lambda x: collections.deque([x]), 1.0)


def test_objects_of_the_users_are_returned_as_they_are() -> None:
    known = Holder(1.0)
    step = mg.compile(lambda x, o: (x * 2, known, o, Level.one))
    for x in (1.0, 2.0):
        assert step(x, known) == (2 * x, known, known, Level.one)
    assert step.retraces == 0


# --- what is captured ----------------------------------------------------------------------


class Meta(type):
    k = 2.0


class Base(metaclass=Meta):
    m = 2.0
    table = np.array([1.0, 2.0])

    def method(self) -> float:
        return 2.0

    @classmethod
    def of_class(cls) -> float:
        return 2.0

    @staticmethod
    def static() -> float:
        return 2.0

    @property
    def computed(self) -> float:
        return 2.0


class Derived(Base):
    pass


o = Derived()


def forgiving(x: Any) -> Any:
    try:
        return x * o.late  # type: ignore[attr-defined]
    except AttributeError:
        return x


MEMBERS: dict[str, tuple[Any, Any, Any]] = {  # how it is looked at, which name, what it becomes
    "metaclass": (lambda x: x * Derived.k, (Meta, "k"), 3.0),
    "class": (lambda x: x * Derived.m, (Derived, "m"), 3.0),
    "of an object": (lambda x: x * o.m, (Derived, "m"), 3.0),
    "array": (lambda x: x * Derived.table, (Derived, "table"), np.array([3.0, 4.0])),
    "array of an object": (lambda x: x * o.table, (Derived, "table"), np.array([3.0, 4.0])),
    "method": (lambda x: x * o.method(), (Derived, "method"), lambda self: 3.0),
    "base": (lambda x: x * o.method(), (Base, "method"), lambda self: 3.0),
    "class method": (lambda x: x * o.of_class(), (Derived, "of_class"), classmethod(lambda c: 3.0)),
    "its base": (lambda x: x * Base.of_class(), (Base, "of_class"), classmethod(lambda c: 3.0)),
    "static method": (lambda x: x * o.static(), (Derived, "static"), staticmethod(lambda: 3.0)),
    "its base's": (lambda x: x * Base.static(), (Base, "static"), staticmethod(lambda: 3.0)),
    "property": (lambda x: x * o.computed, (Derived, "computed"), property(lambda self: 3.0)),
    "new": (lambda x: x * getattr(o, "late", 1.0), (Derived, "late"), 3.0),
    "new, of a base": (lambda x: x * getattr(o, "late", 1.0), (Base, "late"), 3.0),
    "missed": (forgiving, (Derived, "late"), 3.0),
    "missed by itself": (forgiving, (o, "late"), 3.0),
}


@pytest.mark.parametrize("f, where, value", MEMBERS.values(), ids=MEMBERS)
def test_members_of_classes(f: Any, where: Any, value: Any) -> None:
    home, name = where
    before = vars(home).get(name, MEMBERS)

    def back() -> None:
        delattr(home, name) if before is MEMBERS else setattr(home, name, before)

    try:
        check(f, [(1.0,), lambda: setattr(home, name, value), (1.0,), (2.0,), back, (1.0,)])
    finally:
        if vars(home).get(name, MEMBERS) is not before:
            back()


def test_attributes_behind_getattr() -> None:
    class Table:
        def __init__(self) -> None:
            self.held = {"w": 2.0}

        def __getattr__(self, name: str) -> Any:
            return self.held[name]

    t = Table()
    check(
        lambda x: x * t.w,
        [(1.0,), lambda: t.held.update(w=3.0), (1.0,), lambda: setattr(t, "w", 5.0), (1.0,)],
    )


LATER = """
def f(x):
    try:
        return abs(x) * k
    except NameError:
        return abs(x)
"""


def test_names_that_come_later() -> None:
    space: dict[str, Any] = {}
    exec(LATER, space)
    changes = [
        lambda: space.update(k=3.0),
        lambda: space.update(abs=lambda x: 5.0 * x),
        lambda: space.pop("abs"),
    ]
    check(space["f"], [(-1.0,), changes[0], (-1.0,), changes[1], (-1.0,), changes[2], (-1.0,)])


def test_functions_that_become_others() -> None:
    def f(x: Any, k: float = 2.0, *, j: float = 3.0) -> Any:
        return x * k * j

    def g(x: Any, k: float = 2.0, *, j: float = 3.0) -> Any:
        return x - k * j

    def other() -> None:
        f.__code__ = g.__code__  # as IPython's autoreload does

    def defaults() -> None:
        f.__kwdefaults__ = {"j": 7.0}

    check(f, [(1.0,), defaults, (1.0,), other, (1.0,)])
    part = functools.partial(lambda k, x, j=1.0: k * x * j, np.array([1.0, 2.0]))
    keywords = [lambda v=v: part.keywords.update(j=v) for v in (4.0, 5.0, 6.0)]
    calls: list[Any] = [(1.0,)]
    for change in keywords:
        calls += [change, (1.0,), (2.0,)]
    check(part, [*calls, lambda: part.__setstate__((part.func, (3.0,), {}, {})), (1.0,)])
    method = type("Owner", (), {"scaled": functools.partialmethod(lambda s, x, k: x * k, k=2.0)})
    owner: Any = method()
    held = method.__dict__["scaled"].keywords
    check(lambda x: owner.scaled(x), [(1.0,), lambda: held.update(k=5.0), (1.0,)])


def homes() -> Iterator[Any]:
    """What leads to a number, and how that is set."""
    name, table, row, kept = "a_b", {"k": 2.0}, [2.0], np.array([2.0])
    get, item, values, views = table.get, table.__getitem__, table.values, table.values()
    number, total, flat, polynomial = row.__getitem__, kept.sum, kept.flat, np.poly1d([1.0, 2.0])

    @functools.singledispatch
    def kind(x: Any) -> float:
        return 1.0

    @kind.register(str)
    def of_text(x: Any) -> float:
        return table["k"]

    class Model:
        @functools.singledispatchmethod
        def kind(self, x: Any) -> float:
            return 1.0

        @kind.register(str)
        def of_text(self, x: Any) -> float:
            return table["k"]

    model = Model()
    yield "get", lambda x: x * get("k"), lambda v: table.update(k=v)
    yield "[]", lambda x: x * item("k"), lambda v: table.update(k=v)
    yield "values", lambda x: x * sum(values()), lambda v: table.update(k=v)
    yield "view", lambda x: x * sum(views), lambda v: table.update(k=v)
    yield "list's", lambda x: x * number(0), lambda v: operator.setitem(row, 0, v)
    yield "array's", lambda x: x * total(), lambda v: operator.setitem(kept, 0, v)
    yield "flat", lambda x: x * flat[0], lambda v: operator.setitem(kept, 0, v)
    yield "library's", lambda x: polynomial(x), lambda v: operator.setitem(polynomial.coeffs, 0, v)
    yield "by type", lambda x: x * kind("a"), lambda v: table.update(k=v)
    yield "registered", lambda x: x * kind("a"), lambda v: kind.register(str, lambda x: v)
    yield "method by type", lambda x: x * model.kind("a"), lambda v: table.update(k=v)
    yield (
        "globals",
        lambda x: x * globals()[name],
        lambda v: globals().update(a_b=v),
    )
    yield "imported", imported, lambda v: globals().update(a_b=v)


a_b = 2.0


def imported(x: Any) -> Any:
    import test_compile_hostile

    return x * test_compile_hostile.a_b * a_b


@pytest.mark.parametrize("f, write", [pytest.param(f, w, id=name) for name, f, w in homes()])
def test_what_is_reached_in_other_ways(f: Any, write: Any) -> None:
    calls: list[Any] = [(1.0,)]
    for value in (3.0, 4.0, 5.0):
        calls += [lambda v=value: write(v), (1.0,), (2.0,)]
    check(f, calls)


def test_generators_behind_methods() -> None:
    draw = np.random.default_rng(0).random
    with pytest.raises(TypeError, match="draws from draw, and what it drew would be fixed"):
        mg.compile(lambda x: x + draw())(1.0)
    draw = random.Random(0).random  # type: ignore[assignment]
    with pytest.raises(TypeError, match="draws from draw, and what it drew would be fixed"):
        mg.compile(lambda x: x + draw())(1.0)


def test_functions_of_numpys_cost_no_look() -> None:
    waves, parts = [np.sin, np.cos, np.sum, np.mean], (np.exp, np.max)
    step = mg.compile(lambda x: getattr(waves[0](parts[0](x)), "T", x))
    assert step(1.0) == np.sin(np.exp(1.0))
    assert step.latest is not None and len(step.latest.places) < 12


scale = 2.0


@functools.lru_cache
def cached(n: int) -> Any:
    return np.arange(n) * scale


def test_what_a_cache_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    table = cached(3)
    monkeypatch.setattr("test_compile_hostile.scale", 3.0)
    calls = [lambda: operator.setitem(table, 0, 9.0), (1.0,), cached.cache_clear, (1.0,), (2.0,)]
    check(lambda x: x * cached(3), [(1.0,), (2.0,), *calls])
    step = mg.compile(lambda x: x * np.ones(3) + np.eye(3)[0])
    assert [step(1.0)[1], step(2.0)[1], step.retraces] == [1.0, 2.0, 0]
