"""The checker is checked: right rules are never called wrong, wrong ones never correct."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.differences import extrapolate

# --- right rules -----------------------------------------------------------------------

POINTS: list[tuple[str, Any, list[float]]] = [
    ("sin", np.sin, [0.3, 1e3, 1e-8, 1e5]),
    ("exp", np.exp, [0.0, -30.0, 20.0, 300.0, -200.0]),
    ("log", np.log, [1e-12, 1e-6, 1.0, 1e6, 1e12]),
    ("sqrt", np.sqrt, [1e-14, 1e-8, 1.0, 1e8]),
    ("cube", lambda x: x**3, [0.0, 1e-10, 1e-5, 1e5, 1e10]),
    ("reciprocal", lambda x: 1 / x, [1e-9, -1e-6, 1e-4, 1e4]),
    ("tiny slope", lambda x: 1e-12 * x, [0.0, 1.0, 1e6]),
    ("vanishing slope", lambda x: 1e-200 * x, [1.0]),
    ("huge", lambda x: 1e12 * x**2, [0.0, 1.0, 1e6]),
    ("near a pole", np.tan, [1.5, 1.57]),
    ("at the edge of the domain", np.arcsin, [0.999, 0.999999]),
    ("near the edge", np.arctanh, [0.9999]),
    ("large offset", lambda x: x**2 + 1e6, [1.0]),
    ("fast", lambda x: np.sin(1000 * x), [0.3]),
    ("sharp", lambda x: np.tanh(1e4 * x), [0.0, 1e-5, 0.5]),
    ("saturated", mg.sigmoid, [-50.0, 0.0, 50.0, 700.0]),
    ("flat", lambda x: x * 0 + 3, [1.0]),
    ("bell", lambda x: np.exp(-(x**2)), [0.0, 1.0, 6.0]),
    ("removable", np.sinc, [0.0, 1e-3]),
    ("flat minimum", lambda x: x**4, [0.0, 1e-3]),
    ("stable", lambda x: mg.logsumexp(x * np.arange(3.0)), [0.0, 30.0]),
    ("abs near its kink", np.abs, [1e-3, -1e-6, 1e-9]),
    ("relu near its kink", mg.relu, [1e-5, -1e-5]),
]
CASES = [(f, p) for _, f, points in POINTS for p in points]
IDS = [f"{name} at {p:g}" for name, _, points in POINTS for p in points]


@pytest.mark.parametrize("f, point", CASES, ids=IDS)
def test_right_rules_are_correct(f: Any, point: float) -> None:
    report = mg.gradcheck(f, point)
    assert report.ok, report


@pytest.mark.parametrize("f, point", CASES, ids=IDS)
def test_right_rules_in_float32_are_never_wrong(f: Any, point: float) -> None:
    x = np.float32(point)
    with np.errstate(all="ignore"):
        if not np.isfinite(f(x)):
            pytest.skip("beyond float32")
    assert mg.gradcheck(f, x).verdict in ("correct", "inconclusive")


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    "factor", [-1.0, 2.0, 0.5, 0.0, 1.01, 1 + 1e-4], ids=lambda k: f"times {k}"
)
@pytest.mark.parametrize("f, point", CASES, ids=IDS)
def test_wrong_factors_are_never_correct(f: Any, point: float, factor: float) -> None:
    true = mg.grad(f)(point)
    if abs(true) <= 4e-16 * abs(float(f(point))):  # below the rounding of the function itself
        pytest.skip("nothing to see")
    scaled = mg.defop("scaled", lambda x: x, [lambda g, ans, x: g * factor])
    report = mg.gradcheck(lambda x: f(scaled(x)), point)
    assert report.verdict != "correct", report
    if abs(factor - 1) > 1e-3 and abs(true) > 1e-9 * abs(float(f(point))):
        assert report.verdict == "wrong", report


ARRAYS = [
    ("matmul", lambda a, b: a @ b, [(3, 4), (4, 2)]),
    ("broadcast", lambda a, b: a * b + a, [(3, 1), (1, 4)]),
    ("softmax", lambda a: mg.softmax(a), [(3, 5)]),
    ("several outputs", lambda a, b: {"s": a.sum(), "p": [a * b, np.exp(b)]}, [(3,), (3,)]),
    ("large", lambda a: np.tanh(a).sum() ** 2, [(40, 40)]),
    ("large and vector valued", lambda a: np.sin(a) * 3, [(1500,)]),
    ("max", lambda a: a.max(axis=0), [(4, 3)]),
    ("indexing", lambda a: a[[0, 0, 2]] ** 2, [(3, 2)]),
]


def filled(shape: Any, dtype: Any = float) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("f, shapes", [c[1:] for c in ARRAYS], ids=[c[0] for c in ARRAYS])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_rules_of_arrays(f: Any, shapes: Any, dtype: str) -> None:
    report = mg.gradcheck(f, *[filled(s, dtype) for s in shapes])
    assert report, report


def test_second_order_of_right_rules() -> None:
    for f, x in (
        (np.sin, 0.3),
        (lambda x: (x**3).sum(), filled((4,))),
        (mg.sigmoid, filled((2, 3))),
    ):
        report = mg.gradcheck(f, x, order=2)
        assert report, report
        assert report.order == 2
        assert any("second" in row.name for row in report.rows)


def test_structures_are_checked_leaf_by_leaf() -> None:
    params = {"w": filled((3, 2)), "b": filled((2,)), "steps": np.arange(3), "train": True}
    f = lambda p, x: np.tanh(x @ p["w"] + p["b"]).sum() * (2 if p["train"] else 1)
    report = mg.gradcheck(f, params, filled((4, 3)))
    assert report, report
    assert len(report.rows) == 3


def test_a_saturated_entry_does_not_spoil_the_verdict() -> None:
    assert mg.gradcheck(lambda x: mg.sigmoid(x).sum(), np.array([0.0, 25.0, 40.0, -30.0, 700.0]))


# --- wrong rules -----------------------------------------------------------------------


def one_entry(k: int, by: float) -> Any:
    """The identity with a gradient that is wrong at one place."""

    def rule(g: Any, ans: Any, x: Any) -> Any:
        factor = np.ones(x.shape)
        factor.ravel()[k] = by
        return g * factor

    return mg.defop("one_entry", lambda x: x * 1.0, [rule])


@pytest.mark.sampled(4)
@pytest.mark.parametrize("by", [-1.0, 2.0, 0.0, 1.01, 1 + 1e-4])
@pytest.mark.parametrize("shape", [(4,), (3, 3), (1200,), (50, 40)], ids=str)
def test_one_wrong_entry_is_found(shape: Any, by: float) -> None:
    k = int(np.prod(shape)) * 2 // 3
    wrong = one_entry(k, by)
    report = mg.gradcheck(
        lambda x: (wrong(x) ** 2).sum(), np.linspace(1.0, 2.0, np.prod(shape)).reshape(shape)
    )
    assert report.verdict == "wrong", report
    worst = report.worst
    assert worst is not None
    assert worst.index == tuple(np.unravel_index(k, shape))
    true = 2 * np.linspace(1.0, 2.0, np.prod(shape))[k]
    np.testing.assert_allclose(worst.numeric, true, rtol=1e-6)
    np.testing.assert_allclose(worst.autodiff, by * true, rtol=1e-12)
    text = str(report)
    assert "x[" in text and "autodiff" in text and "finite differences" in text
    assert ", ".join(map(str, worst.index)) in text


WEIGHTS = np.arange(1.0, 10.0).reshape(3, 3)


def scaled_by(rule: Any) -> Any:
    return mg.defop("f", lambda x: 2 * x, [lambda g, ans, x: rule(g)])


def weighted(rule: Any) -> Any:
    return mg.defop("f", lambda x: x * WEIGHTS, [lambda g, ans, x: rule(g * WEIGHTS)])


def summed(axis: int, rule: Any) -> Any:
    return mg.defop("f", lambda x: x.sum(axis), [lambda g, ans, x: rule(g, x.shape)])


def binary(forward: Any, left: Any, right: Any) -> Any:
    rules = [lambda g, ans, x, y: left(g, x, y), lambda g, ans, x, y: right(g, x, y)]
    return mg.defop("f", forward, rules)


WRONG: list[tuple[str, Any, list[Any]]] = [
    ("sign", mg.defop("f", np.sin, [lambda g, ans, x: -g * np.cos(x)]), [(3,)]),
    ("missing factor", mg.defop("f", np.square, [lambda g, ans, x: g * x]), [(3,)]),
    ("at the wrong point", mg.defop("f", np.exp, [lambda g, ans, x: g * x]), [(3,)]),
    ("transposed", weighted(np.transpose), [(3, 3)]),
    ("one axis flipped", weighted(lambda g: g[::-1]), [(3, 3)]),
    ("mean for sum", summed(0, lambda g, shape: np.broadcast_to(g, shape) / 3), [(3, 3)]),
    ("broadcast over the wrong axis", summed(1, np.broadcast_to), [(3, 3)]),
    (
        "a sum is missing",
        binary(lambda x, y: x * y, lambda g, x, y: g * y, lambda g, x, y: (g * x)[0]),
        [(4, 3), (3,)],
    ),
    (
        "second argument",
        binary(lambda x, y: x / y, lambda g, x, y: g / y, lambda g, x, y: g * x / y**2),
        [(3,), (3,)],
    ),
    ("not linear in g", scaled_by(lambda g: 2 * g * abs(g)), [(3,)]),
    ("NaN", scaled_by(lambda g: g * np.nan), [(3,)]),
    ("infinite", scaled_by(lambda g: g * np.inf), [(3,)]),
    ("zero", scaled_by(lambda g: g * 0), [(3,)]),
]


@pytest.mark.parametrize("f, shapes", [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_wrong_rules_are_wrong(f: Any, shapes: Any) -> None:
    report = mg.gradcheck(f, *[filled(s) + 3 for s in shapes])
    assert report.verdict == "wrong", report
    assert not report


def test_a_gradient_that_was_cut_is_wrong() -> None:
    assert mg.gradcheck(lambda x: x.detach() ** 2, 3.0).verdict == "wrong"


def test_only_the_wrong_argument_is_blamed() -> None:
    f = mg.defop("f", lambda x, y: x * y, [lambda g, ans, x, y: g * y, lambda g, ans, x, y: -g * x])
    report = mg.gradcheck(lambda left, right: f(left, right), filled((3,)), filled((3,)))
    assert [(row.name, row.verdict) for row in report.rows] == [
        ("left", "correct"),
        ("right", "wrong"),
    ]
    assert report.worst is not None and report.worst.name == "right"


def test_wrong_second_derivative_with_a_right_first() -> None:
    def rule(g: Any, ans: Any, x: Any) -> Any:
        return g * slope(x)

    slope = mg.defop("slope", np.cos, [lambda g, ans, x: g * np.sin(x)])  # lacks the minus
    f = mg.defop("f", np.sin, [rule])
    assert mg.gradcheck(f, 0.7)
    report = mg.gradcheck(f, 0.7, order=2)
    assert report.verdict == "wrong", report
    assert report.worst is not None and "second" in report.worst.name


def test_second_derivative_that_reads_data_is_wrong() -> None:
    raw = mg.defop(
        "f",
        lambda x: x**3,
        [lambda g, ans, x: g * 3 * (x.detach() if isinstance(x, mg.Tensor) else x) ** 2],
    )
    assert mg.gradcheck(raw, 2.0)
    assert mg.gradcheck(raw, 2.0, order=2).verdict == "wrong"


# --- kinks, jumps and noise ------------------------------------------------------------

KINKS = [
    ("abs", np.abs, 0.0),
    ("relu", mg.relu, 0.0),
    ("tie of max", lambda x: np.max(x), np.array([1.0, 3.0, 3.0])),
    ("maximum", lambda x: np.maximum(x, 2.0), np.array([1.0, 2.0, 3.0])),
    ("clip", lambda x: np.clip(x, -1.0, 1.0), np.array([1.0, 0.0])),
    ("norm", lambda x: np.sqrt((x**2).sum()) if np.any(x.data) else abs(x).sum(), np.zeros(1)),
    ("large argument", lambda x: np.abs(x - 1e5), 1e5),
    ("steep and smooth sides", lambda x: np.exp(np.abs(x)) * 3 + x, 0.0),
    ("floor", np.floor, 2.0),
    ("floor of a product", lambda x: np.floor(x * 3), 1.0),
    ("sign", np.sign, 0.0),
    ("jump with a slope", lambda x: np.floor(x) + x**2, 3.0),
]


@pytest.mark.parametrize("f, x", [c[1:] for c in KINKS], ids=[c[0] for c in KINKS])
def test_kinks_and_jumps(f: Any, x: Any) -> None:
    report = mg.gradcheck(f, x)
    assert report.verdict == "kink", report
    assert not report
    assert report.worst is not None and report.worst.note


def test_a_gradient_outside_the_one_sided_slopes_is_wrong() -> None:
    f = mg.defop("f", np.abs, [lambda g, ans, x: g * 3.0])
    assert mg.gradcheck(f, 0.0).verdict == "wrong"


def test_beside_a_jump_the_function_is_smooth() -> None:
    assert mg.gradcheck(np.floor, 2.3)
    assert mg.gradcheck(np.floor, 2.0001)
    assert mg.gradcheck(lambda x: np.floor(x) + x**2, 2.999)


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-8])
def test_near_a_kink_a_wrong_rule_is_wrong(distance: float) -> None:
    f = mg.defop("f", np.abs, [lambda g, ans, x: -g * np.sign(x)])
    assert mg.gradcheck(f, distance).verdict == "wrong"


def test_functions_that_are_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    report = mg.gradcheck(lambda x: x * rng.normal(), 1.0)
    assert report.verdict == "inconclusive"
    assert "different values" in str(report)


def test_functions_that_are_not_finite() -> None:
    for f, x in ((np.log, -1.0), (lambda x: x * np.nan, 1.0), (lambda x: x * np.inf, 1.0)):
        assert mg.gradcheck(f, x).verdict == "inconclusive"


def test_one_bad_element_decides() -> None:
    assert mg.gradcheck(lambda x: abs(x).sum(), np.array([1.0, 0.0, 2.0])).verdict == "kink"
    report = mg.gradcheck(lambda x: abs(x).sum(), np.array([[1.0, 2.0], [0.0, 2.0]]))
    assert report.worst is not None and report.worst.index == (1, 0)


def test_empty_arrays() -> None:
    assert mg.gradcheck(lambda x, y: x.sum() + y**2, np.ones(0), 2.0)


def test_arguments_are_left_as_they_were() -> None:
    x = filled((3,))
    t = mg.Tensor(x, requires_grad=True)
    before = x.copy()
    assert mg.gradcheck(lambda x, t: (x * t).sum(), x, t)
    np.testing.assert_array_equal(x, before)
    assert t.grad is None


def test_tolerances() -> None:
    f = mg.defop("f", lambda x: 2 * x, [lambda g, ans, x: g * 2.002])
    assert mg.gradcheck(f, 1.0).verdict == "wrong"
    assert mg.gradcheck(f, 1.0, rtol=1e-2)
    assert mg.gradcheck(f, 1.0, atol=1e-2)


# --- random functions ------------------------------------------------------------------

UNARY = {
    "sin": np.sin,
    "tanh": np.tanh,
    "exp": lambda x: np.exp(0.3 * x),
    "square": lambda x: x**2,
    "sigmoid": mg.sigmoid,
    "log": lambda x: np.log(1.5 + x * x),
    "root": lambda x: np.sqrt(1 + x**2),
    "quotient": lambda x: 1 / (2 + np.cos(x)),
    "gelu": mg.gelu,
}
compositions = st.lists(st.sampled_from(sorted(UNARY)), min_size=1, max_size=4)
numbers = st.floats(-3, 3).map(lambda x: round(x, 6))
scales = st.integers(-12, 12).map(lambda k: 10.0**k)
checked = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def compose(names: list[str]) -> Any:
    def f(x: Any) -> Any:
        for name in names:
            x = UNARY[name](x)
        return x

    return f


@checked
@given(compositions, st.lists(numbers, min_size=1, max_size=4), scales)
def test_right_compositions_are_never_wrong(names: Any, xs: Any, scale: float) -> None:
    f = compose(names)
    report = mg.gradcheck(lambda x: f(x) * scale, np.array(xs))
    assert report.verdict in ("correct", "inconclusive"), report


@checked
@given(st.lists(numbers, min_size=1, max_size=8), numbers, scales)
def test_right_polynomials_are_never_wrong(coefficients: Any, x: float, scale: float) -> None:
    def f(x: Any) -> Any:
        y = 0.0 * x
        for c in coefficients:
            y = y * x / scale + c
        return y

    report = mg.gradcheck(f, x * scale, order=2)
    assert report.verdict in ("correct", "inconclusive"), report


perturbations = st.builds(
    lambda sign, power: 1 + sign * 10.0**power, st.sampled_from([-1, 1]), st.floats(-4, 1)
).filter(lambda k: abs(k - 1) > 1.01e-4)


@checked
@given(compositions, st.lists(numbers, min_size=1, max_size=4), scales, perturbations)
def test_wrong_compositions_are_never_correct(names: Any, xs: Any, scale: float, by: float) -> None:
    f, x = compose(names), np.array(xs)
    slopes = np.abs(mg.grad(lambda x: f(x).sum())(x))
    k = int(np.argmax(slopes))
    wrong = one_entry(k, by)
    report = mg.gradcheck(lambda x: f(wrong(x)) * scale, x)
    if slopes[k] > 1e-12 * np.abs(f(x)).sum():
        assert report.verdict != "correct", report
    if slopes[k] > 1e-6 * np.abs(f(x)).sum():
        assert report.verdict == "wrong", report


def test_the_report_reads_well() -> None:
    f = mg.defop("f", lambda x: x**2, [lambda g, ans, x: g * x])
    text = str(mg.gradcheck(lambda weights: f(weights), np.array([1.0, 2.0])))
    head, row = text.splitlines()
    assert head == "gradcheck (order 1): wrong"
    assert row.startswith("  wrong: weights[")
    autodiff, numeric = (
        float(row.split(word)[1].split()[0].rstrip(",")) for word in ("autodiff ", "differences ")
    )
    assert math.isclose(2 * autodiff, numeric, rel_tol=1e-6)
    assert row.isprintable()


def test_extrapolation_takes_the_powers_of_the_step_out_one_by_one() -> None:
    """Of ``x + x³ + x⁵ + x⁷`` at 0 the first column is off by h², the second by h⁴, ..."""
    f = lambda x: x + x**3 + x**5 + x**7
    ladder = [(h, f(-h), 0.0, f(h)) for h in 0.5 ** np.arange(0, 10, 2)]
    value, error = extrapolate(ladder, 1e-16, 0.0)
    assert value == pytest.approx(1.0, abs=1e-13)
    assert error < 1e-15


def test_rounding_is_no_randomness() -> None:
    slope = mg.grad(lambda x: np.sin(np.linalg.norm(x, ord=4)))
    for seed in range(12):  # in some of them a rule rounds otherwise where it is recorded
        report = mg.gradcheck(slope, np.random.default_rng(seed).standard_normal(6))
        assert report.verdict == "correct", report


@pytest.mark.parametrize("noise", [1e-12, 1.0])
def test_randomness_is_told(noise: float) -> None:
    rng = np.random.default_rng(0)
    report = mg.gradcheck(lambda x: (x * (1 + noise * rng.random(3))).sum(), np.ones(3))
    assert report.verdict == "inconclusive"
    assert "returns different values for the same arguments" in str(report)


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match=r"gradcheck takes a function, not 3: mg.gradcheck\(f, x\)"):
        mg.gradcheck(3, 1.0)  # type: ignore[arg-type]
