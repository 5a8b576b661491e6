"""A share of the campaign, and that it would find something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import campaign
import campaign_arguments
import campaign_plans
import campaign_steps
import minigrad as mg
from minigrad.program import kernel, statements


def test_a_share_of_it() -> None:
    found = [wrong for seed in range(500, 700) if (wrong := campaign.run(seed))]
    assert not found, "\n\n".join(found)


def test_it_finds_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    ufunc_of = statements.ufunc_of

    def wrong(e: Any) -> Any:
        return np.sinh if ufunc_of(e) is np.exp else ufunc_of(e)

    monkeypatch.setattr(statements, "ufunc_of", wrong)
    monkeypatch.setattr(kernel, "ufunc_of", wrong)
    monkeypatch.setattr(campaign_plans, "KINDS", [[np.exp]])
    _, found = campaign.campaign(seconds=20, seed=0, stop=1)
    assert "was wrong" in found[0]
    assert "exp(" in found[0]


def test_a_seed_is_one_program() -> None:
    rng = [np.random.default_rng(5) for _ in range(2)]
    calls = [campaign_arguments.call(r) for r in rng]
    plans = [
        str(campaign_plans.composed(r, c.args(r), c.start)) for r, c in zip(rng, calls, strict=True)
    ]
    assert plans[0] == plans[1]


ONE: list[Any] = [
    *campaign_steps.UNARY, lambda x: 0 - x * 0.5, lambda x: np.arctan2(x, -1.0), lambda x: 1 / x,
    lambda x: x - x * 0.5, lambda x: np.minimum(x, 1), lambda x: x * 1e-3, lambda x: x / 3,
]  # fmt: skip
HARD = [0.5, -0.7, 0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 1e200, -1e200, 1e-320, 800.0, -800.0]


@pytest.mark.filterwarnings("error:the compiled")
@pytest.mark.parametrize("start", range(4))
def test_pairs_of_steps_at_numbers_that_come_later(start: int) -> None:
    """Made for 0.5, called with zeros, infinities and NaN: as a number, and in an array."""
    root = next(f for f in ONE if "0.5" in campaign_plans.named(f))  # of -inf NumPy has two
    known = [f for f in ONE if f is not root]
    pairs = [(f, g) for f in known for g in known if g is not np.signbit][start * 17 :: 68]
    for f, g in pairs:
        both = lambda x, f=f, g=g: g(f(x))
        one, many = mg.compile(both), mg.compile(both)
        for v in HARD:
            with np.errstate(all="ignore"):
                try:
                    expected = both(np.float64(v)), both(np.array([v, 0.3]))[0]
                except (TypeError, ValueError):
                    break  # NumPy takes no booleans, or whole numbers, there
                got = one(v), many(np.array([v, 0.3]))[0]
                for a, b in zip(got, expected, strict=True):
                    where = f"{campaign_plans.named(f)}, {campaign_plans.named(g)} at {v}"
                    np.testing.assert_allclose(
                        np.asarray(a, float), np.asarray(b, float), 1e-6, 1e-300, err_msg=where
                    )
