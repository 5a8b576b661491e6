"""Numbers and arrays that change in what a function captured: inputs, wherever they are kept."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import minigrad as mg


class Thing:
    """Something with attributes."""


@dataclass
class Settings:
    k: float


class Layer(mg.nn.Module):
    k = 1.0

    def forward(self, x: Any) -> Any:
        return x * self.k


class Scaling:
    def __init__(self) -> None:
        self.k = 1.0

    def __call__(self, x: Any) -> Any:
        return x * self.k

    def twice(self, x: Any) -> Any:
        return self(self(x))


Case = tuple[Callable[[Any], Any], Callable[[float], Any]]
CASES: dict[str, Callable[[], Case]] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    CASES[make.__name__] = make
    return make


def setting(x: Any, name: str = "k") -> Callable[[float], Any]:
    return lambda k: setattr(x, name, k)


@case
def in_a_list() -> Case:
    v = [0.5, 2.0]
    return lambda x: x * v[0] + v[1], lambda k: v.__setitem__(0, k)


@case
def in_a_dict_within_a_tuple() -> Case:
    v = ({"rate": 0.5, "other": [1.0]}, 2.0)
    return lambda x: x * v[0]["rate"] + v[1], lambda k: v[0].__setitem__("rate", k)


@case
def whole_numbers_in_a_list() -> Case:
    v = [1, 2]
    return lambda x: x * v[0] + v[1], lambda k: v.__setitem__(0, int(k))


@case
def a_whole_number_of_a_closure() -> Case:
    n = 1

    def change(k: float) -> None:
        nonlocal n
        n = int(k)

    return lambda x: x * n, change


@case
def a_number_of_numpys() -> Case:
    o = Thing()
    o.k = np.float64(1)
    return lambda x: x * o.k, lambda k: setattr(o, "k", np.float64(k))


@case
def an_attribute() -> Case:
    o = Thing()
    o.k, o.deep = 1.0, Thing()
    o.deep.list = [1.0]

    def change(k: float) -> None:
        o.k = o.deep.list[0] = k

    return lambda x: x * o.k + o.deep.list[0], change


@case
def a_dataclass() -> Case:
    c = Settings(0.1)
    return lambda x: x * c.k, setting(c)


@case
def an_object_that_its_part_knows() -> Case:
    o = types.SimpleNamespace(inner=Thing(), k=1.0)
    o.inner.outer = o
    return lambda x: x * o.inner.outer.k, setting(o)


@case
def an_array_that_is_written_to() -> Case:
    v = [np.ones(3)]
    return lambda x: x * v[0], lambda k: v[0].__imul__(1 + k)


@case
def an_array_of_an_object() -> Case:
    o = Thing()
    o.w = np.ones(3)
    return lambda x: x * o.w, lambda k: setattr(o, "w", np.full(3, k))


@case
def a_method() -> Case:
    s = Scaling()
    return s.twice, setting(s)


@case
def a_callable_object() -> Case:
    s = Scaling()
    return s, setting(s)


@case
def a_layer() -> Case:
    layer = Layer()
    return mg.grad(lambda x: np.sum(layer(x) ** 2)), setting(layer)


@case
def a_partial() -> Case:
    v = [1.0]
    return functools.partial(lambda held, x: x * held[0], v), lambda k: v.__setitem__(0, k)


@case
def a_default() -> Case:
    v = [1.0]

    def f(x: Any, held: Any = v) -> Any:
        return x * held[0] + v[0]

    return f, lambda k: v.__setitem__(0, k)


@case
def functions_in_a_table() -> Case:
    k = 1.0

    def scaled(x: Any) -> Any:
        return x * k

    def change(new: float) -> None:
        nonlocal k
        k = new

    table = [scaled]
    return lambda x: table[0](x) + k, change


@pytest.mark.parametrize("name", CASES)
def test_what_changes_is_an_input(name: str) -> None:
    f, change = CASES[name]()
    compiled = mg.compile(f)
    for k in range(1, 7):
        change(float(k))
        x = np.arange(3.0) + k
        assert_allclose(compiled(x), f(x))
    assert compiled.retraces == 1


def test_what_is_reached_in_two_ways_is_traced_anew() -> None:
    k = 1.0

    @functools.lru_cache
    def kept(n: int) -> Any:
        return k * n

    def f(x: Any) -> Any:
        return kept(2) * x + k

    compiled = mg.compile(f)
    for k in (1.0, 2.0, 3.0, 4.0):
        kept.cache_clear()
        assert compiled(1.0) == 3 * k


def test_sizes_stay_fixed_and_factors_beside_them_do_not() -> None:
    o = Thing()
    o.n, o.k = 1, 1.0
    compiled = mg.compile(lambda x: np.sum(np.ones(o.n)) * x * o.k)
    for turn in range(12):
        o.n, o.k = 1 + turn % 2, turn + 0.5
        assert compiled(2.0) == 2 * o.n * o.k
    assert compiled.retraces <= 3


def test_numbers_that_are_looked_at_are_traced_anew() -> None:
    o = Thing()
    o.k = 1.0
    compiled = mg.compile(lambda x: x * o.k if o.k > 2 else -x)
    for k in (1.0, 2.0, 3.0, 1.5):
        o.k = k
        assert compiled(2.0) == (2 * k if k > 2 else -2)


def test_what_a_function_changes_is_not_changed_in_a_copy() -> None:
    o = Thing()
    o.k, o.calls = 1.0, 0

    def f(x: Any) -> Any:
        o.calls += 1
        return x * o.k

    compiled = mg.compile(f)
    with pytest.warns(RuntimeWarning, match="changes o.calls as it runs"):
        for k in (1.0, 2.0, 3.0, 4.0, 5.0):
            o.k = k
            assert compiled(2.0) == 2 * k
    assert o.calls >= 5


def test_types_that_change_are_seen() -> None:
    v: list[Any] = [1.0]
    compiled = mg.compile(lambda x: x * v[0])
    for new in (2.0, 3.0, 4, np.float32(5), np.ones(2), True, 6.0):
        v[0] = new
        assert_allclose(compiled(np.ones(2)), np.ones(2) * new)


@pytest.mark.parametrize(
    "answer", [lambda o: o, lambda o: [1.0, {"o": o}], lambda o: o.twice, lambda o: o.__call__]
)
def test_what_is_returned_is_no_copy(answer: Any) -> None:
    s = Scaling()
    compiled = mg.compile(lambda x: (x * s.k, answer(s)))
    for k in (1.0, 2.0, 3.0, 4.0):
        s.k = k
        value, other = compiled(2.0)
        assert value == 2 * k
        other = other[1]["o"] if type(other) is list else getattr(other, "__self__", other)
        assert other is s
        assert type(s.k) is float


class Decorated:
    def __init__(self) -> None:
        self.k, self.n = 1.0, 2

    @mg.compile
    def step(self, x: Any) -> Any:
        return x * self.k + self.n


def test_attributes_of_arguments() -> None:
    objects = [Decorated(), Decorated()]
    before = Decorated.step.retraces
    for turn in range(10):
        o = objects[turn % 2]
        o.k, o.n = turn + 0.5, turn
        assert o.step(2.0) == 2 * o.k + o.n
    assert Decorated.step.retraces - before <= 4
    compiled = mg.compile(lambda held, x: x * held["o"].k)
    for k in range(1, 6):
        objects[0].k = float(k)
        assert compiled({"o": objects[0]}, 2.0) == 2 * k
    assert compiled.retraces == 1


def test_a_call_that_raises_says_nothing_of_what_may_change() -> None:
    scale = 1.0
    step = mg.compile(lambda x, n: x.reshape(2, -1) * scale * n)
    for k in range(8):
        scale = float(k)
        if k == 4:
            with pytest.raises(ValueError, match="reshape"):
                step(np.ones(3), k)
        x = np.ones(4 if k < 4 else 6)
        np.testing.assert_array_equal(step(x, k), x.reshape(2, -1) * k * scale)
    assert step.retraces == 2
