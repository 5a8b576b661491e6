"""``mg.why``: the place where a gradient ends is the one that ended it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.explain import Why

rng = np.random.default_rng(0)


def param(*shape: int) -> mg.Tensor:
    return mg.Tensor(rng.normal(size=shape), requires_grad=True)


def plain(w: Any, x: float) -> Any:
    return np.array(w.data) * x


class Model:
    def __init__(self) -> None:
        self.W, self.V = param(3), param(3)

    def __call__(self, x: float) -> Any:
        h = (self.W * x).detach()
        return h * self.V


# --- cut: each case with the expression that is to blame ---------------------------------------

Case = Callable[[], Why]
CUTS: list[tuple[str, str, Case]] = []
STOPS: list[tuple[str, str, str, Case]] = []


def cut(code: str, why: str) -> Callable[[Case], Case]:
    def kept(case: Case) -> Case:
        CUTS.append((code, why, case))
        return case

    return kept


def stops(verdict: str, operation: str, why: str) -> Callable[[Case], Case]:
    def kept(case: Case) -> Case:
        STOPS.append((verdict, operation, why, case))
        return case

    return kept


@cut("z.data", "z leaves the record, .data is a plain array")
def data() -> Why:
    w, u = param(3), param(3)
    z = w * 2
    L = np.sum(z.data * u)
    return mg.why(w, L)


@cut("float(z)", "float() makes a Python number of it")
def number() -> Why:
    w, u = param(), param()
    z = w * 2
    c = float(z)
    L = c * u * 3
    return mg.why(w, L)


@cut("z.item()", ".item() makes a Python number of it")
def item() -> Why:
    w, u = param(), param()
    z = w * 2
    L = u**2 + z.item()
    return mg.why(w, L)


@cut("(w * 2).detach()", ".detach() makes a copy of it that is not recorded")
def detached() -> Why:
    w, u = param(3), param(3)
    h = (w * 2).detach()
    L = (h * u).sum()
    return mg.why(w, L)


@cut("b.data", "b leaves the record, .data is a plain array")
def one_of_several() -> Why:
    w, u = param(3), param(3)
    a, b = u * 1, w * 2
    c = b.data
    L = np.sum(a * c)
    return mg.why(w, L)


@cut("np.argmax(w)", "places are whole numbers")
def place() -> Why:
    w, C = param(3), param(4, 2)
    i = np.argmax(w)
    L = C[i].sum()
    return mg.why(w, L)


@cut("w.astype(int)", "whole numbers have no derivative")
def index() -> Why:
    w = mg.Tensor([0.2, 1.7], requires_grad=True)
    C = param(4, 2)
    L = C[w.astype(int)].sum()
    return mg.why(w, L)


@cut("w > 0", "a comparison is true or false")
def comparison() -> Why:
    w, u = param(3), param(3)
    m = w > 0
    L = np.sum(u * m)
    return mg.why(w, L)


@cut("w * 2", "nothing is recorded under mg.no_grad()")
def not_recorded() -> Why:
    w, u = param(3), param(3)
    with mg.no_grad():
        z = w * 2
    L = (z * u).sum()
    return mg.why(w, L)


@cut("w.data", ".data is a plain array")
def in_a_function() -> Why:
    w, u = param(3), param(3)
    L = (plain(w, 2.0) * u).sum()
    return mg.why(w, L)


@cut("(self.W * x).detach()", ".detach() makes a copy")
def in_an_object() -> Why:
    m = Model()
    L = m(2.0).sum()
    return mg.why(m.W, L)


@cut("params['W'].data", ".data is a plain array")
def in_a_dict() -> Why:
    params = {"W": param(3), "b": param(3)}
    L = (params["W"].data * params["b"]).sum()
    return mg.why(params["W"], L)


@cut("net(X).data", ".data is a plain array")
def behind_layers() -> Why:
    net = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.ReLU(), mg.nn.Linear(4, 1))
    X, u = rng.normal(size=(5, 3)), param(5, 1)
    out = net(X).data
    L = (out * u).sum()
    return mg.why(net[0].weight, L)


@cut("(w * 2).detach()", ".detach() makes a copy")
def of_a_constant() -> Why:
    w = param(3)
    h = (w * 2).detach()
    return mg.why(h)


@pytest.mark.parametrize(("code", "why", "case"), CUTS, ids=[c.__name__ for *_, c in CUTS])
def test_the_expression_that_leaves_the_record(code: str, why: str, case: Case) -> None:
    answer = case()
    assert answer.verdict == "cut"
    (place,) = answer.places
    assert place.operation == code and why in place.why
    assert place.site is not None and place.site.filename == __file__
    assert code.replace("'", '"') in place.site.code.replace("'", '"')
    smooth = "np.where" in answer.advice
    assert smooth == any(word in why for word in ("whole numbers", "comparison"))


def test_a_cut_beside_the_path_is_not_blamed() -> None:
    w, u = param(3), param(3)
    z = w * 2
    scale = float(z.data.max())
    L = (z * u).sum() / scale
    assert mg.why(w, L).verdict == "nonzero"
    v = param(3)
    M = (v.data.size * u).sum()
    assert mg.why(v, M).verdict == "unused"
    assert str(mg.why(v, M)) == "no gradient flows from M to v: v is not used in M"


def test_without_source_the_values_tell() -> None:
    place = {"mg": mg, "np": np, "param": param}
    code = "w = param(3)\nu = param(3)\nz = w * 2\nL = (z.data * u).sum()\nanswer = mg.why(w)"
    exec(code, place)
    answer: Any = place["answer"]
    assert answer.verdict == "cut"
    (found,) = answer.places
    assert (found.operation, found.quantity) == ("multiply", "L")
    assert "the values of z as a constant" in found.why


# --- zero: each case with the operation that passes nothing on ---------------------------------


@stops("zero", "relu(z)", "all 5 entries lie where its slope is 0")
def dead_unit() -> Why:
    X, w = rng.normal(size=(5, 3)), param(3)
    z = X @ w - 100
    a = mg.relu(z)
    L = a.sum()
    return mg.why(w, L)


@stops("zero", "maximum(0, z)", "all 5 entries lie where its slope is 0")
def dead_maximum() -> Why:
    X, w = rng.normal(size=(5, 3)), param(3)
    z = X @ w - 100
    L = np.maximum(0, z).sum()
    return mg.why(w, L)


@stops("zero", "sigmoid(w)", "saturated at the value: the slope is 0")
def saturated() -> Why:
    w = mg.Tensor(40.0, requires_grad=True)
    a = mg.sigmoid(w)
    L = a * 3
    return mg.why(w, L)


@stops("vanishing", "tanh(w)", "saturated at the value: no slope is larger than 1.66026e-08")
def nearly_saturated() -> Why:
    w = mg.Tensor(9.65, requires_grad=True)
    a = np.tanh(w)
    L = a * 3
    return mg.why(w, L)


@stops("zero", "where(", "all 3 entries of w are not chosen")
def not_chosen() -> Why:
    w, u = param(3), param(3)
    L = np.where(np.ones(3, bool), u, w).sum()
    return mg.why(w, L)


@stops("zero", "relu(z)", "1 of 2 entries lie where its slope is 0; the others get no gradient")
def dead_or_not_asked() -> Why:
    z = mg.Tensor([-1.0, 2.0], requires_grad=True)
    L = (mg.relu(z) * np.array([1.0, 0.0])).sum()
    return mg.why(z, L)


@stops("zero", "X @ w", "of the largest entry that arrives, nothing is passed on to w")
def orthogonal() -> Why:
    X, w = np.array([[1.0], [1.0]]), param(1)
    z = X @ w
    L = (z * np.array([1.0, -1.0])).sum()
    return mg.why(w, L)


@stops("zero", "floor(w)", "flat between jumps")
def flat() -> Why:
    w = param(3)
    L = (np.floor(w) * 2).sum()
    return mg.why(w, L)


@stops("zero", "w * u", "has the factor u: 0")
def times_zero() -> Why:
    w, u = param(3), mg.Tensor(np.zeros(3), requires_grad=True)
    L = (w * u).sum()
    return mg.why(w, L)


@stops("zero", "w", "the 2 contributions to its gradient add up to 0")
def cancelling() -> Why:
    w = param(3)
    L = (w - w).sum()
    return mg.why(w, L)


@stops("zero", "(a - 1) ** 2", "its derivative by (a - 1) is 0 at the value")
def at_the_minimum() -> Why:
    w = mg.Tensor(1.0, requires_grad=True)
    a = w * 1
    L = (a - 1) ** 2
    return mg.why(w, L)


@stops("partly zero", "getitem(C)", "the index does not pick 48 of 54 entries of C")
def not_picked() -> Why:
    C, ix = param(27, 2), [[1, 2], [3, 2]]
    L = C[ix].sum()
    return mg.why(C, L)


@stops("partly zero", "maximum(0, z)", "2 of 3 entries lie where its slope is 0")
def some_dead() -> Why:
    z = mg.Tensor([-1.0, 2.0, -3.0], requires_grad=True)
    L = np.maximum(0, z).sum()
    return mg.why(z, L)


@stops("nan", "sqrt(w)", "infinite or no number at 1 of 3 entries")
def where_trap() -> Why:
    w = mg.Tensor([0.0, 1.0, 4.0], requires_grad=True)
    L = np.where(w.data > 0, np.sqrt(w), 0.0).sum()
    return mg.why(w, L)


@pytest.mark.parametrize(
    ("verdict", "operation", "why", "case"), STOPS, ids=[c.__name__ for *_, c in STOPS]
)
def test_the_operation_that_passes_nothing_on(
    verdict: str, operation: str, why: str, case: Case
) -> None:
    answer = case()
    assert answer.verdict == verdict
    (place,) = answer.places
    assert place.operation.startswith(operation)
    assert why in place.why


def test_the_gradient_is_that_of_the_engine() -> None:
    w, X = param(3), rng.normal(size=(5, 3))
    L = np.sum(mg.relu(X @ w) * 2)
    (expected,) = mg.gradients(L, [w])
    np.testing.assert_allclose(mg.why(w, L).gradient, expected)


def test_many_small_steps() -> None:
    x = mg.Tensor(5.0, requires_grad=True)
    h = x
    for _ in range(40):
        h = mg.sigmoid(h)
    answer = mg.why(x)
    assert answer.verdict == "vanishing"
    assert answer.places[0].why == "no step alone makes it small, all those on the way do together"


# --- None ----------------------------------------------------------------------------------------


def test_grad_is_none_all_the_same() -> None:
    w = param(3)
    z = w * 2
    L = z.sum()
    assert mg.why(w).advice == "w.grad is None: L.backward() was not called"
    L.backward()
    assert mg.why(w).advice == ""
    assert "z.grad is None because z is a result" in mg.why(z).advice
    assert "mg.gradients(L, z)" in mg.why(z).advice


def test_made_again_afterwards() -> None:
    w = param(3)
    L = w.sum()
    w = mg.Tensor(w.data, requires_grad=True)
    answer = mg.why(w, L)
    assert answer.verdict == "later"
    assert "this w was made after L was computed" in answer.text


def test_a_constant_says_what_to_write() -> None:
    w = mg.Tensor([1.0, 2.0])
    answer = mg.why(w)
    assert answer.verdict == "constant"
    assert "requires_grad=True" in answer.advice


def test_nothing_was_computed() -> None:
    w = param(3)
    assert str(mg.why(w)) == "nothing among your variables was computed from w"


def test_what_is_no_tensor() -> None:
    x = np.ones(3)
    w = param(3)
    with pytest.raises(TypeError, match=r"why: t=x \(ndarray\) is not a Tensor"):
        mg.why(x)
    with pytest.raises(TypeError, match=r"why: output=x \(ndarray\) is not a Tensor"):
        mg.why(w, x)


def test_names_are_escaped() -> None:
    w = mg.Tensor([-1.0], requires_grad=True, name="<b>\n&")
    L = mg.relu(w).sum()
    answer = mg.why(w, L)
    assert "<b>\\n&" in str(answer)
    assert "\n&" not in repr(answer)
    text = answer._repr_html_()
    assert "<b>" not in text and "&lt;b&gt;\\n&amp;" in text


@pytest.mark.parametrize("k, told", [(1.23, True), (5.0, False)])
def test_a_constant_of_many_digits_only_is_taken_for_a_value(k: float, told: bool) -> None:
    w, v = mg.Tensor(0.3, requires_grad=True), mg.Tensor(2.0, requires_grad=True)
    c = 0.3 * k
    p = w * k
    L = v * c
    assert ("it holds the values of p" in str(mg.why(w, L))) == told, p
