"""docs/coverage.md: it is what the command prints, and what it says is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.record import implementations

scipy = pytest.importorskip("scipy")
from minigrad import coverage  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"
PARTS = {"": np, "linalg": np.linalg, "fft": np.fft}
ENTRIES = [(part, e) for part in PARTS for e in coverage.numpy_entries(part)]
UFUNCS = coverage.ufunc_entries()


def test_the_page_is_what_the_command_prints() -> None:
    page = coverage.page()
    short = [x.__version__.rsplit(".", 1)[0] for x in (np, scipy)]
    assert f"NumPy {short[0]} and SciPy {short[1]}." in page
    if page.split("\n")[2:4] != PAGE.read_text(encoding="utf-8").split("\n")[2:4]:
        pytest.skip("other versions of NumPy or SciPy than the page is of")
    assert PAGE.read_text(encoding="utf-8") == page, "run python -m minigrad.coverage"


def test_every_refusal_has_its_reason() -> None:
    assert [e.name for _, e in ENTRIES if e.why == "no rule is written"] == []
    assert [e.name for e in UFUNCS if e.why == "no rule is written"] == []


def test_every_reason_is_needed() -> None:
    named = {e.name for _, e in ENTRIES} | {e.name for e in UFUNCS}
    for table, kind in (
        (coverage.ASIDE_BECAUSE, coverage.ASIDE),
        (coverage.REFUSED_BECAUSE, coverage.REFUSED),
    ):
        there = {e.name for _, e in ENTRIES if e.status == kind}
        there |= {e.name for e in UFUNCS if e.status == kind}
        for names in table.values():
            listed = set(names.split())
            assert listed & named <= there, listed & named - there


@pytest.mark.filterwarnings("ignore")  # of NumPy, about old names
def test_what_is_refused_is_an_error() -> None:
    t = mg.Tensor([1.0, 2.0], requires_grad=True)
    for e in UFUNCS:
        if e.status == coverage.REFUSED:
            f: Any = getattr(scipy.special, e.name)
            with pytest.raises(TypeError, match="not covered by minigrad"):
                f(*[t] * f.nin)
    for part, e in ENTRIES:
        if e.status == coverage.REFUSED:
            f = getattr(PARTS[part], e.name)
            for args in ((t,), (t, t), (t, 0, 1.0), (t, 0, 1.0, 0), ([t],), ([t], float), (t, "C")):
                with pytest.raises((TypeError, ValueError, AttributeError)):
                    f(*args)


def test_what_is_covered_is_registered_and_records() -> None:
    unary = 0
    for part, e in ENTRIES:
        f = getattr(PARTS[part], e.name)
        if e.status not in (coverage.DIFFERENTIABLE, coverage.CONSTANT):
            continue
        assert f in implementations
        if isinstance(f, np.ufunc) and f.nin == f.nout == 1 and e.status == coverage.DIFFERENTIABLE:
            with np.errstate(all="ignore"):  # 0.5 is not in every domain
                y = f(mg.Tensor([0.5], requires_grad=True))
            unary += 1
            assert isinstance(y, mg.Tensor) and y.requires_grad, e.name
    assert unary > 30
