"""vmap, linearize, checkpoint and their nesting, against JAX and against loops."""

from __future__ import annotations

import functools
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from peers import jax, jnp
from test_forward import by_op, listed
from test_random_programs import program

RNG = np.random.default_rng(0)
X, V, W = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(3, 2))


def close(got: Any, expected: Any, rtol: float = 1e-9) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


# --- vmap ------------------------------------------------------------------------------


@pytest.mark.parametrize("op", by_op)
def test_vmap_is_a_loop(op: str) -> None:
    """Over the table of samples: all arguments mapped, and one of them alone."""
    for s in by_op[op]:
        f = lambda *args, s=s: tuple(listed(s.f(*args)))
        stacks = [np.stack([a, 1.01 * np.asarray(a), 0.99 * np.asarray(a)]) for a in s.args]
        cases = [(tuple(stacks), (0,) * len(stacks))]
        if len(stacks) > 1:
            cases.append(((stacks[0], *s.args[1:]), (0, *[None] * (len(stacks) - 1))))
        for args, axes in cases:
            try:
                got = mg.vmap(f, axes)(*args)
            except TypeError as error:
                assert "vmap" in str(error) or "depends on values" in str(error), s.id
                assert s.op in VALUE_DEPENDENT, f"{s.id}: {error}"
                continue
            for i in range(3):
                one = f(*[a if axis is None else a[i] for a, axis in zip(args, axes, strict=True)])
                for y, z in zip(got, one, strict=True):
                    np.testing.assert_allclose(y[i], z, rtol=1e-12, atol=1e-13, err_msg=s.id)


VALUE_DEPENDENT = {
    "getitem", "unique", "extract", "compress", "piecewise", "repeat", "trim_zeros", "bincount",
    "insert", "delete", "roots", "polymul", "polydiv", "polyfit", "unique_all", "unique_counts",
    "unique_inverse", "unique_values", "union1d", "intersect1d", "setdiff1d", "setxor1d",
}  # fmt: skip
"""Functions whose result has a shape that depends on values."""


def test_per_example_gradients() -> None:
    labels = np.array([0, 1, 1, 0])

    def loss(m: Any, lse: Any) -> Any:
        return lambda w, x, y: lse(m.tanh(x) @ w) - (m.tanh(x) @ w)[y]

    got = mg.vmap(mg.grad(loss(np, mg.logsumexp)), (None, 0, 0))(W, X, labels)
    theirs = jax.vmap(jax.grad(loss(jnp, jax.nn.logsumexp)), (None, 0, 0))
    close(got, theirs(W, X, jnp.array(labels)))


@pytest.mark.parametrize(
    ("in_axes", "out_axes", "shape"),
    [(0, 0, (4, 3)), (1, 0, (3, 4)), (-1, 1, (4, 3)), ((1,), -1, (4, 3)), ([0], 1, (3, 4))],
)
def test_axes(in_axes: Any, out_axes: Any, shape: Any) -> None:
    f = lambda m: lambda x: m.cumsum(x) * 2.0
    got = mg.vmap(f(np), in_axes, out_axes)(X)
    theirs = jax.vmap(f(jnp), tuple(in_axes) if isinstance(in_axes, list) else in_axes, out_axes)
    assert got.shape == shape
    close(got, theirs(X))


def test_nested_arguments_keywords_and_constants() -> None:
    def f(p: Any, x: Any, *, scale: Any) -> Any:
        return {"y": x @ p["w"] * scale, "sum": p["w"].sum(), "none": 2.0}

    axes = ({"w": None}, 0)
    got = mg.vmap(f, axes, {"y": 0, "sum": None, "none": 0})({"w": W}, X, scale=np.arange(4.0))
    close(got["y"], X @ W * np.arange(4.0)[:, None])
    close(got["sum"], W.sum())
    close(got["none"], np.full(4, 2.0))


def test_results_are_arrays_of_ones_own() -> None:
    got = mg.vmap(lambda x: (x, x))(X)
    got[0][0, 0] = 7
    assert got[1][0, 0] == X[0, 0] != 7


def at(f: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        f()
    return str(caught.value)


def test_errors() -> None:
    assert "bool() of" in at(lambda: mg.vmap(lambda x: x if x[0] > 0 else -x)(X))
    assert "np.where" in at(lambda: mg.vmap(lambda x: x if x[0] > 0 else -x)(X))
    assert "getitem() depends on values" in at(lambda: mg.vmap(lambda x: x[x > 0])(X))
    assert "numbers of examples differ" in at(lambda: mg.vmap(np.add)(X, X[:2]))
    assert "has no axis of examples" in at(lambda: mg.vmap(np.sin)(1.0))
    assert "no axis 2" in at(lambda: mg.vmap(np.sin, 2)(X))
    assert "in_axes is None for all" in at(lambda: mg.vmap(np.sin, None)(X))
    assert "3 entries for 1 arguments" in at(lambda: mg.vmap(np.sin, (0, 0, 0))(X))
    assert "out_axes cannot be None" in at(lambda: mg.vmap(np.sin, 0, None)(X))
    assert "no array" in at(lambda: mg.vmap(lambda x: "word")(X))
    assert "there is no example" in at(lambda: mg.vmap(np.sin)(X[:0]))
    assert "holds integers and None" in at(lambda: mg.vmap(np.sin, "first")(X))


def test_what_is_the_same_for_all_may_be_looked_at() -> None:
    t = mg.Tensor(2.0)
    close(mg.vmap(lambda x: x * 2 if t > 1 else x)(X), 2 * X)


def test_gradients_flow_to_tensors_from_outside_and_not_through_detach() -> None:
    w = mg.Tensor(V, requires_grad=True)
    mg.vmap(lambda x: x @ w + (x * w).detach().sum())(X).sum().backward()
    close(w.grad, X.sum(0))

    def f(x: Any) -> Any:
        with mg.no_grad():
            still = x * x
        return (x * still).sum()

    close(mg.grad(lambda x: mg.vmap(f)(x).sum())(X), X * X)


# --- nesting ---------------------------------------------------------------------------

F = lambda m: lambda x: m.sum(m.sin(x) * m.cumsum(x) ** 2) + m.prod(x)
G = lambda m: lambda x: m.tanh(x @ np.arange(9.0).reshape(3, 3) / 9) * x[::-1]


def d(lib: Any, f: Any) -> Any:
    """The derivative along V, forward."""
    return lambda x: lib.jvp(f, (x,), (V,))[1]


NESTINGS = {
    "grad of vmap": lambda lib, m: (lib.grad(lambda x: (lib.vmap(F(m))(x) ** 2).sum()), X),
    "vmap of grad": lambda lib, m: (lib.vmap(lib.grad(F(m))), X),
    "vmap of hessian": lambda lib, m: (lib.vmap(lib.hessian(F(m))), X),
    "vmap of jvp": lambda lib, m: (lib.vmap(d(lib, G(m))), X),
    "vmap of jacobian": lambda lib, m: (lib.vmap(jac(lib)(G(m))), X),
    "jvp of vmap": lambda lib, m: (lambda x: lib.jvp(lib.vmap(G(m)), (x,), (x,))[1], X),
    "jacobian of vmap": lambda lib, m: (jac(lib)(lib.vmap(G(m))), X),
    "hessian of vmap": lambda lib, m: (lib.hessian(lambda x: lib.vmap(F(m))(x).sum()), X),
    "vmap of vmap": lambda lib, m: (lib.vmap(lib.vmap(m.sin)), X),
    "jvp of jvp of jvp": lambda lib, m: (d(lib, d(lib, d(lib, G(m)))), V),
    "grad of jvp of jvp": lambda lib, m: (lib.grad(d(lib, d(lib, F(m)))), V),
    "jvp of grad of jvp": lambda lib, m: (d(lib, lib.grad(d(lib, F(m)))), V),
    "jvp of jvp of grad": lambda lib, m: (d(lib, d(lib, lib.grad(F(m)))), V),
    "jacobian of hessian": lambda lib, m: (jac(lib)(lib.hessian(F(m))), V),
    "grad of hessian": lambda lib, m: (lib.grad(lambda x: (lib.hessian(F(m))(x) ** 2).sum()), V),
    "vmap of jvp of grad": lambda lib, m: (lib.vmap(d(lib, lib.grad(F(m)))), X),
    "grad of vmap of jvp": lambda lib, m: (lib.grad(lambda x: lib.vmap(d(lib, G(m)))(x).sum()), X),
    "closures": lambda lib, m: (
        lib.grad(lambda x: lib.jvp(lambda y: m.sum(m.sin(x * y) * y), (x * 2,), (x,))[1]), V),
    "tangents": lambda lib, m: (
        lib.grad(lambda v: m.sum(lib.jvp(G(m), (V,), (v,))[1] ** 2)), V),
    "closures of closures": lambda lib, m: (

        lambda x: lib.jvp(lambda y: lib.jvp(lambda z: x * y * z * z, (y,), (x,))[1], (x,), (V,))[1],
        V),
}  # fmt: skip


def jac(lib: Any) -> Any:
    return lib.jacobian if lib is mg else lib.jacfwd


@pytest.mark.parametrize("name", NESTINGS)
def test_nesting(name: str) -> None:
    ours, x = NESTINGS[name](mg, np)
    theirs, _ = NESTINGS[name](jax, jnp)
    close(ours(x), jax.jit(theirs)(x), 1e-8)


@pytest.mark.parametrize("name", [n for n in NESTINGS if n.count("of") < 3])
def test_nesting_compiled(name: str) -> None:
    f, x = NESTINGS[name](mg, np)
    compiled = mg.compile(f)
    close(compiled(x), f(x), 1e-9)
    close(compiled(1.1 * x), f(1.1 * x), 1e-9)


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_of_a_compiled_function(mode: str) -> None:
    f = mg.compile(G(np))
    close(mg.jacobian(f, mode=mode)(V), jax.jacobian(G(jnp))(V))
    close(mg.vmap(f)(X), jax.vmap(G(jnp))(X))


@pytest.mark.parametrize("seed", range(20, 28))
def test_random_programs_to_third_order(seed: int) -> None:
    """The third derivative along three directions, by all orders of modes, and by differences."""
    f, a, b = program(seed)
    rng = np.random.default_rng(seed)
    u, v, w = ([rng.normal(size=x.shape) for x in (a, b)] for _ in range(3))

    def along(f: Any, *orders: Any) -> Any:
        for kind, t in orders:
            if kind == "jvp":
                f = lambda p, f=f, t=t: mg.jvp(f, (p,), (t,))[1]
            else:
                f = lambda p, f=f, t=t: sum(
                    (x * y).sum() for x, y in zip(mg.grad(f)(p), t, strict=True)
                )
        return f

    g = lambda p: f(np, *p)
    second = along(g, ("grad", u), ("jvp", v))
    h = 1e-5
    ends = (second([x + s * h * t for x, t in zip((a, b), w, strict=True)]) for s in (1, -1))
    numeric = next(ends) / (2 * h) - next(ends) / (2 * h)
    results = [
        along(g, *orders)([a, b])
        for orders in (
            [("jvp", u), ("jvp", v), ("jvp", w)],
            [("grad", u), ("jvp", v), ("jvp", w)],
            [("jvp", u), ("grad", v), ("jvp", w)],
            [("jvp", u), ("jvp", v), ("grad", w)],
        )
    ]
    for result in results[1:]:
        close(result, results[0], 1e-8)
    close(results[0], numeric, 1e-4)


@pytest.mark.parametrize("seed", range(20, 26))
def test_random_programs_mapped(seed: int) -> None:
    f, a, b = program(seed)
    batch = np.stack([a, 0.9 * a, 1.1 * a])
    gradient = mg.grad(lambda x, y: f(np, x, y))
    ours = mg.vmap(gradient, (0, None))(batch, b)
    for got, x in zip(ours, batch, strict=True):
        close(got, gradient(x, b))


# --- linearize and memory --------------------------------------------------------------


def test_linearize_is_used_many_times() -> None:
    calls = []

    def f(x: Any, p: Any) -> Any:
        calls.append(1)
        return {"y": np.sin(x) * p["k"]}

    value, push = mg.linearize(f, V, {"k": 2.0})
    for t in (V, np.ones(3)):
        close(push(t, {"k": 1.0})["y"], np.cos(V) * 2 * t + np.sin(V))
    close(value["y"], np.sin(V) * 2)
    assert len(calls) == 1
    assert "2 arguments, but 1 tangents" in at(lambda: push(V))
    close(mg.grad(lambda x: mg.linearize(np.sin, x)[1](V).sum())(V), -np.sin(V) * V)


def peak(f: Any) -> int:
    f()
    tracemalloc.start()
    f()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_of_jvp_does_not_grow_with_the_computation() -> None:
    x = np.linspace(0, 1, 10_000)

    def chain(n: int) -> Any:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = np.sin(x) * 1.1
            return x

        return lambda: mg.jvp(f, (x,), (x,))

    assert peak(chain(100)) < 1.2 * peak(chain(10))


def test_gradients_inside_jvp_leave_nothing_behind() -> None:
    x = np.linspace(0, 1, 10_000)
    few, many = (peak(lambda n=n: mg.jvp(lambda x: steps(x, n), (x,), (x,))) for n in (3, 30))
    assert many < 1.3 * few


def steps(x: Any, n: int) -> Any:
    for _ in range(n):
        x = x - 0.1 * mg.grad(lambda y: (y**4).sum())(x)
    return x


# --- checkpoint ------------------------------------------------------------------------


def piece(x: Any, n: int = 8) -> Any:
    for _ in range(n):
        x = np.sin(x) * 1.1 + 0.01 * x * x
    return x


def chained(f: Any, n: int = 8) -> Any:
    def total(x: Any) -> Any:
        for _ in range(n):
            x = f(x)
        return x.sum()

    return total


def test_checkpoints_keep_what_lies_between_them_alone() -> None:
    x = np.linspace(0, 1, 50_000)
    plain, saving = mg.grad(chained(piece)), mg.grad(chained(mg.checkpoint(piece)))
    close(saving(x), plain(x), 1e-12)
    assert peak(lambda: saving(x)) < 0.3 * peak(lambda: plain(x))


def test_checkpoint_of_many_inputs_and_outputs() -> None:
    w = mg.Tensor(np.array([1.0, 2.0, 0.5]), requires_grad=True)

    def f(p: Any, x: Any, flag: Any) -> Any:
        y = np.sin(w * w) * p["k"] * x
        return [y, {"twice": 2 * y if flag else y}, "word", 3.0]

    def loss(f: Any, k: Any, x: Any) -> Any:
        y, more, word, number = f({"k": k * w}, x, True)
        assert word == "word"
        return (y * more["twice"]).sum() * number

    for order in (mg.grad, lambda f, n: mg.hessian(f, n[0])):
        got = order(lambda k, x: loss(mg.checkpoint(f), k, x), (0, 1))(V, V + 1)
        expected = order(lambda k, x: loss(f, k, x), (0, 1))(V, V + 1)
        for a, b in zip(got, expected, strict=True):
            close(a.data, b.data)
    loss(mg.checkpoint(f), V, V).backward()
    got, w.grad = w.grad, None
    loss(f, V, V).backward()
    close(got, w.grad)


def test_checkpoint_nests() -> None:
    f = mg.checkpoint(lambda x: mg.checkpoint(np.sin)(x) * x)
    for transform in (
        lambda f: mg.grad(lambda x: f(x).sum()),
        lambda f: mg.jacobian(f, mode="forward"),
        lambda f: mg.jacobian(f, mode="reverse"),
        lambda f: mg.hessian(lambda x: f(x).sum()),
        lambda f: mg.vmap(mg.grad(f)),
        lambda f: mg.compile(mg.grad(lambda x: f(x).sum())),
        mg.jacobian,
    ):
        close(transform(f)(V), transform(lambda x: np.sin(x) * x)(V))


def test_checkpoint_of_what_is_not_the_same_twice() -> None:
    rng = np.random.default_rng(0)
    noisy = mg.checkpoint(lambda x: x * rng.random())
    with pytest.raises(RuntimeError, match=r"something else when it was called again.*argument"):
        mg.grad(noisy)(2.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, kept: x * kept["m"],
        lambda x, kept: x[kept["i"]],
        lambda x, kept: np.where(kept["i"] > 0, x, 2 * x),
        lambda x, kept: x.sum() * np.sum(kept["large"]),
    ],
)
def test_checkpoint_of_constants_that_change_meanwhile(f: Any) -> None:
    """At 0 the value is what it was, whatever the constant is; the gradient would not be."""

    def loss(x: Any, change: bool) -> Any:
        kept = {"m": np.ones(2), "i": np.array([0, 1]), "large": np.ones((300, 300))}
        y = mg.checkpoint(f)(x, kept)
        if change:
            kept["m"][:], kept["i"][:], kept["large"][:] = 5.0, 1, 2.0
        return np.sum(y)

    x = np.zeros(2)
    assert mg.grad(lambda x: loss(x, False))(x).shape == (2,)
    with pytest.raises(RuntimeError, match="computed something else when it was called again"):
        mg.grad(lambda x: loss(x, True))(x)


def test_checkpoint_of_constants_records_nothing() -> None:
    assert mg.checkpoint(np.sin)(0.0) == 0.0
    assert not mg.checkpoint(np.sin)(mg.Tensor(1.0)).requires_grad


def test_fitting_a_differential_equation_by_its_jacobian() -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def path(p: Any) -> Any:
        def slope(s: Any) -> Any:
            x, y = s[0], s[1]
            return np.stack([p[0] * x - p[1] * x * y, p[3] * x * y - p[2] * y])

        s, h, found = np.array([1.0, 0.6]), 0.2, []
        for _ in range(15):
            k1 = slope(s)
            k2 = slope(s + h / 2 * k1)
            s = s + h * k2
            found.append(s)
        return np.concatenate(found)

    true, start = np.array([1.1, 0.4, 0.9, 0.3]), np.array([0.9, 0.5, 0.8, 0.35])
    data = path(true) + 0.01 * np.sin(np.arange(30.0))
    residuals = lambda p: path(p) - data
    options = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
    fit = optimize.least_squares(residuals, start, jac=mg.jacobian(residuals), **options)
    plain = optimize.least_squares(residuals, start, jac="3-point", **options)
    np.testing.assert_allclose(fit.x, plain.x, rtol=1e-6)
    assert np.abs(fit.grad).max() < 1e-10 and fit.njev <= plain.njev + 1


@pytest.mark.parametrize(
    "inner",
    [
        lambda w, x: mg.grad(lambda w: np.sum(np.sin(w) * x))(w),
        lambda w, x: mg.grad(lambda w: np.sum(np.sin(w)))(w),
        lambda w, x: mg.hvp(lambda w: np.sum(np.sin(w) * x), w, w),
        lambda w, x: mg.vjp(lambda w: np.sin(w) * x, w)[1](w)[0],
        lambda w, x: mg.hessian(lambda w: np.sum(np.sin(w) * x))(w),
    ],
)
def test_tangents_of_what_is_the_same_for_all_examples(inner: Any) -> None:
    w, X, t = np.array([0.3, 1.0]), np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([1.0, 0.5])
    for mapped in (
        lambda w: mg.vmap(functools.partial(inner, w))(X),
        lambda w: mg.vmap(inner, (None, 0))(w, X),
    ):
        want = np.stack([mg.jvp(lambda w, x=x: inner(w, x), (w,), (t,))[1] for x in X])
        assert np.abs(want).max() > 0.1
        np.testing.assert_allclose(mg.jvp(mapped, (w,), (t,))[1], want)
        np.testing.assert_allclose(mg.jacobian(mapped, mode="forward")(w) @ t, want)
