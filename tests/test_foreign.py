"""Arrays of other libraries beside a Tensor: right, or refused by name; and habits answered."""

import hashlib
import operator
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import minigrad as mg

D = np.arange(9.0).reshape(3, 3)
W = np.random.default_rng(0).random((3, 3))
ELEMENTWISE = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dia", "bsr", "lil"])
@pytest.mark.parametrize("form", ["matrix", "array"])
def test_sparse_products_are_products(kind, form):
    sparse = pytest.importorskip("scipy.sparse")
    S = getattr(sparse, f"{kind}_{form}")(D)
    for product in (lambda M, t: M @ t, lambda M, t: t @ M, lambda M, t: M @ t[:, 0]):
        plain = mg.grad(lambda t, f=product: (f(D, t) ** 2).sum())(W)
        np.testing.assert_allclose(mg.grad(lambda t, f=product: (f(S, t) ** 2).sum())(W), plain)
        t = mg.Tensor(W, requires_grad=True)
        (product(S, t) ** 2).sum().backward()
        np.testing.assert_allclose(t.grad, plain)
    hessian = mg.hessian(lambda t: ((S @ t) ** 2).sum())(W)
    np.testing.assert_allclose(hessian, mg.hessian(lambda t: ((D @ t) ** 2).sum())(W))


@pytest.mark.parametrize("f", ELEMENTWISE)
def test_sparse_elsewhere_is_refused(f):
    sparse = pytest.importorskip("scipy.sparse")
    t = mg.Tensor(W, requires_grad=True)
    for S in (sparse.csr_matrix(D), sparse.csr_array(D)):
        with pytest.raises(TypeError, match=r"S is a csr_\w+ of scipy.*S\.toarray\(\)"):
            f(t, S)
        if f is not operator.pow:
            with pytest.raises(TypeError):
                f(S, t)


@pytest.mark.parametrize("f", ELEMENTWISE)
@pytest.mark.parametrize("library, make", [("pandas", "Series"), ("polars", "Series")])
def test_series_are_refused(f, library, make):
    x = getattr(pytest.importorskip(library), make)([1.0, 2.0, 3.0])
    t = mg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(TypeError, match=rf"x is a Series of {library}.*x\.to_numpy\(\)"):
        f(t, x)


def test_torch_is_refused():
    x = pytest.importorskip("torch").ones(3)
    t = mg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"x is a Tensor of torch.*x\.numpy\(\)"):
        t * x


def test_approx_compares():
    t = mg.Tensor([1.0, 2.0])
    assert t.sum() == pytest.approx(3.0) and t.sum() != pytest.approx(4.0)


@pytest.mark.parametrize("data", [None, {}, {"a": 1.0}, {1.0}, frozenset(), "ones", b"ones"])
def test_what_is_no_array_is_named(data):
    with pytest.raises(TypeError, match=rf"Tensor: the data are .*\({type(data).__name__}\)"):
        mg.Tensor(data)
    t = mg.Tensor([1.0], requires_grad=True)
    if data is not None:
        with pytest.raises(TypeError, match=r"the gradient of t: the data are"):
            t.backward(data)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda t: t.sum(dim=0), "dim=.*axis="),
        (lambda t: t.mean(0, keepdim=True), "keepdim=.*keepdims="),
        (lambda t: t.exp(), r"'exp': write mg\.exp\(t\)"),
        (lambda t: mg.sigmod(t), r"did you mean mg\.sigmoid"),
        (lambda t: mg.scipy_special, r"no attribute 'scipy_special'"),
        (lambda t: mg.special.gamma(t), r"from minigrad\.scipy import special"),
        (lambda t: mg.optim.StepLR(t), r"lr=mg\.optim\.cosine"),
        (lambda t: mg.unsqueeze(t), r"mg\.expand_dims"),
        (lambda t: t.norm(), r"mg\.linalg\.norm"),
        (lambda t: mg.zeros(3), r"np\.zeros.*mg\.buffer"),
    ],
)
def test_habits_are_answered(call, words):
    with pytest.raises((AttributeError, TypeError), match=words):
        call(mg.Tensor([1.0, 2.0], requires_grad=True))


def test_names_nearby_are_suggested():
    command = [sys.executable, "-c", "import minigrad as mg; mg.Tensor(1.0).reshap(2)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Did you mean: 'reshape'" in done.stderr


def test_no_attribute_is_invented():
    t = mg.Tensor(1.0)
    assert "sum" in dir(t) and "exp" not in dir(t)
    assert not hasattr(t, "exp") and not hasattr(mg, "zeros") and not hasattr(t, "_x")


def test_compressed_files_are_refused(tmp_path):
    mg.save(tmp_path / "a.npz", {"w": np.zeros(1000)})
    data = (tmp_path / "a.npz").read_bytes()
    with (
        zipfile.ZipFile(tmp_path / "a.npz") as old,
        zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        new.comment = bytes(64)
        for name in old.namelist():
            new.writestr(name, old.read(name))

    body = (tmp_path / "b.npz").read_bytes()[:-64]
    (tmp_path / "b.npz").write_bytes(body + hashlib.sha256(body).hexdigest().encode())
    assert len(body) < len(data)
    with pytest.raises(ValueError, match="compressed members"):
        mg.load(tmp_path / "b.npz")


def test_a_program_leaves_checkpoints_alone(tmp_path):
    table = np.random.default_rng(0).random(5000)
    mg.save(tmp_path / "model.npz", {"w": 1})
    mg.trace(lambda x: (x * table).sum(), np.ones(5000)).save(tmp_path / "model.py")
    assert mg.load(tmp_path / "model.npz") == {"w": 1}
    assert (tmp_path / "model.constants.npz").exists()


def test_arrays_of_xarray_hold_tensors():
    xarray = pytest.importorskip("xarray")
    values = np.array([1.0, 2.0, 3.0])
    da = xarray.DataArray(values)
    for f, slope in [
        (lambda t: t * da, values),
        (lambda t: da * t, values),
        (lambda t: np.exp(da * t) + t, values * np.exp(values**2) + 1),
        (lambda t: t - da, np.ones(3)),
        (lambda t: t * (da * t), 2 * values**2),
    ]:
        t = mg.Tensor(values, requires_grad=True)
        total = f(t).data.sum()
        assert isinstance(total, mg.Tensor)
        total.backward()
        np.testing.assert_allclose(t.grad, slope)


def test_code_for_any_array():
    compat = pytest.importorskip("array_api_compat")
    t = mg.Tensor([3.0, 1.0, 2.0], requires_grad=True)
    xp = compat.array_namespace(t)

    def spread(x):
        xp = compat.array_namespace(x)
        centred = x - xp.mean(x)
        scaled = xp.linalg.vector_norm(centred) + xp.sum(xp.exp(centred) * xp.arange(3))
        return scaled + xp.sum(xp.cumulative_sum(xp.sort(x)) * xp.asarray([1.0, 2.0, 3.0]))

    assert mg.gradcheck(spread, t.data)
    assert compat.is_array_api_obj(t) and compat.device(t) == "cpu" and t.to_device("cpu") is t
    assert xp.asarray(t) is t and xp.asarray(t, dtype=np.float32).dtype == np.float32
    assert xp.isdtype(t.dtype, "real floating") and xp.zeros(2).shape == (2,)
    with pytest.raises(ValueError, match="on the cpu, not on 'cuda'"):
        t.to_device("cuda")


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        (mg, "softmx", "did you mean mg.softmax?"), (mg, "Module", "it is mg.nn.Module"),
        (mg, "MSELoss", "it is mg.losses.mse"), (mg, "cat", "mg.concatenate"),
        (mg, "jacfwd", 'mode="forward"'), (mg, "manual_seed", "default_rng"),
        (mg.nn, "Relu", "did you mean mg.nn.ReLU?"), (mg.nn, "Parameter", "requires_grad=True"),
        (mg.nn, "CrossEntropyLoss", "it is mg.losses.cross_entropy"),
        (mg.nn.functional, "relu", "it is mg.relu"), (mg.optim, "Adm", "mg.optim.Adam?"),
        (mg.losses, "MSE", "mg.losses.mse?"), (mg.linalg, "invv", "mg.linalg.inv?"),
        (mg.fft, "rft", "mg.fft.rfft?"),
    ],
)  # fmt: skip
def test_names_that_are_not_there_lead_to_those_that_are(module, name, told):
    with pytest.raises(AttributeError, match=re.escape(told)):
        getattr(module, name)
    assert not hasattr(module, "qqqq")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("exp", "mg.exp(t)"), ("matmul", "mg.matmul(t, b)"), ("pow", "mg.pow(t, x2)"),
        ("unsqueeze", "mg.expand_dims(t, axis)"), ("permute", "t.transpose(1, 0)"),
        ("dim", "t.ndim"), ("float", "t.astype(dtype)"), ("add_", "t.data = new"),
    ],
)  # fmt: skip
def test_methods_of_other_libraries_are_translated(name, told):
    t = mg.Tensor([1.0])
    with pytest.raises(AttributeError, match=re.escape(f"write {told}")):
        getattr(t, name)
    assert name not in dir(t)


def test_masked_arrays_are_named_on_either_side():
    t, m = (
        mg.Tensor([1.0, 2.0, 3.0], requires_grad=True),
        np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    )
    for f in (
        lambda: t * m, lambda: m * t, lambda: m + t, lambda: m - t, lambda: m / t, lambda: m**t,
        lambda: m @ t, lambda: m // t, lambda: m % t, lambda: m < t, lambda: m == t,
        lambda: np.ma.multiply(m, t), lambda: m.dot(t), lambda: np.concatenate([m, t]),
    ):  # fmt: skip
        with pytest.raises(
            TypeError, match=r"m is a masked array: use np.where\(mask, other, values\)"
        ):
            f()
    m *= 2
    np.testing.assert_array_equal((m * t.detach()).filled(0), [2, 0, 18])


def test_memory_is_shared_by_dlpack_without_gradient_only():
    t = mg.Tensor([1.0, 2.0])
    np.testing.assert_array_equal(np.from_dlpack(t), [1, 2])
    assert t.__dlpack_device__() == (1, 0)
    for version in (None, (0, 8), (1, 0)):  # read-only, or a copy for who knows of no such thing
        assert "dltensor" in repr(t.__dlpack__(max_version=version))
    with pytest.raises(TypeError, match="w requires a gradient: as an array it would lose it"):
        w = mg.Tensor([1.0], requires_grad=True)
        np.from_dlpack(w)
    t = [mg.Tensor(1.0, requires_grad=True)]
    with pytest.raises(
        TypeError, match=r"an entry of t requires .* with mg.array\(t\) or mg.stack"
    ):
        np.asarray(t)
    with pytest.raises(
        TypeError, match=r"an entry of x requires .* with mg.array\(x\) or mg.stack"
    ):
        mg.grad(lambda x: np.sum(np.sin(x)))([1.0, 2.0])


def test_shifts_of_integers():
    t = mg.Tensor([1, 2, 12])
    np.testing.assert_array_equal(t << 2, [4, 8, 48])
    np.testing.assert_array_equal(t >> np.array([0, 1, 2]), [1, 1, 3])


@pytest.mark.parametrize(
    "of",
    [
        lambda f, x: mg.grad(lambda t: f(t).sum())(x),
        lambda f, x: mg.vjp(f, x),
        lambda f, x: mg.jvp(f, (x,), (x,)),
        lambda f, x: mg.jacobian(f)(x),
        lambda f, x: mg.vmap(f)(x[None]),
        lambda f, x: mg.trace(f, x),
        lambda f, x: mg.grad(lambda t: mg.checkpoint(f)(t).data.sum())(x),
    ],
)
def test_tensors_hidden_in_results_are_refused(of):
    xarray = pytest.importorskip("xarray")
    x, weights = np.arange(3.0), xarray.DataArray(np.arange(3.0))
    with pytest.raises(TypeError, match=r"returned a DataArray that holds a Tensor.*\.data"):
        of(lambda t: weights * t, x)
    np.testing.assert_array_equal(mg.grad(lambda t: (weights * t).data.sum())(x), weights)


def test_objects_that_hold_tensors_are_refused():
    def objects(t):
        out = np.empty(2, object)
        out[0], out[1] = t[0], 2 * t[1]
        return out

    with pytest.raises(TypeError, match=r"array of objects that holds Tensors.*mg.array"):
        mg.jacobian(objects)(np.arange(2.0))
    right = mg.jacobian(lambda t: mg.array(list(objects(t))))(np.arange(2.0))
    np.testing.assert_array_equal(right, np.diag([1.0, 2.0]))
