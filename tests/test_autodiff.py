"""Gradients of functions: layouts, structures, nesting, closures, and recorded Tensors."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from finite_differences import numeric_gradient

Point = namedtuple("Point", "x y")
V = np.array([1.0, 2.0, 3.0])
M = np.arange(6.0).reshape(2, 3)


def leaf(data: Any, **options: Any) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True, **options)


def same(got: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Equal in structure, type of container, shape, dtype and value."""
    assert type(got) is type(expected), (got, expected)
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key in expected:
            same(got[key], expected[key], rtol)
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            same(g, e, rtol)
    elif isinstance(expected, np.ndarray | np.generic):
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-14)
    else:
        assert got == expected


f64 = np.float64

# --- layouts of grad and value_and_grad ------------------------------------------------


def product(x: Any, y: Any, z: Any = 1.0) -> Any:
    return x * y * z


LAYOUTS = [
    (0, f64(10.0)),
    (1, f64(6.0)),
    (-1, f64(6.0)),
    (-2, f64(10.0)),
    (np.int64(1), f64(6.0)),
    ((0,), (f64(10.0),)),
    ([0, 1], (f64(10.0), f64(6.0))),
    ((1, 0), (f64(6.0), f64(10.0))),
    ((-1, 0), (f64(6.0), f64(10.0))),
]


@pytest.mark.parametrize("argnums, expected", LAYOUTS, ids=lambda p: str(p))
def test_argnums(argnums: Any, expected: Any) -> None:
    same(mg.grad(product, argnums)(3.0, 5.0, z=2.0), expected)
    value, gradient = mg.value_and_grad(product, argnums)(3.0, 5.0, z=2.0)
    assert value == 30.0
    same(gradient, expected)


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x**2, {"seen": x * 2, "label": "aux"}

    (value, aux), gradient = mg.value_and_grad(f, has_aux=True)(3.0)
    assert (value, gradient) == (9.0, 6.0)
    assert aux == {"seen": 6.0, "label": "aux"}
    assert not isinstance(aux["seen"], mg.Tensor)
    gradient, aux = mg.grad(f, has_aux=True)(3.0)
    assert (gradient, aux["label"]) == (6.0, "aux")


def test_wraps_the_function() -> None:
    assert mg.grad(product).__name__ == "product"
    assert mg.grad(mg.exp)(0.0) == 1.0


# --- structures ------------------------------------------------------------------------

TREES = [
    {"w": V, "b": 2.0},
    [V, 2.0],
    (V, (2.0, [V])),
    Point(V, 2.0),
    {"layers": [{"w": V}, {"w": M, "scale": (1.0, Point(2.0, V))}]},
    OrderedDict(b=2.0, w=V),
    defaultdict(list, b=2.0, w=V),
]


@pytest.mark.parametrize("tree", TREES, ids=lambda t: type(t).__name__)
def test_gradient_has_the_structure_of_the_argument(tree: Any) -> None:
    leaves, _ = flatten(tree)

    def f(t: Any) -> Any:
        found, _ = flatten(t)
        assert all(isinstance(x, mg.Tensor) for x in found)
        return sum((k + 1) * (x * x).sum() for k, x in enumerate(found))

    expected = mapped(tree, iter([2.0 * (k + 1) * np.asarray(x) for k, x in enumerate(leaves)]))
    same(mg.grad(f)(tree), expected)


def flatten(tree: Any) -> Any:
    if isinstance(tree, dict):
        parts = [flatten(v)[0] for v in tree.values()]
    elif isinstance(tree, list | tuple):
        parts = [flatten(v)[0] for v in tree]
    else:
        return [tree], None
    return [x for part in parts for x in part], None


def mapped(tree: Any, values: Any) -> Any:
    if isinstance(tree, dict):
        new = copy.copy(tree)
        new.update({k: mapped(v, values) for k, v in tree.items()})
        return new
    if hasattr(tree, "_fields"):
        return type(tree)(*[mapped(v, values) for v in tree])
    if isinstance(tree, list | tuple):
        return type(tree)([mapped(v, values) for v in tree])
    return next(values)[()]


def test_what_cannot_be_differentiated_passes_through() -> None:
    seen: list[Any] = []

    def f(x: Any, flag: Any, kind: Any, mode: Any, nothing: Any, mask: Any, *, table: Any) -> Any:
        seen.extend([flag, kind, mode, nothing, mask, table])
        return (x * mask).sum()

    mask, table = np.array([True, False, True]), np.arange(3)
    given = (True, float, "mode", None, mask)
    same(mg.grad(f)(V, *given, table=table), np.array([1.0, 0.0, 1.0]))
    assert all(a is b for a, b in zip(seen, (*given, table), strict=True))
    seen.clear()
    value, pullback = mg.vjp(f, V, *given, table=table)
    assert all(a is b for a, b in zip(seen, (*given, table), strict=True))
    assert value == 4.0
    found = pullback(1.0)
    assert len(found) == 6
    same(found[0], np.array([1.0, 0.0, 1.0]))


def test_flags_inside_a_structure_pass_through() -> None:
    def f(p: Any) -> Any:
        assert p["train"] is True and p["name"] == "net" and p["bias"] is None
        return (p["w"] ** 2).sum()

    found = mg.grad(f)({"w": V, "train": True, "name": "net", "bias": None})
    same(found["w"], 2 * V)
    assert found.keys() == {"w", "train", "name", "bias"}


def test_integers_become_floats() -> None:
    same(mg.grad(lambda x: x**2)(3), f64(6.0))
    same(mg.grad(lambda p: p["a"] * p["b"])({"a": 2, "b": 3.0}), {"a": f64(3.0), "b": f64(2.0)})
    same(mg.grad(lambda x: x / 2)(np.int32(3)), f64(0.5))
    same(mg.hessian(lambda x: x**3)(2), f64(12.0))


def test_unused_inputs_and_constant_outputs_have_zero_gradients() -> None:
    same(mg.grad(lambda x, y: x.sum(), (0, 1))(V, M), (np.ones(3), np.zeros((2, 3))))
    same(mg.grad(lambda x: 3.0)(V), np.zeros(3))
    same(mg.grad(lambda x: np.float64(3.0))({"w": V}), {"w": np.zeros(3)})
    same(mg.grad(lambda x: mg.Tensor(3.0))(2.0), f64(0.0))
    same(mg.grad(lambda x: x.detach().sum())(V), np.zeros(3))
    same(mg.jacobian(lambda x: np.ones(2))(V), np.zeros((2, 3)))
    same(mg.hessian(lambda x: x.sum())(V), np.zeros((3, 3)))
    same(mg.hvp(lambda x: x.sum(), V, V), np.zeros(3))
    same(mg.vjp(lambda x: np.ones(2), V)[1](np.ones(2)), (np.zeros(3),))
    same(mg.jvp(lambda x: np.ones(2), (V,), (V,)), (np.ones(2), np.zeros(2)))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1)], ids=str)
def test_an_output_of_size_one_is_a_scalar(shape: Any) -> None:
    value, gradient = mg.value_and_grad(lambda x: (x**2).sum().reshape(shape))(V)
    assert np.shape(value) == shape
    same(gradient, 2 * V)


def test_vjp_through_integers_and_booleans_is_zero() -> None:
    value, pullback = mg.vjp(lambda x: (np.argmax(x), x > 1, x * 2), V)
    assert value[0] == 2
    same(pullback((np.int64(1), np.ones(3, bool), np.ones(3))), (2 * np.ones(3),))


# --- products with the Jacobian --------------------------------------------------------


def test_vjp_layout() -> None:
    value, pullback = mg.vjp(lambda x, y: {"p": x * y, "s": x.sum()}, V, 2.0)
    same(value, {"p": 2 * V, "s": f64(6.0)})
    same(pullback({"p": np.ones(3), "s": 10.0}), (np.full(3, 12.0), f64(6.0)))
    same(pullback({"p": np.zeros(3), "s": 1.0}), (np.ones(3), f64(0.0)))  # again


def test_structures_are_matched_by_key_not_by_order() -> None:
    _, pullback = mg.vjp(lambda x: {"a": x, "b": 10 * x}, 1.0)
    assert pullback({"b": 0.0, "a": 1.0}) == (1.0,)
    f = lambda p: p["u"] ** 2 + p["v"] ** 3
    same(mg.hvp(f, {"u": 1.0, "v": 1.0}, {"v": 0.0, "u": 1.0}), {"u": f64(2.0), "v": f64(0.0)})
    assert mg.jvp(f, ({"u": 1.0, "v": 1.0},), ({"v": 0.0, "u": 1.0},))[1] == 2.0


def test_jvp_is_the_directional_derivative() -> None:
    def f(x: Any, p: Any) -> Any:
        return np.sin(x) * p["w"], np.exp(x).sum() * p["w"][0]

    x, p = V / 3, {"w": np.array([0.5, -1.0, 2.0])}
    dx, dp = np.array([0.1, -0.7, 0.4]), {"w": np.array([1.0, 0.3, -0.2])}
    value, tangent = mg.jvp(f, (x, p), (dx, dp))
    h = 1e-6
    plus = f(x + h * dx, {"w": p["w"] + h * dp["w"]})
    minus = f(x - h * dx, {"w": p["w"] - h * dp["w"]})
    same(value, f(x, p))
    for t, up, down in zip(tangent, plus, minus, strict=True):
        np.testing.assert_allclose(t, (up - down) / (2 * h), rtol=1e-8)


def test_jvp_and_vjp_are_adjoint() -> None:
    f = lambda x: np.tanh(M @ x) * x[0]
    u, v = np.array([0.3, -2.0]), np.array([1.0, -1.0, 0.5])
    forward = u @ mg.jvp(f, (V,), (v,))[1]
    backward = mg.vjp(f, V)[1](u)[0] @ v
    np.testing.assert_allclose(forward, backward, rtol=1e-12)


# --- whole derivatives -----------------------------------------------------------------


def test_jacobian_shapes() -> None:
    f = lambda p: {"y": p["v"][:, None] * p["m"].sum(), "s": p["s"]}
    found = mg.jacobian(f)({"v": V, "m": M, "s": 2.0})
    shapes = {k: {q: np.shape(x) for q, x in row.items()} for k, row in found.items()}
    assert shapes == {
        "y": {"v": (3, 1, 3), "m": (3, 1, 2, 3), "s": (3, 1)},
        "s": {"v": (3,), "m": (2, 3), "s": ()},
    }
    np.testing.assert_allclose(found["y"]["v"][:, 0], np.eye(3) * M.sum())
    np.testing.assert_allclose(found["s"]["s"], 1.0)


def test_jacobian_of_empty_arrays() -> None:
    assert mg.jacobian(lambda x: x * 2)(np.ones(0)).shape == (0, 0)
    assert mg.jacobian(lambda x: x[:0])(V).shape == (0, 3)
    assert mg.grad(lambda x: x.sum())(np.ones(0)).shape == (0,)


def test_jacobian_argnums() -> None:
    f = lambda a, b: a * b
    same(mg.jacobian(f, (0, 1))(V, 2.0), (2.0 * np.eye(3), V.copy()))
    same(mg.jacobian(f, -1)(V, 2.0), V.copy())


def test_hessian_against_closed_forms() -> None:
    a = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0], [4.0, 0.0, 1.0]])
    same(mg.hessian(lambda x: x @ a @ x)(V), a + a.T)
    p = np.exp(V) / np.exp(V).sum()
    lse = mg.hessian(lambda x: np.log(np.exp(x).sum()))(V)
    np.testing.assert_allclose(lse, np.diag(p) - np.outer(p, p), atol=1e-15)
    np.testing.assert_allclose(lse, lse.T, atol=1e-16)


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_hessian_against_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    x = np.array([-1.2, 0.7, 1.9, 0.1])
    np.testing.assert_allclose(mg.grad(rosenbrock)(x), optimize.rosen_der(x), rtol=1e-12)
    np.testing.assert_allclose(mg.hessian(rosenbrock)(x), optimize.rosen_hess(x), rtol=1e-12)
    v = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(mg.hvp(rosenbrock, x, v), optimize.rosen_hess_prod(x, v), rtol=1e-11)


def test_scipy_minimize_takes_value_and_grad_as_it_stands() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    for method in ("BFGS", "L-BFGS-B", "CG"):
        found = optimize.minimize(
            mg.value_and_grad(rosenbrock), np.array([-1.2, 1.0, 0.5]), jac=True, method=method
        )  # fmt: skip
        np.testing.assert_allclose(found.x, 1.0, atol=1e-3)
    found = optimize.minimize(
        rosenbrock, np.zeros(3), jac=mg.grad(rosenbrock), hess=mg.hessian(rosenbrock),
        method="trust-exact",
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)


def test_hessian_blocks_of_nested_arguments() -> None:
    found = mg.hessian(lambda p: p["u"] ** 2 * p["v"].sum())({"u": 3.0, "v": V})
    same(
        found,
        {
            "u": {"u": f64(12.0), "v": np.full(3, 6.0)},
            "v": {"u": np.full(3, 6.0), "v": np.zeros((3, 3))},
        },
    )


def test_hvp_is_the_hessian_times_the_vector() -> None:
    f = lambda x: (np.sin(x) * x[::-1]).sum() ** 2
    v = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(mg.hvp(f, V, v), mg.hessian(f)(V) @ v, rtol=1e-12)


# --- nesting ---------------------------------------------------------------------------

d = mg.grad


def along(f: Any, x: Any) -> Any:
    """The derivative of ``f``, forward."""
    return mg.jvp(f, (x,), (1.0,))[1]


NESTED = [
    ("confusion", lambda: d(lambda x: x * d(lambda y: x + y)(x))(1.0), 1.0),
    ("confusion 2", lambda: d(lambda x: x * d(lambda y: x * y)(2.0))(3.0), 6.0),
    ("confusion 3", lambda: d(lambda x: d(lambda y: x * y * y)(x))(3.0), 12.0),
    ("inner ignores outer", lambda: d(lambda x: x * d(lambda y: y**2)(5.0))(2.0), 10.0),
    ("inner constant", lambda: d(lambda x: x * d(lambda y: x)(5.0))(2.0), 0.0),
    ("inner variable unused", lambda: d(lambda x: x + d(lambda y: x**3)(1.0))(2.0), 1.0),
    ("value of the outer", lambda: d(lambda x: d(lambda y: y**3)(x) * x)(2.0), 36.0),
    ("third", lambda: d(d(d(lambda x: x**4)))(2.0), 48.0),
    ("third of sin", lambda: d(d(d(np.sin)))(0.3), -math.cos(0.3)),
    ("fifth of exp", lambda: d(d(d(d(d(np.exp)))))(0.5), math.exp(0.5)),
    ("third of sigmoid", lambda: d(d(d(mg.sigmoid)))(0.0), -0.125),
    ("linear", lambda: d(d(d(lambda x: 3 * x)))(2.0), 0.0),
    ("mixed", lambda: d(lambda x: d(lambda y: x**2 * y**3)(2.0))(3.0), 72.0),
    ("jvp in grad", lambda: d(lambda x: mg.jvp(lambda y: x * y**2, (x,), (1.0,))[1])(3.0), 12.0),
    ("grad in jvp", lambda: mg.jvp(d(lambda x: x**3), (2.0,), (1.0,))[1], 12.0),
    ("jvp in jvp", lambda: along(lambda x: along(lambda y: y**3, x), 2.0), 12.0),
    ("vjp in grad", lambda: d(lambda x: mg.vjp(lambda y: y**3, x)[1](x)[0])(2.0), 36.0),
    ("hvp in grad", lambda: d(lambda x: mg.hvp(lambda y: (y**3).sum(), x, 1.0))(2.0), 6.0),
    ("hvp along x", lambda: d(lambda x: mg.hvp(lambda y: y**3, x, x))(2.0), 24.0),
    ("hessian in grad", lambda: d(lambda x: mg.hessian(lambda y: y**4)(x))(2.0), 48.0),
    ("value and grad", lambda: d(lambda x: sum(mg.value_and_grad(lambda y: y**3)(x)))(2.0), 24.0),
    ("aux of the outer", lambda: d(lambda x: d(lambda y: (y, y**3), 0, True)(x)[1])(2.0), 12.0),
    ("jacobian in grad", lambda: d(lambda x: mg.jacobian(lambda y: y**3)(x).sum())(V)[1], 12.0),
]  # fmt: skip


@pytest.mark.parametrize("compute, expected", [c[1:] for c in NESTED], ids=[c[0] for c in NESTED])
def test_nesting(compute: Any, expected: float) -> None:
    got = compute()
    assert not isinstance(got, mg.Tensor)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_cotangent_that_is_differentiated() -> None:
    _, pullback = mg.vjp(lambda x: x**3, 2.0)
    assert d(lambda u: pullback(u)[0])(1.0) == 12.0


def test_third_derivatives_of_arrays() -> None:
    f = lambda x: (x**3 * x[::-1]).sum()
    third = mg.jacobian(mg.hessian(f))(V)
    assert third.shape == (3, 3, 3)
    for axes in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
        np.testing.assert_allclose(third, third.transpose(axes), atol=1e-12)
    for i in range(3):
        numeric = numeric_gradient(lambda x, i=i: mg.hessian(f)(x)[0, i], [V], 0)
        np.testing.assert_allclose(third[0, i], numeric, rtol=1e-8, atol=1e-8)


# --- closures over recorded Tensors ----------------------------------------------------


def test_closures_over_leaves_stay_differentiable() -> None:
    w = leaf(3.0)
    slope = mg.grad(lambda x: w * x**2)(2.0)
    assert isinstance(slope, mg.Tensor)
    slope.backward()
    assert slope.item() == 12.0
    assert w.grad == 4.0


def test_differentiating_at_a_leaf_is_recorded() -> None:
    w = leaf(V)
    slope = mg.grad(lambda x: (x**3).sum())(w)
    slope.sum().backward()
    np.testing.assert_allclose(w.grad, 6 * V)


def test_calls_leave_no_grad_on_anything() -> None:
    w = leaf(3.0)
    mg.value_and_grad(lambda x: w * x)(2.0)
    mg.jacobian(lambda x: w * x)(V)
    assert w.grad is None


def test_plain_tensors_as_arguments() -> None:
    t = mg.Tensor(V, name="t")
    same(mg.grad(lambda x: (x**2).sum())(t), 2 * V)
    assert not t.requires_grad


# --- modes -----------------------------------------------------------------------------


def test_no_grad_around_grad() -> None:
    w = leaf(3.0)
    with mg.no_grad():
        slope = mg.grad(lambda x: w * x**2)(2.0)
        same(mg.hessian(lambda x: (x**3).sum())(V), np.diag(6 * V))
        same(mg.jvp(lambda x: x**2, (3.0,), (1.0,)), (f64(9.0), f64(6.0)))
        same(mg.hvp(lambda x: (x**3).sum(), V, np.ones(3)), 6 * V)
        same(mg.vjp(lambda x: x**2, 3.0)[1](1.0), (f64(6.0),))
    same(slope, f64(12.0))


def test_no_grad_inside_grad_cuts() -> None:
    def f(x: Any) -> Any:
        with mg.no_grad():
            fixed = x * 2
        return fixed * x

    assert mg.grad(f)(3.0) == 6.0


def test_no_grad_as_decorator() -> None:
    w = leaf(3.0)

    @mg.no_grad()
    def step() -> Any:
        return w * 2

    assert not step().requires_grad
    assert not step().requires_grad
    assert (w * 2).requires_grad


def test_no_grad_ends_with_an_exception() -> None:
    w = leaf(3.0)
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert (w * 2).requires_grad


# --- recorded Tensors ------------------------------------------------------------------


def test_gradients_of_leaves_intermediates_and_the_output_itself() -> None:
    x = leaf(2.0)
    y = x**2
    z = y * 3
    same(mg.gradients(z, x), f64(12.0))
    same(mg.gradients(z, y), f64(3.0))
    same(mg.gradients(z, z), f64(1.0))
    same(mg.gradients(x, x), f64(1.0))
    same(mg.gradients(y, z), f64(0.0))
    same(mg.gradients(z, {"x": x, "rest": [y, (z, x)]}),
         {"x": f64(12.0), "rest": [f64(3.0), (f64(1.0), f64(12.0))]})  # fmt: skip
    same(mg.gradients(z, []), [])
    assert x.grad is None


def test_gradients_of_several_outputs_add() -> None:
    x = leaf(V)
    y, z = x * 2, x**2
    same(mg.gradients([y, z], x, [np.ones(3), V]), 2 + 2 * V * V)
    same(mg.gradients([y.sum(), z.sum()], x), 2 + 2 * V)
    same(mg.gradients([y.sum(), y.sum()], x), np.full(3, 4.0))
    total = y.sum()
    same(mg.gradients([total, total], x), np.full(3, 4.0))
    same(mg.gradients((total, total * 1), [total]), [f64(2.0)])


def test_gradients_with_create_graph() -> None:
    x, unused = leaf(V), leaf(M)
    first, zero = mg.gradients((x**4).sum(), [x, unused], create_graph=True)
    assert isinstance(first, mg.Tensor) and isinstance(zero, mg.Tensor)
    assert zero.shape == (2, 3)
    second = mg.gradients(first.sum(), x, create_graph=True)
    third = mg.gradients(second.sum(), x)
    same(third, 24 * V)
    same(mg.gradients(x * 2, x, np.ones(3)), np.full(3, 2.0))


def test_gradients_weights_may_be_differentiated() -> None:
    x, u = leaf(V), leaf(np.ones(3))
    pulled = mg.gradients(x**2, x, u, create_graph=True)
    same(mg.gradients(pulled.sum(), u), 2 * V)


def test_backward_may_be_repeated_and_accumulates() -> None:
    x = leaf(2.0)
    y = x**2
    y.backward()
    y.backward()
    assert x.grad == 8.0
    x.grad = None
    y.backward(3.0)
    assert x.grad == 12.0


def test_diamonds() -> None:
    x = leaf(1.5)
    y = x
    for _ in range(60):
        y = y + y
    assert mg.gradients(y, x) == 2.0**60


# --- what is handed out ----------------------------------------------------------------

HANDED_OUT = [
    ("a + b", lambda a, b: (a + b).sum()),
    ("sum of a", lambda a, b: a.sum() + b.sum()),
    ("reshape", lambda a, b: (a.reshape(3, 1) + b.reshape(3, 1)).sum()),
    ("unused", lambda a, b: a.sum() + 0 * b.sum()),
    ("views", lambda a, b: (a[::-1] + b[::-1]).sum()),
]


@pytest.mark.parametrize("f", [c[1] for c in HANDED_OUT], ids=[c[0] for c in HANDED_OUT])
def test_gradients_share_no_memory_and_may_be_written_to(f: Any) -> None:
    a, b = leaf(V), leaf(V)
    f(a, b).backward()
    seed = np.ones(())
    ways = [
        (a.grad, b.grad),
        mg.grad(f, (0, 1))(V, V),
        tuple(mg.gradients(f(a, b), [a, b])),
        mg.vjp(f, V, V)[1](seed),
        tuple(mg.jacobian(f, (0, 1))(V, V)),
    ]
    for one, other in ways:
        before = other.copy()
        assert not np.shares_memory(one, other)
        one[...] = 77.0
        np.testing.assert_array_equal(other, before)
        assert other.flags.writeable


def test_the_seed_is_not_handed_out() -> None:
    x = leaf(V)
    seed = np.array([1.0, 1.0, 1.0])
    x.backward(seed)
    x.grad += 1
    np.testing.assert_array_equal(seed, 1.0)
    y = leaf(V)
    (y * 1).backward(seed)
    y.grad[0] = 5
    np.testing.assert_array_equal(seed, 1.0)
    found = mg.gradients(x * 1, [x, x], seed)
    found[0][0] = 9
    np.testing.assert_array_equal(seed, 1.0)


def test_repeated_inputs_do_not_share_memory() -> None:
    x = leaf(V)
    one, other = mg.gradients((x**2).sum(), [x, x])
    one[...] = 0
    np.testing.assert_array_equal(other, 2 * V)


def test_a_gradient_that_was_changed_does_not_change_the_next() -> None:
    x = leaf(V)
    y = (x * 2).sum()
    y.backward()
    x.grad[...] = 100
    same(mg.gradients(y, x), np.full(3, 2.0))


# --- dtypes ----------------------------------------------------------------------------


def test_float32_throughout() -> None:
    x = V.astype(np.float32)
    value, gradient = mg.value_and_grad(lambda x: (x**2).sum())(x)
    assert value.dtype == gradient.dtype == np.float32
    assert mg.hessian(lambda x: (x**3).sum())(x).dtype == np.float32
    assert mg.jacobian(lambda x: x * 2)(x).dtype == np.float32
    assert mg.jvp(lambda x: x * 2, (x,), (x,))[1].dtype == np.float32
    assert mg.hvp(lambda x: (x**3).sum(), x, x).dtype == np.float32
    assert mg.grad(lambda x, y: (x * y).sum(), (0, 1))(x, V)[0].dtype == np.float32
    assert mg.grad(lambda x, y: (x * y).sum(), (0, 1))(x, V)[1].dtype == np.float64


# --- what must not be done to an argument while it is differentiated -------------------

MEDDLING = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "requires_grad": lambda x: setattr(x, "requires_grad", False),
    "data": lambda x: setattr(x, "data", 9.0),
}


@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
def test_arguments_are_not_to_be_meddled_with(meddle: Any) -> None:
    """Each of these would lose the gradient silently."""

    def f(x: Any) -> Any:
        y = meddle(x)
        return (x if y is None else y) * 2

    with pytest.raises(TypeError):
        mg.grad(f)(3.0)


# --- forward mode moves elements as reverse mode does ----------------------------------

MOVES = {
    "brackets": lambda x: np.stack([x[0], x[-1] * x[1], x[np.int64(2)], 2.0]),
    "slices": lambda x: x[..., None][1:, 0] * x[::-1][:3],
    "by arrays": lambda x: x[[0, 2, 2]] + x[x > 1.5][:1],
    "a constant among them": lambda x: np.concatenate([x[:2] ** 2, [7.0], np.ones(2), x[3:]]),
    "along the last axis": lambda x: np.stack([x, np.arange(4), x**2], axis=-1),
    "a triangle of a vector": lambda x: np.tril(x**2),
    "framed by other numbers": lambda x: np.pad(x, 1, constant_values=(3.0, 4.0)) ** 2,
    "moved axes": lambda x: np.moveaxis(x.reshape(2, 1, 2), 0, -1)[0].T.ravel(),
    "in single precision": lambda x: np.stack([x.astype(np.float32), np.ones(4, np.float32)]),
}


@pytest.mark.parametrize("f", MOVES.values(), ids=MOVES)
def test_elements_are_moved_forward_as_backward(f: Any) -> None:
    x, v = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, -1.0, 2.0, 0.25])
    rows = mg.jacobian(f, mode="reverse")(x)
    columns = mg.jacobian(f, mode="forward")(x)
    value, tangent = mg.jvp(f, (x,), (v,))
    assert columns.dtype == value.dtype == tangent.dtype  # rows have that of x
    np.testing.assert_allclose(columns, rows, rtol=1e-6)
    np.testing.assert_allclose(tangent, rows @ v, rtol=1e-6)
    np.testing.assert_array_equal(value, f(x))
    curved = mg.jvp(mg.jacobian(lambda t: f(t) ** 2, mode="reverse"), (x,), (v,))[1]
    again = mg.jvp(lambda t: mg.jvp(lambda u: f(u) ** 2, (t,), (v,))[1], (x,), (v,))[1]
    np.testing.assert_allclose(again, curved @ v, rtol=1e-6, atol=1e-12)


def test_a_gradient_differentiates_no_value_that_nobody_wants() -> None:
    seen = []
    op = mg.defop(
        "watched",
        lambda x: np.square(x),
        (lambda g, ans, x: seen.append(type(ans)) or 2 * g * x,),
    )
    assert (
        mg.jvp(mg.grad(lambda x: op(x).sum()), (np.ones(3),), (np.ones(3),))[1].tolist()
        == [2.0] * 3
    )
    assert len(seen) == 1  # once backward; not once more for the tangent of the value
    both = mg.jvp(mg.value_and_grad(lambda x: op(x).sum()), (np.ones(3),), (np.ones(3),))[1]
    assert both[0] == 6.0
    assert len(seen) > 2
