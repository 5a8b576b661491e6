"""What the table of samples cannot say about shapes, joining and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from finite_differences import numeric_gradient
from minigrad.ops import indexing
from minigrad.ops.indexing import at
from minigrad.ops.rows import extreme, summed

X = np.arange(1.0, 7.0).reshape(2, 3)


def leaf(data: Any = X) -> mg.Tensor:
    return mg.Tensor(data, requires_grad=True)


# --- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda t: np.reshape(t, (3, 2), order="A"), TypeError, "order='A'"),
        (lambda t: np.ravel(t, order="K"), TypeError, "order='K'"),
        (lambda t: np.copy(t, order="F"), TypeError, "order="),
        (lambda t: mg.reshape(t), TypeError, "missing"),
        (lambda t: np.reshape(t, 4), ValueError, "reshape"),
        (lambda t: np.transpose(t, (0, 0)), ValueError, "transpose"),
        (lambda t: np.squeeze(t, 1), ValueError, "squeeze"),
        (lambda t: np.swapaxes(t, 0, 5), np.exceptions.AxisError, "swapaxes"),
        (lambda t: np.rollaxis(t, 2), np.exceptions.AxisError, "axis 2"),
        (lambda t: np.broadcast_to(t, (2, 4)), ValueError, "broadcast"),
        (lambda t: np.fliplr(t[0]), ValueError, "fliplr"),
        (lambda t: np.matrix_transpose(t[0]), ValueError, "matrix_transpose"),
        (lambda t: np.meshgrid(t[0], indexing="yx"), ValueError, "indexing"),
        (lambda t: np.concatenate([t, t], out=np.zeros((4, 3))), TypeError, "out="),
        (lambda t: np.concatenate([t, t], casting="unsafe"), TypeError, "casting="),
        (lambda t: np.stack([t, t], dtype=np.float32), TypeError, "dtype="),
        (lambda t: np.concatenate([t, t[0]]), ValueError, "dimension"),
        (lambda t: np.stack([t, t[0]]), ValueError, "same shape"),
        (lambda t: np.concatenate([t, t], axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda t: mg.concatenate([]), ValueError, "at least one"),
        (lambda t: mg.stack([]), ValueError, "at least one"),
        (lambda t: np.block([[t], t]), ValueError, "nested"),
        (lambda t: np.split(t, 2, axis=1), ValueError, "array_split"),
        (lambda t: np.array_split(t, 0), ValueError, "positive"),
        (lambda t: np.dsplit(t, 2), ValueError, "dsplit"),
        (lambda t: np.hsplit(t[0, 0], 2), ValueError, "hsplit"),
        (lambda t: mg.unstack(t[0, 0]), ValueError, "unstack"),
        (lambda t: np.take(t, 0, out=np.zeros(())), TypeError, "out="),
        (lambda t: np.take(t, 0, mode="bounce"), ValueError, "bounce"),
        (lambda t: np.take(t, 6), IndexError, "out of bounds"),
        (lambda t: np.take(t, 0.5), TypeError, "cast"),
        (lambda t: np.take_along_axis(t, np.array([0]), 0), ValueError, "as many axes"),
        (lambda t: np.take_along_axis(t, X, 0), IndexError, "integers"),
        (lambda t: np.pad(t, 1, "huge"), TypeError, "mode='huge' is not supported.*linear_ramp"),
        (lambda t: np.pad(t, 1, "mean", end_values=1), TypeError, "end_values=.*mode='mean'"),
        (lambda t: np.pad(t, 1, "mean", stat_length=0), ValueError, "stat_length must be positive"),
        (lambda t: np.pad(t[:0], 1, "mean"), ValueError, "axis 0 is empty: mode='mean'"),
        (lambda t: np.bincount([0, 1], t), ValueError, r"weights \(2, 3\) must have.*x \(2,\)"),
        (lambda t: np.pad(t, 1, "edge", reflect_type="odd"), TypeError, "reflect_type="),
        (lambda t: np.pad(t, 1, "edge", constant_values=1), TypeError, "constant_values="),
        (lambda t: np.pad(t, 0.5), TypeError, "integers"),
        (lambda t: np.pad(t, -1), ValueError, "negative"),
        (lambda t: np.pad(t[:0], 1, "edge"), ValueError, "empty"),
        (lambda t: np.diagonal(t[0]), ValueError, "two axes"),
        (lambda t: np.diagonal(t, 0, 1, -1), ValueError, "same axis"),
        (lambda t: np.diag(t[None]), ValueError, "vector or a matrix"),
        (lambda t: np.sort(t, order="field"), TypeError, "order="),
        (lambda t: np.choose([0, 2], [t[:, 0], t[:, 1]]), ValueError, "choices"),
        (lambda t: np.choose([0, -1], [t[:, 0], t[:, 1]]), ValueError, "choices"),
        (lambda t: np.select([[1, 0, 1]], [t]), TypeError, "boolean"),
        (lambda t: mg.select([t > 0], []), ValueError, "as many conditions"),
        (lambda t: np.maximum.accumulate(t, out=np.zeros((2, 3))), TypeError, "out="),
        (lambda t: t[2], IndexError, "out of bounds"),
        (lambda t: t[0, 0, 0], IndexError, "too many indices"),
        (lambda t: t[1.0], IndexError, "integers"),
        (lambda t: t[np.ones((3, 2), bool)], IndexError, "boolean"),
        (lambda t: mg.array([t, [1.0, 2.0]]), ValueError, r"\(2,\) and \(2, 3\)"),
    ],
)
def test_mistakes_are_named(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call(leaf())


# --- joining ---------------------------------------------------------------------------


def test_array_keeps_plain_data_plain() -> None:
    assert type(mg.array([[1, 2], [3, 4]])) is np.ndarray
    assert mg.array([1, 2], dtype=np.float32).dtype == np.float32
    assert isinstance(mg.array([mg.Tensor(1.0), 2]), mg.Tensor)
    assert mg.array([leaf(1.0), 2], dtype=np.float32).dtype == np.float32
    t = leaf()
    assert mg.array(t) is t


def test_constants_in_a_list_get_no_gradient_and_are_left_alone() -> None:
    t, constant = leaf(), np.ones((2, 3))
    for join in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
        joined = join([constant, t, [[1.0, 2.0, 3.0]] * 2])
        assert isinstance(joined, mg.Tensor)
        t.grad = None
        joined.sum().backward()
        np.testing.assert_array_equal(t.grad, np.ones((2, 3)))
    constant[0, 0] = 5.0  # still writable
    np.atleast_2d(t, constant)[1][0, 0] = 6.0


def test_joining_many_arrays_is_linear_and_right() -> None:
    parts = [leaf(np.array([float(i)])) for i in range(1000)]
    for join in (np.concatenate, np.stack):
        y = join(parts)
        np.testing.assert_array_equal(y.data.ravel(), np.arange(1000.0))
        for p in parts:
            p.grad = None
        (np.ravel(y) * np.arange(1000.0)).sum().backward()
        assert [p.grad.item() for p in parts] == list(range(1000))


def test_dtypes_promote_and_gradients_come_back() -> None:
    t, u = leaf(np.ones(2, np.float32)), leaf(np.ones(3))
    y = np.concatenate([t, u, np.arange(2)])
    assert y.dtype == np.float64
    y.sum().backward()
    assert t.grad.dtype == np.float32
    assert u.grad.dtype == np.float64


def test_some_pieces_unused() -> None:
    t = leaf()
    first, _, third = np.hsplit(t, 3)
    (first * third).sum().backward()
    np.testing.assert_array_equal(t.grad, [[3, 0, 1], [6, 0, 4]])
    assert isinstance(np.split(t, 2), list)


def test_unpacking_and_iterating() -> None:
    t = leaf(np.array([2.0, 3.0]))
    a, b = t
    (a * b).backward()
    np.testing.assert_array_equal(t.grad, [3, 2])
    rows = leaf()
    sum((i + 1) * row.sum() for i, row in enumerate(rows)).backward()
    np.testing.assert_array_equal(rows.grad, [[1, 1, 1], [2, 2, 2]])
    with pytest.raises(TypeError, match="single number"):
        list(leaf(1.0))


def test_astype_of_integers_has_no_gradient() -> None:
    t = leaf()
    for dtype in (int, bool, np.uint8):
        y = t.astype(dtype)
        assert isinstance(y, mg.Tensor)
        assert not y.requires_grad
    t.astype(np.float32).sum().backward()
    assert t.grad.dtype == np.float64


def test_triangles_do_not_make_nan_of_infinity() -> None:
    t = leaf(np.full((2, 2), np.inf))
    y = np.tril(t)
    np.testing.assert_array_equal(y.data, [[np.inf, 0], [np.inf, np.inf]])
    y.backward(np.full((2, 2), np.inf))
    np.testing.assert_array_equal(t.grad, y.data)


def test_full_like_keeps_the_gradient_of_its_value() -> None:
    v = leaf(3.0)
    np.full_like(mg.Tensor(X), v).sum().backward()
    assert v.grad == 6
    assert type(np.full_like(mg.Tensor(X), 2.0)) is np.ndarray


# --- indexing --------------------------------------------------------------------------


def test_repeated_indices_add_up() -> None:
    t = leaf(np.zeros(3))
    t[[0, 0, 0, 2]].sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 0, 1])


def test_an_index_changed_later_changes_no_gradient() -> None:
    for index in (np.array([0, 1]), [0, 1]):
        t = leaf(np.zeros(3))
        y, z = t[index], t[None, index]
        index[0] = 2
        (y.sum() + z.sum()).backward()
        np.testing.assert_array_equal(t.grad, [2, 2, 0])


def test_indices_may_be_tensors() -> None:
    t, i = leaf(), mg.Tensor([1, 0, 1])
    np.testing.assert_array_equal(t[i].data, X[[1, 0, 1]])
    np.testing.assert_array_equal(t[0, i].data, X[0, [1, 0, 1]])
    np.testing.assert_array_equal(t[[mg.Tensor(1), 0]].data, X[[1, 0]])
    np.testing.assert_array_equal(t[mg.Tensor(X > 2)].data, X[X > 2])
    with pytest.raises(TypeError, match="requires a gradient"):
        np.take(t, t)


def test_a_gradient_is_not_a_view_of_another() -> None:
    t = leaf()
    t[...].sum().backward()
    u = leaf()
    (t[0] + u[0]).sum().backward()
    assert not np.shares_memory(t.grad, u.grad)


def test_constants_stay_writable() -> None:
    x = np.ones((2, 3))
    for f in (mg.reshape, mg.take):
        f(x, 6) if f is mg.reshape else f(x, 0, axis=0)
    mg.transpose(x)
    mg.getitem(x, 0)
    mg.broadcast_arrays(x, leaf())
    x[0, 0] = 2.0


def test_ties_go_to_the_first() -> None:
    for scan, data in ((np.maximum, [1.0, 2.0, 2.0, 1.0]), (np.minimum, [2.0, 1.0, 1.0, 3.0])):
        t = leaf(data)
        scan.accumulate(t).sum().backward()
        np.testing.assert_array_equal(t.grad, [1, 3, 0, 0])
    t = leaf([1.0, 1.0, 0.0])
    (np.sort(t) * np.array([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_array_equal(t.grad, [2, 3, 1])


def test_running_extremes_keep_nan() -> None:
    x = np.array([1.0, np.nan, 3.0, 0.0])
    for scan in (np.maximum, np.minimum):
        np.testing.assert_array_equal(scan.accumulate(leaf(x)).data, scan.accumulate(x))


def test_partition_puts_the_kth_in_its_place() -> None:
    x = np.random.default_rng(0).permutation(50.0 * np.arange(50))
    y = np.partition(leaf(x), 20).data
    assert y[20] == 1000
    assert y[:20].max() < 1000 < y[21:].min()


def test_outer() -> None:
    t, u = leaf(np.array([1.0, 2.0])), leaf(np.array([3.0, 4.0, 5.0]))
    y = np.multiply.outer(t, u)
    np.testing.assert_array_equal(y.data, np.multiply.outer(t.data, u.data))
    y.sum().backward()
    np.testing.assert_array_equal(t.grad, [12, 12])
    np.testing.assert_array_equal(u.grad, [3, 3, 3])
    with pytest.raises(TypeError, match="out="):
        np.multiply.outer(t, u, out=np.zeros((2, 3)))


# --- against JAX -----------------------------------------------------------------------

INDEX = np.array([[0, 3, 1], [2, 2, 0]])


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "f",
    [
        lambda xp, x: xp.pad(x, ((1, 2), (3, 1)), mode="reflect"),
        lambda xp, x: xp.pad(x, 3, mode="wrap"),
        lambda xp, x: xp.pad(x, 3, mode="symmetric"),
        lambda xp, x: xp.pad(x, ((0, 2), (1, 0)), mode="edge"),
        lambda xp, x: xp.roll(x, (1, -2), (0, 1)),
        lambda xp, x: xp.rot90(x, 3),
        lambda xp, x: xp.take(x, INDEX, axis=1),
        lambda xp, x: (
            xp.take_along_axis(x, INDEX[:, :, None].reshape(3, 2) % 3, axis=0)
            if x.shape[1] == 2
            else xp.take_along_axis(x, INDEX[:1], axis=1)
        ),
        lambda xp, x: xp.repeat(x, np.array([1, 0, 3]), axis=0),
        lambda xp, x: xp.tile(x, (2, 1, 3)),
        lambda xp, x: xp.sort(x, axis=0),
        lambda xp, x: xp.diagonal(x, 1),
        lambda xp, x: xp.delete(x, 1, axis=1),
        lambda xp, x: xp.stack(xp.split(x, 2, axis=1), axis=-1),
        lambda xp, x: xp.select([x > 1, x < -1], [x**2, x**3], 0.0),
        lambda xp, x: x[:, INDEX][..., None, ::-1],
    ],
)
def test_against_jax(f: Any) -> None:
    jax = pytest.importorskip("jax")
    x = np.random.default_rng(0).normal(size=(3, 4))
    experimental = pytest.importorskip("jax.experimental")
    with (jax if hasattr(jax, "enable_x64") else experimental).enable_x64(True):
        expected = jax.grad(lambda x: (f(jax.numpy, x) ** 3).sum())(x)
    got = mg.grad(lambda x: (f(np, x) ** 3).sum())(x)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


# --- lazily, on Dask -------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (6, 4)),
        np.ravel,
        lambda x: np.transpose(x, (2, 0, 1)),
        lambda x: np.broadcast_to(x, (5, 2, 3, 4)),
        lambda x: x[1, :, ::-1],
        lambda x: x[:, None, ..., 2],
        lambda x: np.concatenate([x, np.ones((2, 3, 1)), x], axis=-1),
        lambda x: np.stack([x, x], axis=1),
        lambda x: np.split(x, 3, axis=1)[1],
        lambda x: np.pad(np.flip(x), 1),
        lambda x: np.tile(np.roll(x, 1, axis=0), (1, 2, 1)),
        lambda x: np.tril(x) + np.squeeze(np.expand_dims(x, 0), 0),
    ],
)
def test_lazy_on_dask(f: Any) -> None:
    da = pytest.importorskip("dask.array")
    x = np.arange(24.0).reshape(2, 3, 4)
    lazy, eager = leaf(da.from_array(x, chunks=2)), leaf(x)
    for t in (lazy, eager):
        y = f(t)
        (y * y).sum().backward()
    assert isinstance(lazy.grad, da.Array)
    np.testing.assert_array_equal(lazy.grad.compute(), eager.grad)


@pytest.mark.parametrize("mode", ["linear_ramp", "mean", "median", "maximum", "minimum"])
@pytest.mark.parametrize("x", [np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3) % 2 == 0])
def test_padding_of_whole_numbers_and_truths(x: Any, mode: str) -> None:
    """They stay what they are, rounded as NumPy rounds them."""
    try:
        expected = np.pad(x, 2, mode)
    except TypeError:
        return  # NumPy has no mean of booleans either
    for got in (np.pad(mg.Tensor(x), 2, mode), mg.compile(lambda x: np.pad(x, 2, mode))(x)):
        assert np.asarray(got).dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


# --- ends of ranges: where an index or a length is one off -------------------------------

CUBE = np.array([3.0, -1.0, 2.0, 5.0, -4.0, 0.5, 7.0, 1.0, -2.5, 6.0, 0.25, -3.0]).reshape(2, 3, 2)
ENDS = {
    "a diagonal beyond the matrix": lambda a: np.diagonal(a, 4),
    "a diagonal below the matrix": lambda a: np.diagonal(a, -3),
    "the last diagonals": lambda a: np.diagonal(a, 2, 2, 1) * np.diagonal(a, -1, 2, 1),
    "repeated along the first axis": lambda a: np.repeat(a, 2, axis=0),
    "repeated along the middle axis": lambda a: np.repeat(a, [1, 0, 3], axis=1),
    "repeated along the last axis": lambda a: np.repeat(a, 3, axis=2),
    "a number taken along either axis": lambda a: np.take(a[0, 0, 0], [0, 0, -1], axis=-1),
    "the last elements taken": lambda a: np.take(a, [-1, -2], axis=1),
    "all elements in parts": lambda a: np.partition(a, 3, axis=None)[:4].sum(),
    "all elements sorted": lambda a: np.sort(a, axis=None),
    "sorted along the first axis": lambda a: np.sort(a, axis=0),
    "columns of matrices": lambda a: np.column_stack([a[0], a[1, :, 0]]),
    "split behind each other": lambda a: np.dsplit(a, 2)[1],
    "split beside each other": lambda a: np.hsplit(a, [1])[1],
    "a vector split": lambda a: np.hsplit(a[0, 0], 2)[1],
    "split below each other": lambda a: np.vsplit(a, 2)[1],
}


@pytest.mark.parametrize("f", ENDS.values(), ids=ENDS)
def test_ends_of_ranges(f: Any) -> None:
    expected = f(CUBE)
    t = leaf(CUBE)
    got = f(t)
    np.testing.assert_array_equal(got.data, expected)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, np.shape(expected))
    (got * weights).sum().backward()
    numeric = numeric_gradient(lambda a: (f(a) * weights).sum(), [CUBE], 0)
    np.testing.assert_allclose(t.grad, numeric, atol=1e-9)
    v = np.random.default_rng(1).normal(size=CUBE.shape)
    tangent = mg.jvp(f, (CUBE,), (v,))[1]
    np.testing.assert_allclose((tangent * weights).sum(), (t.grad * v).sum(), atol=1e-12)
    columns = mg.jacobian(f, mode="forward")(CUBE)
    np.testing.assert_allclose(np.tensordot(columns, v, v.ndim), tangent, atol=1e-12)


def test_an_axis_just_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"vsplit needs at least .* axes, the shape is \(3,\)"):
        mg.vsplit(leaf(np.ones(3)), 3)
    with pytest.raises(ValueError, match=r"dsplit needs at least 3 axes, the shape is \(2, 3\)"):
        mg.dsplit(leaf(), 1)


def test_an_index_may_change_after_it_was_used() -> None:
    t, index = leaf(np.array([1.0, 2.0, 3.0])), np.array([0, 0, 2])
    picked = t[index]
    index[:] = 1
    picked.sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 0.0, 1.0])


@pytest.mark.parametrize("ufunc", [np.add, np.subtract])
def test_rows_are_added_as_numpy_adds_them(ufunc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the index is made of, and whatever memory it goes to."""
    monkeypatch.setattr(indexing, "MANY", 100)  # of more, the test would take its time
    rng = np.random.default_rng(1)
    taken = 0
    for _ in range(1500):
        shape = tuple(rng.integers(1, 7, rng.integers(1, 4)))
        places = (int(rng.integers(20, 90)),) if rng.random() < 0.7 else (5, 8)
        parts: list[Any] = []
        for n in shape[: rng.integers(1, len(shape) + 1)]:
            kind = rng.integers(8)
            if kind < 4:
                parts.append(rng.integers(-n, n, places).astype(("i8", "i4")[kind % 2]))
            else:
                parts.append(
                    (int(n) - 1, slice(None, None, -1), rng.random(n) < 0.5, slice(1))[kind - 4]
                )
        if rng.random() < 0.1:
            parts.insert(int(rng.integers(len(parts) + 1)), (None, True, ...)[rng.integers(3)])
        out = rng.normal(size=shape).astype(("f8", "f4", "c16")[rng.integers(3)])
        out = out if rng.random() < 0.8 else np.asfortranarray(out)
        try:
            values = rng.normal(size=out[tuple(parts)].shape).astype(out.dtype)
        except IndexError:
            continue
        got, expected = out.copy("K"), out.copy("K")
        ufunc.at(expected, tuple(parts), values)
        at(ufunc, got, tuple(parts), values)
        np.testing.assert_array_equal(got, expected)
        taken += values.size >= indexing.MANY
    assert taken > 300
    with pytest.raises(IndexError, match="out of bounds"):
        at(ufunc, np.zeros((3, 40)), np.array([0, 1, 2, 3]), np.ones((4, 40)))


@pytest.mark.parametrize(
    "index", [(slice(None), None), None, ..., (None, ..., None), (), (slice(None), slice(None))]
)
def test_the_gradient_of_a_renamed_axis_is_a_view(index: Any) -> None:
    x = np.arange(6.0).reshape(2, 3)
    got = mg.vjp(lambda t: t[index], x)[1](np.exp(x)[index])[0]
    np.testing.assert_array_equal(got, np.exp(x))
    program = mg.trace(mg.grad(lambda t: np.sum(np.sin(t[index]) ** 2)), x)
    assert all(e.op.name not in ("scatter", "zeros_like") for e in program.equations)
    np.testing.assert_allclose(program(x), np.sin(2 * x), rtol=1e-12)
    backwards = mg.grad(lambda t: np.sum(t[::-1, None][:, 0] * x))(x)
    np.testing.assert_array_equal(backwards, x[::-1])


RNG = np.random.default_rng(0)
ROWS = {
    "one": np.array([1.5]),
    "wide": RNG.normal(size=(3, 40)),
    "tall": RNG.normal(size=(5000, 3)),
    "long": RNG.normal(size=(2, 2000)),
    "single": RNG.normal(size=(4, 5, 6)).astype(np.float32),
    "half": np.full((20, 20), 1e4, np.float16),
    "turned": RNG.normal(size=(30, 4, 20)).transpose(2, 0, 1),
    "repeated": np.broadcast_to(RNG.normal(size=(20, 1)), (20, 3)),
    "unknown": np.array([[np.nan, 1.0], [np.inf, 1.0], [-np.inf, np.inf], *[[0.0, 1.0]] * 17]),
    "whole": np.arange(60).reshape(20, 3),
    "no rows": np.zeros((0, 3)),
}


@pytest.mark.parametrize("name", ROWS)
def test_sums_and_extremes_of_rows_are_numpys(name: str) -> None:
    x = ROWS[name]
    every = tuple(range(x.ndim))
    for axis in {None, -1, 0, *every, every[:-1], (-1,), every} - {()}:
        for keepdims in (False, True):
            with np.errstate(invalid="ignore", over="ignore"):
                got, want = summed(x, axis, keepdims), np.sum(x, axis=axis, keepdims=keepdims)
                size = np.sum(np.abs(x), axis=axis, keepdims=keepdims)
            assert got.shape == want.shape and got.dtype == want.dtype
            eps = 0 if x.dtype.kind == "i" else np.finfo(x.dtype).eps * 50
            known = np.isfinite(size)
            np.testing.assert_array_equal(np.where(known, 0, got), np.where(known, 0, want))
            off = np.where(known, got, 0) - np.where(known, want, 0)
            assert np.all(np.abs(off) <= eps * np.where(known, size, 0))
            if x.size:
                largest = extreme(np.maximum, x, axis, keepdims)
                np.testing.assert_array_equal(largest, np.max(x, axis=axis, keepdims=keepdims))
