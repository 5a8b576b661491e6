"""Compiled functions called in every form: parameters, kinds of numbers, containers, statics."""

from __future__ import annotations

import collections
import copy
import cProfile
import dataclasses
import enum
import functools
import inspect
import pickle
import sys
import threading
import weakref
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.program.places import same_value
from minigrad.tree import flatten


def equal(got: Any, expected: Any, rtol: float = 1e-12) -> None:
    """The same structure, types of containers included, and the same numbers."""
    assert flatten(got)[1](list("x" * 99)) == flatten(expected)[1](list("x" * 99))
    for g, e in zip(flatten(got)[0], flatten(expected)[0], strict=True):
        assert np.shape(g) == np.shape(e)
        assert np.asarray(g).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(g, e, rtol=rtol)


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclasses.dataclass
class Params:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Key:
    n: int


class Colour(enum.Enum):
    RED = 1


class Word(enum.StrEnum):
    HOSTILE = '"); print("ran'


class Model:
    def __init__(self) -> None:
        self.k = 2.0

    def loss(self, w: Any, x: Any) -> Any:
        return (np.sin(w * x) ** 2).sum() * self.k

    __call__ = loss


def line(w: Any, b: Any, x: Any) -> Any:
    return (w * x + b) ** 2


def weird(min: Any, max: Any, abs: Any, len: Any, np: Any, x0: Any, work: Any, result: Any) -> Any:
    return min * max + abs - len * np + x0 * work - result


FORMS: dict[str, tuple[Any, Any]] = {
    "plain": (line, lambda a, b, c: ((a, b, c), {})),
    "keywords": (line, lambda a, b, c: ((a,), {"x": c, "b": b})),
    "*args": (lambda *a: line(*a), lambda a, b, c: ((a, b, c), {})),
    "**kwargs": (lambda **k: line(**k), lambda a, b, c: ((), {"w": a, "b": b, "x": c})),
    "*x, x0": (lambda *x, x0=0.0: sum(x) + 100 * x0, lambda a, b, c: ((a, b), {"x0": c})),
    "keyword-only": (lambda w, *, b, x: line(w, b, x), lambda a, b, c: ((a,), {"b": b, "x": c})),
    "positional-only": (lambda w, b, /, x: line(w, b, x), lambda a, b, c: ((a, b, c), {})),
    "defaults": (lambda w, b=0.5, x=2.0: line(w, b, x), lambda a, b, c: ((a,), {"x": c})),
    "same names": (lambda a, /, **k: a * k["a"], lambda a, b, c: ((a,), {"a": b})),
    "parameters": (weird, lambda a, b, c: ((a, b, c, a, b, c, a, b), {})),
    "partial": (functools.partial(line, 0.5), lambda a, b, c: ((b, c), {})),
    "partial keyword": (functools.partial(line, x=0.5), lambda a, b, c: ((a, b), {})),
    "bound method": (Model().loss, lambda a, b, c: ((a, b), {})),
    "callable object": (Model(), lambda a, b, c: ((a, b), {})),
    "list": (lambda p, x: line(p[0], p[1], x), lambda a, b, c: (([a, b], c), {})),
    "dict": (lambda p, x: line(p["w"], p["b"], x), lambda a, b, c: (({"b": b, "w": a}, c), {})),
    "named tuple": (lambda p, x: line(p.w, p.b, x), lambda a, b, c: ((Pair(a, b), c), {})),
    "dataclass": (lambda p, x: line(p.w, p.b, x), lambda a, b, c: ((Params(a, b), c), {})),
    "nested": (
        lambda p: {"out": line(p["m"][0].w, p["m"][1], p["x"])},
        lambda a, b, c: (({"m": (Pair(a, 1.0), b), "x": c},), {}),
    ),
    "ordered": (
        lambda p: collections.OrderedDict(b=p["w"] * 2, a=p["b"]),
        lambda a, b, c: ((collections.OrderedDict(w=a, b=b),), {}),
    ),
    "default dict": (
        lambda p: collections.defaultdict(list, w=p["w"] * 2),
        lambda a, b, c: ((collections.defaultdict(float, w=a, b=b),), {}),
    ),
    "returns a pair": (lambda a, b: Pair(b * 2, [a]), lambda a, b, c: ((a, b), {})),
    "returns a dataclass": (lambda a, b: Params(b * 2, (a,)), lambda a, b, c: ((a, b), {})),
    "keys": (
        lambda p: {k: v * 2 for k, v in p.items()},
        lambda a, b, c: (
            ({Colour.RED: a, Word.HOSTILE: b, Key(1): c, float("inf"): a, 'a"b': b, None: c},),
            {},
        ),
    ),
}

NUMBERS: dict[str, Any] = {
    "float": float,
    "float64": np.float64,
    "float32": np.float32,
    "0-d": np.array,
    "array": lambda x: np.linspace(x, x + 1, 5),
    "float32 array": lambda x: np.linspace(x, x + 1, 5, dtype=np.float32),
    "big-endian": lambda x: np.linspace(x, x + 1, 5).astype(">f8"),
    "unpickled": lambda x: pickle.loads(pickle.dumps(np.linspace(x, x + 1, 5))),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, kind: str) -> None:
    f, call = FORMS[form]
    step = mg.compile(f)
    for i in range(3):
        args, kwargs = call(*(NUMBERS[kind](x + 0.1 * i) for x in (0.3, 0.7, 1.1)))
        got, expected = step(*args, **kwargs), f(*args, **kwargs)
        rtol = 1e-5 if "32" in kind else 1e-12
        for g, e in zip(flatten(got)[0], flatten(expected)[0], strict=True):
            np.testing.assert_allclose(g, e, rtol=rtol)
            assert np.asarray(g).dtype == np.asarray(e).dtype.newbyteorder("=")
        assert flatten(got)[1](list("x" * 9)) == flatten(expected)[1](list("x" * 9))
    assert step.retraces == 0
    missed = []
    step._find = lambda *a, **k: missed.append(a)  # type: ignore[method-assign]
    args, kwargs = call(*map(NUMBERS[kind], (0.3, 0.7, 1.1)))
    step(*args, **kwargs)
    assert not missed, "the generated test did not recognise the call"


@pytest.mark.parametrize("make", [mg.grad, mg.value_and_grad, mg.jacobian, mg.hessian])
@pytest.mark.parametrize("form", ["partial", "bound method", "callable object", "*args"])
def test_derivatives_of_every_form(make: Any, form: str) -> None:
    f, call = FORMS[form]
    args, kwargs = call(0.3, 0.7, 1.1)
    step = mg.compile(make(f))
    for _ in range(2):
        for g, e in zip(*(flatten(h(*args, **kwargs))[0] for h in (step, make(f))), strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12)
    x = np.array([0.5, 1.5])
    product = mg.compile(lambda v: mg.hvp(lambda w: Model().loss(w, x), x, v))
    np.testing.assert_allclose(product(x), mg.hvp(lambda w: Model().loss(w, x), x, x))


# --- numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("x", [3, np.int64(3), np.int32(3), np.longdouble(3), np.float32(3)])
def test_gradient_by_any_number(x: Any) -> None:
    step = mg.compile(mg.grad(lambda s: s * 2.5 * s))
    for i in range(4):
        assert float(step(type(x)(x + i))) == 5.0 * (3 + i)


def test_whole_numbers_become_inputs_where_they_only_enter_arithmetic() -> None:
    def adam(m: Any, t: Any) -> Any:
        return m / (1 - 0.9**t) + 2 * t - t

    step = mg.compile(adam)
    m = np.array([1.0, 2.0])
    for t in range(1, 9):
        np.testing.assert_allclose(step(m, t), adam(m, t), rtol=1e-14)
    assert step.retraces == 1
    np.testing.assert_allclose(step(m, 10**12), adam(m, 10**12))  # beyond what is exact


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x[:n].sum(),
        lambda x, n: x.reshape(n, -1).sum(0),
        lambda x, n: sum(x[i] for i in range(n)),
        lambda x, n: x * 2 if n > 2 else x,
        lambda x, n: x + {1: 2.0, 2: 3.0}.get(n, 7.0),
        lambda x, n: x * n if isinstance(n, int | np.integer) else x,
        lambda x, n: (x.sum(), n),
        lambda x, n: x * (n // 2),
        lambda x, n: np.arange(12) * n,
        lambda x, n: x.astype(np.float32) * n,
        lambda x, n: x * (2 * n if np.cumprod(n).dtype.kind == "f" else n * n),  # the same at 2
        lambda x, n: x * (2 * n if np.stack([n, n]).dtype.kind == "f" else n * n),
        lambda x, n: x * (2 * n if np.result_type(-n, np.int8).kind == "f" else n * n),
    ],
)
@pytest.mark.parametrize("kind", [int, np.int64])
def test_whole_numbers_that_are_looked_at(f: Any, kind: Any) -> None:
    step = mg.compile(f)
    x = np.arange(12.0)
    for n in (1, 2, 3, 4, 2, 1):
        equal(step(x, kind(n)), f(x, kind(n)))


def test_python_numbers_take_the_dtype_of_arrays_at_every_call() -> None:
    step = mg.compile(lambda w, lr: w - lr * w)
    w = np.ones(3, np.float32)
    assert [step(w, 0.1 * i).dtype for i in (1, 2, 3)] == [np.float32] * 3
    assert step(w, np.float64(0.1)).dtype == np.float64
    assert step(w, 0.1).dtype == np.float32
    joined = mg.compile(lambda w, x: np.concatenate([x, w, x], axis=None))
    for x in (0.1, 0.2, np.float64(0.1), np.float16(0.1), 2):
        assert joined(w, x).dtype == np.concatenate([x, w], axis=None).dtype
    assert step(np.ones(3), 0.1).dtype == np.float64
    mixed = mg.compile(lambda w, a: np.where(w > a, w * (2 * a) ** 2, np.exp(a) * w))
    for a in (0.5, 0.25):
        equal(mixed(w, a), np.where(w > a, w * (2 * a) ** 2, np.exp(a) * w), 1e-6)


SINGLE = np.full((2, 3), 0.5, np.float32)
MIXED = [
    1.0, np.float64(2), 1, 2, 3, np.int64(1), np.int64(2), np.int64(3), 4, np.int32(2), 5.0,
    np.int32(1), np.float32(2), np.float32(3), True, np.int64(7), 8, np.float64(0.5), 0.25,
]  # fmt: skip


@pytest.mark.parametrize(
    "f",
    [
        lambda a: (a * 2, SINGLE * a),
        lambda a: (a * 2, (a / 2) * SINGLE),
        lambda a: (a * 2, a * a * SINGLE),
        lambda a: (a * 2.0, (a * 0.5 + 1) * SINGLE),
        lambda a: (a + 1, np.logaddexp(a, SINGLE)),
        lambda a: (-a, mg.sqrt(a + 3) * SINGLE),
        lambda a: (abs(a), np.maximum(a, SINGLE)),
        lambda a: (a // 2, a // 2 * SINGLE),
        lambda a: (a % 2, a % 2 * SINGLE),
        lambda a: (np.add(a, 1.0) * SINGLE, np.multiply(a, 2) * SINGLE, np.power(a, 2) * SINGLE),
        lambda a: (
            np.negative(a + 0.5) * SINGLE,
            np.abs(a) * SINGLE,
            np.floor_divide(a, 1.0) * SINGLE,
        ),
        lambda a: (
            round(a + 0.25, 1) * SINGLE,
            np.round(a, 1) * SINGLE,
            divmod(a, 2.0)[1] * SINGLE,
        ),
        lambda a: (a**2, a**2 * SINGLE),
        lambda a: (np.dot(a, SINGLE[0, 0]), np.inner(SINGLE[0, 0], a), np.dot(SINGLE, a)),
        lambda a: (np.multiply.outer(SINGLE[0], a), np.multiply.outer(a, SINGLE[0])),
        lambda a: (np.float_power(a / 3, SINGLE), np.where(SINGLE, a, 2.0)),
        lambda a: (np.clip(a / 3, SINGLE[0, 0], None), np.clip(SINGLE, a / 3, 9.0)),
        lambda a: (np.clip(a / 3, 0, None) * SINGLE, np.clip(a / 3, 0.0, 9.0) * SINGLE),
        lambda a: (np.pad(a / 3, 0) * SINGLE, np.real_if_close(a / 3) * SINGLE, a / 3 * SINGLE),
        lambda a: (mg.elu(a / 3 - 2, SINGLE[0, 0]), np.where(SINGLE > 1, SINGLE, a / 3)),
        lambda a: np.linspace(a, SINGLE[0, 0], 3),
        lambda a: mg.value_and_grad(lambda x, c: np.sum(x * c * SINGLE) * 0.5)(np.ones(3), a),
    ],
)
def test_numbers_of_every_type_in_turn(f: Any) -> None:
    """What numbers came before does not change the dtype of what this one gives."""
    rng = np.random.default_rng(0)
    for _ in range(4):
        compiled = mg.compile(f)
        for i in rng.permutation(len(MIXED)):
            try:
                expected = f(MIXED[i])
            except TypeError:  # -True, say
                continue
            equal(compiled(MIXED[i]), expected)


def test_booleans() -> None:
    step = mg.compile(lambda x, mask, flag: np.where(mask, x, -x) if flag else x * mask)
    x, mask = np.array([1.0, 2.0]), np.array([True, False])
    for flag in (True, False, True):
        for m in (mask, ~mask):
            equal(step(x, m, flag), np.where(m, x, -x) if flag else x * m)
    assert step.retraces == 1


# --- statics ---------------------------------------------------------------------------


def test_statics_are_told_apart_to_the_last_bit() -> None:
    step = mg.compile(lambda x, s: np.copysign(x, s), static=["s"])
    assert [float(step(1.0, s)) for s in (0.0, -0.0, 0.0)] == [1.0, -1.0, 1.0]
    kind = mg.compile(lambda x, s: x + len(type(s).__name__), static=["s"])
    assert [kind(0.0, s) for s in (1, 1.0, True)] == [3.0, 5.0, 4.0]
    nan = mg.compile(lambda x, s: x * s, static=[1])
    for _ in range(3):
        assert np.isnan(nan(1.0, float("nan")))
    assert nan.retraces == 0
    table = mg.compile(lambda x, s: x + s, static="s")
    a = np.array([1.0, 2.0])
    for s in (a, a.copy(), a * 2, a):
        np.testing.assert_array_equal(table(1.0, s), 1.0 + s)
    assert table.retraces == 1
    a[0] = 9.0
    np.testing.assert_array_equal(table(1.0, a), 1.0 + a)


def test_statics_that_are_no_parameters() -> None:
    with pytest.raises(ValueError, match=r"no parameter 'typo'; its parameters are w, b, x"):
        mg.compile(line, static=["typo"])
    with pytest.raises(ValueError, match="no parameter 3"):
        mg.compile(line, static=[3])
    with pytest.raises(TypeError, match="a name or a position"):
        mg.compile(line, static=[1.5])  # type: ignore[list-item]


def test_same() -> None:
    assert (
        same_value(float("nan"), float("nan"))
        and not same_value(0.0, -0.0)
        and not same_value(1, True)
    )
    assert same_value([1, {"a": (2.0,)}], [1, {"a": (2.0,)}]) and not same_value([0.0], [-0.0])
    assert (
        same_value(Key(1), Key(1))
        and not same_value(Key(1), Key(2))
        and not same_value(object(), object())
    )
    assert not same_value(np.array([0.0]), np.array([-0.0]))
    assert same_value(np.array([np.nan]), np.array([np.nan]))
    big = np.zeros((300, 300))
    other = big.copy()
    assert same_value(big, other)
    other[299, 299] = -0.0
    assert not same_value(big, other) and not same_value(big.T, other.T)


# --- in company ------------------------------------------------------------------------


def test_composed_with_everything_else() -> None:
    f = lambda x: np.sin(x) * x
    step = mg.compile(f)
    assert mg.grad(step)(1.5) == mg.grad(f)(1.5)
    assert mg.grad(mg.grad(step))(1.5) == mg.grad(mg.grad(f))(1.5)
    assert mg.gradcheck(step, 1.5).verdict == "correct"
    assert mg.compile(mg.compile(mg.grad(step)))(1.5) == pytest.approx(mg.grad(f)(1.5))
    assert step(mg.Tensor(1.5)) == pytest.approx(f(1.5))
    first = mg.compile(mg.value_and_grad(f))(mg.Tensor(1.5))
    assert first[1] == pytest.approx(float(mg.grad(f)(1.5)))


def test_arguments_are_left_as_they_are() -> None:
    x = np.ones(3)
    mg.compile(lambda x: x * 2)(x)
    mg.trace(lambda x: x * 2, x)
    assert x.flags.writeable


def test_arrays_that_the_function_fills_meanwhile() -> None:
    def f(x: Any) -> Any:
        room = np.zeros(2)
        room[0] = 1.0
        first = x * room
        room[0] = 5.0
        return first, x * room

    equal(mg.compile(f)(np.ones(2)), f(np.ones(2)))


def test_profilers_go_on() -> None:
    heard: list[str] = []
    hook = lambda frame, event, arg: heard.append(event)
    sys.setprofile(hook)
    try:
        mg.compile(lambda x: x * 2)(1.0)
        assert sys.getprofile() is hook
    finally:
        sys.setprofile(None)
    assert len(heard) > 100
    profile = cProfile.Profile()
    profile.enable()
    try:
        mg.compile(lambda x: np.sin(x))(1.0)
        line(1.0, 2.0, 3.0)
    finally:
        profile.disable()
    assert any(getattr(s.code, "co_name", "") == "line" for s in profile.getstats())


class Lazy:
    """A stand-in that raises whatever it is asked, as a web framework's request does."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("outside of a request")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("outside of a request")

    def __eq__(self, other: object) -> Any:
        raise RuntimeError("outside of a request")

    __hash__ = None  # type: ignore[assignment]


def test_variables_that_must_not_be_looked_at() -> None:
    gone = Params(1, 2)
    dead, request = weakref.proxy(gone), Lazy()
    del gone
    box = {"dead": dead, "request": [request]}
    w = mg.Tensor(2.0, requires_grad=True)
    x = 3.0
    z = w * x
    loss = z**2
    assert "dL" in str(mg.explain(loss, w)) or mg.explain(loss, w)
    assert mg.draw(loss)
    assert mg.check_derivation(loss, {"dloss/dz": 2 * z, "dz/dw": x})

    def f(x: Any) -> Any:
        _unused = request, dead
        return x * len(box)

    assert mg.trace(f, 2.0)(3.0) == 6.0
    assert [mg.compile(f)(2.0) for _ in range(2)] == [4.0, 4.0]


@mg.compile
def decorated(w: Any) -> Any:
    return w * 2


@mg.grad
def derivative(w: Any) -> Any:
    return w**2


class Decorated:
    k = 2.0

    @mg.compile
    def scaled(self, x: Any) -> Any:
        return x * self.k


def test_decorated() -> None:
    assert decorated(2.0) == 4.0 and derivative(3.0) == 6.0
    d = Decorated()
    assert d.scaled(3.0) == 6.0
    d.k = 5.0
    assert [d.scaled(3.0) for _ in range(2)] == [15.0, 15.0]
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert copy.deepcopy(derivative) is derivative


@pytest.mark.parametrize(
    "make",
    [
        mg.compile,
        mg.grad,
        mg.value_and_grad,
        mg.jacobian,
        mg.hessian,
        lambda f: mg.compile(mg.hessian(f)),
        lambda f: mg.grad(mg.compile(f)),
    ],
)
def test_pickled_and_copied(make: Any) -> None:
    f = make(line)
    expected = f(0.5, 1.0, 2.0)
    for g in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)):
        assert g is not f
        assert flatten(g(0.5, 1.0, 2.0))[0] == flatten(expected)[0]
    assert inspect.signature(f) == inspect.signature(line)
    cloudpickle = pytest.importorskip("cloudpickle")
    k = 3.0
    h = pickle.loads(cloudpickle.dumps(make(lambda x: k * x**2)))
    assert flatten(h(2.0))[0] == flatten(make(lambda x: k * x**2)(2.0))[0]


def test_the_cache_is_bounded_and_says_when_it_thrashes() -> None:
    step = mg.compile(lambda x, mode: x * len(mode))
    with pytest.warns(RuntimeWarning, match="traced 16 times, .*: mode changes between calls"):
        for i in range(17):
            step(1.0, "m" * i)
    with pytest.warns(RuntimeWarning, match="traced 64 times"):
        for i in range(17, 80):
            assert step(1.0, "m" * i) == i
    assert len(step.known) == 64


def test_threads_with_changing_forms() -> None:
    step = mg.compile(mg.value_and_grad(lambda w, x: (np.sin(w * x) ** 2).sum()))
    failures: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            w, x = rng.normal(), rng.normal(size=rng.integers(1, 5))
            value, gradient = step(w, x)
            if not np.isclose(gradient, (np.sin(2 * w * x) * x).sum()):
                failures.append((w, x, value, gradient))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_threads_with_changing_whole_numbers() -> None:
    """What becomes an input in one thread is still a constant of the calls of another."""
    failures: list[Any] = []
    for _ in range(15):
        step = mg.compile(lambda n, m, x: (np.sin(n * x) + m).sum())
        start = threading.Barrier(4)

        def work(seed: int, step: Any = step, start: Any = start) -> None:
            rng = np.random.default_rng(seed)
            start.wait()
            for _ in range(4):
                n, m = (int(k) for k in rng.integers(1, 9, 2))
                x = rng.normal(size=3)
                try:
                    if not np.isclose(step(n, m, x), (np.sin(n * x) + m).sum()):
                        failures.append((n, m))
                except ValueError as error:
                    failures.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert not failures


# --- anything at all -------------------------------------------------------------------

leaf = st.sampled_from(
    [0.5, -1.25, 2, np.float64(0.75), np.float32(1.5), np.array(0.25), np.int64(3), True]
) | st.builds(
    lambda n, dtype: np.linspace(0.5, 1.5, n).astype(dtype),
    st.sampled_from([1, 4]),
    st.sampled_from(["f8", "f4", ">f8"]),
)
tree = st.recursive(
    leaf,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.tuples(inside, inside),
        st.dictionaries(st.sampled_from(["a", "np", "x0", 'q"']), inside, max_size=3),
        st.builds(Pair, inside, inside),
        st.builds(Params, inside, inside),
    ),
    max_leaves=5,
)
names = st.sampled_from("a b np x0 work result min _p0 _named entry _next args self".split())


def scaled(x: Any, by: int) -> Any:
    """Another number or array of the same kind."""
    if isinstance(x, np.ndarray):
        return np.asarray(x * by, x.dtype)
    return x if isinstance(x, bool) else type(x)(x * by)


def total(*args: Any, **kwargs: Any) -> Any:
    """Something that depends on every number of every argument, and on Python's own."""
    everything = flatten([list(args), sorted(kwargs.items())])[0]
    found = [x for x in everything if not isinstance(x, str)]
    return {"sum": sum(np.sum(x * (i + 1.5)) for i, x in enumerate(found)), "all": [args, kwargs]}


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:the compiled .* is run op by op instead")  # right, if slower
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(tree, max_size=3), st.dictionaries(names, tree, max_size=3), st.data())
def test_any_signature(args: list[Any], kwargs: dict[str, Any], data: Any) -> None:
    step = mg.compile(total)
    for _ in range(3):
        got, expected = step(*args, **kwargs), total(*args, **kwargs)
        np.testing.assert_allclose(
            np.asarray(got["sum"], float), np.asarray(expected["sum"], float), rtol=1e-6, atol=1e-6
        )
        for g, e in zip(flatten(got["all"])[0], flatten(expected["all"])[0], strict=True):
            np.testing.assert_array_equal(g, e)
        assert str(type(got["all"][0])) == str(type(expected["all"][0]))
        leaves, rebuild = flatten((tuple(args), kwargs))
        scale = data.draw(st.sampled_from([1, 2, 3]))
        args, kwargs = rebuild([scaled(x, scale) for x in leaves])


def test_whole_numbers_in_named_tuples_change() -> None:
    step = mg.compile(lambda a: a.w * 1.0 + a.b)
    for k in (1, 2, 4, 8):
        assert step(a=Pair(0.5 * k, 2 * k)) == 0.5 * k + 2 * k


def test_functions_may_go_through_keywords_and_dicts_in_order() -> None:
    def weighted(d: Any) -> Any:
        return sum((i + 1) * v for i, v in enumerate(d.values()))

    by_keywords, by_dict = mg.compile(lambda **k: weighted(k)), mg.compile(weighted)
    for _ in range(2):
        for parts, want in (({"a": 1.0, "b": 2.0}, 5), ({"b": 2.0, "a": 1.0}, 4)):
            assert by_keywords(**parts) == want
            assert by_dict(parts) == want
            assert by_dict(collections.OrderedDict(parts)) == want


def test_constants_beside_single_numbers_are_returned_as_they_are() -> None:
    whole, table = np.int32(-2), np.array([1.0, 2.0])
    f = mg.compile(lambda x: (x * 2, whole, table * 3, np.float32(1)))
    for _ in range(2):
        got = f(1.5)
        assert got[0] == 3 and type(got[1]) is np.int32 and type(got[3]) is np.float32
        np.testing.assert_array_equal(got[2], [3, 6])
        got[2][0] = 0  # it is the caller's


class Labelled(dict):  # type: ignore[type-arg]
    """A dict with something beside its items."""

    label = ""


class Several(list):  # type: ignore[type-arg]
    pass


class Degrees(float):
    pass


@dataclasses.dataclass(slots=True)
class Slotted:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: Any
    b: Any
    name: ClassVar[str] = "layer"


def labelled(w: Any, b: Any) -> Labelled:
    new = Labelled(w=w, b=b)
    new.label = "kept"
    return new


HOLDERS: dict[str, Any] = {
    "dict of a class": labelled,
    "Counter": lambda w, b: collections.Counter(w=w, b=b),
    "OrderedDict": lambda w, b: collections.OrderedDict(w=w, b=b),
    "defaultdict": lambda w, b: collections.defaultdict(float, w=w, b=b),
    "list of a class": lambda w, b: Several([w, b]),
    "dataclass": Params,
    "slots": Slotted,
    "frozen": Frozen,
}


@pytest.mark.parametrize("name", HOLDERS)
@pytest.mark.parametrize("kind", [float, np.float32, Degrees, lambda x: np.full(3, x)])
def test_gradients_by_what_holds_numbers_come_in_its_likeness(name: str, kind: Any) -> None:
    holder = HOLDERS[name]

    def loss(p: Any, x: Any) -> Any:
        w, b = (p["w"], p["b"]) if isinstance(p, dict) else p if isinstance(p, list) else (p.w, p.b)
        return ((w * x + b) ** 2).sum()

    p, q = holder(kind(0.5), kind(2.0)), holder(kind(-1.5), kind(0.25))
    step = mg.compile(mg.grad(loss))
    for held in (p, q, p):
        got, want = step(held, 3.0), mg.grad(loss)(held, 3.0)
        assert type(got) is type(want) is type(held)
        assert vars(got) == vars(held) if name == "dict of a class" else True
        equal(got, want, rtol=1e-6)
        w, b = (float(np.ravel(x)[0]) for x in flatten(held)[0][:2])
        slope = 2 * (w * 3.0 + b)
        for g, expected in zip(flatten(got)[0], (3 * slope, slope), strict=False):
            np.testing.assert_allclose(g, np.full(np.shape(g), expected), rtol=1e-6)
    assert step.retraces == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_a_float_of_a_class_of_its_own_is_a_double_beside_arrays(dtype: Any) -> None:
    x = np.arange(1, 4, dtype=dtype)
    for f in (lambda x, y: x * y, lambda x, y: (y * 2) * x, lambda x, y: np.where(x == 1, x, -y)):
        compiled = mg.compile(f)
        for y in (2.0, Degrees(0.1), 3.0, Degrees(-2.5)):
            got, want = compiled(x, y), f(x, y)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=2e-3)


class Dotted(dict):  # type: ignore[type-arg]
    """A dict whose keys are its attributes."""

    def __init__(self, **items: Any) -> None:
        super().__init__(**items)
        self.__dict__ = self


class Sized(list):  # type: ignore[type-arg]
    def __init__(self, size: int, items: Any) -> None:
        super().__init__(items)
        self.size = size


def test_the_keys_of_a_dict_that_are_its_attributes_stay_so() -> None:
    p = Dotted(w=np.arange(3.0), b=2.0)
    slope = mg.grad(lambda p: (p.w**2).sum() * p.b)
    double = mg.compile(lambda p: Dotted(w=p.w * 2, b=p.b * 2))
    for f, w, b in ((slope, [0, 4, 8], 5), (double, [0, 2, 4], 4), (double, [0, 2, 4], 4)):
        got = f(p)
        assert type(got) is Dotted and got.w is got["w"] and got.b == got["b"] == b
        np.testing.assert_array_equal(got.w, w)


def test_lists_of_a_class_keep_what_they_have_beside_their_parts() -> None:
    compiled = mg.compile(lambda x: Sized(7, [x * 2, 1]))
    slope = mg.grad(lambda parts: parts[0] ** 2)
    for x in (1.5, 2.5):
        for got, want in ((compiled(x), [2 * x, 1]), (slope(Sized(7, [x])), [2 * x])):
            assert type(got) is Sized and got.size == 7 and got == want


def test_containers_that_are_captured_are_looked_at_part_by_part() -> None:
    settings, steps = {"k": 2.0, "on": True}, [1.0, 2.0]
    f = mg.compile(lambda x: x * (settings["k"] if settings["on"] else 0) + sum(steps))
    assert f(1.0) == 5.0
    settings["k"] = 3.0
    assert f(1.0) == 6.0
    steps.append(10.0)
    assert f(1.0) == 16.0
    steps[0] = -0.0
    assert f(1.0) == 15.0
    settings["on"] = False
    assert f(1.0) == 12.0
    steps.clear()
    assert f(1.0) == 0.0
    del settings["on"]
    with pytest.raises(KeyError):
        f(1.0)
