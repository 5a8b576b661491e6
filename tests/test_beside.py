"""What containers hold beside their parts: in programs, results and gradients it is never stale."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import campaign_containers as campaign
import minigrad as mg
from minigrad.tree import attributes_beside, rebuilt


@dataclass
class Batch:
    x: Any

    def __post_init__(self) -> None:
        self.total = np.sum(self.x)


@dataclass
class Node:
    x: Any
    children: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        for child in self.children:
            child.parent = self


class Items(list):
    pass


class Pair(tuple):
    def __new__(cls, x: Any, y: Any) -> Pair:
        return tuple.__new__(cls, (x, y))


def shared(b: Batch) -> Any:
    return b.x / b.total


@pytest.mark.parametrize("start", range(0, 20, 10))
def test_random_containers(start: int) -> None:
    assert [w for seed in range(start, start + 10) if (w := campaign.fault(seed))] == []


@pytest.mark.full
@pytest.mark.parametrize("start", range(1000, 2000, 100))
def test_more_random_containers(start: int) -> None:
    assert [w for seed in range(start, start + 100) if (w := campaign.fault(seed))] == []


def test_what_post_init_computes_is_read_at_each_call() -> None:
    compiled = mg.compile(shared)
    for x in ([1.0, 3.0], [2.0, 2.0], [1.0, 7.0], [5.0, 15.0], [0.5, 0.5]):
        assert_allclose(compiled(Batch(np.array(x))), np.array(x) / sum(x))
    assert compiled.retraces == 1  # it is an input once it has changed


def test_numbers_that_are_looked_at_have_a_kernel_for_each_value() -> None:
    compiled = mg.compile(lambda items: items[0] * (2 if items.scale > 1 else 3))
    for scale in (0.5, 1.5, 0.5, 2.5):
        items = Items([np.ones(2)])
        items.scale = scale
        assert_allclose(compiled(items), [2.0, 2.0] if scale > 1 else [3.0, 3.0])


def test_results_hold_arrays_beside_their_parts() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * x), Batch(2 * x)

    for make in (lambda g: g, mg.compile):
        aux = make(mg.grad(f, has_aux=True))(np.array([1.0, 2.0]))[1]
        assert type(aux.total) is np.float64
        assert aux.total == 6
    value, tangent = mg.jvp(Batch, (np.ones(2),), (np.ones(2),))
    assert type(value.total) is type(tangent.total) is np.float64
    assert type(mg.vjp(Batch, np.ones(2))[0].total) is np.float64
    assert type(mg.jacobian(Batch)(np.ones(2)).total) is np.float64


def test_gradients_reach_what_a_checkpoint_returns_beside_parts() -> None:
    piece = mg.checkpoint(lambda x: Batch(x * x))
    assert_allclose(mg.grad(lambda x: piece(x).total)(np.array([1.0, 3.0])), [2.0, 6.0])


def test_vmap_refuses_what_would_be_of_one_example() -> None:
    with pytest.raises(TypeError, match="holds Tensors beside its parts, as attributes"):
        mg.vmap(Batch)(np.ones((4, 3)))


def test_attributes_that_a_function_sets_are_refused() -> None:
    def f(items: Any) -> Any:
        items.total = np.sum(items[0])
        return items.total

    with pytest.raises(TypeError, match="f changes what items holds as it runs"):
        mg.compile(f)(Items([np.ones(2)]))


def test_cached_properties() -> None:
    compiled = mg.compile(campaign.value)
    for turn in range(4):
        d = campaign.Cached(np.arange(3.0) + turn)
        if turn % 2:
            assert d.norm > 1
        assert_allclose(compiled(d), campaign.value(d))


def test_parents_that_children_know_are_seen() -> None:
    compiled = mg.compile(lambda node: node.children[0].x * node.children[0].parent.x)
    for k in (2.0, 3.0):
        assert compiled(Node(k, [Node(5.0)])) == 5 * k


def test_tuples_with_a_way_of_their_own_of_being_made() -> None:
    def f(p: Pair) -> Any:
        return np.sum(p[0] * p[1])

    for g in (mg.grad(f), mg.compile(mg.grad(f))):
        gradient = g(Pair(np.array([1.0, 2.0]), 3.0))
        assert type(gradient) is Pair
        assert_allclose(gradient[0], [3.0, 3.0])
        assert gradient[1] == 3


def test_a_program_is_for_what_it_was_traced_with() -> None:
    program = mg.trace(shared, Batch(np.array([1.0, 3.0])))
    assert "x = b.x" in program.source
    assert_allclose(program(Batch(np.array([1.0, 3.0]))), [0.25, 0.75])
    with pytest.raises(ValueError, match="which is fixed in it"):
        program(Batch(np.array([1.0, 4.0])))
    other = Batch(np.array([1.0, 3.0]))
    other.more = 1
    with pytest.raises(ValueError, match=r"must have the attributes \['total'\] beside its parts"):
        program(other)


def test_the_source_of_attributes() -> None:
    compiled = mg.compile(shared)
    for k in (1.0, 2.0):
        compiled(Batch(np.full(2, k)))
    assert "x, total = b.x, b.total" in compiled.source


def test_rebuilt_and_beside() -> None:
    class Slotted(dict):
        __slots__ = ("__hidden", "plain")

    d = Slotted(x=1)
    d.plain = 2
    assert attributes_beside(d) == {"plain": 2}
    again = rebuilt(d, [5], {"plain": 3})
    assert (dict(again), again.plain, d.plain) == ({"x": 5}, 3, 2)


def test_a_property_of_one_name_hides_nothing() -> None:
    class Hidden(Items):
        @property
        def k(self) -> Any:
            return self.__dict__["k"] * 10

    compiled = mg.compile(lambda items: items[0] * items.k)
    for k in (1.0, 2.0, 3.0):
        items = Hidden([2.0])
        items.__dict__["k"] = k
        assert compiled(items) == 20 * k


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: [d], lambda d: {"d": (d, 1.0)}])
def test_whole_numbers_beside_are_inputs_that_stay_whole(wrap: Any) -> None:
    def f(tree: Any) -> Any:
        items = tree if isinstance(tree, Items | dict) else tree[0]
        items = items["d"][0] if isinstance(items, dict) else items
        return items[0] * items.step

    compiled = mg.compile(f)
    for step in range(6):
        items = Items([np.ones(2, np.float32)])
        items.step = step
        got = compiled(wrap(items))
        assert got.dtype == np.float32
        assert_allclose(got, [step, step])
    assert compiled.retraces == 1


@dataclass
class Mapped(dict):
    a: Any = 1.0


def test_fields_of_a_dict_are_beside_its_items() -> None:
    compiled = mg.compile(lambda d: d["x"] * d.a)
    for k in (2.0, 3.0, 4.0):
        d = Mapped(k)
        d["x"] = 1.5
        assert compiled(d) == 1.5 * k


def test_structs_of_c_are_tuples() -> None:
    compiled = mg.compile(lambda t, x: x * t[0])
    for seconds in (0, 10**9):
        t = time.gmtime(seconds)
        assert compiled(t, 2.0) == 2 * t.tm_year
