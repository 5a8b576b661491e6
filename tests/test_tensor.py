"""Tensor: attributes, texts, copies, Python's protocols, and NumPy in both directions."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad as mg

V = np.array([1.0, 2.0, 3.0])
M = np.arange(6.0).reshape(2, 3)


def leaf(data: Any, **options: Any) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True, **options)


# --- attributes ------------------------------------------------------------------------


def test_attributes() -> None:
    t = leaf(M, name="w")
    assert (t.shape, t.ndim, t.size, t.dtype, t.name) == ((2, 3), 2, 6, np.float64, "w")
    assert t.requires_grad
    assert t.grad is None
    assert t.T.shape == (3, 2)
    assert leaf(np.ones((4, 2, 3))).mT.shape == (4, 3, 2)
    assert (t.itemsize, t.nbytes) == (8, 48)
    assert (np.shape(t), np.ndim(t), np.size(t), len(t)) == ((2, 3), 2, 6, 2)
    np.testing.assert_array_equal(t.numpy(), M)


def test_unknown_attributes_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        leaf(V).colour = "red"  # type: ignore[attr-defined]


class Subclass(np.ndarray):
    pass


KINDS: list[tuple[Any, bool, Any, type]] = [
    (1, False, np.int64, np.generic),
    (1, True, np.float64, np.generic),
    (1.5, True, np.float64, np.generic),
    (np.float32(1), True, np.float32, np.generic),
    (np.int32(1), True, np.float64, np.generic),
    (np.array(1.5), True, np.float64, np.generic),
    (True, False, np.bool_, np.generic),
    ([1, 2], False, np.int64, np.ndarray),
    ([1.0, 2], True, np.float64, np.ndarray),
    (np.float16([1, 2]), True, np.float16, np.ndarray),
    (np.ones(2).view(Subclass), True, np.float64, np.ndarray),
    (range(3), False, np.int64, np.ndarray),
    ([], False, np.float64, np.ndarray),
]


@pytest.mark.parametrize("data, grad, dtype, kind", KINDS, ids=[repr(k[0]) for k in KINDS])
def test_what_data_become(data: Any, grad: bool, dtype: Any, kind: type) -> None:
    t = mg.Tensor(data, requires_grad=grad)
    assert t.dtype == dtype
    assert isinstance(t.data, kind)
    assert type(t.data) is not Subclass


def test_dtype_is_respected() -> None:
    assert mg.Tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert leaf([1, 2], dtype=float).dtype == np.float64
    assert leaf(V, dtype="f4").dtype == np.float32


def test_grad_is_a_plain_array_of_the_same_kind() -> None:
    for data in (2.0, V, np.float32(2), M.astype(np.float32)):
        t = leaf(data)
        (t * t).sum().backward()
        assert not isinstance(t.grad, mg.Tensor)
        assert (t.grad.shape, t.grad.dtype) == (t.shape, t.dtype)
        np.testing.assert_allclose(t.grad, 2 * np.asarray(data))


def test_grad_can_be_set_and_reset() -> None:
    t = leaf(V)
    t.grad = [1, 2, 3]
    assert t.grad.dtype == np.float64
    t.sum().backward()
    np.testing.assert_array_equal(t.grad, [2, 3, 4])
    t.grad = None
    assert t.grad is None
    mine = np.ones(3)
    t.grad = mine
    t.grad += 1
    np.testing.assert_array_equal(mine, 1)


def test_intermediate_results_keep_no_grad() -> None:
    x = leaf(V)
    y = x * 2
    y.sum().backward()
    with pytest.warns(UserWarning, match=r"y is the result.*mg\.gradients\(loss, y\).*keep=True"):
        assert y.grad is None


def test_results_keep_gradients_when_asked_to() -> None:
    x = leaf(V)
    y = x * 2
    q, r = np.linalg.qr(np.outer(y, V) + np.eye(len(V)))
    z = np.sum(y**2) + r[0, 0] + q[0, 0]
    expected = mg.gradients(z, [x, y, r, q])
    z.backward(keep=True)
    for t, g in zip((x, y, r, q), expected, strict=True):
        np.testing.assert_allclose(t.grad, g)
        assert t.grad.flags.writeable
    assert z.grad == 1.0
    (y.sum() * 3).backward(keep=True)
    np.testing.assert_allclose(y.grad, 3.0 * np.ones_like(V))  # of the last walk
    np.testing.assert_allclose(x.grad, expected[0] + 6.0)  # leaves add up
    assert not np.shares_memory(x.grad, y.grad)
    with pytest.warns(UserWarning, match="keeps no gradient"):
        assert (x * 1.0).grad is None


def test_requires_grad_can_be_switched_on_leaves() -> None:
    t = mg.Tensor(V)
    t.requires_grad = True
    (t**2).sum().backward()
    np.testing.assert_allclose(t.grad, 2 * V)
    t.requires_grad = False
    assert not (t * 2).requires_grad


def test_detach_shares_values_and_nothing_else() -> None:
    t = leaf(V, name="t")
    d = (t * 2).detach()
    assert not d.requires_grad
    (d * t).sum().backward()
    np.testing.assert_allclose(t.grad, 2 * V)
    assert t.detach().name == "t"


def test_item_and_tolist() -> None:
    assert leaf(2.5).item() == 2.5
    assert type(leaf(2.5).item()) is float
    assert leaf([[2.5]]).item() == 2.5
    assert leaf(M).tolist() == M.tolist()
    assert leaf(2.5).tolist() == 2.5


# --- texts -----------------------------------------------------------------------------

REPRS: list[tuple[Any, str]] = [
    (lambda: mg.Tensor(2.0), "Tensor(2.)"),
    (lambda: leaf(2.0), "Tensor(2., requires_grad=True)"),
    (lambda: leaf(0.1, name="rate"), "Tensor(0.1, name='rate', requires_grad=True)"),
    (lambda: mg.Tensor(3), "Tensor(3)"),
    (lambda: mg.Tensor(np.float32(2)), "Tensor(2., dtype=float32)"),
    (lambda: mg.Tensor(V), "Tensor([1., 2., 3.])"),
    (lambda: leaf(V) * 2, "Tensor([2., 4., 6.], requires_grad=True)"),
    (lambda: mg.Tensor([1, 2]), "Tensor([1, 2])"),
    (lambda: mg.Tensor([True]), "Tensor([ True])"),
    (lambda: mg.Tensor(V.astype("f4")), "Tensor([1., 2., 3.], dtype=float32)"),
    (lambda: mg.Tensor(M), "Tensor([[0., 1., 2.],\n        [3., 4., 5.]])"),
    (lambda: mg.Tensor(np.ones((0, 3))), "Tensor([], shape=(0, 3))"),
]


@pytest.mark.parametrize("make, text", REPRS, ids=[r[1][:30] for r in REPRS])
def test_repr(make: Any, text: str) -> None:
    assert repr(make()) == text
    assert str(make()) == text


def test_repr_of_large_arrays_is_short_and_says_the_shape() -> None:
    text = repr(leaf(np.zeros((300, 400)), name="pixels"))
    assert len(text) < 500
    assert "..." in text
    assert "shape=(300, 400)" in text
    assert "name='pixels'" in text


def test_repr_follows_numpys_options() -> None:
    with np.printoptions(precision=2):
        assert repr(mg.Tensor([math.pi])) == "Tensor([3.14])"


def test_format() -> None:
    t = leaf(math.pi)
    assert f"{t:.2f}" == "3.14"
    assert f"{t:>8.1e}" == " 3.1e+00"
    assert f"{leaf([2.0]):.1f}" == "2.0"
    assert f"{t}" == str(t)
    assert f"{leaf(V)}" == str(leaf(V))


# --- hash, equality, copies ------------------------------------------------------------


def test_tensors_are_hashed_by_identity() -> None:
    a, b = leaf(2.0), leaf(2.0)
    assert {a: 1, b: 2}[a] == 1
    assert len({a, b, a}) == 2
    assert hash(a) != hash(b)


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons_are_plain_booleans(compare: Any) -> None:
    t = leaf(V)
    for other in (2.0, 2, np.array([3.0, 2.0, 1.0]), leaf([3.0, 2.0, 1.0]), [3.0, 2.0, 1.0]):
        plain = other.data if isinstance(other, mg.Tensor) else other
        got = compare(t, other)
        assert type(got) is np.ndarray and got.dtype == bool
        np.testing.assert_array_equal(got, compare(V, np.asarray(plain)))
        np.testing.assert_array_equal(compare(other, t), compare(np.asarray(plain), V))
    assert not isinstance(compare(leaf(1.0), 2.0), mg.Tensor)


def test_in() -> None:
    t = leaf(V)
    assert 2.0 in t
    assert mg.Tensor(3.0) in t
    assert 7.0 not in t


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("data", [2.0, V, M.astype(np.float32)], ids=["scalar", "array", "float32"])
def test_leaves_are_copied_whole(way: Any, data: Any) -> None:
    t = leaf(data, name="w")
    (t**2).sum().backward()
    c = way(t)
    assert c is not t
    assert (c.name, c.dtype, c.shape, c.requires_grad) == ("w", t.dtype, t.shape, True)
    np.testing.assert_array_equal(c.data, t.data)
    np.testing.assert_array_equal(c.grad, t.grad)
    assert c.grad.dtype == t.dtype
    (c**2).sum().backward()
    np.testing.assert_allclose(c.grad, 4 * np.asarray(data))
    np.testing.assert_allclose(t.grad, 2 * np.asarray(data))
    plain = way(mg.Tensor(data))
    assert not plain.requires_grad
    assert plain.grad is None


def test_copies_are_private() -> None:
    t = leaf(V)
    c = copy.deepcopy(t)
    c.data = 2 * V
    np.testing.assert_array_equal(t.data, V)
    with pytest.raises(ValueError, match="read-only"):
        c.data[0] = 1


@pytest.mark.parametrize("way", [copy.deepcopy, WAYS["pickle"]], ids=["deepcopy", "pickle"])
def test_ties_are_kept(way: Any) -> None:
    shared = leaf(V, name="shared")
    model = way({"encoder": shared, "decoder": [shared], "other": leaf(V)})
    assert model["encoder"] is model["decoder"][0]
    assert model["other"] is not model["encoder"]
    (model["encoder"] * model["decoder"][0]).sum().backward()
    np.testing.assert_allclose(model["encoder"].grad, 2 * V)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_recorded_results_are_not_copied(way: Any) -> None:
    loss = leaf(V) * 2
    with pytest.raises(TypeError, match=r"multiply.*\.detach\(\)"):
        way(loss)
    np.testing.assert_array_equal(way(loss.detach()).data, 2 * V)


# --- containers and numbers ------------------------------------------------------------


def test_iteration_and_unpacking() -> None:
    t = leaf(M)
    rows = list(t)
    assert [r.shape for r in rows] == [(3,), (3,)]
    a, b = t
    (a * 2 + b * 3).sum().backward()
    np.testing.assert_array_equal(t.grad, [[2.0] * 3, [3.0] * 3])
    x, y, z = leaf(V)
    assert (x * y * z).item() == 6.0
    assert [float(x) for x in leaf(V)] == [1.0, 2.0, 3.0]
    assert sum(leaf(V)).item() == 6.0
    assert dict(zip("ab", t, strict=True)).keys() == {"a", "b"}


def test_conversions_to_numbers() -> None:
    t = leaf(2.5)
    assert (float(t), int(t), bool(t)) == (2.5, 2, True)
    assert float(leaf([[2.5]])) == 2.5
    assert math.exp(mg.Tensor(0.0)) == 1.0
    with pytest.raises(TypeError, match=r"math\.exp|takes its number"):
        math.exp(leaf(0.0))
    assert not leaf(0.0)
    assert bool(leaf([0.5]))
    assert max(leaf(1.0), leaf(2.0)).item() == 2.0
    assert sorted([leaf(2.0), leaf(1.0)])[0].item() == 1.0


def test_as_arrays() -> None:
    t = mg.Tensor(V)
    np.testing.assert_array_equal(np.asarray(t), V)
    np.testing.assert_array_equal(np.array([t, t]), [V, V])
    assert np.asarray(t, dtype="f4").dtype == np.float32
    copied = np.array(t)
    copied[0] = 9
    np.testing.assert_array_equal(t.data, V)
    assert np.asarray(leaf(V).detach()).dtype == float


# --- operators -------------------------------------------------------------------------

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow,
]  # fmt: skip
OTHERS: list[Any] = [
    2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(2), np.array([2.0, 3.0, 4.0]),
    np.array([[2.0], [3.0]]), np.array(2.5), np.array([1, 2, 3]), [2.0, 3.0, 4.0], (1.0, 2.0, 3.0),
]  # fmt: skip


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OTHERS, ids=lambda o: f"{type(o).__name__} {o!r}"[:30])
def test_operators_from_both_sides(op: Any, other: Any) -> None:
    t = leaf(V)
    plain = np.asarray(other) if isinstance(other, list | tuple) else other
    for got, expected in ((op(t, other), op(V, plain)), (op(other, t), op(plain, V))):
        assert isinstance(got, mg.Tensor)
        assert got.requires_grad
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.data, expected)
    op(other, t).sum().backward()
    assert t.grad.shape == (3,)


@pytest.mark.parametrize(
    "other", [np.eye(3), np.eye(3).tolist(), mg.Tensor(np.eye(3))], ids=["array", "list", "Tensor"]
)
def test_matmul_from_both_sides(other: Any) -> None:
    t = leaf(V)
    np.testing.assert_array_equal((t @ other).data, V)
    np.testing.assert_array_equal((other @ t).data, V)


def test_unary_operators_and_builtins() -> None:
    t = leaf([-1.5, 2.5])
    np.testing.assert_array_equal((-t).data, [1.5, -2.5])
    np.testing.assert_array_equal((+t).data, [-1.5, 2.5])
    np.testing.assert_array_equal(abs(t).data, [1.5, 2.5])
    np.testing.assert_array_equal(round(t).data, np.round([-1.5, 2.5]))
    np.testing.assert_array_equal(round(leaf([1.234]), 2).data, [1.23])
    assert round(leaf(2.567), 1).item() == 2.6


def test_shifts() -> None:
    t = mg.Tensor([1, 3])
    for got, expected in ((1 << t, [2, 8]), (t << 1, [2, 6]), (16 >> t, [8, 2]), (t >> 1, [0, 1])):
        np.testing.assert_array_equal(got, expected)


def test_divmod() -> None:
    for a, b in (
        (leaf(7.5), 2.0),
        (7.5, leaf(2.0)),
        (leaf(7.5), leaf(2.0)),
        (np.float64(7.5), leaf(2.0)),
    ):
        q, r = divmod(a, b)
        assert (q.item(), r.item()) == (3.0, 1.5)
    x = leaf(7.5)
    divmod(x, 2.0)[1].backward()
    assert x.grad == 1.0


def test_in_place_operators_rebind() -> None:
    for op in (operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow):
        t = leaf(V)
        result = op(t, 2.0)
        assert result is not t
        np.testing.assert_array_equal(t.data, V)


def test_three_argument_pow_is_refused() -> None:
    with pytest.raises(TypeError):
        pow(leaf(2.0), 3, 5)


# --- NumPy's functions -----------------------------------------------------------------

FUNCTIONS: dict[str, Any] = {
    "exp": lambda x: np.exp(x),
    "add of a list": lambda x: np.add([1.0, 1.0, 1.0], x),
    "sum with keywords": lambda x: np.sum(x, axis=0, keepdims=True),
    "method": lambda x: x.sum(axis=-1, keepdims=True),
    "mean": lambda x: np.mean(x),
    "concatenate": lambda x: np.concatenate([x, V, x]),
    "stack of mixed": lambda x: np.stack([V, x]),
    "where": lambda x: np.where(x > 1.5, x, 0.0),
    "dot": lambda x: np.dot(x, V),
    "einsum": lambda x: np.einsum("i,j->ij", x, V),
    "norm": lambda x: np.linalg.norm(x),
    "reduce": lambda x: np.add.reduce(x),
    "outer": lambda x: np.multiply.outer(x, V),
    "accumulate": lambda x: np.add.accumulate(x),
    "clip": lambda x: np.clip(x, 1.5, None),
    "scalar on the left": lambda x: np.float64(2) * x,
    "array on the left": lambda x: M @ x,
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_numpys_functions_return_tensors(f: Any) -> None:
    t = leaf(V)
    got, expected = f(t), f(V)
    assert isinstance(got, mg.Tensor)
    assert got.requires_grad
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got.data, expected, rtol=1e-15)
    got.sum().backward()
    assert t.grad.shape == (3,)


PLAIN: dict[str, Any] = {
    "argmax": np.argmax,
    "argsort": np.argsort,
    "any": np.any,
    "all": np.all,
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "count_nonzero": np.count_nonzero,
    "nonzero": lambda x: np.nonzero(x)[0],
    "logical_and": lambda x: np.logical_and(x, x),
    "isclose": lambda x: np.isclose(x, 2.0),
    "allclose": lambda x: np.allclose(x, 2.0),
    "array_equal": lambda x: np.array_equal(x, V),
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
    "full_like": lambda x: np.full_like(x, 7),
    "shape": np.shape,
    "result_type": lambda x: np.result_type(x, np.float32),
    "searchsorted": lambda x: np.searchsorted(x, 2.0),
}


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_functions_without_gradient_return_plain_values(f: Any) -> None:
    got = f(leaf(V))
    assert not isinstance(got, mg.Tensor)
    np.testing.assert_array_equal(got, f(V))


def test_object_arrays_are_never_made() -> None:
    t = leaf(V)
    for result in (V + t, np.array([1, 2, 3]) * t, np.float64(3) - t, [1.0, 2.0, 3.0] / t, V @ t):
        assert isinstance(result, mg.Tensor)
        assert result.dtype == float


def test_mg_array_and_lists_of_tensors() -> None:
    a, b = leaf(2.0), leaf(3.0)
    t = mg.array([[a, 0], [b, a]])
    assert t.shape == (2, 2)
    (t * np.array([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert (a.grad, b.grad) == (5.0, 3.0)
    assert mg.mean([a, b]).item() == 2.5
    assert mg.exp([a, b]).shape == (2,)
    assert np.add(leaf([1.0, 1.0]), [a, b]).tolist() == [3.0, 4.0]
    assert np.concatenate([leaf(V), [a, b]]).shape == (5,)


def test_subclasses_and_masked_arrays_as_data() -> None:
    masked = np.ma.array([1.0, 2.0], mask=[False, False])
    assert type(mg.Tensor(masked).data) is np.ndarray


def test_layouts() -> None:
    fortran = np.asfortranarray(M)
    t = leaf(fortran)
    (t * M).sum().backward()
    np.testing.assert_array_equal(t.grad, M)
    t = leaf(M[:, ::-1])
    (t * M).sum().backward()
    np.testing.assert_array_equal(t.grad, M)


def test_pairs_of_real_numbers_are_viewed_as_complex_ones() -> None:
    x = np.arange(1.0, 9.0).reshape(2, 4)

    def f(v: Any) -> Any:
        return (np.abs(v.view(np.complex128)) ** 2).sum() + v.view(np.complex128).view(float)[0, 1]

    expected = 2 * x
    expected[0, 1] += 1
    np.testing.assert_allclose(mg.grad(f)(x), expected)
    with pytest.raises(TypeError, match="cannot be viewed as int64"):
        mg.Tensor(x).view(np.int64)
