"""Positional arguments land where NumPy puts them: same names in the same order."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.record import Op, implementations, public
from tables import each

EXCEPTIONS = {
    np.linalg.matmul: "np.matmul, which calls its arguments x1 and x2 too, by position only",
    np.linalg.tensordot: "np.tensordot, which calls its arguments a and b",
}
P = inspect.Parameter


def positional(function: Callable[..., Any]) -> list[str]:
    """Names of the parameters that may be given by position."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.kind in (P.POSITIONAL_ONLY, P.POSITIONAL_OR_KEYWORD)]


def functions() -> list[Any]:
    """NumPy's functions, other than ufuncs, that something of ours stands for."""
    rows = []
    for function, ours in implementations.items():
        if isinstance(function, np.ufunc | tuple) or function in EXCEPTIONS:
            continue
        forward = ours.forward if isinstance(ours, Op) else ours
        if forward is function:
            continue
        try:
            names = positional(function)
        except ValueError:  # a few C functions tell nothing
            continue
        rows.append((names, ours))
    return rows


@each("theirs, ours", functions())
def test_same_names_in_the_same_order(theirs: list[str], ours: Any) -> None:
    assert (list(ours.places) if isinstance(ours, Op) else positional(ours)) == theirs


ROWS = np.arange(1.0, 7.0).reshape(2, 3) / 2
CALLS: list[Any] = [
    lambda np, x: np.sum(x, 0, None, None, True),
    lambda np, x: np.prod(x, 0, None, None, True),
    lambda np, x: np.mean(x, 0, None, None, True),
    lambda np, x: np.var(x, 0, None, None, 1, True),
    lambda np, x: np.std(x, 0, None, None, 1, True),
    lambda np, x: np.max(x, 1, None, True),
    lambda np, x: np.min(x, 1, None, True, 0.75),
    lambda np, x: np.median(x, 1, None, False, True),
    lambda np, x: np.ptp(x, 1, None, True),
    lambda np, x: np.nansum(x, 1, None, None, True),
    lambda np, x: np.nanmean(x, 1, None, None, True),
    lambda np, x: np.cumsum(x, 1, None, None),
    lambda np, x: np.cumprod(x, 1, None, None),
    lambda np, x: np.round(x, 0, None),
    lambda np, x: np.clip(x, 1.0, 2.0, None),
    lambda np, x: np.concatenate([x, x], 1, None),
    lambda np, x: np.stack([x, x], 1, None),
    lambda np, x: np.copy(x, "C", False),
    lambda np, x: np.broadcast_to(x, (4, 2, 3), False),
    lambda np, x: np.sort(x, 0, None, None),
    lambda np, x: np.reshape(x, (3, 2), "C"),
    lambda np, x: np.take(x, [0, 1], 1, None, "raise"),
    lambda np, x: np.diagonal(x, 1, 0, 1),
    lambda np, x: np.trace(x, 1, 0, 1, None, None),
]


@pytest.mark.parametrize("library", [np, mg], ids=["np", "mg"])
@pytest.mark.parametrize("i", range(len(CALLS)))
def test_positional_calls(i: int, library: Any) -> None:
    x = mg.Tensor(ROWS, requires_grad=True)
    got, expected = CALLS[i](library, x), CALLS[i](np, ROWS)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.data, expected, rtol=1e-15)
    got.sum().backward()  # rules take all that was given
    assert x.grad.shape == x.shape


REFUSED: dict[str, Any] = {
    "sum": lambda x, out: np.sum(x, 0, None, out),
    "prod": lambda x, out: np.prod(x, 0, None, out),
    "mean": lambda x, out: np.mean(x, 0, None, out),
    "var": lambda x, out: np.var(x, 0, None, out),
    "std": lambda x, out: np.std(x, 0, None, out),
    "max": lambda x, out: np.max(x, 0, out),
    "min": lambda x, out: np.min(x, 0, out),
    "median": lambda x, out: np.median(x, 0, out),
    "ptp": lambda x, out: np.ptp(x, 0, out),
    "nansum": lambda x, out: np.nansum(x, 0, None, out),
    "nanmean": lambda x, out: np.nanmean(x, 0, None, out),
    "cumsum": lambda x, out: np.cumsum(x, 0, None, out),
    "cumprod": lambda x, out: np.cumprod(x, 0, None, out),
    "round": lambda x, out: np.round(x, 0, out),
    "clip": lambda x, out: np.clip(x, 0.0, 1.0, out),
    "concatenate": lambda x, out: np.concatenate([x, x], 0, out),
    "stack": lambda x, out: np.stack([x, x], 0, out),
    "take": lambda x, out: np.take(x, [0], 0, out),
}


@pytest.mark.parametrize("name", REFUSED)
def test_out_is_refused_by_name(name: str) -> None:
    x = mg.Tensor(ROWS, requires_grad=True)
    with pytest.raises(TypeError, match=f"{name}: out= is not supported.*never written"):
        REFUSED[name](x, np.zeros(3))


AXES: dict[str, Any] = {
    "median": lambda x: np.median(x, axis=5),
    "median, negative": lambda x: np.median(x, axis=-4),
    "median, tuple": lambda x: np.median(x, axis=(0, 3)),
    "diff": lambda x: np.diff(x, axis=3),
    "var": lambda x: np.var(x, axis=2),
    "ptp": lambda x: np.ptp(x, axis=-3),
    "average": lambda x: np.average(x, axis=2),
    "average, weights": lambda x: np.average(x, axis=2, weights=np.ones(3)),
    "nanmean": lambda x: np.nanmean(x, axis=2),
}


@pytest.mark.parametrize("name", AXES)
def test_axis_out_of_range(name: str) -> None:
    with pytest.raises(np.exceptions.AxisError):
        AXES[name](mg.Tensor(ROWS, requires_grad=True))


LISTS = [
    "sum", "mean", "prod", "max", "min", "var", "std", "diff", "median", "average", "nansum",
    "nanmean", "ptp", "cumsum", "cumprod", "sort", "copy", "ravel", "flip", "gelu", "silu", "erf",
    "sigmoid", "softmax", "logsumexp", "log_softmax",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists(name: str) -> None:
    f = public[name]
    expected = f(np.array([2.0, 3.0]))
    np.testing.assert_allclose(f([2.0, 3.0]), expected)
    t, u = mg.Tensor(2.0, requires_grad=True), mg.Tensor(3.0, requires_grad=True)
    got = f([t, u])
    np.testing.assert_allclose(got.data, expected)
    got.sum().backward()
    slope = mg.grad(lambda x: f(x).sum())(np.array([2.0, 3.0]))
    np.testing.assert_allclose([t.grad, u.grad], slope)


@pytest.mark.parametrize("f", [np.max, np.min])
def test_extreme_of_nan(f: Any) -> None:
    np.testing.assert_array_equal(mg.grad(f)(np.array([1.0, np.nan, 2.0])), [0, 1, 0])
    rows = np.array([[1.0, np.nan, np.nan], [3.0, 3.0, 3.0]])
    got = mg.grad(lambda x: f(x, axis=1).sum())(rows)
    np.testing.assert_allclose(got, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize("f", [np.maximum, np.minimum])
def test_winner_is_nan(f: Any) -> None:
    x = mg.Tensor([1.0, np.nan, np.nan, 2.0], requires_grad=True)
    y = mg.Tensor([np.nan, 1.0, np.nan, 2.0], requires_grad=True)
    f(x, y).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 1, 0.5, 0.5])
    np.testing.assert_array_equal(y.grad, [1, 0, 0.5, 0.5])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_unsigned_exponents(kind: Any) -> None:
    x, p = np.array([0.0, 2.0, 3.0], np.float32), np.array([0, 1, 2], kind)
    np.testing.assert_array_equal(mg.grad(lambda x: (x**p).sum())(x), [0, 1, 6])
    np.testing.assert_array_equal(mg.grad(lambda x: (x ** kind(0)).sum())(x), [0, 0, 0])
    np.testing.assert_array_equal(mg.grad(lambda x: (x ** kind(2)).sum())(x), [0, 4, 6])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_erf_and_gelu_keep_the_dtype(kind: Any) -> None:
    for f in (mg.erf, mg.gelu):
        x = mg.Tensor(np.array([-300.0, 0.0, 0.5, 300.0], kind), requires_grad=True)
        ans = f(x)
        assert ans.dtype == kind
        ans.sum().backward()
        assert x.grad.dtype == kind
        assert np.all(np.isfinite(x.grad))


def test_erf_of_integers() -> None:
    np.testing.assert_allclose(mg.erf(np.array([0, 1])), [0.0, 0.8427007929497149])
    assert mg.erf(mg.Tensor([0, 1])).dtype == np.float64
    assert float(mg.erf(0)) == 0.0


def test_plain_numbers() -> None:
    assert (mg.softmax(2.0), mg.log_softmax(2.0), mg.logsumexp(2)) == (1.0, 0.0, 2.0)


def documented() -> list[Any]:
    """Ops with examples: instances, which doctest does not look into by itself."""
    return [
        op
        for op in public.values()
        if isinstance(op, Op) and op.vjps is not None and ">>>" in (op.__doc__ or "")
    ]


@each("op", documented())
def test_examples_of_ops(op: Op) -> None:
    test = doctest.DocTestParser().get_doctest(op.__doc__ or "", {}, op.name, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    report: list[str] = []
    runner.run(test, out=report.append)
    assert not report, "".join(report)


NONFINITE = np.array(
    [[1.0, 2, 3], [-np.inf, 0, 1], [np.inf, 0, 1], [-np.inf] * 3, [np.nan, 0, 1], [1e4, -1e4, 0]]
)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_without_shares_as_pytorch(name: str, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    x = NONFINITE.astype(dtype)
    f = getattr(mg, name)
    with np.errstate(invalid="ignore"):  # NumPy's own warning of inf - inf, and no other
        whole = f(x, axis=1)
        rows = [f(row, axis=0) for row in x]
    expected = getattr(torch, name)(torch.tensor(x), 1).numpy()
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    with np.errstate(invalid="ignore"):
        one = [f(np.float64(v), axis=None) for v in (np.inf, -np.inf, np.nan)]
    np.testing.assert_array_equal(
        one, [np.inf, -np.inf, np.nan] if name == "logsumexp" else [np.nan] * 3
    )


def test_parameters_of_activations_have_gradients_and_may_be_named() -> None:
    torch = pytest.importorskip("torch")
    x, a = np.array([-2.0, -0.5, 0.0, 1.5]), np.array([0.3, 0.1, 0.2, 0.4])
    ours = mg.grad(lambda a: (mg.leaky_relu(x, negative_slope=a) ** 2).sum())(a)
    t = torch.tensor(a, requires_grad=True)
    (torch.nn.functional.prelu(torch.tensor(x)[None], t) ** 2).sum().backward()
    np.testing.assert_allclose(ours, t.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(mg.elu(x, alpha=0.5), torch.nn.ELU(0.5)(torch.tensor(x)).numpy())


def test_a_failure_inside_keeps_its_cause_and_its_type() -> None:
    with pytest.raises(np.linalg.LinAlgError) as caught:
        mg.linalg.cond(mg.Tensor(np.ones((2, 3))), 1)
    assert isinstance(caught.value.__cause__, np.linalg.LinAlgError)

    class Mine(ValueError):
        pass

    def fails(x: Any) -> Any:
        raise Mine("mine")

    with pytest.raises(Mine):
        mg.apply_along_axis(fails, 0, mg.Tensor(ROWS))


# --- keywords that other libraries have --------------------------------------------------

HABITS = {
    "dim": ("axis", "NumPy calls it axis="),
    "keepdim": ("keepdims", "NumPy calls it keepdims="),
    "unbiased": ("ddof", "NumPy writes ddof=1"),
    "p": ("ord", "ord="),
    "input": ("", "give arrays by place"),
    "other": ("", "give arrays by place"),
    "inplace": ("", "results are always new arrays"),
    "device": ("", "Tensors live where their data live"),
    "bias": ("", ""),
    "requires_grad": ("", ""),
}
OFFERED = [
    (home, name)
    for home in ("minigrad", *(f"minigrad.{m}" for m in ("losses", "nn", "nn.functional", "optim",
                                                         "linalg", "fft")))
    for name in dir(importlib.import_module(home))
    if name[0] != "_" and callable(getattr(importlib.import_module(home), name))
]  # fmt: skip


@each("home, name", OFFERED)
def test_keywords_of_other_libraries_are_answered(home: str, name: str) -> None:
    function: Any = getattr(importlib.import_module(home), name)
    try:
        takes = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    mine = str(getattr(function, "__module__", "minigrad")).startswith("minigrad")
    if not mine or any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return
    ours = home != "minigrad" or isinstance(getattr(function, "op", None), Op)
    for key, (here, said) in HABITS.items():
        if key in takes:
            continue
        with pytest.raises(TypeError) as caught:
            function(**{key: "an odd value"})
        told = str(caught.value)
        if not ours or (isinstance(function, type) and issubclass(function, mg.optim.Optimiser)):
            continue  # readings and transformations: Python's own error
        if not takes and "takes no arguments" in told:  # layers without parameters
            continue
        assert f"{key}= is not supported (" in told
        assert (said if not here or here in takes else "it takes" if takes else "") in told, told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("mg.losses.mse(t, t, dim=1)", r"mse: dim= .*it takes prediction, target, re"),
        ("mg.losses.mse(t, t, reduce=False)", r"mse: reduce= .*reduction='none'"),
        ("mg.nn.functional.softmin(t, dim=1)", r"softmin: dim= .*calls it axis="),
        ("mg.nn.Softmax(dim=1)", r"Softmax: dim= .*axis="),
        ("mg.nn.ReLU(inplace=True)", r"ReLU: inplace= .*always new arrays"),
        ("mg.nn.LeakyReLU(0.1, inplace=True)", r"LeakyReLU: inplace= "),
        ("mg.nn.Linear(2, 3, device='cuda')", r"Linear: device= .*where their data live"),
        ("mg.linalg.norm(t, p=2)", r"norm: p= .*ord="),
        ("t.var(unbiased=True)", r"var: unbiased= .*ddof=1"),
        ("t.mean(dim=0, keepdim=True)", r"mean: (dim|keepdim)= .*NumPy calls it"),
    ],
)  # fmt: skip
def test_habits_of_pytorch_are_answered(call: str, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        eval(call, {"mg": mg, "t": mg.Tensor([[1.0, 2.0]], requires_grad=True)})


def test_keywords_that_ask_for_nothing_are_passed_over() -> None:
    assert mg.nn.Linear(2, 3, device="cpu")(np.ones(2)).shape == (3,)
    assert mg.nn.ReLU(inplace=False)(2.0) == 2.0
    assert mg.losses.mse(np.ones(2), np.zeros(2), device=None) == 1


class Own(mg.nn.Linear):
    def __init__(self, n: int, dim: int = 2) -> None:
        super().__init__(in_features=n, out_features=dim)


def test_classes_of_users_have_the_keywords_that_they_have() -> None:
    assert Own(3, dim=5)(np.ones(3)).shape == (5,)
    with pytest.raises(TypeError, match="keepdim"):
        Own(3, keepdim=1)  # type: ignore[call-arg]


def test_functions_that_answer_are_pickled_and_show_their_signatures() -> None:
    for function in (mg.losses.mse, mg.nn.functional.softmin, mg.nn.Linear):
        assert pickle.loads(pickle.dumps(function)) is function
    assert str(inspect.signature(mg.losses.mse)).startswith("(prediction")
    assert list(inspect.signature(mg.nn.Linear).parameters)[:2] == ["in_features", "out_features"]


def test_readings_see_through_the_wrapper() -> None:
    """Names, numbers and programs are those of the function inside."""
    inside = inspect.unwrap(mg.losses.mse)
    assert inside is not mg.losses.mse
    told = str(mg.explain(mg.grad(mg.losses.mse)))
    assert told == str(mg.explain(mg.grad(inside)))
    assert "2·(prediction - " in told and "args" not in told
    p, y = np.array([1.0, 2.0]), np.array([0.0, 1.0])
    assert "((prediction - target) ** 2).mean()" in mg.trace(mg.losses.mse, p, y).source
    step = mg.compile(mg.value_and_grad(mg.losses.mse))
    for _ in range(3):
        value, slope = step(p, y)
    assert (value, slope.tolist()) == (1.0, [1.0, 1.0])
