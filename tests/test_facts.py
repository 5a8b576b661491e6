"""The facts on the records of ops, held against what the ops do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from all_samples import SAMPLES
from minigrad import ops
from minigrad.graph import ancestors
from minigrad.ops.record import Op, registry
from minigrad.program import signs as signs_of_zero
from tables import each

RECORDS = list(registry.values())
X = np.array([[-1.5, 0.25], [2.0, -0.75]])


def arrays(x: Any) -> list[Any]:
    """The arrays in an argument or an answer."""
    if isinstance(x, tuple | list):
        return [a for part in x for a in arrays(part)]
    return [x] if isinstance(x, np.ndarray) else []


def test_what_is_fresh_shares_no_memory_and_a_view_does() -> None:
    shared: dict[Op, set[bool]] = {}
    for s in SAMPLES:
        outputs = s.f(*[mg.Tensor(a, requires_grad=True) for a in s.args])
        for t in outputs if isinstance(outputs, tuple | list) else [outputs]:
            for node in ancestors(t.node) if t.node is not None else ():
                if node.op is not None:
                    some = any(
                        np.shares_memory(y, a) for y in arrays(node.ans) for a in arrays(node.args)
                    )
                    shared.setdefault(node.op, set()).add(some)
    assert not [op for op, found in shared.items() if op.fresh and True in found]
    assert not [op for op, found in shared.items() if op.view and True not in found]
    at_times = {op.name for op, found in shared.items() if True in found and not op.view}
    assert at_times == {"imag", "pick", "einsum", "linalg.reach"}  # of some arguments only
    lent = {op.name for op, found in shared.items() if True not in found and not op.fresh}
    assert lent == {"round"}  # which gives whole numbers back as they are
    assert sum(op.fresh for op in shared) > 100 and sum(op.view for op in shared) > 10


@each("op", [o for o in RECORDS if o.vjps is None and o.fresh])
@each("x", [X, X.astype(int), X > 0, X[0]])
def test_plain_answers_are_fresh(op: Op, x: Any) -> None:
    try:
        ans = op.forward(*[x] * max(len(op.parameters) if op.ufunc else 1, 1))
    except (TypeError, ValueError, IndexError, RuntimeWarning):  # not of this kind of array
        return
    assert not any(np.shares_memory(y, x) for y in arrays(ans))


def test_fresh_is_not_taken_for_granted() -> None:
    assert not mg.defop("mine", lambda x: x[::-1], (lambda g, ans, x: g[::-1],)).fresh
    assert not any(op.fresh and op.view for op in RECORDS)
    for op in (
        ops.elements,
        ops.contract,
        ops.reshape,
        ops.transpose,
        ops.broadcast_to,
        ops.choosing.mesh,
        ops.histogram_bin_edges,
    ):
        assert not op.fresh


@pytest.mark.filterwarnings("ignore")  # SciPy's, of numbers that are not whole
@each("op", [o for o in RECORDS if o.ufunc is not None])
def test_the_ufunc_computes_the_same(op: Op) -> None:
    f = op.ufunc
    assert f is not None
    kinds = [np.array([0.75, 0.5]), np.array([2, 3]), np.array([True, False])]
    for x in kinds:
        args = [x, x[::-1].copy(), x][: f.nin]
        if op is ops.ldexp:
            args[1] = np.array([2, -1])
        try:
            with np.errstate(all="ignore"):
                expected, got = f(*args), op.forward(*args)
        except (TypeError, ValueError):  # not of this kind of numbers
            continue
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype


@pytest.mark.parametrize("op", [o for o in RECORDS if o.reduction is not None], ids=repr)
def test_the_reduction_computes_the_same(op: Op) -> None:
    for axis in (0, 1, None, (0, 1)):
        expected = op.reduction.reduce(X, axis=axis)  # type: ignore[union-attr]
        np.testing.assert_allclose(op.forward(X, axis=axis), expected, rtol=1e-15)


@pytest.mark.parametrize("op", [o for o in RECORDS if o.by_shape], ids=repr)
def test_no_value_changes_what_goes_by_shape(op: Op) -> None:
    if op.name.startswith("array") or op is ops.empty_like:  # text and rubbish, but no number
        return
    args = (X, X) if op.arity == 2 or "memory" in op.name or op is ops.can_cast else (X,)
    try:
        answers = [op.forward(*[k * a for a in args]) for k in (1.0, -7.0, np.nan)]
    except TypeError:  # dtypes are no arrays
        answers = [op.forward(np.float32, np.float64)]
    assert all(np.array_equal(a, answers[0]) for a in answers)


def test_arrays_come_before_what_is_said_of_them() -> None:
    """Of ops without derivative, whose rules do not tell how many arrays they take."""
    plain = [op for op in RECORDS if op.vjps is None and op.arity > 0 and op.ufunc is None]
    assert {op.parameters[: op.arity] for op in plain} == {("a",), ("arr",), ("array",)}
    assert len(plain) > 10


def test_a_shape_that_depends_on_values() -> None:
    texts = {"min_scalar_type", "array_repr", "array_str", "array2string"}  # are no arrays at all
    dynamic = [op for op in (*RECORDS, ops.distinct) if op.dynamic and op.name not in texts]
    assert len(dynamic) == 5
    for op in dynamic:
        shapes = {
            tuple(np.shape(y) for y in (found if isinstance(found, tuple) else (found,)))
            for a in ([0.0, 1.0, 1.0], [0.0, 0.0, 0.0])
            for found in [
                op.forward(
                    np.array(a), **({"axis": None, "equal_nan": True} if op is ops.distinct else {})
                )
            ]
        }
        assert len(shapes) == 2


ON_KINKS: dict[str, tuple[Any, ...]] = {
    "absolute": (0.0,),
    "fabs": (0.0,),
    "relu": (0.0,),
    "maximum": (0.3, 0.3),
    "minimum": (0.3, 0.3),
    "fmax": (0.3, 0.3),
    "fmin": (0.3, 0.3),
    "clip": (0.3, 0.3, 0.9),
    "leaky_relu": (0.0, 0.2),
    "elu": (0.0, 0.7),
}


@pytest.mark.parametrize("op", [o for o in RECORDS if o.kink is not None], ids=repr)
def test_slopes_on_both_sides_of_a_kink(op: Op) -> None:
    args = ON_KINKS[op.name]
    kink = op.kink
    assert (
        kink is not None
        and kink.at(*args)
        and not kink.at(*[a + 0.1 * i for i, a in enumerate(args, 1)])
    )
    for i, pair in enumerate(kink.slopes(*args)):

        def moved(h: float, i: int = i) -> Any:
            return float(op.forward(*[np.float64(a + h * (j == i)) for j, a in enumerate(args)]))

        one_sided = sorted((moved(h) - moved(0)) / h for h in (-1e-7, 1e-7))
        expected = sorted(pair) if pair is not None else [one_sided[0]] * 2
        np.testing.assert_allclose(one_sided, expected, atol=1e-5)


@pytest.mark.parametrize("op", [o for o in RECORDS if o.warns], ids=repr)
@pytest.mark.parametrize("x", [-1e4, 1e4, -np.inf, 0.0])
def test_what_warns_is_silenced_by_its_own_function(op: Op, x: float) -> None:
    with np.errstate(over="raise", divide="raise"):
        op.forward(np.array([x, x]))
        op.forward(np.float64(x))


def test_costs_are_of_the_right_order() -> None:
    assert ops.add.cost < ops.exp.cost < ops.power.cost
    assert all(0 < op.cost < 100 for op in RECORDS)


TAKEN = [op for op in RECORDS if op.elementwise and 1 <= len(op.parameters) <= 2]


@each("op", [op for op in TAKEN if op in signs_of_zero.OWN and op is not ops.ldexp])
def test_who_sees_the_sign_of_a_zero(op: Op) -> None:
    """Against what the op gives for both zeros, beside each of some numbers."""
    sees, alike = set(), True
    for i in range(n := len(op.parameters)):
        for other in (-np.inf, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf):
            given = np.full((2, n), other)
            given[:, i] = 0.0, -0.0
            with np.errstate(all="ignore"):
                a, b = (np.asarray(op.forward(*row)) for row in given)
            same = np.array_equal(a, b, equal_nan=True)
            signs = a.dtype.kind != "f" or np.isnan(a) or np.signbit(a) == np.signbit(b)
            if not same or (not signs and a != 0):
                sees.add(i)
            alike = alike and same and bool(signs)
    assert signs_of_zero.READ.get(op, ()) == tuple(sorted(sees))
    assert alike or op not in signs_of_zero.HIDE


def test_others_may_see_the_sign_of_a_zero() -> None:
    gamma = pytest.importorskip("minigrad.scipy").special.gamma
    compiled = mg.compile(lambda x: gamma(x + 0.0))
    for _ in range(2):
        assert compiled(np.array([-0.0, 0.0])).tolist() == [np.inf] * 2


def test_short_rules_give_what_the_rules_give() -> None:
    tried: dict[Op, int] = {}
    for s in SAMPLES:
        outputs = s.f(*[mg.Tensor(a, requires_grad=True) for a in s.args])
        for node in ancestors(outputs.node) if isinstance(outputs, mg.Tensor) else ():
            op, values = node.op, node.args
            if op is None or op.regular is None or not op.regular[0](*values, **node.kwargs):
                continue
            g = np.random.default_rng(0).normal(size=np.shape(node.ans))
            short = op.regular[1](g, node.ans, *values, **node.kwargs)
            with np.errstate(all="ignore"):
                long = op.rule(0)(g, node.ans, *values, **node.kwargs)
            np.testing.assert_allclose(short, long, rtol=1e-7, atol=1e-9)
            tried[op] = tried.get(op, 0) + 1
    assert {*tried} == {op for op in RECORDS if op.regular} and min(tried.values()) > 1
