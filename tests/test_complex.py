"""Complex numbers: JAX's convention, and no op that is silently wrong for them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from complex_samples import CALLS, Call, plane
from minigrad.ops.record import REAL_ONLY, implementations, registry
from tables import each

each_call = pytest.mark.parametrize("c", CALLS, ids=lambda c: c.op)


def weights_of(y: Any, seed: int) -> Any:
    return np.asarray(plane(np.shape(y), seed + 77, 1.0))


def parts(y: Any, w: Any) -> Any:
    """A real number that depends on all real and imaginary parts of ``y``."""
    return np.real((y * w).sum()) if np.iscomplexobj(y) else (y * w.real).sum()


def moved(args: list[Any], i: int, k: Any, step: complex) -> list[Any]:
    x = np.array(args[i])
    x[k] += step
    return [x[()] if j == i else a for j, a in enumerate(args)]


def slope(f: Any, args: list[Any], i: int, k: Any, way: complex, h: float = 1e-3) -> float:
    """Derivative of the real ``f`` along ``way`` at an element, to sixth order."""
    weights = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
    total = 0.0
    for step, weight in weights:
        for sign in (1, -1):
            total += sign * weight * float(f(*moved(args, i, k, sign * step * h * way)))
    return total / h


def numeric(f: Any, args: list[Any], i: int) -> Any:
    """``∂f/∂x - i ∂f/∂y`` by finite differences, ``∂f/∂x`` for a real argument."""
    x = np.asarray(args[i])
    out = np.zeros(x.shape, x.dtype)
    for k in np.ndindex(x.shape):
        out[k] = slope(f, args, i, k, 1)
        if x.dtype.kind == "c":
            out[k] -= 1j * slope(f, args, i, k, 1j)
    return out


def close(got: Any, expected: Any, tol: float = 1e-7) -> None:
    size = 1 + np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=tol, atol=tol * size)


@each("c", CALLS)
def test_value(c: Call) -> None:
    expected = c.f(*c.args)
    got = c.f(*[mg.Tensor(a, requires_grad=True) for a in c.args])
    assert isinstance(got, mg.Tensor)
    assert got.shape == np.shape(expected)
    assert got.dtype == np.asarray(expected).dtype
    close(got.data, expected, 1e-13)


@each_call
def test_gradient(c: Call) -> None:
    xs = [mg.Tensor(a, requires_grad=True) for a in c.args]
    y = c.f(*xs)
    w = weights_of(y, 1)
    parts(y, w).backward()
    for i, x in enumerate(xs):
        assert x.grad.dtype == x.dtype
        close(x.grad, numeric(lambda *a: parts(np.asarray(c.f(*a)), w), c.args, i))


@each_call
def test_second_derivative(c: Call) -> None:
    w = weights_of(c.f(*c.args), 1)

    def change(*args: Any) -> Any:
        xs = [a if isinstance(a, mg.Tensor) else mg.Tensor(a, requires_grad=True) for a in args]
        grads = mg.gradients(parts(c.f(*xs), w), xs, create_graph=True)
        return sum(parts(g, weights_of(g, 2 + i)) for i, g in enumerate(grads))

    xs = [mg.Tensor(a, requires_grad=True) for a in c.args]
    total = change(*xs)
    if total.requires_grad:
        total.backward()
    for i, x in enumerate(xs):
        found = np.zeros(x.shape) if x.grad is None else x.grad
        close(found, numeric(lambda *a: change(*a).item(), c.args, i), 1e-6)


@each_call
def test_tangent(c: Call) -> None:
    """Forward and backward are each other's transpose: Re(w · J t) = Re(Jᵀ w · t)."""
    ts = [np.asarray(plane(np.shape(a), 5 + i, 1.0)) for i, a in enumerate(c.args)]
    ts = [t[()] if np.iscomplexobj(a) else t.real[()] for t, a in zip(ts, c.args, strict=True)]
    y, forward = mg.jvp(c.f, tuple(c.args), tuple(ts))
    assert np.asarray(forward).dtype == np.asarray(y).dtype
    w = weights_of(y, 1)
    w = w if np.iscomplexobj(y) else w.real
    back = mg.vjp(c.f, *c.args)[1](w[()])
    there = np.sum(w * forward).real
    here = sum(np.sum(g * t).real for g, t in zip(back, ts, strict=True))
    close(here, there, 1e-10)
    _, push = mg.linearize(c.f, *c.args)
    close(push(*ts), forward, 1e-10)


# --- refused by name -------------------------------------------------------------------

z3 = plane((3,))
REFUSED = {
    "less": lambda z: z < 1j,
    "maximum": lambda z: np.maximum(z, 0.0),
    "sort": np.sort,
    "argsort": np.argsort,
    "median": np.median,
    "clip": lambda z: np.clip(z, 0, 1),
    "arctan2": lambda z: np.arctan2(z, 1.0),
    "nan_to_num": np.nan_to_num,
    "corrcoef": lambda z: np.corrcoef(np.stack([z, z * z])),
    "interp": lambda z: np.interp(z, [0.0, 1.0], [0.0, 1.0]),
    "relu": mg.relu,
    "softmax": mg.softmax,
    "unique": np.unique,
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_name(name: str) -> None:
    f = REFUSED[name]
    z = mg.Tensor(z3, requires_grad=True, name="z")
    for run in (
        lambda: f(z),
        lambda: f(z.detach()),
        lambda: mg.jvp(f, (z3,), (z3,)),
        lambda: mg.vmap(f)(z3[None]),
        lambda: mg.trace(f, z3),
    ):
        with pytest.raises(TypeError, match="it takes real numbers, not complex ones; choose with"):
            run()
    with pytest.raises(TypeError, match=name if name != "less" else "z < "):
        f(z)


def test_every_op_is_tested_or_refused() -> None:
    """A record may only say that it is right for complex numbers if calls above show it."""
    shown = {c.op for c in CALLS}
    unseen = {
        name
        for name, op in registry.items()
        if op.complex and op.vjps is not None and name not in shown
    }
    inner = {"linalg.cofactors", "linalg.cofactors_along", "linalg.vector_norm", "scatter"}
    inner |= {"linalg.direction", "linalg.reach", "linalg.root_mean_square"}  # of norms and std
    assert unseen <= inner | {"concatenate", "stack"}, unseen


REAL = {
    *"""
    argmax argmin argsort clip corrcoef diag_indices_from fmax fmin greater greater_equal histogram
    histogram_bin_edges intersect1d isin less less_equal lexsort linalg.matrix_rank maximum median
    minimum nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmedian nanmin nanprod
    ptp searchsorted setdiff1d setxor1d sort tril_indices_from triu_indices_from
    union1d unique unique_all unique_counts unique_inverse unique_values
""".split()
}
"""What takes real numbers alone: no order of complex ones, or no derivative that is known."""


@pytest.mark.filterwarnings("ignore")
def test_what_numpy_takes_is_taken_or_known_to_be_refused() -> None:
    z, refused, taken = np.array([[1 + 2j, -0.5j], [2.0, 0.25]]), set(), 0
    for theirs, ours in implementations.items():
        name, home = ours.__name__, getattr(theirs, "__module__", "numpy")
        if isinstance(theirs, tuple) or name.startswith("special.") or home[:5] != "numpy":
            continue
        n = theirs.nin if isinstance(theirs, np.ufunc) else len(required(ours)) or 1
        for x in (z, z[0], z[0, 0]):
            try:
                theirs(*[x] * n)
            except Exception:  # asks for other shapes, or for more: calls of its own are above
                continue
            try:
                ours(*[mg.Tensor(x)] * n)
                taken += 1
            except Exception as error:
                if REAL_ONLY in str(error):
                    refused.add(name)
            break
    assert refused == REAL
    assert taken > 180


def required(function: Any) -> list[str]:
    """The parameters that have to be given."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.default is p.empty and p.kind < p.VAR_POSITIONAL]


def test_an_op_of_the_user_says_whether_it_takes_complex_numbers() -> None:
    real = mg.defop("real_cube", lambda x: x**3, [lambda g, ans, x: g * 3 * x**2])
    with pytest.raises(TypeError, match=r"real_cube\(z\): it takes real numbers"):
        z = mg.Tensor(z3, requires_grad=True)
        real(z)
    length = mg.defop("length", lambda x: abs(x), [lambda g, ans, x: g])
    with pytest.raises(TypeError, match="length"):  # although the answer is real
        length(z)
    cube = mg.defop("cube", lambda x: x**3, [lambda g, ans, x: g * 3 * x**2], complex=True)
    np.testing.assert_allclose(mg.grad(cube, holomorphic=True)(1j), -3)


# --- gradients of functions ------------------------------------------------------------


def test_convention() -> None:
    """``∂L/∂x - i ∂L/∂y``: for |z|² it is 2 z̄."""
    assert mg.grad(lambda z: np.abs(z) ** 2)(3 + 4j) == pytest.approx(6 - 8j)
    z = mg.Tensor(3 + 4j, requires_grad=True)
    (z.real**2 + 5 * z.imag).backward()
    assert z.grad == pytest.approx(6 - 5j)
    assert type(z.grad) is np.complex128


def test_real_to_complex_to_real_needs_no_flag() -> None:
    x = np.array([1.0, -2.0, 3.0])
    gradient = mg.grad(lambda x: np.sum(np.abs(np.exp(1j * x) * x) ** 2))(x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * x)
    np.testing.assert_allclose(mg.hessian(lambda x: np.sum(np.abs(x * 1j) ** 2))(x), 2 * np.eye(3))
    assert mg.grad(lambda x: ((2j * x) ** 2).real)(3.0) == -24.0


def test_holomorphic() -> None:
    assert mg.grad(np.sin, holomorphic=True)(1 + 2j) == pytest.approx(np.cos(1 + 2j))
    twice = mg.grad(mg.grad(np.exp, holomorphic=True), holomorphic=True)
    assert twice(0.5j) == pytest.approx(np.exp(0.5j))
    value, g = mg.value_and_grad(lambda z: z**2, holomorphic=True)(1j)
    assert (value, g) == (-1, 2j)
    with pytest.raises(TypeError, match="returned a complex number; grad needs a real one: take"):
        mg.grad(np.sin)(1 + 2j)
    with pytest.raises(TypeError, match="no real function is holomorphic"):
        mg.grad(np.abs, holomorphic=True)(1 + 2j)
    with pytest.raises(TypeError, match="holomorphic=True: the derivative is by complex numbers"):
        mg.grad(lambda x: x * 1j, holomorphic=True)(1.0)


def test_backward_of_complex_results() -> None:
    z = mg.Tensor(z3, requires_grad=True, name="z")
    with pytest.raises(TypeError, match="is complex, and only a real number is a loss"):
        (z * z).sum().backward()
    (z * z).backward(np.array([1.0, 1j, 0.0]))
    np.testing.assert_allclose(z.grad, 2 * z3 * [1, 1j, 0])
    with pytest.raises(TypeError, match=r"complex data do not fit into dtype float64: take .real"):
        np.abs(z).backward(np.ones(3) * 1j)


def test_dtypes_follow_numpy() -> None:
    for kind in (np.complex64, np.complex128):
        z = mg.Tensor(z3.astype(kind), requires_grad=True)
        for other in (np.float32(2), np.float64(2), 2.0, 2j, np.complex64(1), np.ones(3)):
            assert (z * other).dtype == (z3.astype(kind) * other).dtype
        assert np.abs(z).dtype == np.abs(z3.astype(kind)).dtype
        np.sum(np.abs(z * np.float32(2))).backward()
        assert z.grad.dtype == kind
    x = mg.Tensor(np.ones(3, np.float32), requires_grad=True)
    np.sum(np.abs(x * 1j)).backward()
    assert x.grad.dtype == np.float32


def test_parts_and_numbers() -> None:
    z = mg.Tensor(1 + 2j)
    assert (float(z.real.data), float(z.imag.data), complex(z)) == (1.0, 2.0, 1 + 2j)
    assert z.conj().data == 1 - 2j
    assert mg.Tensor([True]).conj().dtype == bool  # of np.conjugate it is int8
    assert repr(z) == "Tensor(1.+2.j, dtype=complex128)"
    with pytest.raises(TypeError, match="would drop the imaginary part"):
        z.astype(float)


def test_buffer() -> None:
    def f(z: Any) -> Any:
        u = mg.buffer(3, dtype=complex)
        for k in range(3):
            u[k] = z ** (k + 1) if k else z
        return np.sum(np.abs(u.read() if hasattr(u, "read") else u) ** 2)

    assert mg.grad(f)(1j) == pytest.approx(numeric(f, [1j], 0))
    with pytest.raises(TypeError, match=r"u\[...\] = value: the value has dtype complex128"):
        u = mg.buffer(3)
        u[0] = 1j


# --- readings --------------------------------------------------------------------------


def test_gradcheck_looks_both_ways() -> None:
    for f in (np.exp, np.abs, np.conj, lambda z: z.real * z, lambda z: np.angle(z) + 1j):
        assert mg.gradcheck(f, z3)
        assert mg.gradcheck(f, 1 - 2j, order=2)
    wrong = mg.defop("wrong", lambda z: abs(z), [lambda g, ans, z: g * np.sign(z)], complex=True)
    report = mg.gradcheck(wrong, z3)
    assert report.verdict == "wrong"
    assert report.rows[0].index[-1] == 1  # the imaginary part


def test_traced_and_compiled() -> None:
    def f(z: Any, x: Any) -> Any:
        return np.sum(np.abs(np.exp(1j * x) * z + z**2) ** 2)

    x = np.array([0.3, 1.0, -2.0])
    for run in (f, mg.grad(f, (0, 1))):
        expected = run(z3, x)
        got = mg.compile(run)(z3, x)
        for a, b in zip(np.atleast_1d(got), np.atleast_1d(expected), strict=True):
            close(a, b, 1e-12)
    assert "1j" in str(mg.trace(f, z3, x))


def test_saved_and_loaded(tmp_path: Any) -> None:
    mg.save(tmp_path / "z.npz", {"z": z3})
    np.testing.assert_array_equal(mg.load(tmp_path / "z.npz")["z"], z3)


def test_drawn_and_explained() -> None:
    z = mg.Tensor(1 + 2j, requires_grad=True, name="z")
    L = np.abs(z * z)
    assert "z" in str(mg.draw(L))
    for call in (lambda: mg.explain(L, z), lambda: mg.check_derivation(L, {"dL/dz": 1.0})):
        with pytest.raises(TypeError, match="L was computed with complex numbers"):
            call()


@pytest.mark.parametrize(
    "name",
    "absolute angle real imag conjugate exp log sqrt arctanh arcsin linalg.det linalg.inv".split(),
)
def test_as_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    z, w = plane((3, 3)), plane((3, 3), 5)

    def loss(module: Any) -> Any:
        for part in name.split("."):
            module = getattr(module, part)
        return lambda z: (((module(z) * w).real) ** 2).sum()

    close(mg.grad(loss(np))(z), jax.grad(loss(jax.numpy))(z), 1e-10)


def test_jacobians_are_of_real_arguments() -> None:
    x = np.arange(1.0, 7.0)
    for mode in ("auto", "forward", "reverse"):
        close(
            mg.jacobian(lambda x: np.exp(1j * x[:2]), mode=mode)(x)[:, :2],
            np.diag(1j * np.exp(1j * x[:2])),
        )
    for f in (np.abs, np.exp):
        with pytest.raises(TypeError, match="jacobian: by complex numbers there are two"):
            mg.jacobian(f)(z3)
    with pytest.raises(TypeError, match="hessian: by complex numbers there are two"):
        mg.hessian(lambda z: np.sum(np.abs(z)))(z3)


def test_optimisers_take_real_parameters() -> None:
    z = mg.Tensor(z3, requires_grad=True, name="z")
    with pytest.raises(TypeError, match="z is complex, and steps are taken by real numbers"):
        mg.optim.SGD([z], lr=0.1)


def test_convolutions_and_triangular_systems_of_complex_numbers() -> None:
    from minigrad.nn import functional as F

    linalg, scipy = (pytest.importorskip(f"{home}scipy.linalg") for home in ("minigrad.", ""))
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> Any:
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    def loss(y: Any) -> Any:
        return np.sum(np.abs(y) ** 2 * np.arange(1.0, np.size(y) + 1).reshape(np.shape(y)))

    a, b = numbers(3, 3) + 3 * np.eye(3), numbers(3)
    for trans in (0, 1, 2, "N", "T", "C"):
        expected = scipy.solve_triangular(a, b, trans=trans)
        close(linalg.solve_triangular(mg.Tensor(a), b, trans=trans).data, expected, 1e-12)
    cases: list[tuple[Any, list[Any]]] = [
        (lambda x, w: F.conv1d(x, w), [numbers(1, 2, 5), numbers(3, 2, 2)]),
        (lambda x, w: F.conv2d(x, w, stride=2), [numbers(1, 1, 4, 4), numbers(1, 1, 2, 2)]),
        (lambda x, w: F.conv_transpose1d(x, w, stride=2), [numbers(1, 2, 3), numbers(2, 1, 2)]),
        (lambda a, b: linalg.solve_triangular(a, b, lower=True), [a, numbers(3, 2)]),
        (lambda a, b: linalg.solve_triangular(a, b, trans=1), [a, numbers(3)]),
        (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), [a, numbers(3)]),
        (lambda a: linalg.lu_factor(a)[0], [a]),
    ]
    for f, args in cases:
        assert mg.gradcheck(lambda *args, f=f: loss(f(*args)), *args)


@pytest.mark.parametrize("name", ["eigh", "eigvalsh", "svd", "svdvals", "eig", "eigvals"])
def test_factorisations_of_nothing(name: str) -> None:
    function = getattr(np.linalg, name)

    def f(a: Any) -> Any:
        ans = function(a)
        parts = ans if isinstance(ans, tuple) else (ans,)
        return sum(np.sum(np.abs(part) ** 2) for part in parts)

    for shape in ((0, 0), (2, 0, 0)):
        for dtype in (float, complex):
            assert mg.grad(f)(np.zeros(shape, dtype)).shape == shape
