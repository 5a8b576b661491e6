"""Arrays of the caller that change between forward and backward: right, or an error."""

import numpy as np
import pytest

import minigrad as mg

SMALL = (3, 4)
LARGE = (400, 90)

OPS = {
    "array * t": lambda t, m: m * t,
    "t * array": lambda t, m: t * m,
    "t / array": lambda t, m: t / m,
    "array / t": lambda t, m: m / t,
    "t ** array": lambda t, m: t**m,
    "array @ t": lambda t, m: m.T @ t,
    "t @ array": lambda t, m: t @ m.T,
    "np.multiply": lambda t, m: np.multiply(t, m),
    "np.arctan2": lambda t, m: np.arctan2(t, m),
    "np.where": lambda t, m: np.where(m > 1.5, t * m, t),
    "np.maximum": lambda t, m: np.maximum(t, m),
    "np.einsum": lambda t, m: np.einsum("ij,ij->i", t, m),
    "np.dot": lambda t, m: np.dot(m.T, t),
    "np.inner": lambda t, m: np.inner(t, m),
    "np.clip": lambda t, m: np.clip(t, m - 0.2, m),
    "mean of weights": lambda t, m: np.average(t, weights=m),
    "index": lambda t, m: t[(m > 1.5)] * 2,
}


def layouts(m):
    """The array itself, transposed memory, a slice, a view of a locked view, other dtypes."""
    big = np.zeros((m.shape[0], 2 * m.shape[1]))
    big[:, ::2] = m
    yield m.copy(), lambda a: a.__setitem__(..., 7.0)
    yield np.asfortranarray(m), lambda a: a.__setitem__(..., 7.0)
    yield big[:, ::2], lambda a: big.__setitem__(..., 7.0)
    base = m.copy()
    view = base.view()
    view.flags.writeable = False
    yield view, lambda a: base.__setitem__(..., 7.0)
    yield m.astype(np.float32), lambda a: np.multiply(a, 3, out=a)


@pytest.mark.parametrize("name", OPS)
def test_small_arrays_are_remembered(name):
    rng = np.random.default_rng(1)
    m0, x = 1 + rng.random(SMALL), 1 + rng.random(SMALL)
    for m, change in layouts(m0):
        plain = mg.grad(lambda t, m=m: mg.sum(OPS[name](t, m)))(x)
        t = mg.Tensor(x, requires_grad=True)
        L = mg.sum(OPS[name](t, m))
        change(m)
        L.backward()
        np.testing.assert_array_equal(t.grad, plain)


@pytest.mark.parametrize("name", [n for n in OPS if n not in ("index", "np.where", "np.clip")])
def test_large_arrays_that_change_are_an_error(name):
    rng = np.random.default_rng(1)
    m0, x = 1 + rng.random(LARGE), 1 + rng.random(LARGE)
    for work, change in layouts(m0):
        t = mg.Tensor(x, requires_grad=True)
        before = mg.grad(lambda t, m: mg.sum(OPS[name](t, m)))(x, work.copy())
        L = mg.sum(OPS[name](t, work))
        change(work)
        if name == "mean of weights" and work.dtype != np.float64:  # whose doubles are a copy
            L.backward()
            np.testing.assert_allclose(t.grad, before, rtol=1e-12)
            continue
        with pytest.raises(RuntimeError, match=r"was changed after it was used at .*test_const"):
            L.backward()


def test_the_error_names_the_array_and_the_line():
    t = mg.Tensor(np.ones(LARGE), requires_grad=True)
    weights = np.ones(LARGE)
    L = (t * weights).sum()
    weights[:] = 2
    with pytest.raises(RuntimeError, match=r"weights was changed .*L = \(t \* weights\).*copy\(\)"):
        L.backward()


def test_one_column_of_a_large_array_is_noticed():
    for shape in ((512, 64), (1024, 32), (3000, 10), (4000, 3), (999, 45)):
        for j in (0, 1, shape[1] // 2):
            t, m = mg.Tensor(np.ones(shape), requires_grad=True), np.ones(shape)
            L = (t * m).sum()
            m[:, j] = 2
            with pytest.raises(RuntimeError, match="was changed"):
                L.backward()


def test_arrays_that_do_not_change_and_sums_are_no_error():
    t, m = mg.Tensor(np.ones(LARGE), requires_grad=True), np.ones(LARGE)
    L = (t * m + m).sum()
    L.backward()
    m2 = np.ones(LARGE)
    L = (t + m2).sum()  # the derivative reads no value of it
    m2[:] = 5
    L.backward()
    np.testing.assert_array_equal(t.grad, 2 * np.ones(LARGE))


def test_a_work_array_in_a_loop():
    t, work, total = mg.Tensor([1.0, 2, 3], requires_grad=True), np.zeros(3), 0.0
    for i in range(3):
        work[:] = 0
        work[i] = i + 1
        total = total + (work * t).sum()
    total.backward()
    np.testing.assert_array_equal(t.grad, [1, 2, 3])


def test_every_derivative_and_every_reading_sees_what_was_recorded():
    m = np.array([1.0, 2.0, 3.0])
    t = mg.Tensor([1.0, 1.0, 1.0], requires_grad=True)
    L = (t**2 * m).sum()
    _, pull = mg.vjp(lambda x: x * m, np.ones(3))
    push = mg.linearize(lambda x: x**2 * m, np.ones(3))[1]
    m[:] = 9
    (g,) = mg.gradients(L, [t], create_graph=True)
    np.testing.assert_array_equal(g.data, [2, 4, 6])
    np.testing.assert_array_equal(mg.gradients(g.sum(), [t])[0], [2, 4, 6])
    np.testing.assert_array_equal(pull(np.ones(3))[0], [1, 2, 3])
    np.testing.assert_array_equal(push(np.ones(3)), [2, 4, 6])
    text = str(mg.explain(L, t))
    assert "[2, 4, 6]" in text
    assert "2·c1 ⊙ t" in text  # what m is now is not what there was: it has no name


def test_what_a_tensor_hands_out_cannot_be_unlocked():
    t = mg.Tensor([1.0, 2.0])
    for handed in (np.asarray(t), t.data, t.numpy(), t.detach().data, np.asarray(t.detach())):
        with pytest.raises(ValueError, match="WRITEABLE"):
            handed.setflags(write=True)


def test_requires_grad_off_and_on_between_forward_and_backward():
    t = mg.Tensor([1.0, 2.0], requires_grad=True)
    L = (t * t).sum()
    t.requires_grad = False
    t.requires_grad = True
    L.backward()
    np.testing.assert_array_equal(t.grad, [2, 4])


def test_a_large_array_that_gets_other_memory_is_an_error():
    c = np.ones(10**5)
    y = (mg.Tensor(np.ones(10**5), requires_grad=True) * c).sum()
    c.resize(10**7, refcheck=False)
    with pytest.raises(RuntimeError, match="was changed after it was used"):
        y.backward()
