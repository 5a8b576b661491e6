"""Every op, derived from its samples: values, gradients of order 1 and 2, dtypes, layouts."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES, Sample, of_each_op
from finite_differences import numeric_gradient
from minigrad.ops.record import Op, public, registry
from tables import each

with contextlib.suppress(ImportError):
    import minigrad.scipy.special


def tree_sum(outputs: Any, weights: list[Any]) -> Any:
    """A scalar that depends on every output element differently."""
    if not isinstance(outputs, tuple | list):
        outputs = [outputs]
    return sum((w * y).sum() for w, y in zip(weights, outputs, strict=True))


def weigh(outputs: Any, seed: int) -> list[Any]:
    if not isinstance(outputs, tuple | list):
        outputs = [outputs]
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(0.5, 1.5, np.shape(y))) for y in outputs]


def leaves(s: Sample) -> list[mg.Tensor]:
    return [mg.Tensor(a, requires_grad=True) for a in s.args]


def first_order(s: Sample, xs: list[Any], weights: list[Any]) -> Any:
    return tree_sum(s.f(*xs), weights)


@of_each_op
def test_value(s: Sample) -> None:
    expected, got = s.f(*s.args), s.f(*leaves(s))
    if not isinstance(expected, tuple | list):
        expected, got = [expected], [got]
    assert len(expected) == len(got)
    for e, t in zip(expected, got, strict=True):
        assert isinstance(t, mg.Tensor)
        assert t.shape == np.shape(e)
        assert t.dtype == np.asarray(e).dtype
        np.testing.assert_allclose(t.data, e, rtol=1e-14, atol=1e-14)


@of_each_op
def test_gradient(s: Sample) -> None:
    weights = weigh(s.f(*s.args), 1)
    xs = leaves(s)
    loss = first_order(s, xs, weights)
    loss.backward()
    for i, x in enumerate(xs):
        numeric = numeric_gradient(lambda *a: first_order(s, list(a), weights), s.args, i)
        assert x.grad.shape == x.shape
        np.testing.assert_allclose(x.grad, numeric, rtol=1e-7, atol=1e-8)


@pytest.mark.sampled(16)
@pytest.mark.parametrize("s", [s for s in SAMPLES if s.smooth], ids=lambda s: s.id)
def test_second_derivative(s: Sample) -> None:
    weights = weigh(s.f(*s.args), 1)

    def slope(*args: Any) -> Any:
        """Inner product of the gradient with fixed directions."""
        xs = [a if isinstance(a, mg.Tensor) else mg.Tensor(a, requires_grad=True) for a in args]
        grads = mg.gradients(first_order(s, xs, weights), xs, create_graph=True)
        return tree_sum(grads, weigh(list(args), 2))

    xs = leaves(s)
    total = slope(*xs)
    if total.requires_grad:
        total.backward()
    for i, x in enumerate(xs):
        numeric = numeric_gradient(lambda *a: slope(*a).item(), s.args, i)
        got = np.zeros(x.shape) if x.grad is None else x.grad
        np.testing.assert_allclose(got, numeric, rtol=1e-6, atol=1e-7)


@of_each_op
def test_float32_stays_float32(s: Sample) -> None:
    xs = [mg.Tensor(np.asarray(a, np.float32), requires_grad=True) for a in s.args]
    outputs = s.f(*xs)
    weights = [w.astype(np.float32) for w in weigh(outputs, 1)]
    loss = tree_sum(outputs, weights)
    loss.backward()
    exact = leaves(s)
    tree_sum(s.f(*exact), weights).backward()
    for x, e in zip(xs, exact, strict=True):
        assert x.grad.dtype == np.float32
        np.testing.assert_allclose(x.grad, e.grad, rtol=2e-3, atol=2e-4)


def awkward(a: Any) -> Any:
    """The same values in a strided, reversed, Fortran-ordered view."""
    a = np.asarray(a)
    if not a.ndim:
        return a[()]
    big = np.zeros(tuple(2 * n for n in a.shape), order="F")
    view = big[tuple(slice(None, None, 2) for _ in a.shape)][::-1]
    view[...] = a
    return view


@of_each_op
def test_layouts(s: Sample) -> None:
    xs = leaves(s)
    views = []
    for a in s.args:
        t = mg.Tensor(a, requires_grad=True)
        t._value = awkward(a)
        views.append(t)
    weights = weigh(s.f(*s.args), 1)
    tree_sum(s.f(*xs), weights).backward()
    tree_sum(s.f(*views), weights).backward()
    for x, v in zip(xs, views, strict=True):
        np.testing.assert_allclose(v.grad, x.grad, rtol=1e-12, atol=1e-12)


def test_every_public_function_has_samples() -> None:
    covered = [public[name] for name in {s.op for s in SAMPLES}]
    missing = sorted(
        name
        for name, function in public.items()
        if getattr(function, "vjps", ()) is not None
        and name not in ("nextafter", "viewed")  # no derivative; test_tensor.py
        and function not in covered
        and not name.startswith("special.")  # test_scipy_special.py has a table of its own
    )
    assert not missing, f"no samples for {missing}: add a row to tests/samples_*.py"


# --- rules over a grid, whatever the samples are ------------------------------------------

LESS = [-31.4, -7.7, -2.6, -1.3, -0.78, -0.47, -0.29, -0.04, -1.1e-3]
GRID = np.array([*LESS, *np.negative(LESS)])
FEW = np.array([-2.6, -0.47, 0.29, 0.78, 2.6, 7.7])
ODD = {
    "ldexp": "whole exponents",
    "special.eval_hermite": "whole degrees",
    "special.eval_hermitenorm": "whole degrees",
    "special.bdtrc": "whole numbers of trials",
    "special.chndtrinc": "0 where there is no quantile",
    "special.itstruve0": "SciPy's values are off beyond 25",
    "special.voigt_profile": "widths below 0",
    "special.eval_sh_legendre": "SciPy's derivative is off at -1, of degrees that are not whole",
}


@pytest.mark.filterwarnings("ignore")  # SciPy's, of numbers that are not whole
@each("op", [o for o in registry.values() if o.elementwise and o.vjps and o.name not in ODD])
@np.errstate(all="ignore")
def test_rules_are_slopes_wherever_these_are_seen(op: Op) -> None:
    """Central differences, extrapolated twice, where both extrapolations agree."""
    one = {1: GRID, 2: GRID, 3: FEW}.get(op.arity, FEW[1:5])
    grid = [a.ravel() for a in np.meshgrid(*[one * (1 + 0.0173 * i) for i in range(op.arity)])]
    ans = op.forward(*grid)
    for i, x in enumerate(grid):
        rule = op.rule(i)
        if rule is None or ans.dtype.kind != "f":
            continue

        def slope(h: float, i: int = i, x: Any = x) -> Any:
            up, down = (op.forward(*grid[:i], x + k * abs(x), *grid[i + 1 :]) for k in (h, -h))
            return (up - down) / (2 * h * abs(x))

        far, near, nearest = slope(2e-3), slope(1e-3), slope(5e-4)
        first, second = (4 * near - far) / 3, (4 * nearest - near) / 3
        expected = (16 * second - first) / 15
        error = abs(second - first) + 1e-9 * abs(ans / x)
        seen = np.isfinite(expected) & (error <= 1e-4 * abs(expected) + 1e-9)
        got = np.broadcast_to(rule(np.ones_like(ans), ans, *grid), ans.shape)
        off = ~(abs(got - expected) <= 1e-5 * abs(expected) + 20 * error + 1e-9)
        assert not np.any(seen & off), (i, [a[seen & off] for a in (*grid, got, expected)])
