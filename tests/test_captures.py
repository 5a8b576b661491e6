"""Nothing stale: what a compiled function uses without being given it, and what it draws."""

# ruff: noqa: NPY002

from __future__ import annotations

import array
import collections
import contextvars
import copy
import datetime
import functools
import itertools
import operator
import os
import random
import time
import types
import uuid
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.tree import flatten

SCALE = 2.0
TABLE = np.array([1.0, 2.0])


def by_globals(x: Any) -> Any:
    return x * SCALE + helper(TABLE)


def helper(t: Any) -> Any:
    return t.sum()


class Layer:
    slope = 1.0

    def __init__(self) -> None:
        self.k = 2.0
        self.W = np.array([1.0, 2.0])
        self.parts = [1.0, {"a": 3.0}]
        self.unused: list[int] = []

    def __call__(self, x: Any) -> Any:
        y = x * self.k * self.slope * self.W
        return y + self.parts[0] * self.parts[1]["a"] + self.shift

    @property
    def shift(self) -> Any:
        return self.W[0] * 10


# --- variables, attributes, contents -----------------------------------------------------


def test_globals(monkeypatch: Any) -> None:
    step = mg.compile(by_globals)
    assert step(1.0) == 5.0
    for value in (3.0, 4.0, 5.0):
        monkeypatch.setitem(globals(), "SCALE", value)
        assert step(1.0) == 3.0 + value
    assert step.retraces == 1, "a number that changes is read, not traced again"
    monkeypatch.setitem(globals(), "TABLE", np.array([10.0, 20.0]))
    assert step(1.0) == 35.0
    monkeypatch.setitem(globals(), "helper", lambda t: t.max())
    assert step(1.0) == 25.0


def test_closures() -> None:
    k, W = 2.0, np.array([1.0, 2.0])
    step = mg.compile(mg.grad(lambda x: (x**2 * W * k).sum()))
    x = np.ones(2)
    np.testing.assert_array_equal(step(x), 2 * W * k)
    for factor in (3.0, 0.5, -1.0):
        W *= factor
        k += 1.0
        np.testing.assert_allclose(step(x), 2 * W * k)
    assert step.retraces <= 2
    W = np.ones((3, 2))
    np.testing.assert_allclose(step(x), 6 * np.ones(2) * k)
    k = np.array([1.0, 3.0])
    np.testing.assert_allclose(step(x), 6 * k)


def test_what_python_looks_at_is_compared() -> None:
    W = np.array([1.0, 5.0])
    step = mg.compile(lambda x: x * W[0] if W.max() > 2 else x - len(W))
    assert step(1.0) == 1.0
    W[0] = 7.0
    assert step(1.0) == 7.0
    W[:] = 0.0
    assert step(1.0) == -1.0
    big = np.ones((200, 100))
    looked = mg.compile(lambda x: x + float(big[3, 4]) + (big.sum() if big.max() > 1 else 0.0))
    assert looked(0.0) == 1.0
    big[3, 4] = 2.0
    assert looked(0.0) == 2.0 + big.sum()


def test_large_arrays_are_read_at_each_call() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 20)), rng.normal(size=1000)
    loss = lambda w: ((X @ w - y) ** 2).mean()
    step = mg.compile(mg.value_and_grad(loss))
    w = np.ones(20)
    for _ in range(3):
        value, gradient = step(w)
        expected = mg.value_and_grad(loss)(w)
        np.testing.assert_allclose(value, expected[0])
        np.testing.assert_allclose(gradient, expected[1])
        X[rng.integers(1000)] += 1.0
        y = rng.normal(size=1000)
    assert step.retraces == 1, "for y, which is small"


def test_attributes() -> None:
    layer = Layer()
    step = mg.compile(layer)
    x = np.ones(2)

    def check() -> None:
        for _ in range(2):
            np.testing.assert_allclose(step(x), layer(x))

    check()
    layer.unused.append(1)
    check()
    assert step.retraces == 0
    changes: list[Any] = [
        lambda: setattr(layer, "k", 3.0),
        lambda: setattr(layer, "W", np.array([5.0, 6.0])),
        lambda: layer.W.__setitem__(0, 9.0),
        lambda: layer.parts.__setitem__(0, 4.0),
        lambda: layer.parts[1].__setitem__("a", 5.0),  # type: ignore[union-attr,call-overload]
        lambda: setattr(Layer, "slope", 2.0),
        lambda: setattr(layer, "slope", 7.0),
        lambda: setattr(Layer, "shift", property(lambda self: 0.0)),
    ]
    before = Layer.shift
    try:
        for change in changes:
            change()
            check()
    finally:
        Layer.slope, Layer.shift = 1.0, before  # type: ignore[method-assign]


def test_defaults_and_arguments_that_hold_more() -> None:
    def f(x: Any, k: Any = 2.0, table: Any = np.array([1.0])) -> Any:
        return x * k + table

    step = mg.compile(f)
    assert step(1.0) == 3.0
    f.__defaults__[1][0] = 5.0  # type: ignore[index]
    assert step(1.0) == 7.0
    f.__defaults__ = (3.0, 0.5)
    assert step(1.0) == 3.5
    by_argument = mg.compile(lambda layer, x: layer(x))
    layer = Layer()
    for k in (1.0, 2.0, 3.0):
        layer.k = k
        np.testing.assert_allclose(by_argument(layer, 1.0), layer(1.0))


def test_modules_of_the_user() -> None:
    config = types.ModuleType("config")
    config.__file__ = __file__
    config.rate = 2.0  # type: ignore[attr-defined]
    step = mg.compile(lambda x: x * config.rate)
    assert step(1.0) == 2.0
    config.rate = 5.0  # type: ignore[attr-defined]
    assert step(1.0) == 5.0


def test_what_the_function_changes_itself() -> None:
    count = [0]

    def f(x: Any) -> Any:
        count[0] += 1
        return x * count[0]

    step = mg.compile(f)
    with pytest.warns(RuntimeWarning, match="f changes count as it runs"):
        assert [step(1.0) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert count == [6]


def test_a_cache_that_fills_at_the_first_call() -> None:
    cache: dict[str, Any] = {}

    def f(x: Any) -> Any:
        if "table" not in cache:
            cache["table"] = np.array([1.0, 2.0])
        return x * cache["table"]

    step = mg.compile(f)
    for _ in range(4):
        np.testing.assert_array_equal(step(2.0), [2.0, 4.0])
    cache["table"][0] = 9.0
    np.testing.assert_array_equal(step(2.0), [18.0, 4.0])


def test_two_captured_values_cost_little() -> None:
    k, b = 2.0, 3.0
    step = mg.compile(lambda x: x * k + b)
    step(1.0)
    source = step.func.__code__
    assert len(source.co_names) < 40  # two reads and two comparisons, no call
    assert source.co_names.count("cell_contents") == 1


# --- Tensors and modules -----------------------------------------------------------------


def test_gradients_reach_captured_tensors() -> None:
    w = mg.Tensor(2.0, requires_grad=True)
    step = mg.compile(lambda x: w * x)
    for _ in range(2):
        w.grad = None
        (step(3.0) + w**2).backward()
        assert w.grad == 7.0
    W = mg.Tensor(np.ones(3), requires_grad=True)
    mg.compile(lambda x: (x * W).sum())(np.arange(3.0)).backward()
    np.testing.assert_array_equal(W.grad, np.arange(3.0))
    with mg.no_grad():
        assert step(3.0) == 6.0 and not isinstance(step(3.0), mg.Tensor)
        w.data = 5.0
        assert step(3.0) == 15.0
    x = mg.Tensor(3.0, requires_grad=True)
    step(x).backward()
    assert x.grad == 5.0


def test_gradients_of_captured_tensors_are_plain() -> None:
    W = mg.Tensor(np.array([0.5, 1.5]), requires_grad=True)
    f = lambda x: mg.gradients((np.sin(x * W) ** 2).sum(), W)
    step = mg.compile(f)
    for x in (np.ones(2), np.array([2.0, -1.0])):
        got = step(x)
        assert type(got) is np.ndarray
        np.testing.assert_allclose(got, f(x))
        W.data = W.data + 0.25
    assert step.retraces == 0


class Net(mg.nn.Module):
    def __init__(self, seed: int = 0) -> None:
        self.first = mg.nn.Linear(3, 4, rng=seed)
        self.norm = mg.nn.BatchNorm1d(4)
        self.drop = mg.nn.Dropout(0.5, np.random.default_rng(seed))
        self.last = mg.nn.Linear(4, 2, rng=seed + 1)

    def forward(self, x: Any) -> Any:
        return self.last(self.drop(np.tanh(self.norm(self.first(x)))))


def frozen(net: Any) -> Any:
    for p in net.parameters():
        p.requires_grad = False
    return net


@pytest.mark.parametrize("trained", [False, True])
def test_dropout_and_batch_norm_as_in_eager_mode(trained: bool) -> None:
    net = Net() if trained else frozen(Net())
    twin = copy.deepcopy(net)
    step = mg.compile(net)
    rng = np.random.default_rng(1)

    def check(n: int) -> None:
        x = rng.normal(size=(n, 3))
        got, expected = step(x), twin(x)
        np.testing.assert_allclose(getattr(got, "data", got), expected.data, rtol=1e-10)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            a, b = (np.asarray(getattr(m.norm, name).data) for m in (net, twin))
            np.testing.assert_allclose(a, b, rtol=1e-12)
            assert a.dtype == b.dtype
        state = lambda m: m.drop.rng.bit_generator.state
        assert state(net) == state(twin)
        if trained:
            for m, y in ((net, got), (twin, expected)):
                for p in m.parameters():
                    p.grad = None
                (y**2).sum().backward()
            for p, q in zip(net.parameters(), twin.parameters(), strict=True):
                np.testing.assert_allclose(p.grad, q.grad, rtol=1e-10)
                p.data, q.data = p.data - 0.1 * p.grad, q.data - 0.1 * q.grad

    for n in (5, 5, 6, 5, 5):
        check(n)
    net.eval()
    twin.eval()
    check(5)
    check(5)
    net.train()
    twin.train()
    check(5)
    check(5)
    net.drop.p = twin.drop.p = 0.25
    check(5)
    check(5)


def test_dropout_inside_gradients() -> None:
    drop = mg.nn.Dropout(0.5, np.random.default_rng(3))
    twin = copy.deepcopy(drop)
    loss = lambda layer: lambda w: (layer(w) ** 2).sum()
    step = mg.compile(mg.value_and_grad(loss(drop)))
    w = np.arange(1.0, 7.0)
    masks = set()
    for _ in range(4):
        (value, gradient), expected = step(w), mg.value_and_grad(loss(twin))(w)
        np.testing.assert_allclose(value, expected[0])
        np.testing.assert_allclose(gradient, expected[1])
        masks.add(tuple(gradient))
    assert len(masks) > 1
    assert "random" not in step.source


def test_programs_only_return_values() -> None:
    net = frozen(Net())
    with pytest.raises(TypeError, match=r"use mg\.compile, or call eval\(\) on the module first"):
        mg.trace(net, np.ones((4, 3)))
    with pytest.raises(TypeError, match="draws numbers at each call"):
        mg.trace(net.drop, np.ones(3))
    net.eval()
    assert mg.trace(net, np.ones((4, 3)))(np.ones((4, 3))).shape == (4, 2)


# --- noise and clocks --------------------------------------------------------------------

generator = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda x: x * generator.normal(), "draws from generator"),
        (lambda x: x * np.random.normal(), r"draws from np\.random"),
        (lambda x: x * np.random.rand(), r"draws from np\.random"),
        (lambda x: x * random.random(), "draws from random"),
        (lambda x: x * random.gauss(0, 1), "draws from random"),
        (lambda x: x * time.time(), r"time\.time\(\) in"),
        (lambda x: x * time.perf_counter_ns(), r"time\.perf_counter_ns\(\) in"),
        (lambda x: x * datetime.datetime.now().second, r"datetime\.now\(\) in"),
        (lambda x: x * np.random.default_rng().normal(), r"urandom\(\) in"),
        (lambda x: x * uuid.uuid4().int, r"urandom\(\) in"),
    ],
)
def test_noise_is_refused_by_name(draw: Any, words: str) -> None:
    for call in (mg.compile(draw), mg.compile(mg.grad(draw)), mg.compile(lambda x: draw(x))):
        before = generator.bit_generator.state, np.random.get_state()[2], random.getstate()
        with pytest.raises(TypeError, match=f"{words}.*as an argument"):
            call(2.0)
        after = generator.bit_generator.state, np.random.get_state()[2], random.getstate()
        assert before == after, "what was drawn in vain is taken back"


def test_noise_that_is_the_same_each_time_is_none() -> None:
    step = mg.compile(lambda x: x * np.random.default_rng(7).normal())
    assert step(1.0) == step(1.0) == np.random.default_rng(7).normal()


# --- anything at all ---------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["k", "W", "flag", "L", "d", "attr", "arr", "none"]), st.integers(1, 4)
        ),
        max_size=6,
    ),
    st.sampled_from(["plain", "grad", "hessian"]),
)
def test_any_changes(changes: list[tuple[str, int]], how: str) -> None:
    k, W, flag, L, d = 1.5, np.array([1.0, 2.0]), True, [1.0, 2.0], {"a": 1.0}
    layer = Layer()

    def f(x: Any) -> Any:
        y = (x**3 * W).sum() * k + sum(L) * x.sum() + d["a"] * layer.k
        return y * (2.0 if flag else 3.0) + (layer.W * x).sum() ** 2

    wrap: Any = {"plain": lambda f: f, "grad": mg.grad, "hessian": mg.hessian}[how]
    step, eager = mg.compile(wrap(f)), wrap(f)
    x = np.array([0.5, -1.0])
    for name, n in [("none", 1), *changes]:
        if name == "k":
            k = 0.5 * n
        elif name == "W":
            W *= n
        elif name == "flag":
            flag = n % 2 == 0
        elif name == "L":
            L[0] = 1.0 * n
        elif name == "d":
            d["a"] += n
        elif name == "attr":
            layer.k = n / 4
        elif name == "arr":
            layer.W = layer.W + n
        for _ in range(2):
            np.testing.assert_allclose(step(x), eager(x), rtol=1e-12)


# --- homes of every kind ------------------------------------------------------------------


class Options(collections.UserDict):  # type: ignore[type-arg]
    pass


class Named(dict):  # type: ignore[type-arg]
    pass


def homes() -> Any:
    """(what it is, a function that reads it, how it is set)."""
    space = types.SimpleNamespace(**{"k": 1.0, "class": 1.0})
    module = types.ModuleType("settings")
    plain = {"k": 1.0}
    proxy, chain = types.MappingProxyType(plain), collections.ChainMap({"k": 1.0})
    deque, users = collections.deque([1.0]), Options(k=1.0)
    numbers, raw = array.array("d", [1.0]), bytearray(b"\x01")
    view, parts = memoryview(bytearray(b"\x01")), np.array([1.0, 2.0], object)
    variable: Any = contextvars.ContextVar("variable", default=1.0)
    layer, name, keys = Layer(), "k", ["k"]
    layer.k = 1.0
    reference, getter = weakref.ref(layer), operator.attrgetter("k")
    named = Named()
    own: Any = functools.lru_cache(lambda: space)

    def inner(x: Any) -> Any:
        return x * inner.k  # type: ignore[attr-defined]

    inner.k = module.k = named.k = 1.0  # type: ignore[attr-defined]
    os.environ["MINIGRAD_TEST_K"] = "1"
    yield "module", lambda x: x * module.k, lambda v: setattr(module, "k", v)
    yield "function", inner, lambda v: setattr(inner, "k", v)
    yield "proxy", lambda x: x * proxy["k"], lambda v: plain.update(k=v)
    yield "chain", lambda x: x * chain["k"], lambda v: chain.update(k=v)
    yield "deque", lambda x: x * deque[0], lambda v: operator.setitem(deque, 0, v)
    yield "user dict", lambda x: x * users["k"], lambda v: users.update(k=v)
    yield "dict's attribute", lambda x: x * named.k, lambda v: setattr(named, "k", v)
    yield "array.array", lambda x: x * numbers[0], lambda v: operator.setitem(numbers, 0, v)
    yield "bytearray", lambda x: x * raw[0], lambda v: operator.setitem(raw, 0, int(v))
    yield "memoryview", lambda x: x * view[0], lambda v: operator.setitem(view, 0, int(v))
    yield "objects", lambda x: x * parts[0], lambda v: operator.setitem(parts, 0, v)
    yield "context", lambda x: x * variable.get(), variable.set
    yield "weak", lambda x: x * reference().k, lambda v: setattr(layer, "k", v)
    yield "getattr", lambda x: x * getattr(space, name), lambda v: setattr(space, "k", v)
    yield "keyword", lambda x: x * getattr(space, "class"), lambda v: setattr(space, "class", v)
    yield "names", lambda x: x * getattr(space, keys[0]), lambda v: setattr(space, "k", v)
    yield "getter", lambda x: x * getter(space), lambda v: setattr(space, "k", v)
    yield "cache", lambda x: x * own().k, lambda v: setattr(space, "k", v)
    yield (
        "environment",
        lambda x: x * float(os.environ["MINIGRAD_TEST_K"]),
        lambda v: operator.setitem(os.environ, "MINIGRAD_TEST_K", str(v)),
    )


@pytest.mark.parametrize("read, write", [pytest.param(f, w, id=name) for name, f, w in homes()])
def test_homes_of_every_kind(read: Any, write: Any) -> None:
    step = mg.compile(read)
    for value in (1.0, 5.0, 7.0, 5.0):
        write(value)
        assert step(2.0) == 2.0 * value
        assert step(3.0) == 3.0 * value


@pytest.mark.parametrize(
    "stream", [lambda: itertools.count(1.0), lambda: iter([1.0, 2.0, 3.0, 4.0, 5.0]),
               lambda: (float(i) for i in range(1, 9))]
)  # fmt: skip
def test_iterators_go_on(stream: Any) -> None:
    source = stream()
    step = mg.compile(lambda x: x * next(source))
    with pytest.warns(RuntimeWarning, match="changes source as it runs"):
        assert [float(step(2.0)) for _ in range(5)] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_noise_of_a_generator_of_ones_own() -> None:
    own = random.Random(0)
    with pytest.raises(TypeError, match="draws from own, and what it drew would be fixed"):
        mg.compile(lambda x: x + own.random())(1.0)
    assert own.random() == random.Random(0).random()


# --- captured while something else differentiates or traces -----------------------------------


@pytest.mark.parametrize("inner", [lambda f: f, mg.grad], ids=["value", "gradient"])
def test_what_others_differentiate_is_no_constant(inner: Any) -> None:
    def f(x: Any) -> Any:
        return x * mg.compile(inner(lambda y: x * y))(1.0)

    assert mg.grad(f)(2.0) == 4.0
    assert mg.jvp(f, (2.0,), (1.0,)) == (4.0, 4.0)
    assert mg.grad(mg.grad(f))(2.0) == 2.0
    np.testing.assert_array_equal(mg.vmap(f)(np.arange(3.0)), [0.0, 1.0, 4.0])
    np.testing.assert_array_equal(mg.compile(f)(3.0), 9.0)


@pytest.mark.parametrize("outer", [mg.grad, mg.vmap, mg.compile], ids=["grad", "vmap", "compile"])
def test_traces_within_say_what_they_cannot_hold(outer: Any) -> None:
    def f(x: Any) -> Any:
        return np.sum(x * mg.trace(lambda y: x * y, 1.0)(1.0))

    with pytest.raises(ValueError, match="x was computed outside of the function that is traced"):
        outer(f)(np.arange(3.0))


def test_gradients_through_programs_reach_captured_tensors() -> None:
    w, v = mg.Tensor(3.0, requires_grad=True), mg.Tensor(2.0, requires_grad=True)
    program = mg.trace(lambda x: w * x, 1.0)
    (program(2.0) * w).backward()
    assert w.grad == 12.0
    w.grad = None
    (program(v) * w).backward()
    assert (w.grad, v.grad) == (12.0, 9.0)
    with mg.no_grad():
        assert type(program(2.0)) is np.float64


def test_backward_within_a_gradient() -> None:
    def f(x: Any) -> Any:
        w = mg.Tensor(3.0, requires_grad=True)
        loss = w * w * x
        loss.backward()
        return x * w.grad

    assert f(2.0) == 24.0
    for run in (mg.grad(f), lambda x: mg.jvp(f, (x,), (1.0,))):
        with pytest.raises(RuntimeError, match=r"loss\.backward\(\) depends on what is being diff"):
            run(2.0)

    def apart(x: Any) -> Any:
        w = mg.Tensor(3.0, requires_grad=True)
        (w * w).backward()
        return x * w.grad

    assert mg.grad(apart)(2.0) == 6.0


@pytest.mark.parametrize(
    "f", [np.ravel, np.atleast_1d, np.sum, np.mean, lambda n: np.expand_dims(n, 0), np.cumsum]
)
def test_whole_numbers_stay_whole_beside_dropout(f: Any) -> None:
    """What is drawn cannot be drawn again, to see whether the function gives the same."""
    drop, n = mg.nn.Dropout(0.5, rng=np.random.default_rng(0)), 1
    step = mg.compile(lambda x: (drop(x), f(n)))
    for n in (1, 2, 3):
        got = np.asarray(step(np.ones(2))[1])
        assert got.dtype == np.asarray(f(n)).dtype and got == f(n)


def test_dropout_goes_on_where_gradients_stop() -> None:
    layers = [mg.nn.Dropout(0.5, rng=np.random.default_rng(0)) for _ in range(2)]
    w = mg.Tensor(np.ones(64), requires_grad=True)
    step = mg.compile(lambda x: layers[0](x * w))
    x = np.ones(64)
    assert np.array_equal(step(x).data, layers[1](x))
    with mg.no_grad():
        for _ in range(3):
            assert np.array_equal(np.asarray(step(x)), layers[1](x))


def test_arguments_that_are_changed_are_named() -> None:
    def step(params: Any, x: Any) -> Any:
        params["w"] = params["w"] - 0.1 * x
        return params["w"].sum()

    def longer(values: Any) -> Any:
        values.append(values[0] * 2)
        return values[-1]

    words = "step changes what params holds as it runs, which a program cannot"
    for run in (mg.compile(step), lambda *args: mg.trace(step, *args)):
        params = {"w": np.ones(2)}
        with pytest.raises(TypeError, match=words):
            run(params, 1.0)
        assert np.array_equal(params["w"], np.ones(2))
    with pytest.raises(TypeError, match="longer changes what values holds"):
        mg.compile(longer)([1.0])


def test_whole_numbers_beside_results_stay_whole() -> None:
    step = mg.compile(lambda x: (x * 2, 3, True, "three", None))
    for x in (1.0, 2.0):
        got = step(x)
        assert got == (2 * x, 3, True, "three", None)
        assert [type(part) for part in got] == [float, int, bool, str, type(None)]


def test_what_a_function_keeps_for_later_may_change_as_well() -> None:
    class Table:
        def __init__(self) -> None:
            self.start = 2.0

        @functools.cached_property
        def scale(self) -> float:
            return self.start * 2

    table = Table()
    f = mg.compile(lambda x: x * table.scale)
    assert f(3.0) == 12
    table.__dict__["scale"] = 10.0
    assert f(3.0) == 30


def test_a_look_that_the_function_forgives_is_refused_all_the_same() -> None:
    def f(x: Any) -> Any:
        try:
            return x if x > 0 else -x
        except TypeError:
            return 100 * x

    with pytest.raises(TypeError, match=r"bool\(\) of x > 0 would fix its value"):
        mg.compile(f)(1.0)


TYPES = {
    "isinstance": lambda x: x * 2 if isinstance(x, float | np.ndarray) else x * 3,
    "type": lambda x: x * 2 if type(x) is np.ndarray else x * 3,
    "structure": lambda x: {"x": x} if isinstance(x, np.ndarray) else x,
}


@pytest.mark.parametrize("f", TYPES.values(), ids=TYPES)
def test_functions_that_look_at_types_are_called_as_they_are(f: Any) -> None:
    compiled, x = mg.compile(f), np.ones(2)
    with pytest.warns(RuntimeWarning, match="looks at the types of its arguments"):
        first = compiled(x)
    for got in (first, compiled(x)):
        assert type(got) is type(f(x))
        np.testing.assert_array_equal(flatten(got)[0], flatten(f(x))[0])
    right = mg.compile(lambda x: x * 2 if isinstance(x, object) else x)
    np.testing.assert_array_equal(right(x), 2 * x)
    assert right.source  # a look that changes nothing does no harm


COMPUTED = {
    "getattr": lambda o, x: sum(x * getattr(o, "w" + str(i)) for i in (1, 2)),
    "format": lambda o, x: sum(x * getattr(o, f"w{i}", 1.0) for i in (1, 2)),
    "vars": lambda o, x: sum(x * v for v in vars(o).values()),
    "dict": lambda o, x: x * o.__dict__["w2"],
}


@pytest.mark.parametrize("look", COMPUTED.values(), ids=COMPUTED)
def test_attributes_by_names_that_are_computed(look: Any) -> None:
    o = types.SimpleNamespace(w1=2.0, w2=np.array([3.0, 4.0]))
    f = mg.compile(lambda x: look(o, x))
    o.w2 = o.w2 + 1
    for change in ("none", "in place", "another", "more", "none"):
        if change == "in place":
            o.w2[0] = 9.0
        elif change == "another":
            o.w1, o.w2 = 5.0, 7.0
        elif change == "more":
            o.w3 = 1.0
        np.testing.assert_array_equal(f(2.0), look(o, 2.0))


def test_constant_names_cost_no_look_at_all_attributes() -> None:
    o = types.SimpleNamespace(w=2.0, steps=0)
    f = mg.compile(lambda x: x * getattr(o, "w", 1.0) * getattr(o, "other", 1.0))
    for _ in range(4):
        o.steps += 1
        assert f(1.0) == 2
    assert f.retraces == 0


def test_a_method_that_an_attribute_hides() -> None:
    class Model:
        def scale(self, x: Any) -> Any:
            return 2 * x

    model = Model()
    f = mg.compile(lambda x: model.scale(x))
    assert f(1.0) == 2
    model.scale = lambda x: 7 * x  # type: ignore[method-assign]
    assert f(1.0) == 7
    del model.scale
    assert f(1.0) == 2


class Plain:
    sizes: tuple[int, ...] | list[int] = []  # noqa: RUF012


class Loud(Plain):
    pass


OBJECTS: dict[str, tuple[Any, Any]] = {  # how it is looked at, how it changes
    "class": (lambda o: 3.0 if isinstance(o, Loud) else 1.0, lambda o: swap(o, Loud)),
    "type": (lambda o: 1.0 * len(type(o).__name__), lambda o: swap(o, Loud)),
    "hasattr": (lambda o: 2.0 if hasattr(o, "late") else 1.0, lambda o: setattr(o, "late", 0)),
    "getattr": (lambda o: getattr(o, "late", 1.0), lambda o: setattr(o, "late", 4.0)),
    "dir": (lambda o: 1.0 * len(dir(o)), lambda o: setattr(o, "late", 4.0)),
    "nested": (
        lambda o: sum(v.k for v in vars(o).values()),
        lambda o: setattr(o.part, "k", 9.0),
    ),
    "list of the class": (lambda o: 1.0 + len(o.sizes), lambda o: setattr(o, "sizes", [1, 2])),
}


def swap(o: Any, kind: type) -> None:
    o.__class__ = kind


@pytest.mark.parametrize("look, change", OBJECTS.values(), ids=OBJECTS)
def test_objects_that_change_in_other_ways(look: Any, change: Any) -> None:
    o = Plain()
    o.part = types.SimpleNamespace(k=2.0)  # type: ignore[attr-defined]
    f = mg.compile(lambda x: x * look(o))
    before = f(1.0)
    assert before == look(o)
    change(o)
    assert f(1.0) == look(o) != before
    assert f(1.0) == look(o)


def test_values_kept_on_first_use_trace_once_more_at_most() -> None:
    class Model:
        scale = 2.0

        @functools.cached_property
        def weight(self) -> float:
            return 3 * self.scale

    model = Model()
    f = mg.compile(lambda x: x * model.weight)
    assert [f(1.0) for _ in range(4)] == [6.0] * 4
    assert f.retraces <= 1


def test_what_a_module_does_as_it_is_imported_is_done_once_for_all_calls(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_as_traced.py").write_text(
        "import random, time\nSTART = time.time()\nDRAWN = random.Random().random()\nK = 3.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def f(x: Any) -> Any:
        import imported_as_traced

        return x * imported_as_traced.K

    assert mg.compile(f)(2.0) == 6.0
    with pytest.raises(TypeError, match=r"time\(\) in"):
        mg.compile(lambda x: x * time.time())(2.0)
