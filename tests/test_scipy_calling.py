"""The mirror of SciPy is called as SciPy is: nothing lands elsewhere, nothing is passed over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

so: Any = pytest.importorskip("scipy.optimize")
from minigrad.scipy.calling import like, refuse  # noqa: E402


def theirs(x: Any, y: Any = 1, *, strict: bool = True, log: bool = False, tol: float = 1.0) -> None:
    """A function of SciPy's."""


@like(theirs, "x")
def ours(x: Any, extra: int = 0, y: Any = 1) -> tuple[Any, ...]:
    return x, extra, y


def test_arguments_by_place_are_those_of_scipy() -> None:
    assert ours(1, 2) == (1, 0, 2)
    assert ours(1, y=3, extra=4) == (1, 4, 3)


@pytest.mark.parametrize("given", [{"strict": True}, {"log": False}, {"log": None}, {"tol": 0.1}])
def test_what_changes_no_answer_is_passed_over(given: Any) -> None:
    assert ours(1, **given) == (1, 0, 1)


@pytest.mark.parametrize("given", [{"strict": False}, {"strict": None}, {"log": True}])
def test_what_would_change_it_is_refused(given: Any) -> None:
    (name,) = given
    with pytest.raises(TypeError, match=rf"^ours: {name}= is not supported here; leave it out$"):
        ours(1, **given)


def test_what_nobody_knows_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"^ours does not know tolerance=: it takes x, extra, y$"):
        ours(1, tolerance=1)
    with pytest.raises(TypeError, match=r"^ours: missing a required argument: 'x'$"):
        ours()


def test_a_zero_between_places_given_by_place() -> None:
    from minigrad.scipy import optimize

    def zero(c: Any) -> Any:
        return optimize.brentq(lambda x, c: x**3 - c, 0.0, 3.0, (c,), 1e-12, 1e-12, 200)

    assert mg.value_and_grad(zero)(8.0) == pytest.approx((2.0, 1 / 12))
    with pytest.raises(TypeError, match=r"brentq: full_output= is not supported here"):
        optimize.brentq(np.cos, 0.0, 3.0, full_output=True)
    with pytest.raises(TypeError, match=r"least_squares: loss= is not supported here"):
        optimize.least_squares(lambda x: x - 1, np.zeros(1), loss="huber")


def test_what_asks_for_the_default_is_passed_over() -> None:
    """Equal, and of one type: 1 is not True."""
    refuse("f", "scale", 2.5, float("2.5"))
    refuse("f", "mode", "".join(["fu", "ll"]), "full")
    refuse("f", "flag", None, False)
    refuse("f", "flag", False, None)
    for value, default in ((1, True), (2.0, 2), (None, 1.0), (False, "full"), ("same", "full")):
        with pytest.raises(TypeError, match="f: key= is not supported here; leave it out"):
            refuse("f", "key", value, default)


# --- Tensors in odd places ---------------------------------------------------------------

TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "origin": ("ndimage.correlate", {"input": np.ones(3), "weights": np.ones(2)}),
    "size": ("ndimage.maximum_filter", {"input": np.ones(3)}),
    "order": ("ndimage.spline_filter", {"input": np.ones(3)}),
    "zoom": ("ndimage.zoom", {"input": np.ones(3)}),
    "num": ("signal.resample", {"x": np.ones(3)}),
    "delta": ("signal.savgol_filter", {"x": np.ones(5), "window_length": 3, "polyorder": 1}),
    "initial": ("integrate.cumulative_trapezoid", {"y": np.ones(3)}),
    "points": ("integrate.quad", {"func": np.sin, "a": 0.0, "b": 2.0}),
    "rtol": ("integrate.odeint", {"func": lambda y, t: -y, "y0": [1.0], "t": [0.0, 1.0]}),
    "max_step": ("integrate.solve_ivp", {"fun": lambda t, y: -y, "t_span": (0, 1), "y0": [1.0]}),
    "bounds": ("optimize.minimize_scalar", {"fun": lambda x: x**2, "method": "bounded"}),
    "xtol": ("optimize.brentq", {"f": np.sin, "a": 2.0, "b": 4.0}),
    "l_and_u": ("linalg.solve_banded", {"ab": np.ones((1, 1)), "b": np.ones(1)}),
}


@pytest.mark.parametrize("key", TOLD)
def test_a_tensor_with_a_gradient_is_refused_by_the_name_of_its_argument(key: str) -> None:
    import minigrad.scipy as ms

    where, rest = TOLD[key]
    part, name = where.split(".")
    value: Any = mg.Tensor(1.0, requires_grad=True)
    value = {"bounds": (value, 3.0), "points": (value,), "l_and_u": (value, 0)}.get(key, value)
    with pytest.raises(TypeError, match=f"^{name}: {key}= takes no Tensor with a gradient: "):
        getattr(getattr(ms, part), name)(**rest, **{key: value})


def test_a_tensor_without_a_gradient_is_told_as_its_numbers() -> None:
    """SciPy's LSODA crashes on tolerances that are objects."""
    from minigrad.scipy import integrate, optimize

    small = mg.Tensor(1e-9)
    y = integrate.odeint(lambda y, t: -y, [1.0], [0.0, 1.0], rtol=small, atol=small)
    assert y[-1, 0] == pytest.approx(np.exp(-1))
    found = optimize.minimize_scalar(lambda x: x**2, bounds=mg.Tensor([1.0, 3.0]), method="bounded")
    assert found.x == pytest.approx(1.0, abs=1e-4)
