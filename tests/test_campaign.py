"""A share of the campaign, and that it would find something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import campaign
from minigrad.program import kernel, statements


def test_a_share_of_it() -> None:
    found = [wrong for seed in range(500, 650) if (wrong := campaign.run(seed))]
    assert not found, "\n\n".join(found)


def test_it_finds_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    ufunc_of = statements.ufunc_of

    def wrong(e: Any) -> Any:
        return np.sinh if ufunc_of(e) is np.exp else ufunc_of(e)

    monkeypatch.setattr(statements, "ufunc_of", wrong)
    monkeypatch.setattr(kernel, "ufunc_of", wrong)
    monkeypatch.setattr(campaign, "KINDS", [[np.exp]])
    _, found = campaign.campaign(seconds=20, seed=0, stop=1)
    assert "was wrong" in found[0]
    assert "exp(" in found[0]


def test_a_seed_is_one_program() -> None:
    rng = [np.random.default_rng(5) for _ in range(2)]
    calls = [campaign.call(r) for r in rng]
    plans = [str(campaign.composed(r, c.args(r))) for r, c in zip(rng, calls, strict=True)]
    assert plans[0] == plans[1]
