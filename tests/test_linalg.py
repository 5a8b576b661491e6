"""Linear algebra beyond the table of samples: conventions, errors, and JAX as a witness."""

from __future__ import annotations

import doctest
import functools
import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import linalg
from tables import each

INF = np.inf


def tensor(a: Any) -> mg.Tensor:
    return mg.Tensor(a, requires_grad=True)


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


# --- conventions -----------------------------------------------------------------------


def test_the_namespace_holds_the_same_functions_as_numpy() -> None:
    a = normal(3, 3)
    assert not hasattr(mg, "inv")
    for name in ("inv", "det", "norm", "svdvals", "cond"):
        ours = getattr(linalg, name)(tensor(a))
        np.testing.assert_allclose(ours.data, getattr(np.linalg, name)(a), rtol=1e-13)
    names = [name for name in vars(linalg) if not name.startswith(("_", "@"))]
    assert len(names) == 32
    for name in names:
        assert hasattr(np.linalg, name)


@pytest.mark.parametrize("ord", [None, 1, -1, 2, -2, INF, -INF, "fro", "nuc"])
def test_norms_of_plain_arrays_and_integers(ord: Any) -> None:
    for x in (normal(2, 3), np.array([[3, -4], [0, 1]])):
        for keepdims in (False, True):
            expected = np.linalg.norm(x, ord, keepdims=keepdims)
            np.testing.assert_allclose(linalg.norm(x, ord, keepdims=keepdims), expected)
            np.testing.assert_allclose(
                np.linalg.norm(mg.Tensor(x), ord, None, keepdims).data, expected
            )


def test_named_results() -> None:
    a = tensor(normal(3, 3))
    assert np.linalg.slogdet(a)._fields == ("sign", "logabsdet")
    assert np.linalg.svd(a)._fields == ("U", "S", "Vh")
    assert np.linalg.qr(a)._fields == ("Q", "R")
    assert np.linalg.eigh(a)._fields == ("eigenvalues", "eigenvectors")
    assert np.linalg.matrix_rank(a) == 3


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
@pytest.mark.parametrize("ord", [None, 2, 1, 3, 1.5, 0.5, INF, -INF, "fro", "nuc", -1, -2])
def test_the_gradient_of_a_norm_at_zero_is_finite(shape: tuple[int, ...], ord: Any) -> None:
    if len(shape) == (1 if isinstance(ord, str) else 2 if ord in (3, 1.5, 0.5) else 0):
        pytest.skip("not a norm of this")
    with np.errstate(divide="ignore"):
        g = mg.grad(lambda x: np.linalg.norm(x, ord))(np.zeros(shape))
    assert np.isfinite(g).all()
    if len(shape) == 1 or ord not in (2, -2, "nuc"):
        assert not g.any()


def test_ties_share_evenly() -> None:
    x = np.array([3.0, -3.0, 1.0])
    np.testing.assert_allclose(mg.grad(lambda x: np.linalg.norm(x, INF))(x), [0.5, -0.5, 0])
    np.testing.assert_allclose(mg.grad(lambda x: np.linalg.norm(x, -INF))(x[:2]), [0.5, -0.5])
    np.testing.assert_allclose(mg.grad(lambda x: np.linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2)


def test_norm_of_negative_order_with_a_zero() -> None:
    with np.errstate(divide="ignore"):
        g = mg.grad(lambda x: np.linalg.norm(x, -1))(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(g, [0, 0])


def test_second_derivative_of_the_norm_where_an_element_is_zero() -> None:
    x = np.array([0.0, 2.0])
    np.testing.assert_allclose(mg.hessian(np.linalg.norm)(x), [[0.5, 0], [0, 0]])


def test_hessian_of_a_determinant_at_rank_zero() -> None:
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1
    expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1
    np.testing.assert_allclose(mg.hessian(np.linalg.det)(np.zeros((2, 2))), expected, atol=1e-15)


def test_third_derivative_of_a_determinant() -> None:
    def f(t: Any) -> Any:
        return np.linalg.det(t * np.array([[1.0, 2, 0], [0, 1, 1], [3, 0, 1]]))

    third = mg.grad(mg.grad(mg.grad(f)))
    np.testing.assert_allclose(third(0.7), 6 * 7, rtol=1e-8)


def determinant(a: Any) -> Any:
    """Leibniz' sum over permutations: a polynomial of the elements."""
    n = len(a)
    total = 0.0
    for p in itertools.permutations(range(n)):
        term = round(np.linalg.det(np.eye(n)[list(p)]))
        for i in range(n):
            term = term * a[i, p[i]]
        total = total + term
    return total


@each("order", [1, 2, 3, 4])
@each("kind", ["identity", "zero", "rank 1", "rotation", "random"])
@each("n", [1, 2, 3, 4])
def test_derivatives_of_a_determinant_for_any_rank(n: int, kind: str, order: int) -> None:
    a = {
        "identity": np.eye(n),
        "zero": np.zeros((n, n)),
        "rank 1": np.outer(np.arange(1.0, n + 1), np.ones(n)),
        "rotation": np.linalg.qr(normal(n, n))[0],
        "random": normal(n, n),
    }[kind]
    directions = normal(order, n, n, seed=1)

    def along(f: Any, order: int) -> Any:
        for d in directions[1:order]:
            f = lambda x, df=mg.grad(f), d=d: (df(x) * d).sum()
        return mg.grad(f)

    got, expected = along(np.linalg.det, order)(a), along(determinant, order)(a)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_third_derivative_of_a_large_determinant() -> None:
    a, b = np.diag(np.arange(1.0, 11)), np.ones((10, 10))
    third = mg.grad(mg.grad(mg.grad(lambda t: np.linalg.det(a * t + b))))
    # det(a t + b) = 10! (t¹⁰ + t⁹ Σ 1/i), as b is of rank 1
    factorial = np.prod(np.arange(1.0, 11))
    expected = factorial * (720 * 0.5**7 + 504 * 0.5**6 * np.sum(1 / np.arange(1.0, 11)))
    np.testing.assert_allclose(third(0.5), expected, rtol=1e-10)


def test_einsum_and_multi_dot_take_arrays_as_they_are() -> None:
    a, x = normal(3, 3), tensor(normal(3))
    for y in (
        np.einsum("ij,j->i", a, x),
        np.einsum(a, [0, 1], x, [1]),
        np.linalg.multi_dot([a, x]),
        np.linalg.outer(a[0], x),
    ):
        found, seen = [y.node], []
        while found:
            node = found.pop()
            seen += [np.shares_memory(v, a) for v in node.args if isinstance(v, np.ndarray)]
            found += [p for p in node.parents if p is not None]
        assert any(seen)


@pytest.mark.parametrize("name", ["inv", "solve", "det", "norm", "matmul"])
def test_examples_in_the_docstrings_of_ops(name: str) -> None:
    """Pytest collects those of functions only."""
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    example = parser.get_doctest(getattr(linalg, name).__doc__, {}, name, None, None)
    assert example.examples
    assert runner.run(example).failed == 0


def test_eigenvalues_alone_have_gradients_where_they_coincide() -> None:
    np.testing.assert_allclose(mg.grad(lambda a: np.linalg.eigh(a)[0].sum())(np.eye(3)), np.eye(3))
    np.testing.assert_allclose(mg.grad(lambda a: np.linalg.svd(a).S.sum())(np.eye(3)), np.eye(3))


def test_second_derivatives_of_eigenvectors_where_the_first_vanish() -> None:
    weights = np.array([[0.0, 0.0], [1.0, 0.0]])

    def f(t: Any) -> Any:
        a = np.array([[1.0, 0.0], [0.0, 3.0]]) + t**2 * np.array([[0.0, 1.0], [1.0, 0.0]])
        v = np.linalg.eigh(a)[1]
        return ((v * v) * weights).sum()

    # v_21² = t⁴/4 + O(t⁸)
    derivative = f
    for _ in range(4):
        derivative = mg.grad(derivative)
    np.testing.assert_allclose(derivative(0.0), 6.0, rtol=1e-12)


def test_least_squares_gives_rank_and_no_gradient_through_it() -> None:
    x, residuals, rank, s = np.linalg.lstsq(tensor(normal(4, 2)), np.ones(4))
    assert rank.item() == 2
    assert not rank.requires_grad
    assert x.shape == s.shape == (2,)
    assert residuals.shape == (1,)


def test_vectors_that_do_not_exist_give_no_number() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        g = mg.grad(lambda a: (np.linalg.eigh(a)[1] * np.arange(9.0).reshape(3, 3)).sum())(
            np.eye(3)
        )
    assert not np.isfinite(g).all()


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "2.5.0", reason="NumPy has no such product any more"
)
@pytest.mark.parametrize("shapes", [((2,), (2,)), ((4, 2), (2,)), ((4, 3), (2,)), ((2,), (4, 3))])
def test_cross_of_vectors_in_the_plane(shapes: Any) -> None:
    a, b = normal(*shapes[0]), normal(*shapes[1], seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = np.cross(a, b)
    np.testing.assert_allclose(np.cross(tensor(a), b).data, expected, atol=1e-15)


@each("mode", ["full", "same", "valid"])
@each("n", range(1, 6))
@each("m", range(1, 6))
def test_convolution_of_all_lengths(n: int, m: int, mode: str) -> None:
    a, v = normal(n), normal(m, seed=1)
    for f in (np.convolve, np.correlate):
        np.testing.assert_allclose(f(tensor(a), v, mode).data, f(a, v, mode), atol=1e-15)
        weights = normal(f(a, v, mode).size, seed=2)
        for i, x in enumerate((a, v)):
            rows = [f(e, v, mode) if i == 0 else f(a, e, mode) for e in np.eye(x.size)]
            got = mg.vjp(lambda a, v, f=f: f(a, v, mode), a, v)[1](weights)[i]
            np.testing.assert_allclose(got, np.array(rows) @ weights, atol=1e-14)


def test_integers_and_lists_mix_with_tensors() -> None:
    w = tensor([1.0, 2.0])
    assert np.dot(np.array([3, 4]), w).item() == 11
    assert np.dot([3, 4], w).item() == 11
    assert np.einsum("i,i", [3, 4], w).item() == 11
    assert mg.dot([w[0], w[1]], [3, 4]).item() == 11
    np.inner([3, 4], w).backward()
    np.testing.assert_array_equal(w.grad, [3, 4])


def test_no_tensor_no_recording() -> None:
    assert isinstance(mg.einsum("ij->ji", np.ones((2, 3))), np.ndarray)
    assert isinstance(linalg.inv(np.eye(2)), np.ndarray)


def test_views_of_data_cannot_be_written_through() -> None:
    w = tensor(np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        np.einsum("ii->i", w).data[0] = 5
    assert w.data[0, 0] == 1


@pytest.mark.parametrize("shapes", [[(2, 3), ()], [(), (3,)], [(), ()], [(3,), (2, 3, 4)]])
def test_multi_dot_of_two_is_dot(shapes: list[tuple[int, ...]]) -> None:
    arrays = [normal(*shape) for shape in shapes]
    f = lambda *chain: np.linalg.multi_dot(chain)
    np.testing.assert_allclose(f(*map(tensor, arrays)).data, np.dot(*arrays))
    mg.gradcheck(f, *arrays)


def test_multi_dot_takes_the_cheap_order() -> None:
    chain = [np.ones((1000, 1)), tensor(np.ones((1, 1000))), np.ones((1000, 1))]
    node = np.linalg.multi_dot(chain).node
    assert max(np.size(p.ans) for p in node.parents if p is not None) < 1000


# --- errors ----------------------------------------------------------------------------


def test_misaligned_matmul_names_variables_shapes_and_remedy() -> None:
    X, W = tensor(np.ones((32, 16))), tensor(np.ones((8, 16)))
    message = r"X @ W: X \(32, 16\) and W \(8, 16\) do not align: 16 != 8; did you mean W.T\?"
    for f in (lambda: X @ W, lambda: np.matmul(X, W), lambda: np.linalg.matmul(X, W)):
        with pytest.raises(ValueError, match=message):
            f()


@pytest.mark.parametrize(
    ("name", "args", "error", "words"),
    [
        ("inv", [np.ones((2, 3))], np.linalg.LinAlgError, r"linalg.inv.*\(2, 3\)"),
        ("inv", [np.ones((2, 2))], np.linalg.LinAlgError, r"linalg.inv.*Singular"),
        ("solve", [np.ones((2, 2)), np.ones(2)], np.linalg.LinAlgError, "linalg.solve.*Singular"),
        ("solve", [np.eye(2), np.ones(3)], ValueError, r"linalg.solve.*\(2, 2\) and .*\(3,\)"),
        ("det", [np.ones((2, 3))], np.linalg.LinAlgError, r"linalg.det.*\(2, 3\)"),
        ("cholesky", [-np.eye(2)], np.linalg.LinAlgError, "linalg.cholesky.*positive definite"),
        ("matrix_power", [np.ones((2, 3)), 2], np.linalg.LinAlgError, r"matrix_power.*\(2, 3\)"),
        ("qr", [np.ones((3, 2)), "complete"], ValueError, "mode='reduced'"),
        ("norm", [np.ones((2, 3)), 3], ValueError, "ord=3"),
        ("norm", [np.ones(3), "nuc"], ValueError, "ord='nuc'"),
        ("norm", [np.ones((2, 2, 2)), 2], ValueError, "axis="),
        ("norm", [np.ones(3), 2, 1], np.exceptions.AxisError, "axis 1"),
        ("multi_dot", [[np.ones((2, 2))]], ValueError, "at least two"),
        ("multi_dot", [[np.eye(2), np.ones(2), np.eye(2)]], np.linalg.LinAlgError, "array 1"),
        ("outer", [np.eye(2), np.ones(2)], ValueError, r"\(2, 2\)"),
        ("cross", [np.ones(2), np.ones(2)], ValueError, r"\(2,\)"),
    ],
)  # fmt: skip
def test_errors_name_the_function(name: str, args: list[Any], error: Any, words: str) -> None:
    args = [tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    if name == "multi_dot":
        args = [[tensor(a) for a in args[0]]]
    with pytest.raises(error, match=words):
        getattr(np.linalg, name)(*args)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "words"),
    [
        ("ij,jk", [(2, 3)], "2 operands, but 1"),
        ("ij", [(3,)], r"operand 0 has shape \(3,\).*2 axes"),
        ("i", [(3, 2)], r"operand 0 has shape \(3, 2\)"),
        ("...i->i", [(2, 3)], "'...'"),
        ("ij,jk->ik", [(2, 3), (4, 2)], "einsum"),
        ("i->j", [(3,)], "einsum"),
        ("ii->ii", [(3, 3)], "einsum"),
        ("i1,->", [(3, 3), ()], "einsum"),
    ],
)
def test_illegal_subscripts(subscripts: str, shapes: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        np.einsum(subscripts, *[tensor(np.ones(s)) for s in shapes])


def test_keywords_that_are_not_supported_are_refused_by_name() -> None:
    x, out = tensor(np.ones((2, 2))), np.ones((2, 2))
    for f in (np.dot, np.matmul, np.outer):
        with pytest.raises(TypeError, match="out="):
            f(x, x, out=out)
    for f in (
        lambda: np.einsum("ij->ij", x, out=out),
        lambda: np.trace(x, out=out),
        lambda: np.linalg.multi_dot([x, x], out=out),
    ):
        with pytest.raises(TypeError, match="out="):
            f()
    with pytest.raises(TypeError, match="dtype="):
        np.einsum("ij->ij", x, dtype=np.float32)
    with pytest.raises(TypeError, match="axes"):
        np.matmul(x, x, axes=[(0, 1)] * 3)


def test_tensordot_and_vecdot_name_the_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 3\)"):
        np.tensordot(tensor(np.ones((2, 3))), np.ones((2, 3)), 1)
    with pytest.raises(ValueError, match="3 != 1"):
        np.vecdot(tensor(np.ones(3)), np.ones(1))


# --- other arrays than NumPy's ---------------------------------------------------------


def test_dask_arrays() -> None:
    da = pytest.importorskip("dask.array")
    x, w = normal(6, 3), normal(3, 2, seed=1)

    def loss(x: Any, w: Any) -> Any:
        y = x @ w
        return (np.tensordot(y, y, ([0], [0])) * np.einsum("ni,nj->ij", y, y)).sum()

    expected = mg.grad(loss, 1)(x, w)
    W = mg.Tensor(da.from_array(w, chunks=2), requires_grad=True)
    loss(da.from_array(x, chunks=2), W).backward()
    np.testing.assert_allclose(np.asarray(W.grad), expected, rtol=1e-12)


# --- JAX as a witness ------------------------------------------------------------------


@pytest.fixture(scope="module")
def jax() -> Any:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


@pytest.mark.sampled(5)
@pytest.mark.parametrize("ord", [None, 1, 2, 3, 0.5, -1, INF, -INF, "fro", "nuc", -2])
def test_norms_as_jax(jax: Any, ord: Any) -> None:
    for shape in [(4,), (3, 4)]:
        if len(shape) == (1 if isinstance(ord, str) else 2 if ord in (3, 0.5) else 0):
            continue
        x = normal(*shape)
        ours = mg.grad(lambda x: np.linalg.norm(x, ord))(x)
        theirs = jax.grad(lambda x: jax.numpy.linalg.norm(x, ord))(x)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def random_einsum(seed: int) -> tuple[str, list[Any]]:
    """Subscripts with repeated, summed and broadcast labels, and operands for them."""
    rng = np.random.default_rng(seed)
    lengths = dict(zip("abcde", (2, 3, 1, 2, 4), strict=True))
    terms = [
        "".join(rng.choice(list("abcde"), rng.integers(0, 4))) for _ in range(rng.integers(1, 4))
    ]
    used = sorted(set("".join(terms)))
    output = "".join(rng.permutation(used)[: rng.integers(0, len(used) + 1)])
    batch = ["..." if rng.random() < 0.3 else "" for _ in terms]
    operands = [
        rng.normal(size=((3, 2) if b else ()) + tuple(lengths[c] for c in t))
        for b, t in zip(batch, terms, strict=True)
    ]
    inputs = ",".join(b + t for b, t in zip(batch, terms, strict=True))
    if rng.random() < 0.2:
        return inputs, operands
    return f"{inputs}->{'...' if any(batch) else ''}{output}", operands


@pytest.mark.sampled(12)
@pytest.mark.parametrize("seed", range(60))
def test_random_einsums_as_jax(jax: Any, seed: int) -> None:
    subscripts, operands = random_einsum(seed)

    def value(module: Any) -> Any:
        return lambda *x: (module.sin(module.einsum(subscripts, *x))).sum()

    numbers = tuple(range(len(operands)))
    ours = mg.grad(value(np), numbers)(*operands)
    theirs = jax.grad(value(jax.numpy), numbers)(*operands)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11, err_msg=subscripts)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["inv", "pinv", "cholesky", "slogdet", "qr", "eigh", "svd", "det"])
def test_factorisations_as_jax(jax: Any, name: str) -> None:
    a = normal(4, 4)
    weights = normal(4, 4, seed=1)

    def value(module: Any) -> Any:
        def f(a: Any) -> Any:
            s = a @ a.T + module.eye(4) if name in ("cholesky", "eigh") else a
            outputs = getattr(module.linalg, name)(s)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            return sum(((y * y) @ weights[: y.shape[-1]]).sum() if y.ndim else y for y in outputs)

        return f

    np.testing.assert_allclose(mg.grad(value(np))(a), jax.grad(value(jax.numpy))(a), rtol=1e-8)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2, 2, 4)])
def test_full_singular_vectors_are_values_without_a_gradient(shape: tuple[int, ...]) -> None:
    a = normal(*shape)
    for x in (a, mg.Tensor(a), tensor(a)):
        for ours, theirs in zip(np.linalg.svd(x), np.linalg.svd(a), strict=True):
            values = ours.data if isinstance(ours, mg.Tensor) else ours
            np.testing.assert_allclose(values, theirs, rtol=1e-14)
    X = tensor(a)
    full, thin = np.linalg.svd(X), np.linalg.svd(X, full_matrices=False)
    full.S.sum().backward()
    np.testing.assert_allclose(X.grad, mg.gradients(thin.S.sum(), X), rtol=1e-12)
    wide = shape[-1] > shape[-2]
    ours, theirs, rest = (full.U, thin.U, full.Vh) if wide else (full.Vh, thin.Vh, full.U)
    np.testing.assert_allclose(
        mg.gradients((ours**2 * ours).sum(), X), mg.gradients((theirs**3).sum(), X), rtol=1e-9
    )
    with pytest.raises(ValueError, match=r"linalg\.svd.*use full_matrices=False"):
        rest.sum().backward()


def contraction(rng: np.random.Generator, n: int) -> tuple[str, list[np.ndarray]]:
    """A random sum of products of ``n`` arrays: batches, sums, diagonals, outer products."""
    sizes = {c: int(rng.integers(1, 4)) for c in "abcde"}
    terms = ["".join(rng.choice(list(sizes), rng.integers(0, 4))) for _ in range(n)]
    if rng.random() < 0.7:  # no diagonals
        terms = ["".join(dict.fromkeys(t)) for t in terms]
    letters = sorted({*"".join(terms)})
    output = "".join(rng.permutation(letters)[: rng.integers(0, len(letters) + 1)])
    return (
        ",".join(terms) + "->" + output,
        [rng.normal(size=[sizes[c] for c in t]) for t in terms],
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64"])
def test_contractions_by_products_of_matrices(dtype: str) -> None:
    """Values by NumPy's loop; slopes by it, too, since the sum is linear in each array."""
    rng = np.random.default_rng(0)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for n in [1] * 10 + [2] * 150 + [3] * 60:
        words, arrays = contraction(rng, n)
        arrays = [(10 * a).astype(dtype) for a in arrays]
        expected = np.einsum(words, *arrays)
        close = functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance * 1e3)
        given = mg.einsum(words, *map(mg.Tensor, arrays)).numpy()
        close(given, expected, err_msg=words)
        assert given.dtype == expected.dtype
        f = mg.compile(functools.partial(np.einsum, words))
        for _ in range(2):
            close(f(*arrays), expected, err_msg=words)
        if dtype != "float64":
            continue
        weights = np.asarray(rng.normal(size=expected.shape))
        loss = lambda *x, words=words, w=weights: (np.einsum(words, *x) * w).sum()
        for g in (mg.grad(loss, (*range(n),)), mg.compile(mg.grad(loss, (*range(n),)))):
            for i, slope in enumerate(g(*arrays)):
                along = rng.normal(size=slope.shape)
                changed = [*arrays[:i], along, *arrays[i + 1 :]]
                close(np.sum(slope * along), loss(*changed), err_msg=f"{words} by {i}")


def test_large_contractions_go_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    A, B, C = rng.normal(size=(3, 20, 20))
    np.testing.assert_allclose(
        mg.einsum("ij,jk,kl->il", mg.Tensor(A), B, C).numpy(), A @ B @ C, rtol=1e-12
    )
    f = mg.compile(lambda *x: np.einsum("ij,jk,kl->il", *x))
    for _ in range(2):
        np.testing.assert_allclose(f(A, B, C), A @ B @ C, rtol=1e-12)
    assert "einsum" not in f.latest.code and f.latest.code.count("dot(") == 2


@pytest.mark.parametrize("last", [0.0, 1e-12, 1e-5, 0.1, 1.0, 1e160])
def test_cofactors_of_any_condition(last: float) -> None:
    """Of [[a, b], [c, d]] they are [[d, -c], [-b, a]]; beside a regular matrix in a batch, too."""
    for A in (np.array([[2.0, 3.0], [4.0, 6.0 + last]]), np.diag([1.0, last])):
        (a, b), (c, d) = A
        expected = np.array([[d, -c], [-b, a]])
        batch = mg.grad(lambda x: np.linalg.det(x).sum())(np.stack([A, np.eye(2)]))
        tolerance = 1e-13 * np.abs(A).max()
        np.testing.assert_allclose(batch[0], expected, rtol=1e-12, atol=tolerance)
        np.testing.assert_allclose(batch[1], np.eye(2), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(mg.grad(np.linalg.det)(A), expected, rtol=1e-12, atol=tolerance)


@pytest.mark.parametrize(
    ("words", "shape"), [("ii->i", (0, 3)), ("ii", (1, 3)), ("...ii->...i", (2, 3, 0))]
)
def test_diagonals_of_axes_of_several_lengths_are_refused(words: str, shape: Any) -> None:
    """NumPy reads memory that is not the array's, where one of them is 0."""
    with pytest.raises(ValueError, match=r"operand 0 has shape .*takes a diagonal, of axes of one"):
        mg.einsum(words, mg.Tensor(np.ones(shape)))
