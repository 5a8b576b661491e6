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


@like(theirs)
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
